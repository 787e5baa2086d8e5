"""Ceremonies made in software, from docs/formats.md alone: transcript, key document, backup, restore proof, attestation.

`Ceremonies.make` makes all of them in order, so that each names what came before. An edit changes one stage before it is
signed: that is an attacker who is one of the people, or owns the tools, and lacks only the keys of the others.
"""

import base64
import hashlib

from world import FAR, ZERO, Key, World, at, canonical, digest, message, person, sealing_key, signed

GENERATED = ["alg", "approved", "firmware", "key", "key_id", "label", "manufacturer", "mechanism", "model", "module", "program",
             "proof", "rng", "serial"]
STEPS = [("open", "administrator", ["module", "program"]), ("attend", "witness", ["serial"]),
         ("generate", "custodian-1", GENERATED), ("backup", "custodian-2", ["backup", "check", "threshold"]),
         ("inspect", "witness", ["key_id", "serial"]), ("close", "administrator", ["key_id"])]
SCRIPT = {"name": "key", "steps": [{"facts": facts, "role": role, "step": step} for step, role, facts in STEPS], "version": 1}
ROLES = {"administrator": "admin-1", "custodian-1": "custodian-1", "custodian-2": "custodian-2", "witness": "auditor-1"}
TOKEN = {"firmware": "2.6", "label": "hot", "manufacturer": "SoftHSM project", "model": "SoftHSM v2", "serial": "8a3f0b1c2d4e5f60"}
OTHER_TOKEN = {**TOKEN, "serial": "0123456789abcdef"}
STAGES = ("share_set", "share_set_signers", "script", "head", "facts", "step", "step_signer", "steps", "key", "key_signers", "backup", "backup_signer", "occasion", "occasion_signers", "restore",
          "restore_signers", "attestation", "attestation_signer")


class Ceremonies(World):
    CUSTODIANS = ("custodian-1", "custodian-2", "custodian-3", "custodian-4", "custodian-5", "custodian-6", "custodian-7")

    def __init__(self):
        super().__init__()
        self.born = Key("p256")
        self.seals = {name: base64.b64encode(hashlib.sha256(name.encode()).digest()).decode() for name in self.CUSTODIANS}

    def policy_document(self):
        document = super().policy_document()
        for name in self.CUSTODIANS:
            self.keys[name] = Key("ed25519" if name == "custodian-2" else "p256")
            document["people"].append(person(name, ["custodian"], self.keys[name]))
        self.keys["former"] = Key("p256")
        document["people"].append(person("former", ["custodian"], self.keys["former"], valid_until=at(60)))
        document["people"].sort(key=lambda row: row["id"])
        return document

    def signed_policy(self, document=None, names=World.ADMINS):
        return signed("policy", canonical(document or self.first), *(self.keys[name] for name in names))

    def actors(self):
        rows = []
        for role, name in ROLES.items():
            row = {**self.keys[name].object(), "id": name, "role": role}
            rows.append({**row, "seal": self.seals[name]} if name in self.seals else row)
        return sorted(rows, key=lambda row: row["id"])

    def share_rows(self, names, site):
        return [{"commitment": hashlib.sha256(name.encode()).hexdigest(), "custodian": name, "index": index,
                 "seal": sealing_key(name, self.seals[name], self.keys[name]), "site": f"{site}-{index}"}
                for index, name in enumerate(names, 1)]

    def backup_document(self):
        shares = self.share_rows(self.CUSTODIANS[:3], "site")
        return {**self.born.object(), "check": hashlib.sha256(b"kek").hexdigest(), "holder": "admin-2", "label": "wallet-hot",
                "made_at": at(104), "mechanism": "aes-key-wrap-pad", "shares": shares, "site": "vault", "threshold": 2,
                "token": TOKEN, "wrapped_sha256": hashlib.sha256(bytes(80)).hexdigest(), "wrapped_size": 80}

    def share_set_document(self):
        """Of the PIN of the token that the key is on: with others, and elsewhere, than the backup."""
        shares = self.share_rows(self.CUSTODIANS[4:], "hut")
        return {"key": self.born.id, "made_at": at(104), "of": "pin", "prev": ZERO, "shares": shares, "threshold": 2, "version": 1}

    def make(self, method="wrapped", purpose="transfer", policy=None, **edits):
        """All files of one key, as JSON values. An edit is a function of one stage's value, which it changes or answers; those
        of `facts`, `step` and `step_signer` get the name of the step first."""
        def stage(name, value, *first):
            answer = edits[name](*first, value) if name in edits else None
            return value if answer is None else answer

        for name in edits:
            assert name in STAGES, name
        here = {"chain": self.chain, "environment": self.first["environment"]}
        force = digest("policy", canonical(policy or self.first))
        files = {}
        backup_digest = method
        if method == "wrapped":
            document = canonical(stage("backup", self.backup_document()))
            backup_digest = digest("backup", document)
            files["backup"] = signed("backup", document, stage("backup_signer", self.born))
            shares = canonical(stage("share_set", self.share_set_document()))
            files["share_set"] = signed("share_set", shares, *(
                self.keys[name] for name in stage("share_set_signers", ["admin-1", "admin-2"])))
        files["transcript"] = self.transcript(stage, purpose, files.get("backup"), backup_digest)
        key = {**here, **self.born.object(), "activation": "unattended", "approved": False, "backup": method, "box_seconds": 86400,
               "box_signatures": "1000", "ceremony": digest("ceremony", canonical(files["transcript"])), "creator": "custodian-1",
               "custodians": list(self.CUSTODIANS[:3]), "drill_days": 90 if method != "none" else 366, "emergency": [],
               "idle_seconds": 0, "issued_at": at(200), "location": "site-1", "owner": "own", "policy": force, "purpose": purpose,
               "retain_until": FAR, "tier": "hot" if purpose == "transfer" else "system", "token": TOKEN, "valid_from": at(0),
               "valid_until": "2028-01-01T00:00:00.000000Z"}
        if method == "wrapped":
            key["backup_document"] = backup_digest
        key = canonical(stage("key", key))
        files["key"] = signed("key", key, *(self.keys[name] for name in stage("key_signers", ["admin-1", "admin-2"])))
        if method != "none":
            done = {**here, "authoriser": "admin-2", "executor": "custodian-3", "key": self.born.id, "policy": force, "requester": "operator-1"}
            backup_named = backup_digest if method == "wrapped" else ZERO
            occasion = canonical(stage("occasion", {
                **done, "action": "restore", "expires_at": at(270), "issued_at": at(205), "serial": OTHER_TOKEN["serial"],
                "set": backup_named, "to": base64.b64encode(bytes(32)).decode()}))
            allowed = signed("occasion", occasion, *(self.keys[name] for name in stage("occasion_signers", ["operator-1", "admin-2"])))
            restore = canonical(stage("restore", {
                **done, "backup": backup_named, "challenge": hashlib.sha256(b"challenge").hexdigest(), "kind": "restore",
                "made_at": at(210), "occasion": allowed,
                "shares": ["custodian-1", "custodian-3"] if method == "wrapped" else [], "token": OTHER_TOKEN}))
            people = [self.born] + [self.keys[name] for name in stage("restore_signers", ["operator-1", "admin-2", "custodian-3"])]
            files["restore"] = signed("restore", restore, *people)
        attestation = canonical(stage("attestation", {
            **here, **self.born.object(), "address": self.born.address(), "challenge": hashlib.sha256(b"fresh").hexdigest(),
            "document": digest("key", key), "issued_at": at(300), "state": "inactive"}))
        files["attestation"] = signed("attestation", attestation, stage("attestation_signer", self.born))
        return files

    def facts(self, backup, backup_digest):
        words = {**TOKEN, **self.born.object(), "approved": "false", "key_id": self.born.id, "mechanism": "ecdsa",
                 "module": hashlib.sha256(b"module").hexdigest(), "program": hashlib.sha256(b"program").hexdigest(),
                 "rng": "token", "backup": backup_digest, "check": "", "threshold": ""}
        if backup is not None:
            document = self.backup_document()
            words.update(check=document["check"], threshold=str(document["threshold"]))
        generated = canonical({name: words[name] for name in GENERATED if name != "proof"})
        words["proof"] = base64.b64encode(self.born.sign(message("generated", generated))).decode()
        return words

    def transcript(self, stage, purpose, backup, backup_digest):
        script = stage("script", {"digest": digest("script", canonical(SCRIPT)), "name": "key", "version": 1})
        head = stage("head", {"actors": self.actors(), "environment": self.first["environment"], "purpose": purpose,
                              "id": "01a1fbb6-8ab5-7912-829e-00000000beef", "script": script})
        words = self.facts(backup, backup_digest)
        before = digest("ceremony_head", canonical(head))
        steps = []
        for number, (name, role, names) in enumerate(STEPS):
            facts = stage("facts", {fact: words[fact] for fact in names}, name)
            body = stage("step", {"actor": ROLES[role], "at": at(100 + number), "facts": facts, "prev": before, "step": name}, name)
            document = canonical({**body, "ceremony": head["id"]})
            before = digest("ceremony_step", document)
            key = self.keys[stage("step_signer", ROLES[role], name)]
            steps.append({**body, "sig": base64.b64encode(key.sign(message("ceremony_step", document))).decode()})
        return {**head, "steps": stage("steps", steps)}
