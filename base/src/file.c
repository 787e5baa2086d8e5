/*
 * Reading and replacing a whole small file. Nothing of its content is judged here.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART_LEN 16384
#define PROGRAM_MAX (256UL * 1024 * 1024)

/* Answers STATUS_TOO_LARGE as soon as more than `max` bytes have come. */
static enum status read_all(struct bytes *out, int fd, size_t max)
{
    uint8_t part[PART_LEN];
    struct buffer buffer;
    ssize_t got = 0;
    buffer_init(&buffer);
    while ((got = read(fd, part, sizeof(part))) > 0 && buffer.content.len + (size_t)got <= max) {
        buffer_append(&buffer, part, (size_t)got);
    }
    if (got != 0) {
        buffer_free(&buffer);
        return got < 0 ? STATUS_IO : STATUS_TOO_LARGE;
    }
    return buffer_finish(out, &buffer);
}

enum status file_read(struct bytes *out, const char *path, size_t max, const char *where, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fault_set(fault, STATUS_INVALID, where, "cannot open %s: %s", path, strerror(errno));
    }
    enum status status = read_all(out, fd, max);
    int reason = errno;
    (void)close(fd);
    if (status == STATUS_TOO_LARGE) {
        return fault_set(fault, status, where, "%s has more than %zu bytes", path, max);
    }
    return status == STATUS_OK ? STATUS_OK
                               : fault_set(fault, status, where, "could not read %s: %s", path, strerror(reason));
}

enum status file_read_document(struct bytes *out, const char *path, size_t max, const char *where, struct fault *fault)
{
    enum status status = file_read(out, path, max + 1, where, fault);
    if (status == STATUS_OK && out->len > 0 && out->data[out->len - 1] == '\n') {
        out->data[--out->len] = '\0';
    }
    return status;
}

enum status file_program_digest(struct digest *out, struct fault *fault)
{
    struct bytes program = {0};
    enum status status = file_read(&program, "/proc/self/exe", PROGRAM_MAX, "program", fault);
    if (status == STATUS_OK) {
        digest_sha256(out, program.data, program.len);
        bytes_free(&program);
    }
    return status;
}

static bool write_all(int fd, const struct bytes *content)
{
    size_t done = 0;
    while (done < content->len) {
        ssize_t got = write(fd, content->data + done, content->len - done);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Closes it. */
static bool write_synced(int fd, const struct bytes *content)
{
    if (fd < 0) {
        return false;
    }
    bool good = write_all(fd, content) && fsync(fd) == 0;
    return close(fd) == 0 && good;
}

/* Scratch: a copy of the path, spoiled. */
static bool sync_folder(char *scratch)
{
    int fd = open(dirname(scratch), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

static enum status name_beside(struct bytes *out, const char *path, const char *suffix)
{
    struct buffer name;
    buffer_init(&name);
    buffer_append_text(&name, path);
    buffer_append_text(&name, suffix);
    return buffer_finish(out, &name);
}

enum status file_replace(const char *path, const struct bytes *content, const char *where, struct fault *fault)
{
    struct bytes fresh = {0};
    enum status status = STATUS_OK;
    if (name_beside(&fresh, path, ".new") != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, where, "%s", "");
    }
    char *text = (char *)fresh.data;
    int fd = open(text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (!write_synced(fd, content) || rename(text, path) != 0) {
        status = fault_set(fault, STATUS_IO, where, "could not write %s: %s", text, strerror(errno));
        (void)unlink(text);
    } else if (!sync_folder(text)) {
        status = fault_set(fault, STATUS_IO, where, "could not sync the folder of %s: %s", path, strerror(errno));
    }
    bytes_free(&fresh);
    return status;
}

enum status file_create(const char *path, const struct bytes *content, const char *where, struct fault *fault)
{
    struct bytes fresh = {0};
    if (name_beside(&fresh, path, ".XXXXXX") != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, where, "%s", "");
    }
    char *text = (char *)fresh.data;
    int fd = mkostemp(text, O_CLOEXEC);
    bool made = fd >= 0;
    bool good = made && fchmod(fd, 0644) == 0;
    good = write_synced(fd, content) && good;
    bool linked = good && link(text, path) == 0;
    bool exists = good && !linked && errno == EEXIST;
    int reason = errno;
    if (made) {
        (void)unlink(text);
    }
    bool synced = linked && sync_folder(text);
    reason = linked ? errno : reason;
    bytes_free(&fresh);
    return synced   ? STATUS_OK
           : exists ? fault_set(fault, STATUS_EXISTS, where, "%s is there already", path)
                    : fault_set(fault, STATUS_IO, where, "could not write %s: %s", path, strerror(reason));
}
