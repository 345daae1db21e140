// Paths as people type, paste and drop them, their completion, and the history of a conversation.
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "vlmt/base/error.hpp"

#include "common/completion.hpp"
#include "common/data_uri.hpp"
#include "common/history_file.hpp"
#include "common/media_source.hpp"
#include "common/shell_words.hpp"
#include "io/error_of.hpp"
#include "programs/run_program.hpp"

namespace {

using program_test::read_text;
using program_test::write_png;
using program_test::write_text;
using programs::take_images;
using Strings = std::vector<std::string>;

class Paths : public program_test::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_png(path("my pic.png"), 8, 8);
    write_png(path("x.png"), 8, 8);
    std::filesystem::create_directory(home_ / "clip one");
    setenv("HOME", home_.c_str(), 1);
  }

  /// The names and the question that /image takes from a line: "a.png|b.png|what?".
  std::string taken(const std::string& line) const { return joined(take_images(line)); }
  static std::string joined(const programs::Attachments& found) {
    std::string all;
    for (const programs::MediaSource& m : found.media) all += m.name + "|";
    return all + found.question;
  }
  static std::string refusal(const std::string& line) {
    return error_of<vlmt::Error>([&] { take_images(line); });
  }
};

TEST_F(Paths, OnePathIsFoundInAllItsForms) {
  const std::string pic = path("my pic.png"), home = home_.string();
  for (const std::string& form :
       {pic, "\"" + pic + "\"", "'" + pic + "'", home + "/my\\ pic.png", home + "/'my pic'.png",
        std::string("~/my pic.png"), std::string("~/my\\ pic.png"), "file://" + home + "/my%20pic.png",
        "file://localhost" + home + "/my%20pic.png", "file:" + home + "/my%20pic.png", "  " + pic + "  "}) {
    EXPECT_EQ(taken(form), pic + "|") << form;
    EXPECT_EQ(taken(form + " What is it?"), pic + "|What is it?") << form;
    EXPECT_EQ(programs::image_source(std::string(programs::trimmed(form))).name, pic) << form;
  }
}

TEST_F(Paths, SeveralImagesAreOneLine) {
  const std::string pic = path("my pic.png"), x = path("x.png");
  EXPECT_EQ(taken(x + " " + pic), x + "|" + pic + "|");
  EXPECT_EQ(taken("'" + pic + "' ~/x.png Which is larger?"), pic + "|" + x + "|Which is larger?");
  EXPECT_EQ(taken(x + " is this \"x\"?"), x + "|is this \"x\"?");
}

TEST_F(Paths, WhatDoesNotExistIsNamed) {
  EXPECT_NE(refusal("none.png").find("none.png: cannot be opened"), std::string::npos) << refusal("none.png");
  EXPECT_NE(refusal("none.png what is it?").find("none.png: "), std::string::npos);
  EXPECT_NE(refusal("'not here.png' what?").find("not here.png: "), std::string::npos);
  EXPECT_NE(refusal("not here.png").find("not here.png: "), std::string::npos);
  EXPECT_NE(refusal(path("x.png") + " ./none what?").find("./none: "), std::string::npos);
  EXPECT_NE(refusal(path("x.png") + " none.jpg").find("none.jpg: "), std::string::npos);
  EXPECT_NE(refusal("https://example.org/x.png").find("download"), std::string::npos);
  EXPECT_NE(refusal("file://elsewhere/x.png").find("another host"), std::string::npos);
  EXPECT_NE(refusal("file:///%zz.png").find("escape"), std::string::npos);
  EXPECT_NE(refusal(home_.string()).find("is a folder"), std::string::npos) << refusal(home_.string());
  EXPECT_NE(refusal("~nobodyofthisname/x.png").find("~nobodyofthisname/x.png"), std::string::npos);
}

TEST_F(Paths, FoldersOfFramesAreTakenAlike) {
  const std::string clip = path("clip one");
  EXPECT_EQ(joined(programs::take_folders(clip + " When does it end?")), clip + "|When does it end?");
  EXPECT_EQ(joined(programs::take_folders("'" + clip + "'")), clip + "|");
  EXPECT_EQ(programs::frames_folder("~/clip one"), clip);
  EXPECT_NE(error_of<vlmt::Error>([&] { programs::take_folders(path("x.png")); }), "");
}

TEST_F(Paths, DroppedFilesAreRecognised) {
  const std::string x = path("x.png"), pic = path("my pic.png");
  const auto dropped = [](const std::string& message) {
    const auto found = programs::dropped_images(message);
    return found ? joined(*found) : "no";
  };
  EXPECT_EQ(dropped(x), x + "|");
  EXPECT_EQ(dropped("'" + pic + "'"), pic + "|");
  EXPECT_EQ(dropped(x + " what is it?"), x + "|what is it?");
  EXPECT_EQ(dropped("file://" + x), x + "|");
  EXPECT_EQ(dropped("What is in x.png?"), "no");
  EXPECT_EQ(dropped("/tmp is full, why?"), "no");
  EXPECT_EQ(dropped("data: 1, 2, 3. What is the mean?"), "no");
  EXPECT_EQ(dropped("file:// is a scheme"), "no");
  EXPECT_EQ(dropped("file://server/share is down, why?"), "no");
  EXPECT_NE(error_of<vlmt::Error>([&] { dropped("file://server/x.png"); }), "");
  write_text(path("notes"), "no image");
  EXPECT_EQ(dropped(path("notes") + " is my file"), "no");
  EXPECT_NE(error_of<vlmt::Error>([&] { dropped(path("gone.png") + " what is it?"); }), "");
}

TEST_F(Paths, DataUrisAreDecoded) {
  const auto bytes = [](const std::string& uri, std::size_t most = 100) {
    std::string text;
    for (const std::byte b : programs::read_data_uri(uri, most).bytes) text += static_cast<char>(b);
    return text;
  };
  EXPECT_EQ(bytes("data:image/png;base64,aGVsbG8="), "hello");
  EXPECT_EQ(bytes("DATA:image/png;charset=x;BASE64,aGVsbG8"), "hello");
  EXPECT_EQ(bytes("data:;base64,/+8%3D").size(), 2u);
  EXPECT_EQ(programs::read_data_uri("data:image/png;base64,aGVsbG8=", 100).type, "image/png");
  for (const char* wrong : {"data:image/png;base64", "data:text/plain,hello", "data:image/png;base64,a*b=",
                            "data:image/png;base64,aGVsbG8=a", "data:image/png;base64,a", "data:;base64,%"}) {
    EXPECT_NE(error_of<vlmt::InputError>([&] { bytes(wrong); }), "") << wrong;
  }
  EXPECT_NE(error_of<vlmt::LimitError>([&] { bytes("data:;base64,aGVsbG8gaGVsbG8=", 4); }), "");
  EXPECT_EQ(taken("data:image/png;base64,aGVsbG8= what?"), "data:image/png of 5 bytes|what?");
}

TEST_F(Paths, ShellWordsAndEscapesAreInverse) {
  for (const std::string name : {"a", "a b", "it's", "say \"hi\"", "back\\slash", "tab\there"}) {
    const std::string line = programs::escaped_path(name) + " rest";
    const programs::ShellWord word = programs::shell_word(line, 0);
    EXPECT_EQ(word.text, name);
    EXPECT_EQ(line.substr(word.end), " rest");
  }
  EXPECT_FALSE(programs::shell_word("'open", 0).closed);
}

TEST_F(Paths, CommandsAndPathsAreCompleted) {
  const auto inserted = [](const std::string& before) { return programs::complete(before).insert; };
  const std::string home = home_.string();
  EXPECT_EQ(inserted("/im"), "age ");
  EXPECT_EQ(inserted("/"), "");
  EXPECT_GT(programs::complete("/").candidates.size(), 5u);
  EXPECT_EQ(inserted("/image ~/x"), ".png ");
  EXPECT_EQ(inserted("/image ~/my"), "\\ pic.png ");
  EXPECT_EQ(inserted("/image '~/my"), " pic.png' ");
  EXPECT_EQ(inserted("/image " + home + "/x.png " + home + "/my"), "\\ pic.png ");
  EXPECT_EQ(inserted("/image " + home + "/cl"), "ip\\ one/");
  EXPECT_EQ(inserted("/frames ~/"), "clip\\ one/");
  EXPECT_EQ(inserted("/frames ~/x"), "");
  EXPECT_EQ(inserted("look at ~/x"), ".png ");
  EXPECT_EQ(inserted("What is th"), "");
  EXPECT_EQ(inserted("/image /no/such/folder/"), "");
  write_png(path("photo \xc3\xa4.png"), 8, 8);
  write_png(path("photo \xc3\xb6.png"), 8, 8);
  EXPECT_EQ(inserted("/image ~/ph"), "oto\\ ");  // not half of a character
  EXPECT_EQ(programs::complete("/image ~/ph").candidates.size(), 2u);
}

TEST_F(Paths, HistoryIsBoundedAndPrivate) {
  const std::string file = path("state/vlmt/history");
  const programs::HistoryFile history(file);
  EXPECT_TRUE(history.read().empty());
  const Strings lines = {"first", "two\nlines", "back\\slash \\n", "last"};
  for (const std::string& line : lines) history.add(line);
  history.add("");
  history.add(std::string(programs::HistoryFile::max_line_bytes + 1, 'x'));
  EXPECT_EQ(history.read(), lines);
  struct stat status {};
  ASSERT_EQ(stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  std::string many;
  for (std::size_t i = 0; i < 2 * programs::HistoryFile::max_lines + 1; ++i) many += "line " + std::to_string(i) + "\n";
  write_text(file, many);
  EXPECT_EQ(history.read().size(), programs::HistoryFile::max_lines);
  EXPECT_EQ(history.read().back(), "line 2000");
  EXPECT_TRUE(read_text(file).starts_with("line 1001\n"));

  programs::HistoryFile("").add("kept nowhere");
  programs::HistoryFile("/proc/none/history").add("kept nowhere");
  setenv("XDG_STATE_HOME", home_.c_str(), 1);
  EXPECT_EQ(programs::HistoryFile::default_path(), home_.string() + "/vlmt/history");
  unsetenv("XDG_STATE_HOME");
  EXPECT_EQ(programs::HistoryFile::default_path(), home_.string() + "/.local/state/vlmt/history");
}

}  // namespace
