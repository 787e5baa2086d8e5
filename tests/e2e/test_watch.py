#!/usr/bin/python3
"""`custody watch` has people called: about each alarm once, when nobody answers, when the service is gone; a program that fails
is tried again and the failure is told. No time decides: what must come is waited for, what must not come is looked for after
something later has come."""

import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import outside
import strongroom
from strongroom import BUILD, canonical, digest, eventually, time_text, uuid7

PROGRAM = """#!/bin/sh
# Takes a call as the operator's programs do; the file `mode` beside it says how it fails.
case "$(cat "$0.mode" 2>/dev/null)" in
fail) exit 3 ;;
slow) sleep 0.1 ;;
hang) exec sleep 100000 ;;
esac
[ $# = 0 ] && ! env | grep -q ^STRONGROOM_ && [ -n "$PAGER_TOKEN" ] || exit 4
{ cat && echo; } >>"$0.calls"
"""


class Watch:
    """The program, its two ways to reach people, and its state, in a folder."""

    def __init__(self, folder, environment):
        self.folder = pathlib.Path(folder)
        self.programs = [self.folder / name for name in ("call-a", "call-b")]
        self.environment = {**environment, "PAGER_TOKEN": "x"}
        self.process = None
        for program in self.programs:
            program.write_text(PROGRAM)
            program.chmod(0o755)

    def command(self, *programs, state="state", **options):
        options = {"every": 1, "silence": 1, "timeout": 60, "state": self.folder / state, **options}
        return [str(BUILD / "services/custody/custody"), "watch", *(word for program in programs for word in ("--call", str(program))),
                *(word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value)))]

    def start(self, **options):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(*self.programs, **options), stdin=subprocess.DEVNULL, stderr=log,
                                            env=self.environment)

    def stop(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            status = self.process.wait()
            self.process = None
            return status
        return None

    def log(self):
        return (self.folder / "log").read_text()

    def mode(self, index, mode):
        pathlib.Path(f"{self.programs[index]}.mode").write_text(mode)

    def calls(self, index):
        """What this program was told: [(notice, alarm)]; each is the canonical document and nothing else."""
        path = pathlib.Path(f"{self.programs[index]}.calls")
        told = []
        text = path.read_text() if path.exists() else ""
        for line in text[:text.rfind("\n") + 1].splitlines():  # the last one may be half written
            document = json.loads(line)
            if line != canonical(document) or set(document) != {"alarm", "notice"}:
                raise AssertionError(f"not the document: {line}")
            told.append((document["notice"], document["alarm"]))
        return told

    def told(self, index, code, notice="new", object_id=None):
        return [alarm for kind, alarm in self.calls(index)
                if (kind, alarm["code"]) == (notice, code) and object_id in (None, alarm["object_id"])]

    def told_both(self, code, notice="new", object_id=None):
        def both():
            told = [self.told(index, code, notice, object_id) for index in (0, 1)]
            return told if all(told) else None
        return eventually(both, f"both are told {notice} {code}")

    def kill(self):
        """At a moment when what was told is written down: in between, a program is told again (docs/keys.md)."""
        def written():
            entries = json.loads((self.folder / "state").read_text())["entries"]
            told = {entry["alarm"]["id"]: entry["told"] for entry in entries}
            return all(f"{notice} {self.programs[index]}" in told.get(alarm["id"], [f"{notice} {self.programs[index]}"])
                       for index in (0, 1) for notice, alarm in self.calls(index))
        eventually(written, "what was told is written down")
        self.stop(signal.SIGKILL)

    def repeated(self):
        """What a program was told more than once."""
        seen = [(index, notice, alarm["id"]) for index in (0, 1) for notice, alarm in self.calls(index)]
        return [one for one in seen if seen.count(one) > 1]


class OfAService(strongroom.Case):
    NEVER_S = 86400  # the service is not silent because it is slow; where it is killed, a second is enough

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="watch.", dir=self.place.dir)
        environment = {**self.place.environment, "STRONGROOM_TOKEN": self.place.token("auditor-1")}
        self.watch = Watch(folder, environment)
        self.addCleanup(self.watch.stop, signal.SIGKILL)

    def overdue_medium(self):
        serial = f"card-{uuid7()[:8]}-{uuid7()[-6:]}"
        told = self.place.call("POST", "/v1/media", {
            "serial": serial, "kind": "card", "place": "safe-1", "custodian": "custodian-1", "second": "custodian-1",
            "inspection_due": time_text(seconds=-60)})
        self.assertEqual(told.status, 201, told)
        path = f"/v1/media/{serial}/entries/{told.json['entry']}/confirm"
        self.assertEqual(self.place.call("POST", path, person="custodian-1").status, 200)
        return serial

    def test_a_copied_key_a_dead_service_and_a_restart(self):
        place, watch = self.place, self.watch
        watch.start(silence=self.NEVER_S)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        place.call("POST", "/v1/ledger/transactions", {"key": key, "transaction": signed})
        key_id = json.loads((place.dir / "ceremony/transfer.json").read_text())["key_id"]
        told = watch.told_both("key.copied_use", object_id=key_id)
        self.assertEqual(told[0], told[1])
        watch.told_both("key.state", object_id=key_id)
        watch.told_both("freeze.state", object_id=f"asset/{place.asset}")

        watch.kill()
        place.kill("custodyd")
        watch.start()
        silent = watch.told_both("watch.silent")
        self.assertEqual(silent[0][0]["facts"], {"reason": "unavailable"})
        watch.kill()
        watch.start()
        eventually(lambda: "event=service.look" in "".join(watch.log().split("event=service.silent")[2:]), "it is silent as before, and not told")
        watch.kill()
        watch.start(silence=self.NEVER_S)
        place.start_unready()
        serial = self.overdue_medium()
        watch.told_both("medium.overdue", object_id=serial)
        self.assertEqual(watch.repeated(), [])
        self.assertEqual([len(watch.told(index, "watch.silent")) for index in (0, 1)], [1, 1])
        watch.kill()
        place.kill("custodyd")
        watch.start()
        eventually(lambda: [len(watch.told(index, "watch.silent")) for index in (0, 1)] == [2, 2], "the next one is")
        place.start_unready()
        self.assertEqual(watch.stop(), 0)

    def test_a_program_that_fails_is_tried_again_and_the_other_says_so(self):
        watch = self.watch
        watch.start(call_timeout=15, silence=self.NEVER_S)
        for mode, why in (("fail", 'exit status 3'), ("hang", "took too long and was killed")):
            with self.subTest(mode):
                failed = len(watch.told(1, "watch.call_failed"))
                watch.mode(0, mode)
                serial = self.overdue_medium()
                eventually(lambda serial=serial: watch.told(1, "medium.overdue", object_id=serial), "the other one is told")
                eventually(lambda failed=failed: watch.told(1, "watch.call_failed", object_id="1")[failed:], "and of the failure")
                eventually(lambda why=why: watch.log().count(f'why="{why}"') >= 2, "it is tried again, and each failure is logged")
                self.assertEqual(watch.told(0, "medium.overdue", object_id=serial), [])
                watch.kill()
                watch.mode(0, "")
                watch.start(call_timeout=15, silence=self.NEVER_S)
                eventually(lambda serial=serial: watch.told(0, "medium.overdue", object_id=serial), "it is told at last")
                eventually(lambda failed=failed: watch.told(0, "watch.call_failed", object_id="1")[failed:], "also of itself")
        self.assertEqual(watch.repeated(), [])

    def test_an_alarm_that_two_people_have_not_answered_is_called_out_again(self):
        place, watch = self.place, self.watch
        answered, once = self.overdue_medium(), self.overdue_medium()
        watch.start(answer_within=100000, silence=self.NEVER_S)
        alarms = {serial: watch.told_both("medium.overdue", object_id=serial)[0][0]["id"] for serial in (answered, once)}
        for person in ("approver-1", "approver-2"):
            self.assertEqual(place.call("POST", f"/v1/alarms/{alarms[answered]}/acknowledge", person=person).status, 200)
        self.assertEqual(place.call("POST", f"/v1/alarms/{alarms[once]}/acknowledge", person="approver-1").status, 200)
        watch.stop()
        watch.start(answer_within=1, silence=self.NEVER_S)
        told = watch.told_both("medium.overdue", "unanswered", once)
        self.assertEqual([row["person"] for row in told[0][0]["acknowledged"]], ["approver-1"])
        later = self.overdue_medium()
        watch.told_both("medium.overdue", "unanswered", later)
        self.assertEqual(watch.told(0, "medium.overdue", "unanswered", answered) + watch.told(1, "medium.overdue", "unanswered", answered), [])
        self.assertEqual(watch.repeated(), [])


class Pretender(http.server.BaseHTTPRequestHandler):
    """A service that answers what the test says."""

    def do_GET(self):
        looked_at, alarms = self.server.looked_at(), self.server.alarms
        if self.server.starting:
            self.answer(503, {"code": "not_ready", "detail": "is starting", "field": "service", "status": 503, "title": "x",
                              "type": "urn:strongroom:problem:not_ready"}, "application/problem+json")
            return
        health = {"alarm_codes": [], "alarms": 0, "looked_at": looked_at, "status": "ready",
                  "parts": {part: {"ready": part not in self.server.down} for part in ("database", "trail", "ledger", "signer_audit")}}
        of_health = self.path == "/healthz"
        self.answer(503 if self.server.down and of_health else 200, health if of_health else {"alarms": alarms, "looked_at": looked_at})

    def answer(self, status, document, kind="application/json"):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def alarm_of(**changes):
    alarm = {"acknowledged": [], "answered": False, "code": "key.state", "concerns": ["operator"], "facts": {"cause": "alarm"},
             "first_seen": "2026-01-02T03:04:05.000000Z", "object_id": "k", "object_type": "key", "since": "2026-01-02T03:04:05.000000Z",
             **changes}
    identity = {name: alarm[name] for name in ("code", "first_seen", "object_id", "object_type")}
    return {"id": digest("alarm", canonical(identity)), **alarm}


class OfALiar(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="watch.", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pretender)
        self.server.alarms, self.server.down, self.server.looked_at, self.server.starting = [], (), time_text, False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        environment = {"PATH": os.environ["PATH"], "STRONGROOM_TOKEN": "x", "STRONGROOM_URL": f"http://127.0.0.1:{self.server.server_port}"}
        environment.update({name: value for name, value in os.environ.items() if "SAN_OPTIONS" in name})
        self.watch = Watch(self.folder, environment)
        self.addCleanup(self.watch.stop, signal.SIGKILL)

    def silence(self, **begins):
        """The reason that both are told for a silence that begins with these changes of the service."""
        before = [len(self.watch.told(index, "watch.silent")) for index in (0, 1)]
        vars(self.server).update(begins)
        told = eventually(lambda: [self.watch.told(index, "watch.silent")[before[index]:] for index in (0, 1)
                                   if len(self.watch.told(index, "watch.silent")) > before[index]] if all(
            len(self.watch.told(index, "watch.silent")) > before[index] for index in (0, 1)) else None, "a silence is told")
        return told[0][0]["facts"]["reason"]

    def back(self):
        known = self.watch.log().count("event=service.back")
        self.server.alarms, self.server.down, self.server.looked_at, self.server.starting = [], (), time_text, False
        eventually(lambda: self.watch.log().count("event=service.back") > known, "the service is back")

    def test_what_is_no_alarm_reaches_nobody(self):
        good = alarm_of()
        wrong = [[{**good, "object_id": "other"}], [good, {**good, "note": "x"}], [{**good, "facts": {"x": 1}}],
                 [{**good, "facts": {"x": "caf\u00e9"}}], [{**good, "facts": {"X; rm": "y"}}], [{**good, "concerns": [{}]}],
                 [alarm_of(code="watch.silent", object_id="service")], [{**good, "acknowledged": [{"person": 1, "at": "x"}]}],
                 [alarm_of(object_id=f"k{number}") for number in range(1001)], ["x"], {}, None]
        self.watch.start()
        for alarms in wrong:
            with self.subTest(str(alarms)[:80]):
                self.assertNotEqual(self.silence(alarms=alarms), "stands_still")
                self.back()
        self.assertEqual([alarm["code"] for index in (0, 1) for _, alarm in self.watch.calls(index) if alarm["code"] != "watch.silent"], [])
        self.server.alarms = [alarm_of(object_id="$(id)'\"")]
        self.watch.told_both("key.state", object_id="$(id)'\"")

    def test_a_service_that_stands_still_or_has_halted(self):
        self.watch.start()
        still = time_text()
        self.assertEqual(self.silence(looked_at=lambda: still), "stands_still")
        self.back()
        for part in ("database", "trail", "ledger"):
            self.assertEqual(self.silence(down=(part,)), "not_ready")
            self.back()
        self.assertEqual(self.silence(starting=True), "not_ready")
        self.back()
        self.server.down = ("signer_audit",)  # the service says that itself, as an alarm
        self.server.alarms = [alarm_of(code="signer.down", object_id="audit", object_type="signer")]
        self.watch.told_both("signer.down")

    def test_an_alarm_that_was_over_before_a_program_worked_is_still_told(self):
        self.watch.mode(0, "fail")
        self.server.alarms = [alarm_of()]
        self.watch.start()
        eventually(lambda: self.watch.told(1, "key.state"), "the other one is told")
        self.server.alarms = []
        self.watch.kill()
        self.watch.mode(0, "")
        self.watch.start()
        self.watch.told_both("key.state")
        self.server.alarms = [alarm_of(object_id="another")]
        self.watch.told_both("key.state", object_id="another")
        self.assertEqual(self.watch.repeated(), [])

    def test_a_flood_hides_no_silence_and_keeps_nobody(self):
        flood = {f"k{number}" for number in range(300)}
        self.server.alarms = [alarm_of(object_id=name) for name in sorted(flood)]
        for index in (0, 1):
            self.watch.mode(index, "slow")  # however fast the machine is, the flood takes longer than it takes to be silent
        self.watch.start()
        self.watch.told_both("key.state")
        still = time_text()
        self.assertEqual(self.silence(looked_at=lambda: still), "stands_still")
        self.assertEqual(self.watch.stop(), 0)
        self.assertLess(len(self.watch.told(0, "key.state")), len(flood))  # neither waited until all were told
        self.server.looked_at = time_text
        for index in (0, 1):
            self.watch.mode(index, "")
        self.watch.start()
        eventually(lambda: all(flood == {alarm["object_id"] for alarm in self.watch.told(index, "key.state")} for index in (0, 1)),
                   "all are told")
        self.assertEqual(self.watch.repeated(), [])

    def refused(self, *programs, **options):
        done = subprocess.run(self.watch.command(*programs, **options), capture_output=True, text=True, env=self.watch.environment,
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_what_is_refused(self):
        one, two = self.watch.programs
        link = self.watch.folder / "link"
        link.symlink_to(one)
        self.assertIn("two different programs", self.refused(one))
        self.assertIn("the same program", self.refused(one, link))
        self.assertIn("not an absolute path", self.refused(one, "true"))
        self.assertIn("not an executable file", self.refused(one, self.watch.folder))
        (self.watch.folder / "broken").write_text("{}")
        self.assertIn("broken", self.refused(one, two, state="broken"))
        self.watch.start()
        self.server.alarms = [alarm_of()]
        self.watch.told_both("key.state")
        self.assertIn("another process", self.refused(one, two))


if __name__ == "__main__":
    unittest.main()
