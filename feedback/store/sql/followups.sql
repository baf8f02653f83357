-- name: follow_up_of_survey^
-- The follow-up of a survey's resolution, in whichever round it was opened.
SELECT f.id, f.due_at, f.closed_at,
  EXISTS (SELECT 1 FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'replied' AND e.seq >
    (SELECT MAX(seq) FROM follow_up_events WHERE follow_up_id = f.id AND kind IN ('opened', 'reopened'))) AS has_reply
FROM surveys asked JOIN surveys own ON own.resolution_id = asked.resolution_id JOIN follow_ups f ON f.survey_id = own.id
WHERE asked.id = :survey_id;

-- name: times_open
-- When follow-ups with whoever has which address were open, of those not closed before a moment.
SELECT LOWER(cu.email) AS address, f.opened_at, f.closed_at FROM follow_ups f JOIN customers cu ON cu.id = f.customer_id
WHERE cu.email IS NOT NULL AND (f.closed_at IS NULL OR f.closed_at > :since);

-- name: add_follow_up!
-- A person owes this customer an action.
INSERT INTO follow_ups (id, survey_id, resolution_id, customer_id, opened_at, due_at)
SELECT :id, s.id, r.id, c.customer_id, :at, :due_at
FROM surveys s JOIN resolutions r ON r.id = s.resolution_id JOIN cases c ON c.id = r.case_id WHERE s.id = :survey_id;

-- name: reopen_follow_up!
-- The customer said "no" again.
UPDATE follow_ups SET opened_at = :at, due_at = :due_at, closed_at = NULL, outcome = NULL
WHERE id = :id AND closed_at IS NOT NULL;

-- name: close_follow_up!
-- Done, or withdrawn by the customer.
UPDATE follow_ups SET closed_at = :at, outcome = :outcome WHERE id = :id AND closed_at IS NULL;

-- name: take_follow_up!
-- Somebody owns it now.
UPDATE follow_ups SET owner_id = :staff_id WHERE id = :id AND closed_at IS NULL;

-- name: add_event!
-- A line in the follow-up's history.
INSERT INTO follow_up_events (follow_up_id, seq, at, kind, staff_id, channel, outcome, note)
SELECT :id, COALESCE(MAX(seq), 0) + 1, :at, :kind, :staff_id, :channel, :outcome, :note
FROM follow_up_events WHERE follow_up_id = :id;

-- name: events_of
-- The history of a follow-up, oldest first.
SELECT e.seq, e.at, e.kind, st.name AS who, e.channel, e.outcome, e.note, e.public_at, pu.name AS public_by
FROM follow_up_events e LEFT JOIN staff st ON st.id = e.staff_id LEFT JOIN staff pu ON pu.id = e.public_by
WHERE e.follow_up_id = :id ORDER BY e.seq;

-- name: publish_note!
-- A note that was not public is public from now on.
UPDATE follow_up_events SET public_at = :at, public_by = :staff_id
WHERE follow_up_id = :id AND seq = :seq AND public_at IS NULL;

-- name: withdraw_note!
-- A note is not public any more.
UPDATE follow_up_events SET public_at = NULL, public_by = NULL WHERE follow_up_id = :id AND seq = :seq;

-- name: public_notes
-- The public notes, the newest first, each with the reasons of the "no" before it, and how its follow-up stands.
SELECT e.at, r.topic, e.note, f.outcome,
  (SELECT x.reasons FROM answers x JOIN surveys xs ON xs.id = x.survey_id
    WHERE xs.resolution_id = r.id AND x.choice = 'no' AND x.at <= e.at
    ORDER BY x.at DESC, xs.round DESC, x.seq DESC LIMIT 1) AS reasons
FROM follow_up_events e
JOIN follow_ups f ON f.id = e.follow_up_id
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id
WHERE e.public_at IS NOT NULL ORDER BY e.at DESC, e.follow_up_id, e.seq DESC LIMIT :limit;

-- name: follow_up^
-- One follow-up.
SELECT * FROM follow_ups_told WHERE id = :id;

-- name: open_follow_ups
-- Those that are open, by when they are due.
SELECT * FROM follow_ups_told WHERE closed_at IS NULL ORDER BY due_at LIMIT :limit OFFSET :offset;

-- name: open_of
-- The open ones that a person has, by when they are due.
SELECT * FROM follow_ups_told WHERE closed_at IS NULL AND owner_id = :staff_id ORDER BY due_at;

-- name: closed_follow_ups
-- Those that were closed, newest first.
SELECT * FROM follow_ups_told WHERE closed_at IS NOT NULL ORDER BY closed_at DESC LIMIT :limit OFFSET :offset;

-- name: count_open^
-- How many are open.
SELECT COUNT(*) AS n FROM follow_ups WHERE closed_at IS NULL;

-- name: who_knows_them
-- Who has this follow-up, and who had the one before it with the same customer, if they see this one.
SELECT st.email AS address FROM follow_ups f JOIN staff st ON st.id = f.owner_id
WHERE f.id = :id AND st.disabled_at IS NULL
UNION
SELECT st.email FROM follow_ups mine
JOIN follow_ups before ON before.id = (SELECT e.id FROM follow_ups e WHERE e.customer_id = mine.customer_id
  AND e.id <> mine.id AND e.owner_id IS NOT NULL ORDER BY e.opened_at DESC LIMIT 1)
JOIN staff st ON st.id = before.owner_id
JOIN surveys s ON s.id = mine.survey_id
WHERE mine.id = :id AND st.disabled_at IS NULL
  AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = st.id AND rs.resolution_id = s.resolution_id);

-- name: overdue
-- The follow-ups that are overdue and about which no mail waits, how often that was told since they were opened, and when
-- the last mail about them went out.
SELECT f.id, MAX(o.handed_over_at) AS told_at, COALESCE((SELECT MAX(told.n) FROM (SELECT COUNT(*) AS n FROM outbox x
    WHERE x.follow_up_id = f.id AND x.kind = 'overdue' AND x.due_at >= f.opened_at GROUP BY x.recipient) AS told), 0) AS times
FROM follow_ups f JOIN outbox o ON o.follow_up_id = f.id AND o.due_at >= f.opened_at
WHERE f.closed_at IS NULL AND f.due_at <= :now GROUP BY f.id
HAVING COUNT(CASE WHEN o.state IN ('queued', 'claimed', 'handing_over', 'retry') THEN 1 END) = 0;

-- name: recovery^
-- How many follow-ups (about what a person's teams solved, if given) were ever closed as solved, in how many of them the
-- customer was asked again and has answered, and how many of those answers say yes; and of how many customers they are.
SELECT COUNT(*) AS closed, COUNT(o.id) AS asked, COUNT(a.id) AS answered,
  COUNT(CASE WHEN a.choice = 'yes' THEN 1 END) AS solved,
  COUNT(DISTINCT CASE WHEN a.id IS NOT NULL THEN f.customer_id END) AS customers
FROM (
  SELECT id, survey_id, customer_id FROM follow_ups WHERE :seen_by IS NULL
  UNION ALL
  SELECT theirs.id, theirs.survey_id, theirs.customer_id
  FROM team_resolutions tr
  JOIN surveys about ON about.resolution_id = tr.resolution_id
  JOIN follow_ups theirs ON theirs.survey_id = about.id
  WHERE tr.staff_id = :seen_by) f
JOIN surveys s ON s.id = f.survey_id
LEFT JOIN surveys again ON again.resolution_id = s.resolution_id AND again.round = 1
LEFT JOIN outbox o ON o.survey_id = again.id AND o.kind = 'survey' AND o.state IN ('sent', 'unconfirmed')
LEFT JOIN answers a ON a.survey_id = again.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = again.id)
WHERE EXISTS (SELECT 1 FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'closed' AND e.outcome = 'solved');
