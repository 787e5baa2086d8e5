-- A quarantine ends when people have it settled by the ledger: it has the transaction, or never will.
SET LOCAL ROLE strongroom_owner;

INSERT INTO custody.move VALUES ('quarantined', 'confirmed'), ('quarantined', 'failed');
