/*
 * custody-nonces, the scan for bad nonces: every ECDSA signature and every public key in the files that are given,
 * whatever they are; what each key's own signatures give away, and whether an r stands under two messages. It shows
 * that a key is broken, never that it is not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "documents.h"
#include "nonce_scan.h"
#include "report.h"

#define DEPTH_MAX 16
#define KEYS_MAX 4096
#define SIGNATURES_MAX 4194304

/* Of each document that signatures stand under; those that are many first. */
static const char *const kinds[] = {"transaction", "header",        "approval",  "attestation", "command",    "policy",
                                    "key",         "backup",        "restore",   "destination", "occasion",   "gift",
                                    "share_set",   "ceremony_step", "generated", "ceremony",    "compromise", "review"};

/* Whose it is, and what the scan needs of it. */
struct found {
    size_t key;
    bool again; /* seen before */
    struct nonce_signature signature;
};

struct harvest {
    struct report report;
    struct key keys[KEYS_MAX];
    size_t key_count;
    struct found *found; /* owned; in the order of the files */
    size_t count;
    size_t room;
    size_t strangers; /* signatures by keys that are in no file */
    bool for_keys;    /* what this reading looks for */
    bool full;
};

static size_t find_key(const struct harvest *harvest, const struct digest *id)
{
    size_t i = 0;
    while (i < harvest->key_count && !digest_equal(&harvest->keys[i].id, id)) {
        i++;
    }
    return i;
}

static void take_key(struct harvest *harvest, const json_t *object)
{
    struct key key;
    if (!key_read(&key, text_of(object, "alg"), text_of(object, "key")) || strcmp(key.alg, "ed25519") == 0 ||
        find_key(harvest, &key.id) < harvest->key_count) {
        return;
    }
    if (harvest->key_count == KEYS_MAX) {
        harvest->full = true;
        return;
    }
    harvest->keys[harvest->key_count++] = key;
}

static void append(struct harvest *harvest, const struct found *found)
{
    if (harvest->count == harvest->room) {
        size_t room = harvest->room == 0 ? 1024 : 2 * harvest->room;
        struct found *grown = room > SIGNATURES_MAX ? NULL : realloc(harvest->found, room * sizeof(*grown));
        if (grown == NULL) {
            harvest->full = true;
            return;
        }
        harvest->found = grown;
        harvest->room = room;
    }
    harvest->found[harvest->count++] = *found;
}

/* Out: the digest of the message, whose kind is the one under which the signature verifies. */
static bool message_of(struct digest *out, const struct signed_text *document, size_t i, const struct key *key)
{
    size_t kind = 0;
    struct bytes message = {0};
    while (kind < COUNT(kinds) && !signed_text_by(document, i, kinds[kind], key)) {
        kind++;
    }
    if (kind == COUNT(kinds) ||
        document_message(&message, kinds[kind], document->text, strlen(document->text)) != STATUS_OK) {
        return false;
    }
    digest_sha256(out, message.data, message.len);
    bytes_free(&message);
    return true;
}

static void take_signatures(struct harvest *harvest, const char *text, const json_t *signatures)
{
    struct signed_text document = {.text = text};
    if (signatures_read(&document, signatures, NULL) != STATUS_OK) {
        return; /* not a list of signatures */
    }
    for (size_t i = 0; i < document.count; i++) {
        const struct verify_signature *row = &document.signatures[i];
        struct found found = {.key = find_key(harvest, &row->key)};
        if (strcmp(row->alg, "ed25519") == 0) {
            continue;
        }
        if (found.key == harvest->key_count) {
            harvest->strangers++;
            continue;
        }
        char id[DIGEST_HEX_LEN + 1];
        digest_format(id, &row->key);
        if (!message_of(&found.signature.message, &document, i, &harvest->keys[found.key])) {
            report_incomplete(&harvest->report, "a signature by key %s verifies over no kind of document", id);
            continue;
        }
        memcpy(found.signature.r32, row->sig, 32);
        memcpy(found.signature.s32, row->sig + 32, 32);
        append(harvest, &found);
    }
}

static void walk(struct harvest *harvest, json_t *value, int depth);

/* Documents are texts of JSON within JSON. */
static void walk_text(struct harvest *harvest, const char *text, int depth)
{
    json_t *inner = text[0] == '{' ? json_loads(text, 0, NULL) : NULL;
    if (inner != NULL) {
        walk(harvest, inner, depth);
        json_decref(inner);
    }
}

static void walk_object(struct harvest *harvest, const json_t *object)
{
    const char *document = text_of(object, "document");
    const char *header = text_of(object, "header");
    if (harvest->for_keys) {
        take_key(harvest, object);
    } else if (document != NULL) {
        take_signatures(harvest, document, json_object_get(object, "signatures"));
    } else if (header != NULL) {
        take_signatures(harvest, header, json_object_get(object, "certificate"));
    }
}

/* Bounded by DEPTH_MAX. */
static void walk(struct harvest *harvest, json_t *value, int depth) // NOLINT(misc-no-recursion)
{
    const char *name = NULL;
    json_t *member = NULL;
    size_t i = 0;
    if (depth == DEPTH_MAX) {
        harvest->full = true;
    } else if (json_is_object(value)) {
        walk_object(harvest, value);
        json_object_foreach(value, name, member)
        {
            walk(harvest, member, depth + 1);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            walk(harvest, member, depth + 1);
        }
    } else if (json_is_string(value)) {
        walk_text(harvest, json_string_value(value), depth + 1);
    }
}

/* One JSON value after the other. */
static void read_file(struct harvest *harvest, const char *path)
{
    FILE *file = fopen(path, "re");
    bool any = false;
    json_t *value = NULL;
    json_error_t error;
    if (file == NULL) {
        report_incomplete(&harvest->report, "%s cannot be read", path);
        return;
    }
    while ((value = json_loadf(file, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error)) != NULL) {
        walk(harvest, value, 0);
        json_decref(value);
        any = true;
    }
    if (!any || !feof(file) || json_error_code(&error) != json_error_premature_end_of_input) {
        report_incomplete(&harvest->report, "%s is not JSON to its end", path);
    }
    (void)fclose(file);
}

/* What stands under one r: the same key's same message, seen twice, is one signature. */
static int compare(const void *a, const void *b)
{
    const struct found *const *left = a;
    const struct found *const *right = b;
    int order = memcmp((*left)->signature.r32, (*right)->signature.r32, 32);
    if (order == 0) {
        order = (*left)->key < (*right)->key ? -1 : (*left)->key > (*right)->key;
    }
    if (order == 0) {
        order = memcmp((*left)->signature.message.bytes32, (*right)->signature.message.bytes32, 32);
    }
    return order != 0 ? order : (*left < *right ? -1 : *left > *right);
}

static void look_for_repeated_r(struct harvest *harvest)
{
    const struct found **sorted = calloc(harvest->count + 1, sizeof(*sorted));
    char one[DIGEST_HEX_LEN + 1];
    char other[DIGEST_HEX_LEN + 1];
    if (sorted == NULL) {
        report_incomplete(&harvest->report, "memory ran out");
        return;
    }
    for (size_t i = 0; i < harvest->count; i++) {
        sorted[i] = &harvest->found[i];
    }
    qsort(sorted, harvest->count, sizeof(*sorted), compare);
    for (size_t i = 1; i < harvest->count; i++) {
        const struct found *before = sorted[i - 1];
        bool same_r = memcmp(before->signature.r32, sorted[i]->signature.r32, 32) == 0;
        if (!same_r) {
            continue;
        }
        if (before->key == sorted[i]->key && digest_equal(&before->signature.message, &sorted[i]->signature.message)) {
            harvest->found[sorted[i] - harvest->found].again = true;
            continue;
        }
        digest_format(one, &harvest->keys[before->key].id);
        digest_format(other, &harvest->keys[sorted[i]->key].id);
        report_tampered(&harvest->report, "keys %s and %s: the same r under two messages: both keys are broken", one,
                        other);
    }
    free(sorted);
}

static const char *const flaws[] = {
    [NONCE_FLAW_NONE] = "",
    [NONCE_FLAW_SHORT] = "the upper bits are zero",
    [NONCE_FLAW_EVEN] = "the lower bits are zero",
    [NONCE_FLAW_PREFIX] = "the upper bits are always the same",
    [NONCE_FLAW_SUFFIX] = "the lower bits are always the same",
};

static void look_at_key(struct harvest *harvest, size_t key, struct nonce_signature *room)
{
    struct nonce_finding finding;
    size_t count = 0;
    char id[DIGEST_HEX_LEN + 1];
    for (size_t i = 0; i < harvest->count; i++) {
        if (harvest->found[i].key == key && !harvest->found[i].again) {
            room[count++] = harvest->found[i].signature;
        }
    }
    if (count == 0) {
        return;
    }
    digest_format(id, &harvest->keys[key].id);
    if (!nonce_scan(&finding, &harvest->keys[key], room, count)) {
        report_incomplete(&harvest->report, "key %s: its %zu signatures could not be looked at", id, count);
    } else if (finding.flaw != NONCE_FLAW_NONE) {
        report_tampered(&harvest->report,
                        "key %s: the private key follows from %zu of its signatures from the %zu. on: its nonces are "
                        "bad, %s",
                        id, finding.count, finding.first + 1, flaws[finding.flaw]);
    } else {
        report_checked("key %s (%s): %zu signatures", id, harvest->keys[key].alg, count);
    }
}

static void look(struct harvest *harvest)
{
    look_for_repeated_r(harvest);
    struct nonce_signature *room = calloc(harvest->count + 1, sizeof(*room));
    if (room == NULL) {
        report_incomplete(&harvest->report, "memory ran out");
        return;
    }
    for (size_t i = 0; i < harvest->key_count; i++) {
        look_at_key(harvest, i, room);
    }
    free(room);
}

static void conclude(struct harvest *harvest)
{
    if (harvest->strangers > 0) {
        report_incomplete(
            &harvest->report,
            "%zu signatures are by keys that are in no file: give their public keys too, as policies, genesis and "
            "`custody key show` hold them",
            harvest->strangers);
    }
    if (harvest->full) {
        report_incomplete(&harvest->report, "too much or too deep: not everything was looked at");
    }
    if (harvest->count == 0) {
        report_incomplete(&harvest->report, "there is no ECDSA signature in the files");
    }
    if (report_clean(&harvest->report)) {
        (void)printf("not found: an r that comes twice, in all files together; or, of one key:\n");
        for (size_t i = 0; nonce_scan_reach(i) != NULL; i++) {
            (void)printf("  %s\n", nonce_scan_reach(i));
        }
        (void)printf("a smaller or rarer bias, or a nonce that somebody knows, is not looked for\n");
    }
}

/* All keys first: a signature may stand before the key that made it. */
static enum verdict scan(char *const *paths, int count)
{
    struct harvest *harvest = calloc(1, sizeof(*harvest));
    if (harvest == NULL) {
        return VERDICT_INCOMPLETE;
    }
    for (int reading = 0; reading < 2; reading++) {
        harvest->for_keys = reading == 0;
        for (int i = 0; i < count && report_clean(&harvest->report); i++) {
            read_file(harvest, paths[i]);
        }
    }
    look(harvest);
    conclude(harvest);
    enum verdict verdict = report_verdict(&harvest->report);
    free(harvest->found);
    free(harvest);
    return verdict;
}

int main(int argc, char **argv)
{
    static const struct option_program program = {"custody-nonces", "looks for ECDSA keys whose nonces are bad",
                                                  "FILE ... (ledger export, policies, evidence, any signed papers)"};
    struct fault fault = {0};
    char none = 0;
    int rest = 0;
    enum status status = option_load(&none, sizeof(none), &rest, &program, NULL, 0, argc, argv, &fault);
    if (status == STATUS_OK && rest == argc) {
        status = fault_set(&fault, STATUS_USAGE, "too few words", "there must be a FILE");
    }
    if (status != STATUS_OK) {
        option_print_usage(stderr, program.name, NULL, 0, &fault);
        return VERDICT_USAGE;
    }
    enum verdict verdict = scan(argv + rest, argc - rest);
    bool told = option_answered(program.name) == 0;
    return told || verdict != VERDICT_PROVEN ? (int)verdict : VERDICT_INCOMPLETE;
}
