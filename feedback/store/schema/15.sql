-- Version 15: whoever is to be erased is found without a look at everybody.

-- SQLite's LOWER knows the letters of ASCII alone, so addresses with others are few, stand here, and are compared by us.
CREATE INDEX customers_beyond_ascii ON customers (id) WHERE LENGTH(CAST(email AS BLOB)) > LENGTH(email);
CREATE INDEX outbox_beyond_ascii ON outbox (id) WHERE LENGTH(CAST(recipient AS BLOB)) > LENGTH(recipient);
CREATE INDEX asked_elsewhere_beyond_ascii ON asked_elsewhere (source) WHERE LENGTH(CAST(recipient AS BLOB)) > LENGTH(recipient);

-- Which reminders went to an address; the surveys have an index already.
CREATE INDEX outbox_reminded ON outbox (LOWER(recipient)) WHERE kind = 'reminder';

-- What was merged into a case.
CREATE INDEX cases_merged_into ON cases (merged_into, source) WHERE merged_into IS NOT NULL;

-- A quote's version is that of its words and its name alone, by now; those that were decided about had another one.
UPDATE quotes SET standing = 'waiting', version = NULL, staff_id = NULL, at = NULL WHERE standing <> 'waiting';
