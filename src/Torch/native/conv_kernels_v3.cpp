// The products for AVX2 with fused multiply-add: 12 of 16 registers hold sums.
#if defined(__x86_64__)
#define VAE_VECTOR 8
#define VAE_ROWS 6
#define VAE_TABLE kKernelsV3
#include "conv_kernels_body.h"
#endif
