/*
 * What may be begun with the key of a wallet and an asset, by what its signer said last. A key that no signer has named
 * yet is let through: the signer judges, and withdrawals wait for it.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_GATE_H
#define STRONGROOM_CUSTODYD_KEY_GATE_H

#include "service.h"

/*
 * STATUS_KEY_INACTIVE, naming the state or the freeze, when the key of the wallet is known not to be active, or wallet
 * or asset to be frozen.
 */
MUST_CHECK enum status key_gate_check(struct service *service, const struct wallet *wallet, const struct digest *asset,
                                      struct fault *fault);

/*
 * The same for a withdrawal that is to be swept: the key must be out of service (STATUS_CONFLICT otherwise); whether it
 * may send there, and by whose order, is the signer's to say.
 */
MUST_CHECK enum status key_gate_check_sweep(struct service *service, const struct wallet *wallet, struct fault *fault);

/*
 * True when the key of the wallet signs what a key.sweep names, and nothing else: compromised, or retained and nothing
 * is frozen.
 */
bool key_gate_is_swept(struct service *service, const struct wallet *wallet, const struct digest *asset);

/* Asks the signer again when the gate is not open: it may be by now. Not within a transaction. */
void key_gate_look(struct service *service, const struct wallet *wallet, const struct digest *asset);

/* True when the key of the wallet will never be active again: retained, compromised, destroyed. */
bool key_gate_is_shut(struct service *service, const struct wallet *wallet);

#endif
