#!/usr/bin/python3
"""Asking twice is no way round the trail: the second answer promises as much as the first and needs the same proof."""

import base64
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402


class Repetition(strongroom.Case):
    def assertReceipt(self, reply, withdrawal, action):
        """The receipt of the reply is for the entry of this action about this withdrawal."""
        self.assertEqual(reply.status, 200, reply)
        text = base64.b64decode(reply.json["receipt"]).decode()
        index = int(text.split("\n")[1].removeprefix("index "))
        raw = self.place.psql(f"SELECT encode(raw, 'base64') FROM audit.leaf WHERE seq = {index}")
        event = json.loads(base64.b64decode("".join(row[0] for row in raw)).split(b"\n")[4])
        self.assertEqual((event["act"], event["oid"], event["outcome"]), (action, withdrawal, "ok"))

    def test_while_nothing_can_be_proven(self):
        place = self.place
        one, two = place.proposed(10), place.proposed(10)
        asks = {
            "withdrawal.request": lambda: place.propose(10, key="asked-twice"),
            "withdrawal.approve": lambda document=place.approval(one, "approver-1"): place.decide(one, "approver-1",
                                                                                              document=document),
            "withdrawal.cancel": lambda: place.call("POST", f"/v1/withdrawals/{two['id']}/cancel"),
        }
        place.stop("custodyd")
        place.configure("custodyd", trail_timeout=500)
        place.start()
        place.kill("audit")
        for ask in asks.values():
            for _ in range(2):
                self.assertProblem(ask(), 503, "not_ready")
        place.start()
        place.withdraw(1)
        for action, ask in asks.items():
            reply = place.patiently(ask)
            self.assertReceipt(reply, reply.json["withdrawal"]["id"], action)
        self.assertProven("trail", place.export_trail())


    def test_keys_that_were_changed(self):
        """A superuser changes under which key a withdrawal was asked for: a request that is repeated makes no second one, and is answered by
        no other one."""
        place = self.place
        one, two = [place.history_to(place.propose(amount, key=f"key-{amount}").json["withdrawal"]["id"], "withdrawal.request")[0]["oid"]
                    for amount in (21, 22)]
        before = place.value("SELECT count(*) FROM custody.withdrawal")
        place.psql(f"UPDATE custody.withdrawal SET idempotency_key = 'other' WHERE id = '{one}'")
        self.assertProblem(place.propose(21, key="key-21"), 503, "corrupt", "Idempotency-Key")
        place.psql(f"""UPDATE custody.withdrawal AS w SET idempotency_key = 'key-21', request = r.request FROM custody.withdrawal AS r
                       WHERE w.id = '{two}' AND r.id = '{one}'""")
        self.assertProblem(place.propose(21, key="key-21"), 503, "corrupt", "Idempotency-Key")
        self.assertEqual(place.value("SELECT count(*) FROM custody.withdrawal"), before)
        place.psql(f"DELETE FROM custody.withdrawal WHERE id = '{two}'; UPDATE custody.withdrawal SET idempotency_key = 'key-21' WHERE id = '{one}'")
        again = place.propose(21, key="key-21")
        self.assertReceipt(again, one, "withdrawal.request")
        self.assertEqual(again.json["withdrawal"]["id"], one)
        self.assertEqual(place.propose(21, key="key-23").status, 201, "the same once more is another request")


if __name__ == "__main__":
    unittest.main(verbosity=2)
