-- name: find_customers
-- The customers whom a pattern fits, or all, with a case that a person sees, by the newest of these; without those who
-- were erased. What is told of each is what the person sees of them. Read by date (as `reads_by_date` in
-- teams.py says), or all that the person sees, sorted then.
SELECT cu.id, cu.source, cu.ref, cu.name, cu.email, cu.customer_since, page.at,
  (SELECT COUNT(*) FROM cases k WHERE k.customer_id = cu.id
    AND EXISTS (SELECT 1 FROM cases_seen ks WHERE ks.staff_id = :seen_by AND ks.case_id = k.id)) AS cases,
  (SELECT x.choice FROM cases k JOIN resolutions r ON r.case_id = k.id JOIN surveys s ON s.resolution_id = r.id
    JOIN answers x ON x.survey_id = s.id
    WHERE k.customer_id = cu.id
      AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id)
    ORDER BY x.at DESC, s.round DESC, x.seq DESC LIMIT 1) AS choice,
  (SELECT MAX(x.at) FROM cases k JOIN resolutions r ON r.case_id = k.id JOIN surveys s ON s.resolution_id = r.id
    JOIN answers x ON x.survey_id = s.id
    WHERE k.customer_id = cu.id
      AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id))
    AS answered_at,
  EXISTS (SELECT 1 FROM follow_ups f JOIN surveys s ON s.id = f.survey_id
    WHERE f.customer_id = cu.id AND f.closed_at IS NULL
      AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = s.resolution_id))
    AS is_waiting
FROM (
  SELECT c.customer_id, c.id AS case_id, COALESCE(c.resolved_at, c.opened_at) AS at
  FROM cases c JOIN customers p ON p.id = c.customer_id
  WHERE :by_date AND (:pattern IS NULL OR p.name LIKE :pattern ESCAPE '!' OR p.email LIKE :pattern ESCAPE '!'
      OR p.ref LIKE :pattern ESCAPE '!')
    AND (p.email IS NOT NULL OR p.name IS NOT NULL OR SUBSTR(p.ref, 1, 7) <> 'erased-')
    AND c.id = (SELECT n.id FROM cases n WHERE n.customer_id = c.customer_id
      AND EXISTS (SELECT 1 FROM cases_seen ns WHERE ns.staff_id = :seen_by AND ns.case_id = n.id)
      ORDER BY COALESCE(n.resolved_at, n.opened_at) DESC, n.id LIMIT 1)
  UNION ALL
  SELECT mine.customer_id, mine.case_id, mine.at
  FROM (SELECT c.customer_id, c.id AS case_id, COALESCE(c.resolved_at, c.opened_at) AS at,
      ROW_NUMBER() OVER (PARTITION BY c.customer_id ORDER BY COALESCE(c.resolved_at, c.opened_at) DESC, c.id) AS n
    FROM cases c
    WHERE NOT :by_date AND c.id IN (SELECT case_id FROM cases_seen WHERE staff_id = :seen_by)) mine
  JOIN customers p ON p.id = mine.customer_id
  WHERE mine.n = 1
    AND (:pattern IS NULL OR p.name LIKE :pattern ESCAPE '!' OR p.email LIKE :pattern ESCAPE '!'
      OR p.ref LIKE :pattern ESCAPE '!')
    AND (p.email IS NOT NULL OR p.name IS NOT NULL OR SUBSTR(p.ref, 1, 7) <> 'erased-')
  ORDER BY at DESC, case_id LIMIT :limit OFFSET :offset) page
JOIN customers cu ON cu.id = page.customer_id
ORDER BY page.at DESC, page.case_id;

-- name: customer_seen^
-- Whom a person sees, by id; none who was erased.
SELECT cu.id, cu.source, cu.ref, cu.name, cu.email, cu.customer_since
FROM customers cu
WHERE cu.id = :id AND (cu.email IS NOT NULL OR cu.name IS NOT NULL OR SUBSTR(cu.ref, 1, 7) <> 'erased-')
  AND EXISTS (SELECT 1 FROM cases c WHERE c.customer_id = cu.id
    AND EXISTS (SELECT 1 FROM cases_seen cs WHERE cs.staff_id = :seen_by AND cs.case_id = c.id));

-- name: customer_of_case^
-- Whose case it is; nobody who was erased.
SELECT cu.id FROM cases c JOIN customers cu ON cu.id = c.customer_id
WHERE c.id = :case_id AND (cu.email IS NOT NULL OR cu.name IS NOT NULL OR SUBSTR(cu.ref, 1, 7) <> 'erased-');

-- name: cases_of_customer
-- A customer's cases that a person sees, newest first.
SELECT c.id, c.ref, c.subject, c.status, c.team, c.agent, COALESCE(c.resolved_at, c.opened_at) AS at
FROM cases c
WHERE c.customer_id = :id AND EXISTS (SELECT 1 FROM cases_seen cs WHERE cs.staff_id = :seen_by AND cs.case_id = c.id)
ORDER BY COALESCE(c.resolved_at, c.opened_at) DESC, c.id LIMIT :limit OFFSET :offset;

-- name: answers_about_case
-- The newest answer of each survey about a case that a person sees, newest first.
SELECT a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name, s.round
FROM resolutions r
JOIN surveys s ON s.resolution_id = r.id
JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
WHERE r.case_id = :case_id
  AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id)
ORDER BY a.at DESC, s.round DESC, a.id;

-- name: follow_ups_about_case
-- The follow-ups about a case that a person sees, newest first.
SELECT f.id, f.opened_at, f.closed_at, f.outcome
FROM resolutions r
JOIN surveys s ON s.resolution_id = r.id
JOIN follow_ups f ON f.survey_id = s.id
WHERE r.case_id = :case_id
  AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id)
ORDER BY f.opened_at DESC, f.id;
