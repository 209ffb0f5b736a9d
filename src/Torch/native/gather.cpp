// Rows of a byte data set into a float batch, and counter-based noise into tensors.
#include "abi.h"

#include <ATen/Parallel.h>

#include <vector>

#include "loops.h"
#include "noise.h"

using namespace vae;

namespace {

constexpr int kScale = 0, kFixedBits = 1, kRandomBits = 2;

// The noise of a device tensor is made on the host and copied: a batch is small, and the numbers stay the same on every device.
template <class Fill>
void fill_rows(at::Tensor& out, Fill fill) {
  at::NoGradGuard no_grad;
  TORCH_CHECK(out.dim() >= 1, "noise needs a tensor with a row dimension");
  const bool direct = is_plain_cpu_float(out) && out.is_contiguous();
  auto host = direct ? out : at::empty(out.sizes(), at::TensorOptions().dtype(at::kFloat));
  const int64_t rows = host.size(0), width = rows == 0 ? 0 : host.numel() / rows;
  if (host.numel() > 0) fill(host.data_ptr<float>(), rows, width);
  if (!direct) out.copy_(host);
}

void convert_row(const uint8_t* source, float* target, int64_t width, int mode, uint64_t seed, uint64_t stream, uint64_t first, uint32_t* bits) {
  switch (mode) {
    case kScale: loops::bytes_to_unit(source, target, width); break;
    case kFixedBits: loops::bytes_to_fixed_bits(source, target, width); break;
    default:
      noise::bits(seed, stream, first, width, bits);
      loops::bytes_to_random_bits(source, bits, target, width);
  }
}

void gather_on_cpu(const at::Tensor& data, const int64_t* rows, int64_t count, at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  const int64_t width = data.size(1), available = data.size(0);
  for (int64_t i = 0; i < count; i++) TORCH_CHECK(rows[i] >= 0 && rows[i] < available, "row ", rows[i], " is outside 0 .. ", available - 1);
  const auto* source = data.data_ptr<uint8_t>();
  auto* target = out.data_ptr<float>();
  at::parallel_for(0, count, 16, [&](int64_t begin, int64_t end) {
    std::vector<uint32_t> bits(mode == kRandomBits ? width : 0);
    for (int64_t i = begin; i < end; i++) {
      const auto first = static_cast<uint64_t>(first_row + i) * static_cast<uint64_t>(width);
      convert_row(source + rows[i] * width, target + i * width, width, mode, seed, stream, first, bits.data());
    }
  });
}

void gather_elsewhere(const at::Tensor& data, const int64_t* rows, int64_t count, at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  auto index = at::empty({count}, at::TensorOptions().dtype(at::kLong));
  std::copy(rows, rows + count, index.data_ptr<int64_t>());
  auto picked = data.index_select(0, index.to(data.device())).to(out.device());
  if (mode == kScale) {
    out.copy_(picked.to(at::kFloat).div_(255.0));
  } else if (mode == kFixedBits) {
    out.copy_(picked.ge(128));
  } else {
    auto u = at::empty(out.sizes(), at::TensorOptions().dtype(at::kFloat));
    noise::uniform(seed, stream, static_cast<uint64_t>(first_row) * static_cast<uint64_t>(out.size(1)), u.numel(), u.data_ptr<float>());
    // In double both sides are exact integers: the same comparison as on the host.
    out.copy_(u.to(out.device()).to(at::kDouble).mul_(255.0 * 16777216.0).lt(picked.to(at::kDouble).mul_(16777216.0)));
  }
}

}  // namespace

VAE_API int vae_gather_rows(Handle dataset, const int64_t* rows, int64_t count, Handle out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] {
    at::NoGradGuard no_grad;
    const auto& data = get(dataset);
    auto& target = get(out);
    TORCH_CHECK(data.dim() == 2 && data.scalar_type() == at::kByte && data.is_contiguous(), "gather_rows: the data set must be a contiguous uint8 [N,D]");
    TORCH_CHECK(target.dim() == 2 && target.size(0) == count && target.size(1) == data.size(1), "gather_rows: out must be [", count, ",", data.size(1), "], got ", target.sizes());
    const bool fast = data.is_cpu() && is_plain_cpu_float(target) && target.is_contiguous();
    (fast ? gather_on_cpu : gather_elsewhere)(data, rows, count, target, mode, seed, stream, first_row);
  });
}

VAE_API int vae_fill_normal(Handle out, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] {
    fill_rows(get(out), [&](float* data, int64_t rows, int64_t width) {
      noise::normal(seed, stream, static_cast<uint64_t>(first_row) * static_cast<uint64_t>(width), rows * width, data);
    });
  });
}
VAE_API int vae_fill_uniform(Handle out, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] {
    fill_rows(get(out), [&](float* data, int64_t rows, int64_t width) {
      noise::uniform(seed, stream, static_cast<uint64_t>(first_row) * static_cast<uint64_t>(width), rows * width, data);
    });
  });
}
VAE_API int vae_philox_block(const uint32_t* counter, const uint32_t* key, uint32_t* out) {
  return run([&] { noise::philox_block(counter, key, out); });
}
