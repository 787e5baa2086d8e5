/*
 * The main program of a fuzz target in a build without libFuzzer: runs every file of the corpus folders named on the
 * command line through the target once, in name order. It finds nothing new; it keeps what was found from coming back.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (1u << 20)

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_file(const char *folder, const char *name)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "rbe") : NULL;
    uint8_t *data = file != NULL ? malloc(INPUT_MAX) : NULL;
    int result = -1;
    if (data != NULL) {
        size_t size = fread(data, 1, INPUT_MAX, file);
        if (!ferror(file)) {
            /* A copy of the exact size, so that a read past the end is seen by the sanitizer. */
            uint8_t *exact = malloc(size > 0 ? size : 1);
            if (exact != NULL) {
                memcpy(exact, data, size);
                result = LLVMFuzzerTestOneInput(exact, size);
                free(exact);
            }
        }
    }
    free(data);
    if (file != NULL) {
        fclose(file);
    }
    if (result != 0) {
        fprintf(stderr, "could not replay %s/%s\n", folder, name);
    }
    return result;
}

static int replay_folder(const char *folder, unsigned *replayed)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, skip_hidden, alphasort);
    int result = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) {
        result |= replay_file(folder, entries[i]->d_name);
        *replayed += 1;
        free(entries[i]);
    }
    free(entries);
    return result;
}

int main(int argc, char **argv)
{
    unsigned replayed = 0;
    int result = 0;
    for (int i = 1; i < argc; i++) {
        result |= replay_folder(argv[i], &replayed);
    }
    printf("replayed %u inputs\n", replayed);
    /* An empty corpus is a mistake in the registration, not a success. */
    return result == 0 && replayed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
