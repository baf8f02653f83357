-- Version 3: people are erased, and the outbox stays quick when it is long.

-- A case of a person who was erased: nothing is left that tells who it was.
ALTER TABLE cases ADD COLUMN erased_at TEXT;

-- Keyed hashes of what must not come back: references of cases and of customers, and addresses.
ALTER TABLE erasures RENAME COLUMN case_hash TO hash;

-- With all that finding and counting needs, so that neither reads the rows.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (kind, due_at, id, state) WHERE state IN ('queued', 'retry');
DROP INDEX outbox_handed_over;
CREATE INDEX outbox_handed_over ON outbox (handed_over_at, kind) WHERE handed_over_at IS NOT NULL;
