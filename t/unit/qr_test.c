/*
 * qr_test.c - QR codes as pictures: the same modules in both, large enough, with white around them, and with the error
 * correction that their length leaves room for.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <png.h>

#include "base/text/qr.h"
#include "tap.h"

#define MOST 200  /* modules of a side, the white ones around included */
#define MARGIN 4  /* ISO 18004, 9.1: white modules around a code */
#define PIXELS 8  /* of a module */
#define FINDER 7  /* modules of a finder pattern's side */
#define LEVEL_L 1 /* the first two bits of a code's format, Table 12 */
#define LEVEL_M 0
#define FORMAT_MASK 2 /* of those two bits: 7.9 */

/* A picture by its modules. */
typedef struct grid_t {
    int side; /* 0: it is none */
    char dark[MOST][MOST];
} grid_t;

static apr_pool_t *pool;
static grid_t svg, png;

/* Reads what cloudep_qr_svg() has drawn, each module once; side 0: it is drawn otherwise. */
static void read_svg(grid_t *grid, const char *text)
{
    int width, height, left, top, run, back, used = 0;

    memset(grid, 0, sizeof(*grid));
    text = strstr(text, "viewBox=\"0 0 ");
    if (!text || sscanf(text, "viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\"", &width, &height, &left, &top) != 4 ||
        width != height || left != width * PIXELS || top != left || width > MOST) {
        return;
    }
    text = strstr(text, "<path d=\"");
    for (text += text ? strlen("<path d=\"") : 0; text && *text == 'M'; text += used) {
        if (sscanf(text, "M%d %dh%dv1h%dz%n", &left, &top, &run, &back, &used) != 4 || back != -run || run < 1 ||
            left < 0 || top < 0 || left + run > width || top >= width ||
            memchr(&grid->dark[top][left], 1, (size_t)run)) {
            return;
        }
        memset(&grid->dark[top][left], 1, (size_t)run);
    }
    grid->side = text && strncmp(text, "\"/></svg>\n", 10) == 0 ? width : 0;
}

static void read_png(grid_t *grid, const unsigned char *bytes, apr_size_t length)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    unsigned char *pixels;
    int uneven = 0, side;

    memset(grid, 0, sizeof(*grid));
    if (!png_image_begin_read_from_memory(&image, bytes, length)) {
        return;
    }
    image.format = PNG_FORMAT_GRAY;
    side = (int)image.width / PIXELS;
    pixels = apr_palloc(pool, PNG_IMAGE_SIZE(image));
    if (!png_image_finish_read(&image, NULL, pixels, 0, NULL) || image.width != image.height || image.width % PIXELS ||
        side > MOST) {
        return;
    }
    for (int y = 0; y < side * PIXELS; y++) {
        for (int x = 0; x < side * PIXELS; x++) {
            const int gray = pixels[y * side * PIXELS + x];

            grid->dark[y / PIXELS][x / PIXELS] |= gray == 0;
            uneven += (gray != 0 && gray != 255) || (gray == 0) != grid->dark[y / PIXELS][x / PIXELS];
        }
    }
    grid->side = uneven ? 0 : side;
}

static apr_status_t draw(const char *text)
{
    const char *svg_text = NULL;
    const unsigned char *png_bytes = NULL;
    apr_size_t svg_length = 0, png_length = 0;
    apr_status_t rv = cloudep_qr_svg(&svg_text, &svg_length, pool, text);

    svg.side = png.side = 0;
    if (rv == APR_SUCCESS && (rv = cloudep_qr_png(&png_bytes, &png_length, pool, text)) == APR_SUCCESS) {
        is_int((long long)svg_length, (long long)strlen(svg_text), "the SVG is as long as it says");
        read_svg(&svg, svg_text);
        read_png(&png, png_bytes, png_length);
    }
    return rv;
}

/* How many modules of the white ones around are dark. */
static int dark_around(const grid_t *grid)
{
    int count = 0;

    for (int y = 0; y < grid->side; y++) {
        for (int x = 0; x < grid->side; x++) {
            const int inside = x >= MARGIN && y >= MARGIN && x < grid->side - MARGIN && y < grid->side - MARGIN;

            count += !inside && grid->dark[y][x];
        }
    }
    return count;
}

/* Whether a finder pattern is at a place: three squares in one another. */
static int has_finder(const grid_t *grid, int left, int top)
{
    int wrong = 0;

    for (int y = 0; y < FINDER; y++) {
        for (int x = 0; x < FINDER; x++) {
            const int across = abs(x - FINDER / 2), down = abs(y - FINDER / 2);

            wrong += grid->dark[top + y][left + x] != ((across > down ? across : down) != 2);
        }
    }
    return !wrong;
}

static int level(const grid_t *grid)
{
    return (grid->dark[MARGIN + 8][MARGIN] << 1 | grid->dark[MARGIN + 8][MARGIN + 1]) ^ FORMAT_MASK;
}

static void test_pictures(void)
{
    int last;

    is_int(draw("otpauth://totp/Acme:alice%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme"),
           APR_SUCCESS, "a secret is drawn");
    ok(svg.side > 0, "the SVG has modules of one size");
    ok(png.side > 0, "the PNG has modules of 8 pixels, black or white");
    is_int(png.side, svg.side, "both are as large");
    ok(memcmp(svg.dark, png.dark, sizeof(svg.dark)) == 0, "and show the same");
    is_int(dark_around(&svg), 0, "four modules around are white");
    is_int((svg.side - 2 * MARGIN - 17) % 4, 0, "the code has the size of a version");
    last = svg.side - MARGIN - FINDER;
    ok(has_finder(&svg, MARGIN, MARGIN) && has_finder(&svg, last, MARGIN) && has_finder(&svg, MARGIN, last),
       "there are finder patterns in three corners");
    is_int(level(&svg), LEVEL_M, "with medium error correction");
}

static const char *text_of(int length)
{
    char *text = apr_palloc(pool, (apr_size_t)length + 1);

    memset(text, 'a', (size_t)length);
    text[length] = '\0';
    return text;
}

/* ISO 18004, Table 7: version 40 takes 2331 bytes at level M and 2953 at level L. */
static void test_lengths(void)
{
    is_int(draw(text_of(1)), APR_SUCCESS, "one character");
    is_int(svg.side, 21 + 2 * MARGIN, "is drawn in the smallest version");
    is_int(draw(text_of(2331)), APR_SUCCESS, "as much as fits with medium error correction");
    is_int(level(&svg), LEVEL_M, "has that");
    is_int(svg.side, 177 + 2 * MARGIN, "in the largest version");
    ok(memcmp(svg.dark, png.dark, sizeof(svg.dark)) == 0, "and both pictures are the same");
    is_int(draw(text_of(2332)), APR_SUCCESS, "one more");
    is_int(level(&svg), LEVEL_L, "has low error correction");
    is_int(draw(text_of(2953)), APR_SUCCESS, "as much as fits at all");
    ok(memcmp(svg.dark, png.dark, sizeof(svg.dark)) == 0 && svg.side == png.side, "both pictures are the same");
    is_int(draw(text_of(2954)), CLOUDEP_EREFUSED, "what fits into no code is refused");
    is_int(draw(""), CLOUDEP_EREFUSED, "and so is nothing");
}

int main(void)
{
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    test_pictures();
    test_lengths();
    apr_terminate();
    return done_testing();
}
