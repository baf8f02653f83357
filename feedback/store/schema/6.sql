-- Version 6: answers that count.

-- A follow-up as people see it. It is about what came since it was opened, or opened again: a "no", what the customer
-- mailed, or both. `stands` is what the customer says by now.
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
  a.quote_name,
  (SELECT choice FROM answers WHERE survey_id = f.survey_id ORDER BY seq DESC LIMIT 1) AS stands
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
