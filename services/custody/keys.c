/*
 * Commands about keys: generate, show, address.
 */
#include "commands.h"
#include "policy/account.h"

static enum status print_key(const struct public_key *key, struct fault *fault)
{
    struct digest id;
    struct account_id account;
    char hex[DIGEST_HEX_LEN + 1];
    char address[ADDRESS_TEXT_SIZE];
    json_t *object = NULL;
    public_key_id(&id, key);
    digest_format(hex, &id);
    enum status status = account_id_from_key(&account, key, fault);
    if (status == STATUS_OK) {
        status = account_key_encode(&object, key, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    address_format(address, &account);
    bool good = json_object_set_new(object, "key_id", json_string(hex)) == 0 &&
                json_object_set_new(object, "address", json_string(address)) == 0 &&
                json_dumpf(object, stdout, JSON_COMPACT | JSON_SORT_KEYS) == 0;
    (void)printf("\n");
    json_decref(object);
    return good ? STATUS_OK : fault_set(fault, STATUS_IO, "out", "could not write");
}

enum status command_key_generate(const struct command_input *input, struct fault *fault)
{
    struct public_key key;
    enum status status = command_new_key(&key, input->options, fault);
    return status == STATUS_OK ? print_key(&key, fault) : status;
}

enum status command_key_show(const struct command_input *input, struct fault *fault)
{
    struct keyfile *keyfile = NULL;
    enum status status = command_open_key(&keyfile, input->options, fault);
    if (status == STATUS_OK) {
        status = print_key(keyfile_public_key(keyfile), fault);
        keyfile_free(keyfile);
    }
    return status;
}

enum status command_key_address(const struct command_input *input, struct fault *fault)
{
    char name[32];
    struct bytes der = {0};
    struct public_key key;
    struct account_id account;
    char address[ADDRESS_TEXT_SIZE];
    const char *colon = strchr(input->words[0], ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - input->words[0]);
    if (len == 0 || len >= sizeof(name)) {
        return fault_set(fault, STATUS_USAGE, "ALG:KEY", "must be an algorithm, a colon and base64 of the DER key");
    }
    memcpy(name, input->words[0], len);
    name[len] = '\0';
    const struct algorithm_info *info = algorithm_find(name);
    if (info == NULL) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, name, "must be p256, ed25519 or secp256k1");
    }
    enum status status = base64_decode(&der, colon + 1, strlen(colon + 1));
    if (status == STATUS_OK) {
        status = public_key_parse(&key, info->algorithm, der.data, der.len, fault);
        bytes_free(&der);
    }
    if (status == STATUS_OK) {
        status = account_id_from_key(&account, &key, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "key", "must be base64 of a DER public key");
    }
    address_format(address, &account);
    (void)printf("%s\n", address);
    return STATUS_OK;
}
