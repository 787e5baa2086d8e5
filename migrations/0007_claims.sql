-- Which session claimed a piece of work: when it is gone, its claims go with it, and nobody waits for their lease.
-- A process id comes again, also after a restart of the server; with the start of the session it is unique.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.outbox
    ADD COLUMN claimed_by integer,
    ADD COLUMN claimed_since timestamptz;
CREATE INDEX outbox_claimed ON custody.outbox (claimed_by) WHERE claimed_by IS NOT NULL;

GRANT UPDATE (claimed_by, claimed_since) ON custody.outbox TO strongroom_app;
