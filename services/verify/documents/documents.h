/*
 * Documents, read and judged from docs/formats.md section 2 for this program alone.
 *
 * `where` in faults names the part. The texts of documents are compared as the bytes they are.
 */
#ifndef STRONGROOM_VERIFY_DOCUMENTS_H
#define STRONGROOM_VERIFY_DOCUMENTS_H

#include "crypto.h"
#include "forms.h"

#define PEOPLE_MAX 256
#define SIGNED_MAX 64
#define SIGNED_FILE_MAX 1048576
#define ADDRESS_SIZE 76 /* with the NUL */
#define DAY_US INT64_C(86400000000)
#define AHEAD_MAX_US INT64_C(60000000) /* how far the clocks of two machines may be apart */

FORMS(FORM_STRUCT)

/* The policy as a verifier needs it. */
struct verify_policy {
    FORM_POLICY(FORM_MEMBER, FORM_MEMBER, FORM_MEMBER, )
    struct digest digest;
    const json_t *object;
};

/* A document: its exact bytes, what they say, and the signatures under it. Borrowed from the JSON it was read from. */
struct signed_text {
    const char *text;
    const json_t *object;
    struct digest digest; /* of the text, as its kind */
    struct verify_signature signatures[SIGNED_MAX];
    size_t count;
};

#define DOCUMENT_NAME(FORM, name) DOCUMENT_##FORM,
enum document { FORMS(DOCUMENT_NAME) DOCUMENT_POLICY };

/* What a document is called where it is hashed and signed. */
const char *document_kind(enum document document);

/* Reads an object strictly into its struct at `form`, which borrows lists and objects from it. */
MUST_CHECK enum status document_decode(void *form, enum document document, const json_t *object, struct fault *fault);

/* The same from the text of a document, without signatures. What is borrowed lives as long as the array `kept`. */
MUST_CHECK enum status document_read(struct signed_text *out, void *form, json_t *kept, enum document document,
                                     const char *text, struct fault *fault);

/* The same from {"document","signatures"}; no signature is looked at. */
MUST_CHECK enum status signed_text_read(struct signed_text *out, void *form, json_t *kept, enum document document,
                                        const json_t *object, struct fault *fault);

/* The digest of a document of a kind. */
void document_digest(struct digest *out, const char *kind, const char *text);

/* The same of what has the form of a document; with a key, only when the signature (64 bytes) over it is good. */
bool document_digest_json(struct digest *out, const char *kind, const json_t *value, const struct key *key,
                          const uint8_t *signature64);

/* Reads an array [{"alg","key","sig"}] into `out`. */
MUST_CHECK enum status signatures_read(struct signed_text *out, const json_t *array, struct fault *fault);

/* True when signature `index` is by `key` and verifies over the message of the document as `kind`. */
bool signed_text_by(const struct signed_text *signed_text, size_t index, const char *kind, const struct key *key);

/* The text of a member, NULL when it has none. */
const char *text_of(const json_t *object, const char *member);

/* True when `text` is one of an array of strings. */
bool lists(const json_t *array, const char *text);

/* True when `text` is one of the words, which have a blank before and behind each. */
bool is_word(const char *text, const char *words);

/* The object of an array whose `id` is the name; NULL when there is none. */
const json_t *object_named(const json_t *array, const char *name);

/*
 * Reads the version that follows `before`, or the first one, whose digest is `first` unless that is NULL. Answers NULL,
 * or what is wrong. What `out` borrows lives as long as `kept`.
 */
const char *verify_policy_follow(struct verify_policy *out, const struct verify_policy *before, json_t *kept,
                                 const json_t *object, const struct digest *first);

/* The person of a policy who holds a key, and the key; NULL when nobody does. */
const json_t *verify_policy_holder(struct key *out_key, const struct verify_policy *policy,
                                   const struct digest *key_id);

/* True when the person, NULL for nobody, is called `id` and is valid at `at_utc_us`; has the duty. */
bool verify_person_is(const json_t *person, const char *id, int64_t at_utc_us);
bool verify_person_duty(const json_t *person, const char *duty);

/* True when the name stands in the list of members of the group. */
bool verify_policy_member(const struct verify_policy *policy, const char *group, const char *person);

/*
 * True when every signature of the document is a valid one of a member of the governance group, and those of them who
 * were valid at `at_utc_us` are m different people at least.
 */
bool verify_policy_governed(const struct verify_policy *policy, const struct signed_text *document, const char *kind,
                            int64_t at_utc_us);

/* The wallet object of a name, NULL when there is none; its key. */
const json_t *verify_policy_wallet(struct key *out, const struct verify_policy *policy, const char *name);

/* The address of the account of the key that the members `alg` and `key` of an object hold; false when it has none. */
bool document_address(char out[ADDRESS_SIZE], const json_t *holder);

#endif
