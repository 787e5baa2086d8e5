#!/usr/bin/env python3
"""custody-verify evidence: true bundles are proven, every forgery is found and named.

Two attackers: one edits a finished bundle and can sign nothing; the other owns the service with the keys of log, wallet and
validators, makes everything anew, and lacks only the keys of people.
"""

import base64
import copy
import json
import os
import random
import subprocess
import tempfile
import unittest

from world import FAR, Log, Witness, World, at, canonical, demanding, digest, matching, person, signed

PROGRAM = os.environ["CUSTODY_VERIFY"]
EVERY_BYTE = os.environ["VERIFY_EVERY_BYTE"]
WORLD = World()
MALLORY = WORLD.keys["mallory"]
SIGNING = at(25)  # the time of withdrawal.signing in every bundle
LONG_BEFORE = at(25 - 60)  # longer than clocks are apart


def approvers(m):
    """Steps: m of the approvers."""
    return [[{"group": "approvers", "m": m}]]


def edit(**changes):
    return lambda value: value.update(changes)


def redo(document, **changes):
    """A signed document with other content under the old signatures."""
    document["document"] = canonical({**json.loads(document["document"]), **changes})


def redo_text(text, **changes):
    return canonical({**json.loads(text), **changes})


class Case(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.trust = self.write("trust.json", canonical(WORLD.trust) + "\n")

    def write(self, name, content):
        path = os.path.join(self.place.name, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def judge(self, bundle, trust=None, options=()):
        text = bundle if isinstance(bundle, (bytes, str)) else canonical(bundle) + "\n"
        return subprocess.run([PROGRAM, "evidence", "--trust", trust or self.trust, *options, self.write("bundle.json", text)],
                              capture_output=True, text=True, check=False)

    def assert_proven(self, bundle):
        done = self.judge(bundle)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("proven: withdrawal", done.stdout)
        return done.stdout

    def assert_doubted(self, bundle, words, trust=None):
        """No proof, and nothing that only a forger can have made."""
        done = self.judge(bundle, trust)
        self.assertEqual((done.returncode, words in done.stdout), (2, True), done.stdout + done.stderr)
        self.assertIn("the signer's clock, which alone counts", done.stdout)
        for word in ("proven", "tampered"):
            self.assertNotIn(word, done.stdout)

    def assert_forged(self, bundle, *words, trust=None):
        done = self.judge(bundle, trust)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertNotIn("proven", done.stdout)
        for word in words:
            self.assertIn(word, done.stdout)


class Genuine(Case):
    def test_what_is_proven_is_told(self):
        told = self.assert_proven(WORLD.bundle())
        for word in ("2501 base units", "wallet hot", WORLD.keys["payee"].address(), "asked by operator-1 (who did not sign), approved by",
                     "approved by approver-1 approver-2", "height 7", "8 entries up to withdrawal.confirmed under the checkpoint of size 17"):
            self.assertIn(word, told)

    def test_explained(self):
        """Who approved, when, under which rule and in which place; which entries; only of what is proven."""
        done = self.judge(WORLD.bundle(approvals=self.third, intent=edit(returns="1" * 64)), options=["--explain"])
        self.assertEqual(done.returncode, 0, done.stdout)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[1], "  entry 1: withdrawal.request (ok) by custodyd at 2026-01-02T03:00:21.000000Z")
        self.assertEqual(lines[5], "  entry 9: withdrawal.signing (intent) by custodyd at 2026-01-02T03:00:25.000000Z")
        self.assertEqual(lines[9:13], [
            *(f"  approved by approver-{number}, signed at 2026-01-02T03:00:20.000000Z" for number in (1, 2, 3)),
            "  rule transfers of version 1: 2 places, in 1 steps"])
        self.assertEqual({line.split()[0] for line in lines[13:16]}, {"approver-1", "approver-2", "approver-3"})
        self.assertEqual(sorted(line.split(" ", 5)[5] for line in lines[13:16]),
                         2 * ["for the group approvers in step 1"] + ["is the one more that a return needs"])
        self.assertEqual(lines[16:], [
            "  all of it judged at 2026-01-02T03:00:25.000000Z, when the signer was asked",
            "  executed in block 7 at 2026-01-02T03:00:30.000000Z"])
        done = self.judge(WORLD.bundle(approvals=lambda rows: rows[:1]), options=["--explain"])
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("approved by", done.stdout)
        self.assertNotIn("entry 1:", done.stdout)

    def test_a_download_that_broke_off(self):
        """No proof, and none of an alteration."""
        text = canonical(WORLD.bundle())
        for place in (*range(20, len(text), 211), len(text) - 1):
            done = self.judge(text[:place])
            if text[place - 1] == "}":
                self.assertEqual(done.returncode, 1, done.stdout)  # as if it were whole
            else:
                self.assertEqual((done.returncode, done.stdout), (2, "incomplete: bundle: is cut: fetch it again\n"), place)

    def test_without_final_newline(self):
        self.assert_proven(canonical(WORLD.bundle()))

    @staticmethod
    def third(rows):
        document = {**rows[0][0], "approver": "approver-3", "key": WORLD.keys["approver-3"].id}
        return rows + [[document, WORLD.keys["approver-3"]]]

    def test_every_algorithm_approves(self):
        self.assertIn("approver-1 approver-2 approver-3", self.assert_proven(WORLD.bundle(approvals=self.third)))

    def test_a_return_by_one_more(self):
        self.assert_proven(WORLD.bundle(intent=edit(returns="1" * 64), approvals=self.third))

    def test_the_last_moment(self):
        """Valid until one microsecond after the signer was asked."""
        self.assert_proven(WORLD.bundle(destination=edit(valid_until=at(25, 1))))
        self.assert_proven(WORLD.bundle(approvals=lambda rows: [row[0].update(expires_at=at(25, 1)) for row in rows] and None))

    def test_all_validators_certify(self):
        self.assert_proven(WORLD.bundle(certificate=lambda _: WORLD.validators))
        self.assert_proven(WORLD.bundle(certificate=lambda _: WORLD.validators[1:]))


# Edits of a finished bundle: name -> (words of the finding, function).
def swap(array, a, b):
    array[a], array[b] = array[b], array[a]


def drop_entry(index):
    return lambda b: b["entries"].pop(index)


def other(part):
    """The part of the bundle of another withdrawal."""
    return lambda b: b.update({part: WORLD.bundle(2)[part]})


def of_other_block(member):
    return lambda b: b["block"].update({member: WORLD.bundle(2)["block"][member]})


def redo_block(member, **changes):
    return lambda b: b["block"].update({member: canonical({**json.loads(b["block"][member]), **changes})})


EDITS = {
    "approvals are removed": ("names other documents|quorum", lambda b: b.update(approvals=[])),
    "one approval is removed": ("quorum", lambda b: b["approvals"].pop()),
    "an approval is doubled": ("one person stands twice", lambda b: b["approvals"].append(b["approvals"][0])),
    "more approvals than there can be": ("approvals: are too many", lambda b: b.update(approvals=20000 * [{"document": "", "signatures": []}])),
    "an approval replaces another": ("one person stands twice", lambda b: b["approvals"].__setitem__(0, b["approvals"][1])),
    "approvals of another withdrawal": ("another intent, withdrawal", other("approvals")),
    "an approval made of a rejection": ("is not signed by", lambda b: redo(b["approvals"][0], decision="reject")),
    "an approval of another name": ("is not signed by", lambda b: redo(b["approvals"][0], approver="approver-3")),
    "an approval without signature": ("is not signed by", lambda b: b["approvals"][0].update(signatures=[])),
    "an approval signed by the other": ("is not signed by", lambda b: b["approvals"][0].update(
        signatures=b["approvals"][1]["signatures"])),
    "a signature stands twice": ("two of one key", lambda b: b["approvals"][0].update(
        signatures=2 * b["approvals"][0]["signatures"])),
    "another algorithm is named": ("is not signed by", lambda b: b["approvals"][0]["signatures"][0].update(alg="secp256k1")),
    "intent of another withdrawal": ("intent: is for another withdrawal", other("intent")),
    "intent with another amount": ("another intent", lambda b: b.update(
        intent=canonical({**json.loads(b["intent"]), "amount": "9"}))),
    "intent with an unknown field": ("intent: ", lambda b: b.update(
        intent=canonical({**json.loads(b["intent"]), "note": "x"}))),
    "transaction of another withdrawal": ("transaction: is not the one", other("transaction")),
    "transaction with another payee": ("transaction: is not the one", lambda b: redo(b["transaction"], legs=[])),
    "transaction without signature": ("not signed by the key of the wallet", lambda b: b["transaction"].update(signatures=[])),
    "destination of another account": ("destination: is for another account", lambda b: redo(
        b["destination"], account=MALLORY.address())),
    "destination without a signer": ("destination: is not signed", lambda b: b["destination"]["signatures"].pop()),
    "destination signed twice by one": ("two of one key", lambda b: b["destination"].update(
        signatures=2 * b["destination"]["signatures"][:1])),
    "destination that lives longer": ("names other documents|destination", lambda b: redo(b["destination"], valid_until=at(99))),
    "policy with a lower quorum": ("policies: the first is not", lambda b: redo(
        b["policies"][0], rules=[demanding(json.loads(b["policies"][0]["document"])["rules"][0], steps=approvers(1))])),
    "policy without an administrator's signature": ("policies: the first is not", lambda b: b["policies"][0]["signatures"].pop()),
    "policy twice": ("policies: a later version", lambda b: b["policies"].append(b["policies"][0])),
    "no policy": ("policies: there must be", lambda b: b.update(policies=[])),
    "genesis of another ledger": ("block: the genesis", lambda b: b.update(
        genesis=canonical({**json.loads(b["genesis"]), "quorum": 3}))),
    "first entry removed": ("is not the next entry", drop_entry(0)),
    "middle entry removed": ("is not the next entry", drop_entry(3)),
    "entry withdrawal.signing removed": ("is not the next entry", drop_entry(4)),
    "last entry removed": ("entries: do not lead", drop_entry(7)),
    "all entries removed": ("entries: do not lead", lambda b: b.update(entries=[])),
    "two entries swapped": ("is not the next entry", lambda b: swap(b["entries"], 1, 2)),
    "the places of two entries swapped": ("stands at another place", lambda b: [
        swap(b["entries"], 1, 2), b["entries"][1].update(index="3"), b["entries"][2].update(index="5")]),
    "an entry twice": ("stands at another place", lambda b: b["entries"].insert(2, b["entries"][1])),
    "an entry of another trail": ("is not in the trail", lambda b: b["entries"].__setitem__(2, WORLD.bundle(2)["entries"][2])),
    "the proof of another entry": ("is not in the trail", lambda b: b["entries"][1].update(proof=b["entries"][2]["proof"])),
    "an empty proof": ("is not in the trail", lambda b: b["entries"][1].update(proof=[])),
    "a proof with a hash more": ("is not in the trail", lambda b: b["entries"][1]["proof"].append("0" * 64)),
    "checkpoint of another trail": ("is not in the trail", other("checkpoint")),
    "certificate emptied": ("block: is not confirmed", lambda b: b["block"].update(certificate=[])),
    "certificate below the quorum": ("block: is not confirmed", lambda b: b["block"]["certificate"].pop()),
    "a validator stands twice": ("block: is not confirmed", lambda b: b["block"].update(
        certificate=2 * b["block"]["certificate"][:1])),
    "validators out of order": ("block: is not confirmed", lambda b: b["block"]["certificate"].reverse()),
    "certificate of another block": ("block: is not confirmed", of_other_block("certificate")),
    "header of another block": ("block: is not confirmed", of_other_block("header")),
    "block of another withdrawal": ("block: does not hold the transaction", other("block")),
    "receipt of another transaction": ("block: does not hold the receipt", of_other_block("receipt")),
    "receipt of a failure": ("block: does not hold the receipt", redo_block("receipt", code="denied")),
    "another place in the block": ("block: does not hold", lambda b: b["block"].update(index=0)),
    "a place beyond the block": ("block: does not hold", lambda b: b["block"].update(index=3)),
    "header with another transaction root": ("block: is not confirmed", redo_block("header", tx_root="0" * 64)),
    "another withdrawal is named": ("is not the next entry", lambda b: b.update(withdrawal=WORLD.bundle(2)["withdrawal"])),
    "another format": ("bundle: is of a format", lambda b: b.update(format="strongroom-evidence/v2")),
    "a member more in an approval": ("approvals: document", lambda b: b["approvals"][0].update(note="x")),
    "a member more in the transaction": ("transaction: document", lambda b: b["transaction"].update(note="x")),
    "a member more in a signature": ("transaction: ", lambda b: b["transaction"]["signatures"][0].update(note="x")),
    "a member more in an entry": ("entries: ", lambda b: b["entries"][2].update(note="x")),
    "a member more in the block": ("block: is not of the form", lambda b: b["block"].update(note="x")),
    "an unknown member": ("bundle: ", lambda b: b.update(note="x")),
    "a member less": ("bundle: ", lambda b: b.pop("block")),
}


class Edited(Case):
    def test_nothing_signed_anew(self):
        honest = WORLD.bundle()
        for name, (words, change) in EDITS.items():
            with self.subTest(name):
                bundle = copy.deepcopy(honest)
                change(bundle)
                self.assertNotEqual(bundle, honest)
                done = self.judge(bundle)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertTrue(any(word in done.stdout for word in words.split("|")), done.stdout)
                self.assertNotIn("proven", done.stdout)

    def test_a_byte_changed_or_cut(self):
        """Every position in one process, a sample with the real program."""
        text = (canonical(WORLD.bundle()) + "\n").encode()
        done = subprocess.run([EVERY_BYTE, "evidence", self.trust, self.write("b.json", text)], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        seed = int(os.environ.get("STRONGROOM_SEED", random.randrange(1 << 32)))
        print(f"STRONGROOM_SEED={seed}")
        chance = random.Random(seed)
        for place in chance.sample(range(len(text)), 200):
            changed = bytearray(text)
            changed[place] ^= 1 << chance.randrange(8)
            self.assertIn(self.judge(bytes(changed)).returncode, (1, 2), f"byte {place}")
            self.assertIn(self.judge(text[:max(0, place - 2)]).returncode, (1, 2), f"first {place - 2} bytes")

    def test_text_beside_the_bundle(self):
        text = canonical(WORLD.bundle())
        for forged in (text + "\n\n", text + " ", " " + text, text + text, text + "\n" + text, "\ufeff" + text,
                       text.replace(":", ": ", 1), text.replace('"block"', '"block":{},"block"', 1), text + "\0"):
            self.assert_forged(forged, "bundle: ")

    def test_control_bytes_are_not_printed(self):
        bundle = WORLD.bundle(approvals=lambda rows: rows)
        redo(bundle["approvals"][0], approver="\x1b[31mred")
        done = self.judge(bundle)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("\x1b", done.stdout + done.stderr)


class Owned(Case):
    """The attacker holds the keys of log, wallet and validators, and makes the bundle wholly anew."""

    def test_without_the_keys_of_people(self):
        def by(name, key=None):
            def change(rows):
                rows[0][0].update(approver=name, key=(key or WORLD.keys[name]).id)
                rows[0][1] = key or WORLD.keys[name]
            return change

        def as_named(rows):  # the key of the approver is named, another one signs
            rows[0][1] = MALLORY

        def keep(**changes):
            return lambda rows: rows[0][0].update(**changes)

        cases = {
            "a key of nobody": ("is not signed by a key", dict(approvals=by("approver-1", MALLORY))),
            "the name of another's key": ("is not signed by", dict(approvals=as_named)),
            "the key of somebody else": ("is not signed by a key", dict(approvals=by("approver-3", WORLD.keys["approver-1"]))),
            "the log's own key": ("is not signed by a key", dict(approvals=by("approver-1", WORLD.log.key))),
            "an administrator": ("quorum", dict(approvals=by("admin-1"))),
            "an auditor": ("quorum", dict(approvals=by("auditor-1"))),
            "the requester approves": ("is by the requester", dict(intent=edit(requester="approver-1"))),
            "a rejection": ("is not an approval", dict(approvals=keep(decision="reject"))),
            "another word": ("is not an approval", dict(approvals=keep(decision="approved"))),
            "one approval": ("quorum", dict(approvals=lambda rows: rows[:1])),
            "no approval": ("quorum", dict(approvals=lambda rows: [])),
            "one person twice": ("one person stands twice", dict(
                approvals=lambda rows: [rows[0], [{**rows[0][0], "signed_at": at(21)}, rows[0][1]]])),
            "another intent": ("another intent", dict(approvals=keep(intent="0" * 64))),
            "another withdrawal": ("another intent, withdrawal", dict(
                approvals=keep(withdrawal="01a1fbb6-8ab5-7912-829e-00000000000f"))),
            "another ledger": ("another intent, withdrawal, ledger", dict(approvals=keep(chain="0" * 64))),
            "another policy": ("ledger or policy", dict(approvals=keep(policy="0" * 64))),
            "another environment": ("ledger or policy", dict(approvals=keep(environment="production"))),
            "approval expired before": ("had expired", dict(approvals=keep(expires_at=LONG_BEFORE))),
            "approval beyond the intent": ("expires after the intent", dict(approvals=keep(expires_at=at(3601)))),
            "intent expired": ("expires after the intent", dict(intent=edit(expires_at=at(24)))),
            "destination expired before": ("destination: had expired", dict(destination=edit(valid_until=LONG_BEFORE))),
            "destination of another policy": ("destination: is for another", dict(destination=edit(policy="0" * 64))),
            "destination of another ledger": ("destination: is for another", dict(destination=edit(chain="0" * 64))),
            "destination of another environment": ("destination: is for another", dict(destination=edit(environment="x"))),
            "destination by one administrator": ("governance quorum", dict(destination_signers=lambda _: ["admin-1"])),
            "destination by approvers": ("governance quorum", dict(destination_signers=lambda _: ["approver-1", "approver-2"])),
            "destination by one more": ("governance quorum", dict(
                destination_signers=lambda _: ["admin-1", "admin-2", "mallory"])),
            "intent of another policy version": ("intent: names another", dict(intent=edit(policy_version=2))),
            "intent of another ledger": ("intent: names another", dict(intent=edit(chain="0" * 64))),
            "intent of another wallet": ("intent: names a wallet", dict(intent=edit(wallet="cold"))),
            "an asset that the wallet does not hold": ("intent: names a wallet", dict(intent=edit(asset="0" * 64))),
            "a return that only the rule's quorum approved": ("one approver more", dict(intent=edit(returns="1" * 64))),
            "an amount above the maximum": ("above the maximum", dict(intent=edit(amount="100001"))),
            "another transaction": ("transaction: is not the one", dict(transaction=edit(seq="99"))),
            "another key signs the transaction": ("key of the wallet", dict(transaction_signer=lambda _: "mallory")),
            "a height before": ("outside the heights", dict(intent=edit(valid_from="8"))),
            "a height after": ("outside the heights", dict(intent=edit(valid_until="6"))),
            "an execution that failed": ("receipt does not say", dict(
                receipts=lambda rows: [row.replace('"ok"', '"denied"') for row in rows])),
            "receipt of another height": ("receipt does not say", dict(
                receipts=lambda rows: [row.replace('"7"', '"8"') for row in rows])),
            "receipt at another place": ("receipt does not say", dict(
                receipts=lambda rows: [rows[0], rows[1].replace('"index":1', '"index":2'), rows[2]])),
            "receipt of another transaction": ("receipt does not say", dict(
                receipts=lambda rows: [rows[0], redo_text(rows[1], transaction="0" * 64), rows[2]])),
            "header of another ledger": ("header is of another", dict(header=edit(chain="0" * 64))),
            "header of other rules": ("header is of another", dict(header=edit(rules=2))),
            "header of other validators": ("not confirmed", dict(header=edit(validators="0" * 64))),
            "validators that are none": ("not confirmed", dict(certificate=lambda rows: rows[:1] + [MALLORY])),
            "validators backwards": ("not confirmed", dict(certificate=lambda rows: rows[::-1])),
            "one validator": ("not confirmed", dict(certificate=lambda rows: rows[:1])),
        }
        for name, (words, edits) in cases.items():
            with self.subTest(name):
                self.assert_forged(WORLD.bundle(**edits), words)

    def test_another_story(self):
        def events(change):
            def apply(rows):
                change(rows)
                for on, row in enumerate(rows, 1):
                    row["on"] = str(on)
            return dict(events=apply)

        def ref(name, value):
            return lambda rows: rows[4]["refs"].update({name: value})

        cases = {
            "no request": ("is the first, and not withdrawal.request", events(lambda rows: rows.pop(0))),
            "no withdrawal.signing": ("do not lead", events(lambda rows: rows.pop(4))),
            "signing without intent": ("do not lead", events(lambda rows: rows[4].update(outcome="ok"))),
            "not confirmed": ("do not lead", events(lambda rows: rows.pop())),
            "failed": ("do not lead", events(lambda rows: rows[-1].update(act="withdrawal.failed"))),
            "confirmed with an error": ("do not lead", events(lambda rows: rows[-1].update(outcome="error"))),
            "something after the end": ("do not lead", events(lambda rows: rows.append({**rows[-1], "act": "withdrawal.cancel"}))),
            "a time that goes back": ("entry 9: its time is before that of the entry before it", dict(events=lambda rows: rows[4].update(ts=at(23, 999999)))),
            "an ordinal left out": ("is not the next entry", dict(events=lambda rows: rows[3].update(on="5"))),
            "another type of object": ("is not the next entry", dict(events=lambda rows: rows[3].update(otype="key"))),
            "an unknown field": ("entry 7: ", dict(events=lambda rows: rows[3].update(note="x"))),
            "other approvals were named": ("names other documents", dict(events=ref("approvals", ["0" * 64] * 2))),
            "more approvals were named": ("names other documents", dict(events=lambda rows: rows[4]["refs"]["approvals"].append(
                "f" * 64))),
            "approvals out of order": ("names other documents", dict(events=lambda rows: rows[4]["refs"]["approvals"].reverse())),
            "another destination was named": ("names other documents", dict(events=ref("destination", "0" * 64))),
            "another intent was named": ("names other documents", dict(events=ref("intent", "0" * 64))),
            "another policy was named": ("names other documents", dict(events=ref("policy", "0" * 64))),
            "another transaction was named": ("names other documents", dict(events=ref("transaction", "0" * 64))),
            "one reference more": ("names other documents", dict(events=ref("more", "0" * 64))),
            "no references": ("names other documents", dict(events=lambda rows: rows[4].pop("refs") and None)),
        }
        for name, (words, edits) in cases.items():
            with self.subTest(name):
                self.assert_forged(WORLD.bundle(**edits), words)

    def test_terms_that_nobody_signed(self):
        """Each entry, whichever its action and outcome, states the terms of the intent or none: another one is named, and nothing else is wrong."""
        intent = json.loads(WORLD.bundle()["intent"])
        terms = {name: intent[name] for name in ("amount", "asset", "destination", "wallet", "withdrawal")}
        others = {"amount": "2502", "asset": "0" * 64, "destination": MALLORY.address(), "wallet": "treasury", "withdrawal": intent["withdrawal"][:-1] + "2",
                  "type": "issue"}

        def stating(on, **facts):
            def apply(rows):
                for event in rows:
                    event["facts"] = event.get("facts", {**terms, "type": "transfer", "version": "1"})
                rows[on - 1]["facts"].update(facts)
            return apply

        self.assert_proven(WORLD.bundle(events=stating(1)))
        for on in range(1, 9):
            for name, other in others.items():
                with self.subTest(f"entry {on} with another {name}"):
                    told = f"tampered: entry {2 * on - 1}: states the {name} {other}, the intent {({**terms, 'type': 'transfer'})[name]}\n"
                    done = self.judge(WORLD.bundle(events=stating(on, **{name: other})))
                    self.assertEqual((done.returncode, done.stdout.startswith(told)), (1, True), done.stdout)
                    self.assertTrue(on == 5 or done.stdout == told, done.stdout)
        with self.subTest("refused, and one entry more"):
            self.assert_forged(WORLD.bundle(events=lambda rows: rows.insert(4, {**rows[3], "facts": {"amount": "1"}, "outcome": "deny"}) or [
                {**event, "on": str(on)} for on, event in enumerate(rows, 1)]), "entry 9: states the amount 1, the intent 2501")
        with self.subTest("an issue that is told as a transfer"):
            self.assert_forged(WORLD.bundle(intent=edit(type="issue"), events=stating(1)), "entry 1: states the type transfer, the intent issue")

    def test_more_entries_before_the_signature(self):
        """Whoever writes to the database has entries put into the trail: none spoils good evidence, none mends bad."""
        def row(second, **changes):
            def made(rows):
                named = {part: {**rows[-4][part], **changes.get(part, {})} for part in ("facts", "refs")}
                return {**rows[-4], "ts": at(second), **changes, **named}
            return made

        def with_rows(place, *more, edits=None):
            def apply(rows):
                made = [make(rows) for make in more]
                if edits:
                    edits(rows[4])
                rows[place:place] = made
                for on, event in enumerate(rows, 1):
                    event.update(on=str(on), ts=max(event["ts"], rows[on - 2]["ts"]) if on > 1 else event["ts"])
            return apply

        before, after, late = 4, 5, 6
        others = {
            "of another transaction": row(24, refs={"transaction": "0" * 64}),
            "of other approvals": row(24, refs={"approvals": []}),
            "of another destination": row(24, refs={"destination": "0" * 64}),
            "under another version": row(24, policy="0" * 64),
            "with more": row(24, refs={"more": "0" * 64}),
            "with more facts": row(24, facts={"more": "1"}),
            "with another outcome": row(24, outcome="deny"),
            "that announces another intent": row(24, act="withdrawal.announced", refs={"intent": "0" * 64}),
            "that says it is signed": row(24, act="withdrawal.signed", outcome="ok"),
            "that says it is confirmed": row(24, act="withdrawal.confirmed", outcome="ok"),
            "that asks for it again": row(24, act="withdrawal.request", outcome="ok"),
            "just the same": row(24),
        }
        spoilt = {
            "another transaction was named": lambda event: event["refs"].update(transaction="0" * 64),
            "another destination was told": lambda event: event["facts"].update(destination=MALLORY.address()),
            "nothing was told": lambda event: event.update(facts={"promises": "0"}),
            "another version was named": lambda event: event.update(policy="0" * 64),
        }
        for name, more in others.items():
            for place in (before, after):
                with self.subTest(f"good, and one {name}", place=place):
                    self.assert_proven(WORLD.bundle(events=with_rows(place, more)))
                if name == "just the same":
                    continue
                for what, change in spoilt.items():
                    with self.subTest(f"bad, for {what}, and one {name}", place=place):
                        self.assert_forged(WORLD.bundle(events=with_rows(place, more, edits=change)))
        with self.subTest("after the signature"):
            for change in spoilt.values():
                self.assert_forged(WORLD.bundle(events=with_rows(late, row(26), edits=change)))
        with self.subTest("as many as there is room for, and one"):
            self.assert_proven(WORLD.bundle(events=with_rows(after, *(513 * [row(25)]))))

    def test_entries_and_time(self):
        """Of several that name the same documents, the first at which the rules hold is the one."""
        document = copy.deepcopy(WORLD.first)
        document["rules"][0] = demanding(document["rules"][0], delay_s=3)
        trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(document))}))
        own = [(document, WORLD.ADMINS)]

        def story(*rows):
            """Acts and seconds in place of withdrawal.signing."""
            def apply(events):
                signing = events.pop(4)
                events[4:4] = [{**signing, "act": f"withdrawal.{act}", "ts": at(second)} for act, second in rows]
                for on, event in enumerate(events, 1):
                    event["on"] = str(on)
                    event["ts"] = max(event["ts"], events[on - 2]["ts"]) if on > 1 else event["ts"]
            return apply

        def judged(*rows, **edits):
            edits.setdefault("header", edit(time=at(30 + rows[-1][1])))
            return self.judge(WORLD.bundle(policies=own, events=story(*rows), **edits), trust).returncode

        announced = ("announced", 24)
        self.assertEqual(judged(announced, ("signing", 27)), 0)
        self.assertEqual(judged(announced, ("signing", 26)), 2)
        self.assertEqual(judged(("signing", 27)), 1)
        self.assertEqual(judged(announced, ("signing", 24), ("signing", 27)), 0)
        self.assertEqual(judged(("signing", 24), announced, ("signing", 27), ("signing", 4000)), 0)
        self.assertEqual(judged(announced, ("signing", 24), ("signing", 26)), 2)
        self.assertEqual(judged(announced, ("announced", 26), ("signing", 27)), 0)
        self.assertEqual(judged(announced, ("signing", 3599), ("signing", 3602)), 0)
        self.assertEqual(judged(("announced", 3598), ("signing", 3599), ("signing", 3661), header=edit(time=at(3700))), 2)  # when the rules hold, all had expired
        self.assertEqual(judged(("announced", 3659), ("signing", 3660), ("signing", 3663), header=edit(time=at(3700))), 1)

    def under(self, **rule):
        """Policies of which the rule has these conditions and demands, and their trust file."""
        document = copy.deepcopy(WORLD.first)
        for part, fields in rule.items():
            document["rules"][0][part].update(fields)
        return [(document, WORLD.ADMINS)], self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(document))}))

    def test_the_clocks_of_two_hosts(self):
        """What the clock of another host than the service's can have allowed is not called forged; what none can have, is."""
        minute = 60
        for second, waited, status in ((86400, 86400, 0), (86400, 86399, 2), (86400, 86340, 2), (86400, 86339, 1), (86400, 1, 1), (60, 1, 2), (61, 1, 2), (62, 1, 1)):
            policies, trust = self.under(demand={"delay_s": second})

            def story(events, waited=waited):
                events.insert(4, {**events[4], "act": "withdrawal.announced"})
                for on, event in enumerate(events, 1):
                    event.update(on=str(on), **({"ts": at(25 + waited)} if on > 5 else {}))

            expiry = {"intent": edit(expires_at=FAR), "approvals": lambda rows: [row[0].update(expires_at=FAR) for row in rows] and None}
            bundle = WORLD.bundle(policies=policies, events=story, header=edit(time=at(40 + waited)), **expiry)
            with self.subTest(f"{waited} s of {second}"):
                self.expect(bundle, trust, status, "rule transfers: the trail does not show the delay")
        for until, status in ((at(25, 1), 0), (at(25), 2), (at(25 - minute, 1), 2), (at(25 - minute), 1)):
            with self.subTest(f"expires at {until}"):
                self.expect(WORLD.bundle(destination=edit(valid_until=until)), None, status, "destination: had expired when the signer was asked")
                self.expect(WORLD.bundle(approvals=lambda rows: [row[0].update(expires_at=until) for row in rows] and None), None, status,
                            "approval by approver-2: had expired when the signer was asked")
        with self.subTest("and something else is wrong"):
            self.expect(WORLD.bundle(destination=edit(valid_until=at(25)), intent=edit(amount="100001")), None, 1, "destination: had expired")

    @staticmethod
    def signed_at(second, announced=None):
        """What comes after withdrawal.signing is of that time, or there is no withdrawal.signed; what comes before, of a time before the announcement."""
        def apply(events):
            if announced is not None:
                events.insert(4, {**events[4], "act": "withdrawal.announced", "ts": at(announced)})
                for event in events[:4]:
                    event["ts"] = at(announced)
            place = [event["act"] for event in events].index("withdrawal.signed")
            for event in events[place:]:
                event["ts"] = at(second or 26)
            if second is None:
                events.pop(place)
            for on, event in enumerate(events, 1):
                event["on"] = str(on)
        return apply

    def test_paid_before_it_was_recorded(self):
        """What nobody had recorded was paid, and the story was made up behind it: the block's time, which the validators sign, tells. Clocks may be a minute apart."""
        for block, status in ((25 - 60, 0), (25 - 61, 2)):
            done = self.judge(WORLD.bundle(header=edit(time=at(block))))
            self.assertEqual((done.returncode, "incomplete: block: its time is before withdrawal.signing" in done.stdout), (status, status == 2), done.stdout)

        def again(rows):
            """Under a delay of 3 s that was not kept, the story is told once more, behind the payment."""
            more = [{**rows[4], "act": f"withdrawal.{act}", "ts": at(second)} for act, second in (("announced", 24), ("signing", 95), ("signed", 95), ("confirmed", 95))]
            more[2]["outcome"] = more[3]["outcome"] = "ok"
            rows[4:] = more[:1] + rows[4:] + more[1:]
            for on, event in enumerate(rows, 1):
                event["on"] = str(on)

        policies, trust = self.under(demand={"delay_s": 65})
        for block, status in ((95 - 60, 0), (95 - 61, 1)):
            with self.subTest(f"again, and the block at {block}"):
                self.expect(WORLD.bundle(policies=policies, events=again, header=edit(time=at(block))), trust, status, "does not show the delay")

    def expect(self, bundle, trust, status, words):
        if status == 2:
            self.assert_doubted(bundle, words, trust)
        elif status == 1:
            self.assert_forged(bundle, words, trust=trust)
        else:
            self.assertEqual(self.judge(bundle, trust).returncode, 0)

    def test_a_signer_that_waited_for_its_hour(self):
        """The signer is asked at 03:00:25 on a Friday, and the transaction is in a block some time later."""
        week = ["fri", "mon", "sat", "sun", "thu", "tue", "wed"]
        expiry = {"intent": edit(expires_at=FAR), "approvals": lambda rows: [row[0].update(expires_at=FAR) for row in rows] and None}
        cases = (
            (week, "03:00", "03:01", 30, 0), (week, "02:00", "03:00", 30, 2), (week, "02:00", "02:59", 30, 1), (week, "03:01", "04:00", 30, 2),
            (week, "04:00", "05:00", 30, 1), (week, "04:00", "05:00", 3530, 1), (week, "04:00", "05:00", 3540, 2), (week, "04:00", "05:00", 9 * 86400, 2),
            (["mon"], "04:00", "05:00", 86400, 1), (["mon"], "04:00", "05:00", 4 * 86400, 2), (["fri"], "02:59", "03:00", 7 * 86400, 2), (["fri"], "02:58", "02:59", 3600, 1))
        for days, since, until, block, status in cases:
            policies, trust = self.under(when={"hours": [{"days": days, "from": since, "until": until}]})
            with self.subTest(f"{since} to {until}, block after {block} s"):
                self.expect(WORLD.bundle(policies=policies, header=edit(time=at(block)), **expiry), trust, status, "policy: version 1: no rule allows it")
        policies, trust = self.under(when={"hours": [{"days": week, "from": "04:00", "until": "05:00"}]})
        for name, signed, block, status, options in (  # 04:00 is second 3600
                ("in the hour", 3601, 3630, 0, expiry), ("at its first moment", 3600, 3600, 0, expiry), ("just before it", 3599, 3630, 2, expiry),
                ("long before it", 26, 3630, 2, expiry), ("after it", 9000, 9030, 0, expiry), ("in the hour, as the trail alone says", 3601, 3599, 2, expiry),
                ("by people, without withdrawal.signed", None, 3630, 0, expiry), ("by people, before it", None, 3599, 2, expiry),
                ("in the hour, and it had expired", 3601, 3630, 1, {}), ("with what expired at its first moment", 3601, 3630, 1, {"destination": edit(valid_until=at(3600)), **expiry}),
                ("with what expired a moment later", 3601, 3630, 0, {"destination": edit(valid_until=at(3600, 1)), **expiry})):
            with self.subTest(name):
                bundle = WORLD.bundle(policies=policies, events=self.signed_at(signed), header=edit(time=at(block)), **options)
                self.expect(bundle, trust, status, "policy: version 1: no rule allows it")
        with self.subTest("what was assumed is told"):
            done = self.judge(WORLD.bundle(policies=policies, events=self.signed_at(3601), header=edit(time=at(3630)), **expiry), trust, ["--explain"])
            self.assertIn("not looked at: the clock of the hours: withdrawal.signing was made outside of them, they came at 2026-01-02T04:00:00.000000Z", done.stdout)
            self.assertIn("  all of it judged at 2026-01-02T04:00:00.000000Z, when the hours had come\n", done.stdout)
            self.assertNotIn("clock of the hours", self.judge(WORLD.bundle()).stdout)
        with self.subTest("the hours had just ended, and came again the next day"):
            ended, other = self.under(when={"hours": [{"days": week, "from": "02:00", "until": "03:00"}]})
            for signed, status in ((24 * 3600 - 600, 0), (22 * 3600, 2)):
                bundle = WORLD.bundle(policies=ended, events=self.signed_at(signed), header=edit(time=at(signed + 5)), **expiry)
                self.expect(bundle, other, status, "policy: version 1: no rule allows it")
        with self.subTest("and the delay is still that up to the entry"):
            policies, trust = self.under(when={"hours": [{"days": week, "from": "04:00", "until": "05:00"}]}, demand={"delay_s": 300})
            for announced, status in ((25 - 300, 0), (25 - 299, 2), (25 - 239, 1)):
                story = self.signed_at(3601, announced)
                self.expect(WORLD.bundle(policies=policies, events=story, header=edit(time=at(3630)), **expiry), trust, status, "no rule allows it")
        policies, trust = self.under(when={"hours": [{"days": week, "from": "04:00", "until": "05:00"}]})
        with self.subTest("and by then it had expired"):
            self.expect(WORLD.bundle(policies=policies, header=edit(time=at(3540))), trust, 1, "no rule allows it")
        with self.subTest("and it was never approved by enough"):
            forged = WORLD.bundle(policies=policies, header=edit(time=at(3540)), approvals=lambda rows: [rows[0][0].update(expires_at=FAR)] and rows[:1], intent=edit(expires_at=FAR))
            self.expect(forged, trust, 1, "no rule allows it")

    def test_an_end_that_was_none(self):
        """No honest service pays what ended, nor ends what was paid."""
        def told(place, act, outcome):
            def apply(events):
                events.insert(place, {**events[0], "act": f"withdrawal.{act}", "outcome": outcome, "ts": events[place - 1]["ts"]})
                for on, event in enumerate(events, 1):
                    event["on"] = str(on)
            return apply

        for act, outcomes in (("cancel", ("ok",)), ("expire", ("ok",)), ("reject", ("ok", "error")), ("failed", ("ok", "error"))):
            for place in range(1, 9):
                for outcome in outcomes:
                    with self.subTest(f"{act} {outcome} in place {place + 1}"):
                        bundle = WORLD.bundle(events=told(place, act, outcome))
                        which = "was signed or paid" if place == 8 or (place > 5 and act != "failed") else "had ended"
                        entry = 2 * place + 1 if place == 8 or which != "had ended" else 13 if place < 6 else 17
                        self.assert_forged(bundle, f"tampered: entry {entry}: withdrawal.", f"of the withdrawal, which {which} before it")
                with self.subTest(f"{act} refused in place {place + 1}"):
                    if place < 8:
                        self.assert_proven(WORLD.bundle(events=told(place, act, "deny")))

    def test_checkpoints(self):
        stranger = Log()
        top = base64.b64decode(WORLD.bundle()["checkpoint"]).decode().split("\n")
        body = "\n".join(top[:3]) + "\n"
        line = stranger.line(body.encode()).decode()
        ours = top[4] + "\n"
        spoilt = ours[:-12] + ("A" if ours[-12] != "A" else "B") + ours[-11:]
        cases = {
            "not signed": ("checkpoint: is not signed", body + "\n"),
            "signed over another body": ("checkpoint: has a bad signature", body.replace("\n17\n", "\n18\n") + "\n" + ours),
            "a known key twice, once badly": ("checkpoint: has a bad signature", body + "\n" + ours + spoilt),
            "carriage returns": ("checkpoint: ", (body + "\n" + ours).replace("\n", "\r\n")),
            "an extension line": ("checkpoint: ", body + "more\n\n" + ours),
            "a size with a zero before": ("checkpoint: ", body.replace("\n17\n", "\n017\n") + "\n" + ours),
            "no final newline": ("checkpoint: ", (body + "\n" + ours)[:-1]),
            "a tab in a stranger's line": ("checkpoint: ", body + "\n" + ours + "\u2014 a\tb AAAAAAAA\n"),
        }
        for name, (words, text) in cases.items():
            with self.subTest(name):
                self.assert_forged(WORLD.bundle(checkpoint=lambda _: text.encode()), words)
        for name, text in (("signed by another key of the same name", body + "\n" + line), ("of another log", "other" + body + "\n" + line)):
            with self.subTest(name):  # which a trust file of later may know
                done = self.judge(WORLD.bundle(checkpoint=lambda _: text.encode()))
                self.assertEqual((done.returncode, "incomplete: checkpoint: is " in done.stdout, "tampered" in done.stdout), (2, True, False), done)
        with self.subTest("a smaller tree of the same log"):
            self.assert_forged(WORLD.bundle(checkpoint=lambda _: WORLD.log.note(3, b"\1" * 32)), "is not in the trail")
        with self.subTest("a stranger's line beside ours is not looked at"):
            self.assert_proven(WORLD.bundle(checkpoint=lambda _: (body + "\n" + line + ours).encode()))

    def test_a_log_that_was_ended(self):
        """Whoever has the key of it can sign anything since: evidence is held against the root at which it ended, or is incomplete."""
        bundle = WORLD.bundle()
        size, root = base64.b64decode(bundle["checkpoint"]).split(b"\n")[1:3]
        good, size = base64.b64decode(root).hex(), int(size)
        after = Log(WORLD.log.origin + "/e2").vkey
        for end, root, status, words in ((size + 1, "0" * 64, 0, "proven: "), (size, good, 0, "proven: "),
                                         (size, "0" * 64, 1, f"tampered: checkpoint: the quorum ended this log at {size} entries with another root"),
                                         (size - 1, "0" * 64, 2, f"incomplete: checkpoint: is of {size} entries, the quorum ended this log at {size - 1}")):
            with self.subTest(words):
                done = self.judge(bundle, self.write("t.json", canonical({**WORLD.trust, "forks": [f"{end} {root} {'1' * 64} {after}"]})))
                self.assertEqual((done.returncode, words in done.stdout, "proven" in done.stdout), (status, True, status == 0), done)


class Witnessed(Case):
    """A trust file with witnesses: enough different ones of them must have cosigned."""

    def setUp(self):
        super().setUp()
        self.witnesses = sorted((Witness(f"witness.example/{name}") for name in "abc"), key=lambda one: one.vkey)
        self.trust = self.trusting(2)

    def trusting(self, quorum, keys=None):
        keys = [one.vkey for one in self.witnesses] if keys is None else keys
        return self.write("w.json", canonical({**WORLD.trust, "witnesses": {"keys": keys, "quorum": quorum}}))

    def judged(self, *lines):
        """A bundle whose checkpoint has these lines more: bytes, or functions of the note."""
        bundle = WORLD.bundle(checkpoint=lambda note: note + b"".join(line(note) for line in lines))
        return self.judge(bundle)

    def test_enough(self):
        a, b, c = self.witnesses
        for lines in ([a.line, b.line], [c.line, a.line], [a.line, b.line, c.line]):
            done = self.judged(*lines)
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertIn(f"checkpoint: cosigned by {len(lines)} of the 3 witnesses", done.stdout)

    def test_too_few_is_no_proof(self):
        a, b, _ = self.witnesses
        stranger, of_the_name = Witness("witness.example/z"), Witness(b.name)

        def as_log(note):
            """The key of a witness signs as a log does: without a time."""
            log = Log(b.name)
            log.key, log.id4 = b.key, b.id4
            return log.line(note[:note.rindex(b"\n\n") + 1])

        for name, lines, found in (("none", [], 0), ("one", [a.line], 1), ("one twice", [a.line, a.line], 1),
                                   ("one at two times", [a.line, lambda note: a.line(note, 1767322801)], 1),
                                   ("a stranger", [a.line, stranger.line], 1),
                                   ("another key of the name", [a.line, of_the_name.line], 1),
                                   ("the log twice", [a.line, lambda note: note[note.rindex(b"\n\n") + 2:]], 1)):
            with self.subTest(name):
                done = self.judged(*lines)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(f"incomplete: checkpoint: is cosigned by {found} witnesses of the trust file, which asks for 2 of 3", done.stdout)
                self.assertNotIn("proven", done.stdout)
        for name, line in (("of another checkpoint", lambda _: b.line(WORLD.log.note(3, b"\1" * 32))),
                           ("of another time", lambda note: b.line(note, named=1)),
                           ("of a time beyond all", lambda note: b.line(note, 1 << 63)), ("as a log signs", as_log)):
            with self.subTest(name):
                done = self.judged(a.line, line)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(f"tampered: checkpoint: has a bad cosignature of {b.name}", done.stdout)

    def test_without_witnesses_nobody_asks(self):
        self.trust = self.write("t.json", canonical(WORLD.trust))
        self.assertEqual(self.judged().returncode, 0)
        self.assertEqual(self.judged(self.witnesses[0].line).returncode, 0)

    def test_trust_files(self):
        keys = [one.vkey for one in self.witnesses]
        same = Witness("witness.example/d", self.witnesses[0].key)
        log = Witness("witness.example/d", WORLD.log.key)
        for name, quorum, rows in (("a quorum of none", 0, keys), ("a quorum above all", 4, keys), ("no keys", 1, []),
                                   ("unsorted", 2, keys[::-1]), ("one twice", 2, keys[:1] + keys), ("a log's vkey", 1, [WORLD.log.vkey]),
                                   ("one key, two names", 2, keys + [same.vkey]), ("the log's key", 2, keys + [log.vkey]),
                                   ("no vkey", 1, ["x"]), ("no text", 1, [1])):
            with self.subTest(name):
                self.trust = self.trusting(quorum, rows)
                done = self.judged()
                self.assertEqual(done.returncode, 3, done.stdout)
                self.assertIn("witnesses", done.stderr)


class Chains(Case):
    """Later policy versions."""

    def setUp(self):
        super().setUp()
        self.second = WORLD.next_policy(WORLD.first, rules=[demanding(WORLD.first["rules"][0], max_amount="5000")])
        self.genuine = [(WORLD.first, WORLD.ADMINS), (self.second, ("admin-1", "admin-2"))]

    def test_two_and_three_versions(self):
        third = WORLD.next_policy(self.second)
        self.assert_proven(WORLD.bundle(policies=self.genuine))
        self.assert_proven(WORLD.bundle(policies=self.genuine + [(third, ("admin-2", "admin-3"))]))

    def test_the_version_in_force_rules(self):
        self.assert_forged(WORLD.bundle(policies=self.genuine, intent=edit(amount="5001")), "above the maximum")
        self.assert_proven(WORLD.bundle(intent=edit(amount="5001")))

    def test_both_versions_rule(self):
        """Proposed under the first version, signed under the second."""
        def second(**changes):
            return [self.genuine[0], (WORLD.next_policy(WORLD.first, **changes), ("admin-1", "admin-2"))]

        def under_both(policies, **edits):
            return WORLD.bundle(policies=policies, proposed=0, **edits)

        self.assert_proven(under_both(self.genuine))
        self.assert_proven(under_both(self.genuine, intent=edit(amount="5000")))
        self.assert_forged(under_both(self.genuine, intent=edit(amount="5001")), "above the maximum")
        self.assert_forged(under_both(second(rules=[demanding(WORLD.first["rules"][0], steps=approvers(3))])),
                           "quorum of a rule is not met")
        other = [{**WORLD.first["wallets"][0], **MALLORY.object()}]
        self.assert_forged(under_both(second(wallets=other)), "had another key by then")
        self.assert_forged(under_both(second(wallets=[{**WORLD.first["wallets"][0], "id": "cold"}])), "does not hold")
        people = [row for row in WORLD.first["people"] if row["id"] != "approver-2"]
        groups = [WORLD.first["groups"][0], {"id": "approvers", "members": ["approver-1", "approver-3"]}]
        self.assert_forged(under_both(second(people=people, groups=groups)), "quorum of a rule is not met")
        people = [{**row, "keys": [MALLORY.object()]} if row["id"] == "approver-2" else row for row in WORLD.first["people"]]
        self.assert_forged(under_both(second(people=people)), "quorum of a rule is not met")

    def test_the_chain_ends_with_the_version_in_force(self):
        bundle = WORLD.bundle(policies=self.genuine, proposed=0)
        bundle["policies"].pop()
        self.assert_forged(bundle, "do not end with")
        bundle = WORLD.bundle()
        bundle["policies"].append(signed("policy", canonical(self.second), *(WORLD.keys[name] for name in ("admin-1", "admin-2"))))
        self.assert_forged(bundle, "do not end with")

    def test_the_next_version_is_not_signed(self):
        cases = {
            "by one": ("admin-1",),
            "by nobody": (),
            "by approvers": ("approver-1", "approver-2"),
            "by one administrator and an approver": ("admin-1", "approver-1"),
            "by a quorum and a stranger": ("admin-1", "admin-2", "mallory"),
            "by the service": ("wallet",),
        }
        for name, signers in cases.items():
            with self.subTest(name):
                self.assert_forged(WORLD.bundle(policies=[self.genuine[0], (self.second, signers)]), "policies: a later version")

    def test_the_next_version_does_not_follow(self):
        cases = {
            "prev": dict(prev="0" * 64),
            "version skipped": dict(version=3),
            "same version": dict(version=1),
            "issued before": dict(issued_at=at(0)),
            "issued at the same time": dict(issued_at=WORLD.first["issued_at"]),
            "another ledger": dict(chain="0" * 64),
        }
        for name, changes in cases.items():
            with self.subTest(name):
                row = ({**self.second, **changes}, ("admin-1", "admin-2"))
                self.assert_forged(WORLD.bundle(policies=[self.genuine[0], row]), "policies: ")

    def test_new_administrators_do_not_seat_themselves(self):
        people = [person("mallory-1", ["administrator"], MALLORY), person("mallory-2", ["administrator"], WORLD.keys["payee"])]
        coup = WORLD.next_policy(WORLD.first, people=WORLD.first["people"] + people, groups=[
            {"id": "administrators", "members": ["mallory-1", "mallory-2"]}, WORLD.first["groups"][1]])
        self.assert_forged(WORLD.bundle(policies=[self.genuine[0], (coup, ("mallory", "payee"))]), "policies: a later version")

    def test_an_administrator_who_had_expired(self):
        def first_with(until):
            document = copy.deepcopy(WORLD.first)
            document["people"][0]["valid_until"] = until
            return document

        for until, proven in ((at(2), False), (at(2, 1), True)):  # the second version is issued at second 2
            first = first_with(until)
            second = WORLD.next_policy(first)
            second["people"][0]["valid_until"] = FAR
            trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(first))}))
            bundle = WORLD.bundle(policies=[(first, WORLD.ADMINS), (second, ("admin-1", "admin-2"))])
            with self.subTest(until):
                self.assertEqual(self.judge(bundle, trust).returncode, 0 if proven else 1)

    def test_people_who_had_expired(self):
        """An approver when the signer was asked, who signs an entry of the allow-list when it was made."""
        cases = (("approver-1", "incomplete: policy: version 1, rule transfers: the quorum of a rule is not met", at(25), 2), ("approver-1", "quorum of a rule", LONG_BEFORE, 1),
                 ("approver-1", "proven", at(25, 1), 0), ("admin-1", "governance quorum", at(5), 1), ("admin-1", "proven", at(5, 1), 0))
        for name, word, until, status in cases:
            document = copy.deepcopy(WORLD.first)
            next(row for row in document["people"] if row["id"] == name)["valid_until"] = until
            trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(document))}))
            done = self.judge(WORLD.bundle(policies=[(document, WORLD.ADMINS)]), trust)
            with self.subTest(f"{name} {until}"):
                self.assertEqual((done.returncode, word in done.stdout), (status, True), done.stdout)

    def first_is(self, change):
        """A bundle under another first policy, and its trust file."""
        document = copy.deepcopy(WORLD.first)
        change(document)
        trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(document))}))
        return document, trust

    def test_rules(self):
        rule = WORLD.first["rules"][0]

        def rules(*rows):
            return lambda document: document.update(rules=list(rows))

        cases = {
            "a deny rule wins": ("deny rule", rules(rule, {"effect": "deny", "id": "x", "when": rule["when"]})),
            "no rule": ("no rule allows", rules()),
            "rule of another wallet": ("no rule allows", rules(matching(rule, wallets=["cold"]))),
            "rule of another asset": ("no rule allows", rules(matching(rule, assets=["0" * 64]))),
            "every matching rule counts": ("quorum", rules(rule, {**demanding(rule, steps=approvers(3)), "id": "x"})),
            "a demand that is not known": ("does not know", rules(demanding(rule, moon="full"))),
            "a condition that is not known": ("does not know", rules(matching(rule, moon=["full"]))),
            "a field that is not known": ("does not know", rules({**rule, "note": "x"})),
            "a rule in the old shape": ("does not know", rules({**rule["when"], **rule["demand"], "effect": "allow", "id": "x"})),
            "a quorum of one": ("quorum", rules(demanding(rule, steps=approvers(1)))),
            "no step": ("does not know", rules(demanding(rule, steps=[]))),
            "an empty step": ("does not know", rules(demanding(rule, steps=[[]]))),
            "one group twice": ("quorum", rules(demanding(rule, steps=[2 * rule["demand"]["steps"][0]]))),
            "governance by one": ("governance quorum", lambda d: d.update(governance={"delay_s": 2, "group": "administrators", "m": 1})),
        }
        for name, (words, change) in cases.items():
            with self.subTest(name):
                document, trust = self.first_is(change)
                self.assert_forged(WORLD.bundle(policies=[(document, WORLD.ADMINS)]), words, trust=trust)
        with self.subTest("control: a policy of its own is proven"):
            document, trust = self.first_is(rules(demanding(rule, max_amount="9999")))
            self.assertEqual(self.judge(WORLD.bundle(policies=[(document, WORLD.ADMINS)]), trust).returncode, 0)

    def test_the_trust_file_of_others(self):
        for name, value, words in (("chain", "0" * 64, "ledger"), ("policy", "0" * 64, "policies: the first")):
            trust = self.write("t.json", canonical({**WORLD.trust, name: value}))
            with self.subTest(name):
                self.assert_forged(WORLD.bundle(), words, trust=trust)
        trust = self.write("t.json", canonical({**WORLD.trust, "log": Log().vkey}))
        done = self.judge(WORLD.bundle(), trust)
        self.assertEqual((done.returncode, "one that a later trust file may name" in done.stdout, "tampered" in done.stdout), (2, True, False), done)


class Sweeps(Case):
    """What a key out of service signed by order of the quorum, under a rule with a delay and a limit that it did not keep."""

    def setUp(self):
        super().setUp()
        self.document = copy.deepcopy(WORLD.first)
        self.document["rules"][0] = demanding(self.document["rules"][0], delay_s=3600,
                                              limits=[{"count": 1, "per": "wallet", "window_s": 86400}])
        self.own = [(self.document, WORLD.ADMINS)]
        self.trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(self.document))}))

    def here(self):
        return {"chain": WORLD.chain, "environment": "test", "policy": digest("policy", canonical(self.document))}

    def key(self, signers=("admin-1", "admin-2"), **changes):
        document = {
            **self.here(), **WORLD.keys["wallet"].object(), "activation": "unattended", "approved": False, "backup": "none",
            "box_seconds": 3600, "box_signatures": "100", "ceremony": "1" * 64, "creator": "admin-1",
            "custodians": ["custodian-1", "custodian-2"], "drill_days": 366, "emergency": [WORLD.keys["payee"].address()],
            "idle_seconds": 0, "issued_at": at(3), "location": "site-1", "owner": "own", "purpose": "transfer", "retain_until": FAR,
            "tier": "hot", "token": {"firmware": "1", "label": "t", "manufacturer": "m", "model": "m", "serial": "1"},
            "valid_from": at(3), "valid_until": FAR, **changes}
        return signed("key", canonical(document), *(WORLD.keys[name] for name in signers))

    def order(self, of, signers=("admin-1", "admin-2"), **changes):
        document = {**self.here(), "action": "key.sweep", "expires_at": at(600), "from": "compromised",
                    "intent": digest("intent", of), "issued_at": at(15), "key": WORLD.keys["wallet"].id,
                    "nonce": "01a1fbb6-8ab5-7912-829e-0000000000aa", "reason": "test", "role": "transfer", **changes}
        return signed("command", canonical(document), *(WORLD.keys[name] for name in signers))

    def swept(self, paper=None, edits=None, **changes):
        bundle = WORLD.bundle(policies=self.own, **(edits or {}))
        bundle["sweep"] = {"key": paper or self.key(), "order": self.order(bundle["intent"], **changes)}
        return bundle

    def test_an_emergency_sweep_waits_for_nothing(self):
        told = self.assert_proven(self.swept())
        self.assertIn("swept by order of the governance quorum from a key that is compromised", told)
        self.assertNotIn("not looked at", told)

    def test_without_its_order_it_is_no_evidence(self):
        bundle = self.swept()
        del bundle["sweep"]
        self.assert_forged(bundle, "does not show the delay")

    def test_a_retained_key_keeps_the_delay(self):
        self.assert_forged(self.swept(**{"from": "retained"}), "does not show the delay")

        def announced(events):
            for on, row in enumerate(events, 1):
                row["ts"] = at(20 + on) if on < 5 else at(4000 + on)
            events.insert(4, {**events[4], "act": "withdrawal.announced", "ts": at(30)})
            for on, row in enumerate(events, 1):
                row["on"] = str(on)

        late = {"events": announced, "intent": edit(expires_at=at(9000)), "header": edit(time=at(4030)),
                "approvals": lambda rows: [row[0].update(expires_at=at(9000)) for row in rows] and None}
        told = self.assert_proven(self.swept(edits=late, paper=self.key(emergency=[]), expires_at=at(9000), **{"from": "retained"}))
        for words in ("from a key that is retained", "not looked at: the clock of the delay of version 1 (3600 s)",
                      "not looked at: limits of version 1 (1)"):
            self.assertIn(words, told)

    def test_what_else_the_rules_say_holds(self):
        self.assert_forged(self.swept(edits={"intent": edit(amount="100001")}), "above the maximum")
        self.assert_forged(self.swept(edits={"approvals": lambda rows: rows[:1]}), "quorum")

    def test_the_order(self):
        """Whoever owns the service with log, wallet and validators, but not the quorum."""
        stranger = signed("command", self.order("x")["document"], MALLORY)
        cases = {
            "one administrator": ("not signed by the governance", dict(signers=("admin-1",))),
            "nobody": ("not signed by the governance", dict(signers=())),
            "approvers": ("not signed by the governance", dict(signers=("approver-1", "approver-2"))),
            "the quorum and a stranger": ("not signed by the governance", dict(signers=("admin-1", "admin-2", "mallory"))),
            "the wallet": ("not signed by the governance", dict(signers=("wallet",))),
            "another intent": ("for another intent", dict(intent="0" * 64)),
            "another key": ("for another key", dict(key="0" * 64)),
            "another action": ("another order", dict(action="key.resume")),
            "another role": ("another order", dict(role="audit")),
            "another policy": ("not under the version in force", dict(policy="0" * 64)),
            "another ledger": ("another ledger", dict(chain="0" * 64)),
            "another environment": ("another ledger", dict(environment="production")),
            "a key that is active": ("a state that is not swept", {"from": "active"}),
            "a key that is suspended": ("a state that is not swept", {"from": "suspended"}),
            "expired before": ("not of the time", dict(expires_at=LONG_BEFORE, issued_at=at(-100))),
            "given afterwards": ("not of the time", dict(issued_at=at(30 + 61))),
            "for more than a day": ("not of the time", dict(expires_at=FAR)),
            "a field more": ("not of the form", dict(note="x")),
        }
        for name, (words, changes) in cases.items():
            with self.subTest(name):
                self.assert_forged(self.swept(**changes), "sweep: ", words)
        with self.subTest("of another document under the signatures"):
            bundle = self.swept()
            redo(bundle["sweep"]["order"], reason="other")
            self.assert_forged(bundle, "not signed by the governance")
        with self.subTest("of a stranger"):
            bundle = self.swept()
            bundle["sweep"]["order"] = {**bundle["sweep"]["order"], "signatures": stranger["signatures"]}
            self.assert_forged(bundle, "not signed by the governance")
        with self.subTest("the latest that serves"):
            self.assert_proven(self.swept(issued_at=at(30 + 60)))
        with self.subTest("expired by the clock of the service"):
            self.assert_doubted(self.swept(expires_at=SIGNING), "sweep: the order, or who signed it, had expired")
            self.assert_doubted(self.swept(expires_at=at(25 - 60, 1), issued_at=at(-100)), "sweep: the order")
            self.assert_forged(self.swept(expires_at=SIGNING, edits={"approvals": lambda rows: rows[:1]}), "quorum")

    def test_the_key(self):
        cases = {
            "no emergency address": ("not to an emergency address", dict(emergency=[])),
            "another one": ("not to an emergency address", dict(emergency=[MALLORY.address()])),
            "of another key": ("document of another key", MALLORY.object()),
            "not for transfers": ("document of another key", dict(purpose="audit")),
            "signed by one": ("not signed by the governance", dict(signers=("admin-1",))),
            "of another policy": ("not signed by the governance", dict(policy="0" * 64)),
            "of another ledger": ("not signed by the governance", dict(chain="0" * 64)),
            "of another environment": ("not signed by the governance", dict(environment="production")),
            "of another form": ("not of the form", dict(note="x")),
        }
        for name, (words, changes) in cases.items():
            with self.subTest(name):
                self.assert_forged(self.swept(paper=self.key(**changes)), "sweep: ", words)
        for change in (lambda sweep: sweep.pop("key"), lambda sweep: sweep.pop("order"), lambda sweep: sweep.update(note="x")):
            bundle = self.swept()
            change(bundle["sweep"])
            self.assert_forged(bundle, "sweep: is not of the form")

    def test_an_issue_is_no_sweep(self):
        rule = {**self.document["rules"][0], "id": "x"}
        self.document["rules"].append(matching(rule, types=["issue"]))
        self.own = [(self.document, WORLD.ADMINS)]
        self.trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(self.document))}))
        self.assert_forged(self.swept(edits={"intent": edit(type="issue")}), "sweep: is for an issue")

    def test_who_had_expired(self):
        """The quorum is valid when the order is used: from the entry before the signature on."""
        for until, issued, status in ((at(25), 15, 2), (at(25, 1), 15, 0), (LONG_BEFORE, -100, 1), (at(25 - 60, 1), -100, 2), (at(15), 15, 1)):
            self.document["people"][0]["valid_until"] = until
            self.own = [(self.document, WORLD.ADMINS)]
            trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(self.document))}))
            with self.subTest(until):
                before = {"paper": self.key(issued_at=at(-200)), "edits": {"destination": edit(issued_at=at(-200))}}
                done = self.judge(self.swept(issued_at=at(issued), **before), trust)
                words = {0: "proven", 1: "tampered: sweep: is not signed by the governance quorum\n", 2: "incomplete: sweep: the order, or who signed it"}
                self.assertEqual((done.returncode, words[status] in done.stdout), (status, True), done.stdout)


if __name__ == "__main__":
    unittest.main()
