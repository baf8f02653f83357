-- name: open_in_queue
-- Open follow-ups of one part, by when they are due.
SELECT t.* FROM follow_ups_told t JOIN (
  SELECT q.id, q.due_at FROM queue q
  WHERE q.closed_at IS NULL
    AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :me AND rs.resolution_id = q.resolution_id)
    AND (:tab <> 'mine' OR q.owner_id = :me)
    AND (:tab <> 'unowned' OR q.owner_id IS NULL)
    AND (:tab <> 'today' OR (q.due_at >= :midnight AND q.due_at < :next_midnight))
    AND (:tab <> 'overdue' OR q.due_at < :now)
    AND (:tab <> 'escalated' OR q.is_escalated = 1)
    AND (:team IS NULL OR q.team = :team)
    AND (:topic IS NULL OR q.topic = :topic)
    AND (:opened_until IS NULL OR q.opened_at <= :opened_until)
    AND (:stage IS NULL OR ',' || q.reasons || ',' LIKE :stage)
  ORDER BY q.due_at, q.id LIMIT :limit OFFSET :offset) page ON page.id = t.id
ORDER BY page.due_at, page.id;

-- name: closed_in_queue
-- Of those that were closed last, newest first.
WITH lately AS (SELECT id FROM follow_ups WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id LIMIT :closed_most)
SELECT t.* FROM follow_ups_told t JOIN (
  SELECT q.id, q.closed_at FROM lately JOIN queue q ON q.id = lately.id
  WHERE EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :me AND rs.resolution_id = q.resolution_id)
    AND (:team IS NULL OR q.team = :team)
    AND (:topic IS NULL OR q.topic = :topic)
    AND (:opened_until IS NULL OR q.opened_at <= :opened_until)
    AND (:stage IS NULL OR ',' || q.reasons || ',' LIKE :stage)
  ORDER BY q.closed_at DESC, q.id LIMIT :limit OFFSET :offset) page ON page.id = t.id
ORDER BY page.closed_at DESC, page.id;

-- name: counts_in_queue^
-- How many each part has.
WITH lately AS (SELECT id FROM follow_ups WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id LIMIT :closed_most),
candidates AS (SELECT id FROM follow_ups WHERE closed_at IS NULL UNION ALL SELECT id FROM lately)
SELECT
  COUNT(*) FILTER (WHERE q.closed_at IS NULL) AS open_ones,
  COUNT(*) FILTER (WHERE q.closed_at IS NULL AND q.owner_id = :me) AS mine_ones,
  COUNT(*) FILTER (WHERE q.closed_at IS NULL AND q.owner_id IS NULL) AS unowned_ones,
  COUNT(*) FILTER (WHERE q.closed_at IS NULL AND q.due_at >= :midnight AND q.due_at < :next_midnight) AS today_ones,
  COUNT(*) FILTER (WHERE q.closed_at IS NULL AND q.due_at < :now) AS overdue_ones,
  COUNT(*) FILTER (WHERE q.is_escalated = 1) AS escalated_ones,
  COUNT(*) FILTER (WHERE q.closed_at IS NOT NULL) AS closed_ones
FROM candidates JOIN queue q ON q.id = candidates.id
WHERE EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :me AND rs.resolution_id = q.resolution_id)
  AND (:team IS NULL OR q.team = :team)
  AND (:topic IS NULL OR q.topic = :topic)
  AND (:opened_until IS NULL OR q.opened_at <= :opened_until)
  AND (:stage IS NULL OR ',' || q.reasons || ',' LIKE :stage);

-- name: teams_and_topics
-- The teams and topics of what stands in the queue.
WITH lately AS (SELECT id FROM follow_ups WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id LIMIT :closed_most),
candidates AS (SELECT id FROM follow_ups WHERE closed_at IS NULL UNION ALL SELECT id FROM lately)
SELECT DISTINCT q.team, q.topic FROM candidates JOIN queue q ON q.id = candidates.id
WHERE EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :me AND rs.resolution_id = q.resolution_id);
