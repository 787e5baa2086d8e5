/*
 * A row against the tree that was signed, and against itself.
 */
#include "trail_doubt.h"

#include "audit/leaf.h"
#include "trail_leaf.h"

static const char doubt_bytes[] = "bytes";
static const char doubt_proof[] = "proof";

/* The bytes as those of the entry under the signed root. */
static enum status doubt_signed(const char **out, struct trail *trail, const struct audit_checkpoint *checkpoint,
                                const struct store_leaf *row, struct fault *fault)
{
    struct audit_proof proof;
    struct digest hash;
    struct fault why = {0};
    enum status status = trail_prove_inclusion(&proof, trail, row->seq, checkpoint, &why);
    if (status == STATUS_CORRUPT) {
        *out = doubt_proof;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    audit_leaf_hash(&hash, row->raw.data, row->raw.len);
    bool same = audit_inclusion_verify(&proof, row->seq, checkpoint->size, &hash, &checkpoint->root, NULL) == STATUS_OK;
    *out = same ? "" : doubt_bytes;
    return STATUS_OK;
}

enum status trail_doubt(const char **out, struct trail *trail, const struct trail_extent *extent,
                        const struct store_leaf *row, struct fault *fault)
{
    const char *doubt = "";
    enum status status = STATUS_OK;
    if (extent->signed_to.size == 0) {
        doubt = doubt_proof;
    } else if (row->seq < extent->signed_to.size) {
        status = doubt_signed(&doubt, trail, &extent->signed_to, row, fault);
    } else if (row->seq >= extent->head_size) {
        doubt = doubt_bytes;
    }
    if (status == STATUS_OK) {
        *out = doubt[0] != '\0' || trail_leaf_is(row, &row->lh) ? doubt : "columns";
    }
    return status;
}
