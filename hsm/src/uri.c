/*
 * PKCS #11 URIs: the grammar and the decoding are libp11-kit's; which attributes may be there is ours.
 *
 * libp11-kit skips what it does not know and would take a PIN. So the names are looked at first, in the text.
 */
#include "hsm/uri.h"

#include <p11-kit/uri.h>
#include <string.h>

#define ATTRIBUTE_NAME_MAX 40 /* in a fault */

enum attribute_part { IN_PATH, IN_QUERY };

static const struct {
    const char *name;
    enum attribute_part part;
} attributes[] = {
    {"token", IN_PATH}, {"serial", IN_PATH}, {"manufacturer", IN_PATH}, {"model", IN_PATH}, {"module-path", IN_QUERY},
};

#define ATTRIBUTE_COUNT (sizeof attributes / sizeof attributes[0])

/* One attribute in the text: `name` is not ended by a NUL. */
struct attribute {
    const char *name;
    size_t name_len;
    enum attribute_part part;
};

static bool has_name(const struct attribute *attribute, const char *name)
{
    return strlen(name) == attribute->name_len && memcmp(attribute->name, name, attribute->name_len) == 0;
}

static enum status attribute_check(const struct attribute *attribute, unsigned *seen, struct fault *fault)
{
    char name[ATTRIBUTE_NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)attribute->name_len, attribute->name);
    if (has_name(attribute, "pin-value") || has_name(attribute, "pin-source")) {
        return fault_set(fault, STATUS_INVALID, name, "a PIN is never in a URI; give it by descriptor or credential");
    }
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (!has_name(attribute, attributes[i].name) || attributes[i].part != attribute->part) {
            continue;
        }
        if ((*seen & (1U << i)) != 0) {
            return fault_set(fault, STATUS_INVALID, name, "the attribute is there twice");
        }
        *seen |= 1U << i;
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, name, "%s",
                     attribute->part == IN_PATH ? "only token, serial, manufacturer and model select a token"
                                                : "only module-path may follow the question mark");
}

/* `text` is what follows the scheme. */
static enum status attributes_check(const char *text, struct fault *fault)
{
    unsigned seen = 0;
    struct attribute attribute = {.part = IN_PATH};
    bool more = *text != '\0';
    while (more) { /* after a separator there is one more, be it empty */
        attribute.name = text;
        attribute.name_len = strcspn(text, "=;&?");
        enum status status = attribute_check(&attribute, &seen, fault);
        if (status != STATUS_OK) {
            return status;
        }
        text += strcspn(text, attribute.part == IN_PATH ? ";?" : "&");
        if (*text == '?') {
            attribute.part = IN_QUERY;
        }
        more = *text != '\0';
        text += more;
    }
    return STATUS_OK;
}

/* One field of the token, padded with blanks in CK_TOKEN_INFO and all zeros when the URI does not have it. */
static enum status field_take(char *out, size_t size, const CK_UTF8CHAR *padded, const char *name, struct fault *fault)
{
    size_t len = size - 1;
    while (len > 0 && (padded[len - 1] == ' ' || padded[len - 1] == '\0')) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        if (padded[i] < 0x20 || padded[i] > 0x7e) {
            return fault_set(fault, STATUS_INVALID, name, "must be printable ASCII");
        }
    }
    memcpy(out, padded, len);
    out[len] = '\0';
    return STATUS_OK;
}

static enum status selector_take(struct hsm_token_selector *out, P11KitUri *uri, struct fault *fault)
{
    const CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri);
    const struct {
        char *text;
        size_t size;
        const CK_UTF8CHAR *padded;
        const char *name;
    } fields[] = {
        {out->label, sizeof out->label, info->label, "token"},
        {out->serial, sizeof out->serial, info->serialNumber, "serial"},
        {out->manufacturer, sizeof out->manufacturer, info->manufacturerID, "manufacturer"},
        {out->model, sizeof out->model, info->model, "model"},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        enum status status = field_take(fields[i].text, fields[i].size, fields[i].padded, fields[i].name, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return out->label[0] != '\0' || out->serial[0] != '\0'
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "token", "the URI must name token or serial");
}

static enum status module_take(char out[HSM_MODULE_PATH_SIZE], P11KitUri *uri, struct fault *fault)
{
    const char *path = p11_kit_uri_get_module_path(uri);
    if (path == NULL) {
        return STATUS_OK;
    }
    if (path[0] != '/' || strlen(path) >= HSM_MODULE_PATH_SIZE) {
        return fault_set(fault, STATUS_INVALID, "module-path", "must be an absolute path of at most %d characters",
                         HSM_MODULE_PATH_SIZE - 1);
    }
    snprintf(out, HSM_MODULE_PATH_SIZE, "%s", path);
    return STATUS_OK;
}

static enum status uri_read(struct hsm_uri *out, P11KitUri *uri, const char *text, struct fault *fault)
{
    /* A value that is too long is "unrecognized" there, and skipped. */
    if (p11_kit_uri_parse(text, P11_KIT_URI_FOR_TOKEN | P11_KIT_URI_FOR_MODULE, uri) != P11_KIT_URI_OK ||
        p11_kit_uri_any_unrecognized(uri) != 0) {
        return fault_set(fault, STATUS_INVALID, "uri", "not a PKCS #11 URI (RFC 7512), or a value is too long");
    }
    struct hsm_uri read = {.module_path = ""};
    enum status status = selector_take(&read.selector, uri, fault);
    if (status == STATUS_OK) {
        status = module_take(read.module_path, uri, fault);
    }
    if (status == STATUS_OK) {
        *out = read;
    }
    return status;
}

enum status hsm_uri_parse(struct hsm_uri *out, const char *text, struct fault *fault)
{
    static const char scheme[] = P11_KIT_URI_SCHEME ":";
    if (strncmp(text, scheme, sizeof scheme - 1) != 0) {
        return fault_set(fault, STATUS_INVALID, "uri", "must begin with %s", scheme);
    }
    enum status status = attributes_check(text + sizeof scheme - 1, fault);
    if (status != STATUS_OK) {
        return status;
    }
    P11KitUri *uri = p11_kit_uri_new();
    if (uri == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "uri", "no memory for the URI");
    }
    status = uri_read(out, uri, text, fault);
    p11_kit_uri_free(uri);
    return status;
}
