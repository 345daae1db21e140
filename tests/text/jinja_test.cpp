// The interpreter of chat templates against Jinja2 (tests/data/text/make_jinja_fixtures.py), and against templates that
// mean no good.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"
#include "vlmt/text/jinja/template.hpp"

namespace {

using Json = nlohmann::ordered_json;
using vlmt::InputError;
namespace jinja = vlmt::jinja;

jinja::Value json_value(jinja::Heap& heap, const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return json.get<std::int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return heap.text(json.get<std::string>());
    case Json::value_t::array: {
      std::vector<jinja::Value> items;
      for (const Json& item : json) items.push_back(json_value(heap, item));
      return heap.list(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<jinja::Value, jinja::Value>> items;
      for (const auto& [key, value] : json.items()) items.emplace_back(heap.text(key), json_value(heap, value));
      return heap.dict(std::move(items));
    }
    default:
      return jinja::None{};
  }
}

std::string render_source(std::string_view source, const Json& variables = Json::object(),
                          const jinja::Limits& limits = {}) {
  jinja::Heap heap(limits);
  jinja::Template::Variables values;
  for (const auto& [name, value] : variables.items()) values.emplace_back(heap.keep(name), json_value(heap, value));
  std::tm now = {};
  now.tm_year = 126;
  now.tm_mon = 10;
  now.tm_mday = 30;
  now.tm_wday = 1;
  now.tm_yday = 333;
  now.tm_hour = 9;
  now.tm_min = 5;
  now.tm_sec = 7;
  return jinja::Template::parse(source, limits).render(heap, values, now);
}

TEST(Jinja, RendersAsJinja2Does) {
  std::ifstream file(VLMT_TEST_DATA "/text/jinja.fixtures");
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  const Json variables = Json::parse(line);
  std::size_t count = 0;
  for (; std::getline(file, line); ++count) {
    const Json fixture = Json::parse(line);
    const auto source = fixture["template"].get<std::string>();
    if (fixture.contains("error")) {
      EXPECT_THROW(render_source(source, variables), InputError) << source;
      continue;
    }
    try {
      EXPECT_EQ(render_source(source, variables), fixture["output"].get<std::string>()) << source;
    } catch (const InputError& e) {
      ADD_FAILURE() << source << ": " << e.what();
    }
  }
  EXPECT_GT(count, 150u);
}

// The message of the error that a template gives.
std::string template_error(std::string_view source, const jinja::Limits& limits = {}) {
  try {
    render_source(source, Json::object(), limits);
  } catch (const InputError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Jinja, ErrorsNameTheLineAndWhatWasExpected) {
  EXPECT_EQ(template_error("a\nb\n{{ 1 + }}"),
            "`chat_template line 3`: a bad expression (expected a value, found '}}')");
  EXPECT_EQ(template_error("{% if true %}\n\nx"),
            "`chat_template line 3`: a block does not end (expected 'elif' or 'else' or 'endif', found the end of the "
            "template)");
  EXPECT_EQ(template_error("\n{% for x on y %}"), "`chat_template line 2`: a bad for (expected 'in', found \"on\")");
  EXPECT_EQ(template_error("{{ 'a }}"), "`chat_template line 1`: a string does not end (expected ')");
  EXPECT_EQ(template_error("\n\n{{ raise_exception('no system message') }}"),
            "`chat_template line 3`: the template refuses the conversation: no system message");
  EXPECT_EQ(template_error("x\n{{ messages[0].role }}"),
            "`chat_template line 2`: an undefined value has no items (expected a list, a dict or a string)");
  EXPECT_EQ(template_error("{{ a.b.c }}"),
            "`chat_template line 1`: `a` is undefined (expected a value with the attribute `b`)");
  EXPECT_EQ(
      template_error("{{ [].append(1) }}"),
      "`chat_template line 1`: `append` is undefined (expected a function, a macro or a method that a template may "
      "call)");
  EXPECT_EQ(template_error("{% include 'x' %}").find("`chat_template line 1`: a tag that is not known here"), 0u);
}

std::string repeat(std::string_view text, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

TEST(Jinja, NothingFromOutsideCanBeReached) {
  for (const char* source : {"{{ ''.__class__ }}", "{{ (1).__class__ }}", "{{ [].__class__.__mro__ }}",
                             "{{ messages.__init__ }}", "{{ range.__globals__ }}", "{{ namespace().__dict__ }}",
                             "{{ self }}", "{{ ''['__class__'] }}", "{{ ''|attr('__class__') }}"}) {
    std::string out;
    try {
      out = render_source(source, {{"messages", Json::array()}});
    } catch (const InputError&) {
    }
    EXPECT_EQ(out, "") << source;
  }
  EXPECT_NE(template_error("{{ ''.__class__.__mro__ }}"), "no error");
  EXPECT_NE(template_error("{% import 'os' as os %}"), "no error");
  EXPECT_NE(template_error("{% extends '/etc/passwd' %}"), "no error");
  EXPECT_NE(template_error("{{ lipsum.__globals__['os'].popen('id').read() }}"), "no error");
}

// Each ends with an error, and soon.
TEST(Jinja, TemplatesThatTakeTooMuchEnd) {
  const std::string names = repeat("{% set ns.a = ns.a ~ ns.a %}", 60);
  const std::vector<std::string> templates{
      // Depth of the source.
      repeat("{{ (", 1) + repeat("(", 100000), "{{ " + repeat("(", 5000) + "1" + repeat(")", 5000) + " }}",
      "{{ " + repeat("[", 5000) + repeat("]", 5000) + " }}", "{{ " + repeat("not ", 20000) + "1 }}",
      "{{ " + repeat("-", 20000) + "1 }}", "{{ 1" + repeat("+1", 50000) + " }}", "{{ a" + repeat(".a", 50000) + " }}",
      "{{ a" + repeat("|e", 50000) + " }}", "{{ a" + repeat("()", 50000) + " }}",
      "{{ " + repeat("1 if 1 else ", 20000) + "1 }}", "{{ 1" + repeat(" and 1", 40000) + " }}",
      repeat("{% if 1 %}", 20000), repeat("{% for a in b %}", 10000), repeat("{% filter e %}", 10000),
      repeat("{% macro m() %}", 10000), "{% set " + repeat("(", 50000) + "a", repeat("{% call a() %}", 9000),
      "{{ " + repeat("{1:", 9000) + " }}",
      // Depth of calls and values.
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(a) %}{{ m([a]) }}{% endmacro %}{{ m(1) }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
      "{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ "
      "n() }}",
      "{% set ns = namespace(a=1) %}{% for i in range(10000) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a }}",
      "{% set ns = namespace(a=1) %}{% for i in range(10000) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a == [ns.a] }}",
      "{% set ns = namespace(a=1) %}{% for i in range(10000) %}{% set ns.a = {1: ns.a} %}{% endfor %}{{ ns.a | tojson "
      "}}",
      "{% set ns = namespace(a=1) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}",
      "{% set ns = namespace(a=1) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a | tojson "
      "}}",
      "{% set ns = namespace(a=1, b=1) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, "
      "ns.b] "
      "%}{% endfor %}{{ ns.a == ns.b }}",
      // Time.
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% for a in range(100000000000) %}{% endfor %}", "{{ range(0, -9000000000000000000, -1) }}",
      "{{ 2 ** 9000000000000000000 }}", "{{ 1 ** 2 ** 62 * 2 ** 63 }}",
      "{% set a = 'a' * 100000 %}{% for i in range(100000) %}{% if a ~ 'b' in a %}{% endif %}{% endfor %}",
      "{% set a = 'a' * 200000 %}{% set b = 'a' * 100000 ~ 'b' %}{% for i in range(1000) %}{{ b in a }}{% endfor %}",
      "{% set a = range(30000) | list %}{% for i in range(30000) %}{% if -1 in a %}{% endif %}{% endfor %}",
      "{{ range(100000) | unique | list | length }}", "{% set d = dict(range(100000) | map('string')) %}",
      "{% set a = range(90000) | map('string') | list %}{% for i in a %}{% set x = a | sort | join %}{% endfor %}",
      // Memory and output.
      "{% set ns = namespace(a='aaaaaaaaaaaaaaaa') %}" + names + "{{ ns.a }}",
      "{% set ns = namespace(a=[1,2,3]) %}{% for i in range(60) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
      "{{ 'a' * 9000000000000000000 }}", "{{ 'abc' * 9223372036854775807 }}", "{{ 'a' | indent(9000000000000000) }}",
      "{% set a = 'a' * 1000000 %}{% for i in range(100000) %}{{ a }}{% endfor %}",
      "{% set a = 'a' * 1000000 %}{{ a.replace('a', a) }}", "{% set a = 'a' * 1000000 %}{{ a.replace('', a) }}",
      "{% set a = 'a' * 1000000 %}{{ " + repeat("a ~ ", 100) + "a }}", "{% set a = 'a' * 1000000 %}{{ a.join(a) }}",
      "{% for a in range(100000) %}{% set x %}" + repeat("a", 1000) + "{% endset %}{% endfor %}",
      "{{ ('%s' * 100000) % 'a' }}", "{{ [1] | tojson(indent=9000000000000000) }}",
      "{{ {'a': {'b': [1]}} | tojson(indent=4000000) }}",
      // Sizes.
      repeat(" ", 300000), "{{ " + repeat("a", 1000) + " }}", "{{ 9223372036854775808 }}",
      "{{ 1" + repeat("0", 100000) + " }}", "{{ -9223372036854775807 - 2 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
      "{{ 5 % 0 }}", "{{ 5 is divisibleby(0) }}", "{{ 1.5 | round(400) }}", "{{ '\\ud8' }}", "{{ '\\U00' }}",
      "{{ '\\N{DASH}' }}"};
  for (const std::string& source : templates) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(render_source(source), InputError) << source.substr(0, 200);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_LT(seconds, 5.0) << source.substr(0, 200);
  }
}

TEST(Jinja, LimitsAreLimits) {
  jinja::Limits limits;
  limits.steps = 100;
  EXPECT_EQ(render_source("{% for i in range(5) %}{{ i }}{% endfor %}", Json::object(), limits), "01234");
  EXPECT_NE(template_error("{% for i in range(50) %}{{ i }}{% endfor %}", limits).find("at most 100 steps"),
            std::string::npos);
  limits = {};
  limits.output_bytes = 4;
  EXPECT_EQ(render_source("1234", Json::object(), limits), "1234");
  EXPECT_NE(template_error("12345", limits).find("at most 4 bytes"), std::string::npos);
  limits = {};
  limits.source_bytes = 4;
  EXPECT_NE(template_error("12345", limits).find("at most 4 bytes"), std::string::npos);
  limits = {};
  limits.nesting = 3;
  EXPECT_NE(template_error("{{ ((((1)))) }}", limits).find("at most 3 levels"), std::string::npos);
  limits = {};
  limits.range = 5;
  EXPECT_NE(template_error("{{ range(6) }}", limits).find("at most 5 items"), std::string::npos);
}

// A namespace may hold itself; freeing it and printing it must end.
TEST(Jinja, CyclesAreNoHarm) {
  EXPECT_EQ(
      render_source("{% set ns = namespace(a=1) %}{% set ns.a = ns %}{% set ns.b = [ns, ns] %}{{ ns.b | length }}"),
      "2");
  EXPECT_EQ(render_source("{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns.a.a.a == ns }}"), "True");
  EXPECT_FALSE(render_source("{% set ns = namespace(a=1) %}{% set ns.a = ns %}{{ ns }}").empty());
}

// Whatever the bytes are: an output or an InputError, never anything else.
TEST(Jinja, BytesOfAnyKind) {
  std::ifstream file(VLMT_TEST_DATA "/text/jinja.fixtures");
  std::vector<std::string> sources;
  std::string line;
  std::getline(file, line);
  const Json variables = Json::parse(line);
  while (std::getline(file, line)) sources.push_back(Json::parse(line)["template"].get<std::string>());
  ASSERT_FALSE(sources.empty());
  constexpr std::string_view parts[] = {"{{",        "}}",
                                        "{%",        "%}",
                                        "{#",        "#}",
                                        "-",         "+",
                                        "(",         ")",
                                        "[",         "]",
                                        "{",         "}",
                                        "|",         ".",
                                        ",",         "'",
                                        "\"",        "\\",
                                        " if ",      " else ",
                                        ":",         "=",
                                        " in ",      " is ",
                                        "not ",      "\n",
                                        "\xff",      "\xe2\x82",
                                        "0",         "9223372036854775807",
                                        "loop",      "%}{% endfor %}",
                                        "{% raw %}", "~",
                                        "*",         "/",
                                        "**",        "//",
                                        "%",         "==",
                                        "<"};
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  jinja::Limits limits;
  limits.steps = 20000;
  for (int round = 0; round < 6000; ++round) {
    std::string source = sources[below(sources.size())];
    for (std::size_t edits = 1 + below(4); edits > 0; --edits) {
      const std::size_t at = below(source.size() + 1);
      switch (below(4)) {
        case 0:
          source.erase(at, 1 + below(8));
          break;
        case 1:
          source.insert(at, parts[below(std::size(parts))]);
          break;
        case 2:
          source.insert(at, sources[below(sources.size())].substr(0, 1 + below(40)));
          break;
        default:
          if (at < source.size()) source[at] = static_cast<char>(random());
      }
    }
    try {
      render_source(source, variables, limits);
    } catch (const InputError&) {
    }
  }
}

}  // namespace
