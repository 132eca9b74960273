/* Preloaded before a Python: lets one allocation from malloc and its kin fail. */
#include <errno.h>
#include <stddef.h>

extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* memory, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);

static __thread long left; /* until one fails; 0: none does */

/* The n-th allocation of this thread from now on fails; 0: none. Returns how many were still to come. */
long fail_malloc(long n) {
  long before = left;
  left = n;
  return before;
}

static int fails(void) {
  if (left == 0 || --left != 0) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void* realloc(void* memory, size_t size) { return fails() ? NULL : __libc_realloc(memory, size); }
void* aligned_alloc(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
