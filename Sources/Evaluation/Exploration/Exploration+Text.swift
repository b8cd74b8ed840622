import Foundation
import RecipeSchema

extension Exploration {
    /// What was found, for a terminal: a few lines a kind.
    public var text: String {
        ([spectrumText] + [neighbourText, duplicateText, clusterText, unusualText].map { $0.joined(separator: "\n") })
            .joined(separator: "\n\n")
    }

    private func name(_ row: Int) -> String { table.keys[row].shown(limit: 60) }

    private var spectrumText: String {
        let half = components(for: 0.5), most = components(for: 0.9), nearlyAll = components(for: 0.99)
        return """
            \(table.count) pictures, \(table.dimension) features each
            directions: RankMe \(threeFigures(spectrum.rankMe)), without the mean \(threeFigures(spectrum.centredEffectiveRank)); \
            half of the variance lies in \(half), 90 % in \(most), 99 % in \(nearlyAll); mean cosine \(threeFigures(spectrum.meanCosine))
            """
    }

    private var neighbourText: [String] {
        ["nearest neighbours (cosine of the features):"]
            + queries.map { query in
                let found = query.neighbours.prefix(4).map { "\(name($0.row)) \(threeFigures($0.similarity))" }
                return "  \(name(query.row)): \(found.joined(separator: ", "))"
            }
    }

    private var duplicateText: [String] {
        let same = duplicates.same.joined().count
        var lines = [
            same == 0
                ? "no picture is there twice, number by number"
                : "\(same) pictures in \(duplicates.same.count) groups are the same, number by number"
        ]
        lines += duplicates.same.prefix(options.shown).map { group in
            "  " + group.prefix(4).map { name($0) }.joined(separator: " = ")
                + (group.count > 4 ? " and \(group.count - 4) more" : "")
        }
        lines.append(
            "\(duplicates.close.count) pairs of others are close: no farther than \(threeFigures(duplicates.limit)), which is "
                + "\(threeFigures(options.closeness)) of the median distance to the tenth neighbour")
        lines += duplicates.close.prefix(options.shown).map {
            "  \(name($0.rows.0)) ~ \(name($0.rows.1)): \(threeFigures($0.distance))"
        }
        return lines
    }

    private var clusterText: [String] {
        let silhouette = clustering.silhouette.map { ", silhouette \(threeFigures($0))" } ?? ""
        let rule = options.clusters == nil ? "; the number has the largest silhouette of those tried" : ""
        return ["\(clustering.clusters.count) clusters\(silhouette)\(rule)"]
            + clustering.clusters.prefix(20).enumerated().map { number, cluster in
                "  \(number): \(cluster.rows.count) pictures around \(name(cluster.rows[0]))"
            }
    }

    private var unusualText: [String] {
        ["most unusual (distance to the tenth neighbour, and to one Gaussian of all):"]
            + mostUnusual.prefix(options.shown).map { row in
                let figures = unusual[row]
                let gaussian = figures.gaussian.map { ", \(threeFigures($0))" } ?? ""
                return "  \(name(row)): \(threeFigures(figures.neighbourDistance))\(gaussian)"
            }
    }
}
