import Foundation
import Testing

@testable import TryOnKit

@Test(arguments: Vectors.cases.replays)
func replays(_ of: Cases.ReplayCase) throws {
    let reference = try Vectors.arrays.floats("replay.\(of.name).reference")
    let candidate = try Vectors.arrays.floats("replay.\(of.name).candidate")
    func compared() throws -> ParityFigure {
        try ParityFigure(
            output: "tryon", kind: of.kind, reference: reference, candidate: candidate, boundDb: of.boundDb
        )
    }
    if !of.passes && of.psnrDb == nil {
        #expect(throws: TryOnError.self, "nothing can be compared") { try compared() }
        return
    }
    let figure = try compared()
    #expect(figure.holds == of.passes)
    #expect((figure.psnrDb == nil) == (of.psnrDb == nil))
    if let expected = of.psnrDb, let found = figure.psnrDb {
        #expect(abs(found - expected) <= 1e-6)
    }
}
