/*
 * Versions of the policy: how one comes in, waits, takes force or is dropped.
 *
 * The delay counts from the arrival, by how long signers have run with this guard: setting the clock, also for a start,
 * lets nobody wait for less. One change at a time: the mutex is held until it is synced.
 */
#include "versions.h"

#include <sys/stat.h>

#include "base/canon.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "guard_record.h"
#include "keys.h"
#include "people.h"
#include "signer/policies.h"

#define SECOND_US 1000000LL
#define EARLY_MAX_US (60 * SECOND_US) /* how far ahead of the clock a version may say it was issued */

static void versions_lock(struct versions *versions)
{
    INVARIANT(pthread_mutex_lock(&versions->change) == 0);
}

static void versions_unlock(struct versions *versions)
{
    INVARIANT(pthread_mutex_unlock(&versions->change) == 0);
}

const struct policy *versions_in_force(const struct signer *signer)
{
    const struct policy_chain chain = versions_chain(signer);
    return policy_chain_in_force(&chain);
}

struct policy_chain versions_chain(const struct signer *signer)
{
    const struct versions *versions = &signer->versions;
    return (struct policy_chain){versions->list, atomic_load(&versions->count)};
}

/* With the mutex, or before any thread. */
static void version_append(struct versions *versions, const struct policy *policy, int64_t in_force_at)
{
    size_t count = atomic_load(&versions->count);
    versions->list[count] = (struct policy_chain_version){.policy = policy, .in_force_at = in_force_at};
    atomic_store(&versions->count, count + 1);
}

/* People it takes for the waiting version to come into force. */
static size_t signers_needed(const struct policy *in_force, const struct guard_policy *waiting)
{
    return in_force->governance.m + waiting->veto_count;
}

/* Whether there are not so many people, so that nobody has to wait for what cannot be. */
static bool hopeless(const struct policy *in_force, const struct guard_policy *waiting)
{
    return signers_needed(in_force, waiting) > in_force->groups[in_force->governance.group].member_count;
}

static void look_again(struct signer *signer)
{
    struct versions *versions = &signer->versions;
    uint64_t at = UINT64_MAX;
    if (versions->has_next && !versions->next.dropped) {
        at = hopeless(versions_in_force(signer), &versions->next) ? 0 : versions->next.due_running_us;
    }
    atomic_store(&versions->look_at_running_us, at);
}

static void policy_release(const struct policy *policy)
{
    struct policy *owned = (struct policy *)(uintptr_t)policy;
    if (owned != NULL) {
        policy_free(owned);
    }
    free(owned);
}

static void next_clear(struct versions *versions)
{
    guard_policy_free(&versions->next);
    policy_release(versions->next_policy);
    versions->next_policy = NULL;
    versions->has_next = false;
}

void versions_finish(struct signer *signer)
{
    struct versions *versions = &signer->versions;
    next_clear(versions);
    for (size_t i = 0; i < atomic_load(&versions->count); i++) {
        policy_release(versions->list[i].policy);
    }
    (void)pthread_mutex_destroy(&versions->change);
}

/* The start */

/* Out: on the heap, policy_release. */
static enum status version_open(const struct signer *signer, struct policy **out,
                                const struct signed_document *document, struct fault *fault)
{
    struct policy *policy = calloc(1, sizeof(*policy));
    const struct policy *before = versions_in_force(signer);
    if (policy == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "opening a version");
    }
    enum status status =
        before == NULL ? policy_open_first(policy, document, fault) : policy_open_next(policy, document, before, fault);
    if (status != STATUS_OK) {
        free(policy);
        return status;
    }
    policy->memory = signer->memory;
    *out = policy; /* transferred */
    return STATUS_OK;
}

static enum status kept_open(const struct signer *signer, struct policy **out, const struct guard_policy *kept,
                             struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = guard_policy_paper(&document, kept, &inner);
    if (status == STATUS_OK) {
        status = version_open(signer, out, &document, &inner);
        signed_document_free(&document);
    }
    return status == STATUS_OK ? status : role_part_fault(fault, "guard.policy", status, &inner);
}

static enum status version_load(struct signer *signer, int64_t version, struct fault *fault)
{
    struct guard_policy kept;
    struct policy *policy = NULL;
    enum status status = guard_policy_read(signer->guard, &kept, version, fault);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "guard", "it has no version %lld of the policy", (long long)version);
    }
    status = kept_open(signer, &policy, &kept, fault);
    if (status == STATUS_OK) {
        version_append(&signer->versions, policy, kept.in_force_utc_us);
    }
    guard_policy_free(&kept);
    return status;
}

static enum status next_load(struct signer *signer, int64_t version, struct fault *fault)
{
    struct versions *versions = &signer->versions;
    enum status status = guard_policy_read(signer->guard, &versions->next, version, fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = kept_open(signer, &versions->next_policy, &versions->next, fault);
        versions->has_next = status == STATUS_OK;
    }
    look_again(signer);
    return status;
}

/* Whoever may write files must not skip the delay, so the file says nothing that the guard does not know. */
static enum status file_check(const struct signer *signer, const char *path, struct fault *fault)
{
    struct stat there;
    struct policy policy = {0};
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode)) {
        return fault_set(fault, STATUS_INVALID, "policy",
                         "%s is a folder; name the file of the first version, later ones come by policy.adopt", path);
    }
    enum status status = signer_policies_open(&policy, path, &signer->identity.policy_first, fault);
    if (status == STATUS_OK && (!digest_equal(&policy.chain, &signer->identity.chain) ||
                                !name_equal(&policy.environment, &signer->identity.environment))) {
        status = fault_set(fault, STATUS_MISMATCH, "policy", "it rules another chain or environment");
    }
    policy_free(&policy);
    return status;
}

enum status versions_start(struct signer *signer, const char *path, struct fault *fault)
{
    const struct guard_state *state = &signer->identity;
    INVARIANT(path != NULL && pthread_mutex_init(&signer->versions.change, NULL) == 0);
    atomic_store(&signer->versions.look_at_running_us, UINT64_MAX);
    enum status status = file_check(signer, path, fault);
    if (status == STATUS_OK && (state->policy_version < 1 || state->policy_version > VERSIONS_MAX)) {
        status =
            fault_set(fault, STATUS_CORRUPT, "guard", "version %lld of the policy", (long long)state->policy_version);
    }
    for (int64_t version = 1; version <= state->policy_version && status == STATUS_OK; version++) {
        status = version_load(signer, version, fault);
    }
    if (status == STATUS_OK && !digest_equal(&versions_in_force(signer)->digest, &state->policy)) {
        status = fault_set(fault, STATUS_CORRUPT, "guard", "the version in force is another");
    }
    return status == STATUS_OK ? next_load(signer, state->policy_version + 1, fault) : status;
}

/* Changes, with the mutex */

struct change {
    const struct guard_policy *record;
    struct digest digest; /* of the version; of a veto, of the order */
    int64_t now_utc_us;
    const struct signer *signer;
    const struct command *veto; /* NULL: none */
};

static struct change change_of(const struct signer *signer, const struct guard_policy *record,
                               const struct digest *digest)
{
    return (struct change){.record = record, .digest = *digest, .now_utc_us = keys_now(signer), .signer = signer};
}

static void change_time(struct guard_txn *txn, const struct change *change)
{
    keys_time_raise(txn, change->now_utc_us);
    keys_running_raise(change->signer, txn);
}

/* STATUS_NOT_FOUND unless it was dropped. Nothing is written. */
static enum status dropped_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct guard_record dropped;
    guard_record_digest(&dropped, 'x', context);
    enum status status = guard_txn_get(txn, &dropped, fault);
    return status != STATUS_OK ? status
                               : fault_set(fault, STATUS_DENIED, "", "it was dropped, and never comes into force");
}

static enum status adopt_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct change *change = context;
    change_time(txn, change);
    return guard_txn_policy_write(txn, change->record, fault);
}

static enum status enter_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct change *change = context;
    change_time(txn, change);
    txn->state.policy = change->digest;
    txn->state.policy_version = change->record->version;
    return guard_txn_policy_write(txn, change->record, fault);
}

static enum status drop_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct change *change = context;
    struct guard_record dropped;
    guard_record_digest(&dropped, 'x', &change->digest);
    guard_number_write(dropped.value, (uint64_t)change->record->version);
    dropped.value_len = 8;
    change_time(txn, change);
    enum status status = guard_txn_put(txn, &dropped, fault);
    return status == STATUS_OK ? guard_txn_policy_write(txn, change->record, fault) : status;
}

static enum status veto_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct change *change = context;
    enum status status = nonce_unused(txn, &change->veto->nonce, &change->digest, fault);
    if (status != STATUS_OK) {
        return status;
    }
    change_time(txn, change);
    status = nonce_write(txn, &change->veto->nonce, &change->digest, fault);
    return status == STATUS_OK ? guard_txn_policy_write(txn, change->record, fault) : status;
}

static void version_log(const char *event, const struct guard_policy *policy, const struct digest *digest)
{
    char number[24];
    char hex[DIGEST_HEX_LEN + 1];
    char at[TIME_TEXT_SIZE];
    (void)snprintf(number, sizeof(number), "%lld", (long long)policy->version);
    digest_format(hex, digest);
    time_format(at, policy->in_force_utc_us);
    log_event(LOG_LEVEL_WARNING, event, "version", number, "policy", hex, "in_force_at", at, NULL);
}

/* Taking force */

static enum status next_enter(struct signer *signer, struct fault *fault)
{
    struct versions *versions = &signer->versions;
    struct change change = change_of(signer, &versions->next, &versions->next_policy->digest);
    versions->next.in_force_utc_us = change.now_utc_us;
    CRASHPOINT("policy.due");
    enum status status = guard_commit(signer->guard, enter_apply, &change, fault);
    if (status == STATUS_OK) {
        CRASHPOINT("policy.entered");
        version_log("policy.in_force", &versions->next, &change.digest);
        version_append(versions, versions->next_policy, versions->next.in_force_utc_us); /* transferred */
        versions->next_policy = NULL;
        next_clear(versions);
    }
    return status;
}

static enum status next_drop(struct signer *signer, struct fault *fault)
{
    struct versions *versions = &signer->versions;
    struct change change = change_of(signer, &versions->next, &versions->next_policy->digest);
    versions->next.dropped = true;
    enum status status = guard_commit(signer->guard, drop_apply, &change, fault);
    versions->next.dropped = status == STATUS_OK;
    if (status == STATUS_OK) {
        version_log("policy.dropped", &versions->next, &change.digest);
    }
    return status;
}

static enum status next_decide(struct signer *signer, struct fault *fault)
{
    struct versions *versions = &signer->versions;
    if (keys_running(signer) < atomic_load(&versions->look_at_running_us)) { /* another thread has decided */
        return STATUS_OK;
    }
    bool enough = (size_t)versions->next.signers >= signers_needed(versions_in_force(signer), &versions->next);
    enum status status = enough ? next_enter(signer, fault) : next_drop(signer, fault);
    look_again(signer);
    return status == STATUS_HALTED ? STATUS_OK : status; /* what asks next is told so */
}

enum status versions_settle(struct signer *signer, struct fault *fault)
{
    uint64_t look_at = atomic_load(&signer->versions.look_at_running_us);
    if (keys_running(signer) < look_at) {
        return STATUS_OK;
    }
    struct guard_state state;
    guard_read(signer->guard, &state);
    if (state.halted) {
        return STATUS_OK;
    }
    versions_lock(&signer->versions);
    enum status status = next_decide(signer, fault);
    versions_unlock(&signer->versions);
    return status;
}

void versions_estimate(struct signer *signer)
{
    struct guard_policy *next = &signer->versions.next;
    uint64_t running_us = keys_running(signer);
    uint64_t left_us = next->due_running_us > running_us ? next->due_running_us - running_us : 0;
    next->in_force_utc_us = next->dropped ? next->in_force_utc_us : keys_now(signer) + (int64_t)left_us;
}

/* Coming in */

static enum status version_count(const struct signer *signer, int64_t *out, const struct signed_document *document,
                                 int64_t at_utc_us, struct fault *fault)
{
    unsigned signers = 0;
    const struct policy *in_force = versions_in_force(signer);
    enum status status = policy_count_governance(in_force, &signers, document, POLICY_KIND, at_utc_us, fault);
    status = status == STATUS_OK ? people_count_quorum(signer, &signers, document, at_utc_us, fault) : status;
    if (status == STATUS_OK) {
        *out = signers;
    }
    return status;
}

static enum status document_keep(struct bytes *out, const struct signed_document *document, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = signed_document_encode(&object, document, fault);
    if (status == STATUS_OK) {
        status = canon_emit(out, object, GUARD_POLICY_MAX, fault);
        json_decref(object);
    }
    return status;
}

/* A first version of this number. */
static enum status next_new(struct signer *signer, const struct signed_document *document, int64_t now_utc_us,
                            struct fault *fault)
{
    struct versions *versions = &signer->versions;
    const struct policy *in_force = versions_in_force(signer);
    struct policy *policy = NULL;
    struct guard_policy record = {.version = in_force->version + 1, .received_utc_us = now_utc_us};
    record.in_force_utc_us = now_utc_us + in_force->delay_s * SECOND_US;
    record.due_running_us = keys_running(signer) + (uint64_t)(in_force->delay_s * SECOND_US);
    if (atomic_load(&versions->count) == VERSIONS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "version", "a guard holds %d versions", VERSIONS_MAX);
    }
    enum status status = version_open(signer, &policy, document, fault);
    if (status == STATUS_OK && policy->issued_at > now_utc_us + EARLY_MAX_US) {
        status = fault_set(fault, STATUS_NOT_READY, "issued_at", "more than 60 s ahead of the signer's clock");
    }
    status = status == STATUS_OK ? version_count(signer, &record.signers, document, now_utc_us, fault) : status;
    status = status == STATUS_OK ? document_keep(&record.document, document, fault) : status;
    if (status == STATUS_OK) {
        struct change change = {
            .record = &record, .digest = policy->digest, .now_utc_us = now_utc_us, .signer = signer};
        CRASHPOINT("policy.checked");
        status = guard_commit(signer->guard, adopt_apply, &change, fault);
    }
    if (status != STATUS_OK) {
        policy_release(policy);
        guard_policy_free(&record);
        return status;
    }
    next_clear(versions); /* one that was dropped */
    versions->next = record;
    versions->next_policy = policy; /* both transferred */
    versions->has_next = true;
    look_again(signer);
    version_log("policy.waiting", &versions->next, &policy->digest);
    CRASHPOINT("policy.remembered");
    return STATUS_OK;
}

/* More signatures for what waits; fewer or the same take nothing away. */
static enum status next_sign(struct signer *signer, const struct signed_document *document, int64_t now_utc_us,
                             struct fault *fault)
{
    struct versions *versions = &signer->versions;
    struct guard_policy record = versions->next;
    struct change change = change_of(signer, &record, &versions->next_policy->digest);
    record.document = (struct bytes){0};
    enum status status = version_count(signer, &record.signers, document, now_utc_us, fault);
    if (status != STATUS_OK || record.signers <= versions->next.signers) {
        return status;
    }
    status = document_keep(&record.document, document, fault);
    status = status == STATUS_OK ? guard_commit(signer->guard, adopt_apply, &change, fault) : status;
    if (status != STATUS_OK) {
        bytes_free(&record.document);
        return status;
    }
    bytes_free(&versions->next.document);
    versions->next = record; /* transferred */
    return STATUS_OK;
}

static enum status next_take(struct signer *signer, const struct signed_document *document, const struct digest *digest,
                             int64_t now_utc_us, struct fault *fault)
{
    const struct versions *versions = &signer->versions;
    bool waits = versions->has_next && !versions->next.dropped;
    if (!waits) { /* what was dropped is not even opened: that takes long, and anybody may ask for it again and again */
        struct digest asked = *digest;
        enum status status = guard_commit(signer->guard, dropped_apply, &asked, fault);
        if (status == STATUS_NOT_FOUND) {
            fault_clear(fault);
            status = next_new(signer, document, now_utc_us, fault);
        }
        return status;
    }
    if (!digest_equal(digest, &versions->next_policy->digest)) {
        return fault_set(fault, STATUS_CONFLICT, "version", "another version %lld waits",
                         (long long)versions->next.version);
    }
    return next_sign(signer, document, now_utc_us, fault);
}

static void adopt_answer(struct wire_policy_adopt_reply *out, const struct policy *policy, int64_t in_force_at)
{
    *out = (struct wire_policy_adopt_reply){
        .in_force_at = in_force_at, .policy = policy->digest, .policy_version = policy->version};
}

static bool adopted_before(const struct signer *signer, struct wire_policy_adopt_reply *out,
                           const struct digest *digest)
{
    const struct policy_chain chain = versions_chain(signer);
    for (size_t i = chain.count; i > 0; i--) {
        if (digest_equal(&chain.versions[i - 1].policy->digest, digest)) {
            adopt_answer(out, chain.versions[i - 1].policy, chain.versions[i - 1].in_force_at);
            return true;
        }
    }
    return false;
}

enum status policy_adopt(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                         struct fault *fault)
{
    struct versions *versions = &signer->versions;
    const struct signed_document *document = &request->policy_adopt.document;
    struct digest digest;
    struct fault inner = {0};
    int64_t now = 0;
    digest_document(&digest, POLICY_KIND, document->document.data, document->document.len);
    enum status status = keys_time(signer, &now, fault);
    if (status != STATUS_OK) {
        return status;
    }
    versions_lock(versions);
    if (!adopted_before(signer, &reply->policy_adopt, &digest)) {
        status = next_take(signer, document, &digest, now, &inner);
        if (status == STATUS_OK) {
            adopt_answer(&reply->policy_adopt, versions->next_policy, versions->next.in_force_utc_us);
        }
    }
    versions_unlock(versions);
    return status == STATUS_OK ? status : role_part_fault(fault, "document", status, &inner);
}

/* Speaking against one */

static enum status veto_check(const struct versions *versions, const struct command *command,
                              const struct person *person, struct fault *fault)
{
    const struct guard_policy *next = &versions->next;
    if (!versions->has_next || next->dropped || !digest_equal(&command->subject, &versions->next_policy->digest)) {
        return fault_set(fault, STATUS_NOT_FOUND, "command.subject", "no such version of the policy waits");
    }
    for (size_t i = 0; i < next->veto_count; i++) {
        if (name_equal(&next->vetoes[i], &person->id)) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, "command", "%s has spoken against it", person->id.text);
        }
    }
    return next->veto_count < GUARD_VETOES_MAX
               ? STATUS_OK
               : fault_set(fault, STATUS_TOO_LARGE, "command", "at most %d vetoes", GUARD_VETOES_MAX);
}

static enum status veto_take(struct signer *signer, struct change *change, const struct person *person,
                             struct fault *fault)
{
    struct versions *versions = &signer->versions;
    enum status status = veto_check(versions, change->veto, person, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct guard_policy record = versions->next; /* the document is borrowed */
    record.vetoes[record.veto_count++] = person->id;
    change->record = &record;
    status = guard_commit(signer->guard, veto_apply, change, fault);
    if (status == STATUS_OK) {
        versions->next = record;
        look_again(signer);
        version_log("policy.vetoed", &versions->next, &versions->next_policy->digest);
    }
    return status;
}

enum status policy_veto(struct signer *signer, struct wire_reply *reply, const struct policy_veto_order *order,
                        struct fault *fault)
{
    struct versions *versions = &signer->versions;
    struct change change = change_of(signer, NULL, order->digest);
    const struct person *person = policy_find_key(NULL, versions_in_force(signer), order->signer);
    change.veto = order->command;
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "command", "the policy changed meanwhile");
    }
    versions_lock(versions);
    enum status status = veto_take(signer, &change, person, fault);
    size_t vetoes = versions->next.veto_count;
    versions_unlock(versions);
    status = status == STATUS_OK ? versions_settle(signer, fault) : status;
    if (status == STATUS_OK) {
        versions_lock(versions);
        bool dropped = versions->has_next && versions->next.dropped;
        versions_unlock(versions);
        reply->key_state.on = vetoes;
        (void)snprintf(reply->key_state.state, sizeof(reply->key_state.state), "%s", dropped ? "dropped" : "waiting");
    }
    return status;
}

/* Telling */

void versions_tell(struct signer *signer, struct wire_status_reply *out)
{
    struct versions *versions = &signer->versions;
    versions_lock(versions);
    const struct policy_chain chain = versions_chain(signer);
    const struct policy *in_force = policy_chain_in_force(&chain);
    out->policy = in_force->digest;
    out->policy_version = in_force->version;
    out->policy_in_force_at = chain.versions[chain.count - 1].in_force_at;
    out->has_next = versions->has_next;
    if (versions->has_next) {
        const struct guard_policy *next = &versions->next;
        out->next = (struct wire_policy_next){.policy = versions->next_policy->digest,
                                              .policy_version = next->version,
                                              .dropped = next->dropped,
                                              .received_at = next->received_utc_us,
                                              .in_force_at = next->in_force_utc_us,
                                              .signers = next->signers,
                                              .need = (int64_t)signers_needed(in_force, next),
                                              .veto_count = next->veto_count};
        _Static_assert(GUARD_VETOES_MAX == WIRE_VETOES_MAX, "what is kept is told");
        memcpy(out->next.vetoes, next->vetoes, sizeof(next->vetoes));
    }
    versions_unlock(versions);
}
