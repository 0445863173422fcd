/* Cells of recurrent networks. */
#include "opdef/families.h"

#define LSTM_IN "x:T cs_prev:T h_prev:T w:T wci:T wcf:T wco:T b:T"
#define LSTM_OUT "i:T cs:T f:T o:T ci:T co:T h:T"
#define CUDNN_ATTRS                                                                                     \
    "T:type rnn_mode:string='lstm' input_mode:string='linear_input' direction:string='unidirectional' " \
    "dropout:float=0 "                                                                                  \
    "seed:int=0 seed2:int=0 is_training:bool=true"

const op_def recurrent_defs[] = {
    {"LSTMBlockCell", .in = LSTM_IN, .out = LSTM_OUT,
     .attrs = "forget_bias:float=1 cell_clip:float=3 use_peephole:bool=false T:type"},
    {"BlockLSTM", .in = "seq_len_max:int64 " LSTM_IN, .out = LSTM_OUT,
     .attrs = "forget_bias:float=1 cell_clip:float=3 use_peephole:bool=false T:type"},
    {"BlockLSTMV2", .in = "seq_len_max:int64 " LSTM_IN, .out = LSTM_OUT,
     .attrs = "cell_clip:float=0 use_peephole:bool=false T:type"},
    {"GRUBlockCell", .in = "x:T h_prev:T w_ru:T w_c:T b_ru:T b_c:T", .out = "r:T u:T c:T h:T", .attrs = "T:type"},
    {"CudnnRNN", .in = "input:T input_h:T input_c:T params:T", .out = "output:T output_h:T output_c:T reserve_space:T",
     .attrs = CUDNN_ATTRS, .flags = OP_STATEFUL},
    {"CudnnRNNV2", .in = "input:T input_h:T input_c:T params:T",
     .out = "output:T output_h:T output_c:T reserve_space:T host_reserved:int8", .attrs = CUDNN_ATTRS,
     .flags = OP_STATEFUL},
    {"CudnnRNNV3", .in = "input:T input_h:T input_c:T params:T sequence_lengths:int32",
     .out = "output:T output_h:T output_c:T reserve_space:T host_reserved:int8",
     .attrs = CUDNN_ATTRS " num_proj:int=0 time_major:bool=true", .flags = OP_STATEFUL},
};
const size_t recurrent_defs_count = sizeof recurrent_defs / sizeof *recurrent_defs;
