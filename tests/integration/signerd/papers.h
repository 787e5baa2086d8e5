/*
 * The papers of a key: document, transcript of the ceremony, backup, restore proof, and the orders about it, signed by
 * the people of the world. Tests break one thing at a time.
 *
 * No Criterion inside. What cannot be made aborts.
 */
#ifndef STRONGROOM_TEST_SIGNER_PAPERS_H
#define STRONGROOM_TEST_SIGNER_PAPERS_H

#include "policy/backup.h"
#include "policy/ceremony.h"
#include "policy/key.h"
#include "world.h"

/* The key in question, wherever it lives. `sign` puts 64 bytes over a message. */
struct hand {
    struct public_key key;
    struct token_identity token;
    void (*sign)(const void *context, uint8_t out64[SIGNATURE_LEN], const void *message, size_t len);
    const void *context;
    bool seal_forged; /* the sealing key of cleo in its backup is signed by otto */
};

/* What key.admit is shown. Everything is owned; free with papers_wipe. */
struct papers {
    struct key_document key; /* as signed */
    struct signed_document document;
    struct bytes ceremony;
    struct signed_document backup;  /* wrapped only */
    struct signed_document restore; /* not with none */
    struct signed_document command;
};

/* A key in software, on a token that is said to be called "soft" with serial "1". */
struct hand hand_soft(const struct test_key *key);

/* Signs a document of `kind` with the key in the hand, and adds the signature. */
void hand_sign(struct signed_document *inout, const char *kind, const struct hand *hand);

/*
 * An ordinary key document: unattended, the largest box, not approved, a cryptoperiod of 1000 days from an hour ago.
 * Transfer: tier hot, backup clone; the others: system, none. Digests of ceremony and backup are filled by papers_make.
 */
struct key_document papers_key(const struct world *world, const struct hand *hand);

/* Makes everything for `key`, right in every respect. */
void papers_make(struct papers *out, const struct world *world, const struct hand *hand,
                 const struct key_document *key);
void papers_wipe(struct papers *papers);

/* The parts by themselves, as papers_make uses them. Out: owned. */
void papers_ceremony(struct bytes *out, const struct world *world, const struct hand *hand,
                     const struct key_document *key, const struct backup *backup);
struct restore papers_restore(const struct world *world, const struct key_document *key);

/* A sealing key of the person, signed with the key of `signer`, for an hour around `made_at`. */
struct sealing_paper papers_seal(const struct world *world, const char *person, enum who signer, int64_t made_at);

/* Gives it the occasion that fits it, signed by these two. */
void papers_restore_allow(struct restore *in_out, const struct world *world, enum who requester, enum who authoriser);

/* Signed by all four; without an occasion it gets the one that fits it. */
void papers_restore_sign(struct signed_document *out, const struct world *world, const struct hand *hand,
                         const struct restore *restore);
void papers_document_sign(struct signed_document *out, const struct world *world, const struct key_document *key);

/* An order about a key, from this state, for the next hour, with a fresh nonce. Activation: a box of one day, a
 * million. */
struct command order_key(const struct world *world, enum command_action action, const struct digest *key,
                         enum key_state from, uint64_t on);

/* The same signed by one or two people; WHO_COUNT for none. Out: owned. */
void order_key_sign(struct signed_document *out, const struct world *world, const struct command *command,
                    enum who first, enum who second);

/* The request, borrowed from the papers. */
struct wire_key_admit_request papers_request(const struct papers *papers);

#endif
