#!/usr/bin/python3
"""Input that breaks a rule: refused with the rule and the field named, and nothing is left of it.

Nothing: no withdrawal, no reservation, no lane taken, and the service goes on. What known callers tried and were refused stands in
the trail as a denial.
"""

import base64
import hashlib
import http.client
import json
import os
import subprocess
import unittest

import strongroom

STATE = """SELECT (SELECT count(*) FROM custody.withdrawal), (SELECT count(*) FROM custody.reservation),
    (SELECT count(*) FROM custody.lane WHERE holder IS NOT NULL), (SELECT count(*) FROM custody.approval),
    (SELECT count(*) FROM custody.document), (SELECT count(*) FROM custody.outbox)"""


class BadInput(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        """Each refusal is looked for in the trail, also the hundredth of a minute."""
        super().setUpClass()
        cls.place.stop("custodyd")
        cls.place.configure("custodyd", refusals=1000000)
        cls.place.start()

    def setUp(self):
        self.before = self.place.psql(STATE)

    def tearDown(self):
        self.assertEqual(self.place.psql(STATE), self.before)
        self.assertEqual(self.place.call("GET", "/healthz").status, 200)

    def refused(self, body, code, field, status=400):
        """A proposal with this body is refused, and the refusal stands in the trail."""
        reply = self.place.call("POST", "/v1/withdrawals", body, headers={"Idempotency-Key": os.urandom(8).hex()})
        self.assertProblem(reply, status, code, field)
        path = "/v1/audit/entries?act=withdrawal.request&outcome=deny&limit=1"
        entry = self.place.call("GET", path, person="auditor-1").json["entries"][0]
        event = json.loads(base64.b64decode(entry["raw"]).split(b"\n")[4])
        self.assertEqual((event["corr"], event["reason"], event["actor"]), (reply.json["correlation"], code, "operator-1"))

    def test_fields(self):
        good = self.place.proposal(5)
        for name in good:
            with self.subTest(missing=name):
                self.refused({key: value for key, value in good.items() if key != name}, "missing_field", name)
        for name in ("fee", "Amount", "memo", "__proto__", "amount "):
            with self.subTest(unknown=name):
                reply = self.place.propose(**{name: "1"})
                self.assertEqual((reply.status, reply.type), (400, "application/problem+json"), reply)
                self.assertIn(reply.json["code"], ("unknown_field", "not_canonical"), reply)

    def test_amounts(self):
        wrong = ["0", "-1", "+1", "1e3", "01", "1.0", "1,000", " 1", "1 ", "", "0x10", "NaN", "Infinity", "9" * 500, "१"]
        for amount in wrong + [1, 1.5, -1, 0, 10**30, True, ["1"], {"value": "1"}, None]:
            with self.subTest(amount=amount):
                reply = self.place.call("POST", "/v1/withdrawals", {**self.place.proposal(), "amount": amount},
                                        headers={"Idempotency-Key": "amount"})
                self.assertEqual((reply.status, reply.type), (400, "application/problem+json"), reply)
                self.assertIn(reply.json["code"], ("invalid", "overflow", "not_canonical"), reply)
                if reply.json["code"] != "not_canonical":  # otherwise there is no document that could have a field
                    self.assertEqual(reply.json["field"], "amount", reply)
        self.refused(self.place.proposal("0"), "invalid", "amount")
        self.refused(self.place.proposal("1e3"), "invalid", "amount")
        self.refused({**self.place.proposal(), "amount": 5}, "invalid", "amount")
        for amount in (2**128, 2**128 + 1, 10**39, 2**64 * 2**64 * 5):
            with self.subTest(amount=amount):
                reply = self.place.propose(str(amount))
                self.assertEqual((reply.status, reply.json["field"]), (400, "amount"), reply)
        self.assertProblem(self.place.propose(str(2**128 - 1)), 403, "limit_exceeded", "amount")

    def test_other_values(self):
        place = self.place
        broken = place.payee[:-1] + ("0" if place.payee[-1] != "0" else "1")
        flipped = place.payee[:10] + ("0" if place.payee[10] != "0" else "1") + place.payee[11:]
        for destination in (broken, flipped, place.payee.upper(), place.payee[3:], place.payee + "00", "sr1", "", "x" * 9000):
            with self.subTest(destination=destination[:80]):
                self.refused(place.proposal(5, destination=destination), "invalid", "destination")
        for wallet in ("cold", "HOT", "hot\u0000", "../hot", "a" * 64, "", "hot'; DROP TABLE custody.withdrawal; --"):
            with self.subTest(wallet=wallet):
                reply = place.propose(wallet=wallet)
                self.assertEqual(reply.status, 400, reply)
        self.refused(place.proposal(5, wallet="cold"), "invalid", "wallet")
        self.refused(place.proposal(5, wallet=7), "invalid", "wallet")
        for asset in ("0" * 64, place.asset.upper(), place.asset[:-1], place.asset + "0", "DEMO"):
            with self.subTest(asset=asset):
                self.refused(place.proposal(5, asset=asset), "invalid", "asset")
        self.refused(place.proposal(5, destination=place.hot), "invalid", "destination")
        self.refused({**place.proposal(5), "returns": "0" * 64}, "invalid", "returns")  # no transfer out of what was asked as a return

    def test_idempotency_keys(self):
        for key in ("", "a" * 65, "with space", "semi;colon", "\u00e9".encode().decode("latin-1")):
            with self.subTest(key=key):
                reply = self.place.call("POST", "/v1/withdrawals", self.place.proposal(), headers={"Idempotency-Key": key})
                self.assertProblem(reply, 400, "invalid", "Idempotency-Key")
        reply = self.place.call("POST", "/v1/withdrawals", self.place.proposal())
        self.assertProblem(reply, 400, "missing_field", "Idempotency-Key")

    def test_bytes_that_are_no_document(self):
        place = self.place
        good = json.dumps(place.proposal(5))
        cases = {
            "nothing": b"", "no JSON": b"amount=5", "cut off": good[:-1].encode(), "text after it": good.encode() + b"x",
            "two documents": (good + good).encode(), "an array": b"[]", "a string": b'"amount"', "null": b"null",
            "a key twice": good.replace('"amount": "5"', '"amount": "5", "amount": "6"').encode(),
            "a key twice, escaped": good.replace('"amount": "5"', '"amount": "5", "\\u0061mount": "6"').encode(),
            "not ASCII": good.replace("hot", "h\u00f6t").encode(), "escaped not ASCII": good.replace("hot", "h\\u00f6t").encode(),
            "broken UTF-8": good.encode().replace(b"hot", b"h\xfft"), "NUL": good.encode().replace(b"hot", b"h\0t"),
            "escaped NUL": good.replace("hot", "hot\\u0000").encode(), "byte order mark": b"\xef\xbb\xbf" + good.encode(),
            "UTF-16": good.encode("utf-16"), "a comment": b"/* */" + good.encode(), "a float": good.replace('"5"', "5.0").encode(),
            "an exponent": good.replace('"5"', "5e0").encode(), "null member": good.replace('"5"', "null").encode(),
            "deep nesting": good.replace('"5"', "[" * 9 + "]" * 9).encode(),
            "very deep nesting": b"[" * 30000 + b"]" * 30000, "very deep objects": b'{"a":' * 10000 + b"1" + b"}" * 10000,
        }
        for name, body in cases.items():
            with self.subTest(name):
                reply = place.call("POST", "/v1/withdrawals", body, headers={"Idempotency-Key": "bytes"})
                self.assertEqual((reply.status, reply.type), (400, "application/problem+json"), reply)
                self.assertIn(reply.json["code"], ("not_canonical", "invalid"), reply)
                self.assertTrue(reply.json.get("detail"), reply)

    def test_bodies_that_are_too_large(self):
        place = self.place
        padded = json.dumps(place.proposal(5)).encode().ljust(65537)
        self.assertEqual(self.raw(b"Content-Length: 65537\r\n\r\n"), 413)  # answered before the body is sent
        self.assertIn(self.raw(b"Content-Length: 65537\r\n\r\n" + padded), (413, None))
        reply = place.call("POST", "/v1/withdrawals", json.dumps(place.proposal(5)).encode().ljust(65536),
                           headers={"Idempotency-Key": ""})
        self.assertProblem(reply, 400, "invalid", "Idempotency-Key")  # 65 536 bytes are read
        for announced in ("10000000000000000000000000", "-1", "5x"):
            with self.subTest(announced=announced):
                self.assertIn(self.raw(f"Content-Length: {announced}\r\n\r\n".encode()), (400, 413))
        block = b"1000\r\n" + b" " * 4096 + b"\r\n"
        self.assertEqual(self.raw(b"Transfer-Encoding: chunked\r\n\r\n" + block * 17 + b"0\r\n\r\n"), 413)
        self.assertIn(self.raw(b"Transfer-Encoding: chunked\r\n\r\n" + b"ffffffffffffffff\r\n" + b" " * 70000), (413, None))

    def raw(self, rest, line=b"POST /v1/withdrawals HTTP/1.1"):
        """The status of an answer to bytes that no HTTP library would send; None when the connection was just closed."""
        connection = self.place.connection()
        connection.connect()
        head = line + b"\r\nHost: localhost\r\nAuthorization: Bearer " + self.place.token("operator-1").encode() + b"\r\n"
        try:
            connection.sock.sendall(head + rest)
        except OSError:
            pass  # it may answer and close while we are still sending
        response = http.client.HTTPResponse(connection.sock)
        try:
            response.begin()
            return response.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def test_hostile_http(self):
        for line in (b"GET /" + b"a" * 100000 + b" HTTP/1.1", b"\0\1\2\3", b"GET /v1/withdrawals", b"POST /v1/withdrawals HTTP/9.9",
                     b"GET http://elsewhere/ HTTP/1.1", b"CONNECT localhost:1 HTTP/1.1"):
            with self.subTest(line=line[:40]):
                self.assertNotIn(self.raw(b"\r\n", line), (200, 201, 500))
        self.assertNotIn(self.raw(b"".join(b"X-%d: y\r\n" % i for i in range(20000)) + b"\r\n"), (200, 201, 500))
        half = self.place.connection()
        half.connect()
        half.sock.sendall(b"POST /v1/withdrawals HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        self.assertEqual(self.place.call("GET", "/healthz").status, 200)  # a caller that stalls keeps nobody waiting
        half.close()

    def test_paths_methods_and_queries(self):
        place = self.place
        for method, path, allow in (("DELETE", "/v1/withdrawals", "POST, GET, HEAD"), ("PUT", "/v1/wallets", "GET, HEAD"), ("POST", "/healthz", "GET, HEAD"),
                                    ("PATCH", "/v1/policy", "GET, HEAD"), ("OPTIONS", "/audit/tile/entries/000", "GET, HEAD"),
                                    ("GET", "/v1/policies/veto", "POST")):
            with self.subTest(method=method, path=path):
                reply = place.call(method, path)
                self.assertProblem(reply, 405, "usage", "method")
                self.assertEqual((reply.headers["Allow"], reply.json["status"]), (allow, 405))
        for path in ("/", "/v1", "/v1/withdrawals/", "/v1/withdrawals/x/y/z", "/v2/withdrawals", "/v1/wallets/hot/", "//healthz",
                     "/v1/../healthz", "/v1/withdrawals%2f"):
            with self.subTest(path=path):
                self.assertProblem(place.call("GET", path), 404, "not_found")
        for path, field in (("/v1/withdrawals?color=red", "color"), ("/v1/withdrawals?limit", "limit"), ("/v1/wallets?x=1", "x")):
            with self.subTest(path=path):
                self.assertProblem(place.call("GET", path), 400, "unknown_field", field)
        self.assertIsNone(place.call("GET", "/v1/wallets?x=1").headers["Allow"])

    def test_head_is_get_without_the_body(self):
        """Also on a connection that goes on, of a reply that is a stream, of a refusal; a read that is told is told."""
        place = self.place
        connection = place.connection()
        self.addCleanup(connection.close)
        def ask(method, path):
            connection.request(method, path, headers={"Authorization": f"Bearer {place.token('auditor-1')}"})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        told = len(place.pages("/v1/audit/entries?act=trail.export", "entries", "operator-1"))
        for path, status in (("/v1/ledger/genesis", 200), ("/v1/audit/export", 200), ("/healthz", 200), ("/v1/wallets/none", 404), ("/nowhere", 404),
                             ("/v1/wallets?x=1", 400)):
            with self.subTest(path=path):
                asked, headers, body = ask("HEAD", path)
                self.assertEqual((asked, body), (status, b""))
                got, as_got, body = ask("GET", path)
                self.assertEqual((got, headers["Content-Type"]), (status, as_got["Content-Type"]))
                if path != "/healthz":  # which tells of alarms, whose number may change
                    self.assertEqual(headers["Content-Length"], as_got["Content-Length"])
                self.assertNotEqual(body, b"")
        asked, headers, body = ask("HEAD", "/v1/subjects")
        self.assertEqual((asked, headers["Allow"], body), (405, "POST", b""))
        self.assertEqual(len(place.pages("/v1/audit/entries?act=trail.export", "entries", "operator-1")), told + 2)
        entries = "/v1/audit/entries"
        for path, field in (("/v1/withdrawals?limit=0", "limit"), ("/v1/withdrawals?limit=501", "limit"),
                            ("/v1/withdrawals?limit=1e2", "limit"), ("/v1/withdrawals?limit=-1", "limit"),
                            ("/v1/withdrawals?limit=1&limit=2", "limit"), ("/v1/withdrawals?state=open", "state"),
                            ("/v1/withdrawals?wallet=A%20B", "wallet"), ("/v1/withdrawals?cursor=7", "cursor"),
                            (entries + "?outcome=good", "outcome"), (entries + "?act=nothing", "act"), (entries + "?from=today", "from"),
                            (entries + "?order=random", "order"), (entries + "?cursor=zzz", "cursor"), (entries + "?cursor=" + 48 * "0", "cursor"),
                            (entries + "?version=0", "version"), (entries + "?corr=1", "corr"),
                            (entries + "?asset=x&amount_min=1.5", "asset"), (entries + f"?asset={64 * '0'}&amount_min=1.5", "amount_min"),
                            (entries + f"?asset={64 * '0'}&amount_max=-1", "amount_max"),
                            ("/v1/audit/proof/inclusion?seq=-1", "seq"), ("/v1/audit/proof/consistency?from=2&to=1", "to"),
                            ("/v1/audit/proof/consistency?from=1", "to"), ("/v1/audit/proof/consistency?to=1", "from"),
                            ("/v1/ledger/blocks/0", "height"), ("/v1/ledger/blocks/01", "height"),
                            ("/v1/ledger/transactions/xyz", "hash"), ("/v1/ledger/accounts/sr1", "address"),
                            ("/v1/withdrawals/not-a-uuid", "id"), ("/v1/wallets/NOT-A-NAME", "name")):
            with self.subTest(path=path):
                person = "auditor-1" if path.startswith("/v1/audit") else "operator-1"
                self.assertProblem(place.call("GET", path, person=person), 400, "invalid", field)
        for ends, field, rule in (("from=2&to=1", "to", "must be a size of the log from that of `from` on"), ("from=1", "to", "must be given: the size of a checkpoint"),
                                  ("from=1&to=999999999", "to", "that of the newest checkpoint")):
            reply = place.call("GET", f"/v1/audit/proof/consistency?{ends}", person="auditor-1")
            self.assertProblem(reply, 400, "invalid", field)
            self.assertIn(rule, reply.json["detail"])
        for path in ("/v1/wallets/hot%00", "/v1/wallets/hot%00x"): # nothing is cut off at a zero byte
            with self.subTest(path=path):
                self.assertProblem(place.call("GET", path), 400, "invalid", "name")
        nobody = "01890000-0000-7000-8000-000000000000"
        self.assertProblem(place.call("GET", f"/v1/withdrawals/{nobody}"), 404, "not_found")
        self.assertProblem(place.call("GET", "/v1/wallets/cold"), 404, "not_found", "name")
        self.assertProblem(place.call("GET", "/v1/audit/proof/inclusion"), 400, "missing_field", "seq")
        self.assertProblem(place.call("GET", "/v1/audit/proof/inclusion?seq=99999999"), 404, "not_found", "seq")

    def test_who_calls(self):
        place = self.place
        token = place.token("operator-1")
        for header in (None, "", "Bearer", "Bearer ", f"Basic {token}", f"Bearer {token[:-1]}", f"Bearer {token}x", f"bearer {token}",
                       "Bearer sr_" + "A" * 43, "Bearer " + token[:-1] + ("A" if token[-1] != "A" else "B")):
            with self.subTest(header=header):
                reply = place.call("GET", "/v1/withdrawals", headers={"Authorization": header})
                self.assertProblem(reply, 401, "unauthenticated")
                self.assertIn(reply.json["field"], ("authorization", "token"))
                self.assertEqual(reply.headers["WWW-Authenticate"], "Bearer")
        expired = place.grant("operator-1", "operator,requester")
        hash_ = place.value(f"SELECT encode(sha256('{expired}'), 'hex')")
        self.assertEqual(place.call("GET", "/v1/withdrawals", token=expired).status, 200)
        place.psql(f"UPDATE custody.token SET expires_at = now() - interval '1 second' WHERE digest = '\\x{hash_}'")
        self.assertProblem(place.call("GET", "/v1/withdrawals", token=expired), 401, "unauthenticated", "token")
        self.revoke_one()

    def revoke_one(self):
        """One token of a person ends, as the trail says; the others of that person, and what it had asked for, stay."""
        place = self.place
        lost = place.grant("operator-1", "operator,requester")
        hash_ = hashlib.sha256(lost.encode()).hexdigest()
        self.assertEqual(place.call("GET", "/v1/withdrawals", token=lost).status, 200)

        def revoke(word):
            return subprocess.run([str(place.dir / "bin/custodyd"), "revoke", "--config", str(place.dir / "etc/custodyd.conf"), "--token", word],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, env=place.environment, check=False)

        for word, code, told in ((lost, 78, "token: must be the SHA-256 of the token"), ("0" * 64, 78, "token: the token is unknown, revoked or expired"),
                                 (hash_, 0, "a token of operator-1 is revoked: operator requester\n"), (hash_, 78, "is unknown, revoked or expired")):
            done = revoke(word)
            self.assertEqual((done.returncode, told in done.stdout + done.stderr), (code, True), done)
        self.assertProblem(place.propose(token=lost), 401, "unauthenticated", "token")
        self.assertEqual(place.call("GET", "/v1/withdrawals").status, 200)

        def told():
            rows = [(self.event(entry), entry["act"]) for act in ("token.grant", "token.revoke") for entry in self.entries(act, actor="operator-1")]
            return [(act, event["outcome"], event["facts"]["roles"]) for event, act in rows if event["refs"]["token"] == hash_]

        strongroom.eventually(lambda: told() == [("token.grant", "ok", "operator,requester"), ("token.revoke", "ok", "operator,requester")],
                              "both stand in the trail, and nothing of what was refused")

    def test_roles(self):
        place = self.place
        id_ = "01890000-0000-7000-8000-000000000000"
        signed = place.signed("approval", "{}", "approver-1")
        for method, path, body, person in (
                ("POST", "/v1/withdrawals", place.proposal(), "approver-1"), ("POST", "/v1/withdrawals", place.proposal(), "auditor-1"),
                ("POST", f"/v1/withdrawals/{id_}/approve", signed, "operator-1"),
                ("POST", f"/v1/withdrawals/{id_}/reject", signed, "auditor-1"),
                ("POST", f"/v1/withdrawals/{id_}/cancel", None, "approver-1"),
                ("POST", "/v1/destinations", signed, "approver-1"), ("POST", "/v1/ledger/transactions", signed, "requester-2"),
                ("GET", "/v1/audit/entries", None, "approver-1"), ("GET", "/v1/audit/export", None, "approver-1")):
            with self.subTest(method=method, path=path, person=person):
                self.assertProblem(place.call(method, path, body, person), 403, "forbidden", "authorization")
        # A token cannot carry a role whose duty the policy does not give to its person.
        beyond = place.grant("approver-1", "operator,auditor")
        self.assertProblem(place.call("GET", "/v1/audit/entries", token=beyond), 403, "forbidden", "authorization")

    def test_documents_handed_in(self):
        place = self.place
        good = json.loads((place.dir / "ceremony/destination.json").read_text())
        for body in ({}, {**good, "extra": 1}, {"document": good["document"]}, {**good, "document": 5}, {**good, "signatures": {}},
                     {**good, "signatures": [{}]}, {**good, "document": good["document"] + " "},
                     {**good, "signatures": [{**good["signatures"][0], "alg": "rsa"}]},
                     {**good, "signatures": [{**good["signatures"][0], "sig": "AAAA"}]}):
            with self.subTest(body=str(body)[:90]):
                reply = place.call("POST", "/v1/destinations", body)
                self.assertEqual((reply.status, reply.type), (400, "application/problem+json"), reply)
                self.assertTrue(reply.json.get("field") or reply.json.get("detail"), reply)
        one = {**good, "signatures": good["signatures"][:1]}
        self.assertProblem(place.call("POST", "/v1/destinations", one), 403, "quorum_missing")
        twice = {**good, "signatures": good["signatures"][:1] * 2}
        self.assertIn(place.call("POST", "/v1/destinations", twice).status, (400, 403))
        by_others = place.signed("destination", good["document"], "approver-1", "approver-3")
        self.assertEqual(place.call("POST", "/v1/destinations", by_others).status, 403)
        elsewhere = json.loads(good["document"])
        elsewhere["chain"] = "0" * 64
        foreign = place.signed("destination", strongroom.canonical(elsewhere), "admin-1", "admin-2")
        self.assertProblem(place.call("POST", "/v1/destinations", foreign), 403, "mismatch")
        again = place.call("POST", "/v1/destinations", good)  # changes nothing, and says how the entry stands
        self.assertEqual((again.status, again.json["state"]), (201, "serving"), again)
        self.assertProblem(place.call("POST", "/v1/ledger/transactions", good), 400, "unknown_field")


if __name__ == "__main__":
    unittest.main()
