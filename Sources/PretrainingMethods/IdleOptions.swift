public import Optimizers
public import VisionTransformers

/// A key path of a recipe, such as `"method.local_size"`, with the reason why what stands there changes nothing.
public typealias IdleOption = (path: String, reason: String)

/// What of a recipe decides whether options of a method have an effect, beside the options themselves.
public struct MethodSurroundings: Sendable {
    /// The encoder.
    public var encoder: EncoderOptions
    /// How the rate goes.
    public var schedule: any ScheduleOptions
    /// What changes the parameters.
    public var optimizer: any OptimizerOptions

    /// Surroundings.
    public init(encoder: EncoderOptions, schedule: any ScheduleOptions, optimizer: any OptimizerOptions) {
        self.encoder = encoder
        self.schedule = schedule
        self.optimizer = optimizer
    }
}

extension EncoderOptions {
    /// The order of axes of a table, where there is no such table.
    var idleOrder: [IdleOption] {
        position == .sincos ? [] : [("model.position_order", "model.position is \"\(position.rawValue)\"")]
    }
}
