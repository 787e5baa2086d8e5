/*
 * The bytes of the guard.
 *
 * The state 'g', the keys 'k', the freezes 'f', the people who are suspended 'u' and the versions of the policy 'p' are
 * canonical documents, so that an operator can read them with mdb_dump; the papers of keys are signed documents as they
 * came ('d' key8 the key document, 'b' key8 the backup). The other records are short and of fixed form:
 * - 'l' key8 lane8 -> next8: the next sequence of a lane
 * - 's' key8 lane8 seq8 -> transaction32 uuid16: what a sequence was used for
 * - 'w' uuid16 -> key8 lane8 seq8 transaction32 time8 version8: what was promised for a withdrawal
 * - 'i' intent32 -> number8: the promise that an intent came to
 * - 'a' intent32 -> running8 delay8: an announcement that is not promised yet, both in microseconds
 * - 'v' intent32 -> command32: an intent that a person spoke against
 * - 'h' number8 -> running8 key8 uuid16 amount16 asset32 destination32 requester64 wallet64: the promises of late
 * - 't' account32 -> digest32 group64 issued8 until8 serving8 due8: the entry of the allow-list for an account
 * - 'y' ends8 -> account32: the account on the list with these ends
 * - 'o' entry32 -> time8: an entry that was revoked; account32: one whose place a newer one of this account took
 * - 'c' size8 [epoch8] -> root32: checkpoints seen; of the logs after the first with their number (audit/log_keys.h)
 * - 'n' uuid16 -> command32: commands carried out; of a reveal command32 number8, by which it was counted
 * - 'x' policy32 -> version8: versions of the policy that were dropped
 * - 'e' uuid16 -> slot8 after8 erased8 digest32: a subject, until when its data is kept, its wrapped key's digest
 * - 'm' SHA-256(person)32 -> up to 20 times running8: the reveals of the hour
 * - 'r' key8 SHA-256(r)32 -> SHA-256(message)32: r of every ECDSA signature, and what it signed
 */
#include "guard_record.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/canon.h"
#include "base/digest.h"

/* As kept: the role in words and the form of the guard beside the state. */
struct kept_state {
    struct guard_state state;
    int64_t form;
    char role[16];
};

#define STATE_ROW(member, kind) CANON_FIELD(struct guard_state, member, kind)
#define STATE_TEXT(member)                                                                                             \
    {                                                                                                                  \
#member, CANON_TEXT, false, offsetof(struct guard_state, member), sizeof(((struct guard_state *)0)->member),   \
            0, 0                                                                                                       \
    }

static const struct canon_field state_fields[] = {
    STATE_ROW(before, CANON_COUNTER),
    STATE_ROW(chain, CANON_HASH),
    {"cooled", CANON_COUNTER, false, offsetof(struct guard_state, cooled_us), sizeof(uint64_t), 0, 0},
    STATE_ROW(denied, CANON_COUNTER),
    STATE_ROW(destinations, CANON_COUNTER),
    {"due", CANON_COUNTER, false, offsetof(struct guard_state, due_us), sizeof(uint64_t), 0, 0},
    CANON_FIELD_OPTIONAL(struct guard_state, ended, CANON_COUNTER),
    STATE_ROW(environment, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct guard_state, erased, CANON_COUNTER),
    STATE_ROW(forgotten, CANON_COUNTER),
    {"form", CANON_INTEGER, false, offsetof(struct kept_state, form), sizeof(int64_t), 1, CANON_INTEGER_MAX},
    STATE_ROW(halted, CANON_BOOLEAN),
    STATE_TEXT(halted_by),
    STATE_ROW(header, CANON_HASH),
    STATE_ROW(height, CANON_COUNTER),
    {"highest", CANON_TIME, false, offsetof(struct guard_state, highest_utc_us), sizeof(int64_t), 0, 0},
    STATE_ROW(id, CANON_HASH),
    STATE_ROW(key, CANON_HASH),
    STATE_TEXT(log),
    CANON_FIELD_OPTIONAL(struct guard_state, log_from, CANON_COUNTER),
    CANON_FIELD_OPTIONAL(struct guard_state, log_next, CANON_TEXT),
    {"made", CANON_TIME, true, offsetof(struct guard_state, made_utc_us), sizeof(int64_t), 0, 0},
    STATE_ROW(note, CANON_HASH),
    STATE_ROW(people, CANON_COUNTER),
    CANON_FIELD_OPTIONAL(struct guard_state, place, CANON_HASH),
    STATE_ROW(policy, CANON_HASH),
    STATE_ROW(policy_first, CANON_HASH),
    STATE_ROW(policy_version, CANON_INTEGER),
    STATE_ROW(promises, CANON_COUNTER),
    {"role", CANON_TEXT, false, offsetof(struct kept_state, role), sizeof(((struct kept_state *)0)->role), 1, 0},
    CANON_FIELD_OPTIONAL(struct guard_state, reveals, CANON_COUNTER),
    STATE_ROW(revoked, CANON_COUNTER),
    STATE_ROW(root, CANON_HASH),
    {"running", CANON_COUNTER, false, offsetof(struct guard_state, running_us), sizeof(uint64_t), 0, 0},
    CANON_FIELD_OPTIONAL(struct guard_state, shares, CANON_HASH),
    CANON_FIELD_OPTIONAL(struct guard_state, shares_version, CANON_INTEGER),
    STATE_ROW(size, CANON_COUNTER),
    CANON_FIELD_OPTIONAL(struct guard_state, subjects, CANON_COUNTER),
    CANON_FIELD_OPTIONAL(struct guard_state, superseded, CANON_COUNTER),
    STATE_ROW(suspensions, CANON_COUNTER),
    STATE_ROW(validators, CANON_HASH),
};
_Static_assert(offsetof(struct kept_state, state) == 0, "rows of the state serve for what is kept");

#define STATE_FIELDS (sizeof(state_fields) / sizeof(state_fields[0]))

enum status guard_state_encode(struct bytes *out, const struct guard_state *state, struct fault *fault)
{
    struct kept_state kept = {.state = *state, .form = GUARD_FORM};
    (void)snprintf(kept.role, sizeof(kept.role), "%s", signer_role_text(state->role));
    return canon_encode_bytes(out, &kept, state_fields, STATE_FIELDS, CANON_DOCUMENT_MAX, fault);
}

/* Before the other fields, because another form has others. */
static enum status check_form(const json_t *object, struct fault *fault)
{
    const json_t *form = json_object_get(object, "form");
    return !json_is_integer(form) || json_integer_value(form) == GUARD_FORM
               ? STATUS_OK
               : fault_set(fault, STATUS_VERSION, "guard", "it has form %lld, this program knows %d; make a new one",
                           (long long)json_integer_value(form), GUARD_FORM);
}

enum status guard_state_decode(struct guard_state *out, const void *value, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct kept_state kept;
    enum status status = canon_parse(&object, value, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = check_form(object, fault);
    }
    if (status == STATUS_OK) {
        status = canon_decode(&kept, sizeof(kept), object, state_fields, STATE_FIELDS, "guard", fault);
    }
    json_decref(object);
    if (status != STATUS_OK) {
        return status;
    }
    status = signer_role_parse(&kept.state.role, kept.role);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "guard.role", "there is no such role");
    }
    *out = kept.state;
    return STATUS_OK;
}

/* The length of the key is hashed too, so that no key and value can trade bytes. */
static void seal_digest(struct digest *out, const MDB_val *key, const void *value, size_t len)
{
    uint8_t prefixed[1 + GUARD_KEY_MAX];
    INVARIANT(key->mv_size <= GUARD_KEY_MAX);
    prefixed[0] = (uint8_t)key->mv_size;
    memcpy(prefixed + 1, key->mv_data, key->mv_size);
    digest_sha256_two(out, prefixed, 1 + key->mv_size, value, len);
}

enum status guard_seal(struct bytes *out, const MDB_val *key, const void *value, size_t len)
{
    struct digest digest;
    seal_digest(&digest, key, value, len);
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, digest.bytes32, sizeof(digest.bytes32));
    buffer_append(&buffer, value, len);
    return buffer_finish(out, &buffer);
}

enum status guard_unseal(const uint8_t **out, size_t *out_len, const MDB_val *key, const MDB_val *sealed,
                         struct fault *fault)
{
    struct digest digest;
    if (key->mv_size > GUARD_KEY_MAX || sealed->mv_size < sizeof(digest.bytes32)) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "a record of impossible size");
    }
    const uint8_t *value = (const uint8_t *)sealed->mv_data + sizeof(digest.bytes32);
    size_t len = sealed->mv_size - sizeof(digest.bytes32);
    seal_digest(&digest, key, value, len);
    if (memcmp(digest.bytes32, sealed->mv_data, sizeof(digest.bytes32)) != 0) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "a record does not pass its checksum");
    }
    *out = value;
    *out_len = len;
    return STATUS_OK;
}

void guard_data_path(char *out, size_t size, const char *path)
{
    (void)snprintf(out, size, "%s/data.mdb", path);
}

/*
 * LMDB makes a new environment of an empty file and reads beyond the end of a short one, so the size is looked at
 * first: an environment without its two meta pages is not opened, and one that says it is longer than its file neither.
 */
static enum status size_check(const char *data_path, off_t *out_size, struct fault *fault)
{
    struct stat file;
    if (stat(data_path, &file) != 0) {
        enum status status = errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO;
        return fault_set(fault, status, "guard", "%s: errno %d", data_path, errno);
    }
    if (!S_ISREG(file.st_mode) || file.st_size < 2 * sysconf(_SC_PAGESIZE)) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "%s is short", data_path);
    }
    *out_size = file.st_size;
    return STATUS_OK;
}

static enum status length_check(MDB_env *env, off_t size, struct fault *fault)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0) {
        return fault_set(fault, STATUS_IO, "guard", "could not examine the environment");
    }
    if ((uint64_t)size / stat.ms_psize < info.me_last_pgno + 1) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "the data file ends before page %zu", info.me_last_pgno);
    }
    return STATUS_OK;
}

enum status guard_env_open(MDB_env **out, const char *path, unsigned flags, struct fault *fault)
{
    char data_path[4096];
    guard_data_path(data_path, sizeof(data_path), path);
    off_t size = 0;
    enum status status = size_check(data_path, &size, fault);
    if (status != STATUS_OK) {
        return status;
    }
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);
    if (rc != 0) {
        return fault_set(fault, STATUS_NO_MEMORY, "guard", "%s", mdb_strerror(rc));
    }
    /* NOLOCK: the folder is locked by its one process, and that process orders its own changes. */
    rc = mdb_env_set_mapsize(env, GUARD_MAP_SIZE);
    rc = rc == 0 ? mdb_env_open(env, path, MDB_NOLOCK | flags, 0600) : rc;
    if (rc != 0) {
        status = fault_set(fault, rc > 0 ? STATUS_IO : STATUS_CORRUPT, "guard", "%s: %s", path, mdb_strerror(rc));
    } else {
        status = length_check(env, size, fault);
    }
    if (status != STATUS_OK) {
        mdb_env_close(env);
        return status;
    }
    *out = env; /* transferred */
    return STATUS_OK;
}

void guard_number_write(uint8_t out8[8], uint64_t number)
{
    for (int i = 7; i >= 0; i--) {
        out8[i] = (uint8_t)number;
        number >>= 8;
    }
}

uint64_t guard_number_read(const uint8_t in8[8])
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | in8[i];
    }
    return number;
}

static void record_start(struct guard_record *out, char letter)
{
    memset(out, 0, sizeof(*out));
    out->key[0] = (uint8_t)letter;
    out->key_len = 1;
}

static void record_number(struct guard_record *out, uint64_t number)
{
    guard_number_write(out->key + out->key_len, number);
    out->key_len += 8;
}

void guard_record_lane(struct guard_record *out, uint64_t key, uint64_t lane)
{
    record_start(out, 'l');
    record_number(out, key);
    record_number(out, lane);
}

void guard_record_sequence(struct guard_record *out, uint64_t key, uint64_t lane, uint64_t seq)
{
    record_start(out, 's');
    record_number(out, key);
    record_number(out, lane);
    record_number(out, seq);
}

static void record_uuid(struct guard_record *out, const struct uuid *uuid)
{
    memcpy(out->key + out->key_len, uuid->bytes16, sizeof(uuid->bytes16));
    out->key_len += sizeof(uuid->bytes16);
}

void guard_record_withdrawal(struct guard_record *out, const struct uuid *withdrawal)
{
    record_start(out, 'w');
    record_uuid(out, withdrawal);
}

void guard_record_checkpoint(struct guard_record *out, uint64_t epoch, uint64_t size)
{
    record_start(out, 'c');
    record_number(out, size);
    if (epoch > 1) {
        record_number(out, epoch);
    }
}

void guard_record_nonce(struct guard_record *out, const struct uuid *nonce)
{
    record_start(out, 'n');
    record_uuid(out, nonce);
}

void guard_record_ended(struct guard_record *out, const struct uuid *withdrawal)
{
    record_start(out, 'z');
    record_uuid(out, withdrawal);
}

void guard_record_point(struct guard_record *out, uint64_t key, const struct digest *r)
{
    record_start(out, 'r');
    record_number(out, key);
    memcpy(out->key + out->key_len, r->bytes32, sizeof(r->bytes32));
    out->key_len += sizeof(r->bytes32);
}

void guard_record_digest(struct guard_record *out, char letter, const struct digest *digest)
{
    record_start(out, letter);
    memcpy(out->key + out->key_len, digest->bytes32, sizeof(digest->bytes32));
    out->key_len += sizeof(digest->bytes32);
}

void guard_record_ends(struct guard_record *out, const struct account_id *account)
{
    char ends[ADDRESS_ENDS_SIZE];
    record_start(out, 'y');
    address_ends(ends, account);
    memcpy(out->key + out->key_len, ends, ADDRESS_ENDS_SIZE - 1);
    out->key_len += ADDRESS_ENDS_SIZE - 1;
}

void guard_record_paper(struct guard_record *out, char letter, uint64_t key)
{
    record_start(out, letter);
    record_number(out, key);
}
