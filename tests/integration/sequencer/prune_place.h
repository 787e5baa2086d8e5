/*
 * A trail with an archive, whose first entries are in partitions as small as bundles, and the prune of them as custodyd
 * makes it. Everything here ends the test when it fails.
 */
#ifndef STRONGROOM_TEST_PRUNE_PLACE_H
#define STRONGROOM_TEST_PRUNE_PLACE_H

#include "stage.h"
#include "trail_prune.h"

#define PRUNE_PLACE_LEAVE 512 /* entries that leave, of 820 and more */
#define ROWS_BELOW "SELECT count(*) FROM audit.leaf WHERE seq < 512"
#define TOLD "SELECT count(*) FROM audit.leaf WHERE act = 'retention.prune'"
#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */

struct prune_place {
    struct books books;
    struct checkpoint_keeper keeper;
    struct stage stage; /* not open after prune_place_make */
    struct test_folder folder;
    char archive[TEST_PATH_SIZE * 2]; /* path, in the folder */
};

/* Makes database, partitions and folder; nothing runs. */
void prune_place_make(struct prune_place *place);

/* Waits until 820 more entries are covered. */
void prune_place_fill(struct prune_place *place);

/* Makes the place, opens its stage, fills the trail and copies it to the archive. */
void prune_place_open(struct prune_place *place);

/* Forgets it; the stage is closed. */
void prune_place_close(struct prune_place *place);

/* What makes a request of a prune another one. */
typedef void prune_change_fn(struct trail_prune_config *config);

/* One that does not wait for its entry. */
prune_change_fn prune_place_shortly;

/* As custodyd prune does it for olga: a process of its own, which leads nothing. `change` may be NULL. */
enum status prune_place_prune(struct prune_place *place, prune_change_fn *change, struct fault *fault);

/* The same, which lets the entries leave by one entry. */
void prune_place_expect_left(struct prune_place *place);

/* Makes the trail anew from the archive, into a database that has none. Out: how many entries. */
enum status prune_place_rebuild(uint64_t *out_size, const struct prune_place *place, struct fault *fault);

/* Has the trail told of a use of a copied key. `about`: action, outcome and object of the event, and its reason; wiped.
 */
void prune_place_tell_use(struct trail_ticket *out, const struct prune_place *place, struct audit_event *about,
                          const char *transaction);

#endif
