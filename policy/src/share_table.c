/*
 * Who has which share of a secret: an array inside backups and share sets. The shares themselves are never here.
 */
#include "share_table.h"

#include "duty.h"
#include "policy_internal.h"

struct holder_wire {
    struct digest commitment;
    struct name custodian;
    int64_t index;
    struct name site;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct holder_wire, commitment, CANON_HASH),
    CANON_FIELD(struct holder_wire, custodian, CANON_NAME),
    SHARE_INDEX_FIELD(struct holder_wire, index),
    CANON_FIELD(struct holder_wire, site, CANON_NAME),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* What one row must not have in common with the rows before it. */
static enum status check_apart(const struct share_table *table, size_t at, struct fault *fault)
{
    const struct share_holder *row = &table->holders[at];
    char place[PLACE_SIZE];
    document_place_index(place, "shares", at);
    if (at > 0 && policy_name_compare(&table->holders[at - 1].custodian, &row->custodian) >= 0) {
        return fault_set(fault, STATUS_INVALID, place, "sorted without duplicates: %s stands too late",
                         row->custodian.text);
    }
    for (size_t i = 0; i < at; i++) {
        if (table->holders[i].index == row->index) {
            return fault_set(fault, STATUS_INVALID, place, "%s has the index of %s", row->custodian.text,
                             table->holders[i].custodian.text);
        }
        if (name_equal(&table->holders[i].site, &row->site)) {
            return fault_set(fault, STATUS_INVALID, place, "%s has the site of %s", row->custodian.text,
                             table->holders[i].custodian.text);
        }
    }
    return STATUS_OK;
}

enum status share_table_check(const struct share_table *table, struct fault *fault)
{
    if (table->threshold < 2 || table->threshold > table->count || table->count > BACKUP_SHARES_MAX) {
        return fault_set(fault, STATUS_INVALID, "threshold", "2 <= k <= n <= %d, not %u of %zu", BACKUP_SHARES_MAX,
                         table->threshold, table->count);
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->holders[i].index == 0 || table->holders[i].index > table->count) {
            return fault_set(fault, STATUS_INVALID, "shares", "an index is from 1 to %zu, not %u", table->count,
                             table->holders[i].index);
        }
        enum status status = check_apart(table, i, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status share_table_read(struct share_table *out, const json_t *list, int64_t threshold, struct fault *fault)
{
    struct share_table table = {.threshold = (unsigned)threshold};
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct holder_wire wire;
        char place[PLACE_SIZE];
        document_place_index(place, "shares", i);
        enum status status =
            canon_decode(&wire, sizeof(wire), json_array_get(list, i), fields, FIELD_COUNT, place, fault);
        if (status != STATUS_OK) {
            return status;
        }
        table.holders[table.count++] = (struct share_holder){.commitment = wire.commitment,
                                                             .custodian = wire.custodian,
                                                             .index = (unsigned)wire.index,
                                                             .site = wire.site};
    }
    enum status status = share_table_check(&table, fault);
    if (status == STATUS_OK) {
        *out = table;
    }
    return status;
}

enum status share_table_write(json_t **out, const struct share_table *table, struct fault *fault)
{
    json_t *list = json_array();
    for (size_t i = 0; i < table->count; i++) {
        const struct share_holder *row = &table->holders[i];
        const struct holder_wire wire = {
            .commitment = row->commitment, .custodian = row->custodian, .index = row->index, .site = row->site};
        json_t *object = NULL;
        enum status status = canon_encode(&object, &wire, fields, FIELD_COUNT, fault);
        if (status == STATUS_OK && json_array_append_new(list, object) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "shares", "building the list");
        }
        if (status != STATUS_OK) {
            json_decref(list);
            return status;
        }
    }
    *out = list; /* transferred */
    return list == NULL ? fault_set(fault, STATUS_NO_MEMORY, "shares", "building the list") : STATUS_OK;
}

void share_read_seal_key(struct seal_key *out, const struct bytes *bytes)
{
    INVARIANT(bytes->len == SEAL_KEY_LEN);
    memcpy(out->bytes32, bytes->data, SEAL_KEY_LEN);
}

const struct share_holder *share_table_find(const struct share_table *table, const struct name *custodian)
{
    for (size_t i = 0; i < table->count; i++) {
        if (name_equal(&table->holders[i].custodian, custodian)) {
            return &table->holders[i];
        }
    }
    return NULL;
}

enum status share_table_check_people(const struct share_table *table, const struct policy *policy, int64_t at_utc_us,
                                     struct fault *fault)
{
    const struct duty_demand demand = {.where = "shares", .duties = DUTY_CUSTODIAN, .at_utc_us = at_utc_us};
    for (size_t i = 0; i < table->count; i++) {
        const struct person *person = NULL;
        enum status status = duty_find(&person, policy, &table->holders[i].custodian, &demand, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}
