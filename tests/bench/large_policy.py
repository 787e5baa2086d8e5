"""A policy of the size that the figures are about: 100 people, 200 rules, 24 groups that overlap, 20 wallets, four assets.

Made by chance from a fixed seed, so that every run has the same one but for its keys.
"""

import base64
import json
import random
import subprocess

ADMINISTRATORS, REQUESTERS, PROGRAMS, APPROVERS = 9, 10, 3, 78
GROUPS, WALLETS = 24, 20
ASSETS = [digit * 64 for digit in "abcd"]
SMALL, LARGE, TOP = 10 ** 5, 10 ** 7, 10 ** 9


def key():
    private = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=private, capture_output=True, check=True)
    return {"alg": "ed25519", "key": base64.b64encode(public.stdout).decode()}


def person(name, duty):
    return {"duties": [duty], "id": name, "keys": [key()], "valid_until": "2030-01-01T00:00:00.000000Z"}


def names(prefix, count):
    return [f"{prefix}-{i:02}" for i in range(count)]


def allow(name, groups, chance, most, **when):
    steps = [[{"group": group, "m": 1 if group == "program" else 1 + chance.randrange(2)} for group in sorted(groups)]]
    return {"demand": {"max_amount": str(most), "steps": steps}, "effect": "allow", "id": name, "when": when}


def rules(chance):
    groups = names("group", GROUPS)
    night = [{"days": ["sat", "sun"], "from": "00:00", "until": "24:00"}]
    made = []
    for wallet in names("wallet", WALLETS):
        for number, asset in enumerate(ASSETS):
            here = {"assets": [asset], "wallets": [wallet]}
            made.append(allow(f"{wallet}-{number}-small", chance.sample(groups, 2) + ["program"], chance, SMALL,
                              amount={"up_to": str(SMALL)}, **here))
            made.append(allow(f"{wallet}-{number}-large", chance.sample(groups, 2), chance, TOP, amount={"above": str(SMALL)}, **here))
        made.append(allow(f"{wallet}-top", chance.sample(groups, 2), chance, TOP, amount={"above": str(LARGE)}, assets=ASSETS,
                          wallets=[wallet]))
        made.append({"effect": "deny", "id": f"{wallet}-night", "when": {"amount": {"above": str(SMALL)}, "assets": ASSETS,
                                                                       "hours": night, "wallets": [wallet]}})
    return sorted(made, key=lambda rule: rule["id"])


def large_policy():
    """The document, canonical."""
    chance = random.Random(4)
    approvers = names("approver", APPROVERS)
    groups = [{"id": name, "members": sorted(chance.sample(approvers, 9))} for name in names("group", GROUPS)]
    groups += [{"id": "administrators", "members": names("admin", ADMINISTRATORS)}, {"id": "program", "members": names("program", PROGRAMS)}]
    people = [person(name, duty) for prefix, count, duty in (
        ("admin", ADMINISTRATORS, "administrator"), ("requester", REQUESTERS, "requester"), ("program", PROGRAMS, "automated"),
        ("approver", APPROVERS, "approver")) for name in names(prefix, count)]
    wallets = [{**key(), "assets": ASSETS, "id": name, "tier": "hot"} for name in names("wallet", WALLETS)]
    policy = {"chain": "0" * 64, "destinations": {"cooling_s": 3600, "groups": ["customers", "own", "partners"]}, "environment": "test",
              "governance": {"delay_s": 86400, "group": "administrators", "m": 8}, "groups": sorted(groups, key=lambda row: row["id"]),
              "issued_at": "2026-01-01T00:00:00.000000Z", "people": sorted(people, key=lambda row: row["id"]), "prev": "0" * 64,
              "rules": rules(chance), "version": 1, "wallets": wallets}
    return json.dumps(policy, sort_keys=True, separators=(",", ":")).encode()
