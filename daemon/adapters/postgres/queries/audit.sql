-- name: partners
-- Everyone who has a log, or must have one.
SELECT partner_id FROM sync.audit_head
UNION SELECT partner_id FROM sync.connection WHERE consented_at IS NOT NULL
UNION SELECT DISTINCT partner_id FROM sync.audit
ORDER BY 1

-- name: head
SELECT audit_id, hash FROM sync.audit_head WHERE partner_id = $1

-- name: expects_lines
SELECT EXISTS (SELECT FROM sync.connection WHERE partner_id = $1 AND consented_at IS NOT NULL)

-- name: lines
SELECT partner_id, audit_id, at, who, what, subject, before::text, after::text, why, previous, hash
FROM sync.audit
WHERE partner_id = $1 AND audit_id > $2
ORDER BY audit_id
LIMIT $3

-- name: knows
SELECT EXISTS (SELECT FROM platform.partner WHERE partner_id = $1)
