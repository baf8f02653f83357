-- name: handled
-- One row a first-round survey that went out about a resolution since a moment, with who solved it, its newest answer, that
-- of the second round, and its follow-up: when it was opened first, and when somebody of staff was in touch, or closed
-- it. Of a person's teams, or all of an owner's; not what they merely have of another team, whose figures are not theirs.
SELECT c.customer_id, r.resolved_at, COALESCE(o.handed_over_at, s.asked_at, s.due_at) AS asked_at, a.choice, r.team,
  r.agent, ra.choice AS recheck, f.id AS follow_up_id, f.closed_at,
  (SELECT MIN(e.at) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'opened') AS opened_at,
  (SELECT MIN(e.at) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind IN ('interaction', 'closed')
    AND e.staff_id IS NOT NULL) AS acted_at
FROM team_resolutions tr
JOIN resolutions r ON r.id = tr.resolution_id
JOIN cases c ON c.id = r.case_id
JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
LEFT JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
LEFT JOIN surveys again ON again.resolution_id = r.id AND again.round = 1
LEFT JOIN answers ra ON ra.survey_id = again.id AND ra.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = again.id)
LEFT JOIN follow_ups f ON f.survey_id = s.id OR f.survey_id = again.id
WHERE tr.staff_id = :seen_by AND tr.resolved_at >= :since AND (o.state IN ('sent', 'unconfirmed') OR a.id IS NOT NULL);
