// The sums for AVX-512, with 24 of its 32 registers for results.
#if defined(__x86_64__)
#define VAE_VECTOR 16
#define VAE_ROWS 12
#define VAE_TABLE kKernelsV4
#include "thin_kernels_body.h"
#endif
