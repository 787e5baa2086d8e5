-- A code under a key that the database does not have: only tokens that the service granted open its door. Those from before
-- have none and open nothing any more: grant them again (custodyd token).
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.token ADD COLUMN mac custody.digest NOT NULL DEFAULT decode(repeat('00', 32), 'hex');
ALTER TABLE custody.token ALTER COLUMN mac DROP DEFAULT;
