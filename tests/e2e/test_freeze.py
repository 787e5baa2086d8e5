#!/usr/bin/python3
"""What is frozen is not signed: by one person in one command, by the watcher on the use of a copied key; a quorum thaws."""

import json
import subprocess
import time
import unittest

import outside
import strongroom
from strongroom import canonical, digest, eventually, time_text

DAY_S = 24 * 3600


class Freezes(strongroom.Trailed, strongroom.Case):
    """Two wallets with keys in one token, each holding two assets."""

    @classmethod
    def setUpClass(cls):
        cls.place = place = strongroom.Evaluation()
        cls.addClassCleanup(place.remove)
        place.provision(wallets=["hot-2"], assets=["GOLD"])
        place.configure("custodyd", anchor_interval=3600)  # blocks are counted
        place.start()
        place.enrol()
        for script in (("admit", "transfer", "hot-2"), ("register", "hot-2")):
            subprocess.run([str(strongroom.DEMO / script[0]), str(place.dir), *script[1:]], check=True, capture_output=True,
                           env=place.environment)
        cls.gold = (place.dir / "ceremony/asset-GOLD").read_text().strip()
        cls.ids = {wallet: json.loads((place.dir / f"ceremony/{key}.json").read_text())["key_id"]
                   for wallet, key in (("hot", "transfer"), ("hot-2", "hot-2"))}
        cls.second = eventually(lambda: place.call("GET", "/v1/wallets/hot-2").json.get("address"), "hot-2 has an address")
        for code, address in (("GOLD", place.hot), ("GOLD", cls.second), ("DEMO", cls.second)):
            place.custody("issue", "--key", f"{place.dir}/people/issuer-1.key", "--passphrase-file",
                          f"{place.dir}/people/issuer-1.passphrase", "--asset", code, "--amount", "1000", "--to", address)

    # What is said

    def freezes(self, state="frozen"):
        return {row.get("subject", row["scope"]): row for row in self.place.call("GET", "/v1/freezes").json["freezes"]
                if row["state"] == state}

    def states(self):
        rows = self.place.call("GET", "/v1/keys").json["keys"]
        return {wallet: next(row["state"] for row in rows if row.get("key_id") == key) for wallet, key in self.ids.items()}

    def entries(self, act, **filters):
        query = "".join(f"&{name}={value}" for name, value in filters.items())
        return self.place.pages(f"/v1/audit/entries?act={act}&order=oldest{query}", "entries", "auditor-1")

    def balances(self, wallet):
        return {row["asset"]: row for row in self.place.call("GET", f"/v1/wallets/{wallet}").json["balances"]}

    def assertWaits(self, withdrawal, state, step):
        wanted = {"step": step, "for": "key_inactive"}
        eventually(lambda: wanted.items() <= self.place.read(withdrawal["id"]).get("waiting", {}).items(), "the withdrawal waits")
        self.assertEqual(self.place.read(withdrawal["id"])["state"], state)

    # What people do

    def command(self, action, signers, **fields):
        document = canonical({
            "action": action, "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
            "issued_at": time_text(), "nonce": strongroom.uuid7(), "policy": self.place.policy_digest, "reason": "test",
            "role": "transfer", **fields})
        return self.place.signed("command", document, *signers)

    def wake(self, wallet):
        """Two administrators resume the key, and open a new box."""
        for action, fields in (("key.resume", {"from": "suspended"}),
                               ("key.activate", {"from": "inactive", "signatures": "1000000", "until": time_text(seconds=DAY_S)})):
            fields["on"] = self.place.on("transfer", self.ids[wallet])
            body = self.command(action, ("admin-1", "admin-2"), key=self.ids[wallet], **fields)
            reply = self.place.call("POST", f"/v1/keys/{self.ids[wallet]}/commands", body)
            self.assertEqual(reply.status, 200, reply)

    def freeze(self, *target, person="operator-1", socket=False):
        """One command of one person; answers what it printed."""
        people = self.place.dir / "people"
        return self.place.custody(
            "freeze", *target, "--policy", str(self.place.dir / "etc/policy.json"), "--reason", "odd-traffic", "--key",
            str(people / f"{person}.key"), "--passphrase-file", str(people / f"{person}.passphrase"),
            *(("--socket", str(self.place.dir / "run/transfer.sock")) if socket else ())).stdout

    def thaw(self, *target, signers=("admin-1", "admin-3"), number=None, check=True):
        """The order as `custody` writes it, signed by these administrators with `custody`, handed in."""
        place = self.place
        number = number or self.freezes()[target[-1]]["number"]
        name = f"{place.dir}/thaw-{strongroom.uuid7()}"
        place.custody("thaw", *target, "--on", str(number), "--policy", str(place.dir / "etc/policy.json"), "--reason", "looked-into",
                      "--out", name)
        for person in signers:
            place.custody("sign", "command", "--in", name, "--out", f"{name}.{person}", "--key", f"{place.dir}/people/{person}.key",
                          "--passphrase-file", f"{place.dir}/people/{person}.passphrase")
            name = f"{name}.{person}"
        return place.custody("key", "send", "--command", name, check=check)

    def withdraw(self, **named):
        withdrawal = self.place.proposed(**named)
        self.place.approve(withdrawal)
        return self.place.wait(withdrawal["id"], "confirmed")

    # The key exists somewhere else

    def test_a_copied_key_stops_itself_its_sibling_and_the_asset(self):
        place = self.place
        asset = place.asset
        waiting = place.proposed(11, wallet="hot-2")
        place.approve(waiting, "approver-1")
        signed, key = outside.transaction(place, "transfer", place.hot, asset)
        place.stop("custodyd")
        height = outside.to_ledger(place, signed, key)
        started = time.monotonic()
        self.place.start_unready()
        frozen = eventually(lambda: self.freezes().get(asset), "the asset is frozen")
        eventually(lambda: set(self.states().values()) == {"suspended"}, "the key and its sibling are stopped")
        print(f"stopped and frozen in {time.monotonic() - started:.1f} s with the service's own start (C-14: within 60)", flush=True)
        self.assertEqual(place.call("GET", "/v1/ledger/status").json["confirmed_height"], height)
        self.assertEqual((frozen["scope"], frozen["cause"], frozen["reason"]), ("asset", "alarm", "copied-use"))
        self.assertEqual(list(self.freezes()), [asset])
        listed = place.custody("freeze", "list", "--socket", str(place.dir / "run/transfer.sock")).stdout
        self.assertIn(f"asset {asset} frozen, freeze {frozen['number']}", listed)

        oid = digest("transaction", signed["document"])
        for act in ("key.copied_use", "key.alarm"):
            eventually(lambda act=act: self.entries(act, otype="transaction", oid=oid), f"{act} is told")
        told = eventually(lambda: self.entries("freeze.state", otype="freeze", oid=f"asset/{asset}"), "the freeze is told")
        self.assertEqual(told[-1]["outcome"], "error")
        eventually(lambda: place.call("GET", "/healthz").json["alarms"] > 0, "the list of alarms has it")

        # The sibling comes back; the asset does not, with whatever key. Another asset does.
        self.wake("hot-2")
        place.approve(waiting, "approver-2")
        self.assertWaits(waiting, "approved", "record")
        self.assertProblem(place.propose(12, wallet="hot-2"), 503, "key_inactive", "asset")
        rows = self.balances("hot-2")
        self.assertEqual((rows[asset]["frozen"], rows[asset]["available"], rows[self.gold]["frozen"]), (True, "0", False))
        self.withdraw(amount=13, wallet="hot-2", asset=self.gold)
        self.assertEqual(place.read(waiting["id"])["state"], "approved")

        alone = self.thaw("asset", asset, signers=("admin-1",), check=False)
        self.assertIn("quorum", alone.stderr)
        self.assertIn(asset, self.freezes())
        self.thaw("asset", asset)
        place.wait(waiting["id"], "confirmed")
        self.assertEqual(self.freezes("thawed")[asset]["cause"], "command")
        eventually(lambda: self.entries("freeze.state", otype="freeze", oid=f"asset/{asset}")[-1]["outcome"] == "ok", "the thaw is told")
        self.wake("hot")
        self.withdraw(amount=14)
        self.assertProven("trail", place.export_trail())

    # One person

    def test_one_person_stops_at_the_signer_and_the_service_does_not_know(self):
        """The service looks seldom, so it asks for the signature: the signer is who refuses."""
        place = self.place
        waiting = place.proposed(21, wallet="hot-2")
        place.approve(waiting, "approver-1")
        place.stop("custodyd")
        place.configure("custodyd", watch=600000)
        place.start()
        try:
            for target in (("wallet", "hot-2"), ("everything",)):
                self.assertRegex(self.freeze(*target, socket=True), r"^frozen, freeze \d+$")
            place.approve(waiting, "approver-2")
            self.assertWaits(waiting, "recorded", "sign")
            self.assertNotIn(waiting["id"], "".join(line for line in place.log("transfer").splitlines() if "transfer.signed" in line))
            place.stop("transfer")
            place.start()
            self.assertWaits(waiting, "recorded", "sign")
        finally:
            place.stop("custodyd")
            place.configure("custodyd", watch=None)
            place.start()
        self.assertEqual(set(self.freezes()), {"hot-2", "everything"})
        self.thaw("wallet", "hot-2")
        self.assertWaits(waiting, "recorded", "sign")
        self.assertProblem(place.propose(22), 503, "key_inactive", "wallet")
        self.thaw("everything")
        place.wait(waiting["id"], "confirmed")
        self.assertEqual(self.freezes(), {})

    def test_orders_at_the_service(self):
        place = self.place
        gold = {"scope": "asset", "subject": self.gold}
        self.assertIn("frozen, freeze", self.freeze("asset", self.gold, person="custodian-1"))
        self.assertProblem(place.propose(31, asset=self.gold), 503, "key_inactive", "asset")
        number = self.freezes()[self.gold]["number"]
        again = place.call("POST", "/v1/freezes", self.command("freeze", ("approver-1",), **gold), "auditor-1")
        number += 1  # another person's freeze, whoever carries it
        self.assertEqual((again.status, again.json["freeze"]["number"]), (200, number), again)
        for status, code, body in ((403, "quorum_missing", self.command("thaw", ("admin-1",), on=str(number), **gold)),
                                   (403, "unknown_key", self.command("thaw", ("operator-1", "approver-1"), on=str(number), **gold)),
                                   (409, "conflict", self.command("thaw", ("admin-1", "admin-2"), on=str(number - 1), **gold)),
                                   (409, "conflict", self.command("thaw", ("admin-1", "admin-2"), on=str(number + 1), **gold)),
                                   (403, "forbidden", self.command("freeze", ("auditor-1",), **gold)),
                                   (404, "not_found", self.command("freeze", ("operator-1",), scope="wallet", subject="cold")),
                                   (400, "invalid", self.command("key.suspend", ("operator-1",), key=self.ids["hot"]))):
            with self.subTest(code):
                self.assertProblem(place.call("POST", "/v1/freezes", body), status, code)
                self.assertIn(self.gold, self.freezes())
        body = self.command("thaw", ("admin-1", "admin-2"), on=str(number), **gold)
        self.assertProblem(place.call("POST", f"/v1/keys/{'0' * 64}/commands", body), 400, "invalid", "action")
        reply = place.call("POST", "/v1/freezes", self.command("thaw", ("admin-1", "admin-2"), on=str(number), **gold))
        self.assertEqual((reply.status, reply.json["freeze"]["state"]), (200, "thawed"), reply)
        self.assertIn("receipt", reply.json)
        self.withdraw(amount=32, asset=self.gold)
        told = [(row["outcome"], row["actor"]) for row in self.entries("freeze.command", otype="freeze", oid=f"asset/{self.gold}")]
        self.assertEqual(told[:2], [("ok", "operator-1"), ("ok", "auditor-1")])
        self.assertEqual(told[-2:], [("intent", "operator-1"), ("ok", "operator-1")])
        thawed = self.event(self.entries("freeze.command", otype="freeze", oid=f"asset/{self.gold}")[-1])["facts"]
        self.assertEqual(thawed, {"by": "admin-1,admin-2", "order": "thaw", "reason": "test", "state": "thawed"})

    def test_z_no_opinion_of_the_service_is_in_the_way(self):
        """An order of one person that stops something is judged by its signer alone: neither the version of the policy that it names,
        nor the clock of the service, nor what the service thinks of a signature keeps it away. The signer's refusal is the answer."""
        place = self.place
        gold = {"scope": "asset", "subject": self.gold}
        row = place.call("GET", "/v1/policies").json["policies"][0]
        document = canonical({**json.loads(row["policy"]["document"]), "version": 2, "prev": row["digest"], "issued_at": time_text()})
        self.assertEqual(place.call("POST", "/v1/policies", place.signed("policy", document, "admin-1", "admin-2")).status, 200)
        eventually(lambda: place.call("GET", "/v1/policy").json["digest"] == strongroom.digest("policy", document), "version 2 is in force")
        older = place.call("POST", "/v1/freezes", self.command("freeze", ("operator-1",), **gold))  # names version 1
        self.assertEqual((older.status, older.json["freeze"]["state"]), (200, "frozen"), older)
        thaw = self.command("thaw", ("admin-1", "admin-2"), on=str(older.json["freeze"]["number"]), **gold)
        self.assertProblem(place.call("POST", "/v1/freezes", thaw), 403, "mismatch", "policy")
        path = f"/v1/keys/{self.ids['hot-2']}/commands"
        suspended = place.call("POST", path, self.command("key.suspend", ("operator-1",), key=self.ids["hot-2"]))
        self.assertEqual((suspended.status, suspended.json["key"]["state"]), (200, "suspended"), suspended)
        self.later(2)  # the service alone: by its clock, every order of today is over
        eventually(lambda: place.call_when(200, "GET", "/v1/policy"), "the service answers")
        late = eventually(lambda: place.call_when(200, "POST", "/v1/freezes", self.command("freeze", ("operator-1",), scope="everything")),
                          "everything is frozen")
        self.assertEqual(late.json["freeze"]["state"], "frozen")
        forged = self.command("freeze", ("auditor-1",), **gold)
        self.assertProblem(place.call("POST", "/v1/freezes", forged), 403, "forbidden")
        self.assertIn("forbidden", [self.event(row)["reason"] for row in self.entries("freeze.command") if row["outcome"] == "deny"])


if __name__ == "__main__":
    unittest.main()
