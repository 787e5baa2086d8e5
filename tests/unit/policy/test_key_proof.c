/*
 * Proof of control: which interval a key has, and when a proof is due and overdue.
 */
#include "policy/key_proof.h"

#include <criterion/criterion.h>

#define DAY_US (24LL * 3600 * 1000000)
#define NOW (20000 * DAY_US)

Test(key_proof, the_interval_is_in_the_key_document)
{
    struct key_document document = {.activation = KEY_UNATTENDED, .drill_days = 30};
    cr_expect(key_proof_interval_us(&document, 7 * DAY_US) == 7 * DAY_US, "who answers by himself is asked often");
    cr_expect(key_proof_interval_us(&document, 90 * DAY_US) == 30 * DAY_US, "never more than the quorum signed");
    document.activation = KEY_ATTENDED;
    cr_expect(key_proof_interval_us(&document, 7 * DAY_US) == 30 * DAY_US, "people come as the document says");
    document.drill_days = 366;
    cr_expect(key_proof_interval_us(&document, 7 * DAY_US) == 366 * DAY_US);
}

static void expect(int64_t attested_age, int64_t restored_age, enum key_proof_standing expected)
{
    struct key_proof proof;
    key_proof_judge(&proof, 8 * DAY_US, NOW - attested_age, NOW - restored_age, NOW);
    cr_expect(proof.standing == expected, "%s", key_proof_text(proof.standing));
    int64_t newest = attested_age < restored_age ? attested_age : restored_age;
    cr_expect(proof.proven_at == NOW - newest && proof.overdue_at == proof.proven_at + 8 * DAY_US);
}

Test(key_proof, is_due_before_it_is_overdue)
{
    expect(0, NOW, KEY_PROOF_FRESH);
    expect(6 * DAY_US - 1, NOW, KEY_PROOF_FRESH);
    expect(6 * DAY_US, NOW, KEY_PROOF_DUE);
    expect(8 * DAY_US, NOW, KEY_PROOF_DUE);
    expect(8 * DAY_US + 1, NOW, KEY_PROOF_OVERDUE);
    expect(NOW, NOW, KEY_PROOF_OVERDUE);
}

Test(key_proof, a_backup_that_was_proven_counts)
{
    expect(100 * DAY_US, 1 * DAY_US, KEY_PROOF_FRESH);
    expect(100 * DAY_US, 7 * DAY_US, KEY_PROOF_DUE);
    expect(7 * DAY_US, 100 * DAY_US, KEY_PROOF_DUE);
    expect(100 * DAY_US, 9 * DAY_US, KEY_PROOF_OVERDUE);
}
