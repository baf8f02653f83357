-- name: customer^
-- What is held about one customer.
SELECT source, ref, name, email, customer_since, locale, zone, country FROM customers WHERE id = :id;

-- name: purchases
-- What a customer bought.
SELECT ref, at, amount FROM purchases WHERE customer_id = :id ORDER BY at, ref;

-- name: cases
-- A customer's cases, the oldest first.
SELECT id, ref, status, merged_into, resolved_by, subject, channel, topic, tags, team, agent, opened_at, first_reply_at,
  resolved_at, interactions
FROM cases WHERE customer_id = :id AND erased_at IS NULL
ORDER BY COALESCE(opened_at, resolved_at), ref;

-- name: resolutions
-- A case's resolutions, in their order, each with what staff decided by hand about its survey.
SELECT r.id, r.n, r.resolved_at, r.resolved_by, r.channel, r.topic, r.team, r.agent, r.opened_at, r.first_reply_at,
  r.interactions, o.wish
FROM resolutions r LEFT JOIN overrides o ON o.resolution_id = r.id
WHERE r.case_id = :case_id ORDER BY r.n;

-- name: decisions
-- A resolution's ledger, the oldest first.
SELECT d.at, d.verdict, d.reason, d.until, d.is_reminder, d.round, st.name AS who
FROM decisions d LEFT JOIN staff st ON st.id = d.staff_id
WHERE d.resolution_id = :resolution_id ORDER BY d.seq;

-- name: surveys_of
-- The surveys about a resolution, in their order.
SELECT id FROM surveys WHERE resolution_id = :resolution_id ORDER BY round;

-- name: survey^
-- One survey, and whose it is.
SELECT customer_id, round, state, reason, due_at, asked_at, remind_at FROM surveys WHERE id = :id;

-- name: mails
-- The mails of a survey, and those to staff about its follow-up, in their order, each with when it came back, if it did.
SELECT o.kind, o.state, o.due_at, o.handed_over_at, o.words, o.follow_up_id IS NOT NULL AS is_to_staff, b.at AS came_back_at,
  CASE WHEN o.follow_up_id IS NULL THEN o.recipient END AS recipient
FROM outbox o LEFT JOIN bounces b ON b.mail_id = o.id
WHERE o.survey_id = :survey_id OR o.follow_up_id IN (SELECT id FROM follow_ups WHERE survey_id = :survey_id)
ORDER BY o.due_at, o.kind, o.n;

-- name: answers
-- Every answer to a survey, in their order; the last one is the answer.
SELECT at, choice, details_at, reasons, comment, call, phone, call_time, quote_name
FROM answers WHERE survey_id = :survey_id ORDER BY seq;

-- name: follow_up^
-- The follow-up of a survey.
SELECT f.id, f.opened_at, f.due_at, f.closed_at, f.outcome, st.name AS owner
FROM follow_ups f LEFT JOIN staff st ON st.id = f.owner_id
WHERE f.survey_id = :survey_id;

-- name: asked_elsewhere
-- What replaced databases asked about, when, and at which address.
SELECT source, ref, resolved_at, handed_over_at, state, recipient FROM asked_elsewhere ORDER BY handed_over_at, source, ref;

-- name: suppressions
-- Why nothing is sent to an address, and since when, by its hash.
SELECT reason, at FROM suppressions WHERE address_hash = :hash ORDER BY at, reason;

-- name: audit
-- What was done about an address that cannot be undone, by its hash.
SELECT at, action, was, became FROM audit WHERE subject = :hash ORDER BY seq;
