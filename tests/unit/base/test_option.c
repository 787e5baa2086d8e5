/*
 * Options: which source wins, and that every mistake is an error with the option's name.
 */
#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "base/option.h"

struct settings {
    char listen[16];
    char dir[32];
    int64_t timeout_ms;
    bool tls;
    struct option_list calls;
};

static const struct option_row rows[] = {
    {"listen", OPTION_TEXT, "", 0, 0, "", "Where to listen", offsetof(struct settings, listen), 16},
    {"dir", OPTION_PATH, "", 0, 0, NULL, "Where the state lies", offsetof(struct settings, dir), 32},
    {"timeout-ms", OPTION_INTEGER, "ms", 1, 60000, "500", "How long to wait", offsetof(struct settings, timeout_ms), 8},
    {"tls", OPTION_FLAG, "", 0, 0, "no", "Whether to encrypt", offsetof(struct settings, tls), sizeof(bool)},
    {"call", OPTION_LIST, "", 0, 0, "", "What to run", offsetof(struct settings, calls), sizeof(struct option_list)},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct option_program program = {"testd", "tests options", "FILE..."};

#define ARGUMENTS_MAX 12

static int load_rest;

static enum status load(struct settings *out, const char *const *arguments, struct fault *fault)
{
    char *argv[ARGUMENTS_MAX] = {NULL};
    char copies[ARGUMENTS_MAX][128] = {"testd"};
    int argc = 1;
    argv[0] = copies[0];
    for (; arguments[argc - 1] != NULL; argc++) {
        (void)snprintf(copies[argc], sizeof(copies[argc]), "%s", arguments[argc - 1]);
        argv[argc] = copies[argc];
    }
    return option_load(out, sizeof(*out), &load_rest, &program, rows, ROW_COUNT, argc, argv, fault);
}

#define LOAD(out, fault, ...) load(out, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}, fault)

Test(option, defaults_stand_when_nothing_is_said)
{
    struct settings settings;
    cr_assert_eq(LOAD(&settings, NULL, "--dir", "/d"), STATUS_OK);
    cr_assert_str_eq(settings.listen, "");
    cr_assert_str_eq(settings.dir, "/d");
    cr_assert_eq(settings.timeout_ms, 500);
    cr_assert_not(settings.tls);
    cr_assert_eq(load_rest, 3);
}

Test(option, both_forms_flags_and_the_rest)
{
    struct settings settings;
    cr_assert_eq(LOAD(&settings, NULL, "--dir=/d=e", "--tls", "--timeout-ms", "7", "file", "--listen"), STATUS_OK);
    cr_assert_str_eq(settings.dir, "/d=e");
    cr_assert(settings.tls);
    cr_assert_eq(settings.timeout_ms, 7);
    cr_assert_eq(load_rest, 5, "what follows the first argument is not an option");
    cr_assert_eq(LOAD(&settings, NULL, "--dir=d", "--tls=no", "--", "--file"), STATUS_OK);
    cr_assert_not(settings.tls);
    cr_assert_eq(load_rest, 4);
}

struct mistake {
    const char *arguments[4];
    const char *where;
    const char *rule;
};

static const struct mistake mistakes[] = {
    {{"--tls"}, "dir", "required"},
    {{"--dir=d", "--unknown", "x"}, "unknown", "no such option"},
    {{"--dir=d", "--di=e"}, "di", "no such option"},
    {{"--dir=d", "--dir=d"}, "dir", "twice"},
    {{"--dir"}, "dir", "value must follow"},
    {{"--dir=d", "--config"}, "config", "value must follow"},
    {{"--dir=d", "--timeout-ms=0"}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--timeout-ms=60001"}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--timeout-ms=1s"}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--timeout-ms="}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--timeout-ms= 1"}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--timeout-ms=+1"}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--timeout-ms=99999999999999999999"}, "timeout-ms", "from 1 to 60000 ms"},
    {{"--dir=d", "--tls=true"}, "tls", "yes or no"},
    {{"--dir=d", "--listen=1234567890123456"}, "listen", "at most 15"},
    {{"--dir=d", "--config=/nonexistent"}, "config", "could not open /nonexistent: No such file or directory"},
    {{"--dir=d", "--config=/dev/null", "--config=/dev/null"}, "config", "twice"},
};

Test(option, mistakes_are_named_and_leave_nothing)
{
    static const struct settings zero;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct settings settings;
        struct fault fault = {0};
        cr_assert_eq(load(&settings, mistakes[i].arguments, &fault), STATUS_USAGE, "row %zu", i);
        cr_assert_str_eq(fault.where, mistakes[i].where);
        cr_assert_not_null(strstr(fault.detail, mistakes[i].rule), "%s", fault.detail);
        cr_assert_arr_eq(&settings, &zero, sizeof(settings));
    }
}

/* Loads with a configuration file of this text and one more option of the command line. */
static enum status load_with_file(struct settings *out, const char *text, const char *more, struct fault *fault)
{
    char path[] = "/tmp/test-option-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    enum status status = LOAD(out, fault, "--config", path, more);
    (void)unlink(path);
    return status;
}

Test(option, the_command_line_weighs_more_than_the_file_and_the_file_than_the_default)
{
    struct settings settings;
    cr_assert_eq(load_with_file(&settings, "# comment\n\n  dir = /from file  \ntimeout-ms=9\r\ntls = yes\nlisten =",
                                "--timeout-ms=11", NULL),
                 STATUS_OK);
    cr_assert_str_eq(settings.dir, "/from file");
    cr_assert_eq(settings.timeout_ms, 11);
    cr_assert(settings.tls);
    cr_assert_str_eq(settings.listen, "");
}

Test(option, a_list_is_given_once_for_each_and_the_later_source_replaces_it)
{
    struct settings settings;
    cr_assert_eq(LOAD(&settings, NULL, "--dir=/d"), STATUS_OK);
    cr_assert_eq(settings.calls.count, 0);
    cr_assert_eq(load_with_file(&settings, "dir=/d\ncall=/a\ncall=/b\ncall=/c", "--tls", NULL), STATUS_OK);
    cr_assert_eq(settings.calls.count, 3);
    cr_assert_str_eq(settings.calls.texts[2], "/c");
    cr_assert_eq(load_with_file(&settings, "dir=/d\ncall=/a\ncall=/b", "--call=/d", NULL), STATUS_OK);
    cr_assert_eq(settings.calls.count, 1);
    cr_assert_str_eq(settings.calls.texts[0], "/d");
    struct fault fault = {0};
    cr_assert_eq(LOAD(&settings, &fault, "--dir=/d", "--call=1", "--call=2", "--call=3", "--call=4", "--call=5",
                      "--call=6", "--call=7", "--call=8", "--call=9"),
                 STATUS_USAGE);
    cr_assert_str_eq(fault.where, "call");
}

Test(option, mistakes_in_the_file_are_named)
{
    static const struct {
        const char *text;
        const char *where;
        const char *rule;
    } bad[] = {
        {"dir = a\ndir = b\n", "dir", "twice"},
        {"dri = a\n", "dri", "no such option"},
        {"timeout-ms = fast\n", "timeout-ms", "fast"},
        {"dir\n", "dir", "name = value"},
        {"dir /d\n", "dir /d", "name = value"},
        {"config = /etc/other\n", "config", "no such option"},
        {"= a\n", "= a", "name = value"},
        {"# dir\n\ndri = a\n", "dri", "no such option (line 3 of /tmp/test-option-"},
        {"dir = a\ntimeout-ms = fast", "timeout-ms", "not fast (line 2 of /tmp/test-option-"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct settings settings;
        struct fault fault = {0};
        cr_assert_eq(load_with_file(&settings, bad[i].text, "--tls", &fault), STATUS_USAGE, "%s", bad[i].text);
        cr_assert_str_eq(fault.where, bad[i].where);
        cr_assert_not_null(strstr(fault.detail, bad[i].rule), "%s", fault.detail);
    }
}

Test(option, a_line_without_end_is_refused)
{
    char text[5001];
    memset(text, 'x', sizeof(text) - 1);
    text[5000] = '\0';
    struct settings settings;
    struct fault fault = {0};
    cr_assert_eq(load_with_file(&settings, text, "--tls", &fault), STATUS_USAGE);
    cr_assert_not_null(strstr(fault.detail, "a line has at most"), "%s", fault.detail);
}

Test(option, help_prints_the_manual_and_ends, .init = cr_redirect_stdout, .exit_code = 0)
{
    struct settings settings;
    (void)!LOAD(&settings, NULL, "--help");
    cr_assert_fail("help returned");
}

Test(option, version_ends_even_when_something_is_missing, .init = cr_redirect_stdout, .exit_code = 0)
{
    struct settings settings;
    (void)!LOAD(&settings, NULL, "--version");
    cr_assert_fail("version returned");
}

Test(option, the_manual_holds_every_row)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    option_print_manual(stream, &program, rows, ROW_COUNT);
    cr_assert_eq(fclose(stream), 0);
    static const char *const parts[] = {
        "testd - tests options",
        "FILE...",
        "--listen TEXT\n      Where to listen. Optional.",
        "--dir PATH\n      Where the state lies. Required.",
        "--timeout-ms NUMBER\n      How long to wait. From 1 to 60000 ms. Default: 500.",
        "--tls[=yes|no]\n      Whether to encrypt. Default: no.",
        "--call PATH ...\n      What to run. Optional.",
        "--config PATH",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        cr_assert_not_null(strstr(text, parts[i]), "%s", parts[i]);
    }
    free(text);
}

/* Commands of one program that share a table and a file. */

enum { SERVE = 1, SWEEP = 2 };

static const struct option_row shared_rows[] = {
    {"dir", OPTION_PATH, "", 0, 0, NULL, "Where it lies", offsetof(struct settings, dir), 32},
    {"listen", OPTION_TEXT, "", 0, 0, NULL, "Where to listen", offsetof(struct settings, listen), 16, SERVE},
    {"timeout-ms", OPTION_INTEGER, "ms", 1, 60000, NULL, "How long", offsetof(struct settings, timeout_ms), 8, SWEEP},
};

static const struct option_program sweep = {"testd sweep", "sweeps", "", SWEEP};

static enum status load_sweep(struct settings *out, const char *file, char *more, struct fault *fault)
{
    char path[] = "/tmp/test-option-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, file, strlen(file)), (ssize_t)strlen(file));
    (void)close(fd);
    char *argv[] = {(char[]){"sweep"}, (char[]){"--config"}, path, more, NULL};
    int rest = 0;
    enum status status = option_load(out, sizeof(*out), &rest, &sweep, shared_rows, 3, 4, argv, fault);
    (void)unlink(path);
    return status;
}

Test(option, what_another_command_takes_may_stand_in_the_file_alone)
{
    static const struct {
        const char *file, *where, *rule;
        char more[32];
    } refused[] = {
        {"dir=/d\nlisten=x", "timeout-ms", "required", "--dir=/e"},
        {"dir=/d\ntimeout-ms=5", "listen", "this command does not take it", "--listen=x"},
        {"dir=/d\nlisten=1234567890123456", "listen", "at most 15", "--timeout-ms=5"},
        {"dir=/d\nliste=x", "liste", "no such option", "--timeout-ms=5"},
    };
    struct settings settings;
    char timeout[] = "--timeout-ms=5";
    cr_assert_eq(load_sweep(&settings, "dir=/d", timeout, NULL), STATUS_OK, "what the other requires is not asked for");
    cr_assert_str_eq(settings.listen, "");
    cr_assert_eq(load_sweep(&settings, "dir=/d\nlisten=x", timeout, NULL), STATUS_OK);
    cr_assert_str_eq(settings.listen, "x");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char more[32];
        struct fault fault = {0};
        memcpy(more, refused[i].more, sizeof(more));
        cr_assert_eq(load_sweep(&settings, refused[i].file, more, &fault), STATUS_USAGE, "row %zu", i);
        cr_assert_str_eq(fault.where, refused[i].where, "row %zu: %s", i, fault.where);
        cr_assert_not_null(strstr(fault.detail, refused[i].rule), "%s", fault.detail);
    }
}

Test(option, the_manual_of_a_command_has_its_own_rows)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    option_print_manual(stream, &sweep, shared_rows, 3);
    cr_assert_eq(fclose(stream), 0);
    cr_assert_not_null(strstr(text, "--dir"));
    cr_assert_not_null(strstr(text, "--timeout-ms"));
    cr_assert_null(strstr(text, "--listen"));
    free(text);
}

/* The bytes are fixed, so that somebody else can say what a program runs with. */
Test(option, the_digest_is_of_a_line_for_each_option)
{
    static const char lines[] = "listen=any\ndir=/srv\ntimeout-ms=500\ntls=yes\ncall=a\ncall=b\n";
    struct settings settings = {.listen = "any", .dir = "/srv", .timeout_ms = 500, .tls = true};
    struct digest expected;
    struct digest digest;
    settings.calls.count = 2;
    settings.calls.texts[0][0] = 'a';
    settings.calls.texts[1][0] = 'b';
    digest_sha256(&expected, lines, strlen(lines));
    cr_assert_eq(option_digest(&digest, &settings, rows, ROW_COUNT, NULL), STATUS_OK);
    cr_assert(digest_equal(&digest, &expected));
    settings.tls = false;
    cr_assert_eq(option_digest(&digest, &settings, rows, ROW_COUNT, NULL), STATUS_OK);
    cr_assert_not(digest_equal(&digest, &expected));
}
