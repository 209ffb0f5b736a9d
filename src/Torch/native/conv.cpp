// Convolutions for K replicas as autograd functions over conv_passes. Images are [K,n,C,H,W] in any memory order; what is made here lies
// channels last ([K,n,H,W,C] in memory), which is what the next layer reads fastest. Whatever the passes do not speak (a GPU, another type,
// groups, dilation, gradients of gradients) goes through ATen's grouped convolution.
#include "abi.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>

#include "conv_passes.h"
#include "gradients.h"
#include "layers.h"

using namespace vae;
using conv::Geometry;
using conv::Passes;
using conv::Side;
using conv::Workspace;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Settings {
  int64_t stride, padding, output_padding, dilation, groups;
  bool transposed, relu;
};

// ---- ATen's way -----------------------------------------------------------------------------------------------------------------------

// [K,n,C,H,W] as [n,K*C,H,W] and back: K convolutions are one with K groups.
at::Tensor fold(const at::Tensor& x) { return x.size(0) == 1 ? x.squeeze(0) : x.transpose(0, 1).flatten(1, 2); }
at::Tensor unfold(const at::Tensor& x, int64_t replicas) {
  return replicas == 1 ? x.unsqueeze(0) : x.unflatten(1, {replicas, x.size(1) / replicas}).transpose(0, 1);
}

at::Tensor convolve_elsewhere(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Settings& s) {
  const auto replicas = weight.size(0);
  // Casts that autograd knows: gradients arrive at the parameters in their own type.
  const auto type = reduced_products() ? at::kBFloat16 : weight.scalar_type();
  const auto flat_bias = bias.defined() ? bias.reshape({-1}).to(type) : bias;
  const auto images = fold(x).to(type), kernels = weight.flatten(0, 1).to(type);
  const at::IntArrayRef stride = s.stride, padding = s.padding, dilation = s.dilation;
  auto y = s.transposed ? at::conv_transpose2d(images, kernels, flat_bias, stride, padding, at::IntArrayRef(s.output_padding), s.groups * replicas, dilation)
                        : at::conv2d(images, kernels, flat_bias, stride, padding, dilation, s.groups * replicas);
  y = unfold(y, replicas).to(weight.scalar_type());
  return s.relu ? at::relu(y) : y;
}

// ---- Our way --------------------------------------------------------------------------------------------------------------------------

Geometry geometry_of(at::IntArrayRef x, at::IntArrayRef weight, const Settings& s) {
  const auto kh = weight[3], kw = weight[4];
  Geometry g{};
  g.kernel_height = kh, g.kernel_width = kw, g.stride = s.stride, g.padding = s.padding;
  g.cy = weight[1], g.cx = weight[2];
  if (s.transposed) {
    g.out_height = x[3], g.out_width = x[4];
    g.height = (x[3] - 1) * s.stride - 2 * s.padding + kh + s.output_padding;
    g.width = (x[4] - 1) * s.stride - 2 * s.padding + kw + s.output_padding;
  } else {
    g.height = x[3], g.width = x[4];
    g.out_height = (x[3] + 2 * s.padding - kh) / s.stride + 1;
    g.out_width = (x[4] + 2 * s.padding - kw) / s.stride + 1;
  }
  return g;
}

// One replica's images.
Side side_of(const at::Tensor& images, int64_t replica) {
  return {images.data_ptr<float>() + replica * images.stride(0), images.stride(1), images.stride(2), images.stride(3), images.stride(4)};
}

Side from_image(Side side, int64_t first) {
  side.data += first * side.image;
  return side;
}

at::Tensor empty_images(int64_t replicas, int64_t images, int64_t channels, int64_t height, int64_t width, const at::TensorOptions& options) {
  const auto row = width * channels, image = height * row;
  return at::empty_strided({replicas, images, channels, height, width}, {images * image, image, 1, row, channels}, options);
}

// A thread's memory; the threads of the pool live as long as the process.
struct Memory {
  Workspace work;
  conv::Scratch panels, bias, sums;
};
Memory& memory() {
  static thread_local Memory mine;
  return mine;
}

constexpr double kWorthAThread = 4e6;  // Multiplications; below that waking a thread costs as much as it takes over.

int64_t threads_for(double products, int64_t images) {
  if (at::in_parallel_region()) return 1;
  const auto worth = static_cast<int64_t>(products / kWorthAThread);
  return std::max<int64_t>(1, std::min<int64_t>({at::get_num_threads(), worth, images}));
}

// body(replica, threads): whole replicas side by side where there are enough of them, otherwise one after the other with all threads.
template <class Body>
void each_replica(int64_t replicas, int64_t images, double products, Body body) {
  const auto threads = threads_for(products * static_cast<double>(replicas), replicas * images);
  if (threads > 1 && replicas >= threads) {
    at::parallel_for(0, replicas, 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; k++) body(k, 1);
    });
    return;
  }
  for (int64_t k = 0; k < replicas; k++) body(k, std::min(threads_for(products, images), images));
}

// body(part, first image, last image), in pieces that fit the cache.
template <class Body>
void each_image(int64_t images, int64_t parts, int64_t at_once, Body body) {
  auto part = [&](int64_t p) {
    const int64_t begin = images * p / parts, end = images * (p + 1) / parts;
    for (int64_t first = begin; first < end; first += at_once) body(p, first, std::min(end - first, at_once));
  };
  if (parts == 1) return part(0);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) part(p);
  });
}

// A replica's bias, followed by zeros up to a whole number of panels.
const float* padded_bias(conv::Scratch& scratch, const at::Tensor& bias, int64_t replica) {
  if (!bias.defined()) return nullptr;
  const auto channels = bias.size(1), size = channels + 2 * conv::kernels().vector;
  auto* padded = scratch.floats(size);
  std::memcpy(padded, bias.data_ptr<float>() + replica * channels, static_cast<size_t>(channels) * sizeof(float));
  std::fill(padded + channels, padded + size, 0.0f);
  return padded;
}

double products_of(const Geometry& g, int64_t images) {
  return static_cast<double>(images) * static_cast<double>(g.out_height * g.out_width) * static_cast<double>(g.kernel_height * g.kernel_width) * static_cast<double>(g.cx * g.cy);
}

at::Tensor forward_pass(const Geometry& g, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Settings& s) {
  const Passes passes(g);
  const int64_t replicas = weight.size(0), images = x.size(1), weight_size = weight.numel() / replicas;
  auto y = s.transposed ? empty_images(replicas, images, g.cx, g.height, g.width, x.options()) : empty_images(replicas, images, g.cy, g.out_height, g.out_width, x.options());
  const int64_t image = y.stride(1);
  const auto *wp = weight.data_ptr<float>();
  auto* yp = y.data_ptr<float>();
  each_replica(replicas, images, products_of(g, images), [&](int64_t k, int64_t threads) {
    auto* panels = memory().panels.floats(s.transposed ? passes.image_panel_size() : passes.features_panel_size());
    const auto* b = padded_bias(memory().bias, bias, k);
    const auto source = side_of(x, k);
    if (s.transposed) passes.pack_for_image(wp + k * weight_size, panels); else passes.pack_for_features(wp + k * weight_size, panels);
    each_image(images, threads, passes.images_at_once(), [&](int64_t, int64_t first, int64_t count) {
      auto& work = memory().work;
      auto* target = yp + (k * images + first) * image;
      if (s.transposed) passes.to_image(work, passes.load_features(work, from_image(source, first), nullptr, count), panels, b, s.relu, target, count);
      else passes.to_features(work, passes.load_image(work, from_image(source, first), nullptr, count), panels, b, s.relu, target, nullptr, nullptr, count);
    });
  });
  return y;
}

struct Gradients {
  at::Tensor input, weight, bias;  // What is wanted is defined; weight and bias are added to.
};

void backward_pass(const Geometry& g, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& y, const at::Tensor& dy, const Settings& s, Gradients& wanted) {
  const Passes passes(g);
  const int64_t replicas = weight.size(0), images = x.size(1), weight_size = weight.numel() / replicas;
  const int64_t channels = s.transposed ? g.cx : g.cy, gradient_size = passes.gradient_size(), sums_size = gradient_size + channels;
  const auto* wp = weight.data_ptr<float>();
  auto* dx = wanted.input.defined() ? wanted.input.data_ptr<float>() : nullptr;
  auto* dw = wanted.weight.defined() ? wanted.weight.data_ptr<float>() : nullptr;
  auto* db = wanted.bias.defined() ? wanted.bias.data_ptr<float>() : nullptr;
  const int64_t dx_image = dx ? wanted.input.stride(1) : 0;
  const double passes_wanted = (dx ? 1 : 0) + (dw ? 1 : 0);

  each_replica(replicas, images, products_of(g, images) * passes_wanted, [&](int64_t k, int64_t threads) {
    // Each thread adds up its images; the sums of the threads are added in their order, so one number of threads gives one result.
    auto* sums = memory().sums.floats(sums_size * threads);
    std::memset(sums, 0, static_cast<size_t>(sums_size * threads) * sizeof(float));
    float* panels = nullptr;
    if (dx) {
      panels = memory().panels.floats(s.transposed ? passes.features_panel_size() : passes.image_panel_size());
      if (s.transposed) passes.pack_for_features(wp + k * weight_size, panels); else passes.pack_for_image(wp + k * weight_size, panels);
    }
    const auto input = side_of(x, k), incoming = side_of(dy, k);
    const auto output = s.relu ? side_of(y, k) : Side();
    each_image(images, threads, passes.images_at_once(), [&](int64_t part, int64_t first, int64_t count) {
      auto& work = memory().work;
      const auto sign = s.relu ? from_image(output, first) : Side();
      const auto* sign_or_null = s.relu ? &sign : nullptr;
      auto* weight_sums = sums + part * sums_size;
      auto* bias_sums = weight_sums + gradient_size;
      auto* target = dx ? dx + (k * images + first) * dx_image : nullptr;
      if (s.transposed) {
        const auto* image = passes.load_image(work, from_image(incoming, first), sign_or_null, count);
        const auto* features = dw ? passes.load_features(work, from_image(input, first), nullptr, count) : nullptr;
        if (db) passes.add_image_sums(work, image, bias_sums, count);
        passes.to_features(work, image, panels, nullptr, false, target, features, dw ? weight_sums : nullptr, count);
      } else {
        const auto* features = passes.load_features(work, from_image(incoming, first), sign_or_null, count);
        if (db) passes.add_feature_sums(work, features, bias_sums, count);
        if (dw) passes.to_features(work, passes.load_image(work, from_image(input, first), nullptr, count), nullptr, nullptr, false, nullptr, features, weight_sums, count);
        if (dx) passes.to_image(work, features, panels, nullptr, false, target, count);
      }
    });
    for (int64_t part = 1; part < threads; part++)
      for (int64_t i = 0; i < sums_size; i++) sums[i] += sums[part * sums_size + i];
    if (dw) passes.add_gradient(sums, dw + k * weight_size);
    if (db)
      for (int64_t c = 0; c < channels; c++) db[k * channels + c] += sums[gradient_size + c];
  });
}

// Once more through ATen, for gradients that must themselves have gradients.
variable_list backward_elsewhere(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& y, const at::Tensor& dy, const Settings& s,
                                 std::array<bool, 3> wanted) {
  const auto replicas = weight.size(0);
  auto gradient = s.relu ? dy * y.gt(0) : dy;
  const std::vector<int64_t> bias_size{bias.defined() ? bias.numel() : 0};
  auto all = at::convolution_backward(fold(gradient), fold(x), weight.flatten(0, 1), bias.defined() ? at::OptionalIntArrayRef(bias_size) : at::OptionalIntArrayRef(), {s.stride, s.stride},
                                      {s.padding, s.padding}, {1, 1}, s.transposed, {s.output_padding, s.output_padding}, replicas, wanted);
  auto &dx = std::get<0>(all), &dw = std::get<1>(all), &db = std::get<2>(all);
  return {dx.defined() ? unfold(dx, replicas) : dx, dw.defined() ? dw.view(weight.sizes()) : dw, db.defined() ? db.view(bias.sizes()) : db};
}

struct ConvolutionFunction : torch::autograd::Function<ConvolutionFunction> {
  // libtorch 1.13 refuses an undefined tensor among the arguments, so a layer without bias passes a stand-in and says so.
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias_or_stand_in, bool has_bias, int64_t stride, int64_t padding,
                            int64_t output_padding, bool transposed, bool relu) {
    const Settings s{stride, padding, output_padding, 1, 1, transposed, relu};
    const auto bias = has_bias ? bias_or_stand_in.contiguous() : at::Tensor();
    const auto w = weight.contiguous();
    auto y = forward_pass(geometry_of(x.sizes(), w.sizes(), s), x, w, bias, s);
    ctx->save_for_backward({x, weight, has_bias ? bias_or_stand_in : at::Tensor(), relu ? y : at::Tensor()});
    ctx->set_materialize_grads(false);
    auto& data = ctx->saved_data;
    data["stride"] = stride, data["padding"] = padding, data["output_padding"] = output_padding, data["transposed"] = transposed, data["relu"] = relu;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    variable_list result(9);
    const auto& dy = gradients[0];
    if (!dy.defined()) return result;
    auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &bias = saved[2], &y = saved[3];
    auto& data = ctx->saved_data;
    const Settings s{data["stride"].toInt(), data["padding"].toInt(), data["output_padding"].toInt(), 1, 1, data["transposed"].toBool(), data["relu"].toBool()};
    const bool wants_input = ctx->needs_input_grad(0), wants_weight = ctx->needs_input_grad(1), wants_bias = bias.defined() && ctx->needs_input_grad(2);
    if (at::GradMode::is_enabled()) {
      auto all = backward_elsewhere(x, weight, bias, y, dy, s, {wants_input, wants_weight, wants_bias});
      std::copy(all.begin(), all.end(), result.begin());
      return result;
    }

    const auto g = geometry_of(x.sizes(), weight.sizes(), s);
    Gradients wanted;
    if (wants_input)
      wanted.input = s.transposed ? empty_images(weight.size(0), x.size(1), g.cy, g.out_height, g.out_width, x.options())
                                  : empty_images(weight.size(0), x.size(1), g.cx, g.height, g.width, x.options());
    // The answer to autograd stays undefined where `.grad` itself is the target.
    auto target = [&](const at::Tensor& parameter, at::Tensor& answer) {
      if (can_add_in_place(parameter)) return at::Tensor(parameter.grad());
      return answer = at::zeros(parameter.sizes(), parameter.options());
    };
    if (wants_weight) wanted.weight = target(weight, result[1]);
    if (wants_bias) wanted.bias = target(bias, result[2]);
    backward_pass(g, x, weight.contiguous(), y, dy, s, wanted);
    result[0] = wanted.input;
    return result;
  }
};

at::Tensor convolve(const char* name, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, const Settings& s) {
  TORCH_CHECK(weight.dim() == 5, name, ": weight must be [K,", s.transposed ? "in,out" : "out,in", "/groups,kh,kw], got ", weight.sizes());
  const auto replicas = weight.size(0);
  TORCH_CHECK(input.dim() == 5 || (input.dim() == 4 && replicas == 1), name, ": input must be [K,n,C,H,W] (or [n,C,H,W] for K = 1), got ", input.sizes());
  if (input.dim() == 4) return convolve(name, input.unsqueeze(0), weight, bias, s).squeeze(0);
  TORCH_CHECK(input.size(0) == replicas || input.size(0) == 1, name, ": input ", input.sizes(), " has neither one nor ", replicas, " replicas");
  const auto channels = s.transposed ? weight.size(1) : weight.size(2) * s.groups;
  TORCH_CHECK(input.size(2) == channels, name, ": input ", input.sizes(), " must have ", channels, " channels for weight ", weight.sizes());
  TORCH_CHECK(!bias.defined() || bias.numel() == replicas * weight.size(s.transposed ? 2 : 1) * (s.transposed ? s.groups : 1), name, ": bias ", bias.sizes(), " does not fit weight ", weight.sizes());
  TORCH_CHECK(s.stride > 0 && s.dilation > 0 && s.padding >= 0 && s.output_padding >= 0 && s.groups > 0, name, ": stride, dilation and groups must be positive, paddings not negative");
  // A broadcast input costs nothing: its replicas are the same memory.
  const auto x = input.size(0) == replicas ? input : input.expand({replicas, -1, -1, -1, -1});
  const bool ours = !reduced_products() && is_plain_cpu_float(x) && is_plain_cpu_float(weight) && (!bias.defined() || is_plain_cpu_float(bias)) && s.groups == 1 && s.dilation == 1 && x.numel() > 0;
  if (!ours) return convolve_elsewhere(x, weight, bias, s);
  const auto g = geometry_of(x.sizes(), weight.sizes(), s);
  TORCH_CHECK(g.height > 0 && g.width > 0 && g.out_height > 0 && g.out_width > 0 && (s.transposed || (x.size(3) + 2 * s.padding >= weight.size(3) && x.size(4) + 2 * s.padding >= weight.size(4))),
              name, ": a kernel of ", weight.size(3), " x ", weight.size(4), " with stride ", s.stride, " and padding ", s.padding, " leaves nothing of ", x.size(3), " x ", x.size(4));
  TORCH_CHECK(!s.transposed || s.output_padding < s.stride, name, ": output padding ", s.output_padding, " must be below the stride ", s.stride);
  return ConvolutionFunction::apply(x, weight, bias.defined() ? bias : weight.detach(), bias.defined(), s.stride, s.padding, s.output_padding, s.transposed, s.relu);
}

}  // namespace

// x is [K,n,in,H,W] ([1,n,in,H,W] serves all replicas; [n,in,H,W] does for K = 1); weight is [K,out,in/groups,kh,kw]; bias [K,out].
VAE_API Handle vae_conv2d(Handle x, Handle weight, Handle bias, int64_t stride, int64_t padding, int64_t dilation, int64_t groups, int relu) {
  return make([&] { return convolve("conv2d", get(x), get(weight), get_or_undefined(bias), {stride, padding, 0, dilation, groups, false, relu != 0}); });
}

// weight is [K,in,out/groups,kh,kw], as PyTorch lays out transposed convolutions.
VAE_API Handle vae_conv_transpose2d(Handle x, Handle weight, Handle bias, int64_t stride, int64_t padding, int64_t output_padding, int64_t groups, int relu) {
  return make([&] { return convolve("conv_transpose2d", get(x), get(weight), get_or_undefined(bias), {stride, padding, output_padding, 1, groups, true, relu != 0}); });
}
