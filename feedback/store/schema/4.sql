-- Version 4: nobody is asked too often, staff may decide by hand, and silent customers may be reminded.

-- Whose survey it is: of whoever got its mail, and until then as its case says; so that what else a person is asked is
-- found at once.
ALTER TABLE surveys ADD COLUMN customer_id TEXT REFERENCES customers (id);
UPDATE surveys SET customer_id = (SELECT c.customer_id FROM resolutions r JOIN cases c ON c.id = r.case_id
  WHERE r.id = surveys.resolution_id);
CREATE INDEX surveys_of_customer ON surveys (customer_id, due_at);
CREATE INDEX customers_by_address ON customers (LOWER(email));

-- Which mails went to an address, whoever has it by now.
CREATE INDEX outbox_by_recipient ON outbox (LOWER(recipient), handed_over_at) WHERE kind = 'survey';
CREATE INDEX asked_elsewhere_by_recipient ON asked_elsewhere (LOWER(recipient), handed_over_at);

-- With whom a follow-up is open, as its case says.
ALTER TABLE follow_ups ADD COLUMN customer_id TEXT REFERENCES customers (id);
UPDATE follow_ups SET customer_id = (SELECT customer_id FROM surveys s WHERE s.id = follow_ups.survey_id);
CREATE INDEX follow_ups_open_of_customer ON follow_ups (customer_id) WHERE closed_at IS NULL;

-- When a customer who stays silent is reminded.
ALTER TABLE surveys ADD COLUMN remind_at TEXT;
CREATE INDEX surveys_to_remind ON surveys (remind_at) WHERE remind_at IS NOT NULL;

-- What staff decided by hand about a survey, in place of the rules.
CREATE TABLE overrides (
  resolution_id TEXT PRIMARY KEY REFERENCES resolutions (id),
  wish TEXT NOT NULL CHECK (wish IN ('now', 'never'))
) STRICT;
ALTER TABLE decisions ADD COLUMN staff_id TEXT REFERENCES staff (id);

-- Whether it is about the reminder of a survey that was asked.
ALTER TABLE decisions ADD COLUMN is_reminder INTEGER NOT NULL DEFAULT 0;

-- The clock by which a person at the desk reads times.
ALTER TABLE staff ADD COLUMN zone TEXT;
