// Every buffer of the process, for a fork.

#ifndef PARTITA_BUFFER_BUFFER_LIST_H_
#define PARTITA_BUFFER_BUFFER_LIST_H_

#include "buffer/buffer.h"

namespace partita {

// Lock order: the list, then partitions by number. No call ever holds locks of two buffers, the fork handler excepted,
// which holds the list first.
struct BufferList {
  static void Add(Buffer* buffer);
  static void Remove(Buffer* buffer);
  static void LockAll();
  static void UnlockAll();
  static void ResetAll();  // in a fork's child

 private:
  template <typename Work>
  static void ForEachShard(Work&& work);
};

}  // namespace partita

#endif  // PARTITA_BUFFER_BUFFER_LIST_H_
