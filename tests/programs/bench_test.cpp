// Runs vlmt-bench and vlmt-limits as processes.
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "programs/run_program.hpp"

namespace {

using Json = nlohmann::json;
using program_test::Outcome;
using Strings = std::vector<std::string>;

class BenchPrograms : public program_test::ProgramTest {
 protected:
  /// Benchmarks the golden model with small cases.
  Outcome bench(const Strings& more, const Strings& cases = {"-t", "2", "-r", "2", "-p", "8", "-n", "4"}) const {
    Strings arguments = {"-m", golden("qwen3vl/model.gguf"), "--limit-memory", "64"};
    arguments.insert(arguments.end(), cases.begin(), cases.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run("vlmt-bench", arguments);
  }

  /// A peer program that prints `text` and appends its arguments to `peer.log`.
  std::string peer(const std::string& text) const {
    const std::string script = path("peer");
    program_test::write_text(script,
                             "#!/bin/sh\necho \"$@\" >> " + path("peer.log") + "\ncat <<'END'\n" + text + "\nEND\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    return script;
  }
};

TEST_F(BenchPrograms, ReportsEveryCaseWithItsLimit) {
  const Outcome o =
      bench({"--mmproj", golden("qwen3vl/mmproj.gguf"), "-d", "0,16", "-b", "1,3", "--image", "64x64", "-o", "json"});
  ASSERT_EQ(o.code, 0) << o.err;
  const Json report = program_test::parse_json(o.out);
  std::vector<std::string> names;
  for (const Json& c : report["cases"]) {
    names.push_back(c["case"]);
    EXPECT_GT(c["rate"].get<double>(), 0) << c;
    if (c.contains("bound")) {
      EXPECT_GT(c["fraction"].get<double>(), 0) << c;
      EXPECT_EQ(c["seconds"].size(), 2u) << c;
      EXPECT_EQ(c["limits"].size(), 2u) << c;
    }
  }
  const std::vector<std::string> wanted = {
      "load, 2 threads",        "vision 64x64, 2 threads",  "prefill 8, 2 threads",    "decode 4, 2 threads",
      "decode 4 x3, 2 threads", "prefill 8 @16, 2 threads", "decode 4 @16, 2 threads", "decode 4 @16 x3, 2 threads"};
  EXPECT_EQ(names, wanted);
  EXPECT_EQ(report["model"], "model.gguf");
  EXPECT_GT(report["weight_bytes"].get<std::size_t>(), 0u);
  // Without the feature cache of a session, 48 MiB, which a benchmark does not use.
  EXPECT_LT(report["plan_bytes"].get<std::size_t>(), std::size_t{48} << 20);
}

TEST_F(BenchPrograms, KeepsPackedWeights) {
  Json reports[2];
  for (Json& report : reports) {
    const Outcome o =
        bench({"--packed-cache", path("cache"), "-o", "json"}, {"-t", "1", "-r", "1", "-p", "8", "-n", "4"});
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(o.err, "");
    report = Json::parse(o.out);
  }
  EXPECT_EQ(reports[0]["weights_mapped"], false);
  EXPECT_EQ(reports[1]["weights_mapped"], true);
  EXPECT_EQ(reports[0]["plan_bytes"].get<std::size_t>() - reports[1]["plan_bytes"].get<std::size_t>(),
            reports[1]["weight_bytes"]);
}

TEST_F(BenchPrograms, WritesEveryFormatAndComparesWithABaseline) {
  const std::string baseline = path("before.json");
  ASSERT_EQ(bench({"-o", "json", "--output", baseline}).code, 0);
  const Outcome md = bench({"--compare", baseline});
  ASSERT_EQ(md.code, 0) << md.err;
  EXPECT_NE(md.out.find("| decode 4, 2 threads |"), std::string::npos) << md.out;
  EXPECT_NE(md.out.find("| case | before | now | change |"), std::string::npos) << md.out;
  const Strings once = {"-t", "2", "-r", "1", "-p", "8", "-n", "4"};
  const Outcome csv = bench({"-o", "csv"}, once);
  EXPECT_EQ(csv.out.find("stage,tokens,depth"), 0u);
  const Outcome html = bench({"-o", "html"}, once);
  EXPECT_NE(html.out.find("Roofline"), std::string::npos);
  EXPECT_EQ(html.out.find("http"), std::string::npos);
}

TEST_F(BenchPrograms, AlternatesWithAPeer) {
  const std::string script = peer(R"([{"build_commit": "abc", "build_number": 7, "avg_ts": 2.5}])");
  const Outcome o = bench({"--against", script, "-o", "json"});
  ASSERT_EQ(o.code, 0) << o.err;
  const Json report = program_test::parse_json(o.out);
  EXPECT_EQ(report["peer"], "abc (build 7)");
  for (const Json& c : report["cases"]) {
    if (c["stage"] == "load") continue;
    EXPECT_EQ(c["peer_rates"], Json({2.5, 2.5}));
    EXPECT_NEAR(c["ratio"].get<double>(), c["rate"].get<double>() / 2.5, 0.5 * c["ratio"].get<double>());
  }
  const std::string log = program_test::read_text(path("peer.log"));
  EXPECT_NE(log.find("-t 2 -p 8 -n 0 -r 1 -o json\n"), std::string::npos) << log;
  EXPECT_NE(log.find("-t 2 -p 0 -n 4 -r 1 -o json\n"), std::string::npos) << log;
  ASSERT_EQ(bench({"--against", script, "-d", "16", "-o", "json"}).code, 0);
  EXPECT_NE(program_test::read_text(path("peer.log")).find("-t 2 -p 0 -n 4 -r 1 -o json -d 16\n"), std::string::npos);

  const std::string eye = peer("image slice encoded in 250 ms");
  const Outcome seen =
      run("vlmt-bench", {"-m", golden("qwen3vl/model.gguf"), "--mmproj", golden("qwen3vl/mmproj.gguf"), "-r", "2", "-p",
                         "0", "-n", "0", "--image", "64x64", "--against-vision", eye + " {image}", "-o", "json"});
  ASSERT_EQ(seen.code, 0) << seen.err;
  EXPECT_EQ(program_test::parse_json(seen.out)["cases"][1]["peer_rates"], Json({4.0, 4.0}));
}

TEST_F(BenchPrograms, ProfilesAStep) {
  const Outcome o = bench({"--trace", path("trace.json")});
  ASSERT_EQ(o.code, 0) << o.err;
  for (const char* op : {"gate and up", "qkv", "attention", "attention out", "head"}) {
    EXPECT_NE(o.out.find(std::string("| ") + op + " |"), std::string::npos) << op << o.out;
  }
  const Json trace = program_test::parse_json(program_test::read_text(path("trace.json")));
  EXPECT_EQ(trace["traceEvents"][0]["name"], "process_name");
  EXPECT_EQ(trace["traceEvents"][1]["name"], "embedding");
}

TEST_F(BenchPrograms, ArticleCountsFailuresAndMemory) {
  const Outcome o = bench({"--mmproj", golden("qwen3vl/mmproj.gguf"), "--preset", "article", "-o", "json"},
                          {"-t", "1", "-p", "0", "-n", "0"});
  ASSERT_EQ(o.code, 0) << o.err;
  const Json article = program_test::parse_json(o.out)["cases"][1];
  EXPECT_EQ(article["stage"], "article");
  EXPECT_EQ(article["failures"], 0);
  EXPECT_EQ(article["first_token_seconds"].size(), 10u);
  EXPECT_GT(article["peak_bytes"].get<std::size_t>(), 0u);
}

TEST_F(BenchPrograms, ReportsErrorsInOneLine) {
  const auto refused = [&](const Strings& more, const std::string& part) {
    const Outcome o = bench(more);
    EXPECT_NE(o.code, 0) << part;
    EXPECT_TRUE(o.is_one_line_from("vlmt-bench")) << o.err;
    EXPECT_NE(o.err.find(part), std::string::npos) << o.err;
  };
  // Without an mmproj file beside the model.
  std::filesystem::copy_file(golden("qwen3vl/model.gguf"), path("model.gguf"));
  const Outcome alone = run("vlmt-bench", {"-m", path("model.gguf"), "--image", "64x64"});
  EXPECT_EQ(alone.code, 1);
  EXPECT_TRUE(alone.is_one_line_from("vlmt-bench")) << alone.err;
  EXPECT_NE(alone.err.find("--mmproj"), std::string::npos) << alone.err;
  refused({"--image", "64by64", "--mmproj", golden("qwen3vl/mmproj.gguf")}, "64by64");
  refused({"--compare", path("none.json")}, "none.json");
  refused({"--against", peer("no figures")}, "avg_ts");
  refused({"-t", "0"}, "--threads");
  refused({"--limit-memory", "0"}, "--limit-memory");
  program_test::write_text(path("odd.json"), "[1, 2]");
  refused({"--compare", path("odd.json")}, "is not a JSON report");
}

TEST_F(BenchPrograms, LimitsHaveARowForEachTeam) {
  const Outcome o = run("vlmt-limits", {"-t", "1,2", "--limit-memory", "64"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("| 1 | "), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("| 2 | "), std::string::npos) << o.out;
}

TEST_F(BenchPrograms, LimitsRankProcessorsByFreeTime) {
  const Outcome o = run("vlmt-limits", {"--processors"});
  ASSERT_EQ(o.code, 0) << o.err;
  double last = 1e9;
  std::size_t rows = 0;
  for (std::size_t at = o.out.find("|--:|--:|\n| "); (at = o.out.find("\n| ", at)) != std::string::npos; ++at, ++rows) {
    const double rate = std::stod(o.out.substr(o.out.find('|', at + 3) + 1));
    EXPECT_GT(rate, 0.05);
    EXPECT_LE(rate, last);
    last = rate;
  }
  EXPECT_GE(rows, 1u) << o.out;
}

}  // namespace
