import Autodiff

let rowCases: [GradientCase] = gatherCases + restoreCases + joinCases

private let gatherCases: [GradientCase] =
    [
        ([2, 5, 3], [[4, 0, 2], [1, 1, 3]]), ([1, 1, 1], [[0]]), ([3, 2, 33], [[1], [0], [1]]),
        ([2, 3, 4], [[], []]),
    ].map { (shape: [Int], rows: [[Int32]]) in
        GradientCase(.gatherRows, "\(rows) of \(shape)", [.init(shape)]) { tape, v in
            tape.gatherRows(v[0], RowIndices(rows))
        } twin: { x in
            Twin.gather(x[0], rows)
        }
    }
    + [([5, 3], [[4, 0, 2], [1, 1, 3]]), ([2, 70], [[1], [0], [1]]), ([3, 4], [[], []])].map {
        (shape: [Int], rows: [[Int32]]) in
        GradientCase(.gatherSharedRows, "\(rows) of a table \(shape)", [.init(shape)]) { tape, v in
            tape.gatherRows(v[0], RowIndices(rows))
        } twin: { x in
            Twin.gather(x[0], rows)
        }
    }

private let restoreCases: [GradientCase] =
    [
        (1, [[3, 0, 1, 4, 2], [0, 1, 2, 3, 4]], 2), (0, [[1, 0, 2]], 1), (2, [[0, 1], [1, 0]], 2), (1, [[0, 1, 2]], 0),
    ].flatMap { (prefix: Int, restore: [[Int32]], kept: Int) -> [GradientCase] in
        let (batch, total, columns) = (restore.count, restore[0].count, 5)
        let inputs: [GradientCase.Input] = [.init([batch, prefix + kept, columns]), .init([columns])]
        let name = "prefix \(prefix), \(kept) kept of \(restore)"
        return [
            GradientCase(.restoreRows, name, inputs) { tape, v in
                tape.restoreRows(v[0], fill: v[1], restore: RowIndices(restore), prefix: prefix)
            } twin: { x in
                Twin.restore(x[0], x[1], restore, prefix: prefix, position: nil)
            },
            GradientCase(.restoreRows, "\(name), position", inputs + [.init([prefix + total, columns])]) { tape, v in
                tape.restoreRows(v[0], fill: v[1], restore: RowIndices(restore), prefix: prefix, position: v[2])
            } twin: { x in
                Twin.restore(x[0], x[1], restore, prefix: prefix, position: x[2])
            },
        ]
    }

private let joinCases: [GradientCase] =
    [([2, 3, 4], [4]), ([2, 3, 4], [2, 4]), ([1, 0, 3], [3]), ([40, 1, 1], [1])].map {
        (shape: [Int], rows: [Int]) in
        GradientCase(.prependRows, "\(rows) before \(shape)", [.init(shape), .init(rows)]) { tape, v in
            tape.prependRows(v[0], rows: v[1])
        } twin: { x in
            let front = rows.count == 1 ? 1 : rows[0]
            let token = Doubles([shape[0], front, shape[2]]) { x[1].values[$0[1] * shape[2] + $0[2]] }
            return Twin.concat([token, x[0]])
        }
    }
    + [[[2, 3, 4], [2, 1, 4]], [[1, 2, 3]], [[2, 1, 9], [2, 0, 9], [2, 4, 9]]].map { (shapes: [[Int]]) in
        GradientCase(.concatRows, "\(shapes)", shapes.map { .init($0) }) { tape, v in
            tape.concatRows(v)
        } twin: { x in
            Twin.concat(x)
        }
    }
    + [([2, 5, 3], 1..<4), ([2, 5, 3], 0..<5), ([2, 5, 3], 2..<2), ([3, 1, 9], 0..<1)].map {
        (shape: [Int], range: Range<Int>) in
        GradientCase(.sliceRows, "\(range) of \(shape)", [.init(shape)]) { tape, v in
            tape.sliceRows(v[0], range)
        } twin: { x in
            Doubles([shape[0], range.count, shape[2]]) { x[0][[$0[0], $0[1] + range.lowerBound, $0[2]]] }
        }
    }

let patchCases: [GradientCase] = [PatchOrder.channelsFirst, .channelsLast].flatMap { order -> [GradientCase] in
    let last = order == .channelsLast
    let indices: [[Int32]] = [[3, 0, 3], [5, 2, 1]]
    return [
        GradientCase(.patchify, "\(order)", [.init([2, 3, 4, 6])]) { tape, v in
            tape.patchify(v[0], patch: PatchSize(rows: 2, columns: 3), order: order)
        } twin: { x in
            Twin.patchify(x[0], rows: 2, columns: 3, channelsLast: last)
        },
        GradientCase(.patchify, "\(order), some", [.init([2, 3, 4, 6])]) { tape, v in
            tape.patchify(v[0], patch: PatchSize(2), order: order, of: RowIndices(indices))
        } twin: { x in
            Twin.patchify(x[0], rows: 2, columns: 2, channelsLast: last, of: indices)
        },
        GradientCase(.patchify, "\(order), none", [.init([2, 1, 4, 6])]) { tape, v in
            tape.patchify(v[0], patch: PatchSize(2), order: order, of: RowIndices([[], []]))
        } twin: { _ in
            Doubles([2, 0, 4], [])
        },
        GradientCase(.patchify, "\(order), single pixels", [.init([1, 2, 3, 1])]) { tape, v in
            tape.patchify(v[0], patch: PatchSize(1), order: order)
        } twin: { x in
            Twin.patchify(x[0], rows: 1, columns: 1, channelsLast: last)
        },
        GradientCase(.unpatchify, "\(order)", [.init([2, 4, 18])]) { tape, v in
            tape.unpatchify(
                v[0], patch: PatchSize(rows: 2, columns: 3), order: order, channels: 3, height: 4, width: 6)
        } twin: { x in
            // Where patchify puts each number of a numbered picture, unpatchify takes it from.
            let numbered = Doubles([2, 3, 4, 6], (0..<144).map(Double.init))
            let places = Twin.patchify(numbered, rows: 2, columns: 3, channelsLast: last)
            var picture = numbered
            for (place, value) in zip(places.values, x[0].values) { picture.values[Int(place)] = value }
            return picture
        },
    ]
}
