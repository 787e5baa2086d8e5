/*
 * The entries `withdrawal.signing` and `withdrawal.announced`: written by custodyd from a checked withdrawal, held
 * against one by the signer. Both sides stand here so that they cannot drift apart.
 */
#include "policy/signing_entry.h"

#include "base/canon.h"

#define OBJECT_TYPE "withdrawal"
#define REFERENCE_COUNT 5 /* those below and the approvals */

/* The single references of the entry. */
static const struct {
    const char *name;
    size_t offset; /* of the digest in struct withdrawal */
} references[REFERENCE_COUNT - 1] = {
    {"destination", offsetof(struct withdrawal, destination_digest)},
    {"intent", offsetof(struct withdrawal, intent_digest)},
    {"policy", offsetof(struct withdrawal, policy)},
    {"transaction", offsetof(struct withdrawal, transaction_id)},
};

static const struct digest *reference(const struct withdrawal *withdrawal, size_t index)
{
    return (const void *)((const uint8_t *)withdrawal + references[index].offset);
}

/* The facts of the entry. */
struct facts {
    struct amount amount;
    struct digest asset;
    char destination[ADDRESS_TEXT_SIZE];
    uint64_t promises;
    struct name wallet;
};

static const struct canon_field fact_fields[] = {
    CANON_FIELD(struct facts, amount, CANON_AMOUNT),    CANON_FIELD(struct facts, asset, CANON_HASH),
    CANON_FIELD(struct facts, destination, CANON_TEXT), CANON_FIELD(struct facts, promises, CANON_COUNTER),
    CANON_FIELD(struct facts, wallet, CANON_NAME),
};

#define FACT_COUNT (sizeof(fact_fields) / sizeof(fact_fields[0]))

static struct facts facts_of(const struct withdrawal *withdrawal, uint64_t promises)
{
    const struct intent *intent = &withdrawal->intent;
    struct facts facts = {
        .amount = intent->amount, .asset = intent->asset, .promises = promises, .wallet = intent->wallet};
    address_format(facts.destination, &intent->destination);
    return facts;
}

static enum status facts_fill(struct audit_event *event, const struct withdrawal *withdrawal, uint64_t promises,
                              struct fault *fault)
{
    const struct facts facts = facts_of(withdrawal, promises);
    json_t *object = NULL;
    json_t *value = NULL;
    const char *name = NULL;
    enum status status = canon_encode(&object, &facts, fact_fields, FACT_COUNT, fault);
    json_object_foreach(object, name, value)
    {
        status = status == STATUS_OK ? audit_event_fact_add(event, name, json_string_value(value), fault) : status;
    }
    json_decref(object);
    return status;
}

enum status policy_signing_entry_fill(struct audit_event *event, enum audit_action action,
                                      const struct withdrawal *withdrawal, uint64_t promises, struct fault *fault)
{
    event->action = action;
    event->outcome = AUDIT_OUTCOME_INTENT;
    event->policy = withdrawal->in_force;
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", OBJECT_TYPE);
    uuid_format(event->object_id, &withdrawal->intent.withdrawal);
    enum status status = facts_fill(event, withdrawal, promises, fault);
    for (size_t i = 0; i < REFERENCE_COUNT - 1 && status == STATUS_OK; i++) {
        status = audit_event_ref_add(event, references[i].name, reference(withdrawal, i), fault);
    }
    if (status == STATUS_OK) {
        status =
            audit_event_refs_add(event, "approvals", withdrawal->approval_digests, withdrawal->approval_count, fault);
    }
    return status;
}

static enum status check_approvals(const struct withdrawal *withdrawal, const struct audit_event *event,
                                   struct fault *fault)
{
    struct digest digests[WITHDRAWAL_APPROVALS_MAX];
    size_t count = WITHDRAWAL_APPROVALS_MAX;
    enum status status = audit_event_refs(digests, &count, event, "approvals");
    if (status != STATUS_OK || count != withdrawal->approval_count ||
        !json_is_array(json_object_get(event->refs, "approvals"))) {
        return fault_set(fault, STATUS_MISMATCH, "leaf.refs.approvals", "not the approvals handed over");
    }
    for (size_t i = 0; i < count; i++) {
        if (!digest_equal(&digests[i], &withdrawal->approval_digests[i])) {
            return fault_set(fault, STATUS_MISMATCH, "leaf.refs.approvals",
                             "not the approvals handed over, or not in ascending order");
        }
    }
    return STATUS_OK;
}

/*
 * The version that was in force when the entry was made: one from that of the intent to the one in force by now, since
 * the policy may have changed between the entry and the signature.
 */
static enum status check_policy(const struct withdrawal *withdrawal, const struct audit_event *event,
                                struct fault *fault)
{
    bool good =
        digest_equal(&event->policy, &withdrawal->policy) || digest_equal(&event->policy, &withdrawal->in_force);
    const struct policy *named =
        withdrawal->chain == NULL ? NULL : policy_chain_find(withdrawal->chain, &event->policy);
    good = good || (named != NULL && named->version > withdrawal->intent.policy_version);
    return good ? STATUS_OK
                : fault_set(fault, STATUS_MISMATCH, "leaf.policy", "not a policy in force since the intent was made");
}

static enum status check_references(const struct withdrawal *withdrawal, const struct audit_event *event,
                                    struct fault *fault)
{
    for (size_t i = 0; i < REFERENCE_COUNT - 1; i++) {
        struct digest named;
        enum status status = audit_event_ref(&named, event, references[i].name);
        if (status != STATUS_OK || !digest_equal(&named, reference(withdrawal, i))) {
            char where[64];
            (void)snprintf(where, sizeof(where), "leaf.refs.%s", references[i].name);
            return fault_set(fault, STATUS_MISMATCH, where, "not the document handed over");
        }
    }
    if (json_object_size(event->refs) != REFERENCE_COUNT) {
        return fault_set(fault, STATUS_MISMATCH, "leaf.refs", "names more than the documents handed over");
    }
    return check_approvals(withdrawal, event, fault);
}

static enum status check_facts(uint64_t *out_promises, const struct withdrawal *withdrawal,
                               const struct audit_event *event, struct fault *fault)
{
    struct facts said;
    const struct facts facts = facts_of(withdrawal, 0);
    if (event->facts == NULL ||
        canon_decode(&said, sizeof(said), event->facts, fact_fields, FACT_COUNT, "", NULL) != STATUS_OK) {
        return fault_set(fault, STATUS_MISMATCH, "leaf.facts",
                         "not amount, asset, destination, promises and wallet, each once, and no others");
    }
    const struct {
        const char *where;
        bool same;
    } terms[] = {
        {"leaf.facts.amount", amount_compare(said.amount, facts.amount) == 0},
        {"leaf.facts.asset", digest_equal(&said.asset, &facts.asset)},
        {"leaf.facts.destination", strcmp(said.destination, facts.destination) == 0},
        {"leaf.facts.wallet", name_equal(&said.wallet, &facts.wallet)},
    };
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
        if (!terms[i].same) {
            return fault_set(fault, STATUS_MISMATCH, terms[i].where, "not that of the intent");
        }
    }
    *out_promises = said.promises;
    return STATUS_OK;
}

enum status policy_check_signing_entry(uint64_t *out_promises, enum audit_action action,
                                       const struct withdrawal *withdrawal, const struct audit_event *event,
                                       struct fault *fault)
{
    if (event->action != action) {
        return fault_set(fault, STATUS_MISMATCH, "leaf.act", "not %s", audit_action_text(action));
    }
    if (event->outcome != AUDIT_OUTCOME_INTENT) {
        return fault_set(fault, STATUS_MISMATCH, "leaf.outcome", "not intent");
    }
    char withdrawal_id[UUID_TEXT_SIZE];
    uuid_format(withdrawal_id, &withdrawal->intent.withdrawal);
    if (strcmp(event->object_type, OBJECT_TYPE) != 0 || strcmp(event->object_id, withdrawal_id) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "leaf.oid", "about another object than this withdrawal");
    }
    enum status status = check_policy(withdrawal, event, fault);
    status = status == STATUS_OK ? check_references(withdrawal, event, fault) : status;
    return status == STATUS_OK ? check_facts(out_promises, withdrawal, event, fault) : status;
}
