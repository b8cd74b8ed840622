import Evaluation
import Foundation
import Pretraining
import Reporting

extension Atlas {
    /// The files of TensorBoard's embedding projector: features, what is known of each picture, small pictures, and the file that
    /// names them, which comes last.
    package func projectorFiles() throws -> [(name: String, bytes: [UInt8])] {
        let table = found.table
        var vectors = ""
        for row in 0..<table.count {
            let values = table.features[row * table.dimension..<(row + 1) * table.dimension]
            vectors += values.map { "\($0)" }.joined(separator: "\t") + "\n"
        }
        var metadata = "name\tcluster\tunusual" + (table.labels == nil ? "" : "\tlabel") + "\n"
        for row in 0..<table.count {
            var cells = [
                table.keys[row], "\(found.clustering.assignment[row])",
                threeFigures(found.unusual[row].neighbourDistance),
            ]
            if let labels = table.labels { cells.append(name(ofClass: labels[row])) }
            // Names are escaped where they hold tabs and ends of lines; those of classes may hold them.
            metadata +=
                cells.map { $0.replacing("\t", with: " ").replacing("\n", with: " ") }.joined(separator: "\t") + "\n"
        }
        let config = """
            embeddings {
              tensor_name: "features"
              tensor_path: "\(ProjectorFiles.vectors)"
              metadata_path: "\(ProjectorFiles.metadata)"
              sprite {
                image_path: "\(ProjectorFiles.sprite)"
                single_image_dim: \(sprite.width)
                single_image_dim: \(sprite.height)
              }
            }

            """
        return [
            (ProjectorFiles.vectors, Array(vectors.utf8)), (ProjectorFiles.metadata, Array(metadata.utf8)),
            (ProjectorFiles.sprite, try sprite.png()), (ProjectorFiles.config, Array(config.utf8)),
        ]
    }

    /// The name of a class, or its number where it has none.
    func name(ofClass label: Int) -> String {
        found.table.classNames.flatMap { $0.indices.contains(label) ? $0[label] : nil } ?? "\(label)"
    }
}
