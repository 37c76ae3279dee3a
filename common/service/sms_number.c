/*
 * sms_number.c - see sms_number.h.
 */
#include "service/sms_number.h"

#include <apr_strings.h>
#include "base/text/phone_plan.h"
#include "core/settings.h"

/* Without a list every country is served. */
static int is_served(const apr_array_header_t *countries, const char *number)
{
    for (int i = 0; countries && i < countries->nelts; i++) {
        if (cloudep_phone_in_country(number, APR_ARRAY_IDX(countries, i, const char *))) {
            return 1;
        }
    }
    return !countries;
}

cloudep_outcome_t cloudep_check_sms_number(cloudep_context_t *ctx, apr_size_t field, const char *number)
{
    const cloudep_phone_kind_e kind = cloudep_phone_kind(number);

    /* To other numbers than people's a text costs much, and earns it for whoever has the number. */
    if (kind != CLOUDEP_PHONE_ORDINARY) {
        return cloudep_invalid(field, CLOUDEP_RULE_NOT_ALLOWED,
                               apr_pstrcat(ctx->p, "must not be ", cloudep_phone_kind_name(kind), NULL));
    }
    return is_served(ctx->config->sms_countries, number)
               ? cloudep_done()
               : cloudep_invalid(field, CLOUDEP_RULE_NOT_ALLOWED, "must be of a country that is served here");
}
