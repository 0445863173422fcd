#include "cli/edit.h"

static void print_change(void *user, const char *line) {
    edit_values *v = user;
    if (!v->json) {
        print_name(stdout, line);
        putchar('\n');
    } else {
        printf("%s", v->changes ? ", " : "{\"changes\": [");
        print_json(stdout, line, strlen(line));
    }
    v->changes++;
}

void begin_edit(edit_values *v, inlay_edit_options *options) {
    inlay_edit_options_init(options);
    options->output = v->output;
    options->dry_run = v->dry_run;
    options->on_change = print_change;
    options->change_user = v;
    options->progress = show_progress;
}

int end_edit(edit_values *v, const char *model, inlay_status status, const inlay_error *error, double seconds) {
    end_progress();
    if (v->json)
        printf("%s], \"done\": %s, \"seconds\": %.6f}\n", v->changes ? "" : "{\"changes\": [",
               status == INLAY_OK && !v->dry_run ? "true" : "false", seconds);
    if (status != INLAY_OK) return report_error(error);
    if (v->json) return EXIT_FINE;
    print_name(stdout, v->output ? v->output : model);
    printf(v->dry_run ? ": nothing was changed\n" : ": written in %.3f s\n", seconds);
    return EXIT_FINE;
}
