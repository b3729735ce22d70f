-- name: guard
SELECT pg_try_advisory_lock(sync.member_key($1))

-- name: join
INSERT INTO sync.member (member_id, name, expires_at) VALUES ($1, $2, clock_timestamp() + $3::interval)

-- name: one_by_one
-- Of two that join at the same time, in different places, the second sees the first.
SELECT pg_advisory_xact_lock(hashtextextended('freshbooks-syncd join', 0))

-- name: elsewhere
-- A living member that agrees on leases in another place; one whose time is up or whose connection is gone counts no more.
SELECT m.name, m.coordinator FROM sync.member m
WHERE m.coordinator <> $1 AND m.expires_at > clock_timestamp()
  AND NOT pg_try_advisory_xact_lock_shared(sync.member_key(m.member_id))
LIMIT 1

-- name: renew
UPDATE sync.member SET expires_at = clock_timestamp() + $2::interval WHERE member_id = $1
RETURNING (SELECT count(*) FROM sync.member) AS living,
          (SELECT count(*) FROM sync.member
           WHERE NOT resigned AND (member_id = $1 OR expires_at > clock_timestamp() + $3::interval)) AS sharing

-- name: bury
-- A member whose time is up, or whose connection is gone. After a restart of Postgres all connections are gone and all times may be up:
-- then everybody gets the time to come back, unless there can be nobody else.
DELETE FROM sync.member m
WHERE m.member_id <> $1
  AND ($3 OR clock_timestamp() > pg_postmaster_start_time() + $2::interval)
  AND ($3 OR m.expires_at < clock_timestamp() OR pg_try_advisory_xact_lock_shared(sync.member_key(m.member_id)))
RETURNING m.member_id

-- name: disconnect
-- Whatever a buried member still has open would hold its locks for as long as it is frozen.
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
WHERE a.application_name = ANY ($1::text[]) AND a.usename = current_user AND a.datname = current_database()

-- name: resign
UPDATE sync.member SET resigned = true WHERE member_id = $1

-- name: census
SELECT (SELECT count(*) FROM sync.member WHERE NOT resigned AND expires_at > clock_timestamp() + $1::interval) AS members,
       (SELECT count(*) FROM sync.connection WHERE status <> 'not_connected') AS partners

-- name: membership
-- Nobody is buried while it takes leases.
SELECT FROM sync.member WHERE member_id = $1 FOR SHARE

-- name: acquire
-- Free partners in an order of this member's own, so that two members seldom want the same; one that is being written or taken just
-- now is left for the next time. The epoch that was seen must still be the one that is raised: a compare-and-set. What this member
-- holds without knowing it is free as well: the answer that gave it was lost.
WITH free AS (
    SELECT c.partner_id, coalesce(l.epoch, 0) AS epoch, coalesce(l.holder, '') AS holder
    FROM sync.connection c
    LEFT JOIN sync.lease l ON l.partner_id = c.partner_id
    WHERE c.status <> 'not_connected' AND c.partner_id <> ALL ($3::text[])
      AND NOT EXISTS (SELECT FROM sync.member m WHERE m.member_id = l.holder AND m.member_id <> $1)
    ORDER BY hashtext(c.partner_id || $1)
    LIMIT $2
), mine AS MATERIALIZED (
    SELECT partner_id, epoch, holder FROM free WHERE pg_try_advisory_xact_lock(sync.lease_key(partner_id))
), taken AS (
    INSERT INTO sync.lease AS l (partner_id, holder, epoch, taken_at)
    SELECT partner_id, $1, epoch + 1, clock_timestamp() FROM mine
    ON CONFLICT (partner_id) DO UPDATE
        SET holder = excluded.holder, epoch = excluded.epoch, taken_at = excluded.taken_at
        WHERE l.epoch = excluded.epoch - 1
    RETURNING l.partner_id, l.epoch
)
SELECT t.partner_id, t.epoch, m.holder NOT IN ('', $1) AS taken_over FROM taken t JOIN mine m USING (partner_id)

-- name: release
UPDATE sync.lease SET holder = '' WHERE holder = $1 AND partner_id = ANY ($2::text[])

-- name: release_all
UPDATE sync.lease SET holder = '' WHERE holder = $1

-- name: leave
DELETE FROM sync.member WHERE member_id = $1

-- name: notify
-- Whoever has room looks for free partners at once.
SELECT pg_notify('syncd_wake', '*:leases')
