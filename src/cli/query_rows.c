#include "cli/query_rows.h"

#include "cli/values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* "17,42"; an exit code. */
static int read_rows(const char *text, row_question *q) {
    size_t most = 1;
    for (const char *p = text; *p; p++) most += *p == ',';
    if (!(q->rows = calloc(most, sizeof *q->rows))) return out_of_memory();
    for (const char *p = text; q->n < most; p++) {
        char *end;
        errno = 0;
        q->rows[q->n++] = strtoll(p, &end, 10);
        bool good = *p >= '0' && *p <= '9' && errno == 0 && *end == (q->n < most ? ',' : 0);
        p = end;
        if (good) continue;
        fprintf(stderr, "inlay: rows are named as N,N,N, not as ");
        print_name(stderr, text);
        putc('\n', stderr);
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

static const inlay_signature *find_signature(const inlay_model *model, const char *key) {
    for (size_t i = 0; i < inlay_model_signature_count(model); i++) {
        const inlay_signature *s = inlay_model_signature(model, i);
        if (strcmp(s->key, key) == 0) return s;
    }
    return NULL;
}

static bool takes_rows(const inlay_signature *s) {
    for (size_t i = 0; s && i < s->n_inputs; i++)
        if (strcmp(s->inputs[i].key, "index") == 0 && s->inputs[i].dtype == INLAY_INT64) return true;
    return false;
}

static int find_part(row_question *q, const inlay_model *model, const char *path, const char *search,
                     const char *part) {
    bool is_first = strcmp(search, "search") == 0, is_part = takes_rows(find_signature(model, search));
    int n = snprintf(q->signature, sizeof q->signature, "%s%s%s", is_first ? "" : search,
                     is_first || is_part ? "" : "_", is_part ? "" : part);
    bool fits = n > 0 && (size_t)n < sizeof q->signature;
    if (fits && takes_rows(find_signature(model, q->signature))) return EXIT_FINE;
    fprintf(stderr, "inlay: ");
    print_name(stderr, path);
    fprintf(stderr, ": the model has no signature ");
    print_name(stderr, q->signature);
    fprintf(stderr, " that is asked with row numbers; inlay fuse --with %s makes it\n", part);
    return EXIT_FAILED;
}

int row_question_begin(row_question *q, const inlay_model *model, const char *path, const char *search,
                       const char *part, const char *text) {
    *q = (row_question){.index = {.key = "index"}};
    int code = read_rows(text, q);
    if (code == EXIT_FINE) code = find_part(q, model, path, search, part);
    if (code != EXIT_FINE) return code;
    inlay_error error;
    int64_t n = (int64_t)q->n;
    inlay_status status = inlay_tensor_wrap(INLAY_INT64, &n, 1, q->rows, NULL, NULL, &q->index.tensor, &error);
    return status == INLAY_OK ? EXIT_FINE : report_error(&error);
}

void row_question_end(row_question *q) {
    inlay_tensor_release(q->index.tensor);
    free(q->rows);
    *q = (row_question){0};
}

/* ---- what a row is */

/* What the outputs say of the row asked as number I. */
typedef struct looked_up {
    const inlay_tensor *vector, *label, *id; /* label, id: NULL when the model has none */
} looked_up;

static void print_row_json(const looked_up *found, int64_t row, size_t i) {
    const float *vector = inlay_tensor_data(found->vector);
    size_t dim = (size_t)inlay_tensor_dims(found->vector)[1];
    printf("{\"index\": %lld, ", (long long)row);
    if (found->label) {
        inlay_string label = inlay_tensor_string(found->label, (int64_t)i);
        printf("\"label\": ");
        print_json(stdout, label.data, label.size);
        printf(", ");
    }
    if (found->id) printf("\"id\": %lld, ", (long long)((const int64_t *)inlay_tensor_data(found->id))[i]);
    printf("\"vector\": ");
    print_json_vector(stdout, vector + i * dim, dim);
    putchar('}');
}

static void print_row_text(const looked_up *found, int64_t row, size_t i) {
    const float *vector = inlay_tensor_data(found->vector);
    size_t dim = (size_t)inlay_tensor_dims(found->vector)[1];
    printf("row %lld", (long long)row);
    if (found->id) printf("  %lld", (long long)((const int64_t *)inlay_tensor_data(found->id))[i]);
    if (found->label) {
        inlay_string label = inlay_tensor_string(found->label, (int64_t)i);
        printf("  ");
        print_plain(stdout, label.data, label.size);
    }
    putchar('\n');
    print_vector(stdout, vector + i * dim, dim);
    putchar('\n');
}

static void print_rows(const looked_up *found, const row_question *q, bool json) {
    if (json) printf("{\"rows\": [");
    for (size_t i = 0; i < q->n; i++) {
        if (json && i) printf(",\n ");
        (json ? print_row_json : print_row_text)(found, q->rows[i], i);
    }
    if (json) printf("]}\n");
}

static bool fits(const inlay_tensor *t, inlay_dtype type, int rank, size_t n) {
    return inlay_tensor_dtype(t) == type && inlay_tensor_rank(t) == rank && inlay_tensor_dims(t)[0] == (int64_t)n;
}

static int ask(const row_question *q, inlay_model *model, bool json) {
    const inlay_signature *s = find_signature(model, q->signature);
    const char *payload = NULL;
    for (size_t i = 0; i < s->n_outputs; i++)
        if (strcmp(s->outputs[i].key, "label") == 0 || strcmp(s->outputs[i].key, "id") == 0)
            payload = s->outputs[i].key;
    inlay_named_tensor outputs[] = {{"vector", NULL}, {payload, NULL}};
    inlay_error error;
    if (inlay_model_run(model, q->signature, &q->index, 1, outputs, payload ? 2 : 1, &error) != INLAY_OK)
        return report_error(&error);
    const inlay_tensor *other = outputs[1].tensor;
    bool is_label = payload && strcmp(payload, "label") == 0, good = fits(outputs[0].tensor, INLAY_FLOAT32, 2, q->n);
    good = good && (!other || fits(other, is_label ? INLAY_STRING : INLAY_INT64, 1, q->n));
    looked_up found = {outputs[0].tensor, is_label ? other : NULL, is_label ? NULL : other};
    if (good)
        print_rows(&found, q, json);
    else
        fprintf(stderr, "inlay: the signature does not answer as lookup does\n");
    inlay_tensor_release(outputs[0].tensor);
    inlay_tensor_release(outputs[1].tensor);
    return good ? EXIT_FINE : EXIT_FAILED;
}

int look_rows_up(inlay_model *model, const char *path, const char *search, const char *text, bool json) {
    row_question q;
    int code = row_question_begin(&q, model, path, search, "lookup", text);
    if (code == EXIT_FINE) code = ask(&q, model, json);
    row_question_end(&q);
    return code;
}
