#!/usr/bin/python3
"""A trail that cannot go on: its end is lost, and the audit signer has signed more than anybody has. People end it by an order of
the quorum and the next log begins (docs/incident.md)."""

import json
import re
import subprocess
import unittest

import strongroom

ORIGIN = "strongroom.demo/audit/v1"
BOOKS = ("withdrawal", "reservation", "lane", "outbox", "posting")


class Incident(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = strongroom.Evaluation()
        cls.addClassCleanup(cls.place.remove)
        cls.place.provision()
        cls.place.enrol()

    def custodyd(self, word, *words):
        return subprocess.run([str(self.place.dir / "bin/custodyd"), word, "--config", str(self.place.dir / "etc/custodyd.conf"), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.place.environment, check=False)

    def lose(self):
        """The trail's tables are empty: step 4 of docs/incident.md, as it stands there."""
        page = (strongroom.SOURCE / "docs/incident.md").read_text()
        self.place.psql(re.search(r"^ +BEGIN;\n.*?^ +COMMIT;\n", page, re.DOTALL | re.MULTILINE).group())

    def send(self, order, role):
        path = self.place.dir / "fork.json"
        path.write_text(json.dumps(order))
        return self.place.custody("key", "send", "--command", str(path), "--role", role, "--socket", f"{self.place.dir}/run/{role}.sock",
                                  check=False)

    def open_ones(self):
        """Three withdrawals that are open when the log ends: one waits for approvals, one for the ledger, one for the signer."""
        place = self.place
        asked = place.proposed(11)
        place.stop("validator")
        sent = place.proposed(12)
        place.approve(sent)
        place.wait(sent["id"], "submitted")
        place.stop("transfer")
        recorded = place.proposed(13)
        place.approve(recorded)
        place.wait(recorded["id"], "recorded")
        return asked, sent, recorded

    def back_up(self):
        for table in BOOKS:
            self.place.psql(f"CREATE TABLE public.kept_{table} AS TABLE custody.{table}")

    def restore(self):
        for table in BOOKS:
            self.place.psql(f"DELETE FROM custody.{table}; INSERT INTO custody.{table} OVERRIDING SYSTEM VALUE TABLE public.kept_{table}")

    def settle(self, row):
        return self.place.call("POST", f"/v1/withdrawals/{row['id']}/settle")

    def check_open_ones(self, asked, sent, recorded):
        """Nothing that was open goes on by itself, and what was recorded ends as the ledger says, once."""
        place = self.place
        self.assertEqual([(row["state"], row.get("reason")) for row in map(place.read, (asked["id"], sent["id"], recorded["id"]))],
                         [("rejected", "log_ended"), ("quarantined", "log_ended"), ("quarantined", "log_ended")])
        self.assertEqual(place.wallet()[1], 12 + 13)
        paid = place.balance(place.payee)
        changed = "UPDATE custody.withdrawal SET intent = convert_to(replace(convert_from(intent, 'UTF8'), '\"amount\":\"%s\"', '\"amount\":\"%s\"'), 'UTF8')"
        place.psql(changed % (13, 14) + f" WHERE id = '{recorded['id']}'")
        self.assertEqual((self.settle(recorded).status, self.settle(recorded).json["code"]), (403, "mismatch"))
        place.psql(changed % (14, 13) + f" WHERE id = '{recorded['id']}'")
        self.assertEqual((self.settle(recorded).status, self.settle(recorded).json["code"]), (409, "log_ended"))
        strongroom.eventually(lambda: self.settle(sent).status == 200, "the ledger says that it was paid")
        self.assertEqual((place.read(sent["id"])["state"], place.balance(place.payee), place.wallet()[1]), ("confirmed", paid, 13))
        while place.call("GET", "/v1/ledger/status").json["confirmed_height"] < int(json.loads(recorded["intent"])["valid_until"]):
            place.withdraw(1)
        paid = place.balance(place.payee)
        self.assertIn(f"{recorded['id']}  failed", place.custody("settle", recorded["id"]).stdout)
        self.assertEqual((place.balance(place.payee), place.wallet()[1]), (paid, 0))
        self.assertEqual(place.value(f"SELECT count(*) FROM custody.lane WHERE holder = '{recorded['id']}'"), "1")  # its sequence may be promised

    def test_a_disk_is_lost_and_the_copy_is_behind_the_signer(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", transaction_window=10)
        place.start()
        before = place.withdraw()
        evidence = place.export_evidence(before["id"])
        copy = place.dir / "copy"
        place.custody("audit", "copy", "--dir", str(copy), person="auditor-1")
        good = int((copy / "checkpoint").read_text().splitlines()[1])
        lost = place.withdraw()
        opened = self.open_ones()
        self.back_up()
        late = place.dir / "late.checkpoint"
        late.write_bytes(place.call("GET", "/audit/checkpoint").bytes)
        ended = place.dir / "ended.jsonl"
        place.export_trail().rename(ended)
        place.kill("custodyd")
        self.lose()
        self.assertEqual(self.custodyd("rebuild", "--copy", str(copy)).returncode, 0)
        place.start_halted("trail")

        place.kill("custodyd")
        document = place.dir / "fork.document"
        place.custody("log", "fork", "--in", str(copy / "checkpoint"), "--policy", str(place.dir / "etc/policy.json"), "--reason", "disk-lost",
                      "--out", str(document))
        text = document.read_text().strip()
        order = place.signed("command", text, "admin-1", "admin-2")
        alone = self.send(place.signed("command", text, "admin-1"), "audit")
        self.assertEqual((alone.returncode != 0, "quorum" in alone.stderr), (True, True), alone)
        log = json.loads(text)["log"]
        self.assertEqual((json.loads(text)["size"], log.split("+")[0]), (str(good), f"{ORIGIN}/e2"))
        self.lose()
        place.configure("custodyd", origin=f"{ORIGIN}/e2", log_key=log)
        done = self.custodyd("run")
        self.assertEqual((done.returncode, "custodyd fork" in done.stderr), (78, True), done)
        (place.dir / "order.json").write_text(strongroom.canonical(order))
        done = self.custodyd("fork", "--order", str(place.dir / "order.json"))
        self.assertEqual(done.returncode, 0, done)
        place.start_halted("trail")  # the signers do not have it yet
        place.kill("custodyd")
        for role in ("audit", "transfer"):
            done = self.send(order, role)
            self.assertEqual(done.returncode, 0, done)
        self.lose()
        self.restore()
        done = self.custodyd("fork", "--order", str(place.dir / "order.json"))
        self.assertEqual(done.returncode, 0, done)
        place.start()
        after = place.withdraw()
        self.check_open_ones(*opened)
        old = place.call("GET", f"/v1/withdrawals/{before['id']}/evidence", person="auditor-1")
        self.assertEqual((old.status, old.json["code"]), (409, "log_ended"), old)

        trust = json.loads((place.dir / "trust.json").read_text())
        place.custody("log", "trust", "--out", str(place.dir / "trust.new"))
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual(code, 1, said)
        (place.dir / "trust.new").rename(place.dir / "trust.json")
        forks = json.loads((place.dir / "trust.json").read_text())["forks"]
        self.assertEqual((len(forks), forks[0].split()[0], forks[0].split()[3]), (1, str(good), log), trust)
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual((code, f"follows {good} entries" in said), (0, True), said)
        path = place.dir / "trust.json"
        trusted = path.read_text()
        path.write_text(trusted.replace(forks[0].split()[2], "0" * 64))
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual((code, "entry 0: does not name the order" in said), (1, True), said)
        path.write_text(trusted)
        for bundle in (evidence, place.export_evidence(after["id"])):
            code, said = place.verify("evidence", bundle)
            self.assertEqual(code, 0, said)
        code, said = place.verify("trail", ended, late)
        self.assertEqual((code, f"ended this log at {good} entries" in said), (2, True), said)
        state = place.call("GET", f"/v1/withdrawals/{lost['id']}").json["withdrawal"]["state"]
        self.assertEqual(state, "confirmed")


if __name__ == "__main__":
    unittest.main(verbosity=2)
