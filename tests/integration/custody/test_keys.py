#!/usr/bin/env python3
"""custody and key documents: in words, signed, ordered about, handed to a signer; addresses only when all of it verifies."""

import base64
import datetime
import hashlib
import json
import os
import unittest

import sealed
from signer import Signer, refusal
from tool import ESCAPES, Case, Service, now, problem, world
from ceremony_world import Ceremonies



class Wallet(Ceremonies):
    """The key of the ceremony is the one of the wallet `hot`."""

    def __init__(self):
        super().__init__()
        self.first["wallets"][0].update(self.born.object())
        self.trust["policy"] = world.digest("policy", world.canonical(self.first))


WORLD = Wallet()
BORN = WORLD.born
PEOPLE = ("admin-1", "admin-2", "operator-1", "custodian-1", "custodian-3")
QUORUM_ACTIONS = {"key.admit": "generated", "key.activate": "inactive", "key.resume": "suspended", "key.retire": "active",
                  "key.compromise": "active", "key.destroy": "retained", "key.sweep": "retained"}
ONCE = ("key.admit", "key.sweep")
ACTIONS = (*QUORUM_ACTIONS, "key.deactivate", "key.suspend")
ZERO_TIME = "1970-01-01T00:00:00.000000Z"


def seconds_between(earlier, later):
    form = "%Y-%m-%dT%H:%M:%S.%fZ"
    return (datetime.datetime.strptime(later, form) - datetime.datetime.strptime(earlier, form)).total_seconds()


class Keys(Case):
    def setUp(self):
        super().setUp()
        self.keys = {name: self.key_file(f"{name}.key", WORLD.keys[name]) for name in PEOPLE}
        self.files = WORLD.make(attestation=lambda value: value.update(issued_at=now()))
        self.policy = self.file("policy.json", WORLD.signed_policy())
        self.trust = self.file("trust.json", WORLD.trust)
        self.document = self.file("key.json", self.files["key"])
        self.key_document = json.loads(self.files["key"]["document"])

    def file(self, name, value):
        return self.write(name, world.canonical(value) + "\n")

    def bare(self, kind):
        return self.write(f"{kind}.document", self.files[kind]["document"])

    def signing(self, kind, name, path, out="signed"):
        return ["sign", kind, "--in", path, "--out", self.path(out), "--key", self.keys[name], "--passphrase-file", self.passphrase]


class Words(Keys):
    def test_documents_are_shown_in_words(self):
        for kind, words in (
                ("key", ("a key for transfer, tier hot", BORN.id, BORN.address(), "unattended", "86400 seconds, 1000 signatures",
                         "wrapped, to be proven every 90 days", "custodian-2", "none: a compromised key may send nowhere", "728 days")),
                ("backup", ("any 2 of these 3", "custodian-3, at site-3", "admin-2, at vault", BORN.id)),
                ("restore", ("another token (restore)", "operator-1", "admin-2", "custodian-3", "0123456789abcdef")),
                ("attestation", (BORN.address(), "inactive", BORN.id))):
            with self.subTest(kind):
                told = self.good("show", kind, "--in", self.file("it", self.files[kind]))
                for text in words:
                    self.assertIn(text, told)
                self.assertIn("signature", told)
                told = self.good("show", kind, "--in", self.bare(kind))
                self.assertNotIn("signature  ", told)

    def test_who_signed(self):
        told = self.good("show", "key", "--in", self.document, "--policy", self.policy)
        for name in ("admin-1", "admin-2"):
            self.assertIn(f"verified, by {name}, key {WORLD.keys[name].id}", told)
        self.assertIn("not verified", self.good("show", "key", "--in", self.document))
        told = self.good("show", "restore", "--in", self.file("it", self.files["restore"]), "--policy", self.policy)
        for name in ("operator-1", "admin-2", "custodian-3", "the wallet hot"):
            self.assertIn(f"verified, by {name}, key", told)
        forged = json.loads(json.dumps(self.files["key"]))
        forged["signatures"][1]["sig"] = forged["signatures"][0]["sig"]
        self.assertIn("admin-2", self.refused(1, "show", "key", "--in", self.file("forged", forged), "--policy", self.policy))
        stranger = world.signed("key", self.files["key"]["document"], WORLD.keys["mallory"])
        self.assertIn("not verified, by key", self.good("show", "key", "--in", self.file("it", stranger), "--policy", self.policy))

    def test_documents_are_signed(self):
        for kind, name in (("key", "admin-1"), ("restore", "operator-1")):
            with self.subTest(kind):
                done = self.custody(*self.signing(kind, name, self.bare(kind), kind))
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(BORN.id, done.stderr)
                signed = json.loads(self.read(kind))
                self.assertEqual(signed["document"], self.files[kind]["document"])
                self.assertEqual([row["key"] for row in signed["signatures"]], [WORLD.keys[name].id])
        born = world.signed("restore", self.files["restore"]["document"], BORN)
        self.good(*self.signing("restore", "custodian-3", self.file("born", born), "more"))
        self.assertEqual(len(json.loads(self.read("more"))["signatures"]), 2)

    def test_a_rotation_is_of_the_newest_log(self):
        first = WORLD.trust["log"].split("+")[0]
        log, following = world.Log(f"{first}/e2"), world.Log(f"{first}/e2")
        document = {name: value for name, value in self.key_document.items() if name != "backup_document"}
        document.update(alg="ed25519", backup="none", drill_days=366, emergency=[], key=following.key.text, purpose="audit", replaces=log.key.id, tier="system")
        key = self.file("audit.json", world.signed("key", world.canonical(document), WORLD.keys["admin-1"], WORLD.keys["admin-2"]))
        trust = self.file("trust.json", {**WORLD.trust, "forks": [f"1200 {'5f' * 32} {'0d' * 32} {log.vkey}"]})
        made = json.loads(self.good("log", "rotate", "--document", key, "--size", "80", "--policy", self.policy, "--reason", "a-test", "--trust", trust))
        self.assertEqual((made["log"], made["size"], made["retires"]), (following.vkey, "80", log.key.id))
        self.assertIn("audit", self.refused(1, "log", "rotate", "--document", self.document, "--size", "80", "--policy", self.policy,
                                            "--reason", "a-test", "--trust", trust))

    def test_share_sets(self):
        shares = WORLD.backup_document()["shares"]
        document = {"key": BORN.id, "made_at": world.at(104), "of": "pin", "prev": "0" * 64, "shares": shares, "threshold": 2, "version": 1}
        path = self.write("set", world.canonical(document))
        self.assertIn("share 2: custodian-2, at site-2", self.good("show", "share_set", "--in", path))
        self.good(*self.signing("share_set", "admin-1", path))
        for name, change in (("one is enough", {"threshold": 1}), ("more than there are", {"threshold": 4}),
                             ("of a key", {"of": "kek"}), ("a successor of none", {"version": 2})):
            with self.subTest(name):
                self.refused(1, *self.signing("share_set", "admin-1", self.write("set", world.canonical({**document, **change})), "no"))

    def test_what_is_not_signed(self):
        good = self.key_document
        for name, change in (("a tier of another purpose", {"tier": "system"}), ("a backup of none", {"backup": "none"}),
                             ("four years", {"valid_until": "2030-01-02T00:00:00.000000Z", "retain_until": "2031-01-01T00:00:00.000000Z"}),
                             ("one custodian", {"custodians": ["custodian-1"]}), ("a remark", {"remark": "x"}),
                             ("an escape", {"location": ESCAPES})):
            with self.subTest(name):
                self.refused(1, *self.signing("key", "admin-1", self.write("bad", world.canonical({**good, **change}))))
                self.refused(1, "show", "key", "--in", self.path("bad"))
        for kind in ("backup", "attestation", "ceremony", "gift", "share"):
            with self.subTest(f"people do not sign a {kind}"):
                self.refused(2, *self.signing(kind, "admin-1", self.document))
        self.refused(1, *self.signing("command", "admin-1", self.bare("key")))
        self.assertFalse(os.path.exists(self.path("signed")))


class Commands(Keys):
    def making(self, action, *more, document=True):
        words = ["key", "command", action, "--policy", self.policy, "--reason", "a-test", "--out", self.path("command")]
        words += ["--document", self.document] if document else ["--key-id", BORN.id, "--role", "transfer"]
        words += ["--from", QUORUM_ACTIONS[action]] if action in QUORUM_ACTIONS else []
        words += ["--on", "4"] if action in QUORUM_ACTIONS and action not in ONCE else []
        return words + (["--intent", "1" * 64] if action == "key.sweep" else []) + list(more)

    def make(self, action, *more, **others):
        if os.path.exists(self.path("command")):
            os.remove(self.path("command"))
        self.good(*self.making(action, *more, **others))
        text = self.read("command").decode()
        document = json.loads(text)
        self.assertEqual(text, world.canonical(document) + "\n")
        return document

    def not_made(self, code, *words):
        told = self.refused(code, *words)
        self.assertFalse(os.path.exists(self.path("command")))
        return told

    def test_every_order(self):
        common = {"chain": WORLD.chain, "environment": world.ENVIRONMENT, "key": BORN.id, "policy": WORLD.trust["policy"],
                  "reason": "a-test", "role": "transfer"}
        nonces = set()
        for action in ACTIONS:
            with self.subTest(action):
                document = self.make(action)
                nonces.add(document.pop("nonce"))
                self.assertEqual(seconds_between(document["issued_at"], document.pop("expires_at")), 3600)
                self.assertLess(abs(seconds_between(document.pop("issued_at"), now())), 60)
                expected = {**common, "action": action}
                if action in QUORUM_ACTIONS:
                    expected["from"] = QUORUM_ACTIONS[action]
                if action in QUORUM_ACTIONS and action not in ONCE:
                    expected["on"] = "4"
                expected.update({"key.admit": {"document": world.digest("key", self.files["key"]["document"])},
                                 "key.activate": {"signatures": "1000", "until": document.get("until")},
                                 "key.sweep": {"intent": "1" * 64}}.get(action, {}))
                self.assertEqual(document, expected)
                self.good(*self.signing("command", "admin-1", self.path("command"), f"{action}.signed"))
        self.assertEqual(len(nonces), len(ACTIONS))

    def test_orders_in_words(self):
        for action, words in (
                ("key.activate", ("the key signs for its purpose", "at most 1000 signatures", "governance quorum")),
                ("key.suspend", ("stops at once", "one person: administrator, approver, custodian or operator")),
                ("key.destroy", ("FOR EVER", "seven days", "the key is retained")), ("key.compromise", ("emergency",)),
                ("key.sweep", ("1" * 64, "one transfer of this intent"))):
            with self.subTest(action):
                self.make(action)
                told = self.good("show", "command", "--in", self.path("command"))
                for text in (*words, f"command {action}", BORN.id, "a-test"):
                    self.assertIn(text, told)

    def test_the_box(self):
        document = self.make("key.activate")
        self.assertEqual(seconds_between(document["issued_at"], document["until"]), 86400)
        until = now(days=0.5)
        document = self.make("key.activate", "--until", until, "--signatures", "10")
        self.assertEqual((document["until"], document["signatures"]), (until, "10"))
        os.remove(self.path("command"))
        for more in (["--until", now(days=2)], ["--until", now(days=-1)], ["--signatures", "1001"]):
            with self.subTest(more):
                self.not_made(1, *self.making("key.activate", *more))
        self.not_made(2, *self.making("key.activate", "--until", "tomorrow"))
        self.not_made(2, *self.making("key.activate", document=False))

    def test_without_a_key_document(self):
        self.assertEqual(self.make("key.suspend", document=False)["key"], BORN.id)
        self.assertEqual(self.make("key.destroy", document=False)["from"], "retained")
        os.remove(self.path("command"))
        self.not_made(2, *self.making("key.admit", document=False))
        words = self.making("key.suspend", document=False)
        self.not_made(2, *(word for word in words if word not in ("--role", "transfer")))
        self.not_made(2, *(word if word != BORN.id else BORN.id[1:] for word in words))

    def test_what_is_not_made(self):
        good = self.making("key.retire")
        for name, words in (("no such action", ["key", "command", "key.sign", *good[3:]]),
                            ("a guard", ["key", "command", "guard.initialise", *good[3:]]),
                            ("no state", [word for word in good if word not in ("--from", "active")]),
                            ("no such state", [word if word != "active" else "asleep" for word in good]),
                            ("free text", [word if word != "a-test" else "A test!" for word in good]),
                            ("no policy", [word for word in good if word not in ("--policy", self.policy)]),
                            ("no number", [word for word in good if word not in ("--on", "4")]),
                            ("a number for an order that has none", [*self.making("key.admit"), "--on", "4"]),
                            ("a state for an order that has none", [*self.making("key.suspend"), "--from", "active"])):
            with self.subTest(name):
                self.not_made(2, *words)
        self.file("trust.json", {**WORLD.trust, "policy": "0" * 64})
        self.assertIn("trust file", self.not_made(1, *good, "--trust", self.trust))
        self.file("key.json", world.signed("key", self.files["key"]["document"], WORLD.keys["admin-1"]))
        self.not_made(1, *good)
        self.file("policy.json", WORLD.signed_policy(names=("admin-1", "admin-2")))
        self.not_made(1, *self.making("key.suspend", document=False))

    def test_the_newest_policy_is_named(self):
        os.mkdir(self.path("policies"))
        second = WORLD.next_policy(WORLD.first)
        self.file("policies/1.json", WORLD.signed_policy())
        self.file("policies/2.json", WORLD.signed_policy(second, ("admin-1", "admin-3")))
        self.policy = self.path("policies")
        self.assertEqual(self.make("key.retire", "--trust", self.trust)["policy"], world.digest("policy", world.canonical(second)))
        self.file("policies/3.json", WORLD.signed_policy(WORLD.next_policy(second), ("admin-1",)))
        os.remove(self.path("command"))
        self.assertIn("3.json", self.not_made(1, *self.making("key.retire")))


class Addresses(Keys):
    def verifying(self, *more):
        return ["address", "verify", "--document", self.document, "--attestation", self.file("attestation.json", self.files["attestation"]),
                "--policy", self.policy, "--trust", self.trust, *more]

    def not_told(self, **edits):
        edits.setdefault("attestation", lambda value: value.update(issued_at=now()))
        self.files = WORLD.make(**edits)
        self.file("key.json", self.files["key"])
        done = self.custody(*self.verifying())
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        return done.stderr

    def test_an_address(self):
        done = self.custody(*self.verifying())
        self.assertEqual((done.returncode, done.stdout), (0, BORN.address() + "\n"), done.stderr)
        self.assertIn("inactive", done.stderr)

    def test_age(self):
        for days, good in ((-29, True), (-31, False), (1, False)):
            with self.subTest(days):
                self.files = WORLD.make(attestation=lambda value, days=days: value.update(issued_at=now(days)))
                done = self.custody(*self.verifying())
                self.assertEqual(done.returncode, 0 if good else 1, done.stderr)
                self.assertEqual(done.stdout != "", good)
        self.files = WORLD.make(attestation=lambda value: value.update(issued_at=now(-2)))
        self.refused(1, *self.verifying("--max-age-days", "1"))

    def test_states(self):
        for state, good in (("active", True), ("inactive", True), ("suspended", False), ("retained", False)):
            with self.subTest(state):
                self.files = WORLD.make(attestation=lambda value, state=state: value.update(issued_at=now(), state=state))
                done = self.custody(*self.verifying())
                self.assertEqual((done.returncode, done.stdout != ""), (0 if good else 1, good), done.stderr)
                self.assertIn(state, done.stderr)

    def test_forgeries(self):
        mallory = WORLD.keys["mallory"]
        for name, edits in (
                ("nobody signed", {"key_signers": lambda _: []}), ("one administrator", {"key_signers": lambda _: ["admin-1"]}),
                ("approvers", {"key_signers": lambda _: ["approver-1", "approver-2"]}),
                ("another policy", {"key": lambda value: value.update(policy="0" * 64)}),
                ("another ledger", {"key": lambda value: value.update(chain="0" * 64)}),
                ("a stranger's attestation", {"attestation_signer": lambda _: mallory}),
                ("another document", {"attestation": lambda value: value.update(document="0" * 64, issued_at=now())}),
                ("another address", {"attestation": lambda value: value.update(address=mallory.address(), issued_at=now())}),
                ("another key", {"attestation": lambda value: value.update(**mallory.object(), address=mallory.address(),
                                                                           issued_at=now()), "attestation_signer": lambda _: mallory}),
                ("a cryptoperiod that is over", {"key": lambda value: value.update(valid_until=now(-1))}),
                ("another tier", {"key": lambda value: value.update(tier="cold")}),
                ("another purpose", {"method": "none", "purpose": "audit"})):
            with self.subTest(name):
                self.not_told(**edits)

    def test_a_key_that_is_no_wallet(self):
        """The quorum signed its document once; the newest policy does not list it."""
        os.mkdir(self.path("policies"))
        second = WORLD.next_policy(WORLD.first)
        second["wallets"][0].update(WORLD.keys["payee"].object())
        self.file("policies/1.json", WORLD.signed_policy())
        self.file("policies/2.json", WORLD.signed_policy(second, ("admin-1", "admin-3")))
        self.policy = self.path("policies")
        self.assertIn("is no wallet of policy version 2", self.refused(1, *self.verifying()))

    def test_trust(self):
        words = self.verifying()
        self.refused(2, *(word for word in words if word not in ("--trust", self.trust)))
        self.file("trust.json", {**WORLD.trust, "witnesses": {"keys": ["w"], "quorum": 1}})  # for custody-verify
        self.good(*words)
        self.file("trust.json", {**WORLD.trust, "witnesses": []})
        self.assertIn("witnesses", self.refused(1, *words))
        self.file("trust.json", {**WORLD.trust, "policy": "0" * 64})
        self.assertIn("trust file", self.refused(1, *words))

    def test_through_the_service(self):
        service = Service()
        self.addCleanup(service.end)
        path = f"/v1/keys/{BORN.id}"
        words = ["address", "--wallet", "hot", "--url", service.url, "--trust", self.trust]
        token = {"STRONGROOM_TOKEN": "a-token"}
        service.routes = {("GET", "/v1/ledger/genesis"): (200, {"genesis": WORLD.genesis}),
                          ("GET", "/v1/policies"): (200, {"policies": [{"state": "in_force", "policy": WORLD.signed_policy()}]}),
                          ("GET", path): (200, {"key": {"state": ESCAPES, "document": self.files["key"]}}),
                          ("POST", f"{path}/attestations"): lambda body: (200, {"attestation": self.attest(json.loads(body)["challenge"])})}
        self.assertEqual(self.good(*words, env=token), BORN.address() + "\n")
        service.routes["POST", f"{path}/attestations"] = (200, {"attestation": self.files["attestation"]})
        self.assertIn("another question", self.refused(1, *words, env=token))
        service.routes["GET", path] = (200, {"key": {"document": WORLD.make(key_signers=lambda _: [])["key"]}})
        self.refused(1, *words, env=token)
        service.routes["GET", path] = (404, problem("not_found"))
        self.refused(1, *words, env=token)
        self.refused(1, *(word if word != "hot" else "cold" for word in words), env=token)

    def attest(self, challenge):
        return WORLD.make(attestation=lambda value: value.update(challenge=challenge, issued_at=now()))["attestation"]


class AtTheSigner(Keys):
    def setUp(self):
        super().setUp()
        self.socket = self.path("signer.sock")
        self.signer = Signer(self.socket, BORN)
        self.addCleanup(self.signer.end)
        for op in ("key.admit", "key.command", "key.prove"):
            self.signer.answers[op] = lambda _: {"on": "3", "state": "inactive"}

    def command(self, action, *more, role="transfer"):
        document = {"action": action, "chain": WORLD.chain, "environment": world.ENVIRONMENT, "expires_at": now(0.1), "issued_at": now(),
                    "key": BORN.id, "nonce": "01a1fbb6-8ab5-7912-829e-00000000beef", "policy": WORLD.trust["policy"], "reason": "a-test",
                    "role": role, **dict(more)}
        return self.file("command.json", world.signed("command", world.canonical(document), WORLD.keys["admin-1"]))

    def test_admit(self):
        words = ["key", "admit", "--socket", self.socket, "--document", self.document, "--command",
                 self.command("key.suspend"), "--ceremony", self.file("transcript.json", self.files["transcript"])]
        self.assertEqual(self.good(*words), "the key is inactive, after 3 transitions\n")
        more = ["--backup", self.file("backup.json", self.files["backup"]), "--restore", self.file("restore.json", self.files["restore"])]
        self.good(*words, *more)
        first, second = self.signer.sent("key.admit")
        transcript = world.canonical(self.files["transcript"])
        self.assertEqual((first["document"], first["ceremony"]), (self.files["key"], transcript))
        self.assertNotIn("backup", first)
        self.assertEqual((second["backup"], second["restore"]), (self.files["backup"], self.files["restore"]))
        self.signer.answers["key.admit"] = refusal("quorum_missing", "command", "two of three administrators")
        self.assertIn("command: two of three administrators", self.refused(1, *words))
        self.refused(2, *words[:-2])

    def test_send_and_prove(self):
        self.good("key", "send", "--socket", self.socket, "--command", self.command("key.suspend"))
        self.assertEqual(self.signer.sent("key.command")[0]["command"], json.loads(self.read("command.json")))
        self.signer.answers["key.command"] = refusal("conflict", "state", "suspend is not possible in destroyed")
        self.assertIn("suspend is not possible", self.refused(1, "key", "send", "--socket", self.socket, "--command", self.path("command.json")))
        self.good("key", "prove", "--role", "transfer", "--socket", self.socket, "--restore", self.file("restore.json", self.files["restore"]))
        self.assertEqual(self.signer.sent("key.prove")[0]["restore"], self.files["restore"])
        self.refused(1, "key", "send", "--socket", self.socket, "--command", self.command("key.suspend", role="audit"))
        self.refused(1, "key", "send", "--socket", self.path("nobody"), "--command", self.command("key.suspend"))

    def test_list(self):
        row = {"alg": "p256", "box_signatures": "17", "box_until": now(1), "cause": "command", "destroy_at": ZERO_TIME,
               "document": world.digest("key", self.files["key"]["document"]), "key": BORN.id, "on": "4", "restored_at": ZERO_TIME,
               "since": now(), "state": "active"}
        other = {**row, "key": "f" * 64, "state": "generated", "cause": "founding", "document": "0" * 64, "box_until": ZERO_TIME}
        self.signer.answers["key.list"] = lambda request: {"keys": [row if request["after"] == "0" * 64 else other],
                                                           "more": request["after"] == "0" * 64}
        told = self.good("key", "list", "--socket", self.socket, "--role", "transfer")
        for text in (f"{BORN.id} active, p256", "17 signatures left", "f" * 64 + " generated", " on             4\n", "(founding)"):
            self.assertIn(text, told)
        self.refused(2, "key", "list", "--socket", self.socket)
        self.refused(1, "key", "list", "--socket", self.socket, "--role", "audit")
        self.signer.answers["key.list"] = lambda _: {"keys": [{**row, "state": ESCAPES}], "more": False}
        self.refused(1, "key", "list", "--socket", self.socket, "--role", "transfer")

    def test_attest(self):
        words = ["key", "attest", "--socket", self.socket, "--document", self.document, "--out", self.path("attestation")]
        self.signer.answers["key.attest"] = lambda request: {"attestation": self.attested(request["challenge"])}
        self.good(*words)
        signed = json.loads(self.read("attestation"))
        self.assertEqual(json.loads(signed["document"])["challenge"], self.signer.sent("key.attest")[0]["challenge"])
        os.remove(self.path("attestation"))
        for name, answer in (("an old one", self.files["attestation"]),
                             ("somebody else's", self.attested(None, attestation_signer=lambda _: WORLD.keys["mallory"]))):
            with self.subTest(name):
                self.signer.answers["key.attest"] = lambda _, answer=answer: {"attestation": answer}
                self.refused(1, *words)
                self.assertFalse(os.path.exists(self.path("attestation")))

    def attested(self, challenge, **edits):
        return WORLD.make(attestation=lambda value: value.update(challenge=challenge or "0" * 64, issued_at=now()), **edits)["attestation"]

    def test_activation(self):
        seal = self.path("custodian-1.seal")
        paper = json.loads(self.good("seal-key", "generate", "--out", seal, "--person", "custodian-1", "--environment", world.ENVIRONMENT,
                                     "--key", self.key_file("custodian-1.key", WORLD.keys["custodian-1"]), "--passphrase-file",
                                     self.passphrase))
        public = json.loads(paper["document"])["seal"]
        to_public, to_private = sealed.pair()
        value = hashlib.sha512(b"a share of a PIN").digest()
        share = self.write("share.json", world.canonical({**sealed.share(value, public, BORN.id), "of": "pin"}))
        self.signer.answers["activation.open"] = lambda _: {"have": 1, "threshold": 2, "to": base64.b64encode(to_public).decode()}
        self.signer.answers["activation.give"] = lambda _: {"have": 2, "open": True, "threshold": 2}
        asked = world.canonical({"action": "activate", "authoriser": "admin-2", "chain": WORLD.chain, "environment": world.ENVIRONMENT,
                                 "expires_at": now(0.1), "issued_at": now(), "key": BORN.id, "policy": WORLD.trust["policy"],
                                 "requester": "operator-1", "set": sealed.SET, "to": base64.b64encode(to_public).decode()})
        occasion = world.signed("occasion", asked, WORLD.keys["operator-1"], WORLD.keys["admin-2"])
        words = ["activate", "--role", "transfer", "--socket", self.socket, "--share", share, "--seal-key", seal, "--key",
                 self.keys["custodian-1"], "--passphrase-file", self.passphrase, "--occasion", self.file("occasion.json", occasion),
                 "--policy", self.policy, "--trust", self.trust]
        self.assertEqual(self.good(*words), "given: the signer has 2 of 2 shares; the token is open\n")
        gift = json.loads(self.signer.sent("activation.give")[0]["gift"]["document"])
        self.assertEqual(gift["occasion"], world.digest("occasion", asked))
        self.assertEqual(self.signer.sent("activation.give")[0]["occasion"], occasion)
        self.assertEqual(sealed.unseal(base64.b64decode(gift["sealed"]), to_public, to_private), value)
        self.signer.answers["activation.give"] = refusal("mismatch", "custodian-1", "the share is not its commitment")
        self.assertIn("custodian-1: the share is not its commitment", self.refused(1, *words))
        self.write("share.json", world.canonical(sealed.share(value, public, BORN.id)))
        self.assertIn("serves to activate", self.refused(1, *words))
        self.assertEqual(len(self.signer.sent("activation.give")), 2)


class Freezes(Keys):
    def setUp(self):
        super().setUp()
        self.socket = self.path("signer.sock")
        self.signer = Signer(self.socket, BORN)
        self.addCleanup(self.signer.end)
        self.asset = WORLD.first["wallets"][0]["assets"][0]
        self.signer.answers["key.command"] = lambda _: {"on": "3", "state": "frozen"}

    def words(self, *target, verb="freeze", more=()):
        return [verb, *target, "--policy", self.policy, "--reason", "odd-traffic", *more]

    def signing_at_once(self):
        return ["--key", self.keys["operator-1"], "--passphrase-file", self.passphrase]

    def test_one_command_stops(self):
        for target in (("asset", self.asset), ("wallet", "hot"), ("everything",)):
            with self.subTest(target[0]):
                told = self.good(*self.words(*target, more=(*self.signing_at_once(), "--socket", self.socket)))
                self.assertEqual(told, "frozen, freeze 3\n")
                sent = self.signer.sent("key.command")[-1]["command"]
                document = json.loads(sent["document"])
                self.assertEqual(sent["signatures"][0]["key"], WORLD.keys["operator-1"].id)
                for name in ("nonce", "issued_at", "expires_at"):
                    del document[name]
                self.assertEqual(document, {
                    "action": "freeze", "chain": WORLD.chain, "environment": world.ENVIRONMENT, "policy": WORLD.trust["policy"],
                    "reason": "odd-traffic", "role": "transfer", "scope": target[0], **dict(zip(("subject",), target[1:]))})
        self.signer.answers["key.command"] = refusal("forbidden", "command.signatures[0]", "has no duty")
        told = self.refused(1, *self.words("everything", more=(*self.signing_at_once(), "--socket", self.socket)))
        self.assertRegex(told, "has no duty\n   to do: a person with that role must do it: own token, own key")

    def test_orders_are_made_and_shown(self):
        self.good(*self.words("wallet", "hot", more=("--out", self.path("freeze"))))
        told = self.good("show", "command", "--in", self.path("freeze"))
        for text in ("command freeze", "every transfer of this wallet", "hot", "one person", "only the quorum thaws"):
            self.assertIn(text, told)
        self.good(*self.words("asset", self.asset, verb="thaw", more=("--on", "7", "--out", self.path("thaw"))))
        self.assertEqual(json.loads(self.read("thaw"))["on"], "7")
        told = self.good("show", "command", "--in", self.path("thaw"))
        self.assertNotIn("its state has changed", told, "that is said of keys")
        for text in ("command thaw", self.asset, "it is freeze 7", "governance quorum"):
            self.assertIn(text, told)
        self.good(*self.signing("command", "admin-1", self.path("thaw"), "signed.json"))
        self.good("key", "send", "--socket", self.socket, "--command", self.path("signed.json"))
        self.assertEqual(self.signer.sent("key.command")[-1]["command"], json.loads(self.read("signed.json")))

    def test_what_is_not_made(self):
        out = ("--out", self.path("order"))
        for code, words in ((2, self.words("wallet", verb="thaw", more=out)), (1, self.words("key", BORN.id, more=out)),
                            (1, self.words("wallet", "cold", more=out)), (1, self.words("asset", "DEMO", more=out)),
                            (1, self.words("asset", "f" * 64, more=out)), (1, self.words("everything", "hot", more=out)),
                            (2, self.words("everything", verb="thaw", more=out)), (2, self.words(more=out))):
            with self.subTest(words[:3]):
                self.refused(code, *words)
                self.assertFalse(os.path.exists(self.path("order")))

    def test_lists(self):
        row = {"cause": "alarm", "on": "3", "reason": "copied-use", "scope": "asset", "since": now(), "state": "frozen",
               "subject": self.asset}
        other = {**row, "cause": "command", "on": "2", "scope": "everything", "state": "thawed"}
        del other["subject"]
        self.signer.answers["status"] = lambda _: {
            "configuration": "2" * 64, "freezes": [row, other], "instance": "1" * 64, "policy": "0" * 64, "program": "3" * 64, "policy_in_force_at": "1970-01-01T00:00:00.000000Z", "policy_version": 1,
            "promises": "0", "ready": True, "role": "transfer", "size": "1", "suspended": [],
            "tokens": [{"down_at": "1970-01-01T00:00:00.000000Z", "label": "a", "reason": "", "serial": "1", "state": "serving"}]}
        told = self.good("freeze", "list", "--socket", self.socket)
        for text in (f"asset {self.asset} frozen, freeze 3", "(alarm)", "copied-use", "everything thawed, freeze 2"):
            self.assertIn(text, told)

    def test_at_the_service(self):
        service = Service()
        self.addCleanup(service.end)
        more = {"env": {"STRONGROOM_TOKEN": "a-token"}}
        service.routes = {("POST", "/v1/freezes"): (200, {"freeze": {"state": ESCAPES, "number": 1}}),
                          ("GET", "/v1/freezes"): (200, {"freezes": [{"scope": ESCAPES, "subject": ESCAPES, "state": ESCAPES, "number": 1}, {}]})}
        told = self.good(*self.words("everything", more=(*self.signing_at_once(), "--url", service.url)), **more)
        told += self.good("freeze", "list", "--url", service.url, **more)
        self.assertFalse(set(told) - set(map(chr, range(32, 127))) - {"\n"}, repr(told))
        body = json.loads(service.sent("POST")[0]["body"])
        self.assertEqual(json.loads(body["document"])["scope"], "everything")


class AtTheService(Keys):
    def test_lists_are_clean(self):
        service = Service()
        self.addCleanup(service.end)
        row = dict.fromkeys(("key_id", "state", "role", "address", "address_reason", "attested_at", "restored_at", "drill_due"), ESCAPES)
        service.routes[("GET", "/v1/keys")] = (200, {"keys": [{**row, "drill_overdue": True}, {}]})
        told = self.good("key", "list", "--url", service.url, env={"STRONGROOM_TOKEN": "a-token"})
        self.assertFalse(set(told) - set(map(chr, range(32, 127))) - {"\n"}, repr(told))
        self.assertIn("OVERDUE", told)

    def test_papers_are_handed_in(self):
        service = Service()
        self.addCleanup(service.end)
        base = ["--url", service.url]
        more = {"env": {"STRONGROOM_TOKEN": "a-token"}}
        service.routes = {("POST", path): (200, {"key": {"state": ESCAPES}})
                          for path in ("/v1/keys", f"/v1/keys/{BORN.id}/commands", f"/v1/keys/{BORN.id}/restores")}
        restore = self.file("restore.json", self.files["restore"])
        transcript = self.file("transcript.json", self.files["transcript"])
        signed = self.custody("key", "command", "key.admit", "--document", self.document, "--policy", self.policy, "--from", "generated",
                              "--reason", "a-test", "--out", self.path("command"))
        self.assertEqual(signed.returncode, 0, signed.stderr)
        self.good(*self.signing("command", "admin-1", self.path("command"), "command.json"))
        command = json.loads(self.read("command.json"))
        for words in (["admit", "--document", self.document, "--command", self.path("command.json"), "--ceremony", transcript],
                      ["send", "--command", self.path("command.json")], ["prove", "--restore", restore]):
            with self.subTest(words[0]):
                told = self.good("key", *words, *base, **more)
                self.assertFalse(set(told) - set(map(chr, range(32, 127))) - {"\n"}, repr(told))
        bodies = [json.loads(request["body"]) for request in service.sent("POST")]
        self.assertEqual(bodies, [{"ceremony": world.canonical(self.files["transcript"]), "command": command, "document": self.files["key"]},
                                  command, self.files["restore"]])


if __name__ == "__main__":
    unittest.main()
