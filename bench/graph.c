/* graph_inlay, graph_tensorflow: MODEL THREADS SECONDS [feed NAME FILE]... [fetch NAME]...: opens a model and runs part
 * of its graph, again and again for SECONDS (0: once). Prints as JSON the milliseconds to open, of the first run and
 * the median of those after it, and the process's largest memory. */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 64, MOST_RUNS = 100000, LEAST_RUNS = 5 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void need(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void read_feed(const char *path, graph_feed *feed) {
    FILE *f = fopen(path, "rb");
    need(f && fread(&feed->dtype, 4, 2, f) == 2 && feed->rank >= 0 && feed->rank <= 8, path);
    need(fread(feed->dims, 8, (size_t)feed->rank, f) == (size_t)feed->rank, path);
    long from = ftell(f);
    fseek(f, 0, SEEK_END);
    feed->size = (size_t)(ftell(f) - from);
    fseek(f, from, SEEK_SET);
    void *data = malloc(feed->size + 1);
    need(data && fread(data, 1, feed->size, f) == feed->size, path);
    fclose(f);
    feed->data = data;
    feed->count = 1;
    for (int i = 0; i < feed->rank; i++) feed->count *= (size_t)feed->dims[i];
}

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Most memory that this program has held, in MB (2^20 bytes). What getrusage tells includes the process that started
 * it. */
static double peak_memory(void) {
    char line[256];
    long kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %ld", &kilobytes);
    if (f) fclose(f);
    return (double)kilobytes / 1024;
}

int main(int argc, char **argv) {
    static graph_feed feeds[MOST];
    static const char *fetches[MOST];
    static double times[MOST_RUNS];
    need(argc > 3, "usage: MODEL THREADS SECONDS [feed NAME FILE]... [fetch NAME]...");
    graph_job job = {.path = argv[1], .threads = atoi(argv[2]), .feeds = feeds, .fetches = fetches};
    double limit = atof(argv[3]);
    for (int i = 4; i + 1 < argc && job.n_feeds < MOST && job.n_fetches < MOST;) {
        if (strcmp(argv[i], "feed") == 0 && i + 2 < argc) {
            feeds[job.n_feeds].name = argv[i + 1];
            read_feed(argv[i + 2], &feeds[job.n_feeds++]);
            i += 3;
        } else {
            fetches[job.n_fetches++] = argv[i + 1];
            i += 2;
        }
    }
    double start = seconds();
    graph_open(&job);
    double opened = seconds();
    graph_run(&job);
    double first = seconds();
    size_t runs = 0;
    while (limit > 0 && runs < MOST_RUNS && (runs < LEAST_RUNS || seconds() - first < limit)) {
        double begin = seconds();
        graph_run(&job);
        times[runs++] = seconds() - begin;
    }
    qsort(times, runs, sizeof *times, by_size);
    printf("{\"open_ms\": %.4f, \"first_ms\": %.4f, \"median_ms\": %.5f, \"runs\": %zu, \"peak_mb\": %.1f}\n",
           1e3 * (opened - start), 1e3 * (first - opened), 1e3 * times[runs / 2], runs, peak_memory());
    return 0;
}
