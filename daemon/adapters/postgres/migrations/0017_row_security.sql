-- What a partner's own pages and API read is read as the role syncd_reader, for which the rows of other partners do not exist,
-- whatever the query says. The daemon itself, the platform and the owner go on seeing all of them: their work is everybody's.
-- Without the role, which needs the right to create roles, queries alone keep partners apart, and `migrate` says so.

DO $$
BEGIN
    IF to_regrole('syncd_reader') IS NULL THEN
        CREATE ROLE syncd_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'role syncd_reader was not made';
    WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was faster
END $$;

-- These run with their owner's rights otherwise, and would show every partner's rows.
ALTER VIEW sync.desk_invoice SET (security_invoker = true);
ALTER VIEW sync.desk_payment SET (security_invoker = true);

-- Guards every table that holds partners' rows and is not guarded yet. `migrate` runs it last, so that none is forgotten; a
-- view that the pages read needs security_invoker and a grant of its own.
CREATE FUNCTION sync.guard_partner_rows() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    guarded regclass;
    everybody text;
BEGIN
    IF to_regrole('syncd_reader') IS NULL THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(name), ', ') INTO everybody
    FROM (SELECT current_user::text AS name UNION SELECT rolname FROM pg_roles WHERE rolname IN ('syncd', 'platform')) roles;
    FOR guarded IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'partner_id'
        WHERE c.relnamespace IN ('sync'::regnamespace, 'platform'::regnamespace) AND c.relkind IN ('r', 'p')
          AND NOT c.relispartition AND NOT c.relforcerowsecurity
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY everybody_s_work ON %s TO %s USING (true) WITH CHECK (true)', guarded, everybody);
        EXECUTE format($policy$CREATE POLICY one_partner ON %s TO syncd_reader
            USING (partner_id = current_setting('app.partner_id', true))
            WITH CHECK (partner_id = current_setting('app.partner_id', true))$policy$, guarded);
        -- What the pages and the API may show; neither tokens, sessions nor consents.
        IF guarded::text !~ '(token|session|consent|oauth|callback|secret|key|answer)' THEN
            EXECUTE format('GRANT SELECT ON %s TO syncd_reader', guarded);
        END IF;
    END LOOP;
END $$;

-- Until its end, the transaction is one partner's reader.
CREATE FUNCTION sync.read_as(partner text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.partner_id', partner, true);
    IF to_regrole('syncd_reader') IS NOT NULL AND pg_has_role('syncd_reader', 'MEMBER') THEN
        PERFORM set_config('role', 'syncd_reader', true);
    END IF;
END $$;

DO $$
BEGIN
    IF to_regrole('syncd_reader') IS NULL THEN
        RETURN;
    END IF;
    GRANT USAGE ON SCHEMA platform, sync TO syncd_reader;
    GRANT SELECT ON sync.desk_invoice, sync.desk_payment TO syncd_reader;
    BEGIN
        IF to_regrole('syncd') IS NOT NULL THEN
            GRANT syncd_reader TO syncd;
        END IF;
    EXCEPTION
        WHEN insufficient_privilege THEN RAISE NOTICE 'role syncd_reader could not be given to syncd';
    END;
END $$;
