#!/usr/bin/python3
"""The pages, pasted: every ```bash block of README.md, docs/hsm.md, docs/keys.md, docs/officers.md, docs/policy.md and docs/rebuild.md, in order, into one bash, against a running evaluation; and
docs/verify-by-hand.md in a folder with nothing but an evidence bundle and a trust file.

Nothing is filled in: what a reader has to choose is a variable in the first block of the page. A command that fails fails the
test, by the line of the page; what must have come of it all is asked from the service and the signer, not from the page.
"""

import json
import re
import subprocess
import unittest

import by_hand
import strongroom


class Pasting(unittest.TestCase):
    """An evaluation of its own."""

    WITNESS = True  # as the quickstart makes it

    @classmethod
    def setUpClass(cls):
        cls.place = strongroom.Evaluation()
        cls.addClassCleanup(cls.place.remove)
        cls.place.provision(witness=cls.WITNESS)
        cls.place.enrol()
        cls.tree = cls.place.dir / "tree"  # as a reader has it: the source with .strongroom in it
        cls.tree.mkdir()
        for folder in ("deploy", "docs"):
            (cls.tree / folder).symlink_to(strongroom.SOURCE / folder)
        (cls.tree / ".strongroom").symlink_to(cls.place.dir)

    def paste(self, page):
        """What bash said."""
        text, blocks = by_hand.script(strongroom.SOURCE / page)
        environment = {name: value for name, value in self.place.environment.items()
                       if not name.startswith("STRONGROOM_") and name != "SOFTHSM2_CONF"}
        done = subprocess.run(["bash"], input=text, cwd=self.tree, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment, check=False)
        self.assertEqual(done.returncode, 0, f"{page}:\n{done.stdout[-4000:]}")
        self.assertGreater(blocks, 0)
        self.assertEqual(re.findall(r"^block (\d+) done$", done.stdout, re.MULTILINE), [str(n + 1) for n in range(blocks)])
        return done.stdout

    def row(self, name):
        """What the service says of the key with these facts."""
        key = json.loads((self.place.dir / f"ceremony/{name}.json").read_text())["key_id"]
        return self.place.call("GET", f"/v1/keys/{key}").json["key"]

    def tokens(self):
        return {row["state"]: row for row in self.place.call("GET", "/healthz").json["parts"]["signer_transfer"]["tokens"]}


class Rotation(Pasting):
    WITNESS = False  # by_hand brings witnesses of its own

    def test_policy(self):
        """A wallet gets another key by a version of the policy, and its holdings."""
        before = self.place.balance(self.place.hot)
        said = self.paste("docs/policy.md")
        self.assertIn("version 2 against version 1, in force", said)
        self.assertIn("handed in; the service says: version 2 is in force at ", said)
        self.assertEqual((self.row("transfer")["state"], self.row("hot-2027")["state"]), ("retained", "active"))
        self.assertEqual(self.place.balance(self.place.hot), 0)
        self.assertEqual(self.place.balance(self.row("hot-2027")["address"]), before)
        row = self.place.withdraw()
        by_hand.check(self, self.place.export_evidence(row["id"]), self.place.environment["STRONGROOM_TRUST"])


class ByHand(Pasting):
    def test_hsm(self):
        """A key is born, brought back, admitted, drilled, and survives the loss of the token that it was born on."""
        before = self.tokens()["serving"]["serial"]
        said = self.paste("docs/hsm.md")
        self.assertIn("proven: the transfer key of the key document was made in ceremony ", said)
        self.assertRegex(said, "proven: address sr1[0-9a-f]{72} is of the wallet hot of the policy")
        drilled = json.loads(json.loads((self.place.dir / "ceremony/hot-3/drill.json").read_text())["document"])
        row = self.row("hot-3")
        self.assertEqual((row["state"], row["restored_at"]), ("active", drilled["made_at"]))
        self.assertEqual((row.get("address"), row["address_reason"]), (None, "no_wallet"))
        told = self.place.pages(f"/v1/audit/entries?otype=key&oid={row['key_id']}&order=oldest", "entries", "auditor-1")
        self.assertEqual([entry["outcome"] for entry in told if entry["act"] == "key.restore"], ["intent", "ok"])
        self.assertEqual(self.row("transfer")["state"], "active")
        now = self.tokens()
        self.assertEqual(set(now), {"serving", "standby"})
        self.assertNotIn(before, {token["serial"] for token in now.values()})
        self.assertNotIn("lacks_key", self.place.log("transfer"))
        self.place.withdraw()

    def test_keys(self):
        """A key is stopped and started, everything is frozen and thawed, a token is opened by people, a compromise drilled."""
        said = self.paste("docs/keys.md")
        place = self.place
        told = [row["act"] for row in place.pages("/v1/audit/entries?order=oldest", "entries", "auditor-1")]
        for act in ("key.command", "freeze.state", "compromise.drill"):
            self.assertIn(act, told)
        self.assertEqual(self.row("transfer")["state"], "active")
        self.assertIn("everything frozen", said)
        self.assertEqual([row["state"] for row in place.call("GET", "/v1/freezes").json["freezes"]], ["thawed"])
        self.assertIn("the signer has 2 of 2 shares; the token is open", said)
        self.assertFalse((place.dir / "secrets/validator.pin").exists())
        self.assertFalse((place.dir / "pin-papers/pin").exists())
        self.assertEqual(self.row("validator")["state"], "active")
        self.assertIn("event=token.locked token=strongroom-validator", place.log("validator"))
        place.withdraw()

    def test_officers(self):
        """What an officer asks is answered, and what is exported in that order is proven."""
        row = self.place.withdraw()
        said = self.paste("docs/officers.md")
        self.assertRegex(said, "proven: [0-9]+ entries are among the [0-9]+ of strongroom.demo/audit/v1")
        self.assertIn("1 held checkpoint extended", said)
        self.assertRegex(said, "proven: the first [0-9]+ entries of the [0-9]+ of today.checkpoint are those of monday.checkpoint")
        self.assertIn(f"proven: withdrawal {row['id']}, ", said)
        self.assertRegex(said, " [0-9]+ uses, 0 findings")
        self.assertRegex(said, r"checked: row\.leaf: is entry [0-9]+: \S+Z custodyd withdrawal\.confirmed ok withdrawal [0-9a-f-]{36}\nproven: row\.tlog-proof was signed by ")

    def test_readme(self):
        before = len(self.place.ledger_transactions())
        said = self.paste("README.md")
        self.assertIn("proven: withdrawal ", said)
        self.assertEqual(len(re.findall("^checked: (?:the )?checkpoint: cosigned by 1 of the 1 witnesses of the trust file", said,
                                        re.MULTILINE)), 2)
        self.assertIn(" entries of strongroom.demo/audit/v1", said)
        self.assertEqual(len(self.place.ledger_transactions()), before + 1)

    def test_rebuild(self):
        """A database is left, by a copy that the audit signer is not ahead of, and comes back without what was not signed."""
        place = self.place
        row = place.withdraw()
        told = [entry["act"] for entry in place.history_to(row["id"])]
        kept = place.dir / "before.checkpoint"
        kept.write_bytes(place.call("GET", "/audit/checkpoint").bytes)
        said = self.paste("docs/rebuild.md")
        self.assertIn("no signed checkpoint covers the event yet", said)  # the last copy, which nobody could be told of
        self.assertRegex(said, "whole: [0-9]+ entries in copy, as signed by strongroom.demo/audit/v1; root ")
        self.assertRegex(said, "proven: [0-9]+ entries of .*, 1 held checkpoint extended")
        self.assertEqual(place.read(row["id"])["state"], "confirmed")
        self.assertEqual([entry["act"] for entry in place.history_to(row["id"])], told)
        later = place.withdraw()
        for what, *files in (("evidence", place.export_evidence(later["id"])), ("trail", place.export_trail(), kept)):
            code, said = place.verify(what, *files)
            self.assertEqual(code, 0, said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
