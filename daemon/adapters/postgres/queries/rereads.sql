-- name: due
SELECT resource, id, reason, due_at, asked FROM sync.reread
WHERE partner_id = $1 AND account_id = $2 AND due_at <= $3
ORDER BY due_at, resource, id
LIMIT $4

-- name: next_at
SELECT min(due_at) FROM sync.reread WHERE partner_id = $1 AND account_id = $2

-- name: ask
-- One row per object; the earlier time wins. What the platform did can be decided from stored facts, so any other reason
-- outweighs it.
INSERT INTO sync.reread AS r (partner_id, account_id, resource, id, reason, due_at)
SELECT $1, $2, n.resource, n.id, n.reason, n.due_at
FROM unnest($3::text[], $4::bigint[], $5::text[], $6::timestamptz[]) AS n (resource, id, reason, due_at)
ORDER BY n.resource, n.id
ON CONFLICT (partner_id, account_id, resource, id) DO UPDATE
    SET due_at = least(r.due_at, excluded.due_at), asked = r.asked + 1,
        reason = CASE r.reason WHEN 'platform' THEN excluded.reason ELSE r.reason END

-- name: is_queued
SELECT 1 FROM sync.reread WHERE partner_id = $1 AND account_id = $2 AND resource = $3 AND id = $4

-- name: ask_invoices
INSERT INTO sync.reread AS r (partner_id, account_id, resource, id, reason, due_at)
SELECT $1, $2, 'invoices', n.id, $4, sync.at_once()
FROM unnest($3::bigint[]) AS n (id)
ORDER BY n.id
ON CONFLICT (partner_id, account_id, resource, id) DO UPDATE
    SET due_at = excluded.due_at, asked = r.asked + 1,
        reason = CASE r.reason WHEN 'platform' THEN excluded.reason ELSE r.reason END

-- name: finish
DELETE FROM sync.reread
WHERE partner_id = $1 AND account_id = $2 AND resource = $3 AND id = $4 AND asked = $5

-- name: postpone
-- Asked for again meanwhile: then it is due as asked.
UPDATE sync.reread SET due_at = $6
WHERE partner_id = $1 AND account_id = $2 AND resource = $3 AND id = $4 AND asked = $5
