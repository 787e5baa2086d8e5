"""Evidence bundles made in software: a third writing of docs/formats.md, so that a test can make true ones and any forgery.

People, wallet, log and validators hold keys of openssl; nobody holds a token. `World.bundle` makes everything from the genesis
to the certified block. Each of its stages can be edited before it is signed and before what follows names it: that is an attacker
who owns the service and all its keys. An edit of the finished bundle is an attacker who owns nothing.
"""

import base64
import copy
import datetime
import hashlib
import json
import os
import subprocess
import tempfile

ORDERS = {
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
GENERATE = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "secp256k1": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    "ed25519": ["-algorithm", "ED25519"],
}
ZERO = "0" * 64
ORIGIN = "strongroom.example/audit/v1"
ENVIRONMENT = "test"
FAR = "2030-01-01T00:00:00.000000Z"
ASSET = {"code": "DEMO", "decimals": 2}
TERMS = ("amount", "asset", "destination", "wallet")  # of an intent, which the entry before a signature tells


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def message(kind, document):
    return f"strongroom/{kind}/v1\n{document}".encode()


def digest(kind, document):
    return hashlib.sha256(message(kind, document)).hexdigest()


def at(second, micro=0):
    """A time of the story: seconds after its beginning."""
    return (datetime.datetime(2026, 1, 2, 3) + datetime.timedelta(seconds=second, microseconds=micro)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


class Key:
    """A key pair. Signatures are kept, so that making a bundle again costs little."""

    def __init__(self, alg="p256"):
        self.alg = alg
        self.pem = openssl("genpkey", *GENERATE[alg])
        self.der = openssl("pkey", "-pubout", "-outform", "DER", data=self.pem)
        self.id = hashlib.sha256(self.der).hexdigest()
        self.text = base64.b64encode(self.der).decode()
        self.made = {}

    def object(self):
        return {"alg": self.alg, "key": self.text}

    def sign(self, data):
        if data not in self.made:
            self.made[data] = self.sign_now(data)
        return self.made[data]

    def sign_now(self, data):
        with tempfile.TemporaryDirectory() as place:
            for name, content in (("key", self.pem), ("message", data)):
                with open(os.path.join(place, name), "wb") as file:
                    file.write(content)
            arguments = ["pkeyutl", "-sign", "-rawin", "-inkey", f"{place}/key", "-in", f"{place}/message"]
            made = openssl(*arguments, *([] if self.alg == "ed25519" else ["-digest", "sha256"]))
        return made if self.alg == "ed25519" else self.raw(made)

    def raw(self, der):
        """DER to r||s with s in the lower half."""
        numbers, place = [], 2
        for _ in range(2):
            length = der[place + 1]
            numbers.append(int.from_bytes(der[place + 2:place + 2 + length], "big"))
            place += 2 + length
        r, s = numbers
        return r.to_bytes(32, "big") + min(s, ORDERS[self.alg] - s).to_bytes(32, "big")

    def signature(self, kind, document):
        return {"alg": self.alg, "key": self.id, "sig": base64.b64encode(self.sign(message(kind, document))).decode()}

    def address(self):
        account = digest("account", canonical(self.object()))
        return f"sr1{account}{digest('address', account)[:8]}"


def signed(kind, document, *keys):
    return {"document": document, "signatures": [key.signature(kind, document) for key in keys]}


def sealing_key(name, public, key, environment=ENVIRONMENT, issued_at=None, valid_until=FAR):
    """What `custody seal-key` prints: the sealing key (base64) of a person, signed with the person's own key."""
    document = {"environment": environment, "issued_at": issued_at or at(0), "person": name, "seal": public, "valid_until": valid_until}
    return signed("sealing_key", canonical(document), key)


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def root(hashes):
    """RFC 9162 2.1.1, as it is written there."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    k = split(len(hashes))
    return hashlib.sha256(b"\1" + root(hashes[:k]) + root(hashes[k:])).digest()


def path(index, hashes):
    """RFC 9162 2.1.3.1."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    if index < k:
        return path(index, hashes[:k]) + [root(hashes[k:])]
    return path(index - k, hashes[k:]) + [root(hashes[:k])]


def split(count):
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def hex_path(index, hashes):
    return [node.hex() for node in path(index, hashes)]


def demanding(rule, **fields):
    """An allow rule with other demands."""
    return {**rule, "demand": {**rule["demand"], **fields}}


def matching(rule, **fields):
    """A rule with other conditions."""
    return {**rule, "when": {**rule["when"], **fields}}


class Log:
    """The key of an audit trail, and notes under it."""

    def __init__(self, origin=ORIGIN, key=None):
        self.origin = origin
        self.key = key or Key("ed25519")
        typed = b"\1" + self.key.der[-32:]
        self.id4 = hashlib.sha256(origin.encode() + b"\n" + typed).digest()[:4]
        self.vkey = f"{origin}+{self.id4.hex()}+{base64.b64encode(typed).decode()}"

    def line(self, body):
        blob = base64.b64encode(self.id4 + self.key.sign(body)).decode()
        return f"\u2014 {self.origin} {blob}\n".encode()

    def note(self, size, top):
        body = f"{self.origin}\n{size}\n{base64.b64encode(top).decode()}\n".encode()
        return body + b"\n" + self.line(body)


class Witness:
    """The key of a witness, and cosignatures under it (C2SP tlog-cosignature)."""

    def __init__(self, name, key=None):
        self.name = name
        self.key = key or Key("ed25519")
        typed = b"\4" + self.key.der[-32:]
        self.id4 = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
        self.vkey = f"{name}+{self.id4.hex()}+{base64.b64encode(typed).decode()}"

    def line(self, note, time_s=1767322800, named=None):
        """The line for a note; `named`: the time that it names."""
        body = note[:note.rindex(b"\n\n") + 1]
        made = self.key.sign(f"cosignature/v1\ntime {time_s}\n".encode() + body)
        blob = self.id4 + (time_s if named is None else named).to_bytes(8, "big") + made
        return f"\u2014 {self.name} {base64.b64encode(blob).decode()}\n".encode()


class Trail:
    """Entries of a trail, each with the event it holds."""

    def __init__(self, origin=ORIGIN):
        self.origin = origin
        self.leaves = []
        self.hashes = []

    def append(self, event):
        event = {"bt": "01a1fbb6-8555-73c4-979f-1814ce297a6b/1", "pr": "01a1fbb6-8553-7d17-b7fa-b3f4a4db7c1f",
                 "pn": str(len(self.leaves) + 1), "corr": "01a1fbb6-8ab5-7020-8c91-795a340e3cbf", "outcome": "ok",
                 "actor": "custodyd", **event}
        previous = self.hashes[-1].hex() if self.hashes else ZERO
        raw = f"custody-audit/v1\n{self.origin}\n{len(self.leaves)}\n{previous}\n{canonical(event)}\n".encode()
        self.leaves.append(raw)
        self.hashes.append(leaf_hash(raw))
        return len(self.leaves) - 1

    def entry(self, index):
        return {"index": str(index), "leaf": base64.b64encode(self.leaves[index]).decode(),
                "proof": hex_path(index, self.hashes)}


def person(name, duties, *keys, valid_until=FAR):
    return {"duties": sorted(duties), "id": name, "keys": [key.object() for key in keys], "valid_until": valid_until}


class World:
    ADMINS = ("admin-1", "admin-2", "admin-3")
    APPROVERS = ("approver-1", "approver-2", "approver-3")

    def __init__(self):
        names = self.ADMINS + self.APPROVERS + ("operator-1", "auditor-1", "issuer", "payee", "wallet", "mallory")
        algorithms = {"approver-2": "ed25519", "approver-3": "secp256k1"}
        self.keys = {name: Key(algorithms.get(name, "p256")) for name in names}
        self.validators = [Key("p256"), Key("ed25519"), Key("secp256k1")]
        self.log = Log()
        asset = {**ASSET, "issuer": self.keys["issuer"].address()}
        self.asset = digest("asset", canonical(asset))
        self.genesis = canonical({"assets": [asset], "created_at": at(0), "environment": ENVIRONMENT, "quorum": 2, "rules": 1,
                                  "validators": [key.object() for key in self.validators]})
        self.chain = digest("genesis", self.genesis)
        self.first = self.policy_document()
        self.trust = {"chain": self.chain, "log": self.log.vkey, "policy": digest("policy", canonical(self.first))}

    def policy_document(self):
        people = [person(name, ["administrator"], self.keys[name]) for name in self.ADMINS]
        people += [person(name, ["approver"], self.keys[name]) for name in self.APPROVERS]
        people += [person("auditor-1", ["auditor"], self.keys["auditor-1"]),
                   person("operator-1", ["operator", "requester"], self.keys["operator-1"])]
        return {
            "chain": self.chain, "environment": ENVIRONMENT, "version": 1, "prev": ZERO, "issued_at": at(1),
            "people": sorted(people, key=lambda row: row["id"]),
            "groups": [{"id": "administrators", "members": list(self.ADMINS)},
                       {"id": "approvers", "members": list(self.APPROVERS)}],
            "wallets": [{**self.keys["wallet"].object(), "assets": [self.asset], "id": "hot", "tier": "hot"}],
            "destinations": {"cooling_s": 0, "groups": ["clients"]},
            "rules": [{"demand": {"max_amount": "100000", "steps": [[{"group": "approvers", "m": 2}]]}, "effect": "allow",
                       "id": "transfers", "when": {"assets": [self.asset], "wallets": ["hot"]}}],
            "governance": {"delay_s": 2, "group": "administrators", "m": 2}}

    def next_policy(self, before, **changes):
        """The version after `before`, a document."""
        document = copy.deepcopy(before)
        document.update(version=before["version"] + 1, prev=digest("policy", canonical(before)),
                        issued_at=at(1 + before["version"]), **changes)
        return document

    def transaction_of(self, intent, wallet="wallet"):
        sender = self.keys[wallet].address()
        leg = {"amount": intent["amount"], "asset": intent["asset"]}
        document = {name: intent[name] for name in ("chain", "lane", "memo", "policy", "seq", "valid_from", "valid_until")}
        return {**document, "from": sender, "type": intent.get("type", "transfer"), "legs": [
            {**leg, "account": sender, "side": "debit"}, {**leg, "account": intent["destination"], "side": "credit"}]}

    def bundle(self, number=1, policies=None, proposed=-1, **edits):
        """A bundle of the withdrawal with that number. `policies`: rows (document, names of those who sign), the last one is in
        force; `proposed`: which of them the documents name. An edit is a
        function of one stage's value, which it changes or answers: destination, intent, approvals, transaction, events, receipt,
        header, certificate, checkpoint. See `stage`."""
        def stage(name, value):
            answer = edits[name](value) if name in edits else None
            return value if answer is None else answer

        for name in edits:
            assert name in ("destination", "intent", "approvals", "transaction", "events", "receipts", "header", "certificate",
                            "checkpoint", "destination_signers", "transaction_signer"), name
        policies = policies or [(self.first, self.ADMINS)]
        force = digest("policy", canonical(policies[-1][0]))
        named = policies[proposed][0]
        here = {"chain": self.chain, "environment": ENVIRONMENT, "policy": digest("policy", canonical(named))}
        withdrawal = f"01a1fbb6-8ab5-7912-829e-{number:012x}"
        destination = canonical(stage("destination", {
            **here, "account": self.keys["payee"].address(), "group": "clients", "id": "payee-1", "issued_at": at(5),
            "valid_until": FAR}))
        listed = signed("destination", destination,
                        *(self.keys[name] for name in stage("destination_signers", ["admin-1", "admin-3"])))
        intent = {
            **here, "amount": str(2500 + number), "asset": self.asset, "destination": self.keys["payee"].address(),
            "expires_at": at(3600), "fee_cap": "0", "lane": "0", "memo": ZERO, "policy_version": named["version"],
            "requested_at": at(10), "requester": "operator-1", "seq": str(number), "transaction": ZERO, "valid_from": "2",
            "valid_until": "1000", "wallet": "hot", "withdrawal": withdrawal}
        intent["transaction"] = digest("transaction", canonical(self.transaction_of(intent)))
        honest = copy.deepcopy(intent)
        intent = stage("intent", intent)
        if intent["transaction"] == honest["transaction"]:
            intent["transaction"] = digest("transaction", canonical(self.transaction_of(intent)))
        rows = []
        for name in ("approver-1", "approver-2"):
            rows.append([{**here, "approver": name, "decision": "approve", "expires_at": at(3600),
                          "intent": digest("intent", canonical(intent)), "key": self.keys[name].id, "seen": [], "signed_at": at(20),
                          "withdrawal": withdrawal}, self.keys[name]])
        rows = stage("approvals", rows)
        approvals = [signed("approval", canonical(document), key) for document, key in rows]
        document = canonical(stage("transaction", self.transaction_of(intent)))
        transaction = digest("transaction", document)
        sender = self.keys[stage("transaction_signer", "wallet")]
        refs = {"approvals": sorted(digest("approval", row["document"]) for row in approvals),
                "destination": digest("destination", destination), "intent": digest("intent", canonical(intent)),
                "policy": here["policy"], "transaction": transaction}
        facts = {name: intent[name] for name in TERMS if name in intent}
        trail, entries = self.trail(withdrawal, force, {"facts": {**facts, "promises": "0"}, "refs": refs}, stage)
        note = stage("checkpoint", self.log.note(len(trail.hashes), root(trail.hashes)))
        return {
            "format": "strongroom-evidence/v1", "withdrawal": withdrawal, "genesis": self.genesis,
            "policies": [signed("policy", canonical(policy), *(self.keys[name] for name in names)) for policy, names in policies],
            "destination": listed, "intent": canonical(intent), "approvals": approvals,
            "transaction": signed("transaction", document, sender), "block": self.block(transaction, stage),
            "checkpoint": base64.b64encode(note).decode(), "entries": [trail.entry(index) for index in entries]}

    def trail(self, withdrawal, force, named, stage):
        acts = ["request", "approve", "approve", "approved", "signing", "signed", "submitted", "confirmed"]
        events = [{"act": f"withdrawal.{act}", "oid": withdrawal, "on": str(on), "otype": "withdrawal", "ts": at(20 + on)}
                  for on, act in enumerate(acts, 1)]
        events[4].update(outcome="intent", policy=force, **named)
        trail = Trail()
        entries = []
        trail.append({"act": "log.genesis", "ts": at(2)})
        for event in stage("events", events):
            entries.append(trail.append(event))
            trail.append({"act": "service.heartbeat", "ts": event["ts"]})
        return trail, entries

    def block(self, transaction, stage):
        ids = [hashlib.sha256(b"before").hexdigest(), transaction, hashlib.sha256(b"after").hexdigest()]
        receipts = [canonical({"code": "ok", "height": "7", "index": index, "transaction": name})
                    for index, name in enumerate(ids)]
        receipts = stage("receipts", receipts)
        trees = [[leaf_hash(bytes.fromhex(text)) for text in row]
                 for row in (ids, [digest("receipt", receipt) for receipt in receipts])]
        genesis = json.loads(self.genesis)
        validators = digest("validators", canonical({name: genesis[name] for name in ("quorum", "validators")}))
        header = canonical(stage("header", {
            "audit": ZERO, "batch": ZERO, "chain": self.chain, "count": 3, "height": "7", "history_root": ZERO,
            "last_certificate": ZERO, "prev": ZERO, "receipts_root": root(trees[1]).hex(), "rules": 1, "time": at(30),
            "tx_root": root(trees[0]).hex(), "validators": validators}))
        return {"certificate": [key.signature("header", header) for key in stage("certificate", self.validators[:2])],
                "header": header, "index": 1, "receipt": receipts[1], "tx_proof": hex_path(1, trees[0]),
                "receipt_proof": hex_path(1, trees[1])}
