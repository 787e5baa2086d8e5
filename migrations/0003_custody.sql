-- The workflow and the books. Nothing here has authority: the signer believes documents and proofs, not rows.
SET LOCAL ROLE strongroom_owner;

CREATE DOMAIN custody.name AS text CHECK (VALUE ~ '^[a-z0-9][a-z0-9-]{0,62}$');
CREATE DOMAIN custody.digest AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN custody.amount AS numeric(39, 0)
    CHECK (VALUE > 0 AND VALUE < 340282366920938463463374607431768211456);
CREATE DOMAIN custody.counter AS bigint CHECK (VALUE >= 0);

-- Bearer tokens, by their SHA-256.
CREATE TABLE custody.token (
    digest custody.digest PRIMARY KEY,
    person custody.name NOT NULL,
    roles text[] NOT NULL CHECK (cardinality(roles) BETWEEN 1 AND 8
                                 AND array_to_string(roles, ' ') ~ '^[a-z]{1,15}( [a-z]{1,15})*$'),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE custody.withdrawal (
    id uuid PRIMARY KEY,
    tenant custody.name NOT NULL,
    idempotency_key text NOT NULL CHECK (idempotency_key ~ '^[\x21-\x7e]{1,128}$'),
    request custody.digest NOT NULL,
    wallet custody.name NOT NULL,
    asset custody.digest NOT NULL,
    amount custody.amount NOT NULL,
    destination text NOT NULL CHECK (destination ~ '^sr1[0-9a-f]{72}$'),
    requester custody.name NOT NULL,
    state text NOT NULL CHECK (state IN ('requested', 'reserved', 'approving', 'approved', 'recorded', 'signed',
        'submitted', 'confirmed', 'rejected', 'expired', 'cancelled', 'failed', 'quarantined')),
    ver bigint NOT NULL CHECK (ver > 0),
    intent bytea,
    transaction bytea,
    signature bytea,
    lane custody.counter,
    seq custody.counter,
    requested_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    reason text CHECK (reason ~ '^[a-z0-9._]{1,63}$'),
    height bigint CHECK (height > 0),
    index custody.counter,
    UNIQUE (tenant, idempotency_key),
    CHECK ((lane IS NULL) = (seq IS NULL) AND (height IS NULL) = (index IS NULL)),
    CHECK (state NOT IN ('recorded', 'signed', 'submitted', 'confirmed')
           OR (intent IS NOT NULL AND transaction IS NOT NULL AND lane IS NOT NULL)),
    CHECK (state NOT IN ('signed', 'submitted', 'confirmed') OR signature IS NOT NULL),
    CHECK (state <> 'confirmed' OR height IS NOT NULL)
);
CREATE INDEX withdrawal_open ON custody.withdrawal (expires_at)
    WHERE state NOT IN ('confirmed', 'rejected', 'expired', 'cancelled', 'failed', 'quarantined');
CREATE INDEX withdrawal_wallet ON custody.withdrawal (wallet, id);
CREATE UNIQUE INDEX withdrawal_number ON custody.withdrawal (wallet, lane, seq)
    WHERE state IN ('recorded', 'signed', 'submitted', 'confirmed');

-- The allowed moves (audit-format 2.1).
CREATE TABLE custody.move (
    from_state text,
    to_state text,
    PRIMARY KEY (from_state, to_state)
);
INSERT INTO custody.move VALUES
    ('requested', 'reserved'), ('requested', 'rejected'), ('requested', 'expired'), ('requested', 'cancelled'),
    ('reserved', 'approving'), ('reserved', 'rejected'), ('reserved', 'expired'), ('reserved', 'cancelled'),
    ('approving', 'approved'), ('approving', 'rejected'), ('approving', 'expired'), ('approving', 'cancelled'),
    ('approved', 'recorded'), ('approved', 'rejected'), ('approved', 'expired'), ('approved', 'cancelled'),
    ('recorded', 'signed'), ('recorded', 'failed'), ('recorded', 'quarantined'),
    ('signed', 'submitted'), ('signed', 'failed'), ('signed', 'quarantined'),
    ('submitted', 'confirmed'), ('submitted', 'failed'), ('submitted', 'quarantined');

CREATE FUNCTION custody.withdrawal_insert_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    IF NEW.state <> 'requested' OR NEW.ver <> 1 THEN
        RAISE EXCEPTION 'a withdrawal begins as requested, version 1' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER withdrawal_begins BEFORE INSERT ON custody.withdrawal
    FOR EACH ROW EXECUTE FUNCTION custody.withdrawal_insert_check();

-- Each move adds one to ver; what was asked for never changes; what was signed or shown for signing never changes.
CREATE FUNCTION custody.withdrawal_update_check() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    IF NEW.ver <> OLD.ver + 1
       OR NOT EXISTS (SELECT FROM custody.move WHERE from_state = OLD.state AND to_state = NEW.state) THEN
        RAISE EXCEPTION 'a withdrawal cannot go from % (version %) to % (version %)', OLD.state, OLD.ver, NEW.state,
            NEW.ver USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.tenant, NEW.idempotency_key, NEW.request, NEW.wallet, NEW.asset, NEW.amount, NEW.destination,
        NEW.requester, NEW.requested_at) IS DISTINCT FROM
       (OLD.id, OLD.tenant, OLD.idempotency_key, OLD.request, OLD.wallet, OLD.asset, OLD.amount, OLD.destination,
        OLD.requester, OLD.requested_at)
       OR (OLD.intent IS NOT NULL AND NEW.intent IS DISTINCT FROM OLD.intent)
       OR (OLD.transaction IS NOT NULL AND NEW.transaction IS DISTINCT FROM OLD.transaction)
       OR (OLD.signature IS NOT NULL AND NEW.signature IS DISTINCT FROM OLD.signature)
       OR (OLD.seq IS NOT NULL AND (NEW.lane, NEW.seq) IS DISTINCT FROM (OLD.lane, OLD.seq))
       OR (OLD.height IS NOT NULL AND (NEW.height, NEW.index) IS DISTINCT FROM (OLD.height, OLD.index)) THEN
        RAISE EXCEPTION 'a settled column of withdrawal % cannot change', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER withdrawal_moves BEFORE UPDATE ON custody.withdrawal
    FOR EACH ROW EXECUTE FUNCTION custody.withdrawal_update_check();
CREATE TRIGGER withdrawal_stays BEFORE DELETE OR TRUNCATE ON custody.withdrawal
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- One decision per person, for ever.
CREATE TABLE custody.approval (
    withdrawal uuid REFERENCES custody.withdrawal,
    person custody.name,
    decision text NOT NULL CHECK (decision IN ('approve', 'reject')),
    document bytea NOT NULL,
    digest custody.digest NOT NULL UNIQUE,
    alg text NOT NULL CHECK (alg IN ('p256', 'ed25519', 'secp256k1')),
    key custody.digest NOT NULL,
    sig bytea NOT NULL CHECK (octet_length(sig) = 64),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (withdrawal, person)
);
CREATE TRIGGER approval_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON custody.approval
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- An open withdrawal holds one lane of its wallet alone.
CREATE TABLE custody.lane (
    wallet custody.name,
    lane custody.counter,
    next_seq custody.counter NOT NULL DEFAULT 0,
    holder uuid UNIQUE REFERENCES custody.withdrawal,
    PRIMARY KEY (wallet, lane)
);

CREATE TABLE custody.reservation (
    withdrawal uuid PRIMARY KEY REFERENCES custody.withdrawal,
    wallet custody.name NOT NULL,
    asset custody.digest NOT NULL,
    amount custody.amount NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX reservation_sum ON custody.reservation (wallet, asset);

CREATE TABLE custody.posting (
    withdrawal uuid PRIMARY KEY REFERENCES custody.withdrawal,
    wallet custody.name NOT NULL,
    asset custody.digest NOT NULL,
    amount custody.amount NOT NULL,
    height bigint NOT NULL CHECK (height > 0),
    index custody.counter NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (height, index)
);
CREATE TRIGGER posting_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON custody.posting
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- Work outside the database, at least once.
CREATE TABLE custody.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('record', 'sign', 'submit', 'confirm', 'end')),
    withdrawal uuid NOT NULL REFERENCES custody.withdrawal,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts bigint NOT NULL DEFAULT 0,
    done_at timestamptz,
    UNIQUE (withdrawal, kind)
);
CREATE INDEX outbox_due ON custody.outbox (due_at) WHERE done_at IS NULL;

-- The last ordinal (`on`) given to an object in the trail.
CREATE TABLE custody.object_ordinal (
    otype text,
    oid text,
    last bigint NOT NULL CHECK (last > 0),
    PRIMARY KEY (otype, oid)
) WITH (fillfactor = 70);

-- Documents as they came: allow-list entries, policies, genesis.
CREATE TABLE custody.document (
    kind custody.name,
    id custody.name,
    digest custody.digest,
    bytes bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 2 AND 524288),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, id, digest)
);
CREATE INDEX document_digest ON custody.document (kind, digest);
CREATE TRIGGER document_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON custody.document
    FOR EACH STATEMENT EXECUTE FUNCTION strongroom.refuse_change();

-- Tokens carry no authority over keys (the signer asks for signatures of people), so the service may manage them.
GRANT SELECT, INSERT, UPDATE (revoked_at) ON custody.token TO strongroom_app;
GRANT SELECT, INSERT, UPDATE (state, ver, intent, transaction, signature, lane, seq, updated_at, expires_at, reason,
    height, index) ON custody.withdrawal TO strongroom_app;
GRANT SELECT ON custody.move TO strongroom_app;
GRANT SELECT, INSERT ON custody.approval, custody.posting, custody.document TO strongroom_app;
GRANT SELECT, INSERT, UPDATE (next_seq, holder) ON custody.lane TO strongroom_app;
GRANT SELECT, INSERT, DELETE ON custody.reservation TO strongroom_app;
GRANT SELECT, INSERT, UPDATE (due_at, attempts, done_at) ON custody.outbox TO strongroom_app;
GRANT SELECT, INSERT, UPDATE (last) ON custody.object_ordinal TO strongroom_app;
GRANT SELECT ON custody.withdrawal, custody.move, custody.approval, custody.lane, custody.reservation,
    custody.posting, custody.document TO strongroom_auditor;
