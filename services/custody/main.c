/*
 * custody: the command line for people. Finds the command, refuses what it does not take, and runs it.
 */
#include "base/log.h"
#include "base/secret.h"
#include "client.h"
#include "help.h"

#define EXIT_USAGE 2

/* How many words stand before the options: `custody show ID --json`. */
static int words_before_options(int argc, char **argv)
{
    int words = 0;
    while (1 + words < argc && strncmp(argv[1 + words], "--", 2) != 0) {
        words++;
    }
    return words;
}

/* How many words the command has itself when these begin with them, 0 when they do not. */
static int own_words(const struct command_row *row, char **words, int count)
{
    int own = row->words[1] == NULL ? 1 : 2;
    bool same =
        count >= own && strcmp(words[0], row->words[0]) == 0 && (own == 1 || strcmp(words[1], row->words[1]) == 0);
    return same ? own : 0;
}

static const struct command_row *find_row(char **words, int count)
{
    for (size_t i = 0; i < command_row_count; i++) {
        if (own_words(&command_rows[i], words, count) > 0) {
            return &command_rows[i];
        }
    }
    return NULL;
}

static bool asks_for(const char *option, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], option) == 0) {
            return true;
        }
    }
    return false;
}

/* What is no command, on standard error. */
static int tell_wrong(char **words, int count, const char *option)
{
    if (count > 0) {
        help_print_none(words[0], count > 1 ? words[1] : "");
    } else if (option != NULL) {
        (void)fprintf(stderr, "custody: %s: a command comes before the options; custody --help\n", option);
    } else {
        help_print_commands(stderr, "");
    }
    return EXIT_USAGE;
}

/* --help, and what is no command. */
static int tell(const struct command_row *row, char **words, int count, const char *option)
{
    const char *word = count > 0 ? words[0] : "";
    bool help = option != NULL && strcmp(option, "--help") == 0;
    if (row != NULL) {
        help_print_command(stdout, row);
    } else if (help && help_begins(word)) {
        help_print_commands(stdout, word);
        (void)printf("\nexit 0 done, 1 refused or failed, 2 wrong arguments\n");
    } else {
        return tell_wrong(words, count, option);
    }
    return option_answered("custody");
}

static enum status check_words(const struct command_row *row, int count, struct fault *fault)
{
    char called[CALLED_SIZE];
    if (count >= row->arguments && count <= row->arguments + row->more) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_USAGE, count < row->arguments ? "too few words" : "too many words", "%s %s",
                     help_called(called, row), row->form);
}

/* `after` is argv of the option parser: a name and what follows the words. */
static enum status prepare(struct custody_options *options, const struct command_row *row, int count, int argc,
                           char **after, struct fault *fault)
{
    int rest = 0;
    enum status status = custody_options_check(row->options, argc, after, fault);
    if (status == STATUS_OK) {
        status = custody_options_load(options, &rest, argc, after, fault);
    }
    if (status == STATUS_OK && rest < argc) {
        status = fault_set(fault, STATUS_USAGE, after[rest], "words of the command stand before the options");
    }
    if (status == STATUS_OK) {
        status = check_words(row, count, fault);
    }
    if (status == STATUS_OK) {
        status = secret_heap_open(fault);
    }
    return status == STATUS_OK ? secret_harden_process(fault) : status;
}

static int run(const struct command_row *row, int words, int argc, char **argv)
{
    struct custody_options options;
    struct fault fault = {0};
    char called[CALLED_SIZE];
    int own = own_words(row, argv + 1, words);
    const struct command_input input = {.options = &options, .words = argv + 1 + own, .count = words - own};
    char **after = argv + words;
    char *last_word = after[0];
    after[0] = argv[0];
    enum status status = prepare(&options, row, input.count, argc - words, after, &fault);
    after[0] = last_word;
    if (status == STATUS_OK) {
        status = row->run(&input, &fault);
    }
    if (status == STATUS_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        status = fault_set(&fault, STATUS_IO, "standard output", "could not write");
    }
    if (client_halted()[0] != '\0' && fault.status != STATUS_HALTED) {
        help_print_halted(client_halted());
    }
    return status == STATUS_OK ? 0 : help_explain(help_called(called, row), status, &fault);
}

int main(int argc, char **argv)
{
    int words = words_before_options(argc, argv);
    const struct command_row *row = find_row(argv + 1, words);
    bool help = asks_for("--help", argc - 1 - words, argv + 1 + words);
    log_open("custody", LOG_LEVEL_ERROR);
    bool version = asks_for("--version", argc - 1 - words, argv + 1 + words);
    if (row == NULL && version && !help) {
        option_print_version("custody");
        return option_answered("custody");
    }
    if (row != NULL && !help) {
        return run(row, words, argc, argv);
    }
    return tell(row, argv + 1, words, help ? "--help" : argv[1 + words]); /* argv ends with NULL */
}
