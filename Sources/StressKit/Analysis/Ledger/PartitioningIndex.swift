// SPDX-License-Identifier: Apache-2.0
extension RandomAccessCollection {
  /// The first index whose element, and all after it, `belongs` holds for: by halves, of elements that are
  /// partitioned by it.
  func partitioningIndex(where belongs: (Element) -> Bool) -> Index {
    var (low, count) = (startIndex, self.count)
    while count > 0 {
      let half = count / 2
      let middle = index(low, offsetBy: half)
      if belongs(self[middle]) {
        count = half
      } else {
        low = index(after: middle)
        count -= half + 1
      }
    }
    return low
  }
}
