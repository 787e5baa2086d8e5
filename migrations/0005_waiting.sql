-- What a step of a withdrawal waits for, so that readers see it: a status code, and since when it is this one.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.outbox
    ADD COLUMN waits_for text CHECK (waits_for ~ '^[a-z_]{1,63}$'),
    ADD COLUMN waits_since timestamptz,
    ADD CHECK ((waits_for IS NULL) = (waits_since IS NULL));

GRANT UPDATE (waits_for, waits_since) ON custody.outbox TO strongroom_app;
