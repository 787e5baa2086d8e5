-- Roles, the migration register, and what PUBLIC may not do. Roles belong to the cluster and may be there already.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES ('strongroom_owner', 'NOLOGIN'), ('strongroom_app', 'LOGIN'),
                              ('strongroom_sequencer', 'LOGIN'), ('strongroom_auditor', 'LOGIN')) AS r(name, login)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS',
                           wanted.name, wanted.login);
        END IF;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO strongroom_app, strongroom_sequencer, strongroom_auditor',
                   current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA strongroom AUTHORIZATION strongroom_owner;
CREATE SCHEMA audit AUTHORIZATION strongroom_owner;
CREATE SCHEMA custody AUTHORIZATION strongroom_owner;
GRANT USAGE ON SCHEMA strongroom TO strongroom_app, strongroom_sequencer, strongroom_auditor;
GRANT USAGE ON SCHEMA audit TO strongroom_app, strongroom_sequencer, strongroom_auditor;
GRANT USAGE ON SCHEMA custody TO strongroom_app, strongroom_auditor;

SET LOCAL ROLE strongroom_owner;

-- One row per applied file. The newest version is the version of the schema; every program reads it at its start.
CREATE TABLE strongroom.migration (
    version integer PRIMARY KEY CHECK (version > 0),
    name text NOT NULL UNIQUE,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON strongroom.migration TO strongroom_app, strongroom_sequencer, strongroom_auditor;

-- For triggers of tables whose rows are never changed.
CREATE FUNCTION strongroom.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: its rows are never changed', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
