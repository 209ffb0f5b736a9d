using Vae.Worker.Collectives;

namespace Vae.Tests.Unit.Collectives;

public class RingAllReduceTests : AllReduceConformance
{
    protected override LocalRing Ring(int worldSize, RingOptions? options = null, int generation = 1) => new(worldSize, options, generation);

    [Fact]
    public void Tiny_pieces_and_tiny_kernel_buffers_change_no_bit()
    {
        var inputs = Enumerable.Range(0, 4).Select(rank => Input(rank, 50_001)).ToArray();
        var wide = inputs.Select(input => input.ToArray()).ToArray();
        var narrow = inputs.Select(input => input.ToArray()).ToArray();
        using var usual = Ring(4);
        using var strained = Ring(4, new() { PieceBytes = 4096, SocketBufferBytes = 2048 });

        Assert.All(usual.OnAll(rank => rank.AllReduce(wide[rank.Rank], 0, 0)), Assert.Null);
        Assert.All(strained.OnAll(rank => rank.AllReduce(narrow[rank.Rank], 0, 0)), Assert.Null);

        Assert.True(SameBits(wide[0], narrow[3]));
    }
}
