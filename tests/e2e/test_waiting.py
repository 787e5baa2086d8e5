#!/usr/bin/python3
"""Delays with a veto, limits over time, ordered steps and hours, from the request to the ledger, on a running evaluation."""

import datetime
import json
import time
import unittest

import by_hand
import strongroom
from strongroom import canonical, digest, eventually, time_text

DELAY_S = 8
SLOW_S = 120  # for a machine that is too slow to look within the delay
LONG_S = 3600  # does not pass while these tests run
WINDOW_S = 86400  # longer than these tests take


class Waiting(strongroom.Trailed, strongroom.Case):
    """One version of the policy with a rule for each band of amounts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.place
        row = next(row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force")
        document = json.loads(row["policy"]["document"])
        [rule] = document["rules"]
        groups = document["groups"] + [{"id": "second-look", "members": ["approver-2", "approver-3"]},
                                       {"id": "desk", "members": ["operator-1"]},
                                       {"id": "juniors", "members": ["approver-1", "approver-2", "approver-3"]}]

        def band(name, above, up_to, when=None, **demand):
            return {**rule, "id": name, "when": {**rule["when"], "amount": {"above": str(above), "up_to": str(up_to)}, **(when or {})},
                    "demand": {**rule["demand"], **demand}}

        two = [{"group": "approvers", "m": 2}]
        rules = [band("a-small", 0, 1000, steps=[[{"group": "juniors", "m": 2}]]), band("b-delayed", 1000, 2000, delay_s=DELAY_S),
                 band("c-limited", 2000, 3000, limits=[{"per": "destination", "sum": "5000", "window_s": WINDOW_S}]),
                 band("d-steps", 3000, 4000, steps=[[{"group": "approvers", "m": 1}], [{"group": "second-look", "m": 1}]]),
                 band("e-signed", 4000, 5000, when={"requesters": ["desk"]}, steps=[two]),
                 band("f-counted", 5000, 8000, limits=[{"count": 50, "per": "wallet", "sum": "12000", "window_s": 2678400}]),
                 band("g-slow", 8000, 8400, delay_s=SLOW_S), band("h-long", 8400, 8800, delay_s=LONG_S)]
        text = canonical({**document, "version": 2, "prev": row["digest"], "issued_at": time_text(), "rules": rules,
                          "groups": sorted(groups, key=lambda group: group["id"])})
        cls.name = digest("policy", text)
        cls.document = json.loads(text)
        reply = place.call("POST", "/v1/policies", place.signed("policy", text, "admin-1", "admin-2"))
        assert reply.status == 200, reply
        eventually(lambda: [row for row in place.call("GET", "/v1/policies").json["policies"]
                            if row["state"] == "in_force" and row["digest"] == cls.name], "the version is in force")

    def announced(self, amount):
        """A withdrawal that has all approvals and waits for its delay."""
        row = self.place.proposed(amount)
        self.place.approve(row)
        return eventually(lambda: (lambda row: row if "sign_at" in row else None)(self.place.read(row["id"])), "it is announced")

    def alarms(self, withdrawal):
        return [alarm for alarm in self.place.call("GET", "/v1/alarms").json["alarms"]
                if alarm["code"] == "withdrawal.waiting" and alarm["object_id"] == withdrawal["id"]]

    def seen_coming(self, amount):
        """A withdrawal that waits for its delay, and its alarm; None when its time came first."""
        row = self.announced(amount)
        alarms = eventually(lambda: self.alarms(row) or time_text() > row["sign_at"], "the alarm")
        return (row, *alarms) if alarms is not True and row["state"] == "approved" else None

    def test_a_delay_passes_and_everybody_sees_it_coming(self):
        row, alarm = next(filter(None, map(self.seen_coming, (1500, 8100))))
        self.assertEqual((row["state"], row["waiting"]["step"], row["waiting"]["for"]), ("approved", "announce", "not_ready"))
        self.assertGreater(row["sign_at"], row["requested_at"])
        self.assertEqual(alarm["facts"]["sign_at"][:19], row["sign_at"][:19])
        end = self.place.wait(row["id"], "confirmed")
        acts = [entry["act"] for entry in self.place.history_to(row["id"])]
        self.assertEqual([act for act in acts if act != "withdrawal.waiting"],
                         ["withdrawal." + act for act in ("request", "approve", "approve", "approved", "announced", "signing", "signed",
                                                          "submitted", "confirmed")])
        self.assertIn("withdrawal.waiting", acts)
        signed = next(entry for entry in self.place.history(row["id"]) if entry["act"] == "withdrawal.signed")
        self.assertGreaterEqual(signed["ts"], row["sign_at"][:19])
        self.until(lambda: not self.alarms(row), "the alarm is over")
        self.assertProven("evidence", self.place.export_evidence(end["id"]))
        by_hand.proves_file(self, self.place.export_evidence(end["id"]))

    def test_columns_edited_while_its_entry_is_written(self):
        """A superuser who puts them right again afterwards leaves no entry that the evidence of the payment is called altered for."""
        place = self.place
        place.psql("""
            CREATE FUNCTION public.edit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = replica AS $$
            BEGIN
                IF NEW.kind = 'announce' AND OLD.waits_until IS NULL AND NEW.waits_until IS NOT NULL THEN
                    UPDATE custody.withdrawal SET amount = 7, wallet = 'cold' WHERE id = NEW.withdrawal;
                    NEW.due_at := now() + interval '1 hour';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER edit BEFORE UPDATE ON custody.outbox FOR EACH ROW EXECUTE FUNCTION public.edit();
            ALTER TABLE custody.outbox ENABLE ALWAYS TRIGGER edit""")
        try:
            row = self.announced(1700)
            entries = place.history_to(row["id"], "withdrawal.waiting")
            edited = place.value(f"SELECT amount || ' ' || wallet FROM custody.withdrawal WHERE id = '{row['id']}'")
        finally:
            place.psql("DROP TRIGGER edit ON custody.outbox; DROP FUNCTION public.edit()")
        self.assertEqual(edited, "7 cold")
        [facts] = [self.event(entry)["facts"] for entry in entries if entry["act"] == "withdrawal.waiting"]
        self.assertEqual((facts["amount"], facts["wallet"]), ("1700", "hot"))
        place.psql(f"""UPDATE custody.withdrawal SET amount = 1700, wallet = 'hot' WHERE id = '{row["id"]}';
            UPDATE custody.outbox SET due_at = now() WHERE withdrawal = '{row["id"]}' AND done_at IS NULL""")
        place.wait(row["id"], "confirmed")
        place.history_to(row["id"])
        self.assertProven("evidence", place.export_evidence(row["id"]))

    def test_rows_keep_no_waiting_withdrawal_from_people(self):
        """A superuser edits what says that it waits, and until when, and the terms: the alarm lasts until an entry of the trail ends it."""
        place = self.place
        place.psql("""
            CREATE FUNCTION public.hide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.waits_until := NULL; RETURN NEW; END $$;
            CREATE TRIGGER hide BEFORE INSERT OR UPDATE ON custody.outbox FOR EACH ROW EXECUTE FUNCTION public.hide()""")
        try:
            row = place.proposed(8700)
            place.approve(row)
            alarm = eventually(lambda: self.alarms(row), "the alarm, although no row says until when")[0]
        finally:
            place.psql("DROP TRIGGER hide ON custody.outbox; DROP FUNCTION public.hide()")
        self.assertEqual(alarm["facts"]["amount"], "8700")
        harmless = canonical({**json.loads(row["intent"]), "amount": "1"})
        place.psql(f"""UPDATE custody.withdrawal SET state = 'expired', ver = ver + 1, amount = 1, intent = convert_to($d${harmless}$d$, 'UTF8') WHERE id = '{row["id"]}';
            DELETE FROM custody.outbox WHERE withdrawal = '{row["id"]}'""")
        for restart in (False, True):
            with self.subTest(restart=restart):
                if restart:
                    place.stop("custodyd")
                    place.start()
                looked = place.call("GET", "/v1/alarms").json["looked_at"]
                eventually(lambda: place.call("GET", "/v1/alarms").json["looked_at"] > looked, "it looks again")
                [alarm] = eventually(lambda: self.alarms(row), "the alarm lasts")
                self.assertEqual((alarm["facts"]["amount"], alarm["facts"]["wallet"]), ("8700", "hot"))
        place.psql(f"""UPDATE custody.withdrawal SET state = 'approved', ver = ver + 1, amount = 8700, intent = convert_to($d${row["intent"]}$d$, 'UTF8') WHERE id = '{row["id"]}'""")
        reply = place.call("POST", f"/v1/withdrawals/{row['id']}/veto", self.veto_of(row, "approver-3"))
        self.assertEqual((reply.status, reply.json["withdrawal"]["state"]), (200, "rejected"), reply)
        self.until(lambda: not self.alarms(row), "it is over")

    def veto_of(self, row, person):
        """A signed command; it names the version of before."""
        place = self.place
        return place.signed("command", canonical({
            "action": "withdrawal.veto", "chain": place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
            "issued_at": time_text(), "nonce": strongroom.uuid7(), "policy": place.policy_digest, "reason": "not-ours",
            "role": "transfer", "subject": digest("intent", place.read(row["id"])["intent"])}), person)

    def test_a_veto_goes_to_the_signer_whatever_the_rows_say(self):
        """Which withdrawal it is of the service knows by rows. Handed in at another one, it is denied, and kept; at its own, it ends that."""
        place = self.place
        row = self.announced(8500)
        other = place.withdraw(20)
        body = self.veto_of(row, "approver-3")
        self.assertProblem(place.call("POST", f"/v1/withdrawals/{other['id']}/veto", body), 403, "mismatch")
        self.assertProblem(place.call("POST", f"/v1/withdrawals/{strongroom.uuid7()}/veto", body), 404, "not_found")
        vetoed = [line for line in place.log("transfer").splitlines() if "event=withdrawal.vetoed" in line and row["intent_digest"] in line]
        self.assertEqual(len(vetoed), 1, "the signer is told, and carries it out once, whoever edited the row that the service goes by")
        name = digest("withdrawal-veto", body["document"])
        self.assertEqual(place.value(f"SELECT count(*) FROM custody.document WHERE kind = 'withdrawal-veto' AND digest = '\\x{name}'"), "1")
        reply = place.call("POST", f"/v1/withdrawals/{row['id']}/veto", body)
        self.assertEqual(reply.status, 200, reply)
        self.assertEqual(reply.json["withdrawal"]["state"], "rejected")

    def test_one_person_vetoes(self):
        place = self.place
        row = self.announced(8600)
        place.stranger("nobody")
        strange = self.veto_of(row, "nobody")  # whom the signer may know before the service does
        self.assertProblem(place.call("POST", f"/v1/withdrawals/{row['id']}/veto", strange), 403, "unknown_key")
        self.assertEqual(place.read(row["id"])["state"], "approved")
        files = ("--key", f"{place.dir}/people/approver-3.key", "--passphrase-file", f"{place.dir}/people/approver-3.passphrase")
        told = place.custody("veto", row["id"], "--reason", "not-ours", *files, person="approver-3").stdout
        self.assertIn("vetoed, the withdrawal is rejected", told)
        place.crowd("withdrawal-veto", row["intent_digest"])
        row = place.read(row["id"])
        self.assertEqual((row["state"], row["reason"], row["veto"]), ("rejected", "denied", {"by": "approver-3", "reason": "not-ours"}))
        entry = self.until(lambda: [entry for entry in place.history(row["id"])
                                    if (entry["act"], entry["outcome"]) == ("withdrawal.veto", "ok")], "the entry")[0]
        facts = self.event(entry)["facts"]
        self.assertEqual((facts["by"], facts["reason"], facts["amount"]), ("approver-3", "not-ours", "8600"))
        # Without its mark it is found as long as there are no more rows than are looked at.
        place.psql("DELETE FROM custody.mark WHERE subject LIKE 'paper/withdrawal-veto/%'")
        for planted, status in ((1024, 503), (1023, 200)):
            place.psql(f"DELETE FROM custody.document WHERE kind = 'withdrawal-veto' AND bytes = '{{}}' AND digest > decode(lpad(to_hex({planted}), 64, '0'), 'hex')")
            self.assertEqual(place.call("GET", f"/v1/withdrawals/{row['id']}").status, status, f"{planted} rows and the veto")
        self.assertEqual(place.read(row["id"])["veto"], row["veto"])
        late = place.withdraw(10)
        said = place.custody("veto", late["id"], "--reason", "too-late", *files, person="approver-3", check=False)
        self.assertNotEqual(said.returncode, 0)
        self.assertEqual(place.read(late["id"])["state"], "confirmed")

    def listed(self, person):
        """The address of a person's key, on the list: what is paid there, only this test pays."""
        place, key = self.place, self.place.person(person)
        address = place.custody("key", "address", f"{key['alg']}:{key['key']}").stdout.strip()
        document = json.loads(json.loads((place.dir / "ceremony/destination.json").read_text())["document"])
        document = canonical({**document, "account": address, "id": person, "issued_at": time_text(), "policy": self.name})
        self.assertEqual(place.call("POST", "/v1/destinations", place.signed("destination", document, "admin-1", "admin-2")).status, 201)
        return address

    def test_a_delay_makes_the_window_on_the_ledger_longer(self):
        """A transaction must not be dead on the ledger when its time comes: it is valid for blocks as its withdrawal lives in seconds."""
        windows = []
        for amount in (90, 1600):
            row = self.place.proposed(amount)
            intent = json.loads(row["intent"])
            life = (datetime.datetime.fromisoformat(row["expires_at"]) - datetime.datetime.fromisoformat(row["requested_at"])).total_seconds()
            windows.append((int(life), int(intent["valid_until"]) - int(intent["valid_from"]) + 1))
            self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel")
        usual, window = windows[0]
        self.assertEqual(windows[1], (usual + DELAY_S, -(-window * (usual + DELAY_S) // usual)))
        self.assertGreater(windows[1][1], window)

    def test_a_full_limit_waits_until_it_is_free(self):
        place = self.place
        address = self.listed("approver-4")
        first, second, third = (place.proposed(amount, destination=address) for amount in (2400, 2700, 2500))
        place.approve(first)
        place.wait(first["id"], "confirmed")
        place.approve(second)
        row = eventually(lambda: (lambda row: row if row.get("waiting", {}).get("for") == "limit_exceeded" else None)(place.read(second["id"])), "it waits")
        self.assertEqual(row["state"], "approved")
        self.assertGreater(row["waiting"]["until"], first["requested_at"])
        place.approve(third)  # what fits is not held up
        place.wait(third["id"], "confirmed")

    def test_steps_are_taken_in_their_order(self):
        place = self.place
        row = place.proposed(3500)
        place.approve(row, "approver-2", "approver-1")  # neither has seen the other
        self.assertEqual(place.read(row["id"])["state"], "approving")
        first = [json.loads(signed["document"]) for signed in place.read(row["id"])["approvals"]]
        seen = sorted(digest("approval", signed["document"]) for signed in place.read(row["id"])["approvals"])
        self.assertEqual(len(first), 2)
        self.assertEqual(place.decide(row, "approver-3", document=place.approval(row, "approver-3", seen=seen)).status, 200)
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))

    def test_a_rule_about_who_asks_needs_the_signature_of_the_requester(self):
        place = self.place
        row = place.proposed(4500)
        place.approve(row)
        self.assertEqual(place.read(row["id"])["state"], "approving")
        tree = place.call("GET", f"/v1/withdrawals/{row['id']}/explanation").json
        self.assertEqual((tree["decision"], tree["policy"]), ("waiting", self.name))
        self.assertEqual(place.decide(row, "operator-1", "request").status, 200)
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        by_hand.proves_file(self, place.export_evidence(row["id"]))

    def test_every_entry_says_what_the_policy_said(self):
        place = self.place
        row = place.proposed(50)
        self.assertEqual(place.decide(row, "approver-1").status, 200)
        self.assertProblem(place.decide(row, "approver-4"), 403, "forbidden")  # in no group of the rule
        self.assertEqual(place.decide(row, "approver-2").status, 200)
        place.wait(row["id"], "confirmed")

        def said(act, outcome):
            return [self.event(entry) for entry in place.history(row["id"]) if (entry["act"], entry["outcome"]) == (act, outcome)]

        place.history_to(row["id"])
        [request] = said("withdrawal.request", "ok")
        approved = said("withdrawal.approve", "ok")
        [denied] = said("withdrawal.approve", "deny")
        told = [(event["facts"]["decision"], event["facts"]["because"], event["facts"]["rule_1"]) for event in (request, *approved)]
        rule = "a-small:allow:max_amount=met+destination=met+juniors="
        self.assertEqual(told, [("waiting", "quorum_missing", rule + "0/2"), ("waiting", "quorum_missing", rule + "1/2"),
                                ("allowed", "ok", rule + "2/2")])
        self.assertEqual((denied["reason"], denied["facts"]["rule_1"]), ("forbidden", rule + "1/2"))
        for event in (request, denied, *approved):
            self.assertEqual((event["facts"]["version"], event["refs"]["evaluated"]), ("2", self.name))
        self.assertProven("trail", place.export_trail())

    def test_every_refusal_of_a_decision_says_under_which_version(self):
        """Whatever it is refused for: what the policy says of the withdrawal goes along, into the answer and into the trail."""
        place = self.place
        row = place.proposed(51)
        place.approve(row, "approver-1")
        second = place.approval(row, "approver-1")
        for refused, code in ((place.decide(row, "operator-1", "request", document=place.approval(row, "operator-1")), 403),
                              (place.decide(row, "approver-1", document=second), 409),
                              (place.decide(row, "approver-2", document=place.approval(row, "approver-2", signer="approver-3")), 403)):
            self.assertEqual(refused.status, code, refused)
            tree = refused.json["explanation"]
            self.assertEqual((tree["decision"], tree["version"], tree["policy"]), ("waiting", 2, self.name), refused)
        place.approve(row, "approver-2")
        told = place.history_to(row["id"], "withdrawal.approved")
        denied = [self.event(entry) for entry in told if entry["outcome"] == "deny"]
        self.assertEqual([event["facts"]["version"] for event in denied], 3 * ["2"])
        self.assertEqual({event["refs"]["evaluated"] for event in denied}, {self.name})
        [approved] = [self.event(entry) for entry in told if entry["act"] == "withdrawal.approved"]
        self.assertEqual((approved["facts"]["decision"], approved["facts"]["version"]), ("allowed", "2"))

    def test_a_dry_run_keeps_nothing(self):
        place = self.place
        ask = ("propose", "--dry-run", "--wallet", "hot", "--asset", "DEMO", "--to", place.payee, "--amount")
        before = place.value("SELECT count(*) FROM custody.withdrawal")
        tree = json.loads(place.custody(*ask, "1500", "--json").stdout)
        self.assertEqual((tree["decision"], tree["policy"], tree["rules"][0]["id"]), ("waiting", self.name, "b-delayed"))
        words = place.custody(*ask, "1500").stdout
        self.assertIn("nothing is proposed", words)
        self.assertRegex(words, rf"by version +2 of the policy, {self.name}")
        self.assertRegex(words, r"approver-1 +may approve")
        denied = place.custody(*ask, "9000", check=False)
        self.assertRegex(denied.stdout, r"decision +denied, no allow rule matches")
        self.assertEqual(denied.returncode, 1)
        self.assertEqual(place.value("SELECT count(*) FROM custody.withdrawal"), before)

    def test_a_dry_run_tells_how_much_of_a_limit_is_used(self):
        """What the signer counted; the dry run itself is never counted."""
        place = self.place
        ask = ("propose", "--dry-run", "--wallet", "hot", "--asset", "DEMO", "--to", place.payee, "--amount")

        def told(amount):
            [rule] = json.loads(place.custody(*ask, str(amount), "--json").stdout)["rules"]
            [limit] = rule["limits"]
            return limit

        count, total = (int(value) for _, value in sorted(told(5100)["used"].items()))  # by tests before this one
        place.withdraw(5100)
        left = 12000 - total - 5100
        self.assertIn(left, range(5001, 8000))
        for amount, fits in ((left, "now"), (left + 1, "later"), (left, "now")):
            limit = told(amount)
            self.assertEqual((limit["used"], limit["left"], limit["fits"]),
                             ({"count": count + 1, "sum": str(total + 5100)}, {"count": 49 - count, "sum": str(left)}, fits))
            self.assertEqual(limit.get("fits_at", "") > time_text(), fits == "later", limit)
        words = place.custody(*ask, str(left + 1)).stdout
        self.assertRegex(words, r"used \d+ times, .*; \d+ times left; .* left; this one fits later, from 20")
        place.stop("transfer")
        asked = place.call("POST", "/v1/policy/explain", place.proposal(5400)).json
        self.assertEqual((asked["decision"], asked["usage_unknown"]), ("waiting", "unavailable"))
        self.assertNotIn("used", asked["rules"][0]["limits"][0])
        self.assertIn("could not be asked: unavailable", place.custody(*ask, "5400").stdout)
        place.start()
        self.assertProblem(place.call("POST", "/v1/policy/explain", place.proposal(0)), 400, "invalid", "amount")

    def test_z_a_draft_is_replayed(self):
        """What a draft would have said of what was really confirmed; nothing of it is handed in."""
        place = self.place
        start = time_text()
        rows = {amount: place.withdraw(amount)["id"] for amount in (20, 500, 600, 900)}
        small, *others = self.document["rules"]

        def band(name, above, up_to, m, **demand):
            return {**small, "id": name, "when": {**small["when"], "amount": {"above": str(above), "up_to": str(up_to)}},
                    "demand": {**small["demand"], "steps": [[{"group": "approvers", "m": m}]], **demand}}

        draft = {**self.document, "version": 3, "prev": self.name, "issued_at": time_text(),
                 "governance": {**self.document["governance"], "m": 3},
                 "rules": [band("a-three", 0, 100, 3),
                           band("a-two", 100, 850, 2, limits=[{"count": 2, "per": "wallet", "window_s": 2678400}]), *others]}
        path = place.dir / "draft.json"
        path.write_text(canonical(draft))
        before = place.call("GET", "/v1/policies").json
        told = place.custody("policy", "replay", "--in", str(path), "--from", start, "--json")
        answer = json.loads(told.stdout)
        found = {row["id"]: (row["differences"], row["draft"]["decision"]) for row in answer["withdrawals"]}
        self.assertEqual(found[rows[20]], (["more_people"], "waiting"))
        self.assertNotIn(rows[500], found)
        self.assertEqual(found[rows[600]], (["limited"], "allowed"))
        self.assertEqual(next(row for row in answer["withdrawals"] if row["id"] == rows[600])["draft"]["limit"], "a-two.limits[0]")
        self.assertEqual(found[rows[900]], (["refused"], "denied"))
        self.assertEqual(answer["summary"]["unreadable"], 0)
        self.assertEqual(answer["summary"]["replayed"], 4)
        words = place.custody("policy", "replay", "--in", str(path), "--from", start).stdout
        self.assertIn("1 would have had to wait for a limit", words)
        none = place.custody("policy", "replay", "--in", str(path), "--from", time_text(seconds=3600)).stdout
        self.assertIn("0 replayed, 0 differ", none)
        self.assertEqual(place.call("GET", "/v1/policies").json, before)


class Hours(strongroom.Case):
    """A rule that holds from a minute on: what is asked for and approved before waits, and then goes by itself."""

    def hours(self, margin_s):
        """(hours of a rule, when they begin): two hours from the first minute that is so far away, across midnight, too."""
        begin = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=margin_s + 60)
        begin = begin.replace(second=0, microsecond=0)
        minute = begin.hour * 60 + begin.minute
        parts = [(minute, min(minute + 120, 1440)), (0, minute + 120 - 1440)]
        days = ["fri", "mon", "sat", "sun", "thu", "tue", "wed"]
        rows = [{"days": days, "from": f"{start // 60:02}:{start % 60:02}", "until": f"{end // 60:02}:{end % 60:02}"}
                for start, end in sorted(parts) if start < end]
        return rows, time_text(begin)

    def adopt(self, rules):
        place = self.place
        row = next(row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force")
        now = json.loads(row["policy"]["document"])
        text = canonical({**now, "version": now["version"] + 1, "prev": row["digest"], "issued_at": time_text(), "rules": rules(now["rules"])})
        reply = place.call("POST", "/v1/policies", place.signed("policy", text, "admin-1", "admin-2"))
        self.assertEqual(reply.status, 200, reply)
        eventually(lambda: place.call("GET", "/v1/policy").json["digest"] == digest("policy", text), "the version is in force")

    def early(self, margin_s):
        """A withdrawal with all approvals, when the hours begin and what is said of it; None when they have begun meanwhile."""
        place = self.place
        hours, begin = self.hours(margin_s)
        self.adopt(lambda rules: [{**rule, "when": {**rule["when"], "hours": hours}} for rule in rules])
        row = place.proposed(900)
        place.approve(row)
        said = (place.call("GET", f"/v1/withdrawals/{row['id']}/explanation").json, place.custody("explain", row["id"]).stdout,
                place.read(row["id"]), [entry["act"] for entry in place.history(row["id"])])
        return (row, begin, *said) if time_text() < begin else None

    def test_it_waits_for_the_hour_says_until_when_and_goes_on(self):
        place = self.place
        row, begin, tree, words, shown, acts = next(filter(None, map(self.early, (15, 60, 240, 960))))  # as slow as the machine is
        self.assertEqual((tree["decision"], tree["reason"], tree["until"]), ("waiting", "outside_hours", begin))
        self.assertRegex(words, rf"until +{begin}\n")
        self.assertEqual((shown["state"], len(shown["approvals"])), ("approving", 2))
        self.assertNotIn("withdrawal.signing", acts)
        while time_text() < begin:
            time.sleep(0.5)
        place.wait(row["id"], "confirmed")
        entries = place.history_to(row["id"])
        for act in ("withdrawal.approved", "withdrawal.signing", "withdrawal.signed"):
            [entry] = [entry for entry in entries if entry["act"] == act]
            self.assertGreaterEqual(entry["ts"], begin[:19], act)
        self.assertProven("evidence", place.export_evidence(row["id"]))


if __name__ == "__main__":
    unittest.main()
