/*
 * How a connection may travel: within this machine as it is, anywhere else only by TLS to a server whose certificate
 * says its name. Decided from what libpq would go by, before anything is sent.
 */
#include <arpa/inet.h>

#include "session.h"

/* What libpq would go by: the string, then the environment and the service that it names. */
struct settings {
    PQconninfoOption *given;
    PQconninfoOption *defaults;
};

static const char *value_in(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL) {
            return option->val;
        }
    }
    return "";
}

static const char *value_of(const struct settings *settings, const char *keyword)
{
    const char *given = value_in(settings->given, keyword);
    return given[0] != '\0' ? given : value_in(settings->defaults, keyword);
}

static bool is_loopback(const char *text)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, text, &four) == 1) {
        return ntohl(four.s_addr) >> 24 == 127;
    }
    return inet_pton(AF_INET6, text, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* A socket folder, an abstract socket, the default one, or this machine by name or address. */
static bool is_here(const char *host)
{
    return host[0] == '\0' || host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 || is_loopback(host);
}

/* The first of a list, separated by commas, that is elsewhere; false when there is none. */
static bool find_elsewhere(char out256[256], const char *list)
{
    for (const char *next = list;; next++) {
        size_t len = strcspn(next, ",");
        (void)snprintf(out256, 256, "%.*s", (int)(len < 255 ? len : 255), next);
        if (!is_here(out256)) {
            return true;
        }
        next += len;
        if (*next == '\0') {
            return false;
        }
    }
}

static enum status judge(const struct settings *settings, struct fault *fault)
{
    char host[256];
    /* a service of the string may name any host and any mode */
    bool service = value_in(settings->given, "service")[0] != '\0';
    const char *mode = service ? value_in(settings->given, "sslmode") : value_of(settings, "sslmode");
    bool elsewhere =
        find_elsewhere(host, value_of(settings, "hostaddr")) || find_elsewhere(host, value_of(settings, "host"));
    if (!elsewhere && service) {
        elsewhere = true;
        (void)snprintf(host, sizeof(host), "of a service");
    }
    if (!elsewhere || strcmp(mode, "verify-full") == 0) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INVALID, "database.sslmode",
                     "must be verify-full, since the host %s is not this machine", host);
}

enum status session_check_transport(const char *conninfo, struct fault *fault)
{
    char *error = NULL;
    struct settings settings = {.given = PQconninfoParse(conninfo, &error)};
    if (settings.given == NULL) { /* libpq would take it for the name of a database; its words may hold a password */
        PQfreemem(error);
        return fault_set(fault, STATUS_INVALID, "database", "is not a connection string of libpq");
    }
    settings.defaults = PQconndefaults();
    enum status status = settings.defaults == NULL
                             ? fault_set(fault, STATUS_INVALID, "database", "the environment of libpq cannot be read")
                             : judge(&settings, fault);
    PQconninfoFree(settings.defaults);
    PQconninfoFree(settings.given);
    return status;
}
