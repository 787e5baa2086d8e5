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
    json_t *seal;
    struct name site;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct holder_wire, commitment, CANON_HASH),
    CANON_FIELD(struct holder_wire, custodian, CANON_NAME),
    SHARE_INDEX_FIELD(struct holder_wire, index),
    CANON_FIELD(struct holder_wire, seal, CANON_OBJECT),
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
    if (!name_equal(&row->seal.key.person, &row->custodian)) {
        return fault_set(fault, STATUS_INVALID, place, "%s has the sealing key of %s", row->custodian.text,
                         row->seal.key.person.text);
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
        if (seal_key_equal(&table->holders[i].seal.key.seal, &row->seal.key.seal)) {
            return fault_set(fault, STATUS_DUPLICATE_PERSON, place, "%s and %s have one sealing key",
                             table->holders[i].custodian.text, row->custodian.text);
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

static enum status read_seal(struct sealing_paper *out, const json_t *object, const char *row_place,
                             struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    char place[PLACE_SIZE];
    document_place(place, row_place, "seal");
    enum status status = signed_document_decode(&document, object, CANON_DOCUMENT_MAX, place, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = sealing_paper_read(out, &document, &inner);
    signed_document_free(&document);
    return status == STATUS_OK ? status : document_fault(fault, place, status, &inner);
}

static enum status read_holder(struct share_holder *out, const json_t *object, size_t at, struct fault *fault)
{
    struct holder_wire wire;
    struct sealing_paper seal;
    char place[PLACE_SIZE];
    document_place_index(place, "shares", at);
    enum status status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, place, fault);
    if (status == STATUS_OK) {
        status = read_seal(&seal, wire.seal, place, fault);
    }
    if (status == STATUS_OK) {
        *out = (struct share_holder){.commitment = wire.commitment,
                                     .custodian = wire.custodian,
                                     .index = (unsigned)wire.index,
                                     .seal = seal,
                                     .site = wire.site};
    }
    return status;
}

enum status share_table_read(struct share_table *out, const json_t *list, int64_t threshold, struct fault *fault)
{
    struct share_table table = {.threshold = (unsigned)threshold};
    for (size_t i = 0; i < json_array_size(list); i++) {
        enum status status = read_holder(&table.holders[i], json_array_get(list, i), i, fault);
        if (status != STATUS_OK) {
            return status;
        }
        table.count++;
    }
    enum status status = share_table_check(&table, fault);
    if (status == STATUS_OK) {
        *out = table;
    }
    return status;
}

static enum status write_holder(json_t **out, const struct share_holder *row, struct fault *fault)
{
    struct signed_document seal = {0};
    struct holder_wire wire = {
        .commitment = row->commitment, .custodian = row->custodian, .index = row->index, .site = row->site};
    enum status status = sealing_paper_write(&seal, &row->seal, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(&wire.seal, &seal, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode(out, &wire, fields, FIELD_COUNT, fault);
    }
    json_decref(wire.seal);
    signed_document_free(&seal);
    return status;
}

enum status share_table_write(json_t **out, const struct share_table *table, struct fault *fault)
{
    json_t *list = json_array();
    for (size_t i = 0; i < table->count; i++) {
        json_t *object = NULL;
        enum status status = write_holder(&object, &table->holders[i], fault);
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
                                     int64_t made_at, struct fault *fault)
{
    const struct duty_demand demand = {.where = "shares", .duties = DUTY_CUSTODIAN, .at_utc_us = at_utc_us};
    for (size_t i = 0; i < table->count; i++) {
        const struct person *person = NULL;
        enum status status = duty_find(&person, policy, &table->holders[i].custodian, &demand, fault);
        if (status != STATUS_OK) {
            return status;
        }
        struct fault inner = {0};
        char place[PLACE_SIZE];
        document_place_index(place, "shares", i);
        status = sealing_paper_verify(&table->holders[i].seal, policy, made_at, &inner);
        if (status != STATUS_OK) {
            return document_fault(fault, place, status, &inner);
        }
    }
    return STATUS_OK;
}
