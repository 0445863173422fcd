#include "base/num.h"
#include "tensor/tensor.h"

/* Makes room for SIZE more bytes in the budget. */
static inlay_status charge(string_builder *b, uint64_t size, inlay_error *err) {
    if (b->budget && !mem_budget_charge(b->budget, size))
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "strings do not fit the memory budget");
    b->charged += b->budget ? size : 0;
    return INLAY_OK;
}

inlay_status string_builder_init(string_builder *b, const shape *dims, mem_budget *budget, inlay_error *err) {
    *b = (string_builder){.dims = *dims, .budget = budget};
    char text[SHAPE_TEXT];
    if (!shape_elements(dims, &b->count) || b->count > INT64_MAX / 16)
        return fail(err, INLAY_INVALID_ARGUMENT, "%s is no shape of a tensor of strings", shape_text(dims, text));
    TRY(charge(b, ((uint64_t)b->count + 1) * sizeof *b->offsets, err));
    b->offsets = mem_array((size_t)b->count + 1, sizeof *b->offsets);
    if (!b->offsets) return string_builder_free(b), fail_memory(err);
    b->offsets[0] = 0;
    return INLAY_OK;
}

static inlay_status grow(string_builder *b, uint64_t needed, inlay_error *err) {
    uint64_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < needed) capacity = capacity > UINT64_MAX / 2 ? needed : capacity * 2;
    TRY(charge(b, capacity - b->capacity, err));
    uint8_t *grown = mem_realloc(b->data, (size_t)capacity);
    if (!grown) return fail_memory(err);
    b->data = grown;
    b->capacity = capacity;
    return INLAY_OK;
}

inlay_status string_builder_add(string_builder *b, bytes text, inlay_error *err) {
    if (b->done >= b->count) return fail(err, INLAY_INTERNAL, "more strings than the shape holds");
    uint64_t needed;
    if (!add_u64(b->size, text.size, &needed)) return fail_memory(err);
    if (needed > b->capacity) TRY(grow(b, needed, err));
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

inlay_status string_builder_finish(string_builder *b, tensor **out, inlay_error *err) {
    *out = NULL;
    inlay_status status;
    if (b->done != b->count) TRY_TO(failed, fail(err, INLAY_INTERNAL, "fewer strings than the shape holds"));
    string_store *store = mem_alloc(sizeof *store);
    if (!store) TRY_TO(failed, fail_memory(err));
    *store = (string_store){b->offsets, b->data};
    status = tensor_wrap_strings(&b->dims, b->data, b->size, b->offsets, release_store, store, out, err);
    if (status == INLAY_OK) {
        (*out)->budget = b->budget;
        (*out)->charged = b->charged;
    } else if (b->budget) {
        mem_budget_return(b->budget, b->charged);
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
    if (b->budget) mem_budget_return(b->budget, b->charged);
    *b = (string_builder){0};
}
