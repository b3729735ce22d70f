-- FreshBooks' callbacks: the verifiers by which a delivery proves that FreshBooks sent it. A verifier that only arrived is a candidate;
-- it is trusted once FreshBooks took it back, and never before.

CREATE TABLE sync.callback (
    partner_id  text        NOT NULL REFERENCES platform.partner,
    account_id  text        NOT NULL,
    callback_id bigint      NOT NULL,
    verifier    bytea       NOT NULL,
    digest      bytea       NOT NULL,
    arrived_at  timestamptz NOT NULL DEFAULT now(),
    trusted_at  timestamptz,
    PRIMARY KEY (partner_id, account_id, callback_id, digest)
);
COMMENT ON COLUMN sync.callback.verifier IS 'Sealed with the daemon''s keys; it is the HMAC secret of this callback.';
COMMENT ON COLUMN sync.callback.digest IS 'SHA-256 of the verifier, so that one that arrives twice is one row.';
