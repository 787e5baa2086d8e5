"""Sealed boxes and shares as docs/formats.md says, written a second time over libsodium itself."""

import base64
import ctypes
import hashlib

SODIUM = ctypes.CDLL("libsodium.so.23")
assert SODIUM.sodium_init() >= 0


def pair():
    """Public and private key."""
    public, private = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
    SODIUM.crypto_box_keypair(public, private)
    return public.raw, private.raw


def seal(content, public):
    box = ctypes.create_string_buffer(len(content) + 48)
    assert SODIUM.crypto_box_seal(box, content, ctypes.c_ulonglong(len(content)), public) == 0
    return box.raw


def unseal(box, public, private):
    content = ctypes.create_string_buffer(len(box) - 48)
    assert SODIUM.crypto_box_seal_open(content, box, ctypes.c_ulonglong(len(box)), public, private) == 0
    return content.raw


SET = hashlib.sha256(b"the backup").hexdigest()


def share(value, to, key):
    """A share document."""
    return {"commitment": hashlib.sha256(value).hexdigest(), "custodian": "custodian-1", "index": 1, "key": key, "of": "kek",
            "sealed": base64.b64encode(seal(value, base64.b64decode(to))).decode(), "set": SET, "threshold": 2, "to": to}
