/*
 * qr.c - draws QR codes. Both pictures have the four modules of white around them that readers need (ISO 18004).
 */
#include "base/text/qr.h"

#include <apr_strings.h>
#include <errno.h>
#include <png.h>
#include <qrencode.h>
#include <string.h>

#define MARGIN 4 /* modules */
#define SCALE 8  /* pixels a module in the PNG */

static apr_status_t free_code(void *code)
{
    QRcode_free(code);
    return APR_SUCCESS;
}

/* Medium error correction where there is room for it. */
static apr_status_t encode(const QRcode **out, apr_pool_t *pool, const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);

    if (!code && errno == ERANGE) {
        code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    }
    if (!code) {
        return errno == ENOMEM ? APR_ENOMEM : CLOUDEP_EREFUSED;
    }
    apr_pool_cleanup_register(pool, code, free_code, apr_pool_cleanup_null);
    *out = code;
    return APR_SUCCESS;
}

static int is_dark(const QRcode *code, int x, int y)
{
    return code->data[y * code->width + x] & 1;
}

apr_status_t cloudep_qr_svg(const char **svg, apr_size_t *len, apr_pool_t *pool, const char *text)
{
    /* One row of modules is at most "M181 181h1v1h-1z" for every other one of them. */
    const apr_size_t most_of_module = sizeof("M181 181h181v1h-181z");
    const QRcode *code;
    char *path;
    char *end;
    apr_status_t rv = encode(&code, pool, text);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    path = end = apr_palloc(pool, (apr_size_t)code->width * ((apr_size_t)code->width / 2 + 1) * most_of_module + 1);
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width; x++) {
            int run = 0;

            while (x + run < code->width && is_dark(code, x + run, y)) {
                run++;
            }
            if (run) {
                end += apr_snprintf(end, most_of_module, "M%d %dh%dv1h-%dz", x + MARGIN, y + MARGIN, run, run);
                x += run;
            }
        }
    }
    *end = '\0';
    *svg = apr_psprintf(pool,
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
                        " shape-rendering=\"crispEdges\">"
                        "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"%s\"/></svg>\n",
                        code->width + 2 * MARGIN, code->width + 2 * MARGIN, (code->width + 2 * MARGIN) * SCALE,
                        (code->width + 2 * MARGIN) * SCALE, code->width + 2 * MARGIN, code->width + 2 * MARGIN, path);
    *len = strlen(*svg);
    return APR_SUCCESS;
}

/* One byte a pixel, 0 is black. */
static unsigned char *paint(apr_pool_t *pool, const QRcode *code, apr_size_t size)
{
    unsigned char *pixels = apr_palloc(pool, size * size);

    memset(pixels, 255, size * size);
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width; x++) {
            for (int i = 0; is_dark(code, x, y) && i < SCALE; i++) {
                memset(pixels + ((apr_size_t)((y + MARGIN) * SCALE + i)) * size + (apr_size_t)(x + MARGIN) * SCALE, 0,
                       SCALE);
            }
        }
    }
    return pixels;
}

apr_status_t cloudep_qr_png(const unsigned char **png, apr_size_t *len, apr_pool_t *pool, const char *text)
{
    png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY};
    const unsigned char *pixels;
    unsigned char *bytes;
    const QRcode *code;
    png_alloc_size_t room;
    apr_status_t rv = encode(&code, pool, text);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    image.width = image.height = (png_uint_32)(code->width + 2 * MARGIN) * SCALE;
    pixels = paint(pool, code, image.width);
    room = PNG_IMAGE_PNG_SIZE_MAX(image);
    bytes = apr_palloc(pool, room);
    if (!png_image_write_to_memory(&image, bytes, &room, 0, pixels, 0, NULL)) {
        png_image_free(&image);
        return APR_EGENERAL;
    }
    *png = bytes;
    *len = room;
    return APR_SUCCESS;
}
