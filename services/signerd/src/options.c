/*
 * The options of signerd: one table per subcommand, from which the manual is printed too.
 */
#include "options.h"

#include "base/log.h"
#include "base/share.h"
#include "policy/backup.h"

#define MEMBER(member) offsetof(struct options, member), sizeof(((struct options *)0)->member)
#define TEXT(name, member, initial, text)                                                                              \
    {                                                                                                                  \
        name, OPTION_TEXT, "", 0, 0, initial, text, MEMBER(member)                                                     \
    }
#define PATH(name, member, initial, text)                                                                              \
    {                                                                                                                  \
        name, OPTION_PATH, "", 0, 0, initial, text, MEMBER(member)                                                     \
    }

#define NUMBER(name, member, min, max, initial, unit, text)                                                            \
    {                                                                                                                  \
        name, OPTION_INTEGER, unit, min, max, initial, text, MEMBER(member)                                            \
    }

#define SELECT_ROWS                                                                                                    \
    PATH("module", module, "", "Absolute path of the PKCS#11 module, unless the URI of the token has it"),             \
        TEXT("token", token, "", "PKCS#11 URI (RFC 7512) or label of the token"),                                      \
        TEXT("serial", serial, "", "Serial number of the token; with a label, both must agree"),                       \
        PATH("lock-folder", lock_folder, "",                                                                           \
             "Folder of the tokens' locks, the same for every signerd of this host: one process opens a token. "       \
             "Empty: " HSM_LOCK_FOLDER_OWN " if it is there, else " HSM_LOCK_FOLDER ""),                               \
        NUMBER("pin-fd", pin_fd, -1, 1023, "-1", "", "Descriptor from which the PIN is read, one line"),               \
        TEXT("pin-credential", pin_credential, "",                                                                     \
             "Name of the systemd credential that holds the PIN (in $CREDENTIALS_DIRECTORY)")

#define TOKEN_ROWS SELECT_ROWS, TEXT("key", key, NULL, "Label of the key pair on the token")

#define GUARD_ROWS                                                                                                     \
    TEXT("role", role, NULL, "transfer, audit, validator or privacy"), PATH("guard", guard, NULL, "Folder of the guard")

#define SERVICE_ROWS                                                                                                   \
    NUMBER("sessions", sessions, 1, HSM_SESSIONS_MAX - 1, "4", "",                                                     \
           "Sessions on each token: as many signatures are made at a time"),                                           \
    {                                                                                                                  \
        "sandbox", OPTION_FLAG, "", 0, 0, "yes",                                                                       \
            "Filter the system calls of the tokens' processes, too; no for a module that needs others than files",     \
            MEMBER(sandbox)                                                                                            \
    }

static const struct option_row run_rows[] = {
    GUARD_ROWS,
    SELECT_ROWS,
    TEXT("key", key, "", "Not needed: the guard knows its keys. Accepted so that one file serves every subcommand"),
    TEXT("standby", standby, "", "PKCS#11 URI or label of a second token, restored from the backup, that takes over"),
    NUMBER("standby-pin-fd", standby_pin_fd, -1, 1023, "-1", "",
           "Descriptor from which the PIN of the standby is read"),
    TEXT("standby-pin-credential", standby_pin_credential, "", "Name of the systemd credential of the standby's PIN"),
    PATH("pin-shares", pin_shares, "",
         "File of the signed share set: no PIN is read, people bring shares of it (attended)"),
    NUMBER("token-timeout-ms", token_timeout_ms, 50, 60000, "1000", "ms",
           "How long a token may take to answer before it is down and killed; a start may take ten times as long"),
    NUMBER("token-anchor-s", token_anchor_s, 0, 604800, "3600", "s",
           "Role audit: how often the newest checkpoint is written into each token, as at each start, where a guard "
           "that was set back is found by it; 0 for a token that keeps no data objects: never"),
    PATH("witnesses", witnesses, "",
         "Role transfer: file of the policy of witnesses, whose cosignatures are asked for"),
    TEXT("witness-tier", witness_tier, "",
         "Role transfer: hot, warm or cold; for wallets of this tier and colder nothing is signed before enough "
         "witnesses have cosigned the entry of the trail"),
    TEXT("accept-clock", accept_clock, "",
         "The day it is (2026-01-31), after more than 14 days in which the signer was off and its clock is not "
         "believed"),
    TEXT("accept-guard", accept_guard, "",
         "The id of a guard that people moved here, when its place before is gone for good; it serves once"),
    PATH("policy", policy, NULL, "File of the first policy; later versions come over the socket and are in the guard"),
    PATH("socket", socket, NULL, "Path of the socket to listen at, mode 0660"),
    TEXT("clients", clients, NULL, "Users (names or numbers, by commas) who may ask for signatures"),
    TEXT("custodians", key_users, "", "Users who may bring orders about keys and shares, and not ask for signatures"),
    TEXT("observers", observers, "", "Users who may ask for the status only"),
    SERVICE_ROWS,
};

/* The keeper's words to a token's process. */
static const struct option_row token_rows[] = {
    SELECT_ROWS,
    {"attended", OPTION_FLAG, "", 0, 0, "no", "The PIN comes in shares", MEMBER(attended)},
    SERVICE_ROWS,
};

static const struct option_row initialise_rows[] = {
    GUARD_ROWS,
    TOKEN_ROWS,
    PATH("policy", policy, NULL, "File of the first policy, or folder of its versions (*.json), the newest in force"),
    PATH("command", command, NULL, "File of the command guard.initialise, signed by the governance quorum"),
    PATH("genesis", genesis, "", "Role validator: file of the genesis document"),
    NUMBER("promises", promises, 0, OPTION_PROMISES_MAX, "0", "",
           "Role transfer, beside a trail that knows of another guard: how many promises it knows of, as the refusal "
           "rollback says; the guard counts on from there"),
};

static const struct option_row generate_rows[] = {
    TOKEN_ROWS,
    TEXT("algorithm", algorithm, "p256", "p256, ed25519 or secp256k1; role audit needs ed25519"),
    TEXT("backup", profile, "none",
         "How it will be backed up: wrapped (under a shared key-encryption key), clone (by the tokens) or none"),
    {"wrapping", OPTION_FLAG, "", 0, 0, "no",
     "Role privacy: make the AES-256 key, too, under which the token wraps the keys of subjects", MEMBER(wrapping)},
    {"approved", OPTION_FLAG, "", 0, 0, "no", "The mechanism is in the module's approved mode", MEMBER(approved)},
};

#define SO_PIN_ROW(initial)                                                                                            \
    NUMBER("so-pin-fd", so_pin_fd, -1, 1023, initial, "", "Descriptor from which the security officer's PIN is read")

#define SHARE_ROWS                                                                                                     \
    TEXT("custodians", custodians, NULL,                                                                               \
         "Who gets a share: name:site:file, by commas; the file is what custody seal-key generate prints"),            \
        NUMBER("threshold", threshold, SHARE_THRESHOLD_MIN, BACKUP_SHARES_MAX, NULL, "", "How many of them it takes"), \
        PATH("output", output, NULL, "Folder for the papers; none of them may be there")

static const struct option_row backup_rows[] = {
    TOKEN_ROWS,
    SO_PIN_ROW(NULL),
    SHARE_ROWS,
    TEXT("holder", holder, NULL, "Who keeps the wrapped key; none of the custodians"),
    TEXT("site", site, NULL, "Where the wrapped key lies; none of the custodians' sites"),
    PATH("pin-shares", pin_shares, "", "File of the share set of the token's PIN, when it is shared: all others"),
    PATH("policy", policy, "",
         "File of the first policy, or folder of its versions (*.json): the sealing keys are held against it. Without "
         "it, as for the first keys of a ledger, only the admission of the key does that"),
};

static const struct option_row restore_rows[] = {
    SELECT_ROWS,
    SO_PIN_ROW("-1"),
    PATH("backup", backup, "", "File of the signed backup document"),
    PATH("wrapped", wrapped, "", "File of the wrapped key of this backup, which its holder brings"),
    TEXT("key", key, "", "Instead of a backup: label of a key that the tokens cloned; only the proof is made"),
    PATH("policy", policy, NULL, "File of the first policy, or folder of its versions (*.json)"),
    PATH("output", output, NULL, "File for the restore proof, signed by the key; people sign it afterwards"),
    {"wrappable", OPTION_FLAG, "", 0, 0, "no", "The new token can be backed up in its turn", MEMBER(wrappable)},
    {"drill", OPTION_FLAG, "", 0, 0, "no", "Remove the key from the token again", MEMBER(drill)},
};

static const struct option_row share_pin_rows[] = {
    NUMBER("pin-fd", pin_fd, -1, 1023, "-1", "", "Descriptor from which the PIN is read, one line"),
    TEXT("pin-credential", pin_credential, "", "Name of the systemd credential that holds the PIN"),
    TEXT("key-id", key_id, NULL, "Id of the key that founded the guard"),
    SHARE_ROWS,
    TEXT("backups", backups, "",
         "Files, by commas, of the backups of keys on this token: who keeps a part of one gets no share"),
    PATH("policy", policy, NULL, "File of the first policy, or folder of its versions (*.json)"),
    PATH("previous", previous, "", "File of the share set before, when there was one"),
};

static const struct option_row destroy_rows[] = {
    TOKEN_ROWS,
    PATH("command", command, NULL, "File of the command key.destroy, signed by the governance quorum"),
    PATH("policy", policy, NULL, "File of the first policy, or folder of its versions (*.json)"),
    PATH("guard", guard, NULL, "Folder of the guard, in which the key is destroyed; no signer may be running on it"),
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct {
    const char *word;
    subcommand *main;
    struct option_program program;
    const struct option_row *rows;
    size_t count;
} subcommands[] = {
    {"run", run_main, {"signerd run", "check, remember, sign", ""}, run_rows, COUNT(run_rows)},
    {"token",
     token_main,
     {"signerd token", "the process of one token; signerd run starts it", ""},
     token_rows,
     COUNT(token_rows)},
    {"initialise",
     initialise_main,
     {"signerd initialise", "make the guard of a signer", ""},
     initialise_rows,
     COUNT(initialise_rows)},
    {"generate",
     generate_main,
     {"signerd generate", "make a key pair in the token and print its public key", ""},
     generate_rows,
     COUNT(generate_rows)},
    {"backup",
     backup_main,
     {"signerd backup", "wrap a key under a new key-encryption key and share that among custodians", ""},
     backup_rows,
     COUNT(backup_rows)},
    {"restore",
     restore_main,
     {"signerd restore",
      "bring a key from its backup onto another token; the occasion and the gifts come by standard input, one in a "
      "line",
      ""},
     restore_rows,
     COUNT(restore_rows)},
    {"share-pin",
     share_pin_main,
     {"signerd share-pin", "share the PIN of a token among custodians", ""},
     share_pin_rows,
     COUNT(share_pin_rows)},
    {"destroy",
     destroy_main,
     {"signerd destroy", "remove a key that is destroyed in the guard from a token; stop the signer first", ""},
     destroy_rows,
     COUNT(destroy_rows)},
};

/* What `signerd --help` says: one line for each subcommand that people start. */
static void help(void)
{
    (void)printf("usage: signerd SUBCOMMAND [options]   (signerd SUBCOMMAND --help lists its options)\n\n");
    for (size_t i = 0; i < COUNT(subcommands); i++) {
        if (subcommands[i].main != token_main) {
            (void)printf("  %-11s %s\n", subcommands[i].word, subcommands[i].program.purpose);
        }
    }
}

enum status options_load(struct options *out, subcommand **out_main, int argc, char **argv, struct fault *fault)
{
    bool version = argc > 0 && strcmp(argv[0], "--version") == 0;
    if (version || (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0))) {
        version ? option_print_version("signerd") : help();
        exit(option_answered("signerd"));
    }
    for (size_t i = 0; argc > 0 && i < COUNT(subcommands); i++) {
        if (strcmp(argv[0], subcommands[i].word) != 0) {
            continue;
        }
        int rest = 0;
        enum status status = option_load(out, sizeof(*out), &rest, &subcommands[i].program, subcommands[i].rows,
                                         subcommands[i].count, argc, argv, fault);
        if (status == STATUS_OK && rest != argc) {
            status = fault_set(fault, STATUS_USAGE, argv[rest], "options only");
        }
        *out_main = subcommands[i].main;
        return status;
    }
    return fault_set(fault, STATUS_USAGE, argc > 0 ? argv[0] : "", "%s",
                     argc > 0 ? "there is no such subcommand" : "a subcommand comes first");
}

enum status options_role(enum signer_role *out, const struct options *options, struct fault *fault)
{
    enum status status = signer_role_parse(out, options->role);
    return status == STATUS_OK ? status : fault_set(fault, STATUS_USAGE, "role", "transfer, audit or validator");
}

enum status options_digest(struct digest *out, const struct options *options, struct fault *fault)
{
    return option_digest(out, options, run_rows, COUNT(run_rows), fault);
}

enum status options_profile(enum hsm_key_profile *out, const struct options *options, struct fault *fault)
{
    static const struct {
        const char *word;
        enum hsm_key_profile profile;
    } words[] = {{"wrapped", HSM_KEY_WRAPPABLE}, {"clone", HSM_KEY_FIXED}, {"none", HSM_KEY_FIXED}};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].word, options->profile) == 0) {
            *out = words[i].profile;
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_USAGE, "backup", "wrapped, clone or none");
}

static bool has_option(size_t row, const char *name)
{
    for (size_t i = 0; i < subcommands[row].count; i++) {
        if (strcmp(subcommands[row].rows[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int usage_refused(const char *word, const struct fault *fault)
{
    const char *called = "signerd";
    size_t found = 0; /* the subcommand, or one that has such an option */
    for (size_t i = 0; i < COUNT(subcommands); i++) {
        if (strcmp(word, subcommands[i].word) == 0) {
            called = subcommands[i].program.name;
            found = i;
            break;
        }
        found = has_option(i, fault->where) ? i : found;
    }
    option_print_usage(stderr, called, subcommands[found].rows, subcommands[found].count, fault);
    return EXIT_USAGE;
}

int start_refused(const struct fault *fault)
{
    if (fault->status == STATUS_USAGE) {
        return usage_refused("", fault);
    }
    log_fault("start.refused", fault);
    return EXIT_REFUSED;
}
