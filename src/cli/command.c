#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage_error(const command *c, const char *format, const char *what) {
    fprintf(stderr, "inlay: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "; %s %s --help tells\n", program_name, c->name);
    return EXIT_USAGE;
}

static int unknown_flag(const command *c, const char *word) {
    fprintf(stderr, "inlay: no flag %s; the flags of %s %s:", word, program_name, c->name);
    for (const flag_spec *f = c->flags; f->name; f++) fprintf(stderr, " %s", f->name);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

int usage_failed(const char *reason) {
    return fprintf(stderr, "inlay: %s\n", reason), EXIT_USAGE;
}

int report_error(const inlay_error *error) {
    bool colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    fprintf(stderr, "%sinlay:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", error->message);
    return EXIT_FAILED;
}

int out_of_memory(void) {
    fprintf(stderr, "inlay: out of memory\n");
    return EXIT_FAILED;
}

static const flag_spec *find_flag(const command *c, const char *word, size_t length) {
    for (const flag_spec *f = c->flags; f->name; f++)
        if ((strlen(f->name) == length && strncmp(f->name, word, length) == 0) ||
            (f->short_name && strlen(f->short_name) == length && strncmp(f->short_name, word, length) == 0))
            return f;
    return NULL;
}

static bool parse_number(const char *text, int64_t *out) {
    static const struct {
        const char *suffix;
        int64_t factor;
    } units[] = {{"", 1},          {"k", 1000},      {"M", 1000000},  {"G", 1000000000},
                 {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || value < 0) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(end, units[i].suffix) == 0) return !__builtin_mul_overflow((int64_t)value, units[i].factor, out);
    return false;
}

static bool add_text(text_list *list, const char *text) {
    const char **grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    if (!grown) return false;
    list->items = grown;
    list->items[list->count++] = text;
    return true;
}

static int set_flag(const flag_spec *f, char *values, const char *text) {
    void *field = values + f->offset;
    switch (f->kind) {
    case FLAG_SWITCH: *(bool *)field = true; return EXIT_FINE;
    case FLAG_TEXT: *(const char **)field = text; return EXIT_FINE;
    case FLAG_LIST: return add_text(field, text) ? EXIT_FINE : out_of_memory();
    case FLAG_NUMBER:
        if (parse_number(text, field)) return EXIT_FINE;
        fprintf(stderr, "inlay: %s wants a number from 0, not \"%s\"\n", f->name, text);
        return EXIT_USAGE;
    case FLAG_CHOICE:
        for (int i = 0; f->choices[i]; i++)
            if (strcmp(f->choices[i], text) == 0) {
                *(int *)field = i;
                return EXIT_FINE;
            }
        fprintf(stderr, "inlay: %s is one of", f->name);
        for (int i = 0; f->choices[i]; i++) fprintf(stderr, " %s", f->choices[i]);
        fprintf(stderr, ", not \"%s\"\n", text);
        return EXIT_USAGE;
    }
    return EXIT_USAGE;
}

/* A word that begins with '-' and is no number (nor "-" alone) is a flag. */
static bool looks_like_flag(const char *word) {
    return word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9');
}

/* Takes the flag at argv[*i] with its values. */
static int take_flag(const command *c, int argc, char **argv, int *i, char *values) {
    const char *word = argv[*i], *equals = word[1] == '-' ? strchr(word, '=') : NULL;
    const flag_spec *f = find_flag(c, word, equals ? (size_t)(equals - word) : strlen(word));
    if (!f) return unknown_flag(c, word);
    if (f->kind == FLAG_SWITCH)
        return equals ? usage_error(c, "%s takes no value", f->name) : set_flag(f, values, NULL);
    if (equals) return set_flag(f, values, equals + 1);
    if (*i + 1 >= argc) return usage_error(c, "%s wants a value", f->name);
    int code = set_flag(f, values, argv[++*i]);
    while (code == EXIT_FINE && f->greedy && *i + 1 < argc && !looks_like_flag(argv[*i + 1]))
        code = set_flag(f, values, argv[++*i]);
    return code;
}

static bool is_optional(const char *operand) {
    return operand[strlen(operand) - 1] == '?';
}

static bool takes_the_rest(const char *operand) {
    size_t n = strlen(operand);
    return n > 3 && strcmp(operand + n - 3, "...") == 0;
}

/* Where the words of a last operand that takes the rest go; NULL when there is none. COUNT is that of the others. */
static text_list *find_rest(const command *c, char *values, size_t *count) {
    *count = 0;
    while (c->operands && c->operands[*count]) ++*count;
    if (*count == 0 || !takes_the_rest(c->operands[*count - 1])) return NULL;
    --*count;
    return (text_list *)(void *)(values + c->operands_offset + *count * sizeof(const char *));
}

static int parse(const command *c, int argc, char **argv, char *values) {
    const char **operands = (const char **)(void *)(values + c->operands_offset);
    size_t given = 0, most;
    text_list *rest = find_rest(c, values, &most);
    bool flags_ended = false;
    for (int i = 0; i < argc; i++) {
        if (!flags_ended && strcmp(argv[i], "--") == 0) {
            flags_ended = true;
        } else if (!flags_ended && looks_like_flag(argv[i])) {
            int code = take_flag(c, argc, argv, &i, values);
            if (code != EXIT_FINE) return code;
        } else if (given < most) {
            operands[given++] = argv[i];
        } else if (!rest) {
            return usage_error(c, "one word too many: %s", argv[i]);
        } else if (!add_text(rest, argv[i])) {
            fprintf(stderr, "inlay: out of memory\n");
            return EXIT_FAILED;
        }
    }
    if (given < most && !is_optional(c->operands[given])) return usage_error(c, "%s is missing", c->operands[given]);
    return EXIT_FINE;
}

int command_main(const command *c, int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(c);
            return EXIT_FINE;
        }
    char *values = calloc(1, c->size);
    if (!values) return out_of_memory();
    if (c->defaults) c->defaults(values);
    int code = parse(c, argc, argv, values);
    if (code == EXIT_FINE) code = c->run(values);
    for (const flag_spec *f = c->flags; f->name; f++)
        if (f->kind == FLAG_LIST) free(((text_list *)(void *)(values + f->offset))->items);
    size_t others;
    text_list *rest = find_rest(c, values, &others);
    if (rest) free(rest->items);
    free(values);
    return code;
}
