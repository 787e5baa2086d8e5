/*
 * Sessions of the three roles that it takes: one that tells, one that reads, and one that may drop.
 */
#include "prune.h"

#include "grant.h"
#include "service.h"
#include "trail_prune.h"

#define WAIT_MS 60000
#define STATEMENT_TIMEOUT_MS 10000
#define DAY_US ((int64_t)24 * 3600 * 1000000)

static enum status open_store(struct store **out, const struct custodyd_options *options, const char *role,
                              struct fault *fault)
{
    char conninfo[1200];
    (void)snprintf(conninfo, sizeof(conninfo), "%s user=%s", options->database, role);
    const struct store_config config = {.conninfo = conninfo,
                                        .role = role,
                                        .connections = 1,
                                        .acquire_timeout_ms = 5000,
                                        .statement_timeout_ms = STATEMENT_TIMEOUT_MS};
    return store_open(out, &config, fault);
}

static enum status run(uint64_t *out_first, struct trail_prune_config *config, const struct custodyd_options *options,
                       struct fault *fault)
{
    struct audit_key keys[TRAIL_KEYS_MAX];
    enum status status = service_log_keys(keys, options, fault);
    if (status == STATUS_OK) {
        config->keys = keys;
        config->key_count = options->log_keys.count;
        status = open_store(&config->app, options, "strongroom_app", fault);
    }
    if (status == STATUS_OK) {
        status = grant_check_person(&config->person, config->app, options->policy, fault);
    }
    if (status == STATUS_OK) {
        status = open_store(&config->reader, options, "strongroom_auditor", fault);
    }
    if (status == STATUS_OK) {
        status = open_store(&config->archivist, options, "strongroom_archivist", fault);
    }
    if (status == STATUS_OK) {
        status = service_trail_open(&config->trail, options, clock_system(), config->reader, keys, fault);
    }
    return status == STATUS_OK ? trail_prune(out_first, config, fault) : status;
}

enum status prune_entries(const struct custodyd_options *options, struct fault *fault)
{
    struct trail_prune_config config = {.archive = options->archive,
                                        .before = (uint64_t)options->before,
                                        .retention_us = options->retention_days * DAY_US,
                                        .wait_ms = WAIT_MS};
    uint64_t first = 0;
    if (name_parse(&config.person, options->person) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "person", "must be a name of the policy");
    }
    enum status status = run(&first, &config, options, fault);
    if (status == STATUS_OK) {
        (void)printf("entries %llu to %lld have left the database; %s has them\n", (unsigned long long)first,
                     (long long)options->before - 1, options->archive);
    }
    trail_close(config.trail);
    store_close(config.archivist);
    store_close(config.reader);
    store_close(config.app);
    return status;
}
