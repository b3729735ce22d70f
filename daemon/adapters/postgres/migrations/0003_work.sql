-- The queues, the issues and the records of what was done.

CREATE TABLE sync.push (
    partner_id      text        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('payment', 'payout')),
    subject         text        NOT NULL,
    generation      integer     NOT NULL,
    account_id      text        NOT NULL,
    invoice_id      bigint,
    state           text        NOT NULL CHECK (state IN ('ready', 'sending', 'uncertain', 'waiting', 'done', 'needs_person', 'cancelled')),
    marker          text        NOT NULL,
    fence           integer     NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    not_before      timestamptz,
    deadline_at     timestamptz,
    worked_at       timestamptz,
    claimed_at      timestamptz,
    checked_absent  integer     NOT NULL DEFAULT 0,
    fb_payment_id   bigint,
    recorded_amount numeric,
    reason          text,
    detail          text        NOT NULL DEFAULT '',
    choice          text,
    candidates      bigint[]    NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, kind, subject, generation)
) WITH (fillfactor = 70);
CREATE INDEX push_open ON sync.push (partner_id, account_id, created_at, subject)
    WHERE state IN ('ready', 'sending', 'uncertain', 'waiting');
CREATE INDEX push_in_line ON sync.push (partner_id, account_id, invoice_id)
    WHERE state IN ('ready', 'sending', 'uncertain', 'waiting');
-- Not by partner first: before the first ANALYZE every index that begins with it looks equally good for everything.
CREATE INDEX push_marker ON sync.push (marker, partner_id);
CREATE INDEX push_fb_payment ON sync.push (fb_payment_id, partner_id) WHERE fb_payment_id IS NOT NULL;

CREATE TABLE sync.reread (
    partner_id text        NOT NULL,
    account_id text        NOT NULL,
    resource   text        NOT NULL,
    id         bigint      NOT NULL,
    reason     text        NOT NULL,
    due_at     timestamptz NOT NULL,
    asked      integer     NOT NULL DEFAULT 1,
    PRIMARY KEY (partner_id, account_id, resource, id)
) WITH (fillfactor = 70);
CREATE INDEX reread_due ON sync.reread (partner_id, account_id, due_at);

CREATE TABLE sync.issue (
    partner_id   text        NOT NULL,
    issue_id     bigserial   NOT NULL,
    account_id   text        NOT NULL,
    kind         text        NOT NULL,
    subject_type text        NOT NULL,
    subject_id   text        NOT NULL,
    reason       text        NOT NULL,
    next_step    text        NOT NULL,
    actions      text[]      NOT NULL DEFAULT '{}',
    data         jsonb       NOT NULL DEFAULT '{}',
    opened_at    timestamptz NOT NULL DEFAULT now(),
    closed_at    timestamptz,
    closed_by    text,
    PRIMARY KEY (partner_id, issue_id)
);
CREATE UNIQUE INDEX issue_open ON sync.issue (partner_id, subject_type, subject_id, kind) WHERE closed_at IS NULL;

CREATE TABLE sync.invoice_history (
    partner_id text        NOT NULL,
    account_id text        NOT NULL,
    invoice_id bigint      NOT NULL,
    entry_id   bigserial   NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    what       text        NOT NULL,
    detail     text        NOT NULL,
    ignored    boolean     NOT NULL,
    data       jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (partner_id, account_id, invoice_id, entry_id)
);

CREATE TABLE sync.quarantine (
    partner_id  text        NOT NULL,
    account_id  text        NOT NULL,
    resource    text        NOT NULL,
    id          bigint      NOT NULL,
    fingerprint bigint      NOT NULL,
    reason      text        NOT NULL,
    payload     bytea       NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, account_id, resource, id)
);

CREATE TABLE sync.run (
    partner_id  text        NOT NULL,
    run_id      bigserial   NOT NULL,
    account_id  text        NOT NULL,
    feed        text        NOT NULL,
    stage       text        NOT NULL,
    began_at    timestamptz,
    finished_at timestamptz NOT NULL,
    outcome     text        NOT NULL,
    pages       integer     NOT NULL,
    changed     integer     NOT NULL,
    PRIMARY KEY (partner_id, run_id)
);

CREATE TABLE sync.audit (
    partner_id text        NOT NULL,
    audit_id   bigserial   NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    who        text        NOT NULL,
    what       text        NOT NULL,
    subject    text        NOT NULL,
    before     jsonb,
    after      jsonb,
    why        text        NOT NULL DEFAULT '',
    PRIMARY KEY (partner_id, audit_id)
);

CREATE FUNCTION sync.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sync.audit
    FOR EACH STATEMENT EXECUTE FUNCTION sync.refuse_change();

-- One writer per partner at a time: its rows need no locks of their own, ids become visible in order, nothing deadlocks.
CREATE FUNCTION sync.lock_partner(partner text) RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('freshbooks-syncd/' || partner, 0))
$$;

-- A due time that has always come, so that no statement needs to know what time it is.
CREATE FUNCTION sync.at_once() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT to_timestamp(0)
$$;

CREATE FUNCTION sync.payment_marker(payment text, generation integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'AP:' || payment || ':' || generation
$$;
