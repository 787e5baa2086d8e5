/*
 * The documents of an evidence bundle, read and judged from docs/formats.md section 2 for this program alone.
 *
 * `where` in faults names the part. The texts of documents are compared as the bytes they are.
 */
#ifndef STRONGROOM_VERIFY_DOCUMENTS_H
#define STRONGROOM_VERIFY_DOCUMENTS_H

#include "base/amount.h"
#include "base/canon.h"
#include "base/id.h"
#include "crypto.h"

#define PEOPLE_MAX 256
#define SIGNED_MAX 64
#define ADDRESS_SIZE 76 /* with the NUL */

struct signature_row {
    char alg[16];
    struct digest key;
    uint8_t sig[64];
};

/* A signed document: exact bytes and signatures. `text` is borrowed from the bundle. */
struct signed_text {
    const char *text;
    struct signature_row signatures[SIGNED_MAX];
    size_t count;
};

/* The policy as a verifier needs it. JSON members are borrowed from `document`. */
struct verify_policy {
    struct digest chain, digest, prev;
    struct name environment;
    json_t *governance, *groups, *people, *rules, *wallets;
    int64_t issued_at, version;
    json_t *document; /* owned */
};

struct verify_intent {
    struct digest asset, chain, memo, policy, transaction;
    struct amount amount, fee_cap;
    char destination[ADDRESS_SIZE];
    struct name environment, requester, wallet;
    int64_t expires_at, policy_version, requested_at;
    uint64_t lane, seq, valid_from, valid_until;
    struct uuid withdrawal;
};

struct verify_approval {
    struct digest chain, intent, key, policy;
    struct name approver, environment;
    char decision[16];
    int64_t expires_at, signed_at;
    struct uuid withdrawal;
};

struct verify_destination {
    char account[ADDRESS_SIZE];
    struct digest chain, policy;
    struct name environment, id;
    int64_t issued_at, valid_until;
};

struct verify_header {
    struct digest audit, batch, chain, history_root, last_certificate, prev, receipts_root, tx_root, validators;
    int64_t count, rules, time;
    uint64_t height;
};

struct verify_receipt {
    char code[64];
    uint64_t height;
    int64_t index;
    struct digest transaction;
};

/* The documents of fixed fields; each is read into the struct of its name. */
enum document {
    DOCUMENT_APPROVAL,
    DOCUMENT_DESTINATION,
    DOCUMENT_HEADER,
    DOCUMENT_INTENT,
    DOCUMENT_RECEIPT,
};

/* Reads a document strictly into the struct at `out`. */
MUST_CHECK enum status document_read(void *out, enum document document, const char *text, struct fault *fault);

/* The digest of a document of a kind. */
void document_digest(struct digest *out, const char *kind, const char *text);

/* Reads {"document","signatures"}; no signature is looked at. */
MUST_CHECK enum status signed_text_read(struct signed_text *out, const json_t *object, struct fault *fault);

/* Reads an array [{"alg","key","sig"}] into `out`. */
MUST_CHECK enum status signatures_read(struct signed_text *out, const json_t *array, struct fault *fault);

/* True when signature `index` is by `key` and verifies over the message of the document as `kind`. */
bool signed_text_by(const struct signed_text *signed_text, size_t index, const char *kind, const struct key *key);

/* The text of a member, NULL when it has none. */
const char *text_of(const json_t *object, const char *member);

/* True when `text` is one of an array of strings. */
bool lists(const json_t *array, const char *text);

/* Reads a policy. Out: verify_policy_free. */
MUST_CHECK enum status verify_policy_read(struct verify_policy *out, const char *text, struct fault *fault);
void verify_policy_free(struct verify_policy *policy);

/* The place of the person who holds a key among `people`, and the key; -1 when nobody does. */
int verify_policy_holder(struct key *out_key, const struct verify_policy *policy, const struct digest *key_id);

/* True when the person at that place is called `id` and is valid at `at_utc_us`. */
bool verify_policy_person(const struct verify_policy *policy, int place, const char *id, int64_t at_utc_us);

/* True when the name stands in the list of members of the group. */
bool verify_policy_member(const struct verify_policy *policy, const char *group, const char *person);

/*
 * True when every signature of the document is a valid one of a member of the governance group, and those of them who
 * were valid at `at_utc_us` are m different people at least.
 */
bool verify_policy_governed(const struct verify_policy *policy, const struct signed_text *document, const char *kind,
                            int64_t at_utc_us);

/* True when all administrators of the policy signed it, two at least, and nobody else. */
bool verify_policy_founded(const struct verify_policy *policy, const struct signed_text *document);

/* The wallet object of a name, NULL when there is none; its key. */
const json_t *verify_policy_wallet(struct key *out, const struct verify_policy *policy, const char *name);

/*
 * The transaction that an intent document describes, paid from a wallet of the policy. Out: its bytes as text, owned
 * (bytes_free).
 */
MUST_CHECK enum status verify_transaction(struct bytes *out, const char *intent, const json_t *wallet,
                                          struct fault *fault);

#endif
