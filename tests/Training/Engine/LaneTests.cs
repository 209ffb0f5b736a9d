using Vae.Data.Sprites;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Sweeps;
using Vae.Torch;
using Vae.Worker.Collectives;
using Vae.Worker.Engine;
using Vae.Worker.Training;

namespace Vae.Tests.Training.Engine;

public sealed class LaneTests : TorchTest
{
    [Fact]
    public async Task Packs_on_lanes_side_by_side_train_the_bits_that_they_train_alone()
    {
        using var data = PackRuns.Images();
        TrialSpec[][] packs = [[PackRuns.Trial(0, steps: 150), PackRuns.Trial(1, latent: 2, steps: 120)], [PackRuns.Trial(2, steps: 150)], [PackRuns.Trial(3, Architecture.Conv, steps: 60)]];
        var alone = packs.Select(pack => PackRuns.Train(pack, data)).ToList();

        using var lanes = new LanePool();
        var together = await Task.WhenAll(packs.Select(pack => lanes.Take().Do(() =>
        {
            Lane.SetThreads(1, packs.Length);
            return PackRuns.Train(pack, data);
        })));

        foreach (var trial in packs.Zip(alone, together).SelectMany(entry => entry.First.Select(trial => (trial.Index, entry.Second, entry.Third))))
        {
            Assert.Equal(trial.Second.Losses(trial.Index), trial.Third.Losses(trial.Index));
            Assert.Equal(trial.Second.Weights[trial.Index], trial.Third.Weights[trial.Index]);
        }
    }

    [Fact]
    public async Task Lane_that_is_given_back_is_taken_again()
    {
        using var lanes = new LanePool();
        var first = lanes.Take();
        var thread = await first.Do(() => Environment.CurrentManagedThreadId);
        Assert.NotSame(first, lanes.Take());
        lanes.Return(first);

        Assert.Equal(thread, await lanes.Take().Do(() => Environment.CurrentManagedThreadId));
    }

    [Fact]
    public async Task Failing_work_fails_its_caller_and_not_the_lane()
    {
        using var lane = new Lane("test");

        await Assert.ThrowsAsync<TorchException>(() => lane.Do(() => throw new TorchException("boom")));
        Assert.Equal(5, await lane.Do(() => 5));
    }

    [Fact]
    public async Task Each_lane_has_its_own_number_of_threads()
    {
        using var lanes = new LanePool();
        var (one, two) = (lanes.Take(), lanes.Take());
        await one.Do(() => Lane.SetThreads(1, lanes: 2));
        await two.Do(() => Lane.SetThreads(2, lanes: 2));

        Assert.Equal((1, 1), await one.Do(() => (TorchProcess.Facts.Threads, TorchProcess.Facts.BlasThreads)));
        Assert.Equal((2, 1), await two.Do(() => (TorchProcess.Facts.Threads, TorchProcess.Facts.BlasThreads)));
    }

    [Fact]
    public void Data_set_is_held_once_for_all_who_train_on_it()
    {
        var images = SpriteSource.Make(count: 20, size: 16, seed: 1);
        var (first, second) = (Manifest("a"), Manifest("b"));
        using var shelf = new DataShelf(torch.CPU);

        var one = shelf.Take(first, Binarize.Dynamic, images);
        Assert.Same(one, shelf.Take(first, Binarize.Dynamic, images));
        Assert.NotSame(one, shelf.Take(first, Binarize.None, images));
        shelf.Return(one);
        Assert.Same(one, shelf.Take(first, Binarize.Dynamic, images)); // Still used by one.
        shelf.Return(one);
        shelf.Return(one);
        Assert.Same(one, shelf.Take(first, Binarize.Dynamic, images)); // The last one given back is kept,
        shelf.Return(one);
        var other = shelf.Take(second, Binarize.Dynamic, images); // until there is another.
        shelf.Return(other);
        Assert.NotSame(one, shelf.Take(first, Binarize.Dynamic, images));
    }

    private static DatasetManifest Manifest(string fingerprint) => new()
    {
        Fingerprint = fingerprint, Source = "sprites", Count = 20, Channels = 1, Height = 16, Width = 16, HasLabels = false, Classes = 0, HeldOut = 5, ShardRows = 20, Shards = [],
    };
}
