#!/usr/bin/python3
"""Who may read must not be able to stop who signs: exports that nobody reads on hold neither sessions nor withdrawals."""

import pathlib
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402

SESSIONS = 2
ENTRIES = 12000  # an export of these is larger than what socket buffers take in


class SlowReaders(strongroom.Case):
    def grow(self):
        """Entries without meaning, put where the application may put them: each becomes an entry that names its hash."""
        self.place.psql(f"INSERT INTO audit.pending (evt, mac) SELECT '\\x7b7d', '' FROM generate_series(1, {ENTRIES});")
        strongroom.eventually(lambda: self.place.value("SELECT count(*) FROM audit.pending") == "0", "all entries stand in the trail")
        self.place.withdraw(1)  # and under a checkpoint

    def unread_export(self):
        """A request whose reply is not read."""
        plain = socket.socket()
        self.addCleanup(plain.close)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", int((self.place.dir / "etc/port").read_text())))
        reader = self.place.tls.wrap_socket(plain, server_hostname="localhost")
        self.addCleanup(reader.close)
        reader.sendall(b"GET /v1/audit/export HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                       + self.place.token("auditor-1").encode() + b"\r\n\r\n")
        self.assertEqual(reader.recv(12), b"HTTP/1.1 200")

    def test_exports_that_are_not_read(self):
        self.place.stop("custodyd")
        self.place.configure("custodyd", database_connections=SESSIONS, idle=600)
        self.place.start()
        self.grow()
        for _ in range(2 * SESSIONS):
            self.unread_export()
        withdrawal = self.place.withdraw(5)
        self.assertEqual(withdrawal["state"], "confirmed")
        held = self.place.value("SELECT count(*) FROM pg_stat_activity WHERE usename = 'strongroom_auditor' AND state LIKE 'idle in%'")
        self.assertEqual(held, "0")
        self.assertProven("trail", self.place.export_trail())


if __name__ == "__main__":
    unittest.main(verbosity=2)
