#include "base/secret.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace echodb {

bool equal_secrets(std::string_view given, std::string_view expected) {
  unsigned difference = given.size() == expected.size() ? 0 : 1;
  for (std::size_t at = 0; at < given.size() && !expected.empty(); ++at) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(given[at]) ^
                                        static_cast<unsigned char>(expected[at % expected.size()]));
  }
  return difference == 0;
}

std::string make_secret() {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, 32> bytes{};
  // Up to 256 bytes come whole, or not at all when a signal was faster.
  while (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    if (errno != EINTR) throw Error(ErrorCode::SystemFailure, fmt::format("getrandom: {}", std::strerror(errno)));
  }
  std::string secret;
  for (unsigned char byte : bytes) secret.push_back(kLetters[byte % kLetters.size()]);
  return secret;
}

}  // namespace echodb
