"""Evaluations as deploy/demo/provision leaves them, kept in the build for the tests that follow.

To provision one costs three quarters of what a test's place costs, mostly for the passphrases of a dozen people. So a test that finds
none of its kind keeps a copy, and one that follows begins with a copy of that, moved to its own folder: the very bytes that the script
made, with the same tokens, keys and database. As the tokens have the same serial numbers, one test at a time has a place from each copy;
there are as many as tests ran at a time. One is used for an hour, and for the very programs and scripts that made it.
"""

import fcntl
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import time

LIFE_S = 3600
FOLDER = b"/tmp/sre\\.[a-z0-9_]{8}"  # of an evaluation (strongroom.py)


def copy(source, target):
    """With owners and times, as the cluster belongs to postgres when root runs the tests."""
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], stdin=subprocess.DEVNULL, check=True)


class Kept:
    """A copy, or room for one, that nobody else uses until `free`, or until this process ends. `made_by`: the files that it depends
    on; `kind`: what else tells it from others."""

    def __init__(self, folder, made_by, *kind):
        states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(made_by)]
        self.made_of = hashlib.sha256(repr(states).encode()).hexdigest()
        name = hashlib.sha256(repr(kind).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count():
            self.place = folder / f"{name}-{number}"
            self.lock = open(f"{self.place}.lock", "a+", encoding="utf-8")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                self.lock.close()

    def free(self):
        self.lock.close()

    def give(self, target):
        """Fills the empty folder; False when there is nothing to give."""
        self.lock.seek(0)
        if self.lock.read() != self.made_of or not 0 <= time.time() - os.fstat(self.lock.fileno()).st_mtime < LIFE_S:
            return False
        copy(self.place, target)
        for path in (*target.glob("etc/*.conf"), target / "postgresql/data/postgresql.conf"):
            moved = re.sub(FOLDER, os.fsencode(target), path.read_bytes())
            path.write_bytes(moved)  # in place: owner and mode stay
        return True

    def keep(self, source):
        """Keeps a copy of the folder, whose database does not run."""
        self.lock.truncate(0)
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(mode=0o711)
        copy(source, self.place)
        self.lock.write(self.made_of)
        self.lock.flush()
