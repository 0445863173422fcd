#include "kernel/image/library.h"

#include <dlfcn.h>

static bool load(const library *l) {
    void *opened = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);
    bool all = opened != NULL;
    /* dlsym gives data pointers, calls need function pointers; POSIX says the two convert. */
    for (size_t i = 0; all && i < l->count; i++)
        all = (*(void **)l->functions[i].slot = dlsym(opened, l->functions[i].name)) != NULL;
    if (opened && !all) dlclose(opened);
    return all;
}

inlay_status library_load(library *l, inlay_error *err) {
    if (!l->soname) return fail(err, INLAY_UNIMPLEMENTED, "this build has no library for %s", l->what);
    pthread_mutex_lock(&l->lock);
    if (!l->loaded) l->loaded = load(l);
    bool ok = l->loaded;
    pthread_mutex_unlock(&l->lock);
    if (ok) return INLAY_OK;
    return fail(err, INLAY_UNIMPLEMENTED, "%s need the library %s, which cannot be opened", l->what, l->soname);
}
