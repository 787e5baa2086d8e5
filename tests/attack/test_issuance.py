#!/usr/bin/python3
"""An issuer who waits for the right moment: nothing reaches the ledger that the trail does not know of beforehand."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402


class Issuance(strongroom.Case):
    OPTIONS = {"trail_timeout": 5000}  # who waits for the trail in vain shall learn it soon

    def issuance(self, amount):
        place = self.place
        issuer = place.person("issuer-1")
        account = place.call("GET", f"/v1/ledger/accounts/{issuer['address']}?lane=0").json
        document = strongroom.canonical({
            "chain": place.chain, "from": issuer["address"], "lane": "0", "memo": "0" * 64, "policy": "0" * 64,
            "seq": str(account["next_seq"]), "type": "issue", "valid_from": "1", "valid_until": "1000000",
            "legs": [{"account": issuer["address"], "amount": str(amount), "asset": place.asset, "side": "debit"},
                     {"account": place.hot, "amount": str(amount), "asset": place.asset, "side": "credit"}]})
        return {"key": {"alg": issuer["alg"], "key": issuer["key"]},
                "transaction": place.signed("transaction", document, "issuer-1")}

    def entries(self, transaction):
        """The outcomes of the entries that name the transaction."""
        rows = self.place.psql("SELECT outcome FROM audit.leaf WHERE act = 'ledger.issue'"
                               f" AND position('{transaction}'::bytea IN raw) > 0 ORDER BY seq")
        return [row[0] for row in rows]

    def test_a_block_that_is_late(self):
        place = self.place
        before = place.balance(place.hot)
        body = self.issuance(5000)
        transaction = strongroom.digest("transaction", body["transaction"]["document"])
        place.kill("validator")
        self.assertProblem(place.call("POST", "/v1/ledger/transactions", body), 503, "timed_out")
        place.start()
        strongroom.eventually(lambda: place.balance(place.hot) == before + 5000, "the block comes after all")
        self.assertEqual(self.entries(transaction), ["intent"])

    def test_a_trail_that_is_away(self):
        place = self.place
        before = place.balance(place.hot)
        body = self.issuance(7000)
        place.kill("audit")
        self.assertProblem(place.call("POST", "/v1/ledger/transactions", body), 503, "not_ready")
        place.start()
        self.assertHonestWorkGoesOn()
        self.assertEqual(place.balance(place.hot), before - 100)
        reply = place.patiently(lambda: place.call("POST", "/v1/ledger/transactions", body))
        self.assertEqual((reply.status, reply.json["status"]), (200, "confirmed"), reply)
        self.assertEqual(place.balance(place.hot), before + 6900)


if __name__ == "__main__":
    unittest.main(verbosity=2)
