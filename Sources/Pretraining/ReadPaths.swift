public import RecipeSchema

extension JSONValue {
    /// The paths of files and folders that a recipe, or a section of one, names, at any depth.
    public var pathsRead: [String] {
        if let values = array { return values.flatMap(\.pathsRead) }
        return (members ?? []).flatMap { member -> [String] in
            if ["path", "label_file", "labels", "maps"].contains(member.name), let path = member.value.string {
                return [path]
            }
            return member.value.pathsRead
        }
    }
}
