// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore

extension TrialPlan.Fault {
  /// Lets it happen at `time`, CLOCK_BOOTTIME in ns.
  func inject(at time: UInt64) throws(HarnessError) {
    _ = try Thread("wb-fault") {
      cl_sleep_until(time)
      switch self {
      case .panic: try? File.set("/proc/sysrq-trigger", "c")
      case .livelock:
        try? File.set("/proc/sys/kernel/sched_rt_runtime_us", "-1")
        for _ in 0..<2 * EnvironmentProbe.onlineCPUs {
          _ = try? Thread("wb-spin") {
            _ = cl_set_fifo(99)
            // In the kernel as well as outside of it: a backtrace of it has something to name.
            while sched_yield() == 0 {}
          }
        }
      }
    }
  }
}
