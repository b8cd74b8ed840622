public import Autodiff
import Checkpoints
import EncoderFiles
import ImageMasking
import RecipeSchema
public import VisionTransformers

/// An encoder that is to leave for another program, and what that program must know of its images.
public struct EncoderExport: Sendable {
    /// The encoder.
    public var encoder: Encoder
    /// Its parameters; a decoder's may stand beside them.
    public var parameters: ParameterStore
    /// Mean of each channel that its images are normalised with; one number for all, or one a channel.
    public var mean: [Double]
    /// Deviation of each channel, like the mean.
    public var deviation: [Double]
    /// The stored numbers that become 0 and 1 before that; nil for the range of an integer's type, and numbers with a point as they
    /// are.
    public var valueRange: (low: Double, high: Double)?
    /// What else a file of weights says of the run, for this program: it would be lost otherwise.
    public var metadata: [String: String] = [:]
    /// The decoder of a masked autoencoder, for the one format that has a place for it.
    public var decoder: MAEDecoder?

    /// A masked autoencoder's decoder, whose parameters stand in `parameters` under the official names.
    public struct MAEDecoder: Sendable {
        /// Token width, blocks and heads.
        public var size: Decoder.Size
        /// Hidden width of its blocks.
        public var hidden: Int
        /// Share of patches that were hidden in training.
        public var maskRatio: Double
        /// Whether each target patch was normalised by itself.
        public var normalizesTarget: Bool

        /// A decoder.
        public init(size: Decoder.Size, hidden: Int, maskRatio: Double, normalizesTarget: Bool) {
            self.size = size
            self.hidden = hidden
            self.maskRatio = maskRatio
            self.normalizesTarget = normalizesTarget
        }
    }

    /// An encoder without a decoder.
    public init(_ encoder: Encoder, _ parameters: ParameterStore, mean: [Double], deviation: [Double]) {
        self.encoder = encoder
        self.parameters = parameters
        self.mean = mean
        self.deviation = deviation
    }

    /// The statistics with a number for each channel.
    var statistics: (mean: [Double], deviation: [Double]) {
        func each(_ values: [Double]) -> [Double] {
            values.count == 1 ? [Double](repeating: values[0], count: encoder.options.channels) : values
        }
        return (each(mean), each(deviation))
    }

    /// Height and width of its images, in pixels.
    var imageSize: (height: Int, width: Int) {
        (encoder.grid.rows * encoder.options.patchSize, encoder.grid.columns * encoder.options.patchSize)
    }

    /// The tensors under timm's names, by name.
    var tensors: [(name: String, value: Tensor)] { encoder.exported(from: parameters) }
}

/// A file of an export.
public struct ExportedFile: Sendable {
    /// Its name in the folder.
    public var name: String
    /// What is in it.
    public var bytes: [UInt8]

    /// A file of bytes.
    public init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// A JSON file.
    init(_ name: String, _ json: JSONValue) { self.init(name, Array((json.text(pretty: true) + "\n").utf8)) }

    /// A safetensors file, as PyTorch's programs want it.
    init(_ name: String, tensors: [(name: String, value: Tensor)], metadata: [String: String] = [:]) {
        var file = SafetensorsFile(metadata: metadata.merging(["format": "pt"]) { $1 })
        for (name, value) in tensors { file[name] = StoredTensor(value.array, shape: Array(value.shape)) }
        self.init(name, Safetensors.bytes(of: file))
    }
}

/// The programs that an encoder can be exported for.
public enum ExportFormat: String, Sendable, CaseIterable {
    /// timm's `VisionTransformer`.
    case timm
    /// Hugging Face's transformers: `ViTModel`, `IJepaModel`, `ViTMAEForPreTraining`.
    case huggingFace = "huggingface"
    /// ONNX, opset 17.
    case onnx

    /// The library that reads it, by the word of model cards.
    public var library: String {
        switch self {
        case .timm: "timm"
        case .huggingFace: "transformers"
        case .onnx: "onnx"
        }
    }

    /// Why the format has no place for an encoder, a sentence each; empty where it has.
    public func obstacles(_ export: EncoderExport) -> [String] {
        switch self {
        case .timm: TimmExport.obstacles(export)
        case .huggingFace: HuggingFaceExport.obstacles(export)
        case .onnx: ONNXExport.obstacles(export)
        }
    }

    /// The files for that program, but for the model card. There must be no obstacle.
    public func files(_ export: EncoderExport) -> [ExportedFile] {
        switch self {
        case .timm: TimmExport.files(export)
        case .huggingFace: HuggingFaceExport.files(export)
        case .onnx: ONNXExport.files(export)
        }
    }

    /// Python that loads what was exported to `folder` and makes features of `images`, as it was run.
    public func call(_ export: EncoderExport, folder: String) -> String {
        switch self {
        case .timm: TimmExport.call(export, folder: folder)
        case .huggingFace: HuggingFaceExport.call(export, folder: folder)
        case .onnx: ONNXExport.call(export, folder: folder)
        }
    }
}

/// A text as a Python string literal.
func python(_ text: String) -> String {
    JSONValue(text).text()
}
