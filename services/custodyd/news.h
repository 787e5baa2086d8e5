/*
 * News: what the service sees of the world and tells the trail, each change once, whoever restarts (store/mark.h).
 */
#ifndef STRONGROOM_CUSTODYD_NEWS_H
#define STRONGROOM_CUSTODYD_NEWS_H

#include "audit/event.h"
#include "service.h"
#include "store/mark.h"

#define NEWS_FACTS_MAX 8

/* Something watched, and what the trail is told when its value is a new one. */
struct news {
    char subject[STORE_MARK_SUBJECT_SIZE];
    const char *value;   /* printable, without spaces; borrowed */
    bool calm;           /* nothing to tell when it was never seen before */
    bool anyway;         /* an entry is made whatever the mark was, but one that lasts */
    bool unrepeated;     /* no other entry about the object has these facts: what was told the trail says, no mark */
    bool once;           /* a mark that is there is told already, whatever its value */
    const char *lasting; /* a value that the mark keeps, once it has it; NULL: none; borrowed */
    enum audit_action action;
    enum status reason;      /* STATUS_OK: outcome ok; otherwise outcome error with this reason */
    const char *object_type; /* static */
    char object_id[AUDIT_OBJECT_ID_SIZE];
    struct uuid correlation; /* zeros: a fresh one */
    int64_t since_utc_us;    /* of an alarm: since when it is so; 0: since it was seen */
    size_t fact_count;
    const char *fact_names[NEWS_FACTS_MAX]; /* static */
    char fact_values[NEWS_FACTS_MAX][AUDIT_FACT_MAX];
    size_t ref_count;
    const char *ref_names[NEWS_FACTS_MAX]; /* static */
    struct digest refs[NEWS_FACTS_MAX];
};

/* When news were told last, by whichever process: then their mark was set, or found. */
struct news_telling {
    int64_t at_us; /* monotonic; 0: never */
    int64_t at_utc_us;
};

/* They are told now. */
void news_telling_now(struct news_telling *out, const struct service *service);

/*
 * Whether an entry of them that was on its way then would stand in the signed trail by now: when it does not, it was
 * taken away, or the mark was somebody else's, and they are told anyway.
 */
bool news_is_lost(const struct news_telling *last, const struct service *service);

/* Adds a fact (nothing when the value is empty) or a reference (nothing when it is zero). */
void news_fact(struct news *news, const char *name, const char *value);
void news_ref(struct news *news, const char *name, const struct digest *digest);

/*
 * Sets the mark of the subject and, when that is news, puts the entry into the same transaction. Out (unless NULL):
 * since when the mark has its value.
 */
MUST_CHECK enum status news_tell_in(int64_t *out_seen_at_utc_us, struct service *service, struct store_tx *tx,
                                    const struct news *news, struct fault *fault);

/* The same in a transaction of its own. */
MUST_CHECK enum status news_tell(int64_t *out_seen_at_utc_us, struct service *service, const struct news *news,
                                 struct fault *fault);

/* Whether one of the newest signed entries of this action about the object has these facts. */
MUST_CHECK enum status news_is_told(bool *out, const struct service *service, const struct news *news,
                                    struct fault *fault);

#endif
