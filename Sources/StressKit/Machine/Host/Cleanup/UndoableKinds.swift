// SPDX-License-Identifier: Apache-2.0
import StressCore

/// The kinds of entries that a journal can have.
enum UndoableKinds {
  static let all: [any Undoable.Type] = [
    MadeFile.self, MadeDirectory.self, MadeUnit.self, MadeCgroup.self, EnabledControllers.self,
    MadeMount.self,
    MadeLoopDevice.self, MadeDelayedDevice.self, UsedSwap.self, UsedZram.self,
    MadeTraceInstance.self, MadeProbes.self, ChangedSetting.self,
  ]

  /// The object of an intent's line; nil: of no kind that is known.
  static func read(_ line: JSON) -> (any Undoable)? {
    all.first { $0.kind == line["kind"]?.string }?.init(line)
  }
}
