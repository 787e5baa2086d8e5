#!/usr/bin/env python3
"""A token that fails in every way at every call of a ceremony: generate, backup, restore, drill.

Whatever it does, a command ends in one of two ways: it succeeds and all it made is good, or it says why not and leaves nothing
that could be taken for the real thing. After a token that died in the middle, people find out at the next opening, by name."""

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from test_offline import MODULE, WORLD, Offline

CHAOS = os.environ["CHAOS"]
FAULTS = ("rv 0x5", "rv 0x32", "late-rv 0xb3", "exit-before", "exit-after")
OF_OUTPUT = ("flip", "short", "long")
# What p11_chaos.c has nothing to spoil of: a fault that the module ignores is one more good ceremony.
NO_OUTPUT = {"C_GetFunctionList", "C_Initialize", "C_Finalize", "C_CloseSession", "C_Login", "C_Logout", "C_FindObjectsInit",
             "C_FindObjectsFinal", "C_SignInit", "C_DestroyObject"}
NO_LENGTH = {"C_GetInfo", "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismInfo", "C_OpenSession", "C_GenerateRandom",
             "C_GenerateKeyPair", "C_CreateObject", "C_UnwrapKey"}
EXIT_STATUS = 70
LOCK = threading.Lock()


class Faults(unittest.TestCase):
    """One good ceremony is made first; each fault meets a copy of its folder."""

    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.place.cleanup)
        cls.good = cls.make()

    @classmethod
    def make(cls):
        """A folder with a key `treasury`, its backup, and the tokens `blank` and `spare` with nothing on them."""
        good = Copy(os.path.join(cls.place.name, "good"))
        os.mkdir(good.place)
        good.token("primary")
        good.write("policy.json", json.dumps(WORLD.signed_policy()))
        good.key = good.generate("--backup=wrapped")
        good.facts = good.backup()
        good.token("blank")
        good.token("spare")
        return good

    def calls(self, operation):
        """Every function that the operation calls, and how often."""
        copy = self.good.copy(os.path.join(self.place.name, "log"))
        log = copy.path("calls")
        code, said = operation(copy, f"log {log}\n")
        self.assertEqual(code, 0, said)
        with open(log, encoding="ascii") as file:
            names = file.read().split()
        shutil.rmtree(copy.place)
        return {name: names.count(name) for name in set(names)}

    def each(self, operation, check):
        cases = []
        for function, count in sorted(self.calls(operation).items()):
            for fault in FAULTS + OF_OUTPUT[:0 if function in NO_OUTPUT else 1 if function in NO_LENGTH else 3]:
                cases += [(function, nth, fault) for nth in sorted({1, (count + 1) // 2, count})]
        self.assertGreater(len(cases), 200)

        def one(number, case):
            copy = self.good.copy(os.path.join(self.place.name, f"case-{number}"))
            code, said = operation(copy, "{} {} {}\n".format(*case))
            try:
                if code not in (0, 78, EXIT_STATUS) or (code == 78) != ("event=start.refused" in said):
                    return f"{case}: exit {code}: {said}"
                problem = check(copy, code, said)
                return f"{case}: {problem}: exit {code}: {said}" if problem else None
            finally:
                shutil.rmtree(copy.place)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            problems = [problem for problem in pool.map(one, range(len(cases)), cases) if problem]
        self.assertEqual(problems, [], "\n".join(problems))

    def test_generate(self):
        def operation(copy, rules):
            code, out, err = copy.chaotic(rules, "generate", "spare", ["--key=new", "--backup=wrapped"])
            copy.made = json.loads(out) if code == 0 else None
            return code, err

        def check(copy, code, said):
            if code != 0:  # after a death a key may be there; no paper says that it is one of ours
                told = code == EXIT_STATUS or "event=generate.key-left-on-token" in said
                left = "0" if told else copy.state_of("spare")
                return None if left == "0" else f"objects {left}"
            proof = copy.made.pop("proof")
            return copy.problem_of_signature("generated", json.dumps(copy.made, sort_keys=True, separators=(",", ":")), proof,
                                             copy.made["key"])

        self.each(operation, check)

    def test_backup(self):
        def operation(copy, rules):
            code, _, err = copy.chaotic(rules, "backup", "primary", copy.backup_words("new"), so_pin=True)
            return code, err

        def check(copy, code, _):
            there = sorted(os.listdir(copy.path("new")))
            if code != 0 and "backup.json" not in there:
                return None
            if code == 78:
                return f"left {there}"
            # What was made is a backup: it brings the key back through a good token.
            os.rename(copy.path("papers"), copy.path("old"))
            os.rename(copy.path("new"), copy.path("papers"))
            code, why = copy.restore_through("", "--drill")
            return None if code == 0 else f"does not restore: {why}"

        self.each(operation, check)

    def restored(self, *options):
        def operation(copy, rules):
            return copy.restore_through(rules, *options)

        def check(copy, code, said):
            objects = copy.state_of("blank")
            proof = os.path.exists(copy.path("proof.json"))
            if code == EXIT_STATUS:
                return None if objects in ("0", "2", "closed") else f"objects {objects}"
            if proof != (code == 0):
                return "a proof" if proof else "no proof"
            if code == 0:
                return None if objects == ("0" if options else "2") else f"objects {objects}"
            if "event=restore.key-left-on-token" in said:
                return None  # a token that does not destroy: people are told
            return None if objects in ("0", "closed") else f"objects {objects}"

        self.each(operation, check)

    def test_restore(self):
        self.restored()

    def test_drill(self):
        self.restored("--drill")


class Copy(Offline):
    """A folder of tokens and papers, used from more than one thread (each its own)."""

    def __init__(self, place):
        super().__init__()
        self.place = place
        self.environment = {**os.environ, "SOFTHSM2_CONF": os.path.join(place, "softhsm2.conf")}

    def runTest(self):
        """Not a test itself."""

    def start(self, word, *options, pins=()):
        """Copies have the same serials and stand beside each other: each has its locks to itself."""
        return super().start(word, f"--lock-folder={self.place}", *options, pins=pins)

    def copy(self, place):
        other = Copy(place)
        other.key, other.facts = self.key, self.facts
        shutil.copytree(self.place, place)
        other.write("softhsm2.conf", f"directories.tokendir = {place}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        return other

    def chaos(self, rules):
        self.environment["STRONGROOM_CHAOS_CONFIG"] = self.write("chaos.conf", f"module {MODULE}\n{rules}")

    def chaotic(self, rules, word, label, options, so_pin=False):
        self.chaos(rules)
        pins = [self.user_pin(label)] + ([self.so_pin(label)] if so_pin else [])
        with LOCK:  # descriptors of the other thread's child must not be inherited
            process = self.start(word, f"--token=pkcs11:token={label}?module-path={CHAOS}", *options, pins=pins)
        out, err = process.communicate()
        return process.returncode, out, err

    def restore_through(self, rules, *options):
        self.chaos(rules)
        words = {"backup": self.path("papers/backup.json"), "wrapped": self.path("papers/wrapped-operator-1.bin"), "policy": self.path("policy.json"), "output": self.path("proof.json")}
        with LOCK:
            process = self.start("restore", f"--token=pkcs11:token=blank?module-path={CHAOS}",
                                 *(f"--{name}={value}" for name, value in words.items()), *options,
                                 pins=[self.user_pin("blank"), self.so_pin("blank")])
        receiver = process.stdout.readline()
        gifts = ""
        if receiver:
            receiver = json.loads(receiver)
            gifts = self.occasion(receiver, action="drill" if "--drill" in options else "restore")
            gifts += "".join(self.gift(name, receiver) for name in ("custodian-1", "custodian-2"))
        _, err = process.communicate(gifts)
        return process.returncode, err

    def state_of(self, label):
        """How many objects a good module shows; "closed" when signerd would not open the token at all."""
        count = len(self.objects(label))
        with LOCK:
            process = self.start("generate", self.uri(label), "--key=probe", pins=[self.user_pin(label)])
        process.communicate()
        return str(count) if process.returncode == 0 or count == 2 else "closed"

    def problem_of_signature(self, kind, document, proof, key):
        try:
            self.verify_raw(f"strongroom/{kind}/v1\n{document}".encode(), proof, key)
        except (AssertionError, subprocess.CalledProcessError) as problem:
            return f"the proof does not verify: {problem}"
        return None


if __name__ == "__main__":
    del Offline
    sys.exit(0 if unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(Faults)).wasSuccessful()
             else 1)
