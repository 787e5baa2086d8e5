/*
 * The custodians that a secret is shared among, and the papers that come of it.
 */
#ifndef STRONGROOM_SIGNERD_CUSTODIANS_H
#define STRONGROOM_SIGNERD_CUSTODIANS_H

#include "base/secret.h"
#include "policy/backup.h"

/* A person who is to keep a share, where, and the key that it is sealed for, signed by that person. */
struct custodian {
    struct name id;
    struct name site;
    struct sealing_paper seal;
};

struct custodians {
    struct custodian list[BACKUP_SHARES_MAX]; /* ascending by id */
    size_t count;
};

/*
 * Reads `name:site:file,name:site:file` (file: the signed sealing key of that person, of these days), 2 to 16, in any
 * order. People, sites and keys are all different: STATUS_INVALID or STATUS_DUPLICATE_PERSON, naming the person. Who
 * signed is for custodians_verify.
 */
MUST_CHECK enum status custodians_parse(struct custodians *out, const char *text, struct fault *fault);

/*
 * They are custodians of the policy in this file or folder, and each signed the own sealing key
 * (share_table_check_people, now).
 */
MUST_CHECK enum status custodians_verify(const struct custodians *custodians, const char *policy_path,
                                         struct fault *fault);

/* The shares of a secret: who has which, and each one sealed, as its document. */
struct custodian_shares {
    struct share_table table;
    struct share_document documents[BACKUP_SHARES_MAX]; /* owned; of table.holders[i] */
};

/* What is shared, for whom. Borrowed. */
struct custodian_order {
    const struct custodians *custodians;
    const struct secret *secret;
    unsigned threshold;
    enum share_of of;
    struct digest key; /* key id */
};

/*
 * Splits the secret, seals each share for its custodian, and wipes them. Out: free with custodian_shares_free.
 * STATUS_INVALID (threshold), STATUS_IO (no randomness), STATUS_NO_MEMORY.
 */
MUST_CHECK enum status custodian_shares_make(struct custodian_shares *out, const struct custodian_order *order,
                                             struct fault *fault);

/*
 * Writes share-<custodian>.json for each into the folder (papers_write). `set` is the digest of the document that says
 * who has which: the backup or the share set.
 */
MUST_CHECK enum status custodian_shares_write(struct custodian_shares *shares, const struct digest *set,
                                              const char *folder, struct fault *fault);

/* Frees what it owns and empties; an empty one is fine. */
void custodian_shares_free(struct custodian_shares *shares);

/* The rows that the table will have, without indexes and commitments: to be judged before anything is split. */
void custodians_table(struct share_table *out, const struct custodians *custodians);

/* The share set in a signed document of this file, and its digest. Whoever starts a signer with it checks who signed.
 */
MUST_CHECK enum status custodian_set_read(struct share_set *out, struct digest *out_digest, const char *path,
                                          struct fault *fault);

#endif
