-- The audit trail (audit-format 1.4). The triggers are hygiene: what protects the trail is the chain, the tree and the
-- checkpoints outside this database.
SET LOCAL ROLE strongroom_owner;

-- What happened, in the transaction in which it happened; the sequencer moves it to audit.leaf.
CREATE TABLE audit.pending (
    pid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cls smallint NOT NULL CHECK (cls BETWEEN 0 AND 2),
    evt bytea NOT NULL CHECK (octet_length(evt) BETWEEN 2 AND 57344)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The trail. `raw` is L_n verbatim; the other columns are a projection of it. Partitions hold 2^20 entries, aligned
-- with tiles. The index never comes from a sequence: the sequencer counts.
CREATE TABLE audit.leaf (
    seq bigint PRIMARY KEY CHECK (seq >= 0),
    lh bytea NOT NULL CHECK (octet_length(lh) = 32),
    raw bytea NOT NULL CHECK (octet_length(raw) <= 65535),
    ts timestamptz NOT NULL,
    actor text NOT NULL,
    act text NOT NULL,
    otype text,
    oid text,
    ord bigint CHECK (ord > 0),
    outcome text NOT NULL CHECK (outcome IN ('ok', 'deny', 'error', 'intent')),
    corr uuid,
    CHECK ((otype IS NULL) = (oid IS NULL) AND (oid IS NULL) = (ord IS NULL))
) PARTITION BY RANGE (seq);

CREATE INDEX leaf_object ON audit.leaf (otype, oid, seq) WHERE oid IS NOT NULL;
CREATE INDEX leaf_actor ON audit.leaf (actor, seq);
CREATE INDEX leaf_act ON audit.leaf (act, seq);
CREATE INDEX leaf_corr ON audit.leaf (corr) WHERE corr IS NOT NULL;
CREATE INDEX leaf_ts ON audit.leaf USING brin (ts);

-- Full tiles of the tree: 256 hashes. Partial ones are computed.
CREATE TABLE audit.tile (
    level smallint CHECK (level BETWEEN 0 AND 7),
    idx bigint CHECK (idx >= 0),
    hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
    PRIMARY KEY (level, idx)
);
ALTER TABLE audit.tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- The state of the sequencer. `epoch` is the fence: a leader whose epoch is not this one changes nothing.
CREATE TABLE audit.head (
    id smallint PRIMARY KEY CHECK (id = 1),
    epoch bigint NOT NULL CHECK (epoch >= 0),
    size bigint NOT NULL CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    last_lh bytea NOT NULL CHECK (octet_length(last_lh) = 32),
    frontier bytea NOT NULL
);
INSERT INTO audit.head VALUES (1, 0, 0, sha256(''), decode(repeat('00', 32), 'hex'), decode(repeat('00', 8), 'hex'));

CREATE TABLE audit.checkpoint (
    size bigint PRIMARY KEY CHECK (size >= 0),
    note bytea NOT NULL CHECK (octet_length(note) BETWEEN 1 AND 262144),
    signed_at timestamptz NOT NULL,
    cosigs bytea
);

-- Where checkpoints were left outside: witness, ledger, token.
CREATE TABLE audit.anchor (
    size bigint NOT NULL CHECK (size >= 0),
    kind text NOT NULL CHECK (kind IN ('witness', 'ledger', 'token')),
    ref text NOT NULL,
    PRIMARY KEY (size, kind, ref)
);

-- Erasable openings of commitments: (salt, value) sealed under a key per subject.
CREATE TABLE audit.pii (
    commitment bytea PRIMARY KEY CHECK (octet_length(commitment) = 32),
    subject uuid NOT NULL,
    sealed bytea NOT NULL,
    erase_after timestamptz NOT NULL
);

CREATE TRIGGER leaf_frozen BEFORE UPDATE OR DELETE ON audit.leaf
    FOR EACH ROW EXECUTE FUNCTION strongroom.refuse_change();
CREATE TRIGGER leaf_whole BEFORE TRUNCATE ON audit.leaf
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();
CREATE TRIGGER tile_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.tile
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();
CREATE TRIGGER checkpoint_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();
CREATE TRIGGER head_whole BEFORE INSERT OR DELETE OR TRUNCATE ON audit.head
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- Makes the partition that holds `at`, when it is not there. The sequencer may not create tables, so this runs as the
-- owner; attaching (unlike CREATE ... PARTITION OF) lets readers of the trail go on.
CREATE FUNCTION audit.leaf_partition_ensure(at bigint) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    step CONSTANT bigint := 1 << 20;
    first bigint := at / step * step;
    part text := format('leaf_%s', lpad((at / step)::text, 8, '0'));
BEGIN
    IF at < 0 OR to_regclass(format('audit.%I', part)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    EXECUTE format('ALTER TABLE audit.%I ALTER COLUMN lh SET STORAGE PLAIN', part);
    EXECUTE format('ALTER TABLE audit.leaf ATTACH PARTITION audit.%I FOR VALUES FROM (%s) TO (%s)', part, first,
                   first + step);
    EXECUTE format('CREATE TRIGGER leaf_whole BEFORE TRUNCATE ON audit.%I
                    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change()', part);
END
$$;
REVOKE ALL ON FUNCTION audit.leaf_partition_ensure(bigint) FROM PUBLIC;

-- Who reads the trail sees rows with their raw bytes; nobody but the sequencer adds to it; nobody changes it.
GRANT INSERT (cls, evt) ON audit.pending TO strongroom_app;
GRANT SELECT, DELETE ON audit.pending TO strongroom_sequencer;
GRANT SELECT, INSERT ON audit.leaf, audit.tile, audit.checkpoint TO strongroom_sequencer;
GRANT SELECT, UPDATE (epoch, size, root, last_lh, frontier) ON audit.head TO strongroom_sequencer;
GRANT EXECUTE ON FUNCTION audit.leaf_partition_ensure(bigint) TO strongroom_sequencer;
GRANT SELECT ON audit.leaf, audit.tile, audit.head, audit.checkpoint, audit.anchor TO strongroom_auditor;

SELECT audit.leaf_partition_ensure(0), audit.leaf_partition_ensure(1 << 20);
