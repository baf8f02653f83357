-- Version 11: a note of staff can be made public, "you said, we did".

-- Since when it is, and who made it so; both are gone when that is taken back.
ALTER TABLE follow_up_events ADD COLUMN public_at TEXT;
ALTER TABLE follow_up_events ADD COLUMN public_by TEXT REFERENCES staff (id);
CREATE INDEX follow_up_events_public ON follow_up_events (at DESC) WHERE public_at IS NOT NULL;
