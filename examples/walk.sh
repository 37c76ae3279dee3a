#!/usr/bin/env bash
# The main job, step by step, against a running CloudEP: somebody registers by invite, confirms the address, logs in,
# reads and changes the profile, proves a phone number, renews the tokens and logs out.
#
#     examples/walk.sh [URL [SPOOL]]
#
# URL    where CloudEP serves (http://127.0.0.1:8080, which is where "./dev run" does)
# SPOOL  the folder in which CloudEPMailTransport and CloudEPSMSTransport leave mail/*.eml and sms/*.json
#        (var/spool): the walk looks there for its one-time codes
# TENANT, INVITE  a tenant and an invite of it (demo, WELCOME: "./dev run" makes them)
#
# It needs bash, curl and jq. It ends at the first answer that is not as expected.
set -euo pipefail

api=${1:-http://127.0.0.1:8080}/api/v1
spool=${2:-$(dirname "$0")/../var/spool}
tenant=${TENANT:-demo}
invite=${INVITE:-WELCOME}
email=ada-$RANDOM$RANDOM@example.com
phone=+8869$((RANDOM % 90000 + 10000))$((RANDOM % 900 + 100))
password='correct horse 9'
access=

# call STATUS METHOD PATH [BODY]: sends a request, prints it and its answer, and keeps the answer in $answer. Fails when
# the HTTP status is not STATUS. From login on the access token goes with it.
call() {
    local status
    printf '\n%s %s\n' "$2" "$3"
    answer=$(curl -sS -X "$2" "$api$3" -w '\n%{http_code}' -H 'Content-Type: application/json' \
        ${access:+-H "Authorization: Bearer $access"} ${4:+--data "$4"})
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    jq . <<<"$answer"
    [ "$status" = "$1" ] || { echo "walk: status $status in place of $1" >&2; exit 1; }
}

# field NAME: a field of the last answer's data.
field() { jq -er ".data.$1" <<<"$answer"; }

# body NAME VALUE...: a JSON object of texts.
body() { jq -nc '[$ARGS.positional | _nwise(2) | {(.[0]): .[1]}] | add' --args "$@"; }

# code_for RECIPIENT FOLDER: waits for the message to RECIPIENT in the spool, and prints the six digits in it.
code_for() {
    local file tries
    for ((tries = 0; tries < 300; tries++)); do
        file=$(grep -lFr -- "$1" "$spool/$2" 2>/dev/null | sort | tail -n 1)
        # A mail's headers end with the first empty line; an SMS has its text in JSON.
        if [ -n "$file" ]; then
            case $file in
            *.eml) sed '1,/^\r*$/d' "$file" ;;
            *.json) jq -r .text "$file" ;;
            esac | grep -oE '\b[0-9]{6}\b' | head -n 1
            return
        fi
        sleep 0.2
    done
    echo "walk: no message to $1 in $spool/$2" >&2
    return 1
}

# ---- Registration: an invite, an address and a password; a code goes to the address.
call 200 POST /auth/register "$(body tenant_slug "$tenant" invite_code "$invite" email "$email" \
    password "$password" accept_terms_version 2026-01 language en)"
challenge=$(field challenge_id)
call 200 POST /auth/register/confirm "$(body tenant_slug "$tenant" challenge_id "$challenge" code "$(code_for "$email" mail)")"

# ---- Login: the tokens are in the answer. The access token is good for minutes, the refresh token gives the next.
call 200 POST /auth/login "$(body tenant_slug "$tenant" email "$email" password "$password")"
access=$(field access_token)
refresh=$(field refresh_token)

# ---- The own profile. What a change does not name stays as it is.
call 200 GET /members/me
call 200 PATCH /members/me "$(body display_name Ada)"

# ---- A phone number counts once a code that was sent to it comes back.
call 200 POST /members/me/verifications/phone/start "$(body target "$phone")"
challenge=$(field challenge_id)
call 200 POST /members/me/verifications/phone/confirm "$(body challenge_id "$challenge" code "$(code_for "$phone" sms)")"

# ---- Who is in, and what happened: the newest first, in pages. All other sessions can be ended.
call 200 GET '/members/me/sessions?limit=10'
call 200 DELETE /members/me/sessions
call 200 GET /members/me/events

# ---- New tokens for the refresh token, which is used up by that.
call 200 POST /auth/token/refresh "$(body refresh_token "$refresh")"
access=$(field access_token)

# ---- Logout ends the session at once: the access token, though not over yet, is refused by the next request.
call 200 POST /auth/logout
call 401 GET /members/me
printf '\nwalk: all is well\n'
