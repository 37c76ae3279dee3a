-- Passwords are hashed in the form of RFC 8265 (OpaqueString), so that a password is the same however a keyboard or a
-- system composes its characters. Version 1.0 hashed what was typed. Its nodes may still write while this is in force.

-- The last characters of the hash that was made of the form. A hash that ends otherwise, or NULL, was made of what was
-- typed: that is what 1.0 writes over a newer one.
ALTER TABLE cloudep.credentials ADD COLUMN form_of text;

-- The same of a password that is at the identity provider (CloudEPIdentityProvider zitadel): true: the provider has the
-- form; false or NULL: it has what was typed.
ALTER TABLE cloudep.members ADD COLUMN password_form boolean;

-- "cloudepctl check" looks at which schema there is, as the role of httpd.
DO $$
BEGIN
    IF to_regclass('cloudep.migrations') IS NOT NULL THEN
        GRANT SELECT ON cloudep.migrations TO cloudep_app;
    END IF;
END
$$;
