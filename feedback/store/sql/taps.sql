-- name: visitor^
-- By which text the rows of a day know a visitor.
SELECT id FROM visitors WHERE hash = :hash;

-- name: add_visitor!
-- Somebody taps for the first time on a day.
INSERT INTO visitors (hash, day, id) VALUES (:hash, :day, :id);

-- name: forget_visitors!
-- Some of those of earlier days.
DELETE FROM visitors WHERE hash IN (SELECT hash FROM visitors WHERE day < :today LIMIT :limit);

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
