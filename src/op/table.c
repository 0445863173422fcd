#include "op/table.h"

#include "base/num.h"

#include <stdio.h>

struct table_content {
    _Atomic int refs;
    tensor *keys, *values;
    map rows; /* key -> row */
};

static void content_release(table_content *content) {
    if (!content || atomic_fetch_sub_explicit(&content->refs, 1, memory_order_acq_rel) > 1) return;
    map_free(&content->rows);
    tensor_release(content->keys);
    tensor_release(content->values);
    mem_free(content);
}

/* What T holds now; NULL when it is not initialised. The caller's. */
static table_content *content_of(table *t) {
    pthread_mutex_lock(&t->lock);
    table_content *content = t->content;
    if (content) atomic_fetch_add_explicit(&content->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&t->lock);
    return content;
}

/* CONTENT is given away. */
static void put_content(table *t, table_content *content) {
    pthread_mutex_lock(&t->lock);
    table_content *old = t->content;
    t->content = content;
    pthread_mutex_unlock(&t->lock);
    content_release(old);
}

static void table_destroy(resource *r) {
    table *t = (table *)r;
    content_release(t->content);
    for (int i = 0; i < 2; i++) tensor_release(t->reserved[i]);
    pthread_mutex_destroy(&t->lock);
    pthread_mutex_destroy(&t->change);
    mem_free(t);
}

const resource_kind table_kind = {"table", table_destroy};

/* Element I as bytes, whatever T holds. */
static bytes item(const tensor *t, int64_t i) {
    size_t size = dtype_size(t->type);
    return t->type == INLAY_STRING ? tensor_string(t, i) : bytes_make(t->data + (uint64_t)i * size, size);
}

/* ---- content */

static const char *item_text(const tensor *t, int64_t i, char text[64]) {
    bytes raw = item(t, i);
    int64_t number;
    double real;
    if (t->type == INLAY_STRING) {
        snprintf(text, 64, "%.*s", (int)min_size(raw.size, 60), (const char *)raw.data);
    } else if (tensor_as_int(t, i, "", &number, NULL) == INLAY_OK) {
        snprintf(text, 64, "%lld", (long long)number);
    } else if (t->type == INLAY_FLOAT32) {
        snprintf(text, 64, "%g", (double)load_f32(raw.data));
    } else if (t->type == INLAY_FLOAT64) {
        memcpy(&real, raw.data, sizeof real);
        snprintf(text, 64, "%g", real);
    } else {
        snprintf(text, 64, "?");
    }
    return text;
}

static inlay_status index_rows(table_content *content, inlay_error *err) {
    for (int64_t i = 0; i < content->keys->count; i++) {
        uint64_t row;
        bytes key = item(content->keys, i);
        if (!map_get(&content->rows, key, &row)) {
            TRY(map_put(&content->rows, key, (uint64_t)i, err));
            continue;
        }
        char name[64], before[64], now[64];
        if (!bytes_equal(item(content->values, i), item(content->values, (int64_t)row)))
            return fail(err, INLAY_FAILED_PRECONDITION,
                        "HashTable has different value for same key. Key %s has %s and trying to add value %s",
                        item_text(content->keys, i, name), item_text(content->values, (int64_t)row, before),
                        item_text(content->values, i, now));
    }
    return INLAY_OK;
}

/* KEYS and VALUES are held. */
static inlay_status content_make(tensor *keys, tensor *values, table_content **out, inlay_error *err) {
    *out = mem_zalloc(1, sizeof **out);
    if (!*out) return fail_memory(err);
    atomic_init(&(*out)->refs, 1);
    (*out)->keys = tensor_retain(keys);
    (*out)->values = tensor_retain(values);
    inlay_status status = index_rows(*out, err);
    if (status == INLAY_OK) return INLAY_OK;
    content_release(*out);
    *out = NULL;
    return status;
}

/* Rows picked from up to two tensors of one dtype, in their order: row i of the second is PICK value i + first->count.
 */
static inlay_status pick_rows(const tensor *first, const tensor *second, const int64_t *pick, int64_t n, tensor **out,
                              inlay_error *err) {
    shape dims = shape_vector(n);
    dtype type = first->type;
    *out = NULL;
    if (type != INLAY_STRING) {
        size_t size = dtype_size(type);
        TRY(tensor_new(type, &dims, NULL, out, err));
        for (int64_t i = 0; i < n; i++) {
            const tensor *from = pick[i] < first->count ? first : second;
            memcpy((*out)->data + (uint64_t)i * size, item(from, pick[i] - (from == first ? 0 : first->count)).data,
                   size);
        }
        return INLAY_OK;
    }
    string_builder b;
    inlay_status status = INLAY_OK;
    TRY(string_builder_init(&b, &dims, NULL, err));
    for (int64_t i = 0; status == INLAY_OK && i < n; i++) {
        const tensor *from = pick[i] < first->count ? first : second;
        status = string_builder_add(&b, item(from, pick[i] - (from == first ? 0 : first->count)), err);
    }
    if (status == INLAY_OK) return string_builder_finish(&b, out, err);
    string_builder_free(&b);
    return status;
}

static inlay_status content_of_picks(const tensor *keys, const tensor *more_keys, const tensor *values,
                                     const tensor *more_values, const int64_t *pick, int64_t n, table_content **out,
                                     inlay_error *err) {
    tensor *k = NULL, *v = NULL;
    *out = NULL;
    inlay_status status = pick_rows(keys, more_keys, pick, n, &k, err);
    if (status == INLAY_OK) status = pick_rows(values, more_values, pick, n, &v, err);
    if (status == INLAY_OK) status = content_make(k, v, out, err);
    tensor_release(k);
    tensor_release(v);
    return status;
}

/* ---- tables */

inlay_status table_make(dtype key, dtype value, bool is_mutable, table **out, inlay_error *err) {
    *out = NULL;
    if ((!dtype_size(key) && key != INLAY_STRING) || (!dtype_size(value) && value != INLAY_STRING))
        return fail(err, INLAY_UNIMPLEMENTED, "a table from %s to %s", dtype_name(key), dtype_name(value));
    table *t = mem_zalloc(1, sizeof *t);
    if (!t) return fail_memory(err);
    if (pthread_mutex_init(&t->lock, NULL) != 0) {
        mem_free(t);
        return fail_memory(err);
    }
    if (pthread_mutex_init(&t->change, NULL) != 0) {
        pthread_mutex_destroy(&t->lock);
        mem_free(t);
        return fail_memory(err);
    }
    atomic_init(&t->base.refs, 1);
    t->base.kind = &table_kind;
    t->key = key;
    t->value = value;
    t->is_mutable = is_mutable;
    *out = t;
    return INLAY_OK;
}

typedef struct table_wish {
    dtype key, value;
    bool is_mutable;
} table_wish;

static inlay_status make_wished(void *ctx, resource **out, inlay_error *err) {
    const table_wish *wish = ctx;
    table *t;
    TRY(table_make(wish->key, wish->value, wish->is_mutable, &t, err));
    *out = &t->base;
    return INLAY_OK;
}

inlay_status table_find_or_make(resource_store *s, bytes container, bytes name, dtype key, dtype value, bool is_mutable,
                                table **out, inlay_error *err) {
    table_wish wish = {key, value, is_mutable};
    resource *r;
    *out = NULL;
    TRY(resource_find_or_make(s, container, name, &table_kind, make_wished, &wish, &r, err));
    table *t = (table *)r;
    if (t->key == key && t->value == value) {
        *out = t;
        return INLAY_OK;
    }
    inlay_status status = fail(err, INLAY_INVALID_ARGUMENT, "table '%s' is from %s to %s, not from %s to %s", r->name,
                               dtype_name(t->key), dtype_name(t->value), dtype_name(key), dtype_name(value));
    resource_release(r);
    return status;
}

inlay_status table_of(const tensor *handle, table **out, inlay_error *err) {
    resource *r;
    *out = NULL;
    TRY(resource_of(handle, &table_kind, &r, err));
    *out = (table *)r;
    return INLAY_OK;
}

static inlay_status check_types(const table *t, const tensor *keys, const tensor *values, inlay_error *err) {
    if (keys->type == t->key && (!values || values->type == t->value)) return INLAY_OK;
    return fail(err, INLAY_INVALID_ARGUMENT, "the table is from %s to %s, not from %s to %s", dtype_name(t->key),
                dtype_name(t->value), dtype_name(keys->type), dtype_name(values ? values->type : t->value));
}

inlay_status table_reserve(table *t, tensor *empty, tensor *deleted, inlay_error *err) {
    if (empty->type != t->key || deleted->type != t->key || empty->count != 1 || deleted->count != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "empty_key and deleted_key must be one %s each", dtype_name(t->key));
    if (bytes_equal(item(empty, 0), item(deleted, 0)))
        return fail(err, INLAY_INVALID_ARGUMENT, "Empty and deleted keys cannot be equal");
    pthread_mutex_lock(&t->lock);
    if (!t->reserved[0]) {
        t->reserved[0] = tensor_retain(empty);
        t->reserved[1] = tensor_retain(deleted);
    }
    pthread_mutex_unlock(&t->lock);
    return INLAY_OK;
}

/* What table_reserve set stays as long as T, so that it may be read without the lock once it is there. */
static inlay_status check_reserved(table *t, const tensor *keys, inlay_error *err) {
    static const char *const names[2] = {"empty_key", "deleted_key"};
    pthread_mutex_lock(&t->lock);
    const tensor *reserved[2] = {t->reserved[0], t->reserved[1]};
    pthread_mutex_unlock(&t->lock);
    for (int r = 0; r < 2 && reserved[r]; r++)
        for (int64_t i = 0; i < keys->count; i++)
            if (bytes_equal(item(keys, i), item(reserved[r], 0)))
                return fail(err, INLAY_INVALID_ARGUMENT, "Using the %s as a table key is not allowed", names[r]);
    return INLAY_OK;
}

inlay_status table_initialize(table *t, tensor *keys, tensor *values, inlay_error *err) {
    char text[SHAPE_TEXT];
    TRY(check_types(t, keys, values, err));
    if (keys->dims.rank != 1)
        return fail(err, INLAY_INVALID_ARGUMENT, "Keys must be a vector, but received shape %s",
                    shape_text(&keys->dims, text));
    if (keys->count != values->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "Keys and values must have the same size %lld vs %lld",
                    (long long)keys->count, (long long)values->count);
    if (keys->count == 0) return fail(err, INLAY_INVALID_ARGUMENT, "keys and values cannot be empty tensors.");
    pthread_mutex_lock(&t->change);
    table_content *content = content_of(t), *made;
    inlay_status status = INLAY_OK;
    if (!content) { /* else whoever came first is kept */
        status = content_make(keys, values, &made, err);
        if (status == INLAY_OK) put_content(t, made);
    }
    content_release(content);
    pthread_mutex_unlock(&t->change);
    return status;
}

inlay_status table_insert(table *t, const tensor *keys, const tensor *values, bool replace, inlay_error *err) {
    TRY(check_types(t, keys, values, err));
    if (keys->count != values->count)
        return fail(err, INLAY_INVALID_ARGUMENT, "%lld keys and %lld values", (long long)keys->count,
                    (long long)values->count);
    if (!t->is_mutable) return fail(err, INLAY_UNIMPLEMENTED, "an immutable table cannot be changed");
    TRY(check_reserved(t, keys, err));
    pthread_mutex_lock(&t->change);
    table_content *old = replace ? NULL : content_of(t), *made = NULL;
    int64_t before = old ? old->keys->count : 0, n = before;
    map added = {0};
    inlay_status status = INLAY_OK;
    int64_t *pick = mem_array((size_t)(before + keys->count), sizeof *pick);
    if (!pick) TRY_TO(done, fail_memory(err));
    for (int64_t i = 0; i < before; i++) pick[i] = i;
    for (int64_t i = 0; i < keys->count; i++) {
        uint64_t row;
        bytes key = item(keys, i);
        if ((old && map_get(&old->rows, key, &row)) || map_get(&added, key, &row)) {
            pick[row] = before + i;
            continue;
        }
        TRY_TO(done, map_put(&added, key, (uint64_t)n, err));
        pick[n++] = before + i;
    }
    TRY_TO(done,
           content_of_picks(old ? old->keys : keys, keys, old ? old->values : values, values, pick, n, &made, err));
    put_content(t, made);
done:
    mem_free(pick);
    map_free(&added);
    content_release(old);
    pthread_mutex_unlock(&t->change);
    return status;
}

inlay_status table_remove(table *t, const tensor *keys, inlay_error *err) {
    TRY(check_types(t, keys, NULL, err));
    if (!t->is_mutable) return fail(err, INLAY_UNIMPLEMENTED, "an immutable table cannot be changed");
    TRY(check_reserved(t, keys, err));
    pthread_mutex_lock(&t->change);
    table_content *old = content_of(t), *made;
    int64_t before = old ? old->keys->count : 0;
    inlay_status status = INLAY_OK;
    int64_t *pick = mem_array((size_t)before, sizeof *pick), n = 0;
    map gone = {0};
    if (!old) goto done;
    if (!pick) TRY_TO(done, fail_memory(err));
    for (int64_t i = 0; i < keys->count; i++) TRY_TO(done, map_put(&gone, item(keys, i), 1, err));
    for (int64_t i = 0; i < before; i++)
        if (!map_get(&gone, item(old->keys, i), NULL)) pick[n++] = i;
    TRY_TO(done, content_of_picks(old->keys, old->keys, old->values, old->values, pick, n, &made, err));
    put_content(t, made);
done:
    mem_free(pick);
    map_free(&gone);
    content_release(old);
    pthread_mutex_unlock(&t->change);
    return status;
}

/* What row of VALUES (-1: FALLBACK) each key gets, as a tensor like KEYS. */
static inlay_status gather(const table_content *content, dtype value, const tensor *keys, const tensor *fallback,
                           int64_t fallback_step, mem_budget *budget, tensor **out, inlay_error *err) {
    size_t size = dtype_size(value);
    string_builder b = {0};
    inlay_status status = INLAY_OK;
    if (value == INLAY_STRING)
        TRY(string_builder_init(&b, &keys->dims, budget, err));
    else
        TRY(tensor_new(value, &keys->dims, budget, out, err));
    for (int64_t i = 0; status == INLAY_OK && i < keys->count; i++) {
        uint64_t row;
        bytes found = content && map_get(&content->rows, item(keys, i), &row) ? item(content->values, (int64_t)row)
                                                                              : item(fallback, i * fallback_step);
        if (value == INLAY_STRING)
            status = string_builder_add(&b, found, err);
        else
            memcpy((*out)->data + (uint64_t)i * size, found.data, size);
    }
    if (value != INLAY_STRING) return INLAY_OK;
    if (status == INLAY_OK) return string_builder_finish(&b, out, err);
    string_builder_free(&b);
    return status;
}

inlay_status table_look_up(table *t, const tensor *keys, const tensor *fallback, mem_budget *budget, tensor **out,
                           inlay_error *err) {
    char a[SHAPE_TEXT], b[SHAPE_TEXT];
    *out = NULL;
    TRY(check_types(t, keys, fallback, err));
    bool one = fallback->dims.rank == 0;
    if (!one && !shape_equal(&fallback->dims, &keys->dims))
        return fail(err, INLAY_INVALID_ARGUMENT, "Expected shape [] or %s for default value, got %s",
                    shape_text(&keys->dims, a), shape_text(&fallback->dims, b));
    TRY(check_reserved(t, keys, err));
    table_content *content = content_of(t);
    if (!content && !t->is_mutable) return fail(err, INLAY_FAILED_PRECONDITION, "Table not initialized.");
    /* An immutable table takes the first default for every key, as TensorFlow does. */
    inlay_status status = gather(content, t->value, keys, fallback, one || !t->is_mutable ? 0 : 1, budget, out, err);
    content_release(content);
    return status;
}

bool table_is_initialized(table *t) {
    table_content *content = content_of(t);
    content_release(content);
    return content != NULL;
}

int64_t table_size(table *t) {
    table_content *content = content_of(t);
    int64_t size = content ? (int64_t)content->rows.count : 0;
    content_release(content);
    return size;
}

inlay_status table_export(table *t, tensor **keys, tensor **values, inlay_error *err) {
    *keys = *values = NULL;
    table_content *content = content_of(t);
    inlay_status status = INLAY_OK;
    int64_t *pick = mem_array(content ? content->rows.count : 0, sizeof *pick), n = 0;
    shape none = shape_vector(0);
    if (!pick) TRY_TO(done, fail_memory(err));
    if (!content) {
        string_builder b;
        if (t->key != INLAY_STRING) TRY_TO(done, tensor_new(t->key, &none, NULL, keys, err));
        if (t->value != INLAY_STRING) TRY_TO(done, tensor_new(t->value, &none, NULL, values, err));
        if (!*keys) TRY_TO(done, string_builder_init(&b, &none, NULL, err));
        if (!*keys) TRY_TO(done, string_builder_finish(&b, keys, err));
        if (!*values) TRY_TO(done, string_builder_init(&b, &none, NULL, err));
        if (!*values) TRY_TO(done, string_builder_finish(&b, values, err));
        goto done;
    }
    for (int64_t i = 0; i < content->keys->count; i++) {
        uint64_t row; /* a key that was given twice counts once */
        if (map_get(&content->rows, item(content->keys, i), &row) && row == (uint64_t)i) pick[n++] = i;
    }
    TRY_TO(done, pick_rows(content->keys, content->keys, pick, n, keys, err));
    TRY_TO(done, pick_rows(content->values, content->values, pick, n, values, err));
done:
    if (status != INLAY_OK) {
        tensor_release(*keys);
        tensor_release(*values);
        *keys = *values = NULL;
    }
    mem_free(pick);
    content_release(content);
    return status;
}
