-- name: customer_with_ref
-- Who has a reference at a help desk; nobody who was erased.
SELECT id FROM customers
WHERE source = :source AND ref = :ref AND (email IS NOT NULL OR name IS NOT NULL OR SUBSTR(ref, 1, 7) <> 'erased-');

-- name: customers_with_ref
-- Who has a reference at any help desk: two are enough to tell that it is not one alone. Each help desk is looked up by
-- itself, for there are few, and a customer is found by both; nobody who was erased.
WITH RECURSIVE sources (source) AS (
  SELECT MIN(source) FROM customers
  UNION ALL
  SELECT (SELECT MIN(c.source) FROM customers c WHERE c.source > sources.source) FROM sources
  WHERE sources.source IS NOT NULL)
SELECT cu.id FROM sources JOIN customers cu ON cu.source = sources.source AND cu.ref = :ref
WHERE cu.email IS NOT NULL OR cu.name IS NOT NULL OR SUBSTR(cu.ref, 1, 7) <> 'erased-'
LIMIT 2;

-- name: customers_at
-- Who has an address, at a help desk or at any; and, where it has letters beyond ASCII, whoever's has such, for those are
-- compared elsewhere.
SELECT id, email FROM customers WHERE LOWER(email) = :address AND (:source IS NULL OR source = :source)
UNION
SELECT id, email FROM customers
WHERE :is_beyond_ascii AND LENGTH(CAST(email AS BLOB)) > LENGTH(email) AND (:source IS NULL OR source = :source);

-- name: add_purchase!
-- A purchase, unless the customer's order is known.
INSERT INTO purchases (id, customer_id, ref, at, amount) VALUES (:id, :customer_id, :ref, :at, :amount)
ON CONFLICT (customer_id, ref) DO NOTHING;

-- name: update_purchase!
-- What is told of an order that is known, if that is anything else.
UPDATE purchases SET at = :at, amount = :amount
WHERE customer_id = :customer_id AND ref = :ref AND (at <> :at OR amount <> :amount);

-- name: remove_purchase!
-- A customer's order that came in by mistake.
DELETE FROM purchases WHERE customer_id = :customer_id AND ref = :ref;

-- name: past
-- Some that are older than a moment.
SELECT id FROM purchases WHERE at < :before LIMIT :limit;

-- name: forget!
-- One that is older than a moment.
DELETE FROM purchases WHERE id = :id AND at < :before;
