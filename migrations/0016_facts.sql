-- Facts of entries that officers look for have columns of their own (docs/formats.md section 3). Few entries have them,
-- so their indexes hold those alone.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE audit.leaf
    ADD COLUMN amount numeric(39, 0),
    ADD COLUMN asset text,
    ADD COLUMN destination text,
    ADD COLUMN key text,
    ADD COLUMN version bigint,
    ADD COLUMN wallet text;

CREATE INDEX leaf_asset ON audit.leaf (asset, seq) WHERE asset IS NOT NULL;
CREATE INDEX leaf_destination ON audit.leaf (destination, seq) WHERE destination IS NOT NULL;
CREATE INDEX leaf_key ON audit.leaf (key, seq) WHERE key IS NOT NULL;
CREATE INDEX leaf_version ON audit.leaf (version, seq) WHERE version IS NOT NULL;
CREATE INDEX leaf_wallet ON audit.leaf (wallet, seq) WHERE wallet IS NOT NULL;
