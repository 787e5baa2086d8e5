/*
 * Key files of people: an encrypted private key (PKCS #8, PBES2 with scrypt and AES-256-CBC, PEM). `openssl pkey` reads
 * them.
 *
 * The private key is decrypted for one signature and wiped. An approver with a hardware token does not use these files.
 */
#ifndef STRONGROOM_CUSTODY_KEYFILE_H
#define STRONGROOM_CUSTODY_KEYFILE_H

#include "base/algorithm.h"
#include "base/seal.h"
#include "base/secret.h"

struct keyfile;

/*
 * Makes a key pair and writes the encrypted private key to `path`, mode 0600, synced; an existing file is never
 * replaced (STATUS_EXISTS). STATUS_ALGORITHM_REFUSED when the algorithm is not for new keys. `passphrase` has at least
 * 8 bytes. Out: the public key.
 */
MUST_CHECK enum status keyfile_generate(struct public_key *out, const char *path, enum algorithm algorithm,
                                        const struct secret *passphrase, struct fault *fault);

/* Opens a key file. STATUS_INVALID when the passphrase does not fit or it is no such file. Out: keyfile_free. */
MUST_CHECK enum status keyfile_open(struct keyfile **out, const char *path, const struct secret *passphrase,
                                    struct fault *fault);

/* The public key. Borrowed, valid as long as the key file. */
const struct public_key *keyfile_public_key(const struct keyfile *keyfile);

/* Signs the message of a document (base/digest.h), in the form of base/algorithm.h; verified before it is answered. */
MUST_CHECK enum status keyfile_sign(struct signature *out, const struct keyfile *keyfile, const char *kind,
                                    const void *document, size_t len, struct fault *fault);

/*
 * Signs the cosignature of a witness of this time over the note body (audit/checkpoint.h); verified before it is
 * answered. The key must be ed25519 (STATUS_ALGORITHM_REFUSED).
 */
MUST_CHECK enum status keyfile_cosign(uint8_t out64[SIGNATURE_LEN], const struct keyfile *keyfile, uint64_t time_s,
                                      const void *body, size_t len, struct fault *fault);

/* Wipes and frees. NULL is fine. */
void keyfile_free(struct keyfile *keyfile);

/*
 * The personal sealing key of a custodian: an X25519 pair to which shares are sealed (base/seal.h), in a file of the
 * same form and by the same rules as keyfile_generate. It never signs. Out: the public key.
 */
MUST_CHECK enum status keyfile_generate_seal(struct seal_key *out, const char *path, const struct secret *passphrase,
                                             struct fault *fault);

/* The private sealing key of such a file, in the secure heap; secret_free. STATUS_INVALID as keyfile_open. */
MUST_CHECK enum status keyfile_open_seal(struct secret *out, const char *path, const struct secret *passphrase,
                                         struct fault *fault);

#endif
