-- The suspense account of each key: what arrived at an address that must not receive. It belongs to nobody's available
-- balance until a withdrawal of its own has sent it back.
SET LOCAL ROLE strongroom_owner;

CREATE TABLE custody.suspense (
    transaction custody.digest,
    key custody.digest,
    asset custody.digest,
    amount custody.amount NOT NULL,
    sender text NOT NULL CHECK (sender ~ '^sr1[0-9a-f]{72}$'),
    state text NOT NULL CHECK (state ~ '^[a-z]{1,15}$'),
    height bigint NOT NULL CHECK (height > 0),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    returned_by uuid UNIQUE REFERENCES custody.withdrawal,
    PRIMARY KEY (transaction, key, asset)
);
CREATE INDEX suspense_held ON custody.suspense (key, asset) WHERE returned_by IS NULL;
CREATE TRIGGER suspense_stays BEFORE DELETE OR TRUNCATE ON custody.suspense
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

GRANT SELECT, INSERT, UPDATE (returned_by) ON custody.suspense TO strongroom_app;
GRANT SELECT ON custody.suspense TO strongroom_auditor;
