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
    int more;      /* and so many that may */
    const char *form;
    const char *text;
} commands[] = {
    {{"key", "generate"},
     command_key_generate,
     0,
     0,
     "--out FILE [--algorithm A]",
     "make a key pair in an encrypted file"},
    {{"key", "show"}, command_key_show, 0, 0, "--key FILE", "print the public key as JSON"},
    {{"key", "address"}, command_key_address, 1, 0, "ALG:KEY", "print the address of a public key"},
    {{"wallets", NULL}, command_wallets, 0, 0, "", "wallets and balances"},
    {{"propose", NULL},
     command_propose,
     0,
     0,
     "--wallet W --asset A --amount N --to ADDRESS [--returns TX] [--sweep]",
     "propose a withdrawal"},
    {{"list", NULL}, command_list, 0, 0, "", "withdrawals, newest first"},
    {{"show", NULL},
     command_show,
     1,
     0,
     "ID | KIND --in FILE [--policy P]",
     "decode a withdrawal with its short code, or a document"},
    {{"explain", NULL}, command_explain, 1, 0, "ID", "what the policy says of a withdrawal"},
    {{"approve", NULL}, command_approve, 1, 0, "ID --key FILE", "sign an approval and hand it in"},
    {{"reject", NULL}, command_reject, 1, 0, "ID --key FILE", "sign a rejection and hand it in"},
    {{"cancel", NULL}, command_cancel, 1, 0, "ID", "take your own proposal back"},
    {{"differences", NULL},
     command_differences,
     1,
     0,
     "ID",
     "what the service no longer says of a withdrawal as it was recorded before the signature"},
    {{"settle", NULL},
     command_settle,
     1,
     0,
     "ID [--in FILE]",
     "have the end of a quarantine found out; --in: the recorded intent, when the service has lost it"},
    {{"wait", NULL}, command_wait, 1, 0, "ID", "wait until a withdrawal has ended"},
    {{"evidence", NULL}, command_evidence, 1, 0, "ID [--out FILE]", "fetch the evidence bundle"},
    {{"audit", "export"}, command_audit_export, 0, 0, "[--out FILE]", "fetch the whole audit trail"},
    {{"sign", NULL},
     command_sign,
     1,
     0,
     "KIND --key FILE --in FILE [--out FILE]",
     "sign a document of the ceremony, decoded and shown first"},
    {{"digest", NULL}, command_digest, 1, 0, "KIND --in FILE", "print the digest of a document"},
    {{"destination", "add"}, command_destination_add, 0, 0, "--in FILE", "hand in a signed allow-list entry"},
    {{"issue", NULL}, command_issue, 0, 0, "--key FILE --asset A --amount N --to ADDRESS", "issue units of an asset"},
    {{"ceremony", "start"},
     command_ceremony_start,
     4,
     0,
     "ROLE:PERSON:KEY.json[:SEAL.json] ... --purpose P --environment E --out FILE",
     "begin the transcript of a key ceremony: its four people"},
    {{"ceremony", "next"}, command_ceremony_next, 0, 0, "--in FILE", "which step comes next, who does it and how"},
    {{"ceremony", "step"},
     command_ceremony_step,
     1,
     16,
     "STEP [fact=value ...] --in FILE --out FILE --key FILE",
     "do one step and sign it"},
    {{"ceremony", "show"},
     command_ceremony_show,
     0,
     0,
     "--in FILE [--policy P]",
     "verify a transcript and show all of it"},
    {{"key", "command"},
     command_key_command,
     1,
     0,
     "ACTION --document FILE | --key-id ID --role R  --policy P --reason WORD [--from STATE] [--on N] [--until TIME] "
     "[--signatures N] [--intent DIGEST] [--out FILE]; key.deactivate and key.suspend have no --from, key.admit and "
     "key.sweep no --on",
     "make an order about a key, to be signed"},
    {{"key", "admit"},
     command_key_admit,
     0,
     0,
     "--document FILE --command FILE --ceremony FILE [--backup FILE] [--restore FILE] [--socket PATH]",
     "hand in the papers of a new key"},
    {{"key", "send"},
     command_key_send,
     0,
     0,
     "--command FILE [--socket PATH]",
     "hand in a signed order about a key, a freeze or a thaw"},
    {{"key", "list"}, command_key_list, 0, 0, "[--socket PATH --role R]", "keys and their states"},
    {{"key", "attest"},
     command_key_attest,
     0,
     0,
     "--document FILE [--socket PATH] [--out FILE]",
     "fetch a fresh attestation"},
    {{"key", "prove"},
     command_key_prove,
     0,
     0,
     "--restore FILE [--socket PATH --role R]",
     "hand in the proof of a restore drill"},
    {{"alarms", NULL},
     command_alarms,
     0,
     0,
     "[--acknowledge ID]",
     "what is in alarm, and that you have seen one of them"},
    {{"watch", NULL},
     command_watch,
     0,
     0,
     "--call PROGRAM --call PROGRAM --state FILE [--every S] [--silence S] [--answer-within S]",
     "run on another host: call people when there is an alarm, nobody answers it, or the service is silent"},
    {{"freeze", "list"}, command_freeze_list, 0, 0, "[--socket PATH]", "what is frozen, or was"},
    {{"freeze", NULL},
     command_freeze,
     1,
     1,
     "asset ID|wallet NAME|everything --policy P --reason WORD [--key FILE [--socket PATH]]",
     "stop signing for it at once; without --key the order is only written"},
    {{"thaw", NULL},
     command_thaw,
     1,
     1,
     "asset ID|wallet NAME|everything --on N --policy P --reason WORD [--out FILE]",
     "make the order that ends a freeze, to be signed by the quorum"},
    {{"media", "list"}, command_media_list, 0, 0, "", "media that hold secrets, and entries that nobody has confirmed"},
    {{"media", "add"},
     command_media_add,
     2,
     0,
     "SERIAL token|card|bag|paper|disk --place P --custodian C --due TIME --second S",
     "take a medium into the ledger"},
    {{"media", "tell"},
     command_media_tell,
     2,
     0,
     "SERIAL access|move|inspect|destroy --second S --reason WORD [--place P --custodian C | --due TIME | --tool T "
     "--method M]",
     "tell what happened to a medium; it counts when the second person has confirmed it"},
    {{"media", "confirm"}, command_media_confirm, 2, 0, "SERIAL ENTRY", "confirm what another told: you were there"},
    {{"media", "refuse"}, command_media_refuse, 2, 0, "SERIAL ENTRY", "say that an entry is not so; it never counts"},
    {{"address", "verify"},
     command_address_verify,
     0,
     0,
     "--document FILE --attestation FILE --policy P",
     "verify and print an address, offline"},
    {{"address", NULL}, command_address, 0, 0, "--wallet NAME", "fetch, verify and print the address of a wallet"},
    {{"compromise", "report"},
     command_compromise_report,
     0,
     0,
     "--in FILE",
     "hand in a report that did not get through"},
    {{"compromise", NULL},
     command_compromise,
     2,
     0,
     "key|token|custodian|signer|site NAME --policy P --papers DIR --reason WORD --key FILE --out DIR [--drill]",
     "it is lost: suspend all it reaches, prepare the sweeps"},
    {{"seal-key", "generate"},
     command_seal_key_generate,
     0,
     0,
     "--out FILE --person NAME --environment E --key FILE [--until TIME]",
     "make a key to which shares are sealed, and print it, signed by your key"},
    {{"seal-key", "sign"},
     command_seal_key_sign,
     0,
     0,
     "--seal-key FILE --person NAME --environment E --key FILE [--until TIME] [--out FILE]",
     "sign the sealing key that you have anew"},
    {{"share", "show"},
     command_share_show,
     0,
     0,
     "--share FILE [--seal-key FILE] [--backup FILE | --share-set FILE]",
     "whose share it is, whether it opens, and whether it stands so in the backup or share set"},
    {{"share", "give"},
     command_share_give,
     0,
     0,
     "--occasion FILE --policy P --trust FILE --share FILE --seal-key FILE --key FILE",
     "seal your share for the receiver that two people signed, and sign the gift"},
    {{"occasion", NULL},
     command_occasion,
     1,
     0,
     "activate|restore|drill --key-id ID --set DIGEST --to KEY --requester R --authoriser A [--executor E --serial S] "
     "--policy P [--out FILE]",
     "write down who asks for shares and to which receiving key, to be signed by both"},
    {{"activate", NULL},
     command_activate,
     0,
     0,
     "--socket PATH --role R --occasion FILE --policy P --trust FILE --share FILE --seal-key FILE --key FILE",
     "give your share of a PIN to a signer"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Those that begin with the word, or all when none does. */
static void print_commands(const char *word)
{
    bool begun = false;
    for (size_t i = 0; i < COMMANDS; i++) {
        begun = begun || strcmp(commands[i].words[0], word) == 0;
    }
    (void)fprintf(stderr, "usage: custody COMMAND [words] [options]   (custody --help lists the options)\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (begun && strcmp(commands[i].words[0], word) != 0) {
            continue;
        }
        const char *second = commands[i].words[1] == NULL ? "" : commands[i].words[1];
        (void)fprintf(stderr, "  %s%s%s%s%s\n        %s\n", commands[i].words[0], second[0] == '\0' ? "" : " ", second,
                      commands[i].form[0] == '\0' ? "" : " ", commands[i].form, commands[i].text);
    }
}

static int explain(enum status status, struct fault *fault)
{
    (void)fault_set(fault, status, "", "%s", ""); /* where nobody told more */
    (void)fflush(stdout);                         /* what was shown comes before what is said of it */
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

/* How many words the command has itself when these begin with them, 0 when they do not. */
static int own_words(size_t row, char **words, int count)
{
    int own = commands[row].words[1] == NULL ? 1 : 2;
    bool same = count >= own && strcmp(words[0], commands[row].words[0]) == 0 &&
                (own == 1 || strcmp(words[1], commands[row].words[1]) == 0);
    return same ? own : 0;
}

static int run_row(size_t row, const struct command_input *input, struct fault *fault)
{
    if (input->count < commands[row].arguments || input->count > commands[row].arguments + commands[row].more) {
        const char *second = commands[row].words[1] == NULL ? "" : commands[row].words[1];
        (void)fprintf(stderr, "usage: custody %s%s%s %s\n", commands[row].words[0], second[0] == '\0' ? "" : " ",
                      second, commands[row].form);
        return 2;
    }
    enum status status = commands[row].run(input, fault);
    if (status == STATUS_OK && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        status = fault_set(fault, STATUS_IO, "standard output", "could not write");
    }
    return status == STATUS_OK ? 0 : explain(status, fault);
}

static int run(char **words, int count, const struct custody_options *options, struct fault *fault)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        int own = own_words(i, words, count);
        if (own > 0) {
            const struct command_input input = {.options = options, .words = words + own, .count = count - own};
            return run_row(i, &input, fault);
        }
    }
    if (count > 0) {
        (void)fprintf(stderr, "custody: there is no command %s%s%s\n", words[0], count > 1 ? " " : "",
                      count > 1 ? words[1] : "");
    }
    print_commands(count > 0 ? words[0] : "");
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
