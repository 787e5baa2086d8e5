#!/usr/bin/env python3
"""custody audit export --dir: a copy at rest becomes an export that custody-verify judges, whatever its entries say, and up to where its log is good."""

import json
import os
import resource
import subprocess
import unittest

from tool import PROGRAM, Case, world

VERIFY = os.environ["CUSTODY_VERIFY"]
WITHDRAWAL = "01a1fbb6-8ab5-7912-829e-000000000001"


class Copy(Case):
    def setUp(self):
        super().setUp()
        self.log = world.Log()
        self.trail = world.Trail()
        self.terms = {"chain": world.ZERO, "log": self.log.vkey, "policy": world.ZERO}
        self.trust = self.write("trust", world.canonical(self.terms))
        self.say("log.genesis", facts={"follows": "0"})

    def say(self, act, **event):
        return self.trail.append({"act": act, "ts": world.at(2), **event})

    def sign(self, leaf):
        """An entry of any bytes: what the key of the log alone can do."""
        self.trail.leaves.append(leaf)
        self.trail.hashes.append(world.leaf_hash(leaf))

    def copied(self, name="copy"):
        """The folder of a copy of all entries so far, fewer than a tile has."""
        size = len(self.trail.leaves)
        for path, content in (("tile/entries/000.p", b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in self.trail.leaves)),
                              ("tile/0/000.p", b"".join(self.trail.hashes))):
            os.makedirs(self.path(f"{name}/{path}"))
            self.write(f"{name}/{path}/{size}", content)
        self.write(f"{name}/checkpoint", self.log.note(size, world.root(self.trail.hashes)))
        return self.path(name)

    def export(self, folder, name="trail.jsonl"):
        done = self.custody("audit", "export", "--dir", folder, "--out", self.path(name), "--trust", self.trust)
        rows = [json.loads(line) for line in self.read(name).splitlines()] if os.path.exists(self.path(name)) else None
        return done, rows

    def judged(self, name="trail.jsonl"):
        done = subprocess.run([VERIFY, "trail", "--trust", self.trust, self.path(name)], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_an_action_of_a_later_version_is_exported_and_proven(self):
        """Its columns are what it says, where another program looks for them; this one tells that it cannot read it."""
        self.say("withdrawal.teleported", otype="key", oid="a" * 64, on="1", facts={"amount": "7", "asset": "b" * 64, "wallet": "Hot", "version": "3"})
        self.say("service.heartbeat")
        done, rows = self.export(self.copied())
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"\Aentry 1 cannot be read: act .*\n3 entries\ncustody: .*: entries: 1 of them were signed and cannot be "
                                      r"read here; .*\n   to do: custody-verify trail judges them")
        self.assertEqual({name: value for name, value in rows[2].items() if name not in ("raw", "lh", "corr")},
                         {"seq": 1, "act": "withdrawal.teleported", "actor": "custodyd", "outcome": "ok", "otype": "key", "oid": "a" * 64, "ord": 1,
                          "ts": world.at(2), "key": "a" * 64, "amount": "7", "asset": "b" * 64, "version": 3})
        self.assertEqual(rows[2]["lh"], self.trail.hashes[1].hex())
        code, said = self.judged()
        self.assertEqual((code, said[-1].startswith("proven: 3 entries of ")), (0, True), said)
        told = self.refused(1, "audit", "review", "0", "--in", self.path("trail.jsonl"), "--trust", self.trust)
        self.assertRegex(told, r"in: entry 1: cannot be read here: act .*\n   to do: keep the file: custody-verify trail names .* take the service's version\n")

    def test_bytes_that_are_no_entry_are_exported_and_named(self):
        """Everything else is judged as if they were not there: what one entry is costs nobody the others."""
        before = self.trail.hashes[-1].hex()
        self.sign(b"custody-audit/v1\n%s\n1\n%s\nnot a document\n" % (self.log.origin.encode(), before.encode()))
        self.say("service.heartbeat", colour="red")
        self.sign(b"\x1b]0;owned\x07")
        self.say("service.heartbeat")
        done, rows = self.export(self.copied())
        self.assertEqual((done.returncode, done.stderr.splitlines()[:4]),
                         (1, ["entry 1 cannot be read: not JSON (byte 3)", "entry 2 cannot be read: colour this object has no such field",
                              "entry 3 cannot be read: leaf five lines, each ended by LF", "5 entries"]), done.stderr)
        self.assertIn("entries: 3 of them were signed", done.stderr)
        self.assertEqual([set(rows[at]) for at in (2, 4)], [{"lh", "raw", "seq"}] * 2)
        self.assertEqual([row["seq"] for row in rows[1:-1]], list(range(5)))
        code, said = self.judged()
        self.assertEqual((code, said), (1, ["tampered: entry 1: its event does not follow the form:  is not canonical at byte 0",
                                            "tampered: entry 2: its event does not follow the form: colour there is no such field",
                                            "tampered: entry 3: is not of the form of an entry"]))

    def test_many_of_them_are_counted(self):
        for _ in range(30):
            self.sign(b"none")
        done, rows = self.export(self.copied())
        self.assertEqual((done.returncode, done.stderr.count("cannot be read: "), "entries: 30 of them" in done.stderr, len(rows)), (1, 20, True, 33), done.stderr)

    def ended(self, size, root=None):
        """A trust file by which the quorum ended this log."""
        root = world.root(self.trail.hashes[:size]).hex() if root is None else root
        after = world.Log(f"{self.log.origin}/e2")
        self.write("trust", world.canonical({**self.terms, "forks": [f"{size} {root} {'c' * 64} {after.vkey}"]}))

    def test_a_log_that_the_quorum_ended(self):
        """Up to its end it is exported and proven; what is behind, or another history, is not written at all."""
        for _ in range(3):
            self.say("service.heartbeat")
        folder = self.copied()
        for size in (4, 5):  # with all of them, and one that the copy does not reach
            self.ended(size, world.root(self.trail.hashes).hex())
            done, _ = self.export(folder, f"good-{size}.jsonl")
            self.assertEqual((done.returncode, done.stderr), (0, "4 entries\n"))
            self.assertEqual(self.judged(f"good-{size}.jsonl")[0], 0)
        for size, root, words in ((3, None, "log that the quorum ended: checkpoint: the quorum ended this log at 3 entries, which the copy has; nobody vouches for those behind, up to its 4\n"
                                            "   to do: what the quorum vouches for is in a copy of so many entries"),
                                  (3, "d" * 64, "with another root than the copy has there\n   to do: two histories of one log"),
                                  (4, "d" * 64, "with another root than the copy has there\n   to do: two histories of one log")):
            with self.subTest(size=size, root=root):
                self.ended(size, root)
                done, rows = self.export(folder, "bad.jsonl")
                self.assertEqual((done.returncode, rows, words in done.stderr), (1, None, True), done.stderr)
                done = self.custody("audit", "export", "--dir", folder, "--trust", self.trust)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)

    def test_a_copy_that_is_not_whole(self):
        """What is missing, altered or of another log is said, with what helps against that."""
        self.say("service.heartbeat", otype="withdrawal", oid=WITHDRAWAL, on="1")
        folder = self.copied()
        bundle = f"{folder}/tile/entries/000.p/2"
        kept = self.read(bundle)
        for what, change, words in (
                ("missing", lambda: os.unlink(bundle), "tile/entries/000.p/2"),
                ("altered", lambda: self.write(bundle, kept.replace(b"service", b"survice")), "tile/entries/000.p/2: its entry 1 is not the one that was signed"),
                ("no copy", lambda: os.unlink(f"{folder}/checkpoint"), "checkpoint: is not there")):
            with self.subTest(what):
                self.write(bundle, kept)
                change()
                done, rows = self.export(folder)
                self.assertEqual((done.returncode, rows, words in done.stderr), (1, None, True), done.stderr)
                self.assertIn("   to do: is --dir the folder of the copy? custody audit copy --check names each file", done.stderr)
        self.write(bundle, kept)
        self.write(f"{folder}/checkpoint", self.log.note(2, world.root(self.trail.hashes)))
        for what in (b"", b"\xff" * 9, b"a\nb\n"):
            told = self.refused(1, "audit", "copy", "--check", "--dir", folder, "--in", self.write("kept", what), "--trust", self.trust)
            self.assertIn("in: is no checkpoint: ", told)
            self.assertIn("   to do: --in takes a checkpoint that was kept", told)
        self.write("trust", world.canonical({**self.terms, "log": world.Log("other.example/log").vkey}))
        self.write(bundle, kept)
        self.write(f"{folder}/checkpoint", self.log.note(2, world.root(self.trail.hashes)))
        done, rows = self.export(folder)
        self.assertEqual((done.returncode, rows), (1, None), done.stderr)
        self.assertIn("   to do: is it the trust file of this log?", done.stderr)

    def test_a_full_disk_leaves_no_file(self):
        """Whether the first byte has no room, or the last one; the next try has the name for itself."""
        folder = self.copied()
        done, _ = self.export(folder, "whole.jsonl")
        size = len(self.read("whole.jsonl"))
        for room in (0, size - 1):
            with self.subTest(room):
                done = subprocess.run([PROGRAM, "audit", "export", "--dir", folder, "--out", self.path("cut.jsonl"), "--trust", self.trust], env={},
                                      capture_output=True, text=True, check=False, restore_signals=False,  # too much is an error, and no signal
                                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
                self.assertEqual((done.returncode, "out: could not write" in done.stderr, os.path.exists(self.path("cut.jsonl"))), (1, True, False), done.stderr)


if __name__ == "__main__":
    unittest.main()
