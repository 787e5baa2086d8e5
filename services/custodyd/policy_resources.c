/*
 * The policy in force.
 */
#include "resources.h"
#include "service.h"

enum status policy_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    const struct policy_version *version = policies_in_force(service->policies);
    json_t *document = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    enum status status = signed_document_encode(&document, &version->document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    digest_format(digest, &version->policy.digest);
    return http_reply_json(reply, 200,
                           json_pack("{s:s, s:I, s:o}", "digest", digest, "version",
                                     (json_int_t)version->policy.version, "policy", document),
                           fault);
}
