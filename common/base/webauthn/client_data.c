/*
 * client_data.c - clientDataJSON against the rule: type, challenge, origin, and no frames.
 */
#include "base/webauthn/client_data.h"

#include <string.h>
#include "base/text/json.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";
#define BYTE_ORDER_MARK_LEN 3

static int is_listed(const char *const *list, const char *text)
{
    while (*list && strcmp(*list, text) != 0) {
        list++;
    }
    return *list != NULL;
}

/* The page may have been in a frame only of its own origin. */
static cloudep_webauthn_reason_t check_frames(const json_t *client)
{
    const json_t *cross_origin = json_object_get(client, "crossOrigin");

    if (cross_origin && !json_is_boolean(cross_origin)) {
        return CLOUDEP_WEBAUTHN_CLIENT_DATA;
    }
    if (json_is_true(cross_origin)) { /* 7.1 step 10, 7.2 step 13 */
        return CLOUDEP_WEBAUTHN_CROSS_ORIGIN;
    }
    if (json_object_get(client, "topOrigin")) { /* 7.1 step 11, 7.2 step 14 */
        return CLOUDEP_WEBAUTHN_TOP_ORIGIN;
    }
    return CLOUDEP_WEBAUTHN_ACCEPTED;
}

cloudep_webauthn_reason_t cloudep_client_data_check(apr_pool_t *pool, const cloudep_webauthn_bytes_t *client_data,
                                                    const char *type, const cloudep_webauthn_rule_t *rule)
{
    const char *text = (const char *)client_data->data;
    const char *client_type, *challenge, *origin, *ignored;
    apr_size_t len = client_data->len;
    json_t *client;

    /* 7.1 step 5, 7.2 step 8: what is not UTF-8 is refused, where the step would put U+FFFD */
    if (len >= BYTE_ORDER_MARK_LEN && !memcmp(text, byte_order_mark, BYTE_ORDER_MARK_LEN)) {
        text += BYTE_ORDER_MARK_LEN;
        len -= BYTE_ORDER_MARK_LEN;
    }
    /* 7.1 step 6, 7.2 step 9 */
    if (cloudep_json_parse(&client, &ignored, text, len, pool) != APR_SUCCESS) {
        return CLOUDEP_WEBAUTHN_CLIENT_DATA;
    }
    client_type = json_string_value(json_object_get(client, "type"));
    challenge = json_string_value(json_object_get(client, "challenge"));
    origin = json_string_value(json_object_get(client, "origin"));
    if (!client_type || !challenge || !origin) {
        return CLOUDEP_WEBAUTHN_CLIENT_DATA;
    }
    if (strcmp(client_type, type) != 0) { /* 7.1 step 7, 7.2 step 10 */
        return CLOUDEP_WEBAUTHN_TYPE;
    }
    if (!*challenge || strcmp(challenge, rule->challenge) != 0) { /* 7.1 step 8, 7.2 step 11 */
        return CLOUDEP_WEBAUTHN_CHALLENGE;
    }
    if (!is_listed(rule->origins, origin)) { /* 7.1 step 9, 7.2 step 12 */
        return CLOUDEP_WEBAUTHN_ORIGIN;
    }
    return check_frames(client);
}
