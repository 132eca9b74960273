// What the objects that work on files step by step have in common: bind_file.cc, bind_durable.cc.

#ifndef PARTITA_BINDINGS_FILE_STEPS_H_
#define PARTITA_BINDINGS_FILE_STEPS_H_

#include <pybind11/pybind11.h>

#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/gil.h"
#include "bindings/handles.h"
#include "file/file_header.h"
#include "file/file_status.h"

namespace partita {

// Throws the exception that python/partita/errors.py makes of it.
[[noreturn]] void RaiseFileError(const FileError& error);

// The names of fields as a file keeps them, of a table; and as Python sees them, of a file: a tuple of str, or None.
std::optional<std::vector<std::string>> FieldNames(const Shape& shape);
pybind11::object FieldsOf(const FileHeader& header);

// Holds an object for one thread; ValueError if another one has it. Relies on the GIL.
class Busy {
 public:
  explicit Busy(bool* busy) : busy_(busy) {
    if (*busy_) throw pybind11::value_error("another thread is using this file");
    *busy_ = true;
  }
  ~Busy() { *busy_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  bool* const busy_;
};

// Runs call(), which gives a FileStatus, without the GIL, and throws what is wrong.
template <typename Call>
void RunStep(Call&& call) {
  FileStatus status;
  const Outcome outcome = WithoutGil([&] {
    status = call();
    return Outcome::kOk;
  });
  if (outcome != Outcome::kOk) throw std::bad_alloc();
  if (!status.ok()) RaiseFileError(status.error());
}

}  // namespace partita

#endif  // PARTITA_BINDINGS_FILE_STEPS_H_
