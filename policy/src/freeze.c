/*
 * Scope and subject of a freeze. What is frozen stands in a signer's guard and nowhere else.
 */
#include "policy/freeze.h"

#include "document.h"

static const struct word scope_words[] = {
    {"asset", FREEZE_ASSET}, {"wallet", FREEZE_WALLET}, {"everything", FREEZE_EVERYTHING}, {NULL, 0}};

const char *freeze_scope_text(enum freeze_scope scope)
{
    return word_text(scope_words, (int)scope);
}

enum status freeze_target_parse(struct freeze_target *out, const char *scope, const char *subject, struct fault *fault)
{
    struct freeze_target target = {.scope = (enum freeze_scope)word_value(scope_words, scope)};
    struct digest asset;
    struct name wallet;
    if (freeze_scope_text(target.scope) == NULL) {
        return fault_set(fault, STATUS_INVALID, "scope", "asset, wallet or everything");
    }
    if (target.scope == FREEZE_ASSET && digest_parse(&asset, subject) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "subject",
                         "the id of the asset, 64 hexadecimal digits (custody wallets shows it)");
    }
    if (target.scope == FREEZE_WALLET && name_parse(&wallet, subject) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "subject", "the name of the wallet");
    }
    if (target.scope == FREEZE_EVERYTHING && subject[0] != '\0') {
        return fault_set(fault, STATUS_INVALID, "subject", "everything has none");
    }
    (void)snprintf(target.subject, sizeof(target.subject), "%s", subject);
    *out = target;
    return STATUS_OK;
}

void freeze_target_asset(struct freeze_target *out, const struct digest *asset)
{
    *out = (struct freeze_target){.scope = FREEZE_ASSET};
    digest_format(out->subject, asset);
}

void freeze_target_wallet(struct freeze_target *out, const struct name *wallet)
{
    *out = (struct freeze_target){.scope = FREEZE_WALLET};
    (void)snprintf(out->subject, sizeof(out->subject), "%s", wallet->text);
}

bool freeze_target_equal(const struct freeze_target *a, const struct freeze_target *b)
{
    return a->scope == b->scope && strcmp(a->subject, b->subject) == 0;
}

static bool wallet_has(const struct wallet *wallet, const char *asset)
{
    struct freeze_target one;
    for (size_t i = 0; i < wallet->asset_count; i++) {
        freeze_target_asset(&one, &wallet->assets[i]);
        if (strcmp(one.subject, asset) == 0) {
            return true;
        }
    }
    return false;
}

enum status freeze_target_check(const struct freeze_target *target, const struct policy *policy, struct fault *fault)
{
    bool known = target->scope == FREEZE_EVERYTHING;
    for (size_t i = 0; i < policy->wallet_count && !known; i++) {
        const struct wallet *wallet = &policy->wallets[i];
        known = target->scope == FREEZE_WALLET ? strcmp(wallet->id.text, target->subject) == 0
                                               : wallet_has(wallet, target->subject);
    }
    return known ? STATUS_OK : fault_set(fault, STATUS_NOT_FOUND, "subject", "no wallet of the policy is or has it");
}
