#!/usr/bin/python3
"""Approvals that are none: refused with a code that says why, in the trail as a denial, and they bring nothing nearer."""

import base64
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402


class Approvals(strongroom.Case):
    def setUp(self):
        self.row = self.place.proposed(30)
        self.payee = self.place.balance(self.place.payee)

    def tearDown(self):
        """One approval alone stands, whatever was tried: nothing was paid. With a second good one, honest work goes on."""
        place = self.place
        row = place.read(self.row["id"])
        if row["state"] in ("reserved", "approving"):
            self.assertEqual(place.balance(place.payee), self.payee)
            decided = {json.loads(approval["document"])["approver"] for approval in row["approvals"]}
            missing = [person for person in ("approver-1", "approver-2", "approver-3") if person not in decided]
            place.approve(row, *missing[:2 - len(decided)])
            place.wait(row["id"], "confirmed")
            self.assertEqual(place.balance(place.payee), self.payee + 30)
            self.assertProven("evidence", place.export_evidence(row["id"]))

    def refused(self, document, person, code, status=403, decision="approve", row=None):
        """Handed in with the person's token: refused with this code, in the trail as a denial by this person, not counted."""
        row = row or self.row
        counted = self.place.read(row["id"])["approvals"]
        reply = self.place.decide(row, person, decision, document=document)
        self.assertProblem(reply, status, code)
        path = f"/v1/audit/entries?oid={row['id']}&otype=withdrawal&outcome=deny&actor={person}&limit=1"
        entry = self.place.call("GET", path, person="auditor-1").json["entries"][0]
        event = json.loads(base64.b64decode(entry["raw"]).split(b"\n")[4])
        self.assertEqual((event["corr"], event["reason"], event["outcome"]), (reply.json["correlation"], code, "deny"))
        self.assertEqual(event["act"], f"withdrawal.{decision}")
        after = self.place.read(row["id"])
        self.assertEqual(after["approvals"], counted)
        self.assertNotIn(after["state"], ("approved", "recorded", "signed", "submitted", "confirmed"))
        return reply

    def test_the_requester_who_may_also_approve(self):
        own = self.place.proposed(30, person="approver-4")
        self.refused(self.place.approval(own, "approver-4"), "approver-4", "self_approval", row=own)
        self.place.approve(own, "approver-1")
        self.refused(self.place.approval(own, "approver-4"), "approver-4", "self_approval", row=own)
        self.assertEqual(self.place.read(own["id"])["state"], "approving")
        self.place.approve(own, "approver-3")
        self.place.wait(own["id"], "confirmed")
        self.place.approve(self.row, "approver-4", "approver-1")  # of somebody else's request that person may judge
        self.place.wait(self.row["id"], "confirmed")

    def test_one_person_twice(self):
        self.place.approve(self.row, "approver-1")
        second = self.place.approval(self.row, "approver-1", signed_at=strongroom.time_text(seconds=1))
        self.refused(second, "approver-1", "duplicate_person", 409)
        changed = self.place.approval(self.row, "approver-1", "reject")
        self.refused(changed, "approver-1", "duplicate_person", 409, decision="reject")

    def test_a_key_nobody_knows(self):
        self.place.stranger("mallory")
        theirs = self.place.person("mallory")["key_id"]
        forged = self.place.approval(self.row, "approver-2", signer="mallory", key=theirs)
        self.refused(forged, "approver-2", "unknown_key")
        self.refused(self.place.approval(self.row, "mallory", key=theirs), "approver-2", "unknown_key")

    def test_a_key_of_somebody_else(self):
        place = self.place
        self.refused(place.approval(self.row, "approver-3", signer="approver-1"), "approver-3", "unknown_key")
        relabelled = place.approval(self.row, "approver-3", signer="approver-1")
        relabelled["signatures"][0]["key"] = place.person("approver-3")["key_id"]
        self.refused(relabelled, "approver-3", "signature_invalid")
        named = place.approval(self.row, "approver-2", signer="approver-1", key=place.person("approver-1")["key_id"])
        self.refused(named, "approver-2", "unknown_key")
        self.refused(place.approval(self.row, "admin-1"), "approver-2", "forbidden")
        both = place.approval(self.row, "approver-2")
        both["signatures"].append(place.signature("approval", both["document"], "approver-1"))
        self.refused(both, "approver-2", "signature_invalid")
        none = {**place.approval(self.row, "approver-2"), "signatures": []}
        reply = self.place.decide(self.row, "approver-2", document=none)
        self.assertIn(reply.status, (400, 403))

    def test_another_intent(self):
        place = self.place
        other = place.proposed(99)
        self.refused(place.approval(other, "approver-1"), "approver-1", "mismatch")
        mixed = place.approval(self.row, "approver-1", intent=strongroom.digest("intent", other["intent"]))
        self.refused(mixed, "approver-1", "mismatch")
        self.refused(place.approval(self.row, "approver-1", withdrawal=other["id"]), "approver-1", "mismatch")
        place.call("POST", f"/v1/withdrawals/{other['id']}/cancel")

    def test_another_place(self):
        for changes in ({"chain": "0" * 64}, {"environment": "production"}, {"policy": "0" * 64}):
            with self.subTest(changes):
                self.refused(self.place.approval(self.row, "approver-1", **changes), "approver-1", "mismatch")

    def test_expired_or_beyond_the_intent(self):
        place = self.place
        past = place.approval(self.row, "approver-1", signed_at=strongroom.time_text(seconds=-20),
                              expires_at=strongroom.time_text(seconds=-10))
        self.refused(past, "approver-1", "expired")
        longer = place.approval(self.row, "approver-1", expires_at=strongroom.time_text(seconds=40 * 86400))
        self.refused(longer, "approver-1", "mismatch")
        backwards = place.approval(self.row, "approver-1", signed_at=self.row["expires_at"], expires_at=self.row["requested_at"])
        self.refused(backwards, "approver-1", "invalid", 400)

    def test_altered_bytes(self):
        good = self.place.approval(self.row, "approver-1")
        document = json.loads(good["document"])
        altered = {**good, "document": strongroom.canonical({**document, "signed_at": strongroom.time_text()})}
        self.refused(altered, "approver-1", "signature_invalid")
        for form in (json.dumps(document), good["document"] + "\n", good["document"].replace('"approve"', '"\\u0061pprove"')):
            with self.subTest(form=form[:40]):
                self.refused({**good, "document": form}, "approver-1", "not_canonical", 400)
        self.refused({**good, "document": strongroom.canonical({**document, "more": "x"})}, "approver-1", "unknown_field", 400)
        raw = bytearray(base64.b64decode(good["signatures"][0]["sig"]))
        raw[40] ^= 1
        flipped = {**good["signatures"][0], "sig": base64.b64encode(bytes(raw)).decode()}
        self.refused({**good, "signatures": [flipped]}, "approver-1", "signature_invalid")

    def test_the_other_half_of_a_signature(self):
        """s and n - s both verify by mathematics; one form is accepted, so that one approval has one form."""
        good = self.place.approval(self.row, "approver-1")
        raw = base64.b64decode(good["signatures"][0]["sig"])
        high = strongroom.P256_ORDER - int.from_bytes(raw[32:], "big")
        mirrored = base64.b64encode(raw[:32] + high.to_bytes(32, "big")).decode()
        self.refused({**good, "signatures": [{**good["signatures"][0], "sig": mirrored}]}, "approver-1", "signature_invalid")

    def test_a_signature_for_something_else(self):
        """The kind is part of what is signed: a signature under another kind is no approval."""
        place = self.place
        document = place.approval(self.row, "approver-1")["document"]
        self.refused(place.signed("intent", document, "approver-1"), "approver-1", "signature_invalid")

    def test_somebody_elses_token(self):
        document = self.place.approval(self.row, "approver-1")
        self.refused(document, "approver-2", "forbidden")
        self.place.approve(self.row, "approver-1")
        self.refused(document, "approver-3", "forbidden")

    def test_a_rejection_sold_as_approval(self):
        self.refused(self.place.approval(self.row, "approver-1", "reject"), "approver-1", "invalid", 400)
        self.refused(self.place.approval(self.row, "approver-1"), "approver-1", "invalid", 400, decision="reject")

    def test_after_the_end(self):
        self.place.approve(self.row)
        self.place.wait(self.row["id"], "confirmed")
        reply = self.place.decide(self.row, "approver-3")
        self.assertProblem(reply, 409, "conflict", "state")
        reply = self.place.decide(self.row, "approver-3", "reject")
        self.assertProblem(reply, 409, "conflict", "state")
        self.assertEqual(self.place.read(self.row["id"])["state"], "confirmed")
        self.assertProven("evidence", self.place.export_evidence(self.row["id"]))


if __name__ == "__main__":
    unittest.main()
