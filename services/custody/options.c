/*
 * The option table of custody.
 */
#include "options.h"

#include "base/canon.h"

#define ROW(name, type, unit, min, max, initial, text, member)                                                         \
    {                                                                                                                  \
        name, type, unit, min, max, initial, text, offsetof(struct custody_options, member),                           \
            sizeof(((struct custody_options *)0)->member)                                                              \
    }

static const struct option_row rows[] = {
    ROW("url", OPTION_TEXT, "", 0, 0, "", "address of the service (or STRONGROOM_URL)", url),
    ROW("token-file", OPTION_PATH, "", 0, 0, "", "file with the bearer token (or STRONGROOM_TOKEN holds it)", token),
    ROW("ca", OPTION_PATH, "", 0, 0, "", "PEM certificate that the service must show (or STRONGROOM_CA)", ca),
    ROW("trust", OPTION_PATH, "", 0, 0, "", "trust file: chain, log key, first policy (or STRONGROOM_TRUST)", trust),
    ROW("receipts", OPTION_PATH, "", 0, 0, "",
        "folder that keeps the receipt of whatever is done (or STRONGROOM_RECEIPTS)", receipts),
    ROW("key", OPTION_PATH, "", 0, 0, "", "encrypted key file of the person who signs", key),
    ROW("passphrase-file", OPTION_PATH, "", 0, 0, "",
        "file with the passphrase, mode 0600; without it the terminal asks", passphrase_file),
    ROW("algorithm", OPTION_TEXT, "", 0, 0, "p256", "key generate: p256, ed25519 or secp256k1", algorithm),
    ROW("wallet", OPTION_TEXT, "", 0, 0, "", "propose, address: name of the wallet", wallet),
    ROW("asset", OPTION_TEXT, "", 0, 0, "", "propose, issue: code or id of the asset", asset),
    ROW("amount", OPTION_TEXT, "", 0, 0, "", "propose, issue: amount in base units", amount),
    ROW("to", OPTION_TEXT, "", 0, 0, "", "propose, issue: address that receives; occasion: the receiver's X25519 key",
        to),
    ROW("dry-run", OPTION_FLAG, "", 0, 0, "no", "propose: only ask what the policy would say; nothing is kept",
        dry_run),
    ROW("sweep", OPTION_FLAG, "", 0, 0, "no", "propose: the key is out of service; the quorum orders key.sweep", sweep),
    ROW("returns", OPTION_TEXT, "", 0, 0, "",
        "propose: transaction of the receipt in suspense that this sends back; one approver more than the rule asks "
        "for",
        returns),
    ROW("type", OPTION_TEXT, "", 0, 0, "", "propose: issue, for new units of an asset out of the wallet that issues it",
        type),
    ROW("idempotency-key", OPTION_TEXT, "", 0, 0, "", "propose: repeat an earlier request instead of making a new one",
        id),
    ROW("code", OPTION_TEXT, "", 0, 0, "", "approve, reject: the short code, instead of typing it", code),
    ROW("in", OPTION_PATH, "", 0, 0, "",
        "the file that it is about; sign: the document, or a signed document to add a signature to", in),
    ROW("out", OPTION_PATH, "", 0, 0, "", "write the result here instead of standard output", out),
    ROW("timeout", OPTION_INTEGER, "s", 1, 3600, "30", "wait so long for the service, and for `wait`", timeout_s),
    ROW("json", OPTION_FLAG, "", 0, 0, "no", "print what the service answered, or the analysis, as it is", json),
    ROW("policy", OPTION_PATH, "", 0, 0, "",
        "the signed policy, or a folder with one version per *.json (1.json, 2.json, ...)", policy),
    ROW("socket", OPTION_PATH, "", 0, 0, "", "speak to this signer instead of the service", socket),
    ROW("role", OPTION_TEXT, "", 0, 0, "", "role of the signer: transfer, audit, validator or privacy", role),
    ROW("key-id", OPTION_TEXT, "", 0, 0, "", "id of the token key it is about, where there is no key document", key_id),
    ROW("document", OPTION_PATH, "", 0, 0, "", "the signed key document", document),
    ROW("command", OPTION_PATH, "", 0, 0, "", "the signed command; screen: the program that is asked", command),
    ROW("ceremony", OPTION_PATH, "", 0, 0, "", "key admit: the transcript", ceremony),
    ROW("backup", OPTION_PATH, "", 0, 0, "", "the signed backup document", backup),
    ROW("restore", OPTION_PATH, "", 0, 0, "", "the signed restore proof", restore),
    ROW("attestation", OPTION_PATH, "", 0, 0, "", "address verify: the attestation", attestation),
    ROW("from", OPTION_TEXT, "", 0, 0, "", "key command: the state that the key is in; policy replay: not before",
        from),
    ROW("until", OPTION_TEXT, "", 0, 0, "",
        "a time, 2026-01-02T03:04:05.000000Z; key command: end of the box, without it the longest that the key "
        "document allows; seal-key: how long shares may be sealed for it, without it a year; subject record: until "
        "when the law has it kept",
        until),
    ROW("signatures", OPTION_INTEGER, "", 0, CANON_INTEGER_MAX, "0",
        "key command: signatures of the box; 0 for as many as the key document allows", signatures),
    ROW("reason", OPTION_TEXT, "", 0, 0, "",
        "key command, freeze, thaw, media: why, one word such as quarterly-rotation", reason),
    ROW("on", OPTION_INTEGER, "", 0, CANON_INTEGER_MAX, "0", "the number that custody key list or freeze list shows",
        on),
    ROW("intent", OPTION_TEXT, "", 0, 0, "", "key command: digest of the intent that is swept", intent),
    ROW("expires-in", OPTION_INTEGER, "s", 60, 86400, "3600",
        "key command, freeze, thaw, occasion: how long it may be carried out", expires_in_s),
    ROW("max-age-days", OPTION_INTEGER, "days", 1, 366, "30", "address: how old an attestation may be", max_age_days),
    ROW("purpose", OPTION_TEXT, "", 0, 0, "", "ceremony start: transfer, audit, validator or privacy", purpose),
    ROW("case", OPTION_TEXT, "", 0, 0, "", "subject reveal, export: the case on which it is seen, one word", case_id),
    ROW("fields", OPTION_TEXT, "", 0, 0, "", "subject reveal: which fields, by commas in the order of the alphabet",
        fields),
    ROW("environment", OPTION_TEXT, "", 0, 0, "", "ceremony start, seal-key: the environment of the ledger",
        environment),
    ROW("facts", OPTION_PATH, "", 0, 0, "", "ceremony step generate: what signerd generate printed", facts),
    ROW("pins", OPTION_PATH, "", 0, 0, "",
        "ceremony step open: list of pinned hashes in the form of sha256sum, got by another way", pins),
    ROW("module", OPTION_PATH, "", 0, 0, "", "ceremony step open: the PKCS #11 module", module),
    ROW("program", OPTION_PATH, "", 0, 0, "", "ceremony step open: signerd", program),
    ROW("share", OPTION_PATH, "", 0, 0, "", "share, activate: your share", share),
    ROW("share-set", OPTION_PATH, "", 0, 0, "", "share show: the share set in which the share of a PIN stands",
        share_set),
    ROW("person", OPTION_TEXT, "", 0, 0, "", "who signs or whose key it is: a name of the policy", person),
    ROW("seal-key", OPTION_PATH, "", 0, 0, "", "share, activate: key file that opens your share", seal_key),
    ROW("seal-passphrase-file", OPTION_PATH, "", 0, 0, "",
        "passphrase of the sealing key; without it the one of --passphrase-file, or the terminal asks",
        seal_passphrase_file),
    ROW("occasion", OPTION_PATH, "", 0, 0, "", "share give, activate: the signed occasion", occasion),
    ROW("requester", OPTION_TEXT, "", 0, 0, "", "occasion: who asks (operator or administrator)", requester),
    ROW("authoriser", OPTION_TEXT, "", 0, 0, "", "occasion: who allows it (administrator)", authoriser),
    ROW("executor", OPTION_TEXT, "", 0, 0, "", "occasion restore, drill: who does it (custodian)", executor),
    ROW("serial", OPTION_TEXT, "", 0, 0, "", "occasion restore, drill: serial number of the token", serial),
    ROW("set", OPTION_TEXT, "", 0, 0, "", "occasion: digest of the backup or share set, zeros for a clone", set),
    ROW("papers", OPTION_PATH, "", 0, 0, "",
        "compromise: folder with the papers of keys (documents, transcripts, backups, restore proofs, share sets)",
        papers),
    ROW("second", OPTION_TEXT, "", 0, 0, "", "media: the other person who was there, and who confirms the entry",
        second),
    ROW("place", OPTION_TEXT, "", 0, 0, "", "media: where it is kept, one word such as vault-1", place),
    ROW("custodian", OPTION_TEXT, "", 0, 0, "", "media: who keeps it", custodian),
    ROW("due", OPTION_TEXT, "", 0, 0, "", "media: when the next inspection is due, 2026-01-02T03:04:05.000000Z", due),
    ROW("tool", OPTION_TEXT, "", 0, 0, "", "media: with what it was destroyed, one word", tool),
    ROW("method", OPTION_TEXT, "", 0, 0, "", "media: how it was destroyed, one word such as nist-800-88", method),
    ROW("drill", OPTION_FLAG, "", 0, 0, "no", "compromise: stop nothing, do everything else", drill),
    ROW("call", OPTION_LIST, "", 0, 0, "",
        "watch: program that calls somebody, given once for each; at least two different ones", calls),
    ROW("check", OPTION_FLAG, "", 0, 0, "no",
        "audit copy: ask no service and change nothing; hold the folder against its checkpoint", check),
    ROW("dir", OPTION_PATH, "", 0, 0, "",
        "audit copy: folder of the copy, made if it is not there; audit export: of the copy, which is exported instead "
        "of the "
        "service's trail",
        dir),
    ROW("state", OPTION_PATH, "", 0, 0, "",
        "watch: file that remembers who was told what; witness: folder that remembers what was cosigned", state),
    ROW("every", OPTION_INTEGER, "s", 0, 3600, "0",
        "watch: pause between two looks, 10 s when it is 0; screen, audit copy: pause between two rounds, and 0 for "
        "one "
        "round",
        every_s),
    ROW("silence", OPTION_INTEGER, "s", 1, 86400, "60", "watch: so long the service may be unreachable or stand still",
        silence_s),
    ROW("still", OPTION_INTEGER, "s", 0, 86400, "600",
        "audit copy: with --every, it ends (exit 1) when the copy has not grown for so long; 0: it never does",
        still_s),
    ROW("answer-within", OPTION_INTEGER, "s", 1, 604800, "900",
        "watch: an alarm that two people have not acknowledged by then is called out again", answer_within_s),
    ROW("call-timeout", OPTION_INTEGER, "s", 1, 3600, "30", "watch, screen: a program that takes longer is killed",
        call_timeout_s),
    ROW("log", OPTION_LIST, "", 0, 0, "",
        "witness init: verifier key of a log, given once for each; witness rotate: of the key that follows", logs),
    ROW("size", OPTION_INTEGER, "entries", 0, CANON_INTEGER_MAX, "0",
        "log rotate: from how many entries on the new key signs alone", size),
    ROW("name", OPTION_TEXT, "", 0, 0, "", "witness init: name of the witness, such as witness.example/w1", name),
    ROW("listen", OPTION_TEXT, "", 0, 0, "127.0.0.1:8087",
        "witness run: numeric address and port; port 0 takes a free one", listen),
    ROW("port-file", OPTION_PATH, "", 0, 0, "", "witness run: file that gets the port", port_file),
    ROW("acknowledge", OPTION_TEXT, "", 0, 0, "", "alarms: id of the alarm that you have seen", acknowledge),
    ROW("at", OPTION_TEXT, "", 0, 0, "",
        "policy analyse: when people must be valid, 2026-01-02T03:04:05.000000Z; without it when the policy was issued",
        at),
};

static void from_environment(char *out, size_t size, const char *name)
{
    const char *value = getenv(name);
    if (out[0] == '\0' && value != NULL) {
        (void)snprintf(out, size, "%s", value);
    }
}

enum status custody_options_load(struct custody_options *out, int *out_rest, int argc, char **argv, struct fault *fault)
{
    static const struct option_program program = {
        .name = "custody",
        .purpose = "the command line for people: propose, decode, approve, explain, export",
        .arguments = "command [words]",
    };
    enum status status =
        option_load(out, sizeof(*out), out_rest, &program, rows, sizeof(rows) / sizeof(rows[0]), argc, argv, fault);
    if (status == STATUS_OK) {
        from_environment(out->url, sizeof(out->url), "STRONGROOM_URL");
        from_environment(out->ca, sizeof(out->ca), "STRONGROOM_CA");
        from_environment(out->trust, sizeof(out->trust), "STRONGROOM_TRUST");
        from_environment(out->receipts, sizeof(out->receipts), "STRONGROOM_RECEIPTS");
    }
    return status;
}

#define CONNECTION "url token-file ca trust timeout"
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Whether the name, of `len` characters, is one of the words of `list`. */
static bool is_listed(const char *list, const char *name, size_t len)
{
    while (*list != '\0') {
        size_t word = strcspn(list, " ");
        if (word == len && strncmp(list, name, len) == 0) {
            return true;
        }
        list += word + strspn(list + word, " ");
    }
    return false;
}

static const struct option_row *find_row(const char *name, size_t len)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

enum status custody_options_check(const char *allowed, int argc, char **argv, struct fault *fault)
{
    for (int i = 1; i < argc && strncmp(argv[i], "--", 2) == 0 && argv[i][2] != '\0'; i++) {
        const char *name = argv[i] + 2;
        size_t len = strcspn(name, "=");
        const struct option_row *row = find_row(name, len);
        if (row != NULL && !is_listed(allowed, name, len) && !is_listed(CONNECTION, name, len)) {
            return fault_set(fault, STATUS_USAGE, row->name, "this command does not take it");
        }
        if (name[len] != '=' && (row == NULL || row->type != OPTION_FLAG)) {
            i++; /* its value; what is no option at all is found out by the parser */
        }
    }
    return STATUS_OK;
}

/* Whether the form of a command has the option outside of [ ] and { }, before what it says in words. */
static bool is_demanded(const char *form, const char *name)
{
    int depth = 0;
    size_t len = strlen(name);
    for (const char *at = form; *at != '\0' && *at != ';'; at++) {
        depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
        if (depth == 0 && strncmp(at, "--", 2) == 0 && strncmp(at + 2, name, len) == 0 && at[2 + len] == ' ') {
            return true;
        }
    }
    return false;
}

void custody_options_print(FILE *stream, const char *allowed, const char *form)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct option_row row = rows[i];
        if (is_listed(allowed, row.name, strlen(row.name))) {
            row.initial = is_demanded(form, row.name) ? NULL : row.initial;
            option_print_row(stream, &row);
        }
    }
    (void)fprintf(stream, "  --config PATH\n      Reads lines \"name = value\"; the command line weighs more.\n");
}

void custody_options_print_usage(FILE *stream, const char *called, const struct fault *fault)
{
    option_print_usage(stream, called, rows, ROWS, fault);
}
