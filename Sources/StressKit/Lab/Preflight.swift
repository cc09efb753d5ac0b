// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine

/// What the host must have before the first trial: every lack at once, not the first.
package enum Preflight {
  /// Finds the kernels of a matrix and checks that every cell can be run.
  ///
  /// - Returns: the kernels, and the images of the cells' user lands by what names them.
  package static func check(
    _ matrix: Matrix, jobs: Int, store: KernelStore, progress: (String) -> Void
  ) throws(HarnessErrors) -> (kernels: [KernelSpec: Kernel], roots: [RootImage.Name: String]) {
    var problems: [HarnessError] = []
    func note(_ error: HarnessError) {
      if !problems.contains(error) { problems.append(error) }
    }
    if Tool.path(VirtualMachine.program) == nil {
      note(Tool.missing(VirtualMachine.program, package: VirtualMachine.package))
    }
    for cell in matrix.cells {
      if let refusal = SupervisorMemory.refusal(inGuest: cell.profile) { note(refusal) }
      if let missing = MakeFilesystem.missing(cell.profile.filesystem.base) { note(missing) }
    }
    var kernels: [KernelSpec: Kernel] = [:]
    var failed: Set<KernelSpec> = []
    for cell in matrix.cells where !failed.contains(cell.kernel) {
      do throws(HarnessError) {
        let kernel: Kernel
        if let known = kernels[cell.kernel] {
          kernel = known
        } else {
          kernel = try Kernel(resolving: cell.kernel, store: store, progress: progress)
          kernels[cell.kernel] = kernel
        }
        _ = try kernel.moduleFiles(ModuleResolver.wanted(for: cell.profile))
      } catch {
        if error.code == .interrupted { throw HarnessErrors([error]) }
        if kernels[cell.kernel] == nil { failed.insert(cell.kernel) }
        note(error)
      }
    }
    let most = matrix.cells.map(\.profile.machine.memory).max() ?? 0
    let needed = UInt128(jobs) * (UInt128(most) + perGuest)
    if let available = MemoryInfo().value("MemAvailable"), needed > UInt128(available) {
      note(
        HarnessError(
          .environment, "memory",
          "\(jobs) guests of \(most >> 20) MiB need \(needed >> 20) MiB; the host has "
            + "\(available >> 20) MiB available",
          remedy: "lower --jobs or machine.memory"))
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    // Last: it is dear to make one.
    var roots: [RootImage.Name: String] = [:]
    for cell in matrix.cells where roots[RootImage.Name(cell.profile)] == nil {
      do throws(HarnessError) {
        roots[RootImage.Name(cell.profile)] = try RootImage.find(
          for: cell.profile, store: store, progress: progress)
      } catch {
        note(error)
      }
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    return (kernels, roots)
  }

  /// QEMU's own memory beside the guest's, with room to spare.
  private static let perGuest: UInt128 = 256 << 20

  /// What must not change between the trials of one campaign on this machine.
  ///
  /// - Parameter device: what the user named; by what it is, and not by what it is called today.
  package static func identity(_ device: NamedDevice?) -> [Profile.Setting] {
    [
      Profile.Setting("wbstress", Version.text),
      Profile.Setting("kernel", LocalTrial.release),
      Profile.Setting("machine", File.line("/proc/sys/kernel/hostname") ?? "?"),
      Profile.Setting(
        "device",
        device.map { "\($0.model ?? "disk") of \($0.identity.size) bytes" } ?? "loop"),
    ]
  }

  /// What must not change between the trials of one campaign.
  package static func identity(
    _ kernels: [KernelSpec: Kernel], _ roots: [RootImage.Name: String],
    _ accelerator: Accelerator
  ) throws(HarnessError) -> [Profile.Setting] {
    var identity = [
      Profile.Setting("wbstress", Version.text),
      Profile.Setting("accelerator", accelerator.rawValue),
    ]
    for (spec, kernel) in kernels.sorted(by: { $0.key.description < $1.key.description }) {
      var key = ContentKey()
      key.add(contents: try File.read(kernel.image, code: .environment))
      identity.append(
        Profile.Setting(
          "kernel \(spec)", "\(kernel.packageVersion ?? kernel.release) \(key.text)"))
    }
    for (name, path) in roots.sorted(by: { $0.key.root < $1.key.root }) {
      var key = ContentKey()
      key.add(file: path)
      identity.append(Profile.Setting("root \(name.root)", key.text))
    }
    return identity
  }
}
