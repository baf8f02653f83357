-- name: learn_team!
-- A team as it is spelled, with the key that its other spellings have, too.
INSERT INTO teams (name, key) VALUES (:name, :key) ON CONFLICT (name) DO NOTHING;

-- name: forget_who_works_where!
-- Before the rule is followed anew.
DELETE FROM works_in;

-- name: spread!
-- Everybody works where the rule says.
INSERT INTO works_in (staff_id, team) SELECT staff_id, team FROM works_in_by_rule;

-- name: known_teams
-- The teams of cases, and those of people.
SELECT n.name FROM teams n
WHERE n.name <> '' AND (EXISTS (SELECT 1 FROM cases c WHERE c.team_name = n.name)
  OR EXISTS (SELECT 1 FROM staff_teams t WHERE t.team = n.name))
ORDER BY n.name;

-- name: sees_all_teams^
-- Whether a person, or whoever reads when none is given, is not bound to teams of their own.
SELECT NOT EXISTS (SELECT 1 FROM staff st JOIN staff_teams t ON t.staff_id = st.id
  WHERE st.id = :seen_by AND st.role <> 'owner') AS by_date;
