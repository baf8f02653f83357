-- SQLite's own: the full text index of schema/8.sql and 10.sql.

-- name: found
-- The newest texts of a kind (a range of seq) in which all words stand (and that a person sees, if given), with what each is about. The words that were
-- found stand between two marks.
SELECT s.key, s.case_id, HIGHLIGHT(search, 0, :mark_on, :mark_off) AS about,
  SNIPPET(search, 1, :mark_on, :mark_off, '…', 30) AS words,
  a.at AS answered_at, a.choice, f.id AS follow_up_id, f.opened_at, f.closed_at, st.name AS owner, c.status,
  COALESCE(c.resolved_at, c.opened_at) AS case_at
FROM search
CROSS JOIN searched s ON s.seq = search.rowid
CROSS JOIN cases c ON c.id = s.case_id
LEFT JOIN answers a ON a.id = s.key AND s.kind = 'answer'
LEFT JOIN surveys about ON about.id = COALESCE(a.survey_id, (SELECT survey_id FROM follow_ups WHERE id = s.key))
LEFT JOIN surveys first ON first.resolution_id = about.resolution_id AND first.round = 0
LEFT JOIN follow_ups f ON f.id = CASE s.kind WHEN 'follow_up' THEN s.key
  ELSE (SELECT id FROM follow_ups WHERE survey_id = first.id) END
LEFT JOIN staff st ON st.id = f.owner_id
WHERE search MATCH :terms
  AND CASE WHEN :seen_by IS NULL THEN 1 WHEN s.kind = 'case'
    THEN EXISTS (SELECT 1 FROM cases_seen cs WHERE cs.staff_id = :seen_by AND cs.case_id = c.id)
    ELSE EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = about.resolution_id) END
  AND search.rowid >= :low AND search.rowid < :high
ORDER BY search.rowid DESC LIMIT :limit;

-- name: refresh!
-- Write the names that customers have by now into the index; triggers do it.
DELETE FROM search_stale;

-- name: sweep!
-- Write the index anew, so that nothing is left in it of texts that it has no more.
INSERT INTO search (search) VALUES ('optimize');
