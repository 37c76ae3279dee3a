/*
 * breached_private.h - the form of the file, for breached.c and breached_import.c.
 */
#ifndef CLOUDEP_BREACHED_PRIVATE_H
#define CLOUDEP_BREACHED_PRIVATE_H

#define BREACHED_MAGIC "CEBREACH"
#define BREACHED_WORD 8 /* bytes of each hash, and of each word of the header */
#define BREACHED_HEADER (3 * BREACHED_WORD)

#endif
