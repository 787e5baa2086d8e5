#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL and edits the columns of entries of the trail.

The columns are for finding entries; no checkpoint covers them. custody-verify finds the edit in an export; until somebody looks, the
service must not decide by a column what the bytes of the entry do not say.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import eventually, time_text, uuid7  # noqa: E402


class Columns(strongroom.Case):
    def alarm(self, code):
        return next((row for row in self.place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == code), None)

    def overdue_medium(self):
        body = {"serial": f"card-{uuid7()[:13]}", "kind": "card", "place": "safe-1", "custodian": "custodian-1",
                "second": "custodian-1", "inspection_due": time_text(seconds=-60)}
        self.assertEqual(self.place.call("POST", "/v1/media", body).status, 201)
        return eventually(lambda: self.alarm("medium.overdue"), "the missed inspection is an alarm")

    def test_what_two_people_approved_does_not_become_their_answer_to_an_alarm(self):
        place = self.place
        row = place.withdraw(81)
        alarm = self.overdue_medium()
        place.psql(f"""UPDATE audit.leaf SET act = 'alarm.acknowledge', otype = 'alarm', oid = '{alarm["id"]}'
                       WHERE act = 'withdrawal.approve' AND oid = '{row["id"]}'""")
        forged = self.entries("alarm.acknowledge", otype="alarm", oid=alarm["id"])
        self.assertEqual([entry["actor"] for entry in forged], ["approver-1", "approver-2"])
        after = self.alarm("medium.overdue")
        self.assertEqual((after["id"], after["acknowledged"], after["answered"]), (alarm["id"], [], False))

        said = place.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", person="approver-1")
        self.assertEqual([answer["person"] for answer in said.json["alarm"]["acknowledged"]], ["approver-1"])
        status, told = place.verify("trail", place.export_trail())
        self.assertEqual(status, 1, told)
        self.assertRegex(told, rf"entry {forged[0]['seq']}: the column act was changed")
        place.psql(f"""UPDATE audit.leaf SET act = 'withdrawal.approve', otype = 'withdrawal', oid = '{row["id"]}'
                       WHERE seq IN ({", ".join(str(entry["seq"]) for entry in forged)})""")

    def edited(self, seq, column, value):
        """Edits a column of an entry; what it was is put back at the end."""
        true = self.place.value(f"SELECT {column} FROM audit.leaf WHERE seq = {seq}")
        self.place.psql(f"UPDATE audit.leaf SET {column} = {value} WHERE seq = {seq}")
        self.addCleanup(self.place.psql, f"UPDATE audit.leaf SET {column} = '{true}' WHERE seq = {seq}")

    def told_corrupt(self, seq):
        found = self.alarm("trail.corrupt")
        return found is not None and found["facts"]["entry"] == str(seq)

    def test_an_entry_that_no_search_finds_is_an_alarm_all_the_same(self):
        """Nobody asks for it, and who would ask by that column would not find it."""
        entry = self.place.history(self.place.withdraw(82)["id"])[1]
        self.edited(entry["seq"], "actor", "'nobody'")
        eventually(lambda: self.told_corrupt(entry["seq"]), "the service comes upon the row by itself")
        eventually(lambda: str(entry["seq"]) in [self.event(row)["facts"]["entry"] for row in self.entries("trail.corrupt")],
                   "the trail has it too")

    def test_an_answer_that_shows_an_edited_row_is_an_alarm(self):
        place = self.place
        entry = place.history_to(place.withdraw(83)["id"])[0]
        self.edited(entry["seq"], "ord", "77")
        shown = next(row for row in self.entries("withdrawal.request", oid=entry["oid"]) if row["seq"] == entry["seq"])
        self.assertEqual(shown["doubt"], "columns")
        self.assertTrue(self.told_corrupt(entry["seq"]))
        self.assertProblem(place.call("GET", f"/v1/withdrawals/{entry['oid']}/evidence", person="auditor-1"), 503, "corrupt", "trail")

    def test_an_edited_time_hides_no_entries_from_who_asks_by_time(self):
        place = self.place
        entry = place.history(place.withdraw(84)["id"])[0]
        path = f"/v1/audit/entries?from={entry['ts']}&order=oldest&limit=1"
        found = place.call("GET", path, person="auditor-1").json["entries"][0]
        self.assertEqual(found["ts"], entry["ts"])
        self.edited(found["seq"], "ts", "ts - interval '1 day'")
        for question in ("entries", "count", "export"):
            refused = place.call("GET", path.replace("entries", question).replace("&limit=1", ""), person="auditor-1")
            self.assertProblem(refused, 503, "corrupt", "trail")
        self.assertTrue(self.told_corrupt(found["seq"]))


if __name__ == "__main__":
    unittest.main()
