-- name: visitor^
-- By which text the rows of a day know a visitor.
SELECT id FROM visitors WHERE hash = :hash;

-- name: add_visitor!
-- Somebody taps for the first time on a day.
INSERT INTO visitors (hash, day, id) VALUES (:hash, :day, :id);

-- name: forget_visitors!
-- Some of those of earlier days.
DELETE FROM visitors WHERE hash IN (SELECT hash FROM visitors WHERE day < :today LIMIT :limit);

-- name: forget_votes!
-- Those of the oldest day before another.
DELETE FROM page_votes WHERE day = (SELECT MIN(day) FROM page_votes WHERE day < :before);

-- name: forget_offers!
-- Those of the oldest day before another.
DELETE FROM offers WHERE day = (SELECT MIN(day) FROM offers WHERE day < :before);

-- name: taps_of_visitor^
-- How many rows a visitor has made on their day.
SELECT (SELECT COUNT(*) FROM page_votes WHERE visitor = :visitor)
  + (SELECT COUNT(*) FROM offers WHERE day = :day AND visitor = :visitor) AS n;

-- name: votes_of_page^
-- How many votes a page has on a day.
SELECT COUNT(*) AS n FROM page_votes WHERE page = :page AND day = :day;

-- name: vote^
-- What a visitor said about a page on a day.
SELECT helped FROM page_votes WHERE page = :page AND day = :day AND visitor = :visitor;

-- name: set_vote!
-- The first vote of a visitor about a page on a day, or another one in its place.
INSERT INTO page_votes (page, day, visitor, helped) VALUES (:page, :day, :visitor, :helped)
ON CONFLICT (page, day, visitor) DO UPDATE SET helped = excluded.helped;

-- name: offers_of_day^
-- How many steps were noted on a day.
SELECT COUNT(*) AS n FROM offers WHERE day = :day;

-- name: offer^
-- Whether a visitor's step at a place was noted on a day.
SELECT 1 AS found FROM offers WHERE day = :day AND visitor = :visitor AND place = :place AND step = :step;

-- name: add_offer!
-- A step of a visitor at a place.
INSERT INTO offers (day, visitor, place, step, page) VALUES (:day, :visitor, :place, :step, :page);

-- name: votes
-- By page, how many of the votes since a day say that it helped.
SELECT page, SUM(helped) AS helped, COUNT(*) AS n FROM page_votes WHERE day >= :since GROUP BY page ORDER BY page;

-- name: offers
-- By place, what became of the offers since a day; those that were shown most often first.
SELECT place, COUNT(CASE WHEN step = 'shown' THEN 1 END) AS shown, COUNT(CASE WHEN step = 'opened' THEN 1 END) AS opened,
  COUNT(CASE WHEN step = 'helped' THEN 1 END) AS helped, COUNT(CASE WHEN step = 'asked' THEN 1 END) AS asked
FROM offers WHERE day >= :since GROUP BY place ORDER BY shown DESC, place LIMIT :limit;

-- name: topics
-- The resolutions of a person's teams since a moment, or all for an owner, with topic, case, customer and newest answer.
SELECT r.topic, r.case_id, COALESCE(c.customer_id, '') AS customer_id, a.choice
FROM team_resolutions tr
JOIN resolutions r ON r.id = tr.resolution_id
JOIN cases c ON c.id = r.case_id
LEFT JOIN surveys s ON s.resolution_id = r.id AND s.round = 0
LEFT JOIN answers a ON a.survey_id = s.id AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = s.id)
WHERE tr.staff_id = :seen_by AND tr.resolved_at >= :since;

-- name: comments
-- What customers wrote since a moment beside a no, their newest answer about what a person sees, the newest first, each
-- with whose it is.
SELECT a.comment, COALESCE(c.customer_id, c.id) AS customer_id
FROM answers a
JOIN surveys s ON s.id = a.survey_id
JOIN resolutions r ON r.id = s.resolution_id
JOIN cases c ON c.id = r.case_id
WHERE a.at >= :since AND a.choice = 'no' AND a.comment IS NOT NULL AND a.seq = (SELECT MAX(seq) FROM answers WHERE survey_id = a.survey_id)
  AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = :seen_by AND rs.resolution_id = r.id)
ORDER BY a.at DESC, a.id LIMIT :limit;
