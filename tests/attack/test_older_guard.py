#!/usr/bin/python3
"""A disk is put back: a guard is yesterday's, in place. That of the transfer signer has forgotten what it promised, and the trail
has not. That of the audit signer goes together with a database of yesterday, and neither the ledger nor the signer's token has forgotten.
A guard that was made anew knows nothing of before; what it must not be shown the trail says, also when the entries of then have left."""

import base64
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import archive  # noqa: E402
import strongroom  # noqa: E402
from strongroom import canonical, digest, time_text  # noqa: E402


def set_back(copy, data):
    """The same file: the guard is where it was made."""
    with copy.open("rb") as source, data.open("r+b") as target:
        shutil.copyfileobj(source, target)
        target.truncate()


class Anew(strongroom.Case):
    def start_transfer(self):
        """Whose guard has no key yet: the founding one is admitted to it again, by the orders of then."""
        place, socket = self.place, ("--socket", f"{self.place.dir}/run/transfer.sock")
        work = place.dir / "ceremony/transfer"
        subprocess.run([strongroom.DEMO / "services", "start", place.dir, "transfer"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
                       env=place.environment)
        place.custody("key", "admit", "--document", f"{work}/key.json", "--command", f"{work}/key.admit.json", "--ceremony", f"{work}/transcript.json",
                      "--backup", f"{work}/backup/backup.json", "--restore", f"{work}/restore.json", *socket)
        place.custody("key", "send", "--command", f"{work}/key.activate.json", *socket)

    def taken_off(self):
        """An entry of the allow-list that was revoked, and whose mark says that it serves: its digest."""
        place = self.place
        place.stranger("mallory")
        key = place.person("mallory")
        entry = json.loads(json.loads((place.dir / "ceremony/destination.json").read_text())["document"])
        entry = canonical({**entry, "account": place.custody("key", "address", f"{key['alg']}:{key['key']}").stdout.strip(), "id": "mallory",
                           "issued_at": time_text()})
        self.assertEqual(place.call("POST", "/v1/destinations", place.signed("destination", entry, "admin-1", "admin-2")).status, 201)
        name = digest("destination", entry)
        order = {"action": "destination.revoke", "chain": place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
                 "issued_at": time_text(), "nonce": strongroom.uuid7(), "policy": place.policy_digest, "reason": "test", "role": "transfer",
                 "subject": name}
        reply = place.call("POST", "/v1/destinations/revoke", place.signed("command", canonical(order), "operator-1"))
        self.assertEqual(reply.status, 200, reply)
        self.until(lambda: self.entries("destination.revoke", oid=name), "the entry")
        place.psql(f"UPDATE custody.mark SET value = 'held/{time_text(seconds=-60)}' WHERE subject = 'destination/{name}'")
        return name


class Archived(Anew):
    def test_what_was_taken_off_before_the_entries_that_stay(self):
        """By whoever edits its mark, and has another entry look as if it said so, so that it need not be told again: it is not shown. What
        nobody took off is, and its entries are told again, too."""
        place = self.place
        revoked = self.taken_off()
        held = digest("destination", json.loads((place.dir / "ceremony/destination.json").read_text())["document"])
        (before,) = self.entries("destination.revoke", oid=revoked)
        listed = {self.event(entry)["corr"] for act in ("destination.add", "destination.held") for entry in self.entries(act, oid=held, outcome="ok")}
        bound = archive.keep(place, before["seq"], 500)
        place.configure("custodyd", retention_days=1)
        self.later(2)
        fake = f"UPDATE audit.leaf SET ord = 9, otype = 'destination', oid = '{revoked}', act = 'destination.revoke', outcome = 'ok' WHERE seq = {bound + 9}"
        place.psql(f"CREATE TABLE public.kept AS SELECT * FROM audit.leaf WHERE seq = {bound + 9}; SET session_replication_role = replica; {fake}")
        done = archive.prune(place, bound)
        self.assertEqual(done.returncode, 0, done)
        place.psql(f"""SET session_replication_role = replica; DELETE FROM audit.leaf WHERE seq = {bound + 9};
            INSERT INTO audit.leaf SELECT * FROM public.kept""")
        place.stop("custodyd", "transfer")
        place.initialise_guard("transfer", "--promises", "0")
        self.start_transfer()
        self.later(2)
        shown = lambda name: place.log("transfer").count(f"event=destination.adopted destination={name}") > 1
        alarms = lambda: [(alarm["code"], alarm["object_id"]) for alarm in place.call("GET", "/v1/alarms").json["alarms"]]
        self.until(lambda: shown(revoked) or ("destination.refused", revoked) in alarms(), "the service says that it does not show it")
        self.assertFalse(shown(revoked))
        self.until(lambda: shown(held), "what nobody took off is shown")
        (again,) = self.entries("destination.revoke", oid=revoked)
        self.assertGreater(again["seq"], bound)
        wanted = ("actor", "corr", "facts", "outcome", "policy", "refs")
        self.assertEqual([self.event(again)[name] for name in wanted], [self.event(before)[name] for name in wanted])
        self.assertEqual({self.event(entry)["corr"] for act in ("destination.add", "destination.held")
                          for entry in self.entries(act, oid=held, outcome="ok")} & listed, listed)


class OlderGuard(Anew):
    OPTIONS = {"anchor_interval": 1}

    def anchors(self):
        """(size, height, note) of the anchors of the trail in blocks."""
        notes = [(height, base64.b64decode(json.loads(document)["note"])) for height, document, code in self.place.ledger_rows()
                 if '"type":"anchor"' in document and code == "ok"]
        return [(int(note.split(b"\n")[1]), height, note) for height, note in notes]

    def test_a_killed_where_an_anchor_is_made(self):
        """Each anchor that a block holds is told at most once, and the newest one is."""
        place = self.place
        for point in ("anchor.submitted", "anchor.confirmed"):
            with self.subTest(point=point):
                place.stop("custodyd")
                place.start(check=False, STRONGROOM_CRASHPOINT=f"{point}:1")
                self.until(lambda: place.ended("custodyd") is not None, "custodyd is killed")
                place.start()
                size = int(place.value("SELECT size FROM audit.head"))
                anchored = self.until(lambda: [row for row in self.anchors() if row[0] >= size], "the trail is anchored")[0]
                self.until(lambda: self.told(anchored), "the trail says so")
        told = [self.event(entry) for entry in self.entries("trail.anchor")]
        blocks = {digest("transaction", document): (height, hashlib.sha256(base64.b64decode(json.loads(document)["note"])).hexdigest())
                  for height, document, _ in place.ledger_rows() if '"type":"anchor"' in document}
        self.assertEqual([event["on"] for event in told], [str(i + 1) for i in range(len(told))])
        for event in told:
            height, note = blocks.pop(event["refs"]["transaction"])  # the second entry about one would not find it
            self.assertEqual((event["facts"]["height"], event["refs"]["checkpoint"]), (str(height), note))
        self.assertProven("trail", place.export_trail())

    def alarm(self, code):
        health = self.place.call("GET", "/healthz").json
        return health if code in health["alarm_codes"] else None

    def test_a_late(self):
        """Without a validator there are no blocks, and nobody is told that the trail is anchored."""
        place = self.place
        known = {act: len(self.entries(act)) for act in ("anchor.late", "anchor.back")}
        place.stop("validator")
        self.entries("trail.anchor")  # a read, which is an entry to be anchored
        health = self.until(lambda: self.alarm("anchor.late"), "an alarm")
        before = len(self.entries("trail.anchor"))
        self.until(lambda: self.alarm("anchor.late")["looked_at"] > health["looked_at"], "another look")
        self.assertEqual(len(self.entries("trail.anchor")), before)
        place.start()
        self.until(lambda: not self.alarm("anchor.late"), "the alarm is over")
        self.until(lambda: len(self.entries("trail.anchor")) > before, "the trail is anchored again")
        for act, outcome in (("anchor.late", "error"), ("anchor.back", "ok")):
            entry = self.until(lambda act=act: self.entries(act)[known[act]:], f"the trail has {act}")[0]
            self.assertEqual((entry["outcome"], self.event(entry)["oid"]), (outcome, "ledger"))

    def test_a_the_trail_is_set_back_with_its_signer(self):
        """Database and guard agree, and every signature is good; a block holds the checkpoint of what is missing."""
        place = self.place
        data = place.dir / "guards/audit/data.mdb"
        copies = {day: place.dir / f"{day}.mdb" for day in ("yesterday", "today")}
        place.withdraw(1)
        for day in copies:
            if day == "today":
                place.start()
                place.withdraw(2)
                size = int(place.value("SELECT size FROM audit.head"))
                anchored = self.until(lambda: [row for row in self.anchors() if row[0] >= size], "what was done is anchored")[0]
                self.until(lambda: self.told(anchored), "the trail says so")
            place.stop("custodyd", "audit")
            place.keep_trail(day)
            shutil.copyfile(data, copies[day])
        note = place.dir / "anchored.checkpoint"
        note.write_bytes(anchored[2])
        place.put_trail_back("yesterday")
        set_back(copies["yesterday"], data)
        place.start_halted("trail")
        halts = [line for line in place.log("custodyd").splitlines() if "event=sequencer.state state=halted" in line]
        self.assertRegex(halts[-1], "status=rollback.*is anchored in the ledger")
        status, said = place.verify("trail", place.export_trail(), note)
        self.assertEqual((status, "the tail was cut" in said), (2, True), said)
        place.stop("custodyd", "audit")
        place.put_trail_back("today")
        set_back(copies["today"], data)
        place.start()
        status, said = place.verify("trail", place.export_trail(), note)
        self.assertEqual(status, 0, said)
        place.stop("custodyd", "audit")
        self.refused_by_the_token(copies["yesterday"], data)
        place.start()

    def refused_by_the_token(self, older, data):
        """Everything on the machine may be yesterday's, also the ledger: the token has seen today, when its signer started last."""
        newest = data.with_name("newest.mdb")
        shutil.copyfile(data, newest)
        set_back(older, data)
        self.assertFalse(self.place.start(check=False))
        (refused,) = [line for line in self.place.log("audit").splitlines() if "event=start.refused" in line]
        self.assertRegex(refused, "status=rollback where=token.anchor .*the guard is an older copy")
        set_back(newest, data)
        newest.unlink()

    def told(self, anchored):
        """Whether an entry of the trail is about this anchor."""
        size, height, note = anchored
        facts = [self.event(entry)["facts"] for entry in self.entries("trail.anchor")]
        return {"size": str(size), "height": str(height)} in facts

    def promised(self, row):
        """What the entry before the signature says that the signer had promised."""
        (entry,) = self.entries("withdrawal.signing", oid=row["id"])
        return int(self.event(entry)["facts"]["promises"])

    def test_it_signs_nothing(self):
        place = self.place
        data = place.dir / "guards/transfer/data.mdb"
        copy = place.dir / "before.mdb"
        before = self.promised(place.withdraw(9)) + 1
        self.assertEqual(self.promised(place.withdraw(1)), before)
        place.stop("transfer")
        shutil.copyfile(data, copy)
        place.start()
        self.assertEqual([self.promised(place.withdraw(amount)) for amount in (2, 3)], [before + 1, before + 2])
        place.stop("transfer")
        set_back(copy, data)
        place.start()
        row = place.proposed(4)
        place.approve(row)
        self.until(lambda: any("op=transfer.sign" in line and "rollback" in line for line in place.log("transfer").splitlines()), "the signer finds out")
        self.assertEqual(self.promised(row), before + 3)
        self.assertEqual(place.read(row["id"])["state"], "recorded")
        refusals = [line for line in place.log("transfer").splitlines() if "op=transfer.sign" in line]
        self.assertTrue(any("where=promises" in line and "older copy" in line for line in refusals), refusals)
        self.assertNotIn(row["id"], "".join(line for line in place.log("transfer").splitlines() if "transfer.signed" in line))
        self.until(lambda: place.call("GET", "/healthz").status == 503, "the service says so")

    def hide(self, row):
        self.place.psql(f"UPDATE audit.leaf SET oid = 'hidden' WHERE oid = '{row['id']}'")

    def quarantine(self, row):
        self.place.psql(f"""UPDATE custody.withdrawal SET state = 'quarantined', ver = ver + 1 WHERE id = '{row["id"]}';
            UPDATE custody.outbox SET done_at = now() WHERE withdrawal = '{row["id"]}' AND done_at IS NULL""")

    def test_z_a_guard_is_made_anew(self):
        """It cannot say what the one before promised. What the trail tells nothing of ends by what was asked for, once the ledger has that
        or cannot take it any more: never by a row. What the trail says was taken off the allow-list is not shown to it, whatever the row says."""
        place = self.place
        revoked = self.taken_off()
        rows = {row["amount"]: row for row in place.call("GET", "/v1/withdrawals").json["withdrawals"]}
        paid, recorded = rows["3"], rows["4"]
        place.stop("custodyd", "transfer")
        place.initialise_guard("transfer", "--promises", place.value("SELECT max(promises) FROM custody.withdrawal"))
        place.configure("custodyd", transaction_window=2)
        self.start_transfer()
        place.start()
        self.until(lambda: self.entries("destination.refused", oid=revoked), "the service says that it does not show it")
        self.assertEqual(place.log("transfer").count(f"event=destination.adopted destination={revoked}"), 1)
        lost = place.proposed(5)
        place.approve(lost, "approver-1")
        place.history_to(lost["id"], "withdrawal.approve")
        for row in (paid, lost):
            self.quarantine(row)

        with self.subTest("the row has another intent than was asked for"):
            place.psql(f"""UPDATE custody.withdrawal SET intent = convert_to(regexp_replace(convert_from(intent, 'UTF8'),
                '"valid_until":"[0-9]+"', '"valid_until":"{json.loads(lost["intent"])["valid_from"]}"'), 'UTF8') WHERE id = '{lost["id"]}'""")
            self.assertProblem(place.settle(lost), 403, "mismatch", "intent")
            end = int(json.loads(lost["intent"])["valid_until"])
            self.until(lambda: self.entries("trail.anchor") and place.ledger_height() >= end, "blocks come")  # each read is anchored
            self.assertEqual(place.settled(lost, {"intent": lost["intent"]})["state"], "failed")
            held = "SELECT (SELECT count(*) FROM custody.reservation WHERE withdrawal = '{0}'), (SELECT count(*) FROM custody.lane WHERE holder = '{0}')"
            self.assertEqual(place.psql(held.format(lost["id"])), [["0", "1"]])  # its sequence may be promised
        with self.subTest("it was recorded, and its time is long over"):
            state = f"SELECT state || ' ' || coalesce(reason, '') FROM custody.withdrawal WHERE id = '{recorded['id']}'"
            self.assertEqual(place.value(state), "recorded ")  # it is waited for as long as it could be signed
            self.later(2)
            self.until(lambda: place.value(state) == "quarantined conflict", "nobody waits for it any more")
        with self.subTest("nothing is shown of it, and the ledger may take it"):
            self.hide(recorded)
            self.assertProblem(place.settle(recorded), 503, "rollback", "trail")
            of = f"withdrawal = '{recorded['id']}'"
            place.psql(f"DELETE FROM custody.approval WHERE {of} AND person = 'approver-2'")
            self.assertProblem(place.settle(recorded), 503, "rollback", "promises")
            place.insert_approval(recorded, "approver-2", place.approval(recorded, "approver-1"))  # one person is not two
            self.assertProblem(place.settle(recorded), 503, "rollback", "promises")
        with self.subTest("nothing is shown of it, and the ledger has it"):
            self.hide(paid)
            self.assertEqual(place.settled(paid)["state"], "confirmed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
