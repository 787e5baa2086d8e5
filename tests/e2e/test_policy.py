#!/usr/bin/python3
"""Later versions of the policy on a running evaluation: the delay, a wallet's new key, what survives, a veto, an edited table."""

import json
import os
import signal
import subprocess
import unittest

import strongroom
from strongroom import canonical, digest, eventually, time_text

ADMINS = ("admin-1", "admin-2", "admin-3")


def demanding(rule, **fields):
    """A rule with other demands."""
    return {**rule, "demand": {**rule["demand"], **fields}}


class Policies(strongroom.Trailed, strongroom.Case):
    """The tests run in the order of their names: each goes on from the version that the one before left in force."""

    @classmethod
    def setUpClass(cls):
        cls.place = place = strongroom.Evaluation()
        cls.addClassCleanup(place.remove)
        place.provision(wallets=["hot-2"])
        place.start()
        place.enrol()
        cls.demo("admit", place.dir, "transfer", "hot-2")
        cls.demo("register", place.dir, "hot-2")
        cls.second = eventually(lambda: place.call("GET", "/v1/wallets/hot-2").json.get("address"), "hot-2 has an address")
        place.custody("issue", "--key", f"{place.dir}/people/issuer-1.key", "--passphrase-file",
                      f"{place.dir}/people/issuer-1.passphrase", "--asset", "DEMO", "--amount", "1000", "--to", cls.second)

    @classmethod
    def demo(cls, name, *arguments):
        subprocess.run([str(strongroom.DEMO / name), *map(str, arguments)], check=True, capture_output=True,
                       env=cls.place.environment)

    # Versions

    def versions(self, state=None):
        rows = self.place.call("GET", "/v1/policies").json["policies"]
        return [row for row in rows if state in (None, row["state"])]

    def in_force(self):
        row = self.versions("in_force")[0]
        return row["digest"], json.loads(row["policy"]["document"])

    def next(self, signers=("admin-1", "admin-2"), **changes):
        """The next version, signed: (digest, what is handed in)."""
        before, document = self.in_force()
        document = canonical({**document, "version": document["version"] + 1, "prev": before, "issued_at": time_text(), **changes})
        return digest("policy", document), self.place.signed("policy", document, *signers)

    def hand_in(self, signed):
        reply = self.place.call("POST", "/v1/policies", signed)
        self.assertEqual(reply.status, 200, reply)
        return reply.json

    def state(self, name):
        return next((row["state"] for row in self.versions() if row["digest"] == name), None)

    def becomes(self, name, state):
        eventually(lambda: self.state(name) == state, f"version {name} is {state}")

    def adopt(self, signers=("admin-1", "admin-2"), **changes):
        name, signed = self.next(signers, **changes)
        self.hand_in(signed)
        self.becomes(name, "in_force")
        return name

    # What people do

    def command(self, action, signers, **fields):
        document = canonical({
            "action": action, "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
            "issued_at": time_text(), "nonce": strongroom.uuid7(), "policy": self.in_force()[0], "reason": "test", **fields})
        return self.place.signed("command", document, *signers)

    def list_destination(self, name, address):
        document = canonical({"account": address, "chain": self.place.chain, "environment": "demo", "group": "clients", "id": name,
                              "issued_at": time_text(), "policy": self.in_force()[0], "valid_until": time_text(seconds=86400)})
        reply = self.place.call("POST", "/v1/destinations", self.place.signed("destination", document, "admin-1", "admin-3"))
        self.assertEqual(reply.status, 201, reply)

    def assertAnnouncesNothing(self, signed, check):
        """What is over may be handed in by anybody, and is not announced again."""
        def announced():
            return [entry for entry in self.entries("policy.proposed") if entry["outcome"] == "intent"]
        before = announced()
        check(self.place.call("POST", "/v1/policies", signed))
        self.assertEqual(announced(), before)

    def assertEndsProven(self, withdrawal, versions):
        row = self.place.wait(withdrawal["id"], "confirmed")
        path = self.place.export_evidence(row["id"])
        self.assertProven("evidence", path)
        self.assertEqual(len(json.loads(path.read_text())["policies"]), versions)

    def test_0_who_could_move_funds(self):
        """The policy of the demonstration, as the service hands it out."""
        first = str(self.place.dir / "policy-1.json")
        self.place.custody("policy", "show", "1", "--out", first)
        report = json.loads(self.place.custody("policy", "analyse", "--in", first, "--json").stdout)
        self.assertEqual(report["verdict"]["verdict"], "accepted")
        self.assertEqual(report["policy"], self.versions()[0]["digest"])
        self.assertEqual({row["wallet"] for row in report["paths"]}, {"hot", "hot-2"})
        for row in report["paths"]:
            paths = {path["path"]: (path["people"], path["signing"], path["to"]) for path in row["paths"]}
            self.assertEqual((row["weakest"], paths["policy"], paths["rule"]), ("policy", (2, 2, "any"), (3, 2, "listed")))

    def test_1_a_wallet_gets_a_new_key(self):
        place = self.place
        of_then = place.proposed(3, wallet="hot-2")
        place.approve(of_then, "approver-1", "approver-4")
        place.wait(of_then["id"], "confirmed")
        self.demo("new-key", place.dir, "hot-new")
        born = json.loads((place.dir / "ceremony/hot-new.json").read_text())
        unrelated = place.proposed(100, wallet="hot-2")
        place.approve(unrelated, "approver-1")
        stranded = place.proposed(100)
        place.approve(stranded, "approver-1")
        self.assertNotIn("policy_changed", place.read(unrelated["id"]))

        # The old key stays as a wallet of its own until it is empty.
        _, first = self.in_force()
        wallets = {row["id"]: row for row in first["wallets"]}
        wallets["hot-old"] = {**wallets["hot"], "id": "hot-old"}
        wallets["hot"] = {**wallets["hot"], "alg": born["alg"], "key": born["key"]}
        rows = [wallets[name] for name in sorted(wallets)]
        rule = {**first["rules"][0], "when": {**first["rules"][0]["when"], "wallets": sorted(wallets)}}
        place.stranger("another-device")
        other = {name: place.person("another-device")[name] for name in ("alg", "key")}
        people = [{**row, "keys": [other]} if row["id"] == "approver-4" else row for row in first["people"]]
        name, signed = self.next(wallets=rows, rules=[rule], people=people)
        draft = place.dir / "policy-2.json"
        draft.write_text(json.dumps(signed))
        said = place.custody("policy", "diff", "--in", str(draft)).stdout
        for line in ("version 2 against version 1, in force", "~ wallet hot", "+ wallet hot-old", "~ rule hot-transfers"):
            self.assertIn(line, said)
        denied = place.dir / "policy-denied.json"  # what is gone is told as well
        denied.write_text(json.dumps(self.next(wallets=rows, rules=[{"effect": "deny", "id": rule["id"], "when": rule["when"]}])[1]))
        self.assertIn("    - demand ", place.custody("policy", "diff", "--in", str(denied)).stdout)
        self.assertIn("version 2 is in force at", place.custody("policy", "send", "--in", str(draft)).stdout)
        self.becomes(name, "in_force")

        # What somebody signed with a key of before stays proven by that version; nothing else is signed with it.
        self.assertEndsProven(of_then, 1)
        self.assertIn("approver-4", place.verify("evidence", place.dir / f"evidence-{of_then['id']}.json")[1])
        late = place.proposed(5, wallet="hot-2")
        self.assertProblem(place.decide(late, "approver-4"), 403, "unknown_key", "key")
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{late['id']}/cancel").status, 200)

        # What is of the old key ends with the reason; what is not goes on under both versions.
        row = place.wait(stranded["id"], "rejected")
        self.assertEqual(row["reason"], "conflict")
        eventually(lambda: place.read(unrelated["id"]).get("policy_changed"), "the withdrawal says that the policy changed")
        self.assertIn("both versions must allow it", place.custody("show", unrelated["id"], person="approver-2").stdout)
        place.custody("approve", unrelated["id"], "--key", f"{place.dir}/people/approver-2.key", "--passphrase-file",
                      f"{place.dir}/people/approver-2.passphrase", "--code", place.read(unrelated["id"])["short_code"],
                      person="approver-2")
        self.assertEndsProven(unrelated, 2)
        self.assertIn("version 2, in_force", place.custody("policy", "list").stdout)

        # The holdings move to the new address, the old key is retired, withdrawals go on.
        new = eventually(lambda: place.call("GET", "/v1/wallets/hot").json.get("address"), "hot has its new address")
        self.assertNotEqual(new, place.hot)
        everything = place.balance(place.hot)
        self.assertGreater(everything, 0)
        self.list_destination("hot-new", new)
        while place.balance(place.hot) > 0:
            amount = min(100000, place.balance(place.hot))
            moved = place.proposed(amount, wallet="hot-old", destination=new)
            place.approve(moved)
            place.wait(moved["id"], "confirmed")
        self.assertEqual(place.balance(new), everything)
        old = json.loads((place.dir / "ceremony/transfer.json").read_text())["key_id"]
        order = self.command("key.retire", ("admin-1", "admin-2"), key=old, role="transfer", **{
            "from": "active", "on": place.on("transfer", old)})
        self.assertEqual(place.call("POST", f"/v1/keys/{old}/commands", order).status, 200)
        withdrawal = place.proposed(50)
        place.approve(withdrawal)
        self.assertEndsProven(withdrawal, 2)
        self.assertEqual(place.balance(new), everything - 50)
        self.assertEqual([self.event(entry)["refs"]["policy"] for entry in self.entries("policy.in_force")], [name])

    def while_it_waits(self, name, look):
        """What `look` finds of a version that waits; None when that took force meanwhile, because the machine is slow."""
        eventually(lambda: self.state(name) in ("waiting", "in_force"), f"version {name} is known")
        try:
            return look()
        except AssertionError:
            if self.state(name) != "in_force":
                raise
            return None

    def seen_to_wait(self, name):
        """A withdrawal that was proposed and approved by two while the version waited, seen also after a restart of the signer."""
        place = self.place
        withdrawal = place.proposed(60, wallet="hot-2")
        self.assertEqual(place.approve(withdrawal)["state"], "approving")
        # A restart in the middle changes nothing of it, nor do rows that somebody writes.
        place.stop("transfer")
        place.start()
        self.assertEqual(self.state(name), "waiting")
        eventually(lambda: self.state(name) != "waiting" or
                   [row for row in place.call("GET", "/v1/alarms").json["alarms"] if (row["code"], row["object_id"]) == ("policy.waiting", name)],
                   "everybody is told that a version waits")
        self.assertEqual(self.state(name), "waiting")
        return withdrawal

    def test_2_a_lower_quorum_waits(self):
        place = self.place
        _, now = self.in_force()
        strict = demanding(now["rules"][0], steps=[[{"group": "approvers", "m": 3}]])
        withdrawal, versions = None, 2
        for delay_s in (40, 160, 640):  # as slow as the machine is
            self.adopt(rules=[strict], governance={**now["governance"], "delay_s": delay_s, "m": 3})
            name, signed = self.next(ADMINS, rules=now["rules"], governance=now["governance"])
            self.assertProblem(place.call("POST", "/v1/policies", self.next(ADMINS[:2], rules=now["rules"])[1]), 403, "quorum_missing")
            draft = place.dir / "policy-lower.json"
            draft.write_text(json.dumps(signed))
            self.assertIn("CHANGED wallet hot-2, rule: 3 people after 0 seconds, before: 4 after 0 (WEAKER)",
                          place.custody("policy", "diff", "--in", str(draft)).stdout)
            self.hand_in(signed)
            withdrawal = self.while_it_waits(name, lambda name=name: self.seen_to_wait(name))
            versions += 2
            if withdrawal is not None:
                break
        self.assertIsNotNone(withdrawal)
        early = place.proposed(61, wallet="hot-2")
        state = place.approve(early)["state"]
        self.assertTrue(state == "approving" or self.state(name) == "in_force", state)  # on a slow machine
        self.becomes(name, "in_force")
        self.assertAnnouncesNothing(signed, lambda reply: self.assertEqual((reply.status, reply.json["digest"]), (200, name), reply))
        # Proposed under the stricter version: both must allow it.
        self.assertEqual(place.read(withdrawal["id"])["state"], "approving")
        place.approve(withdrawal, "approver-3")
        self.assertEndsProven(withdrawal, versions)
        loose = place.proposed(62, wallet="hot-2")
        place.approve(loose)
        self.assertEndsProven(loose, versions)
        eventually(lambda: not [row for row in place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "policy.waiting"],
                   "nothing waits")

    def one_vetoes(self, name):
        place = self.place
        self.assertEqual(self.state(name), "waiting")
        self.assertProblem(place.call("POST", "/v1/policies", self.next(rules=[])[1]), 409, "conflict")
        said = place.custody("policy", "veto", "--reason", "too-low", "--key", f"{place.dir}/people/approver-1.key",
                             "--passphrase-file", f"{place.dir}/people/approver-1.passphrase", person="approver-1")
        self.assertIn("waiting, vetoes: 1", said.stdout)
        row = eventually(lambda: next((row for row in self.versions() if row["digest"] == name and row.get("vetoes")), None), "the veto is shown")
        self.assertEqual((row["vetoes"], row["need"], row["signers"]), (["approver-1"], 3, 2))
        return name

    def one_vetoes_in_vain(self, name):
        place = self.place
        self.assertEqual(self.state(name), "waiting")
        veto = self.command("policy.veto", ("approver-1",), subject=name)
        self.assertProblem(place.call("POST", f"/v1/keys/{'0' * 64}/commands", veto, person="approver-1"), 400, "invalid")
        paper = place.dir / "veto.json"
        paper.write_text(canonical(veto))
        place.custody("key", "send", "--command", str(paper), person="approver-1")
        again = place.custody("key", "send", "--command", str(paper), "--socket", f"{place.dir}/run/transfer.sock", "--role",
                              "transfer", check=False)
        self.assertIn("approver-1 has spoken against it", again.stderr)
        return name

    def handed_in(self, delay_s, look, signers=("admin-1", "admin-2"), **changes):
        """A version that waits so long and that `look` has been at meanwhile; its name, None when the machine is too slow."""
        self.adopt(rules=self.first["rules"], governance={**self.first["governance"], "delay_s": delay_s})
        name, signed = self.next(signers, **changes)
        self.hand_in(signed)
        return signed if self.while_it_waits(name, lambda: look(name)) else None

    def test_3_a_veto(self):
        place = self.place
        before, now = self.in_force()
        self.first = now
        self.adopt(governance={**now["governance"], "delay_s": 1})
        late = canonical({**now, "version": now["version"] + 1, "prev": before, "issued_at": time_text()})
        self.assertProblem(place.call("POST", "/v1/policies", place.signed("policy", late, "admin-1", "admin-2")), 403, "mismatch", "prev")
        self.assertIsNone(self.state(digest("policy", late)))
        low = [demanding(now["rules"][0], max_amount="1")]
        signed = next(filter(None, (self.handed_in(delay_s, self.one_vetoes, rules=low) for delay_s in (12, 60, 300))))  # as slow as the machine is
        name = digest("policy", signed["document"])
        self.becomes(name, "dropped")
        self.assertAnnouncesNothing(signed, lambda reply: self.assertProblem(reply, 403, "denied"))
        eventually(lambda: [entry["oid"] for entry in self.entries("policy.dropped")] == [name], "the trail says so, once")

        # With one administrator more, the same person does not stop it.
        signed = next(filter(None, (self.handed_in(delay_s, self.one_vetoes_in_vain, ADMINS, governance=now["governance"])
                                    for delay_s in (12, 60, 300))))
        name = digest("policy", signed["document"])
        [told] = eventually(lambda: [self.event(entry) for entry in self.entries("policy.veto", oid=name)], "the veto is told")
        self.assertEqual(told["facts"], {"by": "approver-1", "reason": "test"})
        self.becomes(name, "in_force")

    def test_4_what_is_written_into_the_table_changes_nothing(self):
        place = self.place
        before, now = self.in_force()
        forged = canonical({**now, "version": now["version"] + 1, "prev": before, "issued_at": time_text(),
                            "governance": {**now["governance"], "delay_s": 1}})
        row = place.signed("policy", forged, "approver-1", "approver-2")
        place.psql("INSERT INTO custody.document (kind, id, digest, bytes) VALUES ('policy', 'forged', "
                   f"decode('{digest('policy', forged)}', 'hex'), convert_to('{canonical(row)}', 'UTF8'));"
                   f"UPDATE custody.mark SET value = 'dropped/' || split_part(value, '/', 2) || '/' || split_part(value, '/', 3) "
                   f"WHERE subject = 'policy/{before}'")
        place.shadow("policy")
        place.end("custodyd", signal.SIGTERM)
        place.start()
        self.becomes(before, "in_force")
        self.assertIsNone(self.state(digest("policy", forged)))
        self.assertHonestWorkGoesOn()

        # Deleted: the service says that it does not know what the signer goes by, and decides nothing until it is handed in again.
        signed = self.versions("in_force")[0]["policy"]
        place.psql(f"DELETE FROM custody.document WHERE kind = 'policy' AND digest = decode('{before}', 'hex')")
        place.end("custodyd", signal.SIGTERM)
        place.start_unready()
        eventually(lambda: "policy.unknown" in place.call("GET", "/healthz").json["alarm_codes"], "the version is not known")
        self.assertEqual(place.propose(10).status, 503)
        eventually(lambda: place.call_when(200, "POST", "/v1/policies", signed), "the document is handed in again")
        self.becomes(before, "in_force")
        row = place.propose(10)
        self.assertEqual(row.status, 201, row)
        self.assertHonestWorkGoesOn()

    def test_5_a_version_larger_than_other_requests(self):
        place = self.place
        _, now = self.in_force()
        assets = sorted(os.urandom(32).hex() for _ in range(256))
        later = {**now["rules"][0], "when": {**now["rules"][0]["when"], "assets": assets}}
        rules = now["rules"] + [{**later, "id": f"later-{number}"} for number in range(6)]
        name, signed = self.next(rules=sorted(rules, key=lambda row: row["id"]))
        self.assertGreater(len(signed["document"]), 65536)
        self.hand_in(signed)
        self.becomes(name, "in_force")
        self.assertHonestWorkGoesOn()
        place.stop("custodyd", "transfer", "validator", "audit")
        place.start()  # the guards hold it
        self.becomes(name, "in_force")
        self.assertHonestWorkGoesOn()

    def test_5_a_withdrawal_that_somebody_holds_keeps_no_other_waiting(self):
        """A row that is locked cannot be judged again. Those behind it are, and a signer that was away gets the version; it is, when it is free."""
        place = self.place
        _, now = self.in_force()
        behind, held = place.proposed(63), place.proposed(64)  # the newest is looked at first
        before = len(place.log("custodyd"))
        place.stop("validator")
        with subprocess.Popen(["psql", "-XAtqd", place.environment["STRONGROOM_DB"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=place.environment) as holder:
            holder.stdin.write(f"BEGIN; SELECT 'held' FROM custody.withdrawal WHERE id = '{held['id']}' FOR UPDATE;\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), "held\n")
            name = self.adopt(rules=[demanding(now["rules"][0], max_amount="1")])
            self.assertEqual(place.wait(behind["id"], "rejected")["reason"], "limit_exceeded")
            place.start()
            eventually(lambda: name in place.log("validator"), "a signer that was away has the version, too")
            self.assertEqual(place.read(held["id"])["state"], held["state"])
            waits = set()
            eventually(lambda: waits.update(map(tuple, place.psql(
                "SELECT xact_start FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'strongroom_app'"))) or len(waits) >= 3,
                "it is tried again and again")
            holder.stdin.close()
        self.assertEqual(place.wait(held["id"], "rejected")["reason"], "limit_exceeded")
        told = [line for line in place.log("custodyd")[before:].splitlines() if "event=policy.follow" in line]
        self.assertEqual([held["id"] in line for line in told], [True], "once, not with each look")
        self.adopt(rules=now["rules"])

    def test_6_the_trail(self):
        acts = [self.event(entry)["act"] for entry in self.entries("policy.in_force")]
        self.assertGreaterEqual(len(acts), 5)
        self.assertProven("trail", self.place.export_trail())


if __name__ == "__main__":
    unittest.main()
