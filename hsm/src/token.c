/*
 * Opening a token: the order of the checks, the one login, and what is undone when a step refuses.
 *
 * The PIN passes through to C_Login and is kept nowhere.
 */
#include "token.h"

#include "cryptoki.h"
#include "hsm/softhsm.h"
#include "object.h"

/* Of the process: one token at a time, and no second try once a login did not succeed, for whatever reason. */
static atomic_bool is_open;
static atomic_bool pin_spent;

/* Answers of C_Login that are about the PIN. */
static bool is_pin_answer(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_EXPIRED ||
           rv == CKR_PIN_LOCKED || rv == CKR_USER_PIN_NOT_INITIALIZED;
}

static enum status config_check(const struct hsm_token_config *config, const struct secret *pin, struct fault *fault)
{
    if (config->session_count < 1 || config->session_count > HSM_SESSIONS_MAX) {
        return fault_set(fault, STATUS_INVALID, "sessions", "must be 1..%d", HSM_SESSIONS_MAX);
    }
    if (config->selector.label[0] == '\0' && config->selector.serial[0] == '\0') {
        return fault_set(fault, STATUS_INVALID, "token", "neither a label nor a serial was given");
    }
    if (pin->data == NULL || pin->len == 0) {
        return fault_set(fault, STATUS_INVALID, "pin", "the PIN is empty");
    }
    return STATUS_OK;
}

/*
 * Before any session: a login rewrites token.object. Initialising the module has only read the files, so its own word
 * on who it is serves, through a wrapping module (a spy) too.
 */
static enum status files_check(struct hsm_token *token, struct fault *fault)
{
    token->is_softhsm = hsm_module_is_softhsm(&token->module);
    if (!token->is_softhsm) {
        return STATUS_OK;
    }
    enum status status = hsm_softhsm_token_dir(token->softhsm_dir, sizeof token->softhsm_dir, fault);
    if (status != STATUS_OK) {
        return status;
    }
    return hsm_softhsm_check(token->softhsm_dir, fault);
}

/* A wrong PIN now might be the last one the token bears; people unlock tokens, programs do not risk them. */
static enum status pin_state_check(const struct hsm_token *token, struct fault *fault)
{
    static const struct {
        CK_FLAGS flag;
        bool wanted;
        const char *text;
    } rules[] = {
        {CKF_USER_PIN_INITIALIZED, true, "the token has no user PIN"},
        {CKF_USER_PIN_LOCKED, false, "the user PIN is locked"},
        {CKF_USER_PIN_FINAL_TRY, false, "one attempt is left before the user PIN locks; not tried"},
        {CKF_USER_PIN_TO_BE_CHANGED, false, "the user PIN must be changed first"},
    };
    CK_TOKEN_INFO info;
    CK_RV rv = token->module.functions->C_GetTokenInfo(token->slot, &info);
    if (rv != CKR_OK) {
        return hsm_cryptoki_fault(rv, "C_GetTokenInfo", token->identity.label, fault);
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (((info.flags & rules[i].flag) != 0) != rules[i].wanted) {
            return fault_set(fault, STATUS_PIN_REFUSED, token->identity.label, "%s", rules[i].text);
        }
    }
    return STATUS_OK;
}

static enum status login(struct hsm_token *token, const struct secret *pin, struct fault *fault)
{
    enum status status = pin_state_check(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    atomic_store(&pin_spent, true);
    CK_RV rv = token->module.functions->C_Login(session, CKU_USER, pin->data, pin->len);
    hsm_sessions_give(&token->sessions, session);
    if (is_pin_answer(rv)) {
        return fault_set(fault, STATUS_PIN_REFUSED, token->identity.label,
                         "the token refused the PIN; this process does not try again");
    }
    if (rv != CKR_OK) {
        return hsm_cryptoki_fault(rv, "C_Login", token->identity.label, fault);
    }
    atomic_store(&pin_spent, false);
    token->logged_in = true;
    return STATUS_OK;
}

static enum status token_start(struct hsm_token *token, const struct hsm_token_config *config, const struct secret *pin,
                               struct fault *fault)
{
    enum status status = hsm_module_open(&token->module, config->module_path, fault);
    if (status == STATUS_OK) {
        status = files_check(token, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_module_find_slot(&token->module, &token->slot, &token->identity, &config->selector, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_sessions_open(&token->sessions, token->module.functions, token->slot,
                                   hsm_token_session_flags(token), config->session_count, fault);
    }
    if (status == STATUS_OK) {
        status = login(token, pin, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_objects_audit(token, fault);
    }
    return status;
}

enum status hsm_token_open(struct hsm_token **out, const struct hsm_token_config *config, const struct secret *pin,
                           struct fault *fault)
{
    enum status status = config_check(config, pin, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (atomic_load(&pin_spent)) {
        return fault_set(fault, STATUS_PIN_REFUSED, "pin", "a login of this process failed before; it does not retry");
    }
    if (atomic_exchange(&is_open, true)) {
        return fault_set(fault, STATUS_CONFLICT, "token", "this process has a token open");
    }
    struct hsm_token *token = calloc(1, sizeof *token);
    if (token == NULL) {
        atomic_store(&is_open, false);
        return fault_set(fault, STATUS_NO_MEMORY, "token", "no memory for the token");
    }
    token->use = config->use;
    token->owner = getpid();
    pthread_mutex_init(&token->keys_lock, NULL);
    status = token_start(token, config, pin, fault);
    if (status != STATUS_OK) {
        hsm_token_close(token);
        return status;
    }
    *out = token;
    return STATUS_OK;
}

static void token_stop(struct hsm_token *token)
{
    if (token->logged_in) {
        CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
        /* Closing the sessions and the module ends the login as well. */
        (void)token->module.functions->C_Logout(session);
        hsm_sessions_give(&token->sessions, session);
    }
    hsm_sessions_close(&token->sessions, token->module.functions);
    hsm_module_close(&token->module);
}

void hsm_token_close(struct hsm_token *token)
{
    if (token == NULL) {
        return;
    }
    /* In a child of the owner the module belongs to the parent's memory image; it is left alone. */
    if (token->owner == getpid()) {
        token_stop(token);
        atomic_store(&is_open, false);
    }
    for (size_t i = 0; i < token->key_count; i++) {
        free(token->keys[i]);
    }
    pthread_mutex_destroy(&token->keys_lock);
    free(token);
}

bool hsm_token_is_lost(const struct hsm_token *token)
{
    return atomic_load(&token->lost);
}

const struct hsm_token_selector *hsm_token_identity(const struct hsm_token *token)
{
    return &token->identity;
}

enum status hsm_token_ready(const struct hsm_token *token, struct fault *fault)
{
    if (token->owner != getpid()) {
        return fault_set(fault, STATUS_TOKEN, token->identity.label, "the token was opened by another process");
    }
    if (atomic_load(&token->lost)) {
        return fault_set(fault, STATUS_TOKEN, token->identity.label, "the token was lost; start the process again");
    }
    return STATUS_OK;
}

enum status hsm_token_fault(struct hsm_token *token, CK_RV rv, const char *call, const char *where, struct fault *fault)
{
    if (hsm_cryptoki_is_loss(rv)) {
        atomic_store(&token->lost, true);
    }
    return hsm_cryptoki_fault(rv, call, where, fault);
}

CK_FLAGS hsm_token_session_flags(const struct hsm_token *token)
{
    return token->use == HSM_TOKEN_GENERATE ? CKF_SERIAL_SESSION | CKF_RW_SESSION : CKF_SERIAL_SESSION;
}
