/*
 * The server's side of the transport: the listening socket, who is at the other end, and whole packets.
 *
 * It holds no state and starts no thread; what a peer may do is decided by the program.
 */
#ifndef STRONGROOM_WIRE_SERVER_H
#define STRONGROOM_WIRE_SERVER_H

#include <sys/types.h>

#include "wire/message.h"

/* One accepted connection. `fd` is owned by the caller: close it. */
struct wire_peer {
    int fd;
    uid_t uid; /* of the process that connected (SO_PEERCRED) */
    pid_t pid;
};

/*
 * Binds a SOCK_SEQPACKET socket at `path` with mode 0660 and listens. A socket file that nobody listens at is replaced;
 * one with a listener is STATUS_EXISTS, anything else at the path too. Out: *out_fd, non-blocking, owned by the caller.
 * STATUS_INVALID for a path that is too long, STATUS_IO.
 */
MUST_CHECK enum status wire_listen(int *out_fd, const char *path, struct fault *fault);

/* Accepts one connection (blocking descriptor). STATUS_NOT_FOUND when none is waiting, STATUS_IO. */
MUST_CHECK enum status wire_accept(struct wire_peer *out, int listen_fd, struct fault *fault);

/*
 * Waits for one packet. `packet` holds WIRE_POLICY_MAX bytes. STATUS_NOT_FOUND at the end of the connection,
 * STATUS_TOO_LARGE for a packet that does not fit (wire_packet_fits; what is beyond is lost: end the connection),
 * STATUS_IO.
 */
MUST_CHECK enum status wire_receive(uint8_t *packet, size_t *out_len, int fd, struct fault *fault);

/* Sends one packet; waits at most `timeout_ms` for a peer that does not read. STATUS_TIMED_OUT, STATUS_IO. */
MUST_CHECK enum status wire_send(int fd, const void *packet, size_t len, int64_t timeout_ms, struct fault *fault);

#endif
