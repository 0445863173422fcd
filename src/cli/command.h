/* Subcommands as tables: their flags with help, their examples. Parsing, --help, man pages and completions all come
 * from these. cli/ knows the library by inlay.h only. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "inlay/inlay.h"

#include <stdio.h>
#include <string.h>

typedef enum flag_kind {
    FLAG_SWITCH, /* bool */
    FLAG_TEXT,   /* const char * */
    FLAG_LIST,   /* text_list: may be given again; a flag of this kind takes all words up to the next flag when `greedy`
                  */
    FLAG_NUMBER, /* int64_t, with k, M, G (powers of 1000) and KiB, MiB, GiB */
    FLAG_CHOICE  /* int: index into choices */
} flag_kind;

typedef struct text_list {
    const char **items;
    size_t count;
} text_list;

typedef struct flag_spec {
    const char *name;       /* "--k" */
    const char *short_name; /* "-o", or NULL */
    flag_kind kind;
    const char *value;          /* what the help calls its value: "DIR"; NULL for a switch */
    const char *help;           /* one sentence, no full stop at the end */
    size_t offset;              /* of its field in the command's struct */
    const char *const *choices; /* FLAG_CHOICE: NULL-terminated */
    bool greedy;
} flag_spec;

typedef struct example {
    const char *command, *meaning;
} example;

typedef struct command {
    const char *name, *summary;
    const char *usage;           /* what follows the name */
    const char *description;     /* paragraphs, separated by a blank line */
    const flag_spec *flags;      /* ended by one without a name */
    const char *const *operands; /* names of positional arguments, NULL-terminated; one that ends in "?" is optional, a
                                  * last one that ends in "..." takes all further words, none too */
    size_t operands_offset;      /* of the first `const char *` field; they follow one another, and the
                                  * `text_list` of "..." comes after them */
    const example *examples;     /* ended by one without a command */
    size_t size;                 /* of the struct that flags fill; zeroed, then filled in by `defaults` */
    void (*defaults)(void *values);
    int (*run)(const void *values); /* exit code */
} command;

/* The program's main.c */
extern const command *const commands[]; /* NULL-terminated */
extern const char program_name[], program_summary[];

/* Exit codes: 0 fine, 1 the library's answer was an error, 2 the command line was wrong. */
enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* command.c: parses and runs; prints the reason when it cannot. */
int command_main(const command *c, int argc, char **argv);

/* Prints "inlay: MESSAGE" to standard error (in red on a terminal) and returns EXIT_FAILED. */
int report_error(const inlay_error *error);
int usage_failed(const char *reason); /* of a command line that the flags' own checks let pass */
int out_of_memory(void);              /* the same for the program's own memory */

/* process.c: what main does before a command (signals, notes) and after it (what was not printed yet). */
void process_begin(void);
int process_end(int code); /* returns the exit code: CODE, unless standard output failed */

/* help.c */
void print_help(const command *c);       /* of one command */
void print_overview(FILE *out);          /* of the program */
void print_man(const command *c);        /* troff source; NULL: of the program */
int print_completion(const char *shell); /* bash, zsh, fish */

/* progress.c: a bar on standard error, on a terminal only. */
bool show_progress(void *user, const char *stage, uint64_t done, uint64_t total);
void end_progress(void);

#endif
