-- Where checkpoints were left outside is said by the ledger, the token and the witnesses themselves; nothing ever wrote here.
SET LOCAL ROLE strongroom_owner;

DROP TABLE audit.anchor;
