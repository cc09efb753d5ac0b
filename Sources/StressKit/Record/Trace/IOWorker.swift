// SPDX-License-Identifier: Apache-2.0

/// io_uring's worker threads, which are named after the task that they work for (io_uring/io-wq.c,
/// io_wq_worker).
package enum IOWorker {
  /// The pid in `iou-wrk-PID`; nil for another task's name.
  package static func owner(of comm: String) -> Int32? {
    comm[...].after(prefix: "iou-wrk-").flatMap { Int32($0) }
  }
}
