/*
 * phone_plan.c - the tables, see the header for where they are from, and the search for the longest prefix in them.
 */
#include "base/text/phone_plan.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Prefixes of E.164 numbers with a space between two. The longest one that fits decides; the shortest that fits is
 * the country code, since no code is the beginning of another. No country: services that belong to none. */
static const struct {
    const char country[3];
    const char *prefixes;
} countries[] = {
    {"US", "1"},
    {"", "1500 1521 1522 1523 1524 1525 1526 1527 1528 1529 1532 1533 1544 1566 1577 1588 1800 1833 1844 1855 "
         "1866 1877 1888 1900"},
    {"AG", "1268"},
    {"AI", "1264"},
    {"AS", "1684"},
    {"BB", "1246"},
    {"BM", "1441"},
    {"BS", "1242"},
    {"CA", "1204 1226 1236 1249 1250 1257 1263 1273 1289 1306 1343 1354 1365 1367 1368 1382 1403 1416 1418 1428 "
           "1431 1437 1438 1450 1468 1474 1506 1514 1519 1548 1579 1581 1584 1587 1604 1613 1639 1647 1672 1683 "
           "1705 1709 1742 1753 1778 1780 1782 1807 1819 1825 1867 1873 1879 1902 1905 1942"},
    {"DM", "1767"},
    {"DO", "1809 1829 1849"},
    {"GD", "1473"},
    {"GU", "1671"},
    {"JM", "1658 1876"},
    {"KN", "1869"},
    {"KY", "1345"},
    {"LC", "1758"},
    {"MP", "1670"},
    {"MS", "1664"},
    {"PR", "1787 1939"},
    {"SX", "1721"},
    {"TC", "1649"},
    {"TT", "1868"},
    {"VC", "1784"},
    {"VG", "1284"},
    {"VI", "1340"},
    {"EG", "20"},
    {"SS", "211"},
    {"MA", "212"},
    {"EH", "212 2125288 2125289"},
    {"DZ", "213"},
    {"TN", "216"},
    {"LY", "218"},
    {"GM", "220"},
    {"SN", "221"},
    {"MR", "222"},
    {"ML", "223"},
    {"GN", "224"},
    {"CI", "225"},
    {"BF", "226"},
    {"NE", "227"},
    {"TG", "228"},
    {"BJ", "229"},
    {"MU", "230"},
    {"LR", "231"},
    {"SL", "232"},
    {"GH", "233"},
    {"NG", "234"},
    {"TD", "235"},
    {"CF", "236"},
    {"CM", "237"},
    {"CV", "238"},
    {"ST", "239"},
    {"GQ", "240"},
    {"GA", "241"},
    {"CG", "242"},
    {"CD", "243"},
    {"AO", "244"},
    {"GW", "245"},
    {"IO", "246"},
    {"AC", "247"},
    {"SC", "248"},
    {"SD", "249"},
    {"RW", "250"},
    {"ET", "251"},
    {"SO", "252"},
    {"DJ", "253"},
    {"KE", "254"},
    {"TZ", "255"},
    {"UG", "256"},
    {"BI", "257"},
    {"MZ", "258"},
    {"ZM", "260"},
    {"MG", "261"},
    {"RE", "262"},
    {"YT", "262269 262639 2627093"},
    {"ZW", "263"},
    {"NA", "264"},
    {"MW", "265"},
    {"LS", "266"},
    {"BW", "267"},
    {"SZ", "268"},
    {"KM", "269"},
    {"ZA", "27"},
    {"SH", "290"},
    {"TA", "2908"},
    {"ER", "291"},
    {"AW", "297"},
    {"FO", "298"},
    {"GL", "299"},
    {"GR", "30"},
    {"NL", "31"},
    {"BE", "32"},
    {"FR", "33"},
    {"ES", "34"},
    {"GI", "350"},
    {"PT", "351"},
    {"LU", "352"},
    {"IE", "353"},
    {"IS", "354"},
    {"AL", "355"},
    {"MT", "356"},
    {"CY", "357"},
    {"FI", "358"},
    {"AX", "358 35818"},
    {"BG", "359"},
    {"HU", "36"},
    {"LT", "370"},
    {"LV", "371"},
    {"EE", "372"},
    {"MD", "373"},
    {"AM", "374"},
    {"BY", "375"},
    {"AD", "376"},
    {"MC", "377"},
    {"SM", "378"},
    {"UA", "380"},
    {"RS", "381"},
    {"ME", "382"},
    {"XK", "383"},
    {"HR", "385"},
    {"SI", "386"},
    {"BA", "387"},
    {"MK", "389"},
    {"IT", "39"},
    {"VA", "39 379 3906698"},
    {"RO", "40"},
    {"CH", "41"},
    {"CZ", "420"},
    {"SK", "421"},
    {"LI", "423"},
    {"AT", "43"},
    {"GB", "44"},
    {"GG", "441481 447781 447839 4479111 4479117"},
    {"IM", "441624 4474576 447524 447624 447924"},
    {"JE", "441534 4477003 4477007 4477008 447509 447797 447829 447937"},
    {"DK", "45"},
    {"SE", "46"},
    {"NO", "47"},
    {"SJ", "47 4779"},
    {"PL", "48"},
    {"DE", "49"},
    {"FK", "500"},
    {"BZ", "501"},
    {"GT", "502"},
    {"SV", "503"},
    {"HN", "504"},
    {"NI", "505"},
    {"CR", "506"},
    {"PA", "507"},
    {"PM", "508"},
    {"HT", "509"},
    {"PE", "51"},
    {"MX", "52"},
    {"CU", "53"},
    {"AR", "54"},
    {"BR", "55"},
    {"CL", "56"},
    {"CO", "57"},
    {"VE", "58"},
    {"GP", "590"},
    {"BL", "590"},
    {"MF", "590"},
    {"BO", "591"},
    {"GY", "592"},
    {"EC", "593"},
    {"GF", "594"},
    {"PY", "595"},
    {"MQ", "596"},
    {"SR", "597"},
    {"UY", "598"},
    {"CW", "599"},
    {"BQ", "5993 5994 5997"},
    {"MY", "60"},
    {"AU", "61"},
    {"CC", "61 6189162"},
    {"CX", "61 6189164"},
    {"ID", "62"},
    {"PH", "63"},
    {"NZ", "64"},
    {"SG", "65"},
    {"TH", "66"},
    {"TL", "670"},
    {"NF", "672"},
    {"BN", "673"},
    {"NR", "674"},
    {"PG", "675"},
    {"TO", "676"},
    {"SB", "677"},
    {"VU", "678"},
    {"FJ", "679"},
    {"PW", "680"},
    {"WF", "681"},
    {"CK", "682"},
    {"NU", "683"},
    {"WS", "685"},
    {"KI", "686"},
    {"NC", "687"},
    {"TV", "688"},
    {"PF", "689"},
    {"TK", "690"},
    {"FM", "691"},
    {"MH", "692"},
    {"RU", "7"},
    {"KZ", "77"},
    {"JP", "81"},
    {"KR", "82"},
    {"VN", "84"},
    {"KP", "850"},
    {"HK", "852"},
    {"MO", "853"},
    {"KH", "855"},
    {"LA", "856"},
    {"CN", "86"},
    {"BD", "880"},
    {"TW", "886"},
    {"TR", "90"},
    {"IN", "91"},
    {"PK", "92"},
    {"AF", "93"},
    {"LK", "94"},
    {"MM", "95"},
    {"MV", "960"},
    {"LB", "961"},
    {"JO", "962"},
    {"SY", "963"},
    {"IQ", "964"},
    {"KW", "965"},
    {"SA", "966"},
    {"YE", "967"},
    {"OM", "968"},
    {"PS", "970"},
    {"AE", "971"},
    {"IL", "972"},
    {"BH", "973"},
    {"QA", "974"},
    {"BT", "975"},
    {"MN", "976"},
    {"NP", "977"},
    {"IR", "98"},
    {"TJ", "992"},
    {"TM", "993"},
    {"AZ", "994"},
    {"GE", "995"},
    {"KG", "996"},
    {"UZ", "998"},
    {"", "800"},
    {"", "808"},
    {"", "870"},
    {"", "878"},
    {"", "881"},
    {"", "882"},
    {"", "883"},
    {"", "888"},
    {"", "979"},
};

static const struct {
    cloudep_phone_kind_e kind;
    const char *prefixes;
} kinds[] = {
    {CLOUDEP_PHONE_PREMIUM,
     "979 "
     "1900 20900 21289 213803 213804 213805 213806 213808 213809 21688 221884 221886 221888 221889 22709 "
     "23030 231332 236877 24090 242800 242801 242802 24885 250900 254900 25590 256901 256902 256903 262891 "
     "262892 262893 262897 262898 262899 264870 26790 268900 27862 27863 27864 27865 27866 27867 27868 "
     "27869 2790 2791 2792 297900 298901 298902 298903 298904 298905 298909 30901 30909 31900 31906 31909 "
     "32702 32703 32704 32706 32707 3290 33812 33813 33814 33815 33816 33817 33818 33819 33822 33823 33824 "
     "33827 33828 33829 3383 3385 3386 33880 33881 33882 33883 33885 33886 33887 33888 33889 3389 34803 "
     "34806 34807 351601 351607 351608 351646 351648 351760 351761 351762 352900 352901 352905 354900 "
     "354901 354902 354903 354904 354905 354907 354908 355900 356500 356506 356507 356509 35651 35652 "
     "357900 357909 358600 358700 35990 3690 3691 370900 370902 370903 370909 370910 37190 37240 372900 "
     "373900 373905 373906 374900 374901 374906 375810 375902 37871 37877 37878 380900 38178 381900 381901 "
     "381906 381909 382941 382945 382946 382948 382951 382957 382958 383900 38560 38561 38564 38565 38569 "
     "386891 386892 386893 38690 38790 38792 38794 38796 39144 39163 39164 39166 39892 39893 39894 39895 "
     "39899 40900 40901 40903 40906 41900 41901 41906 420900 420905 420906 420908 420909 420976 421900 "
     "42197 42198 423900 423901 423906 43862 43863 43864 43865 43866 43868 43892 43893 43894 43895 43896 "
     "43898 43900 43901 43930 43931 43939 44842 44843 44844 44845 44870 44871 44872 44873 4490 4491 44980 "
     "44981 44982 44983 44984 44989 4590 46649 46900 46939 46944 46991 46992 46993 46994 46995 46999 47820 "
     "47829 48700 48701 48703 48704 48706 48707 48708 49137 49900 50219 503900 506900 506905 506909 507822 "
     "507855 507860 507877 507878 507886 507900 507981 51805 52900 54600 54604 54605 54607 54609 55500 "
     "55900 57190 57194 57901 58900 58901 59081 59082 59089 592900 59481 59482 59489 59681 59682 59689 "
     "59790 598900 598901 598902 598903 598904 598905 598906 598907 598908 61190 62809 6411 6413 6414 6415 "
     "6417 6418 6419 64500 64503 64506 64507 64508 6490 65190 67090 68736 7803 7809 81990 82602 82603 "
     "82604 82605 82606 82607 82608 82609 84190 852900 86160 86168 88620 90888 90898 90900 92900 966925 "
     "968900 971900 972120 972121 972190 972191 972199 97387 97390 97391 97392 97393 97394 97395 97396 "
     "97397 97398 994900"},
    {CLOUDEP_PHONE_SHARED_COST, "808"},
    {CLOUDEP_PHONE_TOLL_FREE, "800 1800 1833 1844 1855 1866 1877 1888"},
    {CLOUDEP_PHONE_PERSONAL,
     "878 4470 1500 1521 1522 1523 1524 1525 1526 1527 1528 1529 1532 1533 1544 1566 1577 1588"},
    {CLOUDEP_PHONE_SATELLITE, "870 881"},
    {CLOUDEP_PHONE_NETWORK, "882 883 888"},
};

/* The length of the longest (or shortest) of some prefixes that the digits begin with; 0: none. */
static apr_size_t find_prefix(const char *digits, const char *prefixes, bool longest)
{
    apr_size_t found = 0;

    while (*prefixes) {
        const apr_size_t length = strcspn(prefixes, " ");

        if (strncmp(digits, prefixes, length) == 0 && (!found || (length > found) == longest)) {
            found = length;
        }
        prefixes += length;
        prefixes += *prefixes == ' ';
    }
    return found;
}

apr_size_t cloudep_phone_code_length(const char *digits)
{
    apr_size_t shortest = 0;

    for (apr_size_t i = 0; i < COUNT(countries); i++) {
        const apr_size_t length = find_prefix(digits, countries[i].prefixes, false);

        if (length && (!shortest || length < shortest)) {
            shortest = length;
        }
    }
    return shortest;
}

cloudep_phone_kind_e cloudep_phone_kind(const char *phone)
{
    for (apr_size_t i = 0; i < COUNT(kinds); i++) {
        if (find_prefix(phone + 1, kinds[i].prefixes, true)) {
            return kinds[i].kind;
        }
    }
    return CLOUDEP_PHONE_ORDINARY;
}

const char *cloudep_phone_kind_name(cloudep_phone_kind_e kind)
{
    switch (kind) {
    case CLOUDEP_PHONE_ORDINARY:
        break;
    case CLOUDEP_PHONE_PREMIUM:
        return "a premium rate number";
    case CLOUDEP_PHONE_SHARED_COST:
        return "a shared cost number";
    case CLOUDEP_PHONE_TOLL_FREE:
        return "a toll-free number";
    case CLOUDEP_PHONE_PERSONAL:
        return "a number that is forwarded to others";
    case CLOUDEP_PHONE_SATELLITE:
        return "a satellite telephone";
    case CLOUDEP_PHONE_NETWORK:
        return "a number of an international network";
    }
    return "an ordinary number";
}

bool cloudep_phone_in_country(const char *phone, const char *country)
{
    apr_size_t longest = 0;
    bool found = false;

    for (apr_size_t i = 0; i < COUNT(countries); i++) {
        const apr_size_t length = find_prefix(phone + 1, countries[i].prefixes, true);

        if (length > longest) {
            longest = length;
            found = false;
        }
        if (length && length == longest && strcmp(countries[i].country, country) == 0) {
            found = true;
        }
    }
    return found && *country;
}

bool cloudep_phone_is_country(const char *country)
{
    for (apr_size_t i = 0; i < COUNT(countries); i++) {
        if (*country && strcmp(countries[i].country, country) == 0) {
            return true;
        }
    }
    return false;
}
