/*
 * Personal data at the REST interface: what its two files share, and what others ask of them.
 */
#ifndef STRONGROOM_CUSTODYD_SUBJECTS_H
#define STRONGROOM_CUSTODYD_SUBJECTS_H

#include "alarms.h"
#include "audit/event.h"
#include "http.h"
#include "service.h"
#include "store/subject.h"

#define SUBJECT_ROWS_MAX 200 /* of one subject */

/* Makes a subject the object of an entry. */
void subject_record_about(struct audit_event *event, const struct uuid *subject);

/* The signer of role privacy. STATUS_NOT_READY when the service has none. Out: borrowed. */
MUST_CHECK enum status subject_signer(struct wire_pool **out, const struct service *service, struct fault *fault);

/* The subject that the path names. STATUS_INVALID. */
MUST_CHECK enum status subject_of_path(struct uuid *out, const struct http_request *request, struct fault *fault);

/*
 * The rows of a subject. STATUS_NOT_FOUND when there are none; STATUS_CORRUPT when signed entries say that there is
 * more, and none that it was erased. Out: store_subject_rows_free.
 */
MUST_CHECK enum status subject_rows(struct store_subject_rows *out, struct service *service, const struct uuid *subject,
                                    struct fault *fault);

/* Whether the rows of a subject are all there: STATUS_OK also when there are none in order; STATUS_CORRUPT as above. */
MUST_CHECK enum status subject_kept(struct service *service, const struct uuid *subject, struct fault *fault);

/*
 * Deletes the rows of a subject that was erased, and has those refused that somebody has sealed and not kept yet.
 * Behind the enqueued entry, whose number of the subject both take.
 */
MUST_CHECK enum status subject_forget(struct store_tx *tx, const struct uuid *subject, struct fault *fault);

/* What may be shown of a row to anybody with the role: everything but the value. NULL without memory. */
json_t *subject_row_view(const struct store_subject_row *row);

/*
 * What a refused order about personal data asked for, from the body of its request, as far as it is one about the
 * subject of the path: reference `command`, facts `case` and `fields`. Not who signed it: nobody has verified that.
 */
MUST_CHECK enum status subject_record_asked(struct audit_event *event, const struct http_request *request,
                                            struct fault *fault);

/* Adds an alarm for each person who wanted to see more than an hour allows, of the last day. */
MUST_CHECK enum status subject_limit_alarms(struct alarm_list *list, struct service *service, struct fault *fault);

#endif
