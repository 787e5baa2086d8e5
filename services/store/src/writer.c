/*
 * The sequencer's session. It is a store of one connection that is never made again: losing it means losing the lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#include "base/clock.h"
#include "pool.h"

/* The key of the advisory lock; the same in every process. It elects, the epoch of the head row protects. */
#define WRITER_LOCK "7023577"
/* For so long the server may hold the lock of a session that has ended: it notices a moment later. */
#define ENDED_SESSION_MS "5000"

struct store_writer {
    struct store *store;
    struct session *session; /* of the store; NULL once lost */
};

static const struct column lock_columns[] = {{"held", COLUMN_BOOL, false, 0, sizeof(bool)}};
static const struct row_shape lock_shape = ROW_SHAPE(bool, lock_columns);

/* A session lock counts its takers, so one that is held is not taken again. */
static const struct statement lock = {
    "writer_lock",
    "SELECT CASE WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    " AND ((classid::bigint << 32) | objid::bigint) = " WRITER_LOCK " AND granted) THEN true"
    " ELSE pg_try_advisory_lock(" WRITER_LOCK ") END AS held",
    0,
};

enum status store_writer_open(struct store_writer **out, const char *conninfo, int64_t statement_timeout_ms,
                              struct fault *fault)
{
    const struct store_config config = {
        .conninfo = conninfo,
        .role = "strongroom_sequencer",
        .connections = 1,
        .acquire_timeout_ms = 0,
        .statement_timeout_ms = statement_timeout_ms,
    };
    struct store_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "writer", "%s", "");
    }
    enum status status = store_open(&writer->store, &config, fault);
    if (status == STATUS_OK) {
        writer->session = store_only_session(writer->store);
        status = session_run_text(writer->session, "LISTEN strongroom_pending; LISTEN strongroom_covered", fault);
    }
    if (status != STATUS_OK) {
        store_writer_close(writer);
        return status;
    }
    *out = writer;
    return STATUS_OK;
}

void store_writer_close(struct store_writer *writer)
{
    if (writer != NULL) {
        store_close(writer->store);
        free(writer);
    }
}

enum status store_writer_begin(struct store_tx **out, struct store_writer *writer, enum store_access access,
                               struct fault *fault)
{
    return store_begin(out, writer->store, access, fault);
}

enum status store_writer_lock(bool *out_held, struct store_writer *writer, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_writer_begin(&tx, writer, STORE_READ_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool held = false;
    status = tx_read_one(tx, &held, &lock_shape, &lock, NULL, fault);
    if (status != STATUS_OK) {
        store_rollback(tx);
        return status;
    }
    status = store_commit(tx, fault);
    if (status == STATUS_OK) {
        *out_held = held;
    }
    return status;
}

enum status store_writer_lock_alone(struct store_writer *writer, struct fault *fault)
{
    struct fault why = {0};
    enum status status = session_run_text(writer->session,
                                          "BEGIN; SET LOCAL lock_timeout = " ENDED_SESSION_MS ";"
                                          " SELECT pg_advisory_lock(" WRITER_LOCK "); COMMIT",
                                          &why);
    if (status == STATUS_BUSY) {
        return fault_set(fault, STATUS_BUSY, "audit", "a sequencer runs on this database; stop custodyd");
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status writer_session(struct store **out_store, struct session **out, struct store_writer *writer,
                           struct fault *fault)
{
    if (store_only_session(writer->store) != writer->session) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the session was lost");
    }
    *out_store = writer->store;
    *out = writer->session;
    return STATUS_OK;
}

struct store_backend store_writer_backend(const struct store_writer *writer)
{
    return writer->session->backend;
}

static enum status writer_text(struct store_writer *writer, const char *sql, struct fault *fault)
{
    struct store *store = NULL;
    struct session *session = NULL;
    enum status status = writer_session(&store, &session, writer, fault);
    return status == STATUS_OK ? session_run_text(session, sql, fault) : status;
}

enum status store_writer_notify_pending(struct store_writer *writer, struct fault *fault)
{
    return writer_text(writer, "NOTIFY strongroom_pending", fault);
}

/* One message to the server and back: three statements in one transaction. No value in it comes from outside. */
enum status store_writer_checkpoint(struct store_writer *writer, const struct store_checkpoint *checkpoint,
                                    struct fault *fault)
{
    char at[TIME_TEXT_SIZE];
    char *note = malloc(checkpoint->note.len * 2 + 1);
    if (note == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "checkpoint", "%s", "");
    }
    hex_encode(note, checkpoint->note.data, checkpoint->note.len);
    time_format(at, checkpoint->signed_at_utc_us);
    struct buffer buffer;
    struct bytes sql = {0};
    buffer_init(&buffer);
    buffer_append_format(&buffer,
                         "SET LOCAL synchronous_commit = off; INSERT INTO audit.checkpoint (size, note, signed_at)"
                         " VALUES (%" PRIu64 ", '\\x",
                         checkpoint->size);
    buffer_append_text(&buffer, note);
    buffer_append_format(&buffer, "'::bytea, '%s') ON CONFLICT (size) DO NOTHING; NOTIFY strongroom_covered", at);
    enum status status = buffer_finish(&sql, &buffer);
    free(note);
    if (status == STATUS_OK) {
        status = writer_text(writer, (const char *)sql.data, fault);
        bytes_free(&sql);
    }
    return status;
}

/* Takes the notifications that have arrived; true when there was one. */
static bool writer_notified(PGconn *connection)
{
    bool any = false;
    for (PGnotify *notify = PQnotifies(connection); notify != NULL; notify = PQnotifies(connection)) {
        any = true;
        PQfreemem(notify);
    }
    return any;
}

enum status store_writer_sleep(struct store_writer *writer, int wake_fd, int64_t timeout_ms, struct fault *fault)
{
    if (store_only_session(writer->store) != writer->session) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the session was lost");
    }
    PGconn *connection = writer->session->connection;
    if (writer_notified(connection)) {
        return STATUS_OK;
    }
    struct pollfd fds[2] = {
        {.fd = PQsocket(connection), .events = POLLIN},
        {.fd = wake_fd, .events = POLLIN},
    };
    int ready = poll(fds, 2, (int)timeout_ms);
    if (ready < 0 && errno != EINTR) {
        return fault_set(fault, STATUS_IO, "poll", "%s", strerror(errno));
    }
    if (ready > 0 && fds[0].revents != 0 && PQconsumeInput(connection) == 0) {
        writer->session->broken = true;
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the session was lost");
    }
    writer_notified(connection);
    return STATUS_OK;
}
