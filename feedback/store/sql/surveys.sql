-- name: resolution_facts^
-- What deciding about a round of a resolution rests on, the survey that it may have by now, and the newest entry of its
-- ledger about that round.
SELECT r.id, r.n, r.resolved_at, r.resolved_by, r.topic, r.channel, r.team, r.interactions, r.first_reply_at, c.source,
  c.ref, c.status, c.tags, cu.email, cu.ref AS customer_ref, cu.zone, cu.country, ov.wish,
  EXISTS (SELECT 1 FROM follow_ups f WHERE f.closed_at IS NULL AND f.customer_id IN (
    SELECT id FROM customers p WHERE p.id = cu.id OR LOWER(p.email) = LOWER(cu.email))) AS has_open_follow_up,
  EXISTS (SELECT 1 FROM answers a WHERE a.survey_id = s.id) OR (:round = 1 AND 'yes' = (SELECT x.choice FROM answers x
    JOIN surveys xs ON xs.id = x.survey_id WHERE xs.resolution_id = r.id
    ORDER BY x.at DESC, xs.round DESC, x.seq DESC LIMIT 1)) AS is_answered, s.id AS survey_id, s.state AS survey_state,
  o.state AS delivery, o.handed_over_at, o.recipient,
  EXISTS (SELECT 1 FROM asked_elsewhere e WHERE e.source = c.source AND e.ref = c.ref AND e.round = :round
    AND r.resolved_at BETWEEN e.from_at AND e.to_at) AS asked_elsewhere,
  c.resolved_at IS NOT NULL AND r.n = (SELECT MAX(n) FROM resolutions WHERE case_id = r.case_id) AS is_latest,
  (SELECT f.closed_at FROM follow_ups f JOIN surveys fs ON fs.id = f.survey_id
    WHERE :round = 1 AND fs.resolution_id = r.id AND f.outcome = 'solved') AS helped_at,
  (SELECT MAX(seq) FROM decisions WHERE resolution_id = r.id) AS decided, d.seq AS last_seq, d.verdict AS last_verdict, d.reason AS last_reason, d.until AS last_until
FROM resolutions r
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN surveys s ON s.resolution_id = r.id AND s.round = :round
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
LEFT JOIN overrides ov ON ov.resolution_id = r.id AND :round = 0
LEFT JOIN decisions d ON d.resolution_id = r.id
  AND d.seq = (SELECT MAX(seq) FROM decisions WHERE resolution_id = r.id AND round = :round)
WHERE r.id = :resolution_id;

-- name: contacts
-- What else a person is asked or was asked, due since a moment: whoever has the address counts, in each help desk. Of
-- what has not gone out, only what comes before this one: what is in the outbox ("asked") before what is "waiting", then
-- by when it is due. Then what went to the address though its customer has another one by now, and what replaced
-- databases asked.
SELECT COALESCE(o.handed_over_at, s.due_at) AS at, r.case_id = mine.case_id AS is_same_case
FROM resolutions mine
LEFT JOIN surveys own ON own.resolution_id = mine.id AND own.round = 0
JOIN customers cu ON LOWER(cu.email) = LOWER(:address)
JOIN surveys s ON s.customer_id = cu.id AND s.due_at > :since AND s.resolution_id <> mine.id
JOIN resolutions r ON r.id = s.resolution_id
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
WHERE mine.id = :resolution_id AND (r.case_id <> mine.case_id OR s.round = 0) AND (
  o.state IN ('handing_over', 'sent', 'unconfirmed')
  OR ((s.state = 'waiting' OR (s.state = 'asked' AND o.state IN ('queued', 'claimed', 'retry')))
    AND (own.id IS NULL OR own.state = 'cancelled' OR (s.state, s.due_at, s.id) < (own.state, own.due_at, own.id))))
UNION ALL
SELECT o.handed_over_at, r.case_id = mine.case_id
FROM resolutions mine
JOIN outbox o ON LOWER(o.recipient) = LOWER(:address) AND o.handed_over_at > :since AND o.kind = 'survey'
  AND o.state IN ('handing_over', 'sent', 'unconfirmed')
JOIN surveys s ON s.id = o.survey_id AND s.resolution_id <> mine.id
JOIN resolutions r ON r.id = s.resolution_id
LEFT JOIN customers cu ON cu.id = s.customer_id
WHERE mine.id = :resolution_id AND (r.case_id <> mine.case_id OR s.round = 0)
  AND (cu.email IS NULL OR LOWER(cu.email) <> LOWER(:address))
UNION ALL
SELECT e.handed_over_at, 0 FROM asked_elsewhere e
JOIN resolutions mine ON mine.id = :resolution_id
JOIN cases c ON c.id = mine.case_id
WHERE e.handed_over_at > :since AND LOWER(e.recipient) = LOWER(:address) AND NOT (e.source = c.source AND e.ref = c.ref);

-- name: past_resolutions
-- What a decision about each resolution of a time would have rested on, as far as it is known now, the oldest first.
SELECT r.case_id, r.n, r.resolved_at, r.resolved_by, r.topic, r.channel, r.team, r.interactions, r.first_reply_at,
  c.source, c.ref, c.status, c.tags, cu.email, cu.ref AS customer_ref, cu.zone, cu.country,
  c.resolved_at IS NOT NULL AS is_dated,
  (SELECT resolved_at FROM resolutions WHERE case_id = r.case_id AND n = r.n + 1) AS next_resolved_at
FROM resolutions r
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE r.resolved_at > :since AND r.resolved_at <= :until AND c.erased_at IS NULL
ORDER BY r.resolved_at, c.source, c.ref;

-- name: past_contacts
-- Customers' mails that went out, or may have, between two moments, by the address that the customer has now and by the
-- one that they went to.
SELECT LOWER(cu.email) AS address, r.case_id, s.round = 0 AS is_first_round, o.handed_over_at AS at
FROM outbox o
JOIN surveys s ON s.id = o.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN customers cu ON cu.id = s.customer_id
WHERE o.handed_over_at > :since AND o.handed_over_at <= :until AND o.kind = 'survey'
  AND o.state IN ('handing_over', 'sent', 'unconfirmed') AND cu.email IS NOT NULL
UNION ALL
SELECT LOWER(o.recipient), r.case_id, s.round = 0, o.handed_over_at
FROM outbox o
JOIN surveys s ON s.id = o.survey_id
JOIN resolutions r ON r.id = s.resolution_id
LEFT JOIN customers cu ON cu.id = s.customer_id
WHERE o.handed_over_at > :since AND o.handed_over_at <= :until AND o.kind = 'survey'
  AND o.state IN ('handing_over', 'sent', 'unconfirmed') AND o.recipient IS NOT NULL
  AND (cu.email IS NULL OR LOWER(cu.email) <> LOWER(o.recipient))
UNION ALL
SELECT LOWER(e.recipient), c.id, 0, e.handed_over_at
FROM asked_elsewhere e LEFT JOIN cases c ON c.ref = e.ref AND c.source = e.source
WHERE e.handed_over_at > :since AND e.handed_over_at <= :until;

-- name: passed_over
-- Resolutions since a moment about which a person was not asked because of another survey, the oldest first.
SELECT r.id FROM customers cu
JOIN cases c ON c.customer_id = cu.id
JOIN resolutions r ON r.case_id = c.id AND r.resolved_at > :since AND r.id <> :resolution_id
JOIN decisions d ON d.resolution_id = r.id AND d.seq = (SELECT MAX(seq) FROM decisions WHERE resolution_id = r.id)
WHERE LOWER(cu.email) = LOWER(:address) AND d.verdict = 'skip' AND d.reason = 'asked_lately'
ORDER BY r.resolved_at, c.source, c.ref;

-- name: suppressed
-- Why nothing is sent to an address, by its hash.
SELECT reason FROM suppressions WHERE address_hash = :address_hash;

-- name: suppress!
-- Send nothing to an address any more, for one more reason; a second time changes nothing.
INSERT INTO suppressions (address_hash, at, reason) VALUES (:address_hash, :at, :reason)
ON CONFLICT (address_hash, reason) DO NOTHING;

-- name: end_suppression!
-- A reason is no more.
DELETE FROM suppressions WHERE address_hash = :address_hash AND reason = :reason;

-- name: suppressions
-- Every address to which nothing is sent, by its hash, with each reason.
SELECT address_hash, at, reason FROM suppressions;

-- name: add_decision!
-- A new entry in a resolution's ledger.
INSERT INTO decisions (resolution_id, seq, at, verdict, reason, until, staff_id, is_reminder, round)
VALUES (:resolution_id, :seq, :at, :verdict, :reason, :until, :staff_id, :is_reminder, :round);

-- name: plan_survey!
-- A survey waits for its moment; one that waits already gets another, and one that was cancelled before it had a mail
-- waits again.
INSERT INTO surveys (id, resolution_id, customer_id, round, state, due_at)
SELECT :id, r.id, c.customer_id, :round, 'waiting', :due_at
FROM resolutions r JOIN cases c ON c.id = r.case_id WHERE r.id = :resolution_id
ON CONFLICT (resolution_id, round) DO UPDATE SET state = 'waiting', reason = NULL, due_at = excluded.due_at
WHERE surveys.state IN ('waiting', 'cancelled') AND NOT EXISTS (SELECT 1 FROM outbox WHERE survey_id = surveys.id);

-- name: due
-- The surveys that have waited longest past their moment.
SELECT id, resolution_id, round FROM surveys WHERE state = 'waiting' AND due_at <= :now
ORDER BY due_at LIMIT :limit;

-- name: next_due^
-- When the next survey or reminder is due.
SELECT MIN(at) AS at FROM (SELECT MIN(due_at) AS at FROM surveys WHERE state = 'waiting'
  UNION ALL SELECT MIN(remind_at) FROM surveys WHERE remind_at IS NOT NULL) AS moments;

-- name: set_reminder!
-- When the customer of a first-round survey is reminded, if at all.
UPDATE surveys SET remind_at = :at WHERE id = :id AND round = 0;

-- name: to_remind
-- The surveys whose reminder has waited longest past its moment.
SELECT id, resolution_id FROM surveys WHERE remind_at <= :now ORDER BY remind_at LIMIT :limit;

-- name: forget_reminders!
-- Nobody is reminded of what was asked so far.
UPDATE surveys SET remind_at = NULL WHERE remind_at IS NOT NULL;

-- name: mark_asked!
-- The survey is asked: its mail is in the outbox.
UPDATE surveys SET state = 'asked', asked_at = :at WHERE id = :id AND state = 'waiting';

-- name: cancel_survey!
-- We do not ask after all.
UPDATE surveys SET state = 'cancelled', reason = :reason WHERE id = :id AND state IN ('waiting', 'asked');

-- name: reinstate_survey!
-- A survey whose mail is in the outbox again is asked after all.
UPDATE surveys SET state = 'asked', reason = NULL WHERE id = :id AND state = 'cancelled';

-- name: set_override!
-- What staff decided by hand about a resolution's survey.
INSERT INTO overrides (resolution_id, wish) VALUES (:resolution_id, :wish)
ON CONFLICT (resolution_id) DO UPDATE SET wish = excluded.wish;

-- name: remove_override!
-- The rules decide again.
DELETE FROM overrides WHERE resolution_id = :resolution_id;

-- name: survey^
-- A survey as the customer's page needs it, with its first and its newest answer, whether a mail of it is in doubt, and
-- when a newer one about the case went out; none of somebody who was erased.
SELECT s.id, COALESCE(o.handed_over_at, s.asked_at, s.due_at) AS asked_at, r.resolved_at, CASE WHEN s.round = 1 THEN (
    SELECT st.name FROM follow_ups f JOIN surveys fs ON fs.id = f.survey_id JOIN staff st ON st.id = f.owner_id
    WHERE fs.resolution_id = r.id) ELSE r.agent END AS agent, r.team, r.interactions,
  c.subject, cu.locale, cu.zone, cu.country, COALESCE(o.recipient, cu.email) AS recipient, s.round,
  EXISTS (SELECT 1 FROM outbox WHERE survey_id = s.id AND state IN ('unconfirmed', 'retry')) AS is_in_doubt,
  COALESCE(a.seq, 0) AS answers,
  (SELECT at FROM answers WHERE survey_id = s.id AND seq = 1) AS first_answer_at,
  (SELECT MAX(newer.handed_over_at) FROM resolutions later
    JOIN surveys again ON again.resolution_id = later.id AND (later.n, again.round) > (r.n, s.round)
    JOIN outbox newer ON newer.survey_id = again.id AND newer.kind = 'survey'
      AND newer.state IN ('handing_over', 'sent', 'unconfirmed')
    WHERE later.case_id = r.case_id AND later.n >= r.n) AS asked_again_at,
  a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name
FROM surveys s
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = s.customer_id
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
LEFT JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
WHERE s.id = :id AND c.erased_at IS NULL;

-- name: add_answer!
-- One more answer; the newest is the answer. What was said beside the same choice earlier is said again.
INSERT INTO answers (id, survey_id, seq, at, choice, details_at, reasons, comment, call, phone, call_time, quote_name)
SELECT :id, :survey_id, 1 + (SELECT COALESCE(MAX(seq), 0) FROM answers WHERE survey_id = :survey_id), :at, :choice,
  said.details_at, said.reasons, said.comment, COALESCE(said.call, 0), said.phone, said.call_time,
  said.quote_name
FROM surveys s
LEFT JOIN answers said ON said.survey_id = s.id
  AND said.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = :survey_id AND choice = :choice)
WHERE s.id = :survey_id;

-- name: add_details!
-- What the customer added to an answer; what was said before is replaced.
UPDATE answers SET details_at = :at, reasons = :reasons, comment = :comment, call = :call, phone = :phone,
  call_time = :call_time, quote_name = :quote_name
WHERE id = :id;

-- name: withdraw_quotes!
-- A newer answer to a survey takes the place of what was to be quoted.
DELETE FROM quotes WHERE answer_id IN (SELECT id FROM answers WHERE survey_id = :survey_id);

-- name: withdraw_quote!
-- Other words than these are not to be quoted any more, whatever staff decided about them.
DELETE FROM quotes WHERE answer_id = :id AND (version IS NULL OR version <> :version);

-- name: offer_quote!
-- An answer waits to be quoted, if it may be; one about which staff have decided already does not.
INSERT INTO quotes (answer_id, standing, said_at)
SELECT id, 'waiting', at FROM answers
WHERE id = :id AND choice = 'yes' AND quote_name IS NOT NULL AND comment IS NOT NULL
ON CONFLICT (answer_id) DO NOTHING;

-- name: answers_of_case
-- Every answer about a case that a person sees, in either round, the newest first.
SELECT a.id AS answer_id, a.choice, a.at, a.details_at, a.reasons, a.comment, a.call, a.phone, a.call_time,
  a.quote_name, s.round
FROM resolutions r JOIN surveys s ON s.resolution_id = r.id JOIN answers a ON a.survey_id = s.id
WHERE r.case_id = :case_id AND (:seen_by IS NULL OR EXISTS (
  SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id))
ORDER BY a.at DESC, r.n DESC, s.round DESC, a.seq DESC LIMIT :limit;

-- name: newest_answers
-- The newest answer of each survey (that a person sees, if given), newest first.
SELECT * FROM answers_told a
WHERE a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = a.survey_id) AND (:choice IS NULL OR a.choice = :choice)
  AND (:seen_by IS NULL OR EXISTS (
    SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = a.resolution_id))
ORDER BY a.at DESC, a.answer_id LIMIT :limit OFFSET :offset;

-- name: newest_answers_of_part
-- The same for whoever works in some teams: all that they see, sorted then.
SELECT * FROM answers_told a
WHERE a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = a.survey_id) AND (:choice IS NULL OR a.choice = :choice)
  AND a.resolution_id IN (SELECT resolution_id FROM resolutions_seen WHERE staff_id = :seen_by)
ORDER BY a.at DESC, a.answer_id LIMIT :limit OFFSET :offset;
