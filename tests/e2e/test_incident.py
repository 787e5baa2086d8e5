#!/usr/bin/python3
"""A trail that cannot go on: its end is lost, and the audit signer has signed more than anybody has. People end it by an order of
the quorum and the next log begins (docs/incident.md), with the database as it is, or with a backup of it."""

import hashlib
import json
import re
import shutil
import subprocess
import unittest

import by_hand
import strongroom
import tlog

ORIGIN = "strongroom.demo/audit/v1"


def blocks(page):
    return re.findall(r"^```bash\n(.*?)^```$", (strongroom.SOURCE / page).read_text(), re.DOTALL | re.MULTILINE)


class Page(unittest.TestCase):
    """An evaluation of its own, with a witness that every withdrawal waits for."""

    @classmethod
    def setUpClass(cls):
        cls.place = place = strongroom.Evaluation()
        cls.addClassCleanup(place.remove)
        place.provision()
        (place.dir / "etc/witness").touch()  # as the quickstart has it
        place.script("witness")
        for daemon in ("custodyd", "transfer"):
            place.configure(daemon, witnesses=place.dir / "etc/witnesses.json", witness_tier="hot")
        place.enrol()
        (place.dir / "tree").mkdir()  # as a reader has it: the source with .strongroom in it
        (place.dir / "tree/deploy").symlink_to(strongroom.SOURCE / "deploy")
        (place.dir / "tree/.strongroom").symlink_to(place.dir)
        cls.pasted = set()

    def paste(self, *words, page="docs/incident.md", expected=(0,)):
        """The blocks of a page that have these words, one after the other, behind its first one."""
        found = [[block for block in blocks(page) if word in block] for word in words]
        self.assertEqual([len(rows) for rows in found], [1] * len(words), words)
        chosen = [blocks(page)[0], *(rows[0] for rows in found)]
        self.pasted.update(chosen)
        environment = {name: value for name, value in self.place.environment.items()
                       if not name.startswith("STRONGROOM_") and name != "SOFTHSM2_CONF"}
        done = subprocess.run(["bash"], input="set -eu -o pipefail\n" + "".join(chosen), cwd=self.place.dir / "tree", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False)
        self.assertIn(done.returncode, expected, f"{words}:\n{done.stdout[-4000:]}")
        return done.stdout

    def custodyd(self, word, *words):
        return subprocess.run([str(self.place.dir / "bin/custodyd"), word, "--config", str(self.place.dir / "etc/custodyd.conf"), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self.place.environment, check=False)

    def settled_until(self, right, what):
        """By the block of the page, again where the service was late: it answers 503 then."""
        strongroom.eventually(lambda: (self.paste("custody settle"), right())[1], what)


class Incident(Page):
    def open_ones(self):
        """Open when the log ends: one waits for approvals, one for the ledger, one has lost the signature that it had, one waits for the signer."""
        place = self.place
        asked = place.proposed(11)
        place.stop("validator")
        sent = place.proposed(12)
        place.approve(sent)
        place.wait(sent["id"], "submitted")
        promised = place.held_before("submit", 13, "signed")
        place.psql(f"UPDATE custody.withdrawal SET signature = '', promises = NULL WHERE id = '{promised['id']}'")
        place.stop("transfer")
        recorded = place.proposed(15)
        place.approve(recorded)
        place.wait(recorded["id"], "recorded")
        return asked, sent, promised, recorded

    def not_signed_yet(self, row):
        """Its row is that of a backup from before it was signed, with the funds that it held then."""
        self.place.psql(f"""DELETE FROM custody.posting WHERE withdrawal = '{row["id"]}';
            UPDATE custody.withdrawal SET state = 'approved', signature = NULL, promises = NULL, height = NULL, index = NULL WHERE id = '{row["id"]}';
            INSERT INTO custody.reservation (withdrawal, wallet, asset, amount, account)
                SELECT id, wallet, asset, amount, account FROM custody.withdrawal WHERE id = '{row["id"]}'""")

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

    def check_open_ones(self, older, asked, sent, promised, recorded):
        """Nothing that was open goes on by itself, and what was recorded ends as the ledger says, once."""
        place = self.place
        states = ((asked, "rejected"), *((one, "quarantined") for one in (older, sent, promised, recorded)))
        self.assertEqual([place.wait(one["id"], state)["reason"] for one, state in states], 5 * ["log_ended"])
        self.assertEqual(place.wallet()[1], int(older["amount"]) + 12 + 13 + 15)
        paid = place.balance(place.payee)
        changed = "UPDATE custody.withdrawal SET intent = convert_to(replace(convert_from(intent, 'UTF8'), '\"amount\":\"%s\"', '\"amount\":\"%s\"'), 'UTF8')"
        place.psql(changed % (13, 14) + f" WHERE id = '{promised['id']}'")
        self.assertEqual((place.settle(promised).status, place.settle(promised).json["code"]), (403, "mismatch"))
        place.psql(changed % (14, 13) + f" WHERE id = '{promised['id']}'")
        self.assertEqual((place.settle(promised).status, place.settle(promised).json["code"]), (409, "log_ended"))
        self.settled_until(lambda: [place.read(one["id"])["state"] for one in (older, sent, promised, recorded)] ==
                           ["confirmed", "confirmed", "quarantined", "failed"], "each is as the ledger says, and that it was paid")
        self.assertEqual(place.value(f"SELECT sum(amount) FROM custody.posting WHERE withdrawal = '{older['id']}'"), older["amount"])
        self.assertEqual((place.balance(place.payee), place.wallet()[1]), (paid, 13))
        while place.call("GET", "/v1/ledger/status").json["confirmed_height"] < int(json.loads(promised["intent"])["valid_until"]):
            place.withdraw(1)
        paid = place.balance(place.payee)
        self.settled_until(lambda: place.read(promised["id"])["state"] == "failed", "its time on the ledger is over")
        self.assertEqual((place.balance(place.payee), place.wallet()[1]), (paid, 0))
        holders = f"SELECT holder FROM custody.lane WHERE holder IN ('{promised['id']}', '{recorded['id']}')"
        self.assertEqual(place.psql(holders), [[promised["id"]]])  # the sequence of the one is promised, that of the other is free

    def look(self, folder, *more):
        done = self.place.custody("audit", "copy", "--check", "--dir", str(folder), "--trust", str(self.place.dir / "trust.json"), *more, check=False)
        return done.returncode, done.stdout + done.stderr

    def check_copies(self, copy, longer, late, good):
        """Copies of the log that ended prove themselves by the newest trust file as far as the order goes, and no further."""
        path = self.place.dir / "trust.json"
        code, said = self.look(copy, "--in", str(copy / "checkpoint"))
        self.assertEqual((code, f"whole: {good} entries in {copy}, as signed by {ORIGIN}, which the quorum ended; " in said), (0, True), said)
        for folder, *more in ((longer,), (copy, "--in", str(late))):
            code, said = self.look(folder, *more)
            self.assertEqual((code, f"the quorum ended this log at {good}" in said, "whole: " in said), (1, True, False), said)
        trusted = path.read_text()
        root = json.loads(trusted)["forks"][0].split()[1]
        path.write_text(trusted.replace(root, "0" * 64))
        for folder in (copy, longer):
            code, said = self.look(folder)
            self.assertEqual((code, "with another root than the copy has there" in said), (1, True), said)
        path.write_text(trusted)
        done = self.place.custody("audit", "copy", "--dir", str(copy), person="auditor-1", check=False)
        self.assertEqual((done.returncode, "One that follows another begins in a new folder" in done.stderr), (1, True), done)

    def check_kept_rotation(self, trust, log):
        """A backup from before a rotation has no order of it: of a log that ended the trust file keeps it, of the newest one it does not."""
        held = self.place.dir / "incident/held.json"
        for origin, code, words in ((ORIGIN, 0, "kept as the trust file has it"), (log.split("+")[0], 1, "shows none of the rotation")):
            rotation = f"2 {origin}+" + "+".join(tlog.verifier_key(origin, hashlib.sha256(b"a key").digest()))
            held.write_text(strongroom.canonical({**trust, "rotations": [rotation]}) + "\n")
            done = self.place.custody("log", "trust", "--trust", str(held), check=False)
            self.assertEqual((done.returncode, words in done.stderr, rotation in done.stderr), (code, True, True), done)
            made = json.loads(done.stdout or "{}")
            self.assertEqual((made.get("rotations"), len(made.get("forks", []))), ([rotation], 1) if code == 0 else (None, 0))

    def check_told_anew(self):
        """What the signers say was so before is in the new trail, too, whatever the marks of the old one are."""
        place = self.place
        listed = json.loads((place.dir / "ceremony/destination.json").read_text())["document"]
        for act, wanted in (("key.state", {row["key_id"] for row in place.call("GET", "/v1/keys").json["keys"] if "key_id" in row}),
                            ("destination.held", {strongroom.digest("destination", listed)})):
            with self.subTest(act):
                told = lambda act=act: {row["oid"] for row in place.pages(f"/v1/audit/entries?act={act}&order=oldest", "entries", "auditor-1")}
                strongroom.eventually(lambda told=told, wanted=wanted: wanted <= told(), "the new trail says so")

    def test_a_disk_is_lost_and_the_copy_is_behind_the_signer(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", transaction_window=10, anchor_interval=3600)  # of blocks that the test makes, however slow it is
        place.start()
        before = place.withdraw()
        evidence = place.export_evidence(before["id"])
        self.review(place.dir / "trust.json", 0)
        copy, rebuild = place.dir / "copy", "docs/rebuild.md"
        place.custody("audit", "copy", "--dir", str(copy), person="auditor-1")
        shutil.copytree(copy, place.dir / "elsewhere")
        good = int((copy / "checkpoint").read_text().splitlines()[1])
        lost = place.withdraw()
        opened = self.open_ones()
        self.paste("backup()", page=rebuild)
        longer = copy.rename(place.dir / "longer")  # goes with the disk
        (place.dir / "elsewhere").rename(copy)
        late = place.dir / "late.checkpoint"
        late.write_bytes(place.call("GET", "/audit/checkpoint").bytes)
        ended = place.dir / "ended.jsonl"
        place.export_trail().rename(ended)
        server = place.environment["STRONGROOM_DB"].replace("dbname=strongroom", "dbname=postgres")
        subprocess.run(["psql", "-Xq", "-d", server, "-c", "DROP DATABASE strongroom WITH (FORCE)"], env=place.environment, check=True)
        self.paste("custodyd rebuild", page=rebuild)
        done = self.custodyd("rebuild", "--copy", str(copy))
        self.assertEqual((done.returncode, "is not empty" in done.stderr), (78, True), done)
        said = self.paste("ORIGIN=", page=rebuild, expected=(1,))
        self.assertIn(f"entries were signed, and the copy has {good}\n   to do: custody audit copy, without --check, takes", said)
        place.start_halted("trail")
        self.not_signed_yet(lost)

        self.paste("pg_dump", "custody log fork")
        text = (place.dir / "incident/fork.document").read_text().strip()
        log = json.loads(text)["log"]
        self.assertEqual((json.loads(text)["size"], log.split("+")[0]), (str(good), f"{ORIGIN}/e2"))
        lone = place.dir / "incident/lone.json"
        lone.write_text(strongroom.canonical(place.signed("command", text, "admin-1")))
        alone = place.custody("key", "send", "--command", str(lone), "--role", "audit", "--socket", f"{place.dir}/run/audit.sock", check=False)
        self.assertEqual((alone.returncode != 0, "quorum" in alone.stderr), (True, True), alone)
        self.paste("TRUNCATE", "demo/witness")
        done = self.custodyd("run", "--listen=127.0.0.1:0")
        self.assertEqual((done.returncode, "custodyd fork" in done.stderr), (78, True), done)
        done = self.custodyd("fork", "--order", str(lone))
        self.assertEqual((done.returncode != 0, "quorum" in done.stderr), (True, True), done)
        self.paste("custodyd fork")
        done = self.custodyd("run", "--listen=127.0.0.1:0")  # whose signer of role transfer is away
        self.assertEqual((done.returncode, "of the log that ended cannot be ended" in done.stderr), (1, True), done)
        place.start_halted("trail")  # the signers do not have it yet
        place.kill("custodyd")
        self.crowd(text)
        self.paste("custody key send", "TRUNCATE", "demo/witness", "custodyd fork", "services\" start")
        self.assertIn("event=log.orders_unfit rows=302\n", place.log("custodyd"))
        trust = json.loads((place.dir / "trust.json").read_text())
        after = place.withdraw()
        code, said = place.verify("trail", place.export_trail())
        self.assertEqual((code, "which the trust file does not name" in said), (2, True), said)
        self.check_kept_rotation(trust, log)
        self.paste("custody log trust")
        self.check_open_ones(lost, *opened)
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
        self.assertEqual(self.paste("key.copied_use"), "", "nothing was paid that the rows do not tell")
        self.check_told_anew()
        self.check_copies(copy, longer, late, good)
        self.assertLessEqual(set(blocks("docs/incident.md")), self.pasted)


class Backup(Page):
    """The database is set back over withdrawals that went on since: none is paid twice, and none that was paid is lost."""

    def before(self):
        """How the backup has them, and what becomes of each after it."""
        place = self.place
        rows = {"paid before": place.withdraw(10)}
        lane = place.proposed(9)
        rows["asked, paid"] = place.proposed(11)
        rows["half approved, paid"] = place.proposed(12)
        place.approve(rows["half approved, paid"], "approver-1")
        rows["approved, paid"] = place.held_before("record", 13, "approved")
        rows["approved, signed"] = place.held_before("record", 14, "approved")
        rows["asked, cancelled"] = place.proposed(15)
        rows["asked, still"] = place.proposed(16)
        rows["recorded, paid"] = place.proposed(17)
        place.stop("validator")
        rows["sent, paid"] = place.proposed(18)
        place.approve(rows["sent, paid"])
        place.wait(rows["sent, paid"]["id"], "submitted")
        self.cancel(lane)  # the first of all, so that it is the next to be taken
        place.stop("transfer")
        place.approve(rows["recorded, paid"])
        place.wait(rows["recorded, paid"]["id"], "recorded")
        return rows

    def since(self, rows):
        """What the backup knows nothing of, and the newest copy of the trail nothing of the last."""
        place = self.place
        place.start()
        place.wait(rows["recorded, paid"]["id"], "confirmed")  # by itself, before anything is held
        rows["new, paid"] = place.withdraw(20)
        rows["new, signed"] = place.held_before("submit", 21, "signed")
        self.assertEqual([json.loads(rows[name]["intent"])["lane"] for name in ("paid before", "new, paid", "new, signed")], 3 * ["0"])
        place.approve(rows["asked, paid"])
        place.approve(rows["half approved, paid"], "approver-2")
        place.go_on(rows["approved, paid"])
        self.cancel(rows["asked, cancelled"])
        for name, row in rows.items():
            if name.endswith(", paid"):
                place.wait(row["id"], "confirmed")
        place.psql("CREATE TRIGGER wait BEFORE INSERT ON custody.outbox FOR EACH ROW WHEN (NEW.kind = 'submit') EXECUTE FUNCTION public.wait()")
        place.go_on(rows["approved, signed"])
        place.wait(rows["approved, signed"]["id"], "signed")
        place.psql("DROP TRIGGER wait ON custody.outbox")
        rows["new, asked"] = place.proposed(22)
        place.custody("audit", "copy", "--dir", str(place.dir / "copy"), person="auditor-1")
        rows["new, paid after the copy"] = place.withdraw(23)

    def cancel(self, row):
        self.assertEqual(self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)

    def set_back(self, backup):
        place, database = self.place, self.place.environment["STRONGROOM_DB"]
        place.kill("custodyd")
        server = database.replace("dbname=strongroom", "dbname=postgres")
        for command in (["psql", "-Xq", "-d", server, "-c", "DROP DATABASE strongroom WITH (FORCE)", "-c", "CREATE DATABASE strongroom"],
                        ["pg_restore", "--exit-on-error", "-d", database, backup]):
            subprocess.run(command, env=place.environment, check=True)
        place.start_halted("trail")

    def says(self, rows):
        """What each says of itself: its state and why."""
        replies = {name: self.place.call("GET", f"/v1/withdrawals/{row['id']}").json for name, row in rows.items()}
        return {name: (reply["withdrawal"]["state"], reply["withdrawal"].get("reason")) if "withdrawal" in reply else reply["code"]
                for name, reply in replies.items()}

    def in_alarm(self):
        return {alarm["code"] for alarm in self.place.call("GET", "/v1/alarms").json["alarms"]}

    def resume(self):
        """As docs/keys.md says, by the quorum."""
        place = self.place
        self.paste("key.resume", page="docs/keys.md")
        [freeze] = [row for row in place.call("GET", "/v1/freezes").json["freezes"] if row["state"] == "frozen"]
        self.assertEqual((freeze["scope"], freeze["subject"]), ("asset", place.asset))
        order = place.dir / "thaw"
        place.custody("thaw", "asset", place.asset, "--on", str(freeze["number"]), "--reason", "looked-into", "--policy", str(place.dir / "etc/policy.json"),
                      "--out", str(order))
        reply = place.call("POST", "/v1/freezes", place.signed("command", order.read_text().strip(), "admin-1", "admin-2"))
        self.assertEqual((reply.status, reply.json["freeze"]["state"]), (200, "thawed"), reply)

    def test_the_database_is_a_backup_several_withdrawals_old(self):
        place = self.place
        rows = self.before()
        backup = place.dir / "backup"
        subprocess.run(["pg_dump", "-d", place.environment["STRONGROOM_DB"], "-Fc", "-f", backup], env=place.environment, check=True)
        self.since(rows)
        paid = place.balance(place.payee)
        unasked = {rows[name]["transaction_id"] for name in ("asked, paid", "half approved, paid", "new, paid", "new, paid after the copy")}
        self.set_back(backup)

        self.paste("pg_dump", "custody log fork", "custody key send", "TRUNCATE", "demo/witness", "custodyd fork")
        self.paste("services\" start", expected=(0, 1))  # whether it is ready for a moment, before it has looked at the blocks
        self.paste("custody log trust")
        lost = {name: "not_found" for name in rows if name.startswith("new")}
        ended = {"paid before": ("confirmed", None), "asked, cancelled": ("rejected", "log_ended"), "asked, still": ("rejected", "log_ended")}
        said = {name: ("quarantined", "log_ended") for name in rows} | ended | lost
        self.assertEqual(self.says(rows), said)

        # What was paid and no row tells with its approvals is said of the key. The old trail says which of it was asked for.
        known = {f"{row['transaction_id']} {row['id']}" for name, row in rows.items() if row["transaction_id"] in unasked and not name.endswith("copy")}
        known.add(rows["new, paid after the copy"]["transaction_id"])
        strongroom.eventually(lambda: set(self.paste("key.copied_use").splitlines()) == known, "each is told, and none of the others")
        strongroom.eventually(lambda: {"key.copied_use", "key.state", "freeze.state", "withdrawal.quarantined"} <= self.in_alarm(), "they are alarms")

        # Not one waits for the key: the ledger says what happened.
        said |= {name: ("confirmed", "log_ended") for name in said if name.endswith(", paid") and name not in lost}
        self.settled_until(lambda: self.says(rows) == said, "each is as the ledger says")
        self.assertEqual(place.wallet()[1], 14, "held by the one that was signed, and may be sent yet")
        posted = {row: int(amount) for row, amount in place.psql("SELECT withdrawal, amount FROM custody.posting")}
        self.assertEqual(posted, {row["id"]: int(row["amount"]) for name, row in rows.items() if said[name][0] == "confirmed"})

        self.resume()
        place.stop("custodyd")
        place.start()  # looks at every block again, and at nothing twice
        self.check_lane()
        self.assertEqual(self.in_alarm(), {"withdrawal.quarantined"})
        self.assertEqual(place.balance(place.payee), paid + 1)
        sent = [transaction for transaction, code in place.ledger_transactions() if code == "ok"]
        self.assertEqual(len(sent), len(set(sent)))
        trail, orders = place.export_trail(), [str(path) for path in (place.dir / "ceremony").glob("*/key.activate.json")]
        code, said = place.verify("trail", trail)
        self.assertEqual(code, 0, said)
        found = place.custody("audit", "review", *orders, "--in", str(trail), "--trust", str(place.dir / "trust.json"), person="auditor-1", check=False).stdout
        self.assertEqual(set(re.findall(" transaction ([0-9a-f]{64}): FINDING", found)), unasked)
        self.assertIn(f" {len(unasked)} findings", found)

    def check_lane(self):
        """The first lane is as it was at the backup: its next sequence was used since, the one after it was promised to what is lost. Who takes
        either is refused; the second of them keeps the lane, so that nobody else is."""
        place = self.place
        for held in (False, True):
            row = place.proposed(30)
            self.assertEqual(json.loads(row["intent"])["lane"], "0")
            place.approve(row)
            self.assertEqual(place.wait(row["id"], "quarantined")["reason"], "replay")
            ended = place.settled(row)
            self.assertEqual((ended["state"], ended["reason"]), ("failed", "replay"), ended)
            self.assertEqual(place.wallet()[1], 14)
            self.assertEqual(place.value("SELECT coalesce(holder::text, '') FROM custody.lane WHERE lane = 0"), row["id"] if held else "")
        self.assertNotEqual(json.loads(place.withdraw(1)["intent"])["lane"], "0")


if __name__ == "__main__":
    unittest.main(verbosity=2)
