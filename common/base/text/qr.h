/*
 * qr.h - QR codes as pictures, by libqrencode and libpng.
 */
#ifndef CLOUDEP_QR_H
#define CLOUDEP_QR_H

#include <apr_pools.h>
#include "base/export.h"
#include "base/status.h"

/**
 * Draws text as SVG.
 * @param svg   a whole document, from pool; it holds what text holds
 * @param text  at most about 2900 bytes, not empty
 * @return APR_SUCCESS; CLOUDEP_EREFUSED: too long for a QR code; APR_ENOMEM
 */
CLOUDEP_DECLARE(apr_status_t)
cloudep_qr_svg(const char **svg, apr_size_t *len, apr_pool_t *pool, const char *text);

/** Draws text as PNG: black and white, 8 pixels a module. @return as cloudep_qr_svg(), APR_EGENERAL: libpng failed */
CLOUDEP_DECLARE(apr_status_t)
cloudep_qr_png(const unsigned char **png, apr_size_t *len, apr_pool_t *pool, const char *text);

#endif
