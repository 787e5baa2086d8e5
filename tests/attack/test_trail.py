#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL and rewrites what happened.

Whatever is done to the trail, `custody-verify trail` exits 1 and names the entry, and the service halts when it starts: no effect any
more, reads go on, /healthz says so, the log names the entry. What is only visible to somebody who kept an older checkpoint (a
cut tail, a backup, history rewritten from an entry on) is caught by the checkpoint that was kept, and by the signer's memory.
"""

import base64
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
import tlog  # noqa: E402


# Facts of an event that have a column (docs/audit-events.md), and of which form.
FACTS = {"amount": "0|[1-9][0-9]{0,38}", "asset": "[0-9a-f]{64}", "destination": "[0-9a-z]{1,127}", "key": "[0-9a-f]{64}",
         "version": "0|[1-9][0-9]{0,14}", "wallet": "[0-9a-z-]{1,63}"}


def peaks_of(hashes):
    """The roots of the full subtrees that a tree of these leaves is made of, from the largest (RFC 9162 section 2.1)."""
    peaks, at = [], 0
    for bit in reversed(range(40)):
        if len(hashes) >> bit & 1:
            level = hashes[at:at + (1 << bit)]
            at += 1 << bit
            while len(level) > 1:
                level = [tlog.node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
            peaks += level
    return peaks


class Trail(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.place.withdraw()

    def setUp(self):
        """An entry in the middle to be changed, checkpoint and receipts of now in the hands of somebody outside; then the trail
        comes to rest and is copied."""
        place = self.place
        row = place.withdraw()
        self.entry = place.history(row["id"])[0]["seq"]
        self.kept = place.dir / "kept.checkpoint"
        self.kept.write_bytes(place.call("GET", "/v1/audit/checkpoint").bytes)
        self.receipt = place.dir / "kept.receipt"
        self.receipt.write_bytes(place.call("GET", f"/v1/audit/proof/inclusion?seq={self.entry}", person="auditor-1").bytes)
        place.kill("custodyd")
        self.place.keep_trail()
        self.size = int(place.value("SELECT size FROM audit.head"))

    def tearDown(self):
        """The trail is put back as it was, and everything is well again: the halt was not for ever."""
        self.put_back()
        self.place.start()
        self.assertHonestWorkGoesOn()
        self.assertProven("trail", self.place.export_trail())

    def put_back(self):
        self.place.kill("custodyd")
        self.place.put_trail_back()

    # The attacker's tools

    def leaves(self):
        return [bytes.fromhex(row[0]) for row in self.place.psql("SELECT encode(raw, 'hex') FROM audit.leaf ORDER BY seq")]

    def write(self, seq, raw, *columns):
        """Replaces bytes of an entry; with "lh", its hash too."""
        hash_ = f", lh = '\\x{tlog.leaf_hash(raw).hex()}'" if "lh" in columns else ""
        self.place.psql(f"UPDATE audit.leaf SET raw = '\\x{raw.hex()}'{hash_} WHERE seq = {seq}")

    def write_head(self, leaves):
        """The head row says what fits these leaves."""
        hashes = [tlog.leaf_hash(raw) for raw in leaves]
        peaks = peaks_of(hashes)
        root = peaks[-1]
        for peak in reversed(peaks[:-1]):
            root = tlog.node_hash(peak, root)
        frontier = len(leaves).to_bytes(8, "big") + b"".join(peaks)
        self.place.psql(f"""UPDATE audit.head SET size = {len(leaves)}, root = '\\x{root.hex()}', last_lh = '\\x{hashes[-1].hex()}',
            frontier = '\\x{frontier.hex()}'""")

    def relink(self, leaves, first):
        """All hashes from an entry on, so that the rows fit together again."""
        for seq in range(first, len(leaves)):
            lines = leaves[seq].split(b"\n")
            lines[3] = tlog.leaf_hash(leaves[seq - 1]).hex().encode()
            leaves[seq] = b"\n".join(lines)
        return leaves

    # What is seen of it

    def assertTampered(self, entry, *kept):
        """The export, read from the service as it is, is proven false; the entry is named."""
        status, said = self.place.verify("trail", self.place.export_trail(), *kept)
        self.assertEqual(status, 1, said)
        if entry is not None:
            self.assertRegex(said, rf"entry {entry}\b")

    def assertCut(self):
        """A true trail that ends before what somebody keeps: cut, or an older export."""
        status, said = self.place.verify("trail", self.place.export_trail(), self.kept)
        self.assertEqual((status, "the tail was cut, or the export is older" in said), (2, True), said)

    def assertTamperedConsistently(self):
        """Nothing is wrong with any entry in itself, only with what was signed: the root; and who was given a receipt of the entry
        learns that it is another one."""
        self.assertTampered(None)
        status, said = self.place.verify("trail", self.place.export_trail(), self.receipt)
        self.assertEqual(status, 1, said)
        self.assertIn(f"entry {self.entry}: is not the one that {self.receipt} was given for", said)

    def assertHalted(self, words):
        """The service starts, halts and says why; nothing is answered any more that would be an effect."""
        self.place.start_halted("trail")
        halts = [line for line in self.place.log("custodyd").splitlines() if "event=sequencer.state state=halted" in line]
        self.assertIn(words, halts[-1])
        cause = re.search(r" status=(\w+)", halts[-1])[1]
        self.assertEqual(self.place.call("GET", "/healthz").json["parts"]["trail"], {"ready": False, "reason": "halted", "cause": cause})
        alarm = self.alarm("trail.halted")
        self.assertEqual((alarm["object_type"], alarm["object_id"], alarm["concerns"], alarm["facts"]["reason"]),
                         ("trail", "log", ["auditor", "operator"], cause))
        self.assertIn(words.replace(" ", "_"), alarm["facts"]["where"] + ":" + alarm["facts"].get("detail", ""))
        refused = self.place.propose(1)
        self.assertProblem(refused, 503, "halted", "trail")
        self.assertIn(cause, refused.json["detail"])
        self.assertHaltIsTold(cause, alarm["since"])

    def assertHaltIsTold(self, cause, since):
        """Reads go on, and none of them looks like one of a trail that goes on; who waits for a proof is not told to wait."""
        place = self.place
        read = place.call("GET", "/v1/wallets")
        self.assertEqual(read.status, 200)
        self.assertTrue(read.headers["Trail-Halted"].startswith(f"{cause} since {since}: "), read.headers["Trail-Halted"])
        self.assertIsNone(place.call("GET", "/healthz").headers["Trail-Halted"], "where, nobody learns without a token")
        for path in ("/v1/audit/checkpoint", "/v1/audit/proof/inclusion?seq=0", "/v1/audit/proof/consistency?from=1&to=2"):
            reply = place.call("GET", path, person="auditor-1")  # given where what is stored still proves it
            self.assertEqual(reply.headers["Trail-Halted"], read.headers["Trail-Halted"])
            if reply.status != 200:
                self.assertIn((reply.status, reply.json["code"], reply.json["field"]), ((503, "halted", "trail"), (503, "corrupt", "trail")), path)
        done = place.custody("audit", "count", person="auditor-1", check=False)
        self.assertEqual((done.returncode, f"people must decide: trail: {cause} since {since}" in done.stderr), (1, True), done)
        self.assertIn("docs/incident.md", done.stderr)

    def alarm(self, code):
        """The one alarm of this code that whoever asks is shown now."""
        alarms = [row for row in self.place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == code]
        self.assertEqual(len(alarms), 1, alarms)
        return alarms[0]

    def changed(self, seq):
        return self.leaves()[seq].replace(b'"actor":"operator-1"', b'"actor":"operator-2"')

    def test_update_of_the_bytes(self):
        self.write(self.entry, self.changed(self.entry))
        self.assertHalted(f"entry {self.entry} was changed")
        self.assertTampered(self.entry)

    def test_update_of_bytes_and_hash(self):
        self.write(self.entry, self.changed(self.entry), "lh")
        self.assertHalted(f"entry {self.entry + 1} was changed")
        self.assertTampered(self.entry)

    def test_update_of_the_first_entry(self):
        """Beyond the entries that a start looks at byte by byte, only who checks the whole trail sees it."""
        self.write(0, self.leaves()[0].replace(b'"outcome":"ok"', b'"outcome":"no"'))
        if self.size > 256:
            self.place.start()
            self.assertTampered(0)
            self.place.kill("custodyd")
            self.place.psql("UPDATE audit.leaf AS l SET raw = k.raw FROM public.kept_leaf AS k WHERE l.seq = k.seq AND l.seq = 0")
            self.place.keep_trail()
        else:
            self.assertHalted("entry 0 was changed")
            self.assertTampered(0)

    def test_update_of_a_column_only(self):
        """What officers see in SQL is a projection of the signed bytes. The service reads the bytes and goes on; each column that was
        changed is named."""
        changes = {"actor": "'nobody'", "act": "'withdrawal.reject'", "outcome": "'deny'", "ord": "7", "oid": "'x'", "otype": "'medium'",
                   "ts": "ts - interval '1 day'", "corr": "gen_random_uuid()", "amount": "amount + 1", "asset": "repeat('0', 64)",
                   "destination": "NULL", "key": "repeat('0', 64)", "version": "version + 1", "wallet": "'cold'"}
        self.place.start()
        for column, value in changes.items():
            with self.subTest(column=column):
                self.place.psql(f"UPDATE audit.leaf SET {column} = {value} WHERE seq = {self.entry}")
                status, said = self.place.verify("trail", self.place.export_trail())
                self.assertEqual(status, 1, said)
                self.assertIn(f"entry {self.entry}: the column {column} was changed", said)
                self.place.psql(f"""UPDATE audit.leaf AS l SET {column} = k.{column} FROM public.kept_leaf AS k
                    WHERE l.seq = k.seq AND l.seq = {self.entry}""")
        self.assertProven("trail", self.place.export_trail())
        self.place.kill("custodyd")
        self.place.keep_trail()  # the service wrote entries of its own meanwhile

    def test_update_while_the_service_runs(self):
        self.place.start()
        before = self.place.value(f"SELECT encode(raw, 'hex') FROM audit.leaf WHERE seq = {self.entry}")
        self.write(self.entry, self.changed(self.entry), "lh")
        self.assertTampered(self.entry)
        width = min(self.size - self.entry // 256 * 256, 256)
        path = f"/audit/tile/entries/{self.entry // 256:03}" + (f".p/{width}" if width < 256 else "")
        self.assertProblem(self.place.call("GET", path, person="auditor-1"), 503, "corrupt", "trail")
        alarm = self.alarm("trail.corrupt")
        self.assertEqual((alarm["concerns"], alarm["facts"]), (["auditor", "operator"], {"reason": "corrupt", "entry": str(self.entry)}))
        strongroom.eventually(lambda: int(self.place.value("SELECT count(*) FROM audit.leaf WHERE act = 'trail.corrupt'")) > 0, "the trail has it too")
        self.write(self.entry, bytes.fromhex(before), "lh")
        self.place.kill("custodyd")
        self.place.keep_trail()

    def test_delete(self):
        self.place.psql(f"DELETE FROM audit.leaf WHERE seq = {self.entry}")
        self.assertHalted(f"entry {self.entry} is missing")
        self.assertTampered(self.entry)

    def test_delete_and_close_the_gap(self):
        leaves = self.leaves()
        del leaves[self.entry]
        self.rewrite(leaves, self.entry)
        self.assertHalted("audit.checkpoint")
        self.assertTamperedConsistently()

    def test_insert_at_the_end(self):
        lines = self.leaves()[-1].split(b"\n")
        lines[2], lines[3] = str(self.size).encode(), tlog.leaf_hash(self.leaves()[-1]).hex().encode()
        raw = b"\n".join(lines)
        self.insert(self.size, raw)
        self.assertHalted("entries stand beyond the head row")
        self.assertTampered(self.size)

    def test_insert_in_the_middle(self):
        leaves = self.leaves()
        leaves.insert(self.entry, leaves[self.entry])
        self.rewrite(leaves, self.entry)
        self.assertHalted("audit.checkpoint")
        self.assertTampered(self.entry + 1)

    def test_swap(self):
        leaves = self.leaves()
        one, other = self.entry, self.entry + 1
        self.write(one, leaves[other], "lh")
        self.write(other, leaves[one], "lh")
        self.assertHalted(f"entry {one} was changed")
        self.assertTampered(one)

    def insert(self, seq, raw):
        """With all columns, as the service would fill them."""
        event = json.loads(raw.split(b"\n")[4])
        columns = {"seq": seq, "lh": f"\\x{tlog.leaf_hash(raw).hex()}", "raw": f"\\x{raw.hex()}", "ord": event.get("on"),
                   **{name: event.get(name) for name in ("ts", "actor", "act", "otype", "oid", "outcome", "corr")},
                   **{name: value for name, value in event.get("facts", {}).items()
                      if name in FACTS and re.fullmatch(FACTS[name], value)}}
        if event.get("otype") == "key":
            columns["key"] = event["oid"]
        present = {name: f"'{value}'" for name, value in columns.items() if value is not None}
        self.place.psql(f"INSERT INTO audit.leaf ({', '.join(present)}) VALUES ({', '.join(present.values())})")

    def rewrite(self, leaves, first):
        """The whole trail from an entry on, consistently: numbers, links, hashes, columns, head row."""
        for seq in range(first, len(leaves)):
            lines = leaves[seq].split(b"\n")
            lines[2] = str(seq).encode()
            leaves[seq] = b"\n".join(lines)
        leaves = self.relink(leaves, first)
        self.place.psql(f"DELETE FROM audit.leaf WHERE seq >= {first}")
        for seq in range(first, len(leaves)):
            self.insert(seq, leaves[seq])
        self.write_head(leaves)
        return leaves

    def test_everything_computed_anew(self):
        """Nothing in the database contradicts anything else, but for the signatures."""
        leaves = self.leaves()
        leaves[self.entry] = self.changed(self.entry)
        self.rewrite(leaves, self.entry)
        self.assertHalted("are not those that were signed")
        self.assertTamperedConsistently()
        said = self.place.verify("trail", self.place.export_trail())[1]
        self.assertRegex(said, r"\Atampered: the entries do not have the root that the checkpoint signs[^\n]*\n\Z")  # and no more

    def test_everything_computed_anew_and_younger_checkpoints_deleted(self):
        """The attacker deletes what contradicts. The signer remembers, and so does who kept a checkpoint."""
        leaves = self.leaves()
        leaves[self.entry] = self.changed(self.entry)
        self.rewrite(leaves, self.entry)
        self.place.psql(f"DELETE FROM audit.checkpoint WHERE size > {self.entry}")
        self.assertHalted("are not those that the signer has signed")
        self.assertCut()

    def test_tail_cut(self):
        self.place.psql(f"DELETE FROM audit.leaf WHERE seq >= {self.size - 3}")
        self.assertHalted("its end was cut off")
        self.assertTampered(self.size - 3)

    def test_tail_cut_and_the_head_with_it(self):
        self.place.psql(f"DELETE FROM audit.leaf WHERE seq >= {self.size - 3}")
        self.write_head(self.leaves())
        self.assertHalted("a checkpoint of")
        self.assertTampered(self.size - 3)

    def test_tail_cut_without_a_trace(self):
        """A true earlier state of the trail: only memory outside the database tells."""
        size = int(self.place.value(f"SELECT max(size) FROM audit.checkpoint WHERE size < {self.size - 2}"))
        self.place.psql(f"DELETE FROM audit.leaf WHERE seq >= {size}; DELETE FROM audit.checkpoint WHERE size > {size}")
        self.write_head(self.leaves())
        self.assertHalted("the signer has signed")
        self.assertCut()
        self.assertEqual(self.old_backup("--max-age", "60"), 2)  # who kept nothing sees its age

    def old_backup(self, *options):
        """Somebody is shown the trail as it is in the database, an hour after its last entry."""
        export = self.place.export_trail()
        last = json.loads(export.read_text().splitlines()[-2])["ts"]
        hour = f"{int(last[11:13]) + 1:02}"
        now = f"{last[:11]}{hour}{last[13:]}" if hour != "24" else f"{last[:4]}-12-31T23:59:59.999999Z"
        status, said = self.place.verify("trail", *options, "--now", now, export)
        self.assertIn(f"the last entry is of {last}", said)
        return status

    def test_a_checkpoint_replaced(self):
        for note, words in ((b"x", "is not a checkpoint"), (self.kept.read_bytes().replace(b"\n\n", b"\nmore\n\n"), "is not a checkpoint"),
                            (self.forged_note(), "has a bad signature line")):
            with self.subTest(note=note[:20]):
                self.place.psql(f"""UPDATE audit.checkpoint SET note = '\\x{note.hex()}'
                    WHERE size = (SELECT max(size) FROM audit.checkpoint)""")
                self.assertHalted("is not what the log key signed")
                self.assertEqual(self.place.verify("trail", self.place.export_trail()), (1, f"tampered: the checkpoint: {words}\n"))
                self.put_back()

    def forged_note(self):
        """Signed by another key under the same name."""
        text, _, line = self.kept.read_bytes().rpartition(b"\n\n")
        dash, name, packed = line.rstrip(b"\n").split(b" ")
        forged = base64.b64encode(base64.b64decode(packed)[:4] + b"\1" * 64)
        return text + b"\n\n" + b" ".join((dash, name, forged)) + b"\n"


class Backup(strongroom.Case):
    def test_an_old_backup_of_the_database(self):
        """The whole cluster of yesterday is put in place of today's. The signer has signed more than it knows."""
        place = self.place
        place.withdraw()
        data = (place.dir / "postgresql").resolve() / "data"
        old, new = data.with_name("old"), data.with_name("new")
        place.stop()
        place.postgres("stop", "-m", "fast")
        subprocess.run(["cp", "-a", data, old], check=True)
        place.postgres_start()
        place.start()
        done = place.withdraw()
        kept = place.dir / "kept.checkpoint"
        kept.write_bytes(place.call("GET", "/v1/audit/checkpoint").bytes)
        entry = place.history(done["id"])[0]["seq"]
        receipt = place.dir / "kept.receipt"
        receipt.write_bytes(place.call("GET", f"/v1/audit/proof/inclusion?seq={entry}", person="auditor-1").bytes)
        for name in strongroom.DAEMONS:
            place.kill(name)
        place.postgres("stop", "-m", "fast")
        data.rename(new)
        old.rename(data)
        place.postgres_start()
        place.start_halted("trail")
        self.assertIn("status=rollback", place.log("custodyd"))
        self.assertEqual(place.propose(1).status, 503)
        self.assertEqual(place.call("GET", f"/v1/withdrawals/{done['id']}").status, 404)
        status, said = place.verify("trail", place.export_trail(), kept, receipt)
        self.assertEqual((status, "the tail was cut" in said), (2, True), said)
        self.assertIn(f"incomplete: entry {entry}: is not here, and {receipt} was given for it\n", said)
        place.kill("custodyd")
        place.postgres("stop", "-m", "fast")
        shutil.rmtree(data)
        new.rename(data)
        place.postgres_start()
        place.start()
        self.assertEqual(place.read(done["id"])["state"], "confirmed")
        self.assertHonestWorkGoesOn()
        self.assertProven("trail", place.export_trail())


class Clones(strongroom.Case):
    def test_two_live_clones(self):
        """Database and guard of the log are put back together, and it lives on: one key, two histories. Nothing of the second one is
        wrong in itself; whoever was given something of the first one has the proof."""
        place = self.place
        data = (place.dir / "postgresql").resolve() / "data"
        guard = place.dir / "guards/audit/data.mdb"
        old, new, memory = data.with_name("old"), data.with_name("new"), place.dir / "audit.mdb"
        place.propose(1)
        self.stop()
        subprocess.run(["cp", "-a", data, old], check=True)
        shutil.copyfile(guard, memory)
        self.start()
        receipt = place.dir / "kept.receipt"
        receipt.write_bytes(base64.b64decode(place.patiently(lambda: place.propose(2, key="kept")).json["receipt"], validate=True))
        kept = place.dir / "kept.checkpoint"
        kept.write_bytes(place.call("GET", "/v1/audit/checkpoint").bytes)
        first = place.export_trail().rename(place.dir / "first.jsonl")
        size = self.size_of(kept)
        self.stop()
        data.rename(new)
        old.rename(data)
        with memory.open("rb") as source, guard.open("r+b") as target:  # the same file: the guard is where it was made
            shutil.copyfileobj(source, target)
        self.start()
        later = place.dir / "later.checkpoint"
        while not later.exists() or self.size_of(later) <= size:
            place.propose(3)
            later.write_bytes(place.call("GET", "/v1/audit/checkpoint").bytes)
        clone = place.export_trail()
        for export in (first, clone):
            self.assertProven("trail", export)
        for what in (kept, receipt):
            status, said = place.verify("trail", clone, what)
            self.assertEqual(status, 1, said)
            self.assertRegex(said, "two histories: the log key signed [0-9]+ entries that are all here, and .*/" + what.name)
        proof = place.dir / "proof.json"
        proof.write_bytes(place.call("GET", f"/v1/audit/proof/consistency?from={size}&to={self.size_of(later)}").bytes)
        status, said = place.verify("consistency", kept, later, proof)
        self.assertEqual(status, 1, said)
        self.assertIn("there are two histories", said)
        index = int(receipt.read_text().split("\n")[1].removeprefix("index "))
        status, said = place.verify("receipt", receipt, clone)
        self.assertEqual(status, 1, said)
        self.assertIn(f"entry {index}: is not the one that", said)

    @staticmethod
    def size_of(note):
        return int(note.read_text().split("\n")[1])

    def stop(self):
        self.place.stop()
        self.place.postgres("stop", "-m", "fast")

    def start(self):
        self.place.postgres_start()
        self.place.start()


class Pending(strongroom.Case):
    def test_a_row_deleted_before_it_was_sequenced(self):
        """The service died between the commit of a proposal and its entry; the attacker takes the row that was to become the
        entry. Nobody has a receipt yet. Whatever is done with that withdrawal later has a history without a beginning."""
        place = self.place
        self.assertProven("trail", place.export_trail())
        place.kill("custodyd")
        place.configure("custodyd", trail_timeout=1000)  # who waits in vain for a proof shall learn it soon
        place.start()
        logins = "SELECT count(*) FROM audit.leaf WHERE act = 'login.ok'"
        before = place.psql(logins)
        self.assertEqual(place.call("GET", "/v1/wallets").status, 200)
        strongroom.eventually(lambda: place.psql(logins) != before, "the login is told")
        with subprocess.Popen(["psql", "-XAtqd", place.environment["STRONGROOM_DB"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as holder:
            holder.stdin.write("BEGIN; LOCK TABLE audit.leaf IN SHARE MODE; SELECT 'held';\n")  # the sequencer waits
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), "held\n")
            self.assertProblem(place.propose(5, key="lost"), 503, "not_ready")
            place.kill("custodyd")
            place.psql("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = 'strongroom_sequencer'")
            lost = [json.loads(row[0]) for row in place.psql("DELETE FROM audit.pending RETURNING convert_from(evt, 'UTF8')")]
            holder.stdin.close()
        (event,) = [event for event in lost if event["act"] == "withdrawal.request"]
        place.start()
        self.assertProblem(place.propose(5, key="lost"), 503, "not_ready")  # there is nothing that could prove it
        row = place.read(event["oid"])
        self.assertProblem(place.decide(row, "approver-1"), 503, "not_ready", "trail")  # nobody decides about what it does not tell
        document = place.approval(row, "approver-1", "reject")
        self.assertEqual(place.patiently(lambda: place.decide(row, "approver-1", "reject", document=document)).status, 200)
        self.assertEqual(place.read(row["id"])["state"], "rejected")
        first = place.history_to(row["id"], "withdrawal.reject")[0]
        status, said = place.verify("trail", place.export_trail())
        self.assertEqual(status, 1, said)
        self.assertIn(f"entry {first['seq']}: ordinal 2 of withdrawal {row['id']}, but 1 is due", said)

    def test_a_row_deleted_while_the_service_goes_on(self):
        """By a trigger that leaves no row behind. The withdrawal is never touched again, so only the numbers of the service tell: with its next
        heartbeat, which says below which number everything is there."""
        place = self.place
        place.kill("custodyd")
        place.configure("custodyd", trail_timeout=1000)
        place.start()
        place.psql("""
            CREATE TABLE public.lost (evt bytea);
            CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                IF position('"act":"withdrawal.request"'::bytea IN NEW.evt) > 0 THEN
                    DELETE FROM audit.pending WHERE pid = NEW.pid;
                    INSERT INTO public.lost VALUES (NEW.evt);
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER lose AFTER INSERT ON audit.pending FOR EACH ROW EXECUTE FUNCTION public.lose()""")
        self.assertProblem(place.propose(6, key="gone"), 503, "not_ready")
        place.psql("DROP TRIGGER lose ON audit.pending; DROP FUNCTION public.lose()")
        [event] = [json.loads(row[0]) for row in place.psql("SELECT convert_from(evt, 'UTF8') FROM public.lost")]
        place.psql("DROP TABLE public.lost")

        def heartbeat():
            rows = [(entry["seq"], self.event(entry)) for entry in self.entries("service.heartbeat")]
            return [seq for seq, beat in rows if beat["pr"] == event["pr"] and int(beat["facts"]["settled"]) > int(event["pn"])]

        found = strongroom.eventually(heartbeat, "a heartbeat comes after it")
        status, said = place.verify("trail", place.export_trail())
        self.assertEqual(status, 1, said)
        self.assertIn(f"entry {min(found)}: its producer's number {event['pn']} is missing: an entry was deleted before it (1 in all)", said)


if __name__ == "__main__":
    unittest.main()
