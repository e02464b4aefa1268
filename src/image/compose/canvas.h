/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Background, padding and placing: the output's rows from the picture's. The
 * picture is laid over the canvas (Porter and Duff's OVER); an output that cannot
 * store alpha lies on the canvas colour, or on white when none was named.
 */
#ifndef TC_CANVAS_H
#define TC_CANVAS_H

#include "image/scale/geometry.h"

typedef struct tc_canvas {
    bool direct; /* the picture's rows are the output's rows */
    tc_model from, to;
    tc_colour under; /* what the picture is laid over */
    uint32_t width;  /* of the output, pixels */
    uint32_t offset_x, offset_y, picture_w, picture_h;
} tc_canvas;

/*
 * The canvas for `plan`: which model the output has follows from `from` and `stores_alpha`;
 * with `colour` it is not grey.
 */
void tc_canvas_init(tc_canvas *canvas, const tc_plan *plan, const tc_params *params,
                    tc_model from, bool stores_alpha, bool colour);

/* Whether row `y` of the output holds any of the picture. */
bool tc_canvas_wants_picture(const tc_canvas *canvas, uint32_t y);

/*
 * Compose one row of the output into `to` (`width` pixels of model `to`):
 * `picture` is the picture's row, or NULL when the row holds none of it.
 */
void tc_canvas_row(const tc_canvas *canvas, const uint8_t *picture, uint8_t *to);

#endif
