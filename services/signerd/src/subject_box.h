/*
 * Personal data at rest: a value with its salt, encrypted under the key of its subject and bound to its row.
 *
 *   sealed = nonce12 || AES-256-GCM(key32, nonce12, salt32 || value, aad) || tag16
 *   aad    = {"commitment":hash,"event":uuid,"field":word,"subject":uuid}, canonical
 *   commitment = HMAC-SHA-256(salt32, "custody-pii/v1\n" field "\n" event "\n" value)   (audit/pii.h)
 */
#ifndef STRONGROOM_SIGNER_SUBJECT_BOX_H
#define STRONGROOM_SIGNER_SUBJECT_BOX_H

#include "audit/pii.h"
#include "base/id.h"
#include "base/secret.h"
#include "wire/message.h"

#define SUBJECT_KEY_LEN 32
#define SUBJECT_SEALED_OVERHEAD (12 + AUDIT_PII_SALT_LEN + 16)

/*
 * Seals a value of 1 to WIRE_SUBJECT_VALUE_MAX bytes: a fresh salt, its commitment, the sealed bytes. In/out: `row` has
 * event and field. Out: row->sealed owned by the caller. STATUS_INVALID (where: `value`), STATUS_NO_MEMORY, STATUS_IO.
 */
MUST_CHECK enum status subject_box_seal(struct wire_subject_row *row, const struct uuid *subject,
                                        const struct secret *key32, const struct bytes *value, struct fault *fault);

/*
 * Opens a row of a subject and holds it against its commitment. STATUS_MISMATCH when it is of another subject, event,
 * field or commitment, or was altered. Out: salt and value, secret_free.
 */
MUST_CHECK enum status subject_box_open(struct secret *out, const struct wire_subject_row *row,
                                        const struct uuid *subject, const struct secret *key32, struct fault *fault);

#endif
