#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL, and takes rows away or has them say more than was seen: what people are warned of
stays what the ledger, the signers and the signed trail say."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import alike  # noqa: E402


class Gone(strongroom.Case):
    def alarms(self, code, oid):
        return [alarm for alarm in self.place.call("GET", "/v1/alarms").json["alarms"] if (alarm["code"], alarm["object_id"]) == (code, oid)]


class Payer(strongroom.Case):
    def test_who_paid_in_while_the_row_says_that_the_blocks_were_looked_at(self):
        """An address that looks like theirs is told, as that of everybody who pays on the ledger."""
        place = self.place
        place.stop("custodyd")
        place.psql("""INSERT INTO custody.mark (subject, value) VALUES ('ledger/scanned', '1000000')
            ON CONFLICT (subject) DO UPDATE SET value = excluded.value""")
        place.start()
        address = place.pays_in("mallory")
        refused = place.propose(5, destination=alike(address))
        self.assertProblem(refused, 409, "look_alike", "destination")
        self.assertIn(address, refused.json["detail"])


class KeyDocument(Gone):
    def test_a_key_whose_document_is_gone(self):
        """Nobody is told any more that its drill is due: so they are told that, also after a start, until it is there again."""
        place = self.place
        key = next(row for row in place.call("GET", "/v1/keys").json["keys"] if row.get("role") == "transfer")["key_id"]
        self.assertEqual(place.call("GET", "/v1/alarms").json["alarms"], [])
        document = f"kind = 'key' AND id = '{key[:63]}'"
        place.psql(f"CREATE TABLE public.kept AS SELECT * FROM custody.document WHERE {document}; DELETE FROM custody.document WHERE {document}")
        place.stop("custodyd")
        self.later(350)
        [alarm] = self.until(lambda: self.alarms("key.attestation_alarm", key), "an alarm")
        self.assertEqual(alarm["facts"]["reason"], "not_found")
        [entry] = self.until(lambda: self.entries("key.attestation_alarm", oid=key), "the trail has it")
        self.assertEqual((entry["outcome"], self.event(entry)["facts"]["document"]), ("error", alarm["facts"]["document"]))
        self.assertEqual(self.alarms("key.drill_overdue", key), [])
        place.psql("INSERT INTO custody.document SELECT * FROM public.kept")
        self.until(lambda: self.alarms("key.drill_overdue", key), "its drill is due, and people are told")
        self.until(lambda: not self.alarms("key.attestation_alarm", key), "the alarm is over")


if __name__ == "__main__":
    unittest.main()
