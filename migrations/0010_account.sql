-- A wallet can get another key by a later version of the policy, and with it another account on the ledger: sequences,
-- lanes and reservations are the account's. What was written before is of the one account that the wallet had.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.withdrawal ADD COLUMN account text CHECK (account ~ '^sr1[0-9a-f]{72}$');
ALTER TABLE custody.withdrawal DISABLE TRIGGER withdrawal_moves;
UPDATE custody.withdrawal SET account = convert_from(transaction, 'UTF8')::jsonb ->> 'from'
    WHERE transaction IS NOT NULL;
ALTER TABLE custody.withdrawal ENABLE TRIGGER withdrawal_moves;
DROP INDEX custody.withdrawal_number;
CREATE UNIQUE INDEX withdrawal_number ON custody.withdrawal (account, lane, seq)
    WHERE state IN ('recorded', 'signed', 'submitted', 'confirmed');

ALTER TABLE custody.reservation ADD COLUMN account text CHECK (account ~ '^sr1[0-9a-f]{72}$');
UPDATE custody.reservation r SET account = w.account FROM custody.withdrawal w WHERE w.id = r.withdrawal;
ALTER TABLE custody.reservation ALTER COLUMN account SET NOT NULL;
DROP INDEX custody.reservation_sum;
CREATE INDEX reservation_sum ON custody.reservation (account, asset);

ALTER TABLE custody.lane ADD COLUMN account text CHECK (account ~ '^sr1[0-9a-f]{72}$');
UPDATE custody.lane l SET account = (SELECT w.account FROM custody.withdrawal w
                                     WHERE w.wallet = l.wallet AND w.account IS NOT NULL LIMIT 1);
DELETE FROM custody.lane WHERE account IS NULL; -- nothing was ever proposed in it
ALTER TABLE custody.lane DROP CONSTRAINT lane_pkey, ADD PRIMARY KEY (account, lane);
