#!/usr/bin/python3
"""Killed at every step of a withdrawal: after the restart there is exactly one transfer and a complete trail.

usage: test_crash.py custodyd|signers|states

`custodyd` and `signers` loop over all crash points in the source (base/crashpoint.h), and over every hit of each that a withdrawal brings;
`states` kills each daemon and PostgreSQL while a withdrawal stands still in each state that it can stand still in. The client does what a
client must: it keeps its idempotency key and its signed documents, and tries again.
"""

import http.client
import json
import os
import re
import signal
import sys
import threading
import time
import unittest

import strongroom

HELD = ("ledger.", "sequencer.", "withdrawal-")  # crash points of custodyd; those of signerd begin with "signer."
# An order about a key, a version of the policy or an entry of the allow-list is no part of a withdrawal:
# tests/integration/signerd/test_crash.c and, of custodyd, test_destinations.py. Of a witness: tests/integration/custody/test_witness.py
# Of an anchor of the trail: tests/attack/test_older_guard.py. Of entries that leave: tests/integration/sequencer/test_prune.c
ELSEWHERE = ("anchor.", "announce.", "destination-", "destination.", "order.", "policy.", "prune.", "witness.")
STORY = ["withdrawal." + act for act in ("request", "approve", "approve", "approved", "signing", "signed", "submitted", "confirmed")]


def crash_points(*prefixes):
    """The names in the source. A point that nobody loops over would be a point that nobody tests."""
    names = set()
    for folder in ("services", "ledger", "audit", "policy", "hsm", "base"):
        for path in (strongroom.SOURCE / folder).rglob("*.c"):
            names.update(re.findall(r'CRASHPOINT\("([^"]+)"\)', path.read_text()))
    assert all(name.startswith(HELD + ELSEWHERE + ("signer.",)) for name in names), names
    return sorted(name for name in names if name.startswith(prefixes))


class Client:
    """A client that does not give up. `revive` brings back what died, and is told to each time something failed."""

    def __init__(self, place, revive):
        self.place = place
        self.revive = revive
        self.key = os.urandom(16).hex()

    def persist(self, request):
        """The reply to a request, repeated until the service answers it for good."""
        def attempt():
            try:
                reply = request()
            except (OSError, http.client.HTTPException):
                reply = None
            if reply is not None and reply.status < 500 and reply.status != 429:
                return reply
            self.revive()
            return None

        return strongroom.eventually(attempt, "an answer")

    def propose(self, amount):
        reply = self.persist(lambda: self.place.propose(amount, key=self.key))
        assert reply.status in (200, 201), reply
        return reply.json["withdrawal"]

    def approve(self, row, *people):
        for person in people:
            document = self.place.approval(row, person)
            reply = self.persist(lambda: self.place.decide(row, person, document=document))
            assert reply.status == 200, reply

    def wait(self, row, state):
        def look():
            reply = self.persist(lambda: self.place.call("GET", f"/v1/withdrawals/{row['id']}"))
            found = reply.json["withdrawal"]
            assert found["state"] == state or found["state"] not in strongroom.ENDS, found
            if found["state"] != state:
                self.revive()
            return found if found["state"] == state else None

        return strongroom.eventually(look, f"withdrawal {row['id']} is {state}")

    def evidence(self, row):
        reply = self.persist(lambda: self.place.call("GET", f"/v1/withdrawals/{row['id']}/evidence"))
        assert reply.status == 200, reply
        path = self.place.dir / "evidence.json"
        path.write_bytes(reply.bytes)
        return path


class Crash(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place.stop("custodyd")
        cls.place.configure("custodyd", trail_timeout=1000)  # a caller who waits for the trail in vain shall learn it soon
        cls.place.start()

    def setUp(self):
        self.before = self.place.ledger_height()
        self.paid = self.place.balance(self.place.payee)

    def tearDown(self):
        self.revive()
        self.assertReceiptsHold()  # of every answer before and after each death
        posted, reserved, _ = self.place.wallet()
        self.assertEqual(reserved, 0)
        self.assertEqual(posted, self.place.balance(self.place.hot))

    def revive(self):
        """Starts again what has died; nothing may die of anything but SIGKILL."""
        for name in strongroom.DAEMONS:
            self.assertIn(self.place.ended(name), (None, 0, -signal.SIGKILL), self.place.log(name)[-3000:])
        if any(self.place.pid(name) is None for name in strongroom.DAEMONS):
            self.place.start()

    def assertOneTransfer(self, row, amount):
        """Of everything that a crash could have doubled or lost there is one."""
        place = self.place
        new = place.ledger_transactions(after=self.before)
        self.assertEqual([entry for entry in new if entry[0] == row["transaction_id"]], [(row["transaction_id"], "ok")])
        self.assertEqual([code for _, code in new if code != "ok"], [])
        self.assertEqual([entry["act"] for entry in place.history_to(row["id"], STORY[-1])], STORY)
        counts = place.psql(f"""
            SELECT (SELECT count(*) FROM custody.posting WHERE withdrawal = '{row["id"]}' AND amount = {amount}),
                   (SELECT count(*) FROM custody.reservation WHERE withdrawal = '{row["id"]}'),
                   (SELECT count(*) FROM custody.lane WHERE holder = '{row["id"]}'),
                   (SELECT count(*) FROM custody.outbox WHERE withdrawal = '{row["id"]}' AND done_at IS NULL),
                   (SELECT count(*) FROM custody.approval WHERE withdrawal = '{row["id"]}')""")
        self.assertEqual(counts, [["1", "0", "0", "0", "2"]])

    def survive(self, victim, point):
        """One withdrawal during which the victim is killed at the point. Answers whether it was."""
        place = self.place
        self.before = place.ledger_height()
        paid = place.balance(place.payee)
        place.kill(victim)
        place.start(check=False, STRONGROOM_CRASHPOINT=point)
        pid = place.pid(victim)
        crashed = []

        def revive():
            self.revive()
            if place.pid(victim) != pid:  # only what has died is started again
                crashed.append(point)

        client = Client(place, revive)
        row = client.propose(70)
        client.approve(row, "approver-1", "approver-2")
        client.wait(row, "confirmed")
        evidence = client.evidence(row)
        revive()
        if not crashed:  # whoever looks into the trail now leaves entries, too
            place.kill(victim)
            place.start()
        self.assertProven("evidence", evidence)
        self.assertEqual(place.balance(place.payee), paid + 70)
        self.assertOneTransfer(row, 70)
        return bool(crashed)

    def loop(self, victim, names):
        """Every hit of every point, until a withdrawal goes by without reaching it once more."""
        reached = {}
        for name in names:
            hit = 1
            while True:
                with self.subTest(victim=victim, point=name, hit=hit):
                    crashed = False
                    crashed = self.survive(victim, f"{name}:{hit}")
                if not crashed:
                    break
                reached[name] = hit
                hit += 1
        place = self.place
        place.kill(victim)  # its last crash point was not reached, and must not be by a withdrawal of somebody else
        place.start()
        print(f"{victim}: killed {sum(reached.values())} times, {reached}", flush=True)
        self.assertEqual([name for name in names if name not in reached], [], "crash points that no withdrawal reaches")


class CrashCustodyd(Crash):
    def test_custodyd(self):
        self.loop("custodyd", crash_points(*HELD))


class CrashSigners(Crash):
    def test_transfer(self):
        self.loop("transfer", crash_points("signer."))

    def test_validator(self):
        self.loop("validator", crash_points("signer."))

    def test_audit(self):
        self.loop("audit", crash_points("signer."))


class CrashStates(Crash):
    def stand_still(self, client, state):
        """A withdrawal that goes no further, because nobody decided or because a signer is away."""
        row = client.propose(80)
        if state == "approving":
            client.approve(row, "approver-1")
        elif state in ("recorded", "submitted"):
            self.place.kill({"recorded": "transfer", "submitted": "validator"}[state])
            client.approve(row, "approver-1", "approver-2")
        return strongroom.eventually(lambda: self.look(row, state), f"{state}")

    def look(self, row, state):
        found = self.place.read(row["id"])
        return found if found["state"] == state else None

    def test_each_daemon_in_each_state(self):
        place = self.place
        for state in ("reserved", "approving", "recorded", "submitted"):
            for victim in strongroom.DAEMONS + ("postgres", "everything"):
                with self.subTest(state=state, victim=victim):
                    self.before = place.ledger_height()
                    paid = place.balance(place.payee)
                    client = Client(place, lambda: None)
                    row = self.stand_still(client, state)
                    if victim in ("postgres", "everything"):
                        place.postgres_kill()
                    for name in strongroom.DAEMONS:
                        if victim in (name, "everything"):
                            place.kill(name)
                    if victim in ("postgres", "everything"):
                        place.postgres_start()
                    client.revive = self.revive
                    self.revive()
                    if state in ("reserved", "approving"):
                        self.assertEqual(self.look(row, state)["approvals"], row["approvals"])
                        missing = ("approver-1", "approver-2") if state == "reserved" else ("approver-2",)
                        client.approve(row, *missing)
                    client.wait(row, "confirmed")
                    self.assertProven("evidence", client.evidence(row))
                    self.assertEqual(place.balance(place.payee), paid + 80)
                    self.assertOneTransfer(row, 80)

    def test_nobody_waits_for_the_claims_of_the_dead(self):
        """custodyd is killed with work in its hands. The work goes on, although its lease is made to last for ever: the claim
        went with the session that made it."""
        place = self.place
        for point in ("withdrawal-signature-received", "withdrawal-submitted", "withdrawal-confirmed"):
            with self.subTest(point=point):
                self.before = place.ledger_height()
                place.kill("custodyd")
                place.start(STRONGROOM_CRASHPOINT=f"{point}:1")
                client = Client(place, self.revive)
                row = client.propose(84)
                place.decide(row, "approver-1")
                try:
                    place.decide(row, "approver-2")
                except (OSError, http.client.HTTPException):
                    pass  # it was killed before it could answer
                strongroom.eventually(lambda: place.ended("custodyd") is not None, "custodyd is killed")
                held = place.psql(f"""
                    UPDATE custody.outbox SET due_at = 'infinity' WHERE withdrawal = '{row["id"]}' AND done_at IS NULL
                    RETURNING claimed_by IS NOT NULL""")
                self.assertEqual(held, [["t"]])
                self.revive()
                client.wait(row, "confirmed")
                self.assertOneTransfer(row, 84)

    def test_no_effect_without_the_audit_signer(self):
        """What cannot be proven is not answered; reads go on; what was committed is proven later."""
        place = self.place
        row = place.proposed(81)
        place.kill("audit")
        document = place.approval(row, "approver-1")
        self.assertProblem(place.decide(row, "approver-1", document=document), 503, "not_ready")
        health = place.call("GET", "/healthz")
        self.assertEqual((health.status, health.json["status"]), (503, "reads_only"))
        self.assertFalse(health.json["parts"]["signer_audit"]["ready"])
        self.assertEqual(place.read(row["id"])["id"], row["id"])
        self.revive()
        self.assertEqual(place.patiently(lambda: place.decide(row, "approver-1", document=document)).status, 200)
        place.approve(row, "approver-2")
        place.wait(row["id"], "confirmed")
        self.assertOneTransfer(row, 81)

    def test_the_database_dies_under_work(self):
        place = self.place
        rows, clients = [], [Client(place, lambda: time.sleep(0.1)) for _ in range(6)]

        def work(client):
            row = client.propose(82)
            client.approve(row, "approver-1", "approver-2")
            rows.append(client.wait(row, "confirmed"))

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for _ in range(3):
            place.postgres_kill()
            place.postgres_start()
        for thread in threads:
            thread.join()
        self.revive()
        self.assertEqual(len(rows), len(clients))
        for row in rows:
            self.assertOneTransfer(row, 82)
        self.assertEqual(place.balance(place.payee), self.paid + 82 * len(clients))

    def test_stopped_under_work(self):
        """SIGTERM: exit status 0, and every proposal that was answered is there."""
        place = self.place
        answered, stopped = [], threading.Event()

        def work():
            while not stopped.is_set():
                try:
                    answered.append(place.proposed(1)["id"])
                except (OSError, http.client.HTTPException, AssertionError):
                    pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        strongroom.eventually(lambda: len(answered) > 20, "proposals")
        place.stop("custodyd")
        stopped.set()
        for thread in threads:
            thread.join()
        place.start()
        kept = {row["id"] for row in place.pages("/v1/withdrawals?limit=500", "withdrawals")}
        self.assertEqual([id for id in answered if id not in kept], [])
        for row in place.pages("/v1/withdrawals?limit=500&state=reserved", "withdrawals"):
            reply = place.patiently(lambda row=row: place.call("POST", f"/v1/withdrawals/{row['id']}/cancel"))
            self.assertEqual(reply.status, 200, reply)

    def test_expired_while_the_signer_was_down(self):
        """The signer promised and died before it answered; when it comes back the time is over. The promise is kept: a
        signature may be out there, so the same transaction is the only one that this sequence can ever have."""
        place = self.place

        def killed(point, ttl):
            """The withdrawal whose signature killed the signer; None when it expired before."""
            place.stop("custodyd")
            place.configure("custodyd", withdrawal_ttl=ttl)
            place.start()
            place.kill("transfer")
            place.start(STRONGROOM_CRASHPOINT=f"{point}:1")
            row = place.proposed(83)
            for person in ("approver-1", "approver-2"):
                document = place.approval(row, person)
                reply = place.patiently(lambda person=person, document=document: place.decide(row, person, document=document))
                if reply.status != 200:  # too late to be approved
                    self.assertIn((reply.json["code"], reply.json["field"]), (("expired", "expires_at"), ("conflict", "state")), reply)
                    break
            strongroom.eventually(lambda: place.ended("transfer") is not None or place.read(row["id"])["state"] == "expired", "an end")
            return row if place.ended("transfer") is not None else None

        try:
            for point in ("signer.remembered", "signer.signed"):
                with self.subTest(point=point):
                    row = next(filter(None, (killed(point, ttl) for ttl in (8, 40, 200))))  # as slow as the machine is
                    strongroom.eventually(lambda: strongroom.time_text() > row["expires_at"], "it expires")
                    place.start()
                    place.wait(row["id"], "confirmed")
                    self.assertOneTransfer(row, 83)
        finally:
            self.revive()
            place.stop("custodyd")
            place.configure("custodyd", withdrawal_ttl=None)
            place.start()


if __name__ == "__main__":
    case = {"custodyd": CrashCustodyd, "signers": CrashSigners, "states": CrashStates}[sys.argv.pop(1)]
    unittest.main(defaultTest=case.__name__)
