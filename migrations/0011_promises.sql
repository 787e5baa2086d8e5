-- How many promises the transfer signer had made when it signed a withdrawal. The greatest goes into the entry of the
-- trail before the next signature, so that a signer with an older copy of its guard finds that it is one.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.withdrawal ADD COLUMN promises bigint CHECK (promises > 0);
CREATE INDEX withdrawal_promises ON custody.withdrawal (promises) WHERE promises IS NOT NULL;
GRANT UPDATE (promises) ON custody.withdrawal TO strongroom_app;
