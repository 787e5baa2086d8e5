/*
 * Options from the default, the configuration file and the command line; the manual page from the same table.
 *
 * The sources are read in order of their weight into the struct. What was given twice in one source is refused: an
 * operator who sees one of two lines must not be wrong about which one counts.
 */
#include "base/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#ifndef STRONGROOM_VERSION
#define STRONGROOM_VERSION "unknown"
#endif

#define CONFIG_LINE_MAX 4096
#define ROWS_MAX 128
#define BLANKS " \t\r\n"
#define UNKNOWN_OPTION "there is no such option"

struct load {
    uint8_t *out;
    unsigned command; /* 0: every row is its own */
    const struct option_row *rows;
    size_t count;
    bool given[ROWS_MAX]; /* in any source, to find what is required and missing */
    bool seen[ROWS_MAX];  /* in the source being read */
    struct fault *fault;
};

static bool is_own(const struct option_row *row, unsigned command)
{
    return command == 0 || row->commands == 0 || (row->commands & command) != 0;
}

static enum status set_integer(void *member, const struct option_row *row, const char *value, struct fault *fault)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool shaped = (value[0] >= '0' && value[0] <= '9') || value[0] == '-';
    if (!shaped || errno != 0 || *end != '\0' || number < row->min || number > row->max) {
        return fault_set(fault, STATUS_USAGE, row->name, "an integer from %" PRId64 " to %" PRId64 "%s%s, not %s",
                         row->min, row->max, row->unit[0] == '\0' ? "" : " ", row->unit, value);
    }
    *(int64_t *)member = number;
    return STATUS_OK;
}

static enum status set_flag(void *member, const struct option_row *row, const char *value, struct fault *fault)
{
    bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0) {
        return fault_set(fault, STATUS_USAGE, row->name, "yes or no, not %s", value);
    }
    *(bool *)member = yes;
    return STATUS_OK;
}

static enum status set_text(void *member, const struct option_row *row, const char *value, struct fault *fault)
{
    size_t len = strlen(value);
    if (len >= row->size) {
        return fault_set(fault, STATUS_USAGE, row->name, "at most %zu characters", row->size - 1);
    }
    memset(member, 0, row->size);
    memcpy(member, value, len);
    return STATUS_OK;
}

static enum status add_text(struct option_list *list, const struct option_row *row, const char *value,
                            struct fault *fault)
{
    if (list->count == OPTION_LIST_MAX || strlen(value) >= OPTION_LIST_TEXT_SIZE) {
        return fault_set(fault, STATUS_USAGE, row->name, "at most %d, of %d characters", OPTION_LIST_MAX,
                         OPTION_LIST_TEXT_SIZE - 1);
    }
    memcpy(list->texts[list->count++], value, strlen(value) + 1);
    return STATUS_OK;
}

static enum status set_value(struct load *load, size_t index, const char *value)
{
    const struct option_row *row = &load->rows[index];
    void *member = load->out + row->offset;
    load->given[index] = true;
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
        return set_text(member, row, value, load->fault);
    case OPTION_INTEGER:
        return set_integer(member, row, value, load->fault);
    case OPTION_FLAG:
        return set_flag(member, row, value, load->fault);
    case OPTION_LIST:
        return add_text(member, row, value, load->fault);
    }
    return STATUS_INTERNAL;
}

/* The row of a name of `len` characters; the count when there is none. */
static size_t row_find(const struct load *load, const char *name, size_t len)
{
    for (size_t i = 0; i < load->count; i++) {
        if (strlen(load->rows[i].name) == len && strncmp(load->rows[i].name, name, len) == 0) {
            return i;
        }
    }
    return load->count;
}

/* Takes a named value of the present source: known, and for the first time there. */
static enum status take(struct load *load, const char *name, size_t len, const char *value)
{
    char shown[64];
    (void)snprintf(shown, sizeof(shown), "%.*s", (int)(len < sizeof(shown) ? len : sizeof(shown) - 1), name);
    size_t index = row_find(load, name, len);
    if (index == load->count) {
        return fault_set(load->fault, STATUS_USAGE, shown, UNKNOWN_OPTION);
    }
    const struct option_row *row = &load->rows[index];
    if (row->type == OPTION_LIST && !load->seen[index]) {
        memset(load->out + row->offset, 0, row->size);
    } else if (row->type != OPTION_LIST && load->seen[index]) {
        return fault_set(load->fault, STATUS_USAGE, shown, "given twice");
    }
    load->seen[index] = true;
    return set_value(load, index, value);
}

static enum status load_defaults(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        const char *initial = load->rows[i].initial;
        if (initial == NULL || initial[0] == '\0') {
            load->given[i] = initial != NULL;
            continue;
        }
        enum status status = set_value(load, i, initial);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status load_line(struct load *load, char *line)
{
    line += strspn(line, BLANKS);
    size_t len = strlen(line);
    while (len > 0 && strchr(BLANKS, line[len - 1]) != NULL) {
        line[--len] = '\0';
    }
    if (len == 0 || line[0] == '#') {
        return STATUS_OK;
    }
    size_t name_len = strcspn(line, "= \t");
    char *value = line + name_len;
    value += strspn(value, BLANKS);
    if (name_len == 0 || *value != '=') {
        return fault_set(load->fault, STATUS_USAGE, line, "a line reads: name = value");
    }
    value++;
    value += strspn(value, BLANKS);
    return take(load, line, name_len, value);
}

/* Says beside a mistake in which line of which file it is. */
static enum status load_numbered(struct load *load, char *line, unsigned number, const char *path)
{
    struct fault *fault = load->fault;
    struct fault mistake = {0};
    load->fault = &mistake;
    enum status status = load_line(load, line);
    load->fault = fault;
    return status == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, status, mistake.where, "%s (line %u of %s)", mistake.detail, number, path);
}

static enum status load_stream(struct load *load, FILE *stream, const char *path)
{
    char line[CONFIG_LINE_MAX];
    for (unsigned number = 1; fgets(line, sizeof(line), stream) != NULL; number++) {
        if (strchr(line, '\n') == NULL && !feof(stream)) {
            return fault_set(load->fault, STATUS_USAGE, path, "a line has at most %d characters", CONFIG_LINE_MAX - 2);
        }
        enum status status = load_numbered(load, line, number, path);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return ferror(stream) == 0 ? STATUS_OK : fault_set(load->fault, STATUS_USAGE, path, "could not read the file");
}

static enum status load_file(struct load *load, const char *path)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        return fault_set(load->fault, STATUS_USAGE, "config", "could not open %s: %s", path, strerror(errno));
    }
    memset(load->seen, 0, sizeof(load->seen));
    enum status status = load_stream(load, stream, path);
    (void)fclose(stream);
    return status;
}

/* One option of the command line, in its parts. */
struct argument {
    const char *name;
    size_t len;
    const char *value; /* NULL when it does not carry one */
};

struct command_line {
    struct argument options[ROWS_MAX];
    size_t count;
    const char *config;
    bool help;
    bool version;
    int rest;
};

static struct argument argument_split(const char *text)
{
    text += 2;
    size_t len = strcspn(text, "=");
    return (struct argument){.name = text, .len = len, .value = text[len] == '=' ? text + len + 1 : NULL};
}

static bool argument_is(const struct argument *argument, const char *name)
{
    return argument->len == strlen(name) && strncmp(argument->name, name, argument->len) == 0;
}

static bool takes_next(const struct load *load, const struct argument *argument)
{
    if (argument->value != NULL) {
        return false;
    }
    size_t index = row_find(load, argument->name, argument->len);
    return argument_is(argument, "config") || (index < load->count && load->rows[index].type != OPTION_FLAG);
}

static enum status command_line_add(struct command_line *line, const struct argument *argument, struct fault *fault)
{
    if (argument_is(argument, "help") || argument_is(argument, "version")) {
        line->help = line->help || argument_is(argument, "help");
        line->version = true;
        return STATUS_OK;
    }
    if (argument_is(argument, "config")) {
        if (line->config != NULL) {
            return fault_set(fault, STATUS_USAGE, "config", "given twice");
        }
        line->config = argument->value;
        return STATUS_OK;
    }
    if (line->count == ROWS_MAX) {
        return fault_set(fault, STATUS_USAGE, argument->name, "too many options");
    }
    line->options[line->count++] = *argument;
    return STATUS_OK;
}

static enum status command_line_read(struct command_line *line, const struct load *load, int argc, char **argv)
{
    int i = 1;
    while (i < argc && strncmp(argv[i], "--", 2) == 0) {
        const char *text = argv[i++];
        if (strcmp(text, "--") == 0) { /* what follows are arguments */
            break;
        }
        struct argument argument = argument_split(text);
        if (takes_next(load, &argument)) {
            if (i == argc) {
                return fault_set(load->fault, STATUS_USAGE, argument.name, "a value must follow");
            }
            argument.value = argv[i++];
        }
        enum status status = command_line_add(line, &argument, load->fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    line->rest = i;
    return STATUS_OK;
}

static enum status load_command_line(struct load *load, const struct command_line *line)
{
    memset(load->seen, 0, sizeof(load->seen));
    for (size_t i = 0; i < line->count; i++) {
        const struct argument *option = &line->options[i];
        size_t index = row_find(load, option->name, option->len);
        if (index < load->count && !is_own(&load->rows[index], load->command)) {
            return fault_set(load->fault, STATUS_USAGE, load->rows[index].name, "this command does not take it");
        }
        enum status status = take(load, option->name, option->len, option->value == NULL ? "yes" : option->value);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status check_required(const struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        if (!load->given[i] && is_own(&load->rows[i], load->command)) {
            return fault_set(load->fault, STATUS_USAGE, load->rows[i].name, "the option is required");
        }
    }
    return STATUS_OK;
}

void option_print_version(const char *program)
{
    (void)printf("%s %s\n", program, STRONGROOM_VERSION);
}

/* What was more than a buffer has failed before. */
int option_answered(const char *program)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0) {
        return 0;
    }
    (void)fprintf(stderr, "%s: the result could not be written\n", program);
    return OPTION_UNWRITTEN;
}

static _Noreturn void answer_and_exit(const struct option_program *program, const struct load *load, bool help)
{
    if (help) {
        option_print_manual(stdout, program, load->rows, load->count);
    } else {
        option_print_version(program->name);
    }
    exit(option_answered(program->name));
}

static enum status load_all(struct load *load, const struct command_line *line)
{
    enum status status = load_defaults(load);
    if (status == STATUS_OK && line->config != NULL) {
        status = load_file(load, line->config);
    }
    if (status == STATUS_OK) {
        status = load_command_line(load, line);
    }
    return status == STATUS_OK ? check_required(load) : status;
}

/* The contract has its nine arguments: main's two, two tables. NOLINTNEXTLINE(readability-function-size) */
enum status option_load(void *out, size_t out_size, int *out_rest, const struct option_program *program,
                        const struct option_row *rows, size_t count, int argc, char **argv, struct fault *fault)
{
    INVARIANT(count <= ROWS_MAX);
    struct load load = {.out = out, .command = program->command, .rows = rows, .count = count, .fault = fault};
    memset(out, 0, out_size);
    struct command_line line = {0};
    enum status status = command_line_read(&line, &load, argc, argv);
    if (status == STATUS_OK && (line.help || line.version)) {
        answer_and_exit(program, &load, line.help);
    }
    if (status == STATUS_OK) {
        status = load_all(&load, &line);
    }
    if (status != STATUS_OK) {
        memset(out, 0, out_size);
        return status;
    }
    *out_rest = line.rest;
    return STATUS_OK;
}

void option_print_row(FILE *stream, const struct option_row *row)
{
    static const char *const forms[] = {
        [OPTION_TEXT] = " TEXT",      [OPTION_PATH] = " PATH",
        [OPTION_INTEGER] = " NUMBER", [OPTION_FLAG] = "[=yes|no]", /* never a word of its own */
        [OPTION_LIST] = " PATH ...",
    };
    (void)fprintf(stream, "  --%s%s\n      %s.", row->name, forms[row->type], row->text);
    if (row->type == OPTION_INTEGER) {
        (void)fprintf(stream, " From %" PRId64 " to %" PRId64 "%s%s.", row->min, row->max,
                      row->unit[0] == '\0' ? "" : " ", row->unit);
    }
    if (row->initial == NULL) {
        (void)fprintf(stream, " Required.\n");
    } else if (row->initial[0] == '\0') {
        (void)fprintf(stream, " Optional.\n");
    } else {
        (void)fprintf(stream, " Default: %s.\n", row->initial);
    }
}

void option_print_manual(FILE *stream, const struct option_program *program, const struct option_row *rows,
                         size_t count)
{
    (void)fprintf(stream, "NAME\n  %s - %s\n\nSYNOPSIS\n  %s [--config PATH] [--name value]...%s%s\n\nOPTIONS\n",
                  program->name, program->purpose, program->name, program->arguments[0] == '\0' ? "" : " ",
                  program->arguments);
    for (size_t i = 0; i < count; i++) {
        if (is_own(&rows[i], program->command)) {
            option_print_row(stream, &rows[i]);
        }
    }
    (void)fprintf(stream, "  --config PATH\n      Reads lines \"name = value\"; the command line weighs more.\n"
                          "  --help, --version\n      Prints this text or the version and ends.\n");
}

void option_print_usage(FILE *stream, const char *program, const struct option_row *rows, size_t count,
                        const struct fault *fault)
{
    const struct load load = {.rows = rows, .count = count};
    bool option =
        row_find(&load, fault->where, strlen(fault->where)) < count || strcmp(fault->detail, UNKNOWN_OPTION) == 0;
    (void)fprintf(stream, "%s: %s%s%s%s; %s --help\n", program, option ? "--" : "", fault->where,
                  fault->where[0] == '\0' || fault->detail[0] == '\0' ? "" : ": ", fault->detail, program);
}

static void line_append(struct buffer *buffer, const struct option_row *row, const char *value)
{
    buffer_append_text(buffer, row->name);
    buffer_append_text(buffer, "=");
    buffer_append_text(buffer, value);
    buffer_append_text(buffer, "\n");
}

static void row_append(struct buffer *buffer, const struct option_row *row, const uint8_t *member)
{
    char number[24];
    const struct option_list *list = (const void *)member;
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_PATH:
        line_append(buffer, row, (const char *)member);
        return;
    case OPTION_INTEGER:
        (void)snprintf(number, sizeof(number), "%" PRId64, *(const int64_t *)(const void *)member);
        line_append(buffer, row, number);
        return;
    case OPTION_FLAG:
        line_append(buffer, row, *(const bool *)member ? "yes" : "no");
        return;
    case OPTION_LIST:
        for (size_t i = 0; i < list->count; i++) {
            line_append(buffer, row, list->texts[i]);
        }
        return;
    }
}

enum status option_digest(struct digest *out, const void *options, const struct option_row *rows, size_t count,
                          struct fault *fault)
{
    struct buffer buffer;
    struct bytes lines = {0};
    buffer_init(&buffer);
    for (size_t i = 0; i < count; i++) {
        row_append(&buffer, &rows[i], (const uint8_t *)options + rows[i].offset);
    }
    enum status status = buffer_finish(&lines, &buffer);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "options", "%s", "");
    }
    digest_sha256(out, lines.data, lines.len);
    bytes_free(&lines);
    return STATUS_OK;
}
