-- name: beat!
-- A job is alive, by the machine's clock.
INSERT INTO heartbeats (job, beat_at, words) VALUES (:job, :at, :words)
ON CONFLICT (job) DO UPDATE SET beat_at = excluded.beat_at, words = excluded.words;

-- name: heartbeats
-- Every job's last beat.
SELECT job, beat_at, words FROM heartbeats ORDER BY job;

-- name: forget_heartbeats!
-- As if no job had ever run.
DELETE FROM heartbeats;

-- name: add_build!
-- A build of the site: `words` only if it failed.
INSERT INTO builds (at, finished_at, words, headline) VALUES (:at, :finished_at, :words, :headline);

-- name: last_build^
-- The newest build, good or failed.
SELECT at, finished_at, words, headline FROM builds ORDER BY seq DESC LIMIT 1;

-- name: good_builds
-- The newest builds that succeeded, newest first.
SELECT at, finished_at, words, headline FROM builds WHERE words IS NULL ORDER BY seq DESC LIMIT :limit;

-- name: add_request!
-- Somebody wants a job to do its work at its next look.
INSERT INTO requests (job, id) VALUES (:job, :id) ON CONFLICT (job) DO UPDATE SET id = excluded.id;

-- name: settle_request!
-- The job has done it; a request that came meanwhile stays.
DELETE FROM requests WHERE job = :job AND id = :id;

-- name: requested^
-- The request for a job, if somebody waits for it.
SELECT id FROM requests WHERE job = :job;

-- name: hold!
-- Customers' mail does not go out until it is released; a hold that stands keeps its reason.
INSERT INTO hold (id, since, reason, replaced, known) VALUES (1, :since, :reason, :replaced, :known)
ON CONFLICT (id) DO NOTHING;

-- name: held^
-- Why customers' mail is held, if it is.
SELECT since, reason, replaced, known FROM hold;

-- name: release_hold!
-- Customers' mail goes out again.
DELETE FROM hold;

-- name: begin_demo!
-- This database is a demo's.
INSERT INTO demo (id, since, offset_s) VALUES (1, :since, :offset_s);

-- name: demo^
-- The demo, if this is one.
SELECT since, offset_s FROM demo;

-- name: move_clock!
-- The demo's clock goes forward.
UPDATE demo SET offset_s = offset_s + :by_s;

-- name: add_api_key!
-- A key for the API, by its hash.
INSERT INTO api_keys (id, name, key_hash, created_at) VALUES (:id, :name, :key_hash, :at)
ON CONFLICT (name) DO NOTHING;

-- name: api_key^
-- Whether a key is known.
SELECT 1 AS found FROM api_keys WHERE key_hash = :key_hash;

-- name: api_keys
-- The keys by name.
SELECT name, created_at FROM api_keys ORDER BY name;

-- name: remove_api_key!
-- A key that opens nothing any more.
DELETE FROM api_keys WHERE name = :name;
