/*
 * The trail as a tiled log (C2SP tlog-tiles) under /audit: tiles for everybody, since hashes say nothing of what they
 * are of, and the entries themselves for auditors. What is sent leads to the signed root, or it is not sent.
 */
#include "record.h"
#include "resources.h"
#include "service.h"
#include "store/trail_read.h"
#include "trail_kept.h"
#include "trail_signed.h"

/* A tile or bundle never changes, be it full or partial. */
#define FOREVER_FOR_ALL "public, max-age=31536000, immutable"
#define FOREVER_FOR_ONE "private, max-age=31536000, immutable"
#define BINARY "application/octet-stream"
#define LENGTH_SIZE 2

static enum status read_path(struct audit_tile *out, const struct http_request *request, bool entries,
                             struct fault *fault)
{
    char path[HTTP_PARAMETER_SIZE + sizeof("entries/")];
    bool is_entries = false;
    (void)snprintf(path, sizeof(path), "%s%s", entries ? "entries/" : "", request->parameters[0]);
    enum status status = audit_tile_path_parse(out, &is_entries, path, fault);
    INVARIANT(status != STATUS_OK || is_entries == entries); /* the table of routes has the longer pattern first */
    return status;
}

enum status trail_tile_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct audit_tile tile;
    struct digest hashes[AUDIT_TILE_WIDTH];
    enum status status = read_path(&tile, request, false, fault);
    if (status == STATUS_OK) {
        status = trail_tile(hashes, service->trail, &tile, fault);
    }
    if (status == STATUS_OK) {
        status = http_reply_text(reply, BINARY, hashes, tile.width * sizeof(hashes[0]));
    }
    if (status == STATUS_OK) {
        reply->cache_control = FOREVER_FOR_ALL;
    }
    return status;
}

/* One entry of a bundle: u16 big-endian length, then the leaf, whose hash is the tile's. */
static bool append_leaf(struct buffer *buffer, const struct store_leaf *leaf, uint64_t seq,
                        const struct digest *expected)
{
    struct digest hash;
    audit_leaf_hash(&hash, leaf->raw.data, leaf->raw.len);
    if (leaf->seq != seq || leaf->raw.len > UINT16_MAX || !digest_equal(&hash, expected)) {
        return false;
    }
    const uint8_t length[LENGTH_SIZE] = {(uint8_t)(leaf->raw.len >> 8), (uint8_t)leaf->raw.len};
    buffer_append(buffer, length, sizeof(length));
    buffer_append(buffer, leaf->raw.data, leaf->raw.len);
    return true;
}

struct bundle {
    struct audit_tile tile;
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct bytes out;  /* owned */
    uint64_t doubtful; /* when it is corrupt: the first entry that is not there as it was signed */
};

static enum status append_leaves(struct bundle *bundle, const struct store_leaf_list *list, struct fault *fault)
{
    struct buffer buffer;
    uint64_t first = bundle->tile.index * AUDIT_TILE_WIDTH;
    size_t good = 0;
    buffer_init(&buffer);
    while (good < list->count && append_leaf(&buffer, &list->rows[good], first + good, &bundle->hashes[good])) {
        good++;
    }
    if (good < bundle->tile.width) {
        buffer_free(&buffer);
        bundle->doubtful = first + good;
        return fault_set(fault, STATUS_CORRUPT, "trail", "row %llu is not the entry that was signed",
                         (unsigned long long)bundle->doubtful);
    }
    bytes_free(&bundle->out);
    return buffer_finish(&bundle->out, &buffer);
}

static enum status bundle_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct bundle *bundle = context;
    struct store_leaf_list list = {0};
    uint64_t first = bundle->tile.index * AUDIT_TILE_WIDTH;
    const struct store_leaf_filter filter = {
        .from_seq = first, .to_seq = first + bundle->tile.width, .limit = bundle->tile.width};
    enum status status = store_leaf_list(&list, tx, &filter, fault);
    if (status == STATUS_OK) {
        status = append_leaves(bundle, &list, fault);
    }
    store_leaf_list_free(&list);
    return status;
}

/* What an archive has is not here, and that is no fault. */
static enum status explain_missing(struct service *service, const struct audit_tile *tile, struct fault *fault)
{
    uint64_t first = 0;
    struct fault why = {0};
    enum status status = trail_kept_from(&first, service->reader, &why);
    if (status != STATUS_OK || tile->index * AUDIT_TILE_WIDTH >= first) {
        return STATUS_CORRUPT;
    }
    fault_clear(fault);
    return fault_set(fault, STATUS_NOT_FOUND, "tile", "the entries below %llu are in the archive",
                     (unsigned long long)first);
}

enum status trail_entries_tile_read(struct service *service, const struct http_request *request,
                                    struct http_reply *reply, struct fault *fault)
{
    struct bundle bundle = {0};
    enum status status = read_path(&bundle.tile, request, true, fault);
    bundle.doubtful = TRAIL_TREE;
    if (status == STATUS_OK) {
        status = trail_tile(bundle.hashes, service->trail, &bundle.tile, fault);
    }
    if (status == STATUS_OK) {
        status = store_read(service->reader, bundle_in, &bundle, fault);
    }
    if (status == STATUS_CORRUPT) {
        status = explain_missing(service, &bundle.tile, fault);
    }
    if (status == STATUS_CORRUPT) {
        fault_clear(fault);
        status = bundle.doubtful == TRAIL_TREE ? trail_corrupt_tile(service->trail, bundle.tile.index, fault)
                                               : trail_corrupt_row(service->trail, bundle.doubtful, NULL, fault);
    }
    if (status != STATUS_OK) {
        bytes_free(&bundle.out);
        return status;
    }
    reply->cache_control = FOREVER_FOR_ONE;
    reply->content_type = BINARY;
    reply->body = bundle.out; /* transferred */
    reply->results = bundle.tile.width;
    return STATUS_OK;
}
