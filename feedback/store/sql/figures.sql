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

-- name: served
-- Every resolution since a moment, with what was asked about it, what was answered, and what became of a "no".
SELECT r.n, r.resolved_at, r.team, r.topic, r.channel, r.opened_at, r.first_reply_at, r.interactions,
  COALESCE(c.customer_id, '') AS customer_id, cu.name IS NOT NULL AS has_name,
  cu.customer_since IS NOT NULL AS has_tenure, o.state, o.recipient,
  COALESCE(o.handed_over_at, s.asked_at, s.due_at) AS asked_at, b.mail_id IS NOT NULL AS is_bounced,
  a.choice, a.reasons, f.id AS follow_up_id, f.outcome,
  (SELECT MIN(at) FROM answers WHERE survey_id = s.id) AS answered_at,
  (SELECT MIN(at) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'opened') AS opened_first_at,
  (SELECT MIN(at) FROM follow_up_events e WHERE e.follow_up_id = f.id
    AND ((e.kind = 'interaction' AND e.outcome <> 'not_reached')
      OR (e.kind = 'closed' AND e.outcome IN ('solved', 'not_solvable')))) AS contacted_at,
  (SELECT COUNT(*) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'interaction'
    AND e.outcome = 'not_solved') AS interactions_in_vain,
  EXISTS (SELECT 1 FROM follow_up_events e JOIN follow_up_events later ON later.follow_up_id = e.follow_up_id
    AND later.seq > e.seq AND later.kind = 'reopened'
    WHERE e.follow_up_id = f.id AND e.kind = 'closed' AND e.outcome = 'solved') AS came_back,
  again_o.state AS again_state, again_a.choice AS again_choice, again_a.at AS again_at
FROM resolutions r
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
LEFT JOIN bounces b ON b.mail_id = o.id
LEFT JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
LEFT JOIN follow_ups f ON f.survey_id = s.id
LEFT JOIN surveys again ON again.resolution_id = r.id AND again.round = 1
LEFT JOIN outbox again_o ON again_o.survey_id = again.id AND again_o.kind = 'survey'
LEFT JOIN answers again_a ON again_a.survey_id = again.id
  AND again_a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = again.id)
WHERE r.resolved_at >= :since;

-- name: votes
-- The newest answer about each resolution of a time, in the first round, the newest resolution first.
SELECT COALESCE(c.customer_id, '') AS customer_id, r.resolved_at, a.choice = 'yes' AS is_yes, r.team, r.topic
FROM resolutions r
JOIN cases c ON c.id = r.case_id
JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
WHERE r.resolved_at >= :since AND r.resolved_at < :until
ORDER BY r.resolved_at DESC;
