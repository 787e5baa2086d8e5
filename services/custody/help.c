/*
 * What custody says of itself: the commands, one command, and why something failed with what to do about it.
 */
#include "help.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2

const char *help_called(char out[CALLED_SIZE], const struct command_row *row)
{
    const char *second = row->words[1] == NULL ? "" : row->words[1];
    (void)snprintf(out, CALLED_SIZE, "custody %s%s%s", row->words[0], second[0] == '\0' ? "" : " ", second);
    return out;
}

/* The first row that begins with the word, `command_row_count` when none does. */
static size_t first_row(const char *word)
{
    size_t i = 0;
    while (i < command_row_count && strcmp(command_rows[i].words[0], word) != 0) {
        i++;
    }
    return i;
}

bool help_begins(const char *word)
{
    return word[0] == '\0' || first_row(word) < command_row_count;
}

void help_print_commands(FILE *stream, const char *word)
{
    (void)fprintf(stream,
                  "usage: custody COMMAND [words] [options]   (custody COMMAND --help: its options, an example)\n\n");
    for (size_t i = 0; i < command_row_count; i++) {
        const struct command_row *row = &command_rows[i];
        char called[CALLED_SIZE];
        if (word[0] == '\0' || strcmp(row->words[0], word) == 0) {
            (void)fprintf(stream, "  %s%s%s\n        %s\n", help_called(called, row) + strlen("custody "),
                          row->form[0] == '\0' ? "" : " ", row->form, row->text);
        }
    }
}

void help_print_none(const char *word, const char *second)
{
    (void)fprintf(stderr, "custody: there is no command %s%s%s", word, second[0] == '\0' ? "" : " ", second);
    if (help_begins(word)) {
        (void)fprintf(stderr, "\n");
        help_print_commands(stderr, word);
        return;
    }
    (void)fprintf(stderr, "; the first word is one of");
    for (size_t i = 0; i < command_row_count; i++) {
        const char *first = command_rows[i].words[0];
        (void)fprintf(stderr, "%s%s", first_row(first) == i ? " " : "", first_row(first) == i ? first : "");
    }
    (void)fprintf(stderr, "; custody --help\n");
}

void help_print_command(FILE *stream, const struct command_row *row)
{
    char called[CALLED_SIZE];
    (void)help_called(called, row);
    (void)fprintf(stream, "NAME\n  %s - %s\n\nSYNOPSIS\n  %s%s%s\n\nOPTIONS\n", called, row->text, called,
                  row->form[0] == '\0' ? "" : " ", row->form);
    custody_options_print(stream, row->options, row->form);
    (void)fprintf(stream, "\nEXAMPLE\n  %s\n", row->example);
}

/* Whatever was asked of the trail: a row of it is not what was signed, and no command makes it right. */
static const char trail_altered[] = "do not try again, nor repair it: the trail in the database was altered. Keep it "
                                    "as it is; custody audit export and "
                                    "custody-verify trail name the rows, docs/incident.md says what comes next";

static const char trust_older[] = "is it the trust file of this log? An older one gets the later keys by custody log "
                                  "trust --out FILE, from the orders "
                                  "of the quorum (docs/keys.md, Rotation)";

static const char export_whole[] = "give the file as custody audit export --out FILE wrote it, without conditions";

static const char order_files[] =
    "ORDER is the signed file of an order key.activate, as its administrators have it (key.activate.json)";

static const char checkpoint_kept[] =
    "--in takes a checkpoint that was kept, as custody audit checkpoint or the folder of a copy has it";

static const char database_behind[] =
    "the database behind the service: its operator looks whether PostgreSQL runs and has room, and at its log";

static const char copy_missing[] =
    "is --dir the folder of the copy? custody audit copy --check names each file that is missing or altered; any other "
    "copy of the same log has it, file for file";

static const char two_histories[] =
    "two histories of one log: keep both as they are, and tell the operator and the other auditors (docs/officers.md, "
    "When a verdict is bad)";

/* What helps against a status: of one command, when it is named, before that of whoever said it. */
static const struct {
    enum status status;
    const char *remedy;
    const char *called; /* NULL: of any */
    const char *where;  /* NULL: anywhere */
} remedies[] = {
    {STATUS_CORRUPT, trail_altered, NULL, "trail"},
    {STATUS_CORRUPT, trail_altered, NULL, "audit.leaf"},
    {STATUS_CORRUPT, trail_altered, NULL, "audit.tile"},
    {STATUS_CORRUPT, trail_altered, NULL, "audit.head"},
    {STATUS_HALTED,
     "do not try again: until people have decided there are no entries and no effects. Keep everything as it is; "
     "custody alarms says what was found, docs/incident.md what comes next",
     NULL, "trail"},
    {STATUS_INVALID, export_whole, "custody audit review", "in"},
    {STATUS_INVALID, order_files, "custody audit review", "ORDER"},
    {STATUS_NOT_CANONICAL, order_files, "custody audit review", "ORDER"},
    {STATUS_TOO_LARGE, order_files, "custody audit review", "ORDER"},
    {STATUS_PROOF_INVALID,
     "of a review: custody audit show ENTRY says who signed it and has the file, which proves itself; without it "
     "review "
     "those entries again (custody audit review FROM). Of altered rows: docs/incident.md",
     "custody audit reviews"},
    {STATUS_ROLLBACK,
     "export again: custody audit export. If the new one is as short, the trail was cut: keep both, docs/incident.md",
     "custody audit review"},
    {STATUS_CORRUPT,
     "keep the file: custody-verify trail names the entry and what is wrong with it, and docs/incident.md what comes "
     "next; when it proves the file, the log is newer than this program: take the service's version",
     "custody audit review"},
    {STATUS_UNKNOWN_KEY, trust_older, "custody audit review", "in"},
    {STATUS_MISMATCH, trust_older, "custody audit review", "in"},
    {STATUS_QUORUM_MISSING,
     "export again when custody alarms names no witness; if it names none now, the trust file has other witnesses than "
     "the service: get the present one",
     "custody audit review"},
    {STATUS_NOT_CANONICAL, "give the file that custody audit review --out wrote", "custody audit report"},
    {STATUS_TOO_LARGE, "give the file that custody audit review --out wrote", "custody audit report"},
    {STATUS_CONFLICT,
     "look into each FINDING; what is signed says how many there are and can be handed in: custody audit report",
     "custody audit review"},
    {STATUS_CONFLICT,
     "custody audit reviews shows where the last one ended; without FROM custody audit review goes on there",
     "custody audit report"},
    {STATUS_MISMATCH,
     "do not go on: the service has another trail than the review is of; tell its operator and keep the export",
     "custody audit report"},
    {STATUS_EXISTS, "nothing until there are new entries: custody audit export", "custody audit review"},
    {STATUS_PROOF_INVALID,
     "do not rely on them: custody audit export, and custody-verify trail names what was altered (docs/officers.md)",
     "custody audit search"},
    {STATUS_PROOF_INVALID,
     "do not rely on it: custody audit export, and custody-verify trail names what was altered (docs/officers.md)",
     "custody audit count"},
    {STATUS_PROOF_INVALID,
     "do not rely on them: custody audit export without conditions, and custody-verify trail names what was altered "
     "(docs/officers.md)",
     "custody audit export"},
    {STATUS_NOT_FOUND,
     "what was erased is gone for good; if it was not, check the id, which custody subject record printed",
     "custody subject show"},
    {STATUS_NOT_FOUND,
     "what was erased is gone for good; if it was not, check the id, which custody subject record printed",
     "custody subject reveal"},
    {STATUS_NOT_FOUND,
     "what was erased is gone for good; if it was not, check the id, which custody subject record printed",
     "custody subject export"},
    {STATUS_MISMATCH,
     "what is shown above stands; what the column says does not. Keep the database as it is: docs/incident.md",
     "custody audit show", "row"},
    {STATUS_UNKNOWN_KEY, trust_older, "custody audit show"},
    {STATUS_NOT_FOUND, "custody alarms shows those there are now", "custody alarms"},
    {STATUS_NOT_FOUND, "custody audit search shows which entries there are", "custody audit show"},
    {STATUS_NOT_FOUND, "custody audit search shows which entries there are", "custody audit proof"},
    {STATUS_PROOF_INVALID,
     "do not rely on it: keep the database as it is, and hold the whole export and the copies elsewhere against it: "
     "custody audit export, custody-verify trail (docs/officers.md)",
     "custody audit show"},
    {STATUS_QUORUM_MISSING,
     "the witnesses have not cosigned it yet: try again; custody alarms names those that are down. If none is, the "
     "trust "
     "file has other witnesses than the service: get the present one",
     "custody audit show"},
    {STATUS_QUORUM_MISSING,
     "try again; custody alarms names the witnesses that are down. If none is, the trust file has other witnesses than "
     "the service: get the present one",
     "custody audit copy"},
    {STATUS_NOT_READY,
     "look on the host of the service whether it goes on: what it says itself, and custody watch of it, is its own "
     "word. "
     "If it does, it keeps entries back: hold the newest checkpoint that a witness or another copy has against this "
     "one "
     "(custody audit copy --check --in), and tell the other auditors",
     "custody audit copy", "still"},
    {STATUS_INVALID, checkpoint_kept, "custody audit copy", "in"},
    {STATUS_TOO_LARGE, checkpoint_kept, "custody audit copy", "in"},
    {STATUS_CORRUPT,
     "a file that is missing is fetched again by custody audit copy, without --check; keep one that was altered, "
     "elsewhere, as what somebody did: then it is missing. If the service sent other bytes: call its operator",
     "custody audit copy"},
    {STATUS_NOT_FOUND,
     "is --dir the folder? What has left the database for an archive is in other copies of the trail, file for file",
     "custody audit copy"},
    {STATUS_ROLLBACK,
     "custody audit copy, without --check, takes the entries up to it from the service; where that has them no more, "
     "another copy may (docs/rebuild.md)",
     "custody audit copy", "in"},
    {STATUS_ROLLBACK,
     "keep the folder and the note beside it as they are, and tell the operator and the other auditors: somebody set "
     "the log back, or another one has its name (docs/officers.md, When a verdict is bad)",
     "custody audit copy"},
    {STATUS_FORK, two_histories, "custody audit copy"},
    {STATUS_NOT_FOUND, copy_missing, "custody audit export"},
    {STATUS_CORRUPT, copy_missing, "custody audit export"},
    {STATUS_UNKNOWN_KEY, trust_older, "custody audit export"},
    {STATUS_MISMATCH, trust_older, "custody audit export"},
    {STATUS_FORK, two_histories, "custody audit export"},
    {STATUS_LOG_ENDED,
     "what the quorum vouches for is in a copy of so many entries; with the trust file from before its order this one "
     "is exported whole, and nobody vouches for the rest (docs/incident.md)",
     "custody audit export"},
    {STATUS_VERSION,
     "custody-verify trail judges them: when it proves the file, the log is newer than this program: take the "
     "service's "
     "version. When it does not: docs/incident.md",
     "custody audit export"},
    {STATUS_UNKNOWN_KEY,
     "custody log trust --out FILE makes a trust file with the keys that orders of the quorum name, from the one you "
     "have; put it in its place (docs/keys.md, Rotation)",
     "custody audit copy"},
    {STATUS_MISMATCH,
     "is it the folder of this log? One that follows another begins in a new folder (docs/incident.md); else the trust "
     "file is older than the copy: custody log trust (docs/keys.md, Rotation)",
     "custody audit copy"},
    {STATUS_DENIED, "the line above says what the signer holds against it", "custody key send"},
    {STATUS_CONFLICT, "one process and one folder for each witness (docs/formats.md, witnesses)",
     "custody witness run"},
    {STATUS_NOT_FOUND,
     "is --state its folder? A state that is lost is not made again: docs/witnesses.md, Replacing one", NULL, "state"},
    {STATUS_NOT_FOUND, "custody witness show names its log; one that follows another takes a new witness",
     "custody witness rotate"},
    {STATUS_EXISTS, "leave it as it is", "custody witness rotate"},
    {STATUS_EXISTS, "custody show ID shows what became of it", NULL, "receipt"},
    {STATUS_DENIED, "what is NOT MET above says why; nothing was proposed", "custody propose", "dry-run"},
    {STATUS_CONFLICT, "custody show ID has what was said of it, custody audit search oid=ID the entries",
     "custody wait"},
    {STATUS_UNAUTHENTICATED,
     "give a person's bearer token, by --token-file or STRONGROOM_TOKEN; on the host, custodyd token grants one"},
    {STATUS_FORBIDDEN, "a person with that role must do it: own token, own key"},
    {STATUS_NOT_PERMITTED, "the user who calls must be among the signer's clients, custodians or observers"},
    {STATUS_NOT_FOUND, "check the name or id: custody list, wallets, key list and media list show those there are"},
    {STATUS_INVALID, "correct the field and do it again"},
    {STATUS_UNKNOWN_FIELD, "take the field out; is this program as new as the service?"},
    {STATUS_MISSING_FIELD, "add the field; is this program as new as the service?"},
    {STATUS_NOT_CANONICAL, "jq -cS . prints the canonical form of a document that nobody has signed yet"},
    {STATUS_TOO_LARGE, "make it shorter"},
    {STATUS_OVERFLOW, "give a smaller amount"},
    {STATUS_CONFLICT,
     "look at its present state before anything else: custody show, custody key list, custody freeze list"},
    {STATUS_IDEMPOTENCY_MISMATCH, "repeat the request as it was, or leave --idempotency-key out for a new one"},
    {STATUS_DENIED, "custody explain ID says which demand of the policy is not met"},
    {STATUS_QUORUM_MISSING, "more people must sign it: custody sign, custody approve"},
    {STATUS_SELF_APPROVAL, "another person must approve it"},
    {STATUS_DUPLICATE_PERSON, "your decision stands already; another person must decide"},
    {STATUS_UNKNOWN_KEY, "sign with a key that the policy lists"},
    {STATUS_EXPIRED, "make a new one and have it signed again"},
    {STATUS_LIMIT_EXCEEDED, "wait, or ask for less; a limit of the policy its quorum can change"},
    {STATUS_DESTINATION_UNLISTED, "have the address listed first: custody destination add"},
    {STATUS_INSUFFICIENT_FUNDS, "custody wallets shows what is available"},
    {STATUS_MISMATCH, "do not go on before you know which of the two is true"},
    {STATUS_SIGNATURE_INVALID, "the document was changed after it was signed, or signed by another key: get it again"},
    {STATUS_ALGORITHM_REFUSED, "use p256, ed25519 or secp256k1"},
    {STATUS_PROOF_INVALID, "do not go on: tell the auditor"},
    {STATUS_REPLAY, "make a new one"},
    {STATUS_REJECTED, "correct the transaction and have it signed again"},
    {STATUS_EXISTS, "name another file, or leave what is there"},
    {STATUS_LOOK_ALIKE,
     "compare the two addresses in full, and ask the recipient by another way; one that is false is revoked: custody "
     "destination revoke"},
    {STATUS_OUTSIDE_HOURS, "wait for the hours that the rules name; custody explain shows them"},
    {STATUS_LOG_ENDED, "docs/incident.md says what becomes of it"},
    {STATUS_KEY_INACTIVE,
     "custody key list and custody freeze list show why; it goes on when the quorum activates or thaws"},
    {STATUS_INTERNAL, "it is in the service's log: tell its operator"},
    {STATUS_FORK, "do not try again: call the operator (docs/keys.md)"},
    {STATUS_ROLLBACK, "do not try again: call the operator (docs/keys.md)"},
    {STATUS_HALTED, "do not try again: call the operator (docs/keys.md)"},
    {STATUS_CORRUPT, "do not try again: call the operator (docs/keys.md)"},
    {STATUS_VERSION, "use programs of one version"},
    {STATUS_UNRECORDED, "reject or cancel it, and propose it again: the trail has not how it began (docs/rebuild.md)"},
    {STATUS_NOT_READY,
     "custody alarms shows what is amiss; try again when it is over, but look first for what the answer says is "
     "recorded"},
    {STATUS_UNAVAILABLE, database_behind, NULL, "postgresql"},
    {STATUS_IO, database_behind, NULL, "postgresql"},
    {STATUS_TIMED_OUT, "the database behind the service is slow: try again; its operator looks at PostgreSQL", NULL,
     "postgresql"},
    {STATUS_UNAVAILABLE, "is it running, and is --url or --socket right? Then try again"},
    {STATUS_TIMED_OUT, "try again; --timeout waits longer"},
    {STATUS_BUSY, "wait a moment and try again"},
    {STATUS_OUTCOME_UNKNOWN, "look whether it took effect before you try again"},
    {STATUS_IO, "see to the file or the connection, then try again"},
    {STATUS_NO_MEMORY, "try again when the machine has memory"},
    {STATUS_PIN_REFUSED, "the operator of the signer's host: do not try again before you know which PIN it is"},
    {STATUS_KEY_UNFIT, "the key object on the token is another than it was made: look into it before it signs"},
    {STATUS_TOKEN, "custody alarms shows which token it is"},
};

static const char *remedy_of(const struct fault *fault, const char *called)
{
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
        if (remedies[i].status == fault->status &&
            (remedies[i].called == NULL || strcmp(remedies[i].called, called) == 0) &&
            (remedies[i].where == NULL || strcmp(remedies[i].where, fault->where) == 0)) {
            return remedies[i].remedy;
        }
    }
    return "";
}

void help_print_failure(const char *about, enum status status, struct fault *fault)
{
    (void)fault_set(fault, status, "", "%s", ""); /* where nobody told more */
    (void)fprintf(stderr, "custody: %s%s%s%s%s%s\n", about, status_info(fault->status)->text,
                  fault->where[0] == '\0' ? "" : ": ", fault->where, fault->detail[0] == '\0' ? "" : ": ",
                  fault->detail);
}

void help_print_halted(const char *why)
{
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "the trail has halted (%s): until people have decided there are no entries and no effects; "
                  "docs/incident.md\n",
                  why);
}

int help_explain(const char *called, enum status status, struct fault *fault)
{
    (void)fault_set(fault, status, "", "%s", ""); /* where nobody told more */
    (void)fflush(stdout);                         /* what was shown comes before what is said of it */
    if (fault->status == STATUS_USAGE) {
        custody_options_print_usage(stderr, called, fault);
        return EXIT_USAGE;
    }
    help_print_failure("", status, fault);
    const char *remedy = remedy_of(fault, called);
    if (remedy[0] != '\0') {
        (void)fprintf(stderr, "   to do: %s\n", remedy);
    }
    return EXIT_FAILED;
}
