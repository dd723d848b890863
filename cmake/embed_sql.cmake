# echodb_embed_sql(<target> <file.sql>...)
# Compiles SQL files into the target: `name.sql` becomes `echodb::sql::name`, declared in `<folder>/name.sql.h`.
function(echodb_embed_sql target)
  get_filename_component(folder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME_WE)
    set(header "${PROJECT_BINARY_DIR}/generated/${folder}/${name}.sql.h")
    add_custom_command(
      OUTPUT "${header}"
      COMMAND "${CMAKE_COMMAND}" -DINPUT=${CMAKE_CURRENT_SOURCE_DIR}/${file} -DOUTPUT=${header} -DNAME=${name}
              -P "${PROJECT_SOURCE_DIR}/cmake/embed_sql_file.cmake"
      DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${file}" "${PROJECT_SOURCE_DIR}/cmake/embed_sql_file.cmake"
      VERBATIM)
    target_sources(${target} PRIVATE "${header}")
  endforeach()
  target_include_directories(${target} PUBLIC "${PROJECT_BINARY_DIR}/generated")
endfunction()
