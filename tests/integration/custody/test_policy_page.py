#!/usr/bin/env python3
"""The worked examples of docs/policy.md: each is completed to a whole policy, decoded by custody, and said in the words beside it."""

import json
import os
import pathlib
import re
import unittest

from tool import Case, world

PAGE = pathlib.Path(os.environ["STRONGROOM_SOURCE_DIR"]) / "docs/policy.md"
WORLD = world.World()
NAMES = ("Hot wallet", "Treasury", "Cold wallet", "Emergency", "Issue")
MORE_ADMINS = ("admin-4", "admin-5", "admin-6")


def examples():
    """heading -> (the JSON of it, the lines of words)"""
    found = {}
    for section in re.split(r"(?m)^### ", PAGE.read_text(encoding="utf-8").split("## What is missing")[0])[1:]:
        [block] = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
        [words] = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
        found[section.split(":")[0]] = (json.loads(block), words.splitlines())
    return found


def merged(rows):
    """Rows of several examples with one id are one; members of a group come together."""
    by_id = {}
    for row in rows:
        there = by_id.setdefault(row["id"], dict(row))
        if "members" in row:
            there["members"] = sorted(set(there["members"]) | set(row["members"]))
    return [by_id[name] for name in sorted(by_id)]


def whole(*parts):
    """A policy of these examples: what they leave out is of the world's, keys are made."""
    policy = WORLD.policy_document()
    groups = merged(row for part in parts for row in part["groups"])
    key = {name: world.Key("ed25519") for name in [*[member for row in groups for member in row["members"]], *MORE_ADMINS,
                                                   *[row["id"] for part in parts for row in part["wallets"]]]}
    asking = {name for part in parts for rule in part["rules"] for name in rule["when"].get("requesters", [])}
    asks = {member for row in groups if row["id"] in asking for member in row["members"]}
    people = [world.person(name, ["approver", "requester"] if name in asks else ["approver"], key[name])
              for name in sorted({m for row in groups for m in row["members"]})]
    people += [world.person(name, ["administrator"], key[name]) for name in MORE_ADMINS]
    administrators = {"id": "administrators", "members": sorted([*WORLD.ADMINS, *MORE_ADMINS])}
    wallets = [{**row, **key[row["id"]].object(), "assets": [WORLD.asset]} for row in merged(row for part in parts for row in part["wallets"])]
    rules = json.loads(json.dumps(merged(row for part in parts for row in part["rules"])).replace('"DEMO"', f'"{WORLD.asset}"'))
    return {**policy, "people": sorted(policy["people"] + people, key=lambda row: row["id"]),
            "groups": sorted([administrators, *groups], key=lambda row: row["id"]), "wallets": wallets, "rules": rules,
            "destinations": {"cooling_s": 86400, "groups": sorted({name for part in parts for name in part["destinations"]})},
            "governance": {"delay_s": 172800, "group": "administrators", "m": 5}}


class Page(Case):
    def shown(self, policy):
        told = self.good("show", "policy", "--in", self.write("policy", world.canonical(policy)))
        return told.splitlines()

    def test_all_are_there(self):
        self.assertEqual(tuple(examples()), NAMES)

    def test_each(self):
        for name, (example, words) in examples().items():
            with self.subTest(name):
                lines = self.shown(whole(example))
                rules = lines[next(n for n, line in enumerate(lines) if line.startswith("rule ")):]
                self.assertEqual([line.replace(WORLD.asset, "DEMO") for line in rules], words)

    def test_together(self):
        """The examples do not contradict each other: one policy may hold all of them."""
        rows = [example for example, _ in examples().values()]
        lines = self.shown(whole(*rows))
        self.assertEqual([line.split(":")[0] for line in lines if line.startswith("rule ")],
                         [f"rule {rule['id']}" for rule in merged(rule for row in rows for rule in row["rules"])])

    def test_an_issue_takes_more_than_any_transfer(self):
        """One person less, no time to object, or a rule for both: no policy, though each would do for transfers."""
        parts = {name: example for name, (example, _) in examples().items()}
        rule = parts["Issue"]["rules"][0]
        fewer = [[{"group": "directors", "m": 2}, {"group": "treasury", "m": 2}]]
        soon = {name: value for name, value in rule["demand"].items() if name != "delay_s"}
        for change, where in (({"demand": {**rule["demand"], "steps": fewer}}, "demand.steps"), ({"demand": soon}, "demand.delay_s"),
                              ({"when": {**rule["when"], "types": ["issue", "transfer"]}}, "when.types")):
            with self.subTest(where):
                broken = whole(*[part for name, part in parts.items() if name != "Issue"], {**parts["Issue"], "rules": [{**rule, **change}]})
                told = self.refused(1, "show", "policy", "--in", self.write("policy", world.canonical(broken)))
                self.assertIn(where, told)

    def test_the_tests_see_what_is_wrong(self):
        example, _ = examples()["Emergency"]
        for change in ({"steps": [[{"group": "responders", "m": 1}]]}, {"steps": [[{"group": "responders", "m": 5}]]}, {"steps": []},
                       {"max_amount": ""}):
            with self.subTest(change):
                rule = example["rules"][0]
                broken = {**example, "rules": [{**rule, "demand": {**rule["demand"], **change}}]}
                self.refused(1, "show", "policy", "--in", self.write("policy", world.canonical(whole(broken))))


if __name__ == "__main__":
    unittest.main()
