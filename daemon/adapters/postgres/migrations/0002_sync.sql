-- What freshbooks-syncd keeps for itself. Every primary key begins with partner_id, so that the tables can be
-- distributed or partitioned by partner unchanged; what comes from FreshBooks is keyed by account as well.

CREATE TABLE sync.connection (
    partner_id          text        PRIMARY KEY REFERENCES platform.partner,
    status              text        NOT NULL DEFAULT 'not_connected' CHECK (status IN ('not_connected', 'pending', 'connected')),
    account_id          text,
    business_id         bigint,
    business_uuid       text        NOT NULL DEFAULT '',
    business_name       text        NOT NULL DEFAULT '',
    timezone            text        NOT NULL DEFAULT 'America/New_York',
    role                text        NOT NULL DEFAULT '',
    findings            jsonb       NOT NULL DEFAULT '[]',
    parked_reason       text,
    parked_at           timestamptz,
    disconnecting       boolean     NOT NULL DEFAULT false,
    paused              boolean     NOT NULL DEFAULT false,
    payments_account_id text,
    deposits_account_id text,
    fees_account_id     text,
    record_deposits     boolean     NOT NULL DEFAULT false,
    options             jsonb       NOT NULL DEFAULT '{}',
    epoch               integer     NOT NULL DEFAULT 0,
    consented_at        timestamptz,
    connected_at        timestamptz,
    disconnected_at     timestamptz,
    sync_asked_at       timestamptz,
    last_attempt_at     timestamptz,
    last_success_at     timestamptz,
    invoices_as_of      timestamptz,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CHECK (status = 'not_connected' OR account_id IS NOT NULL)
);
CREATE UNIQUE INDEX connection_account ON sync.connection (account_id) WHERE status <> 'not_connected';
COMMENT ON COLUMN sync.connection.invoices_as_of IS 'When the last complete pass over the invoices began: what it did not change was right then.';

CREATE TABLE sync.token (
    partner_id    text        PRIMARY KEY REFERENCES platform.partner,
    generation    integer     NOT NULL,
    access_token  bytea       NOT NULL,
    refresh_token bytea       NOT NULL,
    expires_at    timestamptz NOT NULL,
    scope         text        NOT NULL DEFAULT '',
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sync.oauth_state (
    state_hash   bytea       PRIMARY KEY,   -- the one key without a partner: the answer from FreshBooks names none
    partner_id   text        NOT NULL REFERENCES platform.partner,
    session_hash bytea       NOT NULL,
    verifier     text        NOT NULL,
    created_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX oauth_state_created ON sync.oauth_state (created_at);

CREATE TABLE sync.consent (
    partner_id    text        PRIMARY KEY REFERENCES platform.partner,
    session_hash  bytea       NOT NULL,
    offer         jsonb       NOT NULL,
    access_token  bytea       NOT NULL,
    refresh_token bytea       NOT NULL,
    token_expires_at timestamptz NOT NULL,
    scope         text        NOT NULL DEFAULT '',
    expires_at    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE sync.session (
    session_hash bytea       PRIMARY KEY,   -- the browser knows only its session
    partner_id   text        NOT NULL REFERENCES platform.partner,
    csrf         text        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX session_expires ON sync.session (expires_at);

CREATE TABLE sync.cursor (
    partner_id text  NOT NULL,
    account_id text  NOT NULL,
    feed       text  NOT NULL,
    value      jsonb NOT NULL,
    PRIMARY KEY (partner_id, account_id, feed)
) WITH (fillfactor = 50);

-- ---- what FreshBooks shows ------------------------------------------------------------------------------------------

CREATE TABLE sync.customer (
    partner_id           text        NOT NULL,
    account_id           text        NOT NULL,
    customer_id          bigint      NOT NULL,
    organization         text        NOT NULL,
    first_name           text        NOT NULL,
    last_name            text        NOT NULL,
    email                text        NOT NULL,
    phone                text        NOT NULL,
    street               text        NOT NULL,
    city                 text        NOT NULL,
    province             text        NOT NULL,
    postal_code          text        NOT NULL,
    country              text        NOT NULL,
    currency             text        NOT NULL,
    vis_state            smallint    NOT NULL,
    fb_updated_at        timestamptz NOT NULL,
    updated_is_ambiguous boolean     NOT NULL,
    fingerprint          bigint      NOT NULL,
    read_began_at        timestamptz NOT NULL,
    read_finished_at     timestamptz NOT NULL,
    archived_at          timestamptz,
    PRIMARY KEY (partner_id, account_id, customer_id)
);

CREATE TABLE sync.invoice (
    partner_id           text        NOT NULL,
    account_id           text        NOT NULL,
    invoice_id           bigint      NOT NULL,
    customer_id          bigint      NOT NULL,
    number               text        NOT NULL,
    issued_on            date        NOT NULL,
    due_on               date,
    currency             text        NOT NULL,
    total                numeric     NOT NULL,
    description          text        NOT NULL,
    terms_hash           bigint      NOT NULL,
    fb_amount            numeric     NOT NULL,
    fb_outstanding       numeric     NOT NULL,
    fb_currency          text        NOT NULL,
    fb_status            smallint    NOT NULL,
    disputed             boolean     NOT NULL,
    vis_state            smallint    NOT NULL,
    fb_updated_at        timestamptz NOT NULL,
    updated_is_ambiguous boolean     NOT NULL,
    version              text        NOT NULL,
    fingerprint          bigint      NOT NULL,
    status               text        NOT NULL CHECK (status IN ('draft', 'outstanding', 'paid')),
    amount_due           numeric,
    not_payable          text,
    frozen_at            timestamptz,
    frozen_other         numeric,
    fb_terms_hash        bigint      NOT NULL,
    read_began_at        timestamptz NOT NULL,
    read_finished_at     timestamptz NOT NULL,
    archived_at          timestamptz,
    PRIMARY KEY (partner_id, account_id, invoice_id)
) WITH (fillfactor = 90);
CREATE INDEX invoice_newest ON sync.invoice (partner_id, issued_on, invoice_id);
CREATE INDEX invoice_customer ON sync.invoice (partner_id, customer_id);
CREATE INDEX invoice_number ON sync.invoice (partner_id, number text_pattern_ops);

CREATE TABLE sync.line_item (
    partner_id   text    NOT NULL,
    account_id   text    NOT NULL,
    invoice_id   bigint  NOT NULL,
    position     integer NOT NULL,
    name         text    NOT NULL,
    description  text    NOT NULL,
    quantity     numeric NOT NULL,
    unit_cost    numeric NOT NULL,
    amount       numeric NOT NULL,
    tax_name1    text    NOT NULL,
    tax_percent1 numeric NOT NULL,
    tax_name2    text    NOT NULL,
    tax_percent2 numeric NOT NULL,
    PRIMARY KEY (partner_id, account_id, invoice_id, position)
);

CREATE TABLE sync.fb_payment (
    partner_id           text        NOT NULL,
    account_id           text        NOT NULL,
    fb_payment_id        bigint      NOT NULL,
    invoice_id           bigint      NOT NULL,
    customer_id          bigint      NOT NULL,
    amount               numeric     NOT NULL,
    currency             text        NOT NULL,
    paid_on              date        NOT NULL,
    type                 text        NOT NULL,
    note                 text        NOT NULL,
    vis_state            smallint    NOT NULL,
    fb_updated_at        timestamptz NOT NULL,
    updated_is_ambiguous boolean     NOT NULL,
    from_credit          boolean     NOT NULL,
    credit_id            bigint,
    overpayment_id       bigint,
    fingerprint          bigint      NOT NULL,
    read_began_at        timestamptz NOT NULL,
    read_finished_at     timestamptz NOT NULL,
    PRIMARY KEY (partner_id, account_id, fb_payment_id)
);
CREATE INDEX fb_payment_invoice ON sync.fb_payment (partner_id, account_id, invoice_id);

CREATE TABLE sync.credit (
    partner_id       text        NOT NULL,
    account_id       text        NOT NULL,
    credit_id        bigint      NOT NULL,
    customer_id      bigint      NOT NULL,
    number           text        NOT NULL,
    credit_type      text        NOT NULL,
    amount           numeric     NOT NULL,
    currency         text        NOT NULL,
    issued_on        date        NOT NULL,
    description      text        NOT NULL,
    vis_state        smallint    NOT NULL,
    fingerprint      bigint      NOT NULL,
    read_began_at    timestamptz NOT NULL,
    read_finished_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, account_id, credit_id)
);
CREATE INDEX credit_customer ON sync.credit (partner_id, account_id, customer_id);

CREATE TABLE sync.applied (
    partner_id    text    NOT NULL,
    account_id    text    NOT NULL,
    invoice_id    bigint  NOT NULL,
    fb_payment_id bigint  NOT NULL,
    payment_id    text    NOT NULL,
    amount        numeric NOT NULL,
    currency      text    NOT NULL,
    PRIMARY KEY (partner_id, account_id, invoice_id, fb_payment_id)
);
CREATE INDEX applied_payment ON sync.applied (partner_id, payment_id);

CREATE TABLE sync.ledger_account (
    partner_id        text    NOT NULL,
    account_id        text    NOT NULL,
    ledger_account_id text    NOT NULL,
    name              text    NOT NULL,
    number            text    NOT NULL,
    type              text    NOT NULL,
    sub_type          text    NOT NULL,
    legacy_id         bigint,
    parent_id         text,
    is_active         boolean NOT NULL,
    PRIMARY KEY (partner_id, account_id, ledger_account_id)
);
