// Files that programs write: what must not be replaced is not, and a lossy file is not quantised again in silence.
#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <gtest/gtest.h>

#include "vlmt/io/gguf.hpp"
#include "vlmt/quant/q4_0.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "programs/run_program.hpp"

namespace {

namespace fs = std::filesystem;
using program_test::Outcome;
using program_test::read_text;
using Strings = std::vector<std::string>;

class WrittenFiles : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    vlmt::testing::write_tiny_model({}, path("model.gguf"));
  }

  Outcome quantize(const std::string& from, const std::string& to, const std::string& type = "Q4_0") const {
    return run("vlmt-quantize", {"--quiet", "--type", type, path(from), path(to)});
  }

  void expect_refusal(const Outcome& o, const std::string& program, const std::string& text) const {
    EXPECT_EQ(o.code, 1) << o.err;
    EXPECT_TRUE(o.is_one_line_from(program)) << o.err;
    EXPECT_NE(o.err.find(text), std::string::npos) << o.err << "should say: " << text;
  }
};

// As root, vlmt-quantize replaced all three by a regular file.
TEST_F(WrittenFiles, DevicesAndFifosAreKeptAndLinksFollowed) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  expect_refusal(quantize("model.gguf", "fifo"), "vlmt-quantize", "found a FIFO");
  EXPECT_TRUE(fs::is_fifo(path("fifo")));
  // Only root may make a device, here another null device.
  if (mknod(path("null").c_str(), S_IFCHR | 0600, makedev(1, 3)) == 0) {
    expect_refusal(quantize("model.gguf", "null"), "vlmt-quantize", "found a device");
    EXPECT_TRUE(fs::is_character_file(path("null")));
  }
  fs::create_symlink("target.gguf", path("link.gguf"));
  EXPECT_EQ(quantize("model.gguf", "link.gguf").code, 0);
  EXPECT_TRUE(fs::is_symlink(path("link.gguf")));
  EXPECT_EQ(vlmt::GgufFile::open(path("target.gguf")).require_tensor("blk.0.attn_q.weight").type, vlmt::Q4_0::type_id);
}

// The original was overwritten without a word.
TEST_F(WrittenFiles, TheInputIsNotTheOutput) {
  const std::string before = read_text(path("model.gguf"));
  fs::create_symlink("model.gguf", path("soft.gguf"));
  fs::create_hard_link(path("model.gguf"), path("hard.gguf"));
  for (const char* name : {"model.gguf", "soft.gguf", "hard.gguf", "./model.gguf"}) {
    expect_refusal(quantize("model.gguf", name), "vlmt-quantize", "is also an input");
  }
  EXPECT_EQ(read_text(path("model.gguf")), before);
  expect_refusal(run("vlmt-parity", {golden("qwen3vl"), "--partial", "--case", "text", "-m", path("model.gguf"),
                                     "--dump", path("model.gguf")}),
                 "vlmt-parity", "is also an input");
  const Strings bench = {"-m", path("model.gguf"), "-p", "4", "-n", "2", "-r", "1"};
  for (const char* option : {"--output", "--trace"}) {
    Strings arguments = bench;
    arguments.insert(arguments.end(), {option, path("hard.gguf")});
    expect_refusal(run("vlmt-bench", arguments), "vlmt-bench", "is also an input");
  }
  EXPECT_EQ(read_text(path("model.gguf")), before);
  // A read-only input is told to be the input, too.
  fs::permissions(path("model.gguf"), fs::perms::owner_read);
  expect_refusal(quantize("model.gguf", "model.gguf"), "vlmt-quantize", "is also an input");
}

TEST_F(WrittenFiles, PermissionsAreKept) {
  EXPECT_EQ(quantize("model.gguf", "output.gguf").code, 0);
  fs::permissions(path("output.gguf"), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(quantize("model.gguf", "output.gguf", "Q8_0").code, 0);
  EXPECT_EQ(fs::status(path("output.gguf")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  fs::permissions(path("output.gguf"), fs::perms::owner_read);
  expect_refusal(quantize("model.gguf", "output.gguf"), "vlmt-quantize", "output.gguf: is read-only");
}

// Before any work: a benchmark may take an hour.
TEST_F(WrittenFiles, ReportsAreNotWrittenToDevices) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  const Strings bench = {"-m", path("model.gguf"), "-p", "4", "-n", "2", "-r", "1"};
  for (const char* option : {"--output", "--trace"}) {
    Strings arguments = bench;
    arguments.insert(arguments.end(), {option, path("fifo")});
    expect_refusal(run("vlmt-bench", arguments), "vlmt-bench", "found a FIFO");
  }
  expect_refusal(
      run("vlmt-parity", {golden("qwen3vl"), "--partial", "--case", "text", "--dump", path("none/dump.safetensors")}),
      "vlmt-parity", "dump.safetensors: cannot be created");
  EXPECT_TRUE(fs::is_fifo(path("fifo")));
}

TEST_F(WrittenFiles, QuantisingALossyFileWarns) {
  EXPECT_EQ(quantize("model.gguf", "q4.gguf").err, "");
  const Outcome again = quantize("q4.gguf", "q8.gguf", "Q8_0");
  EXPECT_EQ(again.code, 0);
  EXPECT_TRUE(again.is_one_line_from("vlmt-quantize")) << again.err;
  EXPECT_NE(again.err.find("are quantised already (Q4_0)"), std::string::npos) << again.err;
  EXPECT_EQ(quantize("q4.gguf", "same.gguf").err, "") << "copied byte for byte";
  EXPECT_EQ(quantize("q4.gguf", "f16.gguf", "F16").err, "") << "loses nothing more";
}

}  // namespace
