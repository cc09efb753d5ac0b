// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

/// Memory that a worker holds until it is killed: fills it, at once or as it grows, and touches it again and again
/// where it is hot, or frees it and fills it again.
///
/// How far it has come is in shared memory at any moment, and outlives the worker.
struct PinnedMemory {
  private static let page = 4096
  /// Of a huge page, and of what mlock(2) is asked for at once: in smaller steps the kernel could give no
  /// huge page, which has to lie in one locked area.
  private static let large = 2 << 20
  /// What growing locked memory grows by.
  private static let growthStep = 64 << 10
  /// Touches that follow each other faster than this are made in bursts, since no sleep is as short, ns.
  private static let shortestSleep: UInt64 = 50_000

  private let block: SharedBlock
  private let header: UnsafeMutablePointer<SharedBlock.Header>
  private let pin: UnsafeMutablePointer<PinWords>
  private var operations: OperationLog
  private let mode: Profile.Pinned.Mode
  private let size: Int
  private let memory: UnsafeMutableRawPointer
  private var random: SplitMix64

  init(block: SharedBlock) {
    self.block = block
    header = block.header
    pin = block.words()
    operations = OperationLog(block)
    mode = .init(code: pin.pointee.mode)
    size = Int(header.pointee.size)
    random = SplitMix64(seed: header.pointee.seed)
    memory = Self.map(size, mode, Huge(rawValue: pin.pointee.huge) ?? .asSet, header)
  }

  /// What is asked of madvise(2).
  enum Huge: UInt64 {
    case asSet, off, on
  }

  mutating func run() -> Never {
    let growth = pin.pointee.growth
    // Else a sleep may be 50 us too long, and each touch with it.
    if mode == .hot { try? File.set("/proc/self/timerslack_ns", "1") }
    let isLate = growth > 0 || mode == .churn
    if isLate { begin() }
    fill(growth: growth)
    while mode == .churn, cl_load(&header.pointee.stop) == 0 {
      empty()
      fill(growth: growth)
    }
    if mode == .hot {
      if growth == 0 { begin() }
      touchAgain()
    }
    let state: SharedBlock.State = isLate || mode == .hot ? .done : .ready
    cl_store(&header.pointee.state, state.rawValue)
    while true { pause() }
  }

  /// Waits for the streams' start.
  private func begin() {
    Worker.awaitStart(header)
    cl_store(&header.pointee.firstStart, cl_boottime())
  }

  /// Maps memory, none of it there yet; not a byte more than `size`, so that the last huge page is none.
  private static func map(
    _ size: Int, _ mode: Profile.Pinned.Mode, _ huge: Huge,
    _ header: UnsafeMutablePointer<SharedBlock.Header>
  ) -> UnsafeMutableRawPointer {
    let sharing = mode == .shmem ? MAP_SHARED : MAP_PRIVATE
    // More than an address space has is refused by mmap(2).
    let whole = (min(size, 1 << 60) + page - 1) & ~(page - 1)
    let spare = huge == .asSet ? 0 : large
    let mapped: UnsafeMutableRawPointer
    switch attemptMap(whole + spare, sharing | MAP_ANONYMOUS, "pin") {
    case .success(let start): mapped = start
    case .failure(let errno): Worker.fail(header, .map, errno.rawValue)
    }
    if huge == .asSet { return mapped }
    let start = mapped.alignedUp(toMultipleOf: large)
    let head = start - mapped
    if head > 0 { munmap(mapped, head) }
    if spare > head { munmap(start + whole, spare - head) }
    let advised = attemptErrno(
      Int(madvise(start, whole, huge == .on ? MADV_HUGEPAGE : MADV_NOHUGEPAGE)), "pin", "madvise")
    if advised < 0 {
      let errno = Int32(-advised)
      // A kernel without huge pages gives none.
      if huge == .on || errno != EINVAL { Worker.fail(header, .advise, errno) }
    }
    return start
  }

  // MARK: Filling

  /// Frees all pages; the next touch of one is its first again.
  private func empty() {
    let freed = attemptErrno(Int(madvise(memory, size, MADV_DONTNEED)), "pin", "madvise")
    if freed < 0 { Worker.fail(header, .advise, Int32(-freed)) }
    cl_store(&pin.pointee.reached, 0)
    cl_store(&pin.pointee.rounds, pin.pointee.rounds &+ 1)
  }

  /// Fills the memory until all of it is there, its time is over, the kernel gives no more of it, or, of one
  /// that is filled while the streams run, until it is told to stop.
  ///
  /// - Parameter growth: bytes per second; 0: at once.
  private mutating func fill(growth: UInt64) {
    let began = cl_boottime()
    let schedule = Schedule(began: began, rate: max(growth, 1))
    let within = growth == 0 && mode != .churn ? pin.pointee.within : 0
    let deadline = within > 0 ? began &+ within : .max
    var reached = 0
    // After the first refusal page by page, to the last that the kernel gives.
    var isRefused = false
    while reached < size {
      if growth > 0 {
        let due = schedule.due(after: UInt64(reached))
        if due > cl_boottime() { cl_sleep_until(due) }
      }
      if isOver(deadline, growth: growth) { return }
      var length = min(Self.page, size - reached)
      if mode == .locked {
        if !isRefused { length = lockLength(reached, grows: growth > 0) }
        let locked = attemptErrno(Int(mlock(memory + reached, length)), "pin", "mlock", .less)
        if locked < 0 {
          let errno = Int32(-locked)
          if length > Self.page {
            isRefused = true
            continue
          }
          if reached == 0 { Worker.fail(header, .lock, errno) }
          cl_store(&pin.pointee.shortfall, UInt64(errno))
          return
        }
      } else {
        touch(reached, length)
      }
      reached += length
      cl_store(&pin.pointee.reached, UInt64(reached))
    }
    // What has been swapped out meanwhile is faulted in.
    for _ in 1..<max(1, pin.pointee.passes) {
      for start in stride(from: 0, to: size, by: Self.page) {
        if isOver(deadline, growth: growth) { return }
        touch(start, min(Self.page, size - start))
      }
    }
  }

  /// Whether its time is over, or, of one that is filled while the streams run, it is told to stop.
  private func isOver(_ deadline: UInt64, growth: UInt64) -> Bool {
    if growth > 0 || mode == .churn, cl_load(&header.pointee.stop) != 0 { return true }
    return cl_boottime() >= deadline
  }

  /// How much is locked next: to the next place where a huge page could begin.
  private func lockLength(_ reached: Int, grows: Bool) -> Int {
    let step =
      grows && pin.pointee.huge != Huge.on.rawValue ? Self.growthStep : Self.large
    let at = Int(bitPattern: memory + reached)
    return min((at / step + 1) * step - at, size - reached)
  }

  /// Fills a page, and times how long the first access to it takes, in whatever pass.
  private mutating func touch(_ start: Int, _ length: Int) {
    let words = (memory + start).assumingMemoryBound(to: UInt64.self)
    operations.begin(0, .populate, bytes: UInt64(length), offset: UInt64(start))
    words[0] = random.next()
    let took = operations.finish(0, at: cl_boottime(), logIf: pin.pointee.slow)
    if header.pointee.buckets > 0 { block.buckets[LatencyBucket.of(took)] &+= 1 }
    pin.pointee.touches &+= 1
    pin.pointee.touchMax = max(pin.pointee.touchMax, took)
    // Different per page and, unless it is to be compressible, nothing that zswap could make smaller. What is to be
    // zero is so already.
    let filled = 512 - 512 * Int(pin.pointee.compressible) / 100
    for i in 1..<max(1, filled) where 8 * i < length { words[i] = random.next() }
  }

  // MARK: Touching again

  /// Touches pages at the profile's rate until it is told to stop.
  ///
  /// A touch takes as long as from the moment when it was due, so that each one that queues behind a stall
  /// counts it; what the worker wakes up late is part of it. Those of a burst are due together.
  private mutating func touchAgain() {
    let there = min(pin.pointee.workingSet, pin.pointee.reached)
    var order = PageOrder(
      .init(code: pin.pointee.distribution), pages: max(1, there / UInt64(Self.page)),
      seed: random.next())
    let rate = pin.pointee.rate
    let burst = max(1, (rate * Self.shortestSleep + 999_999_999) / 1_000_000_000)
    let schedule = Schedule(began: cl_boottime(), rate: rate)
    cl_store(&pin.pointee.scheduled, schedule.began)
    var count: UInt64 = 0
    while cl_load(&header.pointee.stop) == 0 {
      let due = schedule.due(after: count)
      if due > cl_boottime() {
        header.pointee.paced &+= 1
        cl_sleep_until(due)
        if cl_load(&header.pointee.stop) != 0 { return }
      }
      for _ in 0..<burst {
        let offset = order.next() &* UInt64(Self.page)
        operations.begin(0, .touch, bytes: UInt64(Self.page), offset: offset, due: due)
        (memory + Int(offset)).storeBytes(of: random.next(), as: UInt64.self)
        operations.finish(0, at: cl_boottime())
      }
      count &+= burst
      cl_store(&pin.pointee.rounds, count)
    }
  }
}
