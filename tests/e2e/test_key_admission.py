#!/usr/bin/python3
"""The founding keys of a new place come to life through the service: papers, orders, and no address before its time."""

import json
import ssl
import subprocess
import unittest

import strongroom
from strongroom import canonical, eventually, time_text, uuid7

ROLES = ("audit", "validator", "transfer")


class Admission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = strongroom.Evaluation()
        cls.addClassCleanup(cls.place.remove)
        cls.place.provision()
        (cls.place.dir / "etc/admitted").touch()  # what the scripts would do at the sockets of the signers is done here
        with subprocess.Popen([str(strongroom.DEMO / "services"), "start", str(cls.place.dir)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=cls.place.environment) as starting:
            port = cls.place.dir / "run/port"
            eventually(lambda: port.exists() and port.read_text().strip(), "the service listens")
            starting.kill()
        cls.place.tls = ssl.create_default_context(cafile=str(cls.place.dir / "tls/cert.pem"))
        cls.place.token = lambda person: (cls.place.dir / f"people/{person}.token").read_text()
        for person, roles in (("operator-1", "operator,requester"), ("auditor-1", "auditor")):
            (cls.place.dir / f"people/{person}.token").write_text(cls.place.grant(person, roles))

    def papers(self, role, **changes):
        folder = self.place.dir / "ceremony" / role
        body = {"document": json.loads((folder / "key.json").read_text()),
                "ceremony": (folder / "transcript.json").read_text().rstrip("\n"), "command": self.order(role, "key.admit")}
        if (folder / "backup").exists():
            body["backup"] = json.loads((folder / "backup/backup.json").read_text())
            body["restore"] = json.loads((folder / "restore.json").read_text())
        body.update(changes)
        return {name: value for name, value in body.items() if value is not None}

    def order(self, role, action, signers=("admin-1", "admin-2"), **changes):
        key = json.loads(json.loads((self.place.dir / "ceremony" / role / "key.json").read_text())["document"])
        document = {
            "action": action, "chain": key["chain"], "environment": "demo", "expires_at": time_text(seconds=600),
            "from": "generated", "issued_at": time_text(), "key": self.key_id(role), "nonce": uuid7(), "policy": key["policy"],
            "reason": "founding", "role": role, **changes}
        if action == "key.admit":
            document["document"] = strongroom.digest("key", canonical(key))
        return self.place.signed("command", canonical(document), *signers)

    def key_id(self, role):
        return json.loads((self.place.dir / f"ceremony/{role}.json").read_text())["key_id"]

    def activate(self, role):
        command = self.order(role, "key.activate", **{"from": "inactive", "on": "1", "signatures": "1000000",
                                                      "until": time_text(seconds=24 * 3600)})
        return self.place.call("POST", f"/v1/keys/{self.key_id(role)}/commands", command)

    def state(self, role):
        rows = self.place.call("GET", "/v1/keys").json["keys"]
        return next(row["state"] for row in rows if row.get("key_id") == self.key_id(role))

    def wallet(self):
        return self.place.call("GET", "/v1/wallets/hot").json

    def test_from_papers_to_a_confirmed_trail(self):
        place = self.place
        self.assertEqual(place.call("GET", "/healthz").status, 503)
        self.assertEqual({self.state(role) for role in ROLES}, {"generated"})
        self.assertEqual(self.wallet()["address_reason"], "not_admitted")

        # Before the trail can be signed, only its own key can be ordered about.
        early = place.call("POST", "/v1/keys", self.papers("validator"))
        self.assertEqual((early.status, self.state("validator")), (503, "generated"), early)
        reply = place.call("POST", "/v1/keys", self.papers("audit"))
        self.assertEqual((reply.status, reply.json["key"]["state"]), (201, "inactive"), reply)
        self.assertNotIn("receipt", reply.json)
        reply = self.activate("audit")
        self.assertEqual((reply.status, reply.json["key"]["state"]), (200, "active"), reply)
        eventually(lambda: place.call("GET", "/healthz").json["parts"]["trail"]["ready"], "the trail is signed")

        # No proof of a restore, no backup, one signer too few: no key.
        for changes, status in (({"restore": None}, 4), ({"backup": None}, 4),
                                ({"command": self.order("transfer", "key.admit", ("admin-1",))}, 4)):
            refused = place.call("POST", "/v1/keys", self.papers("transfer", **changes))
            self.assertEqual((refused.status // 100, self.state("transfer")), (status, "generated"), refused)
        self.assertEqual(self.wallet()["address_reason"], "not_admitted")

        for role in ("validator", "transfer"):
            reply = place.call("POST", "/v1/keys", self.papers(role))
            self.assertEqual((reply.status, reply.json["key"]["state"]), (201, "inactive"), reply)
            self.assertIn("receipt", reply.json)
        wallet = self.wallet()  # an inactive key may receive
        self.assertRegex(wallet["address"], "^sr1")
        self.assertEqual(wallet["key_state"], "inactive")
        for role in ("validator", "transfer"):
            self.assertEqual(self.activate(role).json["key"]["state"], "active")
        eventually(lambda: place.call("GET", "/healthz").status == 200, "effects are possible")
        self.assertEqual(self.wallet()["address"], wallet["address"])
        self.assertTold()

    def assertTold(self):
        """Every order stands in the trail: the intent first, then what came of it."""
        for role, admitted in (("validator", ["intent", "ok"]), ("transfer", ["intent", "ok"]), ("audit", ["ok"])):
            rows = self.place.pages(f"/v1/audit/entries?otype=key&oid={self.key_id(role)}&order=oldest", "entries", "auditor-1")
            told = [(row["act"], row["outcome"]) for row in rows]
            first = told.index(("key.state", "ok"))
            self.assertLess(first, len(told) - 1)
            last = [outcome for act, outcome in told if act == "key.admit" and outcome in ("intent", "ok")][-len(admitted):]
            self.assertEqual(last, admitted, told)
            self.assertEqual(told.count(("key.command", "ok")), 1, told)


if __name__ == "__main__":
    unittest.main()
