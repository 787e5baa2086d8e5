/*
 * The ceremony: the transcript of making one key, step by step by distinct people, each step signed by its actor. See
 * docs/formats.md (ceremony).
 *
 * A transcript grows: ceremony_start, then for each row of its script ceremony_step_body (what the next actor signs)
 * and ceremony_append. The script is a table in the program and its digest stands in the transcript, so a transcript of
 * an edited script names no script known here. No I/O, no clock, no secret.
 */
#ifndef STRONGROOM_POLICY_CEREMONY_H
#define STRONGROOM_POLICY_CEREMONY_H

#include "policy/backup.h"
#include "policy/command.h"
#include "policy/key.h"

#define CEREMONY_KIND "ceremony"
#define CEREMONY_HEAD_KIND "ceremony_head"
#define CEREMONY_STEP_KIND "ceremony_step"
#define CEREMONY_GENERATED_KIND "generated"
#define CEREMONY_SCRIPT_KIND "script"

#define CEREMONY_ACTORS 4
#define CEREMONY_STEPS_MAX 8
#define CEREMONY_FACTS_MAX 16 /* of one step */
#define CEREMONY_FACT_MAX 1024

/* The roles of a ceremony; each is one person's. */
enum ceremony_role {
    CEREMONY_ADMINISTRATOR = 1,
    CEREMONY_CUSTODIAN_1 = 2,
    CEREMONY_CUSTODIAN_2 = 3,
    CEREMONY_WITNESS = 4,
};

/* One row of a script. Static. */
struct ceremony_script_step {
    const char *step; /* "open" */
    enum ceremony_role role;
    const char *facts[CEREMONY_FACTS_MAX]; /* names, ascending */
    size_t fact_count;
};

/* A script: what is done, by whom, and what must be said. Static. */
struct ceremony_script {
    const char *name;
    int64_t version;
    const struct ceremony_script_step *steps;
    size_t step_count;
};

/* A machine value that a step states. `name` and `value` are borrowed. */
struct ceremony_fact {
    const char *name;
    const char *value; /* 0 to 1024 printable characters */
};

struct ceremony_actor {
    struct name id;
    struct public_key key;
    enum ceremony_role role;
    bool has_seal;        /* custodians only: they receive sealed shares */
    struct seal_key seal; /* zeros without */
};

struct ceremony_step {
    struct name actor;
    int64_t at; /* microseconds UTC */
    struct digest prev;
    uint8_t sig[SIGNATURE_LEN];
    const struct ceremony_script_step *row;  /* static */
    struct bytes values[CEREMONY_FACTS_MAX]; /* owned; in the order of row->facts */
};

struct ceremony {
    struct uuid id;
    struct name environment;
    enum signer_role purpose; /* of the key */
    const struct ceremony_script *script;
    struct ceremony_actor actors[CEREMONY_ACTORS]; /* sorted by id */
    struct ceremony_step steps[CEREMONY_STEPS_MAX];
    size_t step_count; /* fewer than the script's while it is under way */
};

/* The word of a role in documents. Static; NULL for a number outside the enum. */
const char *ceremony_role_text(enum ceremony_role role);

/* The role of a word; STATUS_INVALID when there is none. */
MUST_CHECK enum status ceremony_role_parse(enum ceremony_role *out, const char *text);

/* The built-in script of this name and version, NULL when there is none. Static. */
const struct ceremony_script *ceremony_script_find(const char *name, int64_t version);

/* The canonical document of a script, for people to read and compare. Out: owned by the caller. */
MUST_CHECK enum status ceremony_script_encode(struct bytes *out, const struct ceremony_script *script,
                                              struct fault *fault);

/* Its digest. */
MUST_CHECK enum status ceremony_script_digest(struct digest *out, const struct ceremony_script *script,
                                              struct fault *fault);

/*
 * Starts a transcript without steps. The actors may come in any order; each role exactly once, people and keys (both
 * kinds) all different, seals with custodians only: STATUS_DUPLICATE_PERSON or STATUS_INVALID, naming the offender.
 * Out: free with ceremony_free.
 */
MUST_CHECK enum status ceremony_start(struct ceremony *out, const struct uuid *id, const struct name *environment,
                                      enum signer_role purpose, const struct ceremony_actor actors[CEREMONY_ACTORS],
                                      struct fault *fault);

/* The row of the script that comes next, NULL when all is done. Static. */
const struct ceremony_script_step *ceremony_next(const struct ceremony *ceremony);

/* The person in a role. Borrowed, never NULL in a started or decoded transcript. */
const struct ceremony_actor *ceremony_actor(const struct ceremony *ceremony, enum ceremony_role role);

/*
 * The document that the next actor signs (kind CEREMONY_STEP_KIND) at `at_utc_us`. The facts are exactly those of the
 * row, in any order (STATUS_MISSING_FIELD, STATUS_UNKNOWN_FIELD, STATUS_INVALID); one that was stated before has the
 * same value and time does not go back (STATUS_MISMATCH); STATUS_CONFLICT when all steps are done. For the step
 * "generate" the proof is verified as well (STATUS_PROOF_INVALID). Out: owned by the caller.
 */
MUST_CHECK enum status ceremony_step_body(struct bytes *out, const struct ceremony *ceremony,
                                          const struct ceremony_fact *facts, size_t fact_count, int64_t at_utc_us,
                                          struct fault *fault);

/*
 * Appends a step: `body` as ceremony_step_body made it, and the signature of its actor. Everything is checked again,
 * so a body may have travelled: STATUS_MISMATCH when it is not the next step of this transcript, STATUS_UNKNOWN_KEY and
 * STATUS_SIGNATURE_INVALID for the signature. On failure the transcript is as it was.
 */
MUST_CHECK enum status ceremony_append(struct ceremony *ceremony, const void *body, size_t len,
                                       const struct signature *signature, struct fault *fault);

/*
 * Reads a transcript strictly, complete or under way: form, script (name, version and digest of one built in), roles,
 * the order of the steps and their facts. No signature and no link is looked at. Out: free with ceremony_free.
 */
MUST_CHECK enum status ceremony_decode(struct ceremony *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what ceremony_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status ceremony_encode(struct bytes *out, const struct ceremony *ceremony, struct fault *fault);

/* The digest of the document bytes: what a key document names. */
void ceremony_digest(struct digest *out, const void *document, size_t len);

/*
 * Verifies what the transcript says of itself: every step is signed by its actor and names the one before, times do not
 * go back, facts of one name agree, key, key_id, alg and proof of `generate` belong together. It may be under way.
 * STATUS_MISMATCH, STATUS_SIGNATURE_INVALID, STATUS_PROOF_INVALID, with the step in `where`.
 */
MUST_CHECK enum status ceremony_check(const struct ceremony *ceremony, struct fault *fault);

/*
 * Decodes and verifies a finished transcript under a policy: ceremony_check, all steps there (STATUS_QUORUM_MISSING),
 * the environment is the policy's (STATUS_MISMATCH), and each actor is a person of the policy with the duty of the role
 * (administrator; custodian; custodian; auditor for the witness: STATUS_FORBIDDEN), holding the key that signed
 * (STATUS_UNKNOWN_KEY), valid at every own step (STATUS_EXPIRED). Out: free with ceremony_free.
 */
MUST_CHECK enum status ceremony_verify(struct ceremony *out, const void *document, size_t len,
                                       const struct policy *policy, struct fault *fault);

/*
 * A verified transcript is the one of a key document: purpose, key, algorithm, token and approved mode are the
 * document's; the creator is one of the actors and both custodians of the ceremony are custodians of the document. What
 * it says of the backup is the document's word and, when wrapped, the digest, check and threshold of `backup` (a
 * verified one; NULL unless wrapped). STATUS_MISMATCH, naming the fact. That the document names the digest of the
 * transcript is the caller's to compare.
 */
MUST_CHECK enum status ceremony_check_key(const struct ceremony *ceremony, const struct key_document *key,
                                          const struct backup *backup, struct fault *fault);

/* What the steps so far say under this name; NULL when none does. Borrowed. */
const char *ceremony_fact(const struct ceremony *ceremony, const char *name);

/*
 * The document that a new key signs (kind CEREMONY_GENERATED_KIND) to prove that it was made as told: the facts of the
 * step "generate" without `proof` (which may be among `facts` and is left out). Out: owned by the caller.
 */
MUST_CHECK enum status ceremony_generated_encode(struct bytes *out, const struct ceremony_fact *facts,
                                                 size_t fact_count, struct fault *fault);

/* Frees what it owns and empties; an empty one is fine. */
void ceremony_free(struct ceremony *ceremony);

#endif
