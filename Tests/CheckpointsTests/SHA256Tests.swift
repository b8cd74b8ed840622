import ContentDigests
import Testing

/// The vectors of FIPS 180-4's examples and of NIST's short and long message tests.
@Suite struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func standardMessagesHaveTheirDigests(_ message: String, _ digest: String) {
        #expect(SHA256.hexadecimal(of: [UInt8](message.utf8)) == digest)
    }

    @Test func aMillionLettersHaveTheirDigest() {
        var digest = SHA256()
        for _ in 0..<1000 { digest.update([UInt8](repeating: UInt8(ascii: "a"), count: 1000)) }
        #expect(digest.hexadecimal() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func piecesOfAnySizeGiveTheDigestOfTheWhole() {
        let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = SHA256.hexadecimal(of: message)
        for piece in [1, 3, 55, 56, 63, 64, 65, 127, 128, 129] {
            var digest = SHA256()
            for start in stride(from: 0, to: message.count, by: piece) {
                digest.update([UInt8](message[start..<min(start + piece, message.count)]))
            }
            #expect(digest.hexadecimal() == whole)
        }
    }

    @Test func askingForADigestDoesNotChangeIt() {
        var digest = SHA256()
        digest.update([UInt8]("ab".utf8))
        _ = digest.hexadecimal()
        digest.update([UInt8]("c".utf8))
        #expect(digest.hexadecimal() == SHA256.hexadecimal(of: [UInt8]("abc".utf8)))
    }
}
