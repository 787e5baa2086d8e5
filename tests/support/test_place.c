/*
 * Places for tests: temporary folders, tokens, databases. The work is done by the scripts of this folder, which people
 * can also run by hand; this file only finds them, runs them and reads back what they left.
 */
#include "test/test_place.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"

#define NEED(condition, what)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "test_place: %s: %s\n", what, #condition);                                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

__attribute__((format(printf, 3, 4))) static void print_into(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(out, size, format, arguments);
    va_end(arguments);
    NEED(len >= 0 && (size_t)len < size, "too long");
}

int test_run(const char *const argv[])
{
    posix_spawn_file_actions_t actions;
    pid_t child = -1;
    int wait_status = 0;
    NEED(posix_spawn_file_actions_init(&actions) == 0, argv[0]);
    NEED(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0, argv[0]);
    /* The interface wants char *const *, and promises not to write (POSIX, posix_spawn, rationale). */
    char *const *arguments = (char *const *)(uintptr_t)argv;
    NEED(posix_spawnp(&child, argv[0], &actions, NULL, arguments, environ) == 0, argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    while (waitpid(child, &wait_status, 0) < 0) {
        NEED(errno == EINTR, argv[0]);
    }
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

void test_source_path(char out[TEST_PATH_SIZE * 2], const char *relative)
{
    print_into(out, TEST_PATH_SIZE * 2, "%s/%s", STRONGROOM_SOURCE_DIR, relative);
}

void test_build_path(char out[TEST_PATH_SIZE * 2], const char *relative)
{
    print_into(out, TEST_PATH_SIZE * 2, "%s/%s", STRONGROOM_BUILD_DIR, relative);
}

void test_folder_make(struct test_folder *out)
{
    print_into(out->path, sizeof out->path, "/tmp/srt.XXXXXXXX");
    NEED(mkdtemp(out->path) != NULL, "mkdtemp");
}

void test_folder_remove(struct test_folder *folder)
{
    NEED(strncmp(folder->path, "/tmp/srt.", 9) == 0, folder->path);
    const char *const command[] = {"rm", "-rf", "--", folder->path, NULL};
    NEED(test_run(command) == 0, folder->path);
    *folder = (struct test_folder){0};
}

static void read_line(char *out, size_t size, const char *path)
{
    FILE *file = fopen(path, "re");
    NEED(file != NULL, path);
    NEED(fgets(out, (int)size, file) != NULL, path);
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
}

/* Fills what both kinds of token have in common after their script has run in `dir`. */
static void token_read(struct test_token *token, const char *dir, const char *label)
{
    print_into(token->label, sizeof token->label, "%s", label);
    print_into(token->pin_path, sizeof token->pin_path, "%s/%s.pin", dir, label);
    print_into(token->so_pin_path, sizeof token->so_pin_path, "%s/%s.so-pin", dir, label);
    read_line(token->pin, sizeof token->pin, token->pin_path);
}

static void softhsm_add(struct test_token *out, const char *dir, const char *label)
{
    char script[TEST_PATH_SIZE * 2];
    test_source_path(script, "tests/support/softhsm_token");
    const char *const command[] = {script, dir, label, NULL};
    NEED(test_run(command) == 0, "softhsm_token");
    print_into(out->module, sizeof out->module, "%s", SOFTHSM_MODULE);
    token_read(out, dir, label);
}

void test_token_softhsm(struct test_token *out, const char *label)
{
    char conf[TEST_PATH_SIZE * 2];
    *out = (struct test_token){0};
    test_folder_make(&out->folder);
    softhsm_add(out, out->folder.path, label);
    print_into(conf, sizeof conf, "%s/softhsm2.conf", out->folder.path);
    NEED(setenv("SOFTHSM2_CONF", conf, 1) == 0, conf);
}

void test_token_softhsm_beside(struct test_token *out, const struct test_token *first, const char *label)
{
    *out = (struct test_token){0};
    softhsm_add(out, first->folder.path, label);
    out->folder = first->folder;
}

static void swtpm_script(const char *action, const char *dir, const char *label)
{
    char script[TEST_PATH_SIZE * 2];
    char owner[16];
    test_source_path(script, "tests/support/swtpm_token");
    print_into(owner, sizeof owner, "%d", (int)getpid());
    const char *const start[] = {script, action, dir, label, "--owner", owner, NULL};
    const char *const stop[] = {script, action, dir, NULL};
    NEED(test_run(label != NULL ? start : stop) == 0, "swtpm_token");
}

/* Takes over the lines "export NAME=value" that the script left. */
static void import_environment(const char *path)
{
    char line[512];
    FILE *file = fopen(path, "re");
    NEED(file != NULL, path);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        NEED(strncmp(line, "export ", 7) == 0, path);
        char *equals = strchr(line, '=');
        NEED(equals != NULL, path);
        *equals = '\0';
        NEED(setenv(line + 7, equals + 1, 1) == 0, path);
    }
    fclose(file);
}

void test_token_tpm(struct test_token *out, const char *label)
{
    char dir[TEST_PATH_SIZE];
    char path[TEST_PATH_SIZE * 2];
    *out = (struct test_token){.tpm = true};
    test_folder_make(&out->folder);
    print_into(dir, sizeof dir, "%s/tpm", out->folder.path);
    swtpm_script("start", dir, label);
    print_into(path, sizeof path, "%s/env", dir);
    import_environment(path);
    print_into(out->module, sizeof out->module, "%s", getenv("STRONGROOM_TEST_TPM_MODULE"));
    token_read(out, dir, label);
}

void test_token_remove(struct test_token *token)
{
    if (token->tpm) {
        char dir[TEST_PATH_SIZE * 2];
        print_into(dir, sizeof dir, "%s/tpm", token->folder.path);
        swtpm_script("stop", dir, NULL);
    }
    test_folder_remove(&token->folder);
    *token = (struct test_token){0};
}

static void execute(const char *verb, const char *name)
{
    char command[256];
    PGconn *connection = PQconnectdb("");
    NEED(PQstatus(connection) == CONNECTION_OK, PQerrorMessage(connection));
    /* The name is made of hexadecimal digits by this file, so it needs no quoting. */
    print_into(command, sizeof command, "%s %s", verb, name);
    PGresult *result = PQexec(connection, command);
    NEED(PQresultStatus(result) == PGRES_COMMAND_OK, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

void test_database_make(struct test_database *out)
{
    uint64_t number = 0;
    const char *host = getenv("PGHOST");
    NEED(host != NULL, "run this program under tests/support/with_postgres (registered with POSTGRES)");
    NEED(getrandom(&number, sizeof number, 0) == sizeof number, "getrandom");
    print_into(out->name, sizeof out->name, "test_%016llx", (unsigned long long)number);
    print_into(out->conninfo, sizeof out->conninfo, "host=%s user=postgres dbname=%s", host, out->name);
    execute("CREATE DATABASE", out->name);
}

void test_database_drop(struct test_database *database)
{
    char clause[96];
    print_into(clause, sizeof clause, "%s WITH (FORCE)", database->name);
    execute("DROP DATABASE", clause);
    *database = (struct test_database){0};
}
