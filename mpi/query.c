#include "mpi/query.h"

#include "cli/hits.h"
#include "cli/row_sets.h"
#include "cli/values.h"
#include "mpi/merge.h"
#include "mpi/piece.h"

#include <math.h>
#include <stdlib.h>

enum {
    HITS_AT_ONCE = 1 << 22, /* in a piece, but for LEAST_BATCH queries */
    LEAST_BATCH = 16,
    USUAL_K = 100 /* when the model decides */
};

job this_job;

typedef struct query_values {
    const char *model, *models, *signature, *tag_set, *lines, *vectors;
    text_list texts;
    const char *rows, *exclude, *min_score;
    int64_t k, batch, threads;
    bool json, report;
} query_values;

#define AT(field) offsetof(query_values, field)
static const flag_spec flags[] = {
    {"--text", NULL, FLAG_LIST, "TEXT",
     "what to look for; may be given again; - reads a query a line from standard input and answers what is there",
     AT(texts), NULL, false},
    {"--texts", NULL, FLAG_TEXT, "FILE", "a text file, a query a line (-: standard input), asked in full batches",
     AT(lines), NULL, false},
    {"--vectors", NULL, FLAG_TEXT, "FILE.npy", "queries float32 [n, dim], for a model without extractor", AT(vectors),
     NULL, false},
    {"--models", NULL, FLAG_TEXT, "A,B,...",
     "instead of MODEL: a model for each rank, or one name in which %d stands for the rank; rows are numbered behind "
     "those of the ranks before",
     AT(models), NULL, false},
    {"--k", NULL, FLAG_NUMBER, "N", "how many rows to answer (default: the model's)", AT(k), NULL, false},
    {"--rows", NULL, FLAG_TEXT, "A:B,...", "answer rows A to B-1 and so on only; a row by itself is A", AT(rows), NULL,
     false},
    {"--exclude", NULL, FLAG_TEXT, "A:B,...", "do not answer rows A to B-1 and so on", AT(exclude), NULL, false},
    {"--min-score", NULL, FLAG_TEXT, "X",
     "do not answer rows that score less (L2 scores are minus the squared distance)", AT(min_score), NULL, false},
    {"--signature", NULL, FLAG_TEXT, "KEY", "the search signature (default search)", AT(signature), NULL, false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    {"--batch", NULL, FLAG_NUMBER, "N",
     "queries sent round at a time, at least 16 (default 1024; 256 when they are texts)", AT(batch), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N",
     "threads of each rank (default: $INLAY_THREADS, else the cores it may use over the ranks that share them)",
     AT(threads), NULL, false},
    {"--report", NULL, FLAG_SWITCH, NULL, "tell on standard error what took how long", AT(report), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL?", NULL};
static const example examples[] = {
    {"mpirun -n 4 inlay-mpi query model/ --text 'a frozen dessert' --k 5",
     "four processes, a quarter of the rows each"},
    {"mpirun --host a,b,c --map-by node --bind-to none inlay-mpi query /shared/model --vectors queries.npy --json",
     "three machines that see the same folder, a process each with all cores"},
    {"mpirun --host a,b,c --map-by node --bind-to none inlay-mpi query --models /data/part-%d --texts questions.txt",
     "three machines with a model each: /data/part-0 on a, /data/part-1 on b, /data/part-2 on c"},
    {"mpirun -n 4 inlay-mpi query model/ --text - --json < questions.txt", "a query a line, answers as they come"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    query_values *v = values;
    v->signature = "search";
    v->k = -1;
}

/* ---- this rank's model */

static inlay_status name_fault(inlay_error *error, const char *format, int number) {
    *error = (inlay_error){.code = INLAY_INVALID_ARGUMENT, .offset = -1};
    snprintf(error->message, sizeof error->message, format, number);
    return error->code;
}

/* Item RANK of "A,B,C", or the name with RANK for its %d. */
static inlay_status pick_model(const job *j, const char *models, char *out, size_t size, inlay_error *error) {
    const char *at = models, *hole = strstr(models, "%d");
    int n = 1;
    for (const char *p = models; *p; p++) n += *p == ',';
    if (!hole && n != j->size) return name_fault(error, "--models wants a model for each of the %d ranks", j->size);
    for (int i = 0; !hole && i < j->rank; i++) at = strchr(at, ',') + 1;
    int length = hole ? snprintf(out, size, "%.*s%d%s", (int)(hole - at), at, j->rank, hole + 2)
                      : snprintf(out, size, "%.*s", (int)strcspn(at, ","), at);
    if (length < 0 || (size_t)length >= size) return name_fault(error, "the name of model %d is too long", j->rank);
    return INLAY_OK;
}

static inlay_model *open_own(const job *j, const query_values *v) {
    char path[4096];
    const char *name = v->model;
    inlay_model *model = NULL;
    inlay_model_options options;
    inlay_error error;
    inlay_status status = INLAY_OK;
    inlay_model_options_init(&options);
    options.tag_set = v->tag_set;
    if (v->models) status = pick_model(j, v->models, path, sizeof path, &error), name = path;
    if (status == INLAY_OK) status = inlay_model_open(name, &options, &model, &error);
    if (!job_failed(j, status, &error)) return model;
    inlay_model_close(model);
    return NULL;
}

/* ---- asking */

/* What took how long, as rank 0 sees it. */
typedef struct tally {
    int64_t queries, pieces, bytes_out, bytes_in;
    double search, wait, merge;
} tally;

typedef struct asking {
    const query_values *v;
    const job *j;
    inlay_model *model;
    inlay_search_options options;
    printer p;
    tally t;
} asking;

static inlay_status search(const asking *a, const piece *p, inlay_hits **hits, inlay_error *error) {
    if (p->texts)
        return inlay_search_texts_with(a->model, a->v->signature, p->texts, (size_t)p->n, &a->options, hits, error);
    return inlay_search_vectors_with(a->model, a->v->signature, (const float *)(const void *)p->data, (size_t)p->n,
                                     (size_t)p->dim, &a->options, hits, error);
}

static int ask(asking *a, const piece *p) {
    inlay_hits *own;
    inlay_error error;
    merged all;
    double start = seconds_now();
    inlay_status status = search(a, p, &own, &error);
    double searched = seconds_now();
    if (job_failed(a->j, status, &error)) {
        if (status == INLAY_OK) inlay_hits_release(own);
        return EXIT_FAILED;
    }
    double met = seconds_now();
    bool good = merge_hits(a->j, own, a->v->models != NULL, &all);
    tally *t = &a->t;
    t->search += searched - start;
    t->wait += met - searched;
    t->merge += seconds_now() - met;
    t->queries += p->n;
    t->pieces++;
    t->bytes_out += (int64_t)p->bytes;
    t->bytes_in += all.bytes;
    if (good && a->j->rank == 0) print_hits(&a->p, &all.hits, p->texts);
    merged_free(&all);
    inlay_hits_release(own);
    return good ? EXIT_FINE : EXIT_FAILED;
}

static size_t batch_of(const query_values *v) {
    int64_t batch = v->batch ? v->batch : v->vectors ? 1024 : 256, k = v->k > 0 ? v->k : USUAL_K;
    if (batch > HITS_AT_ONCE / k) batch = HITS_AT_ONCE / k;
    return batch > LEAST_BATCH ? (size_t)batch : LEAST_BATCH;
}

/* Piece after piece, until there are no more or something fails. */
static int ask_all(asking *a, source *from, int code) {
    piece p = {0};
    for (bool first = true;; first = false) {
        /* what can be read may depend on what was answered; a failure is said in the end */
        if (a->j->rank == 0 && (fflush(stdout) != 0 || ferror(stdout))) code = EXIT_FAILED;
        if (a->j->rank == 0 && code == EXIT_FINE) code = source_next(from, batch_of(a->v), &p);
        code = piece_share(a->j, &p, code);
        if (code != EXIT_FINE || p.n == 0) break;
        if (first && a->v->json) printf("{\"queries\": [");
        code = ask(a, &p);
        if (code != EXIT_FINE) break;
    }
    if (code == EXIT_FINE && a->v->json) printf("%s]}\n", a->t.pieces ? "" : "{\"queries\": [");
    piece_free(&p);
    return code;
}

static void print_report(const asking *a) {
    const tally *t = &a->t;
    if (a->j->rank != 0 || !a->v->report) return;
    fprintf(stderr, "%lld queries in %lld batches by %d ranks; rank 0: %d threads, ", (long long)t->queries,
            (long long)t->pieces, a->j->size, a->j->threads);
    fprintf(stderr, "searched %.6f s, waited for others %.6f s, merged %.6f s; sent round %lld bytes, labels in %lld\n",
            t->search, t->wait, t->merge, (long long)t->bytes_out, (long long)t->bytes_in);
}

static int run_ranks(const query_values *v, const inlay_search_options *options) {
    const job *j = &this_job;
    asking a = {.v = v, .j = j, .options = *options, .p.json = v->json};
    if (!v->models) {
        a.options.part = j->rank;
        a.options.parts = j->size;
    }
    if (j->rank != 0 && !v->models) inlay_set_log(NULL, NULL); /* what rank 0 says of the model they all would */
    if (!(a.model = open_own(j, v))) return EXIT_FAILED;
    source from = {.lines.fd = -1};
    int code = EXIT_FINE;
    if (j->rank == 0) code = source_open(&from, &v->texts, v->lines, v->vectors);
    code = ask_all(&a, &from, code);
    source_close(&from);
    if (code == EXIT_FINE) print_report(&a);
    inlay_model_close(a.model);
    return code;
}

/* ---- the command line */

static int fill_options(const query_values *v, const row_set *only, const row_set *except, inlay_search_options *out) {
    inlay_search_options_init(out);
    out->k = v->k;
    out->only = only->shown;
    out->except = except->shown;
    return v->min_score && !read_score(v->min_score, &out->min_score) ? EXIT_USAGE : EXIT_FINE;
}

static int run(const void *values) {
    const query_values *v = values;
    if ((v->texts.count > 0) + (v->lines != NULL) + (v->vectors != NULL) != 1)
        return usage_failed("give one of --text, --texts and --vectors; inlay-mpi query --help tells");
    if (!v->model == !v->models) return usage_failed("give MODEL or --models; inlay-mpi query --help tells");
    if (v->models && (v->rows || v->exclude))
        return usage_failed("--rows and --exclude go with MODEL, not with --models");
    inlay_search_options options;
    row_set only, except = {0};
    int code = read_row_set(v->rows, NULL, &only);
    if (code == EXIT_FINE) code = read_row_set(v->exclude, NULL, &except);
    if (code == EXIT_FINE) code = fill_options(v, &only, &except, &options);
    code = job_agree(&this_job, true, code);
    if (v->threads) this_job.threads = (int)(v->threads < 256 ? v->threads : 256);
    if (v->threads || !getenv("INLAY_THREADS")) use_threads(this_job.threads);
    if (code == EXIT_FINE) code = run_ranks(v, &options);
    free_row_set(&only);
    free_row_set(&except);
    return code;
}

const command query_command = {
    .name = "query",
    .summary = "ask a fused model whose rows are spread over processes",
    .usage = "[MODEL | --models A,B,...] (--text TEXT... | --texts FILE | --vectors FILE.npy) [FLAG]...",
    .description =
        "Run under mpirun, all its processes (ranks) answer together what inlay query answers by itself, bit for bit: "
        "each looks at its own stretch of the rows, or at a model of its own, and the best of all are printed by rank "
        "0. Only rank 0 reads the queries; batches of them are sent round, so there may be any number. An error of "
        "one rank ends all of them.\n\nmpirun keeps a process to one core or a few unless it is told "
        "--bind-to none.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(query_values),
    .defaults = set_defaults,
    .run = run,
};
