// Process groups of c10d behind the flat ABI, and the store in which their ranks meet.
//
// c10d's own stores open a port of their own that asks nobody for a password. Ours opens none: what a group writes into it is handed to the
// managed side, which tells the other ranks over the connections that it has authenticated, and puts in what they tell.
#include "collective.h"

#include <algorithm>
#include <cstring>

#ifdef VAE_WITH_C10D
#include <torch/csrc/distributed/c10d/HashStore.hpp>

#include <deque>
#include <utility>
#endif

using namespace vae;

namespace {

constexpr int kGloo = 0, kNccl = 1;

const char* lacks(int backend) { return backend == kNccl ? nccl_lacks() : gloo_lacks(); }

}  // namespace

#ifdef VAE_WITH_C10D

namespace {

using Bytes = std::vector<uint8_t>;

class MeetingStore final : public c10d::HashStore {
 public:
  using c10d::HashStore::set;
  using c10d::HashStore::wait;

  void set(const std::string& key, const Bytes& value) override {
    put(key, value);
    std::lock_guard<std::mutex> guard(lock_);
    said_.emplace_back(key, value);
    changed_.notify_all();
  }

  Bytes get(const std::string& key) override {
    wait({key}, getTimeout());
    return HashStore::get(key);
  }

  void wait(const std::vector<std::string>& keys, const Milliseconds& timeout) override {
    const auto deadline = std::chrono::steady_clock::now() + (timeout.count() > 0 ? timeout : Milliseconds(Store::kDefaultTimeout));
    std::unique_lock<std::mutex> guard(lock_);
    while (!HashStore::check(keys)) {
      TORCH_CHECK(!closed_, "the ranks gave up meeting");
      if (changed_.wait_until(guard, deadline) == std::cv_status::timeout) TORCH_CHECK(HashStore::check(keys), "rank information did not come in time: ", keys.front());
    }
  }

  // What another rank said.
  void put(const std::string& key, const Bytes& value) {
    HashStore::set(key, value);
    std::lock_guard<std::mutex> guard(lock_);
    changed_.notify_all();
  }

  // The oldest thing said here that was not taken yet.
  bool take(Milliseconds patience, std::string& key, Bytes& value) {
    std::unique_lock<std::mutex> guard(lock_);
    changed_.wait_for(guard, patience, [&] { return closed_ || !said_.empty(); });
    if (said_.empty()) return false;
    std::tie(key, value) = std::move(said_.front());
    said_.pop_front();
    return true;
  }

  void close() {
    std::lock_guard<std::mutex> guard(lock_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, Bytes>> said_;
  bool closed_ = false;
};

using StoreHandle = c10::intrusive_ptr<MeetingStore>*;

}  // namespace

VAE_API StoreHandle vae_store_new() {
  StoreHandle handle = nullptr;
  run([&] { handle = new c10::intrusive_ptr<MeetingStore>(c10::make_intrusive<MeetingStore>()); });
  return handle;
}
VAE_API void vae_store_free(StoreHandle store) { delete store; }
VAE_API int vae_store_close(StoreHandle store) {
  return run([&] { (*store)->close(); });
}
VAE_API int vae_store_put(StoreHandle store, const char* key, int key_length, const uint8_t* value, int value_length) {
  return run([&] { (*store)->put(std::string(key, key_length), Bytes(value, value + value_length)); });
}
// Key and value lie one behind the other in the buffer. Returns 1 with an item, 0 without, -1 for an error.
VAE_API int vae_store_take(StoreHandle store, int patience_ms, uint8_t* buffer, int capacity, int* key_length, int* value_length) {
  int taken = 0;
  const int status = run([&] {
    std::string key;
    Bytes value;
    if (!(*store)->take(Milliseconds(patience_ms), key, value)) return;
    TORCH_CHECK(key.size() + value.size() <= static_cast<size_t>(capacity), "rank information of ", key.size() + value.size(), " bytes; at most ", capacity, " are allowed");
    std::memcpy(buffer, key.data(), key.size());
    std::copy(value.begin(), value.end(), buffer + key.size());
    *key_length = static_cast<int>(key.size());
    *value_length = static_cast<int>(value.size());
    taken = 1;
  });
  return status == 0 ? taken : -1;
}

VAE_API Group* vae_group_new(int backend, StoreHandle store, int rank, int world, const char* host, int device, int deadline_ms) {
  Group* group = nullptr;
  run([&] {
    if (const char* lack = lacks(backend)) TORCH_CHECK(false, lack);
    (*store)->setTimeout(Milliseconds(deadline_ms));
    group = (backend == kNccl ? make_nccl(*store, rank, world, device, Milliseconds(deadline_ms)) : make_gloo(*store, rank, world, host, Milliseconds(deadline_ms))).release();
  });
  return group;
}

#else

struct NoStore;

VAE_API NoStore* vae_store_new() {
  run([] { TORCH_CHECK(false, gloo_lacks()); });
  return nullptr;
}
VAE_API void vae_store_free(NoStore*) {}
VAE_API int vae_store_close(NoStore*) { return 0; }
VAE_API int vae_store_put(NoStore*, const char*, int, const uint8_t*, int) { return 0; }
VAE_API int vae_store_take(NoStore*, int, uint8_t*, int, int*, int*) { return 0; }
VAE_API Group* vae_group_new(int backend, NoStore*, int, int, const char*, int, int) {
  run([&] { TORCH_CHECK(false, lacks(backend)); });
  return nullptr;
}

#endif

// Null: this build has the engine. Otherwise what is missing, as a clause.
VAE_API const char* vae_group_lacks(int backend) { return lacks(backend); }
// Freeing closes the connections; no sum may run.
VAE_API void vae_group_free(Group* group) {
  run([&] { delete group; });
}
VAE_API int vae_group_abort(Group* group) {
  return run([&] { group->abort(); });
}
// Both return an Outcome.
VAE_API int vae_group_sum(Group* group, float* data, int64_t count, int deadline_ms) {
  int outcome = kFailed;
  run([&] { outcome = group->all_reduce(at::from_blob(data, {count}, at::kFloat), Milliseconds(deadline_ms)); });
  return outcome;
}
VAE_API int vae_group_sum_tensor(Group* group, Handle tensor, int deadline_ms) {
  int outcome = kFailed;
  run([&] {
    TORCH_CHECK(get(tensor).is_contiguous() && get(tensor).scalar_type() == at::kFloat, "an all-reduce needs a contiguous float32 tensor");
    outcome = group->all_reduce(get(tensor).detach(), Milliseconds(deadline_ms));
  });
  return outcome;
}
