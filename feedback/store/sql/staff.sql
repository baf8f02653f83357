-- name: add_staff!
-- A person who may work at the desk.
INSERT INTO staff (id, email, name, password_hash) VALUES (:id, :email, :name, :password_hash);

-- name: staff
-- Everyone who may or might work at the desk.
SELECT id, email, name, password_hash, session_key, disabled_at, zone FROM staff ORDER BY name, email;

-- name: staff_by_id^
-- One person.
SELECT id, email, name, password_hash, session_key, disabled_at, zone FROM staff WHERE id = :id;

-- name: staff_by_email^
-- One person, by the normalised address.
SELECT id, email, name, password_hash, session_key, disabled_at, zone FROM staff WHERE email = :email;

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
-- May not log in any more; what the person did keeps its name.
UPDATE staff SET disabled_at = :at WHERE email = :email AND disabled_at IS NULL;

-- name: add_failed_login!
-- A login that failed, by the keyed hash of the address.
INSERT INTO failed_logins (address_hash, at) VALUES (:address_hash, :at);

-- name: forget_failed_logins!
-- The next login with this address is the first again.
DELETE FROM failed_logins WHERE address_hash = :address_hash;

-- name: forget_old_failed_logins!
-- What is too old to slow anybody.
DELETE FROM failed_logins WHERE at < :before;

-- name: failed_logins^
-- How many logins with an address failed since a moment, and when the last one did.
SELECT COUNT(*) AS n, MAX(at) AS last_at FROM failed_logins WHERE address_hash = :address_hash AND at >= :since;
