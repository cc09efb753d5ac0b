// SPDX-License-Identifier: Apache-2.0

/// What the harness's own tests do to a guest and to whoever takes in its record. A release build has nothing of it.
package struct TrialHooks {
  #if DEBUG
    /// Called on the running machine now and then.
    package var disturb: ((VirtualMachine) -> Void)?
    /// Holds up whoever takes in the record, as a busy host does; called before each read, with the bytes so far.
    package var pace: ((_ bytes: Int) -> Void)?
    /// Files of the host for the plan's peer, by their path in the guest.
    package var peerFiles: [String: String] = [:]
  #endif

  package init() {}

  func look(at machine: VirtualMachine) {
    #if DEBUG
      disturb?(machine)
    #endif
  }

  func readsOn(after bytes: Int) {
    #if DEBUG
      pace?(bytes)
    #endif
  }

  var files: [String: String] {
    #if DEBUG
      peerFiles
    #else
      [:]
    #endif
  }
}
