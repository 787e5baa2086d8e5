-- What one person told about a medium, and what the second one who was named says to it. Nothing of an entry counts
-- before that person has confirmed it with a login of their own. One entry of a medium is open at a time, so that what
-- is confirmed cannot be older than what stands; an answered entry stays as it is. Its history is the trail.
SET LOCAL ROLE strongroom_owner;

CREATE TABLE custody.medium_entry (
    id uuid PRIMARY KEY,
    serial custody.name NOT NULL REFERENCES custody.medium,
    act text NOT NULL CHECK (act IN ('add', 'access', 'move', 'inspect', 'destroy')),
    reason custody.name NOT NULL,
    told_by custody.name NOT NULL,
    second custody.name NOT NULL CHECK (second <> told_by),
    place custody.name,
    custodian custody.name,
    inspection_due timestamptz,
    tool custody.name,
    method custody.name,
    told_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'confirmed', 'refused')),
    answered_by custody.name,
    answered_at timestamptz,
    CHECK ((state = 'open') = (answered_by IS NULL) AND (answered_by IS NULL) = (answered_at IS NULL)),
    CHECK (state <> 'confirmed' OR answered_by = second)
);
CREATE UNIQUE INDEX medium_entry_open ON custody.medium_entry (serial) WHERE state = 'open';
CREATE FUNCTION custody.medium_entry_update_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    IF OLD.state <> 'open' OR NEW.state = 'open' THEN
        RAISE EXCEPTION 'entry % of a medium cannot change so', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER medium_entry_changes BEFORE UPDATE ON custody.medium_entry
    FOR EACH ROW EXECUTE FUNCTION custody.medium_entry_update_check();
CREATE TRIGGER medium_entry_stays BEFORE DELETE OR TRUNCATE ON custody.medium_entry
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

GRANT SELECT, INSERT, UPDATE (state, answered_by, answered_at) ON custody.medium_entry TO strongroom_app;
GRANT SELECT ON custody.medium_entry TO strongroom_auditor;
