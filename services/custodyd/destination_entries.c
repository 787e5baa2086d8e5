/*
 * The entries of the allow-list as rows of the database. A row counts by what it holds and by who signed that, as at
 * the signer: not by when it was stored, nor by what its columns claim. What nobody signed hides nothing.
 */
#include "audit/event.h"
#include "destinations.h"
#include "key_papers.h"
#include "policy/account.h"
#include "trail_leaf.h"

#define ROWS_PAGE 64
#define ACCOUNT_ROWS_MAX (4 * ROWS_PAGE) /* of one account that are looked at, beside the one that is marked */
#define COPIES_MAX (16 * ROWS_PAGE)      /* of rows that claim one digest */

void destination_entry_wipe(struct destination_entry *entry)
{
    signed_document_free(&entry->document);
    *entry = (struct destination_entry){.verified = false};
}

void destination_page_wipe(struct destination_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        destination_entry_wipe(&page->entries[i]);
    }
    page->count = 0;
}

void destination_store_key(struct name *out, const struct account_id *account)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &account->digest);
    *out = (struct name){{0}};
    memcpy(out->text, hex, NAME_SIZE - 1); /* 252 bits of the account id: a name has 63 characters */
}

/* The document of a row, whose digest the row has: STATUS_MISMATCH. */
static enum status entry_read(struct destination_entry *out, const struct store_document *row, struct fault *fault)
{
    struct destination_entry entry = {.digest = row->digest};
    struct digest digest;
    enum status status =
        signed_document_parse(&entry.document, row->bytes.data, row->bytes.len, DESTINATION_KIND, fault);
    if (status == STATUS_OK) {
        status =
            destination_decode(&entry.destination, entry.document.document.data, entry.document.document.len, fault);
    }
    if (status == STATUS_OK) {
        destination_digest(&digest, entry.document.document.data, entry.document.document.len);
        status = digest_equal(&digest, &row->digest)
                     ? STATUS_OK
                     : fault_set(fault, STATUS_MISMATCH, "destination", "the row is of another entry");
    }
    if (status != STATUS_OK) {
        destination_entry_wipe(&entry);
        return status;
    }
    *out = entry;
    return STATUS_OK;
}

/* Whether a row stands where the service keeps this entry. */
static bool is_its_row(const struct destination_entry *entry, const struct store_document *row)
{
    struct name id;
    destination_store_key(&id, &entry->destination.account);
    return name_equal(&id, &row->id);
}

/* Whether it has expired since is a matter of its state. */
static enum status entry_verify(struct destination_entry *inout, const struct policy_chain *chain, struct fault *fault)
{
    struct destination verified;
    enum status status =
        policy_chain_destination_verify(&verified, &inout->document, chain, inout->destination.issued_at, fault);
    inout->verified = status == STATUS_OK;
    return status;
}

/* Reading a page. */

struct reading {
    struct destination_page *page;
    struct policy_chain chain;
    struct name account; /* of the rows that are looked at */
    size_t seen;         /* of them */
    bool crowded;        /* there are more, which are not looked at */
    struct destination_entry best;
    enum status best_reason; /* why it does not verify */
    bool found;
};

static void pass_over(struct reading *reading, const struct name *id, const struct digest *digest, enum status reason)
{
    struct destination_unfit *unfit = &reading->page->unfit;
    if (unfit->rows++ == 0) {
        unfit->id = *id;
        unfit->digest = *digest;
        unfit->reason = reason;
    }
}

static bool was_issued_after(const struct destination_entry *entry, const struct destination_entry *other)
{
    return entry->destination.issued_at > other->destination.issued_at;
}

/*
 * The signer has spoken of it. Who was of a quorum once can date an entry back to that time; the signer takes none
 * such, and what it has said nothing of was never handed to it.
 */
static bool is_known(const struct destination_entry *entry)
{
    return entry->standing.word != DESTINATION_WAITING;
}

static bool counts_more(const struct destination_entry *entry, const struct destination_entry *other)
{
    if (entry->verified != other->verified) {
        return entry->verified;
    }
    return is_known(entry) != is_known(other) ? is_known(entry) : was_issued_after(entry, other);
}

/* Older entries are nothing to tell of. */
static void pass_over_entry(struct reading *reading, const struct destination_entry *entry, enum status reason,
                            const struct destination_entry *counting)
{
    bool older = entry->verified && (is_known(entry) || !was_issued_after(entry, counting));
    if (!older) {
        pass_over(reading, &reading->account, &entry->digest, entry->verified ? STATUS_DESTINATION_UNLISTED : reason);
    }
}

static enum status take_row(struct reading *reading, const struct store_tx *tx, const struct store_document *row,
                            struct fault *fault)
{
    struct destination_entry entry = {.verified = false};
    enum status status = entry_read(&entry, row, NULL);
    if (status == STATUS_OK && !is_its_row(&entry, row)) {
        destination_entry_wipe(&entry);
        status = STATUS_MISMATCH;
    }
    if (status != STATUS_OK) {
        pass_over(reading, &row->id, &row->digest, status);
        return STATUS_OK;
    }
    status = entry_verify(&entry, &reading->chain, NULL);
    enum status read =
        entry.verified ? destination_standing_read(&entry.standing, tx, &entry.digest, fault) : STATUS_OK;
    if (read != STATUS_OK) {
        destination_entry_wipe(&entry);
        return read;
    }
    if (reading->found && !counts_more(&entry, &reading->best)) {
        pass_over_entry(reading, &entry, status, &reading->best);
        destination_entry_wipe(&entry);
        return STATUS_OK;
    }
    if (reading->found) {
        pass_over_entry(reading, &reading->best, reading->best_reason, &entry);
    }
    destination_entry_wipe(&reading->best);
    reading->best = entry;
    reading->best_reason = status;
    reading->found = true;
    return STATUS_OK;
}

static enum status too_many(struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, DESTINATION_KIND,
                     "somebody has put more than %d rows where the allow-list is kept, which are not of it",
                     DESTINATION_UNFIT_MAX);
}

static bool is_overrun(const struct destination_unfit *unfit)
{
    return unfit->rows + unfit->unsigned_accounts > DESTINATION_UNFIT_MAX;
}

/* All rows of an account were seen. */
static enum status end_account(struct reading *reading, const struct store_tx *tx, struct fault *fault)
{
    struct destination_page *page = reading->page;
    page->last = reading->account;
    if (!reading->found) {
        return STATUS_OK;
    }
    enum status status = reading->best.verified
                             ? STATUS_OK
                             : destination_standing_read(&reading->best.standing, tx, &reading->best.digest, fault);
    if (status == STATUS_OK) {
        page->unfit.unsigned_accounts += !reading->best.verified;
        page->entries[page->count++] = reading->best;
        reading->best = (struct destination_entry){.verified = false}; /* transferred */
        reading->found = false;
    }
    return status;
}

/* What the signer took last is looked at whatever stands beside it; the others of the account are not. */
static enum status end_crowd(struct reading *reading, const struct store_tx *tx, const struct store_document *next,
                             struct fault *fault)
{
    struct store_document row = {.bytes = {0}};
    struct fault why = {0};
    reading->crowded = true;
    pass_over(reading, &next->id, &next->digest, STATUS_CORRUPT);
    enum status status = key_paper_marked(&row, tx, DESTINATION_KIND, &next->id, &why);
    if (status == STATUS_OK) {
        status = take_row(reading, tx, &row, fault);
        store_document_wipe(&row);
        return status;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Answers false in *out_more when the page is full, or no further row is wanted. */
static enum status take_rows(bool *out_more, struct reading *reading, const struct store_tx *tx,
                             const struct store_document_list *list, struct fault *fault)
{
    struct destination_page *page = reading->page;
    enum status status = STATUS_OK;
    *out_more = list->count == ROWS_PAGE;
    for (size_t i = 0; i < list->count; i++) {
        const struct store_document *row = &list->rows[i];
        if (!name_equal(&row->id, &reading->account)) {
            status = end_account(reading, tx, fault);
            if (status != STATUS_OK || page->count == page->max ||
                strncmp(row->id.text, page->front, strlen(page->front)) != 0) {
                *out_more = false;
                return status;
            }
            reading->account = row->id;
            reading->seen = 0;
        }
        if (reading->seen++ == ACCOUNT_ROWS_MAX) {
            *out_more = true;
            return end_crowd(reading, tx, row, fault);
        }
        status = is_overrun(&page->unfit) ? too_many(fault) : take_row(reading, tx, row, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return *out_more ? STATUS_OK : end_account(reading, tx, fault);
}

static struct store_document_place behind(const struct name *account)
{
    struct store_document_place place = {.id = *account};
    memset(place.digest.bytes32, 0xff, sizeof(place.digest.bytes32)); /* no row of this account */
    return place;
}

static enum status read_rows(struct reading *reading, const struct store_tx *tx, struct fault *fault)
{
    struct destination_page *page = reading->page;
    struct store_document_place after = behind(&page->after);
    bool more = true;
    enum status status = STATUS_OK;
    if (page->after.text[0] == '\0') {
        after = (struct store_document_place){{{0}}};
        (void)snprintf(after.id.text, sizeof(after.id.text), "%s", page->front);
    }
    reading->account = page->after;
    while (status == STATUS_OK && more) {
        struct store_document_list list = {0};
        status = store_document_list(&list, tx, DESTINATION_KIND, &after, ROWS_PAGE, fault);
        if (status == STATUS_OK) {
            status = take_rows(&more, reading, tx, &list, fault);
        }
        if (list.count > 0) {
            after = reading->crowded ? behind(&reading->account) : store_document_place_of(&list.rows[list.count - 1]);
            reading->crowded = false;
        }
        store_document_list_free(&list);
    }
    destination_entry_wipe(&reading->best);
    return status;
}

enum status destination_page_read(struct destination_page *page, const struct service *service,
                                  const struct store_tx *tx, struct fault *fault)
{
    struct policy_chain_version *versions = NULL;
    struct reading reading = {.page = page};
    destination_page_wipe(page);
    page->unfit = page->before;
    page->last = page->after;
    enum status status = policies_chain(&versions, &reading.chain, service->policies, NULL, fault);
    if (status == STATUS_OK) {
        status = read_rows(&reading, tx, fault);
    }
    free(versions);
    return status;
}

bool destination_page_turn(struct destination_page *page)
{
    page->after = page->last;
    page->before = page->unfit;
    return page->count == page->max;
}

/* One entry. */

static enum status unlisted(struct fault *fault, const char *why)
{
    return fault_set(fault, STATUS_DESTINATION_UNLISTED, "destination", "%s", why);
}

enum status destination_find(struct destination_entry *out, const struct service *service, const struct store_tx *tx,
                             const struct account_id *account, struct fault *fault)
{
    struct destination_entry entry = {.verified = false};
    struct name key;
    destination_store_key(&key, account);
    struct destination_page page = {.entries = &entry, .max = 1, .front = key.text};
    enum status status = destination_page_read(&page, service, tx, fault);
    if (status == STATUS_OK && (page.count == 0 || !account_id_equal(&entry.destination.account, account))) {
        status = unlisted(fault, "no entry of the allow-list");
    } else if (status == STATUS_OK && !entry.verified) {
        status = unlisted(fault, "no quorum signed its entry");
    } else if (status == STATUS_OK && entry.standing.word == DESTINATION_REVOKED) {
        status = unlisted(fault, "its entry was revoked");
    }
    if (status != STATUS_OK) {
        destination_page_wipe(&page);
        return status;
    }
    *out = entry;
    return STATUS_OK;
}

/* A copy elsewhere is the same document, but may lack its signatures: the row where it was kept is taken before it. */
static bool take_copy(struct destination_entry *inout, bool found, const struct store_document *row)
{
    struct destination_entry entry = {.verified = false};
    if (entry_read(&entry, row, NULL) != STATUS_OK) {
        return found;
    }
    if (!found || is_its_row(&entry, row)) {
        destination_entry_wipe(inout);
        *inout = entry;
    } else {
        destination_entry_wipe(&entry);
    }
    return true;
}

struct copies {
    struct destination_entry entry;
    struct store_document_place after;
    size_t seen;
    bool found; /* the entry, wherever */
    bool kept;  /* where it belongs */
    bool more;
};

static enum status look_at_copies(struct copies *copies, const struct store_tx *tx, struct fault *fault)
{
    struct store_document_list list = {0};
    enum status status = store_document_list_digest(&list, tx, DESTINATION_KIND, &copies->after, ROWS_PAGE, fault);
    copies->seen += list.count;
    copies->more = list.count == ROWS_PAGE;
    for (size_t i = 0; i < list.count && !copies->kept; i++) {
        copies->found = take_copy(&copies->entry, copies->found, &list.rows[i]);
        copies->kept = copies->found && is_its_row(&copies->entry, &list.rows[i]);
        copies->after.id = list.rows[i].id;
    }
    store_document_list_free(&list);
    return status;
}

enum status destination_get(struct destination_entry *out, const struct store_tx *tx, const struct digest *digest,
                            struct fault *fault)
{
    struct copies copies = {.after = {.digest = *digest}, .more = true};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && copies.more && !copies.kept && copies.seen < COPIES_MAX) {
        status = look_at_copies(&copies, tx, fault);
    }
    if (status == STATUS_OK && copies.found) {
        *out = copies.entry;
        return STATUS_OK;
    }
    destination_entry_wipe(&copies.entry);
    if (status == STATUS_OK && copies.more) {
        return fault_set(fault, STATUS_CORRUPT, "destination",
                         "somebody has put more than %d rows that claim its digest", COPIES_MAX);
    }
    return status == STATUS_OK ? unlisted(fault, "no entry of the allow-list has this digest") : status;
}

/* From the row where it was kept: STATUS_NOT_FOUND when another document is there, or none. */
static enum status get_kept(struct destination_entry *out, const struct store_tx *tx, const struct audit_event *event,
                            const struct digest *digest, struct fault *fault)
{
    const char *address = audit_event_fact(event, DESTINATION_KIND);
    struct store_document row = {.bytes = {0}};
    struct account_id account;
    struct name id;
    if (address == NULL || address_parse(&account, address, DESTINATION_KIND, NULL) != STATUS_OK) {
        return fault_set(fault, STATUS_NOT_FOUND, DESTINATION_KIND, "%s", "");
    }
    destination_store_key(&id, &account);
    enum status status = store_document_get(&row, tx, DESTINATION_KIND, id.text, digest, fault);
    if (status == STATUS_OK && entry_read(out, &row, NULL) != STATUS_OK) {
        status = fault_set(fault, STATUS_NOT_FOUND, DESTINATION_KIND, "%s", "");
    }
    store_document_wipe(&row);
    return status;
}

static enum status get_recorded(struct destination_entry *out, const struct store_tx *tx,
                                const struct audit_event *event, struct fault *fault)
{
    struct digest digest;
    struct fault why = {0};
    if (audit_event_ref(&digest, event, DESTINATION_KIND) != STATUS_OK) {
        return unlisted(fault, "the entry of the trail names none");
    }
    enum status status = get_kept(out, tx, event, &digest, &why);
    if (status == STATUS_NOT_FOUND) {
        return destination_get(out, tx, &digest, fault);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status destination_find_recorded(struct signed_document *out, const struct store_tx *tx,
                                      const struct store_leaf *signing, struct fault *fault)
{
    struct destination_entry entry = {.verified = false};
    struct audit_event event = {0};
    enum status status = trail_leaf_event(&event, signing, fault);
    if (status == STATUS_OK) {
        status = get_recorded(&entry, tx, &event, fault);
    }
    audit_event_wipe(&event);
    if (status == STATUS_OK) {
        *out = entry.document;
    }
    return status;
}

enum status destination_check_room(bool *out_kept, const struct service *service, const struct store_tx *tx,
                                   const struct destination_entry *entry, struct fault *fault)
{
    struct policy_chain_version *versions = NULL;
    struct policy_chain chain;
    struct store_document row = {0};
    struct destination_entry there = {.verified = false};
    struct name id;
    char hex[DIGEST_HEX_LEN + 1];
    struct fault why = {0};
    destination_store_key(&id, &entry->destination.account);
    enum status status = store_document_get(&row, tx, DESTINATION_KIND, id.text, &entry->digest, &why);
    if (status == STATUS_NOT_FOUND) {
        *out_kept = false;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = policies_chain(&versions, &chain, service->policies, NULL, fault);
    if (status == STATUS_OK &&
        (entry_read(&there, &row, NULL) != STATUS_OK || entry_verify(&there, &chain, NULL) != STATUS_OK)) {
        digest_format(hex, &entry->digest);
        status = fault_set(fault, STATUS_CONFLICT, "document", "the row %s %s %s holds something else",
                           DESTINATION_KIND, id.text, hex);
    }
    if (status == STATUS_OK) {
        *out_kept = true;
    }
    free(versions);
    destination_entry_wipe(&there);
    store_document_wipe(&row);
    return status;
}
