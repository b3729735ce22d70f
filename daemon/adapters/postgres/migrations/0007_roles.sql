-- Least privilege: syncd for the daemon, platform for the platform. Made when the connected user may; else left out,
-- which `migrate` says. Roles belong to the whole server, so another database may have made them already.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['syncd', 'platform'] LOOP
        BEGIN
            IF to_regrole(wanted) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN RAISE NOTICE 'role % was not made', wanted;
            WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was faster
        END;
    END LOOP;

    IF to_regrole('syncd') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA platform, sync TO syncd;
        GRANT SELECT ON ALL TABLES IN SCHEMA platform, sync TO syncd;
        GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sync TO syncd;
        REVOKE UPDATE, DELETE, TRUNCATE ON sync.audit, sync.invoice_history FROM syncd;
        REVOKE INSERT, UPDATE, DELETE ON sync.migration, sync.alembic_version FROM syncd;
        GRANT INSERT ON platform.event TO syncd;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA platform, sync TO syncd;
        -- What later files create is granted by itself.
        ALTER DEFAULT PRIVILEGES IN SCHEMA sync GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO syncd;
        ALTER DEFAULT PRIVILEGES IN SCHEMA sync GRANT USAGE ON SEQUENCES TO syncd;
    END IF;

    IF to_regrole('platform') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA platform TO platform;
        GRANT SELECT ON ALL TABLES IN SCHEMA platform TO platform;
        GRANT INSERT, UPDATE ON platform.partner, platform.payout, platform.payout_member, platform.ap_invoice TO platform;
        GRANT DELETE ON platform.payout_member TO platform;
        GRANT INSERT ON platform.payment TO platform;
        GRANT UPDATE (status, updated_at) ON platform.payment TO platform;
    END IF;
END $$;
