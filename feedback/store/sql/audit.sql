-- name: add_audit!
-- A line about a change.
INSERT INTO audit (at, actor, action, subject, was, became) VALUES (:at, :actor, :action, :subject, :was, :became);

-- name: since
-- The lines after one, as they are held.
SELECT seq, at, actor, action, subject, was, became FROM audit WHERE seq > :seq ORDER BY seq;

-- name: last^
-- The newest line.
SELECT COALESCE(MAX(seq), 0) AS seq FROM audit;

-- name: entries
-- The lines before one, newest first, of one person or of all, with the names of who did it and of what was changed.
SELECT a.seq, a.at, COALESCE(st.name, a.actor) AS who, st.email, a.action, a.subject, a.was, a.became,
  COALESCE(c.ref, person.name,
    CASE WHEN a.action IN ('key.add', 'key.remove', 'list.download', 'mail.release') THEN a.subject END) AS about, c.id AS case_id, f.id AS follow_up_id
FROM audit a
LEFT JOIN staff st ON st.id = a.actor
LEFT JOIN staff person ON person.id = a.subject
LEFT JOIN follow_ups f ON f.id = a.subject
LEFT JOIN outbox o ON o.id = a.subject
LEFT JOIN answers said ON said.id = a.subject
LEFT JOIN surveys s ON s.id = COALESCE(f.survey_id, o.survey_id, said.survey_id)
LEFT JOIN resolutions r ON r.id = COALESCE(s.resolution_id, a.subject)
LEFT JOIN cases c ON c.id = r.case_id
WHERE (:actor IS NULL OR a.actor = :actor)
ORDER BY a.seq DESC LIMIT :limit OFFSET :offset;
