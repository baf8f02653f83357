-- Version 16: the lists of whoever sees a part of them cost what that part is, not what all is.

-- Each team as it was spelled, by cases or for people, with the key that its other spellings have, too; '' is none. The
-- keys are written by the program, for capitals beyond A to Z are unknown here.
CREATE TABLE teams (
  name TEXT PRIMARY KEY,
  key TEXT NOT NULL
) STRICT;

ALTER TABLE cases ADD COLUMN team_name TEXT GENERATED ALWAYS AS (COALESCE(team, '')) VIRTUAL;
ALTER TABLE resolutions ADD COLUMN team_name TEXT GENERATED ALWAYS AS (COALESCE(team, '')) VIRTUAL;
CREATE INDEX resolutions_of_team ON resolutions (team_name, resolved_at, id, case_id);
CREATE INDEX resolutions_by_date ON resolutions (resolved_at);
CREATE INDEX cases_of_team ON cases (team_name, id);

-- About which resolution each is, so that whoever has it sees that at once.
ALTER TABLE follow_ups ADD COLUMN resolution_id TEXT REFERENCES resolutions (id);
UPDATE follow_ups SET resolution_id = (SELECT resolution_id FROM surveys s WHERE s.id = follow_ups.survey_id);
CREATE INDEX follow_ups_of_owner ON follow_ups (owner_id, resolution_id);

-- In which teams each person works, each once, and nowhere else is that said: an owner in all, as whoever has none of their
-- own; others in theirs, however spelled, and in what has no team.
CREATE VIEW works_in_by_rule AS
SELECT st.id AS staff_id, n.name AS team
FROM staff st JOIN teams n ON n.name = '' OR st.role = 'owner'
  OR NOT EXISTS (SELECT 1 FROM staff_teams t WHERE t.staff_id = st.id)
  OR EXISTS (SELECT 1 FROM staff_teams t JOIN teams own ON own.name = t.team
    WHERE t.staff_id = st.id AND own.key = n.key);

-- What the rule says, written anew (`spread` in sql/teams.sql) when a team or a person changes, which is seldom, so that
-- reading costs nothing.
CREATE TABLE works_in (
  staff_id TEXT NOT NULL REFERENCES staff (id),
  team TEXT NOT NULL REFERENCES teams (name),
  PRIMARY KEY (staff_id, team)
) STRICT;

-- What each person's teams solved, each once.
CREATE VIEW team_resolutions AS
SELECT w.staff_id, r.id AS resolution_id, r.case_id, r.resolved_at
FROM works_in w JOIN resolutions r ON r.team_name = w.team;

-- What each person sees at the desk, by resolution, and nowhere else is that said: an owner everything; everybody what
-- they have; a lead what their teams do; an agent what is owed by their teams and nobody has. A row may stand here twice.
DROP VIEW cases_seen;
DROP VIEW resolutions_seen;
CREATE VIEW resolutions_seen AS
SELECT st.id AS staff_id, r.id AS resolution_id, r.case_id
FROM staff st JOIN resolutions r ON st.role = 'owner'
UNION ALL
SELECT f.owner_id, r.id, r.case_id
FROM follow_ups f JOIN resolutions r ON r.id = f.resolution_id
WHERE f.owner_id IS NOT NULL
UNION ALL
SELECT st.id, tr.resolution_id, tr.case_id
FROM staff st JOIN team_resolutions tr ON tr.staff_id = st.id AND st.role = 'lead'
UNION ALL
SELECT st.id, tr.resolution_id, tr.case_id
FROM staff st JOIN team_resolutions tr ON tr.staff_id = st.id AND st.role = 'agent'
CROSS JOIN follow_ups f -- CROSS: in this order, for many are nobody's
WHERE f.resolution_id = tr.resolution_id AND f.owner_id IS NULL;

-- The same of cases: those with a resolution that is seen, and to leads those of their teams that have none so far.
CREATE VIEW cases_seen AS
SELECT st.id AS staff_id, c.id AS case_id
FROM staff st JOIN cases c ON st.role = 'owner'
UNION ALL
SELECT staff_id, case_id FROM resolutions_seen
UNION ALL
SELECT st.id, c.id
FROM staff st JOIN works_in w ON w.staff_id = st.id AND st.role = 'lead' JOIN cases c ON c.team_name = w.team
WHERE NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.case_id = c.id);
