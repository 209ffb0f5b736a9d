using Vae.Models.Networks;
using Vae.Torch;

namespace Vae.Tests.Training.Vq;

public sealed class CodePriorTests : TorchTest
{
    private const int Codes = 3, Size = 4;

    [Theory, InlineData(1), InlineData(2), InlineData(5), InlineData(8)]
    public void Later_codes_do_not_change_earlier_logits_and_every_earlier_code_changes_later_ones(int positions)
    {
        using var scope = torch.NewDisposeScope();
        using var prior = New(positions);
        var vectors = torch.randn([1, 2, positions, Size]);
        var before = prior.Logits(vectors).detach().ToArray<float>();

        for (var changed = 0; changed < positions; changed++)
        {
            var other = vectors.clone();
            other.narrow(2, changed, 1).normal_();
            var after = prior.Logits(other).detach().ToArray<float>();
            for (var row = 0; row < 2; row++)
            {
                for (var position = 0; position < positions; position++)
                {
                    var own = ((row * positions) + position) * Codes;
                    Assert.Equal(position <= changed, before.AsSpan(own, Codes).SequenceEqual(after.AsSpan(own, Codes)));
                }
            }
        }
    }

    [Fact]
    public void Probabilities_of_all_sequences_add_up_to_one()
    {
        using var scope = torch.NewDisposeScope();
        using var prior = New(3);
        var codebook = torch.randn([Codes, Size]);
        var all = Enumerable.Range(0, Codes * Codes * Codes).SelectMany(i => (long[])[i / 9, i / 3 % 3, i % 3]).ToArray();
        var vectors = codebook.index_select(0, torch.tensor(all)).view(1, 27, 3, Size);

        var log = prior.Logits(vectors).log_softmax(3).gather(3, torch.tensor(all, [1, 27, 3, 1])).squeeze(3).sum(2);

        Assert.Equal(1, log.exp().sum().item(), 1e-5);
        Assert.True(log.detach().amax(1).item() - log.detach().amin(1).item() > 1e-3); // Not merely all alike.
    }

    [Theory, InlineData(1), InlineData(6), InlineData(9)]
    public void Walk_through_the_positions_computes_what_the_whole_sequence_gives_at_once(int positions)
    {
        using var scope = torch.NewDisposeScope();
        using var mode = torch.no_grad();
        using var prior = New(positions);
        var vectors = torch.randn([1, 5, positions, Size]);
        var want = prior.Logits(vectors);
        var walk = prior.Begin(5);

        for (var position = 0; position < positions; position++)
        {
            var have = walk.Next(position == 0 ? null : vectors.select(2, position - 1));
            Assert.Equal(want.select(2, position).ToArray<float>(), have.ToArray<float>(), (one, other) => Math.Abs(one - other) < 1e-5);
        }
    }

    [Fact]
    public void Layers_reach_back_to_the_first_position()
    {
        Assert.Equal([0, 1, 2, 2, 3, 3, 6, 12], ((int[])[1, 2, 3, 4, 5, 8, 49, 4096]).Select(CodePrior.LayersFor));
    }

    private static CodePrior New(int positions)
    {
        using var generator = new torch.Generator(3);
        var prior = new CodePrior(Codes, Size, positions, 6, 1, [generator]);
        foreach (var parameter in prior.parameters()) parameter.detach().normal_(0, 0.5); // Far from nothing, so that what is seen shows.
        return prior;
    }
}
