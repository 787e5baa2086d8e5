/*
 * The notification of sd_notify(3), by hand: one datagram. libsystemd would bring liblzma, libzstd, liblz4, libgcrypt
 * and libcap into the one process that can sign (docs/decisions/notify-without-libsystemd.md).
 */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"

static int ready_send(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(address.sun_path)) {
        return EINVAL;
    }
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') { /* the abstract name space */
        address.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    static const char ready[] = "READY=1";
    socklen_t address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t sent = sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address, address_len);
    int error = sent < 0 ? errno : 0;
    (void)close(fd);
    return error;
}

void notify_ready(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    int error = path == NULL ? 0 : ready_send(path);
    if (error != 0) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", error);
        log_event(LOG_LEVEL_WARNING, "notify.failed", "errno", text, NULL);
    }
}
