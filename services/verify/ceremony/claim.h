/*
 * What is claimed of one key: its key document under a chain of policies, and the documents bound to it. Written from
 * docs/formats.md section 2 (key, ceremony).
 */
#ifndef STRONGROOM_VERIFY_CLAIM_H
#define STRONGROOM_VERIFY_CLAIM_H

#include "documents.h"
#include "verify.h"

struct claim {
    struct report report;
    json_t *kept;                /* owned: files and documents, from which all borrow */
    struct verify_policy policy; /* the version that the key document names; its `object` is NULL until it was read */
    struct verify_policy newest; /* the last of the chain */
    struct signed_text key_text;
    struct verify_key document;
    struct key key;
};

/* Reads policies and key document and checks them: each policy follows the one before, one of them signs the document.
 */
bool claim_read(struct claim *out, const struct trust *trust, const struct verify_request *request);

/* The verdict; frees what the claim owns. */
enum verdict claim_conclude(struct claim *claim, bool proven);

/* A file of canonical JSON; NULL with a finding. */
json_t *claim_json(struct claim *claim, const char *part, const char *path);

/*
 * True when each of the names, parted by blanks, has one value in both objects, be it a text or a number; else a
 * finding that names it. `part` and `other` are what the objects are called.
 */
bool claim_agrees(struct claim *claim, const char *part, const json_t *object, const char *other,
                  const json_t *other_object, const char *names);

/* True when two values are the same, be one of them a text and the other a number or boolean of this text. */
bool claim_same(const json_t *a, const json_t *b);

/* True when each of the names, an array, has the duty in the version that the key document names. */
bool claim_custodians(const struct claim *claim, const json_t *names);

/* Reads a signed document, or that in a file, into its struct at `form`; no signature is looked at. */
bool claim_read_signed(struct claim *claim, struct signed_text *out, void *form, enum document document,
                       const json_t *object);
bool claim_read_file(struct claim *claim, struct signed_text *out, void *form, enum document document,
                     const char *path);

/*
 * Replays a transcript: script, order, links, signatures and duties, facts, the proof of the new key; and the key
 * document, and the backup document unless it is NULL, say what it says. Out: the id of the ceremony.
 */
bool ceremony_replay(struct claim *claim, char out_id[UUID_TEXT_SIZE], const char *path, const json_t *backup);

#endif
