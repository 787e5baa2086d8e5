-- Personal data: sealed under the key of its subject, which is not in this database. What a row says in clear is bound
-- to its sealed bytes; a row that was changed or moved does not open. Erasing deletes the rows; what makes it final is
-- that the signer of role privacy destroys the key. No free text stands beside them.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE audit.pii
    ADD COLUMN event uuid NOT NULL,
    ADD COLUMN field text NOT NULL
        CHECK (field IN ('address', 'birth', 'document', 'email', 'memo', 'name', 'note', 'phone')),
    ADD COLUMN recorded_at timestamptz NOT NULL,
    ADD CHECK (octet_length(sealed) BETWEEN 61 AND 1020);
CREATE INDEX pii_subject ON audit.pii (subject, field, recorded_at);

GRANT SELECT, INSERT, DELETE ON audit.pii TO strongroom_app;
