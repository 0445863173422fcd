#include "edit/fuse/fuse_writer.h"

#include <stdlib.h>

/* A key as TensorFlow spells it as a Python parameter. Letters beyond ASCII stay, as those of Python do. */
static const char *parameter_name(arena *a, const char *key) {
    bool letter = (*key >= 'a' && *key <= 'z') || (*key >= 'A' && *key <= 'Z') || (uint8_t)*key >= 0x80;
    char *name = arena_format(a, "%s%s", letter ? "" : "arg_", key);
    for (char *p = name; p && *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || (uint8_t)*p >= 0x80))
            *p = '_';
    return name;
}

typedef struct sort_item {
    const char *parameter;
    size_t input; /* as many as there are: k */
} sort_item;

static int compare_parameters(const void *a, const void *b) {
    return strcmp(((const sort_item *)a)->parameter, ((const sort_item *)b)->parameter);
}

inlay_status fuse_make_arguments(fuse_writer *w, const saved_tensor *inputs, size_t n, bool with_k,
                                 fuse_arguments *out) {
    out->n = n + with_k;
    out->list = arena_zalloc(w->a, out->n, sizeof *out->list);
    out->names = arena_zalloc(w->a, out->n, sizeof *out->names);
    out->of_input = arena_zalloc(w->a, n + 1, sizeof *out->of_input);
    sort_item *items = arena_zalloc(w->a, out->n, sizeof *items);
    if (!out->list || !out->names || !out->of_input || !items) return fail_memory(w->err);
    for (size_t i = 0; i < out->n; i++) {
        items[i] = (sort_item){parameter_name(w->a, i < n ? inputs[i].key : "k"), i};
        if (!items[i].parameter) return fail_memory(w->err);
    }
    qsort(items, out->n, sizeof *items, compare_parameters);
    for (size_t i = 0; i < out->n; i++) {
        size_t input = items[i].input;
        out->list[i] = input < n ? inputs[input]
                                 : (saved_tensor){.key = "k", .name = "", .type = INLAY_INT32, .dims = {.rank = 0}};
        out->of_input[input] = i;
        if (!(out->names[i] = arena_format(w->a, "arg_%zu", i))) return fail_memory(w->err);
    }
    out->k = with_k ? out->of_input[n] : out->n;
    return INLAY_OK;
}
