#!/usr/bin/python3
"""Position OP: one valid operator, who may also request: a token, and a key of his own. The service and the signers are honest.

Whatever he tries ends with a problem that names the reason, and stands in the trail as a denial with his name. He may propose, and he
may stop things; starting them again takes others.
"""

import unittest

from positions import DAY_S, Position
from strongroom import canonical, eventually, time_text


class Op(Position):
    def order(self, action, *signers, key=None, **fields):
        key = key or self.key()
        return self.place.call("POST", f"/v1/keys/{key}/commands", self.command(action, *signers, key=key, role="transfer", **fields))

    def key(self):
        return self.place.call("GET", "/v1/wallets/hot").json["key_id"]

    # To obtain a signature

    def test_his_own_request(self):
        """He requests, and he decides: with his token, with his key, with the paper of somebody else."""
        place = self.place
        row = place.proposed(31)
        for name, document in (("his own", place.approval(row, "operator-1")),
                               ("under another name", place.approval(row, "approver-1", signer="operator-1")),
                               ("of an approver, whose paper he found", place.approval(row, "approver-1"))):
            with self.subTest(name):
                reply = place.call("POST", f"/v1/withdrawals/{row['id']}/approve", document)
                self.assertDenied(reply, 403, "forbidden", "withdrawal.approve", "operator-1")
        self.assertEqual(place.read(row["id"])["approvals"], [])
        self.cancel(row)

    def test_a_person_with_two_duties(self):
        """approver-4 may request and may approve; not both in one matter (test_approvals.py), and not by two papers."""
        place = self.place
        row = place.proposed(32, person="approver-4")
        self.assertEqual(place.decide(row, "approver-1").status, 200)
        self.assertDenied(place.decide(row, "approver-4"), 403, "self_approval", "withdrawal.approve", "approver-4")
        self.assertEqual(place.read(row["id"])["state"], "approving")
        self.cancel(row, "approver-4")

    def test_past_the_signer_to_the_ledger(self):
        """A transfer of the wallet by his own key, and units from nothing, handed to the ledger without asking anybody."""
        place = self.place
        own = {name: place.person("operator-1")[name] for name in ("alg", "key")}
        his = place.custody("key", "address", f"{own['alg']}:{own['key']}").stdout.strip()
        spent = self.transaction(place.hot, self.mallory, "transfer")
        relabelled = {**spent, "signatures": [{**spent["signatures"][0], "key": self.key()}]}
        for signed in (spent, relabelled):
            reply = place.call("POST", "/v1/ledger/transactions", {"key": own, "transaction": signed})
            self.assertDenied(reply, 403, "forbidden", "ledger.submit", "operator-1")
        reply = place.call("POST", "/v1/ledger/transactions", {"key": own, "transaction": self.transaction(his, place.hot, "issue")})
        self.assertEqual((reply.status, reply.json["code"]), (200, "denied"), reply)  # it stands in its block, without effect

    def transaction(self, sender, receiver, kind):
        document = canonical({
            "chain": self.place.chain, "from": sender, "lane": "900", "memo": "0" * 64, "policy": "0" * 64, "seq": "0", "type": kind,
            "valid_from": "1", "valid_until": "1000000",
            "legs": [{"account": account, "amount": "1000", "asset": self.place.asset, "side": side}
                     for account, side in ((sender, "debit"), (receiver, "credit"))]})
        return self.place.signed("transaction", document, "operator-1")

    # To extend a limit, to add or swap a destination

    def test_more_than_a_rule_allows(self):
        place = self.place
        before = place.wallet()
        for amount in (100001, before[2]):
            self.assertDenied(place.propose(amount), 403, "limit_exceeded", "withdrawal.request", "operator-1")
        self.assertEqual(place.wallet(), before)  # everybody else is served as before
        row = place.proposed(33, destination=self.mallory)
        place.approve(row)  # two who do not look
        told = place.call("GET", f"/v1/withdrawals/{row['id']}/explanation")
        self.assertEqual(told.json["decision"], "denied", told)
        self.assertIn("destination_unlisted", told.bytes.decode())
        self.assertEqual(place.read(row["id"])["state"], "approving")
        self.cancel(row)

    def test_a_destination_of_his_own(self):
        place = self.place
        for name, signers, status, code in (("his own", ("operator-1",), 403, "unknown_key"),
                                            ("one administrator's", ("admin-1",), 403, "quorum_missing"),
                                            ("a stranger's", ("mallory", "admin-1"), 403, "unknown_key"),
                                            ("one administrator's, twice", ("admin-1", "admin-1"), 400, "invalid")):
            with self.subTest(name):
                reply = place.call("POST", "/v1/destinations", self.listing(self.mallory, *signers))
                self.assertDenied(reply, status, code, "destination.add", "operator-1")
        edited = {**self.payment, "document": self.listing(self.mallory)["document"]}
        self.assertDenied(place.call("POST", "/v1/destinations", edited), 403, "signature_invalid", "destination.add", "operator-1")
        self.assertNotIn(self.mallory, place.call("GET", "/v1/destinations").bytes.decode())

    # To lower a quorum, to skip a delay

    def test_a_policy_of_his_own(self):
        place = self.place
        for name, signers, changes, code in (
                ("his own", ("operator-1",), {}, "unknown_key"), ("one administrator's", ("admin-1",), {}, "quorum_missing"),
                ("a maximum for himself", ("admin-1", "operator-1"), {"rules": self.demanding(max_amount="999999999")}, "unknown_key"),
                ("one approver is enough", ("admin-1", "admin-2", "admin-3"), {"rules": self.demanding(m=1)}, "invalid")):
            with self.subTest(name):
                reply = place.call("POST", "/v1/policies", self.next_policy(*signers, **changes)[1])
                self.assertDenied(reply, 400 if code == "invalid" else 403, code, "policy.proposed", "operator-1")
        self.assertEqual(self.versions("waiting"), [])

    # To unfreeze, to wake a key

    def test_what_he_may_stop_he_cannot_start(self):
        place = self.place
        target = {"scope": "wallet", "subject": "hot", "role": "transfer"}
        row = place.proposed(34)
        self.assertEqual(place.call("POST", "/v1/freezes", self.command("freeze", "operator-1", **target)).status, 200)
        place.approve(row)
        number = place.call("GET", "/v1/freezes").json["freezes"][0]["number"]
        for name, signers, code in (("alone", ("operator-1",), "unknown_key"), ("with one administrator", ("operator-1", "admin-1"), "unknown_key"),
                                    ("one administrator for him", ("admin-1",), "quorum_missing")):
            with self.subTest(name):
                reply = place.call("POST", "/v1/freezes", self.command("thaw", *signers, on=str(number), **target))
                self.assertDenied(reply, 403, code, "freeze.command", "operator-1")
        self.assertEqual(place.read(row["id"])["state"], "approved")
        self.assertEqual(self.state_of()["freezes"][0]["state"], "frozen")
        thaw = self.command("thaw", "admin-1", "admin-2", on=str(number), **target)
        self.assertEqual(place.call("POST", "/v1/freezes", thaw).status, 200)
        place.wait(row["id"], "confirmed")
        self.paid = 34

    def test_a_key_that_he_stopped(self):
        place = self.place
        row = place.proposed(35)
        self.assertEqual(self.order("key.suspend", "operator-1").status, 200)
        place.approve(row)
        on = place.on("transfer", self.key())
        box = {"from": "inactive", "signatures": "1000000", "until": time_text(seconds=DAY_S)}
        for name, action, signers, fields, status, code in (
                ("alone", "key.resume", ("operator-1",), {"from": "suspended"}, 403, "unknown_key"),
                ("one administrator", "key.resume", ("admin-1",), {"from": "suspended"}, 403, "quorum_missing"),
                ("at once active", "key.activate", ("admin-1", "admin-2"), box, 409, "conflict")):
            with self.subTest(name):
                self.assertDenied(self.order(action, *signers, on=on, **fields), status, code, "key.command", "operator-1")
        self.assertEqual(place.read(row["id"])["state"], "approved")
        for action, fields in (("key.resume", {"from": "suspended"}), ("key.activate", box)):
            reply = self.order(action, "admin-1", "admin-2", on=place.on("transfer", self.key()), **fields)
            self.assertEqual(reply.status, 200, reply)
        place.wait(row["id"], "confirmed")
        self.paid = 35

    # Other people's work

    def test_settling_what_is_not_settled(self):
        place = self.place
        row = place.proposed(36)
        self.assertProblem(place.call("POST", f"/v1/withdrawals/{row['id']}/settle"), 409, "conflict", "state")
        self.cancel(row)

    def test_one_key_for_two_requests(self):
        """An idempotency key is bound to its request for ever."""
        place = self.place
        row = place.proposed(37, key="operators-key")
        self.assertEqual(place.propose(37, key="operators-key").json["withdrawal"]["id"], row["id"])
        self.assertDenied(place.propose(38, key="operators-key"), 422, "idempotency_mismatch")
        self.cancel(row)

    def test_z_the_trail_says_so(self):
        denied = {(entry["act"], self.event(entry)["reason"]) for entry in self.place.pages(
            "/v1/audit/entries?outcome=deny&actor=operator-1&order=oldest", "entries", "auditor-1")}
        self.assertLessEqual({
            ("withdrawal.approve", "forbidden"), ("ledger.submit", "forbidden"), ("destination.add", "quorum_missing"),
            ("policy.proposed", "invalid"), ("freeze.command", "quorum_missing"), ("key.command", "quorum_missing")}, denied)
        self.assertStillWell()
        self.paid = 100


if __name__ == "__main__":
    unittest.main(verbosity=2)
