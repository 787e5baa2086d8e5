-- The requester signs the intent, too: a third decision, beside those of the approvers.
SET LOCAL ROLE strongroom_owner;

ALTER TABLE custody.approval DROP CONSTRAINT approval_decision_check,
    ADD CONSTRAINT approval_decision_check CHECK (decision IN ('approve', 'reject', 'request'));
