// Gradients: backward, grad, grad mode, `.grad` views, and a hook for "this gradient is complete".
#include "abi.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

using namespace vae;

namespace {
thread_local bool plain_backward = false;

// Layers may add into `.grad` themselves only while an ordinary first-order backward runs: autograd.grad must leave `.grad` alone.
struct PlainBackward {
  bool previous = plain_backward;
  explicit PlainBackward(bool plain) { plain_backward = plain; }
  ~PlainBackward() { plain_backward = previous; }
};
}  // namespace

bool vae::in_plain_backward() noexcept { return plain_backward; }

VAE_API int vae_backward(const Handle* roots, const Handle* gradients, int count, int retain_graph, int create_graph) {
  return run([&] {
    PlainBackward guard(create_graph == 0);
    TensorList incoming;
    for (int i = 0; i < count; i++) incoming.push_back(gradients == nullptr ? at::Tensor() : get_or_undefined(gradients[i]));
    torch::autograd::backward(get_list(roots, count), incoming, retain_graph != 0, create_graph != 0);
  });
}

// `results[i]` becomes null when inputs[i] does not influence the outputs and allow_unused is set.
VAE_API int vae_autograd_grad(const Handle* outputs, int output_count, const Handle* inputs, int input_count, const Handle* gradients,
                              int retain_graph, int create_graph, int allow_unused, Handle* results) {
  return run([&] {
    PlainBackward guard(false);
    TensorList incoming;
    for (int i = 0; i < output_count; i++) incoming.push_back(gradients == nullptr ? at::Tensor() : get_or_undefined(gradients[i]));
    auto list = torch::autograd::grad(get_list(outputs, output_count), get_list(inputs, input_count), incoming,
                                      retain_graph != 0, create_graph != 0, allow_unused != 0);
    for (int i = 0; i < input_count; i++) results[i] = list[i].defined() ? wrap(std::move(list[i])) : nullptr;
  });
}

VAE_API int vae_set_grad_enabled(int enabled) {
  int previous = at::GradMode::is_enabled() ? 1 : 0;
  at::GradMode::set_enabled(enabled != 0);
  return previous;
}
VAE_API int vae_is_grad_enabled() { return at::GradMode::is_enabled() ? 1 : 0; }
VAE_API int vae_requires_grad(Handle t) { return get(t).requires_grad() ? 1 : 0; }
VAE_API int vae_is_leaf(Handle t) { return get(t).is_leaf() ? 1 : 0; }
VAE_API int vae_set_requires_grad(Handle t, int value) {
  return run([&] { get(t).set_requires_grad(value != 0); });
}
VAE_API Handle vae_detach(Handle t) {
  return make([&] { return get(t).detach(); });
}
VAE_API int vae_grad(Handle t, Handle* gradient) {
  return run([&] {
    auto grad = get(t).grad();
    *gradient = grad.defined() ? wrap(std::move(grad)) : nullptr;
  });
}
VAE_API int vae_set_grad(Handle t, Handle gradient) {
  return run([&] {
    TORCH_CHECK(gradient == nullptr || get(gradient).sizes() == get(t).sizes(), "a gradient must have its tensor's shape");
    get(t).mutable_grad() = get_or_undefined(gradient);
  });
}
// The tensor keeps its identity (graph edges, handle) and takes over the other one's memory.
VAE_API int vae_set_data(Handle t, Handle data) {
  return run([&] { get(t).set_data(get(data)); });
}

using GradientReady = void (*)(int64_t tag);

namespace {
// Runs after AccumulateGrad has written `.grad`, in reverse layer order, on the thread that runs backward.
struct ReadyHook final : torch::autograd::FunctionPostHook {
  GradientReady callback;
  int64_t tag;
  ReadyHook(GradientReady callback, int64_t tag) : callback(callback), tag(tag) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs, const torch::autograd::variable_list&) override {
    callback(tag);
    return outputs;
  }
};
using AccumulatorNode = std::shared_ptr<torch::autograd::Node>;
}  // namespace

// A leaf holds its accumulator node only weakly, so the returned owner must be kept for as long as the hook is wanted.
VAE_API int vae_hook_gradient_ready(Handle t, GradientReady callback, int64_t tag, AccumulatorNode** owner) {
  return run([&] {
    auto node = torch::autograd::impl::grad_accumulator(get(t));
    TORCH_CHECK(node != nullptr, "only a leaf that requires a gradient can be watched");
    node->add_post_hook(std::make_unique<ReadyHook>(callback, tag));
    *owner = new AccumulatorNode(std::move(node));
  });
}
VAE_API void vae_unhook(AccumulatorNode* owner) { delete owner; }
