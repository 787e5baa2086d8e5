#!/usr/bin/env python3
"""custody-verify trail as a program: every byte of a small export, and a long export in little memory."""

import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
import unittest

from world import Witness, canonical

PROGRAM = os.environ["CUSTODY_VERIFY"]
EVERY_BYTE = os.environ["VERIFY_EVERY_BYTE"]
WRITE = os.environ["VERIFY_TRAIL_WRITE"]
SANITIZED = "-fsanitize" in os.environ.get("BUILD_FLAGS", "")
VKEY = "custody.example/audit/v1+86dba938+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
ENTRIES = 30000 if SANITIZED else 300000


class Trail(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.trust = os.path.join(self.place, "trust")
        with open(self.trust, "w", encoding="utf-8") as file:
            json.dump({"chain": "0" * 64, "log": VKEY, "policy": "0" * 64}, file, separators=(",", ":"), sort_keys=True)

    def make(self, count, seed):
        path = os.path.join(self.place, "trail")
        with open(path, "wb") as file:
            subprocess.run([WRITE, str(count), str(seed)], stdout=file, check=True)
        return path

    def test_a_byte_changed_at_every_position(self):
        done = subprocess.run([EVERY_BYTE, "trail", self.trust, self.make(9, 11)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_witnesses_of_the_trust_file(self):
        witnesses = sorted((Witness("witness.example/a"), Witness("witness.example/b")), key=lambda one: one.vkey)
        with open(self.trust, "w", encoding="utf-8") as file:
            file.write(canonical({"chain": "0" * 64, "log": VKEY, "policy": "0" * 64,
                                  "witnesses": {"keys": [one.vkey for one in witnesses], "quorum": 2}}))
        export = self.make(9, 13)
        with open(export, encoding="utf-8") as file:
            lines = file.read().splitlines()
        note = base64.b64decode(json.loads(lines[-1])["checkpoint"])
        for count, status, words in ((2, 0, "cosigned by 2 of the 2"), (1, 2, "incomplete: the checkpoint: is cosigned by 1 witnesses"), (0, 2, "by 0 witnesses")):
            cosigned = note + b"".join(one.line(note) for one in witnesses[:count])
            with open(export, "w", encoding="utf-8") as file:
                file.write("\n".join(lines[:-1] + [canonical({"checkpoint": base64.b64encode(cosigned).decode()})]) + "\n")
            done = subprocess.run([PROGRAM, "trail", "--trust", self.trust, export], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            self.assertIn(words, done.stdout)

    @unittest.skipIf(SANITIZED, "needs the address space for itself")
    def test_through_a_pipe_in_bounded_memory(self):
        """However long the trail, the program may not have more than this."""
        def bound():
            resource.setrlimit(resource.RLIMIT_AS, (48 << 20, 48 << 20))

        with subprocess.Popen([WRITE, "60000", "14"], stdout=subprocess.PIPE) as writer:
            done = subprocess.run([PROGRAM, "trail", "--trust", self.trust, "-"], stdin=writer.stdout, capture_output=True, text=True,
                                  check=False, preexec_fn=bound)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("proven: 60000 entries", done.stdout)

    def test_how_far_it_is_stands_beside_the_result(self):
        """A line for each million lines that are behind it, whatever they say, on standard error."""
        with open(self.make(2, 15), "rb") as file:
            head = file.readline()
        done = subprocess.run([PROGRAM, "trail", "--trust", self.trust, "-"], input=head + b"{}\n" * 2000000, capture_output=True, check=False)
        self.assertEqual(done.stderr.decode(), "".join(f"custody-verify: {millions}000000 of 2 entries\n" for millions in (1, 2)))
        self.assertEqual((done.returncode, b"million" in done.stdout, b" of 2 entries" in done.stdout), (1, False, False))

    def test_a_long_trail_in_little_memory(self):
        export = self.make(ENTRIES, 12)
        done = subprocess.run([PROGRAM, "trail", "--trust", self.trust, export], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"proven: {ENTRIES} entries", done.stdout)
        peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"{ENTRIES} entries, {os.path.getsize(export) >> 20} MiB, peak {peak_kib} KiB", file=sys.stderr)
        if not SANITIZED:
            self.assertLess(peak_kib, 64 * 1024)
        with open(export, "r+b") as file:  # a digit of the base64 of an entry late in the file
            file.seek(-200000, os.SEEK_END)
            tail = file.read()
            place = tail.index(b'"raw":"') + 400
            file.seek(-200000 + place, os.SEEK_END)
            file.write(b"A" if tail[place:place + 1] != b"A" else b"B")
        done = subprocess.run([PROGRAM, "trail", "--trust", self.trust, export], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"entry \d+")


if __name__ == "__main__":
    unittest.main()
