/*
 * Prints what this room makes and says, one JSON object a line, for gocheck to judge with golang.org/x/mod/sumdb: keys,
 * notes, leaves, proofs, receipts and tiles, true ones and altered ones, each with our own verdict ("ok").
 *
 * usage: audit_differential [cases]      the seed is printed on standard error and taken from STRONGROOM_SEED
 */
#include <inttypes.h>
#include <jansson.h>

#include "audit/proof.h"
#include "audit/tile.h"
#include "samples.h"

#define LEAVES ((size_t)3000)
#define LEVELS 12

/* A log with all its complete subtrees: nodes[level][index]. */
struct log {
    struct bytes raw[LEAVES];
    struct digest nodes[LEVELS][LEAVES];
};

static struct audit_key log_key;

static json_t *text_base64(const void *data, size_t len)
{
    struct buffer buffer;
    struct bytes text;
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    INVARIANT(buffer_finish(&text, &buffer) == STATUS_OK);
    json_t *value = json_string((const char *)text.data);
    bytes_free(&text);
    return value;
}

static json_t *text_hash(const struct digest *digest)
{
    return text_base64(digest->bytes32, sizeof(digest->bytes32));
}

static json_t *list_hashes(const struct digest *hashes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        INVARIANT(json_array_append_new(list, text_hash(&hashes[i])) == 0);
    }
    return list;
}

/* Prints a line and releases the object. */
static void print_case(json_t *line)
{
    INVARIANT(line != NULL && json_dumpf(line, stdout, JSON_COMPACT | JSON_SORT_KEYS) == 0);
    INVARIANT(putchar('\n') == '\n');
    json_decref(line);
}

static enum status read_node(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    const struct log *log = context;
    if (level >= LEVELS || index >= LEAVES >> level) {
        return fault_set(fault, STATUS_NOT_FOUND, "log", "outside the log");
    }
    *out = log->nodes[level][index];
    return STATUS_OK;
}

static struct audit_hash_reader log_reader(struct log *log)
{
    return (struct audit_hash_reader){.read = read_node, .context = log};
}

static void log_fill(struct log *log)
{
    struct audit_leaf leaf = {.origin = SAMPLE_ORIGIN};
    for (size_t i = 0; i < LEAVES; i++) {
        char event[64];
        (void)snprintf(event, sizeof(event), "{\"act\":\"service.start\",\"pn\":\"%zu\"}", i + 1);
        leaf.index = i;
        leaf.event = (const uint8_t *)event;
        leaf.event_len = strlen(event);
        INVARIANT(audit_leaf_build(&log->raw[i], &leaf, NULL) == STATUS_OK);
        audit_leaf_hash(&log->nodes[0][i], log->raw[i].data, log->raw[i].len);
        leaf.previous = log->nodes[0][i];
        print_case(json_pack("{s:s, s:o, s:o, s:o}", "kind", "leaf", "raw",
                             text_base64(log->raw[i].data, log->raw[i].len), "hash", text_hash(&log->nodes[0][i]), "ok",
                             json_true()));
    }
    for (unsigned level = 1; level < LEVELS; level++) {
        for (size_t i = 0; i < LEAVES >> level; i++) {
            audit_node_hash(&log->nodes[level][i], &log->nodes[level - 1][2 * i], &log->nodes[level - 1][2 * i + 1]);
        }
    }
}

/* One random alteration of a text: a byte changed, dropped, doubled or inserted, or two neighbours exchanged. */
static void alter_text(struct bytes *text, struct sample_random *chance)
{
    struct bytes altered;
    struct buffer buffer;
    size_t at = sample_random_below(chance, text->len);
    uint8_t byte = (uint8_t)(sample_random_below(chance, 3) == 0 ? sample_random_next(chance)
                                                                 : text->data[sample_random_below(chance, text->len)]);
    size_t dropped = 1;
    size_t added = 1;
    uint8_t bytes[2] = {byte, at + 1 < text->len ? text->data[at + 1] : byte};
    switch (sample_random_below(chance, 5)) {
    case 0:
        added = 0;
        break;
    case 1:
        dropped = 0;
        break;
    case 2:
        bytes[0] = text->data[at];
        added = 2;
        break;
    case 3:
        bytes[0] = text->data[at] ^ (uint8_t)(1U << sample_random_below(chance, 8));
        break;
    case 4:
        break;
    }
    buffer_init(&buffer);
    buffer_append(&buffer, text->data, at);
    buffer_append(&buffer, bytes, added);
    buffer_append(&buffer, text->data + at + dropped, text->len - at - dropped);
    INVARIANT(buffer_finish(&altered, &buffer) == STATUS_OK);
    bytes_free(text);
    *text = altered;
}

static void alter_proof(struct audit_proof *proof, struct sample_random *chance)
{
    size_t at = proof->count == 0 ? 0 : sample_random_below(chance, proof->count);
    struct digest kept = proof->hashes[at];
    switch (sample_random_below(chance, 4)) {
    case 0:
        proof->hashes[at].bytes32[sample_random_below(chance, 32)] ^= 1;
        break;
    case 1:
        proof->count += proof->count < AUDIT_PROOF_MAX;
        break;
    case 2:
        proof->count -= proof->count > 0;
        break;
    case 3:
        proof->hashes[at] = proof->hashes[0];
        proof->hashes[0] = kept;
        break;
    }
}

static void print_key(struct sample_random *chance, bool altered)
{
    char vkey[AUDIT_VKEY_SIZE];
    struct bytes text;
    struct audit_key key;
    audit_key_format(vkey, &log_key);
    INVARIANT(bytes_copy(&text, vkey, strlen(vkey)) == STATUS_OK);
    if (altered) {
        alter_text(&text, chance);
    }
    bool ok = memchr(text.data, 0, text.len) == NULL && audit_key_parse(&key, (char *)text.data, NULL) == STATUS_OK;
    print_case(json_pack("{s:s, s:o, s:b}", "kind", "key", "vkey", text_base64(text.data, text.len), "ok", ok));
    bytes_free(&text);
}

static void print_note(const struct bytes *note)
{
    struct audit_checkpoint checkpoint;
    bool ok = audit_checkpoint_open(&checkpoint, note->data, note->len, &log_key, NULL) == STATUS_OK;
    json_t *line = json_pack("{s:s, s:o, s:b}", "kind", "note", "note", text_base64(note->data, note->len), "ok", ok);
    if (ok) {
        INVARIANT(json_object_set_new(line, "size", json_integer((json_int_t)checkpoint.size)) == 0);
        INVARIANT(json_object_set_new(line, "root", text_hash(&checkpoint.root)) == 0);
    }
    print_case(line);
}

/* Adds a signature line to the note: of an unknown key, the same once more, or a wrong one of ours. */
static void add_line(struct bytes *note, struct sample_random *chance)
{
    static const char *const lines[] = {
        "\xe2\x80\x94 witness.example AAAAAAA=\n",
        "\xe2\x80\x94 zeug\xc3\xa9.example AAAAAAA=\n",
        "\xe2\x80\x94 a+b AAAAAAA=\n",
        "\xe2\x80\x94 a\xc2\xa0"
        "b AAAAAAA=\n",
        "\xe2\x80\x94 witness.example AAAA\n",
        "\xe2\x80\x94 " SAMPLE_ORIGIN " AAAAAAA=\n",
        "\xe2\x80\x94 other.example htupOAA=\n",
        "\n\xe2\x80\x94 witness.example AAAAAAA=\n",
        SAMPLE_LINE,
    };
    struct buffer buffer;
    struct bytes longer;
    size_t which = sample_random_below(chance, sizeof(lines) / sizeof(lines[0]));
    size_t body_len = (size_t)((char *)memmem(note->data, note->len, "\n\n", 2) - (char *)note->data) + 2;
    bool first = sample_random_below(chance, 2) == 0;
    buffer_init(&buffer);
    buffer_append(&buffer, note->data, first ? body_len : note->len);
    buffer_append_text(&buffer, lines[which]);
    buffer_append(&buffer, note->data + body_len, first ? note->len - body_len : 0);
    INVARIANT(buffer_finish(&longer, &buffer) == STATUS_OK);
    bytes_free(note);
    *note = longer;
}

static void log_checkpoint(struct audit_checkpoint *out, struct log *log, uint64_t size)
{
    struct audit_hash_reader reader = log_reader(log);
    *out = (struct audit_checkpoint){.origin = SAMPLE_ORIGIN, .size = size};
    INVARIANT(audit_tree_root_read(&out->root, &reader, size, NULL) == STATUS_OK);
}

static void print_notes(struct log *log, struct sample_random *chance)
{
    struct audit_checkpoint checkpoint;
    struct bytes note;
    log_checkpoint(&checkpoint, log, sample_random_below(chance, LEAVES + 1));
    sample_note(&note, &checkpoint, 0);
    print_note(&note);
    add_line(&note, chance);
    print_note(&note);
    bytes_free(&note);
    sample_note(&note, &checkpoint, 0);
    alter_text(&note, chance);
    print_note(&note);
    bytes_free(&note);
}

static void print_receipt(const struct bytes *receipt, const struct bytes *raw)
{
    struct audit_tlog_proof proof;
    struct audit_proven proven;
    bool ok = audit_tlog_proof_parse(&proof, receipt->data, receipt->len, NULL) == STATUS_OK;
    if (ok) {
        ok = audit_tlog_proof_verify(&proven, &proof, &log_key, raw->data, raw->len, NULL) == STATUS_OK;
        audit_tlog_proof_wipe(&proof);
    }
    print_case(json_pack("{s:s, s:o, s:o, s:b}", "kind", "receipt", "receipt", text_base64(receipt->data, receipt->len),
                         "raw", text_base64(raw->data, raw->len), "ok", ok));
}

static void print_receipts(struct log *log, struct sample_random *chance)
{
    uint64_t size = 1 + sample_random_below(chance, LEAVES);
    struct audit_tlog_proof proof = {.index = sample_random_below(chance, size)};
    struct audit_hash_reader reader = log_reader(log);
    struct audit_checkpoint checkpoint;
    struct bytes note;
    struct bytes receipt;
    log_checkpoint(&checkpoint, log, size);
    sample_note(&note, &checkpoint, 0);
    proof.note = note.data;
    proof.note_len = note.len;
    if (sample_random_below(chance, 4) == 0) {
        proof.extra = (struct bytes){.data = (uint8_t[]){'e', 'x', 't', 'r'}, .len = 1 + size % 4};
    }
    INVARIANT(audit_inclusion_prove(&proof.proof, &reader, proof.index, size, NULL) == STATUS_OK);
    INVARIANT(audit_tlog_proof_encode(&receipt, &proof, NULL) == STATUS_OK);
    print_receipt(&receipt, &log->raw[proof.index]);
    print_receipt(&receipt, &log->raw[sample_random_below(chance, LEAVES)]);
    alter_text(&receipt, chance);
    print_receipt(&receipt, &log->raw[proof.index]);
    bytes_free(&receipt);
    bytes_free(&note);
}

static void print_inclusion(struct log *log, const struct audit_proof *proof, uint64_t index, uint64_t size)
{
    struct audit_checkpoint tree;
    log_checkpoint(&tree, log, size);
    const struct digest *leaf = &log->nodes[0][index];
    bool ok = audit_inclusion_verify(proof, index, size, leaf, &tree.root, NULL) == STATUS_OK;
    print_case(json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:b}", "kind", "inclusion", "index", (json_int_t)index, "size",
                         (json_int_t)size, "leaf", text_hash(leaf), "root", text_hash(&tree.root), "proof",
                         list_hashes(proof->hashes, proof->count), "ok", ok));
}

static void print_inclusions(struct log *log, struct sample_random *chance)
{
    uint64_t size = 2 + sample_random_below(chance, LEAVES - 2);
    uint64_t index = sample_random_below(chance, size);
    struct audit_hash_reader reader = log_reader(log);
    struct audit_proof proof = {0};
    INVARIANT(audit_inclusion_prove(&proof, &reader, index, size, NULL) == STATUS_OK);
    print_inclusion(log, &proof, index, size);
    print_inclusion(log, &proof, (index + 1) % size, size);
    print_inclusion(log, &proof, index, size + 1);
    alter_proof(&proof, chance);
    print_inclusion(log, &proof, index, size);
}

static void print_consistency(struct log *log, const struct audit_proof *proof, uint64_t old, uint64_t size)
{
    struct audit_checkpoint before;
    struct audit_checkpoint after;
    log_checkpoint(&before, log, old);
    log_checkpoint(&after, log, size);
    bool ok = audit_consistency_verify(proof, old, &before.root, size, &after.root, NULL) == STATUS_OK;
    print_case(json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:b}", "kind", "consistency", "old", (json_int_t)old, "size",
                         (json_int_t)size, "old_root", text_hash(&before.root), "root", text_hash(&after.root), "proof",
                         list_hashes(proof->hashes, proof->count), "ok", ok));
}

static void print_consistencies(struct log *log, struct sample_random *chance)
{
    uint64_t size = 2 + sample_random_below(chance, LEAVES - 2);
    uint64_t old = 1 + sample_random_below(chance, size);
    struct audit_hash_reader reader = log_reader(log);
    struct audit_proof proof = {0};
    INVARIANT(audit_consistency_prove(&proof, &reader, old, size, NULL) == STATUS_OK);
    print_consistency(log, &proof, old, size);
    print_consistency(log, &proof, old == 1 ? 2 : old - 1, size);
    print_consistency(log, &proof, old, size + 1);
    alter_proof(&proof, chance);
    print_consistency(log, &proof, old, size);
}

static enum status fetch_tile(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                              struct fault *fault)
{
    const struct log *log = context;
    struct audit_tile_source source = {.fetch = fetch_tile, .context = context};
    if (tile->level > 0) {
        return audit_tile_from_below(hashes, tile, &source, fault);
    }
    memcpy(hashes, &log->nodes[0][tile->index * AUDIT_TILE_WIDTH], tile->width * sizeof(struct digest));
    return STATUS_OK;
}

static void print_tiles(struct log *log, struct sample_random *chance)
{
    uint64_t size = 1 + sample_random_below(chance, LEAVES);
    for (unsigned level = 0; level < 2; level++) {
        uint64_t last = (size >> (8 * level)) / AUDIT_TILE_WIDTH;
        struct audit_tile tile = {.level = level, .index = sample_random_below(chance, last + 1)};
        struct digest hashes[AUDIT_TILE_WIDTH];
        char path[AUDIT_TILE_PATH_SIZE];
        tile.width = audit_tile_width(level, tile.index, size);
        if (tile.width == 0) {
            continue;
        }
        INVARIANT(fetch_tile(log, hashes, &tile, NULL) == STATUS_OK);
        audit_tile_path(path, &tile);
        print_case(json_pack("{s:s, s:i, s:I, s:i, s:s, s:o, s:o}", "kind", "tile", "level", (int)level, "index",
                             (json_int_t)tile.index, "width", (int)tile.width, "path", path, "hashes",
                             list_hashes(hashes, tile.width), "ok", json_true()));
    }
}

/* Paths of tiles far beyond what the log reaches. */
static void print_path(struct sample_random *chance)
{
    struct audit_tile tile = {.level = (unsigned)sample_random_below(chance, AUDIT_TILE_LEVELS)};
    tile.index = sample_random_next(chance) >> (8 + sample_random_below(chance, 56));
    tile.width = 1 + (unsigned)sample_random_below(chance, AUDIT_TILE_WIDTH);
    char path[AUDIT_TILE_PATH_SIZE];
    audit_tile_path(path, &tile);
    print_case(json_pack("{s:s, s:i, s:I, s:i, s:s, s:o}", "kind", "path", "level", (int)tile.level, "index",
                         (json_int_t)tile.index, "width", (int)tile.width, "path", path, "ok", json_true()));
}

int main(int argc, char **argv)
{
    struct sample_random chance;
    struct log *log = calloc(1, sizeof(*log));
    unsigned long cases = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    char vkey[AUDIT_VKEY_SIZE];
    INVARIANT(log != NULL);
    sample_random_start(&chance);
    sample_key(&log_key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    audit_key_format(vkey, &log_key);
    print_case(json_pack("{s:s, s:s}", "kind", "start", "vkey", vkey));
    log_fill(log);
    for (unsigned long i = 0; i < cases; i++) {
        print_key(&chance, i != 0);
        print_notes(log, &chance);
        print_receipts(log, &chance);
        print_inclusions(log, &chance);
        print_consistencies(log, &chance);
        print_path(&chance);
        if (i % 8 == 0) {
            print_tiles(log, &chance);
        }
    }
    print_case(json_pack("{s:s}", "kind", "end"));
    for (size_t i = 0; i < LEAVES; i++) {
        bytes_free(&log->raw[i]);
    }
    free(log);
    return fflush(stdout) == 0 ? 0 : 1;
}
