/*
 * module.h - for files that speak to httpd: the module record, and log lines under its name.
 */
#ifndef CLOUDEP_MODULE_H
#define CLOUDEP_MODULE_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>
#include "core/log.h"

extern module AP_MODULE_DECLARE_DATA cloudep_module;
#ifndef CLOUDEP_RECORD_HERE /* the file with the module record declares it by that */
APLOG_USE_MODULE(cloudep);
#endif

#endif
