#include "cli/command.h"

#include <stdio.h>
#include <string.h>

const char program_name[] = "inlay";
const char program_summary[] = "stored embeddings inside the model that queries them";

/* One a line, in the order of the overview. */
/* clang-format off */
extern const command
    fuse_command,
    index_command,
    defuse_command,
    query_command,
    encode_command,
    show_command,
    ops_command,
    run_command,
    bench_command,
    tensors_command,
    export_command,
    rename_command,
    drop_command,
    swap_command,
    cast_command,
    rows_command,
    convert_command,
    merge_command,
    compose_command,
    signature_command,
    verify_command,
    explain_command,
    repair_command;

const command *const commands[] = {
    &fuse_command,
    &index_command,
    &defuse_command,
    &query_command,
    &encode_command,
    &show_command,
    &ops_command,
    &run_command,
    &bench_command,
    &tensors_command,
    &export_command,
    &rename_command,
    &drop_command,
    &swap_command,
    &cast_command,
    &rows_command,
    &convert_command,
    &merge_command,
    &compose_command,
    &signature_command,
    &verify_command,
    &explain_command,
    &repair_command,
    NULL,
};
/* clang-format on */

static const command *find_command(const char *name) {
    for (const command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0) return *c;
    return NULL;
}

static int unknown_command(const char *name) {
    fprintf(stderr, "inlay: no command %s; the commands:", name);
    for (const command *const *c = commands; *c; c++) fprintf(stderr, " %s", (*c)->name);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

static int help(int argc, char **argv) {
    if (argc == 0) return print_overview(stdout), EXIT_FINE;
    if (strcmp(argv[0], "--complete") == 0 && argc == 2) return print_completion(argv[1]);
    bool man = strcmp(argv[0], "--man") == 0;
    if (man && argc == 1) return print_man(NULL), EXIT_FINE;
    const char *name = argv[man ? 1 : 0];
    const command *c = find_command(name);
    if (!c) return unknown_command(name);
    if (man)
        print_man(c);
    else
        print_help(c);
    return EXIT_FINE;
}

static int dispatch(int argc, char **argv) {
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 2, argv + 2);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0)
        return printf("%s\n", inlay_build_info()), EXIT_FINE;
    const command *c = find_command(name);
    return c ? command_main(c, argc - 2, argv + 2) : unknown_command(name);
}

int main(int argc, char **argv) {
    process_begin();
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    return process_end(dispatch(argc, argv));
}
