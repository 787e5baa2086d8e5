#!/usr/bin/python3
"""A flood of the REST interface keeps nobody from stopping everything, and nobody else from working; nor does it fill the trail."""

import hashlib
import http.client
import json
import pathlib
import re
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import flood  # noqa: E402
import strongroom  # noqa: E402
from strongroom import address_of, canonical, eventually, time_text  # noqa: E402

CONNECTIONS = 48
TOKEN_RATE = 20
SERVED = 2
INSIDE = 16
SINGLY = 10
READ_RATE = 1
FLOODER = "requester-2"
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


class Flooded(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place.stop("custodyd")
        cls.place.configure("custodyd", connections=CONNECTIONS, token_rate=TOKEN_RATE, token_served=SERVED, token_requests=INSIDE,
                            read_rate=READ_RATE, refusals=SINGLY, urgent_listen="127.0.0.1:0", urgent_port_file=cls.place.dir / "run/urgent-port")
        cls.place.start()

    def flood(self, source, **kinds):
        """Kinds and how many connections each, from an address."""
        place = self.place
        attack = flood.Flood(int((place.dir / "run/port").read_text()), place.tls, place.token(FLOODER), source)
        self.addCleanup(attack.stop)
        for kind, places in kinds.items():
            attack.start(kind, places)
        return attack

    def flood_all(self, source):
        """Every kind at once, until every place was taken many times over."""
        attack = self.flood(source, silent=CONNECTIONS, slow=CONNECTIONS, asking=CONNECTIONS, endless=8)
        eventually(lambda: attack.now()["opened"] > 6 * CONNECTIONS and attack.now()["limited"] > INSIDE, "every place was taken")
        return attack

    def freeze(self, *arguments, **named):
        people = self.place.dir / "people"
        return self.place.custody("freeze", "everything", "--policy", str(self.place.dir / "etc/policy.json"), "--reason", "flood",
                                  "--key", str(people / "operator-1.key"), "--passphrase-file",
                                  str(people / "operator-1.passphrase"), *arguments, **named).stdout

    def thaw(self):
        place, name = self.place, str(self.place.dir / f"thaw-{strongroom.uuid7()}")
        number = re.search(r"everything frozen, freeze (\d+)", self.at_signer())[1]
        place.custody("thaw", "everything", "--on", number, "--policy", str(place.dir / "etc/policy.json"), "--reason", "over",
                      "--out", name)
        for person in ("admin-1", "admin-3"):
            place.custody("sign", "command", "--in", name, "--out", f"{name}.{person}", "--key", f"{place.dir}/people/{person}.key",
                          "--passphrase-file", f"{place.dir}/people/{person}.passphrase")
            name = f"{name}.{person}"
        place.custody("key", "send", "--command", name, "--socket", str(place.dir / "run/transfer.sock"))

    def at_signer(self):
        return self.place.custody("freeze", "list", "--socket", str(self.place.dir / "run/transfer.sock")).stdout

    def patiently(self, work):
        """A connection may be cut before its request was whole, and then nothing was done: an honest client comes again."""
        def attempt():
            try:
                return [work()]
            except (OSError, http.client.HTTPException):
                return None
        return eventually(attempt, "an honest client gets through")[0]

    def assertStillOn(self, attack, before):
        """All of its processes run, and since then it has gone on taking places."""
        self.assertTrue(attack.running())
        eventually(lambda: attack.now()["opened"] > before["opened"], "the flood goes on")

    def test_everything_is_frozen_and_then_work_goes_on(self):
        place = self.place
        waiting = place.proposed(7)
        place.approve(waiting, "approver-1")
        attack = self.flood_all(ELSEWHERE)
        before, began = attack.now(), time.monotonic()
        self.assertIn("frozen, freeze", self.freeze())
        self.assertIn("everything frozen", self.at_signer())
        self.assertIn("frozen, freeze", self.freeze("--socket", str(place.dir / "run/transfer.sock")))
        self.assertStillOn(attack, before)
        # A burst, and no more than the rate from then on: true however long it took.
        most = 2 * TOKEN_RATE + TOKEN_RATE * (time.monotonic() - began) + INSIDE
        self.assertLessEqual(attack.now()["served"] - before["served"], most)

        # An approval, too; and what is frozen is not signed.
        self.patiently(lambda: place.approve(waiting, "approver-2"))
        self.assertStillOn(attack, attack.now())
        self.assertNotIn(waiting["id"], "".join(line for line in place.log("transfer").splitlines() if "transfer.signed" in line))
        self.thaw()
        self.patiently(lambda: place.wait(waiting["id"], "confirmed"))
        self.assertStillOn(attack, attack.now())

        # Neither was the trail filled: what was refused to the flood stands there, a few one by one and all others as a number.
        eventually(lambda: attack.now()["refused"] > 4 * SINGLY, "more was refused than is told one by one")
        attack.stop()
        refused = attack.now()["refused"]
        place.stop("custodyd")
        place.start()
        told = [self.event(entry) for entry in place.pages(f"/v1/audit/entries?actor={FLOODER}", "entries", "auditor-1")]
        singly = [event for event in told if event["act"] in ("destination.add", "freeze.command")]
        counted = [event for event in told if event["act"] == "request.deny"]
        self.assertGreater(len(counted), 0)
        self.assertLessEqual(len(singly), SINGLY * (len(counted) + 1))
        # Answers that nobody was there to read any more are in the trail and not in what the flood has seen.
        self.assertGreaterEqual(len(singly) + sum(int(event["facts"]["count"]) for event in counted), refused)
        self.assertProven("trail", place.export_trail())

    def test_a_reader_does_not_fill_the_trail_by_reading(self):
        """Each read is an entry; so they are rationed by themselves, and what is beyond the ration is none."""
        place, began = self.place, time.monotonic()
        token = place.grant("auditor-1", "auditor")
        paths = ("/v1/audit/entries?limit=1", "/v1/audit/count?act=log.genesis", "/v1/audit/export?act=log.genesis",
                 "/audit/tile/entries/000.p/1", f"/v1/withdrawals/{strongroom.uuid7()}/evidence")
        given = 0
        for turn in range(1000):
            reply = place.call("GET", paths[turn % len(paths)], token=token)
            given += reply.status == 200
            if reply.status == 429:
                break
        self.assertEqual((reply.status, reply.json["code"], reply.headers["Retry-After"]), (429, "busy", "1"))
        self.assertEqual(place.call("GET", "/v1/wallets", token=token).status, 200, "what is no entry goes on")
        self.assertEqual(place.call("GET", paths[0], person="auditor-1").status, 200, "as does who reads with another token")
        self.assertLessEqual(given, READ_RATE * (60 + time.monotonic() - began) + 1)
        auth = hashlib.sha256(token.encode()).hexdigest()
        rows = [self.event(row) for row in place.pages("/v1/audit/entries?actor=auditor-1&limit=500", "entries", "auditor-1")]
        self.assertEqual(sum(row.get("auth") == auth and row["act"] in ("trail.read", "trail.export") for row in rows), given)

    def test_the_flood_comes_from_where_honest_people_are(self):
        """Nothing tells one connection from another before it has asked; so there is a door that the flood does not come to."""
        place = self.place
        attack = self.flood_all(HERE)
        before, port = attack.now(), (place.dir / "run/urgent-port").read_text().strip()
        self.assertIn("handed in", self.freeze("--url", f"https://localhost:{port}"))
        self.assertIn("everything frozen", self.at_signer())
        self.assertStillOn(attack, before)
        connection = http.client.HTTPSConnection("localhost", int(port), context=place.tls)
        self.addCleanup(connection.close)
        for method, path in (("GET", "/v1/wallets"), ("GET", "/v1/freezes"), ("POST", "/v1/withdrawals"), ("GET", "/healthz")):
            connection.request(method, path, headers={"Authorization": f"Bearer {place.token('operator-1')}"})
            reply = connection.getresponse()
            problem = json.loads(reply.read())
            self.assertIn((reply.status, problem["code"]), {(404, "not_found"), (405, "usage")})  # nothing but orders is taken there
        connection.request("POST", "/v1/policies/veto", b"{}", {"Authorization": f"Bearer {place.token('operator-1')}"})
        reply = connection.getresponse()
        self.assertEqual((reply.status, json.loads(reply.read())["code"]), (400, "missing_field"), "a veto is an order, too")
        attack.stop()
        self.thaw()

    def test_every_session_of_the_service_is_held(self):
        """Requests that wait for a row hold all sessions with the database but those of what stops something."""
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", database_connections=2)
        place.start()
        self.addCleanup(lambda: place.configure("custodyd", database_connections=None))
        held = threading.Event()

        def propose():
            while not held.is_set():
                try:
                    place.propose(9)
                except (OSError, http.client.HTTPException):
                    pass

        with subprocess.Popen(["psql", "-XAtq", "-d", place.environment["STRONGROOM_DB"], "-c",
                               "BEGIN; LOCK TABLE custody.withdrawal IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)"],
                              stdin=subprocess.DEVNULL, env=place.environment) as lock:
            requests = [threading.Thread(target=propose) for _ in range(6)]
            try:
                for request in requests:
                    request.start()
                eventually(lambda: place.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                                               "'custody.withdrawal'::regclass") == "2", "both sessions wait")
                self.assertIn("frozen, freeze", self.freeze())
                self.assertIn("everything frozen", self.at_signer())
            finally:
                held.set()
                lock.kill()
                place.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' "
                           "AND pid <> pg_backend_pid()")
                for request in requests:
                    request.join()
        self.thaw()

    def listed(self):
        """An address of the allow-list that nothing else is about, and its entry."""
        place, account = self.place, hashlib.sha256(strongroom.uuid7().encode()).hexdigest()
        address = address_of(account)
        document = canonical({
            "account": address, "chain": place.chain, "environment": "demo", "group": "clients", "id": "flooded", "issued_at": time_text(),
            "policy": place.call("GET", "/v1/policy").json["digest"], "valid_until": time_text(seconds=86400)})
        reply = place.call("POST", "/v1/destinations", place.signed("destination", document, "admin-1", "admin-3"))
        self.assertEqual(reply.status, 201, reply)
        return address, reply.json["digest"]

    def test_every_session_is_held_while_an_entry_is_taken_off_the_list(self):
        """Approvals that wait for one row; what goes to the address that is taken off ends all the same, before the answer."""
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", database_connections=2)
        place.start()
        self.addCleanup(lambda: place.configure("custodyd", database_connections=None))
        address, entry = self.listed()
        held, doomed = place.proposed(11), place.proposed(12, destination=address)
        approval = place.approval(held, "approver-1")
        over = threading.Event()

        def approve():
            while not over.is_set():
                try:
                    place.decide(held, "approver-1", document=approval)
                except (OSError, http.client.HTTPException):
                    pass

        with subprocess.Popen(["psql", "-XAtq", "-d", place.environment["STRONGROOM_DB"], "-c",
                               f"BEGIN; SELECT id FROM custody.withdrawal WHERE id = '{held['id']}' FOR UPDATE; SELECT pg_sleep(3601)"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=place.environment) as lock:
            requests = [threading.Thread(target=approve) for _ in range(6)]
            try:
                for request in requests:
                    request.start()
                eventually(lambda: place.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                               "AND usename = 'strongroom_app'") == "2", "both sessions wait")
                people = place.dir / "people"
                said = place.custody("destination", "revoke", entry, "--reason", "flood", "--policy", str(place.dir / "etc/policy.json"),
                                     "--key", str(people / "operator-1.key"), "--passphrase-file",
                                     str(people / "operator-1.passphrase")).stdout
                self.assertIn("revoked", said)
                rows = f"SELECT state FROM custody.withdrawal WHERE id = '{doomed['id']}'"
                self.assertEqual(place.value(rows), "rejected")
            finally:
                over.set()
                lock.kill()
                place.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3601)%' "
                           "AND pid <> pg_backend_pid()")
                for request in requests:
                    request.join()
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{held['id']}/cancel").status, 200)

    def test_slow_senders_are_ended_by_the_total_time(self):
        """With places for all there is no newcomer who needs theirs: time alone ends what sends a byte now and then."""
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", connections=256, request=1)
        place.start()
        self.addCleanup(lambda: place.configure("custodyd", connections=CONNECTIONS, request=None))
        attack = self.flood(HERE, slow=4)
        eventually(lambda: attack.now()["cut"] >= 8, "each is cut, twice")
        self.assertEqual(self.patiently(lambda: place.call("GET", "/v1/wallets")).status, 200)

    def test_who_asks_too_often_is_told_when_to_come_again(self):
        place = self.place
        attack = self.flood(HERE, asking=2 * INSIDE)
        eventually(lambda: attack.now()["limited"] > 0, "the flood meets its limit")
        reply = eventually(lambda: place.call_when(429, "GET", "/v1/wallets", person=FLOODER), "so does a further request of the token")
        self.assertProblem(reply, 429, "busy", "rate")
        self.assertEqual((reply.headers["Retry-After"], reply.headers["Connection"]), ("1", "close"))
        self.assertEqual(place.call("GET", "/v1/wallets").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
