/*
 * LMDB behind our statuses. It knows nothing of what the tables mean.
 */
#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READERS_MAX 1024
#define PATH_SIZE 4096
#define FILE_MODE 0600
#define FOLDER_MODE 0700

static enum status status_of(int code)
{
    static const struct {
        int code;
        enum status status;
    } rows[] = {
        {MDB_SUCCESS, STATUS_OK},           {MDB_NOTFOUND, STATUS_NOT_FOUND},
        {MDB_CORRUPTED, STATUS_CORRUPT},    {MDB_PAGE_NOTFOUND, STATUS_CORRUPT},
        {MDB_INVALID, STATUS_CORRUPT},      {MDB_VERSION_MISMATCH, STATUS_VERSION},
        {MDB_INCOMPATIBLE, STATUS_CORRUPT}, {MDB_READERS_FULL, STATUS_BUSY},
        {ENOMEM, STATUS_NO_MEMORY},         {MDB_PANIC, STATUS_HALTED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == code) {
            return rows[i].status;
        }
    }
    return STATUS_IO;
}

enum status database_status(int code, const char *where, struct fault *fault)
{
    enum status status = status_of(code);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
        return status;
    }
    return fault_set(fault, status, where, "%s", mdb_strerror(code));
}

static enum status io_fault(struct fault *fault, const char *where)
{
    char text[128];
    return fault_set(fault, STATUS_IO, where, "%s", strerror_r(errno, text, sizeof(text)));
}

/* LMDB itself lets several processes in; a node must be alone. The lock goes with the process, however it ends. */
static enum status owner_lock(int *out_fd, const char *path, struct fault *fault)
{
    char file[PATH_SIZE];
    int len = snprintf(file, sizeof(file), "%s/owner", path);
    if (len < 0 || (size_t)len >= sizeof(file)) {
        return fault_set(fault, STATUS_INVALID, "path", "too long");
    }
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0) {
        return io_fault(fault, "owner");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum status status = errno == EWOULDBLOCK ? fault_set(fault, STATUS_BUSY, path, "another process has it open")
                                                  : io_fault(fault, "owner");
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    return STATUS_OK;
}

/* The files of a new database must be in the folder after a power cut, too. */
static enum status folder_sync(const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return io_fault(fault, path);
    }
    enum status status = fsync(fd) == 0 ? STATUS_OK : io_fault(fault, path);
    (void)close(fd);
    return status;
}

/*
 * LMDB makes a new environment of an empty file, and dies of SIGBUS when it reads beyond the end of a short one: the
 * size is looked at before it is opened, and the pages that it says it has after.
 */
static enum status size_check(off_t *out_size, const char *path, struct fault *fault)
{
    char file[PATH_SIZE];
    struct stat info;
    (void)snprintf(file, sizeof(file), "%s/data.mdb", path);
    if (stat(file, &info) != 0) {
        *out_size = 0;
        return errno == ENOENT ? STATUS_OK : io_fault(fault, path);
    }
    if (!S_ISREG(info.st_mode) || info.st_size < 2 * sysconf(_SC_PAGESIZE)) {
        return fault_set(fault, STATUS_CORRUPT, path, "data.mdb is cut short: %lld bytes", (long long)info.st_size);
    }
    *out_size = info.st_size;
    return STATUS_OK;
}

static enum status length_check(MDB_env *env, off_t size, const char *path, struct fault *fault)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (size == 0) {
        return STATUS_OK; /* made just now */
    }
    INVARIANT(mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0);
    if ((uint64_t)size / stat.ms_psize < info.me_last_pgno + 1) {
        return fault_set(fault, STATUS_CORRUPT, path, "data.mdb is cut short: it ends before page %zu",
                         info.me_last_pgno);
    }
    return STATUS_OK;
}

static int env_open(MDB_env *env, const char *path, size_t map_size)
{
    int dead = 0;
    int code = mdb_env_set_mapsize(env, map_size);
    if (code == 0) {
        code = mdb_env_set_maxdbs(env, DATABASE_TABLES_MAX);
    }
    if (code == 0) {
        code = mdb_env_set_maxreaders(env, READERS_MAX);
    }
    if (code == 0) {
        code = mdb_env_open(env, path, MDB_NOTLS, FILE_MODE);
    }
    return code == 0 ? mdb_reader_check(env, &dead) : code;
}

enum status database_open(struct database *out, const char *path, size_t map_size, struct fault *fault)
{
    struct database database = {.owner_fd = -1};
    if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST) {
        return io_fault(fault, path);
    }
    off_t size = 0;
    enum status status = owner_lock(&database.owner_fd, path, fault);
    if (status == STATUS_OK) {
        status = size_check(&size, path, fault);
    }
    if (status == STATUS_OK) {
        status = database_status(mdb_env_create(&database.env), path, fault);
    }
    if (status == STATUS_OK) {
        status = database_status(env_open(database.env, path, map_size), path, fault);
    }
    if (status == STATUS_OK) {
        status = length_check(database.env, size, path, fault);
    }
    if (status == STATUS_OK) {
        status = folder_sync(path, fault);
    }
    if (status != STATUS_OK) {
        database_close(&database);
        return status;
    }
    *out = database; /* transferred */
    return STATUS_OK;
}

void database_close(struct database *database)
{
    if (database->env != NULL) {
        mdb_env_close(database->env);
        database->env = NULL;
    }
    if (database->owner_fd > 0) {
        (void)close(database->owner_fd);
        database->owner_fd = -1;
    }
}

enum status database_begin(MDB_txn **out, const struct database *database, bool write, struct fault *fault)
{
    return database_status(mdb_txn_begin(database->env, NULL, write ? 0 : MDB_RDONLY, out), "transaction", fault);
}

enum status database_commit(MDB_txn *txn, struct fault *fault)
{
    return database_status(mdb_txn_commit(txn), "commit", fault);
}

enum status database_table(MDB_dbi *out, MDB_txn *txn, const char *name, bool create, struct fault *fault)
{
    int code = mdb_dbi_open(txn, name, create ? MDB_CREATE : 0, out);
    if (code == MDB_NOTFOUND) {
        return fault_set(fault, STATUS_CORRUPT, name, "the table is missing");
    }
    return database_status(code, name, fault);
}

/* LMDB takes keys without const and does not write them. */
static MDB_val value_of(const void *data, size_t len)
{
    union {
        const void *in;
        void *out;
    } pointer = {.in = data};
    return (MDB_val){.mv_size = len, .mv_data = pointer.out};
}

enum status table_get(MDB_val *out, const struct table *table, const void *key, size_t key_len, struct fault *fault)
{
    MDB_val name = value_of(key, key_len);
    return database_status(mdb_get(table->txn, table->dbi, &name, out), "read", fault);
}

enum status table_seek(MDB_val *out_key, const struct table *table, const void *from, size_t from_len,
                       struct fault *fault)
{
    MDB_cursor *cursor = NULL;
    MDB_val key = value_of(from, from_len);
    MDB_val value;
    enum status status = database_status(mdb_cursor_open(table->txn, table->dbi, &cursor), "cursor", fault);
    if (status == STATUS_OK) {
        status = database_status(mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE), "cursor", fault);
    }
    if (status == STATUS_OK) {
        *out_key = key;
    }
    mdb_cursor_close(cursor);
    return status;
}

enum status table_put(const struct table *table, const MDB_val *key, const MDB_val *value, struct fault *fault)
{
    MDB_val name = *key;
    MDB_val content = *value;
    return database_status(mdb_put(table->txn, table->dbi, &name, &content, 0), "write", fault);
}

enum status table_clear(const struct table *table, struct fault *fault)
{
    return database_status(mdb_drop(table->txn, table->dbi, 0), "clear", fault);
}

enum status table_last_height(uint64_t *out, const struct table *table, struct fault *fault)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    enum status status = database_status(mdb_cursor_open(table->txn, table->dbi, &cursor), "cursor", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = database_status(mdb_cursor_get(cursor, &key, &value, MDB_LAST), "cursor", fault);
    if (status == STATUS_NOT_FOUND) {
        *out = 0;
        status = STATUS_OK;
    } else if (status == STATUS_OK && key.mv_size != DATABASE_HEIGHT_LEN) {
        status = fault_set(fault, STATUS_CORRUPT, "height", "a key of %zu bytes", key.mv_size);
    } else if (status == STATUS_OK) {
        *out = height_decode(key.mv_data);
    }
    mdb_cursor_close(cursor);
    return status;
}

static bool value_equal(const MDB_val *a, const MDB_val *b)
{
    return a->mv_size == b->mv_size && memcmp(a->mv_data, b->mv_data, a->mv_size) == 0;
}

static enum status compare_rows(MDB_cursor *a, MDB_cursor *b, const char *where, struct fault *fault)
{
    for (size_t row = 0;; row++) {
        MDB_val keys[2];
        MDB_val values[2];
        enum status first = database_status(mdb_cursor_get(a, &keys[0], &values[0], MDB_NEXT), where, fault);
        enum status second = database_status(mdb_cursor_get(b, &keys[1], &values[1], MDB_NEXT), where, fault);
        if (first == STATUS_NOT_FOUND && second == STATUS_NOT_FOUND) {
            return STATUS_OK;
        }
        bool both = first == STATUS_OK && second == STATUS_OK;
        if (!both || !value_equal(&keys[0], &keys[1]) || !value_equal(&values[0], &values[1])) {
            return fault_set(fault, STATUS_CORRUPT, where, "row %zu is not what the blocks make of it", row);
        }
    }
}

enum status table_compare(const struct table *a, const struct table *b, const char *where, struct fault *fault)
{
    MDB_cursor *first = NULL;
    MDB_cursor *second = NULL;
    enum status status = database_status(mdb_cursor_open(a->txn, a->dbi, &first), where, fault);
    if (status == STATUS_OK) {
        status = database_status(mdb_cursor_open(b->txn, b->dbi, &second), where, fault);
    }
    if (status == STATUS_OK) {
        status = compare_rows(first, second, where, fault);
    }
    mdb_cursor_close(second);
    mdb_cursor_close(first);
    return status;
}

void height_encode(uint8_t out8[DATABASE_HEIGHT_LEN], uint64_t height)
{
    for (int i = 0; i < DATABASE_HEIGHT_LEN; i++) {
        out8[i] = (uint8_t)(height >> (8 * (DATABASE_HEIGHT_LEN - 1 - i)));
    }
}

uint64_t height_decode(const uint8_t bytes8[DATABASE_HEIGHT_LEN])
{
    uint64_t height = 0;
    for (int i = 0; i < DATABASE_HEIGHT_LEN; i++) {
        height = height << 8 | bytes8[i];
    }
    return height;
}
