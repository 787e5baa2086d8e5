#!/usr/bin/env python3
"""custody-verify ceremony and address: true ones are proven step by step, every forgery is found and named.

Whoever forges holds all keys but those of the people he pretends to be; what follows from his change is made anew. The
policy room judges the same files and must say the same.
"""

import base64
import copy
import datetime
import hashlib
import json
import os
import subprocess
import tempfile
import unittest

from ceremony_world import OTHER_TOKEN, ROLES, SCRIPT, STEPS, TOKEN, Ceremonies
from world import ZERO, Key, at, canonical, digest, sealing_key

PROGRAM = os.environ["CUSTODY_VERIFY"]
EVERY_BYTE = os.environ["VERIFY_EVERY_BYTE"]
JUDGE = os.environ["VERIFY_CEREMONY_JUDGE"]
NOW = datetime.datetime.now(datetime.timezone.utc)


def ago(hours):
    """A time before now: whether somebody may pay to an address, custody-verify judges by its own clock."""
    return (NOW - datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Wallets(Ceremonies):
    """The key is the wallet of the policy, and may sign today."""

    def __init__(self):
        super().__init__()
        self.first["wallets"][0].update(self.born.object())
        self.trust["policy"] = digest("policy", canonical(self.first))

    def make(self, *words, **edits):
        def key(document):
            document.update(valid_from=ago(24), valid_until=ago(-365 * 24), retain_until=ago(-366 * 24))
            return edits["key"](document) if "key" in edits else None
        return super().make(*words, **{**edits, "key": key})


WORLD = Wallets()
MALLORY = WORLD.keys["mallory"]


def edit(**changes):
    return lambda value: value.update(changes)


def of(step, change):
    """An edit of one step only."""
    return lambda name, value: change(value) if name == step else None


def actor(in_role, **changes):
    """Another person in a role; the list stays sorted."""
    def change(head):
        for row in head["actors"]:
            if row["role"] == in_role:
                row.update(changes)
                for name in [name for name in row if row[name] is None]:
                    row.pop(name)
        head["actors"].sort(key=lambda row: row["id"])
    return change


def person(name):
    return {**WORLD.keys[name].object(), "id": name}


def another(role, name):
    """A person takes part under the own name in the role of somebody else, with the own key."""
    steps = [step for step, of_role, _ in STEPS if of_role == role]
    return {"head": actor(role, **person(name)),
            "step": lambda step, body: body.update(actor=name) if step in steps else None,
            "step_signer": lambda step, _: name if step in steps else None}


def own_script(**changes):
    """Whoever edits the script and puts its true digest into the transcript."""
    return {"script": edit(digest=digest("script", canonical({**SCRIPT, **changes})))}


def row(before, **changes):
    """A row of a table of shares, changed; who it is for signs a sealing key, as anybody can."""
    after = {**before, **changes}
    name = after["custodian"]
    if "custodian" in changes:
        public = WORLD.seals.get(name, base64.b64encode(hashlib.sha256(name.encode()).digest()).decode())
        after["seal"] = sealing_key(name, public, WORLD.keys[name])
    return after


def share(place, **changes):
    return {"backup": lambda value: value["shares"].__setitem__(place, row(value["shares"][place], **changes))}


def sealed(name="custodian-2", seal_of=None, signer=None, **changes):
    """The sealing key of custodian-2, as whoever makes the backup might like it."""
    return share(1, seal=sealing_key(name, WORLD.seals[seal_of or name], WORLD.keys[signer or name], **changes))


def pin(place, **changes):
    def change(value):
        value["shares"][place] = row(value["shares"][place], **changes)
        value["shares"].sort(key=lambda row: row["custodian"])
    return {"share_set": change}


def born_elsewhere(value):
    other = Key("p256")
    value.update(other.object())
    value["key_id"] = other.id


# What is edited -> (words of the finding, the edits of Ceremonies.make).
FORGERIES = {
    "script with a fact less": ("script", own_script(steps=SCRIPT["steps"][:-1])),
    "script of another version": ("script", own_script(version=2)),
    "script said to be another version": ("script", {"script": edit(version=2)}),
    "script of another name": ("script", {"script": edit(name="keys")}),
    "a step is skipped": ("step 5 inspect: step", {"steps": lambda steps: steps[:4] + steps[5:]}),
    "the last step is skipped": ("steps are missing", {"steps": lambda steps: steps[:-1]}),
    "no step was done": ("steps are missing", {"steps": lambda steps: []}),
    "two steps changed places": ("step 2 attend: step", {"steps": lambda steps: [steps[0], steps[2], steps[1]] + steps[3:]}),
    "a step stands twice": ("step 3 generate: step", {"steps": lambda steps: steps[:2] + steps[1:]}),
    "a step too many": ("step 7 : is one too many", {"steps": lambda steps: steps + steps[-1:]}),
    "a step of another name": ("step 5 inspect: step", {"step": of("inspect", edit(step="attend"))}),
    "custodians are one person": ("not four different people", {"head": actor("custodian-2", **person("custodian-1"))}),
    "witness is a custodian, too": ("role needs a duty", another("witness", "custodian-1")),
    "witness without the duty": ("actor admin-2: role needs a duty", another("witness", "admin-2")),
    "administrator without the duty": ("actor approver-1: role needs a duty", another("administrator", "approver-1")),
    "custodian without the duty": ("actor operator-1: role needs a duty", another("custodian-1", "operator-1")),
    "custodian whose time is over": ("step 4 backup: at", another("custodian-2", "former")),
    "somebody the policy does not know": ("actor stranger: key", {
        "head": actor("witness", **{**MALLORY.object(), "id": "stranger"}),
        "step": lambda name, body: body.update(actor="stranger") if body["actor"] == "auditor-1" else None,
        "step_signer": lambda name, signer: "mallory" if signer == "auditor-1" else None}),
    "another key for a person": ("actor auditor-1: key", {
        "head": actor("witness", **MALLORY.object()),
        "step_signer": lambda name, signer: "mallory" if signer == "auditor-1" else None}),
    "a key under another's name": ("actor auditor-2: key", {
        "head": actor("witness", id="auditor-2"),
        "step": lambda name, body: body.update(actor="auditor-2") if body["actor"] == "auditor-1" else None}),
    "a role twice": ("role is unknown or given twice", {"head": actor("custodian-2", role="custodian-1")}),
    "an unknown role": ("role is unknown or given twice", {"head": actor("witness", role="auditor")}),
    "two custodians, one seal": ("seal is another", {"head": actor("custodian-1", seal=WORLD.seals["custodian-2"])}),
    "a witness with a seal": ("seal is none", {"head": actor("witness", seal=WORLD.seals["custodian-4"])}),
    "a seal that is none": ("seal is none", {"head": actor("custodian-1", seal="AAAA")}),
    "actors out of order": ("not four different people", {"head": lambda head: head["actors"].reverse()}),
    "three actors": ("actors", {"head": lambda head: head["actors"].pop() and None}),
    "signed by another": ("step 2 attend: sig", {"step_signer": lambda name, _: "mallory" if name == "attend" else None}),
    "done by another than the role": ("step 2 attend: actor", {"step": of("attend", edit(actor="admin-1"))}),
    "one person does the step of another": ("step 2 attend: actor", {
        "step": of("attend", edit(actor="admin-1")), "step_signer": lambda name, _: "admin-1" if name == "attend" else None}),
    "not linked to the step before": ("step 4 backup: prev", {"step": of("backup", edit(prev=ZERO))}),
    "not linked to the head": ("step 1 open: prev", {"step": of("open", edit(prev=ZERO))}),
    "time goes back": ("step 5 inspect: at", {"step": of("inspect", edit(at=at(102, 999999)))}),
    "another serial is inspected": ("step 5 inspect: facts differ", {"facts": of("inspect", edit(serial="1"))}),
    "another serial was read": ("step 3 generate: facts differ", {"facts": of("attend", edit(serial="1"))}),
    "another module generated": ("step 3 generate: facts differ", {"facts": of("open", edit(module=ZERO))}),
    "another key is closed": ("step 6 close: facts differ", {"facts": of("close", edit(key_id=ZERO))}),
    "a fact is missing": ("step 2 attend: facts are not", {"facts": of("attend", lambda facts: {})}),
    "a fact too many": ("step 2 attend: facts are not", {"facts": of("attend", edit(rng="token"))}),
    "a fact of another name": ("step 2 attend: facts are not", {"facts": of("attend", lambda facts: {"serials": facts["serial"]})}),
    "a fact is a number": ("step 2 attend: facts are not", {"facts": of("attend", edit(serial=1))}),
    "a fact is too long": ("step 3 generate: facts are not", {"facts": of("generate", edit(rng="x" * 1025))}),
    "said otherwise than the key signed": ("step 3 generate: proof", {"facts": of("generate", edit(rng="vendor"))}),
    "the proof is another's": ("step 3 generate: proof", {"facts": of("generate", edit(
        proof=WORLD.keys["wallet"].signature("generated", "{}")["sig"]))}),
    "the proof is none": ("step 3 generate: proof", {"facts": of("generate", edit(proof=""))}),
    "another key was made": ("step|key", {"facts": of("generate", born_elsewhere)}),
    "key document of another ceremony": ("key: ceremony", {"key": edit(ceremony=ZERO)}),
    "key document of another serial": ("key: serial", {"key": edit(token=OTHER_TOKEN), "backup": edit(token=OTHER_TOKEN)}),
    "key document of another firmware": ("key: firmware", {name: edit(token={**TOKEN, "firmware": "2.7"}) for name in ("key", "backup")}),
    "key document that says approved": ("key: approved", {
        "key": edit(approved=True, token={**TOKEN, "manufacturer": "Maker"}), "backup": edit(token={**TOKEN, "manufacturer": "Maker"})}),
    "a ceremony that says SoftHSM is approved": ("key: approved is said of SoftHSM", {
        "facts": of("generate", edit(approved="true")), "key": edit(approved=True)}),
    "a box of a year and more": ("key: box_seconds", {"key": edit(box_seconds=34560001)}),
    "a box of no minute": ("key: box_seconds", {"key": edit(box_seconds=59)}),
    "idle for longer than any box": ("key: idle_seconds", {"key": edit(activation="attended", idle_seconds=34560001)}),
    "key document of another purpose": ("key: purpose", {"key": edit(purpose="validator", tier="system")}),
    "key document of another environment": ("key: environment", {"key": edit(environment="live")}),
    "key document of another ledger": ("key: chain", {"key": edit(chain=ZERO)}),
    "key document of another policy": ("key: policy", {"key": edit(policy=ZERO)}),
    "key document of another backup": ("backup: is not the one", {"key": edit(backup_document="1" * 64)}),
    "key document without its backup": ("backup", {"key": lambda value: value.pop("backup_document") and None}),
    "key document that says clone": ("backup", {"key": lambda value: value.update(backup="clone") or value.pop("backup_document") and None}),
    "key document of another key": ("backup|step", {"key": edit(**WORLD.keys["wallet"].object())}),
    "key document of no tier": ("key: tier", {"key": edit(tier="lukewarm")}),
    "key document of no owner": ("key: owner", {"key": edit(owner="")}),
    "key document of two activations": ("key: activation", {"key": edit(activation="attended unattended")}),
    "key document of no backup method": ("key: backup", {"key": edit(backup="paper")}),
    "backup by another mechanism": ("backup: mechanism", {"backup": edit(mechanism="rot13")}),
    "restore of another kind": ("restore: kind", {"restore": edit(kind="copy")}),
    "key document with a field more": ("key: note", {"key": edit(note="x")}),
    "key document by one administrator": ("key: is not signed", {"key_signers": lambda _: ["admin-1"]}),
    "key document by an approver, too": ("key: is not signed", {"key_signers": lambda _: ["admin-1", "admin-2", "approver-1"]}),
    "a keeper without the duty": ("key: a custodian", {"key": edit(custodians=["custodian-1", "operator-1"])}),
    "a keeper whom nobody knows": ("key: a custodian", {"key": edit(custodians=["custodian-1", "stranger"])}),
    "made by one who was not there": ("key: creator", {"key": edit(creator="custodian-3")}),
    "kept by others than those who made it": ("key: custodians", {
        "key": edit(custodians=["custodian-1", "custodian-3", "custodian-4"]),
        "backup": lambda value: value.update(shares=[row(before, custodian=name) for before, name in zip(
            value["shares"], ["custodian-1", "custodian-3", "custodian-4"])])}),
    "a share for one who is no keeper": ("backup: shares", {"key": edit(custodians=["custodian-1", "custodian-2"])}),
    "backup of another key": ("backup", {"backup": edit(**WORLD.keys["wallet"].object())}),
    "backup not signed by the key": ("backup: is not signed", {"backup_signer": lambda _: MALLORY}),
    "backup from another token": ("backup: token", {"backup": edit(token=OTHER_TOKEN)}),
    "backup with another check value": ("backup: check", {"backup": edit(check=ZERO)}),
    "backup with another threshold": ("backup: threshold", {"backup": edit(threshold=3)}),
    "backup of a wrapped key of no size": ("backup: wrapped_size", {"backup": edit(wrapped_size=0)}),
    "backup of a wrapped key that is too long": ("backup: wrapped_size", {"backup": edit(wrapped_size=1025)}),
    "backup that has the wrapped key in it": ("backup: wrapped", {"backup": lambda value: value.update(wrapped="AAAA") or value.pop(
        "wrapped_sha256") and value.pop("wrapped_size") and None}),
    "backup that one can open": ("backup: shares", {"backup": edit(threshold=1)}),
    "backup that nobody can open": ("backup: shares", {"backup": edit(threshold=4)}),
    "sealed for a key that the maker of the backup signed": ("sealing_key of custodian-2", sealed(signer="operator-1")),
    "sealed for a key that nobody knows of": ("sealing_key of custodian-2", share(1, seal=sealing_key(
        "custodian-2", WORLD.seals["custodian-2"], MALLORY))),
    "sealed for the key of another custodian": ("sealing_key of custodian-2", sealed("custodian-3")),
    "two custodians with one sealing key": ("sealing_key of custodian-2", sealed(seal_of="custodian-1")),
    "a sealing key of another ledger": ("sealing_key of custodian-2", sealed(environment="live")),
    "a sealing key that was over": ("sealing_key of custodian-2", sealed(valid_until=at(104))),
    "a sealing key that was for later": ("sealing_key of custodian-2", sealed(issued_at=at(165))),
    "a sealing key of no length": ("sealing_key: valid_until|sealing_key of custodian-2", sealed(issued_at=at(110), valid_until=at(110))),
    "a sealing key that is none": ("sealing_key of custodian-2", share(1, seal=sealing_key(
        "custodian-2", "AAAA", WORLD.keys["custodian-2"]))),
    "a sealing key that two signed": ("sealing_key of custodian-2", {"backup": lambda value: value["shares"][1]["seal"]["signatures"].append(
        sealing_key("custodian-2", WORLD.seals["custodian-2"], MALLORY)["signatures"][0])}),
    "a share for a sealing key of no paper": ("backup: shares|seal", share(1, seal=WORLD.seals["custodian-2"])),
    "the PIN is sealed for a key that its maker signed": ("sealing_key of custodian-6", pin(1, seal=sealing_key(
        "custodian-6", WORLD.seals["custodian-6"], WORLD.keys["admin-1"]))),
    "the holder has a share": ("backup: shares", {"backup": edit(holder="custodian-2")}),
    "the blob lies beside a share": ("backup: shares", {"backup": edit(site="site-2")}),
    "two shares at one site": ("backup: shares", share(1, site="site-1")),
    "two shares of one person": ("backup: shares", share(1, custodian="custodian-1")),
    "two shares of one index": ("backup: shares", share(1, index=1)),
    "an index above n": ("backup: shares", share(2, index=4)),
    "an index of nothing": ("backup: shares", share(0, index=0)),
    "share set with one signature": ("share_set: is not signed", {"share_set_signers": lambda _: ["admin-1"]}),
    "share set of who has no duty": ("share_set: shares", pin(0, custodian="approver-1")),
    "the PIN is with one who has a share of the KEK": ("share_set: shares", pin(0, custodian="custodian-3")),
    "the PIN is beside a share of the KEK": ("share_set: shares", pin(1, site="site-1")),
    "the PIN is beside the blob": ("share_set: shares", pin(2, site="vault")),
    "the PIN is with the holder of the blob": ("share_set: shares", {
        **pin(0, custodian="custodian-2"), "backup": lambda value: value.update(holder="custodian-2", shares=[
            other for other in value["shares"] if other["custodian"] != "custodian-2"] + [
            row(value["shares"][1], custodian="custodian-4")]) or value["shares"].sort(key=lambda row: row["custodian"]),
        "key": edit(custodians=["custodian-1", "custodian-2", "custodian-3", "custodian-4"])}),
    "two shares of a PIN at one site": ("share_set: shares", pin(1, site="hut-1")),
    "a PIN that one has": ("share_set: shares", {"share_set": edit(threshold=1)}),
    "share set of a KEK": ("share_set: of", {"share_set": edit(of="kek")}),
    "share set that follows none": ("share_set: prev", {"share_set": edit(version=2)}),
    "share set before the first": ("share_set: prev", {"share_set": edit(prev="1" * 64)}),
    "restored on the token of birth": ("restore: token", {"restore": edit(token=TOKEN)}),
    "restored beside it, firmware renewed": ("restore: token", {"restore": edit(token={**TOKEN, "firmware": "2.7"})}),
    "restored another key": ("restore: key", {"restore": edit(key=ZERO)}),
    "restored another backup": ("restore: backup", {"restore": edit(backup=ZERO)}),
    "restored with one share": ("restore: shares", {"restore": edit(shares=["custodian-1"])}),
    "restored with one share twice": ("restore: shares", {"restore": edit(shares=["custodian-1", "custodian-1"])}),
    "restored with a stranger's share": ("restore: shares", {"restore": edit(shares=["custodian-1", "custodian-4"])}),
    "restored for another ledger": ("restore: chain", {"restore": edit(chain=ZERO)}),
    "restored elsewhere": ("restore: environment", {"restore": edit(environment="live")}),
    "restored under another policy": ("restore: policy", {"restore": edit(policy=ZERO)}),
    "asked and allowed by one": ("restore: is not signed", {
        "restore": edit(requester="admin-2"), "restore_signers": lambda _: ["admin-2", "custodian-3"]}),
    "done without the duty": ("restore: is not signed", {
        "restore": edit(executor="approver-1"), "restore_signers": lambda _: ["operator-1", "admin-2", "approver-1"]}),
    "allowed without the duty": ("restore: is not signed", {
        "restore": edit(authoriser="custodian-1"), "restore_signers": lambda _: ["operator-1", "custodian-1", "custodian-3"]}),
    "asked without the duty": ("restore: is not signed", {
        "restore": edit(requester="approver-1"), "restore_signers": lambda _: ["approver-1", "admin-2", "custodian-3"]}),
    "done by a former custodian": ("restore: is not signed", {
        "restore": edit(executor="former"), "restore_signers": lambda _: ["operator-1", "admin-2", "former"]}),
    "the one who asked signed no occasion": ("occasion: is not signed", {"occasion_signers": lambda _: ["admin-2"]}),
    "the one who allowed signed no occasion": ("occasion: is not signed", {"occasion_signers": lambda _: ["operator-1"]}),
    "another allowed the occasion": ("occasion: is not signed", {"occasion_signers": lambda _: ["operator-1", "admin-1"]}),
    "the occasion was signed by one more": ("occasion: is not signed", {"occasion_signers": lambda _: ["operator-1", "admin-2", "admin-1"]}),
    "the occasion is only named": ("restore: occasion", {"restore": edit(occasion=ZERO)}),
    "an occasion of a drill": ("occasion: is for another restore", {"occasion": edit(action="drill")}),
    "an occasion to activate": ("occasion: action", {"occasion": edit(action="activate")}),
    "an occasion for another token": ("occasion: is for another restore", {"occasion": edit(serial="0000")}),
    "an occasion for another backup": ("occasion: is for another restore", {"occasion": edit(set=ZERO)}),
    "an occasion for another key": ("occasion: key", {"occasion": edit(key=ZERO)}),
    "an occasion for another executor": ("occasion: executor", {"occasion": edit(executor="custodian-2")}),
    "asked by another": ("occasion: requester", {"occasion": edit(requester="admin-1"), "occasion_signers": lambda _: ["admin-1", "admin-2"]}),
    "an occasion of another ledger": ("occasion: chain", {"occasion": edit(chain=ZERO)}),
    "an occasion under another policy": ("occasion: policy", {"occasion": edit(policy=ZERO)}),
    "an occasion that was over": ("occasion: was not", {"occasion": edit(expires_at=at(210))}),
    "an occasion that had not begun": ("occasion: was not", {"occasion": edit(issued_at=at(271), expires_at=at(280))}),
    "an occasion of more than a day": ("occasion: was not", {"occasion": edit(expires_at="2026-01-03T03:03:26.000000Z")}),
    "an occasion for no receiver": ("occasion: to", {"occasion": edit(to="AAAA")}),
    "executor did not sign": ("restore: is not signed", {"restore_signers": lambda _: ["operator-1", "admin-2"]}),
    "signed by one more": ("restore: is not signed", {"restore_signers": lambda _: ["operator-1", "admin-2", "custodian-3", "admin-1"]}),
    "signed by another": ("restore: is not signed", {"restore_signers": lambda _: ["operator-1", "admin-2", "custodian-4"]}),
}

ADDRESSES = {
    "another address": ("attestation: address", {"attestation": edit(address=WORLD.keys["payee"].address())}),
    "another key": ("attestation: is not signed|attestation: key", {
        "attestation": edit(**MALLORY.object(), address=MALLORY.address()), "attestation_signer": lambda _: MALLORY}),
    "another key's address, signed by the key": ("attestation: key", {
        "attestation": edit(**MALLORY.object(), address=MALLORY.address())}),
    "not signed by the key": ("attestation: is not signed", {"attestation_signer": lambda _: MALLORY}),
    "of another key document": ("attestation: document", {"attestation": edit(document=ZERO)}),
    "of another ledger": ("attestation: chain", {"attestation": edit(chain=ZERO)}),
    "of another environment": ("attestation: environment", {"attestation": edit(environment="live")}),
    "in a state in which keys do not attest": ("attestation: state", {"attestation": edit(state="destroyed")}),
    "in no state": ("attestation: state", {"attestation": edit(state="fine")}),
    "key document nobody signed": ("key: is not signed", {"key_signers": lambda _: []}),
}

# Documents that are all they say, signed by those who should; what they say is that nobody should pay to this key.
RECEIVES_NOTHING = {
    "of a validator": ("key: purpose is not transfer", {"purpose": "validator"}),
    "of the audit key": ("key: purpose is not transfer", {"purpose": "audit"}),
    "suspended": ("attestation: state", {"attestation": edit(state="suspended")}),
    "retained": ("attestation: state", {"attestation": edit(state="retained")}),
    "of another tier than the wallet": ("key: tier is not that of the wallet", {"key": edit(tier="cold")}),
}
STALE = {
    "attested long ago": ("attestation: issued_at is more than 8 days ago", {}, []),
    "attested yesterday and a bit": ("attestation: issued_at is more than 1 days ago", {"attestation": edit(issued_at=ago(25))},
                                     ["--max-age-days", "1"]),
    "attested tomorrow": ("attestation: issued_at is in the future", {"attestation": edit(issued_at=ago(-24))}, []),
    "of a key whose time is over": ("key: valid_until is over", {"key": edit(valid_from=at(0), valid_until=at(400)), "attestation": edit(issued_at=ago(1))}, []),
}


class Case(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.write("trust", WORLD.trust)
        self.write("policy", WORLD.signed_policy())

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, value):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else canonical(value) + "\n")
        return self.path(name)

    def ceremony(self, files, *more, trust=True):
        words = ["ceremony", "--policy", self.path("policy")] + (["--trust", self.path("trust")] if trust else [])
        for name, option in (("transcript", "transcript"), ("key", "key-document"), ("backup", "backup"), ("restore", "restore"),
                             ("share_set", "share-set")):
            if name in files:
                words += [f"--{option}", self.write(name, files[name])]
        return self.run_it(*words, *more)

    def address(self, files, *more, age=("--max-age-days", "36500")):
        return self.run_it("address", "--policy", self.path("policy"), "--key-document", self.write("key", files["key"]),
                           "--attestation", self.write("attestation", files["attestation"]), *age, *more)

    def run_it(self, *words):
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)

    def judge(self, files, *more):
        """The policy room, which shares no code with custody-verify."""
        for name in ("transcript", "key", "backup", "share_set", "restore", "attestation"):
            if name in files:
                self.write(name, files[name])
            elif os.path.exists(self.path(name)):
                os.remove(self.path(name))
        return subprocess.run([JUDGE, self.place, *more], capture_output=True, text=True, check=False)

    def assert_proven(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("proven: ", done.stdout)

    def assert_refused_by_both(self, done, files, words):
        self.assert_forged(done, words)
        judged = self.judge(files)
        self.assertEqual(judged.returncode, 1, judged.stdout + judged.stderr)

    def assert_forged(self, done, words):
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertNotIn("proven", done.stdout)
        self.assertTrue(any(word in done.stdout for word in words.split("|")), done.stdout)


class Replayed(Case):
    def test_every_step_is_told(self):
        done = self.ceremony(WORLD.make())
        self.assert_proven(done)
        for number, (step, role, _) in enumerate(STEPS, 1):
            self.assertIn(f"checked: step {number} {step}: done by {ROLES[role]} at {at(99 + number)}", done.stdout)
        for word in (digest("script", canonical(SCRIPT)), WORLD.born.id, "2 of 3 shares", "share set version 1, 2 of 3 shares, apart", "the key signed challenge",
                     "operator-1 asked, admin-2 allowed, custodian-3 did it", "with its backup, and restored elsewhere"):
            self.assertIn(word, done.stdout)

    def test_what_was_not_looked_at_is_told(self):
        files = WORLD.make()
        done = self.ceremony({name: files[name] for name in ("transcript", "key")})
        self.assert_proven(done)
        self.assertIn("no backup document was looked at; no restore proof was looked at", done.stdout)

    def test_other_ways_of_backup(self):
        for backup, purpose in (("wrapped", "transfer"), ("clone", "transfer"), ("none", "validator"), ("none", "audit")):
            with self.subTest(backup + " " + purpose):
                files = WORLD.make(backup, purpose)
                self.assert_proven(self.ceremony(files))
                self.assertEqual(self.judge(files).returncode, 0)

    def test_an_administrator_may_ask_for_a_restore(self):
        files = WORLD.make(occasion=edit(requester="admin-1"), occasion_signers=lambda _: ["admin-1", "admin-2"], restore=edit(
            requester="admin-1"), restore_signers=lambda _: ["admin-1", "admin-2", "custodian-3"])
        self.assert_proven(self.ceremony(files))
        self.assertEqual(self.judge(files).returncode, 0)

    def test_restore_without_the_backup_document(self):
        files = WORLD.make()
        files.pop("backup")
        self.assert_forged(self.ceremony(files), "share_set: cannot be judged without the backup")
        files.pop("share_set")
        self.assert_proven(self.ceremony(files))

    def test_without_a_trust_file_the_digest_is_shown(self):
        done = self.ceremony(WORLD.make(), trust=False)
        self.assert_proven(done)
        self.assertIn(WORLD.trust["policy"] + ": compare it", done.stdout)

    def test_under_a_later_policy(self):
        second = WORLD.next_policy(WORLD.first)
        files = WORLD.make(policy=second)
        path = self.write("second", WORLD.signed_policy(second, ["admin-1", "admin-3"]))
        self.assert_proven(self.ceremony(files, path))
        self.assert_proven(self.address(files, path))
        self.assert_forged(self.ceremony(files), "key: policy")
        self.assert_forged(self.ceremony(files, path, path), "policy: a later version")
        self.assert_forged(self.ceremony(files, self.write("second", WORLD.signed_policy(second, ["admin-1"]))), "policy: a later")

    def test_address(self):
        done = self.address(WORLD.make(), "--trust", self.path("trust"))
        self.assert_proven(done)
        self.assertIn(WORLD.born.address(), done.stdout)
        self.assertIn("the wallet hot of the policy", done.stdout)
        self.assert_proven(self.address(WORLD.make(attestation=edit(state="active"))))

    def test_address_of_today(self):
        files = WORLD.make(attestation=edit(issued_at=ago(7 * 24)))
        self.assert_proven(self.address(files, age=()))


class Forged(Case):
    def test_made_anew(self):
        for title, (words, edits) in FORGERIES.items():
            with self.subTest(title):
                files = WORLD.make(**edits)
                self.assert_refused_by_both(self.ceremony(files), files, words)

    def test_addresses(self):
        for title, (words, edits) in ADDRESSES.items():
            with self.subTest(title):
                files = WORLD.make(**edits)
                self.assert_refused_by_both(self.address(files), files, words)

    def test_keys_that_receive_nothing(self):
        for title, (words, edits) in RECEIVES_NOTHING.items():
            with self.subTest(title):
                self.assert_forged(self.address(WORLD.make(**edits)), words)

    def test_key_that_is_no_wallet(self):
        document = copy.deepcopy(WORLD.first)
        document["wallets"] = document["wallets"][1:]
        self.write("policy", WORLD.signed_policy(document))
        self.assert_forged(self.address(WORLD.make(policy=document)), "key: key is no wallet of the policy")

    def test_of_another_day(self):
        for title, (words, edits, more) in STALE.items():
            with self.subTest(title):
                done = self.address(WORLD.make(**edits), *more, age=())
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertIn(words, done.stdout)
                self.assertNotIn("proven", done.stdout)

    def test_of_another_trust_file(self):
        files = WORLD.make()
        self.write("trust", {**WORLD.trust, "policy": ZERO})
        self.assert_forged(self.ceremony(files), "policy: the first is not the one of the trust file")
        self.write("trust", {**WORLD.trust, "chain": ZERO})
        self.assert_forged(self.ceremony(files), "policy: is for another ledger")

    def test_policy_that_one_administrator_did_not_sign(self):
        self.write("policy", WORLD.signed_policy(names=["admin-1", "admin-2"]))
        self.assert_forged(self.ceremony(WORLD.make(), trust=False), "policy: the first")

    def test_parts_of_another_ceremony(self):
        files, other = WORLD.make(), WORLD.make(head=edit(id="01a1fbb6-8ab5-7912-829e-00000000dead"))
        self.assert_proven(self.ceremony(other))
        self.assert_forged(self.ceremony({**files, "transcript": other["transcript"]}), "key: ceremony")
        moved = copy.deepcopy(files)
        moved["transcript"]["steps"][1] = other["transcript"]["steps"][1]
        self.assert_forged(self.ceremony(moved), "step 2 attend: prev")

    def test_no_backup_but_its_facts(self):
        for method in ("none", "clone"):
            for fact, value in (("threshold", "2"), ("check", ZERO)):
                files = WORLD.make(method, "validator", facts=of("backup", edit(**{fact: value})))
                self.assert_forged(self.ceremony(files), "key: backup")

    def test_every_byte(self):
        files = WORLD.make()
        for name in files:
            self.write(name, files[name])
        self.assertEqual(self.judge(files, "every-byte").returncode, 0)
        for target in ("transcript", "key", "backup", "share_set", "restore", "policy", "attestation"):
            with self.subTest(target):
                command = [EVERY_BYTE, target, self.path("trust"), self.path(target), self.place]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)


class Doubt(Case):
    def test_what_cannot_be_read_is_no_proof(self):
        files = WORLD.make()
        self.ceremony(files)
        for name in ("transcript", "key", "backup", "restore", "policy"):
            for content in ("", "{}", "\n", "[]", "x"):
                with self.subTest(f"{name} {content!r}"):
                    self.write(name, content)
                    names = {"key": "key-document"}
                    words = [[f"--{names.get(part, part)}", self.path(part)] for part in ("transcript", "key", "backup", "restore", "policy")]
                    done = self.run_it("ceremony", *sum(words, []))
                    self.assertIn(done.returncode, (1, 2), done.stdout)
                    self.assertNotIn("proven", done.stdout)
                    self.write(name, {**files, "policy": WORLD.signed_policy()}[name])
        words = ["ceremony", "--transcript", "/nonexistent", "--key-document", self.path("key"), "--policy", self.path("policy")]
        self.assertEqual(self.run_it(*words).returncode, 2)

    def test_wrong_words(self):
        self.ceremony(WORLD.make())
        some = ["--key-document", self.path("key"), "--policy", self.path("policy")]
        for words in (["ceremony"], ["address"], ["ceremony", *some], ["address", *some], ["ceremony", *some, "--trnscript", "x"],
                      ["address", *some, "--attestation", "x", "--trust", "/nonexistent"], ["ceremonies", *some]):
            with self.subTest(words):
                done = self.run_it(*words)
                self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
