/*
 * The documents of fixed fields (docs/formats.md sections 2 and 4), each as one list: F(S, kind, name) is a field of
 * the struct S, O one that may be absent, B one of bytes that are owned (bytes_free). The struct and the table that
 * base/canon.h reads it by come from the same list. OBJECT and ARRAY members are borrowed from the JSON that was read.
 */
#ifndef STRONGROOM_VERIFY_FORMS_H
#define STRONGROOM_VERIFY_FORMS_H

#include "base/amount.h"
#include "base/canon.h"
#include "base/digest.h"
#include "base/id.h"

#define FORM_BYTES_MAX 262144
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
#define FORM_APPROVAL(F, O, B, S)                                                                                      \
    F(S, NAME, approver) F(S, HASH, chain) F(S, TEXT, decision) F(S, NAME, environment) F(S, TIME, expires_at)         \
    F(S, HASH, intent) F(S, HASH, key) F(S, HASH, policy) F(S, ARRAY, seen) F(S, TIME, signed_at)                      \
    F(S, UUID, withdrawal)
#define FORM_COMMAND(F, O, B, S)                                                                                       \
    F(S, TEXT, action) F(S, HASH, chain) F(S, NAME, environment) F(S, TIME, expires_at) F(S, TEXT, from)               \
    F(S, HASH, intent) F(S, TIME, issued_at) F(S, HASH, key) F(S, UUID, nonce) F(S, HASH, policy) F(S, NAME, reason)   \
    F(S, TEXT, role)
#define FORM_DESTINATION(F, O, B, S)                                                                                   \
    F(S, TEXT, account) F(S, HASH, chain) F(S, NAME, environment) F(S, NAME, group) F(S, NAME, id)                     \
    F(S, TIME, issued_at) F(S, HASH, policy) F(S, TIME, valid_until)
#define FORM_HEADER(F, O, B, S)                                                                                        \
    F(S, HASH, audit) F(S, HASH, batch) F(S, HASH, chain) F(S, INTEGER, count) F(S, COUNTER, height)                   \
    F(S, HASH, history_root) F(S, HASH, last_certificate) F(S, HASH, prev) F(S, HASH, receipts_root)                   \
    F(S, INTEGER, rules) F(S, TIME, time) F(S, HASH, tx_root) F(S, HASH, validators)
#define FORM_INTENT(F, O, B, S)                                                                                        \
    F(S, AMOUNT, amount) F(S, HASH, asset) F(S, HASH, chain) F(S, TEXT, destination) F(S, NAME, environment)           \
    F(S, TIME, expires_at) F(S, AMOUNT, fee_cap) F(S, COUNTER, lane) F(S, HASH, memo) F(S, HASH, policy)               \
    F(S, INTEGER, policy_version) F(S, TIME, requested_at) F(S, NAME, requester) O(S, HASH, returns)                   \
    F(S, COUNTER, seq) F(S, HASH, transaction) O(S, TEXT, type) F(S, COUNTER, valid_from) F(S, COUNTER, valid_until) F(S, NAME, wallet)                    \
    F(S, UUID, withdrawal)
#define FORM_RECEIPT(F, O, B, S)                                                                                       \
    F(S, TEXT, code) F(S, COUNTER, height) F(S, INTEGER, index) F(S, HASH, transaction)
#define FORM_POLICY(F, O, B, S)                                                                                        \
    F(S, HASH, chain) F(S, OBJECT, destinations) F(S, NAME, environment) F(S, OBJECT, governance) F(S, ARRAY, groups)  \
    F(S, TIME, issued_at) F(S, ARRAY, people) F(S, HASH, prev) F(S, ARRAY, rules) F(S, INTEGER, version) F(S, ARRAY, wallets)
#define FORM_RULE(F, O, B, S)                                                                                          \
    O(S, OBJECT, demand) F(S, TEXT, effect) F(S, NAME, id) F(S, OBJECT, when)
#define FORM_WHEN(F, O, B, S)                                                                                          \
    O(S, OBJECT, amount) O(S, ARRAY, assets) O(S, ARRAY, destinations) O(S, ARRAY, hours) O(S, ARRAY, ledgers)         \
    O(S, ARRAY, requesters) O(S, ARRAY, tiers) O(S, ARRAY, types) O(S, ARRAY, wallets)
#define FORM_BAND(F, O, B, S)                                                                                          \
    O(S, AMOUNT, above) O(S, AMOUNT, up_to)
#define FORM_HOURS(F, O, B, S)                                                                                         \
    F(S, ARRAY, days) F(S, TEXT, from) F(S, TEXT, until)
#define FORM_DEMAND(F, O, B, S)                                                                                        \
    O(S, INTEGER, delay_s) O(S, ARRAY, limits) F(S, AMOUNT, max_amount) F(S, ARRAY, steps)
#define FORM_LIMIT(F, O, B, S)                                                                                         \
    O(S, INTEGER, count) F(S, TEXT, per) O(S, AMOUNT, sum) F(S, INTEGER, window_s)
#define FORM_PLACES(F, O, B, S)                                                                                        \
    F(S, NAME, group) F(S, INTEGER, m)
#define FORM_SIGNATURE(F, O, B, S)                                                                                     \
    F(S, TEXT, alg) F(S, HASH, key) F(S, SIGNATURE, sig)
#define FORM_KEY(F, O, B, S)                                                                                           \
    F(S, TEXT, activation) F(S, TEXT, alg) F(S, BOOLEAN, approved) F(S, TEXT, backup) O(S, HASH, backup_document)      \
    F(S, INTEGER, box_seconds) F(S, COUNTER, box_signatures) F(S, HASH, ceremony) F(S, HASH, chain)                    \
    F(S, NAME, creator) F(S, ARRAY, custodians) F(S, INTEGER, drill_days) F(S, ARRAY, emergency)                       \
    F(S, NAME, environment) F(S, INTEGER, idle_seconds) F(S, TIME, issued_at) F(S, TEXT, key) F(S, NAME, location)     \
    F(S, TEXT, owner) F(S, HASH, policy) F(S, TEXT, purpose) O(S, HASH, replaces) F(S, TIME, retain_until)             \
    F(S, TEXT, tier) F(S, OBJECT, token) F(S, TIME, valid_from) F(S, TIME, valid_until)
#define FORM_ATTESTATION(F, O, B, S)                                                                                   \
    F(S, TEXT, address) F(S, TEXT, alg) F(S, HASH, chain) F(S, HASH, challenge) F(S, HASH, document)                   \
    F(S, NAME, environment) F(S, TIME, issued_at) F(S, TEXT, key) F(S, TEXT, state)
#define FORM_BACKUP(F, O, B, S)                                                                                        \
    F(S, TEXT, alg) F(S, HASH, check) F(S, NAME, holder) F(S, TEXT, key) F(S, TEXT, label) F(S, TIME, made_at)         \
    F(S, TEXT, mechanism) F(S, ARRAY, shares) F(S, NAME, site) F(S, INTEGER, threshold) F(S, OBJECT, token)            \
    F(S, HASH, wrapped_sha256) F(S, INTEGER, wrapped_size)
#define FORM_BACKUP_SHARE(F, O, B, S)                                                                                  \
    F(S, HASH, commitment) F(S, NAME, custodian) F(S, INTEGER, index) F(S, OBJECT, seal) F(S, NAME, site)
#define FORM_RESTORE(F, O, B, S)                                                                                       \
    F(S, NAME, authoriser) F(S, HASH, backup) F(S, HASH, chain) F(S, HASH, challenge) F(S, NAME, environment)          \
    F(S, NAME, executor) F(S, HASH, key) F(S, TEXT, kind) F(S, TIME, made_at) F(S, OBJECT, occasion)                   \
    F(S, HASH, policy) F(S, NAME, requester) F(S, ARRAY, shares) F(S, OBJECT, token)
#define FORM_OCCASION(F, O, B, S)                                                                                      \
    F(S, TEXT, action) F(S, NAME, authoriser) F(S, HASH, chain) F(S, NAME, environment) F(S, NAME, executor)           \
    F(S, TIME, expires_at) F(S, TIME, issued_at) F(S, HASH, key) F(S, HASH, policy) F(S, NAME, requester)              \
    O(S, TEXT, serial) F(S, HASH, set) F(S, TEXT, to)
#define FORM_SEALING_KEY(F, O, B, S)                                                                                   \
    F(S, NAME, environment) F(S, TIME, issued_at) F(S, NAME, person) F(S, TEXT, seal) F(S, TIME, valid_until)
#define FORM_SHARE_SET(F, O, B, S)                                                                                     \
    F(S, HASH, key) F(S, TIME, made_at) F(S, TEXT, of) F(S, HASH, prev) F(S, ARRAY, shares) F(S, INTEGER, threshold)   \
    F(S, INTEGER, version)
#define FORM_TRANSACTION(F, O, B, S)                                                                                   \
    F(S, HASH, chain) F(S, TEXT, from) F(S, COUNTER, lane) F(S, ARRAY, legs) F(S, HASH, memo) F(S, HASH, policy)       \
    F(S, COUNTER, seq) F(S, TEXT, type) F(S, COUNTER, valid_from) F(S, COUNTER, valid_until)
#define FORM_TRANSCRIPT(F, O, B, S)                                                                                    \
    F(S, ARRAY, actors) F(S, NAME, environment) F(S, UUID, id) F(S, TEXT, purpose) F(S, OBJECT, script)                \
    F(S, ARRAY, steps)
#define FORM_ACTOR(F, O, B, S)                                                                                         \
    F(S, TEXT, alg) F(S, NAME, id) F(S, TEXT, key) F(S, TEXT, role) O(S, TEXT, seal)
#define FORM_STEP(F, O, B, S)                                                                                          \
    F(S, NAME, actor) F(S, TIME, at) F(S, OBJECT, facts) F(S, HASH, prev) F(S, SIGNATURE, sig) F(S, TEXT, step)

#define FORM_BUNDLE(F, O, B, S)                                                                                        \
    F(S, ARRAY, approvals) F(S, OBJECT, block) B(S, BYTES, checkpoint) F(S, OBJECT, destination) F(S, ARRAY, entries)  \
    F(S, TEXT, format) B(S, STRING, genesis) B(S, STRING, intent) F(S, ARRAY, policies) O(S, OBJECT, sweep)            \
    F(S, OBJECT, transaction) F(S, UUID, withdrawal)
#define FORM_SWEEP(F, O, B, S)                                                                                         \
    F(S, OBJECT, key) F(S, OBJECT, order)
#define FORM_BLOCK(F, O, B, S)                                                                                         \
    F(S, ARRAY, certificate) B(S, STRING, header) F(S, INTEGER, index) B(S, STRING, receipt)                           \
    F(S, ARRAY, receipt_proof) F(S, ARRAY, tx_proof)
#define FORM_ENTRY(F, O, B, S)                                                                                         \
    F(S, COUNTER, index) B(S, BYTES, leaf) F(S, ARRAY, proof)

/* All of them: each is read into a struct verify_NAME. A policy's has more members, see documents.h. */
#define FORMS(X)                                                                                                       \
    X(ACTOR, actor) X(APPROVAL, approval) X(ATTESTATION, attestation) X(BACKUP, backup) X(BACKUP_SHARE, backup_share)  \
    X(BAND, band) X(BLOCK, block) X(BUNDLE, bundle) X(COMMAND, command) X(DEMAND, demand) X(DESTINATION, destination)  \
    X(ENTRY, entry) X(HEADER, header) X(HOURS, hours) X(INTENT, intent) X(KEY, key) X(LIMIT, limit)                    \
    X(OCCASION, occasion) X(PLACES, places) X(RECEIPT, receipt) X(RESTORE, restore) X(RULE, rule)                      \
    X(SEALING_KEY, sealing_key) X(SHARE_SET, share_set) X(SIGNATURE, signature) X(STEP, step) X(SWEEP, sweep)          \
    X(TRANSACTION, transaction) X(TRANSCRIPT, transcript) X(WHEN, when)
/* clang-format on */

#define FORM_MEMBER_AMOUNT(member) struct amount member;
#define FORM_MEMBER_ARRAY(member) json_t *member;
#define FORM_MEMBER_BOOLEAN(member) bool member;
#define FORM_MEMBER_BYTES(member) struct bytes member;
#define FORM_MEMBER_COUNTER(member) uint64_t member;
#define FORM_MEMBER_HASH(member) struct digest member;
#define FORM_MEMBER_INTEGER(member) int64_t member;
#define FORM_MEMBER_NAME(member) struct name member;
#define FORM_MEMBER_OBJECT(member) json_t *member;
#define FORM_MEMBER_SIGNATURE(member) uint8_t member[64];
#define FORM_MEMBER_STRING(member) struct bytes member;
#define FORM_MEMBER_TEXT(member) char member[256];
#define FORM_MEMBER_TIME(member) int64_t member;
#define FORM_MEMBER_UUID(member) struct uuid member;
#define FORM_MEMBER(S, kind, member) FORM_MEMBER_##kind(member)
#define FORM_STRUCT(FORM, name)                                                                                        \
    struct verify_##name {                                                                                             \
        FORM_##FORM(FORM_MEMBER, FORM_MEMBER, FORM_MEMBER, name)                                                       \
    };

#define FORM_ROW(S, kind, member) CANON_FIELD(struct S, member, CANON_##kind),
#define FORM_ROW_BYTES(S, kind, member) CANON_FIELD_SIZED(struct S, member, CANON_##kind, FORM_BYTES_MAX),
#define FORM_ROW_OPTIONAL(S, kind, member) CANON_FIELD_OPTIONAL(struct S, member, CANON_##kind),

#endif
