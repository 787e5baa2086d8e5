#!/usr/bin/python3
"""A trail that cannot go on: its end is lost, and the audit signer has signed more than anybody has. People end it by an order of
the quorum and the next log begins (docs/incident.md)."""

import json
import subprocess
import unittest

import strongroom

ORIGIN = "strongroom.demo/audit/v1"


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
        """The tables of the trail as a database has them that was made anew."""
        self.place.psql("""TRUNCATE audit.leaf, audit.tile, audit.checkpoint, audit.pending;
                           UPDATE audit.head SET epoch = 0, size = 0, root = sha256(''), last_lh = decode(repeat('00', 32), 'hex'),
                               frontier = decode(repeat('00', 8), 'hex')""")

    def send(self, order, role):
        path = self.place.dir / "fork.json"
        path.write_text(json.dumps(order))
        return self.place.custody("key", "send", "--command", str(path), "--role", role, "--socket", f"{self.place.dir}/run/{role}.sock",
                                  check=False)

    def test_a_disk_is_lost_and_the_copy_is_behind_the_signer(self):
        place = self.place
        before = place.withdraw()
        evidence = place.export_evidence(before["id"])
        copy = place.dir / "copy"
        place.custody("audit", "copy", "--dir", str(copy), person="auditor-1")
        good = int((copy / "checkpoint").read_text().splitlines()[1])
        lost = place.withdraw()
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
        place.start()
        after = place.withdraw()

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
