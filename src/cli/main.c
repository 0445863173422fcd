#include "cli/command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One a line, in the order of the overview. */
/* clang-format off */
extern const command
    fuse_command,
    index_command,
    defuse_command,
    query_command,
    encode_command,
    show_command,
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

/* A mapped file was truncated under us: say which, by means that are safe in a handler. */
static void on_sigbus(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    const char *file = inlay_mapped_file(info->si_addr);
    static const char start[] = "inlay: ", end[] = ": became shorter while it was in use\n",
                      unknown[] = "a mapped file";
    ssize_t ignored = write(STDERR_FILENO, start, sizeof start - 1);
    ignored += file ? write(STDERR_FILENO, file, strlen(file)) : write(STDERR_FILENO, unknown, sizeof unknown - 1);
    ignored += write(STDERR_FILENO, end, sizeof end - 1);
    (void)ignored;
    _exit(EXIT_FAILED);
}

/* Warnings wait until the command has said what it did; notes are told at once. */
static char warnings[4096];

static void print_note(void *user, inlay_log_level level, const char *line) {
    (void)user;
    flockfile(stderr); /* any thread may come here */
    end_progress();
    size_t used = strlen(warnings), size = strlen(line);
    if (level == INLAY_LOG_WARNING && used + size + 20 < sizeof warnings)
        snprintf(warnings + used, sizeof warnings - used, "inlay: warning: %s\n", line);
    else
        fprintf(stderr, "inlay: %s%s\n", level == INLAY_LOG_WARNING ? "warning: " : "", line);
    funlockfile(stderr);
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
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write like a full disk */
    inlay_set_log(print_note, NULL);
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    int code = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("inlay: standard output");
        code = EXIT_FAILED;
    }
    fputs(warnings, stderr);
    return code;
}
