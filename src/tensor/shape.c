#include "tensor/shape.h"

#include "base/num.h"

#include <inttypes.h>
#include <stdio.h>

shape shape_scalar(void) {
    return (shape){.rank = 0};
}
shape shape_vector(int64_t n) {
    return (shape){.rank = 1, .dims = {n}};
}
shape shape_matrix(int64_t rows, int64_t cols) {
    return (shape){.rank = 2, .dims = {rows, cols}};
}

bool shape_equal(const shape *a, const shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

bool shape_fits(const shape *actual, const shape *declared) {
    if (declared->rank < 0) return true;
    if (actual->rank != declared->rank) return false;
    for (int i = 0; i < actual->rank; i++)
        if (declared->dims[i] >= 0 && declared->dims[i] != actual->dims[i]) return false;
    return true;
}

bool shape_elements(const shape *s, int64_t *out) {
    if (s->rank < 0 || s->rank > INLAY_MAX_RANK) return false;
    int64_t product = 1;
    bool zero = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] < 0) return false;
        if (s->dims[i] == 0)
            zero = true;
        else if (!mul_i64(product, s->dims[i], &product))
            return false;
    }
    *out = zero ? 0 : product;
    return true;
}

const char *shape_text(const shape *s, char text[SHAPE_TEXT]) {
    if (s->rank < 0) {
        snprintf(text, SHAPE_TEXT, "<unknown rank>");
        return text;
    }
    int used = snprintf(text, SHAPE_TEXT, "[");
    for (int i = 0; i < s->rank && i < INLAY_MAX_RANK; i++) {
        const char *comma = i ? ", " : "";
        used += s->dims[i] < 0 ? snprintf(text + used, SHAPE_TEXT - (size_t)used, "%s?", comma)
                               : snprintf(text + used, SHAPE_TEXT - (size_t)used, "%s%" PRId64, comma, s->dims[i]);
    }
    snprintf(text + used, SHAPE_TEXT - (size_t)used, "]");
    return text;
}
