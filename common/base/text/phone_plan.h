/*
 * phone_plan.h - what the world's numbering plan says of an E.164 number: whose it is, and whether a text to it is for
 * a person.
 *
 * The tables are taken from the metadata of Google's libphonenumber as of 2026 (Apache License 2.0; npm's
 * libphonenumber-js 1.13.16, metadata.max.json), which follows the ITU's Operational Bulletin and the national plans.
 * The services that belong to no country are ITU-T E.164's. Pure functions, safe for any number of threads.
 */
#ifndef CLOUDEP_TEXT_PHONE_PLAN_H
#define CLOUDEP_TEXT_PHONE_PLAN_H

#include <stdbool.h>

#include <apr_pools.h>

#include "base/export.h"

typedef enum {
    CLOUDEP_PHONE_ORDINARY,
    CLOUDEP_PHONE_PREMIUM,     /* who calls or writes pays the one behind it: +979, national ranges such as +1 900 */
    CLOUDEP_PHONE_SHARED_COST, /* +808 */
    CLOUDEP_PHONE_TOLL_FREE,   /* +800, +1 800 and its like: no telephone of a person */
    CLOUDEP_PHONE_PERSONAL,    /* numbers that lead to others, at a price unknown: +878, +44 70, +1 500 and its like */
    CLOUDEP_PHONE_SATELLITE,   /* +870 Inmarsat, +881 Iridium, Globalstar */
    CLOUDEP_PHONE_NETWORK      /* networks without a country: +882 and +883 (Thuraya, ships, ...), +888 */
} cloudep_phone_kind_e;

/**
 * The length of the country code (1 to 3 digits) that a number begins with; 0 when none that is assigned does.
 * @param digits a number without its plus, also the beginning of one
 */
apr_size_t cloudep_phone_code_length(const char *digits);

/**
 * What kind of number it is. National premium ranges are known where libphonenumber knows them: those of the first two
 * or three digits behind the country code that have premium numbers, and neither fixed lines nor mobiles. The list is
 * no proof of the contrary: who must be sure allows countries, see cloudep_phone_in_country().
 * @param phone a number for which cloudep_is_phone() holds
 */
cloudep_phone_kind_e cloudep_phone_kind(const char *phone);

/** A kind in words that go on from "is": "a premium rate number". */
const char *cloudep_phone_kind_name(cloudep_phone_kind_e kind);

/**
 * Whether a number is, or may be, one of a country's.
 *
 * Countries that share a code are told apart by what follows: +1 by the area code (the area codes of no country, such
 * as 800, are in none), +7 (Kazakhstan has +7 7), +44 by the ranges of Jersey, Guernsey and Man, also of their mobiles,
 * +262, +290 and +599. Of +39, +47, +61, +212 and +358 only some fixed lines tell (Vatican City, Svalbard, the Cocos
 * and Christmas Islands, Western Sahara, Aland): any other number there may be in each of the two or three, and is a
 * yes for each, as at +590 (GP, BL, MF). An area code of +1 that was given out after the tables were made counts as the
 * United States. A number that its owner took along abroad keeps its country.
 * @param phone a number for which cloudep_is_phone() holds
 * @param country ISO 3166-1 alpha-2 in upper case, and XK for Kosovo
 */
bool cloudep_phone_in_country(const char *phone, const char *country);

/** Whether @a country, as above, has phone numbers; also whether it is one at all. */
bool cloudep_phone_is_country(const char *country);

#endif
