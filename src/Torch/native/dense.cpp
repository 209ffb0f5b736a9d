// A run of fully connected layers with their activations as one node of the graph. On CPU float32 inside a training step the products go
// straight to the BLAS, slot by slot and without those that are empty; bias and activation are one pass over the result, their way back
// another; weight gradients are added straight into `.grad`. Anything else takes the layers through ATen (layers.cpp), with the same results.
#include "dense.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

#include "gradients.h"
#include "step.h"

using namespace vae;
using torch::autograd::variable_list;

namespace {

thread_local TrainingStep current_step;

bool wants_gradient(const at::Tensor& parameter) { return parameter.defined() && parameter.requires_grad(); }

bool has_grad_to_add_to(const at::Tensor& parameter) {
  const auto& grad = parameter.grad();
  return grad.defined() && grad.is_contiguous() && is_plain_cpu_float(grad);
}

// Without a hook on it, nobody needs the node that would collect a parameter's gradient: the layer writes it itself, which saves a
// parameter's visit by the engine, a microsecond each.
bool is_direct(const at::Tensor& parameter) {
  if (!wants_gradient(parameter)) return true;
  if (!parameter.is_leaf() || !has_grad_to_add_to(parameter)) return false;
  const auto accumulator = torch::autograd::impl::try_get_grad_accumulator(parameter);
  return accumulator == nullptr || (accumulator->post_hooks().empty() && accumulator->pre_hooks().empty());
}

bool is_direct(const std::vector<DenseLayer>& layers) {
  return std::all_of(layers.begin(), layers.end(), [](const DenseLayer& l) { return is_direct(l.weight) && is_direct(l.bias); });
}

// Where a parameter's gradient goes: its `.grad`, or a tensor that is returned to autograd.
struct Destination {
  at::Tensor memory, returned;

  explicit Destination(const at::Tensor& parameter) {
    if (!wants_gradient(parameter)) return;
    const bool in_place = can_add_in_place(parameter);
    memory = in_place ? parameter.grad() : at::zeros_like(parameter, at::MemoryFormat::Contiguous);
    if (!in_place) returned = memory;
  }

  float* data() const { return memory.defined() ? memory.data_ptr<float>() : nullptr; }
};

struct DenseNode final : torch::autograd::Node {
  std::vector<DenseLayer> layers;
  std::vector<DensePassed> passed;
  UsedRows rows;
  at::Tensor x;
  bool x_wanted = false;

  std::string name() const override { return "DenseBackward"; }

  void release_variables() override {
    x = at::Tensor();
    passed.clear();
  }

  variable_list apply(variable_list&& incoming) override {
    variable_list outgoing(1 + 2 * layers.size());
    if (!incoming[0].defined()) return outgoing;
    TORCH_CHECK(x.defined(), "backward a second time through a layer whose memory has been freed; say retain_graph the first time");
    TORCH_CHECK(!at::GradMode::is_enabled(), "the layers of a training step have gradients of first order only");
    auto gradient = incoming[0].contiguous().view({rows.slots(), rows.n, layers.back().outputs()});
    bool owned = false;
    for (size_t l = layers.size(); l-- > 0;) {
      const auto& layer = layers[l];
      const auto& input = l == 0 ? x : passed[l - 1].after;
      Destination weight(layer.weight), bias(layer.bias);
      gradient = dense_backward_activation(gradient, owned, passed[l], layer, rows, bias.data());
      if (weight.memory.defined()) dense_backward_weight(gradient, input, rows, weight.data());
      outgoing[1 + 2 * l] = std::move(weight.returned);
      outgoing[2 + 2 * l] = std::move(bias.returned);
      if (l == 0 && !x_wanted) break;
      gradient = dense_backward_input(gradient, layer.weight, rows, /*clear=*/l == 0);
      owned = true;
    }
    if (x_wanted) outgoing[0] = std::move(gradient);
    return outgoing;
  }
};

at::Tensor as_slots(const at::Tensor& x) { return (x.dim() == 2 ? x.unsqueeze(0) : x).contiguous(); }

UsedRows rows_of(const at::Tensor& x, int64_t slots) {
  UsedRows rows;
  rows.n = x.size(1);
  const auto& given = current_step.rows;
  const bool own = current_step.active && given.defined() && given.size(0) == slots;
  for (int64_t k = 0; k < slots; k++) {
    const int64_t used = own ? given.data_ptr<int32_t>()[k] : rows.n;
    TORCH_CHECK(used >= 0 && used <= rows.n, "slot ", k, " has ", used, " rows, outside 0 .. ", rows.n);
    rows.used.push_back(used);
  }
  return rows;
}

at::Tensor fused(const at::Tensor& input, std::vector<DenseLayer> layers, bool record, bool direct) {
  at::Tensor y;
  auto node = record ? std::shared_ptr<DenseNode>(new DenseNode(), torch::autograd::deleteNode) : nullptr;
  {
    at::AutoDispatchBelowADInplaceOrView below_autograd;
    auto x = as_slots(input);
    const auto rows = rows_of(x, layers[0].weight.size(0));
    y = x;
    std::vector<DensePassed> passed;
    for (size_t l = 0; l < layers.size(); l++) {
      passed.push_back(dense_forward(y, layers[l], rows, /*clear=*/l + 1 == layers.size()));
      y = passed.back().after;
      if (!record) passed.clear();
    }
    if (record) {
      // The result must not hold itself alive through its own node.
      passed.back().after = layers.back().identity() ? at::Tensor() : y.detach();
      node->x = std::move(x);
      node->rows = rows;
      node->passed = std::move(passed);
    }
    if (input.dim() == 2) y = y.squeeze(0);
  }
  if (!record) return y;
  node->x_wanted = input.requires_grad();
  torch::autograd::edge_list edges(1 + 2 * layers.size());
  if (node->x_wanted) edges[0] = torch::autograd::impl::gradient_edge(input);
  for (size_t l = 0; l < layers.size() && !direct; l++) {
    if (wants_gradient(layers[l].weight)) edges[1 + 2 * l] = torch::autograd::impl::gradient_edge(layers[l].weight);
    if (wants_gradient(layers[l].bias)) edges[2 + 2 * l] = torch::autograd::impl::gradient_edge(layers[l].bias);
  }
  node->layers = std::move(layers);
  node->set_next_edges(std::move(edges));
  torch::autograd::create_gradient_edge(y, node);
  return y;
}

bool plain(const at::Tensor& t) { return !t.defined() || (is_plain_cpu_float(t) && t.is_contiguous()); }

at::Tensor dense(const at::Tensor& x, std::vector<DenseLayer> layers) {
  bool wanted = x.requires_grad(), host = is_plain_cpu_float(x) && !reduced_products();
  for (const auto& layer : layers) {
    wanted = wanted || wants_gradient(layer.weight) || wants_gradient(layer.bias);
    host = host && plain(layer.weight) && plain(layer.bias);
  }
  const bool record = wanted && at::GradMode::is_enabled();
  const bool shared = x.dim() == 3 && x.size(0) != layers[0].weight.size(0);
  if (!host || (record && (!current_step.active || (shared && x.requires_grad())))) {
    auto y = x;
    for (const auto& layer : layers) y = activate(linear(y, layer.weight, layer.bias), layer.act, layer.slope);
    return y;
  }
  int64_t width = x.size(-1);
  check_linear(x, layers[0].weight, layers[0].bias);
  for (const auto& layer : layers) {
    TORCH_CHECK(layer.inputs() == width && layer.weight.size(0) == layers[0].weight.size(0), "linear: a row of ", width, " does not fit weight ", layer.weight.sizes(), " ([K,out,in])");
    width = layer.outputs();
  }
  if (!record || is_direct(layers)) return fused(x, std::move(layers), record, true);
  // Somebody waits for single gradients (an all-reduce beside backward): one node per layer, so that they are ready early.
  auto y = x;
  for (const auto& layer : layers) y = fused(y, {layer}, true, false);
  return y;
}

}  // namespace

const TrainingStep& vae::training_step() noexcept { return current_step; }

// rows: int32 [K] on the host, or null. Steps do not nest.
VAE_API int vae_begin_training_step(Handle rows) {
  return run([&] {
    TORCH_CHECK(!current_step.active, "a training step is already open on this thread");
    auto given = get_or_undefined(rows);
    if (given.defined() && !given.is_cpu()) given = at::Tensor(); // A device computes all rows; the loss leaves out those that do not count.
    TORCH_CHECK(!given.defined() || (given.dim() == 1 && given.scalar_type() == at::kInt && given.is_contiguous()), "a training step's rows must be Int32 [K], got ", given.sizes());
    current_step = {true, std::move(given)};
  });
}
VAE_API void vae_end_training_step() { current_step = {}; }

// Other rows for the layers that run from now on: int32 [K] on the host, or null for all. Nothing happens outside a step. Returns the rows before, or null.
VAE_API int vae_swap_step_rows(Handle rows, Handle* before) {
  return run([&] {
    *before = nullptr;
    if (!current_step.active) return;
    auto given = get_or_undefined(rows);
    if (given.defined() && !given.is_cpu()) given = at::Tensor();
    if (current_step.rows.defined()) *before = wrap(at::Tensor(current_step.rows));
    current_step.rows = std::move(given);
  });
}

// A run of layers: parameters holds weight and bias (or null) of each, acts and slopes its activation.
VAE_API Handle vae_dense(Handle x, const Handle* parameters, const int* acts, const double* slopes, int count) {
  return make([&] {
    std::vector<DenseLayer> layers;
    layers.reserve(count);
    for (int l = 0; l < count; l++) layers.push_back({get(parameters[2 * l]), get_or_undefined(parameters[2 * l + 1]), static_cast<Act>(acts[l]), slopes[l]});
    return dense(get(x), std::move(layers));
  });
}
