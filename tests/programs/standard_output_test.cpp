// Programs whose standard output cannot be written: an error unless its reader has left.
#include <chrono>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "vlmt/testing/tiny_model.hpp"

#include "programs/run_program.hpp"

namespace {

using program_test::Outcome;
using Strings = std::vector<std::string>;

/// A command line and its program.
struct Command {
  std::string program;
  Strings arguments;
};

/// A descriptor, closed by the destructor.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(number_); }
  int number() const { return number_; }

 private:
  int number_;
};

class StandardOutput : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    vlmt::testing::TinyModel shape;
    shape.layers = 12;
    vlmt::testing::write_tiny_model(shape, path("model.gguf"));
    vlmt::testing::write_tiny_mmproj(shape, path("mmproj.gguf"));
    program_test::write_png(path("image.png"), 64, 48);
  }

  /// Everything that programs print.
  std::vector<Command> commands() const {
    const std::string model = path("model.gguf"), mmproj = path("mmproj.gguf");
    const auto chat = [&](Strings more) {
      more.insert(more.begin(), {"-m", model, "--greedy", "-n", "4"});
      return Command{"vlmt-chat", more};
    };
    return {chat({"Hi"}),
            chat({"--json", "Hi"}),
            chat({"--dry-run", "Hi"}),
            chat({"--help"}),
            {"vlmt-inspect", {model}},
            {"vlmt-inspect", {model, "--json"}},
            {"vlmt-inspect", {model, "--plan"}},
            {"vlmt-quantize", {model, path("output.gguf"), "--type", "Q4_0"}},
            {"vlmt-eval", {"--list"}},
            {"vlmt-bench", {"-m", model, "--limit-memory", "64", "-t", "1", "-r", "1", "-p", "4", "-n", "2"}},
            {"vlmt-parity", {golden("qwen3vl"), "--partial", "--case", "text"}},
            {"vlmt-limits", {"--processors"}},
            {"vlmt-custom-variant", {model, mmproj, path("image.png"), "What?"}},
            {"vlmt-fixed-shapes", {golden("qwen3vl/model.gguf")}},
            {"vlmt-one-kernel", {}},
            {"vlmt-router-probe", {}}};
  }
};

// Before the check, every program ended with 0 and without a line.
TEST_F(StandardOutput, FullIsAnError) {
  const Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  for (const Command& c : commands()) {
    const Outcome o = run_to(full.number(), c.program, c.arguments);
    EXPECT_EQ(o.code, 1) << c.program << " " << o.err;
    EXPECT_NE(o.err.find(c.program + ": standard output cannot be written: No space left on device\n"),
              std::string::npos)
        << c.program << " " << o.err;
  }
}

TEST_F(StandardOutput, ClosedIsAnError) {
  for (const Command& c : commands()) {
    const Outcome o = run_to(-1, c.program, c.arguments);
    EXPECT_EQ(o.code, 1) << c.program << " " << o.err;
    EXPECT_NE(o.err.find(c.program + ": standard output cannot be written: Bad file descriptor\n"), std::string::npos)
        << c.program << " " << o.err;
  }
}

// 141 is what a shell reports for a program that a closed pipe has ended.
TEST_F(StandardOutput, ClosedPipeEndsQuietly) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  const Descriptor closed(ends[1]);
  for (const Command& c : commands()) {
    const Outcome o = run_to(closed.number(), c.program, c.arguments);
    EXPECT_EQ(o.code, 141) << c.program << " " << o.err;
    EXPECT_EQ(o.err.find("standard output"), std::string::npos) << c.program << " " << o.err;
  }
  EXPECT_FALSE(std::filesystem::exists(path("output.gguf.part"))) << "destructors did not run";
}

// A failed request is reported even though its JSON form is lost.
TEST_F(StandardOutput, ErrorsAreToldAllTheSame) {
  const Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Outcome o = run_to(full.number(), "vlmt-chat", {"--json", "-m", path("none.gguf"), "Hi"});
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("none.gguf: cannot be opened"), std::string::npos) << o.err;
  EXPECT_NE(o.err.find("standard output cannot be written"), std::string::npos) << o.err;
}

// The whole answer would take minutes.
TEST_F(StandardOutput, GenerationStopsAtTheFirstLostWrite) {
  const Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto start = std::chrono::steady_clock::now();
  for (const char* input : {"", "Hi\n"}) {
    Strings arguments = {"-m", path("model.gguf"), "--no-mmproj", "--greedy", "--ignore-eos", "-c", "32768", "-n", "0"};
    arguments.emplace_back(*input == 0 ? "Hi" : "-i");
    const Outcome o = run_to(full.number(), "vlmt-chat", arguments, input);
    EXPECT_EQ(o.code, 1) << o.err;
    EXPECT_TRUE(o.is_one_line_from("vlmt-chat")) << o.err;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

// Without a standard output the next file to be opened had its number: the list of tensors went into the model.
TEST_F(StandardOutput, NeverGetsIntoAnotherFile) {
  EXPECT_EQ(run_to(-1, "vlmt-quantize", {path("model.gguf"), path("output.gguf"), "--type", "Q4_0"}).code, 1);
  const std::string written = program_test::read_text(path("output.gguf"));
  EXPECT_EQ(written.find("blk.0.attn_q.weight  "), std::string::npos);
}

}  // namespace
