/*
 * Policies -> key document -> attestation, backup, restore proof.
 *
 * What agrees is compared as the JSON value it is: canonical documents have one text for each value.
 */
#include "keys.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

#define SHARES_MAX 16
#define WRAPPED_SIZE_MAX 1024
#define SECONDS_MAX 34560000 /* of a box, and without use: 400 days */
#define DAY_US (24LL * 3600 * 1000000)
#define AHEAD_MAX_US 60000000LL /* how far the clocks of two machines may be apart */

bool claim_fail(struct claim *claim, const char *part, const char *what)
{
    report_tampered(&claim->report, "%s: %s", part, what);
    return false;
}

json_t *claim_json(struct claim *claim, const char *part, const char *path)
{
    struct bytes text = {0};
    struct fault fault = {0};
    json_t *json = NULL;
    if (file_read_document(&text, path, SIGNED_FILE_MAX, part, &fault) != STATUS_OK) {
        report_incomplete(&claim->report, "%s: cannot read %s: %s", part, path, fault.detail);
    } else if (canon_parse(&json, text.data, text.len, SIGNED_FILE_MAX, &fault) != STATUS_OK) {
        (void)report_fault(&claim->report, part, &fault);
    }
    bytes_free(&text);
    return json;
}

/* The words that a member may be. */
static const struct {
    enum document document;
    const char *member, *words;
} choices[] = {{DOCUMENT_KEY, "activation", " attended unattended "},
               {DOCUMENT_KEY, "backup", " clone none wrapped "},
               {DOCUMENT_KEY, "owner", " customer own "},
               {DOCUMENT_KEY, "purpose", " audit transfer validator "},
               {DOCUMENT_KEY, "tier", " cold hot system warm "},
               {DOCUMENT_BACKUP, "mechanism", " aes-key-wrap-kwp aes-key-wrap-pad "},
               {DOCUMENT_RESTORE, "kind", " drill restore "},
               {DOCUMENT_OCCASION, "action", " drill restore "},
               {DOCUMENT_SHARE_SET, "of", " pin "},
               {DOCUMENT_ATTESTATION, "state", " active inactive retained suspended "}};

static bool check_choices(struct claim *claim, const char *kind, const json_t *document, enum document which)
{
    for (size_t i = 0; i < COUNT(choices); i++) {
        char word[64];
        const char *text = choices[i].document == which ? text_of(document, choices[i].member) : NULL;
        (void)snprintf(word, sizeof(word), " %s ", text == NULL ? "" : text);
        if (text != NULL && (strchr(text, ' ') != NULL || strstr(choices[i].words, word) == NULL)) {
            report_tampered(&claim->report, "%s: %s is none of%s", kind, choices[i].member, choices[i].words);
            return false;
        }
    }
    return true;
}

static const char *const kinds[] = {[DOCUMENT_KEY] = "key",
                                    [DOCUMENT_BACKUP] = "backup",
                                    [DOCUMENT_RESTORE] = "restore",
                                    [DOCUMENT_OCCASION] = "occasion",
                                    [DOCUMENT_SEALING_KEY] = "sealing_key",
                                    [DOCUMENT_SHARE_SET] = "share_set",
                                    [DOCUMENT_ATTESTATION] = "attestation"};

/* Reads the document of a signed one into `form`; no signature is looked at. */
static bool signed_json_read(struct claim *claim, struct signed_file *out, void *form, enum document document)
{
    const char *kind = kinds[document];
    struct fault fault = {0};
    if (signed_text_read(&out->text, out->file, &fault) != STATUS_OK ||
        canon_parse(&out->document, out->text.text, strlen(out->text.text), CANON_DOCUMENT_MAX, &fault) != STATUS_OK ||
        document_decode(form, document, out->document, &fault) != STATUS_OK) {
        (void)report_fault(&claim->report, kind, &fault);
        return false;
    }
    document_digest(&out->digest, kind, out->text.text);
    return check_choices(claim, kind, out->document, document);
}

static bool signed_file_read(struct claim *claim, struct signed_file *out, void *form, enum document document,
                             const char *path)
{
    out->file = claim_json(claim, kinds[document], path);
    return out->file != NULL && signed_json_read(claim, out, form, document);
}

void signed_file_free(struct signed_file *file)
{
    json_decref(file->file);
    json_decref(file->document);
    *file = (struct signed_file){0};
}

/* Texts as they are, numbers in decimal, booleans as words; other values have no text. */
static const char *shown(char out[32], const json_t *value)
{
    if (json_is_integer(value)) {
        (void)snprintf(out, 32, "%lld", (long long)json_integer_value(value));
        return out;
    }
    return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : json_string_value(value);
}

static bool same(const json_t *a, const json_t *b)
{
    char a_text[32];
    char b_text[32];
    const char *a_shown = shown(a_text, a);
    const char *b_shown = shown(b_text, b);
    return a_shown != NULL && b_shown != NULL ? strcmp(a_shown, b_shown) == 0 : json_equal(a, b) == 1;
}

bool claim_agrees(struct claim *claim, const char *part, const json_t *object, const char *other,
                  const json_t *other_object, const char *names)
{
    bool good = true;
    char name[64];
    for (int taken = 0; sscanf(names, "%63s%n", name, &taken) == 1; names += taken) {
        if (!same(json_object_get(object, name), json_object_get(other_object, name))) {
            report_tampered(&claim->report, "%s: %s is not that of %s", part, name, other);
            good = false;
        }
    }
    return good;
}

static bool read_policies(struct claim *claim, const struct trust *trust, const struct verify_request *request)
{
    char hex[DIGEST_HEX_LEN + 1];
    for (int i = -1; i < request->rest_count; i++) {
        json_t *file = claim_json(claim, "policy", i < 0 ? request->policy : request->rest[i]);
        if (file == NULL) {
            return false;
        }
        const char *why = verify_policy_follow(&claim->newest, file, trust == NULL ? NULL : &trust->first_policy);
        json_decref(file);
        if (why != NULL) {
            return claim_fail(claim, "policy", why);
        }
        if (digest_equal(&claim->newest.digest, &claim->document.policy)) {
            claim->policy = claim->newest;
            (void)json_incref(claim->policy.document);
        }
        digest_format(hex, &claim->newest.digest);
        report_checked("policy version %lld, digest %s%s", (long long)claim->newest.version, hex,
                       i < 0 && trust == NULL ? ": compare it with the one you were given, there is no trust file"
                                              : "");
    }
    return trust == NULL || digest_equal(&claim->newest.chain, &trust->chain) ||
           claim_fail(claim, "policy", "is for another ledger than the trust file");
}

/* People with the duty: ARRAY of names. */
static bool are_custodians(const struct claim *claim, const json_t *names)
{
    json_t *name = NULL;
    size_t i = 0;
    bool good = true;
    json_array_foreach(names, i, name)
    {
        const json_t *person = object_named(claim->policy.people, json_string_value(name));
        good = good && lists(json_object_get(person, "duties"), "custodian");
    }
    return good;
}

/* What the document may not say whoever signed it. */
static bool check_bounds(struct claim *claim, const struct verify_key *document)
{
    static const char softhsm[] = "SoftHSM";
    const char *manufacturer = text_of(document->token, "manufacturer");
    if (document->box_seconds < 60 || document->box_seconds > SECONDS_MAX) {
        return claim_fail(claim, "key", "box_seconds is not 60 to 34560000");
    }
    if (document->idle_seconds < 0 || document->idle_seconds > SECONDS_MAX) {
        return claim_fail(claim, "key", "idle_seconds is not 0 to 34560000");
    }
    bool soft = manufacturer != NULL && strncmp(manufacturer, softhsm, sizeof(softhsm) - 1) == 0;
    return !document->approved || !soft ||
           claim_fail(claim, "key", "approved is said of SoftHSM, which has no such mode");
}

bool claim_read(struct claim *out, const struct trust *trust, const struct verify_request *request)
{
    struct verify_key *document = &out->document;
    char id[DIGEST_HEX_LEN + 1];
    *out = (struct claim){0};
    if (!signed_file_read(out, &out->key_file, document, DOCUMENT_KEY, request->key_document) ||
        !read_policies(out, trust, request) || !check_bounds(out, document)) {
        return false;
    }
    if (out->policy.document == NULL) {
        return claim_fail(out, "key", "policy is none of those given");
    }
    if (!verify_policy_governed(&out->policy, &out->key_file.text, "key", document->issued_at)) {
        return claim_fail(out, "key", "is not signed by the governance quorum");
    }
    if (!key_read(&out->key, document->alg, document->key)) {
        return claim_fail(out, "key", "key is none of this algorithm");
    }
    digest_format(id, &out->key.id);
    bool good =
        claim_agrees(out, "key", out->key_file.document, "the policy", out->policy.document, "chain environment") &&
        (are_custodians(out, document->custodians) ||
         claim_fail(out, "key", "a custodian has not this duty in the policy"));
    if (good) {
        report_checked("key document of %s, signed by %zu of the governance group", id, out->key_file.text.count);
    }
    return good;
}

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
           signed_text_by(&file.text, 0, kinds[DOCUMENT_SEALING_KEY], &key) &&
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
                        !are_custodians(claim, names))) {
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
            found += same(json_object_get(row, "custodian"), value) ? 1 : 0;
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
        good = signer != NOBODY && signed_text_by(&file->text, i, kinds[document], &key);
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
    } else if (good && same(json_object_get(restore.token, "serial"), json_object_get(born, "serial")) &&
               same(json_object_get(restore.token, "label"), json_object_get(born, "label"))) {
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

/* The wallet of the last policy that the key is; NULL: none. */
static const json_t *wallet_of(const struct claim *claim)
{
    const json_t *key = claim->key_file.document;
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(claim->newest.wallets, i, row)
    {
        if (same(json_object_get(row, "alg"), json_object_get(key, "alg")) &&
            same(json_object_get(row, "key"), json_object_get(key, "key"))) {
            return row;
        }
    }
    return NULL;
}

/* Stale is not forged: it only proves nothing about today. */
static bool is_fresh(struct claim *claim, const struct verify_attestation *attestation, int64_t max_age_days)
{
    int64_t now = clock_utc_us(clock_system());
    if (attestation->issued_at > now + AHEAD_MAX_US) {
        report_incomplete(&claim->report, "attestation: issued_at is in the future");
    } else if (now - attestation->issued_at > max_age_days * DAY_US) {
        report_incomplete(&claim->report, "attestation: issued_at is more than %lld days ago (--max-age-days)",
                          (long long)max_age_days);
    } else if (now >= claim->document.valid_until) {
        report_incomplete(&claim->report, "key: valid_until is over");
    }
    return report_clean(&claim->report);
}

/* An address is told in order that somebody pays to it: it is a key's that may hold money today. */
static bool may_receive(struct claim *claim, const struct verify_attestation *attestation, int64_t max_age_days)
{
    const json_t *wallet = wallet_of(claim);
    if (strcmp(claim->document.purpose, "transfer") != 0) {
        return claim_fail(claim, "key", "purpose is not transfer: such a key receives nothing");
    }
    if (wallet == NULL) {
        return claim_fail(claim, "key", "key is no wallet of the policy given last");
    }
    if (strcmp(attestation->state, "active") != 0 && strcmp(attestation->state, "inactive") != 0) {
        return claim_fail(claim, "attestation", "state is neither active nor inactive: nothing is sent to such a key");
    }
    return claim_agrees(claim, "key", claim->key_file.document, "the wallet", wallet, "tier") &&
           is_fresh(claim, attestation, max_age_days);
}

static bool check_attestation(struct claim *claim, const char *path, int64_t max_age_days)
{
    struct signed_file file = {0};
    struct verify_attestation attestation;
    char address[ADDRESS_SIZE];
    char time[TIME_TEXT_SIZE];
    bool good = signed_file_read(claim, &file, &attestation, DOCUMENT_ATTESTATION, path);
    if (good && !digest_equal(&attestation.document, &claim->key_file.digest)) {
        good = claim_fail(claim, "attestation", "document is not the key document");
    } else if (good && (file.text.count != 1 || !signed_text_by(&file.text, 0, "attestation", &claim->key))) {
        good = claim_fail(claim, "attestation", "is not signed by the key alone");
    } else if (good && (document_address(address, file.document, NULL) != STATUS_OK ||
                        strcmp(address, attestation.address) != 0)) {
        good = claim_fail(claim, "attestation", "address is not that of the key");
    }
    good = good &&
           claim_agrees(claim, "attestation", file.document, "the key document", claim->key_file.document,
                        "alg chain environment key") &&
           may_receive(claim, &attestation, max_age_days);
    if (good) {
        time_format(time, attestation.issued_at);
        (void)printf("proven: address %s is of the wallet %s of the policy, as its token attested at %s (%s)\n",
                     address, text_of(wallet_of(claim), "id"), time, attestation.state);
    }
    signed_file_free(&file);
    return good;
}

enum verdict claim_conclude(struct claim *claim, bool proven)
{
    if (!proven && report_clean(&claim->report)) {
        report_incomplete(&claim->report, "could not be checked to the end");
    }
    verify_policy_free(&claim->policy);
    verify_policy_free(&claim->newest);
    signed_file_free(&claim->key_file);
    return report_verdict(&claim->report);
}

enum verdict verify_address(const struct trust *trust, const struct verify_request *request)
{
    struct claim claim;
    return claim_conclude(&claim, claim_read(&claim, trust, request) &&
                                      check_attestation(&claim, request->attestation, request->max_age_days));
}
