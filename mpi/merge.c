#include "mpi/merge.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

/* A hit on its way. */
typedef struct winner {
    float score; /* minus infinity: there is no hit here */
    int32_t rank;
    int64_t row;
} winner;

/* What an operator of MPI cannot be given: the length of a list, and room for one. */
static struct {
    size_t k;
    winner *list;
} spare;

static bool is_better(const winner *a, const winner *b) {
    return a->score > b->score || (a->score == b->score && a->row < b->row);
}

/* MPI_User_function: of each two lists [k], sorted, the best k go to INOUT. */
static void keep_best(void *in, void *inout, int *n, MPI_Datatype *type) {
    (void)type;
    for (size_t q = 0; q < (size_t)*n; q++) {
        winner *from = (winner *)in + q * spare.k, *to = (winner *)inout + q * spare.k;
        for (size_t i = 0, a = 0, b = 0; i < spare.k; i++)
            spare.list[i] = is_better(from + a, to + b) ? from[a++] : to[b++];
        memcpy(to, spare.list, spare.k * sizeof *to);
    }
}

/* LISTS [n, k] of all ranks become the best of all, at rank 0. */
static void reduce(const job *j, winner *lists, size_t n, size_t k) {
    MPI_Datatype hit, list;
    MPI_Op op;
    winner *best = job_alloc(j, n * k, sizeof *best);
    spare.k = k;
    spare.list = job_alloc(j, k, sizeof *spare.list);
    MPI_Type_contiguous(sizeof *lists, MPI_BYTE, &hit);
    MPI_Type_contiguous((int)k, hit, &list);
    MPI_Type_commit(&list);
    MPI_Op_create(keep_best, 1, &op);
    MPI_Reduce(lists, best, (int)n, list, op, 0, MPI_COMM_WORLD);
    if (j->rank == 0) memcpy(lists, best, n * k * sizeof *lists);
    MPI_Op_free(&op);
    MPI_Type_free(&list);
    MPI_Type_free(&hit);
    free(spare.list);
    free(best);
}

/* ---- whether the answers go together */

enum { SAYS_NOTHING, SAYS_LABELS, SAYS_IDS };

/* What a rank has to say of its answer. */
typedef struct summary {
    int64_t k, asked, rows, payload;
} summary;

/* Of this rank's answer and all of them. */
typedef struct plan {
    int64_t n, k; /* lists, and hits wanted of each */
    int64_t first_row;
    int64_t payload;
} plan;

static bool disagree(const job *j, int who, const char *format, int64_t theirs, int64_t first) {
    if (j->rank != 0) return false;
    fprintf(stderr, "inlay: rank %d of %d: ", who, j->size);
    fprintf(stderr, format, (long long)theirs, (long long)first);
    putc('\n', stderr);
    return false;
}

static bool compare(const job *j, const summary *all, bool apart) {
    for (int i = 1; i < j->size; i++) {
        if (!apart && all[i].rows != all->rows)
            return disagree(j, i, "its model has %lld rows, that of rank 0 %lld: it is another one", all[i].rows,
                            all->rows);
        if (all[i].asked != all->asked)
            return disagree(j, i, "its model answers %lld rows by itself, that of rank 0 %lld; say --k", all[i].asked,
                            all->asked);
        if (all[i].payload != all->payload)
            return disagree(j, i, "its model and that of rank 0 do not both have labels, or ids, or neither", 0, 0);
    }
    return true;
}

static bool make_plan(const job *j, const inlay_hits *own, bool apart, plan *out) {
    summary mine = {(int64_t)own->k, own->asked, own->rows,
                    own->labels ? SAYS_LABELS
                    : own->ids  ? SAYS_IDS
                                : SAYS_NOTHING};
    summary *all = job_alloc(j, (size_t)j->size, sizeof *all);
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all, sizeof mine, MPI_BYTE, MPI_COMM_WORLD);
    bool good = compare(j, all, apart);
    *out = (plan){.n = (int64_t)own->n_queries, .payload = all->payload};
    for (int i = 0; i < j->size; i++) out->k += all[i].k;
    if (out->k > all->asked) out->k = all->asked;
    for (int i = 0; apart && i < j->rank; i++) out->first_row += all[i].rows;
    free(all);
    return good;
}

/* ---- labels and ids */

/* Bytes that travel. */
typedef struct parcel {
    char *data;
    size_t size;
} parcel;

static char *put(char *to, const void *data, size_t size) {
    if (size) memcpy(to, data, size);
    return to + size;
}

/* Writes to DATA what is printed of the first WON[q] hits of each query; NULL only counts. Returns the bytes. */
static size_t pack(const inlay_hits *own, const int *won, char *data) {
    size_t bytes = 0;
    for (size_t q = 0; q < own->n_queries; q++)
        for (size_t at = q * own->k, end = at + (size_t)won[q]; at < end; at++) {
            const inlay_string *label = own->labels ? own->labels + at : NULL;
            const void *head = label ? (const void *)&label->size : (const void *)(own->ids + at);
            if (data) {
                char *to = put(data + bytes, head, sizeof(int64_t));
                if (label) put(to, label->data, label->size);
            }
            bytes += sizeof(int64_t) + (label ? label->size : 0);
        }
    return bytes;
}

/* How many of each query's winners are this rank's: the first so many of its own list. */
static int *share_wins(const job *j, const plan *p, const winner *winners) {
    size_t n = (size_t)p->n, ranks = (size_t)j->size;
    int *own = job_alloc(j, n, sizeof *own), *all = j->rank == 0 ? job_alloc(j, n * ranks, sizeof *all) : NULL;
    for (size_t i = 0; all && i < n * (size_t)p->k; i++)
        if (winners[i].score != -INFINITY) all[(size_t)winners[i].rank * n + i / (size_t)p->k]++;
    MPI_Scatter(all, (int)n, MPI_INT, own, (int)n, MPI_INT, 0, MPI_COMM_WORLD);
    free(all);
    return own;
}

/* All ranks' parcels, in their order, at rank 0; STARTS [size] is where each begins. False when they are too many bytes
 * for one message, which rank 0 says. */
static bool collect(const job *j, const parcel *own, parcel *all, int *starts) {
    int64_t size = (int64_t)own->size, total = 0;
    int64_t *sizes = job_alloc(j, (size_t)j->size, sizeof *sizes);
    int *counts = job_alloc(j, (size_t)j->size, sizeof *counts);
    MPI_Allgather(&size, 1, MPI_INT64_T, sizes, 1, MPI_INT64_T, MPI_COMM_WORLD);
    for (int i = 0; i < j->size; i++) {
        if (total <= INT_MAX) starts[i] = (int)total;
        total += sizes[i];
        counts[i] = (int)sizes[i];
    }
    if (total <= INT_MAX) {
        if (j->rank == 0) *all = (parcel){job_alloc(j, (size_t)total, 1), (size_t)total};
        MPI_Gatherv(own->data, (int)size, MPI_BYTE, all->data, counts, starts, MPI_BYTE, 0, MPI_COMM_WORLD);
    } else if (j->rank == 0) {
        fprintf(stderr, "inlay: the labels of one batch are %lld bytes; make --batch smaller\n", (long long)total);
    }
    free(sizes);
    free(counts);
    return total <= INT_MAX;
}

static void unpack(const job *j, const plan *p, const winner *winners, const int *starts, merged *out) {
    size_t hits = (size_t)(p->n * p->k), *at = job_alloc(j, (size_t)j->size, sizeof *at);
    for (int i = 0; i < j->size; i++) at[i] = (size_t)starts[i];
    if (p->payload == SAYS_LABELS) out->hits.labels = out->labels = job_alloc(j, hits, sizeof *out->labels);
    if (p->payload == SAYS_IDS) out->hits.ids = out->ids = job_alloc(j, hits, sizeof *out->ids);
    for (size_t i = 0; i < hits; i++) {
        if (winners[i].score == -INFINITY) continue;
        size_t *from = at + winners[i].rank;
        int64_t head;
        memcpy(&head, out->payload + *from, sizeof head);
        *from += sizeof head;
        if (out->ids) {
            out->ids[i] = head;
        } else {
            out->labels[i] = (inlay_string){out->payload + *from, (size_t)head};
            *from += (size_t)head;
        }
    }
    free(at);
}

static bool fetch(const job *j, const plan *p, const inlay_hits *own, const winner *winners, merged *out) {
    int *won = share_wins(j, p, winners), *starts = job_alloc(j, (size_t)j->size, sizeof *starts);
    parcel mine = {.size = pack(own, won, NULL)}, all = {0};
    mine.data = job_alloc(j, mine.size, 1);
    pack(own, won, mine.data);
    bool good = collect(j, &mine, &all, starts);
    out->bytes += (int64_t)all.size - (int64_t)mine.size;
    out->payload = all.data;
    if (good && j->rank == 0) unpack(j, p, winners, starts, out);
    free(mine.data);
    free(starts);
    free(won);
    return good;
}

/* ---- the answer */

static winner *list_own(const job *j, const plan *p, const inlay_hits *own) {
    size_t k = (size_t)p->k;
    winner *lists = job_alloc(j, (size_t)p->n * k, sizeof *lists);
    for (size_t q = 0; q < (size_t)p->n; q++)
        for (size_t i = 0; i < k; i++) {
            bool hit = i < own->k && (int64_t)i < own->counts[q];
            size_t at = q * own->k + i;
            lists[q * k + i] = hit ? (winner){own->scores[at], j->rank, own->indices[at] + p->first_row}
                                   : (winner){-INFINITY, j->rank, INT64_MAX};
        }
    return lists;
}

static void give(const job *j, const plan *p, const winner *winners, merged *out) {
    size_t n = (size_t)p->n, k = (size_t)p->k;
    out->scores = job_alloc(j, n * k, sizeof *out->scores);
    out->indices = job_alloc(j, n * k, sizeof *out->indices);
    out->counts = job_alloc(j, n, sizeof *out->counts);
    for (size_t i = 0; i < n * k; i++) {
        out->scores[i] = winners[i].score;
        out->indices[i] = winners[i].row;
        out->counts[i / k] += winners[i].score != -INFINITY;
    }
    out->hits = (inlay_hits){.n_queries = n, .k = k, .scores = out->scores, .indices = out->indices};
    out->hits.counts = out->counts;
}

bool merge_hits(const job *j, const inlay_hits *own, bool apart, merged *out) {
    plan p;
    *out = (merged){0};
    if (!make_plan(j, own, apart, &p)) return false;
    winner *winners = list_own(j, &p, own);
    if (p.n * p.k > 0) reduce(j, winners, (size_t)p.n, (size_t)p.k);
    if (j->rank == 0) give(j, &p, winners, out);
    bool good = p.payload == SAYS_NOTHING || fetch(j, &p, own, winners, out);
    free(winners);
    return good;
}

void merged_free(merged *m) {
    free(m->scores);
    free(m->indices);
    free(m->counts);
    free(m->ids);
    free(m->labels);
    free(m->payload);
    *m = (merged){0};
}
