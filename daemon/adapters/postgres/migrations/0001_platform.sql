-- The boundary with the platform: the tables that the platform writes. The views it reads stand in 0003.

CREATE SCHEMA platform;
COMMENT ON SCHEMA platform IS 'The boundary between the platform and freshbooks-syncd.';

CREATE TABLE platform.partner (
    partner_id text        PRIMARY KEY CHECK (partner_id <> '' AND partner_id !~ ':'),
    name       text        NOT NULL,
    timezone   text        NOT NULL DEFAULT 'America/New_York',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE platform.payment (
    partner_id    text        NOT NULL REFERENCES platform.partner,
    payment_id    text        NOT NULL CHECK (payment_id ~ '^[A-Za-z0-9_.-]+$'),
    account_id    text,
    invoice_id    bigint,
    ap_invoice_id text,
    amount        numeric     NOT NULL CHECK (amount > 0),
    currency      char(3)     NOT NULL,
    surcharge     numeric     NOT NULL DEFAULT 0 CHECK (surcharge >= 0),
    method        text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('processing', 'succeeded', 'failed', 'refunded', 'chargeback')),
    initiated_at  timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, payment_id),
    CHECK (num_nonnulls(invoice_id, ap_invoice_id) = 1),
    CHECK (invoice_id IS NULL OR account_id IS NOT NULL)
);
CREATE INDEX payment_invoice ON platform.payment (partner_id, invoice_id) WHERE invoice_id IS NOT NULL;
CREATE INDEX payment_newest ON platform.payment (partner_id, initiated_at DESC, payment_id DESC);

CREATE TABLE platform.payout (
    partner_id   text        NOT NULL REFERENCES platform.partner,
    payout_id    text        NOT NULL CHECK (payout_id ~ '^[A-Za-z0-9_.-]+$'),
    status       text        NOT NULL CHECK (status IN ('unspecified', 'creating', 'processing', 'analyzing', 'succeeded',
                                                        'scheduled', 'approved', 'canceled', 'pending', 'failed')),
    currency     char(3)     NOT NULL,
    net          numeric     NOT NULL,
    arrival_date date,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, payout_id)
);
CREATE INDEX payout_newest ON platform.payout (partner_id, created_at DESC, payout_id DESC);

CREATE TABLE platform.payout_member (
    partner_id text    NOT NULL,
    payout_id  text    NOT NULL,
    member     text    NOT NULL,
    kind       text    NOT NULL CHECK (kind IN ('payment', 'refund', 'chargeback', 'fee')),
    payment_id text,
    amount     numeric NOT NULL,
    PRIMARY KEY (partner_id, payout_id, member),
    FOREIGN KEY (partner_id, payout_id) REFERENCES platform.payout
);

CREATE TABLE platform.ap_invoice (
    partner_id    text        NOT NULL REFERENCES platform.partner,
    ap_invoice_id text        NOT NULL,
    number        text        NOT NULL,
    total         numeric     NOT NULL,
    currency      char(3)     NOT NULL,
    status        text        NOT NULL CHECK (status IN ('draft', 'outstanding', 'paid', 'archived')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, ap_invoice_id)
);
CREATE INDEX ap_invoice_number ON platform.ap_invoice (partner_id, number);

CREATE TABLE platform.event (
    partner_id text        NOT NULL,
    event_id   bigserial   NOT NULL,
    kind       text        NOT NULL,
    subject    text        NOT NULL,
    data       jsonb       NOT NULL DEFAULT '{}',
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, event_id)
);

COMMENT ON TABLE platform.partner IS 'A merchant on the platform. The platform writes it.';
COMMENT ON COLUMN platform.partner.partner_id IS 'The platform''s id of the partner; no colon.';
COMMENT ON COLUMN platform.partner.name IS 'What the dashboard calls the partner.';
COMMENT ON COLUMN platform.partner.timezone IS 'IANA name of the time zone in which the partner''s days are counted before FreshBooks tells its own.';
COMMENT ON COLUMN platform.partner.created_at IS 'When the platform made the partner.';

COMMENT ON TABLE platform.payment IS 'A customer''s payment. The platform inserts it at initiation and afterwards changes status and updated_at alone; the insert itself queues the record in FreshBooks.';
COMMENT ON COLUMN platform.payment.partner_id IS 'Whose payment it is.';
COMMENT ON COLUMN platform.payment.payment_id IS 'The platform''s id; unique per partner; letters, digits, _ . and - only, because it is part of the marker in FreshBooks.';
COMMENT ON COLUMN platform.payment.account_id IS 'The FreshBooks account of the invoice, from platform.invoice.account_id; null only with ap_invoice_id.';
COMMENT ON COLUMN platform.payment.invoice_id IS 'The invoice, from platform.invoice.invoice_id, when it was made in FreshBooks. Exactly one of invoice_id and ap_invoice_id is set.';
COMMENT ON COLUMN platform.payment.ap_invoice_id IS 'The invoice when it was made on the platform; such payments never go to FreshBooks.';
COMMENT ON COLUMN platform.payment.amount IS 'What is applied on the invoice, without any surcharge; above zero.';
COMMENT ON COLUMN platform.payment.currency IS 'ISO 4217 code of amount and surcharge.';
COMMENT ON COLUMN platform.payment.surcharge IS 'What the customer paid on top; never applied on the invoice.';
COMMENT ON COLUMN platform.payment.method IS 'card, ach, bank_transfer or another word of the platform; becomes FreshBooks'' payment type.';
COMMENT ON COLUMN platform.payment.status IS 'processing, succeeded, failed, refunded or chargeback. Every change makes the invoice be looked at again.';
COMMENT ON COLUMN platform.payment.initiated_at IS 'When the customer paid; its day in the business'' time zone is the date in FreshBooks.';
COMMENT ON COLUMN platform.payment.updated_at IS 'When the platform last changed the row.';

COMMENT ON TABLE platform.payout IS 'A transfer to the partner''s bank that groups payments, less fees. The platform writes it, members first or in the same transaction.';
COMMENT ON COLUMN platform.payout.partner_id IS 'Whose payout it is.';
COMMENT ON COLUMN platform.payout.payout_id IS 'The platform''s id; unique per partner; letters, digits, _ . and - only.';
COMMENT ON COLUMN platform.payout.status IS 'One of the platform''s ten words; only succeeded ones become deposits.';
COMMENT ON COLUMN platform.payout.currency IS 'ISO 4217 code of net and of every member.';
COMMENT ON COLUMN platform.payout.net IS 'What arrives at the bank; negative when more was returned than paid.';
COMMENT ON COLUMN platform.payout.arrival_date IS 'The day the money arrives, when known.';
COMMENT ON COLUMN platform.payout.created_at IS 'When the platform made the payout.';
COMMENT ON COLUMN platform.payout.updated_at IS 'When the platform last changed the row.';

COMMENT ON TABLE platform.payout_member IS 'One signed part of a payout; the parts add up to its net. The platform writes it.';
COMMENT ON COLUMN platform.payout_member.partner_id IS 'Whose payout it is.';
COMMENT ON COLUMN platform.payout_member.payout_id IS 'The payout.';
COMMENT ON COLUMN platform.payout_member.member IS 'The platform''s id of this part; unique per payout.';
COMMENT ON COLUMN platform.payout_member.kind IS 'payment, refund, chargeback or fee.';
COMMENT ON COLUMN platform.payout_member.payment_id IS 'The payment it belongs to; null for a fee on the whole payout.';
COMMENT ON COLUMN platform.payout_member.amount IS 'Signed: payments above zero; refunds, charge-backs and fees below.';

COMMENT ON TABLE platform.ap_invoice IS 'An invoice made on the platform. It never goes to FreshBooks; the platform writes it so that an equal number is shown and never linked silently.';
COMMENT ON COLUMN platform.ap_invoice.partner_id IS 'Whose invoice it is.';
COMMENT ON COLUMN platform.ap_invoice.ap_invoice_id IS 'The platform''s id of the invoice.';
COMMENT ON COLUMN platform.ap_invoice.number IS 'The number printed on it.';
COMMENT ON COLUMN platform.ap_invoice.total IS 'Its total, in currency.';
COMMENT ON COLUMN platform.ap_invoice.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN platform.ap_invoice.status IS 'draft, outstanding, paid or archived.';
COMMENT ON COLUMN platform.ap_invoice.created_at IS 'When the platform made it.';

COMMENT ON TABLE platform.event IS 'What a partner must know or do, for the platform to tell them. freshbooks-syncd appends; read on from the last event_id seen: per partner, ids become visible in their order.';
COMMENT ON COLUMN platform.event.partner_id IS 'Whom it concerns.';
COMMENT ON COLUMN platform.event.event_id IS 'Rises with every event of a partner, with gaps.';
COMMENT ON COLUMN platform.event.kind IS 'connected, disconnected, reconnect_needed, reconnected, issue_opened or issue_closed.';
COMMENT ON COLUMN platform.event.subject IS 'What it is about: connection, or the issue''s subject such as payment/pay_1.';
COMMENT ON COLUMN platform.event.data IS 'Particulars by name; for an issue its id, kind, reason, next step and actions.';
COMMENT ON COLUMN platform.event.at IS 'When it happened.';
