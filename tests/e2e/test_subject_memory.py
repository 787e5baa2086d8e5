#!/usr/bin/python3
"""Personal data that went through: no process has it in its memory when it has answered."""

import base64
import concurrent.futures
import json
import os
import pathlib
import signal
import sys
import unittest

import strongroom
import test_subjects
from strongroom import eventually

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration/secrets"))
import memory  # noqa: E402


def handing_in(seed):
    return {"subject": strongroom.uuid7(), "erase_after": test_subjects.PAST,
            "values": [{"field": "name", "value": base64.b64encode(seed).decode()}]}


def pieces(seed):
    """Of what was freed the beginning is written over, and a register holds a few bytes: each piece of it alone says that it is there."""
    base64s = base64.b64encode(seed)
    return {text[at:at + 16] for text in (seed, base64s) for at in range(0, len(text) - 15, 16)}


class Memory(test_subjects.Case):
    OPTIONS = {"request": 3600}  # no request is too late because the machine is slow to look into memory

    def assertNobodyKeeps(self, kept):
        for name in ("custodyd", "privacy"):
            for pid in (self.place.pid(name), *memory.children(self.place.pid(name))):
                looked_into = any(b"strongroom" in piece for piece in memory.read_memory(pid))
                self.assertTrue(looked_into or memory.words_of(pid, "cmdline") == b"", f"{name} ({pid}) is looked into, unless it has ended")
                eventually(lambda pid=pid: memory.search(memory.read_memory(pid), kept) == set(), f"{name} ({pid}) keeps nothing of it")

    def test_no_process_keeps_what_was_handed_in(self):
        """Neither service nor signer has a value in its memory when it has answered, however long nothing comes after it."""
        place = self.place
        seeds = [f"seeded-in-memory-{n}-{os.urandom(8).hex()}".encode() for n in range(16)]

        def hand_in(seed):
            reply = place.call("POST", "/v1/subjects", handing_in(seed), "operator-1")
            self.assertEqual(reply.status, 201, reply)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(hand_in, seeds))
        self.assertNobodyKeeps({seed: memory.forms(seed) for seed in seeds})

    def test_no_process_keeps_what_was_handed_in_and_broke_off(self):
        """Nor is the beginning of a request there whose connection ended within it."""
        place = self.place
        seeds = [f"seeded-broken-off-{n}-{os.urandom(8).hex()}".encode() for n in range(4)]
        connections = [place.connection() for _ in seeds]
        for connection, seed in zip(connections, seeds):
            body = json.dumps(handing_in(seed)).encode()
            connection.putrequest("POST", "/v1/subjects")
            connection.putheader("Authorization", f"Bearer {place.token('operator-1')}")
            connection.putheader("Content-Length", str(len(body) + 1))
            connection.endheaders(body)
        kept = {seed: memory.forms(seed) for seed in seeds}
        eventually(lambda: memory.search(memory.read_memory(place.pid("custodyd")), kept) == set(seeds), "they have arrived")
        for connection in connections:
            connection.close()
        self.assertNobodyKeeps(kept)

    def test_no_process_keeps_what_was_refused(self):
        """Nor is it there of a request that was refused, however far it was read."""
        place = self.place

        def refused(values):
            reply = place.call("POST", "/v1/subjects", {**handing_in(b""), "values": values}, "operator-1")
            self.assertEqual(reply.status, 400, reply)

        seed = os.urandom(120).hex().encode()
        base64s = base64.b64encode(seed).decode()
        for name, values in (("bits behind the last byte", [{"field": "name", "value": base64.b64encode(seed + b"a").decode()[:-4] + "YR=="}]),
                             ("a character that is none of base64", [{"field": "name", "value": f"{base64s[:-1]}!"}]),
                             ("a character that is none of ASCII", [{"field": "name", "value": f"{base64s}\u00e4"}]),
                             ("the second value is none", [{"field": "name", "value": base64s}, {"field": "email", "value": 7}]),
                             ("a name of a field", [{seed.decode(): ""}])):
            with self.subTest(name):
                with concurrent.futures.ThreadPoolExecutor(8) as pool:
                    list(pool.map(lambda _, values=values: refused(values), range(8)))
                self.assertNobodyKeeps({name: pieces(seed)})

    def test_no_process_keeps_what_a_token_did_not_answer_for(self):
        """Nor when the signer has it in hands and its token hangs."""
        place = self.place
        place.stop("privacy")
        place.start()
        seed = os.urandom(360)
        token = memory.children(place.pid("privacy"))[-1]
        os.kill(token, signal.SIGSTOP)
        reply = place.call("POST", "/v1/subjects", handing_in(seed), "operator-1")
        self.assertProblem(reply, 503, "token")
        self.assertNobodyKeeps({seed: pieces(seed)})
        eventually(lambda: place.call_when(201, "POST", "/v1/subjects", handing_in(b"Seed After"), "operator-1"), "the token is back")

    def test_no_process_keeps_the_key_of_who_was_erased(self):
        """With the token and rows of a backup its wrapped form would open them: it is as gone from memory as from the guard."""
        slots = self.place.dir / "guards/privacy/subjects"
        before = len(slots.read_bytes())
        alice = self.record({"name": "Seed Erased"})
        self.reveal(alice)
        wrapped = slots.read_bytes()[before:before + 60]
        self.assertEqual(len(wrapped), 60)
        self.erase(alice, "admin-1", "admin-3")
        self.assertNobodyKeeps({"the wrapped key": pieces(wrapped[12:])})

    def test_no_process_keeps_what_was_revealed_and_then_erased(self):
        """Neither the value nor a reply that has it sealed is in memory, though nobody asked for anything else since."""
        place = self.place
        seed = f"seeded-revealed-{os.urandom(8).hex()}"
        alice = self.record({"name": seed})
        for _ in range(2):
            self.assertEqual(self.reveal(alice), {"name": seed})
        self.erase(alice, "admin-1", "admin-3")
        kept = {"the value": memory.forms(seed.encode()), "the reply": {f'"subject":"{alice}","values":[{{"box":"'.encode()},
                "the signer's reply": {f'"left":{left},"'.encode() for left in range(21)}}
        self.assertNobodyKeeps(kept)


if __name__ == "__main__":
    memory.only_where_it_can_be_seen()
    unittest.main(verbosity=2)
