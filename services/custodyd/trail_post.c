/*
 * Events without a transaction of their own: handed to the sequencer of this process in memory, so that one commit
 * holds many of them and none lies in audit.pending. Nothing is promised before a checkpoint covers the entry, so what
 * waits here may be lost with the process: its number is then missing above the last `settled`.
 */
#include "trail_leaf.h"
#include "trail_state.h"

/* What waits at most: more is refused at once instead of answered late. */
#define POSTS_MAX 8192

void posts_free(struct post *list)
{
    while (list != NULL) {
        struct post *next = list->next;
        bytes_free(&list->document);
        free(list);
        list = next;
    }
}

/* Ends the numbers of a list and frees it; whoever waits for them looks again. The lock is not held. */
static void posts_end(struct trail *trail, struct post *list, enum number_state state,
                      const struct store_backend *backend)
{
    if (list == NULL) {
        return;
    }
    pthread_mutex_lock(&trail->mutex);
    for (const struct post *post = list; post != NULL; post = post->next) {
        numbers_end(&trail->numbers, post->number, state, backend);
    }
    trail_release(trail);
    pthread_mutex_unlock(&trail->mutex);
    posts_free(list);
}

void trail_posts_open(struct trail *trail, bool taken)
{
    struct post *waiting = NULL;
    pthread_mutex_lock(&trail->mutex);
    struct posts *posts = &trail->posts;
    posts->taken = taken;
    if (!taken) {
        waiting = posts->first;
        *posts = (struct posts){.last = &posts->first};
    }
    pthread_mutex_unlock(&trail->mutex);
    posts_end(trail, waiting, NUMBER_LOST, NULL);
}

size_t trail_posts_take(struct post **out, struct trail *trail, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&trail->mutex);
    struct posts *posts = &trail->posts;
    struct post **end = &posts->first;
    while (count < max && *end != NULL) {
        end = &(*end)->next;
        count++;
    }
    *out = count == 0 ? NULL : posts->first;
    if (count > 0) {
        posts->first = *end;
        posts->last = posts->first == NULL ? &posts->first : posts->last;
        posts->count -= count;
        *end = NULL;
    }
    pthread_mutex_unlock(&trail->mutex);
    return count;
}

void trail_posts_return(struct trail *trail, struct post *list)
{
    struct post *last = list;
    size_t count = list == NULL ? 0 : 1;
    for (; last != NULL && last->next != NULL; count++) {
        last = last->next;
    }
    if (last == NULL) {
        return;
    }
    pthread_mutex_lock(&trail->mutex);
    struct posts *posts = &trail->posts;
    posts->last = posts->first == NULL ? &last->next : posts->last;
    last->next = posts->first;
    posts->first = list;
    posts->count += count;
    pthread_mutex_unlock(&trail->mutex);
}

void trail_posts_unknown(struct trail *trail, struct post *list, const struct store_backend *backend)
{
    posts_end(trail, list, NUMBER_UNKNOWN, backend);
}

void trail_posts_settle(struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    numbers_posts_lost(&trail->numbers);
    trail_release(trail);
    pthread_mutex_unlock(&trail->mutex);
}

/* Takes a number and what is to be declared void. STATUS_NOT_READY when nobody takes posts. */
static enum status post_number(struct post *post, struct audit_event *event, struct trail *trail, struct fault *fault)
{
    uint64_t carried[VOID_MAX];
    size_t count = 0;
    pthread_mutex_lock(&trail->mutex);
    enum status status = !trail->posts.taken ? STATUS_NOT_READY : STATUS_OK;
    if (status == STATUS_OK && trail->posts.count >= POSTS_MAX) {
        status = fault_set(fault, STATUS_BUSY, "trail", "too many events wait for the sequencer");
    }
    if (status == STATUS_OK) {
        status = numbers_take(&post->number, &trail->numbers, false, fault);
    }
    if (status == STATUS_OK) {
        numbers_post(&trail->numbers, post->number);
        count = numbers_carry(carried, VOID_MAX, &trail->numbers, post->number);
    }
    pthread_mutex_unlock(&trail->mutex);
    post->voids = count > 0;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = audit_event_void_add(event, carried[i], fault);
    }
    return status;
}

/* The document and the columns of a post whose number is taken. */
static enum status post_fill(struct post *post, struct audit_event *event, const struct trail *trail,
                             struct fault *fault)
{
    static const struct uuid none;
    enum status status = STATUS_OK;
    event->producer = trail->boot;
    event->producer_counter = post->number;
    if (uuid_equal(&event->correlation, &none)) {
        status = uuid_generate(&event->correlation, trail->clock);
    }
    if (status == STATUS_OK) {
        status = audit_event_encode(&post->document, event, fault);
    }
    if (status == STATUS_OK) {
        trail_leaf_project(&post->leaf, event);
    }
    return status;
}

/* Hangs the post into the queue; false when nobody takes posts any more. */
static bool post_push(struct trail *trail, struct post *post)
{
    struct digest digest;
    digest_sha256(&digest, post->document.data, post->document.len);
    pthread_mutex_lock(&trail->mutex);
    struct posts *posts = &trail->posts;
    bool taken = posts->taken;
    bool first = posts->first == NULL;
    if (taken) {
        numbers_bind(&trail->numbers, post->number, &digest);
        *posts->last = post;
        posts->last = &post->next;
        posts->count++;
    }
    pthread_mutex_unlock(&trail->mutex);
    if (taken && first) {
        trail_wake(trail);
    }
    return taken;
}

static enum status post_directly(struct trail_ticket *out, struct trail *trail, struct audit_event *event,
                                 struct fault *fault)
{
    struct post *post = calloc(1, sizeof(*post));
    if (post == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "");
    }
    json_decref(event->voided);
    event->voided = NULL;
    enum status status = post_number(post, event, trail, fault);
    uint64_t number = post->number;
    if (status == STATUS_OK) {
        status = post_fill(post, event, trail, fault);
    }
    if (status == STATUS_OK && post_push(trail, post)) {
        out->number = number;
        return STATUS_OK;
    }
    if (number != 0) {
        posts_end(trail, post, NUMBER_LOST, NULL);
    } else {
        posts_free(post);
    }
    return status == STATUS_OK ? STATUS_NOT_READY : status;
}

enum status trail_post(struct trail_ticket *out, struct trail *trail, struct store *app, struct audit_event *event,
                       struct fault *fault)
{
    enum status status = STATUS_NOT_READY;
    if (event->object_type[0] == '\0') {
        status = post_directly(out, trail, event, fault);
    }
    if (status != STATUS_NOT_READY) {
        return status;
    }
    struct store_tx *tx = NULL;
    struct trail_ticket ticket;
    status = store_begin(&tx, app, STORE_READ_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = trail_enqueue(&ticket, trail, tx, event, fault);
    if (status != STATUS_OK) {
        store_rollback(tx);
        return status;
    }
    *out = ticket;
    return store_commit(tx, fault);
}
