/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar of the URL's parameters as a table: text in, what differs from the
 * defaults out. Then overlay and the canonical text.
 */
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "image/params/params.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Text in a block of its exact size: one byte too many is seen by a sanitiser. */
static tc_error parse_over(tc_params *params, const char *text, tc_params_unknown *unknown,
                           void *context, tc_fail *fail)
{
    size_t length = strlen(text);
    char *exact = malloc(length ? length : 1);
    tc_error error;

    if (!exact)
        abort();
    memcpy(exact, text, length);
    error = tc_params_parse(params, exact + (length ? 0 : 1), length, unknown, context, fail);
    free(exact);
    return error;
}

static tc_error parse(tc_params *params, const char *text)
{
    tc_fail fail = {TC_E_OK, ""};

    tc_params_init(params);
    return parse_over(params, text, NULL, NULL, &fail);
}

static size_t add(char *text, size_t size, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static size_t add(char *text, size_t size, size_t at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    at += (size_t)vsnprintf(text + at, size - at, format, args);
    va_end(args);
    return at < size ? at : size - 1;
}

static size_t add_coord(char *text, size_t size, size_t at, const char *key, tc_coord c,
                        bool zero_is_default)
{
    if (c.unit == TC_UNIT_UNSET || (zero_is_default && c.value == 0))
        return at;
    return add(text, size, at, "%s=%.9g%s ", key, c.value,
               c.unit == TC_UNIT_PERCENT ? "%" : "px");
}

/* What is not at its default, in words of the test's own; "#n" of them were named. */
static void describe(const tc_params *p, char *text, size_t size)
{
    static const char *const formats[] = {"none", "jpeg", "png",  "gif",
                                          "tiff", "webp", "avif", "auto"};
    static const char *const aspects[] = {"fit", "cover", "stretch"};
    size_t at = 0;

    text[0] = '\0';
    if (p->pattern[0])
        at = add(text, size, at, "p=%s ", p->pattern);
    if (p->engine != TC_ENGINE_BUILTIN)
        at = add(text, size, at, "e=dummy ");
    at = add_coord(text, size, at, "sx", p->sx, true);
    at = add_coord(text, size, at, "sy", p->sy, true);
    at = add_coord(text, size, at, "sw", p->sw, false);
    at = add_coord(text, size, at, "sh", p->sh, false);
    at = add_coord(text, size, at, "dw", p->dw, false);
    at = add_coord(text, size, at, "dh", p->dh, false);
    if (p->aspect != TC_ASPECT_FIT)
        at = add(text, size, at, "da=%s ", aspects[p->aspect]);
    if (p->upscale)
        at = add(text, size, at, "ds=%d ", p->upscale);
    for (uint32_t i = 0; i < p->sizes.count; i++)
        at = add(text, size, at, "%u*%u%s ", p->sizes.box[i].w, p->sizes.box[i].h,
                 p->sizes.box[i].crop ? " cut" : "");
    if (p->size.w || p->size.h)
        at = add(text, size, at, "as %u*%u ", p->size.w, p->size.h);
    if (p->cw)
        at = add(text, size, at, "cw=%u ", p->cw);
    if (p->ch)
        at = add(text, size, at, "ch=%u ", p->ch);
    if (tc_params_has_cc(p))
        at = add(text, size, at, "cc=%02x%02x%02x%02x ", p->cc.r, p->cc.g, p->cc.b, p->cc.a);
    at = add_coord(text, size, at, "dx", p->dx, false);
    at = add_coord(text, size, at, "dy", p->dy, false);
    if (p->quality)
        at = add(text, size, at, "q=%d ", p->quality);
    if (p->format != TC_FORMAT_NONE)
        at = add(text, size, at, "of=%s ", formats[p->format]);
    if (p->jpeghint)
        at = add(text, size, at, "jpeghint=%d ", p->jpeghint);
    if (p->autoorient != 1)
        at = add(text, size, at, "autoorient=%d ", p->autoorient);
    if (p->bw)
        at = add(text, size, at, "bw=%u ", p->bw);
    if (p->bh)
        at = add(text, size, at, "bh=%u ", p->bh);
    if (p->bc.r || p->bc.g || p->bc.b || p->bc.a != 255)
        at = add(text, size, at, "bc=%02x%02x%02x%02x ", p->bc.r, p->bc.g, p->bc.b, p->bc.a);
    if (p->pass)
        at = add(text, size, at, "pt=%d ", p->pass);
    if (p->angle)
        at = add(text, size, at, "angle=%d ", p->angle);
    if (p->unsharp.sigma > 0)
        at = add(text, size, at, "unsharp=%gx%g+%g+%g ", p->unsharp.radius, p->unsharp.sigma,
                 p->unsharp.amount, p->unsharp.threshold);
    if (p->sharpen.sigma > 0)
        at = add(text, size, at, "sharpen=%gx%g ", p->sharpen.radius, p->sharpen.sigma);
    if (p->blur.sigma > 0)
        at = add(text, size, at, "blur=%gx%g ", p->blur.radius, p->blur.sigma);
    if (p->icon[0])
        at = add(text, size, at, "embedicon=%s ", p->icon);
    if (p->ix || p->iy)
        at = add(text, size, at, "ix=%d iy=%d ", p->ix, p->iy);
    at = add(text, size, at, "%s%s%s%s", p->progressive ? "progressive " : "",
             p->cmyk2rgb ? "cmyk2rgb " : "", p->rmprof ? "rmprof " : "",
             p->inhexif ? "inhexif " : "");
    if (p->info)
        at = add(text, size, at, "info=%d ", p->info);
    add(text, size, at, "#%d", __builtin_popcountll(p->given));
}

#define NAME_63 "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ.-12345678"

/* "!key" expects TC_E_PARAM and the key in the reason. */
static const struct {
    const char *text, *expected;
} grammar[] = {
    /* separators, blanks, case, repetition */
    {"", "#0"},
    {",;,,;;", "#0"},
    {"  ", "#0"},
    {"dw=300,dh=200", "dw=300px dh=200px #2"},
    {"dw=300;dh=200", "dw=300px dh=200px #2"},
    {"dw=300;dh=200,q=5", "dw=300px dh=200px q=5 #3"},
    {",dw=300,,;dh=200;", "dw=300px dh=200px #2"},
    {" dw = 300 , dh =200 ;q= 7", "dw=300px dh=200px q=7 #3"},
    {"   of=png   ", "of=png #1"},
    {"DW=300,Dh=200", "dw=300px dh=200px #2"},
    {"JpegHint=y,AUTOORIENT=n", "jpeghint=1 autoorient=0 #2"},
    {"dw=300,dw=400", "dw=400px #1"},
    {"dw=300,DW=20p", "dw=20% #1"},
    /* empty values */
    {"dw=", "#0"},
    {"dw", "#0"},
    {"dw= ", "#0"},
    {"dw=,dh=5", "dh=5px #1"},
    {"dw,dh=5", "dh=5px #1"},
    {"dw=300,dw=", "#0"},
    {"dw=300,dw", "#0"},
    {"dw=300,dw=,dw=7", "dw=7px #1"},
    {"cc=f00,cc=", "#0"},
    {"p=a,p=", "#0"},
    {"of=png,of,q=9,q=,da=s,da=,ds=s,ds=", "#0"},
    {"cw=5,ch=5,cw=,ch=,jpeghint=y,jpeghint=,autoorient=n,autoorient=,info=1,info=", "#0"},
    {"e=dummy,e=,dx=5,dx=,sx=5,sx=,sw=5,sw=", "#0"},
    /* unknown keys */
    {"nosuch=5,dw=300,also", "dw=300px #1"},
    {"d=5,dww=6,dwx,=7", "#0"},
    {"dw=300,d w=5", "dw=300px #1"},
    /* numbers */
    {"dw=1", "dw=1px #1"},
    {"dw=300px", "dw=300px #1"},
    {"dw=50p", "dw=50% #1"},
    {"dw=12.5p,dh=0.25", "dw=12.5% dh=0.25px #2"},
    {"dw=12.5px", "dw=12.5px #1"},
    {"dw=007", "dw=7px #1"},
    {"dw=1000000", "dw=1000000px #1"},
    {"dw=1000000.0", "dw=1000000px #1"},
    {"dw=1000000p", "dw=1000000% #1"},
    {"sx=0,sy=0p", "#2"},
    {"sx=10,sy=20p,sw=30.5,sh=40px", "sx=10px sy=20% sw=30.5px sh=40px #4"},
    {"dx=0,dy=0p", "dx=0px dy=0% #2"},
    {"dx=-5,dy=-12.5p", "dx=-5px dy=-12.5% #2"},
    {"dx=5,dy=7px", "dx=5px dy=7px #2"},
    {"dx=-1000000", "dx=-1000000px #1"},
    /* canvas */
    {"cw=100,ch=50", "cw=100 ch=50 #2"},
    {"cw=0,ch=0", "#2"},
    {"cw=1000000", "cw=1000000 #1"},
    /* sizes by name */
    {"as=300x200", "as 300*200 #1"},
    {"as=1x65535", "as 1*65535 #1"},
    {"as=300x200,as=", "#0"},
    {"sizes=300x200", "300*200 #1"},
    {"sizes=150x150c:300x300:768x:x400", "150*150 cut 300*300 768*0 0*400 #1"},
    {"sizes=300x200,sizes=1x", "1*0 #1"},
    {"sizes=300x200,sizes=", "#0"},
    {"sizes=1x:2x:3x:4x:5x:6x:7x:8x:9x:1x:2x:3x:4x:5x:6x:7x",
     "1*0 2*0 3*0 4*0 5*0 6*0 7*0 8*0 9*0 1*0 2*0 3*0 4*0 5*0 6*0 7*0 #1"},
    /* colours */
    {"cc=fff", "cc=ffffffff #1"},
    {"cc=f80", "cc=ff8800ff #1"},
    {"cc=f808", "cc=ff880088 #1"},
    {"cc=0000", "cc=00000000 #1"},
    {"cc=102030", "cc=102030ff #1"},
    {"cc=10203040", "cc=10203040 #1"},
    {"cc=aBcDeF", "cc=abcdefff #1"},
    {"cc=FFF0", "cc=ffffff00 #1"},
    {"cc=000000", "cc=000000ff #1"},
    /* words */
    {"da=l", "#1"},
    {"da=s", "da=cover #1"},
    {"da=n", "da=stretch #1"},
    {"ds=s", "ds=1 #1"},
    {"ds=n", "#1"},
    {"jpeghint=y", "jpeghint=1 #1"},
    {"jpeghint=n", "#1"},
    {"autoorient=n", "autoorient=0 #1"},
    {"autoorient=y", "#1"},
    {"info=1", "info=1 #1"},
    {"info=0", "#1"},
    {"e=imlib2", "#1"},
    {"e=imagemagick", "#1"},
    {"e=gd", "#1"},
    {"e=builtin", "#1"},
    {"e=dummy", "e=dummy #1"},
    {"of=jpeg", "of=jpeg #1"},
    {"of=jpg", "of=jpeg #1"},
    {"of=png", "of=png #1"},
    {"of=gif", "of=gif #1"},
    {"of=tiff", "of=tiff #1"},
    {"of=webp", "of=webp #1"},
    {"of=avif", "of=avif #1"},
    {"of=auto", "of=auto #1"},
    /* quality */
    {"q=1", "q=1 #1"},
    {"q=100", "q=100 #1"},
    {"q=0", "#1"},
    {"q=82", "q=82 #1"},
    /* the border, passing through, turning */
    {"bw=4,bh=2px,bc=f00", "bw=4 bh=2 bc=ff0000ff #3"},
    {"bw=0,bh=0", "#2"},
    {"pt=ptss", "pt=1 #1"},
    {"pt=ptls", "pt=2 #1"},
    {"pt=n", "#1"},
    {"angle=90", "angle=90 #1"},
    {"angle=270", "angle=270 #1"},
    {"angle=0", "#1"},
    /* Gaussians */
    {"blur=3x1.5", "blur=3x1.5 #1"},
    {"blur=0x2", "blur=0x2 #1"},
    {"blur=6", "blur=6x3 #1"},
    {"blur=0.5", "blur=0.5x0.5 #1"},
    {"blur=0", "blur=0x0.5 #1"},
    {"sharpen=2x0.7", "sharpen=2x0.7 #1"},
    {"unsharp=2x5+0.5+0", "unsharp=2x5+0.5+0 #1"},
    {"unsharp=2x5 0.5 0", "unsharp=2x5+0.5+0 #1"},
    {"unsharp=2x5+3", "unsharp=2x5+3+0.05 #1"},
    {"unsharp=2x5", "unsharp=2x5+1+0.05 #1"},
    {"unsharp=4", "unsharp=4x2+1+0.05 #1"},
    {"blur=3x1,blur=", "#0"},
    /* the icon */
    {"embedicon=logo.png,ix=5,iy=-7", "embedicon=logo.png ix=5 iy=-7 #3"},
    {"embedicon=a b..c\xc3\xa9", "embedicon=a b..c\xc3\xa9 #1"},
    {"embedicon=" NAME_63, "embedicon=" NAME_63 " #1"},
    /* the rest of yes and no */
    {"progressive=y,cmyk2rgb=y,rmprof=y,inhexif=y", "progressive cmyk2rgb rmprof inhexif #4"},
    {"progressive=n,cmyk2rgb=n,rmprof=n,inhexif=n", "#4"},
    /* pattern */
    {"p=thumb", "p=thumb #1"},
    {"p=A-z_0.9", "p=A-z_0.9 #1"},
    {"p=" NAME_63, "p=" NAME_63 " #1"},
    {"p=" NAME_63 "x", "!p"},
};

/* Values that each key refuses, split by a bar. */
static const struct {
    const char *key, *values;
} refused[] = {
    {"dw", "bad,dw=400|1000001|1000000.5|1000001p|"
           "99999999999999999999999999999999999999999|1e3|0x10|nan|inf|infinity|+5|"
           "300x|5pp|12p3|5ppx|5pxp|5x|5%|p|px|.|-|1.2.3|1 2|3=4|=4|\"4\"|0|0.0|0p|"
           "-5"},
    {"dh", "0|-5p"},
    {"sw", "0|-1"},
    {"sh", "0p|-1"},
    {"sx", "-1"},
    {"sy", "-0.5p"},
    {"dx", "-1000001|--5|+5|- 5|-p"},
    {"dy", "1000001"},
    {"cw", "1000001|-1|10p|0x5"},
    {"ch", "1.5|4294967297|18446744073709551617"},
    {"as", "300|300x|x200|0x200|300x0|0300x200|300x0200|65536x1|1x65536|300X200|300x200x|-3x2|"
           "300 x 200|300x200c|300.0x200|99999999999999999999x1|300x200px|axb"},
    {"sizes",
     "300|x|:|300x200:|:300x200|300x200::1x1|300xc|x300c|xc|0x1|1x0|01x1|65536x1|1x65536|"
     "300x200cc|300x200c1x1|300x200+1x1|1.5x1|"
     "1x:2x:3x:4x:5x:6x:7x:8x:9x:1x:2x:3x:4x:5x:6x:7x:8x"},
    {"cc", "#fff|ff|f|fffff|fffffff|fffffffff|ggg|ff |f f|0x1|-11|white"},
    {"da", "S|x|ls"},
    {"ds", "y|l"},
    {"jpeghint", "Y|yes|1"},
    {"autoorient", "0"},
    {"info", "y|2"},
    {"e", "Dummy|vips"},
    {"of", "PNG|jp|jpegx|bmp|none"},
    {"q", "101|-1|85.5|85p|4294967381|x"},
    {"bw", "-1|1000001|10p"},
    {"bc", "12|red"},
    {"pt", "y|ptsl"},
    {"angle", "45|-90|360|90.0"},
    {"blur", "x|3x|x2|3x0|1001|3x1001|-1|3x2+1|3x2x1|1e1|3 x2|3x0.0000001"},
    {"sharpen", "2x1+1|a"},
    {"unsharp", "2x1+|2x1+101|2x1+1+2|2x1+1+0+0|+1|2x1++1"},
    {"embedicon", "a/b|.a|..|.|a\\b|a\x01|a\x7f|" NAME_63 "x"},
    {"ix", "1.5|1000001|5p|5px"},
    {"iy", "-1000001"},
    {"progressive", "1"},
    {"cmyk2rgb", "Y"},
    {"rmprof", "yes"},
    {"inhexif", "1"},
    {"p", "a/b|a b|caf\xc3\xa9|a%20"},
};

/* `key` as a word of its own in `text`. */
static bool names_key(const char *text, const char *key)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t length = strlen(key);

    for (const char *at = text; (at = strstr(at, key)); at++) {
        if ((at == text || !strchr(letters, at[-1])) &&
            (at[length] == '\0' || !strchr(letters, at[length])))
            return true;
    }
    return false;
}

static void is_refused(const char *text, const char *key)
{
    tc_fail fail = {TC_E_OK, ""};
    tc_params params;
    tc_error error;

    tc_params_init(&params);
    error = parse_over(&params, text, NULL, NULL, &fail);
    if (!ok(error == TC_E_PARAM && fail.error == TC_E_PARAM && names_key(fail.text, key),
            "'%s' is refused, naming %s", text, key))
        printf("# got error %d, '%s'\n", error, fail.text);
}

static void grammar_holds(void)
{
    for (size_t i = 0; i < COUNT(grammar); i++) {
        const char *text = grammar[i].text, *expected = grammar[i].expected;
        char got[512];
        tc_params params;
        tc_error error;

        if (expected[0] == '!') {
            is_refused(text, expected + 1);
            continue;
        }
        error = parse(&params, text);
        describe(&params, got, sizeof(got));
        if (!ok(error == TC_E_OK && strcmp(got, expected) == 0, "'%s' is %s", text, expected))
            printf("# got error %d, %s\n", error, got);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *value = refused[i].values;

        for (size_t length; value; value = value[length] ? value + length + 1 : NULL) {
            char text[128];

            length = strcspn(value, "|");
            snprintf(text, sizeof(text), "%s=%.*s", refused[i].key, (int)length, value);
            is_refused(text, refused[i].key);
        }
    }
}

static void bounds_of_the_text(void)
{
    tc_fail fail = {TC_E_OK, ""};
    tc_params params;
    char got[512];

    tc_params_init(&params);
    ok(tc_params_parse(&params, "dw=300,dh=200", 6, NULL, NULL, &fail) == TC_E_OK,
       "a text that goes on behind its length");
    describe(&params, got, sizeof(got));
    ok(strcmp(got, "dw=300px #1") == 0, "is read to its length: %s", got);

    tc_params_init(&params);
    ok(tc_params_parse(&params, "dw=300\0x", 8, NULL, NULL, &fail) == TC_E_PARAM,
       "a NUL in a value is refused");
    ok(tc_params_parse(&params, "of=png\0", 7, NULL, NULL, &fail) == TC_E_PARAM,
       "a NUL behind a word is refused");
    ok(tc_params_parse(&params, "p=a\0b", 5, NULL, NULL, &fail) == TC_E_PARAM,
       "a NUL in a name is refused");

    tc_params_init(&params);
    parse_over(&params, "dw=\x1b[31m\xff\n", NULL, NULL, &fail);
    for (const char *at = fail.text; *at; at++) {
        if (*at < 0x20 || *at > 0x7e)
            ok(false, "the reason is printable");
    }
    ok(fail.error == TC_E_PARAM, "an escape sequence is refused: %s", fail.text);
}

static void remember(void *context, const char *key, size_t length)
{
    char *seen = context;

    snprintf(seen + strlen(seen), 256 - strlen(seen), "[%.*s]", (int)length, key);
}

static void unknown_keys_are_reported(void)
{
    tc_fail fail = {TC_E_OK, ""};
    char seen[256] = "";
    tc_params params;

    tc_params_init(&params);
    parse_over(&params, "foo=1,dw=300, bar =2;baz,dw,dwx=,", remember, seen, &fail);
    if (!ok(strcmp(seen, "[foo][bar][baz][dwx]") == 0, "unknown keys are reported in order"))
        printf("# got %s\n", seen);
    ok(params.given == 0, "and are not given");
    seen[0] = '\0';
    parse_over(&params, "dw=1,da=l,p=x,info=1,e=gd,of=png,dw=", remember, seen, &fail);
    ok(seen[0] == '\0', "known keys are not reported");
}

/* The items of a text, as KEY|VALUE@OFFSET. */
static void items_are_parted(void)
{
    static const struct {
        const char *text, *items;
    } cases[] = {
        {"", "|@0 "},
        {"dw=1", "dw|1@0 "},
        {"dw=1,", "dw|1@0 |@5 "},
        {",;dw=1", "|@0 |@1 dw|1@2 "},
        {" dw = 1 ;\tsig\t=\tx=y ", "dw|1@0 sig|x=y@9 "},
        {"a,b=,=c", "a|@0 b|@2 |c@5 "},
        {" ,  ", "|@0 |@2 "},
    };

    for (size_t row = 0; row < COUNT(cases); row++) {
        const char *text = cases[row].text;
        char seen[128] = "";
        size_t at = 0;
        tc_item item;

        while (tc_params_next(text, strlen(text), &at, &item))
            add(seen, sizeof seen, strlen(seen), "%.*s|%.*s@%d ", (int)item.key_length,
                item.key, (int)item.value_length, item.value, (int)(item.start - text));
        if (!ok(strcmp(seen, cases[row].items) == 0, "items of '%s'", text))
            printf("# got %s\n", seen);
    }
}

static void items_are_bounded(void)
{
    char text[2 * TC_ITEMS_MAX + 8] = "";
    tc_params params;

    for (size_t item = 0; item < TC_ITEMS_MAX; item++)
        memcpy(text + 2 * item, "a,", 3);
    ok(parse(&params, text) == TC_E_OK, "%d parameters are taken", TC_ITEMS_MAX);
    strcat(text, ",,;a");
    ok(parse(&params, text) == TC_E_PARAM, "and not one more");
    memset(text, ',', sizeof text - 1);
    ok(parse(&params, text) == TC_E_OK, "empty items do not count");
}

static void fuzz(void)
{
    static const char *const atoms[] = {
        "dw",  "dh", "sx",   "sw", "cw",   "cc",  "q",  "of",   "p",         "da", "=",
        "=",   "=",  ",",    ";",  " ",    "300", "5p", "px",   "-",         ".",  "1e9",
        "fff", "l",  "jpeg", "y",  "\xff", "\t",  "0",  "\x01", "999999999", "#"};
    uint32_t state = 7;
    bool sound = true;

    for (int round = 0; round < 30000; round++) {
        char text[256] = "", canonical[TC_CANONICAL_MAX];
        tc_fail fail = {TC_E_OK, ""};
        tc_params params;
        tc_error error;

        for (unsigned n = (state >> 20) % 20; n; n--) {
            state = state * 1664525u + 1013904223u;
            strcat(text, atoms[(state >> 12) % COUNT(atoms)]);
        }
        state = state * 1664525u + 1013904223u;
        tc_params_init(&params);
        error = parse_over(&params, text, NULL, NULL, &fail);
        sound &= error == TC_E_OK || (error == TC_E_PARAM && fail.text[0]);
        if (error == TC_E_OK) {
            size_t length = tc_params_canonical(&params, canonical, sizeof(canonical));

            sound &= length == strlen(canonical);
        }
    }
    ok(sound, "30000 random texts (seed 7) are answered");
}

static void overlay(const char *base, const char *over, const char *expected)
{
    tc_params params, above;
    char got[512];
    bool parsed = parse(&params, base) == TC_E_OK && parse(&above, over) == TC_E_OK;

    tc_params_overlay(&params, &above);
    describe(&params, got, sizeof(got));
    if (!ok(parsed && strcmp(got, expected) == 0, "'%s' under '%s' is %s", base, over,
            expected))
        printf("# got %s\n", got);
}

static void overlays(void)
{
    overlay("", "", "#0");
    overlay("dw=300,q=70", "", "dw=300px q=70 #2");
    overlay("", "dw=300,q=70", "dw=300px q=70 #2");
    overlay("dw=300,q=70", "dw=50p", "dw=50% q=70 #2");
    overlay("dw=300,q=70", "dh=5", "dw=300px dh=5px q=70 #3");
    overlay("dw=300", "dw=", "dw=300px #1");
    overlay("dw=300", "dw=5,dw=", "dw=300px #1");
    overlay("da=s,ds=s,jpeghint=y,autoorient=n,info=1",
            "da=l,ds=n,jpeghint=n,autoorient=y,info=0", "#5");
    overlay("q=70,sx=5,e=dummy", "q=0,sx=0,e=gd", "#3");
    overlay("cc=f00,cw=5,ch=6", "cc=0000", "cw=5 ch=6 cc=00000000 #3");
    overlay("cc=f00", "cw=5", "cw=5 cc=ff0000ff #2");
    overlay("", "cc=000", "cc=000000ff #1");
    overlay("dx=-5,dy=7", "dx=0", "dx=0px dy=7px #2");
    overlay("of=png", "of=jpg", "of=jpeg #1");
    overlay("sx=1,sy=2,sw=3,sh=4,dw=5,dh=6,cw=7,ch=8,dx=9,dy=10",
            "sx=11,sy=12p,sw=13,sh=14,dw=15,dh=16,cw=17,ch=18,dx=19,dy=20",
            "sx=11px sy=12% sw=13px sh=14px dw=15px dh=16px cw=17 ch=18 dx=19px dy=20px #10");
}

static void overlay_leaves_the_pattern(void)
{
    tc_params params, over;

    parse(&params, "dw=5");
    parse(&over, "p=thumb,dh=6");
    tc_params_overlay(&params, &over);
    ok(params.pattern[0] == '\0', "overlay does not copy the pattern's name");
    ok(params.dh.value == 6, "but what stands beside it");
    parse(&params, "p=old");
    tc_params_overlay(&params, &over);
    ok(strcmp(params.pattern, "old") == 0, "overlay does not replace the pattern's name");
}

/* Each row: spellings of one request; different rows are different requests. */
#define SPELLINGS 8
static const char *const requests[][SPELLINGS] = {
    {"", "dw=", "da=l", "ds=n,q=0", "sx=0,sy=0,cw=0,ch=0", "e=gd,q=0,info=1,p=a",
     "jpeghint=n,autoorient=y,info=0", "sx=5,sx="},
    {"dw=300", "DW=300px", " dw = 300.0 ", "dw=1,dw=300", "nosuch=1;dw=0300", "dw=300,q=0",
     "e=builtin,dw=300,da=l"},
    {"dw=300,dh=200", "dh=200,dw=300", "dw=300px;dh=200.00px", "dh=1;dw=300;dh=200"},
    {"dw=200,dh=300"},
    {"dh=300"},
    {"dw=300p", "dw=300.0p"},
    {"dw=30"},
    {"dw=300.5"},
    {"dw=300.25"},
    {"dw=33.333p"},
    {"dw=33.334p"},
    {"sw=123456.5"},
    {"sw=123456.25"},
    {"sw=999999.9999"},
    {"sw=999999.9998"},
    {"sw=1000000", "sw=1000000.0"},
    {"dw=0.000001"},
    {"dw=0.000002"},
    {"sx=5"},
    {"sx=5p"},
    {"sy=5"},
    {"sw=5"},
    {"sh=5"},
    {"cw=5"},
    {"ch=5"},
    {"cw=5,ch=5", "ch=5;cw=5"},
    {"dx=5"},
    {"dx=0", "dx=0.0", "dx=-0", "dx=-0.0"},
    {"dy=0"},
    {"dx=-5"},
    {"dx=5p"},
    {"dx=-5p"},
    {"as=300x200"},
    {"as=300x201"},
    {"sizes=300x200", " sizes = 300x200 "},
    {"sizes=300x200c"},
    {"sizes=300x"},
    {"sizes=x300"},
    {"sizes=300x:x300"},
    {"sizes=300x200:300x"},
    {"sizes=300x200,as=300x200", "as=300x200;sizes=300x200"},
    {"cc=fff", "cc=FFF", "cc=ffff", "cc=FFFFFF", "cc=ffffffff"},
    {"cc=000", "cc=000000ff"},
    {"cc=0000", "cc=00000000"},
    {"cc=0000007f"},
    {"cc=010000"},
    {"cc=000100"},
    {"cc=000001"},
    {"da=s"},
    {"da=n"},
    {"ds=s"},
    {"q=70", "q=070"},
    {"q=7"},
    {"q=100"},
    {"q=82"}, /* by name it is lossy even where the original is not */
    {"of=jpeg", "of=jpg"},
    {"of=png"},
    {"of=gif"},
    {"of=tiff"},
    {"of=webp"},
    {"of=avif"},
    {"jpeghint=y"},
    {"autoorient=n"},
    {"bw=4", "bw=4px", "bw=04"},
    {"bh=4"},
    {"bw=4,bc=000"},
    {"bw=4,bc=fff"},
    {"pt=ptss"},
    {"pt=ptls"},
    {"angle=90"},
    {"angle=180"},
    {"blur=3x1.5", "blur=3.0x1.50", "blur=3"},
    {"blur=3x1.6"},
    {"sharpen=3x1.5"},
    {"unsharp=3x1.5", "unsharp=3x1.5+1+0.05", "unsharp=3 1 0.05,unsharp=3"},
    {"unsharp=3x1.5+1+0"},
    {"embedicon=a.png"},
    {"embedicon=b.png"},
    {"embedicon=a.png,ix=3"},
    {"embedicon=a.png,iy=3"},
    {"progressive=y"},
    {"rmprof=y", "rmprof=y,cmyk2rgb=y"},
    {"inhexif=y"},
    {"e=dummy"}};

static void canonical_texts(void)
{
    static char first[COUNT(requests)][TC_CANONICAL_MAX];
    char text[TC_CANONICAL_MAX], again[TC_CANONICAL_MAX];
    tc_params params;

    for (size_t i = 0; i < COUNT(requests); i++) {
        bool different = true;

        for (size_t j = 0; j < SPELLINGS && requests[i][j]; j++) {
            size_t length;

            if (parse(&params, requests[i][j]) != TC_E_OK)
                ok(false, "'%s' is parsed", requests[i][j]);
            length = tc_params_canonical(&params, text, sizeof(text));
            ok(length == strlen(text), "'%s' has the length it says", requests[i][j]);
            ok(parse(&params, text) == TC_E_OK &&
                   tc_params_canonical(&params, again, sizeof(again)) == length &&
                   strcmp(text, again) == 0,
               "'%s' is parameters, and its own canonical text", text);
            if (j == 0)
                strcpy(first[i], text);
            else
                ok(strcmp(text, first[i]) == 0, "'%s' is '%s' is '%s'", requests[i][j],
                   requests[i][0], text);
        }
        for (size_t j = 0; j < i; j++)
            different &= strcmp(first[i], first[j]) != 0;
        ok(different, "'%s' is like no other: '%s'", requests[i][0], first[i]);
    }
}

static void canonical_room(void)
{
    tc_params params;
    char full[TC_CANONICAL_MAX + 1], text[TC_CANONICAL_MAX + 1];
    size_t length;
    bool sound = true;

    parse(&params, "p=" NAME_63 ",e=dummy,sx=999999.123456789,sy=999999.123456789p,"
                   "sw=333333.333333333p,sh=333333.333333333p,dw=333333.333333333p,"
                   "dh=333333.333333333p,da=s,ds=s,cw=1000000,ch=1000000,cc=deadbeef,"
                   "dx=-333333.333333333p,dy=-333333.333333333p,q=100,of=avif,jpeghint=y,"
                   "autoorient=n,as=65535x65535,info=1,"
                   "sizes=65535x65535c:65534x65534c:65533x65533c:65532x65532c:65531x65531c:"
                   "65530x65530c:65529x65529c:65528x65528c:65527x65527c");
    memset(full, 'x', sizeof(full));
    length = tc_params_canonical(&params, full, TC_CANONICAL_MAX);
    ok(length < TC_CANONICAL_MAX && strlen(full) == length, "the longest takes %zu bytes",
       length);
    ok(full[TC_CANONICAL_MAX] == 'x', "and nothing behind its room");
    ok(strchr(full, ' ') == NULL && strstr(full, NAME_63) == NULL, "it is '%s'", full);
    for (size_t size = 1; size <= length + 2; size++) {
        memset(text, 'x', sizeof(text));
        tc_params_canonical(&params, text, size);
        sound &= memchr(text, '\0', size) != NULL && text[size] == 'x';
        sound &= strncmp(text, full, strlen(text)) == 0;
    }
    ok(sound, "any smaller room is terminated, not passed, and holds the beginning");
}

static bool asks(const char *text)
{
    tc_params params;
    tc_fail fail;

    tc_params_init(&params);
    return tc_params_parse(&params, text, strlen(text), NULL, NULL, &fail) == TC_E_OK &&
           tc_params_change_picture(&params);
}

static void test_asks(void)
{
    ok(!asks("") && !asks("p=thumb") && !asks("p=thumb,info=1") && !asks("dw=") &&
           !asks("nothing=1") && !asks("p=thumb,as=30x20"),
       "a pattern and what is told about it ask for no change");
    ok(asks("dw=1") && asks("p=thumb,q=82") && asks("e=dummy") && asks("autoorient=y") &&
           asks("p=thumb,as=30x20,sizes=30x20"),
       "all else does, defaults too");
}

int main(void)
{
    test_asks();
    grammar_holds();
    bounds_of_the_text();
    unknown_keys_are_reported();
    items_are_parted();
    items_are_bounded();
    fuzz();
    overlays();
    overlay_leaves_the_pattern();
    canonical_texts();
    canonical_room();
    return done_testing();
}
