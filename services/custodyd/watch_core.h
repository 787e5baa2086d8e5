/*
 * The watcher from inside: what its files share. One thread runs all of it but the public calls of watch.h.
 */
#ifndef STRONGROOM_CUSTODYD_WATCH_CORE_H
#define STRONGROOM_CUSTODYD_WATCH_CORE_H

#include <pthread.h>

#include "alarms.h"
#include "destinations.h"
#include "key_board.h"
#include "key_spending.h"
#include "news.h"
#include "policy/key.h"
#include "record.h"
#include "store/trail_read.h"
#include "trail_signed.h"
#include "watch.h"

/* What the watcher keeps in mind of a key from one look to the next. */
struct watched {
    struct key_board_entry entry;
    bool documented; /* `document` is the verified one of entry.key.document */
    struct key_document document;
    int64_t attested_at_utc_us; /* 0: never */
    int64_t attest_after_us;    /* monotonic: not before */
    int64_t read_after_us;      /* monotonic: the papers are read again then */
    struct digest forged;       /* of papers that stand in the database and do not verify; zeros: none */
    bool missing;               /* the document that its signer names does not stand there */
};

/* A subject of which less is there than was recorded. */
struct suspect {
    struct uuid subject;
    int64_t since_us;     /* monotonic */
    uint64_t signed_size; /* of the trail then */
};

/* A withdrawal that was announced, by its signed entry. */
struct announced {
    struct uuid withdrawal;
    uint64_t seq;
    int64_t at_utc_us;
    struct record_terms terms;
    bool over; /* a signed entry says so */
};

/* A key that a copy of was used, by signed entries. */
struct copied_key {
    struct digest key;
    uint64_t on; /* how often it had changed when it was stopped; KEY_SPENDING_ON_UNKNOWN */
    int64_t first_at_utc_us;
    int64_t last_at_utc_us;
};

/* Signed entries of an action, as they are found: watch_entries_find. */
struct watch_entries {
    enum audit_action action;
    int64_t oldest_utc_us; /* older ones are not wanted */
    enum status (*take)(struct watch *watch, const struct store_leaf *entry, struct fault *fault);
    struct trail_search before; /* among the entries of before the start */
    uint64_t again;             /* the first number that the next look takes again */
};

/* An entry of the allow-list that the signer holds, by signed entries. */
struct listed {
    struct digest digest;
    bool over;                 /* a signed entry says that it was taken off */
    enum status reason;        /* what is wrong with its row */
    struct news_telling since; /* when that was seen first; zeros: nothing is */
};

/* A subject that was erased, by signed entries. */
struct erased {
    struct uuid subject;
    bool asked; /* `told` is known */
    bool told;  /* that rows of it are there again */
};

#define WATCH_LISTINGS 2 /* actions that say so */

struct watch {
    struct service *service;
    struct key_spending *spending;
    struct watched **keys; /* owned */
    size_t key_count;
    json_t *told; /* subject -> [value, since when]: what is in the marks already */
    int64_t looked_at_us;
    struct digest destinations_shown; /* to this instance of the signer that holds the allow-list; zeros: to none, or it
                                         was away */
    bool destinations_wait;           /* one of them has no entry in the signed trail yet */
    int64_t destinations_again_us;    /* monotonic: then they are shown again for it */
    int64_t destinations_pause_us;    /* until then; 0 after a start of that signer, and when none waits */
    json_t *destinations_announced;   /* digests that the trail was told of since the start */
    json_t *destinations_lost;        /* digest -> code: what it refused */
    struct destination_unfit destinations_unfit; /* rows that nobody would be shown, as of then */
    struct digest judged;                  /* the version in force under which open withdrawals were judged last */
    bool people_heard;                     /* `people` is set */
    struct digest people;                  /* of who was suspended when open withdrawals were judged last */
    struct digest uneven[KEY_BOARD_ROLES]; /* of how a signer's suspended people differed, zeros for not */
    bool away[KEY_BOARD_ROLES];            /* a signer may have missed what no other one says any more */
    struct digest resumed_at;              /* the instance of role transfer that was shown resumptions */
    struct digest anchor_submitted;        /* id of the anchor submitted last; zeros: none yet */
    int64_t anchor_submitted_us;           /* monotonic: then, or the start */
    uint64_t anchored_size;                /* of the largest confirmed anchor that was seen */
    int64_t anchor_good_us;                /* monotonic: when there was a new one last, or nothing to anchor */
    bool anchor_refused;                   /* the node did not take one, and the log says so */
    bool troubled;                         /* the last pass could not do everything, and the log says so */
    struct suspect *suspects;              /* owned, in the order in which they were found */
    json_t *suspected;                     /* their ids */
    size_t suspect_count;
    size_t suspect_room;
    size_t suspect_turn;         /* who is looked at again next of those who are not named */
    uint64_t scrubbed;           /* the tile of the trail whose rows are looked at next */
    size_t repeated_told;        /* of the numbers that stand twice there, so many were told */
    uint64_t corrupt_told;       /* how much of what was found wrong there the trail was told */
    struct announced *announced; /* owned, by their numbers */
    size_t announced_count;
    struct watch_entries announcements;
    struct copied_key *copied; /* owned */
    size_t copied_count;
    struct watch_entries copies;
    struct listed *listed; /* owned */
    size_t listed_count;
    size_t listed_turn;     /* which is looked at next */
    size_t listed_followed; /* for so many withdrawals were judged again that waited for an entry */
    json_t *listed_known;
    struct watch_entries listings[WATCH_LISTINGS];
    struct erased *erased; /* owned */
    size_t erased_count;
    size_t erased_turn; /* which is looked at next */
    json_t *erased_known;
    struct watch_entries erasures;
    struct alarm_list seeing; /* in this look */
    struct fault untold;      /* why the trail, or a mark, could not be told of one of them */

    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool stopping;
    bool woken;
    bool missed[KEY_BOARD_ROLES];     /* a signer did not take a resumption */
    struct alarm_list alarms;         /* of the last look; of what it could not see, of the one before */
    int64_t alarms_at_utc_us;         /* when a look last saw everything */
    struct key_spending_use *reports; /* owned */
    size_t report_count;
};

/*
 * watch_tell.c: tells the trail, once; news with a reason are an alarm of this look, also when the trail cannot be
 * told: then it is with the next one, and this one has not seen everything.
 */
MUST_CHECK enum status watch_tell(struct watch *watch, const struct news *news, struct fault *fault);

/* The same for what is over already: it is no alarm. */
MUST_CHECK enum status watch_tell_past(struct watch *watch, const struct news *news, struct fault *fault);

/*
 * Takes the signed entries at the end of the trail, those of the last look among them, and some of the older ones,
 * until all were taken; none before there is a checkpoint.
 */
MUST_CHECK enum status watch_entries_find(struct watch *watch, struct watch_entries *inout, struct fault *fault);

/* The value of what was told last of this subject, here or by another instance; "" for nothing. */
MUST_CHECK enum status watch_told(char out[STORE_MARK_VALUE_SIZE], struct watch *watch, const char *subject,
                                  struct fault *fault);

/* watch_signers.c: asks the signer of a role, fills the board, and tells what it says of itself and of its tokens. */
MUST_CHECK enum status watch_signer(struct watch *watch, enum wire_role role, struct fault *fault);

/* watch_trail.c: begins anywhere in the trail, or restarts would keep its end from being looked at. */
void watch_trail_start(struct watch *watch);

/* watch_trail.c: has the sessions that were made before refused, too, while a new one would be for its tables. */
MUST_CHECK enum status watch_tables(struct watch *watch, struct fault *fault);

/*
 * watch_listed.c: adds an alarm for each entry of the allow-list that the signer holds and no row shows; when there is
 * a new one, what has all approvals and waited for it goes on.
 */
MUST_CHECK enum status watch_listed(struct watch *watch, struct fault *fault);

/*
 * watch_copied.c: adds an alarm for each key that a copy of was used, from the first such use until the key has changed
 * since it was stopped: people have then resumed it, or given it up.
 */
MUST_CHECK enum status watch_copied(struct watch *watch, struct fault *fault);

/* watch_announced.c: adds what was announced to the signer to the alarms, until it is over. */
MUST_CHECK enum status watch_announced(struct watch *watch, struct fault *fault);

/* watch_trail.c: looks at some rows of the trail; tells what is wrong with the trail itself, for when it goes on. */
MUST_CHECK enum status watch_trail(struct watch *watch, struct fault *fault);

/* watch_subjects.c: notes the subject of an entry of personal data whose rows are gone. `context` is the watch. */
MUST_CHECK enum status watch_subject_row(void *context, const struct store_leaf *leaf, struct fault *fault);

/* watch_subjects.c: tells whose rows are gone, and whose are there again. */
MUST_CHECK enum status watch_subjects(struct watch *watch, struct fault *fault);

/* watch_returned.c: adds an alarm for each subject that was erased and of whom rows are there again. */
MUST_CHECK enum status watch_returned(struct watch *watch, struct fault *fault);

/* watch_trail.c: adds it to the alarms, which wait for no look and for no entry. */
MUST_CHECK enum status watch_trail_alarms(struct alarm_list *list, struct service *service, struct fault *fault);

/* watch_witnesses.c: tells which witnesses cosign, and whether enough of them do. */
MUST_CHECK enum status watch_witnesses(struct watch *watch, struct fault *fault);

/* copies.c: tells whether an entry waits too long for a copy on another host. */
MUST_CHECK enum status watch_trail_copies(struct watch *watch, struct fault *fault);

/* reviews.c: tells whether an entry waits too long for a review of key uses. */
MUST_CHECK enum status watch_reviews(struct watch *watch, struct fault *fault);

/* watch_anchors.c: has the trail anchored in the ledger, and tells what is. */
MUST_CHECK enum status watch_anchors(struct watch *watch, struct fault *fault);

/* watch_anchors.c: the first anchor comes an interval from now. */
void watch_anchors_start(struct watch *watch);

/* watch_signers.c: tells what is frozen, from the board. */
MUST_CHECK enum status watch_freezes(struct watch *watch, struct fault *fault);

/* watch_policy.c: tells and follows what the signers say about versions of the policy, and carries versions to them. */
MUST_CHECK enum status watch_policy(struct watch *watch, struct fault *fault);

/*
 * watch_people.c: carries orders about people to a signer that lacks what another one has, tells it while it lasts,
 * carries resumptions to a signer that comes back, and judges open withdrawals again when other people are suspended
 * than before.
 */
MUST_CHECK enum status watch_people(struct watch *watch, struct fault *fault);

/*
 * watch_destinations.c: shows the entries of the allow-list to the signer that holds it, when the service starts and
 * when that signer was away: it may have another guard by now. What it refuses is an alarm.
 */
MUST_CHECK enum status watch_destinations(struct watch *watch, struct fault *fault);

/* watch_keys.c: takes the keys from the board, renews their attestations, tells their states and the calendar. */
MUST_CHECK enum status watch_keys(struct watch *watch, struct fault *fault);

/* watch_keys.c: a key that was seen once, or NULL. Borrowed. */
struct watched *watch_key_find(const struct watch *watch, const struct digest *id);

/* watch_keys.c: makes a key the object of news, under the subject "key/ID/what". */
void watch_key_news(struct news *news, const struct watched *key, const char *what);

/* watch_calendar.c: tells when the drill of a compromise, which is due each year, is overdue. */
MUST_CHECK enum status watch_compromise_drill(struct watch *watch, struct fault *fault);

/* watch_calendar.c: tells what of a key is due or overdue; nothing of one whose document is not known. */
MUST_CHECK enum status watch_calendar(struct watch *watch, const struct watched *key, struct fault *fault);

#endif
