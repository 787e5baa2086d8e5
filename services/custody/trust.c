/*
 * The trust file, and genesis and policy held against it.
 */
#include "trust.h"

#include <inttypes.h>

#include "client.h"
#include "commands.h"
#include "policy/destination.h"

static const struct canon_field trust_fields[] = {
    CANON_FIELD(struct trust_file, chain, CANON_HASH),
    CANON_FIELD_OPTIONAL(struct trust_file, forks, CANON_ARRAY),
    CANON_FIELD(struct trust_file, log, CANON_TEXT),
    CANON_FIELD(struct trust_file, policy, CANON_HASH),
    CANON_FIELD_OPTIONAL(struct trust_file, rotations, CANON_ARRAY),
    CANON_FIELD_OPTIONAL(struct trust_file, witnesses, CANON_OBJECT),
};

/* `forks`, `rotations` and `witnesses` are borrowed from *out_object, one reference. */
static enum status read_file(struct trust_file *out, json_t **out_object, const struct custody_options *options,
                             struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    if (options->trust[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "trust", "name the trust file, or set STRONGROOM_TRUST");
    }
    enum status status = command_read_file(&text, options->trust, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = canon_decode(out, sizeof(*out), object, trust_fields, sizeof(trust_fields) / sizeof(trust_fields[0]),
                              "", fault);
    }
    bytes_free(&text);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    *out_object = object;
    return STATUS_OK;
}

enum status trust_file_read(struct trust_file *out, const struct custody_options *options, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = read_file(out, &object, options, fault);
    if (status == STATUS_OK) {
        out->forks = NULL;
        out->rotations = NULL;
        out->witnesses = NULL;
        json_decref(object);
    }
    return status;
}

/* By the rules of a policy of witnesses, which names for each one where it is asked as well; nobody is asked here. */
static enum status read_witnesses(struct audit_witnesses *out, const json_t *witnesses, struct fault *fault)
{
    json_t *rows = json_array();
    size_t i = 0;
    json_t *key = NULL;
    json_array_foreach(json_object_get(witnesses, "keys"), i, key)
    {
        (void)json_array_append_new(rows, json_pack("{s:O, s:s}", "key", key, "url", "http://nobody"));
    }
    json_t *policy = json_pack("{s:O?, s:o}", "quorum", json_object_get(witnesses, "quorum"), "witnesses", rows);
    char *text = policy == NULL ? NULL : json_dumps(policy, JSON_COMPACT | JSON_SORT_KEYS);
    struct fault why = {0};
    enum status status = text == NULL ? STATUS_INVALID : audit_witnesses_parse(out, text, strlen(text), &why);
    json_decref(policy);
    free(text);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "trust.witnesses", "%s", why.detail);
}

/* "SIZE VKEY": the key that counts from so many entries on. */
static enum status read_rotation(struct audit_log_terms *inout, const char *text, struct fault *fault)
{
    char size[24];
    struct fault why = {0};
    char *end = NULL;
    uint64_t from = text == NULL ? 0 : strtoull(text, &end, 10);
    int len = snprintf(size, sizeof(size), "%" PRIu64 " ", from);
    if (text == NULL || strncmp(text, size, (size_t)len) != 0) {
        return fault_set(fault, STATUS_INVALID, "trust.rotations", "must be texts of a size, a space and a vkey");
    }
    enum status status = audit_log_terms_add(inout, text + len, from, &why);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, "trust.rotations", "%s", why.detail);
}

/* "SIZE ROOT ORDER VKEY": where a log ended, and the one that followed. Out: `out_vkey` is borrowed from the file. */
static enum status read_fork(struct audit_checkpoint *out_end, const char **out_vkey, const json_t *fork,
                             struct fault *fault)
{
    char root[DIGEST_HEX_LEN + 1];
    char size[24];
    char *end = NULL;
    const char *row = json_string_value(fork);
    struct audit_checkpoint ended = {.size = row == NULL ? 0 : strtoull(row, &end, 10)};
    const char *vkey = row == NULL ? NULL : strrchr(row, ' ');
    int len = snprintf(size, sizeof(size), "%" PRIu64 " ", ended.size);
    bool good = ended.size > 0 && strncmp(row, size, (size_t)len) == 0;
    (void)snprintf(root, sizeof(root), "%s", good ? row + len : "");
    if (!good || digest_parse(&ended.root, root) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "trust.forks", "must be texts of a size, a root, an order and a vkey");
    }
    *out_end = ended;
    *out_vkey = vkey + 1;
    return STATUS_OK;
}

bool trust_rotation_is_of(const char *row, const char *origin)
{
    const char *vkey = row == NULL ? NULL : strchr(row, ' ');
    size_t len = strlen(origin);
    return vkey != NULL && strncmp(vkey + 1, origin, len) == 0 && vkey[1 + len] == '+';
}

/* Of the log that stands so many before the newest one. */
static enum status read_keys(struct audit_log_terms *out, struct audit_checkpoint *out_end,
                             const struct trust_file *file, size_t before, struct fault *fault)
{
    size_t forks = json_array_size(file->forks);
    const char *vkey = file->log;
    const char *next = NULL;
    struct audit_checkpoint ignored;
    enum status status = STATUS_OK;
    *out = (struct audit_log_terms){0};
    *out_end = (struct audit_checkpoint){0};
    if (before > forks) {
        return fault_set(fault, STATUS_NOT_FOUND, "trust.forks", "names no log before it");
    }
    if (before < forks) {
        status = read_fork(&ignored, &vkey, json_array_get(file->forks, forks - before - 1), fault);
    }
    if (status == STATUS_OK && before > 0) {
        status = read_fork(out_end, &next, json_array_get(file->forks, forks - before), fault);
    }
    if (status == STATUS_OK) {
        status = audit_log_terms_add(out, vkey, 0, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(file->rotations); i++) {
        const char *row = json_string_value(json_array_get(file->rotations, i));
        if (forks == 0 || trust_rotation_is_of(row, out->rows[0].key.name)) {
            status = read_rotation(out, row, fault);
        }
    }
    return status;
}

enum status trust_log_before(struct audit_log_terms *out, struct audit_checkpoint *out_end,
                             const struct custody_options *options, size_t before, struct fault *fault)
{
    struct trust_file file = {0};
    json_t *object = NULL;
    enum status status = read_file(&file, &object, options, fault);
    if (status == STATUS_OK) {
        status = read_keys(out, out_end, &file, before, fault);
    }
    json_decref(object);
    return status;
}

enum status trust_log_read(struct audit_log_terms *out, struct audit_witnesses *out_witnesses,
                           const struct custody_options *options, struct fault *fault)
{
    struct trust_file file = {0};
    json_t *object = NULL;
    struct audit_checkpoint goes_on;
    enum status status = read_file(&file, &object, options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out_witnesses = (struct audit_witnesses){0};
    status = read_keys(out, &goes_on, &file, 0, fault);
    if (status == STATUS_OK && file.witnesses != NULL) {
        status = read_witnesses(out_witnesses, file.witnesses, fault);
    }
    json_decref(object);
    return status;
}

static enum status read_assets(struct trust *out, const json_t *genesis, struct fault *fault)
{
    const json_t *assets = json_object_get(genesis, "assets");
    size_t count = json_array_size(assets);
    enum status status = count <= TRUST_ASSETS_MAX ? STATUS_OK : fault_set(fault, STATUS_TOO_LARGE, "assets", "%s", "");
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = asset_decode(&out->assets[i], json_array_get(assets, i), "assets.", fault);
        if (status == STATUS_OK) {
            status = asset_id(&out->asset_ids[i], &out->assets[i], fault);
        }
        out->asset_count = i + 1;
    }
    return status;
}

static enum status fetch_genesis(struct trust *out, const struct custody_options *options, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/ledger/genesis"};
    json_t *answer = NULL;
    json_t *genesis = NULL;
    struct digest digest;
    enum status status = client_json(&answer, options, &call, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const char *text = json_string_value(json_object_get(answer, "genesis"));
    text = text == NULL ? "" : text;
    digest_document(&digest, "genesis", text, strlen(text));
    if (!digest_equal(&digest, &out->chain)) {
        status = fault_set(fault, STATUS_MISMATCH, "genesis", "the service shows another ledger than the trust file");
    }
    if (status == STATUS_OK) {
        status = canon_parse(&genesis, text, strlen(text), CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = read_assets(out, genesis, fault);
    }
    json_decref(genesis);
    json_decref(answer);
    return status;
}

static enum status check_first(const struct trust *trust, struct fault *fault)
{
    const struct policy *first = &trust->policies.versions[0];
    return digest_equal(&first->digest, &trust->first_policy) && digest_equal(&first->chain, &trust->chain)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "policy", "the service shows another policy than the trust file");
}

/* The one that waits is shown to people; nothing is judged by it. */
static enum status take_waiting(struct trust *out, const struct signed_document *document, const json_t *row,
                                struct fault *fault)
{
    const char *until = json_string_value(json_object_get(row, "in_force_at"));
    int64_t at_utc_us = 0;
    enum status status = out->waits || until == NULL ? STATUS_INVALID : time_parse(&at_utc_us, until);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "policies", "one waits at most, and until a time");
    }
    status = policy_open_next(&out->waiting, document, chain_newest(&out->policies), fault);
    out->waits = status == STATUS_OK;
    time_format(out->waiting_until, at_utc_us);
    return status;
}

/* Rows come oldest first; those that are, were and may be in force are looked at, and form one chain. */
static enum status take_row(struct trust *out, const json_t *row, struct fault *fault)
{
    struct signed_document document = {0};
    char state[SERVICE_TEXT_SIZE];
    (void)command_service_text(state, row, "state");
    bool waiting = strcmp(state, "waiting") == 0 && out->policies.count > 0;
    if (!waiting && strcmp(state, "past") != 0 && strcmp(state, "in_force") != 0) {
        return STATUS_OK;
    }
    enum status status =
        signed_document_decode(&document, json_object_get(row, "policy"), CANON_POLICY_MAX, "policy.", fault);
    if (status == STATUS_OK && waiting) {
        status = take_waiting(out, &document, row, fault);
    } else if (status == STATUS_OK) {
        status = chain_add(&out->policies, &document, fault);
        if (status == STATUS_OK) {
            status = check_first(out, fault);
        }
    }
    signed_document_free(&document);
    return status;
}

static enum status fetch_policies(struct trust *out, const struct custody_options *options, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/policies"};
    json_t *answer = NULL;
    enum status status = client_json(&answer, options, &call, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const json_t *rows = json_object_get(answer, "policies");
    for (size_t i = 0; status == STATUS_OK && i < json_array_size(rows); i++) {
        status = take_row(out, json_array_get(rows, i), fault);
    }
    json_decref(answer);
    if (status == STATUS_OK && out->policies.count == 0) {
        status = fault_set(fault, STATUS_MISSING_FIELD, "policies", "the service shows no policy");
    }
    if (status == STATUS_OK) {
        out->policy = chain_newest(&out->policies);
    }
    return status;
}

enum status trust_checkpoint_open(struct audit_checkpoint *out, const struct audit_log_terms *log, const void *note,
                                  size_t len, struct fault *fault)
{
    struct fault why = {0};
    enum status status = audit_log_terms_open(out, log, note, len, &why);
    return status == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s%s",
                           status == STATUS_UNKNOWN_KEY ? "no key that counts by the trust file has signed it: " : "",
                           why.detail);
}

enum status trust_open(struct trust *out, const struct custody_options *options, struct fault *fault)
{
    struct trust_file file;
    *out = (struct trust){0};
    enum status status = trust_file_read(&file, options, fault);
    if (status == STATUS_OK) {
        out->chain = file.chain;
        out->first_policy = file.policy;
        status = fetch_genesis(out, options, fault);
    }
    if (status == STATUS_OK) {
        status = fetch_policies(out, options, fault);
    }
    if (status != STATUS_OK) {
        trust_wipe(out);
    }
    return status;
}

void trust_wipe(struct trust *trust)
{
    policy_free(&trust->waiting);
    chain_wipe(&trust->policies);
    trust->policy = NULL;
    trust->waits = false;
}

enum status trust_asset(size_t *out, const struct trust *trust, const char *text, struct fault *fault)
{
    struct digest id;
    size_t found = trust->asset_count;
    bool is_id = digest_parse(&id, text) == STATUS_OK;
    for (size_t i = 0; i < trust->asset_count; i++) {
        bool same = is_id ? digest_equal(&id, &trust->asset_ids[i]) : strcmp(text, trust->assets[i].code) == 0;
        if (same && found < trust->asset_count) {
            return fault_set(fault, STATUS_INVALID, "asset", "%s is the code of two assets: give the id", text);
        }
        found = same ? i : found;
    }
    if (found == trust->asset_count) {
        return fault_set(fault, STATUS_INVALID, "asset",
                         "%s is no asset of this ledger (custody wallets shows code and id)", text);
    }
    *out = found;
    return STATUS_OK;
}

bool trust_destination_group(struct name *out, const struct trust *trust, const json_t *destinations,
                             const struct account_id *account)
{
    bool found = false;
    for (size_t i = 0; !found && i < json_array_size(destinations); i++) {
        struct signed_document document = {0};
        struct destination destination;
        const json_t *object = json_array_get(destinations, i);
        if (signed_document_decode(&document, object, CANON_DOCUMENT_MAX, "", NULL) == STATUS_OK &&
            destination_decode(&destination, document.document.data, document.document.len, NULL) == STATUS_OK &&
            account_id_equal(&destination.account, account)) {
            const struct policy *named = chain_find(&trust->policies, &destination.policy);
            found = named != NULL &&
                    destination_verify(&destination, &document, named, destination.issued_at, NULL) == STATUS_OK;
        }
        if (found) {
            *out = destination.group;
        }
        signed_document_free(&document);
    }
    return found;
}
