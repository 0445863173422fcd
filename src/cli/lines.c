#include "cli/lines.h"

#include "cli/values.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { READ_BYTES = 65536 };

bool line_read_more(line_reader *r) {
    if (r->at) memmove(r->data, r->data + r->at, r->size - r->at);
    r->size -= r->at;
    r->at = 0;
    if (r->capacity - r->size < READ_BYTES / 16) {
        char *grown = realloc(r->data, r->capacity * 2 + READ_BYTES);
        if (!grown) return out_of_memory(), false;
        r->data = grown;
        r->capacity = r->capacity * 2 + READ_BYTES;
    }
    ssize_t n;
    do n = read(r->fd, r->data + r->size, r->capacity - r->size - 1);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        const char *reason = strerror(errno);
        fprintf(stderr, "inlay: ");
        print_name(stderr, r->name);
        fprintf(stderr, ": %s\n", reason);
        return false;
    }
    r->size += (size_t)n;
    r->ended = n == 0;
    return true;
}

char *line_take(line_reader *r) {
    if (r->at == r->size) return NULL;
    char *start = r->data + r->at, *end = memchr(start, '\n', r->size - r->at);
    if (!end && !r->ended) return NULL;
    r->at = end ? (size_t)(end - r->data) + 1 : r->size;
    if (!end) end = r->data + r->size;
    if (end > start && end[-1] == '\r') end--;
    *end = 0;
    return start;
}

size_t line_count(const line_reader *r, size_t most) {
    size_t n = 0;
    for (size_t at = r->at; at < r->size && n < most; n++) {
        const char *end = memchr(r->data + at, '\n', r->size - at);
        if (!end) return n + r->ended;
        at = (size_t)(end - r->data) + 1;
    }
    return n;
}

void line_reader_end(line_reader *r) {
    free(r->data);
}
