#!/usr/bin/env python3
"""The life of an attended key with a real signer and real tokens: people, papers and shares go through custody alone.

Ceremony, backup, restore to a second token, PIN in shares, admission, activation; and what stops it: too few shares, a share
that was changed, a restart.
"""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import sealed
from tool import PASSPHRASE, Case, now, world
from ceremony_world import ROLES, Ceremonies

SIGNERD = os.environ["SIGNERD"]
MAKE_TOKEN = os.path.join(os.environ["STRONGROOM_SOURCE_DIR"], "tests/support/softhsm_token")
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
CUSTODIANS = ("custodian-1", "custodian-2", "custodian-3")
PIN_KEEPERS = ("custodian-4", "custodian-5", "custodian-6")  # none of those who have a part of the backup
PEOPLE = (*CUSTODIANS, *PIN_KEEPERS, "admin-1", "admin-2", "auditor-1", "operator-1")


def children(pid):
    """Processes whose parent is this one; proc(5): "pid (name) state parent ..."."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == pid:
                    yield int(entry)
        except (FileNotFoundError, ProcessLookupError):
            pass


def token_process(signer):
    """signerd starts a keeper, and that the token's process."""
    (keeper,) = children(signer)
    (process,) = children(keeper)
    return process


class Fake:
    """A signer's socket in other hands; `ops`: what it was asked."""

    def __init__(self, path, to):
        self.ops = []
        self.to = to
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def reply(self, request):
        self.ops.append(request["op"])
        return {"id": request["id"], "ok": True,
                **({"alg": "p256", "key": world.Key().object()["key"], "protocol": 1, "role": "transfer"} if request["op"] == "hello" else
                   {"have": 0, "threshold": 2, "to": self.to} if request["op"] == "activation.open" else
                   {"have": 1, "open": False, "threshold": 2})}

    def serve(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection:
            while packet := connection.recv(65536):
                connection.send(world.canonical(self.reply(json.loads(packet))).encode())

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


class Attended(Case):
    def setUp(self):
        super().setUp()
        self.world = Ceremonies()
        self.log = open(self.path("log"), "w+", encoding="utf-8")
        self.addCleanup(self.log.close)
        self.keys = {name: self.key_file(f"{name}.key", self.world.keys[name]) for name in PEOPLE}
        self.seals = {}
        for name in (*CUSTODIANS, *PIN_KEEPERS):
            self.seals[name] = self.write(f"{name}.seal.json", self.by(
                name, "seal-key", "generate", "--out", self.path(f"{name}.seal"), "--person", name, "--environment", world.ENVIRONMENT))
        for name in ("born", "second"):
            subprocess.run([MAKE_TOKEN, self.place, name], check=True, stdout=subprocess.DEVNULL)
        os.environ["SOFTHSM2_CONF"] = self.path("softhsm2.conf")

    def public(self, name):
        """What shares of this custodian are sealed for."""
        return json.loads(json.loads(self.read(f"{name}.seal.json"))["document"])["seal"]

    def by(self, name, *words):
        return self.good(*words, "--key", self.keys[name], "--passphrase-file", self.passphrase)

    def signed(self, kind, path, *names):
        """The document of that file, signed by these people one after the other."""
        for number, name in enumerate(names):
            self.by(name, "sign", kind, "--in", path, "--out", f"{path}.{number}")
            path = f"{path}.{number}"
        return path

    def signerd(self, *words, pins=(), **more):
        """Runs signerd; the descriptors of PINs are --pin-fd and --so-pin-fd in this order."""
        files = [open(self.path(name), "rb") for name in pins]
        names = [word for option, file in zip(("--pin-fd", "--so-pin-fd"), files) for word in (option, str(file.fileno()))]
        process = subprocess.Popen([SIGNERD, *words, *names], pass_fds=[file.fileno() for file in files], stderr=self.log, **more)
        for file in files:
            file.close()
        return process

    def offline(self, *words, pins=()):
        process = self.signerd(*words, pins=pins, stdout=subprocess.PIPE)
        told, _ = process.communicate()
        self.log.seek(0)
        self.assertEqual(process.returncode, 0, self.log.read())
        return told

    def shares(self, names=CUSTODIANS, first_site=0):
        return ",".join(f"{name}:site-{number}:{self.seals[name]}" for number, name in enumerate(names, first_site))

    def ceremony(self):
        """The transcript's path; facts and backup lie beside it."""
        token = ["--module", MODULE, "--token", "born", "--key", "hot"]
        self.write("pins", subprocess.run(["sha256sum", MODULE, SIGNERD], stdout=subprocess.PIPE, check=True).stdout)
        for name in ROLES.values():
            self.write(f"{name}.json", world.canonical(self.world.keys[name].object()))
        before = self.path("transcript-0")
        self.good("ceremony", "start", *(f"{role}:{name}:{self.path(name)}.json" + (f":{self.seals[name]}" if name in self.seals else "")
                                         for role, name in ROLES.items()),
                  "--purpose", "transfer", "--environment", world.ENVIRONMENT, "--out", before)

        def step(name, *words):
            nonlocal before
            after = f"{before}+"
            self.by(name, "ceremony", "step", *words, "--in", before, "--out", after)
            before = after

        slots = subprocess.run(["softhsm2-util", "--show-slots"], stdout=subprocess.PIPE, text=True, check=True).stdout
        serial = next(block.split("Serial number:")[1].split()[0] for block in slots.split("Slot ") if "born" in block.split())
        step("admin-1", "open", "--module", MODULE, "--program", SIGNERD, "--pins", self.path("pins"))
        step("auditor-1", "attend", f"serial={serial}")
        self.write("facts.json", self.offline("generate", *token, "--backup", "wrapped", pins=["born.pin"]))
        step("custodian-1", "generate", "--facts", self.path("facts.json"))
        os.mkdir(self.path("backup"))
        self.offline("backup", *token, "--custodians", self.shares(), "--threshold", "2", "--holder", "admin-2", "--site", "vault",
                     "--output", self.path("backup"), pins=["born.pin", "born.so-pin"])
        step("custodian-2", "backup", "--backup", self.path("backup/backup.json"))
        facts = json.loads(self.read("facts.json"))
        step("auditor-1", "inspect", f"key_id={facts['key_id']}", f"serial={serial}")
        step("admin-1", "close", f"key_id={facts['key_id']}")
        return before

    def found(self, facts):
        """Policy, trust and guard: the key is the one of the wallet."""
        self.world.first["wallets"][0].update({name: facts[name] for name in ("alg", "key")})
        policy = world.digest("policy", world.canonical(self.world.first))
        self.policy = self.write("policy.json", world.canonical(self.world.signed_policy()))
        self.trust = self.write("trust.json", world.canonical({**self.world.trust, "policy": policy}))
        self.here = {"chain": self.world.chain, "environment": world.ENVIRONMENT, "policy": policy}
        order = {**self.here, "action": "guard.initialise", "issued_at": now(), "key": facts["key_id"], "log": self.world.log.vkey,
                 "nonce": "01a1fbb6-8ab5-7912-829e-00000000beef", "role": "transfer"}
        order = self.signed("command", self.write("found", world.canonical(order)), "admin-1", "admin-2")
        self.offline("initialise", "--role", "transfer", "--guard", self.path("guard"), "--module", MODULE, "--token", "born", "--key",
                     "hot", "--policy", self.policy, "--command", order, pins=["born.pin"])

    def occasion(self, action, out, *words):
        """Drafted and signed by two; the name of its file."""
        self.good("occasion", action, "--policy", self.policy, "--requester", "operator-1", "--authoriser", "admin-2", *words, "--out",
                  self.path(out))
        return os.path.basename(self.signed("occasion", self.path(out), "operator-1", "admin-2"))

    def activation(self, out):
        """An activation is opened, and what the signer's console says is what two people sign."""
        share_set = self.good("digest", "share_set", "--in", self.path("pin-shares/share-set.json")).strip()
        occasion = self.occasion("activate", out, "--key-id", json.loads(self.read("facts.json"))["key_id"], "--set", share_set, "--role",
                                 "transfer", *self.socket)
        console = re.findall(rb"event=activation.opened to=(\S+)", self.read("log"))[-1].decode().strip('"')
        self.assertEqual(json.loads(self.read(out))["to"], console)
        return occasion

    def restore(self):
        """The proof that the key came back on the second token, signed by all."""
        process = self.signerd("restore", "--module", MODULE, "--token", "second", "--backup", self.path("backup/backup.json"), "--wrapped",
                               self.path("backup/wrapped-admin-2.bin"), "--policy", self.policy, "--output", self.path("proof"), pins=["second.pin", "second.so-pin"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
        shown = json.loads(process.stdout.readline())
        occasion = self.occasion("restore", "restoring", "--key-id", shown["key"], "--set", shown["set"], "--serial", shown["serial"],
                                 "--to", shown["to"], "--executor", "custodian-2")
        process.stdin.write(self.read(occasion).decode())
        for name in ("custodian-1", "custodian-3"):
            gift = self.by(name, "share", "give", "--share", self.path(f"backup/share-{name}.json"), "--occasion", self.path(occasion),
                           "--policy", self.policy, "--trust", self.trust, "--seal-key", self.path(f"{name}.seal"))
            process.stdin.write(gift)
        process.communicate()
        self.log.seek(0)
        self.assertEqual(process.returncode, 0, self.log.read())
        return self.signed("restore", self.path("proof"), "operator-1", "admin-2", "custodian-2")

    def key_document(self, facts, transcript):
        backup = json.loads(self.read("backup/backup.json"))["document"]
        document = {**self.here, "activation": "attended", "alg": facts["alg"], "approved": False, "backup": "wrapped",
                    "backup_document": world.digest("backup", backup), "box_seconds": 3600, "box_signatures": "100",
                    "ceremony": self.good("digest", "ceremony", "--in", transcript).strip(), "creator": "custodian-1",
                    "custodians": list(CUSTODIANS), "drill_days": 30, "emergency": [], "idle_seconds": 0, "issued_at": now(),
                    "key": facts["key"], "location": "site-1", "owner": "own", "purpose": "transfer", "retain_until": now(900),
                    "tier": "hot", "token": {name: facts[name] for name in ("firmware", "label", "manufacturer", "model", "serial")},
                    "valid_from": now(), "valid_until": now(365)}
        return self.signed("key", self.write("key", world.canonical(document)), "admin-1", "admin-2")

    def share_pin(self, facts):
        os.mkdir(self.path("pin-shares"))
        self.offline("share-pin", "--key-id", facts["key_id"], "--custodians", self.shares(PIN_KEEPERS, 4), "--threshold", "2",
                     "--output", self.path("pin-shares"), "--backups", self.path("backup/backup.json"), "--policy", self.policy, pins=["born.pin"])
        return self.signed("share_set", self.path("pin-shares/share-set.json"), "admin-1", "admin-2")

    def start(self, share_set):
        socket = self.path("signer.sock")
        if os.path.exists(socket):
            os.remove(socket)
        process = self.signerd("run", "--role", "transfer", "--guard", self.path("guard"), "--token",
                               f"pkcs11:token=born?module-path={MODULE}", "--pin-shares", share_set, "--policy", self.policy, "--socket", socket, "--clients", str(os.getuid()),
                               "--token-timeout-ms", "3000",  # for a busy machine: it is down once
                               stdin=subprocess.DEVNULL)
        self.addCleanup(self.stop, process)
        while not os.path.exists(socket):
            self.assertIsNone(process.poll(), self.read("log").decode())
            time.sleep(0.01)
        self.socket = ["--socket", socket]
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def giving(self, name, occasion, share=None):
        return ["activate", "--role", "transfer", *self.socket, "--occasion", self.path(occasion), "--policy", self.policy, "--trust",
                self.trust, "--share", share or self.path(f"pin-shares/share-{name}.json"), "--seal-key", self.path(f"{name}.seal"), "--key",
                self.keys[name], "--passphrase-file", self.passphrase]

    def order(self, action, state, out, *more):
        self.good("key", "command", action, "--document", self.document, "--policy", self.policy, "--from", state, "--reason", "a-test",
                  "--out", self.path(out), *more)
        return self.signed("command", self.path(out), "admin-1", "admin-2")

    def state(self):
        return self.good("key", "list", "--role", "transfer", *self.socket).split(",")[0].split()[1]

    def changed_share(self, name):
        """As that custodian would hand it on who changed one byte and knows no better."""
        share = json.loads(self.read(f"pin-shares/share-{name}.json"))
        key = world.openssl("pkey", "-in", self.path(f"{name}.seal"), "-passin", f"pass:{PASSPHRASE}", "-outform", "DER")
        value = bytearray(sealed.unseal(base64.b64decode(share["sealed"]), base64.b64decode(self.public(name)), key[-32:]))
        value[0] ^= 1
        return bytes(value)

    def test_a_life(self):
        transcript = self.ceremony()
        facts = json.loads(self.read("facts.json"))
        self.found(facts)
        proof = self.restore()
        self.document = self.key_document(facts, transcript)
        share_set = self.share_pin(facts)
        self.assertIn("in the policy", self.good("ceremony", "show", "--in", transcript, "--policy", self.policy))
        process = self.start(share_set)
        self.assertIn(b"event=token.locked token=born ", self.read("log"))
        self.give_shares()
        papers = ["--document", self.document, "--ceremony", transcript, "--backup", self.path("backup/backup.json"), "--restore", proof]
        admit = self.order("key.admit", "generated", "admit")
        self.assertIn("restore", self.refused(1, "key", "admit", *papers[:-2], "--command", admit, *self.socket))
        self.assertIn("inactive", self.good("key", "admit", *papers, "--command", admit, *self.socket))
        self.address("inactive")
        self.assertIn("active", self.good("key", "send", "--command", self.order("key.activate", "inactive", "activate", "--on", "1"), *self.socket))
        self.assertEqual(self.state(), "active")
        self.address("active")
        self.lose_token(process)
        self.stop(process)
        self.start(share_set)
        self.assertEqual(self.state(), "inactive")
        self.refused(1, "key", "attest", "--document", self.document, *self.socket)

    def lose_token(self, process):
        """The PIN is gone with the token's process: it comes back locked, its key inactive, until shares are given again."""
        os.kill(token_process(process.pid), signal.SIGKILL)
        while self.read("log").count(b"event=token.locked") < 2:
            self.assertIsNone(process.poll(), self.read("log").decode())
            time.sleep(0.02)
        self.assertEqual(self.state(), "inactive")
        self.assertIn("to: who answers at the socket", self.refused(1, *self.giving("custodian-6", self.before)))
        again = self.activation("again")
        self.assertIn("has 1 of 2 shares\n", self.good(*self.giving("custodian-6", again)))
        self.assertIn("2 of 2 shares; the token is open", self.good(*self.giving("custodian-5", again)))
        self.assertEqual(self.read("log").count(b"event=token.down"), 1)
        self.address("inactive-again")

    def give_shares(self):
        self.before = first = self.activation("first")
        self.assertIn("the authoriser has not signed", self.refused(1, *self.giving("custodian-4", "first.0")))
        self.fake_signer(first)
        self.assertIn("has 1 of 2 shares\n", self.good(*self.giving("custodian-4", first)))
        self.assertIn("custodian-4", self.refused(1, *self.giving("custodian-4", first)))
        changed = self.changed_share("custodian-5")
        share = json.loads(self.read("pin-shares/share-custodian-5.json"))
        share["sealed"] = base64.b64encode(sealed.seal(changed, base64.b64decode(self.public("custodian-5")))).decode()
        told = self.refused(1, *self.giving("custodian-5", first, self.write("changed.json", world.canonical(share))))
        self.assertIn("share 2 of custodian-5 is corrupt", told)
        self.assertIn("2 of 2 shares; the token is open", self.good(*self.giving("custodian-6", first)))

    def fake_signer(self, occasion):
        """Somebody else's socket, which answers as the signer does but with a receiving key of its own, gets nothing."""
        public, private = sealed.pair()
        fake = Fake(self.path("fake.sock"), base64.b64encode(public).decode())
        self.addCleanup(fake.close)
        words = self.giving("custodian-4", occasion)
        words[words.index("--socket") + 1] = self.path("fake.sock")
        self.assertIn("to: who answers at the socket", self.refused(1, *words))
        self.assertEqual(fake.ops, ["hello", "activation.open"])

    def address(self, state):
        out = self.path(f"attestation-{state}")
        self.good("key", "attest", "--document", self.document, *self.socket, "--out", out)
        done = self.custody("address", "verify", "--document", self.document, "--attestation", out, "--policy", self.policy, "--trust",
                            self.trust)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(state.removesuffix("-again"), done.stderr)
        self.assertRegex(done.stdout, "^sr1[0-9a-f]{72}\n$")


if __name__ == "__main__":
    unittest.main()
