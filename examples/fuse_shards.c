/* Makes a model of embedding shards, with progress, and stops cleanly on Ctrl-C: fuse_shards MODEL SHARD…
 * MODEL appears whole or not at all. */
#include <inlay/inlay.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static bool show(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)user;
    if (total) fprintf(stderr, "\r%s: %3" PRIu64 " %%", stage, done * 100 / total);
    return !interrupted;
}

static void note(void *user, inlay_log_level level, const char *line) {
    (void)user;
    fprintf(stderr, "%s: %s\n", level == INLAY_LOG_WARNING ? "warning" : "note", line);
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: %s MODEL SHARD...\n", argv[0]), 2;
    signal(SIGINT, interrupt);
    inlay_set_log(note, NULL);

    inlay_fuse_options options;
    inlay_fuse_options_init(&options);
    options.output = argv[1];
    options.embeddings = (const char *const *)argv + 2;
    options.n_embeddings = (size_t)(argc - 2);
    options.metric = INLAY_COSINE;
    options.link = INLAY_LINK_COPY; /* the shards stay free to be rewritten */
    options.progress = show;

    inlay_fuse_report report;
    inlay_error error;
    inlay_status status = inlay_fuse(&options, &report, &error);
    fprintf(stderr, "\n");
    if (status != INLAY_OK) return fprintf(stderr, "%s\n", error.message), 1;
    printf("%" PRId64 " rows of %" PRId64 " %s from %zu files\n", report.rows, report.dim,
           inlay_dtype_name(report.dtype), report.files);
    return 0;
}
