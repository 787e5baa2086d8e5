/*
 * Requests as they reach the signer, and replies as they reach its clients. What decodes must encode again to the same
 * bytes: there is one spelling of each message.
 */
#include <stdint.h>

#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct bytes *encoded, const uint8_t *data, size_t size)
{
    INVARIANT(encoded->len == size && memcmp(encoded->data, data, size) == 0);
}

static void as_request(const uint8_t *data, size_t size)
{
    struct wire_request request;
    struct bytes again = {0};
    struct fault fault = {0};
    if (wire_request_decode(&request, data, size, &fault) != STATUS_OK) {
        INVARIANT(fault.status != STATUS_OK);
        return;
    }
    INVARIANT(wire_request_encode(&again, &request, NULL) == STATUS_OK);
    same_again(&again, data, size);
    bytes_free(&again);
    wire_request_free(&request);
}

static void as_reply(enum wire_op op, const uint8_t *data, size_t size)
{
    struct wire_reply reply;
    struct bytes again = {0};
    struct fault fault = {0};
    if (wire_reply_decode(&reply, op, data, size, &fault) != STATUS_OK) {
        INVARIANT(fault.status != STATUS_OK);
        return;
    }
    /* An unknown code of a refusal becomes "internal": only successes are spelled the same again. */
    if (reply.fault.status == STATUS_OK) {
        INVARIANT(wire_reply_encode(&again, &reply, NULL) == STATUS_OK);
        same_again(&again, data, size);
        bytes_free(&again);
    }
    wire_reply_free(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_request(data, size);
    for (enum wire_op op = WIRE_OP_HELLO; op <= WIRE_OP_SUBJECT_OPEN; op++) {
        as_reply(op, data, size);
    }
    return 0;
}
