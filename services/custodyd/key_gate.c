/*
 * The gate before work that needs the key of a wallet. It spares people approvals in vain; it protects nothing.
 */
#include "key_gate.h"

#include "key_board.h"

#define LOOK_TIMEOUT_MS 1000

enum status key_gate_check(struct service *service, const struct wallet *wallet, const struct digest *asset,
                           struct fault *fault)
{
    struct key_board_entry entry;
    struct wire_freeze freeze;
    if (key_board_frozen(&freeze, service->board, &wallet->id, asset)) {
        return fault_set(fault, STATUS_KEY_INACTIVE, strcmp(freeze.scope, "asset") == 0 ? "asset" : "wallet",
                         "%s is frozen (%s, %s); the governance quorum thaws it", freeze.scope, freeze.cause,
                         freeze.reason.text);
    }
    if (key_board_find(&entry, service->board, &wallet->key_id) != STATUS_OK || entry.state == KEY_STATE_ACTIVE) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_KEY_INACTIVE, "wallet", "the key of the wallet %s is %s (%s)", wallet->id.text,
                     entry.key.state, entry.key.cause);
}

enum status key_gate_check_sweep(struct service *service, const struct wallet *wallet, struct fault *fault)
{
    struct key_board_entry entry;
    if (key_board_find(&entry, service->board, &wallet->key_id) == STATUS_OK &&
        (entry.state == KEY_STATE_SUSPENDED || entry.state == KEY_STATE_RETAINED ||
         entry.state == KEY_STATE_COMPROMISED)) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_CONFLICT, "sweep", "the key of the wallet %s is not out of service",
                     wallet->id.text);
}

bool key_gate_is_swept(struct service *service, const struct wallet *wallet, const struct digest *asset)
{
    struct key_board_entry entry;
    struct wire_freeze freeze;
    return key_board_find(&entry, service->board, &wallet->key_id) == STATUS_OK &&
           (entry.state == KEY_STATE_COMPROMISED ||
            (entry.state == KEY_STATE_RETAINED && !key_board_frozen(&freeze, service->board, &wallet->id, asset)));
}

void key_gate_look(struct service *service, const struct wallet *wallet, const struct digest *asset)
{
    struct fault fault = {0};
    if (key_gate_check(service, wallet, asset, NULL) != STATUS_OK) {
        (void)!key_board_look(service->board, service->signers[WIRE_ROLE_TRANSFER], WIRE_ROLE_TRANSFER, LOOK_TIMEOUT_MS,
                              &fault);
    }
}

bool key_gate_is_shut(struct service *service, const struct wallet *wallet)
{
    struct key_board_entry entry;
    return key_board_find(&entry, service->board, &wallet->key_id) == STATUS_OK &&
           (entry.state == KEY_STATE_RETAINED || entry.state == KEY_STATE_COMPROMISED ||
            entry.state == KEY_STATE_DESTROYED);
}
