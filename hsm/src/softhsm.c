/*
 * SoftHSM's files: where they are, whether one of them is a ruin, and how to get them to the disk.
 *
 * This is not a reader of SoftHSM's formats; it knows the name of one configuration line and of object files.
 */
#include "hsm/softhsm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#define EMPTY_LOOKS 30 /* at a file that is empty, before it is said to be */
#define EMPTY_PAUSE_NS 10000000L

#define TOKEN_DIR_KEY "directories.tokendir"

/* A line is `key = value`; anything else is none of our business. */
static bool line_value(const char **out, char *line)
{
    char *at = line + strspn(line, " \t");
    if (strncmp(at, TOKEN_DIR_KEY, strlen(TOKEN_DIR_KEY)) != 0) {
        return false;
    }
    at += strlen(TOKEN_DIR_KEY);
    at += strspn(at, " \t");
    if (*at != '=') {
        return false;
    }
    at++;
    at += strspn(at, " \t");
    size_t len = strlen(at);
    while (len > 0 && strchr(" \t\r\n", at[len - 1]) != NULL) {
        len--;
    }
    at[len] = '\0';
    *out = at;
    return len > 0;
}

static enum status conf_read(char *out, size_t size, const char *path, FILE *stream, struct fault *fault)
{
    char line[PATH_MAX + 64];
    char found[PATH_MAX] = "";
    while (fgets(line, sizeof line, stream) != NULL) {
        const char *value;
        /* The last line wins, as in SoftHSM. */
        if (line_value(&value, line)) {
            snprintf(found, sizeof found, "%s", value);
        }
    }
    if (ferror(stream)) {
        return fault_set(fault, STATUS_IO, "softhsm", "could not read %s", path);
    }
    if (found[0] == '\0' || strlen(found) >= size) {
        return fault_set(fault, STATUS_INVALID, "softhsm", "%s has no usable line " TOKEN_DIR_KEY, path);
    }
    snprintf(out, size, "%s", found);
    return STATUS_OK;
}

static void conf_path(char *out, size_t size)
{
    const char *named = getenv("SOFTHSM2_CONF");
    if (named != NULL) {
        snprintf(out, size, "%s", named);
        return;
    }
    const char *home = getenv("HOME");
    snprintf(out, size, "%s/.config/softhsm2/softhsm2.conf", home == NULL ? "" : home);
    if (access(out, F_OK) != 0) {
        snprintf(out, size, "/etc/softhsm/softhsm2.conf");
    }
}

enum status hsm_softhsm_token_dir(char *out, size_t size, struct fault *fault)
{
    char path[PATH_MAX];
    conf_path(path, sizeof path);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return fault_set(fault, STATUS_IO, "softhsm", "could not open %s: %s", path, strerror(errno));
    }
    enum status status = conf_read(out, size, path, stream, fault);
    fclose(stream);
    return status;
}

static bool is_object_file(const char *name)
{
    static const char suffix[] = ".object";
    size_t len = strlen(name);
    return len >= strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0;
}

/* Each login of another process truncates its token.object and writes it again: such a moment passes. */
static int settled_stat(int fd, struct stat *out)
{
    const struct timespec pause = {.tv_nsec = EMPTY_PAUSE_NS};
    int answer = fstat(fd, out);
    for (int i = 0; i < EMPTY_LOOKS && answer == 0 && S_ISREG(out->st_mode) && out->st_size == 0; i++) {
        (void)nanosleep(&pause, NULL);
        answer = fstat(fd, out);
    }
    return answer;
}

static enum status object_check(int dir_fd, const char *token, const char *name, struct fault *fault)
{
    if (!is_object_file(name)) {
        return STATUS_OK;
    }
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return fault_set(fault, STATUS_CORRUPT, name, "the file of token %s cannot be read: %s", token,
                         strerror(errno));
    }
    struct stat info;
    enum status status = STATUS_OK;
    if (settled_stat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = fault_set(fault, STATUS_CORRUPT, name, "the file of token %s is not a regular file", token);
    } else if (info.st_size == 0) {
        status = fault_set(fault, STATUS_CORRUPT, name, "the file of token %s is empty; restore it from backup", token);
    }
    close(fd);
    return status;
}

/* Takes over `dir_fd`. A folder that cannot be listed may hold anything, so that is a fault as well. */
static enum status folder_open(DIR **out, int dir_fd, const char *name, struct fault *fault)
{
    DIR *dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
    if (dir == NULL) {
        enum status status =
            fault_set(fault, STATUS_CORRUPT, "softhsm", "the folder %s cannot be read: %s", name, strerror(errno));
        if (dir_fd >= 0) {
            close(dir_fd);
        }
        return status;
    }
    *out = dir;
    return STATUS_OK;
}

typedef enum status visit_fn(int dir_fd, const char *folder, const char *name, struct fault *fault);

/* Takes over `dir_fd`; calls `visit` for every entry but "." and ".." until one is a fault. */
static enum status folder_walk(int dir_fd, const char *folder, visit_fn *visit, struct fault *fault)
{
    DIR *dir = NULL;
    enum status status = folder_open(&dir, dir_fd, folder, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct dirent *entry;
    while (errno = 0, status == STATUS_OK && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = visit(dirfd(dir), folder, entry->d_name, fault);
        }
    }
    if (status == STATUS_OK && errno != 0) {
        status = fault_set(fault, STATUS_CORRUPT, "softhsm", "could not list %s: %s", folder, strerror(errno));
    }
    closedir(dir);
    return status;
}

static enum status token_check(int root_fd, const char *root, const char *token, struct fault *fault)
{
    (void)root;
    int fd = openat(root_fd, token, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOTDIR) {
        return STATUS_OK; /* a stray file, not a token */
    }
    return folder_walk(fd, token, object_check, fault);
}

enum status hsm_softhsm_check(const char *token_dir, struct fault *fault)
{
    int fd = open(token_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_walk(fd, token_dir, token_check, fault);
}

enum status hsm_softhsm_sync(const char *token_dir, struct fault *fault)
{
    int fd = open(token_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) != 0) {
        enum status status =
            fault_set(fault, STATUS_IO, "softhsm", "could not sync %s: %s", token_dir, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    close(fd);
    return STATUS_OK;
}
