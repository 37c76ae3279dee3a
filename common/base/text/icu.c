/*
 * icu.c - see icu.h.
 */
#include "base/text/icu.h"

#include <dlfcn.h>
#include <stddef.h>
#include <unicode/uidna.h>
#include <unicode/uregion.h>

/* Keeps the library loaded that has a function at that address. One that cannot be found costs a little memory. */
static void keep(const void *function)
{
    Dl_info info;

    if (dladdr(function, &info) && info.dli_fname) {
        (void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

void cloudep_icu_keep_loaded(void)
{
    /* One function of libicuuc and one of libicui18n; ISO C has no conversion from a function to void *. */
    union {
        UIDNA *(*of_uc)(uint32_t, UErrorCode *);
        const URegion *(*of_i18n)(const char *, UErrorCode *);
        const void *address;
    } function;

    function.of_uc = uidna_openUTS46;
    keep(function.address);
    function.of_i18n = uregion_getRegionFromCode;
    keep(function.address);
}
