#!/usr/bin/python3
"""What the README shows of keys, each one command against an evaluation as the quickstart makes it: a ceremony and a token that
hangs. And the witness that the quickstart adds: evidence bears its signature, on another port and after a move, too.

The drill is in test_key_resources.py."""

import json
import re
import shutil
import socket
import subprocess
import unittest

import strongroom

COSIGNED = r"checked: (the )?checkpoint: cosigned by 1 of the {} witnesses of the trust file, which asks for 1"


class KeyDemos(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = strongroom.Evaluation()
        cls.addClassCleanup(cls.place.remove)
        cls.place.provision(witness=True)
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
        self.assertCosigned(said, 1)
        tokens = {row["state"]: row["label"] for row in place.call("GET", "/healthz").json["parts"]["signer_transfer"]["tokens"]}
        self.assertEqual(tokens["standby"], serving[0])
        self.assertNotEqual(tokens["serving"], serving[0])
        self.assertEqual(len(re.findall(r"event=token\.down ", place.log("transfer"))), 1)
        self.assertEqual(len(place.ledger_transactions()), before + 1)

    def assertCosigned(self, said, witnesses):
        """The evidence and the trail, each checked offline: the trust file names so many witnesses, and one has cosigned."""
        self.assertEqual(len([line for line in said if re.fullmatch(COSIGNED.format(witnesses), line)]), 2, said)

    def services(self, *words):
        done = subprocess.run([str(strongroom.DEMO / "services"), "start", str(self.place.dir), *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.place.environment, check=False)
        return done.returncode, done.stderr

    def test_a_witness_whose_port_is_taken(self):
        """It takes another one, and the service asks it there."""
        place = self.place
        port = place.dir / "etc/witness-port"
        place.stop("witness")
        before = int(port.read_text())
        with socket.create_server(("127.0.0.1", before)):
            place.start()
        self.assertNotEqual(int(port.read_text()), before)
        self.assertCosigned(self.demo("withdraw"), 1)

    def test_b_an_evaluation_that_was_moved(self):
        """Neither the signers nor the witness believe what they remember there, until somebody says that the other one is gone."""
        place = self.place
        evidence = place.export_evidence(place.withdraw()["id"])
        place.stop()
        place.postgres("stop", "-m", "fast")
        old = place.dir.with_name(place.dir.name + ".old")
        place.dir.rename(old)
        self.addCleanup(shutil.rmtree, old)
        subprocess.run(["cp", "-a", old, place.dir], check=True)
        place.postgres_start()
        code, said = self.services()
        self.assertEqual(code, 1)
        self.assertIn("witness did not start", said)
        self.assertIn("start it with --accept-guards", said)
        self.assertEqual(self.services("--accept-guards"), (0, ""))
        self.assertCosigned(self.demo("withdraw"), 2)
        code, said = place.verify("evidence", evidence)  # what the witness before has cosigned still counts
        self.assertEqual(code, 0, said)
        self.assertRegex(said, COSIGNED.format(2))


if __name__ == "__main__":
    unittest.main(verbosity=2)
