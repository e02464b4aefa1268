/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan, first as a table: a picture and a URL's parameters in, a line of
 * words out. Then every turn against a picture turned pixel by pixel, and
 * properties that hold for any request.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/scale/geometry.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

typedef struct words {
    char text[400];
    size_t used;
} words;

__attribute__((format(printf, 2, 3))) static void say(words *to, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    to->used +=
        (size_t)vsnprintf(to->text + to->used, sizeof(to->text) - to->used, format, args);
    va_end(args);
    if (to->used >= sizeof(to->text))
        abort();
}

static void say_rect(words *to, const char *name, tc_rect r)
{
    say(to, " %s %u,%u %ux%u", name, r.x, r.y, r.w, r.h);
}

static bool is_whole(tc_rect r, uint32_t w, uint32_t h)
{
    return r.x == 0 && r.y == 0 && r.w == w && r.h == h;
}

/*
 * The answer's size, then only what is not plain: the stored source rectangle
 * and decoder's reduction, the stored scaled size if the answer has another, the
 * visible part of it, its place on the canvas, the turn.
 */
static void describe(words *to, const tc_plan *p, const tc_image_info *info)
{
    bool swaps = p->orientation >= 5;
    uint32_t w = swaps ? p->output_h : p->output_w, h = swaps ? p->output_w : p->output_h;

    to->used = 0;
    if (p->pass) {
        say(to, "pass");
        return;
    }
    say(to, "%ux%u", p->output_w, p->output_h);
    if (p->canvas)
        say(to, p->empty ? " canvas empty" : " canvas");
    if (!is_whole(p->source, info->width, info->height))
        say_rect(to, "src", p->source);
    if (p->reduce != 1)
        say(to, " /%u", p->reduce);
    if (p->scaled_w != w || p->scaled_h != h)
        say(to, " scaled %ux%u", p->scaled_w, p->scaled_h);
    if (!p->empty && !is_whole(p->visible, p->scaled_w, p->scaled_h))
        say_rect(to, "vis", p->visible);
    if (!p->empty && (p->canvas || p->offset_x || p->offset_y))
        say(to, " at %u,%u", p->offset_x, p->offset_y);
    if (p->orientation != 1)
        say(to, " turn %u", p->orientation);
    if (!p->empty && (p->picture_w != (swaps ? p->visible.h : p->visible.w) ||
                      p->picture_h != (swaps ? p->visible.w : p->visible.h)))
        say(to, " BAD picture %ux%u", p->picture_w, p->picture_h);
}

static const tc_limits no_limits = {0};

static tc_error make(tc_plan *plan, const char *text, const tc_image_info *info,
                     const tc_limits *limits, tc_fail *fail)
{
    tc_params params;
    tc_error error;

    memset(plan, 0xee, sizeof(*plan));
    tc_params_init(&params);
    /* An exclamation mark in front: as the originals read it. */
    error = tc_params_parse(&params, text + (*text == '!'), strlen(text) - (*text == '!'), NULL,
                            NULL, fail);
    tc_params_resolve(&params, *text == '!');
    return error ? error : tc_plan_make(plan, &params, info, limits, fail);
}

static void check(const tc_image_info *info, const tc_limits *limits, const char *text,
                  const char *expected)
{
    tc_fail fail = {TC_E_OK, ""};
    words got;
    tc_plan plan;
    tc_error error = make(&plan, text, info, limits, &fail);
    bool good;

    if (expected[0] == '!') {
        tc_error wanted = strncmp(expected, "!pixels", 7) == 0   ? TC_E_PIXELS_TOO_MANY
                          : strncmp(expected, "!output", 7) == 0 ? TC_E_OUTPUT_TOO_LARGE
                          : strncmp(expected, "!size", 5) == 0   ? TC_E_SIZE
                                                                 : TC_E_PARAM;
        good = error == wanted && fail.error == wanted && fail.text[0];
        if (wanted == TC_E_PARAM)
            good = good && strstr(fail.text, expected + 1);
    } else {
        good = error == TC_E_OK;
    }
    if (error == TC_E_OK) {
        describe(&got, &plan, info);
        good = good && strcmp(got.text, expected) == 0;
    }
    if (!ok(good, "%ux%u o%u '%s': %s", info->width, info->height, info->orientation, text,
            expected))
        printf("# got %s\n", error ? fail.text : got.text);
}

/* Stored size, orientation, how far the decoder can reduce. "!sx" is a refusal naming sx. */
static const struct {
    uint32_t w, h;
    uint8_t orientation, max_reduce;
    const char *text, *expected;
} table[] = {
    /* one of a list of sizes: fitted, cut from the middle, with a free side */
    {3000, 2000, 1, 8, "sizes=300x300,as=300x200", "300x200 /4"},
    {2000, 3000, 1, 8, "sizes=300x300,as=200x300", "200x300 /4"},
    {3000, 2000, 6, 8, "sizes=300x300,as=200x300", "200x300 /4 turn 6"},
    {3000, 2000, 1, 8, "sizes=300x300,as=200x300,angle=90", "200x300 /4 turn 6"},
    {3000, 2000, 1, 8, "sizes=150x150c:300x300,as=150x150", "150x150 src 500,0 2000x2000 /4"},
    {3000, 2000, 1, 8, "sizes=150x150c:300x300,as=300x200", "300x200 /4"},
    {2000, 3000, 8, 8, "sizes=150x100c,as=150x100", "150x100 /8 turn 8"},
    {2000, 3000, 1, 8, "sizes=150x100c,as=150x100", "150x100 src 0,833 2000x1333 /4"},
    {3000, 2000, 1, 8, "sizes=768x,as=768x512", "768x512"},
    {2000, 3000, 1, 8, "sizes=768x,as=768x1152", "768x1152"},
    {3000, 2000, 1, 8, "sizes=x512,as=768x512", "768x512"},
    /* in which box it is does not show: a list's order is of no importance */
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=300x1024", "300x1024"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=88x300", "88x300"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=87x300", "87x300"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=86x300", "!size"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=89x300", "!size"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=88x299", "!size"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=88x301", "!size"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=300x300", "!size"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=299x1024", "!size"},
    {600, 2048, 1, 1, "sizes=300x300:1024x1024,as=65535x65535", "!size"},
    /* the box's own side, where the rounded one is a pixel less */
    {138, 140, 1, 1, "sizes=103x103,as=101x103", "101x103"},
    {138, 140, 1, 1, "sizes=103x103,as=102x103", "102x103"},
    {138, 140, 1, 1, "sizes=103x103,as=103x103", "103x103"},
    {140, 138, 1, 1, "sizes=103x103,as=103x103", "103x103"},
    {200, 203, 1, 1, "sizes=100x100,as=98x100", "98x100"},
    {200, 203, 1, 1, "sizes=100x100,as=100x100", "100x100"},
    {200, 204, 1, 1, "sizes=100x100,as=100x100", "!size"},
    {100, 100, 1, 1, "sizes=101x101,as=101x101", "!size"},
    {100, 50, 1, 1, "sizes=101x51,as=100x51", "!size"},
    /* a picture that is smaller never grows; one that is smaller one way is cut to what it has
     */
    {200, 100, 1, 1, "sizes=150x150c:300x300,as=150x100", "150x100 src 25,0 150x100"},
    {200, 100, 1, 1, "sizes=150x150c:300x300,as=150x150", "!size"},
    {200, 100, 1, 1, "sizes=300x300,as=200x100", "200x100"},
    {200, 100, 1, 1, "sizes=300x300,as=300x150", "!size"},
    {200, 100, 1, 1, "sizes=300x300,as=201x100", "!size"},
    {1, 1, 1, 1, "sizes=300x300:5x5c,as=1x1", "1x1"},
    {10000, 1, 1, 1, "sizes=300x300,as=300x1", "300x1"},
    /* the other parameters for a size do not count, those for the source and canvas do */
    {3000, 2000, 1, 8, "sizes=300x300,as=300x200,dw=50,dh=50,da=s,ds=s,pt=ptls", "300x200 /4"},
    {3000, 2000, 1, 8, "sizes=300x300,dw=50", "50x33 /8"},
    {3000, 2000, 1, 8, "sizes=300x300,as=300x100,sh=1000", "300x100 src 0,0 3000x1000 /4"},
    {3000, 2000, 1, 8, "sizes=300x300,as=300x200,cw=300,ch=300",
     "300x300 canvas /4 scaled 300x200 at 0,50"},
    {3000, 2000, 1, 8, "as=300x200", "!as"},
    {3000, 2000, 1, 8, "!sizes=300x300,as=300x200", "300x200 /4"},
    /* destination size and the decoder's reduction */
    {4000, 3000, 1, 8, "", "4000x3000"},
    {4000, 3000, 1, 8, "dw=300,dh=300", "300x225 /4"},
    {4000, 3000, 1, 8, "dw=300,dh=300,jpeghint=y", "300x225 /8"},
    {4000, 3000, 1, 4, "dw=300,dh=300,jpeghint=y", "300x225 /4"},
    {4000, 3000, 1, 2, "dw=300,dh=300", "300x225 /2"},
    {4000, 3000, 1, 1, "dw=300,dh=300,jpeghint=y", "300x225"},
    {4000, 3000, 1, 8, "dw=300", "300x225 /4"},
    {4000, 3000, 1, 8, "dh=300", "400x300 /4"},
    {4000, 3000, 1, 8, "dw=248", "248x186 /8"},
    {4000, 3000, 1, 8, "dw=250", "250x188 /4"},
    {4000, 3000, 1, 8, "dw=500,jpeghint=y", "500x375 /8"},
    {4000, 3000, 1, 8, "dw=501,jpeghint=y", "501x376 /4"},
    {4000, 3000, 1, 8, "dw=2000", "2000x1500"},
    {4000, 3000, 1, 8, "dw=2000,jpeghint=y", "2000x1500 /2"},
    {4000, 3000, 1, 8, "dw=1000", "1000x750 /2"},
    {4000, 3000, 1, 8, "dw=300,dh=300,da=s", "400x300 /4"},
    {4000, 3000, 1, 8, "dw=300,dh=300,da=n", "300x300 /4"},
    {4000, 3000, 1, 8, "dw=100,dh=2900,da=n", "100x2900"},
    {4000, 3000, 1, 8, "dw=10p,dh=10p", "400x300 /4"},
    {4000, 3000, 1, 8, "dw=10p,dh=400", "400x300 /4"},
    {4000, 3000, 1, 8, "dw=8000,dh=1500,da=n", "8000x1500"},
    /* source rectangle */
    {4000, 3000, 1, 8, "sx=1000,sy=500,sw=2000,sh=1000,dw=200",
     "200x100 src 1000,500 2000x1000 /4"},
    {4000, 3000, 1, 8, "sw=50p,sh=50p,dw=10p", "400x300 src 0,0 2000x1500 /2"},
    {4000, 3000, 1, 8, "sx=25p,sy=10p,sw=50p,sh=80p", "2000x2400 src 1000,300 2000x2400"},
    {4000, 3000, 1, 8, "sx=10,sy=20,sw=30,sh=40", "30x40 src 10,20 30x40"},
    {4000, 3000, 1, 8, "sx=10,sy=20,sw=30,sh=40,dw=300,dh=300", "30x40 src 10,20 30x40"},
    {4000, 3000, 1, 8, "sx=10,sy=20,sw=30,sh=40,dw=300,dh=300,ds=s", "225x300 src 10,20 30x40"},
    {4000, 3000, 1, 8, "sx=3990,sw=100", "10x3000 src 3990,0 10x3000"},
    {4000, 3000, 1, 8, "sx=3990,sy=2980,sw=100,sh=100,dw=5", "5x10 src 3990,2980 10x20"},
    {4000, 3000, 1, 8, "sx=3999", "1x3000 src 3999,0 1x3000"},
    {4000, 3000, 1, 8, "sx=1000", "3000x3000 src 1000,0 3000x3000"},
    {4000, 3000, 1, 8, "sw=5000,sh=1000000", "4000x3000"},
    {4000, 3000, 1, 8, "sw=0.1", "1x3000 src 0,0 1x3000"},
    {4000, 3000, 1, 8, "sx=10.4,sw=20.6", "21x3000 src 10,0 21x3000"},
    {4000, 3000, 1, 8, "sx=10.5,sw=20.4", "20x3000 src 11,0 20x3000"},
    {1, 3000, 1, 8, "sx=60p", "1x3000"},
    {1, 1, 1, 8, "sx=99.9p,sy=0.6", "1x1"},
    {4000, 3000, 1, 8, "sx=3999.9,sy=99.99p,dw=7", "1x1 src 3999,2999 1x1"},
    {4000, 3000, 1, 8, "sx=4000", "!sx"},
    {4000, 3000, 1, 8, "sx=1000000", "!sx"},
    {4000, 3000, 1, 8, "sy=3000", "!sy"},
    {4000, 3000, 1, 8, "sy=3500,sw=10,sh=10", "!sy"},
    {4000, 3000, 1, 8, "sx=100p", "!sx"},
    {4000, 3000, 1, 8, "sy=100p,dw=10", "!sy"},
    {4000, 3000, 1, 8, "sx=1000000p", "!sx"},
    {1000000, 1, 1, 1, "sx=1000000p", "!sx"},
    {1000000, 1, 1, 1, "sw=1000000p", "1000000x1"},
    {1000000, 1, 1, 1, "sw=429497p", "1000000x1"},
    /* angles and the camera's turn are one turn */
    {4000, 3000, 1, 8, "angle=90", "3000x4000 turn 6"},
    {4000, 3000, 1, 8, "angle=180", "4000x3000 turn 3"},
    {4000, 3000, 1, 8, "angle=270", "3000x4000 turn 8"},
    {4000, 3000, 6, 8, "angle=90", "4000x3000 turn 3"},
    {4000, 3000, 6, 8, "angle=270", "4000x3000"},
    {4000, 3000, 8, 8, "angle=90", "4000x3000"},
    {4000, 3000, 2, 8, "angle=90", "3000x4000 turn 7"},
    {4000, 3000, 2, 8, "angle=180", "4000x3000 turn 4"},
    {4000, 3000, 5, 8, "angle=90", "4000x3000 turn 2"},
    {4000, 3000, 7, 8, "angle=270", "4000x3000 turn 2"},
    {4000, 3000, 6, 8, "angle=90,autoorient=n", "3000x4000 turn 6"},
    {4000, 3000, 1, 8, "angle=90,sx=0,sy=0,sw=30,sh=40", "30x40 src 0,2970 40x30 turn 6"},
    /* passing through */
    {100, 50, 1, 8, "pt=ptss", "100x50"},
    {100, 50, 1, 8, "pt=ptss,dw=101", "pass"},
    {100, 50, 1, 8, "pt=ptss,dw=100", "100x50"},
    {100, 50, 1, 8, "pt=ptss,dw=200,dh=50", "100x50"},
    {100, 50, 1, 8, "pt=ptss,dw=200,dh=50,da=s", "pass"},
    {100, 50, 1, 8, "pt=ptss,cw=101,ch=51", "pass"},
    {100, 50, 1, 8, "pt=ptss,cw=101,ch=50", "101x50 canvas scaled 100x50 at 0,0"},
    {100, 50, 1, 8, "pt=ptss,dw=200,cw=90,ch=90",
     "90x90 canvas scaled 100x50 vis 5,0 90x50 at 0,20"},
    {100, 50, 1, 8, "pt=ptls", "100x50"},
    {100, 50, 1, 8, "pt=ptls,dw=99", "pass"},
    {100, 50, 1, 8, "pt=ptls,dw=100", "100x50"},
    {100, 50, 1, 8, "pt=ptls,cw=100,ch=49", "pass"},
    {100, 50, 6, 8, "pt=ptls,cw=60,ch=100", "60x100 canvas scaled 100x50 at 5,0 turn 6"},
    {100, 50, 6, 8, "pt=ptss,cw=60,ch=101", "pass"},
    {100, 50, 1, 8, "pt=n,dw=200", "100x50"},
    /* as the originals read it */
    {100, 50, 1, 8, "!dw=50px", "50x25"},
    {100, 50, 1, 8, "!dw=20px", "20x10 /2"},
    {100, 50, 1, 8, "dw=20px", "20x10 /2"},
    {200, 100, 1, 8, "!dw=20px", "40x20 /2"},
    {200, 100, 1, 8, "dw=20px", "20x10 /4"},
    {100, 50, 1, 8, "!dw=33.9", "33x16"},
    {100, 50, 1, 8, "!sx=10,sy=10", "100x50"},
    {100, 50, 1, 8, "!sx=10,sy=10,sw=30,sh=30", "100x50"},
    {100, 50, 1, 8, "!sx=10,sy=10,sw=30,sh=30,dw=20", "100x50"},
    {100, 50, 1, 8, "!sx=10,sy=10,sw=30,sh=30,dw=19", "19x19 src 10,10 30x30"},
    {100, 50, 1, 8, "!sx=10,sy=10,sw=30,sh=30,ds=s", "30x30 src 10,10 30x30"},
    {100, 50, 1, 8, "!dw=200", "100x50"},
    {100, 50, 1, 8, "!dw=20,dh=200,da=n", "20x200"},
    /* no enlarging unless asked */
    {100, 50, 1, 8, "dw=200", "100x50"},
    {100, 50, 1, 8, "dw=200,ds=s", "200x100"},
    {100, 50, 1, 8, "dw=200,ds=n", "100x50"},
    {100, 50, 1, 8, "dw=100", "100x50"},
    {100, 50, 1, 8, "dw=100.4", "100x50"},
    {100, 50, 1, 8, "dw=99", "99x50"},
    {100, 50, 1, 8, "dw=200,dh=40", "80x40"},
    {100, 50, 1, 8, "dw=80,dh=200", "80x40"},
    {100, 50, 1, 8, "dw=80,dh=200,da=s", "100x50"},
    {100, 50, 1, 8, "dw=80,dh=200,da=s,ds=s", "400x200"},
    {100, 50, 1, 8, "dw=80,dh=200,da=n", "80x200"},
    {100, 50, 1, 8, "dw=200,dh=200,da=n", "100x50"},
    {100, 50, 1, 8, "dw=200,dh=200,da=n,ds=s", "200x200"},
    {100, 50, 1, 8, "dw=200p,ds=s", "200x100"},
    /* rounding, smallest, narrowest */
    {100, 50, 1, 8, "dw=0.4", "1x1 /8"},
    {100, 50, 1, 8, "dw=1p", "1x1 /8"},
    {100, 50, 1, 8, "dw=33.5", "34x17"},
    {100, 50, 1, 8, "dw=33.4", "33x17"},
    {3, 2, 1, 8, "dw=2", "2x1"},
    {3, 1000, 1, 8, "dw=2", "2x667"},
    {1, 1, 1, 8, "", "1x1"},
    {1, 1, 1, 8, "dw=1", "1x1"},
    {1, 1, 1, 8, "dw=100", "1x1"},
    {1, 1, 1, 8, "dw=100,ds=s", "100x100"},
    {1, 1, 1, 8, "dw=0.001,dh=0.001", "1x1"},
    {1, 1, 1, 8, "sx=1", "!sx"},
    {10000, 1, 1, 8, "dw=100", "100x1"},
    {10000, 1, 1, 8, "dw=1", "1x1"},
    {10000, 1, 1, 8, "dh=1", "10000x1"},
    {10000, 1, 1, 8, "dw=100,dh=100,da=s", "10000x1"},
    {10000, 1, 1, 8, "dw=100,dh=100,da=n", "100x100"},
    {10000, 1, 1, 8, "dw=100,dh=100,da=s,ds=s", "1000000x100"},
    {1, 10000, 1, 8, "dh=100", "1x100"},
    {1, 10000, 1, 8, "dw=100,dh=100", "1x100"},
    /* canvas */
    {100, 50, 1, 8, "cw=200", "100x50"},
    {100, 50, 1, 8, "ch=200", "100x50"},
    {100, 50, 1, 8, "cw=200,ch=0", "100x50"},
    {100, 50, 1, 8, "dx=20,dy=20", "100x50"},
    {100, 50, 1, 8, "cw=100,ch=50", "100x50 canvas at 0,0"},
    {100, 50, 1, 8, "cw=200,ch=200", "200x200 canvas scaled 100x50 at 50,75"},
    {100, 50, 1, 8, "dw=50,cw=60,ch=60", "60x60 canvas scaled 50x25 at 5,17"},
    {100, 50, 1, 8, "cw=200,ch=200,dx=7", "200x200 canvas scaled 100x50 at 7,75"},
    {100, 50, 1, 8, "cw=200,ch=200,dy=7", "200x200 canvas scaled 100x50 at 50,7"},
    {100, 50, 1, 8, "cw=300,ch=90,dx=10p,dy=20p", "300x90 canvas scaled 100x50 at 10,10"},
    {100, 50, 1, 8, "sx=50,sw=20,cw=300,ch=50,dx=10p",
     "300x50 canvas src 50,0 20x50 scaled 20x50 at 10,0"},
    {100, 50, 1, 8, "dw=200,dh=200,da=s,ds=s,cw=100,ch=100",
     "100x100 canvas scaled 400x200 vis 150,50 100x100 at 0,0"},
    {101, 50, 1, 8, "cw=50,ch=50", "50x50 canvas scaled 101x50 vis 25,0 50x50 at 0,0"},
    {100, 51, 1, 8, "cw=100,ch=20", "100x20 canvas scaled 100x51 vis 0,15 100x20 at 0,0"},
    {100, 50, 1, 8, "cw=80,ch=40,dx=-10,dy=5",
     "80x40 canvas scaled 100x50 vis 10,0 80x35 at 0,5"},
    {100, 50, 1, 8, "cw=80,ch=50,dx=-10p", "80x50 canvas scaled 100x50 vis 10,0 80x50 at 0,0"},
    {100, 50, 1, 8, "cw=80,ch=50,dx=70", "80x50 canvas scaled 100x50 vis 0,0 10x50 at 70,0"},
    {100, 50, 1, 8, "cw=80,ch=50,dx=-99", "80x50 canvas scaled 100x50 vis 99,0 1x50 at 0,0"},
    {100, 50, 1, 8, "cw=80,ch=50,dx=79", "80x50 canvas scaled 100x50 vis 0,0 1x50 at 79,0"},
    {100, 50, 1, 8, "cw=80,ch=50,dx=80", "80x50 canvas empty scaled 100x50"},
    {100, 50, 1, 8, "cw=80,ch=50,dx=-100", "80x50 canvas empty scaled 100x50"},
    {100, 50, 1, 8, "cw=80,ch=50,dy=-50", "80x50 canvas empty scaled 100x50"},
    {100, 50, 1, 8, "cw=80,ch=50,dy=1000000p", "80x50 canvas empty scaled 100x50"},
    {4000, 3000, 1, 8, "dw=300,dh=300,cw=300,ch=300",
     "300x300 canvas /4 scaled 300x225 at 0,37"},
    {4000, 3000, 1, 8, "dw=300,dh=300,da=s,cw=300,ch=300",
     "300x300 canvas /4 scaled 400x300 vis 50,0 300x300 at 0,0"},
    /* turned pictures: parameters are upright, source, scaled and visible are stored */
    {4000, 3000, 6, 8, "", "3000x4000 turn 6"},
    {4000, 3000, 6, 8, "dw=300", "300x400 /4 turn 6"},
    {4000, 3000, 6, 8, "dw=300,dh=300", "225x300 /4 turn 6"},
    {4000, 3000, 6, 8, "dw=300,autoorient=n", "300x225 /4"},
    {4000, 3000, 6, 8, "dw=300,autoorient=y", "300x400 /4 turn 6"},
    {4000, 3000, 6, 8, "dw=10p,dh=10p,da=n", "300x400 /4 turn 6"},
    {4000, 3000, 1, 8, "sw=30,sh=40", "30x40 src 0,0 30x40"},
    {4000, 3000, 2, 8, "sw=30,sh=40", "30x40 src 3970,0 30x40 turn 2"},
    {4000, 3000, 3, 8, "sw=30,sh=40", "30x40 src 3970,2960 30x40 turn 3"},
    {4000, 3000, 4, 8, "sw=30,sh=40", "30x40 src 0,2960 30x40 turn 4"},
    {4000, 3000, 5, 8, "sw=30,sh=40", "30x40 src 0,0 40x30 turn 5"},
    {4000, 3000, 6, 8, "sw=30,sh=40", "30x40 src 0,2970 40x30 turn 6"},
    {4000, 3000, 7, 8, "sw=30,sh=40", "30x40 src 3960,2970 40x30 turn 7"},
    {4000, 3000, 8, 8, "sw=30,sh=40", "30x40 src 3960,0 40x30 turn 8"},
    {4000, 3000, 6, 8, "sw=30,sh=40,autoorient=n", "30x40 src 0,0 30x40"},
    {4000, 3000, 6, 8, "sx=50p", "1500x4000 src 0,0 4000x1500 turn 6"},
    {4000, 3000, 8, 8, "sy=75p", "3000x1000 src 0,0 1000x3000 turn 8"},
    {4000, 3000, 6, 8, "sx=3500", "!sx"},
    {4000, 3000, 6, 8, "sx=3500,autoorient=n", "500x3000 src 3500,0 500x3000"},
    {4000, 3000, 6, 8, "sy=3500", "3000x500 src 3500,0 500x3000 turn 6"},
    {100, 50, 6, 8, "cw=50,ch=50,dy=0",
     "50x50 canvas scaled 100x50 vis 0,0 50x50 at 0,0 turn 6"},
    {100, 50, 6, 8, "cw=50,ch=50,dy=-10",
     "50x50 canvas scaled 100x50 vis 10,0 50x50 at 0,0 turn 6"},
    {100, 50, 6, 8, "cw=50,ch=50,dx=20,dy=0",
     "50x50 canvas scaled 100x50 vis 0,20 50x30 at 20,0 turn 6"},
    {100, 50, 3, 8, "cw=50,ch=50,dx=20,dy=0",
     "50x50 canvas scaled 100x50 vis 70,0 30x50 at 20,0 turn 3"},
};

static void table_holds(void)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        tc_image_info info = {.format = TC_FORMAT_JPEG,
                              .width = table[i].w,
                              .height = table[i].h,
                              .orientation = table[i].orientation,
                              .model = TC_RGB,
                              .max_reduce = table[i].max_reduce};

        check(&info, &no_limits, table[i].text, table[i].expected);
    }
}

/* A picture of which 1/8 is cheap to decode: half again the target's size is enough there. */
static const struct {
    uint32_t w, h;
    uint8_t max_reduce;
    const char *text, *expected;
} cheap[] = {
    {4000, 3000, 8, "dw=300,dh=300", "300x225 /8"},
    {4000, 3000, 8, "dw=333", "333x250 /8"},
    {4000, 3000, 8, "dw=334", "334x251 /4"},
    {4000, 3000, 8, "dw=500", "500x375 /4"},
    {4000, 3000, 8, "dw=501", "501x376 /2"},
    {4000, 3000, 8, "dw=334,jpeghint=y", "334x251 /8"},
    {4000, 3000, 8, "dw=333,dh=251,da=n", "333x251 /4"},
    {4000, 3000, 8, "sx=1000,sy=500,sw=2400,sh=1200,dw=200",
     "200x100 src 1000,500 2400x1200 /8"},
    {4000, 3000, 8, "sx=1000,sy=500,sw=2399,sh=1200,dw=200,dh=100,da=n",
     "200x100 src 1000,500 2399x1200 /4"},
    {4000, 3000, 4, "dw=200", "200x150 /4"},
    {12, 12, 8, "dw=1", "1x1 /8"},
    {11, 11, 8, "dw=1", "1x1 /4"},
};

static void cheap_eighth_holds(void)
{
    for (size_t i = 0; i < COUNT(cheap); i++) {
        tc_image_info info = {.format = TC_FORMAT_JPEG,
                              .width = cheap[i].w,
                              .height = cheap[i].h,
                              .orientation = 1,
                              .model = TC_RGB,
                              .max_reduce = cheap[i].max_reduce,
                              .eighth_is_cheap = true};

        check(&info, &no_limits, cheap[i].text, cheap[i].expected);
    }
}

static const struct {
    uint32_t w, h;
    uint8_t orientation;
    uint64_t max_pixels;
    uint32_t max_w, max_h;
    const char *text, *expected;
} limited[] = {
    {4000, 3000, 1, 12000000, 0, 0, "dw=10", "10x8"},
    {4000, 3000, 1, 11999999, 0, 0, "dw=10", "!pixels"},
    {4000, 3000, 1, 11999999, 0, 0, "sw=1,sh=1", "!pixels"},
    {65535, 65535, 1, 4294836225, 0, 0, "dw=10", "10x10"},
    {65535, 65535, 1, 4294836224, 0, 0, "dw=10", "!pixels"},
    {0xffffffff, 0xffffffff, 1, 1000000000, 0, 0, "dw=10", "!pixels"},
    {65536, 65536, 1, 1, 0, 0, "dw=10", "!pixels"},
    {4000, 3000, 1, 0, 300, 300, "", "!output"},
    {4000, 3000, 1, 0, 4000, 3000, "", "4000x3000"},
    {4000, 3000, 1, 0, 3999, 3000, "", "!output"},
    {4000, 3000, 1, 0, 300, 300, "dw=300", "300x225"},
    {4000, 3000, 1, 0, 300, 300, "dw=301", "!output"},
    {4000, 3000, 1, 0, 300, 300, "dh=300", "!output"},
    {4000, 3000, 1, 0, 300, 0, "dw=300,dh=2000,da=n", "300x2000"},
    {4000, 3000, 1, 0, 300, 0, "dw=301,dh=2000,da=n", "!output"},
    {4000, 3000, 1, 0, 0, 300, "dw=2000,dh=300,da=n", "2000x300"},
    {4000, 3000, 1, 0, 0, 300, "dw=2000,dh=301,da=n", "!output"},
    {4001, 3000, 1, 0, 300, 300, "dh=225", "300x225"},
    {4000, 3000, 6, 0, 300, 400, "dw=300", "300x400 turn 6"},
    {4000, 3000, 6, 0, 400, 300, "dw=300", "!output"},
    {100, 100, 1, 0, 300, 300, "dw=300,ds=s", "300x300"},
    {100, 100, 1, 0, 300, 300, "dw=301,ds=s", "!output"},
    {100, 100, 1, 0, 300, 300, "dw=301", "100x100"},
    {100, 100, 1, 0, 300, 300, "dw=1000000,dh=1000000,ds=s", "!output"},
    {100, 100, 1, 0, 300, 300, "dw=1000000p,ds=s", "!output"},
    {100, 100, 1, 0, 300, 300, "cw=300,ch=300", "300x300 canvas scaled 100x100 at 100,100"},
    {100, 100, 1, 0, 300, 300, "cw=301,ch=300", "!output"},
    {100, 100, 1, 0, 300, 300, "cw=300,ch=301", "!output"},
    {100, 100, 1, 0, 300, 300, "cw=1000000,ch=1000000", "!output"},
    {100, 100, 1, 0, 300, 300, "cw=1000000", "100x100"},
    {100, 100, 1, 0, 300, 300, "dw=400,ds=s,cw=300,ch=300",
     "300x300 canvas scaled 400x400 vis 50,50 300x300 at 0,0"},
    {1, 1, 1, 0, 0, 0, "dw=1000000,dh=1000000,ds=s", "1000000x1000000"},
    {65535, 1, 1, 0, 0, 0, "dh=1000000,ds=s", "!output"},
    {1, 65535, 1, 0, 0, 0, "dw=1000000,ds=s", "!output"},
    {65535, 1, 1, 0, 0, 0, "dh=1000000,ds=s,cw=10,ch=10", "!output"},
    {65535, 1, 1, 0, 0, 3000000, "dh=1000000,ds=s", "!output"},
};

static void limits_hold(void)
{
    for (size_t i = 0; i < COUNT(limited); i++) {
        tc_limits limits = {.max_pixels = limited[i].max_pixels,
                            .max_output_w = limited[i].max_w,
                            .max_output_h = limited[i].max_h};
        tc_image_info info = {.format = TC_FORMAT_PNG,
                              .width = limited[i].w,
                              .height = limited[i].h,
                              .orientation = limited[i].orientation,
                              .model = TC_RGB_ALPHA,
                              .max_reduce = 1};
        tc_fail fail;
        bool pixels = strcmp(limited[i].expected, "!pixels") == 0;

        check(&info, &limits, limited[i].text, limited[i].expected);
        if (limited[i].max_pixels)
            ok(tc_limits_check(&limits, &info, &fail) ==
                   (pixels ? TC_E_PIXELS_TOO_MANY : TC_E_OK),
               "the header alone says so");
    }
}

/* Where row 0 and column 0 of the stored picture are seen, from the EXIF standard. */
static const char *const exif[9] = {NULL, "TL", "TR", "BR", "BL", "LT", "RT", "RB", "LB"};

#define PIC_W 7
#define PIC_H 5

static void upright_place(uint8_t orientation, int x, int y, int *ux, int *uy)
{
    char row = exif[orientation][0], column = exif[orientation][1];

    if (row == 'T' || row == 'B') {
        *uy = row == 'T' ? y : PIC_H - 1 - y;
        *ux = column == 'L' ? x : PIC_W - 1 - x;
    } else {
        *ux = row == 'L' ? y : PIC_H - 1 - y;
        *uy = column == 'T' ? x : PIC_W - 1 - x;
    }
}

static bool within(int x, int y, int left, int top, int w, int h)
{
    return x >= left && x < left + w && y >= top && y < top + h;
}

/*
 * Crop x,y,w,h of the upright picture, laid at dx,dy on a 6x4 canvas: every
 * stored pixel is in the plan's part exactly if it is seen.
 */
static bool same_pixels(const tc_image_info *info, int x, int y, int w, int h, bool canvas,
                        int dx, int dy)
{
    char text[128];
    tc_fail fail;
    tc_plan plan;
    bool same = true, any = false;

    snprintf(text, sizeof(text), "sx=%d,sy=%d,sw=%d,sh=%d", x, y, w, h);
    if (canvas)
        sprintf(text + strlen(text), ",cw=6,ch=4,dx=%d,dy=%d", dx, dy);
    if (make(&plan, text, info, &no_limits, &fail))
        return false;
    for (int sy = 0; sy < PIC_H; sy++) {
        for (int sx = 0; sx < PIC_W; sx++) {
            int ux, uy;
            bool in_crop, seen, in_plan;

            upright_place(info->orientation, sx, sy, &ux, &uy);
            in_crop = within(ux, uy, x, y, w, h);
            seen = in_crop && (!canvas || within(ux - x + dx, uy - y + dy, 0, 0, 6, 4));
            any |= seen;
            in_plan = within(sx, sy, (int)plan.source.x, (int)plan.source.y, (int)plan.source.w,
                             (int)plan.source.h);
            same &= in_crop == in_plan;
            in_plan =
                in_plan && !plan.empty &&
                within(sx - (int)plan.source.x, sy - (int)plan.source.y, (int)plan.visible.x,
                       (int)plan.visible.y, (int)plan.visible.w, (int)plan.visible.h);
            same &= seen == in_plan;
        }
    }
    if (any && canvas)
        same &= plan.offset_x == (dx > 0 ? (uint32_t)dx : 0) &&
                plan.offset_y == (dy > 0 ? (uint32_t)dy : 0);
    return same && plan.empty == !any;
}

static void turns_hold(void)
{
    for (uint8_t o = 1; o <= 8; o++) {
        tc_image_info info = {.format = TC_FORMAT_JPEG,
                              .width = PIC_W,
                              .height = PIC_H,
                              .orientation = o,
                              .model = TC_RGB,
                              .max_reduce = 8};
        int full_w = o >= 5 ? PIC_H : PIC_W, full_h = o >= 5 ? PIC_W : PIC_H;
        int crops = 0, wrong = 0;

        for (int i = 0; i < full_w * full_h * full_w * full_h; i++) {
            int x = i % full_w, y = i / full_w % full_h, rest = i / full_w / full_h;
            int w = rest % full_w + 1, h = rest / full_w + 1;

            if (x + w > full_w || y + h > full_h)
                continue;
            crops++;
            wrong += !same_pixels(&info, x, y, w, h, false, 0, 0);
            wrong += !same_pixels(&info, x, y, w, h, true, i % 14 - 7, i % 11 - 6);
        }
        ok(wrong == 0, "orientation %u: %d crops, plain and on a canvas, %d wrong", o, crops,
           wrong);
    }
}

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 32) * bound >> 32);
}

static uint32_t random_size(void)
{
    static const uint32_t bounds[] = {1, 4, 20, 100, 5000, 70000, 1000000};

    return 1 + random_below(bounds[random_below(COUNT(bounds))]);
}

static void random_request(char *text, size_t size)
{
    static const char *const lengths[] = {"sx", "sy", "sw", "sh", "dw", "dh", "dx", "dy"};
    static const char *const words[] = {"da=s", "da=n", "ds=s", "jpeghint=y", "autoorient=n"};
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < COUNT(lengths); i++) {
        bool percent = random_below(3) == 0;

        if (random_below(i < 4 ? 4 : 2))
            continue;
        used +=
            (size_t)snprintf(text + used, size - used, "%s=%s%u.%u%s,", lengths[i],
                             i >= 6 && random_below(2) ? "-" : "",
                             percent && random_below(9) ? random_below(120) : random_size() - 1,
                             1 + random_below(9), percent ? "p" : "");
    }
    if (random_below(3) == 0)
        used += (size_t)snprintf(text + used, size - used, "cw=%u,ch=%u,", random_size(),
                                 random_size());
    for (size_t i = 0; i < COUNT(words); i++) {
        if (random_below(3) == 0)
            used += (size_t)snprintf(text + used, size - used, "%s,", words[i]);
    }
}

static bool fits(tc_rect r, uint32_t w, uint32_t h)
{
    return r.w >= 1 && r.h >= 1 && r.x < w && r.y < h && r.w <= w - r.x && r.h <= h - r.y;
}

static bool leaves(const tc_plan *p, double keep, uint64_t reduce)
{
    return p->source.w >= keep * reduce * p->scaled_w &&
           p->source.h >= keep * reduce * p->scaled_h;
}

/* How many times the target's size must be left by a reduction. */
static double keeps(const char *text, const tc_image_info *info, unsigned reduce)
{
    return strstr(text, "jpeghint=y") ? 1 : reduce == 8 && info->eighth_is_cheap ? 1.5 : 2;
}

/* What is wrong with a plan, or NULL. */
static const char *broken(const tc_plan *p, const tc_image_info *info, const tc_limits *limits,
                          const char *text)
{
    bool swaps = p->orientation >= 5;

    if (p->orientation != (strstr(text, "autoorient=n") ? 1 : info->orientation))
        return "orientation";
    if (!fits(p->source, info->width, info->height))
        return "source is not within the picture";
    if (!p->scaled_w || !p->scaled_h || !p->output_w || !p->output_h)
        return "a size of zero";
    if ((limits->max_output_w && p->output_w > limits->max_output_w) ||
        (limits->max_output_h && p->output_h > limits->max_output_h) ||
        (limits->max_pixels && (uint64_t)info->width * info->height > limits->max_pixels))
        return "a limit is passed";
    if (p->canvas != (strstr(text, "cw=") != NULL) || (p->empty && !p->canvas))
        return "canvas";
    if (!p->empty && !fits(p->visible, p->scaled_w, p->scaled_h))
        return "visible is not within scaled";
    if (!p->empty && (p->picture_w != (swaps ? p->visible.h : p->visible.w) ||
                      p->picture_h != (swaps ? p->visible.w : p->visible.h) ||
                      !fits((tc_rect){p->offset_x, p->offset_y, p->picture_w, p->picture_h},
                            p->output_w, p->output_h)))
        return "the picture is not within the output";
    if (!p->canvas && (p->picture_w != p->output_w || p->picture_h != p->output_h ||
                       !is_whole(p->visible, p->scaled_w, p->scaled_h)))
        return "without a canvas the picture is not the output";
    if (!strstr(text, "ds=s") && !strstr(text, "da=n") &&
        (p->scaled_w > p->source.w || p->scaled_h > p->source.h))
        return "enlarged unasked";
    if (p->reduce > info->max_reduce || (p->reduce & (p->reduce - 1)) || !p->reduce)
        return "reduce is no power of 2 the decoder has";
    if (p->reduce > 1 && !leaves(p, keeps(text, info, p->reduce), p->reduce))
        return "reduced too far";
    if (p->reduce < info->max_reduce &&
        leaves(p, keeps(text, info, p->reduce * 2), p->reduce * 2))
        return "reduced too little";
    if (p->pixels > (uint64_t)info->width * info->height ||
        p->pixels < (uint64_t)p->source.w * p->source.h / p->reduce / p->reduce)
        return "pixels to decode";
    return !p->empty && p->bytes == 0 ? "costs nothing" : NULL;
}

/* The upright plan must be that of the picture stored upright. */
static bool same_upright(const tc_plan *plan, const tc_image_info *info, const char *text,
                         const tc_limits *limits)
{
    tc_image_info turned = *info;
    tc_fail fail;
    tc_plan other;

    turned.orientation = 1;
    if (plan->orientation >= 5) {
        turned.width = info->height;
        turned.height = info->width;
    }
    return make(&other, text, &turned, limits, &fail) == TC_E_OK &&
           other.output_w == plan->output_w && other.output_h == plan->output_h &&
           other.picture_w == plan->picture_w && other.picture_h == plan->picture_h &&
           other.offset_x == plan->offset_x && other.offset_y == plan->offset_y &&
           other.empty == plan->empty && other.reduce == plan->reduce;
}

static void properties_hold(void)
{
    int planned = 0, refused = 0, wrong = 0;

    random_state = 20240607;
    for (int i = 0; i < 20000; i++) {
        tc_image_info info = {.format = TC_FORMAT_JPEG,
                              .width = random_size(),
                              .height = random_size(),
                              .orientation = (uint8_t)(1 + random_below(8)),
                              .model = (tc_model)random_below(4),
                              .max_reduce = 1u << random_below(4),
                              .held_bytes = random_below(1000),
                              .eighth_is_cheap = random_below(2)};
        tc_limits limits = {.max_pixels = random_below(2) ? 50000000 : 0,
                            .max_output_w = random_below(3) ? 1 + random_below(20000) : 0,
                            .max_output_h = random_below(3) ? 1 + random_below(20000) : 0};
        tc_fail fail = {TC_E_OK, ""};
        char text[400];
        const char *why;
        tc_plan plan;
        tc_error error;

        random_request(text, sizeof(text));
        error = make(&plan, text, &info, &limits, &fail);
        if (error) {
            refused++;
            why = fail.text[0] && fail.error == error ? NULL : "no reason";
        } else {
            planned++;
            why = broken(&plan, &info, &limits, text);
            if (!why && !same_upright(&plan, &info, text, &limits))
                why = "not the plan of the upright picture";
        }
        if (why && wrong++ < 10)
            printf("# %s: %ux%u o%u /%u '%s' limit %ux%u\n", why, info.width, info.height,
                   info.orientation, info.max_reduce, text, limits.max_output_w,
                   limits.max_output_h);
    }
    ok(wrong == 0, "20000 random requests (seed 20240607): %d planned, %d refused, %d wrong",
       planned, refused, wrong);
    ok(planned > 6000 && refused > 2000, "both kinds are there");
}

int main(void)
{
    table_holds();
    cheap_eighth_holds();
    limits_hold();
    turns_hold();
    properties_hold();
    return done_testing();
}
