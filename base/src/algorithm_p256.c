/*
 * P-256 verification by OpenSSL. Keys that were made are kept: making one, its point checked to be on the curve, takes
 * a sixth of a verification, and the same few people and tokens sign again and again. Only public keys are here, and
 * which are depends on nobody's secret.
 */
#include "algorithm_p256.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define SCALAR_LEN 32
#define KEPT_MAX 64

static int ecdsa_der(uint8_t **out, const uint8_t sig64[SIGNATURE_LEN])
{
    int len = -1;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(sig64, SCALAR_LEN, NULL);
    BIGNUM *s = BN_bin2bn(sig64 + SCALAR_LEN, SCALAR_LEN, NULL);
    if (signature != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(signature, r, s) == 1) {
        r = NULL; /* transferred */
        s = NULL; /* transferred */
        len = i2d_ECDSA_SIG(signature, out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return len;
}

/*
 * A key with the parameters of P-256 and no point. Making one from its name takes half as long as a verification,
 * copying it hardly any time. Made once and never freed; NULL when memory was short, then every verification says so.
 */
static EVP_PKEY *key_template;
static pthread_once_t key_template_once = PTHREAD_ONCE_INIT;

static void key_template_make(void)
{
    char group[] = "prime256v1";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key_template, EVP_PKEY_KEY_PARAMETERS, parameters) != 1) {
        key_template = NULL;
    }
    EVP_PKEY_CTX_free(context);
}

static EVP_PKEY *key_make(const uint8_t point[POINT_MAX])
{
    (void)pthread_once(&key_template_once, key_template_make);
    EVP_PKEY *made = EVP_PKEY_new();
    if (made == NULL || key_template == NULL || EVP_PKEY_copy_parameters(made, key_template) != 1 ||
        EVP_PKEY_set1_encoded_public_key(made, point, POINT_MAX) != 1) {
        EVP_PKEY_free(made);
        return NULL;
    }
    return made;
}

/*
 * The keys made last, each in the one place that its point has. Who uses one is counted under the mutex, and a place in
 * use is not given away: so nothing is freed but by the only one who has it.
 */
static struct {
    pthread_mutex_t mutex;
    struct {
        uint8_t point[POINT_MAX];
        EVP_PKEY *key; /* NULL: empty */
        unsigned users;
    } places[KEPT_MAX];
} kept = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static size_t kept_place(const uint8_t point[POINT_MAX])
{
    return point[POINT_MAX - 1] % KEPT_MAX;
}

static EVP_PKEY *kept_borrow(const uint8_t point[POINT_MAX])
{
    size_t place = kept_place(point);
    EVP_PKEY *found = NULL;
    INVARIANT(pthread_mutex_lock(&kept.mutex) == 0);
    if (kept.places[place].key != NULL && memcmp(kept.places[place].point, point, POINT_MAX) == 0) {
        found = kept.places[place].key;
        kept.places[place].users++;
    }
    INVARIANT(pthread_mutex_unlock(&kept.mutex) == 0);
    return found;
}

static void kept_return(const uint8_t point[POINT_MAX])
{
    INVARIANT(pthread_mutex_lock(&kept.mutex) == 0);
    kept.places[kept_place(point)].users--;
    INVARIANT(pthread_mutex_unlock(&kept.mutex) == 0);
}

/* Keeps a key and lends it to the caller at once. False when its place is in use: it stays the caller's. */
static bool keep(const uint8_t point[POINT_MAX], EVP_PKEY *key)
{
    size_t place = kept_place(point);
    EVP_PKEY *before = NULL;
    INVARIANT(pthread_mutex_lock(&kept.mutex) == 0);
    bool is_free = kept.places[place].users == 0;
    if (is_free) {
        before = kept.places[place].key;
        kept.places[place].key = key;
        kept.places[place].users = 1;
        memcpy(kept.places[place].point, point, POINT_MAX);
    }
    INVARIANT(pthread_mutex_unlock(&kept.mutex) == 0);
    EVP_PKEY_free(before);
    return is_free;
}

static int answer_with(EVP_PKEY *key, const uint8_t sig64[SIGNATURE_LEN], const struct digest *digest)
{
    uint8_t *der = NULL;
    int der_len = ecdsa_der(&der, sig64);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    int answer = NO_ANSWER;
    if (der_len > 0 && context != NULL && EVP_PKEY_verify_init(context) == 1) {
        answer = EVP_PKEY_verify(context, der, (size_t)der_len, digest->bytes32, sizeof(digest->bytes32));
    }
    EVP_PKEY_CTX_free(context);
    OPENSSL_free(der);
    return answer;
}

int p256_signature_answer(const uint8_t point[POINT_MAX], const uint8_t sig64[SIGNATURE_LEN],
                          const struct digest *digest)
{
    EVP_PKEY *key = kept_borrow(point);
    bool borrowed = key != NULL;
    if (key == NULL) {
        key = key_make(point);
        borrowed = key != NULL && keep(point, key);
    }
    int answer = key == NULL ? NO_ANSWER : answer_with(key, sig64, digest);
    if (borrowed) {
        kept_return(point);
    } else {
        EVP_PKEY_free(key);
    }
    return answer;
}
