-- Which entry of the trail the transfer signer is to be shown: its ordinal among the entries of the withdrawal. Another
-- entry of the same action, whoever put it there, does not take its place.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.outbox ADD COLUMN entry bigint CHECK (entry > 0);
