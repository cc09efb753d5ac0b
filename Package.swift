// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let warnings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
]
let cWarnings: [CSetting] = [.treatAllWarnings(as: .error), .enableWarning("all")]

let stressKit = [
  "StressCore", "StressRecord", "StressMachine", "StressAnalysis", "StressReport", "StressLab",
]
let kit = stressKit.map { Target.Dependency(stringLiteral: $0) }

let package = Package(
  name: "wbstress",
  products: [
    .executable(name: "wbstress", targets: ["wbstress"]),
    .executable(name: "wbstress-guest", targets: ["wbstress-guest"]),
    .library(name: "StressKit", targets: stressKit),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
  ],
  targets: [
    // liburing stays behind an opaque handle: its header redefines feature macros and clashes with
    // the copy of io_uring.h that swift-system brings.
    .target(
      name: "CUring", cSettings: cWarnings,
      linkerSettings: [.linkedLibrary("uring")]),
    .target(
      name: "CCgroup", cSettings: cWarnings, linkerSettings: [.linkedLibrary("cgroup")]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(
      name: "CTraceEvent", pkgConfig: "libtraceevent", providers: [.apt(["libtraceevent-dev"])]),
    .target(name: "CLinux", cSettings: cWarnings),
    // What each folder of StressKit may use is what its target depends on: Machine and Analysis do not know each other.
    .target(
      name: "StressCore",
      dependencies: [
        "CLinux", "CYAML", .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Sources/StressKit/Core",
      // A link to profiles/: the binary alone knows them.
      resources: [.embedInCode("Profile/Shipped")],
      swiftSettings: warnings),
    .target(
      name: "StressRecord",
      dependencies: [
        "StressCore", "CLinux", .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Sources/StressKit/Record", swiftSettings: warnings),
    .target(
      name: "StressMachine",
      dependencies: [
        "StressCore", "StressRecord", "CUring", "CCgroup", "CTraceEvent", "CLinux",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Sources/StressKit/Machine", swiftSettings: warnings),
    .target(
      name: "StressAnalysis", dependencies: ["StressCore", "StressRecord"],
      path: "Sources/StressKit/Analysis", swiftSettings: warnings),
    .target(
      name: "StressReport", dependencies: ["StressCore", "StressRecord", "StressAnalysis"],
      path: "Sources/StressKit/Report",
      // What people write and read as files of its own kind.
      resources: [
        .embedInCode("Glossary/Words"), .embedInCode("Manual/wbstress.1"),
        .embedInCode("Page/page.js"), .embedInCode("Page/page.css"),
        .embedInCode("Page/light.css"), .embedInCode("Page/dark.css"),
        .embedInCode("Page/chart.css"), .embedInCode("Reproducer/ring.c"),
      ],
      swiftSettings: warnings),
    .target(
      name: "StressLab",
      dependencies: [
        "StressCore", "StressRecord", "StressMachine", "StressAnalysis", "StressReport", "CLinux",
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Sources/StressKit/Lab",
      resources: [.embedInCode("Kernel/Build/guest.config")],
      swiftSettings: warnings),
    .executableTarget(
      name: "wbstress",
      dependencies: kit + [
        "CLinux", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: warnings),
    // What a guest boots; everything in it is memory that the guest cannot reclaim.
    .executableTarget(
      name: "wbstress-guest", dependencies: ["StressMachine"], swiftSettings: warnings),
    // Part of the package, since what is measured is not public; not part of the product.
    .executableTarget(
      name: "wbstress-bench", dependencies: kit + ["CLinux"], path: "Benchmarks",
      swiftSettings: warnings),
    // What tests start several of.
    .executableTarget(
      name: "claim-worker", dependencies: kit + ["CLinux"], path: "Tests/ClaimWorker",
      swiftSettings: warnings),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount", cSettings: cWarnings),
    .testTarget(
      name: "StressKitTests",
      dependencies: kit + ["CLinux", "CTraceEvent", "CAllocationCount", "claim-worker"],
      resources: [.copy("Fixtures")],
      swiftSettings: warnings),
    .testTarget(
      name: "GuestTests",
      dependencies: kit + ["CLinux"],
      swiftSettings: warnings),
  ],
  swiftLanguageModes: [.v6]
)

// The fuzzers (ci/fuzz) need libFuzzer's own flags for the whole build, which no other build has. There they are a
// library that nobody links, so that what does not compile fails in every build.
let fuzzed = Array(kit.dropLast())  // all but the lab
let fuzz = Context.environment["WBSTRESS_FUZZ"] != nil
package.targets.append(
  fuzz
    // libFuzzer brings main.
    ? .executableTarget(
      name: "wbstress-fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["seeds"],
      swiftSettings: warnings + [.unsafeFlags(["-parse-as-library"])])
    : .target(
      name: "wbstress-fuzz", dependencies: fuzzed, path: "Tests/Fuzz", exclude: ["seeds"],
      swiftSettings: warnings))
