-- Version 8: search, and the queue of the desk.

-- What the queue sorts follow-ups by; the statements of sql/queue.sql read it. THE ONE PLACE that says which are
-- escalated: open, and in two interactions since the opening not solved (FollowUp.call_now says the same of one). The
-- reasons are those of the "no" that it is about.
CREATE VIEW queue AS
SELECT f.id, f.owner_id, f.opened_at, f.due_at, f.closed_at, r.team, r.topic,
  CASE WHEN f.closed_at IS NULL THEN
    (SELECT COUNT(*) FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.kind = 'interaction' AND e.seq >
      (SELECT MAX(seq) FROM follow_up_events WHERE follow_up_id = f.id AND kind IN ('opened', 'reopened'))) >= 2
  ELSE 0 END AS is_escalated,
  (SELECT a.reasons FROM answers a WHERE a.survey_id = f.survey_id AND a.choice = 'no'
    AND (a.at >= f.opened_at OR EXISTS (SELECT 1 FROM follow_up_events e WHERE e.follow_up_id = f.id
      AND e.channel IS NULL AND e.seq =
        (SELECT MAX(seq) FROM follow_up_events WHERE follow_up_id = f.id AND kind IN ('opened', 'reopened'))))
    ORDER BY a.seq DESC LIMIT 1) AS reasons
FROM follow_ups f
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id;

-- Which were closed last, without a look at their rows.
DROP INDEX follow_ups_closed;
CREATE INDEX follow_ups_closed ON follow_ups (closed_at DESC, id) WHERE closed_at IS NOT NULL;
