#include "kernel/example/example.h"

#include "base/num.h"

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

typedef struct field {
    uint32_t number, wire;
    uint64_t value; /* of a varint */
    bytes payload;  /* of everything else */
} field;

static bool take_varint(bytes *rest, uint64_t *out) {
    *out = 0;
    for (unsigned i = 0; i < rest->size && i < 10; i++) {
        uint8_t byte = rest->data[i];
        *out |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *rest = bytes_make(rest->data + i + 1, rest->size - i - 1);
            return true;
        }
    }
    return false;
}

static bool take_field(bytes *rest, field *out) {
    uint64_t tag, size;
    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag > UINT32_MAX) return false;
    out->number = (uint32_t)(tag >> 3);
    out->wire = tag & 7;
    switch (out->wire) {
    case VARINT: return take_varint(rest, &out->value);
    case FIXED64: size = 8; break;
    case FIXED32: size = 4; break;
    case DELIMITED:
        if (!take_varint(rest, &size)) return false;
        break;
    default: return false;
    }
    if (size > rest->size) return false;
    out->payload = bytes_make(rest->data, (size_t)size);
    *rest = bytes_make(rest->data + size, rest->size - (size_t)size);
    return true;
}

example_walk example_begin(bytes example) {
    return (example_walk){.example = example};
}

/* The next field of W's features, which the example may hold in several pieces. */
static bool next_entry(example_walk *w, field *out, bool *sound) {
    for (;;) {
        while (w->features.size) {
            if (!take_field(&w->features, out)) return *sound = false;
            if (out->number == 1 && out->wire == DELIMITED) return true;
        }
        if (!w->example.size) return false;
        field f;
        if (!take_field(&w->example, &f)) return *sound = false;
        if (f.number == 1 && f.wire == DELIMITED) w->features = f.payload;
    }
}

static bool read_feature(bytes message, example_feature *out) {
    field f;
    out->kind = EXAMPLE_NONE;
    out->list = (bytes){0};
    if (!message.size) return true;
    if (!take_field(&message, &f)) return false;
    if (f.wire != DELIMITED || f.number > 3) return true;
    out->kind = (example_kind)f.number;
    out->list = f.payload;
    return true;
}

bool example_next(example_walk *w, example_feature *out, bool *sound) {
    field entry, f;
    *sound = true;
    *out = (example_feature){0};
    if (!next_entry(w, &entry, sound)) return false;
    while (entry.payload.size) {
        if (!take_field(&entry.payload, &f)) return *sound = false;
        if (f.wire != DELIMITED) continue;
        if (f.number == 1) out->name = f.payload;
        if (f.number == 2 && !read_feature(f.payload, out)) return *sound = false;
    }
    return true;
}

example_walk example_begin_features(bytes features) {
    return (example_walk){.features = features};
}

bool sequence_next(bytes *example, uint32_t *number, bytes *part, bool *sound) {
    field f;
    *sound = true;
    while (example->size) {
        if (!take_field(example, &f)) return *sound = false;
        if (f.wire != DELIMITED || f.number > 2) continue;
        *number = f.number;
        *part = f.payload;
        return true;
    }
    return false;
}

bool feature_list_next(bytes *list, example_feature *out, bool *sound) {
    field f;
    *sound = true;
    while (list->size) {
        if (!take_field(list, &f)) return *sound = false;
        if (f.number != 1 || f.wire != DELIMITED) continue;
        *out = (example_feature){0};
        if (!read_feature(f.payload, out)) return *sound = false;
        return true;
    }
    return false;
}

bool feature_lists_next(bytes *lists, bytes *name, bytes *list, bool *sound) {
    field entry, f;
    *sound = true;
    while (lists->size) {
        if (!take_field(lists, &entry)) return *sound = false;
        if (entry.number != 1 || entry.wire != DELIMITED) continue;
        *name = *list = (bytes){0};
        while (entry.payload.size) {
            if (!take_field(&entry.payload, &f)) return *sound = false;
            if (f.wire != DELIMITED) continue;
            if (f.number == 1) *name = f.payload;
            if (f.number == 2) *list = f.payload;
        }
        return true;
    }
    return false;
}

/* Varints in PACKED; -1 when it is malformed. */
static int64_t count_varints(bytes packed) {
    uint64_t value;
    int64_t n = 0;
    for (; packed.size; n++)
        if (!take_varint(&packed, &value)) return -1;
    return n;
}

int64_t example_count(example_kind kind, bytes list) {
    int64_t n = 0, more;
    field f;
    while (list.size) {
        if (!take_field(&list, &f)) return -1;
        if (f.number != 1) continue;
        if (kind == EXAMPLE_BYTES) {
            if (f.wire != DELIMITED) return -1;
            n++;
        } else if (f.wire == DELIMITED) {
            if (kind == EXAMPLE_FLOATS && f.payload.size % 4) return -1;
            more = kind == EXAMPLE_FLOATS ? (int64_t)(f.payload.size / 4) : count_varints(f.payload);
            if (more < 0) return -1;
            n += more;
        } else {
            if (f.wire != (kind == EXAMPLE_FLOATS ? FIXED32 : VARINT)) return -1;
            n++;
        }
    }
    return n;
}

void example_floats(bytes list, float *out) {
    field f;
    while (list.size && take_field(&list, &f)) {
        if (f.number != 1) continue;
        memcpy(out, f.payload.data, f.payload.size);
        out += f.payload.size / 4;
    }
}

void example_ints(bytes list, int64_t *out) {
    field f;
    uint64_t value;
    while (list.size && take_field(&list, &f)) {
        if (f.number != 1) continue;
        if (f.wire == VARINT) *out++ = (int64_t)f.value;
        if (f.wire == DELIMITED)
            while (f.payload.size && take_varint(&f.payload, &value)) *out++ = (int64_t)value;
    }
}

bool example_next_text(bytes *list, bytes *out) {
    field f;
    while (list->size && take_field(list, &f)) {
        if (f.number != 1) continue;
        *out = f.payload;
        return true;
    }
    return false;
}
