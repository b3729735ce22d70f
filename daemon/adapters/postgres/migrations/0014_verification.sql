-- Verifications of a partner's books (T1): asked for by a person or by the night, worked on by the partner's supervisor.

CREATE TABLE sync.verification (
    partner_id      text        NOT NULL REFERENCES platform.partner,
    verification_id bigserial   NOT NULL,
    account_id      text        NOT NULL,
    mode            text        NOT NULL CHECK (mode IN ('full', 'quick')),
    repair          boolean     NOT NULL DEFAULT false,
    asked_by        text        NOT NULL,
    asked_at        timestamptz NOT NULL DEFAULT now(),
    seed            bigint      NOT NULL,
    began_at        timestamptz,
    progress        text        NOT NULL DEFAULT '',
    percent         integer     NOT NULL DEFAULT 0,
    finished_at     timestamptz,
    outcome         text        CHECK (outcome IN ('equal', 'drift', 'unchecked')),
    report          jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (partner_id, verification_id)
);
CREATE UNIQUE INDEX verification_open ON sync.verification (partner_id) WHERE finished_at IS NULL;
COMMENT ON TABLE sync.verification IS 'The history of verifications; the one that is not finished is asked for or under way.';
COMMENT ON COLUMN sync.verification.seed IS 'What the sample of a quick verification was drawn with, so that it can be drawn again.';
COMMENT ON COLUMN sync.verification.report IS 'What was compared, what differed, and under which rules.';

ALTER TABLE sync.run ADD COLUMN read integer NOT NULL DEFAULT 0, ADD COLUMN error text NOT NULL DEFAULT '';
CREATE INDEX run_finished ON sync.run (partner_id, finished_at);
