"""Looking for secrets where they must not be: in processes, in files."""

import base64
import os
import sys

CHUNK = 1 << 22


def only_where_it_can_be_seen():
    """Ends a test that could see nothing."""
    if os.geteuid() != 0:
        print("skipped: only root may read the memory of other users' processes")
        sys.exit(77)
    if "-fsanitize" in os.environ.get("BUILD_FLAGS", ""):
        print("skipped: a sanitizer maps terabytes, and keeps what was freed")
        sys.exit(77)


def forms(secret):
    """How software writes it: as it is, back to front (big numbers), as text of several kinds."""
    words = b"".join(secret[at:at + 8][::-1] for at in range(0, len(secret), 8))
    encoded = {base64.b64encode(secret[skip:])[:32] for skip in range(3)}
    return {secret, secret[::-1], words, secret.hex().encode(), secret.hex().upper().encode(), secret.hex().encode("utf-16-le"),
            *encoded}


def read_memory(pid, shared=None):
    """What a process has mapped and may read, in pieces that overlap. What it shares with one before (`shared`: a set) is not
    read again. A process that has ended has no memory."""
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps:
            rows = [line.split() for line in maps]
        memory = open(f"/proc/{pid}/mem", "rb", buffering=0)
    except (FileNotFoundError, ProcessLookupError):
        return
    with memory:
        for row in rows:
            start, end = (int(text, 16) for text in row[0].split("-"))
            if "r" not in row[1] or row[-1] in ("[vvar]", "[vsyscall]"):
                continue
            if shared is not None and row[1].endswith("s"):
                if tuple(row[2:5]) in shared:
                    continue
                shared.add(tuple(row[2:5]))
            for at in range(start, end, CHUNK):
                try:
                    memory.seek(at)
                    yield memory.read(min(CHUNK + 256, end - at))
                except OSError:
                    pass  # a device, or a page behind the end of its file


def search(pieces, secrets):
    """Names of the secrets that are in one of the pieces."""
    return {name for piece in pieces for name, patterns in secrets.items() if any(pattern in piece for pattern in patterns)}


def words_of(pid, name):
    """Of a process that has ended meanwhile: nothing."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def children(pid):
    """Of a process that has ended meanwhile: none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            direct = [int(text) for text in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return direct + [below for child in direct for below in children(child)]


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
