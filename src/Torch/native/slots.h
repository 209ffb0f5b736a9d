// The slots of a pack in one step: tensors are [K,n,...], and only the first rows[k] rows of slot k belong to its trial.
#pragma once

#include "abi.h"

namespace vae {

// Which rows count and by what factor a slot's loss is scaled. Without `rows` all rows count; without `scale` the one number does.
struct Slots {
  at::Tensor rows;   // int32 [K], or undefined
  at::Tensor scale;  // float [K], or undefined
  double uniform = 1;
};

// The same, read on the host by the own loops.
struct SlotReader {
  const int32_t* rows;
  const float* scale;
  int64_t all;
  double uniform;

  SlotReader(const Slots& slots, int64_t all)
      : rows(slots.rows.defined() ? slots.rows.data_ptr<int32_t>() : nullptr), scale(slots.scale.defined() ? slots.scale.data_ptr<float>() : nullptr), all(all), uniform(slots.uniform) {}

  int64_t rows_of(int64_t slot) const { return rows == nullptr ? all : rows[slot]; }
  double scale_of(int64_t slot) const { return scale == nullptr ? uniform : static_cast<double>(scale[slot]); }
};

// Checks types, lengths and, on the host, the range of the numbers of rows.
void check_slots(const char* name, const Slots& slots, const at::Tensor& values);

// True when a tensor [n,D] or [1,n,D] serves all slots of `values` [K,n,*].
inline bool is_shared(const at::Tensor& t, const at::Tensor& values) { return t.dim() == 2 || (t.size(0) == 1 && values.dim() == 3 && values.size(0) > 1); }

// Bool [K,n,1]: true where a row counts. For values [n,D] it is [n,1].
at::Tensor live_rows(const Slots& slots, const at::Tensor& values);

}  // namespace vae
