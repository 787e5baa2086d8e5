/*
 * The option table of custody.
 */
#include "options.h"

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
    ROW("key", OPTION_PATH, "", 0, 0, "", "encrypted key file of the person who signs", key),
    ROW("passphrase-file", OPTION_PATH, "", 0, 0, "",
        "file with the passphrase, mode 0600; without it the terminal asks", passphrase_file),
    ROW("algorithm", OPTION_TEXT, "", 0, 0, "p256", "key generate: p256, ed25519 or secp256k1", algorithm),
    ROW("wallet", OPTION_TEXT, "", 0, 0, "", "propose: name of the wallet", wallet),
    ROW("asset", OPTION_TEXT, "", 0, 0, "", "propose, issue: code or id of the asset", asset),
    ROW("amount", OPTION_TEXT, "", 0, 0, "", "propose, issue: amount in base units", amount),
    ROW("to", OPTION_TEXT, "", 0, 0, "", "propose, issue: address that receives", to),
    ROW("idempotency-key", OPTION_TEXT, "", 0, 0, "", "propose: repeat an earlier request instead of making a new one",
        id),
    ROW("code", OPTION_TEXT, "", 0, 0, "", "approve, reject: the short code, instead of typing it", code),
    ROW("in", OPTION_PATH, "", 0, 0, "", "sign: the document, or a signed document to add a signature to", in),
    ROW("out", OPTION_PATH, "", 0, 0, "", "write the result here instead of standard output", out),
    ROW("timeout", OPTION_INTEGER, "s", 1, 3600, "30", "wait so long for the service, and for `wait`", timeout_s),
    ROW("json", OPTION_FLAG, "", 0, 0, "no", "print what the service answered as it is", json),
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
    }
    return status;
}
