#!/usr/bin/python3
"""C-08 in a whole evaluation: no PIN outside the tokens' processes, neither of those that serve nor of those that stand by.

Every process of the evaluation is looked at, custodyd and the database among them, after withdrawals, a drill and a failover;
and every file but the ones in which the evaluation keeps its PINs for the next start.
"""

import contextlib
import os
import pathlib
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../e2e")]
import strongroom  # noqa: E402
from memory import children, forms, only_where_it_can_be_seen, read_memory, search, words_of  # noqa: E402

WITHDRAWALS = 5


class Evaluation(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        kept = [path for path in (cls.place.dir / "secrets").iterdir() if path.name.endswith("pin")]
        assert len(kept) >= 6, kept
        cls.secrets = {path.name: forms(path.read_bytes().strip()) for path in kept}
        for _ in range(WITHDRAWALS):
            cls.place.withdraw()
        cls.place.script("drill")
        cls.place.script("failover")

    def processes(self):
        """pid -> what it is, of everything that belongs to the evaluation and is no token's process."""
        found = {}
        for name in strongroom.DAEMONS:
            pid = self.place.pid(name)
            found.update({each: f"{name} {words_of(each, 'cmdline')[:80]}" for each in [pid, *children(pid)]})
        postmaster = int(self.place.value("SELECT pg_read_file('postmaster.pid')"))
        found.update({each: "postgres" for each in [postmaster, *children(postmaster)]})
        return {pid: what for pid, what in found.items() if words_of(pid, "cmdline").split(b"\0")[1:2] != [b"token"]}

    def test_memory_environment_and_arguments(self):
        looked_at = self.processes()
        shared = set()
        self.assertGreaterEqual(len(looked_at), 10, looked_at)
        for pid, what in looked_at.items():
            self.assertEqual(search(read_memory(pid, shared), self.secrets), set(), what)
            self.assertEqual(search([words_of(pid, name) for name in ("environ", "cmdline")], self.secrets), set(), what)

    def test_files_and_logs(self):
        looked_at = 0
        for root, folders, names in os.walk(self.place.dir):
            folders[:] = [name for name in folders if pathlib.Path(root, name) != self.place.dir / "secrets"]
            for path in (pathlib.Path(root, name) for name in names):
                if path.is_file() and not path.is_symlink():
                    with contextlib.suppress(FileNotFoundError):  # what runs removes files of its own
                        self.assertEqual(search([path.read_bytes()], self.secrets), set(), str(path))
                        looked_at += 1
        self.assertGreater(looked_at, 100)

    def test_the_search_would_find_them(self):
        for path in (self.place.dir / "secrets").iterdir():
            if path.name in self.secrets:
                self.assertIn(path.name, search([path.read_bytes()], self.secrets))


if __name__ == "__main__":
    only_where_it_can_be_seen()
    unittest.main()
