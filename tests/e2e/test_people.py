#!/usr/bin/python3
"""A person's word is taken away by one person in one command, at every signer, also one that was away; a quorum gives it back."""

import datetime
import json
import time
import unittest

import strongroom
from strongroom import eventually

SUSPENDED = {"transfer": "suspended", "audit": "suspended", "validator": "suspended"}


class People(strongroom.Trailed, strongroom.Case):
    # What is said

    def suspended(self):
        return {row["person"]: row for row in self.place.call("GET", "/v1/people/suspended").json["suspended"]}

    def at_signers(self, person):
        """Where somebody is suspended, None for nowhere; the answer follows the orders."""
        return self.suspended().get(person, {}).get("signers")

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
        number = number or eventually(lambda: self.suspended().get(person), f"{person} is suspended")["number"]
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
        eventually(lambda: self.at_signers("approver-1") == SUSPENDED, "every signer says so")
        number = self.suspended()["approver-1"]["number"]
        self.assertEqual(place.custody("person", "list").stdout.strip(), f"approver-1 is suspended, number {number} (--on)")

        self.assertEqual(self.standing(self.explained(row), "approver-1"), "suspended")
        place.approve(row, "approver-2")
        self.assertEqual(place.read(row["id"])["state"], "approving", "one approval of two is void")
        self.assertProblem(place.decide(other, "approver-1"), 403, "forbidden")
        ended = place.decide(other, "approver-1", "reject")
        self.assertEqual((ended.status, ended.json["withdrawal"]["state"]), (200, "rejected"), "stopping is no approval")
        question = {"wallet": "hot", "asset": place.asset, "amount": "31", "destination": place.payee}
        tree = place.call("POST", "/v1/policy/explain", question)
        self.assertEqual((tree.status, self.standing(tree.json, "approver-1")), (200, "suspended"), tree)
        self.assertEqual(self.standing(tree.json, "approver-2"), "may_approve")

        alone = self.resume("approver-1", signers=("admin-1",), check=False)
        self.assertNotEqual(alone.returncode, 0)
        self.assertIn("quorum", alone.stderr)
        self.assertIn("approver-1", self.suspended())
        self.assertIn("resumed", self.resume("approver-1").stdout)
        eventually(lambda: self.suspended() == {}, "no signer has anybody suspended")
        place.wait(row["id"], "confirmed")  # it has both now, and nobody needs to come again
        self.assertProven("evidence", place.export_evidence(row["id"]))

        again = self.suspend("approver-1", check=False)
        self.assertNotEqual(again.returncode, 0, "the one who did it does not do it again")
        self.assertIn("the quorum has resumed approver-1 after operator-1", again.stderr)
        self.assertEqual(self.suspended(), {})
        [entry] = eventually(lambda: self.told("person.suspend", "ok", "approver-1"), "the suspension is told")
        self.assertEqual(entry["facts"], {"transfer": "ok", "audit": "ok", "validator": "ok", "state": "suspended",
                                          "by": "operator-1", "reason": "stolen-device"})
        [resumed] = eventually(lambda: self.told("person.resume", "ok", "approver-1"), "the resumption is told")
        self.assertEqual([resumed["facts"][name] for name in ("state", "by", "reason")], ["resumed", "admin-1,admin-3", "new-device"])
        [intent] = self.told("person.resume", "intent", "approver-1")
        self.assertEqual(intent["facts"], {"reason": "new-device"}, "who signed it is told when a signer has taken it")
        self.assertProven("trail", place.export_trail())

    def test_2_what_was_approved_and_waits_ends(self):
        place = self.place
        row = place.proposed(33)
        third = place.proposed(34)
        paid = place.withdraw(35)["id"]
        place.custody("freeze", "everything", "--policy", str(place.dir / "etc/policy.json"), "--reason", "odd", *self.files("operator-1"))
        place.approve(row, "approver-1", "approver-2")
        place.approve(third, "approver-2", "approver-3")
        self.assertEqual(place.read(row["id"])["state"], "approved")
        place.psql(f"UPDATE custody.withdrawal SET state = 'approved', ver = ver + 1 WHERE id = '{paid}'")
        self.suspend("approver-1", by="admin-2")
        ended = place.wait(row["id"], "rejected")
        self.assertEqual(ended["reason"], "quorum_missing")
        self.assertIn(f"event=transfer.ended withdrawal={row['id']}", place.log("transfer"))
        self.assertEqual(place.wait(paid, "quarantined")["reason"], "conflict", "what the signer promised does not end")
        self.assertEqual(place.settled({"id": paid})["state"], "confirmed")
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
            eventually(lambda: self.at_signers("approver-3") == {**SUSPENDED, role: "counts"}, f"all have it but {role}")
            self.assertIn(f"counts at the signer of role {role}", place.custody("person", "list").stdout)
            alarm = eventually(self.alarms, "an alarm while they differ")[0]
            self.assertEqual(alarm["concerns"], ["administrator", "operator"])
            place.start()
            eventually(lambda: self.at_signers("approver-3") == SUSPENDED, f"it is carried to {role}")
            eventually(lambda: not self.alarms(), "the alarm is over")

            place.kill("validator")
            self.assertIn("the signer of role validator has not", self.resume("approver-3").stdout)
            eventually(lambda: self.at_signers("approver-3") == {"transfer": "counts", "audit": "counts", "validator": "suspended"},
                       "all have it but the validator")
            place.start()
            eventually(lambda: self.suspended() == {}, "the resumption is carried to the validator")
        eventually(lambda: self.entries("person.differs")[-1]["outcome"] == "ok", "the end is told")
        self.assertHonestWorkGoesOn()

    # What somebody kept, and what is in the way

    def kept(self, person, by):
        document = strongroom.canonical({
            "action": "person.suspend", "chain": self.place.chain, "environment": "demo", "expires_at": strongroom.time_text(seconds=600),
            "issued_at": strongroom.time_text(), "nonce": strongroom.uuid7(), "person": person, "policy": self.place.policy_digest,
            "reason": "test"})
        return self.place.signed("command", document, by)

    def resumed_at(self, role):
        return self.place.log(role).count("event=person.resumed")

    def test_4_a_signer_that_missed_both_is_told_of_the_resumption(self):
        """It looks like the others, who suspend nobody any more; an order that somebody kept must do nothing there all the same."""
        place = self.place
        for role, by in (("validator", "approver-4"), ("transfer", "operator-1")):
            kept = self.kept("approver-2", by)
            place.kill(role)
            reply = place.call("POST", "/v1/people/suspend", kept)
            self.assertEqual((reply.status, reply.json["signers"][role]), (200, "unavailable"), reply)
            self.assertIn(f"the signer of role {role} has not", self.resume("approver-2").stdout)
            eventually(lambda: self.suspended() == {}, "nobody is suspended anywhere")
            before = self.resumed_at(role)
            place.start()
            eventually(lambda: self.resumed_at(role) > before, f"the resumption is carried to {role}")
            again = place.call("POST", "/v1/people/suspend", kept)
            self.assertProblem(again, 403, "replay")
            self.assertEqual(self.suspended(), {})
        self.assertHonestWorkGoesOn()

    def test_5_no_number_of_orders_hides_a_resumption(self):
        """More than a page of orders that expire before it, and one under its name that is none; here they are only rows, since nobody
        gets so many accepted at once."""
        place = self.place
        self.suspend("approver-4", by="admin-2")
        place.kill("validator")
        self.resume("approver-4")
        soon = int(time.time() * 1000000) + 300 * 1000000
        place.psql(f"""
            INSERT INTO custody.document (kind, id, digest, bytes)
            SELECT 'person', '{soon:016x}-' || left(encode(sha256(n::text::bytea), 'hex'), 40), sha256(n::text::bytea), '{{}}'
            FROM generate_series(1, 600) n;""")
        place.shadow("person")
        eventually(lambda: self.at_signers("approver-4") == {"transfer": "counts", "audit": "counts", "validator": "suspended"},
                   "all have it but the validator")
        place.start()
        eventually(lambda: self.suspended() == {}, "the resumption is carried to the validator")

    def test_5_a_resumption_that_nobody_handed_in(self):
        """Signed by a quorum that thought better of it, and put where orders are kept by a superuser, who also takes the suspension away."""
        place = self.place
        place.kill("validator")
        self.suspend("approver-3", by="admin-2")
        number = eventually(lambda: self.suspended().get("approver-3"), "approver-3 is suspended")["number"]
        order = json.loads(self.kept("approver-3", "admin-1")["document"])
        order = place.signed("command", strongroom.canonical({**order, "action": "person.resume", "on": str(number)}), "admin-1", "admin-3")
        name = strongroom.digest("command", order["document"])
        until = datetime.datetime.fromisoformat(json.loads(order["document"])["expires_at"][:-1] + "+00:00")
        place.psql(f"""DELETE FROM custody.document WHERE kind = 'person' AND convert_from(bytes, 'UTF8') LIKE '%person.suspend%approver-3%';
            INSERT INTO custody.document (kind, id, digest, bytes)
                VALUES ('person', '{round(until.timestamp() * 1000000):016x}-{name[:40]}', '\\x{name}', convert_to($d${strongroom.canonical(order)}$d$, 'UTF8'))""")
        place.start()
        eventually(lambda: "event=person.unfit person=approver-3" in place.log("custodyd") or self.suspended() == {}, "it is looked at")
        self.assertEqual(self.at_signers("approver-3"), {"transfer": "suspended", "audit": "suspended", "validator": "counts"})
        self.assertTrue(eventually(self.alarms, "the alarm that they differ"))
        self.assertEqual(place.call("POST", "/v1/people/resume", order).status, 200)
        eventually(lambda: self.suspended() == {}, "handed in it counts")

    def test_6_an_order_that_somebody_kept_is_not_told_again(self):
        place = self.place
        before = len(self.told("person.suspend", "ok", "approver-2"))
        name = f"{place.dir}/suspend-2"
        place.custody("person", "suspend", "approver-2", "--reason", "stolen-device", "--policy",
                      str(place.dir / "etc/policy.json"), "--out", name)
        place.custody("sign", "command", "--in", name, "--out", f"{name}.signed", *self.files("admin-2"))
        send = ("key", "send", "--command", f"{name}.signed")
        self.assertIn("suspended", place.custody(*send).stdout)
        self.assertIn("suspended", place.custody(*send).stdout, "the answer may have been lost")
        self.resume("approver-2")
        again = place.custody(*send, check=False)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("approver-2 is resumed since", again.stderr)
        self.assertEqual(self.suspended(), {})
        self.suspend("approver-4")
        eventually(lambda: self.told("person.suspend", "ok", "approver-4"), "what came after it is told")
        self.assertEqual(len(self.told("person.suspend", "ok", "approver-2")), before + 2, "not the third time")
        self.resume("approver-4")

    def test_7_who_is_suspended_holds_nothing_more(self):
        """What asks for everything again and again would keep everybody else from being served."""
        place = self.place
        key = strongroom.uuid7()
        asked = place.proposed(33, person="requester-2", key=key)
        self.suspend("requester-2", by="approver-1")
        eventually(lambda: self.at_signers("requester-2") == SUSPENDED, "every signer says so")
        free = place.wallet()
        self.assertProblem(place.patiently(lambda: place.propose(33, person="requester-2")), 403, "forbidden", "requester")
        self.assertEqual(place.wallet(), free, "nothing is held")
        again = place.patiently(lambda: place.propose(33, person="requester-2", key=key))
        self.assertEqual((again.status, again.json["withdrawal"]["id"]), (200, asked["id"]), "what was asked before is told")
        told, *_ = [self.event(entry) for entry in self.entries("withdrawal.request") if entry["outcome"] == "deny"]
        self.assertEqual((told["reason"], told["facts"]["amount"]), ("forbidden", "33"))
        self.assertEqual(place.decide(asked, "approver-2", "reject").status, 200)
        self.resume("requester-2")
        eventually(lambda: self.suspended() == {}, "no signer has anybody suspended")
        place.proposed(33, person="requester-2")


if __name__ == "__main__":
    unittest.main()
