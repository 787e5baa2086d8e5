#!/usr/bin/python3
"""
The allow-list, from people's hands to the signer that holds it: what it refuses, what takes an entry off, and that an
address which looks like another is blocked wherever it is shown (C-49).
"""
import datetime
import http.client
import json
import subprocess
import unittest

import strongroom
from strongroom import address_of, alike, canonical, digest, eventually, time_text

COOLING_S = 12  # of the entry that comes to serve
LONG_S = 3600  # of the one that does not while these tests run


class Destinations(strongroom.Trailed, strongroom.Case):
    def document(self, name, address, **changes):
        return canonical({
            "account": address, "chain": self.place.chain, "environment": "demo", "group": "clients", "id": name,
            "issued_at": time_text(), "policy": self.place.call("GET", "/v1/policy").json["digest"],
            "valid_until": time_text(seconds=86400), **changes})

    def add(self, document):
        return self.place.call("POST", "/v1/destinations", self.place.signed("destination", document, "admin-1", "admin-3"))

    def state(self, address):
        rows = self.place.call("GET", "/v1/destinations").json["destinations"]
        return next((row["state"] for row in rows if json.loads(row["document"])["account"] == address), None)

    def told(self, act, **wanted):
        return eventually(lambda: [entry for entry in self.entries(act) if wanted.items() <= self.event(entry).items()], f"{act} in the trail")

    def revoke(self, entry):
        people = self.place.dir / "people"
        return self.place.custody("destination", "revoke", entry, "--reason", "false-address", "--policy",
                                  str(self.place.dir / "ceremony/policy.json"), "--key", str(people / "operator-1.key"),
                                  "--passphrase-file", str(people / "operator-1.passphrase")).stdout

    def test_1_comes_onto_the_list_and_serves(self):
        place = self.place
        address = address_of("ab" * 32)
        row = place.proposed(11, destination=address)
        added = self.add(self.document("client-1", address))
        self.assertEqual((added.status, added.json["state"]), (201, "serving"), added)
        self.assertEqual(self.state(address), "serving")
        self.told("destination.add", outcome="ok", oid=added.json["digest"])
        place.approve(row, "approver-1", "approver-2")
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.assertProblem(self.add(self.document("client-3", address_of("ef" * 32), group="elsewhere")), 403, "denied", "group")

    def test_1_what_was_approved_before_its_address_was_listed_goes_on(self):
        """By itself; what lacks an approval, or goes elsewhere, does not."""
        place = self.place
        address = address_of("a1" * 32)
        row, other = place.proposed(16, destination=address), place.proposed(17, destination=address)
        elsewhere = place.proposed(18, destination=address_of("a3" * 32))
        for one in (row, elsewhere):
            self.assertEqual(place.approve(one)["state"], "approving")
        place.approve(other, "approver-1")
        self.assertEqual(self.add(self.document("client-10", address)).status, 201)
        place.wait(row["id"], "confirmed")
        self.assertProven("evidence", place.export_evidence(row["id"]))
        self.assertEqual([place.read(one["id"])["state"] for one in (other, elsewhere)], ["approving"] * 2)

    def test_2_a_look_alike_is_blocked(self):
        """Of an entry of the list and of a wallet: neither is it listed, nor does anybody propose to send there."""
        for address in (self.place.payee, self.place.hot):
            false = alike(address)
            with self.subTest(address):
                added = self.add(self.document("payee-1", false))
                self.assertProblem(added, 409, "look_alike", "account")
                self.assertIn(address, added.json["detail"])
                self.assertProblem(self.place.propose(5, destination=false), 409, "look_alike", "destination")
                self.assertIsNone(self.state(false))
        self.told("destination.add", outcome="deny", reason="look_alike")

    def test_3_what_looks_like_somebody_who_paid_in_is_blocked(self):
        address = self.place.pays_in("mallory")
        false = alike(address)
        added = self.add(self.document("client-4", false))
        self.assertProblem(added, 409, "look_alike", "account")
        self.assertIn(address, added.json["detail"])
        asked = self.place.propose(5, destination=false)
        self.assertProblem(asked, 409, "look_alike", "destination")
        self.assertIn("pays on the ledger", asked.json["detail"])
        self.assertEqual(self.add(self.document("client-5", address)).status, 201, "the one who paid may be listed")

    def test_4_one_person_takes_it_off(self):
        place = self.place
        address = address_of("cd" * 32)
        document = self.document("client-2", address)
        added = self.add(document)
        self.assertEqual(added.status, 201, added)
        row = place.proposed(12, destination=address)
        place.approve(row, "approver-1")
        self.assertIn("revoked", self.revoke(added.json["digest"]))
        self.assertEqual(self.state(address), "revoked")
        self.assertIn("revoked", place.custody("destination", "list").stdout)
        self.assertEqual(place.wait(row["id"], "rejected")["reason"], "destination_unlisted")
        self.assertIn(f"event=transfer.ended withdrawal={row['id']}", place.log("transfer"))
        [entry] = self.told("destination.revoke", outcome="ok", oid=added.json["digest"])
        self.assertEqual(self.event(entry)["facts"], {"by": "operator-1", "reason": "false-address"})
        self.assertProblem(self.add(document), 403, "denied")
        self.assertEqual(self.add(self.document("client-2", address)).status, 201, "another document for the address")
        self.assertEqual(self.state(address), "serving")

    def test_4_who_takes_off_an_older_entry_means_the_address(self):
        """The digest may be that of the document in somebody's hands, or the one that a service shows who would have it name the newest."""
        place = self.place
        address = address_of("ce" * 32)
        older, newer = (self.add(self.document(name, address)) for name in ("client-20", "client-21"))
        self.assertEqual((older.status, newer.status), (201, 201))
        row = place.proposed(12, destination=address)
        self.assertIn("revoked", self.revoke(older.json["digest"]))
        for added in (older, newer):
            self.assertIn(added.json["digest"], "".join(line for line in place.log("transfer").splitlines() if "event=destination.revoked" in line))
            self.told("destination.revoke", outcome="ok", oid=added.json["digest"])
        self.assertEqual(self.state(address), "revoked")
        self.assertEqual(place.wait(row["id"], "rejected")["reason"], "destination_unlisted")
        self.assertEqual(self.add(self.document("client-22", address)).status, 201, "another document for the address")
        self.assertEqual(self.state(address), "serving")

    def test_5_a_signer_that_was_away_is_shown_the_list_again(self):
        place = self.place
        self.assertEqual(self.state(place.payee), "serving")
        place.stop("custodyd")
        place.psql("DELETE FROM custody.mark WHERE subject LIKE 'destination/%'")
        self.assertEqual(place.value("SELECT count(*) FROM custody.mark WHERE subject LIKE 'destination/%'"), "0")
        place.start()
        eventually(lambda: self.state(place.payee) == "serving", "the signer said again that it holds the entry")

    def test_6_killed_before_the_service_has_written_it(self):
        """The signer holds the entry and the service does not know of it: handed in again it has the same answer."""
        place = self.place
        address = address_of("ba" * 32)
        document = self.document("client-6", address)
        place.kill("custodyd")
        place.start(STRONGROOM_CRASHPOINT="destination-handed:1")
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.add(document)
        eventually(lambda: place.ended("custodyd") is not None, "custodyd is killed")
        place.start()
        self.assertIsNone(self.state(address))
        added = self.add(document)
        self.assertEqual((added.status, added.json["state"]), (201, "serving"), added)
        self.assertEqual(self.state(address), "serving")

    def cool(self, cooling_s):
        """A version under which what is new on the list waits."""
        place = self.place
        row = next(row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force")
        now = json.loads(row["policy"]["document"])
        text = canonical({**now, "version": now["version"] + 1, "prev": row["digest"], "issued_at": time_text(),
                          "destinations": {**now["destinations"], "cooling_s": cooling_s}})
        reply = place.call("POST", "/v1/policies", place.signed("policy", text, "admin-1", "admin-2"))
        self.assertEqual(reply.status, 200, reply)
        eventually(lambda: place.call("GET", "/v1/policy").json["digest"] == digest("policy", text), "the version is in force")

    def listed(self, address):
        rows = self.place.call("GET", "/v1/destinations").json["destinations"]
        return next(row for row in rows if json.loads(row["document"])["account"] == address)

    def test_7_what_is_new_cools_off_and_a_withdrawal_waits_for_it(self):
        place = self.place
        self.cool(LONG_S)
        address = address_of("ca" * 32)
        path = place.dir / "cool.json"
        path.write_text(json.dumps(place.signed("destination", self.document("client-7", address), "admin-1", "admin-3")))
        came = time_text()
        said = place.custody("destination", "add", "--in", str(path)).stdout
        self.assertIn("cooling", said)
        listed = self.listed(address)
        self.assertEqual(listed["state"], "cooling")
        self.assertIn(listed["serving_at"], said)
        self.assertGreaterEqual(listed["serving_at"], time_text(datetime.datetime.fromisoformat(came[:-1]), seconds=LONG_S))
        self.assertRegex(place.custody("destination", "list").stdout, rf"client-7 {address}\n +group +clients\n +state +cooling\n +serving at +{listed['serving_at']}")
        row = place.proposed(14, destination=address)
        place.approve(row)
        waiting = eventually(lambda: (lambda row: row if row.get("waiting", {}).get("until") else None)(place.read(row["id"])), "it waits")
        self.assertEqual((waiting["state"], waiting["waiting"]["step"], waiting["waiting"]["for"], waiting["waiting"]["until"]),
                         ("approved", "record", "not_ready", listed["serving_at"]))
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").status, 200)
        old = place.withdraw(15)  # to an address that serves
        self.assertEqual(old["destination"], place.payee)

    def test_7_what_waited_goes_by_itself(self):
        place = self.place
        self.cool(COOLING_S)
        address = address_of("cb" * 32)
        added = self.add(self.document("client-9", address))
        self.assertEqual(added.status, 201, added)
        self.assertTrue(added.json["state"] == "cooling" or time_text() >= added.json["serving_at"], added)  # on a slow machine
        row = place.proposed(13, destination=address)
        place.approve(row)
        place.wait(row["id"], "confirmed")
        recorded = next(entry for entry in place.history_to(row["id"]) if entry["act"] == "withdrawal.signing")
        self.assertGreaterEqual(recorded["ts"], added.json["serving_at"][:19])
        self.assertEqual(self.state(address), "serving")
        self.assertProven("evidence", place.export_evidence(row["id"]))

    def insert(self, address, document, *signers):
        """A row as the service writes them, and no entry of the trail: its digest."""
        name = digest("destination", document)
        row = canonical(self.place.signed("destination", document, *signers))
        self.place.psql(f"INSERT INTO custody.document (kind, id, digest, bytes) VALUES ('destination', '{address[3:66]}', "
                        f"decode('{name}', 'hex'), convert_to($d${row}$d$, 'UTF8'))")
        return name

    def test_8_an_entry_that_only_the_database_has_is_refused_and_told(self):
        """One administrator's entry, written where the service keeps those that a quorum signed."""
        place = self.place
        address = address_of("da" * 32)
        document = self.document("client-8", address)
        place.stop("custodyd")
        name = self.insert(address, document, "admin-1")
        place.start()
        [entry] = self.told("destination.refused", reason="quorum_missing")
        self.assertEqual((entry["oid"], self.event(entry)["refs"]["destination"]), (name, name))
        self.assertEqual(self.state(address), "refused")
        alarms = self.until(lambda: [alarm for alarm in place.call("GET", "/v1/alarms").json["alarms"] if alarm["object_id"] == name], "the alarm")
        self.assertEqual([alarm["code"] for alarm in alarms], ["destination.refused"])  # once

    def test_9_what_waits_for_its_entry_has_the_list_shown_less_and_less_often(self):
        """One waits, since nobody signs the trail. Another one that is refused is in the log whenever the whole list is shown."""
        place = self.place
        address = address_of("db" * 32)
        place.stop("custodyd")
        place.configure("custodyd", watch=200)
        place.start()
        place.stop("audit", "transfer")
        before = len(place.log("custodyd"))  # the list was shown at the start, maybe only now
        self.insert(address, self.document("client-10", address), "admin-1", "admin-3")
        subprocess.run([str(strongroom.DEMO / "services"), "start", str(place.dir), "transfer"], check=True, capture_output=True, env=place.environment)

        def shown():
            lines = [line for line in place.log("custodyd")[before:].splitlines() if "event=destination.refused" in line]
            return [datetime.datetime.fromisoformat(line.split()[0].removeprefix("time=").rstrip("Z")) for line in lines]

        eventually(lambda: len(shown()) >= 4, "it is shown again and again")
        first, *_, last = shown()[:4]
        self.assertGreater((last - first).total_seconds(), 6)  # 1, 2 and 4 s, whatever the machine does
        place.start()
        eventually(lambda: self.state(address) == "serving", "it has its entry, and serves")


if __name__ == "__main__":
    unittest.main()
