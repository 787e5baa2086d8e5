/*
 * The identity of a token as an object inside documents. Asking a token who it is is for the hsm room.
 */
#include "policy/token.h"

#include "document.h"

#define TOKEN_TEXT(member)                                                                                             \
    {                                                                                                                  \
#member, CANON_TEXT, false, offsetof(struct token_identity, member), TOKEN_TEXT_SIZE, 0, 0                     \
    }

static const struct canon_field fields[] = {
    TOKEN_TEXT(firmware), TOKEN_TEXT(label), TOKEN_TEXT(manufacturer), TOKEN_TEXT(model), TOKEN_TEXT(serial),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static enum status check(const struct token_identity *token, const char *path, struct fault *fault)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *text = (const char *)token + fields[i].offset;
        size_t len = strnlen(text, TOKEN_TEXT_SIZE);
        if (len > 0 && (text[0] == ' ' || text[len - 1] == ' ')) {
            char place[PLACE_SIZE];
            document_place(place, path, fields[i].name);
            return fault_set(fault, STATUS_INVALID, place, "no blank at either end");
        }
    }
    return STATUS_OK;
}

enum status token_identity_decode(struct token_identity *out, const json_t *object, const char *path,
                                  struct fault *fault)
{
    struct token_identity token;
    enum status status = canon_decode(&token, sizeof(token), object, fields, FIELD_COUNT, path, fault);
    if (status == STATUS_OK) {
        status = check(&token, path, fault);
    }
    if (status == STATUS_OK) {
        *out = token;
    }
    return status;
}

enum status token_identity_encode(json_t **out, const struct token_identity *token, struct fault *fault)
{
    enum status status = check(token, "token", fault);
    return status == STATUS_OK ? canon_encode(out, token, fields, FIELD_COUNT, fault) : status;
}

bool token_identity_equal(const struct token_identity *a, const struct token_identity *b)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp((const char *)a + fields[i].offset, (const char *)b + fields[i].offset) != 0) {
            return false;
        }
    }
    return true;
}

bool token_identity_same_device(const struct token_identity *a, const struct token_identity *b)
{
    return strcmp(a->serial, b->serial) == 0 && strcmp(a->label, b->label) == 0;
}
