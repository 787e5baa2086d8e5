/*
 * What an alarm means, and what is done about it first, for whoever reads its code at night. docs/keys.md says more.
 */
#ifndef STRONGROOM_CUSTODY_ALARM_WORDS_H
#define STRONGROOM_CUSTODY_ALARM_WORDS_H

/* Of an alarm, each a sentence without its full stop. Static. */
struct alarm_words {
    const char *code;
    const char *means;
    const char *first;
};

/* The row of a code; NULL for one that this program does not know. */
const struct alarm_words *alarm_words_find(const char *code);

#endif
