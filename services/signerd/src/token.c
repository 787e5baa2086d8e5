/*
 * The way of the PIN: from a descriptor or a credential file into the secure heap, to the token, and away.
 */
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* systemd keeps credentials on a file system of their own; an ACL may show as bits of the group there. */
static enum status credential_check(int fd, const char *name, struct fault *fault)
{
    struct stat file;
    if (fstat(fd, &file) != 0) {
        return fault_set(fault, STATUS_IO, "pin-credential", "%s: errno %d", name, errno);
    }
    bool own = file.st_uid == geteuid() || file.st_uid == 0;
    mode_t open_to = file.st_uid == geteuid() ? 077 : 037;
    if (!S_ISREG(file.st_mode) || !own || (file.st_mode & open_to) != 0) {
        return fault_set(fault, STATUS_INVALID, "pin-credential",
                         "%s must be a regular file that no other user may read or write", name);
    }
    return STATUS_OK;
}

static enum status credential_open(int *out_fd, const char *name, struct fault *fault)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL || strchr(name, '/') != NULL) {
        return fault_set(fault, STATUS_USAGE, "pin-credential", "a name of a file in $CREDENTIALS_DIRECTORY");
    }
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, STATUS_IO, "pin-credential", "could not open %s: errno %d", name, errno);
    }
    enum status status = credential_check(fd, name, fault);
    if (status != STATUS_OK) {
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    return STATUS_OK;
}

static enum status descriptor_check(int fd, const char *option, struct fault *fault)
{
    return fcntl(fd, F_GETFD) >= 0 ? STATUS_OK
                                   : fault_set(fault, STATUS_USAGE, option, "there is no descriptor %d open", fd);
}

/* What was read once is empty the second time, unless it is a file. */
static enum status pin_descriptor_read(struct secret *out, int fd, struct fault *fault)
{
    enum status status = descriptor_check(fd, "pin-fd", fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool again = lseek(fd, 0, SEEK_SET) == 0;
    struct fault inner = {0};
    status = secret_read(out, fd, &inner);
    if (status == STATUS_OK) {
        return STATUS_OK;
    }
    return again ? fault_set(fault, status, "pin-fd", "%s", inner.detail)
                 : fault_set(fault, status, "pin-fd", "%s; it is no file, so it can be read once only", inner.detail);
}

enum status token_pin_read(struct secret *out, const struct options *options, struct fault *fault)
{
    bool by_name = options->pin_credential[0] != '\0';
    if (by_name == (options->pin_fd >= 0)) {
        return fault_set(fault, STATUS_USAGE, "pin-fd", "exactly one of pin-fd and pin-credential");
    }
    int fd = (int)options->pin_fd;
    if (by_name) {
        enum status status = credential_open(&fd, options->pin_credential, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = pin_descriptor_read(out, fd, fault);
    (void)close(fd);
    return status;
}

/* A URI says all there is to say; a label may be joined by a serial and needs a module. */
enum status token_choose(struct hsm_uri *out, const struct options *options, struct fault *fault)
{
    struct hsm_uri uri = {.module_path = ""};
    if (strncmp(options->token, "pkcs11:", strlen("pkcs11:")) == 0) {
        enum status status = hsm_uri_parse(&uri, options->token, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (options->serial[0] != '\0') {
            return fault_set(fault, STATUS_USAGE, "serial", "the URI of the option token says it");
        }
    } else if (strlen(options->token) >= sizeof(uri.selector.label)) {
        return fault_set(fault, STATUS_USAGE, "token", "a label has at most %d characters", HSM_TOKEN_LABEL_SIZE - 1);
    } else {
        memcpy(uri.selector.label, options->token, strlen(options->token) + 1);
        memcpy(uri.selector.serial, options->serial, sizeof(options->serial));
    }
    if (uri.selector.label[0] == '\0' && uri.selector.serial[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "token", "the URI, the label or the serial number of the token");
    }
    if (uri.module_path[0] == '\0' && options->module[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "module", "needed, unless the URI of the token has a module-path");
    }
    if (uri.module_path[0] != '\0' && options->module[0] != '\0') {
        return fault_set(fault, STATUS_USAGE, "module", "the URI of the token has a module-path, too: one of them");
    }
    if (uri.module_path[0] == '\0') {
        (void)snprintf(uri.module_path, sizeof(uri.module_path), "%s", options->module);
    }
    *out = uri;
    return STATUS_OK;
}

enum status token_so_pin_read(struct secret *out, const struct options *options, struct fault *fault)
{
    enum status status = descriptor_check((int)options->so_pin_fd, "so-pin-fd", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = secret_read(out, (int)options->so_pin_fd, fault);
    (void)close((int)options->so_pin_fd);
    return status;
}

static enum status open_with_pin(struct hsm_token **out, const struct hsm_token_config *config,
                                 const struct options *options, struct fault *fault)
{
    struct secret pin = {0};
    enum status status = token_pin_read(&pin, options, fault);
    if (status == STATUS_OK) {
        status = hsm_token_open(out, config, &pin, fault);
    }
    secret_free(&pin);
    return status;
}

static struct hsm_token_config config_make(const struct hsm_uri *uri, const struct options *options,
                                           enum hsm_token_use use, bool restored)
{
    return (struct hsm_token_config){.module_path = uri->module_path,
                                     .selector = uri->selector,
                                     .session_count = 1,
                                     .use = use,
                                     .restored = restored,
                                     .lock_folder = options->lock_folder};
}

enum status token_open(struct hsm_token **out, const struct options *options, enum hsm_token_use use,
                       struct fault *fault)
{
    struct hsm_uri uri = {.module_path = ""};
    enum status status = token_choose(&uri, options, fault);
    const struct hsm_token_config config = config_make(&uri, options, use, false);
    return status == STATUS_OK ? open_with_pin(out, &config, options, fault) : status;
}

enum status token_open_restored(struct hsm_token **out, const struct options *options, enum hsm_token_use use,
                                struct fault *fault)
{
    struct hsm_uri uri = {.module_path = ""};
    enum status status = token_choose(&uri, options, fault);
    const struct hsm_token_config config = config_make(&uri, options, use, true);
    return status == STATUS_OK ? open_with_pin(out, &config, options, fault) : status;
}
