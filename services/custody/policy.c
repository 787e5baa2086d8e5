/*
 * Later versions of the policy: what there is, how a new one differs, handing it in, and speaking against it. Drafts
 * are made with any editor and signed with `custody sign policy`. What the service shows counts only as far as it is
 * verified from the version of the trust file on.
 */
#include "chain.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "order_draft.h"
#include "signer_call.h"
#include "trust.h"

/* Listing. */

static void print_vetoes(const json_t *row)
{
    const json_t *vetoes = json_object_get(row, "vetoes");
    for (size_t i = 0; i < json_array_size(vetoes); i++) {
        char text[SERVICE_TEXT_SIZE];
        const json_t *object = json_array_get(vetoes, i);
        (void)snprintf(text, sizeof(text), "%s", json_string_value(object) == NULL ? "" : json_string_value(object));
        describe_row(stdout, "veto", "by %s", text);
    }
}

static void print_version(const json_t *row)
{
    char texts[4][SERVICE_TEXT_SIZE];
    (void)printf("version %lld, %s\n", (long long)json_integer_value(json_object_get(row, "version")),
                 command_service_text(texts[0], row, "state"));
    describe_row(stdout, "digest", "%s", command_service_text(texts[1], row, "digest"));
    if (command_service_text(texts[2], row, "received_at")[0] != '\0') {
        describe_row(stdout, "received", "%s", texts[2]);
    }
    if (command_service_text(texts[3], row, "in_force_at")[0] != '\0') {
        describe_row(stdout, strcmp(texts[0], "waiting") == 0 ? "in force at" : "in force", "%s", texts[3]);
    }
    if (json_object_get(row, "need") != NULL) {
        describe_row(stdout, "signed", "by %lld administrators, it takes %lld",
                     (long long)json_integer_value(json_object_get(row, "signers")),
                     (long long)json_integer_value(json_object_get(row, "need")));
    }
    print_vetoes(row);
}

enum status command_policy_list(const struct command_input *input, struct fault *fault)
{
    struct trust trust;
    enum status status = trust_open(&trust, input->options, fault); /* every version down to the first one */
    if (status == STATUS_OK) {
        status = client_list(input->options, "/v1/policies", "policies", print_version, fault);
        trust_wipe(&trust);
    }
    return status;
}

/* One version as the signed document that it is. */

/* The digest of the version with this number, of those that were verified; NULL when there is none. */
static const struct digest *find_number(const struct trust *trust, const char *number)
{
    char text[24];
    for (size_t i = 0; i < trust->policies.count; i++) {
        (void)snprintf(text, sizeof(text), "%lld", (long long)trust->policies.versions[i].version);
        if (strcmp(text, number) == 0) {
            return &trust->policies.versions[i].digest;
        }
    }
    (void)snprintf(text, sizeof(text), "%lld", (long long)trust->waiting.version);
    return trust->waits && strcmp(text, number) == 0 ? &trust->waiting.digest : NULL;
}

static enum status fetch_version(struct signed_document *out, const struct digest *digest,
                                 const struct custody_options *options, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/policies"};
    json_t *answer = NULL;
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    enum status status = client_json(&answer, options, &call, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const json_t *rows = json_object_get(answer, "policies");
    status = fault_set(fault, STATUS_NOT_FOUND, "policies", "the service does not show it any more");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *said = json_string_value(json_object_get(row, "digest"));
        if (said != NULL && strcmp(said, hex) == 0 && status != STATUS_OK) {
            fault_clear(fault);
            status = signed_document_decode(out, json_object_get(row, "policy"), CANON_POLICY_MAX, "policy.", fault);
        }
    }
    json_decref(answer);
    if (status == STATUS_OK) {
        struct digest real;
        digest_document(&real, POLICY_KIND, out->document.data, out->document.len);
        status = digest_equal(&real, digest)
                     ? STATUS_OK
                     : fault_set(fault, STATUS_MISMATCH, "policies", "the service shows another document than before");
    }
    return status;
}

enum status command_policy_show(const struct command_input *input, struct fault *fault)
{
    struct trust trust;
    struct signed_document document = {0};
    enum status status = trust_open(&trust, input->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct digest *digest = find_number(&trust, input->words[0]);
    status = digest == NULL
                 ? fault_set(fault, STATUS_NOT_FOUND, "VERSION", "no version %s (custody policy list)", input->words[0])
                 : fetch_version(&document, digest, input->options, fault);
    if (status == STATUS_OK) {
        status = command_write_signed(&document, input->options, fault);
    }
    signed_document_free(&document);
    trust_wipe(&trust);
    return status;
}

/* Differences. */

static json_t *find_id(const json_t *rows, const char *id)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);
        const char *other = json_string_value(json_object_get(row, "id"));
        if (id != NULL && other != NULL && strcmp(id, other) == 0) {
            return row;
        }
    }
    return NULL;
}

static void print_value(const char *sign, const char *name, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    (void)printf("    %s %s %s\n", sign, name, text == NULL ? "" : text);
    free(text);
}

static void diff_member(const char *title, const char *name, const json_t *before, const json_t *after, size_t *count)
{
    if (before == after || (before != NULL && after != NULL && json_equal(before, after) == 1)) {
        return;
    }
    if ((*count)++ == 0) {
        (void)printf("~ %s\n", title);
    }
    if (before != NULL) {
        print_value("-", name, before);
    }
    if (after != NULL) {
        print_value("+", name, after);
    }
}

/* The members that differ, old and new; also those that only one of the two has. */
static size_t diff_members(const char *title, json_t *before, json_t *after)
{
    size_t count = 0;
    for (void *at = json_object_iter(after); at != NULL; at = json_object_iter_next(after, at)) {
        const char *name = json_object_iter_key(at);
        diff_member(title, name, json_object_get(before, name), json_object_iter_value(at), &count);
    }
    for (void *at = json_object_iter(before); at != NULL; at = json_object_iter_next(before, at)) {
        const char *name = json_object_iter_key(at);
        if (json_object_get(after, name) == NULL) {
            diff_member(title, name, json_object_iter_value(at), NULL, &count);
        }
    }
    return count;
}

static size_t diff_rows(const char *kind, const json_t *before, const json_t *after)
{
    char title[160];
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(before); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(before, i), "id"));
        json_t *now = find_id(after, id);
        (void)snprintf(title, sizeof(title), "%s %s", kind, id == NULL ? "" : id);
        if (now == NULL) {
            (void)printf("- %s\n", title);
            count++;
        } else {
            count += diff_members(title, json_array_get(before, i), now);
        }
    }
    for (size_t i = 0; i < json_array_size(after); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(after, i), "id"));
        if (find_id(before, id) == NULL) {
            (void)printf("+ %s %s\n", kind, id == NULL ? "" : id);
            print_value(" ", "", json_array_get(after, i));
            count++;
        }
    }
    return count;
}

static void diff_documents(const json_t *before, const json_t *after)
{
    static const char *const lists[][2] = {
        {"people", "person"}, {"groups", "group"}, {"wallets", "wallet"}, {"rules", "rule"}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        count += diff_rows(lists[i][1], json_object_get(before, lists[i][0]), json_object_get(after, lists[i][0]));
    }
    count +=
        diff_members("destinations", json_object_get(before, "destinations"), json_object_get(after, "destinations"));
    count += diff_members("governance", json_object_get(before, "governance"), json_object_get(after, "governance"));
    if (count == 0) {
        (void)printf("no difference but number and time\n");
    }
}

enum status command_read_draft(json_t **out, struct policy *decoded, const struct custody_options *options,
                               struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    enum status status = command_read_file(&text, options->in, 2 * CANON_POLICY_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, 2 * CANON_POLICY_MAX, fault);
    }
    const char *inner = json_string_value(json_object_get(object, "document"));
    const char *document = inner != NULL ? inner : (const char *)text.data;
    if (status == STATUS_OK) {
        status = policy_decode(decoded, document, inner != NULL ? strlen(inner) : text.len, fault);
    }
    if (status == STATUS_OK && out != NULL) {
        status = canon_parse(out, document, inner != NULL ? strlen(inner) : text.len, CANON_POLICY_MAX, fault);
    }
    json_decref(object);
    bytes_free(&text);
    command_name_file(fault, options->in);
    return status;
}

static enum status diff_with(const struct trust *trust, const struct policy *before, const struct policy_version *draft,
                             struct fault *fault)
{
    json_t *document = NULL;
    enum status status = chain_document(&trust->policies, before, &document, fault);
    if (status == STATUS_OK) {
        const struct policy_version earlier = {.policy = before, .document = document};
        diff_documents(document, draft->document);
        status = command_analyse_change(stdout, &earlier, draft, fault);
        command_analyse_warnings(stdout, draft->policy);
    }
    json_decref(document);
    return status;
}

enum status command_policy_diff(const struct command_input *input, struct fault *fault)
{
    struct trust trust;
    struct policy decoded = {0};
    json_t *draft = NULL;
    enum status status = trust_open(&trust, input->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = command_read_draft(&draft, &decoded, input->options, fault);
    const struct policy *before = status == STATUS_OK ? chain_find(&trust.policies, &decoded.prev) : NULL;
    if (status == STATUS_OK && before == NULL) {
        status = fault_set(fault, STATUS_MISMATCH, "prev", "is no version that the service shows");
    }
    if (status == STATUS_OK) {
        (void)printf("version %lld against version %lld%s\n", (long long)decoded.version, (long long)before->version,
                     before == trust.policy ? ", in force" : ", which is NOT in force any more");
        const struct policy_version now = {.policy = &decoded, .document = draft};
        status = diff_with(&trust, before, &now, fault);
    }
    json_decref(draft);
    policy_free(&decoded);
    trust_wipe(&trust);
    return status;
}

/* Handing in. */

static enum status post(json_t **out, const char *path, const struct signed_document *document,
                        const struct custody_options *options, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        const struct client_call call = {.method = "POST", .path = path, .body = body};
        status = client_json(out, options, &call, fault);
    }
    json_decref(body);
    return status;
}

static enum status send_to_signer(const struct signed_document *document, const struct custody_options *options,
                                  struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_policy_adopt_reply reply;
    enum signer_role role = ROLE_TRANSFER;
    char at[TIME_TEXT_SIZE];
    enum status status = signer_call_role(&role, options, fault);
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    if (status == STATUS_OK) {
        status = wire_policy_adopt(pool, &reply, document, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        time_format(at, reply.in_force_at);
        (void)printf("the signer of role %s has version %lld, in force at %s\n", options->role,
                     (long long)reply.policy_version, at);
    }
    wire_pool_free(pool);
    return status;
}

static enum status send_to_service(const struct signed_document *document, const struct custody_options *options,
                                   struct fault *fault)
{
    json_t *answer = NULL;
    char at[SERVICE_TEXT_SIZE];
    enum status status = post(&answer, "/v1/policies", document, options, fault);
    if (status == STATUS_OK) {
        (void)printf("handed in; the service says: version %lld is in force at %s\n",
                     (long long)json_integer_value(json_object_get(answer, "version")),
                     command_service_text(at, answer, "in_force_at"));
    }
    json_decref(answer);
    return status;
}

enum status command_policy_send(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    enum status status = command_read_signed(&document, options->in, CANON_POLICY_MAX, "in", fault);
    if (status == STATUS_OK) {
        status = options->socket[0] != '\0' ? send_to_signer(&document, options, fault)
                                            : send_to_service(&document, options, fault);
    }
    signed_document_free(&document);
    return status;
}

/* Speaking against it. */

static enum status make_veto(struct signed_document *out, const struct trust *trust,
                             const struct custody_options *options, struct fault *fault)
{
    struct command command = {.action = COMMAND_POLICY_VETO, .subject = trust->waiting.digest};
    if (!trust->waits) {
        return fault_set(fault, STATUS_CONFLICT, "policy", "no version waits");
    }
    enum status status = order_draft(&command, trust->policy, options, fault);
    return status == STATUS_OK ? order_draft_write(&out->document, &command, fault) : status;
}

static enum status hand_in_veto(const struct signed_document *document, const struct custody_options *options,
                                struct fault *fault)
{
    json_t *answer = NULL;
    char state[SERVICE_TEXT_SIZE];
    enum status status = post(&answer, "/v1/policies/veto", document, options, fault);
    if (status == STATUS_OK) {
        (void)printf("handed in; the service says: %s, vetoes: %lld\n", command_service_text(state, answer, "state"),
                     (long long)json_integer_value(json_object_get(answer, "vetoes")));
    }
    json_decref(answer);
    return status;
}

enum status command_policy_veto(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct trust trust;
    struct signed_document document = {0};
    enum status status = trust_open(&trust, options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = make_veto(&document, &trust, options, fault);
    if (status == STATUS_OK && options->key[0] == '\0') {
        status = command_write_document(&document.document, options, fault);
    } else if (status == STATUS_OK) {
        status = command_add_signature(&document, COMMAND_KIND, options, fault);
        status = status == STATUS_OK ? hand_in_veto(&document, options, fault) : status;
    }
    signed_document_free(&document);
    trust_wipe(&trust);
    return status;
}
