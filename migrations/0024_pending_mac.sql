-- A code under a key that the database does not have: only what the service put into audit.pending becomes an entry. It fails
-- while events wait without one: start the version before until none does.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE audit.pending ADD COLUMN mac bytea NOT NULL;
GRANT INSERT (mac) ON audit.pending TO strongroom_app;
