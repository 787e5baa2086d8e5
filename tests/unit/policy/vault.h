/*
 * The small world (fixture.h) after a ceremony: the key HOT was made by ada, tess and theo before audrey's eyes,
 * wrapped, its KEK shared between tess and theo, and restored elsewhere. Tests break one thing at a time.
 */
#ifndef STRONGROOM_TEST_POLICY_VAULT_H
#define STRONGROOM_TEST_POLICY_VAULT_H

#include "fixture.h"
#include "policy/ceremony.h"
#include "policy/occasion.h"

#define CEREMONY_ID "019c1a2b-3c4d-7e5f-8a6b-0123456789ab"
#define CEREMONY_AT "2026-01-02T10:00:00.000000Z"

struct vault {
    struct world world;
    struct ceremony_actor actors[CEREMONY_ACTORS];
    struct backup backup;
    struct signed_document backup_signed;
    struct digest backup_digest;
    struct ceremony ceremony; /* all steps done */
    struct bytes transcript;
    struct key_document key;
    struct restore restore;
    struct signed_document restore_signed;
    struct share_set share_set;
    struct seal_key receiver;
    struct occasion occasion; /* to activate: olga asks, alan allows */
    struct signed_document occasion_signed;
    struct digest occasion_digest;
    struct gift gift; /* tess's; borrows `sealed` */
    uint8_t sealed[112];
};

/* Builds everything; aborts the test when it cannot. */
void vault_init(struct vault *vault);
void vault_wipe(struct vault *vault);

/* Whose key signs for a role in the vault's ceremonies. */
enum who vault_who(enum ceremony_role role);

/* A new transcript without steps. */
void vault_start(struct ceremony *out, const struct vault *vault);

/* The facts of the next step as they are true; values live until the next call. Returns their number. */
size_t vault_facts(struct ceremony_fact out[CEREMONY_FACTS_MAX], const struct vault *vault,
                   const struct ceremony *ceremony);

/* Signs the facts of "generate" anew, with the key of `who`: a statement that is changed needs a new proof. */
void vault_prove(struct ceremony_fact facts[CEREMONY_FACTS_MAX], size_t count, const struct vault *vault, enum who who);

/* Does the next step with these facts, signed by `who`; time is one minute after the step before. */
enum status vault_do(struct ceremony *ceremony, const struct vault *vault, const struct ceremony_fact *facts,
                     size_t count, enum who who, struct fault *fault);

/* Does the next step rightly, or all that are left. */
void vault_step(struct ceremony *ceremony, const struct vault *vault);
void vault_finish(struct ceremony *ceremony, const struct vault *vault);

/* A sealing key of the person, signed with the key of `signer`; valid for a minute around CEREMONY_AT. */
struct sealing_paper vault_seal(const struct vault *vault, const char *person, enum who signer);

/* Signs a restore proof with these keys, WHO_COUNT ends the list. */
void vault_sign_restore(struct signed_document *out, const struct vault *vault, const struct restore *restore,
                        const enum who *signers);

/* Gives a restore proof the occasion that fits it, signed by these two. */
void vault_allow(struct restore *in_out, const struct vault *vault, enum who requester, enum who authoriser);

/* Signs an occasion with these keys, WHO_COUNT ends the list. */
void vault_sign_occasion(struct signed_document *out, const struct vault *vault, const struct occasion *occasion,
                         const enum who *signers);

/* Held against: borrowed from the vault. */
struct restore_context vault_restore_context(const struct vault *vault);
struct gift_context vault_gift_context(const struct vault *vault);

/* A gift signed with the key of `who`. */
void vault_sign_gift(struct signed_document *out, const struct vault *vault, const struct gift *gift, enum who who);

#endif
