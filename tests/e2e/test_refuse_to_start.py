#!/usr/bin/python3
"""What an operator sees when a daemon must not start: an exit status and one line that names what and why.

78 means that starting again will not help; 2, that the call or the configuration file is not of the documented form; 1, that the
same start may succeed later. Nothing is repaired on the way: files and tables are as before, and with the right thing in
place the next start works. The finer cases of signerd are in tests/integration/signerd/test_start.c.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

import strongroom
from strongroom import DEADLINE_S, SIGNERS, canonical, digest

REFUSED, USAGE, RETRY = 78, 64, 1
SPY = next(pathlib.Path("/usr/lib").glob("*/pkcs11-spy.so"))  # of opensc
BOOKS = ("custody.withdrawal", "custody.approval", "custody.lane", "custody.reservation", "custody.posting",
         "custody.outbox", "custody.document", "custody.token", "custody.mark", "custody.medium", "custody.medium_entry",
         "strongroom.migration", "audit.pending", "audit.leaf", "audit.head", "audit.tile", "audit.checkpoint")


def fingerprint(folder):
    """Digest of every file. Lock files hold no state; `token.object` SoftHSM writes at each login, also a good one."""
    besides = ("lock.mdb", "token.object")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".lock" and path.name not in besides}


class Ended:
    def __init__(self, status, text):
        self.status = status
        self.text = text
        self.lines = text.splitlines()

    def __repr__(self):
        return f"exit {self.status}: {self.text}"


class RefuseToStart(strongroom.Case):
    def setUp(self):
        self.addCleanup(self.starts_again)  # the first cleanup is the last to be done

    def starts_again(self):
        """With the right thing in place everything starts; the same books are there."""
        self.place.start()
        self.assertEqual(self.place.read(self.paid["id"])["state"], "confirmed")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.paid = cls.place.withdraw(5)
        cls.withdrawal_after = cls.place.proposed(7)  # somebody waits while we break things

    @classmethod
    def tearDownClass(cls):
        cls.place.approve(cls.withdrawal_after)
        cls.place.wait(cls.withdrawal_after["id"], "confirmed")
        super().tearDownClass()

    # Starting by hand, as a service manager does it

    def run_to_its_end(self, command, **named):
        place = self.place
        environment = {**place.environment, "SOFTHSM2_CONF": str(place.dir / "etc/softhsm2.conf"), **named.pop("environment", {})}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, **named)
        try:
            text, _ = process.communicate(timeout=DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            self.fail(f"it started: {process.communicate()[0]}")
        ended = Ended(process.returncode, text)
        if os.environ.get("STRONGROOM_SHOW"):
            print(f"{self.id().split('.')[-1]}: {ended}", flush=True)
        return ended

    def signerd(self, role, *options, pin=None, environment=None):
        place = self.place
        pin = pin or place.dir / "secrets" / f"{role}.pin"
        second = place.dir / "secrets" / f"{role}-standby.pin"
        with open(pin, "rb") as stream, open(second if second.exists() else os.devnull, "rb") as standby:
            descriptors = () if "--pin-credential" in options else ("--pin-fd", str(stream.fileno()))
            if second.exists():
                descriptors += ("--standby-pin-fd", str(standby.fileno()))
            return self.run_to_its_end([place.dir / "bin/signerd", "run", "--config", place.dir / f"etc/signerd-{role}.conf",
                                        *descriptors, *options], stdin=subprocess.DEVNULL,
                                       pass_fds=[stream.fileno(), standby.fileno()], environment=environment or {})

    def custodyd(self, *options):
        listen = () if "--listen" in options else ("--listen", "127.0.0.1:0")
        return self.run_to_its_end([self.place.dir / "bin/custodyd", "run", "--config", self.place.dir / "etc/custodyd.conf",
                                    *listen, *options], stdin=subprocess.DEVNULL)

    def assertSays(self, ended, status, *words):
        """This exit status, and one line, the last, with these words; no line besides it complains."""
        self.assertEqual(ended.status, status, ended)
        complaints = [line for line in ended.lines if " level=info " not in line]
        self.assertEqual(complaints, ended.lines[-1:], ended)
        for word in words:
            self.assertIn(word, complaints[0])
        self.assertLess(len(complaints[0]), 600)

    def assertSignerRefuses(self, role, code, where, *words, status=REFUSED, **named):
        """signerd refuses, says it in one line, and nothing that it keeps is another than before."""
        place = self.place
        guard = place.dir / "guards" / role  # the other signers may be running: the service is heard of each minute
        before = fingerprint(guard), fingerprint(place.dir / "tokens")
        ended = self.signerd(role, *named.pop("options", ()), **named)
        told = [f"signerd run: {where}: "] if status == USAGE else ["event=start.refused ", f"status={code} ", f"where={where} "]
        self.assertSays(ended, status, *told, *words)
        self.assertEqual((fingerprint(guard), fingerprint(place.dir / "tokens")), before)

    def books(self):
        """Every row of every table: also no entry of the trail, epoch of its head or checkpoint comes of a start that is refused."""
        return {table: self.place.psql(f"SELECT * FROM {table} t ORDER BY t::text") for table in BOOKS}

    def assertServiceRefuses(self, *words, status=REFUSED, options=()):
        """custodyd refuses, says it in one line, and ledger and books are as before."""
        place = self.place
        before = self.books(), fingerprint(place.dir / "data")
        self.assertSays(self.custodyd(*options), status, "custodyd run: " if status == USAGE else "custodyd: ", *words)
        self.assertEqual((self.books(), fingerprint(place.dir / "data")), before)

    # Breaking, and putting back

    def kept(self, path):
        """Remembers a file or folder and puts it back at the end of the test, whatever became of it."""
        copy = self.place.dir / "kept"
        copy.mkdir(exist_ok=True)
        copy = copy / f"{self.id().split('.')[-1]}-{len(list(copy.iterdir()))}"
        shutil.move(path, copy)  # the original, since a guard knows its file
        copier = shutil.copytree if copy.is_dir() else shutil.copy2
        copier(copy, path)

        def put_back():
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)
            shutil.move(copy, path)

        self.addCleanup(put_back)
        return path

    def other_ledger(self):
        """Genesis and policy that fit to each other, signed by the same people, but of another ledger."""
        place = self.place
        genesis = json.loads((place.dir / "etc/genesis.json").read_text())
        genesis = canonical({**genesis, "created_at": strongroom.time_text()})
        policy = json.loads(json.loads((place.dir / "etc/policy.json").read_text())["document"])
        policy = canonical({**policy, "chain": digest("genesis", genesis)})
        (place.dir / "other-genesis.json").write_text(genesis)
        signed = place.signed("policy", policy, "admin-1", "admin-2", "admin-3")
        (place.dir / "other-policy.json").write_text(canonical(signed))
        return place.dir / "other-genesis.json", place.dir / "other-policy.json"

    def edited_policy(self):
        """The policy with one digit of an amount changed, still a good document."""
        text = (self.place.dir / "etc/policy.json").read_text()
        edited = text.replace(r'max_amount\":\"100000\"', r'max_amount\":\"900000\"')
        self.assertEqual(sum(a != b for a, b in zip(text, edited, strict=True)), 1)
        path = self.place.dir / "edited-policy.json"
        path.write_text(edited)
        return path

    # signerd: the guard

    def test_a_signer_without_its_guard(self):
        for role in SIGNERS:
            with self.subTest(role):
                self.place.stop(role)
                shutil.rmtree(self.kept(self.place.dir / "guards" / role))
                self.assertSignerRefuses(role, "not_found", "guard", f"guards/{role}", "initialise")
                self.assertFalse((self.place.dir / "guards" / role).exists())

    def test_a_signer_with_a_broken_guard(self):
        for role in SIGNERS:
            self.place.stop(role)
            file = self.kept(self.place.dir / "guards" / role) / "data.mdb"
            whole = file.read_bytes()
            for what, content in (("cut to the half", whole[:len(whole) // 2]), ("empty", b""), ("zeroed", bytes(len(whole)))):
                with self.subTest(f"{role}, {what}"):
                    file.write_bytes(content)
                    self.assertSignerRefuses(role, "corrupt", "guard", "never use a backup of a guard")

    def test_a_signer_with_the_guard_of_another(self):
        self.place.stop("transfer")
        self.place.stop("audit")
        options = ("--guard", str(self.place.dir / "guards/audit"))
        self.assertSignerRefuses("transfer", "mismatch", "guard", "role audit", options=options)

    def test_a_signer_whose_guard_another_process_has(self):
        self.place.stop("custodyd")  # what it asks of a signer that runs moves that signer's guard
        for role in SIGNERS:
            with self.subTest(role):
                options = ("--socket", str(self.place.dir / "run/second.sock"))
                self.assertSignerRefuses(role, "conflict", "guard", "another process", options=options)
                self.assertIsNone(self.place.ended(role))

    # signerd: token and PIN

    def logins(self):
        """Calls of C_Login in the log of OpenSC's pkcs11-spy, which stands between signerd and the token."""
        return len(re.findall(r"^\d+: C_Login$", (self.place.dir / "spy").read_text(), re.MULTILINE))

    def flags(self, role):
        said = subprocess.run(["pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--list-token-slots"], check=True,
                              capture_output=True, text=True, env={**os.environ, "SOFTHSM2_CONF": str(self.place.dir / "etc/softhsm2.conf")})
        token = next(part for part in said.stdout.split("Slot ") if re.search(rf"token label +: strongroom-{role}$", part, re.MULTILINE))
        return re.search(r"token flags\s*:(.*)", token)[1]

    def test_a_wrong_pin_costs_one_attempt(self):
        """SoftHSM keeps a flag and no counter: "count low" after a wrong PIN, cleared by the next right one. It never locks; a
        token that does is asked no more when one attempt is left (tests/integration/hsm/test_lying_token.c)."""
        place = self.place
        wrong = place.dir / "secrets/wrong.pin"
        wrong.write_text("not-the-pin\n")
        for role in SIGNERS:
            with self.subTest(role):
                place.stop(role)
                self.assertNotIn("count low", self.flags(role))
                for attempts in (1, 2):
                    environment = {"PKCS11SPY": "/usr/lib/softhsm/libsofthsm2.so", "PKCS11SPY_OUTPUT": str(place.dir / "spy")}
                    ended = self.signerd(role, "--module", str(SPY), "--token", f"strongroom-{role}", pin=wrong, environment=environment)
                    self.assertSays(ended, REFUSED, "event=start.refused ", "status=pin_refused ", f"where=strongroom-{role} ")
                    self.assertNotIn("not-the-pin", ended.text)
                    self.assertEqual(self.logins(), attempts, "one attempt for one start")
                    self.assertIn("count low", self.flags(role))
                (place.dir / "spy").unlink()
                place.start()
                self.assertNotIn("count low", self.flags(role))

    def test_a_broken_guard_costs_no_attempt(self):
        self.place.stop("transfer")
        shutil.rmtree(self.kept(self.place.dir / "guards/transfer"))
        wrong = self.place.dir / "secrets/wrong.pin"
        wrong.write_text("not-the-pin\n")
        self.assertSignerRefuses("transfer", "not_found", "guard", pin=wrong)
        self.assertNotIn("count low", self.flags("transfer"))

    def test_a_pin_that_others_may_read(self):
        """By path: the mode is checked. By descriptor: whoever opened the file has decided, only the form of the line is checked."""
        place = self.place
        place.stop("transfer")
        folder = place.dir / "credentials"
        folder.mkdir()
        shutil.copy(place.dir / "secrets/transfer.pin", folder / "pin")
        (folder / "pin").chmod(0o644)
        self.assertSignerRefuses("transfer", "invalid", "pin-credential", "pin must be", "no other user may read",
                                 options=("--pin-credential", "pin"), environment={"CREDENTIALS_DIRECTORY": str(folder)})
        for what, content in (("empty", b""), ("two lines", b"1234\n1234\n"), ("NUL", b"12\x0034\n"), ("too long", b"1" * 5000)):
            with self.subTest(what):
                (folder / "bad").write_bytes(content)
                self.assertSignerRefuses("transfer", "invalid", "pin-fd", "one line of 1 to 4096", pin=folder / "bad")
        self.assertNotIn("count low", self.flags("transfer"))

    def test_a_token_with_an_empty_file(self):
        for role in SIGNERS:
            self.place.stop(role)
        tokens = self.kept(self.place.dir / "tokens")
        objects = sorted(tokens.glob("*/*.object"))
        self.assertGreaterEqual(len(objects), 9)  # three tokens: two objects of the key pair, and the token's own
        for path in objects:
            with self.subTest(path.name):
                whole = path.read_bytes()
                path.write_bytes(b"")
                self.assertSignerRefuses("transfer", "corrupt", path.name, "is empty", "restore it from backup")
                path.write_bytes(whole)

    # signerd: policy, configuration

    def test_a_signer_with_another_policy(self):
        self.place.stop("transfer")
        _, other = self.other_ledger()
        for path, code, words in ((other, "mismatch", "not the first policy of the guard"),
                                  (self.edited_policy(), "signature_invalid", "signatures[0]"),
                                  (self.place.dir / "none.json", "io", "could not find")):
            with self.subTest(path.name):
                self.assertSignerRefuses("transfer", code, "policy", words, path.name, options=("--policy", str(path)))

    def test_a_signer_with_a_wrong_configuration(self):
        for role in SIGNERS:
            self.place.stop(role)
            path = self.kept(self.place.dir / f"etc/signerd-{role}.conf")
            good = path.read_text()
            for line, where, words in (("colour = blue", "colour", "no such option"), ("sessions = 65", "--sessions", "from 1 to 63"),
                                       (f"role = {role}", "--role", "given twice"), ("sandbox = maybe", "--sandbox", "yes or no"),
                                       ("sessions", "--sessions", "name = value")):
                with self.subTest(f"{role}: {line}"):
                    path.write_text(f"{good}{line}\n")
                    self.assertSignerRefuses(role, "usage", where, words, status=USAGE)
                    path.write_text(good)

    # custodyd: documents

    def test_a_service_with_another_policy_or_genesis(self):
        place = self.place
        place.stop("custodyd")
        path = self.kept(place.dir / "etc/custodyd.conf")
        good = path.read_text()
        genesis, policy = self.other_ledger()
        torn = place.dir / "torn.json"
        torn.write_text(policy.read_text()[:-7])
        short, open_to_all = place.dir / "short", place.dir / "open"
        short.write_text("00" * 31)
        short.chmod(0o600)
        open_to_all.write_text("00" * 32)
        open_to_all.chmod(0o644)
        for what, options, words in (
                ("a policy edited", {"policy": self.edited_policy()}, "signature does not verify"),
                ("a policy of another ledger", {"policy": policy}, "the policy is for another ledger"),
                ("a torn policy", {"policy": torn}, "policy: "),
                ("a genesis of another ledger", {"genesis": genesis}, "the policy is for another ledger"),
                ("both of another ledger than the data", {"policy": policy, "genesis": genesis}, "data: "),
                ("no policy", {"policy": place.dir / "none.json"}, "none.json"),
                ("no key for events that wait", {"pending_key": place.dir / "none"}, "pending-key: "),
                ("a short one", {"pending_key": short}, "one line of 64 hexadecimal digits"),
                ("one that others may read", {"pending_key": open_to_all}, "mode 0600"),
                ("the log key of another origin", {"log_key": "other.example+86dba938+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"}, "log-key")):
            with self.subTest(what):
                path.write_text(good)
                place.configure("custodyd", **options)
                self.assertServiceRefuses(words)

    def test_a_service_with_a_wrong_configuration(self):
        self.place.stop("custodyd")
        path = self.kept(self.place.dir / "etc/custodyd.conf")
        good = path.read_text()
        for line, words in (("colour = blue", "colour: there is no such option"), ("connections = 0", "connections: an integer from 1 to"),
                            ("workers = many", "workers: an integer from"), ("data = /tmp", "data: given twice"), ("= x", "= x: a line reads: name = value")):
            with self.subTest(line):
                path.write_text(f"{good}{line}\n")
                self.assertServiceRefuses(words, status=USAGE)

    # custodyd: database

    def database(self, breaking, mending):
        self.place.stop("custodyd")
        self.addCleanup(self.place.psql, mending)
        self.place.psql(breaking)

    def test_a_database_of_a_newer_version(self):
        self.database("INSERT INTO strongroom.migration (version, name, sha256) VALUES (999, '0999_future.sql', repeat('0', 64))",
                      "DELETE FROM strongroom.migration WHERE version = 999")
        self.assertServiceRefuses("schema", "has schema version 999, this program needs", "install the newer program")

    def test_a_database_of_an_older_version(self):
        self.database("CREATE TABLE public.kept AS SELECT * FROM strongroom.migration ORDER BY version DESC LIMIT 1;"
                      "DELETE FROM strongroom.migration WHERE version = (SELECT version FROM public.kept)",
                      "INSERT INTO strongroom.migration SELECT * FROM public.kept; DROP TABLE public.kept")
        self.assertServiceRefuses("schema", "run migrations/apply")

    def test_a_database_without_a_table(self):
        for table in ("custody.outbox", "custody.posting", "audit.pending", "strongroom.migration"):
            with self.subTest(table):
                schema, name = table.split(".")
                self.place.stop("custodyd")
                before = self.books()
                self.place.psql(f"ALTER TABLE {table} RENAME TO hidden")
                try:
                    self.assertSays(self.custodyd(), REFUSED, "custodyd: ", "schema", "" if name == "migration" else table)
                finally:
                    self.place.psql(f"ALTER TABLE {schema}.hidden RENAME TO {name}")
                self.assertEqual(self.books(), before)

    def test_a_database_that_forgets(self):
        self.place.stop("custodyd")

        def set_fsync(value):
            self.place.psql(f"ALTER SYSTEM SET fsync = {value}")
            self.place.psql("SELECT pg_reload_conf()")
            strongroom.eventually(lambda: self.place.value("SHOW fsync") == value, "the server has read it")

        self.addCleanup(set_fsync, "on")
        set_fsync("off")
        self.assertServiceRefuses("postgresql", "commits are not durable", "fsync", status=RETRY)

    def test_a_database_elsewhere_without_verified_tls(self):
        """No word, least of all the password, leaves the machine for a server that does not prove its name."""
        place = self.place
        place.stop("custodyd")
        self.kept(place.dir / "etc/custodyd.conf")
        for database in ("host=db.invalid dbname=strongroom", "host=db.invalid dbname=strongroom sslmode=require",
                         "hostaddr=192.0.2.1 dbname=strongroom"):
            with self.subTest(database):
                place.configure("custodyd", database=database)
                self.assertServiceRefuses("database.sslmode", "must be verify-full, since the host ", "is not this machine")
                grant = [place.dir / "bin/custodyd", "token", "--config", place.dir / "etc/custodyd.conf", "--person", "operator-1",
                         "--roles", "operator", "--days", "1"]
                self.assertSays(self.run_to_its_end(grant, stdin=subprocess.DEVNULL), REFUSED, "database.sslmode")
        place.configure("custodyd", database="host=db.invalid dbname=strongroom sslmode=verify-full")
        self.assertServiceRefuses("could not connect", status=RETRY)

    def test_a_database_that_is_down(self):
        self.place.stop("custodyd")
        self.place.postgres("stop", "-m", "fast")
        self.addCleanup(self.place.postgres_start)
        self.assertSays(self.custodyd(), RETRY, "custodyd: ", "could not connect")

    # custodyd: its sockets

    def test_a_tls_key_that_others_may_read(self):
        self.place.stop("custodyd")
        self.kept(self.place.dir / "tls/key.pem").chmod(0o644)
        self.assertServiceRefuses("tls-key", "key.pem must be a file of mode 0600")

    def test_a_tls_key_of_another_certificate(self):
        self.place.stop("custodyd")
        key = self.kept(self.place.dir / "tls/key.pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key], check=True,
                       capture_output=True)
        self.assertServiceRefuses("tls-key", "is not the key of the certificate")

    def test_tls_files_that_are_none(self):
        place = self.place
        place.stop("custodyd")
        junk = place.dir / "junk.pem"
        junk.write_text("no pem\n")
        junk.chmod(0o600)
        locked = place.dir / "locked.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-aes256", "-pass", "pass:x",
                        "-out", locked], check=True, capture_output=True)
        locked.chmod(0o600)
        good = self.kept(place.dir / "etc/custodyd.conf").read_text()
        for what, option, path, words in (("no certificate", "tls-certificate", junk, "is no PEM certificate"),
                                          ("no key", "tls-key", junk, "is no PEM key"),
                                          ("an encrypted key", "tls-key", locked, "without a passphrase"),
                                          ("a certificate that is not there", "tls-certificate", place.dir / "none.pem", "none.pem"),
                                          ("a key that is not there", "tls-key", place.dir / "none.pem", "none.pem")):
            with self.subTest(what):
                (place.dir / "etc/custodyd.conf").write_text(good)
                place.configure("custodyd", **{option.replace("-", "_"): path})
                self.assertServiceRefuses(option, words, status=REFUSED)

    def test_listening_to_the_world_without_tls(self):
        self.place.stop("custodyd")
        self.kept(self.place.dir / "etc/custodyd.conf")
        self.place.configure("custodyd", tls_certificate=None, tls_key=None)
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:8443"):
            with self.subTest(address):
                self.assertServiceRefuses("listen", "only loopback", options=("--listen", address))
                self.assertServiceRefuses("urgent-listen", "only loopback", options=("--urgent-listen", address))
        with socket.create_server(("127.0.0.1", 0)) as other:
            address = f"127.0.0.1:{other.getsockname()[1]}"
            self.assertServiceRefuses("listen", "could not listen on", address, status=RETRY, options=("--listen", address))
        for address in ("localhost:1", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999"):
            with self.subTest(address):
                self.assertServiceRefuses("listen", "must be", options=("--listen", address))

    def test_a_port_that_another_service_has(self):
        address = f"127.0.0.1:{(self.place.dir / 'etc/port').read_text().strip()}"
        self.assertSays(self.custodyd("--listen", address), RETRY, "custodyd: ", "could not listen on", address)
        self.assertIsNone(self.place.ended("custodyd"))

    def test_a_port_file_that_cannot_be_written(self):
        self.place.stop("custodyd")
        self.kept(self.place.dir / "etc/custodyd.conf")
        self.place.configure("custodyd", port_file=self.place.dir / "none/port")
        self.assertServiceRefuses("port-file", "none/port", status=RETRY)

    # custodyd: the ledger's files

    def test_data_that_another_process_has(self):
        before = self.place.pid("custodyd")
        ended = self.custodyd()
        self.assertSays(ended, RETRY, "custodyd: ", "another process has it open")
        self.assertEqual((self.place.pid("custodyd"), self.place.ended("custodyd")), (before, None))

    def test_ledger_files_that_are_lost(self):
        """The validator remembers what it has signed: an empty ledger does not begin anew."""
        place = self.place
        place.stop("custodyd")
        data = self.kept(place.dir / "data")
        shutil.rmtree(data)
        before = self.books()
        self.assertSays(self.custodyd(), REFUSED, "custodyd: ", "data: ", "ends at height 0, but the validator has signed height")
        self.assertEqual(self.books(), before)

    def test_ledger_files_that_rot(self):
        place = self.place
        place.stop("custodyd")
        data = self.kept(place.dir / "data")
        for part in ("node", "ordering"):
            file = data / part / "data.mdb"
            whole = file.read_bytes()
            for what, content, words in (("empty", b"", "cut short"), ("zeroed", bytes(len(whole)), "not an LMDB file"),
                                         ("cut", whole[:len(whole) // 2], "cut short: it ends before page")):
                with self.subTest(f"{part} {what}"):
                    file.write_bytes(content)
                    self.assertServiceRefuses(f"data: {data}/{part}: ", words)
            file.write_bytes(whole)
        file = data / "node/data.mdb"
        whole = file.read_bytes()
        headers = [found.start() for found in re.finditer(rb'"height":"1","history_root":', whole)]
        self.assertNotEqual(headers, [])  # more than one: LMDB leaves old copies of a page
        for what, offset in (("a member's name", 1), ("the height", 10), ("the history", 40)):
            changed = bytearray(whole)
            for at in headers:
                changed[at + offset] ^= 1
            with self.subTest(what):
                file.write_bytes(changed)
                self.assertServiceRefuses("data: ", "height 1: ")
        file.write_bytes(whole)


if __name__ == "__main__":
    unittest.main(verbosity=2)
