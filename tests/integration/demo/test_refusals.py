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

    def test_a_stranger_with_the_id_of_a_daemon_is_left_alone(self):
        with tempfile.TemporaryDirectory() as place, subprocess.Popen(["sleep", "600"]) as stranger:
            os.mkdir(f"{place}/run")
            for name in ("custodyd", "transfer", "validator", "audit"):
                with open(f"{place}/run/{name}.pid", "w", encoding="ascii") as file:
                    print(stranger.pid, file=file)
            done = subprocess.run([os.path.join(DEMO, "services"), "stop", place], capture_output=True, text=True, check=False)
            ended = stranger.poll()
            stranger.kill()
        self.assertEqual((done.returncode, done.stderr, ended), (0, "", None))


if __name__ == "__main__":
    unittest.main()
