// Tells threads apart, across a fork too.

#ifndef PARTITA_BASE_THIS_THREAD_H_
#define PARTITA_BASE_THIS_THREAD_H_

namespace partita {

// An address that no other living thread has, and that the thread which forks keeps in the child.
inline const void* ThisThread() {
  static thread_local char mark;
  return &mark;
}

}  // namespace partita

#endif  // PARTITA_BASE_THIS_THREAD_H_
