// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressAnalysis
import StressCore

enum Measure {
  /// ns that `body` takes.
  static func time(_ body: () throws -> Void) rethrows -> Double {
    let start = cl_monotonic()
    try body()
    return Double(cl_monotonic() - start)
  }

  /// CPU time of this process, ns.
  static var processTime: Double { time(of: CLOCK_PROCESS_CPUTIME_ID) }

  /// The most that was resident of this process so far, MiB.
  ///
  /// Not getrusage's ru_maxrss, which begins with that of the process before exec(2).
  static var peakMemory: Double {
    let lines = (try? File.text("/proc/self/status"))?.split(separator: "\n") ?? []
    let peak = lines.first { $0.hasPrefix("VmHWM:") }?.split(separator: " ").dropFirst().first
    return (peak.flatMap { Double($0) } ?? .nan) / 1024
  }

  /// CPU time of the calling thread, ns.
  static var threadTime: Double { time(of: CLOCK_THREAD_CPUTIME_ID) }

  /// CPU time of this process' threads so far, ns, by their names.
  static var threadTimes: [String: Double] {
    let directory = "/proc/self/task"
    var times: [String: Double] = [:]
    for thread in File.names(in: directory) {
      guard let name = File.line("\(directory)/\(thread)/comm"),
        let stat = File.line("\(directory)/\(thread)/schedstat"),
        let time = stat.split(separator: " ").first.flatMap({ Double($0) })
      else { continue }
      times[name, default: 0] += time
    }
    return times
  }

  /// CPU time of the children that were waited for, and of theirs, ns.
  static var childrenTime: Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
    let times = [usage.ru_utime, usage.ru_stime]
    return times.map { Double($0.tv_sec) * 1e9 + Double($0.tv_usec) * 1e3 }.reduce(0, +)
  }

  private static func time(of clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let half = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  }

  static func fixed(_ value: Double, _ digits: Int) -> String {
    let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
    let scaled = Int((value * Double(scale)).rounded())
    if digits == 0 { return "\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  /// Prints rows in columns: the first to the left, the others to the right.
  static func table(_ rows: [[String]]) {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { i in rows.map { i < $0.count ? $0[i].count : 0 }.max() ?? 0 }
    for row in rows {
      let cells = row.enumerated().map { i, cell in
        let padding = String(repeating: " ", count: widths[i] - cell.count)
        return i == 0 ? cell + padding : padding + cell
      }
      print(cells.joined(separator: "  "))
    }
  }
}
