/*
 * The transaction of an intent. Written from docs/formats.md section 2 for this program alone.
 */
#ifndef STRONGROOM_VERIFY_TRANSACTION_H
#define STRONGROOM_VERIFY_TRANSACTION_H

#include "documents.h"

/*
 * The transaction that an intent document describes, paid from a wallet of the policy. Out: its bytes as text, owned
 * (bytes_free).
 */
MUST_CHECK enum status transaction_rebuild(struct bytes *out, const char *intent, const json_t *wallet,
                                           struct fault *fault);

#endif
