-- Version 2: the desk, the clock of a demo, and mail that is held after a restore.

-- Another session_key ends all sessions of the person.
ALTER TABLE staff ADD COLUMN session_key TEXT NOT NULL DEFAULT '';

ALTER TABLE follow_up_events ADD COLUMN staff_id TEXT REFERENCES staff (id);
ALTER TABLE follow_up_events ADD COLUMN channel TEXT;

-- Logins that failed, under the keyed hash of the address that was given; they slow the next try.
CREATE TABLE failed_logins (
  address_hash TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE INDEX failed_logins_by_address ON failed_logins (address_hash, at);
CREATE INDEX failed_logins_by_age ON failed_logins (at);

-- One row at most: a demo, since when by its own clock, and how far that clock is from the machine's.
CREATE TABLE demo (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  since TEXT NOT NULL,
  offset_s INTEGER NOT NULL
) STRICT;

-- One row at most: customers' mail is held, since when and why, the database that a restore has put aside, and how many
-- of the mails that waited in the backup are known to have gone out.
CREATE TABLE hold (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  since TEXT NOT NULL,
  reason TEXT NOT NULL,
  replaced TEXT,
  known INTEGER NOT NULL
) STRICT;

-- One row at most: the mail server cannot be used, since when, what it said, how often in a row, and when we try again.
-- `transport` tells one setting of FEEDBACK_MAIL from another, without saying what it is.
CREATE TABLE transport_pause (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  transport TEXT NOT NULL,
  since TEXT NOT NULL,
  until TEXT NOT NULL,
  failures INTEGER NOT NULL,
  words TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_handed_over ON outbox (handed_over_at) WHERE handed_over_at IS NOT NULL;

-- What databases that were replaced had asked about: a mail that went out or may have. A case that is imported again
-- comes within the times, and is not asked about again.
CREATE TABLE asked_elsewhere (
  source TEXT NOT NULL,
  ref TEXT NOT NULL,
  round INTEGER NOT NULL,
  resolved_at TEXT NOT NULL,
  from_at TEXT NOT NULL,
  to_at TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('sent', 'unconfirmed')),
  recipient TEXT NOT NULL,
  handed_over_at TEXT NOT NULL,
  PRIMARY KEY (source, ref, round, resolved_at)
) STRICT;

-- What people asked a job to do at its next look; a later request has another id.
CREATE TABLE requests (
  job TEXT PRIMARY KEY,
  id TEXT NOT NULL
) STRICT;

-- What the front page of the built site says.
ALTER TABLE builds ADD COLUMN headline TEXT;

-- The desk's lists, newest first.
CREATE INDEX cases_newest ON cases (COALESCE(resolved_at, opened_at) DESC, id);
CREATE INDEX answers_newest ON answers (at DESC, id);
CREATE INDEX follow_ups_closed ON follow_ups (closed_at DESC) WHERE closed_at IS NOT NULL;

-- A follow-up as people see it: with its case, its owner, and the newest "no", which it is about.
CREATE VIEW follow_ups_told AS
SELECT f.id, f.survey_id, f.opened_at, f.due_at, f.closed_at, f.outcome,
  (SELECT note FROM follow_up_events WHERE follow_up_id = f.id AND kind = 'closed' AND f.closed_at IS NOT NULL
    ORDER BY seq DESC LIMIT 1) AS note,
  (SELECT COUNT(*) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'interaction' AND e.seq >
    (SELECT MAX(seq) FROM follow_up_events WHERE follow_up_id = f.id AND kind IN ('opened', 'reopened'))) AS interactions,
  f.owner_id, st.name AS owner, c.id AS case_id, c.source, c.ref, c.subject, r.agent, r.team, r.topic, r.resolved_at,
  r.interactions AS contacts, cu.name, cu.email,
  a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.quote_name
FROM follow_ups f
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN staff st ON st.id = f.owner_id
JOIN answers a ON a.survey_id = s.id
  AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id AND choice = 'no');
