import Foundation
public import RecipeSchema

extension Exploration {
    /// The rows of `explore.jsonl` that are figures, each with its `kind`.
    public var rows: [JSONValue] {
        queryRows + duplicateRows + clusterRows + unusualRows + [spectrumRow] + pictureRows
    }

    private func key(_ row: Int) -> JSONValue { JSONValue(table.keys[row]) }

    private var queryRows: [JSONValue] {
        queries.map { query in
            .object([
                ("kind", JSONValue("neighbours")), ("query", key(query.row)),
                (
                    "neighbours",
                    JSONValue(
                        query.neighbours.map {
                            .object([("key", key($0.row)), ("similarity", JSONValue(figure: $0.similarity))])
                        })
                ),
            ])
        }
    }

    private var duplicateRows: [JSONValue] {
        let all: [(String, JSONValue)] = [
            ("kind", JSONValue("duplicates")), ("same_groups", JSONValue(duplicates.same.count)),
            ("same_pictures", JSONValue(duplicates.same.joined().count)),
            ("close_pairs", JSONValue(duplicates.close.count)), ("close_limit", JSONValue(figure: duplicates.limit)),
            ("closeness", JSONValue(figure: options.closeness)),
        ]
        let same = duplicates.same.map { group -> JSONValue in
            .object([("kind", JSONValue("same")), ("keys", JSONValue(group.map { key($0) }))])
        }
        let close = duplicates.close.map { pair -> JSONValue in
            .object([
                ("kind", JSONValue("close")), ("keys", JSONValue([key(pair.rows.0), key(pair.rows.1)])),
                ("distance", JSONValue(figure: pair.distance)),
            ])
        }
        return [.object(all)] + same + close
    }

    private var clusterRows: [JSONValue] {
        let tried = clustering.tried.map { tried -> JSONValue in
            .object([("clusters", JSONValue(tried.clusters)), ("silhouette", JSONValue(figure: tried.silhouette))])
        }
        let all: [(String, JSONValue)] = [
            ("kind", JSONValue("clusters")), ("clusters", JSONValue(clustering.clusters.count)),
            ("silhouette", JSONValue(figure: clustering.silhouette)),
            ("chosen_by", JSONValue(options.clusters == nil ? "largest simplified silhouette" : "given")),
            ("tried", JSONValue(tried)),
        ]
        let each = clustering.clusters.enumerated().map { number, cluster -> JSONValue in
            var members: [(String, JSONValue)] = [
                ("kind", JSONValue("cluster")), ("cluster", JSONValue(number)),
                ("pictures", JSONValue(cluster.rows.count)), ("medoid", key(cluster.rows[0])),
                ("radius", JSONValue(figure: cluster.radius)),
            ]
            if let labels = labels(of: cluster.rows) { members.append(("labels", labels)) }
            return .object(members)
        }
        return [.object(all)] + each
    }

    /// How many pictures of each class some rows have, the most frequent first; nil where there are no classes with names.
    private func labels(of rows: [Int]) -> JSONValue? {
        guard let labels = table.labels, let names = table.classNames else { return nil }
        var counts: [Int: Int] = [:]
        for row in rows { counts[labels[row], default: 0] += 1 }
        let sorted = counts.filter { names.indices.contains($0.key) }.sorted {
            (-$0.value, $0.key) < (-$1.value, $1.key)
        }
        return .object(sorted.map { (names[$0.key], JSONValue($0.value)) })
    }

    private var unusualRows: [JSONValue] {
        mostUnusual.prefix(options.shown).enumerated().map { rank, row in
            .object([("kind", JSONValue("unusual")), ("rank", JSONValue(rank + 1))] + figures(row))
        }
    }

    private func figures(_ row: Int) -> [(String, JSONValue)] {
        [
            ("key", key(row)), ("neighbour_distance", JSONValue(figure: unusual[row].neighbourDistance)),
            ("gaussian", JSONValue(figure: unusual[row].gaussian)),
        ]
    }

    private var spectrumRow: JSONValue {
        .object([
            ("kind", JSONValue("spectrum")), ("pictures", JSONValue(table.count)),
            ("dimension", JSONValue(table.dimension)), ("rankme", JSONValue(figure: spectrum.rankMe)),
            ("effective_rank_centred", JSONValue(figure: spectrum.centredEffectiveRank)),
            ("covariance_rank", JSONValue(figure: spectrum.covarianceRank)),
            ("participation_ratio", JSONValue(figure: spectrum.participationRatio)),
            ("stable_rank", JSONValue(figure: spectrum.stableRank)),
            ("mean_cosine", JSONValue(figure: spectrum.meanCosine)),
            ("relative_variance", JSONValue(figure: spectrum.relativeVariance)),
            ("explained", JSONValue(explained.map { JSONValue(figure: $0) })),
        ])
    }

    /// The share of the variance along each principal component, falling.
    public var explained: [Double] {
        let values = spectrum.covarianceEigenvalues
        let sum = values.reduce(0, +)
        return values.map { sum > 0 ? $0 / sum : 0 }
    }

    /// Principal components that hold a share of the variance together.
    public func components(for share: Double) -> Int {
        var sum = 0.0
        let place = explained.firstIndex {
            sum += $0
            return sum >= share
        }
        return (place ?? explained.count - 1) + 1
    }

    private var pictureRows: [JSONValue] {
        table.keys.indices.map { row in
            var members: [(String, JSONValue)] = [("kind", JSONValue("picture"))] + figures(row)
            members.append(("cluster", JSONValue(clustering.assignment[row])))
            if let labels = table.labels, let names = table.classNames, names.indices.contains(labels[row]) {
                members.append(("label", JSONValue(names[labels[row]])))
            }
            return .object(members)
        }
    }
}

extension JSONValue {
    /// A figure with six digits that count, which is what people and plots need; null for none, and for what is no number.
    package init(figure value: Double?) {
        guard let value, value.isFinite else {
            self = .null
            return
        }
        self.init(value.rounded(digits: 6))
    }
}

extension Double {
    /// The nearest number with so many digits that count.
    package func rounded(digits: Int) -> Double {
        guard isFinite, self != 0 else { return self }
        return Double(String(format: "%.\(digits - 1)e", self)) ?? self
    }
}
