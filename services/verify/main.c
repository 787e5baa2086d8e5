/*
 * custody-verify: proves a trail or a part of it, an evidence bundle, a ceremony or an address from files alone. Exit 0
 * proven, 1 tampered, 2 incomplete or stale, 3 usage.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/option.h"
#include "verify.h"

struct options {
    char trust[512];
    int64_t max_age_s;
    char now[64];
    struct verify_request request;
};

#define ROW(name, type, unit, min, max, initial, text, member)                                                         \
    {                                                                                                                  \
        name, type, unit, min, max, initial, text, offsetof(struct options, member),                                   \
            sizeof(((struct options *)0)->member)                                                                      \
    }
#define PATH(name, member, initial, text) ROW(name, OPTION_PATH, "", 0, 0, initial, text, member)

#define TRUST_ROWS 6 /* with the first, the rows of commands that cannot do without a trust file */

/* Each command takes some neighbours of this table. */
static const struct option_row rows[] = {
    PATH("entry", request.entry, "", "The bytes of the entry that the receipt is to be for"),
    PATH("trust", trust, NULL, "Trust file: chain, log key, digest of the first policy"),
    ROW("max-age", OPTION_INTEGER, "seconds", 0, 3153600000, "0",
        "How old the last entry and the cosignatures that count may be, or how far ahead; 0: of any time", max_age_s),
    ROW("now", OPTION_TEXT, "", 0, 0, "",
        "The time from which --max-age counts (RFC 3339, six decimals); default: the clock", now),
    ROW("explain", OPTION_FLAG, "", 0, 0, "no", "Tells who approved it, under which rules, and when", request.explain),
    PATH("trust", trust, NULL, "Trust file: chain, log key, digest of the first policy"),
    PATH("transcript", request.transcript, NULL, "Transcript of the ceremony"),
    PATH("backup", request.backup, "", "Backup document of the key"),
    PATH("restore", request.restore, "", "Restore proof"),
    PATH("share-set", request.share_set, "", "Share set of the token's PIN; with the backup"),
    PATH("key-document", request.key_document, NULL, "Signed key document"),
    PATH("policy", request.policy, NULL, "The first signed policy; later versions follow as arguments, in order"),
    PATH("trust", trust, "", "Trust file; without it, the digest of the first policy is printed to compare"),
    PATH("attestation", request.attestation, NULL, "Attestation of the address"),
    ROW("max-age-days", OPTION_INTEGER, "days", 1, 36500, "8", "How old the attestation may be", request.max_age_days),
};

static const struct command {
    const char *word, *name, *purpose, *arguments;
    size_t first_row, row_count;
    int least, most; /* arguments */
    enum verdict (*run)(const struct trust *trust, const struct verify_request *request);
} commands[] = {
    {"trail", "custody-verify trail", "proves an export of the audit trail offline",
     "EXPORT [CHECKPOINT OR RECEIPT ...]", 1, 3, 1, 4096, verify_trail},
    {"extract", "custody-verify extract", "proves a filtered export of the audit trail offline", "EXTRACT", 1, 3, 1, 1,
     verify_extract},
    {"receipt", "custody-verify receipt", "proves the receipt of an entry offline", "RECEIPT [EXPORT]", 0, 4, 1, 2,
     verify_receipt},
    {"consistency", "custody-verify consistency", "proves offline that one checkpoint extends another",
     "OLD NEW PROOF|EXPORT", 1, 3, 3, 3, verify_consistency},
    {"evidence", "custody-verify evidence", "proves the evidence bundle of a withdrawal offline", "BUNDLE", 4, 2, 1, 1,
     verify_evidence},
    {"ceremony", "custody-verify ceremony", "proves offline how a key was made", "[LATER POLICY ...]", 6, 7, 0, 64,
     verify_ceremony},
    {"address", "custody-verify address", "proves offline whose an address is", "[LATER POLICY ...]", 10, 5, 0, 64,
     verify_address},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *stream)
{
    for (const struct command *command = commands; command < commands + COMMANDS; command++) {
        (void)fprintf(stream, "usage: custody-verify %s [--help] --OPTION FILE ... %s\n", command->word,
                      command->arguments);
    }
    (void)fprintf(stream, "exit 0 proven, 1 tampered, 2 incomplete or stale, 3 usage\n");
}

/* What is no command. */
static int usage(const char *word)
{
    bool version = strcmp(word, "--version") == 0;
    if (version || strcmp(word, "--help") == 0) {
        version ? option_print_version("custody-verify") : print_usage(stdout);
        return option_answered("custody-verify");
    }
    if (word[0] != '\0') {
        (void)fprintf(stderr, "custody-verify: there is no command %s\n", word);
    }
    print_usage(stderr);
    return VERDICT_USAGE;
}

static int refuse(const struct command *command, const struct fault *fault)
{
    option_print_usage(stderr, command->name, &rows[command->first_row], command->row_count, fault);
    return VERDICT_USAGE;
}

/* What is older than --max-age, or as far ahead, proves nothing new. Of a trail the last entry tells it. */
static enum status freshen(struct trust *trust, const struct options *options, const struct command *command,
                           struct fault *fault)
{
    int64_t now_utc_us = clock_utc_us(clock_system());
    if (options->now[0] != '\0' && time_parse(&now_utc_us, options->now) != STATUS_OK) {
        return fault_set(fault, STATUS_USAGE, "now", "must be a time like 2026-01-31T23:59:59.000000Z");
    }
    for (struct trust *log = trust; options->max_age_s > 0 && log != NULL; log = log->next) {
        log->fresh_since_s = now_utc_us / 1000000 - options->max_age_s;
        log->fresh_until_s = now_utc_us / 1000000 + options->max_age_s;
    }
    return options->max_age_s == 0 || trust->quorum > 0 || command->run == verify_trail
               ? STATUS_OK
               : fault_set(fault, STATUS_USAGE, "max-age", "is told by witnesses, and the trust file names none");
}

int main(int argc, char **argv)
{
    struct options options;
    struct trust trust;
    struct fault fault = {0};
    int rest = 0;
    const struct command *command = commands;
    const char *word = argc < 2 ? "" : argv[1];
    while (command < commands + COMMANDS && strcmp(word, command->word) != 0) {
        command++;
    }
    if (command == commands + COMMANDS) {
        return usage(word);
    }
    const struct option_program program = {command->name, command->purpose, command->arguments};
    if (option_load(&options, sizeof(options), &rest, &program, &rows[command->first_row], command->row_count, argc - 1,
                    argv + 1, &fault) != STATUS_OK) {
        return refuse(command, &fault);
    }
    int count = argc - 1 - rest;
    options.request.rest = argv + 1 + rest;
    options.request.rest_count = count;
    if (count < command->least || count > command->most) {
        (void)fault_set(&fault, STATUS_USAGE, count < command->least ? "too few words" : "too many words",
                        "after the options comes %s", command->arguments);
        return refuse(command, &fault);
    }
    if ((options.trust[0] != '\0' || command->first_row < TRUST_ROWS) &&
        (trust_read(&trust, options.trust, &fault) != STATUS_OK ||
         freshen(&trust, &options, command, &fault) != STATUS_OK)) {
        return refuse(command, &fault);
    }
    enum verdict verdict = command->run(options.trust[0] == '\0' ? NULL : &trust, &options.request);
    return (int)(option_answered("custody-verify") != 0 && verdict == VERDICT_PROVEN ? VERDICT_INCOMPLETE : verdict);
}
