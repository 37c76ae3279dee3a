-- Run once by a database administrator, connected to the database that CloudEP is to use.
--   psql -d cloudep -f setup.sql
-- The owner holds the schema and runs "cloudepctl migrate"; httpd connects as the application role, which
-- may read and write rows and nothing more. Give both a password or a pg_hba rule of your own.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cloudep_owner') THEN
        CREATE ROLE cloudep_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cloudep_app') THEN
        CREATE ROLE cloudep_app LOGIN;
    END IF;
END
$$;
CREATE SCHEMA IF NOT EXISTS cloudep AUTHORIZATION cloudep_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- What whoever may connect may do otherwise: temporary tables and large objects, which fill the disk. Only a superuser may
-- take away the latter; where there is none (a hosted database), "cloudepctl migrate --status" says what is left.
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid),
        pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'temporary tables or large objects stay open to everybody: %', SQLERRM;
END
$$;
