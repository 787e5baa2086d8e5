#!/usr/bin/env python3
"""What a draft of the policy makes weaker, as `custody policy diff` says it and who signs is shown: nothing that differs is silent."""

import copy
import json
import os
import unittest

from tool import Case, Service, world

WORLD = world.World()
SPARE = {name: world.Key() for name in ("approver-4", "screener", "another")}
LIMIT = {"count": 3, "per": "wallet", "window_s": 3600}


def rule(name, above, up_to, **demand):
    amount = {key: value for key, value in (("above", above), ("up_to", up_to)) if value}
    return {"effect": "allow", "id": name, "when": {"amount": amount, "assets": [WORLD.asset], "requesters": ["desk"], "wallets": ["hot"]},
            "demand": {"max_amount": up_to, "steps": [[{"group": "approvers", "m": 2}, {"group": "screening", "m": 1}]], **demand}}


def second():
    """Version 2: a small and a large band, both with limits and screening, the large one with a delay."""
    people = WORLD.first["people"] + [world.person("approver-4", ["approver"], SPARE["approver-4"]),
                                      world.person("screener", ["automated"], SPARE["screener"])]
    groups = WORLD.first["groups"] + [{"id": "desk", "members": ["operator-1"]}, {"id": "screening", "members": ["screener"]}]
    night = {"days": ["sat"], "from": "22:00", "until": "24:00"}
    return WORLD.next_policy(
        WORLD.first, people=sorted(people, key=lambda row: row["id"]), groups=groups,
        governance={"delay_s": 20, "group": "administrators", "m": 3}, destinations={"cooling_s": 60, "groups": ["clients"]},
        rules=[rule("large", "1000", "100000", delay_s=20, limits=[{**LIMIT, "sum": "500000"}]),
               {"effect": "deny", "id": "night", "when": {"hours": [night], "wallets": ["hot"]}},
               rule("small", None, "1000", limits=[LIMIT])])


SECOND = second()


def row(document, kind, name):
    return next(one for one in document[kind] if one["id"] == name)


def edit(kind, name, change):
    return lambda draft: change(row(draft, kind, name))


def demand(**changes):
    return edit("rules", "large", lambda one: one["demand"].update(changes))


def when(**changes):
    return edit("rules", "large", lambda one: one["when"].update(changes))


def no_screening(draft):
    for name in ("large", "small"):
        row(draft, "rules", name)["demand"]["steps"] = [[{"group": "approvers", "m": 2}]]


def governance(**changes):
    return lambda draft: draft["governance"].update(changes)


# Of each draft: what is changed, and how the lines about it begin (all of them).
DRAFTS = {
    "limits deleted": (edit("rules", "large", lambda one: one["demand"].pop("limits")),
                       ["WEAKER rules.large.demand.limits.wallet-3600: {"]),
    "a limit's count": (demand(limits=[{**LIMIT, "count": 1000, "sum": "500000"}]),
                        ["WEAKER rules.large.demand.limits.wallet-3600.count: 3 -> 1000"]),
    "a limit's sum gone": (demand(limits=[LIMIT]), ['WEAKER rules.large.demand.limits.wallet-3600.sum: "500000" -> none']),
    "a limit's window": (demand(limits=[{**LIMIT, "sum": "500000", "window_s": 60}]),
                         ["WEAKER rules.large.demand.limits.wallet-3600: {", "STRONGER rules.large.demand.limits.wallet-60: none -> {"]),
    "a limit lowered": (demand(limits=[{**LIMIT, "sum": "4"}]), ['STRONGER rules.large.demand.limits.wallet-3600.sum: "500000" -> "4"']),
    "maximum": (demand(max_amount="100000000000"), ['WEAKER rules.large.demand.max_amount: "100000" -> "100000000000"']),
    "maximum lowered": (demand(max_amount="99999"), ['STRONGER rules.large.demand.max_amount: "100000" -> "99999"']),
    "amount band": (when(amount={"above": "1000", "up_to": "100000000000"}),
                    ['WEAKER rules.large.when.amount.up_to: "100000" -> "100000000000"']),
    "amount band from below": (when(amount={"up_to": "100000"}), ['WEAKER rules.large.when.amount.above: "1000" -> none']),
    "amount band gone": (edit("rules", "large", lambda one: one["when"].pop("amount")),
                         ["WEAKER rules.large.when.amount.above: ", "WEAKER rules.large.when.amount.up_to: "]),
    "amount band narrower": (when(amount={"above": "1000", "up_to": "90000"}), ["CHANGED rules.large.when.amount.up_to: "]),
    "delay": (demand(delay_s=1), ["WEAKER rules.large.demand.delay_s: 20 -> 1"]),
    "no delay": (edit("rules", "large", lambda one: one["demand"].pop("delay_s")), ["WEAKER rules.large.demand.delay_s: 20 -> none"]),
    "delay longer": (demand(delay_s=100), ["STRONGER rules.large.demand.delay_s: 20 -> 100"]),
    "a member": (edit("groups", "approvers", lambda one: one["members"].append("approver-4")),
                 ['WEAKER groups.approvers.members: none -> "approver-4"']),
    "another member": (edit("groups", "approvers", lambda one: one.update(members=["approver-2", "approver-3", "approver-4"])),
                       ['WEAKER groups.approvers.members: none -> "approver-4"',
                        'STRONGER groups.approvers.members: "approver-1" -> none']),
    "a duty": (edit("people", "approver-4", lambda one: one.update(duties=["approver", "requester"])),
               ['WEAKER people.approver-4.duties: none -> "requester"']),
    "a key replaced": (edit("people", "approver-1", lambda one: one.update(keys=[SPARE["another"].object()])),
                       ['WEAKER people.approver-1.keys: none -> {"alg":"p256","key":"',
                        'STRONGER people.approver-1.keys: {"alg":"p256","key":"']),
    "valid longer": (edit("people", "approver-1", lambda one: one.update(valid_until="2098-01-01T00:00:00.000000Z")),
                     ["WEAKER people.approver-1.valid_until: "]),
    "screening removed": (no_screening, ["WEAKER rules.large.demand.steps: [[", "WEAKER rules.small.demand.steps: [["]),
    "two steps": (demand(steps=[[{"group": "approvers", "m": 2}], [{"group": "screening", "m": 1}]]),
                  ["CHANGED rules.large.demand.steps: [["]),
    "anybody asks": (edit("rules", "large", lambda one: one["when"].pop("requesters")),
                     ['WEAKER rules.large.when.requesters: ["desk"] -> none']),
    "more ask": (when(requesters=["approvers", "desk"]), ['WEAKER rules.large.when.requesters: none -> "approvers"']),
    "types": (when(types=["transfer"]), ['CHANGED rules.large.when.types: none -> ["transfer"]']),
    "governance m": (governance(m=2), ["WEAKER governance.m: 3 -> 2"]),
    "governance delay": (governance(delay_s=1), ["WEAKER governance.delay_s: 20 -> 1"]),
    "cooling": (lambda draft: draft["destinations"].update(cooling_s=0), ["WEAKER destinations.cooling_s: 60 -> 0"]),
    "a group of addresses": (lambda draft: draft["destinations"]["groups"].append("own"),
                             ['WEAKER destinations.groups: none -> "own"']),
    "a rule that denied": (lambda draft: draft["rules"].pop(1), ["WEAKER rules.night: {"]),
    "a rule that allowed": (lambda draft: draft["rules"].pop(0), ["CHANGED rules.large: {"]),
    "a rule that denies": (lambda draft: draft["rules"].append({"effect": "deny", "id": "tiny", "when": {"wallets": ["hot"]}}),
                           ['STRONGER rules.tiny: none -> {"effect":"deny"']),
    "it denies less": (edit("rules", "night", lambda one: one["when"].update(tiers=["cold"])),
                       ['WEAKER rules.night.when.tiers: none -> ["cold"]']),
    "it denies more": (edit("rules", "night", lambda one: one["when"].pop("wallets")),
                       ['STRONGER rules.night.when.wallets: ["hot"] -> none']),
    "a rule": (lambda draft: draft["rules"].append({**rule("tiny", None, "5")}), ["CHANGED rules.tiny: none -> {"]),
    "tier": (edit("wallets", "hot", lambda one: one.update(tier="warm")), ['CHANGED wallets.hot.tier: "hot" -> "warm"']),
}


class Changes(Case):
    def setUp(self):
        super().setUp()
        admins = [WORLD.keys[name] for name in WORLD.ADMINS]
        versions = [world.signed("policy", world.canonical(one), *admins) for one in (WORLD.first, SECOND)]
        self.service = Service()
        self.addCleanup(self.service.end)
        self.service.routes = {("GET", "/v1/ledger/genesis"): (200, {"genesis": WORLD.genesis}), ("GET", "/v1/policies"): (200, {
            "policies": [{"state": state, "policy": one, "digest": world.digest("policy", one["document"])}
                         for state, one in zip(("past", "in_force"), versions)]})}
        self.base = ["--url", self.service.url, "--token-file", self.write("token", "a-bearer-token\n", 0o600),
                     "--trust", self.write("trust", world.canonical(WORLD.trust) + "\n")]
        os.mkdir(self.path("policies"))
        for number, version in enumerate(versions, 1):
            self.write(f"policies/{number}.json", json.dumps(version))
        self.key = self.key_file("admin", admins[0])

    def draft(self, change, **head):
        draft = WORLD.next_policy(copy.deepcopy(SECOND))
        change(draft)
        return self.write("draft", world.canonical({**draft, **head}))

    def diff(self, path):
        return self.good("policy", "diff", "--in", path, *self.base)

    def sign(self, path):
        words = ["sign", "policy", "--in", path, "--policy", self.path("policies"), "--out", self.path("signed"), "--key", self.key,
                 "--passphrase-file", self.passphrase]
        done = self.custody(*words)
        if os.path.exists(self.path("signed")):
            os.remove(self.path("signed"))
        return done

    def marks(self, said):
        return [line for line in said.splitlines() if line.split(" ")[0] in ("WEAKER", "CHANGED", "STRONGER") and
                not line.startswith("CHANGED wallet ")]

    def test_every_difference_has_its_line(self):
        for name, (change, lines) in DRAFTS.items():
            with self.subTest(name):
                marks = self.marks(self.diff(self.draft(change)))
                self.assertEqual(len(marks), len(lines), marks)
                for line in lines:
                    self.assertTrue([one for one in marks if one.startswith(line)], (line, marks))

    def test_who_signs_is_shown_the_same(self):
        for name in ("limits deleted", "a limit's count", "maximum", "amount band", "delay", "a member", "a key replaced",
                     "screening removed"):
            with self.subTest(name):
                done = self.sign(self.draft(DRAFTS[name][0]))
                self.assertEqual(done.returncode, 0, done.stderr)
                for line in DRAFTS[name][1]:
                    self.assertIn("\n" + line, done.stderr)

    def test_no_difference_no_line(self):
        said = self.diff(self.draft(lambda draft: None))
        self.assertIn("no difference but number and time", said)
        self.assertEqual(self.marks(said), [])

    def test_the_warnings_of_the_new_one(self):
        self.assertNotIn("smaller pieces", self.diff(self.draft(lambda draft: None)))

        def weaker(draft):
            no_screening(draft)
            for name in ("large", "small"):
                row(draft, "rules", name)["demand"].pop("limits")
            row(draft, "rules", "large")["demand"]["steps"][0][0]["m"] = 3
            row(draft, "groups", "approvers")["members"].append("approver-4")
        self.assertRegex(self.diff(self.draft(weaker)), "WARNING can be moved in smaller pieces")

    def test_what_cannot_follow(self):
        for head, words in (({"version": 9}, "must be version 3"), ({"version": 2}, "must be version 3"),
                            ({"issued_at": SECOND["issued_at"]}, "must be after"), ({"issued_at": world.at(0)}, "must be after")):
            with self.subTest(head):
                path = self.draft(lambda draft: None, **head)
                done = self.custody("policy", "diff", "--in", path, *self.base)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(words, done.stderr)
                done = self.sign(path)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
