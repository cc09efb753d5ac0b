// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Slices that are gathered in any order, and then written so that those of one track lie within each other
/// or one after the other, as Perfetto wants them: https://perfetto.dev/docs/reference/synthetic-track-event.
struct SliceTracks {
  /// Where slices belong; what overlaps there goes to further tracks of the same name.
  struct Place: Hashable {
    /// The task; nil: the machine.
    var pid: Int64?
    var name: String
    /// Whether one within another is drawn below it: sections of one task's code. Otherwise each slice that
    /// is open together with another has a track of its own.
    var nests: Bool
  }

  private struct Slice {
    var start: Int64
    var end: Int64
    var name: Int32
    /// Of `annotations`.
    var first: Int
    var count: Int32
  }

  private var slices: [[Slice]] = []
  private var numbers: [Place: Int] = [:]
  /// In the order in which they first came.
  private(set) var places: [Place] = []
  private var names: [String] = []
  private var nameNumbers: [String: Int32] = [:]
  private var annotations = ProtobufWriter()

  /// - Parameters:
  ///   - end: at or after `start`, CLOCK_BOOTTIME, ns.
  ///   - line: what the slice's annotations say, but for `known` members.
  mutating func add(
    _ name: String, at place: Place, _ start: Int64, _ end: Int64, _ line: JSON,
    without known: Set<String>
  ) {
    let first = annotations.bytes.count
    Annotations.write(line, without: known, to: &annotations)
    let slice = Slice(
      start: start, end: end, name: number(of: name), first: first,
      count: Int32(annotations.bytes.count - first))
    let number = numbers[place] ?? slices.count
    if number == slices.count {
      numbers[place] = number
      places.append(place)
      slices.append([])
    }
    slices[number].append(slice)
  }

  private mutating func number(of name: String) -> Int32 {
    if let known = nameNumbers[name] { return known }
    names.append(name)
    nameNumbers[name] = Int32(names.count - 1)
    return Int32(names.count - 1)
  }

  /// Writes the slices of a place, and forgets them.
  ///
  /// - Parameter parent: of the tracks.
  mutating func write(_ place: Place, below parent: UInt64, to trace: inout TraceEventWriter) {
    guard let number = numbers[place] else { return }
    let lanes = Self.lanes(&slices[number], nests: place.nests)
    for lane in lanes {
      let track = trace.track(place.name, below: parent)
      var open: [Int64] = []
      for index in lane {
        let slice = slices[number][Int(index)]
        while let end = open.last, end <= slice.start {
          trace.end(on: track, at: end)
          open.removeLast()
        }
        let range = slice.first..<slice.first + Int(slice.count)
        trace.begin(
          names[Int(slice.name)], on: track, at: slice.start, annotations.bytes[range])
        open.append(slice.end)
      }
      for end in open.reversed() { trace.end(on: track, at: end) }
    }
    slices[number] = []
  }

  /// Sorts slices by their start, the longer first, and gives each the first lane that has room for it.
  private static func lanes(_ slices: inout [Slice], nests: Bool) -> [[Int32]] {
    slices.sort { ($0.start, $1.end, $0.first) < ($1.start, $0.end, $1.first) }
    var lanes: [[Int32]] = []
    // Of each lane the ends of what is open, the innermost last.
    var open: [[Int64]] = []
    for (index, slice) in slices.enumerated() {
      var lane = 0
      while lane < lanes.count {
        while let end = open[lane].last, end <= slice.start { open[lane].removeLast() }
        guard let end = open[lane].last else { break }
        if nests, slice.end <= end { break }
        lane += 1
      }
      if lane == lanes.count {
        lanes.append([])
        open.append([])
      }
      lanes[lane].append(Int32(index))
      open[lane].append(slice.end)
    }
    return lanes
  }
}
