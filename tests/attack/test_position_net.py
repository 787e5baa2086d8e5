#!/usr/bin/python3
"""Position NET: between the people's programs and the service; the service and the signers are honest.

First with a certificate of his own, which the programs do not accept; then with TLS broken altogether: he reads what passes, tokens
too, and rewrites it both ways. Then he has what the tokens give, which is no approval; what people sign he can only withhold.
"""

import http.client
import http.server
import json
import ssl
import subprocess
import threading
import unittest

from positions import Position
from strongroom import canonical, time_text


class Middle(http.server.ThreadingHTTPServer):
    """Passes everything on to the service. `asks` and `answers` may change a body on its way; `seen` keeps what passed."""

    daemon_threads = True

    def __init__(self, place, certificate, key):
        super().__init__(("127.0.0.1", 0), Passing)
        self.place = place
        self.seen = []
        self.asks = self.answers = lambda method, path, body: body
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def handle_error(self, request, client_address):
        pass  # a program that does not accept the certificate

    def end(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Passing(http.server.BaseHTTPRequestHandler):
    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        middle = self.server
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length", "connection")}
        middle.seen.append((self.command, self.path, headers, body))
        body = middle.asks(self.command, self.path, body)
        connection = middle.place.connection()
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = middle.answers(self.command, self.path, answer.read())
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = pass_on

    def log_message(self, *_):
        pass


class Net(Position):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.place
        cls.certificate, key = place.dir / "middle.pem", place.dir / "middle.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=middle", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cls.certificate],
                       check=True, capture_output=True)
        cls.middle = Middle(place, cls.certificate, key)
        cls.addClassCleanup(cls.middle.end)

    def setUp(self):
        super().setUp()
        self.middle.seen.clear()
        self.middle.asks = self.middle.answers = lambda method, path, body: body

    def custody(self, *words, person="operator-1", broken=True):
        """The program, whose connection goes through the middle."""
        url = f"https://localhost:{self.middle.server_address[1]}"
        ca = self.certificate if broken else self.place.dir / "tls/cert.pem"
        return self.place.custody(*words, "--url", url, "--ca", str(ca), person=person, check=False)

    def approve(self, row, person="approver-1", code=None):
        people = self.place.dir / "people"
        return self.custody("approve", row["id"], "--key", str(people / f"{person}.key"), "--passphrase-file",
                            str(people / f"{person}.passphrase"), "--code", code or row["short_code"], person=person)

    def on_answer(self, path, change):
        """The answers of this path are changed on their way."""
        def answers(method, where, body):
            return json.dumps(change(json.loads(body))).encode() if method == "GET" and where == path else body
        self.middle.answers = answers

    # TLS as it should be

    def test_another_certificate(self):
        """Nothing is said to somebody else, not even a token."""
        row = self.place.proposed(11)
        for done in (self.custody("show", row["id"], broken=False), self.custody("list", broken=False),
                     self.custody("freeze", "everything", "--policy", str(self.place.dir / "etc/policy.json"), "--reason", "x", "--key",
                                  str(self.place.dir / "people/operator-1.key"), "--passphrase-file",
                                  str(self.place.dir / "people/operator-1.passphrase"), broken=False)):
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.middle.seen, [])
        self.cancel(row)

    # TLS broken: what people see

    def test_what_stands_beside_the_intent(self):
        place = self.place
        row = place.proposed(12)
        honest = place.custody("show", row["id"]).stdout
        self.on_answer(f"/v1/withdrawals/{row['id']}", lambda answer: {"withdrawal": {
            **answer["withdrawal"], "amount": "1", "destination": self.mallory, "short_code": "AAAA-AAAA", "requester": "admin-1"}})
        self.assertEqual(self.custody("show", row["id"]).stdout, honest)
        self.cancel(row)

    def test_another_intent(self):
        """Consistent in itself, so it is shown: with the true destination in full, and another code than the requester's."""
        place = self.place
        row = place.proposed(13)
        changed = self.redirected(row, self.mallory)
        self.on_answer(f"/v1/withdrawals/{row['id']}", lambda answer: {"withdrawal": {**answer["withdrawal"], "intent": changed["intent"],
                                                                                      "transaction": row["transaction"]}})
        shown = self.custody("show", row["id"]).stdout
        self.assertIn(self.mallory, shown)
        self.assertNotIn(row["short_code"], shown)
        done = self.approve(row)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nothing was signed", done.stderr)
        self.assertEqual([what for what in self.middle.seen if what[0] == "POST"], [])
        # Who signs it all the same has signed something else than what the service and the signer know.
        deceived = place.approval(changed, "approver-1")
        self.assertDenied(place.decide(row, "approver-1", document=deceived), 403, "mismatch", "withdrawal.approve", "approver-1")
        self.cancel(row)

    def test_another_policy_or_ledger(self):
        row = self.place.proposed(14)

        def loosened(answer):
            document = json.loads(answer["policies"][0]["policy"]["document"])
            document["issued_at"] = "2026-01-01T00:00:00.000000Z"
            answer["policies"][0]["policy"]["document"] = canonical(document)
            return answer
        def other_units(answer):
            return {**answer, "genesis": answer["genesis"].replace('"decimals":2', '"decimals":0')}
        for path, change in (("/v1/policies", loosened), ("/v1/ledger/genesis", other_units)):
            with self.subTest(path):
                self.on_answer(path, change)
                done = self.custody("show", row["id"])
                self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.cancel(row)

    def test_another_review_to_go_on_from(self):
        """An auditor goes on where the last review ended by the word of the auditor who signed it, about the trail that he has."""
        place = self.place
        path = place.export_trail()
        size = len(path.read_bytes().splitlines()) - 2
        for signer, root, told in (("operator-1", "0" * 64, "no auditor of the policy signed the last review"),
                                   ("auditor-1", "0" * 64, "the last review saw another trail")):
            with self.subTest(told):
                review = place.signed("review", canonical({
                    "findings": 0, "from": "0", "report": "1" * 64, "reviewed_at": time_text(), "reviewer": "auditor-1", "root": root,
                    "size": str(size), "to": str(size - 1), "uses": 0}), signer)
                self.on_answer("/v1/audit/reviews?limit=1", lambda answer, review=review: {**answer, "reviews": [{"digest": "2" * 64, "review": review}]})
                done = self.custody("audit", "review", "--in", str(path), "--trust", str(place.dir / "trust.json"), person="auditor-1")
                self.assertEqual((done.returncode, told in done.stderr, done.stdout), (1, True, ""), done)

    # TLS broken: what people send

    def test_a_request_redirected_on_its_way(self):
        """A proposal bears no signature of the requester here: it is rewritten to another listed account. His program does not show its
        code, so approvers who ask for it get none."""
        place = self.place
        refuge = place.person("refuge-1")["address"]

        def asks(method, path, body):
            return json.dumps({**json.loads(body), "destination": refuge}).encode() if (method, path) == ("POST", "/v1/withdrawals") else body
        self.middle.asks = asks
        for more in ((), ("--json",)):
            done = self.custody("propose", "--wallet", "hot", "--asset", "DEMO", "--amount", "15", "--to", place.payee, *more)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("destination", done.stderr)
            row = next(row for row in place.pages("/v1/withdrawals", "withdrawals") if row["destination"] == refuge and row["state"] == "reserved")
            self.assertNotIn(row["short_code"], done.stderr)
            self.assertEqual(place.read(row["id"])["approvals"], [])
            self.cancel(row)

    def test_an_approval_altered_on_its_way(self):
        place = self.place
        row = place.proposed(16)

        def asks(method, path, body):
            if method != "POST":
                return body
            signed = json.loads(body)
            return json.dumps({**signed, "document": signed["document"].replace('"approve"', '"reject"')}).encode()
        self.middle.asks = asks
        done = self.approve(row)
        self.assertNotEqual(done.returncode, 0)
        self.middle.asks = lambda method, path, body: body.replace(b"approver-1", b"approver-3") if method == "POST" else body
        self.assertNotEqual(self.approve(row).returncode, 0)
        told = {self.event(entry)["reason"] for entry in self.entries("withdrawal.approve", oid=row["id"], otype="withdrawal", outcome="deny")}
        self.assertEqual(told, {"signature_invalid", "unknown_key"})
        self.assertEqual(place.read(row["id"])["approvals"], [])
        self.cancel(row)

    def test_what_he_caught_sent_again(self):
        """Approvals and tokens that he read: for the same matter nothing new, for another one nothing at all."""
        place = self.place
        row, other = place.proposed(17), place.proposed(17)
        self.assertEqual(self.approve(row).returncode, 0)
        _, _, headers, body = next(what for what in self.middle.seen if what[0] == "POST")
        token = headers["Authorization"].removeprefix("Bearer ")
        again = place.call("POST", f"/v1/withdrawals/{row['id']}/approve", body, token=token)
        self.assertEqual(again.status, 200, again)  # the same decision, not a second one
        self.assertEqual(len(place.read(row["id"])["approvals"]), 1)
        self.assertDenied(place.call("POST", f"/v1/withdrawals/{other['id']}/approve", body, token=token), 403, "mismatch",
                          "withdrawal.approve", "approver-1")
        forged = place.approval(other, "approver-1", signer="mallory")
        self.assertDenied(place.call("POST", f"/v1/withdrawals/{other['id']}/approve", forged, token=token), 403, "unknown_key",
                          "withdrawal.approve", "approver-1")
        self.assertDenied(place.propose(17, token=token), 403, "forbidden", "withdrawal.request", "approver-1")
        self.assertEqual(place.read(row["id"])["state"], "approving")
        self.cancel(row)
        self.cancel(other)

    def test_a_request_sent_again(self):
        place = self.place
        done = self.custody("propose", "--wallet", "hot", "--asset", "DEMO", "--amount", "18", "--to", place.payee, "--json")
        row = json.loads(done.stdout)["withdrawal"]
        _, path, headers, body = next(what for what in self.middle.seen if what[0] == "POST")
        again = place.call("POST", path, body, headers=headers)
        self.assertEqual(again.json["withdrawal"]["id"], row["id"])
        another = place.call("POST", path, body, headers={**headers, "Idempotency-Key": "another"}).json["withdrawal"]
        self.assertNotEqual(another["short_code"], row["short_code"])  # it is seen as another one, and nobody approved it
        self.cancel(row)
        self.cancel(another)

    def test_z_honest_work_goes_on_through_the_middle(self):
        """Who only looks changes nothing, and has gained nothing but sight."""
        place = self.place
        row = place.proposed(19)
        for person in ("approver-1", "approver-2"):
            self.assertEqual(self.approve(row, person).returncode, 0)
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.paid = 19


if __name__ == "__main__":
    unittest.main(verbosity=2)
