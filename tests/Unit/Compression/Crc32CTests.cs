using Vae.Shared.Determinism;

namespace Vae.Tests.Unit.Compression;

public class Crc32CTests
{
    [Fact]
    public void The_checksum_is_the_one_of_the_standard()
    {
        Assert.Equal(0xE3069283, Crc32C.Of("123456789"u8));
        Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32])); // RFC 3720, appendix B.4.
        Assert.Equal(0u, Crc32C.Of([]));
    }
}
