// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressCore
import StressMachine

/// What trials in guests need of the host.
package enum GuestCheck {
  package static func findings(
    _ filesystems: [Profile.Filesystem.Kind], _ profiles: [Profile] = []
  ) -> GuardFindings {
    var findings = GuardFindings()
    if let version = VirtualMachine.version() {
      findings.ok(.emulator, VirtualMachine.program, version)
    } else {
      findings.add(
        Tool.missing(VirtualMachine.program, package: VirtualMachine.package), as: .emulator)
    }
    if attemptErrno(Int(access("/dev/kvm", R_OK | W_OK)), "/dev/kvm", "access") == 0 {
      findings.ok(.accelerator, "/dev/kvm", "can be opened")
    } else {
      findings.warn(
        .accelerator, "/dev/kvm", "cannot be opened: guests are emulated (TCG), and slow",
        "a host with virtualisation, and a user of the group kvm")
    }
    for kind in filesystems {
      if let missing = MakeFilesystem.missing(kind) {
        findings.add(missing, as: .tools)
      } else {
        findings.ok(.tools, "mkfs of \(kind.rawValue)", "is there")
      }
    }
    for profile in profiles {
      if let refusal = SupervisorMemory.refusal(inGuest: profile) {
        findings.add(refusal, as: .memory)
      } else {
        findings.ok(
          .memory, profile.name,
          "finds room in a guest of \(Units.sizeText(profile.machine.memory))")
      }
    }
    let kernels = ((try? KernelStore())?.cached() ?? []).map(\.image.spec.description)
    if kernels.isEmpty {
      findings.warn(
        .kernels, "kernels", "none is fetched yet", "wbstress kernels fetch debian:6.12")
    } else {
      findings.ok(.kernels, "kernels", kernels.joined(separator: ", "))
    }
    return findings
  }
}
