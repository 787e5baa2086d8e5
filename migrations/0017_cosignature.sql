-- What witnesses have said of checkpoints: a signature line for each, as it came, which whoever reads it verifies. A
-- witness that cosigns a size again adds nothing.
SET LOCAL ROLE strongroom_owner;

CREATE TABLE audit.cosignature (
    size bigint NOT NULL CHECK (size >= 0),
    witness text NOT NULL CHECK (octet_length(witness) BETWEEN 1 AND 255),
    line bytea NOT NULL CHECK (octet_length(line) BETWEEN 1 AND 4096),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (witness, size)
);

CREATE TRIGGER cosignature_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

GRANT INSERT (size, witness, line) ON audit.cosignature TO strongroom_app;
GRANT SELECT ON audit.cosignature TO strongroom_auditor;

ALTER TABLE audit.checkpoint DROP COLUMN cosigs;
