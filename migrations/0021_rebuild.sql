-- What is derived from the trail and stands outside it: the last ordinal of each object. Whoever fills the trail from a
-- copy derives it anew; the sequencer, which does, may not write there otherwise.
SET LOCAL ROLE strongroom_owner;

CREATE FUNCTION audit.object_ordinals_derive() RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
BEGIN ATOMIC
    DELETE FROM custody.object_ordinal;
    INSERT INTO custody.object_ordinal (otype, oid, last)
        SELECT otype, oid, max(ord) FROM audit.leaf WHERE oid IS NOT NULL GROUP BY otype, oid;
END;
REVOKE ALL ON FUNCTION audit.object_ordinals_derive() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit.object_ordinals_derive() TO strongroom_sequencer;
