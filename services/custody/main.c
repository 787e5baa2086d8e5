/*
 * custody: the command line for people. The table of commands, and how a failure is told.
 */
#include "base/log.h"
#include "base/secret.h"
#include "commands.h"

static const struct {
    const char *words[2]; /* one or two */
    command_run *run;
    int arguments; /* words that must follow */
    const char *form;
    const char *text;
} commands[] = {
    {{"key", "generate"},
     command_key_generate,
     0,
     "--out FILE [--algorithm A]",
     "make a key pair in an encrypted file"},
    {{"key", "show"}, command_key_show, 0, "--key FILE", "print the public key as JSON"},
    {{"key", "address"}, command_key_address, 1, "ALG:KEY", "print the address of a public key"},
    {{"wallets", NULL}, command_wallets, 0, "", "wallets and balances"},
    {{"propose", NULL}, command_propose, 0, "--wallet W --asset A --amount N --to ADDRESS", "propose a withdrawal"},
    {{"list", NULL}, command_list, 0, "", "withdrawals, newest first"},
    {{"show", NULL}, command_show, 1, "ID", "decode intent and transaction, print the short code"},
    {{"explain", NULL}, command_explain, 1, "ID", "what the policy says of a withdrawal"},
    {{"approve", NULL}, command_approve, 1, "ID --key FILE", "sign an approval and hand it in"},
    {{"reject", NULL}, command_reject, 1, "ID --key FILE", "sign a rejection and hand it in"},
    {{"cancel", NULL}, command_cancel, 1, "ID", "take your own proposal back"},
    {{"wait", NULL}, command_wait, 1, "ID", "wait until a withdrawal has ended"},
    {{"evidence", NULL}, command_evidence, 1, "ID [--out FILE]", "fetch the evidence bundle"},
    {{"audit", "export"}, command_audit_export, 0, "[--out FILE]", "fetch the whole audit trail"},
    {{"sign", NULL},
     command_sign,
     1,
     "KIND --key FILE --in FILE [--out FILE]",
     "sign a policy, destination or command document"},
    {{"digest", NULL}, command_digest, 1, "KIND --in FILE", "print the digest of a document"},
    {{"destination", "add"}, command_destination_add, 0, "--in FILE", "hand in a signed allow-list entry"},
    {{"issue", NULL}, command_issue, 0, "--key FILE --asset A --amount N --to ADDRESS", "issue units of an asset"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_commands(void)
{
    (void)fprintf(stderr, "usage: custody COMMAND [words] [options]   (custody --help lists the options)\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *second = commands[i].words[1] == NULL ? "" : commands[i].words[1];
        (void)fprintf(stderr, "  %s%s%s %s\n        %s\n", commands[i].words[0], second[0] == '\0' ? "" : " ", second,
                      commands[i].form, commands[i].text);
    }
}

static int explain(enum status status, struct fault *fault)
{
    (void)fault_set(fault, status, "", "%s", ""); /* where nobody told more */
    (void)fprintf(stderr, "custody: %s%s%s%s%s\n", status_info(fault->status)->text,
                  fault->where[0] == '\0' ? "" : ": ", fault->where, fault->detail[0] == '\0' ? "" : ": ",
                  fault->detail);
    return fault->status == STATUS_USAGE ? 2 : 1;
}

/* Moves the words of the command, which may stand before the options, behind them: `custody show ID --json`. */
static int words_before_options(int argc, char **argv)
{
    int words = 0;
    while (1 + words < argc && strncmp(argv[1 + words], "--", 2) != 0) {
        words++;
    }
    return words;
}

static int run(char **words, int count, const struct custody_options *options, struct fault *fault)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        int own = commands[i].words[1] == NULL ? 1 : 2;
        if (count < own || strcmp(words[0], commands[i].words[0]) != 0 ||
            (own == 2 && strcmp(words[1], commands[i].words[1]) != 0)) {
            continue;
        }
        if (count - own != commands[i].arguments) {
            (void)fprintf(stderr, "usage: custody %s %s\n", words[0], commands[i].form);
            return 2;
        }
        const struct command_input input = {.options = options, .words = words + own, .count = count - own};
        enum status status = commands[i].run(&input, fault);
        if (status == STATUS_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
            status = fault_set(fault, STATUS_IO, "standard output", "could not write");
        }
        return status == STATUS_OK ? 0 : explain(status, fault);
    }
    print_commands();
    return 2;
}

int main(int argc, char **argv)
{
    struct custody_options options;
    struct fault fault = {0};
    int rest = 0;
    int words = words_before_options(argc, argv);
    log_open("custody", LOG_LEVEL_ERROR);
    char *program = argv[0];
    char **after = argv + words; /* argv of the option parser: the program's name and what follows the words */
    char *last_word = after[0];
    after[0] = program;
    enum status status = custody_options_load(&options, &rest, argc - words, after, &fault);
    if (words > 0) {
        after[0] = last_word;
    }
    if (status == STATUS_OK && rest < argc - words) {
        status = fault_set(&fault, STATUS_USAGE, after[rest], "words of the command stand before the options");
    }
    if (status == STATUS_OK) {
        status = secret_heap_open(&fault);
    }
    if (status == STATUS_OK) {
        status = secret_harden_process(&fault);
    }
    return status == STATUS_OK ? run(argv + 1, words, &options, &fault) : explain(status, &fault);
}
