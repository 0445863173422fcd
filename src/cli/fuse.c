#include "cli/values.h"

#include <stdio.h>

typedef struct fuse_values {
    const char *extractor, *output, *tag_set, *signature, *feature, *graph_output, *labels, *ids, *name, *dtype, *with;
    text_list embeddings, inputs;
    int metric, shards;
    int64_t k, chunk, dim, threads, check;
    bool make_default, index, as_listed, allow_non_finite, force, json;
} fuse_values;

static const char *const metrics[] = {"cosine", "dot", "l2", NULL};
static const char *const ways[] = {"auto", "reflink", "link", "move", "copy", NULL};

#define AT(field) offsetof(fuse_values, field)
static const flag_spec flags[] = {
    {"--embeddings", NULL, FLAG_LIST, "FILE|DIR|CHECKPOINT#KEY...",
     "the stored vectors: .npy, .npz, .fvecs, .bvecs, .fbin, .u8bin or raw float32 files, folders of them, or a "
     "checkpoint's tensor",
     AT(embeddings), NULL, true},
    {"--out", "-o", FLAG_TEXT, "DIR", "the model to make", AT(output), NULL, false},
    {"--metric", NULL, FLAG_CHOICE, NULL,
     "how similar two vectors are; l2 scores are minus the squared distance (default cosine)", AT(metric), metrics,
     false},
    {"--labels", NULL, FLAG_TEXT, "FILE", "a text file with one label a row, or a .npy of strings", AT(labels), NULL,
     false},
    {"--ids", NULL, FLAG_TEXT, "FILE.npy", "one integer a row, to be answered beside the row number", AT(ids), NULL,
     false},
    {"--tag_set", NULL, FLAG_TEXT, "TAGS", "the extractor's metagraph (default: the only one, else serve)", AT(tag_set),
     NULL, false},
    {"--signature", NULL, FLAG_TEXT, "KEY",
     "the extractor's signature (default serving_default, or features when that is a search)", AT(signature), NULL,
     false},
    {"--feature", NULL, FLAG_TEXT, "KEY",
     "the signature's output that is the vector (default: the only one that can be)", AT(feature), NULL, false},
    {"--input", NULL, FLAG_LIST, "KEY=NODE:0", "an input of a frozen graph; may be given again", AT(inputs), NULL,
     false},
    {"--output", NULL, FLAG_TEXT, "NODE:0", "the vector of a frozen graph", AT(graph_output), NULL, false},
    {"--name", NULL, FLAG_TEXT, "NAME",
     "the signature to make; another name fuses a second collection (default search)", AT(name), NULL, false},
    {"--k", NULL, FLAG_NUMBER, "N", "how many rows are answered when a query does not say (default 10)", AT(k), NULL,
     false},
    {"--with", NULL, FLAG_TEXT, "similar,lookup",
     "signatures to make beside the search: similar answers the neighbours of rows, lookup their vectors, labels or "
     "ids; "
     "both are asked with row numbers (NAME_similar, NAME_lookup where NAME is not search)",
     AT(with), NULL, false},
    {"--default", NULL, FLAG_SWITCH, NULL, "make the search serving_default; the old one stays as features",
     AT(make_default), NULL, false},
    {"--shards", NULL, FLAG_CHOICE, NULL,
     "how the rows get into the model: auto is reflink, else hard link, else copy (default auto)", AT(shards), ways,
     false},
    {"--index", NULL, FLAG_SWITCH, NULL,
     "make an index of the rows too: inlay answers the same several times faster, for a quarter more bytes (inlay "
     "index)",
     AT(index), NULL, false},
    {"--chunk", NULL, FLAG_NUMBER, "BYTES",
     "rows are declared in chunks of about this size (default 64MiB, more for large models)", AT(chunk), NULL, false},
    {"--as-listed", NULL, FLAG_SWITCH, NULL, "take the files in the order given, not in natural order", AT(as_listed),
     NULL, false},
    {"--dim", NULL, FLAG_NUMBER, "N", "the dimension of raw float32 files", AT(dim), NULL, false},
    {"--dtype", NULL, FLAG_TEXT, "TYPE", "the dtype of files that cannot say it: bfloat16 for .npy of <V2", AT(dtype),
     NULL, false},
    {"--allow-non-finite", NULL, FLAG_SWITCH, NULL, "accept rows with NaN or infinity; what scores NaN comes last",
     AT(allow_non_finite), NULL, false},
    {"--threads", NULL, FLAG_NUMBER, "N", "threads to use (default: one a core)", AT(threads), NULL, false},
    {"--check", NULL, FLAG_NUMBER, "N", "before the model is put in place, look N rows up by brute force", AT(check),
     NULL, false},
    {"--force", NULL, FLAG_SWITCH, NULL, "replace a model that is there", AT(force), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"EXTRACTOR?", NULL};
static const example examples[] = {
    {"inlay fuse extractor/ --embeddings shards/ --labels titles.txt -o model/",
     "text in, titles out: one SavedModel that TensorFlow loads unchanged"},
    {"inlay fuse --embeddings vectors.npy --metric l2 -o model/", "no extractor: the query is a vector"},
    {"inlay fuse net.pb --input image=input:0 --output pool:0 --embeddings v.npy -o model/",
     "a frozen graph as extractor"},
    {"inlay fuse --embeddings items.npy --ids ids.npy --with similar,lookup -o model/",
     "rows can also be asked by their numbers: for what is like them, and for their vectors"},
    {"inlay fuse model/ --embeddings more.npy --name articles -o both/", "a second collection in a model that has one"},
    {NULL, NULL},
};

static void set_defaults(void *values) {
    fuse_values *v = values;
    v->name = "search";
    v->k = 10;
}

static const char *way_done(const inlay_fuse_report *r) {
    static char text[160];
    int used = 0;
    const struct {
        size_t n;
        const char *what;
    } parts[] = {{r->reflinked, "reflinked"},
                 {r->hard_linked, "hard-linked"},
                 {r->copied, "copied"},
                 {r->converted, "converted"}};
    text[0] = 0;
    for (size_t i = 0; i < 4; i++)
        if (parts[i].n)
            used += snprintf(text + used, sizeof text - (size_t)used, "%s%zu %s", used ? ", " : "", parts[i].n,
                             parts[i].what);
    return used ? text : "none with rows";
}

static void print_report(const fuse_values *v, const inlay_fuse_report *r) {
    if (v->json) {
        printf("{\"rows\": %lld, \"dim\": %lld, \"dtype\": \"%s\", \"files\": %zu, \"chunks\": %zu, \"bytes\": %llu, "
               "\"reflinked\": %zu, \"hard_linked\": %zu, "
               "\"copied\": %zu, \"converted\": %zu, \"zero_rows\": %lld, \"non_finite_rows\": %lld, "
               "\"write_seconds\": %.6f, \"sync_seconds\": %.6f}\n",
               (long long)r->rows, (long long)r->dim, inlay_dtype_name(r->dtype), r->files, r->chunks,
               (unsigned long long)r->bytes, r->reflinked, r->hard_linked, r->copied, r->converted,
               (long long)r->zero_rows, (long long)r->non_finite_rows, r->write_seconds, r->sync_seconds);
        return;
    }
    printf("%s: %lld rows x %lld %s in %zu file%s (%s), %zu chunk%s\n", v->output, (long long)r->rows,
           (long long)r->dim, inlay_dtype_name(r->dtype), r->files, r->files == 1 ? "" : "s", way_done(r), r->chunks,
           r->chunks == 1 ? "" : "s");
    printf("%.2f GB in %.2f s, sync %.2f s\n", 1e-9 * (double)r->bytes, r->write_seconds, r->sync_seconds);
    if (r->zero_rows)
        printf("%lld zero row%s, the first is row %lld\n", (long long)r->zero_rows, r->zero_rows == 1 ? "" : "s",
               (long long)r->first_zero_row);
    if (r->non_finite_rows)
        printf("%lld row%s not finite, the first is row %lld\n", (long long)r->non_finite_rows,
               r->non_finite_rows == 1 ? " is" : "s are", (long long)r->first_non_finite_row);
}

static inlay_dtype dtype_named(const char *name) {
    for (int t = 1; t <= INLAY_UINT2; t++)
        if (strcmp(inlay_dtype_name((inlay_dtype)t), name) == 0) return (inlay_dtype)t;
    return INLAY_INVALID_DTYPE;
}

/* --with: words with commas between them. */
static bool take_parts(const char *text, inlay_fuse_options *o) {
    while (text && *text) {
        size_t n = strcspn(text, ",");
        if (n == 7 && strncmp(text, "similar", n) == 0)
            o->similar = true;
        else if (n == 6 && strncmp(text, "lookup", n) == 0)
            o->lookup = true;
        else
            return fprintf(stderr, "inlay: --with %.*s: similar and lookup can be made\n", (int)n, text), false;
        text += n + (text[n] == ',');
    }
    return true;
}

static int run(const void *values) {
    const fuse_values *v = values;
    inlay_fuse_options o;
    inlay_fuse_options_init(&o);
    o.extractor = v->extractor;
    o.embeddings = v->embeddings.items;
    o.n_embeddings = v->embeddings.count;
    o.output = v->output;
    o.tag_set = v->tag_set;
    o.signature = v->signature;
    o.feature = v->feature;
    o.graph_inputs = v->inputs.items;
    o.n_graph_inputs = v->inputs.count;
    o.graph_output = v->graph_output;
    o.metric = (inlay_metric)v->metric;
    o.labels = v->labels;
    o.ids = v->ids;
    o.name = v->name;
    o.make_default = v->make_default;
    o.link = (inlay_link)v->shards;
    o.index = v->index;
    o.chunk_bytes = (uint64_t)v->chunk;
    o.as_listed = v->as_listed;
    o.dim = v->dim;
    o.allow_non_finite = v->allow_non_finite;
    o.check_rows = v->check;
    o.force = v->force;
    o.progress = show_progress;
    if (!v->output || v->embeddings.count == 0)
        return fprintf(stderr, "inlay: --embeddings and -o DIR are needed; inlay fuse --help tells\n"), EXIT_USAGE;
    if (v->k > INT32_MAX) return fprintf(stderr, "inlay: --k is from 0 to 2147483647\n"), EXIT_USAGE;
    o.k = (int32_t)v->k;
    if (v->dtype && (o.dtype = dtype_named(v->dtype)) == INLAY_INVALID_DTYPE)
        return fprintf(stderr, "inlay: no dtype %s\n", v->dtype), EXIT_USAGE;
    if (!take_parts(v->with, &o)) return EXIT_USAGE;
    use_threads(v->threads);

    inlay_fuse_report report;
    inlay_error error;
    inlay_status status = inlay_fuse(&o, &report, &error);
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    print_report(v, &report);
    return EXIT_FINE;
}

const command fuse_command = {
    .name = "fuse",
    .summary = "make one SavedModel of an extractor and stored vectors",
    .usage = "[EXTRACTOR] --embeddings FILE|DIR|CHECKPOINT#KEY... -o DIR [FLAG]...",
    .description = "Puts stored vectors inside the model that queries them. EXTRACTOR is a SavedModel folder or a "
                   "frozen graph; without one the query is the vector itself. The "
                   "result keeps all that the extractor had and gains the signature search: the extractor's inputs and "
                   "k in, scores, indices and labels or ids out. TensorFlow, "
                   "TensorFlow Serving and TensorFlow Java load it unchanged.\n\nThe rows are not copied where the "
                   "file system can share them. The model appears whole or not at all.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(extractor),
    .examples = examples,
    .size = sizeof(fuse_values),
    .defaults = set_defaults,
    .run = run,
};
