-- Every link into the dashboard signs in once: which were followed, until they end anyway.

CREATE TABLE sync.used_link (
    link_hash  bytea       PRIMARY KEY,   -- the one key: it is looked up before anybody is signed in
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_link_expires ON sync.used_link (expires_at);
