/*
 * Whole withdrawals through the REST interface of a running service: proposed, approved by two people with keys that
 * are open already, confirmed in a block. Each is new, to a listed destination, of one base unit.
 *
 *   bench_withdraw DIR ASSET DESTINATION      DIR: an evaluation made by deploy/demo, enrolled and running
 *
 * Commands: withdraw CLIENTS COUNT, withdraw-afresh CLIENTS COUNT (a TLS handshake for each request), health CLIENTS
 * COUNT and read CLIENTS COUNT (the cheapest requests without and with a database). One more client asks once for
 * each withdrawal whether it is confirmed, and again only while it is not.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/canon.h"
#include "base/id.h"
#include "keyfile.h"
#include "policy/approval.h"
#include "rest.h"

#define APPROVERS 2
#define PATH_SIZE 512
#define COUNT_MAX 100000
#define ASK_AGAIN_MS 5

static const char *const approver_names[APPROVERS] = {"approver-1", "approver-2"};

static struct {
    char url[PATH_SIZE];
    char ca[PATH_SIZE];
    char requester[128]; /* bearer token */
    char tokens[APPROVERS][128];
    struct keyfile *keys[APPROVERS];
    const char *asset;
    const char *destination;

    bool afresh;
    uint64_t count;
    atomic_uint_fast64_t next;
    char (*ids)[UUID_TEXT_SIZE]; /* of this run, in the order of approval; empty: not approved yet */
    atomic_uint_fast64_t approved;
} desk;

static void line_read(char *out, size_t size, const char *dir, const char *name)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    BENCH_NEED(file != NULL && fgets(out, (int)size, file) != NULL);
    (void)fclose(file);
    out[strcspn(out, "\n")] = '\0';
}

static void approver_open(unsigned index, const char *dir)
{
    struct fault fault = {0};
    struct secret passphrase = {0};
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "people/%s.token", approver_names[index]);
    line_read(desk.tokens[index], sizeof(desk.tokens[index]), dir, path);
    (void)snprintf(path, sizeof(path), "%s/people/%s.passphrase", dir, approver_names[index]);
    BENCH_MUST(secret_read_file(&passphrase, path, &fault));
    (void)snprintf(path, sizeof(path), "%s/people/%s.key", dir, approver_names[index]);
    BENCH_MUST(keyfile_open(&desk.keys[index], path, &passphrase, &fault));
    secret_free(&passphrase);
}

static void desk_open(const char *dir)
{
    struct fault fault = {0};
    char port[16];
    BENCH_MUST(secret_heap_open(&fault));
    line_read(port, sizeof(port), dir, "etc/port");
    (void)snprintf(desk.url, sizeof(desk.url), "https://localhost:%s", port);
    (void)snprintf(desk.ca, sizeof(desk.ca), "%s/tls/cert.pem", dir);
    line_read(desk.requester, sizeof(desk.requester), dir, "people/operator-1.token");
    for (unsigned i = 0; i < APPROVERS; i++) {
        approver_open(i, dir);
    }
    desk.ids = calloc(COUNT_MAX, sizeof(*desk.ids));
    BENCH_NEED(desk.ids != NULL);
}

static const char *text_in(const json_t *answer, const char *member)
{
    const char *text = json_string_value(json_object_get(json_object_get(answer, "withdrawal"), member));
    BENCH_NEED(text != NULL);
    return text;
}

static void propose(struct rest *rest, struct intent *out, struct digest *out_digest)
{
    struct fault fault = {0};
    struct uuid uuid;
    char key[UUID_TEXT_SIZE];
    BENCH_MUST(uuid_generate(&uuid, clock_system()));
    uuid_format(key, &uuid);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "wallet", "hot", "asset", desk.asset, "amount", "1", "destination",
                             desk.destination);
    json_t *answer = rest_ask(rest, desk.requester, "/v1/withdrawals", body, key);
    const char *document = text_in(answer, "intent");
    BENCH_MUST(intent_decode(out, document, strlen(document), &fault));
    intent_digest(out_digest, document, strlen(document));
    json_decref(answer);
    json_decref(body);
}

static void approval_make(struct signed_document *out, unsigned approver, const struct intent *intent,
                          const struct digest *digest)
{
    struct fault fault = {0};
    struct approval approval = {.chain = intent->chain,
                                .decision = APPROVAL_APPROVE,
                                .environment = intent->environment,
                                .expires_at = intent->expires_at,
                                .intent = *digest,
                                .policy = intent->policy,
                                .signed_at = clock_utc_us(clock_system()),
                                .withdrawal = intent->withdrawal};
    BENCH_MUST(name_parse(&approval.approver, approver_names[approver]));
    public_key_id(&approval.key, keyfile_public_key(desk.keys[approver]));
    *out = (struct signed_document){0};
    BENCH_MUST(approval_encode(&out->document, &approval, &fault));
    out->signatures = calloc(1, sizeof(*out->signatures));
    BENCH_NEED(out->signatures != NULL);
    out->signature_count = 1;
    BENCH_MUST(keyfile_sign(&out->signatures[0], desk.keys[approver], APPROVAL_KIND, out->document.data,
                            out->document.len, &fault));
}

static void approve(struct rest *rest, unsigned approver, const struct intent *intent, const struct digest *digest)
{
    struct fault fault = {0};
    struct signed_document document;
    char id[UUID_TEXT_SIZE];
    char path[PATH_SIZE];
    json_t *body = NULL;
    approval_make(&document, approver, intent, digest);
    BENCH_MUST(signed_document_encode(&body, &document, &fault));
    uuid_format(id, &intent->withdrawal);
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s/approve", id);
    json_decref(rest_ask(rest, desk.tokens[approver], path, body, NULL));
    json_decref(body);
    signed_document_free(&document);
}

static uint64_t withdraw_work(void *context, unsigned thread, int64_t until_us)
{
    (void)context;
    (void)thread;
    (void)until_us;
    struct rest rest;
    uint64_t done = 0;
    rest_open(&rest, desk.url, desk.ca);
    rest.afresh = desk.afresh;
    while (atomic_fetch_add(&desk.next, 1) < desk.count) {
        struct intent intent;
        struct digest digest;
        propose(&rest, &intent, &digest);
        for (unsigned i = 0; i < APPROVERS; i++) {
            approve(&rest, i, &intent, &digest);
        }
        uuid_format(desk.ids[atomic_fetch_add(&desk.approved, 1)], &intent.withdrawal);
        done++;
    }
    rest_close(&rest);
    return done;
}

/* Asks until the withdrawal is confirmed; any other end aborts. */
static void confirmed_await(struct rest *rest, const char *id)
{
    const struct timespec again = {.tv_nsec = ASK_AGAIN_MS * 1000000L};
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "/v1/withdrawals/%s", id);
    for (;;) {
        json_t *answer = rest_ask(rest, desk.requester, path, NULL, NULL);
        const char *state = text_in(answer, "state");
        bool confirmed = strcmp(state, "confirmed") == 0;
        bool ended = strcmp(state, "failed") == 0 || strcmp(state, "rejected") == 0 || strcmp(state, "expired") == 0;
        json_decref(answer);
        BENCH_NEED(!ended);
        if (confirmed) {
            return;
        }
        (void)nanosleep(&again, NULL);
    }
}

/* All clients, then the confirmation of everything they began. */
static void withdraw(struct bench_slice *out, unsigned clients)
{
    struct rest rest;
    struct bench_slice slice;
    int64_t start_us = bench_now_us();
    atomic_store(&desk.next, 0);
    atomic_store(&desk.approved, 0);
    bench_run(&slice, clients, withdraw_work, NULL, 0);
    rest_open(&rest, desk.url, desk.ca);
    for (uint64_t i = desk.count; i > 0; i--) { /* the last first: the others are confirmed by then */
        confirmed_await(&rest, desk.ids[i - 1]);
    }
    rest_close(&rest);
    slice.wall_us = bench_now_us() - start_us;
    *out = slice;
}

static uint64_t read_work(void *context, unsigned thread, int64_t until_us)
{
    (void)thread;
    (void)until_us;
    struct rest rest;
    uint64_t done = 0;
    rest_open(&rest, desk.url, desk.ca);
    while (atomic_fetch_add(&desk.next, 1) < desk.count) {
        json_decref(rest_ask(&rest, desk.requester, context, NULL, NULL));
        done++;
    }
    rest_close(&rest);
    return done;
}

static void run(struct bench_slice *out, const struct bench_command *command)
{
    unsigned clients = (unsigned)command->numbers[0];
    desk.count = (uint64_t)command->numbers[1];
    desk.afresh = strcmp(command->word, "withdraw-afresh") == 0;
    BENCH_NEED(desk.count >= 1 && desk.count <= COUNT_MAX);
    atomic_store(&desk.next, 0);
    if (strcmp(command->word, "health") == 0) {
        static char path[] = "/healthz";
        bench_run(out, clients, read_work, path, 0);
    } else if (strcmp(command->word, "read") == 0) {
        static char path[] = "/v1/wallets";
        bench_run(out, clients, read_work, path, 0);
    } else {
        BENCH_NEED(strncmp(command->word, "withdraw", 8) == 0);
        withdraw(out, clients);
    }
}

int main(int argc, char **argv)
{
    BENCH_NEED(argc == 4 && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    desk.asset = argv[2];
    desk.destination = argv[3];
    desk_open(argv[1]);
    bench_ready("");
    struct bench_command command;
    while (bench_read(&command)) {
        struct bench_slice slice = {0};
        run(&slice, &command);
        bench_answer(&slice);
    }
    for (unsigned i = 0; i < APPROVERS; i++) {
        keyfile_free(desk.keys[i]);
    }
    free(desk.ids);
    curl_global_cleanup();
    return 0;
}
