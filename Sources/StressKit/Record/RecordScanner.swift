// SPDX-License-Identifier: Apache-2.0
import StressCore

/// Reads a record once, from its beginning to its end, a piece at a time: samples become lanes, of all other
/// lines it is kept where they are.
struct RecordScanner: ~Copyable {
  private(set) var index = LineIndex()
  private(set) var lanes: [Lane] = []
  private(set) var defects = RecordDefects()
  private var builders: [LaneBuilder] = []
  /// The builder that took the last sample.
  private var recent = 0
  private var header: [UInt8]?
  private var isForeign = false

  /// Bytes read at a time, unless a line is longer.
  private static let piece = 1 << 20

  init(_ storage: RecordStorage) throws(HarnessError) {
    do {
      try scan(storage)
    } catch {
      for i in builders.indices { builders[i].drop() }
      throw error
    }
    index.removeDuplicates(storage, &defects)
    let sample = "\(RecordFile.sample)"
    for i in builders.indices {
      let places = index[sample]?.places(of: builders[i].name)
      let (lane, left) = builders[i].finish(places.map { Array($0) } ?? [], storage, &defects)
      index.remove(left, from: sample)
      if let lane { lanes.append(lane) }
    }
    for lines in index.types where !LineTypes.names.contains(lines.type) {
      defects.add(.unknownType, lines.places.count)
    }
    countMissing(storage)
  }

  /// The `lane` lines say how many samples there were, and `written` how many others.
  private mutating func countMissing(_ storage: RecordStorage) {
    var told: [String: Int] = [:]
    storage.forEach(index[LaneLine.typeName]?.places ?? []) { _, bytes in
      let line = LaneLine(RecordLine(bytes))
      guard let lane = line.lane, let samples = line.samples else { return }
      told[lane] = Int(clamping: samples)
    }
    let lost = countLost(storage)
    let missing = told.reduce(0) { sum, lane in
      sum + max(0, lane.value - (lanes.first { $0.name == lane.key }?.times.count ?? 0))
    }
    defects.add(.missingSample, max(0, missing - lost.samples))
    storage.forEach(index[WrittenLine.typeName]?.places.prefix(1) ?? []) { _, bytes in
      let counted = index.types.filter { !LineTypes.uncounted.contains($0.type) }
      let found = counted.reduce(0) { $0 + $1.places.count }
      let told = Int(clamping: WrittenLine(RecordLine(bytes)).lines ?? 0)
      defects.add(.missingLine, max(0, told - found - lost.lines))
    }
  }

  /// What the `outage` lines say could not be written: samples, and lines that `written` counts.
  private mutating func countLost(_ storage: RecordStorage) -> (samples: Int, lines: Int) {
    var (samples, lines) = (0, 0)
    storage.forEach(index[OutageLine.typeName]?.places ?? []) { _, bytes in
      for (type, count) in OutageLine(RecordLine(bytes)).lost?.members ?? [] {
        let count = min(max(0, Int(clamping: count)), 1 << 32)
        if type == "\(RecordFile.sample)" {
          samples += count
        } else if !LineTypes.uncounted.contains(type) {
          lines += count
        }
      }
    }
    defects.add(.lostSample, samples)
    defects.add(.lostLine, lines)
    return (samples, lines)
  }

  // MARK: Pieces

  private mutating func scan(_ storage: RecordStorage) throws(HarnessError) {
    var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.piece + 1, alignment: 16)
    defer { buffer.deallocate() }
    // Of the file; the buffer begins there with `held` bytes of a line that has not ended.
    var offset = 0
    var held = 0
    var isTooLong = false
    while true {
      let room = buffer.count - 1 - held
      let got = try storage.read(
        offset + held, into: UnsafeMutableRawBufferPointer(rebasing: buffer[held..<held + room]))
      let filled = held + got
      let isLast = got < room
      // A last line without its end is one nevertheless, and its numbers end here.
      buffer[filled] = 0x0a
      var start = 0
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(isLast ? filled + 1 : filled)])
        .assumingMemoryBound(to: UInt8.self)
      while let length = UnsafeBufferPointer(rebasing: bytes[start...]).offset(of: 0x0a) {
        if !isTooLong {
          line(UnsafeBufferPointer(rebasing: bytes[start..<start + length]), at: offset + start)
        }
        isTooLong = false
        start += length + 1
      }
      if isLast { return }
      if start == 0, isTooLong || filled > LinePlace.longest {
        // Its rest is passed over, up to its end.
        if !isTooLong { defects.add(.tooLong) }
        isTooLong = true
        start = filled
      } else if start == 0 {
        let larger = UnsafeMutableRawBufferPointer.allocate(
          byteCount: 2 * buffer.count, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        buffer.deallocate()
        buffer = larger
      } else {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<filled]))
      }
      held = filled - start
      offset += start
    }
  }

  // MARK: Lines

  private mutating func line(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) {
    if bytes.isEmpty { return }
    if isForeign { return defects.add(.foreign) }
    if bytes.count > LinePlace.longest { return defects.add(.tooLong) }
    let place = LinePlace(offset: offset, length: bytes.count)
    if sample(bytes, place) { return }
    let head: LineHead
    switch LineHead.read(bytes) {
    case .line(let line): head = line
    case .defect(let kind): return defects.add(kind)
    }
    if head.type == "sample" { return unlikeSample(bytes, place) }
    if head.type == "header", isOfAnother(bytes) { return }
    if head.type == "columns", let line = try? JSON(parsing: bytes), let lane = line["lane"]?.string
    {
      let builder = builder(of: lane)
      if builders[builder].addColumns(line, at: offset) { defects.add(.columnsChanged) }
    }
    let hash = lineHash(bytes)
    head.type.withBytes { type in
      guard let kind = head.kind else {
        return index.add(place, type: type, kind: .init(start: nil, count: 0), hash: hash)
      }
      kind.withBytes { index.add(place, type: type, kind: $0, hash: hash) }
    }
  }

  /// Whether a header is not the first one: what follows it is another record.
  private mutating func isOfAnother(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let header else {
      header = Array(bytes)
      return false
    }
    isForeign = !header.elementsEqual(bytes)
    if isForeign { defects.add(.foreign) }
    return isForeign
  }

  // MARK: Samples

  /// The number of a lane's builder.
  private mutating func builder(of lane: String) -> Int {
    if let known = builders.firstIndex(where: { $0.name == lane }) { return known }
    builders.append(LaneBuilder(lane))
    return builders.count - 1
  }

  /// Whether it was a sample of the writer's making, of a lane that is known.
  private mutating func sample(_ bytes: UnsafeBufferPointer<UInt8>, _ place: LinePlace) -> Bool {
    guard let (time, end) = SampleLine.time(bytes) else { return false }
    for i in builders.indices {
      let candidate = (recent + i) % builders.count
      let answer = builders[candidate].add(bytes, time: time, end: end)
      if answer == .unlike { continue }
      recent = candidate
      settle(answer, builders[candidate].name, place)
      return true
    }
    return false
  }

  private mutating func unlikeSample(_ bytes: UnsafeBufferPointer<UInt8>, _ place: LinePlace) {
    guard let sample = SampleLine.parse(RecordLine(bytes).json) else {
      return defects.add(.wrongValue)
    }
    let builder = builder(of: sample.lane)
    settle(builders[builder].add(time: sample.time, sample.values), sample.lane, place)
  }

  private mutating func settle(_ answer: LaneBuilder.Answer, _ lane: String, _ place: LinePlace) {
    if case .refused(let kind) = answer { return defects.add(kind) }
    index.addSample(place, of: lane)
  }
}
