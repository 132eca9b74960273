// Places at which a stress program lets other threads go first, so that rare interleavings happen often. There in
// builds for tests (PARTITA_SYNC_POINTS), nothing in others.

#ifndef PARTITA_BASE_SYNC_POINT_H_
#define PARTITA_BASE_SYNC_POINT_H_

#ifdef PARTITA_SYNC_POINTS
#include <atomic>
#endif

namespace partita {

#ifdef PARTITA_SYNC_POINTS
// What every thread calls at every point; null: nothing.
inline std::atomic<void (*)()> sync_point_hook{nullptr};

inline void SyncPoint() {
  if (void (*hook)() = sync_point_hook.load(std::memory_order_relaxed); hook != nullptr) hook();
}
#else
inline void SyncPoint() {}
#endif

}  // namespace partita

#endif  // PARTITA_BASE_SYNC_POINT_H_
