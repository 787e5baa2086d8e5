/*
 * One witness as the service asks it (C2SP tlog-witness): a request at a time over libcurl, what came back judged, and
 * when it may be asked again. Used by the thread of witnesses.c alone.
 */
#ifndef STRONGROOM_CUSTODYD_COSIGNER_H
#define STRONGROOM_CUSTODYD_COSIGNER_H

#include <curl/curl.h>

#include "audit/witness.h"
#include "trail.h"

#define COSIGNER_REPLY_MAX 16384

struct cosigner {
    const struct audit_witness *witness; /* borrowed */
    const struct clock *clock;           /* borrowed */
    CURLM *multi;                        /* borrowed */
    CURL *easy;
    struct curl_slist *headers;
    int64_t timeout_ms;

    bool busy;
    struct bytes request;
    struct trail_checkpoint asked; /* what the request at hand is about; note owned */
    uint64_t asked_old;
    int64_t asked_at_us; /* monotonic */
    char reply[COSIGNER_REPLY_MAX];
    size_t reply_len;
    bool reply_large;

    uint64_t size;                   /* that it remembers, as far as is known */
    struct trail_checkpoint largest; /* that it has cosigned, with its line; size 0: none */
    bool set_back;                   /* it remembers less: it is shown its own cosignature */
    unsigned conflicts;              /* one after the other */
    bool overtaken;                  /* the last answer: it has cosigned a later checkpoint of this trail */

    int64_t cosigned_at_us; /* monotonic: when it was asked for what it cosigned last; 0: never */
    int64_t ask_after_us;   /* monotonic */
    int64_t pause_us;
    struct fault why; /* of the last failure; STATUS_OK after a success */
};

/* Out: cosigner_wipe. STATUS_NO_MEMORY. */
MUST_CHECK enum status cosigner_init(struct cosigner *cosigner, struct fault *fault);

void cosigner_wipe(struct cosigner *cosigner);

/*
 * Sends it the checkpoint, with the proof from what it remembers; the answer comes with the transfer. A failure here
 * is as one of the transfer.
 */
void cosigner_ask(struct cosigner *cosigner, struct trail *trail, const struct trail_checkpoint *checkpoint);

/*
 * The transfer has ended: judges the answer. STATUS_OK: `asked` is cosigned, *out_line its verified lines (owned by the
 * caller). Otherwise `why` and `ask_after_us` are set. `signed_size`: so many entries the log has signed by now.
 */
MUST_CHECK enum status cosigner_finish(struct bytes *out_line, struct cosigner *cosigner, CURLcode code,
                                       uint64_t signed_size);

/* The note and further lines. Out: owned by the caller. */
MUST_CHECK enum status cosigner_join(struct bytes *out, const struct bytes *note, const struct bytes *lines);

#endif
