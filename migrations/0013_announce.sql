-- A withdrawal that must wait before it is signed is announced to the signer first. What a step waits for may have an
-- end that is known: a delay that passes, a limit that has room again.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.outbox DROP CONSTRAINT outbox_kind_check,
    ADD CONSTRAINT outbox_kind_check CHECK (kind IN ('record', 'announce', 'sign', 'submit', 'confirm', 'end')),
    ADD COLUMN waits_until timestamptz;

GRANT UPDATE (waits_until) ON custody.outbox TO strongroom_app;
