-- Version 9: who may see and do what at the desk, and who changed what.

-- Whoever could log in before could do everything.
ALTER TABLE staff ADD COLUMN role TEXT NOT NULL DEFAULT 'owner' CHECK (role IN ('owner', 'lead', 'agent'));

-- The teams that a person works in; who has none works in all.
CREATE TABLE staff_teams (
  staff_id TEXT NOT NULL REFERENCES staff (id),
  team TEXT NOT NULL,
  PRIMARY KEY (staff_id, team)
) STRICT;

-- A person with their teams, a line each.
CREATE VIEW staff_told AS
SELECT st.id, st.email, st.name, st.password_hash, st.session_key, st.disabled_at, st.zone, st.role,
  (SELECT GROUP_CONCAT(team, CHAR(10)) FROM staff_teams t WHERE t.staff_id = st.id) AS teams
FROM staff st;

-- What each person sees at the desk, a row a resolution, and nowhere else is that said: an owner everything; everybody what
-- they have; a lead what their teams do; an agent what is owed by their teams and nobody has. What has no team is every
-- team's. Capitals do not matter.
CREATE VIEW resolutions_seen AS
SELECT st.id AS staff_id, r.id AS resolution_id
FROM staff st JOIN resolutions r ON st.role = 'owner'
  OR EXISTS (SELECT 1 FROM surveys s JOIN follow_ups f ON f.survey_id = s.id
    WHERE s.resolution_id = r.id AND f.owner_id = st.id)
  OR ((r.team IS NULL OR NOT EXISTS (SELECT 1 FROM staff_teams t WHERE t.staff_id = st.id)
      OR EXISTS (SELECT 1 FROM staff_teams t WHERE t.staff_id = st.id AND LOWER(t.team) = LOWER(r.team)))
    AND (st.role = 'lead' OR EXISTS (SELECT 1 FROM surveys s JOIN follow_ups f ON f.survey_id = s.id
      WHERE s.resolution_id = r.id AND f.owner_id IS NULL)));

-- The same of cases: those with a resolution that is seen, and to leads those of their teams that have none so far.
CREATE VIEW cases_seen AS
SELECT st.id AS staff_id, c.id AS case_id
FROM staff st JOIN cases c ON st.role = 'owner'
  OR EXISTS (SELECT 1 FROM resolutions r JOIN resolutions_seen rs ON rs.resolution_id = r.id
    WHERE r.case_id = c.id AND rs.staff_id = st.id)
  OR (st.role = 'lead' AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.case_id = c.id)
    AND (c.team IS NULL OR NOT EXISTS (SELECT 1 FROM staff_teams t WHERE t.staff_id = st.id)
      OR EXISTS (SELECT 1 FROM staff_teams t WHERE t.staff_id = st.id AND LOWER(t.team) = LOWER(c.team))));

-- As before, and with the resolution, by which it is known who sees it.
DROP VIEW queue;
CREATE VIEW queue AS
SELECT f.id, f.owner_id, f.opened_at, f.due_at, f.closed_at, r.id AS resolution_id, r.team, r.topic, fs.is_escalated,
  (SELECT x.reasons FROM answers x JOIN surveys xs ON xs.id = x.survey_id
    WHERE xs.resolution_id = r.id AND x.choice = 'no' AND (fs.by_channel IS NULL OR x.at >= f.opened_at)
    ORDER BY x.at DESC, xs.round DESC, x.seq DESC LIMIT 1) AS reasons
FROM follow_ups f
JOIN follow_up_standings fs ON fs.id = f.id
JOIN surveys s ON s.id = f.survey_id
JOIN resolutions r ON r.id = s.resolution_id;

-- The audit: each change by a person or a command, with what it was and what it became. `actor` is a person's id, or says
-- in words what else did it; `subject` is the id of what was changed.
ALTER TABLE audit RENAME COLUMN details TO became;
ALTER TABLE audit ADD COLUMN was TEXT;
UPDATE audit SET action = 'customer.' || action;
