/*
 * Handing papers about keys in: to the service, or with --socket to a signer itself. What is handed in was signed
 * before; nothing here signs.
 */
#include "base/file.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "freeze.h"
#include "key_orders.h"
#include "papers.h"
#include "policy/attestation.h"
#include "policy/backup.h"
#include "policy/ceremony.h"
#include "signer_call.h"

#define KEY_PATH_SIZE 160

static void key_path(char out[KEY_PATH_SIZE], const struct digest *key, const char *resource)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, key);
    (void)snprintf(out, KEY_PATH_SIZE, "/v1/keys/%s%s", hex, resource);
}

static void print_state(const struct wire_key_state_reply *reply)
{
    (void)printf("the key is %s, after %llu transitions\n", reply->state, (unsigned long long)reply->on);
}

/* What goes to every signer may have been missed by one. */
static void print_missed(const json_t *answer)
{
    const char *role = NULL;
    json_t *said = NULL;
    json_object_foreach(json_object_get(answer, "signers"), role, said)
    {
        char code[SERVICE_TEXT_SIZE];
        if (strcmp(command_service_text(code, json_object_get(answer, "signers"), role), "ok") != 0) {
            (void)printf("the signer of role %s has not: %s\n", wire_role_name(wire_role_named(role)), code);
        }
    }
}

/* POST to the service. */
static enum status post(const char *path, const json_t *body, const struct custody_options *options,
                        struct fault *fault)
{
    const struct client_call call = {.method = "POST", .path = path, .body = body};
    json_t *answer = NULL;
    char state[SERVICE_TEXT_SIZE];
    enum status status = client_json(&answer, options, &call, fault);
    if (status == STATUS_OK) {
        const json_t *key = json_object_get(answer, "key");
        const json_t *named = key == NULL ? answer : key;
        (void)printf("handed in; the service says%s%s\n", key == NULL ? ": " : " that the key is ",
                     command_service_text(state, named, json_object_get(named, "log") == NULL ? "state" : "log"));
        print_missed(answer);
    }
    json_decref(answer);
    return status;
}

static enum status post_signed(const char *path, const struct signed_document *document,
                               const struct custody_options *options, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = signed_document_encode(&body, document, fault);
    if (status == STATUS_OK) {
        status = post(path, body, options, fault);
    }
    json_decref(body);
    return status;
}

/* The papers of a new key. */
struct bundle {
    struct wire_key_admit_request request; /* owned members */
    struct key_document key;
};

static void bundle_wipe(struct bundle *bundle)
{
    signed_document_free(&bundle->request.command);
    signed_document_free(&bundle->request.document);
    signed_document_free(&bundle->request.backup);
    signed_document_free(&bundle->request.restore);
    bytes_free(&bundle->request.ceremony);
}

static enum status read_optional(struct signed_document *out, const char *path, const char *where, struct fault *fault)
{
    return path[0] == '\0' ? STATUS_OK : command_read_signed(out, path, CANON_DOCUMENT_MAX, where, fault);
}

static enum status read_bundle(struct bundle *out, const struct custody_options *options, struct fault *fault)
{
    struct wire_key_admit_request *request = &out->request;
    struct key_papers papers = {0};
    if (options->ceremony[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "ceremony", "name the transcript");
    }
    enum status status = papers_read(&papers, options, fault);
    if (status == STATUS_OK) {
        out->key = papers.key;
        request->document = papers.document; /* transferred */
        status = command_read_signed(&request->command, options->command, CANON_DOCUMENT_MAX, "command", fault);
    }
    if (status == STATUS_OK) {
        status = file_read_document(&request->ceremony, options->ceremony, CANON_DOCUMENT_MAX, "ceremony", fault);
    }
    if (status == STATUS_OK) {
        status = read_optional(&request->backup, options->backup, "backup", fault);
    }
    if (status == STATUS_OK) {
        status = read_optional(&request->restore, options->restore, "restore", fault);
    }
    return status;
}

static enum status add_member(json_t *body, const char *name, const struct signed_document *document,
                              struct fault *fault)
{
    json_t *member = NULL;
    if (document->document.len == 0) {
        return STATUS_OK;
    }
    enum status status = signed_document_encode(&member, document, fault);
    return status == STATUS_OK && json_object_set_new(body, name, member) != 0 ? STATUS_NO_MEMORY : status;
}

static enum status post_bundle(const struct bundle *bundle, const struct custody_options *options, struct fault *fault)
{
    const struct wire_key_admit_request *request = &bundle->request;
    json_t *body = json_pack("{s:s%}", "ceremony", request->ceremony.data, request->ceremony.len);
    enum status status = body == NULL ? STATUS_NO_MEMORY : add_member(body, "command", &request->command, fault);
    if (status == STATUS_OK) {
        status = add_member(body, "document", &request->document, fault);
    }
    if (status == STATUS_OK) {
        status = add_member(body, "backup", &request->backup, fault);
    }
    if (status == STATUS_OK) {
        status = add_member(body, "restore", &request->restore, fault);
    }
    if (status == STATUS_OK) {
        status = post("/v1/keys", body, options, fault);
    }
    json_decref(body);
    return status;
}

static enum status admit_at_signer(const struct bundle *bundle, const struct custody_options *options,
                                   struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_key_state_reply reply;
    enum status status = signer_call_open(&pool, options, bundle->key.purpose, fault);
    if (status == STATUS_OK) {
        status = wire_key_admit(pool, &reply, &bundle->request, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        print_state(&reply);
    }
    wire_pool_free(pool);
    return status;
}

enum status command_key_admit(const struct command_input *input, struct fault *fault)
{
    struct bundle bundle = {0};
    enum status status = read_bundle(&bundle, input->options, fault);
    if (status == STATUS_OK) {
        status = input->options->socket[0] == '\0' ? post_bundle(&bundle, input->options, fault)
                                                   : admit_at_signer(&bundle, input->options, fault);
    }
    bundle_wipe(&bundle);
    return status;
}

static enum status send_to_signer(const struct signed_document *document, const struct command *command,
                                  const struct custody_options *options, struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_key_state_reply reply;
    enum signer_role role = command->role;
    enum status status = STATUS_OK;
    if (role == 0) { /* it is for every signer, and names none */
        status = signer_call_role(&role, options, fault);
    }
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    if (status == STATUS_OK) {
        status = wire_key_command(pool, &reply, document, signer_call_timeout_ms(options), fault);
    }
    bool person = command->action == COMMAND_PERSON_SUSPEND || command->action == COMMAND_PERSON_RESUME;
    bool log = command->action == COMMAND_LOG_ROTATE || command->action == COMMAND_LOG_FORK;
    if (status == STATUS_OK &&
        (person || log || command->action == COMMAND_DESTINATION_REVOKE || command->action == COMMAND_PII_ERASE)) {
        (void)printf("the signer says: %s\n", reply.state);
    } else if (status == STATUS_OK) {
        print_state(&reply);
    }
    wire_pool_free(pool);
    return status;
}

/* Where the service takes an order. */
static void order_path(char out[KEY_PATH_SIZE], const struct command *command)
{
    char id[UUID_TEXT_SIZE];
    const char *path = NULL;
    switch (command->action) {
    case COMMAND_POLICY_VETO:
        path = "/v1/policies/veto";
        break;
    case COMMAND_DESTINATION_REVOKE:
        path = "/v1/destinations/revoke";
        break;
    case COMMAND_PERSON_SUSPEND:
        path = "/v1/people/suspend";
        break;
    case COMMAND_PERSON_RESUME:
        path = "/v1/people/resume";
        break;
    case COMMAND_LOG_ROTATE:
        path = "/v1/audit/log-keys";
        break;
    case COMMAND_PII_ERASE:
        uuid_format(id, &command->data_subject);
        (void)snprintf(out, KEY_PATH_SIZE, "/v1/subjects/%s/erase", id);
        return;
    default:
        key_path(out, &command->key, "/commands");
        return;
    }
    (void)snprintf(out, KEY_PATH_SIZE, "%s", path);
}

enum status key_order_send(const struct signed_document *document, const struct custody_options *options,
                           struct fault *fault)
{
    struct command command = {0};
    char path[KEY_PATH_SIZE];
    enum status status = command_decode(&command, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (command.action == COMMAND_FREEZE || command.action == COMMAND_THAW) {
        return freeze_send(document, options, fault);
    }
    if (options->socket[0] != '\0') {
        return send_to_signer(document, &command, options, fault);
    }
    order_path(path, &command);
    return post_signed(path, document, options, fault);
}

enum status key_order_finish(struct signed_document *inout, const struct custody_options *options, struct fault *fault)
{
    if (options->key[0] == '\0') {
        return command_write_document(&inout->document, options, fault);
    }
    enum status status = command_add_signature(inout, COMMAND_KIND, options, fault);
    return status == STATUS_OK ? key_order_send(inout, options, fault) : status;
}

enum status command_key_send(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    enum status status = command_read_signed(&document, options->command, CANON_DOCUMENT_MAX, "command", fault);
    if (status == STATUS_OK) {
        status = key_order_send(&document, options, fault);
    }
    signed_document_free(&document);
    return status;
}

static enum status prove_to_signer(const struct signed_document *document, const struct custody_options *options,
                                   struct fault *fault)
{
    struct wire_pool *pool = NULL;
    struct wire_key_state_reply reply;
    enum signer_role role = ROLE_TRANSFER;
    enum status status = signer_call_role(&role, options, fault);
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    if (status == STATUS_OK) {
        status = wire_key_prove(pool, &reply, document, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        print_state(&reply);
    }
    wire_pool_free(pool);
    return status;
}

enum status command_key_prove(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document document = {0};
    struct restore restore;
    char path[KEY_PATH_SIZE];
    enum status status = command_read_signed(&document, options->restore, CANON_DOCUMENT_MAX, "restore", fault);
    if (status == STATUS_OK) {
        status = restore_decode(&restore, document.document.data, document.document.len, fault);
    }
    if (status == STATUS_OK && options->socket[0] != '\0') {
        status = prove_to_signer(&document, options, fault);
    } else if (status == STATUS_OK) {
        key_path(path, &restore.key, "/restores");
        status = post_signed(path, &document, options, fault);
    }
    signed_document_free(&document);
    return status;
}
