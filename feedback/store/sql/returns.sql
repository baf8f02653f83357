-- name: mail^
-- A mail of ours that something came back about, and for whom it was.
SELECT id, kind, survey_id, (SELECT resolution_id FROM surveys s WHERE s.id = outbox.survey_id) AS resolution_id,
  recipient
FROM outbox WHERE id = :id;

-- name: add_bounce!
-- A mail came back; a second time changes nothing, unless it is for good now.
INSERT INTO bounces (mail_id, address_hash, at, is_hard) VALUES (:mail_id, :address_hash, :at, :is_hard)
ON CONFLICT (mail_id) DO UPDATE SET is_hard = 1 WHERE excluded.is_hard = 1 AND bounces.is_hard = 0;

-- name: count_bounces^
-- How many mails to an address came back since a moment.
SELECT COUNT(*) AS n FROM bounces WHERE address_hash = :address_hash AND at >= :since;

-- name: came_back!
-- A mail that its server had taken did not arrive; of an erased person no words are kept.
UPDATE outbox SET state = 'failed', words = CASE WHEN recipient IS NOT NULL THEN :words END WHERE id = :id AND state IN ('sent', 'unconfirmed');

-- name: add_reply!
-- A reply, once, and no more of them about one survey than a limit.
INSERT INTO replies (fingerprint, survey_id)
SELECT :fingerprint, :survey_id FROM surveys
WHERE id = :survey_id AND (SELECT COUNT(*) FROM replies WHERE survey_id = :survey_id) < :at_most
ON CONFLICT (fingerprint) DO NOTHING;

-- name: read_keys
-- What is known to have been read of a mailbox, in the order in which it was.
SELECT key FROM read_messages WHERE mailbox = :mailbox ORDER BY seq;

-- name: note_read!
-- A message has been read.
INSERT INTO read_messages (mailbox, key) VALUES (:mailbox, :key) ON CONFLICT DO NOTHING;

-- name: forget_read!
-- That a message was read need not be known any more.
DELETE FROM read_messages WHERE mailbox = :mailbox AND key = :key;
