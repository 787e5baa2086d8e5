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

#define LIST_MAX 256
#define SIGNED_MAX 64
#define ADDRESS_LEN 75

/* A signed document: exact bytes and signatures. `text` is borrowed from the bundle. */
struct signed_text {
    const char *text;
    struct {
        char alg[16];
        struct digest key;
        uint8_t bytes64[64];
    } signatures[SIGNED_MAX];
    size_t count;
};

struct verify_person {
    struct name id;
    struct key keys[8];
    size_t key_count;
    bool administrator;
    int64_t valid_until;
};

/* The policy as a verifier needs it. JSON members are borrowed from `document`. */
struct verify_policy {
    struct digest digest;
    struct digest chain;
    struct name environment;
    int64_t version;
    struct digest prev;
    int64_t issued_at;
    json_t *groups;
    json_t *rules;
    json_t *wallets;
    struct verify_person *people;
    size_t person_count;
    char governance_group[NAME_SIZE];
    int64_t governance_m;
    json_t *document; /* owned */
};

struct verify_intent {
    struct amount amount;
    struct digest asset;
    struct digest chain;
    char destination[ADDRESS_LEN + 1];
    struct name environment;
    int64_t expires_at;
    struct amount fee_cap;
    uint64_t lane;
    struct digest memo;
    struct digest policy;
    int64_t policy_version;
    int64_t requested_at;
    struct name requester;
    uint64_t seq;
    struct digest transaction;
    uint64_t valid_from;
    uint64_t valid_until;
    struct name wallet;
    struct uuid withdrawal;
};

struct verify_approval {
    struct name approver;
    struct digest chain;
    char decision[16];
    struct name environment;
    int64_t expires_at;
    struct digest intent;
    struct digest key;
    struct digest policy;
    int64_t signed_at;
    struct uuid withdrawal;
};

struct verify_destination {
    char account[ADDRESS_LEN + 1];
    struct digest chain;
    struct name environment;
    struct name id;
    int64_t issued_at;
    struct digest policy;
    int64_t valid_until;
};

struct verify_header {
    struct digest audit;
    struct digest batch;
    struct digest chain;
    int64_t count;
    uint64_t height;
    struct digest history_root;
    struct digest last_certificate;
    struct digest prev;
    struct digest receipts_root;
    int64_t rules;
    int64_t time;
    struct digest tx_root;
    struct digest validators;
};

struct verify_receipt {
    char code[64];
    uint64_t height;
    int64_t index;
    struct digest transaction;
};

/* The digest of a document of a kind. */
void document_digest(struct digest *out, const char *kind, const char *text);

/* Reads {"document","signatures"}; no signature is looked at. */
MUST_CHECK enum status signed_text_read(struct signed_text *out, const json_t *object, struct fault *fault);

/* Reads an array [{"alg","key","sig"}] into `out`. */
MUST_CHECK enum status signatures_read(struct signed_text *out, const json_t *array, struct fault *fault);

/* True when signature `index` is by `key` and verifies over the message of the document as `kind`. */
bool signed_text_by(const struct signed_text *signed_text, size_t index, const char *kind, const struct key *key);

/* Reads a policy. Out: verify_policy_free. */
MUST_CHECK enum status verify_policy_read(struct verify_policy *out, const char *text, struct fault *fault);
void verify_policy_free(struct verify_policy *policy);

/* The person who holds a key and the key; NULL. */
const struct verify_person *verify_policy_holder(const struct key **out_key, const struct verify_policy *policy,
                                                 const struct digest *key_id);

/* True when the name stands in the list of members of the group. */
bool verify_policy_member(const struct verify_policy *policy, const char *group, const char *person);

/*
 * True when every signature of the document is a valid one of a different member of the governance group who was valid
 * at `at_utc_us`, and they are m at least.
 */
bool verify_policy_governed(const struct verify_policy *policy, const struct signed_text *document, const char *kind,
                            int64_t at_utc_us);

/* True when all administrators of the policy signed it, and nobody else. */
bool verify_policy_founded(const struct verify_policy *policy, const struct signed_text *document);

/* The wallet object of a name, NULL when there is none; its key. */
const json_t *verify_policy_wallet(struct key *out, const struct verify_policy *policy, const char *name);

/* Reads the documents of fixed fields. */
MUST_CHECK enum status verify_intent_read(struct verify_intent *out, const char *text, struct fault *fault);
MUST_CHECK enum status verify_approval_read(struct verify_approval *out, const char *text, struct fault *fault);
MUST_CHECK enum status verify_destination_read(struct verify_destination *out, const char *text, struct fault *fault);
MUST_CHECK enum status verify_header_read(struct verify_header *out, const char *text, struct fault *fault);
MUST_CHECK enum status verify_receipt_read(struct verify_receipt *out, const char *text, struct fault *fault);

/* The address of the account of a key. */
MUST_CHECK enum status verify_address(char out[ADDRESS_LEN + 1], const struct key *key);

/* The transaction that an intent describes, paid by `from`. Out: its bytes as text, owned (bytes_free). */
MUST_CHECK enum status verify_transaction(struct bytes *out, const struct verify_intent *intent, const char *from,
                                          struct fault *fault);

#endif
