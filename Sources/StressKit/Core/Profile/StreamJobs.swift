// SPDX-License-Identifier: Apache-2.0
extension Profile.Stream {
  /// Each of the jobs as a stream of its own, in their order: `NAME-0`, `NAME-1`, ..., or the stream itself
  /// when it has a single one.
  package var each: [Profile.Stream] {
    if jobs == 1 { return [self] }
    return (0..<jobs).map { index in
      var job = self
      job.name = "\(name)-\(index)"
      job.jobs = 1
      job.size = size.map { Self.share(of: $0, block: block, index, of: jobs) }
      job.fileSize = fileSize.map { Self.share(of: $0, block: block, index, of: jobs) }
      // A rate of 0 would be none.
      job.rate = rate.map { rate in
        max(1, rate / UInt64(jobs) + (UInt64(index) < rate % UInt64(jobs) ? 1 : 0))
      }
      return job
    }
  }

  /// The part of `size` bytes that goes to one of `count`, when whole blocks go round over them and what is
  /// less than a block goes to the one whose turn it is then: to jobs, and to the files of a job.
  package static func share(
    of size: UInt64, block: UInt64, _ index: Int, of count: Int
  ) -> UInt64 {
    let (whole, rest) = size.quotientAndRemainder(dividingBy: block)
    let (rounds, turn) = whole.quotientAndRemainder(dividingBy: UInt64(count))
    let blocks = rounds + (index < turn ? 1 : 0)
    return blocks * block + (index == turn ? rest : 0)
  }
}
