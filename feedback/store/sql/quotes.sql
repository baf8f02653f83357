-- name: quotes
-- Quotes of one standing (that a person sees, if given), newest first.
SELECT * FROM quotes_told q
WHERE q.standing = :standing AND (:seen_by IS NULL OR EXISTS (
  SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = q.resolution_id))
ORDER BY q.said_at DESC, q.answer_id LIMIT :limit OFFSET :offset;

-- name: quotes_of_part
-- The same for whoever works in some teams: all that they see, sorted then. CROSS, for there are more quotes than answers
-- that they see.
SELECT q.* FROM resolutions r
JOIN surveys s ON s.resolution_id = r.id
JOIN answers a ON a.survey_id = s.id
CROSS JOIN quotes_told q
WHERE q.answer_id = a.id AND q.standing = :standing
  AND r.id IN (SELECT resolution_id FROM resolutions_seen WHERE staff_id = :seen_by)
ORDER BY q.said_at DESC, q.answer_id LIMIT :limit OFFSET :offset;

-- name: quote^
-- One quote that a person sees.
SELECT * FROM quotes_told q WHERE q.answer_id = :id AND EXISTS (
  SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = q.resolution_id);

-- name: approved_quote^
-- Whether an answer is approved to be quoted.
SELECT answer_id FROM quotes WHERE answer_id = :id AND standing = 'approved';

-- name: decide_quote!
-- What somebody decides about a version of the words; who lets it wait has decided nothing.
UPDATE quotes SET standing = :standing, version = :version, staff_id = :staff_id, at = :at WHERE answer_id = :id;
