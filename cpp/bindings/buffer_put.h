// What all calls share that put something in a buffer: which partition, and what to do if there is no room.
//
// The class in python/partita/buffers.py has the words and knows the options; it is asked by calling methods of `self`:
//
//   _turned_away(stopped, own, timeout)   after each attempt that found no room: has room made, and raises, or returns
//                                         True: try again as the buffer's own processor, or False: wait for room
//   _timed_out(timeout)                   raises: there was no room in time
//   _reached(partition)                   a segment has as many items as flush_at says
//   _overflowed()                         items were dropped
//   _not_durable(unknown)                 raises: the log cannot be written, and nothing was done, or it is not known
//                                         whether it was written

#ifndef PARTITA_BINDINGS_BUFFER_PUT_H_
#define PARTITA_BINDINGS_BUFFER_PUT_H_

#include <Python.h>

#include <chrono>
#include <cstdint>

#include "bindings/gil.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"
#include "buffer/buffer.h"

namespace partita {

// What a partition key comes to.
struct PartitionChoice {
  uint32_t partition = 0;
  Value term;  // by which it was chosen; may point into the object
  Ref object;
};
// The partition that `partition_key` chooses, a callable or a static term. False: an exception is set.
bool ChoosePartition(const Buffer& buffer, PyObject* subject, PyObject* partition_key, EncodeArena* arena,
                     PartitionChoice* choice);

// How long a call may wait.
class PutTimeout {
 public:
  // A number of seconds, or null or None: for ever. False: an exception is set.
  bool Parse(PyObject* object);
  PyObject* object() const { return object_ == nullptr ? Py_None : object_; }
  // From now on. The longest slice to wait before signals are looked at; 0: the time is over.
  std::chrono::nanoseconds Slice();

 private:
  using Clock = std::chrono::steady_clock;

  PyObject* object_ = nullptr;
  bool started_ = false;
  double seconds_ = 0;
  Clock::time_point end_;
};

// Sets the exception for what a call on a buffer came to, and returns null.
PyObject* RaiseBufferOutcome(PyObject* self, Outcome outcome);

namespace buffer_put_internal {
enum class Next : uint8_t { kDone, kAgain, kError };

// What to do after an attempt that did not simply take all.
Next AfterAttempt(PyObject* self, Buffer* buffer, uint64_t bytes, uint32_t partition, const PushResult& result,
                  PutTimeout* timeout, bool* own);
}  // namespace buffer_put_internal

// Calls attempt(own, Wait, PushResult*) until what it puts in is taken, dropped or stale. `bytes` and `partition` are
// those of the item it came to. False: an exception is set.
template <typename Attempt>
inline bool PutInto(PyObject* self, Buffer* buffer, const uint64_t& bytes, const uint32_t& partition,
                    PutTimeout* timeout, PushResult* result, Attempt&& attempt) {
  using buffer_put_internal::Next;
  bool own = false;
  for (;;) {
    *result = PushResult();
    const Outcome outcome = CallEngine([&](Wait wait) { return attempt(own, wait, result); });
    if (ABSL_PREDICT_FALSE(outcome != Outcome::kOk)) return RaiseBufferOutcome(self, outcome) != nullptr;
    if (ABSL_PREDICT_TRUE(result->verdict == PushVerdict::kTaken && !result->reached_flush_at && result->dropped == 0))
      return true;
    const Next next = buffer_put_internal::AfterAttempt(self, buffer, bytes, partition, *result, timeout, &own);
    if (next != Next::kAgain) return next == Next::kDone;
  }
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_BUFFER_PUT_H_
