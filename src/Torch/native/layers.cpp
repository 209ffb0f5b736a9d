// Parametrised layers. Each parameter has a leading replica dimension K; K = 1 takes the plain matrix product.
#include "abi.h"

#include <torch/csrc/autograd/custom_function.h>

using namespace vae;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

// Autograd would write a weight gradient into fresh memory and then add it to `.grad`: three extra passes over the weights, which is
// 10 % of a small model's step. Where `.grad` already exists (it is a view of the flat buffer) the product adds into it at once.
bool can_add_in_place(const at::Tensor& parameter) {
  if (!in_plain_backward() || at::GradMode::is_enabled() || !parameter.is_leaf() || !parameter.requires_grad()) return false;
  const auto& grad = parameter.grad();
  return grad.defined() && grad.is_contiguous() && grad.scalar_type() == parameter.scalar_type();
}

// y[K,n,out] = x[K,n,in] weight[K,out,in]^T + bias[K,out]; for K = 1 x may be [n,in], and y is then [n,out].
struct LinearFunction : torch::autograd::Function<LinearFunction> {
  // libtorch 1.13 refuses an undefined tensor among the arguments, so a layer without bias passes a stand-in and says so.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias_or_stand_in, bool has_bias) {
    const auto bias = has_bias ? bias_or_stand_in : at::Tensor();
    ctx->save_for_backward({x, weight, bias});
    ctx->set_materialize_grads(false);
    const auto replicas = weight.size(0), outputs = weight.size(1), inputs = weight.size(2);
    if (replicas == 1) {
      auto rows = x.reshape({-1, inputs});
      auto matrix = weight.view({outputs, inputs}).t();
      auto y = bias.defined() ? at::addmm(bias.view({outputs}), rows, matrix) : at::mm(rows, matrix);
      return x.dim() == 2 ? y : y.view({1, -1, outputs});
    }
    auto matrix = weight.transpose(1, 2);
    return bias.defined() ? at::baddbmm(bias.unsqueeze(1), x, matrix) : at::bmm(x, matrix);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto& dy = gradients[0];
    if (!dy.defined()) return {at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &bias = saved[2];
    const auto replicas = weight.size(0), outputs = weight.size(1), inputs = weight.size(2);
    const bool one = replicas == 1;
    auto x_rows = one ? x.reshape({-1, inputs}) : x;
    auto dy_rows = one ? dy.reshape({-1, outputs}) : dy;

    at::Tensor dx, dw, db;
    if (ctx->needs_input_grad(0)) {
      dx = one ? at::mm(dy_rows, weight.view({outputs, inputs})) : at::bmm(dy_rows, weight);
      if (one) dx = dx.view(x.sizes());
    }
    if (ctx->needs_input_grad(1)) {
      if (can_add_in_place(weight)) {
        auto target = weight.grad();
        if (one) target.view({outputs, inputs}).addmm_(dy_rows.t(), x_rows); else target.baddbmm_(dy_rows.transpose(1, 2), x_rows);
      } else {
        dw = one ? at::mm(dy_rows.t(), x_rows).view({1, outputs, inputs}) : at::bmm(dy_rows.transpose(1, 2), x_rows);
      }
    }
    if (bias.defined() && bias.requires_grad()) {
      db = one ? dy_rows.sum(0).view({1, outputs}) : dy_rows.sum(1);
      if (can_add_in_place(bias)) {
        bias.grad().add_(db);
        db = at::Tensor();
      }
    }
    return {dx, dw, db, at::Tensor()};
  }
};

}  // namespace

VAE_API Handle vae_linear(Handle x, Handle weight, Handle bias) {
  return make([&] {
    const auto &input = get(x), &w = get(weight);
    TORCH_CHECK(w.dim() == 3, "linear: weight must be [K,out,in], got ", w.sizes());
    TORCH_CHECK(input.dim() == 3 || (input.dim() == 2 && w.size(0) == 1), "linear: input must be [K,n,in] (or [n,in] for K = 1), got ", input.sizes());
    TORCH_CHECK(input.size(-1) == w.size(2) && (input.dim() == 2 || input.size(0) == w.size(0)),
                "linear: input ", input.sizes(), " does not fit weight ", w.sizes(), " ([K,out,in])");
    return bias ? LinearFunction::apply(input, w, get(bias), true) : LinearFunction::apply(input, w, w.detach(), false);
  });
}

// x is [n, K*in, H, W]; weight is [K, out, in/groups, kh, kw]; replica k sees channels k*in .. (k+1)*in: a grouped convolution.
VAE_API Handle vae_conv2d(Handle x, Handle weight, Handle bias, int64_t stride, int64_t padding, int64_t dilation, int64_t groups) {
  return make([&] {
    const auto& w = get(weight);
    TORCH_CHECK(w.dim() == 5, "conv2d: weight must be [K,out,in/groups,kh,kw], got ", w.sizes());
    auto b = get_or_undefined(bias);
    return at::conv2d(get(x), w.flatten(0, 1), b.defined() ? b.reshape({-1}) : b, at::IntArrayRef{stride, stride},
                      at::IntArrayRef{padding, padding}, at::IntArrayRef{dilation, dilation}, groups * w.size(0));
  });
}

// weight is [K, in, out/groups, kh, kw], as PyTorch lays out transposed convolutions.
VAE_API Handle vae_conv_transpose2d(Handle x, Handle weight, Handle bias, int64_t stride, int64_t padding, int64_t output_padding, int64_t groups) {
  return make([&] {
    const auto& w = get(weight);
    TORCH_CHECK(w.dim() == 5, "conv_transpose2d: weight must be [K,in,out/groups,kh,kw], got ", w.sizes());
    auto b = get_or_undefined(bias);
    return at::conv_transpose2d(get(x), w.flatten(0, 1), b.defined() ? b.reshape({-1}) : b, at::IntArrayRef{stride, stride},
                                at::IntArrayRef{padding, padding}, at::IntArrayRef{output_padding, output_padding}, groups * w.size(0));
  });
}
