-- Whoever answers officers' questions begins read-only, whatever a statement says; what it may read is still told by its
-- grants. The setting belongs to the role, in every database of the cluster.
ALTER ROLE strongroom_auditor SET default_transaction_read_only = on;

SET LOCAL ROLE strongroom_owner;

-- A question follows the stretch of one index in order of seq, so each ends with it.
DROP INDEX audit.leaf_corr;
CREATE INDEX leaf_corr ON audit.leaf (corr, seq) WHERE corr IS NOT NULL;
