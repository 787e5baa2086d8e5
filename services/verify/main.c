/*
 * custody-verify: proves a trail or an evidence bundle from files alone. Exit 0 proven, 1 tampered, 2 incomplete or
 * stale, 3 usage.
 */
#include <stdio.h>
#include <string.h>

#include "base/option.h"
#include "verify.h"

struct options {
    char trust[512];
};

static const struct option_row rows[] = {
    {"trust", OPTION_PATH, "", 0, 0, NULL, "trust file: chain, log key, digest of the first policy",
     offsetof(struct options, trust), sizeof(((struct options *)0)->trust)},
};

static int usage(void)
{
    (void)fprintf(stderr, "usage: custody-verify trail --trust FILE EXPORT [CHECKPOINT OR RECEIPT ...]\n"
                          "       custody-verify evidence --trust FILE BUNDLE\n"
                          "exit 0 proven, 1 tampered, 2 incomplete or stale, 3 usage\n");
    return VERDICT_USAGE;
}

static int refuse(const struct fault *fault)
{
    (void)fprintf(stderr, "custody-verify: %s: %s: %s\n", status_info(fault->status)->text, fault->where,
                  fault->detail);
    return VERDICT_USAGE;
}

int main(int argc, char **argv)
{
    static const struct option_program program = {"custody-verify trail|evidence",
                                                  "proves a trail or an evidence bundle offline", "FILE ..."};
    struct options options;
    struct trust trust;
    struct fault fault = {0};
    int rest = 0;
    bool trail = argc >= 2 && strcmp(argv[1], "trail") == 0;
    bool evidence = argc >= 2 && strcmp(argv[1], "evidence") == 0;
    if (!trail && !evidence) {
        return usage();
    }
    argc--;
    argv++;
    if (option_load(&options, sizeof(options), &rest, &program, rows, 1, argc, argv, &fault) != STATUS_OK) {
        return refuse(&fault);
    }
    if (rest >= argc || (evidence && rest + 1 != argc)) {
        return usage();
    }
    if (trust_read(&trust, options.trust, &fault) != STATUS_OK) {
        return refuse(&fault);
    }
    enum verdict verdict = trail ? verify_trail(&trust, argv[rest], argv + rest + 1, argc - rest - 1)
                                 : verify_evidence(&trust, argv[rest]);
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && verdict == VERDICT_PROVEN) {
        return VERDICT_INCOMPLETE;
    }
    return (int)verdict;
}
