-- Where a process agrees with the others on who works for whom. Two that do so in different places would take every partner
-- from each other for ever: each write would still be fenced, and none would get far.

ALTER TABLE sync.member ADD COLUMN coordinator text NOT NULL DEFAULT 'Postgres';
COMMENT ON COLUMN sync.member.coordinator IS 'Postgres, or another place of which Postgres keeps the epochs alone; then expires_at is infinity.';
