#!/usr/bin/env python3
"""custody witness as a process: over HTTP, killed between remembering and signing, and with requests that are none."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import threading
import unittest

from tool import PROGRAM, Case, world

NAME = "witness.example/w1"
LOG = world.Log("custody.example/audit/v1")
KEY = world.Key("ed25519")


def leaf(number):
    return hashlib.sha256(b"\0" + str(number).encode()).digest()


def root(first, last, branch=b""):
    """RFC 6962: the hash of the leaves first .. last-1; another branch has another first leaf."""
    if last - first == 1:
        return leaf(first) if first or not branch else hashlib.sha256(branch).digest()
    split = 1 << (last - first - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(first, first + split, branch) + root(first + split, last, branch)).digest()


def consistency(old, first, last, whole=True, branch=b""):
    """RFC 6962 section 2.1.2: SUBPROOF."""
    if old == last - first:
        return [] if whole else [root(first, last, branch)]
    split = 1 << (last - first - 1).bit_length() - 1
    if old <= split:
        return consistency(old, first, first + split, whole, branch) + [root(first + split, last, branch)]
    return consistency(old - split, first + split, last, False, branch) + [root(first, first + split, branch)]


def request(old, size, branch=b"", proof=None):
    if proof is None:
        proof = consistency(old, 0, size, True, branch) if 0 < old < size else []
    lines = "".join(base64.b64encode(hash_).decode() + "\n" for hash_ in proof)
    return f"old {old}\n{lines}\n".encode() + LOG.note(size, root(0, size, branch))


class Witness(Case):
    def setUp(self):
        super().setUp()
        self.key = self.key_file("witness.key", KEY)
        self.state = self.path("state")
        self.process = None
        self.addCleanup(self.stop)

    def initialise(self, *more):
        return self.good("witness", "init", "--key", self.key, "--passphrase-file", self.passphrase, "--name", NAME, "--log",
                         LOG.vkey, "--state", self.state, *more).strip()

    def start(self, env=None):
        """Until it says that it listens; its port."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        self.process = subprocess.Popen(
            [PROGRAM, "witness", "run", "--key", self.key, "--passphrase-file", self.passphrase, "--state", self.state, "--listen",
             "127.0.0.1:0"], stderr=subprocess.PIPE, env={**clean, **(env or {})})
        said = b""
        while b"event=witness.start" not in said or not said.endswith(b"\n"):
            self.assertTrue(select.select([self.process.stderr], [], [], 120)[0], said)
            got = os.read(self.process.stderr.fileno(), 65536)
            self.assertTrue(got, said)
            said += got
        self.port = int(said.split(b"port=")[1].split()[0])

    def stop(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process.stderr.close()
            self.process = None

    def call(self, method, path, body=b""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.getheader("Content-Type")
        finally:
            connection.close()

    def add(self, *words, **more):
        return self.call("POST", "/add-checkpoint", request(*words, **more))

    def cosigns(self, old, size):
        status, body, _ = self.add(old, size)
        self.assertEqual(status, 200, body)
        time_s = int.from_bytes(base64.b64decode(body.split(b" ")[2].rstrip(b"\n"), validate=True)[4:12], "big")
        note = LOG.note(size, root(0, size))
        self.assertEqual(body, world.Witness(NAME, KEY).line(note, time_s))  # Ed25519 signs the same twice

    def size_said(self, reply, size):
        self.assertEqual(reply, (409, f"{size}\n".encode(), "text/x.tlog.size"))

    def shown(self):
        return json.loads(self.good("witness", "show", "--state", self.state))

    def test_made_once_and_run_with_its_own_key(self):
        told = self.refused(1, "witness", "run", "--key", self.key, "--passphrase-file", self.passphrase, "--state", self.state)
        self.assertIn("custody witness init", told)
        vkey = self.initialise()
        self.assertEqual(vkey, world.Witness(NAME, KEY).vkey)
        init = ["witness", "init", "--key", self.key, "--passphrase-file", self.passphrase, "--name", NAME, "--state"]
        self.refused(1, *init, self.state, "--log", LOG.vkey)
        self.refused(2, *init, self.path("other"))
        self.refused(1, *init, self.path("other"), "--log", vkey)  # a witness is no log
        self.refused(1, *init, self.path("other"), "--log", LOG.vkey, "--log", LOG.vkey)
        self.assertFalse(os.path.exists(self.path("other")))
        other = self.key_file("other.key", world.Key("ed25519"))
        told = self.refused(1, "witness", "run", "--key", other, "--passphrase-file", self.passphrase, "--state", self.state)
        self.assertIn("state", told)
        self.refused(1, "witness", "init", "--key", self.key_file("p256.key", world.Key("p256")), "--passphrase-file", self.passphrase,
                     "--name", NAME, "--state", self.path("other"), "--log", LOG.vkey)

    def test_cosigns_over_http_and_remembers_when_it_is_killed(self):
        self.initialise()
        self.start()
        self.cosigns(0, 5)
        self.cosigns(5, 9)
        self.stop()
        self.start()
        self.size_said(self.add(5, 12), 9)
        self.cosigns(9, 12)
        status, note, _ = self.call("GET", f"/{hashlib.sha256(LOG.origin.encode()).hexdigest()}/checkpoint")
        self.assertEqual(status, 200)
        self.assertEqual(note.count(b"\xe2\x80\x94"), 2)
        self.assertIn(b"\n12\n", note)
        self.stop(signal.SIGTERM)

    def test_who_fills_all_places_and_sends_a_byte_at_a_time_keeps_nobody_out(self):
        self.initialise()
        self.start()
        slow = []
        stopping = threading.Event()

        def drip():
            while not stopping.wait(1):
                for one in slow:
                    with contextlib.suppress(OSError):
                        one.send(b"a")

        for number in range(64):
            one = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(f"127.0.1.{1 + number // 16}", 0))
            self.addCleanup(one.close)
            one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nX: ")
            slow.append(one)
        dripping = threading.Thread(target=drip)
        dripping.start()
        self.addCleanup(dripping.join)
        self.addCleanup(stopping.set)
        self.cosigns(0, 5)
        self.cosigns(5, 9)

    def test_killed_between_remembering_and_signing_it_has_remembered(self):
        self.initialise()
        self.start(env={"STRONGROOM_CRASHPOINT": "witness.remembered:2"})
        self.cosigns(0, 5)
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.add(5, 9)
        self.assertEqual(self.process.wait(120), -signal.SIGKILL)
        self.start()
        self.size_said(self.add(5, 9, b"another history"), 9)
        self.assertEqual([row["kind"] for row in self.shown()["contradictions"]], ["fork"])
        self.cosigns(9, 9)

    def test_refuses_a_fork_and_keeps_it(self):
        self.initialise()
        self.start()
        self.cosigns(0, 9)
        self.size_said(self.add(9, 9, b"another history"), 9)
        self.assertEqual(self.add(9, 20, b"another history")[0], 422)
        shown = self.shown()
        self.assertEqual(sorted(row["kind"] for row in shown["contradictions"]), ["fork", "unproven"])
        self.assertEqual([(row["key"], row["size"]) for row in shown["logs"]], [(LOG.vkey, 9)])
        fork = next(row for row in shown["contradictions"] if row["kind"] == "fork")
        roots = {base64.b64decode(fork[which]).split(b"\n")[2] for which in ("remembered", "offered")}
        self.assertEqual(len(roots), 2)
        self.cosigns(9, 20)
        self.stop(signal.SIGTERM)

    def test_requests_that_are_none(self):
        self.initialise()
        self.start()
        whole = request(0, 5)
        for method, path, body, status in (
                ("POST", "/add-checkpoint", b"", 400), ("POST", "/add-checkpoint", b"\0" * 100, 400),
                ("POST", "/add-checkpoint", b"x" * 40000, 413), ("POST", "/add-checkpoint", whole[:-1], 400),
                ("POST", "/add-checkpoint", whole.replace(b"old 0", b"old 00"), 400),
                ("POST", "/add-checkpoint", whole.replace(LOG.origin.encode(), b"elsewhere"), 404),
                ("POST", "/add-checkpoint", whole.replace(b"\n5\n", b"\n6\n"), 403),
                ("POST", "/add-checkpoint", whole.replace(b"old 0", b"old 6"), 400),
                ("GET", "/add-checkpoint", b"", 405), ("PUT", "/add-checkpoint", whole, 405), ("POST", "/", whole, 405),
                ("GET", "/", b"", 404), ("GET", "/" + "0" * 64 + "/checkpoint", b"", 404), ("GET", "/../state", b"", 404)):
            with self.subTest(method=method, path=path, body=body[:20]):
                self.assertEqual(self.call(method, path, body)[0], status)
        idle = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(10)]
        for one in idle:
            one.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nold")
        self.cosigns(0, 5)  # slow ones hold up nobody
        for one in idle:
            one.close()
        self.assertEqual(self.shown()["contradictions"], [])

    def test_a_copy_and_a_changed_state_refuse(self):
        self.initialise()
        self.start()
        self.cosigns(0, 5)
        run = ["witness", "run", "--key", self.key, "--passphrase-file", self.passphrase, "--listen", "127.0.0.1:0", "--state"]
        self.assertIn("another process", self.refused(1, *run, self.state))
        self.stop()
        subprocess.run(["cp", "-a", self.state, self.path("copy")], check=True)
        self.assertIn("is a copy", self.refused(1, *run, self.path("copy")))
        rotate = ("witness", "rotate", "--state", self.state, "--log")
        self.assertIn("is the key that the witness knows\n   to do: leave it", self.refused(1, *rotate, LOG.vkey))
        self.assertIn("   to do: custody witness show names its log", self.refused(1, *rotate, world.Log("other.example/log").vkey))
        with open(os.path.join(self.state, "state"), "r+b") as file:
            file.truncate(200)
        self.assertIn("state", self.refused(1, *run, self.state))
        os.unlink(os.path.join(self.state, "state"))
        self.assertRegex(self.refused(1, *run, self.state), "is not there; .*\n   to do: is --state its folder")


if __name__ == "__main__":
    unittest.main()
