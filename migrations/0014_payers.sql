-- Who has paid into one of our wallets. An address that looks like one of these, and is another, is none to send to:
-- somebody may have paid a little for no other purpose than to stand in a list that people copy from.
SET LOCAL ROLE strongroom_owner;

CREATE TABLE custody.payer (
    address text PRIMARY KEY CHECK (address ~ '^sr1[0-9a-f]{72}$'),
    ends text NOT NULL GENERATED ALWAYS AS (substr(address, 4, 4) || right(address, 4)) STORED,
    transaction custody.digest NOT NULL,
    height bigint NOT NULL CHECK (height > 0)
);
CREATE INDEX payer_ends ON custody.payer (ends);
CREATE TRIGGER payer_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON custody.payer
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

GRANT SELECT, INSERT ON custody.payer TO strongroom_app;
GRANT SELECT ON custody.payer TO strongroom_auditor;
