// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import StressMachine

struct FlightRecorderTests {
  /// /proc/pressure of 6.12; Documentation/accounting/psi.rst.
  @Test func fullIsReadInMicroseconds() {
    let text = """
      some avg10=0.12 avg60=0.05 avg300=0.01 total=123456
      full avg10=0.10 avg60=0.04 avg300=0.00 total=65432

      """
    #expect(FlightRecorder.full(text) == 65432)
    // cpu.pressure of kernels before 5.13 has no such line.
    #expect(FlightRecorder.full("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n") == nil)
    #expect(
      FlightRecorder.full("full avg10=0.00 total=x\n") == nil && FlightRecorder.full("") == nil)
  }
}
