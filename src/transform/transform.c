#include "transform/passes.h"

const transform_pass transform_passes[] = {
    {"controls", "drops control edges where nothing has effects", pass_controls},
    {"identity", "removes nodes that hand on what they are given", pass_identity},
    {"search", "puts one streaming scan in place of a search subgraph", pass_search},
    {"plain", "puts one streaming scan in place of scores that are only searched", pass_plain},
    {"fold", "computes what depends on constants alone", pass_fold},
    {"fuse_conv", "makes convolutions and what follows them one node", pass_fuse_conv},
    {"common", "computes equal nodes once", pass_common},
    {NULL, NULL, NULL},
};

inlay_status transform_run(program *p, op_host *host, inlay_error *err) {
    graph_node **order;
    size_t count;
    TRY(program_order(p, &order, &count, err)); /* drops what nobody needs, so that no pass looks at it */
    for (const transform_pass *pass = transform_passes; pass->name; pass++) TRY(pass->run(p, host, err));
    return p->starved ? fail_memory(err) : INLAY_OK;
}
