// Folders have ranks: a header includes only its own folder and lower ranks. Each third-party library is included by
// one header or one folder only.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "structure/source_tree.hpp"

namespace {

using source_tree::Header;
using source_tree::Include;

const std::map<std::string, int> kRanks = {{"base", 0},  {"numeric", 1}, {"text", 1},     {"quant", 2},  {"tensor", 3},
                                           {"exec", 4},  {"io", 4},      {"op", 5},       {"kernel", 6}, {"nn", 7},
                                           {"model", 8}, {"runtime", 9}, {"testing", 10}, {"bench", 10}};

std::string at(const Header& h, std::size_t line) {
  return "include/" + h.path + ":" + std::to_string(line) + ": ";
}

// One line per violation.
std::vector<std::string> check_ranks(const std::vector<Header>& headers) {
  std::set<std::string> paths;
  for (const Header& h : headers) paths.insert(h.path);
  std::vector<std::string> broken;
  for (const Header& h : headers) {
    if (!h.folder.empty() && !kRanks.contains(h.folder)) broken.push_back(h.path + ": folder without a rank");
    for (const Include& i : source_tree::includes_of(h)) {
      if (!i.quoted) {
        if (i.name.starts_with("vlmt/")) broken.push_back(at(h, i.line) + "write \"" + i.name + "\", in quotes");
        continue;
      }
      if (!i.name.starts_with("vlmt/")) {
        broken.push_back(at(h, i.line) + "\"" + i.name + "\" does not start with vlmt/");
        continue;
      }
      if (!paths.contains(i.name)) broken.push_back(at(h, i.line) + "there is no " + i.name);
      const std::size_t slash = i.name.find('/', 5);
      if (slash == std::string::npos) {
        if (!h.folder.empty()) broken.push_back(at(h, i.line) + i.name + " is an umbrella header, for users only");
        continue;
      }
      const std::string folder = i.name.substr(5, slash - 5);
      if (h.folder.empty() || h.folder == folder) continue;
      const auto own = kRanks.find(h.folder), other = kRanks.find(folder);
      if (own == kRanks.end() || other == kRanks.end()) continue;
      if (other->second >= own->second) {
        broken.push_back(at(h, i.line) + h.folder + " (rank " + std::to_string(own->second) + ") includes " + folder +
                         " (rank " + std::to_string(other->second) + ")");
      }
    }
  }
  return broken;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

const std::vector<Header>& headers() {
  static const std::vector<Header> all = source_tree::read_headers(std::filesystem::path(VLMT_SOURCE_DIR) / "include");
  return all;
}

TEST(RankTest, HeadersIncludeTheirOwnFolderAndLowerRanks) {
  ASSERT_GT(headers().size(), 40u);
  EXPECT_EQ(joined(check_ranks(headers())), "");
}

// Tests the checker itself on a tree that breaks each rule once.
TEST(RankTest, CheckerFindsEachKindOfViolation) {
  const auto root = std::filesystem::path(testing::TempDir()) / "vlmt_rank_test";
  std::filesystem::remove_all(root);
  const auto write = [&](const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  };
  write("vlmt/vlmt.hpp", "#include \"vlmt/quant/a.hpp\"\n");
  write("vlmt/quant/a.hpp", "// #include \"vlmt/nn/comment.hpp\"\n#include \"vlmt/base/b.hpp\"\n");
  write("vlmt/base/b.hpp", "#include \"vlmt/quant/a.hpp\"\n");
  write("vlmt/exec/c.hpp", "# include \"vlmt/io/d.hpp\"\n#include <vlmt/base/b.hpp>\n");
  write("vlmt/io/d.hpp", "#include \"d_detail.hpp\"\n#include \"vlmt/vlmt.hpp\"\n#include \"vlmt/io/none.hpp\"\n");
  write("vlmt/other/e.hpp", "#include <vector>\n");
  const auto broken = check_ranks(source_tree::read_headers(root));
  EXPECT_EQ(joined(broken),
            "include/vlmt/base/b.hpp:1: base (rank 0) includes quant (rank 2)\n"
            "include/vlmt/exec/c.hpp:1: exec (rank 4) includes io (rank 4)\n"
            "include/vlmt/exec/c.hpp:2: write \"vlmt/base/b.hpp\", in quotes\n"
            "include/vlmt/io/d.hpp:1: \"d_detail.hpp\" does not start with vlmt/\n"
            "include/vlmt/io/d.hpp:2: vlmt/vlmt.hpp is an umbrella header, for users only\n"
            "include/vlmt/io/d.hpp:3: there is no vlmt/io/none.hpp\n"
            "vlmt/other/e.hpp: folder without a rank\n");
  std::filesystem::remove_all(root);
}

/// What `path` includes, directly or not, with the header that includes it.
std::map<std::string, std::string> reached(const std::map<std::string, Header>& all, const std::string& path) {
  std::map<std::string, std::string> found;
  std::vector<std::string> open = {path};
  while (!open.empty()) {
    const auto h = all.find(open.back());
    open.pop_back();
    if (h == all.end()) continue;
    for (const Include& i : source_tree::includes_of(h->second)) {
      if (found.emplace(i.name, h->first).second) open.push_back(i.name);
    }
  }
  return found;
}

// Ops, and the code that issues them, serve every backend: they compile without the kernels of one.
TEST(RankTest, OpsAndTheirIssuersReachNoKernels) {
  std::map<std::string, Header> all;
  for (const Header& h : headers()) all[h.path] = h;
  const std::set<std::string> issuers = {"vlmt/nn/attention_block.hpp",
                                         "vlmt/nn/mlp.hpp",
                                         "vlmt/nn/moe.hpp",
                                         "vlmt/nn/probe.hpp",
                                         "vlmt/nn/shapes.hpp",
                                         "vlmt/nn/vision/block.hpp",
                                         "vlmt/nn/parts.hpp",
                                         "vlmt/nn/vision/frame_patches.hpp",
                                         "vlmt/nn/vision/merger.hpp",
                                         "vlmt/model/decoder.hpp",
                                         "vlmt/model/qwen3vl.hpp",
                                         "vlmt/model/vision_encoder.hpp"};
  std::string broken;
  for (const auto& [path, header] : all) {
    if (header.folder != "op" && !issuers.contains(path)) continue;
    for (const auto& [name, by] : reached(all, path)) {
      if (name.starts_with("vlmt/kernel/") || name == "vlmt/exec/member.hpp" || name == "vlmt/exec/team.hpp" ||
          name == "omp.h" || name.starts_with("xsimd") || name.starts_with("Eigen") || name == "immintrin.h" ||
          name == "arm_neon.h") {
        broken += path + " reaches " + name + " through " + by + "\n";
      }
    }
  }
  EXPECT_EQ(broken, "");
  for (const std::string& path : issuers) EXPECT_TRUE(all.contains(path)) << path;
}

TEST(RankTest, IncludesHaveNoCycles) {
  std::map<std::string, std::vector<std::string>> edges;
  for (const Header& h : headers()) {
    for (const Include& i : source_tree::includes_of(h)) edges[h.path].push_back(i.name);
  }
  // Depth-first search; `open` holds the headers on the current path.
  std::set<std::string> done, open;
  std::vector<std::string> cycles;
  const auto visit = [&](const auto& self, const std::string& path) -> void {
    if (done.contains(path)) return;
    if (!open.insert(path).second) {
      cycles.push_back(path + " is part of an include cycle");
      return;
    }
    for (const std::string& next : edges[path]) self(self, next);
    open.erase(path);
    done.insert(path);
  };
  for (const Header& h : headers()) visit(visit, h.path);
  EXPECT_EQ(joined(cycles), "");
}

std::set<std::string> headers_including(const std::vector<std::string>& prefixes) {
  std::set<std::string> found;
  for (const Header& h : headers()) {
    for (const Include& i : source_tree::includes_of(h)) {
      for (const std::string& prefix : prefixes) {
        if (i.name.starts_with(prefix)) found.insert(h.path);
      }
    }
  }
  return found;
}

TEST(RankTest, EachLibraryIsIncludedInOnePlace) {
  const auto only = [](std::string path) { return std::set<std::string>{std::move(path)}; };
  EXPECT_EQ(headers_including({"Eigen/", "unsupported/Eigen"}), only("vlmt/tensor/eigen.hpp"));
  EXPECT_EQ(headers_including({"omp.h"}), only("vlmt/exec/omp_team.hpp"));
  EXPECT_EQ(headers_including({"xsimd/"}), only("vlmt/kernel/cpu/simd.hpp"));
  EXPECT_EQ(headers_including({"cuda_runtime.h"}), only("vlmt/kernel/cuda/buffer.cuh"));
  EXPECT_LE(headers_including({"nlohmann/"}).size(), 4u);
  for (const std::string& path : headers_including({"nlohmann/"})) {
    EXPECT_TRUE(path.starts_with("vlmt/text/") || path.starts_with("vlmt/io/"))
        << path << ": JSON belongs to files of others";
  }
  for (const std::string& path : headers_including({"pcre2.h", "utf8proc.h"})) {
    EXPECT_TRUE(path.starts_with("vlmt/text/")) << path << ": regular expressions and Unicode belong to text/";
  }
  for (const std::string& path : headers_including({"jpeglib.h", "png.h", "webp/"})) {
    EXPECT_TRUE(path.starts_with("vlmt/io/")) << path << ": images belong to io/";
  }
}

// What needs nvcc is in *.cuh: a machine without the toolkit compiles every *.hpp.
TEST(RankTest, OnlyHeadersOfCudaIncludeHeadersOfCuda) {
  for (const Header& h : headers()) {
    if (h.path.ends_with(".cuh")) continue;
    for (const Include& i : source_tree::includes_of(h)) {
      EXPECT_FALSE(i.name.ends_with(".cuh") || i.name.starts_with("cuda")) << at(h, i.line) << i.name;
    }
  }
}

TEST(RankTest, OpenMpPragmasAreInOneHeader) {
  for (const Header& h : headers()) {
    for (const source_tree::Line& line : h.code) {
      const bool pragma =
          line.text.find("pragma omp") != std::string::npos || line.text.find("_Pragma(\"omp") != std::string::npos;
      EXPECT_TRUE(!pragma || h.path == "vlmt/exec/omp_team.hpp") << at(h, line.number) << line.text;
    }
  }
}

}  // namespace
