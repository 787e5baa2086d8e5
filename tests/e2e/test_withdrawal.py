#!/usr/bin/python3
"""The withdrawal as people live through it: to its end, to its other ends, and what can be read on the way."""

import base64
import csv
import hashlib
import json
import pathlib
import re
import subprocess
import unittest
import urllib.parse

import strongroom
import tlog


class Withdrawal(strongroom.Case):
    OPTIONS = {"anchor_interval": 3600}  # blocks are counted

    def receipt(self, reply, act):
        """The reply's receipt proves the entry of this action; answers the entry."""
        proof = base64.b64decode(reply.json["receipt"], validate=True).decode()
        index, _, _ = tlog.parse_proof(proof)
        rows = self.place.pages(f"/v1/audit/entries?act={act}&order=oldest", "entries", "auditor-1")
        entry = next(row for row in rows if row["seq"] == index)
        vkey = (self.place.dir / "ceremony/log-key").read_text().strip()
        self.assertEqual(tlog.check_proof(proof, base64.b64decode(entry["raw"]), vkey), index)
        return entry

    def test_from_proposal_to_proof(self):
        place = self.place
        payee, hot = place.balance(place.payee), place.wallet()
        reply = place.propose(2500)
        self.assertEqual(reply.status, 201, reply)
        row = reply.json["withdrawal"]
        self.assertEqual((row["state"], row["amount"], row["requester"]), ("reserved", "2500", "operator-1"))
        self.assertEqual(self.receipt(reply, "withdrawal.request")["oid"], row["id"])
        self.assertEqual(place.wallet(), (hot[0], hot[1] + 2500, hot[2] - 2500))

        first = place.decide(row, "approver-1")
        self.assertEqual((first.status, first.json["withdrawal"]["state"]), (200, "approving"))
        self.assertEqual(self.receipt(first, "withdrawal.approve")["actor"], "approver-1")
        second = place.decide(row, "approver-2")
        self.assertEqual((second.status, second.json["withdrawal"]["state"]), (200, "approved"))
        self.assertEqual(self.receipt(second, "withdrawal.approve")["actor"], "approver-2")

        done = place.wait(row["id"], "confirmed")
        self.assertEqual(done["intent"], row["intent"])
        self.assertEqual(done["transaction"], row["transaction"])
        self.assertEqual(len(done["approvals"]), 2)
        self.assertEqual(place.balance(place.payee), payee + 2500)
        self.assertEqual(place.wallet(), (hot[0] - 2500, hot[1], hot[2] - 2500))
        self.assertEqual(place.ledger_transactions().count((row["transaction_id"], "ok")), 1)
        in_block = place.call("GET", f"/v1/ledger/transactions/{row['transaction_id']}").json
        self.assertEqual((in_block["status"], in_block["code"], in_block["height"]), ("confirmed", "ok", done["height"]))

        history = place.history_to(row["id"])
        self.assertEqual([entry["act"] for entry in history],
                         ["withdrawal." + act for act in ("request", "approve", "approve", "approved", "signing", "signed",
                                                          "submitted", "confirmed")])
        self.assertEqual([entry["ord"] for entry in history], list(range(1, 9)))
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.assertProven("trail", place.export_trail())

    def test_the_same_with_our_own_programs(self):
        place = self.place
        ask = ("propose", "--wallet", "hot", "--asset", "DEMO", "--amount", "7", "--to", place.payee, "--json", "--receipts")
        kept = place.dir / "receipts"
        before = place.value("SELECT count(*) FROM custody.withdrawal")
        nowhere = place.custody(*ask, str(kept), check=False)
        self.assertEqual(nowhere.returncode, 2, nowhere.stderr)
        self.assertEqual(place.value("SELECT count(*) FROM custody.withdrawal"), before, "nothing was sent")
        kept.mkdir()
        row = json.loads(place.custody(*ask, str(kept)).stdout)["withdrawal"]
        for person in ("approver-2", "approver-3"):
            files = ("--key", f"{place.dir}/people/{person}.key", "--passphrase-file", f"{place.dir}/people/{person}.passphrase")
            wrong = place.custody("approve", row["id"], *files, "--code", "AAAA-AAAA", person=person, check=False)
            self.assertNotEqual(wrong.returncode, 0)
            place.custody("approve", row["id"], *files, "--code", row["short_code"], "--receipts", str(kept), person=person)
        self.assertRegex(place.custody("wait", row["id"]).stdout, r"^confirmed at height \d+$")
        checkpoint = place.dir / "kept.checkpoint"
        place.custody("audit", "checkpoint", "--out", str(checkpoint))
        receipts = sorted(kept.iterdir())
        acts = {entry["seq"]: entry["act"] for entry in place.history(row["id"])}
        self.assertEqual(sorted(acts[int(path.name.split("-")[0])] for path in receipts),
                         ["withdrawal.approve", "withdrawal.approve", "withdrawal.request"])
        trail = place.export_trail()
        code, said = place.verify("trail", trail, *receipts, checkpoint)
        self.assertEqual(code, 0, said)

    def test_the_requester_signs_and_approvers_say_whom_they_saw(self):
        place = self.place

        def files(person):
            return "--key", f"{place.dir}/people/{person}.key", "--passphrase-file", f"{place.dir}/people/{person}.passphrase"

        ask = ("propose", "--wallet", "hot", "--asset", "DEMO", "--amount", "9", "--to", place.payee, "--idempotency-key",
               "signed-by-me", *files("operator-1"))
        first, again = (json.loads(place.custody(*ask, "--json").stdout)["withdrawal"] for _ in range(2))
        self.assertEqual(first["id"], again["id"])
        self.assertEqual(first["state"], "reserved")
        [request] = [json.loads(signed["document"]) for signed in again["approvals"]]
        self.assertEqual((request["approver"], request["decision"], request["seen"]), ("operator-1", "request", []))
        self.assertEqual(request["intent"], first["intent_digest"])
        told = [place.custody("approve", first["id"], *files(person), "--code", first["short_code"], person=person).stdout
                for person in ("approver-1", "approver-2")]
        self.assertRegex(told[0], r"requested +and signed by operator-1\n +approved by +nobody yet")
        self.assertRegex(told[1], r"approved by +approver-1\n")
        row = place.wait(first["id"], "confirmed")
        documents = {json.loads(signed["document"])["approver"]: signed["document"] for signed in row["approvals"]}
        seen = {person: json.loads(document)["seen"] for person, document in documents.items()}
        self.assertEqual(seen, {"operator-1": [], "approver-1": [],
                                "approver-2": [strongroom.digest("approval", documents["approver-1"])]})
        self.assertEqual([entry["act"] for entry in place.history(first["id"])][:3],
                         ["withdrawal.request", "withdrawal.request_sign", "withdrawal.approve"])
        self.assertProven("evidence", place.export_evidence(row["id"]))

    def test_a_request_is_signed_by_nobody_else(self):
        place = self.place
        row = place.proposed(11)
        sign = lambda person, **named: place.decide(row, person, "request", **named)
        self.assertProblem(sign("approver-1", token_of="operator-1"), 403, "mismatch", "approver")
        self.assertProblem(sign("operator-1", document=place.approval(row, "operator-1", "request", signer="approver-1")),
                           403, "unknown_key", "signatures[0]")
        self.assertProblem(sign("operator-1", document=place.approval(row, "operator-1", "request", seen=["ab" * 32])),
                           400, "invalid", "seen")
        self.assertProblem(sign("operator-1", document=place.approval(row, "operator-1")), 403, "self_approval", "approver")
        self.assertProblem(place.decide(row, "operator-1", document=place.approval(row, "operator-1", "request")), 403,
                           "forbidden")
        self.assertEqual(sign("operator-1").status, 200)
        self.assertProblem(sign("operator-1"), 409, "duplicate_person")
        self.assertEqual(place.read(row["id"])["state"], "reserved")
        self.assertEqual(place.decide(row, "approver-1").status, 200)
        self.assertEqual(place.read(row["id"])["state"], "approving")  # the request is no approval
        self.assertEqual(place.decide(row, "approver-2", "reject").status, 200)

    def test_a_second_uses_the_next_sequence(self):
        first = self.place.withdraw(10)
        second = self.place.withdraw(10)
        numbers = [(json.loads(row["intent"])["lane"], int(json.loads(row["intent"])["seq"])) for row in (first, second)]
        self.assertEqual(numbers[0][0], numbers[1][0])
        self.assertEqual(numbers[0][1] + 1, numbers[1][1])
        self.assertGreater(second["height"], first["height"])

    def test_open_withdrawals_do_not_wait_for_each_other(self):
        slow = self.place.proposed(11)
        fast = self.place.proposed(12)
        self.assertNotEqual(json.loads(slow["intent"])["lane"], json.loads(fast["intent"])["lane"])
        self.place.approve(fast)
        self.place.wait(fast["id"], "confirmed")
        self.place.approve(slow)
        self.place.wait(slow["id"], "confirmed")

    def end_and_release(self, row, reply, state, act):
        self.assertEqual((reply.status, reply.json["withdrawal"]["state"]), (200, state), reply)
        self.assertEqual(self.receipt(reply, act)["oid"], row["id"])
        late = self.place.decide(row, "approver-2")
        self.assertProblem(late, 409, "conflict", "state")
        self.assertEqual(self.place.read(row["id"])["state"], state)

    def test_one_rejection_ends_it(self):
        before = self.place.wallet()
        row = self.place.proposed(40)
        self.place.approve(row, "approver-1")
        reply = self.place.decide(row, "approver-3", "reject")
        self.end_and_release(row, reply, "rejected", "withdrawal.reject")
        self.assertEqual(self.place.wallet(), before)

    def test_the_requester_takes_it_back(self):
        before = self.place.wallet()
        row = self.place.proposed(41)
        self.place.approve(row, "approver-1")
        path = f"/v1/withdrawals/{row['id']}/cancel"
        other = self.place.call("POST", path, person="requester-2")
        self.assertProblem(other, 403, "forbidden", "requester")
        reply = self.place.call("POST", path)
        self.end_and_release(row, reply, "cancelled", "withdrawal.cancel")
        self.assertEqual(self.place.wallet(), before)
        again = self.place.call("POST", path)
        self.assertEqual((again.status, again.json["withdrawal"]["state"]), (200, "cancelled"))
        done = self.place.withdraw(1)
        self.assertProblem(self.place.call("POST", f"/v1/withdrawals/{done['id']}/cancel"), 409, "conflict", "state")

    def test_it_expires(self):
        place = self.place
        before = place.wallet()
        place.stop("custodyd")
        place.start()  # at the port of before, which is an option, too
        starts = len(self.entries("service.start"))
        place.stop("custodyd")
        place.configure("custodyd", withdrawal_ttl=1, refusals=1)
        place.start()
        try:
            row = place.proposed(42)
            ended = place.wait(row["id"], "expired")
            self.assertEqual(ended["reason"], "expired")
            self.assertEqual(place.wallet(), before)
            late = place.approval(row, "approver-1", signed_at=row["requested_at"])
            self.assertProblem(place.decide(row, "approver-1", document=late), 403, "expired", "expires_at")
            self.assertEqual([entry["act"] for entry in place.history_to(row["id"], "withdrawal.approve")],
                             ["withdrawal.request", "withdrawal.expire", "withdrawal.approve"])
            self.assertProblem(place.decide(row, "approver-1", document=late), 403, "expired", "expires_at")  # counted until the stop
        finally:
            place.stop("custodyd")
            place.configure("custodyd", withdrawal_ttl=None, refusals=None)
            place.start()
        self.check_starts_and_stops(starts)

    def check_starts_and_stops(self, first):
        """Started with another option, and then as before; each stop in order is the last that its producer says."""
        trail = [self.event(row) for row in self.found(order="oldest", limit=500)]
        starts = [event for event in trail if event["act"] == "service.start"][first - 1:]
        options = [event["refs"]["configuration"] for event in starts]
        self.assertEqual((len(options), options[0] == options[1], options[0] == options[2]), (3, False, True), options)
        for start, stopped, counted in zip(starts, (True, True, False), (False, True, False), strict=True):
            said = [event["act"] for event in trail if event["pr"] == start["pr"]]
            self.assertEqual((said[0], said[-1] == "service.stop", said.count("service.stop")), ("service.start", stopped, int(stopped)), said)
            self.assertEqual("request.deny" in said, counted, said)

    def test_one_that_cannot_expire_keeps_no_other_from_it(self):
        """More than a page that cannot be read, and more than a page that is past its time but not to expire; all of them older."""
        place = self.place
        done = place.withdraw(1)["id"]
        before = place.wallet()

        def crowd(first, **columns):
            set_ = "".join(f", {name} = {value}" for name, value in columns.items())
            place.psql(f"""
                CREATE TEMPORARY TABLE copy AS SELECT w.*, n FROM custody.withdrawal AS w, generate_series({first}, {first + 149}) AS n
                    WHERE w.id = '{done}';
                UPDATE copy SET id = lpad(n::text, 32, '0')::uuid, idempotency_key = 'crowd-' || n, seq = 1000000 + n,
                    expires_at = '1950-01-01', height = NULL, index = NULL{set_};
                ALTER TABLE copy DROP n;
                INSERT INTO custody.withdrawal SELECT * FROM copy""")
        try:
            place.stop("custodyd")
            place.configure("custodyd", withdrawal_ttl=1)
            place.start()
            crowd(1000, state="'approved'")
            crowd(2000, state="'recorded'")
            row = place.proposed(43)
            self.assertEqual(place.wait(row["id"], "expired")["reason"], "expired")
            self.assertEqual(place.wallet(), before)
            self.assertIn("withdrawal 00000000-0000-0000-0000-000000001000: ", place.log("custodyd"))
        finally:
            place.psql("DELETE FROM custody.withdrawal WHERE idempotency_key LIKE 'crowd-%'")
            place.stop("custodyd")
            place.configure("custodyd", withdrawal_ttl=None)
            place.start()

    def test_reserved_funds_are_not_promised_twice(self):
        available = self.place.wallet()[2]
        rows = []
        while left := self.place.wallet()[2]:
            rows.append(self.place.proposed(min(left, 100000)))
        self.assertProblem(self.place.propose(1), 409, "insufficient_funds")
        for row in rows:
            self.assertEqual(self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)
        self.assertEqual(self.place.wallet()[2], available)

    def test_what_no_rule_can_allow_holds_nothing(self):
        """One who asks for everything, or for more than any rule allows, keeps nobody from being served."""
        place = self.place
        before = place.wallet()
        self.assertGreater(before[2], 100001)
        for amount in (100001, before[2], before[2] + 1):
            with self.subTest(amount):
                refused = place.patiently(lambda amount=amount: place.propose(amount))
                self.assertProblem(refused, 403, "limit_exceeded", "amount")
                self.assertIn("hot-transfers", refused.json["detail"])
        self.assertEqual(place.wallet(), before)
        told = [self.event(entry) for entry in self.entries("withdrawal.request") if entry["outcome"] == "deny"]
        self.assertIn(("limit_exceeded", "100001"), [(event["reason"], event["facts"]["amount"]) for event in told])
        place.withdraw(100000)

    def test_policy_limits_and_the_list(self):
        elsewhere = self.place.proposed(5, destination=self.place.person("issuer-1")["address"])
        self.place.decide(elsewhere, "approver-1")
        self.place.decide(elsewhere, "approver-2")
        explanation = self.place.call("GET", f"/v1/withdrawals/{elsewhere['id']}/explanation").json
        self.assertEqual(explanation["decision"], "denied", explanation)
        self.assertNotIn(self.place.read(elsewhere["id"])["state"], ("approved", "confirmed"))
        self.place.call("POST", f"/v1/withdrawals/{elsewhere['id']}/cancel")

    def test_idempotency(self):
        place = self.place
        key = "the-same-key"
        first = place.propose(3, key=key)
        self.assertEqual(first.status, 201, first)
        row = first.json["withdrawal"]
        again = place.propose(3, key=key)
        self.assertEqual((again.status, again.json["withdrawal"]["id"]), (200, row["id"]), again)
        self.assertProblem(place.propose(4, key=key), 422, "idempotency_mismatch")
        other = place.propose(3, key=key, person="requester-2")
        self.assertProblem(other, 422, "idempotency_mismatch")
        place.approve(row)
        place.wait(row["id"], "confirmed")
        later = place.propose(3, key=key)
        self.assertEqual((later.status, later.json["withdrawal"]["state"]), (200, "confirmed"))
        count = place.value(f"SELECT count(*) FROM custody.withdrawal WHERE idempotency_key = '{key}'")
        self.assertEqual(count, "1")

    def test_a_decision_again_is_no_second_decision(self):
        row = self.place.proposed(6)
        document = self.place.approval(row, "approver-1")
        for _ in range(2):
            reply = self.place.decide(row, "approver-1", document=document)
            self.assertEqual((reply.status, reply.json["withdrawal"]["state"]), (200, "approving"))
        self.assertEqual(len(reply.json["withdrawal"]["approvals"]), 1)
        self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel")

    def test_an_edited_row_speaks_for_nobody(self):
        """A superuser edits the columns while people decide: refused, and the trail says what was signed."""
        place = self.place
        row = place.proposed(7)
        other = place.value(f"SELECT account FROM custody.withdrawal WHERE id = '{row['id']}'")
        edit = "UPDATE custody.withdrawal SET {} = '{}' WHERE id = '" + row["id"] + "'"
        for column, value in (("amount", 1), ("destination", other), ("requester", "requester-2"), ("wallet", "refuge")):
            place.psql(edit.format(column, value))
            self.assertProblem(place.decide(row, "approver-1"), 503, "corrupt")
            place.psql(edit.format(column, row[column]))
        place.psql(edit.format("amount", 1))
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)
        place.psql(edit.format("amount", 7))
        said = {entry["act"]: entry["amount"] for entry in self.found(oid=row["id"], otype="withdrawal")}
        self.assertEqual((said.pop("withdrawal.cancel"), set(said.values())), ("7", {"7"}), said)

    def test_evidence_outlives_what_happens_later(self):
        """A late decision and a renewed allow-list entry change nothing about a withdrawal that is over."""
        place = self.place
        row = place.withdraw(8)
        self.assertProblem(place.decide(row, "approver-3"), 409, "conflict")
        document = json.loads((place.dir / "ceremony/destination.document").read_text())
        document.update(id="payee-1-renewed", issued_at=strongroom.time_text())
        renewed = place.signed("destination", strongroom.canonical(document), "admin-2", "admin-3")
        added = place.call("POST", "/v1/destinations", renewed)
        self.assertEqual(added.status, 201, added)
        self.assertEqual(self.receipt(added, "destination.add")["actor"], "operator-1")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.assertProven("evidence", place.export_evidence(place.withdraw(9)["id"]))

    def test_what_a_ceremony_refused_stands_in_the_trail(self):
        """C-04: signed by the administrator who tried, handed in by anybody."""
        place = self.place
        people = place.dir / "people"
        seals = {name: f":{people}/{name}.seal.json" for name in ("custodian-1", "custodian-2")}
        actors = [f"{role}:{name}:{people}/{name}.json{seals.get(name, '')}" for role, name in (
            ("administrator", "admin-1"), ("custodian-1", "custodian-1"), ("custodian-2", "custodian-2"), ("witness", "auditor-1"))]
        first, second = str(place.dir / "refused-T0"), str(place.dir / "refused-T1")
        place.custody("ceremony", "start", *actors, "--purpose", "transfer", "--environment", "demo", "--out", first)
        files = {name: place.dir / f"refused-{name}" for name in ("module", "program")}
        for name, path in files.items():
            path.write_text(name)
        hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in files}
        (place.dir / "refused-pins").write_text("".join(f"{hashes[name]}  {path}\n" for name, path in files.items()))
        files["module"].write_text("modulf")
        done = place.custody("ceremony", "step", "open", "--module", str(files["module"]), "--program", str(files["program"]), "--pins",
                             str(place.dir / "refused-pins"), "--in", first, "--out", second, "--key", f"{people}/admin-1.key",
                             "--passphrase-file", f"{people}/admin-1.passphrase", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        paper = f"{second}.refused"
        self.assertIn("entered ", place.custody("ceremony", "report", "--in", paper, person="auditor-1").stdout)
        (entry,) = self.entries("ceremony.refused", outcome="ok")
        facts = self.event(entry)["facts"]
        self.assertEqual((facts["by"], facts["module"], facts["module_pinned"]),
                         ("admin-1", hashlib.sha256(b"modulf").hexdigest(), hashes["module"]))
        self.assertEqual(entry["oid"], json.loads(pathlib.Path(first).read_text())["id"])
        self.assertEqual(entry["actor"], "auditor-1")
        signed = json.loads(pathlib.Path(paper).read_text())
        other = strongroom.canonical({**json.loads(signed["document"]), "module": hashes["program"]})
        self.assertProblem(place.call("POST", "/v1/ceremonies/refusals", {**signed, "document": other}), 403, "signature_invalid")
        future = strongroom.canonical({**json.loads(signed["document"]), "at": strongroom.time_text(seconds=3600)})
        ahead = place.signed("ceremony_refusal", future, "admin-1")
        self.assertProblem(place.call("POST", "/v1/ceremonies/refusals", ahead), 503, "not_ready", "at")

    def test_the_ledger_gives_no_key_away(self):
        """Every signature that stands in it is looked at, with the keys that policy and genesis name."""
        place = self.place
        last = place.withdraw(7)
        path = place.dir / "ledger.jsonl"
        place.custody("ledger", "export", "--out", str(path))
        blocks = [json.loads(line) for line in path.read_text().splitlines()][1:]
        self.assertEqual([block["height"] for block in blocks], list(range(1, last["height"] + 1)))
        self.assertIn(last["transaction_id"], [strongroom.digest("transaction", one["document"]) for one in blocks[-1]["transactions"]])
        command = [str(place.dir / "bin/custody-nonces"), str(path), str(place.dir / "etc/policy.json"), str(place.dir / "people/issuer-1.json")]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={}, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        wallet = place.call("GET", "/v1/wallets/hot").json["key_id"]
        self.assertRegex(done.stdout, f"checked: key {wallet} .*: [0-9]+ signatures")
        few = json.loads(place.custody("ledger", "export", str(len(blocks))).stdout.splitlines()[1])
        self.assertEqual(few, blocks[-1])

    def test_refusals_take_no_place_of_the_evidence(self):
        """Anybody with a token can be refused as often as they like, and evidence holds so many entries of a withdrawal."""
        place = self.place
        row = place.proposed(12)
        for person in ("approver-1", "approver-3"):
            for _ in range(40):
                self.assertProblem(place.call("POST", f"/v1/withdrawals/{row['id']}/approve", {}, person), 400, "missing_field")
        told = [self.event(entry) for entry in self.entries("withdrawal.approve", outcome="deny")]
        singly = [event for event in told if event.get("oid") == row["id"]]
        named = [event for event in told if event.get("facts", {}).get("withdrawal") == row["id"]]
        self.assertEqual(len(singly) + len(named), 80, "each is told")
        self.assertLessEqual(len(singly), 64)
        place.approve(row)
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.assertProven("trail", place.export_trail())

    def test_evidence_before_the_end_is_refused(self):
        row = self.place.proposed(6)
        self.assertProblem(self.place.call("GET", f"/v1/withdrawals/{row['id']}/evidence"), 409, "conflict", "state")
        self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel")

    def test_lists_are_complete_and_in_order(self):
        place = self.place
        made = [place.proposed(1)["id"] for _ in range(5)]
        listed = [row["id"] for row in place.pages("/v1/withdrawals?limit=2&state=reserved&wallet=hot", "withdrawals")]
        self.assertEqual([id for id in listed if id in made], made[::-1])
        self.assertEqual(place.pages("/v1/withdrawals?wallet=cold", "withdrawals"), [])
        for id in made:
            place.call("POST", f"/v1/withdrawals/{id}/cancel")
        everything = place.pages("/v1/audit/entries?limit=7&order=oldest", "entries", "auditor-1")
        self.assertEqual([entry["seq"] for entry in everything], list(range(len(everything))))
        self.assertEqual(everything[0]["act"], "log.genesis")
        newest = place.pages("/v1/audit/entries?limit=500", "entries", "auditor-1")
        self.assertEqual([entry["seq"] for entry in newest], list(range(len(newest)))[::-1])

    # Officers' questions

    def found(self, **filters):
        return self.place.pages("/v1/audit/entries?" + urllib.parse.urlencode(filters), "entries", "auditor-1")

    def counted(self, **filters):
        total, more = 0, {}
        while True:
            reply = self.place.call("GET", "/v1/audit/count?" + urllib.parse.urlencode({**filters, **more}), person="auditor-1").json
            total += reply["count"]
            if "next" not in reply:
                return total
            more = {"cursor": reply["next"]}

    def test_officers_find_entries_by_what_they_say(self):
        place = self.place
        row = place.withdraw(4321)
        intent = json.loads(row["intent"])
        story = place.history_to(row["id"])
        self.assertEqual({(entry["amount"], entry["asset"], entry["destination"], entry["wallet"]) for entry in story},
                         {("4321", intent["asset"], intent["destination"], "hot")})
        self.assertEqual({entry.get("version") for entry in story if entry["act"] != "withdrawal.signing"}, {intent["policy_version"]})
        for entry in story:
            facts = self.event(entry)["facts"]
            self.assertEqual({name: facts[name] for name in ("amount", "asset", "destination", "wallet")},
                             {name: intent[name] for name in ("amount", "asset", "destination", "wallet")})
        numbers = [entry["seq"] for entry in story]
        key = next(key["key_id"] for key in place.call("GET", "/v1/keys").json["keys"] if key["role"] == "transfer")
        amount = {"asset": intent["asset"], "amount_min": 4321, "amount_max": 4321}
        everything = self.found(order="oldest")
        when = story[0]["ts"], story[-1]["ts"]

        def by(**wanted):
            return [entry["seq"] for entry in everything if all(entry.get(name) == value for name, value in wanted.items())]

        self.assertTrue(by(otype="signer") and by(actor="approver-2") and by(act="withdrawal.submitted"), "there is something to find")
        with self.subTest("one filter and combinations, both ways, with counts"):
            for filters, expected in (
                    (amount, numbers), ({**amount, "act": "withdrawal.signing"}, by(act="withdrawal.signing", oid=row["id"])),
                    ({"wallet": "hot"}, by(wallet="hot")), ({"destination": intent["destination"]}, by(destination=intent["destination"])),
                    ({"key": key}, by(key=key)), ({"key": key, "oid": row["id"]}, by(act="withdrawal.signed", oid=row["id"])), ({"version": intent["policy_version"]}, by(version=intent["policy_version"])),
                    ({"actor": "approver-2"}, by(actor="approver-2")), ({"act": "withdrawal.submitted"}, by(act="withdrawal.submitted")),
                    ({"otype": "signer"}, by(otype="signer")), ({"from": when[0], "to": when[1]}, [entry["seq"] for entry in everything if when[0] <= entry["ts"] < when[1]]),
                    ({"corr": story[0]["corr"]}, by(corr=story[0]["corr"])), ({"outcome": "intent"}, by(outcome="intent")),
                    ({"oid": row["id"]}, numbers), ({"otype": "withdrawal", "oid": row["id"], "outcome": "ok"}, by(oid=row["id"], outcome="ok")),
                    ({"wallet": "hot", "actor": "approver-1", "act": "withdrawal.approve"},
                     by(wallet="hot", actor="approver-1", act="withdrawal.approve")),
                    ({"from": when[0], "to": when[1], "oid": row["id"]}, [entry["seq"] for entry in story if when[0] <= entry["ts"] < when[1]]),
                    ({"to": when[0], **amount}, []), ({"wallet": "treasury", "key": key}, []),
                    ({"asset": intent["asset"], "amount_min": 2 ** 127}, [])):
                with self.subTest(filters=filters):
                    self.assertEqual([entry["seq"] for entry in self.found(order="oldest", limit=3, **filters)], expected)
                    self.assertEqual([entry["seq"] for entry in self.found(limit=3, **filters)], expected[::-1])
                    self.assertEqual(self.counted(**filters), len(expected))

    def test_what_was_found_is_exported_with_proofs(self):
        place = self.place
        row = place.withdraw(17)
        for filters, words in (({"otype": "withdrawal", "oid": row["id"], "order": "oldest"}, [e["seq"] for e in place.history_to(row["id"])]),
                               ({"wallet": "nobody"}, [])):
            reply = place.call("GET", "/v1/audit/export?" + urllib.parse.urlencode(filters), person="auditor-1")
            self.assertEqual(reply.status, 200)
            head, *rows, tail = [json.loads(line) for line in reply.bytes.decode().splitlines()]
            self.assertEqual((head["format"], head["query"]), ("strongroom-trail-extract/v1", filters))
            self.assertEqual([entry["seq"] for entry in rows], words)
            self.assertEqual(list(tail), ["checkpoint"])
            path = place.dir / "found.jsonl"
            path.write_bytes(reply.bytes)
            status, told = place.verify("extract", path)
            self.assertEqual(status, 0 if words else status, told)
            if words:
                path.write_bytes(reply.bytes.replace(b'"outcome":"ok"', b'"outcome":"deny"', 1))
                self.assertEqual(place.verify("extract", path)[0], 1)
        self.assertProblem(place.call("GET", "/v1/audit/export?act=nothing", person="auditor-1"), 400, "invalid", "act")

    def forgotten(self):
        """That rows were altered is known until the service ends, whatever stands there now."""
        self.place.stop("custodyd")
        self.place.start()

    def test_what_was_found_is_a_table_whose_rows_are_proven(self):
        place = self.place
        self.addCleanup(self.forgotten)
        row = place.withdraw(18)
        story = place.history_to(row["id"])
        words = ("otype=withdrawal", f"oid={row['id']}", "order=oldest")
        path, leaf, receipt = place.dir / "found.csv", place.dir / "found.leaf", place.dir / "found.tlog-proof"
        listed = place.custody("audit", "search", *words, person="auditor-1").stdout.splitlines()
        self.assertEqual([line.split()[:4] for line in listed], [[str(e["seq"]), e["ts"], e["actor"], e["act"]] for e in story])
        answer = json.loads(place.custody("audit", "search", *words, "--json", person="auditor-1").stdout)
        self.assertEqual(answer["entries"], story)
        self.assertEqual(place.custody("audit", "count", *words[:2], person="auditor-1").stdout, f"{len(story)}\n")
        # A superuser plants a formula: what opens the table must not run it, and the bytes of the row say who it was.
        place.psql(f"UPDATE audit.leaf SET actor = '=HYPERLINK(\"x\")' WHERE seq = {story[1]['seq']}")
        told = place.custody("audit", "export", *words, "format=csv", "--out", str(path), person="auditor-1", check=False)
        self.assertEqual((told.returncode, f"{len(story)} entries\n" in told.stderr, "1 rows are not shown" in told.stderr), (1, True, True), told)
        place.psql(f"UPDATE audit.leaf SET actor = '{story[1]['actor']}' WHERE seq = {story[1]['seq']}")
        self.assertEqual(path.read_bytes().count(b"\r\n"), len(story) + 1)
        with open(path, newline="", encoding="ascii") as file:
            rows = list(csv.DictReader(file, strict=True))
        self.assertEqual((rows[1].pop("actor"), rows[1].pop("doubt")), ("'=HYPERLINK(\"x\")", "columns"))
        for found, entry in zip(rows, story, strict=True):
            self.assertEqual({name: value for name, value in found.items() if name != "lh" and value != ""},
                             {name: str(value) for name, value in entry.items() if name in found})
            raw = base64.b64decode(found["raw"])
            self.assertEqual(hashlib.sha256(b"\0" + raw).hexdigest(), found["lh"])
        leaf.write_bytes(raw)
        receipt.write_bytes(place.call("GET", f"/v1/audit/proof/inclusion?seq={found['seq']}").bytes)
        self.assertEqual(place.verify("receipt", "--entry", leaf, receipt)[0], 0)
        leaf.write_bytes(raw.replace(b'"outcome":"ok"', b'"outcome":"no"'))
        self.assertEqual(place.verify("receipt", "--entry", leaf, receipt)[0], 1)
        self.assertProblem(place.call("GET", "/v1/audit/export?format=xls", person="auditor-1"), 400, "invalid", "format")


    def test_a_row_that_was_altered_is_shown_by_its_bytes_and_marked(self):
        place = self.place
        row = place.withdraw(19)
        entry = next(entry for entry in place.history_to(row["id"]) if entry["act"] == "withdrawal.approve")
        path, question = place.dir / "altered", ("otype=withdrawal", f"oid={row['id']}", "order=oldest")
        self.addCleanup(self.forgotten)

        def altered(by, words):
            """What officers get while a superuser's edit stands: each way of asking names this row and no other. Whether it proves all the same."""
            place.psql(f"UPDATE audit.leaf SET {by} WHERE seq = {entry['seq']}")
            try:
                searched = place.custody("audit", "search", *question, person="auditor-1", check=False)
                told = place.custody("audit", "search", *question, "--json", person="auditor-1", check=False)
                shown = place.custody("audit", "show", str(entry["seq"]), person="auditor-1", check=False)
                exported = []
                for form in ((), ("format=csv",)):
                    path.unlink(missing_ok=True)
                    done = place.custody("audit", "export", *question, *form, "--out", str(path), person="auditor-1", check=False)
                    exported.append((done.returncode, path.read_text()))
                    if not form:
                        self.assertEqual(place.verify("extract", path)[0], 1)
            finally:
                place.psql(f"UPDATE audit.leaf SET act = '{entry['act']}', actor = '{entry['actor']}', raw = decode('{entry['raw']}', 'base64') "
                           f"WHERE seq = {entry['seq']}")
            self.assertEqual((searched.returncode, told.returncode, exported[0][0], exported[1][0]), (1, 1, 1, 1), searched)
            self.assertEqual((shown.returncode, "ALTERED" in shown.stdout or by.startswith("raw")), (1, True), shown)
            self.assertIn("1 of ", searched.stderr)
            self.assertIn(str(entry["seq"]), json.loads(told.stdout)["corrupt"])
            self.assertRegex(searched.stdout, words)
            doubts = {found["seq"]: found["doubt"] for found in json.loads(told.stdout)["entries"] if "doubt" in found}
            self.assertEqual(list(doubts), [entry["seq"]])
            lines = [json.loads(line) for line in exported[0][1].splitlines()]
            self.assertEqual({line["seq"]: line["doubt"] for line in lines if "doubt" in line}, doubts)
            rows = list(csv.DictReader(exported[1][1].splitlines(), strict=True))
            self.assertEqual({int(found["seq"]): found["doubt"] for found in rows if found["doubt"] != ""}, doubts)
            return doubts[entry["seq"]], "NOT PROVEN" not in shown.stdout

        said = rf"(?m)^{entry['seq']} \S+ {entry['actor']} withdrawal\.approve ok withdrawal {row['id']} "
        forged = "actor = 'approver-3', act = 'withdrawal.cancel'"
        self.assertEqual(altered(forged, said + r".*\n   ALTERED .* column actor, which has approver-3.*\n   ALTERED .* act, which has withdrawal.cancel"),
                         ("columns", True))
        other = base64.b64encode(base64.b64decode(entry["raw"]).replace(b'"approver-', b'"approver_')).decode()
        self.assertEqual(altered(f"raw = decode('{other}', 'base64')", rf"(?m)^{entry['seq']}\n   ALTERED .* not those of an entry"), ("bytes", False))
        other = base64.b64encode(base64.b64decode(entry["raw"]).replace(b'"amount":"19"', b'"amount":"18"')).decode()
        self.assertEqual(altered(f"raw = decode('{other}', 'base64')", said + r".*\n   ALTERED .*"), ("bytes", False))

    def test_who_asks_is_told_of_rows_that_no_question_finds(self):
        place = self.place
        row = place.withdraw(21)
        story = place.history_to(row["id"])
        entry = next(entry for entry in story if entry["act"] == "withdrawal.approve")
        question, path = ("otype=withdrawal", f"oid={row['id']}"), place.dir / "told"
        known = f"altered or missing rows ({entry['seq']})"
        self.addCleanup(self.forgotten)

        def asked(what, *words):
            path.unlink(missing_ok=True)
            done = place.custody("audit", what, *words, person="auditor-1", check=False)
            return done.returncode, done.stdout, done.stderr

        self.assertEqual(asked("search", *question)[::2], (0, ""))
        place.psql(f"UPDATE audit.leaf SET oid = 'another' WHERE seq = {entry['seq']}")
        try:
            for order in ("oldest", "newest"):
                status, said, why = asked("search", *question, f"order={order}")
                self.assertEqual((status, said.count("\n")), (1, len(story)))
                self.assertIn(f"   MISSING: #{entry['ord']} to #{entry['ord']} of this object should stand here\n", said)
                self.assertIn("1 of the object are missing", why)
            self.assertNotIn("MISSING", asked("search", *question, f"limit={len(story) - entry['ord']}")[1], "it is not reached")
            self.assertIn("ALTERED", asked("search", "oid=another")[1])
            for what, *more in (("search",), ("search", "--json"), ("count",), ("count", "--json"), ("export", "--out", str(path)),
                                ("export", "format=csv", "--out", str(path))):
                conditions = [word for word in more if "=" in word]
                status, said, why = asked(what, *question, "act=withdrawal.approve", *conditions, *[word for word in more if "=" not in word])
                self.assertEqual((status, known in why, "to do: do not rely" in why), (1, True, True), (what, said, why))
                self.assertNotIn(entry["ts"], said)
            self.assertEqual(json.loads(asked("count", *question, "--json")[1]), {"corrupt": [str(entry["seq"])], "count": len(story) - 1})
            key = place.call("GET", "/v1/keys").json["keys"][0]["key_id"]
            self.assertEqual(place.call("GET", f"/v1/keys/{key}", person="auditor-1").json["key"]["history_corrupt"], [str(entry["seq"])])
            self.assertEqual(asked("export", "--out", str(path))[0], 0, "it leaves nothing out")
            self.assertEqual(place.verify("trail", path)[0], 1)
        finally:
            place.psql(f"UPDATE audit.leaf SET oid = '{row['id']}' WHERE seq = {entry['seq']}")
        self.assertEqual(asked("search", *question)[0], 1, "it was altered, and may be again")

    def test_an_entry_is_shown_whole_and_proven(self):
        place = self.place
        row = place.withdraw(22)
        entry = place.history_to(row["id"])[0]
        event = self.event(entry)

        def shown(seq):
            done = place.custody("audit", "show", str(seq), person="auditor-1", check=False)
            return done.returncode, done.stdout, done.stderr

        status, said, why = shown(entry["seq"])
        self.assertEqual((status, why), (0, ""))
        for value in (f"entry {entry['seq']} of ", entry["ts"], entry["actor"], f"withdrawal.request: ", f"withdrawal {row['id']}, its number 1\n",
                      " (22 base units)", event["policy"], event["auth"], entry["corr"], f"{event['pr']}, its number {event['pn']}\n",
                      *(f" {name} {value}\n" for part in ("facts", "refs") for name, value in event[part].items()),
                      hashlib.sha256(b"\0" + base64.b64decode(entry["raw"])).hexdigest()):
            self.assertIn(value, said)
        self.assertRegex(said, r"(?m)^  proof +it is in the log of \d+ entries that \S+ signed$")
        status, said, why = shown(10 ** 9)
        self.assertEqual((status, said), (1, ""))
        self.assertRegex(why, r"no such object: seq: the trail has \d+ entries, from 0\n")

    def test_a_mistyped_condition_is_refused_and_a_code_is_looked_up(self):
        place = self.place
        row = place.withdraw(20)
        place.history_to(row["id"])
        asset = json.loads(row["intent"])["asset"]
        code = next(known["code"] for known in place.call("GET", "/v1/ledger/genesis").json["assets"] if known["id"] == asset)
        found, same = (place.custody("audit", "search", "amount_min=20", "amount_max=20", f"asset={name}", "limit=2", person="auditor-1")
                       for name in (code, asset))
        self.assertEqual((found.stdout.count("\n"), found.stdout, found.stderr), (2, same.stdout, same.stderr))
        self.assertIn("there may be more: the same with cursor=", found.stderr, "where to go on is no entry")
        self.assertIn(f" {code} (20 base units) from hot to {place.payee}", found.stdout)
        self.assertEqual(place.custody("audit", "count", "amount_min=20", "amount_max=20", f"asset={code}", person="auditor-1").stdout,
                         f"{self.counted(asset=asset, amount_min=20, amount_max=20)}\n")
        for words, told in ((("count", "limit=3"), "not a query parameter"), (("search", "otype=withdrawl"), "(docs/audit-events.md); near is withdrawal; custody "),
                            (("export", "act=withdrawal.aprove"), "; near is withdrawal.approve, withdrawal.approved, "),
                            (("count", "otype=zebra"), "(docs/audit-events.md); custody "), (("count", "act=heartbeat"), "; near is service.heartbeat; "),
                            (("search", "from=2026-11-22"), "that day begins at 2026-11-22T00:00:00.000000Z"), (("count", "to=monday"), "like 2026-01-02T03:04:05.000000Z")):
            done = place.custody("audit", *words, person="auditor-1", check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"custody audit {words[0]}: {words[1]}: ", done.stderr)
            self.assertIn(told, done.stderr)
        for words, told in ((("from=2026-01-02T00:00:00.000000Z", "to=2026-01-02T00:00:00.000000Z"), "to=2026-01-02T00:00:00.000000Z: must be after from"),
                            ((f"asset={code}", "amount_min=3", "amount_max=2"), "amount_max=2: must not be below amount_min")):
            for command in ("search", "count", "export"):
                done = place.custody("audit", command, *words, person="auditor-1", check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(told, done.stderr)
        for word in ("asset=NONE", "key=transfer", "actor=Approver 1", "wallet=", "colour=red", "act=withdrawal.sign", "limit=0", "limit=x"):
            for command in ("search", "count", "export") if "limit" not in word else ("search",):
                with self.subTest(command, word=word):
                    done = place.custody("audit", command, word, person="auditor-1", check=False)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertIn(f"custody audit {command}: {word}: ", done.stderr)
        for word in ("version=1", "oid=x", "outcome=intent", "otype=key", f"key={asset}"):
            done = place.custody("audit", "count", "act=trail.read", word, person="auditor-1", check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"audit count: {word[:60]}\w*: (no entry trail.read has one|every entry trail.read is about no object|every entry trail.read has one of: ok deny)")
        done = place.custody("audit", "count", "amount_min=1", person="auditor-1", check=False)
        self.assertEqual((done.returncode, "asset=: an amount is one of an asset" in done.stderr), (2, True), done.stderr)
        mistyped = "a name or id that is mistyped finds nothing, too: "
        for command, answer in (("search", "0 entries\n"), ("count", "0\n")):
            told = place.custody("audit", command, "wallet=nobody", "act=withdrawal.request", "actor=operator-1", person="auditor-1")
            self.assertEqual((told.stdout, told.stderr), (answer, f"{mistyped}actor=operator-1 wallet=nobody\n"))
            told = place.custody("audit", command, "oid=nobody", f"corr={row['id'][:-4]}0000", person="auditor-1")
            self.assertEqual((told.stdout, told.stderr), (answer, f"{mistyped}oid=nobody corr={row['id'][:-4]}0000\n"))
            told = place.custody("audit", command, "act=key.copied_use", person="auditor-1")
            self.assertEqual((told.stdout, told.stderr), (answer, ""), "none is named")
        path = place.dir / "nothing.csv"
        told = place.custody("audit", "export", "wallet=nobody", "format=csv", "--out", str(path), person="auditor-1")
        self.assertEqual(told.stderr, f"0 entries\n{mistyped}wallet=nobody\n")

    def test_officers_fetch_proofs(self):
        place = self.place
        old, new, proof = (place.dir / name for name in ("old.checkpoint", "new.checkpoint", "found.proof"))
        place.custody("audit", "checkpoint", "--out", str(old), person="auditor-1")
        entry = place.history(place.withdraw(1)["id"])[0]
        place.custody("audit", "checkpoint", "--out", str(new), person="auditor-1")
        sizes = [path.read_text().splitlines()[1] for path in (old, new)]
        leaf = place.dir / "proven.leaf"
        leaf.write_bytes(base64.b64decode(entry["raw"]))
        place.custody("audit", "proof", str(entry["seq"]), "--out", str(proof), person="auditor-1")
        self.assertEqual(place.verify("receipt", "--entry", leaf, proof)[0], 0)
        proof.unlink()
        place.custody("audit", "consistency", *sizes, "--out", str(proof), person="auditor-1")
        self.assertEqual(place.verify("consistency", old, new, proof)[0], 0)
        self.assertEqual(place.custody("audit", "proof", "-1", person="auditor-1", check=False).returncode, 2)

    def test_a_cursor_belongs_to_its_question_and_to_its_place(self):
        place = self.place
        place.withdraw(3)
        first = place.call("GET", "/v1/audit/entries?wallet=hot&limit=2", person="auditor-1").json
        self.assertEqual(len(first["entries"]), 2)
        cursor = first["next"]
        place.withdraw(4)
        second = place.call("GET", f"/v1/audit/entries?wallet=hot&limit=2&cursor={cursor}", person="auditor-1").json
        self.assertLess(second["entries"][0]["seq"], first["entries"][-1]["seq"])
        again = place.call("GET", f"/v1/audit/entries?wallet=hot&limit=2&cursor={cursor}", person="auditor-1").json
        self.assertEqual(again, second)
        for other in ("wallet=cold&", "wallet=hot&order=oldest&", "wallet=hot&act=withdrawal.approve&", "actor=hot&", ""):
            with self.subTest(other=other):
                reply = place.call("GET", f"/v1/audit/entries?{other}cursor={cursor}", person="auditor-1")
                self.assertProblem(reply, 400, "invalid", "cursor")
        for edited in (cursor[:-1], cursor + "0", "f" * 16 + cursor[16:], cursor[:-1] + ("0" if cursor[-1] != "0" else "1"), "", cursor.upper() + "'"):
            with self.subTest(edited=edited):
                reply = place.call("GET", "/v1/audit/entries?" + urllib.parse.urlencode({"wallet": "hot", "cursor": edited}), person="auditor-1")
                self.assertProblem(reply, 400, "invalid", "cursor")

    def test_a_filter_is_a_value_and_no_language(self):
        before = len(self.found(order="oldest"))
        for name in ("actor", "otype", "oid", "key", "wallet", "asset", "destination"):
            for value in ("' OR '1'='1", "x'; DELETE FROM audit.leaf; --", "$1", "%", "\\", '"', "hot' OR wallet='hot"):
                with self.subTest(name=name, value=value):
                    if name in ("actor", "otype", "key", "wallet", "asset"):
                        for path in ("entries", "count"):
                            reply = self.place.call("GET", f"/v1/audit/{path}?" + urllib.parse.urlencode({name: value}), person="auditor-1")
                            self.assertProblem(reply, 400, "invalid", name)
                        continue
                    self.assertEqual(self.found(**{name: value}), [])
                    self.assertEqual(self.counted(**{name: value}), 0)
        self.assertGreaterEqual(len(self.found(order="oldest")), before)

    def test_the_role_that_reads_the_trail_writes_nothing(self):
        """Every verb on every table, as the role of the service's questions; one that passed would be named."""
        passed = self.place.psql("""
            SET ROLE strongroom_auditor;
            DO $$
            DECLARE relation text; verb text; tried int := 0; passed text := '';
            BEGIN
                FOR relation IN SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname IN ('audit', 'custody', 'strongroom') AND c.relkind IN ('r', 'p') LOOP
                    FOREACH verb IN ARRAY ARRAY['DELETE FROM %s', 'TRUNCATE %s', 'INSERT INTO %s DEFAULT VALUES', 'ALTER TABLE %s ADD x int',
                                                'DROP TABLE %s', 'LOCK TABLE %s IN EXCLUSIVE MODE'] LOOP
                        BEGIN
                            tried := tried + 1;
                            EXECUTE format(verb, relation);
                            passed := passed || format(verb, relation) || '; ';
                        EXCEPTION WHEN insufficient_privilege THEN NULL;
                        END;
                    END LOOP;
                END LOOP;
                PERFORM set_config('test.passed', passed || (tried >= 100), false);
            END $$;
            SELECT current_setting('test.passed');""")
        self.assertEqual(passed[-1], ["true"])

    def test_everything_that_can_be_read(self):
        place = self.place
        row = place.withdraw(2)
        self.assertEqual(place.call("GET", "/v1/wallets").json["wallets"], [place.call("GET", "/v1/wallets/hot").json])
        keys = {key["role"]: key for key in place.call("GET", "/v1/keys").json["keys"]}
        self.assertEqual({role: key["ready"] for role, key in keys.items()}, dict.fromkeys(strongroom.SIGNERS, True))
        for role in strongroom.SIGNERS:
            born = json.loads((place.dir / f"ceremony/{role}.json").read_text())
            self.assertEqual(keys[role]["key_id"], born["key_id"])
        policy = place.call("GET", "/v1/policy").json
        self.assertEqual(strongroom.digest("policy", policy["policy"]["document"]), policy["digest"])
        self.assertEqual(policy["digest"], place.policy_digest)
        asked = place.call("POST", "/v1/policy/explain", place.proposal(5)).json
        self.assertEqual(asked["decision"], "waiting", asked)
        self.assertEqual(place.call("POST", "/v1/policy/explain", place.proposal(100001)).json["decision"], "denied")
        self.assertEqual(place.call("GET", f"/v1/withdrawals/{row['id']}/explanation").json["decision"], "allowed")
        listed = [json.loads(entry["document"])["account"] for entry in place.call("GET", "/v1/destinations").json["destinations"]]
        self.assertIn(place.payee, listed)
        genesis = place.call("GET", "/v1/ledger/genesis").json
        self.assertEqual(strongroom.digest("genesis", genesis["genesis"]), place.chain)
        self.assertEqual(genesis["chain"], place.chain)
        self.assertEqual(place.call("GET", "/v1/ledger/transactions/" + "0" * 64).status, 404)
        self.assertEqual(place.call("GET", "/v1/ledger/blocks/999999").status, 404)
        issuer = place.call("GET", f"/v1/ledger/accounts/{place.person('issuer-1')['address']}").json["balances"]
        self.assertEqual([(b["posted"], b.get("issued")) for b in issuer], [("1000000", True)])
        self.until(lambda: place.call("GET", "/healthz").json["status"] == "ready", "everything is ready")

    def test_proofs_of_the_trail(self):
        place = self.place
        vkey = (place.dir / "ceremony/log-key").read_text().strip()
        _, size, root = tlog.open_note(place.call("GET", "/v1/audit/checkpoint").bytes.decode(), vkey)
        entries = place.pages("/v1/audit/entries?order=oldest&limit=500", "entries", "auditor-1")[:size]
        for entry in entries[:3] + entries[-3:]:
            proof = place.call("GET", f"/v1/audit/proof/inclusion?seq={entry['seq']}").bytes.decode()
            self.assertEqual(tlog.check_proof(proof, base64.b64decode(entry["raw"]), vkey), entry["seq"])
        with self.assertRaises(AssertionError):
            tlog.check_proof(proof, base64.b64decode(entries[0]["raw"]), vkey)
        place.withdraw(1)
        _, later, later_root = tlog.open_note(place.call("GET", "/v1/audit/checkpoint").bytes.decode(), vkey)
        consistency = place.call("GET", f"/v1/audit/proof/consistency?from={size}&to={later}").json
        tlog.check_consistency(size, root, later, later_root, [bytes.fromhex(hash_) for hash_ in consistency["proof"]])

    def test_the_log_is_followed_with_tools_that_are_not_ours(self):
        """Go's sumdb packages over the served tiles: checkpoint, hashes and entries lead to one root, which extends an older one."""
        place = self.place
        old = place.dir / "old-checkpoint"
        old.write_bytes(place.call("GET", "/audit/checkpoint", headers={"Authorization": None}).bytes)
        place.psql("INSERT INTO audit.pending (evt, mac) SELECT '\\x7b7d', '' FROM generate_series(1, 300);")  # no events, so refusals
        strongroom.eventually(lambda: place.value("SELECT count(*) FROM audit.pending") == "0", "all entries stand in the trail")
        place.withdraw(3)
        vkey = (place.dir / "ceremony/log-key").read_text().strip()
        said = place.monitor(vkey, old)
        self.assertEqual(said.returncode, 0, said.stderr)
        size = int(re.search(r"^followed (\d+) entries$", said.stdout, re.MULTILINE)[1])
        full, rest = divmod(size, 256)
        self.assertRegex(said.stdout, r"(?m)^tile/0/\d{3}$", "a full tile")  # which one depends on how long the old log was
        for path in (*[f"tile/0/{full:03}.p/{rest}"] * (rest > 0), f"tile/1/000.p/{full}", "tile/entries/000"):
            self.assertIn(path, said.stdout.splitlines())
        self.assertIn("extends ", said.stdout)
        other = (place.dir / "people/admin-1.json").read_bytes()
        stranger = f"{vkey.split('+')[0]}+" + "+".join(tlog.verifier_key(vkey.split("+")[0], hashlib.sha256(other).digest()))
        self.assertNotEqual(place.monitor(stranger, old).returncode, 0)

    def test_tiles_as_the_log_grows(self):
        place = self.place
        vkey = (place.dir / "ceremony/log-key").read_text().strip()

        def get(path, **headers):
            return place.call("GET", "/audit/" + path, headers={"Authorization": None, **headers})

        note = get("checkpoint")
        _, size, _ = tlog.open_note(note.bytes.decode(), vkey)
        last, rest = size // 256, size % 256
        if rest == 0:
            last, rest = last - 1, 255
        widest = get(f"tile/0/{last:03}.p/{rest}")
        self.assertEqual((widest.status, len(widest.bytes)), (200, 32 * rest))
        self.assertEqual(widest.headers["Cache-Control"], "public, max-age=31536000, immutable")
        self.assertEqual(get(f"tile/0/{last:03}.p/1").bytes, widest.bytes[:32])
        bundle = place.call("GET", f"/audit/tile/entries/{last:03}.p/1", person="auditor-1")
        length = int.from_bytes(bundle.bytes[:2], "big")
        self.assertEqual((len(bundle.bytes), tlog.leaf_hash(bundle.bytes[2:])), (2 + length, widest.bytes[:32]))
        self.assertEqual(bundle.headers["Cache-Control"], "private, max-age=31536000, immutable")
        for path in (f"tile/0/{last + 9:03}", "tile/7/000.p/1", "tile/0/x999/x999/x999/x999/999"):
            beyond = get(path)
            self.assertProblem(beyond, 404, "not_found", "tile")
            self.assertEqual(beyond.headers["Cache-Control"], "no-store")
        for path in ("tile/0/0", "tile/0/0000", "tile/00/000", "tile/8/000", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/01",
                     "tile/0/x000/000", "tile/-1/000", "tile/0/../0/000", "tile/entrie/000", "tile/0/000/"):
            self.assertProblem(get(path), 400, "invalid", "tile")
        self.assertProblem(get("tile/entries/000.p/1"), 401, "unauthenticated")
        self.assertProblem(place.call("GET", "/audit/tile/entries/000.p/1"), 403, "forbidden")
        self.assertProblem(get("tile/0/000.p/1?x=1"), 400, "unknown_field")
        self.assertProblem(place.call("POST", "/audit/tile/0/000.p/1"), 405, "usage", "method")

    def test_no_secret_is_logged(self):
        place = self.place
        secrets = [path.read_text().strip() for path in (place.dir / "secrets").iterdir()]
        secrets += [path.read_text().strip() for path in (place.dir / "people").glob("*.token")]
        logs = "".join(place.log(name) for name in strongroom.DAEMONS)
        self.assertEqual([secret for secret in secrets if secret in logs], [])
        self.assertEqual(re.findall(r"level=(?:critical|fatal).*", logs), [])

    def test_y_who_comes_in_and_who_does_not(self):
        place = self.place
        stranger = "sr_" + "x" * 43
        self.assertProblem(place.call("GET", "/v1/wallets", token=stranger), 401, "unauthenticated", "token")
        hashed = hashlib.sha256(stranger.encode()).hexdigest()
        denied = strongroom.eventually(lambda: [event for event in map(self.event, self.entries("login.deny"))
                                                if event.get("refs") == {"token": hashed}], "the stranger stands in the trail")
        self.assertEqual([(event["actor"], event["outcome"], event["reason"]) for event in denied], [("custodyd", "deny", "unauthenticated")])
        token = hashlib.sha256(place.token("auditor-1").encode()).hexdigest()
        logins = [event for event in map(self.event, self.entries("login.ok", actor="auditor-1")) if event["auth"] == token]
        self.assertTrue(logins)
        for event in logins:
            self.assertEqual((event["outcome"], event["facts"]), ("ok", {"roles": "auditor"}))
        self.assertEqual(len({event["pr"] for event in logins}), len(logins), "once a run of the service, however often it is used")

    def test_y_reading_the_trail_is_in_the_trail(self):
        place = self.place
        row = place.withdraw(2)
        before = len(self.entries("trail.read", actor="auditor-1"))
        read = place.call("GET", "/v1/audit/entries?otype=withdrawal&limit=7&act=withdrawal.approve", person="auditor-1").json["entries"]
        told = self.event(self.entries("trail.read", actor="auditor-1")[before + 1])  # the first one was asking for `before`
        query = "/v1/audit/entries\nact=withdrawal.approve\nlimit=7\notype=withdrawal\n"
        self.assertEqual((told["refs"], told["facts"]), ({"query": hashlib.sha256(query.encode()).hexdigest()}, {"results": str(len(read))}))
        place.export_trail()
        exported = self.event(self.entries("trail.export")[-1])
        self.assertGreater(int(exported["facts"]["results"]), 10)
        place.psql("INSERT INTO audit.pending (evt, mac) SELECT '\\x7b7d', '' FROM generate_series(1, 1100);")  # no events, so refusals
        strongroom.eventually(lambda: place.value("SELECT count(*) FROM audit.pending") == "0", "more stands in the trail than any page has")
        for form, beside in (("", 2), ("&format=csv", 1)):
            given = self.place.call("GET", f"/v1/audit/export?order=newest{form}", person="auditor-1").bytes.decode().splitlines()
            self.assertEqual(self.event(self.entries("trail.export")[-1])["facts"]["results"], str(len(given) - beside), form)
            rows = list(csv.DictReader(given, strict=True)) if form else [json.loads(line) for line in given[1:-1]]
            self.assertGreater(len(rows), 1100)
            self.assertEqual([int(row["seq"]) for row in rows], list(range(len(rows)))[::-1], "from the newest to the first, and none is left out")
            if not form:
                path = place.dir / "everything.jsonl"
                path.write_text("".join(f"{line}\n" for line in given))
                self.assertProven("extract", path)
        place.call("GET", f"/v1/withdrawals/{row['id']}/evidence", person="auditor-1")
        evidence = self.event(self.entries("evidence.export", otype="evidence", oid=row["id"])[-1])
        self.assertEqual((evidence["actor"], evidence["outcome"]), ("auditor-1", "ok"))
        refused = place.call("GET", "/v1/audit/export", person="approver-1")
        self.assertProblem(refused, 403, "forbidden", "authorization")
        self.assertEqual(self.event(self.entries("trail.export", outcome="deny")[-1])["corr"], refused.json["correlation"])

    def test_z_each_effect_that_is_refused_leaves_an_entry(self):
        """Every route that changes something, as docs/openapi.yaml lists them, asked for something that it must refuse."""
        place = self.place
        asked = {}
        for route, operations in strongroom.API.tree["paths"].items():
            if "post" in operations and route != "/v1/policy/explain":
                path = re.sub(r"\{[^}]+\}", lambda found: strongroom.uuid7() if "withdrawals" in route else "0" * 64, route)
                reply = place.call("POST", path, {"colour": "red"}, headers={"Idempotency-Key": "k" * 16})
                self.assertGreaterEqual(reply.status, 400, route)
                asked[reply.json["correlation"]] = (route, reply)
        told = {self.event(entry)["corr"]: entry for entry in place.pages("/v1/audit/entries?actor=operator-1&order=oldest&limit=500",
                                                                          "entries", "auditor-1")}
        for correlation, (route, reply) in asked.items():
            self.assertIn(correlation, told, f"{route} leaves no entry: {reply}")
            self.assertIn(told[correlation]["outcome"], ("deny", "error"))
        self.assertGreater(len({told[correlation]["act"] for correlation in asked}), 20)

    def test_zz_every_entry_of_this_run_is_as_declared(self):
        place = self.place
        acts = self.assertDeclared(self.assertReceiptsHold())
        self.assertLessEqual({"service.start", "service.stop", "log.genesis", "token.grant", "login.ok", "trail.read"}, acts)
        start = self.event(self.entries("service.start")[-1])
        program = hashlib.sha256((strongroom.BUILD / "services/custodyd/custodyd").read_bytes()).hexdigest()
        self.assertEqual(start["refs"]["program"], program)
        self.assertRegex(start["refs"]["configuration"], "[0-9a-f]{64}")
        self.assertEqual(start["facts"]["schema"], place.value("SELECT max(version) FROM strongroom.migration"))


if __name__ == "__main__":
    unittest.main()
