-- name: observed^
-- The first and the last purchase that is known, until a moment; a date in the future is a mistake in a file.
SELECT MIN(at) AS first_at, MAX(at) AS last_at FROM purchases WHERE at <= :now;

-- name: helped
-- Each customer with the first resolution within a time about which our mail reached them, or may have, or that they
-- answered about: their newest answers, and a row for each purchase since. Who was erased has no purchases left, and is
-- nobody here; nor is whose case has become somebody else's. A customer's rows come together.
WITH asked AS (
  SELECT c.customer_id, r.resolved_at, a.choice, again_a.choice AS choice_again,
    ROW_NUMBER() OVER (PARTITION BY c.customer_id ORDER BY r.resolved_at, r.id) AS k
  FROM resolutions r
  JOIN cases c ON c.id = r.case_id
  JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
  LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
  LEFT JOIN bounces b ON b.mail_id = o.id
  LEFT JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
  LEFT JOIN surveys again ON again.resolution_id = r.id AND again.round = 1
  LEFT JOIN answers again_a ON again_a.survey_id = again.id
    AND again_a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = again.id)
  WHERE r.resolved_at >= :since AND r.resolved_at < :until AND c.erased_at IS NULL
    AND COALESCE(s.customer_id, c.customer_id) = c.customer_id
    AND (a.id IS NOT NULL OR (o.state IN ('sent', 'unconfirmed') AND b.mail_id IS NULL))
)
SELECT asked.customer_id, asked.resolved_at, asked.choice, asked.choice_again, p.at, p.amount
FROM asked
LEFT JOIN purchases p ON p.customer_id = asked.customer_id AND p.at > asked.resolved_at AND p.at <= :now
WHERE asked.k = 1
ORDER BY asked.customer_id;
