#!/usr/bin/env python3
"""custody ceremony: real files from the first step to the last, and every way around the script refused in clear words."""

import base64
import hashlib
import json
import os
import subprocess
import unittest

from tool import Case, now, world
from ceremony_world import GENERATED, ROLES, TOKEN, Ceremonies

VERIFIER = os.environ["CUSTODY_VERIFY"]
WORLD = Ceremonies()
BORN = WORLD.born
STEPS = ("open", "attend", "generate", "backup", "inspect", "close")
SERIAL = f"serial={TOKEN['serial']}"
KEY_ID = f"key_id={BORN.id}"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Ceremony(Case):
    def setUp(self):
        super().setUp()
        self.keys = {name: self.key_file(f"{name}.key", WORLD.keys[name]) for name in (*ROLES.values(), "mallory")}
        for name in (*ROLES.values(), "mallory"):
            self.write(f"{name}.json", world.canonical(WORLD.keys[name].object()))
        self.seals = {name: self.write(f"{name}.seal.json", self.good(
            "seal-key", "generate", "--out", self.path(f"{name}.seal"), "--person", name, "--environment", world.ENVIRONMENT, "--key",
            self.keys[name], "--passphrase-file", self.passphrase)) for name in ("custodian-1", "custodian-2")}
        self.module = self.write("module.so", b"\x7fELF module")
        self.program = self.write("signerd", b"\x7fELF program")
        self.pins = self.pin(module=sha256(b"\x7fELF module"), program=sha256(b"\x7fELF program"))
        self.files = 0

    def pin(self, module, program):
        return self.write("pins", f"{sha256(b'other')}  {self.place}/other\n{module}  {self.module}\n{program} *{self.program}\n")

    def new_file(self):
        self.files += 1
        return self.path(f"transcript-{self.files}")

    def actors(self, **changes):
        words = {role: f"{role}:{name}:{self.path(name)}.json" + (f":{self.seals[name]}" if name in self.seals else "")
                 for role, name in ROLES.items()}
        return [changes.get(role.replace("-", "_"), word) for role, word in words.items()]

    def starting(self, out, **changes):
        return ["ceremony", "start", *self.actors(**changes), "--purpose", "transfer", "--environment", world.ENVIRONMENT, "--out", out]

    def start(self):
        out = self.new_file()
        self.good(*self.starting(out))
        return out

    def generated(self, born=BORN, **changes):
        """What signerd generate prints."""
        words = {**TOKEN, **born.object(), "approved": "false", "key_id": born.id, "mechanism": "CKM_EC_KEY_PAIR_GEN",
                 "module": sha256(b"\x7fELF module"), "program": sha256(b"\x7fELF program"), "rng": "token", **changes}
        proof = born.sign(world.message("generated", world.canonical({name: words[name] for name in GENERATED if name != "proof"})))
        return self.write("generated.json", json.dumps({**words, "proof": base64.b64encode(proof).decode()}, indent=1))

    def doing(self, step, before, out, *words, by=None, more=None):
        """The command line of a step as it should be, with other words instead where some are given."""
        role = dict(zip(STEPS, ("administrator", "witness", "custodian-1", "custodian-2", "witness", "administrator")))[step]
        files = more or {"open": ["--module", self.module, "--program", self.program, "--pins", self.pins],
                         "generate": ["--facts", self.path("generated.json")]}.get(step, [])
        facts = {"attend": [SERIAL], "backup": ["backup=none"], "inspect": [KEY_ID, SERIAL], "close": [KEY_ID]}.get(step, [])
        facts = words or ([] if more else facts)
        return ["ceremony", "step", step, *facts, "--in", before, "--out", out, "--key", self.keys[by or ROLES[role]],
                "--passphrase-file", self.passphrase, *files]

    def until(self, last):
        """A transcript with the steps before `last` done."""
        self.generated()
        before = self.start()
        for step in STEPS[:STEPS.index(last)] if last else STEPS:
            out = self.new_file()
            self.good(*self.doing(step, before, out))
            before = out
        return before

    def not_done(self, code, step, before, *words, **more):
        out = self.new_file()
        told = self.refused(code, *self.doing(step, before, out, *words, **more))
        self.assertFalse(os.path.exists(out))
        return told

    def transcript(self, path):
        return json.loads(self.read(path))

    def test_a_whole_ceremony(self):
        self.generated()
        before = self.start()
        for number, step in enumerate(STEPS, 1):
            told = self.good("ceremony", "next", "--in", before)
            self.assertIn(f"step {number} of 6: {step}, by", told)
            out = self.new_file()
            done = self.custody(*self.doing(step, before, out))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"the step {step}:", done.stderr)
            before = out
        digest = self.good("digest", "ceremony", "--in", before).strip()
        self.assertIn(digest, self.good("ceremony", "next", "--in", before))
        shown = self.good("ceremony", "show", "--in", before)
        for words in (*STEPS, *ROLES.values(), BORN.id, TOKEN["serial"], digest, "verified"):
            self.assertIn(words, shown)
        transcript = self.transcript(before)
        self.assertEqual([row["step"] for row in transcript["steps"]], list(STEPS))
        text = self.read(before).decode()
        self.assertEqual(text, world.canonical(transcript) + "\n")
        self.assertEqual(digest, world.digest("ceremony", text[:-1]))

    def test_the_people_are_those_of_the_policy(self):
        done = self.until(None)
        policy = self.write("policy.json", world.canonical(WORLD.signed_policy()))
        self.assertIn("in the policy", self.good("ceremony", "show", "--in", done, "--policy", policy))
        document = json.loads(world.canonical(WORLD.first))
        [row] = [row for row in document["people"] if row["id"] == "custodian-2"]
        row["duties"] = ["operator"]
        self.write("policy.json", world.canonical(WORLD.signed_policy(document)))
        self.assertIn("custodian-2", self.refused(1, "ceremony", "show", "--in", done, "--policy", policy))

    def test_the_auditors_program_agrees(self):
        """custody-verify replays what custody wrote."""
        before = self.until("backup")
        for step, words in (("backup", ["backup=clone"]), ("inspect", []), ("close", [])):
            out = self.new_file()
            self.good(*self.doing(step, before, out, *words))
            before = out
        digest = self.good("digest", "ceremony", "--in", before).strip()
        key = WORLD.make("clone", key=lambda value: value.update(ceremony=digest, issued_at=now()))["key"]
        done = subprocess.run(
            [VERIFIER, "ceremony", "--trust", self.write("trust", world.canonical(WORLD.trust)), "--policy",
             self.write("policy.json", world.canonical(WORLD.signed_policy())), "--transcript", before, "--key-document",
             self.write("key.json", world.canonical(key))], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("proven: ", done.stdout)

    def assertRefusal(self, before, path, found):
        """The administrator signed what was refused; it shows all four hashes."""
        paper = self.path(f"transcript-{self.files}.refused")
        said = json.loads(json.loads(self.read(paper))["document"])
        pinned = {"module": sha256(b"\x7fELF module"), "program": sha256(b"\x7fELF program")}
        seen = {**pinned, "module" if path == self.module else "program": found}
        self.assertEqual({name: said[name] for name in seen}, seen)
        self.assertEqual({name: said[f"{name}_pinned"] for name in pinned}, pinned)
        self.assertEqual((said["actor"], said["ceremony"]), (ROLES["administrator"], self.transcript(before)["id"]))
        self.assertIn(f"module, pinned", self.good("show", "ceremony_refusal", "--in", paper))

    def test_a_refusal_is_signed_by_the_administrator_alone(self):
        before = self.start()
        self.pin(module=sha256(b"x"), program=sha256(b"\x7fELF program"))
        told = self.not_done(1, "open", before, by="mallory")
        self.assertIn("is not the pinned file", told)
        self.assertIn("there is no paper of this refusal: key: it is not the key of", told)
        self.assertFalse(os.path.exists(self.path(f"transcript-{self.files}.refused")))

    def test_pinned_hashes(self):
        """C-04: one flipped byte of module or program ends the ceremony before anything is loaded."""
        before = self.start()
        for name, path, content in (("module", self.module, b"\x7fELF module"), ("program", self.program, b"\x7fELF program")):
            with self.subTest(name):
                flipped = content[:3] + bytes([content[3] ^ 1]) + content[4:]
                with open(path, "wb") as file:
                    file.write(flipped)
                told = self.not_done(1, "open", before)
                self.assertIn(f"{name}: {path} is not the pinned file: its SHA-256 is {sha256(flipped)}", told)
                self.assertRefusal(before, path, sha256(flipped))
                with open(path, "wb") as file:
                    file.write(content)
        for name, content in (("no line", ""), ("another name", f"{sha256(b'x')}  x{self.module}\n"),
                              ("no hash", "z" * 64 + f"  {self.module}\n"), ("upper case", sha256(b"\x7fELF module").upper() +
                                                                            f"  {self.module}\n")):
            with self.subTest(name):
                self.write("pins", content)
                self.assertIn(self.module, self.not_done(1, "open", before))
        self.not_done(2, "open", before, more=["--module", self.module, "--program", self.program])
        self.pin(module=sha256(b"\x7fELF module"), program=sha256(b"\x7fELF program"))
        hashes = [f"module={sha256(b'x')}", f"program={sha256(b'y')}"]
        self.assertIn("stated twice", self.not_done(2, "open", before, *hashes))
        self.good(*self.doing("open", before, self.new_file()))

    def test_the_module_that_generated_is_the_one_that_was_opened(self):
        before = self.until("generate")
        self.generated(module=sha256(b"another"))
        self.assertIn("module", self.not_done(1, "generate", before))

    def test_no_step_is_skipped(self):
        before = self.until("generate")
        for step in ("backup", "inspect", "close", "attend", "open"):
            with self.subTest(step):
                told = self.not_done(1, step, before)
                self.assertIn("the next step is generate; none can be skipped or repeated", told)
        self.assertIn("this ceremony is finished", self.not_done(1, "close", self.until(None)))

    def test_a_step_cut_out_is_found(self):
        done = self.transcript(self.until(None))
        for place in range(6):
            with self.subTest(STEPS[place]):
                steps = done["steps"][:place] + done["steps"][place + 1:]
                path = self.write("cut", world.canonical({**done, "steps": steps}))
                if place == 5:
                    self.assertIn("not finished", self.good("ceremony", "show", "--in", path))
                else:
                    self.refused(1, "ceremony", "show", "--in", path)
                    self.refused(1, "ceremony", "next", "--in", path)

    def test_one_person_in_two_roles(self):
        out = self.new_file()
        json_path = self.path("custodian-1.json")
        theirs = json.loads(json.loads(self.read("custodian-1.seal.json"))["document"])["seal"]
        fresh = base64.b64encode(bytes(range(32))).decode()

        def custodian_2(paper):
            path = self.write(f"paper-{len(os.listdir(self.place))}", json.dumps(paper))
            return f"custodian-2:custodian-2:{self.path('custodian-2.json')}:{path}"
        for name, changes in (
                ("person and key", {"custodian_2": f"custodian-2:custodian-1:{json_path}:{self.seals['custodian-1']}"}),
                ("the person, with another key", {"custodian_2": f"custodian-2:custodian-1:{self.path('mallory.json')}"}),
                ("the key, under another name", {"witness": f"witness:somebody:{json_path}"}),
                ("the administrator as witness", {"witness": f"witness:admin-1:{self.path('admin-1.json')}"}),
                ("the sealing key of another", {"custodian_2": f"custodian-2:custodian-2:{self.path('custodian-2.json')}:"
                                                               f"{self.seals['custodian-1']}"}),
                ("one sealing key", {"custodian_2": custodian_2(world.sealing_key("custodian-2", theirs, WORLD.keys["custodian-2"]))}),
                ("a sealing key that another signed", {"custodian_2": custodian_2(world.sealing_key(
                    "custodian-2", fresh, WORLD.keys["custodian-1"]))}),
                ("a sealing key for another ledger", {"custodian_2": custodian_2(world.sealing_key(
                    "custodian-2", fresh, WORLD.keys["custodian-2"], environment="live"))}),
                ("a sealing key that is over", {"custodian_2": custodian_2(world.sealing_key(
                    "custodian-2", fresh, WORLD.keys["custodian-2"], valid_until=world.at(60)))})):
            with self.subTest(name):
                self.refused(1, *self.starting(out, **changes))
                self.assertFalse(os.path.exists(out))
        self.refused(1, *self.starting(out, witness=f"custodian-1:auditor-1:{self.path('auditor-1.json')}"))

    def test_the_wrong_person_signs(self):
        before = self.until("inspect")
        told = self.not_done(1, "inspect", before, by="custodian-1")
        self.assertIn("it is the key of custodian-1, who is the first custodian; this step is for auditor-1", told)
        self.assertIn("nobody in this ceremony has it", self.not_done(1, "inspect", before, by="mallory"))

    def test_the_witness_reads_something_else(self):
        before = self.until("inspect")
        self.assertIn("serial", self.not_done(1, "inspect", before, KEY_ID, "serial=0000000000000000"))
        self.assertIn("key_id", self.not_done(1, "inspect", before, f"key_id={sha256(b'other')}", SERIAL))
        self.assertIn("serial", self.not_done(1, "inspect", before, KEY_ID))
        told = self.not_done(2, "inspect", before, more=["--facts", self.path("generated.json")])
        self.assertIn("a person reads and types", told)
        before = self.until("generate")
        self.generated(serial="0000000000000000")
        self.assertIn("serial", self.not_done(1, "generate", before))

    def test_facts_are_exactly_those_of_the_step(self):
        before = self.until("attend")
        self.assertIn("is no fact of the step", self.not_done(2, "attend", before, SERIAL, "key_id=x"))
        self.assertIn("stated twice", self.not_done(2, "attend", before, SERIAL, SERIAL))
        for word in ("serial", "=x", "", "serial: x"):
            with self.subTest(word):
                self.not_done(2, "attend", before, word)
        for value in ("\x1b[2J", "caf\u00e9", "x" * 1025):
            with self.subTest(value[:8]):
                self.not_done(1, "attend", before, f"serial={value}")

    def test_the_key_vouches_for_itself(self):
        before = self.until("generate")
        other = world.Key("p256")
        for name, changes in (("another key's id", {"key_id": other.id}), ("another key", {"key": other.text}),
                              ("an algorithm it is not of", {"alg": "secp256k1"})):
            with self.subTest(name):
                self.generated(**changes)
                self.not_done(1, "generate", before)
        generated = json.loads(self.read(os.path.basename(self.generated())))
        self.write("generated.json", json.dumps({**generated, "model": "another"}))
        self.assertIn("proof", self.not_done(1, "generate", before))
        self.write("generated.json", json.dumps({**generated, "approved": False}))
        self.assertIn("must be a string", self.not_done(1, "generate", before))

    def test_backups(self):
        before = self.until("backup")
        document = world.canonical(WORLD.backup_document())
        path = self.write("backup.json", world.canonical(world.signed("backup", document, BORN)))
        out = self.new_file()
        self.good(*self.doing("backup", before, out, more=["--backup", path]))
        facts = self.transcript(out)["steps"][3]["facts"]
        self.assertEqual(facts, {"backup": world.digest("backup", document), "check": WORLD.backup_document()["check"], "threshold": "2"})
        other = world.Key("p256")
        for name, text in (("another key", world.signed("backup", world.canonical({**WORLD.backup_document(), **other.object()}), other)),
                           ("signed by another", world.signed("backup", document, other)),
                           ("not signed", world.signed("backup", document))):
            with self.subTest(name):
                self.write("backup.json", world.canonical(text))
                self.not_done(1, "backup", before, more=["--backup", path])
        self.not_done(2, "backup", before, "backup=later")
        self.good(*self.doing("backup", before, self.new_file(), "backup=clone"))

    def test_edited_scripts(self):
        transcript = self.transcript(self.start())
        for name, script in (("digest", {**transcript["script"], "digest": sha256(b"edited")}),
                             ("version", {**transcript["script"], "version": 2}), ("name", {**transcript["script"], "name": "keys"})):
            with self.subTest(name):
                path = self.write("edited", world.canonical({**transcript, "script": script}))
                self.assertIn("script", self.refused(1, "ceremony", "next", "--in", path))
                self.not_done(1, "open", path)

    def test_edited_transcripts(self):
        done = self.transcript(self.until(None))

        def edited(change):
            copy = json.loads(json.dumps(done))
            change(copy)
            return self.write("edited", world.canonical(copy))

        for name, change in (
                ("a fact", lambda value: value["steps"][1]["facts"].update(serial="1")),
                ("a time", lambda value: value["steps"][2].update(at="2030-01-01T00:00:00.000000Z")),
                ("the purpose", lambda value: value.update(purpose="audit")),
                ("the environment", lambda value: value.update(environment="live")),
                ("the id", lambda value: value.update(id="01a1fbb6-8ab5-7912-829e-00000000beef")),
                ("an actor", lambda value: value["steps"][3].update(actor="custodian-1")),
                ("a signature", lambda value: value["steps"][0].update(sig=value["steps"][5]["sig"])),
                ("a link", lambda value: value["steps"][4].update(prev="0" * 64)),
                ("an actor's key", lambda value: value["actors"][0].update(WORLD.keys["mallory"].object()))):
            with self.subTest(name):
                self.refused(1, "ceremony", "show", "--in", edited(change))

    def test_what_starts_no_ceremony(self):
        out = self.new_file()
        words = self.starting(out)
        for name, changed in (("no purpose", words[:6] + words[8:]), ("no environment", words[:8] + words[10:]),
                              ("three people", words[:2] + words[3:]), ("five people", words[:3] + words[2:])):
            with self.subTest(name):
                self.refused(2, *changed)
        for name, word in (("no file", "witness:auditor-1"), ("no role", f"observer:auditor-1:{self.path('auditor-1.json')}")):
            with self.subTest(name):
                self.refused(2, *self.starting(out, witness=word))
        for name, word in (("a name with blanks", f"witness:An Auditor:{self.path('auditor-1.json')}"),
                           ("no such file", f"witness:auditor-1:{self.path('absent')}"), ("no key", f"witness:auditor-1:{self.pins}"),
                           ("no sealing key", f"witness:auditor-1:{self.path('auditor-1.json')}:{self.pins}"),
                           ("a witness who gets shares", f"witness:auditor-1:{self.path('auditor-1.json')}:{self.seals['custodian-1']}")):
            with self.subTest(name):
                self.refused(1, *self.starting(out, witness=word))
        self.assertFalse(os.path.exists(out))
        self.good(*words)
        self.assertIn("exists", self.refused(1, *words))


if __name__ == "__main__":
    unittest.main()
