#!/usr/bin/python3
"""Alarms have names and stay until their cause is gone; who has seen one stands in the trail; a restart changes none of it."""

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import unittest

import archive
import outside
import strongroom
import tlog
from strongroom import canonical, digest, eventually, time_text, uuid7

MORE = 6000  # entries of a trail of which older ones leave


class Alarms(strongroom.Case):
    def alarms(self, code=None, person="operator-1"):
        reply = self.place.call("GET", "/v1/alarms", person=person)
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual([row for row in reply.json["alarms"] if row["facts"]["reason"] == "ok"], [], "nothing that is well is an alarm")
        return [row for row in reply.json["alarms"] if code in (None, row["code"])]

    def acknowledge(self, alarm, person):
        return self.place.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", person=person)

    def confirmed(self, told, person):
        self.assertEqual(told.status, 201, told)
        path = f"/v1/media/{told.json['serial']}/entries/{told.json['entry']}/confirm"
        self.assertEqual(self.place.call("POST", path, person=person).status, 200)

    def overdue_medium(self):
        serial = f"card-{uuid7()[:13]}"
        body = {"serial": serial, "kind": "card", "place": "safe-1", "custodian": "custodian-1", "second": "custodian-1",
                "inspection_due": time_text(seconds=-60)}
        self.confirmed(self.place.call("POST", "/v1/media", body), "custodian-1")
        return eventually(lambda: next((row for row in self.alarms("medium.overdue") if row["object_id"] == serial), None),
                          "the missed inspection is an alarm")

    def test_an_alarm_has_a_name_and_two_people_answer_it(self):
        place = self.place
        alarm = self.overdue_medium()
        self.assertEqual((alarm["object_type"], alarm["facts"]["custodian"], alarm["concerns"]),
                         ("medium", "custodian-1", ["custodian", "operator"]))
        self.assertLess(alarm["since"], alarm["first_seen"])
        identity = {name: alarm[name] for name in ("code", "first_seen", "object_id", "object_type")}
        self.assertEqual(alarm["id"], digest("alarm", canonical(identity)))
        health = place.call("GET", "/healthz", headers={"Authorization": None})
        self.assertEqual((health.json["alarms"], health.json["alarm_codes"]), (len(self.alarms()), ["medium.overdue"]))
        self.assertNotIn(alarm["object_id"].encode(), health.bytes)

        first = self.acknowledge(alarm, "approver-1")
        self.assertEqual((first.status, first.json["alarm"]["answered"]), (200, False), first)
        again = self.acknowledge(alarm, "approver-1")
        self.assertEqual((again.status, again.json["alarm"]["answered"], "receipt" in again.json), (200, False, False), again)
        said = place.custody("alarms", "--acknowledge", alarm["id"], person="auditor-1").stdout
        self.assertIn("medium.overdue medium " + alarm["object_id"], said)
        self.assertNotIn("answered", said)
        told = self.entries("alarm.acknowledge", otype="alarm", oid=alarm["id"])
        self.assertEqual([(row["actor"], row["outcome"]) for row in told], [("approver-1", "ok"), ("auditor-1", "ok")])

        place.kill("custodyd")
        place.start()
        after = next(row for row in self.alarms() if row["id"] == alarm["id"])
        self.assertEqual(([row["person"] for row in after["acknowledged"]], after["answered"]), (["approver-1", "auditor-1"], True))
        self.assertEqual((after["first_seen"], after["since"]), (alarm["first_seen"], alarm["since"]))

        entry = {"act": "inspect", "reason": "late", "second": "custodian-2", "inspection_due": time_text(seconds=10**6)}
        self.confirmed(place.call("POST", f"/v1/media/{alarm['object_id']}/entries", entry), "custodian-2")
        eventually(lambda: alarm["id"] not in [row["id"] for row in self.alarms()], "the alarm is over when its cause is")
        self.assertProblem(self.acknowledge(alarm, "approver-2"), 404, "not_found", "id")
        self.assertProven("trail", place.export_trail())

    def test_what_no_copy_has_is_an_alarm(self):
        place = self.place
        place.configure("custodyd", copy_max_age=5, watch=100)
        place.kill("custodyd")
        place.start_unready()
        alarm = eventually(lambda: self.alarms("copy.lag"), "there is no copy")[0]
        self.assertEqual((alarm["object_type"], alarm["concerns"], alarm["facts"]), ("trail", ["auditor", "operator"], {"reason": "expired", "size": "0"}))
        self.assert_no_unsigned_row_counts(alarm)
        for person in ("approver-1", "custodian-1"):
            self.assertEqual(self.acknowledge(alarm, person).status, 200)
        self.assertTrue(self.alarms("copy.lag")[0]["answered"])

        def copy():
            place.custody("audit", "copy", "--dir", str(place.dir / "copy"), person="auditor-1")

        copy()
        size, root = self.copied_to(place.dir / "copy")
        told = self.entries("trail.copied")[-1]
        self.assertEqual((told["actor"], told["outcome"]), ("auditor-1", "ok"))
        self.assertEqual((self.event(told)["facts"], self.event(told)["refs"]), ({"size": str(size)}, {"root": root}))
        eventually(lambda: [row["outcome"] for row in self.entries("copy.lag")][:2] == ["error", "ok"], "a copy ends it")
        eventually(lambda: len(self.entries("copy.lag")) > 2, "and it comes again without a later copy")
        copy()
        later, _ = self.copied_to(place.dir / "copy")
        self.assertGreater(later, size)
        code, said = place.verify("trail", place.export_trail(), place.dir / "copy/checkpoint")
        self.assertEqual(code, 0, said)

        def tell(person="auditor-1", **body):
            return place.call("POST", "/v1/audit/copies", body, person=person)

        self.assertProblem(tell(size=size, root="0" * 64), 403, "mismatch", "root")
        self.assertProblem(tell(size=10**9, root=root), 403, "mismatch", "size")
        self.assertProblem(tell(size=size - 1, root=root), 403, "mismatch", "root")
        self.assertProblem(tell(size=0, root=root), 400, "invalid", "size")
        self.assertProblem(tell(size=size), 400, "missing_field", "root")
        self.assertProblem(tell(size=size, root=root, more=1), 400, "unknown_field", "more")
        self.assertProblem(tell(person="operator-1", size=size, root=root), 403, "forbidden")
        self.assertProblem(tell(size=size, root=root), 409, "conflict", "size")  # who has more has told of it
        later, root = self.copied_to(place.dir / "copy")
        self.assertEqual(tell(size=later, root=root).status, 201)

        # A superuser has the service take a new alarm for one that was answered: nobody has answered it.
        def edited():
            copy()
            eventually(lambda: not self.alarms("copy.lag"), "a copy ends it")
            return place.psql(f"UPDATE custody.mark SET value = 'late', changed_at = '{alarm['first_seen']}' WHERE subject = 'trail/copy' "
                              "AND value = 'fresh' RETURNING value")

        eventually(edited, "it is edited before it is late by itself")
        again = eventually(lambda: self.alarms("copy.lag"), "it comes again")[0]
        self.assertEqual((again["acknowledged"], again["answered"]), ([], False))

    def look(self, folder, *more):
        """What somebody finds who has the folder and the trust file, and no service: (exit status, output)."""
        command = [str(self.place.dir / "bin/custody"), "audit", "copy", "--check", "--dir", str(folder), "--trust", str(self.place.dir / "trust.json")]
        done = subprocess.run([*command, *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, env={}, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_what_stands_in_a_copy_is_what_was_signed(self):
        """A file that is missing is fetched again; one that was edited is refused, and the service is not told that there is a copy."""
        place = self.place
        folder = place.dir / "rest"
        older = place.dir / "older"
        copy = ("audit", "copy", "--dir", str(folder))

        place.custody(*copy, person="auditor-1")
        shutil.copytree(folder, older)
        while self.copied_to(folder)[0] < 256:
            for _ in range(64):
                self.assertEqual(place.call("GET", "/v1/audit/count", person="auditor-1").status, 200)  # each read is an entry
            place.custody(*copy, person="auditor-1")
        size, root = self.copied_to(folder)
        origin = json.loads((place.dir / "trust.json").read_text())["log"].split("+")[0]
        self.assertEqual(self.look(folder), (0, f"whole: {size} entries in {folder}, as signed by {origin}; root {root}\n"))
        self.assertEqual(self.look(folder, "--in", str(older / "checkpoint"))[0], 0)

        receipt = place.dir / "rest.tlog-proof"
        place.custody("audit", "proof", "1", "--out", str(receipt), person="auditor-1")
        code, said = self.look(folder, "--in", str(receipt))
        self.assertEqual((code, "in: is the receipt of one entry (tlog-proof), and no checkpoint" in said, "--in takes a checkpoint" in said), (1, True, True), said)

        names = ("tile/0/000", "tile/entries/000")
        kept = [(folder / name).read_bytes() for name in names]
        for name in names:
            (folder / name).unlink()
        code, said = self.look(folder)
        self.assertEqual((code, "tile/0/000: is not there" in said, "is fetched again by custody audit copy" in said), (1, True, True), said)
        done = place.custody(*copy, person="auditor-1")
        self.assertEqual([f"{name}: was missing and is fetched again" in done.stdout for name in names], [True, True], done.stdout)
        self.assertEqual([(folder / name).read_bytes() for name in names], kept)

        before = (folder / "checkpoint").read_bytes()
        told = len(self.entries("trail.copied"))
        edited = kept[1][:100] + bytes([kept[1][100] ^ 1]) + kept[1][101:]
        (folder / names[1]).write_bytes(edited)
        code, said = self.look(folder)
        self.assertEqual((code, f"{names[1]}: its entry 0 is not the one that was signed" in said), (1, True), said)
        done = place.custody(*copy, person="auditor-1", check=False)
        self.assertEqual((done.returncode, done.stdout, f"{names[1]}: is there with other bytes" in done.stderr), (1, "", True), done)
        self.assertEqual(((folder / names[1]).read_bytes(), (folder / "checkpoint").read_bytes()), (edited, before))
        self.assertEqual(len(self.entries("trail.copied")), told, "the service is not told")
        (folder / names[1]).rename(place.dir / "edited")
        self.assertIn(f"{names[1]}: was missing", place.custody(*copy, person="auditor-1").stdout)
        self.assertEqual(((folder / names[1]).read_bytes(), self.look(folder)[0]), (kept[1], 0))

        self.assertEqual(self.look(older)[0], 0)  # whole, as far as it goes: what somebody kept shows that it was cut
        code, said = self.look(older, "--in", str(folder / "checkpoint"))
        self.assertEqual((code, "entries were signed, and the copy has" in said, "to do: custody audit copy, without --check" in said), (1, True, True), said)

        exported = place.dir / "exported.jsonl"
        place.custody("audit", "export", "--dir", str(folder), "--out", str(exported), "--url", "https://localhost:1")
        served = place.export_trail().read_bytes().splitlines()
        self.assertEqual(exported.read_bytes().splitlines()[1:size + 1], served[1:size + 1])  # columns too, as the service makes them
        self.assertEqual(place.verify("trail", exported, older / "checkpoint")[0], 0)
        (folder / names[1]).write_bytes(edited)
        done = place.custody("audit", "export", "--dir", str(folder), "--out", f"{exported}.2", check=False)
        self.assertEqual((done.returncode, names[1] in done.stderr, os.path.exists(f"{exported}.2")), (1, True, False), done)
        (folder / names[1]).write_bytes(kept[1])

    def assert_no_unsigned_row_counts(self, alarm):
        """A superuser of the database puts rows in beyond the end, which nobody signed: no copy reaches further by them, and nobody
        has answered."""
        place = self.place
        event = {"actor": "auditor-1", "bt": uuid7() + "/1", "corr": uuid7(), "outcome": "ok", "pn": "1", "pr": uuid7(), "ts": time_text()}
        answer = {**event, "act": "alarm.acknowledge", "otype": "alarm", "oid": alarm["id"], "facts": {
            "code": alarm["code"], "first_seen": alarm["first_seen"], "object_id": "copy", "object_type": "trail"}}
        place.psql(place.unsigned_row(900000, {**event, "act": "trail.copied", "facts": {"size": "800000"}, "refs": {"root": "0" * 64}})
                   + place.unsigned_row(900001, {**answer, "on": "1"})
                   + place.unsigned_row(900002, {**answer, "on": "2", "actor": "approver-1"}))
        newest = place.call("GET", "/v1/audit/entries?limit=1", person="auditor-1").json["entries"]
        self.assertLess(newest[0]["seq"], 900000, "officers are shown no row beyond the end")
        self.assertEqual(place.call("GET", f"/v1/audit/count?oid={alarm['id']}&otype=alarm", person="auditor-1").json["count"], 0)
        looks = []
        def looked_often():
            told = place.call("GET", "/v1/alarms").json
            self.assertEqual([(row["id"], row["acknowledged"]) for row in told["alarms"] if row["code"] == "copy.lag"], [(alarm["id"], [])])
            looks.append(told["looked_at"])
            return len(set(looks)) > 3
        eventually(looked_often, "the service has looked again")
        place.psql("DELETE FROM audit.leaf WHERE seq >= 900000")

    def copied_to(self, folder):
        """Size and root of the checkpoint, to which the entries that stand in the folder lead."""
        _, size, root = tlog.open_note((folder / "checkpoint").read_text(), json.loads((self.place.dir / "trust.json").read_text())["log"])
        leaves = []
        while len(leaves) < size:
            number, width = len(leaves) // 256, min(256, size - len(leaves))
            path = folder / "tile/entries" / (f"{number:03}" if width == 256 else f"{number:03}.p/{width}")
            bundle, at, first = path.read_bytes(), 0, len(leaves)
            while at < len(bundle):
                end = at + 2 + int.from_bytes(bundle[at:at + 2], "big")
                leaves.append(tlog.leaf_hash(bundle[at + 2:end]))
                at = end
            tile = folder / "tile/0" / path.relative_to(folder / "tile/entries")
            self.assertEqual(tile.read_bytes(), b"".join(leaves[first:]))
        self.assertEqual((len(leaves), tlog.tree_root(leaves)), (size, root))
        return size, root.hex()

    def begin(self, path):
        """A reply that nobody goes on reading for now."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", int((self.place.dir / "run/port").read_text())))
        connection = self.place.connection()
        self.addCleanup(connection.close)
        connection.sock = self.place.tls.wrap_socket(plain, server_hostname="localhost")
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.place.token('auditor-1')}"})
        reply = connection.getresponse()
        self.assertEqual(reply.status, 200)
        return reply

    @staticmethod
    def rest(reply):
        """As far as it goes."""
        try:
            return reply.read()
        except http.client.IncompleteRead as cut:
            return cut.partial

    def expect_late(self, first):
        """What outsiders are told of a trail that begins with this entry."""
        place = self.place
        code, said = place.verify("trail", place.export_trail())
        tampered = [line for line in said.splitlines() if line.startswith("tampered")]
        refused = f"tampered: entries 0 to {first - 1}: are missing, and no entry retention.prune says that they left"
        self.assertEqual((code, tampered), (1, [refused]), said)  # since no service has partitions as small as these
        shown = place.call("GET", "/v1/audit/entries?order=oldest&limit=1", person="auditor-1").json
        self.assertEqual((shown["first"], shown["entries"][0]["seq"]), (first, first))
        self.assertEqual(place.call("GET", "/v1/audit/count", person="auditor-1").json["first"], first)
        review = ("--in", str(place.dir / "trail.jsonl"))
        self.assertIn(f"entries {first} to ", place.custody("audit", "review", str(first), *review, person="auditor-1").stdout)
        self.assertIn(f"must be entries from {first} on", place.custody("audit", "review", *review, person="auditor-1", check=False).stderr)
        reply = place.call("GET", "/v1/audit/export?actor=auditor-1&order=oldest", person="auditor-1")
        (place.dir / "extract").write_bytes(reply.bytes)
        self.assertEqual(json.loads(reply.bytes.splitlines()[0])["first"], first)
        code, said = place.verify("extract", place.dir / "extract")
        self.assertEqual((code, said), (1, "tampered: line 1: first is no number of entries that can have left\n"))
        self.assertProblem(place.call("GET", "/audit/tile/entries/000", person="auditor-1"), 404, "not_found", "tile")
        self.assertEqual(len(place.call("GET", "/audit/tile/0/000", person="auditor-1").bytes), 256 * 32)

    def test_what_was_old_is_in_the_archive_alone(self):
        """Evidence and receipts that people have stay good; a superuser who drops as much without the entry is found."""
        place = self.place
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        used = digest("transaction", signed["document"])
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        eventually(lambda: used in self.copied(), "the key is stopped")
        self.decide()
        old = place.proposed(key="kept-by-the-client")
        place.approve(old)
        place.wait(old["id"], "confirmed")
        evidence = place.export_evidence(old["id"])
        entry = self.entries("withdrawal.confirmed", oid=old["id"], otype="withdrawal")[0]
        (place.dir / "old.leaf").write_bytes(base64.b64decode(entry["raw"]))
        (place.dir / "old.tlog-proof").write_bytes(place.call("GET", f"/v1/audit/proof/inclusion?seq={entry['seq']}", person="auditor-1").bytes)
        bound = archive.keep(place, entry["seq"], MORE)
        place.start()
        done = archive.prune(place, bound)
        self.assertEqual((done.returncode, "--retention-days: the option is required" in done.stderr), (64, True), done)
        place.configure("custodyd", retention_days=1)
        done = archive.prune(place, bound)
        self.assertEqual((done.returncode, f"entry {bound - 1}, the newest that would leave, is of" in done.stderr), (78, True), done)
        self.later(2)
        begun = self.begin("/v1/audit/export?outcome=error&order=newest")  # larger than what buffers take in; the oldest come last
        done = archive.prune(place, bound)
        self.assertEqual((done.returncode, f"entries 0 to {bound - 1} have left" in done.stdout), (0, True), done)
        (place.dir / "begun").write_bytes(self.rest(begun))
        code, said = place.verify("extract", place.dir / "begun")  # not: that somebody left out the rest
        self.assertEqual((code, "export again" in said), (2, True), said)
        self.assertIn("entries left the database while they were read", place.log("custodyd"))
        told = self.entries("retention.prune")
        self.assertEqual([(row["actor"], row["oid"], row["outcome"]) for row in told], [("auditor-1", str(bound), "intent")])
        self.assertEqual(self.event(told[0])["facts"], {"first": "0", "size": str(bound)})
        self.expect_late(bound)

        self.assertProven("evidence", evidence)
        code, said = place.verify("receipt", "--entry", place.dir / "old.leaf", place.dir / "old.tlog-proof")
        self.assertEqual(code, 0, said)
        gone = place.call("GET", f"/v1/withdrawals/{old['id']}/evidence")
        self.assertProblem(gone, 404, "not_found", "entries")
        self.assertIn(f"archive, which has those below {bound}: the entry retention.prune names it", gone.json["detail"])
        again = place.propose(key="kept-by-the-client")  # so a client that retries makes no second one
        self.assertProblem(again, 409, "exists", "receipt")
        self.assertIn(f"withdrawal {old['id']} is confirmed; the entry of the first request is in the archive, below {bound}", again.json["detail"])
        place.psql(f"UPDATE audit.leaf SET ts = ts - interval '2 days' WHERE seq = {bound}")  # the oldest: by its time others have left
        self.assertProblem(place.propose(key="kept-by-the-client"), 503, "corrupt", "trail")
        place.psql(f"UPDATE audit.leaf SET ts = ts + interval '2 days' WHERE seq = {bound}")
        place.custody("audit", "copy", "--dir", str(place.dir / "archive"), person="auditor-1")  # it goes on
        place.kill("custodyd")
        self.later(2)
        self.expect_late(bound)
        state = next(row["state"] for row in place.call("GET", "/v1/keys").json["keys"] if row.get("key_id") == self.key_id())
        self.assertEqual((state, self.alarms("key.copied_use")), ("active", []))  # what people have resumed nobody stops again
        told = self.entries("key.alarm", otype="transaction", oid=used)
        self.assertEqual([(row["actor"], row["ord"], row["seq"] >= bound) for row in told], [("custodyd", 3, True)])

        place.psql("DROP TABLE audit.leaf_b")
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual((code, f"entry {bound}: is missing, it was deleted" in said), (1, True), said)
        place.psql(f"UPDATE audit.head SET first = {bound + 256}")
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual((code, f"entries 0 to {bound + 255}: are missing, and no entry retention.prune says that they left" in said), (1, True), said)

    def test_who_may(self):
        place = self.place
        self.assertProblem(place.call("GET", "/v1/alarms", headers={"Authorization": None}), 401, "unauthenticated")
        self.assertProblem(place.call("POST", f"/v1/alarms/{'0' * 64}/acknowledge", headers={"Authorization": None}), 401, "unauthenticated")
        self.assertProblem(place.call("POST", f"/v1/alarms/{'0' * 64}/acknowledge"), 404, "not_found", "id")
        self.assertProblem(place.call("POST", "/v1/alarms/x/acknowledge"), 400, "invalid", "id")
        self.assertProblem(place.call("POST", f"/v1/alarms/{'0' * 64}/acknowledge", {"x": 1}), 400, "invalid", "body")

    def copied(self):
        """The transactions of nobody that the trail knows and that have been dealt with."""
        return {row["oid"] for row in self.entries("key.copied_use")} & {row["oid"] for row in self.entries("key.alarm")}

    def reported_while_the_signer_hangs(self, count):
        """More than are kept in any list of the watcher; each is told in the end."""
        place = self.place
        made = [outside.transaction(place, "transfer", place.hot, place.asset, f"{number:064x}") for number in range(1, count + 1)]
        os.kill(place.pid("transfer"), signal.SIGSTOP)
        try:
            for signed, key in made:
                reply = place.call("POST", "/v1/ledger/transactions", {"key": key, "transaction": signed})
                self.assertProblem(reply, 403, "forbidden", "transaction.from")
        finally:
            os.kill(place.pid("transfer"), signal.SIGCONT)
        wanted = {digest("transaction", signed["document"]) for signed, _ in made}
        eventually(lambda: wanted <= self.copied(), "all are told and dealt with")
        return [signed for signed, _ in made]

    def order(self, path, signers, **fields):
        place = self.place
        document = canonical({
            "chain": place.chain, "environment": "demo", "expires_at": time_text(seconds=600), "issued_at": time_text(),
            "nonce": uuid7(), "policy": place.policy_digest, "reason": "test", "role": "transfer", **fields})
        reply = place.call("POST", path, place.signed("command", document, *signers))
        self.assertEqual(reply.status, 200, reply)

    def key_id(self):
        return json.loads((self.place.dir / "ceremony/transfer.json").read_text())["key_id"]

    def order_key(self, action, signers=("admin-1", "admin-2"), **fields):
        self.order(f"/v1/keys/{self.key_id()}/commands", signers, action=action, key=self.key_id(), **fields)

    def restore(self, action, before, **fields):
        self.order_key(action, on=self.place.on("transfer", self.key_id()), **{"from": before}, **fields)

    def use_copied(self):
        signed, key = outside.transaction(self.place, "transfer", self.place.hot, self.place.asset)
        reply = self.place.call("POST", "/v1/ledger/transactions", {"key": key, "transaction": signed})
        self.assertProblem(reply, 403, "forbidden", "transaction.from")
        return digest("transaction", signed["document"])

    def decide(self):
        """The quorum takes the key for good again."""
        self.restore("key.resume", "suspended")
        eventually(lambda: not self.alarms("key.copied_use"), "people have decided")
        frozen = next(row for row in self.place.call("GET", "/v1/freezes").json["freezes"] if row["state"] == "frozen")
        self.order("/v1/freezes", ("admin-1", "admin-2"), action="thaw", on=str(frozen["number"]), scope="asset", subject=self.place.asset)
        self.restore("key.activate", "inactive", signatures="1000000", until=time_text(seconds=86400))

    def test_the_use_of_a_copied_key_stays_until_people_have_decided(self):
        """Also when key and asset were stopped already, so that nothing else changes; and each use is a new alarm."""
        place = self.place
        key_id = self.key_id()
        self.order_key("key.suspend", ("operator-1",))
        self.assertEqual(self.alarms("key.copied_use"), [])
        for _ in range(2):
            self.use_copied()
        alarm = eventually(lambda: self.alarms("key.copied_use"), "the use is an alarm")
        self.assertEqual([row["object_id"] for row in alarm], [key_id])
        more = self.reported_while_the_signer_hangs(100)
        last = max(self.entries("key.copied_use"), key=lambda entry: entry["ts"])["ts"]
        [newest] = eventually(lambda: [row for row in self.alarms("key.copied_use") if row["first_seen"] == last], "the last use is an alarm")
        self.assertNotEqual(newest["id"], alarm[0]["id"])
        place.kill("custodyd")
        place.start_unready()
        self.assertEqual([row["id"] for row in eventually(lambda: self.alarms("key.copied_use"), "it is again")], [newest["id"]])
        self.assertEqual([digest("transaction", signed["document"]) in self.copied() for signed in more], [True] * len(more))

        self.decide()


if __name__ == "__main__":
    unittest.main()
