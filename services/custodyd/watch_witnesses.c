/*
 * What the witnesses of the trail are seen to do. That effects stop without them is decided in witnesses.c, at once;
 * here it is told.
 */
#include "record.h"
#include "watch_core.h"
#include "witnesses.h"

static enum status tell_witness(struct watch *watch, const struct witness_state *state, struct fault *fault)
{
    struct news news = {.action = state->up ? AUDIT_WITNESS_UP : AUDIT_WITNESS_DOWN,
                        .object_type = RECORD_WITNESS,
                        .calm = state->up,
                        .reason = state->up ? STATUS_OK : state->why,
                        .value = state->up ? "up" : "down"};
    (void)snprintf(news.subject, sizeof(news.subject), "witness/%.200s", state->name);
    (void)snprintf(news.object_id, sizeof(news.object_id), "%.70s", state->name);
    return watch_tell(watch, &news, fault);
}

static enum status tell_quorum(struct watch *watch, struct fault *fault)
{
    bool there = !witnesses_are_gone(watch->service);
    struct news news = {.action = there ? AUDIT_WITNESS_BACK : AUDIT_WITNESS_GONE,
                        .object_type = RECORD_WITNESS,
                        .object_id = "quorum",
                        .calm = there,
                        .reason = there ? STATUS_OK : STATUS_NOT_READY,
                        .value = there ? "there" : "gone"};
    (void)snprintf(news.subject, sizeof(news.subject), "witnesses");
    return watch_tell(watch, &news, fault);
}

enum status watch_witnesses(struct watch *watch, struct fault *fault)
{
    struct witness_state states[AUDIT_WITNESSES_MAX];
    size_t count = witnesses_states(states, watch->service);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = tell_witness(watch, &states[i], fault);
    }
    return status == STATUS_OK && count > 0 ? tell_quorum(watch, fault) : status;
}
