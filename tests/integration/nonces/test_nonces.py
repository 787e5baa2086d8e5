#!/usr/bin/env python3
"""custody-nonces: keys that sign with bad nonces are found in the papers they signed, whichever these are.

The signatures are made here, by hand, because no program signs badly when asked to.
"""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["CUSTODY_NONCES"]
# P-256, FIPS 186-5: prime, a, order, generator; the DER of a key is this and the point.
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
DER = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def message(kind, document):
    return f"strongroom/{kind}/v1\n{document}".encode()


def add(one, other):
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % P == 0:
        return None
    if one == other:
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, P) % P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def times(number, point=G):
    out = None
    while number:
        out = add(out, point) if number & 1 else out
        point = add(point, point)
        number >>= 1
    return out


class Key:
    def __init__(self):
        self.secret = secrets.randbelow(N - 1) + 1
        x, y = times(self.secret)
        self.der = DER + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        self.id = hashlib.sha256(self.der).hexdigest()
        self.public = {"alg": "p256", "key": base64.b64encode(self.der).decode()}

    def sign(self, kind, document, nonce):
        h = int.from_bytes(hashlib.sha256(message(kind, document)).digest(), "big")
        r = times(nonce)[0] % N
        s = pow(nonce, -1, N) * (h + r * self.secret) % N
        raw = r.to_bytes(32, "big") + min(s, N - s).to_bytes(32, "big")
        return {"alg": "p256", "key": self.id, "sig": base64.b64encode(raw).decode()}

    def paper(self, kind, number, nonce):
        document = canonical({"number": number})
        return {"document": document, "signatures": [self.sign(kind, document, nonce)]}


def good():
    return secrets.randbelow(N - 1) + 1


class Nonces(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.key = Key()
        # As a policy holds it, a document within a document.
        self.policy = {"document": canonical({"wallets": [{"id": "hot", **self.key.public}]}), "signatures": []}

    def scan(self, *files):
        """(exit status, output) of a scan over files of JSON, one value in a line."""
        paths = []
        for number, values in enumerate(files):
            paths.append(os.path.join(self.place, f"{number}.jsonl"))
            with open(paths[-1], "w", encoding="utf-8") as file:
                file.write(values if isinstance(values, str) else "".join(json.dumps(value) + "\n" for value in values))
        done = subprocess.run([PROGRAM, *paths], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def expect(self, status, words, *files):
        got, said = self.scan(*files)
        self.assertEqual(got, status, said)
        self.assertIn(words, said)
        return said

    def test_good_nonces(self):
        papers = [self.key.paper("transaction", i, good()) for i in range(9)]
        said = self.expect(0, f"key {self.key.id} (p256): 9 signatures", [self.policy], papers)
        self.assertIn("not found: an r that comes twice", said)

    def test_short_nonces(self):
        """Three transactions in a row after good ones, in the blocks of a ledger."""
        papers = [self.key.paper("transaction", i, good() if i < 5 else secrets.randbits(128) + 2) for i in range(8)]
        blocks = [{"height": i, "header": "{}", "certificate": [], "transactions": [paper]} for i, paper in enumerate(papers)]
        self.expect(0, "5 signatures", [self.policy], blocks[:5])
        said = self.expect(1, f"key {self.key.id}: the private key follows from 3 of its signatures", [self.policy], blocks)
        self.assertIn("the upper bits are zero", said)
        self.assertNotIn(f"{self.key.secret:x}", said.lower())
        self.assertNotIn(str(self.key.secret), said)

    def test_kinds_of_papers_together(self):
        """A header of a validator, an attestation and an approval give the key away together."""
        header = canonical({"height": "1"})
        nonces = [(secrets.randbits(120) + 2) << 130 for _ in range(3)]
        block = {"header": header, "certificate": [self.key.sign("header", header, nonces[0])]}
        others = [self.key.paper("attestation", 2, nonces[1]), {"deep": [[self.key.paper("approval", 3, nonces[2])]]}]
        said = self.expect(1, "the private key follows", [{"genesis": canonical({"validators": [self.key.public]})}, block], others)
        self.assertIn("the lower bits are zero", said)

    def test_an_r_of_two_keys_in_two_exports(self):
        other = Key()
        nonce = good()
        first = [self.policy, self.key.paper("transaction", 1, nonce)]
        second = [{"wallets": [other.public]}, other.paper("transaction", 2, nonce)]
        self.expect(0, "1 signatures", first)
        self.expect(0, "1 signatures", second)
        said = self.expect(1, "the same r under two messages", first, second)
        self.assertIn(self.key.id, said)
        self.assertIn(other.id, said)

    def test_an_r_of_one_key_twice(self):
        nonce = good()
        papers = [self.key.paper("transaction", i, nonce) for i in range(2)]
        self.expect(1, "the same r under two messages", [self.policy, *papers])

    def test_one_signature_in_two_exports_is_one(self):
        paper = self.key.paper("transaction", 1, good())
        self.expect(0, "1 signatures", [self.policy, paper], [paper])

    def test_what_was_not_looked_at_is_said(self):
        paper = self.key.paper("transaction", 1, good())
        garbled = {**paper, "document": canonical({"number": 2})}
        self.expect(2, "1 signatures are by keys that are in no file", [paper])
        self.expect(2, "verifies over no kind of document", [self.policy, garbled])
        self.expect(2, "no ECDSA signature", [self.policy])
        self.expect(2, "is not JSON to its end", [self.policy, paper], "{")
        self.expect(2, "is not JSON to its end", [self.policy, paper], "")
        self.expect(3, "too few words")


if __name__ == "__main__":
    unittest.main(verbosity=2)
