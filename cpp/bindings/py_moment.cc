#include "bindings/py_moment.h"

#include <datetime.h>

#include <string>

#include "bindings/py_foreign.h"
#include "bindings/py_ref.h"
#include "bindings/py_text.h"

namespace partita {
namespace {

using wire::Moment;
using wire::ZoneForm;

constexpr int64_t kSecondUs = 1000000;
constexpr size_t kMaxNameSize = 65535;

// --- The proleptic Gregorian calendar. Day 1 is 0001-01-01; years are taken to begin in March, so that a leap day ends
// them.

constexpr int64_t kDaysTo0001 = 306;  // from 0000-03-01
constexpr int64_t kDaysIn400Years = 146097;

int64_t DaysOfDate(int year, int month, int day) {
  const int64_t y = month > 2 ? year : year - 1;
  const int64_t m = month > 2 ? month - 3 : month + 9;
  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - kDaysTo0001;
}

struct Date {
  int year;
  int month;
  int day;
};

Date DateOfDays(int64_t days) {
  const int64_t from_start = days + kDaysTo0001 - 1;
  const int64_t era = from_start / kDaysIn400Years;
  const int64_t in_era = from_start % kDaysIn400Years;
  const int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  const int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t m = (5 * in_year + 2) / 153;
  Date date;
  date.day = static_cast<int>(in_year - (153 * m + 2) / 5 + 1);
  date.month = static_cast<int>(m < 10 ? m + 3 : m - 9);
  date.year = static_cast<int>(400 * era + year_of_era + (m < 10 ? 0 : 1));
  return date;
}

int64_t ClockUs(int hour, int minute, int second, int microsecond) {
  return ((hour * 60 + minute) * int64_t{60} + second) * kSecondUs + microsecond;
}

int64_t DeltaUs(PyObject* delta) {
  return PyDateTime_DELTA_GET_DAYS(delta) * wire::kDayUs + PyDateTime_DELTA_GET_SECONDS(delta) * kSecondUs +
         PyDateTime_DELTA_GET_MICROSECONDS(delta);
}

// --- pandas

// An int attribute equals `expected`. A missing one counts as equal.
bool AttributeIs(PyObject* obj, const char* name, long expected, bool* is) {
  Ref value = Ref::Steal(PyObject_GetAttrString(obj, name));
  if (!value) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return false;
    PyErr_Clear();
    *is = true;
    return true;
  }
  const long number = PyLong_AsLong(value.get());
  if (number == -1 && PyErr_Occurred()) return false;
  *is = number == expected;
  return true;
}

// pandas' subclasses hold more than datetime and timedelta do: such values are refused.
bool CheckPandas(PyObject* obj) {
  if (IsInstanceIfLoaded(obj, "pandas", "Timestamp")) {
    bool whole, in_range;
    if (!AttributeIs(obj, "nanosecond", 0, &whole)) return false;
    if (!AttributeIs(obj, "year", PyDateTime_GET_YEAR(obj), &in_range)) return false;
    if (whole && in_range) return true;
    PyErr_SetString(PyExc_ValueError,
                    whole ? "a pandas.Timestamp outside the years 1 to 9999 cannot be stored: store its "
                            ".value, an int"
                          : "a pandas.Timestamp with nanoseconds cannot be stored: store its .value, an int, "
                            "or round it with .round('us')");
    return false;
  }
  if (IsInstanceIfLoaded(obj, "pandas", "Timedelta")) {
    bool whole, in_range;
    if (!AttributeIs(obj, "nanoseconds", 0, &whole)) return false;
    if (!AttributeIs(obj, "days", PyDateTime_DELTA_GET_DAYS(obj), &in_range)) return false;
    if (whole && in_range) return true;
    PyErr_SetString(PyExc_ValueError,
                    whole ? "a pandas.Timedelta beyond the range of datetime.timedelta cannot be stored: "
                            "store its .value, an int"
                          : "a pandas.Timedelta with nanoseconds cannot be stored: store its .value, an int, "
                            "or round it with .round('us')");
    return false;
  }
  // NaT is a datetime by inheritance only.
  if (IsObjectIfLoaded(obj, "pandas", "NaT")) {
    PyErr_SetString(PyExc_ValueError, "pandas.NaT cannot be stored: store None");
    return false;
  }
  return true;
}

// --- Time zones, in

// What a moment's tzinfo adds to it. The name stays in `name`.
struct Zone {
  ZoneForm form = ZoneForm::kNaive;
  int64_t offset_us = 0;
  std::string name;
};

bool SetName(PyObject* text, const char* what, Zone* zone) {
  Py_ssize_t surrogate;
  const Py_ssize_t size = Utf8Size(text, &surrogate);
  if (size < 0 || static_cast<size_t>(size) > kMaxNameSize) {
    PyErr_Format(PyExc_ValueError, "%s %s cannot be stored", what,
                 size < 0 ? "that holds a lone surrogate" : "of more than 65,535 bytes");
    return false;
  }
  zone->name.resize(static_cast<size_t>(size));
  WriteUtf8(text, zone->name.data());
  return true;
}

// A datetime.timezone tells its offset and name to pickle.
Encoded EncodeFixedOffset(PyObject* tzinfo, Zone* zone) {
  zone->form = ZoneForm::kSeconds;
  if (tzinfo == PyDateTime_TimeZone_UTC) return Encoded::kDone;
  Ref args = Ref::Steal(PyObject_CallMethod(tzinfo, "__getinitargs__", nullptr));
  if (!args) return Encoded::kError;
  if (!PyTuple_CheckExact(args.get()) || PyTuple_GET_SIZE(args.get()) < 1) return Encoded::kOpaque;
  PyObject* offset = PyTuple_GET_ITEM(args.get(), 0);
  if (!PyDelta_Check(offset)) return Encoded::kOpaque;
  zone->offset_us = DeltaUs(offset);
  if (PyTuple_GET_SIZE(args.get()) == 1) {
    if (zone->offset_us % kSecondUs != 0) zone->form = ZoneForm::kMicros;
    return Encoded::kDone;
  }
  zone->form = ZoneForm::kNamed;
  return SetName(PyTuple_GET_ITEM(args.get(), 1), "a time zone with a name", zone) ? Encoded::kDone : Encoded::kError;
}

// The offset that a ZoneInfo gives for `moment`; *known is false if it gives none. Whole seconds, as all zone files
// have them.
bool AskOffset(PyObject* zoneinfo, PyObject* moment, bool* known, int64_t* offset_us) {
  Ref delta = Ref::Steal(PyObject_CallMethod(zoneinfo, "utcoffset", "O", moment));
  if (!delta) return false;
  *known = PyDelta_Check(delta.get());
  *offset_us = *known ? DeltaUs(delta.get()) : 0;
  return true;
}

// `moment` is an exact datetime, or None for a time.
Encoded EncodeZoneInfo(PyObject* zoneinfo, PyObject* moment, Zone* zone) {
  Ref key = Ref::Steal(PyObject_GetAttrString(zoneinfo, "key"));
  if (!key) return Encoded::kError;
  if (!PyUnicode_CheckExact(key.get())) return Encoded::kOpaque;
  bool known;
  if (!AskOffset(zoneinfo, moment, &known, &zone->offset_us)) return Encoded::kError;
  // Reading it back will ask for the zone of this key. One that was made otherwise (from a file, without the cache)
  // must agree.
  Ref same = Ref::Steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(zoneinfo)), key.get()));
  if (!same) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return Encoded::kError;
    PyErr_Clear();
    return Encoded::kOpaque;
  }
  if (same.get() != zoneinfo) {
    bool same_known;
    int64_t same_offset;
    if (!AskOffset(same.get(), moment, &same_known, &same_offset)) return Encoded::kError;
    if (same_known != known || same_offset != zone->offset_us) return Encoded::kOpaque;
  }
  if (known ? zone->offset_us % kSecondUs != 0 : moment != Py_None) return Encoded::kOpaque;
  zone->form = known ? ZoneForm::kZone : ZoneForm::kZoneNoOffset;
  return SetName(key.get(), "a time zone with a key", zone) ? Encoded::kDone : Encoded::kError;
}

Encoded EncodeZone(PyObject* tzinfo, PyObject* moment, Zone* zone) {
  if (tzinfo == Py_None) return Encoded::kDone;
  if (Py_TYPE(tzinfo) == Py_TYPE(PyDateTime_TimeZone_UTC)) return EncodeFixedOffset(tzinfo, zone);
  if (Py_TYPE(tzinfo) == zoneinfo_type.IfLoaded()) return EncodeZoneInfo(tzinfo, moment, zone);
  return Encoded::kOpaque;
}

Moment MakeMoment(int64_t clock_us, bool fold, const Zone& zone) {
  Moment m;
  m.clock_us = clock_us;
  m.fold = fold;
  m.form = zone.form;
  m.offset_us = zone.offset_us;
  m.name = zone.name;
  return m;
}

Encoded EncodeDatetime(PyObject* obj, WireWriter* writer) {
  if (!PyDateTime_CheckExact(obj) && !CheckPandas(obj)) return Encoded::kError;
  const int year = PyDateTime_GET_YEAR(obj), month = PyDateTime_GET_MONTH(obj), day = PyDateTime_GET_DAY(obj);
  const int hour = PyDateTime_DATE_GET_HOUR(obj), minute = PyDateTime_DATE_GET_MINUTE(obj);
  const int second = PyDateTime_DATE_GET_SECOND(obj), micro = PyDateTime_DATE_GET_MICROSECOND(obj);
  const int fold = PyDateTime_DATE_GET_FOLD(obj);
  PyObject* tzinfo = PyDateTime_DATE_GET_TZINFO(obj);
  Zone zone;
  if (tzinfo != Py_None) {
    // A zone asks a subclass by its methods, which may say anything.
    Ref exact = PyDateTime_CheckExact(obj)
                    ? Ref::Borrow(obj)
                    : Ref::Steal(PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(
                          year, month, day, hour, minute, second, micro, tzinfo, fold, PyDateTimeAPI->DateTimeType));
    if (!exact) return Encoded::kError;
    if (const Encoded zoned = EncodeZone(tzinfo, exact.get(), &zone); zoned != Encoded::kDone) return zoned;
  }
  const int64_t days = DaysOfDate(year, month, day) - 1;
  writer->AddDatetime(MakeMoment(days * wire::kDayUs + ClockUs(hour, minute, second, micro), fold != 0, zone));
  return Encoded::kDone;
}

Encoded EncodeTime(PyObject* obj, WireWriter* writer) {
  Zone zone;
  if (const Encoded zoned = EncodeZone(PyDateTime_TIME_GET_TZINFO(obj), Py_None, &zone); zoned != Encoded::kDone)
    return zoned;
  const int64_t clock_us = ClockUs(PyDateTime_TIME_GET_HOUR(obj), PyDateTime_TIME_GET_MINUTE(obj),
                                   PyDateTime_TIME_GET_SECOND(obj), PyDateTime_TIME_GET_MICROSECOND(obj));
  writer->AddTime(MakeMoment(clock_us, PyDateTime_TIME_GET_FOLD(obj) != 0, zone));
  return Encoded::kDone;
}

// --- Time zones, out

PyObject* DecodeText(absl::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), nullptr);
}

PyObject* DecodeFixedOffset(const Moment& m) {
  if (m.form == ZoneForm::kSeconds && m.offset_us == 0) return Py_NewRef(PyDateTime_TimeZone_UTC);
  // Floor division: a timedelta keeps its days negative and the rest positive.
  const int days = m.offset_us < 0 ? -1 : 0;
  const int64_t rest = m.offset_us - days * wire::kDayUs;
  Ref delta = Ref::Steal(PyDelta_FromDSU(days, static_cast<int>(rest / kSecondUs), static_cast<int>(rest % kSecondUs)));
  if (!delta) return nullptr;
  if (m.form != ZoneForm::kNamed) return PyTimeZone_FromOffset(delta.get());
  Ref name = Ref::Steal(DecodeText(m.name));
  return name ? PyTimeZone_FromOffsetAndName(delta.get(), name.get()) : nullptr;
}

PyObject* DecodeZoneInfo(const Moment& m) {
  PyTypeObject* type = zoneinfo_type.Get();
  Ref key = type != nullptr ? Ref::Steal(DecodeText(m.name)) : Ref();
  if (!key) return nullptr;
  PyObject* zoneinfo = PyObject_CallOneArg(reinterpret_cast<PyObject*>(type), key.get());
  // A KeyError would look as if a row were missing.
  if (zoneinfo == nullptr && (PyErr_ExceptionMatches(PyExc_KeyError) || PyErr_ExceptionMatches(PyExc_OSError))) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError,
                 "a stored value is in the time zone %R, which this machine does not know: install tzdata", key.get());
  }
  return zoneinfo;
}

PyObject* DecodeZone(const Moment& m) {
  switch (m.form) {
    case ZoneForm::kNaive:
      return Py_NewRef(Py_None);
    case ZoneForm::kSeconds:
    case ZoneForm::kMicros:
    case ZoneForm::kNamed:
      return DecodeFixedOffset(m);
    case ZoneForm::kZone:
    case ZoneForm::kZoneNoOffset:
      break;
  }
  return DecodeZoneInfo(m);
}

struct Clock {
  explicit Clock(int64_t us) {
    const int64_t seconds = us / kSecondUs;
    hour = static_cast<int>(seconds / 3600);
    minute = static_cast<int>(seconds / 60 % 60);
    second = static_cast<int>(seconds % 60);
    microsecond = static_cast<int>(us % kSecondUs);
  }
  int hour, minute, second, microsecond;
};

PyObject* DecodeDatetime(const Moment& m) {
  Ref zone = Ref::Steal(DecodeZone(m));
  if (!zone) return nullptr;
  const Date date = DateOfDays(m.clock_us / wire::kDayUs + 1);
  const Clock clock(m.clock_us % wire::kDayUs);
  return PyDateTimeAPI->DateTime_FromDateAndTimeAndFold(date.year, date.month, date.day, clock.hour, clock.minute,
                                                        clock.second, clock.microsecond, zone.get(), m.fold,
                                                        PyDateTimeAPI->DateTimeType);
}

PyObject* DecodeTime(const Moment& m) {
  Ref zone = Ref::Steal(DecodeZone(m));
  if (!zone) return nullptr;
  const Clock clock(m.clock_us);
  return PyDateTimeAPI->Time_FromTimeAndFold(clock.hour, clock.minute, clock.second, clock.microsecond, zone.get(),
                                             m.fold, PyDateTimeAPI->TimeType);
}

}  // namespace

Encoded EncodeMoment(PyObject* obj, WireWriter* writer) {
  if (PyDateTime_Check(obj)) return EncodeDatetime(obj, writer);
  if (PyDate_Check(obj)) {
    const int64_t days = DaysOfDate(PyDateTime_GET_YEAR(obj), PyDateTime_GET_MONTH(obj), PyDateTime_GET_DAY(obj));
    writer->AddDate(static_cast<uint32_t>(days));
    return Encoded::kDone;
  }
  if (PyTime_Check(obj)) return EncodeTime(obj, writer);
  if (PyDelta_Check(obj)) {
    if (!PyDelta_CheckExact(obj) && !CheckPandas(obj)) return Encoded::kError;
    writer->AddTimedelta(PyDateTime_DELTA_GET_DAYS(obj), static_cast<uint32_t>(PyDateTime_DELTA_GET_SECONDS(obj)),
                         static_cast<uint32_t>(PyDateTime_DELTA_GET_MICROSECONDS(obj)));
    return Encoded::kDone;
  }
  return Encoded::kOther;
}

PyObject* DecodeMoment(const char* p) {
  const uint8_t tag = wire::TagAt(p);
  if (tag == wire::kDate) {
    const Date date = DateOfDays(wire::Load<uint32_t>(p + 1));
    return PyDate_FromDate(date.year, date.month, date.day);
  }
  if (tag == wire::kTimedelta) {
    return PyDelta_FromDSU(wire::Load<int32_t>(p + 1), static_cast<int>(wire::Load<uint32_t>(p + 5)),
                           static_cast<int>(wire::Load<uint32_t>(p + 9)));
  }
  const Moment m = wire::ReadMoment(p);
  return tag < wire::kTime ? DecodeDatetime(m) : DecodeTime(m);
}

bool InitMoments() {
  PyDateTime_IMPORT;
  return PyDateTimeAPI != nullptr;
}

}  // namespace partita
