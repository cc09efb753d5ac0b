// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import StressCore
import StressMachine

/// Finds out whether KVM really runs guests here.
///
/// That /dev/kvm can be opened says nothing: nested, it may accept a guest that never leaves the
/// decompressor, or abort at once. So a kernel is booted, once per
/// boot of the host.
package struct AcceleratorProbe {
  /// A guest boots in about a second under KVM.
  private static let deadline: UInt64 = 8_000_000_000

  /// - Parameter timeout: how long the kernel may take to reach the harness, ns; nil: 8 s.
  package static func find(
    kernel: Kernel, binary: String, store: KernelStore, timeout: UInt64? = nil,
    progress: (String) -> Void
  ) throws(HarnessError) -> Accelerator {
    guard access("/dev/kvm", R_OK | W_OK) == 0 else { return .tcg }
    let boot = File.line("/proc/sys/kernel/random/boot_id") ?? "?"
    let cache = store.root + "/accelerator"
    if let words = File.line(cache)?.split(separator: " "), words.count == 3, words[0] == boot,
      words[1] == kernel.release, let known = Accelerator(rawValue: String(words[2])),
      known == .kvm || timeout == nil
    {
      return known
    }
    progress("probing KVM with \(kernel.label)")
    let found: Accelerator = try boots(kernel, binary, store, timeout ?? deadline) ? .kvm : .tcg
    try File.makeDirectory(store.root)
    try File.write(cache, Array("\(boot) \(kernel.release) \(found.rawValue)\n".utf8))
    return found
  }

  private static func boots(
    _ kernel: Kernel, _ binary: String, _ store: KernelStore, _ timeout: UInt64
  ) throws(HarnessError) -> Bool {
    let console = "\(store.root)/probe-\(getpid()).log"
    try File.makeDirectory(store.root)
    defer { File.remove(console) }
    let machine = try VirtualMachine(
      .init(
        kernel: kernel.image,
        initramfs: try Initramfs.build(
          program: try GuestProgram(in: binary), kernel: kernel, modules: [], store: store),
        accelerator: .kvm, memory: 256 << 20, cpus: 1, boot: [], disks: [], console: console))
    let until = cl_boottime() + timeout
    while cl_boottime() < until, !machine.hasEnded() {
      cl_sleep_until(cl_boottime() + 20_000_000)
    }
    machine.quit()
    return (try? File.text(console))?.contains(Guest.probeText) ?? false
  }
}
