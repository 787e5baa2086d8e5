/*
 * Two implementations, one verdict: random trails with random changes, judged by custody-verify and by the audit room.
 *
 * usage: verify_differential [cases]      the seed is printed on standard error and taken from STRONGROOM_SEED
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/event.h"
#include "base/canon.h"
#include "base/clock.h"
#include "base/file.h"
#include "test/test_place.h"
#include "trail_maker.h"
#include "verify.h"

#define LINE_MAX_LEN 262144

/* What the audit room says of one row: everything but numbers of objects and producers, which it does not count. */
static bool row_holds(const json_t *row, uint64_t index, struct digest *inout_last, struct audit_frontier *frontier)
{
    struct bytes raw = {0};
    struct audit_leaf leaf;
    struct audit_event event = {0};
    struct digest hash;
    char text[DIGEST_HEX_LEN + 1];
    char time[TIME_TEXT_SIZE];
    char correlation[UUID_TEXT_SIZE];
    const char *base64 = json_string_value(json_object_get(row, "raw"));
    if (base64 == NULL || base64_decode(&raw, base64, strlen(base64)) != STATUS_OK) {
        return false;
    }
    bool good = audit_leaf_parse(&leaf, raw.data, raw.len, NULL) == STATUS_OK &&
                strcmp(leaf.origin, SAMPLE_ORIGIN) == 0 && leaf.index == index &&
                digest_equal(&leaf.previous, inout_last) &&
                audit_event_decode(&event, leaf.event, leaf.event_len, NULL) == STATUS_OK;
    audit_leaf_hash(&hash, raw.data, raw.len);
    digest_format(text, &hash);
    json_t *expected = NULL;
    if (good) {
        time_format(time, event.at_utc_us);
        uuid_format(correlation, &event.correlation);
        expected =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:I, s:s}", "act", audit_action_text(event.action), "actor",
                      event.actor.text, "corr", correlation, "lh", text, "outcome", audit_outcome_text(event.outcome),
                      "raw", json_object_get(row, "raw"), "seq", (json_int_t)index, "ts", time);
    }
    if (good && event.object_ordinal > 0) {
        INVARIANT(json_object_set_new(expected, "oid", json_string(event.object_id)) == 0);
        INVARIANT(json_object_set_new(expected, "otype", json_string(event.object_type)) == 0);
        INVARIANT(json_object_set_new(expected, "ord", json_integer((json_int_t)event.object_ordinal)) == 0);
    }
    if (good) {
        trail_row_facts(expected, &event);
    }
    good = good && json_equal(expected, row) == 1 && audit_frontier_append(frontier, &hash) == STATUS_OK;
    *inout_last = hash;
    json_decref(expected);
    audit_event_wipe(&event);
    bytes_free(&raw);
    return good;
}

static bool tail_holds(const json_t *tail, const struct audit_frontier *frontier, const struct audit_key *key)
{
    struct bytes note = {0};
    struct audit_checkpoint checkpoint;
    struct digest root;
    const char *base64 = json_string_value(json_object_get(tail, "checkpoint"));
    bool good = json_object_size(tail) == 1 && base64 != NULL &&
                base64_decode(&note, base64, strlen(base64)) == STATUS_OK &&
                audit_checkpoint_open(&checkpoint, note.data, note.len, key, NULL) == STATUS_OK;
    audit_frontier_root(&root, frontier);
    good = good && checkpoint.size == frontier->size && digest_equal(&checkpoint.root, &root);
    bytes_free(&note);
    return good;
}

/* The verdict of the audit room on an export. */
static bool holds(const char *path, uint64_t count)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len = 0;
    uint64_t number = 0;
    bool good = true;
    struct digest last = {{0}};
    struct audit_frontier frontier = {0};
    struct audit_key key;
    FILE *file = fopen(path, "re");
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 0);
    INVARIANT(file != NULL);
    for (; good && (len = getline(&line, &room, file)) > 0; number++) {
        json_t *object = NULL;
        size_t text_len = (size_t)len - (line[len - 1] == '\n' ? 1 : 0);
        good = canon_parse(&object, line, text_len, LINE_MAX_LEN, NULL) == STATUS_OK;
        if (good && number == 0) {
            json_t *head = json_pack("{s:s, s:s, s:I}", "format", "strongroom-trail/v1", "origin", SAMPLE_ORIGIN,
                                     "size", (json_int_t)count);
            good = json_equal(head, object) == 1;
            json_decref(head);
        } else if (good && number <= count) {
            good = row_holds(object, number - 1, &last, &frontier);
        } else if (good) {
            good = number == count + 1 && tail_holds(object, &frontier, &key);
        }
        json_decref(object);
    }
    free(line);
    (void)fclose(file);
    return good && number == count + 2;
}

/* One to three random changes of the file: a byte, a cut, a line moved, doubled or dropped. */
static void mutate(struct bytes *text, struct sample_random *chance)
{
    for (uint64_t left = 1 + sample_random_below(chance, 3); left > 0 && text->len > 2; left--) {
        size_t at = sample_random_below(chance, text->len);
        size_t len = 1 + sample_random_below(chance, 900);
        len = at + len > text->len ? text->len - at : len;
        switch (sample_random_below(chance, 5)) {
        case 0:
            text->len = at;
            break;
        case 1:
            memmove(text->data + at, text->data + at + len, text->len - at - len);
            text->len -= len;
            break;
        case 2:
            memmove(text->data + at, text->data + sample_random_below(chance, text->len - len + 1), len);
            break;
        case 3:
            text->data[at] = (uint8_t) "0123456789abcdef{}[]\",:\n "[sample_random_below(chance, 25)];
            break;
        default:
            text->data[at] ^= (uint8_t)(1U << sample_random_below(chance, 8));
            break;
        }
    }
}

int main(int argc, char **argv)
{
    uint64_t cases = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
    struct sample_random chance;
    struct test_folder folder;
    struct trust trust = {.fresh_until_s = INT64_MAX};
    char path[TEST_PATH_SIZE + 32];
    uint64_t good = 0;
    sample_random_start(&chance);
    test_folder_make(&folder);
    (void)snprintf(path, sizeof(path), "%s/trail", folder.path);
    INVARIANT(note_key_read(&trust.log, SAMPLE_VKEY, NOTE_KEY_LOG));
    INVARIANT(freopen("/dev/null", "w", stdout) != NULL);
    for (uint64_t i = 0; i < cases; i++) {
        struct made_trail trail;
        struct bytes text;
        size_t count = 1 + sample_random_below(&chance, 12);
        trail_make(&trail, count, sample_random_next(&chance));
        trail_write(&trail, path);
        trail_free(&trail);
        INVARIANT(file_read(&text, path, 1 << 20, "trail", NULL) == STATUS_OK);
        if (i % 8 != 0) {
            mutate(&text, &chance);
        }
        FILE *file = fopen(path, "we");
        INVARIANT(file != NULL && fwrite(text.data, 1, text.len, file) == text.len && fclose(file) == 0);
        bytes_free(&text);
        bool theirs = holds(path, count);
        const struct verify_request request = {.rest = (char *const[]){path}, .rest_count = 1};
        enum verdict ours = verify_trail(&trust, &request);
        if (theirs != (ours == VERDICT_PROVEN) || ours == VERDICT_USAGE) {
            (void)fprintf(stderr, "case %" PRIu64 ": custody-verify %d, audit room %d, see %s\n", i, (int)ours, theirs,
                          path);
            return 1;
        }
        good += theirs ? 1 : 0;
    }
    (void)fprintf(stderr, "%" PRIu64 " cases, %" PRIu64 " proven by both\n", cases, good);
    test_folder_remove(&folder);
    return good * 16 >= cases && good < cases ? 0 : 1;
}
