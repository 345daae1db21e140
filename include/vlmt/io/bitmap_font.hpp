// A small font for labels on images: ASCII as 5 x 7 dots with one more row below the line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

namespace font {

inline constexpr int width = 5;
inline constexpr int height = 8;
inline constexpr int advance = 6;  ///< from one glyph to the next
/// The glyph of characters that the font does not have: an empty frame.
inline constexpr char missing = 127;

/// Glyphs 32 to 127, sixteen beside each other, with an empty column between them.
inline constexpr std::string_view sheet =
    //   ! " # $ % & ' ( ) * + , - . /
    "        #    # #   # #    #   ##  #  ##     #      #   #                                      #"
    "        #    # #   # #   #### ##  # #  #    #     #     #     #     #                         #"
    "        #    # #  ##### # #      #  #  #   #     #       #  # # #   #                        # "
    "        #          # #   ###    #    ##          #       #   ###  #####        ###          #  "
    "        #         #####   # #  #    # # #        #       #  # # #   #                      #   "
    "                   # #  ####  #  ## #  #          #     #     #     #     ##         ##   #    "
    "        #          # #    #   #  ##  ## #          #   #                  ##         ##   #    "
    "                                                                         ##                    "
    // 0 1 2 3 4 5 6 7 8 9 : ; < = > ?
    " ###    #    ###  #####    #  #####   ##  #####  ###   ###                 #         #     ### "
    "#   #  ##   #   #    #    ##  #      #        # #   # #   #  ##    ##     #           #   #   #"
    "#  ## # #       #   #    # #  ####  #        #  #   # #   #  ##    ##    #    #####    #      #"
    "# # #   #      #     #  #  #      # ####    #    ###   ####             #               #    # "
    "##  #   #     #       # #####     # #   #   #   #   #     #  ##    ##    #    #####    #    #  "
    "#   #   #    #    #   #    #  #   # #   #   #   #   #    #   ##    ##     #           #        "
    " ###  ##### #####  ###     #   ###   ###    #    ###   ##          #       #         #      #  "
    "                                                                                               "
    // @ A B C D E F G H I J K L M N O
    " ###    #   ####   ###  ###   ##### #####  ###  #   #  ###    ### #   # #     #   # #   #  ### "
    "#   #  # #  #   # #   # #  #  #     #     #   # #   #   #      #  #  #  #     ## ## ##  # #   #"
    "# ### #   # #   # #     #   # #     #     #     #   #   #      #  # #   #     # # # ##  # #   #"
    "# # # #   # ####  #     #   # ####  ####  # ### #####   #      #  ##    #     # # # # # # #   #"
    "# ### ##### #   # #     #   # #     #     #   # #   #   #      #  # #   #     #   # #  ## #   #"
    "#     #   # #   # #   # #  #  #     #     #   # #   #   #   #  #  #  #  #     #   # #  ## #   #"
    " ###  #   # ####   ###  ###   ##### #      #### #   #  ###   ##   #   # ##### #   # #   #  ### "
    "                                                                                               "
    // P Q R S T U V W X Y Z [ \ ] ^ _
    "####   ###  ####   #### ##### #   # #   # #   # #   # #   # #####  ###  #      ###    #        "
    "#   # #   # #   # #       #   #   # #   # #   # #   # #   #     #  #    #        #   # #       "
    "#   # #   # #   # #       #   #   # #   # #   #  # #   # #     #   #     #       #  #   #      "
    "####  #   # ####   ###    #   #   # #   # # # #   #     #     #    #      #      #             "
    "#     # # # # #       #   #   #   #  # #  # # #  # #    #    #     #       #     #             "
    "#     #  #  #  #      #   #   #   #  # #  ## ## #   #   #   #      #        #    #             "
    "#      ## # #   # ####    #    ###    #   #   # #   #   #   #####  ###      #  ###             "
    "                                                                                          #####"
    // ` a b c d e f g h i j k l m n o
    " #          #               #         ##        #       #      #  #      ##                    "
    "  #         #               #        #  #       #                 #       #                    "
    "   #   ###  ####   ####  ####  ###   #     #### # ##   ##     ##  #  #    #   ## #  # ##   ### "
    "          # #   # #     #   # #   # ###   #   # ##  #   #      #  # #     #   # # # ##  # #   #"
    "       #### #   # #     #   # #####  #    #   # #   #   #      #  ##      #   # # # #   # #   #"
    "      #   # #   # #     #   # #      #     #### #   #   #      #  # #     #   # # # #   # #   #"
    "       #### ####   ####  ####  ###   #        # #   #  ###  #  #  #  #   ###  # # # #   #  ### "
    "                                           ###               ##                                "
    // p q r s t u v w x y z { | } ~ and the frame
    "                         #                                           ##   #   ##          #####"
    "                         #                                          #     #     #         #   #"
    "####   #### # ##   #### ###   #   # #   # #   # #   # #   # #####   #     #     #    #    #   #"
    "#   # #   # ##  # #      #    #   # #   # #   #  # #  #   #    #   #      #      #  # # # #   #"
    "#   # #   # #      ###   #    #   # #   # # # #   #   #   #   #     #     #     #      #  #   #"
    "####   #### #         #  #  # #  ##  # #  # # #  # #   ####  #      #     #     #         #   #"
    "#         # #     ####    ##   ## #   #    # #  #   #     # #####    ##   #   ##          #####"
    "#         #                                            ###                                     ";

/// True if dot (x, y) of a glyph is set.
constexpr bool dot(char glyph, int x, int y) noexcept {
  constexpr int row = 16 * advance - 1;
  const int index = static_cast<unsigned char>(glyph) - 32;
  const int at = (index / 16 * height + y) * row + index % 16 * advance + x;
  return sheet[static_cast<std::size_t>(at)] == '#';
}

/// The glyphs of a text in UTF-8: letters of Latin-1 without their accents, white space as a space, `missing` for each
/// other character that is not in ASCII.
inline std::string glyphs(std::string_view text) {
  // U+00C0 to U+00FF
  constexpr std::string_view latin = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    at += c.bytes;
    if (c.code >= 0xC0 && c.code <= 0xFF) {
      out += latin[c.code - 0xC0];
    } else if (c.code == ' ' || (c.code >= '\t' && c.code <= '\r')) {
      out += ' ';
    } else {
      out += c.code > ' ' && c.code < 127 ? static_cast<char>(c.code) : missing;
    }
  }
  return out;
}

}  // namespace font

VLMT_END_NAMESPACE
