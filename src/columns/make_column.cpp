#include "columns/make_column.h"

#include "columns/decimal.h"
#include "columns/nested.h"
#include "columns/network_address.h"
#include "columns/scalars.h"
#include "columns/source_text.h"
#include "columns/strings.h"
#include "columns/temporal.h"
#include "columns/whole_number.h"

namespace echodb {

std::unique_ptr<ColumnBuilder> make_column(const TargetType& type) {
  if (type.is_array()) return std::make_unique<ArrayColumn>(type);
  switch (type.form) {
    case ValueForm::Bool:
    case ValueForm::Float32:
    case ValueForm::Float64:
    case ValueForm::Uuid: return make_scalar_column(type);
    case ValueForm::Int16:
    case ValueForm::Int32:
    case ValueForm::Int64:
    case ValueForm::UInt32: return type.read_as ? make_whole_number_column(type) : make_scalar_column(type);
    case ValueForm::Int8:
    case ValueForm::Int128:
    case ValueForm::Int256:
    case ValueForm::UInt8:
    case ValueForm::UInt16:
    case ValueForm::UInt64:
    case ValueForm::UInt128:
    case ValueForm::UInt256: return make_whole_number_column(type);
    case ValueForm::Ipv4:
    case ValueForm::Ipv6: return make_network_address_column(type);
    case ValueForm::Decimal: return make_decimal_column(type);
    case ValueForm::Date:
    case ValueForm::ShortDate:
    case ValueForm::Timestamp:
    case ValueForm::Seconds:
    case ValueForm::TimeOfDay:
    case ValueForm::Ticks: return make_temporal_column(type);
    case ValueForm::SourceText: return std::make_unique<SourceTextColumn>(type);
    default: return std::make_unique<StringColumn>(type);
  }
}

}  // namespace echodb
