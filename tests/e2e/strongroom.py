"""An evaluation of Strongroom as tests drive it: the real daemons, PostgreSQL, SoftHSM tokens, TLS, on loopback.

deploy/demo/{provision,services,enrol} make and run it, so what is tested is what the quickstart gives. People sign here with
openssl and not with our own program. Every reply is checked against docs/openapi.yaml. The folder, its database and its
daemons are gone when the test ends, also when it is killed (`watch` below).
"""

import base64
import ctypes
import datetime
import fnmatch
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import select
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

import openapi
import places
import tlog

SOURCE = pathlib.Path(os.environ.get("STRONGROOM_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("STRONGROOM_BUILD_DIR", SOURCE / "build/dev-gcc"))
DEMO = SOURCE / "deploy/demo"
PROGRAMS = {"custodyd": "custodyd", "signerd": "signerd", "custody": "custody", "custody-verify": "verify", "custody-nonces": "nonces"}
SIGNERS = ("audit", "validator", "transfer")
DAEMONS = SIGNERS + ("custodyd",)
EVERY_DAEMON = ("witness",) + SIGNERS + ("privacy", "custodyd")  # witness, privacy: where a test asks for it
# What somebody asked for, and the entry that the receipt of the reply is for. A medium's entry is what is told in it.
ENTRIES = [(re.compile(f"/v1/{path}"), act) for path, act in (
    (r"withdrawals", "withdrawal.request"), (r"withdrawals/[^/]+/request", "withdrawal.request_sign"),
    (r"withdrawals/[^/]+/(approve|reject|cancel|veto|settle)", r"withdrawal.\1"),
    (r"keys", "key.admit"), (r"keys/[^/]+/commands", "key.command"), (r"keys/[^/]+/restores", "key.restore"),
    (r"keys/[^/]+/attestations", "key.attest"), (r"freezes", "freeze.command"), (r"alarms/[^/]+/acknowledge", "alarm.acknowledge"),
    (r"media", "medium.add"), (r"media/[^/]+/entries", "medium.(access|move|inspect|destroy)"),
    (r"media/[^/]+/entries/[^/]+/(confirm|refuse)", r"medium.\1"), (r"ceremonies/refusals", "ceremony.refused"),
    (r"compromises", "compromise.(report|drill)"), (r"policies", "policy.proposed"), (r"policies/veto", "policy.veto"),
    (r"destinations", "destination.add"), (r"destinations/revoke", "destination.revoke"), (r"people/(suspend|resume)", r"person.\1"),
    (r"audit/log-keys", "log.key"), (r"audit/copies", "trail.copied"), (r"audit/reviews", "review.signed"),
    (r"subjects", "pii.record"), (r"subjects/[^/]+/(reveal|erase)", r"pii.\1"), (r"ledger/transactions", "ledger.(submit|issue)"))]
# What stops something waits for no receipt, and what changed nothing has none.
WITHOUT_RECEIPT = re.compile(r"/v1/(withdrawals/[^/]+/veto|keys.*|freezes|alarms/.*|compromises|policies.*|destinations/revoke|people/.*|"
                             r"ledger/transactions)")
ENDS = {"confirmed", "rejected", "expired", "cancelled", "failed", "quarantined"}
DEADLINE_S = int(os.environ.get("STRONGROOM_DEADLINE_S", "180"))  # decides nothing but when a test that hangs is called failed
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
API = openapi.Description(SOURCE / "docs/openapi.yaml")


def canonical(value):
    """The bytes of a canonical document (docs/formats.md section 1)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(kind, document):
    return hashlib.sha256(f"strongroom/{kind}/v1\n{document}".encode()).hexdigest()


def address_of(account):
    """The address of 64 hex digits."""
    return f"sr1{account}{digest('address', account)[:8]}"


def alike(address):
    """Another address with the same first four and last four characters."""
    return next(other for other in (address_of(address[3:7] + f"{number:060x}") for number in range(1 << 24))
                if other[-4:] == address[-4:])


def time_text(at=None, seconds=0):
    at = at or datetime.datetime.now(datetime.timezone.utc)
    return (at + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def uuid7():
    text = f"{int(time.time() * 1000):012x}7{secrets.token_hex(2)[:3]}a{secrets.token_hex(8)[:15]}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def declared_entries():
    """What docs/audit-events.md says of each entry: lists of words."""
    rows = {}
    for line in (SOURCE / "docs/audit-events.md").read_text().split("## References")[0].splitlines():
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:6]]
        if len(cells) == 5 and len(cells[0]) == 1:
            rows[cells[0][0]] = dict(zip(("object", "outcomes", "refs", "facts"), cells[1:]))
    return rows


def eventually(question, what):
    """Asks again and again until the answer is truthy, and returns it."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.type = headers.get("Content-Type", "").split(";")[0]
        self.headers = headers
        self.bytes = body
        self.json = json.loads(body) if self.type.endswith("json") and body else None

    def __repr__(self):
        return f"<{self.status} {self.bytes[:600]!r}>"


class Evaluation:
    def __init__(self):
        # Short, because a Unix socket's path holds at most 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sre.", dir="/tmp"))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "STRONGROOM_"))}
        # psql itself: Debian's /usr/bin/psql is a script in Perl that looks for it, and takes longer than most that it is asked.
        self.environment["PATH"] = f"/usr/lib/postgresql/15/bin:{os.environ['PATH']}"
        # Daemons outlive the script that starts them: they become children of this process, which learns how they end.
        ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)
        self.watcher = subprocess.Popen([sys.executable, __file__, "watch", str(self.dir), str(os.getpid())],
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        self.keys = {}
        self.effects = []  # (path asked, by whom, the reply), for Case.assertReceiptsHold
        self.endings = {}
        self.kept = None

    # Life and death

    def provision(self, wallets=(), assets=(), privacy=False, witness=False):
        """`wallets` and `assets`: more than the wallet hot and the asset DEMO; `privacy`: with the fourth role; `witness`: as the
        quickstart makes it, with a witness of the trail."""
        programs = {name: (BUILD / "services" / folder / name).resolve(strict=True) for name, folder in PROGRAMS.items()}
        made_by = [*programs.values(), *DEMO.iterdir(), *(SOURCE / "migrations").iterdir()]
        if not witness:  # whose state is never believed again once it was copied
            self.kept = places.Kept(BUILD / "tests/places", made_by, tuple(wallets), tuple(assets), privacy)
        if self.kept is not None and self.kept.give(self.dir):
            for role in (*SIGNERS, "privacy") if privacy else SIGNERS:
                self.initialise_guard(role)
            self.postgres_start()
        else:
            self.provision_anew(programs, wallets, assets, privacy, witness)
            if self.kept is not None and not (self.dir / "postgresql").is_symlink():  # the cluster lies in this folder too
                self.postgres("stop", "-m", "fast")
                self.kept.keep(self.dir)
                self.postgres_start()
        self.configure("custodyd", read_rate=10000)  # tests look at the trail more often than people
        for role in (*SIGNERS, "privacy") if privacy else SIGNERS:
            self.configure(role, token_timeout_ms=3000)  # no token is down because the machine is busy

    def provision_anew(self, programs, wallets, assets, privacy, witness):
        for folder in ("bin", "etc", "log", "run", "keys"):
            (self.dir / folder).mkdir()
        for name, program in programs.items():
            (self.dir / "bin" / name).symlink_to(program)
        if privacy:
            (self.dir / "etc/privacy").touch()
        if witness:
            (self.dir / "etc/witness").touch()
        (self.dir / "etc/more-people").write_text("approver-4 approver requester\nrequester-2 requester\n")
        for name, lines in (("more-wallets", wallets), ("more-assets", assets)):
            if lines:
                (self.dir / "etc" / name).write_text("".join(f"{line}\n" for line in lines))
        self.script("provision")

    def initialise_guard(self, role, *more):
        """As provision does, in place of the one that was copied: a signer takes no copy."""
        guard, etc = self.dir / "guards" / role, self.dir / "etc"
        shutil.rmtree(guard)
        with open(self.dir / "secrets" / f"{role}.pin", "rb") as pin:
            done = subprocess.run([self.dir / "bin/signerd", "initialise", "--role", role, "--guard", guard, "--key", role, "--token",
                            (etc / f"tokens/{role}.uri").read_text().strip(), "--pin-fd", str(pin.fileno()), "--policy",
                            etc / "policy.json", "--command", self.dir / f"ceremony/guard-{role}.json", "--genesis",
                            etc / "genesis.json", *more], stdin=subprocess.DEVNULL, capture_output=True, pass_fds=[pin.fileno()],
                           text=True, check=False,
                           env={**self.environment, "SOFTHSM2_CONF": str(etc / "softhsm2.conf")})
        if done.returncode != 0:
            raise AssertionError(f"the guard of {role}: {done.stderr}")

    def enrol(self):
        self.script("enrol")
        for person, roles in (("approver-4", "approver,requester"), ("requester-2", "requester")):
            (self.dir / "people" / f"{person}.token").write_text(self.grant(person, roles))
        for line in (self.dir / "env").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            if name.startswith("STRONGROOM_") or name == "SOFTHSM2_CONF":
                self.environment[name] = value.strip("'")
        self.tls = ssl.create_default_context(cafile=str(self.dir / "tls/cert.pem"))
        policy = json.loads(json.loads((self.dir / "etc/policy.json").read_text())["document"])
        self.asset = (self.dir / "ceremony/asset").read_text().strip()
        self.chain = policy["chain"]
        self.policy_digest = (self.dir / "ceremony/policy-digest").read_text().strip()
        self.payee = self.person("payee-1")["address"]
        self.hot = self.call("GET", "/v1/wallets/hot").json["address"]

    def script(self, name, *arguments, check=True, **environment):
        """Runs a script of deploy/demo; answers whether it succeeded."""
        command = [str(DEMO / name), *arguments, str(self.dir)]
        with open(self.dir / "log/scripts.log", "ab") as log:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  env={**self.environment, **environment}, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{name} failed:\n{(self.dir / 'log/scripts.log').read_text()[-2000:]}")
        return done.returncode == 0

    def start(self, check=True, **environment):
        """Starts every daemon that does not run, with these environment variables, and waits until effects are possible."""
        for name in EVERY_DAEMON:
            self.ended(name)
        return self.script("services", "start", check=check, **environment)

    def start_halted(self, part):
        """Starts what does not run, and waits until this part of the service says that it has halted, for good."""
        starting = subprocess.Popen([str(DEMO / "services"), "start", str(self.dir)], stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment)

        def halted():
            reply = self.is_there()
            return reply is not None and reply.status == 503 and reply.json["parts"][part].get("reason") == "halted"

        try:
            eventually(halted, f"{part} halts")
        finally:
            starting.kill()
            starting.wait()

    def is_there(self):
        """The answer of /healthz, None when there is none yet but that the service is starting."""
        try:
            reply = self.call("GET", "/healthz")
        except (OSError, http.client.HTTPException):
            return None
        return reply if "parts" in reply.json else None

    def start_unready(self):
        """Starts what does not run, and does not wait until effects are possible, which they will not be."""
        for name in EVERY_DAEMON:
            self.ended(name)
        with subprocess.Popen([str(DEMO / "services"), "start", str(self.dir)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=self.environment) as starting:
            eventually(self.is_there, "the service answers")
            starting.kill()

    def pid(self, name):
        path = self.dir / "run" / f"{name}.pid"
        return int(path.read_text()) if path.exists() else None

    def ended(self, name):
        """None while the daemon runs; afterwards its exit status, negative when a signal ended it."""
        pid = self.pid(name)
        if pid is None:
            return self.endings.get(name, 0)
        try:
            waited, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # the script that started it saw it end
            waited, status = (0, 0) if os.path.exists(f"/proc/{pid}") else (pid, 0)
        if waited == 0:
            return None
        (self.dir / "run" / f"{name}.pid").unlink()
        self.endings[name] = os.waitstatus_to_exitcode(status)
        return self.endings[name]

    def end(self, name, number):
        """Ends a daemon by a signal and waits until it is gone."""
        pid = self.pid(name)
        if pid is not None and self.ended(name) is None:
            os.kill(pid, number)
            eventually(lambda: self.ended(name) is not None, f"{name} ends after signal {number}")
        return self.endings.get(name)

    def kill(self, name):
        return self.end(name, signal.SIGKILL)

    def stop(self, *names):
        """Stops daemons in order; each must leave with exit status 0."""
        for name in names or reversed(EVERY_DAEMON):
            if self.pid(name) is not None and self.end(name, signal.SIGTERM) != 0:
                raise AssertionError(f"{name} stopped with {self.endings[name]}:\n{self.log(name)[-2000:]}")

    def remove(self):
        self.watcher.terminate()
        self.watcher.wait()
        for name in EVERY_DAEMON:
            self.kill(name)
        remove(self.dir)
        if self.kept is not None:
            self.kept.free()

    def log(self, name):
        path = self.dir / "log" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def configure(self, daemon, **options):
        """Sets options in a configuration file (None takes one out); the daemon reads it at its next start."""
        path = self.dir / "etc" / ("custodyd.conf" if daemon == "custodyd" else f"signerd-{daemon}.conf")
        names = {name.replace("_", "-"): value for name, value in options.items()}
        lines = [line for line in path.read_text().splitlines() if line.split(" = ")[0] not in names]
        path.write_text("\n".join(lines + [f"{name} = {value}" for name, value in names.items() if value is not None]) + "\n")

    # Database

    def psql(self, sql, check=True):
        """Runs SQL as superuser, with all triggers off; answers the rows as lists of text."""
        done = subprocess.run(["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.environment["STRONGROOM_DB"]],
                              input="SET session_replication_role = replica;\n" + sql, text=True, capture_output=True,
                              env=self.environment, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}\n{sql}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def at_once(self, sql):
        """The same as one transaction: the service, which looks each second, sees all of it or nothing."""
        return self.psql(f"BEGIN;\n{sql};\nCOMMIT")

    def value(self, sql):
        return self.psql(sql)[0][0]

    def insert_approval(self, row, person, signed):
        """A row of custody.approval, as the service would write it for this signed document of that person."""
        signature = signed["signatures"][0]
        self.psql(f"""
            INSERT INTO custody.approval (withdrawal, person, decision, document, digest, alg, key, sig)
            VALUES ('{row["id"]}', '{person}', 'approve', convert_to($d${signed["document"]}$d$, 'UTF8'),
                    '\\x{digest("approval", signed["document"])}', '{signature["alg"]}', '\\x{signature["key"]}',
                    '\\x{base64.b64decode(signature["sig"]).hex()}');""")

    def shadow(self, kind):
        """Beside each document of a kind a row under its name that is none, and was never older."""
        self.psql("INSERT INTO custody.document (kind, id, digest, bytes, created_at) SELECT DISTINCT kind, id, sha256('beside'), "
                  f"'{{}}'::bytea, 'infinity'::timestamptz FROM custody.document WHERE kind = '{kind}'")

    def postgres(self, *arguments):
        """Runs pg_ctl on the cluster, as whom it belongs to."""
        home = (self.dir / "postgresql").resolve()
        command = ["/usr/lib/postgresql/15/bin/pg_ctl", "-D", str(home / "data"), "-w", "-t", "60", *arguments]
        if os.getuid() == 0:
            command = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--", *command]
        subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def postgres_kill(self):
        """Stops the cluster at once: no checkpoint is written, sessions are cut, what follows is crash recovery."""
        self.postgres("stop", "-m", "immediate")

    def postgres_start(self):
        self.postgres("start", "-l", str((self.dir / "postgresql").resolve() / "data/server.log"))

    # Programs

    def custody(self, *arguments, person="operator-1", check=True, pass_fds=()):
        environment = {**self.environment, "PATH": f"{self.dir}/bin:{os.environ['PATH']}"}
        environment["STRONGROOM_TOKEN"] = self.token(person)
        done = subprocess.run([str(self.dir / "bin/custody"), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=environment, check=False, pass_fds=pass_fds)
        if check and done.returncode != 0:
            raise AssertionError(f"custody {' '.join(arguments)}: {done.stderr}")
        return done

    def crowd(self, kind, subject):
        """A superuser puts more papers under the name of one than anybody looks at, before it."""
        self.psql("INSERT INTO custody.document (kind, id, digest, bytes) "
                  f"SELECT '{kind}', '{subject[:63]}', decode(lpad(to_hex(n), 64, '0'), 'hex'), '{{}}' FROM generate_series(1, 1100) n")

    def on(self, role, key_id):
        """How many transitions the signer knows of a key: an order of the quorum names it."""
        rows = self.custody("key", "list", "--role", role, "--socket", f"{self.dir}/run/{role}.sock").stdout.split(key_id)[1]
        return re.search(r"^ *on +(\d+)$", rows, re.MULTILINE)[1]

    def verify(self, what, *files):
        """custody-verify with nothing but the trust file and these: (exit status, what it said)."""
        command = [str(self.dir / "bin/custody-verify"), what, "--trust", str(self.dir / "trust.json"), *map(str, files)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={}, check=False)
        return done.returncode, done.stdout + done.stderr

    def monitor(self, vkey, old):
        """Go's packages follow the served log (monitor/main.go), from an old checkpoint on; no network but the service."""
        work = BUILD / "tests/monitor"
        work.mkdir(parents=True, exist_ok=True)
        environment = {**self.environment, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(work / "cache"),
                       "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOMAXPROCS": "2", "CGO_ENABLED": "0"}
        subprocess.run(["go", "build", "-o", str(work / "monitor"), "."], cwd=SOURCE / "tests/e2e/monitor", env=environment, check=True)
        port = (self.dir / "run/port").read_text().strip()
        return subprocess.run([str(work / "monitor"), f"https://localhost:{port}", str(self.dir / "tls/cert.pem"),
                               str(self.dir / "people/auditor-1.token"), vkey, str(old)], capture_output=True, text=True,
                              env=environment, check=False)

    def export_trail(self):
        path = self.dir / "trail.jsonl"
        reply = self.call("GET", "/v1/audit/export", person="auditor-1")
        if reply.status != 200:
            raise AssertionError(f"export: {reply}")
        path.write_bytes(reply.bytes)
        return path

    def export_evidence(self, withdrawal):
        path = self.dir / f"evidence-{withdrawal}.json"
        reply = eventually(lambda: self.call_when(200, "GET", f"/v1/withdrawals/{withdrawal}/evidence"), "evidence")
        path.write_bytes(reply.bytes)
        return path

    # REST

    def token(self, person):
        return (self.dir / "people" / f"{person}.token").read_text().strip()

    def grant(self, person, roles, days=365):
        """A further bearer token."""
        done = subprocess.run([str(self.dir / "bin/custodyd"), "token", "--config", str(self.dir / "etc/custodyd.conf"),
                               "--person", person, "--roles", roles, "--days", str(days)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=self.environment, check=True)
        return done.stdout.strip()

    def connection(self):
        port = (self.dir / "run/port").read_text().strip() if (self.dir / "run/port").exists() else ""
        if port == "":
            raise ConnectionRefusedError("the service has no port yet")
        return http.client.HTTPSConnection("localhost", int(port), timeout=DEADLINE_S, context=self.tls)

    def call(self, method, path, body=None, person="operator-1", token=None, headers=None):
        """One request. `body`: an object to be sent as JSON, or bytes as they are. Raises OSError or HTTPException when the
        service cannot be reached or dies."""
        sent = {"Authorization": f"Bearer {token or self.token(person)}", "Content-Type": "application/json", **(headers or {})}
        sent = {name: value for name, value in sent.items() if value is not None}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = self.connection()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            reply = Reply(response.status, response.headers, response.read())
        finally:
            connection.close()
        API.check(method, path, reply)
        if method == "POST" and reply.status < 300 and path != "/v1/policy/explain":
            self.effects.append((path, None if token or "Authorization" in (headers or {}) else person, reply))
        return reply

    def call_when(self, status, *arguments, **named):
        """The reply when it has this status, else None; for `eventually`."""
        reply = self.call(*arguments, **named)
        return reply if reply.status == status else None

    def pages(self, path, member, person="operator-1"):
        """All rows of a list, page after page."""
        rows, cursor = [], ""
        while True:
            reply = self.call("GET", path + cursor, person=person)
            if reply.status != 200:
                raise AssertionError(f"{path}{cursor}: {reply}")
            page = reply.json
            rows += page[member]
            if "next" not in page:
                return rows
            cursor = f"{'&' if '?' in path else '?'}cursor={page['next']}"

    # Withdrawals

    def proposal(self, amount=100, **changes):
        return {"wallet": "hot", "asset": self.asset, "amount": str(amount), "destination": self.payee, **changes}

    def propose(self, amount=100, person="operator-1", key=None, token=None, **changes):
        headers = {"Idempotency-Key": key or os.urandom(16).hex()}
        return self.call("POST", "/v1/withdrawals", self.proposal(amount, **changes), person, token, headers)

    def patiently(self, ask):
        """The reply to a question that means the same when it is asked again, which is what 503 asks for: on a slow machine the
        trail may come after the time that a test gives it."""
        return eventually(lambda: (reply := ask()).status != 503 and reply, "an answer other than 503")

    def proposed(self, amount=100, key=None, **named):
        key = key or os.urandom(16).hex()
        reply = self.patiently(lambda: self.propose(amount, key=key, **named))
        if reply.status not in (200, 201):  # 200: it stood there already
            raise AssertionError(f"not proposed: {reply}")
        return reply.json["withdrawal"]

    def read(self, withdrawal):
        return self.call("GET", f"/v1/withdrawals/{withdrawal}").json["withdrawal"]

    def approval(self, row, person, decision="approve", signer=None, **changes):
        """A signed approval of a withdrawal (as the API shows it), with some fields changed, signed by somebody's key."""
        intent = json.loads(row["intent"])
        document = {
            "approver": person, "chain": intent["chain"], "decision": decision, "environment": intent["environment"],
            "expires_at": intent["expires_at"], "intent": digest("intent", row["intent"]),
            "key": self.person(person)["key_id"], "policy": intent["policy"], "seen": [], "signed_at": time_text(),
            "withdrawal": intent["withdrawal"], **changes,
        }
        return self.signed("approval", canonical(document), signer or person)

    def decide(self, withdrawal, person, decision="approve", token_of=None, document=None):
        document = document or self.approval(withdrawal, person, decision)
        return self.call("POST", f"/v1/withdrawals/{withdrawal['id']}/{decision}", document, token_of or person)

    def approve(self, withdrawal, *people):
        for person in people or ("approver-1", "approver-2"):
            document = self.approval(withdrawal, person)
            reply = self.patiently(lambda document=document, person=person: self.decide(withdrawal, person, document=document))
            if reply.status != 200:
                raise AssertionError(f"{person} could not approve: {reply}")
        return reply.json["withdrawal"]

    def wait(self, withdrawal, *states):
        """Waits until the withdrawal is in one of the states, any end by default."""
        wanted = set(states) or ENDS

        def look():
            row = self.read(withdrawal)
            if row["state"] in ENDS and row["state"] not in wanted:
                raise AssertionError(f"withdrawal ended as {row['state']}, {row.get('reason')}, not as {wanted}")
            return row if row["state"] in wanted else None

        return eventually(look, f"withdrawal {withdrawal} is {wanted}")

    def withdraw(self, amount=100):
        """From proposal to confirmed."""
        withdrawal = self.proposed(amount)
        self.approve(withdrawal)
        return self.wait(withdrawal["id"], "confirmed")

    def settle(self, row, body=None, person="operator-1"):
        return self.call("POST", f"/v1/withdrawals/{row['id']}/settle", body, person)

    def settled(self, row, body=None):
        """A withdrawal in quarantine, as it ended. Who is told that a block or a checkpoint is late asks again, when it may have ended."""
        def ask():
            reply = self.settle(row, body)
            if reply.status not in (200, 409, 503):
                raise AssertionError(f"not settled: {reply}")
            return reply.status != 503 and self.read(row["id"])
        return eventually(ask, f"{row['id']} is settled")

    def held_before(self, step, amount, state):
        """A withdrawal in that state, of which the step that comes next is not taken until somebody says so (`go_on`)."""
        self.psql(f"""CREATE OR REPLACE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.due_at := now() + interval '1 day'; RETURN NEW; END $$;
            CREATE TRIGGER wait BEFORE INSERT ON custody.outbox FOR EACH ROW WHEN (NEW.kind = '{step}') EXECUTE FUNCTION public.wait()""")
        row = self.proposed(amount)
        self.approve(row)
        self.wait(row["id"], state)
        self.psql("DROP TRIGGER wait ON custody.outbox")
        return row

    def go_on(self, row):
        self.psql(f"UPDATE custody.outbox SET due_at = now() WHERE withdrawal = '{row['id']}' AND done_at IS NULL")

    def history(self, withdrawal):
        """The entries of a withdrawal, oldest first."""
        return self.pages(f"/v1/audit/entries?otype=withdrawal&oid={withdrawal}&order=oldest", "entries", "auditor-1")

    def history_to(self, withdrawal, act="withdrawal.confirmed"):
        """Likewise, as soon as the act is among them: the trail is written a moment after the state."""
        def look():
            rows = self.history(withdrawal)
            return rows if act in [row["act"] for row in rows] else None
        return eventually(look, f"the trail of {withdrawal} has {act}")

    def balance(self, address):
        """What the ledger says: the posted balance of the asset."""
        rows = self.call("GET", f"/v1/ledger/accounts/{address}").json["balances"]
        return sum(int(row["posted"]) for row in rows if row["asset"] == self.asset)

    def wallet(self):
        """(posted, reserved, available) of the wallet hot."""
        row = self.call("GET", "/v1/wallets/hot").json["balances"][0]
        return tuple(int(row[name]) for name in ("posted", "reserved", "available"))

    def ledger_transactions(self, after=0):
        """(id, receipt code) of everything that stands in a block above this one, in order, but for anchors of the trail."""
        return [(digest("transaction", document), code) for _, document, code in self.ledger_rows(after) if '"type":"anchor"' not in document]

    def ledger_height(self):
        return self.call("GET", "/v1/ledger/status").json["confirmed_height"]

    def ledger_rows(self, after=0):
        """(height, document, receipt code) of everything that stands in a block above this one, in order."""
        found = []
        for height in range(after + 1, self.ledger_height() + 1):
            block = self.call("GET", f"/v1/ledger/blocks/{height}").json
            for row, receipt in zip(block["transactions"], block["receipts"], strict=True):
                found.append((height, row["document"], json.loads(receipt)["code"]))
        return found

    # The trail as a superuser keeps it, and puts it back

    def keep_trail(self, name="kept"):
        """Of a service that does not run, as soon as the server has noticed: until then a last COMMIT may come."""
        eventually(lambda: self.value("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'strongroom%'") == "0", "no session is left")
        for table in ("leaf", "head", "tile", "checkpoint"):
            self.psql(f"DROP TABLE IF EXISTS public.{name}_{table}; CREATE TABLE public.{name}_{table} AS TABLE audit.{table}")

    def put_trail_back(self, name="kept"):
        for table in ("leaf", "head", "tile", "checkpoint"):
            self.psql(f"DELETE FROM audit.{table}; INSERT INTO audit.{table} TABLE public.{name}_{table}")

    def unsigned_row(self, seq, event):
        """SQL that puts a row into the trail as a superuser makes it: bytes, hash and columns agree, and nobody signed it."""
        raw = f"custody-audit/v1\nstrongroom.demo/audit/v1\n{seq}\n{'ab' * 32}\n{canonical(event)}\n".encode()
        row = {"seq": seq, "lh": f"\\x{hashlib.sha256(bytes(1) + raw).hexdigest()}", "raw": f"\\x{raw.hex()}",
               "ord": event.get("on"),
               **{name: event.get("facts", {}).get(name) for name in ("amount", "asset", "destination", "key", "version", "wallet")},
               **{name: event.get(name) for name in ("ts", "actor", "act", "otype", "oid", "outcome", "corr")}}
        row = {name: value for name, value in row.items() if value is not None}
        return f"INSERT INTO audit.leaf ({', '.join(row)}) VALUES ({', '.join(f'$v${value}$v$' for value in row.values())});"

    # People

    def person(self, name):
        return json.loads((self.dir / "people" / f"{name}.json").read_text())

    def key(self, name):
        """Path of the person's private key, in clear; made once."""
        if name not in self.keys:
            path = self.dir / "keys" / f"{name}.pem"
            people = self.dir / "people"
            subprocess.run(["openssl", "pkey", "-in", people / f"{name}.key", "-passin", f"file:{people / name}.passphrase", "-out",
                            path], check=True)
            self.keys[name] = path
        return self.keys[name]

    def stranger(self, name):
        """A key pair that no policy knows, under a name."""
        path = self.dir / "keys" / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path],
                       check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        self.keys[name] = path
        (self.dir / "people" / f"{name}.json").write_text(json.dumps({
            "alg": "p256", "key": base64.b64encode(der).decode(), "key_id": hashlib.sha256(der).hexdigest()}))

    def pays_in(self, name):
        """A stranger who pays a little into the wallet: the address."""
        address, paying = self.payment_in(name)
        eventually(lambda: self.call("POST", "/v1/ledger/transactions", paying).status == 200, "the payment is confirmed")
        return address

    def payment_in(self, name):
        """The same, not handed in yet: (address, what to hand in)."""
        self.stranger(name)
        key = {part: self.person(name)[part] for part in ("alg", "key")}
        address = address_of(digest("account", canonical(key)))
        people = self.dir / "people"
        self.custody("issue", "--key", people / "issuer-1.key", "--passphrase-file", people / "issuer-1.passphrase",
                     "--asset", "DEMO", "--amount", "10", "--to", address)
        document = canonical({
            "chain": self.chain, "from": address, "lane": "0", "memo": "0" * 64, "policy": "0" * 64, "seq": "0",
            "type": "transfer", "valid_from": "1", "valid_until": "1000000",
            "legs": [{"account": address, "amount": "1", "asset": self.asset, "side": "debit"},
                     {"account": self.hot, "amount": "1", "asset": self.asset, "side": "credit"}]})
        return address, {"key": key, "transaction": self.signed("transaction", document, name)}

    def signed(self, kind, document, *people):
        """The signed document, by openssl."""
        return {"document": document, "signatures": [self.signature(kind, document, name) for name in people]}

    def signature(self, kind, document, name):
        person = self.person(name)
        with tempfile.NamedTemporaryFile(dir=self.dir) as message:
            message.write(f"strongroom/{kind}/v1\n{document}".encode())
            message.flush()
            command = ["openssl", "pkeyutl", "-sign", "-inkey", self.key(name), "-rawin", "-in", message.name]
            if person["alg"] != "ed25519":
                command += ["-digest", "sha256"]
            made = subprocess.run(command, check=True, capture_output=True).stdout
        if person["alg"] == "p256":
            made = low_s(made)
        return {"alg": person["alg"], "key": person["key_id"], "sig": base64.b64encode(made).decode()}


def low_s(der):
    """r and s, 32 bytes each, s in the lower half, from the DER form of an ECDSA signature."""
    r_end = 4 + der[3]
    r = int.from_bytes(der[4:r_end], "big")
    s = int.from_bytes(der[r_end + 2:], "big")
    return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def remove(folder):
    """What is left of an evaluation whose daemons nobody waits for."""
    if os.environ.get("STRONGROOM_KEEP"):
        return
    for script in (("services", "stop"), ("database", "remove")):
        subprocess.run([str(DEMO / script[0]), script[1], str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def watch(folder, pid):
    """Waits until the test is gone and cleans up after it; the test ends this process when it has done so itself."""
    try:
        select.select([os.pidfd_open(int(pid))], [], [])
    except ProcessLookupError:
        pass
    remove(folder)


class Case(unittest.TestCase):
    """Test cases that share one evaluation, provisioned once. Each makes withdrawals of its own."""

    maxDiff = None
    PROVISION = {}  # arguments of Evaluation.provision
    OPTIONS = {}  # of custodyd

    @classmethod
    def setUpClass(cls):
        cls.place = Evaluation()
        cls.addClassCleanup(cls.place.remove)
        cls.place.provision(**cls.PROVISION)
        cls.place.configure("custodyd", **{"trail_timeout": 60000, **cls.OPTIONS})  # nobody is refused because the machine is busy
        cls.place.start()
        cls.place.enrol()

    def until(self, question, what):
        return eventually(question, what)

    def entries(self, act, **filters):
        query = "".join(f"&{name}={value}" for name, value in filters.items())
        return self.place.pages(f"/v1/audit/entries?act={act}&order=oldest{query}", "entries", "auditor-1")

    def event(self, entry):
        return json.loads(base64.b64decode(entry["raw"]).split(b"\n")[4])

    def later(self, days, when=None):
        """The service lives so many days later, from the moment on when the file `when` is there; everything else does not."""
        self.place.stop("custodyd")
        self.place.start(check=False, LD_PRELOAD=str(BUILD / "tests/e2e/clock_shift.so"),
                         STRONGROOM_TEST_SHIFT_S=str(int(days * 24 * 3600)),
                         **({} if when is None else {"STRONGROOM_TEST_SHIFT_FILE": str(when)}),
                         ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")

    def assertProblem(self, reply, status, code, field=None):
        """A problem document (RFC 9457) with this code, that names this field."""
        self.assertEqual((reply.status, reply.type), (status, "application/problem+json"), reply)
        self.assertEqual(reply.json["code"], code, reply)
        if field is not None:
            self.assertEqual(reply.json.get("field"), field, reply)

    def assertProven(self, what, path):
        status, said = self.place.verify(what, path)
        self.assertEqual(status, 0, said)

    def assertDeclared(self, events):
        """What docs/audit-events.md says and requires, and nothing beyond; the entries of each object count from 1 without a gap.
        Answers the actions that are there."""
        declared = declared_entries()
        ordinals = {}
        for event in events:
            row = declared[event["act"]]
            self.assertIn(event["outcome"], row["outcomes"], event)
            self.assertIn(event.get("otype"), [None, *row["object"]], event)
            for part in ("refs", "facts"):
                for name in event.get(part, {}):
                    self.assertTrue(any(fnmatch.fnmatchcase(name, word.rstrip("?")) for word in row[part]), f"{part}.{name} of {event}")
                refused = event["outcome"] in ("deny", "error") and {"ok", "deny"} <= set(row["outcomes"])
                required = set() if refused else {word for word in row[part] if word[-1] not in "?*"}
                self.assertLessEqual(required, set(event.get(part, {})), event)
                self.assertTrue(refused or not row["object"] or "oid" in event, event)
            for name in ("actor", "corr", "outcome", "pn", "pr", "ts"):
                self.assertTrue(event[name], event)
            self.assertTrue(event.get("reason") or event["outcome"] in ("ok", "intent") or "count" in event.get("facts", {}) or
                            event["act"] == "trail.refuse", event)
            if "on" in event:
                ordinals.setdefault((event["otype"], event["oid"]), []).append(int(event["on"]))
        for subject, seen in ordinals.items():
            self.assertEqual(seen, list(range(1, len(seen) + 1)), subject)
        return {event["act"] for event in events}

    def assertReceiptsHold(self):
        """Whatever happened since: each reply of this run about an effect carried a receipt, which proves, in the trail of now, the entry
        of what was asked for, in the name of who asked. Answers the events of the trail."""
        place = self.place
        trail = place.export_trail()
        events = [self.event(row) for row in map(json.loads, trail.read_text().splitlines()) if "raw" in row]
        (place.dir / "kept").mkdir(exist_ok=True)
        kept = []
        for path, person, reply in place.effects:
            if "receipt" not in reply.json:
                self.assertRegex(path, f"^{WITHOUT_RECEIPT.pattern}$", reply)
                continue
            kept.append(place.dir / f"kept/{len(kept)}")
            kept[-1].write_bytes(base64.b64decode(reply.json["receipt"], validate=True))
            event = events[tlog.parse_proof(kept[-1].read_text())[0]]
            pattern, act = next(row for row in ENTRIES if row[0].fullmatch(path))
            self.assertRegex(event["act"], f"^{pattern.sub(act, path)}$", f"{path}: {reply}")
            self.assertIn(event["outcome"], ("ok", "intent"), f"{path}: {reply}")
            self.assertIn(event["actor"], [person] if person else [event["actor"]], path)
            if event.get("otype") in ("withdrawal", "medium", "subject", "alarm"):
                self.assertIn(event["oid"], path + reply.bytes.decode(), f"{path}: the receipt is of another object")
        self.assertTrue(kept, "there are receipts")
        status, said = place.verify("trail", trail, *kept)
        self.assertEqual(status, 0, said)
        return events

    def assertHonestWorkGoesOn(self):
        withdrawal = self.place.withdraw()
        self.assertProven("evidence", self.place.export_evidence(withdrawal["id"]))


class Trailed:
    """For cases whose trail is whole at their end: what it says of all that they did."""

    def test_zzz_the_trail_of_this_run(self):
        self.assertDeclared(self.assertReceiptsHold())


if __name__ == "__main__" and sys.argv[1:2] == ["watch"]:
    watch(sys.argv[2], sys.argv[3])
