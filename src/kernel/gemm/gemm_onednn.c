/* oneDNN 2 and 3 by dlopen: its OpenMP costs milliseconds at start, so nobody pays who multiplies nothing large. */
#include "kernel/gemm/gemm_onednn.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

/* From oneDNN's public C interface; the same in versions 2 and 3. 0 is success. */
typedef int (*sgemm_fn)(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t, const float *, int64_t,
                        float, float *, int64_t);
typedef struct {
    int major, minor, patch; /* more follows */
} version_head;

static struct {
    pthread_once_t once;
    void *handle;
    sgemm_fn sgemm;
    int (*get_threads)(void); /* OpenMP's, of the calling thread; NULL when the library has another runtime */
    void (*set_threads)(int);
    char version[48];
} lib = {.once = PTHREAD_ONCE_INIT};

/* dlsym gives data pointers, calls need function pointers; POSIX says the two convert. */
static void find(void *library, const char *name, void *slot) {
    *(void **)slot = dlsym(library, name);
}

static void open_library(void) {
    static const char *const names[] = {"libdnnl.so.3", "libdnnl.so.2"};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) return;
    lib.handle = library;
    const version_head *(*version)(void) = NULL;
    find(library, "dnnl_version", &version);
    find(library, "omp_get_max_threads", &lib.get_threads);
    find(library, "omp_set_num_threads", &lib.set_threads);
    if (version) {
        const version_head *v = version();
        snprintf(lib.version, sizeof lib.version, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    }
    find(library, "dnnl_sgemm", &lib.sgemm);
}

bool onednn_load(void) {
    pthread_once(&lib.once, open_library);
    return lib.sgemm != NULL;
}

const char *onednn_version(void) {
    return onednn_load() ? lib.version : NULL;
}

bool onednn_find(const char *name, void *slot) {
    if (!onednn_load()) return false;
    find(lib.handle, name, slot);
    return *(void **)slot != NULL;
}

int onednn_begin(void) {
    if (!lib.get_threads || !lib.set_threads) return 1;
    int before = lib.get_threads();
    if (before != 1) lib.set_threads(1);
    return before;
}

void onednn_end(int before) {
    if (before != 1) lib.set_threads(before);
}

bool onednn_sgemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                  const float *b, int64_t ldb, float *c, int64_t ldc) {
    if (!onednn_load()) return false;
    int before = onednn_begin();
    int status = lib.sgemm(trans_a ? 'T' : 'N', trans_b ? 'T' : 'N', m, n, k, 1.0f, a, lda, b, ldb, 0.0f, c, ldc);
    onednn_end(before);
    return status == 0;
}
