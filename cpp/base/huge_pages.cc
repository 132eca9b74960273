#include "base/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <new>
#include <set>

#include "absl/base/thread_annotations.h"
#include "base/lock.h"

namespace partita {
namespace {

constexpr size_t kRegion = size_t{2} << 20;
constexpr size_t kLine = 64;
constexpr size_t kLeast = 8192;
constexpr size_t kMost = size_t{128} << 10;
constexpr size_t kFromMallocFirst = size_t{4} << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kPooled = false;  // the sanitizers watch malloc
#else
constexpr bool kPooled = true;
#endif

struct Region;

// Regions of one size that have room, in a list.
struct SizeClass {
  size_t stride = 0;
  Region* first = nullptr;
};

// Stands at the start of its 2 MiB, aligned to them.
struct Region {
  SizeClass* size_class;
  Region* previous;
  Region* next;
  void* free_blocks;  // chained through their first word
  char* untouched;    // never handed out from here on
  uint32_t live;
};
static_assert(sizeof(Region) <= kLine);

class Pool {
 public:
  // Null: not from here.
  void* Allocate(size_t bytes) {
    lock_.LockWithoutCheck();
    void* p = nullptr;
    try {
      if (malloc_bytes_ >= kFromMallocFirst) p = AllocateLocked(bytes);
    } catch (const std::bad_alloc&) {
      p = nullptr;
    }
    if (p == nullptr) malloc_bytes_ += bytes;
    lock_.Unlock();
    return p;
  }

  // False: it is not from here.
  bool Free(void* p, size_t bytes) {
    Region* empty = nullptr;
    lock_.LockWithoutCheck();
    Region* region = reinterpret_cast<Region*>(reinterpret_cast<char*>(p) - reinterpret_cast<uintptr_t>(p) % kRegion);
    const bool pooled = regions_.contains(region);
    if (!pooled) {
      malloc_bytes_ -= bytes;
    } else {
      if (!HasRoom(*region)) Link(region);
      *static_cast<void**>(p) = region->free_blocks;
      region->free_blocks = p;
      // One empty region is kept, so that a block that comes and goes does not map and unmap it.
      if (--region->live == 0 && spare_ == nullptr) {
        spare_ = region;
      } else if (region->live == 0) {
        Unlink(region);
        regions_.erase(region);
        empty = region;
      }
    }
    lock_.Unlock();
    if (empty != nullptr) munmap(empty, kRegion);
    return pooled;
  }

  WordLock& lock() { return lock_; }

 private:
  static bool HasRoom(const Region& region) {
    return region.free_blocks != nullptr ||
           region.untouched + region.size_class->stride <= reinterpret_cast<const char*>(&region) + kRegion;
  }

  void* AllocateLocked(size_t bytes) {
    SizeClass& size_class = classes_[bytes];
    size_class.stride = (bytes + kLine - 1) / kLine * kLine;
    Region* region = size_class.first;
    if (region == nullptr) {
      region = Map(&size_class);
      if (region == nullptr) return nullptr;
    }
    void* p = region->free_blocks;
    if (p != nullptr) {
      region->free_blocks = *static_cast<void**>(p);
    } else {
      p = region->untouched;
      region->untouched += size_class.stride;
    }
    if (region == spare_) spare_ = nullptr;
    ++region->live;
    if (!HasRoom(*region)) Unlink(region);
    return p;
  }

  Region* Map(SizeClass* size_class) {
    // As much again, of which the aligned part stays.
    void* mapped = mmap(nullptr, 2 * kRegion, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    char* start = static_cast<char*>(mapped);
    const size_t before = (kRegion - reinterpret_cast<uintptr_t>(start) % kRegion) % kRegion;
    if (before > 0) munmap(start, before);
    if (before < kRegion) munmap(start + before + kRegion, kRegion - before);
    start += before;
    madvise(start, kRegion, MADV_HUGEPAGE);  // where there are none, small pages serve
    Region* region = new (start) Region{size_class, nullptr, nullptr, nullptr, start + kLine, 0};
    try {
      regions_.insert(region);
    } catch (...) {
      munmap(start, kRegion);
      throw;
    }
    Link(region);
    return region;
  }

  static void Link(Region* region) {
    Region*& first = region->size_class->first;
    region->previous = nullptr;
    region->next = first;
    if (first != nullptr) first->previous = region;
    first = region;
  }
  static void Unlink(Region* region) {
    (region->previous != nullptr ? region->previous->next : region->size_class->first) = region->next;
    if (region->next != nullptr) region->next->previous = region->previous;
    region->previous = region->next = nullptr;
  }

  WordLock lock_;
  std::map<size_t, SizeClass> classes_;  // regions point to them
  std::set<Region*> regions_;            // stays whole where memory runs out
  Region* spare_ = nullptr;              // an empty one
  size_t malloc_bytes_ = 0;              // in large blocks that are not from here
};

// Never destroyed: tables may outlive static objects.
Pool& ThePool() {
  static Pool* pool = new Pool();
  return *pool;
}

bool IsLarge(size_t bytes) { return kPooled && bytes >= kLeast && bytes <= kMost; }

}  // namespace

void* AllocateLarge(size_t bytes) {
  if (IsLarge(bytes)) {
    if (void* p = ThePool().Allocate(bytes)) return p;
  }
  void* p = std::aligned_alloc(kLine, (bytes + kLine - 1) / kLine * kLine);
  if (p == nullptr && IsLarge(bytes)) ThePool().Free(p, bytes);
  return p;
}

void FreeLarge(void* p, size_t bytes) {
  if (!IsLarge(bytes) || !ThePool().Free(p, bytes)) std::free(p);
}

void LockLargeBlocksForFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { ThePool().lock().LockWithoutCheck(); }
void UnlockLargeBlocksAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { ThePool().lock().Unlock(); }
void ResetLargeBlocksAfterFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { ThePool().lock().ResetAfterFork(); }

}  // namespace partita
