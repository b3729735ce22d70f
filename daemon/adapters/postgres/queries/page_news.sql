-- name: tell
SELECT pg_notify('syncd_pages', told) FROM unnest($1::text[]) AS told
