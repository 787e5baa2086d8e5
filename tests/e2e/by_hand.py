"""docs/verify-by-hand.md, executed as a reader would: its blocks in one bash, in a folder with a bundle and a trust file and nothing of ours.

And what a forger would bring: each alteration must end at the step that it is about, with all steps before it passed. Some of them are made by
somebody who has a log of their own (`Forger`), because a leaf cannot be touched under a log that one does not own.
"""

import base64
import concurrent.futures
import copy
import datetime
import json
import pathlib
import re
import subprocess
import tempfile

import strongroom
import tlog

PAGE = strongroom.SOURCE / "docs/verify-by-hand.md"
STEPS = 15
FENCE = "```"


def script(page, heading=None):
    """The ```bash blocks of a page, or those behind a heading, as a shell script with the same line numbers, and how many they are."""
    lines = ["set -eEuo pipefail; trap 'echo \"line $LINENO: status $?: $BASH_COMMAND\" >&2' ERR"]
    inside = False
    blocks = 0
    begun = heading is None
    for line in page.read_text(encoding="utf-8").splitlines()[1:]:
        begun = begun or line == heading
        if line.startswith(FENCE):
            if inside:
                lines.append(f"echo 'block {blocks} done'")
            else:
                lines.append("")
            inside = begun and line == f"{FENCE}bash"
            blocks += inside
        else:
            lines.append(line if inside else "")
    return "\n".join(lines) + "\n", blocks


def run(bundle, trust):
    """(exit status, steps that said ok, all that was said)"""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("evidence.json", bundle), ("trust.json", trust)):
            if content is not None:
                (pathlib.Path(folder) / name).write_text(content if isinstance(content, str) else strongroom.canonical(content))
        done = subprocess.run(["/bin/bash"], input=script(PAGE)[0], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={"PATH": "/usr/bin:/bin", "TMPDIR": folder}, check=False)
        left = {path.name for path in pathlib.Path(folder).iterdir()} - {"evidence.json", "trust.json"}
        assert not left, f"left behind: {left}"
    return done.returncode, [int(step) for step in re.findall(r"^ok: (\d+) ", done.stdout, re.MULTILINE)], done.stdout


class Forger:
    """A log with a key of one's own, over the entries of a bundle, whose events and places may be changed."""

    def __init__(self, folder):
        self.key = f"{folder}/forger.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key], check=True)
        self.public = subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-outform", "DER"], capture_output=True,
                                     check=True).stdout[-32:]

    def sign(self, text):
        with tempfile.NamedTemporaryFile() as message:
            message.write(text.encode())
            message.flush()
            return subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", self.key, "-rawin", "-in", message.name], capture_output=True,
                                  check=True).stdout

    def note(self, origin, size, root):
        text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
        short, _ = tlog.verifier_key(origin, self.public)
        return f"{text}\n\u2014 {origin} {base64.b64encode(bytes.fromhex(short) + self.sign(text)).decode()}\n"

    def witness(self, bundle, trust, name="witness.example/w1", time=1700000000, lie=0):
        """Trusts a witness with the same key, who signs the checkpoint; `lie`: another time than it says."""
        note = base64.b64decode(bundle["checkpoint"]).decode()
        sig = self.sign(f"cosignature/v1\ntime {time + lie}\n" + note[:note.index("\n\n") + 1])
        short, key = tlog.verifier_key(name, self.public, b"\4")
        line = base64.b64encode(bytes.fromhex(short) + time.to_bytes(8, "big") + sig).decode()
        bundle["checkpoint"] = base64.b64encode(f"{note}\u2014 {name} {line}\n".encode()).decode()
        trust["witnesses"] = {"keys": [f"{name}+{short}+{key}"], "quorum": 1}

    def __call__(self, bundle, trust, edit=lambda events: events, unlink=None):
        """`edit` gets the events and answers those to be logged; `unlink`: the number of an entry that names another one before it."""
        origin, _, _ = trust["log"].split("+", 2)
        events = [json.loads(base64.b64decode(entry["leaf"]).split(b"\n")[4]) for entry in bundle["entries"]]
        leaves, previous = [], bytes(32)
        for number, event in enumerate(edit(events)):
            named = bytes(32) if number == unlink else previous
            leaves.append(f"custody-audit/v1\n{origin}\n{number}\n{named.hex()}\n{strongroom.canonical(event)}\n".encode())
            previous = tlog.leaf_hash(leaves[-1])
        hashes = [tlog.leaf_hash(leaf) for leaf in leaves]
        bundle["entries"] = [{"index": str(number), "leaf": base64.b64encode(leaf).decode(), "proof": [hash_.hex() for hash_ in path(hashes, number)]}
                             for number, leaf in enumerate(leaves)]
        bundle["checkpoint"] = base64.b64encode(self.note(origin, len(hashes), root(hashes)).encode()).decode()
        trust["log"] = "+".join((origin, *tlog.verifier_key(origin, self.public)))


def split(hashes):
    return 1 << (len(hashes) - 1).bit_length() - 1


def root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    at = split(hashes)
    return tlog.node_hash(root(hashes[:at]), root(hashes[at:]))


def path(hashes, number):
    if len(hashes) == 1:
        return []
    at = split(hashes)
    if number < at:
        return [*path(hashes[:at], number), root(hashes[at:])]
    return [*path(hashes[at:], number - at), root(hashes[:at])]


def flip(text):
    """Base64 with one bit of its bytes turned."""
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(data).decode()


def document(signed, **changes):
    signed["document"] = strongroom.canonical({**json.loads(signed["document"]), **changes})


def alterations(forge):
    """(step, what, change): `change` alters the bundle and the trust file in place, or answers the text of the bundle."""

    def signing(events):
        return next(event for event in events if event["act"] == "withdrawal.signing")

    def in_other_words(events):
        signing(events)["facts"]["amount"] = "1"
        return events

    def told_otherwise(events):
        """By an entry that decides nothing here."""
        next(event for event in events if event["act"] == "withdrawal.approve")["facts"]["amount"] = "1"
        return events

    def cancelled(events):
        return [{**event, "on": str(on)} for on, event in enumerate([events[0], {**events[0], "act": "withdrawal.cancel"}, *events[1:]], 1)]

    def later(events):
        """All of it told two minutes later than it was: behind the block."""
        for event in events:
            time = datetime.datetime.strptime(event["ts"], "%Y-%m-%dT%H:%M:%S.%fZ") + datetime.timedelta(minutes=2)
            event["ts"] = time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return events

    def fewer_approvals(bundle, trust):
        gone = strongroom.digest("approval", bundle["approvals"].pop()["document"])
        forge(bundle, trust, lambda events: signing(events)["refs"]["approvals"].remove(gone) or events)

    def by_requester(bundle, trust):
        old = strongroom.digest("approval", bundle["approvals"][0]["document"])
        document(bundle["approvals"][0], approver=json.loads(bundle["intent"])["requester"])
        new = strongroom.digest("approval", bundle["approvals"][0]["document"])

        def edit(events):
            refs = signing(events)["refs"]
            refs["approvals"] = sorted([new if one == old else one for one in refs["approvals"]])
            return events
        forge(bundle, trust, edit)

    def late(events):
        """Written down after the signature."""
        acts = [event["act"] for event in events]
        a, b = acts.index("withdrawal.signing"), acts.index("withdrawal.signed")
        events[a], events[b] = events[b], events[a]
        for number, event in enumerate(events):
            event.update(on=str(number + 1), ts=events[0]["ts"])
        return events

    def set_path(*path_, value):
        def change(bundle, _):
            at = bundle
            for step in path_[:-1]:
                at = at[step]
            at[path_[-1]] = value(at[path_[-1]])
        return change

    def inner(name, **changes):
        return set_path(name, value=lambda text: strongroom.canonical({**json.loads(text), **changes}))

    def receipt(bundle, _):
        bundle["block"]["receipt"] = bundle["block"]["receipt"].replace('"code":"ok"', '"code":"expired"')

    def unwitnessed(bundle, trust):
        forge.witness(copy.deepcopy(bundle), trust)

    signature = lambda *path_: set_path(*path_, value=flip)
    numbered = lambda events: [{**event, "on": "1"} for event in events]
    return [
        (1, "a whole export", lambda *_: '{"format":"strongroom-trail/v1"}\n{"checkpoint":""}\n'),
        (1, "a space", lambda bundle, _: strongroom.canonical(bundle).replace(",", ", ", 1)),
        (1, "a key twice", lambda bundle, _: '{"approvals":[],' + strongroom.canonical(bundle)[1:]),
        (1, "a document in another form", set_path("intent", value=lambda text: text.replace(",", ", ", 1))),
        (1, "a line end in a document", inner("intent", wallet="hot\n")),
        (2, "another size", set_path("checkpoint", value=lambda text: base64.b64encode(re.sub(rb"\n(\d+)\n", rb"\n1\1\n", base64.b64decode(text), count=1)).decode())),
        (2, "another log", lambda bundle, trust: forge(copy.deepcopy(bundle), trust)),
        (2, "a checkpoint that the witness did not sign", unwitnessed),
        (2, "a witness who signed something else", lambda bundle, trust: forge.witness(bundle, trust, lie=1)),
        (3, "an entry edited", set_path("entries", 0, "leaf", value=lambda text: base64.b64encode(base64.b64decode(text).replace(b'"ok"', b'"no"')).decode())),
        (3, "a proof of another entry", lambda bundle, _: bundle["entries"][0].update(proof=bundle["entries"][1]["proof"])),
        (3, "a number changed", set_path("entries", 1, "index", value=lambda text: str(int(text) + 1))),
        (4, "a link cut", lambda bundle, trust: forge(bundle, trust, unlink=3)),
        (5, "an entry left out", lambda bundle, _: bundle["entries"].pop(2) and None),
        (5, "the last one left out", lambda bundle, _: bundle["entries"].pop() and None),
        (5, "one number for all", lambda bundle, trust: forge(bundle, trust, numbered)),
        (6, "another first document", inner("genesis", quorum=2)),
        (7, "a signature on the first policy", signature("policies", 0, "signatures", 0, "sig")),
        (7, "an administrator who did not sign", lambda bundle, _: bundle["policies"][0]["signatures"].pop() and None),
        (7, "a signature on the last policy", signature("policies", -1, "signatures", 0, "sig")),
        (7, "a policy left out", lambda bundle, _: bundle["policies"].pop(0) and None),
        (7, "rules of one's own", lambda bundle, _: document(bundle["policies"][-1], rules=[])),
        (8, "an intent under another policy", inner("intent", policy="0" * 64)),
        (9, "another amount", inner("intent", amount="1")),
        (9, "another payee", lambda bundle, _: document(bundle["destination"], id="other")),
        (9, "an approval left out", lambda bundle, _: bundle["approvals"].pop() and None),
        (9, "written down after the signature", lambda bundle, trust: forge(bundle, trust, late)),
        (9, "written down in other words", lambda bundle, trust: forge(bundle, trust, in_other_words)),
        (9, "a cancellation", lambda bundle, trust: forge(bundle, trust, cancelled)),
        (9, "an approval told in other words", lambda bundle, trust: forge(bundle, trust, told_otherwise)),
        (10, "a signature on an approval", signature("approvals", 0, "signatures", 0, "sig")),
        (10, "an approval by the requester", by_requester),
        (11, "one approver alone", fewer_approvals),
        (12, "a signature on the entry of the list", signature("destination", "signatures", 1, "sig")),
        (12, "one administrator alone", lambda bundle, _: bundle["destination"]["signatures"].pop() and None),
        (13, "the signature of the wallet", signature("transaction", "signatures", 0, "sig")),
        (14, "the signature of the validator", signature("block", "certificate", 0, "sig")),
        (14, "recorded after it was paid", lambda bundle, trust: forge(bundle, trust, later)),
        (14, "another block", set_path("block", "header", value=lambda text: strongroom.canonical({**json.loads(text), "count": 2}))),
        (15, "one hash more", lambda bundle, _: bundle["block"]["tx_proof"].append("ab" * 32)),
        (15, "a payment that failed", receipt),
    ]


def proves(case, bundle, trust):
    """The page proves the bundle, given as bytes."""
    code, steps, said = run(bundle, trust)
    case.assertEqual((code, steps), (0, list(range(1, STEPS + 1))), said)


def proves_file(case, evidence):
    """The page proves the bundle as it was exported from an evaluation."""
    proves(case, pathlib.Path(evidence).read_text(), pathlib.Path(case.place.environment["STRONGROOM_TRUST"]).read_text())


def proves_rotated(case, forge, bundle, trust):
    """The key of the log is told by the size of the checkpoint, here the forger's one; page and custody-verify agree."""
    size = int(base64.b64decode(bundle["checkpoint"]).split(b"\n")[1])
    origin = trust["log"].split("+")[0]
    first, other = ("+".join((origin, *tlog.verifier_key(origin, bytes([number]) * 32))) for number in (1, 2))

    def said(log, *rotations):
        return run(bundle, {**trust, "log": log, "rotations": [f"{at} {key}" for at, key in rotations]})

    for keys in ((first, (size, trust["log"])), (first, (1, other), (size - 1, trust["log"])), (trust["log"], (size + 1, other))):
        code, steps, text = said(*keys)
        case.assertEqual((code, steps), (0, list(range(1, STEPS + 1))), text)
    for keys in ((trust["log"], (size, other)), (trust["log"], (1, other)), (first, (size + 1, trust["log"])), (first, (1, trust["log"]), (size, other))):
        code, steps, text = said(*keys)
        case.assertEqual((code, steps), (1, [1]), text)
        case.assertIn("NOT PROVEN: ", text)


def agrees(case, evidence, trust, steps):
    """The page goes so many steps with this trust file, and custody-verify says the same of the bundle."""
    code, done, said = run(pathlib.Path(evidence).read_text(), trust)
    case.assertEqual((code, done), (0 if steps == STEPS else 1, list(range(1, steps + 1))), said)
    path = case.place.dir / "trust.json"
    kept = path.read_text()
    path.write_text(strongroom.canonical(trust))
    verdict, said = case.place.verify("evidence", evidence)
    path.write_text(kept)
    case.assertEqual(verdict == 0, steps == STEPS, said)


def proves_forked(case, old, new):
    """Two logs, one of which follows the other by the trust file of the place: a bundle of each is proven as far as that one says."""
    trust = json.loads((case.place.dir / "trust.json").read_text())
    size, *order, log = trust["forks"][0].split()
    signed, root_ = base64.b64decode(json.loads(pathlib.Path(old).read_text())["checkpoint"]).split(b"\n")[1:3]
    signed, root_ = int(signed), base64.b64decode(root_).hex()
    case.assertLess(signed, int(size))
    with tempfile.TemporaryDirectory() as folder:
        other = Forger(folder).public

    def told(end=size, rotated=None, root_=order[0]):
        name = None if rotated is None else rotated.split("+")[0]
        rows = {} if name is None else {"rotations": [f"1 {name}+{'+'.join(tlog.verifier_key(name, other))}"]}
        return {**trust, **rows, "forks": [" ".join((str(end), root_, order[1], log))]}

    never = {name: value for name, value in trust.items() if name != "forks"}
    for evidence, changed, steps in ((old, told(signed + 1, log), STEPS), (old, told(signed, root_=root_), STEPS), (new, told(size, trust["log"]), STEPS),
                                     (new, never, 1), (old, told(signed), 1), (old, told(signed - 1, root_=root_), 1),
                                     (old, told(size, trust["log"]), 1), (new, told(size, log), 1)):
        with case.subTest(evidence=evidence.name, trust=changed):
            agrees(case, evidence, changed, steps)


def check(case, evidence, trust_file):
    """The page proves the bundle, and refuses every alteration of it where it should."""
    texts = [pathlib.Path(file).read_text() for file in (evidence, trust_file)]
    proves(case, *texts)
    case.assertEqual(run(None, texts[1])[:2], (1, []), "a file that is not there")
    bundle, trust = map(json.loads, texts)

    def attempt(alteration):
        _, _, change = alteration
        altered, other_trust = copy.deepcopy(bundle), copy.deepcopy(trust)
        text = change(altered, other_trust)
        return run(text or altered, other_trust)

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        forge = Forger(folder)
        own, own_trust = copy.deepcopy(bundle), copy.deepcopy(trust)
        forge(own, own_trust)  # is proven when nothing is altered: so it is the alteration that is refused
        forge.witness(own, own_trust)
        proves(case, strongroom.canonical(own), strongroom.canonical(own_trust))
        proves_rotated(case, forge, own, own_trust)
        tried = alterations(forge)
        case.assertEqual({step for step, _, _ in tried}, set(range(1, STEPS + 1)))
        for (step, what, _), (code, steps, said) in zip(tried, pool.map(attempt, tried)):
            case.assertEqual((code, steps), (1, list(range(1, step))), f"step {step}, {what}:\n{said[-2000:]}")
            case.assertIn("NOT PROVEN: ", said, f"step {step}, {what}")
