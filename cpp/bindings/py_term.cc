#include "bindings/py_term.h"

#include <algorithm>

#include "bindings/py_atom.h"
#include "bindings/py_moment.h"

namespace partita {

char* EncodeArena::AllocateSlow(size_t size) {
  constexpr size_t kMinBlock = 4096;
  const size_t capacity = std::max(size, kMinBlock);
  blocks_.emplace_back(new char[capacity]);
  char* p = blocks_.back().get();
  // A block that serves one large value leaves what is left of the present one in use.
  if (capacity - size > static_cast<size_t>(end_ - next_)) {
    next_ = p + size;
    end_ = p + capacity;
  }
  return p;
}

bool InitTerms(PyObject* module) { return InitMoments() && InitAtom(module); }

}  // namespace partita
