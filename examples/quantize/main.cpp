// vlmt-quantize: writes a GGUF file again with its matrices in another format.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <vlmt/base/error.hpp>
#include <vlmt/exec/omp_team.hpp>
#include <vlmt/io/gguf.hpp>
#include <vlmt/io/gguf_writer.hpp>
#include <vlmt/quant/formats.hpp>
#include <vlmt/quant/row.hpp>

#include "../common/command_line.hpp"

namespace {

struct Arguments {
  std::string input;
  std::string output;
  std::string type;
  std::string head_type;
  std::size_t threads = 0;
  bool quiet = false;
};

std::optional<int> parse_arguments(int argc, char** argv, Arguments& a) {
  CLI::App app{
      "Writes a GGUF file with all matrices in another format. Norms, biases, routers, patch and position embeddings\n"
      "stay as they are; rows that are no whole number of blocks get the usual substitute.",
      "vlmt-quantize"};
  std::vector<std::string> names;
  vlmt::for_each_type(vlmt::formats::all{}, [&](auto tag) { names.emplace_back(decltype(tag)::type::name); });
  app.add_option("input", a.input, "A model or mmproj file; the first file of a split")->required();
  app.add_option("output", a.output, "The file to write")->required();
  app.add_option("--type", a.type, "Format of matrices")->required()->transform(CLI::IsMember(names, CLI::ignore_case));
  app.add_option("--head-type", a.head_type, "Format of the output head, or of the embedding where it is the head, too")
      ->transform(CLI::IsMember(names, CLI::ignore_case));
  app.add_option("--threads", a.threads, "Threads; 0 for all");
  app.add_flag("--quiet", a.quiet, "Do not list tensors");
  return programs::parse(app, argc, argv);
}

/// True for what makers of quantized files leave alone: it is small, or matters too much.
bool stays(const vlmt::GgufTensor& t) {
  const std::string_view n = t.name;
  return t.n_dims < 2 || !n.ends_with("weight") || n.ends_with("norm.weight") || n.ends_with("ffn_gate_inp.weight") ||
         n.ends_with("position_embd.weight") || n.find("patch_embd") != std::string_view::npos;
}

/// The format of a row of `columns` values that was to have the format `wanted`.
std::uint32_t fitting(std::uint32_t wanted, std::uint64_t columns) {
  const auto fits = [columns](std::uint32_t type) { return columns % vlmt::ggml_type_info(type).values == 0; };
  if (fits(wanted)) return wanted;
  const std::map<std::uint32_t, std::uint32_t> substitutes = {
      {vlmt::Q4_K::type_id, vlmt::Q5_0::type_id},   {vlmt::Q5_K::type_id, vlmt::Q5_1::type_id},
      {vlmt::Q6_K::type_id, vlmt::Q8_0::type_id},   {vlmt::Q2_K::type_id, vlmt::Q4_0::type_id},
      {vlmt::Q3_K::type_id, vlmt::Q4_0::type_id},   {vlmt::IQ4_XS::type_id, vlmt::IQ4_NL::type_id},
      {vlmt::NVFP4::type_id, vlmt::MXFP4::type_id},
  };
  const auto found = substitutes.find(wanted);
  if (found != substitutes.end() && fits(found->second)) return found->second;
  return vlmt::F16::type_id;
}

/// general.file_type for a file that is mostly of this format; for information only.
std::optional<std::uint32_t> file_type(std::uint32_t type) {
  const std::map<std::uint32_t, std::uint32_t> numbers = {
      {vlmt::F32::type_id, 0},   {vlmt::F16::type_id, 1},     {vlmt::BF16::type_id, 32},   {vlmt::Q4_0::type_id, 2},
      {vlmt::Q4_1::type_id, 3},  {vlmt::Q5_0::type_id, 8},    {vlmt::Q5_1::type_id, 9},    {vlmt::Q8_0::type_id, 7},
      {vlmt::Q2_K::type_id, 10}, {vlmt::Q3_K::type_id, 11},   {vlmt::Q4_K::type_id, 14},   {vlmt::Q5_K::type_id, 16},
      {vlmt::Q6_K::type_id, 18}, {vlmt::IQ4_NL::type_id, 25}, {vlmt::IQ4_XS::type_id, 30}, {vlmt::MXFP4::type_id, 38},
      {vlmt::NVFP4::type_id, 39}};
  const auto found = numbers.find(type);
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

std::string type_name(std::uint32_t type) {
  return std::string(vlmt::ggml_type_info(type).name);
}

/// Rows [begin, end) of a tensor in the new format.
void convert(const vlmt::GgufTensor& t, std::uint32_t type, std::size_t begin, std::size_t end, std::byte* out,
             vlmt::OmpTeam& team) {
  const auto columns = static_cast<std::size_t>(t.ne[0]);
  const std::size_t from = vlmt::row_bytes(t.type, columns);
  const std::size_t to = vlmt::row_bytes(type, columns);
  team.run([&](vlmt::Member& m) {
    std::vector<float> row(columns);
    const vlmt::Range mine = m.share(end - begin);
    for (std::size_t r = mine.begin; r < mine.end; ++r) {
      vlmt::decode_row(t.type, t.data.data() + (begin + r) * from, columns, row.data());
      vlmt::encode_row(type, row.data(), columns, out + r * to);
    }
  });
}

int run(const Arguments& a) {
  const vlmt::GgufFile file = vlmt::GgufFile::open(a.input);
  const std::uint32_t wanted = *vlmt::find_format(a.type);
  const std::uint32_t head = a.head_type.empty() ? wanted : *vlmt::find_format(a.head_type);
  const std::string_view head_name =
      file.find_tensor("output.weight") != nullptr ? "output.weight" : "token_embd.weight";

  vlmt::GgufHeader header(file.alignment());
  for (const vlmt::GgufValue& value : file.values()) {
    // What we set ourselves, and what tells of files that are one file now.
    if (value.key == "general.file_type" || value.key == "general.quantization_version" ||
        value.key == "general.alignment" || value.key.starts_with("split.")) {
      continue;
    }
    header.set(value);
  }
  if (const auto number = file_type(wanted)) header.set("general.file_type", *number);
  header.set("general.quantization_version", std::uint32_t{2});

  std::vector<std::uint32_t> types;
  for (const vlmt::GgufTensor& t : file.tensors()) {
    types.push_back(stays(t) ? t.type : fitting(t.name == head_name ? head : wanted, t.ne[0]));
    header.add_tensor(t.name, types.back(), std::span(t.ne).first(t.n_dims));
  }

  vlmt::OmpTeam team = a.threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(a.threads);
  vlmt::GgufWriter writer(a.output, header);
  std::uint64_t before = 0, after = 0;
  std::vector<std::byte> slice;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const vlmt::GgufTensor& t = file.tensors()[i];
    before += t.data.size();
    after += header.tensor_bytes()[i];
    if (!a.quiet) {
      std::printf("%-44s %-24s %-6s -> %s\n", std::string(t.name).c_str(), t.shape().c_str(), type_name(t.type).c_str(),
                  type_name(types[i]).c_str());
    }
    if (types[i] == t.type) {
      writer.write(t.data);
      continue;
    }
    // In slices: a tensor of a large model need not fit into memory a second time.
    const auto rows = static_cast<std::size_t>(t.elements() / t.ne[0]);
    const std::size_t row_bytes = vlmt::row_bytes(types[i], static_cast<std::size_t>(t.ne[0]));
    const std::size_t step = std::max<std::size_t>(1, (std::size_t{16} << 20) / row_bytes);
    for (std::size_t r = 0; r < rows; r += step) {
      const std::size_t end = std::min(rows, r + step);
      slice.resize((end - r) * row_bytes);
      convert(t, types[i], r, end, slice.data(), team);
      writer.write(slice);
    }
  }
  writer.finish();
  std::printf("%zu tensors, %.1f MiB -> %.1f MiB\n", types.size(), static_cast<double>(before) / (1 << 20),
              static_cast<double>(after) / (1 << 20));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const auto code = parse_arguments(argc, argv, arguments)) return *code;
  try {
    return run(arguments);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "vlmt-quantize: out of memory\n");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "vlmt-quantize: %s\n", e.what());
  }
  return 1;
}
