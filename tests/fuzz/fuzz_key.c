/*
 * The decoders of key documents, attestations and commands under a fuzzer. For any bytes: nothing is read out of
 * bounds, nothing leaks, what one of them accepts is written again as the very same bytes, and no bytes are documents
 * of two kinds. What is accepted keeps the floors: a key for transfers has a backup, none lives longer than three
 * years.
 */
#include "policy/attestation.h"
#include "round_trip.h"

static void look_key_document(const struct key_document *key)
{
    INVARIANT((key->purpose == ROLE_TRANSFER) == (key->tier != TIER_SYSTEM));
    INVARIANT(key->purpose != ROLE_TRANSFER || key->backup != KEY_BACKUP_NONE);
    INVARIANT((key->backup == KEY_BACKUP_WRAPPED) != digest_is_zero(&key->backup_document));
    INVARIANT(key->custodian_count >= KEY_CUSTODIANS_MIN && key->custodian_count <= KEY_CUSTODIANS_MAX);
    INVARIANT(key->emergency_count <= KEY_EMERGENCY_MAX);
    INVARIANT(key->valid_until > key->valid_from && key->retain_until >= key->valid_until);
    INVARIANT(key->valid_until - key->valid_from <= KEY_CRYPTOPERIOD_MAX_US);
    INVARIANT(key->box_signatures >= 1 && key->box_seconds >= KEY_BOX_SECONDS_MIN);
    INVARIANT(key_document_valid(key, key->valid_from) && !key_document_valid(key, key->valid_until));
    for (size_t i = 0; i < key->emergency_count; i++) {
        INVARIANT(key_document_emergency(key, &key->emergency[i]));
    }
}

static void look_attestation(const struct attestation *attestation)
{
    INVARIANT(key_state_attests(attestation->state));
}

static void look_command(const struct command *command)
{
    enum key_action action;
    enum key_state next;
    bool everywhere = command->action == COMMAND_POLICY_VETO || command->action == COMMAND_LOG_ROTATE ||
                      command->action == COMMAND_LOG_FORK || command->action == COMMAND_PERSON_SUSPEND ||
                      command->action == COMMAND_PERSON_RESUME; /* they are for every role and have none */
    INVARIANT(command_action_text(command->action) != NULL);
    INVARIANT((signer_role_text(command->role) == NULL) == everywhere);
    if (command->action == COMMAND_GUARD_INITIALISE) {
        return;
    }
    INVARIANT(command->expires_at > command->issued_at);
    INVARIANT(command->expires_at - command->issued_at <= COMMAND_LIFETIME_MAX_US);
    struct freeze_target target;
    bool freezes = command->action == COMMAND_FREEZE || command->action == COMMAND_THAW;
    INVARIANT(!freezes || freeze_target_parse(&target, freeze_scope_text(command->target.scope),
                                              command->target.subject, NULL) == STATUS_OK);
    if (command->from != 0 && command_key_action(&action, command->action) == STATUS_OK) {
        INVARIANT(key_state_next(&next, command->from, action, NULL) == STATUS_OK);
    }
}

ROUND_TRIP(attestation, look_attestation)
ROUND_TRIP(command, look_command)
ROUND_TRIP(key_document, look_key_document)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int kinds = attestation_round_trip(data, size);
    kinds += command_round_trip(data, size);
    kinds += key_document_round_trip(data, size);
    INVARIANT(kinds <= 1);
    return 0;
}
