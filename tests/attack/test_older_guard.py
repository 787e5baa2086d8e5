#!/usr/bin/python3
"""A disk is put back: the guard of the transfer signer is yesterday's, in place, and everything else is today's. It has
forgotten what it promised, and the trail has not."""

import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402


class OlderGuard(strongroom.Case):
    def told(self, row):
        """What the entry before the signature says that the signer had promised."""
        (entry,) = self.entries("withdrawal.signing", oid=row["id"])
        return int(self.event(entry)["facts"]["promises"])

    def test_it_signs_nothing(self):
        place = self.place
        data = place.dir / "guards/transfer/data.mdb"
        copy = place.dir / "yesterday.mdb"
        self.assertEqual(self.told(place.withdraw(1)), 0)
        place.stop("transfer")
        shutil.copyfile(data, copy)
        place.start()
        self.assertEqual([self.told(place.withdraw(amount)) for amount in (2, 3)], [1, 2])
        place.stop("transfer")
        with copy.open("rb") as source, data.open("r+b") as target:  # the same file: the guard is where it was made
            shutil.copyfileobj(source, target)
        place.start()
        row = place.proposed(4)
        place.approve(row)
        self.until(lambda: "rollback" in place.log("transfer"), "the signer finds out")
        self.assertEqual(self.told(row), 3)
        self.assertEqual(place.read(row["id"])["state"], "recorded")
        refusals = [line for line in place.log("transfer").splitlines() if "op=transfer.sign" in line]
        self.assertTrue(any("where=promises" in line and "older copy" in line for line in refusals), refusals)
        self.assertNotIn(row["id"], "".join(line for line in place.log("transfer").splitlines() if "transfer.signed" in line))
        self.until(lambda: place.call("GET", "/healthz").status == 503, "the service says so")


if __name__ == "__main__":
    unittest.main(verbosity=2)
