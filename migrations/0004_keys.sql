-- What the service has said about the world, and the media that hold secrets. Keys themselves are not here: their states
-- are in the signers' guards, their papers are documents (custody.document, kinds key, ceremony, backup, restore, command,
-- attestation), their history is the trail.
SET LOCAL ROLE strongroom_owner;

-- The last value seen of something that is watched (the state of a key, of a token ...), so that each change is an entry
-- of the trail once, whoever restarts.
CREATE TABLE custody.mark (
    subject text PRIMARY KEY CHECK (subject ~ '^[\x21-\x7e]{1,255}$'),
    value text NOT NULL CHECK (value ~ '^[\x21-\x7e]{1,127}$'),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

-- Tokens, cards, sealed bags, paper: the current view of what the trail tells. A medium is never forgotten.
CREATE TABLE custody.medium (
    serial custody.name PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('token', 'card', 'bag', 'paper', 'disk')),
    place custody.name NOT NULL,
    custodian custody.name NOT NULL,
    inspection_due timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('kept', 'destroyed')),
    ver bigint NOT NULL CHECK (ver > 0),
    updated_at timestamptz NOT NULL
);
CREATE FUNCTION custody.medium_update_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    IF NEW.ver <> OLD.ver + 1 OR OLD.state = 'destroyed' OR (NEW.serial, NEW.kind) <> (OLD.serial, OLD.kind) THEN
        RAISE EXCEPTION 'medium % cannot change so', OLD.serial USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER medium_changes BEFORE UPDATE ON custody.medium
    FOR EACH ROW EXECUTE FUNCTION custody.medium_update_check();
CREATE TRIGGER medium_stays BEFORE DELETE OR TRUNCATE ON custody.medium
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- Whose is a transaction of a block: the signing requests of a lane and sequence.
CREATE INDEX withdrawal_placed ON custody.withdrawal (lane, seq) WHERE lane IS NOT NULL;

GRANT SELECT, INSERT, UPDATE (value, changed_at) ON custody.mark TO strongroom_app;
GRANT SELECT, INSERT, UPDATE (place, custodian, inspection_due, state, ver, updated_at) ON custody.medium TO strongroom_app;
GRANT SELECT ON custody.mark, custody.medium TO strongroom_auditor;
