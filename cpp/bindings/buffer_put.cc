#include "bindings/buffer_put.h"

#include <algorithm>
#include <cmath>

#include "bindings/errors.h"
#include "bindings/py_ref.h"
#include "bindings/py_term.h"

namespace partita {

bool ChoosePartition(const Buffer& buffer, PyObject* subject, PyObject* partition_key, EncodeArena* arena,
                     PartitionChoice* choice) {
  const bool is_callable = PyCallable_Check(partition_key) != 0;
  choice->object = is_callable ? Ref::Steal(PyObject_CallOneArg(partition_key, subject)) : Ref::Borrow(partition_key);
  if (!choice->object) return false;
  if (!EncodeKey(choice->object.get(), arena, &choice->term)) {
    AddContext("partition_key");
    return false;
  }
  choice->partition = buffer.PartitionOf(choice->term);
  return true;
}

bool PutTimeout::Parse(PyObject* object) {
  if (object == nullptr || object == Py_None) return true;
  seconds_ = PyFloat_AsDouble(object);
  if (seconds_ == -1 && PyErr_Occurred()) {
    AddContext("timeout");
    return false;
  }
  if (!(seconds_ >= 0)) {
    PyErr_SetString(PyExc_ValueError, "timeout is a number of seconds from 0, or None");
    return false;
  }
  object_ = object;
  return true;
}

std::chrono::nanoseconds PutTimeout::Slice() {
  constexpr std::chrono::nanoseconds kSlice = std::chrono::milliseconds(50);
  constexpr double kLongest = 1e9;
  if (object_ == nullptr) return kSlice;
  if (!started_) {
    started_ = true;
    end_ = Clock::now() +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::min(seconds_, kLongest)));
  }
  return std::clamp<std::chrono::nanoseconds>(end_ - Clock::now(), std::chrono::nanoseconds(0), kSlice);
}

PyObject* RaiseBufferOutcome(PyObject* self, Outcome outcome) {
  if (outcome != Outcome::kDegraded && outcome != Outcome::kOutcomeUnknown) return RaiseOutcome(Shape(), outcome);
  const Ref raised =
      Ref::Steal(PyObject_CallMethod(self, "_not_durable", "O", outcome == Outcome::kDegraded ? Py_False : Py_True));
  return nullptr;
}

namespace buffer_put_internal {

Next AfterAttempt(PyObject* self, Buffer* buffer, uint64_t bytes, uint32_t partition, const PushResult& result,
                  PutTimeout* timeout, bool* own) {
  if (result.dropped != 0) {
    const Ref called = Ref::Steal(PyObject_CallMethod(self, "_overflowed", nullptr));
    if (!called) return Next::kError;
  }
  switch (result.verdict) {
    case PushVerdict::kTaken:
    case PushVerdict::kDropped:
    case PushVerdict::kStale:
      if (result.reached_flush_at) {
        const Ref called = Ref::Steal(PyObject_CallMethod(self, "_reached", "I", partition));
        if (!called) return Next::kError;
      }
      return Next::kDone;
    case PushVerdict::kTooLarge:
      PyErr_Format(PyExc_ValueError, "an item of %llu bytes is larger than max_bytes",
                   static_cast<unsigned long long>(bytes));
      return Next::kError;
    case PushVerdict::kFull:
    case PushVerdict::kStopped:
      break;
  }
  const bool stopped = result.verdict == PushVerdict::kStopped;
  // Also after a fruitless wait: the room that was made may be taken by others, and the options may be new.
  const Ref answer = Ref::Steal(PyObject_CallMethod(self, "_turned_away", "OOO", stopped ? Py_True : Py_False,
                                                    *own ? Py_True : Py_False, timeout->object()));
  if (!answer) return Next::kError;
  if (answer.get() == Py_True) {
    *own = true;
    return Next::kAgain;
  }
  const std::chrono::nanoseconds slice = timeout->Slice();
  if (slice.count() == 0) {
    const Ref raised = Ref::Steal(PyObject_CallMethod(self, "_timed_out", "O", timeout->object()));
    return Next::kError;
  }
  static_cast<void>(WithoutGil([&] {
    buffer->WaitForRoom(bytes, slice);
    return Outcome::kOk;
  }));
  return PyErr_CheckSignals() == 0 ? Next::kAgain : Next::kError;
}

}  // namespace buffer_put_internal

}  // namespace partita
