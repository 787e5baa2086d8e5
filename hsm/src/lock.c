/*
 * One process for each token of this host: a file named by the token, locked with flock for as long as the token is
 * open. A process that is killed loses the lock with its descriptors, so there is nothing to clean up after it, and the
 * file stays: what is in it only tells people who has, or had, the token.
 *
 * It keeps our own processes apart, not somebody who owns the folder: who may remove the file may lock another of that
 * name.
 */
#include "lock.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define LOOKS 20 /* at a token that another process has, before it is said to be in use */
#define PAUSE_NS 50000000L
#define HOLDER_SIZE 128
#define WORDS_SIZE 64

/* Users who are not in one group share the folder of all; what may be written into the file is of no weight. */
#define FILE_MODE 0666

static const char *folder_find(const char *named)
{
    if (named != NULL && named[0] != '\0') {
        return named;
    }
    return access(HSM_LOCK_FOLDER_OWN, F_OK) == 0 || errno != ENOENT ? HSM_LOCK_FOLDER_OWN : HSM_LOCK_FOLDER;
}

/* What is no letter, digit, '-' or '_' becomes %XX, so two tokens never share a file. */
static size_t name_append(char *out, size_t size, size_t len, const char *text)
{
    for (const char *at = text; *at != '\0' && len + 4 < size; at++) {
        bool plain = isalnum((unsigned char)*at) || *at == '-' || *at == '_';
        len += (size_t)snprintf(out + len, size - len, plain ? "%c" : "%%%02X", (unsigned char)*at);
    }
    return len;
}

/* By serial and label: there are makers whose tokens all have the same serial. */
static void path_make(char out[PATH_MAX], const char *folder, const struct hsm_token_selector *identity)
{
    char name[4 * (HSM_TOKEN_LABEL_SIZE + HSM_TOKEN_SERIAL_SIZE)];
    size_t len = name_append(name, sizeof name, 0, identity->serial);
    name[len++] = '.';
    len = name_append(name, sizeof name, len, identity->label);
    name[len] = '\0';
    snprintf(out, PATH_MAX, "%s/strongroom-token-%s", folder, name);
}

/* In a folder with the sticky bit the kernel refuses O_CREAT for a file of another user, so it is asked for last. */
static int file_open(const char *path)
{
    const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, flags);
    if (fd >= 0 || errno != ENOENT) {
        return fd;
    }
    fd = open(path, flags | O_CREAT | O_EXCL, FILE_MODE);
    if (fd < 0) {
        return errno == EEXIST ? open(path, flags) : -1;
    }
    if (fchmod(fd, FILE_MODE) != 0) { /* whatever the umask is: the others' users must lock it, too */
        close(fd);
        return -1;
    }
    return fd;
}

/* False when somebody has removed the file meanwhile: a lock on it would be a lock on nothing. */
static bool is_still(int fd, const char *path)
{
    struct stat locked;
    struct stat there;
    return fstat(fd, &locked) == 0 && lstat(path, &there) == 0 && S_ISREG(locked.st_mode) &&
           locked.st_dev == there.st_dev && locked.st_ino == there.st_ino;
}

/* STATUS_BUSY: another process has it, or somebody removed the file; look again. */
static enum status lock_try(int *out_fd, const char *path, struct fault *fault)
{
    int fd = file_open(path);
    int answer = fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB);
    if (answer == 0 && is_still(fd, path)) {
        *out_fd = fd;
        return STATUS_OK;
    }
    int error = answer == 0 ? EWOULDBLOCK : errno;
    if (fd >= 0) {
        close(fd);
    }
    return error == EWOULDBLOCK || error == EINTR
               ? STATUS_BUSY
               : fault_set(fault, STATUS_IO, "lock-folder", "could not lock %s: %s", path, strerror(error));
}

/* Who else may remove a file from the folder could have two processes lock two files of one name. */
static enum status folder_check(const char *folder, struct fault *fault)
{
    struct stat info;
    if (lstat(folder, &info) != 0) {
        return fault_set(fault, STATUS_IO, "lock-folder", "could not look at %s: %s", folder, strerror(errno));
    }
    bool own = info.st_uid == 0 || info.st_uid == geteuid();
    bool shared = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (!S_ISDIR(info.st_mode) || !own || (shared && (info.st_mode & S_ISVTX) == 0)) {
        return fault_set(fault, STATUS_IO, "lock-folder",
                         "%s must be a folder of root or this user, with the sticky bit if others may write to it",
                         folder);
    }
    return STATUS_OK;
}

/* Who we are, for whom we keep out: the first two words of the command line, as "signerd backup". */
static void words_read(char out[WORDS_SIZE])
{
    char line[PATH_MAX + WORDS_SIZE] = ""; /* the first word is a path, however long */
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    if (fd >= 0) {
        close(fd);
    }
    const char *second = len > 0 && strlen(line) < (size_t)len ? line + strlen(line) + 1 : "";
    const char *slash = strrchr(line, '/');
    snprintf(out, WORDS_SIZE, "%.30s %.30s", slash == NULL ? line : slash + 1, second);
}

static enum status holder_write(int fd, const char *path, struct fault *fault)
{
    char words[WORDS_SIZE];
    char text[HOLDER_SIZE];
    words_read(words);
    size_t len =
        (size_t)snprintf(text, sizeof text, "process %d of user %u: %s\n", (int)getpid(), (unsigned)geteuid(), words);
    return ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len
               ? STATUS_OK
               : fault_set(fault, STATUS_IO, "lock-folder", "could not write %s: %s", path, strerror(errno));
}

/* What the holder has written, up to the end of the line. */
static void holder_read(char out[HOLDER_SIZE], const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    ssize_t len = fd < 0 ? 0 : read(fd, out, HOLDER_SIZE - 1);
    if (fd >= 0) {
        close(fd);
    }
    out[len > 0 ? len : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

enum status hsm_lock_take(int *out_fd, const char *folder, const struct hsm_token_selector *identity,
                          struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    char path[PATH_MAX];
    char holder[HOLDER_SIZE];
    folder = folder_find(folder);
    path_make(path, folder, identity);
    int fd = -1;
    enum status status = folder_check(folder, fault);
    status = status == STATUS_OK ? lock_try(&fd, path, fault) : status;
    for (int i = 0; i < LOOKS && status == STATUS_BUSY; i++) {
        (void)nanosleep(&pause, NULL);
        status = lock_try(&fd, path, fault);
    }
    if (status == STATUS_BUSY) {
        holder_read(holder, path);
        return fault_set(fault, STATUS_CONFLICT, identity->serial, "the token %s is in use by %s (%s)", identity->label,
                         holder, path);
    }
    status = status == STATUS_OK ? holder_write(fd, path, fault) : status;
    if (status != STATUS_OK && fd >= 0) {
        close(fd);
    } else if (status == STATUS_OK) {
        *out_fd = fd;
    }
    return status;
}
