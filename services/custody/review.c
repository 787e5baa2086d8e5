/*
 * The review of key uses: a whole export of the trail is held against its signed checkpoint, and every use of a key in
 * a stretch of it against the operation that people approved before. The reviewer signs what was found.
 *
 * It believes entries, not signatures of approvers: those are proven withdrawal by withdrawal (custody-verify
 * evidence).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "audit/event.h"
#include "audit/leaf.h"
#include "audit/tree.h"
#include "audit/witness.h"
#include "audit_file.h"
#include "base/clock.h"
#include "client.h"
#include "commands.h"
#include "policy/review.h"
#include "review_orders.h"
#include "trust.h"

#define APPROVALS_MAX 256

struct reviewing {
    struct review review;
    struct review last; /* the one that this one goes on from; size 0: none is known */
    struct audit_log_terms log;
    struct audit_frontier frontier;
    uint64_t first;             /* entry with which the export begins: older ones are in an archive */
    struct digest previous;     /* leaf hash of the entry read last */
    json_t *withdrawals;        /* open ones by id: intent, approved, approvals, signing */
    json_t *orders;             /* keys that somebody ordered to be activated, and that are not yet */
    struct review_orders given; /* orders from before there was a trail */
    FILE *report;
};

/* What the trail tells. */

static void say(struct reviewing *reviewing, const struct audit_event *event, const char *what, const char *missing)
{
    uint64_t seq = reviewing->frontier.size - 1;
    char ts[TIME_TEXT_SIZE];
    const char *wallet = audit_event_fact(event, "wallet");
    if (seq < reviewing->review.from || seq >= reviewing->review.to) {
        return;
    }
    time_format(ts, event->at_utc_us);
    reviewing->review.uses++;
    reviewing->review.findings += missing != NULL;
    (void)fprintf(reviewing->report, "%" PRIu64 " %s %s %s%s%s %s: %s%s\n", seq, ts, what,
                  wallet == NULL ? "" : "wallet ", wallet == NULL ? "" : wallet,
                  wallet == NULL ? event->object_type : ",",
                  event->object_id[0] == '\0' ? "of no object" : event->object_id,
                  missing == NULL ? "matched" : "FINDING: ", missing == NULL ? "" : missing);
}

/* A digest that the entry names, as text; "" when it names none. */
static const char *ref_text(char out[DIGEST_HEX_LEN + 1], const struct audit_event *event, const char *name)
{
    struct digest digest;
    out[0] = '\0';
    if (audit_event_ref(&digest, event, name) == STATUS_OK) {
        digest_format(out, &digest);
    }
    return out;
}

static bool is_same(const json_t *known, const char *text)
{
    return text[0] != '\0' && json_is_string(known) && strcmp(json_string_value(known), text) == 0;
}

/* Whether each approval that the signer is handed was entered before. */
static bool approvals_entered(const json_t *withdrawal, const struct audit_event *event)
{
    struct digest approvals[APPROVALS_MAX];
    size_t count = APPROVALS_MAX;
    if (audit_event_refs(approvals, &count, event, "approvals") != STATUS_OK) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        char text[DIGEST_HEX_LEN + 1];
        digest_format(text, &approvals[i]);
        if (json_object_get(json_object_get(withdrawal, "approvals"), text) == NULL) {
            return false;
        }
    }
    return true;
}

static const char *missing_before_signing(const json_t *withdrawal, const struct audit_event *event)
{
    char intent[DIGEST_HEX_LEN + 1];
    if (withdrawal == NULL) {
        return "no request before it";
    }
    if (!is_same(json_object_get(withdrawal, "intent"), ref_text(intent, event, "intent"))) {
        return "another intent than was requested";
    }
    if (json_object_get(withdrawal, "approved") == NULL) {
        return "not approved before it";
    }
    return approvals_entered(withdrawal, event) ? NULL : "approvals that were not entered";
}

/* What an entry of a withdrawal states of it in other words than the request did; NULL for nothing. */
static const char *other_term(const json_t *withdrawal, const struct audit_event *event)
{
    static const char *const terms[][2] = {{"amount", "states another amount than was requested"},
                                           {"asset", "states another asset than was requested"},
                                           {"destination", "states another destination than was requested"},
                                           {"wallet", "states another wallet than was requested"}};
    for (size_t i = 0; withdrawal != NULL && i < sizeof(terms) / sizeof(terms[0]); i++) {
        const char *told = audit_event_fact(event, terms[i][0]);
        if (told != NULL && !is_same(json_object_get(withdrawal, terms[i][0]), told)) {
            return terms[i][1];
        }
    }
    return NULL;
}

static bool set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* One about a withdrawal that has been requested. False: memory ran out. */
static bool follow_open(json_t *withdrawal, const struct audit_event *event)
{
    char approval[DIGEST_HEX_LEN + 1];
    if (event->outcome != AUDIT_OUTCOME_OK) {
        return true;
    }
    if (event->action == AUDIT_WITHDRAWAL_APPROVED) {
        return set(withdrawal, "approved", json_true());
    }
    bool decided = event->action == AUDIT_WITHDRAWAL_APPROVE || event->action == AUDIT_WITHDRAWAL_REQUEST_SIGN;
    return !decided || ref_text(approval, event, "approval")[0] == '\0' ||
           set(json_object_get(withdrawal, "approvals"), approval, json_true());
}

static bool ends(enum audit_action action)
{
    return action == AUDIT_WITHDRAWAL_CONFIRMED || action == AUDIT_WITHDRAWAL_FAILED ||
           action == AUDIT_WITHDRAWAL_EXPIRE || action == AUDIT_WITHDRAWAL_REJECT ||
           action == AUDIT_WITHDRAWAL_CANCEL || action == AUDIT_WITHDRAWAL_VETO;
}

static json_t *requested(const struct audit_event *event)
{
    char intent[DIGEST_HEX_LEN + 1];
    return json_pack("{s:s, s:{}, s:s*, s:s*, s:s*, s:s*}", "intent", ref_text(intent, event, "intent"), "approvals",
                     "amount", audit_event_fact(event, "amount"), "asset", audit_event_fact(event, "asset"),
                     "destination", audit_event_fact(event, "destination"), "wallet",
                     audit_event_fact(event, "wallet"));
}

static bool follow_withdrawal(struct reviewing *reviewing, const struct audit_event *event)
{
    json_t *withdrawal = json_object_get(reviewing->withdrawals, event->object_id);
    const char *other = other_term(withdrawal, event);
    bool ok = event->outcome == AUDIT_OUTCOME_OK;
    if (event->action == AUDIT_WITHDRAWAL_REQUEST && ok && event->object_ordinal == 1) {
        return set(reviewing->withdrawals, event->object_id, requested(event));
    }
    if (event->action == AUDIT_WITHDRAWAL_SIGNING || event->action == AUDIT_WITHDRAWAL_ANNOUNCED) {
        const char *missing = missing_before_signing(withdrawal, event);
        missing = missing == NULL ? other : missing;
        say(reviewing, event, audit_action_text(event->action), missing);
        return missing != NULL || event->action == AUDIT_WITHDRAWAL_ANNOUNCED ||
               set(withdrawal, "signing", json_true());
    }
    if (event->action == AUDIT_WITHDRAWAL_SIGNED && ok) {
        say(reviewing, event, audit_action_text(event->action),
            json_object_get(withdrawal, "signing") == NULL ? "no matched withdrawal.signing before it" : other);
        return true;
    }
    if (other != NULL) {
        say(reviewing, event, audit_action_text(event->action), other);
    }
    if (ends(event->action) && ok) {
        (void)json_object_del(reviewing->withdrawals, event->object_id);
        return true;
    }
    return withdrawal == NULL || follow_open(withdrawal, event);
}

static bool is_fact(const struct audit_event *event, const char *name, const char *value)
{
    const char *fact = audit_event_fact(event, name);
    return fact != NULL && strcmp(fact, value) == 0;
}

/* What was ordered and then refused, told under the same correlation. */
static void forget_order(json_t *orders, const char *correlation)
{
    const char *key = NULL;
    json_t *value = NULL;
    void *next = NULL;
    json_object_foreach_safe(orders, next, key, value)
    {
        if (is_same(value, correlation)) {
            (void)json_object_del(orders, key);
        }
    }
}

static bool follow_key(struct reviewing *reviewing, const struct audit_event *event)
{
    char correlation[UUID_TEXT_SIZE];
    uuid_format(correlation, &event->correlation);
    if (event->action == AUDIT_KEY_COMMAND && event->outcome == AUDIT_OUTCOME_INTENT) {
        return !is_fact(event, "order", "key.activate") ||
               set(reviewing->orders, event->object_id, json_string(correlation));
    }
    if (event->action == AUDIT_KEY_COMMAND && event->outcome != AUDIT_OUTCOME_OK) {
        forget_order(reviewing->orders, correlation);
    }
    if (event->action == AUDIT_KEY_STATE && is_fact(event, "state", "active") && is_fact(event, "cause", "command")) {
        bool known = json_object_del(reviewing->orders, event->object_id) == 0;
        bool given = !known && review_orders_match(&reviewing->given, event);
        say(reviewing, event, given ? "activated by an order from a file" : "activated",
            known || given
                ? NULL
                : "no key.command with that order before it; if people gave it to the signer themselves, name "
                  "its file (key.activate.json)");
    }
    if (event->action == AUDIT_KEY_COPIED_USE) {
        say(reviewing, event, audit_action_text(event->action), "nobody asked for what the key signed");
    }
    return true;
}

/* The export. */

/* The entries that the last reviewer had are still what they were. */
static enum status check_last(const struct reviewing *reviewing, struct fault *fault)
{
    struct digest root;
    audit_frontier_root(&root, &reviewing->frontier);
    return reviewing->frontier.size != reviewing->last.size || digest_equal(&root, &reviewing->last.root)
               ? STATUS_OK
               : fault_set(fault, STATUS_CORRUPT, "root", "the last review saw another trail than this");
}

static enum status take_row(struct reviewing *reviewing, const char *raw, struct fault *fault)
{
    struct bytes bytes = {0};
    struct audit_leaf leaf;
    struct audit_event event = {0};
    struct fault why = {0};
    enum status status =
        raw == NULL ? fault_set(fault, STATUS_INVALID, "raw", "is missing") : base64_decode(&bytes, raw, strlen(raw));
    if (status == STATUS_OK && audit_leaf_parse(&leaf, bytes.data, bytes.len, &why) != STATUS_OK) {
        status = fault_set(fault, STATUS_CORRUPT, "raw", "is none of an entry: %s %s", why.where, why.detail);
    }
    bool begins =
        reviewing->first > 0 && reviewing->frontier.size == reviewing->first; /* what it links to is not here */
    if (status == STATUS_OK &&
        (leaf.index != reviewing->frontier.size || (!begins && !digest_equal(&leaf.previous, &reviewing->previous)) ||
         strcmp(leaf.origin, reviewing->log.rows[0].key.name) != 0)) {
        status = fault_set(fault, STATUS_CORRUPT, "raw", "is not the entry that follows in this log");
    }
    if (status == STATUS_OK && audit_event_decode(&event, leaf.event, leaf.event_len, &why) != STATUS_OK) {
        status = fault_set(fault, STATUS_CORRUPT, "raw", "cannot be read here: %s %s", why.where, why.detail);
    }
    if (status == STATUS_OK) {
        audit_leaf_hash(&reviewing->previous, bytes.data, bytes.len);
        status = audit_frontier_append(&reviewing->frontier, &reviewing->previous);
    }
    if (status == STATUS_OK) {
        status = check_last(reviewing, fault);
    }
    if (status == STATUS_OK && (!follow_withdrawal(reviewing, &event) || !follow_key(reviewing, &event))) {
        status = fault_set(fault, STATUS_NO_MEMORY, "review", "%s", "");
    }
    audit_event_wipe(&event);
    bytes_free(&bytes);
    return status;
}

static enum status take_checkpoint(struct reviewing *reviewing, const char *text,
                                   const struct audit_witnesses *witnesses, struct fault *fault)
{
    struct bytes note = {0};
    struct audit_checkpoint checkpoint;
    struct digest root;
    enum status status = base64_decode(&note, text, strlen(text));
    if (status == STATUS_OK) {
        status = trust_checkpoint_open(&checkpoint, &reviewing->log, note.data, note.len, fault);
    }
    if (status == STATUS_OK && witnesses->quorum > 0) {
        status = audit_witnesses_check(witnesses, note.data, note.len, fault);
    }
    audit_frontier_root(&root, &reviewing->frontier);
    if (status == STATUS_OK &&
        (checkpoint.size != reviewing->frontier.size || !digest_equal(&checkpoint.root, &root))) {
        status = fault_set(fault, STATUS_CORRUPT, "checkpoint", "signs another trail than the entries are");
    }
    if (status == STATUS_OK && checkpoint.size < reviewing->last.size) {
        status =
            fault_set(fault, STATUS_ROLLBACK, "checkpoint", "of %" PRIu64 " entries, and the last review saw %" PRIu64,
                      checkpoint.size, reviewing->last.size);
    }
    reviewing->review.root = root;
    reviewing->review.size = reviewing->frontier.size;
    bytes_free(&note);
    return status;
}

/* An export that begins with an entry: the tree of those before it leads to the signed root, or is none. */
static enum status take_late_head(struct reviewing *reviewing, const json_t *head, struct fault *fault)
{
    struct audit_frontier *frontier = &reviewing->frontier;
    const json_t *tree = json_object_get(head, "tree");
    json_int_t first = json_integer_value(json_object_get(head, "first"));
    size_t count = first > 0 ? (size_t)__builtin_popcountll((unsigned long long)first) : 0;
    bool good = count > 0 && json_array_size(tree) == count;
    for (size_t i = 0; good && i < count; i++) {
        const char *text = json_string_value(json_array_get(tree, i));
        good = text != NULL && digest_parse(&frontier->peaks[i], text) == STATUS_OK;
    }
    if (!good) {
        return fault_set(fault, STATUS_INVALID, "tree", "is not that of the entries before the first");
    }
    frontier->size = (uint64_t)first;
    reviewing->first = frontier->size;
    if (reviewing->last.size > 0 && reviewing->last.size < reviewing->first) {
        return fault_set(fault, STATUS_INVALID, "first", "the last review is of entries that are in the archive");
    }
    return check_last(reviewing, fault);
}

/* Out: whether it was the last one. */
static enum status take_line(bool *out_last, struct reviewing *reviewing, const char *line,
                             const struct audit_witnesses *witnesses, struct fault *fault)
{
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *note = json_string_value(json_object_get(object, "checkpoint"));
    enum status status = STATUS_OK;
    *out_last = note != NULL;
    if (object == NULL) {
        status = fault_set(fault, STATUS_INVALID, "raw", "its line is not whole: the export broke off there");
    } else if (note != NULL) {
        status = take_checkpoint(reviewing, note, witnesses, fault);
    } else if (json_object_get(object, "first") != NULL && reviewing->frontier.size == 0) {
        status = take_late_head(reviewing, object, fault);
    } else if (json_object_get(object, "format") == NULL || reviewing->frontier.size > 0) {
        status = take_row(reviewing, json_string_value(json_object_get(object, "raw")), fault);
    }
    json_decref(object);
    return status;
}

static enum status read_export(struct reviewing *reviewing, const char *path, const struct audit_witnesses *witnesses,
                               struct fault *fault)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    bool begun = false;
    bool last = false;
    struct fault why = {0};
    enum status status = file == NULL ? fault_set(fault, STATUS_IO, "in", "%s: %s", path, strerror(errno)) : STATUS_OK;
    while (status == STATUS_OK && !last && getline(&line, &room, file) > 0) {
        status = begun ? STATUS_OK : audit_file_is_export(line, strlen(line), fault);
        begun = status == STATUS_OK;
        status = begun ? take_line(&last, reviewing, line, witnesses, &why) : status;
    }
    if (status == STATUS_OK && !last) {
        status = fault_set(fault, STATUS_INVALID, "in", "the export ends before its checkpoint");
    } else if (status != STATUS_OK && begun && last) {
        status = fault_set(fault, status, "in", "its checkpoint: %s", why.detail);
    } else if (status != STATUS_OK && begun) {
        status = fault_set(fault, status, "in", "entry %" PRIu64 ": %s", reviewing->frontier.size, why.detail);
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return status;
}

/* What the reviewer signs. */

static enum status sign(const struct reviewing *reviewing, const struct custody_options *options, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = review_encode(&document.document, &reviewing->review, fault);
    if (status == STATUS_OK) {
        status = command_add_signature(&document, REVIEW_KIND, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_signed(&document, options, fault);
    }
    signed_document_free(&document);
    return status;
}

/* FROM and TO are numbers; what follows are files. */
static int count_numbers(const struct command_input *input)
{
    int count = 0;
    while (count < 2 && count < input->count && input->words[count][0] >= '0' && input->words[count][0] <= '9') {
        count++;
    }
    return count;
}

static enum status read_number(uint64_t *out, const struct command_input *input, int word, const char *name,
                               struct fault *fault)
{
    char *end = NULL;
    if (word < count_numbers(input)) {
        const char *text = input->words[word];
        *out = strtoull(text, &end, 10);
        if (*end != '\0' || *out > AUDIT_TREE_SIZE_MAX) {
            return fault_set(fault, STATUS_USAGE, name, "must be the number of an entry");
        }
    }
    return STATUS_OK;
}

static enum status check_stretch(struct reviewing *reviewing, struct fault *fault)
{
    struct review *review = &reviewing->review;
    review->to = review->to == 0 ? reviewing->frontier.size : review->to;
    if (review->from == reviewing->frontier.size && reviewing->last.to == review->from) {
        return fault_set(fault, STATUS_EXISTS, "review", "reviewed up to entry %" PRIu64 ", with which the export ends",
                         review->from - 1);
    }
    return review->from >= reviewing->first && review->from < review->to && review->to <= reviewing->frontier.size
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "TO",
                           "FROM to TO must be entries from %" PRIu64 " on under the checkpoint, which has %" PRIu64,
                           reviewing->first, reviewing->frontier.size);
}

/* The review that the service shows as its newest, by an auditor of any version of the policy. */
static enum status take_last(struct review *out, const json_t *row, const struct trust *trust, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault why = {0};
    enum status status =
        signed_document_decode(&document, json_object_get(row, "review"), CANON_DOCUMENT_MAX, "review.", fault);
    enum status verified = STATUS_FORBIDDEN;
    for (size_t i = trust->policies.count; status == STATUS_OK && verified != STATUS_OK && i > 0; i--) {
        fault_clear(&why);
        verified = review_verify(out, &document, &trust->policies.versions[i - 1], &why);
    }
    if (status == STATUS_OK && verified != STATUS_OK) {
        status = fault_set(fault, verified, "review",
                           "no auditor of the policy signed the last review (%s: %s): "
                           "name FROM yourself",
                           why.where, why.detail);
    }
    signed_document_free(&document);
    return status;
}

/* Where the last review ended; none that is true is skipped unless the service hides it, which makes more work. */
static enum status go_on(struct reviewing *reviewing, const struct custody_options *options, struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/audit/reviews?limit=1"};
    struct trust trust = {0};
    json_t *answer = NULL;
    enum status status = trust_open(&trust, options, fault);
    if (status == STATUS_OK) {
        status = client_json(&answer, options, &call, fault);
    }
    const json_t *row = json_array_get(json_object_get(answer, "reviews"), 0);
    if (status == STATUS_OK && row != NULL) {
        status = take_last(&reviewing->last, row, &trust, fault);
        reviewing->review.from = reviewing->last.to;
    }
    json_decref(answer);
    trust_wipe(&trust);
    return status;
}

static enum status review_run(struct reviewing *reviewing, const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct audit_witnesses witnesses;
    struct review *review = &reviewing->review;
    int numbers = count_numbers(input);
    enum status status =
        numbers == 0 ? go_on(reviewing, options, fault) : read_number(&review->from, input, 0, "FROM", fault);
    if (status == STATUS_OK) {
        status = read_number(&review->to, input, 1, "TO", fault);
    }
    if (status == STATUS_OK && options->out[0] != '\0' && name_parse(&review->reviewer, options->person) != STATUS_OK) {
        status = fault_set(fault, STATUS_USAGE, "person", "name who signs the review: a name of the policy");
    }
    if (status == STATUS_OK) {
        status = trust_log_read(&reviewing->log, &witnesses, options, fault);
    }
    if (status == STATUS_OK) {
        status = review_orders_read(&reviewing->given, input->words + numbers, (size_t)(input->count - numbers),
                                    options, fault);
    }
    uint64_t to = review->to;
    review->to = to == 0 ? AUDIT_TREE_SIZE_MAX : to;
    if (status == STATUS_OK) {
        status = read_export(reviewing, options->in, &witnesses, fault);
    }
    review->to = to;
    return status == STATUS_OK ? check_stretch(reviewing, fault) : status;
}

static enum status review_end(struct reviewing *reviewing, const char *text, size_t len,
                              const struct custody_options *options, struct fault *fault)
{
    struct review *review = &reviewing->review;
    digest_sha256(&review->report, text, len);
    review->reviewed_at = clock_utc_us(clock_system());
    if (fwrite(text, 1, len, stdout) != len || fflush(stdout) != 0) {
        return fault_set(fault, STATUS_IO, "report", "could not write");
    }
    enum status status = options->out[0] == '\0' ? STATUS_OK : sign(reviewing, options, fault);
    return status != STATUS_OK || review->findings == 0
               ? status
               : fault_set(fault, STATUS_CONFLICT, "review", "%" PRId64 " uses have no approved operation",
                           review->findings);
}

enum status command_audit_review(const struct command_input *input, struct fault *fault)
{
    char *text = NULL;
    size_t len = 0;
    struct reviewing reviewing = {.withdrawals = json_object(), .orders = json_object()};
    reviewing.report = open_memstream(&text, &len);
    enum status status = reviewing.report == NULL ? fault_set(fault, STATUS_NO_MEMORY, "report", "%s", "") : STATUS_OK;
    if (status == STATUS_OK) {
        status = review_run(&reviewing, input, fault);
        const struct review *review = &reviewing.review;
        (void)fprintf(reviewing.report,
                      "entries %" PRIu64 " to %" PRIu64 " of %s: %" PRId64 " uses, %" PRId64 " findings\n",
                      review->from, review->to - 1, reviewing.log.rows[0].key.name, review->uses, review->findings);
        (void)fclose(reviewing.report);
    }
    if (status == STATUS_OK) {
        status = review_end(&reviewing, text, len, input->options, fault);
    }
    free(text);
    json_decref(reviewing.withdrawals);
    json_decref(reviewing.orders);
    return status;
}

enum status command_audit_report(const struct command_input *input, struct fault *fault)
{
    return command_hand_in(input->options, "/v1/audit/reviews", fault);
}
