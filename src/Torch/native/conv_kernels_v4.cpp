// The products for AVX-512. Twelve rows would fill the registers and were slower: with eight, image rows of 8, 16 and 32 pixels divide evenly.
#if defined(__x86_64__)
#define VAE_VECTOR 16
#define VAE_ROWS 8
#define VAE_TABLE kKernelsV4
#include "conv_kernels_body.h"
#endif
