/*
 * The commands of a witness: make one, run one, show what it remembers. What it does with a checkpoint is the witness
 * room's; here are the key file, the options and the signals.
 */
#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "commands.h"
#include "witness/server.h"

static enum status check_state(const struct custody_options *options, struct fault *fault)
{
    return options->state[0] == '\0' ? fault_set(fault, STATUS_USAGE, "state", "name the folder") : STATUS_OK;
}

/* The verifier key of the key file under the name. */
static enum status witness_key(struct audit_key *out, const struct keyfile *keyfile, const char *name,
                               struct fault *fault)
{
    const struct public_key *key = keyfile_public_key(keyfile);
    if (key->algorithm != ALGORITHM_ED25519) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "key", "a witness has an ed25519 key");
    }
    /* The last 32 bytes of the DER form of an Ed25519 key (RFC 8410) are the key. */
    return audit_key_make(out, name, AUDIT_KEY_COSIGNATURE, key->spki + key->spki_len - 32, fault);
}

enum status command_witness_init(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct keyfile *keyfile = NULL;
    struct audit_key key;
    struct audit_key logs[WITNESS_LOGS_MAX];
    char text[AUDIT_VKEY_SIZE];
    enum status status = check_state(options, fault);
    if (status == STATUS_OK && (options->logs.count < 1 || options->logs.count > WITNESS_LOGS_MAX)) {
        status = fault_set(fault, STATUS_USAGE, "log", "name 1 to %d logs by their verifier keys", WITNESS_LOGS_MAX);
    }
    for (size_t i = 0; status == STATUS_OK && i < options->logs.count; i++) {
        status = audit_key_parse(&logs[i], options->logs.texts[i], fault);
    }
    if (status == STATUS_OK) {
        status = command_open_key(&keyfile, options, fault);
    }
    if (status == STATUS_OK) {
        status = witness_key(&key, keyfile, options->name, fault);
        keyfile_free(keyfile);
    }
    if (status == STATUS_OK) {
        status = witness_initialise(options->state, &key, logs, options->logs.count, fault);
    }
    if (status == STATUS_OK) {
        audit_key_format(text, &key);
        (void)printf("%s\n", text);
    }
    return status;
}

enum status command_witness_rotate(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct audit_key next;
    enum status status = check_state(options, fault);
    if (status == STATUS_OK && options->logs.count != 1) {
        status = fault_set(fault, STATUS_USAGE, "log", "name the key that follows");
    }
    if (status == STATUS_OK) {
        status = audit_key_parse(&next, options->logs.texts[0], fault);
    }
    return status == STATUS_OK ? witness_rotate(options->state, &next, fault) : status;
}

enum status command_witness_show(const struct command_input *input, struct fault *fault)
{
    json_t *view = NULL;
    enum status status = check_state(input->options, fault);
    if (status == STATUS_OK) {
        status = witness_describe(&view, input->options->state, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    bool good = json_dumpf(view, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) == 0;
    (void)printf("\n");
    json_decref(view);
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "out", "could not write");
}

static enum status cosign(void *context, uint8_t out64[SIGNATURE_LEN], uint64_t time_s, const void *body, size_t len,
                          struct fault *fault)
{
    return keyfile_cosign(out64, context, time_s, body, len, fault);
}

static enum status write_port(const char *path, uint16_t port, struct fault *fault)
{
    FILE *file = path[0] == '\0' ? NULL : fopen(path, "we");
    if (path[0] == '\0') {
        return STATUS_OK;
    }
    bool good = file != NULL && fprintf(file, "%u\n", (unsigned)port) > 0;
    good = file != NULL && fclose(file) == 0 && good;
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "port-file", "could not write %s", path);
}

/* Until somebody ends it. */
static enum status serve(struct witness *witness, const struct custody_options *options, const char *name,
                         struct fault *fault)
{
    struct witness_server *server = NULL;
    sigset_t ends;
    int caught = 0;
    char port[8];
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL); /* before there are threads */
    enum status status = witness_server_start(&server, witness, options->listen, fault);
    if (status == STATUS_OK) {
        status = write_port(options->port_file, witness_server_port(server), fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(port, sizeof(port), "%u", (unsigned)witness_server_port(server));
        log_event(LOG_LEVEL_INFO, "witness.start", "name", name, "listen", options->listen, "port", port, NULL);
        (void)sigwait(&ends, &caught);
        log_event(LOG_LEVEL_INFO, "witness.stop", NULL);
    }
    witness_server_stop(server);
    return status;
}

/* The name is that of the state: `custody witness init` gave it. */
static enum status key_of_state(struct audit_key *out, const struct custody_options *options,
                                const struct keyfile *keyfile, struct fault *fault)
{
    json_t *view = NULL;
    enum status status = witness_describe(&view, options->state, fault);
    if (status == STATUS_OK) {
        struct audit_key named;
        status = audit_key_parse(&named, json_string_value(json_object_get(view, "name")), fault);
        status = status == STATUS_OK ? witness_key(out, keyfile, named.name, fault) : status;
        json_decref(view);
    }
    return status;
}

enum status command_witness_run(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct keyfile *keyfile = NULL;
    struct witness *witness = NULL;
    struct audit_key key;
    struct witness_config config = {.clock = clock_system(), .state = options->state, .key = &key, .cosign = cosign};
    enum status status = check_state(options, fault);
    if (status == STATUS_OK) {
        status = command_open_key(&keyfile, options, fault);
    }
    if (status == STATUS_OK) {
        log_open("custody-witness", LOG_LEVEL_INFO);
        config.context = keyfile;
        status = key_of_state(&key, options, keyfile, fault);
    }
    if (status == STATUS_OK) {
        status = witness_open(&witness, &config, fault);
    }
    if (status == STATUS_OK) {
        status = serve(witness, options, key.name, fault);
    }
    witness_close(witness);
    keyfile_free(keyfile);
    return status;
}
