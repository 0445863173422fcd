/* RGB to HSV and back for one number type: NUMBER as stored, REAL as computed with; GET and PUT convert, R rounds a
 * step's result, NAME(x) names the functions. No include guard: included once a type. */
static void NAME(rgb_to_hsv)(void *out, const void *in, size_t n) {
    const NUMBER *p = in;
    NUMBER *q = out;
    const REAL sixth = R((REAL)1 / 6), third = R((REAL)2 / 6), two_thirds = R((REAL)4 / 6);
    for (size_t i = 0; i < n; i++, p += 3, q += 3) {
        REAL r = GET(p[0]), g = GET(p[1]), b = GET(p[2]);
        REAL most = r > g ? r : g, least = r < g ? r : g;
        most = most > b ? most : b;
        least = least < b ? least : b;
        REAL range = R(most - least), unit = R(R(1 / range) * sixth), hue;
        if (r == most)
            hue = R(unit * R(g - b));
        else if (g == most)
            hue = R(R(unit * R(b - r)) + third);
        else
            hue = R(R(unit * R(r - g)) + two_thirds);
        if (!(range > 0)) hue = 0;
        if (hue < 0) hue = R(hue + 1);
        q[0] = PUT(hue);
        q[1] = PUT(most > 0 ? R(range / most) : 0);
        q[2] = PUT(most);
    }
}

static inline REAL NAME(unit)(REAL x) {
    x = x > 0 ? x : 0;
    return x < 1 ? x : 1;
}

static void NAME(hsv_to_rgb)(void *out, const void *in, size_t n) {
    const NUMBER *p = in;
    NUMBER *q = out;
    for (size_t i = 0; i < n; i++, p += 3, q += 3) {
        REAL at = R(GET(p[0]) * 6), s = GET(p[1]), v = GET(p[2]), rest = R(1 - s);
        REAL r = NAME(unit)(R(ABS(R(at - 3)) - 1));
        REAL g = NAME(unit)(R(2 - ABS(R(at - 2))));
        REAL b = NAME(unit)(R(2 - ABS(R(at - 4))));
        q[0] = PUT(R(R(rest + R(s * r)) * v));
        q[1] = PUT(R(R(rest + R(s * g)) * v));
        q[2] = PUT(R(R(rest + R(s * b)) * v));
    }
}

#undef NUMBER
#undef REAL
#undef GET
#undef PUT
#undef R
#undef ABS
#undef NAME
