/*
 * Opening a token: the order of the checks, the one login, and what is undone when a step refuses.
 *
 * The PIN passes through to C_Login and is kept nowhere.
 */
#include "token.h"

#include "cryptoki.h"
#include "hsm/pin.h"
#include "hsm/softhsm.h"
#include "lock.h"
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

/* What the flags of a token say about one of its two PINs. */
struct pin_flags {
    CK_FLAGS locked;
    CK_FLAGS final_try;
    CK_FLAGS to_be_changed;
};

static const struct pin_flags user_flags = {CKF_USER_PIN_LOCKED, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_TO_BE_CHANGED};
static const struct pin_flags so_flags = {CKF_SO_PIN_LOCKED, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_TO_BE_CHANGED};

/* A wrong PIN now might be the last one the token bears; people unlock tokens, programs do not risk them. */
static const char *pin_state_problem(CK_FLAGS flags, CK_USER_TYPE user)
{
    const struct pin_flags *bits = user == CKU_SO ? &so_flags : &user_flags;
    if (user == CKU_USER && (flags & CKF_USER_PIN_INITIALIZED) == 0) {
        return "the token has no user PIN";
    }
    if ((flags & bits->locked) != 0) {
        return "the PIN is locked";
    }
    if ((flags & bits->final_try) != 0) {
        return "one attempt is left before the PIN locks; not tried";
    }
    return (flags & bits->to_be_changed) != 0 ? "the PIN must be changed first" : NULL;
}

enum status hsm_token_login(struct hsm_token *token, CK_USER_TYPE user, const struct secret *pin, struct fault *fault)
{
    const char *label = token->identity.label;
    const char *who = user == CKU_SO ? "SO" : "user";
    CK_TOKEN_INFO info;
    CK_RV rv = token->module.functions->C_GetTokenInfo(token->slot, &info);
    if (rv != CKR_OK) {
        return hsm_cryptoki_fault(rv, "C_GetTokenInfo", label, fault);
    }
    const char *problem = pin_state_problem(info.flags, user);
    if (problem != NULL) {
        return fault_set(fault, STATUS_PIN_REFUSED, label, "%s PIN: %s", who, problem);
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    atomic_store(&pin_spent, true);
    rv = token->module.functions->C_Login(session, user, pin->data, pin->len);
    hsm_sessions_give(&token->sessions, session);
    if (is_pin_answer(rv)) {
        return fault_set(fault, STATUS_PIN_REFUSED, label,
                         "the token refused the %s PIN; this process does not try again", who);
    }
    if (rv != CKR_OK) {
        return hsm_cryptoki_fault(rv, "C_Login", label, fault);
    }
    atomic_store(&pin_spent, false);
    token->logged_in = true;
    return STATUS_OK;
}

/* The texts of CK_TOKEN_INFO are padded with blanks and have no NUL. */
static void text_copy(char *out, size_t size, const CK_UTF8CHAR *padded)
{
    size_t len = size - 1;
    while (len > 0 && (padded[len - 1] == ' ' || padded[len - 1] == '\0')) {
        len--;
    }
    memcpy(out, padded, len);
    out[len] = '\0';
}

static void version_copy(char out[HSM_TOKEN_VERSION_SIZE], const CK_VERSION *version)
{
    snprintf(out, HSM_TOKEN_VERSION_SIZE, "%u.%u", version->major, version->minor);
}

static enum status facts_read(struct hsm_token *token, struct fault *fault)
{
    CK_TOKEN_INFO info;
    CK_RV rv = token->module.functions->C_GetTokenInfo(token->slot, &info);
    if (rv != CKR_OK) {
        return hsm_cryptoki_fault(rv, "C_GetTokenInfo", token->identity.label, fault);
    }
    struct hsm_token_facts *facts = &token->facts;
    text_copy(facts->label, sizeof facts->label, info.label);
    text_copy(facts->serial, sizeof facts->serial, info.serialNumber);
    text_copy(facts->manufacturer, sizeof facts->manufacturer, info.manufacturerID);
    text_copy(facts->model, sizeof facts->model, info.model);
    version_copy(facts->firmware, &info.firmwareVersion);
    version_copy(facts->hardware, &info.hardwareVersion);
    facts->rng = (info.flags & CKF_RNG) != 0;
    return STATUS_OK;
}

static enum status module_start(struct hsm_token *token, const struct hsm_token_config *config, struct fault *fault)
{
    enum status status = hsm_module_hash(&token->facts.module_sha256, config->module_path, fault);
    if (status == STATUS_OK && strlen(config->module_path) >= sizeof token->facts.module_path) {
        return fault_set(fault, STATUS_INVALID, "module", "the path is longer than %d characters",
                         HSM_MODULE_PATH_SIZE - 1);
    }
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(token->facts.module_path, sizeof token->facts.module_path, "%s", config->module_path);
    return hsm_module_open(&token->module, config->module_path, fault);
}

/* All that is refused before a PIN is used. */
static enum status pins_check(const struct hsm_token *token, const struct secret *pin, const struct hsm_kek *kek,
                              struct fault *fault)
{
    const struct hsm_token_selector *identity = &token->identity;
    enum status status = hsm_pin_check(pin, identity->label, identity->serial, "user PIN", fault);
    if (status != STATUS_OK || kek == NULL) {
        return status;
    }
    status = hsm_pin_check(kek->so_pin, identity->label, identity->serial, "SO PIN", fault);
    return status == STATUS_OK ? hsm_kek_check(token, kek, fault) : status;
}

static enum status token_find(struct hsm_token *token, const struct hsm_token_config *config, struct fault *fault)
{
    enum status status = module_start(token, config, fault);
    if (status == STATUS_OK) {
        status = files_check(token, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_module_find_slot(&token->module, &token->slot, &token->identity, &config->selector, fault);
    }
    return status == STATUS_OK ? facts_read(token, fault) : status;
}

static enum status token_start(struct hsm_token *token, const struct hsm_token_config *config, const struct secret *pin,
                               const struct hsm_kek *kek, struct fault *fault)
{
    enum status status = token_find(token, config, fault);
    if (status == STATUS_OK) {
        status = hsm_lock_take(&token->lock_fd, config->lock_folder, &token->identity, fault);
    }
    if (status == STATUS_OK) {
        status = pins_check(token, pin, kek, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_sessions_open(&token->sessions, token->module.functions, token->slot,
                                   hsm_token_session_flags(token), config->session_count, fault);
    }
    if (status == STATUS_OK && kek != NULL) {
        status = hsm_kek_bring(token, kek, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_token_login(token, CKU_USER, pin, fault);
    }
    if (status == STATUS_OK) {
        status = hsm_objects_audit(token, fault);
    }
    return status;
}

enum status hsm_token_open_with(struct hsm_token **out, const struct hsm_token_config *config, const struct secret *pin,
                                const struct hsm_kek *kek, struct fault *fault)
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
    token->restored = config->restored;
    token->owner = getpid();
    token->lock_fd = -1;
    pthread_mutex_init(&token->keys_lock, NULL);
    status = token_start(token, config, pin, kek, fault);
    if (status != STATUS_OK) {
        hsm_token_close(token);
        return status;
    }
    *out = token;
    return STATUS_OK;
}

enum status hsm_token_open(struct hsm_token **out, const struct hsm_token_config *config, const struct secret *pin,
                           struct fault *fault)
{
    return hsm_token_open_with(out, config, pin, NULL, fault);
}

static void token_stop(struct hsm_token *token)
{
    hsm_kek_drop(token);
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
    if (token->lock_fd >= 0) {
        close(token->lock_fd); /* the child of an owner gives up its copy alone */
    }
    for (size_t i = 0; i < token->key_count; i++) {
        free(token->keys[i]);
    }
    pthread_mutex_destroy(&token->keys_lock);
    free(token);
}

/* With the session in hand. */
static enum status session_probe(struct hsm_token *token, CK_SESSION_HANDLE session, struct fault *fault)
{
    CK_TOKEN_INFO token_info;
    CK_RV rv = token->module.functions->C_GetTokenInfo(token->slot, &token_info);
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_GetTokenInfo", token->identity.label, fault);
    }
    CK_SESSION_INFO session_info = {0};
    rv = token->module.functions->C_GetSessionInfo(session, &session_info);
    if (rv != CKR_OK) {
        return hsm_token_fault(token, rv, "C_GetSessionInfo", token->identity.label, fault);
    }
    if (session_info.state != CKS_RO_USER_FUNCTIONS && session_info.state != CKS_RW_USER_FUNCTIONS) {
        return hsm_token_fault(token, CKR_USER_NOT_LOGGED_IN, "C_GetSessionInfo", token->identity.label, fault);
    }
    return STATUS_OK;
}

enum status hsm_token_probe(struct hsm_token *token, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    status = session_probe(token, session, fault);
    hsm_sessions_give(&token->sessions, session);
    return status;
}

const struct hsm_token_selector *hsm_token_identity(const struct hsm_token *token)
{
    return &token->identity;
}

const struct hsm_token_facts *hsm_token_facts(const struct hsm_token *token)
{
    return &token->facts;
}

enum status hsm_token_random(struct hsm_token *token, void *out, size_t len, struct fault *fault)
{
    enum status status = hsm_token_ready(token, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CK_SESSION_HANDLE session = hsm_sessions_take(&token->sessions);
    CK_RV rv = token->module.functions->C_GenerateRandom(session, out, len);
    hsm_sessions_give(&token->sessions, session);
    return rv == CKR_OK ? STATUS_OK : hsm_token_fault(token, rv, "C_GenerateRandom", token->identity.label, fault);
}

enum status hsm_token_sync(const struct hsm_token *token, struct fault *fault)
{
    return token->is_softhsm ? hsm_softhsm_sync(token->softhsm_dir, fault) : STATUS_OK;
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
