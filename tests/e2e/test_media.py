#!/usr/bin/python3
"""The media ledger: what one person tells counts when the second has confirmed it, and what nobody does is told."""

import collections
import concurrent.futures
import json
import unittest

import strongroom
from strongroom import time_text

DAY_S = 24 * 3600


class Media(strongroom.Trailed, strongroom.Case):
    def medium(self, serial):
        return next(row for row in self.place.call("GET", "/v1/media").json["media"] if row["serial"] == serial)

    def taken_in(self, serial, due_s=DAY_S):
        """A medium in the ledger, told by operator-1 and confirmed by custodian-1, who keeps it."""
        medium = {"serial": serial, "kind": "bag", "place": "vault-1", "custodian": "custodian-1", "second": "custodian-1",
                  "inspection_due": time_text(seconds=due_s)}
        told = self.place.call("POST", "/v1/media", medium)
        self.assertEqual((told.status, told.json.get("state")), (201, "open"), told)
        self.assertEqual(self.answer(told, "custodian-1").status, 200)
        return medium

    def answer(self, told, person, answer="confirm"):
        return self.place.call("POST", f"/v1/media/{told.json['serial']}/entries/{told.json['entry']}/{answer}", None, person)

    def history(self, serial):
        """What the trail has of a medium, without refused requests."""
        rows = self.place.pages(f"/v1/audit/entries?otype=medium&oid={serial}&order=oldest", "entries", "auditor-1")
        return [(row["actor"], self.event(row)) for row in rows if row["outcome"] != "deny"]

    def test_the_media_ledger(self):
        place = self.place
        medium = self.taken_in("bag-0017", -60)
        self.assertProblem(place.call("POST", "/v1/media", medium), 409, "exists", "serial")
        self.assertProblem(place.call("POST", "/v1/media", {**medium, "serial": "b", "kind": "box"}), 400, "invalid", "kind")
        self.assertProblem(place.call("POST", "/v1/media", {**medium, "serial": "b", "second": "operator-1"}), 409,
                           "duplicate_person", "second")
        self.assertProblem(place.call("POST", "/v1/media", medium, "approver-1"), 403, "forbidden")
        overdue = self.until(lambda: self.entries("medium.overdue", otype="medium", oid="bag-0017"), "the missed inspection is told")
        self.assertEqual(len(overdue), 1)
        path = "/v1/media/bag-0017/entries"
        seen = {"act": "inspect", "reason": "yearly", "second": "custodian-2", "inspection_due": time_text(seconds=DAY_S)}
        self.assertProblem(place.call("POST", path, {**seen, "second": "operator-1"}), 409, "duplicate_person", "second")
        self.assertProblem(place.call("POST", path, {**seen, "second": "nobody"}), 400, "invalid", "second")
        self.assertProblem(place.call("POST", path, {**seen, "act": "move"}), 400, "missing_field", "place")
        moved = {"act": "move", "reason": "new-safe", "second": "custodian-2", "place": "vault-2", "custodian": "custodian-3"}
        destroyed = {"act": "destroy", "reason": "worn", "second": "custodian-3", "tool": "shredder-2", "method": "nist-800-88"}
        for body in (seen, {"act": "access", "reason": "drill", "second": "custodian-2"}, moved, destroyed):
            before = self.medium("bag-0017")
            told = place.call("POST", path, body)
            self.assertEqual(told.status, 201, told)
            row = self.medium("bag-0017")
            self.assertEqual({**row, "open": None}, {**before, "open": None})
            self.assertEqual({name: row["open"][name] for name in body}, body)
            self.assertEqual(self.answer(told, body["second"]).status, 200)
            self.assertNotIn("open", self.medium("bag-0017"))
        self.assertProblem(place.call("POST", path, seen), 409, "conflict", "state")
        row = self.medium("bag-0017")
        self.assertEqual((row["place"], row["custodian"], row["state"]), ("vault-2", "custodian-3", "destroyed"))
        told = [(actor, event["act"], event["outcome"]) for actor, event in self.history("bag-0017")
                if event["act"] != "medium.overdue"]
        expected = []
        for act, second in (("add", 1), ("inspect", 2), ("access", 2), ("move", 2), ("destroy", 3)):
            expected += [("operator-1", f"medium.{act}", "intent"), (f"custodian-{second}", "medium.confirm", "ok")]
        self.assertEqual(told, expected)
        claimed, confirmed = (event["facts"] for _, event in self.history("bag-0017")[-2:])
        self.assertEqual(claimed, confirmed)
        self.assertEqual({name: confirmed[name] for name in destroyed}, destroyed)

    def test_one_person_alone_writes_nothing_into_the_media_ledger(self):
        """An inspection that only one person claims leaves the missed one missed, and becomes an alarm of its own."""
        place = self.place
        self.taken_in("bag-0018", -60)
        path = "/v1/media/bag-0018/entries"
        due = time_text(seconds=DAY_S)
        self.until(lambda: place.call("GET", "/healthz").json["alarms"], "the missed inspection is an alarm")
        told = place.call("POST", path, {"act": "inspect", "reason": "yearly", "second": "custodian-2", "inspection_due": due})
        for person, code in (("operator-1", "duplicate_person"), ("custodian-1", "forbidden"), ("approver-1", "forbidden")):
            self.assertProblem(self.answer(told, person), 409 if code == "duplicate_person" else 403, code, "second")
        self.assertProblem(self.answer(told, "custodian-1", "refuse"), 403, "forbidden", "second")
        other = {"act": "access", "reason": "drill", "second": "custodian-3"}
        self.assertProblem(place.call("POST", path, other), 409, "conflict", "entry")
        elsewhere = f"/v1/media/none/entries/{told.json['entry']}/confirm"
        self.assertProblem(place.call("POST", elsewhere, None, "custodian-2"), 404, "not_found")
        row = self.medium("bag-0018")
        self.assertNotEqual(row["inspection_due"], due)
        self.assertEqual((row["open"]["id"], row["open"]["told_by"]), (told.json["entry"], "operator-1"))
        self.assertGreater(place.call("GET", "/healthz").json["alarms"], 0)
        self.assertEqual(self.entries("medium.unconfirmed", otype="medium", oid="bag-0018"), [])
        try:
            self.later(2)
            late = self.until(lambda: self.entries("medium.unconfirmed", otype="medium", oid="bag-0018"), "it is told after a day")
        finally:
            place.stop("custodyd")
            place.start()
        facts = self.event(late[0])["facts"]
        self.assertEqual((late[0]["outcome"], facts["entry"], facts["second"]), ("error", told.json["entry"], "custodian-2"))
        self.assertEqual(self.answer(told, "custodian-2", "refuse").json["state"], "refused")
        self.assertProblem(self.answer(told, "custodian-2"), 409, "conflict", "entry")
        row = self.medium("bag-0018")
        self.assertNotEqual(row["inspection_due"], due)
        self.assertNotIn("open", row)
        self.assertEqual([event["act"] for _, event in self.history("bag-0018")][-1], "medium.refuse")
        told = place.call("POST", path, {"act": "inspect", "reason": "yearly", "second": "custodian-2", "inspection_due": due})
        self.assertEqual(self.answer(told, "custodian-2").status, 200)
        self.assertEqual(self.medium("bag-0018")["inspection_due"], due)

    def test_a_medium_that_the_second_person_has_not_seen_is_not_kept(self):
        place = self.place
        body = {"serial": "bag-0019", "kind": "bag", "place": "vault-1", "custodian": "custodian-1", "second": "custodian-1",
                "inspection_due": time_text(seconds=DAY_S)}
        told = place.call("POST", "/v1/media", body)
        self.assertEqual(self.medium("bag-0019")["state"], "unconfirmed")
        answer = f"/v1/media/bag-0019/entries/{told.json['entry']}/refuse"
        self.assertProblem(place.call("POST", answer, {"act": "add"}, person="custodian-1"), 400, "invalid", "body")
        self.assertEqual(self.answer(told, "custodian-1", "refuse").status, 200)
        self.assertEqual(self.medium("bag-0019")["state"], "unconfirmed")
        found = {"act": "move", "reason": "it-was-there", "second": "custodian-2", "place": "vault-3", "custodian": "custodian-2"}
        told = place.call("POST", "/v1/media/bag-0019/entries", found)
        self.assertEqual(self.medium("bag-0019")["state"], "unconfirmed")
        self.assertEqual(self.answer(told, "custodian-2").status, 200)
        row = self.medium("bag-0019")
        self.assertEqual((row["state"], row["place"]), ("kept", "vault-3"))

    def test_the_media_ledger_from_the_command_line(self):
        place = self.place
        due = time_text(seconds=DAY_S)
        refused = place.custody("media", "add", "card-5", "card", "--place", "vault-1", check=False)
        self.assertEqual((refused.returncode, "second" in refused.stderr), (2, True))
        said = place.custody("media", "add", "card-5", "card", "--place", "vault-1", "--custodian", "custodian-1", "--due", due,
                             "--second", "custodian-1").stdout
        command = said.rpartition("has run: custody ")[2].split()
        self.assertEqual(command[:3], ["media", "confirm", "card-5"])
        alone = place.custody(*command, check=False)
        self.assertIn("nobody confirms what they told themselves", alone.stderr)
        listed = place.custody("media", "list", person="custodian-1").stdout.partition("card-5 card, unconfirmed\n")[2]
        self.assertIn(f"add, entry {command[3]} waits for custodian-1", listed)
        self.assertIn("is confirmed", place.custody(*command, person="custodian-1").stdout)
        self.assertIn("card-5 card, kept\n", place.custody("media", "list", person="custodian-1").stdout)
        said = place.custody("media", "tell", "card-5", "move", "--reason", "new-safe", "--second", "custodian-2", "--place", "vault-9",
                             "--custodian", "custodian-2").stdout
        place.custody(*said.rpartition("has run: custody ")[2].split(), person="custodian-2")
        self.assertEqual((self.medium("card-5")["place"], self.medium("card-5")["custodian"]), ("vault-9", "custodian-2"))
        place.custody("media", "tell", "card-5", "destroy", "--reason", "worn", "--second", "custodian-3", "--tool", "shredder-2",
                      "--method", "nist-800-88")
        place.custody("media", "refuse", "card-5", self.medium("card-5")["open"]["id"], person="custodian-3")
        self.assertEqual(self.medium("card-5")["state"], "kept")

    def test_every_medium_is_watched_and_has_its_history(self):
        """More than a page of the watcher: each missed inspection is told, and the export has all of each history."""
        place = self.place
        serials = [f"many-{number:04}" for number in range(600)]

        def add(serial):
            medium = {"serial": serial, "kind": "card", "place": "vault-3", "custodian": "custodian-1",
                      "inspection_due": time_text(seconds=-60), "second": "custodian-1"}
            told = place.call("POST", "/v1/media", medium)
            return told.status, self.answer(told, "custodian-1").status

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(set(pool.map(add, serials)), {(201, 200)})
        listed = [row["serial"] for row in place.call("GET", "/v1/media").json["media"]]
        self.assertEqual([serial for serial in listed if serial.startswith("many-")], serials)
        self.until(lambda: len(self.entries("medium.overdue", otype="medium", oid=serials[-1])) == 1, "the last missed inspection is told")
        self.until(lambda: place.call("GET", "/healthz").json["alarms"] >= len(serials), "each counts as an alarm")
        seen = {"act": "inspect", "reason": "yearly", "second": "custodian-2", "inspection_due": time_text(seconds=DAY_S)}
        moved = {"act": "move", "reason": "new-safe", "second": "custodian-2", "place": "vault-4", "custodian": "custodian-3"}
        for serial in serials[:1] + serials[-1:]:
            for body in (seen, moved):
                self.assertEqual(self.answer(place.call("POST", f"/v1/media/{serial}/entries", body), "custodian-2").status, 200)
        path = place.export_trail()
        self.assertProven("trail", path)
        histories = collections.defaultdict(list)
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if row.get("otype") == "medium":
                histories[row["oid"]].append(self.event(row))
        for serial in serials:
            history = histories[serial]
            acts = ["medium.add", "medium.confirm", "medium.overdue"]
            if serial in (serials[0], serials[-1]):
                acts += ["medium.inspect", "medium.confirm", "medium.move", "medium.confirm"]
            self.assertEqual(sorted(event["act"] for event in history[:3]), acts[:3], serial)
            self.assertEqual([event["act"] for event in history[3:]], acts[3:], serial)
            self.assertEqual([event["on"] for event in history], [str(number + 1) for number in range(len(acts))], serial)
        told = histories[serials[-1]][-1]["facts"]
        self.assertEqual((told["place"], told["custodian"], told["second"], told["reason"]),
                         ("vault-4", "custodian-3", "custodian-2", "new-safe"))
        for serial in serials[1:-1]:
            self.assertEqual(self.answer(place.call("POST", f"/v1/media/{serial}/entries", seen), "custodian-2").status, 200)


if __name__ == "__main__":
    unittest.main()
