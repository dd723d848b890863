#include "columns/make_column.h"

#include "columns/decimal.h"
#include "columns/nested.h"
#include "columns/scalars.h"
#include "columns/source_text.h"
#include "columns/strings.h"
#include "columns/temporal.h"

namespace echodb {

std::unique_ptr<ColumnBuilder> make_column(const TargetType& type) {
  if (type.array) return std::make_unique<ArrayColumn>(type);
  switch (type.form) {
    case ValueForm::Bool:
    case ValueForm::Int16:
    case ValueForm::Int32:
    case ValueForm::Int64:
    case ValueForm::UInt32:
    case ValueForm::Float32:
    case ValueForm::Float64:
    case ValueForm::Uuid: return make_scalar_column(type);
    case ValueForm::Decimal: return make_decimal_column(type);
    case ValueForm::Date:
    case ValueForm::Timestamp: return make_temporal_column(type);
    case ValueForm::SourceText: return std::make_unique<SourceTextColumn>(type);
    default: return std::make_unique<StringColumn>(type);
  }
}

}  // namespace echodb
