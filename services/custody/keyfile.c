/*
 * Key files on OpenSSL: generate, encrypt, open, sign. Nothing here knows what a document means.
 */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "audit/checkpoint.h"

#define PASSPHRASE_MIN 8
#define SCRYPT_N 16384 /* 16 MiB: the most that OpenSSL takes without being asked for more */
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_SALT_LEN 16

struct keyfile {
    EVP_PKEY *pkey;
    struct public_key public_key;
};

static enum status libcrypto_fault(struct fault *fault, const char *what)
{
    ERR_clear_error();
    return fault_set(fault, STATUS_INTERNAL, "key", "cannot %s", what);
}

static enum status public_half(struct public_key *out, EVP_PKEY *pkey, enum algorithm algorithm, struct fault *fault)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    if (len <= 0) {
        return libcrypto_fault(fault, "encode the public key");
    }
    enum status status = public_key_parse(out, algorithm, der, (size_t)len, fault);
    OPENSSL_free(der);
    return status;
}

static EVP_PKEY *generate(enum algorithm algorithm)
{
    switch (algorithm) {
    case ALGORITHM_P256:
        return EVP_EC_gen("P-256");
    case ALGORITHM_SECP256K1:
        return EVP_EC_gen("secp256k1");
    case ALGORITHM_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

/* PEM of the encrypted key, in memory. */
static enum status encrypt(BIO *out, EVP_PKEY *pkey, const struct secret *passphrase, struct fault *fault)
{
    PKCS8_PRIV_KEY_INFO *clear = EVP_PKEY2PKCS8(pkey);
    X509_ALGOR *pbe =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, SCRYPT_SALT_LEN, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    X509_SIG *sealed = NULL;
    if (clear != NULL && pbe != NULL) {
        sealed = PKCS8_set0_pbe((const char *)passphrase->data, (int)passphrase->len, clear, pbe);
    }
    if (sealed == NULL) {
        X509_ALGOR_free(pbe);
    }
    bool done = sealed != NULL && PEM_write_bio_PKCS8(out, sealed) == 1;
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(clear);
    return done ? STATUS_OK : libcrypto_fault(fault, "encrypt the private key");
}

static enum status write_new_file(const char *path, const char *data, size_t len, struct fault *fault)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return errno == EEXIST ? fault_set(fault, STATUS_EXISTS, path, "a key file is never replaced")
                               : fault_set(fault, STATUS_IO, path, "could not create the file: %s", strerror(errno));
    }
    ssize_t written = write(fd, data, len);
    bool good = written == (ssize_t)len && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (!good) {
        (void)unlink(path);
        return fault_set(fault, STATUS_IO, path, "could not write the file");
    }
    return STATUS_OK;
}

static enum status check_passphrase(const struct secret *passphrase, struct fault *fault)
{
    return passphrase->len < PASSPHRASE_MIN
               ? fault_set(fault, STATUS_INVALID, "passphrase", "must have at least %d characters", PASSPHRASE_MIN)
               : STATUS_OK;
}

static enum status write_encrypted(const char *path, EVP_PKEY *pkey, const struct secret *passphrase,
                                   struct fault *fault)
{
    BIO *pem = BIO_new(BIO_s_mem());
    enum status status =
        pem == NULL ? libcrypto_fault(fault, "encrypt the private key") : encrypt(pem, pkey, passphrase, fault);
    if (status == STATUS_OK) {
        char *text = NULL;
        long len = BIO_get_mem_data(pem, &text);
        status = write_new_file(path, text, (size_t)len, fault);
    }
    BIO_free(pem);
    return status;
}

enum status keyfile_generate(struct public_key *out, const char *path, enum algorithm algorithm,
                             const struct secret *passphrase, struct fault *fault)
{
    struct public_key public_key = {0};
    enum status status = check_passphrase(passphrase, fault);
    if (status == STATUS_OK) {
        status = algorithm_check_new(algorithm, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    EVP_PKEY *pkey = generate(algorithm);
    status =
        pkey == NULL ? libcrypto_fault(fault, "generate a key pair") : public_half(&public_key, pkey, algorithm, fault);
    if (status == STATUS_OK) {
        status = write_encrypted(path, pkey, passphrase, fault);
    }
    if (status == STATUS_OK) {
        *out = public_key;
    }
    EVP_PKEY_free(pkey);
    return status;
}

enum status keyfile_generate_seal(struct seal_key *out, const char *path, const struct secret *passphrase,
                                  struct fault *fault)
{
    struct seal_key public_key;
    struct secret private_key = {0};
    EVP_PKEY *pkey = NULL;
    enum status status = check_passphrase(passphrase, fault);
    if (status == STATUS_OK) {
        status = seal_pair_generate(&public_key, &private_key, fault);
    }
    if (status == STATUS_OK) {
        pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key.data, private_key.len);
        status = pkey == NULL ? libcrypto_fault(fault, "generate a key pair")
                              : write_encrypted(path, pkey, passphrase, fault);
    }
    if (status == STATUS_OK) {
        *out = public_key;
    }
    EVP_PKEY_free(pkey);
    secret_free(&private_key);
    return status;
}

static int give_passphrase(char *out, int size, int writing, void *context)
{
    (void)writing;
    const struct secret *passphrase = context;
    if (passphrase->len > (size_t)size) {
        return -1;
    }
    memcpy(out, passphrase->data, passphrase->len);
    return (int)passphrase->len;
}

static enum status find_algorithm(enum algorithm *out, EVP_PKEY *pkey, struct fault *fault)
{
    char group[32] = "";
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *out = ALGORITHM_ED25519;
        return STATUS_OK;
    }
    if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1) {
        if (strcmp(group, "prime256v1") == 0) {
            *out = ALGORITHM_P256;
            return STATUS_OK;
        }
        if (strcmp(group, "secp256k1") == 0) {
            *out = ALGORITHM_SECP256K1;
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_ALGORITHM_REFUSED, "key", "must be p256, ed25519 or secp256k1");
}

static enum status read_encrypted(EVP_PKEY **out, const char *path, const struct secret *passphrase,
                                  struct fault *fault)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fault_set(fault, STATUS_IO, path, "could not open the key file: %s", strerror(errno));
    }
    struct secret borrowed = *passphrase;
    *out = PEM_read_PrivateKey(file, NULL, give_passphrase, &borrowed);
    (void)fclose(file);
    if (*out == NULL) {
        ERR_clear_error();
        return fault_set(fault, STATUS_INVALID, path, "not a key file, or the passphrase does not fit");
    }
    return STATUS_OK;
}

enum status keyfile_open(struct keyfile **out, const char *path, const struct secret *passphrase, struct fault *fault)
{
    struct keyfile *keyfile = calloc(1, sizeof(*keyfile));
    enum algorithm algorithm = ALGORITHM_P256;
    enum status status = keyfile == NULL ? STATUS_NO_MEMORY : read_encrypted(&keyfile->pkey, path, passphrase, fault);
    if (status == STATUS_OK) {
        status = find_algorithm(&algorithm, keyfile->pkey, fault);
    }
    if (status == STATUS_OK) {
        status = public_half(&keyfile->public_key, keyfile->pkey, algorithm, fault);
    }
    if (status != STATUS_OK) {
        keyfile_free(keyfile);
        return status;
    }
    *out = keyfile;
    return STATUS_OK;
}

enum status keyfile_open_seal(struct secret *out, const char *path, const struct secret *passphrase,
                              struct fault *fault)
{
    EVP_PKEY *pkey = NULL;
    struct secret private_key = {0};
    size_t len = SEAL_KEY_LEN;
    enum status status = read_encrypted(&pkey, path, passphrase, fault);
    if (status == STATUS_OK && !EVP_PKEY_is_a(pkey, "X25519")) {
        status = fault_set(fault, STATUS_ALGORITHM_REFUSED, path, "is no sealing key (X25519)");
    }
    if (status == STATUS_OK) {
        status = secret_new(&private_key, SEAL_KEY_LEN);
    }
    if (status == STATUS_OK && EVP_PKEY_get_raw_private_key(pkey, private_key.data, &len) != 1) {
        status = libcrypto_fault(fault, "read the private key");
    }
    EVP_PKEY_free(pkey);
    if (status != STATUS_OK) {
        secret_free(&private_key);
        return status;
    }
    *out = private_key;
    return STATUS_OK;
}

const struct public_key *keyfile_public_key(const struct keyfile *keyfile)
{
    return &keyfile->public_key;
}

/* DER ECDSA-Sig-Value to r||s. */
static enum status to_raw(uint8_t out64[SIGNATURE_LEN], const uint8_t *der, size_t len, struct fault *fault)
{
    const unsigned char *at = der;
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)len);
    bool good = signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out64, 32) == 32 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(signature), out64 + 32, 32) == 32;
    ECDSA_SIG_free(signature);
    return good ? STATUS_OK : libcrypto_fault(fault, "read the signature");
}

static enum status sign_message(uint8_t out64[SIGNATURE_LEN], const struct keyfile *keyfile,
                                const struct bytes *message, struct fault *fault)
{
    uint8_t made[160];
    size_t len = sizeof(made);
    enum algorithm algorithm = keyfile->public_key.algorithm;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = algorithm == ALGORITHM_ED25519 ? NULL : EVP_sha256();
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, hash, NULL, keyfile->pkey) == 1 &&
                EVP_DigestSign(context, made, &len, message->data, message->len) == 1;
    EVP_MD_CTX_free(context);
    if (!good) {
        return libcrypto_fault(fault, "sign");
    }
    if (algorithm != ALGORITHM_ED25519) {
        enum status status = to_raw(out64, made, len, fault);
        return status == STATUS_OK ? signature_normalize(out64, algorithm) : status;
    }
    INVARIANT(len == SIGNATURE_LEN);
    memcpy(out64, made, SIGNATURE_LEN);
    return STATUS_OK;
}

enum status keyfile_sign(struct signature *out, const struct keyfile *keyfile, const char *kind, const void *document,
                         size_t len, struct fault *fault)
{
    struct bytes message = {0};
    struct signature signature = {.algorithm = keyfile->public_key.algorithm};
    enum status status = document_message(&message, kind, document, len);
    if (status == STATUS_OK) {
        status = sign_message(signature.bytes64, keyfile, &message, fault);
    }
    if (status == STATUS_OK) {
        status = signature_verify(&keyfile->public_key, signature.bytes64, message.data, message.len, fault);
    }
    bytes_free(&message);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "key", "%s", "");
    }
    public_key_id(&signature.key_id, &keyfile->public_key);
    *out = signature;
    return STATUS_OK;
}

enum status keyfile_cosign(uint8_t out64[SIGNATURE_LEN], const struct keyfile *keyfile, uint64_t time_s,
                           const void *body, size_t len, struct fault *fault)
{
    struct bytes message = {0};
    uint8_t signature64[SIGNATURE_LEN];
    if (keyfile->public_key.algorithm != ALGORITHM_ED25519) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "key", "a witness has an ed25519 key");
    }
    enum status status = audit_cosignature_message(&message, time_s, body, len, fault);
    if (status == STATUS_OK) {
        status = sign_message(signature64, keyfile, &message, fault);
    }
    if (status == STATUS_OK) {
        status = signature_verify(&keyfile->public_key, signature64, message.data, message.len, fault);
    }
    bytes_free(&message);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "key", "%s", "");
    }
    memcpy(out64, signature64, SIGNATURE_LEN);
    return STATUS_OK;
}

void keyfile_free(struct keyfile *keyfile)
{
    if (keyfile != NULL) {
        EVP_PKEY_free(keyfile->pkey);
        free(keyfile);
    }
}
