-- The audit log as a chain: every line holds the SHA-256 of the one before it, and numbers have no gap. The database writes
-- both itself, under the partner's lock, so that no writer can forget; `audit check` computes them anew outside of it.

ALTER TABLE sync.audit ALTER COLUMN audit_id DROP DEFAULT;
DROP SEQUENCE sync.audit_audit_id_seq;
ALTER TABLE sync.audit ADD COLUMN previous bytea, ADD COLUMN hash bytea;
COMMENT ON TABLE sync.audit IS 'Every change made on either side and every act of a person. Append-only.';
COMMENT ON COLUMN sync.audit.audit_id IS 'The line''s number: per partner, from 1, without a gap.';
COMMENT ON COLUMN sync.audit.previous IS 'The hash of the partner''s line before; empty for the first.';
COMMENT ON COLUMN sync.audit.hash IS 'SHA-256 over previous and all other columns in the form of sync.audit_form.';

CREATE TABLE sync.audit_head (
    partner_id text   PRIMARY KEY,
    audit_id   bigint NOT NULL,
    hash       bytea  NOT NULL
);
COMMENT ON TABLE sync.audit_head IS 'The last line of each partner''s log, so that a missing end is noticed.';

-- One field: its length in bytes, a colon and its text; - for null. So no two different lines have one form.
CREATE FUNCTION sync.audit_field(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(octet_length(convert_to(value, 'UTF8')) || ':' || value, '-')
$$;

CREATE FUNCTION sync.audit_form(line sync.audit) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT sync.audit_field(encode(line.previous, 'hex'))
        || sync.audit_field(line.partner_id)
        || sync.audit_field(line.audit_id::text)
        || sync.audit_field(to_char(line.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || sync.audit_field(line.who)
        || sync.audit_field(line.what)
        || sync.audit_field(line.subject)
        || sync.audit_field(line.before::text)
        || sync.audit_field(line.after::text)
        || sync.audit_field(line.why)
$$;

CREATE FUNCTION sync.audit_hash(line sync.audit) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(sync.audit_form(line), 'UTF8'))
$$;

-- Lines from before there was a chain become its beginning.
ALTER TABLE sync.audit DISABLE TRIGGER audit_is_append_only;
DO $$
DECLARE
    line sync.audit;
    old  bigint;
    head sync.audit_head;
BEGIN
    FOR line IN SELECT * FROM sync.audit ORDER BY partner_id, audit_id LOOP
        IF head.partner_id IS DISTINCT FROM line.partner_id THEN
            head := ROW (line.partner_id, 0, ''::bytea);
        END IF;
        old := line.audit_id;
        line.audit_id := head.audit_id + 1;
        line.previous := head.hash;
        line.hash := sync.audit_hash(line);
        UPDATE sync.audit SET audit_id = line.audit_id, previous = line.previous, hash = line.hash
        WHERE partner_id = line.partner_id AND audit_id = old;
        head := ROW (line.partner_id, line.audit_id, line.hash);
        INSERT INTO sync.audit_head VALUES (head.partner_id, head.audit_id, head.hash)
        ON CONFLICT (partner_id) DO UPDATE SET audit_id = excluded.audit_id, hash = excluded.hash;
    END LOOP;
END $$;
ALTER TABLE sync.audit ENABLE TRIGGER audit_is_append_only;
ALTER TABLE sync.audit ALTER COLUMN previous SET NOT NULL, ALTER COLUMN hash SET NOT NULL;

-- Runs as the owner: the daemon's role may neither read nor write the head by itself.
CREATE FUNCTION sync.chain_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    head sync.audit_head;
BEGIN
    PERFORM sync.lock_partner(NEW.partner_id);
    SELECT * INTO head FROM sync.audit_head h WHERE h.partner_id = NEW.partner_id;
    NEW.audit_id := coalesce(head.audit_id, 0) + 1;
    NEW.previous := coalesce(head.hash, '');
    NEW.at := clock_timestamp();
    NEW.hash := sync.audit_hash(NEW);
    INSERT INTO sync.audit_head VALUES (NEW.partner_id, NEW.audit_id, NEW.hash)
    ON CONFLICT (partner_id) DO UPDATE SET audit_id = excluded.audit_id, hash = excluded.hash;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_is_chained BEFORE INSERT ON sync.audit FOR EACH ROW EXECUTE FUNCTION sync.chain_audit();

CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON sync.audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION sync.refuse_change();
CREATE TRIGGER invoice_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON sync.invoice_history
    FOR EACH STATEMENT EXECUTE FUNCTION sync.refuse_change();

DO $$
BEGIN
    IF to_regrole('syncd') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON sync.audit_head FROM syncd;
    END IF;
END $$;
