/* inlay-mpi: one fused model, or one a rank, searched by many processes on many machines. */
#include "mpi/query.h"

#include <stdio.h>

const char program_name[] = "inlay-mpi";
const char program_summary[] = "fused models searched by many machines together";
const command *const commands[] = {&query_command, NULL};

static const char *const help_words[] = {"help", "--help", "-h", NULL};
static const char *const version_words[] = {"version", "--version", NULL};

static bool is_one_of(const char *word, const char *const *words) {
    while (*words && strcmp(word, *words) != 0) words++;
    return *words != NULL;
}

static int help(int argc, char **argv) {
    bool man = argc > 0 && strcmp(argv[0], "--man") == 0, all = argc == (int)man;
    if (!all && strcmp(argv[man], query_command.name) != 0)
        return fprintf(stderr, "inlay: no command %s; the commands: query\n", argv[man]), EXIT_USAGE;
    if (man)
        print_man(all ? NULL : &query_command);
    else if (all)
        print_overview(stdout);
    else
        print_help(&query_command);
    return EXIT_FINE;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) return print_overview(stderr), EXIT_USAGE;
    if (is_one_of(argv[1], help_words)) return help(argc - 2, argv + 2);
    if (is_one_of(argv[1], version_words)) return printf("%s\n", inlay_build_info()), EXIT_FINE;
    if (strcmp(argv[1], query_command.name) == 0) return command_main(&query_command, argc - 2, argv + 2);
    return fprintf(stderr, "inlay: no command %s; the commands: query\n", argv[1]), EXIT_USAGE;
}

int main(int argc, char **argv) {
    job_begin(&argc, &argv, &this_job);
    process_begin(); /* behind MPI's own handlers */
    int code = process_end(dispatch(argc, argv));
    if (!this_job.agreed) code = job_agree(&this_job, false, code);
    return job_end(&this_job, code);
}
