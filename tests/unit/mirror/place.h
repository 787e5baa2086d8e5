/*
 * A log in memory, under the sample key, and the folder that it is copied into. What a reader would see in the folder
 * is computed apart from the copier.
 */
#ifndef STRONGROOM_TESTS_MIRROR_PLACE_H
#define STRONGROOM_TESTS_MIRROR_PLACE_H

#include "mirror/copy.h"

#define ENTRIES ((uint64_t)66000)
#define PATH_SIZE 512

struct entry {
    char text[24];
};

/* A log; `other` has another history from an entry on. */
struct log {
    uint64_t size;
    struct entry *entries;
    struct digest *hashes;
    uint64_t fetches;
    uint64_t fail_at;    /* the fetch that fails; 0: none */
    bool kill;           /* it ends the process instead */
    const char *spoiled; /* the file that has one byte changed */
    const char *pruned;  /* the file that it has no more */
    uint8_t signer;      /* number of the key */
};

extern char folder[PATH_SIZE];
extern struct audit_log_terms keys; /* of whoever opens the folder */

/* The folder of a test, empty; and what is left of it, with what was kept beside it. */
void folder_start(void);
void folder_end(void);

/* One key of the log; the log's key is followed by that one from a size on. */
void keys_of(const char *origin, uint8_t number);
void keys_rotate(uint8_t number, uint64_t from);

/* All entries, of size 0 yet. */
void log_make(struct log *log, uint64_t other_from);
void log_free(struct log *log);

/* The signed note of the log as it is. */
void note_make(struct bytes *out, const struct log *log);

/* What mirror_log asks; the context is the log. */
enum status log_fetch(void *context, struct bytes *out, const char *name, struct fault *fault);

/* Opens the folder, copies and closes it; copy_to grows the log before and expects that it goes well. */
enum status copy_once(struct log *log, struct fault *fault);
void copy_to(struct log *log, uint64_t size);

/* Files of the folder by their names in it. */
void path_of(char out[PATH_SIZE * 2], const char *name);
bool is_there(const char *name);
void read_whole(struct bytes *out, const char *name);
void spoil(const char *name);

/* Every file that a reader of this size asks for is there with the bytes of the log, and the note is the log's. */
void expect_copy(const struct log *log);

/* Over names and contents of all files. */
void digest_folder(struct digest *out);

#endif
