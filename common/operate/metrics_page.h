/*
 * metrics_page.h - CloudEPServe metrics: what was counted, for Prometheus; and a section of mod_status.
 *
 * GET MOUNT answers OpenMetrics where Accept has it, else Prometheus' text format. What has to be asked of the database
 * is asked once in 15 seconds, whoever comes.
 */
#ifndef CLOUDEP_METRICS_PAGE_H
#define CLOUDEP_METRICS_PAGE_H

#include <httpd.h>

void cloudep_metrics_page_register_hooks(apr_pool_t *p);

#endif
