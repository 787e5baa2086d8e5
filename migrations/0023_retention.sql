-- Old entries may leave the database for an archive, in whole partitions: `first` is the oldest entry that stands here.
-- Whoever may do that is neither the service nor its sequencer.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'strongroom_archivist') THEN
        CREATE ROLE strongroom_archivist LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO strongroom_archivist', current_database());
END
$$;
GRANT USAGE ON SCHEMA strongroom, audit TO strongroom_archivist;

SET LOCAL ROLE strongroom_owner;
GRANT SELECT ON strongroom.migration TO strongroom_archivist;

ALTER TABLE audit.head ADD COLUMN first bigint NOT NULL DEFAULT 0 CHECK (first >= 0);

-- The partitions of audit.leaf and the entries they are for, as the catalogue has them.
CREATE VIEW audit.leaf_partition AS
    SELECT c.oid::regclass AS part, bound[1]::bigint AS first, bound[2]::bigint AS below
    FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                    $x$FROM \('?(\d+)'?\) TO \('?(\d+)'?\)$x$) AS bound
    WHERE i.inhparent = 'audit.leaf'::regclass AND bound IS NOT NULL;
GRANT SELECT ON audit.leaf_partition TO strongroom_auditor;

-- Drops the partitions of the entries below `bound`, all or none. That they are in an archive the caller has seen; here
-- is only held that the trail says so under a checkpoint, and that what a leader reads at its start stays (256 entries).
-- It waits shortly for its lock, since everybody who comes after it waits with it.
CREATE FUNCTION audit.leaf_prune(bound bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '2s'
AS $$
DECLARE
    old record;
    told bigint;
BEGIN
    LOCK TABLE audit.leaf IN ACCESS EXCLUSIVE MODE;
    SELECT max(seq) INTO told FROM audit.leaf
        WHERE act = 'retention.prune' AND otype = 'archive' AND oid = bound::text AND outcome = 'intent';
    IF told IS NULL OR NOT EXISTS (SELECT FROM audit.checkpoint WHERE size > told)
        OR NOT EXISTS (SELECT FROM audit.leaf_partition WHERE below = bound)
        OR NOT EXISTS (SELECT FROM audit.head WHERE first < bound AND size >= bound + 256) THEN
        RAISE EXCEPTION 'entries below % stay: the trail does not say that they leave it', bound
            USING ERRCODE = 'restrict_violation';
    END IF;
    FOR old IN SELECT part FROM audit.leaf_partition WHERE below <= bound ORDER BY first LOOP
        EXECUTE format('ALTER TABLE audit.leaf DETACH PARTITION %s', old.part);
        EXECUTE format('DROP TABLE %s', old.part);
    END LOOP;
    UPDATE audit.head SET first = bound WHERE id = 1;
END
$$;
REVOKE ALL ON FUNCTION audit.leaf_prune(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.leaf_prune(bigint) TO strongroom_archivist;
