// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import StressCore
@testable import StressMachine

struct SharedBlockTests {
  private func control(
    depth: UInt64, block: UInt64 = 4096, log: UInt64 = 10
  ) -> SharedBlock.Control<StreamWords> {
    var control = SharedBlock.Control<StreamWords>()
    control.header.depth = depth
    control.header.block = block
    control.header.logCapacity = log
    return control
  }

  /// The words of a block lie one behind the other, buffers each on a page of their own.
  @Test(
    arguments: [
      (1, 4096, 0), (1, 65_536, 66), (8, 262_144, 100), (32, 4096, 65_536), (7, 12_288, 3),
    ] as [(UInt64, UInt64, UInt64)])
  func layout(_ depth: UInt64, _ size: UInt64, _ log: UInt64) throws {
    let block = try SharedBlock(
      name: "w", control(depth: depth, block: size, log: log), path: "/mnt/x")
    #expect(UInt(bitPattern: block.base) % 4096 == 0)
    let words =
      MemoryLayout<SharedBlock.Header>.stride + MemoryLayout<StreamWords>.stride
      + SharedBlock.pathRoom
    let start = UnsafeRawPointer(block.slots) - UnsafeRawPointer(block.base)
    #expect((words..<words + 64).contains(start))
    // Slots and operations have cache lines of their own.
    #expect(start % 64 == 0 && MemoryLayout<SharedBlock.Slot>.stride == 64)
    #expect(MemoryLayout<SharedBlock.Operation>.stride == 64)
    // One slot more than the depth: the fsync's own.
    let slots = UnsafeRawPointer(block.log) - UnsafeRawPointer(block.slots)
    #expect(slots == (Int(depth) + 1) * MemoryLayout<SharedBlock.Slot>.stride)
    let logEnd = UnsafeRawPointer(block.log + Int(log))
    #expect(logEnd <= UnsafeRawPointer(block.buffer(0)))
    for slot in 0..<Int(depth) {
      #expect(UInt(bitPattern: block.buffer(slot)) % 4096 == 0)
      #expect(block.buffer(slot) == block.buffer(0) + slot * Int(size))
    }
    let end = block.buffer(Int(depth) - 1) + Int(size)
    #expect(end == block.base + block.length)
  }

  /// A pinning worker has neither slots nor buffers.
  @Test func blockOfAPin() throws {
    let block = try SharedBlock(name: "db", SharedBlock.Control<PinWords>(), path: "")
    #expect(block.length == 4096 && block.path == "")
  }

  @Test func pathHasALimit() throws {
    let longest = "/" + String(repeating: "p", count: 254)
    #expect(try SharedBlock(name: "w", control(depth: 1), path: longest).path == longest)
    let error = #expect(throws: HarnessError.self) {
      try SharedBlock(name: "w", control(depth: 1), path: longest + "p")
    }
    #expect(error?.code == .usage && error?.operation == "path longer than 255 bytes")
    // Bytes, not characters.
    #expect(throws: HarnessError.self) {
      try SharedBlock(name: "w", control(depth: 1), path: String(repeating: "ä", count: 128))
    }
  }

  /// Every page is there before the worker is: none of them is charged to its cgroup.
  @Test func isPrefaulted() throws {
    let block = try SharedBlock(name: "w", control(depth: 4, block: 65_536), path: "/mnt/x")
    var info = stat()
    #expect(fstat(block.descriptor, &info) == 0)
    #expect(info.st_size == block.length && Int(info.st_blocks) * 512 == block.length)
  }

  @Test func isSharedThroughItsDescriptor() throws {
    let block = try SharedBlock(name: "w", control(depth: 2), path: "/mnt/x")
    let worker = try SharedBlock(inherited: dup(block.descriptor))
    #expect(worker.length == block.length && worker.path == "/mnt/x")
    #expect(worker.header.pointee.depth == 2 && worker.header.pointee.logCapacity == 10)
    worker.slots[2].start = 11
    worker.log[9].end = 12
    worker.buffer(1).storeBytes(of: 13, as: UInt8.self)
    worker.header.pointee.bytes = 14
    #expect(block.slots[2].start == 11 && block.log[9].end == 12)
    #expect(block.buffer(1).load(as: UInt8.self) == 13 && block.header.pointee.bytes == 14)
    let words: UnsafeMutablePointer<StreamWords> = worker.words()
    words.pointee.punted = 15
    #expect(block.words(of: StreamWords.self).pointee.punted == 15)
  }

  /// A role pays for its own words only, and they are neither its neighbours' nor another role's.
  @Test func eachRoleHasItsOwnWords() throws {
    func check<Words: RoleWords>(_: Words.Type) throws {
      let block = try SharedBlock(name: "w", SharedBlock.Control<Words>(), path: "/mnt/x")
      let start = UnsafeMutableRawPointer(block.words(of: Words.self))
      #expect(start == block.base + MemoryLayout<SharedBlock.Header>.stride)
      memset(start, 0xff, MemoryLayout<Words>.size)
      let worker = try SharedBlock(inherited: dup(block.descriptor))
      #expect(worker.role == Words.role && worker.path == "/mnt/x")
      #expect(worker.header.pointee.evidenceLost == 0)
    }
    try check(StreamWords.self)
    try check(PinWords.self)
    try check(TaskWords.self)
  }

  /// Words of a role that the worker does not have are not read as something else.
  @Test func anotherRolesWordsAreNoWords() async throws {
    await #expect(processExitsWith: .failure) {
      let block = try SharedBlock(name: "w", SharedBlock.Control<StreamWords>(), path: "")
      let worker = try SharedBlock(inherited: dup(block.descriptor))
      _ = worker.words(of: PinWords.self).pointee.reached
      exit(0)
    }
  }

  @Test func inheritedDescriptorMustBeOne() {
    let error = #expect(throws: HarnessError.self) { try SharedBlock(inherited: -1) }
    #expect(error?.errno == .badFileDescriptor)
  }

  /// What the supervisor's own children, mkfs or another worker, have no business with.
  @Test func isNotInheritedByAccident() throws {
    let block = try SharedBlock(name: "w", control(depth: 1), path: "/mnt/x")
    #expect(fcntl(block.descriptor, F_GETFD) == FD_CLOEXEC)
  }

  @Test func stepsHaveNames() {
    let labels = SharedBlock.Step.allCases.map(\.label)
    #expect(Set(labels).count == labels.count)
  }
}
