-- Read across all partners, for operators and gauges; a fleet of thousands is read in one statement every few seconds.

-- name: fleet
SELECT p.partner_id, p.name, coalesce(c.status, 'not_connected') AS status, c.parked_reason,
       coalesce(c.paused, false) AS paused, c.last_success_at, coalesce(feed.cursors, '{}') AS cursors,
       coalesce(push.unpushed, 0) AS unpushed, push.oldest_unpushed_at, coalesce(push.waiting, 0) AS waiting,
       coalesce(issue.counts, '{}') AS issues, owner.name AS owner, verified.finished_at AS verified_at, coalesce(verified.drift, 0) AS drift
FROM platform.partner p
LEFT JOIN sync.connection c USING (partner_id)
LEFT JOIN sync.lease l USING (partner_id)
LEFT JOIN sync.member owner ON owner.member_id = l.holder
LEFT JOIN (
    SELECT partner_id, account_id,
           jsonb_object_agg(feed, jsonb_build_object(
               'percent', value -> 'percent', 'finished_at', value -> 'finished_at', 'began_at', value -> 'began_at'
           )) AS cursors
    FROM sync.cursor GROUP BY partner_id, account_id
) feed ON feed.partner_id = p.partner_id AND feed.account_id = c.account_id
LEFT JOIN (
    SELECT s.partner_id,
           count(*) FILTER (WHERE s.state <> 'waiting') AS unpushed,
           min(y.initiated_at) FILTER (WHERE s.state <> 'waiting') AS oldest_unpushed_at,
           count(*) FILTER (WHERE s.state = 'waiting') AS waiting
    FROM sync.push s
    JOIN platform.payment y ON y.partner_id = s.partner_id AND y.payment_id = s.subject
    WHERE s.kind = 'payment' AND s.state IN ('ready', 'sending', 'uncertain', 'waiting')
    GROUP BY s.partner_id
) push ON push.partner_id = p.partner_id
LEFT JOIN (
    SELECT partner_id, jsonb_object_agg(kind, open) AS counts
    FROM (SELECT partner_id, kind, count(*) AS open FROM sync.issue WHERE closed_at IS NULL GROUP BY partner_id, kind) kinds
    GROUP BY partner_id
) issue ON issue.partner_id = p.partner_id
LEFT JOIN LATERAL (
    SELECT v.finished_at,
           (SELECT coalesce(sum(k.value::int), 0) FROM jsonb_each_text(v.report -> 'kinds') k) AS drift
    FROM sync.verification v
    WHERE v.partner_id = p.partner_id AND v.account_id = c.account_id AND v.outcome IN ('equal', 'drift')
    ORDER BY v.verification_id DESC LIMIT 1
) verified ON true
ORDER BY p.partner_id;
