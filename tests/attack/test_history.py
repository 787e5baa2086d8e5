#!/usr/bin/python3
"""A superuser of PostgreSQL takes entries away before they become entries, or makes their numbers start again, or exchanges what was asked
for before anybody decides. He moves nothing by it, but what is moved could never be proven: so it is not moved."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import canonical, digest, eventually  # noqa: E402
from test_older_guard import set_back  # noqa: E402


class Thief(strongroom.Case):
    OPTIONS = {"trail_timeout": 4000}

    def setUp(self):
        place = self.place
        self.held = (place.balance(place.hot), place.wallet()[1], place.log("transfer").count("event=transfer.signed"))

    def tearDown(self):
        place = self.place
        self.assertEqual((place.balance(place.hot), place.wallet()[1], place.log("transfer").count("event=transfer.signed")), self.held)

    def stealing(self, act):
        """Of whatever waits to become an entry with this act nothing is left as soon as it is there."""
        self.place.psql(f"""
            CREATE OR REPLACE FUNCTION public.steal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER steal BEFORE INSERT ON audit.pending FOR EACH ROW
                WHEN (position('"act":"{act}"' IN convert_from(NEW.evt, 'UTF8')) > 0) EXECUTE FUNCTION public.steal()""")
        self.addCleanup(self.place.psql, "DROP TRIGGER IF EXISTS steal ON audit.pending")

    def stop_stealing(self):
        self.place.psql("DROP TRIGGER steal ON audit.pending")

    def waits(self, row, *codes):
        return eventually(lambda: (said := self.place.read(row["id"])).get("waiting", {}).get("for") in codes and said, f"it waits for {codes}")

    def waits_for_request(self, row):
        eventually(lambda: f"event=decision.waits withdrawal={row['id']}" in self.place.log("custodyd"), "somebody waits who decided about it")

    def cancelled(self, row):
        reply = self.place.patiently(lambda: self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel"))
        self.assertEqual(reply.status, 200, reply)

    def holds(self, row):
        """How many reservations and lanes are its own."""
        return self.place.psql(f"""SELECT (SELECT count(*) FROM custody.reservation WHERE withdrawal = '{row["id"]}'),
            (SELECT count(*) FROM custody.lane WHERE holder = '{row["id"]}')""")[0]

    def never_signed(self, row):
        """Stands still where it is. Whoever has it settled has the signer asked, who was never asked to sign it: what it holds is free."""
        place = self.place
        place.psql(f"""UPDATE custody.withdrawal SET state = 'quarantined', ver = ver + 1 WHERE id = '{row['id']}';
            DELETE FROM custody.outbox WHERE withdrawal = '{row['id']}'""")
        place.stop("transfer")
        self.assertProblem(place.settle(row), 503, "unavailable")
        self.assertEqual(self.holds(row), ["1", "1"])
        place.start()
        self.assertEqual((place.settled(row)["state"], self.holds(row)), ("failed", ["0", "0"]))
        self.signer_knows(row)

    def signer_knows(self, row):
        """That it ended: it signs it no more."""
        self.assertIn(f"event=transfer.ended withdrawal={row['id']}", self.place.log("transfer"))

    def recorded(self, amount):
        """Recorded to be signed, by an entry that there is not."""
        place = self.place
        row = place.proposed(amount)
        self.stealing("withdrawal.signing")
        place.approve(row)
        place.wait(row["id"], "recorded")
        self.waits(row, "not_ready")
        self.stop_stealing()
        return row


class History(Thief):
    def test_the_intent_is_exchanged_before_anybody_decides(self):
        """Row, intent and transaction agree with one another, and people sign what they are shown; it is not what was asked for."""
        place = self.place
        asked = place.proposed(50)
        transaction = json.loads(asked["transaction"])
        for leg in transaction["legs"]:
            leg["amount"] = "60"
        intent = canonical({**json.loads(asked["intent"]), "amount": "60", "transaction": digest("transaction", canonical(transaction))})
        place.psql(f"""UPDATE custody.withdrawal SET amount = 60, intent = convert_to($d${intent}$d$, 'UTF8'),
            transaction = convert_to($d${canonical(transaction)}$d$, 'UTF8') WHERE id = '{asked["id"]}'""")
        shown = place.read(asked["id"])
        self.assertProblem(place.decide(shown, "approver-1"), 403, "mismatch", "intent")
        self.assertEqual(place.read(asked["id"])["approvals"], [])
        self.cancelled(asked)

    def test_the_entry_of_the_request_is_taken_away(self):
        place = self.place
        self.stealing("withdrawal.request")
        self.assertProblem(place.propose(51), 503, "not_ready")
        self.stop_stealing()
        row = next(row for row in place.call("GET", "/v1/withdrawals").json["withdrawals"] if row["amount"] == "51")
        self.assertProblem(place.decide(row, "approver-1"), 503, "not_ready", "trail")
        self.cancelled(row)

    def test_the_entry_of_an_approval_is_taken_away(self):
        place = self.place
        row = place.proposed(52)
        self.stealing("withdrawal.approve")
        self.assertProblem(place.decide(row, "approver-1"), 503, "not_ready")
        self.stop_stealing()
        place.decide(row, "approver-2")
        self.waits(row, "corrupt")
        self.never_signed(row)

    def test_the_numbers_of_its_entries_start_again(self):
        place = self.place
        row = place.proposed(53)
        place.approve(row, "approver-1")
        place.psql(f"UPDATE custody.object_ordinal SET last = 1 WHERE oid = '{row['id']}'")
        place.decide(row, "approver-2")
        self.waits(row, "corrupt")
        self.never_signed(row)

    def test_the_entry_before_the_signature_is_taken_away(self):
        """Nothing comes after it, so that it looks like one on its way, until the time of the intent is long over."""
        place = self.place
        row = self.recorded(56)
        past = canonical({**json.loads(row["intent"]), "requested_at": strongroom.time_text(seconds=-9000), "expires_at": strongroom.time_text(seconds=-7300)})
        place.psql(f"UPDATE custody.withdrawal SET intent = convert_to($d${past}$d$, 'UTF8') WHERE id = '{row['id']}'")
        self.assertEqual(place.wait(row["id"], "quarantined")["reason"], "not_ready")
        place.history_to(row["id"], "withdrawal.quarantined")
        self.never_signed(row)

    def test_another_entry_has_the_number_of_the_one_before_the_signature(self):
        """So its own will never come; the history is whole without it, and says that the signer was never asked."""
        place = self.place
        row = self.recorded(57)
        place.stop("custodyd")
        place.psql(f"""UPDATE custody.outbox SET due_at = now() + interval '1 day', claimed_by = NULL WHERE withdrawal = '{row["id"]}' AND done_at IS NULL;
            UPDATE custody.object_ordinal SET last = last - 1 WHERE oid = '{row["id"]}'""")
        place.start()
        self.assertProblem(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel"), 409, "conflict", "state")
        place.history_to(row["id"], "withdrawal.cancel")
        place.psql(f"UPDATE custody.outbox SET due_at = now() WHERE withdrawal = '{row['id']}' AND done_at IS NULL")
        self.assertEqual(place.wait(row["id"], "quarantined")["reason"], "unrecorded")
        self.assertEqual(place.settled(row)["state"], "failed")

    def hide(self, row, since):
        """Entries of it, from one on, are of another object, and their numbers start again."""
        ordinal = f"(SELECT ord FROM audit.leaf WHERE oid = '{row['id']}' AND act = '{since}')"
        self.place.psql(f"""UPDATE custody.object_ordinal SET last = {ordinal} - 1 WHERE oid = '{row["id"]}';
            UPDATE audit.leaf SET oid = 'hidden' WHERE oid = '{row["id"]}' AND ord >= {ordinal}""")

    def signed(self, amount):
        """Signed, and the ledger does not get it."""
        row = self.place.held_before("submit", amount, "signed")
        hot, held, signatures = self.held
        self.held = (hot - amount, held, signatures + 1)
        return row

    def end(self, row, end, approver="approver-2"):
        body = self.place.approval(row, approver, "reject") if end == "reject" else None
        return self.place.call("POST", f"/v1/withdrawals/{row['id']}/{end}", body, approver if body else "operator-1")

    def ended(self, row, end):
        self.assertEqual(self.place.patiently(lambda: self.end(row, end)).status, 200)
        self.signer_knows(row)

    def set_back(self, row, state, more=""):
        self.place.psql(f"""UPDATE custody.withdrawal SET state = '{state}', ver = ver + 1, reason = NULL{more} WHERE id = '{row["id"]}';""")

    def show_intent(self, row, intent):
        self.place.psql(f"UPDATE custody.withdrawal SET intent = convert_to($d${intent}$d$, 'UTF8') WHERE id = '{row['id']}'")

    def veto(self, row):
        """By whoever is shown the same terms; the intent is another one, by the second when it was asked for."""
        people = self.place.dir / "people"
        self.show_intent(row, canonical({**json.loads(row["intent"]), "requested_at": strongroom.time_text(seconds=-5)}))
        try:
            return self.place.custody("veto", row["id"], "--reason", "not-ours", "--key", f"{people}/approver-3.key", "--passphrase-file",
                                      f"{people}/approver-3.passphrase", person="approver-3", check=False)
        finally:
            self.show_intent(row, row["intent"])

    def in_alarm(self, code="withdrawal.quarantined"):
        """object -> facts"""
        return {alarm["object_id"]: alarm["facts"] for alarm in self.place.call("GET", "/v1/alarms").json["alarms"] if alarm["code"] == code}

    def put_aside(self, row):
        """In quarantine with all that it holds, and nobody works on it."""
        self.assertEqual(self.place.wait(row["id"], "quarantined")["reason"], "conflict")
        self.assertEqual(self.holds(row), ["1", "1"])
        self.assertEqual(self.place.value(f"SELECT count(*) FROM custody.outbox WHERE withdrawal = '{row['id']}' AND done_at IS NULL"), "0")
        eventually(lambda: self.in_alarm().get(row["id"]) == {"reason": "conflict"}, "it is an alarm")

    def test_many_in_quarantine(self):
        """The first 64 are named, and how many there are: none of them keeps the others from being an alarm."""
        place = self.place
        row = place.proposed(61)
        place.psql(f"""
            INSERT INTO custody.withdrawal SELECT (jsonb_populate_record(w, jsonb_build_object('state', 'quarantined', 'reason', 'mismatch',
                'id', overlay(w.id::text PLACING lpad(n::text, 12, '0') FROM 25), 'idempotency_key', 'many-' || n))).*
            FROM custody.withdrawal AS w, generate_series(1, 70) AS n WHERE w.id = '{row['id']}'""")
        try:
            eventually(lambda: self.in_alarm().get("all") == {"number": "70", "reason": "conflict"}, "there are 70")
            self.assertEqual(len(self.in_alarm()), 65)
        finally:
            place.psql("DELETE FROM custody.withdrawal WHERE idempotency_key LIKE 'many-%'")
        eventually(lambda: not self.in_alarm(), "there is none")
        self.assertEqual(self.end(row, "cancel").status, 200)

    def test_a_withdrawal_that_was_signed_does_not_end(self):
        """Its row says that nobody was asked to sign it, so that whoever ends it asks for another one: it is put aside, and happens once."""
        place = self.place
        row = self.signed(62)
        for state, end in (("requested", "cancel"), ("reserved", "reject"), ("approving", "cancel"), ("approved", "cancel")):
            with self.subTest(state=state, end=end):
                self.set_back(row, state)
                reply = self.end(row, end, "approver-3")
                self.assertProblem(reply, 409, "conflict", "withdrawal")
                self.assertIn("it is quarantined now", reply.json["detail"])
                self.put_aside(row)
        self.assertProblem(self.end(row, "cancel"), 409, "conflict", "state")
        with self.subTest("a veto against another intent"):
            self.set_back(row, "approved")
            said = self.veto(row)
            self.assertNotEqual(said.returncode, 0)
            self.assertIn("it is quarantined now", said.stderr)
            self.put_aside(row)
        with self.subTest("its time is over"):
            self.set_back(row, "approved", ", expires_at = now() - interval '1 hour'")
            self.put_aside(row)
        with self.subTest("its approvals are gone"):
            of = f"withdrawal = '{row['id']}'"
            place.psql(f"CREATE TABLE public.approvals AS SELECT * FROM custody.approval WHERE {of}; DELETE FROM custody.approval WHERE {of}")
            self.set_back(row, "approved", ", expires_at = now() + interval '1 hour'")
            place.psql(f"UPDATE custody.outbox SET done_at = NULL, due_at = now() WHERE {of} AND kind = 'record'")
            self.put_aside(row)
            place.psql("INSERT INTO custody.approval SELECT * FROM public.approvals; DROP TABLE public.approvals")
        self.assertEqual(place.settled(row)["state"], "confirmed")  # the signer signs the same bytes again
        eventually(lambda: row["id"] not in self.in_alarm(), "it is an alarm no more")
        self.held = (*self.held[:2], self.held[2] + 1)
        told = [(entry["act"], entry["outcome"]) for entry in place.history_to(row["id"])]
        self.assertEqual(told.count(("withdrawal.quarantined", "error")), 7)
        self.assertEqual([act for act, outcome in told if act in ("withdrawal.cancel", "withdrawal.reject", "withdrawal.expire", "withdrawal.veto") and outcome == "ok"], [])
        self.assertProven("trail", place.export_trail())

    def test_a_withdrawal_that_was_paid_does_not_end(self):
        """Its row is as a backup from before it was signed has it, with all that it held then, and its time is over."""
        place = self.place
        hot, held, signatures = self.held
        row = place.withdraw(67)
        of, seq = f"withdrawal = '{row['id']}'", place.value(f"SELECT seq FROM custody.withdrawal WHERE id = '{row['id']}'")
        posting = f"SELECT wallet, asset, amount, height, index FROM custody.posting WHERE {of}"
        lane = f"SELECT next_seq FROM custody.lane AS l, custody.withdrawal AS w WHERE w.id = '{row['id']}' AND l.lane = w.lane AND l.account = w.account"
        posted, after = place.psql(posting), place.value(lane)
        looked_at = "SELECT coalesce(max(value::bigint), 0) FROM custody.mark WHERE subject = 'ledger/scanned'"
        eventually(lambda: int(place.value(looked_at)) >= row["height"], "the block was held against the row")
        self.revive(row, "approved")
        place.psql(f"""DELETE FROM custody.posting WHERE {of}; UPDATE custody.lane SET next_seq = {seq} WHERE holder = '{row["id"]}';
            UPDATE custody.withdrawal SET signature = NULL, promises = NULL, height = NULL, index = NULL, expires_at = now() - interval '1 hour'
                WHERE id = '{row["id"]}'""")
        self.put_aside(row)
        self.assertEqual(place.wallet()[1], held + 67)
        self.assertEqual(place.settled(row)["state"], "confirmed")
        self.assertEqual((self.holds(row), place.psql(posting), place.value(lane)), (["0", "0"], posted, after))
        self.assertProven("trail", place.export_trail())
        self.held = (hot - 67, held, signatures + 1)

    def test_what_became_of_another_transaction(self):
        """Row and intent name the transaction of a withdrawal that was paid, whose posting is taken away: the ledger is asked for that one."""
        place = self.place
        paid = place.withdraw(70)
        row = self.signed(71)
        hot, held, signatures = self.held
        before = place.psql(f"SELECT amount, lane, seq, intent, transaction, signature FROM custody.withdrawal WHERE id = '{row['id']}'")[0]
        place.psql(f"""UPDATE custody.withdrawal SET lane = lane + 1000 WHERE id = '{paid["id"]}';
            CREATE TABLE public.posted AS SELECT * FROM custody.posting WHERE withdrawal = '{paid["id"]}';
            DELETE FROM custody.posting WHERE withdrawal = '{paid["id"]}'""")  # one row has its place
        intent = canonical({**json.loads(paid["intent"]), "withdrawal": row["id"]})
        place.psql(f"""UPDATE custody.withdrawal AS w SET state = 'submitted', ver = w.ver + 1, amount = 70, lane = p.lane - 1000, seq = p.seq,
                intent = convert_to($d${intent}$d$, 'UTF8'), transaction = p.transaction, signature = p.signature
                FROM custody.withdrawal AS p WHERE w.id = '{row["id"]}' AND p.id = '{paid["id"]}';
            INSERT INTO custody.outbox (kind, withdrawal) VALUES ('confirm', '{row["id"]}') ON CONFLICT DO NOTHING""")
        self.assertEqual(place.wait(row["id"], "quarantined")["reason"], "mismatch")
        self.assertEqual(self.holds(row), ["1", "1"])
        amount, lane, seq, *documents = before
        intent, transaction, signature = (f"decode('{value.removeprefix(chr(92) + 'x')}', 'hex')" for value in documents)
        place.psql(f"""UPDATE custody.withdrawal SET amount = {amount}, lane = {lane}, seq = {seq}, intent = {intent},
                transaction = {transaction}, signature = {signature} WHERE id = '{row["id"]}';
            UPDATE custody.withdrawal SET lane = lane - 1000 WHERE id = '{paid["id"]}';
            INSERT INTO custody.posting SELECT * FROM public.posted; DROP TABLE public.posted""")
        self.assertEqual(place.settled(row)["state"], "confirmed")
        self.held = (hot - 70, held, signatures + 2)

    def test_nothing_ends_without_the_signer(self):
        """What it was not told it could sign: neither funds nor lane are free before it knows."""
        place = self.place
        row = place.proposed(63)
        place.approve(row, "approver-1")
        place.stop("transfer")
        for end in ("cancel", "reject"):
            self.assertProblem(self.end(row, end), 503, "unavailable")
            self.assertEqual((self.holds(row), place.read(row["id"])["state"]), (["1", "1"], "approving"))
        late = place.proposed(68)
        place.psql(f"UPDATE custody.withdrawal SET expires_at = now() - interval '1 hour' WHERE id = '{late['id']}'")
        said = "event=expire status=unavailable"
        eventually(lambda: said in place.log("custodyd"), "it says that the signer is away")
        time.sleep(3)  # it tries again each second, and says so once
        self.assertEqual((place.log("custodyd").count(said), self.holds(late)), (1, ["1", "1"]))
        place.start()
        place.wait(late["id"], "expired")
        self.assertEqual(self.holds(late), ["0", "0"])
        self.ended(row, "reject")
        self.assertEqual(self.holds(row), ["0", "0"])

    def test_the_entry_of_an_end_is_hidden(self):
        """For as long as the others need to approve it and the service to have it signed: the signer knows that it ended."""
        place = self.place
        for end in ("reject", "cancel", "expire"):
            with self.subTest(end=end):
                row = place.proposed(64)
                place.approve(row, "approver-1")
                if end == "expire":
                    kept = place.value(f"SELECT expires_at FROM custody.withdrawal WHERE id = '{row['id']}'")
                    place.psql(f"UPDATE custody.withdrawal SET expires_at = now() - interval '1 hour' WHERE id = '{row['id']}'")
                    place.wait(row["id"], "expired")
                    place.psql(f"UPDATE custody.withdrawal SET expires_at = '{kept}' WHERE id = '{row['id']}'")
                else:
                    self.ended(row, end)
                place.history_to(row["id"], f"withdrawal.{end}")
                self.hide(row, f"withdrawal.{end}")
                self.revive(row, "approving")
                place.approve(row, "approver-3")
                self.assertEqual(place.wait(row["id"], "failed")["reason"], "denied")
                self.assertEqual(self.holds(row), ["0", "0"])

    def put_back(self, guard):
        """The guard of the transfer signer is this one. Answers what it was."""
        place = self.place
        data = place.dir / "guards/transfer/data.mdb"
        place.stop("transfer")
        was = data.read_bytes()
        set_back(guard, data)
        place.start()
        return was

    def test_the_signer_forgets_an_end(self):
        """Its guard is put back as it was just before, by no promise; the entry is hidden, too. An end has a number, which the service remembers."""
        place = self.place
        older, newer = place.dir / "older.mdb", place.dir / "newer.mdb"
        for end in ("cancel", "veto"):
            with self.subTest(end=end):
                row = place.proposed(67)
                other = place.proposed(68)
                place.approve(row, "approver-1")
                place.stop("transfer")
                shutil.copyfile(place.dir / "guards/transfer/data.mdb", older)
                place.start()
                if end == "veto":
                    files = ("--key", f"{place.dir}/people/approver-2.key", "--passphrase-file", f"{place.dir}/people/approver-2.passphrase")
                    place.custody("veto", row["id"], "--reason", "not-ours", *files, person="approver-2")
                    place.psql("DELETE FROM custody.ending")  # what the process knows is left
                else:
                    self.ended(row, end)
                    place.stop("custodyd")  # what the database knows is left
                    place.start()
                place.history_to(row["id"], f"withdrawal.{end}")
                newer.write_bytes(self.put_back(older))
                told = len(place.log("transfer").splitlines())
                self.hide(row, f"withdrawal.{end}")
                self.revive(row, "approving")
                place.approve(row, "approver-3")
                eventually(lambda: any("op=transfer.sign" in line and "where=ends" in line for line in place.log("transfer").splitlines()[told:]),
                           "the signer refuses")
                self.assertEqual((place.read(row["id"])["state"], self.holds(row)), ("recorded", ["1", "1"]))
                self.assertProblem(self.end(other, "cancel"), 503, "rollback", "ends")
                self.put_back(newer)
                self.assertEqual(place.wait(row["id"], "failed")["reason"], "denied")
                self.ended(other, "cancel")

    def test_the_entry_before_a_signature_is_hidden(self):
        """The signature was kept from the row, and the history looks whole without the entry: what the signer promised holds lane and funds."""
        place = self.place
        row = self.signed(59)
        self.hide(row, "withdrawal.signing")
        place.psql(f"""CREATE TABLE public.kept AS SELECT destination, signature FROM custody.withdrawal WHERE id = '{row["id"]}';
            UPDATE custody.withdrawal SET signature = '', destination = 'sr1' || repeat('0', 72) WHERE id = '{row["id"]}';
            UPDATE custody.outbox SET due_at = now() WHERE withdrawal = '{row["id"]}' AND done_at IS NULL""")
        self.assertEqual(place.wait(row["id"], "quarantined")["reason"], "mismatch")
        place.history_to(row["id"], "withdrawal.quarantined")
        self.assertProblem(place.settle(row), 503, "corrupt", "trail")
        self.assertEqual(self.holds(row), ["1", "1"])
        place.psql(f"UPDATE custody.withdrawal AS w SET signature = k.signature FROM public.kept AS k WHERE id = '{row['id']}'; DROP TABLE public.kept")
        self.assertEqual(place.settled(row)["state"], "confirmed")

    def revive(self, row, state):
        """The row is as it was before it ended, with all that it held."""
        self.place.psql(f"""DELETE FROM custody.approval WHERE withdrawal = '{row["id"]}' AND decision = 'reject';
            UPDATE custody.withdrawal SET state = '{state}', ver = ver + 1, reason = NULL WHERE id = '{row["id"]}';
            UPDATE custody.lane SET holder = '{row["id"]}' FROM custody.withdrawal AS w WHERE w.id = '{row["id"]}' AND lane.lane = w.lane AND lane.wallet = w.wallet;
            INSERT INTO custody.reservation (withdrawal, wallet, asset, amount, account)
                SELECT id, wallet, asset, amount, account FROM custody.withdrawal WHERE id = '{row["id"]}' ON CONFLICT DO NOTHING""")

    def test_what_somebody_ended_is_revived(self):
        """One approver said no, the requester took it back; the others see it open, without the no, and approve it."""
        place = self.place
        for end in ("reject", "cancel"):
            with self.subTest(end=end):
                row = place.proposed(55)
                place.approve(row, "approver-1")
                self.ended(row, end)
                self.revive(row, "approving")
                self.assertProblem(place.decide(row, "approver-3"), 409, "conflict", "state")
                self.assertEqual(place.read(row["id"])["state"], "approving")
                place.psql(f"""UPDATE custody.withdrawal SET state = 'approved', ver = ver + 1 WHERE id = '{row["id"]}';
                    INSERT INTO custody.outbox (kind, withdrawal) VALUES ('record', '{row["id"]}') ON CONFLICT DO NOTHING""")
                self.assertEqual(place.wait(row["id"], "rejected")["reason"], "conflict")

    def test_who_vetoes_is_shown_another_row(self):
        """So the signer denies the intent that it has then; afterwards all is as it was before."""
        place = self.place
        for shown, told in (("approved", "rejected"), ("recorded", "recorded")):
            with self.subTest(shown=shown):
                row = place.held_before("record", 69, "approved")
                self.set_back(row, shown)
                self.assertIn(f"vetoed, the withdrawal is {told}", self.veto(row).stdout)
                place.history_to(row["id"], "withdrawal.veto")
                self.revive(row, "approved")
                place.go_on(row)
                self.assertEqual(place.wait(row["id"], "failed")["reason"], "denied")
                self.assertEqual(self.holds(row), ["0", "0"])
                self.signer_knows(row)

    def test_what_was_settled_is_revived(self):
        """The entry before the signature was hidden while somebody had it settled; now all is as it was, but that it failed."""
        place = self.place
        place.stop("transfer")
        row = place.proposed(61)
        place.approve(row)
        place.wait(row["id"], "recorded")
        place.history_to(row["id"], "withdrawal.signing")
        item = place.psql(f"SELECT kind, entry FROM custody.outbox WHERE withdrawal = '{row['id']}' AND done_at IS NULL")[0]
        place.psql(f"UPDATE audit.leaf SET oid = 'elsewhere' WHERE oid = '{row['id']}' AND act = 'withdrawal.signing'")
        place.psql(f"""UPDATE custody.withdrawal SET state = 'quarantined', ver = ver + 1 WHERE id = '{row["id"]}';
            DELETE FROM custody.outbox WHERE withdrawal = '{row["id"]}'""")
        place.start()
        self.assertEqual(place.settled(row)["state"], "failed")
        place.psql(f"UPDATE audit.leaf SET oid = '{row['id']}' WHERE oid = 'elsewhere'")
        self.revive(row, "recorded")
        place.psql(f"INSERT INTO custody.outbox (kind, withdrawal, entry) VALUES ('{item[0]}', '{row['id']}', {item[1]}) ON CONFLICT DO NOTHING")  # the service may have made it anew
        self.assertEqual(place.wait(row["id"], "quarantined")["reason"], "conflict")
        place.psql(f"""DELETE FROM custody.reservation WHERE withdrawal = '{row["id"]}'; UPDATE custody.lane SET holder = NULL WHERE holder = '{row["id"]}'""")

    def test_y_what_cannot_count_waits_for_no_checkpoint(self):
        """While the entry of the request has none, neither a forged approval waits for it, nor one whose withdrawal ends meanwhile: each is refused,
        which the trail is told at once, though the refusals themselves wait for it, too."""
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", trail_timeout=600000)  # longer than anything here is waited for
        place.start()
        def told(row, reason):
            """Of an approval that was refused for this reason, waiting to be an entry or one that is not signed."""
            both = "SELECT evt AS bytes FROM audit.pending UNION ALL SELECT raw FROM audit.leaf"
            words = ('"act":"withdrawal.approve"', row["id"], f'"reason":"{reason}"')
            found = " AND ".join(f"position('{word}'::bytea IN bytes) > 0" for word in words)
            return place.value(f"SELECT count(*) FROM ({both}) AS b WHERE {found}") != "0"
        with concurrent.futures.ThreadPoolExecutor() as pool:
            os.kill(place.pid("audit"), signal.SIGSTOP)
            try:
                asked = pool.submit(place.propose, 66)
                row = eventually(lambda: next((row for row in place.call("GET", "/v1/withdrawals").json["withdrawals"] if row["amount"] == "66"), None), "it is shown")
                forged = pool.submit(place.decide, row, "approver-1", document=place.approval(row, "approver-1", signer="approver-2"))
                eventually(lambda: told(row, "unknown_key"), "the forged one is refused")
                self.assertNotIn("event=decision.waits", place.log("custodyd").rpartition("event=service.ready")[2])
                decided = pool.submit(place.decide, row, "approver-1")
                self.waits_for_request(row)
                cancelled = pool.submit(place.call, "POST", f"/v1/withdrawals/{row['id']}/cancel")
                eventually(lambda: told(row, "conflict"), "who waited is refused")
            finally:
                os.kill(place.pid("audit"), signal.SIGCONT)
            self.assertEqual([reply.result().status for reply in (asked, forged, decided, cancelled)], [201, 403, 409, 200])
        self.assertProblem(forged.result(), 403, "unknown_key")

    def test_z_honest_work_goes_on(self):
        """Also when somebody approves before a checkpoint covers the entry of the request: both wait."""
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", trail_timeout=300000)
        place.start()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            os.kill(place.pid("audit"), signal.SIGSTOP)
            try:
                asked = pool.submit(place.propose, 54)
                row = eventually(lambda: next((row for row in place.call("GET", "/v1/withdrawals").json["withdrawals"] if row["amount"] == "54"), None), "it is shown")
                decided = pool.submit(place.decide, row, "approver-1")
                self.waits_for_request(row)  # so that it is there before the checkpoint
            finally:
                os.kill(place.pid("audit"), signal.SIGCONT)
            self.assertEqual((asked.result().status, decided.result().status), (201, 200), decided.result())
        place.approve(row, "approver-2")
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        hot, held, signatures = self.held
        self.held = (hot - 54, held, signatures + 1)


class Later(Thief):
    def test_an_entry_may_come_until_the_trail_tells_of_that_time(self):
        """The clock alone, of a service that started late or whose audit signer hangs, gives nothing up that may be signed yet."""
        place = self.place
        row = self.recorded(58)
        item = f"withdrawal = '{row['id']}' AND kind = 'sign'"
        self.later(2, when=place.dir / "later")
        os.kill(place.pid("audit"), signal.SIGSTOP)
        try:
            (place.dir / "later").touch()
            place.psql(f"UPDATE custody.outbox SET due_at = now(), attempts = 0 WHERE {item}")
            eventually(lambda: int(place.value(f"SELECT attempts FROM custody.outbox WHERE {item}")) > 2, "it is tried again")
            self.assertEqual(place.value(f"SELECT state FROM custody.withdrawal WHERE id = '{row['id']}'"), "recorded")
        finally:
            os.kill(place.pid("audit"), signal.SIGCONT)
        eventually(lambda: place.value(f"SELECT state FROM custody.withdrawal WHERE id = '{row['id']}'") == "quarantined", "it is given up")
        hot, held, signatures = self.held
        self.held = (hot, held + 58, signatures)


class Numbers(strongroom.Case):
    def test_an_entry_with_a_number_that_was_given_before_is_an_alarm(self):
        """It is what was signed, so no row speaks against it, and an entry that is taken away beside it leaves no gap. Told once, for good."""
        place = self.place
        row = place.proposed(60)
        place.history_to(row["id"], "withdrawal.request")
        place.psql(f"DELETE FROM custody.object_ordinal WHERE oid = '{row['id']}'")
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)
        again = place.history_to(row["id"], "withdrawal.cancel")[1]
        self.assertEqual(self.event(again)["on"], "1")

        def told():
            return [event["facts"] for event in map(self.event, self.entries("trail.corrupt")) if "ordinal" in event["facts"]]

        eventually(told, "the trail has it")
        alarms = place.call("GET", "/v1/alarms").json
        found = [alarm for alarm in alarms["alarms"] if alarm["code"] == "trail.corrupt"]
        self.assertEqual([alarm["facts"] for alarm in found], [{"entry": str(again["seq"]), "ordinal": "1", "reason": "conflict"}])
        for _ in range(3):
            looked_at = place.call("GET", "/v1/alarms").json["looked_at"]
            eventually(lambda at=looked_at: place.call("GET", "/v1/alarms").json["looked_at"] != at, "it looks again")
        self.assertEqual(told(), [{"entry": str(again["seq"]), "ordinal": "1"}])
        self.assertNotIn("corrupt", place.call("GET", "/v1/audit/entries", person="auditor-1").json, "no row is another one")
        status, said = place.verify("trail", place.export_trail())
        self.assertEqual(status, 1, said)
        self.assertIn(f"entry {again['seq']}: ordinal 1 of withdrawal {row['id']}, but 2 is due", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
