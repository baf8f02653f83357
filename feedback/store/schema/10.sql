-- Version 10: what the audit tells of somebody is found without a look at all of it.

CREATE INDEX audit_by_subject ON audit (subject);
