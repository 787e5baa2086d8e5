#!/usr/bin/python3
"""Position DEV: the unlocked device of one approver, with the key and the token on it. The service and the signers are honest.

Until somebody takes the key out of the policy, the thief is that approver: one voice, which may also stop things. He never is two
voices, and what he signed counts for nothing from the moment the key is out, also where it was counted before.
"""

import unittest

from positions import Position, Signer
from strongroom import eventually, time_text

THIEF = "approver-1"


class Dev(Position):
    # To obtain a signature

    def test_1_alone(self):
        """As often as he likes: one person is one voice, by any number of papers, tokens and sessions."""
        place = self.place
        row = place.proposed(21)
        place.approve(row, THIEF)
        self.assertDenied(place.decide(row, THIEF, document=place.approval(row, THIEF, signed_at=time_text(seconds=1))), 409,
                          "duplicate_person", "withdrawal.approve", THIEF)
        for name, document, token, code in (
                ("in another's name", place.approval(row, "approver-2", signer=THIEF), THIEF, "unknown_key"),
                ("in another's name and with his token", place.approval(row, "approver-2", signer=THIEF), "approver-2", "unknown_key"),
                ("with another's token", place.approval(row, THIEF), "approver-2", "forbidden"),
                ("the other's paper of another matter", place.approval(place.proposed(1), "approver-2"), THIEF, "mismatch")):
            with self.subTest(name):
                self.assertDenied(place.decide(row, token, document=document), 403, code, "withdrawal.approve", token)
        self.assertEqual(place.read(row["id"])["state"], "approving")
        with self.subTest("at the signer, if he got that far"):
            own, again = place.approval(row, THIEF), place.approval(row, THIEF, expires_at=time_text(seconds=600))
            with Signer(place, "transfer") as signer:
                self.assertRefused(signer.ask("transfer.sign", **self.papers(row, [own])), "quorum_missing", "policy")
                self.assertRefused(signer.ask("transfer.sign", **self.papers(row, [own, again])), "duplicate_person",
                                   "approvals[1].approver")
        self.cancel(row)

    def test_2_a_request_of_his_own(self):
        """An approver is no requester; and what he would request, he could not approve."""
        reply = self.place.propose(22, person=THIEF)
        self.assertDenied(reply, 403, "forbidden", "withdrawal.request", THIEF)

    # To add a destination, to lower a quorum, to unfreeze

    def test_3_papers_that_are_not_his_to_sign(self):
        place = self.place
        key = place.call("GET", "/v1/wallets/hot").json["key_id"]
        for name, reply, code, act in (
                ("a destination", place.call("POST", "/v1/destinations", self.listing(self.mallory, THIEF)), "unknown_key", "destination.add"),
                ("with one administrator", place.call("POST", "/v1/destinations", self.listing(self.mallory, THIEF, "admin-1")),
                 "unknown_key", "destination.add"),
                ("a version of the policy", place.call("POST", "/v1/policies", self.next_policy(THIEF)[1], THIEF), "unknown_key",
                 "policy.proposed"),
                ("a key started", place.call("POST", f"/v1/keys/{key}/commands", self.command(
                    "key.resume", THIEF, key=key, role="transfer", on="1", **{"from": "suspended"}), THIEF), "unknown_key", "key.command"),
                ("a sweep", place.call("POST", f"/v1/keys/{key}/commands", self.command(
                    "key.retire", THIEF, key=key, role="transfer", on="1", **{"from": "active"}), THIEF), "unknown_key", "key.command")):
            with self.subTest(name):
                self.assertEqual(reply.json["code"], code, reply)
                self.assertDenied(reply, 403, code, act)

    def test_4_what_he_stops_he_cannot_start(self):
        place = self.place
        target = {"scope": "everything", "role": "transfer"}
        self.assertEqual(place.call("POST", "/v1/freezes", self.command("freeze", THIEF, **target), THIEF).status, 200)
        number = str(place.call("GET", "/v1/freezes").json["freezes"][0]["number"])
        reply = place.call("POST", "/v1/freezes", self.command("thaw", THIEF, on=number, **target), THIEF)
        self.assertDenied(reply, 403, "unknown_key", "freeze.command", THIEF)
        self.assertEqual(self.state_of()["freezes"][0]["state"], "frozen")
        thaw = self.command("thaw", "admin-1", "admin-2", on=number, **target)
        self.assertEqual(place.call("POST", "/v1/freezes", thaw).status, 200)

    def suspended(self):
        return {row["person"]: row["number"] for row in self.place.call("GET", "/v1/people/suspended").json["suspended"]}

    def test_4a_the_device_is_suspended_at_once(self):
        """No version of the policy is waited for: what the thief approved is void, he gives nothing back to himself, and stops nobody else."""
        place = self.place
        row = place.proposed(24)
        place.approve(row, THIEF)
        stopped = place.call("POST", "/v1/people/suspend", self.command("person.suspend", "operator-1", person=THIEF))
        self.assertEqual(stopped.status, 200, stopped)
        self.assertEqual(set(stopped.json["signers"].values()), {"ok"}, "every signer has it")
        eventually(lambda: self.suspended() == {THIEF: 1}, "it is told")
        place.approve(row, "approver-2")
        self.assertEqual(place.read(row["id"])["state"], "approving", "the recount fails: one of two is void")
        with Signer(place, "transfer") as signer:
            papers = [place.approval(row, THIEF), place.approval(row, "approver-2")]
            self.assertRefused(signer.ask("transfer.sign", **self.papers(row, papers)), "quorum_missing", "policy")
        other = place.proposed(23)
        self.assertEqual(place.decide(other, THIEF).status, 403, "a later approval")
        resume = {"person": THIEF, "on": "1"}
        reply = place.call("POST", "/v1/people/resume", self.command("person.resume", THIEF, **resume), THIEF)
        self.assertDenied(reply, 403, "unknown_key", "person.resume", THIEF)
        reply = place.call("POST", "/v1/people/suspend", self.command("person.suspend", THIEF, person="approver-2"), THIEF)
        self.assertEqual((reply.status, reply.json["code"]), (403, "forbidden"), reply)
        self.assertEqual(self.suspended(), {THIEF: 1})
        self.cancel(row)  # before his approval counts again
        back = place.call("POST", "/v1/people/resume", self.command("person.resume", "admin-1", "admin-2", **resume))
        self.assertEqual((back.status, back.json["state"]), (200, "resumed"), back)
        eventually(lambda: self.suspended() == {}, "it is told")
        place.approve(other, THIEF, "approver-2")
        place.wait(other["id"], "confirmed")
        self.paid = 23
        self.assertEqual(place.read(row["id"])["state"], "cancelled")

    # To revive an approval

    def test_5_the_key_is_taken_out(self):
        """An approval of before counts no more, nor does a later one, and the two others decide: both versions must allow it."""
        place = self.place
        before, unanswered = place.proposed(25), place.proposed(26)
        stolen = place.approval(before, THIEF)
        self.assertEqual(place.decide(before, THIEF, document=stolen).status, 200)
        now = self.policy_document()
        people = [{**row, "keys": [{name: place.person("mallory")[name] for name in ("alg", "key")}]} if row["id"] == THIEF else row
                  for row in now["people"]]
        self.adopt(people=people)
        eventually(lambda: place.read(before["id"]).get("policy_changed"), "the withdrawal says that the policy changed")
        place.approve(before, "approver-2")
        self.assertEqual(place.read(before["id"])["state"], "approving")
        refused = place.decide(unanswered, THIEF)  # the older version has the key, and that is not enough
        self.assertDenied(refused, 403, "unknown_key", "withdrawal.approve", THIEF)
        self.assertIn("it does not count: version", refused.json["detail"])
        self.assertEqual(refused.json["explanation"]["decision"], "waiting")
        self.assertEqual(place.decide(before, THIEF, document=stolen).status, 200)  # the same again: what stands
        place.approve(unanswered, "approver-2")
        self.assertEqual(place.read(unanswered["id"])["state"], "approving")
        with self.subTest("at the signer"), Signer(place, "transfer") as signer:
            reply = signer.ask("transfer.sign", **self.papers(before, [stolen, place.approval(before, "approver-2")]))
            self.assertRefused(reply, "quorum_missing", "policy")
        with self.subTest("under the version in force"):
            fresh = place.proposed(27)
            self.assertDenied(place.decide(fresh, THIEF), 403, "unknown_key", "withdrawal.approve", THIEF)
            with Signer(place, "transfer") as signer:
                reply = signer.ask("transfer.sign", **self.papers(fresh, [place.approval(fresh, THIEF), place.approval(fresh, "approver-2")]))
            self.assertRefused(reply, "unknown_key", "approvals[0].key")
            self.cancel(fresh)
        place.approve(before, "approver-3")
        place.wait(before["id"], "confirmed")
        self.paid = 25
        self.assertEqual(place.decide(unanswered, THIEF, "reject").status, 200)  # who is no more than suspicious may say no
        self.assertEqual(place.read(unanswered["id"])["state"], "rejected")

    def test_6_a_person_whose_time_is_over(self):
        """`valid_until` passes by itself: nothing has to run for it, and what was approved in time does not count afterwards."""
        place = self.place
        row = place.proposed(28)
        now = self.policy_document()
        self.adopt(people=[{**person, "valid_until": time_text(seconds=-1)} if person["id"] == "approver-2" else person
                           for person in now["people"]])
        fresh = place.proposed(29)
        self.assertProblem(place.decide(fresh, "approver-2"), 401, "unauthenticated")
        with Signer(place, "transfer") as signer:
            for name, asked in (("asked for before", row), ("after", fresh)):
                with self.subTest(name):
                    approvals = [place.approval(asked, "approver-2"), place.approval(asked, "approver-3")]
                    self.assertRefused(signer.ask("transfer.sign", **self.papers(asked, approvals)), "quorum_missing", "policy")
        self.cancel(row)
        self.cancel(fresh)

    def test_z_the_trail_says_so(self):
        denied = {(entry["act"], self.event(entry)["reason"]) for entry in self.place.pages(
            f"/v1/audit/entries?outcome=deny&actor={THIEF}&order=oldest", "entries", "auditor-1")}
        self.assertLessEqual({("withdrawal.approve", "duplicate_person"), ("withdrawal.approve", "unknown_key"),
                              ("withdrawal.request", "forbidden"), ("freeze.command", "unknown_key")}, denied)
        self.assertProven("trail", self.place.export_trail())


if __name__ == "__main__":
    unittest.main(verbosity=2)
