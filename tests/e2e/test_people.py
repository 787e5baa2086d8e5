#!/usr/bin/python3
"""A person's word is taken away by one person in one command, at every signer, also one that was away; a quorum gives it back."""

import json
import unittest

import strongroom
from strongroom import eventually

SUSPENDED = {"transfer": "suspended", "audit": "suspended", "validator": "suspended"}


class People(strongroom.Case):
    # What is said

    def suspended(self):
        return {row["person"]: row for row in self.place.call("GET", "/v1/people/suspended").json["suspended"]}

    def standing(self, tree, person):
        """How a person stands in an explanation."""
        rows = [tree]
        while rows:
            row = rows.pop()
            if isinstance(row, dict):
                if row.get("id") == person and "standing" in row:
                    return row["standing"]
                rows += row.values()
            elif isinstance(row, list):
                rows += row
        return None

    def explained(self, row):
        return self.place.call("GET", f"/v1/withdrawals/{row['id']}/explanation").json

    def alarms(self):
        return [alarm for alarm in self.place.call("GET", "/v1/alarms").json["alarms"] if alarm["code"] == "person.differs"]

    def told(self, act, outcome, person):
        return [self.event(entry) for entry in self.entries(act, otype="person", oid=person) if entry["outcome"] == outcome]

    # What people do

    def files(self, person):
        people = self.place.dir / "people"
        return "--key", str(people / f"{person}.key"), "--passphrase-file", str(people / f"{person}.passphrase")

    def suspend(self, person, by="operator-1", check=True):
        return self.place.custody("person", "suspend", person, "--reason", "stolen-device", "--policy",
                                  str(self.place.dir / "etc/policy.json"), *self.files(by), check=check)

    def resume(self, person, signers=("admin-1", "admin-3"), number=None, check=True):
        place = self.place
        number = number or self.suspended()[person]["number"]
        name = f"{place.dir}/resume-{strongroom.uuid7()}"
        place.custody("person", "resume", person, "--on", str(number), "--policy", str(place.dir / "etc/policy.json"), "--reason",
                      "new-device", "--out", name)
        for signer in signers:
            place.custody("sign", "command", "--in", name, "--out", f"{name}.{signer}", *self.files(signer))
            name = f"{name}.{signer}"
        return place.custody("key", "send", "--command", name, check=check)

    def test_1_approvals_are_void_until_the_quorum_resumes(self):
        place = self.place
        row = place.proposed(31)
        other = place.proposed(32)
        place.approve(row, "approver-1")
        said = self.suspend("approver-1").stdout
        self.assertIn("handed in; the service says: suspended", said)
        self.assertNotIn("has not", said)
        number = self.suspended()["approver-1"]["number"]
        self.assertEqual(self.suspended()["approver-1"]["signers"], SUSPENDED)
        self.assertEqual(place.custody("person", "list").stdout.strip(), f"approver-1 is suspended, {number}")

        self.assertEqual(self.standing(self.explained(row), "approver-1"), "suspended")
        place.approve(row, "approver-2")
        self.assertEqual(place.read(row["id"])["state"], "approving", "one approval of two is void")
        self.assertProblem(place.decide(other, "approver-1"), 403, "forbidden")
        question = {"wallet": "hot", "asset": place.asset, "amount": "31", "destination": place.payee}
        tree = place.call("POST", "/v1/policy/explain", question)
        self.assertEqual((tree.status, self.standing(tree.json, "approver-1")), (200, "suspended"), tree)
        self.assertEqual(self.standing(tree.json, "approver-2"), "may_approve")

        alone = self.resume("approver-1", signers=("admin-1",), check=False)
        self.assertNotEqual(alone.returncode, 0)
        self.assertIn("quorum", alone.stderr)
        self.assertIn("approver-1", self.suspended())
        self.assertIn("resumed", self.resume("approver-1").stdout)
        self.assertEqual(self.suspended(), {})
        place.wait(row["id"], "confirmed")  # it has both now, and nobody needs to come again
        self.assertProven("evidence", place.export_evidence(row["id"]))

        again = self.suspend("approver-1", check=False)
        self.assertNotEqual(again.returncode, 0, "the one who did it does not do it again")
        self.assertIn("the quorum has resumed approver-1 after operator-1", again.stderr)
        self.assertEqual(self.suspended(), {})
        [entry] = eventually(lambda: self.told("person.suspend", "ok", "approver-1"), "the suspension is told")
        self.assertEqual(entry["facts"], {"transfer": "ok", "audit": "ok", "validator": "ok"})
        eventually(lambda: self.told("person.resume", "ok", "approver-1"), "the resumption is told")
        self.assertTrue(self.told("person.resume", "intent", "approver-1"))
        self.assertProven("trail", place.export_trail())

    def test_2_what_was_approved_and_waits_ends(self):
        place = self.place
        row = place.proposed(33)
        third = place.proposed(34)
        place.custody("freeze", "everything", "--policy", str(place.dir / "etc/policy.json"), "--reason", "odd", *self.files("operator-1"))
        place.approve(row, "approver-1", "approver-2")
        place.approve(third, "approver-2", "approver-3")
        self.assertEqual(place.read(row["id"])["state"], "approved")
        self.suspend("approver-1", by="admin-2")
        ended = place.wait(row["id"], "rejected")
        self.assertEqual(ended["reason"], "quorum_missing")
        eventually(lambda: place.history(row["id"])[-1]["act"] == "withdrawal.reject", "the end is told")
        self.assertEqual(place.read(third["id"])["state"], "approved", "the others wait as before")
        self.resume("approver-1")
        freeze = next(row for row in place.call("GET", "/v1/freezes").json["freezes"] if row["state"] == "frozen")
        name = f"{place.dir}/thaw"
        place.custody("thaw", "everything", "--on", str(freeze["number"]), "--policy", str(place.dir / "etc/policy.json"), "--reason",
                      "looked-into", "--out", name)
        for signer in ("admin-1", "admin-3"):
            place.custody("sign", "command", "--in", name, "--out", f"{name}.{signer}", *self.files(signer))
            name = f"{name}.{signer}"
        place.custody("key", "send", "--command", name)
        place.wait(third["id"], "confirmed")
        self.assertEqual(place.read(row["id"])["state"], "rejected", "and does not come back")

    def test_3_a_signer_that_was_away_gets_it_and_until_then_everybody_knows(self):
        place = self.place
        for role, by in (("validator", "approver-4"), ("transfer", "operator-1")):
            place.kill(role)
            said = self.suspend("approver-3", by=by).stdout
            self.assertIn(f"the signer of role {role} has not: unavailable", said)
            self.assertEqual(self.suspended()["approver-3"]["signers"], {**SUSPENDED, role: "counts"})
            self.assertIn(f"counts at the signer of role {role}", place.custody("person", "list").stdout)
            eventually(self.alarms, "an alarm while they differ")
            place.start()
            eventually(lambda: self.suspended()["approver-3"]["signers"] == SUSPENDED, f"it is carried to {role}")
            eventually(lambda: not self.alarms(), "the alarm is over")

            place.kill("validator")
            self.assertIn("the signer of role validator has not", self.resume("approver-3").stdout)
            self.assertEqual(self.suspended()["approver-3"]["signers"],
                             {"transfer": "counts", "audit": "counts", "validator": "suspended"})
            place.start()
            eventually(lambda: self.suspended() == {}, "the resumption is carried to the validator")
        eventually(lambda: self.entries("person.differs")[-1]["outcome"] == "ok", "the end is told")
        self.assertHonestWorkGoesOn()


if __name__ == "__main__":
    unittest.main()
