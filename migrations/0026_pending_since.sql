-- How many entries the trail had when an event was made: what the trail says of its number stands from there on. The code
-- of a row is over it, too, so this fails while events wait that have one without it: start the version before until none does.
SET LOCAL ROLE strongroom_owner;

DO $$
BEGIN
    IF EXISTS (SELECT FROM audit.pending) THEN
        RAISE 'events wait for their entries: start the version before once more, until none does';
    END IF;
END
$$;
ALTER TABLE audit.pending ADD COLUMN since bigint NOT NULL;
ALTER TABLE audit.pending ALTER COLUMN since SET DEFAULT 0;
GRANT INSERT (since) ON audit.pending TO strongroom_app;
