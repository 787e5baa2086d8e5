/*
 * A signer without its process on a guard on disk: the clock and the tokens are the test's own, everything else is
 * real. Requests and replies go through the encoders of the protocol.
 */
#ifndef STRONGROOM_TEST_SIGNER_DESK_H
#define STRONGROOM_TEST_SIGNER_DESK_H

#include "papers.h"
#include "signer/signer.h"
#include "test/test_place.h"

#define DESK_START_UTC_US 1767323045000000LL /* 2026-01-02T03:04:05Z */
#define DESK_SECOND_US 1000000LL
#define DESK_DAY_US (24 * WORLD_HOUR_US)
#define DESK_KEYS_MAX 4

/* How the token behaves. */
enum desk_token {
    TOKEN_WORKS,
    TOKEN_GONE,
    TOKEN_LIES,    /* its signatures do not verify */
    TOKEN_REPEATS, /* it signs another message with an r that it used before */
};

struct desk {
    struct test_folder folder;
    char guard_path[TEST_PATH_SIZE + 16];
    char policy_path[TEST_PATH_SIZE + 16];
    char share_set_path[TEST_PATH_SIZE + 16]; /* empty: unattended */
    struct world world;
    struct guard *guard;
    struct signer *signer;
    int64_t now_utc_us;
    int64_t jumped_us;     /* by how much the clock was set, while now_utc_us passes */
    int64_t accept_utc_us; /* what people say at the next start */
    enum desk_token token;
    const struct test_key *keys[DESK_KEYS_MAX]; /* on the token; the first is the founding one */
    enum signer_key_origin origin;
    bool lists_nothing; /* desk_ask does not hand over the entry of the allow-list before it asks for a transfer */
    const char *standby_serial; /* of a second token, where the keys were born; NULL for none */
    uint64_t losses;
    unsigned wraps; /* keys that the token wrapped */
    bool open;      /* attended: the PIN was given */
    unsigned shares;
    struct seal_key to;
    struct signature last; /* released last by the token, for TOKEN_REPEATS */
};

extern struct desk desk;

/* By how much the box of an activation is longer than a day. Before desk_start_active. */
extern int64_t desk_box_more_us;

/* A desk of this role whose key is generated. */
void desk_start_as(enum signer_role role);
/* For TestSuite: one of role transfer. */
void desk_start(void);
/* One whose key is admitted and active. */
void desk_start_active(void);
void desk_start_active_as(enum signer_role role);
void desk_finish(void);

/* Closes guard and signer, or starts them again: STATUS_OK or what signer_new says. */
void desk_stop(void);
enum status desk_restart(struct fault *fault);

/* One request of a connection with every permission, or with `permit`. Out: free with wire_reply_free. */
enum status desk_ask(struct wire_reply *out, struct wire_request *request);

/* Hands over an entry of the allow-list; `out` may be NULL. */
enum status desk_list(struct wire_destination_adopt_reply *out, const struct signed_document *document);
enum status desk_ask_as(struct wire_reply *out, struct wire_request *request, unsigned permit, bool *out_goes_on);

/* The same with an answer of status alone; `where` of the refusal is in desk_where. */
enum status desk_admit(const struct papers *papers);
enum status desk_command(const struct signed_document *command);
enum status desk_order(enum command_action action, enum key_state from); /* about the founding key, well signed */
enum status desk_alarm(void);
extern char desk_where[64];
extern char desk_detail[256];

/* The founding key as key.list tells it. */
struct wire_key desk_key(void);

/* Its id. */
struct digest desk_key_id(void);

/* Hands over a version of the policy. Out: *out unless NULL. */
enum status desk_adopt(struct wire_policy_adopt_reply *out, const struct signed_document *document);

/* The world's next version comes, its delay passes, and everything is made under it. */
void desk_advance(void);

/* A withdrawal of this lane and sequence, made now. Out: order_wipe. */
void desk_withdrawal(struct order *out, uint64_t lane, uint64_t seq);

/* The clock of the machine is held while signers run on. */
void desk_run_on(int64_t passed_us);

/* Signs a withdrawal of this lane and sequence. */
enum status desk_sign(uint64_t lane, uint64_t seq);

#endif
