/*
 * One entry of the trail, whole, from its signed bytes. Its proof is verified here: what is shown stands under a
 * checkpoint that the log of the trust file has signed, and its witnesses have cosigned, or it is said to be not
 * proven.
 */
#include <inttypes.h>

#include "answer.h"
#include "audit/proof.h"
#include "audit/witness.h"
#include "audit_entry.h"
#include "audit_question.h"
#include "client.h"
#include "trust.h"

struct shown {
    const char *number; /* as it was asked for */
    struct audit_log_terms log;
    struct audit_witnesses witnesses;
    struct audit_checkpoint checkpoint;
    struct bytes receipt;
    struct audit_tlog_proof proof; /* borrows from `receipt` */
    json_t *answer;
    struct audit_entry entry; /* of its row */
};

/* What the bytes say. */

static void print_digest(const char *name, const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    if (!digest_is_zero(digest)) {
        digest_format(hex, digest);
        (void)printf("  %-14s %s\n", name, hex);
    }
}

static void print_text(const char *name, const char *text)
{
    if (text[0] != '\0') {
        (void)printf("  %-14s %s\n", name, text);
    }
}

static void print_amount(const struct trust *trust, const struct audit_event *event)
{
    const char *text = audit_event_fact(event, "amount");
    const char *id = audit_event_fact(event, "asset");
    char shown[ANSWER_AMOUNT_SIZE];
    struct amount amount;
    struct digest asset;
    if (text != NULL && id != NULL && amount_parse(&amount, text) == STATUS_OK &&
        digest_parse(&asset, id) == STATUS_OK) {
        print_text("in units", answer_amount(shown, trust, &asset, amount));
    }
}

/* Facts, and references, each of which is a digest or a list of them. */
static void print_map(const char *heading, json_t *map)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(map, name, value)
    {
        size_t count = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < count; i++) {
            const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
            (void)printf("  %-14s %s %s\n", heading, name, json_string_value(one));
        }
    }
}

static void print_head(const struct audit_entry *entry)
{
    const struct audit_event *event = &entry->event;
    char time[TIME_TEXT_SIZE];
    time_format(time, event->at_utc_us);
    (void)printf("entry %" PRIu64 " of %s\n", entry->leaf.index, entry->leaf.origin);
    print_text("time", time);
    print_text("actor", event->actor.text);
    (void)printf("  %-14s %s: %s\n", "action", audit_action_text(event->action),
                 audit_action_info(event->action)->meaning);
    print_text("outcome", audit_outcome_text(event->outcome));
    print_text("reason", event->reason);
    if (event->object_ordinal > 0) {
        (void)printf("  %-14s %s %s, its number %" PRIu64 "\n", "object", event->object_type, event->object_id,
                     event->object_ordinal);
    }
}

static void print_entry(const struct trust *trust, const struct audit_entry *entry)
{
    const struct audit_event *event = &entry->event;
    struct digest hash;
    char id[UUID_TEXT_SIZE];
    print_head(entry);
    print_map("fact", event->facts);
    print_amount(trust, event);
    print_map("reference", event->refs);
    if (event->pii != NULL) {
        (void)printf("  %-14s %zu commitments\n", "personal data", json_array_size(event->pii));
    }
    print_digest("token", &event->auth);
    print_digest("policy", &event->policy);
    uuid_format(id, &event->correlation);
    print_text("request", id);
    uuid_format(id, &event->producer);
    (void)printf("  %-14s %s, its number %" PRIu64 "\n", "producer", id, event->producer_counter);
    if (event->voided != NULL) {
        (void)printf("  %-14s %zu numbers of it are no entry\n", "void", json_array_size(event->voided));
    }
    audit_leaf_hash(&hash, entry->raw.data, entry->raw.len);
    print_digest("hash", &hash);
}

/* What proves it. */

static enum status read_receipt(struct shown *shown, const struct command_input *input, struct fault *fault)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/audit/proof/inclusion?seq=%s", shown->number);
    enum status status = client_bytes(&shown->receipt, input->options, path, fault);
    if (status == STATUS_OK) {
        status = audit_tlog_proof_parse(&shown->proof, shown->receipt.data, shown->receipt.len, fault);
    }
    if (status == STATUS_OK) {
        status =
            trust_checkpoint_open(&shown->checkpoint, &shown->log, shown->proof.note, shown->proof.note_len, fault);
    }
    return status;
}

/* The row of this number. */
static enum status read_row(struct shown *shown, const struct command_input *input, struct fault *fault)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/audit/entries?seq=%s", shown->number);
    enum status status = answer_get(&shown->answer, input->options, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const json_t *row = json_array_get(json_object_get(shown->answer, "entries"), 0);
    if (row != NULL) {
        audit_entry_read(&shown->entry, row);
        return STATUS_OK;
    }
    json_int_t first = json_integer_value(json_object_get(shown->answer, "first"));
    return strtoll(shown->number, NULL, 10) < first
               ? fault_set(fault, STATUS_NOT_FOUND, "SEQ", "entries before %" JSON_INTEGER_FORMAT " are in an archive",
                           first)
               : fault_set(fault, STATUS_PROOF_INVALID, "SEQ",
                           "the log signed an entry of this number, and the database has none");
}

static enum status prove(const struct shown *shown, struct fault *fault)
{
    const struct audit_entry *entry = &shown->entry;
    struct digest hash;
    if (!entry->readable) {
        return fault_set(fault, STATUS_PROOF_INVALID, "SEQ", "the bytes in the database are not those of an entry");
    }
    if (entry->leaf.index != shown->proof.index || entry->leaf.index != strtoull(shown->number, NULL, 10) ||
        strcmp(entry->leaf.origin, shown->checkpoint.origin) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "SEQ", "the bytes and the proof are not both of this entry");
    }
    audit_leaf_hash(&hash, entry->raw.data, entry->raw.len);
    return audit_inclusion_verify(&shown->proof.proof, entry->leaf.index, shown->checkpoint.size, &hash,
                                  &shown->checkpoint.root, fault);
}

static enum status tell_proof(const struct shown *shown, struct fault *fault)
{
    enum status status = prove(shown, fault);
    if (status == STATUS_OK && shown->witnesses.quorum > 0) {
        status = audit_witnesses_check(&shown->witnesses, shown->proof.note, shown->proof.note_len, fault);
    }
    if (status != STATUS_OK) {
        (void)printf("  %-14s NOT PROVEN\n", "proof");
        return status;
    }
    (void)printf("  %-14s it is in the log of %" PRIu64 " entries that %s signed", "proof", shown->checkpoint.size,
                 shown->checkpoint.origin);
    (void)printf(shown->witnesses.quorum > 0 ? ", cosigned as the trust file demands\n" : "\n");
    return STATUS_OK;
}

/* Something speaks against the row. `proven`: STATUS_OK when its bytes are those that were signed, whatever does. */
static enum status tell_row(const struct shown *shown, const json_t *row, enum status proven, struct fault *fault)
{
    char altered[AUDIT_ALTERED_SIZE];
    audit_entry_altered(altered, &shown->entry, row);
    const char *what =
        altered[0] == '\0' ? "the service says so: the hash beside the bytes, or what is stored near it" : altered;
    (void)printf("  %-14s its row in the database: %s\n", "ALTERED", what);
    return proven == STATUS_OK
               ? fault_set(fault, STATUS_MISMATCH, "row", "altered in the database (%s); its signed bytes verify", what)
               : proven;
}

static enum status show(struct shown *shown, const struct trust *trust, struct fault *fault)
{
    const json_t *row = json_array_get(json_object_get(shown->answer, "entries"), 0);
    if (shown->entry.readable) {
        print_entry(trust, &shown->entry);
    }
    enum status status = tell_proof(shown, fault);
    return audit_entry_print(NULL, NULL, &shown->entry, row) ? status : tell_row(shown, row, status, fault);
}

enum status command_audit_show(const struct command_input *input, struct fault *fault)
{
    struct shown shown = {.number = input->words[0]};
    struct trust trust = {0};
    size_t len = strlen(shown.number);
    if (len < 1 || len > 18 || strspn(shown.number, "0123456789") != len) {
        return fault_set(fault, STATUS_USAGE, "SEQ", "must be the number of an entry");
    }
    enum status status = trust_log_read(&shown.log, &shown.witnesses, input->options, fault);
    if (status == STATUS_OK) {
        status = read_receipt(&shown, input, fault);
    }
    if (status == STATUS_OK) {
        status = read_row(&shown, input, fault);
    }
    if (status == STATUS_OK) {
        bool named = answer_trust(&trust, input->options, NULL) == STATUS_OK;
        status = show(&shown, named ? &trust : NULL, fault);
    }
    trust_wipe(&trust);
    audit_entry_wipe(&shown.entry);
    audit_tlog_proof_wipe(&shown.proof);
    bytes_free(&shown.receipt);
    json_decref(shown.answer);
    return status;
}
