/*
 * What a hostile or broken client can say to signerd, and who may say anything at all.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "place.h"
#include "sandbox.h"

static struct place place;
static struct world world;

static void start_with(const char *const further[])
{
    place_make(&place, ROLE_TRANSFER, ALGORITHM_P256);
    world_init(&world, ROLE_TRANSFER, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    cr_assert(place_start(&place, further, NULL), "%s", place.log);
}

static void start(void)
{
    start_with(NULL);
}

static void finish(void)
{
    cr_expect(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    place_remove(&place);
    world_wipe(&world);
}

/* Bare packets */

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, place.socket, strlen(place.socket));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = PLACE_TIMEOUT_MS / 1000};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        return -1;
    }
    return fd;
}

/* The next packet as text; "" at the end of the connection. */
static const char *hear(int fd)
{
    static char packet[WIRE_MESSAGE_MAX + 1];
    ssize_t len = recv(fd, packet, WIRE_MESSAGE_MAX, 0);
    cr_assert(len >= 0 || errno == ECONNRESET, "errno %d", errno);
    packet[len < 0 ? 0 : len] = '\0';
    return packet;
}

static void say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* A connection that has been greeted; -1 when there was no place for it. */
static int greeted(void)
{
    int fd = dial();
    cr_assert(fd >= 0, "errno %d", errno);
    say(fd, "{\"id\":1,\"op\":\"hello\",\"protocol\":1}");
    if (strstr(hear(fd), "\"ok\":true") == NULL) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The place of a connection that has ended is free as soon as its thread has noticed. */
static int dial_and_greet(void)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    int fd = greeted();
    for (int tries = 0; fd < 0 && tries < 60000; tries++) {
        (void)nanosleep(&pause, NULL);
        fd = greeted();
    }
    cr_assert(fd >= 0, "no place becomes free");
    return fd;
}

/* Answered with this status at this place, and closed. */
static void expect_answer(int fd, const char *text, const char *status, const char *where)
{
    char code[64];
    char at[96];
    (void)snprintf(code, sizeof(code), "\"status\":\"%s\"", status);
    (void)snprintf(at, sizeof(at), "\"where\":\"%s\"", where);
    say(fd, text);
    const char *answer = hear(fd);
    cr_expect(strstr(answer, code) != NULL && strstr(answer, at) != NULL, "%s: %s", text, answer);
    cr_expect_str_eq(hear(fd), "", "the connection goes on after: %s", text);
    (void)close(fd);
}

Test(protocol, hello_comes_first_and_in_one_version)
{
    start();
    expect_answer(dial(), "{\"id\":1,\"op\":\"status\"}", "not_permitted", "op");
    expect_answer(dial(), "{\"id\":1,\"op\":\"hello\",\"protocol\":2}", "version", "protocol");
    expect_answer(dial(), "{\"id\":1,\"op\":\"hello\"}", "missing_field", "protocol");
    finish();
}

Test(protocol, whatever_is_no_request_ends_the_connection)
{
    start();
    static const struct {
        const char *text;
        const char *status;
        const char *where;
    } rows[] = {
        {"{\"id\":1,\"op\":\"sign\"}", "invalid", "op"},
        {"{\"id\":1,\"op\":1}", "invalid", "op"},
        {"{\"id\":1}", "missing_field", "op"},
        {"{\"id\":1,\"more\":1,\"op\":\"status\"}", "unknown_field", "more"},
        {"{\"id\":0,\"op\":\"status\"}", "invalid", "id"},
        {"{\"id\":-1,\"op\":\"status\"}", "invalid", "id"},
        {"{\"id\":\"1\",\"op\":\"status\"}", "invalid", "id"},
        {"{\"op\":\"status\"}", "missing_field", "id"},
        {"{\"op\":\"status\",\"id\":1}", "not_canonical", ""},
        {"{\"id\": 1,\"op\":\"status\"}", "not_canonical", ""},
        {"{\"id\":1,\"id\":1,\"op\":\"status\"}", "not_canonical", ""},
        {"[]", "not_canonical", ""},
        {"\x01", "not_canonical", ""},
        {"{\"header\":\"{}\",\"id\":1,\"op\":\"header.sign\"}", "not_permitted", "op"},
        {"{\"id\":1,\"note\":\"\",\"old\":\"0\",\"op\":\"checkpoint.sign\",\"proof\":[]}", "not_permitted", "op"},
        {"{\"id\":1,\"op\":\"transfer.sign\"}", "missing_field", "approvals"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_answer(dial_and_greet(), rows[i].text, rows[i].status, rows[i].where);
    }
    finish();
}

Test(protocol, ids_are_echoed_and_a_refused_signature_ends_nothing)
{
    start();
    int fd = dial_and_greet();
    say(fd, "{\"id\":9007199254740991,\"op\":\"status\"}");
    const char *answer = hear(fd);
    cr_expect(strstr(answer, "\"id\":9007199254740991") != NULL && strstr(answer, "\"ready\":true") != NULL, "%s",
              answer);
    say(fd, "{\"approvals\":[],\"destination\":{\"document\":\"{}\",\"signatures\":[]},\"id\":7,\"intent\":\"{}\","
            "\"leaf\":\"\",\"op\":\"transfer.sign\",\"proof\":\"\"}");
    answer = hear(fd);
    cr_expect(strstr(answer, "\"id\":7,\"ok\":false") != NULL, "%s", answer);
    say(fd, "{\"id\":8,\"op\":\"status\"}");
    answer = hear(fd);
    cr_expect(strstr(answer, "\"id\":8,") != NULL && strstr(answer, "\"ok\":true") != NULL, "%s", answer);
    (void)close(fd);
    finish();
}

Test(protocol, packets_above_64_kib_end_the_connection)
{
    start();
    static char large[WIRE_MESSAGE_MAX + 4096];
    memset(large, 'x', sizeof(large));
    int fd = dial_and_greet();
    cr_assert(send(fd, large, sizeof(large), MSG_NOSIGNAL) == (ssize_t)sizeof(large));
    cr_expect_str_eq(hear(fd), "");
    (void)close(fd);

    fd = dial_and_greet();
    cr_assert(send(fd, large, WIRE_MESSAGE_MAX, MSG_NOSIGNAL) == WIRE_MESSAGE_MAX);
    cr_expect(strstr(hear(fd), "not_canonical") != NULL);
    (void)close(fd);

    /* A valid start does not save a packet whose end was cut off. */
    fd = dial_and_greet();
    static const char valid[] = "{\"id\":1,\"op\":\"status\"}";
    memset(large, ' ', sizeof(large));
    memcpy(large, valid, sizeof(valid) - 1);
    cr_assert(send(fd, large, sizeof(large), MSG_NOSIGNAL) == (ssize_t)sizeof(large));
    cr_expect_str_eq(hear(fd), "");
    (void)close(fd);
    finish();
}

Test(protocol, a_65th_connection_is_told_so_and_silent_ones_hold_nobody_up)
{
    start();
    int fds[64];
    for (size_t i = 0; i < 64; i++) {
        fds[i] = dial_and_greet();
    }
    int late = dial();
    cr_assert(late >= 0);
    cr_expect(strstr(hear(late), "\"busy\"") != NULL);
    (void)close(late);
    say(fds[63], "{\"id\":2,\"op\":\"status\"}");
    cr_expect(strstr(hear(fds[63]), "\"ok\":true") != NULL);
    (void)close(fds[0]);
    fds[0] = dial_and_greet();
    finish(); /* SIGTERM with 64 connections open */
    for (size_t i = 0; i < 64; i++) {
        (void)close(fds[i]);
    }
}

/* Who is at the other end */

/* What user `uid` hears after a hello and this request: "" when disconnected. Root only. */
static void hear_as(uid_t uid, const char *request, char out[512])
{
    int ends[2];
    cr_assert(pipe(ends) == 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        int fd = setresuid(uid, uid, uid) == 0 ? dial() : -1;
        if (fd < 0) {
            _exit(1);
        }
        say(fd, "{\"id\":1,\"op\":\"hello\",\"protocol\":1}");
        const char *heard = hear(fd);
        if (heard[0] != '\0') {
            say(fd, request);
            heard = hear(fd);
        }
        _exit(write(ends[1], heard, strlen(heard)) < 0);
    }
    (void)close(ends[1]);
    ssize_t len = read(ends[0], out, 511);
    out[len < 0 ? 0 : len] = '\0';
    (void)close(ends[0]);
    int ended = 0;
    cr_assert(waitpid(child, &ended, 0) == child && WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "status %x", ended);
}

/* Takes so many places as this user; true when the next one is refused. */
static bool takes_only(uid_t uid, int count)
{
    if (seteuid(0) != 0 || seteuid(uid) != 0) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        (void)dial_and_greet();
    }
    return strstr(hear(dial()), "\"busy\"") != NULL;
}

/* Silent clients keep no custodian out, nor anybody anybody else. In a child, since it becomes somebody else. */
static void each_kind_has_its_places(void)
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        _exit(takes_only(0, 64) && takes_only(54321, 8) && takes_only(54322, 8) ? 0 : 1);
    }
    int ended = 0;
    cr_assert(waitpid(child, &ended, 0) == child);
    cr_expect(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "status %x", ended);
}

/* Waits until the signer closes the connection; greeted or not, and never one of a client. */
static void silence_is_for_clients(void)
{
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        int client = dial_and_greet();
        bool closed = seteuid(54322) == 0;
        int fds[2] = {dial_and_greet(), dial()};
        for (size_t i = 0; i < 2; i++) {
            closed = closed && hear(fds[i])[0] == '\0';
        }
        say(client, "{\"id\":2,\"op\":\"status\"}");
        _exit(closed && strstr(hear(client), "\"ok\":true") != NULL ? 0 : 1);
    }
    int ended = 0;
    cr_assert(waitpid(child, &ended, 0) == child);
    cr_expect(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "status %x", ended);
}

Test(protocol, only_the_named_users_are_heard)
{
    if (getuid() != 0) {
        cr_skip("needs root, to be somebody else");
    }
    const char *const further[] = {"--observers", "54321", "--custodians", "54322", NULL};
    start_with(further);
    struct stat file;
    cr_assert(stat(place.socket, &file) == 0);
    cr_expect((file.st_mode & 07777) == 0660, "mode %o", file.st_mode & 07777);
    /* Open the way through the file system: the answer must come from the credentials. */
    cr_assert(chmod(place.socket, 0666) == 0 && chmod(place.token.folder.path, 0711) == 0);
    static const char status[] = "{\"id\":2,\"op\":\"status\"}";
    char heard[512];
    hear_as(0, status, heard);
    cr_expect(strstr(heard, "\"ready\":true") != NULL, "%s", heard);
    hear_as(54320, status, heard);
    cr_expect_str_eq(heard, "");
    hear_as(54321, status, heard);
    cr_expect(strstr(heard, "\"ready\":true") != NULL, "%s", heard);
    hear_as(54321,
            "{\"approvals\":[],\"destination\":{},\"id\":2,\"intent\":\"\",\"leaf\":\"\",\"op\":\"transfer.sign\","
            "\"proof\":\"\"}",
            heard);
    cr_expect(strstr(heard, "\"status\"") != NULL && strstr(heard, "\"ok\":false") != NULL, "%s", heard);
    hear_as(54321,
            "{\"approvals\":[],\"destination\":{\"document\":\"{}\",\"signatures\":[]},\"id\":2,\"intent\":\"{}\","
            "\"leaf\":\"\",\"op\":\"transfer.sign\",\"proof\":\"\"}",
            heard);
    cr_expect(strstr(heard, "not_permitted") != NULL, "%s", heard);
    static const char alarm[] =
        "{\"id\":2,\"key\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"op\":\"key.alarm\","
        "\"reason\":\"smoke\"}";
    hear_as(54321, alarm, heard);
    cr_expect(strstr(heard, "not_permitted") != NULL, "%s", heard);
    hear_as(54322, alarm, heard);
    cr_expect(strstr(heard, "not_found") != NULL, "a custodian may, but there is no such key: %s", heard);
    hear_as(54322,
            "{\"approvals\":[],\"destination\":{\"document\":\"{}\",\"signatures\":[]},\"id\":2,\"intent\":\"{}\","
            "\"leaf\":\"\",\"op\":\"transfer.sign\",\"proof\":\"\"}",
            heard);
    cr_expect(strstr(heard, "not_permitted") != NULL, "%s", heard);
    each_kind_has_its_places();
    silence_is_for_clients();
    cr_expect(strstr(place_log(&place), "uid=54320") != NULL, "%s", place.log);
    finish();
}

/* The process */

static void proc_read(char *out, size_t size, const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)place.pid, name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s: errno %d", path, errno);
    out[fread(out, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

Test(protocol, the_process_has_given_up_what_it_does_not_need)
{
    start();
    char status[8192];
    char limits[8192];
    int fd = dial_and_greet(); /* so that the sandbox has been entered */
    proc_read(status, sizeof(status), "status");
    cr_expect(strstr(status, SANDBOX_USABLE ? "Seccomp:\t2" : "Seccomp:\t0") != NULL, "%s", status);
    cr_expect(strstr(status, "NoNewPrivs:\t1") != NULL);
    cr_expect(strstr(status, "CapEff:\t0000000000000000") != NULL);
    cr_expect(strstr(status, "CapPrm:\t0000000000000000") != NULL);
    cr_expect(strstr(status, "CapBnd:\t0000000000000000") != NULL || getuid() != 0);
    proc_read(limits, sizeof(limits), "limits");
    const char *core = strstr(limits, "Max core file size");
    cr_assert(core != NULL);
    cr_expect(strncmp(core + strlen("Max core file size"), "        0                    0", 16) == 0, "%.80s", core);
    (void)close(fd);
    finish();
}

/* True when the writable memory of the process holds the text. */
static bool memory_holds(const char *text)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)place.pid);
    FILE *maps = fopen(path, "r");
    (void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)place.pid);
    FILE *memory = fopen(path, "r");
    cr_assert(maps != NULL && memory != NULL, "errno %d", errno);
    bool found = false;
    char line[1024];
    size_t seen = 0;
    while (!found && fgets(line, sizeof(line), maps) != NULL) {
        char *rest = NULL;
        unsigned long from = strtoul(line, &rest, 16);
        unsigned long to = strtoul(rest + 1, &rest, 16);
        if (strncmp(rest, " rw", 3) != 0 || strstr(line, ".mdb") != NULL || to - from > (256UL << 20)) {
            continue;
        }
        char *part = malloc(to - from);
        cr_assert(part != NULL && fseek(memory, (long)from, SEEK_SET) == 0);
        size_t got = fread(part, 1, to - from, memory);
        seen += got;
        found = got > 0 && memmem(part, got, text, strlen(text)) != NULL;
        free(part);
    }
    (void)fclose(maps);
    (void)fclose(memory);
    cr_assert(found || seen > 100000, "too little was seen: %zu", seen);
    return found;
}

Test(protocol, the_pin_is_gone_after_the_login)
{
    if (getuid() != 0) {
        cr_skip("needs root, to look into the process");
    }
    start();
    int fd = dial_and_greet();
    cr_expect(memory_holds(place.token.label), "the search finds what is there");
    cr_expect(!memory_holds(place.token.pin), "the PIN is still in memory");
    (void)close(fd);
    finish();
}

Test(protocol, a_socket_left_by_a_killed_signer_is_replaced_and_a_living_one_is_not)
{
    start();
    cr_expect(place_stop(&place, SIGKILL) == 128 + SIGKILL);
    cr_assert(access(place.socket, F_OK) == 0);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    struct place other;
    place_make(&other, ROLE_TRANSFER, ALGORITHM_P256);
    struct world other_world;
    world_init(&other_world, ROLE_TRANSFER, &other.key, world.now_utc_us);
    cr_assert(place_initialise(&other, &other_world) == 0, "%s", other.log);
    memcpy(other.socket, place.socket, sizeof(other.socket));
    cr_expect(!place_start(&other, NULL, NULL) && strstr(other.log, "exists") != NULL, "%s", other.log);
    place_remove(&other);
    world_wipe(&other_world);
    (void)close(dial_and_greet());
    finish();
}
