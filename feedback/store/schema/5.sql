-- Version 5: what comes back is understood.

-- An address may have several reasons why nothing is sent to it; taking one back leaves the others.
CREATE TABLE suppressions_by_reason (
  address_hash TEXT NOT NULL,
  reason TEXT NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (address_hash, reason)
) STRICT;
INSERT INTO suppressions_by_reason (address_hash, reason, at) SELECT address_hash, reason, at FROM suppressions;
DROP TABLE suppressions;
ALTER TABLE suppressions_by_reason RENAME TO suppressions;

-- Mails that came back, each once; one that came back for good stays so.
CREATE TABLE bounces (
  mail_id TEXT PRIMARY KEY REFERENCES outbox (id),
  address_hash TEXT NOT NULL,
  at TEXT NOT NULL,
  is_hard INTEGER NOT NULL CHECK (is_hard IN (0, 1))
) STRICT;
CREATE INDEX bounces_by_address ON bounces (address_hash, at);

-- Fingerprints of the replies that were taken in, so that none counts twice, whichever mailbox it is found in.
CREATE TABLE replies (
  fingerprint TEXT PRIMARY KEY,
  survey_id TEXT NOT NULL REFERENCES surveys (id)
) STRICT;
CREATE INDEX replies_to_survey ON replies (survey_id);

-- Which messages of a mailbox have been read, in the order in which they were. Of a server's only the last one is kept.
CREATE TABLE read_messages (
  seq INTEGER PRIMARY KEY,
  mailbox TEXT NOT NULL,
  key TEXT NOT NULL,
  UNIQUE (mailbox, key)
) STRICT;

-- When a call suits the customer who asks for one.
ALTER TABLE answers ADD COLUMN call_time TEXT;

-- A follow-up as people see it. It is about what came since it was opened, or opened again: a "no", what the customer
-- mailed, or both.
DROP VIEW follow_ups_told;
CREATE VIEW follow_ups_told AS
SELECT f.id, f.survey_id, f.opened_at, f.due_at, f.closed_at, f.outcome,
  (SELECT note FROM follow_up_events WHERE follow_up_id = f.id AND kind = 'closed' AND f.closed_at IS NOT NULL
    ORDER BY seq DESC LIMIT 1) AS note,
  (SELECT GROUP_CONCAT(note, CHAR(10, 10)) FROM (SELECT note FROM follow_up_events e
    WHERE e.follow_up_id = f.id AND e.kind = 'replied' AND e.seq > opening.seq ORDER BY seq)) AS reply,
  (SELECT COUNT(*) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'interaction'
    AND e.seq > opening.seq) AS interactions,
  f.owner_id, st.name AS owner, c.id AS case_id, c.source, c.ref, c.subject, r.agent, r.team, r.topic, r.resolved_at,
  r.interactions AS contacts, cu.name, cu.email,
  a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name
FROM follow_ups f
JOIN follow_up_events opening ON opening.follow_up_id = f.id AND opening.seq =
  (SELECT MAX(seq) FROM follow_up_events WHERE follow_up_id = f.id AND kind IN ('opened', 'reopened'))
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN staff st ON st.id = f.owner_id
LEFT JOIN answers a ON a.survey_id = s.id
  AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id AND choice = 'no')
  AND (opening.channel IS NULL OR a.at >= f.opened_at);
