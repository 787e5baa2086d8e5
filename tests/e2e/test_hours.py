#!/usr/bin/python3
"""Hours: what has all approvals and came at the wrong hour goes on by itself when the hour comes, under whichever version it was proposed.

The service alone lives two hours later in the end, so what it moves on the signer does not sign yet; that is not looked at.
"""

import datetime
import json
import unittest

import strongroom
from strongroom import canonical, digest, eventually, time_text

DAYS = ["fri", "mon", "sat", "sun", "thu", "tue", "wed"]
LATER = 2 / 24  # days


def hours(begin, end):
    """The condition that holds from one hour of any day until another, over midnight, too."""
    now = datetime.datetime.now(datetime.timezone.utc)
    first, last = (now + datetime.timedelta(hours=hour) for hour in (begin, end))
    if first.date() == last.date():
        return [{"days": DAYS, "from": first.strftime("%H:%M"), "until": last.strftime("%H:%M")}]
    parts = [{"days": DAYS, "from": "00:00", "until": last.strftime("%H:%M")}, {"days": DAYS, "from": first.strftime("%H:%M"), "until": "24:00"}]
    return [part for part in parts if part["from"] != part["until"]]


class Hours(strongroom.Case):
    def adopt(self, **changes):
        place = self.place
        row = next(row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force")
        now = json.loads(row["policy"]["document"])
        text = canonical({**now, "version": now["version"] + 1, "prev": row["digest"], "issued_at": time_text(), **changes})
        reply = place.call("POST", "/v1/policies", place.signed("policy", text, "admin-1", "admin-2"))
        self.assertEqual(reply.status, 200, reply)
        eventually(lambda: [row for row in place.call("GET", "/v1/policies").json["policies"]
                            if row["state"] == "in_force" and row["digest"] == digest("policy", text)], "the version is in force")
        return now

    def test_the_hour_comes(self):
        """Proposed under a version with hours, while the one in force has none; with rows before and behind it that nobody can judge."""
        place = self.place
        self.later(LATER, when=place.dir / "later")
        eventually(lambda: place.call_when(200, "GET", "/v1/policy"), "the service answers")
        [rule] = json.loads(place.call("GET", "/v1/policy").json["policy"]["document"])["rules"]
        self.adopt(rules=[{**rule, "when": {**rule["when"], "hours": hours(1, 4)}}])
        broken, row, fresh = (place.proposed(amount) for amount in (41, 42, 43))
        for one in (broken, row, fresh):
            self.assertEqual(place.approve(one)["state"], "approving")
        tree = place.call("GET", f"/v1/withdrawals/{row['id']}/explanation").json
        self.assertEqual((tree["decision"], tree["reason"], tree["version"]), ("waiting", "outside_hours", 2))
        self.adopt(rules=[rule])
        tree = place.call("GET", f"/v1/withdrawals/{row['id']}/explanation").json
        self.assertEqual((tree["decision"], tree["reason"], tree["version"]), ("waiting", "outside_hours", 2))
        for one in (broken, fresh):
            place.psql(f"UPDATE custody.withdrawal SET intent = convert_to('{{}}', 'UTF8') WHERE id = '{one['id']}'")
        (place.dir / "later").touch()
        states = eventually(lambda: (lambda state: state if state != "approving" else None)(
            place.value(f"SELECT state FROM custody.withdrawal WHERE id = '{row['id']}'")), "it goes on")
        self.assertIn(states, ("approved", "recorded"))
        left = [place.value(f"SELECT state FROM custody.withdrawal WHERE id = '{one['id']}'") for one in (broken, fresh)]
        self.assertEqual(left, ["approving", "approving"])


if __name__ == "__main__":
    unittest.main()
