// What stands behind `_core.QueueBuffer`, `_core.MapBuffer` and what goes with them. Constant after construction.

#ifndef PARTITA_BINDINGS_BUFFER_HANDLES_H_
#define PARTITA_BINDINGS_BUFFER_HANDLES_H_

#include <memory>

#include "buffer/map_buffer.h"
#include "buffer/queue_buffer.h"

namespace partita {

struct QueueHandle {
  std::shared_ptr<QueueBuffer> buffer;
};

struct MapHandle {
  std::shared_ptr<MapBuffer> buffer;
};

// The same buffer for whoever runs its processor.
struct BufferControl {
  std::shared_ptr<Buffer> buffer;
};

struct BatchHandle {
  std::unique_ptr<Batch> batch;
  std::shared_ptr<Buffer> buffer;  // of which the batch is
};

struct WatchHandle {
  std::shared_ptr<FlushWatch> watch;
};

}  // namespace partita

#endif  // PARTITA_BINDINGS_BUFFER_HANDLES_H_
