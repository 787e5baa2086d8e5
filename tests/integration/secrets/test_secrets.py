#!/usr/bin/env python3
"""C-08: no plaintext key, PIN or share outside the token's process.

A validator's key is made, wrapped by signerd backup and unwrapped here from its shares, so the test knows its private value. A
real signerd signs a thousand headers with it. Then the memory of every other process of the signer, every file of the place
and every log are searched for the secrets in every form that software writes them in. The search is shown to find them: in
a process that was given them on purpose, in a file, and in the environment.

Needs root, who may read others' memory; signerd runs as another user then, so that what it does against being read shows.
"""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", folder) for folder in ("verify", "custody", "signerd")]
import sealed  # noqa: E402
from ceremony_world import GENERATED, Ceremonies  # noqa: E402
from memory import children, forms, only_where_it_can_be_seen, read_memory, search, status_of, words_of  # noqa: E402
from test_offline import join, now, uuid7  # noqa: E402
from world import FAR, ZERO, canonical, digest, openssl, sealing_key, signed  # noqa: E402

SIGNERD = os.environ["SIGNERD"]
MAKE_TOKEN = os.path.join(os.environ["STRONGROOM_SOURCE_DIR"], "tests/support/softhsm_token")
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SIGNATURES = 1000
NOBODY = 65534
DEADLINE_S = 120  # decides nothing but when a test that hangs is called failed


def unwrap(wrapped, kek):
    """RFC 5649 (AES key wrap with padding), from the RFC; the block cipher is openssl's."""
    def decrypt(block):
        return openssl("enc", "-d", "-aes-256-ecb", "-nopad", "-K", kek.hex(), data=block)
    blocks = [wrapped[at:at + 8] for at in range(0, len(wrapped), 8)]
    a, r = blocks[0], blocks[1:]
    for step in range(6 * len(r), 0, -1):
        place = (step - 1) % len(r)
        plain = decrypt((int.from_bytes(a, "big") ^ step).to_bytes(8, "big") + r[place])
        a, r[place] = plain[:8], plain[8:]
    assert a[:4] == bytes.fromhex("a65959a6"), "not the KEK of this backup"
    return b"".join(r)[:int.from_bytes(a[4:], "big")]


def private_value(pkcs8):
    """The 32 bytes of an EC private key."""
    text = openssl("pkey", "-inform", "DER", "-text", "-noout", data=pkcs8).decode()
    digits = text.split("priv:")[1].split("pub:")[0]
    return bytes.fromhex("".join(digits.split()).replace(":", "")).rjust(32, b"\0")[-32:]


class Place(Ceremonies):
    """People and papers around one key that is on a token."""

    def __init__(self):
        super().__init__()
        self.pairs = {name: sealed.pair() for name in self.CUSTODIANS}
        self.seals = {name: base64.b64encode(public).decode() for name, (public, _) in self.pairs.items()}
        self.generated = None

    def found(self, generated):
        """The ledger whose one validator this key is."""
        self.generated = generated
        self.genesis = canonical({**json.loads(self.genesis), "quorum": 1,
                                  "validators": [{"alg": generated["alg"], "key": generated["key"]}]})
        self.chain = digest("genesis", self.genesis)
        self.first["chain"] = self.chain
        self.policy = digest("policy", canonical(self.first))

    def facts(self, backup, backup_digest):
        return {**self.generated, "backup": backup_digest, "check": "", "threshold": ""}

    def here(self):
        return {"chain": self.chain, "environment": self.first["environment"], "policy": self.policy}

    def by_two(self, kind, document):
        return signed(kind, canonical(document), self.keys["admin-1"], self.keys["admin-2"])

    def order(self, action, **more):
        return self.by_two("command", {**self.here(), "action": action, "issued_at": now(), "key": self.generated["key_id"],
                                       "nonce": uuid7(), "role": "validator", **more})

    def papers(self):
        """Transcript and key document."""
        transcript = self.transcript(lambda _, value, *first: value, "validator", None, "none")
        token = {name: self.generated[name] for name in ("firmware", "label", "manufacturer", "model", "serial")}
        return transcript, self.by_two("key", {
            **self.here(), "activation": "unattended", "alg": self.generated["alg"], "approved": False, "backup": "none",
            "box_seconds": 86400, "box_signatures": "100000", "ceremony": digest("ceremony", canonical(transcript)),
            "creator": "custodian-1", "custodians": list(self.CUSTODIANS[:2]), "drill_days": 366, "emergency": [], "idle_seconds": 0,
            "issued_at": now(), "key": self.generated["key"], "location": "site-1", "owner": "own", "purpose": "validator",
            "retain_until": FAR, "tier": "system", "token": token, "valid_from": now(-1), "valid_until": now(24 * 365)})

    def header(self, height, prev):
        genesis = json.loads(self.genesis)
        validators = digest("validators", canonical({name: genesis[name] for name in ("quorum", "validators")}))
        return canonical({"audit": ZERO, "batch": ZERO, "chain": self.chain, "count": 0, "height": str(height), "history_root": ZERO,
                          "last_certificate": ZERO, "prev": prev, "receipts_root": ZERO, "rules": 1, "time": now(),
                          "tx_root": ZERO, "validators": validators})


class Signer:
    """A connection to signerd."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(path)
        self.number = 0
        self.ask("hello", protocol=1)

    def ask(self, op, **more):
        self.number += 1
        self.socket.sendall(canonical({"id": self.number, "op": op, **more}).encode())
        answer = json.loads(self.socket.recv(65536))
        assert answer["ok"], answer
        return answer


class Secrets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.place = cls.folder.name
        cls.apart = tempfile.TemporaryDirectory()  # what people hold in their hands: PINs and shares
        cls.addClassCleanup(cls.apart.cleanup)
        cls.world = Place()
        cls.program = shutil.copy(SIGNERD, cls.path("signerd"))
        cls.environment = {"PATH": os.environ["PATH"], "SOFTHSM2_CONF": cls.path("softhsm2.conf")}
        subprocess.run([MAKE_TOKEN, cls.place, "primary"], check=True)
        for name in ("primary.pin", "primary.so-pin"):
            shutil.move(cls.path(name), os.path.join(cls.apart.name, name))
        cls.own()
        generated = json.loads(cls.run_word("generate", "--key=validator", "--backup=wrapped", cls.token(), pins=("pin",)))
        cls.world.found({name: generated[name] for name in GENERATED})
        cls.secrets = cls.learn()
        cls.start()
        cls.sign()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.place, name)

    @classmethod
    def token(cls):
        return f"--token=pkcs11:token=primary?module-path={MODULE}"

    @classmethod
    def own(cls):
        """Everything of the place is signerd's user's."""
        for root, folders, names in os.walk(cls.place):
            for name in [root] + [os.path.join(root, name) for name in folders + names]:
                os.chown(name, NOBODY, NOBODY)

    @classmethod
    def spawn(cls, word, *options, pins=(), **more):
        files = [open(os.path.join(cls.apart.name, f"primary.{pin}"), "rb") for pin in pins]
        words = [f"--{pin}-fd={file.fileno()}" for pin, file in zip(pins, files)]
        process = subprocess.Popen([cls.program, word, *options, *words], env=cls.environment, user=NOBODY, group=NOBODY,
                                   extra_groups=[], pass_fds=[file.fileno() for file in files], cwd=cls.place, **more)
        for file in files:
            file.close()
        return process

    @classmethod
    def run_word(cls, word, *options, pins=()):
        process = cls.spawn(word, *options, pins=pins, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, out + err
        return out

    @classmethod
    def write(cls, name, content):
        with open(cls.path(name), "w", encoding="ascii") as file:
            file.write(content)
        os.chown(cls.path(name), NOBODY, NOBODY)
        return cls.path(name)

    @classmethod
    def sealing_key(cls, name):
        return json.dumps(sealing_key(name, cls.world.seals[name], cls.world.keys[name]))

    @classmethod
    def learn(cls):
        """The secrets, by a backup whose shares the test can open."""
        os.mkdir(cls.path("papers"))
        cls.own()
        custodians = ",".join(f"{name}:site-{name[-1]}:{cls.write(f'{name}.seal.json', cls.sealing_key(name))}"
                              for name in cls.world.CUSTODIANS[:3])
        cls.run_word("backup", cls.token(), "--key=validator", f"--custodians={custodians}", "--threshold=2", "--holder=operator-1",
                     "--site=vault", f"--output={cls.path('papers')}", pins=("pin", "so-pin"))
        shares = {}
        for name in cls.world.CUSTODIANS[:2]:
            with open(cls.path(f"papers/share-{name}.json"), encoding="ascii") as file:
                share = json.load(file)
            shares[share["index"]] = sealed.unseal(base64.b64decode(share["sealed"]), *cls.world.pairs[name])
        with open(cls.path("papers/backup.json"), encoding="ascii") as file:
            backup = json.loads(json.load(file)["document"])
        kek = join(shares)
        assert hashlib.sha256(b"strongroom/kek/v1\n" + kek).hexdigest() == backup["check"]
        with open(cls.path("papers/wrapped-operator-1.bin"), "rb") as file:
            wrapped = file.read()
        assert hashlib.sha256(wrapped).hexdigest() == backup["wrapped_sha256"]
        pkcs8 = unwrap(wrapped, kek)
        public = openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=pkcs8)
        assert base64.b64encode(public).decode() == cls.world.generated["key"], "this is the key"
        secrets = {"key": private_value(pkcs8), "KEK": kek, **{f"share {index}": value for index, value in shares.items()}}
        for name in ("pin", "so-pin"):
            with open(os.path.join(cls.apart.name, f"primary.{name}"), "rb") as file:
                secrets[name] = file.read().strip()
        return {name: forms(value) for name, value in secrets.items()}

    @classmethod
    def start(cls):
        """signerd as it is run, with every log kept."""
        world = cls.world
        options = ["--role=validator", f"--guard={cls.path('guard')}", cls.token()]
        patient = "--token-timeout-ms=30000"  # no token is down because the machine is busy
        policy = cls.write("policy.json", canonical(world.signed_policy()))
        command = cls.write("initialise.json", canonical(world.order("guard.initialise")))
        cls.run_word("initialise", *options, "--key=validator", f"--policy={policy}", f"--command={command}",
                     f"--genesis={cls.write('genesis.json', world.genesis)}", pins=("pin",))
        with open(cls.path("signerd.log"), "wb") as log:
            cls.process = cls.spawn("run", *options, patient, f"--policy={policy}", f"--socket={cls.path('validator.sock')}", "--clients=0",
                                    pins=("pin",), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.kill)
        end = time.monotonic() + DEADLINE_S
        while not os.path.exists(cls.path("validator.sock")):
            assert cls.process.poll() is None and time.monotonic() < end, words_of("self", "cmdline")
            time.sleep(0.05)

    @classmethod
    def sign(cls):
        signer = Signer(cls.path("validator.sock"))
        transcript, document = cls.world.papers()
        order = {"expires_at": now(1), "reason": "founding"}
        admit = cls.world.order("key.admit", document=digest("key", document["document"]), **{**order, "from": "generated"})
        signer.ask("key.admit", ceremony=canonical(transcript), command=admit, document=document)
        activate = cls.world.order("key.activate", signatures="5000", until=now(2), on="1", **{**order, "from": "inactive"})
        signer.ask("key.command", command=activate)
        prev = cls.world.chain
        for height in range(1, SIGNATURES + 1):
            header = cls.world.header(height, prev)
            prev = digest("header", header)
            assert signer.ask("header.sign", header=header)["signature"]["key"] == cls.world.generated["key_id"]
        cls.connection = signer

    def processes(self):
        """(all of the signer's, the token's)"""
        pids = [self.process.pid, *children(self.process.pid)]
        tokens = [pid for pid in pids if words_of(pid, "cmdline").split(b"\0")[1] == b"token"]
        self.assertEqual(len(tokens), 1, [words_of(pid, "cmdline") for pid in pids])
        return pids, tokens

    def test_memory_of_every_process_but_the_tokens(self):
        pids, tokens = self.processes()
        self.assertGreaterEqual(len(pids), 3, "signerd, the keeper, the token's process")
        for pid in pids:
            if pid not in tokens:
                self.assertEqual(search(read_memory(pid), self.secrets), set(), words_of(pid, "cmdline"))

    def test_the_tokens_process_keeps_no_pin_and_no_share(self):
        found = search(read_memory(self.processes()[1][0]), self.secrets)
        self.assertLessEqual(found, {"key"}, "a software token computes with its key; a PIN is wiped after the login")

    def test_environment_and_arguments(self):
        for pid in self.processes()[0]:
            for name in ("environ", "cmdline"):
                self.assertEqual(search([words_of(pid, name)], self.secrets), set(), name)

    def test_files_and_logs(self):
        looked_at = 0
        for root, _, names in os.walk(self.place):
            for name in names:
                if name != "validator.sock":
                    with open(os.path.join(root, name), "rb") as file:
                        self.assertEqual(search([file.read()], self.secrets), set(), os.path.join(root, name))
                    looked_at += 1
        self.assertGreater(looked_at, 12)
        self.assertGreater(os.path.getsize(self.path("signerd.log")), 100)

    def test_no_core_and_nothing_to_attach_to(self):
        """A process that is not dumpable belongs to root in /proc, whoever runs it."""
        for pid in self.processes()[0]:
            core = next(line for line in words_of(pid, "limits").decode().splitlines() if line.startswith("Max core file size"))
            self.assertEqual(core.split()[4:6], ["0", "0"])
            self.assertEqual(os.stat(f"/proc/{pid}/mem").st_uid, 0, words_of(pid, "cmdline"))
            self.assertEqual(status_of(pid)["Uid"].split()[0], str(NOBODY))

    def test_the_secure_heap_is_locked(self):
        """The keeper has none: locks do not outlive a fork, and no secret comes near it."""
        with_heap = [pid for pid in self.processes()[0] if status_of(pid)["Name"] != "signerd-keeper"]
        self.assertEqual(len(with_heap), len(self.processes()[0]) - 1)
        for pid in with_heap:
            self.assertGreater(int(status_of(pid)["VmLck"].split()[0]), 0, words_of(pid, "cmdline"))

    def test_the_search_finds_what_is_there(self):
        """In memory, in the environment and in a file; a process that is dumpable shows as one."""
        held = b"".join(max(patterns, key=len) for patterns in self.secrets.values())
        texts = " ".join(pattern.decode() for patterns in self.secrets.values() for pattern in patterns if pattern.isascii())
        decoy = subprocess.Popen(["/bin/sh", "-c", "read -r held; echo; read -r end"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 user=NOBODY, env={"HELD": texts.replace("\0", "")})
        self.addCleanup(decoy.wait)
        self.addCleanup(decoy.kill)
        self.addCleanup(decoy.stdout.close)
        self.addCleanup(decoy.stdin.close)
        decoy.stdin.write(texts.replace("\0", "").encode() + b"\n")
        decoy.stdin.flush()
        decoy.stdout.readline()
        self.assertEqual(search(read_memory(decoy.pid), self.secrets), set(self.secrets))
        self.assertEqual(search([words_of(decoy.pid, "environ")], self.secrets), set(self.secrets))
        self.assertEqual(os.stat(f"/proc/{decoy.pid}/mem").st_uid, NOBODY)
        with tempfile.TemporaryFile() as file:
            file.write(b"x" * 5000 + held)
            file.seek(0)
            self.assertEqual(search([file.read()], self.secrets), set(self.secrets))

    def test_the_token_signs_to_the_end(self):
        """The last thing the processes did was what they are for: they were searched alive."""
        self.assertEqual(int(self.connection.ask("status")["height"]), SIGNATURES)
        for pid in self.processes()[0]:
            self.assertNotIn(status_of(pid)["State"][0], "ZX")


if __name__ == "__main__":
    only_where_it_can_be_seen()
    unittest.main()
