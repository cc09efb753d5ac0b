// swift-tools-version: 6.2
import PackageDescription

let warnings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
]
let cWarnings: [CSetting] = [.treatAllWarnings(as: .error), .enableWarning("all")]

let package = Package(
  name: "wbstress",
  products: [.executable(name: "wbstress", targets: ["wbstress"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
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
    .target(
      name: "StressKit",
      dependencies: [
        "CUring", "CCgroup", "CYAML", "CTraceEvent", "CLinux",
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      // A link to profiles/: the binary alone knows them.
      resources: [.embedInCode("Profile/Shipped")],
      swiftSettings: warnings),
    .executableTarget(
      name: "wbstress",
      dependencies: [
        "StressKit", "CLinux",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: warnings),
    // Part of the package, since what is measured is not public; not part of the product.
    .executableTarget(
      name: "wbstress-bench", dependencies: ["StressKit", "CLinux"], path: "Benchmarks",
      swiftSettings: warnings),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount", cSettings: cWarnings),
    .testTarget(
      name: "StressKitTests",
      dependencies: ["StressKit", "CLinux", "CTraceEvent", "CAllocationCount"],
      resources: [.copy("Fixtures")],
      swiftSettings: warnings),
    .testTarget(
      name: "GuestTests",
      dependencies: ["StressKit", "CLinux"],
      swiftSettings: warnings),
  ],
  swiftLanguageModes: [.v6]
)

// The fuzzers (ci/fuzz) need libFuzzer's own flags for the whole build, and no other build has them.
if Context.environment["WBSTRESS_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "wbstress-fuzz", dependencies: ["StressKit"], path: "Tests/Fuzz", exclude: ["seeds"],
      // libFuzzer brings main.
      swiftSettings: warnings + [.unsafeFlags(["-parse-as-library"])]))
}
