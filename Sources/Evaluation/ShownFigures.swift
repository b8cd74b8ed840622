import Foundation

/// A share in per cent, to a tenth: `57.9`.
package func percent(_ share: Double) -> String { String(format: "%.1f", 100 * share) }

/// A number to three figures: `0.328`.
package func threeFigures(_ value: Double) -> String { String(format: "%.3g", value) }
