// Rows of a byte data set into a float batch, and counter-based noise into tensors.
#include "abi.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "device/kernels.h"
#include "loops.h"
#include "noise.h"

using namespace vae;

namespace {

constexpr int kScale = 0, kFixedBits = 1, kRandomBits = 2;
constexpr int64_t kNumbersAtOnce = 4096;  // 16 KiB, half of a first-level cache.

// A rectangle of rows inside a larger buffer; the rows lie `stride` apart.
struct Rows {
  float* data;
  int64_t count, width, stride;
};

// The memory of a tensor whose rows are plain runs of floats on the host: whole, or the part of a padded buffer.
bool host_rows(const at::Tensor& t, Rows& rows) {
  if (!is_plain_cpu_float(t) || t.dim() < 1) return false;
  const int64_t count = t.size(0), width = count == 0 ? 0 : t.numel() / count;
  const bool plain = t.is_contiguous() || (t.dim() == 2 && t.stride(1) == 1 && t.stride(0) >= width);
  rows = {plain ? t.data_ptr<float>() : nullptr, count, width, t.is_contiguous() ? width : t.stride(0)};
  return plain;
}

// Numbers are keyed by the row's own width, so a trial in a padded buffer gets the ones that it gets alone.
template <class Fill>
void fill_host(const Rows& rows, int64_t first_row, Fill fill) {
  if (rows.count == 0 || rows.width == 0) return;
  const auto first = static_cast<uint64_t>(first_row) * static_cast<uint64_t>(rows.width);
  if (rows.stride == rows.width) {
    fill(first, rows.count * rows.width, rows.data);
    return;
  }
  // Made in one go, for the generator works in batches of 256, and then laid out.
  std::vector<float> dense(static_cast<size_t>(rows.count * rows.width));
  fill(first, rows.count * rows.width, dense.data());
  for (int64_t i = 0; i < rows.count; i++) std::copy_n(dense.data() + i * rows.width, rows.width, rows.data + i * rows.stride);
}

// Where a device has no kernel of ours, its noise is made on the host and copied: the numbers are the same.
template <class Fill>
void fill_rows(const at::Tensor& out, int64_t first_row, Fill fill) {
  at::NoGradGuard no_grad;
  TORCH_CHECK(out.dim() >= 1, "noise needs a tensor with a row dimension");
  Rows rows{};
  if (host_rows(out, rows)) {
    fill_host(rows, first_row, fill);
    return;
  }
  auto host = at::empty(out.sizes(), at::TensorOptions().dtype(at::kFloat));
  host_rows(host, rows);
  fill_host(rows, first_row, fill);
  out.copy_(host);
}

// The first rows and columns of one slot of a buffer [K,n,W].
at::Tensor part_of_slot(const char* name, const at::Tensor& buffer, int64_t slot, int64_t rows, int64_t width) {
  TORCH_CHECK(buffer.dim() == 3 && slot >= 0 && slot < buffer.size(0) && rows >= 0 && rows <= buffer.size(1) && width >= 0 && width <= buffer.size(2), name,
              ": slot ", slot, " with ", rows, " rows of ", width, " does not fit a buffer of ", buffer.sizes());
  return buffer.select(0, slot).narrow(0, 0, rows).narrow(1, 0, width);
}

void convert_row(const uint8_t* source, float* target, int64_t width, int mode, const uint32_t* bits) {
  switch (mode) {
    case kScale: loops::bytes_to_unit(source, target, width); break;
    case kFixedBits: loops::bytes_to_fixed_bits(source, target, width); break;
    default: loops::bytes_to_random_bits(source, bits, target, width);
  }
}

template <class Index>
void gather_on_cpu(const at::Tensor& data, const Index* rows, int64_t count, const at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  const int64_t width = data.size(1), available = data.size(0);
  for (int64_t i = 0; i < count; i++) TORCH_CHECK(rows[i] >= 0 && rows[i] < available, "row ", rows[i], " is outside 0 .. ", available - 1);
  const auto* source = data.data_ptr<uint8_t>();
  auto* target = out.data_ptr<float>();
  at::parallel_for(0, count, 16, [&](int64_t begin, int64_t end) {
    // The generator works in batches of 256 numbers, so short rows are made together.
    const int64_t group = std::max<int64_t>(1, kNumbersAtOnce / std::max<int64_t>(width, 1));
    std::vector<uint32_t> bits(mode == kRandomBits ? static_cast<size_t>(std::min(group, end - begin) * width) : 0);
    for (int64_t start = begin; start < end; start += group) {
      const int64_t stop = std::min(start + group, end);
      if (mode == kRandomBits) noise::bits(seed, stream, static_cast<uint64_t>(first_row + start) * static_cast<uint64_t>(width), (stop - start) * width, bits.data());
      for (int64_t i = start; i < stop; i++) convert_row(source + rows[i] * width, target + i * width, width, mode, bits.data() + (mode == kRandomBits ? (i - start) * width : 0));
    }
  });
}

// A data set that stays on the host while its batches go to a device: the rows are picked into page-locked memory, from which the copy runs beside the
// host's next work, and converted on the device. libtorch's allocator keeps the memory until the copy is done.
template <class Index>
bool gather_across(const at::Tensor& data, const Index* rows, int64_t count, const at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  if (!data.is_cpu() || !device::has_kernels(out)) return false;
  const int64_t width = data.size(1), available = data.size(0);
  auto picked = at::empty({count, width}, at::TensorOptions().dtype(at::kByte).pinned_memory(true));
  const auto* source = data.data_ptr<uint8_t>();
  auto* target = picked.data_ptr<uint8_t>();
  std::vector<int32_t> places(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; i++) {
    TORCH_CHECK(rows[i] >= 0 && rows[i] < available, "row ", rows[i], " is outside 0 .. ", available - 1);
    std::copy_n(source + rows[i] * width, width, target + i * width);
    places[i] = static_cast<int32_t>(i);
  }
  auto there = picked.to(out.device(), /*non_blocking=*/true);
  return device::gather(there, places.data(), count, out, mode, seed, stream, first_row);
}

template <class Index>
void gather_elsewhere(const at::Tensor& data, const Index* rows, int64_t count, const at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  if (device::gather(data, rows, count, out, mode, seed, stream, first_row) || gather_across(data, rows, count, out, mode, seed, stream, first_row)) return;
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

template <class Index>
void gather_rows(const at::Tensor& data, const Index* rows, int64_t count, const at::Tensor& target, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  at::NoGradGuard no_grad;
  TORCH_CHECK(data.dim() == 2 && data.scalar_type() == at::kByte && data.is_contiguous(), "gather_rows: the data set must be a contiguous uint8 [N,D]");
  TORCH_CHECK(target.dim() == 2 && target.size(0) == count && target.size(1) == data.size(1), "gather_rows: out must be [", count, ",", data.size(1), "], got ", target.sizes());
  const bool fast = data.is_cpu() && is_plain_cpu_float(target) && target.is_contiguous();
  (fast ? gather_on_cpu<Index> : gather_elsewhere<Index>)(data, rows, count, target, mode, seed, stream, first_row);
}

void fill_normal(const at::Tensor& out, uint64_t seed, uint64_t stream, int64_t first_row) {
  if (device::fill_normal(out, seed, stream, first_row)) return;
  fill_rows(out, first_row, [=](uint64_t first, int64_t count, float* data) { noise::normal(seed, stream, first, count, data); });
}

void fill_uniform(const at::Tensor& out, uint64_t seed, uint64_t stream, int64_t first_row) {
  if (device::fill_uniform(out, seed, stream, first_row)) return;
  fill_rows(out, first_row, [=](uint64_t first, int64_t count, float* data) { noise::uniform(seed, stream, first, count, data); });
}

}  // namespace

VAE_API int vae_gather_rows(Handle dataset, const int64_t* rows, int64_t count, Handle out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] { gather_rows(get(dataset), rows, count, get(out), mode, seed, stream, first_row); });
}
VAE_API int vae_gather_rows_slot(Handle dataset, const int32_t* rows, int64_t count, Handle buffer, int64_t slot, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] {
    const auto& out = get(buffer);
    auto part = part_of_slot("gather_rows", out, slot, count, out.dim() == 3 ? out.size(2) : 0);
    gather_rows(get(dataset), rows, count, part, mode, seed, stream, first_row);
  });
}

VAE_API int vae_fill_normal(Handle out, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] { fill_normal(get(out), seed, stream, first_row); });
}
VAE_API int vae_fill_uniform(Handle out, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] { fill_uniform(get(out), seed, stream, first_row); });
}
VAE_API int vae_fill_normal_slot(Handle buffer, int64_t slot, int64_t rows, int64_t width, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] { fill_normal(part_of_slot("FillNormal", get(buffer), slot, rows, width), seed, stream, first_row); });
}
VAE_API int vae_fill_uniform_slot(Handle buffer, int64_t slot, int64_t rows, int64_t width, uint64_t seed, uint64_t stream, int64_t first_row) {
  return run([&] { fill_uniform(part_of_slot("FillUniform", get(buffer), slot, rows, width), seed, stream, first_row); });
}
VAE_API int vae_philox_block(const uint32_t* counter, const uint32_t* key, uint32_t* out) {
  return run([&] { noise::philox_block(counter, key, out); });
}
