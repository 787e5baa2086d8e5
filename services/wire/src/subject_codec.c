/*
 * The operations about personal data: between structs and the flat form.
 */
#include "form.h"

static const struct canon_field value_fields[] = {
    CANON_FIELD_RANGE(struct wire_subject_value, field, CANON_TEXT, 1, 0),
    CANON_FIELD_SIZED(struct wire_subject_value, value, CANON_BYTES, WIRE_SUBJECT_VALUE_MAX),
};

static const struct canon_field row_fields[] = {
    CANON_FIELD(struct wire_subject_row, commitment, CANON_HASH),
    CANON_FIELD(struct wire_subject_row, event, CANON_UUID),
    CANON_FIELD_RANGE(struct wire_subject_row, field, CANON_TEXT, 1, 0),
    CANON_FIELD_SIZED(struct wire_subject_row, sealed, CANON_BYTES, WIRE_SUBJECT_SEALED_MAX),
};

static const struct canon_field box_fields[] = {
    CANON_FIELD_SIZED(struct wire_subject_box, box, CANON_BYTES, WIRE_SUBJECT_BOX_MAX),
};

static void rows_free(struct wire_subject_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bytes_free(&rows[i].sealed);
    }
}

/* `count` grows with what was read, so that a failure leaves it to be freed. */
static enum status rows_read(struct wire_subject_row *rows, size_t *count, const json_t *list, const char *path,
                             struct fault *fault)
{
    INVARIANT(json_array_size(list) <= WIRE_SUBJECT_ROWS_MAX); /* the table bounds it */
    for (*count = 0; *count < json_array_size(list); (*count)++) {
        enum status status = canon_decode(&rows[*count], sizeof(rows[0]), json_array_get(list, *count), row_fields,
                                          FORM_COUNT(row_fields), path, fault);
        if (status != STATUS_OK) {
            rows_free(rows, *count);
            *count = 0;
            return status;
        }
    }
    return STATUS_OK;
}

/* subject.seal */

static void seal_request_free(struct wire_request *request)
{
    struct wire_subject_seal_request *seal = &request->subject_seal;
    for (size_t i = 0; i < seal->count; i++) {
        bytes_free(&seal->values[i].value);
    }
}

static enum status seal_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    struct wire_subject_seal_request *seal = &out->subject_seal;
    size_t count = json_array_size(form->values);
    INVARIANT(count <= WIRE_SUBJECT_VALUES_MAX); /* the table bounds it */
    seal->subject = form->subject_id;
    seal->event = form->event;
    seal->erase_after = form->erase_after;
    for (seal->count = 0; seal->count < count; seal->count++) {
        enum status status =
            canon_decode(&seal->values[seal->count], sizeof(seal->values[0]), json_array_get(form->values, seal->count),
                         value_fields, FORM_COUNT(value_fields), "values", fault);
        if (status != STATUS_OK) {
            seal_request_free(out);
            return status;
        }
    }
    return STATUS_OK;
}

static enum status seal_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    const struct wire_subject_seal_request *seal = &request->subject_seal;
    const struct form_table table = FORM_TABLE(value_fields);
    form->subject_id = seal->subject;
    form->event = seal->event;
    form->erase_after = seal->erase_after;
    return form_rows_write(&form->values, seal->values, seal->count, sizeof(seal->values[0]), table, fault);
}

static void seal_reply_free(struct wire_reply *reply)
{
    rows_free(reply->subject_seal.rows, reply->subject_seal.count);
}

static enum status seal_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    out->subject_seal.erase_after = form->erase_after;
    return rows_read(out->subject_seal.rows, &out->subject_seal.count, form->rows, "rows", fault);
}

static enum status seal_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    const struct form_table table = FORM_TABLE(row_fields);
    form->erase_after = reply->subject_seal.erase_after;
    return form_rows_write(&form->rows, reply->subject_seal.rows, reply->subject_seal.count,
                           sizeof(struct wire_subject_row), table, fault);
}

/* subject.open */

static void open_request_free(struct wire_request *request)
{
    signed_document_free(&request->subject_open.command);
    rows_free(request->subject_open.rows, request->subject_open.count);
}

static enum status open_request_read(struct wire_request *out, struct form *form, struct fault *fault)
{
    struct wire_subject_open_request *open = &out->subject_open;
    enum status status = form_signed_read(&open->command, form->command, "command", fault);
    if (status == STATUS_OK) {
        status = rows_read(open->rows, &open->count, form->rows, "rows", fault);
        if (status != STATUS_OK) {
            signed_document_free(&open->command);
        }
    }
    return status;
}

static enum status open_request_write(struct form *form, const struct wire_request *request, struct fault *fault)
{
    const struct wire_subject_open_request *open = &request->subject_open;
    const struct form_table table = FORM_TABLE(row_fields);
    enum status status = signed_document_encode(&form->command, &open->command, fault);
    return status == STATUS_OK
               ? form_rows_write(&form->rows, open->rows, open->count, sizeof(open->rows[0]), table, fault)
               : status;
}

static void open_reply_free(struct wire_reply *reply)
{
    for (size_t i = 0; i < reply->subject_open.count; i++) {
        bytes_free(&reply->subject_open.boxes[i].box);
    }
}

static enum status open_reply_read(struct wire_reply *out, struct form *form, struct fault *fault)
{
    struct wire_subject_open_reply *open = &out->subject_open;
    size_t count = json_array_size(form->boxes);
    INVARIANT(count <= WIRE_SUBJECT_ROWS_MAX); /* the table bounds it */
    open->on = form->on;
    open->left = form->left;
    for (open->count = 0; open->count < count; open->count++) {
        enum status status =
            canon_decode(&open->boxes[open->count], sizeof(open->boxes[0]), json_array_get(form->boxes, open->count),
                         box_fields, FORM_COUNT(box_fields), "boxes", fault);
        if (status != STATUS_OK) {
            open_reply_free(out);
            return status;
        }
    }
    return STATUS_OK;
}

static enum status open_reply_write(struct form *form, const struct wire_reply *reply, struct fault *fault)
{
    const struct wire_subject_open_reply *open = &reply->subject_open;
    const struct form_table table = FORM_TABLE(box_fields);
    form->on = open->on;
    form->left = open->left;
    return form_rows_write(&form->boxes, open->boxes, open->count, sizeof(open->boxes[0]), table, fault);
}

enum { FIRST = WIRE_OP_SUBJECT_SEAL };

static const struct codec codecs[] = {
    [WIRE_OP_SUBJECT_SEAL - FIRST] = {"subject.seal", seal_request_read, seal_request_write, seal_request_free,
                                      seal_reply_read, seal_reply_write, seal_reply_free},
    [WIRE_OP_SUBJECT_OPEN - FIRST] = {"subject.open", open_request_read, open_request_write, open_request_free,
                                      open_reply_read, open_reply_write, open_reply_free},
};

const struct codec *codec_subject(enum wire_op op)
{
    return op >= WIRE_OP_SUBJECT_SEAL && op - WIRE_OP_SUBJECT_SEAL < FORM_COUNT(codecs)
               ? &codecs[op - WIRE_OP_SUBJECT_SEAL]
               : NULL;
}
