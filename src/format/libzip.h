/* libzip by dlopen: it brings a cryptography library along, whose start costs every run what only archives need. */
#ifndef FORMAT_LIBZIP_H
#define FORMAT_LIBZIP_H

#include "base/error.h"

#include <zip.h>

#define LIBZIP_FUNCTIONS(X)       \
    X(close)                      \
    X(discard)                    \
    X(error_code_system)          \
    X(error_code_zip)             \
    X(error_fini)                 \
    X(error_init)                 \
    X(error_set)                  \
    X(error_strerror)             \
    X(error_to_data)              \
    X(fclose)                     \
    X(file_add)                   \
    X(file_get_error)             \
    X(file_set_dostime)           \
    X(fopen_index)                \
    X(fread)                      \
    X(get_error)                  \
    X(get_name)                   \
    X(get_num_entries)            \
    X(open)                       \
    X(open_from_source)           \
    X(set_file_compression)       \
    X(source_buffer_create)       \
    X(source_free)                \
    X(source_function)            \
    X(source_function_create)     \
    X(source_make_command_bitmap) \
    X(source_seek_compute_offset) \
    X(stat_index)                 \
    X(stat_init)

/* libzip.open is zip_open, and so on. */
#define LIBZIP_POINTER(name) __typeof__(&zip_##name) name;
typedef struct libzip_functions {
    LIBZIP_FUNCTIONS(LIBZIP_POINTER)
} libzip_functions;
extern libzip_functions libzip;

/* Must have succeeded before one is called. UNIMPLEMENTED when the library is not there. */
inlay_status libzip_load(inlay_error *err);

#endif
