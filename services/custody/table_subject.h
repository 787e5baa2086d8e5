/*
 * The rows of table.c about personal data (subject.c). For table.c alone, whose lists of options they use.
 */
#ifndef STRONGROOM_CUSTODY_TABLE_SUBJECT_H
#define STRONGROOM_CUSTODY_TABLE_SUBJECT_H

#define SUBJECT_ROWS                                                                                                   \
    {{"subject", "record"},                                                                                            \
     command_subject_record,                                                                                           \
     1,                                                                                                                \
     0,                                                                                                                \
     "ID --in FILE --until TIME",                                                                                      \
     "hand in personal data, a JSON object with a text for each field, kept until TIME at least; ID new makes one",    \
     SERVICE "in until json",                                                                                          \
     "custody subject record new --in client-7.json --until 2036-01-02T03:04:05.000000Z"},                             \
        {{"subject", "show"},                                                                                          \
         command_subject_show,                                                                                         \
         1,                                                                                                            \
         0,                                                                                                            \
         "ID",                                                                                                         \
         "which fields are kept of a subject, with their commitments; no value",                                       \
         SERVICE "json",                                                                                               \
         "custody subject show 019c9a3e-7c00-7a00-8000-000000000001"},                                                 \
        {{"subject", "reveal"},                                                                                        \
         command_subject_reveal,                                                                                       \
         1,                                                                                                            \
         0,                                                                                                            \
         "ID --case C --fields F,... --policy P --reason WORD --key FILE",                                             \
         "see personal data on a case, as an auditor: signed, counted and told to the trail",                          \
         SERVICE TRUST POLICY KEY "case fields reason expires-in out json",                                            \
         "custody subject reveal 019c9a3e-7c00-7a00-8000-000000000001 --case case-7 --fields email,name --reason "     \
         "request "                                                                                                    \
         "--policy policy.json --key auditor-1.key"},                                                                  \
        {{"subject", "export"},                                                                                        \
         command_subject_export,                                                                                       \
         1,                                                                                                            \
         0,                                                                                                            \
         "ID --case C --policy P --reason WORD --key FILE --out FILE",                                                 \
         "everything that is kept of a subject, with salts and commitments, for whoever asks what is known of them",   \
         SERVICE TRUST POLICY KEY "case reason expires-in out",                                                        \
         "custody subject export 019c9a3e-7c00-7a00-8000-000000000001 --case access-12 --reason request --policy "     \
         "policy.json --key auditor-1.key --out subject.json"},                                                        \
        {{"subject", "erase"},                                                                                         \
         command_subject_erase,                                                                                        \
         1,                                                                                                            \
         0,                                                                                                            \
         "ID --policy P --reason WORD [--out FILE]",                                                                   \
         "write the order, for the quorum, that has a subject forgotten (custody key send)",                           \
         SERVICE TRUST POLICY "reason expires-in out",                                                                 \
         "custody subject erase 019c9a3e-7c00-7a00-8000-000000000001 --policy policy.json --reason request --out "     \
         "erase.json"},                                                                                                \
    {                                                                                                                  \
        {"subject", "check"}, command_subject_check, 0, 0, "--in FILE",                                                \
            "hold an export against the commitments in it", "in", "custody subject check --in subject.json"            \
    }

#endif
