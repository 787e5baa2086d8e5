#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL, and the watcher of copied keys reads his rows.

He can have the service stop a key for nothing: who edits what stands behind a payment of ours makes it one of nobody. He
cannot have it pass over a payment that a copied key made and that it had not looked at, also not by an entry that says it
was dealt with.
"""

import base64
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import outside  # noqa: E402
import positions  # noqa: E402
import strongroom  # noqa: E402
from strongroom import digest, eventually, uuid7  # noqa: E402


class Watched(strongroom.Case):
    def key(self):
        return next(row for row in self.place.call("GET", "/v1/keys").json["keys"] if row.get("role") == "transfer")

    def assertStopped(self, oid):
        eventually(lambda: self.key()["state"] == "suspended", "the key is suspended")
        self.assertEqual(self.key()["cause"], "alarm")
        told = eventually(lambda: self.entries("key.copied_use", otype="transaction", oid=oid), "the use is told")
        self.assertEqual([(entry["actor"], entry["outcome"]) for entry in told], [("custodyd", "error")])
        frozen = eventually(lambda: [row["subject"] for row in self.place.call("GET", "/v1/freezes").json["freezes"]
                                     if row["state"] == "frozen"], "the asset is frozen")
        self.assertEqual(frozen, [self.place.asset])


class EditedRow(Watched):
    def test_a_payment_whose_rows_were_edited_stops_the_key(self):
        """A false alarm, and it says which payment: what was proven of it before is proven still."""
        place = self.place
        row = place.withdraw(71)
        evidence = place.export_evidence(row["id"])
        place.stop("custodyd")
        place.start()
        self.assertEqual((self.key()["state"], self.entries("key.copied_use")), ("active", []))
        place.psql(f"DELETE FROM custody.approval WHERE withdrawal = '{row['id']}' AND person = 'approver-1'")
        place.stop("custodyd")
        place.start_unready()
        self.assertStopped(row["transaction_id"])
        self.assertProven("evidence", evidence)
        self.assertProven("trail", place.export_trail())


class ForgedMark(Watched):
    def test_a_mark_that_it_was_told_keeps_no_use_out_of_the_trail(self):
        """Nor does it keep the alarm from people: it said that they have decided."""
        place = self.place
        place.withdraw(73)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        oid = digest("transaction", signed["document"])
        place.psql(f"""INSERT INTO custody.mark (subject, value) VALUES ('key.copied_use/{oid}', '{self.key()["key_id"]}/0'), ('key.alarm/{oid}', 'told')""")
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        self.assertStopped(oid)
        eventually(lambda: self.entries("key.alarm", otype="transaction", oid=oid), "it is told that it was dealt with")
        eventually(lambda: "key.copied_use" in [alarm["code"] for alarm in place.call("GET", "/v1/alarms").json["alarms"]], "it is an alarm")
        self.assertProven("trail", place.export_trail())


class ForgedEntry(Watched):
    def test_an_entry_that_it_was_dealt_with_spares_no_payment(self):
        place = self.place
        place.withdraw(72)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        oid = digest("transaction", signed["document"])
        event = {"act": "key.alarm", "actor": "custodyd", "corr": uuid7(), "oid": oid, "on": "1", "otype": "transaction",
                 "outcome": "ok", "pn": "1", "pr": uuid7()}
        positions.to_the_trail(place, event)
        forged = eventually(lambda: self.entries("key.alarm", otype="transaction", oid=oid), "the trail takes it")[0]
        self.assertNotIn("refs", json.loads(base64.b64decode(forged["raw"]).split(b"\n")[4]))
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        self.assertStopped(oid)


if __name__ == "__main__":
    unittest.main()
