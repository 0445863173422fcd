/* Fourier transforms, complex numbers, sound. */
#include "opdef/families.h"

#define COMPLEX_ATTRS "Tcomplex:type=complex64"
#define REAL_ATTRS "Treal:type=float32 Tcomplex:type=complex64"

const op_def signal_defs[] = {
    {"FFT", .in = "input:Tcomplex", .out = "output:Tcomplex", .attrs = COMPLEX_ATTRS},
    {"IFFT", .in = "input:Tcomplex", .out = "output:Tcomplex", .attrs = COMPLEX_ATTRS},
    {"FFT2D", .in = "input:Tcomplex", .out = "output:Tcomplex", .attrs = COMPLEX_ATTRS},
    {"IFFT2D", .in = "input:Tcomplex", .out = "output:Tcomplex", .attrs = COMPLEX_ATTRS},
    {"FFT3D", .in = "input:Tcomplex", .out = "output:Tcomplex", .attrs = COMPLEX_ATTRS},
    {"IFFT3D", .in = "input:Tcomplex", .out = "output:Tcomplex", .attrs = COMPLEX_ATTRS},
    {"RFFT", .in = "input:Treal fft_length:int32", .out = "output:Tcomplex", .attrs = REAL_ATTRS},
    {"RFFT2D", .in = "input:Treal fft_length:int32", .out = "output:Tcomplex", .attrs = REAL_ATTRS},
    {"RFFT3D", .in = "input:Treal fft_length:int32", .out = "output:Tcomplex", .attrs = REAL_ATTRS},
    {"IRFFT", .in = "input:Tcomplex fft_length:int32", .out = "output:Treal", .attrs = REAL_ATTRS},
    {"IRFFT2D", .in = "input:Tcomplex fft_length:int32", .out = "output:Treal", .attrs = REAL_ATTRS},
    {"IRFFT3D", .in = "input:Tcomplex fft_length:int32", .out = "output:Treal", .attrs = REAL_ATTRS},
    {"Complex", .in = "real:T imag:T", .out = "out:Tout", .attrs = "T:type=float32 Tout:type=complex64",
     .flags = OP_ELEMENTWISE},
    {"Real", .in = "input:T", .out = "output:Tout", .attrs = "T:type=complex64 Tout:type=float32",
     .flags = OP_ELEMENTWISE},
    {"Imag", .in = "input:T", .out = "output:Tout", .attrs = "T:type=complex64 Tout:type=float32",
     .flags = OP_ELEMENTWISE},
    {"ComplexAbs", .in = "x:T", .out = "y:Tout", .attrs = "T:type=complex64 Tout:type=float32",
     .flags = OP_ELEMENTWISE},
    {"Angle", .in = "input:T", .out = "output:Tout", .attrs = "T:type=complex64 Tout:type=float32",
     .flags = OP_ELEMENTWISE},
    {"Conj", .in = "input:T", .out = "output:T", .attrs = "T:type=complex64", .flags = OP_ELEMENTWISE},
    {"DecodeWav", .in = "contents:string", .out = "audio:float32 sample_rate:int32",
     .attrs = "desired_channels:int=-1 desired_samples:int=-1"},
    {"EncodeWav", .in = "audio:float32 sample_rate:int32", .out = "contents:string"},
    {"AudioSpectrogram", .in = "input:float32", .out = "spectrogram:float32",
     .attrs = "window_size:int stride:int magnitude_squared:bool=false"},
    {"Mfcc", .in = "spectrogram:float32 sample_rate:int32", .out = "output:float32",
     .attrs = "upper_frequency_limit:float=4000 lower_frequency_limit:float=20 filterbank_channel_count:int=40 "
              "dct_coefficient_count:int=13"},
};
const size_t signal_defs_count = sizeof signal_defs / sizeof *signal_defs;
