#include "format/libzip.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

libzip_functions libzip;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool loaded; /* under the lock */

/* Under the lock. errno is ENOMEM when memory was out. */
static bool load(void) {
    errno = 0;
    void *library = dlopen(LIBZIP_SONAME, RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
/* dlsym gives data pointers, calls need function pointers; POSIX says the two convert. */
#define FIND(name) all = all && (*(void **)&libzip.name = dlsym(library, "zip_" #name)) != NULL;
    LIBZIP_FUNCTIONS(FIND)
    if (library && !all) dlclose(library);
    return all;
}

inlay_status libzip_load(inlay_error *err) {
    pthread_mutex_lock(&lock);
    if (!loaded) loaded = load();
    bool ok = loaded, memory = !loaded && errno == ENOMEM;
    pthread_mutex_unlock(&lock);
    if (ok) return INLAY_OK;
    if (memory) return fail_memory(err);
    return fail(err, INLAY_UNIMPLEMENTED, "archives need the library " LIBZIP_SONAME ", which cannot be opened");
}
