-- name: find_customer^
-- A customer by the help desk's reference.
SELECT id, email, name, customer_since, locale, zone, country
FROM customers WHERE source = :source AND ref = :ref;

-- name: add_customer!
-- A customer seen for the first time.
INSERT INTO customers (id, source, ref, email, name, customer_since, locale, zone, country)
VALUES (:id, :source, :ref, :email, :name, :customer_since, :locale, :zone, :country);

-- name: update_customer!
-- What is known of a customer now; the caller has kept what was known before.
UPDATE customers SET email = :email, name = :name, customer_since = :customer_since, locale = :locale, zone = :zone,
  country = :country
WHERE id = :id;

-- name: rename_customer!
-- A customer known by address until now has a reference of the help desk's.
UPDATE customers SET ref = :ref WHERE id = :id;

-- name: find_case^
-- A case by source and reference, with its last resolution.
SELECT c.id, c.customer_id, c.status, c.merged_into, c.resolved_by, c.subject, c.channel, c.topic, c.tags, c.team,
  c.agent, c.agent_email, c.opened_at, c.first_reply_at, c.resolved_at, c.interactions,
  r.id AS last_id, r.n AS last_n, r.resolved_at AS last_resolved_at, cu.ref AS customer_ref, cu.email AS customer_email
FROM cases c
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN resolutions r ON r.case_id = c.id AND r.n = (SELECT MAX(n) FROM resolutions WHERE case_id = c.id)
WHERE c.source = :source AND c.ref = :ref;

-- name: add_case!
-- A case seen for the first time.
INSERT INTO cases (id, source, ref, customer_id, status, merged_into, resolved_by, subject, channel, topic, tags, team,
  agent, agent_email, opened_at, first_reply_at, resolved_at, interactions)
VALUES (:id, :source, :ref, :customer_id, :status, :merged_into, :resolved_by, :subject, :channel, :topic, :tags, :team,
  :agent, :agent_email, :opened_at, :first_reply_at, :resolved_at, :interactions);

-- name: update_case!
-- What is known of a case now; the caller has kept what was known before.
UPDATE cases SET customer_id = :customer_id, status = :status, merged_into = :merged_into, resolved_by = :resolved_by,
  subject = :subject, channel = :channel, topic = :topic, tags = :tags, team = :team, agent = :agent,
  agent_email = :agent_email, opened_at = :opened_at, first_reply_at = :first_reply_at, resolved_at = :resolved_at,
  interactions = :interactions
WHERE id = :id;

-- name: move_surveys!
-- A case that became another customer's takes its surveys along, but for those that the first one has got.
UPDATE surveys SET customer_id = :customer_id
WHERE resolution_id IN (SELECT id FROM resolutions WHERE case_id = :case_id) AND NOT EXISTS (
  SELECT 1 FROM outbox o WHERE o.survey_id = surveys.id AND o.state IN ('handing_over', 'sent', 'unconfirmed'));

-- name: move_follow_ups!
-- And all its follow-ups.
UPDATE follow_ups SET customer_id = :customer_id
WHERE survey_id IN (SELECT s.id FROM surveys s JOIN resolutions r ON r.id = s.resolution_id WHERE r.case_id = :case_id);

-- name: freeze_resolution!
-- The snapshot of a case at its n-th resolution.
INSERT INTO resolutions (id, case_id, n, resolved_at, resolved_by, channel, topic, team, agent, agent_email, opened_at,
  first_reply_at, interactions)
SELECT :id, id, :n, resolved_at, resolved_by, channel, topic, team, agent, agent_email, opened_at, first_reply_at,
  interactions
FROM cases WHERE id = :case_id;

-- name: complete_resolution!
-- Fill in what a snapshot did not know, unless its mail has been handed over. Known values never change.
UPDATE resolutions SET
  resolved_by = COALESCE(resolutions.resolved_by, c.resolved_by), channel = COALESCE(resolutions.channel, c.channel),
  topic = COALESCE(resolutions.topic, c.topic), team = COALESCE(resolutions.team, c.team),
  agent = COALESCE(resolutions.agent, c.agent), agent_email = COALESCE(resolutions.agent_email, c.agent_email),
  opened_at = COALESCE(resolutions.opened_at, c.opened_at),
  first_reply_at = COALESCE(resolutions.first_reply_at, c.first_reply_at),
  interactions = COALESCE(resolutions.interactions, c.interactions)
FROM cases c
WHERE resolutions.id = :id AND c.id = resolutions.case_id AND NOT EXISTS (
  SELECT 1 FROM surveys s JOIN outbox o ON o.survey_id = s.id
  WHERE s.resolution_id = resolutions.id AND o.state IN ('handing_over', 'sent', 'unconfirmed'));

-- name: cases_with_ref
-- The cases of one reference, in whichever help desks, with their customers.
SELECT c.id, c.source, c.ref, c.status, c.subject, c.team, c.agent, c.resolved_at, c.erased_at, cu.name,
  cu.email
FROM cases c LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE c.ref = :ref ORDER BY c.source;

-- name: find_cases
-- The cases that a pattern fits, or all, of those that a person sees, if given, newest first, with their customers.
SELECT c.id, c.source, c.ref, c.status, c.subject, c.team, c.agent, c.resolved_at, c.erased_at, cu.name,
  cu.email
FROM cases c LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE (:pattern IS NULL OR c.ref LIKE :pattern ESCAPE '!' OR c.subject LIKE :pattern ESCAPE '!'
    OR cu.name LIKE :pattern ESCAPE '!' OR cu.email LIKE :pattern ESCAPE '!')
  AND (:seen_by IS NULL OR EXISTS (SELECT 1 FROM cases_seen cs WHERE cs.staff_id = :seen_by AND cs.case_id = c.id))
ORDER BY COALESCE(c.resolved_at, c.opened_at) DESC, c.id LIMIT :limit OFFSET :offset;

-- name: find_cases_of_part
-- The same for whoever works in some teams: all that they see, sorted then.
SELECT c.id, c.source, c.ref, c.status, c.subject, c.team, c.agent, c.resolved_at, c.erased_at, cu.name,
  cu.email
FROM cases c LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE (:pattern IS NULL OR c.ref LIKE :pattern ESCAPE '!' OR c.subject LIKE :pattern ESCAPE '!'
    OR cu.name LIKE :pattern ESCAPE '!' OR cu.email LIKE :pattern ESCAPE '!')
  AND c.id IN (SELECT case_id FROM cases_seen WHERE staff_id = :seen_by)
ORDER BY COALESCE(c.resolved_at, c.opened_at) DESC, c.id LIMIT :limit OFFSET :offset;

-- name: count_cases^
-- How many cases there are.
SELECT COUNT(*) AS n FROM cases;

-- name: case^
-- One case with its customer.
SELECT c.id, c.source, c.ref, c.status, c.subject, c.team, c.agent, c.resolved_at, c.erased_at, cu.name,
  cu.email
FROM cases c LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE c.id = :id;

-- name: resolutions_of_case
-- A case's resolutions (that a person sees, if given) with their surveys, the delivery of each mail, and the answers, the second round's too.
SELECT r.id, r.n, r.resolved_at, r.agent, r.team, cu.zone, cu.country, s.reason, s.remind_at,
  CASE WHEN s.state = 'waiting' THEN s.due_at END AS due_at,
  s.id AS mail_survey_id, o.state AS mail_state, o.words AS mail_words, o.recipient AS mail_recipient,
  o.handed_over_at AS mail_handed_over_at, o.due_at AS mail_due_at,
  rs.id AS again_survey_id, ro.state AS again_state, ro.words AS again_words, ro.recipient AS again_recipient,
  ro.handed_over_at AS again_handed_over_at, ro.due_at AS again_due_at, a.choice, a.at AS answered_at, a.comment, ra.choice AS recheck, ra.at AS rechecked_at,
  ov.wish
FROM resolutions r
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN overrides ov ON ov.resolution_id = r.id
LEFT JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
LEFT JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
LEFT JOIN surveys rs ON rs.resolution_id = r.id AND rs.round = 1
LEFT JOIN outbox ro ON ro.survey_id = rs.id AND ro.kind = 'survey'
LEFT JOIN answers ra ON ra.survey_id = rs.id AND ra.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = rs.id)
WHERE r.case_id = :case_id AND (:seen_by IS NULL OR EXISTS (
  SELECT 1 FROM resolutions_seen seen WHERE seen.staff_id = :seen_by AND seen.resolution_id = r.id))
ORDER BY r.n;

-- name: decisions_of
-- A resolution's ledger, oldest first, each entry with who decided it, if it was a person.
SELECT d.at, d.verdict, d.reason, d.until, d.is_reminder, d.round, st.name AS who
FROM decisions d LEFT JOIN staff st ON st.id = d.staff_id
WHERE d.resolution_id = :resolution_id ORDER BY d.seq;

-- name: others_of_customer
-- The other cases of a case's customer that a person sees, the newest first, each with the newest answer about it and its
-- newest follow-up that they see.
SELECT c.id, c.ref, c.subject, c.status, c.dated_at,
  a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time, a.quote_name,
  f.id AS follow_up_id, f.outcome
FROM (SELECT o.id, o.ref, o.subject, o.status, COALESCE(o.resolved_at, o.opened_at) AS dated_at
  FROM cases mine JOIN cases o ON o.customer_id = mine.customer_id AND o.id <> mine.id
  WHERE mine.id = :id AND EXISTS (SELECT 1 FROM cases_seen cs WHERE cs.staff_id = :seen_by AND cs.case_id = o.id)
  ORDER BY COALESCE(o.resolved_at, o.opened_at) DESC, o.id LIMIT :limit) c
LEFT JOIN answers a ON a.id = (SELECT x.id FROM answers x JOIN surveys s ON s.id = x.survey_id
    JOIN resolutions_seen rs ON rs.staff_id = :seen_by AND rs.resolution_id = s.resolution_id
    JOIN resolutions r ON r.id = s.resolution_id
    WHERE r.case_id = c.id ORDER BY x.at DESC, s.round DESC, x.seq DESC LIMIT 1)
LEFT JOIN follow_ups f ON f.id = (SELECT y.id FROM follow_ups y JOIN surveys s ON s.id = y.survey_id
    JOIN resolutions_seen rs ON rs.staff_id = :seen_by AND rs.resolution_id = s.resolution_id
    JOIN resolutions r ON r.id = s.resolution_id WHERE r.case_id = c.id ORDER BY y.opened_at DESC, r.n DESC LIMIT 1)
ORDER BY c.dated_at DESC, c.id;

-- name: count_unseen_others^
-- How many other cases the customer of a case has that a person does not see.
SELECT COUNT(*) AS n FROM cases mine JOIN cases o ON o.customer_id = mine.customer_id AND o.id <> mine.id
WHERE mine.id = :id AND NOT EXISTS (SELECT 1 FROM cases_seen cs WHERE cs.staff_id = :seen_by AND cs.case_id = o.id);
