#!/usr/bin/python3
"""Proof of control: keys out of service are asked, too; a proof is due before it is overdue, and overdue keys have no address."""

import json
import os
import secrets
import unittest

import strongroom
from strongroom import BUILD, canonical, eventually, time_text

DAY_S = 24 * 3600


class Proof(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.id = json.loads((cls.place.dir / "ceremony/transfer.json").read_text())["key_id"]

    def key(self):
        rows = self.place.call("GET", "/v1/keys").json["keys"]
        return next(row for row in rows if row.get("key_id") == self.id)

    def attested(self):
        key = self.place.call("GET", f"/v1/keys/{self.id}").json["key"]
        return json.loads(key["attestation"]["document"])

    def send(self, action, *signers, **changes):
        if "from" in changes:
            changes["on"] = self.place.on("transfer", self.id)
        document = {"action": action, "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
                    "issued_at": time_text(), "key": self.id, "nonce": uuid7(), "policy": self.place.policy_digest, "reason": "test",
                    "role": "transfer", **changes}
        reply = self.place.call("POST", f"/v1/keys/{self.id}/commands", self.place.signed("command", canonical(document), *signers))
        self.assertEqual(reply.status, 200, reply)

    def later(self, days):
        """The service lives so many days later; the signers, whose clock dates every proof, do not."""
        self.place.stop("custodyd")
        self.place.start(check=False, LD_PRELOAD=str(BUILD / "tests/e2e/clock_shift.so"),
                         STRONGROOM_TEST_SHIFT_S=str(days * DAY_S),
                         ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")

    def now(self):
        self.place.stop("custodyd")
        self.place.start()

    def standings(self):
        """What the trail has been told of the proof."""
        rows = self.place.pages(f"/v1/audit/entries?act=key.attestation_overdue&otype=key&oid={self.id}&order=oldest", "entries", "auditor-1")
        return [json.loads(strongroom.base64.b64decode(entry["raw"]).split(b"\n")[4])["facts"]["standing"] for entry in rows]

    def test_1_due_before_overdue(self):
        place = self.place
        row = self.key()
        self.assertEqual((row["proof"], row["activation"]), ("fresh", "unattended"))
        self.assertNotIn("DUE", place.custody("key", "list").stdout)
        try:
            self.later(6)
            row = self.key()
            self.assertEqual(row["proof"], "due")
            self.assertIn("address", row)
            said = place.custody("key", "list").stdout
            self.assertIn(f"DUE before {row['proof_due']}", said)
            self.assertIn("custody key attest --document FILE", said)
            eventually(lambda: self.standings() == ["due"], "it is told to be due")
            self.later(8)
            row = self.key()
            self.assertEqual((row["proof"], row.get("address"), row["address_reason"]), ("overdue", None, "proof_overdue"))
            self.assertIn(f"OVERDUE since {row['proof_due']}", place.custody("key", "list").stdout)
            eventually(lambda: self.standings() == ["due", "overdue"], "it is told to be overdue")
        finally:
            self.now()
        self.assertIn("address", eventually(lambda: self.key() if self.key()["proof"] == "fresh" else None, "it is fresh again"))

    def test_2_keys_out_of_service_are_asked(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", attestation_max_age=7)  # asked every second
        place.start()
        for state, order in (("suspended", lambda: self.send("key.suspend", "operator-1")),
                             ("inactive", lambda: self.send("key.resume", "admin-1", "admin-2", **{"from": "suspended"})),
                             ("retained", lambda: self.send("key.retire", "admin-1", "admin-2", **{"from": "inactive"}))):
            order()
            first = eventually(lambda: self.attested() if self.attested()["state"] == state else None, f"it attests, {state}")
            again = eventually(lambda: self.attested() if self.attested()["challenge"] != first["challenge"] else None,
                               f"it is asked again, {state}")
            self.assertEqual(again["state"], state)
            self.assertGreater(again["issued_at"], first["issued_at"])
            eventually(lambda: self.key()["proof"] == "fresh", f"it is fresh, {state}")


def uuid7():
    text = f"{int(strongroom.time.time() * 1000):012x}7{secrets.token_hex(2)[:3]}a{secrets.token_hex(8)[:15]}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


if __name__ == "__main__":
    unittest.main(verbosity=2)
