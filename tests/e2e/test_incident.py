#!/usr/bin/python3
"""A trail that cannot go on: its end is lost, and the audit signer has signed more than anybody has. People end it by an order of
the quorum and the next log begins (docs/incident.md)."""

import json
import re
import subprocess
import unittest

import by_hand
import strongroom

ORIGIN = "strongroom.demo/audit/v1"
BOOKS = ("withdrawal", "reservation", "lane", "outbox", "posting")


class Incident(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = place = strongroom.Evaluation()
        cls.addClassCleanup(place.remove)
        place.provision()
        (place.dir / "etc/witness").touch()  # as the quickstart has it; here every withdrawal waits for it
        place.script("witness")
        for daemon in ("custodyd", "transfer"):
            place.configure(daemon, witnesses=place.dir / "etc/witnesses.json", witness_tier="hot")
        place.enrol()
        (place.dir / "tree").mkdir()  # as a reader has it: the source with .strongroom in it
        (place.dir / "tree/deploy").symlink_to(strongroom.SOURCE / "deploy")
        (place.dir / "tree/.strongroom").symlink_to(place.dir)
        cls.blocks = re.findall(r"^```bash\n(.*?)^```$", (strongroom.SOURCE / "docs/incident.md").read_text(), re.DOTALL | re.MULTILINE)
        cls.pasted = {cls.blocks[0]}

    def paste(self, *words):
        """The blocks of docs/incident.md that have these words, one after the other, behind its first one."""
        found = [[block for block in self.blocks if word in block] for word in words]
        self.assertEqual([len(blocks) for blocks in found], [1] * len(words), words)
        chosen = [self.blocks[0], *(blocks[0] for blocks in found)]
        self.pasted.update(chosen)
        environment = {name: value for name, value in self.place.environment.items()
                       if not name.startswith("STRONGROOM_") and name != "SOFTHSM2_CONF"}
        done = subprocess.run(["bash"], input="set -eu -o pipefail\n" + "".join(chosen), cwd=self.place.dir / "tree", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False)
        self.assertEqual(done.returncode, 0, f"{words}:\n{done.stdout[-4000:]}")
        return done.stdout

    def custodyd(self, word, *words):
        return subprocess.run([str(self.place.dir / "bin/custodyd"), word, "--config", str(self.place.dir / "etc/custodyd.conf"), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.place.environment, check=False)

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

    def crowd(self, text):
        """A superuser puts an order of his own, and more rows than anybody would read, before that of the quorum, and a newer one
        beside it, under its name."""
        false = json.dumps(self.place.signed("command", strongroom.canonical({**json.loads(text), "root": "0" * 64}), "admin-1"), sort_keys=True,
                           separators=(",", ":"))
        self.place.psql("INSERT INTO custody.document (kind, id, digest, bytes) SELECT 'log-key', lpad(n::text, 63, '0'), sha256(n::text::bytea), "
                        f"convert_to(CASE n WHEN 0 THEN $v${false}$v$ ELSE '{{}}' END, 'UTF8') FROM generate_series(0, 300) n")
        self.place.psql("INSERT INTO custody.document (kind, id, digest, bytes, created_at) SELECT kind, id, sha256('beside'), '{}', now() + interval '1 day' "
                        "FROM custody.document WHERE kind = 'log-key' AND length(bytes) > 2 AND id <> repeat('0', 63)")

    def review(self, trust, first, trail=None):
        """An auditor goes on where the last review of this log ended, and hands in what was found: nothing amiss. A log that ended
        is reviewed from there on that its copy reaches, for whoever has it."""
        out = self.place.dir / f"review-{trust.name}"
        out.unlink(missing_ok=True)
        words = [str(first)] if trail else []
        orders = [str(path) for path in (self.place.dir / "ceremony").glob("*/key.activate.json")]
        said = self.place.custody("audit", "review", *words, *orders, "--in", str(trail or self.place.export_trail()), "--out", str(out), "--trust", str(trust),
                                  "--person", "auditor-1", "--key", str(self.place.dir / "people/auditor-1.key"), "--passphrase-file",
                                  str(self.place.dir / "people/auditor-1.passphrase"), person="auditor-1").stdout
        self.assertRegex(said, rf"entries {first} to \d+ of .*: \d+ uses, 0 findings")
        if trail is None:
            self.place.custody("audit", "report", "--in", str(out), person="auditor-1")

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
        strongroom.eventually(lambda: self.paste("custody settle") and place.read(sent["id"])["state"] == "confirmed", "the ledger says that it was paid")
        self.assertEqual((place.read(sent["id"])["state"], place.balance(place.payee), place.wallet()[1]), ("confirmed", paid, 13))
        while place.call("GET", "/v1/ledger/status").json["confirmed_height"] < int(json.loads(recorded["intent"])["valid_until"]):
            place.withdraw(1)
        paid = place.balance(place.payee)
        self.assertIn(f"{recorded['id']}  failed", self.paste("custody settle"))
        self.assertEqual((place.balance(place.payee), place.wallet()[1]), (paid, 0))
        self.assertEqual(place.value(f"SELECT count(*) FROM custody.lane WHERE holder = '{recorded['id']}'"), "1")  # its sequence may be promised

    def test_a_disk_is_lost_and_the_copy_is_behind_the_signer(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", transaction_window=10)
        place.start()
        before = place.withdraw()
        evidence = place.export_evidence(before["id"])
        self.review(place.dir / "trust.json", 0)
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
        self.paste("TRUNCATE")
        self.restore()
        self.assertEqual(self.custodyd("rebuild", "--copy", str(copy)).returncode, 0)
        place.start_halted("trail")

        self.paste("pg_dump", "custody log fork")
        text = (place.dir / "incident/fork.document").read_text().strip()
        log = json.loads(text)["log"]
        self.assertEqual((json.loads(text)["size"], log.split("+")[0]), (str(good), f"{ORIGIN}/e2"))
        lone = place.dir / "incident/lone.json"
        lone.write_text(strongroom.canonical(place.signed("command", text, "admin-1")))
        alone = place.custody("key", "send", "--command", str(lone), "--role", "audit", "--socket", f"{place.dir}/run/audit.sock", check=False)
        self.assertEqual((alone.returncode != 0, "quorum" in alone.stderr), (True, True), alone)
        self.paste("TRUNCATE", "demo/witness")
        done = self.custodyd("run")
        self.assertEqual((done.returncode, "custodyd fork" in done.stderr), (78, True), done)
        done = self.custodyd("fork", "--order", str(lone))
        self.assertEqual((done.returncode != 0, "quorum" in done.stderr), (True, True), done)
        self.paste("custodyd fork")
        place.start_halted("trail")  # the signers do not have it yet
        place.kill("custodyd")
        self.crowd(text)
        self.paste("custody key send", "TRUNCATE", "demo/witness", "custodyd fork", "services\" start")
        self.assertIn("event=log.orders_unfit rows=302\n", place.log("custodyd"))
        trust = json.loads((place.dir / "trust.json").read_text())
        after = place.withdraw()
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual((code, "which the trust file does not name" in said), (2, True), said)
        self.paste("custody log trust")
        self.check_open_ones(*opened)
        old = place.call("GET", f"/v1/withdrawals/{before['id']}/evidence", person="auditor-1")
        self.assertEqual((old.status, old.json["code"]), (409, "log_ended"), old)

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
        by_hand.proves_forked(self, evidence, place.export_evidence(after["id"]))
        code, said = place.verify("trail", ended, late)
        self.assertEqual((code, f"ended this log at {good} entries" in said), (2, True), said)
        state = place.call("GET", f"/v1/withdrawals/{lost['id']}").json["withdrawal"]["state"]
        self.assertEqual(state, "confirmed")
        self.review(place.dir / "trust.json", 0)
        place.export_trail()
        self.review(place.dir / "incident/trust-before.json", good, ended)
        self.assertEqual(self.pasted, set(self.blocks))


if __name__ == "__main__":
    unittest.main(verbosity=2)
