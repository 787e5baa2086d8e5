-- Who has sent on the ledger the ledger itself says: a row that is deleted, or was never written, hides none of them.
SET LOCAL ROLE strongroom_owner;

DROP TABLE custody.payer;
