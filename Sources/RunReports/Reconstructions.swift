public import Autodiff
import ImageData
public import Pretraining
import PretrainingMethods
import RecipeSchema
public import Reporting

/// What a method at its last checkpoint makes of some pictures, a row a picture.
public struct Reconstructions {
    /// The sheet: originals, what the encoder sees, what the method returns.
    public let sheet: ContactSheet
    /// Names of the columns.
    public let columns: [String]
    /// What to know before judging them.
    public let cautions: [String]

    /// Draws pictures with some bands as red, green and blue.
    public init(
        _ trained: TrainedMethod, _ pictures: ShownPictures, bands: [Int], engine: Engine
    ) throws {
        let images = pictures.images
        let shown = try trained.shown(images, views: pictures.views, engine: engine)
        let method = type(of: trained.recipe.method).name
        columns = ["original"] + shown.map(\.name)
        cautions = shown.compactMap(\.caution)
        var captions = ContactSheet.Captions(
            title: ["\(method) after step \(trained.step), a row a picture"], columns: columns)
        captions.title += cautions
        sheet = ContactSheet(images, shown, bands: bands, of: trained.recipe, captions: captions)
    }
}
