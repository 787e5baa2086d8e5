/*
 * What came of a key after its ceremony: backup, shares of the PIN, restore proof.
 */
#include "papers.h"

#include <stdio.h>
#include <string.h>

#define SHARES_MAX 16
#define WRAPPED_SIZE_MAX 1024

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
    struct signed_text text;
    struct verify_sealing_key sealing;
    struct key key;
    uint8_t seal32[32];
    bool good = claim_read_signed(claim, &text, &sealing, DOCUMENT_SEALING_KEY, share->seal) && text.count == 1;
    good = good && strcmp(sealing.person.text, share->custodian.text) == 0 &&
           strcmp(sealing.environment.text, claim->policy.environment.text) == 0 &&
           verify_person_is(verify_policy_holder(&key, &claim->policy, &text.signatures[0].key), sealing.person.text,
                            INT64_MIN) &&
           signed_text_by(&text, 0, "sealing_key", &key) && sealing.issued_at < sealing.valid_until &&
           sealing.issued_at <= made_at + AHEAD_MAX_US && made_at < sealing.valid_until &&
           base64_decode_exact(seal32, sizeof(seal32), sealing.seal) == STATUS_OK && fresh(seen, "seal", sealing.seal);
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
    struct signed_text text;
    struct verify_share_set set;
    struct report *report = &claim->report;
    json_t *names = json_array();
    bool good =
        claim_read_file(claim, &text, &set, DOCUMENT_SHARE_SET, path) &&
        prove(report, verify_policy_governed(&claim->policy, &text, "share_set", claim->document.issued_at),
              "share_set", "is not signed by the governance quorum") &&
        prove(report, set.version >= 1 && (set.version == 1) == digest_is_zero(&set.prev), "share_set",
              "prev is zeros for the first version, and only for it") &&
        prove(report,
              are_apart(claim, seen, names, set.shares, set.threshold, set.made_at) && claim_custodians(claim, names),
              "share_set", "shares: are not k of n of different custodians apart from the backup");
    if (good) {
        report_checked("share set version %lld, %lld of %zu shares, apart from the backup", (long long)set.version,
                       (long long)set.threshold, json_array_size(set.shares));
    }
    json_decref(names);
    return good;
}

/* Kept by custodians of the key, apart from one another; `seen` gets who and where. */
static bool are_kept(struct claim *claim, json_t *seen, const struct verify_backup *backup)
{
    json_t *names = json_array();
    bool good = fresh(seen, "custodian", backup->holder.text) && fresh(seen, "site", backup->site.text) &&
                are_apart(claim, seen, names, backup->shares, backup->threshold, backup->made_at);
    for (size_t i = 0; i < json_array_size(names); i++) {
        good = good && lists(claim->document.custodians, json_string_value(json_array_get(names, i)));
    }
    json_decref(names);
    return good;
}

static bool check_backup(struct claim *claim, const json_t **out, const struct verify_request *request)
{
    struct signed_text text;
    struct verify_backup backup;
    struct report *report = &claim->report;
    json_t *seen = json_object();
    bool good = claim_read_file(claim, &text, &backup, DOCUMENT_BACKUP, request->backup) &&
                prove(report, digest_equal(&text.digest, &claim->document.backup_document), "backup",
                      "is not the one that the key document names") &&
                prove(report, text.count == 1 && signed_text_by(&text, 0, "backup", &claim->key), "backup",
                      "is not signed by the key that it holds") &&
                prove(report, backup.wrapped_size >= 1 && backup.wrapped_size <= WRAPPED_SIZE_MAX, "backup",
                      "wrapped_size is that of no wrapped key") &&
                prove(report, are_kept(claim, seen, &backup), "backup",
                      "shares: are not k of n of different keepers at different sites") &&
                claim_agrees(claim, "backup", text.object, "the key document", claim->key_text.object, "alg key token");
    if (good) {
        *out = text.object;
        report_checked("backup by %s, %lld of %zu shares, signed by the key", backup.mechanism,
                       (long long)backup.threshold, json_array_size(backup.shares));
    }
    good = good && (request->share_set[0] == '\0' || check_share_set(claim, seen, request->share_set));
    json_decref(seen);
    return good;
}

bool claim_backup(struct claim *claim, const json_t **out_backup, const struct verify_request *request)
{
    *out_backup = NULL;
    return request->backup[0] == '\0' ? prove(&claim->report, request->share_set[0] == '\0', "share_set",
                                              "cannot be judged without the backup")
                                      : check_backup(claim, out_backup, request);
}

/* Restored with the shares of enough custodians of the backup. */
static bool shares_suffice(const struct verify_restore *restore, const json_t *backup)
{
    const json_t *rows = json_object_get(backup, "shares");
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
           found >= json_integer_value(json_object_get(backup, "threshold"));
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
    const json_t *person = verify_policy_holder(out, &claim->policy, key_id);
    for (unsigned i = 0; i < COUNT(people); i++) {
        if (verify_person_is(person, people[i].name, restore->made_at) &&
            (verify_person_duty(person, people[i].duty) || verify_person_duty(person, people[i].or_duty))) {
            return i;
        }
    }
    return NOBODY;
}

/* Signed by exactly these, by different keys: people with the duties of what they did. */
static bool is_witnessed(const struct claim *claim, const struct signed_text *text, const char *kind,
                         const struct verify_restore *restore, unsigned wanted)
{
    unsigned signers = 0;
    bool good = text->count == (size_t)__builtin_popcount(wanted);
    for (size_t i = 0; good && i < text->count; i++) {
        struct key key;
        unsigned signer = signer_of(&key, claim, restore, &text->signatures[i].key);
        good = signer != NOBODY && signed_text_by(text, i, kind, &key);
        signers |= 1U << signer;
    }
    return good && signers == wanted;
}

/* Before a share was given, two of the three signed what for; and it is what was then done. */
static bool check_occasion(struct claim *claim, const json_t *restored, const struct verify_restore *restore)
{
    struct signed_text text;
    struct verify_occasion occasion;
    struct report *report = &claim->report;
    uint8_t to32[32];
    const char *serial = text_of(restore->token, "serial");
    if (!claim_read_signed(claim, &text, &occasion, DOCUMENT_OCCASION, restore->occasion)) {
        return false;
    }
    bool same = serial != NULL && strcmp(occasion.action, restore->kind) == 0 && strcmp(occasion.serial, serial) == 0 &&
                (serial[0] == '\0') == (text_of(text.object, "serial") == NULL) &&
                digest_equal(&occasion.set, &restore->backup);
    bool then = occasion.expires_at > occasion.issued_at && occasion.expires_at - occasion.issued_at <= DAY_US &&
                restore->made_at >= occasion.issued_at - AHEAD_MAX_US && restore->made_at < occasion.expires_at;
    return prove(report,
                 same && !lists(restore->shares, restore->requester.text) &&
                     !lists(restore->shares, restore->authoriser.text),
                 "occasion", "is for another restore") &&
           prove(report, then, "occasion", "was not at the time of the proof, or lasts more than a day") &&
           prove(report, base64_decode_exact(to32, sizeof(to32), occasion.to) == STATUS_OK, "occasion",
                 "to is no receiving key") &&
           claim_agrees(claim, "occasion", text.object, "the restore proof", restored,
                        "authoriser chain environment executor key policy requester") &&
           prove(report, is_witnessed(claim, &text, "occasion", restore, 1U << REQUESTER | 1U << AUTHORISER),
                 "occasion", "is not signed by those who asked for it and allowed it");
}

bool claim_restore(struct claim *claim, const json_t *backup, const char *path)
{
    struct signed_text text;
    struct verify_restore restore;
    struct digest none = {{0}};
    struct report *report = &claim->report;
    char id[DIGEST_HEX_LEN + 1];
    if (path[0] == '\0') {
        return true;
    }
    if (!claim_read_file(claim, &text, &restore, DOCUMENT_RESTORE, path)) {
        return false;
    }
    bool wrapped = strcmp(claim->document.backup, "wrapped") == 0;
    bool good =
        prove(report, digest_equal(&restore.key, &claim->key.id), "restore", "key is not that of the key document") &&
        prove(report, digest_equal(&restore.backup, wrapped ? &claim->document.backup_document : &none), "restore",
              "backup is not that of the key document") &&
        prove(report,
              !claim_same(json_object_get(restore.token, "serial"), json_object_get(claim->document.token, "serial")) ||
                  !claim_same(json_object_get(restore.token, "label"), json_object_get(claim->document.token, "label")),
              "restore", "token is the one where the key was born") &&
        prove(report, backup == NULL || shares_suffice(&restore, backup), "restore",
              "shares are not enough of the backup's custodians") &&
        prove(report,
              is_witnessed(claim, &text, "restore", &restore,
                           1U << REQUESTER | 1U << AUTHORISER | 1U << EXECUTOR | 1U << RESTORED_KEY),
              "restore", "is not signed by the key and by three people in their duties") &&
        claim_agrees(claim, "restore", text.object, "the key document", claim->key_text.object,
                     "chain environment policy") &&
        check_occasion(claim, text.object, &restore);
    if (good) {
        digest_format(id, &restore.challenge);
        report_checked("restore proof (%s): the key signed challenge %s on another token; %s asked, %s allowed, %s did "
                       "it, as the first two had signed before",
                       restore.kind, id, restore.requester.text, restore.authoriser.text, restore.executor.text);
    }
    return good;
}
