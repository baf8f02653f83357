-- name: queue_survey!
-- A survey's mail; the address is read when it is sent.
INSERT INTO outbox (id, kind, survey_id, state, due_at) VALUES (:id, 'survey', :survey_id, 'queued', :due_at);

-- name: queue_reminder!
-- The one reminder of a survey; if it had one already, there is no other.
INSERT INTO outbox (id, kind, survey_id, state, due_at) VALUES (:id, 'reminder', :survey_id, 'queued', :due_at)
ON CONFLICT (survey_id, kind) DO NOTHING;

-- name: first_mail^
-- The mail that a reminder reminds of.
SELECT id FROM outbox WHERE survey_id = :survey_id AND kind = 'survey';

-- name: drop_reminders!
-- Reminders that have not gone out do not go.
UPDATE outbox SET state = 'dropped', words = 'mail was held when it was due' WHERE kind = 'reminder'
  AND state IN ('queued', 'retry');

-- name: requeue_survey!
-- A survey's mail that has not gone out, or was withdrawn, goes out at another moment.
UPDATE outbox SET state = 'queued', due_at = :due_at, words = NULL
WHERE survey_id = :survey_id AND kind = 'survey' AND state IN ('queued', 'retry', 'dropped');

-- name: withdraw_survey!
-- A survey's mail that has not gone out is not to.
UPDATE outbox SET state = 'dropped', words = :words
WHERE survey_id = :survey_id AND kind = 'survey' AND state IN ('queued', 'retry');

-- name: queue_for_staff!
-- The next mail of a kind about a follow-up to one person, unless one waits to be written, or there were too many since
-- a moment; but one at least each time that it is opened.
INSERT INTO outbox (id, kind, follow_up_id, n, recipient, state, due_at)
SELECT :id, :kind, :follow_up_id, 1 + COUNT(*), :recipient, 'queued', :due_at
FROM outbox WHERE follow_up_id = :follow_up_id AND kind = :kind AND recipient = :recipient
HAVING (COUNT(CASE WHEN due_at >= :since THEN 1 END) < :at_most
    OR COUNT(CASE WHEN due_at >= (SELECT opened_at FROM follow_ups WHERE id = :follow_up_id) THEN 1 END) = 0)
  AND COUNT(CASE WHEN state IN ('queued', 'retry') THEN 1 END) = 0;

-- name: queue_password_link!
-- A link for a password, unless one waits to be written, or there were too many since a moment.
INSERT INTO outbox (id, kind, staff_id, n, recipient, state, due_at)
SELECT :id, 'login', :staff_id, 1 + COUNT(*), :recipient, 'queued', :due_at
FROM outbox WHERE staff_id = :staff_id AND kind = 'login'
HAVING COUNT(CASE WHEN due_at >= :since THEN 1 END) < :at_most
  AND COUNT(CASE WHEN state IN ('queued', 'retry', 'claimed') THEN 1 END) = 0;

-- name: concerned
-- The owner of a follow-up, or else everybody to whom the last mail about it was an alert.
SELECT st.email AS address FROM follow_ups f JOIN staff st ON st.id = f.owner_id
WHERE f.id = :follow_up_id AND st.disabled_at IS NULL
UNION
SELECT o.recipient FROM follow_ups f
JOIN outbox o ON o.follow_up_id = f.id AND o.kind = 'alert' AND o.handed_over_at IS NOT NULL
LEFT JOIN staff st ON st.id = f.owner_id AND st.disabled_at IS NULL
WHERE f.id = :follow_up_id AND st.id IS NULL AND NOT EXISTS (
  SELECT 1 FROM outbox later WHERE later.follow_up_id = f.id AND later.recipient = o.recipient
    AND later.kind = 'change of mind' AND later.handed_over_at > o.handed_over_at)
ORDER BY address;

-- name: alerted_at^
-- When the last alert about a follow-up was taken by the server of a recipient.
SELECT MAX(handed_over_at) AS at FROM outbox
WHERE follow_up_id = :follow_up_id AND kind = 'alert' AND recipient = :recipient AND state = 'sent';

-- name: release_lapsed!
-- A claim whose owner has vanished is free again.
UPDATE outbox SET state = 'queued', lease_owner = NULL, lease_until = NULL
WHERE state IN ('claimed', 'handing_over') AND state = 'claimed' AND lease_until < :now;

-- name: doubt_lapsed!
-- A customer's mail whose sender vanished while handing it over: it may have arrived, and is not sent again.
UPDATE outbox SET lease_owner = NULL, lease_until = NULL, words = 'the sender stopped before the server had answered',
  state = CASE WHEN EXISTS (SELECT 1 FROM answers a WHERE a.survey_id = outbox.survey_id) THEN 'sent' ELSE 'unconfirmed' END
WHERE state IN ('claimed', 'handing_over') AND state = 'handing_over' AND lease_until < :now
  AND kind IN ('survey', 'reminder');

-- name: repeat_lapsed!
-- A mail to staff in the same place is sent again: better twice than never.
UPDATE outbox SET state = 'retry', due_at = :now, lease_owner = NULL, lease_until = NULL
WHERE state IN ('claimed', 'handing_over') AND state = 'handing_over' AND lease_until < :now
  AND kind NOT IN ('survey', 'reminder');

-- name: claim_due
-- Claim the mails of a kind that have waited longest past their moment.
UPDATE outbox SET state = 'claimed', lease_owner = :owner, lease_until = :lease_until, attempts = attempts + 1
WHERE state IN ('queued', 'retry') AND id IN (
  SELECT id FROM outbox WHERE state IN ('queued', 'retry') AND kind = :kind AND due_at <= :now
    AND (kind NOT IN ('survey', 'reminder') OR NOT EXISTS (SELECT 1 FROM hold))
  ORDER BY due_at LIMIT :limit)
RETURNING id, kind, survey_id, (SELECT resolution_id FROM surveys s WHERE s.id = outbox.survey_id) AS resolution_id,
  (SELECT round FROM surveys s WHERE s.id = outbox.survey_id) AS round, follow_up_id, staff_id, recipient, attempts;

-- name: letter^
-- What a survey mail says: the customer, the case, the snapshot.
SELECT r.resolved_at, CASE WHEN s.round = 1 THEN (SELECT st.name FROM follow_ups f
    JOIN surveys fs ON fs.id = f.survey_id JOIN staff st ON st.id = f.owner_id WHERE fs.resolution_id = r.id)
  ELSE r.agent END AS agent, r.team, c.subject, c.ref, cu.name, cu.email, cu.customer_since, cu.locale, cu.zone,
  cu.country, s.round
FROM surveys s
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE s.id = :survey_id;

-- name: hand_over!
-- From here on the mail may have arrived. Only the owner of the lease can do this.
UPDATE outbox SET state = 'handing_over', recipient = :recipient, handed_over_at = :now, lease_until = :lease_until
WHERE id = :id AND state = 'claimed' AND lease_owner = :owner;

-- name: finish!
-- The owner's word on a mail that it was handing over; a late acceptance also settles a doubt.
UPDATE outbox SET state = :state, words = CASE WHEN recipient IS NOT NULL THEN :words END, lease_owner = NULL,
  lease_until = NULL
WHERE id = :id AND ((state = 'handing_over' AND lease_owner = :owner) OR (state = 'unconfirmed' AND :state = 'sent'));

-- name: put_back!
-- A mail that the server clearly refused, that is not wanted any more, or not yet.
UPDATE outbox SET state = :state, words = :words, due_at = COALESCE(:due_at, due_at), lease_owner = NULL,
  lease_until = NULL
WHERE id = :id AND lease_owner = :owner AND state IN ('claimed', 'handing_over');

-- name: release!
-- A claim given back, not counted as an attempt.
UPDATE outbox SET state = 'queued', words = :words, attempts = attempts - 1, lease_owner = NULL, lease_until = NULL
WHERE id = :id AND lease_owner = :owner AND state = 'claimed';

-- name: postpone!
-- A claim given back after a fault of ours, to be tried later.
UPDATE outbox SET state = 'retry', words = :words, due_at = :due_at, lease_owner = NULL, lease_until = NULL
WHERE id = :id AND lease_owner = :owner AND state = 'claimed';

-- name: settle_doubt!
-- An answer proves that the mail arrived, whatever its server said.
UPDATE outbox SET state = 'sent', words = 'the customer answered'
WHERE survey_id = :survey_id AND state IN ('unconfirmed', 'retry') AND handed_over_at IS NOT NULL;

-- name: count_by_state
-- The outbox at a glance.
SELECT state, COUNT(*) AS n FROM outbox GROUP BY state ORDER BY state;

-- name: count_sent^
-- How many mails went out, those that came back later among them.
SELECT COUNT(*) AS n FROM outbox o WHERE state = 'sent' OR EXISTS (SELECT 1 FROM bounces b WHERE b.mail_id = o.id);

-- name: trouble
-- How many alerts about follow-ups opened before a moment are unsent, or came back about open ones, and what became doubtful or failed since another.
SELECT (SELECT COUNT(*) FROM outbox o JOIN follow_ups f ON f.id = o.follow_up_id
    WHERE o.kind = 'alert' AND o.state NOT IN ('sent', 'dropped') AND o.attempts > 0
      AND f.closed_at IS NULL AND f.opened_at < :alerts_before
      AND NOT EXISTS (SELECT 1 FROM bounces b WHERE b.mail_id = o.id)) AS late_alerts,
  (SELECT COUNT(*) FROM bounces b JOIN outbox o ON o.id = b.mail_id JOIN follow_ups f ON f.id = o.follow_up_id
    WHERE o.kind = 'alert' AND f.closed_at IS NULL) AS returned_alerts,
  COUNT(CASE WHEN kind IN ('survey', 'reminder') AND state = 'failed' AND due_at >= :since THEN 1 END) AS failed,
  COUNT(CASE WHEN kind IN ('survey', 'reminder') AND state = 'unconfirmed' AND due_at >= :since THEN 1 END) AS unconfirmed
FROM outbox;

-- name: is_busy^
-- Whether any mail is due, or on its way.
SELECT 1 AS found FROM outbox
WHERE (state IN ('queued', 'retry') AND due_at <= :now) OR state IN ('claimed', 'handing_over') LIMIT 1;

-- name: mails_in
-- The mails that wait in whatever way, by when they are due, or are in one other state, newest first, each with its
-- case and its customer.
SELECT o.id, o.kind, o.due_at, o.handed_over_at, o.words, COALESCE(o.recipient, cu.email) AS recipient,
  c.id AS case_id, c.ref, c.subject
FROM outbox o
LEFT JOIN follow_ups f ON f.id = o.follow_up_id
LEFT JOIN surveys s ON s.id = COALESCE(o.survey_id, f.survey_id)
LEFT JOIN resolutions r ON r.id = s.resolution_id
LEFT JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
WHERE CASE WHEN o.state IN ('queued', 'claimed', 'handing_over', 'retry') THEN 'waiting' ELSE o.state END = :standing
  AND (:since IS NULL OR o.handed_over_at >= :since)
ORDER BY CASE WHEN :standing = 'waiting' THEN o.due_at END, COALESCE(o.handed_over_at, o.due_at) DESC, o.id
LIMIT :limit;

-- name: count_standings
-- How many mails wait, were sent since a moment, or are in another state.
SELECT CASE WHEN state IN ('queued', 'claimed', 'handing_over', 'retry') THEN 'waiting' ELSE state END AS standing,
  COUNT(*) AS n
FROM outbox WHERE state <> 'sent' OR handed_over_at >= :since GROUP BY 1;

-- name: handed_over
-- Customers' mails that went out or may have, here or in databases that were replaced before: what they asked about.
SELECT c.source, c.ref, s.round, r.resolved_at, o.recipient, o.handed_over_at,
  CASE WHEN o.state = 'sent' THEN 'sent' ELSE 'unconfirmed' END AS state
FROM outbox o
JOIN surveys s ON s.id = o.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
WHERE (o.state IN ('handing_over', 'sent', 'unconfirmed') OR EXISTS (SELECT 1 FROM bounces b WHERE b.mail_id = o.id))
  AND o.kind = 'survey' AND c.erased_at IS NULL
UNION
SELECT source, ref, round, resolved_at, recipient, handed_over_at, state FROM asked_elsewhere;

-- name: note_elsewhere!
-- Another database has asked about this; of what two know, a certainty counts.
INSERT INTO asked_elsewhere (source, ref, round, resolved_at, from_at, to_at, state, recipient, handed_over_at)
VALUES (:source, :ref, :round, :resolved_at, :from_at, :to_at, :state, :recipient, :handed_over_at)
ON CONFLICT (source, ref, round, resolved_at) DO UPDATE SET state = 'sent' WHERE excluded.state = 'sent';

-- name: known_elsewhere
-- Surveys that wait here, or are in doubt, and of which a replaced database knows more.
SELECT s.id, o.state AS delivery, e.state AS known, e.recipient, e.handed_over_at
FROM asked_elsewhere e
JOIN cases c ON c.source = e.source AND c.ref = e.ref
JOIN resolutions r ON r.case_id = c.id AND r.resolved_at BETWEEN e.from_at AND e.to_at
JOIN surveys s ON s.resolution_id = r.id AND s.round = e.round
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
WHERE s.state = 'waiting' OR o.state IN ('queued', 'claimed', 'retry') OR (o.state = 'unconfirmed' AND e.state = 'sent');

-- name: held_back
-- Surveys whose mail would go out now.
SELECT s.id, c.ref, c.subject, cu.email
FROM surveys s
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN outbox o ON o.survey_id = s.id AND o.kind = 'survey'
WHERE (s.state = 'waiting' AND s.due_at <= :now) OR (s.state = 'asked' AND o.state IN ('queued', 'claimed', 'retry'))
ORDER BY s.due_at LIMIT :limit;

-- name: count_held_back^
-- How many surveys there are whose mail would go out now.
SELECT (SELECT COUNT(*) FROM surveys WHERE state = 'waiting' AND due_at <= :now)
  + (SELECT COUNT(*) FROM outbox WHERE kind = 'survey' AND state IN ('queued', 'claimed', 'retry')) AS n;

-- name: queue_known!
-- The owner wants everything that was held to be sent, whatever is known of it.
UPDATE outbox SET state = 'queued', due_at = :now, handed_over_at = NULL, words = NULL
WHERE words = 'known from a database that was replaced' AND state IN ('sent', 'unconfirmed');

-- name: note_handed_over!
-- Another database knows that this mail went out, or may have.
UPDATE outbox SET state = :state, recipient = :recipient, handed_over_at = :handed_over_at, lease_owner = NULL,
  lease_until = NULL, words = 'known from a database that was replaced'
WHERE survey_id = :survey_id AND kind = 'survey'
  AND (state IN ('queued', 'claimed', 'retry') OR (state = 'unconfirmed' AND :state = 'sent'));

-- name: confirm!
-- Staff know that a mail in doubt has arrived.
UPDATE outbox SET state = 'sent', words = 'the customer has it, says our staff' WHERE id = :id AND state = 'unconfirmed';

-- name: queue_again!
-- Staff want a mail in doubt to be sent once more.
UPDATE outbox SET state = 'queued', due_at = :now, handed_over_at = NULL, words = 'sent again by our staff'
WHERE id = :id AND state = 'unconfirmed';

-- name: pause!
-- The mail server cannot be used until a moment; another server's pause is over with that.
INSERT INTO transport_pause (id, transport, since, until, failures, words)
VALUES (1, :transport, :now, :until, :failures, :words)
ON CONFLICT (id) DO UPDATE SET until = excluded.until, failures = excluded.failures, words = excluded.words,
  since = CASE WHEN transport_pause.transport = excluded.transport THEN transport_pause.since ELSE excluded.since END,
  transport = excluded.transport;

-- name: paused^
-- Whether the mail server cannot be used.
SELECT transport, since, until, failures, words FROM transport_pause;

-- name: end_pause!
-- The mail server has answered.
DELETE FROM transport_pause;

-- name: surveys_between^
-- How many customers' mails were handed over between two moments.
SELECT COUNT(*) AS n FROM outbox WHERE handed_over_at >= :since AND handed_over_at < :until AND kind IN ('survey', 'reminder');

-- name: surveys_claimed^
-- How many customers' mails are about to go.
SELECT COUNT(*) AS n FROM outbox WHERE state IN ('claimed', 'handing_over') AND state = 'claimed' AND kind IN ('survey', 'reminder');
