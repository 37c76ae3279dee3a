/*
 * export.h - what mod_cloudep.so shows to the modules loaded after it.
 *
 * Everything is compiled with hidden visibility; CLOUDEP_DECLARE marks the exceptions. The two content
 * modules are linked against nothing: httpd's loader resolves these names when LoadModule runs, as for
 * mod_proxy and its protocol modules.
 */
#ifndef CLOUDEP_EXPORT_H
#define CLOUDEP_EXPORT_H

#define CLOUDEP_DECLARE(type) __attribute__((visibility("default"))) type

#endif
