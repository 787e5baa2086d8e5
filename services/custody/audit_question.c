/*
 * Words NAME=VALUE as a query string.
 */
#include "audit_question.h"

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

const char *audit_question_word(const struct command_input *input, const char *name)
{
    const char *value = NULL;
    for (int i = 0; i < input->count; i++) {
        value = is_named(input->words[i], name) ? input->words[i] + strlen(name) + 1 : value;
    }
    return value;
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
        return fault_set(fault, STATUS_INVALID, "asset", "must be an id, or with --trust a code");
    }
    enum status status = trust_open(&trust, input->options, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = trust_asset(&found, &trust, value, fault);
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
        bool replaced = (instead->cursor != NULL && is_named(word, "cursor")) ||
                        (instead->limit > 0 && is_named(word, "limit")) ||
                        (instead->asset[0] != '\0' && is_named(word, "asset"));
        good = replaced || append_word(out, word);
    }
    good = good && append_instead(out, instead);
    return good ? STATUS_OK : fault_set(fault, STATUS_USAGE, "NAME=VALUE", "the question is too long");
}
