/*
 * signerd: the only program that opens a token. This file picks the subcommand and hardens the process before any
 * secret is near.
 */
#include "base/log.h"
#include "base/secret.h"
#include "options.h"

int main(int argc, char **argv)
{
    log_open("signerd", LOG_LEVEL_INFO);
    secret_json_open();
    struct options options;
    subcommand *run = NULL;
    struct fault fault = {0};
    if (options_load(&options, &run, argc - 1, argv + 1, &fault) != STATUS_OK) {
        return usage_refused(argc > 1 ? argv[1] : "", &fault);
    }
    if (secret_heap_open(&fault) != STATUS_OK || secret_harden_process(&fault) != STATUS_OK) {
        return start_refused(&fault);
    }
    return run(&options);
}
