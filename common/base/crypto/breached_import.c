/*
 * breached_import.c - makes the file of breached.h.
 *
 * Hashes are written as they come, since lists of a thousand million are in order. One that is not in order has the
 * file sorted at the end, in its mapping, so that it need not fit into memory.
 */
#include "base/crypto/breached.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_mmap.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <stdlib.h>
#include <string.h>
#include "base/crypto/breached_private.h"

#define DIGITS 40 /* of a SHA-1 */
#define PREFIX 5  /* of those, in the name of a file of a range */
#define LINE 256

typedef struct import_t {
    apr_pool_t *pool;
    const char *path; /* of the file that is being made */
    apr_file_t *out;
    apr_int64_t least;
    apr_uint64_t count;
    unsigned char last[BREACHED_WORD];
    int unsorted;
    const char **error;
} import_t;

static void write_word(unsigned char *bytes, apr_uint64_t word)
{
    for (int i = BREACHED_WORD - 1; i >= 0; i--) {
        bytes[i] = (unsigned char)word;
        word >>= 8;
    }
}

static int nibble(char digit)
{
    return apr_isdigit(digit) ? digit - '0' : apr_tolower(digit) - 'a' + 10;
}

static apr_size_t hex_digits(const char *text)
{
    return strspn(text, "0123456789abcdefABCDEF");
}

static apr_status_t add(import_t *import, const char *digits)
{
    unsigned char entry[BREACHED_WORD];
    int order;

    for (int i = 0; i < BREACHED_WORD; i++) {
        entry[i] = (unsigned char)(nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]));
    }
    order = import->count ? memcmp(import->last, entry, BREACHED_WORD) : -1;
    if (!order) {
        return APR_SUCCESS;
    }
    import->unsorted |= order > 0;
    import->count++;
    memcpy(import->last, entry, BREACHED_WORD);
    return apr_file_write_full(import->out, entry, BREACHED_WORD, NULL);
}

/* A line of a file whose hashes all begin with prefix. CLOUDEP_EMALFORMED: it is none. */
static apr_status_t read_line(import_t *import, const char *prefix, const char *line)
{
    char digits[DIGITS + 1];
    const apr_size_t length = hex_digits(line);
    apr_int64_t seen = 1;
    char *end;

    if (!*line) {
        return APR_SUCCESS;
    }
    if (length != DIGITS - strlen(prefix) || (line[length] && line[length] != ':')) {
        return CLOUDEP_EMALFORMED;
    }
    if (line[length]) {
        seen = apr_strtoi64(line + length + 1, &end, 10);
        if (!apr_isdigit(line[length + 1]) || *end) {
            return CLOUDEP_EMALFORMED;
        }
    }
    (void)apr_snprintf(digits, sizeof(digits), "%s%.*s", prefix, (int)length, line);
    return seen >= import->least ? add(import, digits) : APR_SUCCESS;
}

/* The digits that the name of a file of a range is, "" for any other. */
static const char *prefix_of(apr_pool_t *p, const char *path)
{
    const char *name = apr_filepath_name_get(path);
    const apr_size_t length = hex_digits(name);

    return length == PREFIX && (!name[length] || !strcmp(name + length, ".txt")) ? apr_pstrmemdup(p, name, length) : "";
}

static apr_status_t read_file(import_t *import, apr_pool_t *p, const char *path)
{
    const char *prefix = prefix_of(p, path);
    char line[LINE];
    char reason[128];
    apr_file_t *file;
    apr_uint64_t number = 0;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BUFFERED, APR_FPROT_OS_DEFAULT, p);

    while (rv == APR_SUCCESS && (rv = apr_file_gets(line, sizeof(line), file)) == APR_SUCCESS) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        rv = read_line(import, prefix, line);
    }
    if (APR_STATUS_IS_EOF(rv)) {
        return apr_file_close(file);
    }
    *import->error =
        rv == CLOUDEP_EMALFORMED
            ? apr_psprintf(import->pool, "%s: line %" APR_UINT64_T_FMT ": is not a SHA-1 with its count", path, number)
            : apr_psprintf(import->pool, "%s: %s", path, apr_strerror(rv, reason, sizeof(reason)));
    return rv;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files of a folder in the order of their names, or the file itself. */
static apr_status_t list_files(apr_array_header_t **files, apr_pool_t *p, const char *path)
{
    apr_dir_t *dir;
    apr_finfo_t entry;
    apr_status_t rv = apr_stat(&entry, path, APR_FINFO_TYPE, p);

    *files = apr_array_make(p, 16, sizeof(const char *));
    if (rv != APR_SUCCESS || entry.filetype != APR_DIR) {
        APR_ARRAY_PUSH(*files, const char *) = path;
        return APR_SUCCESS; /* to be told when it is opened */
    }
    if ((rv = apr_dir_open(&dir, path, p)) != APR_SUCCESS) {
        return rv;
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (*entry.name != '.') {
            APR_ARRAY_PUSH(*files, const char *) = apr_pstrcat(p, path, "/", entry.name, NULL);
        }
    }
    (void)apr_dir_close(dir);
    qsort((*files)->elts, (size_t)(*files)->nelts, sizeof(const char *), by_name);
    return APR_SUCCESS;
}

static apr_status_t read_source(import_t *import, const char *path)
{
    apr_array_header_t *files;
    apr_pool_t *one;
    apr_status_t rv = list_files(&files, import->pool, path);

    apr_pool_create(&one, import->pool);
    for (int i = 0; rv == APR_SUCCESS && i < files->nelts; i++) {
        apr_pool_clear(one);
        rv = read_file(import, one, APR_ARRAY_IDX(files, i, const char *));
    }
    return rv;
}

static int by_entry(const void *a, const void *b)
{
    return memcmp(a, b, BREACHED_WORD);
}

/* Sorts what was written, each hash once. APR maps no file that it buffers, so this is another handle. */
static apr_status_t sort(import_t *import)
{
    const apr_size_t size = BREACHED_HEADER + (apr_size_t)import->count * BREACHED_WORD;
    apr_file_t *file;
    apr_mmap_t *mapped;
    unsigned char *entries;
    apr_uint64_t kept = 1;
    apr_status_t rv =
        apr_file_open(&file, import->path, APR_FOPEN_READ | APR_FOPEN_WRITE, APR_FPROT_OS_DEFAULT, import->pool);

    if (rv != APR_SUCCESS ||
        (rv = apr_mmap_create(&mapped, file, 0, size, APR_MMAP_READ | APR_MMAP_WRITE, import->pool)) != APR_SUCCESS) {
        return rv;
    }
    entries = (unsigned char *)mapped->mm + BREACHED_HEADER;
    qsort(entries, (size_t)import->count, BREACHED_WORD, by_entry);
    for (apr_uint64_t i = 1; i < import->count; i++) {
        if (memcmp(entries + i * BREACHED_WORD, entries + (kept - 1) * BREACHED_WORD, BREACHED_WORD)) {
            memmove(entries + kept * BREACHED_WORD, entries + i * BREACHED_WORD, BREACHED_WORD);
            kept++;
        }
    }
    import->count = kept;
    (void)apr_mmap_delete(mapped);
    rv = apr_file_trunc(file, (apr_off_t)(BREACHED_HEADER + kept * BREACHED_WORD));
    return rv == APR_SUCCESS ? apr_file_close(file) : rv;
}

static apr_status_t write_header(import_t *import)
{
    unsigned char header[BREACHED_HEADER];
    apr_off_t start = 0;
    apr_status_t rv = apr_file_seek(import->out, APR_SET, &start);

    memcpy(header, BREACHED_MAGIC, BREACHED_WORD);
    write_word(header + BREACHED_WORD, import->count);
    write_word(header + 2 * BREACHED_WORD, (apr_uint64_t)apr_time_sec(apr_time_now()));
    return rv == APR_SUCCESS ? apr_file_write_full(import->out, header, sizeof(header), NULL) : rv;
}

/* All of it into the open file. */
static apr_status_t fill(import_t *import, const apr_array_header_t *sources)
{
    apr_status_t rv = write_header(import);

    for (int i = 0; rv == APR_SUCCESS && i < sources->nelts; i++) {
        rv = read_source(import, APR_ARRAY_IDX(sources, i, const char *));
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_flush(import->out);
    }
    if (rv == APR_SUCCESS && import->unsorted) {
        rv = sort(import);
    }
    if (rv != APR_SUCCESS || (rv = write_header(import)) != APR_SUCCESS) {
        return rv;
    }
    return apr_file_sync(import->out);
}

apr_status_t cloudep_breached_import(apr_pool_t *pool, const char *path, const apr_array_header_t *sources,
                                     apr_int64_t least, const char **error)
{
    const char *making = apr_pstrcat(pool, path, ".making", NULL);
    import_t import = {.pool = pool, .path = making, .least = least, .error = error};
    char reason[128];
    apr_status_t rv;
    apr_status_t closed;

    *error = NULL;
    rv = apr_file_open(&import.out, making,
                       APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_CREATE | APR_FOPEN_TRUNCATE | APR_FOPEN_BINARY |
                           APR_FOPEN_BUFFERED,
                       APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD | APR_FPROT_WREAD, pool);
    if (rv == APR_SUCCESS) {
        rv = fill(&import, sources);
        closed = apr_file_close(import.out);
        rv = rv == APR_SUCCESS ? closed : rv;
        rv = rv == APR_SUCCESS ? apr_file_rename(making, path, pool) : rv;
        if (rv != APR_SUCCESS) {
            (void)apr_file_remove(making, pool);
        }
    }
    if (rv != APR_SUCCESS && !*error) {
        *error = apr_psprintf(pool, "%s: %s", making, apr_strerror(rv, reason, sizeof(reason)));
    }
    return rv;
}
