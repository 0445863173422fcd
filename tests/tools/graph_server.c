/* Runs graphs for the oracle tests, many in one process. Requests come on the standard input, answers go to the
 * standard output; numbers are uint32, little-endian; texts and messages have their length before them.
 *
 *   'G' graph                                      a session on this GraphDef, the one before is closed
 *   'R' n (name tensor)... m (name)...             feeds as TensorProto; names to fetch, "^name" to run only
 *   'P' …                                          the same after all passes
 *
 * Answer: code of the status, message, and, when it is 0, for 'R' and 'P' the fetched tensors as TensorProto. Files may
 * be opened anywhere. */
#include "base/file.h"
#include "base/num.h"
#include "format/tensor_proto.h"
#include "graph/program.h"
#include "runtime/messages.h"
#include "runtime/plan.h"
#include "transform/transform.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 64 };

typedef struct session {
    bool open;
    buffer graph;
    resource_store resources;
    op_host host;
    graph_library library;
    graph model;
} session;

static uint32_t read_number(void) {
    uint8_t raw[4];
    if (fread(raw, 1, 4, stdin) != 4) exit(0);
    return load_u32(raw);
}

/* Appends a length and that many bytes of the input, and a NUL that is not counted. */
static void read_text(buffer *b) {
    uint32_t size = read_number();
    buffer_clear(b);
    buffer_append_zeros(b, (size_t)size + 1);
    if (b->failed || fread(b->data, 1, size, stdin) != size) exit(1);
    b->size = size;
}

static void write_number(uint32_t n) {
    uint8_t raw[4];
    store_u32(raw, n);
    fwrite(raw, 1, 4, stdout);
}

static void write_text(bytes text) {
    write_number((uint32_t)text.size);
    if (text.size) fwrite(text.data, 1, text.size, stdout);
}

static void write_status(inlay_status status, const inlay_error *err) {
    write_number((uint32_t)status);
    write_text(bytes_of(status == INLAY_OK ? "" : err->message));
}

static inlay_status open_anywhere(op_host *host, bytes path, struct file_map **out, inlay_error *err) {
    (void)host;
    buffer text = {0};
    buffer_append_bytes(&text, path);
    buffer_append_byte(&text, 0);
    inlay_status status = buffer_check(&text, err);
    if (status == INLAY_OK) status = file_map_open((const char *)text.data, false, out, err);
    buffer_free(&text);
    return status;
}

static void close_session(session *s) {
    if (!s->open) return;
    graph_free(&s->model);
    graph_library_free(&s->library);
    resource_store_free(&s->resources);
    s->open = false;
}

static inlay_status open_session(session *s, inlay_error *err) {
    graph_source source = {.file = "graph.pb", .origin = s->graph.data};
    TRY(resource_store_init(&s->resources, err));
    s->host = (op_host){.resources = &s->resources,
                        .open_file = open_anywhere,
                        .read_tensor = message_read_tensor,
                        .write_tensor = message_write_tensor,
                        .example_of_json = message_example_of_json};
    graph_init(&s->model, NULL, &source, 0);
    s->open = true;
    TRY(graph_library_init(&s->library, buffer_bytes(&s->graph), (bytes){0}, &source, err));
    s->model.functions = &s->library;
    return graph_import(&s->model, buffer_bytes(&s->graph), err);
}

typedef struct request {
    buffer feed_names[MOST], feed_values[MOST], fetch_names[MOST];
    uint32_t feeds, fetches;
    tensor *given[MOST], *fetched[MOST];
} request;

static inlay_status run(session *s, request *r, bool passes, inlay_error *err) {
    graph_edge in[MOST], wanted[MOST];
    graph_node *targets[MOST];
    program_request asked = {.feeds = in, .fetches = wanted, .targets = targets, .node_limit = 100000};
    tensor_proto_options options = {0};
    for (uint32_t i = 0; i < r->feeds; i++) {
        TRY(graph_find_tensor(&s->model, buffer_bytes(&r->feed_names[i]), &in[asked.n_feeds++], err));
        TRY(tensor_proto_read(wire_open(buffer_bytes(&r->feed_values[i]), "feed", r->feed_values[i].data), &options,
                              &r->given[i], err));
    }
    for (uint32_t i = 0; i < r->fetches; i++) {
        graph_edge e;
        TRY(graph_find_tensor(&s->model, buffer_bytes(&r->fetch_names[i]), &e, err));
        if (e.output < 0)
            targets[asked.n_targets++] = e.node;
        else
            wanted[asked.n_fetches++] = e;
    }
    program made;
    plan *p;
    TRY(program_make(&s->model, &asked, &made, err));
    if (passes) {
        inlay_status status = transform_run(&made, &s->host, err);
        if (status != INLAY_OK) program_free(&made);
        TRY(status);
    }
    TRY(plan_make(&made, &s->host, &p, err));
    inlay_status status = plan_run(p, r->given, r->fetched, NULL, err);
    plan_free(p);
    r->fetches = (uint32_t)asked.n_fetches;
    return status;
}

static void answer_run(session *s, bool passes) {
    static request r; /* its buffers are used again */
    inlay_error err;
    r.feeds = read_number();
    for (uint32_t i = 0; i < r.feeds && i < MOST; i++) {
        read_text(&r.feed_names[i]);
        read_text(&r.feed_values[i]);
    }
    r.fetches = read_number();
    for (uint32_t i = 0; i < r.fetches && i < MOST; i++) read_text(&r.fetch_names[i]);
    if (r.feeds > MOST || r.fetches > MOST || !s->open) exit(1);
    memset(r.given, 0, sizeof r.given);
    memset(r.fetched, 0, sizeof r.fetched);
    buffer answers[MOST] = {0};
    inlay_status status = run(s, &r, passes, &err);
    for (uint32_t i = 0; status == INLAY_OK && i < r.fetches; i++)
        status = tensor_proto_write(&answers[i], r.fetched[i], &err);
    write_status(status, &err);
    for (uint32_t i = 0; i < MOST; i++) {
        if (status == INLAY_OK && i < r.fetches) write_text(buffer_bytes(&answers[i]));
        buffer_free(&answers[i]);
        tensor_release(r.fetched[i]);
        tensor_release(r.given[i]);
    }
}

int main(void) {
    static session s;
    for (int kind; (kind = getchar()) != EOF;) {
        inlay_error err;
        if (kind == 'G') {
            close_session(&s);
            read_text(&s.graph);
            write_status(open_session(&s, &err), &err);
        } else if (kind == 'R' || kind == 'P') {
            answer_run(&s, kind == 'P');
        } else {
            return 1;
        }
        fflush(stdout);
    }
    close_session(&s);
    buffer_free(&s.graph);
    return 0;
}
