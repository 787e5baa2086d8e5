#!/usr/bin/env python3
"""signerd's offline subcommands on SoftHSM2: generate, backup, restore, share-pin, destroy, with real tokens, papers and people."""

import base64
import datetime
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../verify"), os.path.join(HERE, "../custody")]
import sealed  # noqa: E402
import world  # noqa: E402

SIGNERD = os.environ["SIGNERD"]
LONG_NAME = f"/{'folder/' * 20}signerd"  # what it is called by; some are installed deep
MAKE_TOKEN = os.path.join(os.environ["STRONGROOM_SOURCE_DIR"], "tests/support/softhsm_token")
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
CUSTODIANS = ("custodian-1", "custodian-2", "custodian-3")
FIELD = 0x11D  # of the polynomial over GF(2^8), docs/formats.md


def now(hours=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def times(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = (a << 1) ^ (FIELD if a & 0x80 else 0)
        b >>= 1
    return product


def inverse(a):
    return next(b for b in range(1, 256) if times(a, b) == 1)


def join(shares):
    """The secret of {index: share}, by Lagrange at 0."""
    secret = bytes(len(next(iter(shares.values()))))
    for i, share in shares.items():
        weight = 1
        for j in shares:
            weight = times(weight, times(j, inverse(i ^ j))) if j != i else weight
        secret = bytes(have ^ times(weight, byte) for have, byte in zip(secret, share))
    return secret


def uuid7():
    return str(uuid.UUID(int=(uuid.uuid4().int & ~(0xF << 76)) | (7 << 76)))


class People(world.World):
    def __init__(self):
        super().__init__()
        self.keys.update({name: world.Key() for name in CUSTODIANS})
        self.seals = {name: sealed.pair() for name in CUSTODIANS}
        self.first["people"] = sorted(self.first["people"] + [world.person(name, ["custodian"], self.keys[name])
                                                              for name in CUSTODIANS], key=lambda row: row["id"])
        self.policy = world.digest("policy", world.canonical(self.first))

    def signed_policy(self):
        return world.signed("policy", world.canonical(self.first), *(self.keys[name] for name in self.ADMINS))


WORLD = People()


class Offline(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.token("primary")
        self.write("policy.json", json.dumps(WORLD.signed_policy()))
        self.environment = {**os.environ, "SOFTHSM2_CONF": self.path("softhsm2.conf")}

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)

    def bytes(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def json(self, name):
        with open(self.path(name), encoding="ascii") as file:
            return json.load(file)

    def token(self, label):
        subprocess.run([MAKE_TOKEN, self.place, label], check=True)

    def start(self, word, *options, pins=()):
        """Starts a subcommand; `pins`: (option, file) read through a descriptor each."""
        files = [open(path, "rb") for _, path in pins]
        words = [f"--{option}={file.fileno()}" for (option, _), file in zip(pins, files)]
        process = subprocess.Popen([LONG_NAME, word, *options, *words], executable=SIGNERD, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
                                   pass_fds=[file.fileno() for file in files])
        for file in files:
            file.close()
        return process

    def run_word(self, word, *options, pins=(), code=0):
        process = self.start(word, *options, pins=pins)
        out, err = process.communicate()
        self.assertEqual(process.returncode, code, out + err)
        return out if code == 0 else err

    def user_pin(self, label):
        return ("pin-fd", self.path(f"{label}.pin"))

    def so_pin(self, label):
        return ("so-pin-fd", self.path(f"{label}.so-pin"))

    def uri(self, label):
        return f"--token=pkcs11:token={label}?module-path={MODULE}"

    def generate(self, *options, label="primary", key="treasury"):
        return json.loads(self.run_word("generate", self.uri(label), f"--key={key}", *options, pins=[self.user_pin(label)]))

    def sealing_key(self, name, seal_of=None, signer=None, **changes):
        """The file of the sealing key of a custodian."""
        public = base64.b64encode(WORLD.seals[seal_of or name][0]).decode()
        paper = world.sealing_key(name, public, WORLD.keys[signer or name], **changes)
        return self.write(f"seal-{name}-{len(os.listdir(self.place))}.json", json.dumps(paper))

    def custodians(self, names=CUSTODIANS, **papers):
        """`papers`: other files than the right ones, by name with _ for -."""
        return ",".join(f"{name}:site-{name[-1]}:{papers.get(name.replace('-', '_')) or self.sealing_key(name)}" for name in names)

    def bad_sealing_keys(self):
        """Files for custodian-2 that whoever makes shares might put in, and what is said."""
        return (("unknown_key", self.sealing_key("custodian-2", signer="operator-1")),
                ("unknown_key", self.sealing_key("custodian-2", signer="mallory")),
                ("mismatch", self.sealing_key("custodian-2", environment="live")),
                ("expired", self.sealing_key("custodian-2", valid_until=now(-1))),
                ("not_ready", self.sealing_key("custodian-2", issued_at=now(1))),
                ("invalid", self.sealing_key("custodian-2", valid_until=world.at(0))),
                ("invalid", self.path("nowhere.json")))

    def backup_words(self, output="papers", **changes):
        os.makedirs(self.path(output), exist_ok=True)
        words = {"key": "treasury", "custodians": self.custodians(), "threshold": "2", "holder": "operator-1",
                 "site": "vault", "output": self.path(output), **changes}
        return [f"--{name}={value}" for name, value in words.items()]

    def backup(self, output="papers", label="primary", **changes):
        return json.loads(self.run_word("backup", self.uri(label), *self.backup_words(output, **changes),
                                        pins=[self.user_pin(label), self.so_pin(label)]))

    def restore_start(self, *options, label="blank", output="proof.json", **changes):
        words = {"backup": self.path("papers/backup.json"), "wrapped": self.path("papers/wrapped-operator-1.bin"),
                 "policy": self.path("policy.json"), "output": self.path(output), **changes}
        return self.start("restore", self.uri(label), *(f"--{name}={value}" for name, value in words.items()), *options,
                          pins=[self.user_pin(label), self.so_pin(label)])

    def share_value(self, name, papers="papers"):
        share = self.json(f"{papers}/share-{name}.json")
        public, private = WORLD.seals[name]
        return share, sealed.unseal(base64.b64decode(share["sealed"]), public, private)

    def occasion(self, receiver, signers=("operator-1", "admin-1"), **changes):
        """What requester and authoriser sign, once they have read the receiver off the console. Its digest is kept there."""
        document = world.canonical({
            "action": "restore", "authoriser": "admin-1", "chain": WORLD.chain, "environment": world.ENVIRONMENT,
            "executor": "custodian-1", "expires_at": now(1), "issued_at": now(), "policy": WORLD.policy, "requester": "operator-1",
            **{name: receiver[name] for name in ("key", "serial", "set", "to")}, **changes})
        receiver["occasion"] = world.digest("occasion", document)
        return json.dumps(world.signed("occasion", document, *(WORLD.keys[name] for name in signers))) + "\n"

    def gift(self, name, receiver, value=None, signer=None, **changes):
        share, content = self.share_value(name)
        box = sealed.seal(value or content, base64.b64decode(receiver["to"]))
        document = world.canonical({
            "commitment": share["commitment"], "custodian": name, "given_at": now(), "index": share["index"],
            "occasion": receiver["occasion"], "sealed": base64.b64encode(box).decode(), **changes})
        return json.dumps(world.signed("gift", document, WORLD.keys[signer or name])) + "\n"

    def restore(self, *gifts, options=(), code=0, occasion=None, **words):
        """`gifts` and `occasion`: functions of the receiver. Answers what was logged."""
        process = self.restore_start(*options, **words)
        first = process.stdout.readline()
        lines = ""
        if first:
            receiver = json.loads(first)
            action = "drill" if "--drill" in options else "restore"
            lines = occasion(receiver) if occasion else self.occasion(receiver, action=action)
            lines += "".join(make(receiver) for make in gifts)
        out, err = process.communicate(lines)
        self.assertEqual(process.returncode, code, first + out + err)
        return err

    def objects(self, label):
        with open(self.path(f"{label}.pin"), encoding="ascii") as file:
            pin = file.read().strip()
        listed = subprocess.run(["pkcs11-tool", "--module", MODULE, "--token-label", label, "--login", "--pin", pin, "-O"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment, check=True)
        return sorted(line for line in listed.stdout.splitlines() if "Object" in line)

    def verify(self, kind, document, signature, key):
        self.assertEqual(signature["key"], sha256(base64.b64decode(key)))
        self.verify_raw(world.message(kind, document), signature["sig"], key)

    def verify_raw(self, message, signature, key):
        """With openssl, which knows nothing of ours."""
        raw = base64.b64decode(signature)
        numbers = [int.from_bytes(half, "big") for half in (raw[:32], raw[32:])]
        asn1 = "asn1=SEQUENCE:s\n[s]\n" + "".join(f"n{i}=INTEGER:0x{n:x}\n" for i, n in enumerate(numbers))
        self.write("asn1", asn1)
        subprocess.run(["openssl", "asn1parse", "-genconf", self.path("asn1"), "-out", self.path("sig")], check=True,
                       stdout=subprocess.DEVNULL)
        with open(self.path("message"), "wb") as file:
            file.write(message)
        with open(self.path("key.der"), "wb") as file:
            file.write(base64.b64decode(key))
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", self.path("key.der"),
                               "-rawin", "-digest", "sha256", "-in", self.path("message"), "-sigfile", self.path("sig")],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Generate(Offline):
    def test_facts_are_strings_and_proven_by_the_key(self):
        facts = self.generate()
        self.assertEqual(sorted(facts), ["alg", "approved", "firmware", "key", "key_id", "label", "manufacturer", "mechanism",
                                         "model", "module", "program", "proof", "rng", "serial"])
        self.assertTrue(all(isinstance(value, str) for value in facts.values()))
        self.assertEqual(facts["key_id"], sha256(base64.b64decode(facts["key"])))
        self.assertEqual((facts["alg"], facts["approved"], facts["label"], facts["rng"]), ("p256", "false", "primary", "true"))
        for name, path in (("module", MODULE), ("program", SIGNERD)):
            with open(path, "rb") as file:
                self.assertEqual(facts[name], sha256(file.read()))
        proof = facts.pop("proof")
        self.verify_raw(world.message("generated", world.canonical(facts)), proof, facts["key"])

    def test_what_cannot_be_is_refused(self):
        words = [self.uri("primary"), "--key=treasury"]
        pin = [self.user_pin("primary")]
        self.assertIn("approved", self.run_word("generate", *words, "--approved", pins=pin, code=64))
        self.assertIn("ed25519", self.run_word("generate", *words, "--algorithm=ed25519", "--backup=wrapped", pins=pin, code=78))
        self.assertIn("signerd: --backup: wrapped, clone or none; signerd --help", self.run_word(
            "generate", *words, "--backup=paper", pins=pin, code=64))
        self.assertIn("pin-value", self.run_word("generate", f"{self.uri('primary')}&pin-value=7391", "--key=treasury",
                                                 pins=pin, code=78))
        self.assertEqual(self.objects("primary"), [])

    def test_a_default_pin_is_refused_before_the_token_sees_it(self):
        self.write("default.pin", "1234\n")
        self.assertIn("pin_refused", self.run_word("generate", self.uri("primary"), "--key=treasury",
                                                   pins=[("pin-fd", self.path("default.pin"))], code=78))


class Backup(Offline):
    def test_the_papers_belong_together(self):
        key = self.generate("--backup=wrapped")
        facts = self.backup()
        document = self.json("papers/backup.json")
        backup = json.loads(document["document"])
        self.assertEqual(facts, {"backup": world.digest("backup", document["document"]), "check": backup["check"], "threshold": "2"})
        self.assertEqual(len(document["signatures"]), 1)
        self.verify("backup", document["document"], document["signatures"][0], key["key"])
        self.assertEqual(backup["token"], {name: key[name] for name in ("firmware", "label", "manufacturer", "model", "serial")})
        self.assertEqual([row["custodian"] for row in backup["shares"]], list(CUSTODIANS))
        shares = {}
        for row in backup["shares"]:
            share, value = self.share_value(row["custodian"])
            self.assertEqual(sha256(value), row["commitment"])
            self.assertEqual((share["key"], share["set"]), (key["key_id"], facts["backup"]))
            shares[row["index"]] = value
        for pair in ((1, 2), (1, 3), (2, 3)):
            kek = join({index: shares[index] for index in pair})
            self.assertEqual(sha256(b"strongroom/kek/v1\n" + kek), backup["check"])
        wrapped = self.bytes("papers/wrapped-operator-1.bin")
        self.assertEqual((sha256(wrapped), len(wrapped)), (backup["wrapped_sha256"], backup["wrapped_size"]))
        for root, _, names in os.walk(self.place):
            for name in names:
                content = self.bytes(os.path.join(root, name))
                self.assertNotIn(kek, content, name)
                has_wrapped = wrapped in content or base64.b64encode(wrapped) in content or wrapped.hex().encode() in content
                self.assertEqual(has_wrapped, name == "wrapped-operator-1.bin", name)  # it is with its holder and nowhere else
                self.assertFalse(any(value in content for value in shares.values()), name)
        self.assertEqual(len(self.objects("primary")), 2)

    def test_nothing_is_overwritten(self):
        self.generate("--backup=wrapped")
        self.backup()
        pins = [self.user_pin("primary"), self.so_pin("primary")]
        before = self.json("papers/backup.json")
        self.assertIn("exists", self.run_word("backup", self.uri("primary"), *self.backup_words(), pins=pins, code=78))
        self.assertEqual(self.json("papers/backup.json"), before)

    def test_the_sealing_keys_are_in_the_backup(self):
        self.generate("--backup=wrapped")
        self.backup(policy=self.path("policy.json"))
        for row in json.loads(self.json("papers/backup.json")["document"])["shares"]:
            public = base64.b64encode(WORLD.seals[row["custodian"]][0]).decode()
            self.assertEqual(json.loads(row["seal"]["document"])["seal"], public)
            self.assertEqual(self.share_value(row["custodian"])[0]["to"], public)
            self.verify("sealing_key", row["seal"]["document"], row["seal"]["signatures"][0], WORLD.keys[row["custodian"]].object()["key"])

    def test_what_would_be_no_backup_is_refused(self):
        self.generate("--backup=none", key="fixed")
        self.generate("--backup=wrapped")
        one_key = self.custodians(custodian_2=self.sealing_key("custodian-2", seal_of="custodian-1"))
        for text, changes in (
                ("key_unfit", {"key": "fixed"}),
                ("not_found", {"key": "other"}),
                ("threshold", {"threshold": "1"}),
                ("threshold", {"threshold": "4"}),
                ("custodian-1", {"custodians": self.custodians(("custodian-1", "custodian-1"))}),
                ("one site", {"custodians": self.custodians().replace("site-2", "site-1")}),
                ("one key", {"custodians": one_key}),
                ("holder", {"holder": "custodian-2"}),
                ("holder", {"site": "site-3"}),
                ("name:site:file", {"custodians": "custodian-1,custodian-2"}),
                *((text, {"custodians": self.custodians(custodian_2=path), "policy": self.path("policy.json")})
                  for text, path in self.bad_sealing_keys()),
                ("sealing key of custodian-1, not of custodian-2", {"custodians": self.custodians(
                    custodian_2=self.sealing_key("custodian-1"))}),
                ("expired", {"custodians": self.custodians(custodian_2=self.sealing_key("custodian-2", valid_until=now(-1)))}),
                ("forbidden", {"custodians": self.custodians(("custodian-2", "operator-1"), operator_1=self.sealing_key(
                    "operator-1", seal_of="custodian-1")), "holder": "admin-1", "policy": self.path("policy.json")}),
        ):
            code = 64 if text in ("threshold", "name:site:file") else 78
            self.assertIn(text, self.run_word("backup", self.uri("primary"), *self.backup_words("none", **changes), code=code,
                                              pins=[self.user_pin("primary"), self.so_pin("primary")]), changes)
        self.assertEqual(os.listdir(self.path("none")), [])


class Restore(Offline):
    def setUp(self):
        super().setUp()
        self.key = self.generate("--backup=wrapped")
        self.facts = self.backup()
        self.token("blank")

    def give(self, name, **changes):
        return lambda receiver: self.gift(name, receiver, **changes)

    def corrupted(self, name):
        value = bytearray(self.share_value(name)[1])
        value[7] ^= 1
        return self.give(name, value=bytes(value))

    def proof(self, kind):
        document = self.json("proof.json")
        proof = json.loads(document["document"])
        self.assertEqual([row["key"] for row in document["signatures"]], [self.key["key_id"]])
        self.verify("restore", document["document"], document["signatures"][0], self.key["key"])
        self.assertEqual((proof["kind"], proof["backup"], proof["key"]), (kind, self.facts["backup"], self.key["key_id"]))
        self.assertEqual(proof["token"]["label"], "blank")
        self.assertEqual((proof["policy"], proof["chain"]), (WORLD.policy, WORLD.chain))
        self.assertEqual((proof["requester"], proof["authoriser"], proof["executor"]), ("operator-1", "admin-1", "custodian-1"))
        return proof

    def test_two_shares_bring_the_key_back(self):
        self.restore(self.give("custodian-3"), self.give("custodian-1"))
        self.assertEqual(self.proof("restore")["shares"], ["custodian-1", "custodian-3"])
        self.assertEqual(len(self.objects("blank")), 2)
        self.assertEqual(len(self.objects("primary")), 2)

    def test_a_drill_leaves_no_key(self):
        self.restore(self.give("custodian-1"), self.give("custodian-2"), options=["--drill"])
        self.proof("drill")
        self.assertEqual(self.objects("blank"), [])

    def test_a_standby_can_be_backed_up_in_its_turn(self):
        self.restore(self.give("custodian-1"), self.give("custodian-2"), options=["--wrappable"])
        self.backup("again", label="blank")
        self.assertEqual(json.loads(self.json("again/backup.json")["document"])["token"]["label"], "blank")

    def test_one_share_is_not_enough(self):
        said = self.restore(self.give("custodian-1"), code=78)
        self.assertIn("quorum_missing", said)
        said = self.restore(self.give("custodian-1"), self.give("custodian-1"), code=78)
        self.assertIn("quorum_missing", said)
        self.assertIn("gave a share before", said)
        self.assertEqual(self.objects("blank"), [])
        self.assertFalse(os.path.exists(self.path("proof.json")))

    def test_a_corrupted_share_names_its_custodian_and_another_one_serves(self):
        said = self.restore(self.give("custodian-1"), self.corrupted("custodian-2"), self.give("custodian-3"))
        refused = [line for line in said.splitlines() if "gift.refused" in line]
        self.assertEqual(len(refused), 1, said)
        self.assertIn("custodian-2", refused[0])
        self.assertIn("corrupted", refused[0])
        self.assertEqual(self.proof("restore")["shares"], ["custodian-1", "custodian-3"])

    def test_a_gift_is_the_custodians_own_and_for_this_occasion(self):
        other, _ = sealed.pair()
        elsewhere = {"occasion": "1" * 64, "to": base64.b64encode(other).decode()}
        bad = (
            self.give("custodian-1", signer="custodian-2"),
            self.give("custodian-1", signer="mallory"),
            self.give("custodian-1", occasion="0" * 64),
            self.give("custodian-1", index=2),
            lambda _: self.gift("custodian-1", elsewhere),
            lambda receiver: self.gift("custodian-1", elsewhere, occasion=receiver["occasion"]),
            lambda _: "no gift at all\n",
            lambda _: "\n",
        )
        said = self.restore(*bad, code=78)
        self.assertEqual(said.count("gift.refused"), len(bad) - 1, said)
        self.assertIn("0 good shares", said)

    def test_an_altered_backup_is_refused_before_anybody_brings_a_share(self):
        document = self.json("papers/backup.json")
        backup = json.loads(document["document"])
        document["document"] = world.canonical({**backup, "wrapped_sha256": "0" * 64})
        self.write("papers/altered.json", json.dumps(document))
        self.assertIn("signature_invalid", self.restore(code=78, backup=self.path("papers/altered.json")))
        old = {name: value for name, value in backup.items() if not name.startswith("wrapped")}
        document["document"] = world.canonical({**old, "wrapped": base64.b64encode(self.bytes("papers/wrapped-operator-1.bin")).decode()})
        self.write("papers/altered.json", json.dumps(document))
        self.assertIn("back the key up anew", self.restore(code=78, backup=self.path("papers/altered.json")))

    def test_another_wrapped_key_is_refused_before_anybody_brings_a_share(self):
        good = self.bytes("papers/wrapped-operator-1.bin")
        for field, content in (("wrapped_sha256", bytes([good[0] ^ 1]) + good[1:]), ("wrapped_size", good + b"\n"), ("wrapped_size", good[:-1]),
                               ("wrapped", bytes(2000)), ("wrapped_size", b"")):
            with open(self.path("other.bin"), "wb") as file:
                file.write(content)
            self.assertIn(f" where={field} ", self.restore(code=78, wrapped=self.path("other.bin")))
        self.assertIn(" where=wrapped ", self.restore(code=78, wrapped=self.path("nowhere.bin")))
        self.assertEqual(self.objects("blank"), [])

    def test_the_same_token_and_the_same_key_are_refused(self):
        self.assertIn("conflict", self.restore(code=78, label="primary"))
        self.restore(self.give("custodian-1"), self.give("custodian-2"))
        self.assertIn("exists", self.restore(code=78, output="second.json"))

    def refused_occasions(self, rows, options=()):
        """Each of these is refused with its text, and then no gift is looked at."""
        def lines(receiver):
            made = [self.occasion(receiver, **changes) for _, changes in rows]
            return "".join([*made, self.gift("custodian-1", receiver), self.gift("custodian-2", receiver)])
        said = self.restore(code=78, occasion=lines, options=options)
        refused = [line for line in said.splitlines() if "event=occasion.refused" in line]
        self.assertEqual(len(refused), len(rows) + 2, said)
        for (text, changes), line in zip(rows, refused):
            self.assertIn(text, line, changes)
        self.assertIn("quorum_missing", said)
        self.assertNotIn("gift.taken", said)
        self.assertEqual(self.objects("blank"), [])
        self.assertFalse(os.path.exists(self.path("proof.json")))

    def test_three_people_answer_for_it(self):
        self.refused_occasions((
            ("where=authoriser", {"requester": "admin-1", "signers": ("admin-1",)}),
            ("forbidden", {"executor": "admin-2"}),
            ("forbidden", {"authoriser": "custodian-2", "signers": ("operator-1", "custodian-2")}),
            ("forbidden", {"requester": "approver-1", "signers": ("approver-1", "admin-1")}),
            ("forbidden", {"executor": "nobody"}),
            ("quorum_missing", {"signers": ("operator-1",)}),
            ("quorum_missing", {"signers": ("admin-1",)}),
            ("quorum_missing", {"signers": ()}),
            ("unknown_key", {"signers": ("operator-1", "admin-2")}),
            ("unknown_key", {"signers": ("operator-1", "admin-1", "custodian-1")}),
        ))

    def test_the_occasion_is_about_this_restore(self):
        other, _ = sealed.pair()
        self.refused_occasions((
            ("where=to", {"to": base64.b64encode(other).decode()}),
            ("where=key", {"key": "1" * 64}),
            ("where=set", {"set": "1" * 64}),
            ("where=serial", {"serial": "1"}),
            ("where=action", {"action": "drill"}),
            ("expired", {"issued_at": now(-3), "expires_at": now(-2)}),
            ("not_ready", {"issued_at": now(1), "expires_at": now(2)}),
            ("where=policy", {"policy": "1" * 64}),
            ("where=chain", {"chain": "1" * 64}),
        ))

    def test_a_drill_is_no_restore(self):
        self.refused_occasions((("where=action", {}),), options=["--drill"])

    def test_without_an_occasion_no_share_is_taken(self):
        process = self.restore_start("--drill")
        receiver = {**json.loads(process.stdout.readline()), "occasion": "0" * 64}
        _, said = process.communicate("".join(self.gift(name, receiver) for name in CUSTODIANS))
        self.assertEqual(process.returncode, 78, said)
        self.assertNotIn("gift.taken", said)

    def test_the_proof_holds_the_occasion(self):
        kept = []

        def keep(receiver):
            line = self.occasion(receiver)
            kept.append(json.loads(line))
            return line
        self.restore(self.give("custodian-1"), self.give("custodian-2"), occasion=keep)
        self.assertEqual([self.proof("restore")["occasion"]], kept)

    def test_a_proof_is_not_overwritten(self):
        self.write("proof.json", "an older one")
        self.assertIn("exists", self.restore(code=78))


    def test_of_a_clone_only_the_proof_is_made(self):
        self.restore(self.give("custodian-1"), self.give("custodian-2"))  # stands for a token that clones
        os.remove(self.path("proof.json"))
        process = self.start("restore", self.uri("blank"), "--key=treasury", f"--policy={self.path('policy.json')}",
                             f"--output={self.path('proof.json')}", "--drill", pins=[self.user_pin("blank")])
        receiver = json.loads(process.stdout.readline())
        self.assertEqual((receiver["threshold"], receiver["set"]), (0, "0" * 64))
        out, err = process.communicate(self.occasion(receiver, action="drill"))
        self.assertEqual((process.returncode, out), (0, ""), err)
        self.facts["backup"] = "0" * 64
        self.assertEqual(self.proof("drill")["shares"], [])
        self.assertEqual(len(self.objects("blank")), 2)

    def test_a_backup_or_a_clone_is_named(self):
        words = [self.uri("blank"), f"--policy={self.path('policy.json')}", f"--output={self.path('proof.json')}"]
        backup, wrapped = f"--backup={self.path('papers/backup.json')}", f"--wrapped={self.path('papers/wrapped-operator-1.bin')}"
        for where, more in (("backup", []), ("backup", ["--key=treasury", backup, wrapped]), ("so-pin-fd", [backup, wrapped]),
                            ("wrapped", [backup]), ("wrapped", ["--key=treasury", wrapped])):
            said = self.run_word("restore", *words, *more, pins=[self.user_pin("blank")], code=64)
            self.assertIn(f"signerd: --{where}: ", said)


class SharePin(Offline):
    def test_the_shares_give_the_pin(self):
        os.mkdir(self.path("pin"))
        key_id = "5" * 64
        out = self.run_word("share-pin", f"--key-id={key_id}", f"--custodians={self.custodians()}", "--threshold=2",
                            f"--policy={self.path('policy.json')}", f"--output={self.path('pin')}", pins=[self.user_pin("primary")])
        share_set = json.loads(out)
        self.assertEqual(self.json("pin/share-set.json"), share_set)
        self.assertEqual((share_set["key"], share_set["of"], share_set["threshold"]), (key_id, "pin", 2))
        self.assertEqual((share_set["version"], share_set["prev"]), (1, "0" * 64))
        shares = {}
        for row in share_set["shares"]:
            share, value = self.share_value(row["custodian"], "pin")
            self.assertEqual((sha256(value), share["of"]), (row["commitment"], "pin"))
            self.assertEqual(share["set"], world.digest("share_set", out.strip()))
            shares[row["index"]] = value
        with open(self.path("primary.pin"), "rb") as file:
            pin = file.read().strip()
        block = join({1: shares[1], 3: shares[3]})
        self.assertEqual((len(block), block[0], block[1:1 + len(pin)]), (64, len(pin), pin))
        for value in shares.values():
            self.assertNotIn(pin, value)

    def share_pin(self, *options, code=0, output="pin", **papers):
        os.makedirs(self.path(output), exist_ok=True)
        return self.run_word("share-pin", f"--key-id={'5' * 64}", f"--custodians={self.custodians(**papers)}", "--threshold=2",
                             f"--policy={self.path('policy.json')}", f"--output={self.path(output)}", *options, pins=[self.user_pin("primary")], code=code)

    def signed_set(self, name, document):
        return self.write(name, json.dumps({"document": document.strip(), "signatures": []}))

    def test_nobody_puts_in_a_sealing_key_of_the_own(self):
        for text, path in self.bad_sealing_keys():
            self.assertIn(text, self.share_pin(code=78, custodian_2=path))
        self.assertEqual(os.listdir(self.path("pin")), [])

    def test_a_set_follows_the_one_before(self):
        first = self.share_pin()
        second = json.loads(self.share_pin(f"--previous={self.signed_set('first', first)}", output="second"))
        self.assertEqual((second["version"], second["prev"]), (2, world.digest("share_set", first.strip())))
        other = world.canonical({**json.loads(first), "key": "6" * 64})
        self.assertIn("where=previous", self.share_pin(f"--previous={self.signed_set('other', other)}", output="third", code=78))
        self.assertEqual(os.listdir(self.path("third")), [])

    def test_nobody_gets_a_part_of_both_pin_and_backup(self):
        self.generate("--backup=wrapped")
        self.backup()
        backup = self.path("papers/backup.json")
        self.assertIn("duplicate_person", self.share_pin(f"--backups={backup}", code=78))
        self.assertIn("duplicate_person", self.share_pin(f"--backups={backup},{backup}", code=78))
        self.assertEqual(os.listdir(self.path("pin")), [])
        shares = self.signed_set("set", self.share_pin())
        said = self.run_word("backup", self.uri("primary"), *self.backup_words("again", **{"pin-shares": shares}), code=78,
                             pins=[self.user_pin("primary"), self.so_pin("primary")])
        self.assertIn("duplicate_person", said)
        for what, seal_of in (("one sealing key", lambda row: json.loads(row["seal"]["document"])["seal"]),
                              ("are parts of the PIN and of a backup", lambda row: base64.b64encode(sealed.pair()[0]).decode())):
            keepers = self.signed_set(f"keepers-{what[:3]}", self.given_to_keepers(seal_of))
            said = self.run_word("backup", self.uri("primary"), *self.backup_words("again", **{"pin-shares": keepers}),
                                 code=78, pins=[self.user_pin("primary"), self.so_pin("primary")])
            self.assertIn(what, said)
        self.assertEqual(os.listdir(self.path("again")), [])

    def given_to_keepers(self, seal_of):
        """The share set, its shares with other people at the same sites."""
        share_set = json.loads(self.json("set")["document"])
        for row in share_set["shares"]:
            row["custodian"] = f"keeper-{row['index']}"
            row["seal"] = world.sealing_key(row["custodian"], seal_of(row), WORLD.keys["mallory"])
        return world.canonical(share_set)

    def test_a_default_pin_is_not_worth_sharing(self):
        os.mkdir(self.path("pin"))
        self.write("default.pin", "12345678\n")
        self.assertIn("default PIN", self.run_word(
            "share-pin", f"--key-id={'5' * 64}", f"--custodians={self.custodians()}", "--threshold=2",
            f"--policy={self.path('policy.json')}", f"--output={self.path('pin')}", pins=[("pin-fd", self.path("default.pin"))], code=78))
        self.assertEqual(os.listdir(self.path("pin")), [])


class Words(Offline):
    """What somebody sees who calls it in the wrong way."""

    def test_help_lists_the_subcommands(self):
        said = self.run_word("--help")
        for word in ("run", "initialise", "generate", "backup", "restore", "share-pin", "destroy"):
            self.assertRegex(said, rf"(?m)^  {word} +[a-z]")
        self.assertNotIn("event=", said)
        self.assertIn("signerd --help", self.run_word("renew", code=64))

    def test_a_missing_descriptor_and_a_missing_module_are_said(self):
        said = self.run_word("generate", self.uri("primary"), "--key=k", "--pin-fd=77", code=64)
        self.assertIn("there is no descriptor 77", said)
        self.assertNotIn("no file", said)
        self.assertIn("signerd: --module: needed, unless", self.run_word("generate", "--token=primary", "--key=k", "--pin-fd=77", code=64))
        self.assertIn("has a module-path, too", self.run_word("generate", self.uri("primary"), f"--module={MODULE}", "--key=k",
                                                              "--pin-fd=77", code=64))


class Signer(Offline):
    """Beside a signer with its guard, which may run."""

    def setUp(self):
        super().setUp()
        self.key = self.generate("--backup=wrapped")
        order = {"action": "guard.initialise", "chain": WORLD.chain, "environment": world.ENVIRONMENT, "issued_at": now(),
                 "key": self.key["key_id"], "log": WORLD.log.vkey, "nonce": uuid7(), "policy": WORLD.policy, "role": "transfer"}
        signers = [WORLD.keys[name] for name in ("admin-1", "admin-2")]
        self.write("initialise.json", json.dumps(world.signed("command", world.canonical(order), *signers)))
        self.guard = f"--guard={self.path('guard')}"
        self.role = ["--role=transfer", self.guard, self.uri("primary"), "--key=treasury", f"--policy={self.path('policy.json')}"]
        self.run_word("initialise", *self.role, f"--command={self.path('initialise.json')}", pins=[self.user_pin("primary")])

    def signer_start(self, refused=False):
        """The signer once it runs, or, refused, what it said."""
        signer = self.start("run", *self.role, f"--socket={self.path('socket')}", f"--clients={os.getuid()}",
                            pins=[self.user_pin("primary")])
        self.addCleanup(signer.communicate)
        self.addCleanup(signer.kill)
        line = next(line for line in signer.stderr if "event=started" in line or "event=start.refused" in line)
        self.assertEqual("event=start.refused" in line, refused, line)
        return line if refused else signer


class OneOwner(Signer):
    """Two processes that write to SoftHSM's files can destroy keys: one has a token, the others are refused."""

    def serial(self):
        listed = subprocess.run(["pkcs11-tool", "--module", MODULE, "-L"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True, env=self.environment, check=True)
        return next(line.split(":")[1].strip() for line in listed.stdout.splitlines() if "serial num" in line)

    def test_the_running_signer_keeps_its_token_from_every_other_subcommand_until_it_is_killed(self):
        signer = self.signer_start()
        pins = [self.user_pin("primary")]
        so_pin = self.so_pin("primary")
        os.mkdir(self.path("papers"))
        initialise = [f"--command={self.path('initialise.json')}", "--role=transfer", f"--guard={self.path('second')}"]
        for word, options, more in (
                ("generate", ["--key=other"], []),
                ("backup", self.backup_words(), [so_pin]),
                ("initialise", ["--key=treasury", f"--policy={self.path('policy.json')}", *initialise], []),
                ("restore", ["--key=treasury", f"--policy={self.path('policy.json')}", f"--output={self.path('proof.json')}"], []),
        ):
            said = self.run_word(word, self.uri("primary"), *options, pins=pins + more, code=78)
            self.assertIn("status=conflict", said, word)
            self.assertIn(f"where={self.serial()}", said, word)
            self.assertRegex(said, rf"in use by process \d+ of user {os.getuid()}: signerd token", word)
        self.assertEqual(os.listdir(self.path("papers")), [])
        signer.kill()
        signer.wait()
        self.run_word("backup", self.uri("primary"), *self.backup_words(), pins=pins + [so_pin])

    def test_a_ceremony_keeps_the_signer_out(self):
        """The clone's proof: the token is open while people are asked for the occasion."""
        ceremony = self.start("restore", self.uri("primary"), "--key=treasury", f"--policy={self.path('policy.json')}",
                              f"--output={self.path('proof.json')}", pins=[self.user_pin("primary")])
        self.assertIn("serial", ceremony.stdout.readline())
        said = self.signer_start(refused=True)
        self.assertIn("status=conflict", said)
        self.assertIn(f"in use by process {ceremony.pid} of user {os.getuid()}: signerd restore", said)
        ceremony.kill()
        ceremony.communicate()
        self.signer_start()


class Destroy(Signer):
    """Beside the guard of the signer: the order alone is not enough."""

    def command(self, *signers, **changes):
        document = world.canonical({
            "action": "key.destroy", "chain": WORLD.chain, "environment": world.ENVIRONMENT, "expires_at": now(1), "from": "generated",
            "issued_at": now(), "key": self.key["key_id"], "nonce": uuid7(), "on": "0", "policy": WORLD.policy,
            "reason": "end-of-retention", "role": "transfer", **changes})
        return self.write("command.json", json.dumps(world.signed("command", document, *(WORLD.keys[name] for name in signers))))

    def destroy(self, *signers, code=0, label="primary", guard=None, **changes):
        return self.run_word("destroy", self.uri(label), "--key=treasury", f"--command={self.command(*signers, **changes)}",
                             f"--policy={self.path('policy.json')}", guard or self.guard, pins=[self.user_pin(label)], code=code)

    def ask(self, *request):
        """Hands requests to a running signer, which has the guard; answers its last reply and what `destroy` says meanwhile."""
        signer = self.signer_start()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.connect(self.path("socket"))
                for message in ({"id": 1, "op": "hello", "protocol": 1}, *request):
                    connection.send(world.canonical(message).encode())
                    reply = json.loads(connection.recv(65536))
            return reply, self.destroy("admin-1", "admin-2", code=78)
        finally:
            signer.terminate()
            signer.communicate()

    def key_destroyed(self):
        self.command("admin-1", "admin-2")
        reply, _ = self.ask({"id": 2, "op": "key.command", "command": self.json("command.json")})
        self.assertEqual((reply.get("ok"), reply.get("state")), (True, "destroyed"), reply)

    def test_the_quorum_removes_every_copy_of_a_key_that_is_destroyed_in_the_guard(self):
        self.backup()
        self.token("blank")
        self.restore(*(lambda receiver, name=name: self.gift(name, receiver) for name in CUSTODIANS[:2]))
        self.key_destroyed()
        for label in ("primary", "blank"):
            self.assertEqual(len([line for line in self.objects(label) if "Private Key" in line]), 1, label)
            self.destroy("admin-1", "admin-2", label=label)
            self.assertEqual([line for line in self.objects(label) if "Key Object" in line and "Secret" not in line], [], label)

    def test_a_key_that_is_not_destroyed_in_the_guard_stays(self):
        self.assertIn("the key is generated there", self.destroy("admin-1", "admin-2", code=78))
        self.assertEqual(len(self.objects("primary")), 2)

    def test_without_the_guard_nothing_is_removed(self):
        said = self.run_word("destroy", self.uri("primary"), "--key=treasury", f"--command={self.command('admin-1', 'admin-2')}",
                             f"--policy={self.path('policy.json')}", pins=[self.user_pin("primary")], code=64)
        self.assertIn("--guard: the option is required", said)
        self.assertIn("where=guard", self.destroy("admin-1", "admin-2", code=78, guard=f"--guard={self.path('none')}"))
        self.assertEqual(len(self.objects("primary")), 2)

    def test_while_the_signer_runs_nothing_is_removed(self):
        _, said = self.ask()
        self.assertIn("stop the signer first", said)
        self.assertEqual(len(self.objects("primary")), 2)

    def test_an_order_serves_once_and_the_refusal_says_so(self):
        self.command("admin-1", "admin-2")
        reply, _ = self.ask(*({"id": i, "op": "key.command", "command": self.json("command.json")} for i in (2, 3)))
        self.assertEqual((reply["status"], reply["detail"]), ("replay", "this order was used already"), reply)

    def test_a_version_that_only_the_files_have_decides_nothing(self):
        self.key_destroyed()
        second = world.canonical(WORLD.next_policy(WORLD.first))
        os.mkdir(self.path("versions"))
        self.write("versions/1.json", json.dumps(WORLD.signed_policy()))
        self.write("versions/2.json", json.dumps(world.signed("policy", second, *(WORLD.keys[name] for name in ("admin-1", "admin-2")))))
        said = self.run_word("destroy", self.uri("primary"), "--key=treasury",
                             f"--command={self.command('admin-1', 'admin-2', policy=world.digest('policy', second))}",
                             f"--policy={self.path('versions')}", self.guard, pins=[self.user_pin("primary")], code=78)
        self.assertIn("version 2, but the guard goes by version 1", said)
        self.assertEqual(len(self.objects("primary")), 2)

    def test_nobody_else_does(self):
        self.key_destroyed()
        for text, signers, changes in (
                ("quorum_missing", ("admin-1",), {}),
                ("unknown_key", ("admin-1", "mallory"), {}),
                ("expired", ("admin-1", "admin-2"), {"issued_at": now(-30), "expires_at": now(-10)}),
                ("not_found", ("admin-1", "admin-2"), {"key": "7" * 64}),
                ("mismatch", ("admin-1", "admin-2"), {"policy": "7" * 64}),
                ("mismatch", ("admin-1", "admin-2"), {"action": "key.retire", "from": "active"}),
        ):
            self.assertIn(text, self.destroy(*signers, code=78, **changes), changes)
        self.assertEqual(len(self.objects("primary")), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
