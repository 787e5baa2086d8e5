/*
 * What the policy room says of a ceremony: the other implementation, for tests that hold custody-verify against it.
 *
 * usage: verify_ceremony_judge FOLDER [every-byte]
 *
 * The folder holds policy, transcript, key, and backup, restore and attestation where there are some. Exit 0 accepted,
 * 1 refused with the reason on standard output. With every-byte: exit 0 when the transcript is accepted and refused
 * with any one byte changed.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/attestation.h"
#include "policy/ceremony.h"

#define FILE_MAX 1048576

struct papers {
    const char *folder;
    struct policy policy;
    struct key_document key;
    struct digest key_digest;
    struct backup backup;
    struct digest backup_digest;
    bool has_backup;
    struct bytes transcript;
};

static void path_of(char out[512], const struct papers *papers, const char *name)
{
    (void)snprintf(out, 512, "%s/%s", papers->folder, name);
}

static bool is_there(const struct papers *papers, const char *name)
{
    char path[512];
    path_of(path, papers, name);
    return access(path, R_OK) == 0;
}

static enum status read_bytes(struct bytes *out, const struct papers *papers, const char *name, struct fault *fault)
{
    char path[512];
    path_of(path, papers, name);
    return file_read_document(out, path, FILE_MAX, name, fault);
}

static enum status read_signed(struct signed_document *out, const struct papers *papers, const char *name,
                               struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    size_t max = strcmp(name, "policy") == 0 ? CANON_POLICY_MAX : CANON_DOCUMENT_MAX;
    enum status status = read_bytes(&text, papers, name, fault);
    if (status == STATUS_OK) {
        status = canon_parse(&object, text.data, text.len, FILE_MAX, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, max, "", fault);
    }
    json_decref(object);
    bytes_free(&text);
    return status;
}

static enum status judge_key(struct papers *papers, const struct signed_document *document, struct fault *fault)
{
    struct key_document key;
    enum status status = key_document_decode(&key, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        key_document_digest(&papers->key_digest, document->document.data, document->document.len);
        status = key_document_verify(&papers->key, document, &papers->policy, key.issued_at, fault);
    }
    return status;
}

static enum status judge_policy(struct papers *papers, const struct signed_document *document, struct fault *fault)
{
    return policy_open_first(&papers->policy, document, fault);
}

static enum status judge_backup(struct papers *papers, const struct signed_document *document, struct fault *fault)
{
    enum status status = backup_verify(&papers->backup, document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    papers->has_backup = true;
    backup_digest(&papers->backup_digest, document->document.data, document->document.len);
    if (!digest_equal(&papers->backup_digest, &papers->key.backup_document)) {
        return fault_set(fault, STATUS_MISMATCH, "backup_document", "another backup");
    }
    status = backup_check_key(&papers->backup, &papers->key, fault);
    return status == STATUS_OK ? share_table_check_people(&papers->backup.shares, &papers->policy,
                                                          papers->key.issued_at, papers->backup.made_at, fault)
                               : status;
}

static enum status judge_share_set(struct papers *papers, const struct signed_document *document, struct fault *fault)
{
    struct share_set set;
    enum status status = share_set_verify(&set, document, &papers->policy, papers->key.issued_at, fault);
    return status == STATUS_OK ? share_set_check_apart(&set, &papers->backup, fault) : status;
}

static enum status judge_restore(struct papers *papers, const struct signed_document *document, struct fault *fault)
{
    struct restore restore;
    const struct restore_context context = {.policy = &papers->policy,
                                            .key = &papers->key.key,
                                            .token = &papers->key.token,
                                            .backup = papers->has_backup ? &papers->backup : NULL,
                                            .backup_digest = &papers->backup_digest};
    return restore_verify(&restore, document, &context, fault);
}

static enum status judge_attestation(struct papers *papers, const struct signed_document *document, struct fault *fault)
{
    struct attestation attestation;
    return attestation_verify(&attestation, document, &papers->key, &papers->key_digest, fault);
}

static const struct {
    const char *name;
    enum status (*judge)(struct papers *papers, const struct signed_document *document, struct fault *fault);
} parts[] = {{"policy", judge_policy},       {"key", judge_key},         {"backup", judge_backup},
             {"share_set", judge_share_set}, {"restore", judge_restore}, {"attestation", judge_attestation}};

static enum status judge_transcript(struct papers *papers, struct fault *fault)
{
    struct ceremony ceremony = {0};
    struct digest digest;
    enum status status = read_bytes(&papers->transcript, papers, "transcript", fault);
    if (status == STATUS_OK) {
        ceremony_digest(&digest, papers->transcript.data, papers->transcript.len);
        status = ceremony_verify(&ceremony, papers->transcript.data, papers->transcript.len, &papers->policy, fault);
    }
    if (status == STATUS_OK && !digest_equal(&digest, &papers->key.ceremony)) {
        status = fault_set(fault, STATUS_MISMATCH, "ceremony", "another transcript");
    }
    if (status == STATUS_OK && papers->key.backup == KEY_BACKUP_WRAPPED && !papers->has_backup) {
        status = fault_set(fault, STATUS_MISMATCH, "backup", "there must be one");
    }
    if (status == STATUS_OK) {
        status = ceremony_check_key(&ceremony, &papers->key, papers->has_backup ? &papers->backup : NULL, fault);
    }
    ceremony_free(&ceremony);
    return status;
}

static enum status judge_all(struct papers *papers, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && status == STATUS_OK; i++) {
        struct signed_document document = {0};
        if (!is_there(papers, parts[i].name)) {
            continue;
        }
        status = read_signed(&document, papers, parts[i].name, fault);
        if (status == STATUS_OK) {
            status = parts[i].judge(papers, &document, fault);
        }
        signed_document_free(&document);
    }
    return status == STATUS_OK ? judge_transcript(papers, fault) : status;
}

/* How many changes of one byte are not refused. */
static int change_each(struct papers *papers)
{
    static const uint8_t flips[] = {0x01, 0x20, 0x80};
    int missed = 0;
    for (size_t at = 0; at < papers->transcript.len; at++) {
        struct ceremony ceremony;
        uint8_t before = papers->transcript.data[at];
        papers->transcript.data[at] ^= flips[at % sizeof(flips)];
        if (ceremony_verify(&ceremony, papers->transcript.data, papers->transcript.len, &papers->policy, NULL) ==
            STATUS_OK) {
            (void)printf("byte %zu\n", at);
            ceremony_free(&ceremony);
            missed++;
        }
        papers->transcript.data[at] = before;
    }
    return missed;
}

int main(int argc, char **argv)
{
    struct fault fault = {0};
    INVARIANT(argc == 2 || argc == 3);
    struct papers papers = {.folder = argv[1]};
    enum status status = judge_all(&papers, &fault);
    int refused = status == STATUS_OK ? 0 : 1;
    if (refused == 1) {
        (void)printf("%s: %s: %s\n", status_info(status)->code, fault.where, fault.detail);
    } else if (argc == 3) {
        refused = change_each(&papers) == 0 ? 0 : 1;
    }
    bytes_free(&papers.transcript);
    policy_free(&papers.policy);
    return refused;
}
