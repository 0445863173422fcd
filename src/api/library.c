#include "base/cpu.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pool.h"

#include <stdio.h>

const char *inlay_version(void) {
    return INLAY_VERSION;
}

/* Image libraries that the build found; the others' ops are not there. */
static const char image_libraries[] = ""
#ifdef INLAY_JPEG_SONAME
                                      ", libjpeg"
#endif
#ifdef INLAY_PNG_SONAME
                                      ", libpng"
#endif
#ifdef INLAY_GIF_SONAME
                                      ", giflib"
#endif
    ;

const char *inlay_build_info(void) {
    static char text[256];
    snprintf(text, sizeof text,
             "inlay %s (%s %s, kernels %s; protobuf-c, jansson, ISA-L, snappy, RE2; libzip, oneDNN%s at first need)",
             INLAY_VERSION,
#if defined(__clang__)
             "clang", __clang_version__,
#else
             "gcc", __VERSION__,
#endif
             cpu_level_name(cpu_flags()), image_libraries);
    return text;
}

void inlay_set_threads(int threads) {
    pool_set_threads(threads);
}
void inlay_set_log(inlay_log_fn fn, void *user) {
    log_to(fn, user);
}
const char *inlay_mapped_file(const void *address) {
    return file_map_name_at(address);
}
