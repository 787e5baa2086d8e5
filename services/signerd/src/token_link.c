/*
 * Notes between signerd and a token's process. The struct is the packet: both ends are the same file on disk, started
 * by the same process.
 */
#include "token_link.h"

#include <poll.h>
#include <sys/socket.h>

bool token_note_send(int fd, const struct token_note *note)
{
    return send(fd, note, sizeof(*note), MSG_NOSIGNAL) == (ssize_t)sizeof(*note);
}

enum status token_note_receive(struct token_note *out, int fd, int within_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready = poll(&waiting, 1, within_ms);
    if (ready == 0) {
        return STATUS_TIMED_OUT;
    }
    struct token_note note;
    if (ready < 0 || recv(fd, &note, sizeof(note), MSG_TRUNC) != (ssize_t)sizeof(note)) {
        return STATUS_UNAVAILABLE;
    }
    note.refusal.where[sizeof(note.refusal.where) - 1] = '\0';
    note.refusal.detail[sizeof(note.refusal.detail) - 1] = '\0';
    *out = note;
    return STATUS_OK;
}

void token_refusal_fill(struct token_refusal *out, enum status status, const struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    out->status = status;
    memcpy(out->where, fault->where, sizeof(out->where));
    memcpy(out->detail, fault->detail, sizeof(out->detail));
}

/* Neither text nor number of the other process is believed: fault_set cleans the one, the table of statuses the other.
 */
enum status token_refusal_fault(const struct token_refusal *refusal, struct fault *fault)
{
    enum status status = (enum status)refusal->status;
    if (status != status_from_code(status_info(status)->code) || status == STATUS_OK) {
        status = STATUS_TOKEN;
    }
    return fault_set(fault, status, refusal->where, "%s", refusal->detail);
}
