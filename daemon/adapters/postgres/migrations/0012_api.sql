-- The HTTP API: the machines' tokens, known by their hash alone, and answers kept by idempotency key.

CREATE TABLE sync.api_token (
    token_hash   bytea       PRIMARY KEY,   -- the one key: what a machine sends names no partner
    partner_id   text        NOT NULL REFERENCES platform.partner,
    name         text        NOT NULL CHECK (name ~ '^[A-Za-z0-9_.-]{1,64}$'),
    scopes       text[]      NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz
);
CREATE UNIQUE INDEX api_token_live ON sync.api_token (partner_id, name) WHERE revoked_at IS NULL;

CREATE TABLE sync.api_answer (
    partner_id text        NOT NULL,
    key        text        NOT NULL,
    request    bytea       NOT NULL,
    at         timestamptz NOT NULL,
    status     smallint,
    body       text        NOT NULL DEFAULT '',
    PRIMARY KEY (partner_id, key)
);
CREATE INDEX api_answer_at ON sync.api_answer (partner_id, at);
COMMENT ON COLUMN sync.api_answer.request IS 'SHA-256 of method, address and body: the same key with another request is refused.';
COMMENT ON COLUMN sync.api_answer.status IS 'What was answered; null while the request is being worked on.';
