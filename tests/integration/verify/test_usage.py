#!/usr/bin/env python3
"""custody-verify as a program: what is no proof never ends with 0, and wrong usage ends with 3."""

import os
import subprocess
import tempfile
import unittest

from world import World, canonical

PROGRAM = os.environ["CUSTODY_VERIFY"]
WORLD = World()
TRUST = canonical(WORLD.trust)
EVIDENCE = canonical(WORLD.bundle())


class Usage(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.trust = self.write("trust.json", TRUST)
        self.bundle = self.write("bundle.json", EVIDENCE)

    def write(self, name, content):
        path = os.path.join(self.place, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def run_it(self, *words, **more):
        return subprocess.run([PROGRAM, *words], capture_output=not more, text=True, check=False, stdin=subprocess.DEVNULL,
                              **more)

    def test_control(self):
        self.assertEqual(self.run_it("evidence", "--trust", self.trust, self.bundle).returncode, 0)

    def test_wrong_words(self):
        cases = [[], ["trail"], ["evidence"], ["prove", "--trust", self.trust, self.bundle], ["Evidence", self.bundle],
                 ["evidence", "--trust", self.trust], ["trail", "--trust", self.trust], ["evidence", self.bundle],
                 ["trail", self.bundle], ["evidence", "--trust", self.trust, self.bundle, self.bundle],
                 ["evidence", "--trust"], ["evidence", "--trusted", self.trust, self.bundle], ["--trust", self.trust, self.bundle],
                 ["evidence", "--trust", "", self.bundle]]
        for words in cases:
            with self.subTest(words):
                done = self.run_it(*words)
                self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")

    def test_trust_files(self):
        vkey = WORLD.log.vkey
        name, number, key = vkey.split("+", 2)

        def with_log(text):
            return canonical({**WORLD.trust, "log": text})

        cases = {
            "empty": "", "not JSON": "trust", "another order": TRUST.replace(",", ", "), "two newlines": TRUST + "\n\n",
            "a member less": canonical({"chain": WORLD.chain, "policy": "0" * 64}),
            "a member more": canonical({**WORLD.trust, "note": "x"}),
            "upper case": TRUST.replace(WORLD.chain, WORLD.chain.upper()),
            "no vkey": with_log(name), "vkey without a name": with_log(f"+{number}+{key}"),
            "vkey with another number": with_log(f"{name}+00000000+{key}"),
            "vkey with upper case": with_log(f"{name}+{number.upper()}A+{key}"),
            "vkey of another type": with_log(f"{name}+{number}+B{key[1:]}"),
            "vkey cut": with_log(vkey[:-4]), "vkey and more": with_log(vkey + "A"),
            "vkey with a space": with_log(f"a b+{number}+{key}"),
            "too long": TRUST + " " * 20000,
        }
        for words in (["trail"], ["evidence"]):
            for title, content in cases.items():
                with self.subTest(f"{words[0]} {title}"):
                    done = self.run_it(*words, "--trust", self.write("t", content), self.bundle)
                    self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                    self.assertRegex(done.stderr, rf"^custody-verify {words[0]}: --trust: \S*/t[: ]")
            for path in ("/nonexistent", self.place, "/dev/null"):
                with self.subTest(f"{words[0]} {path}"):
                    self.assertEqual(self.run_it(*words, "--trust", path, self.bundle).returncode, 3)

    def test_files_that_prove_nothing(self):
        for word in ("trail", "evidence"):
            for path in ("/nonexistent", self.place, "/dev/null", self.write("empty", ""), self.write("newline", "\n"),
                         self.write("other", "{}"), self.trust):
                with self.subTest(f"{word} {path}"):
                    done = self.run_it(word, "--trust", self.trust, path)
                    self.assertIn(done.returncode, (1, 2), done.stdout + done.stderr)
                    self.assertNotIn("proven", done.stdout)
                    self.assertNotEqual(done.stdout + done.stderr, "")

    def test_a_file_without_end(self):
        """Neither is read into memory without a limit. (The address sanitizer needs more address space than any limit.)"""
        limit = [] if "-fsanitize" in os.environ.get("BUILD_FLAGS", "") else ["prlimit", "--as=1000000000"]
        for word in ("trail", "evidence"):
            with self.subTest(word):
                done = subprocess.run([*limit, PROGRAM, word, "--trust", self.trust, "/dev/zero"], capture_output=True, text=True,
                                      check=False, timeout=200)
                self.assertIn(done.returncode, (1, 2), done.stdout + done.stderr)

    def test_a_bundle_above_the_limit(self):
        done = self.run_it("evidence", "--trust", self.trust, self.write("large", EVIDENCE + " " * (4 << 20)))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("an export is for custody-verify trail", done.stderr)

    def test_a_proof_that_could_not_be_told(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.assertEqual(self.run_it("evidence", "--trust", self.trust, self.bundle, stdout=full, stderr=full).returncode, 2)
        for where in ("/dev/full", "&-"):
            done = subprocess.run(["sh", "-c", f'exec "$@" >{where}', "sh", PROGRAM, "evidence", "--trust", self.trust, self.bundle],
                                  check=False, stderr=subprocess.PIPE, text=True)
            self.assertEqual((done.returncode, done.stderr), (2, "custody-verify: the result could not be written\n"))

    def test_a_tampered_file_stays_tampered_when_nobody_listens(self):
        forged = self.write("forged", EVIDENCE.replace("payee-1", "payee-2"))
        with open("/dev/full", "w", encoding="utf-8") as full:
            self.assertEqual(self.run_it("evidence", "--trust", self.trust, forged, stdout=full, stderr=full).returncode, 1)

    def test_readme_tells_the_exit_codes(self):
        readme = os.path.join(os.environ["STRONGROOM_SOURCE_DIR"], "services/verify/README.md")
        with open(readme, encoding="utf-8") as file:
            self.assertIn("Exit 0 proven, 1 tampered, 2 incomplete or stale, 3 usage", file.read())


if __name__ == "__main__":
    unittest.main()
