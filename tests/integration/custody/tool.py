"""custody as tests run it: with a folder of its own, key files, and a service on loopback that says what a test wants."""

import datetime
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../verify"))
import world  # noqa: E402

PROGRAM = os.environ["CUSTODY"]
PASSPHRASE = "correct horse"
ESCAPES = "\x1b]0;owned\x07\x1b[31m\u009b2J\u202e"


class Service(http.server.ThreadingHTTPServer):
    """Answers from `routes`: (method, path) -> (status, value or bytes), or a function of the body; keeps what came."""

    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes = {}
        self.requests = []
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.server_address[1]}" if self.scheme == "https" else \
            f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # a client that refuses our certificate

    def end(self):
        self.shutdown()
        self.thread.join()
        self.server_close()

    def sent(self, method):
        return [request for request in self.requests if request["method"] == method]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append({"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body})
        route = self.server.routes.get((self.command, self.path), (404, problem("not_found", "path", "no such route")))
        status, value, *headers = route(body) if callable(route) else route
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        if status in (301, 302, 307, 308):
            self.send_header("Location", content.decode())
        for name, text in headers:
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def now(days=0):
    """The time of the machine, some days on, as documents write it."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def problem(code, field="", detail=""):
    return {"type": "about:blank", "title": "x", "status": 400, "code": code, "field": field, "detail": detail}


class Case(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.passphrase = self.write("passphrase", PASSPHRASE + "\n", 0o600)

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, content, mode=0o644):
        with open(self.path(name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(self.path(name), mode)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def custody(self, *words, env=None, stdin="", stdout=subprocess.PIPE):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("STRONGROOM_")}
        return subprocess.run([PROGRAM, *words], input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
                              env={**clean, **(env or {})})

    def good(self, *words, **more):
        done = self.custody(*words, **more)
        self.assertEqual(done.returncode, 0, (done.stdout or "") + done.stderr)
        return done.stdout

    def refused(self, code, *words, **more):
        """Fails with that exit code and says why; nothing on standard output looks like a result."""
        done = self.custody(*words, **more)
        self.assertEqual(done.returncode, code, (done.stdout or "") + done.stderr)
        self.assertNotEqual(done.stderr, "")
        self.assertNotRegex(done.stderr, r"\bdone\b")  # a word: folders have random names
        for text in (done.stdout or "", done.stderr):
            self.assertFalse(set(text) - set(map(chr, range(32, 127))) - {"\n"}, repr(text))
        return done.stderr

    def key_file(self, name, key):
        """A key of the world as `openssl` would keep it."""
        sealed = subprocess.run(["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", f"pass:{PASSPHRASE}"],
                                input=key.pem, stdout=subprocess.PIPE, check=True).stdout
        return self.write(name, sealed, 0o600)
