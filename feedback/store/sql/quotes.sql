-- name: quotes
-- Quotes of one standing (that a person sees, if given), newest first. The newest answer of its survey alone, while it may
-- be quoted, of nobody who was erased.
SELECT a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name, r.id AS resolution_id, c.id AS case_id, c.ref, c.subject, r.team, r.topic, cu.name, cu.email,
  q.standing, q.version, q.at AS decided_at, st.name AS who
FROM quotes q
JOIN answers a ON a.id = q.answer_id
JOIN surveys s ON s.id = a.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN staff st ON st.id = q.staff_id
WHERE q.standing = :standing
  AND a.choice = 'yes' AND a.quote_name IS NOT NULL AND a.comment IS NOT NULL AND c.erased_at IS NULL
  AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = a.survey_id)
  AND (:seen_by IS NULL OR EXISTS (
    SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id))
ORDER BY q.said_at DESC, q.answer_id LIMIT :limit OFFSET :offset;

-- name: quotes_of_part
-- The same for whoever works in some teams: all that they see, sorted then. CROSS, for
-- there are more quotes than answers that they see.
SELECT a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name, r.id AS resolution_id, c.id AS case_id, c.ref, c.subject, r.team, r.topic, cu.name, cu.email,
  q.standing, q.version, q.at AS decided_at, st.name AS who
FROM resolutions r
JOIN surveys s ON s.resolution_id = r.id
JOIN answers a ON a.survey_id = s.id
CROSS JOIN quotes q
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN staff st ON st.id = q.staff_id
WHERE q.answer_id = a.id AND q.standing = :standing
  AND a.choice = 'yes' AND a.quote_name IS NOT NULL AND a.comment IS NOT NULL AND c.erased_at IS NULL
  AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = a.survey_id)
  AND r.id IN (SELECT resolution_id FROM resolutions_seen WHERE staff_id = :seen_by)
ORDER BY q.said_at DESC, q.answer_id LIMIT :limit OFFSET :offset;

-- name: quote^
-- One quote that a person sees.
SELECT a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name, r.id AS resolution_id, c.id AS case_id, c.ref, c.subject, r.team, r.topic, cu.name, cu.email,
  q.standing, q.version, q.at AS decided_at, st.name AS who
FROM quotes q
JOIN answers a ON a.id = q.answer_id
JOIN surveys s ON s.id = a.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN staff st ON st.id = q.staff_id
WHERE q.answer_id = :id
  AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id);

-- name: approved_quote^
-- Whether an answer is approved to be quoted.
SELECT answer_id FROM quotes WHERE answer_id = :id AND standing = 'approved';

-- name: decide_quote!
-- What somebody decides about a version of the words; who lets it wait has decided nothing.
UPDATE quotes SET standing = :standing, version = :version, staff_id = :staff_id, at = :at WHERE answer_id = :id;
