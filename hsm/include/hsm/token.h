/*
 * One PKCS#11 token, opened once by the process that owns it: module, slot, login and a fixed set of sessions.
 *
 * A process opens at most one token at a time and spends at most one PIN attempt in its life: after a refused PIN every
 * further open answers STATUS_PIN_REFUSED without asking the token, and the process is expected to exit. After the
 * token, a session or the login was lost, every call answers STATUS_TOKEN for good: the PIN is gone by then, so only a
 * new process can log in again.
 *
 * Open after the last fork: a child cannot use the token of its parent (STATUS_TOKEN).
 */
#ifndef STRONGROOM_HSM_TOKEN_H
#define STRONGROOM_HSM_TOKEN_H

#include <stddef.h>

#include "base/digest.h"
#include "base/secret.h"
#include "base/status.h"

/* Lengths of PKCS #11 CK_TOKEN_INFO and a NUL. */
#define HSM_TOKEN_LABEL_SIZE 33
#define HSM_TOKEN_SERIAL_SIZE 17
#define HSM_TOKEN_MANUFACTURER_SIZE 33
#define HSM_TOKEN_MODEL_SIZE 17
#define HSM_TOKEN_VERSION_SIZE 8 /* "255.255" */
#define HSM_MODULE_PATH_SIZE 1024
#define HSM_SESSIONS_MAX 64
#define HSM_KEYS_MAX 256

/* Where the locks of all tokens of a host are: in the first of these that is there. */
#define HSM_LOCK_FOLDER_OWN "/run/lock/strongroom" /* made by the administrator for the users of signers alone */
#define HSM_LOCK_FOLDER "/run/lock"                /* of every Debian, open to all */

struct hsm_token;

/*
 * Which token: every field that is not empty must agree, and a label or a serial must be given. Two tokens that agree
 * are a refusal, so the serial decides where labels repeat. Slot numbers are no identity: they move. hsm/uri.h reads
 * one from a PKCS #11 URI.
 */
struct hsm_token_selector {
    char label[HSM_TOKEN_LABEL_SIZE];
    char serial[HSM_TOKEN_SERIAL_SIZE];
    char manufacturer[HSM_TOKEN_MANUFACTURER_SIZE];
    char model[HSM_TOKEN_MODEL_SIZE];
};

/*
 * What the token and its module say of themselves, padding cut off. The hash is that of the file that was loaded, read
 * before it was.
 */
struct hsm_token_facts {
    char label[HSM_TOKEN_LABEL_SIZE];
    char serial[HSM_TOKEN_SERIAL_SIZE];
    char manufacturer[HSM_TOKEN_MANUFACTURER_SIZE];
    char model[HSM_TOKEN_MODEL_SIZE];
    char firmware[HSM_TOKEN_VERSION_SIZE]; /* "2.6" */
    char hardware[HSM_TOKEN_VERSION_SIZE];
    bool rng; /* CKF_RNG: it has a random number generator of its own */
    char module_path[HSM_MODULE_PATH_SIZE];
    struct digest module_sha256;
};

/* How the sessions of this process may use the token. */
enum hsm_token_use {
    HSM_TOKEN_SIGN,     /* read-only sessions: the token itself refuses to make, change or destroy token objects */
    HSM_TOKEN_GENERATE, /* read-write sessions, for a ceremony: make, restore, destroy */
};

struct hsm_token_config {
    const char *module_path; /* absolute path of the PKCS#11 module */
    struct hsm_token_selector selector;
    size_t session_count; /* 1..HSM_SESSIONS_MAX: as many signatures run at the same time, further ones wait */
    enum hsm_token_use use;
    bool restored; /* keys that were not born on this token may be on it (hsm/key.h); otherwise one keeps it closed */
    const char *lock_folder; /* NULL or "": HSM_LOCK_FOLDER_OWN, HSM_LOCK_FOLDER; the same for all on this host */
};

/*
 * Loads the module, checks SoftHSM's files when it is SoftHSM (hsm/softhsm.h), finds the token, takes its lock,
 * opens the sessions, logs in as user with `pin` and audits every object that is then visible: hsm/key.h says what a
 * key must be; a secret key, or a public key of which there is no private one, is none of ours and refuses. A PIN that
 * anybody would try first (hsm/pin.h) is refused before the token is asked. `pin` is borrowed for the call and kept
 * nowhere: the caller frees it right afterwards, whatever the answer. One process of a host has a token open at a time:
 * two that write to SoftHSM's files can destroy keys. The lock is a flock, on a file of that folder named by serial and
 * label, and ends with hsm_token_close or the process. The folder belongs to root or this user and has the sticky bit
 * when others may write to it. Out: free with hsm_token_close. STATUS_NOT_FOUND (no token agrees with every given field
 * of the selector), STATUS_CONFLICT (two do; this process has a token open; another one has this token: where is its
 * serial, detail that process), STATUS_IO (the lock's folder), STATUS_PIN_REFUSED (wrong PIN, or not even tried because
 * it is a default one or the token has a locked PIN, one last attempt or none set), STATUS_KEY_UNFIT (where: the
 * object, detail: the attribute), STATUS_CORRUPT (where: the file), STATUS_TOKEN, STATUS_INVALID (config),
 * STATUS_NO_MEMORY.
 */
MUST_CHECK enum status hsm_token_open(struct hsm_token **out, const struct hsm_token_config *config,
                                      const struct secret *pin, struct fault *fault);

/*
 * Logs out, closes the sessions, unloads the module and frees every key of the token. NULL is fine. No other call may
 * be running.
 */
void hsm_token_close(struct hsm_token *token);

/*
 * Asks the token and one of the sessions whether they are still there and logged in; so a token is found gone that
 * nobody uses. STATUS_TOKEN.
 */
MUST_CHECK enum status hsm_token_probe(struct hsm_token *token, struct fault *fault);

/* Label and serial the token itself gave. Borrowed, valid until hsm_token_close. */
const struct hsm_token_selector *hsm_token_identity(const struct hsm_token *token);

/* What token and module say of themselves. Borrowed, valid until hsm_token_close. */
const struct hsm_token_facts *hsm_token_facts(const struct hsm_token *token);

/*
 * `len` bytes of the token's own random number generator. STATUS_TOKEN. To be mixed with the kernel's, never used
 * alone.
 */
MUST_CHECK enum status hsm_token_random(struct hsm_token *token, void *out, size_t len, struct fault *fault);

#endif
