-- A refresh of tokens is claimed before FreshBooks is asked: its answer may be lost, and its refresh token works once.

ALTER TABLE sync.token ADD COLUMN refreshing_until timestamptz, ADD COLUMN unanswered_since timestamptz;
COMMENT ON COLUMN sync.token.refreshing_until IS 'Until then the refresh that was begun is its process'' own.';
COMMENT ON COLUMN sync.token.unanswered_since IS 'When a refresh began that FreshBooks never answered; null when none did.';
