#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL: every table can be rewritten, every trigger and constraint is off.

The service is not told apart from the database: what it reads there it passes on. The signer believes documents, signatures of people
and proofs, so nothing of this moves an asset. Each case forges one thing, looks at the reason with which the withdrawal ends, and
at the ledger. `to_the_signer` even writes the entry `withdrawal.signing` that the signer asks for: the trail takes it, because
whoever may write into the database may announce a signature, and the signer refuses what was announced.
"""

import base64
import http.client
import json
import os
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from positions import signing_entry, to_the_trail  # noqa: E402
from strongroom import canonical, digest, eventually  # noqa: E402


class Database(strongroom.Case):
    def setUp(self):
        place = self.place
        self.mallory = self.address_of_mallory()
        self.before = (place.balance(place.hot), place.balance(self.mallory))
        self.paid = place.balance(place.payee)

    def tearDown(self):
        """Nothing left the wallet but what honest people approved, and honest work goes on."""
        place = self.place
        honest = place.balance(place.payee) - self.paid
        self.assertEqual((place.balance(place.hot) + honest, place.balance(self.mallory)), self.before)
        self.assertHonestWorkGoesOn()

    def address_of_mallory(self):
        if "mallory" not in self.place.keys:
            self.place.stranger("mallory")
            key = self.place.person("mallory")
            said = self.place.custody("key", "address", f"{key['alg']}:{key['key']}").stdout
            self.place.mallory_address = said.strip()
        return self.place.mallory_address

    # The attacker's tools

    def set_state(self, row, state, item):
        """The row is in another state, and the outbox says that the next step is due."""
        self.place.at_once(f"""
            UPDATE custody.withdrawal SET state = '{state}', ver = ver + 1 WHERE id = '{row["id"]}';
            DELETE FROM custody.outbox WHERE withdrawal = '{row["id"]}';
            INSERT INTO custody.outbox (kind, withdrawal) VALUES ('{item}', '{row["id"]}')""")

    def replace_destination(self, account_document, signed):
        """The allow-list holds this document, whatever it is, as the newest for the account of another document."""
        key = json.loads(account_document)["account"][3:3 + 63]
        self.place.psql(f"""
            INSERT INTO custody.document (kind, id, digest, bytes) VALUES ('destination', '{key}',
            '\\x{digest("destination", signed["document"])}', convert_to($d${canonical(signed)}$d$, 'UTF8'));""")

    def restore_destinations(self):
        self.place.psql("DELETE FROM custody.document WHERE kind = 'destination' AND created_at > "
                        "(SELECT min(created_at) FROM custody.document WHERE kind = 'destination')")

    def to_the_signer(self, row, approvals, destination=None):
        """Past custodyd's own check: the withdrawal is recorded, with a signing entry in the trail that names these documents."""
        to_the_trail(self.place, signing_entry(self.place, row, approvals, destination))
        self.set_state(row, "recorded", "sign")

    def ends(self, row, state, *reasons):
        """The withdrawal ends in this state; the row and the trail say why; the ledger never saw its transaction."""
        ended = self.place.wait(row["id"], state)
        self.assertIn(ended["reason"], reasons, ended)
        act = {"failed": "withdrawal.failed", "rejected": "withdrawal.reject", "quarantined": "withdrawal.quarantined"}[state]
        last = eventually(lambda: [entry for entry in self.place.history(row["id"]) if entry["act"] == act], "the trail has it")[-1]
        event = json.loads(base64.b64decode(last["raw"]).split(b"\n")[4])
        self.assertEqual(event["reason"], ended["reason"])
        self.assertNotIn(row["transaction_id"], [id for id, _ in self.place.ledger_transactions()])
        return ended

    def refused_by_service(self, row, *reasons):
        """Before anybody is asked to sign."""
        self.ends(row, "rejected", *reasons)

    def refused_by_signer(self, row, *reasons, state="failed"):
        ended = self.ends(row, state, *reasons)
        refusals = [line for line in self.place.log("transfer").splitlines() if "event=request.refused op=transfer.sign" in line]
        self.assertIn(f"status={ended['reason']} ", refusals[-1])

    # States

    def test_state_set_to_approved(self):
        for people in ((), ("approver-1",)):
            with self.subTest(people=people):
                row = self.place.proposed(50)
                for person in people:
                    self.place.approve(row, person)
                self.set_state(row, "approved", "record")
                self.refused_by_service(row, "quorum_missing")

    def test_state_set_to_recorded_with_an_entry_of_its_own(self):
        row = self.place.proposed(51)
        self.to_the_signer(row, [])
        self.refused_by_signer(row, "quorum_missing")
        row = self.place.proposed(51)
        one = self.place.approval(row, "approver-1")
        self.assertEqual(self.place.decide(row, "approver-1", document=one).status, 200)
        self.to_the_signer(row, [one])
        self.refused_by_signer(row, "quorum_missing")

    def test_state_set_back_after_the_end(self):
        """A confirmed withdrawal set back to approved is signed once all the same."""
        place = self.place
        row = place.withdraw(52)
        place.psql(f"""
            INSERT INTO custody.reservation (withdrawal, wallet, asset, amount, account)
                SELECT id, wallet, asset, amount, account FROM custody.withdrawal WHERE id = '{row["id"]}';
            """)
        self.set_state(row, "recorded", "sign")
        strongroom.eventually(lambda: place.value(f"SELECT count(*) FROM custody.outbox WHERE withdrawal = '{row['id']}' "
                                                  "AND attempts > 1 OR done_at IS NOT NULL") != "0", "the step was tried")
        self.assertEqual([id for id, _ in place.ledger_transactions()].count(row["transaction_id"]), 1)
        self.assertEqual(place.balance(place.payee), self.paid + 52)
        place.psql(f"""
            UPDATE custody.withdrawal SET state = 'confirmed' WHERE id = '{row["id"]}';
            DELETE FROM custody.outbox WHERE withdrawal = '{row["id"]}';
            DELETE FROM custody.reservation WHERE withdrawal = '{row["id"]}';""")

    # What was asked for

    def test_columns_changed_before_the_decision(self):
        place = self.place
        for column, value in (("lane", "7"), ("seq", "7"), ("transaction", "convert_to('{}', 'UTF8')")):
            with self.subTest(column=column):
                row = place.proposed(53)
                place.psql(f"UPDATE custody.withdrawal SET {column} = {value} WHERE id = '{row['id']}'")
                place.approve(row)
                self.refused_by_service(row, "mismatch")
        for column, value in (("destination", self.mallory), ("amount", "99999"), ("requester", "requester-2"),
                              ("expires_at", strongroom.time_text(seconds=366 * 86400))):
            with self.subTest(column=column):  # what people see: nobody decides on it
                row = place.proposed(53)
                place.psql(f"UPDATE custody.withdrawal SET {column} = '{value}' WHERE id = '{row['id']}'")
                self.assertProblem(place.decide(row, "approver-1"), 503, "corrupt")
                place.psql(f"UPDATE custody.withdrawal SET {column} = '{row[column]}' WHERE id = '{row['id']}'")
                self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)

    def test_documents_changed_before_the_decision(self):
        """The intent pays somebody else; people decide about what they see, and they see the intent itself."""
        place = self.place
        row = place.proposed(54)
        intent, transaction = self.redirected(row)
        place.psql(f"""
            UPDATE custody.withdrawal SET destination = '{self.mallory}', intent = convert_to($d${intent}$d$, 'UTF8'),
            transaction = convert_to($d${transaction}$d$, 'UTF8') WHERE id = '{row["id"]}'""")
        self.assertProblem(place.decide(row, "approver-1"), 403, "mismatch", "intent")  # a decision made before the change
        shown = place.custody("show", row["id"]).stdout
        self.assertIn(self.mallory, shown)
        self.assertNotIn(row["short_code"], shown)
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)

    def redirected(self, row, **changes):
        """(intent, transaction) of the withdrawal, made anew for another destination, as a generator would make them."""
        transaction = json.loads(row["transaction"])
        for leg in transaction["legs"]:
            if leg["side"] == "credit":
                leg["account"] = self.mallory
        transaction["legs"].sort(key=lambda leg: leg["side"] == "credit")
        intent = {**json.loads(row["intent"]), "destination": self.mallory, **changes}
        intent["transaction"] = digest("transaction", canonical(transaction))
        return canonical(intent), canonical(transaction)

    def test_intent_replaced_after_the_approvals(self):
        """Good approvals, another intent under them, a destination that the attacker signed for it."""
        place = self.place
        row = place.proposed(55)
        good = [place.approval(row, person) for person in ("approver-1", "approver-2")]
        for person, signed in zip(("approver-1", "approver-2"), good):
            self.place.insert_approval(row, person, signed)
        intent, transaction = self.redirected(row)
        place.psql(f"""
            UPDATE custody.withdrawal SET destination = '{self.mallory}', intent = convert_to($d${intent}$d$, 'UTF8'),
            transaction = convert_to($d${transaction}$d$, 'UTF8') WHERE id = '{row["id"]}'""")
        destination = self.forged_destination("admin-1", "admin-2", signer="mallory")
        self.replace_destination(destination["document"], destination)
        changed = {**row, "intent": intent, "transaction": transaction}
        self.to_the_signer(changed, good, destination)
        self.refused_by_signer(row, "mismatch")  # the approvals are for another intent; the entry is held by nobody
        self.restore_destinations()

    def test_intent_replaced_destination_listed(self):
        """The same to a destination that stands on the list: only the amount is another."""
        place = self.place
        row = place.proposed(56)
        good = [place.approval(row, person) for person in ("approver-1", "approver-2")]
        for person, signed in zip(("approver-1", "approver-2"), good):
            self.place.insert_approval(row, person, signed)
        transaction = json.loads(row["transaction"])
        for leg in transaction["legs"]:
            leg["amount"] = "90000"
        intent = {**json.loads(row["intent"]), "amount": "90000", "transaction": digest("transaction", canonical(transaction))}
        place.psql(f"""
            UPDATE custody.withdrawal SET amount = 90000, intent = convert_to($d${canonical(intent)}$d$, 'UTF8'),
            transaction = convert_to($d${canonical(transaction)}$d$, 'UTF8') WHERE id = '{row["id"]}';""")
        self.to_the_signer({**row, "intent": canonical(intent)}, good)
        self.refused_by_signer(row, "mismatch")

    def test_documents_changed_while_the_signer_is_away(self):
        """All is approved and recorded honestly; then the documents in the database change before the signer is asked. Nobody can
        tell from the database whether it was: people must look, and what was recorded happens after all."""
        place = self.place
        before = self.paid
        for column in ("destination", "amount", "expires_at", "intent", "approval"):
            with self.subTest(column=column):
                place.kill("transfer")
                row = place.proposed(57)
                place.approve(row)
                place.wait(row["id"], "recorded")
                intent, transaction = self.redirected(row)
                place.psql({
                    "destination": f"UPDATE custody.withdrawal SET destination = '{self.mallory}' WHERE id = '{row['id']}'",
                    "amount": f"UPDATE custody.withdrawal SET amount = 99999 WHERE id = '{row['id']}'",
                    "expires_at": f"UPDATE custody.withdrawal SET expires_at = expires_at + interval '1 year' WHERE id = '{row['id']}'",
                    "intent": f"""UPDATE custody.withdrawal SET destination = '{self.mallory}',
                        intent = convert_to($d${intent}$d$, 'UTF8'), transaction = convert_to($d${transaction}$d$, 'UTF8')
                        WHERE id = '{row["id"]}'""",
                    "approval": f"DELETE FROM custody.approval WHERE withdrawal = '{row['id']}' AND person = 'approver-1'",
                }[column])
                place.start()
                if column == "approval":  # the signer is asked, and never promised it
                    self.refused_by_signer(row, "quorum_missing")
                    continue
                self.ends(row, "quarantined", "mismatch", "destination_unlisted")
                if column == "intent":  # otherwise nothing shows that it is ours, and its key counts as copied
                    place.psql(f"""UPDATE custody.withdrawal SET destination = '{place.payee}',
                        intent = convert_to($d${row["intent"]}$d$, 'UTF8'), transaction = convert_to($d${row["transaction"]}$d$, 'UTF8')
                        WHERE id = '{row["id"]}'""")
                self.assertSettled(row, "confirmed")
                self.assertPaid(row, 57)
                self.paid += 57
        self.paid = before

    # Approvals

    def test_forged_approvals(self):
        place = self.place
        stranger = place.person("mallory")["key_id"]

        def garbled(row):
            signed = place.approval(row, "approver-2")
            return {**signed, "signatures": [{**signed["signatures"][0], "sig": base64.b64encode(os.urandom(64)).decode()}]}

        def relabelled(row):
            signed = place.approval(row, "approver-3", signer="mallory")
            return {**signed, "signatures": [{**signed["signatures"][0], "key": place.person("approver-3")["key_id"]}]}

        forgeries = {
            "another key": (lambda row: place.approval(row, "approver-2", signer="mallory", key=stranger), "unknown_key"),
            "no signature": (garbled, "signature_invalid"),
            "another key under the name of the right one": (relabelled, "signature_invalid"),
            "of a colluding person, twice": (lambda row: place.approval(row, "approver-1", signed_at=row["requested_at"]),
                                             "duplicate_person"),
            "of somebody without a voice": (lambda row: place.approval(row, "auditor-1"), "quorum_missing"),
            "of another withdrawal": (lambda row: place.approval(place.proposed(1), "approver-2"), "mismatch"),
            "expired": (lambda row: place.approval(row, "approver-2", signed_at=row["requested_at"],
                                                   expires_at=strongroom.time_text(seconds=-0.001)), "expired"),
            "a rejection": (lambda row: place.approval(row, "approver-2", "reject"), "denied"),
        }
        for name, (forge, reason) in forgeries.items():
            with self.subTest(name):
                row = place.proposed(58)
                honest, forged = place.approval(row, "approver-1"), forge(row)
                self.assertEqual(place.decide(row, "approver-1", document=honest).status, 200)
                self.place.insert_approval(row, "approver-2", forged)
                self.to_the_signer(row, [honest, forged])
                self.refused_by_signer(row, reason)

    def test_the_requesters_own_approval(self):
        place = self.place
        row = place.proposed(59, person="approver-4")
        honest, own = place.approval(row, "approver-1"), place.approval(row, "approver-4")
        for person, signed in (("approver-1", honest), ("approver-4", own)):
            self.place.insert_approval(row, person, signed)
        self.to_the_signer(row, [honest, own])
        self.refused_by_signer(row, "self_approval")

    def test_forged_approvals_stop_at_the_service_too(self):
        place = self.place
        row = place.proposed(60)
        forged = [place.approval(row, person, signer="mallory", key=place.person("mallory")["key_id"])
                  for person in ("approver-1", "approver-2")]
        for person, signed in zip(("approver-1", "approver-2"), forged):
            self.place.insert_approval(row, person, signed)
        self.set_state(row, "approved", "record")
        self.refused_by_service(row, "unknown_key")

    def test_tokens_inserted(self):
        """A bearer token that nobody granted opens nothing: no entry of the trail is in a person's name whom the database made up."""
        place = self.place
        stolen = "sr_" + "m" * 43
        place.stop("custodyd")
        told = len(place.log("custodyd"))
        place.start()
        before = place.pages("/v1/audit/entries?actor=auditor-1&order=oldest", "entries", person="operator-1")
        for mac in ("0" * 64, place.value("SELECT encode(mac, 'hex') FROM custody.token WHERE person = 'auditor-1' LIMIT 1")):
            place.psql(f"""INSERT INTO custody.token (digest, person, roles, expires_at, mac)
                VALUES (sha256('{stolen}'), 'auditor-1', '{{auditor}}', now() + interval '1 day', decode('{mac}', 'hex'))""")
            for _ in range(20):
                self.assertProblem(place.call("GET", "/v1/audit/entries?act=login.ok", token=stolen), 401, "unauthenticated")
            place.psql(f"DELETE FROM custody.token WHERE digest = sha256('{stolen}')")
        # The log says of which sort they are and how many, by a line in a minute; a row without a code accuses nobody.
        place.stop("custodyd")
        log = place.log("custodyd")[told:]
        place.start()
        for event, level in (("token.falsified", "error"), ("token.codeless", "warning")):
            lines = [line for line in log.splitlines() if f"event={event} " in line]
            self.assertTrue(all(f"level={level}" in line for line in lines), lines)
            named = [line for line in lines if line.endswith("person=auditor-1")]
            left_out = sum(int(re.search("left_out=([0-9]+)", line)[1]) for line in lines)
            self.assertEqual(len(named) + left_out, 20, lines)
            self.assertLess(len(lines), 20)
        after = place.pages("/v1/audit/entries?actor=auditor-1&order=oldest", "entries", person="operator-1")
        self.assertEqual([entry["seq"] for entry in after], [entry["seq"] for entry in before])

    def test_tokens_edited(self):
        """A token of one's own is not made one of somebody else, of more roles, or of a longer time."""
        place = self.place
        own = place.grant("operator-1", "operator", days=1)
        for edit in ("person = 'auditor-1'", "roles = '{operator,requester}'", "expires_at = expires_at + interval '1 day'"):
            kept = place.value(f"SELECT row_to_json(t) FROM custody.token AS t WHERE digest = sha256('{own}')")
            place.psql(f"UPDATE custody.token SET {edit} WHERE digest = sha256('{own}')")
            self.assertProblem(place.call("GET", "/v1/withdrawals", token=own), 401, "unauthenticated")
            place.psql(f"""DELETE FROM custody.token WHERE digest = sha256('{own}');
                INSERT INTO custody.token SELECT * FROM json_populate_record(NULL::custody.token, '{kept}')""")
            self.assertEqual(place.call("GET", "/v1/withdrawals", token=own).status, 200, edit)

    def test_a_token_is_no_approval(self):
        """A bearer token opens the door to the service and to nothing else: approvals need the person's key."""
        place = self.place
        row = place.proposed(61)
        forged = place.approval(row, "approver-2", signer="mallory", key=place.person("mallory")["key_id"])
        reply = place.call("POST", f"/v1/withdrawals/{row['id']}/approve", forged, person="approver-2")
        self.assertProblem(reply, 403, "unknown_key")
        wider = place.grant("approver-2", "approver,requester,operator,auditor", days=1)
        self.assertProblem(place.propose(1, token=wider), 403, "forbidden")  # the policy gives approver-2 no such duty
        place.call("POST", f"/v1/withdrawals/{row['id']}/cancel")

    # The allow-list

    def forged_destination(self, *admins, signer=None):
        """An entry for mallory's account, signed in the name of administrators."""
        document = json.loads((self.place.dir / "ceremony/destination.document").read_text())
        document = canonical({**document, "account": self.mallory, "id": "mallory"})
        signed = self.place.signed("destination", document, *([signer or admin for admin in admins]))
        for signature, admin in zip(signed["signatures"], admins):
            signature["key"] = self.place.person(admin)["key_id"]
        return signed

    def test_destinations(self):
        place = self.place
        payee = json.loads((place.dir / "ceremony/destination.json").read_text())
        unlisted = ("destination_unlisted",)  # whatever its signatures: the signer goes by the list that it holds
        forgeries = {
            "signed by a stranger": (self.forged_destination("admin-1", "admin-2", signer="mallory"), unlisted),
            "signed by one administrator": (self.forged_destination("admin-1"), unlisted),
            "signed by approvers": (self.forged_destination("approver-1", "approver-3"), unlisted),
            "somebody else's entry": (payee, ("mismatch",)),
        }
        for name, (destination, reasons) in forgeries.items():
            with self.subTest(name):
                row = place.proposed(62, destination=self.mallory)
                good = [place.approval(row, person) for person in ("approver-1", "approver-2")]
                for person, signed in zip(("approver-1", "approver-2"), good):
                    self.place.insert_approval(row, person, signed)
                stored = canonical({"account": self.mallory})
                if destination is payee:  # the digest is the key of a row: make room for it
                    place.psql("DELETE FROM custody.document WHERE kind = 'destination'")
                self.replace_destination(stored, destination)
                self.to_the_signer(row, good, destination)
                if destination is payee:  # the entry of the trail pays to another account than the intent: nobody is asked
                    self.ends(row, "quarantined", *reasons)
                else:
                    self.refused_by_signer(row, *reasons)
                place.psql("DELETE FROM custody.document WHERE kind = 'destination'")
                self.replace_destination(payee["document"], payee)
                if destination is payee:
                    self.assertSettled(row, "failed")
        row = place.proposed(62, destination=self.mallory)
        good = [place.approval(row, person) for person in ("approver-1", "approver-2")]
        for person, signed in zip(("approver-1", "approver-2"), good):
            self.place.insert_approval(row, person, signed)
        self.set_state(row, "approved", "record")
        self.refused_by_service(row, "destination_unlisted")

    # Sequences

    def free_lane(self):
        """(lane, next sequence) that the next withdrawal takes."""
        self.place.withdraw(1)
        return self.place.psql("SELECT lane, next_seq FROM custody.lane WHERE holder IS NULL ORDER BY lane LIMIT 1")[0]

    def test_a_sequence_used_before(self):
        """The lane is set back: the signer remembers which transaction had this sequence. People must look; later ones take another lane."""
        place = self.place
        lane = self.free_lane()
        index = place.value("SELECT pg_get_indexdef('custody.withdrawal_number'::regclass)")
        place.psql(f"DROP INDEX custody.withdrawal_number; UPDATE custody.lane SET next_seq = 0 WHERE lane = {lane[0]}")
        row = place.proposed(63)
        self.assertEqual(json.loads(row["intent"])["seq"], "0")
        place.approve(row)
        self.refused_by_signer(row, "replay", state="quarantined")
        self.assertHeld(row, lane)
        place.psql(index)
        self.assertEqual(self.differences(row)["differences"], [])
        self.assertSettled(row, "failed", "replay")  # the sequence is another's: this can never happen
        self.assertFree(row, lane)

    def test_a_sequence_ahead(self):
        place = self.place
        lane = self.free_lane()
        place.psql(f"UPDATE custody.lane SET next_seq = {int(lane[1]) + 5} WHERE lane = {lane[0]}")
        row = place.proposed(64)
        place.approve(row)
        self.refused_by_signer(row, "conflict", state="quarantined")
        self.assertHeld(row, lane)
        self.assertSettled(row, "failed", "conflict")  # the signer says again that it never signed it
        self.assertFree(row, lane)

    def assertHeld(self, row, lane):
        """Lane and funds stay with the withdrawal until people decide."""
        self.assertEqual(self.place.value(f"SELECT holder FROM custody.lane WHERE lane = {lane[0]}"), row["id"])
        self.assertEqual(self.place.value(f"SELECT count(*) FROM custody.reservation WHERE withdrawal = '{row['id']}'"), "1")

    def assertFree(self, row, lane):
        """Nothing is held any more, and the lane goes on where the ledger stands in it, whatever the row of the lane said."""
        held = f"""SELECT (SELECT count(*) FROM custody.reservation WHERE withdrawal = '{row["id"]}'),
                          (SELECT count(*) FROM custody.lane WHERE holder = '{row["id"]}')"""
        self.assertEqual(self.place.psql(held), [["0", "0"]])
        self.assertEqual(self.place.value(f"SELECT next_seq FROM custody.lane WHERE lane = {lane[0]}"), lane[1])
        self.assertHonestWorkGoesOn()

    # Quarantine

    def differences(self, row):
        reply = self.place.call("GET", f"/v1/withdrawals/{row['id']}/differences")
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def assertSettled(self, row, state, reason=None, body=None):
        """The quarantine ends, once, and the trail says who had it ended and how. Answers the withdrawal."""
        before = self.place.history(row["id"])
        ended = self.place.settled(row, body)
        self.assertEqual((ended["state"], reason or ended["reason"]), (state, ended["reason"]))
        self.assertProblem(self.place.settle(row), 409, "conflict", "state")

        def entries():  # but for those of who was told to ask again
            return [entry for entry in self.place.history(row["id"])[len(before):] if (entry["act"], entry["outcome"]) != ("withdrawal.settle", "error")]
        told = eventually(lambda: len(entries()) > 2 and entries(), "three entries")
        self.assertEqual([(entry["act"], entry["actor"]) for entry in told],
                         [("withdrawal.settle", "operator-1"), (f"withdrawal.{state}", "custodyd"), ("withdrawal.settle", "operator-1")])
        return ended

    def assertPaid(self, row, amount):
        """What the ledger took is what is posted, once, and nothing is reserved any more."""
        self.assertEqual(self.place.balance(self.place.payee), self.paid + amount)
        rows = f"""SELECT (SELECT string_agg(amount::text, ',') FROM custody.posting WHERE withdrawal = '{row["id"]}'),
                          (SELECT count(*) FROM custody.reservation WHERE withdrawal = '{row["id"]}'),
                          (SELECT count(*) FROM custody.lane WHERE holder = '{row["id"]}')"""
        self.assertEqual(self.place.psql(rows), [[str(amount), "0", "0"]])

    def signed_and_killed(self, amount):
        """A withdrawal that the signer has signed; custodyd is killed with the signature in its hands, and not started again."""
        place = self.place
        place.kill("custodyd")
        place.start(STRONGROOM_CRASHPOINT="withdrawal-signature-received:1")
        row = place.proposed(amount)
        place.decide(row, "approver-1")
        try:
            place.decide(row, "approver-2")
        except (OSError, http.client.HTTPException):
            pass  # it was killed before it could answer
        eventually(lambda: place.ended("custodyd") is not None, "custodyd is killed")
        return row

    def test_a_quarantine_that_the_signer_ends(self):
        """Signed, and the row was edited before the ledger got it: the signer signs the same bytes again, and they happen after all."""
        place = self.place
        row = self.signed_and_killed(71)
        place.psql(f"""UPDATE custody.withdrawal SET signature = '', destination = 'sr1' || repeat('0', 72) WHERE id = '{row["id"]}';
            UPDATE custody.outbox SET done_at = now() WHERE withdrawal = '{row["id"]}'""")
        self.set_state(row, "signed", "submit")
        place.start()
        self.assertSetAside(row, "mismatch")
        shown = self.differences(row)
        self.assertEqual((shown["state"], shown["recorded"]), ("quarantined", True))
        self.assertEqual([(one["field"], one["recorded"]) for one in shown["differences"]], [("destination", place.payee), ("signature", "ok")])
        self.assertNotIn(row["transaction_id"], [id for id, _ in place.ledger_transactions()])
        hide = f"UPDATE audit.leaf SET act = '%s' WHERE oid = '{row['id']}' AND act = '%s'"
        place.psql(hide % ("withdrawal.show", "withdrawal.signing"))
        self.assertProblem(self.place.settle(row), 503, "corrupt")
        place.psql(hide % ("withdrawal.signing", "withdrawal.show"))
        self.assert_no_other_entry_in_its_place(row)
        place.stop("transfer")
        self.assertProblem(self.place.settle(row), 503, "unavailable")
        self.assertEqual(place.read(row["id"])["state"], "quarantined")
        place.start()
        of = f"WHERE withdrawal = '{row['id']}'"
        place.psql(f"CREATE TABLE kept AS SELECT * FROM custody.approval {of}; DELETE FROM custody.approval {of}")
        self.assertProblem(self.place.settle(row), 403, "quorum_missing")  # what is signed is not unsigned by taking its approvals away
        self.assertEqual(place.read(row["id"])["state"], "quarantined")
        place.psql("INSERT INTO custody.approval SELECT * FROM kept; DROP TABLE kept")
        self.assertSettled(row, "confirmed")
        self.assertPaid(row, 71)

    def assert_no_other_entry_in_its_place(self, row):
        """That nothing was recorded is not said by an entry that was never signed, though bytes, hash and columns agree."""
        place = self.place
        signing = next(entry for entry in place.history(row["id"]) if entry["act"] == "withdrawal.signing")
        event = json.loads(base64.b64decode(signing["raw"]).split(b"\n")[4])
        del event["refs"]
        event["facts"] = {name: event["facts"][name] for name in ("amount", "asset", "destination", "wallet")}
        seq = signing["seq"]
        place.psql(f"CREATE TABLE public.kept_entry AS SELECT * FROM audit.leaf WHERE seq = {seq}; DELETE FROM audit.leaf WHERE seq = {seq};"
                   + place.unsigned_row(seq, {**event, "act": "withdrawal.approve", "actor": "approver-3", "outcome": "error"}))
        self.assertProblem(self.place.settle(row), 503, "corrupt")
        self.assertEqual(place.read(row["id"])["state"], "quarantined")
        place.psql(f"""DELETE FROM audit.leaf WHERE seq = {seq}; INSERT INTO audit.leaf SELECT * FROM public.kept_entry;
            DROP TABLE public.kept_entry""")

    def test_an_approval_that_is_taken_away_does_not_free_what_was_signed(self):
        """Without its papers the signer cannot say that it never signed: nothing is free until they are there again."""
        place = self.place
        row = self.signed_and_killed(75)
        place.psql(f"""CREATE TABLE public.taken AS SELECT * FROM custody.approval WHERE withdrawal = '{row["id"]}' AND person = 'approver-1';
            DELETE FROM custody.approval WHERE withdrawal = '{row["id"]}' AND person = 'approver-1';
            UPDATE custody.outbox SET due_at = now() WHERE withdrawal = '{row["id"]}'""")
        place.start()
        eventually(lambda: place.read(row["id"]).get("waiting", {}).get("for") == "quorum_missing", "it waits")
        self.assertEqual(place.read(row["id"])["state"], "recorded")
        self.assertEqual(place.value(f"SELECT count(*) FROM custody.reservation WHERE withdrawal = '{row['id']}'"), "1")
        place.psql("INSERT INTO custody.approval SELECT * FROM public.taken; DROP TABLE public.taken")
        eventually(lambda: place.read(row["id"])["state"] == "confirmed", "it goes on")
        self.assertPaid(row, 75)

    def test_a_quarantine_without_the_true_intent(self):
        """What was recorded is known by its digest only: somebody must still have it."""
        place = self.place
        lane = self.free_lane()
        place.psql(f"UPDATE custody.lane SET next_seq = {int(lane[1]) + 7} WHERE lane = {lane[0]}")
        row = place.proposed(72)
        place.approve(row)
        self.refused_by_signer(row, "conflict", state="quarantined")
        place.psql(f"""UPDATE custody.withdrawal SET
            intent = convert_to(replace(convert_from(intent, 'UTF8'), '"amount":"72"', '"amount":"73"'), 'UTF8') WHERE id = '{row["id"]}'""")
        found = {one["field"]: (one["row"], one["recorded"]) for one in self.differences(row)["differences"]}
        self.assertEqual(found["intent_digest"][1], row["intent_digest"])
        self.assertEqual(found["amount"], ("72", "73"))
        for body in (None, {"intent": row["intent"].replace('"72"', '"73"')}, {"intent": "x"}):
            self.assertProblem(self.place.settle(row, body), 403, "mismatch", "intent")
        self.assertProblem(self.place.settle(row, {"intention": row["intent"]}), 400, "unknown_field")
        self.assertProblem(self.place.settle(row, person="approver-1"), 403, "forbidden")
        self.assertEqual(place.read(row["id"])["state"], "quarantined")
        shown = place.custody("differences", row["id"]).stdout
        for words in ("quarantined", "conflict", "intent_digest", row["intent_digest"]):
            self.assertIn(words, shown)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(row["intent"])
            file.flush()
            self.assertIn(f"{row['id']}  failed", place.custody("settle", row["id"], "--in", file.name).stdout)
        self.assertFree(row, lane)
        told = [self.event(entry) for entry in place.history_to(row["id"], "withdrawal.failed")]
        self.assertEqual([(event["act"], event["facts"]["amount"]) for event in told[-2:]], [("withdrawal.settle", "72"), ("withdrawal.failed", "72")])

    def test_only_a_quarantine_is_settled(self):
        row = self.place.proposed(74)
        self.assertProblem(self.place.settle(row), 409, "conflict", "state")
        self.assertEqual(self.place.read(row["id"])["state"], row["state"])
        self.assertEqual(self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)

    # Signatures

    def test_a_signature_of_another_transaction(self):
        """The row of one withdrawal holds the signed transaction of another: the ledger executes it once."""
        place = self.place
        done = place.withdraw(65)
        row = place.proposed(66)
        place.psql(f"""
            UPDATE custody.withdrawal AS w SET (transaction, signature) =
                (SELECT transaction, signature FROM custody.withdrawal WHERE id = '{done["id"]}') WHERE id = '{row["id"]}'""")
        self.set_state(row, "signed", "submit")
        self.assertSetAside(row, "mismatch")
        self.assertEqual([id for id, _ in place.ledger_transactions()].count(done["transaction_id"]), 1)
        self.assertEqual(place.balance(place.payee), self.paid + 65)
        lane = place.psql(f"SELECT lane, seq FROM custody.withdrawal WHERE id = '{row['id']}'")[0]
        self.assertHeld(row, lane)
        self.assertFalse(self.differences(row)["recorded"])
        self.assertSettled(row, "failed", "not_found")  # nothing was recorded to be signed
        self.assertFree(row, lane)

    def assertSetAside(self, row, reason):
        """Nobody tries it for ever: it is in quarantine, with the reason, and the trail has it."""
        self.assertEqual(self.place.wait(row["id"], "quarantined")["reason"], reason)
        told = eventually(lambda: [entry for entry in self.place.history(row["id"]) if entry["act"] == "withdrawal.quarantined"],
                          "the trail has it")
        self.assertEqual([entry["outcome"] for entry in told], ["error"])
        left = f"SELECT count(*) FROM custody.outbox WHERE withdrawal = '{row['id']}' AND done_at IS NULL"
        self.assertEqual(self.place.value(left), "0")

    def test_a_retry_gets_the_receipt_of_its_own_entry(self):
        """The columns of another withdrawal's entry name this one: who retries is not given the proof of that entry as his own."""
        place = self.place
        def entry(reply):
            self.assertIn("receipt", reply.json or {}, reply)
            return base64.b64decode(reply.json["receipt"]).split(b"\n")[1]
        first = place.propose(81, key="retried")
        one, other = first.json["withdrawal"], place.proposed(82)
        rename = "UPDATE audit.leaf SET oid = '%s' WHERE seq IN (SELECT seq FROM audit.leaf WHERE raw LIKE ('%%' || '%s' || '%%')::bytea)"
        place.psql(rename % (one["id"], other["id"]))
        self.assertEqual(entry(place.propose(81, key="retried")), entry(first))
        place.psql(rename % (other["id"], other["id"]))

    def test_a_row_edited_after_it_was_signed(self):
        place = self.place
        key = place.call("GET", "/v1/wallets/hot").json["key_id"]
        signature = canonical({"alg": "p256", "key": key, "sig": base64.b64encode(bytes(range(64))).decode()})
        for what, edit, reason in (
                ("the signature", "", "signature_invalid"),
                ("the form of the signature", ", signature = convert_to('{}', 'UTF8')", "missing_field"),
                ("no signature at all", ", signature = ''", "not_canonical"),
                ("the transaction", """, transaction = convert_to(replace(convert_from(transaction, 'UTF8'), '"amount":"68"',
                                     '"amount":"69"'), 'UTF8')""", "mismatch"),
                ("the column of the amount", ", amount = 69", "mismatch"),
                ("the intent", """, intent = convert_to(replace(convert_from(intent, 'UTF8'), '"amount":"68"', '"amount":"69"'),
                                'UTF8')""", "mismatch")):
            with self.subTest(what):
                row = place.proposed(68)
                edit = edit if "signature" in edit else f", signature = convert_to('{signature}', 'UTF8'){edit}"
                place.psql(f"UPDATE custody.withdrawal SET ver = ver{edit} WHERE id = '{row['id']}'")
                self.set_state(row, "signed", "submit")
                self.assertSetAside(row, reason)
                self.assertNotEqual(self.differences(row)["differences"], [])
                self.assertSettled(row, "failed", "not_found")

    def test_a_row_edited_after_it_was_submitted(self):
        """The ledger has the transaction all the same; what it paid is seen, and the row waits for people."""
        place = self.place
        row = place.proposed(67)
        place.stop("validator")
        place.approve(row)
        place.wait(row["id"], "submitted")
        place.psql(f"UPDATE custody.withdrawal SET amount = 1 WHERE id = '{row['id']}'")
        self.assertSetAside(row, "mismatch")
        place.start()
        eventually(lambda: place.balance(place.payee) == self.paid + 67, "the ledger has paid")
        self.assertEqual(self.differences(row)["differences"], [{"field": "amount", "row": "1", "recorded": "67"}])
        ended = self.assertSettled(row, "confirmed")
        self.assertEqual(ended["amount"], "1")  # the row stays as it was found
        self.assertPaid(row, 67)

    def test_a_row_that_the_books_contradict(self):
        """A withdrawal that was paid is once more signed, and the ledger says where it stands: it was posted there already."""
        row = self.place.withdraw(69)
        self.set_state(row, "signed", "submit")
        self.assertSetAside(row, "exists")
        self.assertSettled(row, "confirmed")
        self.assertPaid(row, 69)


if __name__ == "__main__":
    unittest.main()
