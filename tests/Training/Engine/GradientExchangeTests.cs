using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Engine;

/// <summary>What the exchange keeps between steps, and how often it asks for a sum.</summary>
public sealed class GradientExchangeTests : TorchTest
{
    private const int Width = 200; // 160 KB of weights: small buffers travel as they are.
    private const float Gradient = 1 + (1f / 1024); // bfloat16 has nothing between 1 and 1 + 1/128.

    [Fact]
    public void What_rounding_cuts_off_a_gradient_travels_in_later_steps()
    {
        const int steps = 64;
        var received = Train(replicas: 1, steps, static (_, _) => { });

        Assert.Contains(received, sum => sum[0] == 2);
        Assert.Equal(2 * Gradient, received.Average(sum => sum[0]), 2.0 / 128 / steps);
    }

    [Fact]
    public void Next_trial_of_a_slot_begins_without_remainders_and_the_others_keep_theirs()
    {
        const int steps = 7; // An odd number, so that remainders are left.
        var received = Train(replicas: 2, 2 * steps, static (exchange, step) =>
        {
            if (step == steps) exchange.ResetSlot(0);
        });

        Assert.Equal(received[..steps].Select(sum => sum[0]), received[steps..].Select(sum => sum[0]));
        Assert.NotEqual(received[..steps].Select(sum => sum[1]), received[steps..].Select(sum => sum[1]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void A_step_of_a_pack_is_one_sum_for_all_its_trials(int replicas)
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(8, 8, replicas: replicas);
        using var flat = new FlatParameters(layer, statistics: 3);
        using var allReduce = new CountingAllReduce();
        using var exchange = new GradientExchange(flat, allReduce);

        for (var step = 0; step < 3; step++)
        {
            exchange.Begin(step);
            exchange.Complete();
        }

        Assert.Equal(Enumerable.Repeat((int)flat.Count + 3, 3), allReduce.Lengths);
    }

    // Each rank's gradients are all the same number; what comes back is looked at by its first weight, replica by replica.
    private static float[][] Train(int replicas, int steps, Action<GradientExchange, int> before)
    {
        var received = new float[2][][];
        RingThreads.Run(2, allReduce =>
        {
            using var scope = NewDisposeScope();
            using var layer = nn.Linear(Width, Width, replicas: replicas);
            using var flat = new FlatParameters(layer, statistics: 1);
            using var exchange = new GradientExchange(flat, allReduce, compression: GradientCompression.Bfloat16);
            var mine = received[allReduce.Rank] = new float[steps][];
            for (var step = 0; step < steps; step++)
            {
                before(exchange, step);
                flat.GradientSpan.Fill(Gradient);
                exchange.Begin(step);
                exchange.Complete();
                mine[step] = new float[replicas];
                for (var replica = 0; replica < replicas; replica++) mine[step][replica] = flat.GradientSpan[(int)(flat.Segments[0].Offset + (replica * flat.Segments[0].ReplicaLength))];
            }
        });
        Assert.Equal(received[0], received[1]);
        return received[0];
    }

    private sealed class CountingAllReduce : IAllReduce
    {
        public List<int> Lengths { get; } = [];

        public int Rank => 0;

        public int WorldSize => 2;

        public string Engine => "counting";

        public AllReduceStatistics Statistics => default;

        public void AllReduce(Span<float> buffer, long step, int bucket) => Lengths.Add(buffer.Length);

        public void Abort(string reason)
        {
        }

        public void Dispose()
        {
        }
    }
}
