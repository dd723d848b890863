#pragma once

#include <string_view>

namespace echodb {

/// Watches the data of INSERT … VALUES for something after the semicolon that ends it. libchdb's stream reads no
/// further than the semicolon and says nothing, so rows behind it would be lost in silence.
class ValuesTail {
 public:
  /// The next piece. Throws when there is more than blanks after the semicolon.
  void see(std::string_view piece);

 private:
  int depth_ = 0;
  char quote_ = 0;  // the open quote, 0 outside
  bool escaped_ = false;
  bool ended_ = false;
};

}  // namespace echodb
