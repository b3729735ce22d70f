-- name: open_of_subjects
SELECT issue_id, kind, subject_type, subject_id, reason, next_step, actions, data
FROM sync.issue
WHERE partner_id = $1 AND closed_at IS NULL
  AND (subject_type, subject_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))

-- name: open
INSERT INTO sync.issue (partner_id, account_id, kind, subject_type, subject_id, reason, next_step, actions, data)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (partner_id, subject_type, subject_id, kind) WHERE closed_at IS NULL DO UPDATE
    SET reason = excluded.reason, next_step = excluded.next_step, actions = excluded.actions, data = excluded.data
    WHERE (issue.reason, issue.next_step, issue.actions, issue.data)
          IS DISTINCT FROM (excluded.reason, excluded.next_step, excluded.actions, excluded.data)

-- name: close
UPDATE sync.issue SET closed_at = now(), closed_by = $3
WHERE partner_id = $1 AND issue_id = ANY ($2::bigint[]) AND closed_at IS NULL

-- name: close_of_subjects
UPDATE sync.issue SET closed_at = now(), closed_by = $5
WHERE partner_id = $1 AND kind = $2 AND subject_type = $3 AND subject_id = ANY ($4::text[]) AND closed_at IS NULL

-- name: quarantine
INSERT INTO sync.quarantine AS q (partner_id, account_id, resource, id, fingerprint, reason, payload)
SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::bytea[])
ON CONFLICT (partner_id, account_id, resource, id) DO UPDATE
    SET fingerprint = excluded.fingerprint, reason = excluded.reason, payload = excluded.payload, at = now()
    WHERE (q.fingerprint, q.reason) IS DISTINCT FROM (excluded.fingerprint, excluded.reason)
