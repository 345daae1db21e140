// The parts of vlmt-eval: task sets, metrics, intervals, plans of comparisons, logs and reports.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "common/task_set.hpp"
#include "eval/answer_log.hpp"
#include "eval/configuration.hpp"
#include "eval/experts.hpp"
#include "eval/keys.hpp"
#include "eval/metrics.hpp"
#include "eval/report_csv.hpp"
#include "eval/report_html.hpp"
#include "eval/report_json.hpp"
#include "eval/report_markdown.hpp"
#include "eval/results.hpp"
#include "eval/statistics.hpp"
#include "eval/swapped_media.hpp"
#include "programs/run_program.hpp"

namespace {

using program_test::write_png;
using program_test::write_text;
using programs::Metric;
using programs::TaskItem;
using Strings = std::vector<std::string>;

TaskItem item_of(Metric metric, const std::string& answer, std::vector<double> target = {}) {
  TaskItem item;
  item.id = "i";
  item.task = "t";
  item.metric = metric;
  item.answer = answer;
  item.target = std::move(target);
  return item;
}

// Values from the Python implementation, examples/tiny_vlm/metrics.py.
TEST(EvalMetrics, MatchThePythonImplementation) {
  EXPECT_DOUBLE_EQ(eval::character_error_rate("12,50 €", "12.50 €"), 1.0 / 7.0);
  EXPECT_DOUBLE_EQ(eval::character_error_rate("圆形", "红色圆形"), 1.0);
  EXPECT_DOUBLE_EQ(eval::character_error_rate("abc", ""), 1.0);
  EXPECT_DOUBLE_EQ(eval::json_f1(R"({"a": "1", "b": "2"})", R"({"a": 1, "b": "3"})"), 0.5);
  EXPECT_DOUBLE_EQ(
      eval::json_f1(R"({"i": [{"n": "x", "p": "1"}, {"n": "y", "p": "2"}]})", R"({"i": [{"n": "y", "p": "2"}]})"), 0.0);
  EXPECT_DOUBLE_EQ(eval::json_f1(R"({"a": true, "b": null})", R"({"b": null, "a": true})"), 1.0);
  EXPECT_DOUBLE_EQ(eval::json_f1(R"({"a": "1"})", R"({"a": "1")"), 0.0);
  EXPECT_DOUBLE_EQ(eval::json_f1("[1, 2, 3]", "[1, 2, 3, 4]"), 6.0 / 7.0);
  EXPECT_DOUBLE_EQ(eval::json_f1(R"({"a": {"b": "c"}})", R"({"a": "c"})"), 0.0);
  EXPECT_EQ(eval::json_f1("[1]", std::string(100'000, '[')), 0.0);  // refused, not recursed into

  using Numbers = std::vector<double>;
  EXPECT_EQ(eval::numbers_after(R"([{"bbox_2d": [1, 2,3,  40], "label": "x"}])", "bbox_2d", 4), (Numbers{1, 2, 3, 40}));
  EXPECT_EQ(eval::numbers_after(R"({"bbox_2d":[1,2,3]})", "bbox_2d", 4), std::nullopt);
  EXPECT_EQ(eval::numbers_after(R"({"bbox_2d": [1, 2, 3, -4]} {"bbox_2d": [5, 6, 7, 8]})", "bbox_2d", 4),
            (Numbers{5, 6, 7, 8}));
  EXPECT_EQ(eval::numbers_after(R"({"bbox_2d" : [1, 2, 3, 4]})", "bbox_2d", 4), std::nullopt);
  EXPECT_EQ(eval::numbers_after(R"({"bbox_2d": [ 1, 2, 3, 4]})", "bbox_2d", 4), std::nullopt);
  EXPECT_EQ(eval::numbers_after(R"("bbox_2d": [1, 2)", "bbox_2d", 4), std::nullopt);
  EXPECT_EQ(eval::seconds_in("At 1.5 seconds."), 1.5);
  EXPECT_EQ(eval::seconds_in("在7.0秒。"), 7.0);
  EXPECT_EQ(eval::seconds_in("x 3. y"), 3.0);
  EXPECT_EQ(eval::seconds_in(".5"), 5.0);
  EXPECT_EQ(eval::seconds_in("none"), std::nullopt);
  EXPECT_EQ(eval::seconds_in(std::string(400, '9')), std::nullopt);
  EXPECT_DOUBLE_EQ(eval::overlap({0, 0, 10, 10}, {5, 5, 15, 15}), 1.0 / 7.0);
  EXPECT_EQ(eval::overlap({0, 0, 10, 10}, {10, 0, 20, 10}), 0.0);
}

TEST(EvalMetrics, ScoreOneAnswer) {
  EXPECT_TRUE(eval::judge(item_of(Metric::exact, "a b"), " a b\n").right());
  EXPECT_FALSE(eval::judge(item_of(Metric::exact, "a b"), "a  b").right());
  const TaskItem box = item_of(Metric::iou, "x", {0, 0, 100, 100});
  EXPECT_TRUE(eval::judge(box, R"("bbox_2d": [0, 0, 100, 50])").right());
  EXPECT_FALSE(eval::judge(box, R"("bbox_2d": [0, 0, 100, 49])").right());
  EXPECT_FALSE(eval::judge(box, "nothing").right());
  const TaskItem click = item_of(Metric::click, "x", {10, 10, 20, 20});
  EXPECT_TRUE(eval::judge(click, R"("coordinate": [20, 10])").right());
  EXPECT_FALSE(eval::judge(click, R"("coordinate": [21, 10])").right());
  const TaskItem time = item_of(Metric::seconds, "x", {1.5});
  EXPECT_TRUE(eval::judge(time, "2 s").right());
  EXPECT_FALSE(eval::judge(time, "2.1 s").right());
  EXPECT_FALSE(eval::judge(time, "never").right());
}

TEST(EvalStatistics, KnownValues) {
  const eval::Interval nine = eval::wilson(9, 10);
  EXPECT_NEAR(nine.low, 0.5958436145, 1e-9);
  EXPECT_NEAR(nine.high, 0.9821242504, 1e-9);
  EXPECT_NEAR(eval::wilson(100, 100).low, 0.9630051925, 1e-9);
  EXPECT_EQ(eval::wilson(0, 5).low, 0.0);
  const eval::Interval mixed = eval::interval(std::vector<double>{0.5, 1.0, 1.0, 0.25});
  EXPECT_NEAR(mixed.mean, 0.6875, 1e-12);
  EXPECT_NEAR(mixed.low, 0.32, 1e-9);
  EXPECT_EQ(mixed.high, 1.0);
  // Two-sided binomial tests of 1 of 10 and 0 of 5.
  EXPECT_NEAR(eval::mcnemar(9, 1), 2.0 * 11.0 / 1024.0, 1e-12);
  EXPECT_NEAR(eval::mcnemar(0, 5), 2.0 / 32.0, 1e-12);
  EXPECT_EQ(eval::mcnemar(3, 3), 1.0);
  EXPECT_EQ(eval::mcnemar(0, 0), 1.0);
  EXPECT_LT(eval::mcnemar(0, 5000), 1e-300);
}

TEST(EvalPlan, ChangesOneSettingOrAll) {
  eval::Matrix m;
  m.models.resize(2);
  m.models[0].name = "dense";
  m.models[1].name = "mixture";
  m.weights = {"file", "Q4_0"};
  m.kv = {"F16", "Q8_0"};
  m.experts = {0, 4};
  const auto mixture = [](const eval::Configuration& c) { return c.name == "mixture"; };
  const auto rows = eval::plan(m, mixture);
  Strings labels;
  for (const auto& row : rows) {
    labels.push_back(eval::label(row.configuration, m.models[mixture(row.configuration) ? 1 : 0]));
  }
  EXPECT_EQ(labels, (Strings{"dense", "dense, weights Q4_0", "dense, KV cache Q8_0", "mixture", "mixture, weights Q4_0",
                             "mixture, KV cache Q8_0", "mixture, 4 experts"}));
  std::vector<int> baselines;
  for (const auto& row : rows) baselines.push_back(row.baseline ? static_cast<int>(*row.baseline) : -1);
  EXPECT_EQ(baselines, (std::vector<int>{-1, 0, 0, 0, 3, 3, 3}));
  m.cross = true;
  EXPECT_EQ(eval::plan(m, mixture).size(), 4u + 8u);
}

TEST(EvalExperts, TheMostUsedAreKept) {
  const eval::ExpertUse use = {{1.0, 5.0, 0.0, 3.0}, {2.0, 2.0, 2.0, 9.0}};
  EXPECT_EQ(eval::most_used(use, 2), (std::vector<std::vector<std::size_t>>{{1, 3}, {0, 3}}));
}

class EvalFiles : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_png(path("a.png"), 64, 48);
    write_png(path("b.png"), 64, 64);
    write_png(path("c.png"), 96, 64);
  }

  std::string refusal(const std::string& text) const {
    write_text(path("set.jsonl"), text);
    try {
      programs::read_task_set(path("set.jsonl"));
    } catch (const vlmt::Error& e) {
      const std::string what = e.what();
      EXPECT_TRUE(what.starts_with(path("set.jsonl"))) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos);
      return what.substr(path("set.jsonl").size());
    }
    return "accepted";
  }

  static std::string line(const std::string& id, const std::string& image, const std::string& more) {
    return R"({"id": ")" + id + R"(", "task": "t", "content": [{"type": "image", "image": ")" + image +
           R"("}, {"type": "text", "text": "What?"}], )" + more + "}\n";
  }
};

const std::string yes = R"("answer": "yes", "metric": "exact")";

TEST_F(EvalFiles, ReadsSets) {
  write_text(path("items.jsonl"),
             line("1", "a.png", yes) + "\n" +
                 R"({"id": "2", "task": "v", "lang": "zh", "system": "S", "content": [{"type": "video", "frames": )"
                 R"(["a.png", "b.png"], "fps": 4.0}, {"type": "text", "text": "When?"}], "answer": "1.5", )"
                 R"("metric": "seconds", "target": 1.5})");
  const auto set = programs::read_task_set(path(""));
  ASSERT_EQ(set.items.size(), 2u);
  EXPECT_EQ(set.items[0].question(), "What?");
  EXPECT_EQ(set.items[1].line, 3u);
  EXPECT_EQ(set.items[1].system, "S");
  EXPECT_EQ(set.items[1].content[0].fps, 4.0);
  EXPECT_EQ(set.items[1].files(), (Strings{path("a.png"), path("b.png")}));
  EXPECT_EQ(set.items[1].target, (std::vector<double>{1.5}));
}

TEST_F(EvalFiles, RefusesBadSetsWithTheLine) {
  const std::string good = line("1", "a.png", yes);
  const auto expect = [&](const std::string& text, const std::string& says) {
    const std::string what = refusal(text);
    EXPECT_NE(what.find(says), std::string::npos) << what << " should say " << says;
  };
  expect(good + "{", ":2: is not JSON");
  expect(good + "\xff\n", ":2: is not JSON");
  expect(good + "[1]\n", ":2: is not a JSON object");
  expect(std::string(2'000'000, '['), ":1: the line is too long");
  expect(std::string(1'000'000, '['), ":1: is not JSON");
  expect(good + good, ":2: `id`: is a duplicate");
  expect(line("1", "none.png", yes), ":1: `content[0].image`: there is no such file");
  expect(line("1", "a.png", R"("answer": "yes", "metric": "best")"), "`metric`: is unknown");
  expect(line("1", "a.png", R"("answer": 3, "metric": "exact")"), "`answer`: is not a string");
  expect(line("1", "a.png", R"("answer": "x", "metric": "iou")"), "`target`: is missing");
  expect(line("1", "a.png", R"("answer": "x", "metric": "iou", "target": [5, 5, 5, 9])"), "`target`: is an empty box");
  expect(line("1", "a.png", R"("answer": "x", "metric": "click", "target": [1, 2, 3])"), "`target`: is not a box");
  expect(line("1", "a.png", R"("answer": "x", "metric": "json_f1")"), "`answer`: is not JSON");
  expect(R"({"id": "1", "task": "t", "content": [{"type": "sound"}], "answer": "x", "metric": "exact"})",
         "image or video");
  expect(R"({"id": "1", "task": "t", "content": [], "answer": "x", "metric": "exact"})", "`content`");
  expect("\n\n", "has no items");
  EXPECT_THROW(programs::read_task_set(path("none")), vlmt::FileError);
  EXPECT_THROW(programs::read_task_set("/dev/zero"), vlmt::FileError);
}

TEST_F(EvalFiles, KeysDependOnTheInputsOfTheModel) {
  write_text(path("set.jsonl"), line("1", "a.png", yes) + line("2", "b.png", yes) + line("3", "a.png", yes));
  auto items = programs::read_task_set(path("set.jsonl")).items;
  eval::FileKeys keys;
  EXPECT_EQ(keys.of(items[0]), keys.of(items[2]));
  EXPECT_NE(keys.of(items[0]), keys.of(items[1]));
  items[2].answer = "no";
  EXPECT_EQ(keys.of(items[0]), keys.of(items[2]));
  items[2].system = "Be brief.";
  EXPECT_NE(keys.of(items[0]), keys.of(items[2]));
  write_png(path("a.png"), 32, 32);
  EXPECT_NE(eval::FileKeys().of(items[0]), keys.of(items[0]));
}

TEST_F(EvalFiles, SwapsImagesWithinATask) {
  write_text(path("set.jsonl"), line("1", "a.png", yes) + line("2", "a.png", yes) + line("3", "c.png", yes));
  const auto items = programs::read_task_set(path("set.jsonl")).items;
  const auto swapped = eval::with_swapped_media(items, "swapped");
  ASSERT_EQ(swapped.size(), 3u);
  EXPECT_EQ(swapped[0].files(), (Strings{path("c.png")}));  // item 2 has the same image, so item 3's is taken
  EXPECT_EQ(swapped[2].files(), (Strings{path("a.png")}));
  EXPECT_EQ(swapped[0].question(), "What?");
  EXPECT_TRUE(eval::with_swapped_media({items[0], items[1]}, "swapped").empty());
  EXPECT_EQ(eval::with_swapped_media(items, "blank").size(), 3u);
}

TEST_F(EvalFiles, LogsRecoverFromTruncation) {
  const std::string file = path("log.jsonl");
  {
    eval::AnswerLog log(file, "key", "label");
    log.put("q1", "1", {"one \xff", 0.5, 3, 4});
    log.put("q2", "2", {"two", 0.5, 3, 4});
  }
  const std::string whole = program_test::read_text(file);
  write_text(file, whole.substr(0, whole.size() - 5));
  {
    eval::AnswerLog log(file, "key", "label");
    ASSERT_NE(log.find("q1"), nullptr);
    EXPECT_EQ(log.find("q1")->tokens, 3u);
    EXPECT_EQ(log.find("q2"), nullptr);
    log.put("q2", "2", {"two", 0.5, 3, 4});
  }
  EXPECT_EQ(program_test::read_text(file), whole);
  EXPECT_THROW(eval::AnswerLog(file, "other", "label"), vlmt::FileError);
  write_text(file, whole + "nonsense\n");
  try {
    eval::AnswerLog log(file, "key", "label");
    ADD_FAILURE();
  } catch (const vlmt::FileError& e) {
    EXPECT_NE(std::string(e.what()).find(file + ":4: "), std::string::npos) << e.what();
  }
}

class EvalReport : public EvalFiles {
 protected:
  /// Two configurations on four questions: the first answers 1 to 3 correctly, the second 1 and 4.
  eval::Report report() const {
    eval::Report r;
    r.set_file = "a <set>";
    for (const Strings& answers : {Strings{"yes", "yes", "yes", "<b>"}, Strings{"yes", "no", "no", "yes"}}) {
      eval::Result result;
      result.configuration.name = "m";
      result.configuration.kv = r.results.empty() ? "F16" : "Q8_0";
      result.label = r.results.empty() ? "m" : "m, KV cache \"Q8_0\"";
      if (!r.results.empty()) result.baseline = 0;
      for (std::size_t i = 0; i < answers.size(); ++i) {
        TaskItem item = item_of(Metric::exact, "yes");
        item.id = std::to_string(i);
        item.task = i < 2 ? "one" : "two|";
        item.content = {{programs::TaskPart::Kind::image, {}, {path("a.png")}, 1.0},
                        {programs::TaskPart::Kind::text, "Is 1 < 2?", {}, 1.0}};
        result.judged.push_back({item, {answers[i], 0.25, 1, 4}, eval::judge(item, answers[i])});
      }
      eval::summarise(result, r.results.empty() ? nullptr : &r.results[0]);
      r.results.push_back(std::move(result));
    }
    return r;
  }
};

TEST_F(EvalReport, RowsAndPairs) {
  const eval::Report r = report();
  ASSERT_EQ(r.results[1].rows.size(), 3u);
  const eval::Row& one = r.results[1].rows[0];
  EXPECT_EQ(one.task, "one");
  EXPECT_EQ(one.items, 2u);
  EXPECT_EQ(one.score.mean, 0.5);
  ASSERT_TRUE(one.paired.has_value());
  EXPECT_EQ(one.paired->difference, -0.5);
  EXPECT_EQ(one.paired->lost, 1u);
  const eval::Row& all = r.results[1].rows[2];
  EXPECT_EQ(all.paired->gained, 1u);
  EXPECT_EQ(all.paired->lost, 2u);
  EXPECT_EQ(all.paired->difference, -0.25);
  EXPECT_EQ(all.paired->p, 1.0);
  EXPECT_FALSE(r.results[0].rows[0].paired.has_value());
}

TEST_F(EvalReport, AllFormats) {
  const eval::Report r = report();
  const std::string markdown = eval::to_markdown(r);
  EXPECT_NE(markdown.find("| m | 100.0 | 50.0 | 75.0 | | | 0.250 |"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("two\\|"), std::string::npos);
  const std::string csv = eval::to_csv(r);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 3);
  EXPECT_NE(csv.find("\"m, KV cache \"\"Q8_0\"\"\""), std::string::npos) << csv;
  const auto json = program_test::parse_json(eval::to_json(r));
  EXPECT_EQ(json["results"][1]["rows"][2]["paired"]["lost"], 2);
  EXPECT_EQ(json["results"][0]["answers"].size(), 4u);
  const std::string html = eval::to_html(r);
  EXPECT_NE(html.find("a &lt;set&gt;"), std::string::npos);
  EXPECT_NE(html.find("&lt;b&gt;"), std::string::npos);
  EXPECT_EQ(html.find("<b>yes"), std::string::npos);
  EXPECT_NE(html.find("<img alt=\"\" src=\"data:image/png;base64,iVBORw0KGgo"), std::string::npos);
  EXPECT_NE(html.find("<svg"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);  // self-contained
  eval::HtmlLimits none;
  none.all_bytes = 10;
  EXPECT_EQ(eval::to_html(r, none).find("base64,"), std::string::npos);
  EXPECT_EQ(eval::base64("Man"), "TWFu");
  EXPECT_EQ(eval::base64("Ma"), "TWE=");
  EXPECT_EQ(eval::base64("M"), "TQ==");
}

}  // namespace
