// The hot loops over plain memory, compiled once per instruction set and chosen when the library loads, so that one build serves every
// processor. They know nothing of tensors; kernels.cpp wraps them for autograd.
#pragma once

#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define VAE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VAE_CLONES
#endif

namespace vae::loops {

// Sum over j of max(a,0) - a x + log1p(exp(-|a|)); where gradient is not null: gradient[j] = (sigmoid(a) - x) * scale.
double bernoulli_nll(const float* logits, const float* target, float* gradient, int64_t count, float scale);

// Sum over j of (x - m)^2; where gradient is not null: gradient[j] = (m - x) * factor.
double squared_error(const float* mean, const float* target, float* gradient, int64_t count, float factor);

// Sum over j of ln((e^a - 1) / a) - a x, the continuous Bernoulli by its natural parameter; where gradient is not null: gradient[j] = (mean(a) - x) * scale.
double continuous_bernoulli_nll(const float* logits, const float* target, float* gradient, int64_t count, float scale);

// Half the distance of two grey levels of 0 to 1.
constexpr double kHalfLevel = 1.0 / 510;

// A logistic distribution over 256 levels: with p and q the upper and lower end of a value's level in units of the scale, the sum of softplus(-p) where a level lies
// above and of softplus(q) where one lies below; its derivative by the log scale; and how many levels had both. Where gradient is not null: gradient[j] = factor
// times the derivative by the mean in units of the scale.
struct LogisticSums {
  double loss, slope, inner;
};
LogisticSums discretised_logistic_nll(const float* mean, const float* target, float* gradient, int64_t count, float inverse_scale, float half_width, float factor);

// The Gaussian posterior, element by element. All pointers have `count` elements and none may be null.
struct PosteriorElements {
  const float *mean, *raw, *noise;
  float *sample, *log_variance, *deviation, *slope, *divergence;
};
void posterior_forward(const PosteriorElements& elements, int64_t count);

// Gradients of one row; incoming ones may be null (absent).
struct PosteriorGradientRow {
  const float *mean, *deviation, *slope, *noise, *mask;
  const float *d_sample, *d_divergence, *d_mean, *d_log_variance;
  float *out_mean, *out_raw;
};
void posterior_backward(const PosteriorGradientRow& row, int64_t count);

// y += bias, then the activation: y where y > 0, else slope y. A slope of 1 is the identity.
void bias_activation(float* y, const float* bias, int64_t count, float slope);

// The way back: gradient *= slope where the activation's result y is not above 0; sum += gradient.
void bias_activation_backward(float* gradient, const float* y, float* sum, int64_t count, float slope);

// sum += values.
void add(float* sum, const float* values, int64_t count);

// target[j] = source[j] / 255, or 1 where source[j] >= 128, or 1 with probability source[j] / 255 by the 32 random bits in `bits`.
void bytes_to_unit(const uint8_t* source, float* target, int64_t count);
void bytes_to_fixed_bits(const uint8_t* source, float* target, int64_t count);
void bytes_to_random_bits(const uint8_t* source, const uint32_t* bits, float* target, int64_t count);

// rest1 = 1 - beta1 and rest2 = 1 - beta2, subtracted in double: in float, 1 - 0.999f is wrong by 5e-5.
struct AdamSettings {
  float beta1, beta2, rest1, rest2, epsilon, step_size, sqrt_correction2, weight_decay, decoupled_factor;
  float gradient_factor;  // below 1 where the gradient is clipped
};
void adam(float* parameter, const float* gradient, float* average, float* square, int64_t count, const AdamSettings& settings);

// take = 1 - dampening.
struct SgdSettings {
  float learning_rate, momentum, take, weight_decay, gradient_factor;
  bool nesterov, first;
};
void sgd(float* parameter, const float* gradient, float* buffer, int64_t count, const SgdSettings& settings);

// Sum of squares.
double sum_of_squares(const float* values, int64_t count);

}  // namespace vae::loops
