// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine
import StressRecord

/// What is asked of another machine.
struct RemoteRequest {
  enum Wish: String {
    /// What the guards find there.
    case check
    /// A trial: to begin one, or to go on with one that was begun.
    case trial
  }

  var wish: Wish
  var place: RemotePlace
  /// Of a check.
  var profiles: [Profile] = []
  /// Of each profile, or of the trial, where these are in guests.
  var kernels: [String] = []
  /// The run's name.
  var run = ""
  var plan: TrialPlan?
  var limits = MachineLimits()
  /// Bytes of the record that have come.
  var offset = 0
  /// Whether the run was begun; one that is not there then is lost.
  var isBegun = false
  /// How long the record is kept for whoever asked for it, ns.
  var patience: UInt64 = 0
  /// What the other machine is; nil: the request does not say.
  private(set) var version: String?
  private(set) var schema: Int64?

  init(_ wish: Wish, _ place: RemotePlace) {
    self.wish = wish
    self.place = place
    version = Version.text
    schema = RecordFile.schema
  }

  var json: JSON {
    [
      "do": .string(wish.rawValue), "version": .optional(version),
      "schema": schema.map(JSON.int) ?? .null, "place": place.json,
      "profiles": .array(profiles.map(\.json)), "kernels": .array(kernels.map(JSON.string)),
      "run": .string(run),
      "plan": plan?.line.json ?? .null, "limits": limits.json, "offset": .int(Int64(offset)),
      "begun": .bool(isBegun), "patience": .uint(patience),
    ]
  }

  /// - Throws: when it is none, or one of another version.
  static func parse(_ bytes: [UInt8]) throws(HarnessError) -> RemoteRequest {
    guard let json = try? JSON(parsing: bytes), let place = json["place"],
      let wish = json["do"]?.string.flatMap(Wish.init(rawValue:))
    else { throw HarnessError(.usage, "request", "is none of wbstress's") }
    var request = RemoteRequest(wish, RemotePlace(place))
    request.version = json["version"]?.string
    request.schema = json["schema"]?.int
    guard request.version == Version.text, request.schema == RecordFile.schema else {
      throw HarnessError(
        .environment, "wbstress \(Version.text)",
        "is asked by another version: \(RemoteText.short(request.version ?? "?"))",
        remedy: "use one version on both machines")
    }
    do {
      for profile in json["profiles"]?.array ?? [] {
        request.profiles.append(try Profile(json: profile, name: "request"))
      }
      if let plan = json["plan"], plan != .null {
        request.plan = try TrialPlan(parsing: Array(plan.text.utf8), name: "request")
      }
    } catch {
      throw HarnessError(.usage, "request", "\(error)")
    }
    request.kernels = (json["kernels"]?.array ?? []).compactMap(\.string)
    request.run = json["run"]?.string ?? ""
    request.limits = MachineLimits(json["limits"])
    request.offset = Int(clamping: json["offset"]?.int ?? 0)
    request.isBegun = json["begun"]?.bool ?? false
    request.patience = json["patience"]?.int.map { UInt64(clamping: $0) } ?? 0
    return request
  }

  static func read(_ path: String) throws(HarnessError) -> RemoteRequest {
    try parse(try File.read(path, code: .environment, atMost: 16 << 20))
  }
}
