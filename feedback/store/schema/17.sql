-- Version 17: what the lists of answers and of quotes tell is said once each, in whichever way their rows are found.

-- An answer with what it is about, and the follow-up that it opened.
CREATE VIEW answers_told AS
SELECT a.id AS answer_id, a.survey_id, a.seq, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone,
  a.call_time, a.quote_name, r.id AS resolution_id, c.id AS case_id, c.ref, c.subject, c.erased_at, r.agent, r.team, r.topic,
  cu.name, cu.email, s.round, f.id AS follow_up_id
FROM answers a
JOIN surveys s ON s.id = a.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN surveys first ON first.resolution_id = r.id AND first.round = 0
LEFT JOIN follow_ups f ON f.survey_id = first.id;

-- A quote with its words: the newest answer of its survey alone, while it may be quoted, of nobody who was erased.
CREATE VIEW quotes_told AS
SELECT q.standing, q.said_at, q.version, q.at AS decided_at, st.name AS who, t.*
FROM quotes q
JOIN answers_told t ON t.answer_id = q.answer_id
LEFT JOIN staff st ON st.id = q.staff_id
WHERE t.choice = 'yes' AND t.quote_name IS NOT NULL AND t.comment IS NOT NULL AND t.erased_at IS NULL
  AND t.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = t.survey_id);
