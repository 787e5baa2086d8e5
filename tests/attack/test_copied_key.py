#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL, and the watcher of copied keys reads his rows.

He can have the service stop a key for nothing: who edits what stands behind a payment of ours makes it one of nobody. He
cannot have it pass over a payment that a copied key made and that it had not looked at, also not by an entry that says it
was dealt with, nor by a row of a withdrawal that was approved and taken back.
"""

import base64
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import outside  # noqa: E402
import positions  # noqa: E402
import strongroom  # noqa: E402
from strongroom import canonical, digest, eventually, time_text, uuid7  # noqa: E402


class Watched(strongroom.Case):
    def key(self):
        return next(row for row in self.place.call("GET", "/v1/keys").json["keys"] if row.get("role") == "transfer")

    def assertStopped(self, oid):
        eventually(lambda: self.key()["state"] == "suspended", "the key is suspended")
        self.assertEqual(self.key()["cause"], "alarm")
        told = eventually(lambda: self.entries("key.copied_use", otype="transaction", oid=oid), "the use is told")
        self.assertEqual([(entry["actor"], entry["outcome"]) for entry in told], [("custodyd", "error")])
        frozen = eventually(lambda: [row["subject"] for row in self.place.call("GET", "/v1/freezes").json["freezes"]
                                     if row["state"] == "frozen"], "the asset is frozen")
        self.assertEqual(frozen, [self.place.asset])


class EditedRow(Watched):
    def test_a_payment_whose_rows_were_edited_stops_the_key(self):
        """A false alarm, and it says which payment: what was proven of it before is proven still."""
        place = self.place
        row = place.withdraw(71)
        evidence = place.export_evidence(row["id"])
        place.stop("custodyd")
        place.start()
        self.assertEqual((self.key()["state"], self.entries("key.copied_use")), ("active", []))
        place.psql(f"DELETE FROM custody.approval WHERE withdrawal = '{row['id']}' AND person = 'approver-1'")
        place.stop("custodyd")
        place.start_unready()
        self.assertStopped(row["transaction_id"])
        self.assertProven("evidence", evidence)
        self.assertProven("trail", place.export_trail())


class ForgedMark(Watched):
    def test_a_mark_that_it_was_told_keeps_no_use_out_of_the_trail(self):
        """Nor does it keep the alarm from people: it said that they have decided."""
        place = self.place
        place.withdraw(73)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        oid = digest("transaction", signed["document"])
        place.psql(f"""INSERT INTO custody.mark (subject, value) VALUES ('key.copied_use/{oid}', '{self.key()["key_id"]}/0'), ('key.alarm/{oid}', 'told')""")
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        self.assertStopped(oid)
        eventually(lambda: self.entries("key.alarm", otype="transaction", oid=oid), "it is told that it was dealt with")
        eventually(lambda: "key.copied_use" in [alarm["code"] for alarm in place.call("GET", "/v1/alarms").json["alarms"]], "it is an alarm")
        self.assertProven("trail", place.export_trail())


class Cancelled(Watched):
    def taken_back(self, amount):
        """Approved by two, and cancelled before anybody was asked to sign it."""
        place = self.place
        place.psql("""CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.due_at := now() + interval '1 day'; RETURN NEW; END $$;
            CREATE TRIGGER wait BEFORE INSERT ON custody.outbox FOR EACH ROW WHEN (NEW.kind = 'record') EXECUTE FUNCTION public.wait()""")
        row = place.proposed(amount)
        place.approve(row)
        place.wait(row["id"], "approved")
        place.psql("DROP TRIGGER wait ON custody.outbox; DROP FUNCTION public.wait()")
        self.assertEqual(place.call("POST", f"/v1/withdrawals/{row['id']}/cancel").json["withdrawal"]["state"], "cancelled")
        return row


class TakenBack(Cancelled):
    def test_what_two_approved_and_one_took_back_is_no_payment_of_ours(self):
        """Its row says that the signer was asked for it; another one says of the signer that it has forgotten: then nobody knows, and it is asked again."""
        place = self.place
        paid = place.withdraw(74)
        row = self.taken_back(75)
        signed, key = outside.with_token(place, "transfer", row["transaction"])
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.psql(f"""UPDATE custody.withdrawal SET state = 'recorded', ver = ver + 1 WHERE id = '{row["id"]}';
            UPDATE custody.withdrawal SET promises = promises + 1000 WHERE id = '{paid["id"]}'""")
        looks = place.log("custodyd").count("event=watch status=rollback")
        place.start_unready()
        eventually(lambda: place.log("custodyd").count("event=watch status=rollback") > looks, "the log says that it is not known")
        self.assertEqual((self.key()["state"], self.entries("key.copied_use")), ("active", []))
        place.psql(f"UPDATE custody.withdrawal SET promises = promises - 1000 WHERE id = '{paid['id']}'")
        self.assertStopped(row["transaction_id"])
        self.assertEqual(len(self.entries("key.copied_use")), 1)
        self.assertProven("trail", place.export_trail())


class NobodyKnows(Cancelled):
    def test_what_nobody_knows_of_is_not_taken_for_a_payment_of_ours(self):
        """The signer was told once of promises that it never made, and says no more what it did not promise; what it did it says."""
        place = self.place
        place.withdraw(79)
        stuck = place.proposed(80)
        row = self.taken_back(81)
        signed, key = outside.with_token(place, "transfer", row["transaction"])
        place.psql("UPDATE custody.withdrawal SET promises = promises + 1000 WHERE promises IS NOT NULL")
        place.approve(stuck)
        eventually(lambda: any("op=transfer.sign" in line and "rollback" in line for line in place.log("transfer").splitlines()), "the signer believes it")
        place.psql("UPDATE custody.withdrawal SET promises = promises - 1000 WHERE promises > 1000")
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.psql(f"UPDATE custody.withdrawal SET state = 'recorded', ver = ver + 1 WHERE id = '{row['id']}'")
        looks = place.log("custodyd").count("event=watch status=rollback")
        place.start_unready()
        eventually(lambda: place.log("custodyd").count("event=watch status=rollback") > looks, "the log says that it is not known")
        eventually(lambda: place.call("GET", "/v1/alarms").json["looked_at"] < time_text(seconds=-15), "it shows that not everything was looked at")
        self.assertEqual((self.key()["state"], self.entries("key.copied_use")), ("active", []))


class GoneRows(Watched):
    def alarms(self):
        return [alarm for alarm in self.place.call("GET", "/v1/alarms").json["alarms"] if alarm["code"] == "key.copied_use"]

    def listed(self):
        return [alarm["object_id"] for alarm in self.alarms()]

    def used(self):
        """A payment that a copied key made while the service was away: its transaction."""
        place = self.place
        place.withdraw(77)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        return digest("transaction", signed["document"])

    def looked(self):
        return self.place.call("GET", "/v1/alarms").json["looked_at"]

    def look(self):
        """Until a look has seen everything that began after this."""
        for _ in range(2):
            looked = self.place.call("GET", "/v1/alarms").json["looked_at"]
            eventually(lambda looked=looked: self.place.call("GET", "/v1/alarms").json["looked_at"] > looked, "a look")


class GoneEntry(GoneRows):
    def test_an_entry_that_was_taken_away_before_it_is_one(self):
        """The trail is told again, and shows that something was taken away; until then it is an alarm all the same."""
        place = self.place
        oid = self.used()
        place.psql("""CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN DELETE FROM audit.pending WHERE pid = NEW.pid; RETURN NEW; END $$;
            CREATE TRIGGER lose AFTER INSERT ON audit.pending FOR EACH ROW WHEN (convert_from(NEW.evt, 'UTF8') LIKE '%"act":"key.copied_use"%')
            EXECUTE FUNCTION public.lose()""")
        place.start_unready()
        eventually(self.listed, "it is an alarm")
        self.assertEqual((self.listed(), self.entries("key.copied_use")), ([self.key()["key_id"]], []))
        place.psql("DROP TRIGGER lose ON audit.pending")
        self.assertStopped(oid)
        status, said = place.verify("trail", place.export_trail())
        self.assertEqual((status, f"of transaction {oid}, but 1 is due" in said), (1, True), said)


class GoneMark(GoneRows):
    def test_a_mark_that_is_gone_ends_no_alarm(self):
        """Nor one that says that people have decided; nor a start after that."""
        place = self.place
        oid = self.used()
        place.start_unready()
        self.assertStopped(oid)
        [entry] = self.entries("key.copied_use")
        self.assertEqual(self.event(entry)["facts"]["transitions"], str(self.key()["transitions"]))
        mark = f"custody.mark WHERE subject = 'key.copied_use/{oid}'"
        for change in (f"UPDATE custody.mark SET value = '{self.key()['key_id']}/0' WHERE subject = 'key.copied_use/{oid}'", f"DELETE FROM {mark}"):
            with self.subTest(change):
                self.assertEqual(place.value(f"SELECT count(*) FROM {mark}"), "1")
                place.psql(change)
                self.look()
                self.assertEqual(self.listed(), [self.key()["key_id"]])
        place.stop("custodyd")
        place.start_unready()
        eventually(self.listed, "it is an alarm after a start")
        self.assertEqual((self.listed(), len(self.entries("key.copied_use"))), ([self.key()["key_id"]], 1))
        self.assertProven("trail", place.export_trail())


class Crowd(GoneRows):
    PROVISION = {"assets": ["GOLD"]}

    def test_uses_that_the_trail_is_not_told_of_keep_no_other_from_being_stopped(self):
        """However many wait: the superuser takes their entries away, and a use of another asset is found below them."""
        place = self.place
        gold = (place.dir / "ceremony/asset-GOLD").read_text().strip()
        place.custody("issue", "--key", f"{place.dir}/people/issuer-1.key", "--passphrase-file", f"{place.dir}/people/issuer-1.passphrase",
                      "--asset", "GOLD", "--amount", "10", "--to", place.hot)
        signed, key = outside.transaction(place, "transfer", place.hot, gold)
        other, _ = outside.transaction(place, "transfer", place.hot, place.asset)
        other = json.loads(other["document"])
        crowd = [outside.with_token(place, "transfer", canonical({**other, "seq": str(int(other["seq"]) + 1 + i)}))[0] for i in range(80)]
        place.psql("""CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN DELETE FROM audit.pending WHERE pid = NEW.pid; RETURN NEW; END $$;
            CREATE TRIGGER lose AFTER INSERT ON audit.pending FOR EACH ROW WHEN (convert_from(NEW.evt, 'UTF8') LIKE '%"act":"key.copied_use"%')
            EXECUTE FUNCTION public.lose()""")
        place.stop("custodyd")
        for transaction in (signed, *crowd):
            outside.to_ledger(place, transaction, key)
        place.start_unready()
        eventually(lambda: {row["subject"] for row in place.call("GET", "/v1/freezes").json["freezes"] if row["state"] == "frozen"} == {place.asset, gold},
                   "both assets are frozen")
        self.assertEqual(self.entries("key.copied_use"), [])
        place.psql("DROP TRIGGER lose ON audit.pending")
        told = {digest("transaction", transaction["document"]) for transaction in (signed, *crowd)}
        eventually(lambda: {entry["oid"] for entry in self.entries("key.alarm")} == told, "the trail is told of all")


class Answered(GoneRows):
    def test_a_use_is_a_new_alarm_whoever_answered_one_before(self):
        """That one may have been a false alarm of the superuser's making, and the key is used while people look into it."""
        place = self.place
        row = place.withdraw(82)
        place.stop("custodyd")
        place.psql(f"DELETE FROM custody.approval WHERE withdrawal = '{row['id']}' AND person = 'approver-1'")
        place.start_unready()
        self.assertStopped(row["transaction_id"])
        [alarm] = eventually(self.alarms, "it is an alarm")
        for person in ("approver-1", "operator-1"):
            self.assertEqual(place.call("POST", f"/v1/alarms/{alarm['id']}/acknowledge", person=person).status, 200)
        self.look()
        [alarm] = self.alarms()
        self.assertEqual((alarm["answered"], alarm["since"]), (True, alarm["first_seen"]))
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        eventually(lambda: self.entries("key.copied_use", otype="transaction", oid=digest("transaction", signed["document"])), "the use is told")
        again = eventually(lambda: [new for new in self.alarms() if new["id"] != alarm["id"]], "it is another alarm")[0]
        self.assertEqual((again["answered"], again["acknowledged"], again["since"]), (False, [], alarm["since"]))
        self.look()
        self.assertEqual([row["id"] for row in self.alarms()], [again["id"]])


class StalledTrail(GoneRows):
    def test_while_nothing_may_be_compared_it_shows(self):
        """Nobody can lead the trail, which alarms nobody: then no block is looked at, and nobody is told that all were."""
        place = self.place
        oid = self.used()
        place.psql("ALTER ROLE strongroom_sequencer NOLOGIN")
        place.start_unready()
        eventually(lambda: self.looked() < time_text(seconds=-15), "it shows that not everything was looked at")
        self.assertEqual(self.key()["state"], "active")
        place.psql("ALTER ROLE strongroom_sequencer LOGIN")
        self.assertStopped(oid)
        now = time_text()
        eventually(lambda: self.looked() > now, "everything was looked at")


class Resumed(GoneRows):
    PROVISION = {"wallets": ["hot-2"]}

    def order(self, action, *signers, key, **fields):
        place = self.place
        document = {"action": action, "chain": place.chain, "environment": "demo", "expires_at": time_text(seconds=600), "issued_at": time_text(),
                    "key": key, "nonce": uuid7(), "policy": place.policy_digest, "reason": "test", "role": "transfer", **fields}
        reply = place.call("POST", f"/v1/keys/{key}/commands", place.signed("command", canonical(document), *signers))
        self.assertEqual(reply.status, 200, reply)

    def state(self, key):
        return next(row["state"] for row in self.place.call("GET", "/v1/keys").json["keys"] if row.get("key_id") == key)

    def test_a_block_that_is_looked_at_again_stops_no_key_again(self):
        """What keeps it from being judged is beside the use, a receipt that cannot be booked; people have resumed the key meanwhile."""
        place = self.place
        for script in (("admit", "transfer", "hot-2"), ("register", "hot-2")):
            subprocess.run([str(strongroom.DEMO / script[0]), str(place.dir), *script[1:]], check=True, capture_output=True, env=place.environment)
        second = eventually(lambda: place.call("GET", "/v1/wallets/hot-2").json.get("address"), "hot-2 has an address")
        used, receiving = (json.loads((place.dir / f"ceremony/{key}.json").read_text())["key_id"] for key in ("transfer", "hot-2"))
        self.order("key.suspend", "operator-1", key=receiving)
        place.psql("""CREATE SEQUENCE public.looks;
            CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN PERFORM nextval('public.looks'); RAISE EXCEPTION 'no'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON custody.suspense FOR EACH ROW EXECUTE FUNCTION public.refuse()""")
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        signed, key = outside.with_token(place, "transfer", signed["document"].replace(place.payee, second))
        oid = digest("transaction", signed["document"])
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        eventually(lambda: self.entries("key.alarm", otype="transaction", oid=oid), "it was dealt with")
        eventually(lambda: self.state(used) == "suspended", "the key is suspended")
        self.order("key.resume", "admin-1", "admin-2", key=used, on=place.on("transfer", used), **{"from": "suspended"})
        eventually(lambda: self.state(used) == "inactive", "people have decided")
        on = place.on("transfer", used)
        looks = int(place.value("SELECT last_value FROM public.looks"))
        eventually(lambda: int(place.value("SELECT last_value FROM public.looks")) >= looks + 3, "the block is looked at again")
        self.assertEqual((self.state(used), place.on("transfer", used), len(self.entries("key.copied_use"))), ("inactive", on, 1))
        self.assertEqual(self.listed(), [])


class UnreadableRows(Watched):
    def test_rows_that_cannot_be_read_keep_no_use_from_being_judged(self):
        """Withdrawals that ask for the payment, and an approval of it, with columns that are none, and however many: they show nothing."""
        place = self.place
        paid = place.withdraw(76)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        oid = digest("transaction", signed["document"])
        name = uuid7()
        intent = canonical({**json.loads(paid["intent"]), "transaction": oid, "withdrawal": name})
        seq = json.loads(signed["document"])["seq"]
        place.psql(f"""ALTER TABLE custody.withdrawal DROP CONSTRAINT withdrawal_reason_check, DROP CONSTRAINT withdrawal_pkey CASCADE;
            ALTER TABLE custody.withdrawal ALTER COLUMN id DROP NOT NULL;
            DROP INDEX custody.withdrawal_number;
            ALTER TABLE custody.approval DROP CONSTRAINT approval_alg_check;
            CREATE TEMP TABLE forged AS SELECT * FROM custody.withdrawal WHERE id = '{paid["id"]}';
            UPDATE forged SET id = '{name}', idempotency_key = 'forged', lane = 900, seq = {seq}, reason = repeat('x', 300),
                transaction = convert_to($d${signed["document"]}$d$, 'UTF8'), intent = convert_to($d${intent}$d$, 'UTF8');
            INSERT INTO custody.withdrawal SELECT * FROM forged;
            UPDATE forged SET id = NULL, idempotency_key = 'none';
            INSERT INTO custody.withdrawal SELECT * FROM forged;
            DO $$ BEGIN FOR i IN 1..20 LOOP UPDATE forged SET id = gen_random_uuid(), idempotency_key = 'forged-' || i;
                INSERT INTO custody.withdrawal SELECT * FROM forged; END LOOP; END $$;
            CREATE TEMP TABLE given AS SELECT * FROM custody.approval WHERE withdrawal = '{paid["id"]}';
            UPDATE given SET withdrawal = '{name}', digest = sha256(digest), alg = 'none';
            INSERT INTO custody.approval SELECT * FROM given""")
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        self.assertStopped(oid)
        self.assertEqual(len(self.entries("key.copied_use")), 1)


class BlockedBlock(GoneRows):
    def test_a_block_that_cannot_be_judged_keeps_no_other_from_it(self):
        """A receipt that cannot be booked, above a use: people see that not everything was looked at, until it can be."""
        place = self.place
        place.withdraw(78)
        _, paying = place.payment_in("mallory")
        place.psql("""CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON custody.suspense FOR EACH ROW EXECUTE FUNCTION public.refuse()""")
        document = {"action": "key.suspend", "chain": place.chain, "environment": "demo", "expires_at": time_text(seconds=600),
                    "issued_at": time_text(), "key": self.key()["key_id"], "nonce": uuid7(), "policy": place.policy_digest,
                    "reason": "test", "role": "transfer"}
        order = place.signed("command", canonical(document), "operator-1")
        self.assertEqual(place.call("POST", f"/v1/keys/{self.key()['key_id']}/commands", order).status, 200)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        oid = digest("transaction", signed["document"])
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        outside.to_ledger(place, paying["transaction"], paying["key"])
        place.start_unready()
        eventually(lambda: self.entries("key.copied_use", otype="transaction", oid=oid), "the use is told")
        eventually(self.listed, "it is an alarm")
        self.assertEqual(self.listed(), [self.key()["key_id"]])
        eventually(lambda: self.looked() < time_text(seconds=-30), "it shows that not everything was looked at")
        self.assertEqual(self.receipts(), [])
        place.psql("DROP TRIGGER refuse ON custody.suspense")
        eventually(self.receipts, "the receipt is an alarm")
        now = time_text()
        eventually(lambda: self.looked() > now, "everything was looked at")
        self.assertEqual(len(self.entries("key.copied_use")), 1)

    def receipts(self):
        return [alarm for alarm in self.place.call("GET", "/v1/alarms").json["alarms"] if alarm["code"] == "key.receipt_alarm"]


class RetiredKey(Watched):
    def test_a_key_that_is_in_no_wallet_any_more_is_watched_without_its_document(self):
        place = self.place
        [row] = [row for row in place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force"]
        document = json.loads(row["policy"]["document"])
        place.stranger("another-token")
        other = {name: place.person("another-token")[name] for name in ("alg", "key")}
        text = canonical({**document, "version": 2, "prev": row["digest"], "issued_at": time_text(),
                          "wallets": [{**wallet, **other} if wallet["id"] == "hot" else wallet for wallet in document["wallets"]]})
        self.assertEqual(place.call("POST", "/v1/policies", place.signed("policy", text, "admin-1", "admin-2")).status, 200)
        eventually(lambda: place.call("GET", "/v1/policy").json["digest"] == digest("policy", text), "the version is in force")
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        place.stop("custodyd")
        place.psql(f"""DELETE FROM custody.document WHERE kind = 'key' AND id = '{signed["signatures"][0]["key"][:63]}'""")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        self.assertStopped(digest("transaction", signed["document"]))


class ForgedEntry(Watched):
    def test_an_entry_that_it_was_dealt_with_spares_no_payment(self):
        place = self.place
        place.withdraw(72)
        signed, key = outside.transaction(place, "transfer", place.hot, place.asset)
        oid = digest("transaction", signed["document"])
        event = {"act": "key.alarm", "actor": "custodyd", "corr": uuid7(), "oid": oid, "on": "1", "otype": "transaction",
                 "outcome": "ok", "pn": "1", "pr": uuid7()}
        positions.to_the_trail(place, event)
        forged = eventually(lambda: self.entries("key.alarm", otype="transaction", oid=oid), "the trail takes it")[0]
        self.assertNotIn("refs", json.loads(base64.b64decode(forged["raw"]).split(b"\n")[4]))
        place.stop("custodyd")
        outside.to_ledger(place, signed, key)
        place.start_unready()
        self.assertStopped(oid)


if __name__ == "__main__":
    unittest.main()
