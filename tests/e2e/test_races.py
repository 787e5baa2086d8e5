#!/usr/bin/python3
"""The daemons under ThreadSanitizer (preset tsan), driven by many threads at once.

Criterion cannot start under ThreadSanitizer, so the daemons alone are built with it and run as everywhere else: signerd in the
storm of tests/integration/signerd/storm.c, all of them in a withdrawal and under parallel requests. Any report fails the test: nothing is
suppressed, and nothing had to be. A program with a race in it shows first that a report would be seen.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import strongroom

DRIVERS = strongroom.BUILD
INSTRUMENTED = pathlib.Path(os.environ.get("STRONGROOM_TSAN_BUILD", strongroom.SOURCE / "build/tsan"))
REPORTED = 66
os.environ.pop("UBSAN_OPTIONS", None)  # ThreadSanitizer would read it too, and abort where it is to report and go on
THREADS = 8
WITHDRAWALS = 36
RACE = """
#include <pthread.h>
static int shared;
static void *add(void *unused) { (void)unused; shared++; return 0; }
int main(void) { pthread_t a, b; pthread_create(&a, 0, add, 0); pthread_create(&b, 0, add, 0);
                 pthread_join(a, 0); pthread_join(b, 0); return 0; }
"""


class Reports:
    """Where the sanitizer writes: one file for each process that has something to say."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="srraces.", dir="/tmp"))
        self.options = (f"exitcode={REPORTED} halt_on_error=0 report_bugs=1 history_size=4 log_path={self.dir}/report")

    def text(self):
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.dir.iterdir()))

    def remove(self):
        """Says what was reported, also when the test has failed before it asked."""
        print(self.text(), end="", file=sys.stderr)
        shutil.rmtree(self.dir)


class Canary(unittest.TestCase):
    def test_a_race_would_be_seen(self):
        reports = Reports()
        self.addCleanup(shutil.rmtree, reports.dir)
        program = reports.dir.with_suffix(".canary")
        self.addCleanup(program.unlink)
        subprocess.run(["clang", "-g", "-fsanitize=thread", "-x", "c", "-", "-o", program], input=RACE, text=True, check=True)
        ended = subprocess.run([program], env={**os.environ, "TSAN_OPTIONS": reports.options}, check=False)
        self.assertEqual(ended.returncode, REPORTED)
        self.assertIn("WARNING: ThreadSanitizer: data race", reports.text())


class Signer(unittest.TestCase):
    def test_a_storm_on_one_signer(self):
        reports = Reports()
        self.addCleanup(reports.remove)
        environment = {**os.environ, "TSAN_OPTIONS": reports.options, "STRONGROOM_SIGNERD": str(INSTRUMENTED / "services/signerd/signerd")}
        ended = subprocess.run([DRIVERS / "tests/integration/signerd/signerd_storm"], env=environment, capture_output=True, text=True,
                               check=False)
        self.assertEqual(reports.text(), "")
        self.assertEqual(ended.returncode, 0, ended.stderr)


class Service(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        strongroom.BUILD = INSTRUMENTED
        cls.reports = Reports()
        cls.addClassCleanup(cls.reports.remove)
        os.environ["TSAN_OPTIONS"] = cls.reports.options
        super().setUpClass()

    def together(self, *tasks):
        """Runs all at once; answers what they answered."""
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            return [future.result() for future in [pool.submit(task) for task in tasks]]

    def rivals(self, number):
        """One withdrawal that several people decide in the same moment: each is heard or refused, nobody is lost."""
        place = self.place
        row = place.proposed(1 + number)
        last = [lambda: place.decide(row, "approver-3", "reject"), lambda: place.call("POST", f"/v1/withdrawals/{row['id']}/cancel"),
                lambda: place.decide(row, "approver-3")][number % 3]
        replies = self.together(lambda: place.decide(row, "approver-1"), lambda: place.decide(row, "approver-2"), last,
                                lambda: place.export_trail(), lambda: place.read(row["id"]))
        for reply in replies[:3]:
            self.assertIn(reply.status, (200, 403, 409), reply)
        if number % 3 == 2:
            place.wait(row["id"], "confirmed")
            place.export_evidence(row["id"])

    def readers(self):
        place = self.place
        for path in ("/v1/withdrawals", "/v1/wallets", "/v1/ledger/status", "/v1/ledger/blocks/1", "/v1/audit/checkpoint", "/healthz"):
            self.assertEqual(place.call("GET", path, person="auditor-1" if "audit" in path else "operator-1").status, 200)

    def test_everything_at_once(self):
        place = self.place
        for person in ("approver-1", "approver-2", "approver-3"):
            place.key(person)  # made once, before threads ask for it
        self.assertTrue(place.script("withdraw"))
        self.together(*[lambda number=number: self.rivals(number) for number in range(WITHDRAWALS)], *[self.readers] * THREADS)
        # The sequencer loses and takes up the lead, the signers go and come, requests wait or are refused meanwhile.
        place.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strongroom'")
        place.stop("transfer")
        row = place.proposed(3)
        place.approve(row)
        place.start()
        place.wait(row["id"], "confirmed")
        self.assertHonestWorkGoesOn()
        place.stop()
        self.assertEqual(self.reports.text(), "")


if __name__ == "__main__":
    if not (INSTRUMENTED / "services/custodyd/custodyd").exists():
        print(f"skipped: no build of the preset tsan in {INSTRUMENTED}")
        sys.exit(77)
    unittest.main(verbosity=2)
