import Foundation

/// What Python writes null where it does not know it: the key is always there.
@propertyWrapper
public struct OrNull<Value: Codable & Equatable>: Codable, Equatable {
    public var wrappedValue: Value?

    public init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    public init(from decoder: Decoder) throws {
        let container = try decoder.singleValueContainer()
        wrappedValue = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue {
            try container.encode(wrappedValue)
        } else {
            try container.encodeNil()
        }
    }
}

extension OrNull: Sendable where Value: Sendable {}

/// JSON as Python writes it: keys like `samples_ms`, times like 2026-11-25T12:00:00Z, no NaN.
func jsonDecoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.dateDecodingStrategy = .iso8601
    return decoder
}

func jsonEncoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return encoder
}

/// What is wrong with a JSON file, for people: the field and the fault.
func fault(_ error: DecodingError) -> String {
    let (context, what): (DecodingError.Context, String)
    switch error {
    case .keyNotFound(let key, let found): (context, what) = (found, "\(key.stringValue) is missing")
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
        (context, what) = (found, found.debugDescription)
    @unknown default: return "it is not understood"
    }
    let place = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    return String("\(place.isEmpty ? "the file" : place): \(what)".prefix(300))
}
