"""What the gates share: the files of the tree, the compile commands of a build, and how a gate reports.

A gate is a program `gate [ROOT [BUILD]]` that prints one line per offence (file:line: text) and exits 1 when there is one,
77 when it has nothing to look at. ROOT and BUILD default to STRONGROOM_SOURCE_DIR and STRONGROOM_BUILD_DIR.
"""

import json
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# Who may include whose headers (design: the include law). Folder of the sources -> rooms. Every folder with C sources
# outside tests must have its row.
INCLUDE_LAW = {
    "base": {"base"},
    "audit": {"base", "audit"},
    "policy": {"base", "audit", "policy"},
    "ledger": {"base", "audit", "policy", "ledger"},
    "hsm": {"base", "hsm"},
    "services/wire": {"base", "wire"},
    "services/store": {"base", "store"},
    "services/witness": {"base", "audit", "witness"},
    "services/mirror": {"base", "audit", "mirror"},
    "services/custodyd": {"base", "audit", "policy", "ledger", "wire", "store", "mirror"},
    "services/signerd": {"base", "audit", "policy", "ledger", "hsm", "wire"},
    "services/ledgerd": {"base", "ledger", "wire"},
    "services/custody": {"base", "audit", "policy", "wire", "witness", "mirror"},
    "services/verify": {"base", "audit"},
    "services/nonces": {"base"},
}

# Where the public headers of a room lie.
ROOM_HEADERS = {
    "base": "base/include/base",
    "audit": "audit/include/audit",
    "policy": "policy/include/policy",
    "ledger": "ledger/include/ledger",
    "hsm": "hsm/include/hsm",
    "wire": "services/wire/include/wire",
    "store": "services/store/include/store",
    "witness": "services/witness/include/witness",
    "mirror": "services/mirror/include/mirror",
}


class Gate:
    """Reads the arguments, collects offences, and ends the program."""

    def __init__(self, name):
        arguments = sys.argv[1:]
        default_root = os.environ.get("STRONGROOM_SOURCE_DIR", os.path.dirname(os.path.dirname(HERE)))
        self.name = name
        self.root = os.path.realpath(arguments[0] if arguments else default_root)
        build = arguments[1] if len(arguments) > 1 else os.environ.get("STRONGROOM_BUILD_DIR", "")
        self.build = os.path.realpath(build) if build else ""
        self.offences = 0
        self.looked_at = 0

    def offence(self, where, text):
        self.offences += 1
        print(f"{where}: {text}")

    def end(self):
        print(f"{self.name}: {self.looked_at} looked at, {self.offences} offences")
        if self.offences:
            sys.exit(1)
        sys.exit(0 if self.looked_at else 77)

    def path(self, relative):
        return os.path.join(self.root, relative)

    def read(self, relative):
        with open(self.path(relative), encoding="utf-8") as file:
            return file.read()

    def files(self, *suffixes):
        """The tracked files that are there, as paths relative to the root; without git every file outside builds."""
        listing = None
        if os.path.exists(self.path(".git")):
            listing = subprocess.run(
                ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z"], capture_output=True, check=False)
        if listing is not None and listing.returncode == 0:
            found = listing.stdout.decode().split("\0")
        else:
            found = []
            for folder, folders, names in os.walk(self.root):
                folders[:] = [f for f in folders if f not in (".git", ".strongroom") and not f.startswith("build")]
                found += [os.path.relpath(os.path.join(folder, name), self.root) for name in names]
        wanted = [f for f in found if f and (not suffixes or f.endswith(suffixes)) and os.path.isfile(self.path(f))]
        return sorted(wanted)

    def compile_commands(self):
        """The build's compile commands: path relative to the root -> (folder to run in, arguments)."""
        with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as file:
            entries = json.load(file)
        commands = {}
        for entry in entries:
            relative = os.path.relpath(os.path.realpath(entry["file"]), self.root)
            commands.setdefault(relative, (entry["directory"], shlex.split(entry["command"])))
        return commands


def folder_of(path):
    """The row of the include law that a source belongs to, or None (tests)."""
    for folder in INCLUDE_LAW:
        if path.startswith(folder + "/"):
            return folder
    return None


def syntax_only(arguments, source):
    """The compile command with another source, made to write nothing."""
    kept = []
    skip = False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-o", "-MF", "-MT", "-MQ"):
            skip = True
        elif argument not in ("-c", "-MD", "-MMD") and not re.search(r"\.c$", argument):
            kept.append(argument)
    return kept + ["-fsyntax-only", "-x", "c", source]


def run(arguments, folder=None):
    """Runs a program; (exit status, its output)."""
    done = subprocess.run(arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")
