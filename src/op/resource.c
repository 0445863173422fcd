#include "op/resource.h"

resource *resource_retain(resource *r) {
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void resource_release(resource *r) {
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) > 1) return;
    char *name = r->name;
    r->kind->destroy(r);
    mem_free(name);
}

static void release_any(void *r) {
    resource_release(r);
}

inlay_status resource_handle(resource *r, tensor **out, inlay_error *err) {
    shape dims = shape_scalar();
    return tensor_wrap(INLAY_RESOURCE, &dims, r, release_any, resource_retain(r), out, err);
}

inlay_status resource_of(const tensor *t, const resource_kind *kind, resource **out, inlay_error *err) {
    *out = NULL;
    if (t->type != INLAY_RESOURCE || t->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "not a handle of a %s", kind->name);
    resource *r = (resource *)(void *)t->data;
    if (r->kind != kind)
        return fail(err, INLAY_INVALID_ARGUMENT, "'%s' is a %s, not a %s", r->name, r->kind->name, kind->name);
    *out = r;
    return INLAY_OK;
}

inlay_status resource_store_init(resource_store *s, inlay_error *err) {
    *s = (resource_store){0};
    return pthread_mutex_init(&s->lock, NULL) == 0 ? INLAY_OK : fail_memory(err);
}

void resource_store_free(resource_store *s) {
    map_free(&s->by_name);
    for (size_t i = 0; i < s->count; i++) resource_release(s->items[i]);
    mem_free(s->items);
    pthread_mutex_destroy(&s->lock);
}

static char *full_name(bytes container, bytes name, size_t *size) {
    *size = container.size + 1 + name.size;
    char *text = mem_alloc(*size + 1);
    if (!text) return NULL;
    if (container.size) memcpy(text, container.data, container.size);
    text[container.size] = '/';
    if (name.size) memcpy(text + container.size + 1, name.data, name.size);
    text[*size] = 0;
    return text;
}

/* Under the lock. Takes TEXT. */
static inlay_status add(resource_store *s, char *text, size_t size,
                        inlay_status (*make)(void *ctx, resource **out, inlay_error *err), void *ctx, resource **out,
                        inlay_error *err) {
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 16;
        resource **items = mem_realloc(s->items, capacity * sizeof *items);
        if (!items) {
            mem_free(text);
            return fail_memory(err);
        }
        s->items = items;
        s->capacity = capacity;
    }
    resource *made = NULL;
    inlay_status status = make(ctx, &made, err);
    if (status != INLAY_OK) {
        mem_free(text);
        return status;
    }
    made->name = text;
    status = map_put(&s->by_name, bytes_make(text, size), (uintptr_t)made, err);
    if (status != INLAY_OK) {
        resource_release(made);
        return status;
    }
    s->items[s->count++] = made;
    *out = made;
    return INLAY_OK;
}

inlay_status resource_find_or_make(resource_store *s, bytes container, bytes name, const resource_kind *kind,
                                   inlay_status (*make)(void *ctx, resource **out, inlay_error *err), void *ctx,
                                   resource **out, inlay_error *err) {
    size_t size;
    char *text = full_name(container, name, &size);
    *out = NULL;
    if (!text) return fail_memory(err);
    inlay_status status = INLAY_OK;
    uint64_t value;
    resource *found = NULL;
    pthread_mutex_lock(&s->lock);
    if (map_get(&s->by_name, bytes_make(text, size), &value)) {
        found = (resource *)(uintptr_t)value;
        mem_free(text);
        if (found->kind != kind)
            status =
                fail(err, INLAY_INVALID_ARGUMENT, "'%s' is a %s, not a %s", found->name, found->kind->name, kind->name);
    } else {
        status = add(s, text, size, make, ctx, &found, err);
    }
    if (status == INLAY_OK) *out = resource_retain(found);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- variables */

static void variable_destroy(resource *r) {
    variable *v = (variable *)r;
    tensor_release(v->value);
    pthread_mutex_destroy(&v->lock);
    mem_free(v);
}

const resource_kind variable_kind = {"variable", variable_destroy};

typedef struct variable_wish {
    dtype type;
    const shape *dims;
} variable_wish;

static inlay_status make_variable(void *ctx, resource **out, inlay_error *err) {
    const variable_wish *wish = ctx;
    variable *v = mem_zalloc(1, sizeof *v);
    if (!v) return fail_memory(err);
    if (pthread_mutex_init(&v->lock, NULL) != 0) {
        mem_free(v);
        return fail_memory(err);
    }
    atomic_init(&v->base.refs, 1);
    v->base.kind = &variable_kind;
    v->type = wish->type;
    v->dims = *wish->dims;
    *out = &v->base;
    return INLAY_OK;
}

inlay_status variable_find_or_make(resource_store *s, bytes container, bytes name, dtype type, const shape *dims,
                                   variable **out, inlay_error *err) {
    variable_wish wish = {type, dims};
    resource *r;
    *out = NULL;
    TRY(resource_find_or_make(s, container, name, &variable_kind, make_variable, &wish, &r, err));
    variable *v = (variable *)r;
    if (v->type != type) {
        inlay_status status = fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' is %s and %s at a time", r->name,
                                   dtype_name(v->type), dtype_name(type));
        resource_release(r);
        return status;
    }
    *out = v;
    return INLAY_OK;
}

inlay_status variable_of(const tensor *handle, variable **out, inlay_error *err) {
    resource *r;
    *out = NULL;
    TRY(resource_of(handle, &variable_kind, &r, err));
    *out = (variable *)r;
    return INLAY_OK;
}

inlay_status variable_read(variable *v, tensor **out, inlay_error *err) {
    pthread_mutex_lock(&v->lock);
    *out = v->value ? tensor_retain(v->value) : NULL;
    pthread_mutex_unlock(&v->lock);
    if (*out) return INLAY_OK;
    return fail(err, INLAY_FAILED_PRECONDITION, "variable '%s' has no value: nothing was restored or assigned",
                v->base.name);
}

bool variable_is_set(variable *v) {
    pthread_mutex_lock(&v->lock);
    bool set = v->value != NULL;
    pthread_mutex_unlock(&v->lock);
    return set;
}

inlay_status variable_assign(variable *v, tensor *t, bool check, inlay_error *err) {
    if (t->type != v->type)
        return fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' is %s, its new value is %s", v->base.name,
                    dtype_name(v->type), dtype_name(t->type));
    char wanted[SHAPE_TEXT], given[SHAPE_TEXT];
    if (check && !shape_fits(&t->dims, &v->dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' has shape %s, its new value %s", v->base.name,
                    shape_text(&v->dims, wanted), shape_text(&t->dims, given));
    pthread_mutex_lock(&v->lock);
    tensor *old = v->value;
    v->value = tensor_retain(t);
    pthread_mutex_unlock(&v->lock);
    tensor_release(old);
    return INLAY_OK;
}

/* Under the lock. */
static inlay_status change_value(variable *v, dtype type, mem_budget *budget,
                                 inlay_status (*change)(void *ctx, tensor *value, inlay_error *err), void *ctx,
                                 inlay_error *err) {
    tensor *value = v->value;
    if (!value)
        return fail(err, INLAY_FAILED_PRECONDITION, "variable '%s' has no value: nothing was restored or assigned",
                    v->base.name);
    if (value->type != type)
        return fail(err, INLAY_INVALID_ARGUMENT, "variable '%s' is %s, not %s", v->base.name, dtype_name(value->type),
                    dtype_name(type));
    if (tensor_is_writable(value)) return change(ctx, value, err);
    TRY(tensor_copy(value, budget, &value, err));
    inlay_status status = change(ctx, value, err);
    if (status != INLAY_OK) {
        tensor_release(value);
        return status;
    }
    tensor_release(v->value);
    v->value = value;
    return INLAY_OK;
}

inlay_status variable_change(variable *v, dtype type, mem_budget *budget,
                             inlay_status (*change)(void *ctx, tensor *value, inlay_error *err), void *ctx,
                             inlay_error *err) {
    pthread_mutex_lock(&v->lock);
    inlay_status status = change_value(v, type, budget, change, ctx, err);
    pthread_mutex_unlock(&v->lock);
    return status;
}

void variable_clear(variable *v) {
    pthread_mutex_lock(&v->lock);
    tensor *old = v->value;
    v->value = NULL;
    pthread_mutex_unlock(&v->lock);
    tensor_release(old);
}
