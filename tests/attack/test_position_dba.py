#!/usr/bin/python3
"""Position DBA: a superuser of PostgreSQL. What rows can forge of a withdrawal is in test_database.py, of the trail in test_trail.py.

Here: what the service keeps in rows of what others decide: freezes, keys, versions of the policy, and the time of a withdrawal.
"""

import base64
import hashlib
import json
import unittest

from positions import DAY_S, Position, pending_key, pending_mac, signing_entry, to_the_trail
from strongroom import canonical, digest, eventually, time_text, uuid7


class Dba(Position):
    contradictions = []  # what the trail has for good: an end that somebody put in

    def to_be_signed(self, row, approvals, columns="expires_at = expires_at"):
        """The row says that it is recorded, and `columns` at once; the entry that the signer asks for is announced."""
        to_the_trail(self.place, signing_entry(self.place, row, approvals))
        self.place.at_once(f"""
            UPDATE custody.withdrawal SET state = 'recorded', ver = ver + 1, {columns} WHERE id = '{row["id"]}';
            DELETE FROM custody.outbox WHERE withdrawal = '{row["id"]}';
            INSERT INTO custody.outbox (kind, withdrawal) VALUES ('sign', '{row["id"]}')""")

    def assertHeld(self, row):
        """The step was tried, and waits for what the signer says; nothing is signed."""
        wanted = {"for": "key_inactive"}
        eventually(lambda: wanted.items() <= self.place.read(row["id"]).get("waiting", {}).items(), "the withdrawal waits")
        self.assertEqual(self.place.read(row["id"])["state"], "recorded")
        self.assertEqual(self.signed_so_far(), self.signatures)

    def test_to_unfreeze(self):
        """Whatever rows say of a freeze, it is the signer's; the withdrawal waits, and a quorum thaws."""
        place = self.place
        row = place.proposed(71)
        place.approve(row, "approver-1")
        target = {"scope": "wallet", "subject": "hot", "role": "transfer"}
        self.assertEqual(place.call("POST", "/v1/freezes", self.command("freeze", "operator-1", **target)).status, 200)
        place.approve(row, "approver-2")
        place.psql("UPDATE custody.mark SET value = 'thawed' WHERE subject LIKE 'freeze/%'; DELETE FROM custody.mark WHERE subject LIKE 'freeze%'")
        stored = place.read(row["id"])["approvals"]
        self.to_be_signed(row, [{name: approval[name] for name in ("document", "signatures")} for approval in stored])
        self.assertHeld(row)
        self.assertEqual(self.state_of()["freezes"][0]["state"], "frozen")
        told = eventually(lambda: self.entries("freeze.state", otype="freeze", oid="wallet/hot"), "the trail says that it is frozen")
        self.assertEqual(told[-1]["outcome"], "error")
        number = str(self.state_of()["freezes"][0]["on"])
        thaw = self.command("thaw", "admin-1", "admin-2", on=number, **target)
        self.assertEqual(place.call("POST", "/v1/freezes", thaw).status, 200)
        place.wait(row["id"], "confirmed")
        self.paid = 71

    def test_to_revive_what_is_over(self):
        """The end of an intent moved in its row, or in its bytes: the one is not asked for, the other is another intent."""
        place = self.place
        row = place.proposed(72)

        def ending(intent):
            return f"intent = convert_to($d${intent}$d$, 'UTF8'), expires_at = now() + interval '1 day'"
        longer, _ = self.rebuilt(row, expires_at=time_text(seconds=DAY_S))
        place.psql(f"UPDATE custody.withdrawal SET {ending(longer)} WHERE id = '{row['id']}'")
        for person, signed in zip(("approver-1", "approver-2"), self.approvals({**row, "intent": longer})):
            reply = place.decide(row, person, document=signed)
            self.assertProblem(reply, 503, "corrupt", "withdrawal")  # nobody decides on it
        late, _ = self.rebuilt(row, requested_at=time_text(seconds=-60), expires_at=time_text(seconds=-1))
        over = {**row, "intent": late}
        good = self.approvals(over, signed_at=time_text(seconds=-30))
        self.to_be_signed(over, good, ending(late))
        ended = place.wait(row["id"], "expired", "failed", "quarantined", "rejected")
        self.assertIn(ended["reason"], ("expired", "mismatch", "quorum_missing"), ended)
        self.assertEqual(self.signed_so_far(), self.signatures)

    def test_to_wake_a_key(self):
        """A suspended key is suspended in the guard; rows that say otherwise change what is shown for a moment, and nothing else."""
        place = self.place
        key = place.call("GET", "/v1/wallets/hot").json["key_id"]
        row = place.proposed(73)
        order = self.command("key.suspend", "operator-1", key=key, role="transfer")
        self.assertEqual(place.call("POST", f"/v1/keys/{key}/commands", order).status, 200)
        place.approve(row)
        place.psql(f"UPDATE custody.mark SET value = replace(value, 'suspended', 'active') WHERE subject LIKE '%{key}%'")
        stored = place.read(row["id"])["approvals"]
        self.to_be_signed(row, [{name: approval[name] for name in ("document", "signatures")} for approval in stored])
        self.assertHeld(row)
        box = {"from": "inactive", "signatures": "1000000", "until": time_text(seconds=86400)}
        for action, fields in (("key.resume", {"from": "suspended"}), ("key.activate", box)):
            order = self.command(action, "admin-1", "admin-2", key=key, role="transfer", on=place.on("transfer", key), **fields)
            self.assertEqual(place.call("POST", f"/v1/keys/{key}/commands", order).status, 200)
        place.wait(row["id"], "confirmed")
        self.paid = 73

    def review(self, path, *words, out="review.json", check=True):
        place, people = self.place, self.place.dir / "people"
        (place.dir / out).unlink(missing_ok=True)
        return place.custody("audit", "review", *map(str, words), "--in", str(path), "--trust", str(place.dir / "trust.json"), "--out",
                             str(place.dir / out), "--person", "auditor-1", "--key", str(people / "auditor-1.key"),
                             "--passphrase-file", str(people / "auditor-1.passphrase"), person="auditor-1", check=check)

    def report(self, out="review.json", check=True):
        return self.place.custody("audit", "report", "--in", str(self.place.dir / out), person="auditor-1", check=check)

    def first_review(self, path, size):
        """The keys of the place were activated before there was a trail: by orders that the auditor gets from who signed them."""
        place = self.place
        orders = [place.dir / "ceremony" / key / "key.activate.json" for key in ("transfer", "audit", "validator")]
        activate = json.loads(orders[0].read_text())
        fields = json.loads(activate["document"])

        def activated(*given, check=False):
            said = self.review(path, "0", str(size), *given, check=check)
            return sum("activated" in line and "FINDING" in line for line in said.stdout.splitlines()), said

        before, _ = activated()
        self.assertGreaterEqual(before, 3)
        for other in ({"on": "2"}, {"key": json.loads(json.loads(orders[1].read_text())["document"])["key"]}, {"role": "validator"}):
            (place.dir / "other").write_text(json.dumps(place.signed("command", canonical({**fields, **other}), "admin-1", "admin-2")))
            self.assertEqual(activated(place.dir / "other")[0], before, "an order of the quorum for something else")
        for forged in (place.signed("command", activate["document"], "admin-1"),
                       place.signed("command", activate["document"], "operator-1", "approver-1"),
                       {**activate, "document": activate["document"].replace('"on":"1"', '"on":"3"')},
                       place.signed("command", canonical({**fields, "policy": "0" * 64}), "admin-1", "admin-2"),
                       json.loads((place.dir / "ceremony/transfer/key.admit.json").read_text())):
            (place.dir / "other").write_text(json.dumps(forged))
            _, said = activated(orders[1], place.dir / "other")
            self.assertEqual((said.returncode, "ORDER" in said.stderr, said.stdout, (place.dir / "review.json").exists()), (1, True, "", False), said)
        count, said = activated(*orders)
        self.assertEqual((count, said.stdout.count("activated by an order from a file")), (before - 3, 3), said)

    def test_to_speak_for_the_service(self):
        """What a role of the database puts among the events that wait becomes no entry, whoever it says it is of; the trail says that it was there."""
        place = self.place
        size = str(2**53)
        ended = "strongroom.demo/audit/v0"  # what waited for a log before this one has codes for that
        for key, *origin in ((b"",), (bytes(32),), (pending_key(place), ended)):
            event = {"act": "review.signed", "actor": "approver-1", "corr": uuid7(), "facts": {"findings": "0", "size": size}, "oid": size, "on": "1",
                     "otype": "review", "outcome": "ok", "pn": "1", "pr": uuid7(), "refs": {"review": "1" * 64, "root": "2" * 64}}
            document = canonical(event)
            mac = pending_mac(key, document, *origin) if key else ""
            place.psql(f"SET ROLE strongroom_app; INSERT INTO audit.pending (evt, mac) VALUES (convert_to($d${document}$d$, 'UTF8'), '\\x{mac}')")
            told = hashlib.sha256(document.encode()).hexdigest()
            eventually(lambda: [entry for entry in self.entries("trail.refuse") if told.encode() in base64.b64decode(entry["raw"])], "the trail says that it was there")
            self.assertEqual([entry for entry in self.entries("review.signed") if entry["oid"] == size], [])

    def test_what_a_review_is_worth_at_the_service(self):
        """It is taken from the auditor who signed it, about this trail, from where the last one ended; rows of the database make none."""
        place = self.place
        path = place.export_trail()
        size = len(path.read_bytes().splitlines()) - 2
        self.first_review(path, size - 2)
        signed = json.loads((place.dir / "review.json").read_text())
        review = json.loads(signed["document"])

        def hand_in(person="auditor-1", caller="auditor-1", **fields):
            document = canonical({**review, **fields})
            return place.call("POST", "/v1/audit/reviews", place.signed("review", document, person), person=caller)

        self.assertProblem(hand_in(caller="operator-1"), 403, "forbidden")
        self.assertProblem(hand_in("operator-1", reviewer="operator-1"), 403, "forbidden", "reviewer")
        self.assertProblem(hand_in("operator-1"), 403, "unknown_key", "signatures[0]")
        self.assertProblem(hand_in(root="0" * 64), 403, "mismatch", "root")
        self.assertProblem(hand_in(size=str(size - 1)), 403, "mismatch", "root")
        self.assertProblem(hand_in(size=str(10**9)), 403, "mismatch", "size")
        self.assertProblem(hand_in(to=str(size + 1)), 400, "invalid", "to")
        self.assertProblem(hand_in(reviewed_at=time_text(seconds=3600)), 503, "not_ready", "reviewed_at")
        self.assertProblem(hand_in(**{"from": "1"}), 409, "conflict", "from")
        forged = place.call("POST", "/v1/audit/reviews", {**signed, "document": canonical({**review, "findings": 0, "uses": 99})}, person="auditor-1")
        self.assertProblem(forged, 403, "signature_invalid", "signatures[0]")
        log = "strongroom.demo/audit/v1"
        self.assertEqual(place.call("GET", "/v1/audit/reviews", person="auditor-1").json, {"log": log, "reviews": [], "unfit": []})

        entered = self.report().stdout.split()[1]
        self.assertEqual(entered, digest("review", signed["document"]))
        self.assertProblem(place.call("POST", "/v1/audit/reviews", signed, person="auditor-1"), 409, "conflict", "to")
        self.assertIn("to do: custody audit reviews shows where the last one ended", self.report(check=False).stderr)
        self.assertProblem(hand_in(**{"from": str(size - 1), "to": str(size)}), 409, "conflict", "from")
        told = self.entries("review.signed", otype="review", oid=entered)[-1]
        self.assertEqual((told["actor"], told["outcome"], self.event(told)["refs"], self.event(told)["facts"]),
                         ("auditor-1", "ok", {"review": entered}, {"by": "auditor-1", "findings": str(review["findings"]), "from": "0", "size": str(size - 2), "uses": str(review["uses"])}))
        shown = place.call("GET", f"/v1/audit/reviews/{entered}", person="auditor-1")
        self.assertEqual((shown.json["digest"], shown.json["review"]["document"]), (entered, signed["document"]))
        self.assertProblem(place.call("GET", f"/v1/audit/reviews/{'0' * 64}", person="auditor-1"), 404, "not_found")
        self.assertProblem(place.call("GET", "/v1/audit/reviews/x", person="auditor-1"), 400, "invalid", "digest")
        self.assertProblem(place.call("GET", "/v1/audit/reviews", person="approver-1"), 403, "forbidden")

        # The next one goes on there: rows that nobody entered are not seen, whoever signed them and however many they are.
        with self.subTest("rows that are planted"):
            planted = [place.signed("review", canonical({**review, **fields}), person) for person, fields in
                       (("operator-1", {"from": "0", "to": str(size)}), ("auditor-1", {"root": "0" * 64, "to": str(size - 1)}))]
            for document in planted:
                place.psql(f"INSERT INTO custody.document (kind, id, digest, bytes, created_at) VALUES ('review', 'trail', "
                           f"'\\x{digest('review', document['document'])}', convert_to($d${canonical(document)}$d$, 'UTF8'), now() + interval '1 day')")
            place.psql("INSERT INTO custody.document (kind, id, digest, bytes, created_at) SELECT 'review', 'trail', sha256(n::text::bytea), '{}', "
                       "now() + interval '2 days' FROM generate_series(1, 300) n")
            honest = {"log": log, "reviews": [{"digest": entered, "review": signed}], "unfit": []}
            for query in ("", "?limit=1"):
                self.assertEqual(place.call("GET", f"/v1/audit/reviews{query}", person="auditor-1").json, honest)
            self.assertIn(f"entries {size - 2} to ", self.review(place.export_trail(), check=False).stdout)
        row = f"kind = 'review' AND digest = '\\x{entered}'"
        kept = place.value(f"SELECT encode(bytes, 'hex') FROM custody.document WHERE {row}")
        altered = {**signed, "document": canonical({**review, "uses": 99})}
        for name, change, reason, read in (
                ("another document", f"UPDATE custody.document SET bytes = convert_to($d${canonical(altered)}$d$, 'UTF8')", "mismatch", 503),
                ("another signature", f"UPDATE custody.document SET bytes = convert_to($d${canonical(place.signed('review', signed['document'], 'operator-1'))}$d$, 'UTF8')",
                 "unknown_key", 200),
                ("none", "DELETE FROM custody.document", "not_found", 404)):
            with self.subTest("the row of the one that was entered", is_now=name):
                place.psql(f"SET session_replication_role = replica; {change} WHERE {row}")
                shown = place.call("GET", "/v1/audit/reviews?limit=1", person="auditor-1").json
                self.assertEqual(shown, {"log": log, "reviews": [], "unfit": [{"digest": entered, "entry": told["seq"], "reason": reason}]})
                self.assertEqual(place.call("GET", f"/v1/audit/reviews/{entered}", person="auditor-1").status, read)
                said = place.custody("audit", "reviews", person="auditor-1", check=False)
                self.assertEqual((said.returncode, f"of entry {told['seq']} ({reason}): ask the auditor" in said.stderr), (1, True), said)
                self.assertIn("entries 0 to ", self.review(place.export_trail(), check=False).stdout)
                again = place.call("POST", "/v1/audit/reviews", signed, person="auditor-1")
                if name != "none":
                    self.assertProblem(again, 409, "conflict", "document")
        self.assertEqual((again.status, again.json["digest"]), (201, entered), "who has it saved hands it in again")
        self.assertIn(f"index {told['seq']}\n", base64.b64decode(again.json["receipt"]).decode(), "with the receipt of its entry")
        self.assertEqual(place.value(f"SELECT encode(bytes, 'hex') FROM custody.document WHERE {row}"), kept)
        self.assertEqual([entry["seq"] for entry in self.entries("review.signed", oid=entered, outcome="ok")], [told["seq"]], "nothing new has happened")
        place.psql(f"DELETE FROM custody.document WHERE {row}")
        self.assertProblem(hand_in("operator-1"), 403, "unknown_key", "signatures[0]")
        self.assertEqual(place.value(f"SELECT count(*) FROM custody.document WHERE {row}"), "0", "another signature brings nothing back")
        self.assertEqual(place.call("POST", "/v1/audit/reviews", signed, person="auditor-1").status, 201)
        self.review(place.export_trail(), check=False)
        self.report()
        rows = place.custody("audit", "reviews", person="auditor-1").stdout.splitlines()
        self.assertRegex(rows[0], rf" auditor-1 entries {size - 2} to [0-9]+ of {log}: [0-9]+ uses, [0-9]+ findings \([0-9a-f]{{64}}\)$")
        self.assertEqual((len(rows), rows[1].endswith(f"({entered})")), (2, True), rows)
        said = place.custody("show", "review", "--in", str(place.dir / "review.json")).stdout
        self.assertRegex(said, r"review of key uses: [0-9]+ uses, [0-9]+ findings\n")
        self.assertRegex(said, r"by +auditor-1\n")

        with self.subTest("rows above it that are made to look like reviews"):
            newest = self.entries("review.signed")[-1]["seq"]
            eventually(lambda: place.call("GET", "/v1/audit/entries", person="auditor-1") and int(place.value("SELECT max(size) FROM audit.checkpoint")) > newest + 17,
                       "there are entries above it")
            above = f"seq > {newest} AND seq <= {newest + 16}"
            place.psql(f"CREATE TABLE public.above AS SELECT * FROM audit.leaf WHERE {above}; UPDATE audit.leaf SET act = 'review.signed', outcome = 'ok' WHERE {above}")
            self.addCleanup(place.psql, "UPDATE audit.leaf AS l SET act = a.act, outcome = a.outcome FROM public.above AS a WHERE l.seq = a.seq; DROP TABLE public.above")
            shown = place.call("GET", "/v1/audit/reviews", person="auditor-1").json
            self.assertEqual((len(shown["reviews"]), shown["unfit"]), (2, []))
            self.assertLessEqual(set(map(str, range(newest + 1, newest + 17))), set(shown["corrupt"]))
            second = json.loads((place.dir / "review.json").read_text())
            again = place.call("POST", "/v1/audit/reviews", second, person="auditor-1")
            self.assertProblem(again, 409, "conflict", "to")
            self.assertIn(f"ended at {json.loads(second['document'])['to']}:", again.json["detail"])

    def test_what_a_review_of_key_uses_finds(self):
        """A signing that nobody approved and an entry of another payee, put into the trail, and a key activated past the service: each an exception by name."""
        place = self.place
        begun = int(place.value("SELECT size FROM audit.head"))
        honest = place.withdraw(75)
        self.paid = 75
        key = place.call("GET", "/v1/wallets/hot").json["key_id"]
        box = {"from": "inactive", "signatures": "1000000", "until": time_text(seconds=86400)}
        for action, people, fields in (("key.suspend", ("operator-1",), {}), ("key.resume", ("admin-1", "admin-2"), {"from": "suspended"}),
                                       ("key.activate", ("admin-1", "admin-2"), box)):
            fields = {**fields, **({"on": place.on("transfer", key)} if len(people) == 2 else {})}
            order = self.command(action, *people, key=key, role="transfer", **fields)
            self.assertEqual(place.call("POST", f"/v1/keys/{key}/commands", order).status, 200)
        eventually(lambda: self.entries("key.state", oid=key)[-1]["seq"] >= begun and self.told(key) == "active", "it is told to be active")
        place.wait(honest["id"], "confirmed")
        clean = place.export_trail()
        middle = len(clean.read_bytes().splitlines()) - 2
        done = self.review(clean, str(begun), str(middle))
        self.assertRegex(done.stdout, rf"withdrawal.signing wallet hot, {honest['id']}: matched\n")
        self.assertRegex(done.stdout, rf"withdrawal.signed wallet hot, {honest['id']}: matched\n")
        self.assertRegex(done.stdout, rf"activated key {key}: matched\n")
        self.assertRegex(done.stdout, r": 3 uses, 0 findings\n$")

        row = place.proposed(76)
        place.approve(row, "approver-1")
        to_the_trail(place, signing_entry(place, row, []))
        event = signing_entry(place, row, [])
        to_the_trail(place, {**event, "act": "withdrawal.submitted", "facts": {**event["facts"], "destination": place.hot}, "outcome": "error"})
        place.history_to(row["id"], "withdrawal.submitted")
        for action, people, fields in (("key.suspend", ("operator-1",), {}), ("key.resume", ("admin-1", "admin-2"), {"from": "suspended"})):
            fields = {**fields, **({"on": place.on("transfer", key)} if len(people) == 2 else {})}
            self.assertEqual(place.call("POST", f"/v1/keys/{key}/commands",
                                        self.command(action, *people, key=key, role="transfer", **fields)).status, 200)
        eventually(lambda: self.told(key) == "inactive", "it is told to be inactive")
        order = place.dir / "past-the-service.json"
        order.write_text(canonical(self.command("key.activate", "admin-1", "admin-2", key=key, role="transfer",
                                                on=place.on("transfer", key), **box)))
        place.custody("key", "send", "--command", str(order), "--socket", str(place.dir / "run/transfer.sock"))
        eventually(lambda: self.told(key) == "active", "it is told to be active again")
        path = place.export_trail()
        done = self.review(path, str(middle), check=False)
        self.assertNotEqual(done.returncode, 0)
        found = [line.split(" ", 2)[2] for line in done.stdout.splitlines() if "FINDING" in line]
        self.assertEqual(found, [f"withdrawal.signing wallet hot, {row['id']}: FINDING: not approved before it",
                                 f"withdrawal.submitted wallet hot, {row['id']}: FINDING: states another destination than was requested",
                                 f"activated key {key}: FINDING: no key.command with that order before it; if people gave it to the signer themselves, "
                                 "name its file (key.activate.json)"])
        self.assertEqual(self.review(path, str(begun), str(middle)).returncode, 0, "what came later changes no stretch before it")

        # What was signed is checked by hand: the report, the checkpoint, and whose signature it is.
        self.review(path, str(middle), check=False)
        signed = json.loads((place.dir / "review.json").read_text())
        review = json.loads(signed["document"])
        note = base64.b64decode(json.loads(path.read_bytes().splitlines()[-1])["checkpoint"]).decode().splitlines()
        self.assertEqual((review["report"], review["size"], review["root"], review["findings"], review["reviewer"], review["from"]),
                         (hashlib.sha256(done.stdout.encode()).hexdigest(), note[1], base64.b64decode(note[2]).hex(), 3, "auditor-1", str(middle)))
        self.assertEqual([signature["key"] for signature in signed["signatures"]], [place.person("auditor-1")["key_id"]])

        whole = path.read_bytes().splitlines(keepends=True)
        other = json.loads(whole[5])
        other["raw"] = base64.b64encode(base64.b64decode(other["raw"]).replace(b'"pn"', b'"pm"')).decode()
        for name, lines, words in (("a row left out", whole[:7] + whole[8:], ("0",)), ("its end cut off", whole[:-1], ("0",)),
                                   ("a row of another text", whole[:5] + [json.dumps(other).encode() + b"\n"] + whole[6:], ("0",)),
                                   ("the last row left out", whole[:-2] + whole[-1:], ("0",)),
                                   ("a stretch that is not covered", whole, ("0", str(len(whole)))), ("none", whole, ("7", "7"))):
            with self.subTest(name):
                edited = place.dir / "edited.jsonl"
                edited.write_bytes(b"".join(lines))
                refused = self.review(edited, *words, out="never.json", check=False)
                self.assertNotEqual(refused.returncode, 0)
                self.assertEqual((refused.stdout, (place.dir / "never.json").exists()), ("", False), refused.stderr)

    def told(self, key):
        """The state of a key that the trail has last."""
        return self.event(self.entries("key.state", oid=key)[-1])["facts"]["state"]

    def test_to_spoil_evidence(self):
        """Entries put into the trail for a withdrawal that waits for its second approval: its evidence is what it was."""
        place = self.place
        row = place.proposed(74)
        place.approve(row, "approver-1")
        [approval] = [{name: stored[name] for name in ("document", "signatures")} for stored in place.read(row["id"])["approvals"]]
        to_the_trail(place, {**signing_entry(place, row, [approval]), "policy": "1" * 64})
        for changes in ({}, {"transaction": "0" * 64}, {"policy": "0" * 64}):
            to_the_trail(place, signing_entry(place, row, [approval], **changes))
        event = signing_entry(place, row, [approval], intent="0" * 64)
        to_the_trail(place, {**event, "act": "withdrawal.announced"})
        to_the_trail(place, {**signing_entry(place, row, [approval]), "act": "withdrawal.confirmed", "outcome": "error"})
        for act in ("request", "confirmed"):
            to_the_trail(place, {**signing_entry(place, row, [approval]), "act": f"withdrawal.{act}", "outcome": "ok"})
        place.approve(row, "approver-2")
        place.wait(row["id"], "confirmed")
        to_the_trail(place, {**signing_entry(place, row, [approval]), "act": "withdrawal.failed", "outcome": "ok"})
        told = place.history_to(row["id"], "withdrawal.failed")
        self.contradictions.append(f"tampered: entry {told[-1]['seq']}: withdrawal.failed of the withdrawal {row['id']}, which was signed or paid before it")
        acts = [entry["act"] for entry in told]
        self.assertEqual([acts.count(f"withdrawal.{act}") for act in ("signing", "announced", "confirmed", "request")], [5, 1, 3, 2])
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.paid = 74
        with self.subTest("under a version from before it was asked for"):
            before = place.policy_digest
            self.adopt()
            row = place.proposed(75)
            approvals = {person: place.approval(row, person) for person in ("approver-1", "approver-2")}
            to_the_trail(place, {**signing_entry(place, row, list(approvals.values())), "policy": before})
            for person, document in approvals.items():
                self.assertEqual(place.decide(row, person, document=document).status, 200)
            place.wait(row["id"], "confirmed")
            self.assertProven("evidence", place.export_evidence(row["id"]))
            self.paid += 75
        with self.subTest("one that tells another amount: it is named"):
            row = place.proposed(77)
            event = signing_entry(place, row, [])
            to_the_trail(place, {**event, "act": "withdrawal.submitted", "facts": {**event["facts"], "amount": "7"}, "outcome": "error"})
            told = place.history_to(row["id"], "withdrawal.submitted")[-1]["seq"]
            place.approve(row)
            place.wait(row["id"], "confirmed")
            self.assertEqual(place.verify("evidence", place.export_evidence(row["id"])),
                             (1, f"tampered: entry {told}: states the amount 7, the intent 77\n"))
            self.paid += 77
        with self.subTest("an intent edited while somebody is refused, and put right again"):
            row = place.proposed(78)
            edit = f"""UPDATE custody.withdrawal SET
                intent = convert_to(replace(convert_from(intent, 'UTF8'), '"amount":"%s"', '"amount":"%s"'), 'UTF8') WHERE id = '{row["id"]}'"""
            place.psql(edit % (78, 7))
            self.assertProblem(place.call("POST", f"/v1/withdrawals/{row['id']}/approve", {}, "approver-1"), 400, "missing_field")
            place.psql(edit % (7, 78))
            place.approve(row)
            place.wait(row["id"], "confirmed")
            [refused] = [self.event(entry) for entry in place.history_to(row["id"]) if entry["outcome"] == "deny"]
            self.assertEqual((refused["act"], list(refused["facts"])), ("withdrawal.approve", ["version"]))
            self.assertProven("evidence", place.export_evidence(row["id"]))
            self.paid += 78
        with self.subTest("the quorum's sweep of another payment, filed under this one"):
            row = place.proposed(76)
            key = place.call("GET", "/v1/wallets/hot").json["key_id"]
            order = self.command("key.sweep", "admin-1", "admin-2", intent="1" * 64, key=key, role="transfer", **{"from": "compromised"})
            place.approve(row)
            place.wait(row["id"], "confirmed")
            place.psql(f"""
                INSERT INTO custody.document (kind, id, digest, bytes) VALUES ('command', '{row["intent_digest"][:63]}',
                '\\x{digest("command", order["document"])}', convert_to($d${canonical(order)}$d$, 'UTF8'))""")
            self.assertProven("evidence", place.export_evidence(row["id"]))
            self.paid += 76

    def test_z_the_trail_says_so(self):
        place = self.place
        acts = {entry["act"] for entry in place.pages("/v1/audit/entries?order=oldest", "entries", "auditor-1")}
        self.assertLessEqual({"freeze.command", "freeze.state", "key.command", "withdrawal.signing"}, acts)
        self.paid = 100
        self.assertHonestWorkGoesOn()
        status, said = place.verify("trail", place.export_trail())
        self.assertEqual((status, [line for line in said.splitlines() if line.startswith("tampered")]), (1 if self.contradictions else 0, self.contradictions))


if __name__ == "__main__":
    unittest.main(verbosity=2)
