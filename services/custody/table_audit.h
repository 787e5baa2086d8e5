/*
 * The rows of table.c about the audit trail (export.c, audit_search.c, audit_show.c, audit_copy.c). For table.c alone,
 * whose lists of options they use.
 */
#ifndef STRONGROOM_CUSTODY_TABLE_AUDIT_H
#define STRONGROOM_CUSTODY_TABLE_AUDIT_H

#define AUDIT_WORDS 18 /* every condition, order, limit, cursor */

#define AUDIT_ROWS                                                                                                     \
    {{"audit", "export"},                                                                                              \
     command_audit_export,                                                                                             \
     0,                                                                                                                \
     AUDIT_WORDS,                                                                                                      \
     "{[NAME=VALUE ...] | --dir COPY} [--out FILE]",                                                                   \
     "fetch the whole audit trail; with conditions the entries that meet them, each with its proof; with format=csv "  \
     "as a table, without proofs; --dir: the whole out of a copy, without the service",                                \
     SERVICE TRUST "out dir",                                                                                          \
     "custody audit export --out trail.jsonl && custody-verify trail --trust trust.json trail.jsonl"},                 \
        {{"audit", "review"},                                                                                          \
         command_audit_review,                                                                                         \
         0,                                                                                                            \
         AUDIT_WORDS,                                                                                                  \
         "[FROM [TO]] [ORDER ...] --in TRAIL [--out FILE --person NAME --key FILE]",                                   \
         "hold the key uses of entries FROM to TO-1 of a whole export against the operations that were approved; "     \
         "without FROM go on where the last review at the service ended; ORDER: files of the orders key.activate of "  \
         "keys "                                                                                                       \
         "that were at work before there was a trail; --out: sign what was found",                                     \
         SERVICE TRUST KEY "in out person",                                                                            \
         "custody audit review --in trail.jsonl --trust trust.json --out review.json --person auditor-1 "              \
         "--key auditor-1.key"},                                                                                       \
        {{"audit", "report"},                                                                                          \
         command_audit_report,                                                                                         \
         0,                                                                                                            \
         0,                                                                                                            \
         "--in FILE",                                                                                                  \
         "hand in a review that you have signed",                                                                      \
         SERVICE "in",                                                                                                 \
         "custody audit report --in review.json"},                                                                     \
        {{"audit", "reviews"},                                                                                         \
         command_audit_reviews,                                                                                        \
         0,                                                                                                            \
         0,                                                                                                            \
         "[--json]",                                                                                                   \
         "list the reviews of the log that were handed in, newest first; exit status 1 when one is not there as it "   \
         "was, or altered rows are known anywhere in the trail",                                                       \
         SERVICE "json",                                                                                               \
         "custody audit reviews"},                                                                                     \
        {{"audit", "search"},                                                                                          \
         command_audit_search,                                                                                         \
         0,                                                                                                            \
         AUDIT_WORDS,                                                                                                  \
         "[NAME=VALUE ...] [--json]",                                                                                  \
         "find entries by actor, act, outcome, otype, oid, corr, key, wallet, asset (id, or code with --trust), "      \
         "amount_min, amount_max, destination, version, from, to, or the one of seq=N; the newest first, or "          \
         "order=oldest; a hundred of them, or limit=N; exit status 1 when a row of them is not what was signed, an "   \
         "entry of the one object that was asked for is missing between others, or altered rows are known anywhere "   \
         "in the trail",                                                                                               \
         SERVICE TRUST "json",                                                                                         \
         "custody audit search asset=DEMO amount_min=2000 from=2026-01-02T00:00:00.000000Z"},                          \
        {{"audit", "count"},                                                                                           \
         command_audit_count,                                                                                          \
         0,                                                                                                            \
         AUDIT_WORDS,                                                                                                  \
         "[NAME=VALUE ...] [--json]",                                                                                  \
         "how many entries meet the conditions, which are those of audit search",                                      \
         SERVICE TRUST "json",                                                                                         \
         "custody audit count act=withdrawal.signing wallet=hot"},                                                     \
        {{"audit", "show"},                                                                                            \
         command_audit_show,                                                                                           \
         1,                                                                                                            \
         0,                                                                                                            \
         "SEQ --trust FILE",                                                                                           \
         "one entry, whole, from its signed bytes, with its proof verified by the trust file; exit status 1 when it "  \
         "is not proven",                                                                                              \
         SERVICE TRUST,                                                                                                \
         "custody audit show 54 --trust trust.json"},                                                                  \
        {{"audit", "checkpoint"},                                                                                      \
         command_audit_checkpoint,                                                                                     \
         0,                                                                                                            \
         0,                                                                                                            \
         "[--out FILE]",                                                                                               \
         "fetch the newest signed checkpoint, to keep",                                                                \
         SERVICE "out",                                                                                                \
         "custody audit checkpoint --out today.checkpoint # later: custody-verify trail --trust trust.json "           \
         "trail.jsonl "                                                                                                \
         "today.checkpoint"},                                                                                          \
        {{"audit", "proof"},                                                                                           \
         command_audit_proof,                                                                                          \
         1,                                                                                                            \
         0,                                                                                                            \
         "SEQ [--out FILE]",                                                                                           \
         "fetch the receipt of an entry: that it is under the newest signed checkpoint",                               \
         SERVICE "out",                                                                                                \
         "custody audit proof 54 --out 54.tlog-proof && custody-verify receipt --trust trust.json 54.tlog-proof "      \
         "trail.jsonl"},                                                                                               \
        {{"audit", "consistency"},                                                                                     \
         command_audit_consistency,                                                                                    \
         2,                                                                                                            \
         0,                                                                                                            \
         "FROM TO [--out FILE]",                                                                                       \
         "fetch the proof that the trail of TO entries begins with the one of FROM entries",                           \
         SERVICE "out",                                                                                                \
         "custody audit consistency 120 240 --out 120-240.json && custody-verify consistency --trust trust.json "      \
         "monday.checkpoint today.checkpoint 120-240.json"},                                                           \
    {                                                                                                                  \
        {"audit", "copy"}, command_audit_copy, 0, 0, "--dir DIR [--every S [--still S] | --check [--in CHECKPOINT]]",  \
            "copy the trail into a folder, as the tiles of C2SP tlog-tiles, and tell the service that it is there, "   \
            "when every file that was there before is, too; with --every again and again, until the log contradicts "  \
            "the copy or shows nothing new for --still; with --check, without a service, only look whether every "     \
            "file is there that was signed, with "                                                                     \
            "--in also whether the copy begins with what a checkpoint is of that somebody kept",                       \
            SERVICE TRUST "dir every still check in",                                                                  \
            "custody audit copy --dir /srv/trail-copy --every 60 --trust trust.json --token-file auditor-1.token"      \
    }

#endif
