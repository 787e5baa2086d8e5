#!/usr/bin/env python3
"""custody-verify receipt, consistency, extract, and trail against what was kept: the real program on trails made with the audit room.

Proofs are made here, from the definitions of RFC 9162 section 2.1. Trails of one seed begin alike; those of another seed, signed by the same
key, are what a clone of the log goes on with.
"""

import base64
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
import tlog  # noqa: E402
from world import Log, Witness, canonical  # noqa: E402

PROGRAM = os.environ["CUSTODY_VERIFY"]
WRITE = os.environ["VERIFY_TRAIL_WRITE"]
VKEY = "custody.example/audit/v1+86dba938+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
SIZES = (1, 2, 3, 7, 8, 13, 64)
PARTITION = 1 << 20  # of the database


def root_of(hashes):
    if len(hashes) == 1:
        return hashes[0]
    half = split(len(hashes))
    return tlog.node_hash(root_of(hashes[:half]), root_of(hashes[half:]))


def split(size):
    """The largest power of two below."""
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def inclusion(index, hashes):
    if len(hashes) == 1:
        return []
    half = split(len(hashes))
    if index < half:
        return inclusion(index, hashes[:half]) + [root_of(hashes[half:])]
    return inclusion(index - half, hashes[half:]) + [root_of(hashes[:half])]


def consistency(size, hashes, whole=True):
    if size == len(hashes):
        return [] if whole else [root_of(hashes)]
    half = split(len(hashes))
    if size <= half:
        return consistency(size, hashes[:half], whole) + [root_of(hashes[half:])]
    return consistency(size - half, hashes[half:], False) + [root_of(hashes[:half])]


class Export:
    """A trail as the service exports it."""

    def __init__(self, count, seed=1):
        self.text = subprocess.run([WRITE, str(count), str(seed)], stdout=subprocess.PIPE, check=True).stdout.decode()
        lines = [json.loads(line) for line in self.text.splitlines()]
        self.rows = lines[1:-1]
        self.note = base64.b64decode(lines[-1]["checkpoint"])
        self.raw = [base64.b64decode(row["raw"]) for row in self.rows]
        self.hashes = [bytes.fromhex(row["lh"]) for row in self.rows]
        self.left = None  # the root of a partition before them

    def receipt(self, index, extra=""):
        path = "".join(base64.b64encode(hash_).decode() + "\n" for hash_ in inclusion(index, self.hashes))
        return f"c2sp.org/tlog-proof@v1\n{extra}index {index}\n{path}\n".encode() + self.note

    def proof(self, size):
        return {"from": size, "to": len(self.rows), "proof": [hash_.hex() for hash_ in consistency(size, self.hashes)]}

    def extract(self, numbers, query=None):
        left = [] if self.left is None else [self.left]
        rows = [{**self.rows[n], "proof": [hash_.hex() for hash_ in inclusion(n, self.hashes) + left]} for n in numbers]
        head = {"format": "strongroom-trail-extract/v1", "origin": VKEY.split("+", maxsplit=1)[0], "query": query or {"actor": "approver-1"},
                "size": len(self.rows) + PARTITION * len(left)}
        return [head, *rows, {"checkpoint": base64.b64encode(self.note).decode()}]


class Case(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.trust = self.write("trust", canonical({"chain": "0" * 64, "log": VKEY, "policy": "0" * 64}))

    def write(self, name, content):
        path = os.path.join(self.place, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def expect(self, status, words, command, *arguments, stdin=""):
        done = subprocess.run([PROGRAM, command, "--trust", self.trust, *arguments], input=stdin, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        self.assertIn(words, said)
        return said


class Receipts(Case):
    def test_each_entry_of_small_trails(self):
        for size in SIZES:
            export = Export(size)
            path = self.write("export", export.text)
            for index in {0, size // 2, size - 1}:
                with self.subTest(f"{index} of {size}"):
                    receipt = self.write("receipt", export.receipt(index))
                    entry = self.write("entry", export.raw[index])
                    self.expect(2, f"signed {size} entries; that it is of entry {index}, --entry or an export shows", "receipt", receipt)
                    self.expect(0, f"for entry {index} of {size}\n", "receipt", "--entry", entry, receipt)
                    self.expect(0, f"for entry {index} of {size}\n", "receipt", "--entry", entry, receipt, path)
                    event = json.loads(export.raw[index].split(b"\n")[4])
                    about = f" {event['otype']} {event['oid']}" if "oid" in event else ""
                    says = f": is entry {index}: {event['ts']} {event['actor']} {event['act']} {event['outcome']}{about}\n"
                    self.expect(0, f"checked: {entry}{says}", "receipt", "--entry", entry, receipt)
                    self.expect(0, f"checked: {receipt}{says}", "receipt", receipt, path)
                    self.expect(0, f"checked: {receipt}{says}", "trail", path, receipt)
                    if size > 1:
                        other = self.write("entry", export.raw[index - 1 if index else 1])
                        self.expect(1, f"is not the entry {index} that", "receipt", "--entry", other, receipt)

    def test_what_is_no_receipt(self):
        export = Export(33)
        good = export.receipt(20).decode()
        lines = good.split("\n")
        other = Export(33, seed=2)
        entry = self.write("entry", export.raw[20])
        cases = {
            "a hash less": "\n".join(lines[:2] + lines[3:]), "a hash more": "\n".join(lines[:3] + lines[2:]),
            "another number": good.replace("index 20", "index 32"), "beyond": good.replace("index 20", "index 33"),
            "a zero": good.replace("index 20", "index 020"), "no number": good.replace("index 20\n", ""),
            "a line too much": good.replace("index 20", "more\nindex 20"),
            "a hash cut": good.replace(lines[2], lines[2][:40]), "header": good.replace("@v1", "@v2"),
            "note": good.replace("33\n", "34\n"),
        }
        for title, text in cases.items():
            with self.subTest(title):
                self.expect(1, "receipt", "receipt", self.write("receipt", text))
                self.expect(1, "receipt", "trail", self.write("export", export.text), self.write("receipt", text))
        forged = self.write("receipt", good.replace(lines[2], base64.b64encode(bytes(32)).decode()))
        self.expect(1, "is not the entry 20 that", "receipt", "--entry", entry, forged)
        for status, files in ((2, [forged]), (1, [forged, self.write("export", export.text)])):  # which needs no key
            self.assertNotIn("proven", self.expect(status, "entry 20", "receipt", *files))
        clone = self.write("receipt", other.receipt(20))
        self.expect(1, "is not the entry 20 that", "receipt", "--entry", entry, clone)
        self.expect(0, "proven", "receipt", "--entry", entry, self.write("receipt", export.receipt(20, "extra YQ==\n")))
        self.expect(3, "is a checkpoint, not a receipt", "receipt", self.write("receipt", export.note))
        self.expect(2, "custody-verify: cannot open /nonexistent: No such file or directory", "receipt", "/nonexistent")
        self.expect(2, "cannot open /nonexistent: No such file or directory", "receipt", "--entry", "/nonexistent", self.write("receipt", good))
        self.expect(1, "not of the form of an entry", "receipt", "--entry", self.write("entry", b"x"), self.write("receipt", good))

    def test_against_the_trail(self):
        """What a client kept finds the log out: rewritten, cut, two of them."""
        export, older, clone = Export(64), Export(33), Export(64, seed=2)
        trail = self.write("export", export.text)
        kept = self.write("kept", export.receipt(20))
        self.expect(0, "proven", "receipt", kept, trail)
        self.expect(0, "1 held checkpoint extended", "trail", trail, self.write("old", older.receipt(20)))
        self.expect(2, "kept was signed for 64: the tail was cut, or the export is older: export again", "trail", self.write("backup", older.text), kept)
        self.expect(2, "kept was signed for 64: the tail was cut, or the export is older", "receipt", kept, self.write("backup", older.text))
        lost = self.write("lost", export.receipt(33))  # the first one that is not there any more
        for words in (("trail", self.write("backup", older.text), lost), ("receipt", lost, self.write("backup", older.text))):
            self.expect(2, f"incomplete: entry 33: is not here, and {lost} was given for it", *words)
        self.assertNotIn("is not here", self.expect(2, "the tail was cut", "trail", self.write("backup", older.text), self.write("kept", export.receipt(32))))
        for what in (self.write("kept", clone.receipt(20)), self.write("kept", clone.note)):
            self.expect(1, "the first 64 entries are not those that the checkpoint", "trail", trail, what)
            self.expect(1, "kept was signed for: one from entry 0 on differs", "trail", trail, what)
            self.expect(1, "kept was signed for: one from entry 33 on differs", "trail", trail, what, self.write("old", older.note))
            self.expect(1, "two histories: the log key signed 64 entries that are all here, and", "trail", trail, what)
        self.expect(1, "entry 20: is not the one that", "trail", trail, self.write("kept", clone.receipt(20)))
        self.expect(1, "the first 33 entries are not those", "trail", trail, self.write("kept", Export(33, seed=2).note))
        forged = export.receipt(20).decode().split("\n")
        forged[2] = base64.b64encode(bytes(32)).decode()
        for path in (trail, self.write("later", Export(65).text)):  # whoever has a checkpoint can write this, and accuses nobody
            self.expect(1, "kept: was altered: the entries are as they were signed", "trail", path, self.write("kept", "\n".join(forged)))
        for path, kept in ((trail, clone.receipt(20)), (self.write("backup", older.text), "\n".join(forged))):
            said = self.expect(1, "entry 20: is not the one that", "trail", path, self.write("kept", kept))
            self.assertNotIn("was altered", said)

    def test_two_kept_checkpoints_of_one_size(self):
        one, other = self.write("one", Export(33).note), self.write("other", Export(33, seed=2).note)
        self.expect(1, "are both signed for 33 entries, with different roots", "trail", self.write("export", Export(64).text), one, other)
        self.expect(1, "are both signed for 33 entries, with different roots", "consistency", one, other,
                    self.write("proof", canonical({"from": 33, "proof": [], "to": 33})))


class Consistency(Case):
    def test_each_pair_of_sizes(self):
        exports = [Export(size) for size in SIZES]
        for new in exports:
            later = self.write("new", new.note)
            for old in exports:
                if len(old.rows) > len(new.rows):
                    continue
                before, proof = self.write("old", old.note), new.proof(len(old.rows))
                with self.subTest(f"{len(old.rows)} of {len(new.rows)}"):
                    self.expect(0, "proven: the first", "consistency", before, later, self.write("proof", json.dumps(proof)))
                    for i in range(len(proof["proof"])):
                        bad = proof["proof"].copy()
                        bad[i] = "00" * 32
                        self.expect(1, "does not lead from", "consistency", before, later, self.write("proof", json.dumps({**proof, "proof": bad})))
                    for bad in (proof["proof"][:-1], proof["proof"] + ["00" * 32]):
                        if bad != proof["proof"]:
                            self.expect(1, "does not lead", "consistency", before, later, self.write("proof", json.dumps({**proof, "proof": bad})))

    def test_another_history(self):
        old, new, clone = Export(33), Export(64), Export(33, seed=2)
        later, proof = self.write("new", new.note), self.write("proof", json.dumps(new.proof(33)))
        self.expect(0, "proven", "consistency", self.write("old", old.receipt(3)), self.write("newer", new.receipt(60)), proof)
        self.expect(1, "two histories", "consistency", self.write("old", clone.note), later, proof)
        self.expect(2, "is from 33 to 64", "consistency", self.write("old", Export(32).note), later, proof)
        self.expect(2, "is not a consistency proof", "consistency", self.write("old", old.note), later, self.write("x", "{}"))
        trail = self.write("export", new.text)
        self.expect(0, "2 held checkpoints extended", "consistency", self.write("old", old.note), later, trail)
        self.expect(1, "the first 33 entries are not those", "consistency", self.write("old", clone.note), later, trail)

    def test_of_two_logs(self):
        """Of the log that ended and of the one that follows it: neither a proof nor a forgery, whatever the service answered and signed."""
        origin, old = VKEY.split("+", maxsplit=1)[0], Export(33)
        after = Log(origin + "/e2")
        self.trust = self.write("ended", canonical({"chain": "0" * 64, "forks": [f"33 {root_of(old.hashes).hex()} {'1' * 64} {after.vkey}"],
                                                    "log": VKEY, "policy": "0" * 64}))
        before = self.write("old", old.note)
        for seed, size in ((1, 64), (2, 64), (1, 33), (2, 33)):  # 1: as the log before began
            other = Export(size, seed)
            later = self.write("new", after.note(size, root_of(other.hashes)))
            with self.subTest(seed=seed, size=size):
                self.expect(2, f"{before} is of the log {origin}, {later} of {origin}/e2: no proof leads from one log to another", "consistency",
                            before, later, self.write("proof", json.dumps(other.proof(33))))
        self.expect(0, "proven: the first 20 entries of the 33", "consistency", self.write("older", Export(20).note), before,
                    self.write("proof", json.dumps(old.proof(20))))

    def test_through_a_pipe(self):
        """What is read twice has nothing more the second time. The export is longer than any buffer."""
        new, old = Export(3000), self.write("old", Export(33).note)
        later = self.write("new", new.note)
        self.expect(0, "2 held checkpoints extended", "consistency", old, later, "-", stdin=new.text)
        self.expect(0, "proven: the first 33 entries of the 3000", "consistency", old, later, "-", stdin=json.dumps(new.proof(33), indent=1))
        self.expect(1, "does not lead from", "consistency", old, later, "-", stdin=json.dumps({**new.proof(33), "proof": []}))
        self.expect(2, "is not a consistency proof", "consistency", old, later, "-")
        self.expect(2, "/nonexistent: No such file or directory", "consistency", old, later, "/nonexistent")


class Ended(Case):
    """A log that the quorum ended: what cannot be held against the root of the order is incomplete, for whoever has the key can have made it since."""

    def ended(self, size, root):
        next_log = Log(VKEY.split("+", maxsplit=1)[0] + "/e2").vkey
        self.trust = self.write("ended", canonical({"chain": "0" * 64, "forks": [f"{size} {root.hex()} {'1' * 64} {next_log}"], "log": VKEY,
                                                    "policy": "0" * 64}))

    def test_what_is_said_of_each_file(self):
        export = Export(33)
        receipt, note, proof = self.write("receipt", export.receipt(2)), self.write("note", export.note), self.write("proof", json.dumps(export.proof(20)))
        entry = self.write("entry", export.raw[2])
        extract = self.write("extract", "".join(canonical(line) + "\n" for line in export.extract((2, 3))))
        good, before, other = root_of(export.hashes), root_of(export.hashes[:20]), root_of(Export(33, seed=2).hashes)
        files = (("receipt", "--entry", entry, receipt), ("extract", extract), ("consistency", self.write("old", Export(20).note), note, proof),
                 ("trail", self.write("export", export.text)))
        cases = ((34, other, 0, "proven"), (33, good, 0, "proven"),
                 (33, other, 1, "the quorum ended this log at 33 entries with another root"),
                 (32, other, 2, "is of 33 entries, the quorum ended this log at 32 entries"),
                 (20, before, 2, "is of 33 entries, the quorum ended this log at 20 entries"))
        for size, root, status, words in cases:
            self.ended(size, root)
            for command in files:
                with self.subTest(f"{command[0]}, ended at {size}: {words}"):
                    self.expect(status, words, *command)
        self.ended(20, other)
        self.expect(1, "old: the quorum ended this log at 20 entries with another root", *files[2])


class Extracts(Case):
    EXPORT = Export(65)

    def extract(self, *numbers):
        return self.EXPORT.extract(numbers)

    def judge(self, status, words, lines):
        self.expect(status, words, "extract", self.write("extract", "".join(canonical(line) + "\n" for line in lines)))

    def test_good_ones(self):
        self.judge(0, 'proven: 3 entries are among the 65 of custody.example/audit/v1, and answer {"actor":"approver-1"}', self.extract(0, 7, 64))
        self.judge(0, "proven: 3 entries", self.extract(64, 7, 0))
        self.judge(0, "proven: 0 entries", self.extract())

    def test_through_a_pipe(self):
        lines = "".join(canonical(line) + "\n" for line in self.extract(3, 20, 40))
        self.expect(0, "proven: 3 entries", "extract", "-", stdin=lines)
        self.expect(0, "proven: 3 entries", "extract", "/dev/stdin", stdin=lines)
        for path in ("-", "/dev/stdin"):
            self.expect(1, "entry 20: the column actor was changed", "extract", path, stdin=lines.replace('"seq":20,', '"seq":20,', 1).replace(
                canonical(self.EXPORT.rows[20]["actor"]), '"mallory"'))

    def asked(self, query, *numbers):
        return self.EXPORT.extract(numbers, query)

    def test_what_was_asked_for(self):
        """The head is signed by nobody: each row is held against it. Row 16 tells facts (trail_maker.c), row 17 none."""
        row = self.EXPORT.rows[16]
        meets = [{name: row[name]} for name in ("act", "actor", "asset", "corr", "destination", "oid", "otype", "outcome", "wallet") if name in row]
        self.assertGreaterEqual(len(meets), 7)
        meets += [{"version": "7"}, {"order": "oldest"}, {"from": row["ts"]}, {"to": "2999-01-01T00:00:00.000000Z"}]
        meets += [{"amount_min": amount} for amount in ("0", "999", "1250")] + [{"amount_max": amount} for amount in ("1250", "9000", "10000")]
        for query in meets:
            with self.subTest(query):
                self.judge(0, f"and answer {canonical(query)}; not that none is left out", self.asked(query, 16))
        fails = [{"act": "withdrawal.request"}, {"actor": "approver-2"}, {"asset": "0" * 64}, {"corr": "019b0000-0001-7000-8000-0000000000ff"}, {"destination": "sr1other"}, {"oid": "x"},
                 {"otype": "key"}, {"outcome": "intent"}, {"wallet": "cold"}, {"version": "8"}, {"key": "0" * 64}, {"to": row["ts"]},
                 {"from": "2999-01-01T00:00:00.000000Z"}, {"amount_min": "1251"}, {"amount_min": "9000" * 2},
                 {"amount_max": "1249"}, {"amount_max": "999"}, {"act": row["act"], "wallet": "cold"}]
        for query in fails:
            with self.subTest(query):
                self.judge(1, f"entry 16: does not answer the query: {list(query)[-1]}", self.asked(query, 16))
        self.judge(1, "entry 17: does not answer the query: amount_min", self.asked({"amount_min": "0"}, 16, 17))
        self.judge(2, "line 1: nobody here knows the condition mood of its query", self.asked({"mood": "good"}, 16))
        self.judge(1, "line 1: is not the head", self.asked({"version": 7}, 16))
        for name, values in {"from": ("2027", "9", "2027-01-01", "2027-01-01T00:00:00Z", " 2027-01-01T00:00:00.00000Z"),
                             "to": ("2025-01-01T00:00:00.0000000Z", "2026-99-01T00:00:00.000000Z"), "amount_min": ("x",),
                             "amount_max": ("0000009", "0x00009", "9.00000")}.items():
            for value in values:  # compared as they stand, they would say of row 16 what is not so
                with self.subTest(name, value=value):
                    self.judge(2, f"line 1: nobody here knows the condition {name} of its query", self.asked({name: value}, 16))

    def test_an_object(self):
        """Its entries have numbers from 1 without a gap: when it alone is asked for, none can be left out before the last one."""
        export = Export(400)
        objects = [row["oid"] for row in export.rows if row.get("otype") == "withdrawal"]
        query = {"oid": max(sorted(set(objects)), key=objects.count), "otype": "withdrawal"}
        about = [n for n, row in enumerate(export.rows) if row.get("oid") == query["oid"]]
        count = len(about)
        self.assertGreaterEqual(count, 4)

        def asked(query, *numbers):
            return export.extract(numbers, query)

        for words in (query, {**query, "order": "oldest"}):
            self.judge(0, f"proven: {count} entries", asked(words, *about))
            self.judge(0, f"proven: {count} entries", asked(words, *reversed(about)))
            self.judge(0, f"proven: {count - 1} entries", asked(words, *about[:-1]))  # it may have ended there
            for begun in (about[1:], about[1:2], about[:0:-1]):
                self.judge(1, "of the object the first entries are left out", asked(words, *begun))
            self.judge(1, f"entry {about[3]}: is number 4 of the object and not the next one", asked(words, *about[:1], *about[3:]))
            self.judge(1, f"entry {about[0]}: is number 1 of the object and not the next one", asked(words, *reversed(about[:1] + about[3:])))
        last = export.rows[about[-1]]
        for other in ({"act": last["act"]}, {"oid": last["oid"]}, {"otype": last["otype"]}, {**query, "outcome": last["outcome"]}):
            self.judge(0, "proven: 1 entries", asked(other, about[-1]))
        self.judge(0, "proven: 0 entries", asked(query))
        for first in (about[0] + 1, PARTITION):  # nobody can have put so few entries into an archive, nor more than there are
            late = asked(query, *about[1:])
            self.judge(1, "line 1: first is no number of entries that can have left", [{**late[0], "first": first}, *late[1:]])
        log = self.beginning_late(export)
        self.trust = self.write("trust", canonical({"chain": "0" * 64, "log": log.vkey, "policy": "0" * 64}))
        late = asked(query, *about[1:])
        self.judge(1, "of the object the first entries are left out", late)
        late[0]["first"] = PARTITION
        self.judge(0, f"proven: {count - 1} entries", late)
        self.judge(1, f"entry {PARTITION + about[3]}: is number 4 of the object and not the next one", late[:2] + late[3:])

    def beginning_late(self, export):
        """The same entries after a partition of which nothing but the root is known; the log that signs them."""
        log, left = Log(VKEY.split("+", maxsplit=1)[0]), bytes(range(32))
        for n, row in enumerate(export.rows):
            raw = export.raw[n].replace(f"\n{n}\n".encode(), f"\n{PARTITION + n}\n".encode(), 1)
            export.hashes[n] = tlog.leaf_hash(raw)
            row.update(seq=PARTITION + n, raw=base64.b64encode(raw).decode(), lh=export.hashes[n].hex())
        export.left = left
        export.note = log.note(PARTITION + len(export.rows), tlog.node_hash(left, root_of(export.hashes)))
        return log

    def test_numbers_of_an_object_that_were_set_back(self):
        """Two entries have one number: as many rows as the highest number says are not all of them."""
        export, log = Export(400), Log(VKEY.split("+", maxsplit=1)[0])
        objects = [row["oid"] for row in export.rows if row.get("otype") == "withdrawal"]
        query = {"oid": max(sorted(set(objects)), key=objects.count), "otype": "withdrawal"}
        about = [n for n, row in enumerate(export.rows) if row.get("oid") == query["oid"]][:5]
        self.assertEqual([export.rows[n]["ord"] for n in about], [1, 2, 3, 4, 5])
        for n in about[2:]:  # 1, 2, 2, 3, 4: written by the service after it and signed by the log
            row = export.rows[n]
            raw = export.raw[n].replace(f'"on":"{row["ord"]}"'.encode(), f'"on":"{row["ord"] - 1}"'.encode())
            self.assertNotEqual(raw, export.raw[n])
            export.hashes[n] = tlog.leaf_hash(raw)
            row.update(ord=row["ord"] - 1, raw=base64.b64encode(raw).decode(), lh=export.hashes[n].hex())
        export.note = log.note(len(export.rows), root_of(export.hashes))
        self.trust = self.write("trust", canonical({"chain": "0" * 64, "log": log.vkey, "policy": "0" * 64}))
        self.judge(0, "proven: 3 entries", export.extract(about[2:], {"oid": query["oid"]}))
        twice, gap = f"entry {about[2]}: is number 2 of the object and not the next one", f"entry {about[4]}: is number 4 of the object and not"
        for order in (1, -1):
            for rows, words in ((about, twice if order > 0 else f"entry {about[1]}: is number 2 of the object and not the next one"),
                                (about[:3] + about[4:], gap if order > 0 else f"entry {about[2]}: is number 2 of the object and not")):
                with self.subTest(rows=rows, order=order):
                    lines = export.extract(rows[::order], query)
                    self.judge(1, words, lines)
                    self.judge(1, words, [{**lines[0], "first": about[0]}, *lines[1:]])

    def test_tampered_ones(self):
        good = self.extract(3, 20, 40)
        other = Export(65, seed=2).extract((20,))[1]

        def changed(row, **columns):
            return good[:row] + [{**good[row], **columns}] + good[row + 1:]

        cases = {
            "entry 20: the column actor was changed": changed(2, actor="approver-2"),
            "entry 20: is not in the trail": changed(2, proof=good[1]["proof"]),
            "entry 20: is not in the trail that": changed(2, proof=[]),
            "entry 20: is not in": good[:2] + [other] + good[3:],
            "entry 20: is not in the trail that the checkpoint signs": [good[0], other, good[-1]],
            "entry 20: is not in the trail that entry 3 is in": good[:2] + [other] + good[3:],
            "entry 21: its bytes are those of entry 20": changed(2, seq=21),
            "entry 20: the column lh is not the hash": changed(2, lh="0" * 64),
            "entry 20: stands twice": good[:3] + good[2:],
            "entry 3: stands twice or out of order": [good[0], good[2], good[3], good[1], good[4]],
            "line 3: note": changed(2, note="x"),
            "line 1: says 66 entries, the checkpoint 65": changed(0, size=66),
            "line 1: is not the head of a filtered export": changed(0, format="strongroom-trail/v2"),
            "the checkpoint: is not signed by the log key":
                good[:4] + [{"checkpoint": base64.b64encode(self.EXPORT.note.replace(b" custody", b" xustody")).decode()}],
        }
        for words, lines in cases.items():
            with self.subTest(words):
                self.judge(1, words, lines)
        self.judge(2, "ends before its checkpoint", good[:4])
        self.judge(2, "not one filtered export to its end", good + [good[1]])
        self.expect(2, "/nonexistent: could not be read: No such file or directory", "extract", "/nonexistent")
        self.expect(2, "/: could not be read: Is a directory", "extract", "/")
        self.judge(2, "line 1: the export is of the log other, which the trust file does not name", changed(0, origin="other"))

    def test_files_of_another_kind(self):
        """A mistake is told as one, with the command that takes the file."""
        rows = "".join(canonical(line) + "\n" for line in self.extract(3, 20))
        whole, extract = self.write("whole", self.EXPORT.text), self.write("found", rows)
        self.expect(3, "found is a filtered export: custody-verify extract", "trail", extract)
        self.expect(3, "whole is a whole export: custody-verify trail", "extract", whole)
        for command in ("trail", "extract"):
            for words, content in (("compressed: gunzip", gzip.compress(self.EXPORT.text.encode())), ("evidence: custody-verify evidence", '{"approvals":[],'),
                                   ("a table", "seq,ts,actor\r\n"), ("a receipt: custody-verify receipt", self.EXPORT.receipt(3))):
                with self.subTest(words):
                    self.expect(3, f"other is {words}", command, self.write("other", content))

        files = {"a receipt: custody-verify receipt": self.EXPORT.receipt(3), "a checkpoint: custody-verify consistency": self.EXPORT.note,
                 "a whole export: custody-verify trail": self.EXPORT.text, "a filtered export: custody-verify extract": rows,
                 "evidence: custody-verify evidence": '{"approvals":[],'}
        for words, content in files.items():
            other = self.write("other", content)
            for command in ("trail", "extract", "evidence", "receipt"):
                if words.endswith(command) or (command, words[:12]) == ("receipt", "a checkpoint"):
                    continue
                with self.subTest(command, file=words):
                    self.expect(3, f"other is {words}", command, other)
            if not words.startswith(("a receipt", "a checkpoint")):
                with self.subTest("kept", file=words):
                    self.expect(3, f"other is {words}", "trail", whole, other)
                    self.expect(3, f"other is {words}", "consistency", other, other, whole)

    def test_marks_of_another_kind_that_were_put_in_later(self):
        """A file that was altered is not told as a mistake of who asks: what speaks of its kind is its first line."""
        rows = "".join(canonical(line) + "\n" for line in self.extract(3, 20))
        marks = ("\n\n\u2014 x", '"format":"strongroom-trail/v1"', '"format":"strongroom-trail-extract/v1"', '{"approvals":', "\r\n", "seq,",
                 "c2sp.org/tlog-proof@")
        for command, content in (("trail", self.EXPORT.text), ("extract", rows), ("evidence", '{"approvals":[]}\n')):
            for mark in marks:
                with self.subTest(command, mark=mark):
                    place = content.index("\n") + 1
                    self.expect(1, "tampered: ", command, self.write("altered", content[:place] + "{" + mark + content[place:]))
            if command != "evidence":
                lines = content.split("\n")
                with self.subTest(command, mark="in a row"):
                    self.expect(1, "line 4", command, self.write("altered", "\n".join([*lines[:2], lines[2] + marks[0], *lines[3:]])))
        for mark in marks[1:]:
            with self.subTest("receipt", mark=mark):
                receipt = self.EXPORT.receipt(3).decode()
                self.expect(1, "is not ", "receipt", self.write("altered", receipt.replace("\nindex ", f"\n{mark}index ")))

    def test_line_ends_of_another_system(self):
        """A transfer as text adds them to every line; one that was put in elsewhere is an alteration like any other."""
        whole, receipt = self.write("whole", self.EXPORT.text), self.EXPORT.receipt(3)
        rows = "".join(canonical(line) + "\n" for line in self.extract(3, 20)).encode()
        files = {"trail": self.EXPORT.text, "extract": rows, "receipt": receipt, "evidence": b'{"approvals":[]}\n'}
        for command, content in files.items():
            with self.subTest(command):
                content = content if isinstance(content, bytes) else content.encode()
                self.expect(3, "other has CRLF line ends", command, self.write("other", content.replace(b"\n", b"\r\n")))
        self.expect(3, "other has CRLF line ends", "trail", whole, self.write("other", self.EXPORT.note.replace(b"\n", b"\r\n")))
        lines = self.EXPORT.text.split("\n")
        self.expect(1, "line 3", "trail", self.write("other", "\n".join(lines[:2] + [lines[2] + "\r"] + lines[3:])))
        self.expect(1, "is not a checkpoint", "receipt", self.write("other", receipt.replace(b"\n\n", b"\n\n\r", 1)))

    def test_a_receipt_that_broke_off(self):
        """Wherever that was: no proof, and none of an alteration."""
        whole = self.write("whole", self.EXPORT.text)
        for kept, content in (("receipt", self.EXPORT.receipt(3)), ("checkpoint", self.EXPORT.note)):
            breaks = [at + 1 for at, byte in enumerate(content) if byte == 10]
            for place in sorted({*range(0, len(content), 11), *breaks[:-1], *(at - 1 for at in breaks)}):
                with self.subTest(kept, place=place):
                    cut = self.write("cut", content[:place])
                    if place % 5 == 0:
                        self.expect(2, "cut is cut, or no receipt: fetch it again", "trail", whole, cut)
                    self.expect(2, "cut is cut, or no receipt: fetch it again", "receipt", cut)

    def test_a_receipt_is_read_once(self):
        """It may come through a pipe; what the export is held against is what was looked at."""
        whole = self.write("whole", self.EXPORT.text)
        self.expect(0, "1 held checkpoint extended", "receipt", "/dev/stdin", whole, stdin=self.EXPORT.receipt(3).decode())
        self.expect(1, "entry 3: is not the one that", "receipt", "/dev/stdin", whole, stdin=Export(65, seed=2).receipt(3).decode())

    def test_a_trust_file_from_before(self):
        """What a later key has signed is neither proven nor tampered."""
        self.trust = self.write("before", canonical({"chain": "0" * 64, "log": Log(VKEY.split("+", maxsplit=1)[0]).vkey, "policy": "0" * 64}))
        self.judge(2, "the checkpoint: is not signed by the log key, but by one that a later trust file may name", self.extract(3, 20))
        receipt = self.write("receipt", self.EXPORT.receipt(3))
        self.expect(2, "receipt is not signed by the log key, but by one that a later trust file may name", "receipt", receipt)

    def test_a_download_that_broke_off(self):
        """Wherever that was; what stands behind the end is no proof either."""
        text = canonical(self.EXPORT.extract((3,))[0]) + "\n"
        for row in self.extract(3, 20)[1:]:
            text += canonical(row) + "\n"
        places = {*range(0, 400, 7), *range(400, len(text) - 1, 61), len(text) - 2}
        for place in sorted(places):
            self.expect(2, "export again", "extract", self.write("cut", text[:place]))
        self.expect(0, "proven", "extract", self.write("cut", text[:-1]))
        self.expect(2, "export again", "extract", self.write("cut", text + "x"))
        self.expect(2, "export again", "trail", self.write("cut", self.EXPORT.text[:-600]))
        self.expect(2, "export again", "trail", self.write("cut", self.EXPORT.text + "x"))


class Age(Case):
    """An old checkpoint, served again, is whole and signed: only its age tells."""

    def test_of_the_last_entry(self):
        export = Export(33)
        trail, last = self.write("export", export.text), export.rows[-1]["ts"]
        self.expect(0, "proven", "trail", trail)
        self.expect(2, f"the last entry is of {last}, longer ago than --max-age", "trail", "--max-age", "60", trail)
        self.expect(0, "proven", "trail", "--max-age", "60", "--now", last[:17] + "59.999999Z", trail)
        self.expect(2, "longer ago", "trail", "--max-age", "60", "--now", last.replace(last[11:16], "03:07"), trail)
        self.expect(3, "now", "trail", "--max-age", "60", "--now", "today", trail)
        before = last.replace(last[11:16], "03:02")  # who has the clock of the service writes of times to come
        self.expect(2, f"the last entry is of {last}, further ahead than --max-age", "trail", "--max-age", "60", "--now", before, trail)
        self.expect(0, "proven", "trail", "--max-age", "600", "--now", before, trail)

    def test_of_what_tells_none(self):
        """Without witnesses only a whole trail shows when it was signed."""
        export = Export(33)
        receipt, note = self.write("receipt", export.receipt(20)), self.write("note", export.note)
        extract = self.write("extract", "".join(canonical(line) + "\n" for line in export.extract((3, 20))))
        for command in (["receipt", "--entry", self.write("entry", export.raw[20]), receipt], ["extract", extract], ["consistency", note, note, self.write("proof", json.dumps(export.proof(33)))]):
            with self.subTest(command[0]):
                self.expect(0, "proven", *command)
                self.expect(3, "max-age: is told by witnesses, and the trust file names none", command[0], "--max-age", "60", *command[1:])

    def test_of_cosignatures(self):
        export, witness = Export(33), Witness("witness.example/a")
        self.trust = self.write("trust", canonical({"chain": "0" * 64, "log": VKEY, "policy": "0" * 64,
                                                    "witnesses": {"keys": [witness.vkey], "quorum": 1}}))
        now = ["--max-age", "300", "--now", "2026-01-02T03:04:10.000000Z"]
        seconds = 1767323050
        for age, status in ((0, 0), (300, 0), (301, 2), (90000, 2), (-300, 0), (-301, 2), (-90000, 2)):
            export.note = Export(33).note + witness.line(export.note, seconds - age)
            lines = export.text.splitlines()
            lines[-1] = canonical({"checkpoint": base64.b64encode(export.note).decode()})
            trail = self.write("export", "\n".join(lines) + "\n")
            words = "is cosigned by 0 witnesses" if status else "cosigned by 1 of the 1"
            with self.subTest(age):
                self.expect(status, words, "trail", *now, trail)
                self.expect(status, words, "receipt", *now, "--entry", self.write("entry", export.raw[20]), self.write("receipt", export.receipt(20)))
                self.expect(0, "cosigned by 1 of the 1", "trail", trail)


if __name__ == "__main__":
    unittest.main()
