// Bytes of data: URIs (RFC 2397) in base64.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace programs {

struct DataUri {
  std::string type;  ///< image/png
  std::vector<std::byte> bytes;
};

bool is_data_uri(std::string_view text);

/// Throws vlmt::InputError for other URIs and encodings, vlmt::LimitError for more than `most` bytes.
DataUri read_data_uri(std::string_view uri, std::size_t most);

}  // namespace programs
