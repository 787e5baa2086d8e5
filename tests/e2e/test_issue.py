#!/usr/bin/python3
"""An issue: new units of an asset, a class of its own. No rule for transfers lets one pass, and there is no third kind of transaction."""

import json
import subprocess
import unittest

import strongroom
from strongroom import canonical, digest, eventually, time_text

ADMINS = ("admin-1", "admin-2", "admin-3")
OTHERS = ("transfer", "policy", "validator_set", "upgrade", "forced_transfer", "issuer", "Issue")


class Issues(strongroom.Trailed, strongroom.Case):
    """The tests run in the order of their names: from the second one on there is a rule for issues."""

    @classmethod
    def setUpClass(cls):
        cls.place = place = strongroom.Evaluation()
        cls.addClassCleanup(place.remove)
        place.provision(wallets=["mint"], assets=["GOLD mint"])
        place.start()
        place.enrol()
        for script, arguments in (("admit", ("transfer", "mint")), ("register", ("mint",))):
            subprocess.run([str(strongroom.DEMO / script), str(place.dir), *arguments], check=True, capture_output=True,
                           env=place.environment)
        cls.mint = eventually(lambda: place.call("GET", "/v1/wallets/mint").json.get("address"), "mint has an address")
        cls.gold = (place.dir / "ceremony/asset-GOLD").read_text().strip()

    def gold_of(self, address):
        rows = self.place.call("GET", f"/v1/ledger/accounts/{address}").json["balances"]
        return next((row for row in rows if row["asset"] == self.gold), {"posted": "0"})

    def ask(self, **changes):
        return self.place.propose(500, **{"wallet": "mint", "asset": self.gold, "type": "issue", **changes})

    def test_1_rules_for_transfers_do_not_do(self):
        refused = self.ask()
        self.assertProblem(refused, 403, "denied", "type")
        tree = refused.json["explanation"]
        self.assertEqual((tree["decision"], tree["version"], tree["policy"]), ("denied", 1, self.place.policy_digest))
        self.assertIn("no allow rule matches", tree["text"])
        entry = self.place.call("GET", "/v1/audit/entries?act=withdrawal.request&outcome=deny&limit=1", person="auditor-1").json["entries"][0]
        told = self.event(entry)
        self.assertEqual((told["facts"]["decision"], told["facts"]["version"], told["refs"]["evaluated"]), ("denied", "1", tree["policy"]))
        for word in OTHERS:
            with self.subTest(word):
                self.assertProblem(self.ask(type=word), 400, "invalid", "type")
        self.assertProblem(self.ask(wallet="hot", asset=self.place.asset), 403, "denied", "wallet")
        self.assertProblem(self.ask(sweep=True), 400, "invalid", "type")
        self.assertProblem(self.ask(returns="0" * 63 + "1"), 400, "invalid", "type")
        kept = self.place.call("GET", "/v1/withdrawals").json["withdrawals"]
        self.assertEqual([row for row in kept if row["wallet"] == "mint"], [])

    def test_1_the_tool_of_an_approver_shows_none_that_no_rule_allows(self):
        """The service itself made it, whole and true, but for the rule."""
        place = self.place
        row = place.proposed(61)
        place.psql("UPDATE custody.withdrawal SET intent = convert_to('"
                   f"{self.issue_of(json.loads(row['intent']))}', 'UTF8') WHERE id = '{row['id']}'")
        refused = place.custody("show", row["id"], person="approver-1", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("no rule of policy version 1 allows this one", refused.stderr)
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)

    def issue_of(self, intent):
        """The same as an issue of gold."""
        return canonical({**intent, "asset": self.gold, "transaction": digest("transaction", canonical(self.transaction_of(intent))),
                          "type": "issue", "wallet": "mint"})

    def transaction_of(self, intent):
        leg = {"amount": intent["amount"], "asset": self.gold}
        transaction = {name: intent[name] for name in ("chain", "lane", "memo", "policy", "seq", "valid_from", "valid_until")}
        return {**transaction, "from": self.mint, "type": "issue", "legs": [
            {**leg, "account": self.mint, "side": "debit"}, {**leg, "account": intent["destination"], "side": "credit"}]}

    def adopt(self):
        """A version with a rule for issues: one approver more than for transfers, and a delay."""
        place = self.place
        row = place.call("GET", "/v1/policies").json["policies"][0]
        now = json.loads(row["policy"]["document"])
        rule = {"effect": "allow", "id": "issues", "when": {"assets": [self.gold], "types": ["issue"], "wallets": ["mint"]},
                "demand": {"delay_s": 1, "max_amount": "1000", "steps": [[{"group": "approvers", "m": 3}]]}}
        document = canonical({**now, "version": 2, "prev": row["digest"], "issued_at": time_text(),
                              "rules": [*now["rules"], rule], "governance": {**now["governance"], "m": 3}})
        signed = place.signed("policy", document, *ADMINS)
        self.assertEqual(place.call("POST", "/v1/policies", signed).status, 200)

        def in_force():
            return any(row["digest"] == digest("policy", document) and row["state"] == "in_force"
                       for row in place.call("GET", "/v1/policies").json["policies"])
        eventually(in_force, "version 2 is in force")

    def test_2_an_issue_from_its_proposal_to_its_proof(self):
        place = self.place
        self.adopt()
        payee = place.person("payee-1")["address"]
        asked = place.custody("propose", "--dry-run", "--type", "issue", "--wallet", "mint", "--asset", "GOLD", "--amount", "500", "--to", payee,
                              "--json")
        tree = json.loads(asked.stdout)
        self.assertEqual((tree["decision"], [rule["id"] for rule in tree["rules"]]), ("waiting", ["issues"]))
        reply = self.ask()
        self.assertEqual(reply.status, 201, reply)
        row = reply.json["withdrawal"]
        self.assertEqual((row["type"], json.loads(row["intent"])["type"], json.loads(row["transaction"])["type"]), 3 * ("issue",))
        self.assertShown(row)
        self.assertEqual(place.approve(row)["state"], "approving")
        place.approve(row, "approver-3")
        place.wait(row["id"], "confirmed")
        made = self.gold_of(self.mint)
        self.assertEqual((self.gold_of(payee)["posted"], made["posted"], made["issued"]), ("500", "500", True))
        code, said = place.verify("evidence", place.export_evidence(row["id"]))
        self.assertEqual(code, 0, said)
        self.assertIn("issued by wallet mint", said)
        transfer = place.propose(500, wallet="mint", asset=self.gold)
        self.assertEqual(transfer.json["code"], "insufficient_funds", transfer)

    def assertShown(self, row):
        """Every field of the intent, in words, by the tool of the approver; by the intent's bytes alone without a service."""
        place, intent = self.place, json.loads(row["intent"])
        rows = place.custody("show", row["id"], person="approver-1").stdout.splitlines()
        self.assertEqual(rows[0], f"withdrawal {row['id']}")
        self.assertEqual({line[2:14].strip(): line[15:] for line in rows[1:-1]}, {
            "pays": "5 GOLD (500 base units)", "to": place.payee, "from": f"wallet mint, {self.mint}",
            "fee at most": "0 GOLD (0 base units): this ledger has no fees",
            "effect": "an ISSUE: MAKES that many new units of the asset, which wallet mint owes from then on",
            "asked by": "operator-1", "expires": intent["expires_at"], "policy": f"version 2, {intent['policy']}",
            "ledger": f"demo, {place.chain}",
            "sequence": f"lane {intent['lane']}, seq {intent['seq']}, heights {intent['valid_from']} to {intent['valid_until']}",
            "transaction": digest("transaction", canonical(self.transaction_of(intent))), "intent": digest("intent", row["intent"]),
            "short code": row["short_code"], "requested": "not signed", "approved by": "nobody yet"})
        self.assertEqual(rows[-1], "the service says that it is reserved")
        path = place.dir / "issue.intent"
        path.write_text(row["intent"])
        alone = place.custody("show", "intent", "--in", str(path)).stdout
        for word in ("mint", "500 base units", self.gold, place.payee, "an ISSUE: MAKES that many new units", intent["expires_at"],
                     intent["policy"], intent["transaction"], row["short_code"]):
            self.assertIn(word, alone)

    def test_3_a_transfer_that_says_issue_in_the_database(self):
        """The approver's own tool and the signer go by the intent; what the service keeps beside it changes nothing."""
        place = self.place
        row = place.proposed(60)
        intent = json.loads(row["intent"])
        for word in ("policy", "transfer"):
            path = place.dir / f"{word}.intent"
            path.write_text(canonical({**intent, "type": word}))
            refused = place.custody("show", "intent", "--in", str(path), check=False)
            self.assertEqual(refused.returncode, 1, refused)
            self.assertIn("there are no other transactions", refused.stderr)
        forged = canonical({**intent, "type": "issue"})
        place.psql(f"UPDATE custody.withdrawal SET intent = convert_to('{forged}', 'UTF8') WHERE id = '{row['id']}'")
        refused = place.custody("show", row["id"], person="approver-1", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("is not the issuer of the asset", refused.stderr)


if __name__ == "__main__":
    unittest.main()
