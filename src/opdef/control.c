/* Functions, control flow, checks. */
#include "opdef/families.h"

const op_def control_defs[] = {
    {"NoOp", .flags = 0},
    {"Assert", .in = "condition:bool data:T", .attrs = "T:list(type) summarize:int=3",
     .flags = OP_STATEFUL | OP_EFFECT | OP_CHECK},
    {"PartitionedCall", .in = "args:Tin", .out = "output:Tout",
     .attrs = "Tin:list(type) Tout:list(type) f:func config:string='' config_proto:string='' executor_type:string=''",
     .flags = OP_CALL},
    {"StatefulPartitionedCall", .in = "args:Tin", .out = "output:Tout",
     .attrs = "Tin:list(type) Tout:list(type) f:func config:string='' config_proto:string='' executor_type:string=''",
     .flags = OP_STATEFUL | OP_EFFECT | OP_CALL},
    {"If", .in = "cond:Tcond input:Tin", .out = "output:Tout",
     .attrs =
         "Tcond:type Tin:list(type) Tout:list(type) then_branch:func else_branch:func output_shapes:list(shape)=[]",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"StatelessIf", .in = "cond:Tcond input:Tin", .out = "output:Tout",
     .attrs =
         "Tcond:type Tin:list(type) Tout:list(type) then_branch:func else_branch:func output_shapes:list(shape)=[]"},
    {"While", .in = "input:T", .out = "output:T",
     .attrs = "T:list(type) cond:func body:func output_shapes:list(shape)=[] parallel_iterations:int=10",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"StatelessWhile", .in = "input:T", .out = "output:T",
     .attrs = "T:list(type) cond:func body:func output_shapes:list(shape)=[] parallel_iterations:int=10"},
    {"Case", .in = "branch_index:int32 input:Tin", .out = "output:Tout",
     .attrs = "Tin:list(type) Tout:list(type) branches:list(func) output_shapes:list(shape)=[]",
     .flags = OP_STATEFUL | OP_EFFECT},
    {"Switch", .in = "data:T pred:bool", .out = "output_false:T output_true:T", .attrs = "T:type"},
    {"Merge", .in = "inputs:N*T", .out = "output:T value_index:int32", .attrs = "T:type N:int"},
    {"Enter", .in = "data:T", .out = "output:T",
     .attrs = "T:type frame_name:string is_constant:bool=false parallel_iterations:int=10"},
    {"Exit", .in = "data:T", .out = "output:T", .attrs = "T:type"},
    {"NextIteration", .in = "data:T", .out = "output:T", .attrs = "T:type", .flags = OP_LOOP},
    {"LoopCond", .in = "input:bool", .out = "output:bool"},
    {"ControlTrigger", .flags = 0},
    {"_Arg", .out = "output:T", .attrs = "T:type index:int", .flags = OP_STATEFUL},
    {"_Retval", .in = "input:T", .attrs = "T:type index:int"},
};
const size_t control_defs_count = sizeof control_defs / sizeof *control_defs;
