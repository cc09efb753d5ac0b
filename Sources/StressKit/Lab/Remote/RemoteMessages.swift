// SPDX-License-Identifier: Apache-2.0
import StressCore
import StressMachine
import StressRecord

/// What two programs of wbstress say to each other over a connection: lines of JSON, and between them pieces of a
/// record, each behind a line with its length.
///
/// To the other machine, first one request, then `{"do":"stop"}` and `{"do":"forget"}`. From it, `hello`, then `chunk`s,
/// `alive` while there is none, and one of `end`, `findings` (behind what is done for them, `progress`) and `errors`;
/// `forgotten` answers `forget`.
enum RemoteMessages {
  /// A line, and a piece of a record, bytes.
  static let longest = 1 << 20

  static let hello: JSON = [
    "hello": [
      "version": .string(Version.text), "schema": .int(RecordFile.schema),
    ]
  ]
}

/// Where on the other machine the user wants trials: as ``LocalPlace``, which depends on the machine.
package struct RemotePlace: Sendable, Equatable {
  package var images: String?
  package var device: String?
  package var confirmation: String?
  package var cgroup: String?
  package var wholeMachine = false
  package var allowsDaemons = false
  package var allowsDesktop = false
  /// nil: trials are on the machine itself.
  package var guests: RemoteGuests?

  package init(images: String?, device: String?, cgroup: String?) {
    self.images = images
    self.device = device
    self.cgroup = cgroup
  }

  package init(_ guests: RemoteGuests) { self.guests = guests }

  /// - Parameter results: where the records go there.
  func local(results: String) throws(HarnessError) -> LocalPlace {
    var place = LocalPlace(images: images, device: device, cgroups: try CgroupPlace(cgroup))
    place.confirmation = confirmation
    place.results = results
    place.wholeMachine = wholeMachine
    place.allowsDaemons = allowsDaemons
    place.allowsDesktop = allowsDesktop
    return place
  }

  var json: JSON {
    [
      "images": .optional(images), "device": .optional(device),
      "confirmation": .optional(confirmation), "cgroup": .optional(cgroup),
      "whole_machine": .bool(wholeMachine), "allow_oom_daemon": .bool(allowsDaemons),
      "allow_desktop": .bool(allowsDesktop), "guests": guests?.json ?? .null,
    ]
  }

  init(_ json: JSON) {
    images = json["images"]?.string
    device = json["device"]?.string
    confirmation = json["confirmation"]?.string
    cgroup = json["cgroup"]?.string
    wholeMachine = json["whole_machine"]?.bool ?? false
    allowsDaemons = json["allow_oom_daemon"]?.bool ?? false
    allowsDesktop = json["allow_desktop"]?.bool ?? false
    guests = RemoteGuests(json["guests"])
  }
}

extension MachineLimits {
  var json: JSON {
    [
      "available": available.map(JSON.uint) ?? .null,
      "pressure": pressure.map { .int(Int64($0)) } ?? .null, "stuck": .uint(stuck),
    ]
  }

  init(_ json: JSON?) {
    self.init()
    available = json?["available"]?.int.map { UInt64(clamping: $0) }
    pressure = json?["pressure"]?.int.map { Int(clamping: $0) }
    if let time = json?["stuck"]?.int { stuck = UInt64(clamping: time) }
  }
}

extension HarnessError {
  var json: JSON {
    [
      "code": .int(Int64(code.rawValue)), "object": .string(object), "what": .string(what),
      "remedy": .optional(remedy),
    ]
  }

  /// As another machine tells it; nil: it is none.
  init?(_ json: JSON) {
    guard let code = json["code"]?.int.flatMap({ Code(rawValue: Int32(clamping: $0)) }),
      let object = json["object"]?.string, let what = json["what"]?.string
    else { return nil }
    self.init(
      code, RemoteText.short(object, 500), RemoteText.short(what, 2000),
      remedy: json["remedy"]?.string.map { RemoteText.short($0, 500) })
  }
}

extension GuardFinding {
  var json: JSON {
    [
      "status": .string(status.rawValue), "guard": .string(origin.rawValue),
      "object": .string(object), "found": .string(found), "remedy": .optional(remedy),
    ]
  }

  /// As another machine tells it; nil: it is none.
  init?(_ json: JSON) {
    guard let status = json["status"]?.string.flatMap(Status.init(rawValue:)),
      let origin = json["guard"]?.string.flatMap(Guard.init(rawValue:)),
      let object = json["object"]?.string, let found = json["found"]?.string
    else { return nil }
    self.init(
      status: status, origin: origin, object: RemoteText.short(object, 500),
      found: RemoteText.short(found, 2000),
      remedy: json["remedy"]?.string.map { RemoteText.short($0, 500) })
  }
}

extension Ending {
  var json: JSON {
    [
      "outcome": .string(outcome.rawValue), "reason": .optional(reason),
      "message": .optional(message),
    ]
  }

  /// As another machine tells it; nil: it is none.
  init?(_ json: JSON) {
    guard let outcome = json["outcome"]?.string.flatMap(Outcome.init(rawValue:)) else { return nil }
    self.init(
      outcome, reason: json["reason"]?.string.map { RemoteText.short($0, 100) },
      message: json["message"]?.string)
  }
}
