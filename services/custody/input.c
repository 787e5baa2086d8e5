/*
 * What several commands read and write: files, passphrases, results.
 */
#include <errno.h>
#include <fcntl.h>
#include <termios.h>

#include "base/file.h"
#include "commands.h"

const char *command_service_text(char out[SERVICE_TEXT_SIZE], const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    (void)snprintf(out, SERVICE_TEXT_SIZE, "%s", text == NULL ? "" : text);
    for (char *at = out; *at != '\0'; at++) {
        *at = *at < 0x20 || *at > 0x7e ? '?' : *at;
    }
    return out;
}

enum status command_read_file(struct bytes *out, const char *path, size_t max, struct fault *fault)
{
    return path[0] == '\0' ? fault_set(fault, STATUS_USAGE, "in", "name the file")
                           : file_read_document(out, path, max, "in", fault);
}

/* Asks on the terminal with echo off. */
static enum status ask_passphrase(struct secret *out, struct fault *fault)
{
    struct termios before;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return fault_set(fault, STATUS_USAGE, "passphrase-file", "there is no terminal to ask on");
    }
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    (void)dprintf(fd, "passphrase: ");
    char line[1024];
    ssize_t len = read(fd, line, sizeof(line));
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    (void)dprintf(fd, "\n");
    (void)close(fd);
    len = len > 0 && line[len - 1] == '\n' ? len - 1 : len;
    enum status status =
        len < 1 ? fault_set(fault, STATUS_INVALID, "passphrase", "is empty") : secret_new(out, (size_t)len);
    if (status == STATUS_OK) {
        memcpy(out->data, line, (size_t)len);
    }
    secret_wipe(line, sizeof(line));
    return status;
}

static enum status read_passphrase(struct secret *out, const struct custody_options *options, struct fault *fault)
{
    return options->passphrase_file[0] == '\0' ? ask_passphrase(out, fault)
                                               : secret_read_file(out, options->passphrase_file, fault);
}

enum status command_open_key(struct keyfile **out, const struct custody_options *options, struct fault *fault)
{
    struct secret passphrase = {0};
    if (options->key[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "key", "name the key file");
    }
    enum status status = read_passphrase(&passphrase, options, fault);
    if (status == STATUS_OK) {
        status = keyfile_open(out, options->key, &passphrase, fault);
    }
    secret_free(&passphrase);
    return status;
}

enum status command_new_key(struct public_key *out, const struct custody_options *options, struct fault *fault)
{
    struct secret passphrase = {0};
    const struct algorithm_info *info = algorithm_find(options->algorithm);
    if (info == NULL) {
        return fault_set(fault, STATUS_USAGE, "algorithm", "must be p256, ed25519 or secp256k1");
    }
    if (options->out[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "out", "name the file to make");
    }
    enum status status = read_passphrase(&passphrase, options, fault);
    if (status == STATUS_OK) {
        status = keyfile_generate(out, options->out, info->algorithm, &passphrase, fault);
    }
    secret_free(&passphrase);
    return status;
}

enum status command_output(FILE **out, const struct custody_options *options, struct fault *fault)
{
    if (options->out[0] == '\0') {
        *out = stdout;
        return STATUS_OK;
    }
    int fd = open(options->out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (stream == NULL) {
        return fault_set(fault, errno == EEXIST ? STATUS_EXISTS : STATUS_IO, options->out, "%s", strerror(errno));
    }
    *out = stream;
    return STATUS_OK;
}

enum status command_output_end(FILE *stream, struct fault *fault)
{
    bool good = fflush(stream) == 0 && ferror(stream) == 0;
    good = (stream == stdout || fclose(stream) == 0) && good;
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "out", "could not write");
}
