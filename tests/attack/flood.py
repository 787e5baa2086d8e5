"""A flood of the REST interface, from processes of its own: what somebody does who wants nobody else to be served.

Four kinds: connections that say nothing, requests that arrive byte by byte, one valid token asking as fast as it can for reads
and for effects that are refused, and bodies that never end. Whatever is cut or refused comes again at once. The shared counters
say what became of it; nothing here decides a test by a clock.
"""

import http.client
import multiprocessing
import os
import signal
import socket
import threading
import time

COUNTERS = ("opened", "cut", "served", "refused", "limited", "failed")
DRIP_S = 0.2


class Flood:
    def __init__(self, port, tls, token, source="127.0.0.1"):
        """`source`: the address that it comes from."""
        self.port, self.tls, self.token, self.source = port, tls, token, (source, 0)
        self.counts = []  # of each process its own: one that is killed takes no lock with it that others wait for
        self.processes = []

    def count(self, name):
        with self.lock:
            self.mine[name].value += 1

    def now(self):
        return {name: sum(counts[name].value for counts in self.counts) for name in COUNTERS}

    def start(self, kind, places, processes=1):
        """Starts processes that hold so many connections each."""
        for _ in range(processes):
            self.counts.append({name: multiprocessing.RawValue("q", 0) for name in COUNTERS})
            process = multiprocessing.Process(target=self.run, args=(kind, places, self.counts[-1]), daemon=True)
            process.start()
            self.processes.append(process)

    def running(self):
        return all(process.is_alive() for process in self.processes)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.join()
        self.processes = []

    def run(self, kind, places, counts):
        self.mine, self.lock = counts, threading.Lock()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.nice(5)  # the machine that a test runs on is the attacker's too: without this the scheduler is what is measured
        for _ in range(places):
            threading.Thread(target=self.forever, args=(getattr(self, kind),), daemon=True).start()
        threading.Event().wait()

    def forever(self, attack):
        while True:
            try:
                attack()
            except (OSError, http.client.HTTPException):
                self.count("cut")
                time.sleep(0.01)

    def plain(self):
        connection = socket.create_connection(("127.0.0.1", self.port), source_address=self.source)
        self.count("opened")
        return connection

    def secure(self):
        return self.tls.wrap_socket(self.plain(), server_hostname="localhost")

    # Kinds

    def silent(self):
        """A connection that never says anything."""
        with self.plain() as connection:
            connection.recv(1)
        raise ConnectionResetError

    def slow(self):
        """A request that arrives byte by byte, with no end."""
        with self.secure() as connection:
            connection.sendall(b"POST /v1/freezes HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            while True:
                time.sleep(DRIP_S)
                connection.sendall(b"x")

    def asking(self):
        """One token: reads, and effects that are not for it."""
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.tls, source_address=self.source)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.count("opened")
        try:
            while True:
                for method, path, body in (("GET", "/v1/withdrawals", None), ("POST", "/v1/destinations", b"{}"),
                                           ("POST", "/v1/freezes", b"{}")):
                    connection.request(method, path, body, headers)
                    reply = connection.getresponse()
                    reply.read()
                    self.count({2: "served", 5: "failed"}.get(reply.status // 100, "limited" if reply.status == 429 else "refused"))
        finally:
            connection.close()

    def endless(self):
        """A body without end."""
        with self.secure() as connection:
            connection.sendall(b"POST /v1/withdrawals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + self.token.encode()
                               + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                connection.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
