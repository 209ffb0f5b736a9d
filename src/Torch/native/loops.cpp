#include "loops.h"

#include "float_math.h"

namespace vae::loops {

using namespace vae::math;

// Log variances live in [-12, 8]: below, the noise is under float's resolution; above, e^l overflows the loss long before it helps.
constexpr float kLogVarianceMin = -12.0f, kLogVarianceMax = 8.0f;

VAE_CLONES double bernoulli_nll(const float* __restrict logits, const float* __restrict target, float* __restrict gradient, int64_t count, float scale) {
  double sum = 0;
  if (gradient == nullptr) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) {
      const float a = logits[i], magnitude = a < 0 ? -a : a;
      sum += larger(a, 0.0f) - a * target[i] + log1p01(exp(-magnitude));
    }
    return sum;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) {
    const float a = logits[i], x = target[i], magnitude = a < 0 ? -a : a;
    const float t = exp(-magnitude), positive = 1.0f / (1.0f + t);
    const float probability = a < 0 ? t * positive : positive;
    sum += larger(a, 0.0f) - a * x + log1p01(t);
    gradient[i] = (probability - x) * scale;
  }
  return sum;
}

VAE_CLONES double squared_error(const float* __restrict mean, const float* __restrict target, float* __restrict gradient, int64_t count, float factor) {
  double sum = 0;
  if (gradient == nullptr) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) {
      const float difference = mean[i] - target[i];
      sum += difference * difference;
    }
    return sum;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) {
    const float difference = mean[i] - target[i];
    sum += difference * difference;
    gradient[i] = difference * factor;
  }
  return sum;
}

// ln((1 - e^-m) / m) for m = |a|, and the mean of the distribution for a = m; both have a series where the quotients cancel.
VAE_CLONES double continuous_bernoulli_nll(const float* __restrict logits, const float* __restrict target, float* __restrict gradient, int64_t count, float scale) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) {
    const float a = logits[i], m = a < 0 ? -a : a, far = m < 1.0f ? 1.0f : m, t = exp(-far), q = m * m;
    const float plain = -log1p01(t / (1.0f - t)) - log_from_1(far);
    const float series = m * -0.5f + q * (1.0f / 24 + q * (-1.0f / 2880 + q * (1.0f / 181440 + q * (-1.0f / 9676800))));
    sum += larger(a, 0.0f) + (m < 1.0f ? series : plain) - a * target[i];
  }
  if (gradient == nullptr) return sum;
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    const float a = logits[i], m = a < 0 ? -a : a, far = m < 1.0f ? 1.0f : m, t = exp(-far), q = m * m;
    const float plain = 1.0f / (1.0f - t) - 1.0f / far;
    const float series = 0.5f + m * (1.0f / 12 + q * (-1.0f / 720 + q * (1.0f / 30240 + q * (-1.0f / 1209600))));
    const float upper = m < 1.0f ? series : plain;
    gradient[i] = ((a < 0 ? 1.0f - upper : upper) - target[i]) * scale;
  }
  return sum;
}

VAE_CLONES LogisticSums discretised_logistic_nll(const float* __restrict mean, const float* __restrict target, float* __restrict gradient, int64_t count, float inverse_scale, float half_width,
                                                 float factor) {
  const float first = static_cast<float>(kHalfLevel), last = static_cast<float>(1 - kHalfLevel);
  double loss = 0, slope = 0, inner = 0;
#pragma omp simd reduction(+ : loss, slope, inner)
  for (int64_t i = 0; i < count; i++) {
    const float x = target[i], distance = (x - mean[i]) * inverse_scale, p = distance + half_width, q = distance - half_width;
    const float below_last = x < last ? 1.0f : 0.0f, above_first = x > first ? 1.0f : 0.0f;
    loss += below_last * softplus(-p) + above_first * softplus(q);
    slope += below_last * sigmoid(-p) * p - above_first * sigmoid(q) * q;
    inner += below_last * above_first;
  }
  if (gradient == nullptr) return {loss, slope, inner};
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    const float x = target[i], distance = (x - mean[i]) * inverse_scale, p = distance + half_width, q = distance - half_width;
    const float below_last = x < last ? 1.0f : 0.0f, above_first = x > first ? 1.0f : 0.0f;
    gradient[i] = (below_last * sigmoid(-p) - above_first * sigmoid(q)) * factor;
  }
  return {loss, slope, inner};
}

VAE_CLONES void posterior_forward(const PosteriorElements& elements, int64_t count) {
  const float *__restrict mean = elements.mean, *__restrict raw = elements.raw, *__restrict noise = elements.noise;
  float *__restrict sample = elements.sample, *__restrict log_variance = elements.log_variance, *__restrict divergence = elements.divergence;
  float *__restrict deviation = elements.deviation, *__restrict slope = elements.slope;
#pragma omp simd
  for (int64_t j = 0; j < count; j++) {
    const float lift = raw[j] - kLogVarianceMin, inner = kLogVarianceMin + softplus(lift);
    const float drop = kLogVarianceMax - inner, l = kLogVarianceMax - softplus(drop);
    const float m = mean[j], s = exp(0.5f * l);
    slope[j] = sigmoid(lift) * sigmoid(drop);
    deviation[j] = s;
    log_variance[j] = l;
    sample[j] = m + s * noise[j];
    divergence[j] = 0.5f * (m * m + exp_minus_1_minus_x(l));
  }
}

VAE_CLONES void posterior_backward(const PosteriorGradientRow& row, int64_t count) {
  for (int64_t j = 0; j < count; j++) {
    const float dz = row.d_sample ? row.d_sample[j] : 0.0f, dkl = row.d_divergence ? row.d_divergence[j] : 0.0f;
    const float s = row.deviation[j];
    const float dm = dz + dkl * row.mean[j] + (row.d_mean ? row.d_mean[j] : 0.0f);
    const float dl = 0.5f * (dz * row.noise[j] * s + dkl * (s * s - 1.0f)) + (row.d_log_variance ? row.d_log_variance[j] : 0.0f);
    const bool live = row.mask == nullptr || row.mask[j] != 0.0f;
    row.out_mean[j] = live ? dm : 0.0f;
    row.out_raw[j] = live ? dl * row.slope[j] : 0.0f;
  }
}

// Comparisons are written so that NaN stays NaN, which is how a diverged trial is noticed; and 0 is chosen rather than multiplied by,
// because 0 times infinity is no number.
VAE_CLONES void bias_activation(float* __restrict y, const float* __restrict bias, int64_t count, float slope) {
  if (slope == 0.0f) {
    for (int64_t j = 0; j < count; j++) {
      const float v = y[j] + bias[j];
      y[j] = v < 0.0f ? 0.0f : v;
    }
    return;
  }
  for (int64_t j = 0; j < count; j++) {
    const float v = y[j] + bias[j];
    y[j] = v < 0.0f ? v * slope : v;
  }
}

VAE_CLONES void bias_activation_backward(float* __restrict gradient, const float* __restrict y, float* __restrict sum, int64_t count, float slope) {
  if (slope == 0.0f) {
    for (int64_t j = 0; j < count; j++) {
      const float g = y[j] <= 0.0f ? 0.0f : gradient[j];
      gradient[j] = g;
      sum[j] += g;
    }
    return;
  }
  for (int64_t j = 0; j < count; j++) {
    const float g = y[j] <= 0.0f ? gradient[j] * slope : gradient[j];
    gradient[j] = g;
    sum[j] += g;
  }
}

VAE_CLONES void add(float* __restrict sum, const float* __restrict values, int64_t count) {
  for (int64_t j = 0; j < count; j++) sum[j] += values[j];
}

VAE_CLONES void bytes_to_unit(const uint8_t* __restrict source, float* __restrict target, int64_t count) {
  for (int64_t j = 0; j < count; j++) target[j] = static_cast<float>(source[j]) / 255.0f;
}

VAE_CLONES void bytes_to_fixed_bits(const uint8_t* __restrict source, float* __restrict target, int64_t count) {
  for (int64_t j = 0; j < count; j++) target[j] = static_cast<float>(source[j] >> 7);
}

VAE_CLONES void bytes_to_random_bits(const uint8_t* __restrict source, const uint32_t* __restrict bits, float* __restrict target, int64_t count) {
  // u < v / 255 with u = (bits >> 8) / 2^24, in integers: 0 never fires and 255 always does.
  for (int64_t j = 0; j < count; j++) {
    const uint32_t u = (bits[j] >> 8) * 255u, limit = static_cast<uint32_t>(source[j]) << 24;
    target[j] = u < limit ? 1.0f : 0.0f;
  }
}

// Kingma and Ba, 2015, algorithm 1, in PyTorch's order of operations. step_size = lr / (1 - beta1^t), sqrt_correction2 = sqrt(1 - beta2^t);
// decoupled_factor = 1 - lr * decay for AdamW (Loshchilov and Hutter, 2019), 1 for Adam, whose decay is added to the gradient.
VAE_CLONES void adam(float* __restrict parameter, const float* __restrict gradient, float* __restrict average, float* __restrict square, int64_t count,
                     const AdamSettings& settings) {
  const float beta1 = settings.beta1, beta2 = settings.beta2, epsilon = settings.epsilon, step_size = settings.step_size;
  const float rest1 = settings.rest1, rest2 = settings.rest2, inverse = 1.0f / settings.sqrt_correction2;
  const float decay = settings.weight_decay, factor = settings.decoupled_factor, clip = settings.gradient_factor;
  for (int64_t i = 0; i < count; i++) {
    const float p = parameter[i] * factor, g = gradient[i] * clip + decay * p;
    const float m = average[i] * beta1 + g * rest1;
    const float v = square[i] * beta2 + g * g * rest2;
    average[i] = m;
    square[i] = v;
    parameter[i] = p - step_size * (m / (__builtin_sqrtf(v) * inverse + epsilon));
  }
}

VAE_CLONES void sgd(float* __restrict parameter, const float* __restrict gradient, float* __restrict buffer, int64_t count, const SgdSettings& settings) {
  const float rate = settings.learning_rate, momentum = settings.momentum, decay = settings.weight_decay, clip = settings.gradient_factor;
  if (momentum == 0.0f) {
    for (int64_t i = 0; i < count; i++) parameter[i] -= rate * (gradient[i] * clip + decay * parameter[i]);
    return;
  }
  // The first step copies the gradient, undampened, as PyTorch does.
  const float keep = settings.first ? 0.0f : momentum, take = settings.first ? 1.0f : settings.take;
  const float own = settings.nesterov ? 1.0f : 0.0f, through = settings.nesterov ? momentum : 1.0f;
  for (int64_t i = 0; i < count; i++) {
    const float g = gradient[i] * clip + decay * parameter[i];
    const float b = keep * buffer[i] + take * g;
    buffer[i] = b;
    parameter[i] -= rate * (own * g + through * b);
  }
}

VAE_CLONES double sum_of_squares(const float* __restrict values, int64_t count) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; i++) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

}  // namespace vae::loops
