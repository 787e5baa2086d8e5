/*
 * What is claimed of one key: its key document under a chain of policies, and the documents bound to it. Written from
 * docs/formats.md section 2 (key, attestation, backup, restore).
 */
#ifndef STRONGROOM_VERIFY_KEYS_H
#define STRONGROOM_VERIFY_KEYS_H

#include "documents.h"
#include "verify.h"

/* A file of one signed document. Zero: none. */
struct signed_file {
    json_t *file;     /* owned */
    json_t *document; /* owned */
    struct signed_text text;
    struct digest digest;
};

struct claim {
    struct report report;
    struct verify_policy policy; /* the version that the key document names */
    struct verify_policy newest; /* the last of the chain */
    struct signed_file key_file;
    struct verify_key document;
    struct key key;
};

/* Reads policies and key document and checks them: each policy follows the one before, one of them signs the document.
 */
bool claim_read(struct claim *out, const struct trust *trust, const struct verify_request *request);

/* The verdict; frees what the claim owns. */
enum verdict claim_conclude(struct claim *claim, bool proven);

/* A file of canonical JSON. Out: owned; NULL with a finding. */
json_t *claim_json(struct claim *claim, const char *part, const char *path);

/* Prints a finding and answers false. */
bool claim_fail(struct claim *claim, const char *part, const char *what);

/*
 * True when each of the names, parted by blanks, has one value in both objects, be it a text or a number; else a
 * finding that names it. `part` and `other` are what the objects are called.
 */
bool claim_agrees(struct claim *claim, const char *part, const json_t *object, const char *other,
                  const json_t *other_object, const char *names);

/*
 * The backup is the key's and bound to it, and nobody has part in it and in the PIN; the restore proof shows that it
 * came back. An empty path is not looked at.
 */
bool claim_backup(struct claim *claim, struct signed_file *out_backup, const struct verify_request *request);
bool claim_restore(struct claim *claim, const struct signed_file *backup, const char *path);

/* Frees and empties. */
void signed_file_free(struct signed_file *file);

#endif
