/* A shared library with the functions that we call, opened once, at first need. */
#ifndef KERNEL_IMAGE_LIBRARY_H
#define KERNEL_IMAGE_LIBRARY_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>

typedef struct library {
    const char *soname; /* NULL: not in this build */
    const char *what;   /* "JPEG images" */
    struct library_function {
        const char *name;
        void *slot; /* of a function pointer */
    } const *functions;
    size_t count;
    pthread_mutex_t lock;
    bool loaded; /* under the lock */
} library;

/* UNIMPLEMENTED names the library. */
inlay_status library_load(library *l, inlay_error *err);

#endif
