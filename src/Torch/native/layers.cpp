// The linear layer and activations through ATen. Each parameter has a leading replica dimension K; K = 1 takes the plain matrix product.
#include "layers.h"

#include <torch/csrc/autograd/custom_function.h>

#include "gradients.h"

using namespace vae;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

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

void vae::check_linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias) {
  TORCH_CHECK(w.dim() == 3, "linear: weight must be [K,out,in], got ", w.sizes());
  TORCH_CHECK(x.dim() == 3 || (x.dim() == 2 && w.size(0) == 1), "linear: input must be [K,n,in] (or [n,in] for K = 1), got ", x.sizes());
  TORCH_CHECK(x.size(-1) == w.size(2) && (x.dim() == 2 || x.size(0) == w.size(0) || x.size(0) == 1),
              "linear: input ", x.sizes(), " does not fit weight ", w.sizes(), " ([K,out,in])");
  TORCH_CHECK(!bias.defined() || bias.numel() == w.size(0) * w.size(1), "linear: bias ", bias.sizes(), " does not fit weight ", w.sizes(), " ([K,out,in])");
}

namespace {
thread_local bool products_are_reduced = false;
}  // namespace

bool vae::reduced_products() noexcept { return products_are_reduced; }

// Matrix products and convolutions that this thread records from now on round their inputs to bfloat16 and give float32; sums inside stay float32.
VAE_API int vae_set_reduced_products(int on) {
  const int previous = products_are_reduced ? 1 : 0;
  products_are_reduced = on != 0;
  return previous;
}

at::Tensor vae::linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  check_linear(x, weight, bias);
  if (reduced_products()) {
    // Casts that autograd knows: gradients arrive at the parameters as float32.
    auto rows = x.dim() == 2 ? x.unsqueeze(0) : x;
    auto y = at::matmul(rows.to(at::kBFloat16), weight.to(at::kBFloat16).transpose(1, 2)).to(weight.scalar_type());
    if (bias.defined()) y = y + bias.view({weight.size(0), 1, weight.size(1)});
    return x.dim() == 2 ? y.squeeze(0) : y;
  }
  const bool spread = x.dim() == 3 && x.size(0) != weight.size(0);
  auto input = spread ? x.expand({weight.size(0), x.size(1), x.size(2)}) : x;
  return bias.defined() ? LinearFunction::apply(input, weight, bias, true) : LinearFunction::apply(input, weight, weight.detach(), false);
}

at::Tensor vae::activate(const at::Tensor& x, Act act, double slope) {
  switch (act) {
    case Act::kIdentity: return x;
    case Act::kRelu: return at::relu(x);
    case Act::kLeakyRelu: return at::leaky_relu(x, slope);
    case Act::kTanh: return at::tanh(x);
    case Act::kSigmoid: return at::sigmoid(x);
    case Act::kSilu: return at::silu(x);
    case Act::kGelu: return at::gelu(x);
    case Act::kElu: return at::elu(x);
    case Act::kSoftplus: return at::softplus(x);
  }
  TORCH_CHECK(false, "unknown activation ", static_cast<int>(act));
}

at::Tensor vae::activate_backward(const at::Tensor& gradient, const at::Tensor& before, const at::Tensor& after, Act act, double slope) {
  switch (act) {
    case Act::kIdentity: return gradient;
    case Act::kRelu: return at::threshold_backward(gradient, after, 0);
    case Act::kLeakyRelu: return at::leaky_relu_backward(gradient, before, slope, /*self_is_result=*/false);
    case Act::kTanh: return at::tanh_backward(gradient, after);
    case Act::kSigmoid: return at::sigmoid_backward(gradient, after);
    case Act::kSilu: return at::silu_backward(gradient, before);
    case Act::kGelu: return at::gelu_backward(gradient, before);
    case Act::kElu: return at::elu_backward(gradient, 1, 1, 1, /*is_result=*/false, before);
    case Act::kSoftplus: return at::softplus_backward(gradient, before, 1, 20);
  }
  TORCH_CHECK(false, "unknown activation ", static_cast<int>(act));
}
