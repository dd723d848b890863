# Writes one SQL file as a C++ string constant. Called by echodb_embed_sql.
file(READ "${INPUT}" text)
file(WRITE "${OUTPUT}" "#pragma once\n\n#include <string_view>\n\nnamespace echodb::sql {\ninline constexpr std::string_view ${NAME} = R\"echosql(${text})echosql\";\n}  // namespace echodb::sql\n")
