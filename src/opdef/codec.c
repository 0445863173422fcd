/* Encoded images. */
#include "opdef/families.h"

const op_def codec_defs[] = {
    {"DecodeJpeg", .in = "contents:string", .out = "image:uint8",
     .attrs = "channels:int=0 ratio:int=1 fancy_upscaling:bool=true try_recover_truncated:bool=false "
              "acceptable_fraction:float=1 dct_method:string=''"},
    {"DecodeAndCropJpeg", .in = "contents:string crop_window:int32", .out = "image:uint8",
     .attrs = "channels:int=0 ratio:int=1 fancy_upscaling:bool=true try_recover_truncated:bool=false "
              "acceptable_fraction:float=1 dct_method:string=''"},
    {"EncodeJpeg", .in = "image:uint8", .out = "contents:string",
     .attrs = "format:string='' quality:int=95 progressive:bool=false optimize_size:bool=false "
              "chroma_downsampling:bool=true density_unit:string='in' x_density:int=300 y_density:int=300 "
              "xmp_metadata:string=''"},
    {"EncodeJpegVariableQuality", .in = "images:uint8 quality:int32", .out = "contents:string"},
    {"ExtractJpegShape", .in = "contents:string", .out = "image_shape:output_type", .attrs = "output_type:type=int32"},
    {"DecodePng", .in = "contents:string", .out = "image:dtype", .attrs = "channels:int=0 dtype:type=uint8"},
    {"EncodePng", .in = "image:T", .out = "contents:string", .attrs = "compression:int=-1 T:type=uint8"},
    {"DecodeBmp", .in = "contents:string", .out = "image:uint8", .attrs = "channels:int=0"},
    {"DecodeGif", .in = "contents:string", .out = "image:uint8"},
    {"DecodeImage", .in = "contents:string", .out = "image:dtype",
     .attrs = "channels:int=0 dtype:type=uint8 expand_animations:bool=true"},
    {"DecodeWebP", .in = "contents:string", .out = "image:dtype", .attrs = "channels:int=0 dtype:type=uint8"},
};
const size_t codec_defs_count = sizeof codec_defs / sizeof *codec_defs;
