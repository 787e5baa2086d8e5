/*
 * What came of a key after its ceremony: backup, shares of the PIN, restore proof.
 */
#include "papers.h"

#include <stdio.h>
#include <string.h>

#define SHARES_MAX 16
#define WRAPPED_SIZE_MAX 1024
#define DAY_US (24LL * 3600 * 1000000)

/* Marks a value as seen; false when it was there. */
static bool fresh(json_t *seen, const char *what, const char *value)
{
    char entry[128];
    (void)snprintf(entry, sizeof(entry), "%s_%s", what, value);
    return json_object_get(seen, entry) == NULL && json_object_set_new(seen, entry, json_true()) == 0;
}

/* What the share was sealed for: signed by its custodian, for then, and nobody else's. */
static bool is_sealed(struct claim *claim, json_t *seen, const struct verify_backup_share *share, int64_t made_at)
{
    struct signed_file file = {.file = json_incref(share->seal)};
    struct verify_sealing_key sealing;
    struct key key;
    uint8_t seal32[32];
    bool good = signed_json_read(claim, &file, &sealing, DOCUMENT_SEALING_KEY) && file.text.count == 1;
    int person = good ? verify_policy_holder(&key, &claim->policy, &file.text.signatures[0].key) : -1;
    good = person >= 0 && strcmp(sealing.person.text, share->custodian.text) == 0 &&
           strcmp(sealing.environment.text, claim->policy.environment.text) == 0 &&
           verify_policy_person(&claim->policy, person, sealing.person.text, INT64_MIN) &&
           signed_text_by(&file.text, 0, claim_kinds[DOCUMENT_SEALING_KEY], &key) &&
           sealing.issued_at < sealing.valid_until && sealing.issued_at <= made_at + AHEAD_MAX_US &&
           made_at < sealing.valid_until && base64_decode_exact(seal32, sizeof(seal32), sealing.seal) == STATUS_OK &&
           fresh(seen, "seal", sealing.seal);
    signed_file_free(&file);
    if (!good) {
        report_tampered(&claim->report, "sealing_key of %s: is none that its person signed for then and there",
                        share->custodian.text);
    }
    return good;
}

/*
 * k of n; indexes are all different, custodians, sealing keys and sites also from all that was seen before. Out: the
 * custodians.
 */
static bool are_apart(struct claim *claim, json_t *seen, json_t *out_names, const json_t *rows, int64_t threshold,
                      int64_t made_at)
{
    json_t *value = NULL;
    size_t i = 0;
    unsigned indexes = 0;
    bool good = threshold >= 2 && threshold <= (int64_t)json_array_size(rows) && json_array_size(rows) <= SHARES_MAX;
    json_array_foreach(rows, i, value)
    {
        struct verify_backup_share share;
        good = good && document_decode(&share, DOCUMENT_BACKUP_SHARE, value, NULL) == STATUS_OK && share.index >= 1 &&
               share.index <= (int64_t)json_array_size(rows) && (indexes >> share.index & 1) == 0 &&
               fresh(seen, "custodian", share.custodian.text) && fresh(seen, "site", share.site.text) &&
               is_sealed(claim, seen, &share, made_at) &&
               json_array_append_new(out_names, json_string(share.custodian.text)) == 0;
        indexes |= good ? 1U << share.index : 0;
    }
    return good;
}

/* Of the PIN of the key's token; `seen` is who and where has part in the backup. */
static bool check_share_set(struct claim *claim, json_t *seen, const char *path)
{
    struct signed_file file = {0};
    struct verify_share_set set = {.version = 0};
    struct digest none = {{0}};
    json_t *names = json_array();
    bool good = signed_file_read(claim, &file, &set, DOCUMENT_SHARE_SET, path);
    if (good && !verify_policy_governed(&claim->policy, &file.text, "share_set", claim->document.issued_at)) {
        good = claim_fail(claim, "share_set", "is not signed by the governance quorum");
    } else if (good && (set.version < 1 || (set.version == 1) != digest_equal(&set.prev, &none))) {
        good = claim_fail(claim, "share_set", "prev is zeros for the first version, and only for it");
    } else if (good && (!are_apart(claim, seen, names, set.shares, set.threshold, set.made_at) ||
                        !claim_custodians(claim, names))) {
        good = claim_fail(claim, "share_set", "shares: are not k of n of different custodians apart from the backup");
    }
    if (good) {
        report_checked("share set version %lld, %lld of %zu shares, apart from the backup", (long long)set.version,
                       (long long)set.threshold, json_array_size(set.shares));
    }
    json_decref(names);
    signed_file_free(&file);
    return good;
}

static bool check_backup(struct claim *claim, struct signed_file *backup_file, const struct verify_request *request)
{
    struct verify_backup backup;
    json_t *value = NULL;
    size_t i = 0;
    if (!signed_file_read(claim, backup_file, &backup, DOCUMENT_BACKUP, request->backup)) {
        return false;
    }
    if (!digest_equal(&backup_file->digest, &claim->document.backup_document)) {
        return claim_fail(claim, "backup", "is not the one that the key document names");
    }
    if (backup_file->text.count != 1 || !signed_text_by(&backup_file->text, 0, "backup", &claim->key)) {
        return claim_fail(claim, "backup", "is not signed by the key that it holds");
    }
    if (backup.wrapped_size < 1 || backup.wrapped_size > WRAPPED_SIZE_MAX) {
        return claim_fail(claim, "backup", "wrapped_size is that of no wrapped key");
    }
    json_t *seen = json_object();
    json_t *names = json_array();
    bool good = fresh(seen, "custodian", backup.holder.text) && fresh(seen, "site", backup.site.text) &&
                are_apart(claim, seen, names, backup.shares, backup.threshold, backup.made_at);
    json_array_foreach(names, i, value)
    {
        good = good && lists(claim->document.custodians, json_string_value(value));
    }
    good = good ? claim_agrees(claim, "backup", backup_file->document, "the key document", claim->key_file.document,
                               "alg key token")
                : claim_fail(claim, "backup", "shares: are not k of n of different keepers at different sites");
    if (good) {
        report_checked("backup by %s, %lld of %zu shares, signed by the key", backup.mechanism,
                       (long long)backup.threshold, json_array_size(backup.shares));
    }
    good = good && (request->share_set[0] == '\0' || check_share_set(claim, seen, request->share_set));
    json_decref(seen);
    json_decref(names);
    return good;
}

bool claim_backup(struct claim *claim, struct signed_file *out_backup, const struct verify_request *request)
{
    if (request->backup[0] == '\0') {
        return request->share_set[0] == '\0' || claim_fail(claim, "share_set", "cannot be judged without the backup");
    }
    return check_backup(claim, out_backup, request);
}

/* Restored with the shares of enough custodians of the backup. */
static bool shares_suffice(const struct verify_restore *restore, const struct signed_file *backup)
{
    const json_t *rows = json_object_get(backup->document, "shares");
    json_t *value = NULL;
    size_t i = 0;
    json_int_t found = 0;
    const char *last = "";
    json_array_foreach(restore->shares, i, value)
    {
        const char *name = json_string_value(value);
        json_t *row = NULL;
        size_t k = 0;
        if (name == NULL || strcmp(last, name) >= 0) {
            return false; /* somebody stands twice */
        }
        last = name;
        json_array_foreach(rows, k, row)
        {
            found += claim_same(json_object_get(row, "custodian"), value) ? 1 : 0;
        }
    }
    return found == (json_int_t)json_array_size(restore->shares) &&
           found >= json_integer_value(json_object_get(backup->document, "threshold"));
}

enum { REQUESTER, AUTHORISER, EXECUTOR, RESTORED_KEY, NOBODY };

/* Who of those who must sign a restore proof has this key, as a person valid then and with the duty. Out: the key. */
static unsigned signer_of(struct key *out, const struct claim *claim, const struct verify_restore *restore,
                          const struct digest *key_id)
{
    const struct {
        const char *name, *duty, *or_duty;
    } people[] = {[REQUESTER] = {restore->requester.text, "operator", "administrator"},
                  [AUTHORISER] = {restore->authoriser.text, "administrator", "administrator"},
                  [EXECUTOR] = {restore->executor.text, "custodian", "custodian"}};
    *out = claim->key;
    if (digest_equal(key_id, &claim->key.id)) {
        return RESTORED_KEY;
    }
    int person = verify_policy_holder(out, &claim->policy, key_id);
    for (unsigned i = 0; person >= 0 && i < COUNT(people); i++) {
        if (verify_policy_person(&claim->policy, person, people[i].name, restore->made_at) &&
            (verify_policy_duty(&claim->policy, person, people[i].duty) ||
             verify_policy_duty(&claim->policy, person, people[i].or_duty))) {
            return i;
        }
    }
    return NOBODY;
}

/* Signed by exactly these, by different keys: people with the duties of what they did. */
static bool is_witnessed(const struct claim *claim, const struct signed_file *file, enum document document,
                         const struct verify_restore *restore, unsigned wanted)
{
    unsigned signers = 0;
    bool good = file->text.count == (size_t)__builtin_popcount(wanted);
    for (size_t i = 0; good && i < file->text.count; i++) {
        struct key key;
        unsigned signer = signer_of(&key, claim, restore, &file->text.signatures[i].key);
        good = signer != NOBODY && signed_text_by(&file->text, i, claim_kinds[document], &key);
        signers |= 1U << signer;
    }
    return good && signers == wanted;
}

/* Before a share was given, two of the three signed what for; and it is what was then done. */
static bool check_occasion(struct claim *claim, const struct signed_file *restore_file,
                           const struct verify_restore *restore)
{
    struct signed_file file = {.file = json_incref(restore->occasion)};
    struct verify_occasion occasion;
    uint8_t to32[32];
    const char *serial = text_of(restore->token, "serial");
    bool good = signed_json_read(claim, &file, &occasion, DOCUMENT_OCCASION);
    if (good &&
        (serial == NULL || strcmp(occasion.action, restore->kind) != 0 || strcmp(occasion.serial, serial) != 0 ||
         (serial[0] == '\0') != (text_of(file.document, "serial") == NULL) ||
         !digest_equal(&occasion.set, &restore->backup) || lists(restore->shares, restore->requester.text) ||
         lists(restore->shares, restore->authoriser.text))) {
        good = claim_fail(claim, "occasion", "is for another restore");
    } else if (good &&
               (occasion.expires_at <= occasion.issued_at || occasion.expires_at - occasion.issued_at > DAY_US ||
                restore->made_at < occasion.issued_at - AHEAD_MAX_US || restore->made_at >= occasion.expires_at)) {
        good = claim_fail(claim, "occasion", "was not at the time of the proof, or lasts more than a day");
    } else if (good && base64_decode_exact(to32, sizeof(to32), occasion.to) != STATUS_OK) {
        good = claim_fail(claim, "occasion", "to is no receiving key");
    }
    good = good &&
           claim_agrees(claim, "occasion", file.document, "the restore proof", restore_file->document,
                        "authoriser chain environment executor key policy requester") &&
           (is_witnessed(claim, &file, DOCUMENT_OCCASION, restore, 1U << REQUESTER | 1U << AUTHORISER) ||
            claim_fail(claim, "occasion", "is not signed by those who asked for it and allowed it"));
    signed_file_free(&file);
    return good;
}

bool claim_restore(struct claim *claim, const struct signed_file *backup, const char *path)
{
    struct signed_file file = {0};
    struct verify_restore restore;
    struct digest none = {{0}};
    char id[DIGEST_HEX_LEN + 1];
    if (path[0] == '\0') {
        return true;
    }
    bool good = signed_file_read(claim, &file, &restore, DOCUMENT_RESTORE, path);
    const json_t *born = json_object_get(claim->key_file.document, "token");
    bool wrapped = strcmp(claim->document.backup, "wrapped") == 0;
    if (good && !digest_equal(&restore.key, &claim->key.id)) {
        good = claim_fail(claim, "restore", "key is not that of the key document");
    } else if (good && !digest_equal(&restore.backup, wrapped ? &claim->document.backup_document : &none)) {
        good = claim_fail(claim, "restore", "backup is not that of the key document");
    } else if (good && claim_same(json_object_get(restore.token, "serial"), json_object_get(born, "serial")) &&
               claim_same(json_object_get(restore.token, "label"), json_object_get(born, "label"))) {
        good = claim_fail(claim, "restore", "token is the one where the key was born");
    } else if (good && backup->document != NULL && !shares_suffice(&restore, backup)) {
        good = claim_fail(claim, "restore", "shares are not enough of the backup's custodians");
    }
    good = good &&
           (is_witnessed(claim, &file, DOCUMENT_RESTORE, &restore,
                         1U << REQUESTER | 1U << AUTHORISER | 1U << EXECUTOR | 1U << RESTORED_KEY) ||
            claim_fail(claim, "restore", "is not signed by the key and by three people in their duties")) &&
           claim_agrees(claim, "restore", file.document, "the key document", claim->key_file.document,
                        "chain environment policy") &&
           check_occasion(claim, &file, &restore);
    if (good) {
        digest_format(id, &restore.challenge);
        report_checked("restore proof (%s): the key signed challenge %s on another token; %s asked, %s allowed, %s did "
                       "it, as the first two had signed before",
                       restore.kind, id, restore.requester.text, restore.authoriser.text, restore.executor.text);
    }
    signed_file_free(&file);
    return good;
}
