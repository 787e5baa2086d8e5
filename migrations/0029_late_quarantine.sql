-- A row that says that nobody was asked to sign, of which the signer says that it promised it (the database is an older one, or was
-- edited): it has not ended, and people have it found out.
SET LOCAL ROLE strongroom_owner;

INSERT INTO custody.move VALUES
    ('requested', 'quarantined'), ('reserved', 'quarantined'), ('approving', 'quarantined'), ('approved', 'quarantined');
