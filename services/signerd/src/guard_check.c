/*
 * The walk through a guard before it is trusted.
 *
 * LMDB believes what its pages say, so a garbled page may make it read anywhere. The walk therefore takes place in a
 * child process: if that crashes, the guard is corrupt and the signer is still there to say so. Beyond the checksum of
 * each record, the records must agree: keys are counted without a gap and the first is the founding one, a key that was
 * admitted has its papers (the document it names, and the backup that this names), freezes, people and versions of the
 * policy are counted without a gap, the first version and the one in force are those of the state, the sequences of a
 * lane are exactly 0 to next-1, each has its withdrawal, there is no withdrawal without its sequence, there are as many
 * withdrawals and intents as promises, and the history has those that it has not forgotten. So a lost one is found too.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/canon.h"
#include "guard_record.h"
#include "policy/backup.h"
#include "policy/key.h"

#define WALK_MAX_S 600 /* and as long again as the file needs on a slow disk */
#define WALK_BYTES_EACH_S (8ULL << 20)

struct walk {
    MDB_txn *txn;
    MDB_dbi dbi;
    uint64_t next_sum;
    uint64_t keys;
    uint64_t papers;          /* key documents */
    uint64_t documents_named; /* by keys */
    uint64_t backups;
    uint64_t backups_named; /* by key documents */
    struct digest founding; /* key 0 */
    uint64_t sequences;
    uint64_t withdrawals;
    uint64_t intents;
    uint64_t denied;
    uint64_t ended;
    uint64_t history;
    uint64_t history_us; /* of the promise walked last */
    uint64_t freezes;
    uint64_t people;
    uint64_t policies; /* versions */
    uint64_t destinations;
    uint64_t revoked;
    uint64_t superseded;
    uint64_t subjects;
    uint64_t slots; /* their sum: with one slot for each, they are 0 to subjects - 1 */
    uint64_t erased;
    bool state_seen;
    struct guard_state state;
    struct fault *fault;
};

static enum status corrupt(struct walk *walk, const char *what)
{
    return fault_set(walk->fault, STATUS_CORRUPT, "guard", "%s", what);
}

/* The value of a record that must be there. */
static enum status lookup(struct walk *walk, struct guard_record *record)
{
    MDB_val key = {record->key_len, record->key};
    MDB_val sealed;
    if (mdb_get(walk->txn, walk->dbi, &key, &sealed) != 0) {
        return corrupt(walk, "a record is missing");
    }
    const uint8_t *value = NULL;
    enum status status = guard_unseal(&value, &record->value_len, &key, &sealed, walk->fault);
    if (status == STATUS_OK && record->value_len > sizeof(record->value)) {
        return corrupt(walk, "a record of impossible size");
    }
    if (status == STATUS_OK) {
        memcpy(record->value, value, record->value_len);
    }
    return status;
}

static enum status check_state(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    if (key->mv_size != 1) {
        return corrupt(walk, "a record of unknown kind");
    }
    walk->state_seen = true;
    return guard_state_decode(&walk->state, value, len, walk->fault);
}

static uint64_t number_at(const MDB_val *key, size_t offset)
{
    return guard_number_read((const uint8_t *)key->mv_data + offset);
}

/* In the order of their places, since keys sort as numbers do. */
static enum status check_key(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_key read;
    if (key->mv_size != 9 || number_at(key, 1) != walk->keys || walk->keys == GUARD_KEYS_MAX) {
        return corrupt(walk, "a key is missing");
    }
    enum status status = guard_key_decode(&read, value, len, walk->fault);
    if (status == STATUS_OK && walk->keys == 0) {
        walk->founding = read.key;
    }
    walk->keys++;
    walk->documents_named += status == STATUS_OK && !digest_is_zero(&read.document);
    return status;
}

/* The value of the record of this letter of a key, which must be there, borrowed. */
static enum status key_value(struct walk *walk, const uint8_t **out, size_t *out_len, char letter, uint64_t index)
{
    struct guard_record record;
    guard_record_paper(&record, letter, index);
    MDB_val key = {record.key_len, record.key};
    MDB_val sealed;
    if (mdb_get(walk->txn, walk->dbi, &key, &sealed) != 0) {
        return corrupt(walk, letter == 'k' ? "a key is missing" : "the backup of a key is missing");
    }
    return guard_unseal(out, out_len, &key, &sealed, walk->fault);
}

/* The key that a paper belongs to. */
static enum status key_lookup(struct walk *walk, struct guard_key *out, uint64_t index)
{
    const uint8_t *value = NULL;
    size_t len = 0;
    enum status status = key_value(walk, &value, &len, 'k', index);
    return status == STATUS_OK ? guard_key_decode(out, value, len, walk->fault) : status;
}

static enum status signed_read(struct walk *walk, struct signed_document *out, const uint8_t *value, size_t len)
{
    enum status status = signed_document_parse(out, value, len, "", NULL);
    return status == STATUS_OK ? status : corrupt(walk, "a paper of a key is no signed document");
}

/* The backup that a key document names. */
static enum status backup_lookup(struct walk *walk, const struct key_document *document, uint64_t index)
{
    const uint8_t *value = NULL;
    size_t len = 0;
    struct digest digest;
    struct signed_document paper = {0};
    if (document->backup != KEY_BACKUP_WRAPPED) {
        return STATUS_OK;
    }
    enum status status = key_value(walk, &value, &len, 'b', index);
    status = status == STATUS_OK ? signed_read(walk, &paper, value, len) : status;
    if (status != STATUS_OK) {
        return status;
    }
    backup_digest(&digest, paper.document.data, paper.document.len);
    signed_document_free(&paper);
    walk->backups_named++;
    return digest_equal(&digest, &document->backup_document) ? STATUS_OK
                                                             : corrupt(walk, "a key document and its backup differ");
}

/* The document that its key names, and of that key. */
static enum status document_agrees(struct walk *walk, const struct signed_document *paper, uint64_t index)
{
    struct guard_key owner;
    struct digest digest;
    struct key_document document;
    enum status status = key_lookup(walk, &owner, index);
    if (status != STATUS_OK) {
        return status;
    }
    key_document_digest(&digest, paper->document.data, paper->document.len);
    if (!digest_equal(&digest, &owner.document) ||
        key_document_decode(&document, paper->document.data, paper->document.len, NULL) != STATUS_OK ||
        !digest_equal(&document.key_id, &owner.key)) {
        return corrupt(walk, "a key and its document differ");
    }
    return backup_lookup(walk, &document, index);
}

static enum status check_document(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct signed_document paper = {0};
    enum status status =
        key->mv_size == 9 ? signed_read(walk, &paper, value, len) : corrupt(walk, "a document of impossible size");
    if (status == STATUS_OK) {
        walk->papers++;
        status = document_agrees(walk, &paper, number_at(key, 1));
        signed_document_free(&paper);
    }
    return status;
}

/* What it says is looked at with its key document; here it is counted, so that there is none without one. */
static enum status check_backup(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    (void)len;
    walk->backups++;
    return key->mv_size == 9 ? STATUS_OK : corrupt(walk, "a backup of impossible size");
}

/* In the order of their places. */
static enum status check_freeze(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_freeze freeze;
    if (key->mv_size != 9 || number_at(key, 1) != walk->freezes || walk->freezes == GUARD_FREEZES_MAX) {
        return corrupt(walk, "a freeze is missing");
    }
    walk->freezes++;
    return guard_freeze_decode(&freeze, value, len, walk->fault);
}

/* Likewise. */
static enum status check_person(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_person person;
    if (key->mv_size != 9 || number_at(key, 1) != walk->people || walk->people == GUARD_PEOPLE_MAX) {
        return corrupt(walk, "a person is missing");
    }
    walk->people++;
    return guard_person_decode(&person, value, len, walk->fault);
}

/* In the order of their numbers. The state comes before them. One may wait. */
static enum status check_policy(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_policy policy;
    struct digest digest;
    struct signed_document paper = {0};
    uint64_t in_force = (uint64_t)walk->state.policy_version;
    if (key->mv_size != 9 || number_at(key, 1) != walk->policies + 1 || walk->policies > in_force) {
        return corrupt(walk, "a version of the policy is missing");
    }
    enum status status = guard_policy_decode(&policy, value, len, walk->fault);
    if (status != STATUS_OK) {
        return status;
    }
    walk->policies++;
    status = guard_policy_paper(&paper, &policy, NULL);
    guard_policy_free(&policy);
    if (status != STATUS_OK) {
        return corrupt(walk, "a version of the policy is no signed document");
    }
    digest_document(&digest, POLICY_KIND, paper.document.data, paper.document.len);
    signed_document_free(&paper);
    bool good = (walk->policies != 1 || digest_equal(&digest, &walk->state.policy_first)) &&
                (walk->policies != in_force || digest_equal(&digest, &walk->state.policy));
    return good ? STATUS_OK : corrupt(walk, "a version of the policy is another");
}

static enum status check_dropped(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    return key->mv_size == 33 && len == 8 ? STATUS_OK : corrupt(walk, "a dropped version of impossible size");
}

static enum status check_nonce(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    return key->mv_size == 17 && (len == 32 || len == 40) ? STATUS_OK : corrupt(walk, "a nonce of impossible size");
}

static enum status check_point(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    if (key->mv_size != 41 || len != 32) {
        return corrupt(walk, "an r of impossible size");
    }
    return number_at(key, 1) < walk->keys ? STATUS_OK : corrupt(walk, "an r of no key");
}

/* The state comes before them. Found by its ends, or another one is, because it was revoked. */
static enum status check_destination(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_destination entry;
    struct account_id account;
    struct guard_record ends;
    struct guard_record revoked;
    if (key->mv_size != 33 || guard_destination_decode(&entry, value, len) != STATUS_OK ||
        entry.due_running_us > walk->state.cooled_us) {
        return corrupt(walk, "the record of a destination is none");
    }
    walk->destinations++;
    memcpy(account.digest.bytes32, (const uint8_t *)key->mv_data + 1, 32);
    guard_record_ends(&ends, &account);
    enum status status = lookup(walk, &ends);
    if (status == STATUS_OK && memcmp(ends.value, account.digest.bytes32, 32) != 0) {
        guard_record_digest(&revoked, 'o', &entry.digest);
        status = lookup(walk, &revoked);
    }
    return status;
}

static enum status check_ends(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct account_id account;
    struct guard_record entry;
    struct guard_record ends;
    if (key->mv_size != ADDRESS_ENDS_SIZE || len != 32) {
        return corrupt(walk, "the ends of an address of impossible size");
    }
    memcpy(account.digest.bytes32, value, 32);
    guard_record_ends(&ends, &account);
    guard_record_digest(&entry, 't', &account.digest);
    return memcmp(ends.key, key->mv_data, key->mv_size) == 0 ? lookup(walk, &entry)
                                                             : corrupt(walk, "the ends of an address are another's");
}

static enum status check_revoked(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    walk->revoked += len == 8;
    walk->superseded += len == 32;
    return key->mv_size == 33 && (len == 8 || len == 32) ? STATUS_OK : corrupt(walk, "a revocation of impossible size");
}

static enum status check_lane(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    if (key->mv_size != 17 || len != 8) {
        return corrupt(walk, "a lane of impossible size");
    }
    if (number_at(key, 1) >= walk->keys) {
        return corrupt(walk, "a lane of no key");
    }
    walk->next_sum += guard_number_read(value);
    return STATUS_OK;
}

/* Below the next of its lane, and named by its withdrawal. With the sums equal, none is missing. */
static enum status check_sequence(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    if (key->mv_size != 25 || len != 48) {
        return corrupt(walk, "a sequence of impossible size");
    }
    const uint8_t *numbers = (const uint8_t *)key->mv_data + 1;
    struct guard_record lane;
    guard_record_lane(&lane, number_at(key, 1), number_at(key, 9));
    enum status status = lookup(walk, &lane);
    if (status == STATUS_OK && number_at(key, 17) >= guard_number_read(lane.value)) {
        status = corrupt(walk, "a sequence beyond the next of its lane");
    }
    struct uuid uuid;
    memcpy(uuid.bytes16, value + 32, sizeof(uuid.bytes16));
    struct guard_record withdrawal;
    guard_record_withdrawal(&withdrawal, &uuid);
    if (status == STATUS_OK) {
        status = lookup(walk, &withdrawal);
    }
    if (status == STATUS_OK && (memcmp(withdrawal.value, numbers, WITHDRAWAL_TRANSACTION) != 0 ||
                                memcmp(withdrawal.value + WITHDRAWAL_TRANSACTION, value, 32) != 0)) {
        status = corrupt(walk, "a sequence and its withdrawal differ");
    }
    walk->sequences++;
    return status;
}

/* In the order of their numbers, from the first that is not forgotten. The state comes before them. */
static enum status check_history(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_promise promise;
    struct guard_record withdrawal;
    walk->history++;
    if (key->mv_size != 9 || number_at(key, 1) != walk->state.forgotten + walk->history) {
        return corrupt(walk, "a promise of the history is missing");
    }
    if (guard_promise_decode(&promise, value, len) != STATUS_OK || promise.running_us < walk->history_us ||
        promise.running_us > walk->state.running_us) {
        return corrupt(walk, "a promise of the history is none");
    }
    walk->history_us = promise.running_us;
    guard_record_withdrawal(&withdrawal, &promise.withdrawal);
    return lookup(walk, &withdrawal);
}

/* The state comes behind them. One that is lost has to be announced again. */
static enum status check_announced(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    return key->mv_size == 33 && len == 16 ? STATUS_OK : corrupt(walk, "an announcement of impossible size");
}

static enum status check_denied(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    walk->denied++;
    return key->mv_size == 33 && len == 32 ? STATUS_OK : corrupt(walk, "a veto of impossible size");
}

static enum status check_ended(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    uint64_t number = len == 8 ? guard_number_read(value) : 0;
    walk->ended++;
    return key->mv_size == 17 && number > 0 ? STATUS_OK : corrupt(walk, "the end of a withdrawal is none");
}

static enum status check_intent(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    walk->intents++;
    uint64_t number = len == 8 ? guard_number_read(value) : 0;
    bool good = key->mv_size == 33 && number > walk->state.before && number <= walk->state.promises;
    return good ? STATUS_OK : corrupt(walk, "an intent of no promise");
}

static enum status check_withdrawal(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    if (key->mv_size != 17 || len != WITHDRAWAL_RECORD_LEN) {
        return corrupt(walk, "a withdrawal of impossible size");
    }
    uint64_t version = guard_number_read(value + WITHDRAWAL_VERSION);
    if (version < 1 || version > (uint64_t)walk->state.policy_version) {
        return corrupt(walk, "a withdrawal of no version");
    }
    walk->withdrawals++;
    return STATUS_OK;
}

static enum status check_checkpoint(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    return (key->mv_size == 9 || key->mv_size == 17) && len == 32 ? STATUS_OK
                                                                  : corrupt(walk, "a checkpoint of impossible size");
}

/* The state comes after them: the sums are looked at in the end. */
static enum status check_subject(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    struct guard_subject subject;
    if (key->mv_size != 17 || guard_subject_decode(&subject, value, len) != STATUS_OK) {
        return corrupt(walk, "the record of a subject is none");
    }
    walk->subjects++;
    walk->slots += subject.slot;
    walk->erased += subject.erased_utc_us != 0;
    return STATUS_OK;
}

static enum status check_meter(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len)
{
    (void)value;
    return key->mv_size == 33 && len % 8 == 0 && len <= GUARD_REVEALS_AN_HOUR * 8
               ? STATUS_OK
               : corrupt(walk, "the reveals of a person of impossible size");
}

static const struct {
    char letter;
    enum status (*check)(struct walk *walk, const MDB_val *key, const uint8_t *value, size_t len);
} kinds[] = {
    {'a', check_announced},  {'b', check_backup},      {'c', check_checkpoint}, {'d', check_document},
    {'e', check_subject},    {'m', check_meter},       {'f', check_freeze},     {'g', check_state},
    {'h', check_history},    {'i', check_intent},      {'k', check_key},        {'l', check_lane},
    {'n', check_nonce},      {'o', check_revoked},     {'p', check_policy},     {'r', check_point},
    {'s', check_sequence},   {'t', check_destination}, {'u', check_person},     {'v', check_denied},
    {'w', check_withdrawal}, {'x', check_dropped},     {'y', check_ends},       {'z', check_ended},
};

static enum status check_record(struct walk *walk, const MDB_val *key, const MDB_val *sealed)
{
    const uint8_t *value = NULL;
    size_t len = 0;
    enum status status = guard_unseal(&value, &len, key, sealed, walk->fault);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (key->mv_size > 0 && *(const char *)key->mv_data == kinds[i].letter) {
            return kinds[i].check(walk, key, value, len);
        }
    }
    return corrupt(walk, "a record of unknown kind");
}

static enum status check_sums(struct walk *walk)
{
    if (!walk->state_seen) {
        return corrupt(walk, "the state is missing");
    }
    if (walk->keys == 0 || !digest_equal(&walk->founding, &walk->state.key) || walk->papers != walk->documents_named) {
        return corrupt(walk, "the founding key or the papers of a key are missing");
    }
    if (walk->policies < (uint64_t)walk->state.policy_version) {
        return corrupt(walk, "a version of the policy is missing");
    }
    if (walk->backups != walk->backups_named) {
        return corrupt(walk, "a backup of no key");
    }
    if (walk->destinations != walk->state.destinations || walk->revoked != walk->state.revoked ||
        walk->superseded != walk->state.superseded) {
        return corrupt(walk, "an entry of the allow-list or a revocation is missing");
    }
    const uint64_t subjects = walk->state.subjects;
    if (walk->subjects != subjects || walk->erased != walk->state.erased ||
        walk->slots != subjects * (subjects - (subjects > 0)) / 2) {
        return corrupt(walk, "a subject is missing");
    }
    bool whole = walk->next_sum == walk->sequences && walk->sequences == walk->withdrawals;
    const uint64_t own = walk->state.promises - walk->state.before;
    if (!whole || walk->withdrawals != own || walk->intents != own || walk->state.forgotten < walk->state.before) {
        return corrupt(walk, "a sequence, a withdrawal or an intent is missing");
    }
    if (walk->denied != walk->state.denied || walk->ended != walk->state.ended || walk->people != walk->state.people) {
        return corrupt(walk, "a veto, an end or a person is missing");
    }
    return walk->state.forgotten + walk->history == walk->state.promises
               ? STATUS_OK
               : corrupt(walk, "a promise of the history is missing");
}

static enum status walk_records(struct walk *walk)
{
    MDB_cursor *cursor = NULL;
    if (mdb_cursor_open(walk->txn, walk->dbi, &cursor) != 0) {
        return corrupt(walk, "cannot be walked through");
    }
    MDB_val key;
    MDB_val sealed;
    enum status status = STATUS_OK;
    int rc = mdb_cursor_get(cursor, &key, &sealed, MDB_FIRST);
    while (rc == 0 && status == STATUS_OK) {
        status = check_record(walk, &key, &sealed);
        rc = mdb_cursor_get(cursor, &key, &sealed, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (status == STATUS_OK && rc != MDB_NOTFOUND) {
        status = corrupt(walk, mdb_strerror(rc));
    }
    return status == STATUS_OK ? check_sums(walk) : status;
}

static enum status walk_guard(const char *path, struct fault *fault)
{
    MDB_env *env = NULL;
    enum status status = guard_env_open(&env, path, MDB_RDONLY, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct walk walk = {.fault = fault};
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &walk.txn) != 0) {
        status = corrupt(&walk, "cannot be read");
    } else {
        status =
            mdb_dbi_open(walk.txn, NULL, 0, &walk.dbi) != 0 ? corrupt(&walk, "has no records") : walk_records(&walk);
        mdb_txn_abort(walk.txn);
    }
    mdb_env_close(env);
    return status;
}

/* A long life makes a long walk, and a circle of garbled pages must end all the same. */
static unsigned walk_limit_s(const char *path)
{
    char data_path[4096];
    struct stat file;
    guard_data_path(data_path, sizeof(data_path), path);
    return WALK_MAX_S + (stat(data_path, &file) == 0 ? (unsigned)((uint64_t)file.st_size / WALK_BYTES_EACH_S) : 0);
}

/* The child's answer: its fault, whole. */
static _Noreturn void walk_in_child(const char *path, int answer_fd)
{
    struct fault fault = {0};
    (void)alarm(walk_limit_s(path));
    if (walk_guard(path, &fault) == STATUS_OK) {
        fault_clear(&fault);
    }
    _exit(write(answer_fd, &fault, sizeof(fault)) == (ssize_t)sizeof(fault) ? 0 : 1);
}

static enum status child_answer(pid_t child, int answer_fd, struct fault *fault)
{
    struct fault answer;
    ssize_t got = read(answer_fd, &answer, sizeof(answer));
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGALRM) {
        return fault_set(fault, STATUS_TIMED_OUT, "guard",
                         "reading it took too long: a slow disk, or pages that lead in a circle");
    }
    if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0 || got != (ssize_t)sizeof(answer)) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "its pages are garbled: reading them crashed");
    }
    return answer.status == STATUS_OK ? STATUS_OK : fault_set(fault, answer.status, answer.where, "%s", answer.detail);
}

enum status guard_check(const char *path, struct fault *fault)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return fault_set(fault, STATUS_IO, "guard", "could not make a pipe: errno %d", errno);
    }
    pid_t child = fork();
    if (child == 0) {
        walk_in_child(path, ends[1]);
    }
    (void)close(ends[1]);
    enum status status = child < 0 ? fault_set(fault, STATUS_IO, "guard", "could not fork: errno %d", errno)
                                   : child_answer(child, ends[0], fault);
    (void)close(ends[0]);
    return status;
}
