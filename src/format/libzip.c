#include "format/libzip.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

libzip_functions libzip;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool loaded; /* under the lock */

static bool load(void) {
    static const char *const names[] = {"libzip.so.5", "libzip.so.4"};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
/* dlsym gives data pointers, calls need function pointers; POSIX says the two convert. */
#define FIND(name) all = all && (*(void **)&libzip.name = dlsym(library, "zip_" #name)) != NULL;
    LIBZIP_FUNCTIONS(FIND)
    return all;
}

inlay_status libzip_load(inlay_error *err) {
    pthread_mutex_lock(&lock);
    errno = 0;
    if (!loaded) loaded = load();
    bool ok = loaded, memory = errno == ENOMEM;
    pthread_mutex_unlock(&lock);
    if (ok) return INLAY_OK;
    if (memory) return fail_memory(err);
    return fail(err, INLAY_UNIMPLEMENTED, "archives need the library libzip, which is not there");
}
