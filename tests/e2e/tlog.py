"""C2SP tlog-proof, checked from the specification with hashlib and openssl: what a client does with a receipt it was given."""

import base64
import hashlib
import subprocess
import tempfile

ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")


def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves):
    """The root over these leaf hashes (RFC 9162 section 2.1.1)."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_root(leaves[:half]), tree_root(leaves[half:]))


def root_of(leaf, index, size, path):
    """The root that an RFC 9162 inclusion proof leads to (section 2.1.3.2)."""
    assert index < size, "index beyond the checkpoint"
    number, last, hash_ = index, size - 1, leaf
    for sibling in path:
        assert last != 0, "the proof is too long"
        if number % 2 == 1 or number == last:
            hash_ = node_hash(sibling, hash_)
            while number % 2 == 0 and number != 0:
                number, last = number >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        number, last = number >> 1, last >> 1
    assert last == 0, "the proof is too short"
    return hash_


def check_consistency(size, root, later, later_root, path):
    """Whether the tree of `later` leaves begins with that of `size` (RFC 9162 section 2.1.4.2)."""
    if size == later:
        assert not path and root == later_root, "one size, two roots"
        return
    path = ([root] if size & (size - 1) == 0 else []) + list(path)
    number, last = size - 1, later - 1
    while number % 2 == 1:
        number, last = number >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        assert last != 0, "the proof is too long"
        if number % 2 == 1 or number == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while number % 2 == 0 and number != 0:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        number, last = number >> 1, last >> 1
    assert last == 0 and (old, new) == (root, later_root), "the later tree does not begin with the earlier"


def open_note(note, vkey):
    """(origin, size, root) of a signed checkpoint. Raises AssertionError when the key did not sign it."""
    name, key_id, key = vkey.split("+", 2)
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.splitlines()
    assert origin == name, f"origin {origin}"
    for line in signatures.splitlines():
        dash, signer, packed = line.split(" ")
        packed = base64.b64decode(packed, validate=True)
        if (dash, signer, packed[:4].hex()) == ("\u2014", name, key_id):
            verify_ed25519(base64.b64decode(key)[1:], text.encode(), packed[4:])
            return origin, int(size), base64.b64decode(root, validate=True)
    raise AssertionError("not signed by the log")


def verifier_key(name, public, kind=b"\1"):
    """The hash and the key of the vkey of an Ed25519 key: of a log, or with another kind of a witness."""
    typed = kind + public
    return hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4].hex(), base64.b64encode(typed).decode()


def verify_ed25519(public, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in (("key", ED25519_SPKI + public), ("message", message), ("signature", signature)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{folder}/key", "-keyform", "DER", "-rawin",
                               "-in", f"{folder}/message", "-sigfile", f"{folder}/signature"], capture_output=True, check=False)
    assert done.returncode == 0, "the signature of the log does not verify"


def parse_proof(proof):
    """(index, path, signed note)"""
    head, _, rest = proof.partition("\n")
    assert head == "c2sp.org/tlog-proof@v1", head
    lines, _, note = rest.partition("\n\n")
    index, *path = lines.splitlines()
    assert index.startswith("index "), index
    return int(index[6:]), [base64.b64decode(line, validate=True) for line in path], note


def check_proof(proof, leaf, vkey):
    """The index at which the log committed itself to holding this leaf. Raises AssertionError when it did not."""
    index, path, note = parse_proof(proof)
    _, size, root = open_note(note, vkey)
    assert root_of(leaf_hash(leaf), index, size, path) == root, "the leaf is not under this root"
    return index
