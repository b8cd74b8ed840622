import Autodiff
import Checkpoints
import EncoderFiles
import ImageMasking
import PretrainingMethods
import RandomStreams
import TestSupport
import VisionTransformers

/// A frozen encoder small enough for tests, as a file under timm's names.
struct TinyTeacher {
    var depth = 2
    var registers = 0
    var classToken = true
    var grid = PatchGrid(rows: 3, columns: 4)

    /// Its tensors: 12 channels, patches of 2 x 2, two heads, random.
    var file: SafetensorsFile {
        var options = EncoderOptions()
        options.patchSize = 2
        options.width = 12
        options.depth = depth
        options.heads = 2
        options.classToken = classToken
        options.position = .learned
        var traits = EncoderTraits()
        traits.registers = registers
        var store = ParameterStore()
        let encoder = Encoder(options, grid: grid, traits: traits, adding: &store, random: RandomStream(seed: 12))
        var file = SafetensorsFile()
        for (name, value) in encoder.exported(from: store) {
            file[name] = StoredTensor(value.array, shape: Array(value.shape))
        }
        return file
    }

    /// Options that name the file, written to a folder.
    func options(in home: TemporaryFolder) throws -> TeacherOptions {
        let path = home.path + "/teacher.safetensors"
        try Safetensors.write(file, to: path)
        var options = TeacherOptions()
        options.path = path
        options.heads = 2
        return options
    }
}
