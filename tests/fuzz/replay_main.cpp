// Feeds files to a fuzz target without libFuzzer, so that every test run, with any compiler, covers the corpus.
// usage: <target>_replay DIRECTORY-OR-FILE...

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::printf("%s (%zu bytes)\n", path.c_str(), content.size());
  std::fflush(stdout);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t replayed = 0;
  for (const std::string& argument : std::vector<std::string>(arguments + 1, arguments + count)) {
    if (!std::filesystem::is_directory(argument)) {
      replay(argument);
      ++replayed;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argument)) {
      replay(entry.path());
      ++replayed;
    }
  }
  if (replayed == 0) {
    std::fprintf(stderr, "no file to replay\n");
    return 1;
  }
  return 0;
}
