#include "bindings/py_text.h"

#include <cstring>

namespace partita {
namespace {

template <typename Char>
Py_ssize_t SizeOf(const Char* text, Py_ssize_t length, Py_ssize_t* surrogate) {
  Py_ssize_t size = length;
  for (Py_ssize_t i = 0; i < length; ++i) {
    const Py_UCS4 c = text[i];
    if (c < 0x80) continue;
    size += c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    if (c >= 0xD800 && c <= 0xDFFF) {
      *surrogate = i;
      return -1;
    }
  }
  return size;
}

template <typename Char>
void WriteOf(const Char* text, Py_ssize_t length, char* out) {
  const auto put = [&out](Py_UCS4 byte) { *out++ = static_cast<char>(byte); };
  for (Py_ssize_t i = 0; i < length; ++i) {
    const Py_UCS4 c = text[i];
    if (c < 0x80) {
      put(c);
      continue;
    }
    if (c < 0x800) {
      put(0xC0 | c >> 6);
    } else {
      if (c < 0x10000) {
        put(0xE0 | c >> 12);
      } else {
        put(0xF0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3F));
      }
      put(0x80 | (c >> 6 & 0x3F));
    }
    put(0x80 | (c & 0x3F));
  }
}

}  // namespace

Py_ssize_t Utf8Size(PyObject* text, Py_ssize_t* surrogate) {
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  if (PyUnicode_IS_ASCII(text)) return length;
  switch (PyUnicode_KIND(text)) {
    case PyUnicode_1BYTE_KIND:
      return SizeOf(PyUnicode_1BYTE_DATA(text), length, surrogate);
    case PyUnicode_2BYTE_KIND:
      return SizeOf(PyUnicode_2BYTE_DATA(text), length, surrogate);
    default:
      return SizeOf(PyUnicode_4BYTE_DATA(text), length, surrogate);
  }
}

void WriteUtf8(PyObject* text, char* out) {
  const Py_ssize_t length = PyUnicode_GET_LENGTH(text);
  if (PyUnicode_IS_ASCII(text)) {
    std::memcpy(out, PyUnicode_DATA(text), static_cast<size_t>(length));
    return;
  }
  switch (PyUnicode_KIND(text)) {
    case PyUnicode_1BYTE_KIND:
      return WriteOf(PyUnicode_1BYTE_DATA(text), length, out);
    case PyUnicode_2BYTE_KIND:
      return WriteOf(PyUnicode_2BYTE_DATA(text), length, out);
    default:
      return WriteOf(PyUnicode_4BYTE_DATA(text), length, out);
  }
}

}  // namespace partita
