"""A key of ours used by somebody else: signed with a copy of the token, and handed to the ledger behind the service's back."""

import base64
import hashlib
import json
import re
import subprocess

from strongroom import BUILD, P256_ORDER, canonical


def transaction(place, key, address, asset, memo="0" * 64):
    """A transfer of 5 units to payee-1 that no signer of ours made: (signed transaction, the key that made it)."""
    account = place.call("GET", f"/v1/ledger/accounts/{address}?lane=900").json
    height = place.call("GET", "/v1/ledger/status").json["confirmed_height"]
    document = canonical({
        "chain": place.chain, "from": address, "lane": "900", "memo": memo, "policy": "0" * 64, "seq": str(account["next_seq"]),
        "type": "transfer", "valid_from": str(height + 1), "valid_until": str(height + 1000),
        "legs": [{"account": address, "amount": "5", "asset": asset, "side": "debit"},
                 {"account": place.payee, "amount": "5", "asset": asset, "side": "credit"}]})
    return with_token(place, key, document)


def with_token(place, key, document):
    """The same of a transaction that is there."""
    facts = json.loads((place.dir / f"ceremony/{key}.json").read_text())
    signature = {"alg": facts["alg"], "key": facts["key_id"], "sig": sign_with_token(place, key, document)}
    return {"document": document, "signatures": [signature]}, {"alg": facts["alg"], "key": facts["key"]}


def sign_with_token(place, key, document):
    serial = (place.dir / "etc/tokens/transfer.serial").read_text().strip()
    slot = str(int(serial[-8:], 16) & 0x7fffffff)  # SoftHSM's way; pkcs11-tool takes labels by their beginning
    hashed = place.dir / "outside.hash"
    made = place.dir / "outside.sig"
    hashed.write_bytes(hashlib.sha256(f"strongroom/transaction/v1\n{document}".encode()).digest())
    tool = ["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--slot", slot, "--login", "--pin",
            (place.dir / "secrets/transfer.pin").read_text().strip()]
    there = subprocess.run([*tool, "--list-objects", "--type", "privkey"], capture_output=True, check=True, text=True,
                           env=place.environment).stdout
    name = re.search(rf"label: +{key}\n *ID: +([0-9a-f]+)\n", there)[1]  # --sign does not look at labels
    subprocess.run([*tool, "--sign", "--mechanism", "ECDSA", "--id", name, "-i", hashed, "-o", made], capture_output=True,
                   check=True, env=place.environment)
    raw = made.read_bytes()
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    return base64.b64encode(r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")).decode()


def to_ledger(place, signed, key):
    """Brings it into a block of its own while the service is stopped; answers the height."""
    (place.dir / "outside.json").write_text(json.dumps(signed))
    (place.dir / "outside-key.json").write_text(json.dumps(key))
    done = subprocess.run([str(BUILD / "tests/e2e/outsider"), str(place.dir / "data"), str(place.dir / "etc/genesis.json"),
                           str(place.dir / "run/validator.sock"), str(place.dir / "outside.json"),
                           str(place.dir / "outside-key.json")], capture_output=True, text=True, check=False)
    if not done.stdout.startswith("ok at height "):
        raise AssertionError(done.stdout + done.stderr)
    return int(done.stdout.split()[3])
