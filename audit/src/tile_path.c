/*
 * The paths of tiles: decimal groups of three, all but the last marked "x", so that no folder grows without bound.
 *
 * A path is read by taking it apart and printing it again: unequal is refused, so each tile has one path.
 */
#include <inttypes.h>

#include "audit/tile.h"
#include "lines.h"

#define GROUP 1000
#define GROUP_LEN 5 /* "/x001" or "/001" */
#define INDEX_TEXT_SIZE (7 * GROUP_LEN + 1)

/* "/x001/x234/067" for 1234067. */
static void index_format(char out[INDEX_TEXT_SIZE], uint64_t index)
{
    uint64_t scale = 1;
    while (index / scale >= GROUP) {
        scale *= GROUP;
    }
    for (size_t len = 0; scale > 0; scale /= GROUP) {
        const char *mark = scale > 1 ? "x" : "";
        int more = snprintf(out + len, INDEX_TEXT_SIZE - len, "/%s%03" PRIu64, mark, index / scale % GROUP);
        INVARIANT(more > 0 && len + (size_t)more < INDEX_TEXT_SIZE);
        len += (size_t)more;
    }
}

static void path_format(char out[AUDIT_TILE_PATH_SIZE], const char *level, const struct audit_tile *tile)
{
    INVARIANT(tile->level < AUDIT_TILE_LEVELS && tile->width >= 1 && tile->width <= AUDIT_TILE_WIDTH);
    char index[INDEX_TEXT_SIZE];
    index_format(index, tile->index);
    int len = tile->width == AUDIT_TILE_WIDTH
                  ? snprintf(out, AUDIT_TILE_PATH_SIZE, "tile/%s%s", level, index)
                  : snprintf(out, AUDIT_TILE_PATH_SIZE, "tile/%s%s.p/%u", level, index, tile->width);
    INVARIANT(len > 0 && len < AUDIT_TILE_PATH_SIZE);
}

void audit_tile_path(char out[AUDIT_TILE_PATH_SIZE], const struct audit_tile *tile)
{
    const char level[2] = {(char)('0' + tile->level), '\0'};
    path_format(out, level, tile);
}

void audit_tile_entries_path(char out[AUDIT_TILE_PATH_SIZE], const struct audit_tile *tile)
{
    INVARIANT(tile->level == 0);
    path_format(out, "entries", tile);
}

/* Reads the digits of the index groups, ignoring how they are grouped; `line` is left at what follows them. */
static uint64_t index_read(struct line *line)
{
    uint64_t index = 0;
    while (line->len > 0 && strchr("/x0123456789", line->text[0]) != NULL && index <= AUDIT_TREE_SIZE_MAX / 100) {
        if (line->text[0] >= '0' && line->text[0] <= '9') {
            index = index * 10 + (uint64_t)(line->text[0] - '0');
        }
        line->text++;
        line->len--;
    }
    return index;
}

static enum status path_read(struct audit_tile *out, bool *out_entries, struct line line)
{
    bool entries = line_drop(&line, "entries");
    struct audit_tile tile = {.width = AUDIT_TILE_WIDTH};
    if (!entries) {
        if (line.len == 0 || line.text[0] < '0' || line.text[0] >= '0' + AUDIT_TILE_LEVELS) {
            return STATUS_INVALID;
        }
        tile.level = (unsigned)(line.text[0] - '0');
        line.text++;
        line.len--;
    }
    tile.index = index_read(&line);
    uint64_t width = AUDIT_TILE_WIDTH;
    if (line_drop(&line, ".p/") &&
        (line_decimal(&width, &line) != STATUS_OK || width < 1 || width >= AUDIT_TILE_WIDTH)) {
        return STATUS_INVALID;
    }
    tile.width = (unsigned)width;
    *out = tile;
    *out_entries = entries;
    return STATUS_OK;
}

enum status audit_tile_path_parse(struct audit_tile *out, bool *out_entries, const char *path, struct fault *fault)
{
    struct audit_tile tile;
    bool entries = false;
    size_t len = strnlen(path, AUDIT_TILE_PATH_SIZE);
    enum status status = len < AUDIT_TILE_PATH_SIZE
                             ? path_read(&tile, &entries, (struct line){.text = path, .len = len})
                             : STATUS_INVALID;
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "tile", "level 0 to 7 or entries, index, width 1 to 255");
    }
    char again[AUDIT_TILE_PATH_SIZE];
    if (entries) {
        audit_tile_entries_path(again, &tile);
    } else {
        audit_tile_path(again, &tile);
    }
    if (strcmp(again + strlen("tile/"), path) != 0) {
        return fault_set(fault, STATUS_INVALID, "tile", "it is written %s", again);
    }
    *out = tile;
    *out_entries = entries;
    return STATUS_OK;
}
