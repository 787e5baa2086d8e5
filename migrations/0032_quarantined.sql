-- What waits in quarantine for people is looked up again and again.
SET LOCAL ROLE strongroom_owner;

CREATE INDEX withdrawal_quarantined ON custody.withdrawal (id) WHERE state = 'quarantined';
