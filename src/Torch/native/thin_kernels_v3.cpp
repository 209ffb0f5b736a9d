// The sums for AVX2, with 12 of its 16 registers for results.
#if defined(__x86_64__)
#define VAE_VECTOR 8
#define VAE_ROWS 6
#define VAE_TABLE kKernelsV3
#include "thin_kernels_body.h"
#endif
