/*
 * Documents on their way out of an offline subcommand. A file that is there already is never touched: a paper of an
 * earlier ceremony must not be lost by a repeated command.
 */
#include "papers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define PATH_ROOM 4096
#define SIGNED_MAX (CANON_DOCUMENT_MAX * 4)

enum status papers_token(struct token_identity *out, const struct hsm_token_facts *facts, struct fault *fault)
{
    struct token_identity token = {.label = ""};
    (void)snprintf(token.firmware, sizeof(token.firmware), "%s", facts->firmware);
    (void)snprintf(token.label, sizeof(token.label), "%s", facts->label);
    (void)snprintf(token.manufacturer, sizeof(token.manufacturer), "%s", facts->manufacturer);
    (void)snprintf(token.model, sizeof(token.model), "%s", facts->model);
    (void)snprintf(token.serial, sizeof(token.serial), "%s", facts->serial);
    json_t *object = NULL;
    enum status status = token_identity_encode(&object, &token, fault);
    if (status == STATUS_OK) {
        json_decref(object);
        *out = token;
    }
    return status;
}

enum status papers_sign(struct signature *out, const char *kind, const struct bytes *document,
                        const struct hsm_key *key, struct fault *fault)
{
    struct bytes message = {0};
    enum status status = document_message(&message, kind, document->data, document->len);
    if (status != STATUS_OK) {
        return fault_set(fault, status, kind, "no memory for the message");
    }
    status = hsm_key_sign(key, out, message.data, message.len, fault);
    bytes_free(&message);
    return status;
}

enum status papers_signed(struct signed_document *out, const char *kind, const struct bytes *document,
                          const struct hsm_key *key, struct fault *fault)
{
    struct signature signature;
    struct signed_document made = {0};
    enum status status = papers_sign(&signature, kind, document, key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = bytes_copy(&made.document, document->data, document->len);
    if (status == STATUS_OK) {
        status = signed_document_add(&made, &signature);
    }
    if (status != STATUS_OK) {
        signed_document_free(&made);
        return fault_set(fault, status, kind, "no memory for the document");
    }
    *out = made; /* transferred */
    return STATUS_OK;
}

enum status papers_print(const struct bytes *text, struct fault *fault)
{
    bool printed =
        fwrite(text->data, 1, text->len, stdout) == text->len && putchar('\n') == '\n' && fflush(stdout) == 0;
    return printed ? STATUS_OK : fault_set(fault, STATUS_IO, "stdout", "could not print");
}

static bool write_whole(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t done = write(fd, at, len);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        at += done;
        len -= (size_t)done;
    }
    return true;
}

/* The entry of the file in its folder. False: errno. */
static bool folder_sync(const char *path)
{
    char folder[PATH_ROOM] = ".";
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        (void)snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    return (fd < 0 || close(fd) == 0) && synced;
}

static enum status file_write(const char *folder, const char *name, const struct bytes *content, const char *end,
                              struct fault *fault)
{
    char path[PATH_ROOM];
    int len = snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        return fault_set(fault, STATUS_INVALID, "output", "the path is too long");
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        enum status status = errno == EEXIST ? STATUS_EXISTS : STATUS_IO;
        return fault_set(fault, status, "output", "could not make %s: %s", path, strerror(errno));
    }
    bool written = write_whole(fd, content->data, content->len) && write_whole(fd, end, strlen(end)) && fsync(fd) == 0;
    written = close(fd) == 0 && written;
    if (!written || !folder_sync(path)) { /* it was made by us: what is left would refuse the repetition */
        int error = errno;
        (void)unlink(path);
        return fault_set(fault, STATUS_IO, "output", "could not write %s: %s", path, strerror(error));
    }
    return STATUS_OK;
}

enum status papers_write(const char *folder, const char *name, const struct bytes *text, struct fault *fault)
{
    return file_write(folder, name, text, "\n", fault);
}

enum status papers_write_bytes(const char *folder, const char *name, const struct bytes *content, struct fault *fault)
{
    return file_write(folder, name, content, "", fault);
}

enum status papers_write_signed(const char *folder, const char *name, const struct signed_document *document,
                                struct fault *fault)
{
    json_t *object = NULL;
    struct bytes text = {0};
    enum status status = signed_document_encode(&object, document, fault);
    if (status == STATUS_OK) {
        status = canon_emit(&text, object, SIGNED_MAX, fault);
        json_decref(object);
    }
    if (status == STATUS_OK) {
        status = papers_write(folder, name, &text, fault);
        bytes_free(&text);
    }
    return status;
}
