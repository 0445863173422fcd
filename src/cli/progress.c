#include "cli/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool shown;

bool show_progress(void *user, const char *stage, uint64_t done, uint64_t total) {
    (void)user;
    static double last;
    if (!isatty(STDERR_FILENO) || (getenv("TERM") && strcmp(getenv("TERM"), "dumb") == 0)) return true;
    double now = seconds_now();
    if (now - last < 0.1) return true;
    last = now;
    shown = true;
    if (total == 0) {
        fprintf(stderr, "\r\033[K%s %llu", stage, (unsigned long long)done);
        return true;
    }
    static const char full[] = "########################################",
                      empty[] = "........................................";
    double part = done < total ? (double)done / (double)total : 1;
    int filled = (int)(part * 40);
    fprintf(stderr, "\r\033[K%s [%.*s%.*s] %3.0f %%", stage, filled, full, 40 - filled, empty, 100 * part);
    return true;
}

void end_progress(void) {
    if (shown) fprintf(stderr, "\r\033[K");
    shown = false;
}
