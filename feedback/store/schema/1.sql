-- Version 1. Times are text such as 2026-11-22T09:30:00Z; keys are random text; a seq counts within its parent.

CREATE TABLE customers (
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  ref TEXT NOT NULL,
  email TEXT,
  name TEXT,
  customer_since TEXT,
  locale TEXT,
  zone TEXT,
  country TEXT,
  UNIQUE (source, ref)
) STRICT;

CREATE TABLE cases (
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  ref TEXT NOT NULL,
  customer_id TEXT REFERENCES customers (id),
  status TEXT NOT NULL CHECK (status IN ('open', 'resolved', 'merged', 'spam')),
  merged_into TEXT,
  resolved_by TEXT CHECK (resolved_by IN ('agent', 'automation')),
  subject TEXT,
  channel TEXT,
  topic TEXT,
  tags TEXT,
  team TEXT,
  agent TEXT,
  agent_email TEXT,
  opened_at TEXT,
  first_reply_at TEXT,
  resolved_at TEXT,
  interactions INTEGER,
  UNIQUE (ref, source) -- in this order, for people ask by reference alone
) STRICT;
CREATE INDEX cases_by_customer ON cases (customer_id);

-- The snapshot: who solved it, about what, how fast. Frozen, so that a later reassignment moves nothing.
CREATE TABLE resolutions (
  id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL REFERENCES cases (id),
  n INTEGER NOT NULL,
  resolved_at TEXT NOT NULL,
  resolved_by TEXT,
  channel TEXT,
  topic TEXT,
  team TEXT,
  agent TEXT,
  agent_email TEXT,
  opened_at TEXT,
  first_reply_at TEXT,
  interactions INTEGER,
  UNIQUE (case_id, n)
) STRICT;

CREATE TABLE surveys (
  id TEXT PRIMARY KEY,
  resolution_id TEXT NOT NULL REFERENCES resolutions (id),
  round INTEGER NOT NULL CHECK (round IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('waiting', 'asked', 'cancelled')),
  reason TEXT,
  due_at TEXT NOT NULL,
  asked_at TEXT,
  UNIQUE (resolution_id, round),
  CHECK ((state = 'cancelled') = (reason IS NOT NULL))
) STRICT;
CREATE INDEX surveys_waiting ON surveys (due_at) WHERE state = 'waiting';

-- The ledger: each decision, with its reason.
CREATE TABLE decisions (
  resolution_id TEXT NOT NULL REFERENCES resolutions (id),
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('ask', 'defer', 'skip')),
  reason TEXT NOT NULL,
  until TEXT,
  PRIMARY KEY (resolution_id, seq)
) STRICT;

CREATE TABLE answers (
  id TEXT PRIMARY KEY,
  survey_id TEXT NOT NULL REFERENCES surveys (id),
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  choice TEXT NOT NULL CHECK (choice IN ('yes', 'no')),
  details_at TEXT,
  reasons TEXT,
  comment TEXT,
  call INTEGER NOT NULL DEFAULT 0,
  phone TEXT,
  quote_name TEXT,
  UNIQUE (survey_id, seq)
) STRICT;

CREATE TABLE staff (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password_hash TEXT,
  disabled_at TEXT
) STRICT;

CREATE TABLE follow_ups (
  id TEXT PRIMARY KEY,
  survey_id TEXT NOT NULL UNIQUE REFERENCES surveys (id),
  owner_id TEXT REFERENCES staff (id),
  opened_at TEXT NOT NULL,
  due_at TEXT NOT NULL,
  closed_at TEXT,
  outcome TEXT CHECK (outcome IN ('solved', 'not_solvable', 'no_contact', 'withdrawn')),
  CHECK ((closed_at IS NULL) = (outcome IS NULL))
) STRICT;
CREATE INDEX follow_ups_open ON follow_ups (due_at) WHERE closed_at IS NULL;

CREATE TABLE follow_up_events (
  follow_up_id TEXT NOT NULL REFERENCES follow_ups (id),
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  note TEXT,
  PRIMARY KEY (follow_up_id, seq)
) STRICT;

-- Mail on its way. One row a message; unique keys make a second one impossible.
CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  survey_id TEXT REFERENCES surveys (id),
  follow_up_id TEXT REFERENCES follow_ups (id),
  staff_id TEXT REFERENCES staff (id),
  n INTEGER NOT NULL DEFAULT 0,
  recipient TEXT,
  state TEXT NOT NULL CHECK (state IN
    ('queued', 'claimed', 'handing_over', 'sent', 'retry', 'failed', 'unconfirmed', 'dropped')),
  due_at TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  lease_owner TEXT,
  lease_until TEXT,
  handed_over_at TEXT,
  words TEXT,
  UNIQUE (survey_id, kind),
  UNIQUE (follow_up_id, kind, n, recipient),
  UNIQUE (staff_id, kind, n),
  CHECK ((survey_id IS NOT NULL) + (follow_up_id IS NOT NULL) + (staff_id IS NOT NULL) = 1),
  CHECK ((state IN ('claimed', 'handing_over')) = (lease_owner IS NOT NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (kind, due_at) WHERE state IN ('queued', 'retry');
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE state IN ('claimed', 'handing_over');

-- Opt-outs and erasures hold keyed hashes, never the address or the reference itself.
CREATE TABLE suppressions (
  address_hash TEXT PRIMARY KEY,
  at TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE TABLE erasures (
  case_hash TEXT PRIMARY KEY,
  at TEXT NOT NULL
) STRICT;

CREATE TABLE purchases (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  ref TEXT NOT NULL,
  at TEXT NOT NULL,
  amount TEXT NOT NULL,
  UNIQUE (customer_id, ref)
) STRICT;
CREATE TABLE page_votes (
  id TEXT PRIMARY KEY,
  page TEXT NOT NULL,
  at TEXT NOT NULL,
  helped INTEGER NOT NULL CHECK (helped IN (0, 1))
) STRICT;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  key_hash TEXT NOT NULL UNIQUE,
  created_at TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT
) STRICT;

-- By the machine's real clock, whatever moment a command was given.
CREATE TABLE heartbeats (
  job TEXT PRIMARY KEY,
  beat_at TEXT NOT NULL,
  words TEXT
) STRICT;

-- Each build of the site: `at` is the moment its figures speak of, `finished_at` is the real clock.
CREATE TABLE builds (
  seq INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  finished_at TEXT NOT NULL,
  words TEXT
) STRICT;
