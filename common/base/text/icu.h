/*
 * icu.h - ICU, which base/text reads languages, regions and domains with, in a process that loads modules again.
 */
#ifndef CLOUDEP_ICU_H
#define CLOUDEP_ICU_H

/**
 * Keeps ICU's libraries in the process for good. httpd unloads its modules at each restart, and with them the
 * libraries that nobody else uses; ICU keeps what it has read in memory that nobody frees then. May be called again.
 */
void cloudep_icu_keep_loaded(void);

#endif
