/*
 * Policies -> key document, and what the documents of a key are read and compared with.
 *
 * What agrees is compared as the JSON value it is: canonical documents have one text for each value.
 */
#include "claim.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

#define SECONDS_MAX 34560000 /* of a box, and without use: 400 days */

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
        const char *text = choices[i].document == which ? text_of(document, choices[i].member) : NULL;
        if (text != NULL && !is_word(text, choices[i].words)) {
            report_tampered(&claim->report, "%s: %s is none of%s", kind, choices[i].member, choices[i].words);
            return false;
        }
    }
    return true;
}

const char *const claim_kinds[] = {[DOCUMENT_KEY] = "key",
                                   [DOCUMENT_BACKUP] = "backup",
                                   [DOCUMENT_RESTORE] = "restore",
                                   [DOCUMENT_OCCASION] = "occasion",
                                   [DOCUMENT_SEALING_KEY] = "sealing_key",
                                   [DOCUMENT_SHARE_SET] = "share_set",
                                   [DOCUMENT_ATTESTATION] = "attestation"};

bool signed_json_read(struct claim *claim, struct signed_file *out, void *form, enum document document)
{
    const char *kind = claim_kinds[document];
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

bool signed_file_read(struct claim *claim, struct signed_file *out, void *form, enum document document,
                      const char *path)
{
    out->file = claim_json(claim, claim_kinds[document], path);
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

bool claim_same(const json_t *a, const json_t *b)
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
        if (!claim_same(json_object_get(object, name), json_object_get(other_object, name))) {
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

bool claim_custodians(const struct claim *claim, const json_t *names)
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
        (claim_custodians(out, document->custodians) ||
         claim_fail(out, "key", "a custodian has not this duty in the policy"));
    if (good) {
        report_checked("key document of %s, signed by %zu of the governance group", id, out->key_file.text.count);
    }
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
