/*
 * What a share says of itself, held against the paper that lists all shares of the secret: the backup document of the
 * key, or the share set of the PIN. A share alone is not signed: only its value has a commitment.
 */
#include "commands.h"
#include "describe.h"
#include "policy/backup.h"

static enum status check_row(const struct share_document *share, const struct digest *key,
                             const struct share_table *table, const char *paper, struct fault *fault)
{
    const struct share_holder *holder = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (digest_equal(&table->holders[i].commitment, &share->commitment)) {
            holder = &table->holders[i];
        }
    }
    if (!digest_equal(&share->key, key)) {
        return fault_set(fault, STATUS_MISMATCH, "key", "the share is not of the key of the %s", paper);
    }
    if (holder == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "commitment", "is of no share in the %s", paper);
    }
    if (holder->index != share->index) {
        return fault_set(fault, STATUS_MISMATCH, "index", "is %u in the %s", holder->index, paper);
    }
    if (strcmp(holder->custodian.text, share->custodian.text) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "custodian", "is %s in the %s", holder->custodian.text, paper);
    }
    if (!seal_key_equal(&holder->seal.key.seal, &share->to)) {
        return fault_set(fault, STATUS_MISMATCH, "to",
                         "the share is sealed for another key than the one that %s signed", holder->custodian.text);
    }
    return table->threshold == share->threshold
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "threshold", "is %u in the %s", table->threshold, paper);
}

static enum status check_backup(const struct share_document *share, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct backup backup = {0};
    struct digest key;
    if (share->of != SHARE_OF_KEK) {
        return fault_set(fault, STATUS_MISMATCH, "of", "a share of a PIN stands in a share set: --share-set");
    }
    enum status status = command_read_signed(&document, path, CANON_DOCUMENT_MAX, "backup", fault);
    if (status == STATUS_OK) {
        status = backup_verify(&backup, &document, fault);
    }
    if (status == STATUS_OK) {
        public_key_id(&key, &backup.key);
        status = check_row(share, &key, &backup.shares, "backup document", fault);
    }
    if (status == STATUS_OK) {
        (void)printf("index, custodian, key, number needed and commitment are those of the backup document, which the "
                     "key itself signed\n");
    }
    signed_document_free(&document);
    return status;
}

static enum status check_set(const struct share_document *share, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct share_set set;
    if (share->of != SHARE_OF_PIN) {
        return fault_set(fault, STATUS_MISMATCH, "of", "a share of a key-encryption key stands in a backup: --backup");
    }
    enum status status = command_read_signed(&document, path, CANON_DOCUMENT_MAX, "share-set", fault);
    if (status == STATUS_OK) {
        status = share_set_decode(&set, document.document.data, document.document.len, fault);
    }
    if (status == STATUS_OK) {
        status = check_row(share, &set.key, &set.shares, "share set", fault);
    }
    if (status == STATUS_OK) {
        (void)printf("index, custodian, key, number needed and commitment are those of the share set; who signed that "
                     "was not looked at (custody show share_set --policy FILE)\n");
    }
    signed_document_free(&document);
    return status;
}

enum status share_place_check(const struct share_document *share, const struct custody_options *options,
                              struct fault *fault)
{
    if (options->backup[0] != '\0' && options->share_set[0] != '\0') {
        return fault_set(fault, STATUS_USAGE, "share-set", "a share stands in a backup or in a share set, not in both");
    }
    if (options->backup[0] != '\0') {
        return check_backup(share, options->backup, fault);
    }
    if (options->share_set[0] != '\0') {
        return check_set(share, options->share_set, fault);
    }
    (void)printf("nothing vouches for the index, custodian, key and number needed that it names: hold them against "
                 "%s FILE\n",
                 share->of == SHARE_OF_KEK ? "--backup" : "--share-set");
    return STATUS_OK;
}
