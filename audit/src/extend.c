/* The one rule of everybody who signs checkpoints of a log. */
#include "audit/extend.h"

enum audit_extension audit_extend(const struct audit_remembered *last, uint64_t old, const struct audit_proof *proof,
                                  const struct audit_checkpoint *next)
{
    if (next->size < last->size) {
        return AUDIT_EXTENSION_BEHIND;
    }
    if (next->size == last->size) {
        return digest_equal(&next->root, &last->root) ? AUDIT_EXTENSION_SAME : AUDIT_EXTENSION_FORK;
    }
    if (old != last->size) {
        return AUDIT_EXTENSION_ELSEWHERE;
    }
    return audit_consistency_verify(proof, old, &last->root, next->size, &next->root, NULL) == STATUS_OK
               ? AUDIT_EXTENSION_PROVEN
               : AUDIT_EXTENSION_UNPROVEN;
}
