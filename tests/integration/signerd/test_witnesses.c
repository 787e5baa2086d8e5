/*
 * A signer that waits for witnesses, from the position of a custodyd that lies: whatever it hands over, nothing is
 * promised before enough different witnesses have cosigned the checkpoint of the entry.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "audit/witness.h"
#include "samples.h"
#include "transfer.h"

#define STRANGER 9

static const uint8_t witnesses[] = {2, 3, 4};

static void witness_key(struct audit_key *out, uint8_t number)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "w%u", number);
    sample_key(out, name, AUDIT_KEY_COSIGNATURE, number);
}

/* The policy: two of three. Out: the option that names its file. */
static const char *policy_option(void)
{
    static char option[300];
    char path[280];
    (void)snprintf(path, sizeof(path), "%s.witnesses", place.socket);
    (void)snprintf(option, sizeof(option), "--witnesses=%s", path);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fprintf(file, "{\"quorum\":2,\"witnesses\":[");
    for (size_t i = 0; i < sizeof(witnesses); i++) {
        struct audit_key key;
        char vkey[AUDIT_VKEY_SIZE];
        witness_key(&key, witnesses[i]);
        audit_key_format(vkey, &key);
        (void)fprintf(file, "%s{\"key\":\"%s\",\"url\":\"http://127.0.0.1:1\"}", i == 0 ? "" : ",", vkey);
    }
    (void)fprintf(file, "]}\n");
    cr_assert_eq(fclose(file), 0);
    return option;
}

/* Adds a cosignature of the checkpoint in the proof of an order, or of `other` if that is given. */
static void cosign(struct order *order, uint8_t number, const struct order *other, uint8_t flaw)
{
    struct audit_tlog_proof proof = {0};
    struct audit_note note;
    struct audit_key key;
    struct bytes message = {0};
    struct bytes line = {0};
    struct bytes out = {0};
    struct buffer buffer;
    uint8_t signature[SIGNATURE_LEN];
    const struct order *from = other == NULL ? order : other;
    MUST(audit_tlog_proof_parse(&proof, from->proof.data, from->proof.len, NULL));
    MUST(audit_note_parse(&note, proof.note, proof.note_len, NULL));
    witness_key(&key, number);
    MUST(audit_cosignature_message(&message, 1800000000, note.body, note.body_len, NULL));
    sample_sign(signature, number, message.data, message.len);
    signature[0] ^= flaw;
    MUST(audit_cosignature_line(&line, &key, 1800000000, signature, NULL));
    buffer_init(&buffer); /* the note is the end of the proof */
    buffer_append(&buffer, order->proof.data, order->proof.len);
    buffer_append(&buffer, line.data, line.len);
    MUST(buffer_finish(&out, &buffer));
    bytes_free(&order->proof);
    order->proof = out; /* transferred */
    bytes_free(&message);
    bytes_free(&line);
    audit_tlog_proof_wipe(&proof);
}

static struct order earlier; /* an order under an older checkpoint */

static void none(struct order *order)
{
    (void)order;
}

static void one(struct order *order)
{
    cosign(order, 2, NULL, 0);
}

static void one_twice(struct order *order)
{
    cosign(order, 2, NULL, 0);
    cosign(order, 2, NULL, 0);
}

static void one_and_a_stranger(struct order *order)
{
    cosign(order, 2, NULL, 0);
    cosign(order, STRANGER, NULL, 0);
}

static void two_and_a_forged_one(struct order *order)
{
    cosign(order, 2, NULL, 0);
    cosign(order, 3, NULL, 0);
    cosign(order, 4, NULL, 1);
}

static void those_of_an_older_checkpoint(struct order *order)
{
    cosign(order, 2, &earlier, 0);
    cosign(order, 3, &earlier, 0);
}

static const struct {
    const char *name;
    void (*apply)(struct order *order);
} lies[] = {
    {"none", none},
    {"one", one},
    {"one twice", one_twice},
    {"one and a stranger", one_and_a_stranger},
    {"two and a forged one", two_and_a_forged_one},
    {"those of an older checkpoint", those_of_an_older_checkpoint},
};

static void start(const char *tier)
{
    const char *further[] = {NULL, tier, NULL};
    place_make(&place, ROLE_TRANSFER, ALGORITHM_P256);
    further[0] = policy_option();
    transfer_start_with(further);
}

Test(witnesses, nothing_is_promised_before_enough_have_cosigned)
{
    struct digest id;
    struct order order;
    start("--witness-tier=hot");
    order_init(&earlier, &world, 1, 0);
    order_init(&order, &world, 2, 0);
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        order_prove(&order, &world, LOG);
        lies[i].apply(&order);
        order_expect_refused(&order, STATUS_NOT_READY, "witnesses", lies[i].name);
        order_expect_promised(WIRE_PROMISED_NEVER);
    }
    order_prove(&order, &world, LOG);
    cosign(&order, 4, NULL, 0);
    cosign(&order, STRANGER, NULL, 0);
    cosign(&order, 2, NULL, 0);
    order_expect_signed(&id, &order);
    order_wipe(&order);
    order_wipe(&earlier);
    transfer_finish();
}

Test(witnesses, a_warmer_wallet_waits_for_nobody)
{
    struct digest id;
    struct order order;
    start("--witness-tier=warm");
    order_init(&order, &world, 1, 0);
    order_expect_signed(&id, &order);
    order_wipe(&order);
    transfer_finish();
}

Test(witnesses, options_that_would_wait_for_nobody_are_refused)
{
    static const char *const tiers[] = {"--witness-tier=hot", "--witness-tier=lukewarm"};
    place_make(&place, ROLE_TRANSFER, ALGORITHM_P256);
    transfer_start_with(NULL);
    cr_assert_eq(place_stop(&place, SIGTERM), 0);
    const char *policy = policy_option();
    const char *alone[] = {policy, NULL};
    cr_expect_not(place_start(&place, alone, NULL));
    cr_expect_eq(place.exit_status, 64, "%s", place.log);
    const char *no_file[] = {tiers[0], NULL};
    cr_expect_not(place_start(&place, no_file, NULL));
    const char *unknown[] = {policy, tiers[1], NULL};
    cr_expect_not(place_start(&place, unknown, NULL));
    cr_expect_eq(place.exit_status, 64, "%s", place.log);
    transfer_finish();
}
