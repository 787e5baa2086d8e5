/*
 * The parsers of signed notes, checkpoints, verifier keys and tile paths under a fuzzer. For any bytes: nothing is read
 * out of bounds; the parts of a note lie inside it; a checkpoint that opens under the key of the samples is built again
 * as the very same body; keys and paths have one spelling.
 */
#include "audit/checkpoint.h"
#include "audit/tile.h"
#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const void *part, size_t len, const uint8_t *data, size_t size)
{
    const uint8_t *start = part;
    INVARIANT(start >= data && len <= size && start + len <= data + size);
}

static void check_note(const uint8_t *data, size_t size)
{
    struct audit_note note;
    if (audit_note_parse(&note, data, size, NULL) != STATUS_OK) {
        return;
    }
    INVARIANT(note.line_count >= 1 && note.line_count <= AUDIT_NOTE_LINES_MAX && note.body == data);
    INVARIANT(note.body_len < size && data[note.body_len - 1] == '\n' && data[note.body_len] == '\n');
    for (size_t i = 0; i < note.line_count; i++) {
        check_inside(note.lines[i].name, note.lines[i].name_len, data, size);
        check_inside(note.lines[i].base64, note.lines[i].base64_len, data, size);
    }
}

static void check_body(const uint8_t *data, size_t size)
{
    struct audit_checkpoint checkpoint;
    struct bytes again;
    if (audit_checkpoint_parse(&checkpoint, data, size, NULL) == STATUS_OK) {
        INVARIANT(audit_checkpoint_build(&again, &checkpoint, NULL) == STATUS_OK);
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
    }
}

static void check_texts(const uint8_t *data, size_t size)
{
    struct bytes text;
    struct audit_key key;
    struct audit_tile tile;
    bool entries = false;
    char vkey[AUDIT_VKEY_SIZE];
    char path[AUDIT_TILE_PATH_SIZE];
    INVARIANT(bytes_copy(&text, data, size) == STATUS_OK);
    if (audit_key_parse(&key, (const char *)text.data, NULL) == STATUS_OK) {
        audit_key_format(vkey, &key);
        INVARIANT(strcmp(vkey, (const char *)text.data) == 0);
    }
    if (audit_tile_path_parse(&tile, &entries, (const char *)text.data, NULL) == STATUS_OK && !entries) {
        audit_tile_path(path, &tile);
        INVARIANT(strcmp(path + strlen("tile/"), (const char *)text.data) == 0);
    }
    bytes_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct audit_key keys[2];
    struct audit_checkpoint checkpoint;
    if (keys[0].name[0] == '\0') {
        sample_key(&keys[0], SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
        sample_key(&keys[1], SAMPLE_ORIGIN, AUDIT_KEY_COSIGNATURE, 0);
    }
    check_note(data, size);
    check_body(data, size);
    check_texts(data, size);
    for (size_t i = 0; i < 2; i++) {
        if (audit_checkpoint_open(&checkpoint, data, size, &keys[i], NULL) == STATUS_OK) {
            INVARIANT(strcmp(checkpoint.origin, SAMPLE_ORIGIN) == 0);
        }
    }
    return 0;
}
