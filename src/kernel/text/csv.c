#include "kernel/text/csv.h"

typedef struct walk {
    bytes record;
    size_t at;
    const csv_rules *rules;
    bool wanted; /* the field at hand */
    buffer *text;
} walk;

static void put(const walk *w, size_t from, size_t to) {
    if (w->wanted) buffer_append(w->text, w->record.data + from, to - from);
}

static const char *plain_field(walk *w) {
    const uint8_t *p = w->record.data;
    size_t first = w->at;
    for (; w->at < w->record.size && p[w->at] != w->rules->delimiter; w->at++)
        if ((w->rules->quotes && p[w->at] == '"') || p[w->at] == '\n' || p[w->at] == '\r')
            return "Unquoted fields cannot have quotes/CRLFs inside";
    put(w, first, w->at);
    w->at++;
    return NULL;
}

/* Behind the opening quote. */
static const char *quoted_field(walk *w) {
    const uint8_t *p = w->record.data;
    size_t size = w->record.size;
    while (w->at + 1 < size && (p[w->at] != '"' || p[w->at + 1] != w->rules->delimiter)) {
        bool quote = p[w->at] == '"';
        if (quote && p[w->at + 1] != '"') return "Quote inside a string has to be escaped by another quote";
        put(w, w->at, w->at + 1);
        w->at += quote ? 2 : 1;
    }
    if (w->at >= size || p[w->at] != '"' || (w->at + 1 < size && p[w->at + 1] != w->rules->delimiter))
        return "Quoted field has to end with quote followed by delim or end";
    w->at += 2;
    return NULL;
}

static void end_field(const walk *w, buffer *ends) {
    uint64_t end = w->text->size;
    buffer_append(ends, &end, sizeof end);
}

static bool is_wanted(const csv_rules *r, size_t taken, size_t column) {
    return !r->columns || (taken < r->n_columns && r->columns[taken] == (int64_t)column);
}

const char *csv_fields(bytes record, const csv_rules *rules, size_t most, buffer *text, buffer *ends) {
    walk w = {.record = record, .rules = rules, .text = text};
    size_t column = 0, taken = 0;
    while (w.at < record.size) {
        uint8_t c = record.data[w.at];
        if (c == '\n' || c == '\r') {
            w.at++;
            continue;
        }
        bool quoted = rules->quotes && c == '"';
        w.at += quoted;
        w.wanted = is_wanted(rules, taken, column);
        const char *problem = quoted ? quoted_field(&w) : plain_field(&w);
        if (problem) return problem;
        column++;
        if (!w.wanted) continue;
        end_field(&w, ends);
        if (++taken > most || (rules->columns && taken == rules->n_columns)) return NULL;
    }
    /* a record that ends with the delimiter has one more, empty field */
    if (record.size && record.data[record.size - 1] == rules->delimiter && is_wanted(rules, taken, column))
        end_field(&w, ends);
    return NULL;
}
