-- Version 8: search, and the queue of the desk.

-- What the queue sorts follow-ups by; the statements of sql/queue.sql read it. The reasons are those of the "no" that it
-- is about.
CREATE VIEW queue AS
SELECT f.id, f.owner_id, f.opened_at, f.due_at, f.closed_at, r.team, r.topic, fs.is_escalated,
  (SELECT x.reasons FROM answers x JOIN surveys xs ON xs.id = x.survey_id
    WHERE xs.resolution_id = r.id AND x.choice = 'no' AND (fs.by_channel IS NULL OR x.at >= f.opened_at)
    ORDER BY x.at DESC, xs.round DESC, x.seq DESC LIMIT 1) AS reasons
FROM follow_ups f
JOIN follow_up_standings fs ON fs.id = f.id
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id;

-- Which were closed last, without a look at their rows.
DROP INDEX follow_ups_closed;
CREATE INDEX follow_ups_closed ON follow_ups (closed_at DESC, id) WHERE closed_at IS NOT NULL;

-- SEARCH, by SQLite's own full text index (FTS5); another engine has a file of its own for what follows.
--
-- What is found: cases, comments, and follow-ups with all their notes. `seq` is the kind (case 1, answer 2, follow-up 3)
-- times 2^60, plus the second of its time times 2^22, plus a number within that second: the index is read by it, so that
-- the newest of a kind come first without sorting. It is no rowid, for VACUUM may change those.
CREATE TABLE searched (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('case', 'answer', 'follow_up')),
  key TEXT NOT NULL,
  case_id TEXT NOT NULL,
  UNIQUE (kind, key)
) STRICT;
CREATE INDEX searched_of_case ON searched (case_id);

-- The text of each: what it is about (reference, subject, name, address, with a separator that is no word's), and what
-- was written. The index keeps no text of its own, so there is no second copy to erase.
CREATE VIEW searched_told AS
SELECT s.seq,
  c.ref || CHAR(31) || COALESCE(c.subject, '') || CHAR(31) || COALESCE(cu.name, '') || CHAR(31) || COALESCE(cu.email, '')
    AS about,
  CASE s.kind
    WHEN 'answer' THEN (SELECT comment FROM answers WHERE id = s.key)
    WHEN 'follow_up' THEN (SELECT GROUP_CONCAT(note, CHAR(10)) FROM
      (SELECT note FROM follow_up_events e WHERE e.follow_up_id = s.key AND note IS NOT NULL ORDER BY e.seq))
  END AS words,
  s.kind, s.key, s.case_id, c.customer_id
FROM searched s
JOIN cases c ON c.id = s.case_id
LEFT JOIN customers cu ON cu.id = c.customer_id;

CREATE VIRTUAL TABLE search USING fts5 (about, words, content = 'searched_told', content_rowid = 'seq',
  tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4 5 6');

-- Triggers keep it, so that whatever writes, erasing included, cannot forget to. Before a text changes its words leave the
-- index, as the view tells them; afterwards the new ones come in.
CREATE TRIGGER case_added AFTER INSERT ON cases BEGIN
  INSERT INTO searched (seq, kind, key, case_id)
  SELECT COALESCE((SELECT MAX(seq) FROM searched WHERE seq >= n.base AND seq < n.base + (1 << 22)) + 1, n.base), 'case', NEW.id, NEW.id
  FROM (SELECT (1 << 60) + (MAX(0, COALESCE(CAST(strftime('%s', COALESCE(NEW.opened_at, NEW.resolved_at)) AS INTEGER), 0))
    << 22) AS base) n;
  INSERT INTO search (rowid, about, words) SELECT seq, about, words FROM searched_told WHERE kind = 'case' AND key = NEW.id;
END;

CREATE TRIGGER case_changes BEFORE UPDATE OF ref, subject, customer_id ON cases
WHEN OLD.ref IS NOT NEW.ref OR OLD.subject IS NOT NEW.subject OR OLD.customer_id IS NOT NEW.customer_id BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE case_id = OLD.id;
END;
CREATE TRIGGER case_changed AFTER UPDATE OF ref, subject, customer_id ON cases
WHEN OLD.ref IS NOT NEW.ref OR OLD.subject IS NOT NEW.subject OR OLD.customer_id IS NOT NEW.customer_id BEGIN
  INSERT INTO search (rowid, about, words) SELECT seq, about, words FROM searched_told WHERE case_id = NEW.id;
END;
CREATE TRIGGER case_goes BEFORE DELETE ON cases BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE case_id = OLD.id;
  DELETE FROM searched WHERE case_id = OLD.id;
END;

CREATE TRIGGER customer_changes BEFORE UPDATE OF name, email ON customers
WHEN OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE customer_id = OLD.id;
END;
CREATE TRIGGER customer_changed AFTER UPDATE OF name, email ON customers
WHEN OLD.name IS NOT NEW.name OR OLD.email IS NOT NEW.email BEGIN
  INSERT INTO search (rowid, about, words) SELECT seq, about, words FROM searched_told WHERE customer_id = NEW.id;
END;

-- Only what was written is searched for among the answers, so that a vote costs nothing here.
CREATE TRIGGER comment_added AFTER INSERT ON answers WHEN NEW.comment IS NOT NULL BEGIN
  INSERT INTO searched (seq, kind, key, case_id)
  SELECT COALESCE((SELECT MAX(seq) FROM searched WHERE seq >= n.base AND seq < n.base + (1 << 22)) + 1, n.base), 'answer', NEW.id, n.case_id
  FROM (SELECT (2 << 60) + (MAX(0, COALESCE(CAST(strftime('%s', NEW.at) AS INTEGER), 0)) << 22) AS base, r.case_id
    FROM surveys su JOIN resolutions r ON r.id = su.resolution_id WHERE su.id = NEW.survey_id) n;
  INSERT INTO search (rowid, about, words)
  SELECT seq, about, words FROM searched_told WHERE kind = 'answer' AND key = NEW.id;
END;
CREATE TRIGGER comment_changes BEFORE UPDATE OF comment ON answers
WHEN OLD.comment IS NOT NULL AND OLD.comment IS NOT NEW.comment BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE kind = 'answer' AND key = OLD.id;
  DELETE FROM searched WHERE kind = 'answer' AND key = OLD.id AND NEW.comment IS NULL;
END;
CREATE TRIGGER comment_changed AFTER UPDATE OF comment ON answers
WHEN NEW.comment IS NOT NULL AND OLD.comment IS NOT NEW.comment BEGIN
  INSERT INTO searched (seq, kind, key, case_id)
  SELECT COALESCE((SELECT MAX(seq) FROM searched WHERE seq >= n.base AND seq < n.base + (1 << 22)) + 1, n.base), 'answer', NEW.id, n.case_id
  FROM (SELECT (2 << 60) + (MAX(0, COALESCE(CAST(strftime('%s', NEW.at) AS INTEGER), 0)) << 22) AS base, r.case_id
    FROM surveys su JOIN resolutions r ON r.id = su.resolution_id WHERE su.id = NEW.survey_id AND OLD.comment IS NULL) n;
  INSERT INTO search (rowid, about, words)
  SELECT seq, about, words FROM searched_told WHERE kind = 'answer' AND key = NEW.id;
END;

CREATE TRIGGER follow_up_added AFTER INSERT ON follow_ups BEGIN
  INSERT INTO searched (seq, kind, key, case_id)
  SELECT COALESCE((SELECT MAX(seq) FROM searched WHERE seq >= n.base AND seq < n.base + (1 << 22)) + 1, n.base), 'follow_up', NEW.id, n.case_id
  FROM (SELECT (3 << 60) + (MAX(0, COALESCE(CAST(strftime('%s', NEW.opened_at) AS INTEGER), 0)) << 22) AS base, r.case_id
    FROM surveys su JOIN resolutions r ON r.id = su.resolution_id WHERE su.id = NEW.survey_id) n;
  INSERT INTO search (rowid, about, words)
  SELECT seq, about, words FROM searched_told WHERE kind = 'follow_up' AND key = NEW.id;
END;
CREATE TRIGGER note_comes BEFORE INSERT ON follow_up_events WHEN NEW.note IS NOT NULL BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE kind = 'follow_up' AND key = NEW.follow_up_id;
END;
CREATE TRIGGER note_added AFTER INSERT ON follow_up_events WHEN NEW.note IS NOT NULL BEGIN
  INSERT INTO search (rowid, about, words)
  SELECT seq, about, words FROM searched_told WHERE kind = 'follow_up' AND key = NEW.follow_up_id;
END;
CREATE TRIGGER note_changes BEFORE UPDATE OF note ON follow_up_events WHEN OLD.note IS NOT NEW.note BEGIN
  INSERT INTO search (search, rowid, about, words)
  SELECT 'delete', seq, about, words FROM searched_told WHERE kind = 'follow_up' AND key = OLD.follow_up_id;
END;
CREATE TRIGGER note_changed AFTER UPDATE OF note ON follow_up_events WHEN OLD.note IS NOT NEW.note BEGIN
  INSERT INTO search (rowid, about, words)
  SELECT seq, about, words FROM searched_told WHERE kind = 'follow_up' AND key = NEW.follow_up_id;
END;

-- What there is by now.
INSERT INTO searched (seq, kind, key, case_id)
SELECT (t.n << 60) + (t.second << 22) + ROW_NUMBER() OVER (PARTITION BY t.n, t.second ORDER BY t.key) - 1, t.kind, t.key,
  t.case_id
FROM (
  SELECT 1 AS n, 'case' AS kind, id AS key, id AS case_id,
    MAX(0, COALESCE(CAST(strftime('%s', COALESCE(opened_at, resolved_at)) AS INTEGER), 0)) AS second
  FROM cases
  UNION ALL
  SELECT 2, 'answer', a.id, r.case_id, MAX(0, COALESCE(CAST(strftime('%s', a.at) AS INTEGER), 0))
  FROM answers a JOIN surveys s ON s.id = a.survey_id JOIN resolutions r ON r.id = s.resolution_id
  WHERE a.comment IS NOT NULL
  UNION ALL
  SELECT 3, 'follow_up', f.id, r.case_id, MAX(0, COALESCE(CAST(strftime('%s', f.opened_at) AS INTEGER), 0))
  FROM follow_ups f JOIN surveys s ON s.id = f.survey_id JOIN resolutions r ON r.id = s.resolution_id) t;
INSERT INTO search (search) VALUES ('rebuild');
