#!/usr/bin/env python3
"""custody policy analyse on the shipped examples and on drafts, and that a policy that it refuses is not signed."""

import glob
import json
import os
import unittest

from tool import Case

EXAMPLES = os.path.join(os.environ["STRONGROOM_SOURCE_DIR"], "deploy/examples/policies")

# The weakest path of each wallet: its people, how many of them sign, after how many seconds.
WEAKEST = {
    "cold": {"cold": ("rule", 4, 3, 172800)},
    "emergency": {"hot": ("rule", 3, 2, 0)},
    "exchange-screening": {"hot": ("rule", 3, 2, 0)},
    "family-office": {"household": ("rule", 3, 2, 0), "savings": ("policy", 3, 3, 604800)},
    "hot-wallet": {"hot": ("rule", 3, 2, 0)},
    "issuer": {"issuance": ("policy", 3, 3, 172800), "treasury": ("rule", 3, 2, 0)},
    "ordered-steps": {"hot": ("policy", 3, 3, 86400)},
    "small-team": {"main": ("policy", 2, 2, 86400)},
    "treasury": {"treasury": ("rule", 3, 2, 0)},
    "two-sites": {"warm": ("rule", 3, 2, 0)},
}
REFUSED = {
    "refused-one-and-a-program": "rule pay asks for fewer than 2 people",
    "refused-one-approver": "rule pay asks for fewer than 2 people",
    "refused-one-in-two-groups": "which its groups cannot fill",
}


def example(name):
    return os.path.join(EXAMPLES, name + ".json")


def sets(case, kind):
    """The smallest sets as people read them: a set of (count, members)."""
    return {frozenset((part["count"], tuple(case["classes"][part["of"]]["members"])) for part in one)
            for one in case[kind]["smallest"]}


class Analyse(Case):
    def report(self, name, *words):
        return json.loads(self.good("policy", "analyse", "--in", example(name), "--json", *words))

    def case(self, report, act, *rules):
        return next(case for case in report["cases"] if case["act"] == act and case["rules"] == sorted(rules))

    def warned(self, report, code):
        return [row for row in report["warnings"] if row["code"] == code]

    def test_every_example_is_here(self):
        there = {os.path.basename(path)[:-5] for path in glob.glob(EXAMPLES + "/*.json")}
        self.assertEqual(there, set(WEAKEST) | set(REFUSED))
        with open(os.path.join(EXAMPLES, "README.md"), encoding="ascii") as file:
            described = file.read()
        for name in there:
            self.assertIn(f"`{name}.json`", described)

    def test_the_weakest_path_of_each(self):
        for name, wallets in WEAKEST.items():
            with self.subTest(name):
                report = self.report(name)
                self.assertEqual(report["verdict"]["verdict"], "accepted")
                for row in report["paths"]:
                    path = next(path for path in row["paths"] if path["path"] == row["weakest"])
                    self.assertEqual((row["weakest"], path["people"], path["signing"], path["delay_s"]), wallets.pop(row["wallet"]))
                self.assertEqual(wallets, {})
                said = self.good("policy", "analyse", "--in", example(name))
                self.assertIn("accepted", said)
                self.assertEqual(report, self.report(name))

    def test_the_refused_ones(self):
        for name, words in REFUSED.items():
            with self.subTest(name):
                self.assertIn(words, self.refused(1, "policy", "analyse", "--in", example(name)))

    def test_bands_of_a_hot_wallet(self):
        report = self.report("hot-wallet")
        small, large = self.case(report, "transfer", "small"), self.case(report, "transfer", "large")
        requests = (1, ("ria", "rob"))
        self.assertEqual(sets(small, "moves"), {frozenset({(2, ("ann", "ben", "cleo")), requests})})
        self.assertEqual(sets(small, "stops"), {frozenset({(2, ("ann", "ben", "cleo"))}), frozenset({(2, ("ria", "rob"))})})
        self.assertIn(frozenset({(1, ("ann",)), (2, ("ben", "cleo")), requests}), sets(large, "moves"))
        self.assertEqual((small["delay_s"], large["delay_s"]), (0, 3600))
        bands = [(band["above"], band["up_to"]) for band in report["wallets"][0]["bands"]]
        self.assertEqual(bands, [("0", "100000"), ("100000", "10000000")])
        self.assertEqual(self.warned(report, "in_pieces"), [])

    def test_a_program_is_told_apart(self):
        report = self.report("exchange-screening")
        case = self.case(report, "transfer", "withdraw")
        self.assertEqual((case["people"], case["signing"]), (3, 2))
        self.assertIn(frozenset({(1, ("screening",))}), sets(case, "stops"))
        self.assertIn("screening", [one for row in report["loss"] for part in row["lost"] for one in part["members"]])
        self.assertEqual(len(self.warned(report, "programs")), 1)

    def test_a_stronger_rule_is_the_only_way_to_a_stranger(self):
        report = self.report("treasury")
        paths = {path["path"]: path for path in report["paths"][0]["paths"]}
        self.assertEqual((paths["rule"]["to"], paths["destination"]["to"], paths["policy"]["to"]), ("listed", "any", "any"))
        self.assertEqual(paths["destination"]["people"], paths["rule"]["people"] + report["governance"]["people"])
        self.assertEqual(paths["destination"]["delay_s"], 86400)

    def test_nobody_to_spare(self):
        """One requester: his loss ends all payments. Of the administrators one may be lost."""
        report = self.report("small-team")
        lost = {row["lost"][0]["members"][0]: row["stops"] for row in report["loss"] if row["lost"][0]["count"] == 1}
        self.assertIn(0, lost["ria"])
        self.assertEqual(report["governance"]["vetoes"], 2)
        self.assertIn("governance", self.warned(report, "one_spare")[0]["cases"])

    def test_hours_and_requesters(self):
        report = self.report("ordered-steps")
        case = self.case(report, "transfer", "nights", "release")
        self.assertEqual(case["people"], case["signing"])  # the requester must sign, so the service cannot make one up
        self.assertEqual(self.case(self.report("cold"), "transfer", "out")["people"], 4)

    def test_when_people_have_expired(self):
        late = "2027-06-30T00:00:00.000000Z"
        report = self.report("small-team", "--at", late)
        self.assertEqual(len(self.warned(report, "expired")[0]["people"]), 7)
        self.assertIsNone(report["governance"]["people"])
        self.assertIsNone(report["paths"][0]["weakest"])
        soon = self.report("small-team", "--at", "2027-06-01T00:00:00.000000Z")
        self.assertEqual(len(self.warned(soon, "ends_soon")), 1)
        self.assertIn("must be a time", self.refused(2, "policy", "analyse", "--in", example("cold"), "--at", "tomorrow"))

    def test_in_pieces(self):
        """Without its limits the large amount goes in small pieces."""
        with open(example("hot-wallet"), encoding="ascii") as file:
            policy = json.load(file)
        for rule in policy["rules"]:
            del rule["demand"]["limits"]
        draft = self.write("draft", json.dumps(policy, sort_keys=True, separators=(",", ":")))
        report = json.loads(self.good("policy", "analyse", "--in", draft, "--json"))
        self.assertEqual([row["wallet"] for row in self.warned(report, "in_pieces")], ["hot"])
        self.assertIn("smaller pieces", self.good("policy", "analyse", "--in", draft))

    def test_signing_shows_it_and_refuses(self):
        self.good("key", "generate", "--out", self.path("key"), "--passphrase-file", self.passphrase)
        words = ("--key", self.path("key"), "--passphrase-file", self.passphrase)
        done = self.custody("sign", "policy", "--in", example("hot-wallet"), "--out", self.path("signed"), *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("wallet hot: the weakest path is rule", done.stderr)
        self.assertIn("fewer than 2 people", self.refused(1, "sign", "policy", "--in", example("refused-one-approver"), *words))


if __name__ == "__main__":
    unittest.main()
