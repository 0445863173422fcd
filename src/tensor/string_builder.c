#include "base/num.h"
#include "tensor/tensor.h"

inlay_status string_builder_init(string_builder *b, const shape *dims, inlay_error *err) {
    *b = (string_builder){.dims = *dims};
    char text[SHAPE_TEXT];
    if (!shape_elements(dims, &b->count) || b->count > INT64_MAX / 16)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is no shape of a tensor of strings", shape_text(dims, text));
    b->offsets = mem_array((size_t)b->count + 1, sizeof *b->offsets);
    if (!b->offsets) return fail_memory(err);
    b->offsets[0] = 0;
    return INLAY_OK;
}

inlay_status string_builder_add(string_builder *b, bytes text, inlay_error *err) {
    if (b->done >= b->count) return fail(err, INLAY_INTERNAL, "more strings than the shape holds");
    uint64_t needed;
    if (!add_u64(b->size, text.size, &needed)) return fail_memory(err);
    if (needed > b->capacity) {
        uint64_t capacity = b->capacity ? b->capacity : 64;
        while (capacity < needed) capacity = capacity > UINT64_MAX / 2 ? needed : capacity * 2;
        uint8_t *grown = mem_realloc(b->data, (size_t)capacity);
        if (!grown) return fail_memory(err);
        b->data = grown;
        b->capacity = capacity;
    }
    if (text.size) memcpy(b->data + b->size, text.data, text.size);
    b->size = needed;
    b->offsets[++b->done] = needed;
    return INLAY_OK;
}

typedef struct string_store {
    uint64_t *offsets;
    uint8_t *data;
} string_store;

static void release_store(void *user) {
    string_store *store = user;
    mem_free(store->offsets);
    mem_free(store->data);
    mem_free(store);
}

inlay_status string_builder_finish(string_builder *b, mem_budget *budget, tensor **out, inlay_error *err) {
    *out = NULL;
    inlay_status status;
    if (b->done != b->count) TRY_TO(failed, fail(err, INLAY_INTERNAL, "fewer strings than the shape holds"));
    uint64_t held = b->capacity + ((uint64_t)b->count + 1) * 8;
    if (budget && !mem_budget_charge(budget, held))
        TRY_TO(failed, fail(err, INLAY_RESOURCE_EXHAUSTED, "strings do not fit the memory budget"));
    string_store *store = mem_alloc(sizeof *store);
    if (!store) {
        if (budget) mem_budget_return(budget, held);
        TRY_TO(failed, fail_memory(err));
    }
    *store = (string_store){b->offsets, b->data};
    status = tensor_wrap_strings(&b->dims, b->data, b->size, b->offsets, release_store, store, out, err);
    if (status == INLAY_OK) {
        (*out)->budget = budget;
        (*out)->charged = budget ? held : 0;
    } else if (budget) {
        mem_budget_return(budget, held);
    }
    *b = (string_builder){0};
    return status;
failed:
    string_builder_free(b);
    return status;
}

void string_builder_free(string_builder *b) {
    mem_free(b->offsets);
    mem_free(b->data);
    *b = (string_builder){0};
}
