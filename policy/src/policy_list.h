/*
 * What the decoders of a policy share: sorted lists of strings, and names that must be defined. Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_POLICY_LIST_H
#define STRONGROOM_POLICY_SRC_POLICY_LIST_H

#include "policy_internal.h"

/* STATUS_INVALID at "path.name", with the rule in words. */
enum status policy_refuse(struct fault *fault, const char *path, const char *name, const char *rule);

/* STATUS_NO_MEMORY at `path`. */
enum status policy_no_memory(struct fault *fault, const char *path);

/* calloc of an array that may be empty. */
void *policy_array_new(size_t count, size_t size);

/*
 * The text of element `index` of a sorted list, which must come after the one before it; NULL and a fault otherwise.
 * Borrowed from the list.
 */
const char *policy_list_text(const json_t *list, size_t index, const char *path, struct fault *fault);

/*
 * Reads a sorted list of digests. Out: the array is transferred to `out` as soon as it exists, also when the call
 * fails; *out_count are those read. STATUS_INVALID, STATUS_NO_MEMORY.
 */
MUST_CHECK enum status policy_list_digests(struct digest **out, size_t *out_count, const json_t *list, const char *path,
                                           struct fault *fault);

/* Where names are looked up: an array sorted by name. Every element begins with its name. */
struct scope {
    const void *elements;
    size_t count;
    size_t size;
    const char *what; /* in faults: "there is no group board" */
};

/* The position of a name. STATUS_INVALID when the text is no name or none of the scope. */
MUST_CHECK enum status policy_resolve(size_t *out, const struct scope *scope, const char *text, const char *path,
                                      struct fault *fault);

/* Sorted names to ascending positions. `out` is as policy_list_digests has it. */
MUST_CHECK enum status policy_list_names(size_t **out, size_t *out_count, const struct scope *scope, const json_t *list,
                                         const char *path, struct fault *fault);

/* Reads {"group","m"}. STATUS_INVALID and those of canon_decode. */
MUST_CHECK enum status policy_quorum_decode(struct quorum *out, const struct policy *policy, const json_t *object,
                                            const char *path, struct fault *fault);

#endif
