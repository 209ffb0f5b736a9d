using Vae.Shared.Messages;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Training;
using static Vae.Tests.Training.Engine.PackRuns;
using static Vae.Tests.Training.Engine.SnapshotTests;

namespace Vae.Tests.Training.Engine.Elastic;

public sealed class RestoredOrderTests : TorchTest
{
    [Theory]
    [InlineData(25)]
    [InlineData(StepsPerEpoch)]
    public void Trial_that_an_order_brings_from_a_checkpoint_goes_on_in_a_running_pack_where_it_was(int at)
    {
        using var data = Images();
        var trial = Trials(Architecture.Mlp, OptimizerKind.Adam)[1] with { Index = 5 };
        using var alone = PackTrainer.Of([trial], data, torch.CPU);
        var undisturbed = new Track(alone);
        var snapshot = new PackSnapshot();
        RunUntil(alone, undisturbed, at);
        alone.Save(snapshot);
        alone.Run(new NoAllReduce(), undisturbed, CancellationToken.None);

        using var host = new PackTrainer(2, 4, Trial(9), data, torch.CPU);
        host.Fill(0, Trial(9, steps: 100));
        var track = new Track(host);
        var orders = new SlotOrders();
        track.AfterStep = step =>
        {
            if (step == 10) orders.Add([new SlotOrder(1, SlotOrderKind.Fill, 1, trial, ""), new SlotOrder(2, SlotOrderKind.Close, 0, null, "")], new Dictionary<int, TrialSnapshot> { [5] = snapshot.Find(5)! });
        };
        host.Run(new NoAllReduce(), track, orders, closed: false, CancellationToken.None);

        Assert.Equal(at + 1, track.Losses[5].Keys.First());
        foreach (var (step, loss) in track.Losses[5]) Assert.Equal(undisturbed.Losses[5][step], loss, Math.Abs(loss) * 1e-4);
        Assert.Equal(undisturbed.Ends[5].Step, track.Ends[5].Step);
        Assert.Equal(undisturbed.Evaluations.Where(e => e.Step >= at).Select(e => e.Step), track.Evaluations.Where(e => e.Trial == 5).Select(e => e.Step));
        Assert.Equal(undisturbed.Ends[5].Report!.Elbo, track.Ends[5].Report!.Elbo, Math.Abs(track.Ends[5].Report!.Elbo) * 1e-4);
    }
}
