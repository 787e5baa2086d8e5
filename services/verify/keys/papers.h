/*
 * What came of a key after its ceremony. Written from docs/formats.md section 2 (backup, restore, share_set, occasion).
 */
#ifndef STRONGROOM_VERIFY_PAPERS_H
#define STRONGROOM_VERIFY_PAPERS_H

#include "claim.h"

/*
 * The backup is the key's and bound to it, and nobody has part in it and in the PIN; the restore proof shows that it
 * came back. An empty path is not looked at. Out: the backup document,
 * NULL when there is none.
 */
bool claim_backup(struct claim *claim, const json_t **out_backup, const struct verify_request *request);
bool claim_restore(struct claim *claim, const json_t *backup, const char *path);

#endif
