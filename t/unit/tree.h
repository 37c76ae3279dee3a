/*
 * tree.h - the tree of a configuration as httpd's parser makes it of its lines, for tests without httpd.
 *
 *     ap_conftree = tree_of(pool, "DBDMax 4\n<VirtualHost *:1>\nDBDMax 2\n</VirtualHost>\n");
 */
#ifndef CLOUDEP_TEST_TREE_H
#define CLOUDEP_TEST_TREE_H

#include <httpd.h>
#include <http_config.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

AP_DECLARE_DATA ap_directive_t *ap_conftree;

/* A word, or what stands in quotes. */
AP_DECLARE(char *) ap_getword_conf(apr_pool_t *p, const char **line)
{
    const char *first = *line + strspn(*line, " ");
    const char quote = *first == '"' || *first == '\'' ? *first : '\0';
    const char *begin = quote ? first + 1 : first;
    const char *end = quote ? strchr(begin, quote) : begin + strcspn(begin, " ");

    end = end ? end : begin + strlen(begin);
    *line = end + (quote && *end);
    *line += strspn(*line, " ");
    return apr_pstrmemdup(p, begin, (apr_size_t)(end - begin));
}

/** Directives and sections, one a line, which begin at line 1 of the file "test.conf". */
static inline ap_directive_t *tree_of(apr_pool_t *p, const char *text)
{
    ap_directive_t *root = NULL, *parent = NULL, *last = NULL;
    char *rest = apr_pstrdup(p, text);
    int number = 0;

    for (char *line = apr_strtok(rest, "\n", &rest); line; line = apr_strtok(NULL, "\n", &rest)) {
        const size_t name = strcspn(line, " ");
        ap_directive_t *node;

        number++;
        if (!strncmp(line, "</", 2)) {
            last = parent;
            parent = parent ? parent->parent : NULL;
            continue;
        }
        node = apr_pcalloc(p, sizeof(*node));
        *node = (ap_directive_t){.directive = apr_pstrmemdup(p, line, name),
                                 .args = line + name + (line[name] != '\0'),
                                 .parent = parent,
                                 .filename = "test.conf",
                                 .line_num = number};
        *(last ? &last->next : parent ? &parent->first_child : &root) = node;
        last = *line == '<' ? NULL : node;
        parent = *line == '<' ? node : parent;
    }
    return root;
}

#endif
