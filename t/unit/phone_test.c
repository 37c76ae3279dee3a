/*
 * phone_test.c - phone numbers: what people type and paste, what becomes of it, whose number it is and of which kind.
 */
#include <apr_general.h>
#include <apr_strings.h>

#include "base/text/phone.h"
#include "base/text/phone_plan.h"
#include "tap.h"

static const char malformed[] = "must be a phone number such as +886912345678";
static const char no_country[] = "must begin with + and the country code, such as +886912345678";
static const char unassigned[] = "must begin with the code of a country, such as +886";
static const char trunk_zero[] = "must not have the 0 after the country code that is dialled at home only";
static const char bad_length[] = "must have 7 to 15 digits";

/* The country codes in use, as the public numbering plans of libphonenumber list them; the expected
 * values come from there, not from our table. */
static const char assigned[] =
    " 1 20 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237"
    " 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262"
    " 263 264 265 266 267 268 269 27 290 291 297 298 299 30 31 32 33 34 350 351 352 353 354 355 356 357"
    " 358 359 36 370 371 372 373 374 375 376 377 378 380 381 382 383 385 386 387 389 39 40 41 420 421"
    " 423 43 44 45 46 47 48 49 500 501 502 503 504 505 506 507 508 509 51 52 53 54 55 56 57 58 590 591"
    " 592 593 594 595 596 597 598 599 60 61 62 63 64 65 66 670 672 673 674 675 676 677 678 679 680 681"
    " 682 683 685 686 687 688 689 690 691 692 7 81 82 84 850 852 853 855 856 86 880 886 90 91 92 93 94"
    " 95 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 98 992 993 994 995 996 998"
    " 800 808 870 878 881 882 883 888 979"
    /* assigned to the Vatican City and used within Italy's numbers */
    " 379 ";

static bool is_assigned(const char prefix[4])
{
    for (int digits = 1; digits <= 3; digits++) {
        char wanted[6];

        (void)snprintf(wanted, sizeof(wanted), " %.*s ", digits, prefix);
        if (strstr(assigned, wanted)) {
            return true;
        }
    }
    return false;
}

static void test_typed(apr_pool_t *pool)
{
    static const char *const good[][2] = {
        {"+886912345678", "+886912345678"},
        {"+886 912 345 678", "+886912345678"},
        {"+886-912-345-678", "+886912345678"},
        {" +886.912.345.678 ", "+886912345678"},
        {"+886 (912) 345-678", "+886912345678"},
        {"(+886) 912 345 678", "+886912345678"},
        {"+ 886 912345678", "+886912345678"},
        {"00886912345678", "+886912345678"},
        {"00 886 912 345 678", "+886912345678"},
        {"0 0 886 912345678", "+886912345678"},
        {"+886 (0)912 345 678", "+886912345678"},
        {"+886 [0] 912 345 678", "+886912345678"},
        {"+886( 0 )912345678", "+886912345678"},
        {"00886 (0)912 345 678", "+886912345678"},
        {"+44 (0)20 7183 8750", "+442071838750"},
        {"+49 (0)30/123456", "+4930123456"},
        {"+1 (415) 555-2671", "+14155552671"},
        {"+1.415.555.2671", "+14155552671"},
        {"+886\xc2\xa0"
         "912\xc2\xa0"
         "345\xc2\xa0"
         "678",
         "+886912345678"},
        {"+886\xe2\x80\x91"
         "912\xe2\x80\x93"
         "345678",
         "+886912345678"},
        {"\xe2\x80\xaa+886 912 345 678\xe2\x80\xac", "+886912345678"}, /* as address books paste it */
        {"\xef\xbc\x8b\xef\xbc\x98\xef\xbc\x98\xef\xbc\x96 912345678", "+886912345678"},
        {"\xef\xbc\x8b"
         "886\xef\xbc\x88\xef\xbc\x90\xef\xbc\x89"
         "912345678",
         "+886912345678"},
        {"+\xd9\xa8\xd9\xa8\xd9\xa6"
         "912345678",
         "+886912345678"},
        {"+6834002", "+6834002"},
        {"+123456789012345", "+123456789012345"},
        {"+39 06 1234 5678", "+390612345678"},   /* no trunk prefix in Italy: the 0 belongs to the number, */
        {"+39 (0)6 1234 5678", "+390612345678"}, /* and in parentheses too */
        {"+225 07 12 34 56 78", "+2250712345678"},
        {"+229 01 95 12 34 56", "+2290195123456"},
        {"+242 06 612 3456", "+242066123456"},
        {"+886 9(0)1234567", "+886901234567"}, /* no trunk zero, so a digit as any other */
    };
    const char *phone, *reason;

    for (apr_size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        reason = "unset";
        is_int(cloudep_normalize_phone(&phone, &reason, good[i][0], pool), APR_SUCCESS, good[i][0]);
        is_str(phone, good[i][1], "becomes E.164");
        is_str(reason, NULL, "without a reason against it");
        ok(phone && cloudep_is_phone(phone), "which is its own form");
    }
}

static void test_refused(apr_pool_t *pool)
{
    static const char *const bad[][2] = {
        {"", malformed},
        {" ", malformed},
        {"+", malformed},
        {"()", malformed},
        {"++886912345678", malformed},
        {"+886+912345678", malformed},
        {"886+912345678", malformed},
        {"+8869abcdefg", malformed},
        {"+886912345678;ext=1", malformed},
        {"+886912345678 x12", malformed},
        {"tel:+886912345678", malformed},
        {"+886912345678,", malformed},
        {"+8869123456\xff", malformed},
        {"+886 912345678\x01", malformed},
        {"0912345678", no_country},
        {"886912345678", no_country},
        {"(0)912345678", no_country},
        {"01186912345678", no_country},
        {"+0912345678", unassigned},
        {"+00886912345678", unassigned},
        {"00", unassigned},
        {"+21012345678", unassigned},
        {"+999123456789", unassigned},
        {"+8860912345678", trunk_zero},
        {"+886 0912 345 678", trunk_zero},
        {"008860912345678", trunk_zero},
        {"+886 (0)0912345678", trunk_zero},
        {"+886 (09)12345678", trunk_zero},
        {"+4402071838750", trunk_zero},
        {"+10123456789", trunk_zero},
        {"+123456", bad_length},
        {"+886", bad_length},
        {"+1234567890123456", bad_length},
        {"+8869123456789012345678901234567890", bad_length},
    };
    const char *phone, *reason;

    for (apr_size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        phone = "unset";
        is_int(cloudep_normalize_phone(&phone, &reason, bad[i][0], pool), CLOUDEP_EMALFORMED, bad[i][0]);
        is_str(phone, NULL, "has no form");
        is_str(reason, bad[i][1], "and a reason");
    }
}

static void test_form(void)
{
    static const char *const bad[] = {"",
                                      "+",
                                      "886912345678",
                                      "+886 912345678",
                                      "+886912345678\n",
                                      "+8860912345678",
                                      "+123456",
                                      "+1234567890123456",
                                      "+\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6\xd9\xa7",
                                      NULL};
    int wrong = 0;

    for (const char *const *text = bad; *text; text++) {
        ok(!cloudep_is_phone(*text), "is not in the form: %s", *text);
    }
    for (int i = 0; i < 1000; i++) {
        const char prefix[4] = {(char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10)};

        if ((cloudep_phone_code_length(prefix) > 0) != is_assigned(prefix)) {
            wrong++;
            printf("# +%s...: wanted %d\n", prefix, is_assigned(prefix));
        }
    }
    is_int(wrong, 0, "of the 1000 first digits exactly those of an assigned country code are known");
}

/* An example of a mobile number of each country, as libphonenumber has them; but Gabon's there has the 0 of before
 * 2019, which is a trunk prefix now. */
static const char *const mobiles[][2] = {
    {"AC", "+24740123"},      {"AD", "+376312345"},     {"AE", "+971501234567"},  {"AF", "+93701234567"},
    {"AG", "+12684641234"},   {"AI", "+12642351234"},   {"AL", "+355672123456"},  {"AM", "+37477123456"},
    {"AO", "+244923123456"},  {"AR", "+5491123456789"}, {"AS", "+16847331234"},   {"AT", "+43664123456"},
    {"AU", "+61412345678"},   {"AW", "+2975601234"},    {"AX", "+358412345678"},  {"AZ", "+994401234567"},
    {"BA", "+38761123456"},   {"BB", "+12462501234"},   {"BD", "+8801812345678"}, {"BE", "+32450001234"},
    {"BF", "+22670123456"},   {"BG", "+35943012345"},   {"BH", "+97336001234"},   {"BI", "+25779561234"},
    {"BJ", "+2290195123456"}, {"BL", "+590690001234"},  {"BM", "+14413701234"},   {"BN", "+6737123456"},
    {"BO", "+59171234567"},   {"BQ", "+5993181234"},    {"BR", "+5511961234567"}, {"BS", "+12423591234"},
    {"BT", "+97517123456"},   {"BW", "+26771123456"},   {"BY", "+375294911911"},  {"BZ", "+5016221234"},
    {"CA", "+15062345678"},   {"CC", "+61412345678"},   {"CD", "+243991234567"},  {"CF", "+23670012345"},
    {"CG", "+242061234567"},  {"CH", "+41781234567"},   {"CI", "+2250123456789"}, {"CK", "+68271234"},
    {"CL", "+56221234567"},   {"CM", "+237671234567"},  {"CN", "+8613123456789"}, {"CO", "+573211234567"},
    {"CR", "+50683123456"},   {"CU", "+5351234567"},    {"CV", "+2389911234"},    {"CW", "+59995181234"},
    {"CX", "+61412345678"},   {"CY", "+35796123456"},   {"CZ", "+420601123456"},  {"DE", "+4915123456789"},
    {"DJ", "+25377831001"},   {"DK", "+4534412345"},    {"DM", "+17672251234"},   {"DO", "+18092345678"},
    {"DZ", "+213551234567"},  {"EC", "+593991234567"},  {"EE", "+37251234567"},   {"EG", "+201001234567"},
    {"EH", "+212650123456"},  {"ER", "+2917123456"},    {"ES", "+34612345678"},   {"ET", "+251911234567"},
    {"FI", "+358412345678"},  {"FJ", "+6797012345"},    {"FK", "+50051234"},      {"FM", "+6913501234"},
    {"FO", "+298211234"},     {"FR", "+33612345678"},   {"GA", "+24177123456"},   {"GB", "+447400123456"},
    {"GD", "+14734031234"},   {"GE", "+995555123456"},  {"GF", "+594694201234"},  {"GG", "+447781123456"},
    {"GH", "+233231234567"},  {"GI", "+35057123456"},   {"GL", "+299221234"},     {"GM", "+2203012345"},
    {"GN", "+224601123456"},  {"GP", "+590690001234"},  {"GQ", "+240222123456"},  {"GR", "+306912345678"},
    {"GT", "+50251234567"},   {"GU", "+16713001234"},   {"GW", "+245955012345"},  {"GY", "+5926091234"},
    {"HK", "+85251234567"},   {"HN", "+50491234567"},   {"HR", "+385921234567"},  {"HT", "+50934101234"},
    {"HU", "+36201234567"},   {"ID", "+62812345678"},   {"IE", "+353850123456"},  {"IL", "+972502345678"},
    {"IM", "+447924123456"},  {"IN", "+918123456789"},  {"IO", "+2463801234"},    {"IQ", "+9647912345678"},
    {"IR", "+989123456789"},  {"IS", "+3546111234"},    {"IT", "+393123456789"},  {"JE", "+447797712345"},
    {"JM", "+18762101234"},   {"JO", "+962790123456"},  {"JP", "+819012345678"},  {"KE", "+254712123456"},
    {"KG", "+996700123456"},  {"KH", "+85591234567"},   {"KI", "+68672001234"},   {"KM", "+2693212345"},
    {"KN", "+18697652917"},   {"KP", "+8501921234567"}, {"KR", "+821020000000"},  {"KW", "+96550012345"},
    {"KY", "+13453231234"},   {"KZ", "+77710009998"},   {"LA", "+8562023123456"}, {"LB", "+96171123456"},
    {"LC", "+17582845678"},   {"LI", "+423660234567"},  {"LK", "+94712345678"},   {"LR", "+231770123456"},
    {"LS", "+26650123456"},   {"LT", "+37061234567"},   {"LU", "+352628123456"},  {"LV", "+37121234567"},
    {"LY", "+218912345678"},  {"MA", "+212650123456"},  {"MC", "+377612345678"},  {"MD", "+37362112345"},
    {"ME", "+38260123456"},   {"MF", "+590690001234"},  {"MG", "+261321234567"},  {"MH", "+6922351234"},
    {"MK", "+38972345678"},   {"ML", "+22365012345"},   {"MM", "+9592123456"},    {"MN", "+97688123456"},
    {"MO", "+85366123456"},   {"MP", "+16702345678"},   {"MQ", "+596696201234"},  {"MR", "+22222123456"},
    {"MS", "+16644923456"},   {"MT", "+35696961234"},   {"MU", "+23052512345"},   {"MV", "+9607712345"},
    {"MW", "+265991234567"},  {"MX", "+522221234567"},  {"MY", "+60123456789"},   {"MZ", "+258821234567"},
    {"NA", "+264811234567"},  {"NC", "+687751234"},     {"NE", "+22793123456"},   {"NF", "+672381234"},
    {"NG", "+2348021234567"}, {"NI", "+50581234567"},   {"NL", "+31612345678"},   {"NO", "+4740612345"},
    {"NP", "+9779841234567"}, {"NR", "+6745551234"},    {"NU", "+6838884012"},    {"NZ", "+64211234567"},
    {"OM", "+96892123456"},   {"PA", "+50761234567"},   {"PE", "+51912345678"},   {"PF", "+68987123456"},
    {"PG", "+67570123456"},   {"PH", "+639051234567"},  {"PK", "+923012345678"},  {"PL", "+48512345678"},
    {"PM", "+508551234"},     {"PR", "+17872345678"},   {"PS", "+970599123456"},  {"PT", "+351912345678"},
    {"PW", "+6806201234"},    {"PY", "+595961456789"},  {"QA", "+97433123456"},   {"RE", "+262692123456"},
    {"RO", "+40712034567"},   {"RS", "+381601234567"},  {"RU", "+79123456789"},   {"RW", "+250720123456"},
    {"SA", "+966512345678"},  {"SB", "+6777421234"},    {"SC", "+2482510123"},    {"SD", "+249911231234"},
    {"SE", "+46701234567"},   {"SG", "+6581234567"},    {"SH", "+29051234"},      {"SI", "+38631234567"},
    {"SJ", "+4741234567"},    {"SK", "+421912123456"},  {"SL", "+23225123456"},   {"SM", "+37866661212"},
    {"SN", "+221701234567"},  {"SO", "+25271123456"},   {"SR", "+5977412345"},    {"SS", "+211977123456"},
    {"ST", "+2399812345"},    {"SV", "+50370123456"},   {"SX", "+17215205678"},   {"SY", "+963944567890"},
    {"SZ", "+26876123456"},   {"TA", "+2908999"},       {"TC", "+16492311234"},   {"TD", "+23563012345"},
    {"TG", "+22890112345"},   {"TH", "+66812345678"},   {"TJ", "+992917123456"},  {"TK", "+6907290"},
    {"TL", "+67077212345"},   {"TM", "+99366123456"},   {"TN", "+21620123456"},   {"TO", "+6767715123"},
    {"TR", "+905012345678"},  {"TT", "+18682911234"},   {"TV", "+688901234"},     {"TW", "+886912345678"},
    {"TZ", "+255621234567"},  {"UA", "+380501234567"},  {"UG", "+256712345678"},  {"US", "+12015550123"},
    {"UY", "+59894231234"},   {"UZ", "+998912345678"},  {"VA", "+393123456789"},  {"VC", "+17844301234"},
    {"VE", "+584121234567"},  {"VG", "+12843001234"},   {"VI", "+13406421234"},   {"VN", "+84912345678"},
    {"VU", "+6785912345"},    {"WF", "+681821234"},     {"WS", "+6857212345"},    {"XK", "+38343201234"},
    {"YE", "+967712345678"},  {"YT", "+262639012345"},  {"ZA", "+27711234567"},   {"ZM", "+260955123456"},
    {"ZW", "+263712345678"},
};

/* How many other countries a mobile number may be in. */
static int companions_of(const char *number)
{
    static const struct {
        const char *code;
        int others;
    } shared[] = {{"+590", 2}, {"+61", 2}, {"+39", 1}, {"+47", 1}, {"+212", 1}, {"+358", 1}};

    for (apr_size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (strncmp(number, shared[i].code, strlen(shared[i].code)) == 0) {
            return shared[i].others;
        }
    }
    return 0;
}

static void test_mobiles(apr_pool_t *pool)
{
    const apr_size_t count = sizeof(mobiles) / sizeof(mobiles[0]);
    const char *phone;

    for (apr_size_t i = 0; i < count; i++) {
        const char *country = mobiles[i][0], *number = mobiles[i][1];
        apr_size_t others = 0;

        is_int(cloudep_normalize_phone(&phone, NULL, number, pool), APR_SUCCESS, number);
        is_str(phone, number, "is in its form");
        ok(cloudep_phone_in_country(number, country), "and in %s", country);
        is_int(cloudep_phone_kind(number), CLOUDEP_PHONE_ORDINARY, "an ordinary number");
        for (apr_size_t j = 0; j < count; j++) {
            others += strcmp(mobiles[j][0], country) != 0 && cloudep_phone_in_country(number, mobiles[j][0]);
        }
        is_int((long long)others, companions_of(number), "and in no other country that its number tells from it");
    }
}

static void test_countries(void)
{
    static const struct {
        const char *number, *country;
        bool in;
    } cases[] = {
        {"+886912345678", "TW", true},  {"+886912345678", "CN", false}, {"+886912345678", "", false},
        {"+886912345678", "tw", false}, {"+14155552671", "US", true},   {"+14155552671", "CA", false},
        {"+16045551234", "CA", true},   {"+16045551234", "US", false},  {"+18765551234", "JM", true},
        {"+18005551234", "US", false},  {"+18005551234", "", false},    {"+18095551234", "DO", true},
        {"+79161234567", "RU", true},   {"+77011234567", "KZ", true},   {"+77011234567", "RU", false},
        {"+447400123456", "GB", true},  {"+447911723456", "GG", true},  {"+447797712345", "JE", true},
        {"+447624123456", "IM", true},  {"+447624123456", "GB", false}, {"+441534123456", "JE", true},
        {"+390669812345", "VA", true},  {"+390612345678", "IT", true},  {"+390669812345", "IT", false},
        {"+590690001234", "GP", true},  {"+590690001234", "MF", true},  {"+870773111632", "US", false},
        {"+4779123456", "SJ", true},    {"+4779123456", "NO", false},   {"+393123456789", "VA", true},
        {"+4740612345", "NO", true},    {"+358181234567", "AX", true},  {"+5993181234", "BQ", true},
        {"+59995181234", "CW", true},   {"+38343201234", "XK", true},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ok(cloudep_phone_in_country(cases[i].number, cases[i].country) == cases[i].in, "%s is %sin '%s'",
           cases[i].number, cases[i].in ? "" : "not ", cases[i].country);
    }
    ok(cloudep_phone_is_country("TW") && cloudep_phone_is_country("XK"), "countries");
    ok(!cloudep_phone_is_country("") && !cloudep_phone_is_country("UK") && !cloudep_phone_is_country("tw") &&
           !cloudep_phone_is_country("TWN"),
       "and what is none");
}

/* The area codes of +1 that the Canadian Numbering Administrator has given out, and those of no country. */
static void test_north_america(void)
{
    static const char canada[] = "204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428 431 "
                                 "437 438 450 468 474 506 514 519 548 579 581 584 587 604 613 639 647 672 683 705 709 "
                                 "742 753 778 780 782 807 819 825 867 873 879 902 905 942";
    static const char nobody[] = "500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588 800 833 844 855 866 "
                                 "877 888 900";
    char number[] = "+10005551234";
    int wrong = 0;

    for (const char *code = canada; strlen(code) >= 3; code += code[3] ? 4 : 3) {
        memcpy(number + 2, code, 3);
        if (!cloudep_phone_in_country(number, "CA") || cloudep_phone_in_country(number, "US")) {
            printf("# %s\n", number);
            wrong++;
        }
    }
    is_int(wrong, 0, "every area code of Canada is Canada's alone");
    for (const char *code = nobody; strlen(code) >= 3; code += code[3] ? 4 : 3) {
        memcpy(number + 2, code, 3);
        if (cloudep_phone_in_country(number, "CA") || cloudep_phone_in_country(number, "US") ||
            cloudep_phone_kind(number) == CLOUDEP_PHONE_ORDINARY) {
            printf("# %s\n", number);
            wrong++;
        }
    }
    is_int(wrong, 0, "the area codes of services are no country's, and their numbers not ordinary");
}

/* Ranges that the plans of some countries keep for services which the caller pays. */
static void test_premium(void)
{
    static const char *const ranges[] = {
        "27862",  "30901",  "31900",  "31906",  "31909",  "32902",  "33892",  "34803", "34806",  "358600",
        "39899",  "41900",  "41901",  "41906",  "420900", "421900", "43900",  "43930", "44871",  "4490",
        "46900",  "46939",  "47820",  "48700",  "49137",  "49900",  "61190",  "81990", "90900",  "972190",
        "852900", "380900", "386892", "351760", "35651",  "370900", "372900", "40900", "381900", "38560",
    };
    int wrong = 0;
    char number[24];

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        (void)snprintf(number, sizeof(number), "+%s123456", ranges[i]);
        if (cloudep_phone_kind(number) != CLOUDEP_PHONE_PREMIUM) {
            printf("# %s\n", number);
            wrong++;
        }
    }
    is_int(wrong, 0, "what the plans of many countries keep for premium services is premium");
}

static void test_kinds(void)
{
    static const struct {
        const char *number;
        cloudep_phone_kind_e kind;
        const char *name;
    } cases[] = {
        {"+886912345678", CLOUDEP_PHONE_ORDINARY, "an ordinary number"},
        {"+979123456789", CLOUDEP_PHONE_PREMIUM, "a premium rate number"},
        {"+19005551234", CLOUDEP_PHONE_PREMIUM, "a premium rate number"},
        {"+449098790123", CLOUDEP_PHONE_PREMIUM, "a premium rate number"},
        {"+33891234567", CLOUDEP_PHONE_PREMIUM, "a premium rate number"},
        {"+81990123456", CLOUDEP_PHONE_PREMIUM, "a premium rate number"},
        {"+886203123456", CLOUDEP_PHONE_PREMIUM, "a premium rate number"},
        {"+80812345678", CLOUDEP_PHONE_SHARED_COST, "a shared cost number"},
        {"+80012345678", CLOUDEP_PHONE_TOLL_FREE, "a toll-free number"},
        {"+18885551234", CLOUDEP_PHONE_TOLL_FREE, "a toll-free number"},
        {"+878101234567890", CLOUDEP_PHONE_PERSONAL, "a number that is forwarded to others"},
        {"+447012345678", CLOUDEP_PHONE_PERSONAL, "a number that is forwarded to others"},
        {"+15005551234", CLOUDEP_PHONE_PERSONAL, "a number that is forwarded to others"},
        {"+870773111632", CLOUDEP_PHONE_SATELLITE, "a satellite telephone"},
        {"+881612345678", CLOUDEP_PHONE_SATELLITE, "a satellite telephone"},
        {"+8821612345678", CLOUDEP_PHONE_NETWORK, "a number of an international network"},
        {"+883510012345", CLOUDEP_PHONE_NETWORK, "a number of an international network"},
        {"+88812345678", CLOUDEP_PHONE_NETWORK, "a number of an international network"},
    };

    for (apr_size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(cloudep_phone_kind(cases[i].number), cases[i].kind, cases[i].number);
        is_str(cloudep_phone_kind_name(cases[i].kind), cases[i].name, "is named");
    }
}

int main(void)
{
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_typed(pool);
    test_refused(pool);
    test_form();
    test_mobiles(pool);
    test_countries();
    test_north_america();
    test_premium();
    test_kinds();
    apr_terminate();
    return done_testing();
}
