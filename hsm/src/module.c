/*
 * Loading a PKCS#11 module and finding the token in it, through libp11.
 *
 * libp11 ends here: it keeps the PIN of a login in ordinary heap and cannot list a token that holds an Ed25519 key, so
 * sessions, login, objects and signatures go through the module's own function list.
 */
#include "module.h"

#include <dlfcn.h>
#include <openssl/err.h>

#include "base/file.h"
#include "cryptoki.h"

#define MODULE_FILE_MAX (256UL * 1024 * 1024)

/* libp11 reports through OpenSSL's error queue; nothing of it may be left for the next caller of OpenSSL. */
static const char *libp11_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_get_error());
    ERR_clear_error();
    return reason == NULL ? "no reason given" : reason;
}

static enum status functions_get(struct hsm_module *module, const char *path, struct fault *fault)
{
    module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    if (module->library == NULL) {
        return fault_set(fault, STATUS_TOKEN, "module", "%s was loaded but cannot be found again", path);
    }
    CK_C_GetFunctionList get;
    /* POSIX gives a function as void *; ISO C has no conversion for it. */
    *(void **)&get = dlsym(module->library, "C_GetFunctionList");
    if (get == NULL) {
        return fault_set(fault, STATUS_TOKEN, "module", "%s has no C_GetFunctionList", path);
    }
    CK_RV rv = get(&module->functions);
    if (rv != CKR_OK || module->functions == NULL) {
        return hsm_cryptoki_fault(rv, "C_GetFunctionList", "module", fault);
    }
    return STATUS_OK;
}

enum status hsm_module_hash(struct digest *out, const char *path, struct fault *fault)
{
    /* A relative name would be searched along the library path, which others may set. */
    if (path == NULL || path[0] != '/') {
        return fault_set(fault, STATUS_INVALID, "module", "the path of the PKCS#11 module must be absolute");
    }
    struct bytes file = {0};
    struct fault inner = {0};
    if (file_read(&file, path, MODULE_FILE_MAX, "module", &inner) != STATUS_OK) {
        return fault_set(fault, STATUS_TOKEN, "module", "%s", inner.detail);
    }
    digest_sha256(out, file.data, file.len);
    bytes_free(&file);
    return STATUS_OK;
}

enum status hsm_module_open(struct hsm_module *out, const char *path, struct fault *fault)
{
    struct hsm_module module = {.context = PKCS11_CTX_new()};
    if (module.context == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "module", "no memory for the PKCS#11 module");
    }
    if (PKCS11_CTX_load(module.context, path) != 0) {
        enum status status =
            fault_set(fault, STATUS_TOKEN, "module", "could not load and initialise %s: %s", path, libp11_reason());
        PKCS11_CTX_free(module.context);
        return status;
    }
    enum status status = functions_get(&module, path, fault);
    if (status != STATUS_OK) {
        hsm_module_close(&module);
        return status;
    }
    *out = module;
    return STATUS_OK;
}

void hsm_module_close(struct hsm_module *module)
{
    if (module->context != NULL) {
        PKCS11_CTX_unload(module->context);
        PKCS11_CTX_free(module->context);
        ERR_clear_error();
    }
    if (module->library != NULL) {
        dlclose(module->library);
    }
    *module = (struct hsm_module){0};
}

bool hsm_module_is_softhsm(const struct hsm_module *module)
{
    const char *manufacturer = module->context->manufacturer;
    return manufacturer != NULL && strncmp(manufacturer, "SoftHSM", strlen("SoftHSM")) == 0;
}

static bool field_agrees(const char *wanted, const char *actual)
{
    return wanted[0] == '\0' || (actual != NULL && strcmp(wanted, actual) == 0);
}

static bool slot_agrees(const PKCS11_SLOT *slot, const struct hsm_token_selector *selector)
{
    const PKCS11_TOKEN *token = slot->token;
    return token != NULL && token->initialized && field_agrees(selector->label, token->label) &&
           field_agrees(selector->serial, token->serialnr) &&
           field_agrees(selector->manufacturer, token->manufacturer) && field_agrees(selector->model, token->model);
}

static enum status slot_pick(const PKCS11_SLOT **out, const PKCS11_SLOT *slots, unsigned count,
                             const struct hsm_token_selector *selector, struct fault *fault)
{
    const PKCS11_SLOT *found = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (!slot_agrees(&slots[i], selector)) {
            continue;
        }
        if (found != NULL) {
            return fault_set(fault, STATUS_CONFLICT, "token", "two tokens have label '%s' serial '%s'; name the serial",
                             selector->label, selector->serial);
        }
        found = &slots[i];
    }
    if (found == NULL) {
        bool narrowed = selector->manufacturer[0] != '\0' || selector->model[0] != '\0';
        return fault_set(fault, STATUS_NOT_FOUND, "token", "no token has label '%s' serial '%s'%s", selector->label,
                         selector->serial, narrowed ? " and the manufacturer and model given" : "");
    }
    *out = found;
    return STATUS_OK;
}

enum status hsm_module_find_slot(const struct hsm_module *module, CK_SLOT_ID *out_slot,
                                 struct hsm_token_selector *out_identity, const struct hsm_token_selector *selector,
                                 struct fault *fault)
{
    PKCS11_SLOT *slots = NULL;
    unsigned count = 0;
    if (PKCS11_enumerate_slots(module->context, &slots, &count) != 0) {
        return fault_set(fault, STATUS_TOKEN, "token", "could not list the slots: %s", libp11_reason());
    }
    const PKCS11_SLOT *slot = NULL;
    enum status status = slot_pick(&slot, slots, count, selector, fault);
    if (status == STATUS_OK) {
        PKCS11_SLOT *mutable_slot = &slots[slot - slots];
        *out_slot = PKCS11_get_slotid_from_slot(mutable_slot);
        snprintf(out_identity->label, sizeof out_identity->label, "%s", slot->token->label);
        snprintf(out_identity->serial, sizeof out_identity->serial, "%s", slot->token->serialnr);
        snprintf(out_identity->manufacturer, sizeof out_identity->manufacturer, "%s", slot->token->manufacturer);
        snprintf(out_identity->model, sizeof out_identity->model, "%s", slot->token->model);
    }
    PKCS11_release_all_slots(module->context, slots, count);
    ERR_clear_error();
    return status;
}
