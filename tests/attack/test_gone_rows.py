#!/usr/bin/python3
"""The attacker is a superuser of PostgreSQL, and takes rows away or has them say more than was seen: what people are warned of
stays what the ledger, the signers and the signed trail say."""

import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import strongroom  # noqa: E402
from strongroom import alike, canonical, digest, time_text, uuid7  # noqa: E402


class Gone(strongroom.Case):
    def alarms(self, code, oid):
        return [alarm for alarm in self.place.call("GET", "/v1/alarms").json["alarms"] if (alarm["code"], alarm["object_id"]) == (code, oid)]

    def command(self, action, *signers, **fields):
        document = {"action": action, "chain": self.place.chain, "environment": "demo", "expires_at": time_text(seconds=600), "issued_at": time_text(),
                    "nonce": uuid7(), "policy": self.place.policy_digest, "reason": "test", "role": "transfer", **fields}
        return self.place.signed("command", canonical(document), *signers)


class Payer(strongroom.Case):
    def test_who_paid_in_while_the_row_says_that_the_blocks_were_looked_at(self):
        """An address that looks like theirs is told, as that of everybody who pays on the ledger."""
        place = self.place
        place.stop("custodyd")
        place.psql("""INSERT INTO custody.mark (subject, value) VALUES ('ledger/scanned', '1000000')
            ON CONFLICT (subject) DO UPDATE SET value = excluded.value""")
        place.start()
        address = place.pays_in("mallory")
        refused = place.propose(5, destination=alike(address))
        self.assertProblem(refused, 409, "look_alike", "destination")
        self.assertIn(address, refused.json["detail"])


class KeyDocument(Gone):
    def test_a_key_whose_document_is_gone(self):
        """Nobody is told any more that its drill is due: so they are told that, also after a start, until it is there again."""
        place = self.place
        key = next(row for row in place.call("GET", "/v1/keys").json["keys"] if row.get("role") == "transfer")["key_id"]
        self.assertEqual(place.call("GET", "/v1/alarms").json["alarms"], [])
        document = f"kind = 'key' AND id = '{key[:63]}'"
        place.psql(f"CREATE TABLE public.kept AS SELECT * FROM custody.document WHERE {document}; DELETE FROM custody.document WHERE {document}")
        place.stop("custodyd")
        self.later(350)
        [alarm] = self.until(lambda: self.alarms("key.attestation_alarm", key), "an alarm")
        self.assertEqual(alarm["facts"]["reason"], "not_found")
        [entry] = self.until(lambda: self.entries("key.attestation_alarm", oid=key), "the trail has it")
        self.assertEqual((entry["outcome"], self.event(entry)["facts"]["document"]), ("error", alarm["facts"]["document"]))
        self.assertEqual(self.alarms("key.drill_overdue", key), [])
        place.psql("INSERT INTO custody.document SELECT * FROM public.kept")
        self.until(lambda: self.alarms("key.drill_overdue", key), "its drill is due, and people are told")
        self.until(lambda: not self.alarms("key.attestation_alarm", key), "the alarm is over")


class Preset(Gone):
    def preset(self, subject, value):
        self.place.psql(f"""INSERT INTO custody.mark (subject, value) VALUES ('{subject}', '{value}')
            ON CONFLICT (subject) DO UPDATE SET value = excluded.value""")

    def test_a_mark_that_it_was_told_keeps_no_change_out_of_the_trail(self):
        """A key that one person suspended, and an asset that one person froze: the rows say before that the trail was told."""
        place = self.place
        key = next(row for row in place.call("GET", "/v1/keys").json["keys"] if row.get("role") == "transfer")
        on = int(place.on("transfer", key["key_id"])) + 1
        self.preset(f"key/{key['key_id']}/state", f"suspended/command/{on}")
        self.preset(f"freeze/asset/{place.asset}", "frozen/1")
        reply = place.call("POST", f"/v1/keys/{key['key_id']}/commands", self.command("key.suspend", "operator-1", key=key["key_id"]))
        self.assertEqual(reply.status, 200, reply)
        reply = place.call("POST", "/v1/freezes", self.command("freeze", "operator-1", scope="asset", subject=place.asset))
        self.assertEqual(reply.status, 200, reply)
        for act, oid, fact in (("key.state", key["key_id"], ("transitions", str(on))), ("freeze.state", f"asset/{place.asset}", ("number", "1"))):
            with self.subTest(act):
                def told(act=act, oid=oid, fact=fact):
                    return [entry for entry in self.entries(act, oid=oid) if fact in self.event(entry)["facts"].items()]
                self.assertEqual(len(self.until(told, "the trail is told")), 1)


class Listed(Gone):
    def shown(self):
        """The state of the payee on the list, None when it is not there."""
        rows = self.place.call("GET", "/v1/destinations").json["destinations"]
        return next((row["state"] for row in rows if json.loads(row["document"])["account"] == self.place.payee), None)

    def assertLost(self, name, reason):
        self.until(lambda: [entry for entry in self.entries("destination.lost", oid=name)
                            if (entry["outcome"], self.event(entry)["reason"]) == ("error", reason)], "the trail has it")
        [alarm] = self.until(lambda: self.alarms("destination.lost", name), "an alarm")
        self.assertEqual(alarm["facts"]["reason"], reason)

    def test_an_entry_that_the_signer_holds_and_no_row_shows(self):
        """Who looks at the list sees less than may be paid: so people are told, also after a start, until somebody takes it off."""
        place = self.place
        name = digest("destination", json.loads((place.dir / "ceremony/destination.json").read_text())["document"])
        document = f"kind = 'destination' AND digest = '\\x{name}'"
        self.assertEqual((self.shown(), self.alarms("destination.lost", name)), ("serving", []))
        with self.subTest("the row is gone"):
            place.psql(f"CREATE TABLE public.kept AS SELECT * FROM custody.document WHERE {document}; DELETE FROM custody.document WHERE {document}")
            self.assertLost(name, "not_found")
            self.assertIsNone(self.shown())
            place.stop("custodyd")
            place.start()
            self.assertLost(name, "not_found")
        with self.subTest("it is there again"):
            place.psql("INSERT INTO custody.document SELECT * FROM public.kept")
            self.until(lambda: not self.alarms("destination.lost", name), "the alarm is over")
            self.assertEqual(self.shown(), "serving")
        with self.subTest("its mark says that somebody took it off"):
            place.psql(f"UPDATE custody.mark SET value = 'revoked/1970-01-01T00:00:00.000000Z' WHERE subject = 'destination/{name}'")
            self.assertEqual(self.shown(), "revoked")
            self.assertLost(name, "mismatch")
        with self.subTest("somebody takes it off"):
            order = self.command("destination.revoke", "operator-1", subject=name)
            self.assertEqual(place.call("POST", "/v1/destinations/revoke", order).status, 200)
            self.until(lambda: not self.alarms("destination.lost", name), "the alarm is over")


class Hidden(Gone):
    shown = Listed.shown

    def test_an_entry_whose_row_is_there_and_not_shown(self):
        """Its row stands elsewhere, lacks a signature, or has a mark that says something else than the signer: the same."""
        place = self.place
        signed = json.loads((place.dir / "ceremony/destination.json").read_text())
        name = digest("destination", signed["document"])
        row = f"custody.document WHERE kind = 'destination' AND digest = '\\x{name}'"
        one = canonical({**signed, "signatures": signed["signatures"][:1]})
        mark = f"UPDATE custody.mark SET value = '%s/1970-01-01T00:00:00.000000Z' WHERE subject = 'destination/{name}'"
        place.psql(f"CREATE TABLE public.kept AS SELECT * FROM {row}; CREATE TABLE public.marks AS SELECT * FROM custody.mark WHERE subject = 'destination/{name}'")
        for what, sql, shown, reason in (
                ("elsewhere", f"UPDATE custody.document SET id = repeat('0', 63) WHERE kind = 'destination' AND digest = '\\x{name}'", None, "not_found"),
                ("one signature", f"UPDATE custody.document SET bytes = convert_to($d${one}$d$, 'UTF8') WHERE kind = 'destination' AND digest = '\\x{name}'",
                 "refused", "mismatch"),
                ("refused", mark % "refused", "refused", "mismatch"),
                ("waiting", mark % "waiting", "waiting", "mismatch")):
            with self.subTest(what):
                place.psql(sql)
                [alarm] = self.until(lambda: self.alarms("destination.lost", name), "an alarm")
                self.assertEqual((alarm["facts"]["reason"], self.shown()), (reason, shown))
                place.psql(f"""DELETE FROM {row}; INSERT INTO custody.document SELECT * FROM public.kept;
                    DELETE FROM custody.mark WHERE subject = 'destination/{name}'; INSERT INTO custody.mark SELECT * FROM public.marks""")
                self.until(lambda: not self.alarms("destination.lost", name), "the alarm is over")
                self.assertEqual(self.shown(), "serving")


class Replaced(Gone):
    shown = Listed.shown

    def test_an_entry_in_whose_place_an_older_one_is_shown(self):
        """The older one was taken off in truth; that says nothing of what the signer holds."""
        place = self.place
        older = json.loads((place.dir / "ceremony/destination.json").read_text())["document"]
        newer = canonical({**json.loads(older), "issued_at": time_text()})
        order = self.command("destination.revoke", "operator-1", subject=digest("destination", older))
        self.assertEqual(place.call("POST", "/v1/destinations/revoke", order).status, 200)
        self.assertEqual(place.call("POST", "/v1/destinations", place.signed("destination", newer, "admin-1", "admin-2")).status, 201)
        self.assertIn(self.shown(), ("cooling", "serving"))
        name = digest("destination", newer)
        row = f"kind = 'destination' AND digest = '\\x{name}'"
        place.psql(f"UPDATE custody.document SET id = repeat('0', 63) WHERE {row}")
        [alarm] = self.until(lambda: self.alarms("destination.lost", name), "an alarm")
        self.assertEqual((alarm["facts"]["reason"], self.shown()), ("not_found", "revoked"))
        self.assertEqual(self.alarms("destination.lost", digest("destination", older)), [])


class Unwritable(Gone):
    def refuse(self, table, condition):
        self.place.psql(f"""CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON custody.{table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION public.refuse()""")


class Mark(Unwritable):
    def test_an_alarm_of_which_no_mark_can_be_written(self):
        """It is shown all the same, always the same one, and so is every other; the trail is told when it can be."""
        place = self.place
        name = digest("destination", json.loads((place.dir / "ceremony/destination.json").read_text())["document"])
        keys = [row["key_id"] for row in place.call("GET", "/v1/keys").json["keys"]]
        document = f"kind = 'destination' AND digest = '\\x{name}' OR kind = 'key'"
        self.refuse("mark", "NEW.subject LIKE 'lost/%' OR NEW.subject LIKE 'key/%'")
        place.psql(f"DELETE FROM custody.document WHERE {document}")
        place.stop("custodyd")
        place.start()
        [alarm] = self.until(lambda: self.alarms("destination.lost", name), "an alarm")
        [missing] = self.until(lambda: self.alarms("key.attestation_alarm", keys[-1]), "an alarm of the last key")
        self.assertEqual((alarm["facts"]["reason"], missing["facts"]["reason"]), ("not_found", "not_found"))
        self.assertEqual(self.until(lambda: [a["id"] for a in self.alarms("destination.lost", name)], "an alarm"), [alarm["id"]])
        self.assertEqual(self.entries("destination.lost", oid=name), [])
        place.psql("DROP TRIGGER refuse ON custody.mark")
        self.until(lambda: self.entries("destination.lost", oid=name), "the trail has it")
        self.assertEqual(len(self.alarms("destination.lost", name)), 1)


class Version(Gone):
    def in_force(self):
        [row] = [row for row in self.place.call("GET", "/v1/policies").json["policies"] if row["state"] == "in_force"]
        return row["digest"], json.loads(row["policy"]["document"])

    def hand_in(self, **changes):
        """The next version: its digest."""
        before, now = self.in_force()
        text = canonical({**now, "version": now["version"] + 1, "prev": before, "issued_at": time_text(), **changes})
        reply = self.place.call("POST", "/v1/policies", self.place.signed("policy", text, "admin-1", "admin-2"))
        self.assertEqual(reply.status, 200, reply)
        return digest("policy", text)

    def becomes(self, name, word):
        self.until(lambda: self.place.value(f"SELECT count(*) FROM custody.mark WHERE subject LIKE '%{name}' AND value LIKE '{word}%'") == "1",
                   f"it is {word}")

    def vetoed(self, delay_s):
        """A version that waits so long, and that one person has spoken against meanwhile; None when the machine is too slow."""
        _, now = self.in_force()
        self.becomes(self.hand_in(governance={**now["governance"], "delay_s": delay_s}), "in_force")
        rule = now["rules"][0]
        name = self.hand_in(rules=[{**rule, "demand": {**rule["demand"], "max_amount": "1"}}])
        said = self.place.custody("policy", "veto", "--reason", "test", "--key", f"{self.place.dir}/people/approver-1.key", "--passphrase-file",
                                  f"{self.place.dir}/people/approver-1.passphrase", person="approver-1", check=False)
        return name if said.returncode == 0 else None

    def test_an_entry_that_was_taken_away_before_it_is_one(self):
        """That another version of the policy is in force, or was dropped, is told again."""
        place = self.place
        place.psql("""CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN DELETE FROM audit.pending WHERE pid = NEW.pid; RETURN NEW; END $$""")
        for word, make in (("in_force", self.hand_in), ("dropped", lambda: next(filter(None, map(self.vetoed, (12, 60, 300)))))):
            with self.subTest(word):
                place.psql(f"""CREATE TRIGGER lose AFTER INSERT ON audit.pending FOR EACH ROW
                    WHEN (convert_from(NEW.evt, 'UTF8') LIKE '%"act":"policy.{word}"%') EXECUTE FUNCTION public.lose()""")
                _, now = self.in_force()
                name = make()
                self.becomes(name, word)
                self.assertEqual(self.entries(f"policy.{word}", oid=name), [])
                place.psql("DROP TRIGGER lose ON audit.pending")
                [entry] = self.until(lambda name=name, word=word: self.entries(f"policy.{word}", oid=name), "the trail is told")
                self.assertGreater(int(self.event(entry)["facts"]["version"]), now["version"])


class Work(Gone):
    def test_a_withdrawal_whose_work_was_taken_away(self):
        """At every step after it was recorded: it goes on, and the log says so."""
        place = self.place
        place.psql("""CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN DELETE FROM custody.outbox WHERE id = NEW.id; RETURN NULL; END $$;
            CREATE TRIGGER lose AFTER INSERT ON custody.outbox FOR EACH ROW WHEN (NEW.kind <> 'record') EXECUTE FUNCTION public.lose()""")
        for k, (kind, state) in enumerate((("sign", "recorded"), ("submit", "signed"), ("confirm", "submitted"))):
            with self.subTest(kind):
                place.psql(f"""DROP TRIGGER lose ON custody.outbox;
                    CREATE TRIGGER lose AFTER INSERT ON custody.outbox FOR EACH ROW WHEN (NEW.kind = '{kind}') EXECUTE FUNCTION public.lose()""")
                row = place.proposed(31 + k)
                place.approve(row)
                place.wait(row["id"], state)
                self.until(lambda k=k: place.log("custodyd").count("event=outbox.remade") > k, "the log says so")
                place.psql("ALTER TABLE custody.outbox DISABLE TRIGGER lose")
                place.wait(row["id"], "confirmed")
                self.assertProven("evidence", place.export_evidence(row["id"]))


class Expiry(Gone):
    def test_a_withdrawal_whose_row_says_that_its_time_is_long(self):
        """Nobody decides on it any more; it ends when what people were to sign says so, and holds nothing."""
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", withdrawal_ttl=15)
        place.start()
        before = place.wallet()
        row = place.proposed(21)
        self.assertEqual(place.wallet()[1], before[1] + 21)
        place.psql(f"UPDATE custody.withdrawal SET expires_at = expires_at + interval '1 year' WHERE id = '{row['id']}'")
        ended = place.wait(row["id"], "expired")
        self.assertGreater(time_text(), row["expires_at"])
        self.assertEqual((ended["reason"], place.wallet()), ("expired", before))
        self.until(lambda: self.entries("withdrawal.expire", oid=row["id"]), "the trail has it")


class ExpiryOfOthers(Unwritable):
    def test_a_row_that_says_that_the_database_is_away_keeps_no_other_from_ending(self):
        place = self.place
        place.stop("custodyd")
        place.configure("custodyd", withdrawal_ttl=15)
        place.start()
        stuck, other = place.proposed(22), place.proposed(23)
        self.refuse("withdrawal", f"NEW.id = '{stuck['id']}'")
        place.psql("""CREATE OR REPLACE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '57000'; END $$""")
        place.wait(other["id"], "expired")
        self.assertNotEqual(place.read(stuck["id"])["state"], "expired")
        place.psql("DROP TRIGGER refuse ON custody.withdrawal")
        place.wait(stuck["id"], "expired")


if __name__ == "__main__":
    unittest.main()
