/*
 * tree.h - httpd's tree of directives while it starts: what other modules were told, and how places lie in each other.
 */
#ifndef CLOUDEP_TREE_H
#define CLOUDEP_TREE_H

#include <httpd.h>
#include <http_config.h>

/** The first argument of a directive that holds for a server: the last in its virtual host, or else outside; or NULL.
 */
const char *cloudep_tree_argument(const server_rec *s, const char *name, apr_pool_t *p);

/** Whether there is such a directive anywhere. */
int cloudep_tree_has(const char *name);

/** The first argument of a node of the tree; of a section without its ">". */
const char *cloudep_tree_word(const ap_directive_t *node, apr_pool_t *p);

/** Called with a node of the tree. */
typedef void (*cloudep_tree_fn)(const ap_directive_t *node, apr_pool_t *p, void *baton);

/** Calls fn for each directive of that name in a part of the tree, in its order. */
void cloudep_tree_each(const ap_directive_t *node, const char *name, apr_pool_t *p, cloudep_tree_fn fn, void *baton);

#endif
