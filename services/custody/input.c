/*
 * What several commands read and write: files, passphrases, results.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

static volatile sig_atomic_t prompt_signal;

static void prompt_interrupt(int number)
{
    prompt_signal = number;
}

/* A line with echo off. Whatever ends the program at the prompt ends it with the terminal as it was. */
static ssize_t quiet_read(int fd, const struct termios *before, char *line, size_t size)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};
    enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
    struct sigaction old[COUNT];
    const struct sigaction interrupt = {.sa_handler = prompt_interrupt}; /* no SA_RESTART: read returns */
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(numbers[i], &interrupt, &old[i]);
    }
    struct termios quiet = *before;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &quiet);
    ssize_t len = prompt_signal == 0 ? read(fd, line, size) : -1;
    (void)tcsetattr(fd, TCSAFLUSH, before);
    (void)dprintf(fd, "\n");
    for (size_t i = 0; i < COUNT; i++) {
        (void)sigaction(numbers[i], &old[i], NULL);
    }
    if (prompt_signal != 0) {
        secret_wipe(line, size);
        (void)raise(prompt_signal);
    }
    return len;
}

/* Asks on the terminal with echo off. */
static enum status ask_passphrase(struct secret *out, const char *what, const char *path, struct fault *fault)
{
    struct termios before;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return fault_set(fault, STATUS_USAGE, "passphrase-file", "there is no terminal to ask on");
    }
    (void)dprintf(fd, "%s of %s: ", what, path);
    char line[1024];
    ssize_t len = quiet_read(fd, &before, line, sizeof(line));
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

/* The passphrase of the key file `path`: from the file `from` or, where there is none, from the terminal. */
static enum status read_passphrase(struct secret *out, const char *from, const char *path, struct fault *fault)
{
    return from[0] == '\0' ? ask_passphrase(out, "passphrase", path, fault) : secret_read_file(out, from, fault);
}

enum status command_open_key(struct keyfile **out, const struct custody_options *options, struct fault *fault)
{
    struct secret passphrase = {0};
    if (options->key[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "key", "name the key file");
    }
    enum status status = read_passphrase(&passphrase, options->passphrase_file, options->key, fault);
    if (status == STATUS_OK) {
        status = keyfile_open(out, options->key, &passphrase, fault);
    }
    secret_free(&passphrase);
    return status;
}

enum status command_open_seal_key(struct secret *out, const struct custody_options *options, struct fault *fault)
{
    struct secret passphrase = {0};
    const char *from = options->seal_passphrase_file;
    if (options->seal_key[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "seal-key", "name the file of the sealing key");
    }
    enum status status =
        read_passphrase(&passphrase, from[0] == '\0' ? options->passphrase_file : from, options->seal_key, fault);
    if (status == STATUS_OK) {
        status = keyfile_open_seal(out, options->seal_key, &passphrase, fault);
    }
    secret_free(&passphrase);
    return status;
}

/* Twice, because nobody sees what is typed and a key file is opened by nothing else. */
static enum status ask_new_passphrase(struct secret *out, const char *path, struct fault *fault)
{
    struct secret again = {0};
    struct secret first = {0};
    enum status status = ask_passphrase(&first, "new passphrase", path, fault);
    if (status == STATUS_OK) {
        status = ask_passphrase(&again, "once more the passphrase", path, fault);
    }
    if (status == STATUS_OK && (first.len != again.len || memcmp(first.data, again.data, first.len) != 0)) {
        status = fault_set(fault, STATUS_MISMATCH, "passphrase", "was typed in two ways: nothing was made");
    }
    if (status == STATUS_OK) {
        *out = first; /* transferred */
        first = (struct secret){0};
    }
    secret_free(&first);
    secret_free(&again);
    return status;
}

static enum status new_passphrase(struct secret *out, const struct custody_options *options, const char *from,
                                  struct fault *fault)
{
    if (options->out[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, "out", "name the file to make");
    }
    return from[0] == '\0' ? ask_new_passphrase(out, options->out, fault) : secret_read_file(out, from, fault);
}

enum status command_new_key(struct public_key *out, const struct custody_options *options, struct fault *fault)
{
    struct secret passphrase = {0};
    const struct algorithm_info *info = algorithm_find(options->algorithm);
    if (info == NULL) {
        return fault_set(fault, STATUS_USAGE, "algorithm", "must be p256, ed25519 or secp256k1");
    }
    enum status status = new_passphrase(&passphrase, options, options->passphrase_file, fault);
    if (status == STATUS_OK) {
        status = keyfile_generate(out, options->out, info->algorithm, &passphrase, fault);
    }
    secret_free(&passphrase);
    return status;
}

enum status command_new_seal_key(struct seal_key *out, const struct custody_options *options, struct fault *fault)
{
    struct secret passphrase = {0};
    const char *from = options->seal_passphrase_file;
    enum status status = new_passphrase(&passphrase, options, from[0] == '\0' ? options->passphrase_file : from, fault);
    if (status == STATUS_OK) {
        status = keyfile_generate_seal(out, options->out, &passphrase, fault);
    }
    secret_free(&passphrase);
    return status;
}

/* The file of --out while it is written: who ends the program then leaves no part of it. */
static char unfinished[sizeof(((struct custody_options *)0)->out)];

static void drop_unfinished(int number)
{
    (void)unlink(unfinished);
    (void)raise(number); /* ends the program when this returns: SA_RESETHAND */
}

/* Signals that somebody else ignores or waits for stay his. */
static void exchange_handlers(void (*from)(int), void (*to)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = to, .sa_flags = SA_RESETHAND};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler == from) {
            (void)sigaction(numbers[i], &action, NULL);
        }
    }
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
    (void)snprintf(unfinished, sizeof(unfinished), "%s", options->out);
    exchange_handlers(SIG_DFL, drop_unfinished);
    *out = stream;
    return STATUS_OK;
}

enum status command_output_whole(FILE *stream, const struct custody_options *options, enum status status,
                                 struct fault *fault)
{
    bool good = fflush(stream) == 0 && ferror(stream) == 0;
    good = (stream == stdout || fclose(stream) == 0) && good;
    if (status == STATUS_OK && !good) {
        status = fault_set(fault, STATUS_IO, stream == stdout ? "standard output" : "out", "could not write");
    }
    exchange_handlers(drop_unfinished, SIG_DFL);
    if (status != STATUS_OK && stream != stdout) {
        (void)unlink(options->out);
    }
    return status;
}

void command_name_file(struct fault *fault, const char *path)
{
    if (fault != NULL && fault->status != STATUS_OK && fault->where[0] == '\0') {
        (void)snprintf(fault->where, sizeof(fault->where), "%s", path);
        for (char *c = fault->where; *c != '\0'; c++) {
            *c = *c >= 32 && *c < 127 ? *c : '?';
        }
    }
}

enum status command_read_signed(struct signed_document *out, const char *path, size_t max, const char *where,
                                struct fault *fault)
{
    struct bytes text = {0};
    json_t *object = NULL;
    if (path[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, where, "name the file");
    }
    enum status status = file_read_document(&text, path, 2 * max, where, fault);
    if (status == STATUS_OK) {
        status = canon_parse_relaxed(&object, text.data, text.len, 2 * max, fault);
    }
    /* A command may have either member for itself, never both. */
    bool is_signed = json_object_get(object, "document") != NULL && json_object_get(object, "signatures") != NULL;
    if (status == STATUS_OK && !is_signed) {
        status = fault_set(fault, STATUS_INVALID, where, "%s is not signed: custody sign adds signatures", path);
    }
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, max, "", fault);
    }
    json_decref(object);
    bytes_free(&text);
    command_name_file(fault, path);
    return status;
}

enum status command_write_signed(const struct signed_document *document, const struct custody_options *options,
                                 struct fault *fault)
{
    json_t *object = NULL;
    FILE *stream = NULL;
    enum status status = signed_document_encode(&object, document, fault);
    if (status == STATUS_OK) {
        status = command_output(&stream, options, fault);
    }
    if (status == STATUS_OK) {
        (void)json_dumpf(object, stream, JSON_COMPACT | JSON_SORT_KEYS);
        (void)fputc('\n', stream);
        status = command_output_whole(stream, options, STATUS_OK, fault);
    }
    json_decref(object);
    return status;
}

enum status command_write_document(const struct bytes *document, const struct custody_options *options,
                                   struct fault *fault)
{
    FILE *stream = NULL;
    enum status status = command_output(&stream, options, fault);
    if (status == STATUS_OK) {
        (void)fwrite(document->data, 1, document->len, stream);
        (void)fputc('\n', stream);
        status = command_output_whole(stream, options, STATUS_OK, fault);
    }
    return status;
}

enum status command_add_signature(struct signed_document *document, const char *kind,
                                  const struct custody_options *options, struct fault *fault)
{
    struct keyfile *keyfile = NULL;
    struct signature signature;
    enum status status = command_open_key(&keyfile, options, fault);
    if (status == STATUS_OK) {
        status = keyfile_sign(&signature, keyfile, kind, document->document.data, document->document.len, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_add(document, &signature);
        status = status == STATUS_EXISTS ? fault_set(fault, status, "key", "it has signed already") : status;
    }
    keyfile_free(keyfile);
    return status;
}
