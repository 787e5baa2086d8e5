"""The place of a run: programs, an evaluation made by deploy/demo, servants, and the CPU time of processes."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICK = os.sysconf("SC_CLK_TCK")
UNLIMITED = {"token-rate": 1000000, "read-rate": 1000000, "token-served": 64, "token-requests": 128, "address-rate": 1000000}
PROGRAMS = {"custodyd": "custodyd", "signerd": "signerd", "custody": "custody", "custody-verify": "verify"}


class Failure(Exception):
    """Something did not work: no figure."""


def run(command, **options):
    """Runs a command to its end; its standard output. What it said is shown when it failed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


class Servant:
    """A benchmark program that answers commands (bench.h)."""

    def __init__(self, command):
        self.name = os.path.basename(command[0])
        self.said = tempfile.TemporaryFile("w+")  # its log; shown when it fails
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said,
                                        text=True)
        try:
            self.ready = self.read()
            while "ready" not in self.ready:
                self.ready = self.read()
        except Failure:
            self.process.wait()
            raise

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise self.failure()
        return json.loads(line) if line.startswith("{") else {}

    def failure(self):
        status = self.process.wait()
        self.said.seek(0)
        return Failure(f"{self.name} ended: exit {status}\n{self.said.read()[-4000:]}")

    def ask(self, word, *numbers):
        self.process.stdin.write(" ".join([word, *map(str, numbers)]) + "\n")
        self.process.stdin.flush()
        return self.read()

    def rate(self, word, *numbers):
        answer = self.ask(word, *numbers)
        return answer["count"] * 1e6 / answer["wall_us"]

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise self.failure()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.process.kill()
            self.process.wait()


def stat_ticks(pid, with_children):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15] if with_children else fields[11:13]))


def children(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def cpu_us(pid, family=False):
    """User and system time of a process; of its ended and living children too when it is a family."""
    ticks = stat_ticks(pid, family)
    for child in children(pid) if family else []:
        try:
            ticks += stat_ticks(child, False)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it is in the parent's sum next time
    return ticks * 1_000_000 // TICK


class Evaluation:
    """A database, tokens, people and daemons, made by deploy/demo in a folder that is removed in the end."""

    def __init__(self, build, path=None):
        self.build = build
        self.path = path or tempfile.mkdtemp(prefix="srb.", dir="/tmp")
        if path is None:
            self.lay_out(build)

    def lay_out(self, build):
        for folder in ("bin", "etc", "log", "run"):
            os.mkdir(f"{self.path}/{folder}")
        for program, folder in PROGRAMS.items():
            os.symlink(f"{build}/services/{folder}/{program}", f"{self.path}/bin/{program}")
        # Whatever ends this process, its servers go with it.
        subprocess.Popen([sys.executable, os.path.abspath(__file__), build, self.path, str(os.getpid())],
                         stdin=subprocess.DEVNULL, start_new_session=True)

    def demo(self, script, *words):
        run([f"{SOURCE}/deploy/demo/{script}", *words, self.path])

    def make(self):
        self.demo("provision")
        self.limit(False)
        self.demo("services", "start")
        self.demo("enrol")

    def limit(self, limited):
        """The limits against floods: a benchmark asks with one token, as fast as it can, so it is measured without them."""
        path = f"{self.path}/etc/custodyd.conf"
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file if line.split(" = ")[0] not in UNLIMITED]
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(lines + ([] if limited else [f"{name} = {value}\n" for name, value in UNLIMITED.items()]))

    def remove(self):
        for words in (("services", "stop"), ("database", "remove")):
            try:
                self.demo(*words)
            except Failure as failure:
                print(failure)
        shutil.rmtree(self.path)

    def line(self, name):
        with open(f"{self.path}/{name}", encoding="ascii") as file:
            return file.readline().strip()

    def document(self, name):
        with open(f"{self.path}/{name}", encoding="ascii") as file:
            return json.load(file)

    @property
    def socket(self):
        return os.path.realpath(f"{self.path}/postgresql") + "/socket"

    @property
    def environment(self):
        return {**os.environ, "STRONGROOM_URL": f"https://localhost:{self.line('etc/port')}",
                "STRONGROOM_CA": f"{self.path}/tls/cert.pem", "STRONGROOM_TRUST": f"{self.path}/trust.json",
                "STRONGROOM_TOKEN": self.line("people/operator-1.token")}

    def pid(self, name):
        return int(self.line(f"run/{name}.pid"))

    def postmaster(self):
        with open(os.path.dirname(self.socket) + "/data/postmaster.pid", encoding="ascii") as file:
            return int(file.readline())

    def stop_custodyd(self):
        """Only custodyd: the trail's own benchmark needs the signers and the database."""
        pid = self.pid("custodyd")
        os.kill(pid, 15)
        while os.path.exists(f"/proc/{pid}"):
            time.sleep(0.05)
        os.unlink(f"{self.path}/run/custodyd.pid")

    def cpu(self, *names):
        """CPU time of daemons by name, and of PostgreSQL under its own."""
        return {name: cpu_us(self.postmaster(), True) if name == "postgresql" else cpu_us(self.pid(name))
                for name in names}


def watch(build, path, owner):
    """Waits for the end of the owner and removes what it could not."""
    try:
        select.select([os.pidfd_open(owner)], [], [])
    except ProcessLookupError:
        pass
    if os.path.exists(path):
        Evaluation(build, path).remove()


if __name__ == "__main__":
    watch(sys.argv[1], sys.argv[2], int(sys.argv[3]))
