/*
 * The policy document: people, groups, wallets, rules and governance of one ledger. See docs/formats.md.
 *
 * A decoded policy is valid: every name in it is defined and the floors hold, otherwise policy_decode refused it with
 * the rule and the offender. Names are resolved to positions in the arrays.
 */
#ifndef STRONGROOM_POLICY_POLICY_H
#define STRONGROOM_POLICY_POLICY_H

#include "base/amount.h"
#include "base/id.h"
#include "base/signature_memory.h"
#include "policy/account.h"

#define POLICY_KIND "policy"
#define POLICY_PEOPLE_MAX 256
#define POLICY_GROUPS_MAX 64
#define POLICY_WALLETS_MAX 256
#define POLICY_RULES_MAX 256
#define POLICY_ASSETS_MAX 256      /* in one rule or wallet */
#define POLICY_KEYS_MAX 8          /* of one person */
#define POLICY_ENTRIES_MAX 16      /* of all steps of one rule */
#define POLICY_STEPS_MAX 4         /* of one rule */
#define POLICY_HOURS_MAX 16        /* of one rule */
#define POLICY_LIMITS_MAX 16       /* of one rule */
#define POLICY_LEDGERS_MAX 16      /* of one rule */
#define POLICY_DESTINATIONS_MAX 64 /* groups of destinations */
#define POLICY_DELAY_MAX_S 2592000 /* 30 days */
#define POLICY_DELAY_MIN_S 86400   /* 1 in the environment demo and in those that begin with demo- or test */
#define POLICY_COOLING_MAX_S 2592000
#define POLICY_COOLING_MIN_S 3600     /* 0 where the delay may be 1 */
#define POLICY_CLASS_DELAY_MIN_S 3600 /* of rules for anything but transfers; 1 where the delay may be 1 */
#define POLICY_WINDOW_MIN_S 60
#define POLICY_WINDOW_MAX_S 2678400 /* 31 days */
#define POLICY_COUNT_MAX 1000000000 /* of a limit */

/* Bits of person.duties. */
enum duty {
    DUTY_ADMINISTRATOR = 1,
    DUTY_APPROVER = 2,
    DUTY_AUDITOR = 4,
    DUTY_OPERATOR = 8,
    DUTY_REQUESTER = 16,
    DUTY_CUSTODIAN = 32,
    DUTY_AUTOMATED = 64, /* a program with a key; never counts for a floor */
};

enum wallet_tier {
    TIER_HOT = 1,
    TIER_WARM = 2,
    TIER_COLD = 3,
    TIER_SYSTEM = 4, /* of keys without a wallet (policy/key.h); no wallet has it */
};

enum rule_effect {
    EFFECT_ALLOW = 1,
    EFFECT_DENY = 2,
};

/* The positions 0 to POLICY_PEOPLE_MAX - 1 of people, one bit each. */
struct people_set {
    uint64_t words[POLICY_PEOPLE_MAX / 64];
};

struct person_key {
    struct public_key key;
    struct digest id;
};

struct person {
    struct name id;
    unsigned duties; /* bits of enum duty */
    struct person_key keys[POLICY_KEYS_MAX];
    size_t key_count;
    int64_t valid_until; /* microseconds UTC; does not count from then on */
};

struct group {
    struct name id;
    size_t *members; /* positions in policy.people, ascending; owned */
    size_t member_count;
    struct people_set set; /* the same */
};

struct wallet {
    struct name id;
    struct public_key key;
    struct digest key_id;
    struct account_id account;
    struct digest *assets; /* ascending; owned */
    size_t asset_count;
    enum wallet_tier tier;
};

/* At least m distinct people of the group. */
struct quorum {
    size_t group; /* position in policy.groups */
    unsigned m;
};

/* Seven bits: 1 << 0 is Monday. From and until in minutes of the day, UTC; from < until <= 1440. */
struct hours {
    unsigned days;
    unsigned from;
    unsigned until;
};

/* The conditions of a rule, in the order of their names in documents. */
enum condition {
    CONDITION_AMOUNT = 0,
    CONDITION_ASSETS = 1,
    CONDITION_DESTINATIONS = 2,
    CONDITION_HOURS = 3,
    CONDITION_LEDGERS = 4,
    CONDITION_REQUESTERS = 5,
    CONDITION_TIERS = 6,
    CONDITION_TYPES = 7,
    CONDITION_WALLETS = 8,
};
#define CONDITION_COUNT 9

/* What a request must be for the rule to be about it: all of these. A list without elements is not given and holds. */
struct when {
    bool above_given;
    bool up_to_given;
    struct amount above; /* above < amount <= up_to */
    struct amount up_to;
    struct digest *assets; /* ascending; owned */
    size_t asset_count;
    size_t *destinations; /* positions in policy.destination_groups, ascending; owned */
    size_t destination_count;
    struct hours *hours; /* any of them; ascending by from, then until; owned */
    size_t hours_count;
    struct digest *ledgers; /* ascending; owned */
    size_t ledger_count;
    size_t *requesters; /* positions in policy.groups, ascending; owned */
    size_t requester_count;
    unsigned tiers;  /* bits: 1 << enum wallet_tier; 0 when not given */
    unsigned types;  /* bits: 1 << enum transaction_type; never 0, a transfer when not given */
    size_t *wallets; /* positions in policy.wallets, ascending; owned */
    size_t wallet_count;
};

/* Whose promises a limit adds up, all of one asset: those with the same subject. Numbers may be stored. */
enum limit_per {
    LIMIT_PER_ASSET = 1,
    LIMIT_PER_DESTINATION = 2,
    LIMIT_PER_REQUESTER = 3,
    LIMIT_PER_WALLET = 4,
};

/* At most so many and so much in any `window_s` seconds, this one included. */
struct limit {
    enum limit_per per;
    int64_t window_s;
    int64_t count;     /* 0: no limit of the number */
    struct amount sum; /* zero: no limit of the sum; base units */
};

/* An entry of a step. */
struct step_entry {
    struct quorum quorum;
    unsigned step; /* from 0; never below that of the entry before */
};

/* What must be met when the rule is about a request. */
struct demand {
    struct amount max_amount;
    int64_t delay_s;      /* 0: none */
    struct limit *limits; /* ascending by (per, window_s); owned */
    size_t limit_count;
    struct step_entry entries[POLICY_ENTRIES_MAX]; /* step by step, in one step ascending by group */
    size_t entry_count;
    unsigned step_count;
};

struct rule {
    struct name id;
    enum rule_effect effect;
    struct when when;
    struct demand demand; /* allow only */
};

struct policy {
    struct digest digest; /* of the document's bytes */
    struct digest chain;
    struct name environment;
    int64_t version; /* from 1 */
    struct digest prev;
    int64_t issued_at; /* microseconds UTC */
    struct person *people;
    size_t person_count;
    struct group *groups;
    size_t group_count;
    struct wallet *wallets;
    size_t wallet_count;
    struct rule *rules;
    size_t rule_count;
    struct name *destination_groups; /* ascending; owned */
    size_t destination_group_count;
    int64_t cooling_s; /* how long a new entry of the allow-list waits before it serves */
    struct quorum governance;
    int64_t delay_s; /* of governance: between the arrival of the next version at a signer and its force */
    struct signature_memory *memory; /* of documents under governance, NULL for none; borrowed, set by who opened it */
};

/*
 * Reads a policy document strictly, floors included. Out: owned by the caller, free with policy_free. The fault's
 * `where` is the field ("rules[2].demand.steps") and its `detail` the rule and the name of the offender. No signature
 * is looked at: a policy is trusted only after policy_open_first or policy_open_next.
 */
MUST_CHECK enum status policy_decode(struct policy *out, const void *document, size_t len, struct fault *fault);

/*
 * Of which version the document says that it is the successor, zeros for the first. Cheap, for those who look for that
 * version to verify the signatures under it: no list is read and no floor worked out.
 */
MUST_CHECK enum status policy_prev_decode(struct digest *out, const void *document, size_t len, struct fault *fault);

/* Frees and empties; an empty one is fine. */
void policy_free(struct policy *policy);

/*
 * Decodes a first version and verifies that all people with the duty administrator signed it, and nobody else.
 * STATUS_QUORUM_MISSING, STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID; STATUS_MISMATCH when it is no first version.
 */
MUST_CHECK enum status policy_open_first(struct policy *out, const struct signed_document *document,
                                         struct fault *fault);

/*
 * Verifies the governance quorum of `prev`, then decodes its successor (same chain and environment, version + 1, its
 * digest, issued later). Nothing of a document without those signatures is read. People must be valid at the
 * successor's issued_at.
 */
MUST_CHECK enum status policy_open_next(struct policy *out, const struct signed_document *document,
                                        const struct policy *prev, struct fault *fault);

/*
 * Verifies that the governance quorum signed a document of `kind`: every signature must be a valid one by a key of a
 * member of the governance group (STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID), and at least m distinct members valid
 * at `at_utc_us` signed (STATUS_QUORUM_MISSING). Two keys of one person count once.
 */
MUST_CHECK enum status policy_verify_governance(const struct policy *policy, const struct signed_document *document,
                                                const char *kind, int64_t at_utc_us, struct fault *fault);

/*
 * How many distinct members of the governance group, valid at `at_utc_us`, signed a document of `kind`. Every signature
 * must be good, as above; how many it takes is not asked. Out: *out.
 */
MUST_CHECK enum status policy_count_governance(const struct policy *policy, unsigned *out,
                                               const struct signed_document *document, const char *kind,
                                               int64_t at_utc_us, struct fault *fault);

/*
 * How many distinct members of the governance group, valid at `at_utc_us`, signed a document and are none of `without`
 * (`count` names). No signature is verified: this comes after policy_verify_governance or policy_count_governance.
 */
unsigned policy_governance_without(const struct policy *policy, const struct signed_document *document,
                                   int64_t at_utc_us, const struct name *without, size_t count);

/* Look-ups; NULL when there is none. Borrowed, valid as long as `policy`. */
const struct person *policy_find_person(const struct policy *policy, const struct name *id);
const struct wallet *policy_find_wallet(const struct policy *policy, const struct name *id);
const struct wallet *policy_find_wallet_by_account(const struct policy *policy, const struct account_id *account);

/* The person who holds the key with this id and, when `out_key` is not NULL, the key; NULL when nobody does. */
const struct person *policy_find_key(const struct public_key **out_key, const struct policy *policy,
                                     const struct digest *key_id);

/* The key of this id that the person holds; NULL when there is none. */
const struct public_key *policy_person_key(const struct person *person, const struct digest *key_id);

/* True while the person counts: at_utc_us < valid_until. */
bool policy_person_valid(const struct person *person, int64_t at_utc_us);

/* Whether the person is a member of the group (position in policy.groups). */
bool policy_group_has(const struct policy *policy, size_t group, const struct person *person);

/* The word for a duty, tier, effect, condition or subject of a limit in documents. Static. */
const char *policy_condition_text(enum condition condition);
const char *policy_limit_text(enum limit_per per);
const char *policy_duty_text(enum duty duty);
const char *policy_tier_text(enum wallet_tier tier);
const char *policy_effect_text(enum rule_effect effect);

#endif
