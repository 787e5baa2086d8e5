-- The number that the transfer signer gave each end of a withdrawal that it was told of. The greatest is shown to it with
-- whatever it is asked for later, so that a signer with an older copy of its guard finds that it has forgotten ends.
SET LOCAL ROLE strongroom_owner;

CREATE TABLE custody.ending (
    withdrawal uuid PRIMARY KEY REFERENCES custody.withdrawal,
    number bigint NOT NULL CHECK (number > 0)
);
CREATE INDEX ending_number ON custody.ending (number);
CREATE TRIGGER ending_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON custody.ending
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

GRANT SELECT, INSERT ON custody.ending TO strongroom_app;
GRANT SELECT ON custody.ending TO strongroom_auditor;
