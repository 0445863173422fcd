/* Over the C library inside TensorFlow's Python package, as a C program uses it. */
#include "graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tensorflow/c/c_api.h>
#include <tensorflow/c/tf_tstring.h>

enum { MOST = 64 };
static TF_Session *session;
static TF_Graph *graph;
static TF_Status *status;
static TF_Output inputs[MOST], outputs[MOST];
static TF_Tensor *fed[MOST];

static void need_ok(void) {
    if (TF_GetCode(status) == TF_OK) return;
    fprintf(stderr, "%s\n", TF_Message(status));
    exit(1);
}

/* "x:0"; no number means 0. */
static TF_Output output_of(const char *name) {
    char op[1024];
    const char *colon = strrchr(name, ':');
    snprintf(op, sizeof op, "%.*s", colon ? (int)(colon - name) : (int)strlen(name), name);
    TF_Output out = {TF_GraphOperationByName(graph, op), colon ? atoi(colon + 1) : 0};
    if (out.oper) return out;
    fprintf(stderr, "no op %s\n", op);
    exit(1);
}

static TF_Tensor *make(const graph_feed *f) {
    size_t size = f->dtype == GRAPH_STRING ? f->count * sizeof(TF_TString) : f->size;
    TF_Tensor *t = TF_AllocateTensor((TF_DataType)f->dtype, f->dims, f->rank, size);
    if (f->dtype != GRAPH_STRING) {
        memcpy(TF_TensorData(t), f->data, size);
        return t;
    }
    TF_TString *items = TF_TensorData(t);
    const char *at = f->data;
    for (size_t i = 0; i < f->count; i++) {
        uint64_t n;
        memcpy(&n, at, sizeof n);
        TF_StringInit(&items[i]);
        TF_StringCopy(&items[i], at + sizeof n, (size_t)n);
        at += sizeof n + n;
    }
    return t;
}

static void import(const char *path, TF_SessionOptions *options) {
    FILE *f = fopen(path, "rb");
    struct stat info;
    if (!f || stat(path, &info) != 0) exit(1);
    TF_Buffer buffer = {.length = (size_t)info.st_size};
    void *data = malloc(buffer.length + 1);
    if (!data || fread(data, 1, buffer.length, f) != buffer.length) exit(1);
    fclose(f);
    buffer.data = data;
    TF_ImportGraphDefOptions *import_options = TF_NewImportGraphDefOptions();
    TF_GraphImportGraphDef(graph, &buffer, import_options, status);
    need_ok();
    TF_DeleteImportGraphDefOptions(import_options);
    free(data);
    session = TF_NewSession(graph, options, status);
    need_ok();
}

void graph_open(const graph_job *job) {
    static const char *const tags[] = {"serve"};
    /* ConfigProto: intra_op_parallelism_threads 2, inter_op_parallelism_threads 5 */
    uint8_t config[] = {2 << 3, (uint8_t)job->threads, 5 << 3, (uint8_t)job->threads};
    struct stat info;
    status = TF_NewStatus();
    graph = TF_NewGraph();
    TF_SessionOptions *options = TF_NewSessionOptions();
    TF_SetConfig(options, config, sizeof config, status);
    need_ok();
    if (stat(job->path, &info) == 0 && S_ISDIR(info.st_mode))
        session = TF_LoadSessionFromSavedModel(options, NULL, job->path, tags, 1, graph, NULL, status);
    else
        import(job->path, options);
    need_ok();
    TF_DeleteSessionOptions(options);
    for (size_t i = 0; i < job->n_feeds; i++) {
        inputs[i] = output_of(job->feeds[i].name);
        fed[i] = make(&job->feeds[i]);
    }
    for (size_t i = 0; i < job->n_fetches; i++) outputs[i] = output_of(job->fetches[i]);
}

void graph_run(const graph_job *job) {
    TF_Tensor *fetched[MOST];
    TF_SessionRun(session, NULL, inputs, fed, (int)job->n_feeds, outputs, fetched, (int)job->n_fetches, NULL, 0, NULL,
                  status);
    need_ok();
    for (size_t i = 0; i < job->n_fetches; i++) TF_DeleteTensor(fetched[i]);
}
