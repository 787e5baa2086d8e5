/*
 * The entries of a withdrawal, one after the other.
 *
 * Whoever can write to the database of the service can have entries put into the trail that the service never made. So
 * one of withdrawal.signing or withdrawal.announced that is not about the documents of the bundle is passed over, like
 * one more of any other: it neither spoils evidence nor makes any. One that states other terms than the intent, or an
 * end other than the payment, is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event.h"
#include "evidence.h"
#include "merkle.h"

static json_t *hex_of(const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    return json_string(hex);
}

/* Of the document of a signed one as it stands in the bundle. */
static json_t *hex_of_signed(const char *kind, const json_t *object)
{
    struct digest digest;
    const char *text = text_of(object, "document");
    document_digest(&digest, kind, text == NULL ? "" : text);
    return hex_of(&digest);
}

/* What an entry must name, exactly: the documents as they stand in the bundle, of the approvals in ascending order. */
static void name_documents(struct proof *proof)
{
    const struct verify_bundle *bundle = &proof->bundle;
    json_t *approvals = json_array();
    for (size_t i = 0; i < json_array_size(bundle->approvals) && i < APPROVALS_MAX; i++) { /* more are refused */
        json_t *hex = hex_of_signed("approval", json_array_get(bundle->approvals, i));
        size_t at = 0;
        while (at < i && strcmp(json_string_value(json_array_get(approvals, at)), json_string_value(hex)) < 0) {
            at++;
        }
        (void)json_array_insert_new(approvals, at, hex);
    }
    json_t *refs =
        json_pack("{s:o, s:o, s:o, s:O, s:o}", "approvals", approvals, "destination",
                  hex_of_signed("destination", bundle->destination), "intent", hex_of(&proof->intent_text.digest),
                  "policy", json_object_get(proof->intent_text.object, "policy"), "transaction",
                  hex_of_signed("transaction", bundle->transaction));
    proof->refs = json_dumps(refs, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(refs);
}

static bool is_act(const struct event *event, const char *act, const char *outcome)
{
    return span_is(event->act, act) && span_is(event->outcome, outcome);
}

/* What an entry states is what the intent says. Answers whether it tells the terms and the promises, and no more. */
static bool check_terms(struct proof *proof, const struct event *event, const char *where)
{
    static const char *const terms[] = {"amount", "asset", "destination", "wallet", "type", "withdrawal"};
    struct span rest = event->facts;
    struct span name;
    struct span value;
    size_t told = 0;
    size_t more = 0;
    while (scan_step(&name, &value, &rest)) {
        more++;
    }
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
        const char *term = text_of(proof->intent_text.object, terms[i]);
        term = term == NULL ? "transfer" : term; /* the type alone may be missing */
        value = scan_member(event->facts, terms[i]);
        told += i < 4 && span_is(value, term) ? 1 : 0;
        if (value.at != NULL && !span_is(value, term)) {
            report_tampered(&proof->report, "%s: states the %s %.*s, the intent %s", where, terms[i], (int)value.len,
                            value.at, term);
        }
    }
    return told == 4 && more == 5 && scan_member(event->facts, "promises").at != NULL;
}

static void note_event(struct proof *proof, const struct event *event, bool tells)
{
    char intent[DIGEST_HEX_LEN + 1];
    char in_force[DIGEST_HEX_LEN + 1];
    digest_format(intent, &proof->intent_text.digest);
    digest_format(in_force, &proof->in_force->digest);
    if (is_act(event, "withdrawal.announced", "intent") && proof->announced_utc_us == INT64_MAX && tells &&
        span_is(scan_member(event->refs, "intent"), intent)) {
        proof->announced_utc_us = event->at_utc_us;
    }
    if (is_act(event, "withdrawal.signing", "intent")) {
        tells = tells && proof->refs != NULL && span_is(event->refs, proof->refs);
        proof->signings[0] = proof->asked ? proof->signings[0] : event->at_utc_us;
        proof->asked = true;
        proof->asked_for = proof->asked_for || tells;
        if (tells && span_is(event->policy, in_force) && proof->noted < SIGNINGS_MAX) {
            proof->signings[proof->noted++] = event->at_utc_us;
        }
    }
    if (is_act(event, "withdrawal.signed", "ok")) {
        proof->signed_utc_us = event->at_utc_us;
        proof->signing_count = proof->noted; /* what comes later did not stand before the signature */
    }
    proof->ends = is_act(event, "withdrawal.confirmed", "ok");
}

static bool check_event(struct proof *proof, const struct event *event, const char *where)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &proof->bundle.withdrawal);
    if (!prove(&proof->report,
               span_is(event->otype, "withdrawal") && span_is(event->oid, id) && event->ordinal == proof->entry_count,
               where, "is not the next entry of this withdrawal") ||
        !prove(&proof->report, event->ordinal != 1 || span_is(event->act, "withdrawal.request"), where,
               "is the first, and not withdrawal.request") ||
        !prove(&proof->report, event->at_utc_us >= proof->last_utc_us, where,
               "its time is before that of the entry before it")) {
        return false;
    }
    proof->last_utc_us = event->at_utc_us;
    note_event(proof, event, check_terms(proof, event, where));
    const char *before = event_end(&proof->said, event);
    if (before != NULL) {
        report_tampered(&proof->report, "%s: %.*s of the withdrawal, which %s before it", where, (int)event->act.len,
                        event->act.at, before);
    }
    (void)json_array_append_new(proof->lines,
                                json_sprintf("%s: %.*s (%.*s) by %.*s at %.*s", where, (int)event->act.len,
                                             event->act.at, (int)event->outcome.len, event->outcome.at,
                                             (int)event->actor.len, event->actor.at, (int)event->ts.len, event->ts.at));
    return true;
}

static bool check_leaf(struct proof *proof, const struct verify_entry *row, const char *where)
{
    struct leaf leaf;
    struct event event;
    struct fault fault = {0};
    const char *why = "";
    struct report *report = &proof->report;
    bool good = leaf_read(&leaf, proof->trust->log.name, row->leaf.data, row->leaf.len, &why);
    if (!prove(report, good, where, why) ||
        !prove(report, leaf.number == row->index && (proof->entry_count == 0 || row->index > proof->last_index), where,
               "stands at another place") ||
        !prove(report,
               merkle_leads(&leaf.hash, row->index, proof->checkpoint.size, row->proof, &proof->checkpoint.root), where,
               "is not in the trail that the checkpoint signs")) {
        return false;
    }
    if (event_read(&event, leaf.event, &fault) != STATUS_OK) {
        return report_fault(report, where, &fault);
    }
    proof->entry_count++;
    proof->last_index = row->index;
    return check_event(proof, &event, where);
}

static bool check_entry(struct proof *proof, const json_t *object)
{
    struct verify_entry row;
    struct fault fault = {0};
    char where[64];
    if (document_decode(&row, DOCUMENT_ENTRY, object, &fault) != STATUS_OK) {
        return report_fault(&proof->report, "entries", &fault);
    }
    (void)snprintf(where, sizeof(where), "entry %llu", (unsigned long long)row.index);
    bool good = check_leaf(proof, &row, where);
    bytes_free(&row.leaf);
    return good;
}

bool check_story(struct proof *proof)
{
    const struct bytes *note = &proof->bundle.checkpoint;
    const char *why = "";
    struct span rest = {(const char *)note->data, note->len};
    struct span origin = {rest.at, 0};
    (void)span_line(&origin, &rest);
    proof->trust = trust_log(proof->trust, origin);
    enum verdict verdict = checkpoint_read(&proof->checkpoint, &proof->trust->log, note->data, note->len, &why);
    bool good = verdict == VERDICT_PROVEN;
    if (!good) {
        report_as(&proof->report, verdict, "checkpoint: %s", why);
        return false;
    }
    trust_witnessed(proof->trust, &proof->report, "checkpoint", &proof->checkpoint);
    name_documents(proof);
    proof->announced_utc_us = INT64_MAX;
    proof->signed_utc_us = INT64_MAX;
    for (size_t i = 0; good && i < json_array_size(proof->bundle.entries); i++) {
        good = check_entry(proof, json_array_get(proof->bundle.entries, i));
    }
    proof->signing_count = proof->signed_utc_us < INT64_MAX ? proof->signing_count : proof->noted;
    return good &&
           prove(&proof->report, proof->asked && proof->ends, "entries",
                 "do not lead over withdrawal.signing to withdrawal.confirmed") &&
           prove(&proof->report, proof->signing_count > 0 || !proof->asked_for, "policies",
                 "do not end with the version that withdrawal.signing names");
}
