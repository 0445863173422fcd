#include "cli/profile.h"

#include "cli/values.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLOWEST = 20 };

/* Of all runs. */
typedef struct total {
    char *name, *op;
    double seconds;
    uint64_t calls, bytes;
} total;

typedef struct total_list {
    total *items;
    size_t count, capacity;
} total_list;

/* Of the last run. */
typedef struct event {
    size_t node; /* in `nodes` */
    double start, seconds;
} event;

struct profile {
    total_list nodes;
    event *events;
    size_t n_events, capacity, runs;
    bool incomplete;
};

profile *profile_new(void) {
    profile *p = calloc(1, sizeof *p);
    if (!p) out_of_memory();
    return p;
}

static void free_totals(total_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].op);
    }
    free(list->items);
}

void profile_free(profile *p) {
    if (!p) return;
    free_totals(&p->nodes);
    free(p->events);
    free(p);
}

/* ITEMS [COUNT] of SIZE bytes with room for one more; NULL when memory is out, and ITEMS stays. */
static void *with_room(void *items, size_t size, size_t count, size_t *capacity) {
    if (count < *capacity) return items;
    size_t wanted = *capacity ? 2 * *capacity : 256;
    void *grown = realloc(items, wanted * size);
    if (grown) *capacity = wanted;
    return grown;
}

/* The total called NAME; looked for from GUESS on, since nodes run in the same order each time. NULL when memory is
 * out. */
static total *find_total(total_list *list, const char *name, const char *op, size_t guess) {
    for (size_t i = 0; i < list->count; i++) {
        total *t = &list->items[(guess + i) % list->count];
        if (strcmp(t->name, name) == 0) return t;
    }
    total *items = with_room(list->items, sizeof *items, list->count, &list->capacity);
    if (!items) return NULL;
    list->items = items;
    total fresh = {.name = strdup(name), .op = strdup(op)};
    if (!fresh.name || !fresh.op) {
        free(fresh.name);
        free(fresh.op);
        return NULL;
    }
    list->items[list->count] = fresh;
    return &list->items[list->count++];
}

void profile_begin_run(profile *p) {
    p->n_events = 0;
    p->runs++;
}

void profile_add(void *user, const inlay_node_run *node) {
    profile *p = user;
    size_t guess = p->n_events ? p->events[p->n_events - 1].node + 1 : 0;
    total *t = find_total(&p->nodes, node->node, node->op, guess);
    event *events = t ? with_room(p->events, sizeof *events, p->n_events, &p->capacity) : NULL;
    if (!events) {
        p->incomplete = true;
        return;
    }
    p->events = events;
    t->seconds += node->seconds;
    t->bytes += node->bytes;
    t->calls++;
    p->events[p->n_events++] = (event){(size_t)(t - p->nodes.items), node->start, node->seconds};
}

/* ---- the table */

static int by_time(const void *left, const void *right) {
    const total *a = left, *b = right;
    return a->seconds != b->seconds ? (a->seconds < b->seconds ? 1 : -1) : strcmp(a->name, b->name);
}

static void print_totals(const profile *p, const total_list *list, size_t most, double all, FILE *out) {
    double runs = (double)p->runs;
    for (size_t i = 0; i < list->count && i < most; i++) {
        const total *t = &list->items[i];
        fprintf(out, "%10.4f %5.1f%% %8.1f %12.0f  ", 1e3 * t->seconds / runs, all > 0 ? 100 * t->seconds / all : 0,
                (double)t->calls / runs, (double)t->bytes / runs);
        print_name(out, t->name);
        if (t->op[0]) fprintf(out, " (%s)", t->op);
        fputc('\n', out);
    }
}

void profile_print(const profile *p, FILE *out) {
    total_list ops = {0}, nodes = {.items = calloc(p->nodes.count + 1, sizeof(total)), .count = p->nodes.count};
    double all = 0;
    bool complete = nodes.items && !p->incomplete;
    for (size_t i = 0; i < p->nodes.count; i++) {
        const total *t = &p->nodes.items[i];
        total *op = find_total(&ops, t->op, "", i);
        all += t->seconds;
        if (!op) complete = false;
        if (!op) continue;
        op->seconds += t->seconds;
        op->calls += t->calls;
        op->bytes += t->bytes;
    }
    if (ops.count) qsort(ops.items, ops.count, sizeof *ops.items, by_time);
    if (nodes.items && p->nodes.count) {
        memcpy(nodes.items, p->nodes.items, p->nodes.count * sizeof *nodes.items);
        qsort(nodes.items, nodes.count, sizeof *nodes.items, by_time);
    }
    fprintf(out, "%10s %6s %8s %12s  a run, of %zu\n", "ms", "", "calls", "bytes", p->runs);
    print_totals(p, &ops, SIZE_MAX, all, out);
    fprintf(out, "the nodes that took longest:\n");
    if (nodes.items) print_totals(p, &nodes, SLOWEST, all, out);
    if (!complete) fprintf(out, "not all is there: memory was out\n");
    free_totals(&ops);
    free(nodes.items);
}

/* ---- the trace */

bool profile_save_trace(const profile *p, const char *path) {
    FILE *out = fopen(path, "w");
    if (out) {
        fprintf(out, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [");
        for (size_t i = 0; i < p->n_events; i++) {
            const total *node = &p->nodes.items[p->events[i].node];
            fprintf(out,
                    "%s\n{\"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": %.3f, \"dur\": %.3f, \"name\": ", i ? "," : "",
                    1e6 * p->events[i].start, 1e6 * p->events[i].seconds);
            print_json(out, node->op, strlen(node->op));
            fprintf(out, ", \"args\": {\"node\": ");
            print_json(out, node->name, strlen(node->name));
            fprintf(out, "}}");
        }
        fprintf(out, "\n]}\n");
    }
    bool good = out && !ferror(out);
    good = out && fclose(out) == 0 && good;
    if (!good) fprintf(stderr, "inlay: %s: %s\n", path, strerror(errno));
    return good;
}
