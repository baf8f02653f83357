-- name: add_staff!
-- A person who may work at the desk.
INSERT INTO staff (id, email, name, password_hash, role) VALUES (:id, :email, :name, :password_hash, :role);

-- name: change_staff!
-- What a person is called, and may do.
UPDATE staff SET name = :name, role = :role WHERE id = :id;

-- name: leave_teams!
-- A person works in no team of their own.
DELETE FROM staff_teams WHERE staff_id = :id;

-- name: join_team!
-- A person works in a team.
INSERT INTO staff_teams (staff_id, team) VALUES (:id, :team);

-- name: sees^
-- Whether a person sees what became of a resolution.
SELECT 1 AS found FROM resolutions_seen WHERE staff_id = :id AND resolution_id = :resolution_id;

-- name: sees_case^
-- Whether a person sees a case.
SELECT 1 AS found FROM cases_seen WHERE staff_id = :id AND case_id = :case_id;

-- name: leads_of
-- The leads who see a follow-up.
SELECT st.email FROM staff st
JOIN follow_ups f ON f.id = :follow_up_id
JOIN surveys s ON s.id = f.survey_id
WHERE st.role = 'lead' AND st.disabled_at IS NULL
  AND EXISTS (SELECT 1 FROM resolutions_seen rs WHERE rs.staff_id = st.id AND rs.resolution_id = s.resolution_id)
ORDER BY st.email;

-- name: let_in_again!
-- Not locked out any more; the old password does not count.
UPDATE staff SET disabled_at = NULL, password_hash = NULL WHERE id = :id;

-- name: to_carry
-- Everybody, as they are held.
SELECT id, email, name, password_hash, disabled_at, session_key, zone, role FROM staff;

-- name: teams_of
-- The teams of a person.
SELECT team FROM staff_teams WHERE staff_id = :id;

-- name: carry_over!
-- A person as another database has them.
INSERT INTO staff (id, email, name, password_hash, disabled_at, session_key, zone, role)
VALUES (:id, :email, :name, :password_hash, :disabled_at, :session_key, :zone, :role)
ON CONFLICT (id) DO UPDATE SET email = excluded.email, name = excluded.name, password_hash = excluded.password_hash,
  disabled_at = excluded.disabled_at, session_key = excluded.session_key, zone = excluded.zone, role = excluded.role;

-- name: staff
-- Everyone who may or might work at the desk.
SELECT * FROM staff_told ORDER BY name, email;

-- name: staff_by_id^
-- One person.
SELECT * FROM staff_told WHERE id = :id;

-- name: staff_by_email^
-- One person, by the normalised address.
SELECT * FROM staff_told WHERE email = :email;

-- name: set_password!
-- A new password; a disabled person may log in again.
UPDATE staff SET password_hash = :password_hash, disabled_at = NULL WHERE email = :email;

-- name: set_zone!
-- The clock by which a person reads times; NULL is the business's.
UPDATE staff SET zone = :zone WHERE email = :email;

-- name: end_sessions!
-- Logged out, everywhere.
UPDATE staff SET session_key = :session_key WHERE id = :id;

-- name: disable_staff!
-- May not log in any more, nor by a link from before; what the person did keeps its name.
UPDATE staff SET disabled_at = :at, session_key = :session_key WHERE email = :email AND disabled_at IS NULL;

-- name: add_failed_login!
-- A login that failed, by the keyed hash of the address.
INSERT INTO failed_logins (address_hash, at) VALUES (:address_hash, :at);

-- name: take_back_failed_login!
-- A login that nobody looked at did not fail.
DELETE FROM failed_logins WHERE address_hash = :address_hash AND at = :at;

-- name: forget_failed_logins!
-- The next login with this address is the first again.
DELETE FROM failed_logins WHERE address_hash = :address_hash;

-- name: forget_old_failed_logins!
-- What is too old to slow anybody.
DELETE FROM failed_logins WHERE at < :before;

-- name: failed_logins^
-- How many logins with an address failed since a moment, and when the last one did.
SELECT COUNT(*) AS n, MAX(at) AS last_at FROM failed_logins WHERE address_hash = :address_hash AND at >= :since;
