/* The one C++ file: RE2 behind a C face. No exception leaves it. The replacing loop is our own because RE2's prints to
 * stderr, works on std::string and knows no limit; it does what RE2::GlobalReplace and RE2::Replace do. */
#include "kernel/regex/regex.h"

#include <re2/re2.h>

struct regex {
    RE2 re;
    regex(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options) {}
};

namespace {

enum { MAX_GROUP = 9, GROUPS = MAX_GROUP + 1 };

re2::StringPiece piece(bytes text) {
    return re2::StringPiece(reinterpret_cast<const char *>(text.data), text.size);
}

/* The highest group that REWRITE names. */
int highest_group(bytes rewrite) {
    int highest = 0;
    for (size_t i = 0; i + 1 < rewrite.size; i++) {
        if (rewrite.data[i] != '\\') continue;
        int digit = rewrite.data[++i] - '0';
        if (digit >= 0 && digit <= 9 && digit > highest) highest = digit;
    }
    return highest;
}

/* Whether every escape of REWRITE is one; up to the first that is not, it is appended. */
bool append_rewrite(buffer *out, bytes rewrite, const re2::StringPiece *groups) {
    for (size_t i = 0; i < rewrite.size; i++) {
        if (rewrite.data[i] != '\\') {
            buffer_append_byte(out, rewrite.data[i]);
            continue;
        }
        if (++i == rewrite.size) return false;
        uint8_t c = rewrite.data[i];
        if (c >= '0' && c <= '9')
            buffer_append(out, groups[c - '0'].data(), groups[c - '0'].size());
        else if (c == '\\')
            buffer_append_byte(out, c);
        else
            return false;
    }
    return true;
}

/* Bytes to step over at P, behind an empty match that is not wanted again: one character, or one byte where there is no
 * valid one. */
size_t step(const char *p, const char *end) {
    auto byte = [&](ptrdiff_t i) { return p + i < end ? static_cast<uint8_t>(p[i]) : 0u; };
    uint8_t first = static_cast<uint8_t>(*p);
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc0 || first > 0xf7) return 1;
    uint32_t code = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        unsigned c = byte(static_cast<ptrdiff_t>(i));
        if ((c & 0xc0) != 0x80) return 1;
        code = code << 6 | (c & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return code < least[size] || code > 0x10ffff ? 1 : size;
}

inlay_status replace(const regex *r, bytes text, bytes rewrite, bool global, size_t limit, buffer *out,
                     inlay_error *err) {
    int named = highest_group(rewrite);
    if (named > r->re.NumberOfCapturingGroups()) {
        buffer_append_bytes(out, text);
        return buffer_check(out, err);
    }
    static const char nothing = 0;
    re2::StringPiece whole = text.size ? piece(text) : re2::StringPiece(&nothing, 0);
    re2::StringPiece groups[GROUPS];
    const char *p = whole.data(), *end = p + whole.size(), *last_end = nullptr;
    size_t begin = out->size;
    while (p <= end) {
        if (!r->re.Match(whole, static_cast<size_t>(p - whole.data()), whole.size(), RE2::UNANCHORED, groups,
                         named + 1))
            break;
        const char *match = groups[0].data();
        buffer_append(out, p, static_cast<size_t>(match - p));
        p = match;
        if (match == last_end && groups[0].empty()) {
            if (p == end) break;
            size_t size = step(p, end);
            buffer_append(out, p, size);
            p += size;
            continue;
        }
        bool sound = append_rewrite(out, rewrite, groups);
        if (!sound && !global) {
            out->size = begin;
            p = whole.data();
            break;
        }
        p = last_end = match + groups[0].size();
        if (!global) break;
        if (out->size > limit) break;
    }
    if (p < end) buffer_append(out, p, static_cast<size_t>(end - p));
    TRY(buffer_check(out, err));
    if (out->size > limit)
        return fail(err, INLAY_RESOURCE_EXHAUSTED, "replacing would make more than %zu bytes", limit);
    return INLAY_OK;
}

} // namespace

inlay_status regex_compile(bytes pattern, regex **out, inlay_error *err) {
    *out = nullptr;
    try {
        RE2::Options options;
        options.set_log_errors(false);
        regex *made = new regex(piece(pattern), options);
        if (made->re.ok()) {
            *out = made;
            return INLAY_OK;
        }
        inlay_status code =
            made->re.error_code() == RE2::ErrorPatternTooLarge || made->re.error_code() == RE2::ErrorInternal
                ? INLAY_RESOURCE_EXHAUSTED
                : INLAY_INVALID_ARGUMENT;
        fail(err, code, "Invalid pattern: %.*s, error: %s", static_cast<int>(pattern.size < 200 ? pattern.size : 200),
             reinterpret_cast<const char *>(pattern.data), made->re.error().c_str());
        delete made;
        return code;
    } catch (...) {
        return fail_memory(err);
    }
}

void regex_free(regex *r) {
    delete r;
}

inlay_status regex_full_match(const regex *r, bytes text, bool *out, inlay_error *err) {
    try {
        *out = RE2::FullMatch(piece(text), r->re);
        return INLAY_OK;
    } catch (...) {
        return fail_memory(err);
    }
}

inlay_status regex_replace(const regex *r, bytes text, bytes rewrite, bool global, size_t limit, buffer *out,
                           inlay_error *err) {
    try {
        return replace(r, text, rewrite, global, limit, out, err);
    } catch (...) {
        return fail_memory(err);
    }
}
