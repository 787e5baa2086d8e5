#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL and edits the columns of entries of the trail.

The columns are for finding entries; no checkpoint covers them. custody-verify finds the edit in an export; until somebody looks, the
service must not decide by a column what the bytes of the entry do not say.
"""

import pathlib
import subprocess
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

    def told_in_the_trail(self, seq):
        """By a look of the watcher, after it has looked at what comes before the trail."""
        eventually(lambda: str(seq) in [self.event(row)["facts"]["entry"] for row in self.entries("trail.corrupt")],
                   f"a look tells of row {seq}")

    def test_each_of_several_rows_is_told_and_a_later_edit_is_a_new_alarm(self):
        """Two people have answered the alarm; that ends no other one."""
        place = self.place
        entries = [entry["seq"] for entry in place.history_to(place.withdraw(86)["id"])[:2]]
        rows = ", ".join(str(seq) for seq in entries)
        place.psql(f"UPDATE audit.leaf SET actor = 'nobody' || actor WHERE seq IN ({rows})")
        self.addCleanup(place.psql, f"UPDATE audit.leaf SET actor = replace(actor, 'nobody', '') WHERE seq IN ({rows})")
        for seq in entries:
            self.told_in_the_trail(seq)
        alarm = self.alarm("trail.corrupt")
        self.assertIn(alarm["facts"]["entry"], [str(seq) for seq in entries])
        for person in ("auditor-1", "operator-1"):
            said = place.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", person=person)
            self.assertEqual(said.status, 200, said)
        self.assertTrue(self.alarm("trail.corrupt")["answered"])
        place.psql(f"UPDATE audit.leaf SET actor = 'nobody' || actor WHERE seq = {entries[0]}")
        again = eventually(lambda: next((row for row in [self.alarm("trail.corrupt")] if row["id"] != alarm["id"]), None), "a new alarm")
        self.assertEqual((again["facts"]["entry"], again["answered"]), (str(entries[0]), False))

    def known_corrupt(self):
        return set(self.place.call("GET", "/v1/audit/entries?limit=60", person="auditor-1").json.get("corrupt", []))

    def test_a_row_that_is_gone_accuses_no_other(self):
        """Without it nothing beside it leads to the signed root any more; those rows are as they were."""
        place = self.place
        gone = place.history_to(place.withdraw(87)["id"])[0]["seq"]
        before = self.known_corrupt()
        place.psql(f"CREATE TABLE public.gone AS SELECT * FROM audit.leaf WHERE seq = {gone}; DELETE FROM audit.leaf WHERE seq = {gone}")
        self.addCleanup(place.psql, "INSERT INTO audit.leaf SELECT * FROM public.gone; DROP TABLE public.gone")
        eventually(lambda: str(gone) in self.known_corrupt(), "the row is known to be gone")
        self.assertEqual(self.known_corrupt() - before, {str(gone)})

    def test_a_row_with_room_nowhere_keeps_nobody_from_being_warned(self):
        """The oldest entry is read in each look, for a date."""
        place = self.place
        self.edited(0, "ts", "'infinity'")
        eventually(lambda: self.told_corrupt(0), "the row is an alarm")
        self.told_in_the_trail(0)
        drill = eventually(lambda: self.alarm("compromise.drill_overdue"), "the first day is not known, and no drill is")
        self.assertEqual(drill["facts"]["reason"], "corrupt", "it is not said to be overdue")
        for time in ("infinity", "20000-01-01", "0044-03-15 BC"):
            place.psql(f"UPDATE audit.leaf SET ts = '{time}' WHERE seq = 0")
            shown = place.call("GET", "/v1/audit/entries?order=oldest&limit=1", person="auditor-1")
            self.assertEqual((shown.status, shown.json["entries"][0]["doubt"]), (200, "columns"), shown)
        status, told = place.verify("trail", place.export_trail())
        self.assertEqual(status, 1, told)
        self.assertIn("entry 0: the column ts was changed", told)

    def test_a_head_row_that_is_set_back_for_a_moment_hides_no_entries(self):
        """Who writes waits meanwhile for a table, so that nobody but who reads sees it."""
        place = self.place
        row = place.withdraw(88)
        path = f"/v1/audit/entries?oid={row['id']}"
        with subprocess.Popen(["psql", "-XAtqd", place.environment["STRONGROOM_DB"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=place.environment) as holder:
            holder.stdin.write("BEGIN; LOCK TABLE audit.leaf IN SHARE MODE; SELECT 'held';\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), "held\n")
            place.psql("UPDATE audit.head SET size = size - 20")
            hidden = [place.call("GET", asked, person="auditor-1") for asked in (path, path.replace("entries", "count"))]
            place.psql("UPDATE audit.head SET size = size + 20")
        for answer in hidden:
            self.assertProblem(answer, 503, "corrupt", "trail")
        self.assertEqual(eventually(lambda: self.alarm("trail.corrupt"), "it is an alarm")["facts"]["entry"], "head", "no row is accused")
        shown = eventually(lambda: [reply for reply in [place.call("GET", path, person="auditor-1")] if reply.status == 200], "reads go on")
        self.assertIn("withdrawal.request", [entry["act"] for entry in shown[0].json["entries"]])

    def test_a_view_in_the_place_of_the_table_hides_nothing_for_long(self):
        """It leaves one entry out of what officers are answered; sessions that were made before answer from it."""
        place = self.place
        row = place.withdraw(89)
        path = f"/v1/audit/entries?otype=withdrawal&oid={row['id']}"
        place.psql(f"""BEGIN; ALTER TABLE audit.leaf RENAME TO leaf_kept;
            CREATE VIEW audit.leaf AS SELECT * FROM audit.leaf_kept
                WHERE NOT (oid IS NOT DISTINCT FROM '{row["id"]}' AND act = 'withdrawal.approve' AND current_user = 'strongroom_auditor');
            GRANT SELECT, INSERT ON audit.leaf TO strongroom_sequencer; GRANT SELECT ON audit.leaf TO strongroom_auditor; COMMIT""")
        try:
            eventually(lambda: place.call("GET", path, person="auditor-1").status == 503, "nobody is answered")
            for _ in range(20):
                self.assertEqual(place.call("GET", path, person="auditor-1").status, 503)
            health = place.call("GET", "/healthz").json
            self.assertIn("trail.corrupt", health["alarm_codes"])
            self.assertFalse(health["parts"]["database"]["ready"])
        finally:
            place.psql("BEGIN; DROP VIEW audit.leaf; ALTER TABLE audit.leaf_kept RENAME TO leaf; COMMIT")
        shown = eventually(lambda: place.call_when(200, "GET", path, person="auditor-1"), "officers are answered again").json
        self.assertEqual([entry["act"] for entry in shown["entries"]].count("withdrawal.approve"), 2)
        self.assertIn("tables", shown["corrupt"])
        self.told_in_the_trail("tables")

    def test_a_part_that_cannot_look_keeps_no_other_from_looking_and_ends_no_alarm(self):
        place = self.place
        entries = place.history_to(place.withdraw(85)["id"])
        alarm = self.overdue_medium()
        place.psql("REVOKE SELECT ON custody.medium FROM strongroom_app")
        self.addCleanup(place.psql, "GRANT SELECT ON custody.medium TO strongroom_app")
        self.edited(entries[0]["seq"], "actor", "'nobody'")
        self.told_in_the_trail(entries[0]["seq"])
        looked_at = place.call("GET", "/v1/alarms").json["looked_at"]
        self.edited(entries[1]["seq"], "actor", "'nobody'")
        self.told_in_the_trail(entries[1]["seq"])
        after = place.call("GET", "/v1/alarms").json
        self.assertIn(alarm["id"], [row["id"] for row in after["alarms"]])
        self.assertEqual(after["looked_at"], looked_at, "no look saw everything")

    def test_where_an_edited_row_may_tell_of_the_copy_none_is_called_late(self):
        place = self.place
        place.configure("custodyd", copy_max_age=1, watch=100)
        place.kill("custodyd")
        place.start_unready()
        lag = eventually(lambda: self.alarm("copy.lag"), "there is no copy")
        self.assertEqual(lag["facts"]["reason"], "expired")
        self.edited(1, "actor", "'nobody'")
        eventually(lambda: (self.alarm("copy.lag") or lag)["facts"]["reason"] == "corrupt", "it is not known how far a copy reaches")
        self.assertTrue(self.told_corrupt(1))


if __name__ == "__main__":
    unittest.main()
