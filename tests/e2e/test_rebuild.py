#!/usr/bin/python3
"""A database is made again (docs/rebuild.md) from a copy of the trail and a backup that has rows of a later time: what was begun while the
audit signer was stopped has rows, and no entry. None of it is carried on, since nobody could prove it afterwards."""

import concurrent.futures
import os
import re
import subprocess
import unittest

import strongroom
from strongroom import eventually

PAGE = (strongroom.SOURCE / "docs/rebuild.md").read_text()


class Rebuild(strongroom.Case):
    OPTIONS = {"trail_timeout": 3000}

    def shell(self, command, **variables):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], stdin=subprocess.DEVNULL, text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**self.place.environment, **variables})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])

    def unsigned(self):
        """Nothing of this is promised to anybody: each is answered 503, and has its rows."""
        place = self.place
        recorded, key = place.proposed(12), os.urandom(16).hex()
        approvals = [(person, place.approval(recorded, person)) for person in ("approver-1", "approver-2")]
        place.stop("audit")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            asked = [pool.submit(place.propose, 13, key=key)]
            asked += [pool.submit(place.decide, recorded, person, document=document) for person, document in approvals]
            for reply in asked:
                self.assertProblem(reply.result(), 503, "not_ready")
        place.wait(recorded["id"], "recorded")
        begun = [row for row in place.call("GET", "/v1/withdrawals").json["withdrawals"] if row["amount"] == "13"]
        self.assertEqual([row["state"] for row in begun], ["reserved"])
        return begun[0], recorded

    def rebuild(self):
        place = self.place
        copy, backup = place.dir / "copy", place.dir / "workflow.sql"
        place.custody("audit", "copy", "--dir", str(copy), person="auditor-1", check=False)  # nobody signs that there was one
        self.assertEqual((copy / "checkpoint").read_text().splitlines()[1], place.value("SELECT max(size) FROM audit.checkpoint"))
        place.stop("custodyd")
        self.shell(re.search(r"pg_dump [^;]*", PAGE)[0], BACKUP=str(backup))
        server = place.environment["STRONGROOM_DB"].replace("dbname=strongroom", "dbname=postgres")
        self.shell(f'psql -Xq -d "{server}" -c "DROP DATABASE strongroom WITH (FORCE)"')
        place.script("database", "start")
        self.shell(f'"{place.dir}/bin/custodyd" rebuild --config "{place.dir}/etc/custodyd.conf" --copy "{copy}"')
        self.shell(re.search(r"psql .* -f \"\$BACKUP\"", PAGE)[0].replace("rebuild.log", "/dev/null"), BACKUP=str(backup))
        place.start()

    def test_rows_of_a_later_time_than_the_trail(self):
        place = self.place
        reserved = place.wallet()[1]
        asked = place.proposed(11)
        begun, recorded = self.unsigned()
        self.rebuild()

        self.assertTrue(place.read(begun["id"])["unrecorded"])
        shown = [line for line in place.custody("list").stdout.splitlines() if line.startswith(begun["id"])]
        self.assertIn("goes no further: the audit trail has no entry of its request (unrecorded)", shown[0])
        for person in ("approver-1", "approver-2"):
            self.assertProblem(place.decide(begun, person), 409, "unrecorded", "withdrawal")
        self.assertEqual((place.read(begun["id"])["state"], place.read(begun["id"])["approvals"]), ("reserved", []))
        self.assertEqual(place.history(begun["id"]), [])  # a refusal does not begin one either
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{begun['id']}/cancel").status, 200)

        ended = place.wait(recorded["id"], "quarantined")
        self.assertEqual(ended["reason"], "unrecorded")
        reply = eventually(lambda: place.call_when(200, "POST", f"/v1/withdrawals/{recorded['id']}/settle"), "it is settled")
        self.assertEqual(reply.json["withdrawal"]["state"], "failed")

        self.assertNotIn("unrecorded", place.read(asked["id"]))
        place.approve(asked)
        place.wait(asked["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(asked["id"]))
        self.assertProven("trail", place.export_trail())
        self.assertEqual(place.wallet()[1], reserved)
        moved = [id for id, _ in place.ledger_transactions()]
        self.assertEqual([row["transaction_id"] in moved for row in (asked, begun, recorded)], [True, False, False])
        self.assertHonestWorkGoesOn()


if __name__ == "__main__":
    unittest.main(verbosity=2)
