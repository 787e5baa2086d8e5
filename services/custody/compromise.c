/*
 * `custody compromise`: something was lost or is known to others. One person stops everything that it reaches; the rest
 * is laid out for the quorum: orders key.compromise, sweeps to the emergency addresses, and who does what. With --drill
 * nothing is stopped: each key is asked for an attestation instead, so that the way to its signer is tried. What was
 * done and how long it took is signed and handed to the service, where the trail keeps it.
 */
#include "compromise.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest.h"
#include "client.h"
#include "commands.h"
#include "describe.h"
#include "policy/key_state.h"

#define SECOND_US 1000000LL
#define MAY_SUSPEND (DUTY_ADMINISTRATOR | DUTY_APPROVER | DUTY_CUSTODIAN | DUTY_OPERATOR)

struct incident {
    const struct custody_options *options;
    struct chain chain;
    struct keyfile *keyfile;
    struct known_keys keys;
    struct compromise report;
    struct sweep_count swept;
    struct name reason;
    char *plan_text; /* owned; of `plan` */
    size_t plan_len;
    FILE *plan;
};

enum status compromise_write(const char *folder, const char *name, const void *text, size_t len, struct fault *fault)
{
    char path[2 * TEXT_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return fault_set(fault, errno == EEXIST ? STATUS_EXISTS : STATUS_IO, "out", "could not make %s", path);
    }
    bool good = write(file, text, len) == (ssize_t)len && write(file, "\n", 1) == 1 && fsync(file) == 0;
    good = close(file) == 0 && good;
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "out", "could not write %s", path);
}

static void step(struct incident *incident, const char *name)
{
    struct compromise *report = &incident->report;
    struct compromise_step *row = &report->steps[report->step_count++];
    INVARIANT(report->step_count <= COMPROMISE_STEPS_MAX && name_parse(&row->step, name) == STATUS_OK);
    row->at = clock_utc_us(clock_system());
    if (row->at < report->started_at) {
        row->at = report->started_at; /* the clock was set back meanwhile */
    }
    (void)fprintf(stderr, "%6lld ms  %s\n", (long long)((row->at - report->started_at) / 1000), name);
}

/* Beginning. */

static enum status read_words(struct incident *incident, const struct command_input *input, struct fault *fault)
{
    struct compromise *report = &incident->report;
    if (compromise_what_parse(&report->what, input->words[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, input->words[0], "must be key, token, custodian, signer or site");
    }
    if (strlen(input->words[1]) >= sizeof(report->lost) || input->words[1][0] == '\0') {
        return fault_set(fault, STATUS_USAGE, input->words[1], "must be 1 to 64 characters");
    }
    (void)snprintf(report->lost, sizeof(report->lost), "%s", input->words[1]);
    if (name_parse(&incident->reason, incident->options->reason) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "reason", "must be one word of [a-z0-9-]");
    }
    if (incident->options->out[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "out", "name a new folder for plan, orders and report");
    }
    return STATUS_OK;
}

/* Who does it, before anything is written: a plan of somebody who may not act on it wastes time. */
static enum status know_person(struct incident *incident, struct fault *fault)
{
    const struct policy *policy = chain_newest(&incident->chain);
    struct compromise *report = &incident->report;
    struct digest id;
    public_key_id(&id, keyfile_public_key(incident->keyfile));
    const struct person *person = policy_find_key(NULL, policy, &id);
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "is of nobody in the policy");
    }
    if ((person->duties & MAY_SUSPEND) == 0) {
        return fault_set(fault, STATUS_FORBIDDEN, "key", "%s may not suspend keys", person->id.text);
    }
    report->by = person->id;
    report->chain = policy->chain;
    report->environment = policy->environment;
    report->policy = policy->digest;
    return STATUS_OK;
}

static enum status begin(struct incident *incident, const struct command_input *input, struct fault *fault)
{
    enum status status = read_words(incident, input, fault);
    if (status == STATUS_OK) {
        status = chain_open(&incident->chain, incident->options, true, fault);
    }
    if (status == STATUS_OK) {
        status = command_open_key(&incident->keyfile, incident->options, fault);
    }
    if (status == STATUS_OK) {
        status = know_person(incident, fault);
    }
    if (status == STATUS_OK && mkdir(incident->options->out, 0700) != 0) {
        status = fault_set(fault, errno == EEXIST ? STATUS_EXISTS : STATUS_IO, "out", "could not make the folder %s",
                           incident->options->out);
    }
    if (status == STATUS_OK) {
        incident->plan = open_memstream(&incident->plan_text, &incident->plan_len);
        status = incident->plan == NULL ? fault_set(fault, STATUS_NO_MEMORY, "plan", "%s", "") : STATUS_OK;
    }
    return status;
}

/* The plan: who does what, by the policy itself, so that it is never out of date. */

static void list_people(FILE *plan, const struct policy *policy, unsigned duties, unsigned none_of)
{
    int64_t now = clock_utc_us(clock_system());
    for (size_t i = 0; i < policy->person_count; i++) {
        const struct person *person = &policy->people[i];
        if ((person->duties & duties) != 0 && (person->duties & none_of) == 0 && policy_person_valid(person, now)) {
            (void)fprintf(plan, " %s", person->id.text);
        }
    }
    (void)fprintf(plan, "\n");
}

static void list_group(FILE *plan, const struct policy *policy, const struct quorum *quorum)
{
    const struct group *group = &policy->groups[quorum->group];
    (void)fprintf(plan, " %u of %s:", quorum->m, group->id.text);
    for (size_t i = 0; i < group->member_count; i++) {
        (void)fprintf(plan, " %s", policy->people[group->members[i]].id.text);
    }
    (void)fprintf(plan, "\n");
}

static void plan_class(struct incident *incident, enum signer_role purpose, enum wallet_tier tier)
{
    const struct policy *policy = chain_newest(&incident->chain);
    FILE *plan = incident->plan;
    (void)fprintf(plan, "\nkeys of the class %s, %s\n  suspends       one of", signer_role_text(purpose),
                  policy_tier_text(tier));
    list_people(plan, policy, DUTY_OPERATOR, 0);
    (void)fprintf(plan, "  deputies      ");
    list_people(plan, policy, MAY_SUSPEND, DUTY_OPERATOR);
    (void)fprintf(plan, "  orders        ");
    list_group(plan, policy, &policy->governance);
    for (size_t i = 0; i < policy->rule_count && purpose == ROLE_TRANSFER; i++) {
        for (size_t k = 0; k < policy->rules[i].demand.entry_count; k++) {
            (void)fprintf(plan, "  approves      ");
            list_group(plan, policy, &policy->rules[i].demand.entries[k].quorum);
        }
    }
    (void)fprintf(plan, "  evidence      ");
    list_people(plan, policy, DUTY_AUDITOR, 0);
}

static void plan_classes(struct incident *incident)
{
    bool told[ROLE_VALIDATOR + 1][TIER_SYSTEM + 1] = {{false}};
    for (size_t i = 0; i < incident->keys.count; i++) {
        const struct key_document *key = &incident->keys.list[i].papers.key;
        if (incident->keys.list[i].why[0] != '\0' && !told[key->purpose][key->tier]) {
            told[key->purpose][key->tier] = true;
            plan_class(incident, key->purpose, key->tier);
        }
    }
}

static void plan_key(FILE *plan, const struct known_key *key)
{
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &key->papers.key.key_id);
    (void)fprintf(plan, "\nkey %s\n  %-14s %s, %s, token %s\n  %-14s %s\n  %-14s %s\n", id, "is",
                  signer_role_text(key->papers.key.purpose), policy_tier_text(key->papers.key.tier),
                  key->papers.key.token.label, "because", key->why, "was",
                  key->state == 0 ? "unknown" : key_state_text(key->state));
    if (!key->has_ceremony || (key->papers.key.backup == KEY_BACKUP_WRAPPED && !key->has_backup)) {
        (void)fprintf(plan, "  %-14s %s\n", "not seen", key->has_ceremony ? "its backup" : "its transcript");
    }
}

/* Stopping. */

static enum status make_order(struct bytes *out, const struct incident *incident, const struct known_key *key,
                              enum command_action action, struct fault *fault)
{
    const struct policy *policy = chain_newest(&incident->chain);
    struct command command = {.action = action,
                              .chain = policy->chain,
                              .environment = policy->environment,
                              .issued_at = clock_utc_us(clock_system()),
                              .key = key->papers.key.key_id,
                              .policy = policy->digest,
                              .reason = incident->reason,
                              .role = key->papers.key.purpose};
    if (action == COMMAND_KEY_COMPROMISE) {
        bool was_on = key->state == KEY_STATE_ACTIVE || key->state == KEY_STATE_INACTIVE;
        command.from = was_on ? KEY_STATE_SUSPENDED : key->state;
        command.on = was_on ? key->on + 1 : key->on;
    }
    command.expires_at = command.issued_at + incident->options->expires_in_s * SECOND_US;
    enum status status = uuid_generate(&command.nonce, clock_system());
    return status == STATUS_OK ? command_encode(out, &command, fault) : status;
}

static void order_name(char out[64], const char *what, const struct known_key *key, const char *ending)
{
    char id[DIGEST_HEX_LEN + 1];
    digest_format(id, &key->papers.key.key_id);
    (void)snprintf(out, 64, "%s-%.8s.%s", what, id, ending);
}

static enum status write_signed(const struct incident *incident, const char *name, const json_t *object,
                                struct fault *fault)
{
    struct bytes text = {0};
    enum status status = canon_emit(&text, object, 4 * CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = compromise_write(incident->options->out, name, text.data, text.len, fault);
        bytes_free(&text);
    }
    return status;
}

/* Signs a document of ours. Out: one reference. */
static enum status sign(json_t **out, const struct incident *incident, const char *kind, struct bytes *document,
                        struct fault *fault)
{
    struct signature signature;
    struct signed_document paper = {.document = *document}; /* transferred */
    *document = (struct bytes){0};
    enum status status =
        keyfile_sign(&signature, incident->keyfile, kind, paper.document.data, paper.document.len, fault);
    if (status == STATUS_OK) {
        status = signed_document_add(&paper, &signature);
    }
    if (status == STATUS_OK) {
        status = signed_document_encode(out, &paper, fault);
    }
    signed_document_free(&paper);
    return status;
}

static enum status send(const struct incident *incident, const struct known_key *key, const json_t *order,
                        struct fault *fault)
{
    char path[160];
    char id[DIGEST_HEX_LEN + 1];
    json_t *answer = NULL;
    digest_format(id, &key->papers.key.key_id);
    (void)snprintf(path, sizeof(path), "/v1/keys/%s/commands", id);
    const struct client_call call = {.method = "POST", .path = path, .body = order};
    enum status status = client_json(&answer, incident->options, &call, fault);
    json_decref(answer);
    return status;
}

/*
 * The order is on disk before it is sent, for whoever must carry it to the signer by hand; but a full disk keeps nobody
 * from stopping a key, and one key not the next. True when the key is suspended.
 */
static bool suspend(struct incident *incident, const struct known_key *key)
{
    char name[64];
    struct bytes document = {0};
    json_t *order = NULL;
    struct fault why = {0};
    struct fault unwritten = {0};
    order_name(name, "suspend", key, "json");
    enum status status = make_order(&document, incident, key, COMMAND_KEY_SUSPEND, &why);
    if (status == STATUS_OK) {
        status = sign(&order, incident, COMMAND_KIND, &document, &why);
    }
    if (status == STATUS_OK && write_signed(incident, name, order, &unwritten) != STATUS_OK) {
        (void)fprintf(incident->plan, "  not written    %s\n", unwritten.detail);
    }
    if (status == STATUS_OK) {
        status = send(incident, key, order, &why);
    }
    if (status == STATUS_OK) {
        (void)fprintf(incident->plan, "  suspended      %s\n", name);
    } else {
        (void)fprintf(incident->plan, "  NOT SUSPENDED  %s: carry %s to its signer (custody key send --socket)\n",
                      why.detail[0] == '\0' ? status_info(status)->text : why.detail, name);
    }
    json_decref(order);
    return status == STATUS_OK;
}

/* The way to the signer, tried. */
static bool ask(struct incident *incident, const struct known_key *key)
{
    struct signed_document attestation = {0};
    struct fault why = {0};
    bool done = attest_fetch(&attestation, &key->papers, incident->options, &why) == STATUS_OK;
    if (done) {
        (void)fprintf(incident->plan, "  answers        its signer can be reached\n");
    } else {
        (void)fprintf(incident->plan, "  NO ANSWER      %s\n", why.detail);
    }
    signed_document_free(&attestation);
    return done;
}

static void stop_key(struct incident *incident, const struct known_key *key)
{
    struct compromise *report = &incident->report;
    enum key_state after = (enum key_state)0;
    if (key->state != 0 && key_state_next(&after, key->state, KEY_ACTION_SUSPEND, NULL) != STATUS_OK) {
        (void)fprintf(incident->plan, "  already        %s: nothing to stop\n", key_state_text(key->state));
        return;
    }
    bool done = report->drill ? ask(incident, key) : suspend(incident, key);
    report->suspended += done && !report->drill ? 1 : 0;
    report->failed += done ? 0 : 1;
}

static enum status prepare_order(struct incident *incident, const struct known_key *key, struct fault *fault)
{
    char name[64];
    enum key_state after = (enum key_state)0;
    struct bytes document = {0};
    if (key->state == 0 && !incident->report.drill) {
        (void)fprintf(incident->plan, "  no order       its state is unknown: custody key list --socket, then "
                                      "custody key command key.compromise\n");
        return STATUS_OK;
    }
    if (incident->report.drill || key_state_next(&after, key->state, KEY_ACTION_COMPROMISE, NULL) != STATUS_OK) {
        return STATUS_OK;
    }
    order_name(name, "compromise", key, "document");
    enum status status = make_order(&document, incident, key, COMMAND_KEY_COMPROMISE, fault);
    if (status == STATUS_OK) {
        status = compromise_write(incident->options->out, name, document.data, document.len, fault);
    }
    if (status == STATUS_OK) {
        (void)fprintf(incident->plan, "  to be signed   %s\n", name);
    }
    bytes_free(&document);
    return status;
}

/* Everything that is reached is stopped before anything else is prepared. */
static void stop_all(struct incident *incident)
{
    for (size_t i = 0; i < incident->keys.count; i++) {
        if (incident->keys.list[i].why[0] != '\0') {
            plan_key(incident->plan, &incident->keys.list[i]);
            stop_key(incident, &incident->keys.list[i]);
        }
    }
    step(incident, incident->report.drill ? "asked" : "suspended");
}

static enum status prepare_all(struct incident *incident, struct fault *fault)
{
    const struct sweep_order order = {.options = incident->options,
                                      .policy = chain_newest(&incident->chain),
                                      .by = &incident->report.by,
                                      .folder = incident->options->out,
                                      .plan = incident->plan};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < incident->keys.count; i++) {
        const struct known_key *key = &incident->keys.list[i];
        char id[DIGEST_HEX_LEN + 1];
        if (key->why[0] == '\0') {
            continue;
        }
        digest_format(id, &key->papers.key.key_id);
        (void)fprintf(incident->plan, "\nfor the quorum, key %s\n", id);
        status = prepare_order(incident, key, fault);
        if (status == STATUS_OK) {
            compromise_sweep(&incident->swept, key, &order);
        }
    }
    incident->report.sweeps = incident->swept.sweeps;
    incident->report.hindrances = incident->swept.hindrances;
    step(incident, "prepared");
    return status;
}

/* Ending. */

static enum status write_plan(struct incident *incident, struct fault *fault)
{
    if (fflush(incident->plan) != 0) {
        return fault_set(fault, STATUS_NO_MEMORY, "plan", "%s", "");
    }
    (void)fwrite(incident->plan_text, 1, incident->plan_len, stdout);
    digest_sha256(&incident->report.plan, incident->plan_text, incident->plan_len);
    /* The newline that ends the file is the plan's own last one. */
    return compromise_write(incident->options->out, "plan.txt", incident->plan_text, incident->plan_len - 1, fault);
}

static enum status hand_in(const struct incident *incident, const json_t *report)
{
    const struct client_call call = {.method = "POST", .path = "/v1/compromises", .body = report};
    json_t *answer = NULL;
    struct fault why = {0};
    enum status status = client_json(&answer, incident->options, &call, &why);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "the report is not in the trail yet: %s: custody compromise report --in %s/report.json\n",
                      why.detail, incident->options->out);
    }
    json_decref(answer);
    return status;
}

static enum status finish(struct incident *incident, struct fault *fault)
{
    struct bytes document = {0};
    json_t *report = NULL;
    enum status status = write_plan(incident, fault);
    step(incident, "reported");
    incident->report.finished_at = incident->report.steps[incident->report.step_count - 1].at;
    if (status == STATUS_OK) {
        status = compromise_encode(&document, &incident->report, fault);
    }
    if (status == STATUS_OK) {
        status = sign(&report, incident, COMPROMISE_KIND, &document, fault);
    }
    if (status == STATUS_OK) {
        status = write_signed(incident, "report.json", report, fault);
    }
    bool entered = status == STATUS_OK && hand_in(incident, report) == STATUS_OK;
    json_decref(report);
    if (status != STATUS_OK) {
        return status;
    }
    const struct compromise *told = &incident->report;
    (void)printf(
        "\n%s: %lld keys reached, %lld suspended, %lld failed, %lld sweeps prepared, %lld hindrances, %lld ms; "
        "report %s/report.json%s\n",
        told->drill ? "drill" : "compromise", (long long)told->keys, (long long)told->suspended,
        (long long)told->failed, (long long)told->sweeps, (long long)told->hindrances,
        (long long)((told->finished_at - told->started_at) / 1000), incident->options->out,
        entered ? ", in the trail" : "");
    return told->failed == 0 && entered
               ? STATUS_OK
               : fault_set(fault, STATUS_CONFLICT, "compromise", "not everything was done: read the plan");
}

static enum status run(struct incident *incident, const struct command_input *input, struct fault *fault)
{
    enum status status = begin(incident, input, fault);
    if (status != STATUS_OK) {
        return status;
    }
    incident->report.started_at = clock_utc_us(clock_system());
    (void)fprintf(incident->plan, "%s: %s %s, told by %s\n",
                  incident->report.drill ? "DRILL of a compromise" : "compromise", input->words[0], input->words[1],
                  incident->report.by.text);
    status = known_keys_open(&incident->keys, incident->options, &incident->chain, incident->plan, fault);
    step(incident, "read");
    if (status != STATUS_OK) {
        return status;
    }
    incident->report.keys = (int64_t)compromise_mark(&incident->keys, incident->report.what, incident->report.lost);
    step(incident, "judged");
    if (incident->report.keys == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, input->words[1],
                         "reaches none of the %zu keys that are known: is it spelled right?", incident->keys.count);
    }
    plan_classes(incident);
    stop_all(incident);
    status = prepare_all(incident, fault);
    return status == STATUS_OK ? finish(incident, fault) : status;
}

enum status command_compromise(const struct command_input *input, struct fault *fault)
{
    struct incident incident = {.options = input->options, .report = {.drill = input->options->drill}};
    enum status status = run(&incident, input, fault);
    if (incident.plan != NULL) {
        (void)fclose(incident.plan);
    }
    free(incident.plan_text);
    keyfile_free(incident.keyfile);
    known_keys_wipe(&incident.keys);
    chain_wipe(&incident.chain);
    return status;
}

enum status command_compromise_report(const struct command_input *input, struct fault *fault)
{
    return command_hand_in(input->options, "/v1/compromises", fault);
}
