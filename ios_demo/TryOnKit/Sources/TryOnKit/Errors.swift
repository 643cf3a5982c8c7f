import Foundation

/// Something that a person can act on: what went wrong, where, what to do next.
public struct TryOnError: LocalizedError {
    public let message: String

    public init(_ message: String) {
        self.message = message
    }

    public var errorDescription: String? { message }
}

/// A bundle that is damaged, changed, or not a bundle.
public struct BundleRefusal: LocalizedError {
    public enum Kind: String, CaseIterable, Sendable {
        case noManifest = "no_manifest"
        case tooLarge = "too_large"
        case schema, invalid, digest, path
        /// Two paths that a disk without upper and lower case takes for one.
        case `case`
        case link, missing, unlisted, changed
        /// Of a zip: cut short, spoilt, or none.
        case damaged
        /// Of a zip: unpacking it could write where it must not, or more than there is room for.
        case unsafe
    }

    public let kind: Kind
    public let message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var errorDescription: String? { message }
}

/// What an error says, for a record.
func plain(_ error: Error) -> String {
    plain((error as? LocalizedError)?.errorDescription ?? String(describing: error))
}

/// Words as a record takes them: at most a thousand characters, none of them a control character.
func plain(_ text: String) -> String {
    let unprintable: Set<Unicode.GeneralCategory> = [
        .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator,
    ]
    let scalars = text.unicodeScalars.map { unprintable.contains($0.properties.generalCategory) ? " " : $0 }
    return String(String.UnicodeScalarView(scalars.prefix(1000)))
}
