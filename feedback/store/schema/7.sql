-- Version 7: whoever was helped after a "no" is asked again, and what staff tried has an outcome.

ALTER TABLE decisions ADD COLUMN round INTEGER NOT NULL DEFAULT 0;

-- Whoever cared for a customer before hears of the next "no".
CREATE INDEX follow_ups_of_customer ON follow_ups (customer_id, opened_at);

-- What came of an interaction, or how the follow-up was closed.
ALTER TABLE follow_up_events ADD COLUMN outcome TEXT;
UPDATE follow_up_events SET outcome = 'not_solved' WHERE kind = 'interaction';
UPDATE follow_up_events SET outcome = (SELECT outcome FROM follow_ups WHERE id = follow_up_id)
WHERE kind = 'closed' AND seq = (SELECT MAX(seq) FROM follow_up_events e WHERE e.follow_up_id = follow_up_events.follow_up_id);

-- Where a follow-up stands since it was opened, or opened again: `interactions` are those that did not solve it. It is
-- escalated, while it is open, after two of them, or if it had been closed as solved before; nowhere else is that said.
CREATE VIEW follow_up_standings AS
SELECT id, opening_seq, by_channel, interactions, closed_at IS NULL AND (interactions >= 2 OR came_back) AS is_escalated
FROM (
  SELECT f.id, f.closed_at, opening.seq AS opening_seq, opening.channel AS by_channel,
    (SELECT COUNT(*) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'interaction'
      AND e.outcome = 'not_solved' AND e.seq > opening.seq) AS interactions,
    EXISTS (SELECT 1 FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'closed'
      AND e.outcome = 'solved' AND e.seq < opening.seq) AS came_back
  FROM follow_ups f
  JOIN follow_up_events opening ON opening.follow_up_id = f.id AND opening.seq =
    (SELECT MAX(seq) FROM follow_up_events WHERE follow_up_id = f.id AND kind IN ('opened', 'reopened'))
) AS counted;

-- A follow-up as people see it. It is about what came since it was opened, or opened again: a "no" in either round, what
-- the customer mailed, or both. `stands` is what the customer says by now.
DROP VIEW follow_ups_told;
CREATE VIEW follow_ups_told AS
SELECT f.id, f.survey_id, f.opened_at, f.due_at, f.closed_at, f.outcome,
  (SELECT note FROM follow_up_events WHERE follow_up_id = f.id AND kind = 'closed' AND f.closed_at IS NOT NULL
    ORDER BY seq DESC LIMIT 1) AS note,
  (SELECT GROUP_CONCAT(note, CHAR(10, 10)) FROM (SELECT note FROM follow_up_events e
    WHERE e.follow_up_id = f.id AND e.kind = 'replied' AND e.seq > fs.opening_seq ORDER BY seq)) AS reply,
  fs.interactions, fs.is_escalated,
  f.owner_id, st.name AS owner, c.id AS case_id, c.source, c.ref, c.subject, r.id AS resolution_id, r.agent, r.team,
  r.topic, r.resolved_at, r.interactions AS contacts, cu.name, cu.email, cu.customer_since,
  a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name,
  (SELECT x.choice FROM answers x JOIN surveys xs ON xs.id = x.survey_id WHERE xs.resolution_id = r.id
    ORDER BY x.at DESC, xs.round DESC, x.seq DESC LIMIT 1) AS stands
FROM follow_ups f
JOIN follow_up_standings fs ON fs.id = f.id
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN staff st ON st.id = f.owner_id
LEFT JOIN answers a ON a.id = (SELECT x.id FROM answers x JOIN surveys xs ON xs.id = x.survey_id
    WHERE xs.resolution_id = r.id AND x.choice = 'no' ORDER BY x.at DESC, xs.round DESC, x.seq DESC LIMIT 1)
  AND (fs.by_channel IS NULL OR a.at >= f.opened_at);
