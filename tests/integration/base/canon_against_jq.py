#!/usr/bin/env python3
"""Canonical bytes against two tools that are not ours: `jq -cS .` and Python's json.

Random documents (seed printed, STRONGROOM_SEED repeats it) are given to our emitter with white space and shuffled keys,
to jq and to json.dumps; the bytes must be the same, and our strict reader must take them and refuse every other
spelling. Usage: canon_against_jq.py <canon_print>
"""
import json
import os
import random
import shutil
import subprocess
import sys

ROUNDS = 60
DOCUMENTS = [
    {},
    {"a": "quotes \" backslash \\ slash / angle <>& apostrophe ' tilde ~"},
    {"z": 1, "_": 2, "0": 3, "a_b": 4, "ab": 5, "a0": 6, "10": 7, "9": 8},
    {"max": 2**53 - 1, "min": -(2**53 - 1), "zero": 0},
    {"document": "{\"a\":\"{\\\"b\\\":1}\"}"},
    {"a": [[[[[[[]]]]]]]},
]


def text(rng):
    return "".join(chr(rng.randint(0x20, 0x7E)) for _ in range(rng.randint(0, 30)))


def value(rng, levels):
    kind = rng.randint(0, 5 if levels > 0 else 3)
    if kind == 0:
        return text(rng)
    if kind == 1:
        return rng.randint(-(2**53 - 1), 2**53 - 1)
    if kind == 2:
        return rng.choice([True, False])
    if kind == 3:
        return rng.randint(-9, 9)
    if kind == 4:
        return [value(rng, levels - 1) for _ in range(rng.randint(0, 4))]
    return members(rng, levels - 1)


def members(rng, levels):
    letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
    keys = ["".join(rng.choice(letters) for _ in range(rng.randint(1, 4))) for _ in range(rng.randint(0, 6))]
    return {key: value(rng, levels) for key in keys}


def run(command, given):
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    return done.returncode, done.stdout


def check(printer, document):
    loose = json.dumps(document, indent=1).encode()
    code, ours = run([printer], loose)
    assert code == 0, loose
    code, jq = run(["jq", "-cS", "."], loose)
    assert code == 0 and jq == ours + b"\n", (ours, jq)
    assert json.dumps(document, sort_keys=True, separators=(",", ":")).encode() == ours, ours
    assert run([printer, "--strict"], ours) == (0, ours), ours
    for other in (jq, loose, b" " + ours, ours.replace(b'"a"', b'"\\u0061"', 1)):
        if other != ours:
            assert run([printer, "--strict"], other) == (1, b""), other


def main():
    if shutil.which("jq") is None:
        print("jq is not installed")
        return 77
    seed = os.environ.get("STRONGROOM_SEED", str(random.SystemRandom().getrandbits(64)))
    print(f"STRONGROOM_SEED={seed}")
    rng = random.Random(seed)
    for document in DOCUMENTS:
        check(sys.argv[1], document)
    for _ in range(ROUNDS):
        check(sys.argv[1], members(rng, 7))
    return 0


sys.exit(main())
