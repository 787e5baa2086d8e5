/*
 * Accounts: the holdings of one key, and the address that people type.
 *
 * The account id is the digest of the account document {"alg","key"}. An address is "sr1" + 64 hexadecimal digits (the
 * id) + 8 hexadecimal digits (checksum: first four bytes of SHA-256 of "strongroom/address/v1\n" + those 64
 * characters). See docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_ACCOUNT_H
#define STRONGROOM_POLICY_ACCOUNT_H

#include "base/algorithm.h"
#include "base/canon.h"

#define ACCOUNT_KIND "account"
#define ADDRESS_TEXT_SIZE 76 /* 75 characters and a NUL */

struct account_id {
    struct digest digest;
};

/* The account of a public key. STATUS_ALGORITHM_REFUSED when its algorithm is not in use, STATUS_NO_MEMORY. */
MUST_CHECK enum status account_id_from_key(struct account_id *out, const struct public_key *key, struct fault *fault);

/* Prints the address and a NUL. */
void address_format(char out76[ADDRESS_TEXT_SIZE], const struct account_id *account);

/* Reads an address; STATUS_INVALID for the wrong shape or checksum. `where` names the field in the fault. */
MUST_CHECK enum status address_parse(struct account_id *out, const char *text, const char *where, struct fault *fault);

#define ADDRESS_ENDS_SIZE 9

/*
 * What people look at in an address: the first four characters after the prefix and the last four. Two accounts with
 * the same ends look alike. Out: 8 characters and a NUL.
 */
void address_ends(char out9[ADDRESS_ENDS_SIZE], const struct account_id *account);

/* Whether the two have the same ends and are not the same account. */
bool account_id_alike(const struct account_id *a, const struct account_id *b);

/* Equality. */
bool account_id_equal(const struct account_id *a, const struct account_id *b);

/*
 * Reads a key as it stands in documents, the object {"alg","key"} (account, genesis, policy). `path` prefixes field
 * names in faults. STATUS_ALGORITHM_REFUSED, STATUS_INVALID or the statuses of canon_decode.
 */
MUST_CHECK enum status account_key_decode(struct public_key *out, const json_t *object, const char *path,
                                          struct fault *fault);

/* Builds the object {"alg","key"}. Out: one reference. */
MUST_CHECK enum status account_key_encode(json_t **out, const struct public_key *key, struct fault *fault);

#endif
