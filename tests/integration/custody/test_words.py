#!/usr/bin/env python3
"""What the programs say to people: help of each command, wrong arguments in one line, answers and errors of the service in words."""

import base64
import hashlib
import json
import os
import pty
import re
import subprocess
import unittest

from test_service import BUNDLE, ID, INTENT, POLICY, SHOW, WORLD, Lying
from tool import ESCAPES, PROGRAM, Case, problem, world

OPTION = re.compile(r"--[a-z][a-z-]*")


def commands():
    """The commands by their own words, as the help of all lists them, with the form of each."""
    text = subprocess.run([PROGRAM, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = {}
    for line in re.findall(r"(?m)^  (\S.*)$", text):
        words = line.split()
        second = words[1] if re.fullmatch("[a-z]+", (words + [""])[1]) and "|" not in " ".join(words[1:3]) else ""
        found[f"{words[0]} {second}".strip()] = line
    return found


class Help(Case):
    def test_each_command_has_its_own(self):
        every = commands()
        self.assertGreater(len(every), 45)
        for name, form in every.items():
            with self.subTest(name):
                told = self.good(*name.split(), "--help")
                self.assertTrue(told.startswith(f"NAME\n  custody {name} - "), told)
                self.assertIn(f"SYNOPSIS\n  custody {form}\n", told)
                options = set(re.findall(r"(?m)^  (--[a-z-]+)", told))
                self.assertLessEqual(set(OPTION.findall(form)), options, "the form has an option that it does not take")
                example = told.partition("\nEXAMPLE\n  ")[2]
                self.assertTrue(example.startswith(f"custody {name}"), example)
                first = re.split(r"&&|;|\$\(| # ", example)[0]
                self.assertLessEqual(set(OPTION.findall(first)), options, "the example has an option that it does not take")
                self.assertEqual(self.good(*name.split(), "words", "--json", "--help"), told)

    def test_what_all_say(self):
        self.assertIn("exit 0 done, 1 refused or failed, 2 wrong arguments", self.good("--help"))
        told = self.good("media", "--help")
        self.assertIn("media confirm SERIAL ENTRY", told)
        self.assertNotIn("propose", told)
        self.assertRegex(self.good("--version"), r"^custody \d")
        self.assertRegex(self.good("list", "--version"), r"^custody \d")

    def test_version_and_help_without_a_command(self):
        """Of every program; that they could not be written is an error, and none of its verdicts."""
        programs = {"custody": "CUSTODY", "custodyd": "CUSTODYD", "signerd": "SIGNERD", "custody-verify": "CUSTODY_VERIFY", "custody-nonces": "CUSTODY_NONCES"}
        for name, variable in programs.items():
            for words, told in ((["--version"], rf"^{name} \d+\.\d+\.\d+\n$"), (["--help"], name),
                                (["audit", "show", "--help"] if name == "custody" else ["trail", "--help"] if name == "custody-verify" else ["run", "--help"]
                                 if name.endswith("d") else ["--help"], rf"^NAME\n  {name}")):
                with self.subTest(name=name, words=words):
                    command = [os.environ[variable], *words]
                    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertRegex(done.stdout, told)
                    for where in ("/dev/full", "&-"):
                        done = subprocess.run(["sh", "-c", f'exec "$@" >{where}', "sh", *command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                              check=False)
                        self.assertEqual(done.returncode, 74, where)
                        self.assertRegex(done.stderr, rf"^{name}.*: the result could not be written\n$")


class Usage(Case):
    def assert_line(self, told, *words):
        self.assertEqual(told.count("\n"), 1, told)
        for word in words:
            self.assertIn(word, told)

    def test_wrong_arguments_of_custody(self):
        for words, told in ((["propose"], "custody propose: --wallet: name the wallet"),
                            (["propose", "--wallt", "hot"], "--wallt: there is no such option; custody propose --help"),
                            (["list", "--wallet", "hot"], "--wallet: this command does not take it; custody list --help"),
                            (["list", "--wallet=hot"], "--wallet: this command does not take it"),
                            (["wait", "x", "--json"], "--json: this command does not take it"),
                            (["list", "--timeout", "soon"], "--timeout: an integer from 1 to 3600 s, not soon"),
                            (["list", "--json=maybe"], "--json: yes or no, not maybe"),
                            (["list", "--timeout"], "--timeout: a value must follow"),
                            (["list", "--url", "https://localhost", "--url", "x"], "--url: given twice"),
                            (["wait"], "too few words: custody wait ID; custody wait --help"),
                            (["wait", "a", "b"], "too many words: custody wait ID"),
                            (["wait", "--timeout", "7", "x"], "x: words of the command stand before the options"),
                            (["list"], "--url: give it, or set STRONGROOM_URL"),
                            (["audit", "copy", "--dir", "d", "--check", "--every", "5"], "--every: not with --check, which looks once"),
                            (["audit", "copy", "--dir", "d", "--in", "x"], "--in: a checkpoint, with --check only"),
                            (["media", "confirm", "x"], "too few words: custody media confirm SERIAL ENTRY")):
            with self.subTest(words):
                self.assert_line(self.refused(2, *words), told)
        self.assert_line(self.refused(2, "--wallet", "hot"), "custody: --wallet: a command comes before the options; custody --help")
        for words in (["prop"], ["prop", "--help"], ["help", "propose"]):
            self.assert_line(self.refused(2, *words), f"custody: there is no command {words[0]}", "; the first word is one of key wallets propose list ",
                             " audit ", "; custody --help\n")
        told = self.refused(2, "key", "suspend")
        self.assertTrue(told.startswith("custody: there is no command key suspend\n"), told)
        self.assertIn("key send --command FILE", told)

    def test_wrong_arguments_of_the_other_programs(self):
        """One line with the option and its rule; the daemons end with 64, which a service manager must not restart; custody-verify with 3."""
        role = ["--role=audit", "--guard=g", "--policy=p", "--socket=s", "--clients=me"]
        log = ["--database=d", "--origin=o", "--log-key=k"]
        for program, status, words, told in (
                ("SIGNERD", 64, [], "signerd: a subcommand comes first; signerd --help"),
                ("SIGNERD", 64, ["renew"], "signerd: renew: there is no such subcommand; signerd --help"),
                ("SIGNERD", 64, ["run"], "signerd run: --role: the option is required; signerd run --help"),
                ("SIGNERD", 64, ["run", *role, "--sesions=3"], "signerd run: --sesions: there is no such option; signerd run --help"),
                ("SIGNERD", 64, ["run", *role, "--sessions=99"], "signerd run: --sessions: an integer from 1 to 63, not 99; signerd run --help"),
                ("SIGNERD", 64, ["run", *role, "now"], "signerd run: now: options only; signerd run --help"),
                ("SIGNERD", 64, ["run", "--role=notary", *role[1:]], "signerd: --role: transfer, audit or validator; signerd --help"),
                ("CUSTODYD", 64, [], "custodyd: the first argument must be run, token, revoke, rebuild, prune or fork; custodyd --help"),
                ("CUSTODYD", 64, ["run", "--port=1"], "custodyd run: --port: there is no such option; custodyd run --help"),
                ("CUSTODYD", 64, ["token", "--days=0"], "custodyd token: --days: an integer from 1 to 3650 d, not 0; custodyd token --help"),
                ("CUSTODYD", 64, ["token", "--listen=x"], "custodyd token: --listen: this command does not take it; custodyd token --help"),
                ("CUSTODYD", 64, ["prune", *log, "--policy=p", "--pending-key=k", "--archive=a", "--retention-days=9"],
                 "custodyd prune: --before: the option is required; custodyd prune --help"),
                ("CUSTODYD", 64, ["rebuild", *log], "custodyd rebuild: --copy: the option is required; custodyd rebuild --help"),
                ("CUSTODYD", 64, ["fork", *log, "--policy=p"], "custodyd fork: --order: the option is required; custodyd fork --help"),
                ("CUSTODY_VERIFY", 3, ["trail", "x"], "custody-verify trail: --trust: the option is required; custody-verify trail --help"),
                ("CUSTODY_VERIFY", 3, ["address", "--max-age-days=x"],
                 "custody-verify address: --max-age-days: an integer from 1 to 36500 days, not x; custody-verify address --help"),
                ("CUSTODY_VERIFY", 3, ["evidence", "--trust=t"], "custody-verify evidence: too few words: after the options comes BUNDLE")):
            with self.subTest(program=program, words=words):
                done = subprocess.run([os.environ[program], *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
                self.assert_line(done.stderr, told)

    def test_help_says_which_options_are_required(self):
        for name, required in (("key command", {"--policy", "--reason"}), ("show", set()), ("freeze", {"--policy", "--reason"}),
                               ("audit copy", {"--dir"}), ("log rotate", {"--document", "--size", "--policy", "--reason"})):
            said = re.findall(r"(?m)^  (--[a-z-]+).*\n.* Required\.$", self.good(*name.split(), "--help"))
            self.assertEqual(set(said), required, name)

    def test_an_option_that_would_have_no_effect_is_refused(self):
        """Each command takes its own options and no other; those of the connection may stand anywhere."""
        every = set(re.findall(r"--[a-z-]+", "".join(re.findall(r"(?m)^  --[a-z-]+", "".join(
            self.good(*name.split(), "--help") for name in commands())))))
        connection = {"--url", "--token-file", "--ca", "--trust", "--timeout", "--config"}
        for name in commands():
            taken = set(re.findall(r"(?m)^  (--[a-z-]+)", self.good(*name.split(), "--help")))
            with self.subTest(name):
                foreign = sorted(every - taken - connection)[0]
                self.assert_line(self.refused(2, *name.split(), foreign), f"{foreign}: this command does not take it")


PATH = SHOW[1]
AMOUNTS = {"available": "2500", "reserved": "1", "suspense": "0", "posted": "123456789"}
BAD = ESCAPES + "\x7f\r\n\x08\u0085"  # what a terminal might obey


class Answering(Lying):
    def assertClean(self, *texts):
        for text in texts:
            self.assertFalse(set(text) - set(map(chr, range(32, 127))) - {"\n"}, repr(text))

    def said(self, *words):
        done = self.custody(*words)
        self.assertClean(done.stdout, done.stderr)
        return done

    def answers(self, path, value, method="GET"):
        self.service.routes[(method, path)] = (200, value)

    def wallet(self, **changes):
        balance = {"asset": WORLD.asset, "code": "EURO", "decimals": 0, "frozen": False, **AMOUNTS}
        return {"name": "hot", "tier": "hot", "key_id": "ab" * 32, "key_state": "active", "address": WORLD.keys["wallet"].address(),
                "balances": [balance], "suspense": [], **changes}

    def without_trust(self):
        return [word for word in self.base if word not in ("--trust", self.trust)]


class Answers(Answering):
    def test_wallets(self):
        """Code and decimals are those of the ledger, whatever the service says of them."""
        self.answers("/v1/wallets", {"wallets": [self.wallet()]})
        told = self.good("wallets", *self.base)
        for words in ("wallet hot, tier hot", f"address        {WORLD.keys['wallet'].address()}", WORLD.asset,
                      "available      25 DEMO (2500 base units)", "reserved       0.01 DEMO (1 base units)",
                      "in suspense    0 DEMO (0 base units)", "on the ledger  1234567.89 DEMO (123456789 base units)"):
            self.assertIn(words, told)
        self.assertNotIn("EURO", told)
        self.assertNotIn("FROZEN", told)
        receipt = {"transaction": "cd" * 32, "asset": WORLD.asset, "amount": "77", "sender": "sr1somebody", "key_state": "suspended"}
        wallet = self.wallet(suspense=[receipt])
        wallet["balances"][0]["frozen"] = True
        self.answers("/v1/wallets", {"wallets": [wallet]})
        told = self.good("wallets", *self.base)
        for words in ("FROZEN", "in suspense, 0.77 DEMO (77 base units)", "cd" * 32, "custody propose --returns"):
            self.assertIn(words, told)

    def test_why_there_is_no_address(self):
        """In words for each reason that docs/openapi.yaml has; one of the future is told as it is."""
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../docs/openapi.yaml")
        with open(page, encoding="utf-8") as file:
            reasons = re.search(r"(?s)AddressReason:.*?enum: \[(.*?)\]", file.read())[1].replace(",", " ").split()
        self.assertGreater(len(reasons), 5)
        for reason in [*reasons, "of_the_future"]:
            wallet = {name: value for name, value in self.wallet(address_reason=reason).items() if name != "address"}
            self.answers("/v1/wallets", {"wallets": [wallet]})
            self.answers("/v1/keys", {"keys": [{**wallet, "state": "inactive"}]})
            for told in (self.good("wallets", *self.base), self.good("key", "list", *self.base)):
                self.assertRegex(told, rf"(?m)^  no address     {reason}" + (": .+$" if reason in reasons else "$"))

    def test_a_wallet_with_another_address_is_not_shown(self):
        """Who copies the address that the service made up pays a thief."""
        for wallet in (self.wallet(address=WORLD.keys["mallory"].address()), self.wallet(name="cold"), self.wallet(name=BAD)):
            self.answers("/v1/wallets", {"wallets": [wallet]})
            done = self.custody("wallets", *self.base)
            self.assertEqual(done.returncode, 1)
            self.assertNotIn(WORLD.keys["mallory"].address(), done.stdout + done.stderr)
            self.assertNotIn(WORLD.keys["wallet"].address(), done.stdout)

    def test_without_a_trust_file(self):
        """Base units and the id of the asset; no address that nothing was held against."""
        self.answers("/v1/wallets", {"wallets": [self.wallet()]})
        done = self.custody("wallets", *self.without_trust())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"2500 base units of asset {WORLD.asset}", done.stdout)
        self.assertNotIn("sr1", done.stdout)
        self.assertIn("--trust", done.stderr)

    def test_list(self):
        row = {"id": ID, "state": "approving", "wallet": "hot", "asset": WORLD.asset, "amount": "2501",
               "destination": INTENT["destination"], "short_code": "AAAA-BBBB"}
        self.answers("/v1/withdrawals", {"withdrawals": [row], "next": "more"})
        self.answers("/v1/withdrawals?cursor=more", {"withdrawals": [{**row, "amount": "-1"}]})
        first, second = self.good("list", *self.base).splitlines()
        self.assertEqual(first, f"{ID}  approving  25.01 DEMO (2501 base units) from hot to {INTENT['destination']}  code AAAA-BBBB")
        self.assertIn("an amount that cannot be read", second)
        self.assertIn(f"2501 base units of asset {WORLD.asset}", self.good("list", *self.without_trust()))
        self.service.routes[("GET", "/v1/ledger/genesis")] = (200, {"genesis": "{}"})
        self.refused(1, "list", *self.base)

    def test_what_was_cancelled_is_told_in_units_too(self):
        """It has taken effect: a trust file that leads nowhere does not make a failure of it."""
        row = {"id": ID, "state": "cancelled", "asset": WORLD.asset, "amount": "2501"}
        self.answers(PATH + "/cancel", {"withdrawal": row}, "POST")
        self.assertIn("cancelled  25.01 DEMO (2501 base units)", self.good("cancel", ID, *self.base))
        self.service.routes[("GET", "/v1/ledger/genesis")] = (200, {"genesis": "{}"})
        self.assertIn(f"cancelled  2501 base units of asset {WORLD.asset}", self.good("cancel", ID, *self.base))

    def explanation(self, **changes):
        people = [{"id": f"p-{n}", "standing": standing} for n, standing in
                  enumerate(("counted", "may_approve", "requester", "expired", "of-the-future", "too_early"))]
        demands = [{"kind": "max_amount", "met": True, "limit": "100000", "amount": "2501"}, {"kind": "destination", "met": False},
                   {"kind": "quorum", "met": False, "group": "approvers", "need": 2, "have": 1, "open": 1, "people": people},
                   {"kind": "quorum", "met": False, "step": 2, "group": "risk", "need": 1, "have": 0, "open": 2, "people": []},
                   {"kind": "known", "met": False, "condition": "requesters"},
                   {"kind": "return", "met": False, "need": 3, "have": 1, "open": 1}, {"kind": "moon", "met": False}]
        return {"decision": "waiting", "reason": "quorum_missing", "text": "one more", "not_counted": [
            {"id": "p-9", "why": "in_no_group_of_a_matching_rule"}],
                "others": [{"id": "night", "effect": "allow", "conditions": ["hours", "moon", "wallets"]}],
                "rules": [{"id": "transfers", "effect": "allow", "demands": demands, "delay_s": 60, "limits": [
                    {"count": 3, "per": "wallet", "window_s": 3600}, {"sum": "2501", "per": "asset", "window_s": 60}]}, {"id": "never", "effect": "deny", "demands": []}],
                **changes}

    def test_explain(self):
        self.shows(BUNDLE["intent"], state="approving", asset=WORLD.asset, amount="2501")
        self.answers(PATH + "/explanation", self.explanation())
        told = self.good("explain", ID, *self.base)
        for words in (f"{ID}  approving  25.01 DEMO (2501 base units)", "waiting, one more", "rule transfers: allows it when all of this is met",
                      "met        25.01 DEMO (2501 base units), and the rule lets 1000 DEMO (100000 base units) through at most",
                      "NOT MET    the address is not on the allow-list", "NOT MET    group approvers: 1 of 2 have approved, 1 more may",
                      "p-0                  has approved", "p-1                  may approve", "p-2                  asked for it and never counts",
                      "p-3                  is valid no longer", "p-4                  of-the-future", "p-5                  has approved too early: does not count for this step", "one approver more: 1 of 3",
                      "step 2, group risk: 0 of 1", "the condition requesters cannot be judged yet",
                      "delay      signed 60 seconds after", "limit      3 per wallet in any 3600 seconds",
                      "limit      25.01 DEMO (2501 base units) per asset in any 60 seconds",
                      "rule night is not about it, for its hours wallets\n", "does not know: moon", "rule never: denies it", "the approval of p-9 does not count"):
            self.assertIn(words, told)
        self.answers(PATH + "/explanation", self.explanation(rules=[], not_counted=[], decision="denied"))
        self.assertIn("no rule of the policy", self.good("explain", ID, *self.base))

    def test_json_is_what_was_answered(self):
        """For scripts: the same value, and still nothing that a terminal obeys."""
        value = {"a": BAD, BAD: [BAD, 7, {"withdrawals": BAD}]}
        for path, words in (("/v1/wallets", ["wallets"]), ("/v1/withdrawals", ["list"]), (PATH + "/explanation", ["explain", ID]),
                            (PATH + "/differences", ["differences", ID]), ("/v1/alarms", ["alarms"]), ("/v1/keys", ["key", "list"]),
                            ("/v1/freezes", ["freeze", "list"]), ("/v1/media", ["media", "list"])):
            with self.subTest(words):
                self.answers(path, value)
                told = self.good(*words, *self.base, "--json")
                self.assertEqual(json.loads(told), value)
                self.assertClean(told)


class Terminal(Answering):
    """Nothing that the service says reaches the terminal but as printable ASCII."""

    def evil(self):
        """A value with what a terminal obeys in every text, and in every member that a command may look at."""
        members = ("id name state tier amount wallet destination reason short_code text decision effect kind group standing people rules demands "
                   "not_counted why field recorded row differences waiting step for since code object_type object_id facts acknowledged person "
                   "concerns first_seen key_id role alg address address_reason box until transitions proof proof_due activation serial place open "
                   "act told_by told_at custodian second tool method inspection_due scope subject number balances suspense asset available "
                   "reserved posted transaction sender key_state returned_by medium entry freeze key alarm cause by at on").split()
        evil = {name: BAD for name in members} | {BAD: BAD}
        demand = [{**evil, "kind": kind, "people": [evil]} for kind in ("quorum", "max_amount", "destination", "return", BAD)]
        lists = {name: [evil] for name in ("people", "not_counted", "differences", "acknowledged", "balances", "suspense")}
        return {**evil, **lists, "rules": [{**evil, "demands": demand}], "concerns": [BAD], "waiting": evil, "box": evil, "open": evil,
                "facts": evil}

    def test_lists_and_answers(self):
        evil = self.evil()
        rows = {name: [evil] for name in ("wallets", "alarms", "keys", "freezes", "media", "withdrawals")}
        one = {name: evil for name in ("withdrawal", "alarm", "freeze", "medium", "key", "entry")}
        value = {**evil, **rows, **one, "next": ""}
        for path in ("/v1/wallets", "/v1/withdrawals", "/v1/alarms", "/v1/keys", "/v1/freezes", "/v1/media", PATH, PATH + "/explanation",
                     PATH + "/differences"):
            self.answers(path, value)
        for path in (PATH + "/cancel", PATH + "/settle", "/v1/alarms/" + "ab" * 32 + "/acknowledge", "/v1/media/card-5/entries/" + ID + "/confirm"):
            self.answers(path, value, "POST")
        for words in (["list"], ["explain", ID], ["differences", ID], ["alarms"], ["key", "list"], ["freeze", "list"], ["media", "list"],
                      ["cancel", ID], ["settle", ID], ["alarms", "--acknowledge", "ab" * 32], ["wallets"], ["wait", ID, "--timeout", "1"],
                      ["media", "confirm", "card-5", ID]):
            with self.subTest(words):
                done = self.said(*words, *(self.base if words[0] != "wallets" else self.without_trust()))
                self.assertIn("owned", done.stdout + done.stderr, "it says nothing of what it was told")

    def test_show(self):
        self.answers(PATH, {"withdrawal": {**self.evil(), "intent": BUNDLE["intent"]}})
        self.assertIn("owned", self.said("show", ID, *self.base).stdout)

    def test_a_next_page_is_no_terminal_either(self):
        self.answers("/v1/withdrawals", {"withdrawals": [], "next": BAD})
        self.said("list", *self.base)

    def test_problems_and_broken_answers(self):
        for status, body in ((400, problem(BAD, BAD, BAD)), (400, problem("invalid", BAD, BAD)), (500, BAD.encode()), (200, BAD.encode()),
                             (200, b"\x1b[31m"), (302, (self.service.url + "/%1b").encode())):
            self.service.routes[("GET", "/v1/withdrawals")] = (status, body)
            with self.subTest(status):
                self.assertEqual(self.said("list", *self.base).returncode, 1)

    def test_an_alarm_that_nobody_can_answer(self):
        """That one has seen it would be an entry, and a trail that stands still takes none."""
        alarm = {"object_type": "trail", "object_id": "log", "id": "ab" * 32, "answered": False, "acknowledged": [], "facts": {}}
        for code, told in (("trail.halted", False), ("trail.corrupt", True)):
            self.answers("/v1/alarms", {"alarms": [{**alarm, "code": code}]})
            said = self.said("alarms", *self.base).stdout
            self.assertEqual(("custody alarms --acknowledge ID" in said, "before the trail goes on" in said), (told, not told), said)
        self.service.routes["POST", f"/v1/alarms/{'ab' * 32}/acknowledge"] = (404, problem("not_found", "id", "is no alarm now"))
        self.assertIn("   to do: custody alarms shows those", self.refused(1, "alarms", "--acknowledge", "ab" * 32, *self.base))

    def test_an_alarm_says_what_it_means_and_what_to_do(self):
        """In this program's words; what ends one reason of a code takes the place of what is done first. A script gets neither."""
        alarm = {"object_type": "x", "object_id": "y", "id": "ab" * 32, "answered": True, "acknowledged": []}
        for code, reason, means, first in (("signer.down", "unavailable", "a signer does not answer", "on its host: its service and its log"),
                                           ("witness.down", "timed_out", "a witness outside does not cosign", "see that it runs"),
                                           ("witness.down", "unknown_key", "a witness outside does not cosign", "custody witness rotate"),
                                           ("later.version", "corrupt", "this program does not know", None)):
            with self.subTest(code=code, reason=reason):
                self.answers("/v1/alarms", {"alarms": [{**alarm, "code": code, "facts": {"reason": reason, "means": BAD}}]})
                lines = self.said("alarms", *self.base).stdout.splitlines()
                self.assertEqual(lines[0], f"{code} x y")
                self.assertIn(f"  means          {means}", lines[1])
                done = [line for line in lines if line.startswith("  to do ")]
                self.assertEqual([first in line for line in done], [True] if first else [], lines)
                self.assertNotIn("to do", self.said("alarms", "--json", *self.base).stdout)

    def test_what_the_service_knows_of_altered_rows(self):
        """Numbers of rows as far as there is room, how many more, and no other text of it; also of an answer without a row."""
        for rows, told in ((["7", "tree", "head", "12"], "(7, tree, head, 12)"), ([BAD, 7, "30"], "(3 more)"), (["30", BAD, None, "forest", "7x"], "(30 and 4 more)"),
                           ([str(10 ** 19 + i) for i in range(64)], " and 61 more)"), ({"30": 1}, None), ([], None), (None, None)):
            with self.subTest(rows=rows):
                for path, answer, words in (("entries?limit=100", {"entries": []}, ["search"]), ("count", {"count": 3}, ["count"])):
                    self.answers(f"/v1/audit/{path}", {**answer, "first": 0, **({} if rows is None else {"corrupt": rows})})
                    done = self.said("audit", *words, *self.base)
                    self.assertEqual(done.returncode, 0 if told is None else 1)
                    self.assertTrue("missing rows" not in done.stderr if told is None else told in done.stderr, done.stderr)

    def test_that_older_entries_were_not_asked(self):
        for first in (0, 1048576):
            for path, answer, words in (("entries?limit=100", {"entries": []}, ["search"]), ("count", {"count": 3}, ["count"])):
                self.answers(f"/v1/audit/{path}", {**answer, "first": first})
                done = self.custody("audit", *words, *self.base)
                self.assertEqual((done.returncode, done.stderr), (0, "entries before 1048576 are in an archive and were not asked\n" if first else ""))

    def test_a_row_with_what_a_terminal_obeys(self):
        for row in ({"seq": 7, "raw": BAD, "doubt": BAD, "actor": BAD}, {"seq": BAD}, {}, 7):
            with self.subTest(row=row):
                self.answers("/v1/audit/entries?limit=100", {"entries": [row], "first": 0})
                done = self.said("audit", "search", *self.base)
                self.assertEqual((done.returncode, "1 of 1 rows" in done.stderr), (1, True))

    def test_raw_files_are_not_written_to_a_terminal(self):
        """Evidence and the export are bytes that nobody has looked at yet: to a file or a pipe they go as they are."""
        for path, words in ((PATH + "/evidence", ["evidence", ID]), ("/v1/audit/export", ["audit", "export"])):
            with self.subTest(words):
                self.service.routes[("GET", path)] = (200, b"\x1b]0;owned\x07")
                self.assertIn("owned", self.good(*words, *self.base))
                ours, terminal = pty.openpty()
                try:
                    told = self.refused(2, *words, *self.base, stdout=terminal)
                    os.set_blocking(ours, False)
                    with self.assertRaises(BlockingIOError):
                        os.read(ours, 1)
                finally:
                    os.close(ours)
                    os.close(terminal)
                self.assertIn("--out: name a file", told)


class Trail(Answering):
    """What the tool says of a trail that is not as it should be, or of a file that is not the one it takes: what is wrong, and what helps."""

    def export(self, name="trail.jsonl", note=None, more=(), **head):
        """A whole export of one entry, and of more."""
        trail = world.Trail()
        for event in ({"act": "log.genesis", "ts": world.at(2)}, *more):
            trail.append(event)
        size = len(trail.leaves)
        note = WORLD.log.note(size, world.root(trail.hashes)) if note is None else note
        rows = [{"format": "strongroom-trail/v1", "origin": trail.origin, "size": size, **head},
                *({"raw": base64.b64encode(leaf).decode()} for leaf in trail.leaves), {"checkpoint": base64.b64encode(note).decode()}]
        return self.write(name, "".join(world.canonical(row) + "\n" for row in rows))

    def review(self, path):
        return self.refused(1, "audit", "review", "0", "--in", path, *self.base)

    def test_an_altered_row_is_no_case_for_another_try(self):
        asks = ((PATH + "/evidence", ["evidence", ID]), ("/v1/audit/count?from=x", ["audit", "count", "from=x"]),
                ("/v1/audit/export", ["audit", "export"]), ("/audit/checkpoint", ["audit", "copy", "--dir", self.path("copy")]))
        for where in ("trail", "audit.leaf", "audit.tile", "audit.head"):
            for path, words in asks:
                with self.subTest(where=where, words=words):
                    self.service.routes[("GET", path)] = (503, problem("corrupt", where, "row 7 is not the entry that was signed"))
                    first, second = self.refused(1, *words, *self.base).splitlines()
                    self.assertIn(f"{where}: row 7 is not the entry that was signed", first)
                    self.assertIn("docs/incident.md", second)
                    self.assertTrue(second.startswith("   to do: do not try again"), second)

    def test_that_the_trail_has_halted(self):
        """Each answer says so, also one that fails for another reason; what was asked of the trail itself has failed."""
        halted = ("Trail-Halted", f"corrupt since {world.at(3)}: audit.leaf: entry 4 is missing\x1b]0;owned")
        said = halted[1].replace("\x1b", "?")
        for path, value, words in (("entries?limit=100", {"entries": [], "first": 0}, ["search"]), ("count", {"count": 3, "first": 0}, ["count"]),
                                   ("export", b"{}\n{}\n", ["export"])):
            with self.subTest(words):
                self.service.routes[("GET", f"/v1/audit/{path}")] = (200, value, halted)
                done = self.said("audit", *words, *self.base)
                self.assertEqual((done.returncode, f"people must decide: trail: {said}" in done.stderr, "docs/incident.md" in done.stderr), (1, True, True), done)
                self.assertEqual(done.stderr.count("people must decide"), 1)
        self.service.routes[("GET", "/v1/freezes")] = (200, {"freezes": []}, halted)
        done = self.said("freeze", "list", *self.base)
        self.assertEqual((done.returncode, f"the trail has halted ({said})" in done.stderr), (0, True), done.stderr)
        self.service.routes[SHOW] = (404, problem("not_found", "id", ""), halted)
        self.assertIn(f"the trail has halted ({said})", self.refused(1, "show", ID, *self.base))
        self.service.routes[SHOW] = (503, problem("halted", "trail", "entry 4"), halted)
        told = self.refused(1, "show", ID, *self.base)
        self.assertEqual((told.count("halted"), "docs/incident.md" in told), (1, True), told)

    def test_the_file_of_a_review(self):
        self.good("audit", "review", "0", "--in", self.export(), *self.base)
        self.assertIn("in: /nonexistent: No such file or directory\n", self.review("/nonexistent"))
        other = "and no whole export of the trail\n   to do: give the file as custody audit export --out FILE wrote it"
        for name, content, words in (
                ("filtered", open(self.export(format="strongroom-trail-extract/v1"), encoding="utf-8").read(), "is an export with conditions, " + other),
                ("receipt", "c2sp.org/tlog-proof@v1\nindex 1\n\n", "is the receipt of one entry (tlog-proof), " + other),
                ("table", "seq,ts,actor\r\n", "is a table (format=csv), " + other), ("checkpoint", "x/log\n1\n\n", "is another file, " + other),
                ("nothing", "", "the export ends before its checkpoint"),
                ("cut", open(self.export(), encoding="utf-8").read()[:200], "entry 0: its line is not whole: the export broke off there")):
            with self.subTest(name):
                self.assertIn(words, self.review(self.write(name, content)))

    def test_a_trust_file_that_is_older_or_of_other_witnesses(self):
        told = self.review(self.export(note=world.Log().note(1, b"\1" * 32)))
        self.assertIn("its checkpoint: no key that counts by the trust file has signed it", told)
        self.assertIn("custody log trust --out FILE", told)
        witness = world.Witness("witness.example/w1")
        self.write("trust", world.canonical({**WORLD.trust, "witnesses": {"keys": [witness.vkey], "quorum": 1}}))
        told = self.review(self.export())
        self.assertIn("its checkpoint: 0 witnesses have cosigned it", told)
        self.assertIn("to do: export again when custody alarms names no witness", told)

    def test_an_export_from_before_the_last_review(self):
        review = {"findings": 0, "from": "0", "report": "0" * 64, "reviewed_at": world.at(4), "reviewer": "auditor-1", "root": "1" * 64, "size": "5",
                  "to": "5", "uses": 0}
        last = world.signed("review", world.canonical(review), WORLD.keys["auditor-1"])
        self.answers("/v1/audit/reviews?limit=1", {"reviews": [{"review": last}]})
        told = self.refused(1, "audit", "review", "--in", self.export(), *self.base)
        self.assertIn("its checkpoint: of 1 entries, and the last review saw 5", told)
        self.assertIn("to do: export again: custody audit export", told)

    def test_the_use_of_a_copied_key(self):
        """The object of its entry is what the key signed."""
        use = {"act": "key.copied_use", "facts": {"height": "9", "key": "cd" * 32}, "oid": "ab" * 32, "on": "1", "otype": "transaction", "outcome": "error",
               "reason": "mismatch", "refs": {"key": "cd" * 32, "transaction": "ab" * 32}, "ts": world.at(3)}
        done = self.said("audit", "review", "0", "--in", self.export(more=[use]), *self.base)
        self.assertEqual((done.returncode, done.stdout.splitlines()[0]),
                         (1, f"1 {world.at(3)} key.copied_use transaction {'ab' * 32}: FINDING: nobody asked for what the key signed"))


class Documents(Lying):
    """Who signs a document was shown all that it says: each of its values stands in the description."""

    def setUp(self):
        super().setUp()
        self.policy = self.write("policy.json", world.canonical(POLICY))

    def leaves(self, value, name=""):
        if isinstance(value, dict) and set(value) == {"alg", "key"}:
            return [hashlib.sha256(base64.b64decode(value["key"])).hexdigest(), value["alg"]]
        if isinstance(value, dict):
            return [leaf for key, inner in value.items() for leaf in self.leaves(inner, key)]
        if isinstance(value, list):
            return [leaf for inner in value for leaf in self.leaves(inner, name)]
        return [] if name == "nonce" or value == "0" * 64 else [str(value)]

    def assert_all_is_shown(self, kind, text):
        told = self.good("show", kind, "--in", self.write("document", text))
        for leaf in self.leaves(json.loads(text)):
            self.assertIn({"everything": "every transfer of every wallet"}.get(leaf, leaf), told)

    def test_a_policy(self):
        document = json.loads(POLICY["document"])
        wallet = document["wallets"][0]
        document["wallets"][0] = {**{name: wallet[name] for name in wallet if name not in ("alg", "key")}, "by": {"alg": wallet["alg"], "key": wallet["key"]}}
        told = self.good("show", "policy", "--in", self.policy)
        for leaf in self.leaves(document):
            self.assertTrue(leaf in told or leaf == "allow", f"{leaf} is not in\n{told}")
        for words in ("rule transfers: allows", "2 of approvers", "2 of administrators", WORLD.keys["wallet"].address(), "by all administrators",
                      world.digest("policy", POLICY["document"])):
            self.assertIn(words, told)
        later = WORLD.next_policy(WORLD.first, rules=[*WORLD.first["rules"], {
            "effect": "deny", "id": "zero", "when": {"assets": [WORLD.asset], "wallets": ["hot"]}}])
        told = self.good("show", "policy", "--in", self.write("later", world.canonical(later)))
        for words in ("policy version 2", f"follows        {later['prev']}", "rule zero: DENIES", "by the governance quorum of the version before"):
            self.assertIn(words, told)

    def test_an_entry_of_the_allow_list(self):
        self.assert_all_is_shown("destination", world.canonical({
            "account": WORLD.keys["payee"].address(), "chain": WORLD.chain, "environment": world.ENVIRONMENT, "group": "clients",
            "id": "payee-1",
            "issued_at": world.at(5), "policy": INTENT["policy"], "valid_until": world.FAR}))

    def test_orders(self):
        for words in (["thaw", "everything", "--on", "7"], ["thaw", "wallet", "hot", "--on", "12345"],
                      ["key", "command", "key.resume", "--key-id", "ab" * 32, "--role", "transfer", "--from", "suspended", "--on", "4711"],
                      ["key", "command", "key.suspend", "--key-id", "ab" * 32, "--role", "audit"]):
            with self.subTest(words):
                text = self.good(*words, "--policy", self.policy, "--reason", "looked-into").strip()
                self.assert_all_is_shown("command", text)


class Propose(Lying):
    def test_wrong_amounts_and_addresses_are_told_before_anything_is_sent(self):
        """In the words of the options, with how many base units make a unit; nothing is reserved, no key was spent."""
        good = {"--wallet": "hot", "--asset": "DEMO", "--amount": "1", "--to": INTENT["destination"]}
        for option, value, status, words in (
                ("--amount", "12.50", 2, "--amount: a whole number of base units above 0 and below 2^128: 1 DEMO is 1 and 2 zeros"),
                ("--amount", "-1", 2, "--amount: "), ("--amount", "0", 2, "--amount: "), ("--amount", "1e3", 2, "--amount: "),
                ("--amount", str(1 << 128), 2, "--amount: "), ("--to", "sr1abc", 1, "to: an address: sr1"), ("--asset", "EURO", 1, "EURO is no asset")):
            with self.subTest(option=option, value=value):
                given = [f"{name}={text}" for name, text in {**good, option: value}.items()]
                self.assertIn(words, self.refused(status, "propose", *self.base, *given))
        self.assertEqual(self.service.sent("POST"), [])


class Problems(Lying):
    def test_every_error_of_the_service_says_what_to_do(self):
        """Field and rule as the service names them, then what helps: for each code that docs/openapi.yaml may answer."""
        header = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../base/include/base/status.h")
        with open(header, encoding="utf-8") as file:
            codes = re.findall(r'(?s)X\(\w+, -\d+, "(\w+)", (\d+), \w+,[\s\\]*"([^"]+)"', file.read())
        self.assertGreater(len(codes), 40)
        for code, status, text in codes:
            with self.subTest(code):
                self.service.routes[SHOW] = (int(status), problem(code, "the_field", "the rule it breaks"))
                told = self.refused(1, "show", ID, *self.base)
                first, second = told.splitlines()
                if code != "usage":
                    self.assertEqual(first, f"custody: {text}: the_field: the rule it breaks")
                self.assertRegex(second, r"^   to do: \w")

    def test_the_database_behind_the_service_is_named(self):
        for code in ("unavailable", "timed_out", "io"):
            self.service.routes[SHOW] = (503, problem(code, "postgresql", "connection lost"))
            self.assertIn("to do: the database behind the service", self.refused(1, "show", ID, *self.base))

    def test_no_problem_document(self):
        self.service.routes[SHOW] = (502, b"<html>")
        self.assertIn("answered HTTP 502 without a problem document", self.refused(1, "show", ID, *self.base))


if __name__ == "__main__":
    unittest.main()
