/*
 * Shares: the sealing key of a custodian, looking at a share, handing one on.
 *
 * A share is opened in the secure heap, held against its commitment, sealed for the receiver and wiped. It is never
 * printed and never in a file unsealed. Who asks for it is named in the gift that the custodian signs.
 */
#include "base/share.h"

#include "commands.h"
#include "describe.h"
#include "policy/backup.h"
#include "signer_call.h"

enum status command_seal_key_generate(const struct command_input *input, struct fault *fault)
{
    struct seal_key key;
    char text[SEAL_KEY_TEXT_SIZE];
    enum status status = command_new_seal_key(&key, input->options, fault);
    if (status == STATUS_OK) {
        seal_key_format(text, &key);
        (void)printf("%s\n", text);
    }
    return status;
}

static enum status read_share(struct share_document *out, const struct custody_options *options, struct fault *fault)
{
    struct bytes text = {0};
    if (options->share[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "share", "name the file of your share");
    }
    enum status status = command_read_file(&text, options->share, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = share_document_decode(out, text.data, text.len, fault);
    }
    bytes_free(&text);
    return status;
}

/* Opens the share with the custodian's key and holds it against its commitment, which names the custodian if it fails.
 */
static enum status open_share(struct secret *out, const struct share_document *document,
                              const struct custody_options *options, struct fault *fault)
{
    struct secret private_key = {0};
    struct seal_key own;
    struct share share = {.index = document->index};
    enum status status = command_open_seal_key(&private_key, options, fault);
    if (status == STATUS_OK) {
        status = seal_public_key(&own, &private_key, fault);
    }
    if (status == STATUS_OK && !seal_key_equal(&own, &document->to)) {
        status = fault_set(fault, STATUS_MISMATCH, "seal-key", "the share is sealed for another key of %s",
                           document->custodian.text);
    }
    if (status == STATUS_OK) {
        struct fault inner = {0};
        status = seal_open(&share.value, document->sealed.data, document->sealed.len, &private_key, &inner);
        if (status == STATUS_OK) {
            status = share_check(&share, &document->commitment, &inner);
        }
        if (status != STATUS_OK) {
            status = fault_set(fault, status, "share", "share %u of %s is corrupt: it was changed after it was made",
                               document->index, document->custodian.text);
        }
    }
    secret_free(&private_key);
    if (status != STATUS_OK) {
        share_free(&share);
        return status;
    }
    *out = share.value; /* transferred */
    return STATUS_OK;
}

static void print_share(FILE *stream, const struct share_document *share)
{
    char text[SEAL_KEY_TEXT_SIZE];
    (void)fprintf(stream, "share %u of %s, for %s\n", share->index,
                  share->of == SHARE_OF_KEK ? "a key-encryption key" : "a PIN", share->custodian.text);
    describe_digest(stream, "key", &share->key);
    describe_row(stream, "needed", "%u shares", share->threshold);
    describe_digest(stream, "commitment", &share->commitment);
    seal_key_format(text, &share->to);
    describe_row(stream, "sealed for", "%s", text);
}

enum status command_share_show(const struct command_input *input, struct fault *fault)
{
    struct share_document share = {0};
    struct secret value = {0};
    enum status status = read_share(&share, input->options, fault);
    if (status == STATUS_OK) {
        print_share(stdout, &share);
    }
    if (status == STATUS_OK && input->options->seal_key[0] != '\0') {
        status = open_share(&value, &share, input->options, fault);
        if (status == STATUS_OK) {
            (void)printf("it opens with this key and is its commitment\n");
        }
    }
    secret_free(&value);
    share_document_free(&share);
    return status;
}

/* Seals the share for the receiver and writes the gift that says so. */
static enum status encode_gift(struct bytes *out, const struct share_document *share, enum gift_action action,
                               const struct seal_key *to, const struct custody_options *options, struct fault *fault)
{
    struct secret value = {0};
    struct gift gift = {
        .action = action,
        .commitment = share->commitment,
        .custodian = share->custodian,
        .given_at = clock_utc_us(clock_system()),
        .index = share->index,
        .key = share->key,
        .to = *to,
    };
    enum status status = open_share(&value, share, options, fault);
    if (status == STATUS_OK) {
        status = seal_close(&gift.sealed, &value, to, fault);
    }
    secret_free(&value);
    if (status == STATUS_OK) {
        status = gift_encode(out, &gift, fault);
    }
    gift_free(&gift);
    return status;
}

/* A PIN activates, a key-encryption key restores; the other way round nobody should ask. */
static enum status check_action(const struct share_document *share, enum gift_action action, struct fault *fault)
{
    bool fits = (action == GIFT_ACTIVATE) == (share->of == SHARE_OF_PIN);
    return fits ? STATUS_OK
                : fault_set(fault, STATUS_MISMATCH, "action",
                            "a share of a PIN serves to activate, one of a key-encryption key to restore");
}

static void print_receiver(const struct share_document *share, enum gift_action action, const struct seal_key *to)
{
    char text[SEAL_KEY_TEXT_SIZE];
    print_share(stderr, share);
    seal_key_format(text, to);
    describe_row(stderr, "given to", "%s", text);
    describe_row(stderr, "in order to", "%s", gift_action_text(action));
}

/* The gift of --share, signed by the custodian. Out: signed_document_free. */
static enum status make_gift(struct signed_document *out, enum gift_action action, const struct seal_key *to,
                             const struct custody_options *options, struct fault *fault)
{
    struct share_document share = {0};
    enum status status = read_share(&share, options, fault);
    if (status == STATUS_OK) {
        print_receiver(&share, action, to);
        status = check_action(&share, action, fault);
    }
    if (status == STATUS_OK) {
        status = encode_gift(&out->document, &share, action, to, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_add_signature(out, GIFT_KIND, options, fault);
    }
    share_document_free(&share);
    return status;
}

enum status command_share_give(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct signed_document gift = {0};
    struct seal_key to;
    enum gift_action action = GIFT_RESTORE;
    if (strcmp(options->action, gift_action_text(GIFT_ACTIVATE)) == 0) {
        action = GIFT_ACTIVATE;
    } else if (strcmp(options->action, gift_action_text(GIFT_RESTORE)) != 0) {
        return fault_set(fault, STATUS_USAGE, "action", "must be activate or restore");
    }
    if (seal_key_parse(&to, options->to) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "to", "must be the receiver's X25519 key in base64");
    }
    enum status status = make_gift(&gift, action, &to, options, fault);
    if (status == STATUS_OK) {
        status = command_write_signed(&gift, options, fault);
    }
    signed_document_free(&gift);
    return status;
}

enum status command_activate(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct wire_pool *pool = NULL;
    struct wire_activation_reply reply = {0};
    struct signed_document gift = {0};
    struct seal_key to;
    enum signer_role role = ROLE_TRANSFER;
    enum status status = signer_call_role(&role, options, fault);
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    if (status == STATUS_OK) {
        status = wire_activation_open(pool, &reply, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        memcpy(to.bytes32, reply.to32, sizeof(to.bytes32));
        status = make_gift(&gift, GIFT_ACTIVATE, &to, options, fault);
    }
    if (status == STATUS_OK) {
        status = wire_activation_give(pool, &reply, &gift, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        (void)printf("given: the signer has %lld of %lld shares%s\n", (long long)reply.have, (long long)reply.threshold,
                     reply.open ? "; the token is open" : "");
    }
    signed_document_free(&gift);
    wire_pool_free(pool);
    return status;
}
