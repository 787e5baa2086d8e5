#!/usr/bin/python3
"""The database or the trail fails in every way that is known: no effect leaves, health says why, reads go on where they can, and when the
fault is gone the same process goes on by itself.

The order counts (that of the names): a database that was failed over to stays the database of the tests after it. What comes before:
tests/integration/sequencer (deaths at each step, unknown outcomes, takeovers), test_crash.py (each daemon and the database, killed).
"""

import concurrent.futures
import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import strongroom
from strongroom import eventually

PG_BIN = "/usr/lib/postgresql/15/bin"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
DISK_MB = 400
ROLLBACK = b"Q\x00\x00\x00\x0dROLLBACK\x00"


class Proxy:
    """Between the service and PostgreSQL. `commit` says what becomes of the COMMITs of the application's role, `delay_s` how slow the
    server is."""

    def __init__(self, folder, upstream):
        self.upstream = f"{upstream}/.s.PGSQL.5432"
        self.commit = None
        self.met = 0
        self.delay_s = {}  # of each reply to a role
        self.path = pathlib.Path(f"{folder}/.s.PGSQL.5432")
        self.listen()

    def listen(self):
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        self.listening.listen(128)
        threading.Thread(target=self.accept, args=(self.listening,), daemon=True).start()

    def vanish(self):
        """Like a host that is gone: nobody takes a connection."""
        self.path.unlink()
        self.end(self.listening)

    def accept(self, listening):
        with listening, contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self.upstream)
            cut, who = threading.Event(), []
            replies = threading.Thread(target=self.replies, args=(client, server, cut, who), daemon=True)
            replies.start()
            self.requests(client, server, cut, who)
            replies.join()

    @staticmethod
    def end(*sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def requests(self, client, server, cut, who):
        """The first message says as whom it comes."""
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                who[:] = who or data.split(b"\0")
                if data == COMMIT and b"strongroom_app" in who and self.commit is not None:
                    self.met += 1
                    if self.commit == "rolled back":
                        data = ROLLBACK
                    else:
                        cut.set()
                server.sendall(data)
        self.end(client, server)

    def replies(self, client, server, cut, who):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if cut.is_set():  # the server has done it, and the reply never arrives
                    break
                time.sleep(max((self.delay_s.get(word, 0) for word in who), default=0))
                client.sendall(data)
        self.end(client, server)


class Spare:
    """A standby of the cluster, on a disk of its own (a tmpfs that only its processes see), so that it can be full."""

    def __init__(self, place, primary, home):
        self.home = home
        self.conninfo = f"host={home}/socket user=postgres dbname=strongroom"
        owner = primary.stat()
        self.who = ["setpriv", "--reuid", str(owner.st_uid), "--regid", str(owner.st_gid), "--clear-groups", "--"]
        for folder in (home, home / "socket", home / "data"):
            folder.mkdir(mode=0o711)
            os.chown(folder, owner.st_uid, owner.st_gid)
        for name, line in (("pg_hba.conf", "local replication all peer map=strongroom"),
                           ("pg_ident.conf", f"strongroom {owner.st_uid and 'postgres'} postgres")):
            with open(primary / "data" / name, "a", encoding="ascii") as file:
                file.write(line + "\n")
        place.psql("ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf()")
        subprocess.run([f"{PG_BIN}/pg_basebackup", "-D", home / "copy", "-R", "-h", primary / "socket", "-U", "postgres", "-c", "fast",
                        "--no-sync"], check=True, capture_output=True)
        with open(home / "copy/postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"unix_socket_directories = '{home}/socket'\nmax_wal_size = 64MB\nhot_standby = on\n")
        script = (f"mount -t tmpfs -o size={DISK_MB}m,mode=0700,uid={owner.st_uid},gid={owner.st_gid} none {home}/data && "
                  f"cp -r {home}/copy/. {home}/data && chown -R {owner.st_uid}:{owner.st_gid} {home}/data && cd / && "
                  f"exec {' '.join(self.who)} {PG_BIN}/pg_ctl -D {home}/data -l {home}/data/server.log -w -t 60 start")
        subprocess.run(["unshare", "-m", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=True)
        self.postmaster = int(next(path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline")
                                   if path_says(path, f"{PG_BIN}/postgres\0-D\0{home}/data\0")).parent.name)
        self.disk = pathlib.Path(f"/proc/{self.postmaster}/root{home}/data")
        place.psql("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()")

    def sql(self, text):
        done = subprocess.run(["psql", "-XAtqd", self.conninfo, "-c", text], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def fill(self):
        """To the last page, also what became free since the last time."""
        with open(self.disk / "ballast", "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 12))

    def empty(self):
        (self.disk / "ballast").unlink()

    def remove(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.postmaster, signal.SIGQUIT)
        strongroom.shutil.rmtree(self.home, ignore_errors=True)


def path_says(path, text):
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace").startswith(text)
    return False


class FailClosed(strongroom.Trailed, strongroom.Case):
    asked = 0  # how many questions were put to the trail, each with a limit of its own

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.place
        cls.primary = (place.dir / "postgresql").resolve()
        home = cls.primary.parent / f"{cls.primary.name}-spare"  # short: a socket lies in it
        (place.dir / "proxy").mkdir()
        cls.proxy = Proxy(place.dir / "proxy", cls.primary / "socket")
        place.stop("custodyd")
        place.configure("custodyd", trail_timeout=1000, signer_timeout=1000,
                        database=f"host={place.dir}/proxy,{home}/socket dbname=strongroom")
        place.start()
        if os.getuid() == 0:  # to mount a disk
            cls.spare = Spare(place, cls.primary, home)
            cls.addClassCleanup(cls.spare.remove)

    def setUp(self):
        self.proxy.commit = None
        self.service = self.place.pid("custodyd")
        self.row = self.place.proposed(11)
        self.place.approve(self.row, "approver-1")
        self.document = self.place.approval(self.row, "approver-2")
        self.before = self.place.ledger_transactions()

    def health(self):
        reply = self.place.call("GET", "/healthz", headers={"Authorization": None})
        return reply.status, {name: part.get("reason") for name, part in reply.json["parts"].items() if not part["ready"]}

    def assertClosed(self, part, reasons, reads=True):
        """The decision that would bring the effect is refused, and so is new work; health names the part and the reason."""
        for reply in (self.place.decide(self.row, "approver-2", document=self.document), self.place.propose(12)):
            self.assertEqual((reply.status, reply.type), (503, "application/problem+json"), reply)
        status, _ = eventually(lambda: (found := self.health()) and found[1].get(part) in reasons and found, f"{part} is not ready: {reasons}")
        self.assertEqual(status, 503)
        if reads:
            self.assertEqual(self.place.ledger_transactions(), self.before)
        if reads:
            self.assertNotIn(self.assertReads()["state"], ("signed", "submitted", "confirmed"))
        else:
            self.assertEqual(self.place.call("GET", f"/v1/withdrawals/{self.row['id']}").status, 503)

    def assertReads(self):
        """They go on, those of the trail, too. Answers the withdrawal."""
        FailClosed.asked += 1
        asked = self.place.call("GET", f"/v1/audit/entries?limit={self.asked}", person="auditor-1")
        read = self.place.call("GET", f"/v1/withdrawals/{self.row['id']}")
        self.assertEqual((asked.status, read.status), (200, 200), (asked, read))
        return read.json["withdrawal"]

    def reads_told(self):
        """The questions that were answered while the trail could not be told, by the digest of each."""
        queries = {hashlib.sha256(f"/v1/audit/entries\nlimit={n}\n".encode()).hexdigest() for n in range(1, self.asked + 1)}
        return queries <= {self.event(row)["refs"]["query"] for row in self.entries("trail.read")}

    def assertHeals(self):
        """By itself: the same process, the same document, and the trail proves it all."""
        place = self.place
        eventually(lambda: place.decide(self.row, "approver-2", document=self.document).status == 200, "the approval is taken")
        place.wait(self.row["id"], "confirmed")
        place.withdraw(13)
        eventually(lambda: self.health() == (200, {}), "health says so")
        self.assertEqual(place.pid("custodyd"), self.service)
        self.assertIsNone(place.ended("custodyd"))
        sent = [entry[0] for entry in place.ledger_transactions()[len(self.before):]]
        self.assertEqual(len(sent), len(set(sent)))
        self.assertIn(place.read(self.row["id"])["transaction_id"], sent)
        eventually(self.reads_told, "the trail has every read that was answered meanwhile")
        self.assertReceiptsHold()  # also those from before the fault

    @contextlib.contextmanager
    def stopped(self, *processes):
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    @contextlib.contextmanager
    def stopped_cluster(self, home):
        """The postmaster first, so that it makes no further children."""
        with open(home / "data/postmaster.pid", encoding="ascii") as file:
            postmaster = int(file.readline())
        with self.stopped(postmaster):
            eventually(lambda: "\nState:\tT" in pathlib.Path(f"/proc/{postmaster}/status").read_text(), "it has stopped")
            with open(f"/proc/{postmaster}/task/{postmaster}/children", encoding="ascii") as file:
                children = [int(child) for child in file.read().split()]
            with self.stopped(*children):
                yield

    def test_audit_signer_hangs(self):
        with self.stopped(self.place.pid("audit")):
            self.assertClosed("signer_audit", ("timed_out", "unavailable"))
        self.assertHeals()

    def test_commit_is_a_rollback(self):
        self.proxy.commit = "rolled back"
        reply = self.place.patiently(lambda: self.place.decide(self.row, "approver-2", document=self.document))
        self.assertProblem(reply, 409, "conflict", "commit")  # known at once: nobody waits for what will never be there
        self.assertGreater(self.proxy.met, 0)
        self.assertReads()
        self.proxy.commit = None
        self.assertEqual(self.place.read(self.row["id"])["state"], "approving")
        self.assertHeals()

    def test_commit_is_not_confirmed_by_a_standby(self):
        """The warning 01000: what was committed may be gone after a failover."""
        place = self.place
        place.psql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'; ALTER SYSTEM SET synchronous_commit = local")
        place.psql("SELECT pg_reload_conf()")
        if os.getuid() == 0:
            eventually(lambda: place.value("SELECT sync_state FROM pg_stat_replication") == "async", "the standby counts no longer")
        ended = threading.Event()

        def cancel():
            while not ended.wait(0.05):
                place.psql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

        canceller = threading.Thread(target=cancel)
        canceller.start()
        try:
            for reply in (place.decide(self.row, "approver-2", document=self.document), place.propose(12)):
                self.assertEqual(reply.status, 503, reply)
            self.assertReads()
            self.assertEqual(place.ledger_transactions(), self.before)
        finally:
            place.psql("ALTER SYSTEM SET synchronous_standby_names = '*'; ALTER SYSTEM RESET synchronous_commit")
            place.psql("SELECT pg_reload_conf()")
            ended.set()
            canceller.join()
        self.assertHeals()

    def test_commit_without_a_reply(self):
        """The approval stands in the database, and nobody knows: it is not answered, and not doubled when it comes again."""
        self.proxy.commit = "cut"
        reply = self.place.decide(self.row, "approver-2", document=self.document)
        self.assertEqual(reply.status, 503, reply)
        self.assertGreater(self.proxy.met, 0)
        self.assertEqual({json.loads(signed["document"])["approver"] for signed in self.assertReads()["approvals"]}, {"approver-1", "approver-2"})
        self.proxy.commit = None
        self.assertHeals()
        told = [(entry["actor"], entry["outcome"]) for entry in self.place.history(self.row["id"]) if entry["act"] == "withdrawal.approve"]
        self.assertEqual(told, [("approver-1", "ok"), ("approver-2", "ok")])

    def test_database_gone(self):
        self.place.postgres_kill()
        self.assertClosed("database", ("unavailable",), reads=False)
        anybody = self.place.call("GET", "/v1/withdrawals", headers={"Authorization": f"Bearer sr_{'A' * 43}"})
        self.assertEqual((anybody.status, anybody.json["field"], anybody.json.get("detail")), (503, "postgresql", None), "where it is tells the log alone")
        self.place.postgres_start()
        self.assertHeals()

    def test_database_hangs(self):
        with self.stopped_cluster(self.primary):
            self.assertClosed("database", ("timed_out", "unavailable", "busy"), reads=False)
        self.assertHeals()

    def test_database_slow(self):
        """It answers everybody late, and whoever writes the trail later than anybody waits: what was asked for is not answered as done,
        and is done once."""
        place = self.place
        self.proxy.delay_s = {b"strongroom_app": 0.05, b"strongroom_auditor": 0.05, b"strongroom_sequencer": 1.5}
        try:
            told = place.decide(self.row, "approver-2", document=self.document)
            self.assertProblem(told, 503, "not_ready", "trail")
            kept = place.value(f"SELECT count(*) FROM custody.approval WHERE withdrawal = '{self.row['id']}' AND person = 'approver-2'")
            says = re.search("^it is recorded, but .*: repeat it with the same Idempotency-Key, or look before you repeat", told.json["detail"])
            self.assertEqual(says is not None, kept == "1", told)  # on a slow machine it may have been refused before that
            eventually(lambda: place.propose(1).status == 503 and self.health() == (503, {"trail": "not_ready"}), "health says so")
            self.assertReads()
        finally:
            self.proxy.delay_s = {}
        self.assertHeals()

    def test_each_minute_it_says_that_it_is_there(self):
        """Through all that was done to it so far, and no oftener: silence would show."""
        place = self.place
        start = self.event(self.entries("service.start")[-1])

        def said():
            time.sleep(0.5)  # between two looks
            rows = place.psql("SELECT convert_from(raw, 'UTF8') FROM audit.leaf WHERE act = 'service.heartbeat'")
            return sum(f'"pr":"{start["pr"]}"' in row for row, *_ in rows)

        number = eventually(said, "a heartbeat of this process")
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(start["ts"].replace("Z", "+00:00"))
        self.assertLessEqual(number, age.total_seconds() / 60)

    @unittest.skipIf(os.getuid() != 0, "needs a disk of its own: only root can mount one")
    def test_failed_over(self):
        place = self.place
        place.postgres_kill()
        self.proxy.vanish()
        self.assertClosed("database", ("unavailable",), reads=False)
        self.spare.sql("SELECT pg_promote()")
        place.environment["STRONGROOM_DB"] = self.spare.conninfo
        self.assertHeals()
        epoch = int(self.spare.sql("SELECT epoch FROM audit.head"))
        # The old one comes back, and nobody has told it. No standby confirms what is committed there, and its trail is older than what
        # was signed: that halts, and people must say which one is right.
        self.setUp()
        place.postgres_start()
        self.proxy.listen()
        self.spare.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strongroom'")
        self.assertGreaterEqual(place.decide(self.row, "approver-2", document=self.document).status, 400)
        self.assertEqual(place.propose(12).status, 503)
        eventually(lambda: self.health()[1].get("trail") == "halted", "the trail halts")
        self.assertEqual(place.ledger_transactions(), self.before)
        place.postgres_kill()
        self.proxy.vanish()
        place.stop("custodyd")
        place.start()
        self.service = place.pid("custodyd")
        self.assertHeals()
        self.assertGreater(int(self.spare.sql("SELECT epoch FROM audit.head")), epoch)

    @unittest.skipIf(os.getuid() != 0, "needs a disk of its own: only root can mount one")
    def test_full(self):
        place = self.place
        # The write-ahead log begins a segment that has room to the end of the test: without any the server would end.
        place.psql("SELECT pg_switch_wal(); CHECKPOINT")

        def no_room():
            """A proposal finds none, and the trail none for an entry: which of their tables is full before the other is chance."""
            self.spare.fill()
            told = place.propose(1), place.call("POST", f"/v1/withdrawals/{self.row['id']}/approve", {}, "approver-3")
            return [reply.status for reply in told] == [503, 503] and self.health()[1].get("database") == "unavailable"

        try:
            eventually(no_room, "there is no room left")
            self.assertClosed("database", ("unavailable",))
        finally:
            self.spare.empty()
        self.assertHeals()

    def test_sequencer_stops(self):
        """Somebody else holds the lock of the sequencers and does nothing: nobody halts, nobody leads, nothing is covered."""
        place = self.place
        holder = subprocess.Popen(["psql", "-XAtqd", place.environment["STRONGROOM_DB"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with holder:
            holder.stdin.write("DO $$ BEGIN WHILE NOT pg_try_advisory_lock(7023577) LOOP PERFORM pg_terminate_backend(pid, 5000)"
                               " FROM pg_locks WHERE locktype = 'advisory' AND granted; END LOOP; END $$; SELECT 'held';\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), "held\n")
            eventually(lambda: place.propose(1).status == 503, "nobody leads")
            self.assertClosed("trail", ("not_ready",))
            holder.stdin.close()
        self.assertHeals()


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    for test, reason in result.skipped:
        print(f"not run: {test.id()}: {reason}")
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
