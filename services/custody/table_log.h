/*
 * The rows of table.c about rotating the key of the trail (log_keys.c, witness_command.c). For table.c alone, whose
 * lists of options they use.
 */
#ifndef STRONGROOM_CUSTODY_TABLE_LOG_H
#define STRONGROOM_CUSTODY_TABLE_LOG_H

#define LOG_ROWS                                                                                                       \
    {{"witness", "rotate"},                                                                                            \
     command_witness_rotate,                                                                                           \
     0,                                                                                                                \
     0,                                                                                                                \
     "--log VKEY --state DIR",                                                                                         \
     "know a log by the key that follows, too, before it signs alone; the witness is stopped first",                   \
     "log state",                                                                                                      \
     "custody witness rotate --log \"$(jq -r '.rotations[-1]' trust.json | cut -d' ' -f2)\" --state "                  \
     "/var/lib/strongroom-witness"},                                                                                   \
        {{"log", "rotate"},                                                                                            \
         command_log_rotate,                                                                                           \
         0,                                                                                                            \
         0,                                                                                                            \
         "--document FILE --size N --policy P --reason WORD [--out FILE]",                                             \
         "make the order by which a new key signs the audit trail, to be signed by the quorum (key send hands it in)", \
         TRUST POLICY "document size reason expires-in out",                                                           \
         "custody log rotate --document audit-2.json --size 2000000 --policy policies --reason yearly --out rotate"},  \
        {{"log", "fork"},                                                                                              \
         command_log_fork,                                                                                             \
         0,                                                                                                            \
         0,                                                                                                            \
         "--in CHECKPOINT [--document FILE] --policy P --reason WORD [--out FILE]",                                    \
         "make the order that ends the audit trail at its last good checkpoint and begins the next one, to be signed " \
         "by the quorum (docs/incident.md)",                                                                           \
         TRUST POLICY "in document reason expires-in out",                                                             \
         "custody log fork --in copy/checkpoint --policy policies --reason disk-lost --out fork"},                     \
    {                                                                                                                  \
        {"log", "trust"}, command_log_trust, 0, 0, "[--out FILE]",                                                     \
            "the trust file with the keys of the trail that orders of the quorum name, from the first policy on",      \
            SERVICE TRUST "out", "custody log trust --trust trust.json --out trust-new.json"                           \
    }

#endif
