#include "dense.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "loops.h"
#include "products.h"

namespace vae {

namespace {

constexpr int64_t kColumns = 128;  // Columns of one task of a sum over rows: eight cache lines of each row.

// Where each slot of a tensor [K,n,width] begins; 0 apart when one serves all.
int64_t slot_stride(const at::Tensor& t) { return t.size(0) == 1 ? 0 : t.size(1) * t.size(2); }

void clear_unused(at::Tensor& t, const UsedRows& rows) {
  const int64_t width = t.size(2);
  auto* data = t.data_ptr<float>();
  for (int64_t k = 0; k < rows.slots(); k++) std::fill(data + (k * rows.n + rows.used[k]) * width, data + (k + 1) * rows.n * width, 0.0f);
}

void add_bias(float* y, const DenseLayer& layer, const UsedRows& rows) {
  const int64_t width = layer.outputs();
  const float slope = layer.piecewise() ? layer.factor() : 1.0f;
  if (!layer.bias.defined() && slope == 1.0f) return;
  const std::vector<float> nothing(layer.bias.defined() ? 0 : static_cast<size_t>(width));
  const auto* bias = layer.bias.defined() ? layer.bias.data_ptr<float>() : nothing.data();
  const int64_t bias_stride = layer.bias.defined() ? width : 0;
  at::parallel_for(0, rows.slots() * rows.n, 32, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const int64_t k = r / rows.n;
      if (r - k * rows.n < rows.used[k]) loops::bias_activation(y + r * width, bias + k * bias_stride, width, slope);
    }
  });
}

}  // namespace

bool UsedRows::full() const {
  return std::all_of(used.begin(), used.end(), [this](int64_t count) { return count == n; });
}

DensePassed dense_forward(const at::Tensor& x, const DenseLayer& layer, const UsedRows& rows, bool clear) {
  const int64_t in = layer.inputs(), out = layer.outputs(), stride = slot_stride(x);
  auto y = at::empty({rows.slots(), rows.n, out}, x.options());
  const auto *xp = x.data_ptr<float>(), *wp = layer.weight.data_ptr<float>();
  auto* yp = y.data_ptr<float>();
  for (int64_t k = 0; k < rows.slots(); k++) products::multiply({false, true, rows.used[k], out, in, xp + k * stride, in, wp + k * out * in, in, 0.0f, yp + k * rows.n * out, out});
  add_bias(yp, layer, rows);
  if ((clear || !layer.piecewise()) && !rows.full()) clear_unused(y, rows);
  if (layer.piecewise()) return {at::Tensor(), y};
  auto after = activate(y, layer.act, layer.slope);
  if (clear && !rows.full()) clear_unused(after, rows);
  return {y, after};
}

at::Tensor dense_backward_activation(const at::Tensor& gradient, bool owned, const DensePassed& passed, const DenseLayer& layer, const UsedRows& rows, float* bias_gradient) {
  const int64_t width = layer.outputs(), blocks = (width + kColumns - 1) / kColumns;
  const bool piecewise = layer.piecewise() && !layer.identity();
  auto result = piecewise ? (owned ? gradient : gradient.clone()) : layer.identity() ? gradient : activate_backward(gradient, passed.before, passed.after, layer.act, layer.slope);
  if (!piecewise && bias_gradient == nullptr) return result;
  auto* gp = result.data_ptr<float>();
  const auto* yp = piecewise ? passed.after.data_ptr<float>() : nullptr;
  const float slope = layer.factor();
  // Each task owns some columns and goes down the rows, so that a sum has one order whatever the number of threads.
  at::parallel_for(0, rows.slots() * blocks, 1, [&](int64_t begin, int64_t end) {
    float unwanted[kColumns];
    for (int64_t task = begin; task < end; task++) {
      const int64_t k = task / blocks, column = (task - k * blocks) * kColumns, count = std::min(kColumns, width - column);
      float* sum = bias_gradient ? bias_gradient + k * width + column : unwanted;
      for (int64_t i = 0; i < rows.used[k]; i++) {
        const int64_t at = (k * rows.n + i) * width + column;
        if (piecewise) loops::bias_activation_backward(gp + at, yp + at, sum, count, slope); else loops::add(sum, gp + at, count);
      }
    }
  });
  return result;
}

void dense_backward_weight(const at::Tensor& gradient, const at::Tensor& x, const UsedRows& rows, float* weight_gradient) {
  const int64_t in = x.size(2), out = gradient.size(2), stride = slot_stride(x);
  const auto *gp = gradient.data_ptr<float>(), *xp = x.data_ptr<float>();
  for (int64_t k = 0; k < rows.slots(); k++) {
    if (rows.used[k] == 0) continue;
    products::multiply({true, false, out, in, rows.used[k], gp + k * rows.n * out, out, xp + k * stride, in, 1.0f, weight_gradient + k * out * in, in});
  }
}

at::Tensor dense_backward_input(const at::Tensor& gradient, const at::Tensor& weight, const UsedRows& rows, bool clear) {
  const int64_t out = weight.size(1), in = weight.size(2);
  auto result = at::empty({rows.slots(), rows.n, in}, gradient.options());
  const auto *gp = gradient.data_ptr<float>(), *wp = weight.data_ptr<float>();
  auto* rp = result.data_ptr<float>();
  for (int64_t k = 0; k < rows.slots(); k++) products::multiply({false, false, rows.used[k], in, out, gp + k * rows.n * out, out, wp + k * out * in, in, 0.0f, rp + k * rows.n * in, in});
  if (clear && !rows.full()) clear_unused(result, rows);
  return result;
}

}  // namespace vae
