#!/usr/bin/python3
"""Position LEDGER: the orderer is hostile. He decides what is ordered, when and how often, and he asks the validator for signatures.

He works in the service's stead while that is stopped (tests/e2e/outsider.c), with everything that ever passed the ledger. What nodes
make of his batches is in test_ledger_execute_integration, edits of the files in test_ledger_tamper_integration. He can stop the ledger;
he cannot move anything, and there are never two ledgers.
"""

import json
import unittest

from positions import Position, Signer
from outside import to_ledger
from strongroom import canonical, digest, eventually, time_text


class Ledger(Position):
    OPTIONS = {"anchor_interval": 3600}  # blocks are counted

    def block(self, height):
        return self.place.call("GET", f"/v1/ledger/blocks/{height}").json

    def height(self):
        return self.place.call("GET", "/v1/ledger/status").json["confirmed_height"]

    def wallet_key(self):
        facts = json.loads((self.place.dir / "ceremony/transfer.json").read_text())
        return {"alg": facts["alg"], "key": facts["key"]}

    def ordered(self, signed, key):
        """What comes of it, told by the node that the orderer feeds: never `ok`."""
        self.place.stop("custodyd")
        try:
            with self.assertRaises(AssertionError) as told:
                to_ledger(self.place, signed, key)
        finally:
            self.place.start()
        return str(told.exception)

    # Money

    def test_1_what_was_ordered_before_and_what_resembles_it(self):
        """A payment once more, under the next sequence, larger, to somebody else, by another key: a signature is for one transaction."""
        place = self.place
        row = place.withdraw(21)
        self.paid = 21
        signed = next(transaction for height in range(1, self.height() + 1) for transaction in self.block(height)["transactions"]
                      if digest("transaction", transaction["document"]) == row["transaction_id"])
        document = json.loads(signed["document"])
        key = self.wallet_key()
        stranger = {name: place.person("mallory")[name] for name in ("alg", "key")}
        legs = document["legs"]
        cases = {
            "the next sequence": ({"seq": str(int(document["seq"]) + 1)}, key, "signature_invalid"),
            "larger": ({"legs": [{**leg, "amount": "90000"} for leg in legs]}, key, "signature_invalid"),
            "to mallory": ({"legs": [legs[0], {**legs[1], "account": self.mallory}]}, key, "signature_invalid"),
            "new units": ({"type": "issue"}, key, "signature_invalid"),
            "on another ledger": ({"chain": "0" * 64}, key, "mismatch"),
            "by another key": ({"lane": "901", "seq": "0"}, stranger, "unknown_key"),
        }
        for name, (change, by, code) in cases.items():
            with self.subTest(name):
                asked = {**signed, "document": canonical({**document, "lane": "900", "seq": "0", **change})}
                if by is stranger:
                    asked = place.signed("transaction", asked["document"], "mallory")
                self.assertIn(code, self.ordered(asked, by))
        with self.subTest("once more, the same bytes"):
            before = self.height()
            place.stop("custodyd")
            self.assertLessEqual(to_ledger(place, signed, key), before)  # the block that it stands in, and no other
            place.start()
        self.assertEqual([id for id, code in place.ledger_transactions() if code == "ok"].count(row["transaction_id"]), 1)

    def test_2_money_from_nothing(self):
        place = self.place
        document = canonical({
            "chain": place.chain, "from": self.mallory, "lane": "0", "memo": "0" * 64, "policy": "0" * 64, "seq": "0", "type": "issue",
            "valid_from": "1", "valid_until": "1000000",
            "legs": [{"account": account, "amount": "1000000", "asset": place.asset, "side": side}
                     for account, side in ((self.mallory, "debit"), (place.hot, "credit"))]})
        stranger = {name: place.person("mallory")[name] for name in ("alg", "key")}
        self.assertIn("denied", self.ordered(place.signed("transaction", document, "mallory"), stranger))

    # Two ledgers

    def test_3_a_header_that_does_not_follow(self):
        """What the validator does not sign, and what it does not halt for."""
        header = json.loads(self.block(self.height())["header"])
        number = int(header["height"])
        follows = {**header, "height": str(number + 1), "prev": digest("header", canonical(header)), "time": time_text()}
        for name, changes, status in (
                ("beyond the next", {"height": str(number + 2)}, "conflict"), ("an earlier one", {"height": "1"}, "conflict" if number > 1 else "fork"),
                ("after another one", {"prev": "0" * 64}, "mismatch"), ("of another ledger", {"chain": "0" * 64}, "mismatch"),
                ("of other validators", {"validators": "0" * 64}, "mismatch"), ("of a far year", {"time": "2099-01-01T00:00:00.000000Z"}, "not_ready"),
                ("with more in it", {"note": "x"}, "unknown_field")):
            with self.subTest(name), Signer(self.place, "validator") as validator:
                self.assertRefused(validator.ask("header.sign", header=canonical({**follows, **changes})), status)
        self.assertEqual(self.state_of("validator")["ready"], True)
        self.place.withdraw(23)
        self.paid = 23

    def test_4_a_second_ledger(self):
        """Another block at a height that is confirmed: the validator signs it not, and nothing any more until people decide. What was
        confirmed stays; a payment that is under way waits and is not lost, nor counted twice."""
        place = self.place
        before = self.height()
        header = json.loads(self.block(before)["header"])
        with Signer(place, "validator") as validator:
            other = canonical({**header, "tx_root": "1" * 64})
            self.assertRefused(validator.ask("header.sign", header=other), "fork")
            self.assertRefused(validator.ask("header.sign", header=canonical(header)), "halted")
        status = self.state_of("validator")
        self.assertFalse(status["ready"])
        self.assertIn("halted, fork", status["reason"])
        self.assertIn("event=guard.halted", place.log("validator"))
        row = place.proposed(24)
        place.approve(row)
        place.wait(row["id"], "signed", "submitted")
        self.signatures += 1  # the transfer signer's, for a payment that people approved
        eventually(lambda: place.call("GET", "/healthz").json["parts"]["signer_validator"].get("reason"), "the service says so")
        self.assertEqual(self.height(), before)
        self.assertEqual(json.loads(self.block(before)["header"]), header)
        self.assertProven("trail", place.export_trail())


if __name__ == "__main__":
    unittest.main(verbosity=2)
