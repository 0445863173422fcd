#include "cli/command.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 92, COLUMN = 28 };

/* TEXT wrapped to WIDTH, lines after the first INDENT blanks in; the cursor is at column INDENT. Paragraphs are
 * separated by a blank line. */
static void print_wrapped(const char *text, int indent) {
    int at = indent;
    while (*text) {
        if (*text == '\n') {
            printf("\n%s%*s", text[1] == '\n' ? "\n" : "", indent, "");
            at = indent;
            text += text[1] == '\n' ? 2 : 1;
            continue;
        }
        int n = (int)strcspn(text, " \n");
        if (at > indent && at + n >= WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
        }
        printf("%.*s", n, text);
        at += n;
        text += n;
        if (*text == ' ') {
            text++;
            if (at + 1 + (int)strcspn(text, " \n") < WIDTH)
                putchar(' '), at++;
            else if (*text && *text != '\n')
                printf("\n%*s", indent, ""), at = indent;
        }
    }
    putchar('\n');
}

static int flag_heading(const flag_spec *f, char *out, size_t size) {
    char value[256] = "";
    if (f->kind == FLAG_CHOICE) {
        for (int i = 0; f->choices[i]; i++) {
            size_t used = strlen(value);
            snprintf(value + used, sizeof value - used, "%s%s", i ? "|" : "", f->choices[i]);
        }
    } else if (f->value) {
        snprintf(value, sizeof value, "%s", f->value);
    }
    return snprintf(out, size, "%s%s%s%s%s", f->short_name ? f->short_name : "", f->short_name ? ", " : "", f->name,
                    *value ? " " : "", value);
}

void print_help(const command *c) {
    printf("%s %s: %s\n\nUsage: ", program_name, c->name, c->summary);
    printf("%s %s%s%s\n\n", program_name, c->name, *c->usage ? " " : "", c->usage);
    print_wrapped(c->description, 0);
    if (c->flags->name) printf("\nFlags:\n");
    for (const flag_spec *f = c->flags; f->name; f++) {
        char heading[320];
        int n = flag_heading(f, heading, sizeof heading);
        printf("  %s", heading);
        if (n + 2 < COLUMN)
            printf("%*s", COLUMN - n - 2, "");
        else
            printf("\n%*s", COLUMN, "");
        print_wrapped(f->help, COLUMN);
    }
    if (c->examples->command) printf("\nExamples:\n");
    for (const example *e = c->examples; e->command; e++) printf("  %s\n      %s\n", e->command, e->meaning);
}

void print_overview(FILE *out) {
    fprintf(out, "%s: %s\n\nUsage: %s COMMAND [ARGUMENT]...\n\nCommands:\n", program_name, program_summary,
            program_name);
    for (const command *const *c = commands; *c; c++) fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
    fprintf(
        out,
        "\n%s COMMAND --help explains a command and shows examples. Exit codes: 0 fine, 1 failed (the reason is on\n"
        "standard error), 2 the command line was wrong.\n",
        program_name);
}

/* ---- man pages */

static void print_troff(const char *text) {
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) printf("\\&");
        if (*text == '-')
            printf("\\-");
        else if (*text == '\\')
            printf("\\e");
        else if (*text == '\n' && text[1] == '\n')
            printf("\n.PP"), text++, putchar('\n');
        else
            putchar(*text);
        line_start = *text == '\n';
    }
}

static void print_man_head(const char *title, const char *name, const char *summary) {
    printf(".TH %s 1 \"\" \"inlay %s\" \"Inlay\"\n.SH NAME\n%s \\- %s\n", title, inlay_version(), name, summary);
}

/* The page's name in troff, "inlay\-query" (C NULL: the program's), and in capitals; both [SIZE]. */
static void man_name(const command *c, char *title, char *name, size_t size) {
    size_t n = 0;
    for (const char *p = program_name; *p && n + 3 < size; p++) {
        if (*p == '-') name[n++] = '\\';
        name[n++] = *p;
    }
    snprintf(name + n, size - n, "%s%s", c ? "\\-" : "", c ? c->name : "");
    for (n = 0; name[n]; n++) title[n] = name[n] >= 'a' && name[n] <= 'z' ? (char)(name[n] - 'a' + 'A') : name[n];
    title[n] = 0;
}

static void print_man_tail(void) {
    printf(".SH EXIT STATUS\n0 when all went well, 1 when it did not (the reason is on standard error), 2 when the "
           "command line was wrong.\n"
           ".SH ENVIRONMENT\n.TP\n.B INLAY_THREADS\nhow many threads to use; one a core when it is not set\n.TP\n.B "
           "INLAY_CPU\nthe instruction set that the kernels "
           "may use at most: portable, avx2, avx512, neon and others; one that the machine lacks is an error\n.TP\n.B "
           "NO_COLOR\nno colours\n");
}

static void print_man_overview(void) {
    char title[64], name[64];
    man_name(NULL, title, name, sizeof name);
    print_man_head(title, name, program_summary);
    printf(".SH SYNOPSIS\n.B %s\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n.SH COMMANDS\n", name);
    for (const command *const *c = commands; *c; c++) {
        man_name(*c, title, name, sizeof name);
        printf(".TP\n.BR %s (1)\n", name);
        print_troff((*c)->summary);
        putchar('\n');
    }
    print_man_tail();
}

void print_man(const command *c) {
    if (!c) {
        print_man_overview();
        return;
    }
    char title[64], name[64];
    man_name(c, title, name, sizeof name);
    print_man_head(title, name, c->summary);
    man_name(NULL, title, name, sizeof name);
    printf(".SH SYNOPSIS\n.B %s %s\n", name, c->name);
    print_troff(c->usage);
    printf("\n.SH DESCRIPTION\n");
    print_troff(c->description);
    putchar('\n');
    if (c->flags->name) printf(".SH OPTIONS\n");
    for (const flag_spec *f = c->flags; f->name; f++) {
        char heading[320];
        flag_heading(f, heading, sizeof heading);
        printf(".TP\n.B ");
        print_troff(heading);
        putchar('\n');
        print_troff(f->help);
        putchar('\n');
    }
    if (c->examples->command) printf(".SH EXAMPLES\n");
    for (const example *e = c->examples; e->command; e++) {
        printf(".TP\n.B ");
        print_troff(e->command);
        putchar('\n');
        print_troff(e->meaning);
        putchar('\n');
    }
    print_man_tail();
}

/* ---- completions */

static void print_flag_words(const command *c) {
    for (const flag_spec *f = c->flags; f->name; f++) printf("%s%s", f == c->flags ? "" : " ", f->name);
}

static void print_bash(void) {
    printf("# bash completion for inlay\n_inlay() {\n    local word=${COMP_WORDS[COMP_CWORD]} "
           "previous=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    for (const command *const *c = commands; *c; c++) printf("%s ", (*c)->name);
    printf("help version\" -- \"$word\"))\n        return\n    fi\n    case \"${COMP_WORDS[1]} $previous\" in\n");
    for (const command *const *c = commands; *c; c++)
        for (const flag_spec *f = (*c)->flags; f->name; f++) {
            if (f->kind != FLAG_CHOICE) continue;
            printf("    \"%s %s\") COMPREPLY=($(compgen -W \"", (*c)->name, f->name);
            for (int i = 0; f->choices[i]; i++) printf("%s%s", i ? " " : "", f->choices[i]);
            printf("\" -- \"$word\")); return ;;\n");
        }
    printf("    esac\n    case \"${COMP_WORDS[1]}\" in\n");
    for (const command *const *c = commands; *c; c++) {
        printf("    %s) [[ $word == -* ]] && COMPREPLY=($(compgen -W \"", (*c)->name);
        print_flag_words(*c);
        printf("\" -- \"$word\")) ;;\n");
    }
    printf("    esac\n}\ncomplete -o default -F _inlay inlay\n");
}

static void print_quoted(const char *text) {
    for (; *text; text++)
        if (*text == '\'')
            printf("'\\''");
        else if (*text == '[' || *text == ']' || *text == ':')
            printf("\\%c", *text);
        else
            putchar(*text);
}

static void print_zsh(void) {
    printf("#compdef inlay\n_inlay() {\n    local -a commands\n    commands=(\n");
    for (const command *const *c = commands; *c; c++) {
        printf("        '%s:", (*c)->name);
        print_quoted((*c)->summary);
        printf("'\n");
    }
    printf("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    "
           "case $words[2] in\n");
    for (const command *const *c = commands; *c; c++) {
        printf("    %s) _arguments", (*c)->name);
        for (const flag_spec *f = (*c)->flags; f->name; f++) {
            printf(" \\\n        '%s%s[", f->kind == FLAG_LIST ? "*" : "", f->name);
            print_quoted(f->help);
            printf("]");
            if (f->kind == FLAG_CHOICE) {
                printf(":value:(");
                for (int i = 0; f->choices[i]; i++) printf("%s%s", i ? " " : "", f->choices[i]);
                printf(")");
            } else if (f->kind != FLAG_SWITCH) {
                printf(":%s:_files", f->value);
            }
            printf("'");
        }
        printf(" \\\n        '*:file:_files' ;;\n");
    }
    printf("    esac\n}\n_inlay \"$@\"\n");
}

static void print_fish(void) {
    for (const command *const *c = commands; *c; c++) {
        printf("complete -c inlay -n __fish_use_subcommand -a %s -d '", (*c)->name);
        for (const char *p = (*c)->summary; *p; p++) printf(*p == '\'' ? "\\'" : "%c", *p);
        printf("'\n");
        for (const flag_spec *f = (*c)->flags; f->name; f++) {
            printf("complete -c inlay -n '__fish_seen_subcommand_from %s' -l %s%s", (*c)->name, f->name + 2,
                   f->kind == FLAG_SWITCH ? "" : " -r");
            if (f->kind == FLAG_CHOICE) {
                printf(" -f -a '");
                for (int i = 0; f->choices[i]; i++) printf("%s%s", i ? " " : "", f->choices[i]);
                printf("'");
            }
            printf(" -d '");
            for (const char *p = f->help; *p; p++) printf(*p == '\'' ? "\\'" : "%c", *p);
            printf("'\n");
        }
    }
}

int print_completion(const char *shell) {
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(shells[i].name, shell) == 0) return shells[i].print(), EXIT_FINE;
    fprintf(stderr, "inlay: completions are for bash, zsh and fish, not %s\n", shell);
    return EXIT_USAGE;
}
