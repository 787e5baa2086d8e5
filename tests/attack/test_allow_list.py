#!/usr/bin/python3
"""The allow-list, from the positions of who owns the service and of who owns the database.

The list is the signer's: an address comes onto it by the governance quorum, waits, and looks like no other. Here somebody wants
one of his own on it, wants it at once, or wants one back that a person took off. A version of the policy with a cooling-off that
outlasts these tests is in force; the payee of the ceremony serves since before.
"""

import datetime
import hashlib
import json
import os
import signal
import unittest

from positions import Position, Signer
from strongroom import alike, canonical, digest, eventually, time_text

COOLING_S = 86400


class AllowList(Position):
    """In the order of their names: the second half is the database's."""

    @classmethod
    def equip(cls):
        super().equip()
        place = cls.place
        case = cls("versions")
        case.adopt(destinations={**case.policy_document()["destinations"], "cooling_s": COOLING_S})
        cls.quorum = staticmethod(lambda account, **changes: case.listing(account, "admin-1", "admin-2", **{
            "issued_at": time_text(), "policy": place.policy_digest, **changes}))
        cls.account = cls.address("friend")

    @classmethod
    def address(cls, person):
        cls.place.stranger(person)
        key = cls.place.person(person)
        return cls.place.custody("key", "address", f"{key['alg']}:{key['key']}").stdout.strip()

    def ask(self, op, **fields):
        with Signer(self.place, "transfer") as signer:
            return signer.ask(op, **fields)

    def post(self, signed, person="operator-1"):
        return self.place.call("POST", "/v1/destinations", signed, person=person)

    def revoke(self, signed):
        name = digest("destination", signed["document"])
        order = self.command("destination.revoke", "operator-1", role="transfer", subject=name)
        reply = self.place.call("POST", "/v1/destinations/revoke", order)
        self.assertEqual(reply.status, 200, reply)

    def shown(self, account):
        rows = self.place.call("GET", "/v1/destinations").json["destinations"]
        return next((row for row in rows if json.loads(row["document"])["account"] == account), None)

    def assertUnsigned(self, account, signed, status, where):
        """Two approvers who were deceived, an entry of the trail that announces it: and no signature."""
        row = self.redirected(self.place.proposed(81), account)
        reply = self.ask("transfer.sign", **self.papers(row, self.approvals(row), signed))
        self.assertRefused(reply, status, where)
        self.assertEqual(reply["promised"], "never")
        self.cancel(row)

    def later(self, at, seconds):
        return time_text(datetime.datetime.fromisoformat(at[:-1]), seconds=seconds)

    # API: the service's socket, and its door

    def test_1_an_entry_of_one_person(self):
        """Nor of nobody, of approvers, or of a quorum for another address."""
        cases = (("one", self.listing(self.mallory, "admin-1"), 403, "quorum_missing", "document.signatures"),
                 ("nobody", self.listing(self.mallory), 403, "quorum_missing", "document.signatures"),
                 ("approvers", self.listing(self.mallory, "approver-1", "approver-2"), 403, "unknown_key", "document.signatures[0]"),
                 ("edited", {**self.payment, "document": self.listing(self.mallory)["document"]}, 403, "signature_invalid",
                  "document.signatures[0]"))
        for name, signed, http, status, where in cases:
            with self.subTest(name):
                self.assertRefused(self.ask("destination.adopt", document=signed), status, where)
                self.assertDenied(self.post(signed), http, status, "destination.add", "operator-1")
                self.assertUnsigned(self.mallory, signed, "destination_unlisted", "destination")
        self.assertIsNone(self.shown(self.mallory))

    def test_2_a_look_alike(self):
        """By a quorum that was deceived, of what is listed and of a wallet."""
        for address in (self.place.payee, self.place.hot):
            with self.subTest(address):
                signed = self.quorum(alike(address))
                told = self.ask("destination.adopt", document=signed)
                self.assertRefused(told, "look_alike", "destination.account")
                self.assertIn(address, told["detail"])
                denied = self.post(signed)
                self.assertDenied(denied, 409, "look_alike", "destination.add", "operator-1")
                self.assertIn(address, denied.json["detail"])
                self.assertUnsigned(alike(address), signed, "destination_unlisted", "destination")
                self.assertIsNone(self.shown(alike(address)))

    def test_3_a_new_entry_at_once(self):
        """Handed in again, again with another paper, after a start of the signer: it serves when the signer has counted."""
        place = self.place
        signed = self.quorum(self.account, id="friend")
        added = self.post(signed)
        self.assertEqual((added.status, added.json["state"]), (201, "cooling"), added)
        due = added.json["serving_at"]
        self.assertGreater(due, time_text(seconds=COOLING_S - 600))
        self.assertUnsigned(self.account, signed, "not_ready", "destination")
        first = next(row["digest"] for row in place.call("GET", "/v1/policies").json["policies"] if row["version"] == 1)
        for name, changes in (("the same", None), ("a newer one", {}), ("under the version before, which had no cooling-off", {"policy": first})):
            with self.subTest(name):
                again = signed if changes is None else self.quorum(self.account, id="friend", **changes)
                told = self.ask("destination.adopt", document=again)
                self.assertEqual((told["ok"], told["state"]), (True, "cooling"), told)
                self.assertGreater(told["serving_at"], self.later(due, -1))
                self.assertUnsigned(self.account, again, "not_ready", "destination")
        with self.subTest("an older one"):
            self.assertRefused(self.ask("destination.adopt", document=signed), "conflict", "document.issued_at")
            self.assertUnsigned(self.account, signed, "mismatch", "destination")
        with self.subTest("after a start"):
            place.stop("custodyd", "transfer")
            place.start()
            told = self.ask("destination.adopt", document=again)
            self.assertEqual(told["state"], "cooling")
            self.assertGreater(told["serving_at"], self.later(due, -1))
            self.assertUnsigned(self.account, again, "not_ready", "destination")
        type(self).entry = again
        self.post(again)

    def test_4_what_one_person_took_off(self):
        signed = self.quorum(self.address("foe"), id="foe")
        self.assertEqual(self.post(signed).status, 201)
        self.revoke(signed)
        self.assertRefused(self.ask("destination.adopt", document=signed), "denied")
        self.assertDenied(self.post(signed), 403, "denied")
        type(self).revoked = signed

    # DBA: the rows of the service

    def insert(self, signed, account):
        """As the service keeps an entry that the signer took."""
        name = digest("destination", signed["document"])
        self.place.psql(f"""
            INSERT INTO custody.document (kind, id, digest, bytes) VALUES ('destination', '{account[3:66]}', '\\x{name}',
                convert_to($d${canonical(signed)}$d$, 'UTF8'));
            INSERT INTO custody.mark (subject, value) VALUES ('destination/{name}', 'held/{time_text(seconds=-60)}')""")
        return name

    def told(self, act, name):
        return eventually(lambda: self.entries(act, otype="destination", oid=name), f"{act} in the trail")[-1]

    def test_5_rows_of_an_entry(self):
        """What one person signed, a look-alike that a quorum signed: rows say that they serve."""
        place = self.place
        false = alike(place.payee)
        entries = (("one person's", self.mallory, self.listing(self.mallory, "admin-1", policy=place.policy_digest, issued_at=time_text()),
                    "quorum_missing"), ("a look-alike", false, self.quorum(false, id="false"), "look_alike"))
        place.stop("custodyd")
        names = {name: self.insert(signed, account) for name, account, signed, _ in entries}
        place.start()
        for name, account, signed, reason in entries:
            with self.subTest(name):
                event = self.event(self.told("destination.refused", names[name]))
                self.assertEqual((event["outcome"], event["reason"]), ("error", reason))
                self.assertEqual(self.shown(account)["state"], "refused")
                alarms = eventually(lambda name=name: [alarm for alarm in place.call("GET", "/v1/alarms").json["alarms"]
                                                       if alarm["object_id"] == names[name]], "the alarm, when the look is over")
                self.assertEqual([alarm["code"] for alarm in alarms], ["destination.refused"])
                self.assertUnsigned(account, signed, "destination_unlisted", "destination")

    def test_6_the_time_of_an_entry(self):
        """The row says that it serves since long: the signer does not sign, and with the next start the trail says from when."""
        place = self.place
        name = digest("destination", self.entry["document"])
        before = len(self.entries("destination.held", otype="destination", oid=name))
        place.psql(f"UPDATE custody.mark SET value = 'held/{time_text(seconds=-86400)}' WHERE subject = 'destination/{name}'")
        self.assertEqual(self.shown(self.account)["state"], "serving")
        row = place.proposed(83, destination=self.account)
        place.approve(row)
        wanted = {"step": "sign", "for": "not_ready"}
        eventually(lambda: wanted.items() <= place.read(row["id"]).get("waiting", {}).items(), "the signer says that it is too early")
        self.assertEqual(self.signed_so_far(), self.signatures)
        place.stop("custodyd")
        place.start()
        told = eventually(lambda: self.entries("destination.held", otype="destination", oid=name)[before:], "the trail has the true time")[-1]
        self.assertGreater(self.event(told)["facts"]["serving_at"], time_text(seconds=COOLING_S - 3600))
        self.assertEqual(self.shown(self.account)["state"], "cooling")
        self.revoke(self.entry)
        self.assertEqual(place.wait(row["id"], "failed")["reason"], "denied")  # it was never promised, says the signer: nothing is held

    def test_7_what_was_taken_off_by_rows(self):
        """The mark says that it serves again: the signer remembers for ever."""
        place = self.place
        name = digest("destination", self.revoked["document"])
        account = json.loads(self.revoked["document"])["account"]
        place.stop("custodyd")
        place.psql(f"UPDATE custody.mark SET value = 'held/{time_text(seconds=-60)}' WHERE subject = 'destination/{name}'")
        place.start()
        event = self.event(self.told("destination.refused", name))
        self.assertEqual(event["reason"], "denied")
        self.assertEqual(self.shown(account)["state"], "refused")
        self.assertUnsigned(account, self.revoked, "denied", "destination")

    def test_7_a_row_that_a_quorum_signed_and_nobody_handed_in(self):
        """With a mark that the signer holds it: before that hears of it, the signed trail says so. While nobody signs the trail, it hears nothing."""
        place = self.place
        accounts = [self.address(person) for person in ("unheard", "unheard-too")]
        signed = [self.quorum(account, id="unheard") for account in accounts]
        names = []
        os.kill(place.pid("audit"), signal.SIGSTOP)
        try:
            for k, account in enumerate(accounts):
                names.append(self.insert(signed[k], account))
                if k == 0:
                    place.kill("transfer")
                    place.start_unready()
                eventually(lambda: place.value(f"SELECT count(*) FROM audit.leaf WHERE act = 'destination.add' AND oid = '{names[-1]}'") == "1",
                           "it waits for a checkpoint; the second one was seen by a later look than the first")
            self.assertNotIn(names[0], place.log("transfer"))
        finally:
            os.kill(place.pid("audit"), signal.SIGCONT)
        for name in names:
            held = self.told("destination.held", name)
            story = place.pages(f"/v1/audit/entries?otype=destination&oid={name}&order=oldest", "entries", "auditor-1")
            self.assertEqual([(entry["actor"], entry["act"], entry["outcome"]) for entry in story],
                             [("custodyd", "destination.add", "intent"), ("custodyd", "destination.held", "ok")])
            self.assertEqual(story[-1]["seq"], held["seq"])
            self.assertIn(name, place.log("transfer"))
        place.start()
        for entry in signed:
            self.revoke(entry)

    def plant(self, account, name, bytes):
        """A row for an account that claims this digest, and to be newer than any other."""
        self.place.psql(f"""
            INSERT INTO custody.document (kind, id, digest, bytes, created_at) VALUES ('destination', '{account[3:66]}', '\\x{name}',
                convert_to($d${bytes}$d$, 'UTF8'), 'infinity')""")

    def decided(self, account):
        return self.place.call("POST", "/v1/policy/explain", self.place.proposal(5, destination=account)).json["decision"]

    def test_8_rows_that_stand_before_others(self):
        """Beside an honest entry: what is none, somebody else's entry, a newer one of one person, one of a quorum that was never handed in,
        as who was of a former one can date it back. None hides it, and the service says so."""
        place = self.place
        payee = place.payee
        honest = digest("destination", self.payment["document"])
        alone = self.listing(payee, "admin-1", policy=place.policy_digest, issued_at=time_text())
        unasked = self.quorum(payee, id="unasked")
        taken = digest("destination", self.entry["document"])
        before = place.log("custodyd").count("event=destination.unfit")
        place.stop("custodyd")
        self.plant(payee, "0" * 64, "{}")
        self.plant(payee, taken, canonical(self.entry))
        for signed in (alone, unasked):
            self.plant(payee, digest("destination", signed["document"]), canonical(signed))
        place.start()
        shown = self.shown(payee)
        self.assertEqual((shown["digest"], shown["state"]), (honest, "serving"))
        self.told("destination.refused", "0" * 64)
        lines = place.log("custodyd").splitlines()
        self.assertEqual([" rows=4 " in line for line in lines if "event=destination.unfit" in line][before:], [True], "once, not with each read")
        alarms = eventually(lambda: (lambda told: told if "0" * 64 in told else None)([
            alarm["object_id"] for alarm in place.call("GET", "/v1/alarms").json["alarms"] if alarm["code"] == "destination.refused"]),
            "the alarm, when the look is over")
        self.assertNotIn(honest, alarms)
        self.assertEqual(self.shown(self.account)["digest"], taken)
        place.withdraw(84)
        self.paid = 84
        place.psql("DELETE FROM custody.document WHERE kind = 'destination' AND created_at = 'infinity'")

    def test_8_more_rows_than_anybody_looks_at(self):
        """Before an honest entry of its account, and under its digest: it is found, payments to it go on, and the service says so."""
        place = self.place
        row = place.proposed(86)
        name = digest("destination", self.payment["document"])
        before = place.log("custodyd").count("event=destination.unfit")
        place.stop("custodyd")
        place.crowd("destination", place.payee[3:])
        place.psql("INSERT INTO custody.document (kind, id, digest, bytes) "
                   f"SELECT 'destination', lpad(n::text, 63, '0'), '\\x{name}', '{{}}' FROM generate_series(1, 1100) n")
        place.start()
        shown = self.shown(place.payee)
        self.assertEqual((shown["digest"], shown["state"]), (name, "serving"))
        place.approve(row)
        place.wait(row["id"], "confirmed")
        place.withdraw(87)
        self.paid = 86 + 87
        self.assertProven("evidence", place.export_evidence(row["id"]))
        eventually(lambda: place.log("custodyd").count("event=destination.unfit") > before, "the log says so")
        place.stop("custodyd")  # so that no look sees half of them
        place.psql("DELETE FROM custody.document WHERE kind = 'destination' AND bytes = '{}'")
        place.start()

    def test_8_more_accounts_than_anybody_looks_at(self):
        """None of which has an entry: the list is not read to its end, and says so; a payment to an account of it goes on."""
        place = self.place
        whole = self.shown(place.payee)
        place.stop("custodyd")
        place.psql("INSERT INTO custody.document (kind, id, digest, bytes) "
                   "SELECT 'destination', lpad(n::text, 63, '0'), sha256(n::text::bytea), '{}' FROM generate_series(1, 4097) n")
        place.start()
        self.assertProblem(place.call("GET", "/v1/destinations"), 503, "corrupt", "destination")
        eventually(lambda: "event=destination.unfit rows=4097 " in place.log("custodyd").replace("program=strongroom ", ""), "the log says so")
        first = hashlib.sha256(b"1").hexdigest()
        eventually(lambda: first in [alarm["object_id"] for alarm in place.call("GET", "/v1/alarms").json["alarms"] if alarm["code"] == "destination.refused"],
                   "and an alarm")
        place.withdraw(88)
        self.paid = 88
        place.stop("custodyd")
        place.psql("DELETE FROM custody.document WHERE kind = 'destination' AND bytes = '{}'")
        place.start()
        self.assertEqual(self.shown(place.payee), whole)

    def test_8_a_row_that_stands_before_what_was_taken_off(self):
        """The entry before the one that was revoked claims to be newer: neither is on the list."""
        place = self.place
        account = self.address("rival")
        first, second = self.quorum(account, id="rival"), self.quorum(account, id="rival-2")
        self.assertEqual([self.post(signed).status for signed in (first, second)], [201, 201])
        self.assertEqual(self.decided(account), self.decided(place.payee))
        self.revoke(second)
        self.assertEqual(self.decided(account), "denied")
        place.psql(f"""UPDATE custody.document SET created_at = 'infinity' WHERE digest = '\\x{digest("destination", first["document"])}'""")
        shown = self.shown(account)
        self.assertEqual((shown["digest"], shown["state"]), (digest("destination", second["document"]), "revoked"))
        self.assertEqual(self.decided(account), "denied")
        self.assertUnsigned(account, first, "mismatch", "destination")  # nor does the signer go by it

    def test_8_a_row_that_stands_where_an_entry_will_be_kept(self):
        """It is not taken for the entry: who hands that in is told, and nothing has happened."""
        place = self.place
        account = self.address("tenant")
        signed = self.quorum(account, id="tenant")
        name = digest("destination", signed["document"])
        for planted in ("{}", canonical({**signed, "signatures": signed["signatures"][:1]})):
            with self.subTest(planted[:20]):
                self.plant(account, name, planted)
                refused = self.post(signed)
                self.assertProblem(refused, 409, "conflict", "document")
                self.assertIn(f"destination {account[3:66]} {name}", refused.json["detail"])
                place.psql(f"DELETE FROM custody.document WHERE digest = '\\x{name}'")
        self.assertEqual(self.post(signed).status, 201)
        self.assertEqual(self.shown(account)["digest"], name)
        self.assertEqual(self.post({**signed, "signatures": signed["signatures"][::-1]}).status, 201, "the same by the same people")
        again = self.place.signed("destination", signed["document"], "admin-1", "admin-3")
        self.assertEqual(self.post(again).status, 201, "the same by others of the quorum")
        self.assertEqual(self.shadowed(name), 0)

    def shadowed(self, name):
        return sum("event=paper.shadowed" in line and name in line for line in self.place.log("custodyd").splitlines())

    def test_8_a_row_that_stands_where_an_order_will_be_kept(self):
        """The service says so, and goes on; the signatures of one order in whatever order are the same order."""
        place = self.place
        orders = [self.command("thaw", "admin-1", "admin-2", scope="wallet", subject="hot", on="999", role="transfer") for _ in range(2)]
        names = [digest("command", order["document"]) for order in orders]
        for order, name, shadowed in zip(orders, names, (False, True)):
            with self.subTest(shadowed=shadowed):
                if shadowed:
                    place.psql(f"""INSERT INTO custody.document (kind, id, digest, bytes)
                        SELECT kind, id, '\\x{name}', '{{}}' FROM custody.document WHERE kind = 'command' AND digest = '\\x{names[0]}'""")
                for signatures in (order["signatures"], order["signatures"][::-1]):
                    reply = place.call("POST", "/v1/freezes", {**order, "signatures": signatures})
                    self.assertProblem(reply, 409, "conflict")  # there is no such freeze
                self.assertEqual(self.shadowed(name) > 0, shadowed)

    def test_z_honest_work_goes_on(self):
        self.assertStillWell()
        self.paid = 100


if __name__ == "__main__":
    unittest.main(verbosity=2)
