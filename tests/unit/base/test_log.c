/*
 * The operations log, read from the standard error of the test itself.
 */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "base/log.h"

struct capture {
    int saved;
    int file;
};

static struct capture capture_start(void)
{
    struct capture capture = {.saved = dup(STDERR_FILENO), .file = open("/tmp", O_TMPFILE | O_RDWR, 0600)};
    cr_assert(capture.saved >= 0 && capture.file >= 0);
    cr_assert_geq(dup2(capture.file, STDERR_FILENO), 0);
    return capture;
}

static void capture_end(struct capture *capture, char *out, size_t size)
{
    (void)dup2(capture->saved, STDERR_FILENO);
    ssize_t got = pread(capture->file, out, size - 1, 0);
    cr_assert_geq(got, 0);
    out[got] = '\0';
    (void)close(capture->saved);
    (void)close(capture->file);
}

Test(log, one_line_of_pairs)
{
    log_open("signerd", LOG_LEVEL_INFO);
    struct capture capture = capture_start();
    log_event(LOG_LEVEL_INFO, "key_loaded", "role", "transfer", "label", "a \"b\" \\ c\n\xc3", "empty", "", NULL);
    char line[1024];
    capture_end(&capture, line, sizeof(line));
    cr_assert_eq(strncmp(line, "time=20", 7), 0, "%s", line);
    const char *rest = strchr(line, ' ');
    cr_assert_str_eq(rest, " level=info program=signerd event=key_loaded role=transfer "
                           "label=\"a \\\"b\\\" \\\\ c\\x0a\\xc3\" empty=\"\"\n");
}

Test(log, a_value_cannot_forge_a_pair_or_a_line)
{
    log_open("custodyd", LOG_LEVEL_INFO);
    struct capture capture = capture_start();
    log_event(LOG_LEVEL_INFO, "x", "a", "1\ntime=0 level=error", "b", "c=d", "e", "f\ng", NULL);
    char line[1024];
    capture_end(&capture, line, sizeof(line));
    cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
    cr_assert_not_null(strstr(line, "a=\"1\\x0atime=0 level=error\" b=\"c=d\" e=\"f\\x0ag\"\n"), "%s", line);
}

Test(log, levels_above_the_highest_are_silent)
{
    log_open("custodyd", LOG_LEVEL_WARNING);
    struct capture capture = capture_start();
    log_event(LOG_LEVEL_INFO, "chatter", NULL);
    log_event(LOG_LEVEL_DEBUG, "chatter", NULL);
    log_event(LOG_LEVEL_WARNING, "heard", NULL);
    char line[1024];
    capture_end(&capture, line, sizeof(line));
    cr_assert_null(strstr(line, "chatter"));
    cr_assert_not_null(strstr(line, "event=heard\n"));
}

Test(log, a_line_that_is_too_long_is_cut_between_pairs_and_says_so)
{
    log_open("custodyd", LOG_LEVEL_INFO);
    char *huge = malloc(10001);
    cr_assert_not_null(huge);
    memset(huge, 'x', 10000);
    huge[10000] = '\0';
    struct capture capture = capture_start();
    log_event(LOG_LEVEL_INFO, "big", "first", "1", "second", huge, "third", "3", NULL);
    char line[16384];
    capture_end(&capture, line, sizeof(line));
    cr_assert_not_null(strstr(line, " event=big first=1 cut=yes\n"), "%s", line);
    free(huge);
}

Test(log, faults_are_errors_unless_the_caller_erred)
{
    log_open("custodyd", LOG_LEVEL_INFO);
    struct fault fault = {0};
    (void)fault_set(&fault, STATUS_INVALID, "amount", "not a number");
    struct capture capture = capture_start();
    log_fault("request", &fault);
    fault_clear(&fault);
    (void)fault_set(&fault, STATUS_IO, "guard", "could not write");
    log_fault("sign", &fault);
    char lines[2048];
    capture_end(&capture, lines, sizeof(lines));
    cr_assert_not_null(strstr(lines, "level=warning program=custodyd event=request status=invalid where=amount "
                                     "detail=\"not a number\"\n"),
                       "%s", lines);
    cr_assert_not_null(strstr(lines, "level=error program=custodyd event=sign status=io where=guard"), "%s", lines);
}
