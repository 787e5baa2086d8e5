/*
 * Entries of the allow-list of which the signed trail says that the signer holds them, against their rows: one whose
 * row is gone, or says that somebody took it off when nobody did, is served by the signer and shown to nobody. What was
 * approved before its address came onto the list is judged again when the trail says that it did.
 */
#include "destinations.h"
#include "policy_change.h"
#include "record.h"
#include "watch_core.h"

#define AT_ONCE 64 /* that are looked at in each look, in turn, and as many of those that are told */

static enum status take_entry(struct watch *watch, const struct store_leaf *entry, struct fault *fault)
{
    struct listed taken = {.over = false};
    if (strcmp(entry->outcome, audit_outcome_text(AUDIT_OUTCOME_OK)) != 0 ||
        digest_parse(&taken.digest, entry->oid) != STATUS_OK ||
        json_object_get(watch->listed_known, entry->oid) != NULL) {
        return STATUS_OK;
    }
    struct listed *grown = realloc(watch->listed, (watch->listed_count + 1) * sizeof(*grown));
    watch->listed = grown == NULL ? watch->listed : grown;
    if (grown == NULL || json_object_set_new(watch->listed_known, entry->oid, json_true()) != 0) {
        return fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
    }
    watch->listed[watch->listed_count++] = taken;
    return STATUS_OK;
}

struct asking {
    const struct service *service;
    const struct digest *digest;
    enum status reason;  /* what is wrong with its row */
    struct digest taken; /* MISMATCH: which entry of the account its row says to be no more on the list */
    bool refused;        /* by the signer; else somebody took it off */
};

/* What the list shows of its account: it, or a newer entry. One that is not newer stands in its place. */
static void judge_shown(struct asking *asking, const struct destination_entry *shown, const struct destination *listed)
{
    enum destination_word word = shown->standing.word;
    bool its_own = digest_equal(&shown->digest, asking->digest);
    if (its_own || shown->destination.issued_at > listed->issued_at) {
        asking->reason = shown->verified && word == DESTINATION_HELD ? STATUS_OK : STATUS_MISMATCH;
        asking->taken = shown->digest;
        asking->refused = word == DESTINATION_REFUSED;
    }
}

/* As the list is read: a copy of the entry elsewhere, or one that nobody signed, shows nobody that it is there. */
static enum status look_at_list(struct asking *asking, const struct store_tx *tx, const struct destination *listed,
                                struct fault *fault)
{
    struct destination_entry shown = {.verified = false};
    struct name key;
    struct fault why = {0};
    destination_store_key(&key, &listed->account);
    struct destination_page page = {.entries = &shown, .max = 1, .front = key.text};
    enum status status = destination_page_read(&page, asking->service, tx, &why);
    bool found =
        status == STATUS_OK && page.count == 1 && account_id_equal(&shown.destination.account, &listed->account);
    asking->reason = STATUS_NOT_FOUND;
    if (found) {
        judge_shown(asking, &shown, listed);
    }
    destination_page_wipe(&page);
    return status == STATUS_OK || status == STATUS_CORRUPT ? STATUS_OK
                                                           : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status ask_row_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct asking *asking = context;
    struct destination_entry entry = {.verified = false};
    struct fault why = {0};
    enum status status = destination_get(&entry, tx, asking->digest, &why);
    const struct destination listed = entry.destination;
    destination_entry_wipe(&entry);
    asking->reason = STATUS_NOT_FOUND;
    if (status == STATUS_DESTINATION_UNLISTED || status == STATUS_CORRUPT) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? look_at_list(asking, tx, &listed, fault)
                               : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Whether signed entries say so, too. One that was refused may be taken again, of a guard that was made anew. */
static enum status ask_trail(struct asking *inout, struct listed *listed, struct fault *fault)
{
    const struct service *service = inout->service;
    bool said = false;
    enum status status =
        destination_told(&listed->over, service, inout->digest, AUDIT_DESTINATION_REVOKE, AUDIT_OUTCOME_OK, fault);
    if (status == STATUS_OK && !listed->over && inout->reason == STATUS_MISMATCH) {
        status = destination_told(&said, service, &inout->taken,
                                  inout->refused ? AUDIT_DESTINATION_REFUSED : AUDIT_DESTINATION_REVOKE,
                                  inout->refused ? AUDIT_OUTCOME_ERROR : AUDIT_OUTCOME_OK, fault);
    }
    inout->reason = said ? STATUS_OK : inout->reason;
    return status;
}

static enum status check(struct watch *watch, struct listed *listed, struct fault *fault)
{
    struct service *service = watch->service;
    struct asking asking = {.service = service, .digest = &listed->digest};
    enum status status = store_read(service->store, ask_row_in, &asking, fault);
    if (status == STATUS_OK && asking.reason != STATUS_OK) {
        status = ask_trail(&asking, listed, fault);
    }
    if (status == STATUS_OK && (asking.reason == STATUS_OK || listed->over)) {
        listed->since = (struct news_telling){0};
    } else if (status == STATUS_OK && listed->since.at_us == 0) {
        news_telling_now(&listed->since, service);
    }
    listed->reason = status == STATUS_OK ? asking.reason : listed->reason;
    return status;
}

/* The entry that takes it off may be on its way to its checkpoint; a row that is gone no entry explains. */
static bool is_lost(const struct watch *watch, const struct listed *listed)
{
    return listed->since.at_us != 0 &&
           (listed->reason == STATUS_NOT_FOUND || news_is_lost(&listed->since, watch->service));
}

static enum status tell(struct watch *watch, const struct listed *listed, struct fault *fault)
{
    struct news news = {.action = AUDIT_DESTINATION_LOST,
                        .object_type = RECORD_DESTINATION,
                        .reason = listed->reason,
                        .value = status_info(listed->reason)->code};
    digest_format(news.object_id, &listed->digest);
    (void)snprintf(news.subject, sizeof(news.subject), "lost/%s", news.object_id);
    news_ref(&news, "destination", &listed->digest);
    return watch_tell(watch, &news, fault);
}

/* One in turn, or one of which something is wrong already. */
static enum status look_at(struct watch *watch, struct listed *listed, size_t *inout_told, struct fault *fault)
{
    enum status status = check(watch, listed, fault);
    if (status != STATUS_OK || !is_lost(watch, listed) || *inout_told == AT_ONCE) {
        return status;
    }
    *inout_told += 1;
    return tell(watch, listed, fault);
}

static enum status check_some(struct watch *watch, struct fault *fault)
{
    size_t told = 0;
    size_t first = watch->listed_turn;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < watch->listed_count && !status_info(status)->retryable; i++) {
        struct listed *listed = &watch->listed[i];
        bool in_turn = i >= first && i - first < AT_ONCE;
        if (!listed->over && (in_turn || (listed->since.at_us != 0 && told < AT_ONCE))) {
            enum status looked = look_at(watch, listed, &told, fault);
            status = status == STATUS_OK ? looked : status;
        }
    }
    watch->listed_turn = first + AT_ONCE < watch->listed_count ? first + AT_ONCE : 0;
    return status;
}

/* Once for all entries of before the start. */
static enum status follow(struct watch *watch, struct fault *fault)
{
    size_t count = watch->listed_count;
    for (size_t i = 0; i < WATCH_LISTINGS; i++) {
        if (!watch->listings[i].before.over) {
            return STATUS_OK;
        }
    }
    enum status status = count == watch->listed_followed ? STATUS_OK : policy_follow_listed(watch->service, fault);
    watch->listed_followed = status == STATUS_OK ? count : watch->listed_followed;
    return status;
}

enum status watch_listed(struct watch *watch, struct fault *fault)
{
    static const enum audit_action actions[WATCH_LISTINGS] = {AUDIT_DESTINATION_ADD, AUDIT_DESTINATION_HELD};
    struct fault why = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < WATCH_LISTINGS; i++) {
        watch->listings[i].action = actions[i];
        watch->listings[i].take = take_entry;
        enum status found = watch_entries_find(watch, &watch->listings[i], &why);
        status = status == STATUS_OK ? found : status;
    }
    enum status followed = follow(watch, &why);
    enum status checked = check_some(watch, &why);
    status = status == STATUS_OK ? followed : status;
    status = status == STATUS_OK ? checked : status;
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}
