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
    return json_array_append_new(claim->kept, json) == 0 ? json : NULL;
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

bool claim_read_signed(struct claim *claim, struct signed_text *out, void *form, enum document document,
                       const json_t *object)
{
    const char *kind = document_kind(document);
    struct fault fault = {0};
    if (signed_text_read(out, form, claim->kept, document, object, &fault) != STATUS_OK) {
        return report_fault(&claim->report, kind, &fault);
    }
    for (size_t i = 0; i < COUNT(choices); i++) {
        const char *text = choices[i].document == document ? text_of(out->object, choices[i].member) : NULL;
        if (text != NULL && !is_word(text, choices[i].words)) {
            report_tampered(&claim->report, "%s: %s is none of%s", kind, choices[i].member, choices[i].words);
            return false;
        }
    }
    return true;
}

bool claim_read_file(struct claim *claim, struct signed_text *out, void *form, enum document document, const char *path)
{
    const json_t *object = claim_json(claim, document_kind(document), path);
    return object != NULL && claim_read_signed(claim, out, form, document, object);
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

/* `before` is NULL for the first. */
static bool read_policy(struct claim *claim, const struct verify_policy *before, const struct trust *trust,
                        const char *path)
{
    char hex[DIGEST_HEX_LEN + 1];
    const json_t *file = claim_json(claim, "policy", path);
    if (file == NULL) {
        return false;
    }
    const char *why =
        verify_policy_follow(&claim->newest, before, claim->kept, file, trust == NULL ? NULL : &trust->first_policy);
    if (!prove(&claim->report, why == NULL, "policy", why)) {
        return false;
    }
    if (digest_equal(&claim->newest.digest, &claim->document.policy)) {
        claim->policy = claim->newest;
    }
    digest_format(hex, &claim->newest.digest);
    report_checked("policy version %lld, digest %s%s", (long long)claim->newest.version, hex,
                   before == NULL && trust == NULL ? ": compare it with the one you were given, there is no trust file"
                                                   : "");
    return true;
}

static bool read_policies(struct claim *claim, const struct trust *trust, const struct verify_request *request)
{
    bool good = read_policy(claim, NULL, trust, request->policy);
    for (int i = 0; good && i < request->rest_count; i++) {
        const struct verify_policy before = claim->newest;
        good = read_policy(claim, &before, trust, request->rest[i]);
    }
    return good && prove(&claim->report, trust == NULL || digest_equal(&claim->newest.chain, &trust->chain), "policy",
                         "is for another ledger than the trust file");
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
static bool check_bounds(struct report *report, const struct verify_key *document)
{
    static const char softhsm[] = "SoftHSM";
    const char *manufacturer = text_of(document->token, "manufacturer");
    bool soft = manufacturer != NULL && strncmp(manufacturer, softhsm, sizeof(softhsm) - 1) == 0;
    return prove(report, document->box_seconds >= 60 && document->box_seconds <= SECONDS_MAX, "key",
                 "box_seconds is not 60 to 34560000") &&
           prove(report, document->idle_seconds >= 0 && document->idle_seconds <= SECONDS_MAX, "key",
                 "idle_seconds is not 0 to 34560000") &&
           prove(report, !document->approved || !soft, "key", "approved is said of SoftHSM, which has no such mode");
}

bool claim_read(struct claim *out, const struct trust *trust, const struct verify_request *request)
{
    struct verify_key *document = &out->document;
    struct report *report = &out->report;
    char id[DIGEST_HEX_LEN + 1];
    *out = (struct claim){.kept = json_array()};
    bool good =
        claim_read_file(out, &out->key_text, document, DOCUMENT_KEY, request->key_document) &&
        read_policies(out, trust, request) && check_bounds(report, document) &&
        prove(report, out->policy.object != NULL, "key", "policy is none of those given") &&
        prove(report, verify_policy_governed(&out->policy, &out->key_text, "key", document->issued_at), "key",
              "is not signed by the governance quorum") &&
        prove(report, key_read(&out->key, document->alg, document->key), "key", "key is none of this algorithm") &&
        claim_agrees(out, "key", out->key_text.object, "the policy", out->policy.object, "chain environment") &&
        prove(report, claim_custodians(out, document->custodians), "key",
              "a custodian has not this duty in the policy");
    if (good) {
        digest_format(id, &out->key.id);
        report_checked("key document of %s, signed by %zu of the governance group", id, out->key_text.count);
    }
    return good;
}

enum verdict claim_conclude(struct claim *claim, bool proven)
{
    if (!proven && report_clean(&claim->report)) {
        report_incomplete(&claim->report, "could not be checked to the end");
    }
    json_decref(claim->kept);
    return report_verdict(&claim->report);
}
