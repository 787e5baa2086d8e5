#!/usr/bin/env python3
"""The demonstrations say what is wrong with the folder, or that its service does not answer, before they touch anything."""

import os
import subprocess
import tempfile
import unittest

DEMO = os.environ["DEMO"]


class Refusals(unittest.TestCase):
    def refused(self, name, place, words):
        done = subprocess.run([os.path.join(DEMO, name), place, *words], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_refusals(self):
        for name, *words in (("compromise-drill", "token", "1"), ("drill",), ("failover",), ("new-key", "hot-2"),
                             ("withdraw",)):
            with self.subTest(name), tempfile.TemporaryDirectory() as place:
                self.assertIn(f"{name}: {place}/a/b is no folder of an evaluation", self.refused(name, f"{place}/a/b", words))
                with open(f"{place}/env", "w", encoding="utf-8") as file:
                    file.write("STRONGROOM_URL=http://127.0.0.1:1 STRONGROOM_CA=/dev/null\n")
                self.assertIn(f"{name}: no service answers at http://127.0.0.1:1: deploy/quickstart --dir {place} starts it",
                              self.refused(name, place, words))
                self.assertEqual(os.listdir(place), ["env"])


if __name__ == "__main__":
    unittest.main()
