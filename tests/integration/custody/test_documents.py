#!/usr/bin/env python3
"""custody without a service: key files, signatures on documents, digests."""

import base64
import json
import os
import pty
import signal
import subprocess
import termios
import unittest

from tool import PASSPHRASE, PROGRAM, Case, world

WORLD = world.World()
ALGORITHMS = ("p256", "ed25519", "secp256k1")


class KeyFiles(Case):
    def generate(self, algorithm, name="key", **more):
        return json.loads(self.good("key", "generate", "--algorithm", algorithm, "--out", self.path(name), "--passphrase-file",
                                    self.passphrase, **more))

    def test_round_trip(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                made = self.generate(algorithm, algorithm)
                self.assertEqual(made["alg"], algorithm)
                self.assertEqual(os.stat(self.path(algorithm)).st_mode & 0o777, 0o600)
                text = self.read(algorithm)
                self.assertIn(b"BEGIN ENCRYPTED PRIVATE KEY", text)
                shown = json.loads(self.good("key", "show", "--key", self.path(algorithm), "--passphrase-file", self.passphrase))
                self.assertEqual(shown, made)
                self.assertEqual(self.good("key", "address", f"{algorithm}:{made['key']}").strip(), made["address"])

    def test_openssl_reads_them(self):
        for algorithm in ALGORITHMS:
            with self.subTest(algorithm):
                made = self.generate(algorithm, algorithm)
                public = world.openssl("pkey", "-in", self.path(algorithm), "-passin", f"pass:{PASSPHRASE}", "-pubout", "-outform",
                                       "DER")
                self.assertEqual(base64.b64encode(public).decode(), made["key"])

    def test_address_as_the_formats_say(self):
        for name in ("approver-1", "approver-2", "approver-3"):
            key = WORLD.keys[name]
            self.assertEqual(self.good("key", "address", f"{key.alg}:{key.text}").strip(), key.address())

    def test_wrong_passphrase(self):
        self.generate("p256")
        for wrong in ("correct horsf", "correct hors", "correct horse ", "x" * 2000):
            with self.subTest(wrong):
                words = self.refused(1, "key", "show", "--key", self.path("key"), "--passphrase-file",
                                     self.write("wrong", wrong, 0o600))
                self.assertNotIn(wrong, words)
                self.assertNotIn(PASSPHRASE, words)

    def test_a_prompt_leaves_the_terminal_as_it_was(self):
        self.generate("p256")
        for typed, code in ((PASSPHRASE.encode() + b"\n", 0), (b"\x03", -signal.SIGINT)):
            child, terminal = pty.fork()
            if child == 0:
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
                os.execv(PROGRAM, [PROGRAM, "key", "show", "--key", self.path("key")])
            with self.subTest(code=code):
                said = b""
                while b"passphrase of" not in said:
                    said += os.read(terminal, 4096)
                while termios.tcgetattr(terminal)[3] & termios.ECHO:
                    pass
                os.write(terminal, typed)
                status = os.waitpid(child, 0)[1]
                self.assertEqual(os.waitstatus_to_exitcode(status), code)
                self.assertTrue(termios.tcgetattr(terminal)[3] & termios.ECHO)
            os.close(terminal)

    def type_to(self, *typed, words):
        """What is typed at one prompt after the other; the exit code."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(PROGRAM, [PROGRAM, *words])
        for line in typed:
            said = b""
            while b"passphrase of" not in said:
                said += os.read(terminal, 4096)
            while termios.tcgetattr(terminal)[3] & termios.ECHO:
                pass
            os.write(terminal, line.encode() + b"\n")
        status = os.waitpid(child, 0)[1]
        os.close(terminal)
        return os.waitstatus_to_exitcode(status)

    def test_a_new_passphrase_is_typed_twice(self):
        words = ("key", "generate", "--out", self.path("key"))
        self.assertEqual(self.type_to(PASSPHRASE, PASSPHRASE + "e", words=words), 1)
        self.assertEqual(self.type_to(PASSPHRASE, PASSPHRASE[:-1], words=words), 1)
        self.assertFalse(os.path.exists(self.path("key")))
        self.assertEqual(self.type_to(PASSPHRASE, PASSPHRASE, words=words), 0)
        self.good("key", "show", "--key", self.path("key"), "--passphrase-file", self.passphrase)

    def test_passphrase_files(self):
        for mode in (0o644, 0o640, 0o604, 0o602, 0o660):
            with self.subTest(oct(mode)):
                self.refused(1, "key", "generate", "--out", self.path("key"), "--passphrase-file",
                             self.write("open", PASSPHRASE, mode))
        for content in ("", "\n", "seven77", "two\nlines", "x" * 5000):
            with self.subTest(content[:10]):
                self.refused(1, "key", "generate", "--out", self.path("key"), "--passphrase-file",
                             self.write("bad", content, 0o600))
        for path in (self.path("absent"), self.place, "/dev/null"):
            with self.subTest(path):
                self.refused(1, "key", "generate", "--out", self.path("key"), "--passphrase-file", path)
        self.assertFalse(os.path.exists(self.path("key")))

    def test_an_existing_file_is_never_replaced(self):
        self.generate("p256")
        before = self.read("key")
        words = self.refused(1, "key", "generate", "--out", self.path("key"), "--passphrase-file", self.passphrase)
        self.assertIn("never replaced", words)
        os.symlink(self.path("elsewhere"), self.path("link"))
        self.refused(1, "key", "generate", "--out", self.path("link"), "--passphrase-file", self.passphrase)
        self.assertEqual(self.read("key"), before)
        self.assertFalse(os.path.exists(self.path("elsewhere")))

    def test_usage(self):
        for words in (["key"], ["key", "make"], ["key", "generate"],
                      ["key", "generate", "--out", self.path("k"), "--algorithm", "rsa"],
                      ["key", "generate", "--out", self.path("k")], ["key", "show"], ["key", "address"], ["key", "address", "x"],
                      ["key", "generate", "more", "--out", self.path("k")], [], ["keys"], ["--key", "x"],
                      ["key", "show", "--key", self.path("k"), "--unknown"]):
            with self.subTest(words):
                done = self.custody(*words)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertFalse(os.path.exists(self.path("k")))
        for words, told in ((["propose"], "wallet: name"), (["propose", "--wallet", "hot", "--asset", "A"], "amount: give"),
                            (["approve", "01a1fe01-5c61-780e-9211-6aab07d0b995"], "key: name"),
                            (["show", "policies", "--in", self.place], "no kind of document policies")):
            with self.subTest(words):
                self.assertIn(told, self.refused(2, *words))
        self.refused(1, "key", "address", "p256:AAAA")

    def test_an_order_that_nobody_signed_is_said_to_be_so(self):
        for order in ('{"action":"key.suspend"}', '{"action":"key.activate","signatures":7}', '{"document":"x"}'):
            with self.subTest(order):
                path = self.write("order", order, 0o600)
                self.assertIn("is not signed", self.refused(1, "key", "send", "--command", path))
        self.refused(1, "key", "address", f"p256:{WORLD.keys['approver-2'].text}")
        self.refused(1, "key", "address", "rsa:AAAA")

    def test_files_that_are_no_keys(self):
        for name, content in (("empty", b""), ("text", b"hello\n"), ("zeros", bytes(4096)),
                              ("public", world.openssl("pkey", "-pubout", data=WORLD.keys["payee"].pem)),
                              ("rsa", world.openssl("genrsa", "-aes128", "-passout", f"pass:{PASSPHRASE}", "2048"))):
            with self.subTest(name):
                self.refused(1, "key", "show", "--key", self.write(name, content, 0o600), "--passphrase-file", self.passphrase)

    def test_an_answer_that_could_not_be_written(self):
        self.generate("p256")
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.refused(1, "key", "show", "--key", self.path("key"), "--passphrase-file", self.passphrase, stdout=full)
            self.refused(1, "key", "address", f"p256:{WORLD.keys['payee'].text}", stdout=full)


class Documents(Case):
    def setUp(self):
        super().setUp()
        self.destination = world.canonical({
            "account": WORLD.keys["payee"].address(), "chain": WORLD.chain, "environment": world.ENVIRONMENT, "group": "clients",
            "id": "payee-1",
            "issued_at": world.at(5), "policy": WORLD.trust["policy"], "valid_until": world.FAR})
        self.keys = {name: self.key_file(name, WORLD.keys[name]) for name in ("approver-1", "approver-2", "approver-3")}

    def sign(self, kind, name, document, out="signed"):
        return ["sign", kind, "--in", document, "--out", self.path(out), "--key", self.keys[name], "--passphrase-file",
                self.passphrase]

    def test_signatures_verify(self):
        """Of each algorithm; checked by openssl, and the Ed25519 one byte by byte."""
        path = self.write("document", self.destination)
        for name in self.keys:
            with self.subTest(name):
                self.good(*self.sign("destination", name, path, f"{name}.signed"))
                signed = json.loads(self.read(f"{name}.signed"))
                self.assertEqual(signed["document"], self.destination)
                [signature] = signed["signatures"]
                key = WORLD.keys[name]
                self.assertEqual((signature["alg"], signature["key"]), (key.alg, key.id))
                raw = base64.b64decode(signature["sig"])
                if key.alg == "ed25519":
                    self.assertEqual(signature, key.signature("destination", self.destination))
                    continue
                s = int.from_bytes(raw[32:], "big")
                self.assertLessEqual(s, world.ORDERS[key.alg] // 2)
                integers = [part.lstrip(b"\0") for part in (raw[:32], raw[32:])]
                integers = [b"\0" + part if part[0] & 0x80 else part for part in integers]
                body = b"".join(b"\2" + bytes([len(part)]) + part for part in integers)
                self.write("public", world.openssl("pkey", "-pubout", data=key.pem))
                done = subprocess.run(
                    ["openssl", "dgst", "-sha256", "-verify", self.path("public"), "-signature",
                     self.write("der", b"\x30" + bytes([len(body)]) + body),
                     self.write("message", world.message("destination", self.destination))], capture_output=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_more_signatures(self):
        self.good(*self.sign("destination", "approver-1", self.write("document", self.destination), "one"))
        self.good(*self.sign("destination", "approver-2", self.path("one"), "two"))
        signed = json.loads(self.read("two"))
        self.assertEqual([row["key"] for row in signed["signatures"]],
                         [WORLD.keys[name].id for name in ("approver-1", "approver-2")])
        self.assertEqual(signed["document"], self.destination)
        words = self.refused(1, *self.sign("destination", "approver-1", self.path("two"), "three"))
        self.assertIn("it has signed already", words)
        self.assertFalse(os.path.exists(self.path("three")))

    def test_what_is_not_signed(self):
        good = json.loads(self.destination)
        cases = {
            "a space": self.destination.replace(":", ": ", 1),
            "unsorted": json.dumps(dict(reversed(good.items())), separators=(",", ":")),
            "twice a key": self.destination.replace('"id":', '"id":"payee-2","id":'),
            "two newlines": self.destination + "\n\n",
            "unknown field": world.canonical({**good, "note": "x"}),
            "missing field": world.canonical({name: good[name] for name in good if name != "chain"}),
            "not an address": world.canonical({**good, "account": good["account"][:-1] + "x"}),
            "escape": world.canonical({**good, "id": "\x1b[31m"}),
            "intent": WORLD.bundle()["intent"],
            "empty": "", "no JSON": "{", "a list": "[]", "cut": self.destination[:-1],
            "signed, then cut": world.canonical(world.signed("destination", self.destination[:-1], WORLD.keys["admin-1"])),
            "signed, and more": world.canonical({**world.signed("destination", self.destination, WORLD.keys["admin-1"]), "x": 1}),
        }
        for name, text in cases.items():
            with self.subTest(name):
                self.refused(1, *self.sign("destination", "approver-1", self.write("document", text)))
        for kind in ("policy", "command"):
            with self.subTest(f"a destination as {kind}"):
                self.refused(1, *self.sign(kind, "approver-1", self.write("document", self.destination)))
        for kind in ("approval", "transaction", "intent", "header", "Destination", "", "destination/v1\n"):
            with self.subTest(f"kind {kind!r}"):
                self.refused(2, *self.sign(kind, "approver-1", self.write("document", self.destination)))
        self.assertFalse(os.path.exists(self.path("signed")))

    def test_a_transaction_in_words(self):
        """What the bytes do, whoever says what about them; what does not decode is shown to nobody, and none is signed here."""
        bundle = WORLD.bundle()
        transfer = json.loads(bundle["transaction"]["document"])
        told = self.good("show", "transaction", "--in", self.write("document", world.canonical(transfer)))
        for word in ("transaction: a transfer\n", "makes nothing new", "2501 base units", WORLD.asset, WORLD.chain,
                     f"takes from     {WORLD.keys['wallet'].address()}\n", f"gives to       {WORLD.keys['payee'].address()}\n",
                     "lane 0, seq 1, heights 2 to 1000", transfer["policy"], world.digest("transaction", world.canonical(transfer))):
            self.assertIn(word, told)
        told = self.good("show", "transaction", "--in", self.write("document", world.canonical({**transfer, "type": "issue"})))
        self.assertIn("transaction: an ISSUE of an asset\n", told)
        self.assertIn("MAKES new units", told)
        legs = transfer["legs"]
        for name, other in (("a type", {"type": "upgrade"}), ("a flag", {"operation": 1}), ("no legs", {"legs": []}),
                            ("legs that make money", {"legs": [legs[0], {**legs[1], "amount": "2502"}]}),
                            ("a leg twice", {"legs": legs + legs[1:]})):
            with self.subTest(name):
                self.refused(1, "show", "transaction", "--in", self.write("document", world.canonical({**transfer, **other})))

    def test_a_policy_below_the_floors_is_not_signed(self):
        policy = WORLD.next_policy(WORLD.first)
        self.good(*self.sign("policy", "approver-1", self.write("document", world.canonical(policy)), "control"))
        policy["rules"][0]["demand"]["steps"][0][0]["m"] = 1
        self.refused(1, *self.sign("policy", "approver-1", self.write("document", world.canonical(policy))))

    def test_a_result_replaces_nothing(self):
        path = self.write("document", self.destination)
        self.write("signed", "mine")
        self.refused(1, *self.sign("destination", "approver-1", path))
        self.assertEqual(self.read("signed"), b"mine")

    def test_digests(self):
        for kind, text in (("destination", self.destination), ("genesis", WORLD.genesis), ("intent", WORLD.bundle()["intent"])):
            told = self.good("digest", kind, "--in", self.write("document", text))
            self.assertEqual(told, world.digest(kind, text) + "\n")
        self.assertEqual(self.good("digest", "policy", "--in", self.write("document", world.canonical(WORLD.first) + "\n")).strip(),
                         WORLD.trust["policy"])
        for text in (self.destination.replace(":", ": ", 1), "", "{", self.destination + "\n\n", '{"a":1.5}', '{"a":"\u00e9"}'):
            with self.subTest(text[:20]):
                self.refused(1, "digest", "destination", "--in", self.write("document", text))
        for words in (["digest", "policy"], ["show", "policy"], ["sign", "policy"]):
            self.assertIn(self.path("document")[-40:], self.refused(1, *words, "--in", self.write("document", "{x")))
        for words in (["key", "suspend"], ["key", "suspend", "x"], ["ceremony", "foo"]):
            told = self.refused(2, *words)
            self.assertIn(f"there is no command {words[0]} {words[1]}\n", told)
            self.assertIn(f"  {words[0]} ", told)
            self.assertNotIn("  propose ", told)
        told = self.refused(1, "digest", "policy", "--in", self.write("document", world.canonical(world.signed("policy", world.canonical(WORLD.first)))))
        self.assertIn("signatures: this is a signed file", told)
        for kind in ("polcy", "", "Policy", "policy/v1\n", "signature"):
            with self.subTest(kind):
                self.refused(2, "digest", kind, "--in", self.path("document"))
        self.refused(2, "digest", "policy")
        self.refused(1, "digest", "policy", "--in", self.path("absent"))
        self.refused(1, "digest", "policy", "--in", self.place)


if __name__ == "__main__":
    unittest.main()
