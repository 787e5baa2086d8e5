/*
 * Status codes and faults: how every fallible function in Strongroom answers.
 *
 * One table gives, for each status: the name, the number (never renumber: peers of other versions read it), the code
 * that stands in wire messages, JSON errors and the audit trail, the HTTP status, whether a retry may help, and a text.
 * Texts are lower case without a full stop: "could not" where a retry may help, "cannot" where it never will.
 */
#ifndef STRONGROOM_BASE_STATUS_H
#define STRONGROOM_BASE_STATUS_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* X(name, number, code, http status, retryable, text) */
#define STATUS_TABLE(X)                                                                                                \
    X(OK, 0, "ok", 200, false, "done")                                                                                 \
    X(INTERNAL, -1, "internal", 500, false, "internal fault")                                                          \
    X(NO_MEMORY, -2, "no_memory", 503, true, "could not get memory")                                                   \
    X(USAGE, -3, "usage", 400, false, "the call is not of the documented form")                                        \
    X(INVALID, -4, "invalid", 400, false, "a field breaks its rule")                                                   \
    X(UNKNOWN_FIELD, -5, "unknown_field", 400, false, "a field is not known here")                                     \
    X(MISSING_FIELD, -6, "missing_field", 400, false, "a required field is missing")                                   \
    X(NOT_CANONICAL, -7, "not_canonical", 400, false, "the document is not in canonical form")                         \
    X(TOO_LARGE, -8, "too_large", 413, false, "the input exceeds its limit")                                           \
    X(OVERFLOW, -9, "overflow", 400, false, "the amount leaves the 128-bit range")                                     \
    X(UNAUTHENTICATED, -10, "unauthenticated", 401, false, "no valid credential was presented")                        \
    X(FORBIDDEN, -11, "forbidden", 403, false, "the credential does not carry the role")                               \
    X(NOT_FOUND, -12, "not_found", 404, false, "no such object")                                                       \
    X(CONFLICT, -13, "conflict", 409, false, "the state of the object does not allow it")                              \
    X(IDEMPOTENCY_MISMATCH, -14, "idempotency_mismatch", 422, false,                                                   \
      "the idempotency key is bound to another request")                                                               \
    X(DENIED, -15, "denied", 403, false, "policy denies it")                                                           \
    X(QUORUM_MISSING, -16, "quorum_missing", 403, false, "the quorum is not reached")                                  \
    X(SELF_APPROVAL, -17, "self_approval", 403, false, "the requester cannot approve the own request")                 \
    X(DUPLICATE_PERSON, -18, "duplicate_person", 409, false, "the person has decided already")                         \
    X(UNKNOWN_KEY, -19, "unknown_key", 403, false, "the key belongs to nobody in the policy")                          \
    X(EXPIRED, -20, "expired", 403, false, "the time limit has passed")                                                \
    X(LIMIT_EXCEEDED, -21, "limit_exceeded", 403, false, "a limit is exceeded")                                        \
    X(DESTINATION_UNLISTED, -22, "destination_unlisted", 403, false, "the destination is not on the list")             \
    X(INSUFFICIENT_FUNDS, -23, "insufficient_funds", 409, false, "the available balance does not suffice")             \
    X(MISMATCH, -24, "mismatch", 403, false, "two statements that must agree differ")                                  \
    X(SIGNATURE_INVALID, -25, "signature_invalid", 403, false, "the signature does not verify")                        \
    X(ALGORITHM_REFUSED, -26, "algorithm_refused", 400, false, "the algorithm is unknown or retired")                  \
    X(PROOF_INVALID, -27, "proof_invalid", 403, false, "the proof does not verify")                                    \
    X(REPLAY, -28, "replay", 403, false, "it serves once, and was used before")                                        \
    X(FORK, -29, "fork", 503, false, "two histories of one size exist")                                                \
    X(ROLLBACK, -30, "rollback", 503, false, "the state shown is older than the state remembered")                     \
    X(HALTED, -31, "halted", 503, false, "halted after a broken invariant, people must decide")                        \
    X(CORRUPT, -32, "corrupt", 503, false, "stored state does not pass its check")                                     \
    X(NOT_READY, -33, "not_ready", 503, true, "a part that effects depend on is not ready")                            \
    X(UNAVAILABLE, -34, "unavailable", 503, true, "could not reach a part of the service")                             \
    X(TIMED_OUT, -35, "timed_out", 503, true, "could not finish in time")                                              \
    X(BUSY, -36, "busy", 429, true, "could not take more work now")                                                    \
    X(IO, -37, "io", 503, true, "could not read or write")                                                             \
    X(OUTCOME_UNKNOWN, -38, "outcome_unknown", 503, true, "could not learn whether the commit took place")             \
    X(TOKEN, -39, "token", 503, true, "could not use the token")                                                       \
    X(PIN_REFUSED, -40, "pin_refused", 503, false, "the token refused the PIN")                                        \
    X(KEY_UNFIT, -41, "key_unfit", 503, false, "the key object does not have the required attributes")                 \
    X(NOT_PERMITTED, -42, "not_permitted", 403, false, "the connection does not carry the capability")                 \
    X(VERSION, -43, "version", 503, false, "the version is not the one this program knows")                            \
    X(REJECTED, -44, "rejected", 409, false, "the ledger rejected the transaction")                                    \
    X(EXISTS, -45, "exists", 409, false, "the object exists already")                                                  \
    X(KEY_INACTIVE, -46, "key_inactive", 503, true, "the key does not sign in its state")                              \
    X(LOOK_ALIKE, -47, "look_alike", 409, false, "it looks like another that is known, and is not it")                 \
    X(OUTSIDE_HOURS, -48, "outside_hours", 403, false, "the policy allows it at other hours only")                     \
    X(LOG_ENDED, -49, "log_ended", 409, false, "its entries stand in a log that the quorum ended")                     \
    X(UNRECORDED, -50, "unrecorded", 409, false, "the audit trail does not tell how it began")

enum status {
#define STATUS_ENUM(name, number, code, http, retry, text) STATUS_##name = number,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
};

/* One row of the table. The strings are static. */
struct status_info {
    const char *code;
    int http;
    bool retryable;
    const char *text;
};

/* A status as it crosses room boundaries: where it arose and the particulars. It never holds a secret. */
struct fault {
    enum status status;
    char where[64];   /* the field, object or part concerned, printable ASCII, may be empty */
    char detail[256]; /* the rule and the values, printable ASCII, may be empty */
};

/* The row of `status`. An unknown number yields the row of STATUS_INTERNAL. */
const struct status_info *status_info(enum status status);

/* The status whose code is `code`; STATUS_INTERNAL when there is none (a peer may be newer). */
enum status status_from_code(const char *code);

/*
 * Records a fault and returns `status`, so that `return fault_set(...)` is the idiom. The first fault wins: an already
 * set one is kept. `fault` may be NULL. Bytes outside printable ASCII are replaced by '?'.
 */
enum status fault_set(struct fault *fault, enum status status, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__
/* The analyzer cannot see into another file: tell it that the answer is the status given. */
#define fault_set(fault, status, ...) (fault_set(fault, status, __VA_ARGS__), (status))
#endif

/* Forgets the fault, for a caller that handled it. */
void fault_clear(struct fault *fault);

/* Aborts in every build when a promise of the code itself is broken (never used on input). */
#define INVARIANT(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            invariant_broken(#condition, __FILE__, __LINE__);                                                          \
        }                                                                                                              \
    } while (0)

/* Prints the broken invariant to standard error and aborts. */
_Noreturn void invariant_broken(const char *condition, const char *file, int line);

#endif
