/*
 * The allow-list as the service knows it: the documents, and what the signer that holds the list said of each. Nothing
 * here lists anything.
 */
#ifndef STRONGROOM_CUSTODYD_DESTINATIONS_H
#define STRONGROOM_CUSTODYD_DESTINATIONS_H

#include "policy/destination.h"
#include "service.h"
#include "store/mark.h"

#define DESTINATIONS_PAGE 500

enum destination_word {
    DESTINATION_WAITING, /* the signer has said nothing of it */
    DESTINATION_HELD,
    DESTINATION_REVOKED,
    DESTINATION_REFUSED,
};

/* What the signer said of an entry. */
struct destination_standing {
    enum destination_word word;
    int64_t serving_at_utc_us; /* held: since when or from when on it serves */
};

/* The subject of the mark of an entry, and its value. */
void destination_mark_subject(char out[STORE_MARK_SUBJECT_SIZE], const struct digest *digest);
void destination_mark_value(char out[STORE_MARK_VALUE_SIZE], const struct destination_standing *standing);

/* The value of one that was revoked, which is for ever: no older look takes it back. */
void destination_mark_lasting(char out[STORE_MARK_VALUE_SIZE]);

/* What stands in the mark of an entry. */
MUST_CHECK enum status destination_standing_read(struct destination_standing *out, struct store_tx *tx,
                                                 const struct digest *digest, struct fault *fault);

/* The word for people: waiting, cooling, serving, expired, revoked or refused. Static. */
const char *destination_state(const struct destination_standing *standing, const struct destination *destination,
                              int64_t at_utc_us);

/*
 * STATUS_LOOK_ALIKE (`where`) when the address looks like another one that is known: an entry of the list that is not
 * revoked, a wallet of ours, or somebody who has paid into one.
 */
MUST_CHECK enum status destination_check_alike(const struct service *service, struct store_tx *tx,
                                               const struct account_id *account, const char *where,
                                               struct fault *fault);

#endif
