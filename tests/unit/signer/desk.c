/*
 * The signer's desk, see desk.h.
 */
#include "desk.h"

#include <criterion/criterion.h>

struct desk desk;
char desk_where[64];
char desk_detail[256];

static int64_t read_clock(void *context)
{
    (void)context;
    return desk.now_utc_us + desk.jumped_us;
}

static int64_t read_steady(void *context)
{
    (void)context;
    return desk.now_utc_us;
}

static const struct clock desk_clock = {.utc_us = read_clock, .monotonic_us = read_steady};

/* The token */

static const struct test_key *key_on_token(const struct digest *key_id)
{
    for (size_t i = 0; i < DESK_KEYS_MAX && desk.keys[i] != NULL; i++) {
        struct digest id;
        public_key_id(&id, test_key_public(desk.keys[i]));
        if (digest_equal(&id, key_id)) {
            return desk.keys[i];
        }
    }
    return NULL;
}

static bool attended(void)
{
    return desk.share_set_path[0] != '\0';
}

static enum status token_find(const void *context, struct signer_token_key out[SIGNER_TOKENS_MAX], size_t *out_count,
                              const struct digest *key_id, struct fault *fault)
{
    (void)context;
    const struct test_key *key = key_on_token(key_id);
    if (attended() && !desk.open) {
        return fault_set(fault, STATUS_TOKEN, "token", "locked");
    }
    if (key == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "token", "no such key");
    }
    out[0] = (struct signer_token_key){
        .public_key = *test_key_public(key), .origin = desk.origin, .label = "soft", .serial = "1"};
    *out_count = 1;
    if (desk.standby_serial != NULL) {
        out[1] = out[0];
        out[1].origin = SIGNER_KEY_BORN;
        (void)snprintf(out[1].serial, sizeof(out[1].serial), "%s", desk.standby_serial);
        *out_count = 2;
    }
    return STATUS_OK;
}

static enum status token_sign(const void *context, struct signature *out, const struct digest *key_id,
                              const void *message, size_t len, struct fault *fault)
{
    (void)context;
    const struct test_key *key = key_on_token(key_id);
    if (key == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "key", "no token has it");
    }
    if (desk.token == TOKEN_GONE || (attended() && !desk.open)) {
        return fault_set(fault, STATUS_TOKEN, "token", "gone");
    }
    if (desk.token == TOKEN_LIES) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "token", "a signature that does not verify");
    }
    test_key_sign_message(out->bytes64, key, message, len);
    if (desk.token == TOKEN_REPEATS) {
        memcpy(out->bytes64, desk.last.bytes64, SIGNATURE_LEN / 2);
    }
    out->algorithm = test_key_public(key)->algorithm;
    out->key_id = *key_id;
    desk.last = *out;
    return STATUS_OK;
}

static size_t token_states(const void *context, struct signer_token_status out[SIGNER_TOKENS_MAX])
{
    (void)context;
    out[0] = (struct signer_token_status){.label = "soft", .serial = "1", .state = SIGNER_TOKEN_SERVING};
    if (desk.token == TOKEN_GONE) {
        out[0].state = SIGNER_TOKEN_DOWN;
    } else if (attended() && !desk.open) {
        out[0].state = SIGNER_TOKEN_LOCKED;
    }
    return 1;
}

static unsigned token_lacks(const void *context, const struct digest *key_id)
{
    (void)context;
    bool open = desk.token != TOKEN_GONE && (!attended() || desk.open);
    return open && key_on_token(key_id) == NULL ? 1 : 0;
}

static uint64_t token_losses(const void *context)
{
    (void)context;
    return desk.losses;
}

static enum status token_activation_open(const void *context, struct signer_activation *out, struct fault *fault)
{
    (void)context;
    (void)fault;
    *out = (struct signer_activation){.have = (unsigned)__builtin_popcount(desk.shares), .open = desk.open};
    memcpy(out->to32, desk.to.bytes32, sizeof(out->to32));
    return STATUS_OK;
}

static enum status token_activation_give(const void *context, struct signer_activation *out,
                                         const struct signer_pin_share *share, struct fault *fault)
{
    (void)context;
    if ((desk.shares & 1U << share->index) != 0) {
        return fault_set(fault, STATUS_EXISTS, "gift", "share %u was given", share->index);
    }
    desk.shares |= 1U << share->index;
    *out = (struct signer_activation){.have = (unsigned)__builtin_popcount(desk.shares)};
    desk.open = out->have >= share->threshold;
    out->open = desk.open;
    return STATUS_OK;
}

/* No cipher: what it wraps for a context it unwraps for no other. */
static enum status token_wrap(const void *context, uint8_t out60[SIGNER_WRAPPED_LEN], const struct digest *key_id,
                              const uint8_t plain32[SIGNER_WRAPPING_LEN], const uint8_t context16[16],
                              struct fault *fault)
{
    (void)context;
    if (desk.token == TOKEN_GONE || key_on_token(key_id) == NULL) {
        return fault_set(fault, STATUS_TOKEN, "token", "gone");
    }
    memset(out60, 0x5a, SIGNER_WRAPPED_LEN);
    memcpy(out60 + 44, context16, 16);
    for (size_t i = 0; i < SIGNER_WRAPPING_LEN; i++) {
        out60[12 + i] = plain32[i] ^ 0xa5;
    }
    desk.wraps++;
    return STATUS_OK;
}

static enum status token_unwrap(const void *context, uint8_t out32[SIGNER_WRAPPING_LEN], const struct digest *key_id,
                                const uint8_t wrapped60[SIGNER_WRAPPED_LEN], const uint8_t context16[16],
                                struct fault *fault)
{
    (void)context;
    if (desk.token == TOKEN_GONE || key_on_token(key_id) == NULL || memcmp(wrapped60 + 44, context16, 16) != 0) {
        return fault_set(fault, STATUS_TOKEN, "token", "gone, or another context");
    }
    for (size_t i = 0; i < SIGNER_WRAPPING_LEN; i++) {
        out32[i] = wrapped60[12 + i] ^ 0xa5;
    }
    return STATUS_OK;
}

static const struct signer_tokens desk_tokens = {
    .find = token_find,
    .sign = token_sign,
    .states = token_states,
    .lacks = token_lacks,
    .losses = token_losses,
    .wrap = token_wrap,
    .unwrap = token_unwrap,
    .activation_open = token_activation_open,
    .activation_give = token_activation_give,
};

/* Starting and stopping */

enum status desk_restart(struct fault *fault)
{
    desk_stop();
    enum status status = guard_open(&desk.guard, desk.guard_path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct signer_config config = {.role = desk.world.role,
                                         .guard = desk.guard,
                                         .tokens = &desk_tokens,
                                         .clock = &desk_clock,
                                         .policy_path = desk.policy_path,
                                         .share_set_path = attended() ? desk.share_set_path : NULL,
                                         .accept_utc_us = desk.accept_utc_us};
    return signer_new(&desk.signer, &config, fault);
}

void desk_stop(void)
{
    signer_free(desk.signer);
    guard_close(desk.guard);
    desk.signer = NULL;
    desk.guard = NULL;
}

void desk_start(void)
{
    desk_start_as(ROLE_TRANSFER);
}

void desk_start_as(enum signer_role role)
{
    desk = (struct desk){.now_utc_us = DESK_START_UTC_US, .origin = SIGNER_KEY_BORN};
    test_folder_make(&desk.folder);
    (void)snprintf(desk.guard_path, sizeof(desk.guard_path), "%s/guard", desk.folder.path);
    (void)snprintf(desk.policy_path, sizeof(desk.policy_path), "%s/policy.json", desk.folder.path);
    world_init(&desk.world, role, NULL, desk.now_utc_us);
    world_write_signed(desk.policy_path, &desk.world.policy_signed);
    desk.keys[0] = desk.world.keys[role == ROLE_AUDIT ? LOG : SOFT];
    struct guard_state state;
    struct guard_policy first;
    world_guard_state(&state, &desk.world);
    world_guard_policy(&first, &desk.world);
    MUST(guard_create(desk.guard_path, &state, &desk.world.signer_key, &first, NULL));
    guard_policy_free(&first);
    MUST(desk_restart(NULL));
}

void desk_start_active(void)
{
    desk_start_active_as(ROLE_TRANSFER);
}

void desk_start_active_as(enum signer_role role)
{
    desk_start_as(role);
    const struct hand hand = hand_soft(desk.keys[0]);
    const struct key_document key = papers_key(&desk.world, &hand);
    struct papers papers;
    papers_make(&papers, &desk.world, &hand, &key);
    cr_assert(desk_admit(&papers) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_assert(desk_order(COMMAND_KEY_ACTIVATE, KEY_STATE_INACTIVE) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    papers_wipe(&papers);
}

void desk_finish(void)
{
    desk_stop();
    world_wipe(&desk.world);
    test_folder_remove(&desk.folder);
}

/* Asking */

enum status desk_ask_as(struct wire_reply *out, struct wire_request *request, unsigned permit, bool *out_goes_on)
{
    struct signer_session session = {.permit = permit, .greeted = true};
    struct bytes packet = {0};
    struct bytes answer = {0};
    request->id = 1;
    MUST(wire_request_encode(&packet, request, NULL));
    *out_goes_on = signer_handle(desk.signer, &answer, &session, packet.data, packet.len);
    MUST(wire_reply_decode(out, request->op, answer.data, answer.len, NULL));
    memcpy(desk_where, out->fault.where, sizeof(desk_where));
    memcpy(desk_detail, out->fault.detail, sizeof(desk_detail));
    bytes_free(&packet);
    bytes_free(&answer);
    return out->fault.status;
}

enum status desk_list(struct wire_destination_adopt_reply *out, const struct signed_document *document)
{
    struct wire_request request = {.op = WIRE_OP_DESTINATION_ADOPT, .destination_adopt = {.document = *document}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    if (status == STATUS_OK && out != NULL) {
        *out = reply.destination_adopt;
    }
    wire_reply_free(&reply);
    return status;
}

enum status desk_ask(struct wire_reply *out, struct wire_request *request)
{
    bool goes_on = false;
    if ((request->op == WIRE_OP_TRANSFER_SIGN || request->op == WIRE_OP_TRANSFER_ANNOUNCE) && !desk.lists_nothing) {
        (void)desk_list(NULL, &request->transfer.destination); /* what is refused there is refused here, too */
    }
    enum status status =
        desk_ask_as(out, request, SIGNER_PERMIT_STATUS | SIGNER_PERMIT_SIGN | SIGNER_PERMIT_KEYS, &goes_on);
    cr_assert(goes_on);
    return status;
}

enum status desk_admit(const struct papers *papers)
{
    struct wire_request request = {.op = WIRE_OP_KEY_ADMIT, .key_admit = papers_request(papers)};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

enum status desk_command(const struct signed_document *command)
{
    struct wire_request request = {.op = WIRE_OP_KEY_COMMAND, .key_order = {.order = *command}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

enum status desk_adopt(struct wire_policy_adopt_reply *out, const struct signed_document *document)
{
    struct wire_request request = {.op = WIRE_OP_POLICY_ADOPT, .policy_adopt = {.document = *document}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    if (status == STATUS_OK && out != NULL) {
        *out = reply.policy_adopt;
    }
    wire_reply_free(&reply);
    return status;
}

void desk_advance(void)
{
    struct signed_document next;
    world_policy_next(&next, &desk.world);
    cr_assert(desk_adopt(NULL, &next) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.now_utc_us += desk.world.policy.delay_s * DESK_SECOND_US;
    desk.world.now_utc_us = desk.now_utc_us;
    world_policy_advance(&desk.world, &next);
    signed_document_free(&next);
}

struct digest desk_key_id(void)
{
    struct digest id;
    public_key_id(&id, &desk.world.signer_key);
    return id;
}

int64_t desk_box_more_us;

enum status desk_order(enum command_action action, enum key_state from)
{
    const struct digest id = desk_key_id();
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, action, &id, from, desk_key().on);
    command.until += action == COMMAND_KEY_ACTIVATE ? desk_box_more_us : 0;
    bool alone = action == COMMAND_KEY_SUSPEND || action == COMMAND_KEY_DEACTIVATE;
    struct signed_document order;
    order_key_sign(&order, &desk.world, &command, ADA, alone ? WHO_COUNT : ALAN);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

enum status desk_alarm(void)
{
    struct wire_request request = {.op = WIRE_OP_KEY_ALARM,
                                   .key_alarm = {.key = desk_key_id(), .reason = name_of("smoke")}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

struct wire_key desk_key(void)
{
    const struct digest id = desk_key_id();
    struct wire_request request = {.op = WIRE_OP_KEY_LIST};
    struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK);
    for (size_t i = 0; i < reply.key_list.count; i++) {
        if (digest_equal(&reply.key_list.keys[i].key, &id)) {
            return reply.key_list.keys[i];
        }
    }
    cr_assert(false, "the founding key is not in the list");
    return (struct wire_key){.on = 0};
}

void desk_withdrawal(struct order *out, uint64_t lane, uint64_t seq)
{
    int64_t made_utc_us = desk.world.now_utc_us;
    desk.world.now_utc_us = desk.now_utc_us + desk.jumped_us;
    order_init(out, &desk.world, lane, seq);
    desk.world.now_utc_us = made_utc_us;
}

void desk_run_on(int64_t passed_us)
{
    desk.now_utc_us += passed_us;
    desk.jumped_us -= passed_us;
}

enum status desk_sign(uint64_t lane, uint64_t seq)
{
    struct order order;
    desk_withdrawal(&order, lane, seq);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    desk.world.promises = status == STATUS_OK ? reply.transfer.promises : desk.world.promises;
    wire_reply_free(&reply);
    order_wipe(&order);
    return status;
}
