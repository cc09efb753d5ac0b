/// What the host must have before the first trial: every lack at once, not the first.
package enum Preflight {
  /// Finds the kernels of a matrix and checks that every cell can be run.
  package static func check(
    _ matrix: Matrix, store: KernelStore, progress: (String) -> Void
  ) throws(HarnessErrors) -> [KernelSpec: Kernel] {
    var problems: [HarnessError] = []
    func note(_ error: HarnessError) {
      if !problems.contains(error) { problems.append(error) }
    }
    if Tool.path(VirtualMachine.program) == nil {
      note(Tool.missing(VirtualMachine.program, package: VirtualMachine.package))
    }
    for cell in matrix.cells {
      if let missing = MakeFilesystem.missing(cell.profile.filesystem.kind) { note(missing) }
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
        _ = try kernel.moduleFiles(ModuleResolver.wanted(for: cell.profile.filesystem.kind))
      } catch {
        if kernels[cell.kernel] == nil { failed.insert(cell.kernel) }
        note(error)
      }
    }
    if !problems.isEmpty { throw HarnessErrors(problems) }
    return kernels
  }
}
