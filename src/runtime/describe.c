/* Plans as text. */
#include "runtime/plan_private.h"

#include "base/buffer.h"

/* Small attributes are shown: numbers, bools, short strings. */
static void put_attribute(buffer *b, const attr *a) {
    attrs one = {a, 1, NULL};
    char name[64];
    int64_t number;
    bool flag;
    bytes text;
    if (a->name.size >= sizeof name || a->name.size == 0 || a->name.data[0] == '_') return;
    memcpy(name, a->name.data, a->name.size);
    name[a->name.size] = 0;
    if (attr_int(&one, name, &number, NULL) == INLAY_OK)
        buffer_format(b, " %s=%lld", name, (long long)number);
    else if (attr_bool(&one, name, &flag, NULL) == INLAY_OK)
        buffer_format(b, " %s=%s", name, flag ? "true" : "false");
    else if (attr_text(&one, name, &text, NULL) == INLAY_OK && text.size > 0 && text.size <= 80 &&
             bytes_valid_utf8(text, NULL))
        buffer_format(b, " %s='%.*s'", name, (int)text.size, (const char *)text.data);
}

static void put_edge(buffer *b, graph_edge e) {
    buffer_append_text(b, e.node->name);
    if (e.output) buffer_format(b, ":%d", e.output);
}

void plan_describe(const plan *p, void (*fn)(void *user, const char *line), void *user) {
    buffer b = {0};
    for (size_t i = 0; i < p->n_steps; i++) {
        const plan_step *step = &p->steps[i];
        const graph_node *n = graph_find(&p->p.g, bytes_of(step->node.name));
        buffer_clear(&b);
        buffer_format(&b, "%s = %s(", step->node.name, step->op);
        for (int k = 0; n && k < n->n_inputs; k++) {
            if (k) buffer_append_text(&b, ", ");
            put_edge(&b, n->inputs[k]);
        }
        buffer_append_text(&b, ")");
        for (int k = 0; n && k < n->n_attributes; k++) put_attribute(&b, &n->attributes[k]);
        buffer_append_byte(&b, 0);
        if (buffer_check(&b, NULL) == INLAY_OK) fn(user, (const char *)b.data);
    }
    buffer_free(&b);
}
