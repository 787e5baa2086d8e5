/*
 * The other resources of the REST interface: wallets, keys, media, policy, destinations, trail, ledger, evidence,
 * health.
 */
#ifndef STRONGROOM_CUSTODYD_RESOURCES_H
#define STRONGROOM_CUSTODYD_RESOURCES_H

#include "http.h"

/* wallets.c */
http_handler wallet_list;
http_handler wallet_read;

/* key_resources.c */
http_handler key_list;
http_handler key_read;

/* key_orders.c, key_attest.c */
http_handler key_admit;
http_handler key_command;
http_handler key_restore;
http_handler key_attestation;

/* freezes.c */
http_handler freeze_list;
http_handler freeze_order;

/* alarm_resources.c */
http_handler alarm_read_list;
http_handler alarm_acknowledge;

/* media.c */
http_handler medium_list;
http_handler medium_add;
http_handler medium_entry;
http_handler medium_confirm;
http_handler medium_refuse;

/* ceremonies.c */
http_handler ceremony_refusal_add;

/* compromise.c */
http_handler compromise_add;

/* policy_resources.c */
http_handler policy_read;
http_handler policy_list;
http_handler policy_propose;
http_handler policy_veto;
http_handler destination_list;
http_handler destination_add;
http_handler destination_revoke;
http_handler log_key_order;
http_handler log_key_list;
http_handler person_suspend;
http_handler person_resume;
http_handler person_suspended_list;

/* subjects.c, subject_orders.c */
http_handler subject_record;
http_handler subject_read;
http_handler subject_reveal;
http_handler subject_erase;

/* trail_resources.c */
http_handler trail_entries;
http_handler trail_count;
http_handler trail_checkpoint_read;
http_handler trail_inclusion;
http_handler trail_consistency_read;
http_handler trail_export;

/* copies.c */
http_handler trail_copy_tell;

/* reviews.c */
http_handler review_hand_in;
http_handler review_list;
http_handler review_read;

/* tile_resources.c */
http_handler trail_tile_read;
http_handler trail_entries_tile_read;

/* ledger_resources.c */
http_handler ledger_genesis_read;
http_handler ledger_status_read;
http_handler ledger_block_read;
http_handler ledger_transaction_read;
http_handler ledger_transaction_submit;
http_handler ledger_account_read;

/* evidence.c */
http_handler evidence_read;

/* health.c */
http_handler health_read;

#endif
