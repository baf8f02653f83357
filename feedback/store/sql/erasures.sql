-- name: is_any^
-- Whether anybody was erased.
SELECT 1 AS found FROM erasures LIMIT 1;

-- name: erasure^
-- Whether a hash must not come back.
SELECT 1 AS found FROM erasures WHERE hash = :hash;

-- name: erasures
-- Every hash that must not come back.
SELECT hash, at FROM erasures;

-- name: add_erasure!
-- An erasure; a second time changes nothing.
INSERT INTO erasures (hash, at) VALUES (:hash, :at) ON CONFLICT (hash) DO NOTHING;

-- name: customers
-- Every customer.
SELECT id, source, ref, name, email AS address FROM customers;

-- name: customers_at
-- Whose address it is, and whose address has letters beyond ASCII, for those are compared elsewhere.
SELECT id, source, ref, name, email AS address FROM customers WHERE LOWER(email) = :address
UNION
SELECT id, source, ref, name, email FROM customers WHERE LENGTH(CAST(email AS BLOB)) > LENGTH(email);

-- name: mails_to
-- Mails to an address, whoever has it by now, and to addresses with letters beyond ASCII; told as in `mails`.
WITH found AS (
  SELECT id FROM outbox WHERE kind = 'survey' AND LOWER(recipient) = :address
  UNION SELECT id FROM outbox WHERE kind = 'reminder' AND LOWER(recipient) = :address
  UNION SELECT id FROM outbox WHERE LENGTH(CAST(recipient AS BLOB)) > LENGTH(recipient))
SELECT o.id, o.survey_id, o.recipient, o.state = 'handing_over' AS is_in_hand, c.customer_id, cu.email
FROM found
JOIN outbox o ON o.id = found.id
JOIN surveys s ON s.id = o.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id;

-- name: mails_of
-- Mails about a customer's cases, and those that the customer got about cases that are somebody else's by now; told as in
-- `mails`.
WITH found AS (
  SELECT s.id FROM cases c JOIN resolutions r ON r.case_id = c.id JOIN surveys s ON s.resolution_id = r.id
  WHERE c.customer_id = :customer_id
  UNION SELECT id FROM surveys WHERE customer_id = :customer_id)
SELECT o.id, o.survey_id, o.recipient, o.state = 'handing_over' AS is_in_hand, c.customer_id, cu.email
FROM found
JOIN outbox o ON o.survey_id = found.id
JOIN surveys s ON s.id = o.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE o.recipient IS NOT NULL;

-- name: mails
-- Every mail to a customer, with the address that it was for, and whose case it is about now.
SELECT o.id, o.survey_id, o.recipient, o.state = 'handing_over' AS is_in_hand, c.customer_id, cu.email
FROM outbox o
JOIN surveys s ON s.id = o.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE o.recipient IS NOT NULL;

-- name: cases
-- Every case that is not erased.
SELECT id, source, ref FROM cases WHERE erased_at IS NULL;

-- name: cases_of
-- Those of one customer.
SELECT id, source, ref FROM cases WHERE erased_at IS NULL AND customer_id = :customer_id;

-- name: has_case^
-- Whether a case is known.
SELECT 1 AS found FROM cases WHERE ref = :ref AND source = :source;

-- name: aged
-- Customers within a range of ids, of whom we know who they are, whose last case (when it was resolved, else opened),
-- answer, mail and follow-up were before a moment. Not one whose case was reopened, with whom a follow-up is open, or to
-- whom a mail is to go.
SELECT cu.id FROM customers cu
WHERE cu.id >= :first AND cu.id <= :last
  AND (cu.email IS NOT NULL OR cu.name IS NOT NULL OR SUBSTR(cu.ref, 1, 7) <> 'erased-')
  AND EXISTS (SELECT 1 FROM cases c WHERE c.customer_id = cu.id AND COALESCE(c.resolved_at, c.opened_at) < :before)
  AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.customer_id = cu.id AND (COALESCE(c.resolved_at, c.opened_at) >= :before
    OR (c.status = 'open' AND c.resolved_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM resolutions r WHERE r.case_id = c.id AND (r.resolved_at >= :before OR c.resolved_at IS NULL))))
  AND NOT EXISTS (SELECT 1 FROM follow_ups f WHERE f.customer_id = cu.id AND (f.closed_at IS NULL OR EXISTS (
    SELECT 1 FROM follow_up_events e WHERE e.follow_up_id = f.id AND e.at >= :before)))
  AND NOT EXISTS (
    SELECT 1 FROM surveys s
    LEFT JOIN outbox o ON o.survey_id = s.id
      AND (o.state IN ('queued', 'claimed', 'handing_over', 'retry') OR o.handed_over_at >= :before)
    LEFT JOIN answers a ON a.survey_id = s.id AND a.at >= :before
    WHERE (s.customer_id = cu.id OR s.resolution_id IN (
        SELECT r.id FROM cases c JOIN resolutions r ON r.case_id = c.id WHERE c.customer_id = cu.id))
      AND (s.state = 'waiting' OR s.remind_at IS NOT NULL OR o.id IS NOT NULL OR a.id IS NOT NULL))
ORDER BY cu.id LIMIT :limit;

-- name: surveys_elsewhere
-- Surveys that a customer got about cases that are somebody else's by now.
SELECT s.id FROM surveys s
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
WHERE s.customer_id = :customer_id AND (c.customer_id IS NULL OR c.customer_id <> :customer_id);

-- name: surveys_of
-- The surveys of a case.
SELECT s.id FROM surveys s JOIN resolutions r ON r.id = s.resolution_id WHERE r.case_id = :case_id;

-- name: asked_elsewhere
-- What replaced databases asked about, and at which address.
SELECT DISTINCT source, ref, recipient FROM asked_elsewhere;

-- name: asked_elsewhere_at
-- What replaced databases asked at an address, and at addresses with letters beyond ASCII.
SELECT source, ref, recipient FROM asked_elsewhere WHERE LOWER(recipient) = :address
UNION
SELECT source, ref, recipient FROM asked_elsewhere WHERE LENGTH(CAST(recipient AS BLOB)) > LENGTH(recipient);

-- name: erase_customer!
-- What tells who a customer is; that there was one stays, for the figures.
UPDATE customers SET ref = :ref, email = NULL, name = NULL, customer_since = NULL, locale = NULL, zone = NULL,
  country = NULL
WHERE id = :id;

-- name: erase_case!
-- What a case says of its customer; its times, topic and team stay.
UPDATE cases SET ref = :ref, merged_into = NULL, subject = NULL, tags = NULL, erased_at = :at WHERE id = :id;

-- name: erase_quotes!
-- That it may be quoted, and what staff decided about that.
DELETE FROM quotes WHERE answer_id IN (SELECT id FROM answers WHERE survey_id = :survey_id);

-- name: erase_words!
-- What was answered to a survey; the choice, its reasons and the day stay.
UPDATE answers SET comment = NULL, call = 0, phone = NULL, call_time = NULL, quote_name = NULL,
  at = SUBSTR(at, 1, 10) || 'T00:00:00Z', details_at = SUBSTR(details_at, 1, 10) || 'T00:00:00Z'
WHERE survey_id = :survey_id;

-- name: erase_notes!
-- What staff wrote about it, and so what was public of that.
UPDATE follow_up_events SET note = NULL, public_at = NULL, public_by = NULL
WHERE follow_up_id IN (SELECT id FROM follow_ups WHERE survey_id = :survey_id);

-- name: erase_notes_since!
-- What staff wrote about a resolution from a survey on, and so what was public of that, until the next survey about it
-- went out: that one's may be about somebody else.
UPDATE follow_up_events SET note = NULL, public_at = NULL, public_by = NULL
WHERE follow_up_id IN (
    SELECT f.id FROM surveys s JOIN surveys other ON other.resolution_id = s.resolution_id
    JOIN follow_ups f ON f.survey_id = other.id WHERE s.id = :survey_id)
  AND NOT EXISTS (
    SELECT 1 FROM surveys s JOIN surveys later ON later.resolution_id = s.resolution_id AND later.round > s.round
    JOIN outbox o ON o.survey_id = later.id AND o.kind = 'survey' AND o.handed_over_at < follow_up_events.at
    WHERE s.id = :survey_id)
  AND at >= COALESCE((SELECT MIN(o.handed_over_at) FROM outbox o WHERE o.survey_id = :survey_id), '');

-- name: erase_replies!
-- What they mailed about it.
UPDATE follow_up_events SET note = NULL
WHERE kind = 'replied' AND follow_up_id IN (SELECT id FROM follow_ups WHERE survey_id = :survey_id);

-- name: cancel_survey!
-- A survey that has not been mailed is not asked any more.
UPDATE surveys SET state = 'cancelled', reason = 'erased'
WHERE id = :survey_id AND (state = 'waiting' OR EXISTS (
  SELECT 1 FROM outbox o WHERE o.survey_id = surveys.id AND o.kind = 'survey'
    AND o.state IN ('queued', 'claimed', 'retry')));

-- name: drop_mail!
-- A mail that has not gone out is dropped; of another it stays known that it did, or may have.
UPDATE outbox SET recipient = NULL, words = NULL, lease_owner = NULL, lease_until = NULL,
  state = CASE WHEN state IN ('queued', 'claimed', 'retry') THEN 'dropped' WHEN state = 'handing_over' THEN 'unconfirmed'
    ELSE state END
WHERE survey_id = :survey_id;

-- name: erase_mergers!
-- What other cases say of a case that they were merged into.
UPDATE cases SET merged_into = NULL WHERE source = :source AND merged_into = :ref;

-- name: erase_mail!
-- Whom a mail was for, when its case is somebody else's by now.
UPDATE outbox SET recipient = NULL, words = NULL WHERE id = :id;

-- name: erase_recipient!
-- Whom a replaced database asked; that it did stays, for the case may be somebody else's by now.
UPDATE asked_elsewhere SET recipient = 'erased' WHERE source = :source AND ref = :ref AND recipient = :recipient;

-- name: erase_elsewhere!
-- What replaced databases know of a case.
DELETE FROM asked_elsewhere WHERE source = :source AND ref = :ref;

-- name: erase_purchases!
-- What a customer bought.
DELETE FROM purchases WHERE customer_id = :id;

-- name: sources
-- The help desks that cases or customers came from.
SELECT source FROM cases UNION SELECT source FROM customers;

-- name: customer^
-- One customer.
SELECT id, source, ref, name, email AS address FROM customers WHERE id = :id;

-- name: is_forgotten^
-- Whether a mail is about somebody who is erased or forgotten: its case is, or it has lost the address that it went to, or
-- it is to staff about a resolution one of whose mails has.
SELECT c.erased_at IS NOT NULL OR (o.survey_id IS NOT NULL AND o.recipient IS NULL AND o.handed_over_at IS NOT NULL)
  OR (o.follow_up_id IS NOT NULL AND EXISTS (
    SELECT 1 FROM surveys other JOIN outbox m ON m.survey_id = other.id
    WHERE other.resolution_id = s.resolution_id AND m.recipient IS NULL AND m.handed_over_at IS NOT NULL)) AS is_forgotten
FROM outbox o
LEFT JOIN follow_ups f ON f.id = o.follow_up_id
LEFT JOIN surveys s ON s.id = COALESCE(o.survey_id, f.survey_id)
LEFT JOIN resolutions r ON r.id = s.resolution_id
LEFT JOIN cases c ON c.id = r.case_id
WHERE o.id = :id;

-- name: erase_audit!
-- What the audit tells in detail of a case or a customer, and of the resolutions, surveys, answers and follow-ups of the case;
-- who did what, and when, stays.
UPDATE audit SET was = NULL, became = NULL
WHERE (was IS NOT NULL OR became IS NOT NULL) AND subject IN (
  SELECT :id
  UNION ALL SELECT r.id FROM resolutions r WHERE r.case_id = :id
  UNION ALL SELECT s.id FROM resolutions r JOIN surveys s ON s.resolution_id = r.id WHERE r.case_id = :id
  UNION ALL SELECT a.id FROM resolutions r JOIN surveys s ON s.resolution_id = r.id
    JOIN answers a ON a.survey_id = s.id WHERE r.case_id = :id
  UNION ALL SELECT f.id FROM resolutions r JOIN surveys s ON s.resolution_id = r.id
    JOIN follow_ups f ON f.survey_id = s.id WHERE r.case_id = :id);
