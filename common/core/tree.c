/*
 * tree.c - see tree.h.
 */
#include "core/tree.h"

#include <string.h>

/* The last directive of that name in a part of the tree; that of a virtual host only below its own node. */
static const ap_directive_t *find(const ap_directive_t *node, const char *name, int hosts)
{
    const ap_directive_t *found = NULL;

    for (; node; node = node->next) {
        const int is_host = !strcasecmp(node->directive, "<VirtualHost");
        const ap_directive_t *below = !is_host || hosts ? find(node->first_child, name, hosts) : NULL;

        if (below) {
            found = below;
        }
        if (!strcasecmp(node->directive, name)) {
            found = node;
        }
    }
    return found;
}

/* The node of a virtual host. */
static const ap_directive_t *host_node(const ap_directive_t *node, const server_rec *s)
{
    for (; node; node = node->next) {
        const ap_directive_t *below;

        if (!strcasecmp(node->directive, "<VirtualHost") && node->line_num == (int)s->defn_line_number &&
            s->defn_name && !strcmp(node->filename, s->defn_name)) {
            return node;
        }
        below = host_node(node->first_child, s);
        if (below) {
            return below;
        }
    }
    return NULL;
}

const char *cloudep_tree_argument(const server_rec *s, const char *name, apr_pool_t *p)
{
    const ap_directive_t *host = s->is_virtual ? host_node(ap_conftree, s) : NULL;
    const ap_directive_t *found = host ? find(host->first_child, name, 0) : NULL;
    const char *words;

    if (!found) {
        found = find(ap_conftree, name, 0);
    }
    if (!found) {
        return NULL;
    }
    words = found->args;
    return ap_getword_conf(p, &words);
}

int cloudep_tree_has(const char *name)
{
    return find(ap_conftree, name, 1) != NULL;
}

const char *cloudep_tree_word(const ap_directive_t *node, apr_pool_t *p)
{
    const char *words = node->args;
    char *word = ap_getword_conf(p, &words);
    const apr_size_t length = strlen(word);

    if (*node->directive == '<' && length && word[length - 1] == '>') {
        word[length - 1] = '\0';
    }
    return word;
}

void cloudep_tree_each(const ap_directive_t *node, const char *name, apr_pool_t *p, cloudep_tree_fn fn, void *baton)
{
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, name)) {
            fn(node, p, baton);
        }
        cloudep_tree_each(node->first_child, name, p, fn, baton);
    }
}
