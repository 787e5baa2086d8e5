/*
 * What is in alarm now: a list that the watcher makes anew at each look, from what it tells the trail. There is no
 * other state: an alarm is there while its cause is, whoever has seen it.
 */
#ifndef STRONGROOM_CUSTODYD_ALARMS_H
#define STRONGROOM_CUSTODYD_ALARMS_H

#include "news.h"

/* People who answer for an alarm before it counts as answered. */
#define ALARM_PEOPLE 2

/* An alarm. Its code is the action under which the trail tells of the object (docs/keys.md, "What is watched"). */
struct alarm {
    struct digest id; /* of code, object and first_seen: the same after a restart, another one when it comes again */
    enum audit_action code;
    const char *object_type; /* static */
    char object_id[AUDIT_OBJECT_ID_SIZE];
    enum status reason;
    int64_t since_utc_us;      /* since when it is so */
    int64_t first_seen_utc_us; /* since when the service knows */
    size_t fact_count;
    const char *fact_names[NEWS_FACTS_MAX]; /* static */
    char fact_values[NEWS_FACTS_MAX][AUDIT_FACT_MAX];
    size_t part; /* of a look, that saw it */
};

struct alarm_list {
    struct alarm *rows; /* owned */
    size_t count;
};

/* Adds what the news tell, seen first at this time. */
MUST_CHECK enum status alarm_list_add(struct alarm_list *list, const struct news *news, int64_t first_seen_utc_us,
                                      struct fault *fault);

/* Of row `at`: since when it is so, and was seen first; with another time of that it is another alarm. */
MUST_CHECK enum status alarm_list_date(struct alarm_list *list, size_t at, int64_t since_utc_us,
                                       int64_t first_seen_utc_us, struct fault *fault);

/* Adds a copy of an alarm. */
MUST_CHECK enum status alarm_list_append(struct alarm_list *list, const struct alarm *alarm, struct fault *fault);

/* A copy. Out: alarm_list_free. */
MUST_CHECK enum status alarm_list_copy(struct alarm_list *out, const struct alarm_list *list, struct fault *fault);

/* The alarm of an id, NULL when it is not in the list. Borrowed. */
const struct alarm *alarm_list_find(const struct alarm_list *list, const struct digest *id);

/* Frees and empties. */
void alarm_list_free(struct alarm_list *list);

/* The duties of those who can do something about it. Out: a JSON array, one reference; NULL without memory. */
json_t *alarm_concerns(enum audit_action code);

#endif
