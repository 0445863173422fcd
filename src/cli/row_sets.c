#include "cli/row_sets.h"

#include "cli/values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static bool read_number(const char *text, int64_t *out, const char **end) {
    char *stop;
    errno = 0;
    long long value = strtoll(text, &stop, 10);
    *out = value;
    *end = stop;
    return *text >= '0' && *text <= '9' && errno == 0;
}

/* "A" or "A:B"; *end is what follows. */
static bool read_range(const char *text, inlay_row_range *out, const char **end) {
    if (!read_number(text, &out->begin, end) || out->begin == INT64_MAX) return false;
    out->end = out->begin + 1;
    return **end != ':' || (read_number(*end + 1, &out->end, end) && out->end >= out->begin);
}

static bool add(row_set *set, size_t *capacity, inlay_row_range range) {
    if (set->shown.n_ranges == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 64;
        inlay_row_range *grown = more <= SIZE_MAX / sizeof *grown ? realloc(set->ranges, more * sizeof *grown) : NULL;
        if (!grown) return out_of_memory(), false;
        set->shown.ranges = set->ranges = grown;
        *capacity = more;
    }
    set->ranges[set->shown.n_ranges++] = range;
    return true;
}

static int read_text(const char *text, row_set *set) {
    size_t capacity = 0;
    for (const char *p = text;; p++) {
        inlay_row_range range;
        if (!read_range(p, &range, &p) || (*p != ',' && *p != 0)) {
            fprintf(stderr, "inlay: rows are named as A:B,C (A to B-1, and C), not as ");
            print_name(stderr, text);
            putc('\n', stderr);
            return EXIT_USAGE;
        }
        if (!add(set, &capacity, range)) return EXIT_FAILED;
        if (*p == 0) return EXIT_FINE;
    }
}

static int bad_file(const char *path, size_t line, const char *reason) {
    fprintf(stderr, "inlay: ");
    print_name(stderr, path);
    if (line) fprintf(stderr, ":%zu", line);
    fprintf(stderr, ": %s\n", reason);
    return EXIT_FAILED;
}

static bool blank(const char *p) {
    return p[strspn(p, " \t\r\n")] == 0;
}

static int read_lines(const char *path, FILE *f, row_set *set) {
    char *line = NULL;
    size_t room = 0, number = 0, capacity = 0;
    int code = EXIT_FINE;
    for (ssize_t n; code == EXIT_FINE && (n = getline(&line, &room, f)) >= 0;) {
        inlay_row_range range;
        const char *end;
        number++;
        if (strlen(line) == (size_t)n && blank(line)) continue;
        if (strlen(line) != (size_t)n || !read_range(line, &range, &end) || !blank(end))
            code = bad_file(path, number, "a line is a row's number, or A:B for rows A to B-1");
        else if (!add(set, &capacity, range))
            code = EXIT_FAILED;
    }
    if (code == EXIT_FINE && ferror(f)) code = bad_file(path, number + 1, "it cannot be read");
    /* a file without rows is the empty set, not none */
    if (code == EXIT_FINE && capacity == 0 && !(set->shown.ranges = set->ranges = calloc(1, sizeof *set->ranges)))
        code = out_of_memory();
    free(line);
    return code;
}

static bool integer_at(inlay_dtype type, const void *data, size_t i, int64_t *out) {
    const uint8_t *p = data;
    uint64_t large;
    switch (type) {
    case INLAY_INT64: memcpy(out, p + 8 * i, 8); return true;
    case INLAY_INT32: *out = ((const int32_t *)data)[i]; return true;
    case INLAY_INT16: *out = ((const int16_t *)data)[i]; return true;
    case INLAY_INT8: *out = ((const int8_t *)data)[i]; return true;
    case INLAY_UINT64:
        memcpy(&large, p + 8 * i, 8);
        *out = large <= INT64_MAX ? (int64_t)large : INT64_MAX;
        return true;
    case INLAY_UINT32: *out = ((const uint32_t *)data)[i]; return true;
    case INLAY_UINT16: *out = ((const uint16_t *)data)[i]; return true;
    case INLAY_UINT8: *out = p[i]; return true;
    default: return false;
    }
}

static int take_bools(const uint8_t *data, size_t n, row_set *set) {
    set->bitmap = calloc(n / 8 + 1, 1);
    if (!set->bitmap) return out_of_memory();
    for (size_t i = 0; i < n; i++) set->bitmap[i / 8] |= (uint8_t)((data[i] != 0) << (i % 8));
    set->shown.bitmap = set->bitmap;
    set->shown.bitmap_rows = (int64_t)n;
    return EXIT_FINE;
}

static int take_numbers(const char *path, const inlay_tensor *t, size_t n, row_set *set) {
    set->shown.ranges = set->ranges = calloc(n + 1, sizeof *set->ranges);
    if (!set->ranges) return out_of_memory();
    for (size_t i = 0; i < n; i++) {
        int64_t row;
        if (!integer_at(inlay_tensor_dtype(t), inlay_tensor_data(t), i, &row))
            return bad_file(path, 0, "rows are named by integers, or by a bool for each row");
        if (row < 0 || row == INT64_MAX) {
            fprintf(stderr, "inlay: ");
            print_name(stderr, path);
            fprintf(stderr, ": element %zu is %lld, no row's number\n", i, (long long)row);
            return EXIT_FAILED;
        }
        set->ranges[set->shown.n_ranges++] = (inlay_row_range){row, row + 1};
    }
    return EXIT_FINE;
}

static int read_npy(const char *path, row_set *set) {
    inlay_error error;
    inlay_tensor *t;
    if (inlay_tensor_load(path, INLAY_INVALID_DTYPE, &t, &error) != INLAY_OK) return report_error(&error);
    int code;
    size_t count = inlay_tensor_rank(t) == 1 ? (size_t)inlay_tensor_dims(t)[0] : 0;
    if (inlay_tensor_rank(t) != 1)
        code = bad_file(path, 0, "rows are a vector: one dimension");
    else if (inlay_tensor_dtype(t) == INLAY_BOOL)
        code = take_bools(inlay_tensor_data(t), count, set);
    else
        code = take_numbers(path, t, count, set);
    inlay_tensor_release(t);
    return code;
}

static int read_file(const char *path, row_set *set) {
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".npy") == 0) return read_npy(path, set);
    FILE *f = fopen(path, "re");
    if (!f) return bad_file(path, 0, strerror(errno));
    int code = read_lines(path, f, set);
    fclose(f);
    return code;
}

int read_row_set(const char *text, const char *path, row_set *out) {
    *out = (row_set){0};
    return text ? read_text(text, out) : path ? read_file(path, out) : EXIT_FINE;
}

void free_row_set(row_set *set) {
    free(set->ranges);
    free(set->bitmap);
    *set = (row_set){0};
}

bool read_score(const char *text, float *out) {
    char *end;
    *out = strtof(text, &end);
    if (end > text && *end == 0 && !isnan(*out)) return true;
    fprintf(stderr, "inlay: --min-score takes a number, not ");
    print_name(stderr, text);
    putc('\n', stderr);
    return false;
}
