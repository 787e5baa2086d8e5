/*
 * The audit trail: producers that commit one event each and wait until a signed checkpoint covers it, with the
 * sequencer of the service, the PostgreSQL cluster of the evaluation and its signerd of role audit. custodyd must not
 * be running.
 *
 *   bench_trail CONNINFO AUDIT-SOCKET LOG-KEY
 *
 * Commands: produce CLIENTS MS (as fast as it goes); offer PER-SECOND MS (arrivals on a timetable; answers with the
 * latencies, counted from the time at which the event was due).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "bench.h"
#include "sequencer.h"
#include "wire/client.h"

#define PRODUCERS_MAX 32
#define FLIGHT_MAX 256
#define FILLERS 4
#define WAIT_MS 60000
#define SIGNER_TIMEOUT_MS 5000
#define STATEMENT_TIMEOUT_MS 10000
#define LATENCIES_MAX (1 << 20)
#define OFFER_POSTERS 4
#define OFFER_WAITERS 4 /* proofs come in the order of the timetable */
#define POST_LOOK_US 200

/* An event of the timetable. */
struct offered {
    struct trail_ticket ticket;
    atomic_bool posted;
};

static struct {
    struct store *app;
    struct store *reader;
    struct trail *trail;
    struct sequencer *sequencer;
    struct wire_pool *signer;

    int64_t start_us; /* of a timetable */
    int64_t end_us;
    int64_t gap_us;
    atomic_uint_fast64_t next;
    atomic_uint_fast64_t next_wait;
    struct offered *offered;
    uint32_t *latencies_us;
} stage;

static enum status checkpoint_status(void *context, uint64_t *out_size, struct digest *out_root, struct fault *fault)
{
    struct wire_status_reply reply = {0};
    enum status status = wire_status(context, &reply, SIGNER_TIMEOUT_MS, fault);
    if (status == STATUS_OK) {
        *out_size = reply.size;
        *out_root = reply.root;
    }
    return status;
}

static enum status checkpoint_sign(void *context, struct checkpoint_signatures *out,
                                   const struct checkpoint_request *request, struct fault *fault)
{
    struct wire_checkpoint_reply reply = {0};
    struct wire_checkpoint_request asked = {.old = request->old_size, .proof_count = request->proof->count};
    memcpy(asked.proof, request->proof->hashes, request->proof->count * sizeof(struct digest));
    enum status status = bytes_copy(&asked.note, request->note, request->note_len);
    if (status == STATUS_OK) {
        status = wire_checkpoint_sign(context, &reply, &asked, SIGNER_TIMEOUT_MS, fault);
        bytes_free(&asked.note);
    }
    if (status == STATUS_OK) {
        out->count = reply.count;
        memcpy(out->signatures, reply.signatures, sizeof(out->signatures));
    }
    return status;
}

static void store_open_as(struct store **out, const char *conninfo, const char *role, unsigned connections)
{
    struct fault fault = {0};
    char whole[1024];
    (void)snprintf(whole, sizeof(whole), "%s user=%s", conninfo, role);
    const struct store_config config = {.conninfo = whole,
                                        .role = role,
                                        .connections = connections,
                                        .acquire_timeout_ms = WAIT_MS,
                                        .statement_timeout_ms = STATEMENT_TIMEOUT_MS};
    BENCH_MUST(store_open(out, &config, &fault));
}

static void stage_open(const char *conninfo, const char *socket, const char *vkey)
{
    struct fault fault = {0};
    struct audit_key key;
    char whole[1024];
    BENCH_MUST(audit_key_parse(&key, vkey, &fault));
    store_open_as(&stage.app, conninfo, "strongroom_app", PRODUCERS_MAX);
    store_open_as(&stage.reader, conninfo, "strongroom_auditor", 4);
    struct secret pending_key = {0};
    BENCH_MUST(secret_heap_open(&fault));
    BENCH_MUST(secret_new(&pending_key, TRAIL_PENDING_KEY_LEN));
    const struct trail_config trail = {
        .clock = clock_system(), .reader = stage.reader, .keys = &key, .key_count = 1, .pending_key = &pending_key};
    BENCH_MUST(trail_open(&stage.trail, &trail, &fault));
    secret_free(&pending_key);
    const struct wire_pool_config pool = {
        .path = socket, .role = WIRE_ROLE_AUDIT, .key = &key.public_key, .connections = 1};
    BENCH_MUST(wire_pool_new(&stage.signer, &pool, &fault));
    (void)snprintf(whole, sizeof(whole), "%s user=strongroom_sequencer", conninfo);
    const struct sequencer_config sequencer = {
        .clock = clock_system(),
        .conninfo = whole,
        .trail = stage.trail,
        .signer = {.status = checkpoint_status, .sign = checkpoint_sign, .context = stage.signer},
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
    };
    BENCH_MUST(sequencer_start(&stage.sequencer, &sequencer, &fault));
}

/* The event of a proposal that is refused; `about`: about an object of its own, which numbers it. */
static void event_fill(struct audit_event *event, bool about)
{
    struct fault fault = {0};
    struct uuid id;
    struct digest digest;
    static const char *const facts[][2] = {
        {"amount", "2500"},
        {"asset", "9f3832b56acfeb210fd7b285dafa05491b66eaa6a11635f75b1a4e56de279f9b"},
        {"wallet", "hot"},
        {"destination", "sr1e5636434aa8ed3dbd39f547a7c17a9e9eb7ad8a65622dc9eda9f697f4a4d07f04a7cbbcc"}};
    *event = (struct audit_event){.action = AUDIT_WITHDRAWAL_REQUEST, .outcome = AUDIT_OUTCOME_DENY};
    BENCH_MUST(name_parse(&event->actor, "bench"));
    BENCH_MUST(uuid_generate(&id, clock_system()));
    if (about) {
        (void)snprintf(event->object_type, sizeof(event->object_type), "withdrawal");
        uuid_format(event->object_id, &id);
    }
    digest_sha256(&event->auth, &id, sizeof(id));
    digest_sha256(&event->policy, "bench", 5);
    digest_sha256(&digest, &id, sizeof(id));
    BENCH_MUST(audit_event_ref_add(event, "intent", &digest, &fault));
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        BENCH_MUST(audit_event_fact_add(event, facts[i][0], facts[i][1], &fault));
    }
}

static void wait_covered(const struct trail_ticket *ticket)
{
    struct fault fault = {0};
    struct trail_receipt receipt = {0};
    BENCH_MUST(trail_wait(&receipt, stage.trail, ticket, WAIT_MS, &fault));
    bytes_free(&receipt.proof);
}

/* One event in a transaction of its own, covered when this returns. */
static void produce_one(void)
{
    struct fault fault = {0};
    struct store_tx *tx = NULL;
    struct trail_ticket ticket;
    struct audit_event event;
    event_fill(&event, true);
    BENCH_MUST(store_begin(&tx, stage.app, STORE_READ_WRITE, &fault));
    BENCH_MUST(trail_enqueue(&ticket, stage.trail, tx, &event, &fault));
    BENCH_MUST(store_commit(tx, &fault));
    audit_event_wipe(&event);
    wait_covered(&ticket);
}

static void sleep_until(int64_t at_us)
{
    const struct timespec at = {.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
    }
}

/* One event without a transaction of its own. */
static void post_one(struct trail_ticket *ticket)
{
    struct fault fault = {0};
    struct audit_event event;
    event_fill(&event, false);
    enum status status = trail_post(ticket, stage.trail, stage.app, &event, &fault);
    while (status == STATUS_BUSY) { /* more wait than fit */
        sleep_until(bench_now_us() + 1000);
        status = trail_post(ticket, stage.trail, stage.app, &event, &fault);
    }
    BENCH_NEED(status == STATUS_OK);
    audit_event_wipe(&event);
}

/* Keeps so many events in flight; each one's proof is checked and in hand before it counts. */
static uint64_t post_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    struct trail_ticket flight[FLIGHT_MAX];
    uint64_t window = *(const uint64_t *)context;
    uint64_t posted = 0;
    uint64_t done = 0;
    for (bool more = true; more || done < posted;) {
        if (more && posted - done < window) {
            post_one(&flight[posted++ % window]);
        } else {
            wait_covered(&flight[done++ % window]);
        }
        more = more && bench_now_us() < until_us;
    }
    return done;
}

/* As many as fit, looked at only when they are all in: how a trail becomes long. */
static uint64_t fill_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    (void)until_us;
    struct fault fault = {0};
    struct trail_ticket ticket;
    struct audit_event event;
    uint64_t share = *(const uint64_t *)context;
    event_fill(&event, false);
    for (uint64_t done = 0; done < share;) {
        enum status status = trail_post(&ticket, stage.trail, stage.app, &event, &fault);
        if (status == STATUS_OK) {
            event.correlation = (struct uuid){0};
            done++;
            continue;
        }
        BENCH_NEED(status == STATUS_BUSY);
        sleep_until(bench_now_us() + 1000);
    }
    audit_event_wipe(&event);
    wait_covered(&ticket);
    return share;
}

static uint64_t produce_work(void *context, unsigned thread, int64_t until_us)
{
    (void)context;
    (void)thread;
    uint64_t done = 0;
    do {
        produce_one();
        done++;
    } while (bench_now_us() < until_us);
    return done;
}

/* Its time, or false beyond the end of the timetable. */
static bool offer_due(int64_t *out_us, uint64_t turn)
{
    *out_us = stage.start_us + (int64_t)turn * stage.gap_us;
    return *out_us < stage.end_us && turn < LATENCIES_MAX;
}

static uint64_t offer_posts(void)
{
    int64_t due_us;
    for (;;) {
        uint64_t turn = atomic_fetch_add(&stage.next, 1);
        if (!offer_due(&due_us, turn)) {
            return 0;
        }
        sleep_until(due_us);
        post_one(&stage.offered[turn].ticket);
        atomic_store(&stage.offered[turn].posted, true);
    }
}

static uint64_t offer_waits(void)
{
    int64_t due_us;
    uint64_t done = 0;
    for (;;) {
        uint64_t turn = atomic_fetch_add(&stage.next_wait, 1);
        if (!offer_due(&due_us, turn)) {
            return done;
        }
        sleep_until(due_us);
        while (!atomic_load(&stage.offered[turn].posted)) {
            sleep_until(bench_now_us() + POST_LOOK_US);
        }
        wait_covered(&stage.offered[turn].ticket);
        stage.latencies_us[turn] = (uint32_t)(bench_now_us() - due_us);
        done++;
    }
}

/* Who posts waits for no proof, so that the timetable holds whatever the trail does. */
static uint64_t offer_work(void *context, unsigned thread, int64_t until_us)
{
    (void)context;
    (void)until_us;
    return thread < OFFER_POSTERS ? offer_posts() : offer_waits();
}

static int latency_order(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;
    return (*left > *right) - (*left < *right);
}

static void offer(const struct bench_command *command)
{
    struct bench_slice slice;
    BENCH_NEED(command->numbers[0] >= 1);
    memset(stage.offered, 0, LATENCIES_MAX * sizeof(*stage.offered));
    stage.gap_us = 1000000 / command->numbers[0];
    stage.start_us = bench_now_us();
    stage.end_us = stage.start_us + command->numbers[1] * 1000;
    atomic_store(&stage.next, 0);
    atomic_store(&stage.next_wait, 0);
    bench_run(&slice, OFFER_POSTERS + OFFER_WAITERS, offer_work, NULL, command->numbers[1]);
    BENCH_NEED(slice.count > 0);
    qsort(stage.latencies_us, slice.count, sizeof(stage.latencies_us[0]), latency_order);
    (void)printf("{\"count\":%" PRIu64 ",\"wall_us\":%" PRId64 ",\"p50_us\":%" PRIu32 ",\"p99_us\":%" PRIu32
                 ",\"max_us\":%" PRIu32 "}\n",
                 slice.count, slice.wall_us, stage.latencies_us[slice.count / 2],
                 stage.latencies_us[slice.count * 99 / 100], stage.latencies_us[slice.count - 1]);
    (void)fflush(stdout);
}

/* The last word of this producer: all its numbers are accounted for. */
static void settle(void)
{
    struct fault fault = {0};
    struct store_tx *tx = NULL;
    struct trail_ticket ticket;
    BENCH_MUST(store_begin(&tx, stage.app, STORE_READ_WRITE, &fault));
    BENCH_MUST(trail_enqueue_state(&ticket, stage.trail, tx, AUDIT_SERVICE_STOP, NULL, &fault));
    BENCH_MUST(store_commit(tx, &fault));
    wait_covered(&ticket);
}

static void event_size_ready(void)
{
    struct fault fault = {0};
    struct audit_event event;
    struct bytes document = {0};
    char members[64];
    event_fill(&event, false);
    event.producer = trail_boot(stage.trail);
    event.producer_counter = 1000;
    event.correlation = event.producer;
    BENCH_MUST(audit_event_encode(&document, &event, &fault));
    (void)snprintf(members, sizeof(members), ",\"event_bytes\":%zu", document.len);
    bytes_free(&document);
    audit_event_wipe(&event);
    bench_ready(members);
}

int main(int argc, char **argv)
{
    BENCH_NEED(argc == 4);
    stage.latencies_us = calloc(LATENCIES_MAX, sizeof(*stage.latencies_us));
    stage.offered = calloc(LATENCIES_MAX, sizeof(*stage.offered));
    BENCH_NEED(stage.latencies_us != NULL && stage.offered != NULL);
    stage_open(argv[1], argv[2], argv[3]);
    produce_one();
    event_size_ready();
    struct bench_command command;
    while (bench_read(&command)) {
        if (strcmp(command.word, "offer") == 0) {
            offer(&command);
        } else if (strcmp(command.word, "post") == 0) {
            struct bench_slice slice = {0};
            uint64_t window = (uint64_t)command.numbers[2];
            BENCH_NEED(command.numbers[0] <= PRODUCERS_MAX && window >= 1 && window <= FLIGHT_MAX);
            bench_run(&slice, (unsigned)command.numbers[0], post_work, &window, command.numbers[1]);
            bench_answer(&slice);
        } else if (strcmp(command.word, "fill") == 0) {
            struct bench_slice slice = {0};
            uint64_t share = (uint64_t)command.numbers[0] / FILLERS;
            bench_run(&slice, FILLERS, fill_work, &share, 0);
            bench_answer(&slice);
        } else {
            struct bench_slice slice = {0};
            BENCH_NEED(strcmp(command.word, "produce") == 0 && command.numbers[0] <= PRODUCERS_MAX);
            bench_run(&slice, (unsigned)command.numbers[0], produce_work, NULL, command.numbers[1]);
            bench_answer(&slice);
        }
    }
    settle();
    sequencer_stop(stage.sequencer);
    trail_close(stage.trail);
    wire_pool_free(stage.signer);
    store_close(stage.reader);
    store_close(stage.app);
    free(stage.latencies_us);
    return 0;
}
