#!/usr/bin/python3
"""`custody screen` votes for a program, which the policy asks before any person: the one line that it prints is the vote, and whatever
is no clear verdict is none, so that the place stays empty and nothing is signed."""

import json
import os
import pathlib
import signal
import subprocess
import unittest

import strongroom
from strongroom import canonical, digest, eventually, time_text

PROGRAM = """#!/bin/sh
# Judges as the operator's programs do; the file `mode` beside it says how.
[ "$(ls /proc/self/fd | tr '\\n' ' ')" = "0 1 2 3 " ] || exit 5 # nothing open but the three, and the folder that ls reads
[ $# = 0 ] && ! env | grep -q ^STRONGROOM_ && cat >>"$0.asked" && echo >>"$0.asked" || exit 4
case "$(cat "$0.mode")" in
approve) echo approve ;;
reject) echo reject ;;
silent) ;;
garbage) head -c 40 /dev/urandom ;;
nul) printf 'approve\\n\\0' ;;
half) printf approve ;;
both) echo approve; echo reject ;;
more) echo approve; echo "but ask again tomorrow" ;;
failing) echo approve; exit 1 ;;
crash) echo approve; kill -SEGV $$ ;;
killed) echo approve; kill -KILL $$ ;;
endless) echo approve; yes ;;
large) echo approve; head -c 50000 /dev/zero ;;
hang) echo approve; sleep 100000 & echo $! >"$0.left"; wait ;;
esac
"""
SCREENER = "screener-1"
FORMER = "screener-2"  # whose time is over


class Screen(strongroom.Case):
    """A version of the policy in which a program must have voted before two people do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.place
        people = place.dir / "people"
        keys = {who: cls.key_of(who) for who in (SCREENER, FORMER)}
        row = next(row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force")
        document = json.loads(row["policy"]["document"])
        [rule] = document["rules"]
        steps = [[{"group": "screeners", "m": 1}], [{"group": "approvers", "m": 2}]]
        until = {SCREENER: document["people"][0]["valid_until"], FORMER: time_text(seconds=-60)}
        screeners = [{"id": who, "duties": ["automated"], "keys": [key], "valid_until": until[who]} for who, key in keys.items()]
        small = {**rule, "id": "a-small", "when": {**rule["when"], "amount": {"up_to": "100"}}}
        large = {**rule, "id": "b-screened", "when": {**rule["when"], "amount": {"above": "100"}}, "demand": {**rule["demand"], "steps": steps}}
        text = canonical({**document, "version": 2, "prev": row["digest"], "issued_at": time_text(), "rules": [small, large],
                          "people": sorted(document["people"] + screeners, key=lambda person: person["id"]),
                          "groups": sorted(document["groups"] + [{"id": "screeners", "members": [SCREENER, FORMER]}], key=lambda group: group["id"])})
        reply = place.call("POST", "/v1/policies", place.signed("policy", text, "admin-1", "admin-2"))
        assert reply.status == 200, reply
        eventually(lambda: [row for row in place.call("GET", "/v1/policies").json["policies"]
                            if row["state"] == "in_force" and row["digest"] == digest("policy", text)], "the version is in force")
        token = place.grant(SCREENER, "automated")
        for who in (SCREENER, FORMER):
            (people / f"{who}.token").write_text(token)
            (people / f"{who}.token").chmod(0o600)
        cls.program = place.dir / "screen-address"
        cls.program.write_text(PROGRAM)
        cls.program.chmod(0o755)

    @classmethod
    def key_of(cls, who):
        people = cls.place.dir / "people"
        (people / f"{who}.passphrase").write_text(f"a passphrase of {who}")
        (people / f"{who}.passphrase").chmod(0o600)
        made = cls.place.custody("key", "generate", "--out", f"{people}/{who}.key", "--passphrase-file", f"{people}/{who}.passphrase")
        (people / f"{who}.json").write_text(made.stdout)
        key = json.loads(made.stdout)
        return {"alg": key["alg"], "key": key["key"]}

    def setUp(self):
        self.asked().unlink(missing_ok=True)

    def asked(self):
        return self.program.with_suffix(".asked")

    def mode(self, mode):
        self.program.with_suffix(".mode").write_text(mode)

    def command(self, *options, program=None, who=SCREENER):
        people = self.place.dir / "people"
        return ["screen", "--command", str(program or self.program), "--key", f"{people}/{who}.key", "--passphrase-file",
                f"{people}/{who}.passphrase", "--token-file", f"{people}/{who}.token", *options]

    def screen(self, *options, **named):
        """With a file of ours open, which is none of the program's business."""
        with open(os.devnull, "rb") as ours:
            return self.place.custody(*self.command(*options, **named), person=SCREENER, check=False, pass_fds=(ours.fileno(),))

    def is_gone(self, pid):
        try:
            return "\nState:\tZ" in pathlib.Path(f"/proc/{pid}/status").read_text()
        except (OSError, UnicodeDecodeError):
            return True

    def end(self, row):
        self.assertEqual(self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)

    def test_it_passes_and_then_people_decide(self):
        place = self.place
        self.mode("approve")
        rows = [place.proposed(amount) for amount in (200, 300)]
        other = place.proposed(50)  # no rule that matches asks the program
        done = self.screen()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(done.stdout.splitlines()), sorted(f"withdrawal {row['id']}: approve, handed in" for row in rows))
        self.assertEqual(place.read(other["id"])["approvals"], [])
        questions = [json.loads(line) for line in self.asked().read_text().splitlines()]
        self.assertEqual([canonical(question) for question in questions], self.asked().read_text().splitlines())
        self.assertEqual({question["withdrawal"] for question in questions}, {row["id"] for row in rows})
        question = next(question for question in questions if question["withdrawal"] == rows[0]["id"])
        told = {"amount": "200", "asset": place.asset, "asset_code": "DEMO", "decimals": 2, "destination": place.payee, "wallet": "hot",
                "wallet_address": place.hot, "requester": "operator-1", "requester_signed": False, "approved_by": [], "type": "transfer",
                "intent": rows[0]["intent_digest"], "transaction": rows[0]["transaction_id"]}
        self.assertEqual({name: question[name] for name in told}, told)
        self.assertEqual(self.screen().stdout, "")  # it has voted
        self.assertEqual(len(self.asked().read_text().splitlines()), 2)
        files = lambda person: ("--key", f"{place.dir}/people/{person}.key", "--passphrase-file", f"{place.dir}/people/{person}.passphrase")
        for person in ("approver-1", "approver-2"):
            self.assertNotEqual(place.read(rows[0]["id"])["state"], "approved")
            place.custody("approve", rows[0]["id"], "--code", rows[0]["short_code"], *files(person), person=person)
        place.wait(rows[0]["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(rows[0]["id"]))
        for row in (rows[1], other):
            self.end(row)

    def test_it_rejects(self):
        self.mode("reject")
        row = self.place.proposed(400)
        done = self.screen()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"withdrawal {row['id']}: reject, handed in\n")
        self.assertEqual(self.place.read(row["id"])["state"], "rejected")

    def test_what_is_no_verdict_is_no_vote(self):
        place = self.place
        row = place.proposed(500)
        none, late = "printed neither", "took too long and was killed"
        for mode, options, why in (("silent", (), none), ("garbage", (), none), ("nul", (), none), ("half", (), none), ("both", (), none),
                                   ("more", (), none), ("large", (), none), ("failing", (), "exit status 1"),
                                   ("crash", (), "ended by signal 11"), ("killed", (), "ended by signal 9"),
                                   ("endless", ("--call-timeout", "1"), late), ("hang", ("--call-timeout", "15"), late)):
            with self.subTest(mode):
                self.mode(mode)
                done = self.screen(*options)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"custody: withdrawal {row['id']}: no vote: ", done.stderr)
                self.assertIn(why, done.stderr)
                self.assertIn("1 of 1 that waited got no vote", done.stderr)
                self.assertLess(len(done.stderr), 1000)
                self.assertEqual((place.read(row["id"])["state"], place.read(row["id"])["approvals"]), ("reserved", []))
        left = int(self.program.with_suffix(".left").read_text())
        eventually(lambda: self.is_gone(left), "its children are killed, too")
        with self.subTest("missing"):
            done = self.screen(program=place.dir / "nothing")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, f"withdrawal {row['id']}: no vote: .*could not start")
        self.mode("approve")
        self.assertEqual(self.screen().returncode, 0)  # and it is asked again
        self.end(row)

    def test_people_before_it_are_told_to_wait_and_can_approve_after_it(self):
        place = self.place
        row = place.proposed(550)
        files = ("--key", f"{place.dir}/people/approver-1.key", "--passphrase-file", f"{place.dir}/people/approver-1.passphrase")
        why = r"rule b-screened: step 1 \(screeners\) is not complete"
        early = place.approval(row, "approver-1")
        for _ in range(2):  # nothing of it is kept
            refused = place.decide(row, "approver-1", document=early)
            self.assertProblem(refused, 409, "conflict", "seen")
            self.assertRegex(json.dumps(refused.json), why)
        done = place.custody("approve", row["id"], "--code", row["short_code"], *files, person="approver-1", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, "nothing was signed: " + why)
        self.assertEqual((place.read(row["id"])["state"], place.read(row["id"])["approvals"]), ("reserved", []))
        self.mode("approve")
        self.assertEqual(self.screen().returncode, 0)
        self.assertProblem(place.decide(row, "approver-1", document=early), 409, "conflict", "seen")  # it did not see the vote
        place.custody("approve", row["id"], "--code", row["short_code"], *files, person="approver-1")
        given = {json.loads(signed["document"])["approver"]: signed for signed in place.read(row["id"])["approvals"]}
        vote, approval = given[SCREENER], given["approver-1"]
        again = place.decide(row, "approver-1", document=approval)
        self.assertEqual(again.status, 200, again)  # the same document again, as ever
        seen = [digest("approval", vote["document"])]
        self.assertEqual(place.decide(row, "approver-2", document=place.approval(row, "approver-2", seen=seen)).status, 200)
        place.wait(row["id"], "confirmed")

    def test_an_intent_that_is_not_what_it_says_is_never_shown_to_it(self):
        place = self.place
        row = place.proposed(600)
        self.mode("approve")
        text = row["intent"].replace('"amount":"600"', '"amount":"601"')
        self.assertNotEqual(text, row["intent"])
        change = "UPDATE custody.withdrawal SET intent = convert_to('{}', 'UTF8') WHERE id = '{}'"
        place.psql(change.format(text, row["id"]))
        done = self.screen()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, f"withdrawal {row['id']}: no vote: .*transaction")
        self.assertFalse(self.asked().exists())
        place.psql(change.format(row["intent"], row["id"]))
        self.end(row)

    def test_in_rounds_until_it_is_told_to_end(self):
        place = self.place
        self.mode("crash")
        row = place.proposed(700)
        log = place.dir / "log/screen"
        with open(log, "wb") as stream:
            process = subprocess.Popen([str(place.dir / "bin/custody"), *self.command("--every", "1")], stdin=subprocess.DEVNULL,
                                       stdout=stream, stderr=stream, env=place.environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.until(lambda: log.read_text().count(f"{row['id']}: no vote") >= 2, "it is asked again")
        self.mode("approve")
        self.until(lambda: place.read(row["id"])["approvals"], "it votes")
        later = place.proposed(800)
        self.until(lambda: place.read(later["id"])["approvals"], "and of what comes later")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(), 0)
        for each in (row, later):
            self.end(each)

    def test_no_person_decides_unseen_and_the_program_is_nobody_else(self):
        place = self.place
        self.mode("approve")
        row = place.proposed(900)
        done = self.screen(who="approver-1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("has not the duty automated", done.stderr)
        self.assertEqual((place.read(row["id"])["approvals"], self.asked().exists()), ([], False))
        former = self.screen(who=FORMER)
        self.assertEqual((former.returncode, former.stdout, self.asked().exists()), (1, "", False))
        self.assertIn(f"key: is of {FORMER}, whose time is over", former.stderr)
        self.assertIn("absolute path", self.screen(program="screen-address").stderr)
        self.assertProblem(place.propose(100, person=SCREENER), 403, "forbidden")
        self.assertProblem(place.call("POST", f"/v1/alarms/{'0' * 64}/acknowledge", person=SCREENER), 403, "forbidden")
        self.end(row)


if __name__ == "__main__":
    unittest.main()
