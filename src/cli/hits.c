#include "cli/hits.h"

#include "cli/values.h"

static void print_hit_json(const inlay_hits *h, size_t i, size_t rank) {
    printf("%s{\"rank\": %zu, \"index\": %lld, \"score\": ", rank ? ", " : "", rank + 1, (long long)h->indices[i]);
    print_json_number(stdout, (double)h->scores[i]);
    if (h->labels) {
        printf(", \"label\": ");
        print_json(stdout, h->labels[i].data, h->labels[i].size);
    }
    if (h->ids) printf(", \"id\": %lld", (long long)h->ids[i]);
    if (h->vectors) {
        printf(", \"vector\": ");
        print_json_vector(stdout, h->vectors + i * h->dim, h->dim);
    }
    putchar('}');
}

static void print_hit_row(const inlay_hits *h, size_t i, size_t rank) {
    printf("%4zu  %10.6f  %10lld", rank + 1, (double)h->scores[i], (long long)h->indices[i]);
    if (h->ids) printf("  %lld", (long long)h->ids[i]);
    if (h->labels) {
        printf("  ");
        print_plain(stdout, h->labels[i].data, h->labels[i].size);
    }
    putchar('\n');
    if (!h->vectors) return;
    printf("      ");
    print_vector(stdout, h->vectors + i * h->dim, h->dim);
    putchar('\n');
}

/* What was asked in query Q, where it can be told. */
static void print_asked(const printer *p, const char *const *texts, size_t q) {
    if (p->json && texts) {
        printf("\"query\": ");
        print_json(stdout, texts[q], strlen(texts[q]));
        printf(", ");
    } else if (p->json && p->rows) {
        printf("\"index\": %lld, ", (long long)p->rows[q]);
    } else if (texts) {
        print_name(stdout, texts[q]);
        putchar('\n');
    } else if (p->rows) {
        printf("row %lld\n", (long long)p->rows[q]);
    }
}

void print_hits(printer *p, const inlay_hits *h, const char *const *texts) {
    for (size_t q = 0; q < h->n_queries; q++, p->queries++) {
        size_t n = (size_t)h->counts[q];
        if (p->json) {
            printf("%s{", p->queries ? ",\n " : "");
            print_asked(p, texts, q);
            printf("\"results\": [");
            for (size_t r = 0; r < n; r++) print_hit_json(h, q * h->k + r, r);
            printf("]}");
            continue;
        }
        if (p->queries) putchar('\n');
        print_asked(p, texts, q);
        printf("rank       score       index%s%s\n", h->ids ? "  id" : "", h->labels ? "  label" : "");
        for (size_t r = 0; r < n; r++) print_hit_row(h, q * h->k + r, r);
    }
}
