/*
 * The option table of custodyd: a row begins with the commands whose option it is. Adding an option is adding a row.
 */
#include "options.h"

#define ALL 0
#define RUN CUSTODYD_RUN
#define TOKEN CUSTODYD_TOKEN
#define REBUILD CUSTODYD_REBUILD
#define PRUNE CUSTODYD_PRUNE
#define FORK CUSTODYD_FORK
#define REVOKE CUSTODYD_REVOKE
#define ROW(commands, name, type, unit, min, max, initial, text, member)                                               \
    {                                                                                                                  \
        name, type, unit, min, max, initial, text, offsetof(struct custodyd_options, member),                          \
            sizeof(((struct custodyd_options *)0)->member), commands                                                   \
    }

static const struct option_row rows[] = {
    ROW(RUN, "listen", OPTION_TEXT, "", 0, 0, "127.0.0.1:8443", "address and port of the REST interface", listen),
    ROW(RUN, "tls-certificate", OPTION_PATH, "", 0, 0, "", "PEM certificate chain; without it only loopback is served",
        tls_certificate),
    ROW(RUN, "tls-key", OPTION_PATH, "", 0, 0, "", "PEM private key of the certificate, mode 0600", tls_key),
    ROW(RUN, "urgent-listen", OPTION_TEXT, "", 0, 0, "",
        "address and port of a second REST interface with places of its own, which takes freezes and orders about keys "
        "and nothing else; put it where a flood cannot come; without it there is none",
        urgent_listen),
    ROW(RUN, "connections", OPTION_INTEGER, "", 1, 4096, "256",
        "most HTTP connections at once; beyond, a new one ends the oldest of whoever waits with the most", connections),
    ROW(RUN, "idle", OPTION_INTEGER, "s", 1, 3600, "30", "close an HTTP connection that was idle so long", idle_s),
    ROW(RUN, "request", OPTION_INTEGER, "s", 1, 3600, "30",
        "end an HTTP connection whose next request has no whole head so long, or then no whole body", request_s),
    ROW(RUN, "token-rate", OPTION_INTEGER, "/s", 1, 1000000, "200",
        "requests of one token in a second, twice as many in a burst; beyond, they wait a second and are 429",
        token_rate),
    ROW(RUN, "read-rate", OPTION_INTEGER, "/s", 1, 1000000, "20",
        "reads of the trail and of evidence by one token in a second, each of which is an entry; at once what a minute "
        "brings; beyond, 429",
        read_rate),
    ROW(RUN, "token-served", OPTION_INTEGER, "", 1, 4096, "8",
        "requests of one token that are worked on at once; beyond, they wait a second and are 429", token_served),
    ROW(RUN, "token-requests", OPTION_INTEGER, "", 1, 4096, "64",
        "requests of one token at once, those included that wait or whose reply is not read yet; beyond, 429",
        token_requests),
    ROW(RUN, "address-rate", OPTION_INTEGER, "/s", 1, 1000000, "100",
        "requests of one address without a token that was valid before, twice as many in a burst; beyond, 429",
        address_rate),
    ROW(RUN, "refusals", OPTION_INTEGER, "", 1, 1000000, "100",
        "refused effects of one person that the trail tells one by one in a minute; the others become one entry with "
        "their count",
        refusals),
    ROW(ALL, "database", OPTION_TEXT, "", 0, 0, NULL,
        "libpq connection string, without user; sslmode=verify-full to another machine", database),
    ROW(RUN, "database-connections", OPTION_INTEGER, "", 2, 64, "16",
        "sessions for workflow, and as many for reading; 2 more for what stops something", database_connections),
    ROW(RUN, "data", OPTION_PATH, "", 0, 0, NULL, "folder of the embedded ledger node", data),
    ROW(RUN, "genesis", OPTION_PATH, "", 0, 0, NULL, "the genesis document of the ledger", genesis),
    ROW(RUN | TOKEN | PRUNE | FORK, "policy", OPTION_PATH, "", 0, 0, NULL, "the signed policy in force", policy),
    ROW(ALL, "origin", OPTION_TEXT, "", 0, 0, NULL, "origin line of the audit trail", origin),
    ROW(ALL, "log-key", OPTION_LIST, "", 0, 0, NULL,
        "vkey of the audit trail; again for the key that follows it, before the quorum's order is handed in", log_keys),
    ROW(RUN | TOKEN | REVOKE | PRUNE, "pending-key", OPTION_PATH, "", 0, 0, NULL,
        "file of 64 hexadecimal digits, mode 0600: shows that an event in the database comes from the service; the "
        "same for every custodyd of a database",
        pending_key),
    ROW(RUN, "transfer-socket", OPTION_PATH, "", 0, 0, NULL, "socket of signerd, role transfer", transfer_socket),
    ROW(RUN, "audit-socket", OPTION_PATH, "", 0, 0, NULL, "socket of signerd, role audit", audit_socket),
    ROW(RUN, "validator-socket", OPTION_PATH, "", 0, 0, NULL, "socket of signerd, role validator", validator_socket),
    ROW(RUN, "privacy-socket", OPTION_PATH, "", 0, 0, "",
        "socket of signerd, role privacy; without it no personal data is taken or shown", privacy_socket),
    ROW(RUN, "signer-timeout", OPTION_INTEGER, "ms", 10, 600000, "5000", "wait so long for a signer's reply",
        signer_timeout_ms),
    ROW(RUN, "trail-timeout", OPTION_INTEGER, "ms", 10, 600000, "10000",
        "wait so long for a checkpoint before a reply becomes 503", trail_timeout_ms),
    ROW(RUN, "withdrawal-ttl", OPTION_INTEGER, "s", 1, 2592000, "86400", "a withdrawal expires unless signed within",
        withdrawal_ttl_s),
    ROW(RUN, "transaction-window", OPTION_INTEGER, "blocks", 1, 1000000000, "100000",
        "a transaction is valid for so many blocks; where a delay makes a withdrawal live longer, for more in "
        "proportion",
        transaction_window),
    ROW(RUN, "lanes", OPTION_INTEGER, "", 1, 65536, "1024", "most open withdrawals of one wallet", lanes),
    ROW(RUN, "workers", OPTION_INTEGER, "", 1, 32, "4", "threads that carry withdrawals on", workers),
    ROW(RUN, "watch", OPTION_INTEGER, "ms", 10, 600000, "2000", "look at signers, tokens, keys and blocks so often",
        watch_ms),
    ROW(RUN, "witnesses", OPTION_PATH, "", 0, 0, "",
        "the policy of witnesses, who cosign the trail; without it there are none", witnesses),
    ROW(RUN, "witness-max-age", OPTION_INTEGER, "ms", 100, 3600000, "60000",
        "effects stop while the newest checkpoint that enough witnesses have cosigned is older", witness_max_age_ms),
    ROW(RUN, "witness-tier", OPTION_TEXT, "", 0, 0, "",
        "hot, warm or cold: withdrawals of wallets of this tier and colder are signed under a cosigned checkpoint "
        "only; the transfer signer has the same option",
        witness_tier),
    ROW(RUN, "copy-max-age", OPTION_INTEGER, "s", 0, 31536000, "0",
        "an entry of the trail that no copy on another host has for so long is an alarm; 0: none is", copy_max_age_s),
    ROW(RUN, "review-days", OPTION_INTEGER, "d", 0, 3650, "7",
        "an entry of the trail that no review of key uses covers for so long is an alarm; 0: none is", review_days),
    ROW(RUN, "anchor-interval", OPTION_INTEGER, "s", 1, 3600, "10",
        "the newest checkpoint of the trail goes into a block of the ledger so often, when there is something new",
        anchor_interval_s),
    ROW(RUN, "anchor-entries", OPTION_INTEGER, "", 1, 1000000000, "4096",
        "and earlier when there are so many new entries; looked at as often as watch says", anchor_entries),
    ROW(RUN, "attestation-max-age", OPTION_INTEGER, "s", 1, 31536000, "604800",
        "a key that has not shown for so long that it is there has no address, at most the drill_days of its document; "
        "asked after a seventh of it. An attended key: its drill_days",
        attestation_max_age_s),
    ROW(RUN, "port-file", OPTION_PATH, "", 0, 0, "", "write the bound port here when ready", port_file),
    ROW(RUN, "urgent-port-file", OPTION_PATH, "", 0, 0, "", "likewise that of urgent-listen", urgent_port_file),
    ROW(REBUILD, "copy", OPTION_PATH, "", 0, 0, NULL, "folder of a copy of the trail (custody audit copy)", copy),
    ROW(PRUNE, "retention-days", OPTION_INTEGER, "d", 1, 36500, NULL,
        "entries of the trail that are younger stay in the database, by the times in the trail", retention_days),
    ROW(PRUNE, "archive", OPTION_PATH, "", 0, 0, NULL, "folder of a copy of the trail (custody audit copy)", archive),
    ROW(PRUNE, "before", OPTION_INTEGER, "", 1, INT64_MAX, NULL,
        "entries below this number leave the database; a partition ends there: a multiple of 1048576", before),
    ROW(FORK, "order", OPTION_PATH, "", 0, 0, NULL, "the order of the quorum by which this log begins", order),
    ROW(TOKEN | PRUNE, "person", OPTION_TEXT, "", 0, 0, NULL,
        "whose token it is, or who asks that entries leave: a name of the policy", person),
    ROW(TOKEN, "roles", OPTION_TEXT, "", 0, 0, NULL,
        "requester, approver, auditor, operator, custodian, automated; separated by commas", roles),
    ROW(TOKEN, "days", OPTION_INTEGER, "d", 1, 3650, "365", "valid so long", days),
    ROW(REVOKE, "token", OPTION_TEXT, "", 0, 0, NULL,
        "SHA-256 of the token that opens nothing from now on, as its entry token.grant names it", token),
    ROW(ALL, "verbose", OPTION_FLAG, "", 0, 0, "no", "log details too", verbose),
};

enum status custodyd_options_load(struct custodyd_options *out, const struct option_program *program, int argc,
                                  char **argv, struct fault *fault)
{
    int rest = 0;
    enum status status =
        option_load(out, sizeof(*out), &rest, program, rows, sizeof(rows) / sizeof(rows[0]), argc, argv, fault);
    if (status == STATUS_OK && rest < argc) {
        status = fault_set(fault, STATUS_USAGE, argv[rest], "options only");
    }
    return status;
}

void custodyd_options_print_usage(FILE *stream, const char *called, const struct fault *fault)
{
    option_print_usage(stream, called, rows, sizeof(rows) / sizeof(rows[0]), fault);
}

enum status custodyd_options_digest(struct digest *out, const struct custodyd_options *options, struct fault *fault)
{
    return option_digest(out, options, rows, sizeof(rows) / sizeof(rows[0]), fault);
}
