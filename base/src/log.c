/*
 * The operations log: key=value lines on standard error.
 *
 * A line is built on the stack and leaves in one write, so that lines of threads and processes do not mix and logging
 * works when memory has run out. A line that is too long is cut and says so.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_LEN 4096
#define CUT_MARK " cut=yes\n"

struct line {
    char text[LINE_MAX_LEN];
    size_t len;
    bool cut;
};

/* Set once by log_open before threads start. */
static char program_name[32] = "strongroom";
static enum log_level highest_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_open(const char *program, enum log_level highest)
{
    (void)snprintf(program_name, sizeof(program_name), "%s", program);
    highest_level = highest;
}

/* Room for the end of the line is always kept. */
static void line_append(struct line *line, const char *text, size_t len)
{
    if (line->cut || line->len + len > LINE_MAX_LEN - sizeof(CUT_MARK)) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void line_append_text(struct line *line, const char *text)
{
    line_append(line, text, strlen(text));
}

static bool value_plain(const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c <= 0x20 || *c > 0x7e || *c == '"' || *c == '\\' || *c == '=') {
            return false;
        }
    }
    return *value != '\0';
}

static void line_append_escaped(struct line *line, char c)
{
    char escaped[5];
    if (c == '"' || c == '\\') {
        (void)snprintf(escaped, sizeof(escaped), "\\%c", c);
    } else if (c < 0x20 || c > 0x7e) {
        (void)snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned)(uint8_t)c);
    } else {
        (void)snprintf(escaped, sizeof(escaped), "%c", c);
    }
    line_append_text(line, escaped);
}

static void line_append_value(struct line *line, const char *value)
{
    if (value_plain(value)) {
        line_append_text(line, value);
        return;
    }
    line_append_text(line, "\"");
    for (const char *c = value; *c != '\0'; c++) {
        line_append_escaped(line, *c);
    }
    line_append_text(line, "\"");
}

/* Appends a pair wholly or not at all, so that a cut line still reads as pairs. */
static void line_append_pair(struct line *line, const char *key, const char *value)
{
    size_t before = line->len;
    if (before > 0) {
        line_append_text(line, " ");
    }
    line_append_text(line, key);
    line_append_text(line, "=");
    line_append_value(line, value);
    if (line->cut) {
        line->len = before;
    }
}

static void line_open(struct line *line, enum log_level level, const char *event)
{
    line->len = 0;
    line->cut = false;
    char now[TIME_TEXT_SIZE];
    time_format(now, clock_utc_us(clock_system()));
    line_append_pair(line, "time", now);
    line_append_pair(line, "level", level_names[level]);
    line_append_pair(line, "program", program_name);
    line_append_pair(line, "event", event);
}

static void line_write(struct line *line)
{
    const char *end = line->cut ? CUT_MARK : "\n";
    memcpy(line->text + line->len, end, strlen(end));
    line->len += strlen(end);
    ssize_t written = 0;
    do {
        written = write(STDERR_FILENO, line->text, line->len);
    } while (written < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to say so. */
}

void log_event(enum log_level level, const char *event, ...)
{
    if (level > highest_level) {
        return;
    }
    struct line line;
    line_open(&line, level, event);
    va_list pairs;
    va_start(pairs, event);
    for (const char *key = va_arg(pairs, const char *); key != NULL; key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        line_append_pair(&line, key, value == NULL ? "" : value);
        if (value == NULL) { /* that was the end of the list */
            break;
        }
    }
    va_end(pairs);
    line_write(&line);
}

void log_fault(const char *event, const struct fault *fault)
{
    const struct status_info *info = status_info(fault->status);
    enum log_level level = info->http >= 400 && info->http < 500 ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;
    log_event(level, event, "status", info->code, "where", fault->where, "detail", fault->detail, NULL);
}
