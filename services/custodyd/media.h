/*
 * The media ledger (C-16): where tokens, cards, bags, paper and disks are, and who touched them. The trail is the
 * ledger; the table is its current view. The resources are in resources.h.
 */
#ifndef STRONGROOM_CUSTODYD_MEDIA_H
#define STRONGROOM_CUSTODYD_MEDIA_H

#include "alarms.h"

/*
 * Tells the trail of inspections that are overdue and of entries that have waited a day for their second person, each
 * once; adds each to the alarms.
 */
MUST_CHECK enum status media_watch(struct alarm_list *alarms, struct service *service, struct fault *fault);

#endif
