#!/usr/bin/python3
"""A limit over time is the signer's own count: whoever owns the database, or has daemons started again, resets nothing."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from positions import Position, Signer  # noqa: E402


class Limits(Position):
    def assertFull(self, what):
        """One more, asked for at the signer's own socket since the service would wait, is not signed; it says when it fits."""
        row = self.place.proposed(1)
        papers = self.papers(row, self.approvals(row))
        with Signer(self.place, "transfer") as signer:
            reply = signer.ask("transfer.sign", **papers)
        self.assertEqual((reply.get("status"), reply.get("promised")), ("limit_exceeded", "never"), (what, reply))
        self.assertRegex(reply["where"], r"^policy\..*\.limits\[0\]$", what)
        self.assertIn("it fits at ", reply["detail"], what)
        self.cancel(row)

    def test_nothing_resets_it(self):
        place = self.place
        rules = self.demanding()
        for rule in rules:
            rule["demand"]["limits"] = [{"count": 3, "per": "wallet", "window_s": 86400}]
        self.paid = 6  # what is signed before it is full
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
