/*
 * The closed vocabularies of the trail: words that are none of them find nothing, whatever happened.
 */
#ifndef STRONGROOM_CUSTODYD_VOCABULARY_H
#define STRONGROOM_CUSTODYD_VOCABULARY_H

#include "base/status.h"

/*
 * Whether the value is an action of the trail (audit/action_table.h); whether it is the type of an object that some
 * action is about. STATUS_INVALID names the field (`act`, `otype`) and up to three words that are near, if any.
 */
MUST_CHECK enum status vocabulary_action(const char *value, struct fault *fault);
MUST_CHECK enum status vocabulary_object_type(const char *value, struct fault *fault);

#endif
