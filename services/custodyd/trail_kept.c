/*
 * The head row says what has left; that it may, and that nothing else is missing, is shown by the trail itself.
 */
#include "trail_kept.h"

#include <stdlib.h>

#include "audit/tile.h"
#include "store/trail_read.h"
#include "trail_view.h"

static enum status from_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    uint64_t *first = context;
    struct store_head head = {0};
    enum status status = store_head_get(&head, tx, fault);
    bytes_free(&head.frontier);
    if (status == STATUS_OK) {
        *first = head.first;
    }
    return status;
}

enum status trail_kept_from(uint64_t *out, struct store *reader, struct fault *fault)
{
    return store_read(reader, from_in, out, fault);
}

enum status trail_kept_check(uint64_t first, struct store *reader, struct fault *fault)
{
    uint64_t now = 0;
    enum status status = trail_kept_from(&now, reader, fault);
    return status == STATUS_OK && now > first
               ? fault_set(fault, STATUS_CONFLICT, "export", "entries left the database while they were read")
               : status;
}

static enum status tree_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct audit_frontier *frontier = context;
    const struct audit_tile_source source = {.fetch = trail_tile_fetch, .context = &tx};
    uint64_t first = 0;
    enum status status = from_in(tx, &first, fault);
    struct audit_tile_reader *tiles = status == STATUS_OK ? malloc(sizeof(*tiles)) : NULL;
    if (tiles == NULL) {
        return status == STATUS_OK ? fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "") : status;
    }
    audit_tile_reader_init(tiles, &source, first);
    const struct audit_hash_reader hashes = audit_tile_reader_hashes(tiles);
    status = audit_frontier_read(frontier, &hashes, first, fault);
    free(tiles);
    return status;
}

enum status trail_kept_tree(struct audit_frontier *out, struct store *reader, struct fault *fault)
{
    return store_read(reader, tree_in, out, fault);
}
