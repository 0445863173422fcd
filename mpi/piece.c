#include "mpi/piece.h"

#include "cli/values.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

enum { SENT_AT_ONCE = 1 << 30 };

static int bad_file(const char *path, const char *reason) {
    fprintf(stderr, "inlay: ");
    print_name(stderr, path);
    fprintf(stderr, ": %s\n", reason);
    return EXIT_FAILED;
}

static int open_vectors(source *s, const char *path) {
    inlay_error error;
    if (inlay_tensor_load(path, INLAY_INVALID_DTYPE, &s->vectors, &error) != INLAY_OK) return report_error(&error);
    if (inlay_tensor_dtype(s->vectors) == INLAY_FLOAT32 && inlay_tensor_rank(s->vectors) == 2 &&
        inlay_tensor_dims(s->vectors)[1] > 0)
        return EXIT_FINE;
    return bad_file(path, "queries are float32 [n, dim]");
}

int source_open(source *s, const text_list *texts, const char *lines, const char *vectors) {
    *s = (source){.lines.fd = -1};
    if (vectors) return open_vectors(s, vectors);
    if (!lines && (texts->count != 1 || strcmp(texts->items[0], "-") != 0)) {
        s->texts = texts;
        return EXIT_FINE;
    }
    bool standard = !lines || strcmp(lines, "-") == 0;
    s->waits = lines != NULL;
    s->lines.name = standard ? "standard input" : lines;
    s->lines.fd = standard ? STDIN_FILENO : open(lines, O_RDONLY | O_CLOEXEC);
    return s->lines.fd >= 0 ? EXIT_FINE : bad_file(lines, strerror(errno));
}

void source_close(source *s) {
    inlay_tensor_release(s->vectors);
    if (s->lines.fd > STDIN_FILENO) close(s->lines.fd);
    line_reader_end(&s->lines);
}

/* Room for MORE bytes behind those of P. */
static bool reserve(piece *p, size_t more) {
    if (more <= p->room - p->bytes) return true;
    size_t room = p->room * 2 + more;
    char *grown = realloc(p->data, room);
    if (!grown) return out_of_memory(), false;
    p->data = grown;
    p->room = room;
    return true;
}

static bool add_text(piece *p, const char *text) {
    size_t size = strlen(text) + 1;
    if (!reserve(p, size)) return false;
    memcpy(p->data + p->bytes, text, size);
    p->bytes += size;
    p->n++;
    return true;
}

/* Of LEFT queries, which may be more when they are at least two pieces. */
static size_t take(size_t left, size_t most) {
    return left <= most ? left : left < 2 * most ? left / 2 : most;
}

static int next_vectors(source *s, size_t most, piece *p) {
    const int64_t *dims = inlay_tensor_dims(s->vectors);
    const char *data = inlay_tensor_data(s->vectors);
    size_t n = take((size_t)(dims[0] - s->next_vector), most), row = (size_t)dims[1] * sizeof(float);
    if (!reserve(p, n * row)) return EXIT_FAILED;
    memcpy(p->data, data + (size_t)s->next_vector * row, n * row);
    p->n = (int64_t)n;
    p->dim = dims[1];
    p->bytes = n * row;
    s->next_vector += (int64_t)n;
    return EXIT_FINE;
}

static int next_lines(source *s, size_t most, piece *p) {
    size_t wanted = s->waits ? 2 * most : 1, ready;
    while ((ready = line_count(&s->lines, 2 * most)) < wanted && !s->lines.ended)
        if (!line_read_more(&s->lines)) return EXIT_FAILED;
    for (size_t n = take(ready, most); n > 0; n--)
        if (!add_text(p, line_take(&s->lines))) return EXIT_FAILED;
    return EXIT_FINE;
}

int source_next(source *s, size_t most, piece *out) {
    out->n = out->dim = 0;
    out->bytes = 0;
    if (s->vectors) return next_vectors(s, most, out);
    if (!s->texts) return next_lines(s, most, out);
    for (size_t n = take(s->texts->count - s->next_text, most); n > 0; n--)
        if (!add_text(out, s->texts->items[s->next_text++])) return EXIT_FAILED;
    return EXIT_FINE;
}

static void find_texts(const job *j, piece *p) {
    free(p->texts);
    p->texts = p->dim ? NULL : job_alloc(j, (size_t)p->n, sizeof *p->texts);
    if (!p->texts) return;
    const char *at = p->data;
    for (int64_t i = 0; i < p->n; i++, at += strlen(at) + 1) p->texts[i] = at;
}

int piece_share(const job *j, piece *p, int code) {
    int64_t head[] = {code, p->n, p->dim, (int64_t)p->bytes};
    MPI_Bcast(head, sizeof head / sizeof *head, MPI_INT64_T, 0, MPI_COMM_WORLD);
    p->n = head[0] == EXIT_FINE ? head[1] : 0;
    p->dim = head[2];
    p->bytes = (size_t)head[3];
    if (p->room < p->bytes) {
        free(p->data);
        p->data = job_alloc(j, p->bytes, 1);
        p->room = p->bytes;
    }
    for (size_t at = 0, n; p->n > 0 && at < p->bytes; at += n) {
        n = p->bytes - at < SENT_AT_ONCE ? p->bytes - at : SENT_AT_ONCE;
        MPI_Bcast(p->data + at, (int)n, MPI_BYTE, 0, MPI_COMM_WORLD);
    }
    find_texts(j, p);
    return (int)head[0];
}

void piece_free(piece *p) {
    free(p->data);
    free(p->texts);
    *p = (piece){0};
}
