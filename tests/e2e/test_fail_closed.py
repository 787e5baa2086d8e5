#!/usr/bin/python3
"""The database or the trail fails in every way that is known: no effect leaves, health says why, reads go on where they can, and when the
fault is gone the same process goes on by itself.

The order counts (that of the names): a database that was failed over to stays the database of the tests after it. What comes before:
tests/integration/sequencer (deaths at each step, unknown outcomes, takeovers), test_crash.py (each daemon and the database, killed).
"""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import unittest

import strongroom
from strongroom import eventually

PG_BIN = "/usr/lib/postgresql/15/bin"
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
ROLLBACK = b"Q\x00\x00\x00\x0dROLLBACK\x00"


class Proxy:
    """Between the service and PostgreSQL. `commit` says what becomes of the COMMITs of the application's role."""

    def __init__(self, folder, upstream):
        self.upstream = f"{upstream}/.s.PGSQL.5432"
        self.commit = None
        self.met = 0
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(f"{folder}/.s.PGSQL.5432")
        self.listening.listen(128)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listening.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.upstream)
            except OSError:
                client.close()
                continue
            cut = threading.Event()
            for work in (self.requests, self.replies):
                threading.Thread(target=work, args=(client, server, cut), daemon=True).start()

    @staticmethod
    def end(*sockets):
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def requests(self, client, server, cut):
        start = None
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                start = start or data
                if data == COMMIT and b"\0strongroom_app\0" in start and self.commit is not None:
                    self.met += 1
                    if self.commit == "rolled back":
                        data = ROLLBACK
                    else:
                        cut.set()
                server.sendall(data)
        self.end(client, server)

    def replies(self, client, server, cut):
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if cut.is_set():  # the server has done it, and the reply never arrives
                    break
                client.sendall(data)
        self.end(client, server)


def as_postgres(*command, **options):
    if os.getuid() == 0:
        command = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--", *command)
    return subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, **options)


class FailClosed(strongroom.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.place
        cls.primary = (place.dir / "postgresql").resolve()
        cls.spare = cls.primary.parent / f"{cls.primary.name}-spare"  # short: a socket lies in it
        for folder in (cls.spare, cls.spare / "socket"):
            folder.mkdir(mode=0o711)
            if os.getuid() == 0:
                os.chown(folder, cls.primary.stat().st_uid, cls.primary.stat().st_gid)
        cls.addClassCleanup(strongroom.shutil.rmtree, cls.spare, ignore_errors=True)
        (place.dir / "proxy").mkdir()
        cls.proxy = Proxy(place.dir / "proxy", cls.primary / "socket")
        place.stop("custodyd")
        place.configure("custodyd", trail_timeout=1000, signer_timeout=1000,
                        database=f"host={place.dir}/proxy,{cls.spare}/socket dbname=strongroom")
        place.start()

    def setUp(self):
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
        status, parts = eventually(lambda: (found := self.health()) and part in found[1] and found, f"{part} is not ready")
        self.assertEqual(status, 503)
        self.assertIn(parts[part], reasons, parts)
        self.assertEqual(self.place.ledger_transactions(), self.before)
        reply = self.place.call("GET", f"/v1/withdrawals/{self.row['id']}")
        self.assertEqual(reply.status, 200 if reads else 503, reply)
        if reads:
            self.assertNotIn(reply.json["withdrawal"]["state"], ("signed", "submitted", "confirmed"))

    def assertHeals(self):
        """By itself: the same process, the same document, and the trail proves it all."""
        place = self.place
        eventually(lambda: self.health() == (200, {}), "effects are possible")
        eventually(lambda: place.decide(self.row, "approver-2", document=self.document).status == 200, "the approval is taken")
        place.wait(self.row["id"], "confirmed")
        place.withdraw(13)
        self.assertEqual(place.pid("custodyd"), self.service)
        self.assertIsNone(place.ended("custodyd"))
        sent = [entry[0] for entry in place.ledger_transactions()[len(self.before):]]
        self.assertEqual(len(sent), len(set(sent)))
        self.assertIn(place.read(self.row["id"])["transaction_id"], sent)
        self.assertProven("trail", place.export_trail())

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

    def backends(self, home):
        """The postmaster, then its children."""
        with open(home / "data/postmaster.pid", encoding="ascii") as file:
            postmaster = int(file.readline())
        with open(f"/proc/{postmaster}/task/{postmaster}/children", encoding="ascii") as file:
            return [postmaster, *map(int, file.read().split())]

    def test_audit_signer_hangs(self):
        with self.stopped(self.place.pid("audit")):
            self.assertClosed("signer_audit", ("timed_out", "unavailable"))
        self.assertHeals()

    def test_commit_is_a_rollback(self):
        self.proxy.commit = "rolled back"
        reply = self.place.decide(self.row, "approver-2", document=self.document)
        self.assertGreaterEqual(reply.status, 400, reply)
        self.assertGreater(self.proxy.met, 0)
        self.proxy.commit = None
        self.assertEqual(self.place.read(self.row["id"])["state"], "approving")
        self.assertHeals()

    def test_commit_is_not_confirmed_by_a_standby(self):
        """The warning 01000: what was committed may be gone after a failover."""
        place = self.place
        place.psql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'; ALTER SYSTEM SET synchronous_commit = local")
        place.psql("SELECT pg_reload_conf()")
        ended = threading.Event()

        def cancel():
            while not ended.wait(0.05):
                place.psql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

        canceller = threading.Thread(target=cancel)
        canceller.start()
        try:
            for reply in (place.decide(self.row, "approver-2", document=self.document), place.propose(12)):
                self.assertEqual(reply.status, 503, reply)
            self.assertEqual(place.ledger_transactions(), self.before)
        finally:
            place.psql("ALTER SYSTEM RESET synchronous_standby_names; ALTER SYSTEM RESET synchronous_commit")
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
        self.proxy.commit = None
        self.assertHeals()

    def test_database_gone(self):
        self.place.postgres_kill()
        self.assertClosed("database", ("unavailable",), reads=False)
        self.place.postgres_start()
        self.assertHeals()

    def test_database_hangs(self):
        with self.stopped(*self.backends(self.primary)):
            self.assertClosed("database", ("timed_out", "unavailable", "busy"), reads=False)
        self.assertHeals()


if __name__ == "__main__":
    unittest.main()
