#!/usr/bin/python3
"""Keys as people and the service live with them: shown, attested, stopped, watched, and what a copied one sets off."""

import contextlib
import hashlib
import json
import os
import secrets
import signal
import subprocess
import unittest

import outside
import strongroom
from strongroom import canonical, digest, time_text, uuid7

DAY_S = 24 * 3600


class Keys(strongroom.Trailed, strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ids = {role: json.loads((cls.place.dir / f"ceremony/{role}.json").read_text())["key_id"]
                   for role in ("transfer", "audit", "validator")}

    # What the service says

    def key(self, role="transfer"):
        rows = self.place.call("GET", "/v1/keys").json["keys"]
        return next(row for row in rows if row.get("key_id") == self.ids[role])

    def wallet(self):
        return self.place.call("GET", "/v1/wallets").json["wallets"][0]

    # What people do

    def command(self, action, role="transfer", signers=("admin-1", "admin-2"), **changes):
        document = {
            "action": action, "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
            "issued_at": time_text(), "key": self.ids[role], "nonce": uuid7(), "policy": self.place.policy_digest,
            "reason": "test", "role": role, **changes}
        return self.place.signed("command", canonical(document), *signers)

    def send(self, action, role="transfer", person="operator-1", **named):
        if "from" in named and action != "key.sweep":
            named.setdefault("on", self.place.on(role, self.ids[role]))
        return self.place.call("POST", f"/v1/keys/{self.ids[role]}/commands", self.command(action, role, **named), person)

    def suspend(self):
        reply = self.send("key.suspend", signers=("operator-1",))
        self.assertEqual((reply.status, reply.json["key"]["state"]), (200, "suspended"), reply)
        return reply

    def wake(self):
        """Two administrators resume the key, and open a new box."""
        self.assertEqual(self.send("key.resume", **{"from": "suspended"}).status, 200)
        reply = self.send("key.activate", **{"from": "inactive", "signatures": "1000000", "until": time_text(seconds=DAY_S)})
        self.assertEqual((reply.status, reply.json["key"]["state"]), (200, "active"), reply)

    def assertStopped(self):
        self.until(lambda: self.key()["state"] == "suspended", "the key is suspended")

    # Showing

    def test_what_is_shown_hangs_together(self):
        for role, key_id in self.ids.items():
            row = self.key(role)
            self.assertEqual((row["role"], row["state"], row["ready"]), (role, "active", True), row)
            key = self.place.call("GET", f"/v1/keys/{key_id}").json["key"]
            document = json.loads(key["document"]["document"])
            self.assertEqual(digest("key", key["document"]["document"]), row["document_digest"])
            self.assertEqual(digest("ceremony", key["ceremony"]), document["ceremony"])
            attestation = json.loads(key["attestation"]["document"])
            self.assertEqual(attestation["document"], row["document_digest"])
            self.assertEqual(document["key"], attestation["key"])
            acts = [entry["act"] for entry in key["history"]]
            self.assertTrue({"key.state", "key.admit", "key.attest"} <= set(acts), acts)
            self.assertEqual("address" in row, role == "transfer")
        wallet = self.place.call("GET", "/v1/wallets/hot").json
        attestation = json.loads(self.place.call("GET", f"/v1/keys/{wallet['key_id']}").json["key"]["attestation"]["document"])
        self.assertEqual(wallet["address"], attestation["address"])
        self.assertProblem(self.place.call("GET", f"/v1/keys/{'0' * 64}"), 404, "not_found", "key_id")
        self.assertProblem(self.place.call("GET", "/v1/keys/transfer"), 400, "invalid", "key_id")

    def test_a_challenge_of_ones_own(self):
        challenge = secrets.token_hex(32)
        path = f"/v1/keys/{self.ids['transfer']}/attestations"
        reply = self.place.call("POST", path, {"challenge": challenge}, "approver-1")
        self.assertEqual(reply.status, 200, reply)
        attestation = json.loads(reply.json["attestation"]["document"])
        self.assertEqual(attestation["challenge"], challenge)
        self.assertIn("approver-1", [entry["actor"] for entry in self.entries("key.attest")])
        self.assertProblem(self.place.call("POST", path, {"challenge": "x"}), 400, "invalid", "challenge")
        unknown = self.place.call("POST", f"/v1/keys/{'0' * 64}/attestations", {"challenge": challenge})
        self.assertProblem(unknown, 404, "not_found", "key_id")

    def test_papers_of_an_admitted_key_may_come_again(self):
        folder = self.place.dir / "ceremony/validator"
        body = {"command": json.loads((folder / "key.admit.json").read_text()),
                "document": json.loads((folder / "key.json").read_text()),
                "ceremony": (folder / "transcript.json").read_text().rstrip("\n")}
        reply = self.place.call("POST", "/v1/keys", body)
        self.assertEqual((reply.status, reply.json["key"]["state"]), (201, "active"), reply)
        other = (self.place.dir / "ceremony/audit/transcript.json").read_text().rstrip("\n")
        self.assertProblem(self.place.call("POST", "/v1/keys", {**body, "ceremony": other}), 403, "mismatch", "ceremony")
        self.assertProblem(self.place.call("POST", "/v1/keys", body, "approver-1"), 403, "forbidden", "authorization")
        self.assertProblem(self.place.call("POST", "/v1/keys", {**body, "note": "x"}), 400, "unknown_field", "note")
        del body["ceremony"]
        self.assertProblem(self.place.call("POST", "/v1/keys", body), 400, "missing_field", "ceremony")

    # Forgery

    def forged(self, kind, change):
        """Edits the stored papers of the transfer key, as a superuser of the database, and puts them back afterwards."""
        place = self.place
        row = f"kind = '{kind}' AND id = '{self.ids['transfer'][:63]}'"
        before = place.value(f"SELECT encode(bytes, 'hex') FROM custody.document WHERE {row} AND created_at <= now() ORDER BY created_at DESC LIMIT 1")
        known = len(self.entries("key.attestation_alarm"))
        text = change(bytes.fromhex(before).decode())
        self.assertNotEqual(text.encode().hex(), before)
        place.psql(f"UPDATE custody.document SET bytes = '\\x{text.encode().hex()}' WHERE {row} AND bytes = '\\x{before}'")
        try:
            for _ in range(3):
                self.assertProblem(place.call("GET", "/v1/wallets/hot"), 503, "corrupt", "address")
                self.assertEqual((self.wallet().get("address"), self.wallet()["address_reason"]), (None, "forged"))
            self.assertProblem(place.call("GET", f"/v1/keys/{self.ids['transfer']}"), 503, "corrupt", "key_id")
            alarms = self.until(lambda: self.entries("key.attestation_alarm")[known:], "an alarm")
            self.assertEqual([(row["outcome"], row["oid"]) for row in alarms], [("error", self.ids["transfer"])])
        finally:
            place.psql(f"UPDATE custody.document SET bytes = '\\x{before}' WHERE {row} AND bytes = '\\x{text.encode().hex()}'")
        self.assertEqual(place.call("GET", "/v1/wallets/hot").json["address"], place.hot)

    def test_rows_beside_an_attestation_hide_nothing(self):
        """What a superuser plants, stored later than the honest one, in whatever number, is not looked at."""
        place, key = self.place, self.ids["transfer"]
        honest = place.call("GET", f"/v1/keys/{key}").json["key"]["attestation"]
        document = canonical({**json.loads(honest["document"]), "issued_at": time_text(seconds=3600)})
        forged = canonical(place.signed("attestation", document, "admin-1"))
        known = len(self.entries("key.attestation_alarm"))
        place.psql(f"""INSERT INTO custody.document (kind, id, digest, bytes, created_at)
            SELECT 'attestation', '{key[:63]}', sha256(n::text::bytea), convert_to($d${forged}$d$, 'UTF8'), now() + interval '1 day'
            FROM generate_series(1, 300) n""")
        self.assertEqual(place.call("GET", "/v1/wallets/hot").json["address"], place.hot)
        self.assertEqual(place.call("GET", f"/v1/keys/{key}").json["key"]["attestation"]["signatures"][0]["key"], key)
        self.assertEqual(len(self.entries("key.attestation_alarm")), known)

    def test_a_swapped_address_is_not_served(self):
        self.forged("attestation", lambda text: text.replace(self.place.hot, self.place.payee))

    def test_an_attestation_by_another_key_is_not_served(self):
        def change(text):
            document = json.loads(text)["document"]
            return canonical(self.place.signed("attestation", document, "admin-1"))
        self.forged("attestation", change)

    def test_a_key_document_of_nobody_is_not_served(self):
        self.forged("key", lambda text: text.replace('\\"tier\\":\\"hot\\"', '\\"tier\\":\\"warm\\"'))

    # Stopping

    def test_one_person_stops_a_key_and_a_quorum_starts_it(self):
        place = self.place
        waiting = place.proposed(60)
        place.approve(waiting, "approver-1")
        reply = self.suspend()
        self.assertIn("receipt", reply.json)
        try:
            self.assertEqual(self.key()["state"], "suspended")
            wallet = place.call("GET", "/v1/wallets/hot").json
            self.assertNotIn("address", wallet)
            self.assertEqual((wallet["address_reason"], wallet["key_state"]), ("not_receiving", "suspended"))
            self.assertEqual(wallet["balances"][0]["available"], "0")
            self.assertNotEqual(wallet["balances"][0]["posted"], "0")
            refused = place.propose(61)
            self.assertProblem(refused, 503, "key_inactive", "wallet")
            self.assertIn("suspended", refused.json["detail"])
            place.approve(waiting, "approver-2")
            alone = self.send("key.resume", signers=("admin-1",), **{"from": "suspended"})
            self.assertProblem(alone, 403, "quorum_missing")
            self.assertEqual(self.key()["state"], "suspended")
            row = self.until(lambda: self.waiting(waiting, "key_inactive"), "it says what it waits for")
            self.assertEqual((row["state"], row["waiting"]["step"]), ("approved", "record"))
            since = row["waiting"]["since"]
            self.assertLess(row["requested_at"], since)
            said = place.custody("list", check=False).stdout  # rows that another test put there are not what was signed
            self.assertIn(f"frozen (record: key_inactive since {since})\n", said)
            self.assertIn("says that it is approved and waits: its key does not sign in its state, or wallet or asset is frozen (record: key_inactive since", place.custody("show", waiting["id"]).stdout)
            self.assertEqual(place.read(waiting["id"])["waiting"]["since"], since)
        finally:
            self.wake()
        self.assertNotIn("waiting", place.wait(waiting["id"], "confirmed"))
        self.until(lambda: "address" in self.wallet(), "the address is back")
        orders = [self.event(entry)["facts"]["order"] for entry in self.entries("key.command", outcome="ok")]
        self.assertEqual(orders[-3:], ["key.suspend", "key.resume", "key.activate"])
        self.assertProven("trail", place.export_trail())

    def waiting(self, withdrawal, reason):
        row = self.place.read(withdrawal["id"])
        return row if row.get("waiting", {}).get("for") == reason else None

    def test_a_withdrawal_says_that_its_signer_is_away(self):
        place = self.place
        withdrawal = place.proposed(62)
        place.stop("transfer")
        place.approve(withdrawal)
        row = self.until(lambda: self.waiting(withdrawal, "unavailable"), "it says what it waits for")
        self.assertEqual((row["state"], row["waiting"]["step"]), ("recorded", "sign"))
        place.start()
        place.wait(withdrawal["id"], "confirmed")

    def all_down(self, tokens):
        """Ends the processes of tokens that are gone, where the signer has not found that out before, and says whether it has now."""
        for token in tokens:
            with contextlib.suppress(AssertionError, ProcessLookupError):
                os.kill(self.token_process(token["label"]), signal.SIGKILL)
        said = self.place.call("GET", "/healthz").json["parts"]["signer_transfer"].get("tokens", [])
        return [token["state"] for token in said] == ["down"] * len(tokens)

    def test_a_withdrawal_says_that_its_token_is_down(self):
        place = self.place
        withdrawal = place.proposed(63)
        tokens = self.tokens()
        folders = [next((place.dir / "tokens").glob(f"*-{token['serial'][:4]}-{token['serial'][4:]}")) for token in tokens]
        for folder in folders:
            folder.rename(place.dir / folder.name)
        try:
            self.until(lambda: self.all_down(tokens), "no token is there")
            place.approve(withdrawal)
            row = self.until(lambda: self.waiting(withdrawal, "token"), "it says what it waits for")
            self.assertEqual((row["state"], row["waiting"]["step"]), ("recorded", "sign"))
        finally:
            for folder in folders:
                (place.dir / folder.name).rename(folder)
        place.wait(withdrawal["id"], "confirmed")

    def receipt_alarms(self):
        return [(row["object_id"], row["facts"]["receipts"], row["facts"]["reason"]) for row in self.place.call("GET", "/v1/alarms").json["alarms"]
                if row["code"] == "key.receipt_alarm"]

    def test_what_arrives_at_a_stopped_key_waits_in_suspense(self):
        """It is told, it is not available, also when the key is back, and only a withdrawal of its own sends it back to its sender."""
        place = self.place
        known = len(self.entries("key.receipt_alarm"))
        before = self.wallet()["balances"][0]
        self.suspend()
        try:
            place.custody("issue", "--key", f"{place.dir}/people/issuer-1.key", "--passphrase-file",
                          f"{place.dir}/people/issuer-1.passphrase", "--asset", "DEMO", "--amount", "77", "--to", place.hot)
            entry = self.until(lambda: self.entries("key.receipt_alarm")[known:], "the receipt is told")[0]
            self.assertEqual(self.event(entry)["facts"], {"address": place.hot, "amount": "77", "state": "suspended"})
            self.assertEqual((self.wallet()["balances"][0]["available"], self.suspense()), ("0", "77"))
            self.until(lambda: self.receipt_alarms() == [(self.ids["transfer"], "1", "key_inactive")], "it is an alarm")
        finally:
            self.wake()
        self.until(lambda: self.wallet()["balances"][0]["available"] != "0", "the key is back")
        balance = self.wallet()["balances"][0]
        self.assertEqual((balance["available"], int(balance["posted"])), (before["available"], int(before["posted"]) + 77))
        receipt = self.wallet()["suspense"][0]
        issuer = place.person("issuer-1")["address"]
        self.assertEqual((receipt["transaction"], receipt["amount"], receipt["sender"], receipt["key_state"]),
                         (self.event(entry)["refs"]["transaction"], "77", issuer, "suspended"))
        said = json.loads(place.custody("wallets", "--json").stdout)["wallets"][0]
        self.assertEqual((said["balances"][0]["suspense"], said["suspense"]), ("77", [receipt]))

        held = []
        while (left := place.wallet()[2]) > 50000:
            held.append(place.proposed(min(left - 50000, 100000)))
        self.assertProblem(place.propose(left + 1), 409, "insufficient_funds", "amount")
        for row in held:
            self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)
        destination = {**json.loads(json.loads((place.dir / "ceremony/destination.json").read_text())["document"]),
                       "account": issuer, "id": "issuer-1"}
        listed = place.call("POST", "/v1/destinations", place.signed("destination", canonical(destination), "admin-1", "admin-2"))
        self.assertEqual(listed.status, 201, listed)
        order = {"destination": issuer, "returns": receipt["transaction"]}
        for amount, changes in ((76, {}), (78, {}), (77, {"destination": place.payee}), (77, {"returns": "0" * 63 + "1"})):
            self.assertProblem(place.propose(amount, **{**order, **changes}), 409, "conflict", "returns")
        given_up = place.proposed(77, **order)
        self.assertEqual(self.suspense(), "0")
        self.assertEqual(self.wallet()["suspense"][0]["returned_by"], given_up["id"])
        self.assertEqual(self.wallet()["balances"][0]["available"], before["available"])
        self.assertProblem(place.propose(77, **order), 409, "conflict", "returns")
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{given_up['id']}/cancel").status, 200)
        self.assertEqual(self.suspense(), "77")
        said = place.custody("propose", "--wallet", "hot", "--asset", "DEMO", "--amount", "77", "--to", issuer,
                             "--returns", receipt["transaction"], "--json").stdout
        returning = place.read(json.loads(said)["withdrawal"]["id"])
        self.assertEqual(self.suspense(), "0")
        self.until(lambda: self.receipt_alarms() == [], "the alarm is over when it is being returned")
        place.approve(returning, "approver-1")
        self.assertEqual(place.read(returning["id"])["state"], "approving")
        self.assertEqual(place.approve(returning, "approver-2")["state"], "approving")
        explained = place.call("GET", f"/v1/withdrawals/{returning['id']}/explanation").json
        lacking = [demand for rule in explained["rules"] for demand in rule["demands"] if not demand["met"]]
        self.assertEqual([(demand["kind"], demand["need"], demand["have"]) for demand in lacking], [("return", 3, 2)])
        self.assertIn(f"  a RETURN of  {receipt['transaction']}\n", place.custody("show", returning["id"]).stdout)
        place.approve(returning, "approver-3")
        place.wait(returning["id"], "confirmed")
        after = self.wallet()["balances"][0]
        self.assertEqual((after["available"], after["posted"], after["suspense"]), (before["available"], before["posted"], "0"))
        request = self.event(self.entries("withdrawal.request", otype="withdrawal", oid=returning["id"])[0])
        self.assertEqual(request["refs"]["returns"], receipt["transaction"])
        self.assertProven("trail", place.export_trail())

    def suspense(self):
        return self.wallet()["balances"][0]["suspense"]

    def test_a_key_that_holds_something_is_not_destroyed(self):
        reply = self.send("key.destroy", **{"from": "retained"})
        self.assertProblem(reply, 409, "conflict", "balance")
        self.assertEqual(self.key()["state"], "active")

    def test_commands_that_are_none(self):
        place = self.place
        path = f"/v1/keys/{self.ids['transfer']}/commands"
        other = self.command("key.suspend", "audit", ("operator-1",))
        self.assertProblem(place.call("POST", path, other), 403, "mismatch", "key")
        stranger = self.command("key.suspend", signers=("payee-1",))
        self.assertProblem(place.call("POST", path, stranger), 403, "unknown_key")
        late = self.command("key.suspend", signers=("operator-1",), issued_at=time_text(seconds=-700),
                            expires_at=time_text(seconds=-1))
        self.assertProblem(place.call("POST", path, late), 403, "expired")
        self.assertProblem(self.send("key.sweep", intent="0" * 64, **{"from": "retained"}), 409, "conflict", "from")
        self.assertProblem(place.call("POST", path, {"x": 1}), 400, "unknown_field", "x")
        self.assertEqual(self.key()["state"], "active")

    # The key exists somewhere else

    def outside_transaction(self):
        return outside.transaction(self.place, "transfer", self.place.hot, self.place.asset)

    def assertCopiedUse(self, transaction):
        self.assertStopped()
        self.assertEqual(self.key()["cause"], "alarm")
        oid = digest("transaction", transaction["document"])
        entry = self.until(lambda: self.entries("key.copied_use", otype="transaction", oid=oid), "the use is told")[0]
        event = self.event(entry)
        self.assertEqual((event["outcome"], event["refs"]["transaction"], event["refs"]["key"]),
                         ("error", oid, self.ids["transfer"]))
        self.until(lambda: self.entries("key.alarm", otype="transaction", oid=oid), "it is dealt with")
        self.assertProblem(self.place.propose(9), 503, "key_inactive", "asset")
        return oid

    def recover(self):
        """People have looked: the key is resumed and the asset that moved is thawed."""
        self.wake()
        for row in self.place.call("GET", "/v1/freezes").json["freezes"]:
            document = {"action": "thaw", "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
                        "issued_at": time_text(), "nonce": uuid7(), "on": str(row["number"]), "policy": self.place.policy_digest,
                        "reason": "test", "role": "transfer", "scope": row["scope"], "subject": row["subject"]}
            if row["state"] == "frozen":
                reply = self.place.call("POST", "/v1/freezes", self.place.signed("command", canonical(document), "admin-1", "admin-2"))
                self.assertEqual(reply.status, 200, reply)

    def claim(self, transaction):
        """A superuser of the database has the service say that it asked for this transaction. Approvals he cannot make."""
        document = json.loads(transaction["document"])
        row = self.place.psql("SELECT id, encode(intent, 'escape') FROM custody.withdrawal WHERE state = 'confirmed' LIMIT 1")[0]
        forged = uuid7()
        intent = canonical({**json.loads(row[1]), "amount": "5", "lane": document["lane"], "seq": document["seq"],
                            "transaction": digest("transaction", transaction["document"]), "withdrawal": forged})
        self.place.psql(f"""
            CREATE TEMPORARY TABLE copy AS SELECT * FROM custody.withdrawal WHERE id = '{row[0]}';
            UPDATE copy SET id = '{forged}', idempotency_key = '{forged}', lane = {document["lane"]}, seq = {document["seq"]},
                transaction = '\\x{transaction["document"].encode().hex()}', intent = '\\x{intent.encode().hex()}';
            INSERT INTO custody.withdrawal SELECT * FROM copy""")

    def test_a_block_with_a_transaction_of_nobody_stops_the_key(self):
        place = self.place
        place.withdraw(2)
        transaction, key = self.outside_transaction()
        place.stop("custodyd")
        self.claim(transaction)
        outside.to_ledger(place, transaction, key)
        self.place.start_unready()
        oid = self.assertCopiedUse(transaction)
        self.recover()
        place.stop("custodyd")  # every block is looked at again, but what was dealt with is not an alarm again
        place.start()
        place.withdraw(3)
        self.assertEqual(self.key()["state"], "active")
        self.assertEqual(len(self.entries("key.copied_use", otype="transaction", oid=oid)), 1)

    def test_a_transaction_of_nobody_at_the_door_stops_the_key(self):
        transaction, key = self.outside_transaction()
        broken = {**transaction, "signatures": [{**transaction["signatures"][0], "sig": "A" * 86 + "=="}]}
        reply = self.place.call("POST", "/v1/ledger/transactions", {"key": key, "transaction": broken})
        self.assertProblem(reply, 403, "forbidden", "transaction.from")
        self.place.withdraw(4)  # without a good signature it says nothing about the key
        reply = self.place.call("POST", "/v1/ledger/transactions", {"key": key, "transaction": transaction})
        self.assertProblem(reply, 403, "forbidden", "transaction.from")
        self.assertCopiedUse(transaction)
        self.recover()

    def test_our_own_transactions_are_no_alarm(self):
        row = self.place.withdraw(5)
        block = self.place.call("GET", f"/v1/ledger/blocks/{row['height']}").json
        transaction = next(one for one in block["transactions"] if digest("transaction", one["document"]) == row["transaction_id"])
        key = json.loads((self.place.dir / "ceremony/transfer.json").read_text())
        reply = self.place.call("POST", "/v1/ledger/transactions",
                                {"key": {"alg": key["alg"], "key": key["key"]}, "transaction": transaction})
        self.assertProblem(reply, 403, "forbidden", "transaction.from")
        self.place.withdraw(6)
        self.assertEqual(self.key()["state"], "active")

    # Watching

    def starts(self):
        return {role: len(self.entries("signer.start", oid=role)) for role in ("audit", "transfer", "validator")}

    def test_a_signer_that_is_gone(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", attestation_max_age=3, watch=100)
        place.start()
        try:
            known = {act: len(self.entries(act)) for act in ("signer.down", "signer.up", "key.attestation_overdue")}
            self.until(lambda: all(self.starts().values()), "each signer has said with what it runs")
            starts = self.starts()
            place.stop("transfer")
            self.until(lambda: self.entries("signer.down")[known["signer.down"]:], "it is told that the signer is gone")
            looked = place.call("GET", "/v1/alarms").json["looked_at"]
            self.until(lambda: place.call("GET", "/v1/alarms").json["looked_at"] > looked, "another look, which tells nothing")
            self.until(lambda: self.wallet().get("address_reason") == "proof_overdue", "the address is withdrawn")
            self.until(lambda: self.entries("key.attestation_overdue")[known["key.attestation_overdue"]:], "that is told, too")
            health = place.call("GET", "/healthz")
            self.assertEqual((health.status, health.json["parts"]["signer_transfer"]["ready"]), (503, False))
            self.until(lambda: place.call("GET", "/healthz").json["alarms"] > 0, "the list of alarms has it")
            place.stop("custodyd")
            place.start()
            self.until(lambda: "address" in self.wallet(), "the address is back")
            self.until(lambda: self.entries("signer.up")[known["signer.up"]:], "and that is told")
            told = sorted(self.entries("signer.down", oid="transfer") + self.entries("signer.up", oid="transfer"), key=lambda row: row["seq"])
            self.assertEqual([row["act"] for row in told], [("signer.down", "signer.up")[number % 2] for number in range(len(told))], "each once")
            self.until(lambda: self.starts() != starts, "the start is told")
            self.assertEqual(self.starts(), {**starts, "transfer": starts["transfer"] + 1}, "and no other, though the service started, too")
            told = [self.event(self.entries("signer.start", oid=role)[-1])["refs"] for role in starts]
            program = hashlib.sha256((strongroom.BUILD / "services/signerd/signerd").read_bytes()).hexdigest()
            self.assertEqual({refs["program"] for refs in told}, {program})
            self.assertEqual(len({refs["configuration"] for refs in told}), len(told), "each has options of its own")
        finally:
            place.stop("custodyd")
            place.configure("custodyd", attestation_max_age=None, watch=None)
            place.start()

    def test_tokens_are_shown(self):
        self.assertEqual(sorted(token["state"] for token in self.tokens()), ["serving", "standby"])
        self.assertEqual([token["state"] for token in self.tokens("audit")], ["serving"])

    def tokens(self, role="transfer"):
        """What health says of the tokens of a signer, as soon as none is down: the test before may have ended one."""
        def look():
            tokens = self.place.call("GET", "/healthz").json["parts"][f"signer_{role}"].get("tokens", [])
            return tokens if tokens and "down" not in [token["state"] for token in tokens] else None
        return self.until(look, f"the tokens of {role} are there")

    def token_process(self, label):
        """The process of the transfer signer that has the token: a child of its keeper."""
        def children(pid):
            return subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
        for keeper in children(self.place.pid("transfer")):
            for pid in children(keeper):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/cmdline", "rb") as file:
                    if f"token={label};".encode() in file.read():
                        return int(pid)
        raise AssertionError(f"no process has the token {label}")

    def test_a_token_that_hangs_is_told_once(self):
        place = self.place
        known = len(self.entries("token.down"))
        serving = next(token["label"] for token in self.tokens() if token["state"] == "serving")
        os.kill(self.token_process(serving), signal.SIGSTOP)
        place.withdraw(8)
        entry = self.until(lambda: self.entries("token.down")[known:], "the token is told to be down")[0]
        self.assertEqual(self.event(entry)["facts"]["label"], serving)
        self.tokens()
        self.assertEqual(len(self.entries("token.down")), known + 1)

    def assertToldThoughUnseen(self, mark=None):
        """The standby token goes down and comes back while no custodyd looks."""
        place = self.place
        known = len(self.entries("token.down"))
        token = next(token for token in self.tokens() if token["state"] == "standby")
        lines = place.log("transfer").count(f"event=token.up token={token['label']} ")
        place.stop("custodyd")
        if mark is not None:
            where = f"subject LIKE 'token/transfer/{token['label']}/%'"
            place.psql(f"UPDATE custody.mark SET value = '{mark}' WHERE {where}")
            self.assertEqual(place.value(f"SELECT count(*) FROM custody.mark WHERE {where} AND value = '{mark}'"), "1")
        os.kill(self.token_process(token["label"]), signal.SIGKILL)
        self.until(lambda: place.log("transfer").count(f"event=token.up token={token['label']} ") > lines, "it is back")
        place.start()
        told = self.until(lambda: self.entries("token.down")[known:], "the token is told to have been down")
        self.assertEqual([self.event(entry)["facts"]["label"] for entry in told], [token["label"]])
        self.until(lambda: self.event(self.entries("token.up")[-1])["facts"]["label"] == token["label"], "and to be up")
        self.until(lambda: place.call("GET", "/healthz").json["alarms"] == 0, "it is no alarm")

    def test_a_token_that_came_back_unseen_is_told(self):
        """Down and up again while nobody looked: the trail has it all the same."""
        self.assertToldThoughUnseen()

    def test_a_mark_that_was_edited_hides_no_outage(self):
        """Who owns the database writes nonsense where the last outage stands: it counts as never told."""
        self.assertToldThoughUnseen("standby/soon")

    def test_a_token_that_lost_its_keys_is_told(self):
        """It opens and is well; what is missing on it is an alarm and not the error of the next failover."""
        place = self.place
        known = len(self.entries("token.down"))
        token = next(token for token in self.tokens() if token["state"] == "standby")
        folder = next((place.dir / "tokens").glob(f"*-{token['serial'][:4]}-{token['serial'][4:]}"))
        objects = [path for path in folder.glob("*.object") if path.name != "token.object"]
        for path in objects:
            path.rename(place.dir / path.name)
        try:
            os.kill(self.token_process(token["label"]), signal.SIGKILL)
            told = self.until(lambda: [event for event in map(self.event, self.entries("token.down")[known:])
                                       if event["facts"]["state"] == "lacks_key"], "the loss is told")
            self.assertEqual(told[0]["facts"]["label"], token["label"])
            self.until(lambda: place.call("GET", "/healthz").json["alarms"] > 0, "the list of alarms has it")
            self.assertIn(f"event=token.lacks_key token={token['label']} ", place.log("transfer"))
        finally:
            for path in objects:
                (place.dir / path.name).rename(path)
            os.kill(self.token_process(token["label"]), signal.SIGKILL)
        self.until(lambda: place.call("GET", "/healthz").json["alarms"] == 0, "it has its keys again")

    def test_a_validator_that_one_person_stopped_goes_on_when_it_is_back(self):
        place = self.place
        self.assertEqual(self.send("key.suspend", role="validator", signers=("operator-1",)).status, 200)
        try:
            withdrawal = place.proposed(64)
            place.approve(withdrawal)
            self.until(lambda: "key_inactive" in place.log("custodyd").rpartition("event=ledger.stalled")[2], "the ledger waits")
            self.assertNotIn("halted", place.call("GET", "/v1/ledger/status").json)
        finally:
            self.assertEqual(self.send("key.resume", role="validator", **{"from": "suspended"}).status, 200)
            self.assertEqual(self.send("key.activate", role="validator", signatures="1000000", until=time_text(seconds=DAY_S),
                                       **{"from": "inactive"}).status, 200)
        place.wait(withdrawal["id"], "confirmed")

    def test_drills_and_cryptoperiods_fall_due(self):
        place = self.place
        document = json.loads(place.call("GET", f"/v1/keys/{self.ids['transfer']}").json["key"]["document"]["document"])
        try:
            self.later(document["drill_days"] + 1)
            row = self.key()
            self.assertTrue(row["drill_overdue"])
            self.assertEqual(row["cryptoperiod"]["phase"], "running")
            place.stop("custodyd")
            self.later(350)
            self.assertEqual(self.key()["cryptoperiod"]["phase"], "ending")
        finally:
            place.stop("custodyd")
            place.start()
        overdue = self.until(lambda: self.entries("key.drill_overdue", outcome="error"), "the drill is told")
        self.assertEqual([entry["oid"] for entry in overdue], [self.ids["transfer"]])
        phases = [self.event(entry)["facts"]["phase"] for entry in self.entries("key.cryptoperiod", otype="key",
                                                                              oid=self.ids["transfer"])]
        self.assertIn("ending", phases)

    def test_a_drill_is_remembered(self):
        before = self.key()
        self.place.script("drill")
        after = self.key()
        self.assertGreater(after["restored_at"], before["restored_at"])
        self.assertGreater(after["drill_due"], before["drill_due"])
        told = [(entry["outcome"], self.event(entry)["facts"]["order"]) for entry in self.entries("key.restore")]
        self.assertEqual(told[-2:], [("intent", "drill"), ("ok", "drill")])
        proof = json.loads(next((self.place.dir / "drills").glob("*Z.json")).read_text())
        path = f"/v1/keys/{self.ids['transfer']}/restores"
        stolen = self.place.call("POST", path, {**proof, "signatures": proof["signatures"][:3]})
        self.assertEqual((stolen.status // 100, self.key()["restored_at"]), (4, after["restored_at"]), stolen)
        other = self.place.call("POST", f"/v1/keys/{self.ids['validator']}/restores", proof)
        self.assertProblem(other, 403, "mismatch", "key")


if __name__ == "__main__":
    unittest.main()
