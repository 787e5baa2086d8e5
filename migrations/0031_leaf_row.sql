-- The sequencer's batch comes as rows of this type (docs/decisions/0010). It is not the row type of audit.leaf, which
-- becomes another one with whatever is put in the table's place.
SET LOCAL ROLE strongroom_owner;

CREATE TYPE audit.leaf_row AS (
    seq bigint,
    lh bytea,
    raw bytea,
    ts timestamptz,
    actor text,
    act text,
    otype text,
    oid text,
    ord bigint,
    outcome text,
    corr uuid,
    amount text,
    asset text,
    destination text,
    key text,
    version bigint,
    wallet text
);
