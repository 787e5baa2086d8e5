/*
 * The trust file, and genesis and policy held against it.
 */
#include "trust.h"

#include "client.h"
#include "commands.h"

static const struct canon_field trust_fields[] = {
    CANON_FIELD(struct trust_file, chain, CANON_HASH),
    CANON_FIELD(struct trust_file, log, CANON_TEXT),
    CANON_FIELD(struct trust_file, policy, CANON_HASH),
};

enum status trust_file_read(struct trust_file *out, const struct custody_options *options, struct fault *fault)
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
    json_decref(object);
    bytes_free(&text);
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

static enum status fetch_policy(struct trust *out, const struct custody_options *options, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/policy"};
    json_t *answer = NULL;
    struct signed_document document = {0};
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK) {
        status =
            signed_document_decode(&document, json_object_get(answer, "policy"), CANON_POLICY_MAX, "policy.", fault);
    }
    if (status == STATUS_OK) {
        status = policy_open_first(&out->policy, &document, fault);
    }
    if (status == STATUS_OK &&
        (!digest_equal(&out->policy.digest, &out->first_policy) || !digest_equal(&out->policy.chain, &out->chain))) {
        policy_free(&out->policy);
        status = fault_set(fault, STATUS_MISMATCH, "policy", "the service shows another policy than the trust file");
    }
    signed_document_free(&document);
    json_decref(answer);
    return status;
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
        status = fetch_policy(out, options, fault);
    }
    return status;
}

void trust_wipe(struct trust *trust)
{
    policy_free(&trust->policy);
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
