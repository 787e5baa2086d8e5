#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL, and takes rows away or has them say more than was seen: what people are warned of
stays what the ledger, the signers and the signed trail say."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import alike  # noqa: E402


class Payer(strongroom.Case):
    def test_who_paid_in_while_the_row_says_that_the_blocks_were_looked_at(self):
        """An address that looks like theirs is told, as that of everybody who pays on the ledger."""
        place = self.place
        place.stop("custodyd")
        place.psql("""INSERT INTO custody.mark (subject, value) VALUES ('ledger/scanned', '1000000')
            ON CONFLICT (subject) DO UPDATE SET value = excluded.value""")
        place.start()
        address = place.pays_in("mallory")
        refused = place.propose(5, destination=alike(address))
        self.assertProblem(refused, 409, "look_alike", "destination")
        self.assertIn(address, refused.json["detail"])


if __name__ == "__main__":
    unittest.main()
