#!/usr/bin/env python3
"""What the programs say to people: help of each command, wrong arguments in one line."""

import re
import subprocess
import unittest

from tool import PROGRAM, Case

OPTION = re.compile(r"--[a-z][a-z-]*")


def commands():
    """The commands by their own words, as the help of all lists them, with the form of each."""
    text = subprocess.run([PROGRAM, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    found = {}
    for line in re.findall(r"(?m)^  (\S.*)$", text):
        words = line.split()
        second = words[1] if re.fullmatch("[a-z]+", (words + [""])[1]) and "|" not in " ".join(words[1:3]) else ""
        found[f"{words[0]} {second}".strip()] = line
    return found


class Help(Case):
    def test_each_command_has_its_own(self):
        every = commands()
        self.assertGreater(len(every), 45)
        for name, form in every.items():
            with self.subTest(name):
                told = self.good(*name.split(), "--help")
                self.assertTrue(told.startswith(f"NAME\n  custody {name} - "), told)
                self.assertIn(f"SYNOPSIS\n  custody {form}\n", told)
                options = set(re.findall(r"(?m)^  (--[a-z-]+)", told))
                self.assertLessEqual(set(OPTION.findall(form)), options, "the form has an option that it does not take")
                example = told.partition("\nEXAMPLE\n  ")[2]
                self.assertTrue(example.startswith(f"custody {name}"), example)
                first = re.split(r"&&|;|\$\(", example)[0]
                self.assertLessEqual(set(OPTION.findall(first)), options, "the example has an option that it does not take")
                self.assertEqual(self.good(*name.split(), "words", "--json", "--help"), told)

    def test_what_all_say(self):
        self.assertIn("exit 0 done, 1 refused or failed, 2 wrong arguments", self.good("--help"))
        told = self.good("media", "--help")
        self.assertIn("media confirm SERIAL ENTRY", told)
        self.assertNotIn("propose", told)
        self.assertRegex(self.good("--version"), r"^custody \d")
        self.assertRegex(self.good("list", "--version"), r"^custody \d")


class Usage(Case):
    def assert_line(self, told, *words):
        self.assertEqual(told.count("\n"), 1, told)
        for word in words:
            self.assertIn(word, told)

    def test_wrong_arguments_of_custody(self):
        for words, told in ((["propose"], "custody propose: --wallet: name the wallet"),
                            (["propose", "--wallt", "hot"], "--wallt: there is no such option; custody propose --help"),
                            (["list", "--wallet", "hot"], "--wallet: this command does not take it; custody list --help"),
                            (["list", "--wallet=hot"], "--wallet: this command does not take it"),
                            (["wait", "x", "--json"], "--json: this command does not take it"),
                            (["list", "--timeout", "soon"], "--timeout: an integer from 1 to 3600 s, not soon"),
                            (["list", "--json=maybe"], "--json: yes or no, not maybe"),
                            (["list", "--timeout"], "--timeout: a value must follow"),
                            (["list", "--url", "https://localhost", "--url", "x"], "--url: given twice"),
                            (["wait"], "too few words: custody wait ID; custody wait --help"),
                            (["wait", "a", "b"], "too many words: custody wait ID"),
                            (["wait", "--timeout", "7", "x"], "x: words of the command stand before the options"),
                            (["list"], "--url: give it, or set STRONGROOM_URL"),
                            (["media", "confirm", "x"], "too few words: custody media confirm SERIAL ENTRY")):
            with self.subTest(words):
                self.assert_line(self.refused(2, *words), told)
        told = self.refused(2, "key", "suspend")
        self.assertTrue(told.startswith("custody: there is no command key suspend\n"), told)
        self.assertIn("key send --command FILE", told)

    def test_an_option_that_would_have_no_effect_is_refused(self):
        """Each command takes its own options and no other; those of the connection may stand anywhere."""
        every = set(re.findall(r"--[a-z-]+", "".join(re.findall(r"(?m)^  --[a-z-]+", "".join(
            self.good(*name.split(), "--help") for name in commands())))))
        connection = {"--url", "--token-file", "--ca", "--trust", "--timeout", "--config"}
        for name in commands():
            taken = set(re.findall(r"(?m)^  (--[a-z-]+)", self.good(*name.split(), "--help")))
            with self.subTest(name):
                foreign = sorted(every - taken - connection)[0]
                self.assert_line(self.refused(2, *name.split(), foreign), f"{foreign}: this command does not take it")


if __name__ == "__main__":
    unittest.main()
