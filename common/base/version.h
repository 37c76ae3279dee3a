/*
 * version.h - which release this is; CHANGELOG.md says what changed in each.
 *
 * The modules write it to the error log at start (CE12) and cloudepctl prints it. It is in no header of an answer:
 * whoever attacks a server need not be told what it runs.
 */
#ifndef CLOUDEP_VERSION_H
#define CLOUDEP_VERSION_H

#define CLOUDEP_VERSION "1.1.0" /* semver.org */

#endif
