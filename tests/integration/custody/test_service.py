#!/usr/bin/env python3
"""custody against a service that lies: the true values are shown or the reason is; nothing is signed that was not meant."""

import base64
import json
import os
import queue
import signal
import subprocess
import unittest

from tool import ESCAPES, PASSPHRASE, PROGRAM, Case, Service, now, problem, world

WORLD = world.World()
BUNDLE = WORLD.bundle(intent=lambda intent: intent.update(expires_at=world.FAR))
ID = BUNDLE["withdrawal"]
INTENT = json.loads(BUNDLE["intent"])
POLICY = BUNDLE["policies"][0]
SHOW = ("GET", f"/v1/withdrawals/{ID}")


def short_code(text):
    code = base64.b32encode(bytes.fromhex(world.digest("intent", text))[:5]).decode()
    return f"{code[:4]}-{code[4:]}"


def altered(**changes):
    """An intent that is consistent in itself: it names the transaction that it describes."""
    intent = {**INTENT, **changes}
    intent["transaction"] = world.digest("transaction", world.canonical(WORLD.transaction_of(intent)))
    return world.canonical(intent)


def in_force(*versions):
    """What the service says of a chain whose last version is in force."""
    states = ["past"] * (len(versions) - 1) + ["in_force"]
    return {"policies": [{"state": state, "policy": policy} for state, policy in zip(states, versions)]}


class Lying(Case):
    def setUp(self):
        super().setUp()
        self.service = Service()
        self.addCleanup(self.service.end)
        self.say_the_truth()
        self.trust = self.write("trust", world.canonical(WORLD.trust) + "\n")
        self.token = self.write("token", "a-bearer-token\n", 0o600)
        self.keys = {name: self.key_file(name, WORLD.keys[name]) for name in ("approver-1", "approver-2", "mallory")}
        self.base = ["--url", self.service.url, "--token-file", self.token, "--trust", self.trust]

    def say_the_truth(self):
        self.service.routes = {
            ("GET", "/v1/ledger/genesis"): (200, {"genesis": WORLD.genesis}),
            ("GET", "/v1/policies"): (200, in_force(POLICY)),
            SHOW: (200, {"withdrawal": {"id": ID, "intent": BUNDLE["intent"], "state": "approving"}}),
            ("POST", SHOW[1] + "/approve"): (200, {"withdrawal": {"id": ID, "state": "approving"}}),
            ("POST", SHOW[1] + "/reject"): (200, {"withdrawal": {"id": ID, "state": "rejected"}}),
        }

    def shows(self, intent, **more):
        self.service.routes[SHOW] = (200, {"withdrawal": {"id": ID, "intent": intent, **more}})

    def show(self):
        return self.good("show", ID, *self.base)

    def not_shown(self, *words):
        told = self.refused(1, "show", ID, *self.base)
        for word in words:
            self.assertIn(word, told)
        return told

    def approving(self, name="approver-2", code=None, verb="approve"):
        return [verb, ID, *self.base, "--key", self.keys[name], "--passphrase-file", self.passphrase, "--code",
                short_code(BUNDLE["intent"]) if code is None else code]


class Show(Lying):
    def test_the_truth(self):
        told = self.show()
        for word in (ID, "25.01 DEMO", "(2501 base units)", INTENT["destination"], f"wallet hot, {WORLD.keys['wallet'].address()}",
                     "operator-1", INTENT["expires_at"], INTENT["policy"], WORLD.chain, INTENT["transaction"],
                     world.digest("intent", BUNDLE["intent"]), short_code(BUNDLE["intent"]), "lane 0, seq 1, heights 2 to 1000"):
            self.assertIn(word, told)

    def test_what_the_service_says_beside_the_intent_is_not_shown(self):
        honest = self.show()
        self.shows(BUNDLE["intent"], amount="1", destination=WORLD.keys["mallory"].address(), short_code="AAAA-AAAA",
                   state=ESCAPES, wallet="other", requester=ESCAPES, transaction="text", reason="approved by all")
        mark = "the service says that it is "  # its word, told as such
        self.assertEqual(self.show().split(mark)[0], honest.split(mark)[0])

    def words(self, told):
        """What is shown, line by line: name to value."""
        lines = told.splitlines()
        return lines[0], {line[2:14].strip() or line.strip(): line[15:] for line in lines[1:-1]}, lines[-1]

    def test_every_word(self):
        """From the bytes of the intent and from what the trust file leads to, and from nothing else."""
        first, words, last = self.words(self.show())
        self.assertEqual(first, f"withdrawal {ID}")
        self.assertEqual(words, {
            "pays": "25.01 DEMO (2501 base units)",
            "to": WORLD.keys["payee"].address(),
            "from": f"wallet hot, {WORLD.keys['wallet'].address()}",
            "fee at most": "0 DEMO (0 base units): this ledger has no fees",
            "effect": "one transfer: so much less in wallet hot, so much more at that address",
            "asked by": "operator-1",
            "expires": world.FAR,
            "policy": f"version 1, {WORLD.trust['policy']}",
            "ledger": f"{world.ENVIRONMENT}, {WORLD.chain}",
            "sequence": "lane 0, seq 1, heights 2 to 1000",
            "transaction": world.digest("transaction", world.canonical(WORLD.transaction_of(INTENT))),
            "intent": world.digest("intent", BUNDLE["intent"]),
            "short code": short_code(BUNDLE["intent"]), "requested": "not signed", "approved by": "nobody yet"})
        self.assertEqual(last, "the service says that it is approving")

    def test_amounts_to_the_last_unit(self):
        for amount, shown in (("1", "0.01"), ("10", "0.1"), ("100", "1"), (str((1 << 128) - 1), "3402823669209384634633746074317682114.55")):
            with self.subTest(amount):
                self.shows(altered(amount=amount))
                self.assertEqual(self.words(self.show())[1]["pays"], f"{shown} DEMO ({amount} base units)")

    def test_more_words_when_there_is_more_to_say(self):
        memo, returned = "ab" * 32, "cd" * 32
        self.shows(altered(memo=memo, returns=returned))
        words = self.words(self.show())[1]
        self.assertEqual((words["memo"], words["a RETURN of"]), (memo, returned))
        self.assertIn("one approver more than the rule asks for", words)

    def test_a_harmless_display_and_another_transaction(self):
        """The row shows the transfer of the intent; the intent names the digest of a transaction that does something else."""
        transfer = WORLD.transaction_of(INTENT)
        mallory = WORLD.keys["mallory"].address()
        legs = transfer["legs"]
        others = {
            "makes new units": {**transfer, "type": "issue"},
            "a type nobody knows": {**transfer, "type": "upgrade"},
            "one field more": {**transfer, "operation": 1},
            "pays somebody else": {**transfer, "legs": [legs[0], {**legs[1], "account": mallory}]},
            "pays two": {**transfer, "legs": [legs[0], {**legs[1], "amount": "1"}, {**legs[1], "account": mallory, "amount": "2500"}]},
            "another amount": {**transfer, "legs": [{**leg, "amount": "9999999"} for leg in legs]},
            "from another account": {**transfer, "from": mallory},
            "for ever": {**transfer, "valid_until": str(2 ** 62)},
        }
        for name, other in others.items():
            with self.subTest(name):
                named = world.canonical({**INTENT, "transaction": world.digest("transaction", world.canonical(other))})
                self.shows(named, transaction=world.canonical(transfer), transaction_id=world.digest("transaction", world.canonical(transfer)),
                           amount=INTENT["amount"], destination=INTENT["destination"], short_code=short_code(BUNDLE["intent"]))
                done = self.custody("show", ID, *self.base)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn("transaction", done.stderr)
                self.refused(1, *self.approving())
                self.refused(1, *self.approving(code=short_code(named)))
        self.assertEqual(self.service.sent("POST"), [])

    def test_an_altered_intent_is_shown_as_it_is(self):
        """And its short code is another one, so that who knows the code of the true one will not sign."""
        mallory = WORLD.keys["mallory"].address()
        for changes, words in (({"amount": "9999999"}, ["99999.99 DEMO", "(9999999 base units)"]),
                               ({"destination": mallory}, [mallory]), ({"requester": "mallory"}, ["mallory"]),
                               ({"expires_at": world.at(11)}, [world.at(11)]), ({"seq": "77"}, ["seq 77"])):
            with self.subTest(changes):
                self.shows(altered(**changes))
                told = self.show()
                for word in words + [short_code(altered(**changes))]:
                    self.assertIn(word, told)
                self.assertNotIn(short_code(BUNDLE["intent"]), told)

    def test_intents_that_are_refused(self):
        other = WORLD.bundle(2)["intent"]
        cases = {
            "of another withdrawal": ("withdrawal", other),
            "amount without the transaction": ("transaction", world.canonical({**INTENT, "amount": "1"})),
            "payee without the transaction": ("transaction", world.canonical({
                **INTENT, "destination": WORLD.keys["mallory"].address()})),
            "another transaction": ("transaction", world.canonical({**INTENT, "transaction": "0" * 64})),
            "of another ledger": ("chain", altered(chain="0" * 64)),
            "of another policy": ("policy", altered(policy="0" * 64)),
            "of another version": ("policy", altered(policy_version=2)),
            "of another environment": ("policy", altered(environment="production")),
            "of a wallet that is not there": ("wallet", altered(wallet="cold")),
            "of an asset that is not there": ("asset", altered(asset="0" * 64)),
            "an issue by who is not the issuer": ("wallet", world.canonical({**INTENT, "type": "issue", "transaction": world.digest(
                "transaction", world.canonical({**WORLD.transaction_of(INTENT), "type": "issue"}))})),
            "an issue of a transfer": ("", world.canonical({**INTENT, "type": "issue"})),
            "a type that has no name": ("type", world.canonical({**INTENT, "type": "transfer"})),
            "a type that nobody knows": ("type", world.canonical({**INTENT, "type": "upgrade"})),
            "a space": ("", BUNDLE["intent"].replace(":", ": ", 1)),
            "a newline": ("", BUNDLE["intent"] + "\n"),
            "a field more": ("note", world.canonical({**INTENT, "note": "x"})),
            "a field less": ("memo", world.canonical({name: INTENT[name] for name in INTENT if name != "memo"})),
            "a fee": ("", altered(fee_cap="01")),
            "zero": ("", altered(amount="0")),
            "above 128 bits": ("amount", world.canonical({**INTENT, "amount": str(1 << 128)})),
            "escapes": ("", world.canonical({**INTENT, "requester": ESCAPES})),
            "an address with another sum": ("destination", altered(destination=INTENT["destination"][:-1] + "0"
                                                                   if INTENT["destination"][-1] != "0" else
                                                                   INTENT["destination"][:-1] + "1")),
            "nothing": ("", ""),
        }
        for name, (word, text) in cases.items():
            with self.subTest(name):
                self.shows(text)
                self.not_shown(word)

    def test_answers_that_are_refused(self):
        for name, status, body in (
                ("no intent", 200, {"withdrawal": {"id": ID}}), ("null", 200, {"withdrawal": None}), ("a list", 200, []),
                ("a number", 200, {"withdrawal": {"intent": 7}}), ("no JSON", 200, b"<html>"), ("nothing", 200, b""),
                ("twice", 200, b'{"withdrawal":{},"withdrawal":{}}'), ("HTML error", 502, b"<html>" + ESCAPES.encode()),
                ("empty error", 500, b""), ("elsewhere", 302, self.service.url.encode()), ("no content", 204, b"")):
            with self.subTest(name):
                self.service.routes[SHOW] = (status, body)
                self.not_shown()

    def test_another_genesis_or_policy(self):
        genesis = json.loads(WORLD.genesis)
        genesis["assets"][0]["decimals"] = 0
        document = json.loads(POLICY["document"])
        document["rules"][0]["demand"]["max_amount"] = "1"
        other = world.canonical(document)
        admins = [WORLD.keys[name] for name in WORLD.ADMINS]
        cases = {
            "decimals": ("/v1/ledger/genesis", {"genesis": world.canonical(genesis)}, "genesis"),
            "no genesis": ("/v1/ledger/genesis", {}, "genesis"),
            "another policy, signed": ("/v1/policies", in_force(world.signed("policy", other, *admins)), "policy"),
            "another policy, old signatures": ("/v1/policies", in_force({**POLICY, "document": other}), "signature"),
            "signature missing": ("/v1/policies", in_force({**POLICY, "signatures": POLICY["signatures"][:2]}), "quorum"),
            "no signature": ("/v1/policies", in_force({**POLICY, "signatures": []}), ""),
            "no policies": ("/v1/policies", {}, "policies"),
            "no policy": ("/v1/policies", {"policies": [{"state": "in_force"}]}, "policy"),
            "none in force": ("/v1/policies", {"policies": [{"state": "dropped", "policy": POLICY}]}, "policies"),
        }
        for name, (path, body, word) in cases.items():
            with self.subTest(name):
                self.say_the_truth()
                self.service.routes[("GET", path)] = (200, body)
                self.not_shown(word)

    def test_another_trust_file(self):
        for name, content, code in (
                ("chain", world.canonical({**WORLD.trust, "chain": "0" * 64}), 1),
                ("policy", world.canonical({**WORLD.trust, "policy": "0" * 64}), 1),
                ("a member less", world.canonical({"chain": WORLD.chain}), 1), ("empty", "", 1), ("text", "trust", 1)):
            with self.subTest(name):
                self.write("trust", content)
                self.refused(code, "show", ID, *self.base)
        self.refused(2, "show", ID, *self.base[:-2])
        self.refused(1, "show", ID, *self.base[:-1], self.path("absent"))

    def test_orders_that_the_trust_file_has_are_not_taken_back(self):
        """log trust: a service that hides the order of a rotation gives no file without it."""
        self.service.routes[("GET", "/v1/audit/log-keys")] = (200, {"orders": []})
        self.assertEqual(json.loads(self.good("log", "trust", *self.base)), WORLD.trust)
        rotation = "1000 " + world.Log(WORLD.trust["log"].split("+")[0]).vkey
        self.write("trust", world.canonical({**WORLD.trust, "rotations": [rotation]}))
        self.assertIn(rotation, self.refused(1, "log", "trust", *self.base))

    def test_each_log_has_its_keys(self):
        """log trust and log fork, of a log whose key was rotated, that ended (people corrected the order), and the key of whose successor
        was rotated."""
        first = WORLD.log
        second = world.Log(first.origin)
        after = world.Log(f"{first.origin}/e2", second.key)
        third = world.Log(after.origin)
        admins = (WORLD.keys["admin-1"], WORLD.keys["admin-2"])
        told = {"chain": WORLD.chain, "environment": INTENT["environment"], "policy": INTENT["policy"], "reason": "a-test"}

        def order(number, action, log, size, **more):
            document = world.canonical({**told, "action": action, "expires_at": now(0.1), "issued_at": now(number / 86400 - 0.01), "key": log.key.id, "log": log.vkey,
                                        "nonce": f"01a1fbb6-8ab5-7912-829e-00000000000{number}", "size": str(size), **more})
            return world.signed("command", document, *admins)

        top = b"\x5f" * 32
        fork = order(3, "log.fork", after, 1200, root=top.hex())
        mistaken = order(2, "log.fork", after, 1100, root="0" * 64)
        orders = [order(4, "log.rotate", third, 40, retires=second.key.id), fork, mistaken, order(1, "log.rotate", second, 1000, retires=first.key.id)]
        self.service.routes[("GET", "/v1/audit/log-keys")] = (200, {"orders": orders})
        trust = json.loads(self.good("log", "trust", *self.base))
        self.assertEqual(trust, {**WORLD.trust, "forks": [f"1200 {top.hex()} {world.digest('command', fork['document'])} {after.vkey}"],
                                 "rotations": [f"1000 {second.vkey}", f"40 {third.vkey}"]})
        self.write("trust", world.canonical(trust))
        lost = f"1100 {world.Log(first.origin).vkey}"  # a backup from before it: of a log that ended it is kept, of the newest one not
        for shown in (orders[:3], orders):
            held = {**trust, "rotations": [f"1000 {second.vkey}", lost, f"40 {third.vkey}"]}
            self.write("trust", world.canonical(held))
            self.service.routes[("GET", "/v1/audit/log-keys")] = (200, {"orders": shown})
            self.assertEqual(json.loads(self.good("log", "trust", *self.base)), held)
        self.service.routes[("GET", "/v1/audit/log-keys")] = (200, {"orders": orders[1:]})
        self.assertIn(f"40 {third.vkey}", self.refused(1, "log", "trust", *self.base))
        self.service.routes[("GET", "/v1/audit/log-keys")] = (200, {"orders": orders})
        self.write("trust", world.canonical(trust))
        draft = ["--policy", self.write("policy.json", world.canonical(POLICY)), "--reason", "a-test", "--trust", self.trust]
        for size, signs in ((39, after), (40, third), (41, third)):
            good = self.write("checkpoint", signs.note(size, top))
            made = json.loads(self.good("log", "fork", "--in", good, *draft))
            self.assertEqual((made["log"], made["size"], made["root"]), (world.Log(f"{first.origin}/e3", signs.key).vkey, str(size), top.hex()))
        for signs in (first, second, after):
            self.refused(1, "log", "fork", "--in", self.write("checkpoint", signs.note(1100, top)), *draft)

    def test_a_copy_that_is_told_to_end_asks_for_nothing_more(self):
        started = queue.Queue()
        def busy(_):
            started.get().send_signal(signal.SIGTERM)
            return 429, problem("busy")
        self.service.routes[("GET", "/audit/checkpoint")] = busy
        words = [PROGRAM, "audit", "copy", *self.base, "--dir", self.path("copy"), "--every", "60"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean) as child:
            started.put(child)
            self.assertEqual(child.wait(timeout=100), 0)
        self.assertEqual(len(self.service.requests), 1)

    def serve_copy(self, trail):
        """What a copier asks for of a trail of fewer entries than a tile has."""
        size = len(trail.leaves)
        self.service.routes.update({
            ("GET", "/audit/checkpoint"): (200, WORLD.log.note(size, world.root(trail.hashes))),
            ("GET", f"/audit/tile/0/000.p/{size}"): (200, b"".join(trail.hashes)),
            ("GET", f"/audit/tile/entries/000.p/{size}"): (200, b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in trail.leaves)),
            ("POST", "/v1/audit/copies"): (200, {})})

    def copying(self):
        return ["audit", "copy", *self.base, "--dir", self.path("copy"), "--every", "1", "--still", "1"]

    def test_a_copy_that_nothing_new_comes_for(self):
        """Who owns the service keeps entries back, and is the one who would raise the alarm: the copier ends, which tells whoever runs it."""
        trail = world.Trail()
        trail.append({"act": "log.genesis", "ts": world.at(2)})
        self.serve_copy(trail)
        for what, routes in (("the same checkpoint for ever", {}), ("away, as it says", {("GET", "/audit/checkpoint"): (503, problem("not_ready"))})):
            with self.subTest(what):
                self.service.routes.update(routes)
                told = self.refused(1, *self.copying())
                self.assertIn("still: the copy has had 1 entries for ", told)
                self.assertIn("   to do: look on the host of the service whether it goes on", told)

    def test_a_copy_that_grows_goes_on(self):
        trail = world.Trail()
        started, rounds = queue.Queue(), []

        def grow(_):
            rounds.append(len(rounds))
            if len(rounds) == 5:
                started.get().send_signal(signal.SIGTERM)
            trail.append({"act": "log.genesis" if not trail.leaves else "service.heartbeat", "ts": world.at(2)})
            self.serve_copy(trail)
            shown = self.service.routes[("GET", "/audit/checkpoint")]
            self.service.routes[("GET", "/audit/checkpoint")] = grow
            return shown

        self.service.routes[("GET", "/audit/checkpoint")] = grow
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        with subprocess.Popen([PROGRAM, *self.copying()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean) as child:
            started.put(child)
            self.assertEqual(child.wait(timeout=100), 0)
        self.assertEqual(len(rounds), 5)

    def test_problem_documents(self):
        self.service.routes[SHOW] = (403, problem("forbidden", "role", "the token does not carry approver"))
        told = self.not_shown("role", "the token does not carry approver", "the credential does not carry the role")
        self.service.routes[SHOW] = (400, problem("invalid", ESCAPES, ESCAPES + "x" * 5000))
        self.not_shown()
        for code in ("ok", "usage", "of-the-future", "", 7, None):
            with self.subTest(code):
                self.service.routes[SHOW] = (500, problem(code, "", "detail"))
                done = self.custody("show", ID, *self.base)
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(done.stdout, "")
        self.assertIn("custody: ", told)

    def test_usage(self):
        for words in (["show"], ["show", ID, "more"], ["show", "7"], ["show", ID.upper()], ["show", ID + "/../x"]):
            with self.subTest(words):
                self.assertEqual(self.custody(*words, *self.base).returncode, 2)
        self.assertEqual({request["path"] for request in self.service.requests}, {"/v1/ledger/genesis", "/v1/policies"})
        self.refused(2, "show", ID, "--token-file", self.token, "--trust", self.trust)
        self.refused(2, "show", ID, "--url", self.service.url, "--trust", self.trust)


class Entry(Lying):
    """`audit show`: the service hands over bytes and a proof, and only what the trust file's log has signed is proven."""

    def setUp(self):
        super().setUp()
        self.trail = world.Trail()
        self.trail.append({"act": "log.genesis", "ts": world.at(2)})
        for number in range(6):
            self.trail.append({"act": "withdrawal.request", "facts": {"amount": str(number), "asset": WORLD.asset, "type": "payment"}, "oid": ID,
                               "on": str(number + 1), "otype": "withdrawal", "outcome": "deny", "reason": "denied", "ts": world.at(3)})

    def answers(self, seq, leaf=None, index=None, log=WORLD.log, note=None, **row):
        """What the service says of the entry; each argument is a lie of it."""
        hashes = self.trail.hashes
        path = "".join(base64.b64encode(node).decode() + "\n" for node in world.path(seq, hashes))
        receipt = f"c2sp.org/tlog-proof@v1\nindex {seq if index is None else index}\n{path}\n".encode()
        receipt += log.note(len(hashes), world.root(hashes)) if note is None else note
        row = {"seq": seq, "raw": base64.b64encode(self.trail.leaves[seq] if leaf is None else leaf).decode(), **row}
        self.service.routes["GET", f"/v1/audit/proof/inclusion?seq={seq}"] = (200, receipt)
        self.service.routes["GET", f"/v1/audit/entries?seq={seq}"] = (200, {"entries": [row], "first": 0})

    def test_an_entry_that_is_proven(self):
        self.answers(3)
        told = self.good("audit", "show", "3", *self.base)
        for words in ("entry 3 of ", f"withdrawal {ID}, its number 3\n", " denied\n", " amount 2\n", "0.02 DEMO (2 base units)",
                      f"it is in the log of 7 entries that {self.trail.origin} signed\n"):
            self.assertIn(words, told)

    def test_what_is_not_the_entry_that_was_signed(self):
        genuine = self.trail.leaves[3]
        altered = "two statements that must agree differ: row: altered in the database (%s); its signed bytes verify"
        for what, words, lie in (
                ("another amount", "the proof leads to another root", {"leaf": genuine.replace(b'"amount":"2"', b'"amount":"9"')}),
                ("another entry", "the bytes and the proof are not both of this entry", {"leaf": self.trail.leaves[4]}),
                ("the proof of another", "the bytes and the proof are not both of this entry", {"index": 4}), ("another log", f"note: no key that counts by the trust file has signed it: no signature by {self.trail.origin}", {"log": world.Log()}),
                ("no entry", "the bytes in the database are not those of an entry", {"leaf": b"custody"}), ("no note", "note: a blank line stands before the signatures", {"note": b"x"}),
                ("a column", altered % "the column actor, which has mallory", {"actor": "mallory"}),
                ("two columns", altered % "the column otype, which has key; the column ord", {"otype": "key", "ord": 4}),
                ("the service's word", altered % "the service says so: the hash beside the bytes, or what is stored near it", {"doubt": "columns"}),
                ("a tree of another", "the proof leads to another root", {"note": WORLD.log.note(7, b"\1" * 32)})):
            with self.subTest(what):
                self.answers(3, **lie)
                told = self.refused(1, "audit", "show", "3", *self.base)
                self.assertIn(words, told)
                self.assertNotIn("try again", told)
        self.answers(3)
        self.service.routes["GET", "/v1/audit/entries?seq=3"] = (200, {"entries": [], "first": 0})
        self.assertIn("signed an entry of this number, and the database has none", self.refused(1, "audit", "show", "3", *self.base))
        self.service.routes["GET", "/v1/audit/entries?seq=3"] = (200, {"entries": [], "first": 4})
        self.assertIn("entries before 4 are in an archive", self.refused(1, "audit", "show", "3", *self.base))

    def test_the_story_of_an_object(self):
        """Its entries are numbered: one that is not there is named, also where an entry of another object was put in its place."""
        for event in ({"oid": ID[:-1] + "f", "on": "3"}, {"oid": ID, "otype": "wallet", "on": "40"}):
            self.trail.append({"act": "withdrawal.request", "otype": "withdrawal", "ts": world.at(3), **event})

        repeated = []

        def told(order, *leaves):
            rows = [{"seq": seq, "raw": base64.b64encode(self.trail.leaves[leaf]).decode()} for seq, leaf in enumerate(leaves, start=1)]
            words = ["otype=withdrawal", f"oid={ID}", f"order={order}"]
            path = "/v1/audit/entries?" + "&".join(words) + "&limit=100"
            self.service.routes["GET", path] = (200, {"entries": rows if order == "oldest" else rows[::-1], "first": 0})
            done = self.custody("audit", "search", *words, *self.base)
            repeated.clear()
            repeated.extend(line.split()[1] for line in done.stdout.splitlines() if "REPEATED" in line)
            return done.returncode, [line.split()[1:4:2] for line in done.stdout.splitlines() if "MISSING" in line], done.stderr

        for order in ("oldest", "newest"):
            with self.subTest(order):
                self.assertEqual(told(order, 1, 2, 3, 4, 5, 6), (0, [], ""))
                gap = (1, [["#3", "#3"]])
                self.assertEqual(told(order, 1, 2, 4, 5, 6)[:2], gap)
                for other in (7, 8, 0):
                    self.assertEqual(told(order, 1, 2, other, 4, 5, 6)[:2], gap)
                    self.assertIn("1 of the object are missing", told(order, 1, 2, other, 4, 5, 6)[2])
                self.assertEqual(repeated, [])
                for leaves, numbers in (((1, 2, 3, 3, 4, 5, 6), ["#3"]), ((1, 2, 3, 2, 3, 4, 5, 6), ["#2", "#3"]), ((1, 1, 2), ["#1"])):
                    status, gaps, why = told(order, *leaves)
                    self.assertEqual((status, gaps, sorted(repeated)), (1, [], numbers))
                    self.assertIn(f"{len(numbers)} of the object have a number that was given before", why)

    def test_conditions_that_are_no_story(self):
        """Where more may be asked than one object no numbers follow one another."""
        row = {"seq": 3, "raw": base64.b64encode(self.trail.leaves[3]).decode()}
        self.service.routes["GET", f"/v1/audit/entries?oid={ID}&limit=100"] = (200, {"entries": [row], "first": 0})
        self.assertNotIn("MISSING", self.good("audit", "search", f"oid={ID}", *self.base))

    def test_where_to_go_on_is_no_entry(self):
        row = {"seq": 3, "raw": base64.b64encode(self.trail.leaves[3]).decode()}
        self.service.routes["GET", "/v1/audit/entries?limit=1"] = (200, {"entries": [row], "first": 0, "next": "00ff"})
        done = self.custody("audit", "search", "limit=1", *self.base)
        self.assertEqual((done.returncode, done.stdout.count("\n"), done.stderr), (0, 1, "there may be more: the same with cursor=00ff\n"))

    def test_questions_that_are_not_asked(self):
        """Of one name twice, and proofs from a later size to an earlier one."""
        for command in ("search", "count", "export"):
            for words in (["otype=key", "otype=withdrawal"], ["limit=2", "act=key.state", "limit=3"], [f"oid={ID}", f"oid={ID}"]):
                with self.subTest(command, words=words):
                    self.assertIn(f"audit {command}: {words[-1]}: given twice", self.refused(2, "audit", command, *words, *self.base))
        for limit in ("0", "-1", "1e3", "1000001", "", "07"):
            told = self.refused(2, "audit", "search", f"limit={limit}", *self.base)
            self.assertIn(f"custody audit search: limit={limit}: a whole number from 1 to 1000000: so many entries are shown", told)
        for words in (["0", "5"], ["10", "5"], ["000", "5"], ["x", "5"]):
            self.assertIn("FROM TO: must be ", self.refused(2, "audit", "consistency", *words, *self.base))
        self.assertEqual([request["path"] for request in self.service.requests if "audit" in request["path"]], [])

    def test_witnesses_of_the_trust_file_must_have_cosigned(self):
        witness = world.Witness("witness.example/w1")
        self.write("trust", world.canonical({**WORLD.trust, "witnesses": {"keys": [witness.vkey], "quorum": 1}}))
        note = WORLD.log.note(7, world.root(self.trail.hashes))
        self.answers(3, note=note)
        self.assertIn("custody alarms names those", self.refused(1, "audit", "show", "3", *self.base))
        self.answers(3, note=note + witness.line(note))
        self.assertIn("cosigned as the trust file demands", self.good("audit", "show", "3", *self.base))

    def test_usage_of_it(self):
        for words in (["x"], ["-1"], ["1" * 19], []):
            self.refused(2, "audit", "show", *words, *self.base)
        self.refused(2, "audit", "show", "3", "--url", self.service.url, "--token-file", self.token)
        self.assertEqual(self.service.requests, [])


class Approve(Lying):
    def assert_nothing_sent(self):
        self.assertEqual(self.service.sent("POST"), [])

    def test_an_approval(self):
        told = self.good(*self.approving())
        self.assertIn(short_code(BUNDLE["intent"]), told)
        [request] = self.service.sent("POST")
        self.assertEqual(request["headers"]["Authorization"], "Bearer a-bearer-token")
        body = json.loads(request["body"])
        document = json.loads(body["document"])
        self.assertEqual(world.canonical(document), body["document"])
        signed_at = document.pop("signed_at")
        self.assertRegex(signed_at, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(document, {
            "approver": "approver-2", "chain": WORLD.chain, "decision": "approve", "environment": world.ENVIRONMENT,
            "expires_at": INTENT["expires_at"], "intent": world.digest("intent", BUNDLE["intent"]),
            "key": WORLD.keys["approver-2"].id, "policy": INTENT["policy"], "seen": [], "withdrawal": ID})
        self.assertEqual(body["signatures"], [WORLD.keys["approver-2"].signature("approval", body["document"])])
        self.service.routes["POST", f"/v1/withdrawals/{ID}/approve"] = (409, problem("exists", "receipt", "its entry is in the archive"))
        self.assertIn("in the archive\n   to do: custody show ID", self.refused(1, *self.approving()))

    def approval(self, person, signer=None, **changes):
        document = {"approver": person, "chain": WORLD.chain, "decision": "approve", "environment": world.ENVIRONMENT,
                    "expires_at": INTENT["expires_at"], "intent": world.digest("intent", BUNDLE["intent"]),
                    "key": WORLD.keys[person].id, "policy": INTENT["policy"], "seen": [], "signed_at": world.at(20),
                    "withdrawal": ID, **changes}
        return world.signed("approval", world.canonical(document), WORLD.keys[signer or person])

    def test_an_approval_names_what_was_verified_and_nothing_else(self):
        good = [self.approval("approver-1"), self.approval("approver-3")]
        forged = [self.approval("approver-1", signer="approver-3"), self.approval("approver-1", intent="0" * 64),
                  self.approval("operator-1"), self.approval("approver-3", decision="reject"), {"document": "{}"}, 7]
        self.shows(BUNDLE["intent"], state="approving", approvals=[good[0], *forged, good[1], good[0]])
        told = self.good(*self.approving())
        self.assertRegex(told, r"approved by +approver-\d\n +approver-\d\n +rejected by +approver-3\n +6 more that the service shows do not verify")
        body = json.loads(self.service.sent("POST")[0]["body"])
        self.assertEqual(json.loads(body["document"])["seen"],
                         sorted(world.digest("approval", one["document"]) for one in good))

    def test_a_rejection_that_verifies_is_no_false_alarm(self):
        self.shows(BUNDLE["intent"], state="rejected", approvals=[self.approval("approver-2", decision="reject")])
        told = self.show()
        self.assertRegex(told, r"rejected by +approver-2\n")
        self.assertNotIn("do not verify", told)

    def replay(self, *rows):
        draft = json.loads(POLICY["document"])
        self.write("draft.json", world.canonical({**draft, "version": 2, "prev": WORLD.trust["policy"], "issued_at": world.at(1)}))
        self.service.routes["GET", "/v1/destinations"] = (200, {"destinations": []})
        self.service.routes["GET", "/v1/withdrawals?state=confirmed"] = (200, {"withdrawals": list(rows)})
        return json.loads(self.good("policy", "replay", "--in", str(self.path("draft.json")), "--json", *self.base))

    def test_a_replay_believes_documents_alone(self):
        """Intents and approvals that do not hold together are no history, whatever the service calls them."""
        whole = {"id": ID, "intent": BUNDLE["intent"], "state": "confirmed",
                 "approvals": [self.approval("approver-1"), self.approval("approver-2")]}
        answer = self.replay(whole, {**whole, "intent": altered(amount="1")}, {**whole, "intent": altered(chain="0" * 64)}, {}, 7)
        self.assertEqual((answer["summary"]["replayed"], answer["summary"]["unreadable"]), (1, 4))
        self.assertEqual(answer["withdrawals"], [])
        forged = {**whole, "approvals": [self.approval("approver-1"), self.approval("approver-3", signer="approver-1")]}
        self.assertEqual(self.replay(forged)["summary"]["unreadable"], 1)

    def test_a_rejection(self):
        self.good(*self.approving(verb="reject"))
        [request] = self.service.sent("POST")
        self.assertEqual(request["path"], SHOW[1] + "/reject")
        self.assertEqual(json.loads(json.loads(request["body"])["document"])["decision"], "reject")

    def test_the_code_is_typed(self):
        words = self.approving()[:-2]
        self.good(*words, stdin=short_code(BUNDLE["intent"]) + "\n")
        self.assertEqual(len(self.service.sent("POST")), 1)

    def test_a_wrong_code_signs_nothing(self):
        right = short_code(BUNDLE["intent"])
        for code in ("AAAA-AAAA", right.lower(), right.replace("-", ""), right[:-1], right + " "):
            with self.subTest(code):
                told = self.refused(1, *self.approving(code=code))
                self.assertIn("nothing was signed", told)
        words = self.approving()[:-2]
        for typed in ("\n", "yes\n", right + right + "\n", right[:-1]):
            with self.subTest(typed):
                self.refused(1, *words, stdin=typed)
        self.refused(2, *words, stdin="")
        self.assert_nothing_sent()

    def test_an_intent_exchanged_after_it_was_shown(self):
        """The code is the one of the true intent."""
        self.shows(altered(destination=WORLD.keys["mallory"].address()))
        self.refused(1, *self.approving())
        self.assert_nothing_sent()

    def test_an_intent_that_has_expired(self):
        expired = altered(expires_at=world.at(3600))
        self.shows(expired)
        self.assertIn("has expired", self.refused(1, *self.approving(code=short_code(expired))))
        self.assert_nothing_sent()

    def test_lies_sign_nothing(self):
        for routes in ({SHOW: (200, {"withdrawal": {"intent": altered(policy="0" * 64)}})},
                       {("GET", "/v1/policies"): (200, in_force({**POLICY, "signatures": []}))},
                       {("GET", "/v1/ledger/genesis"): (200, {"genesis": "{}"})}):
            self.say_the_truth()
            self.service.routes.update(routes)
            self.refused(1, *self.approving())
        self.assert_nothing_sent()

    def test_keys_that_do_not_fit(self):
        self.assertIn("belongs to nobody", self.refused(1, *self.approving("mallory")))
        self.write("passphrase", "another one", 0o600)
        self.refused(1, *self.approving())
        self.write("passphrase", PASSPHRASE, 0o644)
        self.refused(1, *self.approving())
        self.assert_nothing_sent()

    def test_what_the_service_answers(self):
        path = ("POST", SHOW[1] + "/approve")
        self.service.routes[path] = (403, problem("self_approval", "approver", "the requester cannot approve"))
        self.assertIn("approver: the requester cannot approve", self.refused(1, *self.approving()))
        self.service.routes[path] = (200, {"withdrawal": {"state": ESCAPES}})
        told = self.good(*self.approving())
        self.assertFalse(set(told) - set(map(chr, range(32, 127))) - {"\n"}, repr(told))
        self.service.routes[path] = (500, problem("ok"))
        self.refused(1, *self.approving())


class Others(Lying):
    def test_tokens(self):
        for mode in (0o644, 0o640, 0o606):
            with self.subTest(oct(mode)):
                os.chmod(self.token, mode)
                self.refused(1, "show", ID, *self.base)
        self.assertEqual(self.service.requests, [])
        os.chmod(self.token, 0o600)
        self.show()
        self.write("token", "two\r\nX-Injected: yes", 0o600)
        self.refused(1, "show", ID, *self.base)
        words = [word for word in self.base if word not in ("--token-file", self.token)]
        self.good("show", ID, *words, env={"STRONGROOM_TOKEN": "from-the-environment"})
        self.assertEqual(self.service.requests[-1]["headers"]["Authorization"], "Bearer from-the-environment")

    def test_tokens_stay_private(self):
        for url in ("http://192.0.2.1:80", "http://localhost:1@192.0.2.1", "https://user@localhost", "ftp://localhost:21", "localhost"):
            with self.subTest(url=url):
                said = self.refused(2, "wallets", "--url", url)
                self.assertIn("url", said)
                self.assertIn("https://", said)

    def test_lists_are_clean(self):
        row = {"id": ESCAPES, "state": ESCAPES, "amount": "1\n2", "wallet": ESCAPES, "destination": ESCAPES, "reason": ESCAPES}
        self.service.routes[("GET", "/v1/withdrawals")] = (200, {"withdrawals": [row], "next": ""})
        self.service.routes[("GET", "/v1/wallets")] = (200, {"wallets": [row]})
        self.service.routes[SHOW[0], SHOW[1] + "/explanation"] = (200, {"explanation": row})
        self.service.routes[("POST", SHOW[1] + "/cancel")] = (200, {"withdrawal": row})
        for words in (["list"], ["wallets"], ["explain", ID], ["cancel", ID]):
            with self.subTest(words):
                told = self.good(*words, *self.base)
                self.assertFalse(set(told) - set(map(chr, range(32, 127))) - {"\n"}, repr(told))

    def test_wait(self):
        self.shows("", state="confirmed", height=7)
        self.assertEqual(self.good("wait", ID, *self.base), "confirmed at height 7\n")
        for state in ("rejected", "expired", "failed", "cancelled", "quarantined"):
            self.shows("", state=state, reason=ESCAPES)
            self.assertIn(f"it ended as {state}: ", self.refused(1, "wait", ID, *self.base))
        self.shows("", state="rejected")
        self.assertRegex(self.refused(1, "wait", ID, *self.base), r"it ended as rejected\n   to do: custody show ID")
        self.shows("", state="approving")
        self.refused(1, "wait", ID, *self.base, "--timeout", "1")

    def propose(self, *more):
        return ["propose", *self.base, "--wallet", "hot", "--asset", "DEMO", "--amount", "1", "--to", INTENT["destination"], *more]

    def proposes(self, **changes):
        """The service answers a request with the intent of another one."""
        intent = altered(**{"amount": "1", **changes})
        self.service.routes[("POST", "/v1/withdrawals")] = (201, {"withdrawal": {
            "id": ID, "state": "reserved", "intent": intent, "amount": "1", "asset": WORLD.asset, "wallet": "hot",
            "destination": INTENT["destination"], "short_code": short_code(intent)}})
        return intent

    def test_a_request_can_be_repeated(self):
        intent = self.proposes()
        words = self.propose()
        done = self.custody(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        [request] = self.service.sent("POST")
        self.assertIn(request["headers"]["Idempotency-Key"], done.stderr)
        self.assertIn(f"short code   {short_code(intent)}\n", done.stdout)
        self.assertEqual(json.loads(request["body"]), {
            "amount": "1", "asset": WORLD.asset, "destination": INTENT["destination"], "wallet": "hot"})
        self.service.routes[("POST", "/v1/withdrawals")] = (503, problem("unavailable"))
        done = self.custody(*words, "--idempotency-key", "again")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.service.sent("POST")[-1]["headers"]["Idempotency-Key"], "again")
        self.assertIn("repeat with --idempotency-key again\n", done.stderr)
        self.service.routes[("POST", "/v1/withdrawals")] = (403, problem("denied"))
        self.assertNotIn("repeat with", self.refused(1, *words))
        self.refused(1, *("NONE" if word == "DEMO" else word for word in words))

    def test_a_key_that_requests_nothing_reserves_nothing(self):
        self.proposes()
        for name, word in (("approver-1", "approver-1, who has not the duty requester"), ("mallory", "belongs to nobody")):
            with self.subTest(name):
                self.assertIn(word, self.refused(1, *self.propose("--key", self.keys[name], "--passphrase-file", self.passphrase)))
        self.assertEqual(self.service.sent("POST"), [])

    def test_a_proposal_that_could_not_be_signed_is_named(self):
        self.keys["operator-1"] = self.key_file("operator-1", WORLD.keys["operator-1"])
        signing = ("--key", self.keys["operator-1"], "--passphrase-file", self.passphrase, "--idempotency-key", "once")
        named = f"withdrawal {ID} is proposed but not signed: custody cancel {ID}"
        for changes in ({"requester": "approver-1"}, {}):  # of another person; and a service that does not take the signature
            with self.subTest(changes):
                self.proposes(**changes)
                told = self.refused(1, *self.propose(*signing))
                self.assertIn(named, told)
                self.assertIn("--idempotency-key once", told)

    def explained(self, decision, text):
        tree = {"decision": decision, "text": text, "version": 1, "policy": INTENT["policy"], "rules": []}
        self.service.routes["GET", SHOW[1] + "/explanation"] = (200, tree)
        self.service.routes["POST", "/v1/policy/explain"] = (200, tree)

    def test_what_the_policy_denies_is_said(self):
        self.proposes()
        self.explained("denied", "no allow rule matches")
        done = self.custody(*self.propose())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"the policy denies this: no allow rule matches; custody cancel {ID}", done.stderr)
        for more in ((), ("--json",)):
            dry = self.custody(*self.propose("--dry-run", *more))
            self.assertEqual(dry.returncode, 1, dry.stdout)
            self.assertIn("no allow rule matches\n   to do: what is NOT MET above says why; nothing was proposed", dry.stderr)
        self.explained("waiting", "approvals are missing")
        self.assertNotIn("denies", self.custody(*self.propose()).stderr)
        self.good(*self.propose("--dry-run"))

    def standing(self, **row):
        """What show, explain and list say of it."""
        self.shows(BUNDLE["intent"], **row)
        self.explained("waiting", "approvals are missing")
        self.service.routes["GET", "/v1/withdrawals"] = (200, {"withdrawals": [{"id": ID, **row}], "next": ""})
        return self.show(), self.good("explain", ID, *self.base), self.good("list", *self.base)

    def test_an_end_is_told_and_not_judged_again(self):
        rejection = {"document": world.canonical({"approver": "approver-3", "decision": "reject"}), "signatures": []}
        for words, row in (("vetoed by approver-1, reason not-ours", {"state": "rejected", "reason": "denied", "veto": {
                               "by": "approver-1", "reason": "not-ours"}}),
                           ("rejected by approver-3", {"state": "rejected", "approvals": [rejection]}),
                           ("rejected: destination_unlisted", {"state": "rejected", "reason": "destination_unlisted"}),
                           (f"expired at {world.at(9)}", {"state": "expired", "expires_at": world.at(9)}),
                           ("cancelled", {"state": "cancelled"}), ("confirmed at height 7", {"state": "confirmed", "height": 7}),
                           ("in quarantine: ", {"state": "quarantined", "reason": ESCAPES})):
            with self.subTest(words):
                shown, explained, _ = self.standing(**row)
                self.assertIn(f"; it ended: {words}", shown)
                self.assertIn(f"it has ended: {words}", explained)
                self.assertNotIn("approvals are missing", explained)
                self.assertFalse(set(shown + explained) - set(map(chr, range(32, 127))) - {"\n"}, repr(shown))
        shown, explained, _ = self.standing(state="approving")
        self.assertNotIn("ended", shown + explained)
        self.assertIn("approvals are missing", explained)

    def test_a_row_that_is_not_what_its_intent_says_is_marked(self):
        """What the database lists was edited; or the intent was: people sign that."""
        row = {"id": ID, "state": "approving", "intent": BUNDLE["intent"], **{name: INTENT[name] for name in (
            "amount", "asset", "destination", "requester", "wallet")}}
        self.explained("waiting", "approvals are missing")
        for change in {}, {"amount": "2"}, {"destination": WORLD.keys["mallory"].address()}, {"wallet": "other", "requester": ESCAPES}:
            self.service.routes["GET", "/v1/withdrawals"] = (200, {"withdrawals": [{**row, **change}, row], "next": ""})
            self.service.routes[SHOW] = (200, {"withdrawal": {**row, **change}})
            for words in ("list",), ("explain", ID):
                with self.subTest(words=words, change=change):
                    done = self.custody(*words, *self.base)
                    self.assertEqual(done.returncode, 1 if change else 0, done.stderr)
                    self.assertEqual(done.stdout.count("ALTERED in the database"), len(change), done.stdout)
                    self.assertEqual("not what" in done.stderr, bool(change), done.stderr)
                    for name in change:
                        self.assertIn(f"the {name}; the intent, which is what people sign, has {INTENT[name]}\n", done.stdout)
        for intent in ("", "{", BUNDLE["intent"][1:], BUNDLE["intent"] + " ", BUNDLE["intent"].replace('"amount"', '"amounu"'), "[]", 7, None, {}):
            self.service.routes["GET", "/v1/withdrawals"] = (200, {"withdrawals": [{**row, "intent": intent}, row], "next": ""})
            self.service.routes[SHOW] = (200, {"withdrawal": {**row, "intent": intent}})
            for words in ("list",), ("explain", ID):
                with self.subTest(words=words, intent=intent):
                    done = self.custody(*words, *self.base)
                    self.assertEqual((done.returncode, done.stdout.count("ALTERED in the database: the intent, which is what people sign, cannot be read: ")), (1, 1),
                                     done.stdout + done.stderr)
                    self.assertIn("not what", done.stderr)

    def test_what_it_waits_for_is_told_in_words_and_until_when(self):
        until, since = world.at(9), world.at(8)
        for step, code, words in (("sign", "limit_exceeded", "a limit over time"), ("announce", "not_ready", "the veto window .*, or before that a signed checkpoint over its entry"),
                                  ("record", "not_ready", "the cooling-off .* or a signed checkpoint over its request"),
                                  ("sign", "not_ready", "a signed checkpoint over its entry, cosigned by the witnesses"), ("record", "outside_hours", "the policy allows it at other hours"),
                                  ("record", "corrupt", "what was stored of it is altered"), ("sign", "corrupt", "what was stored of it is altered"),
                                  ("sign", "new", "the step is tried again")):
            with self.subTest(step=step, code=code):
                for told in self.standing(state="approved", waiting={"step": step, "for": code, "since": since, "until": until}):
                    self.assertRegex(told, rf"waits until {until}: {words}.* \({step}: {code} since {since}\)")
        waiting = {"step": "record", "for": "key_inactive", "since": since}
        frozen = {"scope": "wallet", "subject": "hot", "state": "frozen", "cause": "command", "reason": "odd", "since": since, "number": 2}
        for row, said in ((frozen, True), ({**frozen, "state": "thawed"}, False), ({**frozen, "subject": "cold"}, False),
                          ({**frozen, "scope": "everything"}, True)):
            self.service.routes["GET", "/v1/freezes"] = (200, {"freezes": [row]})
            _, explained, _ = self.standing(state="approved", wallet="hot", waiting=waiting)
            self.assertEqual("\nfrozen: " in explained, said, explained)
        witnesses = [{"name": "witness.example/w2", "reason": "unknown_key"}, {"name": ESCAPES, "reason": ESCAPES}]
        for told in witnesses, []:
            _, explained, _ = self.standing(state="recorded", waiting={"step": "sign", "for": "not_ready", "since": since, "witnesses": told})
            lines = [line for line in explained.splitlines() if line.startswith("does not cosign: ")]
            self.assertEqual((len(lines), lines[:1]), (len(told), ["does not cosign: witness.example/w2, unknown_key (docs/witnesses.md)"][:len(told)]))
            self.assertFalse(set(explained) - set(map(chr, range(32, 127))) - {"\n"}, repr(explained))

    def revoking(self, word, *more):
        chain = self.write("policy.json", json.dumps(POLICY))
        return self.custody("destination", "revoke", word, *self.base, "--policy", chain, "--reason", "false-address", *more)

    def test_who_revokes_an_entry_sees_which(self):
        entry = BUNDLE["destination"]
        name = world.digest("destination", entry["document"])
        document = json.loads(entry["document"])
        self.service.routes["GET", "/v1/destinations"] = (200, {"destinations": [{**entry, "state": "serving"}, {"document": "{}"}, 7]})
        for word in (name, document["account"]):
            done = self.revoking(word)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["subject"], name)
            self.assertIn(f"on the list: {document['id']}, {document['account']}, group {document['group']}, serving", done.stderr)
            self.assertNotIn("nothing that is listed stops", done.stderr)
        mistyped = self.revoking("0" * 64)
        self.assertEqual((mistyped.returncode, json.loads(mistyped.stdout)["subject"]), (0, "0" * 64))
        self.assertIn("no entry of the list has this digest: nothing that is listed stops\n", mistyped.stderr)
        other = self.revoking(WORLD.keys["mallory"].address())
        self.assertEqual((other.returncode, other.stdout), (1, ""))
        self.assertIn("no entry of the list has this address", other.stderr)
        self.service.routes["GET", "/v1/destinations"] = (503, problem("unavailable"))
        away = self.revoking(name)
        self.assertEqual(away.returncode, 0, away.stderr)
        self.assertIn("NOT KNOWN", away.stderr)

    def test_a_proposal_of_something_else(self):
        """Whoever carries the request writes another payment into it, and shows the requester the short code of that one."""
        for field, changes in (("destination", {"destination": WORLD.keys["mallory"].address()}), ("amount", {"amount": "9999"}),
                               ("returns", {"returns": "ab" * 32}), ("policy", {"policy": "0" * 64}), ("chain", {"chain": "0" * 64})):
            for more in ((), ("--json",)):
                with self.subTest(field, more=more):
                    intent = self.proposes(**changes)
                    done = self.custody(*self.propose(*more))
                    self.assertEqual((done.returncode, done.stdout), (1, ""))
                    self.assertIn(field, done.stderr)
                    self.assertNotIn(short_code(intent), done.stderr)
        intent = world.canonical({**json.loads(self.proposes()), "transaction": "0" * 64})
        self.service.routes[("POST", "/v1/withdrawals")] = (201, {"withdrawal": {"id": ID, "intent": intent}})
        self.assertIn("transaction", self.refused(1, *self.propose()))

    def test_files_that_are_fetched(self):
        path = ("GET", SHOW[1] + "/evidence")
        self.service.routes[path] = (200, b"evidence\n")
        out = ["evidence", ID, *self.base, "--out", self.path("evidence")]
        self.good(*out)
        self.assertEqual(self.read("evidence"), b"evidence\n")
        self.refused(1, *out)
        self.assertEqual(self.read("evidence"), b"evidence\n")
        for status, body in ((409, problem("conflict", "", "not confirmed")), (500, problem("ok")), (500, b""), (204, b""),
                             (302, self.service.url.encode())):
            with self.subTest(status):
                self.service.routes[path] = (status, body)
                self.refused(1, *out[:-1], self.path("half"))
                self.assertFalse(os.path.exists(self.path("half")))
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.service.routes[path] = (200, b"evidence\n")
            self.refused(1, *out[:-2], stdout=full)

    def test_a_file_is_whole_or_not_there(self):
        """Who ends the program, or has no more room, has no half of a file under the name that he gave."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        words = [PROGRAM, "audit", "export", *self.base]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                path = self.path(f"trail-{number}")
                begun, ended = queue.Queue(), queue.Queue()
                def stall(_):
                    begun.put(os.path.exists(path))
                    ended.get()
                    return 200, b"{}\n"
                self.service.routes[("GET", "/v1/audit/export")] = stall
                with subprocess.Popen([*words, "--out", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean,
                                      preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)) as child:  # ignored where the tests run in the background
                    self.assertTrue(begun.get())
                    child.send_signal(number)
                    child.wait()
                    ended.put(True)
                self.assertEqual((child.returncode, os.path.exists(path)), (-number, False))
        self.service.routes[("GET", "/v1/audit/export")] = (200, b"{}\n" * 100000)
        with open("/dev/full", "wb") as full:
            told = self.refused(1, *words[1:], stdout=full)
        self.assertIn("could not write", told)
        self.assertNotIn("is it running", told)

    def test_evidence_waits_for_its_last_checkpoint(self):
        """Just confirmed: the service says for a moment that it is not ready. For too long is a failure all the same."""
        answers = [(503, problem("not_ready", "trail")), (503, problem("not_ready", "trail")), (200, b"evidence\n")]
        path = ("GET", SHOW[1] + "/evidence")
        self.service.routes[path] = lambda _: answers.pop(0)
        self.good("evidence", ID, *self.base, "--out", self.path("evidence"))
        self.assertEqual((answers, self.read("evidence")), ([], b"evidence\n"))
        self.service.routes[path] = (503, problem("not_ready", "trail"))
        self.assertIn("trail", self.refused(1, "evidence", ID, *self.base, "--out", self.path("never"), "--timeout", "1"))
        self.assertFalse(os.path.exists(self.path("never")))

    def test_nobody_answers(self):
        self.refused(1, "list", "--url", "http://127.0.0.1:1", "--token-file", self.token)
        done = self.custody("list", "--url", "file:///etc/passwd", "--token-file", self.token)
        self.assertIn(done.returncode, (1, 2), done.stdout)

    def test_tls(self):
        made = {}
        for name in ("ours", "theirs"):
            key, certificate = self.path(f"{name}.key"), self.path(f"{name}.pem")
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                            "2", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
                           check=True, capture_output=True)
            made[name] = (certificate, key)
        service = Service(made["ours"])
        self.addCleanup(service.end)
        service.routes = self.service.routes
        base = ["--url", service.url, *self.base[2:]]
        self.good("show", ID, *base, "--ca", made["ours"][0])
        self.refused(1, "show", ID, *base, "--ca", made["theirs"][0])
        self.refused(1, "show", ID, *base)
        base[1] = service.url.replace("localhost", "127.0.0.1")  # another name than the certificate's
        self.refused(1, "show", ID, *base, "--ca", made["ours"][0])


if __name__ == "__main__":
    unittest.main()
