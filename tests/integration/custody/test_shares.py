#!/usr/bin/env python3
"""custody and shares: sealing keys, what a share is, and handing it on. The boxes are opened and made by libsodium itself."""

import base64
import hashlib
import json
import os
import subprocess
import unittest

import sealed
from tool import PASSPHRASE, Case, world

CUSTODIAN = world.Key("ed25519")  # its signatures can be compared
KEY = hashlib.sha256(b"the key that was shared").hexdigest()
VALUE = bytes(range(32))


class Shares(Case):
    def setUp(self):
        super().setUp()
        self.key = self.key_file("custodian.key", CUSTODIAN)
        self.seal = self.path("custodian.seal")
        self.public = self.good("seal-key", "generate", "--out", self.seal, "--passphrase-file", self.passphrase).strip()
        self.to_public, self.to_private = sealed.pair()
        self.to = base64.b64encode(self.to_public).decode()

    def share(self, **changes):
        return self.write("share.json", world.canonical({**sealed.share(VALUE, self.public, KEY), **changes}) + "\n")

    def giving(self, share, action="restore", out="gift.json", to=None):
        return ["share", "give", "--share", share, "--to", to or self.to, "--action", action, "--seal-key", self.seal, "--key", self.key,
                "--passphrase-file", self.passphrase, "--out", self.path(out)]

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
        words = ["seal-key", "generate", "--out", self.seal, "--passphrase-file", self.passphrase]
        self.assertIn("never replaced", self.refused(1, *words))
        self.assertEqual(self.read("custodian.seal"), before)
        self.refused(1, "seal-key", "generate", "--out", self.path("short"), "--passphrase-file", self.write("short-pw", "seven77", 0o600))
        self.refused(1, "seal-key", "generate", "--out", self.path("open"), "--passphrase-file", self.write("open-pw", PASSPHRASE, 0o644))
        self.refused(2, "seal-key", "generate", "--passphrase-file", self.passphrase)

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
        self.assertIn("it opens with this key and is its commitment", told)
        self.assertIn("of a PIN", told)

    def test_a_gift(self):
        for of, action in (("kek", "restore"), ("pin", "activate")):
            with self.subTest(of):
                self.good(*self.giving(self.share(of=of), action, f"{of}.json"))
                gift = json.loads(self.read(f"{of}.json"))
                document = json.loads(gift["document"])
                self.assertEqual(world.canonical(document), gift["document"])
                box = base64.b64decode(document.pop("sealed"))
                self.assertRegex(document.pop("given_at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
                self.assertEqual(document, {"action": action, "commitment": hashlib.sha256(VALUE).hexdigest(), "index": 1, "key": KEY,
                                            "custodian": "custodian-1", "to": self.to})
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
        self.assertIn("a share of a PIN serves to activate", self.not_given(1, share, action="activate"))
        self.not_given(1, self.share(of="pin"), action="restore")
        for action in ("", "sign", "Restore"):
            self.not_given(2, share, action=action)
        for to in ("AAAA", self.to[:-1], "x" * 44):
            self.not_given(2, share, to=to)
        self.assertIn("to", self.not_given(1, share, to=base64.b64encode(bytes(32)).decode()))
        self.assertIn("another key of custodian-1", self.not_given(1, self.share(to=self.to)))
        for name, text in (("cut", self.read("share.json")[:-20]), ("empty", b""), ("a space", b" " + self.read("share.json")),
                           ("unknown member", world.canonical({**sealed.share(VALUE, self.public, KEY), "x": 1}).encode())):
            with self.subTest(name):
                self.not_given(1, self.write("bad.json", text))
        self.write("passphrase", "another one", 0o600)
        self.not_given(1, self.share())

    def test_two_passphrases(self):
        other = self.write("other", "another passphrase", 0o600)
        seal = self.path("second.seal")
        self.public = self.good("seal-key", "generate", "--out", seal, "--passphrase-file", other).strip()
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
