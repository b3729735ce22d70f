-- name: change
-- What a decision makes of pushes that are at rest; claims, fences and choices are not its to change.
UPDATE sync.push AS p
SET state = n.state, reason = n.reason, detail = n.detail, fb_payment_id = n.fb_payment_id,
    recorded_amount = n.recorded_amount, not_before = n.not_before, updated_at = now()
FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::numeric[], $9::timestamptz[])
     AS n (subject, generation, state, reason, detail, fb_payment_id, recorded_amount, not_before)
WHERE p.partner_id = $1 AND p.kind = 'payment' AND p.subject = n.subject AND p.generation = n.generation

-- name: open
INSERT INTO sync.push (partner_id, kind, subject, generation, account_id, invoice_id, state, marker)
SELECT $1, 'payment', n.subject, n.generation, $2, p.invoice_id, n.state, n.marker
FROM unnest($3::text[], $4::integer[], $5::text[], $6::text[]) AS n (subject, generation, state, marker)
JOIN platform.payment p ON p.partner_id = $1 AND p.payment_id = n.subject
ON CONFLICT (partner_id, kind, subject, generation) DO NOTHING

-- name: wake
-- Whoever looks at one now, on a snapshot that may be older than what wakes it, loses the claim.
UPDATE sync.push SET state = CASE state WHEN 'needs_person' THEN 'ready' ELSE state END,
    fence = fence + 1, deadline_at = NULL, not_before = sync.at_once(), updated_at = now()
WHERE partner_id = $1 AND kind = 'payment' AND subject = ANY ($2::text[]) AND state IN ('waiting', 'needs_person')

-- name: claim
-- The oldest due push. One in flight on the same invoice goes first, then what is ready and older; a push that another
-- process is about to claim is skipped, and those behind it wait with it. `others` tells whether more may be due. What a crash
-- of Postgres loses of it is found by begin_send, whose commit waits for the disk.
UPDATE sync.push AS p
SET fence = fence + 1, worked_at = $3, deadline_at = $4, updated_at = now()
FROM platform.payment AS y
WHERE (SELECT set_config('synchronous_commit', 'off', true)) = 'off' AND y.partner_id = p.partner_id AND y.payment_id = p.subject AND (p.partner_id, p.kind, p.subject, p.generation) = (
    SELECT c.partner_id, c.kind, c.subject, c.generation FROM sync.push c
    WHERE (SELECT sync.held($1, $5)) AND c.partner_id = $1 AND c.account_id = $2 AND c.kind = 'payment'
      AND c.state IN ('ready', 'sending', 'uncertain', 'waiting')
      AND (c.deadline_at IS NULL OR c.deadline_at <= $3)
      AND CASE c.state WHEN 'waiting' THEN c.not_before <= $3 ELSE coalesce(c.not_before <= $3, true) END
      AND NOT EXISTS (
          SELECT FROM sync.push b
          WHERE b.partner_id = c.partner_id AND b.account_id = c.account_id AND b.kind = 'payment'
            AND b.state IN ('ready', 'sending', 'uncertain', 'waiting')
            AND b.invoice_id = c.invoice_id AND (b.subject, b.generation) <> (c.subject, c.generation)
            AND (b.deadline_at > $3
                 OR b.state IN ('sending', 'uncertain')
                    AND (c.state IN ('ready', 'waiting') OR (b.created_at, b.subject) < (c.created_at, c.subject))
                 OR b.state = 'ready' AND c.state IN ('ready', 'waiting')
                    AND (b.created_at, b.subject) < (c.created_at, c.subject))
          OFFSET 0)  -- one look-up by invoice for each candidate, never a join of all with all
    ORDER BY c.created_at, c.subject
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING p.*, y.payment_id, y.ap_invoice_id, y.amount, y.currency, y.method, y.status, y.initiated_at, (
    SELECT i.customer_id FROM sync.invoice i
    WHERE i.partner_id = $1 AND i.account_id = $2 AND i.invoice_id = p.invoice_id) AS customer_id, EXISTS (
    SELECT FROM sync.push o
    WHERE o.partner_id = $1 AND o.account_id = $2 AND o.kind = 'payment'
      AND o.state IN ('ready', 'sending', 'uncertain', 'waiting')
      AND (o.state <> 'waiting' OR o.not_before <= $3)
      AND (o.subject, o.generation) <> (p.subject, p.generation)) AS others

-- name: claim_entry
-- The oldest due journal entry; entries wait for no one but themselves.
UPDATE sync.push AS p
SET fence = fence + 1, worked_at = $3, deadline_at = $4, updated_at = now()
WHERE (partner_id, kind, subject, generation) = (
    SELECT c.partner_id, c.kind, c.subject, c.generation FROM sync.push c
    WHERE c.partner_id = $1 AND c.account_id = $2 AND c.kind <> 'payment'
      AND c.state IN ('ready', 'sending', 'uncertain', 'waiting')
      AND (c.deadline_at IS NULL OR c.deadline_at <= $3)
      AND CASE c.state WHEN 'waiting' THEN c.not_before <= $3 ELSE coalesce(c.not_before <= $3, true) END
    ORDER BY c.created_at, c.kind, c.subject, c.generation
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING p.*

-- name: next_at
-- When the earliest push that nothing stands before becomes due, of any kind.
SELECT min(greatest(c.deadline_at, coalesce(c.not_before, sync.at_once())))
FROM sync.push c
WHERE c.partner_id = $1 AND c.account_id = $2
  AND c.state IN ('ready', 'sending', 'uncertain', 'waiting')
  AND (c.state <> 'waiting' OR c.not_before IS NOT NULL)
  AND NOT EXISTS (
      SELECT FROM sync.push b
      WHERE b.partner_id = c.partner_id AND b.account_id = c.account_id AND b.kind = 'payment'
        AND b.state IN ('ready', 'sending', 'uncertain', 'waiting')
        AND b.invoice_id = c.invoice_id AND (b.subject, b.generation) <> (c.subject, c.generation)
        AND (b.deadline_at > $3 AND coalesce(c.deadline_at <= $3, true)
             OR b.state IN ('sending', 'uncertain')
                AND (c.state IN ('ready', 'waiting') OR (b.created_at, b.subject) < (c.created_at, c.subject))
             OR b.state = 'ready' AND c.state IN ('ready', 'waiting')
                AND (b.created_at, b.subject) < (c.created_at, c.subject))
      OFFSET 0)

-- name: begin_send
UPDATE sync.push
SET state = 'sending', fence = fence + 1, deadline_at = $6, claimed_at = coalesce(claimed_at, worked_at), attempts = attempts + 1,
    entry = coalesce($8::jsonb, entry), updated_at = now()
WHERE partner_id = $1 AND kind = $7 AND subject = $2 AND generation = $3 AND fence = $4
  AND state IN ('ready', 'waiting', 'uncertain', 'sending') AND account_id = $5 AND (SELECT sync.held($1, $9))
RETURNING *

-- name: record
-- $16 is the choice the claim was made with: a newer one by a person stands, and makes the push due.
-- A push that is done keeps the end of its claim: a snapshot begun later must show it. One that was provably never sent
-- is not one that was claimed for a send ($19).
UPDATE sync.push
SET state = CASE WHEN choice IS DISTINCT FROM $16 AND $5 = 'needs_person' THEN 'ready' ELSE $5 END,
    attempts = $6, claimed_at = $19,
    not_before = CASE WHEN choice IS DISTINCT FROM $16 AND $5 IN ('needs_person', 'waiting') THEN sync.at_once()
                      ELSE $7::timestamptz END,
    deadline_at = CASE $5 WHEN 'done' THEN deadline_at WHEN 'sending' THEN $8::timestamptz END,
    checked_absent = $9,
    fb_payment_id = coalesce($10, CASE WHEN choice IS DISTINCT FROM $16 THEN fb_payment_id END),
    recorded_amount = $11, reason = $12, detail = $13,
    choice = CASE WHEN choice IS DISTINCT FROM $16 THEN choice ELSE $14 END,
    candidates = $15,
    entry_id = coalesce($18, entry_id),
    updated_at = now()
WHERE partner_id = $1 AND kind = $17 AND subject = $2 AND generation = $3 AND fence = $4
RETURNING generation

-- name: latest
SELECT * FROM sync.push
WHERE partner_id = $1 AND kind = 'payment' AND subject = $2
ORDER BY generation DESC
LIMIT 1
FOR UPDATE

-- name: choose
-- What a person's choice makes of a push. The raised fence stops whoever is about to send it from what was so a moment
-- ago; one that is on its way, or recorded, keeps its claim.
UPDATE sync.push
SET fence = CASE WHEN state IN ('ready', 'waiting', 'needs_person') THEN fence + 1 ELSE fence END,
    deadline_at = CASE WHEN state IN ('ready', 'waiting', 'needs_person') THEN NULL ELSE deadline_at END,
    state = $4, choice = $5, reason = $6, detail = $7, fb_payment_id = $8, candidates = $9, not_before = $10,
    checked_absent = $11, attempts = $12, updated_at = now()
WHERE partner_id = $1 AND kind = 'payment' AND subject = $2 AND generation = $3

-- name: choose_entry
-- One that is done, or on its way, only keeps the choice.
UPDATE sync.push AS p
SET choice = $4, attempts = CASE state WHEN 'needs_person' THEN 0 ELSE attempts END,
    state = CASE state WHEN 'needs_person' THEN 'ready' ELSE state END,
    not_before = CASE state WHEN 'needs_person' THEN sync.at_once() ELSE not_before END,
    updated_at = now()
WHERE partner_id = $1 AND kind = $2 AND subject = $3
  AND generation = (SELECT max(l.generation) FROM sync.push l WHERE l.partner_id = $1 AND l.kind = $2 AND l.subject = $3)
RETURNING p.*

-- name: wake_entries
-- What waits for a setting is planned anew; whoever plans it from the old ones loses the claim.
UPDATE sync.push
SET fence = fence + 1, deadline_at = NULL, not_before = sync.at_once(), updated_at = now()
WHERE partner_id = $1 AND account_id = $2 AND kind <> 'payment' AND state IN ('ready', 'waiting')
RETURNING subject

-- name: wake_for_listing
-- A listing of the accounts may show what was missed. Where it differs from the one before ($3), whoever plans an entry by that
-- one loses the claim: it would put off for a day what this one has just woken.
UPDATE sync.push
SET not_before = CASE WHEN state = 'waiting' AND reason IN ('account_gone', 'no_clearing_account') THEN sync.at_once()
                      ELSE not_before END,
    fence = fence + $3::boolean::integer, deadline_at = CASE WHEN NOT $3 THEN deadline_at END, updated_at = now()
WHERE partner_id = $1 AND account_id = $2 AND kind <> 'payment'
  AND (state = 'waiting' AND reason IN ('account_gone', 'no_clearing_account') OR $3 AND state IN ('ready', 'waiting'))
RETURNING subject

-- name: adopt_payouts
-- Payouts that came before there was a connection belong to the books that are connected first.
UPDATE sync.push SET account_id = $2 WHERE partner_id = $1 AND kind = 'payout' AND account_id = '' AND state <> 'cancelled'

-- name: cancel_unsent
UPDATE sync.push
SET state = 'cancelled', reason = $2, fence = fence + 1, deadline_at = NULL, not_before = NULL, updated_at = now()
WHERE partner_id = $1 AND state IN ('ready', 'waiting', 'needs_person') AND fb_payment_id IS NULL

-- name: audit
INSERT INTO sync.audit (partner_id, who, what, subject, before, after, why) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: notify
SELECT pg_notify('syncd_wake', $1 || ':' || $2)
