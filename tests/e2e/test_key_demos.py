#!/usr/bin/python3
"""What the README shows of keys, each one command against an evaluation as the quickstart makes it: a ceremony and a token that
hangs. And the witness that the quickstart adds: evidence bears its signature, on another port and after a move, too; and another
one, by docs/witnesses.md.

The drill is in test_key_resources.py."""

import base64
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import unittest

import by_hand
import strongroom
import test_docs_by_hand
import tlog

ANCHORS = strongroom.SOURCE / "docs/anchors.md"
CRASHPOINTS = "STRONGROOM_CRASHPOINTS:BOOL=ON" in (strongroom.BUILD / "CMakeCache.txt").read_text()  # not in release builds
COSIGNED = r"checked: (the )?checkpoint: cosigned by 1 of the {} witnesses of the trust file, which asks for 1"


class KeyDemos(test_docs_by_hand.Pasting):
    def demo(self, name, *words):
        done = subprocess.run([str(strongroom.DEMO / name), str(self.place.dir), *words], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.place.environment, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.splitlines()

    def test_a_ceremony(self):
        """Four people make a key, three restore it elsewhere, two admit it; another program proves it; withdrawals go on."""
        place = self.place
        said = self.demo("new-key", "hot-2")
        self.assertIn("ceremony passed, transcript ", said[-1])
        self.assertEqual(sum(line.startswith("checked: step ") for line in said), 6)
        self.assertTrue(any(line.startswith("proven: the transfer key of the key document was made in ceremony ") for line in said))
        key = json.loads((place.dir / "ceremony/hot-2.json").read_text())["key_id"]
        row = place.call("GET", f"/v1/keys/{key}").json["key"]
        self.assertEqual(row["state"], "active")
        place.withdraw()
        self.assertFalse(place.script("new-key", check=False))  # no name
        again = subprocess.run([str(strongroom.DEMO / "new-key"), str(place.dir), "hot-2"], stdin=subprocess.DEVNULL, text=True,
                               capture_output=True, env=place.environment, check=False)
        self.assertNotEqual(again.returncode, 0)
        self.assertIn("there is a key hot-2", again.stderr)

    def test_a_token_that_hangs(self):
        """The signer answers through the standby; what was down comes back as the standby; every effect is there once."""
        place = self.place
        before = len(place.ledger_transactions())
        serving = [row["label"] for row in place.call("GET", "/healthz").json["parts"]["signer_transfer"]["tokens"]
                   if row["state"] == "serving"]
        said = self.demo("failover")
        self.assertTrue(any(line.startswith("withdrawal ") and " confirmed at height " in line for line in said))
        self.assertTrue(any(line.startswith("failover passed") for line in said))
        self.assertCosigned(said, 1)
        tokens = {row["state"]: row["label"] for row in place.call("GET", "/healthz").json["parts"]["signer_transfer"]["tokens"]}
        self.assertEqual(tokens["standby"], serving[0])
        self.assertNotEqual(tokens["serving"], serving[0])
        self.assertEqual(len(re.findall(r"event=token\.down ", place.log("transfer"))), 1)
        self.assertEqual(len(place.ledger_transactions()), before + 1)

    def assertCosigned(self, said, witnesses):
        """The evidence and the trail, each checked offline: the trust file names so many witnesses, and one has cosigned."""
        self.assertEqual(len([line for line in said if re.fullmatch(COSIGNED.format(witnesses), line)]), 2, said)

    def services(self, *words):
        done = subprocess.run([str(strongroom.DEMO / "services"), "start", str(self.place.dir), *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.place.environment, check=False)
        return done.returncode, done.stderr

    def size(self):
        return int(self.place.call("GET", "/audit/checkpoint").bytes.split(b"\n")[1])

    def signers(self):
        """The ids of the keys whose signatures stand under the newest checkpoint in the name of the log."""
        text = self.place.call("GET", "/audit/checkpoint").bytes.decode()
        lines = text.split("\n\n")[1].splitlines()
        return [base64.b64decode(line.split()[2])[:4].hex() for line in lines if line.split()[1] == text.split("\n")[0]]

    def verify_with(self, trust, what, *files):
        path = self.place.dir / "trust-other.json"
        path.write_text(strongroom.canonical(trust) + "\n")
        done = subprocess.run([str(self.place.dir / "bin/custody-verify"), what, "--trust", str(path), *map(str, files)],
                              capture_output=True, text=True, env={}, check=False)
        return done.returncode, done.stdout + done.stderr

    def copy_with(self, trust):
        path = self.place.dir / "trust-copier.json"
        path.write_text(strongroom.canonical(trust) + "\n")
        words = ["audit", "copy", "--dir", str(self.place.dir / "copy"), "--trust", str(path)]
        done = self.place.custody(*words, person="auditor-1", check=False)
        return done.returncode, done.stderr

    def copy_on(self, trust):
        """A copier that goes on, by a trust file that is replaced meanwhile."""
        path = self.place.dir / "trust-rounds.json"
        path.write_text(strongroom.canonical(trust) + "\n")
        words = [str(self.place.dir / "bin/custody"), "audit", "copy", "--dir", str(self.place.dir / "rounds"), "--trust", str(path), "--every", "1"]
        environment = {**self.place.environment, "STRONGROOM_TOKEN": self.place.token("auditor-1")}
        with open(self.place.dir / "log/rounds.log", "wb") as log:
            copier = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.addCleanup(copier.wait)
        self.addCleanup(copier.kill)  # before
        return path, copier

    def copied(self):
        note = self.place.dir / "rounds/checkpoint"
        return int(note.read_text().splitlines()[1]) if note.exists() else 0

    def grow(self, size):
        while self.size() < size:  # each read is an entry
            self.assertEqual(self.place.call("GET", "/v1/audit/count", person="auditor-1").status, 200)

    def revive_audit(self, point):
        """The audit signer dies at the point, while a checkpoint is asked for, and comes back."""
        place = self.place
        place.kill("audit")
        place.start(check=False, STRONGROOM_CRASHPOINT=point)
        strongroom.eventually(lambda: place.ended("audit") is not None, f"it dies at {point}")
        place.start()

    def test_a_key_of_the_trail(self):
        """Both keys sign, whatever the signer dies of meanwhile; then the new one alone, and whoever has the order believes it."""
        place = self.place
        trust = json.loads((place.dir / "trust.json").read_text())
        evidence = place.export_evidence(place.withdraw()["id"])
        self.assertEqual(self.copy_with(trust), (0, ""))
        receipt = place.dir / "before.checkpoint"
        receipt.write_bytes(place.call("GET", "/audit/checkpoint").bytes)
        old = self.signers()
        size = self.size() + 250
        early = subprocess.run([str(strongroom.DEMO / "new-log-key"), str(place.dir), "audit-2", str(self.size() + 1)], stdin=subprocess.DEVNULL,
                               text=True, capture_output=True, env=place.environment, check=False)
        self.assertIn("SIZE must be at least ", early.stderr)  # said before people have come for a ceremony
        self.assertEqual((early.returncode, (place.dir / "ceremony/audit-2").exists()), (1, False))
        with open(place.dir / "log/scripts.log", "ab") as log:
            subprocess.run([str(strongroom.DEMO / "new-log-key"), str(place.dir), "audit-2", str(size)], stdin=subprocess.DEVNULL,
                           stdout=log, stderr=log, env=place.environment, check=True)
        rotated = json.loads((place.dir / "trust.json").read_text())
        log = rotated["rotations"][0].split()[1]
        self.assertEqual((rotated["rotations"], rotated["log"]), ([f"{size} {log}"], trust["log"]))
        both = [*old, log.split("+")[1]]
        self.assertEqual(self.signers(), both)
        told = [row for row in place.pages("/v1/audit/entries?act=log.key", "entries", "auditor-1") if row["outcome"] == "ok"]
        facts = json.loads(base64.b64decode(told[0]["raw"]).split(b"\n")[4])["facts"]
        self.assertEqual((len(told), facts["audit"], facts["transfer"], facts["size"]), (1, "ok", "ok", str(size)))
        order = json.loads((place.dir / "ceremony/audit-2/rotate.json").read_text())
        for changed, status in ((order, 200), ({**order, "signatures": order["signatures"][:1]}, 403)):
            reply = place.call("POST", "/v1/audit/log-keys", changed)
            self.assertEqual(reply.status, status, reply)
        for point in ("checked:1", "remembered:1", "remembered:2", "signed:2", "released:2") if CRASHPOINTS else ():
            with self.subTest(point=point):
                self.revive_audit(f"signer.{point}")
        place.withdraw()
        self.assertEqual(self.signers(), both)
        trail = place.export_trail()
        for known in (trust, rotated):
            self.assertEqual(self.verify_with(known, "trail", trail, receipt)[0], 0)

        path, copier = self.copy_on(trust)
        strongroom.eventually(self.copied, "it copies by the key that it knows")
        (place.dir / "trust-next.json").write_text(strongroom.canonical(rotated) + "\n")
        (place.dir / "trust-next.json").rename(path)
        self.grow(size)
        self.assertEqual(self.signers(), both[1:])
        strongroom.eventually(lambda: self.copied() >= size, "it has read the trust file again")
        copier.terminate()
        self.assertEqual(copier.wait(), 0)
        code, said = self.copy_with(trust)
        self.assertEqual((code, "a later trust file may name" in said, "custody log trust" in said), (1, True, True), said)
        self.assertEqual(self.copy_with(rotated), (0, ""))  # the same folder: it goes on
        later = place.export_evidence(place.withdraw()["id"])
        trail = place.export_trail()
        self.assertRegex(place.custody("audit", "review", "--in", str(trail), check=False).stdout, r"entries 0 to \d+ of .* uses, ")
        for what, *files in (("trail", trail, receipt), ("evidence", evidence), ("evidence", later)):
            code, said = self.verify_with(rotated, what, *files)
            self.assertEqual(code, 0, said)
        self.assertCosigned(self.demo("withdraw"), 1)
        code, said = self.verify_with(trust, "trail", trail)
        self.assertEqual((code, "by one that a later trust file may name" in said, "tampered" in said), (2, True, False), said)
        earlier = {**rotated, "rotations": [f"1 {log}"]}
        code, said = self.verify_with(earlier, "evidence", evidence)
        self.assertEqual((code, "whose time was over" in said), (1, True), said)

    def test_a_witness_whose_port_is_taken(self):
        """It takes another one, and the service asks it there."""
        place = self.place
        port = place.dir / "etc/witness-port"
        place.stop("witness")
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = other.getsockname()[1]
            port.write_text(f"{taken}\n")  # as if it had been the witness's: its own might be somebody else's by now
            place.start()
        self.assertNotEqual(int(port.read_text()), taken)
        self.assertCosigned(self.demo("withdraw"), 1)

    def test_b_an_evaluation_that_was_moved(self):
        """Neither the signers nor the witness believe what they remember there, until somebody says that the other one is gone."""
        place = self.place
        evidence = place.export_evidence(place.withdraw()["id"])
        place.stop()
        place.postgres("stop", "-m", "fast")
        old = place.dir.with_name(place.dir.name + ".old")
        place.dir.rename(old)
        self.addCleanup(shutil.rmtree, old)
        subprocess.run(["cp", "-a", old, place.dir], check=True)
        place.postgres_start()
        code, said = self.services()
        self.assertEqual(code, 1)
        self.assertIn("witness did not start", said)
        self.assertIn("start it with --accept-guards", said)
        self.assertEqual(self.services("--accept-guards"), (0, ""))
        self.assertCosigned(self.demo("withdraw"), 2)
        code, said = place.verify("evidence", evidence)  # what the witness before has cosigned still counts
        self.assertEqual(code, 0, said)
        self.assertRegex(said, COSIGNED.format(2))

    def reserved_port(self):
        """One that the system gives to nobody else while this socket, which never listens, holds it: a server with SO_REUSEADDR may listen there."""
        held = socket.socket()
        self.addCleanup(held.close)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]

    def test_c_the_page_of_witnesses(self):
        """docs/witnesses.md: a second one is made, asked for, gone, replaced, and not told of the next key of the log."""
        place = self.place

        def read():
            return json.loads((place.dir / "trust.json").read_text()), json.loads((place.dir / "etc/witnesses.json").read_text())

        trust, asked = read()
        known = len(trust["witnesses"]["keys"])
        place.environment["PORT"] = str(self.reserved_port())
        said = self.paste("docs/witnesses.md")
        cosigned = re.findall(r"^checked: the checkpoint: cosigned by (\d) of the (\d) witnesses of the trust file, which asks for (\d)$", said,
                           re.MULTILINE)
        both, after = ("2", str(known + 1), "2"), ("2", str(known + 2), "2")
        self.assertEqual(cosigned, [both, both, after, after, ("1", str(known), "1")])
        self.assertEqual(len(re.findall(r", 1 held checkpoint extended$", said, re.MULTILINE)), 4)  # with the one that the witness showed
        down = [line for line in place.log("custodyd").splitlines() if "event=witness.down name=witness.example/" in line]
        reasons = [tuple(re.search(r"name=witness\.example/(\w+) code=(\w+) ", line).groups()) for line in down]
        self.assertIn(("w1", "unavailable"), reasons)
        self.assertIn(("w2", "unknown_key"), reasons)
        trust_now, asked_now = read()
        self.assertEqual(len(trust_now.pop("rotations")), len(trust.pop("rotations", [])) + 1)
        self.assertEqual(trust_now, trust)
        self.assertEqual([asked_now["quorum"], *(row["key"] for row in asked_now["witnesses"])],
                         [asked["quorum"], *(row["key"] for row in asked["witnesses"])])
        place.withdraw()

    def by_hand(self, files):
        """docs/anchors.md, By hand, in a folder with these files and verify-by-hand.md: (exit status, steps that said ok, all that was said)."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {**files, "verify-by-hand.md": by_hand.PAGE.read_text()}.items():
                (pathlib.Path(folder) / name).write_text(content)
            done = subprocess.run(["bash"], input=by_hand.script(ANCHORS, "## By hand")[0], cwd=folder, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env={"PATH": "/usr/bin:/bin", "TMPDIR": folder}, check=False)
        return done.returncode, [int(step) for step in re.findall(r"^ok: (\d) ", done.stdout, re.MULTILINE)], done.stdout

    def test_d_the_page_of_anchors(self):
        """docs/anchors.md: from an entry to the block and the checkpoint in it; what was altered on the way is found."""
        place = self.place
        place.withdraw()
        strongroom.eventually(lambda: place.pages("/v1/audit/entries?act=trail.anchor", "entries", "auditor-1"), "an anchor is told")
        said = self.paste("docs/anchors.md")
        self.assertRegex(said, r"proven: \d+ entries of .*, [0-9]+ held checkpoints? extended")
        size, root = (place.dir / "outside/token.body").read_text().splitlines()[1:]
        self.assertEqual(place.value(f"SELECT split_part(encode(note, 'escape'), E'\\n', 3) FROM audit.checkpoint WHERE size = {size}"), root)
        files = {name: (place.dir / "outside" / name).read_text() for name in ("ledger.jsonl", "anchors.jsonl", "trust.json", "kept.checkpoint")}
        rows = [json.loads(line) for line in files["anchors.jsonl"].splitlines()]
        told = [json.loads(base64.b64decode(row["raw"]).split(b"\n")[4]) for row in rows if "raw" in row]
        size, height = told[0]["facts"]["size"], int(told[0]["facts"]["height"])
        kept = bytes.fromhex(place.value(f"SELECT encode(note, 'hex') FROM audit.checkpoint WHERE size = {size}")).decode()
        files["kept.checkpoint"] = kept  # of the size of an anchor
        self.assertEqual(self.by_hand(files)[:2], (0, [1, 2, 3, 4, 5]))

        rows = [json.loads(line) for line in files["ledger.jsonl"].splitlines()]
        block = next(row for row in rows if row.get("height") == height)
        index = next(number for number, row in enumerate(block["transactions"]) if '"type":"anchor"' in row["document"])
        anchor = json.loads(block["transactions"][index]["document"])
        self.assertEqual(base64.b64decode(anchor["note"]).decode(), kept)
        root = kept.split("\n")[2]
        altered = kept.replace(root, base64.b64encode(bytes(32)).decode())

        def ledger(**changes):
            """The files, with another block at this height."""
            return {**files, "ledger.jsonl": "".join(strongroom.canonical({**row, **changes} if row is block else row) + "\n" for row in rows)}

        def forged():
            """An anchor of the altered checkpoint in the place of the real one; the header's root that fits."""
            document = strongroom.canonical({**anchor, "note": base64.b64encode(altered.encode()).decode()})
            other = [{**row, "document": document} if number == index else row for number, row in enumerate(block["transactions"])]
            ids = [strongroom.digest("transaction", row["document"]) for row in other]
            tree = by_hand.root([tlog.leaf_hash(bytes.fromhex(id_)) for id_ in ids]).hex()
            return other, strongroom.canonical({**json.loads(block["header"]), "tx_root": tree})

        def trust(**changes):
            return {**files, "trust.json": strongroom.canonical({**json.loads(files["trust.json"]), **changes})}

        def retold():
            lines = [json.loads(line) for line in files["anchors.jsonl"].splitlines()]
            for row in lines:
                row.update({"raw": base64.b64encode(base64.b64decode(row["raw"]).replace(told[0]["refs"]["checkpoint"].encode(), b"0" * 64)).decode()}
                           if "raw" in row else {})
            return {**files, "anchors.jsonl": "".join(strongroom.canonical(row) + "\n" for row in lines)}

        other, header = forged()
        stranger = "+".join((kept.split("\n")[0], *tlog.verifier_key(kept.split("\n")[0], bytes(32))))
        receipts = [receipt.replace('"code":"ok"', '"code":"replay"') for receipt in block["receipts"]]
        for steps, what, said, changed in (
                (1, "another ledger", "not the ledger of the trust file", trust(chain="0" * 64)),
                (1, "a header made to fit", "signature of a validator", ledger(transactions=other, header=header)),
                (2, "an altered checkpoint in the block", "not those of the header", ledger(transactions=other)),
                (2, "an anchor without effect", "not those of the header", ledger(receipts=receipts)),
                (2, "another checkpoint than the trail says", "another checkpoint than the trail says", retold()),
                (3, "a log of somebody else", "no key of the trust file signed", trust(log=stranger, rotations=[])),
                (4, "another one kept", "two histories", {**files, "kept.checkpoint": altered})):
            with self.subTest(what):
                code, done, text = self.by_hand(changed)
                self.assertEqual((code, done), (1, list(range(1, steps + 1))), text)
                self.assertIn(said, text.splitlines()[-1])
        (place.dir / "altered.checkpoint").write_text(altered)
        code, text = place.verify("trail", place.dir / "outside/trail.jsonl", place.dir / "altered.checkpoint")
        self.assertEqual((code != 0, "has a bad signature line" in text), (True, True), text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
