using Vae.Torch;
using static Vae.Torch.torch;

namespace Vae.Tests.Training.Torch;

public sealed class FlatStateTests : TorchTest
{
    [Fact]
    public void State_lies_behind_the_parameters_and_no_update_touches_it()
    {
        using var scope = NewDisposeScope();
        using var module = new Averaged();
        using var flat = new FlatParameters(module, statistics: 2);
        using var adam = optim.Adam(flat);

        flat.Gradients.fill_(1);
        adam.step();

        Assert.Equal((6, 4), (flat.Count, flat.StateCount));
        Assert.Equal(10, flat.Parameters.numel());
        Assert.Equal([7, 8, 9, 10], flat.Parameters.narrow(0, 6, 4).ToArray<float>());
        Assert.Equal([7, 8, 9, 10], module.Average.ToArray<float>());
        Assert.DoesNotContain(1f, module.Weight.ToArray<float>());
        Assert.Equal(6, adam.state[0].buffer.numel());

        flat.Parameters.narrow(0, 6, 4).fill_(3);

        Assert.Equal([3, 3, 3, 3], module.Average.ToArray<float>());
        Assert.Equal(("average", 6L, 2L), (flat.StateSegments[0].Name, flat.StateSegments[0].Offset, flat.StateSegments[0].ReplicaLength));
        Assert.Contains(module.state_dict(), entry => entry.name == "average");
    }

    [Fact]
    public void Auxiliary_parameters_are_updated_by_their_own_numbers()
    {
        using var scope = NewDisposeScope();
        using var both = nn.Sequential(nn.Linear(3, 2, replicas: 2), nn.Linear(2, 2, replicas: 2));
        using var flat = new FlatParameters(both);
        using var adam = optim.Adam(flat, lr: 1e-3, auxiliary: 2);
        using var model = nn.Sequential(nn.Linear(3, 2, replicas: 2));
        using var other = nn.Sequential(nn.Linear(2, 2, replicas: 2));
        using var first = new FlatParameters(model);
        using var second = new FlatParameters(other);
        using var own = optim.Adam(first, lr: 1e-3);
        using var otherOwn = optim.Adam(second, lr: 1e-2, beta1: 0.5, beta2: 0.9);
        first.Parameters.copy_(flat.Parameters.narrow(0, 0, first.Count));
        second.Parameters.copy_(flat.Parameters.narrow(0, first.Count, second.Count));
        for (var replica = 0; replica < 2; replica++)
        {
            adam.SetLearningRate(replica, 1e-2, group: 1);
            adam.SetBetas(replica, 0.5, 0.9, group: 1);
        }

        for (var step = 0; step < 5; step++)
        {
            flat.Gradients.copy_(randn([flat.Count]));
            first.Gradients.copy_(flat.Gradients.narrow(0, 0, first.Count));
            second.Gradients.copy_(flat.Gradients.narrow(0, first.Count, second.Count));
            foreach (var optimizer in (Optimizer[])[adam, own, otherOwn]) optimizer.step();
        }

        Assert.True(TorchSupport.SameBits(first.Parameters, flat.Parameters.narrow(0, 0, first.Count)));
        Assert.True(TorchSupport.SameBits(second.Parameters, flat.Parameters.narrow(0, first.Count, second.Count)));
        Assert.Equal([5, 5], adam.Steps);
    }

    [Fact]
    public void Layers_compute_other_rows_while_step_rows_are_open_and_their_own_afterwards()
    {
        using var scope = NewDisposeScope();
        using var layers = nn.Sequential(nn.Linear(3, 2, replicas: 2), nn.ReLU());
        using var flat = new FlatParameters(layers);
        var stack = new DenseStack(layers);
        var x = ones([2, 6, 3]);
        using var step = nn.training_step(tensor([1, 2], [2]).to(int32));

        Tensor more;
        using (nn.step_rows(tensor([3, 6], [2]).to(int32))) more = stack.forward(x);
        var all = AllRows(stack, x);
        var own = stack.forward(x);

        Assert.Equal((3, 6), (Used(more, 0), Used(more, 1)));
        Assert.Equal((6, 6), (Used(all, 0), Used(all, 1)));
        Assert.Equal((1, 2), (Used(own, 0), Used(own, 1)));
    }

    private static Tensor AllRows(DenseStack stack, Tensor x)
    {
        using var rows = nn.step_rows(null);
        return stack.forward(x);
    }

    // Rows that are not computed are 0; all computed rows are alike here, and not 0 by the seed.
    private static int Used(Tensor y, int slot)
    {
        var sums = y[slot].sum(1).ToArray<float>();
        Assert.NotEqual(0, sums[0]);
        return sums.Count(sum => sum != 0);
    }

    private sealed class Averaged : Module
    {
        public Averaged()
        {
            Weight = register_parameter("weight", ones([2, 3]));
            Average = register_state("average", tensor([7f, 8f, 9f, 10f], [2, 2]));
        }

        public Tensor Weight { get; }

        public Tensor Average { get; }
    }
}
