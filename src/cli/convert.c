#include "cli/values.h"

#include <inttypes.h>

typedef struct convert_values {
    const char *source;
    text_list keys;
    const char *output;
    int64_t shards, slices;
    bool whole, compact, text, binary, lossy, force, json;
} convert_values;

#define AT(field) offsetof(convert_values, field)
static const flag_spec flags[] = {
    {"--out", "-o", FLAG_TEXT, "OUT", "where the result goes: a new prefix, file or folder", AT(output), NULL, false},
    {"--shards", NULL, FLAG_NUMBER, "N", "data files of the variables, balanced by bytes; one when not said",
     AT(shards), NULL, false},
    {"--whole", NULL, FLAG_SWITCH, NULL, "put partitioned variables together", AT(whole), NULL, false},
    {"--slices", NULL, FLAG_NUMBER, "N", "cut the KEYs (all variables of N rows or more) into N slices of rows",
     AT(slices), NULL, false},
    {"--compact", NULL, FLAG_SWITCH, NULL,
     "fold the data files that edits left into one and drop what nothing needs; in place without -o", AT(compact), NULL,
     false},
    {"--text", NULL, FLAG_SWITCH, NULL, "write the graph as text (.pbtxt)", AT(text), NULL, false},
    {"--binary", NULL, FLAG_SWITCH, NULL, "write the graph in binary (.pb)", AT(binary), NULL, false},
    {"--lossy", NULL, FLAG_SWITCH, NULL, "leave out of a text what text cannot hold, instead of refusing", AT(lossy),
     NULL, false},
    {"--force", NULL, FLAG_SWITCH, NULL, "replace a graph's file or a model that is there", AT(force), NULL, false},
    {"--json", NULL, FLAG_SWITCH, NULL, "print a report as JSON", AT(json), NULL, false},
    {NULL, NULL, FLAG_SWITCH, NULL, NULL, 0, NULL, false},
};
static const char *const operands[] = {"SOURCE", "KEY...", NULL};
static const example examples[] = {
    {"inlay convert old/model.ckpt-7 -o new/model", "a V1 or big-endian checkpoint as a bundle"},
    {"inlay convert model/ -o sharded/ --shards 8", "the variables of a model in eight data files"},
    {"inlay convert train/ -o whole/ --whole", "the latest checkpoint with its partitioned variables put together"},
    {"inlay convert --compact model/", "fold the small files of many edits back"},
    {"inlay convert model/ -o saved_model.pbtxt", "the graph of a model as text"},
    {"inlay convert frozen.pbtxt -o frozen.pb", "and back to binary"},
    {NULL, NULL},
};

static inlay_status convert_as(const convert_values *v, inlay_convert_report *report, inlay_error *error) {
    inlay_convert_options o;
    inlay_convert_options_init(&o);
    o.source = v->source;
    o.output = v->output;
    o.form = v->text ? INLAY_FORM_TEXT : v->binary ? INLAY_FORM_BINARY : INLAY_FORM_KEEP;
    o.compact = v->compact;
    o.lossy = v->lossy;
    o.shards = v->shards > INT32_MAX ? INT32_MAX : v->shards < INT32_MIN ? INT32_MIN : (int32_t)v->shards;
    o.whole = v->whole;
    o.slices = v->slices;
    o.keys = v->keys.items;
    o.n_keys = v->keys.count;
    o.force = v->force;
    o.progress = show_progress;
    return inlay_bundle_convert(&o, report, error);
}

static int run(const void *values) {
    const convert_values *v = values;
    if (!v->output && !v->compact)
        return fprintf(stderr, "inlay: -o is needed; inlay convert --help tells\n"), EXIT_USAGE;
    if (v->text && v->binary) return fprintf(stderr, "inlay: --text or --binary, not both\n"), EXIT_USAGE;
    inlay_convert_report report;
    inlay_error error;
    double start = seconds_now();
    inlay_status status = convert_as(v, &report, &error);
    double seconds = seconds_now() - start;
    end_progress();
    if (status != INLAY_OK) return report_error(&error);
    const char *to = v->output ? v->output : v->source;
    if (v->json)
        printf("{\"tensors\": %zu, \"slices\": %zu, \"shards\": %d, \"kept\": %zu, \"bytes\": %" PRIu64
               ", \"text\": %s, \"seconds\": %.6f}\n",
               report.tensors, report.slices, report.shards, report.kept, report.bytes, report.text ? "true" : "false",
               seconds);
    else if (report.shards)
        printf("%s: %zu tensor%s in %d data file%s, %" PRIu64 " bytes written in %.2f s\n", to, report.tensors,
               report.tensors == 1 ? "" : "s", report.shards, report.shards == 1 ? "" : "s", report.bytes, seconds);
    else
        printf("%s: %s, %" PRIu64 " bytes in %.2f s\n", to, report.text ? "text" : "binary", report.bytes, seconds);
    return EXIT_FINE;
}

const command convert_command = {
    .name = "convert",
    .summary = "write a model or checkpoint in another form",
    .usage = "SOURCE [KEY]... -o OUT [FLAG]... | --compact SOURCE",
    .description =
        "Writes a model or a checkpoint in another form, as a whole new output. Values and keys stay what they are, "
        "the "
        "source is not touched, and all appears whole or not at all.\n\n"
        "A checkpoint (V1 or bundle, of either byte order) becomes a little-endian bundle with the prefix OUT. Where "
        "OUT "
        "is a folder (one that is there, or a name with a / behind it), the checkpoint keeps its name in it and the "
        "folder's file `checkpoint` names it as the latest. A file with a graph (.pb, .pbtxt, .meta) becomes OUT, as "
        "text "
        "when OUT ends in .pbtxt. A SavedModel folder becomes the folder OUT: with --text or --binary its graph "
        "changes "
        "its form; its variables are written anew with --shards, --whole or --slices, when they are not yet a "
        "little-endian bundle, or when nothing is asked for. Its other files become hard links where the file system "
        "can. With OUT a file (.pb, .pbtxt) only the graph is written.\n\n"
        "--compact folds what edits of a model or checkpoint left behind: large data files that are in use stay, "
        "linked "
        "under their new names, and all else goes to one data file, without the bytes that no tensor needs. Without -o "
        "it "
        "is done in place: a model is exchanged as by an edit, of a checkpoint the new index takes the place of the "
        "old, "
        "whose data files then go.\n\n"
        "Text has no place for fields that the schema does not know; a graph that has some is refused, with the field, "
        "unless --lossy is given. Checksums are verified on the way: damaged tensors are not written with a good "
        "checksum.",
    .flags = flags,
    .operands = operands,
    .operands_offset = AT(source),
    .examples = examples,
    .size = sizeof(convert_values),
    .run = run,
};
