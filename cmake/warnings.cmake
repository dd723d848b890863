# One set of warnings for every target of ours; third-party headers come in as SYSTEM.
add_library(echodb_warnings INTERFACE)
target_compile_options(echodb_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror
  # A designated initialiser leaves the other members at their defaults on purpose.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A batch of sources includes each of them, so their unnamed namespaces look like a header's.
  target_compile_options(echodb_warnings INTERFACE -Wno-subobject-linkage)
  # GCC 12 sees overlaps in std::string's own operator+ that are not there (GCC bug 105651).
  target_compile_options(echodb_warnings INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(echodb_warnings INTERFACE -Wthread-safety)
endif()
