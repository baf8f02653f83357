-- Version 19: what visitors tap on public pages.

-- Who taps, on one day: a keyed hash of the day and the address, and by which random text the day's rows know it. The
-- row goes at night, and then nothing leads from a tap to an address, or to the same visitor's taps of another day.
CREATE TABLE visitors (
  hash TEXT PRIMARY KEY,
  day TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE
) STRICT;
CREATE INDEX visitors_by_day ON visitors (day);

-- Whether an entry of the FAQ helped: one vote a visitor and day. Days are those of the business.
DROP TABLE page_votes;
CREATE TABLE page_votes (
  page TEXT NOT NULL,
  day TEXT NOT NULL,
  visitor TEXT NOT NULL,
  helped INTEGER NOT NULL CHECK (helped IN (0, 1)),
  PRIMARY KEY (page, day, visitor)
) STRICT;
CREATE INDEX page_votes_of_visitor ON page_votes (visitor);
CREATE INDEX page_votes_by_day ON page_votes (day);

-- What became of an offer of help on a page of the business (`place`): each step once a visitor and day. `page` is the
-- entry that was opened or helped.
CREATE TABLE offers (
  day TEXT NOT NULL,
  visitor TEXT NOT NULL,
  place TEXT NOT NULL,
  step TEXT NOT NULL CHECK (step IN ('shown', 'opened', 'helped', 'asked')),
  page TEXT,
  PRIMARY KEY (day, visitor, place, step)
) STRICT;
