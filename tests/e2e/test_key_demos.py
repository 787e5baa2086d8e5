#!/usr/bin/python3
"""What the README shows of keys, each one command against a running evaluation: a ceremony and a token that hangs.

The drill is in test_key_resources.py."""

import json
import re
import subprocess
import unittest

import strongroom


class KeyDemos(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = strongroom.Evaluation()
        cls.addClassCleanup(cls.place.remove)
        cls.place.provision()
        cls.place.enrol()

    def demo(self, name, *words):
        done = subprocess.run([str(strongroom.DEMO / name), str(self.place.dir), *words], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.place.environment, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.splitlines()

    def test_a_ceremony(self):
        """Four people make a key, three restore it elsewhere, two admit it; another program proves it; withdrawals go on."""
        place = self.place
        said = self.demo("new-key", "hot-2")
        self.assertIn("ceremony passed, transcript ", said[-1])
        self.assertEqual(sum(line.startswith("checked: step ") for line in said), 6)
        self.assertTrue(any(line.startswith("proven: the transfer key of the key document was made in ceremony ") for line in said))
        key = json.loads((place.dir / "ceremony/hot-2.json").read_text())["key_id"]
        row = place.call("GET", f"/v1/keys/{key}").json["key"]
        self.assertEqual(row["state"], "active")
        place.withdraw()
        self.assertFalse(place.script("new-key", check=False))  # no name
        again = subprocess.run([str(strongroom.DEMO / "new-key"), str(place.dir), "hot-2"], stdin=subprocess.DEVNULL, text=True,
                               capture_output=True, env=place.environment, check=False)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("there is a key hot-2", again.stderr)

    def test_a_token_that_hangs(self):
        """The signer answers through the standby; what was down comes back as the standby; every effect is there once."""
        place = self.place
        before = len(place.ledger_transactions())
        serving = [row["label"] for row in place.call("GET", "/healthz").json["parts"]["signer_transfer"]["tokens"]
                   if row["state"] == "serving"]
        said = self.demo("failover")
        self.assertTrue(any(line.startswith("withdrawal ") and " confirmed at height " in line for line in said))
        self.assertTrue(any(line.startswith("failover passed") for line in said))
        tokens = {row["state"]: row["label"] for row in place.call("GET", "/healthz").json["parts"]["signer_transfer"]["tokens"]}
        self.assertEqual(tokens["standby"], serving[0])
        self.assertNotEqual(tokens["serving"], serving[0])
        self.assertEqual(len(re.findall(r"event=token\.down ", place.log("transfer"))), 1)
        self.assertEqual(len(place.ledger_transactions()), before + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
