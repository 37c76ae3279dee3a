/*
 * sms_number.h - which numbers a text may go to.
 */
#ifndef CLOUDEP_SERVICE_SMS_NUMBER_H
#define CLOUDEP_SERVICE_SMS_NUMBER_H

#include "core/context.h"

/**
 * Whether texts go to a number. FIELD_INVALID at field (an offsetof of the flow's input): it is no telephone of a
 * person (premium, satellite, shared cost, ...), or of a country that CloudEPSMSCountries does not name.
 * @param number an E.164 number, as the input has been checked
 */
cloudep_outcome_t cloudep_check_sms_number(cloudep_context_t *ctx, apr_size_t field, const char *number);

#endif
