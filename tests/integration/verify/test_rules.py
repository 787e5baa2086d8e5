#!/usr/bin/env python3
"""The rules of a policy, judged twice: by the policy room and by custody-verify, which share no code for it.

Random policies and requests; both must say the same of each. The seed is printed; STRONGROOM_SEED=<number> repeats a run.
"""

import json
import os
import random
import subprocess
import unittest

from world import ENVIRONMENT, FAR, ZERO, Key, at, canonical, person

SEED = int(os.environ.get("STRONGROOM_SEED", random.SystemRandom().randrange(2**32)))
CASES = 6000
ADMINS = [f"admin-{n}" for n in range(1, 8)]
APPROVERS = [f"p-{n}" for n in range(1, 7)]
PROGRAMS = ["screen-1", "screen-2"]
REQUESTERS = ["r-1", "r-2"]
CHAIN, ASSETS = "c" * 64, ["a" * 64, "b" * 64]
DAYS = ["fri", "mon", "sat", "sun", "thu", "tue", "wed"]
TIMES = ["00:00", "06:00", "09:30", "12:00", "17:00", "24:00"]
DAY = 86400 * 10**6
MONDAY = 20454 * DAY  # 2026-01-01 is day 20454, a Thursday; any start will do


class Maker:
    """Random cases. What matters happens often: conditions mostly hold, approvals mostly suffice nearly."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        names = ADMINS + APPROVERS + PROGRAMS + REQUESTERS
        self.keys = {name: Key() for name in names}
        self.wallets = {name: Key() for name in ("cold-1", "hot-1")}

    def one(self, chance):
        return self.random.random() < chance

    def some(self, values, least=1, most=None):
        return sorted(self.random.sample(values, self.random.randint(least, most or len(values))))

    def people(self):
        rows = [person(name, ["administrator"], self.keys[name]) for name in ADMINS]
        rows += [person(name, ["approver", "requester"] if name in APPROVERS[:2] else ["approver"], self.keys[name])
                 for name in APPROVERS]
        rows += [person(name, ["automated"], self.keys[name]) for name in PROGRAMS]
        rows += [person(name, ["requester"], self.keys[name]) for name in REQUESTERS]
        for row in rows:
            if row["id"] in APPROVERS and self.one(0.1):
                row["valid_until"] = f"2026-01-{self.random.randint(1, 9):02}T00:00:00.000000Z"
        return sorted(rows, key=lambda row: row["id"])

    def groups(self):
        rows = [{"id": "admins", "members": ADMINS}, {"id": "askers", "members": sorted([*REQUESTERS, APPROVERS[0]])},
                {"id": "others", "members": ["r-2"]}]
        for name in ("g-1", "g-2", "g-3"):
            members = self.some(APPROVERS, 4) + (self.some(PROGRAMS) if self.one(0.3) else [])
            rows.append({"id": name, "members": sorted(members)})
        return sorted(rows, key=lambda row: row["id"])

    def hours(self):
        rows = []
        for _ in range(self.random.randint(1, 3)):
            since, until = sorted(self.random.sample(TIMES, 2))
            rows.append({"days": self.some(DAYS, 3), "from": since, "until": until})
        unique = {(row["from"], row["until"]): row for row in rows}
        return [unique[key] for key in sorted(unique)]

    def band(self):
        return self.random.choice([{"above": "5"}, {"up_to": "10"}, {"above": "3", "up_to": "8"}, {"above": "0"}, {"up_to": "7"}])

    def when(self, allows):
        conditions = {"amount": self.band, "destinations": lambda: self.some(["clients", "own", "venues"]), "hours": self.hours,
                      "ledgers": lambda: [CHAIN] if self.one(0.8) else ["d" * 64],
                      "requesters": lambda: self.random.choice([["askers"], ["askers", "others"], ["others"]]),
                      "tiers": lambda: self.some(["cold", "hot", "warm"]), "types": lambda: ["transfer"],
                      "wallets": lambda: self.some(["cold-1", "hot-1"])}
        when = {name: make() for name, make in conditions.items() if self.one(0.4 if name == "hours" else 0.2)}
        if allows or "amount" in when or self.one(0.5):
            when["assets"] = ASSETS if self.one(0.8) else self.some(ASSETS)
        return when

    def steps(self):
        """Of 2 to 5 places in most cases."""
        for _ in range(10):
            steps = [[{"group": name, "m": self.random.choice((1, 1, 2))} for name in self.some(["g-1", "g-2", "g-3"], 1, 2)]
                     for _ in range(self.random.choice((1, 1, 2, 2, 3)))]
            if 2 <= sum(entry["m"] for step in steps for entry in step) <= 5:
                break
        return steps

    def limit(self):
        row = {"per": "wallet", "window_s": self.random.randint(60, 2678400), "count": 3, "sum": "9"}
        row.pop(self.random.choice(["count", "sum", "none"]), None)
        return row

    def rule(self, name):
        if self.one(0.1):
            return {"effect": "deny", "id": name, "when": self.when(False)}
        demand = {"max_amount": self.random.choice(["7", "10", "1000"]), "steps": self.steps()}
        if self.one(0.2):
            demand["delay_s"] = self.random.randint(1, 2592000)
        if self.one(0.2):
            demand["limits"] = [self.limit()]
        return {"demand": demand, "effect": "allow", "id": name, "when": self.when(True)}

    def issues(self):
        """A rule of the class of issues: more people than any other, and a delay."""
        groups = self.some(["g-1", "g-2", "g-3"], 1, 2)
        when = {**self.when(True), "assets": ASSETS, "types": ["issue"]}
        demand = {"delay_s": 1, "max_amount": "1000", "steps": [[{"group": name, "m": 4 // len(groups)} for name in groups]]}
        return {"demand": demand, "effect": "allow", "id": "rule-9", "when": when}

    def policy(self):
        wallets = [{**self.wallets[name].object(), "assets": ASSETS, "id": name, "tier": name.split("-")[0]} for name in sorted(self.wallets)]
        return {"chain": CHAIN, "environment": ENVIRONMENT, "version": 1, "prev": ZERO, "issued_at": at(1), "people": self.people(),
                "groups": self.groups(), "wallets": wallets, "destinations": {"cooling_s": 0, "groups": ["clients", "own", "venues"]},
                "rules": [self.rule(f"rule-{n}") for n in range(self.random.randint(1, 3))] + [self.issues()] * self.one(0.3),
                "governance": {"delay_s": 2, "group": "admins", "m": 6}}

    def votes(self):
        """Each has seen most of what was there before."""
        voters = self.random.sample(APPROVERS + PROGRAMS + ADMINS[:1], self.random.randint(3, 9))
        rows = []
        careful = self.one(0.7)
        for name in voters:
            seen = [row["digest"] for row in rows if careful or self.one(0.6)]
            rows.append({"digest": f"{self.random.getrandbits(256):064x}", "person": name, "seen": sorted(seen)})
        self.random.shuffle(rows)
        return rows

    def case(self):
        moment = MONDAY + self.random.randrange(7) * DAY
        hour, minute = map(int, self.random.choice(TIMES[:-1]).split(":"))
        moment += (hour * 60 + minute) * 60 * 10**6 + self.random.choice([-1, 0, 1, 3600 * 10**6])
        policy = canonical(self.policy())
        kind = "issue" if self.one(0.4 if '"issue"' in policy else 0.05) else "transfer"
        case = {"amount": str(self.random.choice((1, 3, 5, 6, 7, 8, 10, 11))), "announced": moment - 40 * DAY,
                "asset": self.random.choice(ASSETS), "at": moment, "chain": CHAIN, "policy": policy,
                "requester": self.random.choice([*REQUESTERS, *REQUESTERS, *APPROVERS[:2]]), "returns": self.one(0.2), "signed": self.one(0.8),
                "type": kind, "votes": self.votes(), "wallet": self.random.choice(sorted(self.wallets))}
        if self.one(0.8):
            case["group"] = self.random.choice(["clients", "own", "venues"])
        return case


class Rules(unittest.TestCase):
    def answers(self, program, lines):
        done = subprocess.run([os.environ[program]], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    def test_both_say_the_same(self):
        print(f"STRONGROOM_SEED={SEED}")
        maker = Maker(SEED)
        lines = [json.dumps(maker.case()) for _ in range(CASES)]
        said = {"allowed": 0, "refused": 0, "unread": 0}
        for line, room, auditor in zip(lines, self.answers("RULES_POLICY", lines), self.answers("RULES_VERIFY", lines), strict=True):
            word = room.split()[0]
            said[word] += 1
            if word != "unread":  # below a floor: the quorum that signed it answers for that, not the auditor's program
                agreed = room == auditor if word == "allowed" else auditor.startswith("refused")
                self.assertTrue(agreed, f"the policy room: {room}; custody-verify: {auditor}; of\n{line}")
        print(said)
        self.assertGreater(said["allowed"], CASES // 20)
        self.assertGreater(said["refused"], CASES // 5)


if __name__ == "__main__":
    unittest.main()
