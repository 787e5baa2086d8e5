#!/usr/bin/python3
"""The protocol of a compromise as one command: its drill end to end, and in earnest."""

import datetime
import hashlib
import json
import subprocess
import unittest

import strongroom
from strongroom import canonical, digest

STEPS = ["read", "judged", "asked", "prepared", "reported"]


class Compromise(strongroom.Trailed, strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ids = {role: json.loads((cls.place.dir / f"ceremony/{role}.json").read_text())["key_id"]
                   for role in ("transfer", "audit", "validator")}
        cls.refuge = json.loads((cls.place.dir / "people/refuge-1.json").read_text())["address"]

        cls.versions = cls.place.dir / "versions"
        cls.versions.mkdir()
        (cls.versions / "1.json").write_bytes((cls.place.dir / "etc/policy.json").read_bytes())

    def states(self):
        rows = self.place.call("GET", "/v1/keys").json["keys"]
        return {row["role"]: row["state"] for row in rows if row.get("key_id") in self.ids.values()}

    def entries(self, act):
        return self.place.pages(f"/v1/audit/entries?act={act}&outcome=ok&order=oldest", "entries", "auditor-1")

    def event(self, entry):
        return json.loads(strongroom.base64.b64decode(entry["raw"]).split(b"\n")[4])

    def told(self, what, lost, *options, out, person="operator-1", papers=None, check=True):
        place = self.place
        return place.custody("compromise", what, lost, "--papers", str(papers or place.dir / "ceremony"), "--policy",
                             str(self.versions), "--reason", "a-test", "--key", f"{place.dir}/people/{person}.key",
                             "--passphrase-file", f"{place.dir}/people/{person}.passphrase", "--out", str(place.dir / out), *options,
                             check=check)

    def serial(self, token="transfer"):
        return (self.place.dir / f"etc/tokens/{token}.serial").read_text().strip()

    def assertSweeps(self, folder, what=None):
        """Every sweep goes to the emergency address, is ordered for its intent, and together they are all that there is."""
        intents = [json.loads(path.read_text()) for path in sorted(folder.glob("sweep-*.intent"))]
        orders = [json.loads(path.read_text()) for path in sorted(folder.glob("sweep-*.document"))]
        self.assertEqual({row["destination"] for row in intents}, {self.refuge})
        held = self.place.call("GET", f"/v1/ledger/accounts/{self.place.hot}").json["balances"]
        self.assertEqual(sum(int(row["amount"]) for row in intents), int(held[0]["posted"]))
        self.assertEqual(sorted(digest("intent", canonical(row)) for row in intents), sorted(row["intent"] for row in orders))
        self.assertEqual({(row["action"], row["from"], row["key"]) for row in orders},
                         {("key.sweep", "compromised", self.ids["transfer"])})
        self.assertEqual(len({row["lane"] for row in intents}), len(intents))
        return intents

    def test_1_a_drill_end_to_end(self):
        """One command; nothing is stopped; the report has the time of each step, is signed, and stands in the trail."""
        place = self.place
        place.withdraw()
        done = subprocess.run([str(strongroom.DEMO / "compromise-drill"), str(place.dir)], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=place.environment, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("compromise drill passed", done.stdout.splitlines()[-1])
        self.assertEqual(set(self.states().values()), {"active"})
        (folder,) = (place.dir / "drills").glob("compromise-*")
        self.assertEqual(sorted({path.name.split("-")[0] for path in folder.iterdir()}), ["plan.txt", "report.document", "report.json", "sweep"])
        self.assertSweeps(folder)
        signed = json.loads((folder / "report.json").read_text())
        report = json.loads(signed["document"])
        self.assertEqual([row["step"] for row in report["steps"]], STEPS)
        self.assertEqual([row["at"] for row in report["steps"]], sorted(row["at"] for row in report["steps"]))
        self.assertTrue(report["started_at"] < report["finished_at"])
        self.assertEqual((report["drill"], report["keys"], report["failed"], report["suspended"], report["hindrances"]),
                         (True, 1, 0, 0, 0))
        self.assertEqual(report["plan"], hashlib.sha256((folder / "plan.txt").read_bytes()).hexdigest())
        (entry,) = self.entries("compromise.drill")
        event = self.event(entry)
        self.assertEqual((event["actor"], event["oid"], event["refs"]["report"]),
                         ("operator-1", digest("compromise", signed["document"]), digest("compromise", signed["document"])))
        self.assertEqual((event["facts"]["what"], event["facts"]["lost"], event["facts"]["keys"]), ("token", self.serial(), "1"))
        self.assertGreaterEqual(int(event["facts"]["milliseconds"]), 0)
        plan = (folder / "plan.txt").read_text()
        for words in ("suspends       one of operator-1", "deputies       admin-1", "orders         2 of administrators: admin-1",
                      "approves       2 of approvers: approver-1"):
            self.assertIn(words, plan)
        self.assertRegex(plan, r"(?m)^  sweep          [0-9.]+ DEMO \([0-9]+ base units\) to sr1")
        place.withdraw()
        self.assertProven("trail", place.export_trail())

    def test_2_what_a_loss_reaches(self):
        place = self.place
        reached = {}
        for number, (what, lost) in enumerate((("key", self.ids["audit"]), ("token", self.serial("transfer-standby")),
                                               ("token", "strongroom-validator"), ("custodian", "operator-1"),
                                               ("custodian", "custodian-3"), ("custodian", "auditor-1"), ("signer", "validator"),
                                               ("site", "site-2"), ("site", "archive"), ("site", "evaluation"))):
            out = f"reach-{number}"
            self.told(what, lost, "--drill", out=out)
            plan = (place.dir / out / "plan.txt").read_text()
            reached[(what, lost)] = {role for role, key in self.ids.items() if f"\nkey {key}\n" in plan}
        everything = set(self.ids)
        self.assertEqual(list(reached.values()), [{"audit"}, {"transfer"}, {"validator"}, {"transfer"}, everything, everything,
                                                  {"validator"}, {"transfer"}, {"transfer"}, everything], reached)

    def test_3_who_may_and_what_is_nothing(self):
        place = self.place
        for words, person, said in ((("token", "no-such-token"), "operator-1", "reaches none"), (("purse", "x"), "operator-1", "must be key"),
                                    (("signer", "transfer"), "auditor-1", "may not suspend"),
                                    (("signer", "transfer"), "payee-1", "nobody in the policy")):
            with self.subTest(words, person=person):
                out = place.dir / f"nothing-{person}-{words[0]}-{words[1]}"
                done = place.custody("compromise", *words, "--papers", str(place.dir / "ceremony"), "--policy",
                                     str(place.dir / "etc/policy.json"), "--reason", "a-test", "--key",
                                     f"{place.dir}/people/{person}.key", "--passphrase-file", f"{place.dir}/people/{person}.passphrase",
                                     "--out", str(out), check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, done.stderr)
        self.assertEqual(set(self.states().values()), {"active"})

    def test_4_reports_that_are_none(self):
        place = self.place
        (folder,) = (place.dir / "drills").glob("compromise-*")
        signed = json.loads((folder / "report.json").read_text())
        report = json.loads(signed["document"])
        edited = {**signed, "document": canonical({**report, "failed": 1})}
        self.assertProblem(place.call("POST", "/v1/compromises", edited), 403, "signature_invalid")
        other = place.signed("compromise", canonical({**report, "by": "auditor-1"}), "auditor-1")
        self.assertProblem(place.call("POST", "/v1/compromises", other), 403, "forbidden", "by")
        old = {**report, "started_at": strongroom.time_text(seconds=-3 * 24 * 3600)}
        self.assertProblem(place.call("POST", "/v1/compromises", place.signed("compromise", canonical(old), "operator-1")), 403, "expired")

    def delay_everything(self):
        """A version of the policy whose rule makes every transfer wait for an hour."""
        place = self.place
        row = next(row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force")
        document = json.loads(row["policy"]["document"])
        [rule] = document["rules"]
        text = canonical({**document, "version": 2, "prev": row["digest"], "issued_at": strongroom.time_text(),
                          "rules": [{**rule, "demand": {**rule["demand"], "delay_s": 3600}}]})
        signed = place.signed("policy", text, "admin-1", "admin-2")
        (self.versions / "2.json").write_text(json.dumps(signed))
        reply = place.call("POST", "/v1/policies", signed)
        self.assertEqual(reply.status, 200, reply)
        self.until(lambda: {"in_force": digest("policy", text)}.items() <= {
            row["state"]: row["digest"] for row in place.call("GET", "/v1/policies").json["policies"]}.items(), "it is in force")
        place.policy_digest = digest("policy", text)

    def test_5_in_earnest(self):
        """One person stops the key at once; orders and sweeps lie ready; the quorum signs the order; no sweep waits for the rule."""
        place = self.place
        self.delay_everything()
        done = self.told("token", self.serial(), out="earnest")
        folder = place.dir / "earnest"
        self.assertIn("1 keys reached, 1 suspended, 0 failed", done.stdout)
        self.assertEqual(self.states(), {"transfer": "suspended", "audit": "active", "validator": "active"})
        self.assertProblem(place.propose(7), 503, "key_inactive", "wallet")
        self.assertSweeps(folder)
        (order,) = folder.glob("compromise-*.document")
        signed = place.signed("command", order.read_text().rstrip("\n"), "admin-1", "admin-2")
        reply = place.call("POST", f"/v1/keys/{self.ids['transfer']}/commands", signed)
        self.assertEqual((reply.status, reply.json["key"]["state"]), (200, "compromised"), reply)
        self.sweep(folder)
        (entry,) = self.entries("compromise.report")
        self.assertEqual(self.event(entry)["facts"]["suspended"], "1")
        again = self.told("key", self.ids["transfer"], out="again")
        self.assertIn("1 keys reached, 0 suspended, 0 failed", again.stdout)
        self.assertIn("already        compromised", (place.dir / "again/plan.txt").read_text())

    def ordered(self, row, **changes):
        """An order key.sweep of the quorum for a withdrawal."""
        document = {"action": "key.sweep", "chain": self.place.chain, "environment": "demo", "expires_at": strongroom.time_text(seconds=600),
                    "from": "compromised", "intent": row["intent_digest"], "issued_at": strongroom.time_text(),
                    "key": self.ids["transfer"], "nonce": row["id"], "policy": self.place.policy_digest, "reason": "test",
                    "role": "transfer", **changes}
        return self.place.signed("command", canonical(document), "admin-1", "admin-2")

    def send(self, order):
        return self.place.call("POST", f"/v1/keys/{self.ids['transfer']}/commands", order)

    def sweep(self, folder):
        """Approvers approve each sweep, the quorum orders it; all arrives at the emergency address, and nothing anywhere else."""
        place = self.place
        held = int(place.balance(place.hot))
        rows = {row["id"]: row for row in place.pages("/v1/withdrawals", "withdrawals")}
        self.assertProblem(place.propose(5, sweep=True), 409, "insufficient_funds")  # the sweeps hold everything
        orders = {}
        for intent in sorted(folder.glob("sweep-*.intent")):
            order = intent.with_suffix(".document").read_text().rstrip("\n")
            orders[json.loads(intent.read_text())["withdrawal"]] = place.signed("command", order, "admin-1", "admin-2")
        first, *others = orders
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{first}/cancel").status, 200)
        elsewhere = place.propose(5, sweep=True).json["withdrawal"]
        for row in (elsewhere, *(rows[id] for id in others)):
            place.approve(row, "approver-1", "approver-2")
        self.assertEqual({place.read(id)["state"] for id in (elsewhere["id"], *others)}, {"approved"})
        alone = {**orders[others[0]], "signatures": orders[others[0]]["signatures"][:1]}
        self.assertProblem(self.send(alone), 403, "quorum_missing")
        self.assertProblem(self.send(self.ordered(elsewhere, **{"from": "retained"})), 409, "conflict", "from")
        for id in others:
            place.crowd("command", rows[id]["intent_digest"])
        for order in (self.ordered(elsewhere), *(orders[id] for id in others)):
            self.assertEqual(self.send(order).status, 200)
        for id in others:
            place.wait(id, "confirmed")
        refused = place.wait(elsewhere["id"], "rejected")
        self.assertEqual(refused["reason"], "denied")  # payee-1 is on the allow-list, and no emergency address
        left = int(rows[first]["amount"])
        self.assertEqual((int(place.balance(place.hot)), int(place.balance(self.refuge))), (left, held - left))
        place.crowd("key", self.ids["transfer"])
        for id in others:
            self.spoil(id, rows[id])
            self.assertEvidence(place.export_evidence(id), orders[id])

    def spoil(self, id, row):
        """Papers that come later for the same payment and the same key: a good order of the quorum, and what is none at all."""
        late = self.ordered(row, nonce=strongroom.uuid7(), issued_at=strongroom.time_text(seconds=1))
        key = {"document": canonical({"key": "none"}), "signatures": []}
        for kind, subject, paper in (("command", row["intent_digest"], late), ("command", row["intent_digest"], key),
                                     ("key", self.ids["transfer"], key)):
            self.place.psql(f"""
                INSERT INTO custody.document (kind, id, digest, bytes) VALUES ('{kind}', '{subject[:63]}',
                '\\x{digest(kind, paper["document"] + id)}', convert_to($d${canonical(paper)}$d$, 'UTF8'))""")

    def assertEvidence(self, path, order):
        """It holds the order of the quorum, which says why nothing was waited for, and is none without it."""
        status, said = self.place.verify("evidence", path)
        self.assertEqual(status, 0, said)
        self.assertIn("from a key that is compromised", said)
        bundle = json.loads(path.read_text())
        self.assertEqual(bundle.pop("sweep")["order"], order)
        path.write_text(canonical(bundle))
        status, said = self.place.verify("evidence", path)
        self.assertEqual(status, 1, said)
        self.assertIn("does not show the delay", said)

    def test_6_papers_that_nobody_signed_are_not_believed(self):
        """Whoever edits the papers to hide a key from the loss of its token is found; the key of the service's paper is reached."""
        place = self.place
        forged = place.dir / "forged"
        forged.mkdir()
        paper = json.loads((place.dir / "ceremony/validator/key.json").read_text())
        document = json.loads(paper["document"])
        document["token"]["serial"] = "0000000000000000"
        (forged / "key.json").write_text(json.dumps({**paper, "document": canonical(document)}))
        self.told("token", self.serial("validator"), "--drill", papers=forged, out="doubt")
        plan = (place.dir / "doubt/plan.txt").read_text()
        self.assertIn("left out: ", plan)
        self.assertIn(f"\nkey {self.ids['validator']}\n", plan)

    def test_7_everything_is_stopped_without_the_trail(self):
        """A loss that reaches the key of the trail: all keys stop, although no checkpoint can cover it any more."""
        self.told("custodian", "custodian-1", out="all", check=False)
        self.assertEqual(self.states(), {"transfer": "compromised", "audit": "suspended", "validator": "suspended"})
        report = json.loads(json.loads((self.place.dir / "all/report.json").read_text())["document"])
        self.assertEqual((report["keys"], report["suspended"], report["failed"]), (3, 2, 0))



class Calendar(strongroom.Case):
    def codes_at(self, days, known):
        """What is in alarm so many days from now, once the alarm `known` shows that the service has looked."""
        def codes():
            return self.place.call("GET", "/healthz", headers={"Authorization": None}).json["alarm_codes"]
        self.later(days)
        self.until(lambda: known in codes(), f"{known} {days} days from now")
        return codes()

    def reviewed(self):
        """What no auditor has looked at for a week is an alarm, until it was reviewed and the review handed in."""
        place, out = self.place, self.place.dir / "review.json"
        alarm = next(row for row in place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "review.overdue")
        self.assertEqual((alarm["object_type"], alarm["object_id"], alarm["concerns"], alarm["facts"]),
                         ("trail", "review", ["administrator", "auditor"], {"reason": "expired", "size": "0"}))
        first = place.call("GET", "/v1/audit/entries?order=oldest&limit=1", person="auditor-1").json["entries"][0]
        late = datetime.datetime.fromisoformat(first["ts"]) + datetime.timedelta(days=7)
        self.assertEqual(datetime.datetime.fromisoformat(alarm["since"]), late, "it was not late before")
        orders = [str(path) for path in (place.dir / "ceremony").glob("*/key.activate.json")]  # from before there was a trail
        place.custody("audit", "review", *orders, "--in", str(place.export_trail()), "--out", str(out), "--person", "auditor-1",
                      "--key", str(place.dir / "people/auditor-1.key"), "--passphrase-file",
                      str(place.dir / "people/auditor-1.passphrase"), person="auditor-1")  # no finding
        place.custody("audit", "report", "--in", str(out), person="auditor-1")
        self.until(lambda: "review.overdue" not in place.call("GET", "/healthz").json["alarm_codes"], "it is reviewed")
        self.assertEqual([row["outcome"] for row in self.entries("review.overdue")], ["error", "ok"])

    def test_a_year_without_a_drill_is_an_alarm(self):
        """A year after the first day; then a year after the last drill, which is here 367 days later: the trail never goes back."""
        place = self.place
        late = "compromise.drill_overdue"
        try:
            self.codes_at(8, "review.overdue")
            self.reviewed()
            self.assertNotIn(late, self.codes_at(364, "review.overdue"))
            self.codes_at(367, late)
            place.stop("custodyd")
            place.start()
            told = self.entries(late, outcome="error")
            self.assertEqual([(row["actor"], row["otype"], row["oid"]) for row in told], [("custodyd", "compromise", "drill")])
            self.assertEqual(list(self.event(told[0])["facts"]), ["due"])
            place.script("compromise-drill")
            self.assertEqual(len(self.entries("compromise.drill", outcome="ok")), 1)
            self.assertNotIn(late, self.codes_at(367 + 364, "key.drill_overdue"))
            self.codes_at(367 + 368, late)
        finally:
            place.stop("custodyd")
            place.start()
        self.assertEqual(len(self.entries(late, outcome="error")), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
