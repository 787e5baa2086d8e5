/*
 * The listening socket and whole packets. Packet boundaries are the kernel's (SOCK_SEQPACKET), so there is no framing
 * to get wrong; who may say what is decided in signerd.
 */
#include "wire/server.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64

static enum status address_make(struct sockaddr_un *out, const char *path, struct fault *fault)
{
    memset(out, 0, sizeof(*out));
    out->sun_family = AF_UNIX;
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(out->sun_path)) {
        return fault_set(fault, STATUS_INVALID, "socket", "a path of 1 to %zu characters", sizeof(out->sun_path) - 1);
    }
    memcpy(out->sun_path, path, len);
    return STATUS_OK;
}

/* Removes a socket file that a killed server left; never one with a listener and never another kind of file. */
static enum status stale_remove(const struct sockaddr_un *address, struct fault *fault)
{
    struct stat file;
    if (lstat(address->sun_path, &file) != 0) {
        return STATUS_OK;
    }
    if (!S_ISSOCK(file.st_mode)) {
        return fault_set(fault, STATUS_EXISTS, "socket", "%s is not a socket", address->sun_path);
    }
    int probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return fault_set(fault, STATUS_IO, "socket", "could not make a socket: errno %d", errno);
    }
    int refused = connect(probe, (const struct sockaddr *)address, sizeof(*address));
    int reason = errno;
    (void)close(probe);
    if (refused == 0 || reason != ECONNREFUSED) {
        return fault_set(fault, STATUS_EXISTS, "socket", "%s has a listener", address->sun_path);
    }
    if (unlink(address->sun_path) != 0) {
        return fault_set(fault, STATUS_IO, "socket", "could not remove %s: errno %d", address->sun_path, errno);
    }
    return STATUS_OK;
}

/* The umask, not a later chmod, makes the mode: there is no moment with another one. */
static int bind_private(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(0117);
    int answer = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    (void)umask(before);
    return answer;
}

enum status wire_listen(int *out_fd, const char *path, struct fault *fault)
{
    struct sockaddr_un address;
    enum status status = address_make(&address, path, fault);
    if (status == STATUS_OK) {
        status = stale_remove(&address, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fault_set(fault, STATUS_IO, "socket", "could not make a socket: errno %d", errno);
    }
    if (bind_private(fd, &address) != 0 || listen(fd, BACKLOG) != 0) {
        status = fault_set(fault, STATUS_IO, "socket", "could not listen at %s: errno %d", path, errno);
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    return STATUS_OK;
}

enum status wire_accept(struct wire_peer *out, int listen_fd, struct fault *fault)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        bool none = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        return fault_set(fault, none ? STATUS_NOT_FOUND : STATUS_IO, "socket", "accept: errno %d", errno);
    }
    struct ucred credentials;
    socklen_t len = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) != 0 || len != sizeof(credentials)) {
        (void)close(fd);
        return fault_set(fault, STATUS_IO, "socket", "could not read the peer's credentials");
    }
    *out = (struct wire_peer){.fd = fd, .uid = credentials.uid, .pid = credentials.pid};
    return STATUS_OK;
}

enum status wire_receive(uint8_t *packet, size_t *out_len, int fd, struct fault *fault)
{
    struct iovec part = {.iov_base = packet, .iov_len = WIRE_POLICY_MAX};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t len;
    do {
        len = recvmsg(fd, &header, 0);
    } while (len < 0 && errno == EINTR);
    if (len < 0 && errno != ECONNRESET) {
        return fault_set(fault, STATUS_IO, "packet", "could not receive: errno %d", errno);
    }
    if (len <= 0) {
        return STATUS_NOT_FOUND; /* an empty packet looks like the end and is treated as one */
    }
    if ((header.msg_flags & MSG_TRUNC) != 0 || !wire_packet_fits(packet, (size_t)len)) {
        return fault_set(fault, STATUS_TOO_LARGE, "packet", "at most %d bytes", WIRE_MESSAGE_MAX);
    }
    *out_len = (size_t)len;
    return STATUS_OK;
}

enum status wire_send(int fd, const void *packet, size_t len, int64_t timeout_ms, struct fault *fault)
{
    for (;;) {
        if (send(fd, packet, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len) {
            return STATUS_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return fault_set(fault, STATUS_IO, "packet", "could not send: errno %d", errno);
        }
        struct pollfd waiting = {.fd = fd, .events = POLLOUT};
        if (poll(&waiting, 1, (int)timeout_ms) == 0) {
            return fault_set(fault, STATUS_TIMED_OUT, "packet", "the peer does not read");
        }
    }
}
