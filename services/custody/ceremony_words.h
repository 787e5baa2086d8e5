/*
 * What the people of a ceremony are told, step by step. Texts for people: the script itself, its order and its facts,
 * are policy/ceremony.h.
 */
#ifndef STRONGROOM_CUSTODY_CEREMONY_WORDS_H
#define STRONGROOM_CUSTODY_CEREMONY_WORDS_H

#include <stdio.h>

#include "policy/ceremony.h"

/* Prints a step for the one who does it: who that is, what to do, how to call this tool, and which facts it states. */
void ceremony_words_print(FILE *stream, const struct ceremony *ceremony, const struct ceremony_script_step *step);

/* Prints name and value of one fact, and what it is. */
void ceremony_words_fact(FILE *stream, const char *name, const char *value);

/* The word that people know a role by: "the first custodian". Static. */
const char *ceremony_words_role(enum ceremony_role role);

#endif
