#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL and edits the columns of entries of the trail.

The columns are for finding entries; no checkpoint covers them. custody-verify finds the edit in an export; until somebody looks, the
service must not decide by a column what the bytes of the entry do not say.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import eventually, time_text, uuid7  # noqa: E402


class Columns(strongroom.Case):
    def alarm(self, code):
        return next((row for row in self.place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == code), None)

    def overdue_medium(self):
        body = {"serial": f"card-{uuid7()[:13]}", "kind": "card", "place": "safe-1", "custodian": "custodian-1",
                "second": "custodian-1", "inspection_due": time_text(seconds=-60)}
        self.assertEqual(self.place.call("POST", "/v1/media", body).status, 201)
        return eventually(lambda: self.alarm("medium.overdue"), "the missed inspection is an alarm")

    def test_what_two_people_approved_does_not_become_their_answer_to_an_alarm(self):
        place = self.place
        row = place.withdraw(81)
        alarm = self.overdue_medium()
        place.psql(f"""UPDATE audit.leaf SET act = 'alarm.acknowledge', otype = 'alarm', oid = '{alarm["id"]}'
                       WHERE act = 'withdrawal.approve' AND oid = '{row["id"]}'""")
        forged = self.entries("alarm.acknowledge", otype="alarm", oid=alarm["id"])
        self.assertEqual([entry["actor"] for entry in forged], ["approver-1", "approver-2"])
        after = self.alarm("medium.overdue")
        self.assertEqual((after["id"], after["acknowledged"], after["answered"]), (alarm["id"], [], False))

        said = place.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", person="approver-1")
        self.assertEqual([answer["person"] for answer in said.json["alarm"]["acknowledged"]], ["approver-1"])
        status, told = place.verify("trail", place.export_trail())
        self.assertEqual(status, 1, told)
        self.assertRegex(told, rf"entry {forged[0]['seq']}: the column act was changed")


if __name__ == "__main__":
    unittest.main()
