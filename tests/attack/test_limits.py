#!/usr/bin/python3
"""A limit over time is the signer's own count: whoever owns the database, or has daemons started again, resets nothing."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from positions import Position  # noqa: E402


class Limits(Position):
    def assertFull(self, what):
        """One more is not signed, and the signer names the limit and when it fits again."""
        place = self.place
        row = place.proposed(1)
        place.approve(row)

        def refused():
            return [line for line in place.log("transfer").splitlines()
                    if "status=limit_exceeded where=policy." in line and ".limits[0]" in line]

        before = len(refused())
        self.until(lambda: len(refused()) > before or place.read(row["id"])["state"] not in ("approving", "approved", "recorded"),
                   f"{what}: the signer is asked")
        self.assertIn("it fits at ", refused()[-1], what)
        self.assertNotIn(row["id"], "".join(line for line in place.log("transfer").splitlines() if "transfer.signed" in line), what)

    def test_nothing_resets_it(self):
        place = self.place
        rules = self.demanding()
        for rule in rules:
            rule["demand"]["limits"] = [{"count": 3, "per": "wallet", "window_s": 86400}]
        self.paid = 6
        place.withdraw(1)  # before there was a limit: it counts all the same
        self.adopt(rules=rules)
        for amount in (2, 3):
            place.withdraw(amount)
        self.assertFull("a fourth")
        # More would make the payments nobody's: a false alarm that suspends the key, and signs nothing either.
        place.psql("SET session_replication_role = replica; UPDATE custody.withdrawal SET promises = NULL, amount = 1;"
                   "DELETE FROM custody.posting; DELETE FROM custody.reservation;")
        self.assertFull("after what a superuser forgot")
        place.stop()
        place.start()
        self.assertFull("after a start of everything")
        rules[0]["demand"]["limits"][0]["window_s"] = 86401
        self.adopt(rules=rules)
        self.assertFull("under another version with another window")


if __name__ == "__main__":
    unittest.main(verbosity=2)
