-- name: beat!
-- A job is alive, by the machine's clock.
INSERT INTO heartbeats (job, beat_at, words) VALUES (:job, :at, :words)
ON CONFLICT (job) DO UPDATE SET beat_at = excluded.beat_at, words = excluded.words;

-- name: heartbeats
-- Every job's last beat.
SELECT job, beat_at, words FROM heartbeats ORDER BY job;

-- name: add_build!
-- A build of the site: `words` only if it failed.
INSERT INTO builds (at, finished_at, words) VALUES (:at, :finished_at, :words);

-- name: last_build^
-- The newest build, good or failed.
SELECT at, finished_at, words FROM builds ORDER BY seq DESC LIMIT 1;

-- name: last_good_build^
-- The newest build that succeeded.
SELECT at, finished_at, words FROM builds WHERE words IS NULL ORDER BY seq DESC LIMIT 1;

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
