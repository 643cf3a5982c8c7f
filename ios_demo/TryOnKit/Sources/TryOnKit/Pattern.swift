/// Whether a shell's pattern is all of a text: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`; case counts.
func matches(_ text: String, pattern: String) -> Bool {
    matches(Array(text.unicodeScalars)[...], Array(pattern.unicodeScalars)[...])
}

private typealias Scalars = ArraySlice<Unicode.Scalar>

private func matches(_ text: Scalars, _ pattern: Scalars) -> Bool {
    guard let sign = pattern.first else { return text.isEmpty }
    let rest = pattern.dropFirst()
    if sign == "*" {
        return (text.startIndex...text.endIndex).contains { matches(text[$0...], rest) }
    }
    guard let letter = text.first else { return false }
    if sign == "[", let (holds, after) = set(rest, holding: letter) {
        return holds && matches(text.dropFirst(), after)
    }
    return (sign == "?" || sign == letter) && matches(text.dropFirst(), rest)
}

/// Whether the set that begins here, after its bracket, holds the letter, and what comes after it; nil where it does not
/// end: then the bracket is a letter.
private func set(_ pattern: Scalars, holding letter: Unicode.Scalar) -> (Bool, Scalars)? {
    let isNegated = pattern.first == "!"
    let members = isNegated ? pattern.dropFirst() : pattern
    // A bracket that comes first is a member
    guard let end = members.dropFirst().firstIndex(of: "]") else { return nil }
    var place = members.startIndex
    var holds = false
    while place < end {
        if place + 2 < end, members[place + 1] == "-" {
            holds = holds || (members[place].value...max(members[place].value, members[place + 2].value)).contains(letter.value)
                && members[place].value <= members[place + 2].value
            place += 3
        } else {
            holds = holds || members[place] == letter
            place += 1
        }
    }
    return (holds != isNegated, pattern[(end + 1)...])
}
