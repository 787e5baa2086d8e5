/*
 * The words of a ceremony, keyed by step and by fact. Nothing here decides anything; a step without words is printed
 * with the word of the script.
 */
#include "ceremony_words.h"

#include <string.h>

static const struct {
    const char *step;
    const char *what;
    const char *call;
} step_words[] = {
    {"open",
     "Compare the PKCS #11 module and signerd on this machine with the list of pinned hashes that reached you by\n"
     "  another way than this machine. The hashes are computed here; one flipped bit ends the ceremony,\n"
     "  and leaves a signed paper of which the witness takes a copy.",
     "--module FILE --program FILE --pins LIST"},
    {"attend",
     "Look at the token yourself: take the serial number from the device or from its own display or tool, not from\n"
     "  what anybody here tells you, and state it.",
     "serial=SERIAL"},
    {"generate",
     "Make the key pair in the token with `signerd generate`, before the eyes of all, and hand over the file that it\n"
     "  printed. The new key signs what is said of it.",
     "--facts FILE"},
    {"backup",
     "Make the backup with signerd: the key, wrapped, and the shares, each sealed for its custodian. Hand over the\n"
     "  signed backup document; or say that there is none, or that the token's own means clone it.",
     "--backup FILE   (or: backup=none, backup=clone)"},
    {"inspect",
     "Read the key id and the serial number from the token again, yourself, with another tool than the one that made\n"
     "  the key. They must be those of the transcript; you state what you read.",
     "key_id=ID serial=SERIAL"},
    {"close",
     "Read the transcript aloud (`custody ceremony show`). Everybody hears the key id; you state it and close. What\n"
     "  was printed or written down on the way is destroyed.",
     "key_id=ID"},
};

static const struct {
    const char *name;
    const char *text;
} fact_words[] = {
    {"alg", "algorithm of the key"},
    {"approved", "the mechanism is in the module's approved mode"},
    {"backup", "digest of the backup document, or none, or clone"},
    {"check", "proves the key-encryption key when its shares are put together"},
    {"firmware", "firmware of the token"},
    {"key", "the public key"},
    {"key_id", "fingerprint of the public key: SHA-256"},
    {"label", "label of the token"},
    {"manufacturer", "maker of the token"},
    {"mechanism", "how the token made the key"},
    {"model", "model of the token"},
    {"module", "SHA-256 of the PKCS #11 module"},
    {"program", "SHA-256 of signerd"},
    {"proof", "signature of the new key over what is said of it"},
    {"rng", "where the token's randomness comes from"},
    {"serial", "serial number of the token"},
    {"threshold", "so many shares bring the key-encryption key back"},
};

const char *ceremony_words_role(enum ceremony_role role)
{
    switch (role) {
    case CEREMONY_ADMINISTRATOR:
        return "the administrator";
    case CEREMONY_CUSTODIAN_1:
        return "the first custodian";
    case CEREMONY_CUSTODIAN_2:
        return "the second custodian";
    case CEREMONY_WITNESS:
        return "the witness";
    }
    return "";
}

static const char *fact_text(const char *name)
{
    for (size_t i = 0; i < sizeof(fact_words) / sizeof(fact_words[0]); i++) {
        if (strcmp(fact_words[i].name, name) == 0) {
            return fact_words[i].text;
        }
    }
    return "";
}

void ceremony_words_fact(FILE *stream, const char *name, const char *value)
{
    (void)fprintf(stream, "    %-13s %s\n", name, value[0] == '\0' ? "(empty)" : value);
}

void ceremony_words_print(FILE *stream, const struct ceremony *ceremony, const struct ceremony_script_step *step)
{
    const char *call = "";
    const struct ceremony_actor *actor = ceremony_actor(ceremony, step->role);
    (void)fprintf(stream, "step %zu of %zu: %s, by %s: %s\n", ceremony->step_count + 1, ceremony->script->step_count,
                  step->step, ceremony_words_role(step->role), actor->id.text);
    for (size_t i = 0; i < sizeof(step_words) / sizeof(step_words[0]); i++) {
        if (strcmp(step_words[i].step, step->step) == 0) {
            (void)fprintf(stream, "  %s\n", step_words[i].what);
            call = step_words[i].call;
        }
    }
    (void)fprintf(stream, "  custody ceremony step %s %s --in FILE --out FILE --key FILE\n  states:\n", step->step,
                  call);
    for (size_t i = 0; i < step->fact_count; i++) {
        (void)fprintf(stream, "    %-13s %s\n", step->facts[i], fact_text(step->facts[i]));
    }
}
