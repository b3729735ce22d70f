-- name: save_cursor
INSERT INTO sync.cursor (partner_id, account_id, feed, value) SELECT $1, $2, $3, $4 WHERE (SELECT sync.held($1, $5))
ON CONFLICT (partner_id, account_id, feed) DO UPDATE SET value = excluded.value

-- name: store_ledger
INSERT INTO sync.ledger_account AS a
    (partner_id, account_id, ledger_account_id, name, number, type, sub_type, legacy_id, parent_id, is_active)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::boolean[])
ON CONFLICT (partner_id, account_id, ledger_account_id) DO UPDATE
    SET name = excluded.name, number = excluded.number, type = excluded.type, sub_type = excluded.sub_type,
        legacy_id = excluded.legacy_id, parent_id = excluded.parent_id, is_active = excluded.is_active
    WHERE (a.name, a.number, a.type, a.sub_type, a.legacy_id, a.parent_id, a.is_active) IS DISTINCT FROM
          (excluded.name, excluded.number, excluded.type, excluded.sub_type, excluded.legacy_id, excluded.parent_id,
           excluded.is_active)
RETURNING ledger_account_id

-- name: retire_ledger
-- Kept for its name, which an issue may have to tell.
UPDATE sync.ledger_account SET is_active = false
WHERE partner_id = $1 AND account_id = $2 AND is_active AND ledger_account_id <> ALL ($3::text[])
RETURNING ledger_account_id

-- name: chosen
SELECT r.role, r.id, a.name, coalesce(a.is_active, false) AS there
FROM sync.connection c
CROSS JOIN LATERAL (VALUES ('payments', c.payments_account_id), ('deposits', c.deposits_account_id),
                           ('fees', c.fees_account_id),
                           ('platform_invoices', c.platform_invoices_account_id)) AS r (role, id)
LEFT JOIN sync.ledger_account a
       ON a.partner_id = c.partner_id AND a.account_id = c.account_id AND a.ledger_account_id = r.id
WHERE c.partner_id = $1 AND c.account_id = $2 AND r.id IS NOT NULL

-- name: ledger
SELECT ledger_account_id, name, number, type, sub_type, legacy_id, parent_id, is_active
FROM sync.ledger_account a
JOIN sync.connection c USING (partner_id, account_id)
WHERE a.partner_id = $1 AND a.is_active
ORDER BY number, name
