-- Version 10: erasing and searching cost less.

-- What the audit tells of somebody is found without a look at all of it.
CREATE INDEX audit_by_subject ON audit (subject);

-- A customer's name and address stand in the index with each of their cases, comments and follow-ups, so a file that
-- tells another name of one account in each of its rows must not have all of them written anew for each row. Here is the
-- name that the index still has, from the first change on, until the transaction ends: then all is written once
-- (`refresh` in sql/search.sql). Until then the view tells that name, too, so index and view never disagree.
CREATE TABLE search_stale (
  customer_id TEXT PRIMARY KEY,
  name TEXT,
  email TEXT
) STRICT;

DROP VIEW searched_told;
CREATE VIEW searched_told AS
SELECT s.seq,
  c.ref || CHAR(31) || COALESCE(c.subject, '') || CHAR(31)
    || COALESCE(CASE WHEN stale.customer_id IS NULL THEN cu.name ELSE stale.name END, '') || CHAR(31)
    || COALESCE(CASE WHEN stale.customer_id IS NULL THEN cu.email ELSE stale.email END, '') AS about,
  CASE s.kind
    WHEN 'answer' THEN (SELECT comment FROM answers WHERE id = s.key)
    WHEN 'follow_up' THEN (SELECT GROUP_CONCAT(note, CHAR(10)) FROM
      (SELECT note FROM follow_up_events e WHERE e.follow_up_id = s.key AND note IS NOT NULL ORDER BY e.seq))
  END AS words,
  s.kind, s.key, s.case_id, c.customer_id
FROM searched s
JOIN cases c ON c.id = s.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id
LEFT JOIN search_stale stale ON stale.customer_id = c.customer_id;

DROP TRIGGER customer_changes;
DROP TRIGGER customer_changed;
CREATE TRIGGER customer_changes BEFORE UPDATE OF name, email ON customers
WHEN OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email BEGIN
  INSERT INTO search_stale (customer_id, name, email) SELECT OLD.id, OLD.name, OLD.email
  WHERE NOT EXISTS (SELECT 1 FROM search_stale WHERE customer_id = OLD.id);
END;
CREATE TRIGGER stale_goes BEFORE DELETE ON search_stale BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE customer_id = OLD.customer_id;
END;
CREATE TRIGGER stale_gone AFTER DELETE ON search_stale BEGIN
  INSERT INTO search (rowid, about, words)
  SELECT seq, about, words FROM searched_told WHERE customer_id = OLD.customer_id;
END;
