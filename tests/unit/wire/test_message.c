/*
 * Every message survives encoding and decoding; a packet that is not exactly a message is refused where it is wrong.
 */
#include "wire/message.h"

#include <criterion/criterion.h>

#include "test/test_key.h"

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)

static struct bytes bytes_of(const char *text)
{
    struct bytes bytes = {0};
    MUST(bytes_copy(&bytes, text, strlen(text)));
    return bytes;
}

static struct signed_document signed_of(const char *text, const struct test_key *key)
{
    struct signed_document document = {.document = bytes_of(text)};
    test_key_sign_document(&document, "approval", key);
    return document;
}

static void expect_packet(const struct bytes *packet, const char *text)
{
    cr_expect(packet->len == strlen(text) && memcmp(packet->data, text, packet->len) == 0, "%s", packet->data);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

Test(wire_message, plain_requests_are_these_bytes)
{
    const struct wire_request hello = {.op = WIRE_OP_HELLO, .id = 1, .hello = {.protocol = 1}};
    const struct wire_request status = {.op = WIRE_OP_STATUS, .id = 2};
    struct bytes packet = {0};
    MUST(wire_request_encode(&packet, &hello, NULL));
    expect_packet(&packet, "{\"id\":1,\"op\":\"hello\",\"protocol\":1}");
    bytes_free(&packet);
    MUST(wire_request_encode(&packet, &status, NULL));
    expect_packet(&packet, "{\"id\":2,\"op\":\"status\"}");
    bytes_free(&packet);
}

Test(wire_message, a_transfer_request_comes_through)
{
    struct test_key *key = test_key_new(ALGORITHM_P256);
    struct signed_document approvals[] = {signed_of("{\"a\":1}", key), signed_of("{\"b\":\"\\\"\\\\\"}", key)};
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN,
                                   .id = 77,
                                   .transfer = {.approvals = approvals,
                                                .approval_count = 2,
                                                .destination = signed_of("{\"c\":1}", key),
                                                .intent = bytes_of("{\"d\":\"x\"}"),
                                                .leaf = bytes_of("leaf\n"),
                                                .proof = bytes_of("proof\n"),
                                                .ends = 9}};
    struct bytes packet = {0};
    struct wire_request read;
    MUST(wire_request_encode(&packet, &request, NULL));
    MUST(wire_request_decode(&read, packet.data, packet.len, NULL));
    cr_assert(read.op == WIRE_OP_TRANSFER_SIGN && read.id == 77 && read.transfer.approval_count == 2);
    for (size_t i = 0; i < 2; i++) {
        cr_expect(same(&read.transfer.approvals[i].document, &approvals[i].document));
        cr_expect(read.transfer.approvals[i].signature_count == 1);
        signed_document_free(&approvals[i]);
    }
    cr_expect(same(&read.transfer.destination.document, &request.transfer.destination.document));
    cr_expect(same(&read.transfer.intent, &request.transfer.intent));
    cr_expect(same(&read.transfer.leaf, &request.transfer.leaf));
    cr_expect(same(&read.transfer.proof, &request.transfer.proof));
    cr_expect(read.transfer.ends == 9);
    wire_request_free(&read);
    bytes_free(&packet);
    signed_document_free(&request.transfer.destination);
    bytes_free(&request.transfer.intent);
    bytes_free(&request.transfer.leaf);
    bytes_free(&request.transfer.proof);
    test_key_free(key);
}

Test(wire_message, a_checkpoint_request_comes_through_with_a_full_proof)
{
    struct wire_request request = {.op = WIRE_OP_CHECKPOINT_SIGN, .id = 3};
    request.checkpoint.note = bytes_of("origin\n1\nroot\n");
    request.checkpoint.old = INT64_MAX;
    request.checkpoint.proof_count = WIRE_PROOF_MAX;
    for (size_t i = 0; i < WIRE_PROOF_MAX; i++) {
        memset(request.checkpoint.proof[i].bytes32, (int)i + 1, 32);
    }
    struct bytes packet = {0};
    struct wire_request read;
    MUST(wire_request_encode(&packet, &request, NULL));
    MUST(wire_request_decode(&read, packet.data, packet.len, NULL));
    cr_expect(read.checkpoint.old == INT64_MAX && read.checkpoint.proof_count == WIRE_PROOF_MAX);
    cr_expect(memcmp(read.checkpoint.proof, request.checkpoint.proof, sizeof(read.checkpoint.proof)) == 0);
    cr_expect(same(&read.checkpoint.note, &request.checkpoint.note));
    wire_request_free(&read);
    bytes_free(&packet);
    request.checkpoint.proof_count = WIRE_PROOF_MAX + 1;
    cr_expect(wire_request_encode(&packet, &request, NULL) == STATUS_TOO_LARGE);
    bytes_free(&request.checkpoint.note);
}

/* The documents of a request about keys, in the order of the protocol's text. */
Test(wire_message, requests_about_keys_come_through)
{
    struct test_key *key = test_key_new(ALGORITHM_P256);
    struct signed_document papers[] = {signed_of("{\"a\":1}", key), signed_of("{\"b\":1}", key),
                                       signed_of("{\"c\":1}", key), signed_of("{\"d\":1}", key)};
    struct bytes transcript = bytes_of("{\"t\":1}");
    struct digest digest;
    digest_sha256(&digest, "x", 1);
    const struct wire_request requests[] = {
        {.op = WIRE_OP_KEY_LIST, .id = 1, .key_list = {.after = digest}},
        {.op = WIRE_OP_KEY_ADMIT,
         .id = 2,
         .key_admit = {.command = papers[0],
                       .document = papers[1],
                       .ceremony = transcript,
                       .backup = papers[2],
                       .restore = papers[3]}},
        {.op = WIRE_OP_KEY_ADMIT,
         .id = 3,
         .key_admit = {.command = papers[0], .document = papers[1], .ceremony = transcript}},
        {.op = WIRE_OP_KEY_COMMAND, .id = 4, .key_order = {.order = papers[0]}},
        {.op = WIRE_OP_KEY_ATTEST, .id = 5, .key_attest = {.key = digest, .challenge = digest}},
        {.op = WIRE_OP_KEY_PROVE, .id = 6, .key_order = {.order = papers[0]}},
        {.op = WIRE_OP_KEY_ALARM, .id = 7, .key_alarm = {.key = digest, .reason = {.text = "smoke"}}},
        {.op = WIRE_OP_FREEZE_ALARM,
         .id = 10,
         .freeze_alarm = {.scope = "wallet", .subject = "hot", .reason = {.text = "smoke"}}},
        {.op = WIRE_OP_FREEZE_ALARM, .id = 11, .freeze_alarm = {.scope = "everything", .reason = {.text = "smoke"}}},
        {.op = WIRE_OP_ACTIVATION_OPEN, .id = 8},
        {.op = WIRE_OP_ACTIVATION_GIVE, .id = 9, .activation_give = {.gift = papers[0], .occasion = papers[1]}},
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct bytes packet = {0};
        struct bytes again = {0};
        struct wire_request read;
        struct fault fault = {0};
        MUST(wire_request_encode(&packet, &requests[i], NULL));
        enum status status = wire_request_decode(&read, packet.data, packet.len, &fault);
        cr_assert(status == STATUS_OK, "%s: %s: %s", packet.data, fault.where, fault.detail);
        cr_expect(read.op == requests[i].op && read.id == requests[i].id);
        MUST(wire_request_encode(&again, &read, NULL));
        cr_expect(same(&packet, &again), "%s", again.data);
        wire_request_free(&read);
        bytes_free(&packet);
        bytes_free(&again);
    }
    for (size_t i = 0; i < 4; i++) {
        signed_document_free(&papers[i]);
    }
    bytes_free(&transcript);
    test_key_free(key);
}

static void expect_reply_through(const struct wire_reply *reply, struct wire_reply *out);

Test(wire_message, replies_about_keys_come_through)
{
    static struct wire_reply reply;
    static struct wire_reply read;
    reply = (struct wire_reply){.op = WIRE_OP_KEY_LIST, .id = 1, .key_list = {.more = true, .count = WIRE_KEYS_MAX}};
    for (size_t i = 0; i < WIRE_KEYS_MAX; i++) {
        reply.key_list.keys[i] = (struct wire_key){.alg = ALGORITHM_P256,
                                                   .state = "compromised",
                                                   .cause = "bad-signature",
                                                   .on = INT64_MAX,
                                                   .since = 1,
                                                   .box_signatures = INT64_MAX};
        digest_sha256(&reply.key_list.keys[i].key, &i, sizeof(i));
    }
    expect_reply_through(&reply, &read);
    cr_expect(read.key_list.more && read.key_list.count == WIRE_KEYS_MAX);

    reply = (struct wire_reply){.op = WIRE_OP_KEY_COMMAND, .id = 2, .key_state = {.state = "active", .on = 2}};
    expect_reply_through(&reply, &read);
    cr_expect(read.key_state.on == 2);
    cr_expect_str_eq(read.key_state.state, "active");

    reply = (struct wire_reply){.op = WIRE_OP_ACTIVATION_OPEN, .id = 3, .activation = {.have = 1, .threshold = 2}};
    memset(reply.activation.to32, 7, sizeof(reply.activation.to32));
    expect_reply_through(&reply, &read);
    cr_expect(read.activation.have == 1 && read.activation.threshold == 2 && read.activation.to32[31] == 7);

    reply = (struct wire_reply){
        .op = WIRE_OP_ACTIVATION_GIVE, .id = 4, .activation = {.have = 2, .threshold = 2, .open = true}};
    expect_reply_through(&reply, &read);
    cr_expect(read.activation.have == 2 && read.activation.threshold == 2 && read.activation.open);

    struct test_key *key = test_key_new(ALGORITHM_P256);
    reply = (struct wire_reply){
        .op = WIRE_OP_KEY_ATTEST, .id = 5, .key_attest = {.attestation = signed_of("{\"a\":1}", key)}};
    expect_reply_through(&reply, &read);
    cr_expect(same(&read.key_attest.attestation.document, &reply.key_attest.attestation.document));
    wire_reply_free(&read);
    wire_reply_free(&reply);
    test_key_free(key);
}

Test(wire_message, a_request_that_does_not_fit_is_not_made)
{
    struct bytes large = {0};
    struct buffer buffer;
    buffer_init(&buffer);
    for (int i = 0; i < WIRE_MESSAGE_MAX; i++) {
        buffer_append_text(&buffer, "x");
    }
    MUST(buffer_finish(&large, &buffer));
    struct wire_request request = {.op = WIRE_OP_HEADER_SIGN, .id = 3, .header = {.header = large}};
    struct bytes packet = {0};
    struct fault fault = {0};
    cr_expect(wire_request_encode(&packet, &request, &fault) != STATUS_OK);
    cr_expect(packet.data == NULL);
    bytes_free(&large);
}

/* A policy is larger than any other message; everything else keeps its limit. */
Test(wire_message, only_a_policy_is_large)
{
    static char text[WIRE_POLICY_MAX];
    struct bytes packet = {0};
    struct wire_request read;
    struct fault fault = {0};
    const size_t len = 200000;
    memset(text, 'x', len);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + len - 2, "\"}", 2);
    struct wire_request request = {.op = WIRE_OP_POLICY_ADOPT, .id = 3};
    MUST(bytes_copy(&request.policy_adopt.document.document, text, len));
    MUST(wire_request_encode(&packet, &request, NULL));
    cr_expect(wire_packet_fits(packet.data, packet.len));
    MUST(wire_request_decode(&read, packet.data, packet.len, NULL));
    cr_expect(read.policy_adopt.document.document.len == len);
    wire_request_free(&read);
    packet.data[packet.len - 4] ^= 1;
    cr_expect(!wire_packet_fits(packet.data, packet.len));
    cr_expect(wire_request_decode(&read, packet.data, packet.len, &fault) == STATUS_TOO_LARGE);
    cr_expect(!wire_packet_fits(packet.data, WIRE_MESSAGE_MAX + 1) && wire_packet_fits(packet.data, WIRE_MESSAGE_MAX));
    bytes_free(&packet);
    wire_request_free(&request);
}

Test(wire_message, what_waits_comes_through)
{
    static struct wire_reply reply;
    static struct wire_reply read;
    reply = (struct wire_reply){.op = WIRE_OP_STATUS, .id = 1};
    struct wire_status_reply *status = &reply.status;
    status->role = WIRE_ROLE_AUDIT;
    status->token_count = 1;
    status->policy_version = 4;
    status->policy_in_force_at = 5000000;
    status->has_next = true;
    status->next = (struct wire_policy_next){.policy_version = 5,
                                             .in_force_at = 7,
                                             .received_at = 6,
                                             .signers = 2,
                                             .need = 66,
                                             .veto_count = WIRE_VETOES_MAX};
    for (size_t i = 0; i < WIRE_VETOES_MAX; i++) {
        (void)snprintf(status->next.vetoes[i].text, sizeof(status->next.vetoes[i].text), "person-%zu", i);
    }
    (void)snprintf(status->tokens[0].label, sizeof(status->tokens[0].label), "a");
    expect_reply_through(&reply, &read);
    cr_expect(read.status.policy_version == 4 && read.status.policy_in_force_at == 5000000 && read.status.has_next);
    const struct wire_policy_next *next = &read.status.next;
    cr_expect(next->policy_version == 5 && next->in_force_at == 7 && next->received_at == 6 && !next->dropped);
    cr_expect(next->signers == 2 && next->need == 66 && next->veto_count == WIRE_VETOES_MAX);
    cr_expect_str_eq(next->vetoes[WIRE_VETOES_MAX - 1].text, "person-63");
    status->next.dropped = true;
    expect_reply_through(&reply, &read);
    cr_expect(read.status.next.dropped);
    status->has_next = false;
    expect_reply_through(&reply, &read);
    cr_expect(!read.status.has_next);
}

static void expect_reply_through(const struct wire_reply *reply, struct wire_reply *out)
{
    struct bytes packet = {0};
    struct fault fault = {0};
    MUST(wire_reply_encode(&packet, reply, NULL));
    enum status status = wire_reply_decode(out, reply->op, packet.data, packet.len, &fault);
    cr_assert(status == STATUS_OK, "%s: %s: %s", packet.data, fault.where, fault.detail);
    cr_expect(out->id == reply->id && out->fault.status == reply->fault.status);
    struct bytes again = {0};
    MUST(wire_reply_encode(&again, out, NULL));
    cr_expect(same(&packet, &again), "%s", again.data);
    bytes_free(&again);
    bytes_free(&packet);
}

Test(wire_message, replies_come_through)
{
    struct test_key *key = test_key_new(ALGORITHM_ED25519);
    struct wire_reply read;
    struct wire_reply hello = {.op = WIRE_OP_HELLO, .id = 1};
    hello.hello = (struct wire_hello_reply){.protocol = 1, .role = WIRE_ROLE_AUDIT, .key = *test_key_public(key)};
    expect_reply_through(&hello, &read);
    cr_expect(read.hello.role == WIRE_ROLE_AUDIT && public_key_equal(&read.hello.key, test_key_public(key)));

    struct wire_reply transfer = {.op = WIRE_OP_TRANSFER_SIGN, .id = 2};
    transfer.transfer =
        (struct wire_transfer_reply){.short_code = "ABCD-EFGH", .transaction = bytes_of("{\"a\":1}"), .promises = 12};
    test_key_sign(&transfer.transfer.signature, key, "transaction", "{}", 2);
    expect_reply_through(&transfer, &read);
    cr_expect_str_eq(read.transfer.short_code, "ABCD-EFGH");
    cr_expect(read.transfer.promises == 12);
    cr_expect(same(&read.transfer.transaction, &transfer.transfer.transaction));
    cr_expect(memcmp(read.transfer.signature.bytes64, transfer.transfer.signature.bytes64, SIGNATURE_LEN) == 0);
    wire_reply_free(&read);
    wire_reply_free(&transfer);

    struct wire_reply checkpoint = {.op = WIRE_OP_CHECKPOINT_SIGN, .id = 3};
    memset(checkpoint.checkpoint.signatures[0], 7, SIGNATURE_LEN);
    checkpoint.checkpoint.count = 1;
    expect_reply_through(&checkpoint, &read);
    cr_expect(read.checkpoint.count == 1 && read.checkpoint.signatures[0][63] == 7);
    test_key_free(key);
}

Test(wire_message, what_is_said_about_a_withdrawal_comes_through)
{
    struct wire_reply read;
    struct wire_reply announce = {.op = WIRE_OP_TRANSFER_ANNOUNCE, .id = 2, .announce = {.sign_at = 77, .due = false}};
    expect_reply_through(&announce, &read);
    cr_expect(read.announce.sign_at == 77 && !read.announce.due);
    announce.announce.due = true;
    expect_reply_through(&announce, &read);
    cr_expect(read.announce.due);

    struct wire_reply usage = {.op = WIRE_OP_TRANSFER_USAGE, .id = 3, .usage = {.count = WIRE_USAGES_MAX}};
    for (size_t i = 0; i < usage.usage.count; i++) {
        usage.usage.limits[i] = (struct wire_usage){.rule = {"small"}, .per = "wallet", .index = (int64_t)i};
    }
    usage.usage.limits[1].sum = amount_from_u64(9);
    usage.usage.limits[1].used_count = 4;
    usage.usage.limits[1].free_at = 5;
    expect_reply_through(&usage, &read);
    cr_expect(read.usage.count == WIRE_USAGES_MAX && read.usage.limits[63].index == 63);
    cr_expect(read.usage.limits[0].free_at == 0 && amount_is_zero(read.usage.limits[0].sum));
    cr_expect(read.usage.limits[1].free_at == 5 && read.usage.limits[1].used_count == 4);
    cr_expect(amount_compare(read.usage.limits[1].sum, amount_from_u64(9)) == 0);

    struct wire_reply recall = {.op = WIRE_OP_TRANSFER_RECALL, .id = 4, .recall = {.promised = false}};
    expect_reply_through(&recall, &read);
    cr_expect(!read.recall.promised);
    recall.recall = (struct wire_recall_reply){.promised = true, .transaction = {{9}}};
    expect_reply_through(&recall, &read);
    cr_expect(read.recall.promised && read.recall.transaction.bytes32[0] == 9);

    struct wire_reply end = {.op = WIRE_OP_TRANSFER_END, .id = 5, .recall = {.ends = 11}};
    expect_reply_through(&end, &read);
    cr_expect(read.recall.ends == 11);
    end.recall.ends = 0; /* of a signer that does not tell it */
    expect_reply_through(&end, &read);
    cr_expect(read.recall.ends == 0);
}

Test(wire_message, the_status_of_every_role_comes_through)
{
    for (enum wire_role role = WIRE_ROLE_TRANSFER; role <= WIRE_ROLE_PRIVACY; role++) {
        struct wire_reply reply = {.op = WIRE_OP_STATUS, .id = 9};
        struct wire_reply read;
        reply.status = (struct wire_status_reply){
            .role = role,
            .instance = {{7}},
            .program = {{8}},
            .configuration = {{9}},
            .ready = true,
            .token_count = 2,
            .tokens = {{.label = "first", .serial = "1", .state = WIRE_TOKEN_DOWN, .reason = "no answer in 1000 ms"},
                       {.label = "second", .serial = "2", .state = WIRE_TOKEN_SERVING}}};
        expect_reply_through(&reply, &read);
        cr_expect(read.status.token_count == 2);
        cr_expect(read.status.instance.bytes32[0] == 7 && read.status.program.bytes32[0] == 8 &&
                  read.status.configuration.bytes32[0] == 9);
        cr_expect(read.status.tokens[0].state == WIRE_TOKEN_DOWN && read.status.tokens[1].state == WIRE_TOKEN_SERVING);
        cr_expect(read.status.role == role && read.status.ready && read.status.reason[0] == '\0');
        reply.status.ready = false;
        (void)snprintf(reply.status.reason, sizeof(reply.status.reason), "halted");
        expect_reply_through(&reply, &read);
        cr_expect(!read.status.ready);
        cr_expect_str_eq(read.status.reason, "halted");
    }
}

/* The longest status there can be fits into a packet. */
Test(wire_message, the_freezes_come_through)
{
    static struct wire_reply reply;
    static struct wire_reply read;
    reply = (struct wire_reply){.op = WIRE_OP_STATUS, .id = 9};
    reply.status = (struct wire_status_reply){.role = WIRE_ROLE_TRANSFER,
                                              .token_count = 1,
                                              .tokens = {{.label = "first", .serial = "1"}},
                                              .freeze_count = WIRE_FREEZES_MAX};
    for (size_t i = 0; i < WIRE_FREEZES_MAX; i++) {
        struct wire_freeze *freeze = &reply.status.freezes[i];
        *freeze = (struct wire_freeze){
            .scope = "everything", .cause = "command", .frozen = i % 2 == 0, .on = INT64_MAX, .since = 1};
        memset(freeze->subject, 'a', sizeof(freeze->subject) - 1);
        memset(freeze->reason.text, 'r', sizeof(freeze->reason.text) - 1);
    }
    reply.status.freezes[1].subject[0] = '\0';
    expect_reply_through(&reply, &read);
    cr_expect(read.status.freeze_count == WIRE_FREEZES_MAX);
    for (size_t i = 0; i < WIRE_FREEZES_MAX; i++) {
        const struct wire_freeze *freeze = &read.status.freezes[i];
        cr_expect(freeze->frozen == (i % 2 == 0) && freeze->on == INT64_MAX && freeze->since == 1);
        cr_expect_str_eq(freeze->subject, i == 1 ? "" : reply.status.freezes[0].subject);
        cr_expect_str_eq(freeze->reason.text, reply.status.freezes[0].reason.text);
    }
}

/* Everybody of the policy, beside the longest list of freezes: the longest status of all. */
Test(wire_message, the_suspended_come_through)
{
    static const enum wire_role roles[] = {WIRE_ROLE_TRANSFER, WIRE_ROLE_AUDIT, WIRE_ROLE_VALIDATOR};
    static struct wire_reply reply;
    static struct wire_reply read;
    for (size_t role = 0; role < 3; role++) {
        reply = (struct wire_reply){.op = WIRE_OP_STATUS, .id = 9};
        reply.status = (struct wire_status_reply){.role = roles[role],
                                                  .token_count = 1,
                                                  .tokens = {{.label = "first", .serial = "1"}},
                                                  .freeze_count = role == 0 ? WIRE_FREEZES_MAX : 0,
                                                  .suspended_count = WIRE_SUSPENDED_MAX};
        for (size_t i = 0; i < reply.status.freeze_count; i++) {
            struct wire_freeze *freeze = &reply.status.freezes[i];
            *freeze = (struct wire_freeze){.scope = "everything", .cause = "command", .on = INT64_MAX, .since = 1};
            memset(freeze->subject, 'a', sizeof(freeze->subject) - 1);
            memset(freeze->reason.text, 'r', sizeof(freeze->reason.text) - 1);
        }
        for (size_t i = 0; i < WIRE_SUSPENDED_MAX; i++) {
            struct wire_suspended *row = &reply.status.suspended[i];
            memset(row->person.text, 'p', sizeof(row->person.text) - 1);
            row->on = INT64_MAX - i;
        }
        expect_reply_through(&reply, &read);
        cr_expect(read.status.suspended_count == WIRE_SUSPENDED_MAX);
        for (size_t i = 0; i < WIRE_SUSPENDED_MAX; i++) {
            cr_expect(name_equal(&read.status.suspended[i].person, &reply.status.suspended[i].person));
            cr_expect(read.status.suspended[i].on == INT64_MAX - i);
        }
    }
}

Test(wire_message, a_refusal_comes_through_whole)
{
    struct wire_reply reply = {.op = WIRE_OP_TRANSFER_SIGN, .id = 5};
    struct wire_reply read;
    (void)fault_set(&reply.fault, STATUS_QUORUM_MISSING, "policy", "one of %d", 2);
    expect_reply_through(&reply, &read);
    cr_expect_str_eq(read.fault.where, "policy");
    cr_expect_str_eq(read.fault.detail, "one of 2");
    cr_expect(read.promised == WIRE_PROMISED_UNKNOWN);
    for (reply.promised = WIRE_PROMISED_NEVER; reply.promised <= WIRE_PROMISED_OTHER; reply.promised++) {
        expect_reply_through(&reply, &read);
        cr_expect(read.promised == reply.promised);
    }
}

/* What is said of the past is one of the words, and of a transfer alone. */
Test(wire_message, a_refusal_says_of_the_past_only_what_it_may)
{
    static const struct {
        enum wire_op op;
        const char *word;
        enum status status;
    } rows[] = {
        {WIRE_OP_TRANSFER_SIGN, "this", STATUS_OK},    {WIRE_OP_TRANSFER_SIGN, "ever", STATUS_INVALID},
        {WIRE_OP_TRANSFER_SIGN, "", STATUS_INVALID},   {WIRE_OP_HEADER_SIGN, "never", STATUS_INVALID},
        {WIRE_OP_KEY_COMMAND, "this", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire_reply read;
        char packet[128];
        int len =
            snprintf(packet, sizeof(packet),
                     "{\"detail\":\"\",\"id\":1,\"ok\":false,\"promised\":\"%s\",\"status\":\"denied\",\"where\":\"\"}",
                     rows[i].word);
        enum status status = wire_reply_decode(&read, rows[i].op, packet, (size_t)len, NULL);
        cr_expect(status == rows[i].status, "%s: %s", packet, status_info(status)->code);
    }
}

/* What stands in for the reply to a checkpoint request is refused. */
Test(wire_message, replies_that_are_none_are_refused)
{
    static const struct {
        const char *packet;
        enum status status;
    } rows[] = {
        {"{\"id\":1,\"ok\":true}", STATUS_MISSING_FIELD},
        {"{\"id\":1,\"ok\":true,\"signature\":\"AAAA\"}", STATUS_INVALID},
        {"{\"detail\":\"\",\"id\":1,\"ok\":false,\"status\":\"ok\",\"where\":\"\"}", STATUS_INVALID},
        {"{\"detail\":\"\",\"id\":1,\"ok\":false,\"status\":\"denied\"}", STATUS_MISSING_FIELD},
        {"{\"detail\":\"\",\"id\":1,\"more\":1,\"ok\":false,\"status\":\"denied\",\"where\":\"\"}",
         STATUS_UNKNOWN_FIELD},
        {"{}", STATUS_MISSING_FIELD},
        {"[]", STATUS_NOT_CANONICAL},
        {"", STATUS_NOT_CANONICAL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct wire_reply read;
        enum status status =
            wire_reply_decode(&read, WIRE_OP_CHECKPOINT_SIGN, rows[i].packet, strlen(rows[i].packet), NULL);
        cr_expect(status == rows[i].status, "%s: %s", rows[i].packet, status_info(status)->code);
    }
}

/* An unknown code of a newer peer is still a refusal. */
Test(wire_message, a_refusal_with_an_unknown_code_is_a_refusal)
{
    static const char packet[] = "{\"detail\":\"\",\"id\":1,\"ok\":false,\"status\":\"of_tomorrow\",\"where\":\"\"}";
    struct wire_reply read;
    MUST(wire_reply_decode(&read, WIRE_OP_STATUS, packet, sizeof(packet) - 1, NULL));
    cr_expect(read.fault.status == STATUS_INTERNAL);
}

Test(wire_message, a_refused_request_keeps_its_address)
{
    static const char packet[] = "{\"header\":7,\"id\":41,\"op\":\"header.sign\"}";
    struct wire_request request;
    struct fault fault = {0};
    cr_expect(wire_request_decode(&request, packet, sizeof(packet) - 1, &fault) == STATUS_INVALID);
    cr_expect(request.id == 41 && request.op == WIRE_OP_HEADER_SIGN);
    cr_expect_str_eq(fault.where, "header");
}

Test(wire_message, one_bad_approval_is_named)
{
    static const char packet[] =
        "{\"approvals\":[{\"document\":\"{}\",\"signatures\":[]},{\"document\":\"{\",\"signatures\":[]}],"
        "\"destination\":{\"document\":\"{}\",\"signatures\":[]},\"id\":1,\"intent\":\"{}\",\"leaf\":\"\","
        "\"op\":\"transfer.sign\",\"proof\":\"\"}";
    struct wire_request request;
    struct fault fault = {0};
    cr_expect(wire_request_decode(&request, packet, sizeof(packet) - 1, &fault) != STATUS_OK);
    cr_expect(strstr(fault.where, "approvals[1]") == fault.where, "%s", fault.where);
}
