// Asks for a cache line ahead of its use. Written as assembly because gcc takes a function that does nothing but
// __builtin_prefetch for one without effects, and drops the calls of it.

#ifndef PARTITA_BASE_PREFETCH_H_
#define PARTITA_BASE_PREFETCH_H_

namespace partita {

inline void Prefetch(const void* p) {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(p)));
#elif defined(__aarch64__)
  asm volatile("prfm pldl1keep, %0" : : "Q"(*static_cast<const char*>(p)));
#endif
}

}  // namespace partita

#endif  // PARTITA_BASE_PREFETCH_H_
