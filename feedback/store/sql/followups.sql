-- name: follow_up_of_survey^
-- The follow-up of a survey, if it has one.
SELECT id, due_at, closed_at FROM follow_ups WHERE survey_id = :survey_id;

-- name: add_follow_up!
-- A person owes this customer an action.
INSERT INTO follow_ups (id, survey_id, opened_at, due_at) VALUES (:id, :survey_id, :at, :due_at);

-- name: reopen_follow_up!
-- The customer said "no" again.
UPDATE follow_ups SET opened_at = :at, due_at = :due_at, closed_at = NULL, outcome = NULL
WHERE id = :id AND closed_at IS NOT NULL;

-- name: close_follow_up!
-- Done, or withdrawn by the customer.
UPDATE follow_ups SET closed_at = :at, outcome = :outcome WHERE id = :id AND closed_at IS NULL;

-- name: add_event!
-- A line in the follow-up's history.
INSERT INTO follow_up_events (follow_up_id, seq, at, kind, note)
SELECT :id, COALESCE(MAX(seq), 0) + 1, :at, :kind, :note FROM follow_up_events WHERE follow_up_id = :id;

-- name: follow_ups
-- Follow-ups with their case and newest answer, by when they are due: one of them, or all, or all that are open.
SELECT f.id, f.survey_id, f.opened_at, f.due_at, f.closed_at, f.outcome,
  (SELECT note FROM follow_up_events WHERE follow_up_id = f.id AND kind = 'closed' AND f.closed_at IS NOT NULL
    ORDER BY seq DESC LIMIT 1) AS note,
  c.source, c.ref, c.subject, r.agent, r.team,
  cu.name, cu.email, a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.quote_name
FROM follow_ups f
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
WHERE (:id IS NULL OR f.id = :id) AND (:closed_too = 1 OR f.closed_at IS NULL)
ORDER BY f.due_at;
