#!/usr/bin/env python3
"""custody-verify evidence under policies that use the whole language: conditions, steps, programs, delays, limits, issues.

What both implementations say of random policies is in test_rules.py; here is what a bundle must hold for it.
"""

import copy
import os
import subprocess
import tempfile
import unittest

from world import Key, World, at, canonical, demanding, digest, matching, person

PROGRAM = os.environ["CUSTODY_VERIFY"]
WORLD = World()
WORLD.keys["screen-1"] = Key()
MALLORY = WORLD.keys["mallory"]
RULE = WORLD.first["rules"][0]  # 2 of approvers, up to 100000
DENY = {"effect": "deny", "id": "x", "when": RULE["when"]}
BEFORE = "operator-1"  # who asks in every bundle; the signature is on Friday, 2026-01-02T03:00:25


def places(m, group="approvers"):
    return {"group": group, "m": m}


def hours(*rows):
    return matching(RULE, hours=[{"days": days, "from": since, "until": until} for days, since, until in rows])


class Language(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)

    def write(self, name, text):
        path = os.path.join(self.place.name, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def policy(self, *rules, groups=(), people=()):
        document = copy.deepcopy(WORLD.first)
        rows = [*document["people"], *people]
        document.update(rules=list(rules), people=sorted(rows, key=lambda row: row["id"]),
                        groups=sorted([*document["groups"], *groups], key=lambda row: row["id"]))
        return document

    def judge(self, policy, **edits):
        """What is said of a bundle under one policy of these rules."""
        document = policy if isinstance(policy, dict) and "rules" in policy else self.policy(policy)
        trust = self.write("t.json", canonical({**WORLD.trust, "policy": digest("policy", canonical(document))}))
        bundle = WORLD.bundle(policies=[(document, WORLD.ADMINS)], **edits)
        return subprocess.run([PROGRAM, "evidence", "--trust", trust, self.write("bundle.json", canonical(bundle))],
                              capture_output=True, text=True, check=False)

    def proven(self, policy, **edits):
        done = self.judge(policy, **edits)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def refused(self, words, policy, status=1, **edits):
        """`status` 2: it would not be, by a clock that is a minute off."""
        done = self.judge(policy, **edits)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(words, done.stdout)

    # Conditions

    def test_a_condition_that_holds_and_one_that_does_not(self):
        friday = ["fri"]
        cases = {
            "amount": (matching(RULE, amount={"above": "2500", "up_to": "2501"}), matching(RULE, amount={"above": "2501"})),
            "amount, up to": (matching(RULE, amount={"up_to": "2501"}), matching(RULE, amount={"up_to": "2500"})),
            "destinations": (matching(RULE, destinations=["clients"]), matching(RULE, destinations=["own"])),
            "hours": (hours((friday, "03:00", "03:01")), hours((["sat", "thu"], "00:00", "24:00"))),
            "hours, several": (hours((["mon"], "00:00", "24:00"), (friday, "02:00", "24:00")), hours((friday, "00:00", "03:00"))),
            "hours, from": (hours((friday, "00:00", "24:00")), hours((friday, "03:01", "24:00"))),
            "ledgers": (matching(RULE, ledgers=[WORLD.chain]), matching(RULE, ledgers=["0" * 64])),
            "tiers": (matching(RULE, tiers=["hot", "warm"]), matching(RULE, tiers=["cold"])),
            "types": (matching(RULE, types=["transfer"]), matching(RULE, types=["issue"])),
        }
        for name, (holds, fails) in cases.items():
            with self.subTest(name):
                self.proven(holds)
                self.refused("no rule allows it", fails, 2 if name in ("hours, several", "hours, from") else 1)
                self.refused("a deny rule matches", self.policy(RULE, {**DENY, "when": holds["when"]}), 2 if name == "hours" else 1)
                self.proven(self.policy(RULE, {**DENY, "when": fails["when"]}))

    def test_what_is_not_in_the_language(self):
        when, demand = RULE["when"], RULE["demand"]
        cases = {
            "no assets": {**RULE, "when": {"wallets": ["hot"]}},
            "amount without assets": {**DENY, "when": {"amount": {"above": "1"}}},
            "an empty band": matching(RULE, amount={}),
            "an empty list": matching(RULE, ledgers=[]),
            "a list of numbers": matching(RULE, wallets=[1]),
            "a type": matching(RULE, types=["policy"]),
            "two types": matching(RULE, types=["issue", "transfer"]),
            "two types in one word": matching(RULE, types=["issue transfer"]),
            "a tier": matching(RULE, tiers=["lukewarm"]),
            "two tiers in one word": matching(RULE, tiers=["hot warm"]),
            "a day": hours((["friday"], "00:00", "24:00")),
            "an hour": hours((["fri"], "0:00", "24:00")),
            "an hour after the last": hours((["fri"], "00:00", "24:01")),
            "hours that end before they begin": hours((["fri"], "12:00", "12:00")),
            "an effect": {**RULE, "effect": "maybe"},
            "a deny rule that demands": {**DENY, "demand": demand},
            "an allow rule that demands nothing": {"effect": "allow", "id": "x", "when": when},
            "m of 0": demanding(RULE, steps=[[places(0)]]),
            "five steps": demanding(RULE, steps=5 * [[places(1)]]),
            "17 entries": demanding(RULE, steps=[17 * [places(1)]]),
            "a limit": demanding(RULE, limits=[{"per": "wallet", "window": 60}]),
            "no limits": demanding(RULE, limits=[]),
            "no delay": demanding(RULE, delay_s=0),
        }
        for name, rule in cases.items():
            with self.subTest(name):
                self.refused("a rule says what this program does not know", self.policy(*sorted([RULE, rule], key=lambda row: row["id"])))

    def ask(self, name=BEFORE, key=None, **changes):
        """The requester's own signature among the approvals."""
        def stage(rows):
            document = {**rows[0][0], "approver": name, "decision": "request", "key": (key or WORLD.keys[name]).id, **changes}
            return [*rows, [document, key or WORLD.keys[name]]]
        return stage

    def test_a_requester_signs(self):
        askers = [{"id": "askers", "members": [BEFORE]}, {"id": "others", "members": ["approver-3"]}]
        policy = self.policy(matching(RULE, requesters=["askers"]), groups=askers)
        told = self.proven(policy, approvals=self.ask())
        self.assertIn(f"asked by {BEFORE}, approved by", told)
        self.assertNotIn(BEFORE, told.split("approved by")[1])
        self.refused("a condition of a rule cannot be told", policy)
        self.refused("no rule allows it", self.policy(matching(RULE, requesters=["others"]), groups=askers), approvals=self.ask())
        self.refused("is a request by another than the requester", policy, approvals=self.ask("approver-3"))
        self.refused("is not signed by a key", policy, approvals=self.ask(key=MALLORY))
        self.refused("is a request of another form", policy, approvals=self.ask(seen=["0" * 64]))
        self.refused("is by the requester", policy, approvals=self.ask(decision="approve"))
        people = [{**row, "duties": ["operator"]} if row["id"] == BEFORE else row for row in policy["people"]]
        self.refused("by somebody who may not", {**policy, "people": people}, approvals=self.ask())

    def test_a_signature_of_the_requester_counts_for_nothing_else(self):
        rule = demanding(RULE, steps=[[places(3, "all")]])
        policy = self.policy(rule, groups=[{"id": "all", "members": [*WORLD.APPROVERS, BEFORE]}])
        self.refused("the quorum of a rule is not met", policy, approvals=self.ask())

    # Steps

    def test_a_later_step_has_seen_the_earlier(self):
        def then(rows):
            rows[1][0]["seen"] = [digest("approval", canonical(rows[0][0]))]
            return rows

        def another(rows):
            rows[1][0]["seen"] = [digest("approval", canonical({**rows[0][0], "signed_at": at(19)}))]
            return rows

        ordered = demanding(RULE, steps=[[places(1)], [places(1)]])
        self.proven(ordered, approvals=then)
        self.refused("the quorum of a rule is not met", ordered)
        self.refused("the quorum of a rule is not met", ordered, approvals=another)
        first = [{"id": "first", "members": ["approver-2", "approver-3"]}]
        self.refused("the quorum of a rule is not met", self.policy(demanding(RULE, steps=[[places(1, "first")], [places(1)]]), groups=first),
                     approvals=then)

    def test_one_person_fills_one_place(self):
        groups = [{"id": "one", "members": ["approver-1", "approver-2"]}, {"id": "two", "members": ["approver-1"]}]
        both = demanding(RULE, steps=[[places(1, "one"), places(1, "two")]])
        self.proven(self.policy(both, groups=groups))  # approver-2 for one, approver-1 for two
        groups[0]["members"] = ["approver-1", "approver-3"]
        self.refused("the quorum of a rule is not met", self.policy(both, groups=groups))

    def test_programs_do_not_make_a_quorum(self):
        screen = person("screen-1", ["automated"], WORLD.keys["screen-1"])

        def votes(rows):
            return [*rows, [{**rows[0][0], "approver": "screen-1", "key": WORLD.keys["screen-1"].id}, WORLD.keys["screen-1"]]]

        def policy(m):
            return self.policy(demanding(RULE, steps=[[places(m, "mixed")]]), people=[screen], groups=[
                {"id": "mixed", "members": [*WORLD.APPROVERS, "screen-1"]}])

        self.proven(policy(3), approvals=votes)
        self.refused("the quorum of a rule is not met", policy(3))
        self.refused("can be met without two humans", policy(2))

    # Delays and limits

    def announced(self, second, act="withdrawal.announced", told=None, **refs):
        """The entry before withdrawal.signing, which is at second 25."""
        def stage(events):
            events.insert(4, {**events[4], "act": act, "ts": at(second), "refs": {**events[4]["refs"], **refs},
                              "facts": {**events[4]["facts"], **(told or {})}})
            for row in events[:4]:
                row["ts"] = at(min(second, 24))
            for on, row in enumerate(events, 1):
                row["on"] = str(on)
        return stage

    def test_a_delay(self):
        rule = demanding(RULE, delay_s=3)
        self.proven(rule, events=self.announced(22))
        self.refused("does not show the delay", rule)
        self.refused("does not show the delay", rule, 2, events=self.announced(23))
        self.refused("does not show the delay", rule, events=self.announced(22, "withdrawal.approve"))
        for intent in ("0" * 64, "x", 7):
            self.refused("does not show the delay", rule, events=self.announced(22, intent=intent))
            self.proven(RULE, events=self.announced(22, intent=intent))
        self.refused("does not show the delay", rule, events=self.announced(22, told={"amount": "1"}))

    def test_limits_are_said_to_be_not_looked_at(self):
        said = self.proven(demanding(RULE, limits=[{"per": "wallet", "sum": "1", "window_s": 60}]))
        self.assertIn("not looked at: limits of version 1 (1)", said)
        self.assertNotIn("not looked at", self.proven(RULE))

    # Issues

    def test_an_issue_is_a_class_of_its_own(self):
        def issue(intent):
            intent["type"] = "issue"

        issues = matching(RULE, types=["issue"])
        self.assertIn("issued by wallet hot", self.proven(issues, intent=issue))
        self.refused("no rule allows it", RULE, intent=issue)
        self.refused("no rule allows it", matching(RULE, types=["transfer"]), intent=issue)
        self.refused("no rule allows it", issues)

    def test_a_type_that_there_is_not(self):
        for word in ("transfer", "policy", "validator_set", "upgrade", "forced_transfer", "issuer", ""):
            with self.subTest(word):
                self.refused("of the intent is none that there is", RULE, intent=lambda value, word=word: value.update(type=word))
        self.refused("of the intent is none that there is", RULE, intent=lambda value: value.update(type=""),
                     transaction=lambda value: {**value, "type": "transfer"})

    def test_bytes_of_another_type_than_the_intent(self):
        def issue(value):
            return {**value, "type": "issue"}

        self.refused("is not the one that the intent describes", RULE, transaction=issue)
        self.refused("is not the one that the intent describes", matching(RULE, types=["issue"]), intent=issue,
                     transaction=lambda value: {**value, "type": "transfer"})


if __name__ == "__main__":
    unittest.main()
