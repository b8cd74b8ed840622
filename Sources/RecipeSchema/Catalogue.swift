import Synchronization

/// The types that a recipe can name in one place: strategies, methods, sources, probes. Their own file is a list of them.
///
/// A program may add types of its own before it reads the first recipe; recipes, guesses, help, schema and reference then know
/// them. May be used by several threads at once.
public final class Catalogue<Kind: Sendable>: RandomAccessCollection, Sendable {
    /// What an entry is called, such as `mask strategy`.
    public let noun: String
    private let entries: Mutex<[Kind]>
    private let section: @Sendable (Kind) -> any NamedSection.Type

    /// A catalogue of types; `section` is `{ $0 }`, which the compiler cannot say of a kind of types by itself.
    public init(_ noun: String, _ entries: [Kind], section: @escaping @Sendable (Kind) -> any NamedSection.Type) {
        self.noun = noun
        self.section = section
        self.entries = Mutex(entries)
        let names = entries.map { section($0).name }
        precondition(Set(names).count == names.count, "two types of one name are in the catalogue of the \(noun)")
    }

    /// Adds a type of a program's own, so that recipes and files may name it.
    ///
    /// The same type may be added again. Another type of a name that is taken is refused, because files would then mean
    /// something else than what wrote them.
    public func register(_ kind: Kind) throws(CatalogueError) {
        let new = section(kind)
        let taken = entries.withLock { entries -> Bool in
            guard let old = entries.first(where: { section($0).name == new.name }) else {
                entries.append(kind)
                return false
            }
            return section(old) != new
        }
        if taken { throw CatalogueError(noun: noun, name: new.name) }
    }

    /// All entries, in the order of lists.
    public var all: [Kind] { entries.withLock { $0 } }

    /// The entries as sections.
    public var sections: [any NamedSection.Type] { all.map(section) }

    /// The names of the entries.
    public var names: [String] { sections.map { $0.name } }

    /// The entry of a name.
    public func named(_ name: String) -> Kind? { all.first { section($0).name == name } }

    /// What is said of a name that no entry has: what is allowed, and what was probably meant.
    public func missing(_ name: String) -> String { notAmong(sections, found: name) }

    /// The first place.
    public var startIndex: Int { 0 }
    /// The place behind the last entry; entries are only ever added.
    public var endIndex: Int { entries.withLock { $0.count } }
    /// The entry at a place.
    public subscript(position: Int) -> Kind { entries.withLock { $0[position] } }
}

/// A type cannot be added to a catalogue.
public struct CatalogueError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What an entry of the catalogue is called.
    public var noun: String
    /// The name that is taken.
    public var name: String

    /// The reason in one sentence.
    public var description: String {
        "another \(noun) has the name \"\(name)\" already; give yours another name, because recipes and files say it"
    }
}
