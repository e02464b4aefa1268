/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lighthouse by the sea: for documents and the demo, where a reader must see at a glance
 * what was cut, turned or blurred. Lengths are parts of the picture's height: x to the right
 * of its middle, y from its top, so that it fits any aspect.
 */
#include "scene.h"

#include <math.h>

#define HORIZON 0.62
#define TOWER   0.10 /* x of its axis */

typedef struct point {
    double x, y, px; /* px: the size of a pixel */
} point;

typedef struct rgb {
    double r, g, b;
} rgb;

static rgb mix(rgb a, rgb b, double part)
{
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return (rgb){a.r + (b.r - a.r) * part, a.g + (b.g - a.g) * part, a.b + (b.b - a.b) * part};
}

static rgb lit(rgb colour, double light)
{
    return (rgb){colour.r * light, colour.g * light, colour.b * light};
}

/* How much of a pixel is inside, when its middle is `distance` from the edge. */
static double cover(point at, double distance)
{
    double part = distance / at.px + 0.5;

    return part < 0 ? 0 : part > 1 ? 1 : part;
}

/* Distance into a shape that is symmetric about `axis`, `wide` across half at this height. */
static double between(point at, double axis, double wide, double top, double bottom)
{
    return fmin(wide - fabs(at.x - axis), fmin(at.y - top, bottom - at.y));
}

static rgb sky(point at, uint32_t seed)
{
    rgb colour = mix((rgb){88, 142, 200}, (rgb){250, 212, 168}, at.y / HORIZON);
    double dx = at.x + 0.34, dy = at.y - 0.50, away = sqrt(dx * dx + dy * dy);
    double cloud = scene_noise(at.x * 3, at.y * 11, seed) * 0.6 +
                   scene_noise(at.x * 9, at.y * 30, seed + 1) * 0.4;

    colour = mix(colour, (rgb){255, 238, 226}, (cloud - 0.5) * 2.2);
    colour = mix(colour, (rgb){255, 226, 150}, 0.75 * exp(-away * 9));
    return mix(colour, (rgb){255, 244, 205}, cover(at, 0.045 - away));
}

static rgb sea(point at, uint32_t seed)
{
    double deep = (at.y - HORIZON) / (1 - HORIZON), near = 0.08 + deep;
    double wave = scene_noise(at.x * 10 / near, 90 * sqrt(deep), seed + 2) * 0.6 +
                  scene_noise(at.x * 34 / near, 190 * sqrt(deep), seed + 3) * 0.4;
    double path = exp(-pow((at.x + 0.34) / (0.05 + 0.10 * deep), 2));
    rgb colour = mix((rgb){108, 160, 178}, (rgb){22, 62, 96}, sqrt(deep));

    colour = lit(colour, 0.82 + 0.36 * wave);
    return mix(colour, (rgb){255, 226, 170}, path * (wave - 0.35) * 2.4);
}

static rgb coast(rgb below, point at, uint32_t seed)
{
    double ridge = HORIZON - 0.10 * (at.x - 0.12) + 0.03 * scene_noise(at.x * 7, 3, seed + 4);
    double island = fmin(at.y - (ridge - 0.005), HORIZON + 0.004 - at.y);

    return mix(below, (rgb){122, 138, 160}, cover(at, island));
}

static rgb boat(rgb below, point at)
{
    double up = (at.y - 0.52) / (0.665 - 0.52);
    double main_sail = fmin(fmin(at.x + 0.40, -0.40 + 0.075 * up - at.x), 0.66 - at.y);
    double jib = fmin(fmin(-0.406 - at.x, at.x + 0.406 + 0.05 * (up - 0.15)), 0.655 - at.y);
    double hull = between(at, -0.392, 0.075 - 0.9 * (at.y - 0.67), 0.67, 0.695);

    below = mix(below, (rgb){250, 246, 236}, cover(at, main_sail));
    below = mix(below, (rgb){224, 92, 60}, cover(at, jib));
    return mix(below, (rgb){52, 40, 44}, cover(at, hull));
}

/* The rock, with grass on its top; `land` is set to how much of the pixel it is. */
static rgb rock(rgb below, point at, uint32_t seed, double *land)
{
    double off = at.x - TOWER - 0.09;
    double edge = 0.70 + 1.1 * off * off + 2.4 * off * off * off * off +
                  0.045 * (scene_noise(at.x * 9, 5, seed + 5) - 0.5) +
                  0.012 * scene_noise(at.x * 60, 7, seed + 6);
    double grain = scene_noise(at.x * 70, at.y * 46, seed + 7) * 0.55 +
                   scene_noise(at.x * 17, at.y * 12, seed + 8) * 0.45;
    double grass = 0.05 * (0.4 + scene_noise(at.x * 30, at.y * 30, seed + 9));
    rgb stone = lit((rgb){146, 118, 98}, 0.45 + 0.9 * grain - 0.7 * (at.y - edge));
    rgb green = lit((rgb){104, 142, 62}, 0.62 + 0.75 * grain);

    *land = fmax(*land, cover(at, at.y - edge));
    return mix(below, mix(green, stone, cover(at, (at.y - edge - grass) * 0.35)),
               cover(at, at.y - edge));
}

static rgb house(rgb below, point at, double *land)
{
    double axis = TOWER + 0.20, slope = (at.y - 0.575) * 1.25;
    double wall = between(at, axis, 0.085, 0.645, 0.735);
    double roof = fmin(slope - fabs(at.x - axis), 0.652 - at.y);
    double window = fmax(between(at, axis - 0.035, 0.014, 0.668, 0.702),
                         between(at, axis + 0.035, 0.014, 0.668, 0.702));

    *land = fmax(*land, fmax(cover(at, wall), cover(at, roof)));
    below = mix(below, (rgb){238, 230, 214}, cover(at, wall));
    below = mix(below, (rgb){54, 62, 78}, cover(at, window));
    return mix(below, (rgb){156, 70, 52}, cover(at, roof));
}

/* Bands of red and white, lit from the left. */
static rgb tower(rgb below, point at, double *land)
{
    double down = (at.y - 0.205) / (0.735 - 0.205), wide = 0.046 + 0.030 * down;
    double across = (at.x - TOWER) / wide, band = down * 5 - floor(down * 5);
    double inside = between(at, TOWER, wide, 0.205, 0.735);
    double light = 0.66 + 0.40 * sqrt(fmax(0, 1 - across * across)) - 0.20 * across;
    double seam = cover(at, fmin(band, 1 - band) * (0.735 - 0.205) / 5);
    rgb red = {204, 46, 44}, white = {246, 240, 230};
    bool odd = (int)floor(down * 5) % 2 != 0;
    double window = fmax(
        between(at, TOWER, 0.010, 0.30, 0.33),
        fmax(between(at, TOWER, 0.011, 0.44, 0.475), between(at, TOWER, 0.020, 0.68, 0.735)));
    rgb colour = mix(odd ? red : white, odd ? white : red, seam);

    *land = fmax(*land, cover(at, inside));
    below = mix(below, lit(colour, light), cover(at, inside));
    return mix(below, (rgb){58, 44, 44}, cover(at, window));
}

static rgb lantern(rgb below, point at, double *land)
{
    double glass = between(at, TOWER, 0.030, 0.125, 0.190);
    double bars = fmin(glass, 0.0028 - fabs(fabs(at.x - TOWER) - 0.014));
    double gallery = fmax(between(at, TOWER, 0.060, 0.188, 0.206),
                          fmin(between(at, TOWER, 0.057, 0.164, 0.190),
                               0.0022 - fabs(fabs(at.x - TOWER) - 0.0555)));
    double rail = between(at, TOWER, 0.057, 0.164, 0.168);
    double roof = fmin(0.040 - fabs(at.x - TOWER) - 0.9 * (0.126 - at.y), 0.126 - at.y);
    double away = hypot(at.x - TOWER, at.y - 0.157);
    double dark = fmax(fmax(gallery, rail), bars);

    *land = fmax(*land, fmax(cover(at, glass), fmax(cover(at, dark), cover(at, roof))));
    below =
        mix(below, mix((rgb){255, 246, 196}, (rgb){236, 186, 92}, away * 28), cover(at, glass));
    below = mix(below, (rgb){48, 46, 54}, cover(at, dark));
    return mix(below, (rgb){150, 36, 38}, cover(at, roof));
}

static uint8_t rounded(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

/* All of it; `land` is the part of the pixel that neither sky nor sea has. */
static rgb landscape(const scene *scene, uint32_t x, uint32_t y, double *land)
{
    uint32_t seed = (uint32_t)scene->options->seed * 16;
    point at = {(x + 0.5 - scene->w / 2.0) / scene->h, (y + 0.5) / scene->h, 1.0 / scene->h};
    rgb colour = at.y < HORIZON ? sky(at, seed) : sea(at, seed);

    *land = 0;
    colour = boat(coast(colour, at, seed), at);
    colour = rock(colour, at, seed, land);
    colour = tower(house(colour, at, land), at, land);
    return lantern(colour, at, land);
}

pixel draw_lighthouse(const scene *scene, uint32_t x, uint32_t y)
{
    double land;
    rgb of = landscape(scene, x, y, &land);

    return (pixel){rounded(of.r), rounded(of.g), rounded(of.b), 255};
}

/* The rock and what stands on it; the rest is transparent. */
pixel draw_cutout(const scene *scene, uint32_t x, uint32_t y)
{
    double land;
    rgb of = landscape(scene, x, y, &land);

    return (pixel){rounded(of.r), rounded(of.g), rounded(of.b), rounded(land * 255)};
}
