/*
 * Words NAME=VALUE as a query string.
 */
#include "audit_question.h"

#include "client.h"
#include "trust.h"

static bool append_encoded(struct audit_question *question, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool plain = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                     (text[i] >= '0' && text[i] <= '9') || text[i] == '-' || text[i] == '_' || text[i] == '.';
        if (question->len + 4 > sizeof(question->path)) {
            return false;
        }
        question->len += (size_t)snprintf(question->path + question->len, sizeof(question->path) - question->len,
                                          plain ? "%c" : "%%%02X", (unsigned char)text[i]);
    }
    return true;
}

static bool append_word(struct audit_question *question, const char *word)
{
    size_t name = strcspn(word, "=");
    if (question->len + 2 > sizeof(question->path)) {
        return false;
    }
    question->path[question->len] = strchr(question->path, '?') == NULL ? '?' : '&';
    question->path[++question->len] = '\0';
    bool good = append_encoded(question, word, name) && question->len + 2 <= sizeof(question->path);
    if (good) {
        question->path[question->len] = '=';
        question->path[++question->len] = '\0';
    }
    return good && append_encoded(question, word + name + 1, strlen(word + name + 1));
}

static bool is_named(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, name, len) == 0 && word[len] == '=';
}

/* Whether a word before this one has its name. */
static bool is_repeated(const struct command_input *input, int word)
{
    size_t len = strcspn(input->words[word], "=") + 1;
    int i = 0;
    while (i < word && strncmp(input->words[i], input->words[word], len) != 0) {
        i++;
    }
    return i < word;
}

/* The word of this name; NULL: there is none. */
static char *find_word(const struct command_input *input, const char *name)
{
    int i = 0;
    while (i < input->count && !is_named(input->words[i], name)) {
        i++;
    }
    return i < input->count ? input->words[i] : NULL;
}

const char *audit_question_word(const struct command_input *input, const char *name)
{
    const char *word = find_word(input, name);
    return word == NULL ? NULL : word + strlen(name) + 1;
}

enum status audit_question_judged(enum status status, const struct command_input *input, struct fault *fault)
{
    char where[sizeof(fault->where) + 1];
    const char *word = find_word(input, fault->where);
    bool missing = status == STATUS_MISSING_FIELD;
    if (!missing && (word == NULL || (status != STATUS_INVALID && status != STATUS_UNKNOWN_FIELD))) {
        return status;
    }
    (void)snprintf(where, sizeof(where), "%s%s", missing ? fault->where : word, missing ? "=" : "");
    const struct fault judged = *fault;
    fault_clear(fault);
    return fault_set(fault, STATUS_USAGE, where, "%s", judged.detail);
}

/* Numbers of rows, or one of three words: no other text of the service is shown. */
static bool is_row(const char *text, size_t len)
{
    bool number = len > 0 && len <= 20 && strspn(text, "0123456789") >= len;
    return number || (len == 4 && (memcmp(text, "tree", 4) == 0 || memcmp(text, "head", 4) == 0)) ||
           (len == 6 && memcmp(text, "tables", 6) == 0);
}

struct corrupt {
    char *text;
    size_t len;
    size_t more;
};

static void add_row(struct corrupt *corrupt, const char *row, size_t len)
{
    static const char sample[] = " and 9999 more";
    if (!is_row(row, len) || corrupt->more > 0 || corrupt->len + len + sizeof(sample) + 2 > AUDIT_CORRUPT_SIZE) {
        corrupt->more++;
        return;
    }
    corrupt->len += (size_t)snprintf(corrupt->text + corrupt->len, AUDIT_CORRUPT_SIZE - corrupt->len, "%s%.*s",
                                     corrupt->len == 0 ? "" : ", ", (int)len, row);
}

static void end_rows(struct corrupt *corrupt)
{
    if (corrupt->more > 0) {
        (void)snprintf(corrupt->text + corrupt->len, AUDIT_CORRUPT_SIZE - corrupt->len, "%s%zu more",
                       corrupt->len == 0 ? "" : " and ", corrupt->more);
    }
}

void audit_corrupt_read(char out[AUDIT_CORRUPT_SIZE], const json_t *answer)
{
    struct corrupt corrupt = {.text = out};
    json_t *row = NULL;
    size_t i = 0;
    out[0] = '\0';
    json_array_foreach(json_object_get(answer, "corrupt"), i, row)
    {
        const char *text = json_string_value(row);
        add_row(&corrupt, text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
    }
    end_rows(&corrupt);
}

void audit_corrupt_read_text(char out[AUDIT_CORRUPT_SIZE], const char *rows)
{
    struct corrupt corrupt = {.text = out};
    out[0] = '\0';
    for (const char *at = rows + strspn(rows, ", "); *at != '\0'; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ", ");
        add_row(&corrupt, at, len);
        at += len;
    }
    end_rows(&corrupt);
}

enum status audit_question_end(const char *doubted, const char corrupt[AUDIT_CORRUPT_SIZE], struct fault *fault)
{
    char detail[sizeof(fault->detail)] = "";
    if (corrupt[0] != '\0') {
        (void)snprintf(detail, sizeof(detail),
                       "%sthe service knows of altered or missing rows (%s), so entries may be missing here",
                       doubted[0] == '\0' ? "" : "; ", corrupt);
    }
    if (client_halted()[0] != '\0') {
        return fault_set(fault, STATUS_HALTED, "trail", "%s%s%s%s", client_halted(), doubted[0] == '\0' ? "" : "; ",
                         doubted, detail);
    }
    return doubted[0] == '\0' && corrupt[0] == '\0'
               ? STATUS_OK
               : fault_set(fault, STATUS_PROOF_INVALID, "entries", "%s%s", doubted, detail);
}

enum status audit_question_asset(struct audit_instead *out, const struct command_input *input, struct fault *fault)
{
    const char *value = audit_question_word(input, "asset");
    struct digest id;
    struct trust trust;
    size_t found = 0;
    if (value == NULL || digest_parse(&id, value) == STATUS_OK) {
        return STATUS_OK;
    }
    if (input->options->trust[0] == '\0') {
        return fault_set(fault, STATUS_USAGE, find_word(input, "asset"), "must be an id, or with --trust a code");
    }
    enum status status = trust_open(&trust, input->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = audit_question_judged(trust_asset(&found, &trust, value, fault), input, fault);
    if (status == STATUS_OK) {
        digest_format(out->asset, &trust.asset_ids[found]);
    }
    trust_wipe(&trust);
    return status;
}

static bool append_instead(struct audit_question *out, const struct audit_instead *instead)
{
    char word[SERVICE_TEXT_SIZE + 8];
    bool good = true;
    if (instead->cursor != NULL) {
        (void)snprintf(word, sizeof(word), "cursor=%s", instead->cursor);
        good = append_word(out, word);
    }
    if (good && instead->limit > 0) {
        (void)snprintf(word, sizeof(word), "limit=%u", instead->limit);
        good = append_word(out, word);
    }
    if (good && instead->asset[0] != '\0') {
        (void)snprintf(word, sizeof(word), "asset=%s", instead->asset);
        good = append_word(out, word);
    }
    return good;
}

enum status audit_question_write(struct audit_question *out, const char *resource, const struct command_input *input,
                                 const struct audit_instead *instead, struct fault *fault)
{
    out->len = (size_t)snprintf(out->path, sizeof(out->path), "%s", resource);
    bool good = true;
    for (int i = 0; good && i < input->count; i++) {
        const char *word = input->words[i];
        if (strchr(word, '=') == NULL || word[0] == '=') {
            return fault_set(fault, STATUS_USAGE, "NAME=VALUE", "a condition is a name, = and a value");
        }
        if (is_repeated(input, i)) {
            return fault_set(fault, STATUS_USAGE, word, "given twice");
        }
        bool replaced = (instead->cursor != NULL && is_named(word, "cursor")) ||
                        (instead->limit > 0 && is_named(word, "limit")) ||
                        (instead->asset[0] != '\0' && is_named(word, "asset"));
        good = replaced || append_word(out, word);
    }
    good = good && append_instead(out, instead);
    return good ? STATUS_OK : fault_set(fault, STATUS_USAGE, "NAME=VALUE", "the question is too long");
}

void audit_question_tell_names(const struct command_input *input)
{
    static const char *const names[] = {"actor", "wallet", "key", "asset", "destination", "oid", "corr"};
    bool told = false;
    (void)fflush(stdout);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *word = find_word(input, names[i]);
        if (word != NULL) {
            (void)fprintf(stderr, "%s%s", told ? " " : "a name or id that is mistyped finds nothing, too: ", word);
            told = true;
        }
    }
    (void)fputs(told ? "\n" : "", stderr);
}
