/*
 * Events of other boots that became entries before: found by their correlation, told by their bytes. Nothing is
 * remembered of them, so it costs one look-up for each event of another boot.
 */
#include "sequencer_core.h"

static bool is_event(const struct store_leaf *row, const struct audit_event *event)
{
    struct audit_leaf leaf;
    struct audit_event said;
    if (audit_leaf_parse(&leaf, row->raw.data, row->raw.len, NULL) != STATUS_OK ||
        audit_event_decode(&said, leaf.event, leaf.event_len, NULL) != STATUS_OK) {
        return false;
    }
    bool same = uuid_equal(&said.producer, &event->producer) && said.producer_counter == event->producer_counter;
    audit_event_wipe(&said);
    return same;
}

enum status sequencer_has(bool *out, struct sequencer *sequencer, const struct audit_event *event, struct fault *fault)
{
    struct store_leaf_list list = {0};
    enum status status = store_writer_correlated(&list, sequencer->writer, &event->correlation, fault);
    bool has = false;
    for (size_t i = 0; i < list.count; i++) {
        has = has || is_event(&list.rows[i], event);
    }
    store_leaf_list_free(&list);
    if (status == STATUS_OK) {
        *out = has;
    }
    return status;
}
