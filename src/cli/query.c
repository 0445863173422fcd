#include "cli/hits.h"
#include "cli/lines.h"
#include "cli/query_rows.h"
#include "cli/row_sets.h"
#include "cli/values.h"

#include <stdlib.h>
#include <unistd.h>

enum { LINES_AT_ONCE = 256 };

typedef struct query_values {
    const char *model, *inputs, *similar, *lookup, *signature, *tag_set;
    text_list texts;
    const char *rows, *rows_file, *exclude, *exclude_file, *min_score;
    int64_t k, repeat, threads;
    bool json, all, vectors, verbose, lock_index;
} query_values;

#define AT(field) offsetof(query_values, field)
static const flag_spec flags[] = {
    {"--text", NULL, FLAG_LIST, "TEXT",
     "what to look for; may be given again; - reads a query a line from standard input", AT(texts), NULL, false},
    {"--inputs", NULL, FLAG_TEXT, "'KEY=FILE;...'",
     "the signature's inputs as .npy or .json files, batch first; query=FILE.npy for a model without extractor",
     AT(inputs), NULL, false},
    {"--similar", NULL, FLAG_TEXT, "N,...", "rows whose neighbours to answer, of a model fused --with similar",
     AT(similar), NULL, false},
    {"--lookup", NULL, FLAG_TEXT, "N,...", "rows to give: vector, and label or id, of a model fused --with lookup",
     AT(lookup), NULL, false},
    {"--k", NULL, FLAG_NUMBER, "N", "how many rows to answer (default: the model's)", AT(k), NULL, false},
    {"--rows", NULL, FLAG_TEXT, "A:B,...", "answer rows A to B-1 and so on only; a row by itself is A", AT(rows), NULL,
     false},
    {"--rows-file", NULL, FLAG_TEXT, "FILE",
     "the same from a text file, A or A:B a line, or from .npy: row numbers, or a bool for each row", AT(rows_file),
     NULL, false},
    {"--exclude", NULL, FLAG_TEXT, "A:B,...", "do not answer rows A to B-1 and so on", AT(exclude), NULL, false},
    {"--exclude-file", NULL, FLAG_TEXT, "FILE", "the same from a file", AT(exclude_file), NULL, false},
    {"--min-score", NULL, FLAG_TEXT, "X",
     "do not answer rows that score less (L2 scores are minus the squared distance)", AT(min_score), NULL, false},
    {"--all", NULL, FLAG_SWITCH, NULL,
     "answer all rows that reach --min-score; more than a million for one query are an error", AT(all), NULL, false},
    {"--vectors", NULL, FLAG_SWITCH, NULL, "answer the rows' stored vectors as well, as float32", AT(vectors), NULL,
     false},
    {"--signature", NULL, FLAG_TEXT, "KEY",
     "the search signature (default search); with --similar or --lookup the search's, or their own", AT(signature),
     NULL, false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the metagraph (default: the only one, else serve)", AT(tag_set), NULL,
     false},
    {"--verbose", NULL, FLAG_SWITCH, NULL, "tell on standard error what the search reads: an index, or all rows",
     AT(verbose), NULL, false},
    {"--repeat", NULL, FLAG_NUMBER, "N", "ask N times and tell the median time on standard error", AT(repeat), NULL,
     false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {"--lock-index", NULL, FLAG_SWITCH, NULL,
     "read the index into memory and keep it there; rows may be larger than memory then", AT(lock_index), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"MODEL", NULL};
static const example examples[] = {
    {"inlay query model/ --text 'a sweet frozen dessert made of cream' --k 5", "the five best rows for a text"},
    {"inlay query model/ --text - --json < questions.txt", "a query a line, answers as JSON"},
    {"inlay query model/ --inputs query=vectors.npy", "vectors [n, dim] as queries"},
    {"inlay query model/ --similar 17,42 --k 5", "the five rows most like row 17, and those like row 42"},
    {"inlay query model/ --lookup 17 --json", "what row 17 is"},
    {"inlay query model/ --text 'ice cream' --rows 0:5000 --exclude 17 --min-score 0.4",
     "of the first 5000 rows but row 17, the best that score 0.4 or more"},
    {"inlay query model/ --text 'ice cream' --min-score 0.8 --all", "every row that scores 0.8 or more"},
    {"inlay query model/ --similar 17 --exclude 0:17 --vectors --json", "later rows like row 17, with their vectors"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    query_values *v = values;
    v->signature = "search";
    v->k = -1;
    v->repeat = 1;
}

static inlay_status search(const query_values *v, inlay_model *model, const input_list *inputs,
                           const char *const *texts, size_t n_texts, const inlay_search_options *limits,
                           inlay_hits **hits, inlay_error *error) {
    if (limits && inputs)
        return inlay_search_with(model, v->signature, inputs->items, inputs->count, limits, hits, error);
    if (limits) return inlay_search_texts_with(model, v->signature, texts, n_texts, limits, hits, error);
    if (inputs) return inlay_search(model, v->signature, inputs->items, inputs->count, v->k, hits, error);
    return inlay_search_texts(model, v->signature, texts, n_texts, v->k, hits, error);
}

static void tell_index(const inlay_hits *h) {
    if (h->chunks == 0)
        fprintf(stderr, "Inlay does not recognise the search: its graph computes all scores\n");
    else if (h->indexed == 0)
        fprintf(stderr, "there is no index: all rows are read\n");
    else
        fprintf(stderr, "%zu of %zu chunks of rows have an index\n", h->indexed, h->chunks);
}

/* One call of the library, repeated as asked. */
static int ask(const query_values *v, inlay_model *model, const input_list *inputs, const char *const *texts,
               size_t n_texts, printer *p) {
    inlay_error error;
    size_t runs = v->repeat > 1 ? (size_t)v->repeat : 1;
    double *times = calloc(runs, sizeof *times);
    if (!times) return out_of_memory();
    int code = EXIT_FINE;
    for (size_t i = 0; i < runs && code == EXIT_FINE; i++) {
        inlay_hits *hits;
        double start = seconds_now();
        inlay_status status = search(v, model, inputs, texts, n_texts, p->limits, &hits, &error);
        times[i] = seconds_now() - start;
        if (status != INLAY_OK)
            code = report_error(&error);
        else if (i + 1 == runs)
            print_hits(p, hits, texts);
        if (status == INLAY_OK && i + 1 == runs && v->verbose) tell_index(hits);
        if (status == INLAY_OK) inlay_hits_release(hits);
    }
    if (code == EXIT_FINE && v->repeat > 1)
        fprintf(stderr, "median %.3f ms over %zu runs\n", 1e3 * quantile(times, runs, 0.5), runs);
    free(times);
    return code;
}

/* Lines that are there are asked together; nobody waits for an answer until more have come. */
static int ask_lines(const query_values *v, inlay_model *model, printer *p) {
    line_reader r = {.fd = STDIN_FILENO, .name = "standard input"};
    const char *lines[LINES_AT_ONCE];
    int code = EXIT_FINE;
    for (bool more = true; more && code == EXIT_FINE;) {
        size_t n = 0;
        while (n < LINES_AT_ONCE && (lines[n] = line_take(&r))) n++;
        if (n) {
            code = ask(v, model, NULL, lines, n, p);
            fflush(stdout);
        } else if (r.ended) {
            more = false;
        } else if (!line_read_more(&r)) {
            code = EXIT_FAILED;
        }
    }
    line_reader_end(&r);
    return code;
}

/* The neighbours of rows that are named by number. */
static int ask_rows(const query_values *v, inlay_model *model, printer *p) {
    query_values own = *v;
    row_question q;
    int code = row_question_begin(&q, model, v->model, v->signature, "similar", v->similar);
    own.signature = q.signature;
    p->rows = q.rows;
    if (code == EXIT_FINE) code = ask(&own, model, &(input_list){.items = &q.index, .count = 1}, NULL, 0, p);
    row_question_end(&q);
    return code;
}

static int ask_with(const query_values *v, inlay_model *model, printer *p) {
    if (v->similar) return ask_rows(v, model, p);
    if (v->texts.count == 1 && strcmp(v->texts.items[0], "-") == 0) return ask_lines(v, model, p);
    if (!v->inputs) return ask(v, model, NULL, v->texts.items, v->texts.count, p);
    input_list inputs;
    const inlay_signature *signature = need_signature(model, v->model, v->signature);
    int code =
        signature && load_inputs(v->inputs, signature, &inputs) ? ask(v, model, &inputs, NULL, 0, p) : EXIT_FAILED;
    if (signature) free_inputs(&inputs);
    return code;
}

static int ask_all(const query_values *v, inlay_model *model, const inlay_search_options *limits) {
    printer p = {.limits = limits, .json = v->json};
    if (v->lookup) return look_rows_up(model, v->model, v->signature, v->lookup, v->json);
    if (!v->similar && !need_signature(model, v->model, v->signature)) return EXIT_FAILED;
    if (v->json) printf("{\"queries\": [");
    int code = ask_with(v, model, &p);
    if (v->json) printf("]}\n");
    return code;
}

/* What inlay_search_options holds beside k. */
static bool has_options(const query_values *v) {
    return v->rows || v->rows_file || v->exclude || v->exclude_file || v->min_score || v->vectors || v->verbose;
}

static int fill_limits(const query_values *v, const row_set *only, const row_set *except, inlay_search_options *out) {
    inlay_search_options_init(out);
    out->k = v->k;
    out->only = only->shown;
    out->except = except->shown;
    out->all = v->all;
    out->vectors = v->vectors;
    return v->min_score && !read_score(v->min_score, &out->min_score) ? EXIT_USAGE : EXIT_FINE;
}

static int run(const void *values) {
    const query_values *v = values;
    if ((v->inputs != NULL) + (v->texts.count > 0) + (v->similar != NULL) + (v->lookup != NULL) != 1)
        return usage_failed("give one of --text, --inputs, --similar and --lookup; inlay query --help tells");
    if (v->lookup && (has_options(v) || v->all))
        return usage_failed(
            "--lookup gives the rows it names: --rows, --exclude, --min-score, --all, --vectors and --verbose "
            "are for searches");
    if (v->all && (!v->min_score || v->k >= 0)) return usage_failed("--all wants --min-score, and no --k");
    if ((v->rows && v->rows_file) || (v->exclude && v->exclude_file))
        return usage_failed("rows are named by a flag or by a file, not by both");
    inlay_search_options limits;
    row_set only, except = {0};
    int code = read_row_set(v->rows, v->rows_file, &only);
    if (code == EXIT_FINE) code = read_row_set(v->exclude, v->exclude_file, &except);
    if (code == EXIT_FINE) code = fill_limits(v, &only, &except, &limits);
    inlay_model *model = code == EXIT_FINE ? open_model(v->model, v->tag_set, v->threads, v->lock_index) : NULL;
    if (model) code = ask_all(v, model, has_options(v) ? &limits : NULL);
    if (code == EXIT_FINE && !model) code = EXIT_FAILED;
    inlay_model_close(model);
    free_row_set(&only);
    free_row_set(&except);
    return code;
}

const command query_command = {
    .name = "query",
    .summary = "ask a fused model for the most similar rows",
    .usage = "MODEL (--text TEXT... | --inputs 'KEY=FILE;...' | --similar N,... | --lookup N,...) [FLAG]...",
    .description = "Answers each query with the best rows of a fused model: rank, score, row number, and the label or "
                   "id when the model has them. Equal scores come lower "
                   "row first. Asked with --similar, a row is no answer to itself. No TensorFlow is needed.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(model),
    .examples = examples,
    .size = sizeof(query_values),
    .defaults = set_defaults,
    .run = run,
};
