/*
 * What the signers say about versions of the policy: told to the trail once, carried from the signer of role transfer
 * to the others until each has it, and followed by the service. Nothing is decided here.
 */
#include "base/log.h"
#include "policy_change.h"
#include "record.h"
#include "watch_core.h"

static void fill_news(struct news *news, const struct digest *digest, const struct policies_state *state)
{
    char at[TIME_TEXT_SIZE];
    digest_format(news->object_id, digest);
    (void)snprintf(news->subject, sizeof(news->subject), POLICIES_SUBJECT "%s", news->object_id);
    news_ref(news, "policy", digest);
    time_format(at, state->in_force_at_utc_us);
    news_fact(news, "in_force_at", at);
}

static void fact_number(struct news *news, const char *name, int64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    news_fact(news, name, text);
}

static enum status tell_in_force(struct watch *watch, const struct key_board_policy *said, struct fault *fault)
{
    char value[STORE_MARK_VALUE_SIZE];
    const struct policies_state state = {.word = "in_force", .in_force_at_utc_us = said->in_force_at};
    const struct policy *policy = service_policy(watch->service);
    struct news news = {.action = AUDIT_POLICY_IN_FORCE,
                        .object_type = RECORD_POLICY,
                        .unrepeated = true,
                        .calm = policy->version == 1, /* it has been since the ceremony */
                        .since_utc_us = said->in_force_at,
                        .value = value};
    policies_state_format(value, sizeof(value), &state);
    fill_news(&news, &said->policy, &state);
    fact_number(&news, "version", policy->version);
    return watch_tell(watch, &news, fault);
}

/* An alarm of everybody until it is over, so that nobody can say that they did not see it coming. */
static enum status tell_next(struct watch *watch, const struct wire_policy_next *next, struct fault *fault)
{
    char value[STORE_MARK_VALUE_SIZE];
    struct policies_state state = {.received_at_utc_us = next->received_at, .in_force_at_utc_us = next->in_force_at};
    struct news news = {.action = next->dropped ? AUDIT_POLICY_DROPPED : AUDIT_POLICY_WAITING,
                        .object_type = RECORD_POLICY,
                        .unrepeated = next->dropped,
                        .reason = next->dropped ? STATUS_OK : STATUS_NOT_READY,
                        .since_utc_us = next->received_at,
                        .value = value};
    (void)snprintf(state.word, sizeof(state.word), "%s", next->dropped ? "dropped" : "waiting");
    policies_state_format(value, sizeof(value), &state);
    fill_news(&news, &next->policy, &state);
    fact_number(&news, "version", next->policy_version);
    fact_number(&news, "signers", next->signers);
    fact_number(&news, "need", next->need);
    fact_number(&news, "vetoes", (int64_t)next->veto_count);
    return watch_tell(watch, &news, fault);
}

/* Its document was deleted from the database, or another service took it and wrote it elsewhere. */
static enum status tell_unknown(struct watch *watch, const struct key_board_policy *said, struct fault *fault)
{
    const struct policies_state state = {.in_force_at_utc_us = said->in_force_at};
    struct news news = {
        .action = AUDIT_POLICY_UNKNOWN, .object_type = RECORD_POLICY, .reason = STATUS_NOT_READY, .value = "unknown"};
    fill_news(&news, &said->policy, &state);
    (void)snprintf(news.subject, sizeof(news.subject), "unknown/%s", news.object_id);
    return watch_tell(watch, &news, fault);
}

static bool knows_all(const struct service *service, const struct key_board_policy *said)
{
    return policies_find(service->policies, &said->policy) != NULL &&
           (!said->has_next || policies_find(service->policies, &said->next.policy) != NULL);
}

/* Carrying. */

/* The newest version that the signer of role transfer holds; NULL when it is not known here. */
static const struct policy_version *held_by_transfer(const struct service *service, const struct key_board_policy *said)
{
    bool waits = said->has_next && !said->next.dropped;
    return policies_find(service->policies, waits ? &said->next.policy : &said->policy);
}

/* What this signer lacks next on the way to `held`; NULL when it lacks nothing, or nothing can be done. */
static const struct policy_version *lacks(const struct policy_version *held, const struct key_board_policy *said,
                                          const struct key_board_policy *transfer)
{
    while (held != NULL && held->prev != NULL && !digest_equal(&held->prev->policy.digest, &said->policy)) {
        held = held->prev;
    }
    if (held == NULL || held->prev == NULL || !said->heard) {
        return NULL;
    }
    bool here = said->has_next && digest_equal(&said->next.policy, &held->policy.digest);
    bool more = transfer->has_next && digest_equal(&transfer->next.policy, &held->policy.digest) &&
                transfer->next.signers > said->next.signers;
    return here && !more ? NULL : held;
}

static void carry(struct watch *watch, const struct key_board_policy *transfer)
{
    struct service *service = watch->service;
    const struct policy_version *held = held_by_transfer(service, transfer);
    for (int role = WIRE_ROLE_AUDIT; role < watch->service->role_count; role++) {
        struct key_board_policy said;
        struct wire_policy_adopt_reply reply;
        struct fault why = {0};
        key_board_policy(&said, service->board, (enum wire_role)role);
        const struct policy_version *missing = lacks(held, &said, transfer);
        if (missing != NULL && wire_policy_adopt(service->signers[role], &reply, &missing->document,
                                                 service->options.signer_timeout_ms, &why) != STATUS_OK) {
            log_fault("policy.carry", &why);
        }
        policy_carry_vetoes(service, transfer, &said, (enum wire_role)role);
    }
}

static enum status follow(struct watch *watch, const struct key_board_policy *said, struct fault *fault)
{
    struct service *service = watch->service;
    struct fault why = {0};
    enum status status = knows_all(service, said) ? STATUS_OK : policies_read(service->policies, service->store, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (policies_enter(service->policies, &said->policy, said->in_force_at, &why) != STATUS_OK) {
        return tell_unknown(watch, said, fault);
    }
    status = tell_in_force(watch, said, fault);
    if (status == STATUS_OK && said->has_next) {
        status = tell_next(watch, &said->next, fault);
    }
    return status == STATUS_OK ? policy_reevaluate(&watch->judged, service, fault) : status;
}

enum status watch_policy(struct watch *watch, struct fault *fault)
{
    struct key_board_policy said;
    key_board_policy(&said, watch->service->board, WIRE_ROLE_TRANSFER);
    if (!said.heard) {
        return STATUS_OK;
    }
    enum status status = follow(watch, &said, fault);
    carry(watch, &said); /* whatever waits here, the other signers do not wait for it */
    return status;
}
