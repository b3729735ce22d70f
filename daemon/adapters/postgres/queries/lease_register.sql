-- What Postgres keeps of leases that are agreed on elsewhere.

-- name: enter
INSERT INTO sync.member (member_id, name, coordinator, expires_at) VALUES ($1, $2, $3, 'infinity')

-- name: bury
-- One that left in good order has taken its row with it, and nothing of it is closed.
DELETE FROM sync.member WHERE member_id = ANY ($1::text[]) RETURNING member_id

-- name: census
-- Whoever stands here for some seconds was a member, and may be gone since.
SELECT (SELECT count(*) FROM sync.connection WHERE status <> 'not_connected') AS partners,
       (SELECT coalesce(array_agg(member_id), '{}') FROM sync.member
        WHERE joined_at < clock_timestamp() - interval '10 seconds') AS members

-- name: vacant
-- In an order of this member's own, so that two members seldom want the same. What it holds without knowing it is free as well.
SELECT c.partner_id, coalesce(l.epoch, 0) AS epoch, coalesce(l.holder, '') NOT IN ('', $1) AS deserted
FROM sync.connection c
LEFT JOIN sync.lease l ON l.partner_id = c.partner_id
WHERE c.status <> 'not_connected' AND c.partner_id <> ALL ($3::text[])
  AND (coalesce(l.holder, '') IN ('', $1) OR l.holder <> ALL ($2::text[]))
ORDER BY hashtext(c.partner_id || $1)
LIMIT $4

-- name: stamp
-- From here on whatever was written under a lower epoch is refused. A partner that is being written just now is left for the next time.
WITH mine AS MATERIALIZED (
    SELECT t.partner_id, t.epoch FROM unnest($2::text[], $3::bigint[]) AS t(partner_id, epoch)
    WHERE pg_try_advisory_xact_lock(sync.lease_key(t.partner_id))
)
INSERT INTO sync.lease AS l (partner_id, holder, epoch, taken_at)
SELECT partner_id, $1, epoch, clock_timestamp() FROM mine
ON CONFLICT (partner_id) DO UPDATE SET holder = excluded.holder, epoch = excluded.epoch, taken_at = excluded.taken_at
    WHERE l.epoch < excluded.epoch
RETURNING l.partner_id

-- name: release
UPDATE sync.lease l SET holder = '', epoch = greatest(l.epoch, t.epoch)
FROM unnest($2::text[], $3::bigint[]) AS t(partner_id, epoch)
WHERE l.partner_id = t.partner_id AND l.holder = $1
