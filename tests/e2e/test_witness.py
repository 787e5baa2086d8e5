#!/usr/bin/python3
"""Witnesses of the trail, as processes of their own: what outsiders get is cosigned, without them effects stop, wallets of a
tier wait for them in the signer itself, and a service that was restored as a whole, signer and all, is found out by them."""

import base64
import hashlib
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

import strongroom
import tlog
from strongroom import canonical, eventually

REFUSALS = {403: "unknown_key", 404: "not_found", 422: "proof_invalid", 500: "unavailable"}  # HTTP's status, and the reason of the alarm
SIZES = {b"999999999\n": "rollback"}  # that it says it has cosigned: nobody had it cosign what was never signed
SOON_MS = 1000  # where a test waits for effects to stop; elsewhere nothing depends on how fast witnesses are


class Witness:
    """`custody witness run` under its own key, in its own folder."""

    def __init__(self, place, name):
        self.place = place
        self.name = f"witness.example/{name}"
        self.dir = place.dir / name
        self.dir.mkdir()
        self.process = None
        self.port = 0
        self.key = ["--key", str(self.dir / "key"), "--passphrase-file", str(self.dir / "passphrase")]
        (self.dir / "passphrase").write_text("correct horse\n")
        (self.dir / "passphrase").chmod(0o600)
        self.run("key", "generate", "--out", str(self.dir / "key"), "--algorithm", "ed25519", *self.key[2:])
        trust = json.loads((place.dir / "trust.json").read_text())
        self.vkey = self.run("witness", "init", *self.key, "--name", self.name, "--log", trust["log"], "--state",
                             str(self.dir / "state")).strip()

    def run(self, *words):
        return subprocess.run([str(self.place.dir / "bin/custody"), *words], capture_output=True, text=True, check=True,
                              env=self.place.environment).stdout

    def start(self):
        """On the port of the last time."""
        (self.dir / "port").unlink(missing_ok=True)
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.place.dir / "bin/custody"), "witness", "run", *self.key, "--state", str(self.dir / "state"), "--listen",
                 f"127.0.0.1:{self.port}", "--port-file", str(self.dir / "port")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.place.environment)
        eventually(lambda: self.process.poll() is not None or self.said_port(), "the witness listens")
        self.port = self.said_port()

    def said_port(self):
        path = self.dir / "port"
        return int(path.read_text()) if path.exists() and path.read_text().endswith("\n") else None

    def end(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def log(self):
        return (self.dir / "log").read_text()

    def shown(self):
        return json.loads(self.run("witness", "show", "--state", str(self.dir / "state")))


class Stub(http.server.ThreadingHTTPServer):
    """A witness that answers as a test wants: `answer` gets the body and returns (status, type, body), or waits for `gone`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), StubHandler)
        self.answer = lambda body: (500, "text/plain", b"no\n")
        self.asked = 0
        self.gone = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that waits no longer


class StubHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        answer = self.server.answer(body)
        if answer is None:
            self.server.gone.wait()
            return
        status, kind, content = answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def lines_of(note):
    """The names that have signed a note."""
    return [line.split(" ")[1] for line in note.decode().rpartition("\n\n")[2].splitlines()]


class Witnesses(strongroom.Case):
    OPTIONS = {"anchor_interval": 3600}  # so that a ledger of before is one of now

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.witnesses = [Witness(cls.place, name) for name in ("w1", "w2")]
        for witness in cls.witnesses:
            cls.addClassCleanup(witness.end)
            witness.start()
        cls.stub = Stub()
        cls.addClassCleanup(cls.stub.gone.set)

    def setUp(self):
        for witness in self.witnesses:
            if witness.process is None:
                witness.start()

    def use(self, quorum, rows, tier=None, signer_tier=None, max_age_ms=None):
        """The service and the transfer signer start anew with these witnesses."""
        document = canonical({"quorum": quorum, "witnesses": sorted(rows, key=lambda row: row["key"])})
        (self.place.dir / "etc/witnesses.json").write_text(document + "\n")
        path = str(self.place.dir / "etc/witnesses.json")
        self.place.stop("custodyd", "transfer")
        self.place.configure("custodyd", witnesses=path, witness_max_age=max_age_ms, witness_tier=tier, watch=50)
        self.place.configure("transfer", witnesses=path if signer_tier else None, witness_tier=signer_tier)
        self.place.start()

    def real(self, *which):
        return [{"key": one.vkey, "url": f"http://127.0.0.1:{one.port}"} for one in (which or self.witnesses)]

    def health(self):
        return self.place.call("GET", "/healthz").json["parts"]["witnesses"]

    def reason(self, witness):
        """Why the witness does not cosign, as the alarm has it."""
        return next((row["facts"]["reason"] for row in self.place.call("GET", "/v1/alarms").json["alarms"]
                     if (row["code"], row["object_id"]) == ("witness.down", witness)), None)

    def size_shown(self):
        return int(self.place.call("GET", "/v1/audit/checkpoint").bytes.split(b"\n")[1])

    def trust_witnesses(self, quorum):
        trust = json.loads((self.place.dir / "trust.json").read_text())
        path = self.place.dir / "trust-witnesses.json"
        path.write_text(canonical({**trust, "witnesses": {"keys": sorted(one.vkey for one in self.witnesses), "quorum": quorum}}) + "\n")
        return path

    def verify(self, what, trust, *files):
        done = subprocess.run([str(self.place.dir / "bin/custody-verify"), what, "--trust", str(trust), *map(str, files)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env={}, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_what_outsiders_get_is_cosigned(self):
        self.use(2, self.real())
        names = [one.name for one in self.witnesses]
        note = self.place.call("GET", "/v1/audit/checkpoint").bytes
        self.assertEqual(lines_of(note)[1:], names)
        withdrawal = self.place.withdraw()
        trust = self.trust_witnesses(2)
        evidence = self.place.export_evidence(withdrawal["id"])
        self.assertEqual(lines_of(base64.b64decode(json.loads(evidence.read_bytes())["checkpoint"]))[1:], names)
        self.assertEqual(self.verify("evidence", trust, evidence)[0], 0)
        trail = self.place.export_trail()
        code, said = self.verify("trail", trust, trail)
        self.assertEqual(code, 0, said)
        copy = ["audit", "copy", "--dir", str(self.place.dir / "copy"), "--trust"]
        stranger = Witness(self.place, "stranger")  # the trust file of somebody who asks for this one, too
        document = json.loads(trust.read_bytes())
        document["witnesses"] = {"keys": sorted([*document["witnesses"]["keys"], stranger.vkey]), "quorum": 3}
        (self.place.dir / "trust-stranger.json").write_text(canonical(document) + "\n")
        refused = self.place.custody(*copy, str(self.place.dir / "trust-stranger.json"), person="auditor-1", check=False)
        self.assertEqual((refused.returncode, "quorum" in refused.stderr), (1, True), refused)
        self.assertFalse((self.place.dir / "copy/checkpoint").exists())
        self.place.custody(*copy, str(trust), person="auditor-1")
        self.assertEqual(lines_of((self.place.dir / "copy/checkpoint").read_bytes())[1:], names)
        found = self.place.dir / "found.jsonl"
        found.write_bytes(self.place.call("GET", "/v1/audit/export?act=withdrawal.request", person="auditor-1").bytes)
        code, said = self.verify("extract", trust, found)
        self.assertEqual(code, 0, said)
        # A receipt that came with an effect has the log's line alone: it is fetched again, or an export shows the cosignatures.
        receipt = self.place.dir / "at-once.receipt"
        key = os.urandom(16).hex()
        receipt.write_bytes(base64.b64decode(self.place.patiently(lambda: self.place.propose(1, key=key)).json["receipt"]))
        code, said = self.verify("receipt", trust, receipt)
        self.assertEqual((code, "fetch it again" in said), (2, True), said)
        seq = int(re.search(rb"^index (\d+)$", receipt.read_bytes(), re.MULTILINE)[1])
        eventually(lambda: self.size_shown() > seq, "the entry is under a cosigned checkpoint")
        self.assertEqual(self.verify("receipt", trust, receipt, trail)[0], 2)  # which is older than the entry
        code, said = self.verify("receipt", trust, receipt, self.place.export_trail())
        self.assertEqual(code, 0, said)
        again = self.place.dir / "again.receipt"
        again.write_bytes(self.place.call("GET", f"/v1/audit/proof/inclusion?seq={seq}").bytes)
        self.assertEqual(lines_of(again.read_bytes())[1:], names)
        leaf = self.place.dir / "again.leaf"
        leaf.write_bytes(base64.b64decode(self.place.call("GET", f"/v1/audit/entries?seq={seq}", person="auditor-1").json["entries"][0]["raw"]))
        code, said = self.verify("receipt", trust, "--entry", leaf, again)
        self.assertEqual(code, 0, said)
        rows = self.place.psql("SELECT DISTINCT witness FROM audit.cosignature ORDER BY witness")
        self.assertLessEqual(set(names), {row[0] for row in rows})
        # Without the lines the same bytes do not meet that trust file.
        bundle = json.loads(evidence.read_bytes())
        text, _, signatures = base64.b64decode(bundle["checkpoint"]).decode().rpartition("\n\n")
        bundle["checkpoint"] = base64.b64encode(f"{text}\n\n{signatures.splitlines(True)[0]}".encode()).decode()
        bare = self.place.dir / "bare.json"
        bare.write_text(canonical(bundle))
        code, said = self.verify("evidence", self.place.dir / "trust.json", bare)
        self.assertEqual(code, 0, said)
        code, said = self.verify("evidence", trust, bare)
        self.assertEqual(code, 2, said)

    def test_without_them_effects_stop_and_come_back_by_themselves(self):
        self.use(2, self.real(), max_age_ms=SOON_MS)
        open_one = self.until(lambda: self.place.call_when(201, "POST", "/v1/withdrawals", self.place.proposal(), headers={
            "Idempotency-Key": os.urandom(16).hex()}), "a proposal").json["withdrawal"]
        self.witnesses[1].end()
        self.until(lambda: not self.health()["ready"], "health says that effects have stopped")
        self.assertEqual(self.health()["reason"], "not_ready")
        reply = self.place.propose()
        self.assertEqual((reply.status, reply.json["code"], reply.json["field"]), (503, "not_ready", "witnesses"))
        self.assertNotIn("recorded", reply.json["detail"])
        self.assertEqual(self.place.decide(open_one, "approver-1").status, 503)
        self.assertEqual(self.place.call("GET", f"/v1/withdrawals/{open_one['id']}").status, 200)
        self.assertEqual(self.place.call("GET", "/v1/audit/entries?limit=1", person="auditor-1").status, 200)
        self.until(lambda: self.reason(self.witnesses[1].name), "its alarm")  # on a slow machine the other one may be late, too
        [gone] = self.until(lambda: [row for row in self.place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "witness.gone"], "the other alarm")
        self.assertLessEqual({"witness.gone", "witness.down"}, set(self.place.call("GET", "/healthz").json["alarm_codes"]))
        reply = self.place.call("POST", f"/v1/alarms/{gone['id']}/acknowledge")
        self.assertLess(reply.status, 300, reply)  # who has seen it may say so
        self.witnesses[1].start()
        self.place.approve(open_one)  # effects are back
        self.place.wait(open_one["id"], "confirmed")
        for act in ("witness.down", "witness.gone", "witness.back", "witness.up"):
            self.until(lambda act=act: self.entries(act), f"the trail has {act}")

    def test_a_witness_that_misbehaves_is_passed_over(self):
        """One of two suffices; whatever the other says, it counts for nothing and holds up nothing."""
        key = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-outform", "DER"], capture_output=True,
                                        check=True).stdout
        public = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=key, capture_output=True,
                                check=True).stdout[-32:]
        typed = b"\4" + public
        id4 = hashlib.sha256(b"witness.example/stub\n" + typed).digest()[:4]
        vkey = f"witness.example/stub+{id4.hex()}+{base64.b64encode(typed).decode()}"
        bad = f"\u2014 witness.example/stub {base64.b64encode(id4 + (1 << 30).to_bytes(8, 'big') + bytes(64)).decode()}\n".encode()
        (self.place.dir / "stub.der").write_bytes(key)

        def cosign(text, at):
            (self.place.dir / "stub.message").write_bytes(f"cosignature/v1\ntime {at}\n".encode() + text)
            signature = subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", str(self.place.dir / "stub.der"), "-rawin",
                                        "-in", str(self.place.dir / "stub.message")], capture_output=True, check=True).stdout
            return f"\u2014 witness.example/stub {base64.b64encode(id4 + at.to_bytes(8, 'big') + signature).decode()}\n".encode()

        def of_another_body(body):
            """A blank line before the signature becomes part of what is signed: a good signature, of no checkpoint."""
            return 200, "text/plain", b"\n" + cosign(body.split(b"\n\n")[1] + b"\n\n", int(time.time()))

        def crowd(body):
            """Good ones, so many that no line of another witness fits into the note."""
            text = body.split(b"\n\n")[1] + b"\n"
            return 200, "text/plain", cosign(text, int(time.time())) * 63

        self.use(1, self.real(self.witnesses[0]) + [{"key": vkey, "url": f"http://127.0.0.1:{self.stub.server_address[1]}"}])
        for answer in ((500, "text/plain", b"no\n"), (200, "text/plain", bad), (200, "text/plain", b""), (200, "text/plain", b"x" * 100000),
                       (409, "text/x.tlog.size", b"0\n"), (409, "text/x.tlog.size", b"999999999\n"), (409, "text/plain", b"what\n"),
                       (403, "text/plain", b"no\n"), (404, "text/plain", b"no\n"), (422, "text/plain", b"\n"), (302, "text/plain", b"\n"),
                       of_another_body, crowd, None):
            with self.subTest(answer=answer.__name__ if callable(answer) else answer and (answer[0], answer[2][:20])):
                asked = self.stub.asked
                self.stub.answer = answer if callable(answer) else lambda body, answer=answer: answer
                self.until(lambda asked=asked: self.stub.asked > asked, "it is asked again")
                before = self.size_shown()
                self.place.proposed()
                self.until(lambda before=before: self.size_shown() > before, "the checkpoint that outsiders get goes on")
                self.until(lambda: self.health()["ready"], "effects go on")
                said = None if answer is None or callable(answer) else REFUSALS.get(answer[0], SIZES.get(answer[2]))
                self.until(lambda said=said: said in (None, self.reason("witness.example/stub")), f"the alarm says {said}")
                self.until(lambda said=said: said != "unknown_key" or "custody witness rotate" in self.place.custody("alarms").stdout,
                           "and what to do")
        self.stub.gone.set()
        self.assertEqual({row[0] for row in self.place.psql("SELECT DISTINCT witness FROM audit.cosignature")} & {"witness.example/stub"},
                         set())
        self.assertNotIn("witness.example/stub", lines_of(self.place.call("GET", "/v1/audit/checkpoint").bytes))
        self.until(lambda: "witness.example/stub" in [row.get("oid") for row in self.entries("witness.down")], "it is told down")

    def relay(self, body):
        """The first witness, a long way off."""
        time.sleep(0.05)
        reply = self.offer(body)
        time.sleep(0.05)
        return reply

    def offer(self, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.witnesses[0].port, timeout=strongroom.DEADLINE_S)
        try:
            connection.request("POST", "/add-checkpoint", body)
            reply = connection.getresponse()
            return reply.status, reply.headers["Content-Type"], reply.read()
        finally:
            connection.close()

    def overtake(self, known, over):
        """One auditor, who lives near the witness: makes an entry, and takes the checkpoint of its receipt there, again and again."""
        _, size, root, *_ = self.place.call("GET", "/v1/audit/checkpoint").bytes.split(b"\n")
        copied = {"size": int(size), "root": base64.b64decode(root).hex()}
        while not over.is_set():
            told = self.place.call("POST", "/v1/audit/copies", copied, "auditor-1")
            if told.status != 201:
                continue
            note = base64.b64decode(told.json["receipt"]).split(b"\n\n", 1)[1]
            newest = int(note.split(b"\n")[1])
            while known["size"] < newest:
                proof = self.place.call("GET", f"/v1/audit/proof/consistency?from={known['size']}&to={newest}").json["proof"]
                lines = b"".join(base64.b64encode(bytes.fromhex(one)) + b"\n" for one in proof)
                status, _, said = self.offer(f"old {known['size']}\n".encode() + lines + b"\n" + note)
                known["size"] = newest if status == 200 else int(said)
                known["took"] += status == 200

    def test_who_is_nearer_to_a_witness_keeps_nobody_from_its_cosignature(self):
        """What the log alone has signed is in every receipt, so whoever has a token can offer it before the service does."""
        self.stub.answer = self.relay
        self.use(1, [{"key": self.witnesses[0].vkey, "url": f"http://127.0.0.1:{self.stub.server_port}"}], max_age_ms=6000)
        shown, over, log = self.size_shown(), threading.Event(), len(self.place.log("custodyd"))
        known = {"size": shown, "took": 0}
        attack = threading.Thread(target=self.overtake, args=(known, over), daemon=True)
        attack.start()
        try:
            for _ in range(3):
                took = known["took"]
                eventually(lambda took=took: known["took"] >= took + 20, "somebody else has it cosign")
                shown = eventually(lambda shown=shown: (size := self.size_shown()) > shown and size, "the service has it cosign, too")
        finally:
            over.set()
            attack.join()
        self.assertNotIn("it has cosigned more than this trail has", self.place.log("custodyd")[log:])
        self.assertEqual(self.place.patiently(lambda: self.place.propose(1)).status, 201)

    def test_an_answer_that_waited_for_them_in_vain_says_that_it_is_recorded(self):
        """One witness, and somebody else is always there first: without its cosignature the service gives no proof away. What was asked
        for is done, once, and its proof is had with the same key when the witness cosigns again."""
        place = self.place
        first, overtaken = self.size_shown(), threading.Event()

        def taken(body):
            """It has cosigned all that the service has signed by now, and says no more after that."""
            offered = int(body.split(b"\n\n")[1].split(b"\n")[1])
            if overtaken.is_set() or (newest := int(place.value("SELECT max(size) FROM audit.checkpoint"))) <= offered:
                return 500, "text/plain", b"no\n"
            overtaken.set()
            return 409, "text/x.tlog.size", f"{newest}\n".encode()

        self.stub.answer = self.relay
        try:
            place.configure("custodyd", trail_timeout=3000)
            self.use(1, [{"key": self.witnesses[0].vkey, "url": f"http://127.0.0.1:{self.stub.server_port}"}], max_age_ms=120000)
            eventually(lambda: self.size_shown() > first, "it cosigns")
            self.stub.answer = taken
            eventually(lambda: place.propose(1).status and overtaken.is_set(), "the service has been overtaken")

            def waited():
                key = os.urandom(16).hex()
                reply = place.propose(2, key=key)
                return (key, reply) if (reply.status, reply.json.get("field")) == (503, "witnesses") else None

            key, reply = eventually(waited, "a proof waits for the witness")
            self.assertRegex(reply.json["detail"], "^it is recorded, but no checkpoint that covers it is cosigned yet: repeat it with the same Idempotency-Key")
            kept = f"SELECT count(*) FROM custody.withdrawal WHERE idempotency_key = '{key}'"
            self.assertEqual(place.value(kept), "1")
            self.stub.answer = self.relay
            again = place.patiently(lambda: place.propose(2, key=key))
            self.assertEqual((again.status, "receipt" in again.json, place.value(kept)), (200, True, "1"), again)
        finally:
            place.configure("custodyd", trail_timeout=60000)

    def test_the_signer_waits_for_them_whatever_the_service_says(self):
        """A service that shows the signer what nobody has cosigned gets nothing signed; with witnesses it goes on."""
        self.use(2, self.real(), tier="hot", signer_tier="hot", max_age_ms=3600000)
        self.witnesses[1].end()
        held = self.place.proposed()
        self.place.approve(held)
        self.until(lambda: f"does not cosign: {self.witnesses[1].name}, unavailable" in self.place.custody("explain", held["id"]).stdout,
                   "what it waits for is named, long before it is an alarm")
        self.assertIsNone(self.reason(self.witnesses[1].name))
        self.witnesses[1].start()
        self.place.wait(held["id"], "confirmed")
        self.place.stop("custodyd")
        self.place.configure("custodyd", witness_tier=None)  # it waits for nobody, and shows the log's own checkpoint
        self.place.start()
        withdrawal = self.place.proposed()
        self.place.approve(withdrawal)
        wanted = {"step": "sign", "for": "not_ready"}
        self.until(lambda: wanted.items() <= self.place.read(withdrawal["id"]).get("waiting", {}).items(), "it waits for its signature")
        self.assertEqual(self.place.read(withdrawal["id"])["state"], "recorded")
        self.assertNotIn(withdrawal["id"], self.place.log("transfer"))  # it names what it signs
        self.place.stop("custodyd")
        self.place.configure("custodyd", witness_tier="hot")
        self.place.start()
        self.place.wait(withdrawal["id"], "confirmed")
        self.assertEqual(self.verify("evidence", self.trust_witnesses(2), self.place.export_evidence(withdrawal["id"]))[0], 0)

    def test_a_witness_that_was_set_back_is_shown_what_it_has_cosigned(self):
        """Its state was put back in its place, so it cannot know; the service keeps its cosignatures and shows it the last."""
        third = Witness(self.place, "w3")
        self.addCleanup(third.end)
        third.start()
        self.use(1, self.real(self.witnesses[0], third))
        self.until(lambda: third.shown()["logs"][0]["size"] > 0, "it has cosigned")
        state = third.dir / "state/state"
        before = state.read_bytes()
        size = third.shown()["logs"][0]["size"]
        self.place.proposed()
        self.until(lambda: third.shown()["logs"][0]["size"] > size, "it has cosigned more")
        self.until(lambda: int(self.place.value(f"SELECT max(size) FROM audit.cosignature WHERE witness = '{third.name}'")) > size,
                   "that is kept")
        self.place.stop("custodyd")
        third.end()
        with open(state, "r+b") as file:
            file.write(before)
            file.truncate()
        third.start()
        self.place.start()
        self.until(lambda: "event=witness.rollback" in third.log(), "it finds out")
        self.assertTrue(third.shown()["halted"])
        self.assertTrue(self.health()["ready"])

    def test_z_a_service_restored_as_a_whole_is_found_out(self):
        """Database, ledger and the audit signer's memory are put back: they agree with each other, and the witnesses do not."""
        self.use(2, self.real(), tier=None, signer_tier=None)
        self.place.stop()
        self.place.postgres("stop", "-m", "fast")
        database = (self.place.dir / "postgresql").resolve()
        guard = self.place.dir / "guards/audit" if (self.place.dir / "guards/audit").exists() else None
        guard = guard or next(path.parent for path in self.place.dir.rglob("data.mdb") if "audit" in str(path))
        shutil.copytree(database / "data", database / "copy", symlinks=True)
        shutil.copy2(guard / "data.mdb", self.place.dir / "guard.copy")
        subprocess.run(["chown", "-R", "--reference", str(database / "data"), str(database / "copy")], check=True)
        self.place.postgres_start()
        self.place.start()
        for _ in range(3):
            self.place.proposed()
        seen = tlog.open_note(self.place.call("GET", "/v1/audit/checkpoint").bytes.decode(), self.log_vkey())[1]
        self.place.stop("custodyd", "audit")
        self.place.postgres("stop", "-m", "fast")
        shutil.rmtree(database / "data")
        os.rename(database / "copy", database / "data")
        with open(self.place.dir / "guard.copy", "rb") as source, open(guard / "data.mdb", "r+b") as target:
            target.write(source.read())
            target.truncate()
        self.place.postgres_start()
        self.place.start_unready()
        self.until(lambda: not self.health()["ready"], "effects have stopped")
        self.assertTrue(self.place.call("GET", "/healthz").json["parts"]["trail"]["ready"])  # it believes in itself
        self.assertEqual(self.place.propose().status, 503)
        # Reads and refusals grow the other history beyond what the witnesses have seen.
        self.until(lambda: self.place.call("GET", "/v1/audit/proof/consistency?from=1&to=1", person="auditor-1").status and
                   self.grow() > seen, "the other history is longer")
        self.until(lambda: all("unproven" in [row["kind"] for row in one.shown()["contradictions"]] for one in self.witnesses),
                   "both witnesses keep what contradicts")
        self.assertFalse(self.health()["ready"])
        for one in self.witnesses:
            self.assertIn("event=log.contradiction", one.log())

    def grow(self):
        self.place.propose(person="approver-1")
        return int(self.place.value("SELECT max(size) FROM audit.checkpoint"))

    def log_vkey(self):
        return json.loads((self.place.dir / "trust.json").read_text())["log"]


if __name__ == "__main__":
    unittest.main()
