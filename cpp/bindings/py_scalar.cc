#include "bindings/py_scalar.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>
#include <string>

#include "bindings/py_foreign.h"
#include "bindings/py_ref.h"

namespace partita {
namespace {

using wire::DecimalParts;

// Two's complement of `size` bytes, least significant first; false with an exception if the int needs more.
bool ReadTwosComplement(PyObject* obj, char* bytes, size_t size) {
#if PY_VERSION_HEX >= 0x030D0000
  const Py_ssize_t needed =
      PyLong_AsNativeBytes(obj, bytes, static_cast<Py_ssize_t>(size), Py_ASNATIVEBYTES_LITTLE_ENDIAN);
  if (needed > static_cast<Py_ssize_t>(size)) PyErr_SetString(PyExc_OverflowError, "int too big to convert");
  return needed >= 0 && needed <= static_cast<Py_ssize_t>(size);
#else
  return _PyLong_AsByteArray(reinterpret_cast<PyLongObject*>(obj), reinterpret_cast<unsigned char*>(bytes), size,
                             /*little_endian=*/1, /*is_signed=*/1) == 0;
#endif
}

// A size that holds the int in two's complement.
Py_ssize_t TwosComplementSize(PyObject* obj) {
#if PY_VERSION_HEX >= 0x030D0000
  return PyLong_AsNativeBytes(obj, nullptr, 0, Py_ASNATIVEBYTES_LITTLE_ENDIAN);
#else
  const size_t bits = _PyLong_NumBits(obj);
  return bits == static_cast<size_t>(-1) ? -1 : static_cast<Py_ssize_t>(bits / 8 + 1);
#endif
}

PyObject* FromMagnitude(const void* bytes, size_t size, bool little_endian) {
#if PY_VERSION_HEX >= 0x030D0000
  const int flags = (little_endian ? Py_ASNATIVEBYTES_LITTLE_ENDIAN : Py_ASNATIVEBYTES_BIG_ENDIAN);
  return PyLong_FromUnsignedNativeBytes(bytes, size, flags);
#else
  return _PyLong_FromByteArray(static_cast<const unsigned char*>(bytes), size, little_endian, /*is_signed=*/0);
#endif
}

// --- Decimal

// A Decimal's str tells all of it: sign, digits and exponent. That of the class itself is asked, whatever the object's
// says.
Ref DecimalText(PyObject* obj, PyTypeObject* type) {
  static PyObject* str = nullptr;
  if (str == nullptr) str = PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), "__str__");
  Ref text = str != nullptr ? Ref::Steal(PyObject_CallOneArg(str, obj)) : Ref();
  if (text && !(PyUnicode_CheckExact(text.get()) && PyUnicode_IS_ASCII(text.get()))) {
    PyErr_SetString(PyExc_ValueError, "a Decimal that does not tell its value cannot be stored");
    return Ref();
  }
  return text;
}

bool IsDigits(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool ConsumePrefix(absl::string_view* text, absl::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// Takes the text of a Decimal apart: "-1.50E+7", "Infinity", "sNaN12".
bool ParseDecimal(absl::string_view text, DecimalParts* d, std::string* digits) {
  using Class = DecimalParts::Class;
  d->negative = ConsumePrefix(&text, "-");
  if (text == "Infinity") {
    d->klass = Class::kInfinity;
    return true;
  }
  d->klass = ConsumePrefix(&text, "NaN")    ? Class::kNan
             : ConsumePrefix(&text, "sNaN") ? Class::kSignalingNan
                                            : Class::kFinite;
  const size_t exponent_at = std::min(text.find_first_of("eE"), text.size());
  const absl::string_view mantissa = text.substr(0, exponent_at);
  if (exponent_at < text.size()) {
    absl::string_view exponent = text.substr(exponent_at + 1);
    ConsumePrefix(&exponent, "+");
    const char* end = exponent.data() + exponent.size();
    if (std::from_chars(exponent.data(), end, d->exponent).ptr != end) return false;
  }
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  digits->assign(mantissa.data(), point);
  if (point < mantissa.size()) {
    const absl::string_view fraction = mantissa.substr(point + 1);
    digits->append(fraction.data(), fraction.size());
    d->exponent -= static_cast<int64_t>(fraction.size());
  }
  digits->erase(0, std::min(digits->find_first_not_of('0'), digits->size()));
  return IsDigits(*digits);
}

// The text that the constructor of Decimal takes for exactly this value.
std::string WriteDecimal(const DecimalParts& d) {
  using Class = DecimalParts::Class;
  std::string text;
  text.reserve(size_t{d.digit_count} + 32);
  if (d.negative) text += '-';
  if (d.klass == Class::kInfinity) text += "Infinity";
  if (d.klass == Class::kNan) text += "NaN";
  if (d.klass == Class::kSignalingNan) text += "sNaN";
  for (uint32_t i = 0; i < d.digit_count; ++i) text += static_cast<char>('0' + d.digit(i));
  if (d.klass == Class::kFinite) {
    if (d.digit_count == 0) text += '0';
    text += 'E';
    text += std::to_string(d.exponent);
  }
  return text;
}

Encoded EncodeDecimal(PyObject* obj, PyTypeObject* type, WireWriter* writer) {
  Ref text = DecimalText(obj, type);
  if (!text) return Encoded::kError;
  DecimalParts d;
  std::string digits;
  const auto* data = static_cast<const char*>(PyUnicode_DATA(text.get()));
  if (!ParseDecimal(absl::string_view(data, static_cast<size_t>(PyUnicode_GET_LENGTH(text.get()))), &d, &digits)) {
    PyErr_Format(PyExc_ValueError, "a Decimal that tells its value as %R cannot be stored", text.get());
    return Encoded::kError;
  }
  writer->AddDecimal(d, digits);
  return Encoded::kDone;
}

// --- UUID

// A UUID is its int, which lies in a slot of the class. The slots are asked and set past what the class or a subclass
// makes of them: __init__ takes twenty times as long.
struct UuidSlots {
  PyObject* number = nullptr;
  PyObject* is_safe = nullptr;
  PyObject* unknown = nullptr;  // SafeUUID.unknown

  bool Find(PyTypeObject* type) {
    if (unknown != nullptr) return true;
    auto* object = reinterpret_cast<PyObject*>(type);
    Ref found_number = Ref::Steal(PyObject_GetAttrString(object, "int"));
    Ref found_is_safe = found_number ? Ref::Steal(PyObject_GetAttrString(object, "is_safe")) : Ref();
    Ref module = found_is_safe ? Ref::Steal(PyImport_ImportModule("uuid")) : Ref();
    Ref safe = module ? Ref::Steal(PyObject_GetAttrString(module.get(), "SafeUUID")) : Ref();
    Ref found_unknown = safe ? Ref::Steal(PyObject_GetAttrString(safe.get(), "unknown")) : Ref();
    if (!found_unknown) return false;
    if (!IsSlot(found_number.get()) || !IsSlot(found_is_safe.get())) {
      PyErr_SetString(PyExc_TypeError, "uuid.UUID has no slots in this version of Python");
      return false;
    }
    number = found_number.release();
    is_safe = found_is_safe.release();
    unknown = found_unknown.release();
    return true;
  }

  static bool IsSlot(PyObject* obj) {
    return Py_TYPE(obj)->tp_descr_get != nullptr && Py_TYPE(obj)->tp_descr_set != nullptr;
  }
  static Ref Read(PyObject* slot, PyObject* obj) {
    return Ref::Steal(Py_TYPE(slot)->tp_descr_get(slot, obj, reinterpret_cast<PyObject*>(Py_TYPE(obj))));
  }
  static bool Write(PyObject* slot, PyObject* obj, PyObject* value) {
    return Py_TYPE(slot)->tp_descr_set(slot, obj, value) == 0;
  }
};

UuidSlots uuid_slots;

Encoded EncodeUuid(PyObject* obj, PyTypeObject* type, WireWriter* writer) {
  if (!uuid_slots.Find(type)) return Encoded::kError;
  Ref number = UuidSlots::Read(uuid_slots.number, obj);
  char bytes[17];  // the uppermost byte is there for the sign
  if (!number || !PyLong_Check(number.get()) || !ReadTwosComplement(number.get(), bytes, sizeof(bytes)) ||
      bytes[16] != 0) {
    PyErr_Clear();
    PyErr_SetString(PyExc_ValueError, "a UUID without an int of 128 bits cannot be stored");
    return Encoded::kError;
  }
  std::reverse(bytes, bytes + 16);
  writer->AddUuid(bytes);
  return Encoded::kDone;
}

}  // namespace

bool ReadBigInt(PyObject* obj, BigBytes* magnitude) {
  const Py_ssize_t size = TwosComplementSize(obj);
  if (size < 0) return false;
  magnitude->resize(static_cast<size_t>(size));
  if (!ReadTwosComplement(obj, magnitude->data(), magnitude->size())) return false;
  if (magnitude->back() & 0x80) {  // negative: one's complement and one
    bool carry = true;
    for (char& byte : *magnitude) {
      byte = static_cast<char>(~byte + carry);
      carry = carry && byte == 0;
    }
  }
  while (!magnitude->empty() && magnitude->back() == 0) magnitude->pop_back();
  return true;
}

Encoded EncodeScalar(PyObject* obj, WireWriter* writer) {
  if (const Encoded moment = EncodeMoment(obj, writer); moment != Encoded::kOther) return moment;
  PyTypeObject* decimal = decimal_type.IfLoaded();
  if (decimal != nullptr && PyObject_TypeCheck(obj, decimal)) return EncodeDecimal(obj, decimal, writer);
  PyTypeObject* uuid = uuid_type.IfLoaded();
  if (uuid != nullptr && PyObject_TypeCheck(obj, uuid)) return EncodeUuid(obj, uuid, writer);
  return Encoded::kOther;
}

PyObject* DecodeBigInt(const char* p) {
  const wire::BigView big = wire::ReadBig(p);
  Ref magnitude = Ref::Steal(FromMagnitude(big.magnitude, big.size, /*little_endian=*/true));
  if (!magnitude || !big.negative) return magnitude.release();
  return PyNumber_Negative(magnitude.get());
}

PyObject* DecodeDecimal(const char* p) {
  PyTypeObject* type = decimal_type.Get();
  if (type == nullptr) return nullptr;
  Ref str;
  try {
    const std::string text = WriteDecimal(wire::ReadDecimal(p));
    str = Ref::Steal(PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return str ? PyObject_CallOneArg(reinterpret_cast<PyObject*>(type), str.get()) : nullptr;
}

PyObject* DecodeUuid(const char* p) {
  PyTypeObject* type = uuid_type.Get();
  if (type == nullptr || !uuid_slots.Find(type)) return nullptr;
  Ref number = Ref::Steal(FromMagnitude(p + 1, 16, /*little_endian=*/false));
  Ref arguments = number ? Ref::Steal(PyTuple_New(0)) : Ref();
  Ref uuid = arguments ? Ref::Steal(PyBaseObject_Type.tp_new(type, arguments.get(), nullptr)) : Ref();
  if (!uuid || !UuidSlots::Write(uuid_slots.number, uuid.get(), number.get())) return nullptr;
  if (!UuidSlots::Write(uuid_slots.is_safe, uuid.get(), uuid_slots.unknown)) return nullptr;
  return uuid.release();
}

}  // namespace partita
