#!/usr/bin/python3
"""Position API: the attacker owns custodyd, its host user, its database login and the sockets of all three signers.

He speaks to the signers himself, shows them what he likes, and may write any entry into the trail, since he is who writes it.
Each refusal is the signer's own, by code and place. What the service is made to believe by rows is in test_database.py.
"""

import base64
import concurrent.futures
import json
import unittest

from positions import DAY_S, Position, Signer, signing_entry
from strongroom import canonical, digest, eventually, time_text


class Api(Position):
    def ask(self, op, role="transfer", **fields):
        with Signer(self.place, role) as signer:
            return signer.ask(op, **fields)

    def refused(self, papers, status, where):
        """No signature, for this reason; the guard has promised nothing of it."""
        reply = self.ask("transfer.sign", **papers)
        self.assertRefused(reply, status, where)
        self.assertNotIn("signature", reply)
        self.assertEqual(reply["promised"], "never")

    # To obtain a signature

    def test_the_papers_as_they_should_be_are_signed(self):
        """So that what is refused below is refused for its reason. The service, told afterwards, has the same signature."""
        place = self.place
        row = place.proposed(40)
        good = self.approvals(row)
        reply = self.ask("transfer.sign", **self.papers(row, good))
        self.assertEqual(reply.get("ok"), True, reply)
        self.assertEqual(digest("transaction", reply["transaction"]), row["transaction_id"])
        for person, signed in zip(("approver-1", "approver-2"), good):
            self.assertEqual(place.decide(row, person, document=signed).status, 200)
        place.wait(row["id"], "confirmed")
        self.paid = 40

    def test_approvals_that_are_missing_or_forged(self):
        place = self.place
        row, other = place.proposed(41), place.proposed(41)
        own = place.proposed(41, person="approver-4")
        one, two = self.approvals(row)
        stranger = place.person("mallory")["key_id"]
        relabelled = place.approval(row, "approver-3", signer="mallory")
        relabelled["signatures"][0]["key"] = place.person("approver-3")["key_id"]
        unsigned = {**two, "signatures": []}
        cases = {
            "none": ([], "quorum_missing", "policy"),
            "one": ([one], "quorum_missing", "policy"),
            "one, twice": ([one, one], "duplicate_person", "approvals[1].approver"),
            "one person, two papers": ([one, place.approval(row, "approver-1", signed_at=row["requested_at"])],
                                       "duplicate_person", "approvals[1].approver"),
            "a stranger's": ([one, place.approval(row, "approver-2", signer="mallory", key=stranger)], "unknown_key", "approvals[1].key"),
            "a stranger's under a known key": ([one, relabelled], "signature_invalid", "approvals[1].signatures[0]"),
            "without a signature": ([one, unsigned], "signature_invalid", "approvals[1].signatures"),
            "of people without a voice": ([one, place.approval(row, "admin-1")], "quorum_missing", "policy"),
            "of another intent": ([one, place.approval(other, "approver-2")], "mismatch", "approvals[1].intent"),
            "a rejection": ([one, place.approval(row, "approver-2", "reject")], "denied", "approvals[1].decision"),
        }
        for name, (approvals, status, where) in cases.items():
            with self.subTest(name):
                papers = self.papers(row, approvals)
                reply = self.ask("transfer.sign", **papers)
                self.assertRefused(reply, status, where)
        with self.subTest("the requester's own"):
            self.refused(self.papers(own, self.approvals(own, "approver-1", "approver-4")), "self_approval", "approvals[1].approver")
        self.cancel(row)
        self.cancel(other)
        self.cancel(own, "approver-4")

    def test_what_was_approved_is_not_what_is_asked_for(self):
        """Good approvals of one intent, and another one, which is consistent in itself."""
        place = self.place
        row = place.proposed(42)
        good = self.approvals(row)
        listed = self.listing(self.mallory, "admin-1", "admin-2")  # even then: people approved another destination
        cases = {
            "the amount": (self.enlarged(row, 99999), self.payment),
            "the destination": (self.redirected(row, self.mallory), listed),
            "the time it ends": ({**row, "intent": self.rebuilt(row, expires_at=time_text(seconds=30 * DAY_S))[0]}, self.payment),
            "the requester": ({**row, "intent": self.rebuilt(row, requester="requester-2")[0]}, self.payment),
            "the sequence": ({**row, "intent": self.rebuilt(row, of_transaction={"seq": "0"}, seq="0")[0]}, self.payment),
        }
        for name, (changed, destination) in cases.items():
            with self.subTest(name):
                if json.loads(changed["intent"]) != json.loads(row["intent"]):
                    self.refused(self.papers(changed, good, destination), "mismatch", "approvals[0].intent")
        with self.subTest("the transaction alone"):
            intent = canonical({**json.loads(row["intent"]), "transaction": "0" * 64})
            self.refused(self.papers({**row, "intent": intent}, good), "mismatch", "transaction")
        self.cancel(row)

    def test_a_destination_that_is_not_on_the_list(self):
        """Two approvers who were deceived do not help either: the list is the administrators'."""
        place = self.place
        row = self.redirected(place.proposed(43), self.mallory)
        good = self.approvals(row)
        cases = {
            "nobody's": (self.listing(self.mallory, "mallory"), "unknown_key", "document.signatures[0]"),
            "one administrator's": (self.listing(self.mallory, "admin-1"), "quorum_missing", "document.signatures"),
            "approvers'": (self.listing(self.mallory, "approver-1", "approver-2"), "unknown_key", "document.signatures[0]"),
            "edited": ({**self.payment, "document": self.listing(self.mallory)["document"]}, "signature_invalid",
                       "document.signatures[0]"),
        }
        for name, (destination, status, where) in cases.items():
            with self.subTest(name):
                self.assertRefused(self.ask("destination.adopt", document=destination), status, where)
                self.refused(self.papers(row, good, destination), "destination_unlisted", "destination")
        expired = self.listing(self.mallory, "admin-1", "admin-2", issued_at=time_text(seconds=-20), valid_until=time_text(seconds=-10))
        self.assertRefused(self.ask("destination.adopt", document=expired), "expired", "document.valid_until")
        self.refused(self.papers(row, good, expired), "expired", "destination.valid_until")
        self.refused(self.papers(row, good, self.payment), "mismatch", "destination.account")
        self.cancel(row)

    def test_without_the_trail(self):
        """No entry, no signature: an entry that was never written, of something else, or under somebody else's checkpoint."""
        place = self.place
        row, other = place.proposed(44), place.proposed(44)
        good = self.approvals(row)
        papers = self.papers(row, good)
        theirs = self.papers(other, self.approvals(other))
        leaf = base64.b64decode(papers["leaf"])
        edited = leaf.replace(b'"outcome":"intent"', b'"outcome":"ok"')
        proof = base64.b64decode(papers["proof"]).decode().splitlines()
        unsigned = "\n".join([*proof[:-1], proof[-1][:-8] + "AAAAAAA="]) + "\n"
        for name, changes, status, where in (
                ("none", {"leaf": "", "proof": ""}, "invalid", "receipt"),
                ("another withdrawal's", {"leaf": theirs["leaf"], "proof": theirs["proof"]}, "mismatch", "leaf.oid"),
                ("another's proof", {"proof": theirs["proof"]}, "mismatch", "receipt"),
                ("another's leaf", {"leaf": theirs["leaf"]}, "mismatch", "receipt"),
                ("edited", {"leaf": base64.b64encode(edited).decode()}, "proof_invalid", None),
                ("a checkpoint that the log key did not sign", {"proof": base64.b64encode(unsigned.encode()).decode()},
                 "signature_invalid", "signature")):
            with self.subTest(name):
                self.refused({**papers, **changes}, status, where)
        intent = json.loads(row["intent"])
        told = {"promises": "0", **{name: intent[name] for name in ("amount", "asset", "destination", "wallet")}}
        untrue = {"amount": "1", "asset": "0" * 64, "destination": self.mallory, "wallet": "treasury"}
        for where, changes, refs in (("leaf.act", {"act": "withdrawal.approve"}, {}), ("leaf.outcome", {"outcome": "deny"}, {}),
                                     ("leaf.policy", {"policy": "1" * 64}, {}), ("leaf.refs.transaction", {}, {"transaction": "0" * 64}),
                                     ("leaf.refs.intent", {}, {"intent": "0" * 64}),
                                     ("leaf.facts", {"facts": {"promises": "0"}}, {}),
                                     *((f"leaf.facts.{name}", {"facts": {**told, name: value}}, {}) for name, value in untrue.items())):
            with self.subTest(where):
                event = {**signing_entry(place, row, good, **refs), **changes}
                self.refused(self.papers(row, good, event=event), "mismatch", where)
        self.cancel(row)
        self.cancel(other)

    def test_there_is_no_other_door(self):
        """What the other signers sign is no transfer, and nobody signs given bytes."""
        row = self.place.proposed(45)
        papers = self.papers(row, self.approvals(row))
        for role in ("audit", "validator"):
            with self.subTest(role):
                self.assertRefused(self.ask("transfer.sign", role, **papers), "not_permitted")
        for op, fields in (("sign", {"bytes": "00"}), ("transfer.approve", {}), ("guard.reset", {}), ("policy.set", {})):
            with self.subTest(op):
                self.assertRefused(self.ask(op, **fields), "invalid", "op")
        with self.subTest("a field more"):
            self.assertRefused(self.ask("transfer.sign", approved=True, **papers), "unknown_field")
        with self.subTest("before hello"), Signer(self.place, "transfer", hello=False) as signer:
            self.assertRefused(signer.ask("transfer.sign", **papers), "not_permitted")
        self.cancel(row)

    # To revive an approval

    def test_an_approval_whose_time_is_over(self):
        place = self.place
        row = place.proposed(46)
        one = place.approval(row, "approver-1")
        past = place.approval(row, "approver-2", signed_at=time_text(seconds=-20), expires_at=time_text(seconds=-10))
        self.refused(self.papers(row, [one, past]), "expired", "approvals[1].expires_at")
        document = {**json.loads(past["document"]), "expires_at": row["expires_at"]}
        extended = {**past, "document": canonical(document)}
        self.refused(self.papers(row, [one, extended]), "signature_invalid", None)
        self.cancel(row)

    def test_an_intent_whose_time_is_over(self):
        """With all its approvals; the service, which says what time it is, is not asked."""
        row = self.place.proposed(47)
        late = {**row, "intent": self.rebuilt(row, requested_at=time_text(seconds=-60), expires_at=time_text(seconds=-1))[0]}
        good = self.approvals(late, signed_at=time_text(seconds=-20))
        self.refused(self.papers(late, good), "expired", "intent.expires_at")
        self.cancel(row)

    def test_signed_once(self):
        """The approvals of a withdrawal that was paid serve for nothing else: not again, not for another sequence."""
        place = self.place
        row = place.withdraw(48)
        self.paid, self.signatures = 48, self.signed_so_far()
        good = [{name: approval[name] for name in ("document", "signatures")} for approval in place.read(row["id"])["approvals"]]
        again = self.rebuilt(row, of_transaction={"lane": "77", "seq": "0"}, lane="77", seq="0")[0]
        reply = self.ask("transfer.sign", **self.papers({**row, "intent": again}, good))
        self.assertRefused(reply, "mismatch", "approvals[0].intent")
        moved = {**row, "intent": again}
        fresh = self.approvals(moved)  # even with new approvals of two people: this withdrawal was signed
        reply = self.ask("transfer.sign", **self.papers(moved, fresh))
        self.assertRefused(reply, "replay", "intent.withdrawal")
        self.assertEqual(reply["promised"], "other")
        self.assertEqual(self.signed_so_far(), self.signatures)

    # To lower a quorum, to skip a delay

    def test_a_version_of_the_policy_with_a_lower_quorum(self):
        place = self.place
        looser = {"rules": self.demanding(max_amount="1000000000")}
        for name, signers, status in (("nobody", (), "quorum_missing"), ("a stranger", ("mallory",), "unknown_key"),
                                      ("one administrator", ("admin-1",), "quorum_missing"),
                                      ("approvers", ("approver-1", "approver-2", "approver-3"), "unknown_key")):
            for role in ("transfer", "audit", "validator"):
                with self.subTest(name, role=role):
                    _, signed = self.next_policy(*signers, **looser)
                    reply = self.ask("policy.adopt", role, document=signed)
                    self.assertRefused(reply, status)
        with self.subTest("below the floor, by all who govern"):
            _, signed = self.next_policy("admin-1", "admin-2", "admin-3", rules=self.demanding(m=1))
            self.assertRefused(self.ask("policy.adopt", document=signed), "invalid")
        self.assertEqual(self.state_of()["policy"], place.policy_digest)

    def test_an_intent_under_a_policy_of_ones_own(self):
        """A version that nobody adopted does not exist, whatever digest an intent names."""
        place = self.place
        name, _ = self.next_policy("mallory")
        row = place.proposed(49)
        own = {**row, "intent": self.rebuilt(row, of_transaction={"policy": name}, policy=name, policy_version=2)[0]}
        self.refused(self.papers(own, self.approvals(own, policy=name)), "mismatch", "intent.policy")
        self.cancel(row)

    # To unfreeze, to wake a key

    def test_what_is_stopped_stays_stopped(self):
        place = self.place
        row = place.proposed(50)
        papers = self.papers(row, self.approvals(row))
        self.assertTrue(self.ask("freeze.alarm", scope="wallet", subject="hot", reason="drill")["ok"])  # he may stop: anybody may
        frozen = self.state_of()["freezes"][0]
        self.assertEqual((frozen["state"], frozen["subject"]), ("frozen", "hot"))
        self.refused(papers, "key_inactive", "freeze")
        thaw = {"scope": "wallet", "subject": "hot", "on": str(frozen["on"]), "role": "transfer"}
        old = self.command("thaw", "admin-1", "admin-2", **{**thaw, "on": str(int(frozen["on"]) + 1)})
        for name, signers, order, status in (
                ("one administrator", ("admin-1",), None, "quorum_missing"), ("a stranger", ("mallory",), None, "unknown_key"),
                ("approvers", ("approver-1", "approver-2"), None, "unknown_key"), ("of another freeze", (), old, "conflict"),
                ("expired", (), self.command("thaw", "admin-1", "admin-2", **{
                    **thaw, "issued_at": time_text(seconds=-20), "expires_at": time_text(seconds=-10)}), "expired")):
            with self.subTest(name):
                order = order or self.command("thaw", *signers, **thaw)
                reply = self.ask("key.command", command=order)
                self.assertRefused(reply, status)
                self.assertEqual(self.state_of()["freezes"][0]["state"], "frozen")
        self.refused(papers, "key_inactive", "freeze")
        good = self.command("thaw", "admin-1", "admin-2", **thaw)
        self.assertTrue(self.ask("key.command", command=good)["ok"])
        self.assertTrue(self.ask("freeze.alarm", scope="wallet", subject="hot", reason="drill")["ok"])
        self.assertRefused(self.ask("key.command", command=good), "replay")  # the same order once more, for the next freeze
        number = self.state_of()["freezes"][0]["on"]
        self.assertTrue(self.ask("key.command", command=self.command("thaw", "admin-1", "admin-3", **{**thaw, "on": str(number)}))["ok"])
        self.cancel(row)

    # To extend a limit, to skip a delay

    def stricter(self, **demand):
        """The rules of the policy with other demands, by honest administrators, in force."""
        return self.adopt(rules=self.rules_with(demand=demand))

    def test_x_more_than_a_rule_allows(self):
        """With every approval that there is. The service takes no such request; he who has it makes one."""
        place = self.place
        self.assertProblem(place.propose(100001), 403, "limit_exceeded", "amount")
        row = place.proposed(52)
        large = self.enlarged(row, 100001)
        self.refused(self.papers(large, self.approvals(large, "approver-1", "approver-2", "approver-3")), "limit_exceeded", "policy")
        self.cancel(row)

    def test_y_a_sum_over_time(self):
        """He asks one by one, many times at once, under other names, and after another version: the signer adds up what it promised."""
        place = self.place
        self.stricter(limits=[{"per": "wallet", "sum": "1000", "window_s": 86400}])
        first = place.proposed(1)
        used = self.ask("transfer.usage", intent=first["intent"])["limits"][0]
        self.cancel(first)
        self.assertEqual((used["sum"], used["per"]), ("1000", "wallet"))
        before = int(used["used_sum"])
        rows = [place.proposed(400) for _ in range(6)]
        asked = [self.papers(row, self.approvals(row)) for row in rows]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            replies = list(pool.map(lambda papers: self.ask("transfer.sign", **papers), asked))
        signed = [reply for reply in replies if reply["ok"]]
        self.assertEqual(len(signed), (1000 - before) // 400, replies)
        for reply in replies:
            if not reply["ok"]:
                self.assertRefused(reply, "limit_exceeded", "policy.hot-transfers.limits[0]")
                self.assertEqual(reply["promised"], "never")
        with self.subTest("by another requester, to another account"):
            other = place.proposed(400, person="requester-2")
            self.refused(self.papers(other, self.approvals(other)), "limit_exceeded", "policy.hot-transfers.limits[0]")
            self.cancel(other, "requester-2")
        with self.subTest("after a restart of the signer"):
            place.kill("transfer")
            place.start()
            left = next(papers for papers, reply in zip(asked, replies) if not reply["ok"])
            self.refused(left, "limit_exceeded", "policy.hot-transfers.limits[0]")
        with self.subTest("after another version of the policy, which allows as much again"):
            self.stricter(limits=[{"per": "wallet", "sum": "1001", "window_s": 86400}])
            again = place.proposed(400)
            self.refused(self.papers(again, self.approvals(again)), "limit_exceeded", "policy.hot-transfers.limits[0]")
            self.cancel(again)
        self.assertEqual(self.signed_so_far(), self.signatures + len(signed))
        self.signatures += len(signed)
        for row, papers, reply in zip(rows, asked, replies):
            if reply["ok"]:  # the same again is the same signature's, and uses nothing
                self.assertEqual(self.ask("transfer.sign", **papers)["transaction"], reply["transaction"])
                self.signatures += 1
            else:
                self.cancel(row)
        self.stricter(limits=[{"count": 1000000, "per": "wallet", "window_s": 60}])

    def test_yy_a_delay(self):
        """Asked for at once, announced in another form, announced and asked for again and again: due is when the signer has run so long."""
        place = self.place
        self.stricter(delay_s=600)
        row = place.proposed(51)
        good = self.approvals(row)
        self.refused(self.papers(row, good), "not_ready", "policy.delay")
        event = {**signing_entry(place, row, good), "act": "withdrawal.announced"}
        announced = self.papers(row, good, event=event)
        self.assertRefused(self.ask("transfer.announce", **self.papers(row, good)), "mismatch", "leaf.act")
        self.assertRefused(self.ask("transfer.announce", **{**announced, "approvals": good[:1]}), "quorum_missing", "policy")
        first = self.ask("transfer.announce", **announced)
        self.assertEqual((first["ok"], first["state"]), (True, "waiting"), first)
        again = self.ask("transfer.announce", **announced)
        self.assertEqual(again["state"], "waiting")
        self.refused(self.papers(row, good), "not_ready", "policy.delay")
        with self.subTest("a shorter delay under a newer version is none for what was asked for under the older"):
            self.stricter(delay_s=1)
            self.refused(self.papers(row, good), "not_ready", "policy.delay")
        with self.subTest("a veto of one person is for ever"):
            other = place.proposed(52)
            theirs = self.approvals(other)
            veto = self.command("withdrawal.veto", "approver-3", role="transfer", subject=digest("intent", other["intent"]))
            self.assertTrue(self.ask("key.command", command=veto)["ok"])
            event = {**signing_entry(place, other, theirs), "act": "withdrawal.announced"}
            self.assertRefused(self.ask("transfer.announce", **self.papers(other, theirs, event=event)), "denied")
            self.refused(self.papers(other, self.approvals(other, "approver-1", "approver-2", "approver-3")), "denied", None)
            self.cancel(other)
        self.cancel(row)
        self.stricter(delay_s=None)

    # To be two steps at once, to ask in somebody's name

    def rules_with(self, **changes):
        rules = self.policy_document()["rules"]
        for part, fields in changes.items():
            rules[0][part].update(fields)
            rules[0][part] = {name: value for name, value in rules[0][part].items() if value is not None}
        return rules

    def test_yyy_one_step_after_the_other(self):
        """Two approvals that know nothing of each other are one step, in whatever order and with whatever times they come."""
        place = self.place
        step = [{"group": "approvers", "m": 1}]
        self.adopt(rules=self.rules_with(demand={"steps": [step, step]}))
        row, other = place.proposed(53), place.proposed(53)
        first = place.approval(row, "approver-1")
        elsewhere = place.approval(other, "approver-1")
        later = time_text(seconds=5)
        for name, second in (("none", {}), ("a later time", {"signed_at": later}), ("nothing that is there", {"seen": ["0" * 64]}),
                             ("one of another matter", {"seen": [digest("approval", elsewhere["document"])]})):
            with self.subTest(name):
                self.refused(self.papers(row, [first, place.approval(row, "approver-2", **second)]), "quorum_missing", "policy")
        good = place.approval(row, "approver-2", seen=[digest("approval", first["document"])])
        edited = {**good, "document": canonical({**json.loads(place.approval(row, "approver-2")["document"]),
                                                 "seen": [digest("approval", first["document"])]})}
        self.refused(self.papers(row, [first, edited]), "signature_invalid", "approvals[1].signatures[0]")
        self.assertTrue(self.ask("transfer.sign", **self.papers(row, [first, good]))["ok"])
        for person, approval in (("approver-1", first), ("approver-2", good)):
            self.assertEqual(place.decide(row, person, document=approval).status, 200)
        place.wait(row["id"], "confirmed")
        self.paid = 53
        self.cancel(other)
        self.adopt(rules=self.rules_with(demand={"steps": [[{"group": "approvers", "m": 2}]]}))

    def test_yyyy_who_asks(self):
        """The service names who asked; a rule about who asks goes by that person's signature under the very intent."""
        place = self.place
        now = self.policy_document()
        theirs = place.proposed(54, person="requester-2")
        asking = {"id": "asking", "members": ["operator-1"]}
        self.adopt(rules=self.rules_with(when={"requesters": ["asking"]}), groups=sorted([*now["groups"], asking], key=lambda row: row["id"]))
        self.assertProblem(place.propose(54, person="requester-2"), 403, "denied", "policy")
        row, other = place.proposed(54), place.proposed(54)
        good = self.approvals(row)
        request = place.approval(row, "operator-1", "request")
        others = [*self.approvals(theirs), place.approval(theirs, "requester-2", "request")]
        self.refused(self.papers(theirs, others), "denied", "policy")
        for name, signed, status, where in (
                ("nobody's", [], "quorum_missing", "policy"),
                ("of another intent", [place.approval(other, "operator-1", "request")], "mismatch", "approvals[2].intent"),
                ("by somebody else", [place.approval(row, "operator-1", "request", signer="requester-2")], "unknown_key",
                 "approvals[2].signatures[0]"),
                ("somebody else's", [place.approval(row, "requester-2", "request")], "mismatch", "approvals[2].approver"),
                ("his, as an approval", [place.approval(row, "operator-1")], "self_approval", "approvals[2].approver")):
            with self.subTest(name):
                self.refused(self.papers(row, [*good, *signed]), status, where)
        self.refused(self.papers(row, [*good[:1], request]), "quorum_missing", "policy")  # it is no approval
        self.cancel(row)
        self.cancel(other)
        self.cancel(theirs, "requester-2")
        self.adopt(rules=self.rules_with(when={"requesters": None}))

    # The trail itself

    def test_a_trail_of_ones_own(self):
        """The audit signer extends what it signed and nothing else; here a checkpoint beside the true one."""
        place = self.place
        status = self.state_of("audit")
        origin = (place.dir / "ceremony/origin").read_text().strip()
        size = int(status["size"])
        note = f"{origin}\n{size - 1}\n{base64.b64encode(bytes(32)).decode()}\n"
        reply = self.ask("checkpoint.sign", "audit", note=base64.b64encode(note.encode()).decode(), old=str(size - 1), proof=[])
        self.assertRefused(reply, "rollback")
        origins = note.replace(origin, "other.example/audit/v1")
        reply = self.ask("checkpoint.sign", "audit", note=base64.b64encode(origins.encode()).decode(), old=str(size), proof=[])
        self.assertRefused(reply, "mismatch")
        self.assertEqual(self.state_of("audit")["ready"], True)

    def test_z_the_trail_has_every_announcement(self):
        """What was asked for above stands in the trail, and is proven; nothing of it was paid."""
        told = self.entries("withdrawal.signing")
        self.assertGreater(len(told), 3)
        eventually(lambda: self.place.call("GET", "/healthz").json["status"] == "ready", "all is well")
        self.assertStillWell()
        self.paid = 100


if __name__ == "__main__":
    unittest.main(verbosity=2)
