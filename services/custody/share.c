/*
 * Shares: looking at one, handing one on.
 *
 * A share is opened in the secure heap, held against its commitment, sealed for the receiver and wiped. It is never
 * printed and never in a file unsealed. The receiver is the one of the occasion that two people signed, and nobody
 * else.
 */
#include "base/share.h"

#include "commands.h"
#include "describe.h"
#include "occasion.h"
#include "policy/backup.h"
#include "signer_call.h"

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
    describe_digest(stream, share->of == SHARE_OF_KEK ? "backup" : "share set", &share->set);
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
            (void)printf("it opens with this key, and its value has the commitment that it names\n");
        }
    }
    if (status == STATUS_OK) {
        status = share_place_check(&share, input->options, fault);
    }
    secret_free(&value);
    share_document_free(&share);
    return status;
}

/* Seals the share for the receiver and writes the gift that says on which occasion. */
static enum status encode_gift(struct bytes *out, const struct share_document *share, const struct held_occasion *held,
                               const struct custody_options *options, struct fault *fault)
{
    struct secret value = {0};
    struct gift gift = {
        .commitment = share->commitment,
        .custodian = share->custodian,
        .given_at = held->at_utc_us,
        .index = share->index,
        .occasion = held->digest,
    };
    enum status status = open_share(&value, share, options, fault);
    if (status == STATUS_OK) {
        status = seal_close(&gift.sealed, &value, &held->occasion.to, fault);
    }
    secret_free(&value);
    if (status == STATUS_OK) {
        status = gift_encode(out, &gift, fault);
    }
    gift_free(&gift);
    return status;
}

/* The gift of --share on this occasion, signed by the custodian. Out: signed_document_free. */
static enum status make_gift(struct signed_document *out, const struct held_occasion *held,
                             const struct custody_options *options, struct fault *fault)
{
    struct share_document share = {0};
    enum status status = read_share(&share, options, fault);
    if (status == STATUS_OK) {
        print_share(stderr, &share);
        status = occasion_check_share(&held->occasion, &share, chain_newest(&held->chain), held->at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        status = encode_gift(&out->document, &share, held, options, fault);
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
    struct held_occasion held = {0};
    enum status status = occasion_open(&held, options, fault);
    if (status == STATUS_OK) {
        status = make_gift(&gift, &held, options, fault);
    }
    if (status == STATUS_OK) {
        status = command_write_signed(&gift, options, fault);
    }
    signed_document_free(&gift);
    occasion_wipe(&held);
    return status;
}

/* Whoever answers at the socket is believed nothing: the key is the one that was signed, or nothing is given. */
static enum status check_signer(struct wire_pool *pool, const struct held_occasion *held,
                                const struct custody_options *options, struct fault *fault)
{
    struct wire_activation_reply reply = {0};
    enum status status = wire_activation_open(pool, &reply, signer_call_timeout_ms(options), fault);
    if (status != STATUS_OK) {
        return status;
    }
    return memcmp(reply.to32, held->occasion.to.bytes32, sizeof(reply.to32)) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "to",
                           "who answers at the socket has another receiving key than the one that was signed");
}

enum status command_activate(const struct command_input *input, struct fault *fault)
{
    const struct custody_options *options = input->options;
    struct wire_pool *pool = NULL;
    struct wire_activation_reply reply = {0};
    struct signed_document gift = {0};
    struct held_occasion held = {0};
    enum signer_role role = ROLE_TRANSFER;
    enum status status = signer_call_role(&role, options, fault);
    if (status == STATUS_OK) {
        status = occasion_open(&held, options, fault);
    }
    if (status == STATUS_OK) {
        status = signer_call_open(&pool, options, role, fault);
    }
    if (status == STATUS_OK) {
        status = check_signer(pool, &held, options, fault);
    }
    if (status == STATUS_OK) {
        status = make_gift(&gift, &held, options, fault);
    }
    if (status == STATUS_OK) {
        status = wire_activation_give(pool, &reply, &gift, &held.document, signer_call_timeout_ms(options), fault);
    }
    if (status == STATUS_OK) {
        (void)printf("given: the signer has %lld of %lld shares%s\n", (long long)reply.have, (long long)reply.threshold,
                     reply.open ? "; the token is open" : "");
    }
    signed_document_free(&gift);
    occasion_wipe(&held);
    wire_pool_free(pool);
    return status;
}
