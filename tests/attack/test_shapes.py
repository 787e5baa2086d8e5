#!/usr/bin/python3
"""Four thefts by their shape (controls.md section 6): nobody stole a key; somebody was made to sign, or the checks were elsewhere.

The attacker owns the service and its database (positions API and DBA) and, where the theft had it, a second party's display. Each shape
is played to the end: the people who are deceived sign, and the signer is asked with all of it.
"""

import json
import unittest

from positions import Position, Signer
from strongroom import canonical, digest, eventually


class Shapes(Position):
    def ask(self, op, **fields):
        with Signer(self.place, "transfer") as signer:
            return signer.ask(op, **fields)

    def put(self, row, **columns):
        """What the database says of the withdrawal from now on."""
        pairs = ", ".join(f"{name} = {value}" for name, value in columns.items())
        self.place.psql(f"UPDATE custody.withdrawal SET {pairs} WHERE id = '{row['id']}'")

    @staticmethod
    def bytes_of(document):
        return f"convert_to($d${document}$d$, 'UTF8')"

    def take_back(self, row):
        """Afterwards: the row as it was, and the withdrawal taken back."""
        self.put(row, destination=f"'{row['destination']}'", amount=row["amount"], intent=self.bytes_of(row["intent"]),
                 transaction=self.bytes_of(row["transaction"]))
        self.cancel(row)

    def show(self, row, person="approver-1"):
        return self.place.custody("show", row["id"], person=person, check=False)

    def approve(self, row, person, code):
        people = self.place.dir / "people"
        return self.place.custody("approve", row["id"], "--key", str(people / f"{person}.key"), "--passphrase-file",
                                  str(people / f"{person}.passphrase"), "--code", code, person=person, check=False)

    def listed(self):
        """Even were mallory on the allow-list: an entry by honest administrators, handed in like any other."""
        cls = type(self)
        if not hasattr(cls, "entry"):
            cls.entry = self.listing(self.mallory, "admin-1", "admin-2")
            self.assertEqual(self.place.call("POST", "/v1/destinations", cls.entry).status, 201)
        return cls.entry

    # Bybit, February 2025. The page of a wallet vendor was changed for one customer: the signers of a cold wallet saw a routine transfer,
    # while what their devices signed, with one flag of the operation set, handed the wallet's own logic to somebody else.

    def test_bybit_a_harmless_display_over_a_dangerous_payload(self):
        place = self.place
        row = place.proposed(61)
        transfer = json.loads(row["transaction"])
        legs = transfer["legs"]
        to_mallory = {**transfer, "legs": [legs[0], {**legs[1], "account": self.mallory}]}
        payloads = {
            "the flag of the operation": ({**transfer, "type": "issue"}, {}),
            "an operation that nobody knows": ({**transfer, "type": "delegate"}, {}),
            "a flag more": ({**transfer, "operation": 1}, {}),
            "somebody else is paid": (to_mallory, {}),
            "a flag in the intent": (transfer, {"operation": 1}),
            "a type in the intent": (transfer, {"type": "delegate"}),
        }
        for name, (payload, more) in payloads.items():
            with self.subTest(name):
                intent = canonical({**json.loads(row["intent"]), **more, "transaction": digest("transaction", canonical(payload))})
                self.put(row, intent=self.bytes_of(intent))  # the columns and the transaction beside it: a routine transfer
                shown = self.show(row)
                self.assertEqual((shown.returncode, shown.stdout), (1, ""))
                self.assertEqual(self.approve(row, "approver-1", row["short_code"]).returncode, 1)
                # Two who sign whatever they are given, with a tool of the attacker's.
                blind = {**row, "intent": intent}
                papers = self.papers(blind, self.approvals(blind))
                reply = self.ask("transfer.sign", **papers)
                if more:
                    field = next(iter(more))
                    self.assertRefused(reply, "unknown_field" if field == "operation" else "invalid", f"intent.{field}")
                else:
                    self.assertRefused(reply, "mismatch", "transaction")
        self.take_back(row)

    # WazirX, July 2024. An allow-list was kept and a custodian co-signed as second party; what the interface showed each of them differed
    # from what the last signatures were put under.

    def test_wazirx_the_second_party_sees_something_else(self):
        """The first approver sees the theft and takes it for granted; the second one is shown the routine transfer."""
        place = self.place
        row = place.proposed(62)
        theft = self.redirected(row, self.mallory)
        first = place.approval(theft, "approver-1")
        shown = self.show(row, "approver-2")  # as it is, in full, with its own code
        self.assertIn(place.payee, shown.stdout)
        self.assertIn(row["short_code"], shown.stdout)
        second = place.approval(row, "approver-2")
        self.listed()
        with self.subTest("the signer, with an entry that it does not hold"):
            other = self.listing(self.mallory, "admin-1", id="another")
            reply = self.ask("transfer.sign", **self.papers(theft, self.approvals(theft), other))
            self.assertRefused(reply, reply["status"])
            self.assertTrue(reply["where"].startswith("destination"), reply)
        with self.subTest("even were the destination listed"):
            listed = self.listed()
            self.assertRefused(self.ask("transfer.sign", **self.papers(theft, [first, second], listed)), "mismatch", "approvals[1].intent")
        with self.subTest("with what the second one approved"):
            self.assertRefused(self.ask("transfer.sign", **self.papers(row, [first, second])), "mismatch", "approvals[0].intent")
        with self.subTest("by the code that the second one was told"):
            self.put(row, intent=self.bytes_of(theft["intent"]), transaction=self.bytes_of(theft["transaction"]),
                     destination=f"'{self.mallory}'")
            done = self.approve(row, "approver-3", row["short_code"])
            self.assertEqual(done.returncode, 1)
            self.assertIn("nothing was signed", done.stderr)
        self.take_back(row)

    # DMM, May 2024. Out of a stolen session with the vendor's wallet software a valid request of an employee was altered on its way to be
    # signed.

    def test_dmm_a_valid_request_altered_in_a_stolen_session(self):
        """With the tokens of everybody, which the service has, and the database: what people signed is what is paid, or nothing."""
        place = self.place
        row = place.proposed(63, key="the-request")
        good = self.approvals(row)
        with self.subTest("the interface has no way to alter it"):
            for method in ("PUT", "PATCH", "DELETE"):
                self.assertIn(place.call(method, f"/v1/withdrawals/{row['id']}", {"amount": "90000"}).status, (400, 404, 405))
            self.assertEqual(place.read(row["id"])["intent"], row["intent"])
            self.assertDenied(place.propose(90000, key="the-request"), 422, "idempotency_mismatch")
        for name, changed in (("more", self.enlarged(row, 90000)), ("to somebody else", self.redirected(row, self.mallory))):
            with self.subTest(f"after it was proposed: {name}"):
                self.put(row, amount=json.loads(changed["intent"])["amount"], destination=f"'{json.loads(changed['intent'])['destination']}'",
                         intent=self.bytes_of(changed["intent"]), transaction=self.bytes_of(changed["transaction"]))
                self.assertDenied(place.decide(row, "approver-1", document=good[0]), 403, "mismatch", "withdrawal.approve", "approver-1")
                self.assertEqual(self.approve(row, "approver-1", row["short_code"]).returncode, 1)
            with self.subTest(f"after it was approved: {name}"):
                destination = self.listed() if name != "more" else self.payment
                self.assertRefused(self.ask("transfer.sign", **self.papers(changed, good, destination)), "mismatch", "approvals[0].intent")
        self.take_back(row)

    # BigONE, July 2025. The servers that judge withdrawals were changed until they let everything pass; the keys were never touched.

    def test_bigone_the_servers_that_judge_say_yes(self):
        """Limits raised and everything approved in the database; the service asks for what the policy of the signer does not allow."""
        place = self.place
        raised = self.policy_document()
        raised["rules"] = self.demanding(max_amount="100000000")
        held = self.versions("in_force")[0]["policy"]
        forged = canonical({**held, "document": canonical(raised)})
        row = place.proposed(64)
        large = self.enlarged(row, 900000)
        try:
            place.psql(f"UPDATE custody.document SET bytes = convert_to($d${forged}$d$, 'UTF8') WHERE kind = 'policy'")
            self.put(row, amount=900000, intent=self.bytes_of(large["intent"]), transaction=self.bytes_of(large["transaction"]),
                     state="'approved'")
            with self.subTest("nobody approved"):
                self.assertRefused(self.ask("transfer.sign", **self.papers(row, [])), "quorum_missing", "policy")
            with self.subTest("two who trust the server's word approved"):
                reply = self.ask("transfer.sign", **self.papers(large, self.approvals(large)))
                self.assertRefused(reply, "limit_exceeded", "policy")
            with self.subTest("by the raised policy"):
                name = digest("policy", canonical(raised))
                moved = {**large, "intent": self.rebuilt(large, of_transaction={"policy": name}, policy=name)[0]}
                reply = self.ask("transfer.sign", **self.papers(moved, self.approvals(moved)))
                self.assertRefused(reply, "mismatch", "intent.policy")
            with self.subTest("the raised policy itself"):
                reply = self.ask("policy.adopt", document=json.loads(forged))
                self.assertRefused(reply, "signature_invalid", "document.signatures[0]")
            with self.subTest("what people are shown"):
                shown = self.show(row).stdout
                self.assertIn("9000 DEMO (900000 base units)", shown)
                self.assertNotIn(row["short_code"], shown)
        finally:
            place.psql(f"UPDATE custody.document SET bytes = convert_to($d${canonical(held)}$d$, 'UTF8') WHERE kind = 'policy'")
            self.put(row, state="'reserved'")
        self.take_back(row)

    def test_z_honest_work_goes_on(self):
        eventually(lambda: self.place.call("GET", "/healthz").json["status"] == "ready", "all is well")
        self.assertGreater(len(self.entries("withdrawal.signing")), 10)  # every attempt was announced
        self.assertStillWell()
        self.paid = 100


if __name__ == "__main__":
    unittest.main(verbosity=2)
