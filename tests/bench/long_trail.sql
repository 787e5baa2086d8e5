-- A trail of :size made-up rows for questions: what officers ask for is spread as in a long life. One actor, act and
-- wallet has half of all, others few, some a handful far from either end; versions of the policy follow each other.
-- Only the columns mean something: no raw bytes are those of an entry. Run as superuser in an empty database with the
-- schema; each partition is filled before its indexes are built.
\set ON_ERROR_STOP on
SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';
SELECT set_config('bench.size', :'size', false) \g /dev/null
CREATE FUNCTION pg_temp.pick(seq bigint, salt bigint, choices bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT abs(hashint8extended($1, $2) % $3)';
DO $$
DECLARE
    step CONSTANT bigint := 1 << 20;
    size CONSTANT bigint := current_setting('bench.size');
    part text;
BEGIN
    FOR number IN 0 .. (size - 1) / step LOOP
        part := format('leaf_%s', lpad(number::text, 8, '0'));
        IF to_regclass(format('audit.%I', part)) IS NOT NULL THEN
            EXECUTE format('DROP TABLE audit.%I', part);
        END IF;
        EXECUTE format('CREATE TABLE audit.%I (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
        EXECUTE format('ALTER TABLE audit.%I OWNER TO strongroom_owner', part);
        EXECUTE format($fill$
            INSERT INTO audit.%I (seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr, amount, asset,
                                  destination, key, version, wallet)
            SELECT seq, sha256(seq::text::bytea), decode(repeat(md5(seq::text), 40), 'hex'),
                   timestamptz '2026-01-01 00:00:00Z' + seq * interval '3 seconds',
                   CASE WHEN seq %% 1000003 = 500000 THEN 'rare' WHEN pg_temp.pick(seq, 1, 2) = 0 THEN 'custodyd'
                        ELSE 'person-' || pg_temp.pick(seq, 2, 40) END,
                   CASE WHEN seq %% 1000003 = 500001 THEN 'key.command' WHEN paid AND seq %% 8 = 0 THEN 'withdrawal.request'
                        WHEN paid THEN (ARRAY['withdrawal.approve', 'withdrawal.signing', 'withdrawal.signed'])[1 + seq %% 3]
                        ELSE (ARRAY['service.heartbeat', 'trail.read', 'login.ok'])[1 + pg_temp.pick(seq, 4, 3)] END,
                   CASE WHEN paid THEN 'withdrawal' END,
                   CASE WHEN paid THEN (md5((seq / 8)::text))::uuid::text END, CASE WHEN paid THEN 1 + seq %% 8 END,
                   CASE pg_temp.pick(seq, 5, 200) WHEN 0 THEN 'deny' WHEN 1 THEN 'error' WHEN 2 THEN 'intent' ELSE 'ok' END,
                   (md5((seq / 4)::text || 'c'))::uuid,
                   CASE WHEN paid THEN 1 + pg_temp.pick(seq / 8, 6, 1000000) END,
                   CASE WHEN paid THEN repeat(to_hex(pg_temp.pick(seq / 8, 7, 5)), 64) END,
                   CASE WHEN paid THEN 'sr1' || md5('d' || pg_temp.pick(seq / 8, 8, 2000)) || md5('e') || '00000000' END,
                   CASE WHEN seq %% 20 = 0 THEN md5('k' || pg_temp.pick(seq, 9, 12)) || md5('k') END,
                   CASE WHEN paid THEN 1 + seq / 250000 END,
                   CASE WHEN NOT paid THEN NULL WHEN pg_temp.pick(seq / 8, 10, 2) = 0 THEN 'hot' ELSE
                        'wallet-' || pg_temp.pick(seq / 8, 11, 20) END
            FROM (SELECT seq, seq / 8 %% 5 < 3 AS paid FROM generate_series($1, $2) AS seq) AS rows$fill$, part)
            USING number * step, least(size, (number + 1) * step) - 1;
        EXECUTE format('ALTER TABLE audit.leaf ATTACH PARTITION audit.%I FOR VALUES FROM (%s) TO (%s)', part,
                       number * step, (number + 1) * step);
        RAISE NOTICE 'partition % of % rows', number, size;
    END LOOP;
END
$$;
VACUUM (ANALYZE) audit.leaf;
