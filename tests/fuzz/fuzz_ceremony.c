/*
 * The decoders of transcripts, backups, sealing keys, shares, share sets, occasions, gifts and restore proofs under a
 * fuzzer. For any bytes: nothing is read out of bounds, nothing leaks, what one of them accepts is written again as the
 * very same bytes, and no bytes are documents of two kinds. What is accepted keeps the floors, and a transcript can be
 * asked everything.
 */
#include "policy/ceremony.h"
#include "policy/occasion.h"
#include "round_trip.h"

static void check_shares(const struct share_table *table)
{
    INVARIANT(table->threshold >= 2 && table->threshold <= table->count && table->count <= BACKUP_SHARES_MAX);
    for (size_t i = 1; i < table->count; i++) {
        INVARIANT(!name_equal(&table->holders[i].site, &table->holders[i - 1].site));
        INVARIANT(!seal_key_equal(&table->holders[i].seal.key.seal, &table->holders[i - 1].seal.key.seal));
        INVARIANT(share_table_find(table, &table->holders[i].custodian) == &table->holders[i]);
    }
}

static void look_backup(struct backup *backup)
{
    check_shares(&backup->shares);
    INVARIANT(share_table_find(&backup->shares, &backup->holder) == NULL);
    INVARIANT(backup->wrapped_size >= 1 && backup->wrapped_size <= BACKUP_WRAPPED_MAX);
}

static void look_share_document(struct share_document *share)
{
    INVARIANT(share->index >= 1 && share->index <= BACKUP_SHARES_MAX);
    share_document_free(share);
}

static void look_sealing_key(struct sealing_key *key)
{
    INVARIANT(key->valid_until > key->issued_at);
}

static void look_share_set(struct share_set *set)
{
    check_shares(&set->shares);
}

static void look_gift(struct gift *gift)
{
    INVARIANT(gift->sealed.len <= SHARE_SEALED_MAX);
    gift_free(gift);
}

static void look_occasion(struct occasion *occasion)
{
    INVARIANT(!name_equal(&occasion->requester, &occasion->authoriser));
    INVARIANT((occasion->executor.text[0] == '\0') == (occasion->action == OCCASION_ACTIVATE));
    INVARIANT(occasion->expires_at > occasion->issued_at);
}

static void look_restore(struct restore *restore)
{
    INVARIANT(!name_equal(&restore->requester, &restore->authoriser));
    INVARIANT(!name_equal(&restore->executor, &restore->authoriser));
    INVARIANT(!name_equal(&restore->requester, &restore->executor));
}

static void look_ceremony(struct ceremony *ceremony)
{
    const struct ceremony_script_step *next = ceremony_next(ceremony);
    INVARIANT((next == NULL) == (ceremony->step_count == ceremony->script->step_count));
    for (int role = CEREMONY_ADMINISTRATOR; role <= CEREMONY_WITNESS; role++) {
        INVARIANT(ceremony_actor(ceremony, (enum ceremony_role)role)->role == (enum ceremony_role)role);
    }
    INVARIANT((ceremony_fact(ceremony, "program") == NULL) == (ceremony->step_count == 0));
    struct fault fault = {0};
    INVARIANT(ceremony_check(ceremony, &fault) == fault.status);
    ceremony_free(ceremony);
}

ROUND_TRIP(backup, look_backup)
ROUND_TRIP(ceremony, look_ceremony)
ROUND_TRIP(gift, look_gift)
ROUND_TRIP(occasion, look_occasion)
ROUND_TRIP(restore, look_restore)
ROUND_TRIP(sealing_key, look_sealing_key)
ROUND_TRIP(share_document, look_share_document)
ROUND_TRIP(share_set, look_share_set)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int kinds = backup_round_trip(data, size);
    kinds += ceremony_round_trip(data, size);
    kinds += gift_round_trip(data, size);
    kinds += occasion_round_trip(data, size);
    kinds += restore_round_trip(data, size);
    kinds += sealing_key_round_trip(data, size);
    kinds += share_document_round_trip(data, size);
    kinds += share_set_round_trip(data, size);
    INVARIANT(kinds <= 1);
    return 0;
}
