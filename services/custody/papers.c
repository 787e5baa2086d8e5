/*
 * Key documents in files. A document is judged as of its own time, by the people who were in charge then; whether its
 * key is still ours is for the newest policy and the signer's guard to say.
 */
#include "papers.h"

#include "commands.h"

/* Takes the document over, also when it fails. */
static enum status take_document(struct key_papers *out, struct signed_document *document, struct fault *fault)
{
    struct key_papers papers = {.document = *document}; /* transferred */
    *document = (struct signed_document){0};
    enum status status =
        key_document_decode(&papers.key, papers.document.document.data, papers.document.document.len, fault);
    if (status != STATUS_OK) {
        papers_wipe(&papers);
        return status;
    }
    key_document_digest(&papers.digest, papers.document.document.data, papers.document.document.len);
    *out = papers; /* transferred */
    return STATUS_OK;
}

enum status papers_read(struct key_papers *out, const struct custody_options *options, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = command_read_signed(&document, options->document, CANON_DOCUMENT_MAX, "document", fault);
    return status == STATUS_OK ? take_document(out, &document, fault) : status;
}

enum status papers_decode(struct key_papers *out, const json_t *object, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = signed_document_decode(&document, object, CANON_DOCUMENT_MAX, "document.", fault);
    return status == STATUS_OK ? take_document(out, &document, fault) : status;
}

enum status papers_verify(const struct key_papers *papers, const struct chain *chain, struct fault *fault)
{
    struct key_document again;
    const struct policy *policy = chain_find(chain, &papers->key.policy);
    if (policy == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "the key document names a policy that is not given");
    }
    return key_document_verify(&again, &papers->document, policy, papers->key.issued_at, fault);
}

void papers_wipe(struct key_papers *papers)
{
    signed_document_free(&papers->document);
    *papers = (struct key_papers){0};
}
