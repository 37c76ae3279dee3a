/*
 * operator_test.c - what the operator's statements show, and in which order: lists and their pages, states, counts; and
 * what they do to tenants. What they do to members is in effects_test.c.
 */
#include "base/store/operator_store.h"
#include "members.h"

static cloudep_db_t *owner;

/* The text at an offset in each struct of a list, a space between two. */
static const char *texts_of(const apr_array_header_t *list, size_t offset)
{
    const char *text = "";

    for (int i = 0; list && i < list->nelts; i++) {
        const char *cell;

        memcpy(&cell, list->elts + (size_t)i * (size_t)list->elt_size + offset, sizeof(cell));
        text = apr_pstrcat(p, text, i ? " " : "", cell ? cell : "-", NULL);
    }
    return text;
}

/* What a list shows in one of its columns, of that filter. */
static const char *listed(cloudep_operator_list_t *read, size_t offset, cloudep_operator_filter_t filter)
{
    apr_array_header_t *list = NULL;

    filter.tenant_id = filter.tenant_id ? filter.tenant_id : TENANT;
    filter.limit = filter.limit ? filter.limit : 100;
    return read(owner, p, &list, &filter) == APR_SUCCESS ? texts_of(list, offset) : "failed";
}

#define LISTED(read, kind, column, ...) listed(read, offsetof(kind, column), (cloudep_operator_filter_t){__VA_ARGS__})

/* ---- tenants */

#define TENANT_NOW                                                                                                     \
    "SELECT concat_ws('|', name, registration::text, login::text, coalesce(totp_issuer, '-'), coalesce(organization, " \
    "'-'), exchange_password::text, code_login::text, sms_login::text, totp_login::text, redirect_uris, origins)"      \
    " FROM cloudep.tenants WHERE slug = 'made'"

static const apr_array_header_t *texts(const char *first, const char *second)
{
    apr_array_header_t *list = apr_array_make(p, 2, sizeof(const char *));

    APR_ARRAY_PUSH(list, const char *) = first;
    if (second) {
        APR_ARRAY_PUSH(list, const char *) = second;
    }
    return list;
}

/* A change of the tenant "made", and what it is then; a change is told by the time. */
static void is_changed(cloudep_operator_tenant_change_t change, const char *want, const char *changed)
{
    cloudep_operator_tenant_t tenant = {0};

    postgres_sql("UPDATE cloudep.tenants SET updated_at = '2020-01-01'");
    change.slug = "made";
    is_int(cloudep_operator_tenant_set(owner, p, &tenant, &change), APR_SUCCESS, "a tenant is set");
    is_str(value(TENANT_NOW), want, "to what was said, and nothing else");
    is_str(value("SELECT string_agg(slug, ' ') FROM cloudep.tenants WHERE updated_at > '2021-01-01'"), changed,
           "what changes has a new time");
}

static void test_tenants(void)
{
    cloudep_operator_tenant_t tenant = {0};
    const cloudep_operator_tenant_change_t made = {
        .slug = "made", .name = "Made", .add_uris = texts("u1", "u2"), .add_origins = texts("o1", NULL)};
    cloudep_operator_tenant_change_t all = {.slug = "all",
                                            .name = "All",
                                            .registration = "false",
                                            .login = "false",
                                            .totp_issuer = "Issuer",
                                            .organization = "Org",
                                            .exchange_password = "true",
                                            .code_login = "true",
                                            .sms_login = "true",
                                            .totp_login = "true"};

    is_int(cloudep_operator_tenant_add(owner, p, &tenant, &made), APR_SUCCESS, "a tenant is added");
    is_str(value(TENANT_NOW), "Made|true|true|-|-|false|false|false|false|{u1,u2}|{o1}", "with the defaults");
    is_int(cloudep_operator_tenant_add(owner, p, &tenant, &all), APR_SUCCESS, "another one, everything said");
    is_str(apr_psprintf(p, "%s %d%d %s %s %d%d%d%d", tenant.name, tenant.registration, tenant.login, tenant.totp_issuer,
                        tenant.organization, tenant.exchange_password, tenant.code_login, tenant.sms_login,
                        tenant.totp_login),
           "All 00 Issuer Org 1111", "is as was said");
    all.totp_issuer = all.organization = "";
    all.slug = "empty";
    (void)cloudep_operator_tenant_add(owner, p, &tenant, &all);
    ok(!tenant.totp_issuer && !tenant.organization, "the empty text is none");
    is_int(cloudep_operator_tenant_add(owner, p, &tenant, &made), CLOUDEP_ECONFLICT, "a slug is of one tenant");
    is_int(cloudep_operator_tenant_show(owner, p, &tenant, "made"), APR_SUCCESS, "a tenant is shown");
    is_str(tenant.name, "Made", "by its slug");
    is_int(cloudep_operator_tenant_show(owner, p, &tenant, "none"), APR_NOTFOUND, "and no other");
    is_str(LISTED(cloudep_operator_tenant_list, cloudep_operator_tenant_t, slug, .limit = 100),
           "all elsewhere empty here made nowhere", "tenants are listed by slug");
    is_str(LISTED(cloudep_operator_tenant_list, cloudep_operator_tenant_t, slug, .after = "elsewhere", .limit = 2),
           "empty here", "a page goes on behind a slug, with as many as asked for");
}

static void test_tenant_set(void)
{
    const cloudep_operator_tenant_change_t none = {0};
    cloudep_operator_tenant_t tenant = {0};
#define CHANGE (cloudep_operator_tenant_change_t)

    is_changed(none, "Made|true|true|-|-|false|false|false|false|{u1,u2}|{o1}", NULL);
    is_changed(CHANGE{.name = "N"}, "N|true|true|-|-|false|false|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.registration = "false"}, "N|false|true|-|-|false|false|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.login = "false"}, "N|false|false|-|-|false|false|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.totp_issuer = "I"}, "N|false|false|I|-|false|false|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.organization = "O"}, "N|false|false|I|O|false|false|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.exchange_password = "true"}, "N|false|false|I|O|true|false|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.code_login = "true"}, "N|false|false|I|O|true|true|false|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.sms_login = "true"}, "N|false|false|I|O|true|true|true|false|{u1,u2}|{o1}", "made");
    is_changed(CHANGE{.totp_login = "true"}, "N|false|false|I|O|true|true|true|true|{u1,u2}|{o1}", "made");
    is_changed(
        CHANGE{.totp_login = "true", .name = "N", .add_uris = texts("u1", NULL), .add_origins = texts("o1", NULL)},
        "N|false|false|I|O|true|true|true|true|{u1,u2}|{o1}", NULL);
    is_changed(CHANGE{.totp_issuer = "", .organization = ""}, "N|false|false|-|-|true|true|true|true|{u1,u2}|{o1}",
               "made");
    is_changed(CHANGE{.add_uris = texts("u3", "u2"), .remove_uris = texts("u1", NULL)},
               "N|false|false|-|-|true|true|true|true|{u2,u3}|{o1}", "made");
    is_changed(CHANGE{.add_uris = texts("u0", "u0"), .remove_uris = texts("u3", NULL)},
               "N|false|false|-|-|true|true|true|true|{u2,u0}|{o1}", "made");
    is_changed(CHANGE{.add_origins = texts("o0", "o0")}, "N|false|false|-|-|true|true|true|true|{u2,u0}|{o1,o0}",
               "made");
    is_changed(CHANGE{.add_origins = texts("o2", NULL), .remove_origins = texts("o1", "o2")},
               "N|false|false|-|-|true|true|true|true|{u2,u0}|{o0}", "made");
    is_int(cloudep_operator_tenant_set(owner, p, &tenant, &none), APR_NOTFOUND, "no tenant is set without its slug");
#undef CHANGE
}

static int locked_out(const char *sql, const char *code_login, const char *sms_login)
{
    int count = -1;

    fresh();
    postgres_sql("UPDATE cloudep.tenants SET code_login = true, sms_login = true;"
                 "UPDATE cloudep.members SET ways_in = 0;"
                 "UPDATE cloudep.members SET login_phone = '+886911000111' WHERE uid = '" OTHER "'");
    postgres_sql(sql);
    (void)cloudep_operator_tenant_locks_out(
        owner, p, &count,
        &(cloudep_operator_tenant_change_t){.slug = "here", .code_login = code_login, .sms_login = sms_login});
    return count;
}

#define OTHER_IS(status) "UPDATE cloudep.members SET status = '" status "' WHERE uid = '" OTHER "'"

static void test_locked_out(void)
{
    is_int(locked_out("SELECT 1", "false", NULL), 1, "without codes nobody logs in who has nothing else");
    is_int(locked_out("SELECT 1", "false", "false"), 2,
           "without text messages whoever had a login phone does not, too");
    is_int(locked_out("SELECT 1", NULL, "false"), 0, "codes are enough");
    is_int(locked_out("UPDATE cloudep.members SET ways_in = 1 WHERE uid = '" OTHER "'", "false", "false"), 1,
           "a way in of one's own is");
    is_int(locked_out("UPDATE cloudep.tenants SET code_login = false", "false", "false"), 1,
           "whoever could not log in before is not counted");
    is_int(locked_out(OTHER_IS("suspended"), "false", "false"), 2, "whoever is suspended is");
    is_int(locked_out(OTHER_IS("pending"), "false", "false"), 1, "whoever waits for a code is not");
    is_int(locked_out(OTHER_IS("deleting"), "false", "false"), 1, "nor whoever leaves");
    postgres_sql("UPDATE cloudep.tenants SET code_login = false, sms_login = false");
}

/* One row of each kind, of a tenant that has no members. */
static void fill(const char *tenant_id)
{
    postgres_sql(apr_psprintf(
        p,
        "INSERT INTO cloudep.invites (tenant_id, code, max_uses) VALUES ('%s', 'C', 1), ('%s', 'D', 1);"
        "INSERT INTO cloudep.registration_attempts (tenant_id, uid, member_uid, email, challenge)"
        " VALUES ('%s', gen_random_uuid(), gen_random_uuid(), 'e', 'c');"
        "INSERT INTO cloudep.lockouts (tenant_id, kind, subject) VALUES ('%s', 'k', 's');"
        "INSERT INTO cloudep.events (tenant_id, name, outcome) SELECT '%s', 'n', 'o' FROM generate_series(1, 3);"
        "INSERT INTO cloudep.outbox (tenant_id, channel, target, template, expires_at)"
        " SELECT '%s', 'mail', 't', 't', now() FROM generate_series(1, 4);"
        "INSERT INTO cloudep.used_id_tokens (tenant_id, digest, expires_at) VALUES ('%s', 'd', now());"
        "INSERT INTO cloudep.budgets (tenant_id, kind, subject, network) VALUES ('%s', 'k', 's', '')",
        tenant_id, tenant_id, tenant_id, tenant_id, tenant_id, tenant_id, tenant_id, tenant_id));
}

static const char *rows_of(const char *tenant_id)
{
    return value(
        apr_psprintf(p,
                     "SELECT concat_ws(' ', (SELECT count(*) FROM cloudep.invites WHERE tenant_id = '%s'),"
                     " (SELECT count(*) FROM cloudep.registration_attempts WHERE tenant_id = '%s' AND email = 'e'),"
                     " (SELECT count(*) FROM cloudep.lockouts WHERE tenant_id = '%s' AND kind = 'k'),"
                     " (SELECT count(*) FROM cloudep.events WHERE tenant_id = '%s'),"
                     " (SELECT count(*) FROM cloudep.outbox WHERE tenant_id = '%s' AND target = 't'),"
                     " (SELECT count(*) FROM cloudep.used_id_tokens WHERE tenant_id = '%s'),"
                     " (SELECT count(*) FROM cloudep.budgets WHERE tenant_id = '%s' AND kind = 'k'),"
                     " (SELECT count(*) FROM cloudep.tenants WHERE id = '%s'))",
                     tenant_id, tenant_id, tenant_id, tenant_id, tenant_id, tenant_id, tenant_id, tenant_id));
}

static void test_tenant_delete(void)
{
    cloudep_operator_tenant_contents_t contents = {0};

    fresh();
    fill(NOWHERE);
    fill(TENANT);
    postgres_sql("DELETE FROM cloudep.outbox WHERE target <> 't'");
    is_int(cloudep_operator_tenant_contents(owner, p, &contents, NOWHERE), APR_SUCCESS, "what a tenant has");
    is_str(apr_psprintf(p, "%d %d %d %d", contents.members, contents.invites, contents.events, contents.messages),
           "0 2 3 4", "is counted, each by itself");
    (void)cloudep_operator_tenant_contents(owner, p, &contents, TENANT);
    is_int(contents.members, 2, "so are its members");
    is_int(cloudep_operator_tenant_delete(owner, p, TENANT), APR_NOTFOUND, "a tenant that has members stays");
    is_str(rows_of(TENANT), "2 1 1 3 4 1 1 1", "with all that is its");
    is_int(cloudep_operator_tenant_delete(owner, p, NOWHERE), APR_SUCCESS, "one that has none goes");
    is_str(rows_of(NOWHERE), "0 0 0 0 0 0 0 0", "with all that was its");
    is_str(rows_of(TENANT), "2 1 1 3 4 1 1 1", "and nothing of another");
    postgres_sql("DELETE FROM cloudep.invites; DELETE FROM cloudep.events; DELETE FROM cloudep.used_id_tokens;"
                 "INSERT INTO cloudep.tenants (id, slug, name) VALUES ('" NOWHERE "', 'nowhere', 'No')");
}

/* ---- invites */

static void test_invites(void)
{
    cloudep_operator_invite_t invite = {0};

    fresh();
    postgres_sql("INSERT INTO cloudep.invites (tenant_id, code, max_uses, uses, expires_at, revoked_at) VALUES"
                 " ('" TENANT "', 'a', 9, 8, now() + interval '1 hour', NULL), ('" TENANT "', 'c', 2, 2, NULL, NULL),"
                 " ('" TENANT "', 'b', 2, 2, now(), NULL), ('" TENANT "', 'd', 2, 2, now(), now()),"
                 " ('" ELSEWHERE "', 'aa', 2, 0, NULL, NULL)");
    is_str(LISTED(cloudep_operator_invite_list, cloudep_operator_invite_t, code, .tenant_id = TENANT), "a b c d",
           "a tenant's invites are listed by code");
    is_str(LISTED(cloudep_operator_invite_list, cloudep_operator_invite_t, state, .tenant_id = TENANT),
           "open expired used up revoked", "each with its state");
    is_str(LISTED(cloudep_operator_invite_list, cloudep_operator_invite_t, code, .after = "a", .limit = 2), "b c",
           "a page goes on behind a code");
    is_int(cloudep_operator_invite_add(owner, p, &invite, TENANT, "e", 5, NULL, NULL), APR_SUCCESS, "one is added");
    ok(!invite.expires_at && invite.max_uses == 5 && !invite.uses, "which never ends, with its uses");
    is_int(cloudep_operator_invite_add(owner, p, &invite, TENANT, "e", 5, NULL, NULL), CLOUDEP_ECONFLICT,
           "a code is there once");
    is_int(cloudep_operator_invite_add(owner, p, &invite, ELSEWHERE, "e", 5, NULL, NULL), APR_SUCCESS,
           "in each tenant");
    is_int(cloudep_operator_invite_revoke(owner, p, &invite, TENANT, "e"), APR_SUCCESS, "one is revoked");
    is_str(value("SELECT string_agg(code, ' ' ORDER BY code) FROM cloudep.invites WHERE revoked_at IS NOT NULL"), "d e",
           "and no other");
    is_int(cloudep_operator_invite_revoke(owner, p, &invite, NOWHERE, "a"), APR_NOTFOUND, "none of another tenant");
    postgres_sql("DELETE FROM cloudep.invites");
}

/* ---- members */

static void test_members(void)
{
    cloudep_operator_member_details_t member = {0};
    const cloudep_operator_member_name_t by_uid = {TENANT, UID, NULL};
    const cloudep_operator_member_name_t by_email = {TENANT, NULL, "c@x"};
    const cloudep_operator_member_name_t nowhere = {NOWHERE, UID, NULL};

    fresh();
    postgres_sql("UPDATE cloudep.members SET email = 'b@x' WHERE uid = '" UID "';"
                 "UPDATE cloudep.members SET email = 'c@x' WHERE uid = '" OTHER "';"
                 "UPDATE cloudep.members SET email = 'bb@x' WHERE tenant_id = '" ELSEWHERE "';"
                 "INSERT INTO cloudep.members (tenant_id, uid, email, status, reserved_by) VALUES"
                 " ('" TENANT "', gen_random_uuid(), 'a@x', 'pending', NULL),"
                 " ('" TENANT "', gen_random_uuid(), 'd@x', 'reserved', '" UID "'),"
                 " ('" TENANT "', gen_random_uuid(), 'e@x', 'suspended', NULL)");
    is_str(LISTED(cloudep_operator_member_list, cloudep_operator_member_t, email, .tenant_id = TENANT),
           "a@x b@x c@x e@x", "members are listed by email, without addresses that are only kept");
    is_str(LISTED(cloudep_operator_member_list, cloudep_operator_member_t, email, .status = "pending"), "a@x",
           "by their status");
    is_str(LISTED(cloudep_operator_member_list, cloudep_operator_member_t, email, .after = "a@x", .limit = 2),
           "b@x c@x", "a page goes on behind an email");
    is_int(cloudep_operator_member_show(owner, p, &member, &by_uid), APR_SUCCESS, "a member is shown");
    is_str(member.email, "b@x", "by uid");
    is_str(apr_psprintf(p, "%d %d %d", member.password, member.totp, (int)member.sessions), "1 1 1",
           "with password, authenticator and session");
    is_int(cloudep_operator_member_show(owner, p, &member, &by_email), APR_SUCCESS, "a member is shown");
    is_str(member.uid, OTHER, "by email");
    is_int(cloudep_operator_member_show(owner, p, &member, &nowhere), APR_NOTFOUND, "in their tenant alone");
    postgres_sql("UPDATE cloudep.totp SET enrolled_at = NULL; UPDATE cloudep.sessions SET expires_at = now();"
                 "UPDATE cloudep.members SET has_password = false");
    (void)cloudep_operator_member_show(owner, p, &member, &by_uid);
    is_str(apr_psprintf(p, "%d %d %d", member.password, member.totp, (int)member.sessions), "0 0 0",
           "an enrolment under way is no authenticator, nor one that is over a session");
    postgres_sql("UPDATE cloudep.sessions SET expires_at = now() + interval '1 hour';"
                 "UPDATE cloudep.members SET generation = 1, sessions_from = 1");
    (void)cloudep_operator_member_show(owner, p, &member, &by_uid);
    is_int(member.sessions, 0, "nor is one of older credentials");
}

static apr_status_t attributes(const char *add, const char *remove, cloudep_operator_attributes_t *after)
{
    const cloudep_operator_member_name_t who = {TENANT, UID, NULL};

    return cloudep_operator_member_attributes(owner, p, after, &who, add, texts(remove, NULL));
}

static void test_attributes(void)
{
    static const char now[] =
        "SELECT left(attributes::text, 20) FROM cloudep.members WHERE tenant_id = '" TENANT "' AND uid = '" UID "'";
    cloudep_operator_attributes_t after = {0};
    char *large = apr_pcalloc(p, 8200);

    fresh();
    is_int(attributes("{\"a\":1}", "b", &after), APR_SUCCESS, "attributes of a member that has none");
    is_str(value(now), "{\"a\": 1}", "are there");
    is_int(after.bytes, 8, "and counted in bytes");
    is_int(attributes("{\"a\":2,\"c\":3}", "c", &after), APR_SUCCESS, "one is set and one removed");
    is_str(value(now), "{\"a\": 2}", "what is removed goes last");
    memset(large, 'x', 8192 - 9); /* {"a": ""} */
    is_int(attributes(apr_psprintf(p, "{\"a\":\"%s\"}", large), "b", &after), APR_SUCCESS, "as many as there may be");
    is_str(apr_psprintf(p, "%d %s", after.bytes,
                        value("SELECT octet_length(attributes::text)::text FROM cloudep.members"
                              " WHERE attributes IS NOT NULL")),
           "8192 8192", "are stored");
    memset(large, 'y', 8192 - 8);
    is_int(attributes(apr_psprintf(p, "{\"a\":\"%s\"}", large), "b", &after), APR_SUCCESS, "a byte more");
    is_int(after.bytes, 8193, "is told");
    ok(strstr(value(now), "xxx") != NULL, "and not stored");
}

/* ---- sessions */

#define ID(n) "e0000000-0000-4000-8000-00000000000" n

static void test_sessions(void)
{
    fresh();
    postgres_sql(
        "INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at, revoked_at)"
        " SELECT '" TENANT "', id::uuid, '" UID "', generation, 'pwd', now() + idle * interval '1 hour',"
        " now() + ends * interval '1 hour', revoked::timestamptz FROM (VALUES"
        " ('" ID("3") "', 0, -1, 2, NULL), ('" ID("4") "', 0, -1, -1, NULL), ('" ID(
            "5") "', 0, 1, 2, 'now'),"
                 " ('" ID("6") "', -1, 1, 2, NULL)) AS given (id, generation, idle, ends, revoked)");
    is_str(LISTED(cloudep_operator_session_list, cloudep_operator_session_t, id, .tenant_id = TENANT),
           ID("1") " " ID("2") " " ID("3"), "sessions that live are listed by id, and those that are idle");
    is_str(LISTED(cloudep_operator_session_list, cloudep_operator_session_t, state, .tenant_id = TENANT),
           "live live idle", "each with its state");
    is_str(LISTED(cloudep_operator_session_list, cloudep_operator_session_t, state, .over = 1),
           "live live idle expired revoked revoked", "those that are over when asked for");
    is_str(LISTED(cloudep_operator_session_list, cloudep_operator_session_t, id, .uid = OTHER), ID("2"),
           "those of one member");
    is_str(
        LISTED(cloudep_operator_session_list, cloudep_operator_session_t, id, .over = 1, .after = ID("3"), .limit = 2),
        ID("4") " " ID("5"), "a page goes on behind an id");
    is_str(LISTED(cloudep_operator_session_list, cloudep_operator_session_t, email, .tenant_id = ELSEWHERE),
           UID "@example.com", "those of another tenant are its own");
    postgres_sql("DELETE FROM cloudep.members WHERE tenant_id = '" TENANT "' AND uid = '" OTHER "'");
    is_str(LISTED(cloudep_operator_session_list, cloudep_operator_session_t, email, .uid = OTHER), "-",
           "one whose member has gone is listed, too");
}

static int ended(cloudep_operator_selection_t selection)
{
    int count = -1;

    selection.tenant_id = selection.tenant_id ? selection.tenant_id : TENANT;
    return cloudep_operator_session_revoke(owner, p, &count, &selection) == APR_SUCCESS ? count : -1;
}

static void test_ended(void)
{
    fresh();
    is_int(ended((cloudep_operator_selection_t){.own = SESSION}), 1, "a session is ended");
    is_int(ended((cloudep_operator_selection_t){.own = SESSION}), 0, "once");
    is_int(ended((cloudep_operator_selection_t){.tenant_id = NOWHERE, .own = OTHERS_SESSION}), 0,
           "not one of another tenant");
    fresh();
    postgres_sql(
        "INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at)"
        " SELECT tenant_id, '" ID("3") "', uid, generation, amr, idle_expires_at, expires_at FROM cloudep.sessions"
                                       " WHERE tenant_id = '" TENANT "' AND uid = '" UID "'");
    is_int(ended((cloudep_operator_selection_t){.uid = UID}), 2, "those of a member are ended");
    is_int(ended((cloudep_operator_selection_t){.all = 1}), 1, "and those of all, who had one left");
    is_str(value("SELECT count(*) FROM cloudep.sessions WHERE revoked_at IS NULL"), "1", "not those of another tenant");
}

/* ---- lockouts and events */

static int cleared(cloudep_operator_selection_t selection)
{
    int count = -1;

    selection.tenant_id = TENANT;
    return cloudep_operator_lockout_clear(owner, p, &count, &selection) == APR_SUCCESS ? count : -1;
}

static void test_lockouts(void)
{
    postgres_sql(
        "DELETE FROM cloudep.budgets; INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, blocked_until)"
        " SELECT tenant::uuid, kind, subject, network, now() + wait * interval '1 hour' FROM (VALUES"
        " ('" TENANT "', 'b', 's', '', 1), ('" TENANT "', 'a', 't', '2001:db8::/64', 1),"
        " ('" TENANT "', 'a', 's', 'n2', 1), ('" TENANT "', 'a', 's', 'n1', 1), ('" TENANT "', 'a', 's', '', -1),"
        " ('" ELSEWHERE "', 'a', 's', 'n1', 1)) AS given (tenant, kind, subject, network, wait)");
    is_str(LISTED(cloudep_operator_lockout_list, cloudep_operator_lockout_t, key, .tenant_id = TENANT),
           "a/s/n1 a/s/n2 a/t/2001:db8::/64 b/s/", "lockouts that block are listed by kind, subject and network");
    is_str(LISTED(cloudep_operator_lockout_list, cloudep_operator_lockout_t, key, .over = 1),
           "a/s/ a/s/n1 a/s/n2 a/t/2001:db8::/64 b/s/", "those that do not when asked for");
    is_str(LISTED(cloudep_operator_lockout_list, cloudep_operator_lockout_t, key, .after = "a/s/n1", .limit = 2),
           "a/s/n2 a/t/2001:db8::/64", "a page goes on behind a key");
    is_str(LISTED(cloudep_operator_lockout_list, cloudep_operator_lockout_t, key, .after = "a/t/2001:db8::/64"), "b/s/",
           "also one whose network has a slash");
    is_int(cleared((cloudep_operator_selection_t){.own = "a/t/2001:db8::/64"}), 1, "one is cleared by its key");
    is_int(cleared((cloudep_operator_selection_t){.own = "a/s/n3"}), 0, "and nothing by one that is not there");
    is_int(cleared((cloudep_operator_selection_t){.own = "a/s/n1"}), 1, "of a network alone");
    is_int(cleared((cloudep_operator_selection_t){.uid = "S"}), 3, "of a subject, however it is written");
    is_str(value("SELECT string_agg(kind || subject, ' ') FROM cloudep.budgets"), "as", "none of another tenant");
}

static void test_events(void)
{
    postgres_sql("DELETE FROM cloudep.events; INSERT INTO cloudep.events (tenant_id, name, outcome, uid)"
                 " SELECT tenant::uuid, name, '1', uid::uuid FROM (VALUES (1, '" TENANT "', 'one', '" UID "'),"
                 " (2, '" TENANT "', 'two', '" OTHER "'), (3, '" ELSEWHERE "', 'else', '" UID "'),"
                 " (4, '" TENANT "', 'three', NULL), (5, '" TENANT "', 'two', '" UID
                 "')) AS given (n, tenant, name, uid)"
                 " ORDER BY n");
    is_str(LISTED(cloudep_operator_event_list, cloudep_operator_event_t, name, .tenant_id = TENANT),
           "two three two one", "events are listed, the newest first");
    is_str(LISTED(cloudep_operator_event_list, cloudep_operator_event_t, name, .uid = UID), "two one",
           "those of a member");
    is_str(LISTED(cloudep_operator_event_list, cloudep_operator_event_t, uid, .name = "two"), UID " " OTHER,
           "those of a name");
    is_str(LISTED(cloudep_operator_event_list, cloudep_operator_event_t, name,
                  .after = value("SELECT max(id)::text FROM cloudep.events"), .limit = 2),
           "three two", "a page goes on behind an id, to what is older");
}

/* ---- the outbox */

#define MAIL(n) "f0000000-0000-4000-8000-00000000000" n

static void test_outbox(void)
{
    cloudep_operator_message_t message = {0};
    int count = -1;

    postgres_sql("DELETE FROM cloudep.outbox;"
                 "INSERT INTO cloudep.outbox (tenant_id, id, outbox, channel, target, template, expires_at, attempts, "
                 "created_at,"
                 " delivered_at, failed_at) SELECT tenant::uuid, id::uuid, box, 'mail', 't', 't', now(), attempts,"
                 " now() - age * interval '1 minute', delivered::timestamptz, failed::timestamptz FROM (VALUES"
                 " ('" TENANT "', '" MAIL("1") "', NULL, 0, 3, NULL, NULL), ('" TENANT "', '" MAIL(
                     "2") "', 'box', 1, 2, NULL, NULL),"
                          " ('" TENANT "', '" MAIL("3") "', 'box', 1, 2, NULL, 'now'), ('" TENANT "', '" MAIL(
                              "4") "', 'box', 1, 9, 'now', NULL),"
                                   " ('" ELSEWHERE
                                   "', '" MAIL("5") "', 'box', 0, 1, NULL, NULL)"
                                                    ") AS given (tenant, id, box, attempts, age, delivered, failed)");
    is_str(listed(cloudep_operator_outbox_list, offsetof(cloudep_operator_message_t, id),
                  (cloudep_operator_filter_t){.tenant_id = TENANT}),
           MAIL("3") " " MAIL("2") " " MAIL("1"), "a tenant's messages are listed, the newest first");
    is_str(LISTED(cloudep_operator_outbox_list, cloudep_operator_message_t, state, .over = 1),
           "given up put off waiting delivered", "those that are delivered when asked for, each with its state");
    is_str(LISTED(cloudep_operator_outbox_list, cloudep_operator_message_t, tenant, .tenant_id = ELSEWHERE),
           "elsewhere", "each with its tenant");
    is_str(LISTED(cloudep_operator_outbox_list, cloudep_operator_message_t, id, .outbox = "box"),
           MAIL("3") " " MAIL("2"), "those of one outbox");
    is_str(LISTED(cloudep_operator_outbox_list, cloudep_operator_message_t, id, .after = MAIL("3"), .limit = 1),
           MAIL("2"), "a page goes on behind a message, to what is older");
    is_int(cloudep_operator_outbox_show(owner, p, &message, MAIL("5")), APR_SUCCESS, "a message is shown");
    is_str(message.id, MAIL("5"), "by its id");
    postgres_sql("UPDATE cloudep.outbox SET next_attempt_at = now() + interval '90 s'");
    is_int(cloudep_operator_outbox_retry(owner, p, &count, MAIL("2"), 0, NULL), APR_SUCCESS, "one is tried now");
    is_int(count, 1, "and no other");
    (void)cloudep_operator_outbox_retry(owner, p, &count, MAIL("5"), 0, "other");
    is_int(count, 0, "none of another outbox");
    (void)cloudep_operator_outbox_retry(owner, p, &count, MAIL("4"), 0, NULL);
    is_int(count, 0, "none that was delivered");
    (void)cloudep_operator_outbox_retry(owner, p, &count, NULL, 1, NULL);
    is_int(count, 2, "all that wait are tried");
    is_int(cloudep_operator_outbox_test(owner, p, &message, "box", "a@example.com", "en"), APR_SUCCESS, "a test mail");
    is_str(
        value("SELECT concat_ws(' ', outbox, target, language, template, round(extract(epoch FROM expires_at - now())))"
              " FROM cloudep.outbox WHERE template <> 't'"),
        "box a@example.com en test 600", "is for its outbox, and for ten minutes");
    postgres_sql("INSERT INTO cloudep.outbox_workers VALUES ('late', now() - interval '301 s'), ('box', now() - "
                 "interval '290 s')");
    (void)cloudep_operator_outbox_workers(owner, p, &count, "box");
    is_int(count, 1, "a worker that was there within five minutes is");
    (void)cloudep_operator_outbox_workers(owner, p, &count, "late");
    is_int(count, 0, "one that was not is not");
}

/* ---- migrations */

static const char *warnings(void)
{
    apr_array_header_t *list = NULL;

    return cloudep_operator_migration_warnings(owner, p, &list) == APR_SUCCESS
               ? texts_of(list, offsetof(cloudep_operator_warning_t, text))
               : "failed";
}

/* What is told once that is done, and undone again. */
static void is_warned(const char *sql, const char *undo, const char *want)
{
    postgres_sql(sql);
    is_str(warnings(), want, sql);
    postgres_sql(undo);
}

#define SUFFER ", which our statements suffer from: ALTER ... RESET "
#define APP "ALTER ROLE " POSTGRES_APP

static void test_warnings(void)
{
    static const char *const settings[] = {"default_transaction_isolation=serializable",
                                           "default_transaction_read_only=on",
                                           "default_transaction_deferrable=on",
                                           "statement_timeout=1",
                                           "lock_timeout=1",
                                           "idle_in_transaction_session_timeout=1",
                                           "idle_session_timeout=1",
                                           "search_path=x",
                                           "datestyle=German",
                                           "intervalstyle=iso_8601",
                                           "bytea_output=escape",
                                           "role=x",
                                           "session_replication_role=replica",
                                           "standard_conforming_strings=off",
                                           "synchronous_commit=off"};

    is_str(warnings(), "", "nothing is wrong with the role of httpd");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const char *name = apr_pstrmemdup(p, settings[i], strcspn(settings[i], "="));

        is_warned(
            apr_psprintf(p, APP " SET %s = '%s'", name, settings[i] + strlen(name) + 1), APP " RESET ALL",
            apr_psprintf(p, "the role cloudep_app has %s" SUFFER "%s",
                         strcmp(name, "datestyle") && strcmp(name, "intervalstyle")
                             ? settings[i]
                             : apr_psprintf(p, "%s=%s", !strcmp(name, "datestyle") ? "DateStyle" : "IntervalStyle",
                                            settings[i] + strlen(name) + 1),
                         name));
    }
    is_warned("ALTER DATABASE cloudep SET lock_timeout = 1", "ALTER DATABASE cloudep RESET ALL",
              "this database has lock_timeout=1" SUFFER "lock_timeout");
    is_warned(APP " IN DATABASE cloudep SET lock_timeout = 1", APP " IN DATABASE cloudep RESET ALL",
              "the role cloudep_app has lock_timeout=1" SUFFER "lock_timeout");
    is_warned(APP " IN DATABASE postgres SET lock_timeout = 1; ALTER DATABASE postgres SET lock_timeout = 1;"
                  "ALTER ROLE " POSTGRES_OWNER " SET lock_timeout = 1; " APP " SET log_statement = 'none'",
              APP " IN DATABASE postgres RESET ALL; ALTER DATABASE postgres RESET ALL;"
                  "ALTER ROLE " POSTGRES_OWNER " RESET ALL; " APP " RESET ALL",
              "");
}

static void test_rights(void)
{
#define HAS "the role cloudep_app has attributes of an administrator: ALTER ROLE takes them"
    is_warned(APP " SUPERUSER", APP " NOSUPERUSER",
              HAS " the role cloudep_app may delete events: migrate, or REVOKE DELETE ON cloudep.events"
                  " the role cloudep_app may make large objects: have a superuser run setup.sql again"
                  " the role cloudep_app may make temporary tables: have setup.sql run again");
    is_warned(APP " CREATEROLE", APP " NOCREATEROLE", HAS);
    is_warned(APP " CREATEDB", APP " NOCREATEDB", HAS);
    is_warned(APP " REPLICATION", APP " NOREPLICATION", HAS);
    is_warned(APP " BYPASSRLS", APP " NOBYPASSRLS", HAS);
    is_warned("GRANT pg_read_all_data TO " POSTGRES_APP, "REVOKE pg_read_all_data FROM " POSTGRES_APP,
              "the role cloudep_app is a member of another role: REVOKE that role from it");
    is_warned("GRANT TEMPORARY ON DATABASE cloudep TO PUBLIC", "REVOKE TEMPORARY ON DATABASE cloudep FROM PUBLIC",
              "the role cloudep_app may make temporary tables: have setup.sql run again");
#define LARGE "the role cloudep_app may make large objects: have a superuser run setup.sql again"
    is_warned("GRANT EXECUTE ON FUNCTION pg_catalog.lo_creat(integer) TO PUBLIC",
              "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC", LARGE);
    is_warned("GRANT EXECUTE ON FUNCTION pg_catalog.lo_create(oid) TO PUBLIC",
              "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC", LARGE);
    is_warned("GRANT EXECUTE ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) TO PUBLIC",
              "REVOKE EXECUTE ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC", LARGE);
    is_warned("GRANT DELETE ON cloudep.events TO " POSTGRES_APP, "REVOKE DELETE ON cloudep.events FROM " POSTGRES_APP,
              "the role cloudep_app may delete events: migrate, or REVOKE DELETE ON cloudep.events");
}

static void test_migrations(void)
{
    cloudep_operator_schema_t schema = {0};
    apr_array_header_t *list = NULL;
    cloudep_operator_migration_t last;

    is_int(cloudep_operator_schema(owner, p, &schema), APR_SUCCESS, "what there is");
    is_str(apr_psprintf(p, "%d%d%d%d", schema.schema, schema.may_create, schema.app_role, schema.table), "1111",
           "is all there");
    (void)cloudep_operator_schema(db, p, &schema);
    is_str(apr_psprintf(p, "%d%d%d%d", schema.schema, schema.may_create, schema.app_role, schema.table), "1011",
           "httpd may not change it");
    is_int(cloudep_operator_migration_table(owner, p), APR_SUCCESS, "the table of migrations may be there");
    is_int(cloudep_operator_migration_apply(owner, p, 9001, "b", "sum", "CREATE TABLE cloudep.test_b ()"), APR_SUCCESS,
           "a migration is applied");
    is_int(cloudep_operator_migration_apply(owner, p, 9001, "b", "sum", "CREATE TABLE cloudep.test_c ()"),
           CLOUDEP_ECONFLICT, "once");
    is_int(cloudep_operator_migration_apply(owner, p, 9000, "d", "sum", "CREATE TABLE cloudep.test_d (); SELECT 1 / 0"),
           CLOUDEP_EDATABASE, "one that fails");
    is_str(value("SELECT string_agg(relname, ' ') FROM pg_class WHERE relname LIKE 'test@__' ESCAPE '@'"), "test_b",
           "does nothing");
    is_int(cloudep_operator_migration_apply(owner, p, 9000, "a", "sum", "SELECT 1"), APR_SUCCESS, "one before it");
    is_int(cloudep_operator_migration_list(owner, p, &list), APR_SUCCESS, "they are listed");
    last = APR_ARRAY_IDX(list, list->nelts - 1, cloudep_operator_migration_t);
    is_str(apr_psprintf(p, "%d %s %s", last.version, last.name, last.checksum), "9001 b sum", "by their number");
    postgres_sql("BEGIN; SELECT pg_advisory_xact_lock(4367680543168)");
    is_int(cloudep_operator_migration_apply(owner, p, 9002, "e", "sum", "SELECT 1"), CLOUDEP_ELOCKED,
           "one waits for another run");
    is_int(cloudep_operator_migration_table(owner, p), CLOUDEP_ELOCKED, "so does the table");
    postgres_sql("COMMIT; DROP TABLE cloudep.migrations");
    (void)cloudep_operator_schema(owner, p, &schema);
    is_str(apr_psprintf(p, "%d%d%d%d", schema.schema, schema.may_create, schema.app_role, schema.table), "1110",
           "a table that is not there is told");
    is_int(cloudep_operator_migration_table(owner, p), APR_SUCCESS, "and made");
    postgres_sql("SET client_min_messages = warning; DROP SCHEMA cloudep CASCADE");
    (void)cloudep_operator_schema(owner, p, &schema);
    is_str(apr_psprintf(p, "%d%d%d%d", schema.schema, schema.may_create, schema.app_role, schema.table), "0010",
           "and so is a schema");
}

int main(void)
{
    start();
    owner = postgres_db(p, POSTGRES_OWNER);
    owner->lock_timeout = 300;
    test_tenants();
    test_tenant_set();
    test_locked_out();
    test_tenant_delete();
    test_invites();
    test_members();
    test_attributes();
    test_sessions();
    test_ended();
    test_lockouts();
    test_events();
    test_outbox();
    test_warnings();
    test_rights();
    test_migrations();
    return done_testing();
}
