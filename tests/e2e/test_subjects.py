#!/usr/bin/python3
"""Personal data: seeded names come in, are seen by one auditor on a case and by nobody else, and are forgotten by a quorum; no copy
of the database, its log or its backups has one of them at any time, and none can be opened when the key is gone."""

import base64
import concurrent.futures
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import unittest

import strongroom
from strongroom import eventually

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
PAGE = strongroom.SOURCE / "docs/privacy.md"
ALICE = {"name": "Alicia Zürnstein-Quoll", "email": "alicia.quoll@seeded.example", "address": "Seedgasse 41, 8004 Zürich",
         "note": "seeded-note-77341"}
BORIS = {"name": "Boris Vexelmann-Tarn", "phone": "+41 79 555 41 41"}
PLANTED = "Planted Seedlington"  # a name that the database has in clear: where it is not found, nothing is looked into
SEEDS = [text.encode() for text in (*ALICE.values(), *BORIS.values())]
NAMED = 64  # lost subjects that have an alarm of their own
PAST = "2026-01-01T00:00:00.000000Z"


def written(needle):
    """As it is, in hex, in base64 wherever it begins in what is written, and each character that is none of ASCII as JSON has it."""
    base64s = {base64.b64encode(needle[skip:skip + (len(needle) - skip) // 3 * 3]) for skip in range(3)}
    return {needle, needle.hex().encode(), *base64s, *({json.dumps(needle.decode())[1:-1].encode()} if needle in SEEDS else ())}


def by_hand(export):
    """What the page's command says of an export, which stands where it is looked for."""
    command = re.search("(?ms)^```\n(python3 .*?)^```", PAGE.read_text())[1]
    return subprocess.run(["bash", "-c", command.replace("subject.json", str(export))], capture_output=True, text=True, check=True).stdout.splitlines()


class Case(strongroom.Case):
    """What people do."""

    PROVISION = {"privacy": True}

    def files(self, person):
        people = self.place.dir / "people"
        return ("--key", str(people / f"{person}.key"), "--passphrase-file", str(people / f"{person}.passphrase"),
                "--policy", str(self.place.dir / "etc/policy.json"))

    def record(self, values, subject="new", until=PAST, check=True):
        path = self.place.dir / f"values-{strongroom.uuid7()}.json"
        path.write_text(json.dumps(values, ensure_ascii=False))
        done = self.place.custody("subject", "record", subject, "--in", str(path), "--until", until, check=check)
        path.unlink()
        return done.stdout.splitlines()[0] if check else done

    def many(self, count):
        """So many subjects, of whom nothing but a name is kept: their ids."""
        def one(subject):
            reply = self.place.call("POST", "/v1/subjects", {"subject": subject, "erase_after": PAST, "values": [
                {"field": "name", "value": base64.b64encode(b"Somebody").decode()}]}, "operator-1")
            self.assertEqual(reply.status, 201, reply)
            return subject
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return tuple(pool.map(one, [strongroom.uuid7() for _ in range(count)]))

    def reveal(self, subject, fields="name", case="case-7", by="auditor-1", token_of=None, check=True):
        done = self.place.custody("subject", "reveal", subject, "--case", case, "--fields", fields, "--reason", "request", "--json",
                                  *self.files(by), person=token_of or by, check=check)
        return {row["field"]: row["value"] for row in json.loads(done.stdout)["values"]} if check else done

    def order(self, subject, *signers):
        name = f"{self.place.dir}/erase-{strongroom.uuid7()}"
        self.place.custody("subject", "erase", subject, "--policy", str(self.place.dir / "etc/policy.json"), "--reason", "request",
                           "--out", name)
        for signer in signers:
            self.place.custody("sign", "command", "--in", name, "--out", f"{name}.{signer}", *self.files(signer)[:4])
            name = f"{name}.{signer}"
        return name

    def erase(self, subject, *signers, check=True):
        return self.place.custody("key", "send", "--command", self.order(subject, *signers), check=check)


class Subjects(strongroom.Trailed, Case):
    # What lies around

    def home(self):
        return (self.place.dir / "postgresql").resolve()

    def copies(self):
        """A dump, the write-ahead log, a base backup, the whole data folder and every log: name -> bytes."""
        hba = self.home() / "data/pg_hba.conf"
        if "replication" not in hba.read_text():
            with open(hba, "a", encoding="utf-8") as file:
                file.write("local replication all peer map=strongroom\n")
        self.place.psql("SELECT pg_reload_conf(); CHECKPOINT; SELECT pg_switch_wal();")
        backup = self.place.dir / f"backup-{strongroom.uuid7()}"
        command = [str(BIN / "pg_basebackup"), "-h", str(self.home() / "socket"), "-U", "postgres", "-D", str(backup), "-X", "stream",
                   "-c", "fast"]
        eventually(lambda: subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0,
                   "a base backup")
        found = {"dump": subprocess.run([str(BIN / "pg_dump"), "-d", self.place.environment["STRONGROOM_DB"]], capture_output=True,
                                        check=True).stdout}
        folders = [self.home() / "data", backup, self.place.dir / "log", self.place.dir / "guards", self.place.dir / "data",
                   self.place.dir / "run"]
        for path in (pathlib.Path(folder, name) for top in folders for folder, _, names in os.walk(top) for name in names):
            with contextlib.suppress(FileNotFoundError):  # the server removes files as it works
                if path.is_file() and not path.is_socket():
                    found[str(path)] = path.read_bytes()
        shutil.rmtree(backup)
        return found

    def assertNowhere(self, needles):
        """Neither as it is nor as a dump, a body or a log would write it."""
        self.place.psql(f"DROP TABLE IF EXISTS public.planted; CREATE TABLE public.planted AS SELECT '{PLANTED}'::text AS name, '{PLANTED}'::bytea AS bytes")
        found = self.copies()
        for form, parts in ((PLANTED.encode(), ("/data/base/", "/data/pg_wal/", "/backup-", "dump")), (PLANTED.encode().hex().encode(), ("dump",))):
            seen = [name for name, content in found.items() if form in content]
            self.assertEqual([part for part in parts if not any(part in name for name in seen)], [], seen)
        forms = [form for needle in needles for form in written(needle)]
        for name, content in found.items():
            self.assertEqual([form for form in forms if form in content], [], name)

    def slots(self):
        return (self.place.dir / "guards/privacy/subjects").read_bytes()

    def returned(self):
        return [(row["object_id"], row["facts"]) for row in self.place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "pii.returned"]

    def expect_returned(self, subject):
        self.assertEqual(eventually(self.returned, "an alarm"), [(subject, {"reason": "exists"})])

    def crowd(self, subject):
        """More entries about a subject than the service reads at once: what it looks for in them, it finds."""
        self.place.stop("custodyd")
        self.place.configure("custodyd", refusals=1000)
        self.place.start()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: self.place.call("POST", f"/v1/subjects/{subject}/reveal", {}, "operator-1"), range(1000)))
        self.assertEqual({reply.status for reply in replies}, {403})
        self.assertGreaterEqual(int(self.place.value(f"SELECT count(*) FROM audit.leaf WHERE oid = '{subject}'")), 1000)

    # Tests

    def test_1_an_auditor_sees_on_a_case_what_nobody_else_can_find(self):
        place = self.place
        alice = self.record(ALICE)
        shown = place.call("GET", f"/v1/subjects/{alice}").json
        self.assertEqual({row["field"] for row in shown["values"]}, set(ALICE))
        self.assertNotIn("box", shown["values"][0])
        self.assertEqual(self.reveal(alice, "address,email,name,note"), ALICE)
        [entry] = [self.event(row) for row in self.entries("pii.record", oid=alice)]
        self.assertEqual(sorted(entry["pii"]), sorted(row["commitment"] for row in shown["values"]))
        [entry] = [self.event(row) for row in self.entries("pii.reveal", oid=alice)]
        facts = entry["facts"]
        self.assertEqual((facts["case"], facts["fields"], facts["signed_by"], entry["actor"]),
                         ("case-7", "address,email,name,note", "auditor-1", "auditor-1"))
        self.assertNowhere(SEEDS)

    def test_2_only_an_auditor_and_only_by_a_signed_order(self):
        alice = self.record({"name": ALICE["name"]})
        other = self.record(BORIS)
        for by in ("admin-1", "operator-1", "approver-1"):
            done = self.reveal(alice, by=by, token_of="auditor-1", check=False)
            self.assertIn("no duty that may see personal data", done.stderr, by)
        self.assertIn("a token with the role auditor", self.reveal(alice, token_of="operator-1", check=False).stderr)
        denied = [row for row in self.entries("pii.reveal", oid=alice) if row["outcome"] == "deny"]
        self.assertEqual(len(denied), 4, denied)
        for row in denied:  # what was asked for; not that somebody had signed it, which nobody has verified
            event = self.event(row)
            self.assertEqual((event["facts"], list(event["refs"])), ({"case": "case-7", "fields": "name"}, ["command"]))
        self.assertEqual(self.reveal(alice), {"name": ALICE["name"]})
        # A row that a superuser moved to another subject, or whose bytes were exchanged, does not open.
        self.place.psql(f"UPDATE audit.pii SET subject = '{alice}' WHERE subject = '{other}' AND field = 'phone'")
        self.assertIn("belongs to another row", self.reveal(alice, "phone", check=False).stderr)
        self.place.psql(f"UPDATE audit.pii SET subject = '{other}' WHERE subject = '{alice}' AND field = 'phone'")
        self.assertEqual(self.reveal(other, "name,phone"), BORIS)
        # That he deleted them is no erasure: the trail has more than the rows, and nobody had it erased.
        self.place.psql(f"""CREATE TABLE public.taken AS SELECT * FROM audit.pii WHERE subject = '{other}' AND field = 'phone';
            DELETE FROM audit.pii WHERE subject = '{other}' AND field = 'phone'""")
        self.assertProblem(self.place.call("GET", f"/v1/subjects/{other}", person="auditor-1"), 503, "corrupt", "subject")
        self.assertIn("no erasure is in the trail", self.reveal(other, check=False).stderr)
        self.place.psql(f"""INSERT INTO public.taken SELECT * FROM audit.pii WHERE subject = '{other}';
            DELETE FROM audit.pii WHERE subject = '{other}'""")
        self.assertProblem(self.place.call("GET", f"/v1/subjects/{other}", person="auditor-1"), 503, "corrupt", "subject")
        self.assertIn("event=subject.lost", self.place.log("custodyd"))
        # The service comes upon it by itself, whatever else is lost; put back, it is no alarm any more.
        subjects = self.many(NAMED)
        self.place.psql(f"""INSERT INTO public.taken SELECT * FROM audit.pii WHERE subject IN {subjects};
            DELETE FROM audit.pii WHERE subject IN {subjects}""")

        def lost():
            alarms = [row for row in self.place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "pii.lost"]
            return {row["object_id"]: row["facts"].get("number") for row in alarms}
        told = eventually(lambda: (lambda told: told if told.get("all") == str(NAMED + 1) else None)(lost()), "all of the loss is an alarm")
        named = set(told) - {"all"}
        self.assertEqual((len(named), named <= {other, *subjects}), (NAMED, True), told)
        self.place.psql("INSERT INTO audit.pii SELECT * FROM public.taken")
        eventually(lambda: lost() == {}, "nothing is lost any more")
        self.assertEqual([row["outcome"] for row in self.entries("pii.lost", oid=max(named - {other}))], ["error", "ok"])
        self.assertEqual([row["outcome"] for row in self.entries("pii.lost", oid="all")][-1], "ok")
        self.assertEqual(self.reveal(other, "name,phone"), BORIS)

    def test_3_an_export_is_complete_and_shows_what_was_recorded(self):
        subject = self.record({"name": "Seed Before"})
        self.record({"name": "Seed After", "memo": "ü"}, subject)
        path = self.place.dir / "export.json"
        self.place.custody("subject", "export", subject, "--case", "access-1", "--reason", "request", "--out", str(path),
                           *self.files("auditor-1"), person="auditor-1")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        rows = json.loads(path.read_text())["values"]
        self.assertEqual([(row["field"], row["value"]) for row in rows], [("memo", "ü"), ("name", "Seed Before"), ("name", "Seed After")])
        recorded = {value for entry in self.entries("pii.record", oid=subject) for value in self.event(entry)["pii"]}
        for row in rows:
            message = f"custody-pii/v1\n{row['field']}\n{row['event']}\n{row['value']}".encode()
            self.assertEqual(hmac.new(bytes.fromhex(row["salt"]), message, hashlib.sha256).hexdigest(), row["commitment"])
        self.assertEqual(recorded, {row["commitment"] for row in rows})
        self.assertIn("3 values are those", self.place.custody("subject", "check", "--in", str(path)).stdout)
        self.assertEqual(by_hand(path), ["memo True", "name True", "name True"])
        shown = self.place.custody("subject", "reveal", subject, "--case", "access-1", "--fields", "name", "--reason", "request",
                                   *self.files("auditor-1"), person="auditor-1").stdout.splitlines()[-2:]
        self.assertEqual(shown, [f"name      \"{row['value']}\" recorded {row['recorded_at']}" for row in rows[1:]])  # which is the newest
        rows[0]["value"] = "u"
        path.write_text(json.dumps({"values": rows}))
        self.assertIn("not the one", self.place.custody("subject", "check", "--in", str(path), check=False).stderr)
        self.assertEqual(by_hand(path), ["memo False", "name True", "name True"])
        path.unlink()

    def test_3_no_field_is_filled_until_nobody_can_see_it(self):
        subject = self.record({"name": "Seed First"})
        values = base64.b64encode(b"Seed Junk").decode()
        body = {"subject": subject, "erase_after": PAST, "values": [{"field": "name", "value": values}]}
        for _ in range(23):
            self.assertEqual(self.place.call("POST", "/v1/subjects", body, "operator-1").status, 201)
        self.assertProblem(self.place.call("POST", "/v1/subjects", body, "operator-1"), 403, "limit_exceeded", "values")
        self.assertEqual(set(self.reveal(subject)), {"name"})
        self.record({"email": "first@seeded.example"}, subject)

    def test_4_a_quorum_forgets_and_no_copy_from_before_can_be_opened(self):
        place = self.place
        alice = self.record(ALICE)
        boris = self.record(BORIS, until=strongroom.time_text(seconds=3600))
        slots = self.slots()
        number = int(place.value(f"SELECT count(*) FROM audit.pii WHERE subject = '{alice}'"))
        self.assertEqual(number, len(ALICE))
        dump = subprocess.run([str(BIN / "pg_dump"), "-d", place.environment["STRONGROOM_DB"], "--data-only", "-t", "audit.pii"],
                              capture_output=True, check=True).stdout
        self.assertIn("the quorum is not reached", self.erase(alice, "admin-1", check=False).stderr)
        self.assertIn("must be kept until", self.erase(boris, "admin-1", "admin-2", check=False).stderr)
        self.crowd(alice)
        order = self.order(alice, "admin-1", "admin-3")
        self.assertIn("erased", place.custody("key", "send", "--command", order).stdout)
        self.assertIn("erased", place.custody("key", "send", "--command", order).stdout, "the same order again")
        [erased, again] = [row for row in self.entries("pii.erase", oid=alice) if row["outcome"] == "ok"]
        self.assertEqual(self.event(erased)["facts"]["signed_by"], "admin-1,admin-3")
        reply = place.call("GET", f"/v1/subjects/{alice}")
        self.assertProblem(reply, 404, "not_found", "subject")
        self.assertEqual(reply.json["detail"], f"it was erased, as entry {again['seq']} says")

        # The rows as a backup has them are put back: with the database as it was and everything else, the key is gone.
        self.assertNotIn(alice.encode(), subprocess.run([str(BIN / "pg_dump"), "-d", place.environment["STRONGROOM_DB"], "-t",
                                                         "audit.pii"], capture_output=True, check=True).stdout)
        rows = [line for line in dump.decode().splitlines() if alice in line]
        self.assertEqual(len(rows), len(ALICE))
        columns = dump.decode().split("COPY audit.pii (")[1].split(")")[0]
        place.psql(f"COPY audit.pii ({columns}) FROM STDIN;\n" + "\n".join(rows) + "\n\\.\n")
        reply = place.call("GET", f"/v1/subjects/{alice}")
        self.assertProblem(reply, 404, "not_found", "subject")
        self.assertIn("rows of it are in the database again", reply.json["detail"])
        self.assertIn(f"event=subject.returned subject={alice}", place.log("custodyd"))
        self.assertIn("erased", self.reveal(alice, check=False).stderr)
        self.assertIn("erased", self.record({"name": "x"}, alice, check=False).stderr)
        self.expect_returned(alice)
        place.stop("custodyd")
        place.start()
        self.expect_returned(alice)
        place.stop("custodyd")
        deleting = re.search("`(DELETE FROM audit.pii .*?)`", PAGE.read_text())[1].replace("ID", alice)
        place.psql(f"SET ROLE strongroom_owner; {deleting}")
        place.start()
        self.assertNotIn("rows of it", place.call("GET", f"/v1/subjects/{alice}").json["detail"])
        eventually(lambda: len(self.entries("pii.returned", oid=alice)) == 2, "the trail has it that they are gone")
        eventually(lambda: self.returned() == [], "the alarm is over")
        back = f"COPY audit.pii ({columns}) FROM STDIN;\n" + "\n".join(rows[:1]) + "\n\\.\n"
        place.psql(back)
        self.expect_returned(alice)
        place.custody("key", "send", "--command", order)
        eventually(lambda: self.returned() == [], "erased again by the same order")
        self.assertEqual(place.value(f"SELECT count(*) FROM audit.pii WHERE subject = '{alice}'"), "0")
        told = eventually(lambda: [row for row in [self.entries("pii.returned", oid=alice)] if len(row) == 4], "the trail has it")[0]
        self.assertEqual([row["outcome"] for row in told], ["error", "ok", "error", "ok"])

        # Neither the guard nor any other file on this machine has the wrapped key any more, but the other subject's.
        gone = [slots[at + 12:at + 44] for at in range(0, len(slots), 64) if slots[at:at + 64] != self.slots()[at:at + 64]]
        self.assertEqual(len(gone), 1)
        self.assertNowhere(gone + SEEDS)
        self.assertEqual(self.reveal(boris, "name,phone"), BORIS)

        # The signer starts again, and the trail verifies as before.
        place.kill("privacy")
        place.start()
        self.assertIn("erased", self.reveal(alice, check=False).stderr)
        eventually(lambda: self.reveal(boris, check=False).returncode == 0, "the signer is back")
        self.assertProven("trail", place.export_trail())

        # Entries that a superuser makes to look like all that was recorded of somebody do not stand for it.
        late = self.record({"name": "Seed Late"})
        place.psql(f"""CREATE TABLE public.alike AS SELECT * FROM audit.leaf WHERE oid = '{alice}' AND outcome = 'deny' ORDER BY seq LIMIT 200;
            UPDATE audit.leaf SET act = 'pii.record', outcome = 'ok', oid = '{late}' WHERE seq IN (SELECT seq FROM public.alike);
            DELETE FROM audit.pii WHERE subject = '{late}'""")
        reply = place.call("GET", f"/v1/subjects/{late}", person="auditor-1")
        place.psql("UPDATE audit.leaf AS l SET act = a.act, outcome = a.outcome, oid = a.oid FROM public.alike AS a WHERE l.seq = a.seq")
        self.assertProblem(reply, 503, "corrupt", "subject")
        self.assertIn("edited rows stand before", reply.json["detail"])

    def test_4_what_is_recorded_while_a_quorum_forgets(self):
        """It is forgotten with the rest or refused, and nobody is told that it is kept: its key is gone."""
        place = self.place
        body = {"erase_after": PAST, "values": [{"field": "name", "value": base64.b64encode(b"Seed Race").decode()}]}
        subjects = [self.record({"name": "Seed First"}) for _ in range(16)]
        orders = [json.loads(pathlib.Path(self.order(subject, "admin-1", "admin-3")).read_text()) for subject in subjects]

        def record(subject):
            return place.call("POST", "/v1/subjects", {"subject": subject, **body})

        def erase(subject, order):
            return place.call("POST", f"/v1/subjects/{subject}/erase", order)

        # One that is sealed, and held up where it would be kept.
        place.psql("""CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS
            $f$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $f$;
            CREATE TRIGGER hold BEFORE INSERT ON audit.pii FOR EACH ROW EXECUTE FUNCTION public.hold()""")
        holder = subprocess.Popen(["psql", "-XAtqd", place.environment["STRONGROOM_DB"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True, env=place.environment)
        with concurrent.futures.ThreadPoolExecutor(5) as pool, holder:
            holder.stdin.write("SELECT pg_advisory_lock(4711);\n")
            holder.stdin.flush()
            holder.stdout.readline()
            late = pool.submit(record, subjects[0])
            eventually(lambda: place.psql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), "it is held up")
            self.assertEqual(erase(subjects[0], orders[0]).status, 200)
            holder.stdin.close()
            self.assertProblem(late.result(), 409, "conflict", "subject")
        place.psql("DROP TRIGGER hold ON audit.pii; DROP FUNCTION public.hold()")

        # Many, whenever they come.
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            for subject, order in zip(subjects[1:], orders[1:], strict=True):
                recorded = [pool.submit(record, subject) for _ in range(2)]
                erased = pool.submit(erase, subject, order)
                recorded += [pool.submit(record, subject) for _ in range(2)]
                self.assertEqual(erased.result().status, 200)
                self.assertLessEqual({reply.result().status for reply in recorded}, {201, 409}, [reply.result() for reply in recorded])
        for subject in subjects:
            self.assertProblem(place.call("GET", f"/v1/subjects/{subject}"), 404, "not_found", "subject")
        rows = place.value("SELECT count(*) FROM audit.pii WHERE subject IN ('" + "', '".join(subjects) + "')")
        self.assertEqual(rows, "0")

    def test_5_the_twenty_first_reveal_of_an_hour_is_refused_and_alarmed(self):
        place = self.place
        subject = self.record({"name": "Seed Twenty"})
        hour = int(time.time()) // 3600  # whoever writes to the database has told of it already, long ago
        place.psql("INSERT INTO custody.mark (subject, value, changed_at) VALUES "
                   f"('pii.limit/auditor-1', 'auditor-1/{hour}', now() - interval '2 days') ON CONFLICT (subject) DO NOTHING")
        answers = [self.reveal(subject, check=False) for _ in range(21)]
        refused = [done for done in answers if done.returncode != 0]
        self.assertTrue(refused)
        self.assertIn("20 reveals in an hour", refused[-1].stderr)
        revealed = [row for row in self.entries("pii.reveal") if row["outcome"] == "ok"]
        numbers = {int(self.event(row)["facts"]["reveal"]) for row in revealed}
        self.assertEqual((max(numbers), len(numbers)), (20, 19), "all tests together; the one of the moved row counted, and failed")
        alarm = eventually(lambda: [row for row in place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "pii.limit"],
                           "an alarm")[0]
        self.assertEqual(alarm["object_id"], "auditor-1")
        self.assertIn("auditor-1", [entry["oid"] for entry in self.entries("pii.limit")])
        place.psql("DELETE FROM custody.mark WHERE subject LIKE 'pii.%'")
        # More rows that a superuser edits than a search passes over: a service tells again once, after its start, and that is no other alarm.
        for at, reveals in ((0, 3), (1, 2)):
            told = {entry["seq"] for entry in self.entries("pii.limit")}
            place.psql(f"""CREATE TABLE public.many AS SELECT * FROM audit.leaf WHERE oid IS DISTINCT FROM '{subject}' ORDER BY seq DESC LIMIT 300;
                UPDATE audit.leaf SET act = 'pii.limit', otype = 'person', oid = 'auditor-1', ord = 2 WHERE seq IN (SELECT seq FROM public.many)""")
            self.assertEqual(place.value("SELECT count(*) FROM public.many"), "300")
            if at == 1:
                place.stop("custodyd")
                place.start()
            for _ in range(reveals):
                self.assertIn("20 reveals in an hour", self.reveal(subject, check=False).stderr)
            place.psql("""UPDATE audit.leaf AS l SET act = m.act, otype = m.otype, oid = m.oid, ord = m.ord FROM public.many AS m WHERE l.seq = m.seq;
                DROP TABLE public.many""")
            self.assertEqual(len({entry["seq"] for entry in self.entries("pii.limit")} - told), at, "once in an hour, whatever the trail looks like")
        # Rows that a superuser makes to look like newer ones hide neither the alarm nor that it was told of.
        told = max(int(entry["seq"]) for entry in self.entries("pii.limit"))
        for _ in range(20):
            self.entries("pii.limit")
        place.psql(f"""CREATE TABLE public.newer AS SELECT * FROM audit.leaf WHERE seq > {told};
            UPDATE audit.leaf SET act = 'pii.limit', otype = 'person', oid = 'auditor-1', ord = 1 WHERE seq IN (SELECT seq FROM public.newer)""")
        self.assertGreater(int(place.value("SELECT count(*) FROM public.newer")), 16)
        self.assertIn("20 reveals in an hour", self.reveal(subject, check=False).stderr)
        place.stop("custodyd")
        place.start()
        again = eventually(lambda: [row for row in place.call("GET", "/v1/alarms").json["alarms"] if row["code"] == "pii.limit"], "it is still one")
        place.psql("UPDATE audit.leaf AS l SET act = n.act, otype = n.otype, oid = n.oid, ord = n.ord FROM public.newer AS n WHERE l.seq = n.seq")
        self.assertEqual([row["id"] for row in again], [alarm["id"]])
        self.assertEqual(max(int(entry["seq"]) for entry in self.entries("pii.limit")), told, "once in an hour")
        self.assertTrue([row for row in self.entries("pii.reveal") if row["outcome"] == "deny"])
        place.kill("privacy")
        place.start()
        self.assertIn("20 reveals in an hour", self.reveal(subject, check=False).stderr, "a restart gives none back")

    def test_6_the_service_without_the_role_says_so_and_works(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", privacy_socket=None)
        place.start()
        reply = place.call("POST", "/v1/subjects", {"subject": strongroom.uuid7(), "erase_after": PAST, "values": [
            {"field": "name", "value": base64.b64encode(b"Seed").decode()}]})
        self.assertProblem(reply, 503, "not_ready")
        self.assertEqual(place.call("GET", "/healthz").status, 200)
        place.withdraw(11)


if __name__ == "__main__":
    unittest.main()
