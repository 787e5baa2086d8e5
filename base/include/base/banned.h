/*
 * Calls that do not compile in Strongroom. Included by every .c file of ours through the compiler's command line.
 *
 * Unbounded string functions, number parsers that hide errors, time and randomness without a source, shells.
 */
#ifndef STRONGROOM_BASE_BANNED_H
#define STRONGROOM_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#pragma GCC poison gets strcpy stpcpy strcat strncpy strncat sprintf vsprintf
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison srand srandom drand48 lrand48 mrand48 rand_r
#pragma GCC poison gmtime localtime ctime asctime
#pragma GCC poison strtok tmpnam tempnam mktemp
#pragma GCC poison popen

/* Headers of OpenSSL and GnuTLS name parameters so; only the call is banned. */
#define rand(...) banned_rand_has_no_source
#define random(...) banned_random_has_no_source

#endif
