/*
 * The folder of a copy. Everything is opened relative to the folder, so it may be moved while it is open; the lock of
 * the folder itself keeps a second writer out, and ends with the process.
 */
#include "mirror/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECKPOINT "checkpoint"
#define FRESH ".new"
#define NAME_SIZE (AUDIT_TILE_PATH_SIZE + 4)

struct mirror {
    int fd;
    char *path;
    struct audit_log_terms keys;
    struct audit_checkpoint checkpoint;
    struct bytes note;
};

static enum status failed(struct fault *fault, const char *name, const char *what)
{
    return fault_set(fault, STATUS_IO, name, "could not %s: %s", what, strerror(errno));
}

/* Reading. */

static enum status read_open(struct bytes *out, int fd, const char *name, size_t max, struct fault *fault)
{
    struct stat info;
    struct bytes content = {0};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return fault_set(fault, STATUS_CORRUPT, name, "is no file");
    }
    if ((uint64_t)info.st_size > max) {
        return fault_set(fault, STATUS_TOO_LARGE, name, "at most %zu bytes", max);
    }
    content.data = calloc(1, (size_t)info.st_size + 1);
    if (content.data == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, name, "%s", "");
    }
    while (content.len < (size_t)info.st_size) {
        ssize_t got = read(fd, content.data + content.len, (size_t)info.st_size - content.len);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            bytes_free(&content);
            return failed(fault, name, "read");
        }
        content.len += got > 0 ? (size_t)got : 0;
    }
    *out = content;
    return STATUS_OK;
}

enum status mirror_read(struct bytes *out, const struct mirror *mirror, const char *name, size_t max,
                        struct fault *fault)
{
    int fd = openat(mirror->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        return fault_set(fault, STATUS_NOT_FOUND, name, "is not there");
    }
    if (fd < 0) {
        return failed(fault, name, "open");
    }
    enum status status = read_open(out, fd, name, max, fault);
    (void)close(fd);
    return status;
}

/* The partial file, or the full one in its place. */
static enum status read_either(struct bytes *out, char name[AUDIT_TILE_PATH_SIZE], const struct mirror *mirror,
                               const struct audit_tile *tile, bool entries, struct fault *fault)
{
    struct fault why = {0};
    struct audit_tile full = {.level = tile->level, .index = tile->index, .width = AUDIT_TILE_WIDTH};
    void (*path)(char out[AUDIT_TILE_PATH_SIZE], const struct audit_tile *tile) =
        entries ? audit_tile_entries_path : audit_tile_path;
    path(name, tile);
    enum status status = mirror_read(out, mirror, name, MIRROR_BUNDLE_MAX, &why);
    if (status == STATUS_NOT_FOUND && tile->width < AUDIT_TILE_WIDTH) {
        struct fault of_full = {0};
        path(name, &full);
        status = mirror_read(out, mirror, name, MIRROR_BUNDLE_MAX, &of_full);
        why = status == STATUS_NOT_FOUND ? why : of_full;
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status fetch_tile(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                              struct fault *fault)
{
    const struct mirror *mirror = context;
    char name[AUDIT_TILE_PATH_SIZE];
    struct bytes content = {0};
    enum status status = read_either(&content, name, mirror, tile, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool partial = strstr(name, ".p/") != NULL;
    if (content.len != (partial ? tile->width : AUDIT_TILE_WIDTH) * sizeof(struct digest)) {
        status = fault_set(fault, STATUS_CORRUPT, name, "has not the length of its tile");
    } else {
        memcpy(hashes, content.data, tile->width * sizeof(struct digest));
    }
    bytes_free(&content);
    return status;
}

struct audit_tile_source mirror_tiles(struct mirror *mirror)
{
    return (struct audit_tile_source){.fetch = fetch_tile, .context = mirror};
}

enum status mirror_bundle(struct mirror_entry out[AUDIT_TILE_WIDTH], struct bytes *out_bundle,
                          const struct mirror *mirror, const struct audit_tile *tile, const struct digest *hashes,
                          struct fault *fault)
{
    char name[AUDIT_TILE_PATH_SIZE];
    struct bytes bundle = {0};
    struct fault why = {0};
    size_t len = 0;
    enum status status = read_either(&bundle, name, mirror, tile, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = mirror_bundle_split(out, &len, &bundle, hashes, tile->width, &why);
    bool partial = strstr(name, ".p/") != NULL || tile->width == AUDIT_TILE_WIDTH;
    if (status != STATUS_OK || (partial && len != bundle.len)) {
        bytes_free(&bundle);
        return fault_set(fault, STATUS_CORRUPT, name, "%s",
                         status == STATUS_OK ? "goes on behind its last entry" : why.detail);
    }
    *out_bundle = bundle; /* transferred */
    return STATUS_OK;
}

/* Writing. */

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t got = write(fd, bytes + done, len - done);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static enum status make_folders(const struct mirror *mirror, const char *name, struct fault *fault)
{
    char folder[NAME_SIZE];
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
        if (mkdirat(mirror->fd, folder, 0755) != 0 && errno != EEXIST) {
            return failed(fault, folder, "make the folder");
        }
    }
    return STATUS_OK;
}

/* The whole file under its name, on the disk. `flags` are those of renameat2. */
static enum status write_file(const struct mirror *mirror, const char *name, const void *bytes, size_t len,
                              unsigned flags, struct fault *fault)
{
    int fd = openat(mirror->fd, FRESH, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return failed(fault, FRESH, "open");
    }
    bool good = write_all(fd, bytes, len) && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (!good || renameat2(mirror->fd, FRESH, mirror->fd, name, flags) != 0) {
        return failed(fault, name, "write");
    }
    return STATUS_OK;
}

enum status mirror_put(bool *out_written, const struct mirror *mirror, const char *name, const void *bytes, size_t len,
                       struct fault *fault)
{
    struct bytes there = {0};
    struct fault why = {0};
    enum status status = mirror_read(&there, mirror, name, MIRROR_BUNDLE_MAX, &why);
    if (status == STATUS_NOT_FOUND) {
        status = make_folders(mirror, name, fault);
        if (status == STATUS_OK) {
            status = write_file(mirror, name, bytes, len, RENAME_NOREPLACE, fault);
        }
        *out_written = status == STATUS_OK;
        return status;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    bool same = there.len == len && memcmp(there.data, bytes, len) == 0;
    bytes_free(&there);
    *out_written = false;
    return same ? STATUS_OK
                : fault_set(fault, STATUS_CORRUPT, name, "is there with other bytes than the log has signed");
}

static enum status empty_folder(DIR *stream, const char *folder, struct fault *fault)
{
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (entry->d_name[0] != '.' && unlinkat(dirfd(stream), entry->d_name, 0) != 0) {
            return failed(fault, folder, "empty");
        }
    }
    return STATUS_OK;
}

enum status mirror_drop_partial(const struct mirror *mirror, const char *name, struct fault *fault)
{
    char folder[NAME_SIZE];
    (void)snprintf(folder, sizeof(folder), "%s.p", name);
    int fd = openat(mirror->fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? STATUS_OK : failed(fault, folder, "open");
    }
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        (void)close(fd);
        return failed(fault, folder, "read");
    }
    enum status status = empty_folder(stream, folder, fault);
    (void)closedir(stream);
    if (status == STATUS_OK && unlinkat(mirror->fd, folder, AT_REMOVEDIR) != 0) {
        status = failed(fault, folder, "remove");
    }
    return status;
}

/* Opening. */

static enum status open_note(struct audit_checkpoint *out, const struct mirror *mirror, const struct bytes *note,
                             const struct audit_log_terms *keys, struct fault *fault)
{
    struct fault why = {0};
    enum status status = audit_log_terms_open(out, keys, note->data, note->len, &why);
    if (status == STATUS_UNKNOWN_KEY || status == STATUS_MISMATCH) {
        return fault_set(fault, STATUS_MISMATCH, CHECKPOINT, "%s is a copy of another log, or by another key of it",
                         mirror->path);
    }
    return status == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_CORRUPT, CHECKPOINT, "is not what the log has signed: %s", why.detail);
}

static enum status take_note(struct mirror *mirror, struct bytes *note, struct fault *fault)
{
    struct audit_checkpoint checkpoint;
    enum status status = open_note(&checkpoint, mirror, note, &mirror->keys, fault);
    if (status == STATUS_OK) {
        bytes_free(&mirror->note);
        mirror->note = *note; /* transferred */
        mirror->checkpoint = checkpoint;
    }
    return status;
}

enum status mirror_take_keys(struct mirror *mirror, const struct audit_log_terms *keys, struct fault *fault)
{
    struct audit_checkpoint checkpoint;
    enum status status = mirror->note.len == 0 ? STATUS_OK : open_note(&checkpoint, mirror, &mirror->note, keys, fault);
    if (status == STATUS_OK) {
        mirror->keys = *keys;
    }
    return status;
}

enum status mirror_advance(struct mirror *mirror, const void *note, size_t len, struct fault *fault)
{
    struct bytes own = {0};
    if (syncfs(mirror->fd) != 0) {
        return failed(fault, mirror->path, "reach the disk");
    }
    enum status status = bytes_copy(&own, note, len);
    if (status == STATUS_OK) {
        status = write_file(mirror, CHECKPOINT, note, len, 0, fault);
    }
    if (status == STATUS_OK && fsync(mirror->fd) != 0) {
        status = failed(fault, mirror->path, "reach the disk");
    }
    if (status == STATUS_OK) {
        status = take_note(mirror, &own, fault);
    }
    if (status != STATUS_OK) {
        bytes_free(&own);
    }
    return status;
}

static enum status open_folder(struct mirror *mirror, enum mirror_access access, struct fault *fault)
{
    if (access == MIRROR_WRITE && mkdir(mirror->path, 0755) != 0 && errno != EEXIST) {
        return failed(fault, mirror->path, "make the folder");
    }
    mirror->fd = open(mirror->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mirror->fd < 0) {
        return fault_set(fault, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, mirror->path, "could not open: %s",
                         strerror(errno));
    }
    if (access == MIRROR_WRITE && flock(mirror->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? fault_set(fault, STATUS_BUSY, mirror->path, "somebody else writes to this copy")
                                    : failed(fault, mirror->path, "lock");
    }
    return STATUS_OK;
}

static enum status open_checkpoint(struct mirror *mirror, struct fault *fault)
{
    struct bytes note = {0};
    struct fault why = {0};
    enum status status = mirror_read(&note, mirror, CHECKPOINT, AUDIT_NOTE_MAX, &why);
    if (status == STATUS_NOT_FOUND) {
        audit_tree_root(&mirror->checkpoint.root, NULL, 0);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = take_note(mirror, &note, fault);
    if (status != STATUS_OK) {
        bytes_free(&note);
    }
    return status;
}

enum status mirror_open(struct mirror **out, const char *path, const struct audit_log_terms *keys,
                        enum mirror_access access, struct fault *fault)
{
    struct mirror *mirror = calloc(1, sizeof(*mirror));
    if (mirror != NULL) {
        mirror->fd = -1;
        mirror->keys = *keys;
        mirror->path = strdup(path);
    }
    if (mirror == NULL || mirror->path == NULL) {
        mirror_close(mirror);
        return fault_set(fault, STATUS_NO_MEMORY, "mirror", "%s", "");
    }
    for (size_t len = strlen(path); len > 1 && mirror->path[len - 1] == '/'; len--) {
        mirror->path[len - 1] = '\0'; /* what is kept beside it stands beside it */
    }
    enum status status = open_folder(mirror, access, fault);
    if (status == STATUS_OK) {
        status = open_checkpoint(mirror, fault);
    }
    if (status != STATUS_OK) {
        mirror_close(mirror);
        return status;
    }
    *out = mirror;
    return STATUS_OK;
}

void mirror_close(struct mirror *mirror)
{
    if (mirror == NULL) {
        return;
    }
    if (mirror->fd >= 0) {
        (void)close(mirror->fd);
    }
    bytes_free(&mirror->note);
    free(mirror->path);
    free(mirror);
}

const struct audit_checkpoint *mirror_checkpoint(const struct mirror *mirror)
{
    return &mirror->checkpoint;
}

const struct bytes *mirror_note(const struct mirror *mirror)
{
    return &mirror->note;
}

const struct audit_log_terms *mirror_keys(const struct mirror *mirror)
{
    return &mirror->keys;
}

const char *mirror_path(const struct mirror *mirror)
{
    return mirror->path;
}
