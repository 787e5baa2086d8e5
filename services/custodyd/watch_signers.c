/*
 * What the signers say of themselves: whether they answer, their tokens, what is frozen. It asks them and fills the
 * board; nothing is decided here.
 */
#include <inttypes.h>

#include "base/log.h"
#include "record.h"
#include "watch_core.h"

#define LOOK_TIMEOUT_MS 1000

/* Texts of devices may hold anything printable; subjects of marks hold no blanks. */
static void without_blanks(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text <= ' ' || *text > '~' ? '_' : *text;
    }
}

static enum status tell_signer(struct watch *watch, enum wire_role role, const struct key_board_signer *signer,
                               struct fault *fault)
{
    bool up = signer->status == STATUS_OK;
    struct news news = {.action = up ? AUDIT_SIGNER_UP : AUDIT_SIGNER_DOWN,
                        .object_type = RECORD_SIGNER,
                        .calm = up,
                        .reason = signer->status,
                        .value = up ? "up" : "down"};
    (void)snprintf(news.subject, sizeof(news.subject), "signer/%s", wire_role_name(role));
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", wire_role_name(role));
    return watch_tell(watch, &news, fault);
}

/* Each of its starts once. What it runs as it says itself: a change that nobody ordered shows. */
static enum status tell_start(struct watch *watch, enum wire_role role, const struct key_board_signer *signer,
                              struct fault *fault)
{
    char instance[DIGEST_HEX_LEN + 1];
    struct news news = {.action = AUDIT_SIGNER_START, .object_type = RECORD_SIGNER, .value = instance};
    digest_format(instance, &signer->instance);
    (void)snprintf(news.subject, sizeof(news.subject), "start/%s", wire_role_name(role));
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", wire_role_name(role));
    news_ref(&news, "program", &signer->program);
    news_ref(&news, "configuration", &signer->configuration);
    return watch_tell(watch, &news, fault);
}

struct token_form {
    const char *word;
    enum audit_action action;
    enum status reason;
    bool calm;
};

/* A token that is open and lacks a key of the signer is as bad as down, for that key. */
static struct token_form token_form_of(const struct wire_token *token)
{
    static const struct token_form forms[] = {
        [WIRE_TOKEN_SERVING] = {"serving", AUDIT_TOKEN_UP, STATUS_OK, true},
        [WIRE_TOKEN_STANDBY] = {"standby", AUDIT_TOKEN_UP, STATUS_OK, true},
        [WIRE_TOKEN_DOWN] = {"down", AUDIT_TOKEN_DOWN, STATUS_TOKEN, false},
        [WIRE_TOKEN_LOCKED] = {"locked", AUDIT_TOKEN_LOCKED, STATUS_OK, false},
    };
    static const struct token_form lacks_key = {"lacks_key", AUDIT_TOKEN_DOWN, STATUS_TOKEN, false};
    bool open = token->state == WIRE_TOKEN_SERVING || token->state == WIRE_TOKEN_STANDBY;
    return open && token->reason[0] != '\0' ? lacks_key : forms[token->state];
}

/* What a token is told as; its value is the word and when it was down last, at `down_at`. */
static void token_news(struct news *out, char value[STORE_MARK_VALUE_SIZE], enum wire_role role,
                       const struct wire_token *token, const struct token_form *form, int64_t down_at)
{
    char at[TIME_TEXT_SIZE];
    time_format(at, down_at);
    (void)snprintf(value, STORE_MARK_VALUE_SIZE, "%s/%s", form->word, at);
    *out = (struct news){.action = form->action,
                         .object_type = RECORD_TOKEN,
                         .calm = form->calm,
                         .reason = form->reason,
                         .value = value};
    (void)snprintf(out->subject, sizeof(out->subject), "token/%s/%s/%s", wire_role_name(role), token->label,
                   token->serial);
    without_blanks(out->subject);
    (void)snprintf(out->object_id, sizeof(out->object_id), "%.70s", out->subject + strlen("token/"));
    news_fact(out, "role", wire_role_name(role));
    news_fact(out, "label", token->label);
    news_fact(out, "serial", token->serial);
    news_fact(out, "state", form->word);
}

/*
 * When the token was down last, as far as it was told; 0 for never. A row that was edited tells nothing: rather told
 * twice than not at all.
 */
static enum status down_told_at(int64_t *out, struct watch *watch, const char *subject, struct fault *fault)
{
    char value[STORE_MARK_VALUE_SIZE] = "";
    enum status status = watch_told(value, watch, subject, fault);
    const char *at = strchr(value, '/');
    *out = 0;
    if (status == STATUS_OK && at != NULL && time_parse(out, at + 1) != STATUS_OK) {
        *out = 0;
        log_event(LOG_LEVEL_WARNING, "mark.unreadable", "subject", subject, NULL);
    }
    return status;
}

/* A token that was down and came back between two looks is told down, and then how it is. */
static enum status tell_token(struct watch *watch, enum wire_role role, const struct wire_token *token,
                              struct fault *fault)
{
    const struct token_form form = token_form_of(token);
    const struct token_form down = token_form_of(&(struct wire_token){.state = WIRE_TOKEN_DOWN});
    char value[STORE_MARK_VALUE_SIZE];
    struct news news;
    int64_t told_at = 0;
    token_news(&news, value, role, token, &form, token->down_at);
    enum status status = down_told_at(&told_at, watch, news.subject, fault);
    if (status == STATUS_OK && token->down_at > told_at && token->state != WIRE_TOKEN_DOWN) {
        token_news(&news, value, role, token, &down, token->down_at);
        status = watch_tell_past(watch, &news, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* A signer that was started anew does not know what its tokens were before. */
    token_news(&news, value, role, token, &form, token->down_at > told_at ? token->down_at : told_at);
    return watch_tell(watch, &news, fault);
}

enum status watch_signer(struct watch *watch, enum wire_role role, struct fault *fault)
{
    struct service *service = watch->service;
    struct key_board_signer signer;
    struct fault why = {0};
    int64_t timeout_ms =
        service->options.signer_timeout_ms < LOOK_TIMEOUT_MS ? service->options.signer_timeout_ms : LOOK_TIMEOUT_MS;
    bool here = key_board_look(service->board, service->signers[role], role, timeout_ms, &why) == STATUS_OK;
    key_board_signer(&signer, service->board, role);
    enum status status = tell_signer(watch, role, &signer, fault);
    status = here && status == STATUS_OK ? tell_start(watch, role, &signer, fault) : status;
    for (size_t i = 0; here && status == STATUS_OK && i < signer.token_count; i++) {
        status = tell_token(watch, role, &signer.tokens[i], fault);
    }
    return status;
}

static enum status tell_freeze(struct watch *watch, const struct wire_freeze *freeze, struct fault *fault)
{
    char value[STORE_MARK_VALUE_SIZE];
    char on[24];
    const char *state = freeze->frozen ? "frozen" : "thawed";
    (void)snprintf(on, sizeof(on), "%" PRIu64, freeze->on);
    (void)snprintf(value, sizeof(value), "%s/%s", state, on);
    struct news news = {.action = AUDIT_FREEZE_STATE, .object_type = RECORD_FREEZE, .unrepeated = true, .value = value};
    news.reason = freeze->frozen ? STATUS_KEY_INACTIVE : STATUS_OK;
    news.since_utc_us = freeze->since;
    record_freeze_id(news.object_id, freeze->scope, freeze->subject);
    (void)snprintf(news.subject, sizeof(news.subject), "freeze/%s", news.object_id);
    news_fact(&news, "state", state);
    news_fact(&news, "cause", freeze->cause);
    news_fact(&news, "reason", freeze->reason.text);
    news_fact(&news, "number", on);
    return watch_tell(watch, &news, fault);
}

enum status watch_freezes(struct watch *watch, struct fault *fault)
{
    struct wire_freeze freezes[WIRE_FREEZES_MAX];
    size_t count = key_board_freezes(freezes, watch->service->board);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = tell_freeze(watch, &freezes[i], fault);
    }
    return status;
}
