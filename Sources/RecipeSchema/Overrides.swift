extension JSONValue {
    /// Replaces or adds the value at a dotted path, as `--set mask.ratio=0.6` does.
    ///
    /// The text after `=` is read as JSON where it is JSON, else taken as a string. Missing objects on the way are made; a
    /// path through something that is no object is a fault.
    public mutating func set(_ assignment: String) throws(Problem) {
        guard let equals = assignment.firstIndex(of: "=") else {
            throw Problem(
                line: JSONValue.overrideLine, path: "$.\(assignment)",
                message: "expected KEY=VALUE, such as mask.ratio=0.6")
        }
        let path = assignment[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let text = String(assignment[assignment.index(after: equals)...])
        // Objects are made one inside the other; nothing has so many.
        guard path.count <= 64 else {
            throw Problem(
                line: JSONValue.overrideLine, path: "$.\(assignment.shown(limit: 60))",
                message: "the key path has \(path.count) parts, more than any key of a recipe")
        }
        guard !path.contains("") else {
            throw Problem(
                line: JSONValue.overrideLine, path: "$.\(assignment)", message: "the key path has an empty part")
        }
        let value = (try? JSONParser.parse(text)) ?? JSONValue(text)
        try set(value.marked(), at: path[...], of: path)
    }

    /// Adds a value at a dotted path where nothing is there yet; a path through something that is no object is left alone.
    public mutating func setDefault(_ value: JSONValue, at path: String) {
        let names = path.split(separator: ".").map(String.init)
        var place = self
        for name in names {
            guard case .object = place.kind else { return }
            guard let inner = place[name] else {
                var value = value
                value.line = line
                // Every part before this one is an object, so setting cannot fail.
                try? set(value, at: names[...], of: names)
                return
            }
            place = inner
        }
    }

    private mutating func set(_ value: JSONValue, at rest: ArraySlice<String>, of path: [String]) throws(Problem) {
        guard let name = rest.first else {
            self = value
            return
        }
        guard case .object(var members) = kind else {
            let place = path.prefix(path.count - rest.count).joined(separator: ".")
            throw Problem(
                line: JSONValue.overrideLine, path: "$.\(path.joined(separator: "."))",
                message: "\(place) is \(summary), not an object")
        }
        let line = JSONValue.overrideLine
        if let i = members.firstIndex(where: { $0.name == name }) {
            try members[i].value.set(value, at: rest.dropFirst(), of: path)
            if rest.count == 1 { members[i].line = line }
        } else {
            var made = JSONValue(.object([]), line: line)
            try made.set(value, at: rest.dropFirst(), of: path)
            members.append(Member(name: name, value: made, line: line))
        }
        kind = .object(members)
    }

    /// The value with every line set to that of the command line.
    private func marked() -> JSONValue {
        let line = JSONValue.overrideLine
        switch kind {
        case .array(let values): return JSONValue(.array(values.map { $0.marked() }), line: line)
        case .object(let members):
            return JSONValue(
                .object(members.map { Member(name: $0.name, value: $0.value.marked(), line: line) }), line: line)
        default: return JSONValue(kind, line: line)
        }
    }
}
