/* A change of a model or a checkpoint: what is edited is opened and locked, what differs is collected, and one rename
 * puts all of it in place.
 *
 * A SavedModel: a folder is staged beside it in which every file that stays is another name of the same bytes; the two
 * folders are exchanged, so that index, graph, manifest and labels switch at once and who has the old files open keeps
 * them. A checkpoint alone: a new data file, then the new index over the old. A graph file: a new file over the old.
 * With an output the edited one appears there and the old one stays. docs/architecture.md says why. */
#ifndef EDIT_CHANGE_H
#define EDIT_CHANGE_H

#include "edit/manifest.h"
#include "format/bundle_edit.h"
#include "format/checkpoint.h"
#include "format/saved_model.h"
#include "proto/splice.h"

struct change_file;

typedef struct change {
    const inlay_edit_options *options;
    char *path;          /* the folder without links, the checkpoint's prefix, or the graph file */
    saved_model *model;  /* NULL: a checkpoint alone */
    const bundle *old;   /* NULL: no variables */
    bundle_edit *bundle; /* the next state of OLD */
    json_t *manifest;    /* of the model; NULL: none. Edits change its "collections" */
    splice graph;        /* of model->message; what it takes lives in A */
    buffer objects;      /* the checkpoint's object graph as it will be; no data: as it is */
    /* Called, unless NULL, when the staged FOLDER has everything but fingerprint and manifest. SavedModels only. */
    inlay_status (*finish)(void *user, const char *folder, inlay_error *err);
    void *finish_user;
    bool reindex; /* searches get the indexes that they lack */
    arena a;

    /* the change's own */
    bundle *variables;
    checkpoint *checkpoint;
    int lock; /* descriptor plus 1 */
    char *target;
    staging stage;
    buffer whole_graph;
    bool has_whole_graph;
    struct change_file *files;
    size_t n_files;
} change;

typedef struct change_needs {
    bool keep_old_shards; /* readers who are just opening the old model find their data files in the new one */
    int32_t files;        /* as in bundle_edit_options */
} change_needs;

/* Opens PATH: a SavedModel folder, what checkpoint_open takes, or a file with a graph. C is zeroed on failure, else
 * ended by change_commit or change_abandon. NEEDS may be NULL. Errors: ABORTED (another editor is at it),
 * ALREADY_EXISTS (the output), UNIMPLEMENTED (a V1 checkpoint, big-endian data). */
inlay_status change_begin(const char *path, const inlay_edit_options *options, const change_needs *needs, change *c,
                          inlay_error *err);
void change_abandon(change *c); /* nothing remains; fine after commit */

/* Tells the caller what changes, a line each. */
void change_note(change *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The whole saved_model.pb as it will be, instead of what C->graph makes of it. GRAPH is emptied. */
void change_graph(change *c, buffer *graph);

/* The file RELATIVE of the model's folder as it will be; CONTENT (copied) without data: it goes. */
inlay_status change_put_file(change *c, const char *relative, bytes content, inlay_error *err);

/* A path inside the staged folder, in A, for who writes a file there himself (FILE_DIRECT) after change_put_file
 * removed the old one; NULL when memory is out. Its folder is made. SavedModels only. */
const char *change_staged(change *c, const char *relative, inlay_error *err);

/* Puts all in place, or, in a dry run, nothing. Fingerprint and manifest, where there are any, follow. C is released,
 * whatever the result; on failure the old model is as it was. */
inlay_status change_commit(change *c, inlay_error *err);

#endif
