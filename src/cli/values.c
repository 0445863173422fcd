#include "cli/values.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

static const inlay_endpoint *find_input(const inlay_signature *signature, const char *key) {
    for (size_t i = 0; i < signature->n_inputs; i++)
        if (strcmp(signature->inputs[i].key, key) == 0) return &signature->inputs[i];
    return NULL;
}

static bool load_one(char *item, const inlay_signature *signature, inlay_named_tensor *out) {
    char *equals = strchr(item, '=');
    if (!equals) {
        fprintf(stderr, "inlay: input %s is not of the form KEY=FILE\n", item);
        return false;
    }
    *equals = 0;
    const inlay_endpoint *input = find_input(signature, item);
    if (!input) {
        fprintf(stderr, "inlay: signature %s has no input %s; its inputs:", signature->key, item);
        for (size_t i = 0; i < signature->n_inputs; i++) {
            putc(' ', stderr);
            print_name(stderr, signature->inputs[i].key);
        }
        putc('\n', stderr);
        return false;
    }
    inlay_error error;
    out->key = item;
    if (inlay_tensor_load(equals + 1, input->dtype, &out->tensor, &error) == INLAY_OK) return true;
    report_error(&error);
    return false;
}

bool load_inputs(const char *text, const inlay_signature *signature, input_list *out) {
    size_t most = 1;
    for (const char *p = text; *p; p++) most += *p == ';';
    *out = (input_list){.text = strdup(text), .items = calloc(most, sizeof *out->items)};
    if (!out->text || !out->items) return out_of_memory(), false;
    char *rest = out->text;
    for (char *item; (item = strsep(&rest, ";"));) {
        if (!*item) continue;
        if (!load_one(item, signature, &out->items[out->count])) return false;
        out->count++;
    }
    return true;
}

void free_inputs(input_list *list) {
    for (size_t i = 0; i < list->count; i++) inlay_tensor_release(list->items[i].tensor);
    free(list->items);
    free(list->text);
    *list = (input_list){0};
}

void use_threads(int64_t threads) {
    if (threads > 0) inlay_set_threads(threads < 256 ? (int)threads : 256);
}

inlay_model *open_model(const char *path, const char *tag_set, int64_t threads, bool lock_indexes) {
    use_threads(threads);
    inlay_model_options options;
    inlay_model_options_init(&options);
    options.tag_set = tag_set;
    options.lock_indexes = lock_indexes;
    inlay_model *model;
    inlay_error error;
    if (inlay_model_open(path, &options, &model, &error) == INLAY_OK) return model;
    report_error(&error);
    return NULL;
}

const inlay_signature *need_signature(const inlay_model *model, const char *path, const char *key) {
    const inlay_signature *found = inlay_model_find_signature(model, key);
    if (found) return found;
    fprintf(stderr, "inlay: %s: no signature %s; the signatures:", path, key);
    for (size_t i = 0; i < inlay_model_signature_count(model); i++) {
        putc(' ', stderr);
        print_name(stderr, inlay_model_signature(model, i)->key);
    }
    putc('\n', stderr);
    return NULL;
}

/* Bytes of the UTF-8 sequence at P [n], 0 when it is not one. */
static size_t sequence(const unsigned char *p, size_t n) {
    if (p[0] < 0x80) return 1;
    size_t length = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (length == 0 || length > n) return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return length;
}

void print_json(FILE *out, const char *text, size_t size) {
    putc('"', out);
    for (size_t i = 0; i < size;) {
        const unsigned char *p = (const unsigned char *)text + i;
        size_t n = sequence(p, size - i);
        if (n == 0)
            fputs("\\ufffd", out);
        else if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            fprintf(out, "\\u%04x", *p);
        else
            fwrite(p, 1, n, out);
        i += n ? n : 1;
    }
    putc('"', out);
}

void print_plain(FILE *out, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i], after = i + 1 < size ? (unsigned char)text[i + 1] : 0;
        bool wide = c == 0xc2 && after >= 0x80 && after < 0xa0; /* U+0080 to U+009F, which terminals obey too */
        if (c < 0x20 || c == 0x7f || wide)
            fprintf(out, "\\x%02x", wide ? after : c);
        else
            putc(c, out);
        i += wide;
    }
}

void print_name(FILE *out, const char *name) {
    print_plain(out, name, strlen(name));
}

void print_json_number(FILE *out, double value) {
    if (isnan(value))
        fputs("NaN", out);
    else if (isinf(value))
        fputs(value < 0 ? "-Infinity" : "Infinity", out);
    else
        fprintf(out, "%.9g", value);
}

void print_json_vector(FILE *out, const float *vector, size_t dim) {
    putc('[', out);
    for (size_t i = 0; i < dim; i++) {
        if (i) fputs(", ", out);
        print_json_number(out, (double)vector[i]);
    }
    putc(']', out);
}

void print_vector(FILE *out, const float *vector, size_t dim) {
    for (size_t i = 0; i < dim; i++) fprintf(out, "%s%.7g", i ? " " : "", (double)vector[i]);
}

void print_dims(FILE *out, const int64_t *dims, int rank) {
    if (rank < 0) {
        fputs("unknown rank", out);
        return;
    }
    putc('[', out);
    for (int i = 0; i < rank; i++) {
        if (i) fputs(", ", out);
        if (dims[i] < 0)
            putc('?', out);
        else
            fprintf(out, "%lld", (long long)dims[i]);
    }
    putc(']', out);
}

void print_json_dims(FILE *out, const int64_t *dims, int rank) {
    if (rank < 0) {
        fputs("null", out);
        return;
    }
    putc('[', out);
    for (int i = 0; i < rank; i++) fprintf(out, "%s%lld", i ? ", " : "", (long long)dims[i]);
    putc(']', out);
}

double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(double *values, size_t n, double q) {
    if (n == 0) return 0;
    qsort(values, n, sizeof *values, compare_doubles);
    size_t index = (size_t)ceil(q * (double)n);
    return values[index ? index - 1 : 0];
}
