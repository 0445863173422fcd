#include "cli/command.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

/* A mapped file was truncated under us: say which, by means that are safe in a handler. */
static void on_sigbus(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    static atomic_flag told = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&told)) pause(); /* another thread met it too, and ends the process */
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

void process_begin(void) {
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write like a full disk */
    inlay_set_log(print_note, NULL);
}

int process_end(int code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("inlay: standard output");
        code = EXIT_FAILED;
    }
    fputs(warnings, stderr);
    return code;
}
