#include "kernels.h"

#if VAE_WITH_CUDA

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "kernels_source.h"

namespace vae::device {

namespace {

// The few functions of NVRTC and of the driver that are needed, looked up at run time: a library built on one machine then runs on another one with
// another version of either, or with none.
struct Compiler {
  using Program = struct _nvrtcProgram*;
  int (*create)(Program*, const char* source, const char* name, int headers, const char* const* texts, const char* const* names) = nullptr;
  int (*destroy)(Program*) = nullptr;
  int (*compile)(Program, int count, const char* const* options) = nullptr;
  int (*cubin_size)(Program, size_t*) = nullptr;
  int (*cubin)(Program, char*) = nullptr;
  int (*log_size)(Program, size_t*) = nullptr;
  int (*log)(Program, char*) = nullptr;
};

struct Driver {
  int (*load)(void** module, const void* image) = nullptr;
  int (*function)(void** function, void* module, const char* name) = nullptr;
  int (*launch)(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void* stream, void** arguments, void** extra) = nullptr;
};

struct Kernels {
  void *normal = nullptr, *uniform = nullptr, *gather = nullptr, *adam = nullptr, *bernoulli = nullptr;
  std::string status;
};

template <class F>
bool find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

// libtorch brings a small library that depends on the NVRTC and the driver it was built for; where it is missing, the system's own are tried.
void* open_compiler() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<void*>(&c10::cuda::device_count), &self) != 0 && self.dli_fname != nullptr) {
    std::string path(self.dli_fname);
    path = path.substr(0, path.rfind('/') + 1) + "libcaffe2_nvrtc.so";
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  }
  for (const char* name : {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"})
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  return nullptr;
}

std::string compile(const Compiler& compiler, int major, int minor, std::vector<char>& image) {
  Compiler::Program program = nullptr;
  if (compiler.create(&program, kKernelsSource, "kernels.cu", 0, nullptr, nullptr) != 0) return "NVRTC makes no program";
  const auto architecture = "--gpu-architecture=sm_" + std::to_string(major) + std::to_string(minor);
  const char* options[] = {architecture.c_str(), "--fmad=false", "--std=c++14"};
  std::string problem;
  size_t size = 0;
  if (compiler.compile(program, 3, options) != 0) {
    compiler.log_size(program, &size);
    std::string log(size, '\0');
    compiler.log(program, log.data());
    problem = "NVRTC refuses the kernels for " + architecture.substr(19) + ": " + log.substr(0, 500);
  } else if (compiler.cubin_size(program, &size) != 0 || size == 0) {
    problem = "NVRTC gives no machine code";
  } else {
    image.resize(size);
    if (compiler.cubin(program, image.data()) != 0) problem = "NVRTC gives no machine code";
  }
  compiler.destroy(&program);
  return problem;
}

Driver& driver() {
  static Driver instance;
  return instance;
}

std::string load(int device_index, Kernels& kernels) {
  void* library = open_compiler();
  if (library == nullptr) return std::string("no NVRTC: ") + dlerror();
  Compiler compiler;
  if (!find(library, "nvrtcCreateProgram", compiler.create) || !find(library, "nvrtcDestroyProgram", compiler.destroy) || !find(library, "nvrtcCompileProgram", compiler.compile) ||
      !find(library, "nvrtcGetCUBINSize", compiler.cubin_size) || !find(library, "nvrtcGetCUBIN", compiler.cubin) || !find(library, "nvrtcGetProgramLogSize", compiler.log_size) ||
      !find(library, "nvrtcGetProgramLog", compiler.log)) {
    return "NVRTC is older than 11.1";
  }
  void* system = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (system == nullptr) return std::string("no driver: ") + dlerror();
  auto& d = driver();
  if (!find(system, "cuModuleLoadData", d.load) || !find(system, "cuModuleGetFunction", d.function) || !find(system, "cuLaunchKernel", d.launch)) return "the driver lacks functions";

  const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_index));
  const auto* properties = at::cuda::getDeviceProperties(device_index);
  at::empty({1}, at::TensorOptions().device(at::kCUDA, device_index));  // Makes the device's context current on this thread.
  std::vector<char> image;
  auto problem = compile(compiler, properties->major, properties->minor, image);
  if (!problem.empty()) return problem;
  void* module = nullptr;
  if (const int code = d.load(&module, image.data()); code != 0) return "the driver refuses the kernels (error " + std::to_string(code) + ")";
  const std::pair<const char*, void**> names[] = {
      {"vae_normal", &kernels.normal}, {"vae_uniform", &kernels.uniform}, {"vae_gather", &kernels.gather}, {"vae_adam", &kernels.adam}, {"vae_bernoulli", &kernels.bernoulli}};
  for (const auto& [name, function] : names)
    if (d.function(function, module, name) != 0) return std::string("the kernel ") + name + " is missing";
  return "";
}

// One compilation per device and process, kept until the process ends.
const Kernels* kernels_of(int device_index) {
  static std::mutex mutex;
  static std::map<int, Kernels> all;
  const std::lock_guard<std::mutex> lock(mutex);
  auto [entry, is_new] = all.try_emplace(device_index);
  auto& kernels = entry->second;
  if (is_new) {
    Kernels loaded;
    const auto problem = load(device_index, loaded);
    if (problem.empty()) {
      const auto* properties = at::cuda::getDeviceProperties(device_index);
      kernels = loaded;
      kernels.status = "compiled for sm_" + std::to_string(properties->major) + std::to_string(properties->minor);
    } else {
      kernels.status = problem;
    }
  }
  return &kernels;
}

constexpr unsigned kThreads = 256;

unsigned blocks_for(int64_t count, int64_t limit) { return static_cast<unsigned>(std::max<int64_t>(1, std::min<int64_t>((count + kThreads - 1) / kThreads, limit))); }

void launch(void* function, int device_index, unsigned blocks_x, unsigned blocks_y, void** arguments) {
  auto stream = c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device_index));
  const int code = driver().launch(function, blocks_x, blocks_y, 1, kThreads, 1, 1, 0, stream.stream(), arguments, nullptr);
  TORCH_CHECK(code == 0, "a kernel of this program could not be started (CUDA driver error ", code, ")");
}

// Rows that are plain runs of floats, `stride` apart.
bool plain_rows(const at::Tensor& t, int64_t& rows, int64_t& width, int64_t& stride) {
  if (!t.is_cuda() || t.scalar_type() != at::kFloat || t.dim() < 1) return false;
  rows = t.size(0);
  width = rows == 0 ? 0 : t.numel() / rows;
  stride = t.is_contiguous() ? width : t.stride(0);
  return t.is_contiguous() || (t.dim() == 2 && t.stride(1) == 1 && t.stride(0) >= width);
}

bool fill(void* Kernels::*which, const at::Tensor& out, uint64_t seed, uint64_t stream_number, int64_t first_row) {
  int64_t rows = 0, width = 0, stride = 0;
  if (!plain_rows(out, rows, width, stride)) return false;
  const int device_index = out.get_device();
  void* function = kernels_of(device_index)->*which;
  if (function == nullptr) return false;
  if (rows * width == 0) return true;
  const c10::cuda::CUDAGuard guard(out.device());
  auto* data = out.data_ptr<float>();
  uint64_t first = static_cast<uint64_t>(first_row) * static_cast<uint64_t>(width);
  void* arguments[] = {&data, &stride, &rows, &width, &seed, &stream_number, &first};
  launch(function, device_index, blocks_for(rows * width, 65535), 1, arguments);
  return true;
}

}  // namespace

bool has_kernels(const at::Tensor& t) { return t.is_cuda() && kernels_of(t.get_device())->bernoulli != nullptr; }

bool fill_normal(const at::Tensor& out, uint64_t seed, uint64_t stream, int64_t first_row) { return fill(&Kernels::normal, out, seed, stream, first_row); }
bool fill_uniform(const at::Tensor& out, uint64_t seed, uint64_t stream, int64_t first_row) { return fill(&Kernels::uniform, out, seed, stream, first_row); }

template <class Index>
bool gather(const at::Tensor& data, const Index* rows, int64_t count, const at::Tensor& out, int mode, uint64_t seed, uint64_t stream, int64_t first_row) {
  int64_t out_rows = 0, width = 0, stride = 0;
  if (!data.is_cuda() || data.device() != out.device() || !plain_rows(out, out_rows, width, stride)) return false;
  const int device_index = out.get_device();
  void* function = kernels_of(device_index)->gather;
  if (function == nullptr) return false;
  const int64_t available = data.size(0);
  for (int64_t i = 0; i < count; i++) TORCH_CHECK(rows[i] >= 0 && rows[i] < available, "row ", rows[i], " is outside 0 .. ", available - 1);
  const c10::cuda::CUDAGuard guard(out.device());
  struct {
    int value[512];
  } part;
  constexpr int64_t kPart = 512;
  auto* source = data.data_ptr<uint8_t>();
  for (int64_t begin = 0; begin < count; begin += kPart) {
    int64_t used = std::min(kPart, count - begin);
    for (int64_t i = 0; i < used; i++) part.value[i] = static_cast<int>(rows[begin + i]);
    auto* target = out.data_ptr<float>() + begin * stride;
    uint64_t first = static_cast<uint64_t>(first_row + begin) * static_cast<uint64_t>(width);
    void* arguments[] = {&source, &part, &used, &width, &target, &stride, &mode, &seed, &stream, &first};
    launch(function, device_index, blocks_for(used * width, 65535), 1, arguments);
  }
  return true;
}

bool adam(const at::Tensor& parameter, const at::Tensor& gradient, const at::Tensor& average, const at::Tensor& square, const at::Tensor& table, const at::Tensor& clip) {
  if (!parameter.is_cuda()) return false;
  for (const auto* t : {&parameter, &gradient, &average, &square, &table})
    if (t->scalar_type() != at::kFloat || !t->is_contiguous()) return false;
  const int device_index = parameter.get_device();
  void* function = kernels_of(device_index)->adam;
  if (function == nullptr) return false;
  const c10::cuda::CUDAGuard guard(parameter.device());
  int64_t replicas = parameter.size(0), length = parameter.size(1);
  auto *p = parameter.data_ptr<float>(), *g = gradient.data_ptr<float>(), *m = average.data_ptr<float>(), *v = square.data_ptr<float>(), *t = table.data_ptr<float>();
  auto* c = clip.defined() ? clip.data_ptr<float>() : nullptr;
  void* arguments[] = {&p, &g, &m, &v, &length, &replicas, &t, &c};
  launch(function, device_index, blocks_for(length * replicas, 65535), 1, arguments);
  return true;
}

at::Tensor bernoulli(const at::Tensor& logits, const at::Tensor& target, const at::Tensor& rows, const at::Tensor& scale, const at::Tensor& gradient) {
  const int device_index = logits.get_device();
  void* function = kernels_of(device_index)->bernoulli;
  const c10::cuda::CUDAGuard guard(logits.device());
  int64_t slots = logits.dim() == 3 ? logits.size(0) : 1, max_rows = logits.size(-2), width = logits.size(-1);
  int64_t target_slot = target.numel() == logits.numel() ? max_rows * width : 0;
  const unsigned blocks = blocks_for(max_rows * width, 256);
  auto partial = at::empty({slots, static_cast<int64_t>(blocks)}, logits.options());
  auto *a = logits.data_ptr<float>(), *x = target.data_ptr<float>(), *s = scale.data_ptr<float>(), *out = partial.data_ptr<float>();
  auto* g = gradient.defined() ? gradient.data_ptr<float>() : nullptr;
  auto* r = rows.defined() ? rows.data_ptr<int32_t>() : nullptr;
  void* arguments[] = {&a, &x, &target_slot, &g, &r, &s, &max_rows, &width, &out};
  launch(function, device_index, blocks, static_cast<unsigned>(slots), arguments);
  return partial.sum(1);
}

std::string status(int device_index) { return kernels_of(device_index)->status; }

}  // namespace vae::device

#else

namespace vae::device {

bool has_kernels(const at::Tensor&) { return false; }
bool fill_normal(const at::Tensor&, uint64_t, uint64_t, int64_t) { return false; }
bool fill_uniform(const at::Tensor&, uint64_t, uint64_t, int64_t) { return false; }
template <class Index>
bool gather(const at::Tensor&, const Index*, int64_t, const at::Tensor&, int, uint64_t, uint64_t, int64_t) {
  return false;
}
bool adam(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) { return false; }
at::Tensor bernoulli(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) { return {}; }
std::string status(int) { return "this library was built without CUDA"; }

}  // namespace vae::device

#endif

namespace vae::device {
template bool gather<int32_t>(const at::Tensor&, const int32_t*, int64_t, const at::Tensor&, int, uint64_t, uint64_t, int64_t);
template bool gather<int64_t>(const at::Tensor&, const int64_t*, int64_t, const at::Tensor&, int, uint64_t, uint64_t, int64_t);
}  // namespace vae::device
