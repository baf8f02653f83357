-- Version 12: customers, and quotes to approve.

-- The answers that may be quoted: "yes", with words, with consent. `said_at` is when they were answered. Once staff have
-- decided, `version` is that of the words and the name that they saw: other words are another row, which waits. Nothing
-- that the customer wrote stands here.
CREATE TABLE quotes (
  answer_id TEXT PRIMARY KEY REFERENCES answers (id),
  standing TEXT NOT NULL CHECK (standing IN ('waiting', 'approved', 'declined')),
  said_at TEXT NOT NULL,
  version TEXT,
  staff_id TEXT REFERENCES staff (id),
  at TEXT,
  CHECK ((standing = 'waiting') = (version IS NULL))
) STRICT;
CREATE INDEX quotes_newest ON quotes (standing, said_at DESC, answer_id);

INSERT INTO quotes (answer_id, standing, said_at)
SELECT a.id, 'waiting', a.at FROM answers a
WHERE a.choice = 'yes' AND a.quote_name IS NOT NULL AND a.comment IS NOT NULL
  AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = a.survey_id);

-- A customer's cases, newest first, so that the newest one is found without a look at the others.
DROP INDEX cases_by_customer;
CREATE INDEX cases_by_customer ON cases (customer_id, COALESCE(resolved_at, opened_at) DESC, id);
