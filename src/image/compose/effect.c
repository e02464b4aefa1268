/* SPDX-License-Identifier: Apache-2.0 */
#include "effect.h"

#include "effect_kind.h"

#include <stdlib.h>

/* In the order they are done. */
static const tc_effect_kind *const kinds[] = {&tc_effect_unsharp, &tc_effect_sharpen,
                                              &tc_effect_blur, &tc_effect_border,
                                              &tc_effect_icon};

#define KINDS (sizeof kinds / sizeof kinds[0])

struct tc_effects {
    size_t count;
    struct {
        const tc_effect_kind *kind;
        tc_effect *effect;
    } stage[KINDS];
};

bool tc_effects_named(const tc_params *params)
{
    for (size_t at = 0; at < KINDS; at++) {
        if (kinds[at]->named(params))
            return true;
    }
    return false;
}

bool tc_effects_colour(const tc_params *params)
{
    return tc_effect_icon.named(params) ||
           (tc_effect_border.named(params) &&
            (params->bc.r != params->bc.g || params->bc.g != params->bc.b));
}

uint64_t tc_effects_bytes(const tc_params *params, const tc_shape *shape)
{
    uint64_t bytes = 0;

    for (size_t at = 0; at < KINDS; at++) {
        if (kinds[at]->named(params))
            bytes += kinds[at]->bytes(params, shape);
    }
    return bytes;
}

uint64_t tc_effects_ns(const tc_params *params, const tc_shape *shape)
{
    double ns = 0;

    for (size_t at = 0; at < KINDS; at++) {
        if (kinds[at]->named(params))
            ns += kinds[at]->pixel_ns(params, shape) * shape->width * shape->height;
    }
    return (uint64_t)ns;
}

tc_error tc_effects_create(tc_effects **effects, const tc_params *params, const tc_shape *shape,
                           tc_icon *icon, tc_fail *fail)
{
    tc_effects *made = calloc(1, sizeof *made);
    tc_error error = made ? TC_E_OK : TC_E_NO_MEMORY;

    *effects = made;
    for (size_t at = 0; at < KINDS && !error; at++) {
        if (!kinds[at]->named(params))
            continue;
        made->stage[made->count].kind = kinds[at];
        error =
            kinds[at]->create(&made->stage[made->count++].effect, params, shape, icon, fail);
    }
    if (error == TC_E_NO_MEMORY)
        return tc_fail_set(fail, error, "out of memory for the effects' rows");
    return error;
}

tc_error tc_effects_write_row(tc_effects *effects, const uint8_t *row)
{
    return effects->stage[0].kind->write_row(effects->stage[0].effect, row);
}

/* The next row of the first `count` stages: the last one's, which the others feed. */
static tc_error read_row(tc_effects *effects, size_t count, const uint8_t **row)
{
    const tc_effect_kind *kind = effects->stage[count - 1].kind;
    tc_effect *effect = effects->stage[count - 1].effect;

    for (;;) {
        tc_error error = kind->read_row(effect, row);
        if (error || *row || count == 1)
            return error;
        error = read_row(effects, count - 1, row);
        if (!error && *row)
            error = kind->write_row(effect, *row);
        if (error || !*row)
            return error;
    }
}

tc_error tc_effects_read_row(tc_effects *effects, const uint8_t **row)
{
    return read_row(effects, effects->count, row);
}

void tc_effects_free(tc_effects *effects)
{
    if (!effects)
        return;
    for (size_t at = 0; at < effects->count; at++)
        effects->stage[at].kind->free(effects->stage[at].effect);
    free(effects);
}
