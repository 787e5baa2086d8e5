"""What the positions of controls.md have in common: the signers' sockets, papers for a signature, and what must not have changed.

Who owns the service's host speaks to the signers as the service does, so these tests do: `Signer` sends the messages of
docs/signer-protocol.md itself. `papers` makes what `transfer.sign` asks for, with a signing entry in the trail under a checkpoint:
whoever may write into the database may announce a signature, and cannot have one without announcing it.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import canonical, digest, eventually, time_text  # noqa: E402

PACKET = 1 << 17
DAY_S = 86400


class Signer:
    """A connection to a signer's socket, as the service has."""

    def __init__(self, place, role, hello=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(strongroom.DEADLINE_S)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.socket.connect(str(place.dir / f"run/{role}.sock"))
        self.number = 0
        if hello:
            self.ask("hello", protocol=1)

    def ask(self, op, **fields):
        """The reply, an empty object when the signer ended the connection instead."""
        self.number += 1
        try:
            self.socket.send(canonical({"id": self.number, "op": op, **fields}).encode())
            packet = self.socket.recv(PACKET)
        except (BrokenPipeError, ConnectionResetError):
            packet = b""
        return json.loads(packet) if packet else {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def signing_entry(place, row, approvals, destination=None, promises=0, **refs):
    """The event `withdrawal.signing` that the signer asks for, as the service writes it: with the promises it has seen."""
    destination = destination or json.loads((place.dir / "ceremony/destination.json").read_text())
    intent = json.loads(row["intent"])
    event = {
        "act": "withdrawal.signing", "actor": "custodyd", "corr": row["id"], "oid": row["id"], "otype": "withdrawal",
        "facts": {"promises": str(promises), **{name: intent[name] for name in ("amount", "asset", "destination", "wallet")}},
        "on": place.value(f"""UPDATE custody.object_ordinal SET last = last + 1 WHERE oid = '{row["id"]}' RETURNING last"""),
        "outcome": "intent", "pn": "1", "pr": strongroom.uuid7(), "policy": place.policy_digest,
        "refs": {"destination": digest("destination", destination["document"]), "intent": digest("intent", row["intent"]),
                 "policy": intent["policy"], "transaction": intent["transaction"], **refs},
    }
    if approvals:
        event["refs"]["approvals"] = sorted({digest("approval", signed["document"]) for signed in approvals})
    return event


def pending_key(place):
    return bytes.fromhex((place.dir / "etc/pending-key").read_text())


def pending_mac(key, document, origin="strongroom.demo/audit/v1"):
    """The code of an event in audit.pending of a log, of one that says it was made when the trail had no entry (`since`)."""
    key = hmac.digest(key, origin.encode(), "sha256")
    return hmac.digest(key, bytes(8) + hashlib.sha256(document.encode()).digest(), "sha256").hex()


def to_the_trail(place, event):
    """Written where the sequencer finds it, with the code that the service's own events have: whoever has its host and a role of the
    database makes any entry, and it stands in the trail like any other, for good."""
    document = canonical(event)
    mac = pending_mac(pending_key(place), document)
    place.psql(f"INSERT INTO audit.pending (evt, mac) VALUES (convert_to($d${document}$d$, 'UTF8'), '\\x{mac}');")


class Position(strongroom.Case):
    """One evaluation for the attempts of one position. No attempt moves anything, and honest work goes on after all of them."""

    # mallory's account is on no list; what a test pays out honestly it adds to `paid`.

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.equip()

    @classmethod
    def equip(cls):
        place = cls.place
        place.stranger("mallory")
        stranger = place.person("mallory")
        cls.mallory = place.custody("key", "address", f"{stranger['alg']}:{stranger['key']}").stdout.strip()
        cls.payment = json.loads((place.dir / "ceremony/destination.json").read_text())

    def setUp(self):
        self.before = self.holdings()
        self.paid = 0
        self.signatures = self.signed_so_far()

    def tearDown(self):
        hot, payee, mallory = self.before
        self.assertEqual(self.holdings(), (hot - self.paid, payee + self.paid, mallory))
        if self.paid == 0:
            self.assertEqual(self.signed_so_far(), self.signatures, "the signer signed something")

    def holdings(self):
        place = self.place
        return place.balance(place.hot), place.balance(place.payee), place.balance(self.mallory)

    def signed_so_far(self):
        """What the signer itself says that it signed: its log is not in the hands of the service."""
        return self.place.log("transfer").count("event=transfer.signed")

    # Papers

    def papers(self, row, approvals, destination=None, event=None, **changes):
        """The fields of `transfer.sign` for these, with their entry in the trail and its proof."""
        place = self.place
        destination = destination or self.payment
        event = event or signing_entry(place, row, approvals, destination)
        to_the_trail(place, event)
        entry = self.entry_of(row, event)
        proof = eventually(lambda: place.call_when(200, "GET", f"/v1/audit/proof/inclusion?seq={entry['seq']}"), "a proof").bytes
        return {"approvals": approvals, "destination": destination, "intent": row["intent"], "leaf": entry["raw"],
                "proof": base64.b64encode(proof).decode(), **changes}

    def entry_of(self, row, event):
        """Whoever asks for a signature has announced it: the entry stands in the trail, and nobody takes it out again."""
        def find():
            return [entry for entry in self.place.history(row["id"]) if self.event(entry).get("pr") == event["pr"]]
        return eventually(find, "the trail has the entry")[0]

    def rebuilt(self, row, legs=None, of_transaction=None, **changes):
        """(intent, transaction) with changes, consistent in themselves, as a transaction generator would make them."""
        transaction = {**json.loads(row["transaction"]), **(of_transaction or {})}
        for leg in transaction["legs"]:
            if legs:
                legs(leg)
        intent = {**json.loads(row["intent"]), **changes}
        intent["transaction"] = digest("transaction", canonical(transaction))
        return canonical(intent), canonical(transaction)

    def redirected(self, row, account):
        """The row as if it paid somebody else."""
        def legs(leg):
            leg["account"] = account if leg["side"] == "credit" else leg["account"]
        intent, transaction = self.rebuilt(row, legs, destination=account)
        return {**row, "intent": intent, "transaction": transaction}

    def enlarged(self, row, amount):
        """The row as if it were about another amount."""
        intent, transaction = self.rebuilt(row, lambda leg: leg.update(amount=str(amount)), amount=str(amount))
        return {**row, "intent": intent, "transaction": transaction}

    def approvals(self, row, *people, **changes):
        return [self.place.approval(row, person, **changes) for person in people or ("approver-1", "approver-2")]

    def cancel(self, row, person="operator-1"):
        self.assertEqual(self.place.call("POST", f"/v1/withdrawals/{row['id']}/cancel", person=person).status, 200)

    # What people sign

    def command(self, action, *signers, **fields):
        document = {"action": action, "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
                    "issued_at": time_text(), "nonce": strongroom.uuid7(), "policy": self.place.policy_digest, "reason": "test",
                    **fields}
        return self.place.signed("command", canonical(document), *signers)

    def listing(self, account, *signers, **changes):
        """An entry of the allow-list."""
        document = {**json.loads(self.payment["document"]), "account": account, "id": "mallory", **changes}
        return self.place.signed("destination", canonical(document), *signers)

    def versions(self, state):
        return [row for row in self.place.call("GET", "/v1/policies").json["policies"] if row["state"] == state]

    def policy_document(self):
        """The version in force."""
        return json.loads(self.versions("in_force")[0]["policy"]["document"])

    def next_policy(self, *signers, **changes):
        """A next version of the policy, signed: (digest, signed)."""
        now = self.policy_document()
        document = canonical({**now, "version": now["version"] + 1, "prev": self.place.policy_digest, "issued_at": time_text(), **changes})
        return digest("policy", document), self.place.signed("policy", document, *signers)

    def adopt(self, *signers, **changes):
        """A next version by honest administrators, in force."""
        name, signed = self.next_policy(*signers or ("admin-1", "admin-2"), **changes)
        reply = self.place.call("POST", "/v1/policies", signed)
        self.assertEqual(reply.status, 200, reply)
        eventually(lambda: name in [row["digest"] for row in self.versions("in_force")], "the version is in force")
        self.place.policy_digest = name
        return name

    def demanding(self, m=None, max_amount=None):
        """The rules of the policy with another number of approvers, or with another maximum."""
        rules = self.policy_document()["rules"]
        for rule in rules:
            demand = rule.get("demand", rule)
            entries = [entry for step in demand["steps"] for entry in step] if "steps" in demand else demand["quorum"]
            for entry in entries:
                entry["m"] = m or entry["m"]
            demand["max_amount"] = max_amount or demand["max_amount"]
        return rules

    # What is seen

    def assertRefused(self, reply, status, where=None):
        """A signer's refusal, by its code and by what it names; its own log has it, which the service cannot edit."""
        self.assertEqual((reply.get("ok"), reply.get("status")), (False, status), reply)
        if where is not None:
            self.assertEqual(reply["where"], where, reply)
        told = f"status={status} where={reply['where']}" if reply["where"] else f"status={status} "
        self.assertIn(told, "".join(line for line in self.logged() if "event=request.refused" in line))

    def logged(self):
        return [line for role in strongroom.SIGNERS for line in self.place.log(role).splitlines()]

    def assertDenied(self, reply, status, code, act=None, actor=None):
        """A refusal of the service, and its entry in the trail: who, what, why."""
        self.assertProblem(reply, status, code)
        if act is None:
            return
        entry = eventually(lambda: [e for e in self.entries(act, outcome="deny")
                                    if self.event(e)["corr"] == reply.json["correlation"]], "the denial is told")[-1]
        event = self.event(entry)
        self.assertEqual(event["reason"], code)
        if actor is not None:
            self.assertEqual(event["actor"], actor)

    def state_of(self, role="transfer"):
        with Signer(self.place, role) as signer:
            return signer.ask("status")

    def assertStillWell(self):
        self.assertHonestWorkGoesOn()
        self.assertProven("trail", self.place.export_trail())
