#!/usr/bin/env python3
"""custody and shares: sealing keys, what a share is, and handing it on. The boxes are opened and made by libsodium itself."""

import base64
import hashlib
import json
import os
import subprocess
import unittest

import sealed
from tool import PASSPHRASE, Case, now, world
from ceremony_world import Ceremonies

CUSTODIAN = world.Key("ed25519")  # its signatures can be compared
KEY = hashlib.sha256(b"the key that was shared").hexdigest()
VALUE = bytes(range(32))
WORLD = Ceremonies()


class Shares(Case):
    def setUp(self):
        super().setUp()
        self.key = self.key_file("custodian.key", CUSTODIAN)
        self.seal = self.path("custodian.seal")
        self.paper = json.loads(self.good(*self.generating("--out", self.seal, "--passphrase-file", self.passphrase)))
        self.public = json.loads(self.paper["document"])["seal"]
        self.to_public, self.to_private = sealed.pair()
        self.to = base64.b64encode(self.to_public).decode()
        policy = world.digest("policy", world.canonical(WORLD.first))
        self.write("policy.json", world.canonical(WORLD.signed_policy()))
        self.write("trust.json", world.canonical({**WORLD.trust, "policy": policy}))
        self.asked = {"action": "restore", "authoriser": "admin-2", "chain": WORLD.chain, "environment": world.ENVIRONMENT,
                      "executor": "custodian-3", "expires_at": now(0.1), "issued_at": now(), "key": KEY, "policy": policy,
                      "requester": "operator-1", "serial": "8a3f", "set": sealed.SET, "to": self.to}

    def generating(self, *more):
        return ["seal-key", "generate", "--person", "custodian-1", "--environment", world.ENVIRONMENT, "--key", self.key, *more]

    def occasion(self, signers=("operator-1", "admin-2"), without=(), **changes):
        """The file of an occasion; `without`: members left out."""
        document = world.canonical({name: value for name, value in {**self.asked, **changes}.items() if name not in without})
        return self.write("occasion.json", world.canonical(world.signed("occasion", document, *(WORLD.keys[name] for name in signers))))

    def activation(self, **changes):
        return self.occasion(action="activate", without=("executor", "serial"), **changes)

    def share(self, **changes):
        return self.write("share.json", world.canonical({**sealed.share(VALUE, self.public, KEY), **changes}) + "\n")

    def giving(self, share, occasion=None, out="gift.json"):
        return ["share", "give", "--share", share, "--occasion", occasion or self.occasion(), "--policy", self.path("policy.json"),
                "--trust", self.path("trust.json"), "--seal-key", self.seal, "--key", self.key, "--passphrase-file", self.passphrase,
                "--out", self.path(out)]

    def not_given(self, code, share, **more):
        told = self.refused(code, *self.giving(share, **more))
        self.assertFalse(os.path.exists(self.path("gift.json")))
        return told

    def test_sealing_keys(self):
        self.assertEqual(len(base64.b64decode(self.public)), 32)
        self.assertEqual(os.stat(self.seal).st_mode & 0o777, 0o600)
        self.assertIn(b"BEGIN ENCRYPTED PRIVATE KEY", self.read("custodian.seal"))
        public = world.openssl("pkey", "-in", self.seal, "-passin", f"pass:{PASSPHRASE}", "-pubout", "-outform", "DER")
        self.assertEqual(base64.b64encode(public[-32:]).decode(), self.public)
        before = self.read("custodian.seal")
        words = self.generating("--out", self.seal, "--passphrase-file", self.passphrase)
        self.assertIn("never replaced", self.refused(1, *words))
        self.assertEqual(self.read("custodian.seal"), before)
        self.refused(1, *self.generating("--out", self.path("short"), "--passphrase-file", self.write("short-pw", "seven77", 0o600)))
        self.refused(1, *self.generating("--out", self.path("open"), "--passphrase-file", self.write("open-pw", PASSPHRASE, 0o644)))
        self.refused(2, *self.generating("--passphrase-file", self.passphrase))

    def test_a_sealing_key_is_signed_by_its_person(self):
        document = json.loads(self.paper["document"])
        self.assertEqual((document["person"], document["environment"]), ("custodian-1", world.ENVIRONMENT))
        self.assertEqual([signature["key"] for signature in self.paper["signatures"]], [CUSTODIAN.id])
        told = self.good("show", "sealing_key", "--in", self.write("paper", json.dumps(self.paper)))
        for words in ("what shares of custodian-1 are sealed for", self.public):
            self.assertIn(words, told)
        words = ["seal-key", "sign", *self.generating("--passphrase-file", self.passphrase)[2:], "--seal-key", self.seal]
        again = json.loads(json.loads(self.good(*words, "--until", world.FAR))["document"])
        self.assertEqual((again["seal"], again["valid_until"]), (self.public, world.FAR))
        self.refused(1, *words, "--until", world.at(0))
        for missing in ("--person", "--environment", "--key", "--seal-key"):
            at = words.index(missing)
            self.refused(2, *words[:at], *words[at + 2:])

    def test_a_sealing_key_signs_nothing_and_a_key_opens_nothing(self):
        self.refused(1, "key", "show", "--key", self.seal, "--passphrase-file", self.passphrase)
        told = self.refused(1, "share", "show", "--share", self.share(), "--seal-key", self.key, "--passphrase-file", self.passphrase)
        self.assertIn("is no sealing key", told)

    def test_a_share_is_shown(self):
        told = self.good("share", "show", "--share", self.share())
        for words in ("share 1 of a key-encryption key, for custodian-1", KEY, hashlib.sha256(VALUE).hexdigest(), self.public):
            self.assertIn(words, told)
        self.assertNotIn("opens", told)
        told = self.good("share", "show", "--share", self.share(of="pin"), "--seal-key", self.seal, "--passphrase-file", self.passphrase)
        self.assertIn("it opens with this key, and its value has the commitment", told)
        self.assertIn("of a PIN", told)

    def test_what_a_share_says_of_itself_is_held_against_its_paper(self):
        other = hashlib.sha256(b"other").hexdigest()
        edits = {"index": 2, "custodian": "custodian-2", "threshold": 3, "key": other}
        born = world.Key("p256")
        rows = [{"commitment": commitment, "custodian": f"custodian-{index}", "index": index, "site": f"site-{index}",
                 "seal": world.sealing_key(f"custodian-{index}", public, CUSTODIAN)}
                for index, (commitment, public) in enumerate(((hashlib.sha256(VALUE).hexdigest(), self.public), (other, self.to),
                                                              ("1" * 64, base64.b64encode(bytes(32)).decode())), 1)]
        share_set = {"key": born.id, "made_at": world.at(1), "of": "pin", "prev": "0" * 64, "shares": rows, "threshold": 2, "version": 1}
        token = {"firmware": "2.6", "label": "hot", "manufacturer": "maker", "model": "model", "serial": "1"}
        backup = {**born.object(), "check": other, "holder": "admin-2", "label": "hot", "made_at": world.at(1), "mechanism": "aes-key-wrap-pad",
                  "shares": rows, "site": "vault", "threshold": 2, "token": token, "wrapped_sha256": other, "wrapped_size": 80}
        papers = {"pin": ["--share-set", self.write("set.json", world.canonical(world.signed("share_set", world.canonical(share_set))))],
                  "kek": ["--backup", self.write("backup.json", world.canonical(world.signed("backup", world.canonical(backup), born)))]}
        for of, paper in papers.items():
            true = {"of": of, "key": born.id}
            opening = ["--seal-key", self.seal, "--passphrase-file", self.passphrase]
            told = self.good("share", "show", "--share", self.share(**true), *opening, *paper)
            self.assertIn("index, custodian, key, number needed and commitment are those of", told)
            self.refused(1, "share", "show", "--share", self.share(**{**true, "of": "kek" if of == "pin" else "pin"}), *paper)
            for field, value in edits.items():
                with self.subTest(f"{field} of {of}"):
                    share = self.share(**{**true, field: value})
                    self.assertIn("nothing vouches for the index, custodian, key", self.good("share", "show", "--share", share, *opening))
                    self.assertIn(f"{field}: ", self.refused(1, "share", "show", "--share", share, *opening, *paper))
            elsewhere = self.write("elsewhere.json", world.canonical(sealed.share(VALUE, self.to, KEY) | true))
            self.assertIn("to: ", self.refused(1, "share", "show", "--share", elsewhere, *paper))

    def test_a_gift(self):
        for of, occasion in (("kek", self.occasion), ("pin", self.activation)):
            with self.subTest(of):
                done = self.custody(*self.giving(self.share(of=of), occasion(), f"{of}.json"))
                self.assertEqual(done.returncode, 0, done.stderr)
                asked = json.loads(self.read("occasion.json"))["document"]
                for words in ("operator-1 asks and admin-2 allows it", KEY, self.to, sealed.SET, f"to {json.loads(asked)['action']}\n"):
                    self.assertIn(words, done.stderr)
                gift = json.loads(self.read(f"{of}.json"))
                document = json.loads(gift["document"])
                self.assertEqual(world.canonical(document), gift["document"])
                box = base64.b64decode(document.pop("sealed"))
                self.assertRegex(document.pop("given_at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
                self.assertEqual(document, {"commitment": hashlib.sha256(VALUE).hexdigest(), "custodian": "custodian-1", "index": 1,
                                            "occasion": world.digest("occasion", asked)})
                self.assertEqual(sealed.unseal(box, self.to_public, self.to_private), VALUE)
                self.assertEqual(gift["signatures"], [CUSTODIAN.signature("gift", gift["document"])])

    def test_no_share_in_the_clear(self):
        done = self.custody(*self.giving(self.share()))
        self.assertEqual(done.returncode, 0, done.stderr)
        files = b"".join(self.read(name) for name in os.listdir(self.place))
        for form in (VALUE, VALUE.hex().encode(), base64.b64encode(VALUE)):
            self.assertNotIn(form, files)
            self.assertNotIn(form, (done.stdout + done.stderr).encode())

    def test_a_corrupt_share_is_named(self):
        good = sealed.share(VALUE, self.public, KEY)
        box = base64.b64decode(good["sealed"])
        for name, changes in (
                ("a flipped bit of the box", {"sealed": base64.b64encode(box[:-1] + bytes([box[-1] ^ 1])).decode()}),
                ("another value, sealed rightly", {"sealed": base64.b64encode(sealed.seal(bytes(32), base64.b64decode(self.public))).decode()}),
                ("a box cut short", {"sealed": base64.b64encode(box[:-1]).decode()}),
                ("another commitment", {"commitment": hashlib.sha256(b"other").hexdigest()})):
            with self.subTest(name):
                told = self.not_given(1, self.share(index=3, custodian="custodian-7", **changes))
                self.assertIn("share 3 of custodian-7 is corrupt", told)
                self.refused(1, "share", "show", "--share", self.share(**changes), "--seal-key", self.seal, "--passphrase-file",
                             self.passphrase)

    def test_what_is_not_given(self):
        share = self.share()
        self.assertIn("a share of a PIN serves to activate", self.not_given(1, share, occasion=self.activation()))
        self.not_given(1, self.share(of="pin"))
        self.assertIn("to", self.not_given(1, share, occasion=self.occasion(to=base64.b64encode(bytes(32)).decode())))
        self.assertIn("another key of custodian-1", self.not_given(1, self.share(to=self.to)))
        for name, text in (("cut", self.read("share.json")[:-20]), ("empty", b""), ("a space", b" " + self.read("share.json")),
                           ("unknown member", world.canonical({**sealed.share(VALUE, self.public, KEY), "x": 1}).encode())):
            with self.subTest(name):
                self.not_given(1, self.write("bad.json", text))
        self.write("passphrase", "another one", 0o600)
        self.not_given(1, self.share())

    def test_whoever_carries_the_receiving_key_cannot_change_it(self):
        share = self.share()
        mallory = base64.b64encode(sealed.pair()[0]).decode()
        honest = json.loads(self.read(os.path.basename(self.occasion())))
        forged = {**honest, "document": world.canonical({**json.loads(honest["document"]), "to": mallory})}
        told = self.not_given(1, share, occasion=self.write("forged.json", world.canonical(forged)))
        self.assertIn("signatures[0]", told)
        alone = world.signed("occasion", forged["document"], WORLD.keys["operator-1"], WORLD.keys["operator-1"])
        alone["signatures"][1] = honest["signatures"][1]
        self.not_given(1, share, occasion=self.write("forged.json", world.canonical(alone)))

    def test_an_occasion_is_demanded(self):
        words = self.giving(self.share())
        for option in ("--occasion", "--policy", "--trust"):
            at = words.index(option)
            self.assertIn(option[2:], self.refused(2, *words[:at], *words[at + 2:]))
            self.assertFalse(os.path.exists(self.path("gift.json")))

    def test_an_occasion_of_somebody_elses_policy(self):
        """Who brings policy and occasion brings no trust file."""
        other = Ceremonies()
        share = self.share()
        self.write("policy.json", world.canonical(other.signed_policy()))
        self.assertIn("trust", self.not_given(1, share))

    def test_an_occasion_that_does_not_fit(self):
        share = self.share()
        rows = (
            ("the requester has not signed", {"signers": ("admin-2",)}),
            ("the authoriser has not signed", {"signers": ("operator-1",)}),
            ("has not signed", {"signers": ()}),
            ("signatures[1]", {"signers": ("operator-1", "admin-1")}),
            ("signatures[2]", {"signers": ("operator-1", "admin-2", "custodian-3")}),
            ("admin-2 has requested it", {"requester": "admin-2", "signers": ("admin-2",)}),
            ("authoriser", {"authoriser": "custodian-2", "signers": ("operator-1", "custodian-2")}),
            ("requester", {"requester": "approver-1", "signers": ("approver-1", "admin-2")}),
            ("executor", {"executor": "former"}),
            ("the occasion is over", {"issued_at": now(-0.5), "expires_at": now(-0.1)}),
            ("ahead of the clock", {"issued_at": now(0.1), "expires_at": now(0.5)}),
            ("another key", {"key": "5" * 64}),
            ("another backup", {"set": "5" * 64}),
            ("chain", {"chain": "5" * 64}),
            ("policy", {"policy": "5" * 64}),
            ("environment", {"environment": "live"}),
            ("action", {"action": "steal"}),
        )
        for text, changes in rows:
            with self.subTest(text):
                self.assertIn(text, self.not_given(1, share, occasion=self.occasion(**changes)))
        self.good(*self.giving(share, self.occasion(action="drill")))

    def test_who_may_give(self):
        for name, text in (("operator-1", "answers for the occasion"), ("admin-2", "answers for the occasion"), ("approver-1", "is not custodian"),
                           ("former", "count"), ("nobody", "is not custodian")):
            with self.subTest(name):
                self.assertIn(text, self.not_given(1, self.share(custodian=name)))

    def test_drafting_and_signing(self):
        people = {name: self.key_file(f"{name}.key", WORLD.keys[name]) for name in ("operator-1", "admin-2")}
        words = ["occasion", "restore", "--policy", self.path("policy.json"), "--key-id", KEY, "--set", sealed.SET, "--to", self.to,
                 "--serial", "8a3f", "--requester", "operator-1", "--authoriser", "admin-2", "--executor", "custodian-3"]
        path = self.path("drafted")
        self.good(*words, "--out", path)
        drafted = json.loads(self.read("drafted"))
        for name, value in self.asked.items():
            if not name.endswith("_at"):
                self.assertEqual(drafted[name], value, name)
        for name, key in people.items():
            done = self.custody("sign", "occasion", "--in", path, "--out", f"{path}+", "--key", key, "--passphrase-file", self.passphrase)
            self.assertEqual(done.returncode, 0, done.stderr)
            for text in (self.to, "operator-1", "admin-2", KEY, "console"):
                self.assertIn(text, done.stderr)
            path += "+"
        self.good(*self.giving(self.share(), path))
        for option, value in (("--to", "AAAA"), ("--key-id", "5"), ("--set", ""), ("--requester", "No Name"), ("--executor", "")):
            changed = list(words)
            changed[changed.index(option) + 1] = value
            self.refused(2, *changed)
        self.refused(2, *["occasion", "steal", *words[2:]])
        self.refused(1, *[word if word != "admin-2" else "operator-1" for word in words])

    def test_two_passphrases(self):
        other = self.write("other", "another passphrase", 0o600)
        seal = self.path("second.seal")
        paper = json.loads(self.good(*self.generating("--out", seal, "--passphrase-file", self.passphrase, "--seal-passphrase-file", other)))
        self.public = json.loads(paper["document"])["seal"]
        words = self.giving(self.share())
        words[words.index(self.seal)] = seal
        self.refused(1, *words)
        self.good(*words, "--seal-passphrase-file", other)

    def test_a_result_replaces_nothing(self):
        self.write("gift.json", "mine")
        self.refused(1, *self.giving(self.share()))
        self.assertEqual(self.read("gift.json"), b"mine")

    def test_openssl_can_hold_the_key(self):
        """An X25519 key in an encrypted PKCS #8 file, whoever made it."""
        pem = world.openssl("genpkey", "-algorithm", "X25519")
        made = subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", f"pass:{PASSPHRASE}"], input=pem,
                              stdout=subprocess.PIPE, check=True).stdout
        self.seal = self.write("theirs.seal", made, 0o600)
        self.public = base64.b64encode(world.openssl("pkey", "-pubout", "-outform", "DER", data=pem)[-32:]).decode()
        self.good(*self.giving(self.share()))


if __name__ == "__main__":
    unittest.main()
