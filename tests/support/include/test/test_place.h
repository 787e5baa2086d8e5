/*
 * Places for tests: a temporary folder, SoftHSM2 tokens in it, a TPM, a database.
 *
 * Everything here aborts the test program with a message when it fails, so a test need not check it.
 */
#ifndef STRONGROOM_TEST_TEST_PLACE_H
#define STRONGROOM_TEST_TEST_PLACE_H

#include <stdbool.h>

#define TEST_PATH_SIZE 128

/* A temporary folder with a short path (Unix sockets), readable by this user only. */
struct test_folder {
    char path[TEST_PATH_SIZE];
};

/* A PKCS #11 token that a test may fill and break. */
struct test_token {
    struct test_folder folder;
    char module[TEST_PATH_SIZE];      /* the PKCS #11 module */
    char label[64];                   /* of the token */
    char pin_path[TEST_PATH_SIZE];    /* file of the user PIN, mode 0600, one line */
    char so_pin_path[TEST_PATH_SIZE]; /* the same for the security officer */
    char pin[64];                     /* the user PIN itself */
    bool tpm;                         /* a TPM: p256 only */
};

/* A database of its own in the cluster of the run (PGHOST, see tests/support/with_postgres). */
struct test_database {
    char name[64];
    char conninfo[256]; /* for libpq, as superuser */
};

/* Makes a folder under /tmp. Released with test_folder_remove. */
void test_folder_make(struct test_folder *out);

/* Removes the folder and everything in it. */
void test_folder_remove(struct test_folder *folder);

/* Makes a SoftHSM2 token in a folder of its own and points SOFTHSM2_CONF of this process at it. */
void test_token_softhsm(struct test_token *out, const char *label);

/* One more token beside `first`, in the same configuration. Not to be removed by itself. */
void test_token_softhsm_beside(struct test_token *out, const struct test_token *first, const char *label);

/* Starts a TPM with a token and points TPM2_PKCS11_TCTI and TPM2_PKCS11_STORE of this process at it. */
void test_token_tpm(struct test_token *out, const char *label);

/* Removes the token, or stops the TPM, and removes its folder. Log out and finalize the module before. */
void test_token_remove(struct test_token *token);

/* Makes an empty database with a fresh name. */
void test_database_make(struct test_database *out);

/* Drops the database; connections to it are ended. */
void test_database_drop(struct test_database *database);

/* Runs a program found by PATH (argv ends with NULL), with standard input closed; the exit status, 128 + signal. */
int test_run(const char *const argv[]);

/* The path of a file of the source tree or of the build tree. */
void test_source_path(char out[TEST_PATH_SIZE * 2], const char *relative);
void test_build_path(char out[TEST_PATH_SIZE * 2], const char *relative);

#endif
