// A folder with files as in /proc and /sys, for readers of limits.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "io/temp_dir.hpp"

class SystemTree {
 public:
  std::string root() const { return folder_ / "root"; }

  /// Writes a file; `path` is absolute in the tree.
  SystemTree& file(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = root() + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole, std::ios::binary) << text;
    return *this;
  }

  /// The process is in `group` of version 2.
  SystemTree& version_2(const std::string& group, const std::string& mounted_root = "/") {
    return file("/proc/self/cgroup", "0::" + group + "\n")
        .file("/proc/self/mountinfo",
              "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
              "30 21 0:26 " +
                  mounted_root + " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  /// The process is in `group` of the CPU and memory controllers of version 1.
  SystemTree& version_1(const std::string& group, const std::string& mounted_root = "/") {
    return file("/proc/self/cgroup", "9:memory:" + group + "\n4:cpu,cpuacct:" + group + "\n1:name=systemd:/\n")
        .file("/proc/self/mountinfo",
              "31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n"
              "32 31 0:29 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd\n"
              "33 31 0:30 " +
                  mounted_root +
                  " /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n34 31 0:31 " +
                  mounted_root + " /sys/fs/cgroup/memory rw shared:11 master:4 - cgroup cgroup rw,memory\n");
  }

 private:
  TempDir folder_;
};
